/*
 * The load engine: drives HTTP requests at a service and says what came of them. One thread a core
 * with an epoll loop of its own; threads share nothing while they measure. Closed loop in this cut:
 * `connections` virtual users, each sends its next request when the answer to the last is whole.
 *
 * Counting is exact: started = finished + errors of transport + unfinished, and each answer is
 * counted once. A request is started when its user turns to it: where a connection must be opened
 * first, that belongs to it, and a refused connection is a failed request. Failed requests (errors
 * by kind, statuses outside 2xx and 3xx) are never part of the rate or of the latency.
 */
#ifndef CULPRIT_LOAD_LOAD_H
#define CULPRIT_LOAD_LOAD_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/str.h"
#include "stats/hist.h"

/* name in JSON and CSV, what a reader is told */
#define LOAD_ERRORS(X)                                                                             \
	X(REFUSED, "refused", "connection refused")                                                \
	X(CONNECT, "connect", "could not connect (unreachable, out of ports or files)")            \
	X(RESET, "reset", "connection reset")                                                      \
	X(CLOSED, "closed", "connection closed before any answer")                                 \
	X(TRUNCATED, "truncated", "connection closed in the middle of an answer")                  \
	X(TIMEOUT, "timeout", "no whole answer in time")                                           \
	X(MALFORMED, "malformed", "the answer is not HTTP")                                        \
	X(STATUS, "status", "a status outside 2xx and 3xx")

enum load_error {
#define X(name, word, text) LOAD_##name,
	LOAD_ERRORS(X)
#undef X
		LOAD_N_ERRORS
};

extern const char *const LOAD_ERROR_WORDS[LOAD_N_ERRORS];
extern const char *const LOAD_ERROR_TEXTS[LOAD_N_ERRORS];

/* What to do. LOAD_OPTIONS fills it from a command line or from `load:` of a study file. */
struct load_spec {
	const char *url;
	const char *method;      /* GET */
	struct opt_list headers; /* "Name: value" */
	const char *body;        /* or NULL */
	int64_t connections;     /* 50 */
	int64_t threads;         /* 0: one a core, at most one a connection */
	uint64_t duration_ns;    /* of the measurement, after the warm-up; 10 s */
	uint64_t warmup_ns;      /* before it, not counted in rate and latency; 0 */
	uint64_t timeout_ns;     /* of one request, from its send; 10 s */
	uint64_t drain_ns;       /* at the end, wait so long for answers under way; 2 s */
	int64_t requests;        /* start exactly so many, whatever the duration; 0: by duration */
	bool keepalive;          /* true; false: one request a connection */
};

#define LOAD_SPEC_INIT                                                                             \
	{                                                                                          \
		.method = "GET", .connections = 50, .duration_ns = UINT64_C(10000000000),          \
		.timeout_ns = UINT64_C(10000000000), .drain_ns = UINT64_C(2000000000),             \
		.keepalive = true                                                                  \
	}

extern const struct opt LOAD_OPTIONS[];
void load_spec_init(struct load_spec *spec); /* LOAD_SPEC_INIT */

/* What is known while it runs: totals since the start, for progress. */
struct load_tick {
	double elapsed_s, total_s; /* total: warm-up + duration, or NaN with a fixed number */
	bool warming;
	uint64_t completed, errors, requests_wanted; /* wanted: 0 with a duration */
	double rate;                                 /* completed a second, over the last tick */
};

struct load_hooks {
	/* about 10 times a second; or NULL */
	void (*tick)(void *arg, const struct load_tick *tick);
	void *arg;
	const atomic_bool *stop; /* set by a signal handler: ends early, keeps what was measured */
};

/* One second of the measurement; the last one may be shorter. NaN where nothing was completed. */
struct load_second {
	uint64_t completed, errors;
	double mean_latency_s, p99_s;
};

struct load_result {
	/* whole run, warm-up and drain included: these equal the server's own counts;
	 * started = finished + errors of transport + unfinished */
	uint64_t started, finished, unfinished;
	uint64_t connects; /* connections opened */
	uint64_t bytes_in, bytes_out;
	/* the measured window only */
	double seconds;     /* its true length */
	uint64_t completed; /* answers with 2xx or 3xx whose last byte came within it */
	double requests_per_second;
	uint64_t errors[LOAD_N_ERRORS]; /* by kind, in the window */
	uint64_t n_errors;
	uint64_t status[600];     /* answers by status, in the window */
	uint64_t status_all[600]; /* and in the whole run */
	uint64_t errors_all[LOAD_N_ERRORS];
	struct hist latency; /* of completed, from first byte sent to last received */
	struct hist connect; /* time to connect, of the whole run */
	struct load_second *series;
	size_t n_series;
	double cpu_seconds;  /* of culprit's threads, whole run */
	double busiest_core; /* share of one core that the busiest thread used: near 1, the engine
				was the bottleneck */
	unsigned threads;
	bool stopped; /* ended early by `stop` */
};

/* ERR_USAGE for a spec that makes no sense, ERR_SERVICE where nothing can be reached. A run in
 * which every request failed is a result, not an error. Release with load_result_release(). */
int load_run(const struct load_spec *spec, const struct load_hooks *hooks, struct load_result *out,
	struct err *err);
void load_result_release(struct load_result *r);

/* Failed requests of all that ended in the window, 0 … 1; 0 where none ended. */
double load_error_fraction(const struct load_result *r);

/* The documented form (docs/load.md), histograms included; what was asked is its member "asked". */
json_t *load_to_json(const struct load_spec *spec, const struct load_result *r);
int load_from_json(struct load_result *out, const json_t *json, struct err *err);

/* The series, a row a second: second, completed, errors, mean_latency_ms, p99_ms. */
void load_to_csv(struct str *out, const struct load_result *r);

/* The member "asked" alone. Reading borrows its texts from the JSON; free out->headers.items. */
json_t *load_spec_to_json(const struct load_spec *spec);
int load_spec_from_json(struct load_spec *out, const json_t *asked, struct err *err);

#endif

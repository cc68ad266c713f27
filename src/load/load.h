/*
 * The load engine: drives HTTP requests at a service and says what came of them. One thread a core
 * with an epoll loop of its own; threads share nothing while they measure.
 *
 * Closed loop: `connections` virtual users, each sends its next request when the answer to the last
 * is whole. Open loop: requests start when a schedule says so (--rate, --stages), whether or not
 * the service keeps up; the users are then only those who carry them.
 *
 * A request has an intended start: in the open loop the schedule's, in the closed loop the moment
 * at which its user was free (and had thought). Latency counts from there, so that neither a
 * stalled service nor a late engine hides waiting (coordinated omission); it is kept from the real
 * send too.
 *
 * Counting is exact: started = finished + errors of transport + unfinished, and each answer is
 * counted once. A request is started when its user turns to it: where a connection must be opened
 * first, that belongs to it, and a refused connection is a failed request. Failed requests (errors
 * by kind, statuses that were not expected, checks that did not hold) are never part of the rate or
 * of the latency; only timeouts are in the latency, at the value that they had when it was given
 * up.
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
#include "stats/steady.h"

/* name in JSON and CSV, what a reader is told */
#define LOAD_ERRORS(X)                                                                             \
	X(REFUSED, "refused", "connection refused")                                                \
	X(CONNECT, "connect", "could not connect (unreachable, out of ports or files)")            \
	X(TLS, "tls", "the TLS handshake failed")                                                  \
	X(RESET, "reset", "connection or stream reset")                                            \
	X(CLOSED, "closed", "connection closed before any answer")                                 \
	X(TRUNCATED, "truncated", "connection closed in the middle of an answer")                  \
	X(TIMEOUT, "timeout", "no whole answer in time")                                           \
	X(UNSENT, "unsent", "no connection was free within the timeout, so it was never sent")     \
	X(MALFORMED, "malformed", "the answer is not HTTP")                                        \
	X(STATUS, "status", "a status outside 2xx and 3xx, or not the one that was expected")      \
	X(CHECK, "check", "the answer did not hold what the scenario checks")

enum load_error {
#define X(name, word, text) LOAD_##name,
	LOAD_ERRORS(X)
#undef X
		LOAD_N_ERRORS
};

extern const char *const LOAD_ERROR_WORDS[LOAD_N_ERRORS];
extern const char *const LOAD_ERROR_TEXTS[LOAD_N_ERRORS];

/* How arrivals of the open loop are spaced. */
enum load_arrivals { LOAD_CONSTANT, LOAD_POISSON };
extern const char *const LOAD_ARRIVALS[]; /* "constant", "poisson" */

/* How rows of data, and requests of a mix, are drawn: at random; one after the other; by a
 * low-discrepancy sequence, so that every stretch holds nearly the right shares. */
enum load_order { LOAD_RANDOM, LOAD_IN_ORDER, LOAD_SPREAD };
extern const char *const LOAD_ORDERS[]; /* "random", "in-order", "spread" */

/* "1.1"; "2": by ALPN over TLS, with prior knowledge without; "auto": 2 where ALPN gives it. */
enum load_http { LOAD_HTTP_1_1, LOAD_HTTP_2, LOAD_HTTP_AUTO };
extern const char *const LOAD_HTTPS[];

/* What to do. LOAD_OPTIONS fills it from a command line or from `load:` of a study file. */
struct load_spec {
	/* what is requested */
	const char *url;         /* the first; others may be relative to it */
	struct opt_list targets; /* further ones: "[Nx ][METHOD ]URL", N the weight */
	const char *urls_file;   /* such a line a row; or NULL */
	const char *har_file;    /* an HTTP archive, its requests in order; or NULL */
	const char *scenario;    /* a scenario file; or NULL */
	const char *method;      /* of those that name none; NULL: see load_spec_method() */
	struct opt_list headers; /* "Name: value" */
	const char *body;        /* or NULL */
	const char *body_file;   /* or NULL */
	struct opt_list form;    /* "name=value": a form's body */
	const char *data_file;   /* CSV: a row is drawn for each request, {column} filled in */
	int order;               /* enum load_order, of data and mix; LOAD_RANDOM */
	int64_t seed;            /* 1 */
	/* how much of it */
	int64_t connections;  /* 50 */
	int64_t pipeline;     /* requests under way on one connection; 1 */
	int64_t threads;      /* 0: one a core, at most one a connection */
	uint64_t duration_ns; /* of the measurement, after the warm-up; 10 s; OPT_AUTO_NS: until
				 the rate (open loop: the mean latency) is known to `precision`, by
				 the rule in stats/enough.h */
	double precision;     /* relative half width of the 95 % interval; .05 */
	uint64_t min_duration_ns, max_duration_ns; /* of a window by rule; 1 s, 30 s */
	uint64_t warmup_ns;  /* before it, not counted in rate and latency; OPT_AUTO_NS: as much of
				the duration is left out as the rule says (stats/steady.h) */
	uint64_t timeout_ns; /* of one request, from its send; 10 s */
	uint64_t drain_ns;   /* at the end, wait so long for answers under way; 2 s */
	int64_t requests;    /* start exactly so many, whatever the duration; 0: by duration */
	double rate;        /* open loop: requests a second (of a scenario: its turns); 0: closed */
	int arrivals;       /* enum load_arrivals */
	const char *stages; /* open loop: "10s:100,30s:100-2000": hold, ramp; or NULL */
	/* how it travels */
	int http;                        /* enum load_http */
	bool keepalive;                  /* true; false: one request a connection */
	int64_t requests_per_connection; /* then it is closed; 0: no limit */
	const char *unix_socket;         /* path: connect there, whatever the URL's host; or NULL */
	struct opt_list sources;         /* addresses to connect from, by turns */
	bool expect;                     /* send bodies after 100 Continue */
	bool insecure;                   /* do not verify the certificate */
	const char *ca_file, *cert_file, *key_file, *server_name; /* or NULL */
	bool tls_resume;                 /* true: resume sessions on new connections */
	struct load_scenario_file *file; /* what load_spec_prepare() read; NULL before */
};

#define LOAD_SPEC_INIT                                                                             \
	{                                                                                          \
		.connections = 50, .pipeline = 1, .seed = 1, .duration_ns = UINT64_C(10000000000), \
		.warmup_ns = OPT_AUTO_NS, .precision = .05,                                        \
		.min_duration_ns = UINT64_C(1000000000), .max_duration_ns = UINT64_C(30000000000), \
		.timeout_ns = UINT64_C(10000000000), .drain_ns = UINT64_C(2000000000),             \
		.keepalive = true, .tls_resume = true                                              \
	}

extern const struct opt LOAD_OPTIONS[];
void load_spec_init(struct load_spec *spec); /* LOAD_SPEC_INIT */
/* What is asked with where nothing else is said: GET, or POST where there is a body. */
const char *load_spec_method(const struct load_spec *spec);
/* Its lists and what was prepared; other texts are borrowed. */
void load_spec_release(struct load_spec *spec);

/* Reads the scenario file, where there is one, and takes over what it says of the load. load_run()
 * does so for a spec that was not prepared; a caller who wants to show what is run does it before.
 */
int load_spec_prepare(struct load_spec *spec, struct err *err);

/* One second of the measurement; the last one may be shorter, and in a long run each entry stands
 * for 2, 4, … of them (then percentiles are the larger of those joined). NaN where nothing ended.
 */
struct load_second {
	double start_s, seconds; /* from the start of the window; length */
	uint64_t completed, errors;
	uint64_t started;
	double asked_rate; /* by the schedule, at its middle; NaN in the closed loop */
	double mean_latency_s, p50_s, p99_s, max_s;
	double late_p99_s; /* how late requests were sent; NaN in the closed loop */
};

/* What is known while it runs, for progress. */
struct load_tick {
	double elapsed_s, total_s; /* total: warm-up + duration (the longest, where it is by rule),
				      or NaN with a fixed number */
	bool warming;              /* in a warm-up of fixed length */
	uint64_t started, completed, errors; /* since the start */
	uint64_t under_way;
	uint64_t requests_wanted;       /* 0 with a duration */
	double rate;                    /* completed a second, over the last tick */
	double asked_rate;              /* now; NaN in the closed loop */
	size_t stage, n_stages;         /* from 0; n 0 without stages */
	const struct load_second *last; /* the newest whole second, or NULL */
};

struct load_hooks {
	/* about 10 times a second; or NULL */
	void (*tick)(void *arg, const struct load_tick *tick);
	/* each second of the window, in order, once it is whole, with its latencies; or NULL. Both
	 * are called in the thread that called load_run(). */
	void (*second)(void *arg, const struct load_second *s, const struct hist *latency);
	void *arg;
	const atomic_bool *stop; /* set by a signal handler: ends early, keeps what was measured */
};

/* Of one URL of a mix, or one step of a scenario, in the window. */
struct load_target {
	char *name; /* "GET /path", or the step's name */
	uint64_t completed, n_errors, errors[LOAD_N_ERRORS];
	double requests_per_second;
	struct hist latency; /* counts is NULL beyond the first LOAD_TARGETS_TIMED targets, and then
				only n, min, max and the sums hold */
};

enum { LOAD_TARGETS_TIMED = 32 };

/* A check of a scenario, over the whole run. */
struct load_check_result {
	char *name; /* "login: status 200" */
	uint64_t passed, failed;
};

/* How it ended: word in JSON. */
#define LOAD_ENDINGS(X)                                                                            \
	X(ASKED, "asked")     /* after the time, or the number, that was asked for */              \
	X(PRECISE, "precise") /* by rule: it is known as precisely as was wanted */                \
	X(LONGEST, "longest") /* by rule: it is not, and no more time was allowed */               \
	X(STOPPED, "stopped") /* early, by `stop` */

enum load_ending {
#define X(name, word) LOAD_ENDED_##name,
	LOAD_ENDINGS(X)
#undef X
		LOAD_N_ENDINGS
};

extern const char *const LOAD_ENDING_WORDS[LOAD_N_ENDINGS];

/* What limited the run, where that was not the service. */
enum load_limit {
	LOAD_LIMIT_NONE,
	LOAD_LIMIT_CPU,   /* a thread of the engine had its core full */
	LOAD_LIMIT_LATE,  /* open loop: connections were free, yet requests went out late */
	LOAD_LIMIT_USERS, /* open loop: all connections were busy, requests had to wait for one */
};

struct load_result {
	/* whole run, warm-up and drain included: these equal the server's own counts;
	 * started = finished + errors of transport + unfinished */
	uint64_t started, finished, unfinished;
	uint64_t connects;            /* connections opened */
	uint64_t handshakes, resumed; /* of TLS; those of them that resumed a session */
	uint64_t bytes_in, bytes_out; /* as they travel, within TLS */
	/* the measured window only */
	double warmup_s;    /* left out before it */
	bool warmup_ruled;  /* by the rule, not by the user */
	double seconds;     /* its true length */
	uint64_t completed; /* answers with an expected status whose last byte came within it */
	double requests_per_second;
	struct steady steady;           /* is the rate's own interval known, was it steady? Where
					   it ended PRECISE, the interval is what was wanted, or wider */
	uint64_t errors[LOAD_N_ERRORS]; /* by kind, in the window */
	uint64_t n_errors;
	uint64_t status[600];     /* answers by status, in the window */
	uint64_t status_all[600]; /* and in the whole run */
	uint64_t errors_all[LOAD_N_ERRORS];
	struct hist latency; /* from the intended start to the last byte: completed, and timeouts */
	struct hist from_send;  /* from the real send: the same requests */
	struct hist first_byte; /* of completed: from the real send to the first byte */
	struct hist connect;    /* until TCP stood, whole run */
	struct hist tls;        /* handshakes, whole run */
	struct hist late;       /* open loop: real send behind the intended start, or behind the
				   moment when a connection was free where none was at the start */
	uint64_t waited;        /* open loop: requests that found no connection free */
	struct load_second *series;
	size_t n_series;
	uint64_t zero_ns; /* CLOCK_MONOTONIC where start_s of the series is 0; 0: read from JSON */
	struct load_target *targets; /* where there is more than one */
	size_t n_targets;
	struct load_check_result *checks;
	size_t n_checks;
	double cpu_seconds;  /* of culprit's threads, whole run */
	double busiest_core; /* share of one core that the busiest thread used: near 1, the engine
				was the bottleneck */
	unsigned threads;
	enum load_ending ended;
	bool stopped;                         /* ended early by `stop` */
	char protocol[16];                    /* what was spoken: "HTTP/1.1", "h2" */
	char tls_version[16], tls_cipher[48]; /* or "" */
	char why[256];       /* why the first TLS handshake that failed did, or "" */
	char malformed[160]; /* what was wrong with the first answer that was malformed, or "" */
};

/* ERR_USAGE for a spec that makes no sense, ERR_SERVICE where nothing can be reached. A run in
 * which every request failed is a result, not an error. Release with load_result_release(). */
int load_run(const struct load_spec *spec, const struct load_hooks *hooks, struct load_result *out,
	struct err *err);
void load_result_release(struct load_result *r);

/* Failed requests of all that ended in the window, 0 … 1; 0 where none ended. */
double load_error_fraction(const struct load_result *r);

/* Whether the engine, or the number of connections, was the limit. */
enum load_limit load_limit(const struct load_result *r);

/* The documented form (docs/load.md), histograms included; what was asked is its member "asked". */
json_t *load_to_json(const struct load_spec *spec, const struct load_result *r);
int load_from_json(struct load_result *out, const json_t *json, struct err *err);

/* The series, a row a second. */
void load_to_csv(struct str *out, const struct load_result *r);

/* The member "asked" alone; its "files" are those that say what is requested: bytes, SHA-256, and
 * the text of a scenario up to 64 KiB. They are read for it. Reading borrows its texts from the
 * JSON; load_spec_release() after. */
json_t *load_spec_to_json(const struct load_spec *spec);
int load_spec_from_json(struct load_spec *out, const json_t *asked, struct err *err);

#endif

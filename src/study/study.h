/*
 * A study: what a study file says (struct study), and running its trials. The one orchestrator: it
 * starts the service, applies the levers, drives the load, and has each trial in the store before
 * the next begins.
 */
#ifndef CULPRIT_STUDY_STUDY_H
#define CULPRIT_STUDY_STUDY_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "design/design.h"
#include "learn/confirm.h"
#include "learn/dataset.h"
#include "load/load.h"
#include "store/store.h"

/* Where a lever takes hold: on the requests (setting.c), on how the service is started (a change
 * needs a restart; setting.c, fleet.c), or on the service as it runs (live.c). */
enum lever_hold { HOLD_LOAD, HOLD_START, HOLD_LIVE };

/* word in a study file, where it takes hold, what its target is called, what it does */
#define STUDY_LEVERS(X)                                                                            \
	X(QUERY, "query", LOAD, "parameter", "a query parameter of the URL")                       \
	X(PATH, "path", LOAD, NULL, "{name} in the URL's path")                                    \
	X(HEADER, "header", LOAD, "header", "a request header")                                    \
	X(BODY, "body", LOAD, NULL, "{name} in the request's body")                                \
	X(LOAD, "load", LOAD, "option", "an option of the load: connections, rate, …")             \
	X(NONE, "none", LOAD, NULL, "nothing: what cannot matter, to see how noise looks")         \
	X(ENV, "env", START, "variable", "an environment variable of the service")                 \
	X(ARG, "arg", START, NULL, "{name} in the service's command")                              \
	X(REPLICAS, "replicas", START, NULL, "copies of the service behind a balancer")            \
	X(WORKERS, "gunicorn-workers", LIVE, NULL, "worker processes, by SIGTTIN and SIGTTOU")     \
	X(PROXY, "proxy", LIVE, "listen", "latency and the like of a dependency, by a TCP proxy")  \
	X(QUOTA, "cpu-quota", LIVE, NULL, "cores' worth of CPU time, by a cgroup")                 \
	X(MEMORY, "memory-limit", LIVE, NULL, "memory, by a cgroup")                               \
	X(CORES, "cores", LIVE, NULL, "which cores it may run on")

enum study_lever {
#define X(name, ...) LEVER_##name,
	STUDY_LEVERS(X)
#undef X
		STUDY_N_LEVERS
};

extern const char *const STUDY_LEVER_WORDS[]; /* ends with NULL */
extern const enum lever_hold STUDY_LEVER_HOLDS[];
extern const char *const STUDY_LEVER_TARGETS[]; /* NULL: always the factor's own name */

/* What a proxy lever varies. */
enum proxy_shape { PROXY_LATENCY, PROXY_JITTER, PROXY_SIGMA, PROXY_BANDWIDTH, PROXY_DROP };
extern const char *const PROXY_SHAPES[]; /* "latency", …; ends with NULL */

/* Texts of a study are all in its pool. */
struct factor {
	char *name;
	enum study_lever lever;
	char *target;   /* parameter, header, variable, option, address; by default its name */
	char *upstream; /* of a proxy: "host:port" */
	enum proxy_shape shape; /* of a proxy */
	double low, high;       /* a range … */
	bool whole;    /* … of whole numbers, where both ends are written as such and step is 1 */
	char *unit;    /* written behind the value: "ms"; "" else */
	char **values; /* … or a list of values that ends with NULL; else NULL */
	size_t n_values;
	bool words;  /* some of the values are no numbers */
	size_t line; /* in the study file */
};

struct study {
	char *path, *title;
	char *command; /* NULL where the service runs already */
	char *ready;   /* URL, or NULL: a connection is enough */
	char *folder;  /* that the command runs in: the study file's, unless it says another */
	char **env;    /* "NAME=value" for the command, ends with NULL; or NULL */
	uint64_t ready_timeout_ns, stop_timeout_ns;
	struct load_spec load; /* its texts belong to the study */
	char *response;        /* one of STUDY_RESPONSES */
	struct factor *factors;
	size_t n_factors;
	enum design_sampler sampler;
	size_t trials;     /* at most, where `automatic` */
	bool automatic;    /* trials: auto: until the ranking is settled */
	double confidence; /* of that; .95 */
	bool profile;      /* the service, while each trial runs */
	size_t confirm;    /* pairs of trials in each of two settings, at the end; 0: none */
	uint64_t seed;
	char *key; /* hash of all that could change the trials: finds the run to resume */
	char **pool;
	size_t n_pool, pool_cap;
};

/* Responses that a trial has: name, unit, what it is. */
#define STUDY_RESPONSES(X)                                                                         \
	X("requests_per_second", "requests/s", "answers with 2xx or 3xx a second")                 \
	X("mean_latency_ms", "ms", "mean time from send to the whole answer")                      \
	X("p50_ms", "ms", "median latency")                                                        \
	X("p90_ms", "ms", "90th percentile of latency")                                            \
	X("p99_ms", "ms", "99th percentile of latency")                                            \
	X("max_ms", "ms", "longest latency")                                                       \
	X("cpu_ms_per_request", "ms", "CPU time of the service for one answer")                    \
	X("peak_memory_mb", "MB", "most resident memory of the service, all processes")            \
	X("switches_per_request", "switches", "context switches of the service for one answer")    \
	X("error_percent", "%", "requests that failed")

/*
 * Reads a study file ("-": standard input; docs/study-files.md). ERR_USAGE names file and line,
 * what is wrong, the nearest right name and what is allowed. Release in any case.
 */
int study_read(struct study *out, const char *path, struct err *err);
/* The same on bytes in memory; `path` stands in messages, and its folder is the service's. */
int study_read_bytes(
	struct study *out, const char *path, const char *data, size_t len, struct err *err);
void study_release(struct study *s);

/* After a change from outside (the command line's --trials): whether it still makes sense, and the
 * key that belongs to it. */
int study_check(struct study *s, struct err *err);
/* Whether there are trials enough to rank its factors: not asked of a table of all settings. */
int study_check_trials(const struct study *s, struct err *err);

/* All of it, as it is stored: the "spec" of the run. */
json_t *study_to_json(const struct study *s);

/* A text that lives as long as the study. */
char *study_keep(struct study *s, const char *text);

/* The value of a factor at u in [0, 1]: as it is sent, without the unit, and as JSON (a new
 * reference): a number, or a word. Both are the same number. */
void factor_value(const struct factor *f, double u, struct str *text, json_t **value);

/* While it runs. */
struct study_tick {
	size_t trial, trials; /* trial under way, from 1 */
	size_t done, failed;
	const char *setting;          /* "fraction_io_bound=0.22 mean_response_time=0.41 …" */
	const char *phase;            /* "starting the service", "warming up", "measuring" */
	double rate;                  /* so far in this trial, requests/s */
	double eta_s;                 /* NaN while it is not known */
	const struct trial *finished; /* set once for each trial that ended, else NULL */
	const char *sentence;         /* what is open still, or NULL */
};

struct study_hooks {
	void (*tick)(void *arg, const struct study_tick *tick);
	void *arg;
	const atomic_bool *stop;
	const char *log_path; /* where the service's output goes; NULL: to a file that is removed */
};

/*
 * Runs the trials of `s` that run `run_id` does not have yet. Each goes to the store as it ends.
 * ERR_STOPPED when `stop` was set: the trials so far are kept, the same call goes on. ERR_SERVICE
 * where the service never gets ready or dies again and again. The service is stopped in any case.
 */
int study_run(const struct study *s, struct store *store, int64_t run_id,
	const struct study_hooks *hooks, struct err *err);

/* Trials from this index on are not of the design but of the confirmation. */
enum { STUDY_CONFIRM_BASE = 1 << 24 };
bool study_trial_is_design(const struct trial *t);

/* "requests/s", "ms"; "" for what is none of STUDY_RESPONSES. */
const char *study_response_unit(const char *response);

/* Is a smaller value of this response the better one? Of all but the rate. */
bool study_less_is_better(const char *response);

/*
 * The confirmation (learn/confirm.h) of the factor that ranks first: runs its trials, those that
 * the store does not have yet. Without places where nothing ranks, or s->confirm is 0. Release with
 * confirm_release().
 */
int study_confirm(const struct study *s, struct store *store, int64_t run_id,
	const struct rank_result *rank, const struct study_hooks *hooks, struct confirm *out,
	struct err *err);

/* "Every trial with workers of 6 and more failed, and none with 5 and less.": where one factor
 * alone tells the failed trials from the others; else nothing. */
void study_failures(struct str *out, const struct trial *trials, size_t n);

/* What was saturated in the worst quarter of the trials: {"sentence", "regime", "regimes"}; NULL
 * where too few say. A new reference. */
json_t *study_slow(const struct study *s, const struct trial *trials, size_t n);

/* Which functions grew from the best quarter of the trials to the worst: {"sentence", "functions"};
 * NULL where there are no profiles. A new reference. */
json_t *study_profiled(
	const struct study *s, struct store *store, const struct trial *trials, size_t n);

/* The trials of a run as a table to learn from: those that went well. */
int study_dataset(const struct study *s, const struct trial *trials, size_t n, struct dataset *out,
	struct err *err);

/* The trials as CSV: trial, started, status ("ok" or "failed"), the factors, the responses,
 * connections, note (why it failed). What `find --csv` and `export --csv` print, and `rank` reads.
 */
void study_trials_csv(struct str *out, const struct trial *trials, size_t n);

#endif

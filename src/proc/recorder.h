/*
 * A recording: what a process tree (or a cgroup) uses, every 10 ms. A thread of its own samples;
 * each sample has the time at which it was truly taken, and ticks that were missed are counted.
 * Children that lived for less than a tick are in the totals, through what their parents waited
 * for.
 */
#ifndef CULPRIT_PROC_RECORDER_H
#define CULPRIT_PROC_RECORDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/* name in CSV and JSON; unit; true: a total that grows, shown as a rate; what it is */
#define RECORDER_SERIES(X)                                                                         \
	X(CPU, "cpu", "s", true, "CPU time of the tree, ended children included")                  \
	X(USER, "cpu_user", "s", true, "of it in user mode")                                       \
	X(SYSTEM, "cpu_system", "s", true, "of it in the kernel")                                  \
	X(RSS, "rss", "bytes", false, "resident memory, shared pages counted in each process")     \
	X(PSS, "pss", "bytes", false, "proportional memory (only with --pss: it is dear)")         \
	X(PROCESSES, "processes", "", false, "processes alive")                                    \
	X(THREADS, "threads", "", false, "threads alive")                                          \
	X(FILES, "files", "", false, "open files")                                                 \
	X(READ, "disk_read", "bytes", true, "read from disks")                                     \
	X(WRITTEN, "disk_written", "bytes", true, "written to disks")                              \
	X(VOLUNTARY, "switches_voluntary", "", true, "times that a thread waited")                 \
	X(INVOLUNTARY, "switches_involuntary", "", true, "times that a thread was made to wait")   \
	X(FAULTS, "major_faults", "", true, "pages that had to be read")                           \
	X(RX, "net_in", "bytes", true, "received, all interfaces of its network namespace")        \
	X(TX, "net_out", "bytes", true, "sent, all interfaces of its network namespace")           \
	X(RUNNABLE, "runnable", "", false, "its threads that ran or wanted to run")                \
	X(WAITED, "run_queue_wait", "s", true, "time that its threads wanted a core and had none") \
	X(OTHERS, "others_cpu", "s", true, "CPU time of everything else on the machine")           \
	X(STEAL, "steal", "s", true, "taken by the hypervisor, all cores")                         \
	X(PRESSURE, "cpu_pressure", "s", true, "machine: time in which something waited for a core")

enum recorder_series {
#define X(name, word, unit, total, text) RECORD_##name,
	RECORDER_SERIES(X)
#undef X
		RECORD_N_SERIES
};
extern const char *const RECORDER_WORDS[RECORD_N_SERIES], *const RECORDER_UNITS[RECORD_N_SERIES];
extern const char *const RECORDER_TEXTS[RECORD_N_SERIES];
extern const bool RECORDER_IS_TOTAL[RECORD_N_SERIES];

struct recorder_spec {
	pid_t root;           /* the tree below it, itself included; 0: none, with a cgroup */
	const char *cgroup;   /* its path below the cgroup file system, or NULL */
	bool exclude_root;    /* the root is only the keeper */
	uint64_t interval_ns; /* 10 ms */
	bool pss;
};

/* Rows in time order. Memory is bounded: past RECORDING_MAX rows every second one is left out and
 * the interval doubles (totals lose nothing by that). NaN where a value is not known. */
enum { RECORDING_MAX = 360000 };
struct recording {
	uint64_t start_ns;              /* CLOCK_MONOTONIC of time 0 */
	double *time_s;                 /* n: when the sample was truly taken */
	double *value[RECORD_N_SERIES]; /* n each; NULL: not recorded */
	size_t n, cap;
	double interval_s;
	uint64_t missed;  /* ticks for which no sample was taken */
	double own_cpu_s; /* what the recorder itself used */
	uint64_t
		short_lived; /* processes that came and went between two samples, as far as known */
	bool ended;          /* the tree ended by itself */
};

struct recorder;
int recorder_start(struct recorder **out, const struct recorder_spec *spec, struct err *err);
/* The newest sample's values (RECORD_N_SERIES) and time, for a live view; false: none yet. */
bool recorder_latest(struct recorder *r, double *time_s, double *values);
bool recorder_ended(const struct recorder *r); /* nothing is left of the tree */
/* Takes a last sample, ends the thread, hands the recording over. */
void recorder_stop(struct recorder *r, struct recording *out);
void recording_release(struct recording *r);

/* What a reader wants first: of a total its mean rate, else mean; the largest; from t0 to t1 (NaN:
 * all). */
struct recording_summary {
	double mean, max, total; /* total: growth of a total between t0 and t1 */
};
void recording_summarise(const struct recording *r, enum recorder_series s, double t0_s,
	double t1_s, struct recording_summary *out);

/* A row a sample; JSON with the series as arrays (docs/watch.md). */
void recording_to_csv(struct str *out, const struct recording *r);
json_t *recording_to_json(const struct recording *r);
int recording_from_json(struct recording *out, const json_t *json, struct err *err);

#endif

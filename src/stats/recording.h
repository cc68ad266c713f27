/*
 * A recording: what a process tree (or a cgroup) used over time, a row a sample (proc/recorder.h
 * makes them). Here is what can be known of one without a system call: summaries, CSV, JSON.
 */
#ifndef CULPRIT_STATS_RECORDING_H
#define CULPRIT_STATS_RECORDING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
	X(RUNNABLE, "runnable", "", false, "its threads that ran or wanted to run, on average")    \
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

/* Rows in time order. Memory is bounded: past RECORDING_MAX rows every second one is left out and
 * the interval doubles (totals lose nothing by that). NaN where a value is not known, or was not
 * read in this row: what is dear to read is read ten times a second only. Totals are 0 in the first
 * row. */
enum { RECORDING_MAX = 360000 };
struct recording {
	uint64_t start_ns;              /* CLOCK_MONOTONIC of time 0 */
	double *time_s;                 /* n: when the sample was truly taken */
	double *value[RECORD_N_SERIES]; /* n each; NULL: not recorded */
	size_t n, cap;
	double interval_s;
	uint64_t missed;  /* ticks for which no sample was taken */
	double own_cpu_s; /* what the recorder itself used */
	/* Process and thread numbers that the machine gave out and that were free again at the next
	 * sample: at most so many of the tree's came and went unseen (their CPU is in the totals).
	 */
	uint64_t short_lived;
	uint32_t denied; /* bit 1 << series: not known, for want of rights */
	bool ended;      /* the tree ended by itself */
};

void recording_release(struct recording *r);

/* Adds a row. A series that was never known stays NULL. */
void recording_add(struct recording *r, double time_s, const double values[RECORD_N_SERIES]);

/* Leaves every second row out, again and again, until there are at most `most` (≥ 4); of two rows
 * the one stays in which more is known. First and last row stay. */
void recording_thin(struct recording *r, size_t most);

/* What a reader wants first: of a total its mean rate, else mean; the largest; from t0 to t1 (NaN:
 * all). A rate's maximum is over RECORDING_RATE_S at least, since one tick is mostly noise. */
#define RECORDING_RATE_S .1
struct recording_summary {
	double mean, max, total; /* total: growth of a total between t0 and t1 */
};
void recording_summarise(const struct recording *r, enum recorder_series s, double t0_s,
	double t1_s, struct recording_summary *out);

/* `points` values over the whole recording, for a curve: of a total its rate, else the mean, within
 * each of so many equal slices of time; NaN where nothing is known. x may be NULL. */
void recording_curve(
	const struct recording *r, enum recorder_series s, size_t points, double *x, double *y);

/* A row a sample; JSON with the series as arrays (docs/watch.md). */
void recording_to_csv(struct str *out, const struct recording *r);
json_t *recording_to_json(const struct recording *r);
int recording_from_json(struct recording *out, const json_t *json, struct err *err);

#endif

/*
 * The recorder: samples what a process tree (or a cgroup) uses, every 10 ms. A thread of its own
 * samples; each sample has the time at which it was truly taken, and ticks that were missed are
 * counted. Children that lived for less than a tick are in the totals, through what their parents
 * waited for. What comes of it is a struct recording (stats/recording.h).
 */
#ifndef CULPRIT_PROC_RECORDER_H
#define CULPRIT_PROC_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "stats/recording.h"

struct recorder_spec {
	/* The tree below it, itself included; 0: none, with a cgroup. This process itself (with
	 * exclude_root): its children; those that it has waited for count exactly, by getrusage().
	 */
	pid_t root;
	const char *cgroup;   /* its path below the cgroup file system, or NULL */
	bool exclude_root;    /* the root is only the keeper */
	uint64_t interval_ns; /* 10 ms; at least RECORDER_MIN_NS */
	bool pss;
};

#define RECORDER_MIN_NS     UINT64_C(1000000)
#define RECORDER_DEFAULT_NS UINT64_C(10000000)

struct recorder;
int recorder_start(struct recorder **out, const struct recorder_spec *spec, struct err *err);
/* The newest known values (RECORD_N_SERIES) and the time of the newest sample, for a live view;
 * false: none yet. */
bool recorder_latest(struct recorder *r, double *time_s, double *values);
bool recorder_ended(const struct recorder *r); /* there was something, and nothing is left of it */
/* Takes a last sample, ends the thread, hands the recording over. */
void recorder_stop(struct recorder *r, struct recording *out);

#endif

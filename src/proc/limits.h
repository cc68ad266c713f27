/*
 * What a service may use: CPU time (a quota), memory, and which cores. By cgroups (v2, or v1) where
 * this machine lets culprit make one; cores by affinity where it does not. What cannot be done is
 * refused in one sentence that says what is missing, before anything is measured.
 *
 * Version 2 gives controllers to the children of a group only while no process is in the group
 * itself. Where culprit's own group must pass one on, culprit moves itself, and what it started,
 * into a leaf of its own ("culprit-<pid>-0") beside the service's group, and back at the end. It
 * moves nobody else: where others are in its group it refuses, and names them and the mend.
 *
 * Groups are called "culprit-<pid>-<n>". What a culprit that was killed left behind is removed by
 * the next limits_open() in the same place. One at a time in a process.
 */
#ifndef CULPRIT_PROC_LIMITS_H
#define CULPRIT_PROC_LIMITS_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct limits;

/* Makes a cgroup of culprit's own below the one that it is in. ERR_SYSTEM says why it cannot (no
 * cgroup file system, no right to write, controllers not enabled) and what to do. Only what is in
 * `needs` must be possible. */
enum limits_needs { LIMITS_CPU = 1, LIMITS_MEMORY = 2, LIMITS_ACCOUNTS = 4 };
int limits_open(struct limits **out, unsigned needs, struct err *err);
/* Removes the group; what is in it goes to the parent. NULL is allowed. */
void limits_close(struct limits *l);

/* At any time, for all in the group at once. cpus: of the machine's cores, .01 …; 0: no limit.
 * bytes 0: no limit. Read back after writing, and held against the groups above: the value that is
 * in force is the one asked for (memory: to a page), or an error. The quota counts in periods of
 * 100 ms, as docker's and Kubernetes' does: what has used it up waits for the next period. */
int limits_set_cpus(struct limits *l, double cpus, struct err *err);
int limits_set_memory(struct limits *l, uint64_t bytes, struct err *err);

/* The file that a process writes "0" to in order to enter: for the keeper, before it starts the
 * service. With version 1 there may be up to three, a line each. */
const char *limits_procs_path(const struct limits *l);

/* Cores that the processes of a tree may run on ("0-3", "1", "0,2"), children to come included, by
 * sched_setaffinity on every thread. Verified. ERR_USAGE for a text that is none, or cores that are
 * not there. In pin.c. */
int limits_pin(pid_t root, const char *cores, struct err *err);

/* The cores in such a text, each there and online; ERR_USAGE. */
int limits_parse_cores(const char *cores, cpu_set_t *out, struct err *err);

/* CPU seconds used by the group, and how long its threads were throttled (NaN: not known, as
 * without LIMITS_CPU); false where the controller is not there. */
bool limits_cpu(const struct limits *l, double *used_s, double *throttled_s);
uint64_t limits_memory_peak(const struct limits *l); /* bytes; 0: not known */
uint64_t limits_oom_kills(const struct limits *l);

#endif

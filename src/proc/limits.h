/*
 * What a service may use: CPU time (a quota), memory, and which cores. By cgroups (v2, or v1) where
 * this machine lets culprit make one; cores by affinity where it does not. What cannot be done is
 * refused in one sentence that says what is missing, before anything is measured.
 */
#ifndef CULPRIT_PROC_LIMITS_H
#define CULPRIT_PROC_LIMITS_H

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
void limits_close(struct limits *l); /* removes the group; what is in it goes to the parent */

/* At any time, for all in the group at once. cpus: of the machine's cores, .05 …; 0: no limit.
 * bytes 0: no limit. Read back after writing: the value that is in force is the one asked for, or
 * an error. */
int limits_set_cpus(struct limits *l, double cpus, struct err *err);
int limits_set_memory(struct limits *l, uint64_t bytes, struct err *err);

/* The file that a process writes "0" to in order to enter: for the keeper, before it starts the
 * service. */
const char *limits_procs_path(const struct limits *l);

/* Cores that the processes of a tree may run on ("0-3", "1", "0,2"), children to come included, by
 * sched_setaffinity on every thread. Verified. ERR_USAGE for a text that is none, or cores that are
 * not there. */
int limits_pin(pid_t root, const char *cores, struct err *err);

/* CPU seconds used by the group, and how long it was throttled; false where the controller is not
 * there. */
bool limits_cpu(const struct limits *l, double *used_s, double *throttled_s);
uint64_t limits_memory_peak(const struct limits *l); /* bytes; 0: not known */
uint64_t limits_oom_kills(const struct limits *l);

#endif

/* Process trees, from /proc. */
#ifndef CULPRIT_PROC_TREE_H
#define CULPRIT_PROC_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A line of /proc/PID/stat, as far as it is used. CPU times in clock ticks. */
struct proc_stat {
	pid_t pid, parent;
	char state;
	unsigned long long user, system, child_user, child_system;
};

/* False where the process has gone. */
bool proc_stat_read(pid_t pid, struct proc_stat *out);

/* All living processes below root, root left out; *out is freed by the caller. The number of them. */
size_t tree_below(pid_t root, pid_t **out);

#endif

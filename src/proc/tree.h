/*
 * Processes as /proc tells of them: one, or a whole tree. Nothing here is atomic: a process may
 * come or go while it is read, and one that has gone is simply not there.
 */
#ifndef CULPRIT_PROC_TREE_H
#define CULPRIT_PROC_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	pid_t pid, parent, group, session;
	uint64_t start_ticks;  /* since the machine's; tells it from another that gets its number */
	char state;            /* as in /proc/PID/stat: R, S, Z, … */
	double cpu_s;          /* user and system, of all its threads */
	double children_cpu_s; /* of its children that have ended and were waited for, and of theirs
				*/
};

struct process_tree {
	struct process *items; /* the root first, parents before their children */
	size_t n, cap;
};

/* False when there is no such process. */
bool process_read(pid_t pid, struct process *out);
/* The same; false as well for one that has ended and was not waited for yet. */
bool process_lives(pid_t pid, struct process *out);

/* Everything at or below root. `t` starts all zero and keeps its memory from call to call. */
void process_tree_read(struct process_tree *t, pid_t root);
void process_tree_release(struct process_tree *t);

/* The command line, cut to what fits; "[comm]" where it has none, "?" where it cannot be read. */
char *process_command(pid_t pid, char *out, size_t size);

#endif

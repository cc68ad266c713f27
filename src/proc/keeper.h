/*
 * The keeper: the small process between culprit and the service (see service.h). It is forked, not
 * executed, so it needs no file of its own; it holds nothing of culprit's but two pipes.
 */
#ifndef CULPRIT_PROC_KEEPER_H
#define CULPRIT_PROC_KEEPER_H

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

/* What the keeper tells, each at most once. The pipe's end: nothing is left. */
enum keeper_event {
	KEEPER_FAILED = 1, /* could not start it; value: errno, at: what failed */
	KEEPER_STARTED,    /* value: pid of the service's first process */
	KEEPER_ENDED,      /* the first process ended; value: its wait status */
};

enum keeper_step {
	KEEPER_AT_START, /* its folder, a fork, the shell */
	KEEPER_AT_GROUP, /* entering its cgroup */
	KEEPER_AT_CORES, /* being pinned */
};

struct keeper_message {
	int32_t event, value, at;
};

struct keeper_spec {
	const char *command, *folder; /* folder may be NULL */
	char *const *env;             /* whole environment */
	const char *cgroup_procs;     /* to enter first: files of cgroups, a line each; or NULL */
	const cpu_set_t *cores;       /* that it may run on, with all that it starts; or NULL */
	int log;                      /* descriptor for stdout and stderr of the service */
};

struct keeper {
	pid_t pid;
	/* Write a uint64_t: stop the service, and kill what is left after so many nanoseconds.
	 * Close it: kill everything now. */
	int life;
	int events; /* struct keeper_message; non-blocking */
};

/* Forks the keeper, which starts the service. Must be called with one thread only. 0 or −errno. */
int keeper_start(struct keeper *k, const struct keeper_spec *spec);

#endif

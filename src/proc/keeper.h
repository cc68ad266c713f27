/*
 * The keeper: the small process between culprit and the service (see service.h). It is forked, not
 * executed, so it needs no file of its own; it holds nothing of culprit's but two pipes.
 */
#ifndef CULPRIT_PROC_KEEPER_H
#define CULPRIT_PROC_KEEPER_H

#include <stdint.h>
#include <sys/types.h>

/* What the keeper tells, each at most once. The pipe's end: nothing is left. */
enum keeper_event {
	KEEPER_FAILED = 1, /* could not start it (its folder, a fork); value: errno */
	KEEPER_STARTED,    /* value: pid of the service's first process */
	KEEPER_ENDED,      /* the first process ended; value: its wait status */
};

struct keeper_message {
	int32_t event, value;
};

struct keeper_spec {
	const char *command, *folder; /* folder may be NULL */
	char *const *env;             /* whole environment */
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

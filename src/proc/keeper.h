/*
 * The keeper: the small process between culprit and the service. It is a subreaper, so daemons of the
 * service come back to it, and it ends everything below it when culprit's end of the pipe closes.
 */
#ifndef CULPRIT_PROC_KEEPER_H
#define CULPRIT_PROC_KEEPER_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct keeper {
	pid_t pid;        /* of the keeper */
	pid_t service;    /* of the service's first process */
	int orders;       /* culprit writes; closing it means: end all, now */
	int reports;      /* culprit reads: the service's wait status when it has ended */
};

/* Starts the keeper and below it `/bin/sh -c command` with this environment, folder (or NULL) and both
 * outputs in log_fd. */
int keeper_start(struct keeper *k, const char *command, char *const *env, const char *folder,
	int log_fd, struct err *err);

/* The service's wait status: 1 and *status when its first process has ended, 0 while it runs. */
int keeper_poll(struct keeper *k, int *status);

/* SIGTERM to the service's group, SIGKILL to whatever is left after timeout_ns; all are gone when this
 * returns. */
void keeper_stop(struct keeper *k, uint64_t timeout_ns);

#endif

/*
 * Starting and stopping the service under test, so that it cannot outlive culprit. The command runs
 * in a process group of its own below a keeper: a small process between culprit and the service
 * that is a subreaper (daemons come back to it) and holds a pipe from culprit. When culprit ends,
 * however it ends, the pipe closes and the keeper kills everything below it. When the keeper itself
 * is killed, PR_SET_PDEATHSIG takes the service down.
 */
#ifndef CULPRIT_PROC_SERVICE_H
#define CULPRIT_PROC_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct service_spec {
	const char *command; /* run by /bin/sh -c, which a simple command replaces (dash, bash) */
	const char *const *env; /* "NAME=value" to add or replace, ends with NULL; or NULL */
	const char *folder;     /* to run in; NULL: here */
	const char *ready;      /* URL that answers 2xx when the service is ready; NULL: a TCP
				   connection to the host and port of `url` is enough */
	const char *url;        /* what will be requested from it; looked at when ready is NULL */
	uint64_t ready_timeout_ns;
	uint64_t stop_timeout_ns; /* between SIGTERM and SIGKILL */
	const char *log_path; /* its stdout and stderr go here, from the start of the file; the tail
				 is shown on failure */
	/* Taken over before its first instruction; each may be NULL. */
	const char *cgroup_procs; /* limits_procs_path(): the group that it enters */
	const char *cores;        /* "0-3", "1": that it and all that it starts may run on, as
				     limits_pin() has them */
};

struct service; /* a running one */

/*
 * Checks that the port of `ready` is free (ERR_SERVICE names who holds it), starts the command,
 * waits until it is ready and checks that the process that listens belongs to it. Failing names the
 * reason and shows the last lines of its output; nothing is left running. `stop` ends the wait with
 * ERR_STOPPED. For a process with one thread, for it forks.
 */
int service_start(struct service **out, const struct service_spec *spec, const atomic_bool *stop,
	struct err *err);

/* SIGTERM to the service, and to what it leaves behind when it ends; SIGKILL to whatever is left
 * after stop_timeout. Waits until all are gone. Frees s; NULL is allowed. */
void service_stop(struct service *s);

/* Still there? 0, or ERR_SERVICE with how it ended and its last lines. */
int service_check(struct service *s, struct err *err);

/* The root of its processes, for cpu_times_read(): the keeper, which waits for daemons too. */
pid_t service_pid(const struct service *s);

/* Waits for a service that culprit did not start: until GET ready answers 2xx, or, where ready is
 * NULL, until the host and port of url take a connection. */
int service_wait_ready(const char *ready, const char *url, uint64_t timeout_ns,
	const atomic_bool *stop, struct err *err);

#endif

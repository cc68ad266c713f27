/*
 * Worker processes below a master that is steered by signals, as gunicorn is and culprit's labs
 * are: SIGTTIN adds one, SIGTTOU takes one away. One signal is sent at a time and its effect waited
 * for, since signals that come together are one; culprit counts the workers itself.
 */
#ifndef CULPRIT_PROC_WORKERS_H
#define CULPRIT_PROC_WORKERS_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Children of the master that serve: that wait for connections on the socket that they share with
 * it (serving.h says how that is told). A gunicorn worker exists after 3 ms and answers after 100;
 * it counts when it answers. One that was told to end counts until it has stopped answering. Looks
 * for up to 40 ms, for a worker that is at something else for a moment.
 */
unsigned workers_count(pid_t master);

/* Until exactly n (1 …) serve, for longer than a moment, and none is on its way out. ERR_SERVICE
 * where there is no such master, it does not handle the signals (they are then not sent: a process
 * that does not would be stopped by them), does not react, or not in time, or workers die as they
 * come. Nothing may be under load meanwhile: TTOU resets connections of some worker classes. */
int workers_set(
	pid_t master, unsigned n, uint64_t timeout_ns, const atomic_bool *stop, struct err *err);

/* The process below `root` (a keeper, a shell) that is the master: the nearest to it that listens
 * on the service's port ("5001") and has children who share that socket, else the first that
 * listens. 0: none. */
pid_t workers_master(pid_t root, const char *port);

#endif

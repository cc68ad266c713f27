/*
 * A command that is run as it is, with this program's terminal, as time(1) does: for `watch --
 * CMD`. (A service that is started and stopped in the background is service.h's matter.) This
 * process becomes the subreaper of everything below it, so that what the command leaves behind
 * comes back here: it is waited for, and can be ended.
 */
#ifndef CULPRIT_PROC_CHILD_H
#define CULPRIT_PROC_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct child {
	pid_t pid;
	int pidfd;
	bool ended;     /* the command itself */
	int status;     /* of it, as waitpid() has it */
	bool left;      /* something below this process is alive, or not waited for yet */
	int exec_errno; /* why it could not be executed; 0: it was */
};

struct child_spec {
	const char *const *argv; /* ends with NULL; argv[0] is looked for in PATH */
	int out, err;            /* descriptors for its stdout and stderr */
};

/* The command gets the default signal actions, and SIGKILL when this process ends. */
int child_start(struct child *c, const struct child_spec *spec, struct err *err);

/* Waits at most so long for the command's end, or for that of what it left behind. */
void child_wait(struct child *c, int milliseconds);

/* Ends what is left: SIGTERM to the command, after `patience_ns` SIGKILL to everything. */
void child_end(struct child *c, uint64_t patience_ns);

/* The exit code as a shell tells it: 128 + N after signal N. */
int child_code(const struct child *c);

#endif

/* A command that is run to be looked at (watch, profile): its name in a line, its start at this
 * terminal, its end. */
#ifndef CULPRIT_CLI_LAUNCH_H
#define CULPRIT_CLI_LAUNCH_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/str.h"
#include "proc/child.h"

/* How long a command that is told to end may take before it is killed. */
#define LAUNCH_PATIENCE_NS UINT64_C(5000000000)

/* "python app.py", as a shell reads it; or "pid 12 (nginx)": one line of 200 bytes at most. */
void launch_name(struct str *out, const struct opt_rest *command, pid_t pid);
/* Makes a line of 200 bytes at most of what may hold anything. */
void launch_cut(struct str *text);

/* `out`: where what it prints to stdout goes; `file`, or NULL: where all that it prints goes. */
int launch_start(struct child *c, const struct opt_rest *command, int out, const char *file,
	struct err *err);

/* Ends what is still there of it. True where it had ended by itself. After Ctrl-C, which reached it
 * too, it may end of its own accord first. */
bool launch_end(struct child *c, const atomic_bool *stop);

/* The exit code of culprit where it could not be executed, as a shell has it; else 0. */
int launch_code(const struct child *c);

#endif

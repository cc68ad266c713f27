/* Programs with known stacks (native_chain.c), started by a test and ended with it. */
#ifndef CULPRIT_TESTS_NATIVE_TARGET_H
#define CULPRIT_TESTS_NATIVE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "native/native.h"

struct target {
	pid_t pid;
	int in, out;
	volatile unsigned long *counter; /* rises while it spins */
};

/* Runs `program` (beside this test's executable) until it says "ready". */
void target_start(struct target *t, const char *program, const char *how);
/* The next line that it prints; fails the test when none comes within 20 s. */
const char *target_line(struct target *t);
/* Waits until the counter has risen, 5 s at most. */
bool target_moves(const struct target *t);
void target_end(struct target *t);

/* Where the file beside this test's executable is. */
const char *target_path(const char *name);

/* Another thread than the first one; waits for it. */
pid_t target_second_thread(pid_t pid);
/* As in /proc/TID/stat: R, S, T, t, … */
char target_state(pid_t pid, pid_t tid);
bool target_comes_to(pid_t pid, pid_t tid, char state);

/* One look at a thread. */
struct stack {
	const struct native_symbol *frames[NATIVE_MAX_FRAMES];
	uint64_t pcs[NATIVE_MAX_FRAMES];
	size_t n;
	bool cut, moved;
};
/* False: it could not be stopped, or moved. */
bool stack_take(struct stack *s, struct native *n, pid_t tid);
/* Looks until there is one, 10 s at most: on a busy machine a thread that gets no core in time is
 * let go of again. */
void stack_get(struct stack *s, struct native *n, pid_t tid);
bool target_stop(struct native *n, pid_t tid);
/* The names, innermost first, apart from what is beyond `until` (NULL: all). */
const char *stack_text(const struct stack *s, const char *until);

int open_descriptors(void);

#endif

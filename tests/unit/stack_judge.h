/* Is a stack of tests/data/hot_pairs.py one that can have been? Shared by the test and by
 * bench/profile_drive. */
#ifndef CULPRIT_TESTS_STACK_JUDGE_H
#define CULPRIT_TESTS_STACK_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "pyremote/python.h"

struct hot_lines {
	size_t depth; /* as the program was told */
	int to_a, to_c, deeper;
};

/* The line that the program says when it is ready: "ready A C DEEPER". */
bool hot_lines_read(struct hot_lines *h, const char *said);

/* NULL: it can. Else what is wrong with it. */
const char *stack_judge(const struct hot_lines *h, const struct python_thread *t);

/* The stack as text, innermost first, for messages. */
void stack_text(const struct python_thread *t, char *into, size_t size);

#endif

/* Independent tasks on a few threads. */
#ifndef CULPRIT_BASE_PARALLEL_H
#define CULPRIT_BASE_PARALLEL_H

#include <stddef.h>

/*
 * Calls run(arg, task) for each task 0 … n−1, in that order as threads get free; returns when all
 * are done. What a task writes must be its own. threads 0: as many as there are cores. Where a
 * thread cannot be had, the others do its work.
 */
void parallel_for(unsigned threads, size_t n, void (*run)(void *arg, size_t task), void *arg);

unsigned parallel_cores(void);

#endif

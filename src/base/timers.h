/*
 * Timers of one event loop: a binary heap of moments, so that ten thousand sleeping requests cost
 * one wait. A timer is embedded in what it belongs to and knows its place in the heap.
 */
#ifndef CULPRIT_BASE_TIMERS_H
#define CULPRIT_BASE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct timer {
	uint64_t at_ns; /* CLOCK_MONOTONIC */
	size_t place;   /* in the heap, from 1; 0: not set */
	void (*fire)(struct timer *t);
};

struct timers {
	struct timer **heap; /* heap[0] is not used */
	size_t n, cap;
};

void timers_release(struct timers *t); /* the timers themselves are the owners' */

/* Sets a timer, again if it is set. */
void timer_set(struct timers *t, struct timer *timer, uint64_t at_ns);
void timer_cancel(struct timers *t, struct timer *timer); /* nothing where it is not set */

/* The next moment, UINT64_MAX where no timer is set. */
uint64_t timers_next(const struct timers *t);

/* Fires, in their order, those that are due at now_ns; a timer may set or cancel any. */
void timers_fire(struct timers *t, uint64_t now_ns);

#endif

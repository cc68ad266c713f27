/*
 * The sampler: a thread of its own looks at a process, and at those that it starts, so many times a
 * second, and books what it sees into a profile. The moments of looking are spread at random within
 * their ticks, so that a program that does something periodically is not seen at the same point of
 * it each time. Ticks for which it comes too late are counted, and their time is booked on the next
 * look; it takes half of a core at most.
 */
#ifndef CULPRIT_SAMPLER_SAMPLER_H
#define CULPRIT_SAMPLER_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "profile/profile.h"

struct sampler_spec {
	pid_t pid;
	bool alone;      /* only this process, not those below it */
	bool below_only; /* only those below it: it is culprit itself, or a keeper */
	double rate_hz;  /* 1 to 20,000 */
	bool native;     /* frames of machine code too; threads are stopped for it, one at a time */
	bool pause;      /* stop a thread while it is read */
	bool tasks;      /* asyncio tasks: those that wait, too */
	bool states;     /* whether threads run or wait: without it, no cpu clock; cheaper */
	bool moments;    /* keep the order of time */
	bool wait;       /* nothing to read there yet is no error: it has just been started */
};

struct sampler;

/* 0, or what keeps this process from being read, in one sentence. */
int sampler_start(struct sampler **out, const struct sampler_spec *spec, struct err *err);

struct sampler_state {
	uint64_t samples, rejected, late;
	size_t processes, threads;
	size_t threads_running, gil_held; /* at the last look */
	double own_cpu;                   /* share of a core, of late */
	bool ended;                       /* nothing is left to look at */
};
void sampler_look(struct sampler *s, struct sampler_state *out); /* from any thread */

/* What was seen since the start, or the last take; the caller's to free. For live views. */
struct profile *sampler_take(struct sampler *s);

/* Ends the thread and hands the profile over. `why` says what could not be read (other processes
 * below it, …), or is empty. */
int sampler_stop(struct sampler *s, struct profile **out, struct str *why, struct err *err);

#endif

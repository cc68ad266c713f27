/*
 * When requests of the open loop start. The rate over time is piecewise linear; arrivals lie where
 * its integral passes ½, 1½, 2½, … (constant spacing) or the points of a Poisson process of rate 1
 * (time change). Worker i of n takes every n-th of the constant arrivals, or a Poisson process of
 * 1/n of the rate, so the workers together make the schedule without sharing anything, whatever the
 * rate, fractional ones too. An arrival is computed only when the one before it was taken: a
 * backlog needs no memory.
 */
#ifndef CULPRIT_LOAD_SCHEDULE_H
#define CULPRIT_LOAD_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"
#include "load/load.h"

struct load_stage {
	double start_s, seconds;
	double from, to;        /* requests a second at its start and end */
	double before, through; /* arrivals in all stages before it; and with it */
};

struct load_schedule {
	struct load_stage *stages;
	size_t n;
	enum load_arrivals arrivals;
	double seconds; /* of all stages; infinite with a rate alone */
};

/* From spec->rate or spec->stages ("10s:100" holds, "30s:100-2000" goes there; "0" sends nothing).
 * n stays 0 in the closed loop. ERR_USAGE names the stage that is wrong, or both being given. */
int load_schedule_init(struct load_schedule *s, const struct load_spec *spec, struct err *err);
void load_schedule_release(struct load_schedule *s);

double load_schedule_rate(const struct load_schedule *s, double at_s); /* 0 behind its end */
size_t load_schedule_stage(const struct load_schedule *s, double at_s);

/* One worker's arrivals. */
struct load_arrivals_clock {
	const struct load_schedule *schedule;
	uint64_t start_ns;
	double passed; /* of the integral */
	unsigned workers;
	size_t stage;
	struct rng rng;
};

void load_arrivals_start(struct load_arrivals_clock *c, const struct load_schedule *s,
	unsigned worker, unsigned workers, uint64_t start_ns, uint64_t seed);

/* The next arrival, CLOCK_MONOTONIC ns; UINT64_MAX when there is none any more. */
uint64_t load_arrivals_next(struct load_arrivals_clock *c);

#endif

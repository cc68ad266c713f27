/*
 * Worlds of series whose truth is known: a target and others of the same kind that have nothing to
 * do with it, but for the first `planted` of them, whose innovations correlate with the target's by
 * rho. For tests and bench/correlate_errors.c.
 */
#ifndef CULPRIT_TESTS_CORRELATE_WORLDS_H
#define CULPRIT_TESTS_CORRELATE_WORLDS_H

#include "base/rng.h"
#include "correlate/series.h"

/* name, what it is, for docs/methods.md */
#define WORLDS(X)                                                                                  \
	X(NOISE, "independent noise")                                                              \
	X(WALK, "random walks")                                                                    \
	X(AR50, "AR(1), φ = .5")                                                                   \
	X(AR95, "AR(1), φ = .95")                                                                  \
	X(NOISE_T2, "noise, Student's t with 2 degrees of freedom")                                \
	X(WALK_T2, "random walks, t with 2 degrees of freedom")                                    \
	X(WALK_CAUCHY, "random walks, Cauchy increments")                                          \
	X(VOLATILE_WALK, "random walks, shared volatility")                                        \
	X(VOLATILE_NOISE, "noise, shared volatility")                                              \
	X(SMOOTH5, "moving averages of 5 points")                                                  \
	X(SMOOTH15, "moving averages of 15 points")                                                \
	X(SMOOTH15_WALK, "moving averages of 15 points of random walks")                           \
	X(TREND, "shared curved trend")                                                            \
	X(SEASON_5_DAYS, "shared daily cycle, 5 minutes a step")                                   \
	X(SEASON_1_DAY, "shared daily cycle, 1 minute a step")                                     \
	X(TRAFFIC, "counts that follow a daily cycle, 5 minutes a step")                           \
	X(COUNTS, "counts, .3 a step (ties and zeros)")                                            \
	X(GAPS, "random walks, 20 % not known")

enum world {
#define X(name, text) WORLD_##name,
	WORLDS(X)
#undef X
		N_WORLDS
};
extern const char *const WORLD_NAMES[];

/* n + 1 series, the target first; what a caller holds from before is used again. */
void world_make(struct series_set *s, enum world world, size_t n, size_t n_times, size_t planted,
	double rho, uint64_t seed);
void world_release(struct series_set *s);

#endif

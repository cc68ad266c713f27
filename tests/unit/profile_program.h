/* A synthetic program that is looked at as a sampler does: threads that go from call to call by a
 * Markov chain, each call as long as its distribution says. Its profiles differ by chance only. */
#ifndef CULPRIT_TESTS_PROFILE_PROGRAM_H
#define CULPRIT_TESTS_PROFILE_PROGRAM_H

#include "profile/profile.h"

struct program {
	const char *name;
	int functions; /* at most 200 */
	int threads;
	double mean_ms; /* of a call of the middle function; others from a fifth to five times */
	double sigma;   /* of the logarithm of a call's length: 0 always the same, 1 long tails */
	double skew;    /* the k-th function is called in proportion to 1 / k^skew */
	bool waits;     /* every second function waits: it has no CPU time */
};

/* Looked at `hz` times a second for so long; calls of function `changed` (-1: none) are `factor`
 * times as long. */
struct profile *program_profile(const struct program *g, uint64_t seed, double hz, double seconds,
	int changed, double factor);

/* The share of wall time that function k has, by the program's own figures. */
double program_share(const struct program *g, int k, int changed, double factor);

#endif

/*
 * Is a series of a measurement steady, where does its warm-up end, and how sure is its mean? For
 * counts or means of equal slices of time (100 ms), which are correlated: so nothing here takes
 * them for independent.
 */
#ifndef CULPRIT_STATS_STEADY_H
#define CULPRIT_STATS_STEADY_H

#include <stdbool.h>
#include <stddef.h>

/* How many of the first values, a multiple of 5 and at most n / 2, MSER-5 alone would leave out:
 * its criterion always has a minimum somewhere, warm-up or not. 0 with fewer than 20 values. */
size_t steady_mser(const double *y, size_t n);

/*
 * How many of the first values are warm-up, 0 … n / 2: MSER-5 (White, Cobb and Spratt, "A
 * comparison of five steady-state truncation heuristics for simulation", WSC 2000), the cut that
 * makes the mean of what is left surest, taken only where what is cut off differs from the rest by
 * more than the rest's own noise, since a cut for nothing costs data. 0 with fewer than 20 values.
 */
size_t steady_warmup(const double *y, size_t n);

struct steady {
	bool known; /* enough values to say anything */
	double mean;
	double half_width; /* of the 95 % interval of the mean, by batch means whose length fits the
			      autocorrelation; NaN where not known */
	double drift;      /* last part of the window against the first, relative: 0.1 is 10 % up */
	bool drifts;       /* it is more than the series' own noise, and more than 2 % */
};

/* Judges n values after warm-up. */
void steady_judge(struct steady *out, const double *y, size_t n);

#endif

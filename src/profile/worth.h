/* Private: what the slices of a profile say about a share. */
#ifndef CULPRIT_PROFILE_WORTH_H
#define CULPRIT_PROFILE_WORTH_H

#include "profile/view.h"

/* A function's time and all time, slice by slice, and the share that it has. */
struct worth_slices {
	double own[PROFILE_MAX_SLICES], all[PROFILE_MAX_SLICES];
	size_t n;       /* 0: fewer than WORTH_LEAST_SLICES are full */
	double share;   /* of the whole profile */
	double samples; /* that it has */
};

/* A share, what the samples behind it are worth, and how well that is known. */
struct worth {
	double share;
	double samples; /* as many independent ones would vary as much */
	double df;      /* degrees of freedom */
};

enum { WORTH_LEAST_SLICES = 8 };

/* How many slices p has; the last one may be shorter. 0 when there are too few full ones. */
size_t worth_count(const struct profile *p);

/* A row's values by the clock, added to `sum` (PROFILE_MAX_SLICES of them). */
void worth_add_row(double *sum, const struct profile_slice_row *row, enum profile_clock clock);

/* From one profile, or from two of which it is supposed that they are alike: what a sample is worth
 * is then taken from both. */
void worth_find(struct worth *w, const struct worth_slices *s, size_t n_profiles);

/* The Wilson interval with critical value c. */
void worth_wilson(double share, double samples, double c, double *low, double *high);

/* Newcombe's (1998, method 10) interval of b - a with critical value c. */
void worth_newcombe(
	const struct worth *a, const struct worth *b, double c, double *low, double *high);
/* How likely two samples of the same program differ as much: the level at which that interval
 * touches zero, by Student's t; and at least what a permutation of slices could say at all. */
double worth_p(const struct worth *a, const struct worth *b, const struct worth_slices s[2]);

#endif

/* Private: what the slices of a profile say about a share. */
#ifndef CULPRIT_PROFILE_WORTH_H
#define CULPRIT_PROFILE_WORTH_H

#include "profile/view.h"

struct worth {
	double share;   /* over all the profile */
	double samples; /* independent ones that it is worth, by the variance as it was found */
	double df;      /* degrees of freedom of that variance; 0: not known */
};

enum { WORTH_LEAST_SLICES = 8 };

/* Full slices of p; 0 when there are fewer than WORTH_LEAST_SLICES. */
size_t worth_slices(const struct profile *p);

/* A row's values by the clock, added to `sum` (PROFILE_MAX_SLICES of them). */
void worth_add_row(double *sum, const struct profile_slice_row *row, enum profile_clock clock);

/* `own` of `all`, in n full slices; `share` and `samples` of the whole profile. */
struct worth worth_find(
	const double *own, const double *all, size_t n, double share, double samples);

/* The Wilson interval with critical value c. */
void worth_wilson(double share, double samples, double c, double *low, double *high);

/* Newcombe's (1998, method 10) interval of b - a with critical value c. */
void worth_newcombe(
	const struct worth *a, const struct worth *b, double c, double *low, double *high);
/* The critical value at which that interval touches zero. */
double worth_touching(const struct worth *a, const struct worth *b);
/* Degrees of freedom of the difference (Satterthwaite 1946). */
double worth_df(const struct worth *a, const struct worth *b);

#endif

/*
 * Inside of src/correlate's statistics: a series prepared for comparing, the axis that all share,
 * and the test of one pair at one lag.
 */
#ifndef CULPRIT_CORRELATE_CORRELATE_WORK_H
#define CULPRIT_CORRELATE_CORRELATE_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "correlate/correlate.h"

enum {
	CORR_BASIS_MAX = 32,  /* what is taken out: constant, slow waves, the day's, the week's */
	CORR_ACF_MAX = 240,   /* lags of Bartlett's sum */
	CORR_ORDER_MAX = 40,  /* of the filter */
	CORR_CHUNK = 16,      /* series that one task takes */
	CORR_GROUP_MB = 64,   /* of scores, for grouping */
	CORR_HALF_STEPS = 30, /* stretches that take turns in corr_halves() */
};

/* A series as it is compared: differences or their scores, what is taken out taken out, mean 0 and
 * mean square 1 over what is known. */
struct corr_values {
	double *z;       /* 0 where not known */
	double *squares; /* z² */
	double *mask;    /* 1 where known, else 0 */
	double *acf;     /* autocorrelations 0 … axis->acf_lags */
	size_t known;
	double scale; /* what made its mean square 1 */
	bool whole, constant;
};

struct corr_axis {
	enum correlate_method method;
	size_t n;          /* differences: one fewer than times */
	double *half;      /* scores of n values by twice their rank, from 2; robust */
	double *halves[2]; /* the same of as many as either half of the steps has */
	double *ones;      /* n of them */
	double *basis;     /* n_basis × n, orthonormal; the first is constant */
	size_t n_basis;
	const struct corr_values *given; /* taken out as well, or NULL */
	double *filter;                  /* that makes the target white: Σ filter[k] z[t − k] */
	size_t order;                    /* filter[1 … order]; 0: none */
	size_t acf_lags, bandwidth;      /* of the two tests, from the target */
	size_t memory; /* steps that the target's variance remembers, for intervals */
};

/* What a thread needs to prepare and compare, for n differences. */
struct corr_scratch {
	uint64_t *keys, *spare;
	double *a, *b;
};

void corr_axis_init(struct corr_axis *a, const struct series_set *s, enum correlate_method method);
void corr_axis_release(struct corr_axis *a);
void corr_scratch_init(struct corr_scratch *w, size_t n);
void corr_scratch_release(struct corr_scratch *w);
void corr_values_init(struct corr_values *v, size_t n);
void corr_values_release(struct corr_values *v);

/* Differences, scores, what is taken out. `values` has n + 1. */
void corr_prepare(const struct corr_axis *a, const double *values, struct corr_values *v,
	struct corr_scratch *w);
/* Prepares the target; from it the filter, which is applied to it and to all that are prepared
 * after it, acf_lags and bandwidth. */
void corr_fit(struct corr_axis *a, const double *values, struct corr_values *target,
	struct corr_scratch *w);
/* v once more, on the same scale, but with scores by the ranks among half of the steps, to see what
 * ranks of so many cost: stretches of CORR_HALF_STEPS belong to the one half and the other in turn.
 */
void corr_halves(const struct corr_axis *a, const double *values, const struct corr_values *v,
	struct corr_values *out, struct corr_scratch *w);
void corr_acf(const struct corr_axis *a, struct corr_values *v, size_t lags);

/* Scores by the ranks of what is finite in d, n of them, in place; returns how many. `half` for n
 * known ones, or NULL. */
size_t corr_score(
	double *d, size_t n, const double *half, uint64_t *keys, uint64_t *spare, bool *constant);
/* half[h − 2] for h = 2 … 2n. */
double *corr_half_scores(size_t n);

/* Sums over the times that both have, of x at t − lag and y at t. */
struct corr_overlap {
	const double *x, *y, *mx, *my;
	size_t m; /* times in common, known or not */
	double n, mean_x, mean_y, scale_x, scale_y, r;
};
/* false where there are too few, or one does not vary. */
bool corr_overlap(const struct corr_axis *a, const struct corr_values *x,
	const struct corr_values *y, long lag, struct corr_overlap *o);

/* One pair at one lag. */
struct corr_pair {
	double r, p, n_eff;
	double se, df; /* of atanh(r); df ∞: normal */
	size_t n;
	long lag;
};
void corr_pair(const struct corr_axis *a, const struct corr_values *x, const struct corr_values *y,
	long lag, struct corr_scratch *w, struct corr_pair *out);
/* r alone. NaN where there are too few pairs. */
double corr_pair_r(const struct corr_axis *a, const struct corr_values *x,
	const struct corr_values *y, long lag);
/* Makes r and its standard error fit for an interval, where there is a relation to speak of; p
 * stays as it is. `x_halves` and `y_halves` as corr_halves() makes them; only where there is a
 * filter. */
void corr_refine(const struct corr_axis *a, const struct corr_values *x,
	const struct corr_values *y, const struct corr_values *x_halves,
	const struct corr_values *y_halves, struct corr_pair *p);
/* Is there a relation to speak of? */
bool corr_is_refined(const struct corr_axis *a, const struct corr_pair *p);
void corr_interval(const struct corr_pair *p, double confidence, double *low, double *high);

/* Groups of the found rows; `rows` are sorted. */
void corr_group(struct correlate_result *r, const struct corr_axis *a, const struct series_set *s);

/* r->shown and r->top. */
void corr_keep_shown(struct correlate_result *r, const struct series_set *s);

#endif

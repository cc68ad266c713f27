/*
 * Which share of a function's variation goes with each factor, over the unit cube: first-order and
 * total-effect indices (Sobol' 1993; Homma and Saltelli 1996; estimators of Saltelli et al.,
 * Computer Physics Communications 181, 2010, and Jansen 1999), and interactions of pairs (all terms
 * that have both factors: Liu and Owen, J. Amer. Statist. Assoc. 101, 2006). Of a Gaussian process,
 * with draws from its posterior, so that the indices have intervals. Factors of words take the
 * values that they had in the trials.
 */
#ifndef CULPRIT_LEARN_INDICES_H
#define CULPRIT_LEARN_INDICES_H

#include <stddef.h>
#include <stdint.h>

#include "learn/gp.h"

struct indices {
	size_t p;
	double *first, *total;                                   /* p: point estimates */
	double *first_low, *first_high, *total_low, *total_high; /* p: intervals */
	double *pair, *pair_low, *pair_high; /* p × p, upper triangle: of the interaction alone */
	double variance;                     /* of the function */
	/* What the intervals are made of: for each draw its variance and p total-effect indices. */
	size_t draws;
	double *draw_variance, *draw_total;
};

/* confidence .95; draws of the posterior (200), each looked at in p + 2 times `base` points (64),
 * and a quarter of `base` for each pair; fewer where that is more than GP_MAX_POINTS. ERR_INPUT for
 * more than 20 factors. */
int indices_of_gp(struct indices *out, const struct gp *g, double confidence, size_t base,
	size_t draws, uint64_t seed, struct err *err);
void indices_release(struct indices *x);

#endif

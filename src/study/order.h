/* The order in which the trials of a design are run. */
#ifndef CULPRIT_STUDY_ORDER_H
#define CULPRIT_STUDY_ORDER_H

#include "study/study.h"

/*
 * The order is the design's own: a scrambled Sobol design is spread over time as it is over the
 * space, a hypercube and a grid are random. Where settings of the service need restarts, trials
 * with equal ones run together, in four rounds through the design, each in the order opposite to
 * the one before: so there are few restarts, and whatever changes slowly while the study runs does
 * not become a difference between two settings of the service.
 *
 * Puts the trials first … first + n − 1, whose points are u (n_factors each, from trial 0 on), into
 * order[0 … n − 1].
 */
void study_order(const struct study *s, const double *u, size_t first, size_t n, size_t *order);

#endif

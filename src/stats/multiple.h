/*
 * Critical values for comparing k means at once: normal observations, as many of each, one common
 * variance that was estimated with df degrees of freedom. Integrated numerically; held against
 * scipy in tests/unit/test_tune.c.
 */
#ifndef CULPRIT_STATS_MULTIPLE_H
#define CULPRIT_STATS_MULTIPLE_H

#include <stddef.h>

/* Quantile p of the range of k means over the standard error of one (Tukey's studentized range):
 * when the largest difference of any two is told from chance. k ≥ 2, df ≥ 1, else NaN. */
double multiple_range_quantile(double p, size_t k, double df);

/* The same for the best mean against each of the k − 1 others, in units of the standard error of a
 * difference (Dunnett 1955, one-sided): a mean that is no farther from the best than this may be
 * the best itself (Hsu, "Multiple comparisons", 1996, chapter 4). */
double multiple_best_quantile(double p, size_t k, double df);

#endif

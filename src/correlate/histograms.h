/*
 * What the counters of histograms and summaries say: of x_sum and x_count the mean, of the buckets
 * x_bucket{le="…"} the quantiles, over each step of a set that is aligned, so that a step's
 * requests are weighted as they came.
 */
#ifndef CULPRIT_CORRELATE_HISTOGRAMS_H
#define CULPRIT_CORRELATE_HISTOGRAMS_H

#include "correlate/series.h"

/* Adds "x mean{…}" to each x_count and x_sum (rates) with equal labels, and "x p50{…}", "x p90{…}",
 * "x p99{…}" for their buckets, which are taken out; says so in the notes. Marks anew. */
void histograms_derive(struct series_set *s);

/* The q-quantile (0 … 1) of n buckets by rising upper bounds, the last of which is +Inf, with
 * cumulative counts (or rates): linear within a bucket, as histogram_quantile() of Prometheus; NaN
 * where nothing was counted, or there is no bucket +Inf. */
double histogram_quantile(const double *bounds, const double *cumulative, size_t n, double q);

#endif

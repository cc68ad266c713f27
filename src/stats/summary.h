/* Summaries of samples. NaN where the sample is too small for them. */
#ifndef CULPRIT_STATS_SUMMARY_H
#define CULPRIT_STATS_SUMMARY_H

#include <stddef.h>

double summary_mean(const double *v, size_t n);

/* Around the mean, divided by n − 1; in two passes, so that large means cost no digits. */
double summary_variance(const double *v, size_t n);

double summary_min(const double *v, size_t n);
double summary_max(const double *v, size_t n);

/* Quantile p of 0 … 1, linear between order statistics (Hyndman & Fan's type 7, as numpy and R by
 * default). Does not change v. */
double summary_quantile(const double *v, size_t n, double p);

#endif

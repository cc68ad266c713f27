/*
 * Distributions: normal, Student's t, F and beta. Tails are computed as tails, not as one minus the
 * other side, so that small p-values keep their digits. Incomplete beta by the continued fraction
 * of DLMF 8.17.22 (Lentz's algorithm); quantiles by safeguarded Newton steps on it. Relative
 * accuracy about 1e-12, held against scipy in tests/unit/test_dist.c.
 */
#ifndef CULPRIT_STATS_DIST_H
#define CULPRIT_STATS_DIST_H

double dist_normal_cdf(double z);
double dist_normal_quantile(double p); /* −∞ at 0, ∞ at 1, NaN outside */

/* Regularised incomplete beta function I_x(a, b): the beta distribution's cdf. */
double dist_beta_cdf(double x, double a, double b);
double dist_beta_quantile(double p, double a, double b);

/* Degrees of freedom may be any positive number; NaN where they are not. */
double dist_t_cdf(double t, double df);
double dist_t_upper(double t, double df);     /* P(T > t) */
double dist_t_two_sided(double t, double df); /* P(|T| > |t|) */
double dist_t_quantile(double p, double df);

double dist_f_cdf(double f, double df1, double df2);
double dist_f_upper(double f, double df1, double df2); /* P(F > f) */
double dist_f_quantile(double p, double df1, double df2);

#endif

#include "stats/multiple.h"

#include <math.h>
#include <stdbool.h>

#include "stats/dist.h"

/* The trapezoidal rule on integrands that vanish smoothly at both ends: it converges so fast that
 * these many points leave an error below 1e-6. */
enum { NORMAL_POINTS = 96, CHI_POINTS = 96 };
#define NORMAL_END 8.
#define PRECISION  1e-7

struct normal_grid {
	double z[NORMAL_POINTS], weight[NORMAL_POINTS], cdf[NORMAL_POINTS];
};

static void normal_grid_init(struct normal_grid *g)
{
	double step = 2 * NORMAL_END / (NORMAL_POINTS - 1);

	for (int i = 0; i < NORMAL_POINTS; i++) {
		double z = -NORMAL_END + i * step;

		g->z[i] = z;
		g->weight[i] = step * exp(-z * z / 2) / sqrt(2 * M_PI);
		g->cdf[i] = dist_normal_cdf(z);
	}
}

/* P(range of k standard normals ≤ w), by the largest of them. */
static double range_cdf(const struct normal_grid *g, double w, double k)
{
	double sum = 0;

	for (int i = 0; i < NORMAL_POINTS; i++) {
		double inside = g->cdf[i] - dist_normal_cdf(g->z[i] - w);

		if (inside > 0)
			sum += g->weight[i] * exp((k - 1) * log(inside));
	}
	return k * sum;
}

/* P(none of k − 1 standard normals is more than √2 d above one more). */
static double best_cdf(const struct normal_grid *g, double d, double k)
{
	double sum = 0;

	for (int i = 0; i < NORMAL_POINTS; i++)
		sum += g->weight[i] * exp((k - 1) * log(dist_normal_cdf(g->z[i] + M_SQRT2 * d)));
	return sum;
}

/* Over the distribution of the estimated standard deviation s, for a true one of 1. With s = t² the
 * points lie close where s is near 0, which is what large quantiles hang on. */
static double studentized_cdf(
	const struct normal_grid *g, double x, double k, double df, bool range)
{
	double low = sqrt(fmax(0, 1 - 9 / sqrt(2 * df))), high = sqrt(1 + 9 / sqrt(2 * df));
	double step = (high - low) / (CHI_POINTS - 1), sum = 0;
	int sign;
	double constant = log(2) + df / 2 * log(df / 2) - lgamma_r(df / 2, &sign);

	for (int i = 0; i < CHI_POINTS; i++) {
		double t = low + i * step, s = t * t;

		if (s <= 0)
			continue;
		double density = 2 * t * exp(constant + (df - 1) * log(s) - df * s * s / 2);

		if (density > 1e-14)
			sum += step * density *
			       (range ? range_cdf(g, x * s, k) : best_cdf(g, x * s, k));
	}
	return sum;
}

static double quantile(double p, size_t k, double df, bool range)
{
	struct normal_grid g;
	double low = 0, high = 4;

	if (k < 2 || !(df >= 1) || !(p > 0 && p < 1))
		return NAN;
	normal_grid_init(&g);
	while (studentized_cdf(&g, high, (double)k, df, range) < p && high < 1e6)
		high *= 2;
	while (high - low > PRECISION * high) {
		double middle = (low + high) / 2;

		if (studentized_cdf(&g, middle, (double)k, df, range) < p)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2;
}

double multiple_range_quantile(double p, size_t k, double df)
{
	return quantile(p, k, df, true);
}

double multiple_best_quantile(double p, size_t k, double df)
{
	return quantile(p, k, df, false);
}

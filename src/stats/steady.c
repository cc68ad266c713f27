/*
 * Warm-up, drift and the interval of a mean, for series whose values depend on those before them.
 * All three rest on one figure: the long-run variance, what the variance of the mean of n values
 * is times n. docs/methods.md says how often each errs, as measured by bench/steady_errors.py.
 */
#include "stats/steady.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "stats/dist.h"
#include "stats/summary.h"

enum { VALUES_MIN = 20, BATCHES_MIN = 10, MSER_BATCH = 5 };

/* Chances, one side, that noise alone is taken for a warm-up, or for drift. Small, for a cut costs
 * data and a warning costs trust, and because the long-run variance of few values is itself unsure.
 */
#define WARMUP_LEVEL .0015
#define DRIFT_LEVEL  .005
#define LIKE_LEVEL   .05 /* values that differ by less than this are like the rest */
#define DRIFT_MIN    .02

/* Of fewer degrees of freedom, quantiles of t grow beyond what anybody would call an interval. */
#define DF_MIN 3.

struct noise {
	double variance; /* long-run, a value */
	double df;       /* degrees of freedom that the estimate has */
};

static void take_line_off(double *z, size_t n)
{
	double mean = summary_mean(z, n), middle = (double)(n - 1) / 2, xy = 0, xx = 0;

	for (size_t i = 0; i < n; i++) {
		double x = (double)i - middle;

		xy += x * (z[i] - mean);
		xx += x * x;
	}
	for (size_t i = 0; i < n; i++)
		z[i] -= xy / xx * ((double)i - middle);
}

/*
 * The correlation of neighbours. Estimated around a fitted mean or line it comes out too low, by
 * about (1 + 3r)/n or (2 + 4r)/n (Marriott and Pope, Biometrika 41 (1954) 390), which is given
 * back. Below zero it is taken as none: so an interval is never narrower than that of independent
 * values.
 */
static double neighbours(const double *z, size_t n, bool line)
{
	double mean = summary_mean(z, n), product = 0, square = 0, r;

	for (size_t i = 0; i < n; i++) {
		square += (z[i] - mean) * (z[i] - mean);
		if (i)
			product += (z[i] - mean) * (z[i - 1] - mean);
	}
	if (!(square > 0))
		return 0;
	r = product / square;
	r += (line ? 2 + 4 * r : 1 + 3 * r) / (double)n;
	return r < 0 ? 0 : r > .9 ? .9 : r;
}

/*
 * Batch means: batches grow until the means of neighbouring ones are no longer clearly correlated,
 * or only BATCHES_MIN are left; what correlation remains widens the variance as it does in a
 * first-order autoregression (as in N-Skart: Tafazzoli and Wilson, WSC 2009). With `line`, around
 * a straight line instead of the mean.
 */
static struct noise noise_of(const double *y, size_t n, bool line)
{
	double *z = mem_alloc(n, sizeof(*z)), r, widen;
	size_t batch = 1, k;

	for (;; batch += (batch + 1) / 2) {
		k = n / batch;
		for (size_t i = 0; i < k; i++) /* what is over is left out at the start */
			z[i] = summary_mean(y + n - (k - i) * batch, batch);
		if (line)
			take_line_off(z, k);
		r = neighbours(z, k, line);
		if (r * sqrt((double)k) <= 1 || n / (batch + (batch + 1) / 2) < BATCHES_MIN)
			break;
	}
	widen = (1 + r) / (1 - r);
	struct noise noise = {
		.df = fmax(DF_MIN, ((double)k - (line ? 2 : 1)) / widen),
		.variance = summary_variance(z, k) * (double)batch * widen,
	};

	if (line)
		noise.variance *= ((double)k - 1) / ((double)k - 2);
	free(z);
	return noise;
}

/* Whether the means of a and b values differ by more than noise, at this level on each side. */
static bool differ(double difference, size_t a, size_t b, struct noise noise, double level)
{
	double error = sqrt(noise.variance * (1 / (double)a + 1 / (double)b));

	return fabs(difference) > dist_t_quantile(1 - level, noise.df) * error;
}

static bool usable(const double *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(y[i]))
			return false;
	return n >= VALUES_MIN;
}

/* The cut with the least squared standard error of what is left. Running sums from the end, around
 * the mean of all so that they lose no digits. */
size_t steady_mser(const double *y, size_t n)
{
	size_t batches = n / MSER_BATCH, cut = 0;
	double centre, sum = 0, squares = 0, best = INFINITY;

	if (!usable(y, n))
		return 0;
	centre = summary_mean(y, batches * MSER_BATCH);
	for (size_t d = batches; d-- > 0;) {
		double z = summary_mean(y + d * MSER_BATCH, MSER_BATCH) - centre;
		double left = (double)(batches - d);

		sum += z;
		squares += z * z;
		double error = (squares - sum * sum / left) / (left * left);

		if (d <= batches / 2 && error <= best) {
			best = error;
			cut = d;
		}
	}
	return cut * MSER_BATCH;
}

size_t steady_warmup(const double *y, size_t n)
{
	size_t cut = steady_mser(y, n);

	if (!cut)
		return 0;
	double rest = summary_mean(y + cut, n - cut), step = summary_mean(y, cut) - rest;
	struct noise noise = noise_of(y + cut, n - cut, false);

	if (!differ(step, cut, n - cut, noise, WARMUP_LEVEL))
		return 0;
	/* MSER overshoots: give back what is like the rest */
	size_t less = MSER_BATCH;

	while (less < cut && differ(summary_mean(y + less, cut - less) - rest, cut - less, n - cut,
				     noise, LIKE_LEVEL))
		less += MSER_BATCH;
	/* a stall within the first half is no warm-up: most of what is cut must be unlike the rest
	 */
	return (summary_quantile(y, less, .5) - rest) / step > .3 ? less : 0;
}

void steady_judge(struct steady *out, const double *y, size_t n)
{
	*out = (struct steady){
		.known = usable(y, n), .mean = summary_mean(y, n), .half_width = NAN, .drift = NAN};
	if (!out->known)
		return;
	struct noise noise = noise_of(y, n, false);
	size_t part = n / 3;
	double first = summary_mean(y, part), last = summary_mean(y + n - part, part);
	double base = first != 0 ? fabs(first) : fabs(out->mean);

	out->half_width = dist_t_quantile(.975, noise.df) * sqrt(noise.variance / (double)n);
	out->drift = base > 0 ? (last - first) / base : 0;
	/* around a line, or the drift itself would count as noise and hide */
	out->drifts = fabs(out->drift) > DRIFT_MIN &&
		      differ(last - first, part, part, noise_of(y, n, true), DRIFT_LEVEL);
}

/*
 * What samples are worth. A profiler that looks 1,000 times a second sees a call of 50 ms fifty
 * times: fifty samples, one event. So the variance of a share is not share (1 - share) / n; it is
 * taken from how the share varies between slices of the profile (batch means; Conway 1963, Law &
 * Kelton). Slices must be long against calls for that: where pairs of them vary more than they
 * would if they were independent, the variance from pairs is taken.
 */
#include "profile/worth.h"

#include <math.h>

#include "stats/dist.h"

static const double Z = 1.959963984540054; /* normal quantile of .975 */

size_t worth_slices(const struct profile *p)
{
	size_t full = p->slices.n > 0 ? p->slices.n - 1 : 0; /* the last one is being filled */

	return full < WORTH_LEAST_SLICES ? 0 : full;
}

void worth_add_row(double *sum, const struct profile_slice_row *row, enum profile_clock clock)
{
	const uint64_t *values = clock == PROFILE_CLOCK_CPU   ? row->cpu_ns
				 : clock == PROFILE_CLOCK_GIL ? row->gil_ns
							      : row->wall_ns;

	for (size_t i = 0; i < PROFILE_MAX_SLICES; i++)
		sum[i] += (double)values[i];
}

/* Variance of the ratio sum(own) / sum(all), from slices joined by `step` (Cochran 1977, 6.4). */
static double ratio_variance(const double *own, const double *all, size_t n, size_t step)
{
	double sum_own = 0, sum_all = 0, squares = 0;
	size_t groups = n / step;

	for (size_t i = 0; i < groups * step; i++) {
		sum_own += own[i];
		sum_all += all[i];
	}
	if (!(sum_all > 0))
		return 0;
	for (size_t g = 0; g < groups; g++) {
		double o = 0, a = 0, rest;

		for (size_t i = 0; i < step; i++) {
			o += own[g * step + i];
			a += all[g * step + i];
		}
		rest = o - sum_own / sum_all * a;
		squares += rest * rest;
	}
	return squares * (double)groups / (double)(groups - 1) / (sum_all * sum_all);
}

struct worth worth_find(
	const double *own, const double *all, size_t n, double share, double samples)
{
	struct worth w = {share, samples, (double)n - 1};
	double single = ratio_variance(own, all, n, 1), pairs = ratio_variance(own, all, n, 2);
	double variance = fmax(single, pairs);

	if (pairs > single)
		w.df = (double)(n / 2) - 1;
	if (variance > 0 && share * (1 - share) / variance < samples)
		w.samples = share * (1 - share) / variance;
	return w;
}

double view_worth(const struct profile *p, uint32_t function, enum profile_clock clock)
{
	double own[PROFILE_MAX_SLICES] = {0}, all[PROFILE_MAX_SLICES] = {0};
	double sum_own = 0, sum_all = 0, ratio;
	size_t n = worth_slices(p);
	struct worth w;

	if (n == 0)
		return NAN;
	worth_add_row(all, &p->slices.rows[0], clock);
	if (function < p->slices.cap_row_of && p->slices.row_of[function])
		worth_add_row(own, &p->slices.rows[p->slices.row_of[function]], clock);
	for (size_t i = 0; i < n; i++) {
		sum_own += own[i];
		sum_all += all[i];
	}
	if (!(sum_all > 0))
		return NAN;
	w = worth_find(own, all, n, sum_own / sum_all, (double)n * (double)p->slices.samples);
	ratio = Z / dist_t_quantile(.975, w.df);
	return w.samples * ratio * ratio;
}

void worth_wilson(double share, double samples, double c, double *low, double *high)
{
	double c2 = c * c, middle, reach;

	if (!(samples > 0)) {
		*low = 0;
		*high = 1;
		return;
	}
	middle = (share + c2 / (2 * samples)) / (1 + c2 / samples);
	reach = c / (1 + c2 / samples) *
		sqrt(share * (1 - share) / samples + c2 / (4 * samples * samples));
	*low = share <= 0 ? 0 : fmax(0, middle - reach);
	*high = share >= 1 ? 1 : fmin(1, middle + reach);
}

void view_share_interval(double share, double samples, double *low, double *high)
{
	worth_wilson(share, samples, Z, low, high);
}

void worth_newcombe(
	const struct worth *a, const struct worth *b, double c, double *low, double *high)
{
	double a_low, a_high, b_low, b_high, change = b->share - a->share;

	worth_wilson(a->share, a->samples, c, &a_low, &a_high);
	worth_wilson(b->share, b->samples, c, &b_low, &b_high);
	*low = change - hypot(b->share - b_low, a_high - a->share);
	*high = change + hypot(b_high - b->share, a->share - a_low);
}

double worth_touching(const struct worth *a, const struct worth *b)
{
	double below = 0, above = 100, low, high;

	for (int i = 0; i < 50; i++) {
		double c = (below + above) / 2;

		worth_newcombe(a, b, c, &low, &high);
		if (low > 0 || high < 0)
			below = c;
		else
			above = c;
	}
	return below;
}

double worth_df(const struct worth *a, const struct worth *b)
{
	double va = a->samples > 0 ? a->share * (1 - a->share) / a->samples : 0;
	double vb = b->samples > 0 ? b->share * (1 - b->share) / b->samples : 0;

	if (!(va + vb > 0))
		return fmin(a->df, b->df);
	return (va + vb) * (va + vb) / (va * va / a->df + vb * vb / b->df);
}

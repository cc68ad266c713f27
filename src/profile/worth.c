/*
 * What samples are worth. A profiler that looks 1,000 times a second sees a call of 50 ms fifty
 * times: fifty samples, one event. So the variance of a share is not share (1 - share) / n; it is
 * taken from how the share varies between slices of the profile (batch means). Slices must be long
 * against calls for that: where slices joined by two or four vary more than single ones would make
 * them, theirs is the variance.
 */
#include "profile/worth.h"

#include <math.h>

#include "stats/dist.h"

/* Where slices joined by four vary so many times as much as single ones, calls are not short
 * against those, and slices are joined by eight as well: few degrees of freedom are left then. */
static const double LONG_CALLS = 1.5;

static const double Z = 1.959963984540054; /* normal quantile of .975 */

size_t worth_count(const struct profile *p)
{
	size_t full = p->slices.n > 0 ? p->slices.n - 1 : 0; /* the last one is being filled */

	if (full < WORTH_LEAST_SLICES)
		return 0;
	return full + (p->slices.filled > 0);
}

void worth_add_row(double *sum, const struct profile_slice_row *row, enum profile_clock clock)
{
	const uint64_t *values = clock == PROFILE_CLOCK_CPU   ? row->cpu_ns
				 : clock == PROFILE_CLOCK_GIL ? row->gil_ns
							      : row->wall_ns;

	for (size_t i = 0; i < PROFILE_MAX_SLICES; i++)
		sum[i] += (double)values[i];
}

/* Squares of what slices, joined by `step`, have more or less than the share, over the time in
 * them, as if time were counted in samples; and how many such there are. */
static double squares(const struct worth_slices *s, size_t step, double *groups)
{
	double sum_own = 0, sum_all = 0, sum = 0;

	for (size_t i = 0; i < s->n; i++) {
		sum_own += s->own[i];
		sum_all += s->all[i];
	}
	for (size_t i = 0; i < s->n; i += step) {
		double own = 0, all = 0, rest;

		for (size_t k = i; k < i + step && k < s->n; k++) {
			own += s->own[k];
			all += s->all[k];
		}
		rest = own - sum_own / sum_all * all;
		if (all > 0)
			sum += rest * rest / all * (s->samples / sum_all);
		*groups += all > 0;
	}
	return sum;
}

void worth_find(struct worth *w, const struct worth_slices *s, size_t n_profiles)
{
	double all = 0, mean = 0, variance = 0, single = 0, df = 0;

	for (size_t i = 0; i < n_profiles; i++) {
		all += s[i].samples;
		mean += s[i].samples * s[i].share;
	}
	mean /= all;
	/* Of one sample, with all that hangs on it. */
	for (size_t step = 1; step <= 8; step *= 2) {
		double sum = 0, groups = 0, found;

		for (size_t i = 0; i < n_profiles; i++)
			sum += squares(&s[i], step, &groups);
		if (groups <= (double)n_profiles)
			break;
		found = sum / (groups - (double)n_profiles);
		if (step == 1)
			single = found;
		if (step == 8 && variance < LONG_CALLS * single)
			break;
		if (found >= variance) {
			variance = found;
			df = groups - (double)n_profiles;
		}
	}
	for (size_t i = 0; i < n_profiles; i++) {
		w[i] = (struct worth){s[i].share, s[i].samples, df};
		if (variance > mean * (1 - mean))
			w[i].samples *= mean * (1 - mean) / variance;
	}
}

double view_worth(const struct profile *p, uint32_t function, enum profile_clock clock)
{
	struct worth_slices s = {.n = worth_count(p)};
	double own = 0, all = 0, ratio;
	struct worth w;

	if (s.n == 0)
		return NAN;
	worth_add_row(s.all, &p->slices.rows[0], clock);
	if (function < p->slices.cap_row_of && p->slices.row_of[function])
		worth_add_row(s.own, &p->slices.rows[p->slices.row_of[function]], clock);
	for (size_t i = 0; i < s.n; i++) {
		own += s.own[i];
		all += s.all[i];
	}
	if (!(all > 0))
		return NAN;
	s.share = own / all;
	s.samples =
		(double)(p->slices.n - 1) * (double)p->slices.samples + (double)p->slices.filled;
	worth_find(&w, &s, 1);
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

/* The critical value at which the interval touches zero. */
static double touching(const struct worth *a, const struct worth *b)
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

double worth_p(const struct worth *a, const struct worth *b, const struct worth_slices s[2])
{
	double p = dist_t_two_sided(touching(a, b), a->df), seen = 0,
	       part = s[0].samples / (s[0].samples + s[1].samples);

	for (int i = 0; i < 2; i++)
		for (size_t k = 0; k < s[i].n; k++)
			seen += s[i].own[k] > 0;
	/* That all slices in which it was seen are of one profile, by chance. */
	return fmin(1, fmax(p, pow(part, seen) + pow(1 - part, seen)));
}

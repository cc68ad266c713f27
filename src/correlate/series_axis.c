#include "correlate/series_axis.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/num.h"

/* Times of today in a double are this exact, and sums of a few of them. */
static const double TIME_EXACT_S = 1e-6;

char *series_time_text(double time_s, char out[40])
{
	struct tm tm;
	time_t whole = fabs(time_s) < 1e11 ? (time_t)floor(time_s) : 0;

	if (fabs(time_s) >= 1e11 || !gmtime_r(&whole, &tm) ||
		!strftime(out, 40, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(out, 40, "%.6g s", time_s);
	return out;
}

/* ---- the step ---- */

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* To three digits, where that is nearly the same: 15.003 is meant as 15. */
static double rounded(double step_s)
{
	double unit = pow(10, floor(log10(step_s)) - 2), round_s = round(step_s / unit) * unit;

	/* 1e-3 is no double: as near as there is */
	if (unit < 1)
		round_s = round(step_s / unit) / round(1 / unit);
	return fabs(round_s - step_s) < .005 * step_s ? round_s : step_s;
}

double series_step(const double *time_s, size_t n, double *spare)
{
	double least = INFINITY, most = 0, width = 0;
	size_t best = 0, best_n = 0, m = n ? n - 1 : 0;

	if (!m)
		return 0;
	for (size_t i = 0; i < m; i++) {
		spare[i] = time_s[i + 1] - time_s[i];
		least = spare[i] < least ? spare[i] : least;
		most = spare[i] > most ? spare[i] : most;
	}
	if (most - least <= TIME_EXACT_S + 1e-9 * most) { /* the usual: no need to sort */
		double step = (time_s[m] - time_s[0]) / (double)m, micro = round(step * 1e6) / 1e6;

		return fabs(micro - step) < TIME_EXACT_S ? (micro > 0 ? micro : step) : step;
	}
	qsort(spare, m, sizeof(*spare), by_value);
	for (size_t low = 0, high = 0; low < m; low++) {
		width = spare[low] * 1.05 + TIME_EXACT_S;
		for (high = high < low ? low : high; high < m && spare[high] <= width; high++)
			;
		if (high - low > best_n) {
			best_n = high - low;
			best = low;
		}
	}
	return rounded(spare[best + best_n / 2]);
}

/* ---- the axis ---- */

int series_axis_make(struct series_axis *a, double first_s, double last_s, double on_s,
	double step_s, size_t n_series, uint64_t values_max, struct err *err)
{
	double before = ceil((on_s - first_s) / step_s - .5), n;
	char from[40], to[40], step[NUM_TEXT], count[NUM_TEXT];

	a->step_s = step_s;
	a->start_s = on_s - (before > 0 ? before : 0) * step_s;
	n = floor((last_s - a->start_s) / step_s + .5) + 1;
	series_time_text(first_s, from);
	series_time_text(last_s, to);
	num_duration(step_s, step);
	if (!(n <= SERIES_TIMES_MAX))
		return err_set(err, ERR_INPUT,
			"from %s to %s there are %s steps of %s, and %d is the most; take a "
			"stretch "
			"of it with --from and --to, or a longer --step",
			from, to, num_count(n, count), step, SERIES_TIMES_MAX);
	if (!(n >= 2))
		return err_set(err, ERR_INPUT,
			"a step of %s leaves one time of what is there from %s to %s; take a "
			"shorter --step",
			step, from, to);
	a->n = (size_t)n;
	if (n_series && a->n > values_max / n_series)
		return err_set(err, ERR_INPUT,
			"%zu series from %s to %s with a step of %s would be %s values, too many; "
			"take a stretch of it with --from and --to, or a longer --step",
			n_series, from, to, step, num_count(n * (double)n_series, count));
	return 0;
}

bool series_axis_beside(const struct series_axis *a, double time_s)
{
	double cell = (time_s - a->start_s) / a->step_s;

	return fabs(cell - round(cell)) > .01 + TIME_EXACT_S / a->step_s;
}

size_t series_rates(double *values, const double *time_s, size_t n)
{
	double last = NAN, last_s = NAN;
	size_t resets = 0;

	for (size_t i = 0; i < n; i++) {
		double v = values[i], grown = v - last;

		if (isnan(v))
			continue;
		if (grown < 0) { /* it began again at 0 */
			grown = v;
			resets++;
		}
		values[i] = isnan(last) ? NAN : grown / (time_s[i] - last_s);
		last = v;
		last_s = time_s[i];
	}
	return resets;
}

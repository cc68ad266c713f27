/* Rates from the values of counters, over the time between the scrapes that they came from. */
#include "correlate/prometheus_work.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "correlate/series_axis.h"

/* Values that were read at these times: a time that is not known, or the same as before, is a gap;
 * counters become what they grew a second. */
static void use_clock(struct prometheus_asking *a, struct prometheus_row *r, const double *clock)
{
	double *v = r->series.values, last = NAN, last_s = NAN;

	for (size_t t = 0; t < a->n_times; t++) {
		double now = v[t], now_s = clock[t];

		if (isnan(now))
			continue;
		a->known++;
		a->repeated += now_s == last_s;
		v[t] = NAN;
		if (isnan(now_s) || now_s == last_s)
			continue;
		if (!r->counter)
			v[t] = now;
		else if (!isnan(last)) {
			r->series.resets += now < last;
			v[t] = (now < last ? now : now - last) / (now_s - last_s);
		}
		last = now;
		last_s = now_s;
	}
}

static bool clock_known(const struct prometheus_asking *a, const struct prometheus_row *r)
{
	const double *clock = r->clock == SIZE_MAX ? NULL : a->clocks[r->clock];
	size_t both = 0, values = 0;

	for (size_t t = 0; clock && t < a->n_times; t++) {
		values += !isnan(r->series.values[t]);
		both += !isnan(r->series.values[t]) && !isnan(clock[t]);
	}
	return both && 10 * both >= 9 * values;
}

void prometheus_make_rates(struct prometheus_asking *a, struct series_set *out)
{
	double *grid = mem_alloc(a->n_times, sizeof(*grid));
	size_t counters = 0, without = 0;

	for (size_t t = 0; t < a->n_times; t++)
		grid[t] = a->start_s + (double)t * a->step_s;
	for (size_t i = 0; i < a->n; i++) {
		struct prometheus_row *r = &a->rows[i];

		counters += r->counter;
		if (r->asked && clock_known(a, r))
			use_clock(a, r, a->clocks[r->clock]);
		else if (r->counter) {
			r->series.resets = series_rates(r->series.values, grid, a->n_times);
			without++;
		}
	}
	free(grid);
	if (counters)
		series_note(out, "%zu of the %zu series are counters, shown as rates a second.",
			counters, a->n);
	if (without)
		series_note(out,
			"For %zu counters it is not known when they were read (no `up` with their "
			"job and instance); their rates may waver where scrapes fall between "
			"steps.",
			without);
	if (100 * a->repeated > a->known)
		series_note(out,
			"The step is shorter than the time between scrapes: %zu of %zu values were "
			"the ones before once more, and are gaps.",
			a->repeated, a->known);
}

/*
 * What a result keeps of the series: all names, few points of those that matter, so that a report
 * of it can be drawn when the data is gone.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "correlate/correlate_work.h"

/* Means of `to` stretches of n values, as long as can be; NaN where nothing is known. */
static double *thinned(const double *values, size_t n, size_t to)
{
	double *out = mem_alloc(to + 1, sizeof(*out));

	for (size_t i = 0; i < to; i++) {
		double sum = 0, known = 0;

		for (size_t t = i * n / to; t < (i + 1) * n / to; t++) {
			if (isfinite(values[t])) {
				sum += values[t];
				known++;
			}
		}
		out[i] = known > 0 ? sum / known : NAN;
	}
	return out;
}

static struct series copy_name(const struct series *from)
{
	return (struct series){.name = mem_strdup(from->name),
		.family = mem_strdup(from->family ? from->family : ""),
		.kind = from->kind,
		.known = from->known,
		.resets = from->resets,
		.constant = from->constant,
		.same_as = from->same_as};
}

static struct series_set set_for(const struct series_set *s, size_t n, size_t most)
{
	struct series_set set = {.start_s = s->start_s,
		.n_times = s->n_times < most ? s->n_times : most,
		.n = n,
		.cap = n,
		.items = mem_zalloc(n + 1, sizeof(*set.items))};

	set.step_s = s->step_s * (double)s->n_times / (double)set.n_times;
	return set;
}

void corr_keep_shown(struct correlate_result *r, const struct series_set *s)
{
	size_t n_top = r->n_found < CORRELATE_TOP ? r->n_found : CORRELATE_TOP;

	r->shown = set_for(s, s->n, CORRELATE_SPARK);
	for (size_t i = 0; i < s->n; i++)
		r->shown.items[i] = copy_name(&s->items[i]);
	r->shown.points_read = s->points_read;
	r->shown.points_duplicate = s->points_duplicate;
	r->shown.points_unsorted = s->points_unsorted;
	r->shown.points_bad = s->points_bad;
	r->shown.gaps = s->gaps;
	r->shown.resampled = s->resampled;
	str_add(&r->shown.notes, str_text(&s->notes));
	for (size_t k = 0; k <= r->n_found; k++) {
		size_t i = k ? r->rows[k - 1].series : r->spec.target;

		r->shown.items[i].values =
			thinned(s->items[i].values, s->n_times, r->shown.n_times);
		series_forget(s, i, 1);
	}
	r->top = set_for(s, n_top + 1, CORRELATE_TOP_POINTS);
	for (size_t k = 0; k <= n_top; k++) {
		size_t i = k ? r->rows[k - 1].series : r->spec.target;

		r->top_series[k] = i;
		r->top.items[k] = copy_name(&s->items[i]);
		r->top.items[k].same_as = SIZE_MAX;
		r->top.items[k].values = thinned(s->items[i].values, s->n_times, r->top.n_times);
	}
}

void correlate_release(struct correlate_result *r)
{
	for (size_t i = 0; i < r->n_groups; i++)
		free(r->groups[i].members);
	free(r->groups);
	free(r->rows);
	free(r->target);
	series_set_release(&r->shown);
	series_set_release(&r->top);
	*r = (struct correlate_result){0};
}

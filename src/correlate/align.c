/*
 * Points of many series, each with its own clock, step and gaps, onto one axis. Nothing is guessed
 * about clocks that are off: a series whose times lie beside the others' is taken at the nearest
 * time, and that is said.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/parallel.h"
#include "correlate/series_axis.h"

struct point {
	double time_s, value;
};

/* The points of a series that are used: rising, different times, finite values. */
struct clean {
	struct point *points;
	size_t n;
	double step_s; /* its own; 0: it has fewer than two */
	size_t duplicate, unsorted, bad, resets;
	bool coarse, beside;
};

struct aligning {
	const struct series_points *points;
	const struct align_options *o;
	struct clean *clean;
	struct series_axis axis;
	struct series_set *out;
};

/* ---- the points of one ---- */

static int by_time(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	if (x->time_s != y->time_s)
		return x->time_s < y->time_s ? -1 : 1;
	if (isnan(x->value) || isnan(y->value))
		return isnan(y->value) - isnan(x->value);
	return x->value < y->value ? -1 : x->value > y->value;
}

/* Its step, from all times, those of gaps included: somebody looked then. */
static double step_of(const struct clean *c)
{
	double *times = mem_alloc(c->n + 1, sizeof(*times));
	double *spare = mem_alloc(c->n + 1, sizeof(*spare)), step;
	size_t n = 0;

	for (size_t k = 0; k < c->n; k++)
		if (!n || c->points[k].time_s > times[n - 1])
			times[n++] = c->points[k].time_s;
	step = series_step(times, n, spare);
	free(times);
	free(spare);
	return step;
}

/* What is known remains; equal times become one point with the mean of their values. */
static void merge(struct clean *c)
{
	size_t kept = 0;

	for (size_t i = 0, end; i < c->n; i = end) {
		double sum = 0;
		size_t known = 0;

		for (end = i; end < c->n && c->points[end].time_s == c->points[i].time_s; end++) {
			if (isnan(c->points[end].value))
				continue;
			sum += c->points[end].value;
			known++;
		}
		if (known)
			c->points[kept++] =
				(struct point){c->points[i].time_s, sum / (double)known};
		c->duplicate += end - i - 1;
	}
	c->n = kept;
}

static void clean_one(void *arg, size_t i)
{
	struct aligning *a = arg;
	const struct series_points *p = &a->points[i];
	struct clean *c = &a->clean[i];
	double from = isnan(a->o->from_s) ? -INFINITY : a->o->from_s;
	double to = isnan(a->o->to_s) ? INFINITY : a->o->to_s;

	c->points = mem_alloc(p->n + 1, sizeof(*c->points));
	for (size_t k = 0; k < p->n; k++) {
		double t = p->time_s[k];

		c->bad += !isfinite(t) || isinf(p->value[k]);
		if (!isfinite(t) || t < from || t > to)
			continue;
		c->unsorted += c->n && t < c->points[c->n - 1].time_s;
		c->points[c->n++] = (struct point){t, isinf(p->value[k]) ? NAN : p->value[k]};
	}
	if (c->unsorted)
		qsort(c->points, c->n, sizeof(*c->points), by_time);
	c->step_s = step_of(c);
	merge(c);
}

/* ---- the axis of all ---- */

static int by_step(const void *a, const void *b)
{
	double x = (*(struct clean *const *)a)->step_s, y = (*(struct clean *const *)b)->step_s;

	return x < y ? -1 : x > y;
}

/* The step that most series have, give or take a hundredth; of two that equally many have, the one
 * of more points. */
static double common_step(struct clean *clean, size_t n)
{
	struct clean **order = mem_alloc(n + 1, sizeof(*order));
	size_t m = 0, best_n = 0, best_points = 0, points = 0;
	double best = 0;

	for (size_t i = 0; i < n; i++)
		if (clean[i].step_s > 0)
			order[m++] = &clean[i];
	qsort(order, m, sizeof(*order), by_step);
	for (size_t low = 0, high = 0; low < m; points -= order[low++]->n) {
		for (; high < m && order[high]->step_s <= order[low]->step_s * 1.01; high++)
			points += order[high]->n;
		if (high - low > best_n || (high - low == best_n && points > best_points)) {
			best_n = high - low;
			best_points = points;
			best = order[low + best_n / 2]->step_s;
		}
	}
	free(order);
	return best;
}

/* A time that the axis should have: the first of the longest series with this step. */
static double common_time(const struct clean *clean, size_t n, double step_s)
{
	const struct clean *best = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct clean *c = &clean[i];
		bool fits = c->n && fabs(c->step_s - step_s) <= .01 * step_s;

		if (fits && (!best || c->n > best->n))
			best = c;
	}
	for (size_t i = 0; i < n && !best; i++)
		best = clean[i].n ? &clean[i] : NULL;
	return best ? best->points[0].time_s : 0;
}

static int say_nothing(const struct aligning *a, size_t n, struct err *err)
{
	double first = INFINITY, last = -INFINITY;
	char from[40], to[40];

	for (size_t i = 0; i < n; i++) {
		const struct series_points *p = &a->points[i];

		for (size_t k = 0; k < p->n; k++) {
			if (!isfinite(p->time_s[k]) || !isfinite(p->value[k]))
				continue;
			first = p->time_s[k] < first ? p->time_s[k] : first;
			last = p->time_s[k] > last ? p->time_s[k] : last;
		}
	}
	if (first > last)
		return err_set(err, ERR_INPUT, "there is no value with a time in %s",
			n == 1 ? "the series"
			: n    ? "any series"
			       : "it: there are no series");
	return err_set(err, ERR_INPUT,
		"no value lies between --from and --to; those that are there reach from %s to %s",
		series_time_text(first, from), series_time_text(last, to));
}

static int choose_axis(struct aligning *a, size_t n, struct err *err)
{
	double first = INFINITY, last = -INFINITY, step = a->o->step_s;
	char text[40];

	for (size_t i = 0; i < n; i++) {
		const struct clean *c = &a->clean[i];

		if (!c->n)
			continue;
		first = c->points[0].time_s < first ? c->points[0].time_s : first;
		last = c->points[c->n - 1].time_s > last ? c->points[c->n - 1].time_s : last;
	}
	if (first > last)
		return say_nothing(a, n, err);
	if (first == last)
		return err_set(err, ERR_INPUT,
			"all values have one time, %s; it takes many times to see what moves "
			"together",
			series_time_text(first, text));
	step = step > 0 ? step : common_step(a->clean, n);
	if (!(step > 0)) /* each series has one point, at different times */
		step = last - first;
	return series_axis_make(&a->axis, first, last, common_time(a->clean, n, step), step, n,
		ALIGN_VALUES_MAX, err);
}

/* ---- onto it ---- */

/* The points of one cell, from `i` to before `end`: which value, and when. */
static struct point cell_value(
	const struct aligning *a, const struct clean *c, size_t i, size_t end, size_t cell)
{
	double at = a->axis.start_s + (double)cell * a->axis.step_s;
	struct point out = c->points[i];

	if (a->o->how == ALIGN_MEAN) {
		out = (struct point){0, 0};
		for (size_t k = i; k < end; k++) {
			out.time_s += c->points[k].time_s / (double)(end - i);
			out.value += c->points[k].value / (double)(end - i);
		}
		return out;
	}
	for (const struct point *p = c->points + i; p < c->points + end; p++)
		if (fabs(p->time_s - at) < fabs(out.time_s - at))
			out = *p;
	return out;
}

static void place_one(void *arg, size_t i)
{
	struct aligning *a = arg;
	struct clean *c = &a->clean[i];
	struct series *s = &a->out->items[i];
	bool counter = s->kind == SERIES_COUNTER;
	double *times = counter ? mem_alloc(a->axis.n, sizeof(*times)) : NULL;
	size_t beside = 0;

	for (size_t t = 0; t < a->axis.n; t++)
		s->values[t] = NAN;
	for (size_t k = 0; k < c->n;) {
		size_t cell = series_axis_cell(&a->axis, c->points[k].time_s), end = k;
		struct point one;

		for (; end < c->n && series_axis_cell(&a->axis, c->points[end].time_s) == cell;
			end++)
			beside += series_axis_beside(&a->axis, c->points[end].time_s);
		c->coarse = c->coarse || end - k > 1;
		/* what a counter had grown to at the end of the cell, not in the middle of it */
		one = counter && a->o->how == ALIGN_MEAN ? c->points[end - 1]
							 : cell_value(a, c, k, end, cell);
		s->values[cell] = one.value;
		if (times)
			times[cell] = one.time_s;
		k = end;
	}
	c->beside = 2 * beside > c->n;
	c->coarse = c->coarse || beside;
	if (counter) /* it falls no more, so that counts nothing */
		series_rates(s->values, times, a->axis.n);
	free(times);
	free(c->points);
	c->points = NULL;
}

/* Resets between two points of one cell would be lost in it: a counter is made to grow first. */
static void unwrap(struct clean *c, size_t *resets)
{
	double before = 0, last = -INFINITY;

	for (size_t k = 0; k < c->n; k++) {
		double v = c->points[k].value;

		if (v < last) {
			before += last;
			++*resets;
		}
		last = v;
		c->points[k].value = before + v;
	}
}

static void count(struct series_set *out, const struct aligning *a, size_t n)
{
	size_t beside = 0;
	char step[NUM_TEXT];

	for (size_t i = 0; i < n; i++) {
		const struct clean *c = &a->clean[i];

		out->points_read += a->points[i].n;
		out->points_duplicate += c->duplicate;
		out->points_unsorted += c->unsorted;
		out->points_bad += c->bad;
		out->resampled =
			out->resampled || c->coarse || c->beside ||
			(c->step_s > 0 && fabs(c->step_s - out->step_s) > .01 * out->step_s);
		beside += c->beside;
		out->gaps += out->n_times - out->items[i].known;
	}
	if (beside && n > 1)
		series_note(out,
			"The times of %zu of the %zu series lie beside the common ones; they were "
			"taken at the nearest common time, up to half a step (%s) off.",
			beside, n, num_duration(out->step_s / 2, step));
}

int series_align(struct series_set *out, const struct series_points *points, size_t n,
	const struct align_options *o, struct err *err)
{
	struct aligning a = {points, o, mem_zalloc(n + 1, sizeof(*a.clean)), {0}, out};
	int rc;

	*out = (struct series_set){0};
	if (n > SERIES_MAX) {
		rc = err_set(err, ERR_INPUT, "%zu series are too many; it takes %d", n, SERIES_MAX);
		goto out;
	}
	parallel_for(0, n, clean_one, &a);
	rc = choose_axis(&a, n, err);
	if (rc)
		goto out;
	out->start_s = a.axis.start_s;
	out->step_s = a.axis.step_s;
	out->n_times = a.axis.n;
	out->n = out->cap = n;
	out->items = mem_zalloc(n, sizeof(*out->items));
	out->memory = mem_alloc(n * a.axis.n, sizeof(double));
	for (size_t i = 0; i < n; i++) {
		out->items[i] = (struct series){.name = mem_strdup(points[i].name),
			.family = mem_strdup(points[i].family ? points[i].family : ""),
			.kind = points[i].kind,
			.values = out->memory + i * a.axis.n};
		if (points[i].kind == SERIES_COUNTER)
			unwrap(&a.clean[i], &out->items[i].resets);
	}
	parallel_for(0, n, place_one, &a);
	series_mark(out);
	count(out, &a, n);
out:
	for (size_t i = 0; i < n; i++)
		free(a.clean[i].points);
	free(a.clean);
	return rc;
}

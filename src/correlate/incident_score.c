/*
 * At each width h = 1, 2, 4, …: the mean of h steps less the mean of the 2h before them. Within the
 * stretch before the incident such differences are the null: their size gives the unit of the score
 * and their tail the p-value. Two tails are held against it and the larger p taken: Student's, with
 * as many degrees of freedom as windows fit into the stretch, and a generalised Pareto tail
 * (Pickands 1975), whose shape comes from the narrowest width, where there is most to see of it.
 */
#include "correlate/incident_score.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/mem.h"
#include "stats/dist.h"

enum {
	WINDOWS_MIN = 8,
	TAIL_PART = 5, /* of all are the tail */
	TAIL_MIN = 8,
	AVERAGED = 4,
};
/* By as many standard errors the shape is taken as heavier than it looks: with fewer, one heavy
 * tail among hundreds that looks light is enough for a false alarm (bench/incident_errors). */
static const double SHAPE_ERRORS = 3;

void incident_scratch_init(struct incident_scratch *w, size_t n)
{
	*w = (struct incident_scratch){.sum = mem_alloc(n + 1, sizeof(double)),
		.usual = mem_alloc(n + 1, sizeof(double)),
		.spare = mem_alloc(n + 1, sizeof(double)),
		.clipped = mem_alloc(n + 1, sizeof(double)),
		.count = mem_alloc(n + 1, sizeof(size_t))};
}

void incident_scratch_release(struct incident_scratch *w)
{
	free(w->sum);
	free(w->usual);
	free(w->spare);
	free(w->clipped);
	free(w->count);
}

/* Hoare's FIND (1961). */
double incident_select(double *v, size_t n, size_t k)
{
	ptrdiff_t low = 0, high = (ptrdiff_t)n - 1, want = (ptrdiff_t)k;

	while (low < high) {
		double pivot = v[want];
		ptrdiff_t i = low, j = high;

		do {
			while (v[i] < pivot)
				i++;
			while (pivot < v[j])
				j--;
			if (i <= j) {
				double swap = v[i];

				v[i++] = v[j];
				v[j--] = swap;
			}
		} while (i <= j);
		if (j < want)
			low = i;
		if (want < i)
			high = j;
	}
	return v[k];
}

/* ---- differences of window means ---- */

void incident_sums(struct incident_scratch *w, const double *x, size_t n)
{
	double level = 0;

	for (size_t t = 0; t < n; t++)
		if (isfinite(x[t])) { /* sums near 0 keep their digits */
			level = x[t];
			break;
		}
	w->sum[0] = 0;
	w->count[0] = 0;
	for (size_t t = 0; t < n; t++) {
		bool known = isfinite(x[t]);

		w->sum[t + 1] = w->sum[t] + (known ? x[t] - level : 0);
		w->count[t + 1] = w->count[t] + known;
	}
}

/* NaN where less than half is known. */
static double mean_of(const struct incident_scratch *w, size_t from, size_t to)
{
	size_t known = w->count[to] - w->count[from];

	return 2 * known < to - from || !known ? NAN : (w->sum[to] - w->sum[from]) / (double)known;
}

double incident_change(const struct incident_scratch *w, size_t at, size_t width)
{
	return mean_of(w, at, at + width) - mean_of(w, at - 2 * width, at);
}

/* As it is judged. */
static double change_at(const struct incident_scratch *w, size_t at, size_t width)
{
	return incident_change(w, at, width) / (w->factor ? w->factor[at] : 1);
}

/* The smallest step that the values take: what never moved before has this as its movement. */
static double resolution(const double *x, size_t n)
{
	double least = INFINITY, last = NAN;

	for (size_t t = 0; t < n; t++) {
		double step = fabs(x[t] - last);

		if (step > 0 && step < least)
			least = step;
		last = isfinite(x[t]) ? x[t] : last;
	}
	return isfinite(least) ? least : 0;
}

/* ---- the tail of what is usual ---- */

/* Shape of the tail above the k largest of n, which stand last: Dekkers, Einmahl and de Haan 1989,
 * to the safe side. */
static double tail_shape(const double *v, size_t n, size_t k, double threshold)
{
	double first = 0, second = 0, shape;
	size_t m = 0;

	for (size_t i = n - k; i < n; i++) {
		double l = threshold > 0 && v[i] > threshold ? log(v[i] / threshold) : 0;

		first += l;
		second += l * l;
		m += l > 0;
	}
	if (m < TAIL_MIN)
		return .5;
	first /= (double)k;
	second /= (double)k;
	shape = first + 1 - .5 / (1 - first * first / second);
	shape += SHAPE_ERRORS * sqrt((1 + shape * shape) / (double)k);
	return fmin(fmax(shape, 0), 2);
}

/* P that one difference is larger than `size`, by the Pareto tail above the k largest. */
static double pareto_tail(
	double *v, size_t n, size_t k, double threshold, double shape, double unit, double size)
{
	double excess, scale;

	if (size <= threshold)
		return 1;
	for (size_t i = n - k; i < n; i++)
		v[i] -= threshold;
	excess = incident_select(v + n - k, k, k / 2);
	scale = shape > 1e-6 ? excess * shape / (pow(2, shape) - 1) : excess / M_LN2;
	scale = fmax(scale, unit * .25);
	size -= threshold;
	return (double)k / (double)n *
	       (shape > 1e-6 ? pow(1 + shape * size / scale, -1 / shape) : exp(-size / scale));
}

/* Up and down again are changes of one size; it began with the first that comes near the largest.
 */
static void go_to_first(struct incident_score *out, const struct incident_window *win,
	const struct incident_scratch *w)
{
	for (size_t t = win->from; t < out->at; t++) {
		double d = incident_change(w, t - win->start, out->width);

		if (fabs(d) >= .75 * fabs(out->change)) {
			out->change = d;
			out->at = t;
		}
	}
}

/* What is known of the tail, from the narrowest width. */
struct tail {
	double shape, unit; /* unit 0: not looked at yet */
	bool bounded;       /* the values are clipped */
};

/*
 * The mean of values none of which is far out is as good as normal when it is over a few that have
 * little to do with each other. Over how many it is shows in how much smaller it is than one of
 * them.
 */
static double shape_at(const struct tail *tail, double unit)
{
	double many = unit > 0 ? tail->unit * tail->unit / (unit * unit) : 1;

	if (!tail->bounded || many <= 1)
		return tail->shape;
	return many >= AVERAGED ? 0 : tail->shape * (AVERAGED - many) / (AVERAGED - 1);
}

struct at_width {
	size_t width, at;
	double change; /* the largest within the incident */
	double unit;   /* of what is usual */
	double p;
};

/* The largest change of this width; false where the incident knows too little. */
static bool largest(
	struct at_width *a, const struct incident_window *win, const struct incident_scratch *w)
{
	bool any = false;

	for (size_t t = win->from; t + a->width <= win->to; t++) {
		double d = change_at(w, t - win->start, a->width);

		if (isfinite(d) && (!any || fabs(d) > fabs(a->change))) {
			a->change = d;
			a->at = t;
			any = true;
		}
	}
	return any;
}

/* Its p, over all places in the incident. */
static bool judge(struct at_width *a, const struct incident_window *win, double least,
	struct tail *tail, struct incident_scratch *w)
{
	size_t before = win->from - win->start, stride = a->width / 4 + 1, n = 0, k;
	double squares = 0, threshold, size = fabs(a->change), df, places, p;

	for (size_t t = 2 * a->width; t + a->width <= before; t += stride) {
		double d = fabs(change_at(w, t, a->width));

		if (!isfinite(d))
			continue;
		w->usual[n++] = d;
		squares += d * d;
	}
	df = (double)n * (double)stride / (double)a->width;
	if (df < WINDOWS_MIN)
		return false;
	a->unit = sqrt(squares / (double)n);
	a->unit = fmax(a->unit, a->unit > 0 || tail->unit > 0 ? least / (double)a->width : least);
	k = n / TAIL_PART > TAIL_MIN ? n / TAIL_PART : TAIL_MIN;
	k = k < n / 2 ? k : n / 2;
	threshold = incident_select(w->usual, n, n - k - 1);
	if (a->width == 1 || !(tail->unit > 0))
		*tail = (struct tail){tail_shape(w->usual, n, k, threshold),
			sqrt(squares / (double)n), tail->bounded};
	p = a->unit > 0 ? dist_t_two_sided(size / a->unit, df) : 1;
	p = fmax(p, pareto_tail(w->usual, n, k, threshold,
			    shape_at(tail, sqrt(squares / (double)n)), a->unit, size));
	places = (double)(win->to - win->from) / (double)a->width;
	places = places > 1 ? 2 * places : 1;
	a->p = fmin(1, p * places);
	return true;
}

/* All widths; the best, with p over all of them. */
static bool score_all(struct incident_score *out, const double *values,
	const struct incident_window *win, const struct incident_common *common, bool bounded,
	struct incident_scratch *w)
{
	size_t n = win->to - win->start, tried = 0, k = 0;
	double least = resolution(values, n);
	struct tail tail = {.bounded = bounded};

	*out = (struct incident_score){.p = 2, .at = win->from, .width = 1};
	incident_sums(w, values, n);
	for (size_t width = 1; width <= win->to - win->from; width *= 2, k++) {
		struct at_width a = {.width = width};

		w->factor = k < common->n ? common->factor[k] : NULL;
		if (!largest(&a, win, w))
			continue;
		if (!judge(&a, win, least, &tail, w))
			break;
		tried++;
		if (a.p < out->p)
			*out = (struct incident_score){
				.score = a.unit > 0 ? fabs(a.change) / a.unit : 0,
				.p = a.p,
				.change = incident_change(w, a.at - win->start, width),
				.at = a.at,
				.width = width};
	}
	if (tried)
		go_to_first(out, win, w);
	out->p = fmin(1, out->p * (double)tried);
	return tried > 0;
}

/* The values, none further from the middle eight tenths of those before than these are wide: what
 * lasts still shows, and single wild ones do not hide it. */
static bool clip(double *out, const double *values, size_t n, size_t before, double *spare)
{
	double low, high, width;
	size_t known = 0;
	bool any = false;

	for (size_t t = 0; t < before; t++)
		if (isfinite(values[t]))
			spare[known++] = values[t];
	if (known < WINDOWS_MIN)
		return false;
	low = incident_select(spare, known, known / 10);
	high = incident_select(spare, known, known - 1 - known / 10);
	width = high - low;
	for (size_t t = 0; t < n; t++) {
		out[t] = values[t] > high + width  ? high + width
			 : values[t] < low - width ? low - width
						   : values[t];
		any = any || out[t] != values[t];
	}
	return width > 0 && any;
}

bool incident_score(struct incident_score *out, const double *values,
	const struct incident_window *win, const struct incident_common *common,
	struct incident_scratch *w)
{
	size_t n = win->to - win->start;
	struct incident_score clipped;

	if (!score_all(out, values + win->start, win, common, false, w))
		return false;
	if (clip(w->clipped, values + win->start, n, win->from - win->start, w->spare) &&
		score_all(&clipped, w->clipped, win, common, true, w) && clipped.p < out->p)
		*out = clipped;
	out->p = fmin(1, 2 * out->p);
	return true;
}

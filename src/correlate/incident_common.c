#include "correlate/incident_common.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/parallel.h"

enum {
	SAMPLE = 256,    /* series */
	SAMPLE_MIN = 24, /* those of one recording move together anyway */
	SURE = 4,        /* standard errors from 0 at which agreement is none by chance */
	ROOM = 2,        /* a wave may be this much larger than any before */
};
static const double LEAST = .125; /* calmer than this counts as this */

struct look {
	const struct series_set *set;
	const struct incident_window *window;
	size_t series[SAMPLE], n, steps;
	float *sizes;  /* of changes, in their medians before: n × steps; NaN: not known */
	double *of[2]; /* log of the median size at each step, of two halves of the sample */
};

static void look_at(void *arg, size_t k)
{
	struct look *l = arg;
	const struct incident_window *win = l->window;
	float *sizes = l->sizes + k * l->steps;
	struct incident_scratch w;
	size_t known = 0;
	double middle = 0;

	incident_scratch_init(&w, l->steps);
	incident_sums(&w, l->set->items[l->series[k]].values + win->start, l->steps);
	for (size_t t = 0; t < l->steps; t++) {
		double size = t < 2 ? NAN : fabs(incident_change(&w, t, 1));

		sizes[t] = (float)size;
		if (isfinite(size) && t < win->from - win->start)
			w.usual[known++] = size;
	}
	if (known)
		middle = incident_select(w.usual, known, known / 2);
	for (size_t t = 0; t < l->steps; t++)
		sizes[t] = middle > 0 ? (float)(sizes[t] / middle) : NAN;
	incident_scratch_release(&w);
	series_forget(l->set, l->series[k], 1);
}

/* Each half's logarithm of the median. */
static void find_medians(struct look *l)
{
	double values[SAMPLE];

	for (int half = 0; half < 2; half++) {
		for (size_t t = 0; t < l->steps; t++) {
			size_t known = 0;

			for (size_t k = (size_t)half; k < l->n; k += 2)
				if (isfinite(l->sizes[k * l->steps + t]))
					values[known++] = l->sizes[k * l->steps + t];
			l->of[half][t] = known * 4 < l->n
						 ? NAN
						 : log(fmax(LEAST, incident_select(values, known,
									   known / 2)));
		}
	}
}

/* How much of the variance of the halves' mean is common to both, before the incident; 0 where it
 * may be chance. */
static double agreement(const struct look *l)
{
	const double *a = l->of[0], *b = l->of[1];
	double n = 0, ma = 0, mb = 0, aa = 0, bb = 0, ab = 0, r;
	size_t before = l->window->from - l->window->start;

	for (size_t t = 2; t < before; t++) {
		if (!isfinite(a[t]) || !isfinite(b[t]))
			continue;
		n++;
		ma += a[t];
		mb += b[t];
	}
	if (n < 2)
		return 0;
	ma /= n;
	mb /= n;
	for (size_t t = 2; t < before; t++) {
		if (!isfinite(a[t]) || !isfinite(b[t]))
			continue;
		aa += (a[t] - ma) * (a[t] - ma);
		bb += (b[t] - mb) * (b[t] - mb);
		ab += (a[t] - ma) * (b[t] - mb);
	}
	r = aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
	if (r <= 0 || r * sqrt(n / 3) < SURE)
		return 0;
	return fmin(1, 4 * ab / (aa + bb + 2 * ab));
}

/* Of width 1. */
static double *narrowest(const struct look *l, double share)
{
	double *f = mem_alloc(l->steps + 1, sizeof(*f)), most = 0;
	size_t before = l->window->from - l->window->start;

	for (size_t t = 0; t < l->steps; t++) {
		double both = (l->of[0][t] + l->of[1][t]) / 2;

		f[t] = isfinite(both) ? exp(share * both) : 1;
		if (t < before)
			most = fmax(most, f[t]);
		else
			f[t] = fmin(f[t], ROOM * most);
	}
	return f;
}

/* As the variance of the change goes: about half of it comes from each side (two thirds from the
 * later one where values are independent, one third where their changes are). */
static double *wider(const double *sum, size_t steps, size_t width)
{
	double *f = mem_alloc(steps + 1, sizeof(*f));

	for (size_t t = 0; t < steps; t++)
		f[t] = t < 2 * width || t + width > steps
			       ? 1
			       : sqrt((sum[t + width] - sum[t]) / (double)(2 * width) +
					 (sum[t] - sum[t - 2 * width]) / (double)(4 * width));
	return f;
}

static void choose(struct look *l)
{
	size_t stride = l->set->n / SAMPLE + 1;

	for (size_t i = 0; i < l->set->n && l->n < SAMPLE; i += stride)
		if (!l->set->items[i].constant && l->set->items[i].same_as == SIZE_MAX)
			l->series[l->n++] = i;
}

static void make_factors(struct incident_common *out, const struct look *l, double share)
{
	size_t length = l->window->to - l->window->from;
	struct incident_scratch squares;

	out->factor[out->n++] = narrowest(l, share);
	incident_scratch_init(&squares, l->steps);
	squares.sum[0] = 0;
	for (size_t t = 0; t < l->steps; t++)
		squares.sum[t + 1] = squares.sum[t] + out->factor[0][t] * out->factor[0][t];
	for (size_t width = 2; width <= length && out->n < INCIDENT_WIDTHS; width *= 2)
		out->factor[out->n++] = wider(squares.sum, l->steps, width);
	incident_scratch_release(&squares);
}

void incident_common_find(struct incident_common *out, const struct series_set *s,
	const struct incident_window *window, unsigned threads)
{
	size_t steps = window->to - window->start;
	struct look l = {.set = s, .window = window, .steps = steps};
	double share;

	*out = (struct incident_common){0};
	choose(&l);
	if (l.n < SAMPLE_MIN)
		return;
	l.sizes = mem_alloc(l.n * steps, sizeof(*l.sizes));
	l.of[0] = mem_alloc(2 * steps, sizeof(double));
	l.of[1] = l.of[0] + steps;
	parallel_for(threads, l.n, look_at, &l);
	find_medians(&l);
	share = agreement(&l);
	if (share > 0)
		make_factors(out, &l, share);
	free(l.sizes);
	free(l.of[0]);
}

void incident_common_release(struct incident_common *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->factor[i]);
	*c = (struct incident_common){0};
}

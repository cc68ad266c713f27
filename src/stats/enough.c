#include "stats/enough.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

/* The interval must have been narrow enough for so many looks in a row, and for this share of the
 * slices that are kept. */
enum { HELD = 3 };
#define HELD_SHARE .15

/* A cut may leave four tenths. */
#define CUT_MOST .6

static double sum_of(const double *v, size_t from, size_t n)
{
	double sum = 0;

	for (size_t i = from; i < n; i++)
		sum += v[i];
	return sum;
}

/* Counts without what waiting alone explains, whose mean is that of the slices from `mean_from`. */
static void adjust(
	double *out, const struct enough_slices *s, size_t skip, size_t mean_from, double tolerance)
{
	double n = (double)(s->n - mean_from), count = sum_of(s->y, mean_from, s->n), busy = 0;

	if (s->busy)
		busy = sum_of(s->busy, mean_from, s->n);
	bool little = busy > 0 && count > 0 && fabs(busy / n / s->users_s - 1) <= tolerance;

	for (size_t i = skip; i < s->n; i++) {
		out[i - skip] = s->y[i];
		if (little)
			out[i - skip] -= (s->busy[i] - busy / n) * count / busy;
	}
}

void enough_series(double *out, const struct enough_slices *s, size_t skip, double tolerance)
{
	adjust(out, s, skip, skip, tolerance);
}

size_t enough_cut(const struct enough *e, const struct enough_slices *s)
{
	double *y = mem_alloc(s->n + 1, sizeof(*y));
	size_t wanted, cut = 0;

	if (!e->cuts || !s->n) {
		free(y);
		return 0;
	}
	/* The second half is steadier than the first. */
	adjust(y, s, 0, s->n / 2, e->precision / 2);
	wanted = steady_mser(y, s->n);
	for (size_t i = 0; cut < wanted && i < e->n_ends; i++) {
		if ((double)e->ends[i] > CUT_MOST * (double)s->n)
			break;
		cut = e->ends[i];
	}
	free(y);
	return cut;
}

static bool narrow(const struct enough *e)
{
	const struct steady *s = &e->steady;

	return s->known && s->mean > 0 && s->half_width <= e->precision * s->mean && !s->drifts;
}

bool enough_judge(struct enough *e, const struct enough_slices *s)
{
	double *y = mem_alloc(s->n + 1, sizeof(*y));
	size_t kept;

	e->n = s->n;
	e->cut = enough_cut(e, s);
	kept = s->n - e->cut;
	enough_series(y, s, e->cut, e->precision / 2);
	steady_judge(&e->steady, y, kept);
	free(y);
	if (kept < ENOUGH_LEAST || !narrow(e)) {
		e->held = 0;
		return false;
	}
	e->held++;
	return s->n >= e->least && e->held >= HELD && (double)e->held >= HELD_SHARE * (double)kept;
}

/*
 * Intervals. The tests of pairs.c ask whether a series has nothing to do with the target; an
 * interval has to hold a coefficient that is large as well, and then three things matter that do
 * not without a relation:
 *
 * Ranks among n steps are not those of the population. The filter amplifies what that adds, where
 * the target was no random walk, and r is too small. How much it is shows in ranks among half of
 * the steps, which cost twice as much: what a sum loses from n/2 to n, it loses from n to ∞.
 *
 * The filter was fitted to the target, so of the target less is left than of what else is in the
 * other series: order / n less here, as much more there.
 *
 * Where variances rise and fall together, a few stretches decide. The standard error is that of a
 * jackknife over blocks (Quenouille 1949, Tukey 1958; overlapping: Künsch 1989), as long as the
 * target's variance remembers.
 */
#include <math.h>

#include "correlate/correlate_work.h"
#include "stats/dist.h"

/* Below this p an interval is refined: where it holds 0, all of this is small against its width. */
static const double REFINED_BELOW = .05;
static const double LEAVES_0 = .98;  /* of the way from r to 0 that a jackknife may take */
static const double LEAST_LEFT = .5; /* of the variance, without what ranks add */

bool corr_is_refined(const struct corr_axis *a, const struct corr_pair *p)
{
	return a->method == CORRELATE_ROBUST && p->p < REFINED_BELOW && p->r * p->r < 1 - 1e-9;
}

/* r without what the ranks add to either variance and to what both share. */
static double without_ranks(const struct corr_overlap *o, const struct corr_overlap *h)
{
	double xx = 2 / (o->scale_x * o->scale_x) - 1 / (h->scale_x * h->scale_x),
	       yy = 2 / (o->scale_y * o->scale_y) - 1 / (h->scale_y * h->scale_y),
	       xy = 2 * o->r / (o->scale_x * o->scale_y) - h->r / (h->scale_x * h->scale_y), r;

	if (!(xx > LEAST_LEFT) || !(yy > LEAST_LEFT))
		return o->r;
	r = xy / sqrt(xx * yy);
	return r * o->r > 0 && fabs(r) < 1 ? r : o->r;
}

/* r before the filter was fitted to the target: r / √(1 − r²) is the ratio of what the target
 * explains to the rest. */
static double before_fit(double r, double order, double n)
{
	double ratio = r / sqrt(1 - r * r) * sqrt((n + order) / (n - order));

	return ratio / sqrt(1 + ratio * ratio);
}

/* Sums over a block. */
struct block {
	double n, xx, yy, xy;
};

static void block_add(struct block *b, const struct corr_overlap *o, size_t t, double sign)
{
	double known = sign * o->mx[t] * o->my[t], zx = (o->x[t] - o->mean_x) * o->scale_x,
	       zy = (o->y[t] - o->mean_y) * o->scale_y;

	b->n += known;
	b->xx += known * zx * zx;
	b->yy += known * zy * zy;
	b->xy += known * zx * zy;
}

/*
 * The standard error of atanh(r) by leaving out each block of `window` steps, those that hang over
 * the ends as well, and its degrees of freedom as in newey_west(). Where a block has a third of all
 * squares, r without it says more than a derivative.
 */
static double jackknife(size_t window, const struct corr_overlap *o, double *df)
{
	double squares = 0, fourths = 0, m = (double)o->m, n = o->n;
	struct block b = {0};

	for (size_t t = 0; t < o->m + window - 1; t++) {
		double change, left;

		if (t < o->m)
			block_add(&b, o, t, 1);
		left = (n - b.xx) * (n - b.yy);
		change = left > 0 ? (n - b.n) * (o->r - (n * o->r - b.xy) / sqrt(left)) : 0;
		squares += change * change;
		fourths += change * change * change * change;
		if (t + 1 >= window)
			block_add(&b, o, t + 1 - window, -1);
	}
	*df = fmin(m, fourths > 0 ? 3 * squares * squares / fourths : m) * 1.5 / (double)window;
	return sqrt(squares / (double)window / (1 - (double)window / m)) / n / (1 - o->r * o->r);
}

/* Quantile of Student's t from the normal one (Abramowitz and Stegun 26.7.5): for widths of
 * intervals good enough, and a thousand times faster than the exact one. */
static double t_from_normal(double z, double df)
{
	double z2 = z * z;

	return z + z * (z2 + 1) / (4 * df) + z * ((5 * z2 + 16) * z2 + 3) / (96 * df * df) +
	       z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * df * df * df);
}

static double half_width(double se, double df, double z)
{
	return se * (isinf(df) ? z : t_from_normal(z, df));
}

void corr_refine(const struct corr_axis *a, const struct corr_values *x,
	const struct corr_values *y, const struct corr_values *x_halves,
	const struct corr_values *y_halves, struct corr_pair *p)
{
	static const double Z = 1.96;
	double taken = (double)(a->n_basis - 1 + a->order) + (a->given != NULL), r, se, df, added,
	       wide, narrow;
	struct corr_overlap o, h;

	if (!corr_overlap(a, x, y, p->lag, &o))
		return;
	se = jackknife(a->memory, &o, &df) * sqrt(o.n / (o.n - taken));
	wide = half_width(se, df, Z);
	narrow = half_width(p->se, p->df, Z);
	if (wide > narrow) {
		/* what the tests tell from 0 stays so: p is theirs */
		p->se = se * fmin(1, fmax(narrow, LEAVES_0 * fabs(atanh(o.r))) / wide);
		p->df = df;
	}
	if (!a->order || !corr_overlap(a, x_halves, y_halves, p->lag, &h))
		return;
	r = without_ranks(&o, &h);
	/* what two halves say of it is uncertain by about half of it */
	added = (atanh(r) - atanh(o.r)) / 2;
	p->se = sqrt(p->se * p->se + added * added);
	p->r = before_fit(r, (double)a->order, o.n);
}

void corr_interval(const struct corr_pair *p, double confidence, double *low, double *high)
{
	double width = half_width(p->se, p->df, dist_normal_quantile((1 + confidence) / 2));

	*low = fabs(p->r) < 1 ? tanh(atanh(p->r) - width) : p->r;
	*high = fabs(p->r) < 1 ? tanh(atanh(p->r) + width) : p->r;
}

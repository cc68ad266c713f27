/*
 * One series against the target at one lag: r, and its p by two tests that fail in different
 * places.
 *
 * Bartlett (1935, 1946): the variance of r of two unrelated series is Σ ρx(k) ρy(k) / n. It knows
 * all about autocorrelation and nothing about variances that rise and fall together.
 *
 * Newey and West (1987): the long-run variance of r's influence function, with Bartlett's kernel.
 * It knows both, but only over a narrow window, for it is noisy over a wide one; Student's t with
 * the degrees of freedom that it has (Kiefer and Vogelsang 2005) makes up for that. Bartlett's
 * kernel makes it cheap: it is the mean square of moving sums.
 */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "correlate/correlate_work.h"
#include "stats/dist.h"

double correlate_pearson_p(double r, size_t n)
{
	double p;

	if (n < 3)
		return n == 2 ? 1 : NAN;
	/* (1 + r) / 2 has a beta distribution: the tail keeps its digits where r is near 1 */
	p = 2 * dist_beta_cdf((1 - fabs(r)) / 2, (double)n / 2 - 1, (double)n / 2 - 1);
	return p > 1 ? 1 : p;
}

bool corr_overlap(const struct corr_axis *a, const struct corr_values *x,
	const struct corr_values *y, long lag, struct corr_overlap *o)
{
	size_t shift = (size_t)(lag < 0 ? -lag : lag), from_x = lag < 0 ? shift : 0,
	       from_y = lag < 0 ? 0 : shift;
	double sxx, syy, sxy;
	int m;

	if (shift + CORRELATE_PAIRS_MIN > a->n)
		return false;
	*o = (struct corr_overlap){.m = a->n - shift,
		.x = x->z + from_x,
		.mx = x->mask + from_x,
		.y = y->z + from_y,
		.my = y->mask + from_y};
	m = (int)o->m;
	o->n = x->whole && y->whole ? (double)o->m : cblas_ddot(m, o->mx, 1, o->my, 1);
	if (o->n < CORRELATE_PAIRS_MIN)
		return false;
	o->mean_x = cblas_ddot(m, o->x, 1, o->my, 1) / o->n;
	o->mean_y = cblas_ddot(m, o->y, 1, o->mx, 1) / o->n;
	sxx = cblas_ddot(m, x->squares + from_x, 1, o->my, 1) - o->n * o->mean_x * o->mean_x;
	syy = cblas_ddot(m, y->squares + from_y, 1, o->mx, 1) - o->n * o->mean_y * o->mean_y;
	sxy = cblas_ddot(m, o->x, 1, o->y, 1) - o->n * o->mean_x * o->mean_y;
	if (!(sxx > 1e-9 * o->n) || !(syy > 1e-9 * o->n))
		return false;
	o->scale_x = sqrt(o->n / sxx);
	o->scale_y = sqrt(o->n / syy);
	o->r = sxy / sqrt(sxx * syy);
	o->r = o->r > 1 ? 1 : o->r < -1 ? -1 : o->r;
	return true;
}

double corr_pair_r(const struct corr_axis *a, const struct corr_values *x,
	const struct corr_values *y, long lag)
{
	struct corr_overlap o;

	return corr_overlap(a, x, y, lag, &o) ? o.r : NAN;
}

/* By how much the sum of the products varies more than that of independent ones; at least 1, for
 * less is more often chance than truth. */
static double bartlett_factor(const struct corr_axis *a, const struct corr_values *x,
	const struct corr_values *y, const struct corr_overlap *o, struct corr_scratch *w)
{
	bool whole = x->whole && y->whole;
	double factor = 1;

	if (!whole)
		for (size_t t = 0; t < o->m; t++)
			w->a[t] = o->mx[t] * o->my[t];
	for (size_t k = 1; k <= a->acf_lags && k < o->m; k++) {
		double pairs = whole ? (double)(o->m - k)
				     : cblas_ddot((int)(o->m - k), w->a, 1, w->a + k, 1);

		factor += 2 * pairs / o->n * x->acf[k] * y->acf[k];
	}
	return factor > 1 ? factor : 1;
}

/*
 * Standard error of atanh(r) by Newey and West, and the degrees of freedom that it has: those of
 * its window (variance of the estimate: 4/3 window / n), fewer where a few stretches make up most
 * of it, by Satterthwaite's rule from the fourth moments of the moving sums.
 */
static double newey_west(
	const struct corr_axis *a, const struct corr_overlap *o, double *u, double *df)
{
	size_t window = a->bandwidth + 1;
	double sum = 0, squares = 0, fourths = 0, variance, half = o->r / 2, m = (double)o->m;

	for (size_t t = 0; t < o->m; t++) {
		double zx = (o->x[t] - o->mean_x) * o->scale_x,
		       zy = (o->y[t] - o->mean_y) * o->scale_y;

		u[t] = o->mx[t] * o->my[t] * (zx * zy - half * (zx * zx + zy * zy));
	}
	for (size_t t = 0; t < o->m + window - 1; t++) {
		double square;

		if (t < o->m)
			sum += u[t];
		square = sum * sum;
		squares += square;
		fourths += square * square;
		if (t + 1 >= window)
			sum -= u[t + 1 - window];
	}
	/* m where the sums are normal and of one variance: their kurtosis is 3 then */
	*df = fmin(m, fourths > 0 ? 3 * squares * squares / fourths : m);
	*df *= 1.5 / (double)window;
	/* what taking out the mean costs it: a share of window / n */
	variance = squares / (double)window / o->n / (1 - (double)window / m);
	return sqrt(variance / o->n) / (1 - o->r * o->r);
}

void corr_pair(const struct corr_axis *a, const struct corr_values *x, const struct corr_values *y,
	long lag, struct corr_scratch *w, struct corr_pair *out)
{
	/* what was fitted: all that was taken out, and the filter, whose first values have no past
	 */
	double taken = (double)(a->n_basis - 1 + a->order) + (a->given != NULL), df, p, se,
	       unexplained;
	struct corr_overlap o;

	*out = (struct corr_pair){.r = NAN, .p = NAN, .lag = lag};
	if (!corr_overlap(a, x, y, lag, &o))
		return;
	out->r = o.r;
	out->n = (size_t)o.n;
	out->df = INFINITY;
	unexplained = 1 - o.r * o.r;
	if (a->method == CORRELATE_PEARSON_DIFF) {
		size_t n = out->n - (size_t)taken;

		out->n_eff = (double)n;
		out->p = correlate_pearson_p(o.r, n);
		out->se = n > 3 ? 1 / sqrt((double)n - 3) : INFINITY;
		return;
	}
	out->n_eff = fmax(3.5, (o.n - taken) / bartlett_factor(a, x, y, &o, w));
	out->se = 1 / sqrt(out->n_eff - 3);
	if (unexplained < 1e-14) {
		out->p = 0;
		return;
	}
	df = out->n_eff - 2;
	out->p = dist_t_two_sided(o.r * sqrt(df / unexplained), df);
	se = newey_west(a, &o, w->a, &df) * sqrt(o.n / (o.n - taken));
	p = se > 0 ? dist_t_two_sided(atanh(o.r) / se, df) : 1;
	out->p = fmax(out->p, p);
	if (se > out->se) {
		out->se = se;
		out->df = df;
	}
}

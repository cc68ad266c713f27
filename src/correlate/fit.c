/*
 * What the target's autocorrelations decide for all: a filter that makes it white, and how far the
 * two tests must look.
 */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "correlate/correlate_work.h"

enum { LEAST = 20 };

void corr_acf(const struct corr_axis *a, struct corr_values *v, size_t lags)
{
	double variance = v->known ? 1 : 0; /* z is normalised */

	v->acf[0] = 1;
	for (size_t k = 1; k <= lags; k++) {
		int m = (int)(a->n - k);
		double sum = cblas_ddot(m, v->z, 1, v->z + k, 1);
		double count = v->whole ? m : cblas_ddot(m, v->mask, 1, v->mask + k, 1);

		v->acf[k] = count >= 1 && variance > 0 ? sum / count : 0;
	}
}

/*
 * A target that is white leaves little to correct: the variance of r is 1/n then, whatever the
 * other series is like, and no information is lost (differences of what was noise already have half
 * of their variance in common with their neighbours). So the target's autoregression, fitted by
 * Levinson (1947) and Durbin (1960), its order by Schwarz's criterion (1978), is taken out of both
 * sides: the same filter on both keeps a linear relation as it is (Cochrane and Orcutt 1949).
 */
static void fit_filter(struct corr_axis *a, const struct corr_values *target, size_t most)
{
	double phi[CORR_ORDER_MAX + 1] = {0}, last[CORR_ORDER_MAX + 1], variance = 1, least = 0,
				    n = (double)target->known;

	a->filter = mem_zalloc(CORR_ORDER_MAX + 1, sizeof(double));
	a->order = 0;
	for (size_t p = 1; p <= most; p++) {
		double partial = target->acf[p], criterion;

		for (size_t k = 1; k < p; k++)
			partial -= phi[k] * target->acf[p - k];
		partial /= variance;
		if (!(fabs(partial) < 1))
			return;
		memcpy(last, phi, sizeof(phi));
		for (size_t k = 1; k < p; k++)
			phi[k] = last[k] - partial * last[p - k];
		phi[p] = partial;
		variance *= 1 - partial * partial;
		criterion = n * log(variance) + (double)p * log(n);
		if (criterion >= least)
			continue;
		least = criterion;
		a->order = p;
		for (size_t k = 1; k <= p; k++)
			a->filter[k] = -phi[k];
	}
}

/*
 * How long the target's variance remembers: the bandwidth that Newey and West (1994) give for a
 * variance of its squares, from autocovariances to a 16th of the steps. What two series share of
 * their volatility lasts as long as the target's does; squares that are white keep the tests'
 * bandwidth.
 */
static size_t memory_of(const struct corr_axis *a, const struct corr_values *target, double *v)
{
	size_t most = a->n / 16 < CORR_ACF_MAX ? a->n / 16 : CORR_ACF_MAX, memory;
	double sum, weighted = 0;

	for (size_t t = 0; t < a->n; t++)
		v[t] = target->mask[t] * (target->squares[t] - 1);
	sum = cblas_ddot((int)a->n, v, 1, v, 1);
	for (size_t k = 1; k <= most; k++) {
		double product = 2 * cblas_ddot((int)(a->n - k), v, 1, v + k, 1);

		sum += product;
		weighted += (double)k * product;
	}
	if (!(sum > 0) || !(weighted > 0))
		return a->bandwidth + 1;
	memory = (size_t)(1.1447 * cbrt(weighted / sum * (weighted / sum) * (double)a->n)) + 1;
	/* longer than that it is a single event, of which blocks can say nothing */
	memory = memory < a->n / 16 ? memory : a->n / 16;
	return memory > a->bandwidth ? memory : a->bandwidth + 1;
}

/*
 * ρx ρy counts only where the target's ρy does, so the target alone says how far to look: up to
 * half as far again as its last autocorrelation that is no chance, and 20 lags at least. The
 * Newey-West window is as wide as it must be for the products (n^(1/3), as their autocorrelation
 * dies fast where signs are unrelated), wider where the target stays correlated for long.
 */
void corr_fit(struct corr_axis *a, const double *values, struct corr_values *target,
	struct corr_scratch *w)
{
	size_t most = a->n / 3 < CORR_ACF_MAX ? a->n / 3 : CORR_ACF_MAX, last = 0,
	       order = a->n / 10, basis = a->n_basis, narrow = (size_t)lround(cbrt((double)a->n));
	double chance = 4.75; /* of 240 normal numbers one is larger in 1 of 2,000 */

	/* With slow waves and cycles still in it: without, it has a hole in its spectrum, which the
	 * filter would fill with what little of a cycle is left at its edges. */
	a->n_basis = 1;
	corr_prepare(a, values, target, w);
	if (a->method == CORRELATE_ROBUST && !target->constant) {
		corr_acf(a, target, most);
		fit_filter(a, target, order < CORR_ORDER_MAX ? order : CORR_ORDER_MAX);
	}
	a->n_basis = basis;
	corr_prepare(a, values, target, w);
	corr_acf(a, target, most);
	for (size_t k = 1; k <= most; k++) {
		double pairs = (double)(a->n - k) * (double)target->known / (double)a->n;

		if (fabs(target->acf[k]) * sqrt(pairs) > chance)
			last = k;
	}
	a->acf_lags = last + last / 2 > LEAST ? last + last / 2 : LEAST;
	a->acf_lags = a->acf_lags < most ? a->acf_lags : most;
	a->bandwidth = 2 * last > narrow ? 2 * last : narrow;
	if (a->bandwidth > a->n / 12)
		a->bandwidth = a->n / 12;
	a->memory = memory_of(a, target, w->a);
}

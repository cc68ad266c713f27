#include "correlate/incident_onset.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

/* Takes mean and slope out of the calm values; their autocorrelation at lag 1, made up for the bias
 * of a short stretch (Kendall 1954). */
static double calm_phi(const double *x, size_t n)
{
	double mid = ((double)n - 1) / 2, mean = 0, xt = 0, tt = 0, top = 0, bottom = 0, last = 0;
	double phi;

	for (size_t t = 0; t < n; t++)
		mean += x[t] / (double)n;
	for (size_t t = 0; t < n; t++) {
		xt += (x[t] - mean) * ((double)t - mid);
		tt += ((double)t - mid) * ((double)t - mid);
	}
	for (size_t t = 0; t < n; t++) {
		double rest = x[t] - mean - (tt > 0 ? xt / tt : 0) * ((double)t - mid);

		if (t) {
			top += rest * last;
			bottom += last * last;
		}
		last = rest;
	}
	phi = bottom > 0 ? top / bottom : 0;
	phi += (2 + 4 * phi) / (double)n; /* mean and slope were taken out */
	return phi < 0 ? 0 : phi > 1 ? 1 : phi;
}

/*
 * Least squares of the whitened values e on a constant and the whitened step at tau: 1 there, 1 − φ
 * behind it. How much of Σe² the step takes away, and the determinant that integrating out size and
 * mean leaves.
 */
struct sums {
	double e, ee;       /* of all */
	const double *tail; /* tail[t]: Σ e from t on */
	const double *e_at;
	size_t n;
	double phi;
};

static double gain(const struct sums *s, size_t tau, double *det)
{
	double c = 1 - s->phi, rest = (double)(s->n - 1 - tau), n = (double)s->n;
	double g = 1 + c * rest, gg = 1 + c * c * rest;
	double ge = s->e_at[tau] + c * s->tail[tau + 1];

	*det = gg - g * g / n;
	if (*det < 1e-9)
		return 0;
	ge -= g * s->e / n;
	return ge * ge / *det;
}

static void interval(struct onset *out, const double *weight, size_t n)
{
	double all = 0, below = 0;
	size_t best = 1;

	for (size_t t = 1; t < n; t++) {
		all += weight[t];
		best = weight[t] > weight[best] ? t : best;
	}
	*out = (struct onset){best, 1, n - 1};
	for (size_t t = 1; t < n; t++) {
		if (below <= .025 * all)
			out->low = t;
		below += weight[t];
		if (below >= .975 * all) {
			out->high = t;
			break;
		}
	}
	out->low = out->low < best ? out->low : best;
	out->high = out->high > best ? out->high : best;
}

void onset_find(struct onset *out, const double *x, size_t n, size_t calm)
{
	double *memory = mem_alloc(3 * n + 1, sizeof(double)), *e = memory, *tail = memory + n,
	       *weight = memory + 2 * n + 1, best = 0, left, det, df = (double)n - 4;
	struct sums s = {.e_at = e, .tail = tail, .n = n, .phi = calm_phi(x, calm)};

	/* from a level near the data, so that sums keep their digits */
	e[0] = 0;
	for (size_t t = 1; t < n; t++)
		e[t] = x[t] - x[0] - s.phi * (x[t - 1] - x[0]);
	tail[n] = 0;
	for (size_t t = n; t--;) {
		tail[t] = tail[t + 1] + e[t];
		s.ee += e[t] * e[t];
	}
	s.e = tail[0];
	left = s.ee - s.e * s.e / (double)n;
	for (size_t t = 1; t < n; t++) {
		double g = gain(&s, t, &det);

		weight[t] = g;
		best = g > best ? g : best;
	}
	/* Student's form: the noise's size is not known either */
	for (size_t t = 1; t < n; t++) {
		double g = gain(&s, t, &det), floor = left * 1e-12 + 1e-300;

		weight[t] = det < 1e-9 ? 0
				       : exp(-.5 * (df > 1 ? df : 1) *
						 log((left - g + floor) / (left - best + floor))) /
						 sqrt(det);
	}
	interval(out, weight, n);
	free(memory);
}

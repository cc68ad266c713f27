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
 * Least squares of the whitened values e, free of mean and slope, on the whitened step at tau: 1
 * there, 1 − φ behind it. How much of Σe² the step takes away, and the determinant that integrating
 * out size, mean and slope leaves.
 */
struct sums {
	const double *e, *tail; /* tail[t]: Σ e from t on */
	size_t n;
	double phi;
};

static double gain(const struct sums *s, size_t tau, double *det, bool *up)
{
	double n = (double)s->n, mid = (n - 1) / 2, at = (double)tau, c = 1 - s->phi;
	double rest = n - 1 - at;
	double g = 1 + c * rest, gg = 1 + c * c * rest;
	double gt = at - mid + c * rest * ((at + n) / 2 - mid), tt = n * (n * n - 1) / 12;
	double ge = s->e[tau] + c * s->tail[tau + 1];

	*det = gg - g * g / n - gt * gt / tt;
	if (*det < 1e-9)
		return 0;
	*up = ge > 0;
	return ge * ge / *det;
}

/* Whitens: x less φ times the value before; free of mean and slope. Σ of the squares. */
static double whiten(double *e, const double *x, size_t n, double phi)
{
	double mean = 0, slope = 0, mid = ((double)n - 1) / 2, squares = 0;
	double tt = (double)n * ((double)n * (double)n - 1) / 12;

	/* from a level near the data, so that sums keep their digits */
	e[0] = 0;
	for (size_t t = 1; t < n; t++)
		e[t] = x[t] - x[0] - phi * (x[t - 1] - x[0]);
	for (size_t t = 0; t < n; t++) {
		mean += e[t] / (double)n;
		slope += e[t] * ((double)t - mid) / tt;
	}
	for (size_t t = 0; t < n; t++) {
		e[t] -= mean + slope * ((double)t - mid);
		squares += e[t] * e[t];
	}
	return squares;
}

static void interval(struct onset *out, const double *weight, size_t n, double doubt)
{
	double all = 0, below = 0;
	size_t best = 1;

	for (size_t t = 1; t < n; t++) {
		all += weight[t];
		best = weight[t] > weight[best] ? t : best;
	}
	*out = (struct onset){.at = best, .low = 1, .high = n - 1, .sure = n - 1};
	for (size_t t = 1; t < n; t++) {
		if (below <= .025 * all)
			out->low = t;
		if (below < .975 * all)
			out->high = t;
		if (below < (1 - doubt) * all)
			out->sure = t;
		below += weight[t];
	}
	out->low = out->low < best ? out->low : best;
	out->high = out->high > best ? out->high : best;
	out->sure = out->sure > out->high ? out->sure : out->high;
}

void onset_find(struct onset *out, const double *x, size_t n, size_t calm, double doubt)
{
	double *memory = mem_alloc(3 * n + 1, sizeof(double)), *e = memory, *tail = memory + n,
	       *weight = memory + 2 * n + 1, best = 0, left, floor, det,
	       df = n > 6 ? (double)n - 5 : 1;
	bool up = false;
	struct sums s = {.e = e, .tail = tail, .n = n, .phi = calm_phi(x, calm)};

	left = whiten(e, x, n, s.phi);
	floor = left * 1e-12 + 1e-300;
	tail[n] = 0;
	for (size_t t = n; t--;)
		tail[t] = tail[t + 1] + e[t];
	for (size_t t = 1; t < n; t++)
		best = fmax(best, gain(&s, t, &det, &up));
	/* Student's form: the noise's size is not known either */
	for (size_t t = 1; t < n; t++) {
		double g = gain(&s, t, &det, &up);

		weight[t] = det < 1e-9 ? 0
				       : pow((left - g + floor) / (left - best + floor), -.5 * df) /
						 sqrt(det);
	}
	interval(out, weight, n, doubt);
	out->strength = gain(&s, out->at, &det, &out->up);
	out->strength *= df / (left - out->strength + floor);
	free(memory);
}

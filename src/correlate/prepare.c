/*
 * From a series to what is compared: first differences, their normal scores, and out of those what
 * would make two series look related that merely follow the same clock: slow waves (curved trends)
 * and the cycle of the day and of the week. Taken out by least squares on an orthonormal basis of
 * the whole axis; where there are gaps, on what is known.
 */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "correlate/correlate_work.h"

static const double DAY_S = 86400;

enum { HARMONICS = 6, SLOW = 4, STEPS_A_SLOW = 25, SPAN_TENTHS = 9 };

/* ---- the axis ---- */

/* Adds a function of the axis to the basis, unless those that are there make it up already. */
static void basis_add(struct corr_axis *a, double frequency, double phase)
{
	double *f = a->basis + a->n_basis * a->n, norm;

	if (a->n_basis >= CORR_BASIS_MAX)
		return;
	for (size_t t = 0; t < a->n; t++)
		f[t] = cos(2 * M_PI * frequency * ((double)t + .5) - phase);
	/* twice is enough (Kahan and Parlett) */
	for (size_t round = 0; round < 2; round++)
		for (size_t j = 0; j < a->n_basis; j++)
			cblas_daxpy((int)a->n, -cblas_ddot((int)a->n, a->basis + j * a->n, 1, f, 1),
				a->basis + j * a->n, 1, f, 1);
	norm = cblas_dnrm2((int)a->n, f, 1);
	if (norm < .05 * sqrt((double)a->n / 2))
		return;
	cblas_dscal((int)a->n, 1 / norm, f, 1);
	a->n_basis++;
}

/* Harmonics of a cycle that the axis holds once at least; those of four steps or fewer are no
 * smooth cycle. */
static void basis_cycle(struct corr_axis *a, double steps)
{
	if ((double)a->n < .1 * SPAN_TENTHS * steps)
		return;
	for (int h = 1; h <= HARMONICS && steps / h >= 4; h++) {
		basis_add(a, h / steps, 0);
		basis_add(a, h / steps, M_PI / 2);
	}
}

/* Which half a step belongs to, and how many of n do. */
static size_t half_of(size_t t)
{
	return t / CORR_HALF_STEPS % 2;
}

static size_t half_count(size_t n, size_t half)
{
	size_t second = n / (2 * CORR_HALF_STEPS) * CORR_HALF_STEPS,
	       rest = n % (2 * CORR_HALF_STEPS);

	second += rest > CORR_HALF_STEPS ? rest - CORR_HALF_STEPS : 0;
	return half ? second : n - second;
}

void corr_axis_init(struct corr_axis *a, const struct series_set *s, enum correlate_method method)
{
	*a = (struct corr_axis){.method = method, .n = s->n_times ? s->n_times - 1 : 0};
	a->ones = mem_alloc(a->n + 1, sizeof(double));
	for (size_t t = 0; t < a->n; t++)
		a->ones[t] = 1;
	a->basis = mem_alloc(CORR_BASIS_MAX + 1, (a->n + 1) * sizeof(double));
	basis_add(a, 0, 0);
	if (method != CORRELATE_ROBUST)
		return;
	a->half = corr_half_scores(a->n);
	for (size_t h = 0; h < 2; h++)
		a->halves[h] = corr_half_scores(half_count(a->n, h));
	for (size_t j = 1; j <= SLOW && j * STEPS_A_SLOW <= a->n; j++)
		basis_add(a, .5 * (double)j / (double)a->n, 0);
	basis_cycle(a, DAY_S / s->step_s);
	basis_cycle(a, 7 * DAY_S / s->step_s);
}

void corr_axis_release(struct corr_axis *a)
{
	free(a->ones);
	free(a->basis);
	free(a->half);
	free(a->halves[0]);
	free(a->halves[1]);
	free(a->filter);
	*a = (struct corr_axis){0};
}

void corr_scratch_init(struct corr_scratch *w, size_t n)
{
	*w = (struct corr_scratch){.keys = mem_alloc(n + 1, sizeof(uint64_t)),
		.spare = mem_alloc(n + 1, sizeof(uint64_t)),
		.a = mem_alloc(n + 1, sizeof(double)),
		.b = mem_alloc(n + 1, sizeof(double))};
}

void corr_scratch_release(struct corr_scratch *w)
{
	free(w->keys);
	free(w->spare);
	free(w->a);
	free(w->b);
}

void corr_values_init(struct corr_values *v, size_t n)
{
	*v = (struct corr_values){.z = mem_alloc(n + 1, sizeof(double)),
		.squares = mem_alloc(n + 1, sizeof(double)),
		.mask = mem_alloc(n + 1, sizeof(double)),
		.acf = mem_alloc(n + 1, sizeof(double))};
}

void corr_values_release(struct corr_values *v)
{
	free(v->z);
	free(v->squares);
	free(v->mask);
	free(v->acf);
}

/* ---- one series ---- */

/* Takes the basis (and `given`) out of a series that is whole: projections, one after the other. */
static void project(const struct corr_axis *a, double *z)
{
	int n = (int)a->n;

	for (size_t j = 0; j < a->n_basis; j++) {
		const double *f = a->basis + j * a->n;

		cblas_daxpy(n, -cblas_ddot(n, f, 1, z, 1), f, 1, z, 1);
	}
	if (a->given) /* its mean square is 1, and the basis is out of it */
		cblas_daxpy(n, -cblas_ddot(n, a->given->z, 1, z, 1) / n, a->given->z, 1, z, 1);
}

/* The same by least squares on what is known: functions that are orthogonal on the whole axis are
 * not on a part of it. Gram-Schmidt as Cholesky; a function that has nothing left is passed over.
 */
static void project_known(
	const struct corr_axis *a, const struct corr_values *v, double *z, double *f)
{
	size_t p = a->n_basis + (a->given != NULL);
	double gram[CORR_BASIS_MAX + 1][CORR_BASIS_MAX + 1], c[CORR_BASIS_MAX + 1];
	const double *g[CORR_BASIS_MAX + 1];
	int n = (int)a->n;

	for (size_t j = 0; j < p; j++)
		g[j] = j < a->n_basis ? a->basis + j * a->n : a->given->z;
	for (size_t j = 0; j < p; j++) {
		for (size_t t = 0; t < a->n; t++)
			f[t] = v->mask[t] * g[j][t];
		c[j] = cblas_ddot(n, f, 1, z, 1);
		for (size_t k = 0; k <= j; k++)
			gram[j][k] = cblas_ddot(n, f, 1, g[k], 1);
	}
	for (size_t j = 0; j < p; j++) {
		double whole = gram[j][j], rest = whole;

		for (size_t k = 0; k < j; k++) {
			for (size_t l = 0; l < k; l++)
				gram[j][k] -= gram[j][l] * gram[k][l];
			gram[j][k] = gram[k][k] > 0 ? gram[j][k] / gram[k][k] : 0;
			rest -= gram[j][k] * gram[j][k];
			c[j] -= gram[j][k] * c[k];
		}
		gram[j][j] = rest > 1e-6 * whole && rest > 0 ? sqrt(rest) : 0;
		c[j] = gram[j][j] > 0 ? c[j] / gram[j][j] : 0;
	}
	for (size_t j = p; j-- > 0;) {
		for (size_t k = j + 1; k < p; k++)
			c[j] -= gram[k][j] * c[k];
		c[j] = gram[j][j] > 0 ? c[j] / gram[j][j] : 0;
	}
	for (size_t j = 0; j < p; j++)
		cblas_daxpy(n, -c[j], g[j], 1, z, 1);
	for (size_t t = 0; t < a->n; t++)
		z[t] *= v->mask[t];
}

/* z with mean square 1; constant where hardly anything of `before` is left. */
static void normalise(const struct corr_axis *a, struct corr_values *v, double before)
{
	double sum = cblas_ddot((int)a->n, v->z, 1, v->z, 1), scale;

	v->constant = v->constant || !(sum > 1e-20 * before) || !isfinite(sum);
	scale = v->constant ? 0 : sqrt((double)v->known / sum);
	v->scale *= scale;
	for (size_t t = 0; t < a->n; t++) {
		v->z[t] *= scale;
		v->squares[t] = v->z[t] * v->z[t];
	}
}

/* Differences may be as large or small as doubles get: their squares must not overflow. */
static void scale_down(double *z, size_t n)
{
	double largest = 0;

	for (size_t t = 0; t < n; t++)
		largest = fmax(largest, fabs(z[t]));
	for (size_t t = 0; t < n && largest > 0; t++)
		z[t] /= largest;
}

/* The target's filter, on a series that is prepared but for it. */
static void apply_filter(const struct corr_axis *a, struct corr_values *v, struct corr_scratch *w)
{
	double mean;

	memcpy(w->a, v->z, a->n * sizeof(double));
	for (size_t k = 1; k <= a->order; k++)
		cblas_daxpy((int)(a->n - k), a->filter[k], w->a, 1, v->z + k, 1);
	/* what is not known stays so; in what is made of it, it counts as 0, the mean */
	for (size_t t = 0; t < a->n && !v->whole; t++)
		v->z[t] *= v->mask[t];
	mean = cblas_ddot((int)a->n, a->ones, 1, v->z, 1) / (double)v->known;
	cblas_daxpy((int)a->n, -mean, v->mask, 1, v->z, 1);
}

void corr_prepare(const struct corr_axis *a, const double *values, struct corr_values *v,
	struct corr_scratch *w)
{
	v->known = 0;
	for (size_t t = 0; t < a->n; t++) {
		double d = values[t + 1] - values[t];
		bool known = isfinite(d) && !(a->given && a->given->mask[t] == 0);

		v->z[t] = known ? d : NAN;
		v->mask[t] = known;
		v->known += known;
	}
	v->whole = v->known == a->n;
	v->constant = false;
	v->scale = 1;
	if (a->method == CORRELATE_ROBUST)
		corr_score(v->z, a->n, a->half, w->keys, w->spare, &v->constant);
	for (size_t t = 0; t < a->n && !v->whole; t++)
		v->z[t] = v->mask[t] > 0 ? v->z[t] : 0;
	if (a->method != CORRELATE_ROBUST)
		scale_down(v->z, a->n);
	if (v->whole)
		project(a, v->z);
	else if (v->known)
		project_known(a, v, v->z, w->a);
	normalise(a, v, (double)v->known);
	if (!v->constant && a->order) {
		apply_filter(a, v, w);
		normalise(a, v, (double)v->known);
	}
}

void corr_halves(const struct corr_axis *a, const double *values, const struct corr_values *v,
	struct corr_values *out, struct corr_scratch *w)
{
	bool constant;

	out->known = v->known;
	out->whole = v->whole;
	out->constant = v->constant;
	out->scale = v->scale;
	memcpy(out->mask, v->mask, a->n * sizeof(double));
	for (size_t h = 0; h < 2; h++) {
		size_t count = 0;

		for (size_t t = 0; t < a->n; t++)
			if (half_of(t) == h)
				w->b[count++] = v->mask[t] > 0 ? values[t + 1] - values[t] : NAN;
		corr_score(w->b, count, a->halves[h], w->keys, w->spare, &constant);
		count = 0;
		for (size_t t = 0; t < a->n; t++)
			if (half_of(t) == h) {
				out->z[t] = v->mask[t] > 0 ? w->b[count] : 0;
				count++;
			}
	}
	if (v->whole)
		project(a, out->z);
	else
		project_known(a, out, out->z, w->a);
	if (a->order)
		apply_filter(a, out, w);
	for (size_t t = 0; t < a->n; t++) {
		out->z[t] *= v->scale;
		out->squares[t] = out->z[t] * out->z[t];
	}
}

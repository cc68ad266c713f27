#include "learn/linear.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "learn/gram.h"
#include "stats/dist.h"
#include "learn/blas.h"

/*
 * The Gram matrix squares the condition: under a pivot of 1e-6 it loses the digits that are
 * promised, and QR of the table takes over. A column that is a combination of others to 1e-7 of its
 * spread is left out: its coefficient would be noise.
 */
static const double NEARLY_SINGULAR = 1e-6, COMBINATION = 1e-7;

/* The table's rows standardised, one column after the other; the response, centred, last. */
static double *standardised(const struct linear *m, double y_mean, const double *x, const double *y,
	size_t n, const unsigned *rows, size_t n_rows)
{
	double *z = mem_alloc((m->p + 1) * n_rows, sizeof(double));

	for (size_t j = 0; j <= m->p; j++) {
		const double *v = j < m->p ? x + j * n : y;
		double mean = j < m->p ? m->mean[j] : y_mean;
		double times = j == m->p ? 1 : m->scale[j] > 0 ? 1 / m->scale[j] : 0;

		for (size_t i = 0; i < n_rows; i++)
			z[j * n_rows + i] = (v[rows ? rows[i] : i] - mean) * times;
	}
	return z;
}

/*
 * QR without pivoting, so that the diagonal of R says what each column adds to those before it. The
 * first column that adds nothing is left out and the rest factored again: rare, and then only few
 * times. Leaves R in the upper triangle of q (n × m) and the kept columns in s.
 */
static double *factor_keeping(struct spd *s, const double *z, size_t n, size_t p, double *tau)
{
	double *q = mem_alloc(n * (p + 1), sizeof(double));
	size_t rows = n - 1; /* degrees of freedom of centred rows */

	for (;;) {
		size_t bad;

		for (size_t k = 0; k < s->m; k++)
			memcpy(q + k * n, z + s->kept[k] * n, n * sizeof(double));
		if (BLAS_INT(LAPACKE_dgeqrf(LAPACK_COL_MAJOR, (int)n, (int)s->m, q, (int)n, tau)))
			s->m = 0;
		for (bad = 0; bad < s->m && bad < rows; bad++)
			if (fabs(q[bad * n + bad]) <= COMBINATION * sqrt((double)n))
				break;
		if (bad == s->m)
			return q;
		if (bad == rows) {
			s->m = rows;
			return q;
		}
		memmove(s->kept + bad, s->kept + bad + 1, (s->m - 1 - bad) * sizeof(size_t));
		s->m--;
	}
}

static void fit_by_qr(struct linear *m, struct spd *s, double *coef, const double *z, size_t n)
{
	double *tau = mem_alloc(m->p + 1, sizeof(double)), *q, *y;

	s->m = 0;
	for (size_t j = 0; j < m->p; j++)
		if (m->scale[j] > 0)
			s->kept[s->m++] = j;
	if (s->m > n)
		s->m = n; /* more columns than rows cannot be told apart anyhow */
	q = factor_keeping(s, z, n, m->p, tau);
	y = mem_copy(z + m->p * n, n * sizeof(double));
	free(s->inverse);
	s->inverse = mem_zalloc(s->m * s->m + 1, sizeof(double));
	if (s->m) {
		BLAS_INT(LAPACKE_dormqr(LAPACK_COL_MAJOR, 'L', 'T', (int)n, 1, (int)s->m, q, (int)n,
			tau, y, (int)n));
		BLAS_INT(LAPACKE_dtrtrs(
			LAPACK_COL_MAJOR, 'U', 'N', 'N', (int)s->m, 1, q, (int)n, y, (int)n));
		for (size_t k = 0; k < s->m; k++)
			memcpy(s->inverse + k * s->m, q + k * n, (k + 1) * sizeof(double));
		BLAS_INT(LAPACKE_dpotri(LAPACK_COL_MAJOR, 'U', (int)s->m, s->inverse, (int)s->m));
	}
	memcpy(coef, y, s->m * sizeof(double));
	free(q);
	free(y);
	free(tau);
}

static double residual_squares(
	const double *z, size_t n, size_t p, const size_t *kept, const double *coef, size_t m)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		double rest = z[p * n + i];

		for (size_t k = 0; k < m; k++)
			rest -= coef[k] * z[kept[k] * n + i];
		sum += rest * rest;
	}
	return sum;
}

static void judge(struct linear *m, const struct spd *s, const double *coef, double rest,
	double whole, size_t n)
{
	double df = (double)n - (double)s->m - 1;

	m->rank = s->m;
	m->r2 = whole > 0 ? 1 - rest / whole : NAN;
	m->residual_sd = df > 0 ? sqrt(rest / df) : NAN;
	for (size_t j = 0; j < m->p; j++) {
		m->coef[j] = m->std_error[j] = m->t[j] = m->p_value[j] = NAN;
		m->collinear[j] = true;
	}
	for (size_t k = 0; k < s->m; k++) {
		size_t j = s->kept[k];

		m->collinear[j] = false;
		m->coef[j] = coef[k];
		m->std_error[j] = m->residual_sd * sqrt(s->inverse[k * s->m + k]);
		m->t[j] = coef[k] / m->std_error[j];
		m->p_value[j] = dist_t_two_sided(m->t[j], df);
	}
}

int linear_fit(struct linear *m, const double *x, const double *y, size_t n, size_t p,
	const unsigned *rows, size_t n_rows, struct err *err)
{
	struct gram_base base;
	struct gram g;
	struct spd s;
	double *c, *coef, *z, whole;

	*m = (struct linear){.p = p};
	if (n_rows < 2)
		return err_set(err, ERR_INPUT, "it takes at least 2 rows to fit a linear model");
	m->coef = mem_alloc(p, sizeof(double));
	m->std_error = mem_alloc(p, sizeof(double));
	m->t = mem_alloc(p, sizeof(double));
	m->p_value = mem_alloc(p, sizeof(double));
	m->collinear = mem_alloc(p, sizeof(bool));
	gram_base_init(&base, x, y, n, p, rows, n_rows);
	m->mean = base.mean;
	m->scale = base.scale;
	m->intercept = base.mean[p];
	gram_init(&g, p);
	gram_add_rows(&g, &base, x, y, n, rows, n_rows);
	c = mem_alloc((p + 1) * (p + 1), sizeof(double));
	coef = mem_zalloc(p, sizeof(double));
	gram_centre(&g, c);
	whole = c[p * (p + 1) + p];
	z = standardised(m, base.mean[p], x, y, n, rows, n_rows);
	spd_invert(&s, c, p + 1, p, NEARLY_SINGULAR);
	for (size_t k = 0; k < s.m; k++)
		for (size_t i = 0; i < s.m; i++)
			coef[k] += s.inverse[k * s.m + i] * c[s.kept[i] * (p + 1) + p];
	for (size_t j = 0, k = 0; j < p; j++) {
		if (k < s.m && s.kept[k] == j)
			k++;
		else if (m->scale[j] > 0) {
			fit_by_qr(m, &s, coef, z, n_rows);
			break;
		}
	}
	judge(m, &s, coef, residual_squares(z, n_rows, p, s.kept, coef, s.m), whole, n_rows);
	spd_release(&s);
	gram_release(&g);
	free(c);
	free(coef);
	free(z);
	return 0;
}

void linear_release(struct linear *m)
{
	free(m->mean);
	free(m->scale);
	free(m->coef);
	free(m->std_error);
	free(m->t);
	free(m->p_value);
	free(m->collinear);
	*m = (struct linear){0};
}

double linear_predict(const struct linear *m, const double *x, size_t n, size_t i)
{
	double y = m->intercept;

	for (size_t j = 0; j < m->p; j++)
		if (!m->collinear[j])
			y += m->coef[j] * (x[j * n + i] - m->mean[j]) / m->scale[j];
	return y;
}

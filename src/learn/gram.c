#include "learn/gram.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "learn/blas.h"

enum { BLOCK = 512 }; /* rows standardised at a time: they stay in the cache */

static size_t row_at(const unsigned *rows, size_t i)
{
	return rows ? rows[i] : i;
}

void gram_base_init(struct gram_base *b, const double *x, const double *y, size_t n, size_t p,
	const unsigned *rows, size_t n_rows)
{
	*b = (struct gram_base){.p = p,
		.mean = mem_zalloc(p + 1, sizeof(double)),
		.scale = mem_zalloc(p + 1, sizeof(double))};
	for (size_t j = 0; j <= p; j++) {
		const double *v = j < p ? x + j * n : y;
		double sum = 0, squares = 0, rest = 0, most = 0;

		for (size_t i = 0; i < n_rows; i++)
			sum += v[row_at(rows, i)];
		b->mean[j] = sum / (double)n_rows;
		for (size_t i = 0; i < n_rows; i++) {
			double d = v[row_at(rows, i)] - b->mean[j];

			rest += d;
			squares += d * d;
			most = fabs(d) > most ? fabs(d) : most;
		}
		b->mean[j] += rest / (double)n_rows; /* what rounding left */
		b->scale[j] = sqrt(squares / (double)n_rows);
		/* a constant whose mean rounds is still constant */
		if (most <= 1e-14 * fabs(b->mean[j]))
			b->scale[j] = 0;
	}
	b->scale[p] = 1;
}

void gram_base_release(struct gram_base *b)
{
	free(b->mean);
	free(b->scale);
	*b = (struct gram_base){0};
}

void gram_init(struct gram *g, size_t p)
{
	*g = (struct gram){.p = p,
		.sum = mem_zalloc(p + 1, sizeof(double)),
		.cross = mem_zalloc((p + 1) * (p + 1), sizeof(double))};
}

void gram_release(struct gram *g)
{
	free(g->sum);
	free(g->cross);
	*g = (struct gram){0};
}

void gram_add_rows(struct gram *g, const struct gram_base *b, const double *x, const double *y,
	size_t n, const unsigned *rows, size_t n_rows)
{
	size_t p = g->p, width = p + 1;
	double *z = mem_alloc(width * BLOCK, sizeof(double));

	for (size_t from = 0; from < n_rows; from += BLOCK) {
		size_t count = n_rows - from < BLOCK ? n_rows - from : BLOCK;

		for (size_t j = 0; j <= p; j++) {
			const double *v = j < p ? x + j * n : y;
			double *to = z + j * BLOCK, mean = b->mean[j], sum = 0;
			double times = b->scale[j] > 0 ? 1 / b->scale[j] : 0;

			for (size_t i = 0; i < count; i++) {
				to[i] = (v[row_at(rows, from + i)] - mean) * times;
				sum += to[i];
			}
			g->sum[j] += sum;
		}
		BLAS_VOID(cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, (int)width, (int)count,
			1, z, BLOCK, 1, g->cross, (int)width));
	}
	g->n += n_rows;
	free(z);
}

void gram_add(struct gram *g, const struct gram *other)
{
	size_t width = g->p + 1;

	for (size_t i = 0; i < width * width; i++)
		g->cross[i] += other->cross[i];
	for (size_t j = 0; j < width; j++)
		g->sum[j] += other->sum[j];
	g->n += other->n;
}

void gram_difference(struct gram *out, const struct gram *whole, const struct gram *part)
{
	size_t width = whole->p + 1;

	for (size_t i = 0; i < width * width; i++)
		out->cross[i] = whole->cross[i] - part->cross[i];
	for (size_t j = 0; j < width; j++)
		out->sum[j] = whole->sum[j] - part->sum[j];
	out->n = whole->n - part->n;
}

void gram_centre(const struct gram *g, double *c)
{
	size_t width = g->p + 1;

	for (size_t j = 0; j < width; j++)
		for (size_t i = j; i < width; i++) {
			double v = g->cross[j * width + i] - g->sum[i] * g->sum[j] / (double)g->n;

			c[j * width + i] = c[i * width + j] = v;
		}
}

void spd_release(struct spd *s)
{
	free(s->kept);
	free(s->inverse);
	*s = (struct spd){0};
}

/* Row by row, so that a combination is charged to the last of its columns. l is lower, row-major,
 * with leading dimension p, over the kept ones. */
static void factor_keeping(struct spd *s, const double *c, size_t ld, size_t p, const double *times,
	double tolerance, double *l)
{
	s->m = 0;
	s->least_pivot = 1;
	for (size_t j = 0; j < p; j++) {
		double *row = l + s->m * p, pivot = 1;

		if (times[j] == 0)
			continue;
		for (size_t k = 0; k < s->m; k++) {
			const double *other = l + k * p;
			double v = c[j * ld + s->kept[k]] * times[j] * times[s->kept[k]];

			for (size_t i = 0; i < k; i++)
				v -= row[i] * other[i];
			row[k] = v / other[k];
			pivot -= row[k] * row[k];
		}
		if (pivot <= tolerance)
			continue;
		row[s->m] = sqrt(pivot);
		s->least_pivot = pivot < s->least_pivot ? pivot : s->least_pivot;
		s->kept[s->m++] = j;
	}
}

void spd_invert(struct spd *s, const double *c, size_t ld, size_t p, double tolerance)
{
	double *times = mem_alloc(p, sizeof(double)), *l = mem_alloc(p * p, sizeof(double));
	double largest = 0;

	*s = (struct spd){.kept = mem_alloc(p, sizeof(size_t))};
	for (size_t j = 0; j < p; j++)
		largest = c[j * ld + j] > largest ? c[j * ld + j] : largest;
	for (size_t j = 0; j < p; j++) {
		double own = c[j * ld + j];

		times[j] = own > 1e-13 * largest ? 1 / sqrt(own) : 0;
	}
	factor_keeping(s, c, ld, p, times, tolerance, l);
	s->inverse = mem_zalloc(s->m * s->m + 1, sizeof(double));
	for (size_t i = 0; i < s->m; i++)
		for (size_t k = 0; k <= i; k++)
			s->inverse[k * s->m + i] = l[i * p + k];
	if (s->m)
		BLAS_INT(LAPACKE_dpotri(LAPACK_COL_MAJOR, 'L', (int)s->m, s->inverse, (int)s->m));
	for (size_t k = 0; k < s->m; k++)
		for (size_t i = k; i < s->m; i++) {
			double v = s->inverse[k * s->m + i] * times[s->kept[i]] * times[s->kept[k]];

			s->inverse[k * s->m + i] = s->inverse[i * s->m + k] = v;
		}
	free(times);
	free(l);
}

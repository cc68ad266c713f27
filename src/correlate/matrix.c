/*
 * r of all with all. Where all series are whole it is one rank-k update; where there are gaps, the
 * sums over the pairs that both have are products of matrices as well, with the masks: exact, at
 * three times the work and the memory.
 */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "correlate/correlate_work.h"
#include "learn/blas.h"

/* Rows of z, z² and masks: n × m each. */
struct table {
	size_t n, m;
	double *z, *squares, *mask;
	bool *constant;
	bool whole;
};

static void table_fill(struct table *t, const struct corr_axis *axis, const struct series_set *s)
{
	struct corr_values v;
	struct corr_scratch w;
	size_t m = t->m;

	corr_values_init(&v, m);
	corr_scratch_init(&w, m);
	for (size_t i = 0; i < t->n; i++) {
		corr_prepare(axis, s->items[i].values, &v, &w);
		t->constant[i] = v.constant || v.known < CORRELATE_PAIRS_MIN;
		cblas_dcopy((int)m, v.z, 1, t->z + i * m, 1);
		if (t->whole)
			continue;
		cblas_dcopy((int)m, v.squares, 1, t->squares + i * m, 1);
		cblas_dcopy((int)m, v.mask, 1, t->mask + i * m, 1);
	}
	corr_scratch_release(&w);
	corr_values_release(&v);
}

/* out = a aᵀ, upper triangle. */
static void square(const struct table *t, const double *a, double *out)
{
	BLAS_VOID(cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, (int)t->n, (int)t->m, 1, a,
		(int)t->m, 0, out, (int)t->n));
}

/* out = a maskᵀ: sums of a's rows over what the other has. */
static void sums(const struct table *t, const double *a, double *out)
{
	BLAS_VOID(cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)t->n, (int)t->n,
		(int)t->m, 1, a, (int)t->m, t->mask, (int)t->m, 0, out, (int)t->n));
}

static void with_gaps(const struct table *t, double *r)
{
	size_t n = t->n, cells = n * n;
	double *count = mem_alloc(cells, sizeof(double)), *sum = mem_alloc(cells, sizeof(double)),
	       *sum_squares = mem_alloc(cells, sizeof(double));

	square(t, t->mask, count);
	sums(t, t->z, sum);
	sums(t, t->squares, sum_squares);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = i; j < n; j++) {
			double c = count[i * n + j], x = sum[i * n + j], y = sum[j * n + i],
			       sxx = sum_squares[i * n + j] - x * x / c,
			       syy = sum_squares[j * n + i] - y * y / c,
			       sxy = r[i * n + j] - x * y / c;
			bool can = c >= CORRELATE_PAIRS_MIN && sxx > 1e-9 * c && syy > 1e-9 * c;

			r[i * n + j] = can ? sxy / sqrt(sxx * syy) : NAN;
		}
	}
	free(count);
	free(sum);
	free(sum_squares);
}

int correlate_matrix(double **out, const struct series_set *s, enum correlate_method method,
	uint64_t memory_bytes, struct err *err)
{
	struct table t = {.n = s->n, .m = s->n_times ? s->n_times - 1 : 0, .whole = true};
	struct corr_axis axis;
	double bytes, *r;

	*out = NULL;
	if (!s->n || s->n > INT32_MAX || t.m < CORRELATE_PAIRS_MIN || t.m > INT32_MAX)
		return err_set(err, ERR_INPUT,
			"There is no matrix of %zu series with %zu times: give one series or more "
			"with more than %d times.",
			s->n, s->n_times, CORRELATE_PAIRS_MIN);
	for (size_t i = 0; i < s->n && t.whole; i++)
		for (size_t k = 0; k < s->n_times && t.whole; k++)
			t.whole = isfinite(s->items[i].values[k]);
	bytes = sizeof(double) * (double)t.n * ((double)t.n + (double)t.m) * (t.whole ? 1 : 4);
	if (bytes > (double)memory_bytes) {
		char need[NUM_TEXT], have[NUM_TEXT];

		return err_set(err, ERR_INPUT,
			"The matrix of %zu series with %zu times takes %s, and %s are allowed: "
			"take "
			"fewer series, or allow more memory.",
			s->n, s->n_times, num_bytes(bytes, need),
			num_bytes((double)memory_bytes, have));
	}
	corr_axis_init(&axis, s, method);
	t.z = mem_alloc(t.n * t.m, sizeof(double));
	t.squares = t.whole ? NULL : mem_alloc(t.n * t.m, sizeof(double));
	t.mask = t.whole ? NULL : mem_alloc(t.n * t.m, sizeof(double));
	t.constant = mem_alloc(t.n, sizeof(bool));
	r = mem_alloc(t.n * t.n, sizeof(double));
	table_fill(&t, &axis, s);
	square(&t, t.z, r);
	if (!t.whole)
		with_gaps(&t, r);
	for (size_t i = 0; i < t.n; i++) {
		for (size_t j = i; j < t.n; j++) {
			double one = r[i * t.n + j] / (t.whole ? (double)t.m : 1);

			one = t.constant[i] || t.constant[j] ? NAN : one;
			one = i == j && !isnan(one) ? 1 : one > 1 ? 1 : one < -1 ? -1 : one;
			r[i * t.n + j] = r[j * t.n + i] = one;
		}
	}
	corr_axis_release(&axis);
	free(t.z);
	free(t.squares);
	free(t.mask);
	free(t.constant);
	*out = r;
	return 0;
}

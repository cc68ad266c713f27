#include "learn/rfecv.h"

#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "learn/gram.h"
#include "learn/blas.h"

enum { FOLDS = 5 };

/* Least pivot under which the inverse is not trusted, and squared singular values (of the largest)
 * that count as none: what double precision leaves of a Gram matrix. */
static const double NEARLY_SINGULAR = 1e-6, NO_VALUE = 1e-13;

/* An elimination under way, on centred cross-products c of p factors and the response. */
struct elimination {
	size_t p, m;
	const double *c; /* (p + 1)² */
	size_t *kept;    /* m factors, ascending */
	double *coef;    /* m */
	double *inverse; /* m × m with leading dimension m; NULL where singular: fitted anew each
			    time */
	double *work;
};

/* Coefficients of least norm, by the eigenvalues of the kept factors' matrix. */
static void fit_least_norm(struct elimination *e)
{
	size_t m = e->m, width = e->p + 1;
	double *a = e->work, *values = a + m * m;

	for (size_t k = 0; k < m; k++)
		for (size_t i = 0; i < m; i++)
			a[k * m + i] = e->c[e->kept[k] * width + e->kept[i]];
	memset(e->coef, 0, m * sizeof(double));
	if (BLAS_INT(LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', (int)m, a, (int)m, values)))
		return;
	for (size_t v = 0; v < m; v++) {
		const double *vector = a + v * m;
		double along = 0;

		if (values[v] <= NO_VALUE * values[m - 1] || values[v] <= 0)
			continue;
		for (size_t i = 0; i < m; i++)
			along += vector[i] * e->c[e->kept[i] * width + e->p];
		for (size_t i = 0; i < m; i++)
			e->coef[i] += along / values[v] * vector[i];
	}
}

static void elimination_start(struct elimination *e, const double *c, size_t p)
{
	struct spd s;

	e->c = c;
	e->m = p;
	for (size_t j = 0; j < p; j++)
		e->kept[j] = j;
	spd_invert(&s, c, p + 1, p, NEARLY_SINGULAR);
	free(e->inverse);
	e->inverse = NULL;
	if (s.m < p) {
		fit_least_norm(e);
	} else {
		e->inverse = s.inverse;
		s.inverse = NULL;
		for (size_t i = 0; i < p; i++) {
			e->coef[i] = 0;
			for (size_t k = 0; k < p; k++)
				e->coef[i] += e->inverse[i * p + k] * c[k * (p + 1) + p];
		}
	}
	spd_release(&s);
}

/* Takes the weakest factor out, and gives its number. The inverse without a row and column is what
 * is left after one step of elimination on that row, so no new factorisation is needed. */
static size_t elimination_step(struct elimination *e)
{
	size_t m = e->m, weakest = 0, factor;
	double *inv = e->inverse, least;

	for (size_t i = 1; i < m; i++)
		if (e->coef[i] * e->coef[i] < e->coef[weakest] * e->coef[weakest])
			weakest = i;
	factor = e->kept[weakest];
	least = e->coef[weakest];
	if (inv)
		memcpy(e->work, inv + weakest * m, m * sizeof(double));
	for (size_t i = 0, to = 0; inv && i < m; i++) {
		double share = inv[i * m + weakest] / e->work[weakest];

		if (i == weakest)
			continue;
		e->coef[to] = e->coef[i] - share * least;
		for (size_t k = 0, at = 0; k < m; k++) /* in place: never ahead of what is read */
			if (k != weakest)
				inv[to * (m - 1) + at++] = inv[i * m + k] - share * e->work[k];
		to++;
	}
	memmove(e->kept + weakest, e->kept + weakest + 1, (m - 1 - weakest) * sizeof(size_t));
	e->m--;
	if (!inv)
		fit_least_norm(e);
	return factor;
}

/* R² on the rows of `test`, of the coefficients fitted on those of `train`. As scikit-learn: 0
 * where the response of the test rows does not vary, 1 where it is met exactly. */
static double test_score(
	const struct elimination *e, const struct gram *train, const struct gram *test)
{
	size_t width = e->p + 1;
	double offset = train->sum[e->p] / (double)train->n, n = (double)test->n, rest, whole;
	const double *g = test->cross;

	for (size_t i = 0; i < e->m; i++)
		offset -= e->coef[i] * train->sum[e->kept[i]] / (double)train->n;
	/* Σ (y − offset − b'z)², multiplied out */
	rest = g[e->p * width + e->p] - 2 * offset * test->sum[e->p] + n * offset * offset;
	for (size_t i = 0; i < e->m; i++) {
		size_t f = e->kept[i];
		double cross = g[f * width + e->p] - offset * test->sum[f];

		rest -= 2 * e->coef[i] * cross;
		rest += e->coef[i] * e->coef[i] * g[f * width + f];
		for (size_t k = 0; k < i; k++)
			rest += 2 * e->coef[i] * e->coef[k] * g[e->kept[k] * width + f];
	}
	whole = g[e->p * width + e->p] - test->sum[e->p] * test->sum[e->p] / n;
	if (whole <= 1e-28 * g[e->p * width + e->p])
		return rest <= whole ? 1 : 0;
	return 1 - rest / whole;
}

static void elimination_init(struct elimination *e, size_t p)
{
	*e = (struct elimination){.p = p,
		.kept = mem_alloc(p, sizeof(size_t)),
		.coef = mem_alloc(p, sizeof(double)),
		.work = mem_alloc(p * p + p, sizeof(double))};
}

static void elimination_release(struct elimination *e)
{
	free(e->kept);
	free(e->coef);
	free(e->inverse);
	free(e->work);
}

/* Rows of fold f as KFold cuts them: the first n % folds are one longer. */
static size_t fold_start(size_t n, size_t folds, size_t f)
{
	return f * (n / folds) + (f < n % folds ? f : n % folds);
}

/* Adds each fold's scores; factors 1 … p. */
static void score_fold(struct rfecv *r, const struct gram *whole, const struct gram *test)
{
	size_t p = r->p;
	struct gram train;
	struct elimination e;
	double *c = mem_alloc((p + 1) * (p + 1), sizeof(double));

	gram_init(&train, p);
	elimination_init(&e, p);
	gram_difference(&train, whole, test);
	gram_centre(&train, c);
	elimination_start(&e, c, p);
	for (;;) {
		r->score[e.m - 1] += test_score(&e, &train, test) / (double)r->folds;
		if (e.m == 1)
			break;
		elimination_step(&e);
	}
	elimination_release(&e);
	gram_release(&train);
	free(c);
}

static void rank_on_whole(struct rfecv *r, const struct gram *whole)
{
	struct elimination e;
	double *c = mem_alloc((r->p + 1) * (r->p + 1), sizeof(double));

	elimination_init(&e, r->p);
	gram_centre(whole, c);
	elimination_start(&e, c, r->p);
	while (e.m > r->n_selected) {
		int rank = (int)(e.m - r->n_selected) + 1;

		r->ranking[elimination_step(&e)] = rank;
	}
	for (size_t i = 0; i < e.m; i++)
		r->ranking[e.kept[i]] = 1;
	elimination_release(&e);
	free(c);
}

void rfecv_release(struct rfecv *r)
{
	free(r->ranking);
	free(r->score);
	*r = (struct rfecv){0};
}

int rfecv_fit(struct rfecv *r, const double *x, const double *y, size_t n, size_t p,
	const unsigned *rows, size_t n_rows, struct err *err)
{
	struct gram_base base;
	struct gram whole, *folds;

	*r = (struct rfecv){.p = p,
		.n_selected = p,
		.folds = n_rows / 2 < FOLDS ? n_rows / 2 : FOLDS,
		.ranking = mem_alloc(p, sizeof(int)),
		.score = mem_zalloc(p, sizeof(double))};
	if (n_rows < 2)
		return err_set(err, ERR_INPUT, "it takes at least 2 rows to fit a linear model");
	if (r->folds < 2)
		r->folds = 0;
	gram_base_init(&base, x, y, n, p, rows, n_rows);
	gram_init(&whole, p);
	folds = mem_zalloc(r->folds + 1, sizeof(*folds));
	for (size_t f = 0; f < r->folds; f++) {
		size_t from = fold_start(n_rows, r->folds, f);
		size_t count = fold_start(n_rows, r->folds, f + 1) - from;

		gram_init(&folds[f], p);
		if (rows)
			gram_add_rows(&folds[f], &base, x, y, n, rows + from, count);
		else
			gram_add_rows(&folds[f], &base, x + from, y + from, n, NULL, count);
		gram_add(&whole, &folds[f]);
	}
	for (size_t f = 0; f < r->folds; f++)
		score_fold(r, &whole, &folds[f]);
	for (size_t k = p; r->folds && k-- > 0;)
		if (r->score[k] >= r->score[r->n_selected - 1])
			r->n_selected = k + 1;
	for (size_t k = 0; !r->folds && k < p; k++)
		r->score[k] = NAN;
	for (size_t j = 0; j < p; j++)
		r->ranking[j] = 1;
	if (r->n_selected < p)
		rank_on_whole(r, &whole);
	for (size_t f = 0; f < r->folds; f++)
		gram_release(&folds[f]);
	free(folds);
	gram_release(&whole);
	gram_base_release(&base);
	return 0;
}

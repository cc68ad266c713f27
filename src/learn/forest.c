#include "learn/forest.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "learn/forest_internal.h"
#include "base/parallel.h"

/* A fit, while it is under way. */
struct fit {
	struct forest *f;
	struct forest_source source;
	const double *x, *y;
	size_t n;             /* rows of x */
	const unsigned *rows; /* NULL: all */
	uint8_t *codes, *by_row;
	double *scaled, *inverse;
	uint64_t *in_bag; /* trees × words */
	size_t words;
	double *gains; /* trees × p */
	atomic_size_t next_tree;
};

static size_t row_of(const unsigned *rows, size_t i)
{
	return rows ? rows[i] : i;
}

static int check(const struct fit *w, size_t n_rows, size_t p, struct err *err)
{
	if (n_rows < 2)
		return err_set(err, ERR_INPUT, "a forest needs 2 rows or more, there %s %zu",
			n_rows == 1 ? "is" : "are", n_rows);
	if (!p || p > UINT16_MAX)
		return err_set(err, ERR_INPUT, "a forest takes 1 to %d factors, there are %zu",
			UINT16_MAX, p);
	if (n_rows > INT32_MAX)
		return err_set(err, ERR_INPUT, "a forest takes up to %d rows, there are %zu",
			INT32_MAX, n_rows);
	for (size_t i = 0; i < n_rows; i++) {
		size_t row = row_of(w->rows, i);

		if (!isfinite(w->y[row]))
			return err_set(err, ERR_INPUT,
				"the response of row %zu is not a finite number; leave the row out",
				row + 1);
		for (size_t j = 0; j < p; j++) {
			if (!isfinite(w->x[j * w->n + row]))
				return err_set(err, ERR_INPUT,
					"factor %zu of row %zu is not a finite number; leave the "
					"row or the factor out",
					j + 1, row + 1);
		}
	}
	return 0;
}

/* Centred and scaled: sums keep their digits, squares stay in range. */
static void scale_response(struct fit *w)
{
	struct forest_source *s = &w->source;
	double sum = 0, squares = 0, most = 0;

	for (size_t i = 0; i < s->n; i++)
		most = fmax(most, fabs(w->y[row_of(w->rows, i)]));
	most = most > 0 ? most : 1;
	for (size_t i = 0; i < s->n; i++)
		sum += w->y[row_of(w->rows, i)] / most;
	sum /= (double)s->n;
	for (size_t i = 0; i < s->n; i++) {
		double d = w->y[row_of(w->rows, i)] / most - sum;

		w->scaled[i] = d;
		squares += d * d;
	}
	squares = sqrt(squares / (double)s->n);
	squares = squares > 1e-14 ? squares : 1; /* equal, but for rounding */
	for (size_t i = 0; i < s->n; i++)
		w->scaled[i] /= squares;
	s->center = sum * most;
	s->scale = squares * most;
	s->negligible = 1e-24;
}

static void code_factor(void *arg, size_t j)
{
	struct fit *w = arg;
	size_t n = w->source.n;
	double *values = mem_alloc(2 * n, sizeof(*values));

	for (size_t i = 0; i < n; i++)
		values[i] = w->x[j * w->n + row_of(w->rows, i)];
	forest_bins_make(&w->f->bins[j], values, n, values + n);
	forest_bins_code(&w->f->bins[j], values, n, w->codes + j * n);
	for (size_t i = 0; i < n; i++)
		w->by_row[i * w->source.width + j] = w->codes[j * n + i];
	free(values);
}

/* One thread's share of the trees. */
static void grow_trees(void *arg, size_t task)
{
	struct fit *w = arg;
	size_t p = w->source.p, t;
	struct forest_grower g;

	(void)task;
	forest_grower_init(&g, &w->source);
	while ((t = atomic_fetch_add(&w->next_tree, 1)) < w->f->spec.trees) {
		forest_grow(&g, t, &w->f->trees[t], w->in_bag + t * w->words);
		memcpy(w->gains + t * p, g.gains, p * sizeof(*g.gains));
	}
	forest_grower_release(&g);
}

/* As scikit-learn: the mean of the trees' shares, trees that never split left out. */
static void sum_impurity(struct fit *w)
{
	struct forest *f = w->f;
	double all = 0;

	for (size_t t = 0; t < f->spec.trees; t++) {
		const double *gains = w->gains + t * f->p;
		double sum = 0;

		for (size_t j = 0; j < f->p; j++)
			sum += gains[j];
		for (size_t j = 0; j < f->p && sum > 0; j++)
			f->impurity[j] += gains[j] / sum;
		all += sum > 0;
	}
	for (size_t j = 0; j < f->p && all > 0; j++)
		f->impurity[j] /= all;
}

static void out_of_bag(struct fit *w)
{
	const struct forest_source *s = &w->source;
	double *sums = mem_alloc(s->n, sizeof(*sums)), error = 0, mean = 0, spread = 0;
	uint32_t *trees = mem_zalloc(s->n, sizeof(*trees));
	size_t seen = 0;

	forest_predict_out_of_bag(
		w->f, w->x, w->n, w->rows, s->n, w->in_bag, w->words, sums, trees);
	for (size_t i = 0; i < s->n; i++) {
		seen += trees[i] > 0;
		mean += trees[i] ? w->y[row_of(w->rows, i)] - s->center : 0;
	}
	mean = s->center + mean / (double)seen;
	for (size_t i = 0; i < s->n; i++) {
		double y = w->y[row_of(w->rows, i)], d = trees[i] ? y - sums[i] / trees[i] : 0;

		error += d * d;
		spread += trees[i] ? (y - mean) * (y - mean) : 0;
	}
	w->f->oob_r2 = spread > 0 ? 1 - error / spread : NAN;
	free(sums);
	free(trees);
}

/* Threads cost some 50 µs: few rows are done by the caller alone. */
static unsigned threads_for(const struct forest_spec *spec, size_t rows_read)
{
	return rows_read < 20000 ? 1 : spec->threads;
}

int forest_fit(struct forest **out, const struct forest_spec *spec, const double *x,
	const double *y, size_t n, size_t p, const unsigned *rows, size_t n_rows, struct err *err)
{
	struct fit w = {.x = x, .y = y, .n = n, .rows = rows};
	size_t m = rows ? n_rows : n;
	unsigned threads;
	struct forest *f;
	int rc;

	*out = NULL;
	if ((rc = check(&w, m, p, err)))
		return rc;
	w.f = f = mem_zalloc(1, sizeof(*f));
	f->spec = *spec;
	f->spec.trees = spec->trees ? spec->trees : 1;
	f->p = p;
	f->bins = mem_alloc(p, sizeof(*f->bins));
	f->trees = mem_zalloc(f->spec.trees, sizeof(*f->trees));
	f->impurity = mem_zalloc(p, sizeof(*f->impurity));
	w.words = (m + 63) / 64;
	w.codes = mem_alloc(m * p, 1);
	w.by_row = mem_zalloc(m * ((p + 7) / 8 * 8), 1);
	w.scaled = mem_alloc(m, sizeof(*w.scaled));
	w.inverse = mem_alloc(m + 1, sizeof(*w.inverse));
	w.in_bag = mem_zalloc(f->spec.trees * w.words, sizeof(*w.in_bag));
	w.gains = mem_alloc(f->spec.trees * p, sizeof(*w.gains));
	for (size_t k = 0; k <= m; k++)
		w.inverse[k] = !k || k < spec->min_leaf ? 0 : 1 / (double)k;
	w.source = (struct forest_source){.spec = &f->spec,
		.bins = f->bins,
		.n = m,
		.p = p,
		.codes = w.codes,
		.by_row = w.by_row,
		.width = (p + 7) / 8 * 8,
		.y = w.scaled,
		.inverse = w.inverse};
	scale_response(&w);
	parallel_for(threads_for(spec, m * p), p, code_factor, &w);
	threads = threads_for(spec, m * f->spec.trees);
	threads = threads ? threads : parallel_cores();
	parallel_for(threads, threads, grow_trees, &w);
	sum_impurity(&w);
	f->oob_r2 = NAN;
	if (!spec->no_out_of_bag)
		out_of_bag(&w);
	free(w.codes);
	free(w.by_row);
	free(w.scaled);
	free(w.inverse);
	free(w.in_bag);
	free(w.gains);
	*out = f;
	return 0;
}

void forest_free(struct forest *f)
{
	if (!f)
		return;
	for (size_t t = 0; t < f->spec.trees; t++)
		free(f->trees[t].nodes);
	free(f->trees);
	free(f->bins);
	free(f->impurity);
	free(f);
}

double forest_oob_r2(const struct forest *f)
{
	return f->oob_r2;
}

void forest_impurity_importance(const struct forest *f, double *out)
{
	memcpy(out, f->impurity, f->p * sizeof(*out));
}

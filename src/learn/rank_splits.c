/*
 * All models on every split. A split's models see its train rows only; everything that is said
 * about a factor's importance comes from test rows.
 */
#include "learn/rank_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/parallel.h"
#include "learn/rfecv.h"

/*
 * In how many repetitions of the folds factors are varied: the mean over rows is what counts, and
 * two forests that did not see a row are enough to know it. And how many rows of a large holdout
 * permutation importance looks at.
 */
enum { VARIED = 2, SHUFFLED = 4000 };

double rank_to_model(bool log_scale, double y)
{
	return log_scale ? log(y) : y;
}

double rank_to_own(bool log_scale, double y)
{
	return log_scale ? exp(y < 700 ? y : 700) : y;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The factor's own values where they are few, else even steps through its range. */
static void make_grid(struct rank_grid *g, const double *x, size_t n, size_t points)
{
	double *sorted = mem_copy(x, n * sizeof(double));
	size_t distinct = 0;

	qsort(sorted, n, sizeof(double), ascending);
	for (size_t i = 0; i < n; i++)
		if (!i || sorted[i] != sorted[i - 1]) {
			if (distinct < points)
				g->x[distinct] = sorted[i];
			distinct++;
		}
	g->k = distinct < points ? distinct : points;
	for (size_t v = 0; distinct > points && v < g->k; v++)
		g->x[v] =
			sorted[0] + (double)v / (double)(points - 1) * (sorted[n - 1] - sorted[0]);
	for (size_t i = 0, v = 0; i < n; i++) {
		while (v + 1 < g->k && sorted[i] - g->x[v] > g->x[v + 1] - sorted[i])
			v++;
		g->weight[v] += 1 / (double)n;
	}
	free(sorted);
}

void rank_grids_make(struct rank_work *w)
{
	w->grids = mem_zalloc(w->p, sizeof(*w->grids));
	w->values = mem_alloc(w->p * RANK_CURVE, sizeof(double));
	for (size_t j = 0; j < w->p; j++) {
		struct rank_grid *g = &w->grids[j];

		make_grid(g, w->x + j * w->n, w->n, w->points);
		for (size_t v = 0; v < RANK_CURVE; v++)
			w->values[j * RANK_CURVE + v] = g->x[v < g->k ? v : g->k - 1];
	}
}

/* Fold f of a permuted table: its test rows behind the others, both ascending. */
static void make_split(struct split *s, const unsigned *order, size_t n, size_t from, size_t to)
{
	bool *test = mem_zalloc(n, sizeof(*test));
	size_t at = 0;

	s->rows = mem_alloc(n, sizeof(*s->rows));
	s->n_test = to - from;
	s->n_train = n - s->n_test;
	for (size_t i = from; i < to; i++)
		test[order[i]] = true;
	for (int wanted = 0; wanted < 2; wanted++)
		for (size_t i = 0; i < n; i++)
			if (test[i] == wanted)
				s->rows[at++] = (unsigned)i;
	free(test);
}

void rank_splits_make(struct rank_work *w, unsigned trees)
{
	unsigned *order = mem_alloc(w->n, sizeof(*order));
	struct rng rng;

	w->folds = w->n < RANK_FOLDS ? w->n : RANK_FOLDS;
	w->n_splits = w->spec.splits < w->folds ? w->folds : w->spec.splits;
	if (w->n <= RANK_FOLDS) /* one row at a time is left out: there is nothing to repeat */
		w->n_splits = w->folds;
	w->splits = mem_zalloc(w->n_splits, sizeof(*w->splits));
	rng_seed(&rng, w->spec.seed, 1);
	for (size_t i = 0; i < w->n_splits; i++) {
		size_t f = i % w->folds;

		if (f == 0)
			rng_permutation(&rng, order, w->n);
		make_split(
			&w->splits[i], order, w->n, f * w->n / w->folds, (f + 1) * w->n / w->folds);
		w->splits[i].trees = trees;
		w->splits[i].varied = i < VARIED * w->folds;
	}
	free(order);
}

void rank_splits_release(struct rank_work *w)
{
	for (size_t i = 0; w->splits && i < w->n_splits; i++) {
		struct split *s = &w->splits[i];

		for (size_t m = 0; m < RANK_MODELS; m++) {
			free(s->fit[m].predicted);
			free(s->fit[m].loss);
			free(s->fit[m].curve);
		}
		free(s->rows);
	}
	free(w->splits);
	w->splits = NULL;
}

double rank_linear_error(const struct rank_work *w, bool log_scale)
{
	double *y = mem_alloc(w->n, sizeof(double)), sum = 0;

	for (size_t i = 0; i < w->n; i++)
		y[i] = rank_to_model(log_scale, w->own[i]);
	for (size_t f = 0; f < w->folds; f++) {
		const struct split *s = &w->splits[f];
		struct linear m;

		if (linear_fit(&m, w->x, y, w->n, w->p, s->rows, s->n_train, NULL))
			sum = NAN;
		for (size_t i = s->n_train; i < w->n; i++) {
			size_t row = s->rows[i];
			double e = w->own[row] -
				   rank_to_own(log_scale, linear_predict(&m, w->x, w->n, row));

			sum += e * e;
		}
		linear_release(&m);
	}
	free(y);
	return sum / (double)w->n;
}

/* Spreads a fit of the selected columns over all of them; the others have no say. */
static void spread(struct linear *m, const struct linear *part, const bool *selected, size_t p)
{
	*m = (struct linear){.p = p,
		.intercept = part->intercept,
		.residual_sd = part->residual_sd,
		.r2 = part->r2,
		.rank = part->rank,
		.mean = mem_zalloc(p, sizeof(double)),
		.scale = mem_zalloc(p, sizeof(double)),
		.coef = mem_alloc(p, sizeof(double)),
		.std_error = mem_alloc(p, sizeof(double)),
		.t = mem_alloc(p, sizeof(double)),
		.p_value = mem_alloc(p, sizeof(double)),
		.collinear = mem_alloc(p, sizeof(bool))};
	for (size_t j = 0, k = 0; j < p; j++) {
		bool in = selected[j];

		m->collinear[j] = in ? part->collinear[k] : true;
		m->coef[j] = in ? part->coef[k] : NAN;
		m->std_error[j] = in ? part->std_error[k] : NAN;
		m->t[j] = in ? part->t[k] : NAN;
		m->p_value[j] = in ? part->p_value[k] : NAN;
		m->mean[j] = in ? part->mean[k] : 0;
		m->scale[j] = in ? part->scale[k] : 0;
		k += in;
	}
}

int rank_fit_selected(struct linear *m, bool *selected, const double *x, const double *y, size_t n,
	size_t p, const unsigned *rows, size_t n_rows, struct err *err)
{
	bool *in = mem_zalloc(p, sizeof(*in));
	double *part_x = NULL;
	struct rfecv r;
	struct linear part = {0};
	size_t count = 0;
	int rc = rfecv_fit(&r, x, y, n, p, rows, n_rows, err);

	*m = (struct linear){0};
	if (rc)
		goto out;
	for (size_t j = 0; j < p; j++)
		in[j] = r.ranking[j] == 1;
	if (r.n_selected == p) {
		rc = linear_fit(m, x, y, n, p, rows, n_rows, err);
		goto out;
	}
	part_x = mem_alloc(n * r.n_selected, sizeof(double));
	for (size_t j = 0; j < p; j++)
		if (in[j])
			memcpy(part_x + count++ * n, x + j * n, n * sizeof(double));
	rc = linear_fit(&part, part_x, y, n, count, rows, n_rows, err);
	if (!rc)
		spread(m, &part, in, p);
out:
	if (selected)
		memcpy(selected, in, p * sizeof(*in));
	linear_release(&part);
	rfecv_release(&r);
	free(part_x);
	free(in);
	return rc;
}

static void fit_alloc(struct split_fit *f, size_t n_test, size_t p)
{
	f->predicted = mem_alloc(n_test, sizeof(double));
	f->loss = mem_zalloc(n_test * p, sizeof(double));
	f->curve = mem_zalloc(p * RANK_CURVE, sizeof(double));
}

static void fit_errors(
	const struct rank_work *w, struct split_fit *f, const unsigned *test, size_t n)
{
	f->squares = 0;
	for (size_t i = 0; i < n; i++)
		f->squares += pow(w->own[test[i]] - f->predicted[i], 2);
}

/* The linear model's loss without factor j is exact: its mean over the factor is at the mean. */
static void linear_factor(const struct rank_work *w, const struct linear *m, struct split_fit *f,
	const unsigned *test, size_t n_test, size_t j, const double *fitted)
{
	const struct rank_grid *g = &w->grids[j];

	for (size_t i = 0; i < n_test; i++) {
		double slope = m->collinear[j] ? 0 : m->coef[j] / m->scale[j];
		double value = w->x[j * w->n + test[i]];
		double part = m->collinear[j] ? 0 : slope * (value - m->mean[j]);
		double rest = w->y[test[i]] - fitted[i];

		f->loss[j * n_test + i] = 2 * rest * part + part * part;
		for (size_t k = 0; k < g->k; k++)
			f->curve[j * RANK_CURVE + k] +=
				rank_to_own(w->log, fitted[i] + slope * (g->x[k] - value)) /
				(double)n_test;
	}
}

/* Rows outside the sample were seen by no split; the first one's models predict them. */
static void outside_linear(struct rank_work *w, const struct linear *m)
{
	const struct dataset *d = w->data;

	for (size_t i = 0; i < d->n; i++)
		w->outside[RANK_LINEAR][i] = rank_to_own(w->log, linear_predict(m, d->x, d->n, i));
}

static void outside_forest(struct rank_work *w, const struct forest *forest)
{
	double *out = w->outside[RANK_FOREST];

	forest_predict(forest, w->data->x, w->data->n, NULL, w->data->n, out);
	for (size_t i = 0; i < w->data->n; i++)
		out[i] = rank_to_own(w->log, out[i]);
}

static int fit_linear(struct rank_work *w, struct split *s)
{
	struct split_fit *f = &s->fit[RANK_LINEAR];
	const unsigned *test = s->rows + s->n_train;
	double *fitted = mem_alloc(s->n_test, sizeof(double));
	struct linear chosen, whole = {0};
	int rc = rank_fit_selected(
		&chosen, NULL, w->x, w->y, w->n, w->p, s->rows, s->n_train, &s->err);

	if (!rc)
		rc = linear_fit(&whole, w->x, w->y, w->n, w->p, s->rows, s->n_train, &s->err);
	if (!rc) {
		for (size_t i = 0; i < s->n_test; i++) {
			f->predicted[i] =
				rank_to_own(w->log, linear_predict(&chosen, w->x, w->n, test[i]));
			fitted[i] = linear_predict(&whole, w->x, w->n, test[i]);
		}
		for (size_t j = 0; j < w->p; j++)
			linear_factor(w, &whole, f, test, s->n_test, j, fitted);
		fit_errors(w, f, test, s->n_test);
		if (s == w->splits && w->outside[RANK_LINEAR])
			outside_linear(w, &chosen);
	}
	linear_release(&chosen);
	linear_release(&whole);
	free(fitted);
	return rc;
}

static void forest_factor(const struct rank_work *w, struct split_fit *f, const unsigned *test,
	size_t n_test, size_t j, const double *fitted, const double *profile)
{
	const struct rank_grid *g = &w->grids[j];

	for (size_t i = 0; i < n_test; i++) {
		double without = 0, y = w->y[test[i]];

		for (size_t v = 0; v < g->k; v++) {
			double at = profile[i * RANK_CURVE + v];

			without += g->weight[v] * at;
			f->curve[j * RANK_CURVE + v] += rank_to_own(w->log, at) / (double)n_test;
		}
		f->loss[j * n_test + i] = pow(y - without, 2) - pow(y - fitted[i], 2);
	}
}

static int fit_forest(struct rank_work *w, struct split *s, bool keep)
{
	struct split_fit *f = &s->fit[RANK_FOREST];
	const unsigned *test = s->rows + s->n_train;
	struct forest_spec spec = FOREST_SPEC_DEFAULT;
	double *fitted = mem_alloc(s->n_test, sizeof(double));
	double *profile = mem_alloc(w->p * s->n_test * RANK_CURVE, sizeof(double));
	struct forest *forest = NULL;
	int rc;

	spec.trees = s->trees;
	spec.threads = 1;
	spec.seed = w->spec.seed + (uint64_t)(s - w->splits);
	spec.no_out_of_bag = !keep;
	rc = forest_fit(&forest, &spec, w->x, w->y, w->n, w->p, s->rows, s->n_train, &s->err);
	if (!rc) {
		forest_predict(forest, w->x, w->n, test, s->n_test, fitted);
		for (size_t i = 0; i < s->n_test; i++)
			f->predicted[i] = rank_to_own(w->log, fitted[i]);
		if (s->varied)
			forest_predict_varied(forest, w->x, w->n, test, s->n_test, w->values,
				RANK_CURVE, profile);
		for (size_t j = 0; s->varied && j < w->p; j++)
			forest_factor(w, f, test, s->n_test, j, fitted,
				profile + j * s->n_test * RANK_CURVE);
		fit_errors(w, f, test, s->n_test);
		if (s == w->splits && w->outside[RANK_FOREST])
			outside_forest(w, forest);
	}
	if (keep)
		w->forest = forest;
	else
		forest_free(forest);
	free(fitted);
	free(profile);
	return rc;
}

void rank_shuffle(struct rank_work *w, const double *y, const unsigned *test, size_t n_test)
{
	size_t count = n_test < SHUFFLED ? n_test : SHUFFLED;
	unsigned *picked = mem_alloc(count, sizeof(*picked));

	for (size_t i = 0; i < count; i++)
		picked[i] = test[i * n_test / count];
	w->drops = mem_alloc(w->p * RANK_SHUFFLES, sizeof(double));
	for (size_t i = 0; i < w->p * RANK_SHUFFLES; i++)
		w->drops[i] = NAN;
	if (count > 1) /* R² takes two rows */
		forest_permutation_importance(w->forest, w->data->x, y, w->data->n, picked, count,
			RANK_SHUFFLES, w->spec.seed, w->drops);
	free(picked);
}

static void fit_split(void *arg, size_t i)
{
	struct rank_work *w = arg;
	struct split *s = &w->splits[i];
	int rc = 0;

	for (size_t m = 0; m < RANK_MODELS; m++)
		if (w->fits[m])
			fit_alloc(&s->fit[m], s->n_test, w->p);
	if (w->fits[RANK_LINEAR])
		rc = fit_linear(w, s);
	if (!rc && w->fits[RANK_FOREST])
		rc = fit_forest(w, s, i == 0 && w->keep_forest);
	if (!rc && w->fits[RANK_GP])
		rank_gp_split(w, s);
	if (!rc && i == 0 && w->keep_forest)
		rank_shuffle(w, w->y, s->rows + s->n_train, s->n_test);
}

int rank_splits_fit(struct rank_work *w, struct err *err)
{
	/* the large forest of the holdout is spared where its rows are tested again */
	w->splits[0].varied = !w->keep_forest || w->n_splits < VARIED * w->folds;
	parallel_for(w->threads, w->n_splits, fit_split, w);
	for (size_t i = 0; i < w->n_splits; i++)
		if (w->splits[i].err.kind) {
			if (err)
				*err = w->splits[i].err;
			return -(int)w->splits[i].err.kind;
		}
	return 0;
}

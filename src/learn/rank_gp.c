/*
 * The Gaussian process as one of the models: where it is worth its time, what it says on every
 * split, and, where it is preferred, importances and effects with intervals from functions drawn
 * from its posterior. Small tables are where it is at home: it bends where the linear model cannot,
 * and needs a fraction of the trials that a forest does.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "learn/indices.h"
#include "learn/rank_work.h"
#include "stats/summary.h"

/*
 * ROWS: past it the forest has enough to learn from, and the work grows with the cube of the rows.
 * DRAWS functions make the intervals; BASE points an index; a curve's mean is over ROWS_A_CURVE
 * trials.
 */
enum { LEAST_ROWS = 8, ROWS = 150, FACTORS = 20, DRAWS = 200, BASE = 256, ROWS_A_CURVE = 40 };

static double unit_value(const struct rank_gp *g, size_t j, double x)
{
	return g->width[j] > 0 && !g->words[j] ? (x - g->low[j]) / g->width[j] : x - g->low[j];
}

bool rank_gp_suits(const struct rank_work *w)
{
	return !w->sample && w->n >= LEAST_ROWS && w->n <= ROWS && w->p <= FACTORS;
}

bool rank_gp_make(struct rank_work *w)
{
	size_t n = w->n, p = w->p;
	struct rank_gp *g;

	g = w->gp = mem_zalloc(1, sizeof(*g));
	g->low = mem_alloc(2 * p, sizeof(double));
	g->width = g->low + p;
	g->words = mem_zalloc(p, sizeof(bool));
	g->x = mem_alloc(n * p, sizeof(double));
	for (size_t j = 0; j < p; j++) {
		const double *x = w->x + j * n;

		g->low[j] = summary_min(x, n);
		g->width[j] = summary_max(x, n) - g->low[j];
		g->words[j] = j < w->data->p && w->data->words && w->data->words[j];
		for (size_t i = 0; i < n; i++)
			g->x[i * p + j] = unit_value(g, j, x[i]);
	}
	if (!gp_fit_spec(&g->whole, &(struct gp_spec){.words = g->words, .seed = w->spec.seed},
		    g->x, w->y, n, p, NULL))
		return true;
	rank_gp_release(w);
	return false;
}

void rank_gp_release(struct rank_work *w)
{
	if (!w->gp)
		return;
	gp_release(&w->gp->whole);
	indices_release(&w->gp->indices);
	free(w->gp->low);
	free(w->gp->words);
	free(w->gp->x);
	free(w->gp);
	w->gp = NULL;
}

/* Correlation in one factor between a training row and a value. */
static double correlation(const struct gp *g, size_t row, size_t j, double value)
{
	double at = g->x[row * g->p + j];
	double d = (g->words[j] ? at != value : at - value) / g->scale[j];

	return exp(-.5 * d * d);
}

/* Mean correlation of each training row with the values of each factor, as the rows have them. */
static double *mean_correlations(const struct rank_work *w, const struct gp *g)
{
	double *mean = mem_zalloc(g->n * g->p, sizeof(double));

	for (size_t j = 0; j < g->p; j++)
		for (size_t v = 0; v < w->grids[j].k; v++) {
			double value = unit_value(w->gp, j, w->grids[j].x[v]);

			for (size_t t = 0; t < g->n; t++)
				mean[j * g->n + t] +=
					w->grids[j].weight[v] * correlation(g, t, j, value);
		}
	return mean;
}

/* Prediction of a test row, and its losses when the model averages over one factor. */
static void test_row(const struct rank_work *w, const struct gp *g, const double *mean,
	struct split_fit *f, const unsigned *test, size_t n_test, size_t i)
{
	const double *x = w->gp->x + test[i] * g->p;
	double *without = mem_zalloc(g->p, sizeof(double)), fitted = g->mean;
	double y = w->y[test[i]];
	double *own = mem_alloc(g->p, sizeof(double));

	for (size_t t = 0; t < g->n; t++) {
		double weight = g->alpha[t] * g->signal * g->signal, part = weight;

		for (size_t j = 0; j < g->p; j++)
			part *= own[j] = correlation(g, t, j, x[j]);
		fitted += part;
		for (size_t j = 0; j < g->p; j++)
			if (own[j] > 0) /* else no correlation is left at all */
				without[j] += part / own[j] * mean[j * g->n + t];
	}
	f->predicted[i] = rank_to_own(w->log, fitted);
	for (size_t j = 0; j < g->p; j++)
		f->loss[j * n_test + i] = pow(y - g->mean - without[j], 2) - pow(y - fitted, 2);
	free(without);
	free(own);
}

/* Searched again on the training rows, from where the whole table's search ended. */
void rank_gp_split(const struct rank_work *w, struct split *s)
{
	struct split_fit *f = &s->fit[RANK_GP];
	const unsigned *test = s->rows + s->n_train;
	size_t p = w->p;
	double *x = mem_alloc(s->n_train * p, sizeof(double)), *mean;
	double *y = mem_alloc(s->n_train, sizeof(double));
	struct gp g;

	for (size_t i = 0; i < s->n_train; i++) {
		memcpy(x + i * p, w->gp->x + s->rows[i] * p, p * sizeof(double));
		y[i] = w->y[s->rows[i]];
	}
	if (gp_fit_spec(&g, &(struct gp_spec){.words = w->gp->words, .from = &w->gp->whole}, x, y,
		    s->n_train, p, NULL)) {
		/* it says nothing then but the mean */
		for (size_t i = 0; i < s->n_test; i++)
			f->predicted[i] = rank_to_own(w->log, summary_mean(y, s->n_train));
	} else {
		mean = mean_correlations(w, &g);
		for (size_t i = 0; i < s->n_test; i++)
			test_row(w, &g, mean, f, test, s->n_test, i);
		free(mean);
	}
	f->squares = 0;
	for (size_t i = 0; i < s->n_test; i++)
		f->squares += pow(w->own[test[i]] - f->predicted[i], 2);
	gp_release(&g);
	free(x);
	free(y);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct interval rank_draws_interval(double *v, size_t n, double confidence, double point)
{
	double tail = (1 - confidence) / 2 * (double)(n - 1);
	size_t at = (size_t)tail;
	double part = tail - (double)at;

	qsort(v, n, sizeof(double), ascending);
	return (struct interval){fmin(point, v[at] + part * (v[at + 1] - v[at])),
		fmax(point, v[n - 1 - at] - part * (v[n - 1 - at] - v[n - 2 - at]))};
}

int rank_gp_importance(struct rank_work *w, struct rank_result *r, struct err *err)
{
	struct indices *x = &w->gp->indices;
	double noise = w->gp->whole.noise * w->gp->whole.noise, v[DRAWS];
	int rc =
		indices_of_gp(x, &w->gp->whole, w->spec.confidence, BASE, DRAWS, w->spec.seed, err);

	if (rc)
		return rc;
	for (size_t j = 0; j < w->p; j++) {
		struct rank_factor *f = &r->factors[j];

		f->importance = x->total[j] * x->variance / (x->variance + noise);
		for (size_t d = 0; d < DRAWS; d++) { /* from now on as shares of all variation */
			double *total = &x->draw_total[d * w->p + j];

			*total *= x->draw_variance[d] / (x->draw_variance[d] + noise);
			v[d] = *total;
		}
		f->importance_interval =
			rank_draws_interval(v, DRAWS, w->spec.confidence, f->importance);
	}
	return 0;
}

double rank_gp_difference(const struct rank_work *w, size_t a, size_t b)
{
	const struct indices *x = &w->gp->indices;
	double v[DRAWS];

	for (size_t d = 0; d < DRAWS; d++)
		v[d] = x->draw_total[d * w->p + a] - x->draw_total[d * w->p + b];
	return summary_mean(v, DRAWS) / sqrt(summary_variance(v, DRAWS));
}

/* Points at which factor j takes each value of its grid, in some of the trials; how many trials. */
static size_t curve_points(const struct rank_work *w, size_t j, double *x)
{
	const struct rank_grid *g = &w->grids[j];
	size_t rows = w->n < ROWS_A_CURVE ? w->n : ROWS_A_CURVE, p = w->p;

	for (size_t v = 0; v < g->k; v++)
		for (size_t i = 0; i < rows; i++, x += p) {
			memcpy(x, w->gp->x + i * w->n / rows * p, p * sizeof(double));
			x[j] = unit_value(w->gp, j, g->x[v]);
		}
	return rows;
}

/* Mean response over the trials at each value, from a function's values at those points. */
static void curve_means(
	const struct rank_work *w, const double *f, size_t k, size_t rows, double *out)
{
	for (size_t v = 0; v < k; v++) {
		out[v] = 0;
		for (size_t i = 0; i < rows; i++)
			out[v] += rank_to_own(w->log, f[v * rows + i]) / (double)rows;
	}
}

int rank_gp_effect(const struct rank_work *w, struct rank_factor *f, size_t j, struct err *err)
{
	size_t k = f->curve_n, most = k * ROWS_A_CURVE, rows;
	double *x = mem_alloc(most * w->p, sizeof(double)), *means, *out, v[DRAWS];
	struct rng rng;
	int rc;

	rows = curve_points(w, j, x);
	out = mem_alloc((DRAWS + 1) * k * rows, sizeof(double));
	means = mem_alloc(DRAWS * k, sizeof(double));
	rng_seed(&rng, w->spec.seed, 200 + j);
	gp_predict(&w->gp->whole, x, k * rows, out, NULL);
	curve_means(w, out, k, rows, f->curve_y);
	rc = gp_draw(&w->gp->whole, x, k * rows, DRAWS, &rng, out, err);
	for (size_t d = 0; !rc && d < DRAWS; d++)
		curve_means(w, out + d * k * rows, k, rows, means + d * k);
	for (size_t i = 0; !rc && i < k; i++) {
		for (size_t d = 0; d < DRAWS; d++)
			v[d] = means[d * k + i];
		struct interval band =
			rank_draws_interval(v, DRAWS, w->spec.confidence, f->curve_y[i]);

		f->curve_low[i] = band.low;
		f->curve_high[i] = band.high;
	}
	f->at_low = f->curve_y[0];
	f->at_high = f->curve_y[k - 1];
	f->effect_percent = (f->at_high / f->at_low - 1) * 100;
	for (size_t d = 0; !rc && d < DRAWS; d++)
		v[d] = (means[d * k + k - 1] / means[d * k] - 1) * 100;
	if (!rc)
		f->effect_interval =
			rank_draws_interval(v, DRAWS, w->spec.confidence, f->effect_percent);
	free(means);
	free(out);
	free(x);
	return rc;
}

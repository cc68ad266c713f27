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
#include "stats/dist.h"
#include "stats/summary.h"

/*
 * ROWS: past it the forest has enough to learn from, and the work grows with the cube of the rows.
 * DRAWS functions make the intervals; BASE points an index. Of a drawn curve only the difference to
 * the predicted one is wanted, which is smooth: KNOTS of its values do, over ROWS_A_CURVE trials.
 */
enum {
	LEAST_ROWS = 8,
	ROWS = 150,
	FACTORS = 20,
	DRAWS = 200,
	BASE = 64,
	KNOTS = 9,
	ROWS_A_CURVE = 24
};

/* Intervals from the draws alone hold the truth too seldom where the response bends more at one end
 * than at the other, which one length scale a factor cannot say; so much wider, in 87 to 100 of
 * 100 tables (docs/methods.md). */
static const double WIDEN = 1.3;

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

double rank_gp_widen(const struct rank_work *w)
{
	double df = fmax(3, (double)w->n - (double)w->p - 1), tail = .5 + w->spec.confidence / 2;

	return WIDEN * dist_t_quantile(tail, df) / dist_normal_quantile(tail);
}

struct interval rank_gp_interval(const struct rank_work *w, double *v, size_t n, double point)
{
	double tail = (1 - w->spec.confidence) / 2 * (double)(n - 1), widen = rank_gp_widen(w);
	size_t at = (size_t)tail;
	double part = tail - (double)at, low, high;

	qsort(v, n, sizeof(double), ascending);
	low = v[at] + part * (v[at + 1] - v[at]);
	high = v[n - 1 - at] - part * (v[n - 1 - at] - v[n - 2 - at]);
	return (struct interval){fmin(point, point + widen * (low - point)),
		fmax(point, point + widen * (high - point))};
}

/*
 * Likelihood ratio of the process with and without each factor, the other hyperparameters searched
 * again. A factor brings a line and a bend: were these all, the ratio would be that of two terms of
 * a linear model, whose F it is turned into, so that few trials count as few.
 */
void rank_gp_tests(const struct rank_work *w, double *p_values)
{
	const struct gp *g = &w->gp->whole;
	size_t n = w->n, p = w->p, width = p - 1;
	double *x = mem_alloc(n * p, sizeof(double)), *scale = mem_alloc(p, sizeof(double));
	bool *words = mem_zalloc(p, sizeof(bool));
	double df = fmax(2, (double)n - (double)p - 2);

	for (size_t j = 0; j < p; j++) {
		struct gp from = {.scale = scale, .signal = g->signal, .noise = g->noise}, without;
		double ratio;

		p_values[j] = NAN;
		for (size_t k = 0; k < width; k++) {
			size_t own = k + (k >= j);

			scale[k] = g->scale[own];
			words[k] = g->words[own];
			for (size_t i = 0; i < n; i++)
				x[i * width + k] = w->gp->x[i * p + own];
		}
		if (!width ||
			gp_fit_spec(&without, &(struct gp_spec){.words = words, .from = &from}, x,
				w->y, n, width, NULL))
			continue;
		ratio = fmax(0, 2 * (g->log_likelihood - without.log_likelihood));
		p_values[j] = dist_f_upper(df / 2 * expm1(ratio / (double)n), 2, df);
		gp_release(&without);
	}
	free(words);
	free(scale);
	free(x);
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
		f->importance_interval = rank_gp_interval(w, v, DRAWS, f->importance);
		f->importance_interval.low = fmax(0, f->importance_interval.low);
		f->importance_interval.high = fmin(1, f->importance_interval.high);
	}
	return 0;
}

double rank_gp_difference(const struct rank_work *w, size_t a, size_t b)
{
	const struct indices *x = &w->gp->indices;
	double v[DRAWS];

	for (size_t d = 0; d < DRAWS; d++)
		v[d] = x->draw_total[d * w->p + a] - x->draw_total[d * w->p + b];
	return summary_mean(v, DRAWS) / sqrt(summary_variance(v, DRAWS)) / WIDEN;
}

/* Points at which factor j takes k values, each in `rows` of the trials. */
static double *curve_points(
	const struct rank_work *w, size_t j, const double *values, size_t k, size_t rows)
{
	double *x = mem_alloc(k * rows * w->p, sizeof(double)), *at = x;

	for (size_t v = 0; v < k; v++)
		for (size_t i = 0; i < rows; i++, at += w->p) {
			memcpy(at, w->gp->x + i * w->n / rows * w->p, w->p * sizeof(double));
			at[j] = unit_value(w->gp, j, values[v]);
		}
	return x;
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

/* The predicted curve over `rows` trials. */
static void predict_curve(const struct rank_work *w, size_t j, const double *values, size_t k,
	size_t rows, double *out)
{
	double *x = curve_points(w, j, values, k, rows), *f = mem_alloc(k * rows, sizeof(double));

	gp_predict(&w->gp->whole, x, k * rows, f, NULL);
	curve_means(w, f, k, rows, out);
	free(f);
	free(x);
}

/* Ratios of DRAWS drawn curves to the predicted one at the knots, DRAWS × k; differences where the
 * response may be negative. */
static int draw_curves(const struct rank_work *w, size_t j, const double *knots, size_t k,
	double *apart, struct err *err)
{
	size_t rows = w->n < ROWS_A_CURVE ? w->n : ROWS_A_CURVE, m = k * rows;
	double *x = curve_points(w, j, knots, k, rows), *f = mem_alloc(DRAWS * m, sizeof(double));
	double predicted[KNOTS];
	struct rng rng;
	int rc;

	rng_seed(&rng, w->spec.seed, 200 + j);
	predict_curve(w, j, knots, k, rows, predicted);
	rc = gp_draw(&w->gp->whole, x, m, DRAWS, &rng, f, err);
	for (size_t d = 0; !rc && d < DRAWS; d++) {
		curve_means(w, f + d * m, k, rows, apart + d * k);
		for (size_t v = 0; v < k; v++)
			apart[d * k + v] = w->log ? apart[d * k + v] / predicted[v]
						  : apart[d * k + v] - predicted[v];
	}
	free(f);
	free(x);
	return rc;
}

/* A drawn curve at value i of the grid, between the knots around it. */
static double drawn_at(const struct rank_work *w, const struct rank_factor *f, const double *apart,
	size_t k, size_t i)
{
	double place = (double)i * (double)(k - 1) / (double)(f->curve_n - 1);
	size_t at = place >= (double)(k - 1) ? k - 2 : (size_t)place;
	double part = place - (double)at, v = apart[at] + part * (apart[at + 1] - apart[at]);

	return w->log ? f->curve_y[i] * v : f->curve_y[i] + v;
}

static void curve_intervals(
	const struct rank_work *w, struct rank_factor *f, const double *apart, size_t k)
{
	double v[DRAWS];
	size_t last = f->curve_n - 1;

	for (size_t i = 0; i <= last; i++) {
		struct interval band;

		for (size_t d = 0; d < DRAWS; d++)
			v[d] = drawn_at(w, f, apart + d * k, k, i);
		band = rank_gp_interval(w, v, DRAWS, f->curve_y[i]);
		f->curve_low[i] = band.low;
		f->curve_high[i] = band.high;
	}
	for (size_t d = 0; d < DRAWS; d++)
		v[d] = (drawn_at(w, f, apart + d * k, k, last) /
				       drawn_at(w, f, apart + d * k, k, 0) -
			       1) *
		       100;
	f->effect_interval = rank_gp_interval(w, v, DRAWS, f->effect_percent);
}

int rank_gp_effect(const struct rank_work *w, struct rank_factor *f, size_t j, struct err *err)
{
	size_t n = f->curve_n, k = n < KNOTS ? n : KNOTS;
	double knots[KNOTS], *apart = mem_alloc(DRAWS * k, sizeof(double));
	int rc;

	/* of an even grid; one that holds a factor's own few values is its own knots */
	for (size_t v = 0; v < k; v++) {
		double place = (double)v * (double)(n - 1) / (double)(k - 1);
		size_t at = place >= (double)(n - 1) ? n - 2 : (size_t)place;

		knots[v] = f->curve_x[at] +
			   (place - (double)at) * (f->curve_x[at + 1] - f->curve_x[at]);
	}
	predict_curve(w, j, f->curve_x, n, w->n, f->curve_y);
	f->at_low = f->curve_y[0];
	f->at_high = f->curve_y[n - 1];
	f->effect_percent = (f->at_high / f->at_low - 1) * 100;
	rc = draw_curves(w, j, knots, k, apart, err);
	if (!rc)
		curve_intervals(w, f, apart, k);
	free(apart);
	return rc;
}

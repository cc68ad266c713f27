/*
 * Importance of a factor: how much of the response's variation cannot be predicted any more, on
 * rows that the model did not see, when the model is not told the factor but averages over its
 * values. That is the total-effect index (Homma & Saltelli 1996) of what the model has learned, and
 * near zero, not above it, for a factor that the model only believes to matter.
 *
 * It is a mean over rows, so its interval comes from the rows' influence on it (Williamson et al.,
 * "Nonparametric variable importance assessment using machine learning techniques", Biometrics 77,
 * 2021): to first order the models' own errors do not move it.
 */
#include "learn/rank_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stats/dist.h"
#include "stats/summary.h"

/* Fewer rows do not show how far their mean may be off. */
enum { LEAST_ROWS = 8 };

double *rank_mean_loss(const struct rank_work *w, enum rank_model model)
{
	double *loss = mem_zalloc(w->n * w->p, sizeof(double));
	double *tested = mem_zalloc(w->n, sizeof(double));

	for (size_t s = 0; s < w->n_splits; s++) {
		const struct split *split = &w->splits[s];

		for (size_t i = 0; split->varied && i < split->n_test; i++)
			tested[split->rows[split->n_train + i]]++;
	}
	for (size_t s = 0; s < w->n_splits; s++) {
		const struct split *split = &w->splits[s];

		for (size_t j = 0; split->varied && j < w->p; j++)
			for (size_t i = 0; i < split->n_test; i++) {
				size_t row = split->rows[split->n_train + i];

				loss[j * w->n + row] +=
					split->fit[model].loss[j * split->n_test + i] / tested[row];
			}
	}
	free(tested);
	return loss;
}

static double *squared_deviations(const struct rank_work *w, double *mean)
{
	double *v = mem_alloc(w->n, sizeof(double)), centre = summary_mean(w->y, w->n);

	for (size_t i = 0; i < w->n; i++)
		v[i] = (w->y[i] - centre) * (w->y[i] - centre);
	*mean = summary_mean(v, w->n);
	return v;
}

static double clip(double v)
{
	return v < 0 ? 0 : v > 1 ? 1 : v;
}

void rank_importance(struct rank_work *w, struct rank_result *r)
{
	double variance, n = (double)w->n;
	double *squares = squared_deviations(w, &variance), *loss = rank_mean_loss(w, r->preferred);
	double t = dist_t_quantile(.5 + w->spec.confidence / 2, n - 1);

	w->influence = loss;
	for (size_t j = 0; j < w->p; j++) {
		struct rank_factor *f = &r->factors[j];
		double *v = loss + j * w->n, half;

		f->importance = summary_mean(v, w->n) / variance;
		for (size_t i = 0; i < w->n; i++)
			v[i] = (v[i] - f->importance * squares[i]) / variance + f->importance;
		half = t * sqrt(summary_variance(v, w->n) / n);
		f->importance_interval =
			(struct interval){clip(f->importance - half), clip(f->importance + half)};
		if (w->n < LEAST_ROWS)
			f->importance_interval = (struct interval){NAN, NAN};
		f->importance = clip(f->importance);
	}
	free(squares);
}

/* Student's t of the difference of two factors' importances, paired by row. */
static double difference_t(
	const struct rank_work *w, const struct rank_result *r, size_t a, size_t b)
{
	if (r->preferred == RANK_GP)
		return rank_gp_difference(w, a, b);

	double n = (double)w->n, *v = mem_alloc(w->n, sizeof(double)), t;

	for (size_t i = 0; i < w->n; i++)
		v[i] = w->influence[a * w->n + i] - w->influence[b * w->n + i];
	t = summary_mean(v, w->n) / sqrt(summary_variance(v, w->n) / n);
	free(v);
	return t;
}

struct ordering {
	const struct rank_work *w;
	const struct rank_result *r;
	size_t *columns; /* of the factors in the order of the result */
	bool *cut;       /* a group begins here */
};

/*
 * Factors from … to−1, sorted by importance: one group where even the first and the last cannot be
 * told apart, at a level shared among all pairs; else cut where neighbours differ most, and look at
 * both parts. So no two members of a group differ, whatever chains of near ones there are.
 */
static void cut_groups(struct ordering *o, size_t from, size_t to)
{
	size_t m = to - from, at = from + 1;
	double pairs = (double)m * (double)(m - 1) / 2, most = -INFINITY;
	double level = (1 - o->w->spec.confidence) / 2 / pairs;

	if (m < 2 || !(difference_t(o->w, o->r, o->columns[from], o->columns[to - 1]) >
			     dist_t_quantile(1 - level, (double)o->w->n - 1)))
		return;
	for (size_t i = from + 1; i < to; i++) {
		double t = difference_t(o->w, o->r, o->columns[i - 1], o->columns[i]);

		if (t > most) {
			most = t;
			at = i;
		}
	}
	o->cut[at] = true;
	cut_groups(o, from, at);
	cut_groups(o, at, to);
}

/* How likely the differences of a factor to those behind it are by chance: the largest p, since all
 * must be there, for as many factors as might have been first. */
static double p_above(const struct ordering *o, size_t at)
{
	double p = 0, others = (double)o->r->p - 1;

	for (size_t i = at + 1; i < o->r->p; i++) {
		double t = difference_t(o->w, o->r, o->columns[at], o->columns[i]);
		double upper = dist_t_upper(t, (double)o->w->n - 1);

		p = fmax(p, isnan(upper) ? 1 : upper);
	}
	return fmin(1, others * p);
}

/* Active ones first, by importance; equal ones stay in the order of the table. */
static bool comes_before(const struct rank_factor *a, const struct rank_factor *b)
{
	if (a->active != b->active)
		return a->active;
	return a->importance > b->importance;
}

void rank_groups(const struct rank_work *w, struct rank_result *r)
{
	struct ordering o = {
		w, r, mem_alloc(r->p, sizeof(size_t)), mem_zalloc(r->p + 1, sizeof(bool))};
	int group = 1;

	for (size_t j = 0; j < r->p; j++)
		o.columns[j] = j;
	for (size_t j = 1; j < r->p; j++)
		for (size_t i = j; i && comes_before(&r->factors[i], &r->factors[i - 1]); i--) {
			struct rank_factor f = r->factors[i];
			size_t c = o.columns[i];

			r->factors[i] = r->factors[i - 1];
			r->factors[i - 1] = f;
			o.columns[i] = o.columns[i - 1];
			o.columns[i - 1] = c;
		}
	r->n_active = 0;
	while (r->n_active < r->p && r->factors[r->n_active].active)
		r->n_active++;
	if (r->n_active)
		cut_groups(&o, 0, r->n_active);
	for (size_t j = 0; j < r->p; j++) {
		group += j && (o.cut[j] || j == r->n_active);
		r->factors[j].group = group;
	}
	for (size_t j = 0; j < r->p; j++)
		r->factors[j].p_above = p_above(&o, j);
	free(o.columns);
	free(o.cut);
}

/*
 * Which factors are told from noise. Four tests of each factor, none of which sees what the others
 * see best: a straight effect (partial t of the linear model), one that bends (partial F of its
 * line and square in a model of all lines and squares), one that depends on other factors (partial
 * F of all its terms in a second-order model), and any shape at all (the forest predicts unseen
 * rows better for knowing it; where the Gaussian process is preferred, it is worse without it).
 * Each gets a share of the level, and Holm's procedure (1979) over the factors keeps the chance of
 * naming any that does nothing.
 */
#include "learn/rank_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "learn/gram.h"
#include "base/parallel.h"
#include "stats/dist.h"
#include "stats/summary.h"

/* Terms of a second-order model: at most so many, and this share of them is needed in rows that are
 * left over, or so many at least. */
enum { MAX_TERMS = 300, LEAST_LEFT = 8 };
static const double LEFT_PER_TERM = .5;

/* Shuffled factors are tried with less effort: only the level that they reach is of interest. */
enum { SHADOW_TREES = 10, SHADOW_POINTS = 7 };

enum { STRAIGHT, BENT, CROSSED, SHAPE, TESTS };
static const double SHARE[TESTS] = {.4, .25, .25, .1}; /* of the level */

/* The terms of a polynomial model; term t belongs to factors a[t] and b[t]. */
struct terms {
	size_t q;
	size_t *a, *b;  /* b = p: a straight term */
	double *values; /* q columns of n */
};

static bool rows_allow(size_t n, size_t q)
{
	double left = (double)n - (double)q - 1;

	return q <= MAX_TERMS && left >= LEAST_LEFT && left >= LEFT_PER_TERM * (double)q;
}

/* Lines and squares, products too where they are to be crossed; false where the rows do not allow
 * it. */
static bool make_terms(struct terms *t, const struct rank_work *w, bool crossed)
{
	size_t p = w->p, all = 2 * p + (crossed ? p * (p - 1) / 2 : 0);
	struct gram_base base;

	*t = (struct terms){0};
	if (!rows_allow(w->n, all) || (crossed && p < 2))
		return false;
	t->a = mem_alloc(all, sizeof(size_t));
	t->b = mem_alloc(all, sizeof(size_t));
	for (size_t j = 0; j < p; j++, t->q++) {
		t->a[t->q] = j;
		t->b[t->q] = p;
	}
	for (size_t j = 0; j < p; j++)
		for (size_t k = j; k < (crossed ? p : j + 1); k++, t->q++) {
			t->a[t->q] = j;
			t->b[t->q] = k;
		}
	t->values = mem_alloc(t->q * w->n, sizeof(double));
	gram_base_init(&base, w->x, w->y, w->n, p, NULL, w->n);
	for (size_t i = 0; i < t->q; i++)
		for (size_t row = 0; row < w->n; row++) {
			size_t a = t->a[i], b = t->b[i];
			double v = w->x[a * w->n + row] - base.mean[a];

			if (b < p)
				v *= w->x[b * w->n + row] - base.mean[b];
			t->values[i * w->n + row] = v;
		}
	gram_base_release(&base);
	return true;
}

/* Partial F test of the terms that factor j has a part in. */
static double factor_p(const struct terms *t, const struct spd *s, const double *coef,
	double variance, double df, size_t j)
{
	double *block = mem_alloc(s->m * s->m + 1, sizeof(double)), f = 0;
	size_t *own = mem_alloc(s->m + 1, sizeof(size_t)), g = 0;
	struct spd inner;

	for (size_t k = 0; k < s->m; k++)
		if (t->a[s->kept[k]] == j || t->b[s->kept[k]] == j)
			own[g++] = k;
	for (size_t i = 0; i < g; i++)
		for (size_t k = 0; k < g; k++)
			block[k * g + i] = s->inverse[own[k] * s->m + own[i]];
	spd_invert(&inner, block, g, g, 1e-12);
	for (size_t i = 0; i < inner.m; i++)
		for (size_t k = 0; k < inner.m; k++)
			f += coef[own[inner.kept[i]]] * inner.inverse[k * inner.m + i] *
			     coef[own[inner.kept[k]]];
	f = inner.m ? dist_f_upper(f / (double)inner.m / variance, (double)inner.m, df) : NAN;
	spd_release(&inner);
	free(block);
	free(own);
	return f;
}

/* p-values of all factors in a polynomial model, NaN where the rows do not allow one. */
static void polynomial_tests(const struct rank_work *w, bool crossed, double *p_values)
{
	struct terms t;
	struct gram_base base;
	struct gram g;
	struct spd s;
	double *c, *coef, rest, df;

	for (size_t j = 0; j < w->p; j++)
		p_values[j] = NAN;
	if (!make_terms(&t, w, crossed))
		return;
	gram_base_init(&base, t.values, w->y, w->n, t.q, NULL, w->n);
	gram_init(&g, t.q);
	gram_add_rows(&g, &base, t.values, w->y, w->n, NULL, w->n);
	c = mem_alloc((t.q + 1) * (t.q + 1), sizeof(double));
	coef = mem_zalloc(t.q, sizeof(double));
	gram_centre(&g, c);
	spd_invert(&s, c, t.q + 1, t.q, 1e-9);
	rest = c[t.q * (t.q + 1) + t.q];
	for (size_t k = 0; k < s.m; k++) {
		for (size_t i = 0; i < s.m; i++)
			coef[k] += s.inverse[k * s.m + i] * c[s.kept[i] * (t.q + 1) + t.q];
		rest -= coef[k] * c[s.kept[k] * (t.q + 1) + t.q];
	}
	df = (double)w->n - (double)s.m - 1;
	for (size_t j = 0; rest > 0 && j < w->p; j++)
		p_values[j] = factor_p(&t, &s, coef, rest / df, df, j);
	spd_release(&s);
	gram_release(&g);
	gram_base_release(&base);
	free(c);
	free(coef);
	free(t.a);
	free(t.b);
	free(t.values);
}

bool rank_entangled(const struct linear *whole, size_t n, size_t j)
{
	double rows = (double)n, alone = pow(whole->residual_sd / whole->std_error[j], 2) / rows;

	return alone * (rows - 1) / (rows - (double)whole->rank) < .5;
}

/*
 * One-sided: is the forest's loss without the factor above nothing? Not asked of a factor that
 * others nearly say: the forest uses it in their stead.
 */
static void forest_tests(const struct rank_work *w, const struct linear *whole, double *p_values)
{
	double *loss = rank_mean_loss(w, RANK_FOREST), n = (double)w->n;

	for (size_t j = 0; j < w->p; j++) {
		const double *v = loss + j * w->n;
		double mean = summary_mean(v, w->n), variance = summary_variance(v, w->n);

		p_values[j] = rank_entangled(whole, w->data->n, j) ? NAN
			      : mean > 0 ? dist_t_upper(mean / sqrt(variance / n), n - 1)
					 : 1;
	}
	free(loss);
}

/* The tests as one p-value: the smallest, each over its share of the level. */
static double combine(const double p[TESTS])
{
	double best = 1, shares = 0;

	for (int i = 0; i < TESTS; i++)
		shares += isnan(p[i]) ? 0 : SHARE[i];
	for (int i = 0; i < TESTS; i++)
		if (!isnan(p[i]) && p[i] / (SHARE[i] / shares) < best)
			best = p[i] / (SHARE[i] / shares);
	return best;
}

/* Holm's step-down adjustment, in place. */
static void adjust(double *p, size_t n)
{
	bool *done = mem_zalloc(n, sizeof(*done));
	double floor = 0;

	for (size_t left = n; left; left--) {
		size_t least = n;

		for (size_t j = 0; j < n; j++)
			if (!done[j] && (least == n || p[j] < p[least]))
				least = j;
		done[least] = true;
		floor = fmax(floor, fmin(1, p[least] * (double)left));
		p[least] = floor;
	}
	free(done);
}

void rank_active(const struct rank_work *w, struct rank_result *r, const struct linear *whole)
{
	double *tests[TESTS], *p = mem_alloc(w->p, sizeof(double));

	for (int i = 0; i < TESTS; i++)
		tests[i] = mem_alloc(w->p, sizeof(double));
	memcpy(tests[STRAIGHT], whole->p_value, w->p * sizeof(double));
	polynomial_tests(w, false, tests[BENT]);
	polynomial_tests(w, true, tests[CROSSED]);
	forest_tests(w, whole, tests[SHAPE]);
	if (r->preferred == RANK_GP)
		rank_gp_tests(w, tests[SHAPE]);
	for (size_t j = 0; j < w->p;
		j++) /* its companion takes its place: no evidence against it */
		if (rank_entangled(whole, w->data->n, j))
			tests[SHAPE][j] = NAN;
	for (size_t j = 0; j < w->p; j++) {
		p[j] = combine((double[TESTS]){
			tests[STRAIGHT][j], tests[BENT][j], tests[CROSSED][j], tests[SHAPE][j]});
		/* what the polynomials leave over takes the shape of products of factors at a few
		 * evenly laid points: the better model has to agree */
		if (r->preferred == RANK_GP && !isnan(tests[SHAPE][j]))
			p[j] = fmax(p[j], tests[SHAPE][j]);
	}
	adjust(p, w->p);
	for (size_t j = 0; j < w->p; j++) {
		r->factors[j].p_active = p[j];
		r->factors[j].active = p[j] <= 1 - w->spec.confidence;
	}
	for (int i = 0; i < TESTS; i++)
		free(tests[i]);
	free(p);
}

/* Shuffled copies of the factors from … to−1, behind all factors. */
static void add_shadows(struct rank_work *s, const struct rank_work *w, size_t from, size_t to)
{
	uint32_t *order = mem_alloc(w->n, sizeof(*order));
	struct rng rng;

	s->p = w->p + to - from;
	s->x = mem_alloc(s->p * w->n, sizeof(double));
	memcpy(s->x, w->x, w->p * w->n * sizeof(double));
	for (size_t j = from; j < to; j++) {
		rng_seed(&rng, w->spec.seed, 100 + j);
		rng_permutation(&rng, order, w->n);
		for (size_t i = 0; i < w->n; i++)
			s->x[(w->p + j - from) * w->n + i] = w->x[j * w->n + order[i]];
	}
	free(order);
}

/* Adds up importance and standard error of the shadows of factors from … to−1. */
static int try_shadows(const struct rank_work *w, enum rank_model model, size_t from, size_t to,
	double *importance, double *error, struct err *err)
{
	struct rank_work s = *w;
	struct rank_result shadow = {.preferred = model};
	int rc;

	add_shadows(&s, w, from, to);
	s.spec.splits = (unsigned)w->folds;
	s.points = SHADOW_POINTS;
	s.fits[RANK_LINEAR] = model == RANK_LINEAR;
	s.fits[RANK_FOREST] = model == RANK_FOREST;
	s.gp = NULL;
	s.keep_forest = false;
	s.forest = NULL;
	s.drops = NULL;
	memset(s.outside, 0, sizeof(s.outside));
	rank_splits_make(&s, SHADOW_TREES);
	rank_grids_make(&s);
	s.fits[RANK_GP] = model == RANK_GP && rank_gp_make(&s);
	if (model == RANK_GP && !s.fits[RANK_GP]) {
		s.fits[RANK_FOREST] = true;
		shadow.preferred = RANK_FOREST;
	}
	for (size_t i = 0; i < w->p * RANK_CURVE; i++) /* only the copies are varied */
		s.values[i] = s.grids[i / RANK_CURVE].x[0];
	rc = rank_splits_fit(&s, err);
	if (!rc) {
		shadow.factors = mem_zalloc(s.p, sizeof(*shadow.factors));
		rank_importance(&s, &shadow);
		for (size_t j = w->p; j < s.p; j++) {
			const double *v = s.influence + j * s.n;

			*importance += summary_mean(v, s.n);
			*error += sqrt(summary_variance(v, s.n) / (double)s.n);
		}
		free(shadow.factors);
		free(s.influence);
	}
	rank_splits_release(&s);
	rank_gp_release(&s);
	free(s.grids);
	free(s.values);
	free(s.x);
	return rc;
}

/*
 * The table again with a shuffled copy of every factor beside the factors; the level is what the
 * best of so many copies stays under in 95 of 100 tables. The linear model cannot bear as many
 * columns as the forest, so it gets a few copies at a time.
 */
int rank_noise_floor(const struct rank_work *w, struct rank_result *r, struct err *err)
{
	double importance = 0, error = 0, p = (double)w->p;
	size_t room = w->n / 6 > w->p ? w->n / 6 - w->p : 1;
	int rc = 0;

	if (r->preferred != RANK_LINEAR || room > w->p)
		room = w->p;
	for (size_t j = 0; !rc && j < w->p; j += room)
		rc = try_shadows(w, r->preferred, j, j + room < w->p ? j + room : w->p, &importance,
			&error, err);
	r->noise_floor = (importance + dist_t_quantile(1 - .05 / p, (double)w->n - 1) * error) / p;
	r->noise_floor = r->noise_floor < 0 ? 0 : r->noise_floor > 1 ? 1 : r->noise_floor;
	return rc;
}

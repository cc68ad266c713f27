/*
 * Pairs of factors that depend on each other: where the effect of one, from its low to its high
 * end, differs between the low and the high end of the other by more than the posterior of the
 * Gaussian process leaves to chance. That difference is a sum of values of the function, so its
 * posterior is normal; the share of the variation that goes with the pair cannot be below zero, so
 * it says how much, and not whether.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "learn/rank_work.h"
#include "stats/dist.h"
#include "stats/summary.h"

/* NEGLIGIBLE: an effect whose interval lies within so many percent does not matter. ROWS: trials
 * that the other factors are averaged over. */
enum { DRAWS = 200, ROWS = 40, NEGLIGIBLE = 5 };

/* What a does where b is low and where it is high, in percent; and how much these differ, on the
 * model's scale, over its deviation. */
struct conditional {
	double at[2];
	struct interval interval[2];
	double z;
};

/* Corner c of a pair: a high where c & 1, b high where c & 2. */
enum { CORNERS = 4 };

static double end_of(const struct rank_gp *g, size_t j, bool high)
{
	return !high ? 0 : g->words[j] ? g->width[j] : 1;
}

static size_t corner_points(const struct rank_work *w, size_t a, size_t b, double *x)
{
	size_t rows = w->n < ROWS ? w->n : ROWS, p = w->p;

	for (size_t c = 0; c < CORNERS; c++)
		for (size_t i = 0; i < rows; i++, x += p) {
			memcpy(x, w->gp->x + i * w->n / rows * p, p * sizeof(double));
			x[a] = end_of(w->gp, a, c & 1);
			x[b] = end_of(w->gp, b, c & 2);
		}
	return rows;
}

/* The mean over the trials at each corner, on the model's scale and on the response's own. */
static void corner_means(const struct rank_work *w, const double *f, size_t rows,
	double model[CORNERS], double own[CORNERS])
{
	for (size_t c = 0; c < CORNERS; c++) {
		model[c] = own[c] = 0;
		for (size_t i = 0; i < rows; i++) {
			model[c] += f[c * rows + i] / (double)rows;
			own[c] += rank_to_own(w->log, f[c * rows + i]) / (double)rows;
		}
	}
}

static double percent(double from, double to)
{
	return (to / from - 1) * 100;
}

static int condition(
	const struct rank_work *w, size_t a, size_t b, struct conditional *out, struct err *err)
{
	double *x = mem_alloc((size_t)CORNERS * ROWS * w->p, sizeof(double)), model[CORNERS],
	       own[CORNERS];
	double *f = mem_alloc((size_t)DRAWS * CORNERS * ROWS, sizeof(double)), part[2][DRAWS],
	       cross[DRAWS];
	size_t rows = corner_points(w, a, b, x), m = CORNERS * rows;
	struct rng rng;
	double contrast;
	int rc;

	rng_seed(&rng, w->spec.seed, 300 + a * w->p + b);
	gp_predict(&w->gp->whole, x, m, f, NULL);
	corner_means(w, f, rows, model, own);
	contrast = model[3] - model[2] - model[1] + model[0];
	out->at[0] = percent(own[0], own[1]);
	out->at[1] = percent(own[2], own[3]);
	rc = gp_draw(&w->gp->whole, x, m, DRAWS, &rng, f, err);
	for (size_t d = 0; !rc && d < DRAWS; d++) {
		corner_means(w, f + d * m, rows, model, own);
		cross[d] = model[3] - model[2] - model[1] + model[0];
		part[0][d] = percent(own[0], own[1]);
		part[1][d] = percent(own[2], own[3]);
	}
	if (!rc) {
		out->z = contrast / sqrt(summary_variance(cross, DRAWS));
		for (int i = 0; i < 2; i++)
			out->interval[i] = rank_gp_interval(w, part[i], DRAWS, out->at[i]);
	}
	free(f);
	free(x);
	return rc;
}

static bool is_small(const struct conditional *c, int end)
{
	return c->interval[end].low > -NEGLIGIBLE && c->interval[end].high < NEGLIGIBLE;
}

static bool is_clear(const struct conditional *c, int end)
{
	return c->interval[end].low > 0 || c->interval[end].high < 0;
}

/* Matters at one end only: clear there, and small or not clear at the other. */
static bool is_only(const struct conditional *c, int end)
{
	return is_clear(c, end) && !is_small(c, end) &&
	       (is_small(c, !end) ||
		       (!is_clear(c, !end) && fabs(c->at[!end]) < fabs(c->at[end]) / 3));
}

static void add_percent(struct str *out, double v, double half)
{
	int decimals = half < 1 ? 1 : 0;

	if (fabs(v) < (decimals ? .05 : .5))
		v = 0;
	str_addf(out, "%s%.*f", v < 0 ? "−" : v > 0 ? "+" : "", decimals, fabs(v));
}

static void add_effect(struct str *out, const struct conditional *c, int end)
{
	double half = (c->interval[end].high - c->interval[end].low) / 2;

	add_percent(out, c->at[end], half);
	str_add(out, " % [");
	add_percent(out, c->interval[end].low, half);
	str_add(out, ", ");
	add_percent(out, c->interval[end].high, half);
	str_add(out, "]");
}

/* "workers is high", "interpreter is pypy3" */
static void add_end(struct str *out, const struct rank_result *r, size_t column, int end)
{
	const struct dataset *d = &r->data;

	str_addf(out, "%s is %s", d->names[column],
		d->words && d->words[column] ? d->words[column][end]
		: end                        ? "high"
					     : "low");
}

static char *describe(const struct rank_result *r, const struct conditional *c, size_t a, size_t b)
{
	struct str out = STR_INIT;
	int strong = fabs(c->at[1]) > fabs(c->at[0]);

	if (is_clear(c, 0) && is_clear(c, 1) && c->at[0] * c->at[1] < 0) {
		str_addf(&out, "%s works the other way when ", r->data.names[a]);
		strong = 1;
	} else if (is_only(c, strong))
		str_addf(&out, "%s matters only when ", r->data.names[a]);
	else
		str_addf(&out, "%s matters more when ", r->data.names[a]);
	add_end(&out, r, b, strong);
	str_addf(&out, ": over its range it then changes %s by ", r->response);
	add_effect(&out, c, strong);
	str_add(&out, ", and when ");
	add_end(&out, r, b, !strong);
	str_add(&out, " by ");
	add_effect(&out, c, !strong);
	str_add(&out, ".");
	return str_take(&out);
}

/* Between ends: numbers that varied, and pairs of words. */
static bool has_ends(const struct rank_work *w, size_t j)
{
	return w->gp->width[j] > 0 && (!w->gp->words[j] || w->gp->width[j] == 1);
}

static size_t column_of(const struct rank_result *r, size_t factor)
{
	size_t j = 0;

	while (r->data.names[j] != r->factors[factor].name)
		j++;
	return j;
}

static void keep(const struct rank_work *w, struct rank_result *r, size_t a, size_t b,
	const struct conditional *c)
{
	const struct indices *x = &w->gp->indices;
	size_t ca = column_of(r, a), cb = column_of(r, b);
	size_t at = ca < cb ? ca * w->p + cb : cb * w->p + ca;
	double noise = w->gp->whole.noise * w->gp->whole.noise;
	double known = x->variance / (x->variance + noise);
	struct rank_pair pair = {a, b, x->pair[at] * known,
		{x->pair_low[at] * known, x->pair_high[at] * known}, c->at[0], c->at[1],
		c->interval[0], c->interval[1], describe(r, c, ca, cb)};
	size_t i = r->n_pairs++;

	r->pairs = mem_resize(r->pairs, r->n_pairs, sizeof(pair));
	for (; i && r->pairs[i - 1].share < pair.share; i--)
		r->pairs[i] = r->pairs[i - 1];
	r->pairs[i] = pair;
}

/* The weaker factor's effect by the stronger one, unless only the other way round is a clear case.
 */
int rank_pairs(const struct rank_work *w, struct rank_result *r, struct err *err)
{
	double pairs = (double)r->n_active * ((double)r->n_active - 1) / 2;
	double least = rank_gp_widen(w) *
		       dist_normal_quantile(1 - (1 - w->spec.confidence) / 2 / fmax(1, pairs));

	for (size_t strong = 0; strong < r->n_active; strong++)
		for (size_t weak = strong + 1; weak < r->n_active; weak++) {
			size_t s = column_of(r, strong), k = column_of(r, weak);
			struct conditional c, other;

			if (!has_ends(w, s) || !has_ends(w, k))
				continue;
			if (condition(w, k, s, &c, err) || condition(w, s, k, &other, err))
				return -(int)ERR_INPUT;
			if (!(fabs(c.z) > least))
				continue;
			if (!is_only(&c, 0) && !is_only(&c, 1) &&
				(is_only(&other, 0) || is_only(&other, 1)))
				keep(w, r, strong, weak, &other);
			else
				keep(w, r, weak, strong, &c);
		}
	return 0;
}

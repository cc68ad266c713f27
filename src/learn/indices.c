/*
 * The prediction is a sum of products of functions of one factor each, so its own indices come from
 * integrals over one factor at a time, without sampling. Drawn functions are looked at in points:
 * two Latin hypercubes A and B, for each factor A with that factor from B, and for each pair A with
 * both from B; and moved by what the prediction's indices in those points differ from its own.
 */
#include "learn/indices.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "learn/blas.h"

/* NODES: of the integrals over one factor. */
enum { MAX_FACTORS = 20, BLOCK = 1024, LEAST_BASE = 8, PAIR_PART = 4, NODES = 64 };

/* Where the function is looked at: A, B, then a block of `base` a factor, then one of `few` a pair.
 */
struct plan {
	size_t p, base, few, m;
	double *x; /* m × p */
};

/* What one function has. */
struct shares {
	double variance;
	double *first, *total, *pair; /* p, p, p × p */
};

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One column of a Latin hypercube into x[i * p]; of words, the values in the trials. */
static void fill_column(const struct gp *g, size_t j, double *x, size_t base, struct rng *rng)
{
	uint32_t *order = mem_alloc(base, sizeof(*order));
	double *values = NULL;

	if (g->words[j]) {
		values = mem_alloc(g->n, sizeof(double));
		for (size_t i = 0; i < g->n; i++)
			values[i] = g->x[i * g->p + j];
		qsort(values, g->n, sizeof(double), ascending);
	}
	rng_permutation(rng, order, base);
	for (size_t i = 0; i < base; i++) {
		double u = ((double)order[i] + rng_uniform(rng)) / (double)base;

		x[i * g->p] = values ? values[(size_t)(u * (double)g->n)] : u;
	}
	free(values);
	free(order);
}

static void plan_init(struct plan *s, const struct gp *g, size_t base, struct rng *rng)
{
	size_t p = g->p, width = p * sizeof(double);
	double *at, *b;

	*s = (struct plan){.p = p, .base = base, .few = base / PAIR_PART};
	s->m = base * (p + 2) + s->few * p * (p - 1) / 2;
	s->x = mem_alloc(s->m * p, sizeof(double));
	b = s->x + base * p;
	for (size_t j = 0; j < p; j++) {
		fill_column(g, j, s->x + j, base, rng);
		fill_column(g, j, b + j, base, rng);
	}
	at = b + base * p;
	for (size_t j = 0; j < p; j++)
		for (size_t i = 0; i < base; i++, at += p) {
			memcpy(at, s->x + i * p, width);
			at[j] = b[i * p + j];
		}
	for (size_t j = 0; j < p; j++)
		for (size_t k = j + 1; k < p; k++)
			for (size_t i = 0; i < s->few; i++, at += p) {
				memcpy(at, s->x + i * p, width);
				at[j] = b[i * p + j];
				at[k] = b[i * p + k];
			}
}

static void shares_init(struct shares *s, size_t p)
{
	s->first = mem_zalloc(p * (p + 2), sizeof(double));
	s->total = s->first + p;
	s->pair = s->total + p;
}

static double variance_of(const double *f, size_t n)
{
	double mean = 0, sum = 0;

	for (size_t i = 0; i < n; i++)
		mean += f[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		sum += (f[i] - mean) * (f[i] - mean);
	return sum / (double)n;
}

/* From the values of a function at the plan's points. */
static void estimate(struct shares *s, const struct plan *plan, const double *f)
{
	size_t base = plan->base, p = plan->p;
	const double *b = f + base, *mixed = b + base, *both = mixed + p * base;

	s->variance = variance_of(f, 2 * base);
	for (size_t j = 0; j < p; j++) {
		const double *ab = mixed + j * base;
		double first = 0, total = 0;

		for (size_t i = 0; i < base; i++) {
			first += b[i] * (ab[i] - f[i]);
			total += (f[i] - ab[i]) * (f[i] - ab[i]) / 2;
		}
		s->first[j] = s->variance > 0 ? first / (double)base / s->variance : 0;
		s->total[j] = s->variance > 0 ? total / (double)base / s->variance : 0;
	}
	for (size_t j = 0; j < p; j++)
		for (size_t k = j + 1; k < p; k++, both += plan->few) {
			double sum = 0;

			for (size_t i = 0; i < plan->few; i++) {
				double d =
					f[i] - mixed[j * base + i] - mixed[k * base + i] + both[i];

				sum += d * d / 4;
			}
			s->pair[j * p + k] =
				s->variance > 0 ? sum / (double)plan->few / s->variance : 0;
		}
}

/* The prediction, centred: first-order estimates are products with it. */
static void estimate_mean(struct shares *s, const struct plan *plan, const struct gp *g)
{
	double *f = mem_alloc(plan->m, sizeof(double));

	for (size_t from = 0; from < plan->m; from += BLOCK)
		gp_predict(g, plan->x + from * plan->p,
			from + BLOCK < plan->m ? BLOCK : plan->m - from, f + from, NULL);
	for (size_t i = 0; i < plan->m; i++)
		f[i] -= g->mean;
	estimate(s, plan, f);
	free(f);
}

/* Moments of the prediction's parts: for factor j, mean[j * n + t] of row t's correlation with a
 * value, and square[j * n² + …], of the product of two rows' correlations. */
struct moments {
	size_t n, p;
	double *mean, *square;
};

static void moments_init(struct moments *m, const struct gp *g)
{
	size_t n = g->n;
	double *k = mem_alloc(n * NODES, sizeof(double)), *sorted = mem_alloc(n, sizeof(double));

	*m = (struct moments){.n = n, .p = g->p};
	m->mean = mem_zalloc(n * g->p, sizeof(double));
	m->square = mem_zalloc(n * n * g->p, sizeof(double));
	for (size_t j = 0; j < g->p; j++) {
		for (size_t t = 0; t < n; t++)
			sorted[t] = g->x[t * g->p + j];
		qsort(sorted, n, sizeof(double), ascending);
		for (size_t v = 0; v < NODES; v++) {
			double u = ((double)v + .5) / NODES;
			double value = g->words[j] ? sorted[(size_t)(u * (double)n)] : u;

			for (size_t t = 0; t < n; t++) {
				double at = g->x[t * g->p + j];
				double d = (g->words[j] ? at != value : at - value) / g->scale[j];

				k[v * n + t] = exp(-.5 * d * d);
				m->mean[j * n + t] += k[v * n + t] / NODES;
			}
		}
		BLAS_VOID(cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, (int)n, NODES,
			1. / NODES, k, (int)n, 0, m->square + j * n * n, (int)n));
	}
	free(sorted);
	free(k);
}

/* The variance of what is left of the prediction when it is averaged over the factors in `over`. */
static double variance_without(const struct moments *m, const struct gp *g, const bool *over)
{
	size_t n = m->n;
	double sum = 0, mean = 0, scale = g->signal * g->signal;

	for (size_t t = 0; t < n; t++) {
		double alone = g->alpha[t] * scale;

		for (size_t j = 0; j < m->p; j++)
			alone *= m->mean[j * n + t];
		mean += alone;
		for (size_t s = 0; s <= t; s++) {
			double part = g->alpha[t] * g->alpha[s] * scale * scale * (s < t ? 2 : 1);

			for (size_t j = 0; j < m->p; j++)
				part *= over[j] ? m->mean[j * n + t] * m->mean[j * n + s]
						: m->square[j * n * n + s * n + t];
			sum += part;
		}
	}
	return fmax(0, sum - mean * mean);
}

/* The prediction's own indices. */
static void work_out(struct shares *s, const struct gp *g)
{
	struct moments m;
	bool over[MAX_FACTORS] = {0};
	size_t p = g->p;

	moments_init(&m, g);
	s->variance = variance_without(&m, g, over);
	for (size_t j = 0; s->variance > 0 && j < p; j++) {
		over[j] = true;
		s->total[j] = 1 - variance_without(&m, g, over) / s->variance;
		for (size_t k = 0; k < j; k++) {
			over[k] = true;
			s->pair[k * p + j] = s->total[j] + s->total[k] - 1 +
					     variance_without(&m, g, over) / s->variance;
			over[k] = false;
		}
		for (size_t k = 0; k < p; k++)
			over[k] = k != j;
		s->first[j] = variance_without(&m, g, over) / s->variance;
		memset(over, 0, sizeof(over));
	}
	free(m.mean);
	free(m.square);
}

static double clip(double v)
{
	return v < 0 ? 0 : v > 1 ? 1 : v;
}

/* Quantiles of the draws; the point estimate lies within them. */
static void interval(
	double *v, size_t n, double confidence, double point, double *low, double *high)
{
	double tail = (1 - confidence) / 2 * (double)(n - 1);
	size_t at = (size_t)tail;

	qsort(v, n, sizeof(double), ascending);
	*low = fmin(point, v[at] + (tail - (double)at) * (v[at + 1] - v[at]));
	*high = fmax(point, v[n - 1 - at] - (tail - (double)at) * (v[n - 1 - at] - v[n - 2 - at]));
}

/* The draws' indices, a column each, moved by how the plan of few points errs. */
static int draw_all(struct indices *out, const struct gp *g, const struct plan *plan,
	const struct shares *many, double *columns, struct rng *rng, struct err *err)
{
	size_t p = g->p, draws = out->draws, all = p * (p + 2);
	double *f = mem_alloc(draws * plan->m, sizeof(double));
	struct shares few, one;
	int rc = gp_draw(g, plan->x, plan->m, draws, rng, f, err);

	shares_init(&few, p);
	shares_init(&one, p);
	estimate_mean(&few, plan, g);
	for (size_t d = 0; !rc && d < draws; d++) {
		double *own = f + d * plan->m;

		for (size_t i = 0; i < plan->m; i++)
			own[i] -= g->mean;
		estimate(&one, plan, own);
		out->draw_variance[d] =
			one.variance * (few.variance > 0 ? many->variance / few.variance : 1);
		for (size_t i = 0; i < all; i++)
			columns[i * draws + d] = clip(one.first[i] + many->first[i] - few.first[i]);
		for (size_t j = 0; j < p; j++)
			out->draw_total[d * p + j] = columns[(p + j) * draws + d];
	}
	free(one.first);
	free(few.first);
	free(f);
	return rc;
}

static void indices_init(struct indices *out, size_t p, size_t draws)
{
	double *v = mem_zalloc(6 * p + 3 * p * p, sizeof(double));

	*out = (struct indices){.p = p, .draws = draws};
	out->first = v;
	out->total = v + p;
	out->first_low = v + 2 * p;
	out->first_high = v + 3 * p;
	out->total_low = v + 4 * p;
	out->total_high = v + 5 * p;
	out->pair = v + 6 * p;
	out->pair_low = out->pair + p * p;
	out->pair_high = out->pair_low + p * p;
	out->draw_variance = mem_alloc(draws * (p + 1), sizeof(double));
	out->draw_total = out->draw_variance + draws;
}

/* As many points as the draws may have. */
static size_t fitting_base(size_t p, size_t base)
{
	size_t b = base;

	while (b > LEAST_BASE && b * (p + 2) + b / PAIR_PART * p * (p - 1) / 2 > GP_MAX_POINTS)
		b--;
	return b < LEAST_BASE ? LEAST_BASE : b;
}

static void conclude(
	struct indices *out, const struct shares *many, double *columns, double confidence)
{
	size_t p = out->p, n = out->draws;

	out->variance = many->variance;
	for (size_t j = 0; j < p; j++) {
		out->first[j] = clip(many->first[j]);
		out->total[j] = clip(many->total[j]);
		interval(columns + j * n, n, confidence, out->first[j], &out->first_low[j],
			&out->first_high[j]);
		interval(columns + (p + j) * n, n, confidence, out->total[j], &out->total_low[j],
			&out->total_high[j]);
		for (size_t k = j + 1; k < p; k++) {
			size_t at = j * p + k;

			out->pair[at] = clip(many->pair[at]);
			interval(columns + (2 * p + at) * n, n, confidence, out->pair[at],
				&out->pair_low[at], &out->pair_high[at]);
		}
	}
}

int indices_of_gp(struct indices *out, const struct gp *g, double confidence, size_t base,
	size_t draws, uint64_t seed, struct err *err)
{
	struct plan small;
	struct shares many;
	struct rng rng;
	double *columns;
	int rc;

	*out = (struct indices){0};
	if (g->p > MAX_FACTORS || draws < 2)
		return err_set(err, ERR_INPUT,
			"indices take at most %d factors and at least 2 draws, not %zu factors and "
			"%zu draws",
			MAX_FACTORS, g->p, draws);
	rng_seed(&rng, seed, 21);
	indices_init(out, g->p, draws);
	plan_init(&small, g, fitting_base(g->p, base), &rng);
	shares_init(&many, g->p);
	columns = mem_alloc(g->p * (g->p + 2) * draws, sizeof(double));
	work_out(&many, g);
	rc = draw_all(out, g, &small, &many, columns, &rng, err);
	if (!rc)
		conclude(out, &many, columns, confidence);
	else
		indices_release(out);
	free(columns);
	free(many.first);
	free(small.x);
	return rc;
}

void indices_release(struct indices *x)
{
	free(x->first);
	free(x->draw_variance);
	*x = (struct indices){0};
}

/*
 * Predictions with one factor changed, for all factors and many values ("lanes") at once. A row
 * goes down a tree on its own values; at a node that asks for factor j, the lanes of factor j that
 * would go the other way leave the path, together, and are followed to their leaves, where they
 * part only at nodes that ask for j again. What is on no lane's way is never looked at.
 *
 * Lanes are compared as numbers: every threshold of the forest has a number in its factor's order,
 * a value has the number of thresholds below it, and goes right where its number is greater.
 */
#include "learn/forest_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/mem.h"
#include "learn/parallel.h"

enum {
	LANES = 32, /* at most */
	PAIRS = FOREST_BINS * FOREST_BINS,
	BLOCK_BYTES = 512 << 10, /* of sums, so that they and a tree share the cache */
	CODES_BYTES = 64 << 20,
};

struct vary {
	const struct forest *f;
	const double *x;
	size_t n, n_rows;
	const unsigned *rows;
	uint16_t **ids;        /* trees: number of each node's threshold */
	size_t first, group;   /* the factors that vary: group of them, from the first on */
	unsigned lanes, width; /* width: lanes, rounded up to 16 */
	const uint16_t *codes; /* of row i: codes + i × row_codes, then group × width */
	size_t row_codes;
	size_t block; /* rows at once */
	/* takes the predictions of a block: count × group × width, as differences to base */
	void (*take)(const struct vary *w, size_t task, size_t start, size_t count,
		const double *base, const double *change);
	void *arg;
};

/* Bit k: codes[k] > id. */
static inline uint32_t lanes_right(const uint16_t *codes, unsigned width, uint16_t id)
{
	uint32_t mask = 0;

#ifdef __SSE2__
	__m128i than = _mm_set1_epi16((short)id);

	for (unsigned k = 0; k < width; k += 16) {
		__m128i a = _mm_loadu_si128((const __m128i *)(const void *)(codes + k));
		__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(codes + k + 8));
		__m128i both = _mm_packs_epi16(_mm_cmpgt_epi16(a, than), _mm_cmpgt_epi16(b, than));

		mask |= (uint32_t)_mm_movemask_epi8(both) << k;
	}
#else
	for (unsigned k = 0; k < width; k++)
		mask |= (uint32_t)(codes[k] > id) << k;
#endif
	return mask;
}

struct walk {
	const struct forest_node *nodes;
	const uint16_t *ids;
	const double *x;       /* the row */
	const uint16_t *codes; /* its lanes of the factor */
	unsigned factor, width;
	double base; /* the tree's prediction for the row as it is */
	double *change;
};

/* Follows the lanes in `mask` from a node to their leaves. */
static void follow(const struct walk *w, uint32_t at, uint32_t mask)
{
	struct {
		uint32_t at, mask;
	} waiting[LANES];
	unsigned depth = 0;

	for (;;) {
		const struct forest_node *node = &w->nodes[at];

		if (!node->left) {
			double change = node->value - w->base;

			for (; mask; mask &= mask - 1)
				w->change[__builtin_ctz(mask)] += change;
			if (!depth)
				return;
			at = waiting[--depth].at;
			mask = waiting[depth].mask;
		} else if (node->factor != w->factor) {
			at = node->left + (w->x[node->factor] > node->value);
		} else {
			uint32_t right = mask & lanes_right(w->codes, w->width, w->ids[at]);

			at = node->left + (right == mask);
			if (right && right != mask) {
				waiting[depth].at = node->left + 1;
				waiting[depth++].mask = right;
				mask &= ~right;
			}
		}
	}
}

/* One row, one tree. gone: group masks, clear before and after. Returns the tree's prediction. */
static double vary_row(const struct vary *v, size_t tree, const double *x, const uint16_t *codes,
	uint32_t *gone, double *change)
{
	struct walk w = {
		.nodes = v->f->trees[tree].nodes, .ids = v->ids[tree], .x = x, .width = v->width};
	const struct forest_node *node = w.nodes;
	uint32_t all = v->lanes < 32 ? (UINT32_C(1) << v->lanes) - 1 : UINT32_MAX;

	while (node->left)
		node = w.nodes + node->left + (x[node->factor] > node->value);
	w.base = node->value;
	for (node = w.nodes; node->left;) {
		size_t j = node->factor - v->first;
		uint32_t own = x[node->factor] > node->value, leave;

		if (j < v->group && gone[j] != all) {
			w.codes = codes + j * v->width;
			leave = lanes_right(w.codes, v->width, w.ids[node - w.nodes]);
			leave = (own ? ~leave : leave) & all & ~gone[j];
			if (leave) {
				gone[j] |= leave;
				w.factor = node->factor;
				w.change = change + j * v->width;
				follow(&w, node->left + !own, leave);
			}
		}
		node = w.nodes + node->left + own;
	}
	memset(gone, 0, v->group * sizeof(*gone));
	return w.base;
}

static void vary_block(void *arg, size_t task)
{
	const struct vary *v = arg;
	size_t p = v->f->p, start = task * v->block, sums = v->group * v->width;
	size_t count = v->n_rows - start < v->block ? v->n_rows - start : v->block;
	double *block = mem_alloc(count * p, sizeof(*block));
	double *base = mem_zalloc(count, sizeof(*base));
	double *change = mem_zalloc(count * sums, sizeof(*change));
	uint32_t *gone = mem_zalloc(v->group, sizeof(*gone));
	double share = 1. / v->f->spec.trees;

	forest_block(block, v->x, v->n, p, v->rows, start, count);
	for (size_t t = 0; t < v->f->spec.trees; t++) {
		for (size_t i = 0; i < count; i++)
			base[i] += vary_row(v, t, block + i * p,
				v->codes + (start + i) * v->row_codes, gone, change + i * sums);
	}
	for (size_t i = 0; i < count; i++)
		base[i] *= share;
	for (size_t k = 0; k < count * sums; k++)
		change[k] *= share;
	v->take(v, task, start, count, base, change);
	free(block);
	free(base);
	free(change);
	free(gone);
}

/* Runs the blocks; returns how many there are. */
static size_t vary_blocks(struct vary *v)
{
	size_t bytes = v->group * v->width * sizeof(double), blocks;

	v->block = BLOCK_BYTES / bytes;
	v->block = v->block < 16 ? 16 : v->block;
	blocks = (v->n_rows + v->block - 1) / v->block;
	return blocks;
}

static unsigned threads_for(const struct vary *v)
{
	return v->n_rows * v->f->spec.trees < 20000 ? 1 : v->f->spec.threads;
}

static void ids_alloc(struct vary *v)
{
	v->ids = mem_alloc(v->f->spec.trees, sizeof(*v->ids));
	for (size_t t = 0; t < v->f->spec.trees; t++)
		v->ids[t] = mem_alloc(v->f->trees[t].n_nodes, sizeof(**v->ids));
}

static void ids_free(struct vary *v)
{
	for (size_t t = 0; t < v->f->spec.trees; t++)
		free(v->ids[t]);
	free(v->ids);
}

/* Individual conditional expectation */

struct grid {
	struct vary v;
	const double *values;
	size_t k;
	double *out;
};

/* The number of a threshold: how many values of the grid are not above it. */
static void grid_ids(void *arg, size_t t)
{
	struct grid *g = arg;
	const struct forest_tree *tree = &g->v.f->trees[t];

	for (size_t i = 0; i < tree->n_nodes; i++) {
		const struct forest_node *node = &tree->nodes[i];
		const double *values = g->values + node->factor * g->k;
		unsigned below = 0;

		for (size_t k = 0; k < g->k && node->left; k++)
			below += values[k] <= node->value;
		g->v.ids[t][i] = (uint16_t)below;
	}
}

static void grid_take(const struct vary *v, size_t task, size_t start, size_t count,
	const double *base, const double *change)
{
	const struct grid *g = v->arg;

	(void)task;
	for (size_t j = 0; j < v->group; j++) {
		for (size_t i = 0; i < count; i++) {
			double *out = g->out + (j * v->n_rows + start + i) * g->k;
			const double *from = change + (i * v->group + j) * v->width;

			for (size_t k = 0; k < g->k; k++)
				out[k] = base[i] + from[k];
		}
	}
}

void forest_predict_varied(const struct forest *f, const double *x, size_t n, const unsigned *rows,
	size_t n_rows, const double *grid, size_t k, double *out)
{
	struct grid g = {.v = {f, x, n, rows ? n_rows : n, rows}, .values = grid, .out = out};
	struct vary *v = &g.v;
	uint16_t *codes;

	g.k = k < LANES ? k : LANES;
	v->group = f->p;
	v->lanes = (unsigned)g.k;
	v->width = (v->lanes + 15) & ~15U;
	v->take = grid_take;
	v->arg = &g;
	codes = mem_alloc(f->p * v->width, sizeof(*codes));
	for (size_t i = 0; i < f->p * v->width; i++)
		codes[i] = (uint16_t)(i % v->width + 1);
	v->codes = codes;
	ids_alloc(v);
	for (size_t t = 0; t < f->spec.trees; t++)
		grid_ids(&g, t);
	parallel_for(threads_for(v), vary_blocks(v), vary_block, v);
	ids_free(v);
	free(codes);
}

/* Permutation importance */

struct shuffle {
	struct vary v;
	const double *y;
	unsigned repeats, first_repeat;
	uint64_t seed;
	uint16_t *numbers;   /* p × PAIRS: of the threshold between two bins */
	double **thresholds; /* p: ascending */
	size_t *n_thresholds;
	uint16_t *codes;
	double *errors;      /* of block and lane: block × group × lanes */
	double *base_errors; /* blocks */
};

struct threshold {
	double value;
	unsigned pair;
};

static int by_threshold(const void *a, const void *b)
{
	const struct threshold *x = a, *y = b;

	return x->value != y->value ? (x->value > y->value) - (x->value < y->value)
				    : (x->pair > y->pair) - (x->pair < y->pair);
}

/* Numbers the thresholds of one factor that the forest uses: fewer than 2^15, as bins are 256. */
static void number_thresholds(void *arg, size_t j)
{
	struct shuffle *s = arg;
	uint16_t *numbers = s->numbers + j * PAIRS;
	struct threshold *list;
	size_t n = 0;

	for (unsigned pair = 0; pair < PAIRS; pair++)
		n += numbers[pair];
	list = mem_alloc(n + 1, sizeof(*list));
	n = 0;
	for (unsigned pair = 0; pair < PAIRS; pair++) {
		if (numbers[pair])
			list[n++] =
				(struct threshold){forest_bins_threshold(&s->v.f->bins[j],
							   pair / FOREST_BINS, pair % FOREST_BINS),
					pair};
	}
	qsort(list, n, sizeof(*list), by_threshold);
	s->thresholds[j] = mem_alloc(n + 1, sizeof(double));
	s->n_thresholds[j] = n;
	for (size_t i = 0; i < n; i++) {
		numbers[list[i].pair] = (uint16_t)i;
		s->thresholds[j][i] = list[i].value;
	}
	free(list);
}

static void shuffle_ids(void *arg, size_t t)
{
	struct shuffle *s = arg;
	const struct forest_tree *tree = &s->v.f->trees[t];

	for (size_t i = 0; i < tree->n_nodes; i++)
		s->v.ids[t][i] =
			s->numbers[tree->nodes[i].factor * (size_t)PAIRS + tree->nodes[i].bins];
}

static void number_nodes(struct shuffle *s)
{
	const struct forest *f = s->v.f;

	s->numbers = mem_zalloc(f->p * PAIRS, sizeof(*s->numbers));
	s->thresholds = mem_alloc(f->p, sizeof(*s->thresholds));
	s->n_thresholds = mem_alloc(f->p, sizeof(*s->n_thresholds));
	for (size_t t = 0; t < f->spec.trees; t++) {
		for (size_t i = 0; i < f->trees[t].n_nodes; i++) {
			const struct forest_node *node = &f->trees[t].nodes[i];

			if (node->left)
				s->numbers[node->factor * (size_t)PAIRS + node->bins] = 1;
		}
	}
	parallel_for(threads_for(&s->v), f->p, number_thresholds, s);
	parallel_for(threads_for(&s->v), f->spec.trees, shuffle_ids, s);
}

/* The lanes of one factor of the group: its values, coded, in as many orders as there are lanes. */
static void shuffle_factor(void *arg, size_t j)
{
	struct shuffle *s = arg;
	const struct vary *v = &s->v;
	size_t factor = v->first + j, n = v->n_rows, count = s->n_thresholds[factor];
	const double *thresholds = s->thresholds[factor];
	uint16_t *own = mem_alloc(n, sizeof(*own)), *codes = s->codes + j * v->width;
	uint32_t *order = mem_alloc(n, sizeof(*order));
	struct rng rng;

	for (size_t i = 0; i < n; i++) {
		double value = v->x[factor * v->n + (v->rows ? v->rows[i] : i)];
		size_t low = 0, high = count;

		while (low < high) {
			size_t middle = (low + high) / 2;

			if (thresholds[middle] < value)
				low = middle + 1;
			else
				high = middle;
		}
		own[i] = (uint16_t)low;
	}
	for (unsigned r = 0; r < v->lanes; r++) {
		rng_seed(&rng, s->seed, factor * s->repeats + s->first_repeat + r);
		rng_permutation(&rng, order, n);
		for (size_t i = 0; i < n; i++)
			codes[i * v->row_codes + r] = own[order[i]];
	}
	free(own);
	free(order);
}

static void shuffle_take(const struct vary *v, size_t task, size_t start, size_t count,
	const double *base, const double *change)
{
	const struct shuffle *s = v->arg;
	size_t group = v->group;
	double *errors = s->errors + task * group * v->lanes, sum = 0;

	memset(errors, 0, group * v->lanes * sizeof(*errors));
	for (size_t i = 0; i < count; i++) {
		double d = base[i] - s->y[v->rows ? v->rows[start + i] : start + i];

		sum += d * d;
		for (size_t j = 0; j < group; j++) {
			const double *c = change + (i * group + j) * v->width;

			for (unsigned r = 0; r < v->lanes; r++)
				errors[j * v->lanes + r] += (d + c[r]) * (d + c[r]);
		}
	}
	s->base_errors[task] = sum;
}

static double spread(const double *y, const unsigned *rows, size_t n)
{
	double mean = 0, sum = 0;

	for (size_t i = 0; i < n; i++)
		mean += y[rows ? rows[i] : i] / (double)n;
	for (size_t i = 0; i < n; i++) {
		double d = y[rows ? rows[i] : i] - mean;

		sum += d * d;
	}
	return sum;
}

/* Some factors, some repeats. */
static void shuffle_group(struct shuffle *s, double *drops)
{
	struct vary *v = &s->v;
	double all = spread(s->y, v->rows, v->n_rows);
	size_t blocks, cells = v->group * v->lanes;

	v->row_codes = v->group * v->width;
	s->codes = mem_zalloc(v->n_rows * v->row_codes, sizeof(*s->codes));
	v->codes = s->codes;
	parallel_for(threads_for(v), v->group, shuffle_factor, s);
	blocks = vary_blocks(v);
	s->errors = mem_alloc(blocks * cells, sizeof(*s->errors));
	s->base_errors = mem_alloc(blocks, sizeof(*s->base_errors));
	parallel_for(threads_for(v), blocks, vary_block, v);
	for (size_t c = 0; c < cells; c++) {
		double rise = 0;

		for (size_t b = 0; b < blocks; b++)
			rise += s->errors[b * cells + c] - s->base_errors[b];
		drops[(v->first + c / v->lanes) * s->repeats + s->first_repeat + c % v->lanes] =
			all > 0 ? rise / all : NAN;
	}
	free(s->codes);
	free(s->errors);
	free(s->base_errors);
}

void forest_permutation_importance(const struct forest *f, const double *x, const double *y,
	size_t n, const unsigned *rows, size_t n_rows, unsigned repeats, uint64_t seed,
	double *drops)
{
	struct shuffle s = {
		.v = {f, x, n, rows ? n_rows : n, rows}, .y = y, .repeats = repeats, .seed = seed};
	struct vary *v = &s.v;

	v->take = shuffle_take;
	v->arg = &s;
	ids_alloc(v);
	number_nodes(&s);
	for (; s.first_repeat < repeats; s.first_repeat += v->lanes) {
		size_t most;

		v->lanes = repeats - s.first_repeat < LANES ? repeats - s.first_repeat : LANES;
		v->width = (v->lanes + 15) & ~15U;
		most = CODES_BYTES / (v->n_rows * v->width * sizeof(*s.codes) + 1);
		most = most ? most : 1;
		for (v->first = 0; v->first < f->p; v->first += v->group) {
			v->group = f->p - v->first < most ? f->p - v->first : most;
			shuffle_group(&s, drops);
		}
	}
	for (size_t j = 0; j < f->p; j++)
		free(s.thresholds[j]);
	free(s.thresholds);
	free(s.n_thresholds);
	free(s.numbers);
	ids_free(v);
}

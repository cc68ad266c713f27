/*
 * Nodes of up to FOREST_TINY rows: four of five nodes of a full tree. A set of rows is a byte, one
 * bit a row, and sums over any set come from two small tables. The rows are sorted by all factors
 * at once, a factor a lane: a lane's key is its bin, then the row's bit, so that the keys from the
 * least on, put together, are the sets that a split on the factor can send left.
 */
#include "learn/forest_internal.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/mem.h"

enum { LANES = 8 };

struct set_sums {
	double sum;
	size_t weight;
};

/* A split behind a key. */
struct cut {
	uint16_t key, factor;
};

struct forest_tiny {
	size_t width;     /* lanes of all factors: p, rounded up to LANES */
	int16_t *sorted;  /* FOREST_TINY × width: keys in order */
	uint16_t *left;   /* as many: the rows up to and with that key; none where the next bin is
			     equal */
	double *gains;    /* FOREST_TINY × p */
	struct cut *best; /* as many: where gains are equal to the best */
};

/* A subtree that grows. */
struct growth {
	struct forest_grower *g;
	const uint8_t *codes[FOREST_TINY]; /* of each row */
	struct set_sums low[16], high[16]; /* of sets of the first four rows, of the others */
	double offset;                     /* mean of the tree's responses where sums are 0 */
};

/* A node: which rows it holds. */
struct tiny_todo {
	uint32_t node;
	unsigned rows, count, depth;
};

struct forest_tiny *forest_tiny_new(const struct forest_source *source)
{
	struct forest_tiny *t = mem_alloc(1, sizeof(*t));
	size_t width = (source->p + LANES - 1) / LANES * LANES;

	t->width = width;
	t->sorted = mem_zalloc_line(FOREST_TINY * width, sizeof(*t->sorted));
	t->left = mem_zalloc_line(FOREST_TINY * width, sizeof(*t->left));
	t->gains = mem_alloc(FOREST_TINY * width, sizeof(*t->gains));
	t->best = mem_alloc(FOREST_TINY * width, sizeof(*t->best));
	return t;
}

void forest_tiny_free(struct forest_tiny *t)
{
	free(t->sorted);
	free(t->left);
	free(t->gains);
	free(t->best);
	free(t);
}

static inline struct set_sums sums_of(const struct growth *w, unsigned rows)
{
	const struct set_sums *a = &w->low[rows & 15], *b = &w->high[rows >> 4];

	return (struct set_sums){a->sum + b->sum, a->weight + b->weight};
}

typedef int16_t lanes __attribute__((vector_size(2 * LANES), may_alias));

static inline void order(lanes *a, lanes *b)
{
#ifdef __SSE2__
	lanes least = (lanes)_mm_min_epi16((__m128i)*a, (__m128i)*b);

	*b = (lanes)_mm_max_epi16((__m128i)*a, (__m128i)*b);
	*a = least;
#else
	lanes less = *a < *b, least = (*a & less) | (*b & ~less);

	*b = (*b & less) | (*a & ~less);
	*a = least;
#endif
}

/* Sorting networks (Knuth, TAOCP 3, 5.3.4). */
static inline void sort_4(lanes *k)
{
	order(&k[0], &k[1]);
	order(&k[2], &k[3]);
	order(&k[0], &k[2]);
	order(&k[1], &k[3]);
	order(&k[1], &k[2]);
}

static inline void sort_8(lanes *k)
{
	sort_4(k);
	sort_4(k + 4);
	for (int i = 0; i < 4; i++)
		order(&k[i], &k[i + 4]);
	order(&k[2], &k[4]);
	order(&k[3], &k[5]);
	order(&k[1], &k[2]);
	order(&k[3], &k[4]);
	order(&k[5], &k[6]);
}

/* A row's keys of LANES factors. */
static inline lanes keys_of(const uint8_t *codes, unsigned bit)
{
	lanes keys = {0};

	for (int j = 0; j < LANES; j++)
		keys[j] = (int16_t)((codes[j] ^ 128) << 8);
	return keys | (int16_t)bit;
}

/* Sorts the rows by LANES factors, from the first on, and says what each split sends left. */
static void sort_lanes(const struct growth *w, unsigned rows, size_t count, size_t first)
{
	struct forest_tiny *t = w->g->tiny;
	lanes keys[FOREST_TINY], left = {0};
	size_t n = 0;

	for (unsigned left_over = rows; left_over; left_over &= left_over - 1) {
		unsigned row = (unsigned)__builtin_ctz(left_over);

		keys[n++] = keys_of(w->codes[row] + first, 1U << row);
	}
	while (n < 4 || (n > 4 && n < 8))
		keys[n++] = (lanes){0} + INT16_MAX;
	if (n == 4)
		sort_4(keys);
	else
		sort_8(keys);
	for (size_t k = 0; k + 1 < count; k++) {
		left |= keys[k] & 255;
		*(lanes *)(t->sorted + k * t->width + first) = keys[k];
		*(lanes *)(t->left + k * t->width + first) =
			left & ~(lanes)((keys[k] >> 8) == (keys[k + 1] >> 8));
	}
	*(lanes *)(t->sorted + (count - 1) * t->width + first) = keys[count - 1];
}

static inline double gain_of(const struct growth *w, unsigned left, size_t weight, double mean)
{
	const double *inverse = w->g->source->inverse;
	struct set_sums s = sums_of(w, left);
	double d = s.sum - mean * (double)s.weight;

	return d * d * (inverse[s.weight] * inverse[weight - s.weight]);
}

static double find_gains(const struct growth *w, size_t count, size_t weight, double mean)
{
	struct forest_tiny *t = w->g->tiny;
	size_t p = w->g->source->p;
	double best = 0;

	for (size_t k = 0; k + 1 < count; k++) {
		for (size_t j = 0; j < p; j++) {
			double gain = gain_of(w, t->left[k * t->width + j], weight, mean);

			t->gains[k * p + j] = gain;
			best = gain > best ? gain : best;
		}
	}
	return best;
}

/* One of the splits whose gain is not below `least`, by lot; they are there. */
static struct cut draw_split(const struct growth *w, size_t count, double least)
{
	struct forest_tiny *t = w->g->tiny;
	size_t p = w->g->source->p, n = 0;

	for (size_t k = 0; k + 1 < count; k++) {
		for (size_t j = 0; j < p; j++) {
			t->best[n] = (struct cut){(uint16_t)k, (uint16_t)j};
			n += t->gains[k * p + j] >= least;
		}
	}
	return t->best[n > 1 ? rng_below(&w->g->rng, n) : 0];
}

static void leaf(const struct growth *w, uint32_t node, unsigned rows)
{
	struct set_sums s = sums_of(w, rows);

	forest_leaf(w->g, node, w->offset + s.sum / (double)s.weight);
}

/* Where no split gains anything: gains of 1 for all that are allowed, unless the responses are
 * equal. */
static bool allow_any(const struct growth *w, unsigned rows, size_t count, double mean)
{
	const struct forest_source *source = w->g->source;
	struct forest_tiny *t = w->g->tiny;
	size_t weight = sums_of(w, rows).weight;
	double error = 0, any = 0;

	for (unsigned left_over = rows; left_over; left_over &= left_over - 1) {
		struct set_sums s = sums_of(w, left_over & -left_over);

		error += (s.sum - mean * (double)s.weight) * (s.sum - mean * (double)s.weight) /
			 (double)s.weight;
	}
	if (error <= source->negligible)
		return false;
	for (size_t k = 0; k + 1 < count; k++) {
		for (size_t j = 0; j < source->p; j++) {
			size_t left = sums_of(w, t->left[k * t->width + j]).weight;
			double allowed = source->inverse[left] * source->inverse[weight - left] > 0;

			t->gains[k * source->p + j] = allowed;
			any += allowed;
		}
	}
	return any > 0;
}

/* Two rows: any factor in which they differ, each as likely, parts them. */
static void grow_pair(const struct growth *w, const struct tiny_todo *t)
{
	struct forest_grower *g = w->g;
	unsigned p = (unsigned)g->source->p, first = t->rows & -t->rows, left = first;
	const uint8_t *a = w->codes[__builtin_ctz(first)];
	const uint8_t *b = w->codes[__builtin_ctz(t->rows ^ first)];
	struct set_sums all = sums_of(w, t->rows);
	double gain = gain_of(w, first, all.weight, all.sum / (double)all.weight);
	unsigned factor = (unsigned)rng_below(&g->rng, p), parting = 0;

	if (gain * (double)all.weight <= g->source->negligible) {
		leaf(w, t->node, t->rows);
		return;
	}
	for (int tries = 0; a[factor] == b[factor] && tries < 4; tries++)
		factor = (unsigned)rng_below(&g->rng, p);
	for (unsigned j = 0; a[factor] == b[factor] && j < p; j++)
		parting += a[j] != b[j];
	if (parting) {
		parting = (unsigned)rng_below(&g->rng, parting);
		for (factor = 0; a[factor] == b[factor] || parting--; factor++)
			;
	}
	if (a[factor] == b[factor]) {
		leaf(w, t->node, t->rows);
		return;
	}
	if (a[factor] > b[factor]) {
		const uint8_t *swap = a;

		a = b;
		b = swap;
		left = t->rows ^ first;
	}
	g->gains[factor] += gain * (double)all.weight;

	uint32_t child = forest_split(g, t->node, factor, a[factor], b[factor]);

	leaf(w, child, left);
	leaf(w, child + 1, t->rows ^ left);
}

/* Splits the node, if it can be; its children then lie in children[2]. */
static bool grow_some(const struct growth *w, const struct tiny_todo *t, struct tiny_todo *children)
{
	struct forest_grower *g = w->g;
	struct forest_tiny *tiny = g->tiny;
	size_t count = t->count, p = g->source->p;
	struct set_sums all = sums_of(w, t->rows);
	double mean = all.sum / (double)all.weight, best;
	struct cut cut;

	for (size_t first = 0; first < p; first += LANES)
		sort_lanes(w, t->rows, count, first);
	best = find_gains(w, count, all.weight, mean);
	if (best * (double)all.weight <= g->source->negligible) {
		if (!allow_any(w, t->rows, count, mean))
			return false;
		cut = draw_split(w, count, 1);
	} else {
		cut = draw_split(w, count, best * (1 - 1e-12));
		g->gains[cut.factor] += tiny->gains[cut.key * p + cut.factor] * (double)all.weight;
	}

	size_t at = cut.key * tiny->width + cut.factor;
	unsigned left = tiny->left[at], n_left = cut.key + 1U;
	unsigned below = (unsigned)((tiny->sorted[at] >> 8) + 128);
	unsigned above = (unsigned)((tiny->sorted[at + tiny->width] >> 8) + 128);
	uint32_t child = forest_split(g, t->node, cut.factor, below, above);

	children[0] = (struct tiny_todo){child, left, n_left, t->depth + 1};
	children[1] =
		(struct tiny_todo){child + 1, t->rows & ~left, t->count - n_left, t->depth + 1};
	return true;
}

static void add_sums(struct set_sums *table, const struct set_sums *rows, size_t n)
{
	table[0] = (struct set_sums){0};
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < (size_t)1 << i; k++)
			table[(1 << i) | k] = (struct set_sums){
				table[k].sum + rows[i].sum, table[k].weight + rows[i].weight};
	}
}

void forest_tiny_grow(struct forest_grower *g, uint32_t node, unsigned depth, double offset,
	const struct forest_tiny_row *rows, size_t n)
{
	const struct forest_spec *spec = g->source->spec;
	struct growth w; /* not cleared: only what is used is set */
	struct set_sums sums[FOREST_TINY];
	struct tiny_todo stack[FOREST_TINY + 1];
	size_t waiting = 1, low = n < 4 ? n : 4;

	w.g = g;
	w.offset = offset;
	stack[0] = (struct tiny_todo){node, (1U << n) - 1, (unsigned)n, depth};
	for (size_t i = 0; i < n; i++) {
		w.codes[i] = rows[i].codes;
		sums[i] = (struct set_sums){rows[i].sum, rows[i].weight};
	}
	add_sums(w.low, sums, low);
	add_sums(w.high, sums + low, n - low);
	while (waiting) {
		struct tiny_todo t = stack[--waiting];

		if (t.count == 1 || (spec->max_depth && t.depth >= spec->max_depth))
			leaf(&w, t.node, t.rows);
		else if (t.count == 2)
			grow_pair(&w, &t);
		else if (grow_some(&w, &t, stack + waiting))
			waiting += 2;
		else
			leaf(&w, t.node, t.rows);
	}
}

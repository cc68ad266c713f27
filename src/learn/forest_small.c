/*
 * Nodes of up to FOREST_SMALL rows, where forests spend their time. For each factor the rows are
 * sorted once, as keys of 16 bits: bin × 256 + place of the row. A split keeps the keys of its
 * children together and in order, so no node below sorts again, and all of it stays in the first
 * level cache. Responses are kept centred on their node's mean: then the squared error that a split
 * takes away is weight × d² / (weight left × weight right), d the sum of the left side.
 */
#include "learn/forest_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { ABREAST = 2 };

struct small_load {
	double sum;
	size_t weight;
};

struct forest_small {
	struct small_load loads[FOREST_SMALL];
	struct forest_todo stack[FOREST_SMALL];
	size_t depth; /* of the stack */
	uint16_t spare[FOREST_SMALL];
	uint8_t goes_right[FOREST_SMALL];
	size_t tiny;    /* nodes of up to so many rows go to forest_tiny_grow() */
	uint8_t *codes; /* FOREST_SMALL × width, by row */
	uint16_t *keys; /* p × FOREST_SMALL */
	double *gains;  /* p, of one node */
};

struct forest_small *forest_small_new(const struct forest_source *source)
{
	struct forest_small *s = mem_zalloc(1, sizeof(*s));
	unsigned tries = source->spec->max_features;

	s->tiny = tries && tries < source->p ? 0 : FOREST_TINY;
	s->codes = mem_alloc(source->width * FOREST_SMALL, sizeof(*s->codes));
	s->keys = mem_alloc(source->p * FOREST_SMALL, sizeof(*s->keys));
	s->gains = mem_alloc(source->p, sizeof(*s->gains));
	return s;
}

void forest_small_free(struct forest_small *s)
{
	free(s->codes);
	free(s->keys);
	free(s->gains);
	free(s);
}

/* The keys of one factor, by counting. */
static void sort_keys(uint16_t *keys, const uint8_t *codes, size_t width, unsigned bins, size_t n)
{
	uint16_t at[FOREST_BINS] = {0};
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		at[codes[i * width]]++;
	for (unsigned b = 0; b < bins; b++) {
		unsigned count = at[b];

		at[b] = (uint16_t)sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		keys[at[codes[i * width]]++] = (uint16_t)(codes[i * width] << 8 | i);
}

static inline bool constant(const uint16_t *keys, size_t n)
{
	return (keys[0] ^ keys[n - 1]) < FOREST_BINS;
}

/* All ones where the keys' bins differ, else 0. No branch: nothing could foresee it. */
static inline size_t parted(uint16_t key, uint16_t next)
{
	return -(size_t)((key ^ next) >= FOREST_BINS);
}

/*
 * The greatest gain of a split between two neighbouring keys, d² / (weight left × weight right),
 * for `abreast` factors whose keys lie FOREST_SMALL apart: the sums of one wait for each other, not
 * for those of another factor.
 */
static inline __attribute__((always_inline)) void best_gains(const uint16_t *keys, size_t n,
	const struct small_load *loads, const double *inverse, size_t weight, size_t abreast,
	double *out)
{
	double sum[ABREAST] = {0}, best[ABREAST] = {0};
	size_t left[ABREAST] = {0};

	for (size_t k = 0; k + 1 < n; k++) {
		for (size_t a = 0; a < abreast; a++) {
			const uint16_t *key = &keys[a * FOREST_SMALL + k];
			const struct small_load *l = &loads[key[0] & 255];
			double gain;

			sum[a] += l->sum;
			left[a] += l->weight;
			/* inverse[0] is 0 */
			gain = sum[a] * sum[a] *
			       (inverse[left[a] & parted(key[0], key[1])] *
				       inverse[weight - left[a]]);
			best[a] = gain > best[a] ? gain : best[a];
		}
	}
	for (size_t a = 0; a < abreast; a++)
		out[a] = best[a];
}

/* How many keys lie left of the first split with this gain, but for rounding; it is there. Also
 * their sum and weight. */
static size_t find_gain(const uint16_t *keys, size_t n, const struct small_load *loads,
	const double *inverse, size_t weight, double wanted, struct small_load *out)
{
	struct small_load left = {0};
	size_t k = 0;
	double gain;

	wanted *= 1 - 1e-12;
	do {
		const struct small_load *l = &loads[keys[k] & 255];

		left.sum += l->sum;
		left.weight += l->weight;
		gain = left.sum * left.sum *
		       (inverse[left.weight & parted(keys[k], keys[k + 1])] *
			       inverse[weight - left.weight]);
	} while (gain < wanted && ++k + 1 < n);
	*out = left;
	return k + 1;
}

static const uint16_t *keys_of(
	const struct forest_grower *g, const struct forest_todo *t, unsigned factor)
{
	return g->small->keys + (size_t)factor * FOREST_SMALL + t->start;
}

/* -1: the factor is constant. */
static double gain_of(const struct forest_grower *g, const struct forest_todo *t, unsigned factor)
{
	const uint16_t *keys = keys_of(g, t, factor);
	double gain = -1;

	if (!constant(keys, t->count))
		best_gains(keys, t->count, g->small->loads, g->source->inverse, (size_t)t->weight,
			1, &gain);
	return gain;
}

/* The gains of all factors. */
static void gains_of_all(const struct forest_grower *g, const struct forest_todo *t)
{
	const struct forest_small *s = g->small;
	unsigned p = (unsigned)g->source->p;

	for (unsigned j = 0; j < p;) {
		unsigned ready = 0;

		while (ready < ABREAST && j + ready < p &&
			!constant(keys_of(g, t, j + ready), t->count))
			ready++;
		if (ready == ABREAST) {
			best_gains(keys_of(g, t, j), t->count, s->loads, g->source->inverse,
				(size_t)t->weight, ABREAST, s->gains + j);
			j += ABREAST;
		} else {
			s->gains[j] = gain_of(g, t, j);
			j++;
		}
	}
}

static struct forest_choice choose(struct forest_grower *g, const struct forest_todo *t)
{
	struct forest_choice choice = {0};
	unsigned p = (unsigned)g->source->p, tries = g->source->spec->max_features;

	if (!tries || tries >= p) {
		gains_of_all(g, t);
		for (unsigned j = 0; j < p; j++)
			forest_consider(&choice, &g->rng, j, g->small->gains[j]);
		return choice;
	}
	for (unsigned j = 0; j < p && tries; j++) {
		unsigned other = j + (unsigned)rng_below(&g->rng, p - j);
		uint16_t factor = g->factors[other];
		double gain = g->small->gains[factor] = gain_of(g, t, factor);

		g->factors[other] = g->factors[j];
		g->factors[j] = factor;
		if (gain >= 0) {
			forest_consider(&choice, &g->rng, factor, gain);
			tries--;
		}
	}
	return choice;
}

/* Any factor that parts the rows, each as likely; -1: none does. */
static int any_factor(struct forest_grower *g, const struct forest_todo *t)
{
	unsigned p = (unsigned)g->source->p, parting = 0, factor = 0;
	const uint16_t *keys = g->small->keys + t->start;

	for (int tries = 0; tries < 4; tries++) {
		factor = (unsigned)rng_below(&g->rng, p);
		if (!constant(keys + (size_t)factor * FOREST_SMALL, t->count))
			return (int)factor;
	}
	for (unsigned j = 0; j < p; j++) {
		if (!constant(keys + (size_t)j * FOREST_SMALL, t->count) &&
			rng_below(&g->rng, ++parting) == 0)
			factor = j;
	}
	return parting ? (int)factor : -1;
}

/*
 * Keys in order: those of the left child, then those of the right one. A factor that is constant
 * here is so in all nodes below, and nothing but its bins is looked at there: it may stay as it is.
 */
static void part_keys(struct forest_small *s, uint16_t *keys, size_t n, size_t n_left)
{
	size_t left = 0, right = 0;

	if (constant(keys, n))
		return;
	for (size_t k = 0; k < n; k++) {
		uint16_t key = keys[k];
		size_t to_right = s->goes_right[key & 255];

		keys[left] = key;
		s->spare[right] = key;
		left += !to_right;
		right += to_right;
	}
	memcpy(keys + n_left, s->spare, (n - n_left) * sizeof(*keys));
}

/* Says where each row goes, and centres the responses on the mean of the child they go to. */
static void mark(struct forest_small *s, const uint16_t *keys, size_t n, size_t n_left,
	double left_shift, double right_shift)
{
	for (size_t k = 0; k < n; k++) {
		size_t i = keys[k] & 255;
		bool right = k >= n_left;

		s->goes_right[i] = right;
		s->loads[i].sum -= (double)s->loads[i].weight * (right ? right_shift : left_shift);
	}
}

static void grow_tiny(
	struct forest_grower *g, const struct forest_todo *t, const uint16_t *keys, double offset)
{
	const struct forest_small *s = g->small;
	struct forest_tiny_row rows[FOREST_TINY];

	for (size_t k = 0; k < t->count; k++) {
		size_t i = keys[k] & 255;

		rows[k] = (struct forest_tiny_row){
			s->codes + i * g->source->width, s->loads[i].sum, s->loads[i].weight};
	}
	forest_tiny_grow(g, t->node, t->depth, offset, rows, t->count);
}

/* keys: of the node, by any factor; offset: the mean that its responses are centred on. */
static void push(
	struct forest_grower *g, const struct forest_todo *t, const uint16_t *keys, double offset)
{
	const struct forest_spec *spec = g->source->spec;

	if (t->count < 2 || t->weight < 2 * spec->min_leaf ||
		(spec->max_depth && t->depth >= spec->max_depth))
		forest_leaf(g, t->node, t->mean);
	else if (t->count <= g->small->tiny)
		grow_tiny(g, t, keys, offset);
	else
		g->small->stack[g->small->depth++] = *t;
}

/* Splits a node so that its first n_left keys of the factor go left. */
static void split(struct forest_grower *g, const struct forest_todo *t, unsigned factor,
	size_t n_left, const struct small_load *sums)
{
	struct forest_small *s = g->small;
	const uint16_t *keys = s->keys + (size_t)factor * FOREST_SMALL + t->start;
	double left_weight = (double)sums->weight, right_weight = t->weight - left_weight;
	double left_shift = sums->sum / left_weight, right_shift = -sums->sum / right_weight;
	uint32_t child = forest_split(g, t->node, factor, keys[n_left - 1] >> 8, keys[n_left] >> 8);
	struct forest_todo left = {
		child, t->start, (uint32_t)n_left, t->depth + 1, left_weight, t->mean + left_shift};
	struct forest_todo right = {child + 1, t->start + left.count, t->count - left.count,
		t->depth + 1, right_weight, t->mean + right_shift};

	if (right.count <= s->tiny && left.count <= s->tiny) {
		push(g, &right, keys + n_left, t->mean);
		push(g, &left, keys, t->mean);
		return;
	}
	mark(s, keys, t->count, n_left, left_shift, right_shift);
	for (size_t j = 0; j < g->source->p; j++) {
		if (j != factor)
			part_keys(s, s->keys + j * FOREST_SMALL + t->start, t->count, n_left);
	}
	push(g, &right, keys + n_left, right.mean);
	push(g, &left, keys, left.mean);
}

static bool pure(const struct forest_small *s, const uint16_t *keys, size_t n, double negligible)
{
	double error = 0;

	for (size_t k = 0; k < n; k++) {
		const struct small_load *l = &s->loads[keys[k] & 255];

		error += l->sum * l->sum / (double)l->weight;
	}
	return error <= negligible;
}

/*
 * No split takes anything away: the rows are equal, or their responses, or the factors work only
 * together (as in an exclusive or). Then any split is as good, and the next ones gain.
 */
static void split_anywhere(struct forest_grower *g, const struct forest_todo *t, int factor)
{
	struct forest_small *s = g->small;
	const double *inverse = g->source->inverse;
	struct small_load left = {0};
	const uint16_t *keys;

	if (factor >= 0) {
		keys = s->keys + (size_t)factor * FOREST_SMALL + t->start;
		for (size_t k = 0; k + 1 < t->count; k++) {
			left.sum += s->loads[keys[k] & 255].sum;
			left.weight += s->loads[keys[k] & 255].weight;
			if ((keys[k] ^ keys[k + 1]) < FOREST_BINS || inverse[left.weight] == 0 ||
				inverse[(size_t)t->weight - left.weight] == 0)
				continue;
			if (pure(s, keys, t->count, g->source->negligible))
				break;
			split(g, t, (unsigned)factor, k + 1, &left);
			return;
		}
	}
	forest_leaf(g, t->node, t->mean);
}

static void grow_node(struct forest_grower *g, const struct forest_todo *t)
{
	struct forest_small *s = g->small;
	struct forest_choice choice = choose(g, t);
	struct small_load left;
	double gain = s->gains[choice.factor];
	const uint16_t *keys = keys_of(g, t, choice.factor);
	size_t n_left;

	if (choice.gain * t->weight <= g->source->negligible) {
		split_anywhere(g, t, any_factor(g, t));
		return;
	}
	n_left = find_gain(
		keys, t->count, s->loads, g->source->inverse, (size_t)t->weight, gain, &left);
	g->gains[choice.factor] += gain * t->weight;
	split(g, t, choice.factor, n_left, &left);
}

void forest_small_grow(struct forest_grower *g, const struct forest_todo *root)
{
	const struct forest_source *source = g->source;
	struct forest_small *s = g->small;
	struct forest_todo t = *root;
	double sum = 0;

	for (size_t i = 0; i < t.count; i++)
		sum += g->loads[t.start + i].sum;
	t.mean = sum / t.weight;
	for (size_t i = 0; i < t.count; i++) {
		const struct forest_load *l = &g->loads[t.start + i];

		s->loads[i] = (struct small_load){l->sum - t.mean * l->weight, (size_t)l->weight};
		memcpy(s->codes + i * source->width,
			source->by_row + g->rows[t.start + i] * source->width, source->width);
	}
	t.start = 0;
	if (t.count <= s->tiny) {
		for (size_t i = 0; i < t.count; i++)
			s->keys[i] = (uint16_t)i;
	} else {
		for (size_t j = 0; j < source->p; j++)
			sort_keys(s->keys + j * FOREST_SMALL, s->codes + j, source->width,
				source->bins[j].count, t.count);
	}
	push(g, &t, s->keys, t.mean);
	while (s->depth) {
		t = s->stack[--s->depth];
		grow_node(g, &t);
	}
}

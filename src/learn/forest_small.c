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
	uint16_t keys[]; /* p × FOREST_SMALL */
};

struct forest_small *forest_small_new(const struct forest_source *source)
{
	return mem_zalloc(
		1, sizeof(struct forest_small) + source->p * FOREST_SMALL * sizeof(uint16_t));
}

void forest_small_free(struct forest_small *s)
{
	free(s);
}

/* The keys of one factor, by counting. */
static void sort_keys(
	uint16_t *keys, const uint8_t *codes, unsigned bins, const uint32_t *rows, size_t n)
{
	uint16_t at[FOREST_BINS] = {0};
	uint8_t code[FOREST_SMALL];
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		at[code[i] = codes[rows[i]]]++;
	for (unsigned b = 0; b < bins; b++) {
		unsigned count = at[b];

		at[b] = (uint16_t)sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		keys[at[code[i]]++] = (uint16_t)(code[i] << 8 | i);
}

static inline bool constant(const uint16_t *keys, size_t n)
{
	return (keys[0] ^ keys[n - 1]) < FOREST_BINS;
}

/* The greatest gain of a split between two neighbouring keys: d² / (weight left × weight right). */
static double best_gain(const uint16_t *keys, size_t n, const struct small_load *loads,
	const double *inverse, size_t weight)
{
	double sum = 0, best = 0;
	size_t left = 0;

	for (size_t k = 0; k + 1 < n; k++) {
		const struct small_load *l = &loads[keys[k] & 255];
		double gain;

		sum += l->sum;
		left += l->weight;
		gain = sum * sum * (inverse[left] * inverse[weight - left]);
		gain = (keys[k] ^ keys[k + 1]) < FOREST_BINS ? 0 : gain;
		best = gain > best ? gain : best;
	}
	return best;
}

/* How many keys lie left of the split that has this gain; also their sum and weight. */
static size_t find_gain(const uint16_t *keys, size_t n, const struct small_load *loads,
	const double *inverse, size_t weight, double wanted, struct small_load *out)
{
	struct small_load left = {0};

	for (size_t k = 0; k + 1 < n; k++) {
		const struct small_load *l = &loads[keys[k] & 255];

		left.sum += l->sum;
		left.weight += l->weight;
		*out = left;
		if ((keys[k] ^ keys[k + 1]) >= FOREST_BINS &&
			left.sum * left.sum *
					(inverse[left.weight] * inverse[weight - left.weight]) >=
				wanted)
			return k + 1;
	}
	return 0;
}

static double gain_of(const struct forest_grower *g, const struct forest_todo *t, unsigned factor)
{
	const uint16_t *keys = g->small->keys + (size_t)factor * FOREST_SMALL + t->start;

	return constant(keys, t->count) ? -1
					: best_gain(keys, t->count, g->small->loads,
						  g->source->inverse, (size_t)t->weight);
}

static struct forest_choice choose(struct forest_grower *g, const struct forest_todo *t)
{
	struct forest_choice choice = {0};
	unsigned p = (unsigned)g->source->p, tries = g->source->spec->max_features;

	if (!tries || tries >= p) {
		for (unsigned j = 0; j < p; j++)
			forest_consider(&choice, &g->rng, j, gain_of(g, t, j));
		return choice;
	}
	for (unsigned j = 0; j < p && tries; j++) {
		unsigned other = j + (unsigned)rng_below(&g->rng, p - j);
		uint16_t factor = g->factors[other];
		double gain = gain_of(g, t, factor);

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

static void push(struct forest_grower *g, const struct forest_todo *t)
{
	const struct forest_spec *spec = g->source->spec;

	if (t->count < 2 || t->weight < 2 * spec->min_leaf ||
		(spec->max_depth && t->depth >= spec->max_depth))
		forest_leaf(g, t->node, t->mean);
	else
		g->small->stack[g->small->depth++] = *t;
}

/* Splits a node so that its first n_left keys of the factor go left. */
static void split(struct forest_grower *g, const struct forest_todo *t, unsigned factor,
	size_t n_left, const struct small_load *left)
{
	struct forest_small *s = g->small;
	const uint16_t *keys = s->keys + (size_t)factor * FOREST_SMALL + t->start;
	double right_weight = t->weight - (double)left->weight;
	double left_shift = left->sum / (double)left->weight,
	       right_shift = -left->sum / right_weight;
	uint32_t child = forest_split(g, t->node, factor, keys[n_left - 1] >> 8, keys[n_left] >> 8);

	if (t->count > 2) {
		mark(s, keys, t->count, n_left, left_shift, right_shift);
		for (size_t j = 0; j < g->source->p; j++) {
			if (j != factor)
				part_keys(
					s, s->keys + j * FOREST_SMALL + t->start, t->count, n_left);
		}
	}
	push(g, &(struct forest_todo){child + 1, t->start + (uint32_t)n_left,
			t->count - (uint32_t)n_left, t->depth + 1, right_weight,
			t->mean + right_shift});
	push(g, &(struct forest_todo){child, t->start, (uint32_t)n_left, t->depth + 1,
			(double)left->weight, t->mean + left_shift});
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
	struct forest_choice choice = {0};
	struct small_load left;
	const uint16_t *keys;
	size_t n_left;
	int factor;

	if (t->count == 2) {
		/* two rows: all factors that part them part them equally well */
		if ((factor = any_factor(g, t)) >= 0)
			choice.gain = gain_of(g, t, choice.factor = (unsigned)factor);
	} else {
		choice = choose(g, t);
	}
	if (choice.gain * t->weight <= g->source->negligible) {
		split_anywhere(g, t, any_factor(g, t));
		return;
	}
	keys = s->keys + (size_t)choice.factor * FOREST_SMALL + t->start;
	choice.gain = gain_of(g, t, choice.factor);
	n_left = find_gain(keys, t->count, s->loads, g->source->inverse, (size_t)t->weight,
		choice.gain, &left);
	g->gains[choice.factor] += choice.gain * t->weight;
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
	}
	for (size_t j = 0; j < source->p; j++)
		sort_keys(s->keys + j * FOREST_SMALL, source->codes + j * source->n,
			source->bins[j].count, g->rows + t.start, t.count);
	t.start = 0;
	push(g, &t);
	while (s->depth) {
		t = s->stack[--s->depth];
		grow_node(g, &t);
	}
}

/*
 * One tree. Nodes of many rows are split by histograms: for each factor and bin, weight and sum of
 * responses. Of two children the histogram of the smaller one is counted, that of the other is what
 * remains of their parent's. Nodes of few rows go to forest_small.c.
 */
#include "learn/forest_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { MAX_OPEN = 64 }; /* the smaller child is grown first: at most log2(rows) wait */

struct forest_hists {
	struct forest_load *free[MAX_OPEN]; /* p × FOREST_BINS each */
	size_t n_free;
	struct large_todo {
		struct forest_todo todo;
		struct forest_load *hist;
	} stack[MAX_OPEN];
	size_t depth;
};

void forest_grower_init(struct forest_grower *g, const struct forest_source *source)
{
	size_t n = source->n, p = source->p;

	*g = (struct forest_grower){.source = source};
	g->nodes = mem_alloc(2 * n, sizeof(*g->nodes));
	g->gains = mem_alloc(p, sizeof(*g->gains));
	g->rows = mem_alloc(n, sizeof(*g->rows));
	g->loads = mem_alloc(n, sizeof(*g->loads));
	g->spare_rows = mem_alloc(n, sizeof(*g->spare_rows));
	g->spare_loads = mem_alloc(n, sizeof(*g->spare_loads));
	g->drawn = mem_alloc(n, sizeof(*g->drawn));
	g->factors = mem_alloc(p, sizeof(*g->factors));
	g->hists = mem_zalloc(1, sizeof(*g->hists));
	g->small = forest_small_new(source);
}

void forest_grower_release(struct forest_grower *g)
{
	while (g->hists->n_free)
		free(g->hists->free[--g->hists->n_free]);
	free(g->nodes);
	free(g->gains);
	free(g->rows);
	free(g->loads);
	free(g->spare_rows);
	free(g->spare_loads);
	free(g->drawn);
	free(g->factors);
	free(g->hists);
	forest_small_free(g->small);
}

static struct forest_load *hist_take(struct forest_grower *g)
{
	struct forest_hists *h = g->hists;

	return h->n_free ? h->free[--h->n_free]
			 : mem_alloc(g->source->p * FOREST_BINS, sizeof(struct forest_load));
}

static void hist_give(struct forest_grower *g, struct forest_load *hist)
{
	g->hists->free[g->hists->n_free++] = hist;
}

static void hist_count(
	const struct forest_grower *g, struct forest_load *hist, uint32_t start, uint32_t count)
{
	const struct forest_source *s = g->source;
	const uint32_t *rows = g->rows + start;
	const struct forest_load *loads = g->loads + start;

	for (size_t j = 0; j < s->p; j++) {
		const uint8_t *codes = s->codes + j * s->n;
		struct forest_load *h = hist + j * FOREST_BINS;

		memset(h, 0, s->bins[j].count * sizeof(*h));
		for (size_t i = 0; i < count; i++) {
			struct forest_load *bin = &h[codes[rows[i]]];

			bin->sum += loads[i].sum;
			bin->weight += loads[i].weight;
		}
	}
}

static void hist_subtract(
	const struct forest_source *s, struct forest_load *from, const struct forest_load *part)
{
	for (size_t j = 0; j < s->p; j++) {
		for (size_t b = 0; b < s->bins[j].count; b++) {
			from[j * FOREST_BINS + b].sum -= part[j * FOREST_BINS + b].sum;
			from[j * FOREST_BINS + b].weight -= part[j * FOREST_BINS + b].weight;
		}
	}
}

/*
 * The greatest d² / (weight left × weight right) over the bins, d the sum of the left side less
 * what it would be at the node's mean. An empty bin repeats the split before it, which changes
 * nothing.
 */
static double best_gain(const struct forest_source *s, const struct forest_todo *t,
	const struct forest_load *hist, unsigned factor, unsigned *below)
{
	double sum = 0, left = 0, best = 0;

	hist += (size_t)factor * FOREST_BINS;
	for (unsigned b = 0; b + 1 < s->bins[factor].count; b++) {
		double d, gain;

		sum += hist[b].sum;
		left += hist[b].weight;
		d = sum - t->mean * left;
		gain = d * d * (s->inverse[(size_t)left] * s->inverse[(size_t)(t->weight - left)]);
		if (gain > best) {
			best = gain;
			*below = b;
		}
	}
	return best;
}

static struct forest_choice choose(
	struct forest_grower *g, const struct forest_todo *t, const struct forest_load *hist)
{
	struct forest_choice choice = {0};
	unsigned p = (unsigned)g->source->p, tries = g->source->spec->max_features, below;

	if (!tries || tries >= p) {
		for (unsigned j = 0; j < p; j++)
			forest_consider(
				&choice, &g->rng, j, best_gain(g->source, t, hist, j, &below));
		return choice;
	}
	for (unsigned j = 0; j < p && tries; j++) {
		unsigned other = j + (unsigned)rng_below(&g->rng, p - j);
		uint16_t factor = g->factors[other];
		double gain = best_gain(g->source, t, hist, factor, &below);

		g->factors[other] = g->factors[j];
		g->factors[j] = factor;
		forest_consider(&choice, &g->rng, factor, gain);
		tries -= gain > 0; /* one that is constant here does not count */
	}
	return choice;
}

/* Rows in order: the left child's, then the right one's. Returns how many go left. */
static uint32_t part_rows(struct forest_grower *g, const struct forest_todo *t, unsigned factor,
	unsigned below, struct forest_load *left_load)
{
	const uint8_t *codes = g->source->codes + factor * g->source->n;
	uint32_t *rows = g->rows + t->start, left = 0, right = 0;
	struct forest_load *loads = g->loads + t->start, sum = {0};

	for (uint32_t i = 0; i < t->count; i++) {
		uint32_t row = rows[i];
		struct forest_load load = loads[i];
		bool to_right = codes[row] > below;

		rows[left] = g->spare_rows[right] = row;
		loads[left] = g->spare_loads[right] = load;
		sum.sum += to_right ? 0 : load.sum;
		sum.weight += to_right ? 0 : load.weight;
		left += !to_right;
		right += to_right;
	}
	memcpy(rows + left, g->spare_rows, right * sizeof(*rows));
	memcpy(loads + left, g->spare_loads, right * sizeof(*loads));
	*left_load = sum;
	return left;
}

/* The least bin above `below` that has rows in this node. */
static unsigned next_bin(const struct forest_load *hist, unsigned factor, unsigned below)
{
	hist += (size_t)factor * FOREST_BINS;
	while (hist[++below].weight == 0)
		;
	return below;
}

/* Takes the node's histogram, and gives it to the child that needs it or back. */
static void push(struct forest_grower *g, const struct forest_todo *t, struct forest_load *hist)
{
	const struct forest_spec *spec = g->source->spec;

	if (t->count > FOREST_SMALL && t->weight >= 2 * spec->min_leaf &&
		!(spec->max_depth && t->depth >= spec->max_depth)) {
		g->hists->stack[g->hists->depth++] = (struct large_todo){*t, hist};
		return;
	}
	if (hist)
		hist_give(g, hist);
	if (t->count <= FOREST_SMALL)
		forest_small_grow(g, t);
	else
		forest_leaf(g, t->node, t->mean);
}

static void split(
	struct forest_grower *g, const struct large_todo *node, unsigned factor, unsigned below)
{
	const struct forest_todo *t = &node->todo;
	struct forest_load left, *hist = NULL;
	unsigned above = next_bin(node->hist, factor, below);
	uint32_t n_left = part_rows(g, t, factor, below, &left);
	double right_weight = t->weight - left.weight;
	uint32_t child = forest_split(g, t->node, factor, below, above);
	struct forest_todo small = {
		child, t->start, n_left, t->depth + 1, left.weight, left.sum / left.weight};
	struct forest_todo large = {child + 1, t->start + n_left, t->count - n_left, t->depth + 1,
		right_weight, (t->mean * t->weight - left.sum) / right_weight};

	if (small.count > large.count) {
		struct forest_todo swap = small;

		small = large;
		large = swap;
	}
	if (large.count > FOREST_SMALL) {
		hist = hist_take(g);
		hist_count(g, hist, small.start, small.count);
		hist_subtract(g->source, node->hist, hist);
	}
	push(g, &large, node->hist);
	push(g, &small, hist);
}

static void grow_large(struct forest_grower *g)
{
	while (g->hists->depth) {
		struct large_todo node = g->hists->stack[--g->hists->depth];
		struct forest_choice choice = choose(g, &node.todo, node.hist);
		unsigned below = 0;

		if (choice.gain * node.todo.weight <= g->source->negligible) {
			hist_give(g, node.hist);
			forest_leaf(g, node.todo.node, node.todo.mean);
			continue;
		}
		best_gain(g->source, &node.todo, node.hist, choice.factor, &below);
		g->gains[choice.factor] += choice.gain * node.todo.weight;
		split(g, &node, choice.factor, below);
	}
}

/* Draws n rows with replacement; returns the node that holds them. */
static struct forest_todo draw(struct forest_grower *g, uint64_t *in_bag)
{
	const struct forest_source *s = g->source;
	struct forest_todo root = {.weight = (double)s->n};
	double sum = 0;

	memset(g->drawn, 0, s->n * sizeof(*g->drawn));
	for (size_t i = 0; i < s->n; i++)
		g->drawn[rng_below(&g->rng, s->n)]++;
	for (size_t i = 0; i < s->n; i++) {
		struct forest_load load = {s->y[i] * g->drawn[i], g->drawn[i]};

		g->rows[root.count] = (uint32_t)i;
		g->loads[root.count] = load;
		root.count += g->drawn[i] > 0;
		sum += load.sum;
		in_bag[i / 64] |= (uint64_t)(g->drawn[i] > 0) << i % 64;
	}
	root.mean = sum / root.weight;
	return root;
}

void forest_grow(struct forest_grower *g, size_t number, struct forest_tree *tree, uint64_t *in_bag)
{
	struct forest_load *hist = NULL;
	struct forest_todo root;

	rng_seed(&g->rng, g->source->spec->seed, number);
	memset(g->gains, 0, g->source->p * sizeof(*g->gains));
	for (size_t j = 0; j < g->source->p; j++)
		g->factors[j] = (uint16_t)j;
	root = draw(g, in_bag);
	g->n_nodes = 1;
	if (root.count > FOREST_SMALL) {
		hist = hist_take(g);
		hist_count(g, hist, 0, root.count);
	}
	push(g, &root, hist);
	grow_large(g);
	tree->n_nodes = g->n_nodes;
	tree->nodes = mem_copy(g->nodes, g->n_nodes * sizeof(*g->nodes));
}

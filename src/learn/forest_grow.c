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
	double *gains; /* p, of one node */
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
	g->hists->gains = mem_alloc(p, sizeof(*g->hists->gains));
	g->small = forest_small_new(source);
	g->tiny = forest_tiny_new(source);
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
	free(g->hists->gains);
	free(g->hists);
	forest_small_free(g->small);
	forest_tiny_free(g->tiny);
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

		memset(h, 0, FOREST_BINS * sizeof(*h));
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
	for (size_t k = 0; k < s->p * FOREST_BINS; k++) {
		from[k].sum -= part[k].sum;
		from[k].weight -= part[k].weight;
	}
}

/* The gain of the split behind the bins whose sum and weight these are: d² / (weight left × weight
 * right), d the sum less what it would be at the node's mean. */
static inline double gain_behind(
	const struct forest_source *s, const struct forest_todo *t, double sum, double left)
{
	double d = sum - t->mean * left;

	return d * d * (s->inverse[(size_t)left] * s->inverse[(size_t)(t->weight - left)]);
}

/* The greatest gain on each of two factors, side by side, as one sum waits for the one before it.
 * An empty bin repeats the split before it, which changes nothing. */
static void best_gains(const struct forest_source *s, const struct forest_todo *t,
	const struct forest_load *hist, unsigned first, unsigned second, double *out)
{
	const struct forest_load *a = hist + (size_t)first * FOREST_BINS;
	const struct forest_load *b = hist + (size_t)second * FOREST_BINS;
	unsigned bins_a = s->bins[first].count, bins_b = s->bins[second].count;
	struct forest_load sum_a = {0}, sum_b = {0};
	double best_a = 0, best_b = 0;

	for (unsigned k = 0; k + 1 < bins_a || k + 1 < bins_b; k++) {
		double gain_a, gain_b;

		sum_a.sum += a[k].sum;
		sum_b.sum += b[k].sum;
		sum_a.weight += a[k].weight;
		sum_b.weight += b[k].weight;
		gain_a = gain_behind(s, t, sum_a.sum, sum_a.weight);
		gain_b = gain_behind(s, t, sum_b.sum, sum_b.weight);
		best_a = gain_a > best_a ? gain_a : best_a;
		best_b = gain_b > best_b ? gain_b : best_b;
	}
	out[first] = best_a;
	out[second] = best_b;
}

/* The first bin behind which the split has this gain, but for rounding; it is there. */
static unsigned find_gain(const struct forest_source *s, const struct forest_todo *t,
	const struct forest_load *hist, unsigned factor, double wanted)
{
	double sum = 0, left = 0;
	unsigned b = 0;

	hist += (size_t)factor * FOREST_BINS;
	wanted *= 1 - 1e-12;
	for (;; b++) {
		sum += hist[b].sum;
		left += hist[b].weight;
		if (gain_behind(s, t, sum, left) >= wanted || b + 2 >= s->bins[factor].count)
			return b;
	}
}

static struct forest_choice choose(
	struct forest_grower *g, const struct forest_todo *t, const struct forest_load *hist)
{
	struct forest_choice choice = {0};
	unsigned p = (unsigned)g->source->p, tries = g->source->spec->max_features;
	double *gains = g->hists->gains;

	if (!tries || tries >= p) {
		for (unsigned j = 0; j < p; j += 2)
			best_gains(g->source, t, hist, j, j + 1 < p ? j + 1 : j, gains);
		for (unsigned j = 0; j < p; j++)
			forest_consider(&choice, &g->rng, j, gains[j]);
		return choice;
	}
	for (unsigned j = 0; j < p && tries; j++) {
		unsigned other = j + (unsigned)rng_below(&g->rng, p - j);
		uint16_t factor = g->factors[other];

		best_gains(g->source, t, hist, factor, factor, gains);
		g->factors[other] = g->factors[j];
		g->factors[j] = factor;
		forest_consider(&choice, &g->rng, factor, gains[factor]);
		tries -= gains[factor] > 0; /* one that is constant here does not count */
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
		unsigned below;

		if (choice.gain * node.todo.weight <= g->source->negligible) {
			hist_give(g, node.hist);
			forest_leaf(g, node.todo.node, node.todo.mean);
			continue;
		}
		below = find_gain(g->source, &node.todo, node.hist, choice.factor,
			g->hists->gains[choice.factor]);
		g->gains[choice.factor] += g->hists->gains[choice.factor] * node.todo.weight;
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

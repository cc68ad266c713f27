/*
 * What the parts of the forest share. Internal to src/learn.
 *
 *   forest.c          fit, importances, out-of-bag fit
 *   forest_bins.c     values to bins
 *   forest_grow.c     one tree: bootstrap, large nodes by histograms
 *   forest_small.c    nodes of some rows, by sorted keys
 *   forest_tiny.c     nodes of very few rows, by sets: most of all nodes
 *   forest_predict.c  predictions
 *   forest_vary.c     predictions with one factor changed, many at once
 *   forest_shuffle.c  permutation importance, from those
 */
#ifndef CULPRIT_LEARN_FOREST_INTERNAL_H
#define CULPRIT_LEARN_FOREST_INTERNAL_H

#include "base/rng.h"
#include "learn/forest.h"

enum {
	FOREST_BINS = 256,
	FOREST_SMALL = 256, /* nodes of up to so many different rows are grown by sorted keys */
	FOREST_TINY = 8,    /* and those of up to so many by sets of rows */
};

/* The bins of one factor: the least and the greatest value in each, ascending. */
struct forest_bins {
	unsigned count;
	double low[FOREST_BINS], high[FOREST_BINS];
};

/*
 * A node. Inner: rows whose value of `factor` is ≤ value go to child `left`, the others to the
 * one behind it. Leaf: left is 0, value is the prediction. bins: the bins at both sides of the
 * threshold, the lower one times FOREST_BINS plus the upper one, which names the threshold.
 */
struct forest_node {
	double value;
	uint32_t left;
	uint16_t factor, bins;
};

struct forest_tree {
	struct forest_node *nodes;
	uint32_t n_nodes;
};

struct forest {
	struct forest_spec spec;
	size_t p;
	struct forest_bins *bins;  /* p */
	struct forest_tree *trees; /* spec.trees */
	double *impurity;          /* p, normalised */
	double oob_r2;
};

/* A row as a tree sees it: how often it was drawn, and its response, centred, times that. */
struct forest_load {
	double sum, weight;
};

/* What trees are grown from; all trees share it. */
struct forest_source {
	const struct forest_spec *spec;
	const struct forest_bins *bins;
	size_t n, p;           /* rows that may be drawn, factors */
	const uint8_t *codes;  /* p × n, column-major: bins */
	const uint8_t *by_row; /* the same: row i at i × width, cleared beyond p */
	size_t width;          /* p, rounded up to 8 */
	const double *y;       /* n, as (response − center) / scale */
	double center, scale;  /* mean and standard deviation */
	double negligible;     /* a fall of the squared error below this is rounding */
	const double *inverse; /* n + 1: 1/weight; 0 below min_leaf: such splits gain nothing */
};

/* What one thread grows its trees in. */
struct forest_grower {
	const struct forest_source *source;
	struct rng rng;
	struct forest_node *nodes;
	uint32_t n_nodes;
	double *gains;  /* p: squared error taken away by splits on each factor, this tree */
	uint32_t *rows; /* of the tree, by node; ascending in a node */
	struct forest_load *loads; /* of rows, in the same order */
	uint32_t *spare_rows;
	struct forest_load *spare_loads;
	uint32_t *drawn;   /* n: how often each row was drawn */
	uint16_t *factors; /* p: an order to try them in */
	struct forest_tiny *tiny;
	struct forest_small *small;
	struct forest_hists *hists;
};

/* A node that is to be split, as both growers know it. */
struct forest_todo {
	uint32_t node, start, count;
	unsigned depth;
	double weight, mean; /* drawn rows, and the mean of their responses (as in the source) */
};

/* The best split so far; ties between factors are broken by lot. */
struct forest_choice {
	double gain; /* in units of squared error per weight */
	unsigned factor, ties;
};

static inline void forest_consider(
	struct forest_choice *c, struct rng *rng, unsigned factor, double gain)
{
	/* Equal splits come out of sums in another order: equal but for rounding. */
	if (gain > c->gain * (1 + 1e-12)) {
		*c = (struct forest_choice){gain, factor, 1};
	} else if (gain > 0 && gain >= c->gain * (1 - 1e-12)) {
		if (rng_below(rng, ++c->ties) == 0)
			c->factor = factor;
	}
}

/* forest_bins.c: makes the bins of a factor from n values; then which bin each of them is in. */
void forest_bins_make(struct forest_bins *bins, const double *values, size_t n, double *scratch);
void forest_bins_code(
	const struct forest_bins *bins, const double *values, size_t n, uint8_t *codes);
double forest_bins_threshold(const struct forest_bins *bins, unsigned below, unsigned above);

/* forest_grow.c */
void forest_grower_init(struct forest_grower *g, const struct forest_source *source);
void forest_grower_release(struct forest_grower *g);
/* A tree from the stream that has its number; bit i of in_bag: row i was drawn. */
void forest_grow(
	struct forest_grower *g, size_t number, struct forest_tree *tree, uint64_t *in_bag);

/* The inner node and its two children; returns the left child. */
static inline uint32_t forest_split(
	struct forest_grower *g, uint32_t node, unsigned factor, unsigned below, unsigned above)
{
	uint32_t left = g->n_nodes;

	g->n_nodes += 2;
	g->nodes[node] = (struct forest_node){
		.value = forest_bins_threshold(&g->source->bins[factor], below, above),
		.left = left,
		.factor = (uint16_t)factor,
		.bins = (uint16_t)(below * FOREST_BINS + above)};
	return left;
}

static inline void forest_leaf(struct forest_grower *g, uint32_t node, double mean)
{
	g->nodes[node] = (struct forest_node){.value = mean * g->source->scale + g->source->center};
}

/* forest_predict.c: rows start … start + count − 1 of the given ones, side by side. */
void forest_block(double *block, const double *x, size_t n, size_t p, const unsigned *rows,
	size_t start, size_t count);
/* Sums of the predictions by trees that did not see the row, and how many those are. */
void forest_predict_out_of_bag(const struct forest *f, const double *x, size_t n,
	const unsigned *rows, size_t n_rows, const uint64_t *in_bag, size_t words, double *sums,
	uint32_t *trees);

/* forest_small.c: grows the whole subtree of a node of up to FOREST_SMALL rows. */
struct forest_small *forest_small_new(const struct forest_source *source);
void forest_small_free(struct forest_small *s);
void forest_small_grow(struct forest_grower *g, const struct forest_todo *root);

/* forest_tiny.c: the same for up to FOREST_TINY rows and all factors. `offset` is the mean of the
 * responses whose sums would be 0. */
struct forest_tiny_row {
	const uint8_t *codes;
	double sum;
	size_t weight;
};

struct forest_tiny *forest_tiny_new(const struct forest_source *source);
void forest_tiny_free(struct forest_tiny *t);
void forest_tiny_grow(struct forest_grower *g, uint32_t node, unsigned depth, double offset,
	const struct forest_tiny_row *rows, size_t n);

#endif

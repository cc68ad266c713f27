/*
 * Predictions with one factor changed, for all factors and many values ("lanes") at once. A row
 * goes down a tree on its own values; at a node that asks for factor j, the lanes of factor j that
 * would go the other way leave the path, together, and are followed to their leaves, where they
 * part only at nodes that ask for j again. What is on no lane's way is never looked at.
 *
 * Lanes are ascending, so those that go left at a node come before those that go right, and lanes
 * that are together are a range: a leaf adds to it by its two ends, and the lanes are summed up at
 * last.
 */
#include "learn/forest_vary.h"

#include <math.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/mem.h"
#include "base/parallel.h"

enum {
	LANES = VARY_LANES,
	GRID = 2 * LANES,
	BLOCK_BYTES = 512 << 10, /* of sums, so that they and a tree share the cache */
};

/* How many lanes go left. */
static inline unsigned lanes_left(const struct vary *v, const uint16_t *codes, uint16_t id)
{
	uint64_t right = UINT64_C(1) << v->lanes;

	if (!codes)
		return id;
#ifdef __SSE2__
	__m128i than = _mm_set1_epi16((short)id);

	for (unsigned k = 0; k < v->width; k += 16) {
		__m128i a = _mm_loadu_si128((const __m128i *)(const void *)(codes + k));
		__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(codes + k + 8));
		__m128i both = _mm_packs_epi16(_mm_cmpgt_epi16(a, than), _mm_cmpgt_epi16(b, than));

		right |= (uint64_t)_mm_movemask_epi8(both) << k;
	}
#else
	for (unsigned k = 0; k < v->lanes; k++)
		right |= (uint64_t)(codes[k] > id) << k;
#endif
	return (unsigned)__builtin_ctzll(right);
}

/* Lanes low … high − 1. */
struct range {
	uint32_t at; /* node */
	unsigned low, high;
};

/* Follows lanes of a factor from a node to their leaves; adds what those predict to `ends`. */
static inline __attribute__((always_inline)) void follow(const struct vary *v, size_t tree,
	const double *x, unsigned factor, const uint16_t *codes, struct range r, double *ends)
{
	const struct forest_node *nodes = v->f->trees[tree].nodes;
	struct range waiting[LANES];
	unsigned depth = 0;

	for (;;) {
		const struct forest_node *node = &nodes[r.at];

		if (!node->left) {
			ends[r.low] += node->value;
			ends[r.high] -= node->value;
			if (!depth)
				return;
			r = waiting[--depth];
		} else if (node->factor != factor) {
			r.at = node->left + (x[node->factor] > node->value);
		} else {
			unsigned left = lanes_left(v, codes, v->ids[tree][r.at]);

			r.at = node->left + (left <= r.low);
			if (left > r.low && left < r.high) {
				waiting[depth++] = (struct range){node->left + 1, left, r.high};
				r.high = left;
			}
		}
	}
}

/*
 * One row, one tree; returns the tree's prediction. on_path: for each factor the lanes that go the
 * row's own way, all of them before and after; touched: room for the group.
 */
static inline __attribute__((always_inline)) double vary_row(const struct vary *v, size_t tree,
	const double *x, const uint16_t *codes, struct range *on_path, uint16_t *touched,
	double *change)
{
	const struct forest_node *nodes = v->f->trees[tree].nodes, *node = nodes;
	size_t stride = v->lanes + 1, n = 0;

	while (node->left) {
		size_t j = node->factor - v->first;
		bool own = x[node->factor] > node->value;

		if (j < v->group && on_path[j].low < on_path[j].high) {
			const uint16_t *lanes = codes ? codes + j * v->width : NULL;
			unsigned left = lanes_left(v, lanes, v->ids[tree][node - nodes]);
			struct range *stay = &on_path[j], leave = *stay;

			leave.at = node->left + !own;
			left = left < stay->low ? stay->low : left > stay->high ? stay->high : left;
			if (own)
				stay->low = leave.high = left;
			else
				stay->high = leave.low = left;
			touched[n] = (uint16_t)j;
			n += stay->at;
			stay->at = 0;
			if (leave.low < leave.high)
				follow(v, tree, x, node->factor, lanes, leave, change + j * stride);
		}
		node = &nodes[node->left + own];
	}
	/* what is added is the difference to the row's own leaf: nothing where lanes came there too
	 */
	for (size_t k = 0; k < n; k++) {
		struct range *stay = &on_path[touched[k]];
		double *ends = change + touched[k] * stride;

		ends[0] -= node->value;
		ends[stay->low] += node->value;
		ends[stay->high] -= node->value;
		ends[v->lanes] += node->value;
		*stay = (struct range){1, 0, v->lanes};
	}
	return node->value;
}

static void vary_rows(const struct vary *v, size_t tree, size_t start, size_t count,
	const double *block, struct range *on_path, uint16_t *touched, double *base, double *change)
{
	size_t p = v->f->p, sums = v->group * (v->lanes + 1);

	if (!v->codes) {
		for (size_t i = 0; i < count; i++)
			base[i] += vary_row(
				v, tree, block + i * p, NULL, on_path, touched, change + i * sums);
		return;
	}
	for (size_t i = 0; i < count; i++)
		base[i] += vary_row(v, tree, block + i * p, v->codes + (start + i) * v->row_codes,
			on_path, touched, change + i * sums);
}

static void vary_block(void *arg, size_t task)
{
	const struct vary *v = arg;
	size_t p = v->f->p, start = task * v->block, stride = v->lanes + 1;
	size_t count = v->n_rows - start < v->block ? v->n_rows - start : v->block;
	double *block = mem_alloc(count * p, sizeof(*block));
	double *base = mem_zalloc(count, sizeof(*base));
	double *change = mem_zalloc(count * v->group * stride, sizeof(*change));
	struct range *on_path = mem_alloc(v->group, sizeof(*on_path));
	uint16_t *touched = mem_alloc(v->group + 1, sizeof(*touched));
	double share = 1. / v->f->spec.trees;

	forest_block(block, v->x, v->n, p, v->rows, start, count);
	for (size_t j = 0; j < v->group; j++)
		on_path[j] = (struct range){1, 0, v->lanes};
	for (size_t t = 0; t < v->f->spec.trees; t++)
		vary_rows(v, t, start, count, block, on_path, touched, base, change);
	for (size_t i = 0; i < count; i++)
		base[i] *= share;
	for (size_t c = 0; c < count * v->group; c++) {
		double *sums = change + c * stride, sum = 0;

		for (unsigned k = 0; k < v->lanes; k++)
			sums[k] = (sum += sums[k]) * share;
	}
	v->take(v, task, start, count, base, change);
	free(block);
	free(base);
	free(change);
	free(on_path);
	free(touched);
}

size_t vary_blocks(const struct vary *v)
{
	return (v->n_rows + v->block - 1) / v->block;
}

void vary_init(struct vary *v, unsigned lanes, size_t first, size_t group)
{
	v->first = first;
	v->group = group;
	v->lanes = lanes;
	v->width = (lanes + 15) & ~15U;
	v->row_codes = group * v->width;
	v->block = BLOCK_BYTES / (group * (lanes + 1) * sizeof(double));
	v->block = v->block < 16 ? 16 : v->block;
	v->threads = v->n_rows * v->f->spec.trees < 20000 ? 1 : v->f->spec.threads;
	v->ids = mem_alloc(v->f->spec.trees, sizeof(*v->ids));
	for (size_t t = 0; t < v->f->spec.trees; t++)
		v->ids[t] = mem_alloc(v->f->trees[t].n_nodes, sizeof(**v->ids));
}

void vary_release(struct vary *v)
{
	for (size_t t = 0; t < v->f->spec.trees; t++)
		free(v->ids[t]);
	free(v->ids);
}

void vary_run(struct vary *v)
{
	parallel_for(v->threads, vary_blocks(v), vary_block, v);
}

/* Individual conditional expectation */

struct grid {
	struct vary v;
	double *values;  /* p × GRID, filled up with infinity */
	size_t k, first; /* values of the caller's grid, and where the lanes begin in it */
	double *out;
};

static void grid_ids(void *arg, size_t t)
{
	struct grid *g = arg;
	const struct forest_tree *tree = &g->v.f->trees[t];

	for (size_t i = 0; i < tree->n_nodes; i++) {
		const struct forest_node *node = &tree->nodes[i];
		const double *values = g->values + node->factor * (size_t)GRID;
		unsigned below = 0;

		for (unsigned step = GRID / 2; step; step /= 2)
			below += step & -(unsigned)(values[below + step - 1] <= node->value);
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
			double *out = g->out + (j * v->n_rows + start + i) * g->k + g->first;
			const double *from = change + (i * v->group + j) * (v->lanes + 1);

			for (size_t k = 0; k < v->lanes; k++)
				out[k] = base[i] + from[k];
		}
	}
}

void forest_predict_varied(const struct forest *f, const double *x, size_t n, const unsigned *rows,
	size_t n_rows, const double *grid, size_t k, double *out)
{
	struct grid g = {.k = k, .out = out};
	struct vary *v = &g.v;

	g.values = mem_alloc(f->p * GRID, sizeof(*g.values));
	for (; g.first < k; g.first += LANES) {
		size_t lanes = k - g.first < LANES ? k - g.first : LANES;

		for (size_t i = 0; i < f->p * GRID; i++)
			g.values[i] = i % GRID < lanes ? grid[i / GRID * k + g.first + i % GRID]
						       : INFINITY;
		*v = (struct vary){f, x, n, rows ? n_rows : n, rows, .take = grid_take, .arg = &g};
		vary_init(v, (unsigned)lanes, 0, f->p);
		parallel_for(v->threads, f->spec.trees, grid_ids, &g);
		vary_run(v);
		vary_release(v);
	}
	free(g.values);
}

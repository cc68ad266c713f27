/* Predictions: rows in blocks, laid out by row; each tree in turn over a block, so that the tree is
 * in the cache. Sums run over the trees in order, so they do not depend on the threads. */
#include "learn/forest_internal.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/parallel.h"

enum { BLOCK = 256, ABREAST = 8 };

struct predict {
	const struct forest *f;
	const double *x;
	size_t n, n_rows;
	const unsigned *rows;
	double *out;
	const uint64_t *in_bag; /* or NULL */
	size_t words;
	uint32_t *trees;
};

/*
 * Some rows down one tree, side by side: a step of one row waits for memory, the others' steps need
 * not wait for it. `which` numbers the rows in the block; those that arrive stay where they are.
 */
static void walk(const struct forest_node *nodes, const double *block, size_t p,
	const uint16_t which[ABREAST], double *out)
{
	uint32_t at[ABREAST] = {0}, moved = 1;

	while (moved) {
		moved = 0;
		for (size_t k = 0; k < ABREAST; k++) {
			const struct forest_node *node = &nodes[at[k]];
			uint32_t next =
				node->left + (block[which[k] * p + node->factor] > node->value);

			at[k] = node->left ? next : at[k];
			moved |= node->left;
		}
	}
	for (size_t k = 0; k < ABREAST; k++)
		out[k] = nodes[at[k]].value;
}

void forest_block(double *block, const double *x, size_t n, size_t p, const unsigned *rows,
	size_t start, size_t count)
{
	for (size_t j = 0; j < p; j++) {
		const double *column = x + j * n;

		for (size_t i = 0; i < count; i++)
			block[i * p + j] = column[rows ? rows[start + i] : start + i];
	}
}

/* The rows of a block that a tree has not seen; all, without bags. Filled up to whole ABREASTs. */
static size_t choose_rows(const uint64_t *bag, size_t start, size_t count, uint16_t *which)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		which[n] = (uint16_t)i;
		n += !bag || !(bag[(start + i) / 64] >> (start + i) % 64 & 1);
	}
	for (size_t k = n; k % ABREAST; k++)
		which[k] = 0;
	return n;
}

static void predict_block(void *arg, size_t task)
{
	const struct predict *w = arg;
	size_t p = w->f->p, start = task * BLOCK;
	size_t count = w->n_rows - start < BLOCK ? w->n_rows - start : BLOCK;
	double *block = mem_alloc(count * p, sizeof(*block)), *out = w->out + start;
	uint16_t which[BLOCK + 1];

	forest_block(block, w->x, w->n, p, w->rows, start, count);
	for (size_t i = 0; i < count; i++)
		out[i] = 0;
	for (size_t t = 0; t < w->f->spec.trees; t++) {
		const uint64_t *bag = w->in_bag ? w->in_bag + t * w->words : NULL;
		size_t n = choose_rows(bag, start, count, which);

		for (size_t k = 0; k < n; k += ABREAST) {
			size_t some = n - k < ABREAST ? n - k : ABREAST;
			double found[ABREAST];

			walk(w->f->trees[t].nodes, block, p, which + k, found);
			for (size_t i = 0; i < some; i++) {
				out[which[k + i]] += found[i];
				if (bag)
					w->trees[start + which[k + i]]++;
			}
		}
	}
	free(block);
}

void forest_predict_out_of_bag(const struct forest *f, const double *x, size_t n,
	const unsigned *rows, size_t n_rows, const uint64_t *in_bag, size_t words, double *sums,
	uint32_t *trees)
{
	struct predict w = {f, x, n, n_rows, rows, sums, in_bag, words, trees};

	parallel_for(f->spec.threads, (n_rows + BLOCK - 1) / BLOCK, predict_block, &w);
}

void forest_predict(const struct forest *f, const double *x, size_t n, const unsigned *rows,
	size_t n_rows, double *out)
{
	struct predict w = {f, x, n, rows ? n_rows : n, rows, out, NULL, 0, NULL};
	size_t blocks = (w.n_rows + BLOCK - 1) / BLOCK;

	parallel_for(blocks > 8 ? f->spec.threads : 1, blocks, predict_block, &w);
	for (size_t i = 0; i < w.n_rows; i++)
		out[i] /= f->spec.trees;
}

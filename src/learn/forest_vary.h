/* Predictions with one factor changed: what forest_vary.c does for forest_shuffle.c. Internal to
 * src/learn. */
#ifndef CULPRIT_LEARN_FOREST_VARY_H
#define CULPRIT_LEARN_FOREST_VARY_H

#include "learn/forest_internal.h"

enum { VARY_LANES = 32 }; /* values at once, at most */

struct vary {
	const struct forest *f;
	const double *x;
	size_t n, n_rows;
	const unsigned *rows;
	uint16_t **ids;        /* trees: of each node's threshold */
	size_t first, group;   /* the factors that vary: group of them, from the first on */
	unsigned lanes, width; /* width: lanes, rounded up to 16 */
	/* NULL: the id of a threshold is how many lanes are not above it. Else ids are numbers of
	 * thresholds and these are the lanes' numbers, ascending: those of row i at i × row_codes,
	 * group × width; lanes with a greater number than the threshold's go right. */
	const uint16_t *codes;
	size_t row_codes;
	size_t block; /* rows at once */
	unsigned threads;
	/* takes the predictions of a block: count × group × (lanes + 1), as differences to base */
	void (*take)(const struct vary *w, size_t task, size_t start, size_t count,
		const double *base, const double *change);
	void *arg;
};

/*
 * After f, x, n, n_rows, rows, take and arg are set: what varies, and room for ids, which the
 * caller fills for the nodes that ask for a factor of the group. Codes, where there are any, are
 * set after it.
 */
void vary_init(struct vary *v, unsigned lanes, size_t first, size_t group);
void vary_release(struct vary *v);
void vary_run(struct vary *v);
size_t vary_blocks(const struct vary *v); /* tasks that `take` is called with: 0 … this − 1 */

#endif

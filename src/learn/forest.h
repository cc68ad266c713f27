/*
 * Random forest regression (Breiman, "Random forests", Machine Learning 45, 2001): bootstrapped,
 * fully grown regression trees, every factor considered at each split, as scikit-learn's
 * RandomForestRegressor does by default. Thresholds lie midway between neighbouring values present
 * in the node's bins; factors are binned to at most 256 bins, which is exact up to 256 different
 * values. Deterministic for a seed, whatever the number of threads. A fitted forest is not changed
 * by any of these calls, so threads may share it.
 */
#ifndef CULPRIT_LEARN_FOREST_H
#define CULPRIT_LEARN_FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct forest;

struct forest_spec {
	unsigned trees;        /* 100 */
	unsigned min_leaf;     /* 1; drawn rows, as often as they were drawn */
	unsigned max_features; /* factors tried at a split; 0: all */
	unsigned max_depth;    /* 0: unlimited */
	unsigned threads;      /* 0: as many as there are cores */
	uint64_t seed;
	bool no_out_of_bag; /* leave forest_oob_r2() out, which is a tenth of the time */
};

#define FOREST_SPEC_DEFAULT ((struct forest_spec){.trees = 100, .min_leaf = 1})

/*
 * Fits a forest on x (column-major, x[j*n + i]) and y; only rows[0 … n_rows−1] where rows is not
 * NULL. *out is a new forest, freed with forest_free(). ERR_INPUT with fewer than 2 rows, without
 * factors, and where a value is not finite (the message names row and factor, counted from 1).
 */
int forest_fit(struct forest **out, const struct forest_spec *spec, const double *x,
	const double *y, size_t n, size_t p, const unsigned *rows, size_t n_rows, struct err *err);
void forest_free(struct forest *f);

/* Predictions for the rows rows[0 … n_rows−1] of x (column-major with n rows), or for all n. */
void forest_predict(const struct forest *f, const double *x, size_t n, const unsigned *rows,
	size_t n_rows, double *out);

/*
 * What the forest would predict for the given rows if one factor had another value (individual
 * conditional expectation; Goldstein et al., J. Comput. Graph. Stat. 24, 2015): factor j set to
 * grid[j*k + g], k ascending values a factor. Into out[(j*n_rows + i)*k + g]. Far cheaper than as
 * many predictions: each tree is walked once a row for all factors and values together.
 */
void forest_predict_varied(const struct forest *f, const double *x, size_t n, const unsigned *rows,
	size_t n_rows, const double *grid, size_t k, double *out);

/* Out-of-bag R² on the rows it was fitted on; NaN where no row was out of bag. */
double forest_oob_r2(const struct forest *f);

/* Impurity importance (mean decrease of variance, normalised to a sum of 1), into out[p]. */
void forest_impurity_importance(const struct forest *f, double *out);

/*
 * Permutation importance on the given rows: the mean loss of R² when factor j is shuffled, for
 * `repeats` shuffles, into drops[j * repeats + r]. y as in forest_fit. Threads as in its spec.
 */
void forest_permutation_importance(const struct forest *f, const double *x, const double *y,
	size_t n, const unsigned *rows, size_t n_rows, unsigned repeats, uint64_t seed,
	double *drops);

#endif

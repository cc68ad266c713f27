/*
 * Recursive feature elimination with cross-validation (Guyon et al., Machine Learning 46, 2002),
 * with the meaning of scikit-learn's RFECV(LinearRegression()) on standardised factors: folds of
 * neighbouring rows, one factor out at a time, the one with the smallest squared coefficient; the
 * number of factors with the best mean R² of the folds, fewer where equal; then the elimination
 * again on all rows. From one Gram matrix a fold: the table is read once.
 */
#ifndef CULPRIT_LEARN_RFECV_H
#define CULPRIT_LEARN_RFECV_H

#include <stddef.h>

#include "base/err.h"

struct rfecv {
	size_t p, n_selected, folds;
	int *ranking;  /* p: 1 is selected, 2 left last … */
	double *score; /* p: mean R² over the folds with 1 … p factors */
};

/*
 * x column-major with n rows; only rows[0 … n_rows−1] where rows is not NULL, in that order. Folds
 * of one row have no R², so with fewer than 10 rows there are fewer than 5 folds; with fewer than 4
 * rows there is nothing to cross-validate: every factor is selected and the scores are NaN. Where
 * factors are combinations of each other the coefficients of least norm are compared, as
 * scikit-learn does. ERR_INPUT with fewer than 2 rows.
 */
int rfecv_fit(struct rfecv *r, const double *x, const double *y, size_t n, size_t p,
	const unsigned *rows, size_t n_rows, struct err *err);
void rfecv_release(struct rfecv *r);

#endif

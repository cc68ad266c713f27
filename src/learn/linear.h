/*
 * Ordinary least squares on standardised factors, by Cholesky of the Gram matrix (LAPACKE), falling
 * to rank-revealing QR where it is nearly singular. Agrees with scikit-learn's StandardScaler
 * (population standard deviation) + LinearRegression to 1e-8.
 */
#ifndef CULPRIT_LEARN_LINEAR_H
#define CULPRIT_LEARN_LINEAR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct linear {
	size_t p;
	double *mean, *scale; /* of each factor; scale 0 where it is constant */
	double *coef;         /* of the standardised factors, in units of y; NaN where left out */
	double *std_error;    /* of coef; NaN without degrees of freedom */
	double *t, *p_value;  /* two-sided, Student's t with n − rank − 1 degrees of freedom */
	bool *collinear;      /* left out, as a combination of factors before it, or constant */
	double intercept;     /* mean of y: the factors are centred */
	double residual_sd;   /* NaN without degrees of freedom */
	double r2;            /* on the rows it was fitted on */
	size_t rank;          /* factors that were fitted */
};

/*
 * Fits y (n) on the p columns of x (column-major, x[j*n + i]); only rows[0 … n_rows−1] where rows
 * is not NULL. Constant and collinear columns are marked, not crashed on. ERR_INPUT with fewer than
 * 2 rows. Release with linear_release().
 */
int linear_fit(struct linear *m, const double *x, const double *y, size_t n, size_t p,
	const unsigned *rows, size_t n_rows, struct err *err);
void linear_release(struct linear *m);

/* Prediction for row i of x (column-major with n rows). */
double linear_predict(const struct linear *m, const double *x, size_t n, size_t i);

#endif

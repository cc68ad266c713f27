/*
 * Cross-products of standardised factors and a response: what every linear model here is fitted
 * from. Grams of disjoint rows add up and can be taken off again, so cross-validation reads the
 * table once, whatever the number of folds and factors. And the factorisation of such matrices,
 * with combinations of earlier columns found and left out. Internal to src/learn.
 */
#ifndef CULPRIT_LEARN_GRAM_H
#define CULPRIT_LEARN_GRAM_H

#include <stdbool.h>
#include <stddef.h>

/* How columns are standardised: (x − mean) / scale; population standard deviation, 0 where
 * constant. Column p is the response, which is centred only. */
struct gram_base {
	size_t p;
	double *mean, *scale; /* p + 1 */
};

/* Σ z and Σ z z' over n rows; column and row p are the response. Only the lower triangle is filled
 * (column-major: cross[j * (p + 1) + i] with i ≥ j). */
struct gram {
	size_t p, n;
	double *sum;   /* p + 1 */
	double *cross; /* (p + 1)² */
};

/* rows may be NULL for all n, with n_rows = n. */
void gram_base_init(struct gram_base *b, const double *x, const double *y, size_t n, size_t p,
	const unsigned *rows, size_t n_rows);
void gram_base_release(struct gram_base *b);

void gram_init(struct gram *g, size_t p);
void gram_release(struct gram *g);
void gram_add_rows(struct gram *g, const struct gram_base *b, const double *x, const double *y,
	size_t n, const unsigned *rows, size_t n_rows);
void gram_add(struct gram *g, const struct gram *other);
/* out = whole − part */
void gram_difference(struct gram *out, const struct gram *whole, const struct gram *part);

/* Cross-products around the rows' own mean, both triangles, into c[(p + 1)²]. */
void gram_centre(const struct gram *g, double *c);

/*
 * A symmetric positive semidefinite matrix (p × p, leading dimension ld) scaled to a unit diagonal
 * and inverted, over the columns kept: those whose part not explained by kept columns before them
 * is more than `tolerance` of their own square. kept ascends.
 */
struct spd {
	size_t m;
	size_t *kept;       /* m columns */
	double *inverse;    /* m × m, of the matrix itself (not scaled) */
	double least_pivot; /* smallest such part among the kept, 0 … 1: how nearly singular it is
			     */
};

void spd_invert(struct spd *s, const double *c, size_t ld, size_t p, double tolerance);
void spd_release(struct spd *s);

#endif

/*
 * Gaussian process regression with a length scale a factor (automatic relevance determination;
 * Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2 and 5), for
 * few trials: squared-exponential covariance plus noise, hyperparameters by marginal likelihood
 * (from several starts, gradients in closed form), leave-one-out predictions in closed form
 * (5.4.2). Points are rows: x[i * p + j].
 */
#ifndef CULPRIT_LEARN_GP_H
#define CULPRIT_LEARN_GP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"

enum { GP_MAX_ROWS = 500, GP_MAX_POINTS = 2000 };

struct gp {
	size_t n, p;
	double *x;            /* n × p, standardised to [0, 1] by the caller */
	bool *words;          /* p: values are names, equal or not, at a distance of 1 */
	double mean;          /* of y, constant */
	double *y;            /* n, less the mean */
	double *scale;        /* p: length scales; large: the factor does not matter */
	double signal, noise; /* standard deviations */
	/* How sure the hyperparameters are: lower Cholesky factor of the covariance, p + 1 squared,
	 * of the logarithms of the length scales and of noise² / signal² (Laplace's approximation);
	 * NULL where they were given. */
	double *spread;
	double *factor; /* n × n: Cholesky factor of K + noise² I, lower, column-major */
	double *alpha;  /* n */
	double log_likelihood;
	double *loo, *loo_sd; /* n: leave-one-out predictions of y, and their deviations */
};

struct gp_spec {
	const bool *words;     /* p; NULL: all are numbers */
	uint64_t seed;         /* of the starts */
	unsigned starts;       /* of the search; 0: 4 */
	const struct gp *from; /* begin at its hyperparameters, and only there; may be NULL */
	bool keep;             /* take those of `from` as they are */
};

/* ERR_INPUT for fewer than 5 rows or more than GP_MAX_ROWS, or where no factorisation succeeds. */
int gp_fit(struct gp *g, const double *x, const double *y, size_t n, size_t p, uint64_t seed,
	struct err *err);
int gp_fit_spec(struct gp *g, const struct gp_spec *spec, const double *x, const double *y,
	size_t n, size_t p, struct err *err);
void gp_release(struct gp *g);

/* Predicted mean and (where not NULL) deviation of the function at m points, m × p. */
void gp_predict(const struct gp *g, const double *x, size_t m, double *mean, double *sd);

/* `draws` functions drawn from the posterior at m points (m ≤ GP_MAX_POINTS): draws × m. For
 * intervals of anything that is computed from the function. Hyperparameters are drawn too, where
 * they were searched for: few trials leave them unsure, and intervals that forget it too narrow. */
int gp_draw(const struct gp *g, const double *x, size_t m, size_t draws, struct rng *rng,
	double *out, struct err *err);

#endif

/*
 * Designs: where in the unit cube the trials lie. Each is a function of the seed alone, so that a
 * study can be resumed and repeated. Turning a point into a setting is the study's work.
 */
#ifndef CULPRIT_DESIGN_DESIGN_H
#define CULPRIT_DESIGN_DESIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* word in a study file, what it is */
#define DESIGN_SAMPLERS(X)                                                                         \
	X(SOBOL, "sobol", "scrambled Sobol points (Owen 1998): the fewest trials for a ranking")   \
	X(LHS, "lhs", "Latin hypercube (McKay et al. 1979), each factor evenly covered")           \
	X(GRID, "grid",                                                                            \
		"random points of a grid of 100 levels a factor, as np.linspace and randint")

enum design_sampler {
#define X(name, word, text) DESIGN_##name,
	DESIGN_SAMPLERS(X)
#undef X
};

extern const char *const DESIGN_WORDS[]; /* ends with NULL; index is the enum */

enum { DESIGN_MAX_FACTORS = 64, DESIGN_MAX_TRIALS = 1 << 20 };

/*
 * n points of d dimensions into u[i * d + j], each in [0, 1]. The first m points of a Sobol or grid
 * design do not depend on n, so that a study can be extended; a Latin hypercube's do. ERR_USAGE
 * past the limits above.
 */
int design_points(
	enum design_sampler sampler, size_t n, size_t d, uint64_t seed, double *u, struct err *err);

#endif

#include "design/design.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "design/sobol.h"

const char *const DESIGN_WORDS[] = {
#define X(name, word, text) word,
	DESIGN_SAMPLERS(X)
#undef X
		NULL};

_Static_assert(
	(int)DESIGN_MAX_FACTORS <= (int)SOBOL_MAX_DIMENSIONS, "no Sobol points for all factors");

/* u is 0, 1/99, … 1: np.linspace(low, high, 100)[random.randint(0, 99)], a factor each. */
static void grid(size_t n, size_t d, uint64_t seed, double *u)
{
	struct rng rng;

	rng_seed(&rng, seed, 0);
	for (size_t i = 0; i < n * d; i++)
		u[i] = (double)rng_below(&rng, 100) / 99;
}

/* One point in each of n cells of every factor, anywhere within its cell. */
static void latin_hypercube(size_t n, size_t d, uint64_t seed, double *u)
{
	uint32_t *cell = mem_alloc(n, sizeof(*cell));

	for (size_t j = 0; j < d; j++) {
		struct rng rng;

		rng_seed(&rng, seed, j);
		rng_permutation(&rng, cell, n);
		for (size_t i = 0; i < n; i++)
			u[i * d + j] = (cell[i] + rng_uniform(&rng)) / (double)n;
	}
	free(cell);
}

static void sobol(size_t n, size_t d, uint64_t seed, double *u)
{
	struct sobol *s = mem_alloc(1, sizeof(*s));

	sobol_init(s, d, seed);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < d; j++)
			u[i * d + j] = sobol_scrambled(s, (uint32_t)i, j);
	free(s);
}

int design_points(
	enum design_sampler sampler, size_t n, size_t d, uint64_t seed, double *u, struct err *err)
{
	if (d > DESIGN_MAX_FACTORS)
		return err_set(err, ERR_USAGE,
			"%zu factors are too many for a design; it takes up to %d", d,
			DESIGN_MAX_FACTORS);
	if (n > DESIGN_MAX_TRIALS)
		return err_set(err, ERR_USAGE,
			"%zu trials are too many for a design; it takes up to %d", n,
			DESIGN_MAX_TRIALS);
	switch (sampler) {
	case DESIGN_SOBOL: sobol(n, d, seed, u); break;
	case DESIGN_LHS: latin_hypercube(n, d, seed, u); break;
	case DESIGN_GRID: grid(n, d, seed, u); break;
	}
	return 0;
}

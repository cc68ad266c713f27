/*
 * The one generator: xoshiro256++ (Blackman & Vigna, "Scrambled linear pseudorandom number
 * generators", ACM TOMS 47, 2021), seeded through splitmix64. Every random choice in culprit comes
 * from a struct rng that was seeded from a stored seed, so that a run can be repeated.
 */
#ifndef CULPRIT_BASE_RNG_H
#define CULPRIT_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t s[4];
};

/* Streams of one seed are independent of each other; use one a thread, tree or purpose. */
void rng_seed(struct rng *r, uint64_t seed, uint64_t stream);

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t *s = r->s, sum = s[0] + s[3];
	uint64_t result = (sum << 23 | sum >> 41) + s[0], t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = s[3] << 45 | s[3] >> 19;
	return result;
}

/* Uniform in [0, 1), 53 bits. */
static inline double rng_uniform(struct rng *r)
{
	return (double)(rng_next(r) >> 11) * 0x1p-53;
}

/* Uniform in 0 … n − 1, without bias (Lemire, "Fast random integer generation in an interval",
 * ACM TOMACS 29, 2019). n > 0. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	__uint128_t m = (__uint128_t)rng_next(r) * n;

	if ((uint64_t)m < n) {
		uint64_t floor = -n % n;

		while ((uint64_t)m < floor)
			m = (__uint128_t)rng_next(r) * n;
	}
	return (uint64_t)(m >> 64);
}

double rng_normal(struct rng *r);                             /* mean 0, variance 1 */
void rng_permutation(struct rng *r, uint32_t *out, size_t n); /* of 0 … n − 1 */

/* A seed from the kernel, for when none was given. At most 2^53 − 1, so that JSON keeps it whole.
 */
uint64_t rng_fresh_seed(void);

#endif

#include "base/rng.h"

#include <math.h>
#include <sys/random.h>
#include <time.h>

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void rng_seed(struct rng *r, uint64_t seed, uint64_t stream)
{
	uint64_t mixed = stream, state = seed ^ splitmix64(&mixed);

	for (int i = 0; i < 4; i++)
		r->s[i] = splitmix64(&state);
}

double rng_normal(struct rng *r)
{
	/* Box and Muller (1958), one of the pair: no state to keep, exact in the tails */
	double u = 1 - rng_uniform(r), v = rng_uniform(r);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

void rng_permutation(struct rng *r, uint32_t *out, size_t n)
{
	/* Fisher and Yates, inside out (Knuth, TAOCP 2, 3.4.2) */
	for (size_t i = 0; i < n; i++) {
		size_t j = rng_below(r, i + 1);

		out[i] = out[j];
		out[j] = (uint32_t)i;
	}
}

uint64_t rng_fresh_seed(void)
{
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed)) {
		struct timespec now;

		clock_gettime(CLOCK_REALTIME, &now);
		seed = (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 20;
	}
	return seed >> 11;
}

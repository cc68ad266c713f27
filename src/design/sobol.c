#include "design/sobol.h"

#include "base/rng.h"

static void set_directions(uint32_t v[SOBOL_BITS], size_t dimension)
{
	const struct sobol_numbers *n = dimension ? &SOBOL_NUMBERS[dimension - 1] : NULL;
	unsigned degree = n ? n->degree : SOBOL_BITS;

	for (unsigned k = 0; k < SOBOL_BITS; k++) {
		if (k < degree) {
			v[k] = (uint32_t)(n ? n->m[k] : 1) << (31 - k);
			continue;
		}
		v[k] = v[k - degree] ^ v[k - degree] >> degree;
		for (unsigned i = 1; i < degree; i++)
			if (n->a >> (degree - 1 - i) & 1)
				v[k] ^= v[k - i];
	}
}

void sobol_init(struct sobol *s, size_t d, uint64_t seed)
{
	s->d = d;
	for (size_t j = 0; j < d; j++) {
		struct rng rng;

		set_directions(s->direction[j], j);
		rng_seed(&rng, seed, j);
		for (unsigned k = 0; k <= SOBOL_BITS; k++)
			s->key[j][k] = rng_next(&rng);
	}
}

uint32_t sobol_coordinate(const struct sobol *s, uint32_t i, size_t j)
{
	uint32_t gray = i ^ i >> 1, x = 0;

	for (; gray; gray &= gray - 1)
		x ^= s->direction[j][__builtin_ctz(gray)];
	return x;
}

/* 64 well mixed bits of a key and a number (Steele, Lea and Flood 2014, the finaliser of
 * splitmix64, twice so that neighbouring numbers share nothing). */
static uint64_t mix(uint64_t key, uint64_t number)
{
	uint64_t z = key;

	for (int i = 0; i < 2; i++) {
		z ^= number * 0x9e3779b97f4a7c15;
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		z ^= z >> 31;
	}
	return z;
}

double sobol_scrambled(const struct sobol *s, uint32_t i, size_t j)
{
	uint32_t x = sobol_coordinate(s, i, j), out = 0;
	uint64_t behind;

	for (unsigned k = 0; k < SOBOL_BITS; k++) {
		/* the digits before digit k name the node of the tree whose coin this is */
		uint32_t before = k ? x >> (SOBOL_BITS - k) : 0;
		uint32_t coin = (uint32_t)(mix(s->key[j][k], before) >> 63);

		out |= ((x >> (31 - k) & 1) ^ coin) << (31 - k);
	}
	behind = mix(s->key[j][SOBOL_BITS], x) >> 43;
	return ((double)out + (double)behind * 0x1p-21) * 0x1p-32;
}

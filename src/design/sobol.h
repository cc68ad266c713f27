/*
 * The Sobol sequence (Sobol 1967; Antonov and Saleev 1979, in Gray code order; direction numbers of
 * Joe and Kuo 2008) and its nested uniform scrambling (Owen, "Randomly permuted (t,m,s)-nets",
 * 1995).
 */
#ifndef CULPRIT_DESIGN_SOBOL_H
#define CULPRIT_DESIGN_SOBOL_H

#include <stddef.h>
#include <stdint.h>

enum { SOBOL_MAX_DIMENSIONS = 64, SOBOL_BITS = 32, SOBOL_MAX_DEGREE = 9 };

/* The polynomial x^s + a_1 x^(s-1) + … + a_(s-1) x + 1 and the numbers that start the recurrence.
 */
struct sobol_numbers {
	uint8_t degree, a;
	uint16_t m[SOBOL_MAX_DEGREE];
};

extern const struct sobol_numbers SOBOL_NUMBERS[SOBOL_MAX_DIMENSIONS - 1]; /* from dimension 2 */

struct sobol {
	size_t d;
	uint32_t direction[SOBOL_MAX_DIMENSIONS][SOBOL_BITS];
	uint64_t key[SOBOL_MAX_DIMENSIONS][SOBOL_BITS + 1]; /* of the scrambling, a digit each */
};

/* d at most SOBOL_MAX_DIMENSIONS. The seed is that of the scrambling. */
void sobol_init(struct sobol *s, size_t d, uint64_t seed);

/* Coordinate j of point i (from 0, Gray code order), not scrambled, times 2^32. */
uint32_t sobol_coordinate(const struct sobol *s, uint32_t i, size_t j);

/*
 * The same, scrambled, in [0, 1). Each binary digit is flipped or not by a random bit that depends
 * on the dimension and on all digits before it, to 32 digits and with random ones behind: so each
 * point is uniform, and any 2^k points keep how evenly they fill the cube.
 */
double sobol_scrambled(const struct sobol *s, uint32_t i, size_t j);

#endif

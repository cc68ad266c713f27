/* Values to bins: every different value its own bin where there are at most FOREST_BINS of them,
 * else bins of about equally many rows. Equal values are never parted. */
#include "learn/forest_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The bits of a double, so that they are in the order of the values. */
static inline uint64_t bits_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits ^ (-(bits >> 63) | UINT64_C(1) << 63);
}

static inline double value_of(uint64_t bits)
{
	double value;

	bits ^= ((bits >> 63) - 1) | UINT64_C(1) << 63;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* By digits from the last to the first (Knuth, TAOCP 3, 5.2.5), those that all values share left
 * out. */
static void sort_many(double *values, size_t n)
{
	enum { BITS = 11, DIGITS = 6, RADIX = 1 << BITS };
	uint64_t *from = mem_alloc(2 * n, sizeof(*from)), *to = from + n, *all = from;
	size_t(*at)[RADIX] = mem_zalloc(DIGITS, sizeof(*at));

	for (size_t i = 0; i < n; i++) {
		from[i] = bits_of(values[i]);
		for (unsigned d = 0; d < DIGITS; d++)
			at[d][from[i] >> d * BITS & (RADIX - 1)]++;
	}
	for (unsigned d = 0; d < DIGITS; d++) {
		size_t sum = 0;
		uint64_t *swap = from;

		if (at[d][from[0] >> d * BITS & (RADIX - 1)] == n)
			continue;
		for (size_t k = 0; k < RADIX; k++) {
			size_t count = at[d][k];

			at[d][k] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			to[at[d][from[i] >> d * BITS & (RADIX - 1)]++] = from[i];
		from = to;
		to = swap;
	}
	for (size_t i = 0; i < n; i++)
		values[i] = value_of(from[i]);
	free(all);
	free(at);
}

static size_t count_different(const double *sorted, size_t n)
{
	size_t different = 1;

	for (size_t i = 1; i < n; i++)
		different += sorted[i] != sorted[i - 1];
	return different;
}

void forest_bins_make(struct forest_bins *bins, const double *values, size_t n, double *scratch)
{
	size_t different, start = 0, room = 1;

	memcpy(scratch, values, n * sizeof(*values));
	if (n > 2000)
		sort_many(scratch, n);
	else
		qsort(scratch, n, sizeof(*scratch), by_value);
	different = count_different(scratch, n);
	bins->count = 0;
	while (start < n) {
		size_t end = start + 1, left = FOREST_BINS - bins->count;

		if (different > FOREST_BINS)
			room = (n - start + left - 1) / left;
		/* the last bin takes what remains; others close once they are full */
		while (end < n && (scratch[end] == scratch[end - 1] || end - start < room))
			end++;
		bins->low[bins->count] = scratch[start];
		bins->high[bins->count++] = scratch[end - 1];
		start = end;
	}
	for (unsigned b = bins->count; b < FOREST_BINS; b++)
		bins->low[b] = bins->high[b] = INFINITY;
}

void forest_bins_code(
	const struct forest_bins *bins, const double *values, size_t n, uint8_t *codes)
{
	for (size_t i = 0; i < n; i++) {
		unsigned at = 0; /* bins below: those whose greatest value is less */

		for (unsigned step = FOREST_BINS / 2; step; step /= 2)
			at += step & -(unsigned)(bins->high[at + step - 1] < values[i]);
		codes[i] = (uint8_t)at;
	}
}

double forest_bins_threshold(const struct forest_bins *bins, unsigned below, unsigned above)
{
	double low = bins->high[below], high = bins->low[above], middle = low / 2 + high / 2;

	/* between neighbouring doubles the middle is rounded, and may be the upper one */
	return middle >= low && middle < high ? middle : low;
}

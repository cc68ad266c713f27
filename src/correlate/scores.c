/*
 * Normal scores of ranks. Sorting is what a correlation of 3,000 series spends most of its time on,
 * so ranks come from a radix sort on the upper 24 bits of the doubles (sign, exponent, 12 bits),
 * three passes, with the index in the lower half of the word; what is equal in those bits, a few of
 * 1,440, is put in order afterwards.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "correlate/correlate_work.h"
#include "stats/dist.h"

enum { DIGIT = 8, DIGITS = 1 << DIGIT, PASSES = 3, UPPER = 64 - PASSES * DIGIT, SHORT_RUN = 24 };

/* Φ⁻¹ for 1e-10 < p < 1 − 1e-10, to 1e-15: Wichura, "Algorithm AS 241", Applied Statistics 37
 * (1988) 477. dist_normal_quantile() takes a hundred times as long. */
static double normal_score(double p)
{
	static const double A[] = {3.3871328727963666080, 133.14166789178437745,
		1971.5909503065514427, 13731.693765509461125, 45921.953931549871457,
		67265.770927008700853, 33430.575583588128105, 2509.0809287301226727};
	static const double B[] = {1, 42.313330701600911252, 687.18700749205790830,
		5394.1960214247511077, 21213.794301586595867, 39307.895800092710610,
		28729.085735721942674, 5226.4952788528545610};
	static const double C[] = {1.42343711074968357734, 4.63033784615654529590,
		5.76949722146069140550, 3.64784832476320460504, 1.27045825245236838258,
		.241780725177450611770, .0227238449892691845833, 7.74545014278341407640e-4};
	static const double D[] = {1, 2.05319162663775882187, 1.67638483018380384940,
		.689767334985100004550, .148103976427480074590, .0151986665636164571966,
		5.47593808499534494600e-4, 1.05075007164441684324e-9};
	double q = p - .5, x, up, down;
	bool middle = fabs(q) <= .425;
	const double *u = middle ? A : C, *d = middle ? B : D;

	x = middle ? .180625 - q * q : sqrt(-log(q < 0 ? p : 1 - p)) - 1.6;
	up = u[7];
	down = d[7];
	for (int i = 6; i >= 0; i--) {
		up = up * x + u[i];
		down = down * x + d[i];
	}
	return middle ? q * up / down : q < 0 ? -up / down : up / down;
}

static double blom(double twice_rank, size_t n)
{
	double p = (twice_rank / 2 - .375) / ((double)n + .25);

	return p > 1e-10 && p < 1 - 1e-10 ? normal_score(p) : dist_normal_quantile(p);
}

double *corr_half_scores(size_t n)
{
	double *half = mem_alloc(2 * n + 1, sizeof(*half));

	/* antisymmetric, and so made: h and 2n + 2 − h */
	for (size_t h = 2; h <= n + 1; h++) {
		half[h - 2] = h == n + 1 ? 0 : blom((double)h, n);
		half[2 * n - h] = -half[h - 2];
	}
	return half;
}

/* Bits whose order as integers is that of the doubles. */
static uint64_t key_of(double v)
{
	uint64_t bits;

	v += 0.; /* −0 is 0 */
	memcpy(&bits, &v, sizeof(bits));
	return bits ^ ((uint64_t)((int64_t)bits >> 63) | (uint64_t)1 << 63);
}

static int by_key(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return x[0] < y[0] ? -1 : x[0] > y[0] ? 1 : x[1] < y[1] ? -1 : x[1] > y[1];
}

/* Puts items that are equal in their upper bits in order of their values: a few by insertion,
 * many (values that differ by parts in a million) by qsort. */
static void order_run(const double *d, uint64_t *item, size_t n)
{
	uint64_t(*pairs)[2];
	bool ordered = true;

	for (size_t i = 1; i < n && ordered; i++)
		ordered = d[(uint32_t)item[i - 1]] <= d[(uint32_t)item[i]];
	if (ordered)
		return;
	if (n <= SHORT_RUN) {
		for (size_t i = 1; i < n; i++) {
			uint64_t one = item[i];
			size_t j = i;

			for (; j && d[(uint32_t)item[j - 1]] > d[(uint32_t)one]; j--)
				item[j] = item[j - 1];
			item[j] = one;
		}
		return;
	}
	pairs = mem_alloc(n, sizeof(*pairs));
	for (size_t i = 0; i < n; i++) {
		pairs[i][0] = key_of(d[(uint32_t)item[i]]);
		pairs[i][1] = item[i];
	}
	qsort(pairs, n, sizeof(*pairs), by_key);
	for (size_t i = 0; i < n; i++)
		item[i] = pairs[i][1];
	free(pairs);
}

/* One pass over a digit of the key; false where all have the same. */
static bool radix_pass(
	const uint64_t *from, uint64_t *to, size_t n, unsigned shift, uint32_t *counts)
{
	uint32_t sum = 0;

	if (counts[from[0] >> shift & (DIGITS - 1)] == n)
		return false;
	for (size_t i = 0; i < DIGITS; i++) {
		uint32_t count = counts[i];

		counts[i] = sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		to[counts[from[i] >> shift & (DIGITS - 1)]++] = from[i];
	return true;
}

/* The n keys in order, in *keys or *spare: returns which. */
static uint64_t *order(const double *d, size_t n, uint64_t *keys, uint64_t *spare)
{
	uint32_t counts[PASSES][DIGITS] = {{0}};

	for (size_t i = 0; i < n; i++)
		for (unsigned pass = 0; pass < PASSES; pass++)
			counts[pass][keys[i] >> (UPPER + pass * DIGIT) & (DIGITS - 1)]++;
	for (unsigned pass = 0; pass < PASSES; pass++) {
		if (radix_pass(keys, spare, n, UPPER + pass * DIGIT, counts[pass])) {
			uint64_t *other = keys;

			keys = spare;
			spare = other;
		}
	}
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && keys[end] >> UPPER == keys[i] >> UPPER; end++)
			;
		if (end - i > 1)
			order_run(d, keys + i, end - i);
	}
	return keys;
}

size_t corr_score(
	double *d, size_t n, const double *half, uint64_t *keys, uint64_t *spare, bool *constant)
{
	size_t known = 0;

	*constant = true;
	for (size_t i = 0; i < n; i++) {
		keys[known] = (key_of(d[i]) >> UPPER << UPPER) | i;
		known += isfinite(d[i]);
	}
	if (!known)
		return 0;
	keys = order(d, known, keys, spare);
	for (size_t i = 0, end; i < known; i = end) {
		double value = d[(uint32_t)keys[i]], score;

		for (end = i + 1; end < known && d[(uint32_t)keys[end]] == value; end++)
			;
		/* ranks i + 1 … end, so twice their mean is i + 1 + end */
		score = known == n && half ? half[i + end - 1] : blom((double)(i + end + 1), known);
		for (size_t j = i; j < end; j++)
			d[(uint32_t)keys[j]] = score;
		*constant = i == 0 && end == known;
	}
	return known;
}

void correlate_scores(const double *values, size_t n, double *out)
{
	uint64_t *keys = mem_alloc(n + 1, sizeof(*keys)), *spare = mem_alloc(n + 1, sizeof(*spare));
	bool constant;

	for (size_t i = 0; i < n; i++)
		out[i] = isinf(values[i]) ? copysign(DBL_MAX, values[i]) : values[i];
	corr_score(out, n, NULL, keys, spare, &constant);
	free(keys);
	free(spare);
}

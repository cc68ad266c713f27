#include "unit.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "stats/hist.h"

START_TEST(buckets_join_without_gap)
{
	ck_assert_uint_eq(hist_bucket_low(0), 0);
	for (size_t i = 0; i < HIST_BUCKETS; i++) {
		uint64_t low = hist_bucket_low(i), high = hist_bucket_high(i);

		ck_assert_uint_eq(hist_index(low), i);
		ck_assert_uint_eq(hist_index(high), i);
		ck_assert_uint_eq(hist_bucket_low(i + 1), high + 1);
		/* better than 0.1 % */
		ck_assert((double)(high - low) <= (double)low / 1024);
	}
	ck_assert_uint_eq(hist_bucket_high(HIST_BUCKETS - 1), (UINT64_C(1) << HIST_MAX_BITS) - 1);
	ck_assert_uint_eq(hist_index(UINT64_MAX), HIST_BUCKETS - 1);
}
END_TEST

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

START_TEST(percentiles_are_those_of_the_sorted_values)
{
	static const double PERCENTS[] = {0, 1, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100};
	enum { N = 20000 };
	uint64_t *values = mem_alloc(N, sizeof(*values));
	struct hist h;
	struct rng rng;

	rng_seed(&rng, 11, 0);
	hist_init(&h);
	for (size_t i = 0; i < N; i++) {
		values[i] = (uint64_t)(1e6 * exp(2 * rng_normal(&rng)));
		hist_record(&h, values[i]);
	}
	qsort(values, N, sizeof(*values), compare);
	for (size_t i = 0; i < sizeof(PERCENTS) / sizeof(PERCENTS[0]); i++) {
		/* in whole numbers, since N × percent is one */
		size_t rank = (size_t)((lround(PERCENTS[i] * 100) * N + 9999) / 10000);
		uint64_t want = values[rank ? rank - 1 : 0];
		uint64_t got = hist_percentile(&h, PERCENTS[i]);

		ck_assert_uint_eq(hist_index(got), hist_index(want));
		ck_assert_uint_ge(got, want);
	}
	ck_assert_uint_eq(h.max, values[N - 1]);
	ck_assert_uint_eq(hist_percentile(&h, 100), values[N - 1]);
	free(values);
	hist_release(&h);
}
END_TEST

START_TEST(mean_and_deviation_are_exact)
{
	struct hist h;

	hist_init(&h);
	ck_assert(isnan(hist_mean(&h)));
	ck_assert(isnan(hist_stddev(&h)));
	ck_assert_uint_eq(hist_percentile(&h, 50), 0);
	for (uint64_t v = 1000000; v <= 5000000; v += 1000000)
		hist_record(&h, v);
	ck_assert_double_eq(hist_mean(&h), 3e6);
	ck_assert_double_eq_tol(hist_stddev(&h), sqrt(2.5) * 1e6, 1e-6);
	hist_release(&h);
}
END_TEST

START_TEST(merged_is_as_recorded_together)
{
	struct hist a, b, both;
	struct rng rng;

	rng_seed(&rng, 3, 0);
	hist_init(&a);
	hist_init(&b);
	hist_init(&both);
	for (int i = 0; i < 5000; i++) {
		uint64_t v = rng_next(&rng) >> (20 + rng_below(&rng, 40));

		hist_record(i % 3 ? &a : &b, v);
		hist_record(&both, v);
	}
	hist_merge(&a, &b);
	ck_assert_uint_eq(a.n, both.n);
	ck_assert_uint_eq(a.min, both.min);
	ck_assert_uint_eq(a.max, both.max);
	for (size_t i = 0; i < HIST_BUCKETS; i++)
		ck_assert_uint_eq(a.counts[i], both.counts[i]);
	hist_clear(&a);
	for (size_t i = 0; i < HIST_BUCKETS; i++)
		ck_assert_uint_eq(a.counts[i], 0);
	ck_assert_uint_eq(a.n, 0);
	hist_merge(&b, &a); /* an empty one adds nothing */
	ck_assert_uint_eq(a.n + b.n, 5000 / 3 + 1);
	hist_release(&a);
	hist_release(&b);
	hist_release(&both);
}
END_TEST

UNIT_MAIN("hist", buckets_join_without_gap, percentiles_are_those_of_the_sorted_values,
	mean_and_deviation_are_exact, merged_is_as_recorded_together)

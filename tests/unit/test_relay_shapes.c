/* What the relay does to what it passes on: delays, their distributions, bandwidth. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/relay.h"
#include "relay_ends.h"
#include "unit.h"

/* ---- delays ---- */

/* Never early; and late by less than 300 µs in the better half of 200: what is polled before the
 * moment (60 µs) makes it a few, and a core that somebody else has is late more often than not only
 * if it is taken more than half of the time. */
START_TEST(delays_by_what_it_was_told)
{
	enum { N = 200 };
	static const uint64_t DELAYS[] = {200000, 2000000};
	uint64_t delays[N];
	struct pair p;

	ends_start(1);
	p = ends_pair();
	ends_round_trip(p);
	ck_assert_uint_eq(ends_counts().pieces, 0); /* without a delay, none was delayed */
	for (size_t i = 0; i < 2; i++) {
		ends_set((struct relay_shape){.delay_ns = DELAYS[i]});
		ck_assert_uint_ge(ends_round_trip(p), DELAYS[i]);
		ends_delays(p, delays, N);
		ck_assert_uint_ge(delays[0], DELAYS[i]);
		ck_assert_uint_lt(delays[N / 2], DELAYS[i] + 300000);
	}
	ends_close(p);
	relay_stop(relay);
}
END_TEST

/* How many are below; late ones count as if they were not, so `limit` is what the delay may be late
 * by, too. */
static size_t n_below(const uint64_t *values, size_t n, uint64_t limit)
{
	size_t below = 0;

	for (size_t i = 0; i < n; i++)
		below += values[i] < limit;
	return below;
}

/* 3 ms ± 2 ms: a quarter is below 2 ms, and all are within. Binomial bounds of 4.75 standard
 * deviations (one in a million); a piece may be late by 0.3 ms where lateness counts. */
START_TEST(jitters_uniformly)
{
	enum { N = 240 };
	double sd = sqrt(N * .25 * .75);
	uint64_t delays[N];
	struct pair p;

	ends_start(1);
	ends_set((struct relay_shape){.delay_ns = 3 * NS_PER_MS, .jitter_ns = 2 * NS_PER_MS});
	p = ends_pair();
	ends_delays(p, delays, N);
	ck_assert_uint_ge(delays[0], 1 * NS_PER_MS);
	ck_assert_uint_lt(delays[N / 2], 5 * NS_PER_MS);
	ck_assert_double_lt((double)n_below(delays, N, 2 * NS_PER_MS), N * .25 + 4.75 * sd);
	ck_assert_double_gt((double)n_below(delays, N, 2300000), N * .25 - 4.75 * sd);
	ck_assert_double_lt((double)n_below(delays, N, 4 * NS_PER_MS), N * .75 + 4.75 * sd);
	ck_assert_double_gt((double)n_below(delays, N, 4300000), N * .75 - 4.75 * sd);
	/* more jitter than delay: what would be below 0 is 0, here in half of all cases */
	ends_set((struct relay_shape){.jitter_ns = NS_PER_MS});
	ends_delays(p, delays, N);
	sd = sqrt(N * .25);
	ck_assert_double_gt((double)n_below(delays, N, 300000), N * .5 - 4.75 * sd);
	ck_assert_double_lt((double)n_below(delays, N, 300000), N * .65 + 4.75 * sd);
	ends_close(p);
	relay_stop(relay);
}
END_TEST

/* Median 2 ms, sigma 0.5: 15.87 % are below 2 ms · exp(−0.5) and above 2 ms · exp(0.5). */
START_TEST(varies_lognormally)
{
	enum { N = 240 };
	static const struct {
		double z, share;
	} AT[] = {{-1, .158655}, {0, .5}, {1, .841345}};
	uint64_t delays[N];
	struct pair p;

	ends_start(1);
	ends_set((struct relay_shape){.delay_ns = 2 * NS_PER_MS, .sigma = .5});
	p = ends_pair();
	ends_delays(p, delays, N);
	for (size_t i = 0; i < 3; i++) {
		double q = 2e6 * exp(.5 * AT[i].z), share = AT[i].share;
		double slack = 4.75 * sqrt(N * share * (1 - share));

		ck_assert_double_lt((double)n_below(delays, N, (uint64_t)q), N * share + slack);
		ck_assert_double_gt(
			(double)n_below(delays, N, (uint64_t)q + 300000), N * share - slack);
	}
	ends_close(p);
	relay_stop(relay);
}
END_TEST

/* An answer of many pieces is late by one delay. With a median of 20 ms and sigma 0.8, one draw is
 * above 20 ms · exp(0.8 · 0.674) = 34.3 ms in a quarter of the cases; the longest of four (which a
 * relay that reads 64 KiB at a time makes of 200,000 bytes at the least) in 1 − 0.75⁴ = 68 %. That
 * more than half of 60 are above has a chance of 1e-5 with one draw. */
START_TEST(draws_one_delay_an_answer)
{
	enum { N = 60, ANSWER = 200000, PART = 20000 };
	char *answer = mem_zalloc(1, ANSWER), byte;
	uint64_t times[N];
	struct pair p;

	ends_start(1);
	ends_set((struct relay_shape){.delay_ns = 20 * NS_PER_MS, .sigma = .8});
	p = ends_pair();
	for (int i = 0; i < N; i++) {
		uint64_t begin;

		ends_put(p.client, "q", 1);
		ends_get(p.server, &byte, 1);
		begin = clock_now_ns();
		for (int sent = 0; sent < ANSWER; sent += PART)
			ends_put(p.server, answer, PART);
		ends_get(p.client, answer, ANSWER);
		times[i] = clock_now_ns() - begin;
	}
	qsort(times, N, sizeof(*times), ends_compare);
	ck_assert_uint_ge(ends_counts().pieces, 4 * N);
	ck_assert_uint_lt(times[N / 2], 34300000);
	ends_close(p);
	free(answer);
	relay_stop(relay);
}
END_TEST

/* The way there is not delayed, and a setting is for pieces from now on: what waits keeps its
 * moment, and what comes after it does not overtake it. */
START_TEST(changes_while_it_runs)
{
	struct pair p;
	uint64_t begin;

	ends_start(1);
	ends_set((struct relay_shape){.delay_ns = 400 * NS_PER_MS});
	p = ends_pair();
	begin = clock_now_ns();
	ends_put(p.client, "up", 2);
	ends_expect(p.server, "up");
	ck_assert_uint_lt(clock_now_ns() - begin, 400 * NS_PER_MS);
	begin = clock_now_ns();
	ends_put(p.server, "first", 5);
	clock_sleep_ns(100 * NS_PER_MS); /* so that the relay has it */
	ends_set((struct relay_shape){0});
	ends_put(p.server, "second", 6);
	ends_expect(p.client, "firstsecond");
	ck_assert_uint_ge(clock_now_ns() - begin, 400 * NS_PER_MS);
	ck_assert_uint_eq(ends_counts().pieces, 1);
	begin = clock_now_ns();
	ends_round_trip(p);
	ck_assert_uint_lt(clock_now_ns() - begin, 400 * NS_PER_MS);
	for (uint64_t i = 0; i < 200; i++)
		ends_set((struct relay_shape){.delay_ns = i});
	ends_close(p);
	relay_stop(relay);
}
END_TEST

/* 2 MB/s: never more than the rate and one bucket (10 ms); the other direction has a bucket of its
 * own. Where somebody else had the core, the bucket makes up for 10 ms: twice the time is far off.
 */
START_TEST(limits_bandwidth)
{
	enum { BYTES = 600000, RATE = 2000000 };
	double least_s = (BYTES - RATE * .01) / RATE, s;
	uint64_t begin;
	struct pair p;

	ends_start(1);
	ends_set((struct relay_shape){.bytes_per_second = RATE});
	p = ends_pair();
	begin = clock_now_ns();
	ends_stream_both(p, BYTES);
	s = (double)(clock_now_ns() - begin) / 1e9;
	ck_assert_double_ge(s, least_s);
	ck_assert_double_lt(s, 10 * least_s);
	/* what waits for a slow line goes at once when it is no longer slow */
	ends_set((struct relay_shape){.bytes_per_second = 1000});
	for (int i = 0; i < 20; i++)
		ends_put(p.client,
			"0123456789012345678901234567890123456789012345678901234567890123456"
			"78901234567890123456789012345678",
			100);
	begin = clock_now_ns();
	ends_set((struct relay_shape){0});
	for (int i = 0; i < 20; i++) {
		char part[100];

		ends_get(p.server, part, sizeof(part));
	}
	ck_assert_uint_lt(clock_now_ns() - begin, 500 * NS_PER_MS);
	ends_close(p);
	relay_stop(relay);
}
END_TEST

UNIT_MAIN("relay_shapes", delays_by_what_it_was_told, jitters_uniformly, varies_lognormally,
	draws_one_delay_an_answer, changes_while_it_runs, limits_bandwidth)

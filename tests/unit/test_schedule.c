#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "load/schedule.h"

static struct load_schedule schedule(const char *stages, double rate, enum load_arrivals arrivals)
{
	struct load_spec spec = {.stages = stages, .rate = rate, .arrivals = arrivals};
	struct load_schedule s;
	struct err err = {0};

	ck_assert_msg(load_schedule_init(&s, &spec, &err) == 0, "%s", err.text);
	return s;
}

START_TEST(stages_are_read)
{
	struct load_schedule s = schedule("10s:100,500ms:0,2m:0-1.5e3,1:7", 0, LOAD_CONSTANT);

	ck_assert_uint_eq(s.n, 4);
	ck_assert_double_eq(s.stages[1].start_s, 10);
	ck_assert_double_eq(s.stages[1].seconds, .5);
	ck_assert_double_eq(s.stages[2].to, 1500);
	ck_assert_double_eq(s.stages[2].before, 1000);
	ck_assert_double_eq(s.stages[2].through, 91000);
	ck_assert_double_eq(s.seconds, 131.5);
	ck_assert_double_eq(load_schedule_rate(&s, 5), 100);
	ck_assert_double_eq(load_schedule_rate(&s, 10.2), 0);
	ck_assert_double_eq(load_schedule_rate(&s, 10.5 + 40), 500);
	ck_assert_double_eq(load_schedule_rate(&s, 131), 7);
	ck_assert_double_eq(load_schedule_rate(&s, 131.5), 0);
	ck_assert_double_eq(load_schedule_rate(&s, -1), 0);
	ck_assert_uint_eq(load_schedule_stage(&s, 0), 0);
	ck_assert_uint_eq(load_schedule_stage(&s, 10.4), 1);
	ck_assert_uint_eq(load_schedule_stage(&s, 1e9), 3);
	load_schedule_release(&s);

	s = schedule(NULL, 0.2, LOAD_CONSTANT);
	ck_assert_uint_eq(s.n, 1);
	ck_assert_double_eq(load_schedule_rate(&s, 1e9), 0.2);
	ck_assert(isinf(s.seconds));
	load_schedule_release(&s);

	s = schedule(NULL, 0, LOAD_CONSTANT);
	ck_assert_uint_eq(s.n, 0);
	ck_assert_double_eq(load_schedule_rate(&s, 1), 0);
	load_schedule_release(&s);
}
END_TEST

START_TEST(wrong_stages_are_named)
{
	static const struct {
		const char *stages, *says;
	} CASES[] = {
		{"", "stage 1 ('')"},
		{"10s:100,", "stage 2 ('')"},
		{"10s:100,,5s:1", "stage 2 ('')"},
		{"10s:100,30s", "stage 2 ('30s')"},
		{"10s:100,x:5", "stage 2 ('x:5'): 'x' is not a duration"},
		{"10s:100,0s:5", "stage 2 ('0s:5')"},
		{"-1s:5", "stage 1"},
		{"10s:", "'' is not a rate"},
		{"10s:fast", "'fast' is not a rate"},
		{"10s:5-", "'5-' is not a rate"},
		{"10s:5-6-7", "'5-6-7' is not a rate"},
		{"10s:5:6", "'5:6' is not a rate"},
		{"10s:-5", "0 to 100000000"},
		{"10s:nan", "0 to 100000000"},
		{"10s:1-inf", "0 to 100000000"},
		{"10s:1e9", "0 to 100000000"},
		{"60d:5,60d:5", "stage 2 ('60d:5'): all stages together"},
		{"10s:0,5s:0.1", "asks for no whole request"},
		{"1s:00000000000000000000000000000000000000000000000000000000000000000000000000000",
			"longer than 79 characters"},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct load_spec spec = {.stages = CASES[i].stages};
		struct load_schedule s;
		struct err err = {0};

		ck_assert_int_eq(load_schedule_init(&s, &spec, &err), -ERR_USAGE);
		ck_assert_msg(strstr(err.text, CASES[i].says) != NULL, "'%s' gave: %s",
			CASES[i].stages, err.text);
		ck_assert_ptr_null(s.stages);
	}
}
END_TEST

START_TEST(rates_are_checked_and_stages_counted)
{
	struct load_spec spec = {.stages = "10s:100", .rate = 5};
	struct load_schedule s;
	struct err err = {0};
	char *many = mem_zalloc(1001, 5);

	ck_assert_int_eq(load_schedule_init(&s, &spec, &err), -ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "both a rate (5) and stages ('10s:100')"));
	for (size_t i = 0; i < 1001; i++)
		memcpy(many + 5 * i, "1s:1,", 5);
	many[5 * 1001 - 1] = '\0';
	spec = (struct load_spec){.stages = many};
	ck_assert_int_eq(load_schedule_init(&s, &spec, &err), -ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "at most 1000"));
	many[5 * 1000 - 1] = '\0';
	ck_assert_int_eq(load_schedule_init(&s, &spec, &err), 0);
	ck_assert_uint_eq(s.n, 1000);
	load_schedule_release(&s);
	free(many);

	spec = (struct load_spec){.rate = -1};
	ck_assert_int_eq(load_schedule_init(&s, &spec, &err), -ERR_USAGE);
	spec.rate = NAN;
	ck_assert_int_eq(load_schedule_init(&s, &spec, &err), -ERR_USAGE);
}
END_TEST

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* All arrivals of all workers, sorted; *n of them. */
static uint64_t *arrivals_of(const struct load_schedule *s, unsigned workers, uint64_t seed,
	uint64_t until_ns, size_t *n)
{
	uint64_t *at = NULL;
	size_t cap = 0;

	*n = 0;
	for (unsigned w = 0; w < workers; w++) {
		struct load_arrivals_clock c;
		uint64_t last = 0;

		load_arrivals_start(&c, s, w, workers, 0, seed);
		for (uint64_t t; (t = load_arrivals_next(&c)) < until_ns; last = t) {
			ck_assert_uint_ge(t, last);
			at = mem_grow(at, &cap, *n + 1, sizeof(*at));
			at[(*n)++] = t;
		}
		if (until_ns == UINT64_MAX)
			ck_assert_uint_eq(load_arrivals_next(&c), UINT64_MAX);
	}
	if (*n)
		qsort(at, *n, sizeof(*at), compare);
	return at;
}

START_TEST(constant_arrivals_are_evenly_spaced_over_the_workers)
{
	struct load_schedule s = schedule("10s:100", 0, LOAD_CONSTANT);
	size_t n;
	uint64_t *at = arrivals_of(&s, 4, 1, UINT64_MAX, &n);

	ck_assert_uint_eq(n, 1000);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(at[i], i * 10000000 + 5000000);
	free(at);

	struct load_arrivals_clock c; /* worker 2 of 4 takes the 3rd, 7th, 11th … */

	load_arrivals_start(&c, &s, 2, 4, 5000, 1);
	ck_assert_uint_eq(load_arrivals_next(&c), 5000 + 25000000);
	ck_assert_uint_eq(load_arrivals_next(&c), 5000 + 65000000);
	load_schedule_release(&s);
}
END_TEST

START_TEST(fractional_rates_need_no_worker_each)
{
	struct load_schedule s = schedule(NULL, 0.2, LOAD_CONSTANT);
	size_t n;
	uint64_t *at = arrivals_of(&s, 8, 1, UINT64_C(100) * NS_PER_S, &n);

	ck_assert_uint_eq(n, 20);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(at[i], i * 5 * NS_PER_S + NS_PER_S * 5 / 2);
	free(at);
	load_schedule_release(&s);

	/* so seldom that it never comes: no overflow, no loop */
	struct load_arrivals_clock c;

	s = schedule(NULL, 1e-300, LOAD_CONSTANT);
	load_arrivals_start(&c, &s, 0, 1, 0, 1);
	ck_assert_uint_eq(load_arrivals_next(&c), UINT64_MAX);
	load_schedule_release(&s);
}
END_TEST

START_TEST(every_stage_holds_its_exact_count)
{
	/* holds, pauses, ramps from and to nothing, sums that have no exact double */
	struct load_schedule s = schedule(
		"2s:100,5s:0,10s:0-50,10s:50-0,3s:0,4s:200-1000,4s:1000-200,100ms:10,200ms:10,"
		"700ms:10,10s:0.3,3s:1e4",
		0, LOAD_CONSTANT);
	static const size_t COUNTS[] = {200, 0, 250, 250, 0, 2400, 2400, 1, 2, 7, 3, 30000};
	uint64_t *one, *many;
	size_t n, k = 0;

	one = arrivals_of(&s, 1, 1, UINT64_MAX, &n);
	for (size_t i = 0; i < s.n; i++) {
		double end = (s.stages[i].start_s + s.stages[i].seconds) * 1e9;
		size_t held = 0;

		for (; k < n && (double)one[k] <= end + .5; k++)
			held++;
		ck_assert_msg(
			held == COUNTS[i], "stage %zu holds %zu, not %zu", i + 1, held, COUNTS[i]);
	}
	ck_assert_uint_eq(k, n);
	for (unsigned workers = 2; workers < 20; workers += 3) {
		size_t m;

		many = arrivals_of(&s, workers, 1, UINT64_MAX, &m);
		ck_assert_uint_eq(m, n);
		ck_assert_mem_eq(many, one, n * sizeof(*one));
		free(many);
	}
	free(one);
	load_schedule_release(&s);
}
END_TEST

/* When the integral of a ramp passes k, in 64 bits of mantissa and by bisection, which has no
 * formula in common with what it tests. */
static long double ramp_time(long double from, long double to, long double seconds, long double k)
{
	long double low = 0, high = seconds;

	for (int i = 0; i < 200; i++) {
		long double t = (low + high) / 2;
		long double passed = t * (from + (to - from) * t / seconds / 2);

		*(passed < k ? &low : &high) = t;
	}
	return (low + high) / 2;
}

START_TEST(hours_at_a_million_a_second_keep_their_nanoseconds)
{
	static const struct {
		const char *stages;
		double from, to, before_s, before;
	} CASES[] = {
		{"3h:1e6", 1e6, 1e6, 0, 0},
		{"3h:0-2e6", 0, 2e6, 0, 0},
		{"3h:2e6-0", 2e6, 0, 0, 0},
		{"3h:1e6,3h:1e6-3", 1e6, 3, 10800, 1.08e10},
		{"3h:1e6,3h:999999-1e6", 999999, 1e6, 10800, 1.08e10},
		{"3h:1e6,7s:0,3h:1e6-0", 1e6, 0, 10807, 1.08e10},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct load_schedule s = schedule(CASES[i].stages, 0, LOAD_CONSTANT);
		double total = s.stages[s.n - 1].through - CASES[i].before;
		const double at[] = {1, 2, 1000, floor(total / 3), floor(total / 2), total - 1e6,
			total - 1000, total - 2, total - 1};

		for (size_t j = 0; j < sizeof(at) / sizeof(at[0]); j++) {
			struct load_arrivals_clock c;
			long double expect = CASES[i].before_s +
					     ramp_time(CASES[i].from, CASES[i].to, 10800, at[j]);

			load_arrivals_start(&c, &s, 0, 1, 0, 1);
			c.passed = CASES[i].before + at[j] - 1;
			/* a whole nanosecond, and the last digit of the falling ramp's end */
			ck_assert_msg(
				fabsl((long double)load_arrivals_next(&c) - expect * 1e9L) < 100,
				"%s: request %.0f", CASES[i].stages, at[j]);
		}
		load_schedule_release(&s);
	}
}
END_TEST

/* The largest distance between the cdf of the gaps and the exponential one, times √n. */
static double gap_distance(const double *passed, size_t n)
{
	double *gaps = mem_alloc(n, sizeof(*gaps)), worst = 0;

	for (size_t i = 0; i < n; i++)
		gaps[i] = passed[i] - (i ? passed[i - 1] : 0);
	qsort(gaps, n, sizeof(*gaps), compare); /* positive doubles sort as their bits do */
	for (size_t i = 0; i < n; i++) {
		double p = 1 - exp(-gaps[i]);

		worst = fmax(
			worst, fmax(p - (double)i / (double)n, (double)(i + 1) / (double)n - p));
	}
	free(gaps);
	return worst * sqrt((double)n);
}

/*
 * Both tests reject a true Poisson process in one of 1,000 seeds, each (Kolmogorov's 1.95; three
 * and a third deviations of the dispersion); the seeds are fixed.
 */
static void check_poisson(const char *stages, double (*integral)(double t), unsigned workers)
{
	struct load_schedule s = schedule(stages, 0, LOAD_POISSON);
	size_t n, slices = 0;
	uint64_t *at = arrivals_of(&s, workers, 7, UINT64_MAX, &n);
	double *passed = mem_alloc(n, sizeof(*passed)), squares = 0;
	double total = s.stages[s.n - 1].through;

	ck_assert_double_lt(fabs((double)n - total), 3.3 * sqrt(total));
	for (size_t i = 0; i < n; i++)
		passed[i] = integral((double)at[i] / 1e9);
	ck_assert_double_lt(gap_distance(passed, n), 1.95);
	/* counts in stretches of 50 expected arrivals: variance equals mean */
	for (size_t i = 0; (double)(slices + 1) * 50 <= total; slices++) {
		double held = 0;

		for (; i < n && passed[i] < (double)(slices + 1) * 50; i++)
			held++;
		squares += (held - 50) * (held - 50) / 50;
	}
	double df = (double)slices;

	ck_assert_double_lt(fabs(squares - df), 3.3 * sqrt(2 * df));
	free(passed);
	free(at);
	load_schedule_release(&s);
}

static double thousand_a_second(double t)
{
	return 1000 * t;
}

static double up_and_down(double t)
{
	return t < 30 ? t * t * 1000 / 30
		      : 30000 + 2000 * (t - 30) - (t - 30) * (t - 30) * 1000 / 30;
}

START_TEST(poisson_arrivals_are_poisson)
{
	check_poisson("60s:1000", thousand_a_second, 1);
	check_poisson("60s:1000", thousand_a_second, 5);
	check_poisson("30s:0-2000,30s:2000-0", up_and_down, 3);
}
END_TEST

START_TEST(poisson_arrivals_follow_the_seed)
{
	struct load_schedule s = schedule("10s:100", 0, LOAD_POISSON);
	size_t n, m, o;
	uint64_t *a = arrivals_of(&s, 2, 1, UINT64_MAX, &n);
	uint64_t *b = arrivals_of(&s, 2, 1, UINT64_MAX, &m);
	uint64_t *c = arrivals_of(&s, 2, 2, UINT64_MAX, &o);

	ck_assert_uint_eq(n, m);
	ck_assert_mem_eq(a, b, n * sizeof(*a));
	ck_assert(n != o || memcmp(a, c, n * sizeof(*a)));
	free(a);
	free(b);
	free(c);
	load_schedule_release(&s);
}
END_TEST

UNIT_MAIN("schedule", stages_are_read, wrong_stages_are_named, rates_are_checked_and_stages_counted,
	constant_arrivals_are_evenly_spaced_over_the_workers, fractional_rates_need_no_worker_each,
	every_stage_holds_its_exact_count, hours_at_a_million_a_second_keep_their_nanoseconds,
	poisson_arrivals_are_poisson, poisson_arrivals_follow_the_seed)

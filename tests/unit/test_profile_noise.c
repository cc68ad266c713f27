/*
 * Figures of profile/diff.h and view_worth(), on programs whose truth is known: how often two
 * profiles of the same program are said to differ, how often a change is found, how often intervals
 * hold the truth. Seeds are fixed, so these are counts; the bounds are those of the methods plus
 * three standard errors. CULPRIT_LONG=1 takes 25 times as many.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/diff.h"
#include "profile/view.h"
#include "profile_fixture.h"
#include "profile_program.h"
#include "unit.h"

/* In turn: name, functions, threads, mean length of calls in ms (from a fifth to five times that),
 * spread of their lengths, skew of how often, waits. */
static const struct program PROGRAMS[] = {{"short calls", 40, 1, .2, 1, .5, false},
	{"service", 40, 8, 5, 1, 1, true}, {"long calls", 30, 1, 50, 1, 1, false},
	{"many functions", 200, 2, 5, 1, 1.2, true}, {"equal calls", 10, 1, 20, 0, 0, false},
	{"calls of a second", 8, 1, 200, .5, .5, false},
	{"calls of seconds", 8, 1, 1000, .5, .5, false}};
enum { N_PROGRAMS = sizeof(PROGRAMS) / sizeof(PROGRAMS[0]) };

/* The method was made while looking at seeds below 20,000; these are others. */
enum { SEEDS = 1000000 };

static int pairs(int n)
{
	return getenv("CULPRIT_LONG") ? 25 * n : n;
}

static double above(double rate, int n)
{
	return rate * n + 3 * sqrt(rate * (1 - rate) * n);
}

static bool says_real(const struct profile_diff *d, const char *name)
{
	for (size_t i = 0; i < d->n_rows; i++)
		if (d->rows[i].real && (!name || strcmp(d->rows[i].name, name) == 0))
			return true;
	return false;
}

/* Pairs of profiles of one program: any function named is a false alarm. */
static void count_alarms(const struct program *g, int n, enum profile_clock clock)
{
	int alarms = 0;

	for (int i = 0; i < n; i++) {
		struct profile *a = program_profile(g, SEEDS + 2 * (uint64_t)i, 1000, 20, -1, 1),
			       *b = program_profile(g, SEEDS + 2 * (uint64_t)i + 1, 1000,
				       10 + i % 3 * 10, -1, 1);
		struct profile_diff d;

		profile_diff_make(&d, a, b, clock);
		MUST(d.timed);
		alarms += says_real(&d, NULL);
		profile_diff_release(&d);
		profile_free(a);
		profile_free(b);
	}
	printf("%-17s %-5s %4d of %d pairs of the same program said to differ\n", g->name,
		PROFILE_CLOCK_WORDS[clock], alarms, n);
	fflush(stdout);
	ck_assert_double_le(alarms, above(.05, n));
}

START_TEST(same_program_is_the_same)
{
	count_alarms(&PROGRAMS[_i], pairs(40), PROFILE_CLOCK_WALL);
	if (PROGRAMS[_i].waits)
		count_alarms(&PROGRAMS[_i], pairs(40), PROFILE_CLOCK_CPU);
}
END_TEST

enum { CHANGED = 3 };

/* Calls of f3 take 10 % longer. Returns how often that is found. */
static int count_found(const struct program *g, int n, double hz, double seconds, int *wrong_way)
{
	int found = 0;

	for (int i = 0; i < n; i++) {
		uint64_t seed = SEEDS + 5000 + 2 * (uint64_t)i;
		struct profile *a = program_profile(g, seed, hz, seconds, -1, 1),
			       *b = program_profile(g, seed + 1, hz, seconds, CHANGED, 1.1);
		struct profile_diff d;

		profile_diff_make(&d, a, b, PROFILE_CLOCK_WALL);
		for (size_t r = 0; r < d.n_rows; r++)
			if (d.rows[r].real && strcmp(d.rows[r].name, "f3") == 0) {
				found++;
				*wrong_way += d.rows[r].change_low <= 0;
			}
		profile_diff_release(&d);
		profile_free(a);
		profile_free(b);
	}
	return found;
}

/* How long one has to look; the table is in docs/methods.md. */
static const struct {
	int program;
	double hz, seconds, power;
} CHANGES[] = {{0, 1000, 60, 0}, {0, 1000, 240, .95}, {1, 100, 60, 0}, {1, 100, 300, .85}};
enum { N_CHANGES = sizeof(CHANGES) / sizeof(CHANGES[0]) };

START_TEST(a_change_is_found)
{
	const struct program *g = &PROGRAMS[CHANGES[_i].program];
	int n = pairs(12), wrong = 0,
	    found = count_found(g, n, CHANGES[_i].hz, CHANGES[_i].seconds, &wrong);

	printf("%-17s %3.0f s: share %.3f to %.3f, found %d of %d times\n", g->name,
		CHANGES[_i].seconds, program_share(g, CHANGED, -1, 1),
		program_share(g, CHANGED, CHANGED, 1.1), found, n);
	fflush(stdout);
	ck_assert_int_eq(wrong, 0);
	ck_assert_double_ge(found, n - above(1 - CHANGES[_i].power, n));
}
END_TEST

/* 95 % intervals of shares hold the true share, by worth(); by the number of samples they do not.
 */
START_TEST(intervals_hold_the_truth)
{
	const struct program *g = &PROGRAMS[_i];
	int n = pairs(40), held = 0, all = 0, naive = 0;

	for (int i = 0; i < n; i++) {
		struct profile *p = program_profile(g, SEEDS + 9000 + (uint64_t)i, 1000, 20, -1, 1);
		size_t n_rows;
		struct view_row *rows = view_functions(p, PROFILE_CLOCK_WALL, &n_rows);
		double whole = 0;

		for (size_t r = 0; r < n_rows; r++)
			whole += (double)rows[r].self;
		for (size_t r = 0; r < n_rows; r++) {
			double share = (double)rows[r].self / whole, low, high,
			       truth = program_share(
				       g, p->functions[rows[r].function].first_line, -1, 1);

			if (truth < .02)
				continue;
			view_share_interval(share,
				view_worth(p, rows[r].function, PROFILE_CLOCK_WALL), &low, &high);
			all++;
			held += low <= truth && truth <= high;
			view_share_interval(share, whole / 1e6, &low, &high);
			naive += low <= truth && truth <= high;
		}
		free(rows);
		profile_free(p);
	}
	printf("%-17s %.1f %% of 95 %% intervals hold the truth (%.1f %% by the number of "
	       "samples)\n",
		g->name, 100. * held / all, 100. * naive / all);
	ck_assert_double_ge(held, .92 * all - 3 * sqrt(.05 * .95 * all));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("profile_noise");
	TCase *tc = tcase_create("profile_noise");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, getenv("CULPRIT_LONG") ? 600 : 60);
	tcase_add_loop_test(tc, same_program_is_the_same, 0, N_PROGRAMS);
	tcase_add_loop_test(tc, a_change_is_found, 0, N_CHANGES);
	tcase_add_loop_test(tc, intervals_hold_the_truth, 0, N_PROGRAMS);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

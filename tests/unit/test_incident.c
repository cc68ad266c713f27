#include "correlate/incident.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "correlate/incident_onset.h"
#include "correlate/incident_score.h"
#include "correlate_worlds.h"
#include "unit.h"

enum { TIMES = 1440, FROM = 1140, LENGTH = 140, PLANTED = 30 };

static struct incident_spec spec_of(const struct series_set *s, size_t from, size_t length)
{
	return (struct incident_spec){.from_s = s->start_s + s->step_s * (double)from,
		.to_s = s->start_s + s->step_s * (double)(from + length),
		.before_s = NAN,
		.fdr = .05,
		.threads = 1};
}

static void run(struct incident_result *r, const struct series_set *s, size_t from, size_t length)
{
	struct incident_spec spec = spec_of(s, from, length);
	struct err err = {0};

	ck_assert_msg(!incident_run(r, s, &spec, &err), "%s", err.text);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

START_TEST(selects_as_sorting_does)
{
	struct rng rng;
	double v[60], sorted[60], work[60];

	rng_seed(&rng, 3, 0);
	for (size_t round = 0; round < 300; round++) {
		size_t n = 1 + rng_below(&rng, 60);

		for (size_t i = 0; i < n; i++) /* ties in half of the rounds */
			v[i] = round % 2 ? rng_normal(&rng) : (double)rng_below(&rng, 5);
		memcpy(sorted, v, sizeof(v));
		qsort(sorted, n, sizeof(*sorted), by_value);
		for (size_t k = 0; k < n; k++) {
			memcpy(work, v, sizeof(v));
			ck_assert_double_eq(incident_select(work, n, k), sorted[k]);
			for (size_t i = 0; i < n; i++)
				ck_assert(i < k ? work[i] <= work[k] : work[i] >= work[k]);
		}
	}
}
END_TEST

/*
 * Worlds in which nothing happens: 40 sets of 100 series each, incidents of 20 and of 140 steps at
 * different times. In at most 5 % of the sets anything may be found; with 40 sets more than 6 would
 * come about with P < .005 in each world. bench/incident_errors has the rates.
 */
START_TEST(keeps_quiet_where_nothing_happened)
{
	static const enum world QUIET[] = {WORLD_NOISE, WORLD_WALK, WORLD_AR95, WORLD_NOISE_T2,
		WORLD_WALK_CAUCHY, WORLD_SEASON_1_DAY, WORLD_GAPS, WORLD_VOLATILE_NOISE,
		WORLD_VOLATILE_WALK};
	struct series_set s = {0};
	struct incident_result r;
	size_t any = 0, sets = getenv("CULPRIT_SANITIZED") ? 4 : 40; /* that is not about rates */

	for (size_t k = 0; k < sets; k++) {
		world_make(&s, QUIET[_i], 100, TIMES, 0, 0, 100 + k);
		run(&r, &s, 700 + k * 97 % 500, k % 2 ? LENGTH : 20);
		any += r.n_found > 0;
		incident_release(&r);
	}
	ck_assert_msg(any <= 6, "%s: %zu of %zu", WORLD_NAMES[QUIET[_i]], any, sets);
	world_release(&s);
}
END_TEST

struct plant {
	enum world world;
	size_t length; /* of a spike; 0: a step to the end */
	double size;   /* in the innovations' deviation */
	double found;  /* at least this share */
	bool step;
};

static const struct plant PLANTS[] = {
	{WORLD_NOISE, 0, 2, .9, true},
	{WORLD_NOISE, 0, 8, .99, true},
	{WORLD_NOISE, 5, 8, .75, false},
	{WORLD_AR50, 0, 8, .95, true},
	{WORLD_AR50, 3, 16, .75, false},
	{WORLD_WALK, 1, 24, .9, false},
	{WORLD_SEASON_1_DAY, 0, 16, .95, true},
	{WORLD_NOISE_T2, 0, 8, .9, true},
	{WORLD_VOLATILE_NOISE, 0, 16, .9, true},
};

static void plant(struct series_set *s, const struct plant *p, size_t onset[])
{
	for (size_t j = 1; j <= PLANTED; j++) {
		size_t end = FROM + LENGTH;

		onset[j] = FROM + (p->length ? j * 7 % 120 : j * 3 % 40);
		if (p->length && onset[j] + p->length < end)
			end = onset[j] + p->length;
		for (size_t t = onset[j]; t < end; t++)
			s->items[j].values[t] += p->size;
	}
}

/* What is planted in 30 of 300 series is found, with its kind, and began within the interval in at
 * least 95 % of them, less what chance takes from some 150 (P < .005). */
START_TEST(finds_what_is_planted)
{
	const struct plant *p = &PLANTS[_i];
	size_t found = 0, within = 0, steps = 0, others = 0, sets = 5, onset[PLANTED + 1];
	struct series_set s = {0};
	struct incident_result r;

	for (size_t k = 0; k < sets; k++) {
		world_make(&s, p->world, 300, TIMES, 0, 0, 500 + k);
		plant(&s, p, onset);
		run(&r, &s, FROM, LENGTH);
		for (size_t i = 0; i < r.n_found; i++) {
			const struct incident_row *row = &r.rows[i];
			double began;

			ck_assert(i == 0 || r.rows[i - 1].sure_s <= row->sure_s);
			if (row->series < 1 || row->series > PLANTED) {
				others++;
				continue;
			}
			began = s.start_s + s.step_s * (double)onset[row->series];
			found++;
			within += row->began_low_s <= began && began <= row->began_high_s;
			steps += row->step;
		}
		incident_release(&r);
	}
	ck_assert_msg((double)found >= p->found * (double)(sets * PLANTED), "%zu: found %zu",
		(size_t)_i, found);
	ck_assert_msg((double)within >= .9 * (double)found, "%zu: %zu of %zu within", (size_t)_i,
		within, found);
	/* a walk stays wherever it goes */
	if (p->world != WORLD_WALK)
		ck_assert_msg((double)steps >= (p->step ? .95 : 0) * (double)found &&
				      (double)steps <= (p->step ? 1 : .05) * (double)found,
			"%zu: %zu of %zu steps", (size_t)_i, steps, found);
	/* of all found at most 5 % are wrong; P < .005 for more than 8 of 158 */
	ck_assert_uint_le(others, 16);
	world_release(&s);
}
END_TEST

static struct series_set small(double *values, size_t n)
{
	struct series_set s = {.start_s = 1000, .step_s = 10, .n_times = n, .n = 1, .cap = 1};

	s.items = mem_zalloc(1, sizeof(*s.items));
	s.items[0] = (struct series){.name = mem_strdup("errors"),
		.family = mem_strdup(""),
		.values = values,
		.known = n,
		.same_as = SIZE_MAX};
	return s;
}

static void small_release(struct series_set *s)
{
	free(s->items[0].name);
	free(s->items[0].family);
	free(s->items);
}

/* What was 0 all the time and is some 50 now has changed; a setting that goes from 4 to 8 once has
 * moved by its own smallest step, and nobody knows how often it does. */
START_TEST(serves_series_that_never_moved)
{
	double errors[400] = {0}, setting[400];
	struct series_set s = small(errors, 400);
	struct incident_result r;

	for (size_t t = 0; t < 400; t++) {
		errors[t] = t >= 320 && t < 360 ? 47 + (double)(t * 7 % 5) : 0;
		setting[t] = t >= 320 ? 8 : 4;
	}
	run(&r, &s, 315, 60);
	ck_assert_uint_eq(r.n_found, 1);
	ck_assert_double_eq(r.rows[0].before, 0);
	ck_assert_double_eq(r.rows[0].began_s, 1000 + 3200);
	ck_assert_double_eq(r.rows[0].peak, 51);
	ck_assert(r.rows[0].step);
	incident_release(&r);
	s.items[0].values = setting;
	run(&r, &s, 315, 60);
	ck_assert_uint_eq(r.n, 1);
	ck_assert_uint_eq(r.n_found, 0);
	ck_assert(isnan(r.rows[0].began_s));
	incident_release(&r);
	small_release(&s);
}
END_TEST

START_TEST(onset_of_a_clean_step)
{
	double x[60];
	struct onset o;

	for (size_t t = 0; t < 60; t++)
		x[t] = 1e6 + (double)(t * 37 % 11) * .1 + (t >= 41 ? 5 : 0);
	onset_find(&o, x, 60, 30, .001);
	ck_assert_uint_eq(o.at, 41);
	ck_assert_uint_eq(o.low, 41);
	ck_assert_uint_eq(o.high, 41);
	for (size_t t = 0; t < 60; t++) /* no noise at all */
		x[t] = t >= 41 ? 5 : 0;
	onset_find(&o, x, 60, 30, .001);
	ck_assert_uint_eq(o.at, 41);
	for (size_t t = 0; t < 60; t++) /* nothing at all */
		x[t] = 5;
	onset_find(&o, x, 60, 30, .001);
	ck_assert(o.low <= o.at && o.at <= o.high && o.high < 60);
}
END_TEST

START_TEST(says_what_it_cannot_look_at)
{
	double values[400];
	struct series_set s = small(values, 400);
	struct incident_result r;
	struct incident_spec spec;
	struct err err;

	for (size_t t = 0; t < 400; t++)
		values[t] = (double)(t * 7919 % 101);
	spec = spec_of(&s, 300, 50);
	spec.to_s = spec.from_s - 1;
	ck_assert_int_eq(incident_run(&r, &s, &spec, &err), -ERR_USAGE);
	ck_assert_str_eq(err.text,
		"the incident ends before it begins; give --during FROM..TO with FROM before TO");
	incident_release(&r);
	spec = spec_of(&s, 398, 50);
	ck_assert_int_eq(incident_run(&r, &s, &spec, &err), -ERR_USAGE);
	ck_assert_str_eq(err.text, "the incident holds 2 steps of the data and needs 3; give a "
				   "longer stretch within the data, or a finer step");
	incident_release(&r);
	spec = spec_of(&s, 10, 50);
	ck_assert_int_eq(incident_run(&r, &s, &spec, &err), -ERR_USAGE);
	ck_assert_str_eq(err.text,
		"10 steps of the data lie before the incident, and 24 are needed to say what is "
		"usual; give data from earlier on, or a longer --before");
	incident_release(&r);
	/* half of them not known: little to say, and nothing that fails */
	for (size_t t = 0; t < 400; t++)
		values[t] = t % 7 ? NAN : values[t];
	run(&r, &s, 300, 50);
	ck_assert_uint_eq(r.n_found, 0);
	incident_release(&r);
	for (size_t t = 0; t < 400; t++)
		values[t] = NAN;
	run(&r, &s, 300, 50);
	ck_assert_uint_eq(r.n, 0);
	ck_assert_uint_eq(r.skipped, 1);
	incident_release(&r);
	small_release(&s);
}
END_TEST

START_TEST(json_and_back)
{
	struct series_set s = {0};
	struct incident_result r, back;
	json_t *json, *broken;
	struct err err;

	world_make(&s, WORLD_NOISE, 40, TIMES, 0, 0, 1);
	for (size_t t = FROM; t < TIMES; t++)
		s.items[7].values[t] += 9;
	run(&r, &s, FROM, LENGTH);
	ck_assert_uint_eq(r.n_found, 1);
	ck_assert_uint_eq(r.rows[0].series, 7);
	json = incident_to_json(&r, &s);
	ck_assert_int_eq(incident_from_json(&back, json, s.n, &err), 0);
	ck_assert_uint_eq(back.n, r.n);
	ck_assert_uint_eq(back.n_found, r.n_found);
	for (size_t i = 0; i < r.n; i++) {
		ck_assert_uint_eq(back.rows[i].series, r.rows[i].series);
		ck_assert_double_eq(back.rows[i].p, r.rows[i].p);
		ck_assert_double_eq(back.rows[i].peak, r.rows[i].peak);
		ck_assert_int_eq(isnan(back.rows[i].began_s), isnan(r.rows[i].began_s));
		ck_assert_int_eq(back.rows[i].step, r.rows[i].step);
	}
	incident_release(&back);
	/* a series that is not there; a column that is cut; a column that is none */
	ck_assert_int_eq(incident_from_json(&back, json, 5, &err), -ERR_INPUT);
	incident_release(&back);
	broken = json_deep_copy(json);
	json_array_remove(json_object_get(json_object_get(broken, "rows"), "q"), 0);
	ck_assert_int_eq(incident_from_json(&back, broken, s.n, &err), -ERR_INPUT);
	incident_release(&back);
	json_object_set_new(json_object_get(broken, "rows"), "q", json_string("q"));
	ck_assert_int_eq(incident_from_json(&back, broken, s.n, &err), -ERR_INPUT);
	incident_release(&back);
	json_decref(broken);
	json_decref(json);
	incident_release(&r);
	world_release(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("incident");
	TCase *tc = tcase_create("incident");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, selects_as_sorting_does);
	tcase_add_loop_test(tc, keeps_quiet_where_nothing_happened, 0, 9);
	tcase_add_loop_test(
		tc, finds_what_is_planted, 0, (int)(sizeof(PLANTS) / sizeof(PLANTS[0])));
	tcase_add_test(tc, serves_series_that_never_moved);
	tcase_add_test(tc, onset_of_a_clean_step);
	tcase_add_test(tc, says_what_it_cannot_look_at);
	tcase_add_test(tc, json_and_back);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

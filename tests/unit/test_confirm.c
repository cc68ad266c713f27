/* The confirmation: its interval, its verdicts, its sentence, and back from JSON. */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "learn/confirm.h"

static const double FROM[] = {100, 102, 98, 101, 99};

static struct confirm_place judged(double change, double promised)
{
	struct confirm_place p = {.promised = promised};
	double to[5];

	/* each a little off, by a known amount */
	for (int i = 0; i < 5; i++)
		to[i] = FROM[i] * (1 + change) * (1 + .002 * (i - 2));
	confirm_judge(&p, FROM, to, 5, .95);
	return p;
}

START_TEST(verdicts)
{
	ck_assert_int_eq(judged(.1, .1).verdict, CONFIRM_HELD);
	ck_assert_int_eq(judged(.1, .2).verdict, CONFIRM_LESS);
	ck_assert_int_eq(judged(.1, .05).verdict, CONFIRM_MORE);
	ck_assert_int_eq(judged(.1, -.05).verdict, CONFIRM_OPPOSITE);
	ck_assert_int_eq(judged(0, .1).verdict, CONFIRM_UNSEEN);
	ck_assert_int_eq(judged(.1, NAN).verdict, CONFIRM_HELD);
	ck_assert_int_eq(judged(-.1, -.1).verdict, CONFIRM_HELD);
}
END_TEST

/* Student's t with four degrees of freedom on logarithms, worked out by hand with scipy 1.10:
 * x = log([.996, .998, 1, 1.002, 1.004]) + log(1.1); mean .09530618, s .00316229, t .975 2.776445
 */
START_TEST(the_interval_is_students)
{
	struct confirm_place p = judged(.1, .1);

	ck_assert_uint_eq(p.pairs, 5);
	ck_assert_double_eq_tol(p.measured, expm1(.0953061798), 2e-6);
	ck_assert_double_eq_tol(p.interval.low, expm1(.0953061798 - 2.7764451 * .0014142277), 1e-5);
	ck_assert_double_eq_tol(
		p.interval.high, expm1(.0953061798 + 2.7764451 * .0014142277), 1e-5);
}
END_TEST

/* Of 2,000 confirmations without any effect, 5 % may say that there is one: ± 4 deviations. */
START_TEST(false_alarms)
{
	struct rng rng;
	int seen = 0;

	rng_seed(&rng, 7, 0);
	for (int i = 0; i < 2000; i++) {
		struct confirm_place p = {.promised = .1};
		double from[4], to[4];

		for (int k = 0; k < 4; k++) {
			from[k] = exp(.05 * rng_normal(&rng));
			to[k] = exp(.05 * rng_normal(&rng));
		}
		confirm_judge(&p, from, to, 4, .95);
		seen += p.verdict != CONFIRM_UNSEEN;
	}
	ck_assert_int_gt(seen, 100 - 39);
	ck_assert_int_lt(seen, 100 + 39);
}
END_TEST

START_TEST(failed_trials_are_left_out)
{
	double from[] = {100, NAN, 100, 100}, to[] = {110, 110, 111, NAN};
	struct confirm_place p = {.promised = .1};

	confirm_judge(&p, from, to, 4, .95);
	ck_assert_uint_eq(p.pairs, 2);
	ck_assert_int_eq(p.verdict, CONFIRM_FAILED);
	ck_assert(isnan(p.measured));
}
END_TEST

START_TEST(promises_follow_the_curve)
{
	double x[] = {0, 1, 2}, y[] = {100, 200, 100};
	struct rank_factor f = {.curve_n = 3, .curve_x = x, .curve_y = y};

	ck_assert_double_eq_tol(confirm_promise(&f, 0, .5), .5, 1e-12);
	ck_assert_double_eq_tol(confirm_promise(&f, 1, 1.5), -.25, 1e-12);
	f.curve_n = 0;
	ck_assert(isnan(confirm_promise(&f, 0, 1)));
}
END_TEST

START_TEST(sentences_and_json)
{
	struct confirm_place place = judged(.089, .093);
	struct confirm c = {.factor = "fraction_io_bound",
		.response = "requests_per_second",
		.unit = "requests/s",
		.confidence = .95,
		.places = &place,
		.n_places = 1};
	struct confirm back;
	struct str text = STR_INIT;
	struct err err = {0};
	json_t *json, *again;

	place.name = "the centre";
	place.setting = "b=2";
	place.from = "0.275";
	place.to = "0.2475";
	place.moved = -.1;
	place.promised = .089;
	confirm_sentence(&text, &c, &place);
	ck_assert_str_eq(text.p,
		"10 % less fraction_io_bound (0.2475 instead of 0.275) at the centre gives +8.9 % "
		"[8.5, 9.3] requests_per_second, as promised (+8.9 %).");
	json = confirm_to_json(&c);
	ck_assert_int_eq(confirm_from_json(&back, json, &err), 0);
	again = confirm_to_json(&back);
	ck_assert(json_equal(json, again));
	confirm_release(&back);
	json_decref(again);
	json_decref(json);
	json = json_object();
	ck_assert_int_eq(confirm_from_json(&back, json, &err), -ERR_INPUT);
	json_decref(json);
	str_release(&text);
}
END_TEST

UNIT_MAIN("confirm", verdicts, the_interval_is_students, false_alarms, failed_trials_are_left_out,
	promises_follow_the_curve, sentences_and_json)

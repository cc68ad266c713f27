#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "report/phrase.h"
#include "report/report.h"
#include "report_fixture.h"

/* With CULPRIT_LOOK set to a folder, what the tests make is left there to be looked at. */
static void look(const char *name, const struct str *text)
{
	const char *folder = getenv("CULPRIT_LOOK");
	char path[256];

	if (!folder)
		return;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	ck_assert_int_eq(file_write(path, text->p, text->len, NULL), 0);
}

static void assert_has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part), "'%s' is not in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
	ck_assert_msg(!strstr(text, part), "'%s' is in:\n%s", part, text);
}

START_TEST(numbers_carry_their_digits)
{
	struct str s = STR_INIT;

	phrase_fixed(&s, -1204.5678, 2);
	ck_assert_str_eq(s.p, "−1,204.57");
	str_clear(&s);
	phrase_fixed(&s, -.001, 1);
	ck_assert_str_eq(s.p, "0.0");
	str_clear(&s);
	phrase_fixed(&s, 123456, -2);
	ck_assert_str_eq(s.p, "123,500");
	str_clear(&s);
	phrase_fixed(&s, NAN, 1);
	ck_assert_str_eq(s.p, "–");
	str_clear(&s);
	phrase_significant(&s, 9.996, 3);
	ck_assert_str_eq(s.p, "10.0");
	str_clear(&s);
	phrase_significant(&s, .5, 3);
	ck_assert_str_eq(s.p, "0.500");
	str_clear(&s);
	phrase_significant(&s, 1.5e12, 3);
	ck_assert_str_eq(s.p, "1.50e+12");
	str_clear(&s);
	phrase_percent(&s, -78.34, &(struct interval){-82.2, -74.1}, true);
	ck_assert_str_eq(s.p, "−78");
	str_clear(&s);
	phrase_percent(&s, 3.141, &(struct interval){3.0, 3.3}, true);
	ck_assert_str_eq(s.p, "+3.1");
	str_clear(&s);
	phrase_interval(&s, &(struct interval){-4.2, 3.3}, true);
	ck_assert_str_eq(s.p, "[−4, +3]");
	str_clear(&s);
	phrase_interval(&s, &(struct interval){NAN, 3}, true);
	ck_assert_str_eq(s.p, "");
	str_release(&s);
}
END_TEST

START_TEST(lines_break_between_words)
{
	struct str s = STR_INIT;

	phrase_wrap(&s, "it falls by 78 % [74, 82], größer and on", 16, 2);
	ck_assert_str_eq(s.p, "it falls by\n  78 % [74, 82],\n  größer and on\n");
	str_clear(&s);
	phrase_wrap(&s, "unbalanced [ here and more words than fit", 16, 0);
	ck_assert_str_eq(s.p, "unbalanced [\nhere and more\nwords than fit\n");
	str_release(&s);
}
END_TEST

static char *verdict_of(struct rank_result *r)
{
	struct str s = STR_INIT;

	report_verdict(&s, r);
	if (getenv("CULPRIT_LOOK"))
		fprintf(stderr, "%s\n\n", s.p);
	fixture_free(r);
	return str_take(&s);
}

START_TEST(verdict_names_the_limit)
{
	struct rank_result *r = fixture_new(&FIXTURE_SEED);
	struct rank_factor *io = fixture_factor(r, "fraction_io_bound");
	struct rank_factor *json = fixture_factor(r, "json_object_length");
	struct rank_factor *sd = fixture_factor(r, "std_response_time");
	char *v;

	io->effect_percent = -78.3;
	io->effect_interval = (struct interval){-82, -74};
	io->importance = .61;
	json->effect_percent = -.5;
	json->effect_interval = (struct interval){-2, 1};
	sd->effect_interval = (struct interval){-7.5, 6};
	v = verdict_of(r);
	ck_assert_ptr_eq(
		strstr(v, "fraction_io_bound limits requests_per_second: from 0.05 to 0.5 it "
			  "falls by 78 % [74, 82], 61 % of all variation. Next: "
			  "mean_response_time (−"),
		v);
	assert_has(v, "json_object_length does not matter within the range tried (500 to 1,000).");
	assert_has(v, " std_response_time could not be told from noise; an effect between −8 and "
		      "+6 % cannot be ruled out.");
	free(v);
}
END_TEST

START_TEST(verdict_knows_that_less_may_be_better)
{
	char *v = verdict_of(fixture_new(&FIXTURE_LATENCY));

	assert_has(v, "fraction_io_bound drives mean_latency_ms: from 0.05 to 0.5 it rises by ");
	assert_lacks(v, "limits");
	free(v);
	v = verdict_of(fixture_new(&FIXTURE_ONE));
	assert_has(v, "clients drives p99_ms: from 1 to 64 it rises by 44");
	free(v);
}
END_TEST

START_TEST(verdict_names_nothing_in_noise)
{
	struct rank_result *r = fixture_new(&FIXTURE_NULL);
	char *v;

	r->linear.r2_mean = -.12;
	for (size_t j = 0; j < r->p; j++)
		r->factors[j].effect_interval = (struct interval){-12, 9};
	v = verdict_of(r);
	assert_has(v, "No factor could be told from noise: nothing is known to limit "
		      "requests_per_second.");
	assert_has(v, " An effect between −12 and +9 % cannot be ruled out.");
	assert_lacks(v, "workers");
	assert_has(v, "The models predict nothing (R² −0.12");
	assert_lacks(v, "limits");
	assert_lacks(v, "does not matter");
	free(v);

	r = fixture_new(&FIXTURE_NULL);
	for (size_t j = 0; j < r->p; j++)
		r->factors[j].effect_interval = (struct interval){-2, 3};
	v = verdict_of(r);
	assert_has(v, "requests_per_second does not change with any of the factors");
	assert_has(v, "workers (1 to 9), cache_size (1,024 to 65,536), timeout (0.1 to 2) and pool "
		      "(4 to 64) do not matter within the ranges tried.");
	free(v);
}
END_TEST

/* Thousands of trials tell from noise what nobody would act on. */
START_TEST(verdict_leaves_out_what_is_negligible)
{
	struct rank_result *r = fixture_new(&FIXTURE_SEED);
	struct rank_factor *min = fixture_factor(r, "min_response_time");
	char *v;

	min->importance = .003;
	min->effect_interval = (struct interval){-1.3, -.5};
	min->effect_percent = -.9;
	v = verdict_of(r);
	assert_has(v, "Next: mean_response_time (−65 %). min_response_time (0.1 to 0.2) and "
		      "json_object_length (500 to 1,000) do not matter");
	free(v);
}
END_TEST

START_TEST(verdict_says_tied)
{
	struct rank_result *r = fixture_new(&FIXTURE_SEED);
	char *v;

	fixture_factor(r, "mean_response_time")->group = 1;
	v = verdict_of(r);
	ck_assert_ptr_eq(strstr(v, "fraction_io_bound and mean_response_time limit "
				   "requests_per_second; which of them more could not be told. "
				   "fraction_io_bound: from 0.05 to 0.5 it falls by "),
		v);
	assert_has(v, "; mean_response_time: from 0.15 to 0.75 it falls by ");
	assert_lacks(v, "Next: mean_response_time");
	free(v);
}
END_TEST

START_TEST(verdict_says_collinear_constant_few)
{
	struct rank_result *r = fixture_new(&FIXTURE_SEED);
	struct rank_factor *json = fixture_factor(r, "json_object_length");
	struct rank_factor *sd = fixture_factor(r, "std_response_time");
	char *v;

	sd->collinear = true;
	sd->coef = NAN;
	json->collinear = true;
	json->high = json->low;
	r->n = 14;
	v = verdict_of(r);
	assert_has(v, "std_response_time moved together with other factors in these trials, so its "
		      "part cannot be told from theirs; vary it alone.");
	assert_has(v, "json_object_length did not vary.");
	assert_has(v, "14 trials of 5 factors give a first indication only; run more.");
	free(v);
}
END_TEST

START_TEST(verdict_doubts_poor_models)
{
	struct rank_result *r = fixture_new(&FIXTURE_SEED);
	char *v;

	r->forest.r2_mean = .31;
	v = verdict_of(r);
	assert_has(v, "The models explain only 31 % of what varies");
	free(v);
	r = fixture_new(&FIXTURE_SEED);
	r->forest.r2_mean = -.4;
	v = verdict_of(r);
	assert_has(v, "do not build on this ranking");
	free(v);
}
END_TEST

START_TEST(verdict_of_words_and_of_a_best_in_the_middle)
{
	struct rank_result *r = fixture_new(&FIXTURE_WORDS);
	struct rank_factor *workers;
	char *v;

	v = verdict_of(r);
	assert_has(v, "interpreter limits requests_per_second: from python3.11 to pypy3 it rises "
		      "by 3");
	free(v);
	r = fixture_new(&FIXTURE_WORDS);
	workers = fixture_factor(r, "workers");
	for (size_t j = 0; j < r->p; j++)
		r->factors[j].active = &r->factors[j] == workers;
	r->n_active = 1;
	v = verdict_of(r);
	assert_has(v, "workers limits requests_per_second: highest at 9, 4");
	assert_has(v, " % lower at 1");
	free(v);
}
END_TEST

START_TEST(verdict_without_intervals)
{
	struct rank_result *r = fixture_new(&FIXTURE_SEED);
	char *v;

	for (size_t j = 0; j < r->p; j++)
		r->factors[j].effect_interval = r->factors[j].importance_interval =
			(struct interval){NAN, NAN};
	r->factors[0].importance = NAN;
	v = verdict_of(r);
	assert_lacks(v, "nan");
	assert_lacks(v, "[");
	assert_lacks(v, "does not matter"); /* that needs a tight interval */
	assert_has(v, "could not be told from noise.");
	free(v);
}
END_TEST

/* A straight line may fall below zero at one end: a change in percent of that has no meaning. */
START_TEST(verdict_from_below_zero)
{
	struct rank_result *r = fixture_new(&FIXTURE_ONE);
	struct str out = STR_INIT;
	struct term term = TERM_PLAIN;
	char *v;

	r->factors[0].at_low = -12.3;
	r->factors[0].effect_percent = -1986;
	r->factors[0].effect_interval = (struct interval){-2000, -1900};
	report_rank(&out, &term, r);
	assert_lacks(out.p, "1,986");
	str_release(&out);
	v = verdict_of(r);
	assert_has(v, "clients drives p99_ms: from 1 to 64 it goes from −12.3 to 232, 99 % of all");
	free(v);
}
END_TEST

static const struct term TERMS[] = {{true, true, true, 80}, {true, true, true, 120},
	{false, false, true, 80}, {false, false, false, 80}, {false, false, false, 120},
	{false, false, true, 40}};

/* Every line fits, whatever the terminal; without colour there is no escape, without Unicode
 * nothing but ASCII (but for names). */
static void check_text(const char *name, const struct str *out, const struct term *term)
{
	char file[64];
	struct str line = STR_INIT;

	snprintf(file, sizeof(file), "%s-%zu%s%s.txt", name, term->width, term->colour ? "-c" : "",
		term->unicode ? "-u" : "");
	look(file, out);
	for (const char *p = out->p; *p; p++) {
		if (*p != '\n') {
			str_add_char(&line, *p);
			continue;
		}
		ck_assert_msg(term->width < 80 || str_width(str_text(&line)) <= term->width,
			"%s: '%s' is %zu wide", file, line.p, str_width(line.p));
		ck_assert_msg(!line.len || line.p[line.len - 1] != ' ', "'%s'", line.p);
		str_clear(&line);
	}
	ck_assert_uint_eq(line.len, 0);
	if (!term->colour)
		ck_assert_ptr_null(strchr(out->p, 0x1b));
	assert_lacks(out->p, "nan");
	assert_lacks(out->p, "inf ");
	str_release(&line);
}

static void check_rank(const char *name, struct rank_result *r, bool ascii_names)
{
	for (size_t i = 0; i < sizeof(TERMS) / sizeof(TERMS[0]); i++) {
		struct str out = STR_INIT;

		report_rank(&out, &TERMS[i], r);
		check_text(name, &out, &TERMS[i]);
		for (size_t k = 0; ascii_names && !TERMS[i].unicode && k < out.len; k++)
			ck_assert_msg((unsigned char)out.p[k] < 128, "%s", out.p + k);
		str_release(&out);
	}
	fixture_free(r);
}

START_TEST(rank_reads_well_on_every_terminal)
{
	struct rank_result *r = fixture_new(&FIXTURE_SEED);

	fixture_warn(r, "The five trials 12, 19, 20, 31 and 44 ran while other processes used more "
			"than a tenth of the machine; repeat them, or take their rates with care.");
	fixture_factor(r, "mean_response_time")->group = 1;
	check_rank("seed", r, true);
	check_rank("latency", fixture_new(&FIXTURE_LATENCY), true);
	check_rank("null", fixture_new(&FIXTURE_NULL), true);
	check_rank("one", fixture_new(&FIXTURE_ONE), true);
	check_rank("many", fixture_new(&FIXTURE_MANY), false);
	check_rank("words", fixture_new(&FIXTURE_WORDS), true);
}
END_TEST

START_TEST(rank_says_what_it_knows)
{
	struct rank_result *r = fixture_new(&FIXTURE_SEED);
	struct str out = STR_INIT;
	struct term term = {.unicode = true, .width = 140};

	r->factors[4].collinear = true;
	r->factors[4].coef = NAN;
	fixture_warn(r, "a warning");
	report_rank(&out, &term, r);
	assert_has(out.p, "requests_per_second in requests/s: 60 trials of 5 factors\n");
	assert_has(out.p, "forest *");
	assert_has(out.p, "Little's law       0.991");
	assert_has(out.p, "those of the forest, the better in cross-validation, fitted on\n"
			  "log(requests_per_second). RFECV keeps 3 of 5 factors. Intervals: 95 %.");
	assert_has(out.p, "noise");
	assert_has(out.p, "collinear");
	assert_has(out.p, "0.05 → 0.5");
	assert_has(out.p, "reaches a share of 0.60 % by itself");
	assert_has(out.p, "\n! a warning\n");
	ck_assert(strstr(out.p, "R² over 20 splits") < strstr(out.p, "factor  "));
	ck_assert(strstr(out.p, "fraction_io_bound limits") < strstr(out.p, "! a warning"));
	str_release(&out);
	fixture_free(r);
}
END_TEST

UNIT_MAIN("report", numbers_carry_their_digits, lines_break_between_words, verdict_names_the_limit,
	verdict_knows_that_less_may_be_better, verdict_names_nothing_in_noise,
	verdict_leaves_out_what_is_negligible, verdict_says_tied,
	verdict_says_collinear_constant_few, verdict_doubts_poor_models,
	verdict_of_words_and_of_a_best_in_the_middle, verdict_without_intervals,
	verdict_from_below_zero, rank_reads_well_on_every_terminal, rank_says_what_it_knows)

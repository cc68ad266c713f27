/* A search for the best setting in the terminal and on the page, over made-up results. */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "html_reader.h"
#include "report/report.h"

/* A table of rows × columns, two trials each: `y` of a cell, ± 1 %. */
static void make(struct tune_result *r, size_t rows, size_t columns, double (*y)(size_t, size_t))
{
	size_t n = rows * columns, steps[2] = {rows, columns},
	       *which = mem_alloc(n, sizeof(*which));
	const char *const names[2] = {"workers", "clients<&>"};
	double *values = mem_alloc(2 * n, sizeof(*values));

	*r = (struct tune_result){.response = mem_strdup("requests_per_second"),
		.unit = mem_strdup("requests/s"),
		.confidence = .95,
		.full = true,
		.promise = NAN,
		.p = 2,
		.trials = 2 * n,
		.centre = n / 2};
	r->factors = mem_zalloc(2, sizeof(*r->factors));
	for (size_t j = 0; j < 2; j++) {
		r->factors[j] =
			(struct tune_factor){.name = mem_strdup(names[j]), .steps = steps[j]};
		r->factors[j].levels = mem_zalloc(steps[j] + 1, sizeof(char *));
		for (size_t i = 0; i < steps[j]; i++) {
			char text[16];

			snprintf(text, sizeof(text), "%zu", 10 * (i + 1));
			r->factors[j].levels[i] = mem_strdup(text);
		}
	}
	for (size_t i = 0; i < n; i++) {
		size_t at[2] = {i / columns, i % columns};
		char *texts[2] = {r->factors[0].levels[at[0]], r->factors[1].levels[at[1]]};
		double u[2] = {((double)at[0] + .5) / (double)rows,
			((double)at[1] + .5) / (double)columns};
		bool up = i * 2654435761u >> 4 & 1;

		tune_add(r, texts, u);
		which[i] = i;
		values[2 * i] = y(at[0], at[1]) * (up ? 1.01 : .99);
		values[2 * i + 1] = y(at[0], at[1]) * (up ? .99 : 1.01);
		r->settings[i].regime = mem_strdup("cpu");
		r->settings[i].regime_text = mem_strdup("cpu: the service used 1.9 of 2 cores");
	}
	tune_judge(r, which, n, values, 2);
	free(which);
	free(values);
}

static double hill(size_t row, size_t column)
{
	return 1000. / (1 + pow((double)row - 2, 2) / 9 + pow((double)column - 1, 2) / 9);
}

static double level(size_t row, size_t column)
{
	return 1000 + 5. * (double)((row + column) % 2);
}

/* As good everywhere as at the centre, but for one corner. */
static double corner(size_t row, size_t column)
{
	return row + column ? 1000 : 500;
}

static double broken(size_t row, size_t column)
{
	return column ? hill(row, column) : (double)NAN;
}

static void has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part), "'%s' is not in:\n%.3000s", part, text);
}

static void lacks(const char *text, const char *part)
{
	ck_assert_msg(!strstr(text, part), "'%s' is in:\n%.3000s", part, text);
}

/* No line of more than 80 columns in what stands above the sentences, none wider than the terminal.
 */
static void check_lines(const struct str *out, const struct term *term)
{
	struct str line = STR_INIT;
	bool table = true;

	for (const char *p = out->p; *p; p++) {
		ck_assert_msg(term->unicode || (unsigned char)*p < 128, "%s", p);
		if (*p != '\n') {
			str_add_char(&line, *p);
			continue;
		}
		table &= strncmp(str_text(&line), "workers=", 8) != 0;
		ck_assert_msg(str_width(str_text(&line)) <=
				      (table && term->width > 80 ? 80 : term->width),
			"%s", line.p);
		str_clear(&line);
	}
	str_release(&line);
}

static const struct term TERMS[] = {{true, true, true, 80}, {true, true, true, 120},
	{false, false, true, 80}, {false, false, false, 60}};

START_TEST(test_text)
{
	static const struct {
		size_t rows, columns;
	} SIZES[] = {{5, 4}, {3, 40}, {40, 3}, {20, 20}};

	for (size_t k = 0; k < 4; k++)
		for (size_t i = 0; i < sizeof(TERMS) / sizeof(TERMS[0]); i++) {
			struct tune_result r;
			struct str out = STR_INIT;

			make(&r, SIZES[k].rows, SIZES[k].columns, hill);
			report_tune(&out, &TERMS[i], &r);
			check_lines(&out, &TERMS[i]);
			has(out.p, "* best, + not told from it (95 %)");
			ck_assert(TERMS[i].colour || !strchr(out.p, 0x1b));
			tune_release(&r);
			str_release(&out);
		}
}
END_TEST

/* The numbers of a table, and the sentence under it. */
START_TEST(test_table)
{
	struct tune_result r;
	struct str out = STR_INIT;

	make(&r, 5, 4, hill);
	report_tune(&out, &TERM_PLAIN, &r);
	has(out.p, "requests_per_second in requests/s, the more the better\n40 trials of 20 "
		   "settings, each 2 times\n");
	has(out.p, "Rows: workers, columns: clients<&>; means of 2 trials in requests/s.");
	has(out.p, "30  900   1,000*  900   692\n");
	has(out.p, "workers=30 and clients<&>=20 give 1,000 requests/s [");
	has(out.p, "every other setting is worse.");
	has(out.p, "What limited at the best setting: cpu: the service used 1.9 of 2 cores.");
	lacks(out.p, "end of what was tried");
	tune_release(&r);
	str_release(&out);
}
END_TEST

START_TEST(test_flat)
{
	struct tune_result r;
	struct str out = STR_INIT;

	make(&r, 5, 5, level);
	report_tune(&out, &TERM_PLAIN, &r);
	has(out.p, "flat: no setting of 25 is told from the others; the largest difference is 0.5 "
		   "%, within the\nnoise.");
	lacks(out.p, "*");
	lacks(out.p, "best, +");
	tune_release(&r);
	str_release(&out);
}
END_TEST

START_TEST(test_the_centre_is_as_good)
{
	struct tune_result r;
	struct str out = STR_INIT;

	make(&r, 3, 3, corner);
	r.centre = (r.best + 1) % 8 + 1; /* any other than the corner and the best */
	r.centre += r.centre == r.best;
	report_tune(&out, &TERM_PLAIN, &r);
	has(out.p, "], not told from the centre\n(");
	lacks(out.p, "than the centre");
	has(out.p, "7 of the 8 other settings are not told from it");
	tune_release(&r);
	str_release(&out);
}
END_TEST

START_TEST(test_failures)
{
	struct tune_result r;
	struct str out = STR_INIT;

	make(&r, 3, 3, broken);
	for (size_t i = 0; i < 9; i += 3)
		r.settings[i].failed = 2;
	r.failed = 6;
	report_tune(&out, &TERM_PLAIN, &r);
	has(out.p, "failed");
	has(out.p, "6 of 18 trials failed and were left out.");
	lacks(out.p, "nan");
	tune_release(&r);
	str_release(&out);
}
END_TEST

/* As a search has it: a list, in which repeated settings stand before those of one trial. */
START_TEST(test_list)
{
	struct tune_result r;
	struct str out = STR_INIT;

	make(&r, 5, 4, hill);
	r.full = false;
	r.end = TUNE_END_SETTLED;
	r.promise = .004;
	r.settings[16].repeated = r.settings[16].same = false;
	r.settings[16].value = r.settings[16].searched = 5000;
	r.settings[16].interval.low = r.settings[16].interval.high = NAN;
	for (size_t i = 0; i < sizeof(TERMS) / sizeof(TERMS[0]); i++) {
		str_clear(&out);
		report_tune(&out, &TERMS[i], &r);
		check_lines(&out, &TERMS[i]);
	}
	str_clear(&out);
	report_tune(&out, &TERM_PLAIN, &r);
	has(out.p, "The 10 best of 20 settings:");
	has(out.p, "Searched 20 settings, once each, until no other setting promises 1 % more "
		   "(expected");
	lacks(out.p, "5,000");
	tune_release(&r);
	str_release(&out);
}
END_TEST

START_TEST(test_page)
{
	double (*const surfaces[])(size_t, size_t) = {hill, level, broken};

	for (size_t k = 0; k < 6; k++) {
		struct tune_result r;
		struct str out = STR_INIT;
		struct report_tune_page page = {.run.title = "a <study> & more",
			.run.command = "culprit tune study.yaml",
			.run.started = "2030-01-01 12:00",
			.run.id = 7,
			.seconds = 12,
			.tune = &r};

		make(&r, 4, 5, surfaces[k % 3]);
		r.full = k < 3;
		report_tune_html(&out, &page);
		html_assert_well_formed(out.p);
		html_assert_alone(out.p);
		if (k < 3)
			has(out.p, "<g class=\"heat");
		else
			lacks(out.p, "<g class=\"heat");
		if (k == 0)
			has(out.p, "<g class=\"heat best\"><title>workers=30 and "
				   "clients&lt;&amp;&gt;=20: "
				   "1,000 requests/s [");
		if (k == 1) {
			lacks(out.p, "heat best");
			lacks(out.p, "key heat");
			lacks(out.p, "--q:1.000");
		}
		if (k == 2)
			has(out.p, "<g class=\"heat none\">");
		tune_release(&r);
		str_release(&out);
	}
}
END_TEST

UNIT_MAIN("report_tune", test_text, test_table, test_flat, test_the_centre_is_as_good,
	test_failures, test_list, test_page)

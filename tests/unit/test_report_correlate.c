/*
 * What people read of a correlation: in the terminal within its width, whatever the names; on the
 * page well-formed, complete, and nothing from outside taken for markup; the same from a stored run
 * as from a fresh one.
 */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "html_reader.h"
#include "report/correlate_words.h"
#include "report_correlate_fixture.h"

static const struct story_options SMALL = {.endpoints = 12, .times = 1440, .max_lag = 2};

#define NASTY                                                                                      \
	"a<b>&c \x1b[31m \"q\" very/long/name/of/a/layer/that/goes/on/and/on/and/on/and/on/to/SQL"

static char *text_of(const struct correlate_report *r, const struct term *term)
{
	struct str out = STR_INIT;

	report_correlate(&out, term, r);
	return str_take(&out);
}

static void assert_within(const char *text, size_t width)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		char *line = strndup(text, n);

		ck_assert_msg(str_width(line) <= width, "%zu columns: %s", str_width(line), line);
		free(line);
		text += n + (text[n] == '\n');
	}
}

/* As one line, however it was wrapped. */
static char *unwrapped(const char *text)
{
	struct str out = STR_INIT;

	for (; *text; text++)
		if (*text != ' ' && *text != '\n')
			str_add_char(&out, *text);
		else if (out.len && out.p[out.len - 1] != ' ')
			str_add_char(&out, ' ');
	return str_take(&out);
}

static void assert_has(const char *text, const char *part)
{
	char *line = unwrapped(text);

	ck_assert_msg(strstr(line, part) != NULL, "no '%s' in:\n%s", part, text);
	free(line);
}

static void assert_lacks(const char *text, const char *part)
{
	char *line = unwrapped(text);

	ck_assert_msg(strstr(line, part) == NULL, "'%s' in:\n%s", part, text);
	free(line);
}

static char *page_of(const struct story *s)
{
	struct str out = STR_INIT;
	json_t *machine = json_pack("{s:s}", "host", "<box>");
	struct report_correlate_page page = {.run.title = "metrics<1>.csv",
		.run.command = "culprit correlate 'metrics<1>.csv' --target total",
		.run.started = "2018-11-06 10:00:00",
		.run.machine = machine,
		.run.id = 7,
		.correlate = s->report};

	report_correlate_html(&out, &page);
	json_decref(machine);
	html_assert_alone(out.p);
	ck_assert_uint_gt(html_assert_well_formed(out.p), 40);
	return str_take(&out);
}

/* ---- pieces ---- */

START_TEST(names_are_cut_in_the_middle)
{
	static const struct {
		const char *name;
		size_t columns;
		const char *cut;
	} CASES[] = {{"SQL", 10, "SQL"}, {"0123456789", 10, "0123456789"},
		{"0123456789abcdefghij", 11, "0123…efghij"}, {"ééééééééééé", 6, "éé…ééé"},
		{"a\x1b[31mb\tc", 20, "a?[31mb?c"},
		{"a\xc2\x9b"
		 "b",
			20, "a?b"},
		{"", 5, ""}};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct str out = STR_INIT;

		correlate_words_name(&out, CASES[i].name, CASES[i].columns, "…");
		ck_assert_str_eq(str_text(&out), CASES[i].cut);
		str_release(&out);
	}
}
END_TEST

START_TEST(numbers_are_said_shortly)
{
	static const struct {
		void (*say)(struct str *out, double value);
		double value;
		const char *text;
	} CASES[] = {{correlate_words_p, .0499, "0.050"}, {correlate_words_p, 1, "1"},
		{correlate_words_p, 1.64e-46, "2e-46"}, {correlate_words_p, 9.6e-9, "1e-8"},
		{correlate_words_p, 3e-5, "3e-5"}, {correlate_words_p, 0, "<1e-300"},
		{correlate_words_p, NAN, "–"}, {correlate_words_r, -.814, "−0.81"},
		{correlate_words_r, .9961, "0.996"}, {correlate_words_share, .66, "66 %"},
		{correlate_words_share, 1e-5, "<0.1 %"}, {correlate_words_value, 1204, "1,204"},
		{correlate_words_value, .0123, "0.0123"}, {correlate_words_span, 120, "2 minutes"},
		{correlate_words_span, 3600, "1 hour"}, {correlate_words_span, 1, "1 second"},
		{correlate_words_span, 8400, "2 h 20 m"},
		{correlate_words_short_span, -90, "−1.5 min"},
		{correlate_words_short_span, .25, "250 ms"}, {correlate_words_short_span, 0, "0"}};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct str out = STR_INIT;

		CASES[i].say(&out, CASES[i].value);
		ck_assert_str_eq(str_text(&out), CASES[i].text);
		str_release(&out);
	}
}
END_TEST

START_TEST(times_say_what_is_needed)
{
	static const struct {
		double start_s, step_s;
		size_t times;
		double at_s;
		const char *text;
	} CASES[] = {{1541376000, 60, 1440, 1541444400, "19:00"},
		{1541376000, 1, 1440, 1541376061, "00:01:01"},
		{1541376000, 3600, 48, 1541444400, "11-05 19:00"},
		{1541376000, 86400, 400, 1541444400, "2018-11-05 19:00"},
		{0, 1, 600, 125, "2 m 05 s"}, {1541376000, 60, 1440, NAN, "–"}};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct series_set s = {.start_s = CASES[i].start_s,
			.step_s = CASES[i].step_s,
			.n_times = CASES[i].times};
		struct str out = STR_INIT;

		correlate_words_time(&out, &s, CASES[i].at_s);
		ck_assert_str_eq(str_text(&out), CASES[i].text);
		str_release(&out);
	}
}
END_TEST

/* ---- the terminal ---- */

/* `format` with the name of the first group's strongest. */
static void assert_names_first(const struct story *s, const char *text, const char *format)
{
	struct str part = STR_INIT;
	size_t leader = s->result.groups[0].members[0];
	const char *name = s->set.items[s->result.rows[leader].series].name,
		   *at = strstr(format, "%s");

	str_add_bytes(&part, format, (size_t)(at - format));
	str_add(&part, name);
	str_add(&part, at + 2);
	assert_has(text, part.p);
	str_release(&part);
}

START_TEST(the_story_is_told)
{
	struct term term = {.unicode = true, .width = 80};
	struct story s;
	char *text;

	story_make(&s, &SMALL);
	text = text_of(&s.report, &term);
	assert_within(text, 80);
	assert_has(text, "total in metrics.csv: 49 series × 1,440 times, every 1 minute, "
			 "2018-11-05 00:00 to 23:59 UTC");
	assert_has(text, "steps differed and were put onto one; 3 gaps; 1 counter became a rate; 1 "
			 "reset; 2 points twice at one time; left out: 1 constant, 1 equal to "
			 "another");
	/* SQL and the two that follow it are one group, whichever of them comes first */
	ck_assert_uint_eq(s.result.n_groups, 1);
	assert_names_first(&s, text, "total moved with %s (r = 0.8");
	assert_names_first(&s, text, "one group with %s");
	assert_has(text, "and 1 other are one group with it.");
	assert_has(text, "series show nothing at 5 % false discoveries, among them all");
	assert_has(text, "time: 2 of 12 found");
	assert_has(text, "+ 1 that moves with it: apps/");
	assert_has(text, "= SQL");
	assert_has(text, "errors: none of 12 found");
	assert_has(text, "total rose by 84 ms, from 120 to 204 (19:00 to 21:20 against 16:40 to "
			 "19:00): latency of apps/data +61, mix of endpoints/sparkline +14, mix of "
			 "apps/data +9");
	assert_has(text, "SQL began first, at 19:00 [18:59, 19:02]: it rose from 48 to 128 and "
			 "stayed there. Then apps/data:time at 19:02");
	assert_has(text, "! The column 'comment' holds no numbers and was left out.");
	free(text);
	story_release(&s);
}
END_TEST

START_TEST(what_leads_is_said_to_lead)
{
	struct term term = {.unicode = true, .width = 100};
	struct story s;
	char *text;

	/* a burst on its own, so that the traffic is found */
	story_make(&s,
		&(struct story_options){.endpoints = 3, .times = 1440, .max_lag = 2, .calm = true});
	text = text_of(&s.report, &term);
	assert_has(text, "total moved with endpoints/sparkline:throughput (r = ");
	assert_has(text, "which leads by 1 minute and explains ");
	assert_has(text, "lead: how long before the target it moved.");
	free(text);
	story_release(&s);
}
END_TEST

/* Every line within the width, in either alphabet, with and without colours. */
START_TEST(every_width_is_kept)
{
	struct story s;

	story_make(&s, &(struct story_options){
			       .endpoints = 5, .times = 600, .max_lag = 2, .sql_name = NASTY});
	for (size_t width = 80; width <= 160; width += 16)
		for (int i = 0; i < 4; i++) {
			struct term term = {.unicode = i & 1, .colour = i & 2, .width = width};
			char *text = text_of(&s.report, &term);
			struct str incident = STR_INIT;

			assert_within(text, width);
			ck_assert((strchr(text, 0x1b) != NULL) == term.colour);
			ck_assert(term.unicode || !strstr(text, "…"));
			ck_assert(strstr(text, "\x1b[31m") == NULL); /* of the name */
			report_incident(&incident, &term, &s.report);
			assert_within(incident.p, width);
			str_release(&incident);
			free(text);
		}
	story_release(&s);
}
END_TEST

START_TEST(nothing_found_is_said_plainly)
{
	struct term term = {.unicode = true, .width = 80};
	struct story s;
	char *text;

	story_make(&s,
		&(struct story_options){.endpoints = 3, .times = 40, .max_lag = 1, .null = true});
	text = text_of(&s.report, &term);
	ck_assert_uint_eq(s.result.n_found, 0);
	assert_has(text, "No series moved with total as far as can be told. Of 19 that were looked "
			 "at none is found at 5 % false discoveries; the nearest is ");
	assert_has(text, "One alone would be found from about |r| = 0.");
	assert_has(text, "! There is little to go by: about ");
	assert_has(text, "time: none of 3 found");
	assert_lacks(text, "total moved with");
	assert_has(text, "Nothing changed during the incident as far as can be told.");
	free(text);
	story_release(&s);
}
END_TEST

START_TEST(nothing_to_compare_is_said_too)
{
	struct term term = {.unicode = true, .width = 80};
	struct story s;
	char *text;

	story_make(&s, &(struct story_options){.endpoints = 3, .times = 20, .null = true});
	s.result.n = s.result.n_found = 0;
	text = text_of(&s.report, &term);
	free(page_of(&s));
	assert_has(text, "No series could be compared with total. Each is constant, equal to "
			 "another, or has fewer than 12 steps in which both are known.");
	free(text);
	story_release(&s);
}
END_TEST

START_TEST(doubtful_ones_are_marked)
{
	struct term term = {.unicode = true, .width = 100};
	struct story s;
	char *text;

	story_make(&s, &(struct story_options){
			       .endpoints = 12, .times = 1440, .method = CORRELATE_PEARSON_DIFF});
	for (size_t i = 0; i < s.result.n_found; i++)
		s.result.rows[i].doubtful = i < 2;
	text = text_of(&s.report, &term);
	assert_has(text, "! 2 of the ");
	assert_has(text, "that pearson-diff finds may be phantoms (marked ?)");
	assert_has(text, "? ");
	free(text);
	for (size_t i = 0; i < s.result.n_found; i++)
		s.result.rows[i].doubtful = true;
	text = text_of(&s.report, &term);
	assert_has(text, "No series moved with total as far as can be told. pearson-diff finds ");
	free(text);
	story_release(&s);
}
END_TEST

START_TEST(a_stored_run_tells_the_same)
{
	struct term term = {.unicode = true, .width = 90};
	struct story s;
	struct str fresh = STR_INIT, stored = STR_INIT;

	story_make(&s, &SMALL);
	report_correlate_verdict(&fresh, &s.report);
	story_store(&s);
	report_correlate_verdict(&stored, &s.report);
	ck_assert_str_eq(fresh.p, stored.p);
	str_clear(&stored);
	report_correlate(&stored, &term, &s.report);
	assert_within(stored.p, 90);
	assert_has(stored.p, "49 series × 1,440 times, every 1 minute");
	assert_has(stored.p, "apps/data:time");
	str_release(&fresh);
	str_release(&stored);
	story_release(&s);
}
END_TEST

/* ---- the page ---- */

/* What the script is given. */
static json_t *data_of(const char *html)
{
	static const char OPEN[] = "id=\"correlate-data\">";
	const char *from = strstr(html, OPEN), *to;
	json_error_t error;
	json_t *data;

	ck_assert_ptr_nonnull(from);
	from += sizeof(OPEN) - 1;
	to = strstr(from, "</script>");
	ck_assert_ptr_nonnull(to);
	data = json_loadb(from, (size_t)(to - from), 0, &error);
	ck_assert_msg(data != NULL, "%s", error.text);
	return data;
}

START_TEST(the_page_holds_every_row)
{
	static const char *const COLUMNS[] = {"name", "series", "r", "low", "high", "p", "q", "lag",
		"n", "n_eff", "flags", "group", "course", "family"};
	struct story s;
	json_t *data;
	char *html;

	story_make(&s, &SMALL);
	html = page_of(&s);
	data = data_of(html);
	for (size_t i = 0; i < sizeof(COLUMNS) / sizeof(COLUMNS[0]); i++)
		ck_assert_uint_eq(json_array_size(json_object_get(data, COLUMNS[i])), s.result.n);
	for (size_t i = 0; i < s.result.n; i++) {
		const struct correlate_row *row = &s.result.rows[i];
		const json_t *family = json_array_get(json_object_get(data, "family"), i);

		ck_assert_double_eq_tol(
			json_number_value(json_array_get(json_object_get(data, "r"), i)), row->r,
			1e-3);
		ck_assert_str_eq(json_string_value(json_array_get(json_object_get(data, "families"),
					 (size_t)json_integer_value(family))),
			s.set.items[row->series].family);
	}
	ck_assert_ptr_nonnull(strstr(html, "id=\"together\""));
	ck_assert_ptr_nonnull(strstr(html, "class=\"scatter\""));
	ck_assert_ptr_nonnull(strstr(html, "class=\"lags\""));
	ck_assert_ptr_nonnull(strstr(html, "latency of apps/<wbr/>data"));
	ck_assert_ptr_nonnull(strstr(html, "class=\"onsets\""));
	json_decref(data);
	free(html);
	story_release(&s);
}
END_TEST

START_TEST(names_are_no_markup)
{
	struct story s;
	char *html;

	story_make(&s, &(struct story_options){
			       .endpoints = 3, .times = 600, .max_lag = 1, .sql_name = NASTY});
	html = page_of(&s);
	ck_assert_ptr_null(strstr(html, "a<b>"));
	ck_assert_ptr_null(strchr(html, 0x1b));
	ck_assert_ptr_nonnull(strstr(html, "a&lt;b&gt;&amp;c"));
	ck_assert_ptr_null(strstr(html, "<1>"));
	ck_assert_ptr_null(strstr(html, "<box>"));
	free(html);
	story_release(&s);
}
END_TEST

START_TEST(pages_of_all_kinds_are_whole)
{
	static const struct story_options KINDS[] = {
		{.endpoints = 3, .times = 60, .null = true},
		{.endpoints = 3, .times = 20, .null = true},
		{.endpoints = 3, .times = 5000, .max_lag = 1}, /* more than is kept */
		{.endpoints = 3, .times = 700, .method = CORRELATE_PEARSON_DIFF},
	};

	for (size_t i = 0; i < 2 * sizeof(KINDS) / sizeof(KINDS[0]); i++) {
		struct story s;

		story_make(&s, &KINDS[i / 2]);
		if (i % 2)
			story_store(&s);
		free(page_of(&s));
		s.report.result = NULL;
		free(page_of(&s));
		story_release(&s);
	}
}
END_TEST

/* 3,000 series, also where all are found. */
START_TEST(large_pages_stay_small)
{
	struct story s;
	char *html;

	story_make(&s, &(struct story_options){.endpoints = 1000, .times = 240});
	html = page_of(&s);
	ck_assert_uint_lt(strlen(html), 1000000);
	free(html);
	for (size_t i = 0; i < s.result.n; i++)
		s.result.rows[i].found = true;
	s.result.n_found = s.result.n;
	html = page_of(&s);
	ck_assert_uint_lt(strlen(html), 2000000);
	free(html);
	story_release(&s);
}
END_TEST

UNIT_MAIN("report of correlations", names_are_cut_in_the_middle, numbers_are_said_shortly,
	times_say_what_is_needed, the_story_is_told, what_leads_is_said_to_lead,
	every_width_is_kept, nothing_found_is_said_plainly, nothing_to_compare_is_said_too,
	doubtful_ones_are_marked, a_stored_run_tells_the_same, the_page_holds_every_row,
	names_are_no_markup, pages_of_all_kinds_are_whole, large_pages_stay_small)

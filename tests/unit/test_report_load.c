/* A load's report in the terminal and on the page, and its JSON, over made-up results that hold all
 * that the engine can say. */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "html_reader.h"
#include "report/load_words.h"
#include "report/report.h"
#include "report_load_fixture.h"

static const char *const NAMES[] = {"good", "bad", "open", "scenario", "nothing"};

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
	ck_assert_msg(strstr(text, part), "'%s' is not in:\n%.3000s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
	ck_assert_msg(!strstr(text, part), "'%s' is in:\n%.3000s", part, text);
}

static const struct term TERMS[] = {{true, true, true, 80}, {true, true, true, 120},
	{false, false, true, 80}, {false, false, false, 80}, {false, false, false, 120},
	{false, false, true, 40}};

/* Every line fits, whatever the terminal; without colour there is no escape, without Unicode
 * nothing but ASCII. */
static void check_text(const char *name, const struct str *out, const struct term *term)
{
	char file[64];
	struct str line = STR_INIT;

	snprintf(file, sizeof(file), "load-%s-%zu%s%s.txt", name, term->width,
		term->colour ? "-c" : "", term->unicode ? "-u" : "");
	look(file, out);
	for (const char *p = out->p; *p; p++) {
		ck_assert_msg(term->unicode || (unsigned char)*p < 128, "%s: %s", file, p);
		if (*p != '\n') {
			str_add_char(&line, *p);
			continue;
		}
		ck_assert_msg(term->width < 80 || str_width(str_text(&line)) <= term->width,
			"%s: '%s' is %zu wide", file, line.p, str_width(line.p));
		ck_assert_msg(!line.len || line.p[line.len - 1] != ' ', "%s: '%s'", file, line.p);
		str_clear(&line);
	}
	ck_assert_uint_eq(line.len, 0);
	if (!term->colour)
		ck_assert_ptr_null(strchr(out->p, 0x1b));
	assert_lacks(out->p, "nan");
	assert_lacks(out->p, "inf ");
	str_release(&line);
}

static char *text_of(enum load_fixture which, const struct term *term)
{
	struct load_spec spec;
	struct load_result r;
	struct load_report report = {.spec = &spec, .result = &r};
	struct str out = STR_INIT;

	load_fixture_init(which, &spec, &r);
	report_load(&out, term, &report);
	check_text(NAMES[which], &out, term);
	load_fixture_release(&spec, &r);
	return str_take(&out);
}

START_TEST(reads_well_on_every_terminal)
{
	for (int which = 0; which < N_LOAD_FIXTURES; which++)
		for (size_t i = 0; i < sizeof(TERMS) / sizeof(TERMS[0]); i++)
			free(text_of(which, &TERMS[i]));
}
END_TEST

START_TEST(says_the_rate_with_its_interval)
{
	char *text = text_of(FIXTURE_GOOD, &TERMS[2]);

	ck_assert_ptr_eq(strstr(text, "GET http://127.0.0.1:5001/, 100 connections\n\n"
				      "rate        12,340 requests/s ± 0.8 %  (123,456 answers in "
				      "10.0 s)\n"
				      "failed      none\n"
				      "engine      2 threads, the busiest used 41 % of a core\n"),
		text);
	assert_has(text, "warm-up     1.30 s left out by rule: not steady yet");
	assert_lacks(text, "!");
	assert_lacks(text, "from send");
	assert_lacks(text, "statuses");
	free(text);
}
END_TEST

START_TEST(doubts_come_before_the_latency)
{
	char *text = text_of(FIXTURE_BAD, &TERMS[2]);
	const char *limit = strstr(text, "! The generator was the limit: its busiest thread used "
					 "97 % of a core. Give");
	const char *drift = strstr(text, "! The rate was not steady: ");

	ck_assert_ptr_nonnull(limit);
	ck_assert_ptr_nonnull(drift);
	assert_has(text, " fell\n  by 12 %. Measure longer");
	ck_assert(limit < drift && drift < strstr(text, "p99.9"));
	assert_has(text, "1,339 (1.1 %), not in the rate; timeouts are in the latency\n");
	assert_has(text, "7 under way at the end and given up\n");
	assert_has(text, "timeout        10  no whole answer in time; allow more by --timeout");
	assert_has(text, "statuses    200: 123,456, 404: 3, 503: 90\n");
	assert_has(text, "ended early");
	free(text);
}
END_TEST

START_TEST(open_loop_says_what_waited_where)
{
	char *text = text_of(FIXTURE_OPEN, &TERMS[2]);

	assert_has(text, "GET https://shop.example/catalogue?page=1&size=<20> and 2 others\n"
			 "100 connections, open loop: 2,000 requests/s, Poisson arrivals\n");
	assert_has(text, "\nfrom send ");
	assert_has(text, "\nfirst byte ");
	assert_has(text, "\nTLS ");
	assert_has(text, "\nsent late ");
	assert_has(text, "asked for 2,000/s");
	assert_has(text, "h2 over TLSv1.3 (TLS_AES_256_GCM_SHA384): 100 handshakes, 99");
	/* 12 of 40, among them the one that failed */
	assert_has(text, "12 of 40: the busiest, the slowest, and those that failed most");
	assert_has(text, "GET /catalogue/items/20 ");
	free(text);
}
END_TEST

START_TEST(checks_that_failed_come_first)
{
	char *text = text_of(FIXTURE_SCENARIO, &TERMS[2]);

	ck_assert_ptr_eq(strstr(text, "scenario shop.yaml, 100 users\n"), text);
	assert_has(text, "checks, over the whole run\n  x cart: /total is 12.5, failed 31 of 4,031 "
			 "times (0.77 %)\n"
			 "    login: status 200, held each time\n"
			 "    pay: latency < 200ms, was not reached\n");
	free(text);
}
END_TEST

START_TEST(nothing_succeeded)
{
	char *text = text_of(FIXTURE_NOTHING, &TERMS[2]);

	assert_has(text, "5 (100 %)");
	assert_has(text, "refused     5  connection refused; does the service run");
	assert_lacks(text, "p99");
	assert_lacks(text, "±");
	free(text);
}
END_TEST

START_TEST(targets_are_picked)
{
	struct load_spec spec;
	struct load_result r;
	size_t shown[12], n;
	bool failed = false, busiest = false;

	load_fixture_init(FIXTURE_OPEN, &spec, &r);
	n = load_words_targets(&r, 12, shown);
	ck_assert_uint_eq(n, 12);
	for (size_t i = 0; i < n; i++) {
		ck_assert(!i || shown[i] > shown[i - 1]);
		failed |= shown[i] == 20;
		busiest |= shown[i] == 4;
	}
	ck_assert(failed && busiest);
	r.n_targets = 5;
	ck_assert_uint_eq(load_words_targets(&r, 12, shown), 5);
	r.n_targets = 40;
	load_fixture_release(&spec, &r);
}
END_TEST

/* ---- the page ---- */

static char *page_of(enum load_fixture which, bool searched)
{
	struct load_search_step steps[] = {
		{.rate = 100, .achieved = 99.8, .value = .012, .held = true},
		{.rate = 200, .achieved = 140, .value = .4}};
	struct load_search search = {
		.steps = steps, .n = 2, .best = 100, .missed = 200, .limited = true};
	struct load_spec spec;
	struct load_result r;
	struct load_goal goals[2];
	struct err err;
	struct report_load_page page = {.run.title = "http://127.0.0.1:5001/?a=<1>&b",
		.run.command = "culprit load 'http://127.0.0.1:5001/?a=<1>&b' -c 100",
		.run.started = "2026-11-21 11:20:03",
		.run.id = 12,
		.run.machine = json_pack("{s:s, s:i}", "cpu", "AMD <1 & 2>", "cores", 2)};
	struct str out = STR_INIT;
	char name[40];

	load_fixture_init(which, &spec, &r);
	ck_assert_int_eq(load_goal_parse(&goals[0], "p99<1s", &err), 0);
	ck_assert_int_eq(load_goal_parse(&goals[1], "errors<=0", &err), 0);
	page.load = (struct load_report){.spec = &spec,
		.result = &r,
		.goals = goals,
		.n_goals = 2,
		.search = searched ? &search : NULL,
		.search_goal = &goals[0]};
	report_load_html(&out, &page);
	snprintf(name, sizeof(name), "load-%s%s.html", NAMES[which], searched ? "-search" : "");
	look(name, &out);
	html_assert_well_formed(out.p);
	html_assert_alone(out.p);
	for (size_t i = 0; i < 2; i++)
		load_goal_release(&goals[i]);
	json_decref((json_t *)page.run.machine);
	load_fixture_release(&spec, &r);
	return str_take(&out);
}

START_TEST(pages_are_whole)
{
	for (int which = 0; which < N_LOAD_FIXTURES; which++) {
		char *html = page_of(which, false);

		assert_lacks(html, "<1");
		assert_has(html, "AMD &lt;1 &amp; 2&gt;");
		assert_has(html, "<span>-c</span> <span>100</span>");
		free(html);
	}
}
END_TEST

START_TEST(a_page_says_what_the_text_says)
{
	char *html = page_of(FIXTURE_BAD, false);

	assert_has(
		html, "<h1>12,340 requests/s&#160;± 0.8&#160;%, half of them within 7.99&#160;ms");
	assert_has(html, "<li>The generator was the limit: ");
	assert_has(html, "<li>The rate was not steady: ");
	assert_has(html, "<span class=\"tag bad\">missed</span>errors were");
	assert_has(html, "<span class=\"tag good\">held</span>p99 was");
	assert_has(html, "Failures over time");
	assert_has(html, "class=\"shade\"");
	assert_has(html, "<th scope=\"row\">503</th>");
	free(html);
	html = page_of(FIXTURE_OPEN, false);
	assert_has(html, "<path class=\"line two\""); /* from the send */
	assert_has(html, "<path class=\"line asked\"");
	assert_has(html, "/<wbr/>with/<wbr/>a/<wbr/>path");
	assert_has(html, "99.99 %");
	assert_lacks(html, "Failures over time");
	free(html);
	html = page_of(FIXTURE_SCENARIO, false);
	assert_has(html, "<h2>Steps</h2>");
	assert_has(html, "cart: /total is 12.5 <span class=\"tag bad\">failed</span>");
	free(html);
	html = page_of(FIXTURE_NOTHING, false);
	assert_has(html, "<h1>Nothing succeeded: 5 requests failed (100&#160;%).</h1>");
	assert_lacks(html, "<svg");
	free(html);
	html = page_of(FIXTURE_OPEN, true);
	assert_has(html,
		"<h1>100 requests/s is the highest rate at which p99&lt;1s held; at 200 it "
		"was missed. Above that the generator or the number of its");
	assert_has(html, "Rates that were tried");
	free(html);
}
END_TEST

/* ---- JSON ---- */

START_TEST(json_keeps_everything)
{
	for (int which = 0; which < N_LOAD_FIXTURES; which++) {
		struct load_spec spec, asked;
		struct load_result r, back;
		struct err err;
		struct str text = STR_INIT, first = STR_INIT, second = STR_INIT;
		json_t *json, *read, *again;

		load_fixture_init(which, &spec, &r);
		json = load_to_json(&spec, &r);
		json_write(&text, json, 0);
		read = json_read(text.p, "test", &err);
		ck_assert_int_eq(load_from_json(&back, read, &err), 0);
		ck_assert_int_eq(
			load_spec_from_json(&asked, json_object_get(read, "asked"), &err), 0);
		again = load_to_json(&asked, &back);
		str_clear(&text);
		json_write(&text, json, 1);
		json_write(&second, again, 1);
		look("asked.json", &text);
		look("again.json", &second);
		str_clear(&second);
		ck_assert_msg(json_equal(json, again), "%s", NAMES[which]);

		struct load_report before = {.spec = &spec, .result = &r};
		struct load_report after = {.spec = &asked, .result = &back};

		report_load(&first, &TERMS[1], &before);
		report_load(&second, &TERMS[1], &after);
		ck_assert_str_eq(first.p, second.p);
		load_fixture_release(&spec, &r);
		load_fixture_release(&asked, &back);
		json_decref(json);
		json_decref(read);
		json_decref(again);
		str_release(&text);
		str_release(&first);
		str_release(&second);
	}
}
END_TEST

START_TEST(json_keeps_the_spec)
{
	static const char *headers[] = {"A: b", "C: d"}, *sources[] = {"127.0.0.2"};
	struct load_spec spec = LOAD_SPEC_INIT, back;
	size_t options = 0;
	struct err err;
	json_t *json, *again;

	spec.url = "http://a/";
	spec.method = "PUT";
	spec.headers = (struct opt_list){headers, 2, 2};
	spec.sources = (struct opt_list){sources, 1, 1};
	spec.body_file = "body.json";
	spec.stages = "10s:100";
	spec.order = LOAD_SPREAD;
	spec.arrivals = LOAD_POISSON;
	spec.http = LOAD_HTTP_2;
	spec.rate = 12.5;
	spec.requests = 1000000000000;
	spec.keepalive = spec.tls_resume = false;
	spec.insecure = true;
	spec.timeout_ns = 1500000000;
	json = load_spec_to_json(&spec);
	ck_assert_str_eq(json_text_at(json, "warmup_s"), "auto");
	ck_assert_str_eq(json_text_at(json, "http"), "2");
	ck_assert_double_eq(json_number_at(json, "timeout_s"), 1.5);
	ck_assert_uint_eq(json_array_size(json_object_get(json, "headers")), 2);
	ck_assert(json_is_null(json_object_get(json, "body")));
	ck_assert_int_eq(load_spec_from_json(&back, json, &err), 0);
	ck_assert(back.warmup_ns == OPT_AUTO_NS && back.timeout_ns == 1500000000);
	ck_assert(back.insecure && !back.keepalive && !back.tls_resume);
	ck_assert_int_eq(back.order, LOAD_SPREAD);
	ck_assert_int_eq(back.requests, 1000000000000);
	again = load_spec_to_json(&back);
	ck_assert(json_equal(json, again));
	/* each option of the table has a key of its own */
	for (const struct opt *opt = LOAD_OPTIONS; opt->name; opt++)
		options++;
	ck_assert_uint_eq(json_object_size(json), options + 1); /* and "files" */
	load_spec_release(&back);
	json_decref(json);
	json_decref(again);
}
END_TEST

/* As version 0.1.0 stored it. */
START_TEST(json_of_an_earlier_version)
{
	static const char OLD[] =
		"{\"asked\": {\"url\": \"http://h/\", \"method\": \"GET\", \"headers\": [\"A: b\"],"
		" \"body\": null, \"connections\": 3, \"threads\": 0, \"requests\": 0,"
		" \"duration_s\": 2.0, \"warmup_s\": 0.5, \"timeout_s\": 10.0, \"drain_s\": 2.0,"
		" \"keepalive\": true}, \"requests_per_second\": 1.5, \"completed\": 3,"
		" \"seconds\": 2.0, \"stopped\": false, \"failed\": 1, \"failed_percent\": 25.0,"
		" \"errors\": {\"reset\": 1}, \"status\": {\"200\": 3},"
		" \"whole_run\": {\"started\": 4, \"finished\": 3, \"unfinished\": 0,"
		" \"connects\": 3, \"bytes_in\": 10, \"bytes_out\": 20, \"errors\": {\"reset\": 1},"
		" \"status\": {\"200\": 3}}, \"engine\": {\"threads\": 1, \"cpu_seconds\": 0.01,"
		" \"cpu_us_per_request\": 3333.3, \"busiest_core\": 0.1},"
		" \"series\": [{\"second\": 1, \"completed\": 1, \"errors\": 0,"
		" \"mean_latency_ms\": 0.001, \"p99_ms\": 0.001}, {\"second\": 2, \"completed\": 2,"
		" \"errors\": 1, \"mean_latency_ms\": null, \"p99_ms\": null}],"
		" \"histograms\": {\"latency\": {\"sub_bits\": 11, \"buckets\": \"1001:3\","
		" \"min_ns\": 1000, \"max_ns\": 1000, \"sum_ns\": 3000.0,"
		" \"sum_squares_ns2\": 3000000.0}, \"connect\": {\"sub_bits\": 11,"
		" \"buckets\": \"\", \"min_ns\": 0, \"max_ns\": 0, \"sum_ns\": 0.0,"
		" \"sum_squares_ns2\": 0.0}}}";
	struct err err;
	json_t *json = json_read(OLD, "test", &err);
	struct load_result r;
	struct load_spec spec;
	struct load_report report = {.spec = &spec, .result = &r};
	struct str out = STR_INIT;

	ck_assert_int_eq(load_from_json(&r, json, &err), 0);
	ck_assert_int_eq(load_spec_from_json(&spec, json_object_get(json, "asked"), &err), 0);
	ck_assert_uint_eq(r.completed, 3);
	ck_assert_uint_eq(hist_percentile(&r.latency, 50), 1000);
	ck_assert_uint_eq(r.from_send.n, 0);
	ck_assert_double_eq(r.series[1].start_s, 1);
	ck_assert_double_eq(r.series[1].seconds, 1);
	ck_assert(isnan(r.series[1].p99_s) && isnan(r.series[0].asked_rate));
	ck_assert_uint_eq(spec.warmup_ns, 500000000);
	ck_assert_int_eq(spec.pipeline, 1);
	report_load(&out, &TERMS[2], &report);
	check_text("old", &out, &TERMS[2]);
	assert_has(out.p, "GET http://h/, 3 connections\n");
	/* what only targets may lack */
	load_result_release(&r);
	json_t *latency = json_object_get(json_object_get(json, "histograms"), "latency");

	json_object_set_new(latency, "buckets", json_null());
	json_object_set_new(latency, "count", json_integer(3));
	ck_assert_int_eq(load_from_json(&r, json, &err), -ERR_INPUT);
	str_release(&out);
	json_decref(json);
	load_fixture_release(&spec, &r);
}
END_TEST

UNIT_MAIN("report_load", reads_well_on_every_terminal, says_the_rate_with_its_interval,
	doubts_come_before_the_latency, open_loop_says_what_waited_where,
	checks_that_failed_come_first, nothing_succeeded, targets_are_picked, pages_are_whole,
	a_page_says_what_the_text_says, json_keeps_everything, json_keeps_the_spec,
	json_of_an_earlier_version)

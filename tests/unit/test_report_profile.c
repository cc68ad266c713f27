/*
 * What people read of a profile: in the terminal within its width, whatever the names and however
 * deep the stacks; on the page well-formed, complete, and nothing from outside taken for markup.
 */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "profile/formats.h"
#include "report/diff_marks.h"
#include "report/flame_data.h"
#include "report/profile_words.h"
#include "report/report.h"
#include "html_reader.h"
#include "report_profile_fixture.h"

static struct profile_report report_of(const struct profile *p)
{
	return (struct profile_report){.what = "python app.py",
		.profile = p,
		.view = {.clock = PROFILE_CLOCK_WALL, .fold = true, .least = .01},
		.tables = true,
		.exit_code = 0};
}

static char *text_of(const struct profile_report *r, const struct term *term)
{
	struct str out = STR_INIT;

	report_profile(&out, term, r);
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

static void assert_has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no '%s' in:\n%s", part, text);
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

/* ---- the terminal ---- */

START_TEST(text_of_a_service)
{
	struct profile *p = profile_fixture_app(12400);
	struct profile_report r = report_of(p);
	struct term term = {.unicode = true, .width = 80};
	char *text = text_of(&r, &term);

	assert_within(text, 80);
	assert_has(text, "python app.py, 15.9 s, ended with exit code 0\n");
	assert_has(text, "CPython 3.11.2, 19,910 samples of 2 threads: 19.9 s of wall time");
	assert_has(text, "  80 %    15.91           ├─ <module>  main.py:1\n");
	assert_has(text, "  62 %    12.40    12.40  │  ├─ cpu_bound  main.py:38\n");
	assert_has(text, "│  │  get  requests/api.py:62\n");
	assert_has(text, "│  │  [7 frames hidden] requests, urllib3, http\n");
	assert_has(text, "  15 %     3.00     3.00  │  │  SocketIO.readinto  socket.py:694\n");
	assert_has(text, "└─ Thread._bootstrap  threading.py:984\n");
	assert_has(text, "9 frames folded: --all shows them");
	assert_has(text, "cpu_bound (main.py:41), called from main\n(main.py:80).");
	assert_has(text, "493 ms of CPU, 3.1 % of a core; 1,000 looks a second");
	/* nothing that a terminal would act on, and no half of a character */
	ck_assert_ptr_null(strchr(text, '\x1b'));
	ck_assert_ptr_nonnull(strstr(text, "表格計算"));
	free(text);
	profile_free(p);
}
END_TEST

START_TEST(text_at_any_width)
{
	struct profile *p = profile_fixture_app(12400), *deep = profile_fixture_deep(60, 1);

	for (size_t width = 60; width <= 200; width += 20)
		for (int unicode = 0; unicode < 2; unicode++)
			for (int which = 0; which < 2; which++) {
				struct profile_report r = report_of(which ? deep : p);
				struct term term = {
					.unicode = unicode, .width = width, .colour = true};
				char *text = text_of(&r, &term);

				r.view.fold = false;
				r.view.least = 0;
				r.view.lines = r.view.by_thread = r.view.by_process = true;
				assert_within(text, width);
				free(text);
				text = text_of(&r, &term);
				assert_within(text, width);
				assert_has(text, which ? "deep.py:4" : "main.py:41");
				free(text);
			}
	profile_free(p);
	profile_free(deep);
}
END_TEST

START_TEST(text_of_a_recursion)
{
	struct profile *p = profile_fixture_deep(5000, 0);
	struct profile_report r = report_of(p);
	struct term term = {.unicode = true, .width = 80};
	char *text = text_of(&r, &term);

	assert_within(text, 80);
	assert_has(text, "more calls of the same]");
	ck_assert_uint_lt(count(text, "\n"), 40);
	free(text);
	r.view.fold = false;
	text = text_of(&r, &term);
	assert_within(text, 80);
	ck_assert_uint_eq(count(text, "odd  deep.py:3") + count(text, "even  deep.py:3"), 5000);
	free(text);
	profile_free(p);
}
END_TEST

START_TEST(text_of_views)
{
	struct profile *p = profile_fixture_app(12400);
	struct profile_report r = report_of(p);
	struct term term = {.unicode = true, .width = 80};
	char *text;

	r.view.invert = true;
	text = text_of(&r, &term);
	assert_has(text, "  62 %    12.40           ├─ cpu_bound  main.py:38\n");
	assert_has(text, "│  main  main.py:70\n");
	free(text);
	r = report_of(p);
	r.view.clock = PROFILE_CLOCK_SAMPLES;
	r.view.by_thread = true;
	text = text_of(&r, &term);
	assert_has(text, "MainThread (812)");
	assert_has(text, "   12,400  ");
	free(text);
	r = report_of(p);
	r.view.clock = PROFILE_CLOCK_CPU;
	r.tables = false;
	text = text_of(&r, &term);
	ck_assert_ptr_null(strstr(text, "hottest"));
	ck_assert_ptr_null(strstr(text, "Condition.wait"));
	free(text);
	profile_free(p);
}
END_TEST

START_TEST(text_of_nothing)
{
	struct profile *p = profile_fixture_empty();
	struct profile_report r = report_of(p);
	struct term term = TERM_PLAIN;
	char *text = text_of(&r, &term);

	assert_has(text, "No stack was seen.");
	free(text);
	profile_free(p);
}
END_TEST

START_TEST(doubts)
{
	struct profile *p = profile_fixture_deep(8, 0);
	struct profile_report r = report_of(p);
	struct term term = {.width = 100};
	char *text;

	/* 80 samples, a fifth rejected, half of the looks late, two booked above, half of a core */
	p->about = (struct profile_about){.rate_hz = 1000,
		.duration_s = 1,
		.sweeps = 500,
		.samples = 80,
		.rejected = 20,
		.late = 500,
		.folded = 2,
		.own_cpu_s = .5};
	text = text_of(&r, &term);
	assert_within(text, 100);
	assert_has(text, "! Only 80 samples stand behind the shares: one of 10 % may be anything "
			 "from 5 to 19 %.");
	assert_has(text, "! 20 % of the stacks changed while they were read");
	assert_has(text, "! The profiler came too late for 50 % of its looks");
	assert_has(text, "! 2 samples are booked on a caller");
	assert_has(text, "! The profiler itself used 50 % of a core");
	assert_has(text, "20 rejected (20 %)");
	free(text);
	profile_free(p);
}
END_TEST

/* ---- names ---- */

START_TEST(files_as_people_name_them)
{
	static const struct {
		enum profile_kind kind;
		const char *file, *want, *package;
	} CASES[] = {
		{PROFILE_PYTHON, "/srv/shop/app/main.py", "main.py", "main"},
		{PROFILE_PYTHON, "/srv/shop/app/some/a.py", "some/a.py", "a"},
		{PROFILE_PYTHON, "/srv/other/b.py", "/srv/other/b.py", "b"},
		{PROFILE_PYTHON, "/v/lib/python3.11/site-packages/flask/app.py", "flask/app.py",
			"flask"},
		{PROFILE_PYTHON, "/usr/lib/python3/dist-packages/six.py", "six.py", "six"},
		{PROFILE_PYTHON, "/usr/lib/python3.11/asyncio/events.py", "asyncio/events.py",
			"asyncio"},
		{PROFILE_PYTHON, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>",
			"importlib"},
		{PROFILE_NATIVE, "/usr/lib/x86_64-linux-gnu/libc.so.6", "libc.so.6", "libc"},
		{PROFILE_NATIVE, "[vdso]", "[vdso]", "[vdso]"},
		{PROFILE_PYTHON, "", "", ""},
	};
	struct profile *p = profile_fixture_app(12400);
	struct places places = {.n = 0};

	places_add(&places, p);
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		const struct profile_function f = {CASES[i].kind, "f", CASES[i].file, 0};
		struct str package = STR_INIT;

		ck_assert_str_eq(places_file(&places, CASES[i].kind, CASES[i].file), CASES[i].want);
		places_package(&package, &f);
		if (i > 2)
			ck_assert_str_eq(str_text(&package), CASES[i].package);
		str_release(&package);
	}
	places_release(&places);
	profile_free(p);
}
END_TEST

START_TEST(names_are_cut_in_the_middle)
{
	static const struct {
		const char *name, *want;
		size_t width;
	} CASES[] = {
		{"short", "short", 5},
		{"Class.method_of_it", "Cla…_of_it", 10},
		{"表格計算函數名稱", "表…名稱", 8},
		{"a\x1b[31m\x07\n", "a?[31m??", 20},
		{"\xff\xc3(", "?\?(", 20},
		{"a\xe2\x80\xae"
		 "b",
			"a?b", 20},
		{"\xc2\x9b", "?", 20},
		{"anything", "", 0},
		{"anything", "…", 1},
	};
	struct term term = TERM_PLAIN;

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct str out = STR_INIT;

		profile_add_name(&out, &term, CASES[i].name, CASES[i].width);
		ck_assert_str_eq(str_text(&out), CASES[i].want);
		str_release(&out);
	}
}
END_TEST

/* ---- the page ---- */

/* What the script would read. */
static json_t *data_of(const char *html)
{
	static const char BEGIN[] = "id=\"flame-data\">";
	const char *begin = strstr(html, BEGIN), *end;
	json_t *json;

	ck_assert_ptr_nonnull(begin);
	begin += strlen(BEGIN);
	end = strstr(begin, "</script>");
	ck_assert_ptr_nonnull(end);
	json = json_loadb(begin, (size_t)(end - begin), 0, NULL);
	ck_assert_ptr_nonnull(json);
	return json;
}

static uint64_t sum_of(const json_t *nodes, const char *column)
{
	uint64_t sum = 0;
	size_t i;
	json_t *value;

	json_array_foreach(json_object_get(nodes, column), i, value)
	{
		sum += (uint64_t)json_integer_value(value);
	}
	return sum;
}

static bool has_text(const json_t *array, const char *text)
{
	size_t i;
	json_t *value;

	json_array_foreach((json_t *)array, i, value)
	{
		if (!strcmp(json_string_value(value), text))
			return true;
	}
	return false;
}

static char *page_of(const char *name, const struct report_profile_page *page)
{
	const char *folder = getenv("CULPRIT_LOOK");
	struct str out = STR_INIT;
	char path[256];

	report_profile_html(&out, page);
	if (folder) {
		snprintf(path, sizeof(path), "%s/%s.html", folder, name);
		ck_assert_int_eq(file_write(path, out.p, out.len, NULL), 0);
	}
	html_assert_well_formed(out.p);
	html_assert_alone(out.p);
	return str_take(&out);
}

START_TEST(page_of_a_service)
{
	static const struct profile_source SOURCE = {
		"/srv/shop/app/main.py", 38, "def cpu_bound(n):\n\treturn '</script>'\n"};
	struct profile *p = profile_fixture_app(12400);
	const struct report_profile_page page = {.run.title = "python <app>.py",
		.run.command = "culprit profile -- python '<app>.py'",
		.run.started = "2026-11-21 12:00:00",
		.run.id = 3,
		.profile = report_of(p),
		.sources = &SOURCE,
		.n_sources = 1};
	char *html = page_of("service", &page);
	json_t *data = data_of(html), *nodes = json_object_get(data, "nodes"),
	       *functions = json_object_get(data, "functions"),
	       *moments = json_object_get(data, "moments");
	const json_t *source = json_array_get(json_object_get(data, "sources"), 0);
	struct profile_sums sums;

	profile_sum(&sums, p);
	ck_assert_uint_eq(json_array_size(json_object_get(nodes, "up")), p->n_nodes);
	ck_assert_uint_eq(sum_of(nodes, "wall"), sums.all[PROFILE_CLOCK_WALL]);
	ck_assert_uint_eq(sum_of(nodes, "cpu"), sums.all[PROFILE_CLOCK_CPU]);
	ck_assert_uint_eq(sum_of(nodes, "gil"), sums.all[PROFILE_CLOCK_GIL]);
	ck_assert_uint_eq(sum_of(nodes, "samples"), sums.all[PROFILE_CLOCK_SAMPLES]);
	ck_assert_uint_eq(json_array_size(json_object_get(moments, "node")), p->n_moments);
	ck_assert_uint_eq(sum_of(moments, "length_us") * 1000, sums.all[PROFILE_CLOCK_WALL]);
	ck_assert(has_text(json_object_get(functions, "name"), PROFILE_FIXTURE_HOSTILE));
	ck_assert(has_text(json_object_get(data, "briefs"), "requests/api.py"));
	ck_assert_str_eq(json_string_value(json_object_get(source, "text")), SOURCE.text);
	/* two scripts and the data: no name became one */
	ck_assert_uint_eq(count(html, "<script"), 3);
	ck_assert_uint_eq(count(html, "</script"), 3);
	assert_has(html, "python &lt;app&gt;.py");
	assert_has(html, "cpu_bound (main.py:41), called from main");
	json_decref(data);
	free(html);
	profile_free(p);
}
END_TEST

START_TEST(page_of_nothing)
{
	struct profile *p = profile_fixture_empty();
	const struct report_profile_page page = {.run.title = "nothing", .profile = report_of(p)};
	char *html = page_of("nothing", &page);

	assert_has(html, "No stack was seen.");
	json_decref(data_of(html));
	free(html);
	profile_free(p);
}
END_TEST

/* More places than are drawn: the smallest are booked on their caller, and no time is lost. */
START_TEST(page_of_too_many)
{
	struct profile *p = profile_new();
	const struct profile_weight w = {1, 1000, 500, 0};
	struct profile_sums sums;
	char name[16];

	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t at;

		snprintf(name, sizeof(name), "f%u", i);
		at = profile_node(p, 0, profile_function(p, PROFILE_PYTHON, name, "a.py", 1), 1);
		for (int32_t line = 1; line <= FLAME_MOST_NODES / 1000 + 10; line++)
			profile_add(p, profile_node(p, at, p->nodes[at].function, line), &w);
	}
	{
		const struct report_profile_page page = {
			.run.title = "many", .profile = report_of(p)};
		char *html = page_of("many", &page);
		json_t *data = data_of(html), *nodes = json_object_get(data, "nodes");

		profile_sum(&sums, p);
		ck_assert_uint_gt(p->n_nodes, FLAME_MOST_NODES);
		ck_assert_uint_le(json_array_size(json_object_get(nodes, "up")), FLAME_MOST_NODES);
		ck_assert_uint_eq(sum_of(nodes, "wall"), sums.all[PROFILE_CLOCK_WALL]);
		ck_assert_uint_eq(sum_of(nodes, "samples"), sums.all[PROFILE_CLOCK_SAMPLES]);
		json_decref(data);
		free(html);
	}
	profile_free(p);
}
END_TEST

START_TEST(wished_sources)
{
	struct profile *p = profile_fixture_app(12400);
	struct profile_wish *wishes;
	size_t n;

	wishes = report_profile_wishes(p, &n);
	ck_assert_uint_ge(n, 8);
	ck_assert_str_eq(wishes[0].file, "/srv/shop/app/main.py");
	ck_assert_int_le(wishes[0].first_line, 41 - 5);
	ck_assert_int_ge(wishes[0].last_line, 88 + 5);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_ge(wishes[i].first_line, 1);
		ck_assert_int_ge(wishes[i].last_line, wishes[i].first_line);
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(wishes[i].file, wishes[k].file);
	}
	free(wishes);
	profile_free(p);
}
END_TEST

/* ---- two ---- */

struct pair {
	struct profile *a, *b;
	struct profile_diff diff;
	struct profile_diff_report report;
};

static void pair_init(struct pair *x, struct profile *a, struct profile *b, enum profile_clock c)
{
	*x = (struct pair){.a = a, .b = b};
	profile_diff_make(&x->diff, a, b, c);
	x->report = (struct profile_diff_report){
		.before = "run 6: <a>", .after = "run 7: <b>", .a = a, .b = b, .diff = &x->diff};
}

static void pair_release(struct pair *x)
{
	profile_diff_release(&x->diff);
	profile_free(x->a);
	profile_free(x->b);
}

START_TEST(difference_in_the_terminal)
{
	struct term term = {.unicode = true, .width = 80};
	struct str out = STR_INIT;
	struct pair x;

	pair_init(&x, profile_fixture_app(12400), profile_fixture_app(6200), PROFILE_CLOCK_WALL);
	report_profile_diff(&out, &term, &x.report);
	assert_within(out.p, 80);
	assert_has(out.p, "    62 %     45 %   −17.1 *  │  ├─ cpu_bound  main.py\n");
	assert_has(out.p, "│     [7 library frames]\n");
	assert_has(out.p, "Of the wall time, cpu_bound (main.py) fell from 62 % to 45 % (−17.1");
	for (char *c = out.p; *c; c++) /* where lines break depends on the intervals */
		*c = *c == '\n' ? ' ' : *c;
	assert_has(out.p, "19.9 s of wall time before, 13.7 s after.");
	str_clear(&out);
	x.report.all = true;
	term.width = 60;
	term.colour = true;
	report_profile_diff(&out, &term, &x.report);
	assert_has(out.p, "Session.send");
	str_release(&out);
	pair_release(&x);
}
END_TEST

START_TEST(no_difference)
{
	struct str out = STR_INIT;
	struct pair x;

	pair_init(&x, profile_fixture_app(12400), profile_fixture_app(12400), PROFILE_CLOCK_CPU);
	report_profile_diff_verdict(&out, &x.report);
	assert_has(out.p, "No function's share of the CPU time changed. In all there was");
	str_clear(&out);
	pair_release(&x);
	pair_init(&x, profile_fixture_app(12400), profile_fixture_empty(), PROFILE_CLOCK_CPU);
	report_profile_diff_verdict(&out, &x.report);
	assert_has(out.p, "There is nothing to compare: the second one has none of the CPU time.");
	str_release(&out);
	pair_release(&x);
}
END_TEST

static struct profile *collapsed(const char *text)
{
	struct profile *p;
	struct err err = {0};

	ck_assert_msg(!profile_read_collapsed(&p, text, strlen(text), "t", &err), "%s", err.text);
	return p;
}

START_TEST(difference_without_time)
{
	struct str out = STR_INIT;
	struct pair x;

	pair_init(&x, collapsed("main;a 900\nmain;b 100\n"), collapsed("main;a 500\nmain;b 500\n"),
		PROFILE_CLOCK_SAMPLES);
	report_profile_diff_verdict(&out, &x.report);
	assert_has(out.p, "a fell from 90 % to 50 % (−40.0 points).");
	assert_has(out.p, "What is noise cannot be told");
	assert_has(out.p, "In all there were 1,000 samples before, 1,000 after.");
	str_release(&out);
	pair_release(&x);
}
END_TEST

START_TEST(page_of_a_difference)
{
	struct str out = STR_INIT;
	struct pair x;
	json_t *data, *nodes;
	unsigned char *marks;
	size_t own = 0;

	pair_init(&x, profile_fixture_app(12400), profile_fixture_app(6200), PROFILE_CLOCK_WALL);
	{
		const struct report_profile_diff_page page = {.run.title = "before & after",
			.run.command = "culprit compare 6 7",
			.diff = x.report};

		report_profile_diff_html(&out, &page);
	}
	html_assert_well_formed(out.p);
	html_assert_alone(out.p);
	ck_assert_uint_eq(count(out.p, "<script"), 3);
	assert_has(out.p, "run 7: &lt;b&gt;");
	data = data_of(out.p);
	nodes = json_object_get(data, "nodes");
	ck_assert_uint_eq(json_array_size(json_object_get(nodes, "up")), x.diff.n_nodes);
	ck_assert_int_le(llabs((long long)sum_of(nodes, "after") - 1000000000), 100);
	ck_assert_int_le(llabs((long long)sum_of(nodes, "before") - 1000000000), 100);
	/* what is marked is a function that really changed, or above one */
	marks = diff_marks(&x.diff);
	for (size_t i = 0; i < x.diff.n_nodes; i++)
		if (marks[i] == DIFF_OWN) {
			own++;
			ck_assert(x.diff.nodes[i].before.self != x.diff.nodes[i].after.self);
		}
	ck_assert_uint_ge(own, 3);
	free(marks);
	json_decref(data);
	str_release(&out);
	pair_release(&x);
}
END_TEST

UNIT_MAIN("report_profile", text_of_a_service, text_at_any_width, text_of_a_recursion,
	text_of_views, text_of_nothing, doubts, files_as_people_name_them,
	names_are_cut_in_the_middle, page_of_a_service, page_of_nothing, page_of_too_many,
	wished_sources, difference_in_the_terminal, no_difference, difference_without_time,
	page_of_a_difference)

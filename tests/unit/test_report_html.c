/*
 * The HTML report: well-formed as XML (but for the text of script and style, which is raw), nothing
 * fetched, nothing from outside taken for markup, and small enough.
 */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/report.h"
#include "report/svg.h"
#include "html_reader.h"
#include "report_fixture.h"

static void look(const char *name, const struct str *text)
{
	const char *folder = getenv("CULPRIT_LOOK");
	char path[256];

	if (!folder)
		return;
	snprintf(path, sizeof(path), "%s/%s.html", folder, name);
	ck_assert_int_eq(file_write(path, text->p, text->len, NULL), 0);
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

/* ---- pages ---- */

struct sample {
	struct rank_result *rank;
	struct report_trial *trials;
	json_t *machine;
	struct report_page page;
};

/* The rank's rows as trials, with `failed` more that failed, one after every tenth. */
static void add_trials(struct sample *s, size_t failed)
{
	struct rank_result *r = s->rank;
	size_t n = r->n + failed;

	s->trials = calloc(n, sizeof(*s->trials));
	for (size_t k = 0, row = 0; k < n; k++) {
		bool ok = !failed || k % 10 != 9 || (k - 9) / 10 >= failed;
		json_t *setting = json_object(), *responses = json_object();

		if (row == r->n)
			ok = false;
		for (size_t j = 0; j < r->p; j++)
			json_object_set_new(setting, r->data.names[j],
				r->data.words[j] ? json_string(r->data.words[j][(
							   size_t)r->data.x[j * r->n + row % r->n]])
						 : json_real(r->data.x[j * r->n + row % r->n]));
		if (ok) {
			json_object_set_new(responses, "p99_ms", json_real(1e5 / r->data.y[row]));
			json_object_set_new(responses, r->response, json_real(r->data.y[row]));
		}
		s->trials[k] = (struct report_trial){k, ok,
			ok ? "" : "12 of 240 requests failed: 503 <Service Unavailable>", setting,
			responses};
		row += ok;
	}
	s->page.trials = s->trials;
	s->page.n_trials = n;
}

static struct sample sample_new(const struct fixture *fixture)
{
	struct sample s = {.rank = fixture_new(fixture)};

	s.machine = json_pack("{s:s, s:i, s:I, s:s, s:s, s:b, s:{s:i}}", "cpu",
		"AMD EPYC 7B13 <1 & 2>", "cores", 2, "memory_bytes", (json_int_t)8323072000,
		"kernel", "6.1.0-28-amd64", "git_commit", "03ed37fa", "git_dirty", 1, "limits",
		"files", 1024);
	s.page = (struct report_page){.run.title = "studies/mixed.yaml",
		.run.command = "culprit find studies/mixed.yaml --trials 60 --seed 7",
		.run.started = "2026-11-21 11:20:03 UTC",
		.run.machine = s.machine,
		.run.id = 12,
		.seed = 7,
		.seconds = 81.3,
		.rank = s.rank};
	return s;
}

static void sample_free(struct sample *s)
{
	for (size_t i = 0; i < s->page.n_trials; i++) {
		json_decref((json_t *)s->trials[i].setting);
		json_decref((json_t *)s->trials[i].responses);
	}
	free(s->trials);
	json_decref(s->machine);
	fixture_free(s->rank);
}

static char *page_of(const char *name, struct sample *s, size_t *tags)
{
	struct str out = STR_INIT;
	size_t n;

	report_html(&out, &s->page);
	look(name, &out);
	n = html_assert_well_formed(out.p);
	html_assert_alone(out.p);
	ck_assert_ptr_null(strstr(out.p, "http://"));
	ck_assert_ptr_null(strstr(out.p, "https://"));
	if (tags)
		*tags = n;
	return str_take(&out);
}

START_TEST(page_of_a_study)
{
	struct sample s = sample_new(&FIXTURE_SEED);
	char *html;

	add_trials(&s, 3);
	fixture_warn(s.rank, "The five trials 12, 19, 20, 31 and 44 ran while other processes used "
			     "more than a tenth of the machine; take their rates with care.");
	fixture_factor(s.rank, "mean_response_time")->group = 1;
	html = page_of("seed", &s, NULL);
	ck_assert_ptr_nonnull(
		strstr(html, "<span>studies/mixed.yaml</span> <span>--trials</span> "));
	ck_assert_ptr_nonnull(strstr(html, "63, 3 of them failed, in 1 m 21 s"));
	ck_assert_uint_eq(count(html, "class=\"failed\""), 3);
	ck_assert_uint_eq(count(html, "<tr data-i="), 63);
	/* 5 factors, 2 models, Little's law; each trial that went well in each; and RFECV's 5 */
	ck_assert_uint_eq(count(html, "class=\"d\"") + count(html, "class=\"d h\""), 60 * 8 + 5);
	/* the tenth trial failed, so that row 10 of the data is trial 11: linked in plots and table
	 */
	ck_assert_uint_eq(count(html, "data-i=\"9\""), 1);
	ck_assert_uint_eq(count(html, "data-i=\"10\""), 9);
	ck_assert_ptr_nonnull(strstr(html, "Little’s law"));
	ck_assert_uint_eq(count(html, "<td class=\"group\">1=</td>"), 2);
	free(html);
	sample_free(&s);
}
END_TEST

START_TEST(page_is_small)
{
	struct fixture forty = FIXTURE_SEED;
	struct sample s;
	char *html;

	forty.n = 40;
	s = sample_new(&forty);
	add_trials(&s, 0);
	html = page_of("forty", &s, NULL);
	ck_assert_uint_lt(strlen(html), 100000);
	free(html);
	sample_free(&s);
}
END_TEST

START_TEST(page_of_thousands)
{
	struct sample s = sample_new(&FIXTURE_MANY);
	char *html;
	size_t tags;

	add_trials(&s, 100);
	html = page_of("many", &s, &tags);
	ck_assert_uint_lt(strlen(html), 2000000);
	ck_assert_uint_eq(count(html, "<tr data-i="), 500 + 20);
	ck_assert_ptr_nonnull(strstr(html, "The first 500 of 3,100"));
	ck_assert_ptr_nonnull(strstr(html, "One of every"));
	/* hostile names are text */
	ck_assert_ptr_null(strstr(html, "<script>alert"));
	ck_assert_ptr_nonnull(strstr(html, "&lt;script&gt;alert(&#39;x &amp; &quot;y&quot;&#39;)"));
	ck_assert_ptr_nonnull(strstr(html, "AMD EPYC 7B13 &lt;1 &amp; 2&gt;"));
	ck_assert_ptr_nonnull(strstr(html, "503 &lt;Service Unavailable&gt;"));
	ck_assert_uint_eq(count(html, "<script"), 1);
	free(html);
	sample_free(&s);
}
END_TEST

START_TEST(page_without_trials)
{
	struct sample s = sample_new(&FIXTURE_LATENCY);
	char *html;

	s.page.run.machine = NULL;
	s.page.run.id = 0;
	s.page.seconds = NAN;
	html = page_of("latency", &s, NULL);
	ck_assert_ptr_nonnull(strstr(html, "<h2>Rows</h2>"));
	ck_assert_uint_eq(count(html, "<tr data-i="), 40);
	ck_assert_ptr_null(strstr(html, "facts machine"));
	ck_assert_ptr_null(strstr(html, "<dt>run</dt>"));
	ck_assert_ptr_null(strstr(html, "Little"));
	free(html);
	sample_free(&s);
}
END_TEST

START_TEST(pages_of_odd_rankings)
{
	static const struct fixture *const ODD[] = {
		&FIXTURE_NULL, &FIXTURE_ONE, &FIXTURE_WORDS, &FIXTURE_SEED};

	for (size_t k = 0; k < sizeof(ODD) / sizeof(ODD[0]); k++) {
		struct sample s = sample_new(ODD[k]);
		struct rank_result *r = s.rank;
		char name[16];

		if (k == 3) /* nothing could be estimated */
			for (size_t j = 0; j < r->p; j++) {
				struct rank_factor *f = &r->factors[j];

				f->importance_interval = f->effect_interval =
					(struct interval){NAN, NAN};
				f->importance = f->coef = f->effect_percent = f->at_low = NAN;
				f->permutation = NAN;
				f->curve_n = j % 2 ? 0 : f->curve_n;
				f->collinear = true;
				r->linear.predicted[j] = r->linear.holdout[j] = NAN;
				r->noise_floor = r->linear.r2 = r->linear.mse = NAN;
				r->linear.r2_interval = (struct interval){NAN, NAN};
			}
		add_trials(&s, 1);
		snprintf(name, sizeof(name), "odd%zu", k);
		free(page_of(name, &s, NULL));
		sample_free(&s);
	}
}
END_TEST

/* ---- the plot layer ---- */

static void assert_ticks(struct svg_axis axis, size_t most, const char *want)
{
	double ticks[SVG_MAX_TICKS];
	size_t n = svg_ticks(&axis, most, ticks);
	struct str got = STR_INIT;

	for (size_t i = 0; i < n; i++) {
		str_add(&got, i ? " " : "");
		svg_tick_label(&got, ticks, n, ticks[i]);
	}
	ck_assert_str_eq(str_text(&got), want);
	str_release(&got);
}

START_TEST(ticks_are_round)
{
	assert_ticks((struct svg_axis){.low = 0, .high = 1}, 6, "0 0.2 0.4 0.6 0.8 1.0");
	assert_ticks((struct svg_axis){.low = .13, .high = .77}, 5, "0.2 0.4 0.6");
	assert_ticks((struct svg_axis){.low = -12, .high = 31}, 5, "−10 0 10 20 30");
	assert_ticks((struct svg_axis){.low = 0, .high = 1e6}, 5, "0 0.5M 1.0M");
	assert_ticks((struct svg_axis){.low = 500, .high = 1000}, 6, "500 600 700 800 900 1,000");
	assert_ticks((struct svg_axis){.low = 0, .high = 2.4e6}, 6, "0 0.5M 1.0M 1.5M 2.0M");
	assert_ticks((struct svg_axis){.low = 80, .high = 4000, .log = true}, 8,
		"100 200 500 1,000 2,000");
	assert_ticks((struct svg_axis){.low = 1e-3, .high = 1e5, .log = true}, 5,
		"0.001 0.1 10 1,000 100k");
	assert_ticks((struct svg_axis){.low = -1e-3, .high = 1e-3}, 4, "−0.001 0 0.001");
}
END_TEST

START_TEST(axes_hold_their_values)
{
	const double one[] = {5, 5, NAN}, wide[] = {1, 1000, 20}, far[] = {900, 1000};
	struct svg_axis a;

	svg_axis_init(&a);
	svg_axis_finish(&a, true, 0);
	ck_assert(a.low < a.high);
	svg_axis_init(&a);
	svg_axis_cover(&a, one, 3);
	svg_axis_finish(&a, true, 0);
	ck_assert(a.low < 5 && a.high > 5);
	svg_axis_init(&a);
	svg_axis_cover(&a, wide, 3);
	svg_axis_finish(&a, true, 12);
	ck_assert(a.log && a.low < 1 && a.high > 1000);
	svg_axis_init(&a);
	svg_axis_cover(&a, wide, 3);
	svg_axis_finish(&a, true, 0);
	ck_assert(!a.log && a.low == 0); /* near zero on this scale: shown from it */
	svg_axis_init(&a);
	svg_axis_cover(&a, far, 2);
	svg_axis_finish(&a, true, 12);
	ck_assert(!a.log && a.low > 890);
}
END_TEST

UNIT_MAIN("report_html", page_of_a_study, page_is_small, page_of_thousands, page_without_trials,
	pages_of_odd_rankings, ticks_are_round, axes_hold_their_values)

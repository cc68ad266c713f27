/*
 * The page of a load: the verdict, the latency by percentile, the run over time, and the tables.
 * Plots show what a summary hides: two humps in the latency, one stall, a rate that creeps.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/flame_data.h"
#include "report/html.h"
#include "report/load_words.h"
#include "report/phrase.h"
#include "report/svg.h"

enum {
	CURVE = 240, /* points of the latency by percentile */
	SPOTS = 600, /* places of a curve that say what they are */
	WIDE = 760,
	HIGH = 330,
	LOW = 210,  /* of the plots over time */
	MARGIN = 58 /* that their scales have in common */
};

static const double LOG_SPAN = 20;

/* ---- the head ---- */

static void duration_words(struct str *out, double seconds)
{
	char text[NUM_TEXT];

	str_add(out, num_duration(seconds, text));
}

static void failed_words(struct str *out, const struct load_result *r)
{
	char count[NUM_TEXT];

	if (!r->n_errors) {
		str_add(out, "nothing failed");
		return;
	}
	str_addf(out, "%s request%s failed (", num_count((double)r->n_errors, count),
		r->n_errors == 1 ? "" : "s");
	phrase_significant(out, 100 * load_error_fraction(r), 2);
	str_add(out, " %)");
}

static void verdict(struct str *out, const struct load_report *l)
{
	const struct load_result *r = l->result;

	if (l->search) {
		load_words_search(out, l);
		return;
	}
	if (!r->completed) {
		str_add(out, "Nothing succeeded: ");
		failed_words(out, r);
		str_add_char(out, '.');
		return;
	}
	load_words_rate(out, l->spec, r);
	if (r->latency.n && r->latency.counts) {
		str_add(out, ", half of them within ");
		duration_words(out, (double)hist_percentile(&r->latency, 50) / 1e9);
		str_add(out, ", 99 % within ");
		duration_words(out, (double)hist_percentile(&r->latency, 99) / 1e9);
	}
	str_add(out, "; ");
	failed_words(out, r);
	str_add_char(out, '.');
}

/* Sentences: escaped, numbers kept with their unit. */
static void prose(struct str *out, const char *text)
{
	for (; *text; text++) {
		char c[2] = {*text, '\0'};

		if (*text == ' ' &&
			(text[1] == '%' || str_starts(text + 1, "±") ||
				str_starts(text + 1, "ms") || str_starts(text + 1, "µs")))
			str_add(out, "&#160;");
		else
			str_add_html(out, c);
	}
}

static void add_goals(struct str *out, const struct load_report *l)
{
	struct str text = STR_INIT;

	if (l->n_goals)
		str_add(out, "<ul class=\"goals\">\n");
	for (size_t i = 0; i < l->n_goals; i++) {
		struct err ignored;
		double value = NAN;
		bool held = !load_goal_value(&l->goals[i], l->result, &value, &ignored) &&
			    load_goal_holds(&l->goals[i], value);

		str_clear(&text);
		load_goal_describe(&l->goals[i], value, &text);
		str_addf(out, "<li><span class=\"tag %s\">%s</span>", held ? "good" : "bad",
			held ? "held" : "missed");
		prose(out, str_text(&text));
		str_add(out, "</li>\n");
	}
	if (l->n_goals)
		str_add(out, "</ul>\n");
	str_release(&text);
}

static bool doubt(struct str *text, const void *what, size_t n)
{
	return load_words_doubt(text, what, n);
}

static void fact_of(struct str *out, const char *name, struct str *text)
{
	html_fact(out, name, str_text(text));
	str_clear(text);
}

static void add_facts(struct str *out, const struct report_load_page *page)
{
	const struct load_result *r = page->load.result;
	struct str text = STR_INIT;

	html_open_facts(out, &page->run);
	load_words_count(&text, page->load.spec, r);
	fact_of(out, "measured", &text);
	load_words_warmup(&text, r);
	fact_of(out, "warm-up", &text);
	load_words_protocol(&text, r);
	fact_of(out, "protocol", &text);
	load_words_engine(&text, r);
	fact_of(out, "generator", &text);
	load_words_whole(&text, r);
	fact_of(out, "whole run", &text);
	load_words_watched(&text, &page->load);
	fact_of(out, "service", &text);
	str_addf(&text, "%lld", (long long)page->load.spec->seed);
	fact_of(out, "seed", &text);
	html_close_facts(out, &page->run);
	str_release(&text);
}

static void add_header(struct str *out, const struct report_load_page *page)
{
	struct str text = STR_INIT;

	html_header(out, &page->run);
	verdict(&text, &page->load);
	prose(out, text.p);
	str_add(out, "</h1>\n<p class=\"lead\">");
	str_clear(&text);
	load_words_what(&text, page->load.spec);
	str_add(&text, ", ");
	load_words_how(&text, page->load.spec);
	prose(out, text.p);
	str_add(out, "</p>\n");
	html_warnings(out, doubt, &page->load, prose);
	add_goals(out, &page->load);
	add_facts(out, page);
	str_add(out, "</header>\n");
	str_release(&text);
}

/* ---- units of time ---- */

struct unit {
	const char *name, *log_name;
	double seconds;
};

/* That in which the largest value has one to three digits before its point. */
static struct unit unit_for(double most_s)
{
	if (most_s >= 1)
		return (struct unit){"s", "s, logarithmic", 1};
	if (most_s >= 1e-3)
		return (struct unit){"ms", "ms, logarithmic", 1e-3};
	return (struct unit){"µs", "µs, logarithmic", 1e-6};
}

/* ---- latency by percentile ---- */

/* x is 1 / (1 − p): each nine takes the same room. */
static const struct svg_mark NINES[] = {{2, "50 %"}, {10, "90 %"}, {100, "99 %"}, {1e3, "99.9 %"},
	{1e4, "99.99 %"}, {1e5, "99.999 %"}, {1e6, "99.9999 %"}, {1e7, "99.99999 %"}};

/* The points of a distribution, up to that beyond which one record lies. */
static size_t percentile_curve(
	const struct hist *h, const struct unit *unit, double x[CURVE], double y[CURVE])
{
	double most = log((double)h->n);
	size_t n = 0;

	for (size_t i = 0; i < CURVE; i++) {
		x[n] = exp(most * (double)i / (CURVE - 1));
		y[n] = (double)hist_percentile(h, 100 * (1 - 1 / x[n])) / 1e9 / unit->seconds;
		n++;
	}
	return n;
}

static void percentile_spots(
	struct svg *s, const struct hist *h, const struct unit *unit, const char *what, double most)
{
	struct str tip = STR_INIT;

	for (size_t i = 0; i < sizeof(NINES) / sizeof(NINES[0]) && NINES[i].at <= most; i++) {
		double seconds = (double)hist_percentile(h, 100 * (1 - 1 / NINES[i].at)) / 1e9;

		str_clear(&tip);
		str_addf(&tip, "%s: %s within ", what, NINES[i].label);
		duration_words(&tip, seconds);
		svg_spot(s, NINES[i].at, seconds / unit->seconds, tip.p);
	}
	str_release(&tip);
}

static void percentile_axes(struct svg *s, const struct load_result *r, const struct unit *unit)
{
	double low = (double)r->latency.min / 1e9 / unit->seconds;
	double high = (double)r->latency.max / 1e9 / unit->seconds;

	if (r->from_send.n)
		low = fmin(low, (double)r->from_send.min / 1e9 / unit->seconds);
	s->x = (struct svg_axis){.low = 1,
		.high = fmax(12, (double)r->latency.n * 1.1),
		.log = true,
		.marks = NINES,
		.n_marks = sizeof(NINES) / sizeof(NINES[0])};
	svg_axis_init(&s->y);
	svg_axis_cover(&s->y, (const double[]){low, high}, 2);
	svg_axis_finish(&s->y, true, LOG_SPAN);
	s->y.title = s->y.log ? unit->log_name : unit->name;
}

static void key(struct str *out, const char *class, const char *text)
{
	str_addf(out, "<span class=\"keyed\"><span class=\"key line %s\"></span>%s</span> ", class,
		text);
}

static void percentile_plot(struct str *out, const struct load_result *r)
{
	struct unit unit = unit_for((double)r->latency.max / 1e9);
	struct svg s = {.out = out, .width = WIDE, .height = HIGH, .left = MARGIN};
	bool both = load_words_differ(&r->latency, &r->from_send);
	double x[CURVE], y[CURVE];
	size_t n;

	percentile_axes(&s, r, &unit);
	str_add(out, "<figure><figcaption>");
	if (both) {
		key(out, "", "from the intended start");
		key(out, "two", "from the send");
	} else
		str_add(out, "<span class=\"sub\">so many per cent took at most so long</span>");
	str_add(out, "</figcaption>\n");
	svg_open(&s, "", "Latency by percentile",
		"Each nine of the percentile takes the same room on the axis below");
	if (both) {
		n = percentile_curve(&r->from_send, &unit, x, y);
		svg_curve(&s, x, y, n, "line two");
		percentile_spots(&s, &r->from_send, &unit, "from the send", x[n - 1]);
	}
	n = percentile_curve(&r->latency, &unit, x, y);
	svg_curve(&s, x, y, n, "line one");
	percentile_spots(
		&s, &r->latency, &unit, both ? "from the intended start" : "latency", x[n - 1]);
	svg_close(&s);
	str_add(out, "</figure>\n");
}

static const double PERCENTS[] = {50, 90, 99, 99.9, 99.99};
enum { N_PERCENTS = sizeof(PERCENTS) / sizeof(PERCENTS[0]) };

static void time_cell(struct str *out, double seconds)
{
	char text[NUM_TEXT];

	str_addf(out, "<td class=\"num\">%s</td>", num_duration(seconds, text));
}

/* A percentile that fewer than one record lies beyond is not known. */
static double known_percentile(const struct hist *h, double percent)
{
	if (!h->counts || (double)h->n * (100 - percent) / 100 < 1)
		return NAN;
	return (double)hist_percentile(h, percent) / 1e9;
}

static void times_row(struct str *out, const char *name, const struct hist *h)
{
	if (!h->n || !h->counts)
		return;
	str_addf(out, "<tr><th scope=\"row\">%s</th>", name);
	time_cell(out, hist_mean(h) / 1e9);
	for (size_t i = 0; i < N_PERCENTS; i++)
		time_cell(out, known_percentile(h, PERCENTS[i]));
	time_cell(out, (double)h->max / 1e9);
	str_add(out, "</tr>\n");
}

static void times_table(struct str *out, const struct load_result *r)
{
	static const char *const TITLES[] = {"mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"};

	str_add(out, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"times\">"
		     "<table class=\"times\"><thead><tr><th></th>");
	for (size_t i = 0; i < sizeof(TITLES) / sizeof(TITLES[0]); i++)
		str_addf(out, "<th scope=\"col\" class=\"num\">%s</th>", TITLES[i]);
	str_add(out, "</tr></thead><tbody>\n");
	times_row(out, "latency", &r->latency);
	if (load_words_differ(&r->latency, &r->from_send))
		times_row(out, "from the send", &r->from_send);
	times_row(out, "to the first byte", &r->first_byte);
	times_row(out, "connect", &r->connect);
	times_row(out, "TLS handshake", &r->tls);
	times_row(out, "sent late by", &r->late);
	str_add(out, "</tbody></table></div>\n");
}

static void add_latency(struct str *out, const struct load_result *r)
{
	bool plot = r->latency.n > 1 && r->latency.counts;

	if (!plot && !r->connect.n)
		return;
	str_add(out,
		"<section id=\"latency\">\n<h2>How long the answers took</h2>\n"
		"<p class=\"sub\">From the intended start of a request to the last byte of its "
		"answer.</p>\n");
	if (plot) {
		str_add(out, "<div class=\"stack\">\n");
		percentile_plot(out, r);
		str_add(out, "</div>\n");
	}
	times_table(out, r);
	str_add(out, "</section>\n");
}

/* ---- over time ---- */

/* Seconds of the series whose length is enough for a rate. */
struct timeline {
	double *x, *rate, *asked, *p50, *p99, *max, *errors;
	size_t n;
	double from, to; /* of the axis */
	double warmup_s;
	bool any_asked, any_errors, any_times;
	struct unit unit;
	const struct load_second *seconds;
};

static void timeline_release(struct timeline *t)
{
	free(t->x);
}

static void timeline_init(struct timeline *t, const struct load_result *r)
{
	size_t n = r->n_series;
	double most = 0;

	*t = (struct timeline){.from = -r->warmup_s, .warmup_s = r->warmup_s, .seconds = r->series};
	t->x = mem_zalloc(7 * (n + 1), sizeof(*t->x));
	t->rate = t->x + n;
	t->asked = t->rate + n;
	t->p50 = t->asked + n;
	t->p99 = t->p50 + n;
	t->max = t->p99 + n;
	t->errors = t->max + n;
	for (size_t i = 0; i < n; i++) {
		const struct load_second *s = &r->series[i];

		t->to = s->start_s + s->seconds;
		if (s->seconds < .2 && i)
			continue;
		t->x[t->n] = s->start_s + s->seconds / 2;
		t->rate[t->n] = (double)s->completed / s->seconds;
		t->asked[t->n] = s->asked_rate;
		t->p50[t->n] = s->p50_s;
		t->p99[t->n] = s->p99_s;
		t->max[t->n] = s->max_s;
		t->errors[t->n] = (double)s->errors / s->seconds;
		t->any_asked |= s->asked_rate > 0;
		t->any_errors |= s->errors > 0;
		t->any_times |= isfinite(s->p99_s);
		most = isfinite(s->max_s)   ? fmax(most, s->max_s)
		       : isfinite(s->p99_s) ? fmax(most, s->p99_s)
					    : most;
		t->n++;
	}
	t->unit = unit_for(most);
	for (size_t i = 0; i < t->n; i++) {
		t->p50[i] /= t->unit.seconds;
		t->p99[i] /= t->unit.seconds;
		t->max[i] /= t->unit.seconds;
	}
}

static struct svg time_plot(struct str *out, const struct timeline *t, const char *unit)
{
	struct svg s = {.out = out, .width = WIDE, .height = LOW, .left = MARGIN};

	s.x = (struct svg_axis){.low = t->from, .high = t->to};
	svg_axis_init(&s.y);
	s.y.title = unit;
	return s;
}

static void open_time_plot(
	struct svg *s, const struct timeline *t, const char *title, const char *about)
{
	svg_open(s, "", title, about);
	if (t->warmup_s > 0)
		svg_shade(s, t->from, 0, "warm-up");
}

static void time_spots(struct svg *s, const struct timeline *t, const double *y, const char *unit)
{
	size_t stride = 1 + t->n / SPOTS;
	struct str tip = STR_INIT;
	char time[NUM_TEXT];

	for (size_t i = 0; i < t->n; i += stride) {
		str_clear(&tip);
		str_addf(&tip, "at %s: ", num_duration(t->x[i], time));
		phrase_significant(&tip, y[i], 4);
		str_addf(&tip, " %s", unit);
		svg_spot(s, t->x[i], y[i], tip.p);
	}
	str_release(&tip);
}

static void rate_plot(struct str *out, const struct timeline *t)
{
	struct svg s = time_plot(out, t, "requests/s");

	svg_axis_cover(&s.y, t->rate, t->n);
	svg_axis_cover(&s.y, t->asked, t->n);
	svg_axis_cover(&s.y, (const double[]){0}, 1);
	svg_axis_finish(&s.y, true, 0);
	str_add(out, "<figure><figcaption>");
	key(out, "", "answered");
	if (t->any_asked)
		key(out, "asked", "asked for");
	str_add(out, "</figcaption>\n");
	open_time_plot(&s, t, "Rate over time", "Answers a second, second by second");
	if (t->any_asked)
		svg_curve(&s, t->x, t->asked, t->n, "line asked");
	svg_curve(&s, t->x, t->rate, t->n, "line one");
	time_spots(&s, t, t->rate, "requests/s");
	svg_close(&s);
	str_add(out, "</figure>\n");
}

static void latency_plot(struct str *out, const struct timeline *t)
{
	struct svg s = time_plot(out, t, t->unit.name);

	svg_axis_cover(&s.y, t->p50, t->n);
	svg_axis_cover(&s.y, t->p99, t->n);
	svg_axis_cover(&s.y, t->max, t->n);
	svg_axis_finish(&s.y, true, LOG_SPAN);
	s.y.title = s.y.log ? t->unit.log_name : t->unit.name;
	str_add(out, "<figure><figcaption>");
	key(out, "", "p50");
	key(out, "two", "p99");
	key(out, "three", "max");
	str_add(out, "</figcaption>\n");
	open_time_plot(&s, t, "Latency over time", "Median, 99th percentile and maximum");
	svg_curve(&s, t->x, t->max, t->n, "line three");
	svg_curve(&s, t->x, t->p50, t->n, "line one");
	svg_curve(&s, t->x, t->p99, t->n, "line two");
	time_spots(&s, t, t->max, t->unit.name);
	time_spots(&s, t, t->p99, t->unit.name);
	time_spots(&s, t, t->p50, t->unit.name);
	svg_close(&s);
	str_add(out, "</figure>\n");
}

static void errors_plot(struct str *out, const struct timeline *t)
{
	struct svg s = time_plot(out, t, "failed/s");

	svg_axis_cover(&s.y, t->errors, t->n);
	svg_axis_cover(&s.y, (const double[]){0}, 1);
	svg_axis_finish(&s.y, true, 0);
	str_add(out, "<figure><figcaption>");
	key(out, "two", "failed");
	str_add(out, "</figcaption>\n");
	open_time_plot(&s, t, "Failures over time", "Failed requests a second");
	svg_curve(&s, t->x, t->errors, t->n, "line two");
	time_spots(&s, t, t->errors, "failed/s");
	svg_close(&s);
	str_add(out, "</figure>\n");
}

static void add_timeline(struct str *out, const struct load_result *r)
{
	struct timeline t;

	timeline_init(&t, r);
	if (t.n >= 2) {
		str_add(out,
			"<section id=\"time\">\n<h2>Over time</h2>\n<p class=\"sub\">Seconds from "
			"the start of the measurement.</p>\n<div class=\"stack\">\n");
		rate_plot(out, &t);
		if (t.any_times)
			latency_plot(out, &t);
		if (t.any_errors)
			errors_plot(out, &t);
		str_add(out, "</div>\n</section>\n");
	}
	timeline_release(&t);
}

/* What the service did meanwhile. */
static void add_profile(struct str *out, const struct report_profile_page *profile)
{
	struct str about = STR_INIT;

	str_add(&about, "<p class=\"sub\">");
	str_add_html(&about, profile->profile.what);
	str_add(&about, ", during the load.</p>\n");
	report_profile_section(out, profile, about.p);
	str_release(&about);
}

void report_load_html(struct str *out, const struct report_load_page *page)
{
	html_open_with(out, page->run.title, page->profile ? FLAME_STYLE : "");
	add_header(out, page);
	add_latency(out, page->load.result);
	add_timeline(out, page->load.result);
	html_load_tables(out, &page->load);
	if (page->profile)
		add_profile(out, page->profile);
	html_close(out);
}

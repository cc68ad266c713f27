/*
 * Static drawings of a correlation's page: target and strongest series one below the other over one
 * axis of time, their differences beside them; of each the scatter against the target and the
 * coefficient at every lag.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/html_correlate.h"
#include "report/html.h"
#include "report/phrase.h"

enum {
	WIDE = 520,
	HIGH = 118,
	MARGIN = 52,
	BUCKETS = 260, /* of a curve: the lowest and highest of each are drawn */
	DOTS = 1500,   /* of a scatter */
	SQUARE = 300,
	LAGS_HIGH = 190,
};

/* ---- time ---- */

static double round_time_step(double span_s, size_t most)
{
	static const double STEPS[] = {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
		7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000,
		31536000};
	size_t k = 0, n = sizeof(STEPS) / sizeof(STEPS[0]);

	if (span_s < 2) /* below a second: 1, 2, 5 times a power of ten */
		return pow(10, ceil(log10(span_s / (double)most)));
	while (k + 1 < n && span_s / STEPS[k] > (double)most)
		k++;
	return span_s / STEPS[k] > (double)most ? ceil(span_s / STEPS[k] / (double)most) * STEPS[k]
						: STEPS[k];
}

void html_correlate_ticks(struct html_correlate_ticks *t, const struct series_set *s, double from_s,
	double to_s, size_t most)
{
	double step = round_time_step(to_s - from_s, most);
	bool days = step >= 86400;

	t->n = 0;
	for (double at = ceil(from_s / step) * step; at <= to_s && t->n < SVG_MAX_TICKS;
		at += step) {
		struct str text = STR_INIT;
		char *space;

		if (correlate_words_is_calendar(s))
			correlate_words_time(&text, s, at);
		else
			correlate_words_short_span(&text, at);
		space = correlate_words_is_calendar(s) ? strchr(text.p, ' ') : NULL;
		/* of "11-05 19:00" the time, or the day where there is no time to tell */
		if (space && (days || fmod(at, 86400) == 0))
			*space = '\0';
		snprintf(t->text[t->n], sizeof(t->text[0]), "%s",
			space && *space ? space + 1 : text.p);
		t->marks[t->n] = (struct svg_mark){at, t->text[t->n]};
		t->n++;
		str_release(&text);
	}
}

/* ---- courses ---- */

/* Points of a curve: as they are, or of each bucket the lowest and the highest. */
struct points {
	double *x, *y;
	size_t n;
};

static void points_add(
	struct points *p, const struct correlate_course *c, const double *y, size_t t)
{
	p->x[p->n] = c->start_s + (double)t * c->step_s;
	p->y[p->n++] = y[t];
}

static struct points points_of(const struct correlate_course *c, const double *y)
{
	size_t buckets = c->n <= (size_t)2 * BUCKETS ? c->n : BUCKETS;
	struct points p = {mem_alloc(2 * buckets + 1, sizeof(double)),
		mem_alloc(2 * buckets + 1, sizeof(double)), 0};

	for (size_t b = 0; b < buckets; b++) {
		size_t from = b * c->n / buckets, to = (b + 1) * c->n / buckets, low = from,
		       high = from;

		for (size_t t = from; t < to; t++) {
			if (!(y[t] >= y[low])) /* NaN gives way, and is taken where all are */
				low = isnan(y[t]) ? low : t;
			if (!(y[t] <= y[high]))
				high = isnan(y[t]) ? high : t;
		}
		points_add(&p, c, y, low < high ? low : high);
		if (low != high)
			points_add(&p, c, y, low < high ? high : low);
	}
	return p;
}

static double *differences(const struct correlate_course *c)
{
	double *d = mem_alloc(c->n + 1, sizeof(*d));

	for (size_t t = 0; t < c->n; t++)
		d[t] = t ? c->values[t] - c->values[t - 1] : NAN;
	return d;
}

static void draw_course(struct str *out, const struct correlate_report *r,
	const struct correlate_course *c, const double *y, const char *class, const char *about)
{
	struct points p = points_of(c, y);
	struct html_correlate_ticks ticks;
	struct svg s = {.out = out, .width = WIDE, .height = HIGH, .left = MARGIN};
	double from, to;

	s.x = (struct svg_axis){
		.low = c->start_s, .high = c->start_s + c->step_s * (double)(c->n - 1)};
	from = r->incident ? fmax(s.x.low, r->incident->spec.from_s) : 0;
	to = r->incident ? fmin(s.x.high, r->incident->spec.to_s) : 0;
	html_correlate_ticks(&ticks, r->set, s.x.low, s.x.high, 8);
	s.x.marks = ticks.marks;
	s.x.n_marks = ticks.n;
	svg_axis_init(&s.y);
	svg_axis_cover(&s.y, p.y, p.n);
	svg_axis_finish(&s.y, false, 0);
	svg_open(&s, class, about, "over time");
	if (r->incident && from < to)
		svg_shade(&s, from, to, "");
	svg_curve(&s, p.x, p.y, p.n, "line");
	svg_close(&s);
	free(p.x);
	free(p.y);
}

static void add_caption(
	struct str *out, const struct correlate_report *r, const struct correlate_row *row)
{
	struct str text = STR_INIT;
	double lead = row ? correlate_words_lead_s(r, row) : 0;

	str_add(out, "<figcaption><b>");
	html_correlate_name(out, row ? correlate_words_series(r, row->series) : r->result->target);
	str_add(out, "</b> <span class=\"sub\">");
	if (!row)
		str_add(out, "the target");
	else {
		str_add(&text, "r = ");
		correlate_words_r(&text, row->r);
		str_add_char(&text, ' ');
		correlate_words_interval(&text, row->r, row->low, row->high);
		if (lead != 0) {
			str_add(&text, lead > 0 ? ", leads by " : ", follows by ");
			correlate_words_span(&text, fabs(lead));
		}
		html_sentence(out, text.p);
	}
	str_add(out, "</span></figcaption>\n");
	str_release(&text);
}

static void add_course(struct str *out, const struct correlate_report *r, size_t k,
	const struct correlate_row *row)
{
	const struct series_set *top = &r->result->top;
	struct correlate_course c = {top->items[k].values, top->n_times, top->start_s, top->step_s};
	double *d;

	if (!c.values || c.n < 2)
		return;
	d = differences(&c);
	str_addf(out, "<figure class=\"course%s\" data-series=\"%zu\">\n", row ? "" : " target",
		r->result->top_series[k]);
	add_caption(out, r, row);
	str_add(out, "<div class=\"pair\">");
	draw_course(out, r, &c, c.values, "values", "values");
	draw_course(out, r, &c, d, "changes", "changes from step to step");
	str_add(out, "</div></figure>\n");
	free(d);
}

/* The row of the k-th of the top; NULL for the target. */
static const struct correlate_row *top_row(const struct correlate_report *r, size_t k)
{
	for (size_t i = 0; k && i < r->result->n; i++)
		if (r->result->rows[i].series == r->result->top_series[k])
			return &r->result->rows[i];
	return NULL;
}

void html_correlate_together(struct str *out, const struct correlate_report *r)
{
	const struct series_set *top = &r->result->top;

	if (!top->n || !top->items[0].values || top->n_times < 2)
		return;
	str_add(out,
		"<section id=\"together\">\n<h2>On one axis of time</h2>\n<p class=\"sub\">The "
		"target and the strongest series; beside the values their changes from one step "
		"to the next, which is what is compared: two slow courses look alike without "
		"having to do with each other, their changes do not.");
	if (top->n_times < r->set->n_times) {
		str_add(out, " Each point is a mean over ");
		correlate_words_span(out, top->step_s);
		str_add(out, ".");
	}
	if (r->incident)
		str_add(out, " The incident is shaded.");
	str_add(out, "</p>\n<div class=\"courses\" id=\"courses\">\n");
	for (size_t k = 0; k < top->n; k++)
		add_course(out, r, k, top_row(r, k));
	str_add(out, "</div>\n</section>\n");
}

/* ---- scatter ---- */

/* Where a series is to be had as it was compared: the set, else the top. */
struct origin {
	const struct series_set *set;
	size_t target, series, given;
};

static bool has_values(const struct series_set *s, size_t i)
{
	return i < s->n && s->items[i].values;
}

static size_t in_top(const struct correlate_result *c, size_t series)
{
	for (size_t k = 0; k < c->top.n; k++)
		if (c->top_series[k] == series)
			return k;
	return SIZE_MAX;
}

static bool origin_of(struct origin *o, const struct correlate_report *r, size_t series)
{
	const struct correlate_result *c = r->result;
	const struct correlate_spec *spec = &c->spec;

	*o = (struct origin){r->set, spec->target, series, spec->given};
	if (has_values(r->set, spec->target) && has_values(r->set, series) &&
		(spec->given == SIZE_MAX || has_values(r->set, spec->given)))
		return true;
	*o = (struct origin){&c->top, 0, in_top(c, series),
		spec->given == SIZE_MAX ? SIZE_MAX : in_top(c, spec->given)};
	return c->top.n_times == r->set->n_times && has_values(&c->top, 0) &&
	       has_values(&c->top, o->series) && (spec->given == SIZE_MAX || o->given != SIZE_MAX);
}

/* Differences, as scores where the method takes scores. */
static double *compared(const struct correlate_report *r, const struct series_set *s, size_t i)
{
	struct correlate_course c = {s->items[i].values, s->n_times, s->start_s, s->step_s};
	double *d = differences(&c), *scores;

	if (r->result->spec.method == CORRELATE_PEARSON_DIFF)
		return d;
	scores = mem_alloc(s->n_times + 1, sizeof(*scores));
	correlate_scores(d, s->n_times, scores);
	free(d);
	return scores;
}

/* Dots as one path of points with round ends: a tenth of the text of as many circles. */
static void add_dots(struct svg *s, const double *x, const double *y, size_t n, long lag)
{
	size_t shift = (size_t)labs(lag), pairs = n > shift ? n - shift : 0;
	size_t stride = 1 + pairs / DOTS;

	str_add(s->out, "<path class=\"dots\" d=\"");
	for (size_t t = 0; t < pairs; t += stride) {
		double u = x[lag > 0 ? t : t + shift], v = y[lag > 0 ? t + shift : t];

		if (isfinite(u) && isfinite(v))
			str_addf(s->out, "M%.1f %.1fh0", svg_x(s, u), svg_y(s, v));
	}
	str_add(s->out, "\"/>\n");
}

static void add_scatter(struct str *out, const struct correlate_report *r, const struct origin *o,
	const struct correlate_row *row)
{
	double *x = compared(r, o->set, o->series), *y = compared(r, o->set, o->target);
	struct svg s = {.out = out, .width = SQUARE + 40, .height = SQUARE};
	size_t n = o->set->n_times;

	svg_axis_init(&s.x);
	svg_axis_init(&s.y);
	svg_axis_cover(&s.x, x, n);
	svg_axis_cover(&s.y, y, n);
	svg_axis_finish(&s.x, false, 0);
	svg_axis_finish(&s.y, false, 0);
	s.x.title = "the series";
	s.y.title = "the target";
	str_add(out, "<figure class=\"scatter\"><figcaption><b>Changes against changes</b> <span "
		     "class=\"sub\">");
	str_add(out, r->result->spec.method == CORRELATE_PEARSON_DIFF
			     ? "as they are"
			     : "as normal scores of their ranks");
	str_add(out, row->lag ? ", at its lag" : "");
	str_add(out, "</span></figcaption>\n");
	svg_open(&s, "", "Changes of the target against those of the series", "");
	add_dots(&s, x, y, n, row->lag);
	svg_close(&s);
	str_add(out, "</figure>\n");
	free(x);
	free(y);
}

static void add_lags(struct str *out, const struct correlate_report *r, const struct origin *o,
	const struct correlate_row *row)
{
	struct correlate_spec spec = r->result->spec;
	long most = (long)spec.max_lag;
	double *at = mem_alloc(2 * spec.max_lag + 1, sizeof(*at));
	struct svg s = {.out = out, .width = SQUARE + 40, .height = LAGS_HIGH};

	spec.target = o->target;
	spec.given = o->given;
	correlate_lags(o->set, &spec, o->series, at);
	s.x = (struct svg_axis){.low = -(double)most - .5,
		.high = (double)most + .5,
		.title = "steps that it leads by; negative: it follows"};
	svg_axis_init(&s.y);
	svg_axis_cover(&s.y, at, 2 * spec.max_lag + 1);
	svg_axis_cover(&s.y, (const double[]){-.1, .1}, 2);
	svg_axis_finish(&s.y, false, 0);
	str_add(out, "<figure class=\"lags\"><figcaption><b>r at each lag</b></figcaption>\n");
	svg_open(&s, "", "The coefficient at each lag", "");
	svg_line(&s, s.x.low, 0, s.x.high, 0, "axis");
	for (long lag = -most; lag <= most; lag++)
		if (isfinite(at[lag + most]))
			svg_line(&s, (double)lag, 0, (double)lag, at[lag + most],
				lag == row->lag ? "stem best" : "stem");
	svg_close(&s);
	str_add(out, "</figure>\n");
	free(at);
}

void html_correlate_details(struct str *out, const struct correlate_report *r)
{
	for (size_t k = 1; k < r->result->top.n; k++) {
		const struct correlate_row *row = top_row(r, k);
		struct origin o;

		if (!row || !origin_of(&o, r, row->series))
			continue;
		str_addf(out, "<div class=\"detail\" data-series=\"%zu\">\n<h3>", row->series);
		html_correlate_name(out, correlate_words_series(r, row->series));
		str_add(out, "</h3>\n<div class=\"plots\">");
		add_scatter(out, r, &o, row);
		if (r->result->spec.max_lag)
			add_lags(out, r, &o, row);
		str_add(out, "</div></div>\n");
	}
}

#include "report/correlate_words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/phrase.h"

/* ---- names ---- */

/* The byte after the character at p. */
static const char *next_character(const char *p)
{
	do
		p++;
	while (((unsigned char)*p & 0xc0) == 0x80);
	return p;
}

/* C0, DEL, and C1 as UTF-8 writes it: what a terminal takes for a command. */
static bool is_control(const char *p)
{
	unsigned char c = (unsigned char)p[0], d = (unsigned char)p[1];

	return c < 0x20 || c == 0x7f || (c == 0xc2 && d >= 0x80 && d < 0xa0);
}

static void add_clean(struct str *out, const char *from, const char *to)
{
	while (from < to) {
		const char *next = next_character(from);

		if (is_control(from))
			str_add_char(out, '?');
		else
			str_add_bytes(out, from, (size_t)(next - from));
		from = next;
	}
}

static size_t width_of(const char *from, const char *to)
{
	char *copy = mem_copy(from, (size_t)(to - from));
	size_t width = str_width(copy);

	free(copy);
	return width;
}

void correlate_words_name(struct str *out, const char *name, size_t columns, const char *mark)
{
	struct str clean = STR_INIT;
	const char *text, *end, *head, *tail;
	size_t room, width;

	add_clean(&clean, name, name + strlen(name));
	text = str_text(&clean);
	end = text + clean.len;
	width = str_width(text);
	room = columns > str_width(mark) ? columns - str_width(mark) : 0;
	if (width <= columns) {
		str_add(out, text);
		str_release(&clean);
		return;
	}
	/* more of the end, where names that begin alike differ */
	for (head = text; head < end && width_of(text, next_character(head)) <= room * 2 / 5;)
		head = next_character(head);
	room -= width_of(text, head);
	for (tail = head; tail < end && width_of(tail, end) > room;)
		tail = next_character(tail);
	str_add_bytes(out, text, (size_t)(head - text));
	str_add(out, mark);
	str_add(out, tail);
	str_release(&clean);
}

const char *correlate_words_series(const struct correlate_report *r, size_t series)
{
	const struct series_set *s = r->result ? &r->result->shown : r->set;

	return series < s->n ? s->items[series].name : "?";
}

/* ---- times ---- */

enum { DAY_S = 86400 };

bool correlate_words_is_calendar(const struct series_set *s)
{
	return s->start_s >= 1e8 && s->start_s < 2.5e11; /* to the year 9999 */
}

static double last_time_s(const struct series_set *s)
{
	return s->start_s + s->step_s * (double)(s->n_times ? s->n_times - 1 : 0);
}

static void add_moment(
	struct str *out, const struct series_set *s, double time_s, bool date, bool year)
{
	time_t seconds = (time_t)floor(time_s + .5);
	char text[64];
	struct tm tm;

	if (!isfinite(time_s)) {
		str_add(out, "–");
		return;
	}
	if (!correlate_words_is_calendar(s) || !gmtime_r(&seconds, &tm)) {
		str_add(out, num_duration(time_s, text));
		return;
	}
	if (date) {
		strftime(text, sizeof(text), year ? "%Y-%m-%d " : "%m-%d ", &tm);
		str_add(out, text);
	}
	strftime(text, sizeof(text), s->step_s < 60 ? "%H:%M:%S" : "%H:%M", &tm);
	str_add(out, text);
}

static bool one_day(const struct series_set *s)
{
	return floor(s->start_s / DAY_S) == floor(last_time_s(s) / DAY_S);
}

void correlate_words_time(struct str *out, const struct series_set *s, double time_s)
{
	enum { YEAR_S = 300 * DAY_S }; /* from where on days alone are not clear */

	add_moment(out, s, time_s, !one_day(s), last_time_s(s) - s->start_s > YEAR_S);
}

void correlate_words_span(struct str *out, double seconds)
{
	static const struct {
		double size;
		const char *name;
	} UNITS[] = {{DAY_S, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	char text[NUM_TEXT];

	for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
		double count = seconds / UNITS[i].size;

		if (count >= 1 && count < 100 && fabs(count - round(count)) < 1e-6) {
			str_addf(out, "%.0f %s%s", count, UNITS[i].name,
				round(count) == 1 ? "" : "s");
			return;
		}
	}
	str_add(out, num_duration(seconds, text));
}

void correlate_words_short_span(struct str *out, double seconds)
{
	static const struct {
		double size;
		const char *name;
	} UNITS[] = {{DAY_S, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}, {1e-3, "ms"}};
	double a = fabs(seconds);
	size_t i = 0;

	if (a < 1e-9) {
		str_add_char(out, '0');
		return;
	}
	while (i + 1 < sizeof(UNITS) / sizeof(UNITS[0]) && a < UNITS[i].size)
		i++;
	if (seconds < 0)
		str_add(out, "−");
	str_addf(out, "%.3g %s", a / UNITS[i].size, UNITS[i].name);
}

/* ---- numbers ---- */

static int r_decimals(double r)
{
	return fabs(r) >= .985 ? 3 : 2;
}

void correlate_words_r(struct str *out, double r)
{
	phrase_fixed(out, r, r_decimals(r));
}

void correlate_words_interval(struct str *out, double r, double low, double high)
{
	if (!isfinite(low) || !isfinite(high))
		return;
	str_add_char(out, '[');
	phrase_fixed(out, low, r_decimals(r));
	str_add(out, ", ");
	phrase_fixed(out, high, r_decimals(r));
	str_add_char(out, ']');
}

void correlate_words_p(struct str *out, double p)
{
	if (isnan(p))
		str_add(out, "–");
	else if (p < 1e-300)
		str_add(out, "<1e-300");
	else if (p < 1e-4) {
		int exponent = (int)floor(log10(p));
		double mantissa = p * pow(10, -exponent);

		/* 9.6e-9 is 1e-8 */
		exponent += mantissa >= 9.5;
		str_addf(out, "%.0fe%d", mantissa >= 9.5 ? 1 : mantissa, exponent);
	} else
		phrase_significant(out, p, p < .995 ? 2 : 1);
}

void correlate_words_value(struct str *out, double value)
{
	char text[NUM_TEXT];
	double a = fabs(value);

	if (isfinite(value) && (a >= 100 || a == floor(a)) && a < 1e9) {
		if (value < 0)
			str_add(out, "−");
		str_add(out, num_count(a, text));
	} else
		phrase_significant(out, value, 3);
}

/* Digits that tell parts of the whole (`scale`) apart: two of its own. */
static int change_decimals(double scale)
{
	int decimals = scale > 0 && isfinite(scale) ? 1 - (int)floor(log10(scale)) : 2;

	return decimals < 0 ? 0 : decimals > 12 ? 12 : decimals;
}

bool correlate_words_is_nothing(double value, double scale)
{
	return fabs(value) < .5 * pow(10, -change_decimals(scale));
}

void correlate_words_change(struct str *out, double value, double scale)
{
	if (value > 0 && !correlate_words_is_nothing(value, scale))
		str_add_char(out, '+');
	phrase_fixed(out, value, change_decimals(scale));
}

void correlate_words_share(struct str *out, double share)
{
	if (share < .00095)
		str_add(out, "<0.1 %");
	else {
		phrase_significant(out, 100 * share, 2);
		str_add(out, " %");
	}
}

/* ---- rows ---- */

bool correlate_words_sound(const struct correlate_row *row)
{
	return row->found && !row->doubtful;
}

bool correlate_words_leads(const struct correlate_result *r, size_t row)
{
	const struct correlate_group *g;

	if (!correlate_words_sound(&r->rows[row]))
		return false;
	if (r->rows[row].group == SIZE_MAX)
		return true;
	g = &r->groups[r->rows[row].group];
	for (size_t k = 0; k < g->n; k++)
		if (correlate_words_sound(&r->rows[g->members[k]]))
			return g->members[k] == row;
	return false;
}

double correlate_words_lead_s(const struct correlate_report *r, const struct correlate_row *row)
{
	return (double)row->lag * r->set->step_s;
}

struct correlate_family *correlate_words_families(
	const struct correlate_report *r, size_t *n, size_t *of)
{
	const struct correlate_result *c = r->result;
	struct correlate_family *all = NULL;
	json_t *index = json_object();
	size_t cap = 0;

	*n = 0;
	for (size_t i = 0; i < c->n; i++) {
		const char *name = c->shown.items[c->rows[i].series].family;
		json_t *at = json_object_get(index, name ? name : "");
		size_t k = at ? (size_t)json_integer_value(at) : *n;

		name = name ? name : "";
		if (!at) {
			json_object_set_new_nocheck(index, name, json_integer((json_int_t)k));
			all = mem_grow(all, &cap, *n + 1, sizeof(*all));
			all[(*n)++] = (struct correlate_family){.name = name, .best = i};
		}
		all[k].looked_at++;
		all[k].found += c->rows[i].found;
		if (of)
			of[i] = k;
	}
	json_decref(index);
	return all;
}

bool correlate_words_course(
	struct correlate_course *out, const struct correlate_report *r, size_t series)
{
	const struct series_set *sets[] = {r->set, r->result ? &r->result->shown : NULL};

	for (size_t i = 0; i < 2; i++) {
		const struct series_set *s = sets[i];

		if (!s || series >= s->n || !s->items[series].values || !s->n_times)
			continue;
		*out = (struct correlate_course){
			s->items[series].values, s->n_times, s->start_s, s->step_s};
		return true;
	}
	return false;
}

/* ---- what it is of ---- */

static void add_count(struct str *out, size_t n, const char *one)
{
	char text[NUM_TEXT];

	str_addf(out, "%s %s%s", num_count((double)n, text), one, n == 1 ? "" : "s");
}

void correlate_words_extent(struct str *out, const struct correlate_report *r)
{
	const struct series_set *s = r->set;
	char text[NUM_TEXT];

	str_addf(out, "%s series", num_count((double)s->n, text));
	str_addf(out, " × %s times, every ", num_count((double)s->n_times, text));
	correlate_words_span(out, s->step_s);
	str_add(out, ", ");
	add_moment(out, s, s->start_s, true, true);
	str_add(out, " to ");
	add_moment(out, s, last_time_s(s), !one_day(s), true);
	if (correlate_words_is_calendar(s))
		str_add(out, " UTC");
}

static void part(struct str *out, size_t n, const char *one, const char *behind)
{
	if (!n)
		return;
	if (out->len)
		str_add(out, "; ");
	add_count(out, n, one);
	str_add(out, behind);
}

/* "left out: 3 constant, 2 equal to another" */
static void left_out(struct str *out, const struct correlate_report *r)
{
	const struct correlate_result *c = r->result;
	const struct {
		size_t n;
		const char *what;
	} parts[] = {{c ? c->constant : 0, "constant"}, {c ? c->duplicate : 0, "equal to another"},
		{c ? c->short_ : 0, "hardly known"}};
	bool any = false;
	char text[NUM_TEXT];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!parts[i].n)
			continue;
		str_add(out, any ? ", " : out->len ? "; left out: " : "left out: ");
		str_addf(out, "%s %s", num_count((double)parts[i].n, text), parts[i].what);
		any = true;
	}
}

bool correlate_words_done(struct str *out, const struct correlate_report *r)
{
	const struct series_set *s = r->set;
	size_t counters = 0, resets = 0, before = out->len;
	struct str text = STR_INIT;

	for (size_t i = 0; i < s->n; i++) {
		counters += s->items[i].kind == SERIES_COUNTER;
		resets += s->items[i].resets;
	}
	if (s->resampled)
		str_add(&text, "steps differed and were put onto one");
	part(&text, s->gaps, "gap", "");
	part(&text, counters, "counter", counters == 1 ? " became a rate" : " became rates");
	part(&text, resets, "reset", "");
	part(&text, s->points_duplicate, "point", " twice at one time");
	part(&text, s->points_unsorted, "point", " out of order");
	part(&text, s->points_bad, "point", " that are no numbers");
	left_out(&text, r);
	str_add(out, str_text(&text));
	str_release(&text);
	return out->len > before;
}

void correlate_words_method(struct str *out, const struct correlate_report *r)
{
	const struct correlate_spec *spec = &r->result->spec;
	char text[NUM_TEXT];

	if (spec->method == CORRELATE_PEARSON_DIFF)
		str_add(out, "pearson-diff: Pearson's r of the differences, Student's t");
	else
		str_add(out, "r of the differences, as normal scores, free of slow courses and the "
			     "time of day");
	if (spec->given != SIZE_MAX) {
		str_add(out, "; the part of ");
		correlate_words_name(out, correlate_words_series(r, spec->given), 40, "…");
		str_add(out, " is taken out of all");
	}
	str_addf(out, ". q: of what has a q up to this, this share is chance (%s test%s",
		num_count((double)r->result->tests, text), r->result->tests == 1 ? "" : "s");
	if (spec->max_lag) {
		str_add(out, ", lags up to ");
		correlate_words_span(out, (double)spec->max_lag * r->set->step_s);
	}
	str_addf(out, "). Intervals: %.4g %%.", 100 * spec->confidence);
}

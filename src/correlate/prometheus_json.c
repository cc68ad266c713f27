#include "correlate/prometheus_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

enum { ERROR_MAX = 500, WARNINGS_MAX = 2000 };

/* What an open object or list is. */
enum inside { OTHER, ROOT, DATA, RESULT, SERIES, METRIC, VALUES, PAIR, WARNINGS, TYPES, TYPE };
/* Which of its members is read. */
enum key {
	K_OTHER,
	K_STATUS,
	K_ERROR_TYPE,
	K_ERROR,
	K_DATA,
	K_WARNINGS,
	K_RESULT_TYPE,
	K_RESULT,
	K_METRIC,
	K_VALUES,
	K_TYPE,
	K_LABEL,
	K_TYPES
};

static const struct {
	unsigned char in, key;
	const char *name;
} KEYS[] = {
	{ROOT, K_STATUS, "status"},
	{ROOT, K_ERROR_TYPE, "errorType"},
	{ROOT, K_ERROR, "error"},
	{ROOT, K_DATA, "data"},
	{ROOT, K_WARNINGS, "warnings"},
	{ROOT, K_WARNINGS, "infos"},
	{DATA, K_RESULT_TYPE, "resultType"},
	{DATA, K_RESULT, "result"},
	{SERIES, K_METRIC, "metric"},
	{SERIES, K_VALUES, "values"},
	{TYPE, K_TYPE, "type"},
};

/* What opens behind a key, or within a list. */
static enum inside opened(unsigned in, unsigned key, bool object)
{
	if (in == ROOT && key == K_DATA && object)
		return DATA;
	if (in == ROOT && key == K_WARNINGS && !object)
		return WARNINGS;
	if (in == DATA && key == K_RESULT && !object)
		return RESULT;
	if (in == DATA && key == K_TYPES && !object)
		return TYPES;
	if (in == TYPES && object)
		return TYPE;
	if (in == RESULT && object)
		return SERIES;
	if (in == SERIES && key == K_METRIC && object)
		return METRIC;
	if (in == SERIES && key == K_VALUES && !object)
		return VALUES;
	return in == VALUES && !object ? PAIR : OTHER;
}

static int other_form(struct prometheus_answer *a, const char *why)
{
	a->json.why = why;
	return -1;
}

/* ---- members ---- */

/* A label's name as PromQL has it; what else may be in one becomes _. */
static void take_label_name(struct prometheus_answer *a, const char *text, size_t len)
{
	str_clear(&a->name);
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
			    (i && c >= '0' && c <= '9');

		str_add_char(&a->name, fits ? c : '_');
	}
}

static void take_key(struct prometheus_answer *a, unsigned in, const char *text, size_t len)
{
	a->key = K_OTHER;
	for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++)
		if (KEYS[i].in == in && !strcmp(KEYS[i].name, text))
			a->key = KEYS[i].key;
	if (in == METRIC) {
		a->key = K_LABEL;
		take_label_name(a, text, len);
	} else if (in == DATA && a->key == K_OTHER && a->hooks->type) {
		a->key = K_TYPES;
		str_clear(&a->name);
		str_add_bytes(&a->name, text, len);
	}
}

static void take_label(struct prometheus_answer *a, const char *text, size_t len)
{
	if (!strcmp(str_text(&a->name), "__name__")) {
		str_clear(&a->metric);
		str_add_bytes(&a->metric, text, len);
		return;
	}
	str_add_char(&a->labels, a->labels.len ? ',' : '{');
	str_addf(&a->labels, "%s=\"", str_text(&a->name));
	metric_escape(&a->labels, text, len);
	str_add_char(&a->labels, '"');
}

static void add_line(struct str *out, const char *text, size_t len, size_t most)
{
	if (out->len >= most)
		return;
	if (out->len)
		str_add_char(out, '\n');
	for (size_t i = 0; i < len && out->len < most; i++) /* no escapes for a terminal */
		str_add_char(out, (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i]);
}

static int take_text(struct prometheus_answer *a, unsigned in, const char *text, size_t len)
{
	const char *end = text + len;

	if (in == PAIR) {
		if (a->parts & 2 || num_scan(text, end, &a->value) != end)
			return other_form(a, "a value that is no number");
		a->parts |= 2;
	} else if (in == WARNINGS) {
		add_line(&a->warnings, text, len, WARNINGS_MAX);
	} else if (in == METRIC) {
		take_label(a, text, len);
	} else if (in == TYPE && a->key == K_TYPE) {
		a->hooks->type(a->hooks->arg, str_text(&a->name), text);
	} else if (in == ROOT && a->key == K_STATUS) {
		a->success = !strcmp(text, "success");
	} else if (in == ROOT && a->key == K_ERROR_TYPE) {
		snprintf(a->error_type, sizeof(a->error_type), "%s", text);
	} else if (in == ROOT && a->key == K_ERROR) {
		str_clear(&a->error);
		add_line(&a->error, text, len, ERROR_MAX);
	} else if (in == DATA && a->key == K_RESULT_TYPE && strcmp(text, "matrix") != 0) {
		return other_form(a, "a result that is no matrix of series");
	}
	return 0;
}

/* ---- series ---- */

static int take_pair(struct prometheus_answer *a)
{
	if (a->parts != 3)
		return other_form(a, "a value without its time");
	if (a->n > PROMETHEUS_POINTS_MAX)
		return other_form(a, "a series of more values than were asked for");
	if (a->n == a->cap) {
		a->cap = a->cap ? a->cap + a->cap / 2 : 256;
		a->times = mem_resize(a->times, a->cap, sizeof(*a->times));
		a->values = mem_resize(a->values, a->cap, sizeof(*a->values));
	}
	a->times[a->n] = a->time_s;
	a->values[a->n++] = a->value;
	return 0;
}

static int take_series(struct prometheus_answer *a)
{
	struct metric_labels labels = {.n = 0};
	const char *why;

	if (!a->hooks->series)
		return 0;
	if (a->labels.len) {
		const char *end;

		str_add_char(&a->labels, '}');
		end = a->labels.p + a->labels.len;
		if (metric_labels_read(&labels, a->labels.p, end, &why) != end)
			return other_form(a, "a series whose labels are twice there, or too many");
	}
	a->rc = a->hooks->series(
		a->hooks->arg, str_text(&a->metric), &labels, a->times, a->values, a->n, a->err);
	return a->rc;
}

static int take_end(struct prometheus_answer *a, unsigned in)
{
	if (in == PAIR)
		return take_pair(a);
	if (in == SERIES)
		return take_series(a);
	return 0;
}

static void take_open(struct prometheus_answer *a, unsigned in)
{
	if (in == PAIR)
		a->parts = 0;
	if (in == RESULT)
		a->has_result = true;
	if (in == SERIES) {
		a->n = 0;
		str_clear(&a->metric);
		str_clear(&a->labels);
	}
}

static int event(void *arg, enum json_event what, const char *text, size_t len, size_t depth)
{
	struct prometheus_answer *a = arg;
	unsigned in = depth ? a->inside[depth - 1] : OTHER;

	switch (what) {
	case JSON_EVENT_OBJECT:
	case JSON_EVENT_LIST: {
		bool object = what == JSON_EVENT_OBJECT;

		a->inside[depth] = (unsigned char)(depth    ? opened(in, a->key, object)
						   : object ? ROOT
							    : OTHER);
		take_open(a, a->inside[depth]);
		a->key = K_OTHER;
		return 0;
	}
	case JSON_EVENT_OBJECT_END:
	case JSON_EVENT_LIST_END: return take_end(a, a->inside[depth]);
	case JSON_EVENT_KEY: take_key(a, in, text, len); return 0;
	case JSON_EVENT_TEXT: return take_text(a, in, text, len);
	case JSON_EVENT_NUMBER:
		if (in == PAIR && !(a->parts & 1) && num_scan(text, text + len, &a->time_s))
			a->parts |= 1;
		return 0;
	case JSON_EVENT_WORD: return 0;
	}
	return 0;
}

void prometheus_answer_init(
	struct prometheus_answer *a, const struct prometheus_hooks *hooks, struct err *err)
{
	*a = (struct prometheus_answer){.hooks = hooks, .err = err};
	json_stream_init(&a->json, event, a);
}

void prometheus_answer_release(struct prometheus_answer *a)
{
	json_stream_release(&a->json);
	str_release(&a->error);
	str_release(&a->warnings);
	str_release(&a->name);
	str_release(&a->metric);
	str_release(&a->labels);
	free(a->times);
	free(a->values);
}

int prometheus_answer_feed(struct prometheus_answer *a, const char *p, size_t len)
{
	return json_stream_feed(&a->json, p, len);
}

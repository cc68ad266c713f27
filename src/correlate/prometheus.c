/*
 * Series from a Prometheus server. Counters are asked as they are and made rates here: that costs
 * the server least, loses nothing between two steps, and smooths nothing. What a step's value was
 * read at is known from the target's own `up`: its time is that of the scrape. So a step in which
 * two scrapes lie has no higher rate than one with one, and a step without a new one is a gap and
 * not the old value again.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "correlate/histograms.h"
#include "correlate/prometheus_work.h"
#include "correlate/series_axis.h"

enum {
	FIRST_STEPS = 4, /* of the first piece, which tells how many series there are */
	PIECE_VALUES = 1000000,
	TYPES_MAX = 1000000,
	JOBS_MAX = 30, /* that are named when clocks are asked for */
};

/* ---- what a question is ---- */

/* Is it a name, labels in braces, or both, and nothing else? */
static bool is_selector(const char *text)
{
	const char *end = text + strlen(text), *p;
	char quote = 0;

	while (text < end && strchr(" \t\n", *text))
		text++;
	while (end > text && strchr(" \t\n", end[-1]))
		end--;
	p = metric_name_end(text, end);
	if (p == end)
		return p > text;
	if (*p != '{')
		return false;
	for (p++; p < end; p++) {
		if (quote && *p == '\\' && quote != '`')
			p++;
		else if (quote)
			quote = *p == quote ? 0 : quote;
		else if (*p == '"' || *p == '\'' || *p == '`')
			quote = *p;
		else if (*p == '}')
			return p + 1 == end;
	}
	return false;
}

/* "{instance=…,job=…}" of a series: its target. */
static bool clock_name(struct str *out, const struct metric_labels *labels)
{
	struct metric_labels two = {.n = 0};
	const struct metric_label *instance = metric_label_find(labels, "instance");
	const struct metric_label *job = metric_label_find(labels, "job");

	if (!instance || !job)
		return false;
	two.items[two.n++] = *instance;
	two.items[two.n++] = *job;
	str_clear(out);
	metric_write(out, "", 0, &two, NULL);
	return true;
}

/* ---- series as they come ---- */

static void put_values(struct prometheus_asking *a, double *to, const double *time_s,
	const double *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double at = (time_s[i] - a->start_s) / a->step_s;
		double t = round(at);

		if (t < 0 || t >= (double)a->n_times || fabs(at - t) > .01)
			a->off++;
		else
			to[(size_t)t] = values[i];
	}
}

static double *unknown_values(size_t n)
{
	double *values = mem_alloc(n, sizeof(*values));

	for (size_t t = 0; t < n; t++)
		values[t] = NAN;
	return values;
}

static int too_many(const struct prometheus_asking *a, struct err *err)
{
	char n[NUM_TEXT], most[NUM_TEXT], values[NUM_TEXT];

	num_count((double)a->n, n);
	if (a->n >= PROMETHEUS_SERIES_MAX)
		return err_set(err, ERR_INPUT,
			"'%.300s' has more than %s series in %s; narrow it to what may matter, "
			"such "
			"as one job, or metrics by name: {job=\"web\",__name__=~\"http_.*|db_.*\"}",
			a->expression, num_count(PROMETHEUS_SERIES_MAX, most), a->client.base);
	return err_set(err, ERR_INPUT,
		"'%.300s' has more than %s series of %s values in %s, %s values together are the "
		"most; narrow it, take a longer --step, or a shorter stretch",
		a->expression, n, num_count((double)a->n_times, values), a->client.base,
		num_count(PROMETHEUS_VALUES_MAX, most));
}

/* What the name of a series is: of a selector its own; of an expression that, and its labels. */
static void name_it(
	struct prometheus_asking *a, const char *metric, const struct metric_labels *labels)
{
	str_clear(&a->name);
	if (*metric || a->selector)
		metric_write(&a->name, metric, strlen(metric), labels, NULL);
	else
		metric_write(&a->name, a->expression, strlen(a->expression), labels, NULL);
	if (a->name.len > SERIES_NAME_MAX) {
		a->name.len = SERIES_NAME_MAX;
		a->name.p[a->name.len] = '\0';
	}
}

static size_t clock_of(struct prometheus_asking *a, const struct metric_labels *labels)
{
	const struct metric_label *job = metric_label_find(labels, "job");
	struct str name = STR_INIT;
	size_t *at, index = SIZE_MAX;

	if (clock_name(&name, labels)) {
		at = metric_index_at(&a->clock_names, name.p, name.len);
		if (*at == SIZE_MAX) {
			*at = a->n_clocks;
			a->clocks = mem_grow(
				a->clocks, &a->cap_clocks, a->n_clocks + 1, sizeof(*a->clocks));
			a->clocks[a->n_clocks++] = NULL;
			metric_index_at(&a->jobs, job->value, job->value_len);
		}
		index = *at;
	}
	str_release(&name);
	return index;
}

static int row_new(struct prometheus_asking *a, size_t *out, const char *metric,
	const struct metric_labels *labels, struct err *err)
{
	enum metric_role role = ROLE_GAUGE;

	if (a->selector)
		role = metric_role_of(
			&a->types, metric, strlen(metric), metric_label_find(labels, "le") != NULL);
	if (role == ROLE_CREATED) {
		a->created++;
		return 0;
	}
	if (a->n >= PROMETHEUS_SERIES_MAX || (a->n + 1) * a->n_times > PROMETHEUS_VALUES_MAX)
		return too_many(a, err);
	*out = a->n;
	a->rows = mem_grow(a->rows, &a->cap, a->n + 1, sizeof(*a->rows));
	a->rows[a->n++] = (struct prometheus_row){
		.series = {.name = mem_strdup(a->name.p),
			.family = mem_strdup(""),
			.values = unknown_values(a->n_times),
			.kind = role == ROLE_COUNTER ? SERIES_COUNTER : SERIES_GAUGE},
		.counter = role == ROLE_COUNTER,
		.asked = a->selector,
		.clock = a->selector ? clock_of(a, labels) : SIZE_MAX};
	return 0;
}

static void take_clock(struct prometheus_asking *a, const struct metric_labels *labels,
	const double *time_s, const double *values, size_t n)
{
	size_t i = SIZE_MAX;

	if (clock_name(&a->name, labels))
		i = metric_index_find(&a->clock_names, a->name.p, a->name.len);
	if (i == SIZE_MAX)
		return;
	if (!a->clocks[i])
		a->clocks[i] = unknown_values(a->n_times);
	put_values(a, a->clocks[i], time_s, values, n);
}

static int take_series(void *arg, const char *metric, const struct metric_labels *labels,
	const double *time_s, const double *values, size_t n, struct err *err)
{
	struct prometheus_asking *a = arg;
	size_t *at, index;
	int rc = 0;

	if (!n) {
		a->empty++;
		return 0;
	}
	a->answered++;
	if (a->clock) {
		take_clock(a, labels, time_s, values, n);
		return 0;
	}
	name_it(a, metric, labels);
	at = metric_index_at(&a->names, str_text(&a->name), a->name.len);
	if (*at == SIZE_MAX)
		rc = row_new(a, at, metric, labels, err);
	index = *at;
	if (rc || index == SIZE_MAX)
		return rc;
	if (a->target && a->first_row != SIZE_MAX && a->first_row != index)
		return err_set(err, ERR_INPUT,
			"--target '%.300s' has several series, %.200s and %.200s among them; sum() "
			"or avg() them, or add labels",
			a->expression, a->rows[a->first_row].series.name,
			a->rows[index].series.name);
	a->first_row = a->first_row == SIZE_MAX ? index : a->first_row;
	put_values(a, a->rows[index].series.values, time_s, values, n);
	return 0;
}

static void take_type(void *arg, const char *metric, const char *type)
{
	struct prometheus_asking *a = arg;
	enum metric_type t = metric_type_of(type, strlen(type));
	size_t *at;

	if (t == METRIC_N_TYPES || a->types.n >= TYPES_MAX)
		return;
	at = metric_index_at(&a->types, metric, strlen(metric));
	if (*at == SIZE_MAX)
		*at = t;
	else if (*at != (size_t)t) /* targets disagree: by its name */
		*at = METRIC_UNKNOWN;
}

/* ---- questions ---- */

/* Each warning once. */
static void keep_warnings(struct prometheus_asking *a, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		char *line = mem_copy(text, n);

		if (n && (!a->warnings.len || !strstr(a->warnings.p, line)))
			str_addf(&a->warnings, "%s\n", line);
		free(line);
		text += n + (text[n] == '\n');
	}
}

static int ask_piece(struct prometheus_asking *a, size_t at, size_t steps,
	enum prometheus_failure *failure, struct err *err)
{
	const struct prometheus_hooks hooks = {.series = take_series, .arg = a};
	struct prometheus_answer answer;
	struct str form = STR_INIT;
	char text[64];
	int rc;

	prometheus_form(&a->client, &form, "query", a->expression);
	snprintf(text, sizeof(text), "%.3f", a->start_s + (double)at * a->step_s);
	prometheus_form(&a->client, &form, "start", text);
	snprintf(text, sizeof(text), "%.3f", a->start_s + (double)(at + steps - 1) * a->step_s);
	prometheus_form(&a->client, &form, "end", text);
	snprintf(text, sizeof(text), "%.3f", a->step_s);
	prometheus_form(&a->client, &form, "step", text);
	a->answered = 0;
	prometheus_answer_init(&answer, &hooks, err);
	rc = prometheus_ask(&a->client, "query_range", form.p, &answer, failure, err);
	if (!rc && !answer.has_result)
		rc = err_set(err, ERR_SERVICE,
			"%s answers without a result; is this a Prometheus server?",
			a->client.base);
	if (!rc)
		keep_warnings(a, str_text(&answer.warnings));
	prometheus_answer_release(&answer);
	str_release(&form);
	return rc;
}

/* All of an expression, in pieces that the server and this side can bear. */
static int ask_all(struct prometheus_asking *a, const char *expression, struct err *err)
{
	size_t steps = FIRST_STEPS;
	int rc = 0;

	a->expression = expression;
	a->first_row = SIZE_MAX;
	for (size_t at = 0; !rc && at < a->n_times;) {
		size_t n = steps < a->n_times - at ? steps : a->n_times - at;
		enum prometheus_failure failure;

		rc = ask_piece(a, at, n, &failure, err);
		if (rc && failure == PROMETHEUS_TOO_MUCH && n > 1) {
			steps = n / 2;
			rc = 0;
			continue;
		}
		at += n;
		steps = PIECE_VALUES / (a->answered ? a->answered : 1);
		steps = steps < 1                       ? 1
			: steps > PROMETHEUS_POINTS_MAX ? PROMETHEUS_POINTS_MAX
							: steps;
	}
	return rc;
}

/* Which metrics are counters. A server without such a page has names. */
static int ask_types(struct prometheus_asking *a, struct series_set *out, struct err *err)
{
	const struct prometheus_hooks hooks = {.type = take_type, .arg = a};
	struct prometheus_answer answer;
	enum prometheus_failure failure;
	int rc;

	prometheus_answer_init(&answer, &hooks, err);
	rc = prometheus_ask(&a->client, "metadata", "", &answer, &failure, err);
	if (rc && failure == PROMETHEUS_UNKNOWN) {
		series_note(out, "The server tells no types of metrics; counters are those whose "
				 "names end with _total, _count, _sum or _bucket.");
		rc = 0;
	}
	prometheus_answer_release(&answer);
	return rc;
}

/* A job's name as a pattern of PromQL that matches only it, within a string. */
static void add_pattern(struct str *out, const char *raw, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr(".+*?()|[]{}^$", raw[i]))
			str_add(out, "\\\\");
		str_add_char(out, raw[i]);
	}
}

/* {job=~"a|b"}: few jobs with plain names, else nothing, which is all of them. */
static void add_jobs(struct str *out, const struct metric_index *jobs)
{
	size_t n = 0;

	for (size_t i = 0; i < jobs->cap; i++)
		if (jobs->slots[i].text && strchr(jobs->slots[i].text, '\\'))
			return;
	for (size_t i = 0; i < jobs->cap && jobs->n <= JOBS_MAX; i++) {
		const struct metric_slot *job = &jobs->slots[i];

		if (!job->text)
			continue;
		str_add(out, n++ ? "|" : "{job=~\"");
		add_pattern(out, job->text, job->len);
	}
	str_add(out, n ? "\"}" : "");
}

/* When each target's series were read, at each step. */
static int ask_clocks(struct prometheus_asking *a, struct err *err)
{
	struct str text = STR_INIT;
	int rc;

	if (!a->n_clocks)
		return 0;
	str_add(&text, "timestamp(up");
	add_jobs(&text, &a->jobs);
	str_add_char(&text, ')');
	a->clock = true;
	rc = ask_all(a, text.p, err);
	a->clock = false;
	str_release(&text);
	return rc;
}

/* ---- the whole ---- */

static int check_query(struct prometheus_asking *a, struct err *err)
{
	const struct prometheus_query *q = a->q;
	struct series_axis axis;
	char from[40], to[40];
	int rc;

	if (!q->n_matches && !q->target)
		return err_set(err, ERR_USAGE,
			"--prometheus needs --match, such as --match '{job=\"web\"}'");
	if (!(q->to_s > q->from_s))
		return err_set(err, ERR_USAGE, "--from (%s) has to be before --to (%s)",
			series_time_text(q->from_s, from), series_time_text(q->to_s, to));
	if (!(q->step_s >= 1e-3) || q->step_s > q->to_s - q->from_s)
		return err_set(err, ERR_USAGE,
			"a --step of %g s does not go into the stretch from %s to %s; it takes "
			"1ms or more, up to all of it",
			q->step_s, series_time_text(q->from_s, from),
			series_time_text(q->to_s, to));
	/* the server counts in milliseconds */
	a->start_s = round(q->from_s * 1e3) / 1e3;
	a->step_s = round(q->step_s * 1e3) / 1e3;
	rc = series_axis_make(
		&axis, a->start_s, q->to_s, a->start_s, a->step_s, 1, PROMETHEUS_VALUES_MAX, err);
	/* the axis rounds; a step behind the end was not asked for */
	a->n_times = rc ? 0 : (size_t)floor((q->to_s - a->start_s) / a->step_s + 1e-6) + 1;
	return rc;
}

static int nothing(const struct prometheus_asking *a, const char *expression, struct err *err)
{
	char from[40], to[40];

	return err_set(err, ERR_INPUT,
		"'%.300s' has no values in %s from %s to %s; see there what it matches, and "
		"whether "
		"the times, which are UTC, are those that were meant",
		expression, a->client.base, series_time_text(a->q->from_s, from),
		series_time_text(a->q->to_s, to));
}

static int ask_matches(struct prometheus_asking *a, struct series_set *out, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < a->q->n_matches; i++) {
		a->selector = is_selector(a->q->matches[i]);
		rc = ask_all(a, a->q->matches[i], err);
		if (!rc && a->first_row == SIZE_MAX && a->q->n_matches > 1)
			series_note(out, "'%s' has no values.", a->q->matches[i]);
	}
	if (!rc && !a->n && a->q->n_matches)
		rc = nothing(a, a->q->matches[0], err);
	return rc;
}

/* "x p99{…}" is no question, but a name that a histogram gets here. */
static bool is_derived(const char *text)
{
	const char *end = text + strlen(text), *p = metric_name_end(text, end);

	return p > text && *p == ' ' &&
	       (str_starts(p + 1, "mean") || str_starts(p + 1, "p50") || str_starts(p + 1, "p90") ||
		       str_starts(p + 1, "p99"));
}

/* Its name in the set, or NULL where there is no target; freed by the caller. */
static int ask_target(struct prometheus_asking *a, char **name, struct err *err)
{
	const char *text = a->q->target;
	int rc;

	*name = NULL;
	if (!text)
		return 0;
	if (is_derived(text) || metric_index_find(&a->names, text, strlen(text)) != SIZE_MAX) {
		*name = mem_strdup(text);
		return 0;
	}
	a->selector = is_selector(text);
	a->target = true;
	rc = ask_all(a, text, err);
	a->target = false;
	if (!rc && a->first_row == SIZE_MAX)
		rc = nothing(a, text, err);
	if (!rc)
		*name = mem_strdup(a->rows[a->first_row].series.name);
	return rc;
}

static bool any_selector(const struct prometheus_query *q)
{
	bool any = q->target && is_selector(q->target);

	for (size_t i = 0; i < q->n_matches; i++)
		any = any || is_selector(q->matches[i]);
	return any;
}

static void say_rest(const struct prometheus_asking *a, struct series_set *out)
{
	const char *line = str_text(&a->warnings);

	while (*line) {
		int n = (int)strcspn(line, "\n");

		series_note(out, "The answer may be partial; the server says: %.*s", n, line);
		line += n + (line[n] == '\n');
	}
	if (a->empty)
		series_note(out,
			"%zu answers for a series had no plain values (native histograms?) "
			"and were left out.",
			a->empty);
}

/* The rows become the set's. */
static void fill_set(struct prometheus_asking *a, struct series_set *out)
{
	out->start_s = a->start_s;
	out->step_s = a->step_s;
	out->n_times = a->n_times;
	out->items = mem_zalloc(a->n + 1, sizeof(*out->items));
	out->n = out->cap = a->n;
	out->points_bad = a->off;
	for (size_t i = 0; i < a->n; i++) {
		out->items[i] = a->rows[i].series;
		for (size_t t = 0; t < a->n_times; t++)
			out->points_read += !isnan(out->items[i].values[t]);
	}
	a->n = 0;
	series_mark(out);
	for (size_t i = 0; i < out->n; i++)
		out->gaps += out->n_times - out->items[i].known;
}

static void asking_release(struct prometheus_asking *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->rows[i].series.name);
		free(a->rows[i].series.family);
		free(a->rows[i].series.values);
	}
	for (size_t i = 0; i < a->n_clocks; i++)
		free(a->clocks[i]);
	free(a->rows);
	free(a->clocks);
	metric_index_release(&a->names);
	metric_index_release(&a->types);
	metric_index_release(&a->clock_names);
	metric_index_release(&a->jobs);
	str_release(&a->name);
	str_release(&a->warnings);
	prometheus_client_release(&a->client);
}

int series_read_prometheus(
	struct series_set *out, size_t *target, const struct prometheus_query *q, struct err *err)
{
	struct prometheus_asking a = {.q = q};
	char *name = NULL;
	int rc = check_query(&a, err);

	*out = (struct series_set){0};
	*target = SIZE_MAX;
	if (!rc)
		rc = prometheus_client_init(&a.client, q, err);
	if (!rc && any_selector(q))
		rc = ask_types(&a, out, err);
	if (!rc)
		rc = ask_matches(&a, out, err);
	if (!rc)
		rc = ask_target(&a, &name, err);
	if (!rc)
		rc = ask_clocks(&a, err);
	if (!rc) {
		prometheus_make_rates(&a, out);
		say_rest(&a, out);
		fill_set(&a, out);
		histograms_derive(out);
		if (name) {
			*target = series_find(out, name, err);
			rc = *target == SIZE_MAX ? -ERR_USAGE : 0;
		}
	}
	if (rc)
		series_set_release(out);
	free(name);
	asking_release(&a);
	return rc;
}

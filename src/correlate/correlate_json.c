/*
 * A result as JSON, and back. What there are thousands of (rows, names) lies in columns. A stored
 * run may have been made by another version, or edited: reading believes nothing.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "correlate/correlate_work.h"

static json_t *index_json(size_t i)
{
	return i == SIZE_MAX ? json_null() : json_integer((json_int_t)i);
}

static json_t *spec_json(const struct correlate_spec *s)
{
	json_t *o = json_object();

	json_object_set_new(o, "target", index_json(s->target));
	json_object_set_new(o, "method", json_string(CORRELATE_METHOD_WORDS[s->method]));
	json_object_set_new(o, "max_lag", json_integer((json_int_t)s->max_lag));
	json_object_set_new(o, "fdr", json_number(s->fdr));
	json_object_set_new(o, "confidence", json_number(s->confidence));
	json_object_set_new(o, "given", index_json(s->given));
	json_object_set_new(o, "group_at", json_number(s->group_at));
	return o;
}

/* ---- rows, in columns ---- */

#define NUMBERS(X) X(r) X(low) X(high) X(p) X(q) X(share) X(n_eff)
#define FLAGS(X)   X(found) X(doubtful) X(mechanical)

static json_t *rows_json(const struct correlate_result *r)
{
	json_t *o = json_object(), *column;

#define COLUMN(name, make)                                                                         \
	column = json_array();                                                                     \
	for (size_t i = 0; i < r->n; i++)                                                          \
		json_array_append_new(column, make(r->rows[i].name));                              \
	json_object_set_new(o, #name, column);
#define X(name) COLUMN(name, json_number)
	NUMBERS(X)
#undef X
#define X(name) COLUMN(name, json_boolean)
	FLAGS(X)
#undef X
	COLUMN(series, index_json)
	COLUMN(lag, json_integer)
	COLUMN(n, index_json)
	COLUMN(group, index_json)
#undef COLUMN
	return o;
}

static json_t *groups_json(const struct correlate_result *r)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < r->n_groups; i++) {
		json_t *members = json_array();

		for (size_t k = 0; k < r->groups[i].n; k++)
			json_array_append_new(members, index_json(r->groups[i].members[k]));
		json_array_append_new(groups, members);
	}
	return groups;
}

/* ---- series ---- */

/* Six digits are more than a plot shows. */
static json_t *plotted(double value)
{
	double unit;

	if (!isfinite(value) || value == 0)
		return json_number(value);
	unit = pow(10, floor(log10(fabs(value))) - 5);
	return json_number(unit > 0 && isfinite(unit) ? round(value / unit) * unit : value);
}

static json_t *values_json(const double *values, size_t n, bool whole)
{
	json_t *list;

	if (!values)
		return json_null();
	list = json_array();
	for (size_t t = 0; t < n; t++)
		json_array_append_new(list, whole ? json_number(values[t]) : plotted(values[t]));
	return list;
}

static json_t *set_json(const struct series_set *s, bool whole)
{
	json_t *o = json_object(), *names = json_array(), *families = json_array(),
	       *values = json_array();

	for (size_t i = 0; i < s->n; i++) {
		json_array_append_new(names, json_string(s->items[i].name));
		json_array_append_new(families, json_string(s->items[i].family));
		json_array_append_new(values, values_json(s->items[i].values, s->n_times, whole));
	}
	json_object_set_new(o, "start_s", json_number(s->start_s));
	json_object_set_new(o, "step_s", json_number(s->step_s));
	json_object_set_new(o, "times", json_integer((json_int_t)s->n_times));
	json_object_set_new(o, "names", names);
	json_object_set_new(o, "families", families);
	json_object_set_new(o, "values", values);
	return o;
}

/* What was done to get the series onto one axis. */
#define READ(X) X(points_read) X(points_duplicate) X(points_unsorted) X(points_bad) X(gaps)

static json_t *read_json(const struct series_set *s)
{
	json_t *o = json_object();

#define X(name) json_object_set_new(o, #name, index_json(s->name));
	READ(X)
#undef X
	json_object_set_new(o, "resampled", json_boolean(s->resampled));
	json_object_set_new(o, "notes", json_string(str_text(&s->notes)));
	return o;
}

json_t *correlate_to_json(const struct correlate_result *r)
{
	json_t *o = json_object(), *top = set_json(&r->top, true), *which = json_array();

	for (size_t i = 0; i < r->top.n; i++)
		json_array_append_new(which, index_json(r->top_series[i]));
	json_object_set_new(top, "series", which);
	json_object_set_new(o, "target", json_string(r->target));
	json_object_set_new(o, "spec", spec_json(&r->spec));
	json_object_set_new(o, "tests", index_json(r->tests));
	json_object_set_new(o, "constant", index_json(r->constant));
	json_object_set_new(o, "duplicate", index_json(r->duplicate));
	json_object_set_new(o, "short", index_json(r->short_));
	json_object_set_new(o, "found", index_json(r->n_found));
	json_object_set_new(o, "rows", rows_json(r));
	json_object_set_new(o, "groups", groups_json(r));
	json_object_set_new(o, "shown", set_json(&r->shown, false));
	json_object_set_new(o, "top", top);
	json_object_set_new(o, "read", read_json(&r->shown));
	return o;
}

/* ---- and back ---- */

/* The first thing that is not as it must be; what is read after that does not matter. */
struct reader {
	const char *bad;
};

static void wrong(struct reader *in, const char *what)
{
	if (!in->bad)
		in->bad = what;
}

static size_t read_index(
	struct reader *in, const json_t *v, size_t below, bool may_lack, const char *what)
{
	if (may_lack && json_is_null(v))
		return SIZE_MAX;
	if (json_is_integer(v) && json_integer_value(v) >= 0 &&
		(uint64_t)json_integer_value(v) < below)
		return (size_t)json_integer_value(v);
	wrong(in, what);
	return 0;
}

/* A number; null is NaN where it may lack. */
static double read_number(struct reader *in, const json_t *v, double low, double high,
	bool may_lack, const char *what)
{
	double value = json_is_number(v) ? json_number_value(v) : NAN;

	if (json_is_null(v) ? !may_lack : !(value >= low && value <= high))
		wrong(in, what);
	return value;
}

static const char *read_text(struct reader *in, const json_t *v, const char *what)
{
	if (!json_is_string(v) || json_string_length(v) > SERIES_NAME_MAX)
		wrong(in, what);
	return json_is_string(v) ? json_string_value(v) : "";
}

/* A list of n, else NULL and what is wrong. */
static const json_t *read_list(struct reader *in, const json_t *object, const char *key, size_t n)
{
	const json_t *list = json_object_get(object, key);

	if (json_is_array(list) && json_array_size(list) == n)
		return list;
	wrong(in, key);
	return NULL;
}

static void read_spec(struct reader *in, const json_t *o, size_t n, struct correlate_spec *s)
{
	const char *method = read_text(in, json_object_get(o, "method"), "spec.method");

	while (CORRELATE_METHOD_WORDS[s->method] &&
		strcmp(method, CORRELATE_METHOD_WORDS[s->method]) != 0)
		s->method++;
	if (!CORRELATE_METHOD_WORDS[s->method]) {
		s->method = CORRELATE_ROBUST;
		wrong(in, "spec.method");
	}
	s->target = read_index(in, json_object_get(o, "target"), n, false, "spec.target");
	s->given = read_index(in, json_object_get(o, "given"), n, true, "spec.given");
	s->max_lag =
		read_index(in, json_object_get(o, "max_lag"), UINT32_MAX, false, "spec.max_lag");
	s->fdr = read_number(in, json_object_get(o, "fdr"), 0, 1, false, "spec.fdr");
	s->confidence =
		read_number(in, json_object_get(o, "confidence"), 0, 1, false, "spec.confidence");
	s->group_at = read_number(
		in, json_object_get(o, "group_at"), -HUGE_VAL, HUGE_VAL, true, "spec.group_at");
}

static void read_values(struct reader *in, const json_t *v, struct series *s, size_t n_times)
{
	if (json_is_null(v))
		return;
	if (json_array_size(v) != n_times) {
		wrong(in, "values");
		return;
	}
	s->values = mem_alloc(n_times + 1, sizeof(double));
	for (size_t t = 0; t < n_times; t++) {
		s->values[t] =
			read_number(in, json_array_get(v, t), -HUGE_VAL, HUGE_VAL, true, "values");
		s->known += !isnan(s->values[t]);
	}
}

static void read_set(
	struct reader *in, const json_t *o, size_t most, size_t most_times, struct series_set *s)
{
	size_t n = json_array_size(json_object_get(o, "names"));
	const json_t *names, *families, *values;

	if (!n || n > most) {
		wrong(in, "names");
		return;
	}
	names = read_list(in, o, "names", n);
	families = read_list(in, o, "families", n);
	values = read_list(in, o, "values", n);
	s->start_s = read_number(
		in, json_object_get(o, "start_s"), -HUGE_VAL, HUGE_VAL, true, "start_s");
	s->step_s = read_number(in, json_object_get(o, "step_s"), 0, HUGE_VAL, true, "step_s");
	s->n_times = read_index(in, json_object_get(o, "times"), most_times + 1, false, "times");
	s->items = mem_zalloc(n, sizeof(*s->items));
	s->n = s->cap = n;
	for (size_t i = 0; i < n; i++) {
		struct series *one = &s->items[i];

		one->same_as = SIZE_MAX;
		one->name = mem_strdup(read_text(in, json_array_get(names, i), "names"));
		one->family = mem_strdup(read_text(in, json_array_get(families, i), "families"));
		read_values(in, json_array_get(values, i), one, s->n_times);
	}
}

static void read_rows(struct reader *in, const json_t *o, struct correlate_result *r)
{
	size_t n = json_array_size(json_object_get(o, "series"));
	const json_t *column;

	if (n > r->shown.n) {
		wrong(in, "rows.series");
		return;
	}
	r->n = n;
	r->rows = mem_zalloc(n + 1, sizeof(*r->rows));
#define COLUMN(name, read)                                                                         \
	column = read_list(in, o, #name, n);                                                       \
	for (size_t i = 0; column && i < n; i++) {                                                 \
		const json_t *v = json_array_get(column, i);                                       \
		r->rows[i].name = read;                                                            \
	}
#define X(name) COLUMN(name, read_number(in, v, -HUGE_VAL, HUGE_VAL, true, "rows." #name))
	NUMBERS(X)
#undef X
#define X(name)                                                                                    \
	COLUMN(name, json_is_boolean(v) ? json_is_true(v) : (wrong(in, "rows." #name), false))
	FLAGS(X)
#undef X
	COLUMN(series, read_index(in, v, r->shown.n, false, "rows.series"))
	COLUMN(n, read_index(in, v, UINT32_MAX, false, "rows.n"))
	COLUMN(group, read_index(in, v, n, true, "rows.group"))
	COLUMN(lag, json_is_integer(v) && llabs(json_integer_value(v)) <= (long long)r->spec.max_lag
			    ? (long)json_integer_value(v)
			    : (wrong(in, "rows.lag"), 0))
#undef COLUMN
	for (size_t i = 0; i < n; i++)
		r->n_found += r->rows[i].found;
}

/* Groups, and that rows name the one that they are in. */
static void read_groups(struct reader *in, const json_t *list, struct correlate_result *r)
{
	size_t n = json_array_size(list), members = 0, in_one = 0;

	if (!json_is_array(list) || n > r->n) {
		wrong(in, "groups");
		return;
	}
	r->groups = mem_zalloc(n + 1, sizeof(*r->groups));
	r->n_groups = n;
	for (size_t i = 0; i < n; i++) {
		const json_t *rows = json_array_get(list, i);
		struct correlate_group *g = &r->groups[i];

		if (json_array_size(rows) < 2 || json_array_size(rows) > r->n) {
			wrong(in, "groups");
			return;
		}
		g->members = mem_alloc(json_array_size(rows), sizeof(size_t));
		for (size_t k = 0; k < json_array_size(rows); k++) {
			size_t row = read_index(in, json_array_get(rows, k), r->n, false, "groups");

			if (r->rows[row].group != i || (k && row <= g->members[k - 1]))
				wrong(in, "groups");
			g->members[g->n++] = row;
		}
		members += g->n;
	}
	for (size_t i = 0; i < r->n; i++)
		in_one += r->rows[i].group != SIZE_MAX;
	if (members != in_one)
		wrong(in, "rows.group");
}

static void read_top(struct reader *in, const json_t *o, struct correlate_result *r)
{
	const json_t *which;

	read_set(in, o, CORRELATE_TOP + 1, CORRELATE_TOP_POINTS, &r->top);
	which = read_list(in, o, "series", r->top.n);
	for (size_t i = 0; i < r->top.n; i++) {
		r->top_series[i] =
			read_index(in, json_array_get(which, i), r->shown.n, false, "top.series");
		if (!r->top.items[i].values)
			wrong(in, "top.values");
	}
}

static void read_read(struct reader *in, const json_t *o, struct series_set *s)
{
	const json_t *notes = json_object_get(o, "notes");

#define X(name) s->name = read_index(in, json_object_get(o, #name), SIZE_MAX, false, "read." #name);
	READ(X)
#undef X
	s->resampled = json_is_true(json_object_get(o, "resampled"));
	if (!json_is_string(notes))
		wrong(in, "read.notes");
	else
		str_add(&s->notes, json_string_value(notes));
}

int correlate_from_json(struct correlate_result *out, const json_t *json, struct err *err)
{
	struct reader in = {NULL};

	*out = (struct correlate_result){0};
	read_set(&in, json_object_get(json, "shown"), SERIES_MAX, CORRELATE_SPARK, &out->shown);
	read_read(&in, json_object_get(json, "read"), &out->shown);
	read_spec(&in, json_object_get(json, "spec"), out->shown.n, &out->spec);
	out->target = mem_strdup(read_text(&in, json_object_get(json, "target"), "target"));
	out->tests = read_index(&in, json_object_get(json, "tests"), SIZE_MAX, false, "tests");
	out->constant =
		read_index(&in, json_object_get(json, "constant"), SIZE_MAX, false, "constant");
	out->duplicate =
		read_index(&in, json_object_get(json, "duplicate"), SIZE_MAX, false, "duplicate");
	out->short_ = read_index(&in, json_object_get(json, "short"), SIZE_MAX, false, "short");
	read_rows(&in, json_object_get(json, "rows"), out);
	if (!in.bad)
		read_groups(&in, json_object_get(json, "groups"), out);
	read_top(&in, json_object_get(json, "top"), out);
	if (read_index(&in, json_object_get(json, "found"), SIZE_MAX, false, "found") !=
		out->n_found)
		wrong(&in, "found");
	if (!in.bad)
		return 0;
	correlate_release(out);
	return err_set(err, ERR_INPUT,
		"The stored correlation cannot be used: '%s' in it is missing or damaged. Run "
		"culprit correlate on the data again.",
		in.bad);
}

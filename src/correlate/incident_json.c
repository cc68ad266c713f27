/* An incident as JSON, rows in columns, and back. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "correlate/incident.h"

#define NUMBERS(X)                                                                                 \
	X(score)                                                                                   \
	X(p)                                                                                       \
	X(q)                                                                                       \
	X(before)                                                                                  \
	X(during)                                                                                  \
	X(peak)                                                                                    \
	X(began_s)                                                                                 \
	X(began_low_s)                                                                             \
	X(began_high_s)                                                                            \
	X(sure_s)
#define FLAGS(X) X(step) X(found)

static void put_column(json_t *rows, const char *name, const struct incident_result *r,
	json_t *(*make)(const struct incident_row *row))
{
	json_t *column = json_array();

	for (size_t i = 0; i < r->n; i++)
		json_array_append_new(column, make(&r->rows[i]));
	json_object_set_new(rows, name, column);
}

#define X(name)                                                                                    \
	static json_t *make_##name(const struct incident_row *row)                                 \
	{                                                                                          \
		return json_number(row->name);                                                     \
	}
NUMBERS(X)
#undef X
#define X(name)                                                                                    \
	static json_t *make_##name(const struct incident_row *row)                                 \
	{                                                                                          \
		return json_boolean(row->name);                                                    \
	}
FLAGS(X)
#undef X

static json_t *make_series(const struct incident_row *row)
{
	return json_integer((json_int_t)row->series);
}

json_t *incident_to_json(const struct incident_result *r, const struct series_set *s)
{
	json_t *o = json_object(), *rows = json_object(), *names = json_array();

	json_object_set_new(o, "from_s", json_number(r->spec.from_s));
	json_object_set_new(o, "to_s", json_number(r->spec.to_s));
	json_object_set_new(o, "before_s", json_number(r->spec.before_s));
	json_object_set_new(o, "fdr", json_number(r->spec.fdr));
	json_object_set_new(o, "skipped", json_integer((json_int_t)r->skipped));
	json_object_set_new(o, "found", json_integer((json_int_t)r->n_found));
	for (size_t i = 0; i < r->n; i++)
		json_array_append_new(names, json_string(s->items[r->rows[i].series].name));
	json_object_set_new(rows, "name", names);
	put_column(rows, "series", r, make_series);
#define X(name) put_column(rows, #name, r, make_##name);
	NUMBERS(X)
	FLAGS(X)
#undef X
	json_object_set_new(o, "rows", rows);
	return o;
}

static int is_wrong(struct err *err)
{
	return err_set(err, ERR_INPUT,
		"the stored incident is not what culprit wrote; run `culprit correlate` again");
}

/* The rows' columns, each of which must have n values of its kind. */
static bool read_rows(struct incident_result *out, const json_t *rows, size_t n_series)
{
	const json_t *series = json_object_get(rows, "series"), *column, *v;

	out->n = json_array_size(series);
	out->rows = mem_zalloc(out->n + 1, sizeof(*out->rows));
	for (size_t i = 0; i < out->n; i++) {
		v = json_array_get(series, i);
		if (!json_is_integer(v) || json_integer_value(v) < 0 ||
			(uint64_t)json_integer_value(v) >= n_series)
			return false;
		out->rows[i].series = (size_t)json_integer_value(v);
	}
#define READ(name, is, value)                                                                      \
	column = json_object_get(rows, #name);                                                     \
	if (json_array_size(column) != out->n)                                                     \
		return false;                                                                      \
	for (size_t i = 0; i < out->n; i++) {                                                      \
		v = json_array_get(column, i);                                                     \
		if (!(is))                                                                         \
			return false;                                                              \
		out->rows[i].name = value;                                                         \
	}
#define X(name)                                                                                    \
	READ(name, json_is_number(v) || json_is_null(v),                                           \
		json_is_null(v) ? NAN : json_number_value(v))
	NUMBERS(X)
#undef X
#define X(name) READ(name, json_is_boolean(v), json_is_true(v))
	FLAGS(X)
#undef X
	return true;
}

int incident_from_json(
	struct incident_result *out, const json_t *json, size_t n_series, struct err *err)
{
	int64_t found = json_int_at(json, "found"), skipped = json_int_at(json, "skipped");

	*out = (struct incident_result){.spec = {.from_s = json_number_at(json, "from_s"),
						.to_s = json_number_at(json, "to_s"),
						.before_s = json_number_at(json, "before_s"),
						.fdr = json_number_at(json, "fdr")}};
	if (!read_rows(out, json_object_get(json, "rows"), n_series) || found < 0 ||
		(uint64_t)found > out->n || skipped < 0 || !isfinite(out->spec.from_s) ||
		!isfinite(out->spec.to_s))
		return is_wrong(err);
	out->n_found = (size_t)found;
	out->skipped = (size_t)skipped;
	return 0;
}

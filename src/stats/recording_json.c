/* A recording as JSON and back. Every number of a series is whole: times in microseconds, so that a
 * row of twenty values takes a hundred bytes and not four. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "stats/recording.h"

/* What a unit of the series is in JSON. */
struct scale {
	const char *unit;
	double factor;
};

static struct scale scale_of(enum recorder_series s)
{
	if (s == RECORD_RUNNABLE)
		return (struct scale){"1/1000", 1e3};
	if (!strcmp(RECORDER_UNITS[s], "s"))
		return (struct scale){"us", 1e6};
	return (struct scale){RECORDER_UNITS[s], 1};
}

static json_t *whole_numbers(const double *v, size_t n, double factor)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			list, isfinite(v[i]) ? json_integer(llround(v[i] * factor)) : json_null());
	return list;
}

static json_t *summary_of(const struct recording *r, enum recorder_series s)
{
	struct recording_summary sum;
	json_t *o = json_object();

	recording_summarise(r, s, NAN, NAN, &sum);
	json_object_set_new(o, "mean", json_number(sum.mean));
	json_object_set_new(o, "max", json_number(sum.max));
	if (RECORDER_IS_TOTAL[s])
		json_object_set_new(o, "total", json_number(sum.total));
	return o;
}

json_t *recording_to_json(const struct recording *r)
{
	json_t *series = json_object(), *denied = json_array(), *o = json_object();

	for (size_t s = 0; s < RECORD_N_SERIES; s++) {
		struct scale scale = scale_of((enum recorder_series)s);
		json_t *one = NULL;

		if (r->denied & 1u << s)
			json_array_append_new(denied, json_string(RECORDER_WORDS[s]));
		if (!r->value[s])
			continue;
		one = json_object();
		json_object_set_new(one, "about", json_string(RECORDER_TEXTS[s]));
		json_object_set_new(one, "unit", json_string(RECORDER_UNITS[s]));
		json_object_set_new(one, "grows", json_boolean(RECORDER_IS_TOTAL[s]));
		json_object_set_new(one, "summary", summary_of(r, (enum recorder_series)s));
		json_object_set_new(one, "values_unit", json_string(scale.unit));
		json_object_set_new(one, "values", whole_numbers(r->value[s], r->n, scale.factor));
		json_object_set_new(series, RECORDER_WORDS[s], one);
	}
	json_object_set_new(o, "interval_s", json_number(r->interval_s));
	json_object_set_new(o, "seconds", json_number(r->n ? r->time_s[r->n - 1] : 0));
	json_object_set_new(o, "samples", json_integer((json_int_t)r->n));
	json_object_set_new(o, "missed", json_integer((json_int_t)r->missed));
	json_object_set_new(o, "own_cpu_s", json_number(r->own_cpu_s));
	json_object_set_new(o, "short_lived", json_integer((json_int_t)r->short_lived));
	json_object_set_new(o, "ended", json_boolean(r->ended));
	json_object_set_new(o, "denied", denied);
	json_object_set_new(o, "time_us", whole_numbers(r->time_s, r->n, 1e6));
	json_object_set_new(o, "series", series);
	return o;
}

static double *read_numbers(const json_t *list, size_t n, double factor)
{
	double *v = mem_alloc(n + 1, sizeof(*v));

	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(list, i);

		v[i] = json_is_number(item) ? json_number_value(item) / factor : NAN;
	}
	return v;
}

static int read_series(struct recording *out, const json_t *series, struct err *err)
{
	for (size_t s = 0; s < RECORD_N_SERIES; s++) {
		const json_t *one = json_object_get(series, RECORDER_WORDS[s]);
		const json_t *values = json_object_get(one, "values");

		if (!one)
			continue;
		if (json_array_size(values) != out->n)
			return err_set(err, ERR_INPUT,
				"recording: series '%s' has %zu values for %zu samples; it was "
				"changed after culprit wrote it",
				RECORDER_WORDS[s], json_array_size(values), out->n);
		out->value[s] =
			read_numbers(values, out->n, scale_of((enum recorder_series)s).factor);
	}
	return 0;
}

static void read_denied(struct recording *out, const json_t *denied)
{
	for (size_t i = 0; i < json_array_size(denied); i++) {
		const char *word = json_string_value(json_array_get(denied, i));

		for (size_t s = 0; word && s < RECORD_N_SERIES; s++)
			if (!strcmp(word, RECORDER_WORDS[s]))
				out->denied |= 1u << s;
	}
}

int recording_from_json(struct recording *out, const json_t *json, struct err *err)
{
	const json_t *time = json_object_get(json, "time_us");
	int rc;

	*out = (struct recording){0};
	out->n = json_array_size(time);
	if (!json_is_array(time) || out->n > RECORDING_MAX)
		return err_set(err, ERR_INPUT,
			"recording: no times, or more than %d of them; is this a recording's JSON?",
			RECORDING_MAX);
	out->cap = out->n + 1;
	out->time_s = read_numbers(time, out->n, 1e6);
	rc = read_series(out, json_object_get(json, "series"), err);
	read_denied(out, json_object_get(json, "denied"));
	out->interval_s = json_number_at(json, "interval_s");
	out->missed = (uint64_t)json_int_at(json, "missed");
	out->own_cpu_s = json_number_at(json, "own_cpu_s");
	out->short_lived = (uint64_t)json_int_at(json, "short_lived");
	out->ended = json_is_true(json_object_get(json, "ended"));
	if (rc)
		recording_release(out);
	return rc;
}

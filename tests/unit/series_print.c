/* Series of a Prometheus server as JSON, for tests/cli/test_correlate_prometheus.py:
 *
 *   series_print URL FROM TO STEP TARGET TIMEOUT MAX_BYTES MATCH…
 *
 * times in seconds; "" for no target. Exits with the error's code, and prints its sentence. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "correlate/sources.h"

static json_t *set_to_json(const struct series_set *s, size_t target)
{
	json_t *all = json_object(), *series = json_object();

	for (size_t i = 0; i < s->n; i++) {
		json_t *one = json_object(), *values = json_array();

		for (size_t t = 0; t < s->n_times; t++)
			json_array_append_new(values, json_number(s->items[i].values[t]));
		json_object_set_new(one, "values", values);
		json_object_set_new(
			one, "counter", json_boolean(s->items[i].kind == SERIES_COUNTER));
		json_object_set_new(one, "resets", json_integer((json_int_t)s->items[i].resets));
		json_object_set_new(series, s->items[i].name, one);
	}
	json_object_set_new(all, "start", json_number(s->start_s));
	json_object_set_new(all, "step", json_number(s->step_s));
	json_object_set_new(all, "notes", json_string(str_text(&s->notes)));
	json_object_set_new(all, "target",
		target == SIZE_MAX ? json_null() : json_string(s->items[target].name));
	json_object_set_new(all, "series", series);
	return all;
}

int main(int argc, char **argv)
{
	struct prometheus_query q = {.token = getenv("TOKEN")};
	struct series_set set;
	struct err err = {0};
	size_t target;

	if (argc < 9)
		return 2;
	q.url = argv[1];
	q.from_s = strtod(argv[2], NULL);
	q.to_s = strtod(argv[3], NULL);
	q.step_s = strtod(argv[4], NULL);
	q.target = *argv[5] ? argv[5] : NULL;
	q.timeout_ns = (uint64_t)(strtod(argv[6], NULL) * 1e9);
	q.max_bytes = strtoull(argv[7], NULL, 10);
	q.matches = (const char *const *)(argv + 8);
	q.n_matches = (size_t)argc - 8;
	if (series_read_prometheus(&set, &target, &q, &err)) {
		puts(err.text);
		return err_exit_code(err.kind);
	}
	json_t *json = set_to_json(&set, target);
	struct str text = STR_INIT;

	json_write(&text, json, 0);
	puts(text.p);
	str_release(&text);
	json_decref(json);
	series_set_release(&set);
	return 0;
}

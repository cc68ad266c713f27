/* Trials as CSV. Made from their JSON alone, so that a stored study needs nothing else. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/csv.h"
#include "study/study.h"

/* Adds the keys of an object that `columns` (a JSON array) does not have yet, in order. */
static void add_keys(json_t *columns, json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		size_t i, n = json_array_size(columns);

		for (i = 0; i < n; i++)
			if (!strcmp(json_string_value(json_array_get(columns, i)), key))
				break;
		if (i == n)
			json_array_append_new(columns, json_string(key));
	}
}

static void put_value(struct str *out, const json_t *value)
{
	if (json_is_string(value))
		csv_put(out, false, json_string_value(value));
	else
		csv_put_number(out, false, json_is_number(value) ? json_number_value(value) : NAN);
}

static void put_values(struct str *out, const json_t *columns, const json_t *object)
{
	for (size_t i = 0; i < json_array_size(columns); i++)
		put_value(out,
			json_object_get(object, json_string_value(json_array_get(columns, i))));
}

static void put_titles(struct str *out, const json_t *columns)
{
	for (size_t i = 0; i < json_array_size(columns); i++)
		csv_put(out, false, json_string_value(json_array_get(columns, i)));
}

void study_trials_csv(struct str *out, const struct trial *trials, size_t n)
{
	json_t *factors = json_array(), *responses = json_array();
	char label[CLOCK_TEXT];

	/* Those of the confirmation lie behind the others, and belong to no table to learn from. */
	while (n && !study_trial_is_design(&trials[n - 1]))
		n--;
	for (size_t i = 0; i < n; i++) {
		add_keys(factors, trials[i].setting);
		add_keys(responses, trials[i].responses);
	}
	csv_put(out, true, "trial");
	csv_put(out, false, "started");
	csv_put(out, false, "status");
	put_titles(out, factors);
	put_titles(out, responses);
	csv_put(out, false, "connections");
	csv_put(out, false, "note");
	str_add_char(out, '\n');
	for (size_t i = 0; i < n; i++) {
		const struct trial *t = &trials[i];
		const char *note = json_string_value(json_object_get(t->detail, "note"));

		str_addf(out, "%zu", t->index + 1);
		csv_put(out, false, clock_iso(t->started_ms, label));
		csv_put(out, false, t->ok ? "ok" : "failed");
		put_values(out, factors, t->setting);
		put_values(out, responses, t->responses);
		put_value(out, json_object_get(t->detail, "connections"));
		csv_put(out, false, note ? note : "");
		str_add_char(out, '\n');
	}
	json_decref(factors);
	json_decref(responses);
}

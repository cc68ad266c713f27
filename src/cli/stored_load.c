#include "cli/stored_load.h"

#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

static json_t *required_to_json(const struct load_report *l)
{
	json_t *list = json_array();

	for (size_t i = 0; i < l->n_goals; i++) {
		const struct load_goal *g = &l->goals[i];
		struct str text = STR_INIT;
		struct err ignored;
		double value = NAN;
		bool held = !load_goal_value(g, l->result, &value, &ignored) &&
			    load_goal_holds(g, value);
		json_t *o = json_object();

		load_goal_describe(g, value, &text);
		json_object_set_new(o, "goal", json_string(g->text));
		json_object_set_new(o, "held", json_boolean(held));
		json_object_set_new(o, "value", json_number(value));
		json_object_set_new(o, "text", json_string(str_text(&text)));
		json_array_append_new(list, o);
		str_release(&text);
	}
	return list;
}

json_t *stored_load_json(const struct load_report *l)
{
	json_t *json = load_to_json(l->spec, l->result);

	json_object_set_new(json, "required", required_to_json(l));
	if (l->search)
		json_object_set_new(json, "search", load_search_to_json(l->search, l->search_goal));
	if (l->watched) {
		json_t *recording = recording_to_json(l->watched->recording);

		json_object_set_new(recording, "what", json_string(l->watched->what));
		json_object_set_new(recording, "start_s", json_number(l->watched_start_s));
		json_object_set_new(json, "recording", recording);
	}
	return json;
}

static int goals_read(struct stored_load *out, const json_t *list, struct err *err)
{
	size_t n = json_array_size(list);
	int rc = 0;

	out->goals = mem_zalloc(n + 1, sizeof(*out->goals));
	for (size_t i = 0; !rc && i < n; i++) {
		rc = load_goal_parse(
			&out->goals[i], json_text_at(json_array_get(list, i), "goal"), err);
		out->n_goals += !rc;
	}
	return rc;
}

int stored_load_read(struct stored_load *out, const json_t *json, struct err *err)
{
	const json_t *search = json_object_get(json, "search");
	const json_t *recording = json_object_get(json, "recording");
	int rc;

	*out = (struct stored_load){0};
	rc = load_spec_from_json(&out->spec, json_object_get(json, "asked"), err);
	if (!rc)
		rc = load_from_json(&out->result, json, err);
	if (!rc)
		rc = goals_read(out, json_object_get(json, "required"), err);
	if (!rc && search)
		rc = load_goal_parse(&out->search_goal, json_text_at(search, "goal"), err);
	if (!rc && search)
		rc = load_search_from_json(&out->search, search, err);
	if (!rc && recording)
		rc = recording_from_json(&out->recording, recording, err);
	out->watched = (struct recording_report){.what = json_text_at(recording, "what"),
		.recording = &out->recording,
		.exit_code = -1};
	out->report = (struct load_report){.spec = &out->spec,
		.result = &out->result,
		.goals = out->goals,
		.n_goals = out->n_goals,
		.search = !rc && search ? &out->search : NULL,
		.search_goal = &out->search_goal,
		.watched = !rc && recording ? &out->watched : NULL,
		.watched_start_s = json_number_at(recording, "start_s")};
	return rc;
}

void stored_load_release(struct stored_load *s)
{
	for (size_t i = 0; i < s->n_goals; i++)
		load_goal_release(&s->goals[i]);
	free(s->goals);
	if (s->search_goal.text)
		load_goal_release(&s->search_goal);
	load_search_release(&s->search);
	recording_release(&s->recording);
	load_result_release(&s->result);
	load_spec_release(&s->spec);
	*s = (struct stored_load){0};
}

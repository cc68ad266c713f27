#include "cli/stored_recording.h"

#include "base/json.h"
#include "cli/stored.h"

json_t *stored_recording_json(const struct recording_report *r)
{
	json_t *json = recording_to_json(r->recording);

	json_object_set_new(json, "what", json_string(r->what));
	json_object_set_new(
		json, "exit_code", r->exit_code < 0 ? json_null() : json_integer(r->exit_code));
	return json;
}

int stored_recording_read(struct stored_recording *out, const json_t *json, struct err *err)
{
	const json_t *code = json_object_get(json, "exit_code");
	int rc;

	*out = (struct stored_recording){0};
	rc = recording_from_json(&out->recording, json, err);
	out->report = (struct recording_report){.what = json_text_at(json, "what"),
		.recording = &out->recording,
		.exit_code = json_is_integer(code) ? (int)json_integer_value(code) : -1};
	return rc;
}

void stored_recording_release(struct stored_recording *s)
{
	recording_release(&s->recording);
}

int stored_recording_text(
	const struct run *run, const struct term *term, struct str *out, struct err *err)
{
	struct stored_recording s;
	int rc = stored_recording_read(&s, run->result, err);

	if (!rc)
		report_recording(out, term, &s.report);
	stored_recording_release(&s);
	return rc;
}

int stored_recording_csv(const struct run *run, struct str *out, struct err *err)
{
	struct stored_recording s;
	int rc = stored_recording_read(&s, run->result, err);

	if (!rc)
		recording_to_csv(out, &s.recording);
	stored_recording_release(&s);
	return rc;
}

int stored_recording_html(const struct run *run, struct str *out, struct err *err)
{
	struct stored_recording s;
	int rc = stored_recording_read(&s, run->result, err);

	if (!rc)
		stored_recording_page(run, &s.report, out);
	stored_recording_release(&s);
	return rc;
}

void stored_recording_page(const struct run *run, const struct recording_report *r, struct str *out)
{
	struct report_recording_page page = {
		.run = stored_describe(run),
		.recording = *r,
	};

	report_recording_html(out, &page);
}

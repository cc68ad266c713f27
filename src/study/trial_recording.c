#include "study/trial_recording.h"

#include <math.h>
#include <stdio.h>

#include "base/json.h"

enum { ROWS = 300, NAME_TEXT = 48 };

static json_t *summary_json(const struct recording *rec, double t0_s, double t1_s)
{
	json_t *o = json_object();

	for (int s = 0; s < RECORD_N_SERIES; s++) {
		struct recording_summary sum;

		if (!rec->value[s])
			continue;
		recording_summarise(rec, (enum recorder_series)s, t0_s, t1_s, &sum);
		json_object_set_new(o, RECORDER_WORDS[s],
			json_pack("{s:o, s:o}", "mean", json_number(sum.mean), "max",
				json_number(sum.max)));
	}
	json_object_set_new(o, "missed", json_integer((json_int_t)rec->missed));
	json_object_set_new(o, "own_cpu_s", json_number(rec->own_cpu_s));
	return o;
}

void trial_add_recording(
	struct trial *t, const struct load_result *r, const struct recording *rec, double window_s)
{
	double end_s = window_s + r->seconds, completed = (double)r->completed;
	struct recording_summary rss, waited, made;

	json_object_set_new(t->detail, "recording", summary_json(rec, window_s, end_s));
	if (!t->ok || !rec->value[RECORD_RSS])
		return;
	recording_summarise(rec, RECORD_RSS, window_s, end_s, &rss);
	json_object_set_new(t->responses, "peak_memory_mb", json_number(rss.max / 1e6));
	if (!rec->value[RECORD_VOLUNTARY] || !rec->value[RECORD_INVOLUNTARY] || !(completed > 0))
		return;
	recording_summarise(rec, RECORD_VOLUNTARY, window_s, end_s, &waited);
	recording_summarise(rec, RECORD_INVOLUNTARY, window_s, end_s, &made);
	json_object_set_new(t->responses, "switches_per_request",
		json_number((waited.total + made.total) / completed));
}

int trial_keep_recording(
	struct store *store, const struct trial *t, struct recording *rec, struct err *err)
{
	struct str text = STR_INIT;
	char name[NAME_TEXT];
	json_t *json;
	int rc;

	recording_thin(rec, ROWS);
	json = recording_to_json(rec);
	json_write(&text, json, 0);
	snprintf(name, sizeof(name), "trial-%zu-recording", t->index + 1);
	rc = store_blob_put(store, t->run, name, text.p, text.len, err);
	str_release(&text);
	json_decref(json);
	return rc;
}

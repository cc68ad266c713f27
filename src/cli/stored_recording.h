/* A recording as it is kept: its JSON with what was recorded, and back. */
#ifndef CULPRIT_CLI_STORED_RECORDING_H
#define CULPRIT_CLI_STORED_RECORDING_H

#include <jansson.h>

#include "base/err.h"
#include "report/report.h"
#include "store/store.h"

struct stored_recording {
	struct recording recording;
	struct recording_report report; /* of it; `what` is borrowed from the JSON */
};

/* recording_to_json() with the members "what" and "exit_code". */
json_t *stored_recording_json(const struct recording_report *r);

/* Release in any case. */
int stored_recording_read(struct stored_recording *out, const json_t *json, struct err *err);
void stored_recording_release(struct stored_recording *s);

/* What show and export do with a run of kind "recording". */
int stored_recording_text(
	const struct run *run, const struct term *term, struct str *out, struct err *err);
int stored_recording_csv(const struct run *run, struct str *out, struct err *err);
int stored_recording_html(const struct run *run, struct str *out, struct err *err);

/* The HTML report of one that has just ended. */
void stored_recording_page(
	const struct run *run, const struct recording_report *r, struct str *out);

#endif

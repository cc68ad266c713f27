/* A load as it is kept: its JSON with what was required of it, and back. */
#ifndef CULPRIT_CLI_STORED_LOAD_H
#define CULPRIT_CLI_STORED_LOAD_H

#include <jansson.h>

#include "base/err.h"
#include "report/report.h"

struct stored_load {
	struct load_spec spec;
	struct load_result result;
	struct load_goal *goals;
	size_t n_goals;
	struct load_search search;
	struct load_goal search_goal;
	struct recording recording; /* of --watch */
	struct recording_report watched;
	struct load_report report; /* of the above, as far as they are there */
};

/* Texts are borrowed from `json`. Release in any case. */
int stored_load_read(struct stored_load *out, const json_t *json, struct err *err);
void stored_load_release(struct stored_load *s);

/* load_to_json() with the members "required" (docs/load.md); after a search, "search"; of --watch,
 * "recording": recording_to_json() with "what" and "start_s". */
json_t *stored_load_json(const struct load_report *l);

#endif

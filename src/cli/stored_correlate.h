/* A correlation as it is kept: what was found, the accounts, the incident; and back. */
#ifndef CULPRIT_CLI_STORED_CORRELATE_H
#define CULPRIT_CLI_STORED_CORRELATE_H

#include <jansson.h>

#include "base/err.h"
#include "report/report.h"
#include "store/store.h"

struct stored_correlate {
	struct correlate_result result;
	struct incident_result incident;
	struct account accounts[ACCOUNT_MAX];
	struct account_change changes[ACCOUNT_MAX];
	size_t n_accounts;
	struct series_set set;          /* without values: times, names, what was done */
	struct correlate_report report; /* of the above, as far as they are there */
};

/* Of a report, all that it shows (docs/correlate.md). */
json_t *stored_correlate_json(const struct correlate_report *r);

/* Release in any case; texts are borrowed from `json`. */
int stored_correlate_read(struct stored_correlate *out, const json_t *json, struct err *err);
void stored_correlate_release(struct stored_correlate *s);

/* What `correlate` prints, and `show` again. */
void stored_correlate_print(
	struct str *out, const struct term *term, const struct correlate_report *r);
/* The accounts as tables, `top` parts of each. */
void stored_correlate_explain(
	struct str *out, const struct term *term, const struct correlate_report *r, size_t top);
/* A row a series. */
void stored_correlate_rows_csv(struct str *out, const struct correlate_report *r);

/* What show and export do with a run of kind "correlation". */
int stored_correlate_text(
	const struct run *run, const struct term *term, struct str *out, struct err *err);
int stored_correlate_csv(const struct run *run, struct str *out, struct err *err);
int stored_correlate_html(const struct run *run, struct str *out, struct err *err);

/* The HTML report of one that has just ended. */
void stored_correlate_page(
	const struct run *run, const struct correlate_report *r, struct str *out);

#endif

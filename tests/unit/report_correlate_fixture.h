/* The results that the tests of correlation reports draw: a service whose SQL becomes slow between
 * 19:00 and 21:20, an endpoint that follows it, another that takes a burst of traffic, and many
 * that do nothing. */
#ifndef REPORT_CORRELATE_FIXTURE_H
#define REPORT_CORRELATE_FIXTURE_H

#include "report/report.h"

struct story {
	struct series_set set;
	struct correlate_result result;
	struct account account;
	struct account_change change;
	struct incident_result incident;
	struct correlate_report report; /* of all that */
};

struct story_options {
	size_t endpoints; /* 3 series each; 3 at least */
	size_t times;     /* a minute each, up to midnight */
	size_t max_lag;
	enum correlate_method method;
	bool null;            /* nothing moves with anything */
	bool calm;            /* SQL stays as it is: the burst alone moves the total */
	const char *sql_name; /* NULL: "SQL" */
};

/* The result by correlate_run(), account and incident written down. */
void story_make(struct story *s, const struct story_options *o);
void story_release(struct story *s);
/* As `culprit show` has it: through JSON, the values gone. */
void story_store(struct story *s);

#endif

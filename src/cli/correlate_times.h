/* Moments as a person names them, of data that has a beginning and an end. */
#ifndef CULPRIT_CLI_CORRELATE_TIMES_H
#define CULPRIT_CLI_CORRELATE_TIMES_H

#include <stdbool.h>

#include "base/err.h"
#include "correlate/series_time.h"

/* What a moment may be relative to. */
struct moments {
	double start_s, end_s; /* of the data; NaN: not known yet */
	double now_s;
	const struct series_zone *zone;
};

/* Says whether the data must be known: "-6h" and "19:00" are of its end, "+30s" of its beginning.
 */
bool moment_needs_data(const char *text);

/*
 * "2026-11-14 19:00" and whatever else series_time.h reads (in `zone` where it says none), Unix
 * seconds, "now", "-6h" (before the data's end, or before now where no data is known), "+30s" (from
 * its beginning), "19:00" (of the data's last day, or the last 19:00 there was). `what` names the
 * option. ERR_USAGE shows the forms.
 */
int moment_parse(
	double *out, const char *text, const char *what, const struct moments *m, struct err *err);

/* "FROM..TO" of such; where only FROM's clock is later than TO's, it is a day before. */
int moment_parse_pair(double *from, double *to, const char *text, const char *what,
	const struct moments *m, struct err *err);

#endif

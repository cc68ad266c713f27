/* OpenMetrics and Prometheus text that lies in memory; sources.h has the rest. */
#ifndef CULPRIT_CORRELATE_OPENMETRICS_H
#define CULPRIT_CORRELATE_OPENMETRICS_H

#include "correlate/series.h"

#define OPENMETRICS_BYTES_MAX (UINT64_C(8) << 30)
enum { OPENMETRICS_POINTS_MAX = 1 << 27 };

/* As series_read_openmetrics(), which reads the file; `what` names it in messages. */
int openmetrics_read(struct series_set *out, const char *what, const char *p, size_t len,
	double scrape_s, const struct align_options *o, struct err *err);

#endif

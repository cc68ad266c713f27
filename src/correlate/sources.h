/*
 * Series from elsewhere: OpenMetrics and Prometheus text, a Prometheus server, what culprit has
 * recorded itself.
 */
#ifndef CULPRIT_CORRELATE_SOURCES_H
#define CULPRIT_CORRELATE_SOURCES_H

#include <jansson.h>

#include "correlate/series.h"

/* OpenMetrics text with timestamps (or several scrapes one after the other, each ended by # EOF,
 * with `scrape_s` between those that have none). Types give counters; histograms become rates of
 * _count and _sum, and their quotient as a mean. ERR_INPUT names the line. */
int series_read_openmetrics(struct series_set *out, const char *path, double scrape_s,
	const struct align_options *o, struct err *err);

/* A server's query_range. */
struct prometheus_query {
	const char *url;            /* http://host:9090 */
	const char *const *matches; /* selectors or expressions: '{job="web"}' */
	size_t n_matches;
	const char *target; /* expression of the target, or NULL: one of the above is it */
	double from_s, to_s, step_s;
	uint64_t timeout_ns; /* of one answer */
	uint64_t max_bytes;  /* of one answer */
};
/* Selectors of counters are asked as rates (by the server's own metadata, or by their names); long
 * ranges in pieces of at most 11,000 points. ERR_INPUT, ERR_SERVICE: what the server said, partial
 * answers, no answer in time, each in one sentence. *target: index of the target's series. */
int series_read_prometheus(
	struct series_set *out, size_t *target, const struct prometheus_query *q, struct err *err);

/* A stored run of kind "recording" or "load", its result: recorded series, or seconds of the load
 * (rate, mean, percentiles, errors). */
int series_read_run(
	struct series_set *out, const char *kind, const json_t *result, struct err *err);

#endif

/*
 * Series from elsewhere: OpenMetrics and Prometheus text, a Prometheus server, what culprit has
 * recorded itself. docs/series.md tells what is done with counters, histograms and gaps.
 */
#ifndef CULPRIT_CORRELATE_SOURCES_H
#define CULPRIT_CORRELATE_SOURCES_H

#include <jansson.h>
#include <stdatomic.h>

#include "correlate/series.h"

/* OpenMetrics or Prometheus text with timestamps (or several scrapes one after the other, each
 * ended by # EOF, with `scrape_s` between those that have none). Types give counters; histograms
 * and summaries become rates of _count and _sum, their quotient as "x mean{…}", and of the buckets
 * p50, p90 and p99. ERR_INPUT names the line. A file may have 8 GiB and 2^27 samples. */
int series_read_openmetrics(struct series_set *out, const char *path, double scrape_s,
	const struct align_options *o, struct err *err);

enum {
	PROMETHEUS_SERIES_MAX = 50000,   /* more are refused */
	PROMETHEUS_VALUES_MAX = 1 << 27, /* of all series together: 1 GiB */
};

/* A server's query_range. */
struct prometheus_query {
	const char *url;            /* http://host:9090, https://user:password@host/path */
	const char *const *matches; /* selectors or expressions: '{job="web"}' */
	size_t n_matches;
	const char *target; /* expression of the target, or NULL: one of the above is it */
	double from_s, to_s, step_s;
	uint64_t timeout_ns;     /* of one answer; 0: 60 s */
	uint64_t max_bytes;      /* of one answer; 0: 256 MiB */
	const char *token;       /* bearer token, or NULL */
	const char *ca_file;     /* whom to trust instead of the system's, or NULL */
	bool insecure;           /* do not verify the certificate */
	const atomic_bool *stop; /* ends it early with ERR_STOPPED; or NULL */
};

/*
 * Selectors are asked as they are; those of their series that are counters (by the server's own
 * metadata, or by their names) become rates here, between the very moments at which the server read
 * them, which rate() does not give: it extrapolates and smooths. Expressions are taken as the
 * server gives them. Long ranges are asked in pieces of at most 11,000 points and a million values.
 * ERR_INPUT, ERR_SERVICE: what the server said, no answer in time, half of one, each in one
 * sentence; partial answers (warnings) are in the notes. *target: index of the target's series;
 * SIZE_MAX where q->target is NULL.
 */
int series_read_prometheus(
	struct series_set *out, size_t *target, const struct prometheus_query *q, struct err *err);

/*
 * A stored run of kind "recording" or "load", its result. A recording: its series, in steps of a
 * tenth of a second or more, totals as rates. A load: "load:rate", "load:mean", "load:p50",
 * "load:p99", "load:max", "load:errors" of each second, and where the service was recorded
 * meanwhile (--watch) "service:cpu" and so on beside them. start_s counts from the load's window
 * or the recording's start; the caller knows when that was.
 */
int series_read_run(
	struct series_set *out, const char *kind, const json_t *result, struct err *err);
/* Sets marks[i] where series i of a load and the target are measures of the same latencies (mean,
 * quantiles, maximum): they move together by arithmetic. */
void series_run_mechanical(bool *marks, const struct series_set *s, size_t target);

#endif

/*
 * Histograms in the interval log that HdrHistogram's own tools read (HistogramLogProcessor,
 * HistogramLogAnalyzer): text, format version 1.3, a line an interval, each with a compressed V2
 * encoding (zlib, base64) of a histogram of 3 significant digits in nanoseconds.
 */
#ifndef CULPRIT_STATS_HDR_LOG_H
#define CULPRIT_STATS_HDR_LOG_H

#include "base/str.h"
#include "stats/hist.h"

/* The header lines; `start_s`: wall-clock seconds since the epoch of the first interval. */
void hdr_log_start(struct str *out, double start_s, const char *made_by);

/* One interval, in seconds from the log's start; `tag` may be NULL. */
void hdr_log_add(
	struct str *out, const struct hist *h, double start_s, double seconds, const char *tag);

/* The V2 encoding alone, base64 of the compressed payload. */
void hdr_encode(struct str *out, const struct hist *h);

#endif

/*
 * Many time series on one time axis. Readers (csv, OpenMetrics, Prometheus, stored runs) give
 * points; series_align() puts them on a regular grid: different clocks and steps, gaps, counters
 * that reset, duplicates. What it did is counted, so that a report can say it.
 */
#ifndef CULPRIT_CORRELATE_SERIES_H
#define CULPRIT_CORRELATE_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { SERIES_MAX = 1000000, SERIES_NAME_MAX = 4096 };

enum series_kind {
	SERIES_GAUGE,
	SERIES_COUNTER, /* grows, falls to 0 when its process starts again: becomes a rate a second
			 */
};

/* One series, on the grid of its set. */
struct series {
	char *name;            /* as it is shown: "SQL", "endpoints/sparkline:throughput",
				  "rate(x_total{job="web"})" */
	char *family;          /* of those that are reported together; "" where there is one */
	double *values;        /* set->n_times; NaN: not known */
	enum series_kind kind; /* that it was */
	size_t known;          /* values that are */
	size_t resets;         /* of a counter */
	bool constant;         /* all known values are equal: nothing to correlate */
	size_t same_as;        /* index of an earlier series with equal values; SIZE_MAX: none */
};

struct series_set {
	double start_s; /* of the first time: Unix time, UTC */
	double step_s;  /* between times */
	size_t n_times;
	struct series *items;
	size_t n, cap;
	double *memory; /* of all values, in one piece where they were made so; or NULL */
	/* what was done, for the report */
	size_t points_read, points_duplicate, points_unsorted, points_bad, gaps;
	bool resampled;     /* steps differed, or did not fit the grid */
	const char *source; /* file, URL, "run 7" */
};

void series_set_release(struct series_set *s);

/* The series with this name, or, where only one has it, whose name ends so ("/total"); SIZE_MAX and
 * ERR_USAGE with the nearest names. */
size_t series_find(const struct series_set *s, const char *name, struct err *err);

/* ---- from points to a grid ---- */

/* Points of one series in any order: seconds since 1970 and a value; NaN values are gaps. */
struct series_points {
	char *name, *family;
	enum series_kind kind;
	double *time_s, *value;
	size_t n, cap;
};

struct align_options {
	double step_s;       /* 0: the most frequent distance of the points of the most series */
	double from_s, to_s; /* NaN: all */
	enum {
		ALIGN_NEAREST,
		ALIGN_MEAN
	} how; /* of several points in one step: mean; of none: NaN.
		  NEAREST: a point within half a step */
};

/* Puts them on one grid; counters become rates (a fall is a reset: the new value is what it has
 * grown by since). Sets constant, same_as, counts. The points are the caller's. */
int series_align(struct series_set *out, const struct series_points *points, size_t n,
	const struct align_options *o, struct err *err);

/* Marks what is constant, and what is equal to an earlier one. */
void series_mark(struct series_set *s);

/* ---- families ---- */

/* "NAME=REGEX" (PCRE2, anywhere in the name), the first that matches. Without any: what is before
 * the last '/' or ':' or '{' of a name where names have those, else one family. */
int series_families(
	struct series_set *s, const char *const *rules, size_t n_rules, struct err *err);

#endif

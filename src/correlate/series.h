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

enum {
	SERIES_MAX = 1000000,
	SERIES_NAME_MAX = 4096,      /* bytes; longer names are cut */
	SERIES_TIMES_MAX = 10000000, /* of a grid */
};

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
	double *memory;      /* of all values, in one piece where they were made so; or NULL */
	size_t mapped_bytes; /* of a mapping (a temporary file) that memory is; 0: from malloc() */
	/* what was done, for the report */
	size_t points_read, points_duplicate, points_unsorted, points_bad, gaps;
	bool resampled;     /* steps differed, or did not fit the grid */
	const char *source; /* file, URL, "run 7"; the caller's */
	struct str notes;   /* whole sentences, one a line: columns left out, a line that was cut, a
			       clock that was put back; for the report */
};

void series_set_release(struct series_set *s);

/* Adds a sentence to the notes. */
void series_note(struct series_set *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

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

enum { ALIGN_VALUES_MAX = 1 << 29 }; /* of all series together: 4 GiB */

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
 * grown by since). Sets constant, same_as, counts. The points are the caller's. ERR_INPUT where all
 * have one time, where there are none, and where the grid would be larger than SERIES_TIMES_MAX or
 * ALIGN_VALUES_MAX. */
int series_align(struct series_set *out, const struct series_points *points, size_t n,
	const struct align_options *o, struct err *err);

/* Counts what is known; marks what is constant, and what is equal to an earlier one. */
void series_mark(struct series_set *s);

/* Where values lie in a temporary file (mapped_bytes): the process keeps no memory for those of
 * series first … first + n − 1 any longer. They are read again when they are next looked at. To be
 * called by what goes through all series, behind itself. */
void series_forget(const struct series_set *s, size_t first, size_t n);

/* ---- families ---- */

/*
 * "NAME=REGEX" (PCRE2, anywhere in the name), the first that matches; "" where none does. Without
 * any rule, from the names: of "http_requests_total{…}" what is before the brace; of
 * "apps/data:time" and "layer:SQL" what is behind the last or before the first colon, whichever
 * makes fewer families; else what is before the last '/'. One family, "", where names have no such
 * thing. ERR_USAGE names the rule.
 */
int series_families(
	struct series_set *s, const char *const *rules, size_t n_rules, struct err *err);

#endif

/*
 * Series from CSV. Wide: a time column and one column a series. Long: time, name, value (and more
 * columns, whose values become labels of the name). Times in any usual form: Unix seconds,
 * milliseconds, micro- or nanoseconds, ISO 8601 with Z, an offset or none (then `zone`, UTC by
 * itself), "2026-11-21 19:00", "11/21/2026 7:00 PM" only where unambiguous. Numbers as strtod has
 * them in the C locale; empty, NaN, null, "-" are gaps; a decimal comma is refused with its line
 * and the mend. BOM, CRLF, quoted names and ; or tab as separators are taken.
 *
 * In pieces on all cores, at 2 to 3 ns of CPU a byte. A wide file that would not fit into
 * `memory_bytes` as numbers is turned (rows to columns) through a temporary file, which the set
 * then maps; a long one is refused.
 */
#ifndef CULPRIT_CORRELATE_SERIES_CSV_H
#define CULPRIT_CORRELATE_SERIES_CSV_H

#include "correlate/series.h"

struct series_csv_options {
	const char *time_column; /* NULL: the first whose values are times, preferring "time",
				    "timestamp", "date", … */
	const char *name_column, *value_column; /* long form; NULL: found by their names, or wide */
	const char *zone;            /* of times that say none: "UTC", "Europe/Berlin", "+02:00" */
	const char *const *counters; /* names or endings (x_total by itself) that are counters */
	size_t n_counters;
	struct align_options align;
	uint64_t memory_bytes;   /* 0: 1 GiB */
	const char *temp_folder; /* of temporary files: what comes through a pipe, what does not fit
				    into memory; NULL: /var/tmp */
};

int series_read_csv(struct series_set *out, const char *path, const struct series_csv_options *o,
	struct err *err);

#endif

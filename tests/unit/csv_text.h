/* A CSV file that is made from a text, read and gone again: for tests. */
#ifndef CULPRIT_TESTS_CSV_TEXT_H
#define CULPRIT_TESTS_CSV_TEXT_H

#include "correlate/series_csv.h"

/* All times, and nothing else said. */
struct series_csv_options csv_text_options(void);

/* Reads len bytes as a file; what series_read_csv() returns. */
int csv_text_read(struct series_set *s, const char *text, size_t len,
	const struct series_csv_options *o, struct err *err);

/* What cannot fail; o NULL: csv_text_options(). */
struct series_set csv_text_set(const char *text, const struct series_csv_options *o);

#endif

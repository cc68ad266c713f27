/*
 * CSV as RFC 4180 has it, strictly: quoted fields, doubled quotes, CRLF or LF, a UTF-8 byte order
 * mark. The reader is a leaf: no allocation, it walks over bytes that somebody else holds and gives
 * slices of them, so a file of gigabytes costs no memory.
 */
#ifndef CULPRIT_BASE_CSV_H
#define CULPRIT_BASE_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

/* A field as it stands in the file, without its outer quotes. `doubled`: it holds doubled quotes,
 * so it must be read through csv_field_text(). */
struct csv_field {
	const char *p;
	size_t len;
	bool quoted;
	bool doubled;
};

struct csv_reader {
	const char *at;
	const char *end;
	const char *name; /* of the file, for messages */
	char separator;
	size_t line; /* of the row last read, from 1 */
	size_t next_line;
};

/* `name` and `data` must live as long as the reader. */
void csv_init(struct csv_reader *r, const char *name, const char *data, size_t len, char separator);

/*
 * Reads a row: up to max fields into `fields`, and their whole number into *count (which may be
 * larger than max). Blank lines are passed over. 1 a row, 0 the end, negative an error that names
 * file and line (a quote that is not closed, text after a closing quote, a NUL byte).
 */
int csv_next(
	struct csv_reader *r, struct csv_field *fields, size_t max, size_t *count, struct err *err);

/* The field's text, without doubled quotes, appended. */
void csv_field_text(const struct csv_field *field, struct str *out);

/* Appends one field to a row being written, quoted where it must be; the first one needs no
 * separator before it. End a row with '\n'. */
void csv_put(struct str *out, bool first, const char *text);
void csv_put_number(struct str *out, bool first, double value); /* empty when not finite */

#endif

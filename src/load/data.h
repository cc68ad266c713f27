/* The rows of a data file: CSV with a header line of names. Held whole, read-only while it runs. */
#ifndef CULPRIT_LOAD_DATA_H
#define CULPRIT_LOAD_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { LOAD_DATA_MAX_BYTES = 1 << 28, LOAD_DATA_MAX_COLUMNS = 256 };

struct load_data {
	char **columns; /* names; words of letters, digits, "_", ".", "-" */
	size_t n_columns;
	size_t n_rows; /* at least 1 */
	char *text;    /* all values, each NUL-terminated; no value holds a NUL */
	size_t *at;    /* where a value starts in it: n_rows × n_columns, row by row */
};

/* ERR_INPUT names file and line: no rows, a row of another length, a column twice, a name that is
 * no word or is one of the built-in placeholders. */
int load_data_read(struct load_data *out, const char *path, struct err *err);
void load_data_release(struct load_data *d);

const char *load_data_value(const struct load_data *d, size_t row, size_t column);

#endif

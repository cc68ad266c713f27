/* All values lie in one text behind each other: a row costs its bytes and an offset a column. */
#include "load/data.h"

#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "load/template.h"

static int check_column(
	const struct load_data *d, const struct csv_reader *r, const char *name, struct err *err)
{
	if (!template_is_word(name, strlen(name)))
		return err_set(err, ERR_INPUT,
			"%s:%zu: column %zu is called '%.100s'; a name that can stand in braces "
			"has only letters, digits, '_', '.' and '-'",
			r->name, r->line, d->n_columns + 1, name);
	if (template_is_built_in(name))
		return err_set(err, ERR_INPUT,
			"%s:%zu: a column is called '%s', which stands for something else; rename "
			"it",
			r->name, r->line, name);
	for (size_t i = 0; i < d->n_columns; i++)
		if (!strcmp(d->columns[i], name))
			return err_set(err, ERR_INPUT,
				"%s:%zu: columns %zu and %zu are both called '%s'; rename one",
				r->name, r->line, i + 1, d->n_columns + 1, name);
	return 0;
}

static int read_columns(
	struct load_data *out, struct csv_reader *r, struct csv_field *fields, struct err *err)
{
	struct str name = STR_INIT;
	size_t n;
	int rc = csv_next(r, fields, LOAD_DATA_MAX_COLUMNS, &n, err);

	if (rc <= 0)
		return rc ? rc
			  : err_set(err, ERR_INPUT,
				    "%s: is empty; it needs a line of column names, and rows",
				    r->name);
	if (n > LOAD_DATA_MAX_COLUMNS)
		return err_set(err, ERR_INPUT, "%s:%zu: %zu columns, more than the %d that fit",
			r->name, r->line, n, LOAD_DATA_MAX_COLUMNS);
	out->columns = mem_alloc(n, sizeof(*out->columns));
	for (size_t i = 0; i < n; i++) {
		str_clear(&name);
		csv_field_text(&fields[i], &name);
		rc = check_column(out, r, str_text(&name), err);
		if (rc < 0)
			break;
		out->columns[out->n_columns++] = mem_strdup(str_text(&name));
	}
	str_release(&name);
	return rc < 0 ? rc : 0;
}

/* Appends a row's values to the text, and where they start. */
static int add_row(struct load_data *out, const struct csv_reader *r,
	const struct csv_field *fields, struct str *text, size_t *cap, struct err *err)
{
	size_t first = out->n_rows * out->n_columns;

	out->at = mem_grow(out->at, cap, first + out->n_columns, sizeof(*out->at));
	for (size_t i = 0; i < out->n_columns; i++) {
		if (memchr(fields[i].p, '\0', fields[i].len))
			return err_set(err, ERR_INPUT,
				"%s:%zu: a NUL byte in field %zu; this is not a text file", r->name,
				r->line, i + 1);
		out->at[first + i] = text->len;
		csv_field_text(&fields[i], text);
		str_add_char(text, '\0');
	}
	out->n_rows++;
	return 0;
}

static int read_rows(
	struct load_data *out, struct csv_reader *r, struct csv_field *fields, struct err *err)
{
	struct str text = STR_INIT;
	size_t n, cap = 0;
	int rc;

	while ((rc = csv_next(r, fields, LOAD_DATA_MAX_COLUMNS, &n, err)) > 0) {
		if (n != out->n_columns)
			rc = err_set(err, ERR_INPUT,
				"%s:%zu: this row has %zu fields, the line of names has %zu",
				r->name, r->line, n, out->n_columns);
		else
			rc = add_row(out, r, fields, &text, &cap, err);
		if (rc)
			break;
	}
	if (!rc && !out->n_rows)
		rc = err_set(err, ERR_INPUT,
			"%s: has a line of column names and no row; add at least one", r->name);
	out->text = str_take(&text);
	return rc;
}

int load_data_read(struct load_data *out, const char *path, struct err *err)
{
	struct csv_field *fields = NULL;
	struct csv_reader reader;
	struct file_bytes file;
	int rc;

	*out = (struct load_data){0};
	rc = file_open_bytes(path, LOAD_DATA_MAX_BYTES, &file, err);
	if (rc)
		return rc;
	fields = mem_alloc(LOAD_DATA_MAX_COLUMNS, sizeof(*fields));
	csv_init(&reader, path, file.data, file.len, ',');
	rc = read_columns(out, &reader, fields, err);
	if (!rc)
		rc = read_rows(out, &reader, fields, err);
	if (rc)
		load_data_release(out);
	free(fields);
	file_close_bytes(&file);
	return rc;
}

void load_data_release(struct load_data *d)
{
	for (size_t i = 0; i < d->n_columns; i++)
		free(d->columns[i]);
	free(d->columns);
	free(d->text);
	free(d->at);
	*d = (struct load_data){0};
}

const char *load_data_value(const struct load_data *d, size_t row, size_t column)
{
	return d->text + d->at[row * d->n_columns + column];
}

#include "learn/dataset.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"

static const struct {
	const char *name, *unit;
} RESPONSES[] = {
#define X(name, unit) {name, unit},
	DATASET_RESPONSES(X)
#undef X
};

static const char *const NOTES[] = {
#define X(name) name,
	DATASET_NOTES(X)
#undef X
};

enum {
	N_RESPONSES = sizeof(RESPONSES) / sizeof(RESPONSES[0]),
	N_NOTES = sizeof(NOTES) / sizeof(NOTES[0])
};

/* What becomes of a column. */
enum role { LEFT_OUT, FACTOR, RESPONSE };

struct column {
	char *name;
	enum role role;
	double *values; /* NULL where it is not needed */
	size_t cap;
	/* The first cell that is a word, and the first that is a number: a column may not have
	 * both. */
	size_t word_line, number_line;
	char *word;
	char **words; /* different ones, ends with NULL */
	size_t n_words;
};

struct reading {
	const char *name;
	const struct dataset_csv_spec *spec;
	struct csv_reader csv;
	struct column *columns;
	struct csv_field *fields;
	size_t width, n, failed;
	size_t response, connections, latency, status; /* columns; width where there is none */
	struct str text;
};

void dataset_init(struct dataset *d, size_t n, size_t p)
{
	*d = (struct dataset){.n = n,
		.p = p,
		.names = mem_zalloc(p + 1, sizeof(char *)),
		.x = mem_zalloc(n * p + 1, sizeof(double)),
		.y = mem_zalloc(n + 1, sizeof(double))};
}

static void free_words(char **words)
{
	for (size_t i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}

void dataset_release(struct dataset *d)
{
	for (size_t j = 0; j < d->p; j++) {
		if (d->names)
			free(d->names[j]);
		if (d->words)
			free_words(d->words[j]);
	}
	free(d->names);
	free(d->words);
	free(d->response);
	free(d->unit);
	free(d->x);
	free(d->y);
	free(d->connections);
	free(d->mean_latency_s);
	*d = (struct dataset){0};
}

static char **copy_words(char **words)
{
	size_t n = 0;
	char **copy;

	while (words[n])
		n++;
	copy = mem_zalloc(n + 1, sizeof(char *));
	for (size_t i = 0; i < n; i++)
		copy[i] = mem_strdup(words[i]);
	return copy;
}

void dataset_copy(struct dataset *to, const struct dataset *from)
{
	size_t column = from->n * sizeof(double);

	dataset_init(to, from->n, from->p);
	to->words = mem_zalloc(from->p + 1, sizeof(*to->words));
	for (size_t j = 0; j < from->p; j++) {
		to->names[j] = mem_strdup(from->names[j]);
		if (from->words && from->words[j])
			to->words[j] = copy_words(from->words[j]);
	}
	to->response = mem_strdup(from->response);
	to->unit = mem_strdup(from->unit);
	memcpy(to->x, from->x, from->p * column);
	memcpy(to->y, from->y, column);
	if (from->connections)
		to->connections = mem_copy(from->connections, column);
	if (from->mean_latency_s)
		to->mean_latency_s = mem_copy(from->mean_latency_s, column);
	to->failed = from->failed;
}

static const char *unit_of(const char *response)
{
	for (size_t i = 0; i < N_RESPONSES; i++)
		if (!strcmp(RESPONSES[i].name, response))
			return RESPONSES[i].unit;
	return "";
}

static bool written_by_culprit(const char *name)
{
	for (size_t i = 0; i < N_NOTES; i++)
		if (!strcmp(NOTES[i], name))
			return true;
	return *unit_of(name) != '\0';
}

static bool listed(const char *const *list, const char *name)
{
	for (; list && *list; list++)
		if (!strcmp(*list, name))
			return true;
	return false;
}

static bool is(const char *name, const char *other)
{
	return other && !strcmp(name, other);
}

static size_t find_column(const struct reading *r, const char *name)
{
	size_t c;

	for (c = 0; c < r->width && strcmp(r->columns[c].name, name); c++)
		;
	return c;
}

/* The column of that name must be there; the error says who wants it and which one is meant. */
static int need_column(
	const struct reading *r, const char *name, const char *what, size_t *at, struct err *err)
{
	const char **names, *nearest;
	struct str list = STR_INIT;

	*at = find_column(r, name);
	if (*at < r->width)
		return 0;
	names = mem_zalloc(r->width + 1, sizeof(*names));
	for (size_t c = 0; c < r->width; c++) {
		names[c] = r->columns[c].name;
		if (c < 12)
			str_addf(&list, "%s%s", c ? ", " : "", names[c]);
	}
	nearest = str_nearest(name, names);
	if (nearest)
		err_set(err, ERR_USAGE, "%s has no column '%s' for the %s; did you mean '%s'?",
			r->name, name, what, nearest);
	else
		err_set(err, ERR_USAGE, "%s has no column '%s' for the %s; there is %s%s", r->name,
			name, what, list.p, r->width > 12 ? ", …" : "");
	free(names);
	str_release(&list);
	return -ERR_USAGE;
}

static int choose_response(struct reading *r, struct err *err)
{
	struct str found = STR_INIT;
	size_t count = 0;

	if (r->spec->response)
		return need_column(r, r->spec->response, "response", &r->response, err);
	for (size_t c = 0; c < r->width; c++)
		if (*unit_of(r->columns[c].name)) {
			str_addf(&found, "%s%s", count++ ? ", " : "", r->columns[c].name);
			r->response = c;
		}
	if (count > 1)
		err_set(err, ERR_USAGE,
			"%s has several responses (%s); say which with --response NAME", r->name,
			found.p);
	else if (!count)
		err_set(err, ERR_USAGE, "say which column of %s to explain, with --response NAME",
			r->name);
	str_release(&found);
	return count == 1 ? 0 : -ERR_USAGE;
}

static int check_header(const struct reading *r, struct err *err)
{
	for (size_t c = 0; c < r->width; c++) {
		const char *name = r->columns[c].name;
		size_t first = find_column(r, name);

		if (!*name && c)
			return err_set(err, ERR_INPUT,
				"%s:%zu: column %zu has no name; give it one in the header",
				r->name, r->csv.line, c + 1);
		if (first < c)
			return err_set(err, ERR_INPUT,
				"%s:%zu: columns %zu and %zu are both named '%s'; rename one of "
				"them",
				r->name, r->csv.line, first + 1, c + 1, name);
	}
	return 0;
}

static int choose_factors(struct reading *r, struct err *err)
{
	const struct dataset_csv_spec *spec = r->spec;
	size_t at;
	int rc = 0;

	for (const char *const *f = spec->factors; !rc && f && *f; f++) {
		rc = need_column(r, *f, "factor", &at, err);
		if (!rc && at == r->response)
			rc = err_set(err, ERR_USAGE,
				"'%s' is the response, it cannot be a factor as well", *f);
		if (!rc)
			r->columns[at].role = FACTOR;
	}
	for (const char *const *f = spec->ignore; !rc && f && *f; f++)
		rc = need_column(r, *f, "columns to ignore", &at, err);
	for (size_t c = 0; !rc && !spec->factors && c < r->width; c++)
		if (*r->columns[c].name && !is(r->columns[c].name, spec->connections) &&
			!is(r->columns[c].name, spec->mean_latency) && c != r->response &&
			!written_by_culprit(r->columns[c].name) &&
			!listed(spec->ignore, r->columns[c].name))
			r->columns[c].role = FACTOR;
	return rc;
}

static int choose_columns(struct reading *r, struct err *err)
{
	const struct dataset_csv_spec *spec = r->spec;
	size_t factors = 0;
	int rc = choose_response(r, err);

	if (!rc)
		rc = choose_factors(r, err);
	if (rc)
		return rc;
	r->columns[r->response].role = RESPONSE;
	for (size_t c = 0; c < r->width; c++)
		factors += r->columns[c].role == FACTOR;
	if (!factors)
		return err_set(err, ERR_INPUT,
			"%s has no column to learn from beside '%s'; it takes one column a factor",
			r->name, r->columns[r->response].name);
	r->connections = find_column(r, spec->connections ? spec->connections : "connections");
	r->latency = find_column(r, spec->mean_latency ? spec->mean_latency : "mean_latency_ms");
	r->status = find_column(r, "status");
	if (r->status < r->width && r->columns[r->status].role != LEFT_OUT)
		r->status = r->width;
	if (spec->connections)
		rc = need_column(r, spec->connections, "connections", &r->connections, err);
	if (!rc && spec->mean_latency)
		rc = need_column(r, spec->mean_latency, "mean latency", &r->latency, err);
	return rc;
}

/* The separator that the header has: a comma, else a semicolon, else a tab. */
static char separator_of(const char *data, size_t len)
{
	const char *end = memchr(data, '\n', len);
	size_t header = end ? (size_t)(end - data) : len;

	if (memchr(data, ',', header))
		return ',';
	if (memchr(data, ';', header))
		return ';';
	return memchr(data, '\t', header) ? '\t' : ',';
}

static int read_header(struct reading *r, const char *data, size_t len, struct err *err)
{
	struct csv_field none;
	int rc;

	csv_init(&r->csv, r->name, data, len, separator_of(data, len));
	rc = csv_next(&r->csv, &none, 0, &r->width, err);
	if (rc < 0)
		return rc;
	if (!rc) {
		r->width = 0;
		return err_set(err, ERR_INPUT,
			"%s is empty; it takes a header row and a row a trial", r->name);
	}
	r->columns = mem_zalloc(r->width, sizeof(*r->columns));
	r->fields = mem_zalloc(r->width, sizeof(*r->fields));
	csv_init(&r->csv, r->name, data, len, r->csv.separator);
	csv_next(&r->csv, r->fields, r->width, &r->width, err);
	for (size_t c = 0; c < r->width; c++) {
		str_clear(&r->text);
		csv_field_text(&r->fields[c], &r->text);
		r->columns[c].name = mem_strdup(str_text(&r->text));
	}
	return check_header(r, err);
}

/* A cell without the blanks around it. */
static struct csv_field trimmed(struct csv_field f)
{
	while (f.len && (*f.p == ' ' || *f.p == '\t')) {
		f.p++;
		f.len--;
	}
	while (f.len && (f.p[f.len - 1] == ' ' || f.p[f.len - 1] == '\t'))
		f.len--;
	return f;
}

static bool is_missing(const struct csv_field *f)
{
	static const char *const WORDS[] = {
		"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", NULL};

	for (size_t i = 0; WORDS[i]; i++)
		if (f->len == strlen(WORDS[i]) && !memcmp(f->p, WORDS[i], f->len))
			return true;
	return false;
}

/* A word as its place among the column's words. */
static int word_cell(struct reading *r, struct column *c, const struct csv_field *f, double *value,
	struct err *err)
{
	size_t i;

	str_clear(&r->text);
	csv_field_text(f, &r->text);
	if (!c->words)
		c->words = mem_zalloc(DATASET_MAX_WORDS + 1, sizeof(char *));
	for (i = 0; i < c->n_words; i++)
		if (!strcmp(c->words[i], r->text.p))
			break;
	*value = (double)i;
	if (i < c->n_words)
		return 0;
	if (i == DATASET_MAX_WORDS)
		return err_set(err, ERR_INPUT,
			"%s:%zu: column '%s' has more than %d different words, too many for a "
			"factor; leave "
			"it out with --ignore %s",
			r->name, r->csv.line, c->name, DATASET_MAX_WORDS, c->name);
	c->words[c->n_words++] = mem_strdup(r->text.p);
	return 0;
}

static int read_cell(struct reading *r, size_t at, double *value, struct err *err)
{
	struct column *c = &r->columns[at];
	struct csv_field f = trimmed(r->fields[at]);
	bool number = num_scan(f.p, f.p + f.len, value) == f.p + f.len && f.len;

	if (is_missing(&f))
		return err_set(err, ERR_INPUT,
			"%s:%zu: no value in column '%s'; fill it in, or take the row out%s%s",
			r->name, r->csv.line, c->name,
			c->role == FACTOR ? ", or the column with --ignore " : "",
			c->role == FACTOR ? c->name : "");
	if (number && !isfinite(*value))
		return err_set(err, ERR_INPUT, "%s:%zu: '%.*s' in column '%s' is no finite number",
			r->name, r->csv.line, (int)(f.len < 40 ? f.len : 40), f.p, c->name);
	if (number)
		c->number_line = c->number_line ? c->number_line : r->csv.line;
	else if (!c->word_line) {
		c->word_line = r->csv.line;
		str_clear(&r->text);
		csv_field_text(&f, &r->text);
		c->word = mem_strdup(r->text.p);
	}
	if (c->word_line && (c->number_line || c->role != FACTOR))
		return err_set(err, ERR_INPUT, "%s:%zu: '%.40s' in column '%s' is not a number%s",
			r->name, c->word_line, c->word, c->name,
			c->role == FACTOR ? ", as other cells of it are" : "");
	return number ? 0 : word_cell(r, c, &f, value, err);
}

static bool wanted(const struct reading *r, size_t c)
{
	return r->columns[c].role != LEFT_OUT || c == r->connections || c == r->latency;
}

/* Beside factors and response, cells that cannot be read are NaN: the laws that use them do
 * without. */
static int read_row(struct reading *r, struct err *err)
{
	for (size_t c = 0; c < r->width; c++) {
		struct column *column = &r->columns[c];
		double value;
		int rc = 0;

		if (!wanted(r, c))
			continue;
		if (column->role == LEFT_OUT) {
			struct csv_field f = trimmed(r->fields[c]);

			if (num_scan(f.p, f.p + f.len, &value) != f.p + f.len || !f.len)
				value = NAN;
		} else {
			rc = read_cell(r, c, &value, err);
		}
		if (rc)
			return rc;
		column->values = mem_grow(column->values, &column->cap, r->n + 1, sizeof(double));
		column->values[r->n] = value;
	}
	r->n++;
	return 0;
}

static bool is_failed(const struct reading *r)
{
	static const char FAILED[] = "failed";
	const struct csv_field *f;

	if (r->status == r->width)
		return false;
	f = &r->fields[r->status];
	return f->len == sizeof(FAILED) - 1 && !memcmp(f->p, FAILED, f->len);
}

static int read_rows(struct reading *r, struct err *err)
{
	size_t count;
	int rc;

	while ((rc = csv_next(&r->csv, r->fields, r->width, &count, err)) > 0) {
		if (count != r->width)
			return err_set(err, ERR_INPUT,
				"%s:%zu: %zu fields, but the header has %zu; %s", r->name,
				r->csv.line, count, r->width,
				count > r->width ? "put text that has a separator in it into quotes"
						 : "write empty ones out");
		if (is_failed(r)) {
			r->failed++;
			continue;
		}
		rc = read_row(r, err);
		if (rc)
			return rc;
	}
	if (!rc && r->n < 2)
		return err_set(err, ERR_INPUT,
			"%s has %s trial%s%s; nothing can be learned from fewer than 2", r->name,
			r->n ? "one" : "no", r->n ? "" : "s",
			r->failed ? " that did not fail" : "");
	return rc;
}

/* The column's values if all of them are numbers, else NULL. */
static double *take_numbers(struct reading *r, size_t c, double times)
{
	double *v;

	if (c == r->width || !r->columns[c].values || r->columns[c].words)
		return NULL;
	v = mem_alloc(r->n, sizeof(double));
	for (size_t i = 0; i < r->n; i++) {
		v[i] = r->columns[c].values[i] * times;
		if (!isfinite(v[i])) {
			free(v);
			return NULL;
		}
	}
	return v;
}

static void hand_over(struct reading *r, struct dataset *d)
{
	size_t p = 0;

	for (size_t c = 0; c < r->width; c++)
		p += r->columns[c].role == FACTOR;
	dataset_init(d, r->n, p);
	d->words = mem_zalloc(p, sizeof(*d->words));
	d->failed = r->failed;
	d->response = mem_strdup(r->columns[r->response].name);
	d->unit = mem_strdup(unit_of(d->response));
	memcpy(d->y, r->columns[r->response].values, r->n * sizeof(double));
	d->connections = take_numbers(r, r->connections, 1);
	d->mean_latency_s = take_numbers(r, r->latency, 1e-3);
	for (size_t c = 0, j = 0; c < r->width; c++) {
		struct column *column = &r->columns[c];

		if (column->role != FACTOR)
			continue;
		d->names[j] = column->name;
		d->words[j] = column->words;
		memcpy(d->x + j * r->n, column->values, r->n * sizeof(double));
		column->name = NULL;
		column->words = NULL;
		j++;
	}
}

int dataset_read(struct dataset *d, const char *name, const char *data, size_t len,
	const struct dataset_csv_spec *spec, struct err *err)
{
	struct reading r = {.name = name, .spec = spec};
	int rc = read_header(&r, data, len, err);

	*d = (struct dataset){0};
	if (!rc)
		rc = choose_columns(&r, err);
	if (!rc)
		rc = read_rows(&r, err);
	if (!rc)
		hand_over(&r, d);
	for (size_t c = 0; r.columns && c < r.width; c++) {
		free(r.columns[c].name);
		free(r.columns[c].values);
		free(r.columns[c].word);
		free_words(r.columns[c].words);
	}
	free(r.columns);
	free(r.fields);
	str_release(&r.text);
	return rc;
}

int dataset_read_csv(
	struct dataset *d, const char *path, const struct dataset_csv_spec *spec, struct err *err)
{
	struct file_bytes file;
	int rc;

	*d = (struct dataset){0};
	rc = file_open_bytes(path, DATASET_MAX_BYTES, &file, err);
	if (rc)
		return rc;
	rc = dataset_read(
		d, strcmp(path, "-") ? path : "standard input", file.data, file.len, spec, err);
	file_close_bytes(&file);
	return rc;
}

/*
 * What the head of a CSV file says: that it is one, its separator, its names, and from the first
 * rows, which column is what.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "base/csv.h"
#include "base/mem.h"
#include "correlate/series_csv_parts.h"

struct sample {
	char *bytes;
	size_t len;
	bool whole; /* it is all of the file */
	struct csv_reader reader;
	struct csv_field *fields; /* of the names, then of up to CSV_SAMPLE rows, row by row */
	size_t n;                 /* fields a row */
	size_t rows;
};

/* ---- is it a CSV file at all? ---- */

static bool begins(const struct sample *s, const char *magic, size_t n)
{
	return s->len >= n && !memcmp(s->bytes, magic, n);
}

static int refuse_others(const struct csv_file *f, const struct sample *s, struct err *err)
{
	const char *p = s->bytes, *end = p + s->len;
	const char *what = NULL;

	if (begins(s, "\x1f\x8b", 2))
		what = "is compressed (gzip); unpack it: zcat FILE | culprit correlate -";
	else if (begins(s, "\x28\xb5\x2f\xfd", 4))
		what = "is compressed (zstd); unpack it: zstdcat FILE | culprit correlate -";
	else if (begins(s, "PK\3\4", 4))
		what = "is a ZIP archive, as spreadsheets are saved; save it as CSV";
	else if (begins(s, "PAR1", 4))
		what = "is a Parquet file; convert it to CSV";
	else if (begins(s, "\xff\xfe", 2) || begins(s, "\xfe\xff", 2))
		what = "is in UTF-16; save it as CSV in UTF-8";
	else if (memchr(p, '\0', s->len))
		what = "is no text (it holds NUL bytes); a CSV file is needed";
	if (what)
		return err_set(err, ERR_INPUT, "%s: %s", f->name, what);
	if (begins(s, "\xef\xbb\xbf", 3))
		p += 3;
	while (p < end && isspace((unsigned char)*p))
		p++;
	if (p == end)
		what = "is empty; a CSV file with a line of names and rows is needed";
	else if (*p == '{' || *p == '[')
		what = "is JSON; a CSV file is needed";
	else if (*p == '<')
		what = "is HTML or XML; a CSV file is needed";
	else if (begins(s, "# HELP ", 7) || begins(s, "# TYPE ", 7))
		what = "is in the text format of Prometheus; name it as .om or .prom";
	return what ? err_set(err, ERR_INPUT, "%s: %s", f->name, what) : 0;
}

/* ---- the separator ---- */

/* How often a separator stands outside of quotes up to the end of the line; the line after it. */
static const char *count_in_line(const char *p, const char *end, char separator, size_t *count)
{
	bool quoted = false;

	*count = 0;
	for (; p < end && (quoted || *p != '\n'); p++) {
		quoted ^= *p == '"';
		*count += !quoted && *p == separator;
	}
	return p < end ? p + 1 : end;
}

/* The one that the names and the first row have equally many of, and most of. A file with decimal
 * commas has as many of these as of its separators: so those that nobody else uses come first. */
static char find_separator(const struct sample *s, const char *begin)
{
	static const char CANDIDATES[] = {'\t', ';', ','};
	const char *end = s->bytes + s->len;
	size_t best_n = 0, best_names = 0;
	char best = ',', most = ',';

	for (size_t i = 0; i < sizeof(CANDIDATES); i++) {
		size_t names, row;
		const char *next = count_in_line(begin, end, CANDIDATES[i], &names);

		while (next < end && (*next == '\n' || *next == '\r'))
			next++;
		count_in_line(next, end, CANDIDATES[i], &row);
		if (names > best_names) {
			best_names = names;
			most = CANDIDATES[i];
		}
		if (names == row && names > best_n) {
			best_n = names;
			best = CANDIDATES[i];
		}
	}
	return best_n ? best : most;
}

/* ---- the sample ---- */

/* Lines that begin with # before the names are comments. */
static const char *behind_comments(const struct sample *s)
{
	const char *p = s->bytes, *end = p + s->len;

	if (begins(s, "\xef\xbb\xbf", 3))
		p += 3;
	while (p < end && (*p == '#' || *p == '\n' || *p == '\r')) {
		const char *line = memchr(p, '\n', (size_t)(end - p));

		p = line ? line + 1 : end;
	}
	return p;
}

/* Is the row that was just read whole, and not cut by the end of the sample? */
static bool row_whole(const struct sample *s)
{
	return s->whole || s->reader.at[-1] == '\n';
}

/* The names and the rows behind them, as far as the sample goes. 0: more of the file is needed. */
static int sample_rows(
	struct sample *s, struct csv_head *h, const struct csv_file *f, struct err *err)
{
	const char *begin = behind_comments(s);
	struct csv_field probe;
	struct csv_reader at;
	struct err why = {0};
	size_t count;
	int rc;

	h->separator = find_separator(s, begin);
	csv_init(&s->reader, f->name, begin, (size_t)(s->bytes + s->len - begin), h->separator);
	for (const char *p = s->bytes; p < begin; p++)
		s->reader.next_line += *p == '\n';
	at = s->reader;
	rc = csv_next(&s->reader, &probe, 1, &count, &why);
	if (rc < 0 && s->whole)
		return err_set(err, why.kind, "%s", why.text);
	if (rc <= 0 || !row_whole(s))
		return 0;
	if (count > SERIES_MAX)
		return err_set(err, ERR_INPUT, "%s:%zu: %zu columns; %d is the most", f->name,
			s->reader.line, count, SERIES_MAX);
	s->n = count;
	free(s->fields);
	s->fields = mem_alloc((CSV_SAMPLE + 1) * s->n, sizeof(*s->fields));
	s->reader = at;
	csv_next(&s->reader, s->fields, s->n, &count, err);
	h->body = (uint64_t)(s->reader.at - s->bytes);
	for (s->rows = 0; s->rows < CSV_SAMPLE; s->rows++) {
		struct csv_field *row = s->fields + (s->rows + 1) * s->n;

		rc = csv_next(&s->reader, row, s->n, &count, &why);
		if (rc < 0 && s->whole && !s->rows)
			return err_set(err, why.kind, "%s", why.text);
		if (rc <= 0 || !row_whole(s))
			break;
		if (count != s->n && s->rows) /* the second pass says that */
			break;
		if (count != s->n)
			return csv_refuse_fields(f, s->reader.line, count, s->n, h->separator, err);
	}
	return s->rows || s->whole ? 1 : 0;
}

static int sample_read(
	struct sample *s, struct csv_head *h, const struct csv_file *f, struct err *err)
{
	size_t max = 1 << 20;
	int rc = 0;

	for (; !rc; max *= 4) {
		size_t len = f->size < max ? (size_t)f->size : max;

		if (s->len == len || s->len >= CSV_HEAD_MAX)
			return err_set(err, ERR_INPUT,
				"%s: its first two lines take more than %d MB; is it CSV, with "
				"line ends?",
				f->name, CSV_HEAD_MAX >> 20);
		s->bytes = mem_resize(s->bytes, len + 1, 1);
		s->len = len;
		s->whole = len == f->size;
		rc = csv_file_read(f, 0, s->bytes, len, err);
		if (!rc)
			rc = refuse_others(f, s, err);
		if (!rc)
			rc = sample_rows(s, h, f, err);
		if (!rc && s->whole)
			rc = err_set(err, ERR_INPUT,
				"%s: holds nothing but comments; a line of names and rows is "
				"needed",
				f->name);
	}
	return rc < 0 ? rc : 0;
}

static struct csv_slice cell(const struct sample *s, size_t row, size_t column)
{
	const struct csv_field *f = &s->fields[(row + 1) * s->n + column];

	return csv_field_inside(f->p, f->p + f->len);
}

/* ---- names ---- */

static char *name_of(const struct csv_field *field, size_t i)
{
	struct str text = STR_INIT;
	struct csv_slice in;

	csv_field_text(field, &text);
	in = csv_field_inside(str_text(&text), str_text(&text) + text.len);
	char *name = mem_copy(in.p, in.len < SERIES_NAME_MAX ? in.len : SERIES_NAME_MAX);

	str_release(&text);
	for (char *p = name; *p; p++)
		if ((unsigned char)*p < ' ') /* names may hold line ends; lines may not */
			*p = ' ';
	if (!*name) {
		free(name);
		str_addf(&text, "column %zu", i + 1);
		name = str_take(&text);
	}
	return name;
}

static int by_name(const void *a, const void *b)
{
	const struct csv_column *x = *(struct csv_column *const *)a,
				*y = *(struct csv_column *const *)b;
	int c = strcmp(x->name, y->name);

	return c ? c : x < y ? -1 : x > y;
}

/* "x", "x", "x" become "x", "x (2)", "x (3)"; again, where that is a name as well. */
static size_t number_names(struct csv_head *h)
{
	struct csv_column **order = mem_alloc(h->n + 1, sizeof(*order));
	size_t changed = 0, before;

	for (size_t i = 0; i < h->n; i++)
		order[i] = &h->columns[i];
	do {
		before = changed;
		qsort(order, h->n, sizeof(struct csv_column *), by_name);
		for (size_t i = 1, first = 0; i < h->n; i++) {
			struct str text = STR_INIT;

			if (strcmp(order[i]->name, order[first]->name)) {
				first = i;
				continue;
			}
			str_addf(&text, "%s (%zu)", order[i]->name, i - first + 1);
			/* compared with the first alone, so the order may be wrong from here */
			free(order[i]->name);
			order[i]->name = str_take(&text);
			changed++;
		}
	} while (changed != before);
	free(order);
	return changed;
}

/* Is it a time, and not any number: from 2001 to 2100? */
static bool is_plain_time(struct csv_slice in)
{
	struct series_time t;

	return series_time_parse(in.p, in.len, TIME_MONTH_FIRST, &t) &&
	       (!t.number || (t.time_s > 978307200 && t.time_s < 4102444800));
}

/* Rows from the first line on? Then nothing in it is a name: each field is a time, a number or
 * empty, and one is a time. */
static bool has_no_names(const struct sample *s)
{
	bool time = false;
	double value;

	for (size_t i = 0; i < s->n; i++) {
		const struct csv_field *f = &s->fields[i];
		struct csv_slice in = csv_field_inside(f->p, f->p + f->len);

		if (is_plain_time(in))
			time = true;
		else if (!series_number_all(in.p, in.len, &value) && !csv_is_gap(in.p, in.len))
			return false;
	}
	return time;
}

static void read_names(struct csv_head *h, const struct sample *s, struct series_set *notes)
{
	bool nameless = has_no_names(s);
	size_t changed;

	h->n = s->n;
	h->columns = mem_zalloc(h->n + 1, sizeof(*h->columns));
	if (nameless) {
		h->body = (uint64_t)(s->fields[0].p - s->fields[0].quoted - s->bytes);
		series_note(notes,
			"The file has no line of names: its columns are called column 1 "
			"to column %zu.",
			h->n);
	}
	for (size_t i = 0; i < h->n; i++) {
		struct csv_field none = {.p = ""};

		h->columns[i].name = name_of(nameless ? &none : &s->fields[i], i);
	}
	changed = number_names(h);
	if (changed)
		series_note(notes,
			"%zu columns have a name that one before them has: they were "
			"numbered, as \"x (2)\".",
			changed);
}

/* ---- which column is what ---- */

/* The column of this name, or with other capitals. SIZE_MAX: there is none. */
static size_t column_find(const struct csv_head *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (!strcmp(h->columns[i].name, name))
			return i;
	for (size_t i = 0; i < h->n; i++)
		if (!strcasecmp(h->columns[i].name, name))
			return i;
	return SIZE_MAX;
}

static int column_asked(const struct csv_head *h, const struct csv_file *f, const char *name,
	const char *what, size_t *out, struct err *err)
{
	const char **names = mem_alloc(h->n + 1, sizeof(*names)), *near;
	int rc = 0;

	*out = column_find(h, name);
	if (*out == SIZE_MAX) {
		for (size_t i = 0; i < h->n; i++)
			names[i] = h->columns[i].name;
		names[h->n] = NULL;
		near = str_nearest(name, names);
		rc = err_set(err, ERR_USAGE, "%s: there is no column '%.100s' for %s%s%.100s%s",
			f->name, name, what, near ? "; did you mean '" : " in its first line",
			near ? near : "", near ? "'?" : "");
	}
	free(names);
	return rc;
}

static size_t column_of(const struct csv_head *h, const char *const *names)
{
	for (; *names; names++) {
		size_t i = column_find(h, *names);

		if (i != SIZE_MAX)
			return i;
	}
	return SIZE_MAX;
}

/* Are all cells of the sample times, and not any numbers? */
static bool are_times(const struct sample *s, size_t column)
{
	for (size_t row = 0; row < s->rows; row++)
		if (!is_plain_time(cell(s, row, column)))
			return false;
	return s->rows > 0;
}

/* Where the name says it, one time is enough: the second pass refuses what is none. */
static bool begins_with_time(const struct sample *s, size_t column)
{
	struct series_time t;
	struct csv_slice in;

	if (!s->rows)
		return false;
	in = cell(s, 0, column);
	return series_time_parse(in.p, in.len, TIME_MONTH_FIRST, &t);
}

static int find_time(struct csv_head *h, const struct sample *s, const struct csv_file *f,
	const struct series_csv_options *o, struct err *err)
{
	static const char *const NAMES[] = {"time", "timestamp", "datetime", "date_time", "date",
		"@timestamp", "_time", "ts", "when", "epoch", "unixtime", "unix", "clock", "time_s",
		"time_ms", "t", NULL};
	char text[CSV_SHOWN];

	if (o->time_column)
		return column_asked(h, f, o->time_column, "times", &h->time, err);
	for (const char *const *name = NAMES; *name; name++) {
		h->time = column_find(h, *name);
		if (h->time != SIZE_MAX && begins_with_time(s, h->time))
			return 0;
	}
	for (h->time = 0; h->time < h->n; h->time++)
		if (are_times(s, h->time))
			return 0;
	if (!s->rows)
		return err_set(err, ERR_INPUT,
			"%s: has a line of names and no whole row of %zu fields behind it", f->name,
			h->n);

	return err_set(err, ERR_INPUT,
		"%s: no column holds times (the first cell of '%.100s' is '%s'); name the column "
		"of times with --time, and write them as 2026-11-21T19:00:00Z or Unix seconds",
		f->name, h->columns[0].name, csv_shown(cell(s, 0, 0), text));
}

/* A column of words and no number, as names and labels are. */
static bool are_words(const struct sample *s, size_t column)
{
	size_t words = 0;
	double value;

	for (size_t row = 0; row < s->rows; row++) {
		struct csv_slice in = cell(s, row, column);

		if (csv_cell_read(in.p, in.len, &value) == CELL_BAD)
			words++;
		else if (!csv_is_gap(in.p, in.len))
			return false;
	}
	return words > 0;
}

/* One row a value? Where it is asked for, or where columns are called so. */
static int find_long(struct csv_head *h, const struct sample *s, const struct csv_file *f,
	const struct series_csv_options *o, struct err *err)
{
	static const char *const NAMES[] = {"name", "metric", "series", "variable", "measurement",
		"__name__", "metric_name", "key", "_field", "field", NULL};
	static const char *const VALUES[] = {"value", "val", "_value", "v", NULL};
	int rc = 0;

	h->name = column_of(h, NAMES);
	h->value = column_of(h, VALUES);
	h->is_long = o->name_column || o->value_column ||
		     (h->name != SIZE_MAX && h->value != SIZE_MAX && h->name != h->time &&
			     h->value != h->time && are_words(s, h->name));
	if (!h->is_long)
		return 0;
	if (o->name_column)
		rc = column_asked(h, f, o->name_column, "names", &h->name, err);
	if (!rc && o->value_column)
		rc = column_asked(h, f, o->value_column, "values", &h->value, err);
	if (!rc && (h->name == SIZE_MAX || h->value == SIZE_MAX))
		rc = err_set(err, ERR_USAGE,
			"%s: --name and --value belong together: the column that says which series "
			"a row is of, and the one with its value",
			f->name);
	if (!rc && (h->name == h->time || h->value == h->time || h->name == h->value))
		rc = err_set(err, ERR_USAGE,
			"%s: column '%.100s' cannot be two of time, name and value", f->name,
			h->columns[h->name == h->time ? h->name : h->value].name);
	return rc;
}

/* A column of words is left out; one whose cells are nearly numbers is refused. */
static int judge_value(struct csv_head *h, const struct sample *s, const struct csv_file *f,
	size_t column, struct err *err)
{
	struct csv_column *c = &h->columns[column];
	double value;

	for (size_t row = 0; row < s->rows; row++) {
		struct csv_slice in = cell(s, row, column);

		if (csv_cell_read(in.p, in.len, &value) != CELL_BAD)
			continue;
		if (in.len &&
			(isdigit((unsigned char)*in.p) ||
				(in.len > 1 && strchr("-+.,", *in.p) &&
					isdigit((unsigned char)in.p[1]))) &&
			!are_times(s, column))
			return csv_cell_refuse(f, csv_file_line(f, (uint64_t)(in.p - s->bytes)),
				c->name, in.p, in.len, err);
		if (are_words(s, column) || are_times(s, column)) {
			c->use = CSV_WORDS;
			return 0;
		}
	}
	return 0;
}

static int judge_values(struct csv_head *h, const struct sample *s, const struct csv_file *f,
	struct series_set *notes, struct err *err)
{
	struct str left = STR_INIT;
	size_t n_left = 0;
	int rc = 0;

	for (size_t i = 0; i < h->n && !rc; i++) {
		if (i == h->time)
			continue;
		rc = judge_value(h, s, f, i, err);
		if (h->columns[i].use == CSV_VALUE)
			h->columns[i].series = h->n_values++;
		else if (n_left++ < 5)
			str_addf(&left, "%s'%.60s'", n_left > 1 ? ", " : "", h->columns[i].name);
	}
	if (!rc && !h->n_values)
		rc = err_set(err, ERR_INPUT, "%s: no column holds numbers%s%.400s%s", f->name,
			n_left ? " (" : "; it has the column of times alone", str_text(&left),
			n_left ? ": words)" : "");
	if (!rc && n_left)
		series_note(notes, "%zu column%s of words %s left out: %s%s.", n_left,
			n_left > 1 ? "s" : "", n_left > 1 ? "were" : "was", left.p,
			n_left > 5 ? ", …" : "");
	str_release(&left);
	return rc;
}

int csv_head_read(struct csv_head *h, const struct csv_file *f, const struct series_csv_options *o,
	struct series_set *notes, struct err *err)
{
	struct sample s = {0};
	int rc;

	*h = (struct csv_head){.time = SIZE_MAX, .name = SIZE_MAX, .value = SIZE_MAX};
	if (!f->size)
		return err_set(err, ERR_INPUT,
			"%s: is empty; a CSV file with a line of names and rows is needed",
			f->name);
	rc = sample_read(&s, h, f, err);
	if (!rc)
		read_names(h, &s, notes);
	if (!rc)
		rc = find_time(h, &s, f, o, err);
	if (!rc)
		rc = find_long(h, &s, f, o, err);
	if (!rc) {
		h->columns[h->time].use = CSV_TIME;
		for (size_t i = 0; i < h->n && h->is_long; i++)
			h->columns[i].use = i == h->time    ? CSV_TIME
					    : i == h->name  ? CSV_NAME
					    : i == h->value ? CSV_VALUE
							    : CSV_LABEL;
		if (!h->is_long)
			rc = judge_values(h, &s, f, notes, err);
	}
	free(s.bytes);
	free(s.fields);
	return rc;
}

void csv_head_release(struct csv_head *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->columns[i].name);
	free(h->columns);
	*h = (struct csv_head){0};
}

/* One cell: a number, nothing, or why it can be neither. */
#include <ctype.h>
#include <math.h>
#include <strings.h>

#include "correlate/series_csv_parts.h"

static bool is_one_of(const char *p, size_t len, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == len && !strncasecmp(p, *words, len))
			return true;
	return false;
}

bool csv_is_gap(const char *p, size_t len)
{
	static const char *const WORDS[] = {"", "nan", "-nan", "+nan", "null", "none", "nil", "na",
		"n/a", "#n/a", "<na>", "-", "--", "\\n", "undefined", NULL};

	return len <= 9 && is_one_of(p, len, WORDS);
}

static bool is_infinite(const char *p, size_t len)
{
	static const char *const WORDS[] = {"inf", "infinity", "∞", NULL};

	if (len && (*p == '-' || *p == '+'))
		p++, len--;
	return is_one_of(p, len, WORDS);
}

const char *csv_field_end(const char *p, const char *end, char separator)
{
	const char *q = p;

	while (q < end && *q == ' ')
		q++;
	if (q < end && *q == '"') {
		for (q++; q < end; q++) {
			if (*q != '"')
				continue;
			if (q + 1 == end || q[1] != '"')
				break;
			q++;
		}
		p = q < end ? q + 1 : end;
	}
	while (p < end && *p != separator && *p != '\n')
		p++;
	if (p < end && *p == '\n' && p > q && p[-1] == '\r')
		p--;
	return p;
}

struct csv_slice csv_field_inside(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (p < end && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	if (end - p >= 2 && *p == '"' && end[-1] == '"') {
		p++;
		end--;
		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		while (p < end && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
	}
	return (struct csv_slice){p, (size_t)(end - p)};
}

enum csv_cell csv_cell_read(const char *p, size_t len, double *out)
{
	struct csv_slice in = csv_field_inside(p, p + len);

	*out = NAN;
	if (series_number_all(in.p, in.len, out)) {
		if (isfinite(*out))
			return CELL_VALUE;
		*out = NAN; /* 1e999 */
		return CELL_INFINITE;
	}
	if (csv_is_gap(in.p, in.len))
		return CELL_GAP;
	return is_infinite(in.p, in.len) ? CELL_INFINITE : CELL_BAD;
}

/* "1,5", "-0,25", "1.234,5", "1 234,5": digits, one comma, digits behind it. */
static bool is_decimal_comma(const char *p, size_t len)
{
	const char *comma = memchr(p, ',', len), *q = p, *end = p + len;

	if (!comma || comma + 1 == end || memchr(comma + 1, ',', (size_t)(end - comma - 1)))
		return false;
	q += *q == '-' || *q == '+';
	for (; q < comma; q++)
		if (!isdigit((unsigned char)*q) && *q != '.' && *q != ' ' && *q != '\'')
			return false;
	for (q = comma + 1; q < end && isdigit((unsigned char)*q); q++)
		;
	if (q < end && q > comma + 1 && (*q == 'e' || *q == 'E')) {
		q++;
		q += q < end && (*q == '-' || *q == '+');
		while (q < end && isdigit((unsigned char)*q))
			q++;
	}
	return q == end;
}

/* "1,234.5", "1,234,567", "1'234", "1 234": digits and one kind of mark. */
static bool is_grouped(const char *p, size_t len)
{
	bool digit = false, mark = false;

	for (size_t i = 0; i < len; i++) {
		char c = p[i];

		if (isdigit((unsigned char)c))
			digit = true;
		else if (c == ',' || c == '\'' || c == ' ' || c == '_')
			mark = mark || digit;
		else if (c != '.' && !(i == 0 && (c == '-' || c == '+')))
			return false;
	}
	return digit && mark;
}

char *csv_shown(struct csv_slice cell, char out[CSV_SHOWN])
{
	size_t n = cell.len < CSV_SHOWN - 4 ? cell.len : CSV_SHOWN - 4;

	while (n && n < cell.len && ((unsigned char)cell.p[n] & 0xc0) == 0x80)
		n--; /* not within a letter */
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)cell.p[i] < ' ' || cell.p[i] == 0x7f ? ' ' : cell.p[i];
	memcpy(out + n, n < cell.len ? "…" : "", n < cell.len ? sizeof("…") : 1);
	return out;
}

int csv_cell_refuse(const struct csv_file *f, size_t line, const char *column, const char *p,
	size_t len, struct err *err)
{
	struct csv_slice in = csv_field_inside(p, p + len);
	char text[CSV_SHOWN];
	double value;

	csv_shown(in, text);
	if (is_decimal_comma(in.p, in.len))
		return err_set(err, ERR_INPUT,
			"%s:%zu: '%s' in column '%.100s' has a decimal comma; write "
			"numbers "
			"with a point, as 1.5 (from a spreadsheet: save with English (US) as the "
			"language)",
			f->name, line, text, column);
	if (is_grouped(in.p, in.len))
		return err_set(err, ERR_INPUT,
			"%s:%zu: '%s' in column '%.100s' has marks between thousands; "
			"write "
			"numbers without them, as 1234.5",
			f->name, line, text, column);
	for (size_t n = in.len; n-- > 1;)
		if (series_number_all(in.p, n, &value))
			return err_set(err, ERR_INPUT,
				"%s:%zu: '%s' in column '%.100s' is a number with "
				"something "
				"behind it; leave units out of the cells",
				f->name, line, text, column);
	return err_set(err, ERR_INPUT,
		"%s:%zu: '%s' in column '%.100s' is no number; leave the cell empty where "
		"nothing is known",
		f->name, line, text, column);
}

int csv_refuse_fields(const struct csv_file *f, size_t line, size_t count, size_t names,
	char separator, struct err *err)
{
	const char *mend = count < names ? "write all of them, empty where nothing is known"
			   : separator == ','
				   ? "is there a comma in a number (write 1.5) or in a name "
				     "(put it into quotes)?"
				   : "put a field that holds the separator into quotes";

	return err_set(err, ERR_INPUT, "%s:%zu: %zu field%s where the first line has %zu names; %s",
		f->name, line, count, count == 1 ? "" : "s", names, mend);
}

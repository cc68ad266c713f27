#include "base/csv.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

void csv_init(struct csv_reader *r, const char *name, const char *data, size_t len, char separator)
{
	if (len >= 3 && !memcmp(data, "\xef\xbb\xbf", 3)) {
		data += 3;
		len -= 3;
	}
	*r = (struct csv_reader){.at = data,
		.end = data + len,
		.name = name,
		.separator = separator,
		.next_line = 1};
}

/* One quoted field; at is behind its opening quote. Returns the byte after the closing quote. */
static const char *quoted_field(struct csv_reader *r, const char *at, struct csv_field *field)
{
	*field = (struct csv_field){.p = at, .quoted = true};
	for (; at < r->end; at++) {
		if (*at == '\n')
			r->next_line++;
		if (*at != '"')
			continue;
		if (at + 1 < r->end && at[1] == '"') {
			field->doubled = true;
			at++;
			continue;
		}
		field->len = (size_t)(at - field->p);
		return at + 1;
	}
	return NULL;
}

/* At the end of a row? Moves behind its line end, and says so. */
static bool row_end(struct csv_reader *r, const char **at)
{
	if (*at == r->end)
		return true;
	if (**at == '\r' && *at + 1 < r->end && (*at)[1] == '\n')
		++*at;
	else if (**at != '\n')
		return false;
	++*at;
	r->next_line++;
	return true;
}

int csv_next(
	struct csv_reader *r, struct csv_field *fields, size_t max, size_t *count, struct err *err)
{
	const char *at = r->at;

	do {
		if (at == r->end)
			return 0;
		r->line = r->next_line;
	} while (row_end(r, &at));

	for (*count = 0;; at++) {
		struct csv_field field;

		if (at < r->end && *at == '"') {
			at = quoted_field(r, at + 1, &field);
			if (!at)
				return err_set(err, ERR_INPUT,
					"%s:%zu: a quote is opened here and never closed", r->name,
					r->line);
			if (at < r->end && *at != r->separator && *at != '\n' && *at != '\r')
				return err_set(err, ERR_INPUT,
					"%s:%zu: text after a closing quote in field %zu; a quote "
					"inside quotes is written twice",
					r->name, r->line, *count + 1);
		} else {
			field = (struct csv_field){.p = at};
			while (at < r->end && *at != r->separator && *at != '\n' && *at != '\r' &&
				*at)
				at++;
			if (at < r->end && !*at)
				return err_set(err, ERR_INPUT,
					"%s:%zu: a NUL byte in field %zu; this is not a text file",
					r->name, r->line, *count + 1);
			field.len = (size_t)(at - field.p);
		}
		if (*count < max)
			fields[*count] = field;
		++*count;
		if (row_end(r, &at))
			break;
		if (*at != r->separator)
			return err_set(err, ERR_INPUT,
				"%s:%zu: a carriage return in field %zu that ends no line", r->name,
				r->line, *count);
	}
	r->at = at;
	return 1;
}

void csv_field_text(const struct csv_field *field, struct str *out)
{
	for (size_t i = 0; i < field->len; i++) {
		str_add_char(out, field->p[i]);
		if (field->doubled && field->p[i] == '"')
			i++;
	}
}

void csv_put(struct str *out, bool first, const char *text)
{
	if (!first)
		str_add_char(out, ',');
	if (!strpbrk(text, ",\"\r\n") && *text) {
		str_add(out, text);
		return;
	}
	if (!*text)
		return;
	str_add_char(out, '"');
	for (; *text; text++) {
		if (*text == '"')
			str_add_char(out, '"');
		str_add_char(out, *text);
	}
	str_add_char(out, '"');
}

void csv_put_number(struct str *out, bool first, double value)
{
	if (!first)
		str_add_char(out, ',');
	if (!isfinite(value))
		return;
	char text[NUM_TEXT];

	/* the fewest digits that read back to the same double */
	for (int digits = 6; digits <= 17; digits++) {
		double back;
		size_t len;

		snprintf(text, sizeof(text), "%.*g", digits, value);
		len = strlen(text);
		if (num_scan(text, text + len, &back) && back == value)
			break;
	}
	str_add(out, text);
}

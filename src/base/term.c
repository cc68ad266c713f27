#include "base/term.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char *const STYLES[] = {
	[TERM_BOLD] = "\x1b[1m",
	[TERM_DIM] = "\x1b[2m",
	[TERM_RED] = "\x1b[31m",
	[TERM_GREEN] = "\x1b[32m",
	[TERM_YELLOW] = "\x1b[33m",
	[TERM_BLUE] = "\x1b[34m",
	[TERM_CYAN] = "\x1b[36m",
};

void term_add(struct str *out, const struct term *term, enum term_style style, const char *text)
{
	if (term->colour)
		str_addf(out, "%s%s\x1b[0m", STYLES[style], text);
	else
		str_add(out, text);
}

void term_bar(struct str *out, const struct term *term, double fraction, size_t columns)
{
	static const char *const PARTS[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};

	fraction = fraction > 1 ? 1 : fraction > 0 ? fraction : 0;
	size_t eighths = (size_t)(fraction * (double)columns * 8 + .5), full = eighths / 8;

	if (!term->unicode) {
		full = (eighths + 4) / 8;
		str_add_repeat(out, "#", full);
		str_add_repeat(out, " ", columns - full);
		return;
	}
	str_add_repeat(out, "█", full);
	if (eighths % 8)
		str_add(out, PARTS[eighths % 8]);
	str_add_repeat(out, " ", columns - full - (eighths % 8 != 0));
}

void term_spark(
	struct str *out, const struct term *term, const double *values, size_t n, size_t columns)
{
	static const char *const LEVELS[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const ASCII[] = {"_", ".", ",", "-", "=", "+", "*", "#"};
	size_t shown = n < columns ? n : columns;
	double low = INFINITY, high = -INFINITY;

	for (size_t i = 0; i < n; i++)
		if (isfinite(values[i])) {
			low = fmin(low, values[i]);
			high = fmax(high, values[i]);
		}
	for (size_t c = 0; c < shown; c++) {
		size_t from = c * n / shown, to = (c + 1) * n / shown, count = 0;
		double sum = 0;

		for (size_t i = from; i < to; i++)
			if (isfinite(values[i])) {
				sum += values[i];
				count++;
			}
		if (!count) {
			str_add_char(out, ' ');
			continue;
		}
		double level = high > low ? (sum / (double)count - low) / (high - low) * 7 : 3;

		str_add(out, (term->unicode ? LEVELS : ASCII)[(int)(level + .5)]);
	}
}

void table_release(struct table *t)
{
	for (size_t i = 0; i < t->n_columns; i++)
		free(t->columns[i].title);
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->columns);
	free(t->cells);
	*t = TABLE_INIT;
}

void table_column(struct table *t, const char *title, enum table_align align)
{
	t->columns = mem_grow(t->columns, &t->columns_cap, t->n_columns + 1, sizeof(*t->columns));
	t->columns[t->n_columns++] = (struct table_column){mem_strdup(title), align};
}

void table_cell(struct table *t, const char *text)
{
	t->cells = mem_grow(t->cells, &t->cells_cap, t->n_cells + 1, sizeof(*t->cells));
	t->cells[t->n_cells++] = mem_strdup(text);
}

void table_cellf(struct table *t, const char *format, ...)
{
	struct str text = STR_INIT;
	va_list args;

	va_start(args, format);
	str_vaddf(&text, format, args);
	va_end(args);
	table_cell(t, str_text(&text));
	str_release(&text);
}

/* Adds text cut to `width` columns, with "…" where it was cut; escape sequences are kept whole. */
static void add_cut(struct str *out, const struct term *term, const char *text, size_t width)
{
	if (str_width(text) <= width) {
		str_add(out, text);
		return;
	}
	char *copy = mem_strdup(text);
	size_t len = strlen(copy);

	while (len && str_width(copy) >= width) {
		do
			len--;
		while (len && ((unsigned char)copy[len] & 0xc0) == 0x80);
		copy[len] = '\0';
	}
	str_add(out, copy);
	str_add(out, term->unicode ? "…" : "~");
	if (strchr(text, 0x1b))
		str_add(out, "\x1b[0m");
	free(copy);
}

static void fit(const struct table *t, const struct term *term, size_t *widths)
{
	size_t total = 0;

	for (size_t c = 0; c < t->n_columns; c++) {
		widths[c] = str_width(t->columns[c].title);
		for (size_t i = c; i < t->n_cells; i += t->n_columns) {
			size_t w = str_width(t->cells[i]);

			widths[c] = w > widths[c] ? w : widths[c];
		}
		total += widths[c] + (c ? 2 : 0);
	}
	while (total > term->width) {
		size_t widest = t->n_columns;

		for (size_t c = 0; c < t->n_columns; c++)
			if (t->columns[c].align == TABLE_LEFT && widths[c] > 12 &&
				(widest == t->n_columns || widths[c] > widths[widest]))
				widest = c;
		if (widest == t->n_columns)
			return;
		widths[widest]--;
		total--;
	}
}

static void render_row(const struct table *t, const struct term *term, const size_t *widths,
	char *const *cells, size_t n, bool header, struct str *out)
{
	struct str line = STR_INIT;

	for (size_t c = 0; c < n; c++) {
		const char *text = header ? t->columns[c].title : cells[c];
		size_t w = str_width(text), pad = w < widths[c] ? widths[c] - w : 0;

		if (c)
			str_add(&line, "  ");
		if (t->columns[c].align == TABLE_RIGHT)
			str_add_repeat(&line, " ", pad);
		add_cut(&line, term, text, widths[c]);
		if (t->columns[c].align == TABLE_LEFT)
			str_add_repeat(&line, " ", pad);
	}
	while (line.len && line.p[line.len - 1] == ' ')
		line.p[--line.len] = '\0';
	if (header)
		term_add(out, term, TERM_DIM, str_text(&line));
	else
		str_add(out, str_text(&line));
	str_add_char(out, '\n');
	str_release(&line);
}

void table_render(const struct table *t, const struct term *term, struct str *out)
{
	size_t *widths = mem_zalloc(t->n_columns + 1, sizeof(*widths));

	fit(t, term, widths);
	render_row(t, term, widths, NULL, t->n_columns, true, out);
	for (size_t i = 0; i < t->n_cells; i += t->n_columns) {
		size_t left = t->n_cells - i;

		render_row(t, term, widths, t->cells + i, left < t->n_columns ? left : t->n_columns,
			false, out);
	}
	free(widths);
}

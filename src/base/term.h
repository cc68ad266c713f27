/*
 * What a terminal can do, and the pieces that text for people is made of: styles, bars, sparklines,
 * and tables whose columns line up whatever colours and alphabets are in them. All of it is added
 * to a struct str; printing is for src/cli.
 */
#ifndef CULPRIT_BASE_TERM_H
#define CULPRIT_BASE_TERM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct term {
	bool tty;     /* a person looks at it; else a file or a pipe */
	bool colour;  /* styles are written (NO_COLOR and TERM=dumb are kept to) */
	bool unicode; /* bars and boxes of Unicode; else ASCII */
	size_t width; /* columns; 100 where nobody says */
};

/* Plain text at a fixed width; for files and tests. */
#define TERM_PLAIN ((struct term){.unicode = true, .width = 100})

enum term_style { TERM_BOLD, TERM_DIM, TERM_RED, TERM_GREEN, TERM_YELLOW, TERM_BLUE, TERM_CYAN };

/* `text` in that style, plain where the terminal has no colour. */
void term_add(struct str *out, const struct term *term, enum term_style style, const char *text);

/* A bar of `columns` columns, filled to `fraction` (0 … 1) in eighths of a column; the rest is
 * spaces, so that columns line up. */
void term_bar(struct str *out, const struct term *term, double fraction, size_t columns);

/* An eight-level sparkline of n values, resampled by means to at most `columns`. */
void term_spark(
	struct str *out, const struct term *term, const double *values, size_t n, size_t columns);

/* A table: columns are declared first, then cells in reading order. Texts are copied. */
enum table_align { TABLE_LEFT, TABLE_RIGHT };

struct table {
	struct table_column {
		char *title;
		enum table_align align;
	} * columns;
	char **cells;
	size_t n_columns, n_cells, columns_cap, cells_cap;
};

#define TABLE_INIT ((struct table){0})

void table_release(struct table *t);
void table_column(struct table *t, const char *title, enum table_align align);
void table_cell(struct table *t, const char *text);
void table_cellf(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds the table: a dim header line, then the rows, two spaces between columns. Where it is wider
 * than the terminal, the widest left-aligned columns are cut with "…". */
void table_render(const struct table *t, const struct term *term, struct str *out);

#endif

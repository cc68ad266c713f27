/*
 * Text that grows. `p` is always NUL-terminated once something was added, and NULL before; use
 * str_text() where an empty one may be printed.
 */
#ifndef CULPRIT_BASE_STR_H
#define CULPRIT_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct str {
	char *p;
	size_t len;
	size_t cap;
};

#define STR_INIT ((struct str){0})

void str_release(struct str *s);
void str_clear(struct str *s); /* keeps the memory */
void str_reserve(struct str *s, size_t more);
void str_add(struct str *s, const char *text);
void str_add_bytes(struct str *s, const void *p, size_t len);
void str_add_char(struct str *s, char c);
void str_add_repeat(struct str *s, const char *text, size_t times);
void str_addf(struct str *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void str_vaddf(struct str *s, const char *format, va_list args);
const char *str_text(const struct str *s); /* "" when empty */
char *str_take(struct str *s);             /* hands the memory over; s is empty afterwards */

bool str_starts(const char *text, const char *prefix);

/* Columns that UTF-8 text takes on a terminal: code points, combining marks counted as none, escape
 * sequences of colour (ESC [ … m) as none, wide East Asian characters as two. */
size_t str_width(const char *text);

/* Edit distance (insert, delete, replace, swap of neighbours; Damerau 1964). */
size_t str_distance(const char *a, const char *b);

/*
 * The candidate nearest to `word`, for "did you mean"; NULL when none is near enough to be meant.
 * `candidates` ends with NULL.
 */
const char *str_nearest(const char *word, const char *const *candidates);

/* Adds text broken at spaces into lines of at most `width` columns, and a newline. What is before
 * it on the first line, and the indentation of the others, takes `indent` columns. */
void str_add_wrapped(struct str *s, const char *text, size_t indent, size_t width);

/* Adds a word as a POSIX shell needs it to read it back: as it is, or in single quotes. */
void str_add_shell(struct str *s, const char *word);

/* Adds text with everything that HTML gives a meaning to written as entities. */
void str_add_html(struct str *s, const char *text);

#endif

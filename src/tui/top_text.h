/*
 * Text of another process on a screen: made harmless (no control characters, nothing that turns the
 * direction of writing), and cut to columns as the terminal counts them (wcwidth() of LC_CTYPE).
 */
#ifndef CULPRIT_TUI_TOP_TEXT_H
#define CULPRIT_TUI_TOP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* Longer names and paths are cut there, before anything else is done with them. */
enum { TOP_TEXT_BYTES = 400 };

/* Adds `text` with what a screen must not get as '?'; without `unicode` also what is not ASCII. */
void top_clean(struct str *out, const char *text, bool unicode);

size_t top_columns(const char *text);

/* Adds at most `columns` columns of clean text, with "…" (".." where there is no Unicode) for its
 * end, its start or its middle. Returns the columns that it took. */
enum top_cut { TOP_CUT_END, TOP_CUT_START, TOP_CUT_MIDDLE };
size_t top_cut(struct str *out, const char *text, size_t columns, enum top_cut cut, bool unicode);

/* The part of a path that tells files apart: behind site-packages or the standard library's
 * folder. Points into `file`. */
const char *top_short_file(const char *file);

#endif

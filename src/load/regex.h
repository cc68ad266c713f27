/*
 * Regular expressions (PCRE2) on bytes from outside: what a hostile text could make last for hours
 * is given up. Compiled once, then used by any number of threads.
 */
#ifndef CULPRIT_LOAD_REGEX_H
#define CULPRIT_LOAD_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "net/http_field.h"

struct regex;

/* NULL with ERR_USAGE: "<what>: '(a' is no regular expression: behind its byte 2, missing …". */
struct regex *regex_compile(const char *pattern, const char *what, struct err *err);
void regex_free(struct regex *r); /* NULL is fine */

/* The first match in `text`: *out, where it is not NULL, is what its first group took, or the whole
 * match where the expression has no group. False where nothing matches, the group took no part in
 * it, or it was given up after REGEX_MAX_MS. */
enum { REGEX_MAX_MS = 100 };
bool regex_find(const struct regex *r, struct http_slice text, struct http_slice *out);

#endif

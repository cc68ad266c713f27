/*
 * JSON is jansson's; this adds what it lacks: numbers that may be absent, and reading with a place
 * and a mend in the error.
 */
#ifndef CULPRIT_BASE_JSON_H
#define CULPRIT_BASE_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* A real, or null where the value is not finite. */
json_t *json_number(double value);

/* The number at key, or NaN where it is missing, null, or no number. */
double json_number_at(const json_t *object, const char *key);
int64_t json_int_at(const json_t *object, const char *key);      /* 0 where missing */
const char *json_text_at(const json_t *object, const char *key); /* "" where missing */

/* Adds the text of `value`; `indent` 0 for one line. Numbers are written so that they read back to
 * the same double. */
void json_write(struct str *out, const json_t *value, int indent);

/* Reads one JSON value; `what` names it in the error. A new reference, or NULL. */
json_t *json_read(const char *text, const char *what, struct err *err);

#endif

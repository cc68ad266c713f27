/*
 * What went wrong in the trials of a study: those that failed, and those that others disturbed.
 */
#ifndef CULPRIT_CLI_STORED_TROUBLES_H
#define CULPRIT_CLI_STORED_TROUBLES_H

#include "base/str.h"
#include "base/term.h"
#include "cli/stored.h"

/* For a terminal: a line each of the first that failed, with its setting and why; whether one
 * factor tells them from the others; how many were disturbed. Nothing where all went well. */
void stored_add_troubles(const struct stored *s, const struct term *term, struct str *out);

/* For a page, which has a table of the trials: how many, in a sentence; nothing where none. */
void stored_troubles_sentence(struct str *out, const struct trial *trials, size_t n);

#endif

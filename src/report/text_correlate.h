/*
 * A correlation for a terminal: what it is of, the verdict, then one table in which every family
 * has its part and the target's course stands above those of all series; what is one group with a
 * series is folded beneath it. Here, what that and the text of an incident share.
 */
#ifndef CULPRIT_REPORT_TEXT_CORRELATE_H
#define CULPRIT_REPORT_TEXT_CORRELATE_H

#include "report/correlate_words.h"

size_t text_correlate_prose(const struct term *term); /* columns of sentences */
/* Adds the text in lines, the first indented too; empties it. */
void text_correlate_wrap(struct str *out, const struct term *term, struct str *text, size_t indent);
void text_correlate_dim(struct str *out, const struct term *term, struct str *text, size_t indent);

/* How wide a column of the table is. */
size_t text_correlate_column(const struct table *t, size_t column);

/* What it is of; `of`: the target, or NULL. */
void text_correlate_head(
	struct str *out, const struct term *term, const struct correlate_report *r, const char *of);
/* Empties both. */
void text_correlate_verdict(
	struct str *out, const struct term *term, struct str *head, struct str *rest);
void text_correlate_doubts(
	struct str *out, const struct term *term, const struct correlate_report *r);
/* The incident without what it is of and without doubts. */
void text_correlate_incident(
	struct str *out, const struct term *term, const struct correlate_report *r);

#endif

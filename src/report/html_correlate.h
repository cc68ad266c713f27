/*
 * The page of a correlation: the verdict, the account, target and strongest series over one axis of
 * time, the map and the table of all series, the incident. What is a picture of few series is drawn
 * in C; what is of all, by a script from data within the page. These are its parts, which
 * html_correlate.c puts together.
 */
#ifndef CULPRIT_REPORT_HTML_CORRELATE_H
#define CULPRIT_REPORT_HTML_CORRELATE_H

#include "report/correlate_words.h"
#include "report/svg.h"

enum {
	/* rows that the map and the table of a page hold: 2 MB of text at about 400 bytes each */
	HTML_CORRELATE_ROWS = 5000,
	HTML_CORRELATE_COURSES = 50, /* of rows that are not found */
	HTML_CORRELATE_ONSETS = 40,  /* of an incident */
};

/* A series' name, whole, breakable, without what no page may hold (control characters). */
void html_correlate_name(struct str *out, const char *name);

/* Round moments within a stretch of time, as an axis has them; labels are owned by `text`. */
struct html_correlate_ticks {
	struct svg_mark marks[SVG_MAX_TICKS];
	char text[SVG_MAX_TICKS][24];
	size_t n;
};
void html_correlate_ticks(struct html_correlate_ticks *t, const struct series_set *s, double from_s,
	double to_s, size_t most);

void html_correlate_together(struct str *out, const struct correlate_report *r);
/* Scatter and lags of the strongest, each in a box of its own for the script to show. */
void html_correlate_details(struct str *out, const struct correlate_report *r);
void html_correlate_accounts(struct str *out, const struct correlate_report *r);
void html_correlate_incident(struct str *out, const struct correlate_report *r);

/* What the script draws map and table from, as JSON that may stand within a page. */
void html_correlate_data(struct str *out, const struct correlate_report *r);

#endif

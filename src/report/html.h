/* The parts of the HTML report, for html.c which puts them together. Each adds one section. */
#ifndef CULPRIT_REPORT_HTML_H
#define CULPRIT_REPORT_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "report/report.h"

/* Which trial each row of the rank's data is, from 0; freed with free(). Rows are the trials that
 * went well, in order; where that does not hold, the rows themselves are counted. */
size_t *html_row_trials(const struct report_page *page);

/* The file up to its content, and behind it. */
void html_open(struct str *out, const char *title);
void html_open_with(struct str *out, const char *title, const char *style); /* more style */
void html_close(struct str *out);

/* The head of a page, up to the sentence within <h1>. */
void html_header(struct str *out, const struct report_run *run);
/* A list of facts: opened with the number of the run and its start; behind its last entry, the
 * exact command line and the machine, every entry, whatever it holds. */
void html_open_facts(struct str *out, const struct report_run *run);
void html_close_facts(struct str *out, const struct report_run *run);
/* One entry of a list of facts; nothing where there is no text. */
void html_fact(struct str *out, const char *name, const char *text);

/* Escaped text in which long names may be broken after "_", "." and "/". */
void html_text(struct str *out, const char *text);
/* Text as a JSON string within a script element: no "<" is in it, whatever the text is. */
void html_json_text(struct str *out, const char *text);
/* Sentences: escaped, the names of factors and response set as such, numbers kept with their unit.
 */
void html_prose(struct str *out, const char *text, const struct rank_result *r);
/* The same without names. */
void html_sentence(struct str *out, const char *text);

/* What makes doubtful: a list of the sentences that words(…, what, 0), (…, 1), … give until one is
 * false, each put into the page by `set`; nothing where there is none. */
typedef bool html_words(struct str *text, const void *what, size_t n);
typedef void html_setter(struct str *out, const char *text);
void html_warnings(struct str *out, html_words *words, const void *what, html_setter *set);

void html_confirm(struct str *out, const struct report_page *page); /* or nothing */
void html_ranking(struct str *out, const struct report_page *page); /* bars and effects */
void html_responses(
	struct str *out, const struct report_page *page);       /* response against each factor */
void html_fit(struct str *out, const struct report_page *page); /* predicted against measured */
void html_models(struct str *out, const struct report_page *page); /* within html_fit() */
void html_trials(struct str *out, const struct report_page *page); /* the table */
void html_notes(struct str *out, const struct report_page *page);  /* how to read it */

void html_load_tables(struct str *out, const struct load_report *l); /* of a load's page */

#endif

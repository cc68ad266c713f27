/* An incident for a terminal: what changed, in the order in which it began, each with its course
 * below it, in which the incident stands in brackets. */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "report/phrase.h"
#include "report/text_correlate.h"

enum { TOP = 10, COURSE = 60, NAME_MIN = 12, NAME = 2 /* column */ };

static void put(struct table *t, const struct term *term, struct str *text)
{
	phrase_plain(text, term);
	table_cell(t, str_text(text));
	str_clear(text);
}

static void row_cells(struct table *t, const struct term *term, const struct correlate_report *r,
	const struct incident_row *row, size_t name)
{
	struct str text = STR_INIT;

	correlate_words_time(&text, r->set, row->began_s);
	put(t, term, &text);
	if (row->began_high_s > row->began_low_s) {
		str_add_char(&text, '[');
		correlate_words_time(&text, r->set, row->began_low_s);
		str_add(&text, ", ");
		correlate_words_time(&text, r->set, row->began_high_s);
		str_add_char(&text, ']');
	}
	put(t, term, &text);
	correlate_words_name(
		&text, correlate_words_series(r, row->series), name, term->unicode ? "…" : "~");
	put(t, term, &text);
	correlate_words_value(&text, row->before);
	put(t, term, &text);
	correlate_words_value(&text, row->during);
	put(t, term, &text);
	correlate_words_value(&text, row->peak);
	put(t, term, &text);
	phrase_significant(&text, row->score, 2);
	put(t, term, &text);
	correlate_words_p(&text, row->q);
	put(t, term, &text);
	str_release(&text);
}

/* The course, "[" before the first step of the incident and "]" behind its last. */
static void add_course(struct str *out, const struct term *term, const struct correlate_report *r,
	const struct incident_row *row)
{
	const struct incident_spec *spec = &r->incident->spec;
	size_t columns = term->width > COURSE + 8 ? COURSE
			 : term->width > 28       ? term->width - 8
						  : 20;
	struct str spark = STR_INIT, part = STR_INIT;
	struct correlate_course c;
	size_t n, at = 0;
	bool open = false, closed = false;

	if (!correlate_words_course(&c, r, row->series))
		return;
	n = c.n < columns ? c.n : columns;
	term_spark(&spark, term, c.values, c.n, columns);
	for (const char *p = str_text(&spark); *p; at++) {
		size_t first = at * c.n / n, behind = (at + 1) * c.n / n;
		double from = c.start_s + (double)first * c.step_s;
		double to = c.start_s + (double)behind * c.step_s;

		if (!open && to > spec->from_s) {
			str_add_char(&part, '[');
			open = true;
		} else if (open && !closed && from >= spec->to_s) {
			str_add_char(&part, ']');
			closed = true;
		}
		do
			str_add_char(&part, *p++);
		while (((unsigned char)*p & 0xc0) == 0x80);
	}
	if (open && !closed)
		str_add_char(&part, ']');
	str_add(out, "    ");
	term_add(out, term, TERM_CYAN, str_text(&part));
	str_add_char(out, '\n');
	str_release(&spark);
	str_release(&part);
}

static void fill(struct table *t, const struct term *term, const struct correlate_report *r,
	size_t rows, size_t name)
{
	static const char *const TITLES[] = {
		"began", "", "series", "before", "during", "peak", "score", "q"};

	for (size_t i = 0; i < sizeof(TITLES) / sizeof(TITLES[0]); i++)
		table_column(t, TITLES[i], i <= NAME ? TABLE_LEFT : TABLE_RIGHT);
	for (size_t i = 0; i < rows; i++)
		row_cells(t, term, r, &r->incident->rows[i], name);
}

/* What the other columns leave to names. */
static size_t name_room(const struct term *term, const struct correlate_report *r, size_t rows)
{
	struct table t = TABLE_INIT;
	size_t others = 0;

	fill(&t, term, r, rows, NAME_MIN);
	for (size_t c = 0; c < t.n_columns; c++)
		others += c == NAME ? 0 : text_correlate_column(&t, c) + 2;
	table_release(&t);
	return term->width > others + NAME_MIN ? term->width - others : NAME_MIN;
}

/* Rendered as a table, then taken apart again: the courses stand between its rows. */
static void add_table(struct str *out, const struct term *term, const struct correlate_report *r)
{
	const struct incident_result *c = r->incident;
	size_t most = r->top ? r->top : TOP, n = c->n_found < most ? c->n_found : most;
	struct table t = TABLE_INIT;
	struct str lines = STR_INIT;
	const char *p;

	fill(&t, term, r, n, name_room(term, r, n));
	table_render(&t, term, &lines);
	p = str_text(&lines);
	for (size_t i = 0; *p; i++) {
		size_t len = strcspn(p, "\n") + 1;

		str_add_bytes(out, p, len);
		if (i)
			add_course(out, term, r, &c->rows[i - 1]);
		p += len;
	}
	if (n < c->n_found)
		str_addf(out, "    and %zu more, later\n", c->n_found - n);
	table_release(&t);
	str_release(&lines);
}

void text_correlate_incident(
	struct str *out, const struct term *term, const struct correlate_report *r)
{
	struct str head = STR_INIT, rest = STR_INIT;

	str_add(&head, "The incident, ");
	correlate_words_incident(&head, r);
	text_correlate_wrap(out, term, &head, 0);
	correlate_words_incident_verdict(&head, &rest, r);
	text_correlate_verdict(out, term, &head, &rest);
	if (r->incident->n_found) {
		str_add_char(out, '\n');
		add_table(out, term, r);
		str_add(&head, "score: the change, in units of the series' own usual change over "
			       "as long. In brackets, when it began, to 95 %, and the incident.");
		str_add_char(out, '\n');
		text_correlate_dim(out, term, &head, 0);
	}
	str_release(&head);
	str_release(&rest);
}

void report_incident(struct str *out, const struct term *term, const struct correlate_report *r)
{
	text_correlate_head(out, term, r, NULL);
	text_correlate_incident(out, term, r);
	text_correlate_doubts(out, term, r);
}

/* A search for the best setting for a terminal: the table of two factors, or the ten best settings;
 * then what it comes to. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/phrase.h"
#include "report/report.h"
#include "report/tune_words.h"

enum { WIDTH = 80, PROSE = 96, LISTED = 10, GAP = 2 };

static size_t width_of(const struct term *term)
{
	return term->width < WIDTH ? term->width : WIDTH;
}

/* A sentence, wrapped. */
static void prose(struct str *out, const struct term *term, struct str *text)
{
	phrase_plain(text, term);
	phrase_wrap(out, str_text(text), term->width > PROSE ? PROSE : term->width, 0);
	str_clear(text);
}

/* "2,310*": the best, "2,290+": not told from it; a space else, so that the digits line up. */
static void add_marked(
	struct str *out, const struct term *term, const struct tune_result *r, size_t setting)
{
	const struct tune_setting *s = &r->settings[setting];
	struct str text = STR_INIT;
	bool marks = !r->flat;

	if (isfinite(s->value))
		phrase_fixed(&text, s->value, tune_words_decimals(r, s->value));
	else
		str_add(&text, s->failed ? "failed" : "-");
	phrase_plain(&text, term);
	str_add_char(&text, !marks ? ' ' : setting == r->best ? '*' : s->same ? '+' : ' ');
	if (marks && setting == r->best)
		term_add(out, term, TERM_BOLD, text.p);
	else if (marks && s->same)
		term_add(out, term, TERM_GREEN, text.p);
	else
		str_add(out, text.p);
	str_release(&text);
}

/* Columns that a column of the table takes. */
static size_t column_width(const struct term *term, const struct tune_result *r,
	const struct tune_grid *g, size_t column)
{
	size_t most = str_width(g->columns->levels[column]);
	struct str text = STR_INIT;

	for (size_t row = 0; row < g->rows->steps; row++) {
		size_t w;

		str_clear(&text);
		add_marked(&text, term, r, tune_words_cell(g, row, column));
		w = str_width(text.p);
		most = w > most ? w : most;
	}
	str_release(&text);
	return most + GAP;
}

static size_t label_width(const struct tune_factor *f)
{
	size_t most = 0;

	for (size_t i = 0; i < f->steps; i++) {
		size_t w = str_width(f->levels[i]);

		most = w > most ? w : most;
	}
	return most;
}

/* Columns from `from` on that fit beside each other; one at least. */
static size_t columns_that_fit(const struct term *term, const struct tune_result *r,
	const struct tune_grid *g, size_t from)
{
	size_t used = label_width(g->rows), n = 0;

	while (from + n < g->columns->steps) {
		used += column_width(term, r, g, from + n);
		if (n && used > width_of(term))
			break;
		n++;
	}
	return n;
}

static void add_part(struct str *out, const struct term *term, const struct tune_result *r,
	const struct tune_grid *g, size_t from, size_t n)
{
	struct table table = TABLE_INIT;
	struct str text = STR_INIT;

	table_column(&table, "", TABLE_RIGHT);
	for (size_t c = from; c < from + n; c++) {
		str_clear(&text);
		/* over the digits, not over the mark */
		str_addf(&text, "%s ", g->columns->levels[c]);
		table_column(&table, text.p, TABLE_RIGHT);
	}
	for (size_t row = 0; row < g->rows->steps; row++) {
		table_cell(&table, g->rows->levels[row]);
		for (size_t c = from; c < from + n; c++) {
			str_clear(&text);
			add_marked(&text, term, r, tune_words_cell(g, row, c));
			table_cell(&table, text.p);
		}
	}
	table_render(&table, term, out);
	table_release(&table);
	str_release(&text);
}

static void add_legend(struct str *out, const struct term *term, const struct tune_result *r)
{
	struct str text = STR_INIT;

	if (r->flat || r->best == TUNE_NONE)
		return;
	str_add(&text, "* best");
	if (r->judged)
		str_addf(&text, ", + not told from it (%.3g %%)", 100 * r->confidence);
	phrase_plain(&text, term);
	term_add(out, term, TERM_DIM, text.p);
	str_add_char(out, '\n');
	str_release(&text);
}

static void add_table(struct str *out, const struct term *term, const struct tune_result *r)
{
	struct tune_grid g = tune_words_grid(r, false);
	struct str text = STR_INIT;

	if (columns_that_fit(term, r, &g, 0) < g.columns->steps && g.columns->steps > g.rows->steps)
		g = tune_words_grid(r, true);
	str_addf(&text, "Rows: %s, columns: %s; means of %zu trials in %s.", g.rows->name,
		g.columns->name, r->blocks, r->unit[0] ? r->unit : r->response);
	prose(out, term, &text);
	str_add_char(out, '\n');
	for (size_t c = 0; c < g.columns->steps;) {
		size_t n = columns_that_fit(term, r, &g, c);

		if (c)
			str_add_char(out, '\n');
		add_part(out, term, r, &g, c, n);
		c += n;
	}
	add_legend(out, term, r);
	str_release(&text);
}

/* A name in at most `most` columns. */
static void add_short(struct str *out, const struct term *term, const char *name, size_t most)
{
	if (str_width(name) <= most) {
		str_add(out, name);
		return;
	}
	for (size_t n = 0; *name && (n < most - 1 || ((unsigned char)*name & 0xc0) == 0x80);
		name++) {
		n += ((unsigned char)*name & 0xc0) != 0x80;
		str_add_char(out, *name);
	}
	str_add(out, term->unicode ? "…" : "~");
}

/* The best settings, a row each, every factor a column whose name is cut to `names`. */
static void render_list(struct str *out, const struct term *term, const struct tune_result *r,
	const size_t *order, size_t names)
{
	struct table table = TABLE_INIT;
	struct str text = STR_INIT;

	for (size_t j = 0; j < r->p; j++) {
		str_clear(&text);
		add_short(&text, term, r->factors[j].name, names);
		table_column(&table, text.p, TABLE_RIGHT);
	}
	str_clear(&text);
	str_addf(&text, "%s ", r->unit[0] ? r->unit : r->response);
	table_column(&table, text.p, TABLE_RIGHT);
	table_column(&table, "interval", TABLE_RIGHT);
	table_column(&table, "n", TABLE_RIGHT);
	table_column(&table, "limit", TABLE_LEFT);
	for (size_t i = 0; i < r->n && i < LISTED; i++) {
		const struct tune_setting *s = &r->settings[order[i]];

		for (size_t j = 0; j < r->p; j++)
			table_cell(&table, s->values[j]);
		str_clear(&text);
		add_marked(&text, term, r, order[i]);
		table_cell(&table, text.p);
		str_clear(&text);
		tune_words_interval(&text, r, order[i]);
		phrase_plain(&text, term);
		table_cell(&table, str_text(&text));
		table_cellf(&table, "%zu", s->n);
		table_cell(&table, s->regime ? s->regime : "");
	}
	table_render(&table, term, out);
	table_release(&table);
	str_release(&text);
}

/* Many factors: each setting a paragraph. */
static void render_paragraphs(
	struct str *out, const struct term *term, const struct tune_result *r, const size_t *order)
{
	struct str text = STR_INIT;

	for (size_t i = 0; i < r->n && i < LISTED; i++) {
		add_marked(out, term, r, order[i]);
		str_add_char(out, ' ');
		tune_words_interval(&text, r, order[i]);
		str_addf(&text, "%sn=%zu: ", text.len ? " " : "", r->settings[order[i]].n);
		tune_words_setting(&text, r, order[i]);
		phrase_plain(&text, term);
		str_add_wrapped(out, text.p, 10, width_of(term));
		str_clear(&text);
	}
	str_release(&text);
}

static bool fits(const struct str *text, size_t width)
{
	struct str line = STR_INIT;
	size_t widest = 0;

	for (const char *p = text->p; *p; p++) {
		if (*p != '\n') {
			str_add_char(&line, *p);
			continue;
		}
		widest = str_width(str_text(&line)) > widest ? str_width(str_text(&line)) : widest;
		str_clear(&line);
	}
	str_release(&line);
	return widest <= width;
}

static void add_list(struct str *out, const struct term *term, const struct tune_result *r)
{
	static const size_t NAMES[] = {1000, 16, 12, 8};
	size_t *order = tune_words_order(r), i = 0;
	struct str text = STR_INIT;

	if (r->n > LISTED)
		str_addf(out, "The %d best of %zu settings:\n", LISTED, r->n);
	do {
		str_clear(&text);
		render_list(&text, term, r, order, NAMES[i]);
	} while (!fits(&text, width_of(term)) && ++i < sizeof(NAMES) / sizeof(NAMES[0]));
	if (i == sizeof(NAMES) / sizeof(NAMES[0])) {
		str_clear(&text);
		render_paragraphs(&text, term, r, order);
	}
	str_add(out, text.p);
	add_legend(out, term, r);
	str_release(&text);
	free(order);
}

void report_tune_verdict(struct str *out, const struct tune_result *r)
{
	tune_words_head(out, r);
}

void report_tune(struct str *out, const struct term *term, const struct tune_result *r)
{
	struct str text = STR_INIT;

	term_add(out, term, TERM_BOLD, r->response);
	if (r->unit[0])
		str_addf(out, " in %s", r->unit);
	str_addf(out, ", the %s the better\n", r->less ? "less" : "more");
	tune_words_count(out, r);
	str_add(out, "\n\n");
	if (r->full && r->p == 2)
		add_table(out, term, r);
	else
		add_list(out, term, r);
	str_add_char(out, '\n');
	tune_words_head(&text, r);
	prose(out, term, &text);
	for (size_t i = 0; tune_words_rest(&text, r, i); i++)
		prose(out, term, &text);
	str_release(&text);
}

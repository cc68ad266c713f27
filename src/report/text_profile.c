/*
 * A profile for a terminal: how it was taken, the tree of calls, the tables of functions and lines,
 * what to do next, what it cost. Runs of library frames are folded as pyinstrument does: the one
 * that the program called is shown, and below it where the time was spent or the program goes on.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/phrase.h"
#include "report/profile_tree.h"
#include "report/profile_words.h"

enum { ROWS = 10, PROSE = 96, CELLS = 26 /* columns before the tree */ };
static const double HOT = .5, WARM = .1, COLD = .02;

static size_t prose_width(const struct term *term)
{
	return term->width > PROSE ? PROSE : term->width;
}

/* ---- how they look ---- */

static enum term_style style_of(double share)
{
	return share >= HOT ? TERM_RED : share >= WARM ? TERM_YELLOW : TERM_DIM;
}

static void add_styled(struct str *out, const struct term *term, double share, const char *text)
{
	if (share >= WARM || share < COLD)
		term_add(out, term, style_of(share), text);
	else
		str_add(out, text);
}

static void add_right(struct str *out, const char *text, size_t width)
{
	size_t w = str_width(text);

	str_add_repeat(out, " ", w < width ? width - w : 0);
	str_add(out, text);
}

static void draw_cells(struct str *out, const struct outline_item *item, void *context)
{
	const struct profile_tree *t = context;
	double share = (double)item->total / (double)t->view.total;
	struct str share_text = STR_INIT, times = STR_INIT, one = STR_INIT;

	if (item->text) {
		str_add_repeat(out, " ", CELLS);
		return;
	}
	profile_add_share(&one, share);
	add_right(&share_text, one.p, 6);
	str_clear(&one);
	profile_add_weight(&one, &t->unit, item->total);
	add_right(&times, one.p, 9);
	str_clear(&one);
	if (item->self && !t->report->view.invert)
		profile_add_weight(&one, &t->unit, item->self);
	add_right(&times, str_text(&one), 9);
	str_add(&times, "  ");
	add_styled(out, t->term, share, share_text.p);
	str_add(out, times.p);
	str_release(&share_text);
	str_release(&times);
	str_release(&one);
}

static void draw_label(
	struct str *out, const struct outline_item *item, size_t width, void *context)
{
	const struct profile_tree *t = context;
	const struct profile_function *f = profile_tree_function(t, item->node);
	int line = t->view.nodes[item->node].line;
	struct str name = STR_INIT, where = STR_INIT;
	size_t rest, need;

	places_where(&where, &t->places, f->kind, f->file, line ? line : f->first_line);
	need = str_width(str_text(&where));
	/* the name may have what the place leaves it, and half of the line in any case */
	rest = width > need + 2 ? width - need - 2 : 0;
	profile_add_name(&name, t->term, f->name, rest > width / 2 ? rest : width / 2);
	add_styled(out, t->term, (double)item->total / (double)t->view.total, str_text(&name));
	rest = str_width(str_text(&name));
	rest = width > rest + 2 ? width - rest - 2 : 0;
	if (where.len && rest > 3) {
		str_clear(&name);
		profile_add_name(&name, t->term, where.p, rest);
		str_add(out, "  ");
		term_add(out, t->term, TERM_DIM, name.p);
	}
	str_release(&name);
	str_release(&where);
}

static void add_tree(struct str *out, struct profile_tree *t)
{
	const struct view_options *o = &t->report->view;
	struct str head = STR_INIT, unit = STR_INIT;
	size_t hidden;

	profile_tree_build(t);
	str_addf(&unit, "total %s", t->unit.size > 1 ? t->unit.name : "");
	add_right(&head, "share", 6);
	add_right(&head, t->unit.size > 1 ? unit.p : "total", 9);
	add_right(&head, o->invert ? "" : "self", 9);
	str_add(&head, o->invert ? "  function, and below it what called it" : "  function");
	term_add(out, t->term, TERM_DIM, head.p);
	str_add_char(out, '\n');
	outline_draw(out, t->term, &t->outline,
		&(struct outline_drawer){draw_cells, draw_label, CELLS, t});
	hidden = t->view.n - 1 -
		 (t->shown + t->folded < t->view.n ? t->shown + t->folded : t->view.n - 1);
	str_clear(&head);
	if (hidden && o->least > 0) {
		str_addf(&head, "%zu %s below %.3g %% %s not shown", hidden,
			hidden == 1 ? "place" : "places", 100 * o->least,
			hidden == 1 ? "is" : "are");
	}
	if (t->folded)
		str_addf(&head, "%s%zu frames folded", head.len ? "; " : "", t->folded);
	if (head.len) {
		str_add(&head, ": --all shows them");
		str_clear(&unit);
		phrase_wrap(&unit, head.p, t->term->width, 0);
		term_add(out, t->term, TERM_DIM, unit.p);
	}
	str_release(&head);
	str_release(&unit);
}

/* ---- the tables ---- */

static void interval_cell(struct table *table, const struct view_row *row,
	const struct profile_tree *t, const struct profile_sums *sums)
{
	double share = (double)row->self / (double)t->view.total, low, high;
	struct str text = STR_INIT;

	view_share_interval(share,
		profile_row_samples(t->view.profile, sums, t->view.clock, row->function), &low,
		&high);
	profile_add_share(&text, share);
	table_cell(table, text.p);
	str_clear(&text);
	str_add_char(&text, '[');
	phrase_fixed(&text, 100 * low, 100 * high < 9.95 ? 1 : 0);
	str_add(&text, ", ");
	phrase_fixed(&text, 100 * high, 100 * high < 9.95 ? 1 : 0);
	str_add_char(&text, ']');
	table_cell(table, text.p);
	str_release(&text);
}

static void row_cells(struct table *table, const struct view_row *row, const struct profile_tree *t,
	const struct profile_sums *sums, size_t width)
{
	const struct profile_function *f = &t->view.profile->functions[row->function];
	struct str text = STR_INIT, where = STR_INIT;
	size_t half = width / 2, need;

	interval_cell(table, row, t, sums);
	profile_add_weight(&text, &t->unit, row->self);
	table_cell(table, text.p);
	str_clear(&text);
	profile_add_weight(&text, &t->unit, row->total);
	table_cell(table, text.p);
	str_clear(&text);
	places_where(&where, &t->places, f->kind, f->file, row->line ? row->line : f->first_line);
	need = str_width(str_text(&where));
	profile_add_name(&text, t->term, f->name, need < half ? width - need : half);
	need = str_width(str_text(&text));
	table_cell(table, str_text(&text));
	str_clear(&text);
	profile_add_name(&text, t->term, str_text(&where), width - need);
	table_cell(table, str_text(&text));
	str_release(&text);
	str_release(&where);
}

/* Columns that the numbers take, and the gaps behind them. */
static size_t numbers_width(const struct profile_tree *t)
{
	struct str text = STR_INIT;
	size_t width;

	profile_add_weight(&text, &t->unit, t->view.total);
	width = text.len < 5 ? 5 : text.len;
	str_release(&text);
	return 6 + 2 + 10 + 2 + 2 * (width + 2);
}

static void add_table(struct str *out, const struct profile_tree *t,
	const struct profile_sums *sums, const struct view_row *rows, size_t n, const char *title)
{
	size_t most = t->report->rows ? t->report->rows : ROWS, width;
	struct table table = TABLE_INIT;

	width = numbers_width(t);
	width = t->term->width > width + 16 ? t->term->width - width : 16;
	table_column(&table, "self", TABLE_RIGHT);
	table_column(&table, "95 %", TABLE_RIGHT);
	table_column(&table, t->unit.size > 1 ? t->unit.name : "samples", TABLE_RIGHT);
	table_column(&table, "total", TABLE_RIGHT);
	table_column(&table, title, TABLE_LEFT);
	table_column(&table, "", TABLE_LEFT);
	for (size_t i = 0; i < n && i < most && rows[i].self; i++)
		row_cells(&table, &rows[i], t, sums, width - 2);
	if (table.n_cells) {
		str_add_char(out, '\n');
		table_render(&table, t->term, out);
	}
	table_release(&table);
}

static void add_tables(struct str *out, const struct profile_tree *t)
{
	const struct profile *p = t->view.profile;
	struct profile_sums sums;
	struct view_row *rows;
	size_t n;

	profile_sum(&sums, p);
	rows = view_functions(p, t->view.clock, &n);
	add_table(out, t, &sums, rows, n, "hottest functions");
	free(rows);
	rows = view_lines(p, t->view.clock, &n);
	add_table(out, t, &sums, rows, n, "hottest lines");
	free(rows);
}

/* ---- the whole ---- */

static void add_head(struct str *out, const struct term *term, const struct profile_report *r)
{
	struct str text = STR_INIT;

	profile_add_name(&text, term, r->what, 4 * term->width);
	term_add(out, term, TERM_BOLD, str_text(&text));
	str_clear(&text);
	if (profile_words_span(&text, r)) {
		phrase_plain(&text, term);
		str_addf(out, ", %s", text.p);
	}
	str_add_char(out, '\n');
	str_clear(&text);
	profile_words_how(&text, r);
	phrase_plain(&text, term);
	phrase_wrap(out, text.p, prose_width(term), 0);
	str_add_char(out, '\n');
	str_release(&text);
}

static void add_words(struct str *out, const struct term *term, const struct profile_report *r)
{
	struct str text = STR_INIT, lines = STR_INIT;

	profile_words_next(&text, r);
	phrase_plain(&text, term);
	if (text.len) {
		str_add_char(out, '\n');
		phrase_wrap(out, text.p, prose_width(term), 0);
	}
	for (size_t i = 0; str_clear(&text), profile_words_doubt(&text, r, i); i++) {
		phrase_plain(&text, term);
		str_clear(&lines);
		str_add(&lines, "! ");
		phrase_wrap(&lines, text.p, prose_width(term), 2);
		lines.p[--lines.len] = '\0'; /* its newline comes behind the colour */
		term_add(out, term, TERM_YELLOW, lines.p);
		str_add_char(out, '\n');
	}
	if (profile_words_cost(&text, r)) {
		phrase_plain(&text, term);
		str_clear(&lines);
		str_add(&lines, "profiler  ");
		phrase_wrap(&lines, text.p, prose_width(term), 10);
		str_add_char(out, '\n');
		term_add(out, term, TERM_DIM, lines.p);
	}
	str_release(&text);
	str_release(&lines);
}

void report_profile(struct str *out, const struct term *term, const struct profile_report *r)
{
	struct profile_tree t = {.term = term, .report = r};
	struct view_options all = r->view;

	/* what is too small or folded is counted here, so the view leaves nothing out */
	all.least = 0;
	all.fold = false;
	add_head(out, term, r);
	view_make(&t.view, r->profile, &all);
	if (t.view.total) {
		outline_init(&t.outline);
		places_add(&t.places, r->profile);
		t.unit = profile_unit_for(r->view.clock, t.view.total);
		add_tree(out, &t);
		if (r->tables)
			add_tables(out, &t);
		places_release(&t.places);
		outline_release(&t.outline);
	}
	view_release(&t.view);
	add_words(out, term, r);
}

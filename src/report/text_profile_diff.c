/*
 * Two profiles for a terminal: one tree with the share of each place before and after, the table of
 * functions by the change of their own share, and the verdict. What can be told from noise is
 * marked in the table; in the tree it and what is above it have colour.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/diff_marks.h"
#include "report/diff_words.h"
#include "report/outline.h"
#include "report/phrase.h"
#include "report/profile_words.h"

enum { ROWS = 15, PROSE = 96, CELLS = 29 /* columns before the tree */ };
static const double LARGE = .05, CHANGED = .01;

struct diff_tree {
	const struct term *term;
	const struct profile_diff_report *report;
	struct places places;
	struct outline outline;
	unsigned char *marks; /* of each node, enum diff_mark */
	size_t folded;
};

static bool is_kept(const struct diff_node *n)
{
	double most = fmax(n->before.total, n->after.total);

	return most >= LARGE || fabs(n->after.total - n->before.total) >= CHANGED;
}

/* Nodes that are shown, and those above them. */
static bool *choose(const struct profile_diff_report *r)
{
	const struct profile_diff *d = r->diff;
	bool *shown = mem_zalloc(d->n_nodes + 1, sizeof(*shown));

	for (size_t i = d->n_nodes; i-- > 0;) {
		shown[i] |= r->all || is_kept(&d->nodes[i]);
		shown[d->nodes[i].parent] |= shown[i];
	}
	return shown;
}

static bool is_library(const struct diff_node *n)
{
	const struct profile_function f = {.kind = n->kind, .name = n->name, .file = n->file};

	return (n->kind == PROFILE_PYTHON || n->kind == PROFILE_NATIVE) && view_is_library(&f);
}

/* The only one shown below a node, where that is a library's that did not change by itself. */
static uint32_t passed_through(const struct diff_tree *t, const bool *shown, uint32_t node)
{
	const struct diff_node *nodes = t->report->diff->nodes;
	uint32_t only = 0;

	for (uint32_t c = nodes[node].first_child; c; c = nodes[c].next_sibling)
		if (shown[c]) {
			if (only)
				return 0;
			only = c;
		}
	return only && is_library(&nodes[only]) && t->marks[only] != DIFF_OWN &&
			       nodes[only].first_child
		       ? only
		       : 0;
}

/* Library frames that only pass a change on are one line: *node is the last of them. */
static uint32_t add_run(struct diff_tree *t, const bool *shown, uint32_t item, uint32_t *node)
{
	uint32_t at = *node, next;
	struct str text = STR_INIT;
	size_t n = 0;

	for (; (next = passed_through(t, shown, at)); n++)
		at = next;
	if (n < 2)
		return item;
	*node = at;
	t->folded += n;
	str_addf(&text, "[%zu library frames]", n);
	return outline_add(&t->outline, item, &(struct outline_item){.text = str_take(&text)});
}

static void tree_build(struct diff_tree *t)
{
	const struct profile_diff *d = t->report->diff;
	bool *shown = choose(t->report);

	for (uint32_t i = 0; i < t->outline.n; i++) {
		uint32_t node = i ? t->outline.items[i].node : 0, parent = i;

		if (t->outline.items[i].text)
			continue;
		if (!t->report->all && i && is_library(&d->nodes[node]))
			parent = add_run(t, shown, i, &node);
		for (uint32_t c = d->nodes[node].first_child; c; c = d->nodes[c].next_sibling)
			if (shown[c])
				outline_add(&t->outline, parent, &(struct outline_item){.node = c});
	}
	free(shown);
}

static void add_right(struct str *out, const char *text, size_t width)
{
	size_t w = str_width(text);

	str_add_repeat(out, " ", w < width ? width - w : 0);
	str_add(out, text);
}

static void add_change(struct str *out, const struct term *term, double change, bool clear)
{
	struct str number = STR_INIT, cell = STR_INIT;

	diff_add_points(&number, change, true);
	phrase_plain(&number, term);
	add_right(&cell, number.p, 8);
	term_add(out, term, !clear ? TERM_DIM : change > 0 ? TERM_RED : TERM_BLUE, cell.p);
	str_release(&number);
	str_release(&cell);
}

static void draw_cells(struct str *out, const struct outline_item *item, void *context)
{
	const struct diff_tree *t = context;
	const struct profile_diff *d = t->report->diff;
	const struct diff_node *n = &d->nodes[item->node];
	struct str text = STR_INIT;

	if (item->text) {
		str_add_repeat(out, " ", CELLS);
		return;
	}
	profile_add_share(&text, n->before.total);
	add_right(out, text.p, 8);
	str_clear(&text);
	profile_add_share(&text, n->after.total);
	add_right(out, text.p, 9);
	add_change(out, t->term, n->after.total - n->before.total, t->marks[item->node]);
	str_add(out, t->marks[item->node] == DIFF_OWN ? " *  " : "    ");
	str_release(&text);
}

static void draw_label(
	struct str *out, const struct outline_item *item, size_t width, void *context)
{
	const struct diff_tree *t = context;
	const struct diff_node *n = &t->report->diff->nodes[item->node];
	struct str name = STR_INIT, where = STR_INIT;
	size_t rest, need;

	places_where(&where, &t->places, n->kind, n->file, 0);
	need = str_width(str_text(&where));
	rest = width > need + 2 ? width - need - 2 : 0;
	profile_add_name(&name, t->term, n->name, rest > width / 2 ? rest : width / 2);
	str_add(out, str_text(&name));
	rest = str_width(str_text(&name));
	rest = width > rest + 2 ? width - rest - 2 : 0;
	if (where.len && rest > 3) {
		str_clear(&name);
		profile_add_name(&name, t->term, where.p, rest);
		str_add(out, "  ");
		term_add(out, t->term, TERM_DIM, str_text(&name));
	}
	str_release(&name);
	str_release(&where);
}

/* Nodes in it, the one above all too. */
static size_t lines(const struct outline *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++)
		n += !o->items[i].text;
	return n;
}

static void add_tree(struct str *out, struct diff_tree *t)
{
	size_t hidden;
	struct str head = STR_INIT;

	outline_init(&t->outline);
	tree_build(t);
	add_right(&head, "before", 8);
	add_right(&head, "after", 9);
	add_right(&head, "change", 8);
	str_add(&head, "    function, share of all the time in it and below");
	term_add(out, t->term, TERM_DIM, head.p);
	str_add_char(out, '\n');
	outline_draw(out, t->term, &t->outline,
		&(struct outline_drawer){draw_cells, draw_label, CELLS, t});
	hidden = t->report->diff->n_nodes - lines(&t->outline) - t->folded;
	str_clear(&head);
	if (hidden) {
		str_addf(&head, "%zu %s small and changed little; --all shows %s too\n", hidden,
			hidden == 1 ? "place is" : "places are", hidden == 1 ? "it" : "them");
		term_add(out, t->term, TERM_DIM, head.p);
	}
	outline_release(&t->outline);
	str_release(&head);
}

/* ---- the table ---- */

static void table_row(
	struct table *table, const struct diff_tree *t, const struct diff_row *row, size_t width)
{
	struct str text = STR_INIT, where = STR_INIT, cell = STR_INIT;
	double change = row->after.self - row->before.self;
	size_t need;

	profile_add_share(&text, row->before.self);
	table_cell(table, text.p);
	str_clear(&text);
	profile_add_share(&text, row->after.self);
	table_cell(table, text.p);
	add_change(&cell, t->term, change, row->real);
	table_cell(table, cell.p);
	str_clear(&text);
	diff_add_interval(&text, row);
	phrase_plain(&text, t->term);
	table_cell(table, str_text(&text));
	table_cell(table, row->real ? "*" : "");
	str_clear(&text);
	places_where(&where, &t->places, row->kind, row->file, 0);
	need = str_width(str_text(&where));
	profile_add_name(&text, t->term, row->name, need < width / 2 ? width - need : width / 2);
	table_cell(table, str_text(&text));
	width -= str_width(str_text(&text));
	str_clear(&text);
	profile_add_name(&text, t->term, str_text(&where), width);
	table_cell(table, str_text(&text));
	str_release(&text);
	str_release(&where);
	str_release(&cell);
}

static void add_table(struct str *out, const struct diff_tree *t)
{
	enum { NUMBERS = 48 }; /* columns that the numbers take at most */
	const struct profile_diff *d = t->report->diff;
	size_t most = t->report->rows ? t->report->rows : ROWS;
	size_t width = t->term->width > NUMBERS + 16 ? t->term->width - NUMBERS : 16;
	struct table table = TABLE_INIT;

	table_column(&table, "before", TABLE_RIGHT);
	table_column(&table, "after", TABLE_RIGHT);
	table_column(&table, "change", TABLE_RIGHT);
	table_column(&table, "95 %", TABLE_RIGHT);
	table_column(&table, "", TABLE_LEFT);
	table_column(&table, "function, own time", TABLE_LEFT);
	table_column(&table, "", TABLE_LEFT);
	for (size_t i = 0; i < d->n_rows && i < most; i++)
		if (d->rows[i].before.self > 0 || d->rows[i].after.self > 0)
			table_row(&table, t, &d->rows[i], width);
	if (table.n_cells) {
		str_add_char(out, '\n');
		table_render(&table, t->term, out);
	}
	table_release(&table);
}

/* ---- the whole ---- */

void report_profile_diff(
	struct str *out, const struct term *term, const struct profile_diff_report *r)
{
	struct diff_tree t = {.term = term, .report = r};
	size_t prose = term->width > PROSE ? PROSE : term->width;
	struct str text = STR_INIT;

	str_add(out, "before  ");
	profile_add_name(out, term, r->before, term->width - 8);
	str_add(out, "\nafter   ");
	profile_add_name(out, term, r->after, term->width - 8);
	str_addf(out, "\nclock   %s\n\n", PROFILE_CLOCK_WORDS[r->diff->clock]);
	places_add(&t.places, r->b);
	places_add(&t.places, r->a);
	if (r->diff->before_s > 0 && r->diff->after_s > 0) {
		t.marks = diff_marks(r->diff);
		add_tree(out, &t);
		add_table(out, &t);
		if (r->diff->timed)
			term_add(out, term, TERM_DIM,
				"* more than noise, at 5 % over all functions\n");
		str_add_char(out, '\n');
		free(t.marks);
	}
	places_release(&t.places);
	report_profile_diff_verdict(&text, r);
	phrase_plain(&text, term);
	phrase_wrap(out, str_text(&text), prose, 0);
	str_release(&text);
}

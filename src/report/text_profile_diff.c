/*
 * Two profiles for a terminal: one tree with the share of each place before and after, the table of
 * functions by the change of their own share, and the verdict. A change is coloured in the tree
 * where it is more than 2.58 standard errors (1 %); what is told from noise over all functions is
 * marked in the table.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/outline.h"
#include "report/phrase.h"
#include "report/profile_words.h"

enum { ROWS = 15, PROSE = 96, CELLS = 29 /* columns before the tree */, NAMED = 3 };
static const double LARGE = .05, CHANGED = .01, CLEAR_Z = 2.58;

struct diff_tree {
	const struct term *term;
	const struct profile_diff_report *report;
	struct places places;
	struct outline outline;
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

static void tree_build(struct diff_tree *t)
{
	const struct profile_diff *d = t->report->diff;
	bool *shown = choose(t->report);

	for (uint32_t i = 0; i < t->outline.n; i++) {
		uint32_t node = i ? t->outline.items[i].node : 0;

		for (uint32_t c = d->nodes[node].first_child; c; c = d->nodes[c].next_sibling)
			if (shown[c])
				outline_add(&t->outline, i, &(struct outline_item){.node = c});
	}
	free(shown);
}

static void add_right(struct str *out, const char *text, size_t width)
{
	size_t w = str_width(text);

	str_add_repeat(out, " ", w < width ? width - w : 0);
	str_add(out, text);
}

/* "+3.2": points of a share. */
static void add_points(struct str *out, double change, bool plus)
{
	double points = 100 * change;

	if (plus && points >= .05)
		str_add_char(out, '+');
	phrase_fixed(out, fabs(points) < .05 ? 0 : points, 1);
}

/* Of the difference of two shares, in standard errors. */
static double score(const struct profile_diff *d, const struct diff_node *n)
{
	double a = (double)d->nodes[0].before.samples, b = (double)d->nodes[0].after.samples;
	double share = (n->before.total * a + n->after.total * b) / (a + b);
	double error = sqrt(share * (1 - share) * (1 / a + 1 / b));

	return a > 0 && b > 0 && error > 0 ? (n->after.total - n->before.total) / error : 0;
}

static void add_change(struct str *out, const struct term *term, double change, bool clear)
{
	struct str number = STR_INIT, cell = STR_INIT;

	add_points(&number, change, true);
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

	profile_add_share(&text, n->before.total);
	add_right(out, text.p, 8);
	str_clear(&text);
	profile_add_share(&text, n->after.total);
	add_right(out, text.p, 9);
	add_change(out, t->term, n->after.total - n->before.total, fabs(score(d, n)) >= CLEAR_Z);
	str_add(out, fabs(score(d, n)) >= CLEAR_Z ? " *  " : "    ");
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
	hidden = t->report->diff->n_nodes - t->outline.n;
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

static void interval(struct str *out, const struct diff_row *row)
{
	str_add_char(out, '[');
	add_points(out, row->change_low, true);
	str_add(out, ", ");
	add_points(out, row->change_high, true);
	str_add_char(out, ']');
}

static void table_row(
	struct table *table, const struct diff_tree *t, const struct diff_row *row, size_t width)
{
	struct str text = STR_INIT, where = STR_INIT, cell = STR_INIT;
	double change = row->after.self - row->before.self;

	profile_add_share(&text, row->before.self);
	table_cell(table, text.p);
	str_clear(&text);
	profile_add_share(&text, row->after.self);
	table_cell(table, text.p);
	add_change(&cell, t->term, change, row->real);
	table_cell(table, cell.p);
	str_clear(&text);
	interval(&text, row);
	phrase_plain(&text, t->term);
	table_cell(table, text.p);
	table_cell(table, row->real ? "*" : "");
	str_clear(&text);
	profile_add_name(&text, t->term, row->name, width / 2);
	table_cell(table, str_text(&text));
	width -= str_width(str_text(&text)) < width ? str_width(str_text(&text)) : width;
	places_where(&where, &t->places, row->kind, row->file, 0);
	str_clear(&text);
	profile_add_name(&text, t->term, str_text(&where), width);
	table_cell(table, str_text(&text));
	str_release(&text);
	str_release(&where);
	str_release(&cell);
}

static void add_table(struct str *out, const struct diff_tree *t)
{
	enum { NUMBERS = 50 }; /* columns that the numbers take at most */
	const struct profile_diff *d = t->report->diff;
	size_t most = t->report->rows ? t->report->rows : ROWS;
	size_t width = t->term->width > NUMBERS + 16 ? t->term->width - NUMBERS : 16;
	struct table table = TABLE_INIT;

	table_column(&table, "before", TABLE_RIGHT);
	table_column(&table, "after", TABLE_RIGHT);
	table_column(&table, "change", TABLE_RIGHT);
	table_column(&table, "95 %", TABLE_RIGHT);
	table_column(&table, "", TABLE_LEFT);
	table_column(&table, "function, its own share", TABLE_LEFT);
	table_column(&table, "", TABLE_LEFT);
	for (size_t i = 0; i < d->n_rows && i < most; i++)
		table_row(&table, t, &d->rows[i], width);
	if (table.n_cells) {
		str_add_char(out, '\n');
		table_render(&table, t->term, out);
	}
	table_release(&table);
}

/* ---- the verdict ---- */

static void add_function(
	struct str *out, const struct places *pl, const struct diff_row *row, bool first)
{
	struct term plain = TERM_PLAIN;
	struct str where = STR_INIT;

	str_add(out, first ? "" : "; ");
	profile_add_name(out, &plain, row->name, 60);
	places_where(&where, pl, row->kind, row->file, 0);
	if (where.len) {
		str_add(out, " (");
		profile_add_name(out, &plain, where.p, 50);
		str_add(out, ")");
	}
	str_add(out, row->after.self > row->before.self ? " rose from " : " fell from ");
	profile_add_share(out, row->before.self);
	str_add(out, " to ");
	profile_add_share(out, row->after.self);
	str_release(&where);
}

static void add_points_interval(struct str *out, const struct diff_row *row)
{
	str_add(out, " (");
	add_points(out, row->after.self - row->before.self, true);
	str_add(out, " points ");
	interval(out, row);
	str_add(out, ")");
}

static void add_all_the_time(struct str *out, const struct profile_diff *d)
{
	char before[NUM_TEXT], after[NUM_TEXT];
	bool samples = d->clock == PROFILE_CLOCK_SAMPLES;

	if (!(d->before_s > 0) || !(d->after_s > 0))
		return;
	str_addf(out, " In all there %s %s of %s before, %s after.", samples ? "were" : "was",
		samples ? num_count(d->before_s, before) : num_duration(d->before_s, before),
		profile_clock_name(d->clock),
		samples ? num_count(d->after_s, after) : num_duration(d->after_s, after));
}

void report_profile_diff_verdict(struct str *out, const struct profile_diff_report *r)
{
	const struct profile_diff *d = r->diff;
	struct places pl = {.n = 0};
	size_t real = 0;

	places_add(&pl, r->b);
	places_add(&pl, r->a);
	while (real < d->n_rows && d->rows[real].real)
		real++;
	if (!(d->before_s > 0) || !(d->after_s > 0)) {
		str_addf(out, "There is nothing to compare: the %s one has none of the %s.",
			d->before_s > 0 ? "second" : "first", profile_clock_name(d->clock));
	} else if (real) {
		str_add(out, "Of the ");
		str_addf(out, "%s, ", profile_clock_name(d->clock));
		for (size_t i = 0; i < real && i < NAMED; i++) {
			add_function(out, &pl, &d->rows[i], !i);
			add_points_interval(out, &d->rows[i]);
		}
		if (real > NAMED)
			str_addf(out, "; and %zu more changed", real - NAMED);
		str_add(out, ".");
	} else if (d->n_rows) {
		str_addf(out,
			"No function's share of the %s changed by more than noise. The largest "
			"change: ",
			profile_clock_name(d->clock));
		add_function(out, &pl, &d->rows[0], true);
		add_points_interval(out, &d->rows[0]);
		str_add(out, ".");
	}
	add_all_the_time(out, d);
	places_release(&pl);
}

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
		add_tree(out, &t);
		add_table(out, &t);
		term_add(out, term, TERM_DIM,
			"* told from noise: in the table at 5 % over all functions\n\n");
	}
	places_release(&t.places);
	report_profile_diff_verdict(&text, r);
	phrase_plain(&text, term);
	phrase_wrap(out, str_text(&text), prose, 0);
	str_release(&text);
}

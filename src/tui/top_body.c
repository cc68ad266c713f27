/* The table of the live view: which columns a view has, how they share a line, what is in them. */
#include <stdio.h>

#include "base/num.h"
#include "tui/top_internal.h"
#include "tui/top_text.h"

enum {
	MOST_COLUMNS = 8,
	INDENT = 2,
	GAP = 2,     /* before a column that has no width of its own */
	WORD_GAP = 1 /* before a word that stands behind a number */
};

/* What a cell is made from. */
struct cell {
	const struct top *t;
	const struct top_shown *shown;
	const struct top_item *item;
	uint32_t indent, shift; /* of the tree: columns a level; levels left of the screen */
};

struct column {
	const char *title;
	int width;  /* 0: what is left, shared by weight */
	int weight; /* of those without a width */
	int least;  /* it is there from this width of the screen on */
	int sort;   /* enum top_sort; -1: none */
	enum top_cut cut;
	enum top_ink (*add)(struct str *out, const struct cell *c); /* the ink of it */
};

/* ---- cells ---- */

void top_add_share(struct str *out, double share)
{
	str_addf(out, "%.1f", 100 * share);
}

static double share_of(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static enum top_ink share_ink(double share)
{
	return share >= .2 ? INK_HOT : share >= .05 ? INK_WARM : share < .005 ? INK_DIM : INK_PLAIN;
}

static enum top_ink add_share(struct str *out, double share)
{
	top_add_share(out, share);
	return share_ink(share);
}

static enum top_ink add_self(struct str *out, const struct cell *c)
{
	return add_share(out, share_of(c->item->self, c->t->rows.whole));
}

static enum top_ink add_total(struct str *out, const struct cell *c)
{
	return add_share(out, share_of(c->item->total, c->t->rows.whole));
}

static enum top_ink add_self_seconds(struct str *out, const struct cell *c)
{
	str_addf(out, "%.2f", (double)c->item->self / 1e9);
	return INK_PLAIN;
}

static enum top_ink add_total_seconds(struct str *out, const struct cell *c)
{
	str_addf(out, "%.2f", (double)c->item->total / 1e9);
	return INK_PLAIN;
}

static enum top_ink add_samples(struct str *out, const struct cell *c)
{
	char number[NUM_TEXT];

	str_add(out, num_count((double)c->item->samples, number));
	return INK_PLAIN;
}

static enum top_ink name_ink(const struct top_place *place)
{
	if (place->kind < PROFILE_PYTHON)
		return INK_BOLD;
	return place->library || place->kind != PROFILE_PYTHON ? INK_PLAIN : INK_NAME;
}

static enum top_ink add_name(struct str *out, const struct cell *c)
{
	str_add(out, top_rows_name(&c->t->rows, c->item->place));
	return name_ink(&c->t->rows.places[c->item->place]);
}

void top_add_place(struct str *out, const struct top_rows *r, uint32_t place, int line, bool whole)
{
	const char *file = top_rows_file(r, place);

	if (!*file)
		return;
	str_add(out, whole ? file : top_rows_file_short(r, place));
	if (line > 0)
		str_addf(out, ":%d", line);
}

static enum top_ink add_place(struct str *out, const struct cell *c)
{
	top_add_place(out, &c->t->rows, c->item->place, top_rows_line(&c->t->rows, c->item), false);
	return INK_DIM;
}

static enum top_ink add_line(struct str *out, const struct cell *c)
{
	add_place(out, c);
	return name_ink(&c->t->rows.places[c->item->place]);
}

static enum top_ink add_node(struct str *out, const struct cell *c)
{
	static const char *const MARKS[2][3] = {{"  ", "+ ", "- "}, {"  ", "▸ ", "▾ "}};
	int mark = c->shown->can_open ? 1 + c->shown->open : 0;

	uint32_t depth = c->shown->depth > c->shift ? c->shown->depth - c->shift : 0;

	if (c->shift)
		str_add(out, depth ? "  " : c->t->unicode ? "‹ " : "< ");
	str_add_repeat(out, " ", c->indent * depth);
	str_add(out, MARKS[c->t->unicode][mark]);
	return add_name(out, c);
}

static enum top_ink add_cpu(struct str *out, const struct cell *c)
{
	return add_share(out, share_of(c->item->cpu, c->item->total));
}

static enum top_ink add_gil(struct str *out, const struct cell *c)
{
	return add_share(out, share_of(c->item->gil, c->item->total));
}

static enum top_ink add_state(struct str *out, const struct cell *c)
{
	bool runs = 2 * c->item->cpu >= c->item->total && c->item->cpu;

	str_add(out, runs ? "running" : "waiting");
	return runs ? INK_GOOD : INK_DIM;
}

static enum top_ink add_tid(struct str *out, const struct cell *c)
{
	if (c->item->tid)
		str_addf(out, "%u", c->item->tid);
	return INK_PLAIN;
}

static enum top_ink add_process(struct str *out, const struct cell *c)
{
	if (c->item->process)
		str_add(out, top_rows_name(&c->t->rows, c->item->process));
	return INK_PLAIN;
}

static enum top_ink add_inside(struct str *out, const struct cell *c)
{
	if (!c->item->inside)
		return INK_PLAIN;
	str_add(out, top_rows_name(&c->t->rows, c->item->inside));
	return name_ink(&c->t->rows.places[c->item->inside]);
}

static enum top_ink add_inside_place(struct str *out, const struct cell *c)
{
	if (c->item->inside)
		top_add_place(out, &c->t->rows, c->item->inside, (int)c->item->line, false);
	return INK_DIM;
}

/* ---- columns ---- */

static const struct column FUNCTION_COLUMNS[] = {
	{"SELF %", 7, 0, 0, TOP_SELF, TOP_CUT_END, add_self},
	{"TOTAL %", 8, 0, 0, TOP_TOTAL, TOP_CUT_END, add_total},
	{"SELF s", 8, 0, 60, -1, false, add_self_seconds},
	{"SAMPLES", 8, 0, 70, TOP_SAMPLES, TOP_CUT_END, add_samples},
	{"FUNCTION", 0, 4, 0, TOP_NAME, TOP_CUT_END, add_name},
	{"FILE", 0, 3, 52, TOP_FILE, TOP_CUT_START, add_place}, {0}};

static const struct column LINE_COLUMNS[] = {{"SELF %", 7, 0, 0, TOP_SELF, TOP_CUT_END, add_self},
	{"TOTAL %", 8, 0, 0, TOP_TOTAL, TOP_CUT_END, add_total},
	{"SELF s", 8, 0, 60, -1, false, add_self_seconds},
	{"SAMPLES", 8, 0, 70, TOP_SAMPLES, TOP_CUT_END, add_samples},
	{"LINE", 0, 4, 0, TOP_FILE, TOP_CUT_START, add_line},
	{"FUNCTION", 0, 3, 52, TOP_NAME, TOP_CUT_END, add_name}, {0}};

static const struct column TREE_COLUMNS[] = {
	{"TOTAL %", 8, 0, 0, TOP_TOTAL, TOP_CUT_END, add_total},
	{"SELF %", 7, 0, 50, TOP_SELF, TOP_CUT_END, add_self},
	{"TOTAL s", 8, 0, 70, -1, false, add_total_seconds},
	{"CALLS", 0, 2, 0, TOP_NAME, TOP_CUT_END, add_node},
	{"FILE", 0, 1, 64, TOP_FILE, TOP_CUT_START, add_place}, {0}};

static const struct column THREAD_COLUMNS[] = {{"CPU %", 6, 0, 0, TOP_CPU, TOP_CUT_END, add_cpu},
	{"GIL %", 6, 0, 0, TOP_GIL, TOP_CUT_END, add_gil},
	{"TID", 8, 0, 60, TOP_TID, TOP_CUT_END, add_tid},
	{"STATE", -8, 0, 50, -1, false, add_state}, {"PROCESS", 0, 3, 110, -1, false, add_process},
	{"THREAD", 0, 3, 0, TOP_NAME, TOP_CUT_MIDDLE, add_name},
	{"MOSTLY IN", 0, 4, 0, -1, false, add_inside},
	{"FILE", 0, 3, 70, -1, true, add_inside_place}, {0}};

static const struct column *const COLUMNS[TOP_N_VIEWS] = {[TOP_FUNCTIONS] = FUNCTION_COLUMNS,
	[TOP_LINES] = LINE_COLUMNS,
	[TOP_TREE] = TREE_COLUMNS,
	[TOP_THREADS] = THREAD_COLUMNS};

/* From left to right, as they stand on the screen. */
const int *top_sorts(enum top_view view)
{
	static const int SORTS[TOP_N_VIEWS][MOST_COLUMNS] = {
		[TOP_FUNCTIONS] = {TOP_SELF, TOP_TOTAL, TOP_SAMPLES, TOP_NAME, TOP_FILE, -1},
		[TOP_LINES] = {TOP_SELF, TOP_TOTAL, TOP_SAMPLES, TOP_FILE, TOP_NAME, -1},
		[TOP_TREE] = {TOP_TOTAL, TOP_SELF, TOP_NAME, TOP_FILE, -1},
		[TOP_THREADS] = {TOP_CPU, TOP_GIL, TOP_TID, TOP_NAME, -1}};

	return SORTS[view];
}

/* Columns that fit, with where they stand. Numbers are aligned to the right. */
struct layout {
	const struct column *columns[MOST_COLUMNS];
	int x[MOST_COLUMNS], width[MOST_COLUMNS];
	int n;
};

static void lay_out(struct layout *l, const struct top *t, int columns)
{
	int left = columns, weights = 0, x = 0;

	l->n = 0;
	for (const struct column *c = COLUMNS[t->view]; c->title; c++) {
		if (columns < c->least || (c->add == add_process && t->rows.n_processes < 2))
			continue;
		l->columns[l->n++] = c;
		weights += c->weight;
		left -= c->width ? abs(c->width) : GAP;
	}
	for (int i = 0; i < l->n; i++) {
		const struct column *c = l->columns[i];

		l->width[i] = abs(c->width);
		if (!c->width) {
			x += GAP;
			l->width[i] = left * c->weight / weights;
			left -= l->width[i];
			weights -= c->weight;
		}
		l->x[i] = x;
		x += l->width[i];
	}
}

static bool is_right(const struct column *c)
{
	return c->width > 0;
}

/* ---- drawing ---- */

static void draw_head(struct top *t, const struct layout *l, int y, int columns)
{
	int sort = (int)t->places[t->view].sort;

	top_fill(t, y, 0, columns, INK_HEAD);
	for (int i = 0; i < l->n; i++) {
		bool sorted = l->columns[i]->sort == sort;
		struct str title = STR_INIT;
		int x = l->x[i];

		str_add(&title, l->columns[i]->title);
		if (sorted && !is_right(l->columns[i]))
			str_add(&title, t->unicode ? " ▴" : " ^");
		if (is_right(l->columns[i]))
			x += l->width[i] - (int)top_columns(title.p);
		else if (l->columns[i]->width)
			x += WORD_GAP;
		if (sorted && is_right(l->columns[i]) && x > 0)
			top_put(t, y, x - 1, 1, INK_HEAD_SORTED, t->unicode ? "▾" : "v");
		top_put(t, y, x, l->x[i] + l->width[i] - x, sorted ? INK_HEAD_SORTED : INK_HEAD,
			title.p);
		str_release(&title);
	}
}

static void draw_cell(struct top *t, const struct layout *l, int i, int y, const struct cell *c)
{
	const struct column *column = l->columns[i];
	bool selected = c->shown == t->rows.shown + t->places[t->view].at;
	struct str text = STR_INIT, cut = STR_INIT;
	enum top_ink ink = column->add(&text, c);
	int x = l->x[i], used;

	used = (int)top_cut(&cut, str_text(&text), (size_t)l->width[i], column->cut, t->unicode);
	if (is_right(column))
		x += l->width[i] - used;
	else if (column->width)
		x += WORD_GAP;
	top_put(t, y, x, l->x[i] + l->width[i] - x, selected ? INK_SELECTED : ink, str_text(&cut));
	str_release(&text);
	str_release(&cut);
}

/* Deep stacks would walk off the screen: what is on it moves to the left, and where that is not
 * enough closer together, so that half of the column stays for names. */
static void find_shift(
	const struct top *t, const struct layout *l, size_t from, size_t to, struct cell *c)
{
	uint32_t deepest = 0, least = UINT32_MAX, room = 0;

	for (int i = 0; i < l->n; i++)
		if (l->columns[i]->add == add_node)
			room = (uint32_t)l->width[i] / 2;
	for (size_t i = from; i < to; i++) {
		uint32_t depth = t->rows.shown[i].depth;

		deepest = depth > deepest ? depth : deepest;
		least = depth < least ? depth : least;
	}
	c->indent = deepest > least && INDENT * (deepest - least) > room ? 1 : INDENT;
	c->shift = deepest > room / c->indent ? deepest - room / c->indent : 0;
	if (c->shift && c->shift < least)
		c->shift = least; /* the first one stands at the edge, marked */
}

static void draw_empty(struct top *t, int y, int columns)
{
	const char *text = "nothing has been seen yet";

	if (*t->filter)
		text = "no row matches the filter; Esc takes it away";
	else if (t->rows.seen && t->view != TOP_THREADS && !t->rows.whole)
		text = t->look.clock == PROFILE_CLOCK_GIL
			       ? "no thread held the interpreter lock; c shows another clock"
			       : "no thread was on a core; c shows another clock";
	top_put(t, y, 1, columns - 1, INK_DIM, text);
}

void top_draw_body(struct top *t, int y, int lines, int columns)
{
	struct top_place_in *place = &t->places[t->view];
	size_t page = lines > 1 ? (size_t)lines - 1 : 1, to;
	struct layout l;
	struct cell c = {.t = t};

	t->page = page;
	if (place->at < place->scroll)
		place->scroll = place->at;
	if (place->at >= place->scroll + page)
		place->scroll = place->at - page + 1;
	if (place->scroll && place->scroll + page > t->rows.n_shown)
		place->scroll = t->rows.n_shown > page ? t->rows.n_shown - page : 0;
	to = place->scroll + page < t->rows.n_shown ? place->scroll + page : t->rows.n_shown;
	lay_out(&l, t, columns);
	draw_head(t, &l, y++, columns);
	find_shift(t, &l, place->scroll, to, &c);
	if (!t->rows.n_shown)
		draw_empty(t, y, columns);
	for (size_t i = place->scroll; i < to; i++, y++) {
		c.shown = &t->rows.shown[i];
		c.item = &t->rows.items[c.shown->item];
		if (i == place->at)
			top_fill(t, y, 0, columns, INK_SELECTED);
		for (int k = 0; k < l.n; k++)
			draw_cell(t, &l, k, y, &c);
	}
}

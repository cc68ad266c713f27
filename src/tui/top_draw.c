/* The screen of the live view around its table: who is looked at, the last minute, the views, the
 * selected row in full, the keys. */
#include <curses.h>
#include <math.h>

#include "base/num.h"
#include "profile/view.h"
#include "tui/top_internal.h"
#include "tui/top_text.h"

enum { FULL_LINES = 16, AIRY_LINES = 30, SPARK_LEAST = 6, SPARK_LABEL = 17 };

/* A line that is written piece by piece. */
struct pen {
	struct top *t;
	int y, x, end;
};

static void pen_add(struct pen *p, enum top_ink ink, const char *text)
{
	p->x += top_put(p->t, p->y, p->x, p->end - p->x, ink, text);
}

static void pen_addf(struct pen *p, enum top_ink ink, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void pen_addf(struct pen *p, enum top_ink ink, const char *format, ...)
{
	struct str text = STR_INIT, clean = STR_INIT;
	va_list args;

	va_start(args, format);
	str_vaddf(&text, format, args);
	va_end(args);
	top_clean(&clean, str_text(&text), p->t->unicode);
	pen_add(p, ink, str_text(&clean));
	str_release(&text);
	str_release(&clean);
}

/* "87 %", or a dash. */
static void pen_share(struct pen *p, enum top_ink ink, double share)
{
	if (isfinite(share))
		pen_addf(p, ink, "%.0f %%", 100 * share);
	else
		pen_add(p, INK_DIM, "-");
}

static void pen_count(struct pen *p, enum top_ink ink, double n, const char *one, const char *many)
{
	char number[NUM_TEXT];

	pen_addf(p, ink, "%s %s", num_count(n, number), n == 1 ? one : many);
}

/* ---- the head ---- */

static void draw_title(struct top *t, int y, int columns)
{
	struct pen p = {t, y, 0, columns};
	struct str right = STR_INIT;
	unsigned seconds = t->status.seconds > 0 ? (unsigned)t->status.seconds : 0;
	int width;

	if (columns >= 60 && t->all->about.python[0])
		str_addf(&right, "%s  ", t->all->about.python);
	if (seconds >= 3600)
		str_addf(&right, "%u:%02u:%02u", seconds / 3600, seconds / 60 % 60, seconds % 60);
	else
		str_addf(&right, "%u:%02u", seconds / 60, seconds % 60);
	width = (int)top_columns(right.p);
	p.end = columns - width - 1;
	pen_add(&p, INK_NAME, "culprit top");
	pen_addf(&p, INK_BOLD, "  %s", t->status.what);
	if (width < columns)
		top_put(t, y, columns - width, width, INK_PLAIN, right.p);
	str_release(&right);
}

/* Share of the threads' time in which they neither ran nor wanted to. */
static double idle_share(const struct profile *p)
{
	double wall = 0, cpu = 0;

	for (size_t i = 1; i < p->n_nodes; i++) {
		wall += (double)p->nodes[i].self.wall_ns;
		cpu += (double)p->nodes[i].self.cpu_ns;
	}
	return wall > 0 ? fmax(0, 1 - cpu / wall) : NAN;
}

/* The lock's share has a line of its own where there is room. */
static void draw_counts(struct top *t, int y, int columns, bool with_lock)
{
	struct pen p = {t, y, 0, columns};
	bool narrow = columns < 60;

	if (!narrow || t->status.processes != 1) {
		pen_count(&p, INK_PLAIN, (double)t->status.processes, "process", "processes");
		pen_add(&p, INK_DIM, ", ");
	}
	pen_count(&p, INK_PLAIN, (double)t->status.threads, "thread", "threads");
	pen_add(&p, INK_DIM, ", ");
	pen_addf(&p, t->status.running ? INK_GOOD : INK_DIM, "%zu running", t->status.running);
	if (narrow)
		return;
	pen_add(&p, INK_DIM, ", idle ");
	pen_share(&p, INK_PLAIN, idle_share(t->recent));
	pen_add(&p, INK_DIM, " of their time");
	if (!with_lock)
		return;
	pen_add(&p, INK_DIM, ", GIL ");
	pen_share(&p, INK_PLAIN, t->status.gil_share);
}

static void draw_cost(struct top *t, int y, int columns)
{
	struct pen p = {t, y, 0, columns};
	char number[NUM_TEXT];

	pen_addf(&p, INK_PLAIN, "%s Hz", num_short(t->status.rate_hz, number));
	pen_add(&p, INK_DIM, " for ");
	pen_addf(&p, INK_PLAIN, "%.1f %%", 100 * t->status.own_cpu);
	pen_add(&p, INK_DIM, " of a core   ");
	pen_count(&p, INK_PLAIN, (double)t->status.samples, "sample", "samples");
	pen_add(&p, INK_DIM, ", ");
	pen_addf(&p, t->status.rejected ? INK_PLAIN : INK_DIM, "%s rejected",
		num_count((double)t->status.rejected, number));
	pen_add(&p, INK_DIM, ", ");
	pen_addf(&p, t->status.late ? INK_WARM : INK_DIM, "%s late",
		num_count((double)t->status.late, number));
}

/* Unlike term_spark(), from 0 to a known top: a share that does not move is no line in the middle.
 */
static void pen_spark(struct pen *p, const struct top_minute *m, double top, int columns)
{
	static const char *const LEVELS[2][8] = {
		{"_", ".", ",", "-", "=", "+", "*", "#"}, {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}};
	struct str text = STR_INIT;
	size_t shown = m->n < (size_t)columns ? m->n : (size_t)columns;

	str_add_repeat(&text, " ", (size_t)columns - shown);
	for (size_t i = m->n - shown; i < m->n; i++) {
		int level = isfinite(m->points[i]) ? (int)(m->points[i] / top * 7 + .5) : -1;

		str_add(&text, level < 0 ? " " : LEVELS[p->t->unicode][level > 7 ? 7 : level]);
	}
	pen_add(p, INK_NAME, str_text(&text));
	str_release(&text);
}

static void draw_spark(struct top *t, int y, int x, int columns, const char *name, double now,
	const struct top_minute *m, double top)
{
	struct pen p = {t, y, x, x + columns};
	int room = columns - SPARK_LABEL;

	if (room < SPARK_LEAST)
		return;
	pen_addf(&p, INK_DIM, "%-8s ", name);
	if (isfinite(now))
		pen_addf(&p, INK_PLAIN, "%4.0f %% ", 100 * now);
	else
		pen_add(&p, INK_DIM, "     - ");
	pen_spark(&p, m, top, room > TOP_MINUTE ? TOP_MINUTE : room);
}

static void draw_minute(struct top *t, int y, int columns)
{
	int half = columns / 2;
	double most = 1;

	for (size_t i = 0; i < t->cpu.n; i++)
		most = fmax(most, t->cpu.points[i]);
	draw_spark(t, y, 0, half - 2, "CPU time", t->status.cpu_share, &t->cpu, most);
	draw_spark(t, y, half, columns - half, "GIL held", t->status.gil_share, &t->gil, 1);
}

/* ---- views, and what is looked at ---- */

static void add_span(struct str *out, const struct top *t)
{
	double seconds = top_shown(t)->about.duration_s;
	char number[NUM_TEXT];

	str_addf(out, "%s, ", PROFILE_CLOCK_WORDS[t->look.clock]);
	if (t->since_start)
		str_addf(out, "all %s", num_duration(round(seconds), number));
	else
		str_addf(out, "last %.0f s", fmax(1, seconds));
	if (t->view == TOP_TREE && t->look.lines)
		str_add(out, ", lines");
	if (t->view == TOP_TREE && t->look.threads)
		str_add(out, ", threads");
	if (t->view == TOP_TREE && t->look.invert)
		str_add(out, ", callers");
}

static void draw_tabs(struct top *t, int y, int columns)
{
	struct pen p = {t, y, 0, columns};
	struct str right = STR_INIT;
	bool narrow = columns < 70;

	for (int i = 0; i < TOP_N_VIEWS; i++) {
		bool on = i == (int)t->view;

		if (narrow && !on)
			pen_addf(&p, INK_DIM, " %d ", i + 1);
		else
			pen_addf(&p, on ? INK_TAB : INK_PLAIN, " %d %s ", i + 1, TOP_VIEW_WORDS[i]);
	}
	if (t->paused) {
		pen_add(&p, INK_PLAIN, " ");
		pen_add(&p, INK_NOTE, "PAUSED");
	}
	add_span(&right, t);

	int width = (int)top_columns(right.p);

	if (p.x + 1 + width <= columns)
		top_put(t, y, columns - width, width, INK_PLAIN, right.p);
	str_release(&right);
}

/* ---- the foot ---- */

static void add_interval(struct str *out, const struct top *t, uint64_t part)
{
	double share = t->rows.whole ? (double)part / (double)t->rows.whole : 0, low, high;

	view_share_interval(share, t->rows.samples, &low, &high);
	str_addf(out, "%.1f %% (%.1f to %.1f)", 100 * share, 100 * low, 100 * high);
}

/* The selected row with what its columns had no room for. */
static void draw_detail(struct top *t, int y, int columns)
{
	const struct top_item *item = top_selected(t);
	struct str place = STR_INIT, cut = STR_INIT, figures = STR_INIT;
	struct pen p = {t, y, 0, columns};

	if (!item)
		return;
	if (t->view == TOP_THREADS) {
		pen_addf(&p, INK_BOLD, "%s", top_rows_name(&t->rows, item->place));
		if (item->process)
			pen_addf(&p, INK_PLAIN, "  of %s", top_rows_name(&t->rows, item->process));
		if (item->inside)
			top_add_place(&place, &t->rows, item->inside, (int)item->line, true);
	} else {
		bool total = t->view == TOP_TREE;

		str_add(&figures, total ? "total " : "self ");
		add_interval(&figures, t, total ? item->total : item->self);
		pen_add(&p, INK_PLAIN, figures.p);
		top_add_place(&place, &t->rows, item->place, top_rows_line(&t->rows, item), true);
	}
	pen_add(&p, INK_PLAIN, "  ");
	if (p.end > p.x)
		top_cut(&cut, str_text(&place), (size_t)(p.end - p.x), TOP_CUT_START, t->unicode);
	pen_add(&p, INK_DIM, str_text(&cut));
	str_release(&place);
	str_release(&cut);
	str_release(&figures);
}

static void draw_filter(struct top *t, int y, int columns)
{
	struct pen p = {t, y, 0, columns};

	pen_add(&p, INK_NOTE, "filter: ");
	pen_addf(&p, INK_BOLD, "%s", t->filter);
	if (t->typing)
		pen_add(&p, INK_TAB, " ");
	pen_addf(&p, INK_DIM, "  %zu %s; %s", t->rows.n_shown,
		t->rows.n_shown == 1 ? "row" : "rows",
		t->typing ? "Enter keeps it, Esc takes it away"
			  : "/ changes it, Esc takes it away");
}

static void draw_keys(struct top *t, int y, int columns)
{
	static const char *const KEYS[] = {"q", "quit", "?", "help", "Tab", "view", "s", "sort",
		"/", "filter", "c", "clock", "r", "recent", "p", "pause", "f", "keep", "R",
		"reset"};
	struct pen p = {t, y, 0, columns};

	for (size_t i = 0; i < sizeof(KEYS) / sizeof(*KEYS); i += 2) {
		int width = (int)(top_columns(KEYS[i]) + top_columns(KEYS[i + 1])) + 1;

		if (p.x + width > columns)
			return;
		pen_add(&p, INK_BOLD, KEYS[i]);
		pen_addf(&p, INK_DIM, " %s  ", KEYS[i + 1]);
	}
}

static void draw_foot(struct top *t, int y, int columns)
{
	struct pen p = {t, y, 0, columns};

	if (t->typing)
		draw_filter(t, y, columns);
	else if (*t->status.message)
		pen_addf(&p, INK_NOTE, "%s", t->status.message);
	else if (*t->filter)
		draw_filter(t, y, columns);
	else
		draw_keys(t, y, columns);
}

/* ---- all of it ---- */

static void draw_too_small(struct top *t, int lines, int columns)
{
	char text[80];

	snprintf(text, sizeof(text), "%dx%d is too small", columns, lines);
	top_put(t, 0, 0, columns, INK_BOLD, text);
	snprintf(text, sizeof(text), "needs %dx%d; q quits", TOP_LEAST_COLUMNS, TOP_LEAST_LINES);
	if (lines > 1)
		top_put(t, 1, 0, columns, INK_PLAIN, text);
}

void top_draw(struct top *t)
{
	int lines = getmaxy(stdscr), columns = getmaxx(stdscr), y = 0;
	bool full = lines >= FULL_LINES;

	attr_set(A_NORMAL, 0, NULL);
	erase();
	if (lines < TOP_LEAST_LINES || columns < TOP_LEAST_COLUMNS) {
		draw_too_small(t, lines, columns);
		refresh();
		return;
	}
	draw_title(t, y++, columns);
	draw_counts(t, y++, columns, !full);
	if (full) {
		draw_minute(t, y++, columns);
		draw_cost(t, y++, columns);
		y += lines >= AIRY_LINES;
	}
	draw_tabs(t, y++, columns);
	top_draw_body(t, y, lines - y - (full ? 2 : 1), columns);
	if (full)
		draw_detail(t, lines - 2, columns);
	draw_foot(t, lines - 1, columns);
	if (t->help)
		top_draw_help(t, lines, columns);
	refresh();
}

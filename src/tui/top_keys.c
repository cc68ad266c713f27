/* What the keys of the live view do. */
#include <curses.h>
#include <limits.h>
#include <string.h>

#include "tui/top_internal.h"
#include "tui/top_text.h"

enum { KEY_CTRL_U = 'U' & 31, KEY_CTRL_L = 'L' & 31, KEY_ESC = 27, KEY_DEL = 127, KEY_BS = 8 };

/* ---- moving ---- */

static void move_to(struct top *t, size_t at)
{
	struct top_place_in *place = &t->places[t->view];
	size_t n = t->rows.n_shown;

	place->at = at < n ? at : n ? n - 1 : 0;
	place->id = place->at && n ? t->rows.items[t->rows.shown[place->at].item].id : 0;
}

static enum top_wish press_move(struct top *t, int by)
{
	size_t at = t->places[t->view].at, step = (size_t)(by < 0 ? -by : by);

	move_to(t, by > 0 ? at + step : at > step ? at - step : 0);
	return TOP_NOTHING;
}

static enum top_wish press_page(struct top *t, int by)
{
	return press_move(t, by * (t->page > 1 ? (int)t->page - 1 : 1));
}

static enum top_wish press_end(struct top *t, int to_last)
{
	move_to(t, to_last && t->rows.n_shown ? t->rows.n_shown - 1 : 0);
	return TOP_NOTHING;
}

/* ---- views, order, clocks ---- */

static enum top_wish press_view(struct top *t, int view)
{
	t->view = (enum top_view)view;
	t->stale = true;
	return TOP_NOTHING;
}

static enum top_wish press_next_view(struct top *t, int by)
{
	return press_view(t, ((int)t->view + by + TOP_N_VIEWS) % TOP_N_VIEWS);
}

static enum top_wish press_sort(struct top *t, int by)
{
	const int *sorts = top_sorts(t->view);
	struct top_place_in *place = &t->places[t->view];
	int n = 0, at = 0;

	for (; sorts[n] >= 0; n++)
		if (sorts[n] == (int)place->sort)
			at = n;
	place->sort = (enum top_sort)sorts[(at + by + n) % n];
	top_reorder(t);
	return TOP_NOTHING;
}

static enum top_wish press_clock(struct top *t, int unused)
{
	(void)unused;
	t->look.clock = t->look.clock == PROFILE_CLOCK_CPU    ? PROFILE_CLOCK_WALL
			: t->look.clock == PROFILE_CLOCK_WALL ? PROFILE_CLOCK_GIL
							      : PROFILE_CLOCK_CPU;
	t->stale = true;
	return TOP_NOTHING;
}

static enum top_wish press_recent(struct top *t, int unused)
{
	(void)unused;
	t->since_start = !t->since_start;
	t->stale = true;
	return TOP_NOTHING;
}

static enum top_wish press_pause(struct top *t, int unused)
{
	(void)unused;
	top_pause(t, !t->paused);
	return TOP_NOTHING;
}

/* ---- the tree ---- */

static enum top_wish press_tree_option(struct top *t, int which)
{
	bool *option = which == 'l'   ? &t->look.lines
		       : which == 't' ? &t->look.threads
				      : &t->look.invert;

	if (t->view == TOP_TREE) {
		*option = !*option;
		t->stale = true;
	}
	return TOP_NOTHING;
}

static enum top_wish press_all(struct top *t, int opening)
{
	if (t->view == TOP_TREE) {
		top_marks_all(&t->marks, (enum top_opening)opening);
		top_reorder(t);
	}
	return TOP_NOTHING;
}

static void open_or_close(struct top *t, bool open)
{
	top_marks_set(&t->marks, top_selected(t)->id, open);
	top_reorder(t);
}

static const struct top_shown *selected_node(const struct top *t)
{
	const struct top_place_in *place = &t->places[t->view];

	return t->view == TOP_TREE && place->at < t->rows.n_shown ? &t->rows.shown[place->at]
								  : NULL;
}

static enum top_wish press_enter(struct top *t, int unused)
{
	const struct top_shown *node = selected_node(t);

	(void)unused;
	if (node && node->can_open)
		open_or_close(t, !node->open);
	return TOP_NOTHING;
}

/* Opens what is closed; goes into what is open. */
static enum top_wish press_right(struct top *t, int unused)
{
	const struct top_shown *node = selected_node(t);

	(void)unused;
	if (node && node->can_open && !node->open)
		open_or_close(t, true);
	else if (node && node->open)
		press_move(t, 1);
	return TOP_NOTHING;
}

/* Closes what is open; goes up from what is closed. */
static enum top_wish press_left(struct top *t, int unused)
{
	const struct top_shown *node = selected_node(t);
	size_t at = t->places[t->view].at;

	(void)unused;
	if (!node)
		return TOP_NOTHING;
	if (node->open && !*t->filter) {
		open_or_close(t, false);
		return TOP_NOTHING;
	}
	while (at && t->rows.shown[at].depth >= node->depth)
		at--;
	if (t->rows.shown[at].depth < node->depth)
		move_to(t, at);
	return TOP_NOTHING;
}

/* ---- the filter ---- */

static enum top_wish press_filter(struct top *t, int unused)
{
	(void)unused;
	t->typing = true;
	return TOP_NOTHING;
}

static enum top_wish press_escape(struct top *t, int unused)
{
	(void)unused;
	t->typing = false;
	if (*t->filter) {
		*t->filter = '\0';
		top_reorder(t);
	}
	return TOP_NOTHING;
}

static void filter_add(struct top *t, wint_t key)
{
	size_t len = strlen(t->filter), bytes;
	char text[MB_LEN_MAX + 1];
	mbstate_t state = {0};

	bytes = wcrtomb(text, (wchar_t)key, &state);
	if (bytes == (size_t)-1 || len + bytes > TOP_FILTER_BYTES || wcwidth((wchar_t)key) < 1)
		return;
	memcpy(t->filter + len, text, bytes);
	t->filter[len + bytes] = '\0';
}

/* True where the key belongs to the text that is typed. */
static bool type_filter(struct top *t, wint_t key, bool is_code)
{
	size_t len = strlen(t->filter);

	if (is_code ? key == KEY_BACKSPACE : key == KEY_DEL || key == KEY_BS) {
		while (len && ((unsigned char)t->filter[--len] & 0xc0) == 0x80)
			;
		t->filter[len] = '\0';
	} else if (is_code ? key == KEY_ENTER : key == '\r' || key == '\n') {
		t->typing = false;
	} else if (!is_code && key == KEY_CTRL_U) {
		*t->filter = '\0';
	} else if (!is_code && key >= ' ') {
		filter_add(t, key);
	} else {
		return false;
	}
	top_reorder(t);
	return true;
}

/* ---- the keys ---- */

static enum top_wish press_wish(struct top *t, int wish)
{
	(void)t;
	return (enum top_wish)wish;
}

static enum top_wish press_help(struct top *t, int unused)
{
	(void)unused;
	t->help = true;
	return TOP_NOTHING;
}

static enum top_wish press_redraw(struct top *t, int unused)
{
	(void)t;
	(void)unused;
	clearok(stdscr, TRUE);
	return TOP_NOTHING;
}

static const struct {
	wint_t key;
	bool is_code;
	enum top_wish (*press)(struct top *t, int argument);
	int argument;
} KEYS[] = {
	{'1', false, press_view, TOP_FUNCTIONS},
	{'2', false, press_view, TOP_LINES},
	{'3', false, press_view, TOP_TREE},
	{'4', false, press_view, TOP_THREADS},
	{'\t', false, press_next_view, 1},
	{KEY_BTAB, true, press_next_view, -1},
	{KEY_DOWN, true, press_move, 1},
	{'j', false, press_move, 1},
	{KEY_UP, true, press_move, -1},
	{'k', false, press_move, -1},
	{KEY_NPAGE, true, press_page, 1},
	{KEY_PPAGE, true, press_page, -1},
	{KEY_HOME, true, press_end, 0},
	{'g', false, press_end, 0},
	{KEY_END, true, press_end, 1},
	{'G', false, press_end, 1},
	{'\r', false, press_enter, 0},
	{'\n', false, press_enter, 0},
	{KEY_ENTER, true, press_enter, 0},
	{KEY_RIGHT, true, press_right, 0},
	{KEY_LEFT, true, press_left, 0},
	{'+', false, press_all, TOP_OPEN_ALL},
	{'-', false, press_all, TOP_OPEN_NONE},
	{'l', false, press_tree_option, 'l'},
	{'t', false, press_tree_option, 't'},
	{'i', false, press_tree_option, 'i'},
	{'s', false, press_sort, 1},
	{'>', false, press_sort, 1},
	{'<', false, press_sort, -1},
	{'/', false, press_filter, 0},
	{KEY_ESC, false, press_escape, 0},
	{'c', false, press_clock, 0},
	{'r', false, press_recent, 0},
	{'p', false, press_pause, 0},
	{' ', false, press_pause, 0},
	{'f', false, press_wish, TOP_KEEP},
	{'R', false, press_wish, TOP_RESET},
	{'q', false, press_wish, TOP_QUIT},
	{'?', false, press_help, 0},
	{'h', false, press_help, 0},
	{KEY_F(1), true, press_help, 0},
	{KEY_CTRL_L, false, press_redraw, 0},
};

enum top_wish top_press(struct top *t, wint_t key, bool is_code)
{
	if (t->help) { /* any key closes it; q means no more than that */
		t->help = false;
		return TOP_NOTHING;
	}
	if (t->typing && type_filter(t, key, is_code))
		return TOP_NOTHING;
	for (size_t i = 0; i < sizeof(KEYS) / sizeof(*KEYS); i++)
		if (KEYS[i].key == key && KEYS[i].is_code == is_code)
			return KEYS[i].press(t, KEYS[i].argument);
	return TOP_NOTHING;
}

/* ---- help ---- */

static const char *const HELP[][2] = {
	{"1 2 3 4, Tab", "functions, lines, tree, threads"},
	{"arrows, PgUp PgDn", "move; also j k, g G, Home End"},
	{"Enter, right, left", "open and close a node of the tree"},
	{"+  -", "open all of the tree, close all"},
	{"l  t  i", "tree by lines, threads, callers"},
	{"s  >  <", "sort by the next column, the one before"},
	{"/", "only rows with this text; Esc ends it"},
	{"c", "clock: cpu, wall, gil"},
	{"r", "the last seconds, or all since the start"},
	{"p, space", "hold the picture, go on"},
	{"f", "keep the whole profile as a run"},
	{"R", "begin anew"},
	{"q", "quit"},
};

void top_draw_help(struct top *t, int lines, int columns)
{
	enum { ROWS = sizeof(HELP) / sizeof(*HELP), LEFT = 20, WIDE = 66 };
	int width = columns - 2 < WIDE ? columns - 2 : WIDE;
	int height = ROWS + 2 < lines ? ROWS + 2 : lines;
	int x = (columns - width) / 2, y = (lines - height) / 2;

	for (int i = 0; i < height; i++)
		top_fill(t, y + i, x, width, i && i < height - 1 ? INK_PLAIN : INK_HEAD);
	top_put(t, y, x + 1, width - 2, INK_HEAD_SORTED, "keys");
	top_put(t, y + height - 1, x + 1, width - 2, INK_HEAD, "any key closes this");
	for (int i = 0; i < height - 2 && i < ROWS; i++) {
		int left = width > 44 ? LEFT : 14;
		struct str clean = STR_INIT;

		top_put(t, y + 1 + i, x + 1, left - 2, INK_BOLD, HELP[i][0]);
		top_clean(&clean, HELP[i][1], t->unicode);
		top_put(t, y + 1 + i, x + left, width - left - 1, INK_PLAIN, clean.p);
		str_release(&clean);
	}
}

/* The state of the live view: what is looked at, what is selected, what is on the screen. */
#ifndef CULPRIT_TUI_TOP_INTERNAL_H
#define CULPRIT_TUI_TOP_INTERNAL_H

#include <stdio.h>
#include <wchar.h>

#include "base/str.h"
#include "tui/top.h"
#include "tui/top_rows.h"

enum {
	TOP_MINUTE = 60, /* points of a sparkline, a second each */
	TOP_FILTER_BYTES = 100,
	TOP_LEAST_COLUMNS = 40,
	TOP_LEAST_LINES = 8
};

/* Values of the last minute, the newest last. */
struct top_minute {
	double points[TOP_MINUTE];
	size_t n;
	double sum; /* of the second that is not over yet */
	size_t in_sum;
};

/* Where a person is in a view. The first row is no place of its own: who stands there looks at what
 * is first. */
struct top_place_in {
	uint64_t id; /* selected; 0: the first row, whichever that is */
	size_t at, scroll;
	enum top_sort sort;
};

struct top_screen; /* top_screen.c */

struct top {
	struct top_screen *screen;
	bool unicode;

	enum top_view view;
	struct top_look look; /* clock, and the options of the tree */
	struct top_place_in places[TOP_N_VIEWS];
	struct top_marks marks;
	bool since_start, paused, help, typing;
	char filter[TOP_FILTER_BYTES + 1];

	/* What is shown: the caller's of this turn, or copies of those at which it was paused. */
	const struct profile *recent, *all;
	struct profile *held_recent, *held_all;
	struct top_status status;

	struct top_rows rows;
	bool stale;          /* another look than the rows': make them anew */
	double made_seconds; /* of the status at which the rows were made */
	uint64_t made_ns, make_took_ns;

	struct top_minute cpu, gil;
	double minute_second; /* up to which they were added to */
	size_t page;          /* rows of the body at the last drawing */
};

/* ---- top_screen.c: the terminal ---- */

int top_screen_open(struct top *t, const struct top_spec *spec, struct err *err);
void top_screen_close(struct top *t);

/* What text looks like. */
enum top_ink {
	INK_PLAIN,
	INK_BOLD,
	INK_DIM,
	INK_HOT,
	INK_WARM,
	INK_NAME,
	INK_GOOD,
	INK_NOTE,
	INK_HEAD,
	INK_HEAD_SORTED,
	INK_TAB,
	INK_SELECTED,
	INK_N
};

void top_ink(struct top *t, enum top_ink ink);
/* Text at a place, at most so many columns of it; what it took. */
int top_put(struct top *t, int y, int x, int columns, enum top_ink ink, const char *text);
void top_fill(struct top *t, int y, int x, int columns, enum top_ink ink);

/* ---- top_draw.c, top_body.c ---- */

void top_draw(struct top *t);
/* The table: its head at line y, rows below it, in so many lines all in all. */
void top_draw_body(struct top *t, int y, int lines, int columns);
/* The sorts that this view has, ends with -1; the first one is the view's own. */
const int *top_sorts(enum top_view view);
void top_add_share(struct str *out, double share);
/* "file.py:12"; the file as it tells files apart, or its whole path. Nothing where neither is
 * known. */
void top_add_place(struct str *out, const struct top_rows *r, uint32_t place, int line, bool whole);

/* ---- top_keys.c ---- */

/* One key, as get_wch() has it. */
enum top_wish top_press(struct top *t, wint_t key, bool is_code);
void top_draw_help(struct top *t, int lines, int columns);

/* ---- top.c ---- */

/* Brings rows and selection up to the state; called before each drawing. */
void top_update(struct top *t);
/* What is shown has another order, filter or opening. */
void top_reorder(struct top *t);
void top_pause(struct top *t, bool pause);
const struct profile *top_shown(const struct top *t);
const struct top_item *top_selected(const struct top *t); /* NULL: there is no row */

#endif

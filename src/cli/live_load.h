/*
 * How a load goes, on stderr while it runs: on a terminal a panel of a few lines that is drawn
 * again in place, elsewhere a plain line every ten seconds.
 */
#ifndef CULPRIT_CLI_LIVE_LOAD_H
#define CULPRIT_CLI_LIVE_LOAD_H

#include "base/str.h"
#include "cli/cli.h"
#include "cli/live_panel.h"
#include "load/load.h"

/* The rate is over the last second: so many ticks of 100 ms. */
enum { LIVE_TICKS = 11 };

struct live_load {
	const struct cli *cli;
	struct str title; /* first line */
	struct live_panel panel;
	struct live_series rate, p99;
	struct live_past {
		double elapsed_s, completed;
	} past[LIVE_TICKS];
	size_t n_past;
	double next_point_s, next_line_s;
};

/* `panel`: draw one if stderr is a terminal that can. */
void live_load_init(struct live_load *v, const struct cli *cli, const char *title, bool panel);
void live_load_tick(struct live_load *v, const struct load_tick *t);
/* Another run begins (a search tries several): its title; the sparklines start anew. */
void live_load_again(struct live_load *v, const char *title);
/* A line that stays, above the panel. */
void live_load_say(struct live_load *v, const char *line);
/* Clears the panel and releases what it held. */
void live_load_end(struct live_load *v);

/* The panel's lines as they are drawn, each at most `columns` wide; for live_load_tick() and tests.
 */
void live_load_lines(struct live_load *v, const struct load_tick *t, const struct term *term,
	size_t columns, struct str lines[LIVE_LINES], size_t *n);

#endif

/*
 * A panel of a few lines on stderr that is drawn again in place, and the values over time that its
 * sparklines show: what the live views have in common. No mode of the terminal is changed, so
 * however culprit ends, the terminal is as it was.
 */
#ifndef CULPRIT_CLI_LIVE_PANEL_H
#define CULPRIT_CLI_LIVE_PANEL_H

#include "base/str.h"
#include "cli/cli.h"

enum {
	LIVE_POINTS = 512, /* of a sparkline; joined in pairs when there are more */
	LIVE_LINES = 12,
	LIVE_LABEL = 10 /* columns */
};

/* Values of a run so far, each standing for `step` of those that were added. All zero is empty. */
struct live_series {
	double points[LIVE_POINTS];
	size_t n;
	double sum;
	unsigned step, in_sum;
};

void live_series_clear(struct live_series *s);
void live_series_add(struct live_series *s, double value);

/* How a value is written. */
typedef void live_format(struct str *out, double value);

void live_label(struct str *out, const struct term *term, const char *text);
/* "rate     ▂▄▆█▇  19,400 to 20,500/s"; false where there are not two values yet. */
bool live_series_line(struct str *out, const struct live_series *s, const struct term *term,
	const char *name, live_format *format, size_t columns);
/* A duration, in what the terminal can show. */
void live_add_time(struct str *out, const struct term *term, double seconds);

struct live_panel {
	const struct cli *cli;
	bool on;
	size_t widths[LIVE_LINES], n_lines; /* of what is on the screen */
};

/* On where it is wanted, stderr is a terminal that can, and NO_LIVE is not set. */
void live_panel_init(struct live_panel *p, const struct cli *cli, bool wanted);
/* Columns that a line may have; 0: nothing can be drawn. */
size_t live_panel_columns(const struct live_panel *p);
void live_panel_draw(struct live_panel *p, const struct str *lines, size_t n);
void live_panel_clear(struct live_panel *p);

#endif

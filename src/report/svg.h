/*
 * A small plot layer: axes with round ticks, dots, curves with bands, straight lines, and bars with
 * intervals. Writes SVG that takes its colours and fonts from the page's style sheet by class, so
 * that one drawing serves light and dark. Every plot is an image with a title and a description for
 * those who cannot see it.
 */
#ifndef CULPRIT_REPORT_SVG_H
#define CULPRIT_REPORT_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* A tick of its own, for axes whose round numbers are none that people read. */
struct svg_mark {
	double at;
	const char *label;
};

struct svg_axis {
	double low, high; /* of what is drawn */
	bool log;
	const char *const *words; /* names at 0 … n_words − 1, in place of numbers; may be NULL */
	size_t n_words;
	const struct svg_mark *marks; /* in place of ticks; may be NULL. Of the x axis only */
	size_t n_marks;
	const char *title; /* beside the axis; may be NULL */
};

struct svg {
	struct str *out;
	double width, height;            /* of the drawing, in units of about a pixel */
	double left, right, top, bottom; /* margins, set by svg_open(); left is kept where it is
					    larger, so that drawings below each other line up */
	struct svg_axis x, y;
};

enum { SVG_MAX_TICKS = 12 };

/* An axis over nothing yet; then over some values; then with a little room at both ends, from zero
 * where that is near and `zero` is set, and logarithmic where the values span more than `log_span`
 * times (0: never).
 */
void svg_axis_init(struct svg_axis *a);
void svg_axis_cover(struct svg_axis *a, const double *values, size_t n);
void svg_axis_finish(struct svg_axis *a, bool zero, double log_span);
void svg_axis_words(struct svg_axis *a, const char *const *words, size_t n);

/* Round numbers within the axis, at most `most` of them (≤ SVG_MAX_TICKS), into ticks. */
size_t svg_ticks(const struct svg_axis *a, size_t most, double *ticks);
/* The label of a tick: as many decimals as tell the ticks apart, "150k" from 100,000 on. */
void svg_tick_label(struct str *out, const double *ticks, size_t n, double value);

/* Opens the drawing and its axes. `title` and `about` are read aloud; `class` may be "". */
void svg_open(struct svg *s, const char *class, const char *title, const char *about);
void svg_close(struct svg *s);

/* Where a value lies in the drawing. */
double svg_x(const struct svg *s, double x);
double svg_y(const struct svg *s, double y);

/* Not a row: a dot that is not linked to those of other plots. */
#define SVG_NO_ROW SIZE_MAX

/* A dot, or a diamond, of row `index`; `tip` says what it is. Values that are not finite, or not
 * positive on a logarithmic axis, are left out. */
void svg_dot(struct svg *s, double x, double y, bool diamond, size_t index, const char *tip);
/* A place that shows itself, and says `tip`, only to who points at it: for curves. */
void svg_spot(struct svg *s, double x, double y, const char *tip);
void svg_line(struct svg *s, double x1, double y1, double x2, double y2, const char *class);
void svg_curve(struct svg *s, const double *x, const double *y, size_t n, const char *class);
void svg_band(struct svg *s, const double *x, const double *low, const double *high, size_t n);
/* A stretch of the x axis, set off from the rest; `label` stands in it where there is room. */
void svg_shade(struct svg *s, double from, double to, const char *label);
/* A point with its interval, for words. */
void svg_error_bar(struct svg *s, double x, double y, double low, double high);

/* One row of a bar chart, as wide as its place: a bar from 0 to `value` of `most`, its interval,
 * the noise floor as a line through the row. NaN where there is none. */
struct svg_bar {
	double most, value, low, high, floor;
	bool dim;
	const char *label; /* read aloud */
};

void svg_bar(struct str *out, const struct svg_bar *bar);
/* The scale below the rows, in percent of 1. */
void svg_bar_scale(struct str *out, double most);
/* A round end of the scale that holds `value`. */
double svg_bar_most(double value);

#endif

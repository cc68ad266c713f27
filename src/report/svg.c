#include "report/svg.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "report/phrase.h"

enum { CHAR = 6, LINE = 14, ROTATED_CHARS = 14, FEW_WORDS = 4 }; /* of the 11-unit label font */

void svg_axis_init(struct svg_axis *a)
{
	*a = (struct svg_axis){.low = INFINITY, .high = -INFINITY};
}

void svg_axis_cover(struct svg_axis *a, const double *values, size_t n)
{
	for (size_t i = 0; values && i < n; i++)
		if (isfinite(values[i])) {
			a->low = fmin(a->low, values[i]);
			a->high = fmax(a->high, values[i]);
		}
}

void svg_axis_finish(struct svg_axis *a, bool zero, double log_span)
{
	if (!(a->low <= a->high)) {
		a->low = 0;
		a->high = 1;
	}
	a->log = log_span > 0 && a->low > 0 && a->high / a->low > log_span;
	if (a->log) {
		double room = pow(a->high / a->low, .04);

		a->low /= room;
		a->high *= room;
		return;
	}
	if (a->high - a->low <= fabs(a->high) * 1e-12) { /* one value: a window around it */
		double half = a->high != 0 ? fabs(a->high) / 10 : .5;

		a->low -= half;
		a->high += half;
	}
	double room = (a->high - a->low) * .04;
	bool from_zero = zero && a->low >= 0 && a->low < .5 * a->high;

	a->low = from_zero ? 0 : a->low - room;
	a->high += room;
}

void svg_axis_words(struct svg_axis *a, const char *const *words, size_t n)
{
	*a = (struct svg_axis){.low = -.5, .high = (double)n - .5, .words = words, .n_words = n};
}

/* 1, 2, 5 in each decade; only the decades where those would be too many. */
static size_t log_ticks(const struct svg_axis *a, size_t most, double *ticks)
{
	static const double STEPS[] = {1, 2, 5};
	int from = (int)floor(log10(a->low)), to = (int)ceil(log10(a->high));
	size_t steps = (size_t)(to - from) * 3 <= most + 2 ? 3 : 1, n = 0;
	int stride = steps == 1 ? 1 + (to - from) / (int)most : 1;

	for (int decade = from; decade <= to; decade += stride)
		for (size_t k = 0; k < steps && n < most; k++) {
			double v = STEPS[k] * pow(10, decade);

			if (v >= a->low && v <= a->high)
				ticks[n++] = v;
		}
	return n;
}

/* The smallest step of 1, 2 or 5 times a power of ten that needs no more than `most` ticks. */
static double round_step(const struct svg_axis *a, size_t most)
{
	static const double STEPS[] = {1, 2, 5, 10, 20};
	double raw = (a->high - a->low) / (double)most, unit = pow(10, floor(log10(raw)));
	size_t k = 0;

	while (k < 4 && floor(a->high / (STEPS[k] * unit) + 1e-9) -
					ceil(a->low / (STEPS[k] * unit) - 1e-9) + 1 >
				(double)most)
		k++;
	return STEPS[k] * unit;
}

static size_t round_ticks(const struct svg_axis *a, size_t most, double *ticks)
{
	double step = round_step(a, most);
	size_t n = 0;

	for (double k = ceil(a->low / step - 1e-9); n < most; k++) {
		double v = k * step;

		if (v > a->high + step * 1e-9)
			break;
		ticks[n++] = fabs(v) < step * 1e-9 ? 0 : v;
	}
	return n;
}

size_t svg_ticks(const struct svg_axis *a, size_t most, double *ticks)
{
	if (most > SVG_MAX_TICKS)
		most = SVG_MAX_TICKS;
	if (a->log) {
		size_t n = log_ticks(a, most, ticks);

		if (n >= 2)
			return n;
	}
	return round_ticks(a, most, ticks);
}

/* Labels over decades are each their own; else all have the suffix and the places of the finest. */
void svg_tick_label(struct str *out, const double *ticks, size_t n, double value)
{
	static const char *const SUFFIXES[] = {"", "k", "M", "G", "T"};
	bool decades = n > 1 && ticks[0] > 0 && ticks[n - 1] / ticks[0] >= 100;
	double most = decades ? value : 0, step = decades ? value : INFINITY, unit = 1;
	size_t suffix = 0;

	for (size_t i = 0; i < n && !decades; i++) {
		most = fmax(most, fabs(ticks[i]));
		step = fmin(step, i ? ticks[i] - ticks[i - 1] : INFINITY);
	}
	if (value == 0) {
		str_add(out, "0");
		return;
	}
	if (most >= 1e15 || most < 1e-4) {
		phrase_significant(out, value, 2);
		return;
	}
	while (most >= 1e5 && suffix < 4 && most / unit >= 1000) {
		unit *= 1000;
		suffix++;
	}
	double places = isfinite(step) ? -floor(log10(step / unit) + 1e-9) : 0;

	phrase_fixed(out, value / unit, places > 0 ? (int)places : 0);
	str_add(out, SUFFIXES[suffix]);
}

static double fraction(const struct svg_axis *a, double v)
{
	if (a->log)
		return log(v / a->low) / log(a->high / a->low);
	return (v - a->low) / (a->high - a->low);
}

double svg_x(const struct svg *s, double x)
{
	return s->left + fraction(&s->x, x) * (s->width - s->left - s->right);
}

double svg_y(const struct svg *s, double y)
{
	return s->height - s->bottom - fraction(&s->y, y) * (s->height - s->top - s->bottom);
}

static bool can_draw(const struct svg_axis *a, double v)
{
	return isfinite(v) && (!a->log || v > 0);
}

/* At most `most` columns of a word, with "…" where it was cut. */
static void add_word(struct str *out, const char *word, size_t most)
{
	struct str cut = STR_INIT;
	const char *p = word;

	while (*p && str_width(str_text(&cut)) + 1 < most) {
		do
			str_add_char(&cut, *p++);
		while (((unsigned char)*p & 0xc0) == 0x80);
	}
	if (str_width(word) <= most)
		str_add_html(out, word);
	else {
		str_add_html(out, str_text(&cut));
		str_add(out, "…");
	}
	str_release(&cut);
}

static size_t longest_word(const struct svg_axis *a)
{
	size_t most = 0;

	for (size_t i = 0; i < a->n_words; i++) {
		size_t w = str_width(a->words[i]);

		most = w > most ? w : most;
	}
	return most;
}

/* Many words stand upright where they have no room side by side; few are cut. */
static bool is_rotated(const struct svg *s)
{
	double room = (s->width - s->left - s->right) / (double)s->x.n_words;

	return s->x.n_words > FEW_WORDS && (double)longest_word(&s->x) * CHAR + 8 > room;
}

static void word_axis(struct svg *s)
{
	double room = (s->width - s->left - s->right) / (double)s->x.n_words;
	double y = s->height - s->bottom + 16;
	size_t every = 1 + (size_t)(LINE / room);

	for (size_t i = 0; i < s->x.n_words; i += is_rotated(s) ? every : 1) {
		double x = svg_x(s, (double)i);

		if (is_rotated(s))
			str_addf(s->out,
				"<text class=\"end\" transform=\"translate(%.1f %.1f) "
				"rotate(-90)\">",
				x + 4, y - 8);
		else
			str_addf(s->out, "<text class=\"mid\" x=\"%.1f\" y=\"%.1f\">", x, y);
		add_word(s->out, s->x.words[i],
			is_rotated(s) ? ROTATED_CHARS : (size_t)((room - 8) / CHAR));
		str_add(s->out, "</text>");
	}
}

static size_t widest_label(const double *ticks, size_t n)
{
	struct str label = STR_INIT;
	size_t widest = 1;

	for (size_t i = 0; i < n; i++) {
		str_clear(&label);
		svg_tick_label(&label, ticks, n, ticks[i]);
		widest =
			str_width(str_text(&label)) > widest ? str_width(str_text(&label)) : widest;
	}
	str_release(&label);
	return widest;
}

/* As many ticks as have room for their labels beside each other. */
static size_t x_ticks(const struct svg *s, double *ticks)
{
	size_t most = SVG_MAX_TICKS, n = svg_ticks(&s->x, most, ticks);

	while (most > 2 &&
		(double)(n * (widest_label(ticks, n) * CHAR + 16)) > s->width - s->left - s->right)
		n = svg_ticks(&s->x, --most, ticks);
	return n;
}

/* Those that would stand on the one before are left out. */
static void mark_axis(struct svg *s)
{
	double bottom = s->height - s->bottom, taken = -INFINITY;

	for (size_t i = 0; i < s->x.n_marks; i++) {
		const struct svg_mark *m = &s->x.marks[i];
		double x = svg_x(s, m->at), half = (double)str_width(m->label) * CHAR / 2;

		if (m->at < s->x.low || m->at > s->x.high)
			continue;
		str_addf(s->out,
			"<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", x,
			s->top, x, bottom + 4);
		if (x - half < taken + 8)
			continue;
		taken = x + half;
		str_addf(s->out, "<text class=\"mid\" x=\"%.1f\" y=\"%.1f\">", x, bottom + 16);
		str_add_html(s->out, m->label);
		str_add(s->out, "</text>");
	}
}

static void x_axis(struct svg *s)
{
	double ticks[SVG_MAX_TICKS], bottom = s->height - s->bottom;
	size_t n;

	str_addf(s->out, "<line class=\"axis\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>",
		s->left, bottom, s->width - s->right, bottom);
	if (s->x.words) {
		word_axis(s);
		return;
	}
	if (s->x.marks) {
		mark_axis(s);
		return;
	}
	n = x_ticks(s, ticks);
	for (size_t i = 0; i < n; i++) {
		double x = svg_x(s, ticks[i]);

		str_addf(s->out,
			"<line class=\"axis\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
			"<text class=\"mid\" x=\"%.1f\" y=\"%.1f\">",
			x, bottom, x, bottom + 4, x, bottom + 16);
		svg_tick_label(s->out, ticks, n, ticks[i]);
		str_add(s->out, "</text>");
	}
}

static size_t y_ticks(const struct svg *s, double *ticks)
{
	return svg_ticks(&s->y, (size_t)(s->height / 38), ticks);
}

static void y_axis(struct svg *s)
{
	double ticks[SVG_MAX_TICKS];
	size_t n = y_ticks(s, ticks);

	for (size_t i = 0; i < n; i++) {
		double y = svg_y(s, ticks[i]);

		str_addf(s->out,
			"<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
			"<text class=\"end\" x=\"%.1f\" y=\"%.1f\">",
			s->left, y, s->width - s->right, y, s->left - 7, y + 4);
		svg_tick_label(s->out, ticks, n, ticks[i]);
		str_add(s->out, "</text>");
	}
}

/* Margins that hold the labels: the widest on the left, upright words below. */
static void set_margins(struct svg *s)
{
	double ticks[SVG_MAX_TICKS];
	size_t n;

	s->right = 12;
	s->top = s->y.title ? 24 : 10;
	s->bottom = 24 + (s->x.title ? 16 : 0);
	n = y_ticks(s, ticks);
	s->left = fmax(s->left, (double)widest_label(ticks, n) * (CHAR + .5) + 12);
	if (s->x.words && is_rotated(s)) {
		size_t chars = longest_word(&s->x);

		s->bottom += (double)(chars < ROTATED_CHARS ? chars : ROTATED_CHARS) * CHAR - 6;
		s->height += (double)(chars < ROTATED_CHARS ? chars : ROTATED_CHARS) * CHAR - 6;
	}
}

static void axis_titles(struct svg *s)
{
	if (s->y.title) {
		str_add(s->out, "<text class=\"what\" x=\"2\" y=\"12\">");
		str_add_html(s->out, s->y.title);
		str_add(s->out, "</text>");
	}
	if (s->x.title) {
		str_addf(s->out, "<text class=\"what end\" x=\"%.1f\" y=\"%.1f\">",
			s->width - s->right, s->height - 4);
		str_add_html(s->out, s->x.title);
		str_add(s->out, "</text>");
	}
}

void svg_open(struct svg *s, const char *class, const char *title, const char *about)
{
	set_margins(s);
	str_addf(s->out,
		"<svg class=\"plot %s\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"",
		class, s->width, s->height);
	str_add_html(s->out, title);
	str_add(s->out, ". ");
	str_add_html(s->out, about);
	str_add(s->out, "\">\n");
	y_axis(s);
	x_axis(s);
	axis_titles(s);
	str_add_char(s->out, '\n');
}

void svg_close(struct svg *s)
{
	str_add(s->out, "</svg>\n");
}

void svg_dot(struct svg *s, double x, double y, bool diamond, size_t index, const char *tip)
{
	if (!can_draw(&s->x, x) || !can_draw(&s->y, y))
		return;
	double cx = svg_x(s, x), cy = svg_y(s, y);

	if (s->x.words) /* spread out sideways, the same way each time: the golden ratio's steps */
		cx += (fmod((double)index * .618034, 1) - .5) * .5 *
		      (s->width - s->left - s->right) / (double)s->x.n_words;
	str_add(s->out, diamond ? "<path class=\"d h\"" : "<circle class=\"d\"");
	if (index != SVG_NO_ROW)
		str_addf(s->out, " data-i=\"%zu\"", index);
	if (diamond)
		str_addf(s->out, " d=\"M%.1f %.1fl4.5 4.5-4.5 4.5-4.5-4.5z\">", cx, cy - 4.5);
	else
		str_addf(s->out, " cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\">", cx, cy);
	str_add(s->out, "<title>");
	str_add_html(s->out, tip);
	str_addf(s->out, "</title></%s>\n", diamond ? "path" : "circle");
}

void svg_spot(struct svg *s, double x, double y, const char *tip)
{
	if (!can_draw(&s->x, x) || !can_draw(&s->y, y))
		return;
	str_addf(s->out, "<circle class=\"d spot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\"><title>",
		svg_x(s, x), svg_y(s, y));
	str_add_html(s->out, tip);
	str_add(s->out, "</title></circle>\n");
}

void svg_shade(struct svg *s, double from, double to, const char *label)
{
	double x = svg_x(s, from), width = svg_x(s, to) - x;

	str_addf(s->out,
		"<rect class=\"shade\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", x,
		s->top, width, s->height - s->top - s->bottom);
	if ((double)str_width(label) * CHAR + 8 <= width) {
		str_addf(s->out, "<text x=\"%.1f\" y=\"%.1f\">", x + 4, s->top + 12);
		str_add_html(s->out, label);
		str_add(s->out, "</text>");
	}
	str_add_char(s->out, '\n');
}

void svg_line(struct svg *s, double x1, double y1, double x2, double y2, const char *class)
{
	str_addf(s->out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
		class, svg_x(s, x1), svg_y(s, y1), svg_x(s, x2), svg_y(s, y2));
}

void svg_curve(struct svg *s, const double *x, const double *y, size_t n, const char *class)
{
	bool down = false;

	str_addf(s->out, "<path class=\"%s\" d=\"", class);
	for (size_t i = 0; i < n; i++) {
		if (!can_draw(&s->x, x[i]) || !can_draw(&s->y, y[i])) {
			down = false;
			continue;
		}
		str_addf(s->out, "%s%.1f %.1f", down ? "L" : "M", svg_x(s, x[i]), svg_y(s, y[i]));
		down = true;
	}
	str_add(s->out, "\"/>\n");
}

void svg_band(struct svg *s, const double *x, const double *low, const double *high, size_t n)
{
	bool any = false;

	for (size_t i = 0; i < n; i++)
		if (!can_draw(&s->x, x[i]) || !isfinite(low[i]) || !can_draw(&s->y, high[i]))
			return;
	if (n < 2)
		return;
	str_add(s->out, "<path class=\"band\" d=\"");
	for (size_t i = 0; i < n; i++, any = true)
		str_addf(s->out, "%s%.1f %.1f", any ? "L" : "M", svg_x(s, x[i]), svg_y(s, high[i]));
	for (size_t i = n; i--;)
		str_addf(s->out, "L%.1f %.1f", svg_x(s, x[i]),
			svg_y(s, fmax(low[i], s->y.log ? s->y.low : low[i])));
	str_add(s->out, "z\"/>\n");
}

void svg_error_bar(struct svg *s, double x, double y, double low, double high)
{
	if (!can_draw(&s->y, y))
		return;
	double cx = svg_x(s, x);

	if (can_draw(&s->y, low) && can_draw(&s->y, high))
		str_addf(s->out,
			"<line class=\"ci\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", cx,
			svg_y(s, low), cx, svg_y(s, high));
	str_addf(s->out,
		"<line class=\"curve\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
		cx - 14, svg_y(s, y), cx + 14, svg_y(s, y));
}

double svg_bar_most(double value)
{
	static const double ENDS[] = {.05, .1, .2, .4, .6, .8, 1};

	for (size_t i = 0; i < sizeof(ENDS) / sizeof(ENDS[0]); i++)
		if (value <= ENDS[i])
			return ENDS[i];
	return ceil(value * 5 - 1e-9) / 5;
}

/* Place in percent of the width; the scale ends a little before it, so that its last label fits. */
static double across(const struct svg_bar *bar, double v)
{
	return 96 * fmin(1, fmax(0, v / bar->most));
}

void svg_bar(struct str *out, const struct svg_bar *bar)
{
	str_addf(out,
		"<svg class=\"bar%s\" width=\"100%%\" height=\"30\" role=\"img\" aria-label=\"",
		bar->dim ? " dim" : "");
	str_add_html(out, bar->label);
	str_add(out, "\">");
	if (isfinite(bar->floor))
		str_addf(out,
			"<line class=\"floor\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"30\"/>",
			across(bar, bar->floor), across(bar, bar->floor));
	if (isfinite(bar->value))
		str_addf(out, "<rect class=\"b\" x=\"0\" y=\"8\" height=\"14\" width=\"%.2f%%\"/>",
			across(bar, bar->value));
	if (isfinite(bar->low) && isfinite(bar->high)) {
		double low = across(bar, bar->low), high = across(bar, bar->high);

		str_addf(out,
			"<line class=\"ci\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"15\" y2=\"15\"/>", low,
			high);
		str_addf(out,
			"<line class=\"ci\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"11\" y2=\"19\"/>", low,
			low);
		str_addf(out,
			"<line class=\"ci\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"11\" y2=\"19\"/>",
			high, high);
	}
	str_add(out, "</svg>");
}

void svg_bar_scale(struct str *out, double most)
{
	struct svg_axis axis = {.low = 0, .high = 100 * most};
	struct svg_bar bar = {.most = 100 * most};
	double ticks[SVG_MAX_TICKS];
	size_t n = svg_ticks(&axis, 5, ticks);

	str_add(out, "<svg class=\"scale\" width=\"100%\" height=\"22\" aria-hidden=\"true\">");
	for (size_t i = 0; i < n; i++) {
		double at = across(&bar, ticks[i]);

		str_addf(out,
			"<line class=\"axis\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"4\"/>"
			"<text class=\"%s\" x=\"%.2f%%\" y=\"17\">",
			at, at, i ? "mid" : "", at);
		svg_tick_label(out, ticks, n, ticks[i]);
		str_add(out, " %</text>");
	}
	str_add(out, "</svg>");
}

/*
 * The page of a search for the best setting: what it comes to; the table of two factors as a heat
 * map; every setting. The map is SVG that takes its colours from the page, one hue from pale to
 * full, with the value in each cell, so that neither colour nor sight is needed to read it.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/html.h"
#include "report/phrase.h"
#include "report/tune_words.h"

enum { CELL_HIGH = 38, CELL_LEAST = 64, CHAR = 7, HEAD = 46, LISTED = 500, ACROSS = 16, KEYS = 5 };

#define FLAT_HEAT .3

/* ---- the heat map ---- */

struct map {
	const struct tune_result *r;
	struct tune_grid g;
	double low, high; /* of the values */
	double left, cell;
};

static void map_init(struct map *m, const struct tune_result *r)
{
	bool turned = r->factors[1].steps > ACROSS && r->factors[0].steps < r->factors[1].steps;
	struct str text = STR_INIT;
	size_t label = 0, widest = 0;

	*m = (struct map){.r = r, .g = tune_words_grid(r, turned), .low = NAN, .high = NAN};
	for (size_t i = 0; i < r->n; i++) {
		m->low = fmin(m->low, r->settings[i].value);
		m->high = fmax(m->high, r->settings[i].value);
		str_clear(&text);
		phrase_fixed(
			&text, r->settings[i].value, tune_words_decimals(r, r->settings[i].value));
		widest = str_width(text.p) > widest ? str_width(text.p) : widest;
	}
	for (size_t i = 0; i < m->g.columns->steps; i++) {
		size_t w = str_width(m->g.columns->levels[i]);

		widest = w > widest ? w : widest;
	}
	for (size_t i = 0; i < m->g.rows->steps; i++) {
		size_t w = str_width(m->g.rows->levels[i]);

		label = w > label ? w : label;
	}
	label = str_width(m->g.rows->name) > label ? str_width(m->g.rows->name) : label;
	m->left = (double)(label * CHAR + 14);
	m->cell = fmax(CELL_LEAST, (double)(widest * CHAR + 18));
	str_release(&text);
}

/* 0 for the worst value, 1 for the best; the same for all where they are flat, for colours over the
 * noise would show what is not there. */
static double heat(const struct map *m, double value)
{
	if (m->r->flat)
		return FLAT_HEAT;
	double share = m->high > m->low ? (value - m->low) / (m->high - m->low) : 0;

	return m->r->less ? 1 - share : share;
}

static void add_tip(struct str *out, const struct map *m, size_t at)
{
	const struct tune_setting *s = &m->r->settings[at];
	struct str text = STR_INIT;

	tune_words_setting(&text, m->r, at);
	str_add(&text, ": ");
	if (isfinite(s->value)) {
		phrase_fixed(&text, s->value, tune_words_decimals(m->r, s->value));
		str_addf(&text, " %s ", m->r->unit);
		tune_words_interval(&text, m->r, at);
		str_addf(&text, ", %zu trial%s", s->n, s->n == 1 ? "" : "s");
	}
	if (s->failed)
		str_addf(&text, "%s%zu failed", isfinite(s->value) ? ", " : "", s->failed);
	if (s->regime_text && *s->regime_text)
		str_addf(&text, "; %s", s->regime_text);
	str_add(out, "<title>");
	str_add_html(out, text.p);
	str_add(out, "</title>");
	str_release(&text);
}

static void add_cell(struct str *out, const struct map *m, size_t row, size_t column)
{
	size_t at = tune_words_cell(&m->g, row, column);
	const struct tune_setting *s = &m->r->settings[at];
	double x = m->left + (double)column * m->cell, y = HEAD + (double)row * CELL_HIGH;
	const char *class = m->r->flat ? "" : at == m->r->best ? " best" : s->same ? " alike" : "";

	str_addf(out, "<g class=\"heat%s%s\">", isfinite(s->value) ? "" : " none", class);
	add_tip(out, m, at);
	str_addf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"", x + 1.5, y + 1.5,
		m->cell - 3, CELL_HIGH - 3);
	if (isfinite(s->value))
		str_addf(out, " style=\"--q:%.3f\"", heat(m, s->value));
	str_addf(out, "/><text class=\"mid\" x=\"%.1f\" y=\"%.1f\">", x + m->cell / 2,
		y + CELL_HIGH / 2. + 4.5);
	if (isfinite(s->value))
		phrase_fixed(out, s->value, tune_words_decimals(m->r, s->value));
	else
		str_add(out, s->failed ? "failed" : "–");
	str_add(out, "</text></g>\n");
}

static void add_axes(struct str *out, const struct map *m)
{
	str_addf(out, "<text class=\"what end\" x=\"%.1f\" y=\"%d\">", m->left - 8, HEAD - 10);
	str_add_html(out, m->g.rows->name);
	str_addf(out, "</text><text class=\"what\" x=\"%.1f\" y=\"14\">", m->left + 2);
	str_add_html(out, m->g.columns->name);
	str_add(out, "</text>\n");
	for (size_t c = 0; c < m->g.columns->steps; c++) {
		str_addf(out, "<text class=\"mid\" x=\"%.1f\" y=\"%d\">",
			m->left + ((double)c + .5) * m->cell, HEAD - 10);
		str_add_html(out, m->g.columns->levels[c]);
		str_add(out, "</text>");
	}
	for (size_t row = 0; row < m->g.rows->steps; row++) {
		str_addf(out, "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">", m->left - 8,
			HEAD + ((double)row + .5) * CELL_HIGH + 4);
		str_add_html(out, m->g.rows->levels[row]);
		str_add(out, "</text>");
	}
	str_add_char(out, '\n');
}

/* The scale from the worst to the best value, and what the frames mean. */
static void add_legend(struct str *out, const struct map *m)
{
	double worst = m->r->less ? m->high : m->low, best = m->r->less ? m->low : m->high;

	if (m->r->flat)
		return;
	str_add(out, "<p class=\"legend heats\"><span class=\"keyed\">");
	phrase_fixed(out, worst, tune_words_decimals(m->r, worst));
	for (int i = 0; i < KEYS; i++)
		str_addf(out, "<span class=\"key heat\" style=\"--q:%.2f\"></span>",
			i / (double)(KEYS - 1));
	phrase_fixed(out, best, tune_words_decimals(m->r, best));
	str_add_char(out, ' ');
	str_add_html(out, m->r->unit);
	str_add(out, "</span>");
	if (m->r->best != TUNE_NONE) {
		str_add(out, "<span class=\"keyed\"><span class=\"key frame best\"></span>best"
			     "</span>");
		if (m->r->judged)
			str_addf(out,
				"<span class=\"keyed\"><span class=\"key frame alike\"></span>"
				"not told from it (%.3g&#160;%%)</span>",
				100 * m->r->confidence);
	}
	str_add(out, "</p>\n");
}

static void add_map(struct str *out, const struct tune_result *r)
{
	struct map m;
	double width, height;

	map_init(&m, r);
	width = m.left + m.cell * (double)m.g.columns->steps + 2;
	height = HEAD + (double)(CELL_HIGH * m.g.rows->steps) + 2;
	str_add(out, "<section id=\"map\">\n<h2>");
	html_text(out, m.g.rows->name);
	str_add(out, " × ");
	html_text(out, m.g.columns->name);
	str_addf(out, "</h2>\n<p class=\"sub\">Means of %zu trials", r->blocks);
	str_add(out, r->unit[0] ? " in " : "");
	str_add_html(out, r->unit);
	str_addf(out, "; the %s the better.%s</p>\n", r->less ? "less" : "more",
		r->flat ? " The differences are within the noise, so there are no colours for them."
			: "");
	add_legend(out, &m);
	str_addf(out,
		"<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"heat map\">"
		"<svg class=\"map\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
		"role=\"img\" aria-label=\"",
		width, height, width, height);
	str_add_html(out, r->response);
	str_add(out, " by ");
	str_add_html(out, m.g.rows->name);
	str_add(out, " and ");
	str_add_html(out, m.g.columns->name);
	str_add(out, "; the same numbers are in the table below.\">\n");
	add_axes(out, &m);
	for (size_t row = 0; row < m.g.rows->steps; row++)
		for (size_t c = 0; c < m.g.columns->steps; c++)
			add_cell(out, &m, row, c);
	str_add(out, "</svg></div>\n</section>\n");
}

/* ---- the settings ---- */

static void add_row(struct str *out, const struct tune_result *r, size_t at)
{
	const struct tune_setting *s = &r->settings[at];

	str_addf(out, "<tr%s>", s->n ? "" : " class=\"failed\"");
	for (size_t j = 0; j < r->p; j++) {
		str_addf(out, "<td%s>", r->factors[j].words ? "" : " class=\"num\"");
		html_text(out, s->values[j]);
		str_add(out, "</td>");
	}
	str_add(out, "<td class=\"num\">");
	phrase_fixed(out, s->value, tune_words_decimals(r, s->value));
	str_add(out, "</td><td class=\"num\">");
	tune_words_interval(out, r, at);
	str_addf(out, "</td><td class=\"num\">%zu</td><td>", s->n);
	if (at == r->best && !r->flat)
		str_add(out, "<span class=\"tag good\">best</span> ");
	else if (s->same && !r->flat)
		str_add(out, "<span class=\"tag\">not told from it</span> ");
	if (s->failed)
		str_addf(out, "<span class=\"tag bad\">%zu failed</span> ", s->failed);
	html_text(out, s->regime_text ? s->regime_text : "");
	str_add(out, "</td></tr>\n");
}

static void add_settings(struct str *out, const struct tune_result *r)
{
	size_t *order = tune_words_order(r);

	str_add(out, "<section id=\"settings\">\n<h2>Settings, the best first</h2>\n");
	if (!r->full)
		str_add(out,
			"<p class=\"sub\">Those with an interval were repeated side by side, and "
			"their value is of the repeats alone. The others were tried once: a single "
			"lucky trial looks better than its setting is.</p>\n");
	if (r->n > LISTED)
		str_addf(out, "<p class=\"sub\">The first %d of %zu.</p>\n", LISTED, r->n);
	str_add(out, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"settings\">"
		     "<table class=\"trials\"><thead><tr>");
	for (size_t j = 0; j < r->p; j++) {
		str_addf(out, "<th scope=\"col\"%s>", r->factors[j].words ? "" : " class=\"num\"");
		html_text(out, r->factors[j].name);
		str_add(out, "</th>");
	}
	str_add(out, "<th scope=\"col\" class=\"num\">");
	html_text(out, r->unit[0] ? r->unit : r->response);
	str_addf(out,
		"</th><th scope=\"col\" class=\"num\">%.3g&#160;%%</th><th scope=\"col\" "
		"class=\"num\">trials</th><th scope=\"col\">what limited</th></tr></thead>\n"
		"<tbody>\n",
		100 * r->confidence);
	for (size_t i = 0; i < r->n && i < LISTED; i++)
		add_row(out, r, order[i]);
	str_add(out, "</tbody></table></div>\n</section>\n");
	free(order);
}

/* ---- the head, the notes ---- */

static void add_facts(struct str *out, const struct report_tune_page *page)
{
	struct str text = STR_INIT;
	char number[NUM_TEXT];

	html_open_facts(out, &page->run);
	tune_words_count(&text, page->tune);
	if (isfinite(page->seconds))
		str_addf(&text, ", in %s", num_duration(page->seconds, number));
	html_fact(out, "trials", text.p);
	str_clear(&text);
	str_addf(&text, "%llu", (unsigned long long)page->seed);
	html_fact(out, "seed", text.p);
	html_close_facts(out, &page->run);
	str_release(&text);
}

/* Sentences: names may be broken after "_", numbers stay whole and with their percent sign. */
static void add_prose(struct str *out, const char *text)
{
	bool in_interval = false;

	for (; *text; text++) {
		char byte[2] = {*text, '\0'};

		in_interval = *text == '[' || (in_interval && *text != ']');
		if (*text == ' ' && (in_interval || text[1] == '%'))
			str_add(out, "&#160;");
		else
			str_add_html(out, byte);
		if (*text == '_')
			str_add(out, "<wbr/>");
	}
}

static void add_header(struct str *out, const struct report_tune_page *page)
{
	struct str text = STR_INIT;

	html_header(out, &page->run);
	tune_words_head(&text, page->tune);
	add_prose(out, text.p);
	str_add(out, "</h1>\n<p class=\"lead\">");
	str_clear(&text);
	for (size_t i = 0; tune_words_rest(&text, page->tune, i); i++) {
		if (i)
			str_add_char(out, ' ');
		add_prose(out, text.p);
		str_clear(&text);
	}
	str_add(out, "</p>\n");
	add_facts(out, page);
	str_add(out, "</header>\n");
	str_release(&text);
}

static void add_notes(struct str *out, const struct tune_result *r)
{
	str_add(out, "<section id=\"notes\">\n<h2>How to read this</h2>\n<dl class=\"notes\">\n"
		     "<dt>Mean</dt><dd>Of the trials of a setting, free of what was the same for "
		     "all settings in one round through them, such as a machine that grew "
		     "slower");
	str_add(out,
		r->log ? "; the geometric mean, for differences are relative.</dd>\n" : ".</dd>\n");
	str_add(out,
		"<dt>Flat</dt><dd>The range of all settings is within what chance alone makes of "
		"equal ones (Tukey’s studentised range).</dd>\n"
		"<dt>Not told</dt><dd>The setting may be as good as the best one (Dunnett’s limit "
		"for comparisons with the best, Hsu 1996). Flat and not told share the chance of "
		"being wrong.</dd>\n"
		"<dt>Interval</dt><dd>Wide enough to hold for all settings together, so for the "
		"one "
		"that was picked for being the best, too (Student’s t, Bonferroni).</dd>\n");
	if (!r->full)
		str_add(out,
			"<dt>Search</dt><dd>The centre and Sobol points; then a Gaussian process "
			"and the setting with the largest expected improvement (Jones, Schonlau "
			"and "
			"Welch 1998).</dd>\n");
	str_add(out, "</dl>\n</section>\n");
}

void report_tune_html(struct str *out, const struct report_tune_page *page)
{
	html_open(out, page->run.title);
	add_header(out, page);
	if (page->tune->full && page->tune->p == 2)
		add_map(out, page->tune);
	add_settings(out, page->tune);
	add_notes(out, page->tune);
	html_close(out);
}

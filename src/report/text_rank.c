/*
 * The ranking for a terminal: the fit of the models above, the factors, the verdict below. One
 * table where the terminal is wide enough; else two under each other, importance and effect.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "report/phrase.h"
#include "report/report.h"
#include "report/verdict.h"

enum { BAR = 12, PROSE = 96 };

static size_t prose_width(const struct term *term)
{
	return term->width < PROSE ? term->width : PROSE;
}

/* A cell in its style, in the terminal's alphabet; empties the text. */
static void put(struct table *t, const struct term *term, struct str *text, bool dim)
{
	struct str cell = STR_INIT;

	phrase_plain(text, term);
	if (dim && text->len)
		term_add(&cell, term, TERM_DIM, text->p);
	else
		str_add(&cell, str_text(text));
	table_cell(t, str_text(&cell));
	str_release(&cell);
	str_clear(text);
}

static void column(
	struct table *t, const struct term *term, enum table_align align, const char *title)
{
	struct str text = STR_INIT;

	str_add(&text, title);
	phrase_plain(&text, term);
	table_column(t, str_text(&text), align);
	str_release(&text);
}

static void fit_row(struct table *t, const struct term *term, const char *name, bool preferred,
	const struct rank_fit *fit)
{
	struct str text = STR_INIT;

	str_addf(&text, "%s%s", name, preferred ? " *" : "");
	put(t, term, &text, false);
	phrase_r2(&text, fit->r2);
	put(t, term, &text, false);
	phrase_r2_interval(&text, fit);
	put(t, term, &text, false);
	phrase_significant(&text, fit->mse, 3);
	put(t, term, &text, false);
	str_release(&text);
}

static void add_fit(struct str *out, const struct term *term, const struct rank_result *r)
{
	struct table t = TABLE_INIT;
	struct str text = STR_INIT;

	column(&t, term, TABLE_LEFT, "model");
	column(&t, term, TABLE_RIGHT, "R² holdout");
	str_addf(&text, "R² over %u splits", r->spec.splits);
	column(&t, term, TABLE_RIGHT, text.p);
	str_clear(&text);
	column(&t, term, TABLE_RIGHT, "MSE holdout");
	fit_row(&t, term, "linear model", r->preferred == RANK_LINEAR, &r->linear);
	fit_row(&t, term, "forest", r->preferred == RANK_FOREST, &r->forest);
	if (r->gp.predicted)
		fit_row(&t, term, "Gaussian process", r->preferred == RANK_GP, &r->gp);
	if (!isnan(r->little_r2)) {
		str_add(&text, "Little's law");
		put(&t, term, &text, false);
		phrase_r2(&text, r->little_r2);
		put(&t, term, &text, false);
		str_add(&text, "nothing fitted");
		put(&t, term, &text, true);
		put(&t, term, &text, false);
	}
	table_render(&t, term, out);
	table_release(&t);
	str_release(&text);
}

static void add_prose(struct str *out, const struct term *term, struct str *text)
{
	phrase_plain(text, term);
	phrase_wrap(out, str_text(text), prose_width(term), 0);
	str_clear(text);
}

static void add_method(struct str *out, const struct term *term, const struct rank_result *r)
{
	struct str text = STR_INIT, lines = STR_INIT;

	str_addf(&text,
		"* Importances and effects are those of the %s, the better in cross-validation",
		phrase_model(r->preferred));
	if (r->log_scale)
		str_addf(&text, ", fitted on log(%s)", r->response);
	str_addf(&text, ". RFECV keeps %zu of %zu factor%s. Intervals: %.4g %%.", r->rfecv_n, r->p,
		r->p == 1 ? "" : "s", 100 * r->spec.confidence);
	add_prose(&lines, term, &text);
	lines.p[--lines.len] = '\0';
	term_add(out, term, TERM_DIM, lines.p);
	str_add_char(out, '\n');
	str_release(&lines);
	str_release(&text);
}

static void put_head(struct table *t, const struct term *term, const struct rank_result *r,
	const struct rank_factor *f)
{
	struct str text = STR_INIT;
	size_t same = 0;

	for (size_t i = 0; i < r->p; i++)
		same += r->factors[i].active && r->factors[i].group == f->group;
	if (f->active)
		str_addf(&text, "%d%s", f->group, same > 1 ? "=" : " ");
	put(t, term, &text, !f->active);
	str_add(&text, f->name);
	put(t, term, &text, !f->active);
	str_release(&text);
}

static double most_important(const struct rank_result *r)
{
	double most = 1e-9;

	for (size_t i = 0; i < r->p; i++)
		most = fmax(most, r->factors[i].importance);
	return most;
}

static void put_importance(struct table *t, const struct term *term, const struct rank_result *r,
	const struct rank_factor *f)
{
	struct interval percent = {
		100 * f->importance_interval.low, 100 * f->importance_interval.high};
	struct str text = STR_INIT;
	bool dim = !f->active;

	phrase_percent(&text, 100 * f->importance, &percent, false);
	if (isfinite(f->importance))
		str_add(&text, " %");
	put(t, term, &text, dim);
	phrase_interval(&text, &percent, false);
	put(t, term, &text, dim);
	if (f->low == f->high)
		str_add(&text, "did not vary");
	else if (dim)
		str_add(&text, f->collinear ? "collinear" : "noise");
	else {
		struct str bar = STR_INIT;

		term_bar(&bar, term, f->importance / most_important(r), BAR);
		while (bar.len && bar.p[bar.len - 1] == ' ')
			bar.p[--bar.len] = '\0';
		if (bar.len)
			term_add(&text, term, TERM_CYAN, bar.p);
		str_release(&bar);
	}
	put(t, term, &text, dim);
	phrase_significant(&text, f->coef, 3);
	put(t, term, &text, dim);
	if (f->rfecv_rank > 0)
		str_addf(&text, "%d", f->rfecv_rank);
	put(t, term, &text, dim || f->rfecv_rank != 1);
	str_release(&text);
}

static void put_effect(struct table *t, const struct term *term, const struct rank_result *r,
	const struct rank_factor *f)
{
	struct phrase_effect e = phrase_effect(f);
	struct str text = STR_INIT;
	size_t at = phrase_column(r, f);
	bool dim = !f->active;

	phrase_setting(&text, r, at, f->low);
	str_add(&text, " → ");
	phrase_setting(&text, r, at, f->high);
	put(t, term, &text, dim);
	phrase_end(&text, f, false);
	str_add(&text, " → ");
	phrase_end(&text, f, true);
	put(t, term, &text, dim);
	phrase_percent(&text, e.percent, &e.interval, true);
	if (isfinite(e.percent))
		str_add(&text, " %");
	put(t, term, &text, dim);
	phrase_interval(&text, &e.interval, true);
	put(t, term, &text, dim);
	str_release(&text);
}

enum part { IMPORTANCE = 1, EFFECT = 2 };

static void add_factors(
	struct str *out, const struct term *term, const struct rank_result *r, unsigned parts)
{
	struct table t = TABLE_INIT;

	column(&t, term, TABLE_RIGHT, "");
	column(&t, term, TABLE_LEFT, "factor");
	if (parts & IMPORTANCE) {
		column(&t, term, TABLE_RIGHT, "share");
		column(&t, term, TABLE_LEFT, "");
		column(&t, term, TABLE_LEFT, "importance");
		column(&t, term, TABLE_RIGHT, r->log_scale ? "coef, log" : "coef");
		column(&t, term, TABLE_RIGHT, "RFECV");
	}
	if (parts & EFFECT) {
		column(&t, term, TABLE_LEFT, "low → high");
		column(&t, term, TABLE_RIGHT, r->unit[0] ? r->unit : r->response);
		column(&t, term, TABLE_RIGHT, "effect");
		column(&t, term, TABLE_LEFT, "");
	}
	for (size_t i = 0; i < r->p; i++) {
		put_head(&t, term, r, &r->factors[i]);
		if (parts & IMPORTANCE)
			put_importance(&t, term, r, &r->factors[i]);
		if (parts & EFFECT)
			put_effect(&t, term, r, &r->factors[i]);
	}
	table_render(&t, term, out);
	table_release(&t);
}

static size_t widest_line(const char *text)
{
	struct str line = STR_INIT;
	size_t most = 0;

	for (; *text; text++) {
		if (*text != '\n') {
			str_add_char(&line, *text);
			continue;
		}
		size_t w = str_width(str_text(&line));

		most = w > most ? w : most;
		str_clear(&line);
	}
	str_release(&line);
	return most;
}

static void add_table(struct str *out, const struct term *term, const struct rank_result *r)
{
	struct str whole = STR_INIT;
	struct term unbounded = *term;

	unbounded.width = SIZE_MAX;
	add_factors(&whole, &unbounded, r, IMPORTANCE | EFFECT);
	if (widest_line(str_text(&whole)) <= term->width) {
		str_add(out, str_text(&whole));
	} else {
		add_factors(out, term, r, IMPORTANCE);
		str_add_char(out, '\n');
		add_factors(out, term, r, EFFECT);
	}
	str_release(&whole);
}

static void add_legend(struct str *out, const struct term *term, const struct rank_result *r)
{
	struct str text = STR_INIT, lines = STR_INIT;
	bool tied = false;

	for (size_t i = 1; i < r->p; i++)
		tied |= r->factors[i].active && r->factors[i - 1].active &&
			r->factors[i].group == r->factors[i - 1].group;
	if (tied)
		str_add(&text, "= cannot be told apart. ");
	if (r->n_active < r->p) {
		str_add(&text, "noise: not told from chance");
		if (isfinite(r->noise_floor) && r->noise_floor > 0) {
			str_add(&text, ", which reaches a share of ");
			phrase_significant(&text, fmin(100, 100 * r->noise_floor), 2);
			str_add(&text, " % by itself");
		}
		str_add(&text, ".");
	}
	if (text.len) {
		add_prose(&lines, term, &text);
		lines.p[--lines.len] = '\0';
		term_add(out, term, TERM_DIM, lines.p);
		str_add_char(out, '\n');
	}
	str_release(&lines);
	str_release(&text);
}

static void add_warnings(struct str *out, const struct term *term, const struct rank_result *r)
{
	struct str text = STR_INIT;

	if (r->n_warnings)
		str_add_char(out, '\n');
	for (size_t i = 0; i < r->n_warnings; i++) {
		str_add(&text, r->warnings[i]);
		phrase_plain(&text, term);
		term_add(out, term, TERM_YELLOW, "! ");
		phrase_wrap(out, str_text(&text), prose_width(term), 2);
		str_clear(&text);
	}
	str_release(&text);
}

static void add_verdict(struct str *out, const struct term *term, const struct rank_result *r)
{
	struct str text = STR_INIT;
	struct verdict v;

	verdict_build(&v, r);
	term_add(&text, term, TERM_BOLD, v.head.p);
	str_addf(&text, " %s", str_text(&v.rest));
	add_prose(out, term, &text);
	str_release(&text);
	verdict_release(&v);
}

static void add_pairs(struct str *out, const struct term *term, const struct rank_result *r)
{
	struct str text = STR_INIT;

	verdict_pairs(&text, r);
	if (text.len) {
		str_add_char(out, '\n');
		add_prose(out, term, &text);
	}
	str_release(&text);
}

void report_rank(struct str *out, const struct term *term, const struct rank_result *r)
{
	struct str text = STR_INIT;
	char count[NUM_TEXT];

	term_add(out, term, TERM_BOLD, r->response);
	if (r->unit[0])
		str_addf(&text, " in %s", r->unit);
	str_addf(&text, ": %s trials of %zu factor%s", num_count((double)r->n, count), r->p,
		r->p == 1 ? "" : "s");
	phrase_plain(&text, term);
	str_addf(out, "%s\n\n", text.p);
	str_clear(&text);
	add_fit(out, term, r);
	add_method(out, term, r);
	str_add_char(out, '\n');
	add_table(out, term, r);
	add_legend(out, term, r);
	str_add_char(out, '\n');
	add_verdict(out, term, r);
	add_pairs(out, term, r);
	add_warnings(out, term, r);
	str_release(&text);
}

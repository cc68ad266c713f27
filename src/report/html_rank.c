/* The ranking as a table whose middle column is the bar chart: it stays readable at any width, with
 * names of any length. */
#include <math.h>
#include <stdlib.h>

#include "report/html.h"
#include "report/phrase.h"
#include "report/svg.h"
#include "report/verdict.h"

static double longest(const struct rank_result *r)
{
	double most = r->noise_floor > 0 ? fmin(1, r->noise_floor) : 0;

	for (size_t i = 0; i < r->p; i++) {
		const struct rank_factor *f = &r->factors[i];

		most = fmax(most, fmax(f->importance, f->importance_interval.high));
	}
	return svg_bar_most(most);
}

static bool is_tied(const struct rank_result *r, const struct rank_factor *f)
{
	size_t same = 0;

	for (size_t i = 0; i < r->p; i++)
		same += r->factors[i].active && r->factors[i].group == f->group;
	return f->active && same > 1;
}

static void importance_text(struct str *out, const struct rank_factor *f)
{
	struct interval percent = {
		100 * f->importance_interval.low, 100 * f->importance_interval.high};

	phrase_percent(out, 100 * f->importance, &percent, false);
	if (isfinite(f->importance))
		str_add(out, " % ");
	phrase_interval(out, &percent, false);
}

static void value_and_interval(struct str *out, const char *class, const char *label,
	double percent, const struct interval *interval, bool plus)
{
	struct str text = STR_INIT;

	str_addf(out, "<td class=\"%s\" data-label=\"%s\"><b>", class, label);
	phrase_percent(out, percent, interval, plus);
	str_add(out, isfinite(percent) ? "&#160;%</b>" : "</b>");
	phrase_interval(&text, interval, plus);
	if (text.len)
		str_addf(out, " <span class=\"ci\">%s</span>", text.p);
	str_add(out, "</td>");
	str_release(&text);
}

static void bar_cell(struct str *out, const struct rank_result *r, const struct rank_factor *f)
{
	struct str label = STR_INIT;
	struct svg_bar bar = {longest(r), f->importance, f->importance_interval.low,
		f->importance_interval.high, r->noise_floor, !f->active, NULL};

	str_addf(&label, "importance of %s: ", f->name);
	importance_text(&label, f);
	bar.label = label.p;
	str_add(out, "<td class=\"chart\">");
	svg_bar(out, &bar);
	str_add(out, "</td>");
	str_release(&label);
}

static void effect_cells(struct str *out, const struct rank_result *r, const struct rank_factor *f)
{
	struct phrase_effect e = phrase_effect(f);
	struct str low = STR_INIT, high = STR_INIT;
	size_t at = phrase_column(r, f);

	phrase_setting(&low, r, at, f->low);
	phrase_setting(&high, r, at, f->high);
	value_and_interval(out, "effect", "effect", e.percent, &e.interval, true);
	str_add(out, "<td class=\"ends\" data-label=\"low to high\">");
	str_add_html(out, str_text(&low));
	str_add(out, " → ");
	str_add_html(out, str_text(&high));
	str_add(out, "</td><td class=\"ends num\" data-label=\"");
	str_add_html(out, r->unit[0] ? r->unit : "response");
	str_add(out, "\">");
	phrase_end(out, f, false);
	str_add(out, " → ");
	phrase_end(out, f, true);
	str_add(out, "</td>");
	str_release(&low);
	str_release(&high);
}

/* A line between the factors that were told from noise and those that were not. */
static void noise_row(struct str *out)
{
	str_add(out,
		"<tr class=\"note\"><td></td><td colspan=\"6\">could not be told from noise</td>"
		"</tr>\n");
}

static void factor_row(struct str *out, const struct rank_result *r, size_t i)
{
	const struct rank_factor *f = &r->factors[i];
	struct str bend = STR_INIT;
	bool starts = i && f->active && f->group != f[-1].group;

	if (!f->active && (!i || f[-1].active))
		noise_row(out);
	str_addf(out, "<tr class=\"%s%s\"><td class=\"group\">", f->active ? "active" : "noise",
		starts ? " starts" : "");
	if (f->active)
		str_addf(out, "%d%s", f->group, is_tied(r, f) ? "=" : "");
	str_add(out, "</td><th scope=\"row\">");
	html_text(out, f->name);
	if (f->low == f->high || f->collinear)
		str_addf(out, " <span class=\"tag\">%s</span>",
			f->low == f->high ? "did not vary" : "collinear");
	if (f->active && verdict_bend(&bend, r, f))
		str_add(out, " <span class=\"tag\">not one way</span>");
	str_release(&bend);
	str_add(out, "</th>");
	bar_cell(out, r, f);
	value_and_interval(out, "share", "importance", 100 * f->importance,
		&(struct interval){
			100 * f->importance_interval.low, 100 * f->importance_interval.high},
		false);
	effect_cells(out, r, f);
	str_add(out, "</tr>\n");
}

/* Room for the longest name, within limits; in characters. */
static size_t name_room(const struct rank_result *r)
{
	size_t most = 10;

	for (size_t i = 0; i < r->p; i++) {
		size_t w = str_width(r->factors[i].name);

		most = w > most ? w : most;
	}
	return most < 26 ? most : 26;
}

static void titles(struct str *out, const struct rank_result *r)
{
	str_add(out, "<thead><tr><th scope=\"col\"><span class=\"away\">rank group</span></th>"
		     "<th scope=\"col\">factor</th><th scope=\"col\" class=\"chart\">"
		     "share of the variation</th><th scope=\"col\">importance</th>"
		     "<th scope=\"col\">effect</th><th scope=\"col\" class=\"ends\">low → high</th>"
		     "<th scope=\"col\" class=\"ends num\">");
	html_text(out, r->unit[0] ? r->unit : r->response);
	str_add(out, "</th></tr></thead>\n");
}

/* Pairs of factors that depend on each other, in words. */
static void pairs_part(struct str *out, const struct rank_result *r)
{
	if (!r->n_pairs)
		return;
	str_add(out, "<h3>Together</h3>\n<ul class=\"pairs\">\n");
	for (size_t i = 0; i < r->n_pairs; i++) {
		const struct rank_pair *p = &r->pairs[i];
		struct interval percent = {100 * p->interval.low, 100 * p->interval.high};

		str_add(out, "<li>");
		str_add_html(out, p->sentence);
		str_add(out, " <span class=\"ci\">Together they make up ");
		phrase_percent(out, 100 * p->share, &percent, false);
		str_add(out, "&#160;% of the variation ");
		phrase_interval(out, &percent, false);
		str_add(out, ".</span></li>\n");
	}
	str_add(out, "</ul>\n");
}

void html_ranking(struct str *out, const struct report_page *page)
{
	const struct rank_result *r = page->rank;

	str_addf(out, "<section id=\"ranking\">\n<h2>What %s ",
		r->n_active ? phrase_verb(r, false) : "was varied for");
	str_add_html(out, r->response);
	str_addf(out, "</h2>\n<p class=\"sub\">Importances and effects are those of the %s",
		phrase_model(r->preferred));
	if (r->log_scale) {
		str_add(out, ", fitted on the logarithm of ");
		str_add_html(out, r->response);
	}
	str_addf(out, "; lines are %.4g&#160;%% intervals. ", 100 * r->spec.confidence);
	if (r->noise_floor > 0) {
		str_add(out,
			"The dotted line is the noise floor: a factor that does nothing reaches ");
		phrase_significant(out, fmin(100, 100 * r->noise_floor), 2);
		str_add(out, "&#160;% by chance.");
	}
	str_addf(out, "</p>\n<div class=\"wide\"><table class=\"rank\" style=\"--name:%zuch\">\n",
		name_room(r) + 1);
	titles(out, r);
	str_add(out, "<tbody>\n");
	for (size_t i = 0; i < r->p; i++)
		factor_row(out, r, i);
	str_add(out, "<tr class=\"scale\"><td></td><td></td><td class=\"chart\">");
	svg_bar_scale(out, longest(r));
	str_add(out, "</td><td colspan=\"4\"></td></tr>\n</tbody></table></div>\n");
	pairs_part(out, r);
	str_add(out, "</section>\n");
}

static void p_value(struct str *out, double p)
{
	if (p < .001)
		str_add(out, "&lt;&#160;0.001");
	else
		phrase_fixed(out, p, p < .0995 ? 3 : 2);
}

static void plus_minus(struct str *out, double value, double sd, int decimals)
{
	if (decimals >= 0)
		phrase_fixed(out, value, decimals);
	else
		phrase_significant(out, value, 3);
	if (!isfinite(value) || !isfinite(sd))
		return;
	str_add(out, " <span class=\"ci\">± ");
	if (decimals >= 0)
		phrase_fixed(out, sd, decimals);
	else
		phrase_significant(out, sd, 2);
	str_add(out, "</span>");
}

static void model_row(struct str *out, const struct rank_factor *f)
{
	str_add(out, "<tr><th scope=\"row\">");
	html_text(out, f->name);
	str_add(out, "</th><td class=\"num\">");
	p_value(out, f->p_active);
	str_add(out, "</td><td class=\"num\">");
	if (f->collinear)
		str_addf(out, "<span class=\"tag\">%s</span></td><td class=\"num\">",
			f->low == f->high ? "did not vary" : "collinear");
	else {
		plus_minus(out, f->coef, f->std_error, -1);
		str_add(out, "</td><td class=\"num\">");
		p_value(out, f->p_value);
	}
	str_add(out, "</td><td class=\"num\">");
	if (f->rfecv_rank > 0)
		str_addf(out, "%d", f->rfecv_rank);
	str_add(out, "</td><td class=\"num\">");
	plus_minus(out, f->permutation, f->permutation_sd, 3);
	str_add(out, "</td><td class=\"num\">");
	phrase_fixed(out, f->impurity, 3);
	str_add(out, "</td></tr>\n");
}

void html_models(struct str *out, const struct report_page *page)
{
	const struct rank_result *r = page->rank;

	str_addf(out,
		"<h3>What each model says of each factor</h3>\n<div class=\"wide\" tabindex=\"0\">"
		"<table class=\"models\"><thead><tr><th scope=\"col\">factor</th>"
		"<th scope=\"col\" class=\"num\">told from noise: p</th>"
		"<th scope=\"col\" class=\"num\">linear: coefficient%s</th>"
		"<th scope=\"col\" class=\"num\">p</th>"
		"<th scope=\"col\" class=\"num\">RFECV rank</th>"
		"<th scope=\"col\" class=\"num\">forest: permutation</th>"
		"<th scope=\"col\" class=\"num\">impurity</th></tr></thead>\n<tbody>\n",
		r->log_scale ? ", log" : "");
	for (size_t j = 0; j < r->p; j++)
		model_row(out, &r->factors[j]);
	str_add(out, "</tbody></table></div>\n");
}

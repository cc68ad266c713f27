/* The plots of the HTML report: the response against each factor, and predictions against what was
 * measured. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/html.h"
#include "report/phrase.h"
#include "report/svg.h"
#include "report/verdict.h"

enum {
	PANELS = 24,      /* factors with a panel of their own */
	DOTS = 6000,      /* in all panels together: what a browser draws at once */
	PANEL_DOTS = 600, /* in one */
	WIDE = 340,
	HIGH = 240
};

static const double LOG_SPAN = 12; /* a response that spans more is drawn on a logarithmic axis */

/* Every how many rows one is drawn. */
static size_t dot_stride(const struct rank_result *r, size_t panels)
{
	size_t most = DOTS / (panels ? panels : 1);

	most = most > PANEL_DOTS ? PANEL_DOTS : most;
	return 1 + (r->n - 1) / most;
}

static void caption(struct str *out, const struct rank_result *r, const struct rank_factor *f)
{
	struct phrase_effect e = phrase_effect(f);

	str_addf(out, "<figure class=\"%s\"><figcaption><b>", f->active ? "active" : "noise");
	html_text(out, f->name);
	str_add(out, "</b> <span class=\"sub\">");
	if (f->low == f->high)
		str_add(out, "did not vary");
	else if (!f->active)
		str_add(out, "noise");
	else if (!verdict_bend(out, r, f) && isfinite(e.percent)) {
		phrase_percent(out, e.percent, &e.interval, true);
		str_add(out, "&#160;% ");
		phrase_interval(out, &e.interval, true);
	}
	str_add(out, "</span></figcaption>\n");
}

static void dot_tip(struct str *tip, const struct rank_result *r, size_t trial, size_t column,
	double x, double y)
{
	char number[NUM_TEXT];

	str_clear(tip);
	str_addf(tip, "trial %zu: ", trial + 1);
	phrase_setting(tip, r, column, x);
	str_addf(tip, " → %s %s", num_short(y, number), r->unit);
}

static void factor_dots(struct svg *s, const struct rank_result *r, size_t column,
	const size_t *trials, size_t stride)
{
	const double *x = r->data.x + column * r->n;
	struct str tip = STR_INIT;

	for (size_t i = 0; i < r->n; i += stride) {
		dot_tip(&tip, r, trials[i], column, x[i], r->data.y[i]);
		svg_dot(s, x[i], r->data.y[i], false, trials[i], tip.p);
	}
	str_release(&tip);
}

static void factor_curve(struct svg *s, const struct rank_factor *f)
{
	if (!s->x.words)
		svg_curve(s, f->curve_x, f->curve_y, f->curve_n, "curve");
	for (size_t i = 0; s->x.words && i < f->curve_n; i++)
		svg_error_bar(s, f->curve_x[i], f->curve_y[i], f->curve_low ? f->curve_low[i] : NAN,
			f->curve_high ? f->curve_high[i] : NAN);
}

static void factor_panel(struct str *out, const struct rank_result *r, const struct rank_factor *f,
	const struct svg_axis *y, const size_t *trials, size_t stride)
{
	struct svg s = {.out = out, .width = WIDE, .height = HIGH, .y = *y};
	struct str title = STR_INIT, about = STR_INIT;
	size_t column = phrase_column(r, f), words = phrase_n_words(r, column);

	if (column == r->data.p)
		return;
	if (words)
		svg_axis_words(&s.x, (const char *const *)r->data.words[column], words);
	else {
		svg_axis_init(&s.x);
		svg_axis_cover(&s.x, r->data.x + column * r->n, r->n);
		svg_axis_cover(&s.x, f->curve_x, f->curve_n);
		svg_axis_finish(&s.x, false, 0);
	}
	caption(out, r, f);
	str_addf(&title, "%s against %s", r->response, f->name);
	str_addf(&about, "Dots are trials; the curve is the %s's prediction, from ",
		phrase_model(r->preferred));
	phrase_end(&about, f, false);
	str_add(&about, " to ");
	phrase_end(&about, f, true);
	svg_open(&s, f->active ? "" : "dim", title.p, about.p);
	if (f->curve_low && f->curve_high && !words) /* below the dots; the curve above them */
		svg_band(&s, f->curve_x, f->curve_low, f->curve_high, f->curve_n);
	factor_dots(&s, r, column, trials, stride);
	factor_curve(&s, f);
	svg_close(&s);
	str_add(out, "</figure>\n");
	str_release(&title);
	str_release(&about);
}

static void stride_note(struct str *out, const struct rank_result *r, size_t stride)
{
	char number[NUM_TEXT];

	if (stride > 1)
		str_addf(out, " One of every %zu of the %s trials is drawn.", stride,
			num_count((double)r->n, number));
}

void html_responses(struct str *out, const struct report_page *page)
{
	const struct rank_result *r = page->rank;
	size_t panels = r->p < PANELS ? r->p : PANELS, stride = dot_stride(r, panels);
	size_t *trials = html_row_trials(page);
	struct svg_axis y;

	svg_axis_init(&y);
	svg_axis_cover(&y, r->data.y, r->n);
	for (size_t j = 0; j < r->p; j++)
		svg_axis_cover(&y, r->factors[j].curve_y, r->factors[j].curve_n);
	svg_axis_finish(&y, true, r->log_scale ? LOG_SPAN : 0);
	str_add(out, "<section id=\"responses\">\n<h2>How it responds</h2>\n<p class=\"sub\">");
	str_add_html(out, r->response);
	if (r->unit[0]) {
		str_add(out, " in ");
		str_add_html(out, r->unit);
	}
	str_addf(out,
		"%s against each factor. Dots are trials%s; the curve is what the %s predicts%s, "
		"its band a %.4g&#160;%% interval.",
		y.log ? ", on a logarithmic axis," : "",
		r->p > 1 ? ", in which the other factors vary too" : "", phrase_model(r->preferred),
		r->p > 1 ? " with the others averaged" : "", 100 * r->spec.confidence);
	stride_note(out, r, stride);
	if (r->p > panels)
		str_addf(out, " The first %zu of %zu factors are drawn.", panels, r->p);
	str_add(out, "</p>\n<div class=\"panels\">\n");
	for (size_t j = 0; j < panels; j++)
		factor_panel(out, r, &r->factors[j], &y, trials, stride);
	str_add(out, "</div>\n</section>\n");
	free(trials);
}

/* What one panel of predicted against measured shows. */
struct fit_panel {
	const char *name, *class;
	const double *predicted, *holdout; /* holdout may be NULL */
	const struct rank_fit *fit;        /* NULL for Little's law */
	double r2;
};

static void fit_caption(struct str *out, const struct rank_result *r, const struct fit_panel *p)
{
	str_addf(out, "<figure class=\"%s\"><figcaption><b>%s</b> <span class=\"sub\">R² ",
		p->class, p->name);
	if (p->fit) {
		phrase_r2_interval(out, p->fit);
		str_addf(out, " over %u splits, ", r->spec.splits);
		phrase_r2(out, p->fit->r2);
		str_add(out, " on the holdout");
	} else {
		phrase_r2(out, p->r2);
		str_add(out, ", with nothing fitted");
	}
	str_add(out, "</span></figcaption>\n");
}

static void fit_dots(struct svg *s, const struct rank_result *r, const struct fit_panel *p,
	const size_t *trials, size_t stride)
{
	struct str tip = STR_INIT;

	for (size_t i = 0; i < r->n; i += stride) {
		bool held = p->holdout && r->holdout && r->holdout[i] && isfinite(p->holdout[i]);
		double predicted = held ? p->holdout[i] : p->predicted[i];
		char a[NUM_TEXT], b[NUM_TEXT];

		str_clear(&tip);
		str_addf(&tip, "trial %zu%s: measured %s, predicted %s", trials[i] + 1,
			held ? " (holdout)" : "", num_short(r->data.y[i], a),
			num_short(predicted, b));
		svg_dot(s, r->data.y[i], predicted, held, trials[i], tip.p);
	}
	str_release(&tip);
}

static void fit_panel(struct str *out, const struct rank_result *r, const struct fit_panel *p,
	const struct svg_axis *both, const size_t *trials, size_t stride)
{
	struct svg s = {.out = out, .width = WIDE, .height = WIDE - 20, .x = *both, .y = *both};
	struct str about = STR_INIT;

	s.x.title = "measured";
	s.y.title = "predicted";
	fit_caption(out, r, p);
	str_add(&about, "Each dot is a trial; on the line the prediction is exact. R² ");
	phrase_r2(&about, p->r2);
	svg_open(&s, p->class, p->name, about.p);
	svg_line(&s, both->low, both->low, both->high, both->high, "same");
	fit_dots(&s, r, p, trials, stride);
	svg_close(&s);
	str_add(out, "</figure>\n");
	str_release(&about);
}

/* R² against the number of factors, as RFECV took them away. */
static void rfecv_panel(struct str *out, const struct rank_result *r)
{
	struct svg s = {.out = out, .width = WIDE, .height = WIDE - 20};
	double *count = mem_alloc(r->p + 1, sizeof(*count));
	struct str tip = STR_INIT;

	for (size_t k = 0; k < r->p; k++)
		count[k] = (double)k + 1;
	s.x = (struct svg_axis){.low = .5, .high = (double)r->p + .5, .title = "factors kept"};
	svg_axis_init(&s.y);
	svg_axis_cover(&s.y, r->rfecv_score, r->p);
	svg_axis_finish(&s.y, false, 0);
	s.y.title = "cross-validated R²";
	str_addf(out,
		"<figure><figcaption><b>RFECV</b> <span class=\"sub\">keeps %zu of %zu factor%s"
		"</span></figcaption>\n",
		r->rfecv_n, r->p, r->p == 1 ? "" : "s");
	svg_open(&s, "", "RFECV", "R² of the linear model by the number of factors it keeps");
	svg_curve(&s, count, r->rfecv_score, r->p, "curve thin");
	for (size_t k = 0; k < r->p; k++) {
		str_clear(&tip);
		str_addf(&tip, "%zu factor%s: R² ", k + 1, k ? "s" : "");
		phrase_r2(&tip, r->rfecv_score[k]);
		svg_dot(&s, count[k], r->rfecv_score[k], k + 1 == r->rfecv_n, SVG_NO_ROW, tip.p);
	}
	svg_close(&s);
	str_add(out, "</figure>\n");
	str_release(&tip);
	free(count);
}

static void fit_table_row(
	struct str *out, const struct rank_result *r, const char *name, enum rank_model model)
{
	const struct rank_fit *fit = model == RANK_GP       ? &r->gp
				     : model == RANK_FOREST ? &r->forest
							    : &r->linear;

	str_addf(out, "<tr%s><th scope=\"row\">%s%s</th><td>",
		model == r->preferred ? " class=\"best\"" : "", name,
		model == r->preferred ? " <span class=\"tag\">preferred</span>" : "");
	phrase_r2(out, fit->r2);
	str_add(out, "</td><td>");
	phrase_r2_interval(out, fit);
	str_add(out, "</td><td>");
	phrase_significant(out, fit->mse, 3);
	str_add(out, "</td><td>");
	if (model == RANK_FOREST)
		phrase_r2(out, r->forest_oob_r2);
	str_add(out, "</td></tr>\n");
}

static void fit_table(struct str *out, const struct rank_result *r)
{
	str_addf(out,
		"<div class=\"wide beside\" tabindex=\"0\"><table class=\"fits\"><thead><tr><th "
		"scope=\"col\">model</th>"
		"<th scope=\"col\">R², holdout</th><th scope=\"col\">R², %u splits</th>"
		"<th scope=\"col\">MSE, holdout</th><th scope=\"col\">R², out of bag</th></tr>"
		"</thead><tbody>\n",
		r->spec.splits);
	fit_table_row(out, r, "linear model", RANK_LINEAR);
	fit_table_row(out, r, "forest", RANK_FOREST);
	if (r->gp.predicted)
		fit_table_row(out, r, "Gaussian process", RANK_GP);
	if (!isnan(r->little_r2)) {
		str_add(out, "<tr><th scope=\"row\">Little’s law</th><td>");
		phrase_r2(out, r->little_r2);
		str_add(out, "</td><td>nothing fitted</td><td></td><td></td></tr>\n");
	}
	str_add(out, "</tbody></table></div>\n");
}

void html_fit(struct str *out, const struct report_page *page)
{
	const struct rank_result *r = page->rank;
	const struct fit_panel panels[] = {{"Linear model", "linear", r->linear.predicted,
						   r->linear.holdout, &r->linear, r->linear.r2},
		{"Forest", "forest", r->forest.predicted, r->forest.holdout, &r->forest,
			r->forest.r2},
		{"Gaussian process", "process", r->gp.predicted, r->gp.holdout, &r->gp, r->gp.r2},
		{"Little’s law", "little", r->little_predicted, NULL, NULL, r->little_r2}};
	size_t n = sizeof(panels) / sizeof(panels[0]), stride = dot_stride(r, n);
	size_t *trials = html_row_trials(page);
	struct svg_axis both;

	svg_axis_init(&both);
	svg_axis_cover(&both, r->data.y, r->n);
	for (size_t i = 0; i < n; i++) {
		svg_axis_cover(&both, panels[i].predicted, r->n);
		svg_axis_cover(&both, panels[i].holdout, panels[i].holdout ? r->n : 0);
	}
	svg_axis_finish(&both, true, r->log_scale ? LOG_SPAN : 0);
	str_add(out,
		"<section id=\"fit\">\n<h2>How far to trust the models</h2>\n<p class=\"sub\">"
		"Predicted against measured, for trials that the model did not see; on the line "
		"the prediction is exact.");
	if (both.log)
		str_add(out, " Both axes are logarithmic.");
	stride_note(out, r, stride);
	str_add(out, "</p>\n<p class=\"legend\"><span class=\"key cv\"></span>cross-validated "
		     "<span class=\"key held\"></span>holdout</p>\n<div class=\"panels\">\n");
	for (size_t i = 0; i < n; i++)
		if (panels[i].predicted)
			fit_panel(out, r, &panels[i], &both, trials, stride);
	if (r->rfecv_score && r->p > 1)
		rfecv_panel(out, r);
	fit_table(out, r);
	str_add(out, "</div>\n");
	html_models(out, page);
	str_add(out, "</section>\n");
	free(trials);
}

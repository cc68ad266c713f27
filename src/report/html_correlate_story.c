/* The account as a waterfall, the incident as a line of onsets: rows whose bars are as wide as the
 * page lets them, so that both are read on a telephone too. */
#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "report/html.h"
#include "report/html_correlate.h"
#include "report/phrase.h"

enum { STEPS = 12 }; /* of a waterfall; the others are one */

/* ---- the account ---- */

struct scale {
	double low, high;
};

static double across(const struct scale *s, double v)
{
	double at = s->high > s->low ? 100 * (v - s->low) / (s->high - s->low) : 0;

	return at < 0 ? 0 : at > 100 ? 100 : at;
}

static void flow_row(struct str *out, const struct scale *s, const char *label, double from,
	double to, const char *class, const char *value)
{
	double left = across(s, fmin(from, to)), right = across(s, fmax(from, to));

	str_addf(out, "<tr class=\"%s\"><th scope=\"row\">", class);
	html_correlate_name(out, label);
	str_addf(out,
		"</th><td class=\"num\">%s</td><td class=\"chart\"><svg width=\"100%%\" "
		"height=\"22\" aria-hidden=\"true\"><line class=\"grid\" x1=\"%.2f%%\" "
		"x2=\"%.2f%%\" y1=\"0\" y2=\"22\"/><rect x=\"%.2f%%\" y=\"4\" width=\"%.2f%%\" "
		"height=\"14\"/></svg></td></tr>\n",
		value, across(s, to), across(s, to), left, fmax(.2, right - left));
}

static struct scale flow_scale(
	const struct account_change *c, const struct correlate_term *t, size_t shown)
{
	struct scale s = {fmin(c->before, c->after), fmax(c->before, c->after)};
	double at = c->before, room;

	for (size_t i = 0; i < shown; i++) {
		at += t[i].value;
		s.low = fmin(s.low, at);
		s.high = fmax(s.high, at);
	}
	room = s.high - s.low;
	/* from zero where that costs little */
	s.low = s.low > 0 && s.low < 1.5 * room ? 0 : s.low - .3 * room;
	return s;
}

static void add_flow(struct str *out, const struct correlate_report *r, size_t which)
{
	const struct account_change *c = &r->changes[which];
	size_t n, shown;
	struct correlate_term *t = correlate_words_terms(r, which, &n);
	struct str label = STR_INIT, value = STR_INIT;
	struct scale s;
	double at = c->before;

	shown = n > STEPS ? STEPS - 1 : n;
	s = flow_scale(c, t, shown);
	str_add(out, "<table class=\"flow\"><tbody>\n");
	correlate_words_value(&value, c->before);
	flow_row(out, &s, "before", s.low, c->before, "whole", value.p);
	for (size_t i = 0; i <= shown; i++) {
		double step = i < shown ? t[i].value : c->after - at;

		if (i == shown && shown == n)
			break;
		str_clear(&label);
		str_clear(&value);
		if (i < shown)
			correlate_words_term(&label, &r->accounts[which], &t[i]);
		else
			str_addf(&label, "%zu others", n - shown);
		correlate_words_change(&value, step, fabs(c->change));
		flow_row(out, &s, label.p, at, at + step, step < 0 ? "less" : "more", value.p);
		at += step;
	}
	str_clear(&value);
	correlate_words_value(&value, c->after);
	flow_row(out, &s, "after", s.low, c->after, "whole", value.p);
	str_add(out, "</tbody></table>\n");
	str_release(&label);
	str_release(&value);
	free(t);
}

void html_correlate_accounts(struct str *out, const struct correlate_report *r)
{
	struct str text = STR_INIT;

	for (size_t i = 0; correlate_words_account(&text, r, i); i++) {
		str_add(out, i ? "<p class=\"lead\">"
			       : "<section id=\"account\">\n<h2>What the change is made of</h2>\n"
				 "<p class=\"lead\">");
		html_sentence(out, text.p);
		str_add(out, "</p>\n");
		str_addf(out, "<p class=\"sub\">%s</p>\n",
			r->accounts[i].is_sum
				? "Exact, nothing is estimated: the total is the sum of its parts."
				: "Exact, nothing is estimated: the total is the mean of the "
				  "parts' "
				  "times by how often each was asked. Latency: a part became "
				  "slower. "
				  "Mix: more, or fewer, of the requests go to it.");
		add_flow(out, r, i);
		str_clear(&text);
	}
	if (r->n_accounts && r->changes && r->changes[0].n)
		str_add(out, "</section>\n");
	str_release(&text);
}

/* ---- the incident ---- */

static void onset_bar(struct str *out, const struct correlate_report *r, const struct scale *s,
	const struct incident_row *row)
{
	const struct incident_spec *spec = &r->incident->spec;
	double from = across(s, spec->from_s), to = across(s, spec->to_s);
	double began = across(s, row->began_s);

	str_addf(out,
		"<svg width=\"100%%\" height=\"26\" aria-hidden=\"true\"><rect class=\"shade\" "
		"x=\"%.2f%%\" y=\"0\" width=\"%.2f%%\" height=\"26\"/>",
		from, to - from);
	if (row->step)
		str_addf(out,
			"<rect class=\"lasts\" x=\"%.2f%%\" y=\"10\" width=\"%.2f%%\" "
			"height=\"6\"/>",
			began, fmax(.2, to - began));
	if (isfinite(row->began_low_s) && isfinite(row->began_high_s)) {
		double low = across(s, row->began_low_s), high = across(s, row->began_high_s);

		str_addf(out,
			"<line class=\"ci\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"13\" y2=\"13\"/>"
			"<line class=\"ci\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"9\" y2=\"17\"/>"
			"<line class=\"ci\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"9\" y2=\"17\"/>",
			low, high, low, low, high, high);
	}
	str_addf(out, "<circle class=\"d h\" cx=\"%.2f%%\" cy=\"13\" r=\"4\"/></svg>", began);
}

static void number_cell(
	struct str *out, const char *label, void (*say)(struct str *, double), double value)
{
	struct str text = STR_INIT;

	say(&text, value);
	str_addf(out, "<td class=\"num\" data-label=\"%s\">", label);
	str_add_html(out, text.p);
	str_add(out, "</td>");
	str_release(&text);
}

static void say_score(struct str *out, double score)
{
	phrase_significant(out, score, 2);
}

static void onset_row(struct str *out, const struct correlate_report *r, const struct scale *s,
	const struct incident_row *row)
{
	struct str text = STR_INIT;

	str_addf(out, "<tr data-series=\"%zu\"><th scope=\"row\">", row->series);
	html_correlate_name(out, correlate_words_series(r, row->series));
	str_addf(out, " <span class=\"tag\">%s</span></th><td class=\"chart\">",
		row->step ? "step" : "spike");
	onset_bar(out, r, s, row);
	str_add(out, "</td><td class=\"when\">");
	correlate_words_time(&text, r->set, row->began_s);
	str_addf(out, "<b>%s</b>", str_text(&text));
	str_clear(&text);
	if (row->began_high_s > row->began_low_s) {
		correlate_words_time(&text, r->set, row->began_low_s);
		str_add(&text, ", ");
		correlate_words_time(&text, r->set, row->began_high_s);
		str_addf(out, " <span class=\"ci\">[%s]</span>", text.p);
	}
	str_add(out, "</td>");
	str_release(&text);
	number_cell(out, "before", correlate_words_value, row->before);
	number_cell(out, "during", correlate_words_value, row->during);
	number_cell(out, "peak", correlate_words_value, row->peak);
	number_cell(out, "score", say_score, row->score);
	number_cell(out, "q", correlate_words_p, row->q);
	str_add(out, "</tr>\n");
}

static void time_scale(struct str *out, const struct correlate_report *r, const struct scale *s)
{
	struct html_correlate_ticks t;

	html_correlate_ticks(&t, r->set, s->low, s->high, 6);
	str_add(out, "<tr class=\"scale\"><th></th><td class=\"chart\"><svg width=\"100%\" "
		     "height=\"22\" aria-hidden=\"true\">");
	for (size_t i = 0; i < t.n; i++) {
		double at = across(s, t.marks[i].at);

		str_addf(out,
			"<line class=\"axis\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"4\"/>"
			"<text class=\"%s\" x=\"%.2f%%\" y=\"17\">%s</text>",
			at, at,
			at < 4    ? ""
			: at > 96 ? "end"
				  : "mid",
			at, t.text[i]);
	}
	str_add(out, "</svg></td><td colspan=\"6\"></td></tr>\n");
}

static void add_onsets(struct str *out, const struct correlate_report *r)
{
	const struct incident_result *c = r->incident;
	double room = .08 * (c->spec.to_s - c->spec.from_s);
	struct scale s = {c->spec.from_s - room, c->spec.to_s + room};
	size_t n = c->n_found < HTML_CORRELATE_ONSETS ? c->n_found : HTML_CORRELATE_ONSETS;

	for (size_t i = 0; i < n; i++)
		if (isfinite(c->rows[i].began_low_s) && c->rows[i].began_low_s < s.low)
			s.low = fmax(c->rows[i].began_low_s, c->spec.from_s - 10 * room);
	str_add(out,
		"<table class=\"onsets\"><thead><tr><th scope=\"col\">series</th><th scope=\"col\" "
		"class=\"chart\">when it began to move</th><th scope=\"col\" "
		"class=\"when\">began</th>"
		"<th scope=\"col\" class=\"num\">before</th><th scope=\"col\" "
		"class=\"num\">during</th>"
		"<th scope=\"col\" class=\"num\">peak</th><th scope=\"col\" "
		"class=\"num\">score</th>"
		"<th scope=\"col\" class=\"num\">q</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < n; i++)
		onset_row(out, r, &s, &c->rows[i]);
	time_scale(out, r, &s);
	str_add(out, "</tbody></table>\n");
	if (n < c->n_found) {
		char text[NUM_TEXT];

		str_addf(out, "<p class=\"sub\">And %s more, later.</p>\n",
			num_count((double)(c->n_found - n), text));
	}
}

void html_correlate_incident(struct str *out, const struct correlate_report *r)
{
	struct str head = STR_INIT, rest = STR_INIT;

	str_add(out, "<section id=\"incident\">\n<h2>What changed during the incident</h2>\n<p "
		     "class=\"sub\">");
	correlate_words_incident(&head, r);
	html_sentence(out, head.p);
	str_add(out, ". Score: the change, in units of the series' own usual change over as long; "
		     "the line is the interval that holds the onset to 95&#160;%.</p>\n");
	if (r->result) {
		str_clear(&head);
		correlate_words_incident_verdict(&head, &rest, r);
		str_add(out, "<p class=\"lead\">");
		html_sentence(out, head.p);
		str_add(out, ". ");
		html_sentence(out, str_text(&rest));
		str_add(out, "</p>\n");
	}
	if (r->incident->n_found)
		add_onsets(out, r);
	str_add(out, "</section>\n");
	str_release(&head);
	str_release(&rest);
}

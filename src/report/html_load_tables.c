/* The tables of a load's page: the rates that were tried, targets, checks, failures, statuses, and
 * how to read it all. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/html.h"
#include "report/load_words.h"
#include "report/phrase.h"

enum { TARGETS = 200 };

static void section(struct str *out, const char *id, const char *title)
{
	str_addf(out, "<section id=\"%s\">\n<h2>%s</h2>\n", id, title);
}

static void open_table(struct str *out, const char *class, const char *label)
{
	str_addf(out,
		"<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">"
		"<table class=\"%s\"><thead><tr>",
		label, class);
}

static void title(struct str *out, const char *text, bool number)
{
	str_addf(out, "<th scope=\"col\"%s>%s</th>", number ? " class=\"num\"" : "", text);
}

static void open_rows(struct str *out)
{
	str_add(out, "</tr></thead>\n<tbody>\n");
}

static void close_table(struct str *out)
{
	str_add(out, "</tbody></table></div>\n");
}

static void count_cell(struct str *out, double n)
{
	char text[NUM_TEXT];

	str_addf(out, "<td class=\"num\">%s</td>", num_count(n, text));
}

static void number_cell(struct str *out, double value)
{
	str_add(out, "<td class=\"num\">");
	if (isfinite(value))
		phrase_significant(out, value, 3);
	str_add(out, "</td>");
}

static void percent_cell(struct str *out, double value)
{
	str_add(out, "<td class=\"num\">");
	if (isfinite(value))
		phrase_significant(out, value, 2);
	str_add(out, "</td>");
}

static void add_search(struct str *out, const struct load_report *l)
{
	struct str text = STR_INIT;

	if (!l->search)
		return;
	section(out, "search", "Rates that were tried");
	open_table(out, "times", "rates that were tried");
	title(out, "asked, /s", true);
	title(out, "came, /s", true);
	title(out, "", false);
	title(out, "", false);
	open_rows(out);
	for (size_t i = 0; i < l->search->n; i++) {
		const struct load_search_step *s = &l->search->steps[i];

		str_add(out, "<tr>");
		number_cell(out, s->rate);
		number_cell(out, s->achieved);
		str_addf(out, "<td><span class=\"tag%s\">%s</span></td><td class=\"text\">",
			s->limited ? ""
			: s->held  ? " good"
				   : " bad",
			s->limited ? "not known"
			: s->held  ? "held"
				   : "missed");
		str_clear(&text);
		load_goal_describe(l->search_goal, s->value, &text);
		str_add_html(out, str_text(&text));
		str_add(out, "</td></tr>\n");
	}
	close_table(out);
	str_add(out, "</section>\n");
	str_release(&text);
}

/* In milliseconds, so that a click can sort them. */
static double target_ms(const struct hist *h, double percent)
{
	if (!h->counts || (double)h->n * (100 - percent) / 100 < 1)
		return NAN;
	return (double)hist_percentile(h, percent) / 1e6;
}

static void target_row(struct str *out, const struct load_target *t)
{
	str_addf(out, "<tr%s><td>", t->n_errors ? " class=\"failing\"" : "");
	html_text(out, t->name);
	str_add(out, "</td>");
	number_cell(out, t->requests_per_second);
	count_cell(out, (double)t->completed);
	count_cell(out, (double)t->n_errors);
	number_cell(out, target_ms(&t->latency, 50));
	number_cell(out, target_ms(&t->latency, 90));
	number_cell(out, target_ms(&t->latency, 99));
	number_cell(out, t->latency.n ? (double)t->latency.max / 1e6 : NAN);
	str_add(out, "</tr>\n");
}

static void add_targets(struct str *out, const struct load_report *l)
{
	static const char *const TITLES[] = {
		"requests/s", "answers", "failed", "p50, ms", "p90, ms", "p99, ms", "max, ms"};
	const struct load_result *r = l->result;
	size_t *shown, n;
	char a[NUM_TEXT], b[NUM_TEXT];

	if (r->n_targets < 2)
		return;
	shown = mem_alloc(TARGETS, sizeof(*shown));
	n = load_words_targets(r, TARGETS, shown);
	section(out, "targets", l->spec->scenario ? "Steps" : "Targets");
	if (n < r->n_targets)
		str_addf(out,
			"<p class=\"sub\">%s of %s: the busiest, the slowest, and those that "
			"failed most. <code>culprit export</code> gives them all.</p>\n",
			num_count((double)n, a), num_count((double)r->n_targets, b));
	open_table(out, "trials targets", "targets");
	title(out, l->spec->scenario ? "step" : "target", false);
	for (size_t i = 0; i < sizeof(TITLES) / sizeof(TITLES[0]); i++)
		title(out, TITLES[i], true);
	open_rows(out);
	for (size_t i = 0; i < n; i++)
		target_row(out, &r->targets[shown[i]]);
	close_table(out);
	str_add(out, "</section>\n");
	free(shown);
}

static void add_checks(struct str *out, const struct load_result *r)
{
	if (!r->n_checks)
		return;
	section(out, "checks", "Checks");
	str_add(out, "<p class=\"sub\">Over the whole run, warm-up included.</p>\n");
	open_table(out, "times", "checks");
	title(out, "check", false);
	title(out, "held", true);
	title(out, "failed", true);
	title(out, "failed, %", true);
	open_rows(out);
	for (size_t i = 0; i < r->n_checks; i++) {
		const struct load_check_result *c = &r->checks[i];
		double n = (double)c->passed + (double)c->failed;

		str_add(out, "<tr><td class=\"text\">");
		str_add_html(out, c->name);
		str_addf(out, "%s</td>", c->failed ? " <span class=\"tag bad\">failed</span>" : "");
		count_cell(out, (double)c->passed);
		count_cell(out, (double)c->failed);
		percent_cell(out, n > 0 ? 100 * (double)c->failed / n : NAN);
		str_add(out, "</tr>\n");
	}
	close_table(out);
	str_add(out, "</section>\n");
}

static void errors_table(struct str *out, const struct load_result *r)
{
	double all = (double)r->completed + (double)r->n_errors;

	open_table(out, "times", "failures");
	title(out, "kind", false);
	title(out, "requests", true);
	title(out, "%", true);
	title(out, "what it means", false);
	open_rows(out);
	for (enum load_error i = 0; i < LOAD_N_ERRORS; i++) {
		const char *mend = load_words_mend_of(i, r);

		if (!r->errors[i])
			continue;
		str_addf(out, "<tr><th scope=\"row\">%s</th>", LOAD_ERROR_WORDS[i]);
		count_cell(out, (double)r->errors[i]);
		percent_cell(out, 100 * (double)r->errors[i] / all);
		str_add(out, "<td class=\"text\">");
		str_add_html(out, LOAD_ERROR_TEXTS[i]);
		str_add(out, *mend ? "; " : "");
		str_add_html(out, mend);
		str_add(out, "</td></tr>\n");
	}
	close_table(out);
}

static void add_errors(struct str *out, const struct load_result *r)
{
	if (!r->n_errors)
		return;
	section(out, "failures", "What failed");
	str_addf(out,
		"<p class=\"sub\">Failed requests are in neither the rate nor the latency%s.</p>\n",
		r->errors[LOAD_TIMEOUT] ? ", but for timeouts, which are in the latency" : "");
	errors_table(out, r);
	str_add(out, "</section>\n");
}

static void add_statuses(struct str *out, const struct load_result *r)
{
	size_t n = 0;

	for (size_t i = 0; i < 600; i++)
		n += r->status[i] > 0;
	if (!n)
		return;
	section(out, "statuses", "Statuses");
	open_table(out, "times", "statuses");
	title(out, "status", false);
	title(out, "answers", true);
	open_rows(out);
	for (size_t i = 0; i < 600; i++)
		if (r->status[i]) {
			str_addf(out, "<tr><th scope=\"row\">%zu</th>", i);
			count_cell(out, (double)r->status[i]);
			str_add(out, "</tr>\n");
		}
	close_table(out);
	str_add(out, "</section>\n");
}

static const struct {
	const char *term, *text;
} NOTES[] = {
	{"Rate", "Answers with an expected status in the measured window, divided by its true "
		 "length. ± is the 95&#160;% interval of its mean over time, by batch means; it "
		 "says "
		 "how far another run like this one may lie, not what another machine would do."},
	{"Latency",
		"From the moment at which the request was to start. In an open loop that is the "
		"schedule’s, so waiting behind a stall counts for every request that it held up; "
		"in a closed loop it is when its connection was free."},
	{"From the send", "From the first byte handed to the kernel. Where it is lower than the "
			  "latency, requests had to wait before they were sent."},
	{"Sent late by", "How far behind its schedule the generator sent; it should be far below "
			 "the latency."},
	{"Warm-up", "By rule, as much of the start is left out as makes the mean of the rest "
		    "surest (MSER-5; White, Cobb and Spratt 2000), and only where it differs from "
		    "that rest."},
	{"p99", "99&#160;% took at most so long. A percentile is shown where at least one record "
		"lies beyond it."},
};

static void add_notes(struct str *out)
{
	section(out, "notes", "How to read this");
	str_add(out, "<dl class=\"notes\">\n");
	for (size_t i = 0; i < sizeof(NOTES) / sizeof(NOTES[0]); i++)
		str_addf(out, "<dt>%s</dt><dd>%s</dd>\n", NOTES[i].term, NOTES[i].text);
	str_add(out, "</dl>\n</section>\n");
}

void html_load_tables(struct str *out, const struct load_report *l)
{
	add_search(out, l);
	add_targets(out, l);
	add_checks(out, l->result);
	add_errors(out, l->result);
	add_statuses(out, l->result);
	add_notes(out);
}

#include "report/html_correlate.h"

#include "html_correlate_assets.h"
#include "report/html.h"

void html_correlate_name(struct str *out, const char *name)
{
	struct str clean = STR_INIT;

	correlate_words_name(&clean, name, SERIES_NAME_MAX, "…");
	html_text(out, str_text(&clean));
	str_release(&clean);
}

static bool doubt(struct str *text, const void *what, size_t n)
{
	return correlate_words_doubt(text, what, n);
}

static void add_facts(struct str *out, const struct report_correlate_page *page)
{
	const struct correlate_report *r = &page->correlate;
	struct str text = STR_INIT;

	html_open_facts(out, &page->run);
	correlate_words_extent(&text, r);
	html_fact(out, "series", text.p);
	str_clear(&text);
	if (correlate_words_done(&text, r))
		html_fact(out, "what was done to them", text.p);
	html_close_facts(out, &page->run);
	str_release(&text);
}

static void add_header(struct str *out, const struct report_correlate_page *page)
{
	const struct correlate_report *r = &page->correlate;
	struct str head = STR_INIT, rest = STR_INIT;

	if (r->result)
		correlate_words_verdict(&head, &rest, r);
	else
		correlate_words_incident_verdict(&head, &rest, r);
	html_header(out, &page->run);
	html_sentence(out, str_text(&head));
	str_add(out, ".</h1>\n");
	if (rest.len) {
		str_add(out, "<p class=\"lead\">");
		html_sentence(out, rest.p);
		str_add(out, "</p>\n");
	}
	html_warnings(out, doubt, r, html_sentence);
	add_facts(out, page);
	str_add(out, "</header>\n");
	str_release(&head);
	str_release(&rest);
}

static void add_map(struct str *out, const struct correlate_report *r)
{
	str_add(out,
		"<section id=\"map\">\n<h2>All series</h2>\n<p class=\"sub\">How strongly each "
		"moves "
		"with the target (to the right with it, to the left against it), and how little "
		"that looks like chance (upwards). Filled: found. Hollow: moves with it by "
		"arithmetic, as a part of it.");
	if (r->result->spec.method == CORRELATE_PEARSON_DIFF)
		str_add(out, " Orange: found by pearson-diff alone, doubtful.");
	str_add(out,
		" A click chooses a series, here, in the table, and among the courses.</p>\n"
		"<noscript><p class=\"sub\">The map and the table are drawn by a script within "
		"this "
		"file; this browser runs none.</p></noscript>\n<div class=\"map-and-about\">"
		"<canvas id=\"map-canvas\" tabindex=\"0\" role=\"img\" aria-label=\"r against q of "
		"all series; arrows go from one to the next\"></canvas>\n<div id=\"about\" "
		"aria-live=\"polite\"></div></div>\n");
	html_correlate_details(out, r);
	str_add(out, "</section>\n");
}

static void add_table(struct str *out, const struct correlate_report *r)
{
	struct str text = STR_INIT;

	str_add(out, "<section id=\"all\">\n<h2>Every series</h2>\n<p class=\"sub\">");
	correlate_words_method(&text, r);
	html_sentence(out, text.p);
	if (r->result->n > HTML_CORRELATE_ROWS)
		str_addf(out, " The first %d are listed; culprit export has all %zu.",
			HTML_CORRELATE_ROWS, r->result->n);
	str_add(out, "</p>\n<div class=\"rows-bar\"><label>family <select id=\"family\"><option "
		     "value=\"\">all"
		     "</option></select></label><input type=\"search\" id=\"search\" "
		     "placeholder=\"search a "
		     "name\" aria-label=\"search a name\"/><label><input type=\"checkbox\" "
		     "id=\"found\"/> found "
		     "ones</label><span id=\"rows-count\" role=\"status\"></span></div>\n"
		     "<div class=\"rows-table\" role=\"table\" aria-label=\"all series\"><div "
		     "id=\"head\" "
		     "role=\"row\"></div><div id=\"rows\" tabindex=\"0\" "
		     "role=\"rowgroup\"></div></div>\n"
		     "</section>\n");
	str_release(&text);
}

static void add_notes(struct str *out)
{
	str_add(out,
		"<section id=\"notes\">\n<h2>How to read it</h2>\n<dl class=\"notes\">"
		"<dt>r</dt><dd>From −1 to 1, how closely the changes of a series go with those of "
		"the "
		"target, with the interval that holds the true one.</dd>"
		"<dt>q</dt><dd>The share of chance among all that have a q as low as this one or "
		"lower: over all series and lags together, so that many series make no phantoms."
		"</dd><dt>lead</dt><dd>How long before the target the series moved. What leads may "
		"be "
		"a cause, or follow the same cause more quickly; what follows is none.</dd>"
		"<dt>share</dt><dd>Of the variance of the target's changes that the series "
		"explains; "
		"shares of series that move together overlap and do not add up.</dd>"
		"<dt>group</dt><dd>Found series that move together: one finding.</dd></dl>\n"
		"</section>\n");
}

static void add_scripts(struct str *out, const struct correlate_report *r)
{
	str_add(out, "<script type=\"application/json\" id=\"correlate-data\">");
	html_correlate_data(out, r);
	/* what it draws into stands behind it too */
	str_add(out,
		"</script>\n<script>\ndocument.addEventListener('DOMContentLoaded', function () {\n"
		"'use strict';\n");
	str_add(out, ASSET_HTML_CORRELATE_MODEL_JS);
	str_add(out, ASSET_HTML_CORRELATE_MAP_JS);
	str_add(out, ASSET_HTML_CORRELATE_TABLE_JS);
	str_add(out, "});\n</script>\n");
}

void report_correlate_html(struct str *out, const struct report_correlate_page *page)
{
	const struct correlate_report *r = &page->correlate;
	bool mapped = r->result && r->result->n;

	html_open_with(out, page->run.title, ASSET_HTML_CORRELATE_CSS);
	add_header(out, page);
	html_correlate_accounts(out, r);
	if (mapped) {
		html_correlate_together(out, r);
		add_map(out, r);
		add_table(out, r);
	}
	if (r->incident)
		html_correlate_incident(out, r);
	if (mapped) {
		add_notes(out);
		add_scripts(out, r);
	}
	html_close(out);
}

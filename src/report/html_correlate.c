/*
 * The page of a correlation.
 */
#include "report/html.h"

#include "report/correlate_words.h"

static void add_doubts(struct str *out, const struct correlate_report *r)
{
	struct str text = STR_INIT;
	size_t n = 0;

	for (; correlate_words_doubt(&text, r, n); n++) {
		str_add(out, n ? "<li>" : "<ul class=\"warnings\">\n<li>");
		str_add_html(out, text.p);
		str_add(out, "</li>\n");
		str_clear(&text);
	}
	if (n)
		str_add(out, "</ul>\n");
	str_release(&text);
}

static void add_facts(struct str *out, const struct report_correlate_page *page)
{
	const struct correlate_report *r = &page->correlate;
	struct str text = STR_INIT;

	str_add(out, "<dl class=\"facts\">\n");
	if (page->run)
		str_addf(&text, "%lld", (long long)page->run);
	html_fact(out, "run", str_text(&text));
	html_fact(out, "started", page->started);
	str_clear(&text);
	correlate_words_extent(&text, r);
	html_fact(out, "series", text.p);
	str_clear(&text);
	if (correlate_words_done(&text, r))
		html_fact(out, "what was done to them", text.p);
	str_add(out, "</dl>\n");
	html_origin(out, page->command, page->machine);
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
	str_add(out, "<header>\n<p class=\"brand\"><b>culprit</b> ");
	html_text(out, page->title);
	str_add(out, "</p>\n<h1>");
	str_add_html(out, str_text(&head));
	str_add(out, ".</h1>\n");
	if (rest.len) {
		str_add(out, "<p class=\"lead\">");
		str_add_html(out, rest.p);
		str_add(out, "</p>\n");
	}
	add_doubts(out, r);
	add_facts(out, page);
	str_add(out, "</header>\n");
	str_release(&head);
	str_release(&rest);
}

void report_correlate_html(struct str *out, const struct report_correlate_page *page)
{
	html_open(out, page->title);
	add_header(out, page);
	html_close(out);
}

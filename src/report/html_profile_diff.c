/* The page of two profiles: what changed in one sentence, and a differential flame graph with the
 * table of functions, drawn by a script. */
#include "report/diff_words.h"
#include "report/flame_data.h"
#include "report/html.h"

void report_profile_diff_html(struct str *out, const struct report_profile_diff_page *page)
{
	struct str text = STR_INIT;

	html_open_with(out, page->run.title, FLAME_STYLE);
	html_header(out, &page->run);
	diff_words_head(&text, &page->diff);
	str_add_html(out, str_text(&text));
	str_clear(&text);
	diff_words_rest(&text, &page->diff);
	str_add(out, "</h1>\n<p class=\"lead\">");
	str_add_html(out, str_text(&text));
	str_add(out, "</p>\n<dl class=\"facts\">\n");
	html_fact(out, "before", page->diff.before);
	html_fact(out, "after", page->diff.after);
	html_fact(out, "clock", PROFILE_CLOCK_WORDS[page->diff.diff->clock]);
	html_close_facts(out, &page->run);
	str_add(out, "</header>\n<section id=\"flame\">\n<h2>Before and after</h2>\n"
		     "<noscript><p class=\"sub\">The graph and the tables are drawn by a script "
		     "within this file; this browser runs none.</p></noscript>\n</section>\n");
	str_clear(&text);
	flame_data_diff(&text, page);
	flame_scripts(out, text.p);
	html_close(out);
	str_release(&text);
}

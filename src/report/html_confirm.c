/* The confirmation of a study: what was promised, what came, each place a row. */
#include <math.h>

#include "learn/confirm.h"
#include "report/html.h"

static void add_change(struct str *out, double change)
{
	if (isfinite(change))
		str_addf(out, "<td class=\"num\">%s%.1f&#160;%%</td>", change < 0 ? "−" : "+",
			fabs(100 * change));
	else
		str_add(out, "<td class=\"num\">–</td>");
}

static void add_place(struct str *out, const struct confirm_place *p)
{
	str_add(out, "<tr><td>");
	html_text(out, p->name);
	str_add(out, "</td><td>");
	html_text(out, p->from);
	str_add(out, " → ");
	html_text(out, p->to);
	str_add(out, "</td>");
	add_change(out, p->promised);
	add_change(out, p->measured);
	if (p->verdict == CONFIRM_FAILED)
		str_add(out, "<td class=\"num\">–</td>");
	else
		str_addf(out, "<td class=\"num\">[%s%.1f, %s%.1f]</td>",
			p->interval.low < 0 ? "−" : "", fabs(100 * p->interval.low),
			p->interval.high < 0 ? "−" : "", fabs(100 * p->interval.high));
	str_addf(out, "<td class=\"num\">%zu</td><td>%s</td></tr>", p->pairs,
		CONFIRM_TEXTS[p->verdict]);
}

void html_confirm(struct str *out, const struct report_page *page)
{
	const struct confirm *c = page->confirm;

	if (!c || !c->n_places)
		return;
	str_add(out, "<section id=\"confirm\">\n<h2>Confirmed by moving it</h2><p "
		     "class=\"sub\">Pairs of trials, one "
		     "with ");
	html_text(out, c->factor);
	str_add(out, " moved a little and one without, next to each other in time and in random "
		     "order.</p><div class=\"wide\"><table><thead><tr><th scope=\"col\">at</th><th "
		     "scope=\"col\">");
	html_text(out, c->factor);
	str_add(out, "</th><th scope=\"col\" class=\"num\">promised</th><th scope=\"col\" "
		     "class=\"num\">measured</th><th scope=\"col\" "
		     "class=\"num\">");
	str_addf(out,
		"%.0f&#160;%%</th><th scope=\"col\" class=\"num\">pairs</th><th "
		"scope=\"col\"></th></tr></thead><tbody>",
		100 * c->confidence);
	for (size_t i = 0; i < c->n_places; i++)
		add_place(out, &c->places[i]);
	str_add(out, "</tbody></table></div></section>");
}

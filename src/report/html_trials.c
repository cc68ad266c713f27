/* The trials as a table. Sorted by a click where there is script, in order of their index else. A
 * trial that failed is kept and says why. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "report/html.h"
#include "report/phrase.h"

enum { ROWS = 500, NOTED = 20 }; /* rows shown; failed trials that are shown beyond them */

static void put_title(struct str *out, const char *name, bool number)
{
	str_addf(out, "<th scope=\"col\"%s>", number ? " class=\"num\"" : "");
	html_text(out, name);
	str_add(out, "</th>");
}

static void put_number(struct str *out, double value)
{
	char text[NUM_TEXT];

	str_add(out, "<td class=\"num\">");
	if (isfinite(value)) {
		if (value < 0)
			str_add(out, "−");
		str_add(out, num_short(fabs(value), text));
	}
	str_add(out, "</td>");
}

static void put_value(struct str *out, const json_t *value)
{
	if (!json_is_string(value)) {
		put_number(out, json_is_number(value) ? json_number_value(value) : (double)NAN);
		return;
	}
	str_add(out, "<td>");
	html_text(out, json_string_value(value));
	str_add(out, "</td>");
}

/* The other responses that the trials have, after the one that was studied. */
static json_t *other_responses(const struct report_page *page)
{
	json_t *names = json_object(), *value;
	const char *key;

	for (size_t i = 0; i < page->n_trials; i++)
		json_object_foreach((json_t *)page->trials[i].responses, key,
			value) if (strcmp(key, page->rank->response))
			json_object_set_new(names, key, json_null());
	return names;
}

static void trial_row(
	struct str *out, const struct rank_result *r, const struct report_trial *t, json_t *others)
{
	const char *key;
	json_t *none;

	str_addf(out, "<tr data-i=\"%zu\"%s><td class=\"num\">%zu</td>", t->index,
		t->ok ? "" : " class=\"failed\"", t->index + 1);
	for (size_t j = 0; j < r->p; j++)
		put_value(out, json_object_get(t->setting, r->factors[j].name));
	put_value(out, json_object_get(t->responses, r->response));
	json_object_foreach(others, key, none) put_value(out, json_object_get(t->responses, key));
	str_add(out, "<td>");
	if (!t->ok)
		str_add(out, "<span class=\"tag bad\">failed</span> ");
	html_text(out, t->note ? t->note : "");
	str_add(out, "</td></tr>\n");
}

static void add_trials(struct str *out, const struct report_page *page)
{
	const struct rank_result *r = page->rank;
	json_t *others = other_responses(page), *none;
	const char *key;
	size_t noted = 0;

	put_title(out, "trial", true);
	for (size_t j = 0; j < r->p; j++)
		put_title(out, r->factors[j].name,
			!phrase_n_words(r, phrase_column(r, &r->factors[j])));
	put_title(out, r->response, true);
	json_object_foreach(others, key, none) put_title(out, key, true);
	put_title(out, "note", false);
	str_add(out, "</tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < page->n_trials; i++)
		if (i < ROWS || (!page->trials[i].ok && noted++ < NOTED))
			trial_row(out, r, &page->trials[i], others);
	json_decref(others);
}

static void add_rows(struct str *out, const struct rank_result *r)
{
	const struct rank_fit *fit = phrase_fit(r);
	struct str word = STR_INIT;

	put_title(out, "row", true);
	for (size_t j = 0; j < r->p; j++)
		put_title(out, r->factors[j].name,
			!phrase_n_words(r, phrase_column(r, &r->factors[j])));
	put_title(out, r->response, true);
	put_title(out, "predicted", true);
	str_add(out, "</tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < r->n && i < ROWS; i++) {
		str_addf(out, "<tr data-i=\"%zu\"><td class=\"num\">%zu</td>", i, i + 1);
		for (size_t j = 0; j < r->p; j++) {
			size_t column = phrase_column(r, &r->factors[j]);

			if (!phrase_n_words(r, column)) {
				put_number(out, column < r->data.p ? r->data.x[column * r->n + i]
								   : (double)NAN);
				continue;
			}
			str_clear(&word);
			phrase_setting(&word, r, column, r->data.x[column * r->n + i]);
			str_add(out, "<td>");
			html_text(out, str_text(&word));
			str_add(out, "</td>");
		}
		put_number(out, r->data.y[i]);
		put_number(out, fit->predicted ? fit->predicted[i] : (double)NAN);
		str_add(out, "</tr>\n");
	}
	str_release(&word);
}

void html_trials(struct str *out, const struct report_page *page)
{
	size_t n = page->trials ? page->n_trials : page->rank->n;
	char shown[NUM_TEXT], all[NUM_TEXT];

	str_addf(out, "<section id=\"trials\">\n<h2>%s</h2>\n", page->trials ? "Trials" : "Rows");
	if (n > ROWS)
		str_addf(out,
			"<p class=\"sub\">The first %s of %s. <code>culprit export</code> gives "
			"them all.</p>\n",
			num_count(ROWS, shown), num_count((double)n, all));
	str_add(out, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"the trials\">"
		     "<table class=\"trials\">\n<thead><tr>");
	if (page->trials)
		add_trials(out, page);
	else
		add_rows(out, page->rank);
	str_add(out, "</tbody></table></div>\n</section>\n");
}

struct note {
	const char *term, *text;
};

static const struct note NOTES[] = {
	{"Importance", "The share of the response’s variation that goes with a factor, alone or "
		       "together with "
		       "others: the total-effect index of the preferred model (Homma and Saltelli "
		       "1996), over "
		       "repeated splits. Where factors act together the shares add up to more than "
		       "100&#160;%."},
	{"Noise floor", "What shuffled copies of the factors, which cannot matter, reach by "
			"chance. A factor "
			"is named only when it was told from that."},
	{"Rank group",
		"Factors with the same number and an equals sign cannot be told apart; their "
		"order means nothing."},
	{"Effect",
		"The change of the predicted response from the low to the high end of the range "
		"tried, "
		"the other factors averaged over the trials (partial dependence, Friedman 2001)."},
	{"Coefficient", "Ordinary least squares on standardised factors: the change for one "
			"standard deviation "
			"of the factor; of the logarithm, where that was fitted."},
	{"RFECV", "Recursive feature elimination with 5-fold cross-validation of the linear model "
		  "(Guyon et al. 2002). 1 is kept; higher numbers were dropped earlier."},
	{"Permutation", "How much R² the forest loses on held-out trials when a factor is shuffled "
			"(Breiman 2001), ± standard deviation."},
	{"R²", "1 is exact, 0 no better than the mean, below 0 worse than it. One holdout of a "
	       "fifth "
	       "of the trials says little; the figure over repeated splits, with its interval, is "
	       "the "
	       "one to trust."}};

void html_notes(struct str *out, const struct report_page *page)
{
	str_add(out, "<section id=\"notes\">\n<h2>How to read this</h2>\n<dl class=\"notes\">\n");
	for (size_t i = 0; i < sizeof(NOTES) / sizeof(NOTES[0]); i++)
		str_addf(out, "<dt>%s</dt><dd>%s</dd>\n", NOTES[i].term, NOTES[i].text);
	if (!isnan(page->rank->little_r2))
		str_add(out,
			"<dt>Little’s law</dt><dd>Throughput is the requests held in the service "
			"divided by the mean response time, both as measured in each trial; "
			"nothing is fitted (Little 1961). It is the baseline that a learned model "
			"has to beat.</dd>\n");
	str_add(out, "</dl>\n</section>\n");
}

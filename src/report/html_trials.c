/* The trials as a table. Sorted by a click where there is script, in order of their index else. A
 * trial that failed is kept and says why. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "report/html.h"
#include "report/phrase.h"

enum { ROWS = 500, NOTED = 20 }; /* rows shown; failed trials that are shown beyond them */

/* A column between the trial's number and its note: where its cells come from, and how many
 * decimals they all have, so that their points stand below each other. */
struct column {
	enum { SETTING, RESPONSE, FACTOR, MEASURED, PREDICTED } from;
	const char *name;
	size_t at; /* FACTOR: of the data */
	bool words;
	int decimals;
};

struct columns {
	struct column *items;
	size_t n, cap, rows;
	const struct report_page *page;
	json_t *others; /* holds the names of the other responses */
};

static const char *cell_word(const struct columns *c, const struct column *column, size_t row)
{
	const struct rank_result *r = c->page->rank;

	if (column->from == SETTING)
		return json_string_value(
			json_object_get(c->page->trials[row].setting, column->name));
	if (column->from == FACTOR && column->words) {
		size_t word = (size_t)r->data.x[column->at * r->n + row];

		return word < phrase_n_words(r, column->at) ? r->data.words[column->at][word]
							    : NULL;
	}
	return NULL;
}

static double cell_number(const struct columns *c, const struct column *column, size_t row)
{
	const struct rank_result *r = c->page->rank;
	const double *predicted = phrase_fit(r)->predicted;
	const struct report_trial *t = c->page->trials ? &c->page->trials[row] : NULL;

	switch (column->from) {
	case SETTING: return json_number_at(t->setting, column->name);
	case RESPONSE: return json_number_at(t->responses, column->name);
	case FACTOR: return r->data.x[column->at * r->n + row];
	case MEASURED: return r->data.y[row];
	case PREDICTED: return predicted ? predicted[row] : (double)NAN;
	}
	return NAN;
}

/* Four digits of the largest and two of the smallest; none where all are whole. */
static int column_decimals(const struct columns *c, const struct column *column)
{
	double least = INFINITY, most = 0;
	bool whole = true;

	for (size_t i = 0; i < c->rows; i++) {
		double v = fabs(cell_number(c, column, i));

		if (!isfinite(v) || v == 0)
			continue;
		least = fmin(least, v);
		most = fmax(most, v);
		whole &= v == floor(v);
	}
	if (whole || most == 0)
		return 0;
	int decimals = (int)fmax(3 - floor(log10(most)), 1 - floor(log10(least)));

	return decimals < 0 ? 0 : decimals > 6 ? 6 : decimals;
}

static void add_column(struct columns *c, struct column column)
{
	for (size_t i = 0; i < c->rows && !column.words; i++)
		column.words = cell_word(c, &column, i) != NULL;
	column.decimals = column.words ? 0 : column_decimals(c, &column);
	c->items = mem_grow(c->items, &c->cap, c->n + 1, sizeof(*c->items));
	c->items[c->n++] = column;
}

/* The factors in the order of the ranking, the response that was studied, the others. */
static void trial_columns(struct columns *c)
{
	const struct rank_result *r = c->page->rank;
	const char *key;
	json_t *value;

	for (size_t j = 0; j < r->p; j++)
		add_column(c, (struct column){SETTING, r->factors[j].name, 0, false, 0});
	add_column(c, (struct column){RESPONSE, r->response, 0, false, 0});
	for (size_t i = 0; i < c->rows; i++)
		json_object_foreach((json_t *)c->page->trials[i].responses, key,
			value) if (strcmp(key, r->response))
			json_object_set_new(c->others, key, json_null());
	json_object_foreach(c->others, key, value)
		add_column(c, (struct column){RESPONSE, key, 0, false, 0});
}

static void row_columns(struct columns *c)
{
	const struct rank_result *r = c->page->rank;

	for (size_t j = 0; j < r->p; j++) {
		size_t at = phrase_column(r, &r->factors[j]);

		if (at < r->data.p)
			add_column(c, (struct column){FACTOR, r->factors[j].name, at,
					      phrase_n_words(r, at) > 0, 0});
	}
	add_column(c, (struct column){MEASURED, r->response, 0, false, 0});
	add_column(c, (struct column){PREDICTED, "predicted", 0, false, 0});
}

static void put_title(struct str *out, const char *name, bool number)
{
	str_addf(out, "<th scope=\"col\"%s>", number ? " class=\"num\"" : "");
	html_text(out, name);
	str_add(out, "</th>");
}

static void put_cell(
	struct str *out, const struct columns *c, const struct column *column, size_t row)
{
	const char *word = cell_word(c, column, row);

	if (word) {
		str_add(out, "<td>");
		html_text(out, word);
	} else {
		double v = cell_number(c, column, row);

		str_add(out, "<td class=\"num\">");
		if (fabs(v) >= 1e9 || (v != 0 && fabs(v) < 1e-6))
			phrase_significant(out, v, 4);
		else if (isfinite(v))
			phrase_fixed(out, v, column->decimals);
	}
	str_add(out, "</td>");
}

static void put_row(struct str *out, const struct columns *c, size_t row)
{
	const struct report_trial *t = c->page->trials ? &c->page->trials[row] : NULL;
	size_t index = t ? t->index : row;

	str_addf(out, "<tr data-i=\"%zu\"%s><td class=\"num\">%zu</td>", index,
		t && !t->ok ? " class=\"failed\"" : "", index + 1);
	for (size_t j = 0; j < c->n; j++)
		put_cell(out, c, &c->items[j], row);
	if (t) {
		str_add(out, "<td>");
		if (!t->ok)
			str_add(out, "<span class=\"tag bad\">failed</span> ");
		html_text(out, t->note ? t->note : "");
		str_add(out, "</td>");
	}
	str_add(out, "</tr>\n");
}

static void put_table(struct str *out, const struct columns *c)
{
	size_t noted = 0;

	put_title(out, c->page->trials ? "trial" : "row", true);
	for (size_t j = 0; j < c->n; j++)
		put_title(out, c->items[j].name, !c->items[j].words);
	if (c->page->trials)
		put_title(out, "note", false);
	str_add(out, "</tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < c->rows; i++)
		if (i < ROWS || (c->page->trials && !c->page->trials[i].ok && noted++ < NOTED))
			put_row(out, c, i);
}

void html_trials(struct str *out, const struct report_page *page)
{
	struct columns c = {.rows = page->trials ? page->n_trials : page->rank->n,
		.page = page,
		.others = json_object()};
	char shown[NUM_TEXT], all[NUM_TEXT];

	str_addf(out, "<section id=\"trials\">\n<h2>%s</h2>\n", page->trials ? "Trials" : "Rows");
	if (page->trials)
		trial_columns(&c);
	else
		row_columns(&c);
	if (c.rows > ROWS)
		str_addf(out,
			"<p class=\"sub\">The first %s of %s. <code>culprit export</code> gives "
			"them all.</p>\n",
			num_count(ROWS, shown), num_count((double)c.rows, all));
	str_add(out, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"the trials\">"
		     "<table class=\"trials\">\n<thead><tr>");
	put_table(out, &c);
	str_add(out, "</tbody></table></div>\n</section>\n");
	json_decref(c.others);
	free(c.items);
}

struct note {
	const char *term, *text;
};

static const struct note NOTES[] = {{"Importance", "The share of the response’s variation that "
						   "cannot be predicted any more, on trials "
						   "that the model did not see, when it is not "
						   "told the factor: the total-effect index of "
						   "the preferred model (Homma and Saltelli 1996). "
						   "Where factors act together the shares "
						   "add up to more than 100&#160;%."},
	{"Noise floor", "What shuffled copies of the factors, which cannot matter, reach by "
			"chance. A factor "
			"is named only when it was told from that."},
	{"Rank group",
		"Factors with the same number and an equals sign cannot be told apart; their "
		"order means nothing."},
	{"p", "Told from noise: the chance of evidence this strong, in any of its tests, if the "
	      "factor "
	      "did nothing, adjusted for the number of factors. Linear: Student’s t of the "
	      "coefficient alone."},
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

#include "report/tune_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/phrase.h"

/* Settings that are named one by one. */
enum { NAMED = 3 };

void tune_words_setting(struct str *out, const struct tune_result *r, size_t setting)
{
	for (size_t j = 0; j < r->p; j++)
		str_addf(out, "%s%s=%s",
			!j              ? ""
			: j + 1 == r->p ? " and "
					: ", ",
			r->factors[j].name, r->settings[setting].values[j]);
}

/* Digits that one value carries, by the noise of what it is the mean of. */
static int decimals_of(const struct tune_result *r, double value)
{
	double noise = r->log ? r->noise * fabs(value) : r->noise;

	if (!isfinite(value))
		return 0;
	if (r->blocks)
		noise /= sqrt((double)r->blocks);
	return phrase_decimals(noise, value != 0 ? 2 - (int)floor(log10(fabs(value))) : 0);
}

int tune_words_decimals(const struct tune_result *r, double value)
{
	double most = 0;
	int common;

	for (size_t i = 0; i < r->n; i++)
		most = isfinite(r->settings[i].value) ? fmax(most, fabs(r->settings[i].value))
						      : most;
	common = decimals_of(r, most);
	return common > 0 ? common : decimals_of(r, value);
}

void tune_words_interval(struct str *out, const struct tune_result *r, size_t setting)
{
	const struct interval *i = &r->settings[setting].interval;
	int decimals = tune_words_decimals(r, r->settings[setting].value);

	if (!isfinite(i->low) || !isfinite(i->high))
		return;
	str_add_char(out, '[');
	phrase_fixed(out, i->low, decimals);
	str_add(out, ", ");
	phrase_fixed(out, i->high, decimals);
	str_add_char(out, ']');
}

static void add_value(struct str *out, const struct tune_result *r, size_t setting)
{
	double value = r->settings[setting].value;

	phrase_fixed(out, value, tune_words_decimals(r, value));
	if (r->unit[0])
		str_addf(out, " %s", r->unit);
}

/* "38", "4.2" */
static void add_percent(struct str *out, double share)
{
	phrase_fixed(out, 100 * fabs(share), fabs(share) < .0995 ? 1 : 0);
	str_add(out, " %");
}

static void add_gain(struct str *out, const struct tune_result *r)
{
	double change;

	if (r->centre == TUNE_NONE)
		return;
	if (r->centre == r->best) {
		str_add(out, ", and is the centre of what was tried");
		return;
	}
	if (r->settings[r->centre].same) {
		str_add(out, ", not told from the centre (");
		tune_words_setting(out, r, r->centre);
		str_add_char(out, ')');
		return;
	}
	change = tune_change(r->settings[r->best].value, r->settings[r->centre].value);
	if (!isfinite(change) || !r->settings[r->centre].repeated)
		return;
	str_add(out, ", ");
	add_percent(out, change);
	str_addf(out, " %s than the centre (", change < 0 ? "less" : "more");
	tune_words_setting(out, r, r->centre);
	str_add_char(out, ')');
}

static size_t others_alike(const struct tune_result *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->settings[i].same && i != r->best;
	return n;
}

static size_t compared(const struct tune_result *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->settings[i].repeated && r->settings[i].n;
	return n;
}

static void add_alike(struct str *out, const struct tune_result *r)
{
	size_t alike = others_alike(r), others = compared(r) - 1, named = 0;

	if (!alike) {
		str_add(out, r->full ? "; every other setting is worse"
				     : "; the others that were repeated are worse");
		return;
	}
	if (alike <= NAMED) {
		str_add(out, "; not told from it: ");
		for (size_t i = 0; i < r->n; i++)
			if (r->settings[i].same && i != r->best) {
				str_add(out, named++ ? "; " : "");
				tune_words_setting(out, r, i);
			}
		return;
	}
	str_addf(out, "; %zu of the %zu other settings are not told from it", alike, others);
	if (r->smallest != r->best) {
		str_add(out, ", the smallest of them ");
		tune_words_setting(out, r, r->smallest);
	}
}

static void add_flat(struct str *out, const struct tune_result *r)
{
	if (r->full)
		str_addf(out, "flat: no setting of %zu is told from the others", compared(r));
	else
		str_addf(out,
			"flat: the best, the centre and the worst of %zu settings are not told "
			"from each other when they are repeated",
			r->n);
	if (isfinite(r->spread)) {
		str_add(out, "; the largest difference is ");
		add_percent(out, r->spread);
	}
	str_add(out, ", within the noise.");
}

void tune_words_head(struct str *out, const struct tune_result *r)
{
	if (r->best == TUNE_NONE) {
		str_add(out, "No trial went well, so there is no best setting.");
		return;
	}
	if (r->flat) {
		add_flat(out, r);
		return;
	}
	tune_words_setting(out, r, r->best);
	str_add(out, r->p > 1 ? " give " : " gives ");
	add_value(out, r, r->best);
	if (!r->judged) {
		str_addf(out, ", the %s measured; too few trials went well to tell it from chance.",
			r->less ? "least" : "most");
		return;
	}
	str_add_char(out, ' ');
	tune_words_interval(out, r, r->best);
	add_gain(out, r);
	add_alike(out, r);
	str_add_char(out, '.');
}

/* ---- what stands behind it ---- */

static bool limited(struct str *out, const struct tune_result *r)
{
	const char *best, *worst;

	if (r->best == TUNE_NONE)
		return false;
	best = r->settings[r->best].regime_text;
	worst = r->settings[r->worst].regime_text;
	if (!best || !*best)
		return false;
	str_addf(out, "What limited at the best setting: %s", best);
	if (r->worst != r->best && worst && *worst) {
		str_add(out, ". At the worst (");
		tune_words_setting(out, r, r->worst);
		str_add(out, ", ");
		add_value(out, r, r->worst);
		str_addf(out, "): %s", worst);
	}
	str_add_char(out, '.');
	return true;
}

static bool engine(struct str *out, const struct tune_result *r)
{
	const char *regime = r->best == TUNE_NONE ? NULL : r->settings[r->best].regime;

	if (!regime || strcmp(regime, "engine") != 0)
		return false;
	str_add(out, "The load engine, not the service, was the limit at the best setting; with "
		     "more cores for the load it may do better, and the table is flatter than it "
		     "should be.");
	return true;
}

static bool ends(struct str *out, const struct tune_result *r)
{
	size_t n = 0;

	for (size_t j = 0; j < r->p && !r->flat && r->judged; j++) {
		int end = tune_at_end(r, j);

		if (!end)
			continue;
		str_addf(out, "%s%s=%s is the %s end of what was tried", n++ ? ", " : "",
			r->factors[j].name, r->settings[r->best].values[j],
			end < 0 ? "low" : "high");
	}
	if (n)
		str_addf(out, "; beyond %s may be better still.", n > 1 ? "them" : "it");
	return n > 0;
}

static bool searched(struct str *out, const struct tune_result *r)
{
	if (r->full || r->best == TUNE_NONE)
		return false;
	str_addf(out, "Searched %zu settings, once each, until %s", r->n, TUNE_END_TEXTS[r->end]);
	if (isfinite(r->promise)) {
		str_add(out, " (expected improvement ");
		add_percent(out, r->promise);
		str_add_char(out, ')');
	}
	str_addf(out,
		"; %zu of them were then repeated %zu times side by side, and values with an "
		"interval are of those repeats alone.",
		compared(r), r->blocks);
	return true;
}

static bool noise(struct str *out, const struct tune_result *r)
{
	if (!r->judged)
		return false;
	str_add(out, "Noise: trials of one setting differ by ");
	if (r->log)
		add_percent(out, r->noise);
	else {
		phrase_significant(out, r->noise, 2);
		str_addf(out, " %s", r->unit);
	}
	str_addf(out, " (standard deviation); intervals hold for all settings together, %.3g %%.",
		100 * r->confidence);
	return true;
}

static bool failures(struct str *out, const struct tune_result *r)
{
	char failed[NUM_TEXT], all[NUM_TEXT];

	if (!r->failed)
		return false;
	str_addf(out, "%s of %s trials failed and were left out.",
		num_count((double)r->failed, failed), num_count((double)r->trials, all));
	return true;
}

bool tune_words_rest(struct str *out, const struct tune_result *r, size_t index)
{
	static bool (*const ALL[])(struct str *, const struct tune_result *) = {
		limited, engine, ends, searched, noise, failures};
	struct str text = STR_INIT;

	for (size_t i = 0; i < sizeof(ALL) / sizeof(ALL[0]); i++) {
		if (!ALL[i](&text, r))
			continue;
		if (!index--) {
			str_add(out, text.p);
			str_release(&text);
			return true;
		}
		str_clear(&text);
	}
	str_release(&text);
	return false;
}

void tune_words_count(struct str *out, const struct tune_result *r)
{
	char text[NUM_TEXT];

	str_addf(out, "%s trials", num_count((double)r->trials, text));
	str_addf(out, " of %s settings", num_count((double)r->n, text));
	if (r->full)
		str_addf(out, ", each %zu times", r->blocks);
}

/* ---- order, grid ---- */

struct ranked {
	int class;
	double value;
	size_t at;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->class != y->class)
		return x->class - y->class;
	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

size_t *tune_words_order(const struct tune_result *r)
{
	struct ranked *all = mem_alloc(r->n + 1, sizeof(*all));
	size_t *order = mem_alloc(r->n + 1, sizeof(*order));

	for (size_t i = 0; i < r->n; i++) {
		const struct tune_setting *s = &r->settings[i];
		bool known = isfinite(s->value);

		all[i] = (struct ranked){!known        ? 2
					 : s->repeated ? 0
						       : 1,
			known ? (r->less ? s->value : -s->value) : 0, i};
	}
	qsort(all, r->n, sizeof(*all), by_rank);
	for (size_t i = 0; i < r->n; i++)
		order[i] = all[i].at;
	free(all);
	return order;
}

struct tune_grid tune_words_grid(const struct tune_result *r, bool turned)
{
	return (struct tune_grid){&r->factors[turned], &r->factors[!turned], turned};
}

size_t tune_words_cell(const struct tune_grid *g, size_t row, size_t column)
{
	return g->turned ? column * g->rows->steps + row : row * g->columns->steps + column;
}

/*
 * The verdict: what a reader does next, in one to three sentences. It is worded from the evidence
 * alone. "does not matter" is said only where the whole interval of the effect is small; where it
 * is wide, the factor "could not be told from noise", which is another thing.
 */
#include "report/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/phrase.h"
#include "report/report.h"

enum {
	NAMED = 4,      /* factors named in one list, the rest are counted */
	PAIRS = 3,      /* and pairs of factors */
	NEGLIGIBLE = 5, /* percent: an interval within it is "does not matter" */
	/* fewer trials than this a factor, or in all, are a first indication only */
	TRIALS_A_FACTOR = 3,
	TRIALS = 12
};

static const char *text_between(size_t i, size_t n, size_t shown)
{
	if (i == 0)
		return "";
	return i + 1 == n && n <= shown ? " and " : ", ";
}

static void add_range(struct str *out, const struct rank_result *r, const struct rank_factor *f)
{
	size_t column = phrase_column(r, f);

	phrase_setting(out, r, column, f->low);
	str_add(out, " to ");
	phrase_setting(out, r, column, f->high);
}

/* " falls by 78 % [74, 82]"; signed where the interval spans zero. */
static void add_change(struct str *out, const struct phrase_effect *e)
{
	double sign = e->percent < 0 ? -1 : 1;
	struct interval size = {sign * (sign < 0 ? e->interval.high : e->interval.low),
		sign * (sign < 0 ? e->interval.low : e->interval.high)};

	if (size.low < 0) { /* its sign is not sure */
		str_add(out, " changes by ");
		phrase_percent(out, e->percent, &e->interval, true);
		str_add(out, " % ");
		phrase_interval(out, &e->interval, true);
		return;
	}
	if (e->percent >= 900) { /* a factor is easier to read than 4,321 % */
		struct interval times = {1 + e->interval.low / 100, 1 + e->interval.high / 100};

		str_add(out, " rises to ");
		phrase_percent(out, 1 + e->percent / 100, &times, false);
		str_add(out, " times as much ");
		phrase_interval(out, &times, false);
	} else {
		str_add(out, sign < 0 ? " falls by " : " rises by ");
		phrase_percent(out, fabs(e->percent), &size, false);
		str_add(out, " % ");
		phrase_interval(out, &size, false);
	}
	if (out->p[out->len - 1] == ' ')
		out->p[--out->len] = '\0';
}

struct extremes {
	size_t lowest, highest; /* of the curve */
	double change;          /* of the lowest in percent of the highest, ≤ 0 */
	bool one_way;           /* most of it lies between the two ends */
};

static bool find_extremes(const struct rank_factor *f, struct extremes *e)
{
	*e = (struct extremes){0};
	if (f->curve_n < 3)
		return false;
	for (size_t i = 0; i < f->curve_n; i++) {
		if (f->curve_y[i] < f->curve_y[e->lowest])
			e->lowest = i;
		if (f->curve_y[i] > f->curve_y[e->highest])
			e->highest = i;
	}
	double top = f->curve_y[e->highest], bottom = f->curve_y[e->lowest];

	if (!isfinite(top) || !isfinite(bottom) || top <= 0)
		return false;
	e->change = 100 * (bottom - top) / top;
	e->one_way = fabs(f->at_high - f->at_low) >= .6 * (top - bottom);
	return true;
}

bool verdict_bend(struct str *out, const struct rank_result *r, const struct rank_factor *f)
{
	size_t column = phrase_column(r, f);
	struct extremes e;

	if (!find_extremes(f, &e) || e.one_way || -e.change < NEGLIGIBLE)
		return false;
	str_add(out, "highest at ");
	phrase_setting(out, r, column, f->curve_x[e.highest]);
	str_add(out, ", ");
	phrase_fixed(out, -e.change, 0);
	str_add(out, " % lower at ");
	phrase_setting(out, r, column, f->curve_x[e.lowest]);
	return true;
}

/* What the response does over the factor's range: "from 0.05 to 0.5 it falls by 78 % [74, 82]". */
static void add_effect(struct str *out, const struct rank_result *r, const struct rank_factor *f)
{
	struct phrase_effect effect = phrase_effect(f);
	struct extremes e;

	if (!isfinite(f->at_low) || !isfinite(f->at_high)) {
		str_add(out, "its effect could not be estimated");
		return;
	}
	if (find_extremes(f, &e) && !e.one_way && -e.change < NEGLIGIBLE) {
		str_add(out, "only together with other factors, by itself it changes little");
		return;
	}
	if (verdict_bend(out, r, f))
		return;
	str_add(out, "from ");
	add_range(out, r, f);
	str_add(out, " it");
	if (isfinite(effect.percent)) {
		add_change(out, &effect);
		return;
	}
	str_add(out, " goes from ");
	phrase_end(out, f, false);
	str_add(out, " to ");
	phrase_end(out, f, true);
}

/* "name (−45 %)", or where its best and worst lie when they are not at the ends. */
static void add_short(struct str *out, const struct rank_result *r, const struct rank_factor *f)
{
	struct phrase_effect effect = phrase_effect(f);
	struct str bend = STR_INIT;

	str_add(out, f->name);
	if (verdict_bend(&bend, r, f)) {
		str_addf(out, " (%s)", bend.p);
	} else if (isfinite(effect.percent)) {
		str_add(out, " (");
		phrase_percent(out, effect.percent, &effect.interval, true);
		str_add(out, " %");
		if (effect.interval.low < 0 &&
			effect.interval.high > 0) { /* its sign is not sure */
			str_add(out, " ");
			phrase_interval(out, &effect.interval, true);
		}
		str_add(out, ")");
	}
	str_release(&bend);
}

static void add_head(struct str *out, const struct rank_result *r,
	const struct rank_factor *const *tied, size_t n)
{
	if (n == 1) {
		str_addf(out, "%s %s %s: ", tied[0]->name, phrase_verb(r, false), r->response);
		add_effect(out, r, tied[0]);
		if (isfinite(tied[0]->importance)) {
			str_add(out, ", ");
			phrase_fixed(out, 100 * tied[0]->importance, 0);
			str_add(out, " % of all variation");
		}
		str_add(out, ".");
		return;
	}
	for (size_t i = 0; i < n && i < NAMED; i++)
		str_addf(out, "%s%s", text_between(i, n, NAMED), tied[i]->name);
	if (n > NAMED)
		str_addf(out, " and %zu more", n - NAMED);
	str_addf(out, " %s %s; which of them more could not be told.", phrase_verb(r, true),
		r->response);
}

static void add_tied_effects(struct str *out, const struct rank_result *r,
	const struct rank_factor *const *tied, size_t n)
{
	if (n == 1)
		return;
	for (size_t i = 0; i < n && i < NAMED; i++) {
		str_addf(out, "%s %s: ", i ? ";" : "", tied[i]->name);
		add_effect(out, r, tied[i]);
	}
	str_add(out, ".");
}

static void add_next(struct str *out, const struct rank_result *r,
	const struct rank_factor *const *next, size_t n)
{
	if (!n)
		return;
	str_add(out, " Next: ");
	for (size_t i = 0; i < n && i < NAMED; i++) {
		str_add(out, text_between(i, n, NAMED));
		add_short(out, r, next[i]);
	}
	if (n > NAMED)
		str_addf(out, " and %zu more", n - NAMED);
	str_add(out, ".");
}

static bool is_constant(const struct rank_factor *f)
{
	return f->low == f->high;
}

static bool is_tight(const struct rank_factor *f)
{
	struct phrase_effect e = phrase_effect(f);

	return e.interval.low >= -NEGLIGIBLE && e.interval.high <= NEGLIGIBLE;
}

/* Told from noise, perhaps by thousands of trials, and yet nothing that anyone would act on. */
static bool is_negligible(const struct rank_result *r, const struct rank_factor *f)
{
	struct str bend = STR_INIT;
	bool bends = verdict_bend(&bend, r, f);

	str_release(&bend);
	return f->active && f->importance < .01 && is_tight(f) && !bends;
}

static bool is_named(const struct rank_result *r, const struct rank_factor *f)
{
	return f->active && !is_negligible(r, f);
}

/* What is said of a factor that is not named. */
enum fate { DOES_NOT_MATTER, SMALL, NOT_TOLD, WITH_OTHERS, CONSTANT };

static enum fate fate_of(const struct rank_factor *f)
{
	struct phrase_effect e = phrase_effect(f);

	if (is_constant(f))
		return CONSTANT;
	if (f->collinear)
		return WITH_OTHERS;
	if (is_tight(f))
		return DOES_NOT_MATTER;
	return e.interval.low > 0 || e.interval.high < 0 ? SMALL : NOT_TOLD;
}

static size_t count_fate(const struct rank_result *r, enum fate fate)
{
	size_t n = 0;

	for (size_t i = 0; i < r->p; i++)
		n += (fate == WITH_OTHERS || !is_named(r, &r->factors[i])) &&
		     fate_of(&r->factors[i]) == fate;
	return n;
}

/* The names of the factors of a fate, each with its range or its interval where that says more. */
static size_t add_fate_names(struct str *out, const struct rank_result *r, enum fate fate)
{
	size_t n = count_fate(r, fate), i = 0;

	for (const struct rank_factor *f = r->factors; f < r->factors + r->p && i < NAMED; f++) {
		if ((is_named(r, f) && fate != WITH_OTHERS) || fate_of(f) != fate)
			continue;
		str_add(out, text_between(i++, n, NAMED));
		if (fate == SMALL) {
			add_short(out, r, f);
			continue;
		}
		str_add(out, f->name);
		if (fate == DOES_NOT_MATTER && n > 1) {
			str_add(out, " (");
			add_range(out, r, f);
			str_add(out, ")");
		}
	}
	if (n > NAMED)
		str_addf(out, " and %zu more", n - NAMED);
	return n;
}

static void add_does_not_matter(struct str *out, const struct rank_result *r)
{
	if (!count_fate(r, DOES_NOT_MATTER))
		return;
	str_add(out, " ");
	if (add_fate_names(out, r, DOES_NOT_MATTER) > 1) {
		str_add(out, " do not matter within the ranges tried.");
		return;
	}
	str_add(out, " does not matter within the range tried (");
	for (size_t i = 0; i < r->p; i++)
		if (!is_named(r, &r->factors[i]) && fate_of(&r->factors[i]) == DOES_NOT_MATTER)
			add_range(out, r, &r->factors[i]);
	str_add(out, ").");
}

/* The effect is there, but so small beside the others that its share is one that chance reaches. */
static void add_small(struct str *out, const struct rank_result *r)
{
	if (!count_fate(r, SMALL))
		return;
	str_add(out, " ");
	bool several = add_fate_names(out, r, SMALL) > 1;

	str_addf(out, " may matter a little, but %s share of the variation is within the noise.",
		several ? "their" : "its");
}

/* How large an effect the factors that could not be told may yet have, in percent. */
static bool find_bounds(const struct rank_result *r, struct interval *bounds)
{
	bool known = true;

	*bounds = (struct interval){INFINITY, -INFINITY};
	for (const struct rank_factor *f = r->factors; f < r->factors + r->p; f++) {
		if (is_named(r, f) || fate_of(f) != NOT_TOLD)
			continue;
		struct interval i = phrase_effect(f).interval;

		known &= isfinite(i.low) && isfinite(i.high);
		bounds->low = fmin(bounds->low, i.low);
		bounds->high = fmax(bounds->high, i.high);
	}
	return known && bounds->high - bounds->low < 200;
}

static void add_not_told(struct str *out, const struct rank_result *r)
{
	size_t n = count_fate(r, NOT_TOLD);
	struct interval bounds;
	bool known = find_bounds(r, &bounds);

	if (!n || (n == r->p && !known))
		return;
	str_add(out, " ");
	if (n < r->p) { /* else the headline says so of all */
		add_fate_names(out, r, NOT_TOLD);
		str_add(out, " could not be told from noise");
	}
	if (known) {
		str_add(out, n < r->p ? "; an effect between " : "An effect between ");
		phrase_fixed(out, floor(bounds.low), 0);
		str_add(out, " and +");
		phrase_fixed(out, ceil(bounds.high), 0);
		str_add(out, " % cannot be ruled out");
	}
	str_add(out, ".");
}

static void add_unvaried(struct str *out, const struct rank_result *r)
{
	if (count_fate(r, WITH_OTHERS)) {
		str_add(out, " ");
		bool several = add_fate_names(out, r, WITH_OTHERS) > 1;

		str_addf(out,
			" moved together with other factors in these trials, so %s part cannot be "
			"told from theirs; vary %s alone.",
			several ? "their" : "its", several ? "each" : "it");
	}
	if (count_fate(r, CONSTANT)) {
		str_add(out, " ");
		add_fate_names(out, r, CONSTANT);
		str_add(out, " did not vary.");
	}
}

static bool are_few(const struct rank_result *r)
{
	return r->n < TRIALS_A_FACTOR * r->p || r->n < TRIALS;
}

/* How far the above can be trusted, where that is not far. */
static void add_doubt(struct str *out, const struct rank_result *r, bool active)
{
	double r2 = phrase_quality(r);

	if (r2 <= 0) {
		str_addf(out, " The models predict nothing (R² ");
		phrase_r2(out, r2);
		str_add(out, active ? " on trials they did not see): do not build on this ranking."
				    : " on trials they did not see).");
	} else if (active && r2 < .5) {
		str_add(out, " The models explain only ");
		phrase_fixed(out, 100 * r2, 0);
		str_add(out, " % of what varies: something that was not varied, or noise, matters "
			     "more.");
	}
	if (are_few(r))
		str_addf(out, " %zu trials of %zu factor%s give a first indication only; run more.",
			r->n, r->p, r->p == 1 ? "" : "s");
}

static void build_none(struct verdict *v, const struct rank_result *r)
{
	size_t tight = count_fate(r, DOES_NOT_MATTER);

	if (tight && tight == r->p) {
		str_addf(&v->head,
			r->p == 1 ? "%s does not change with the factor that was varied."
				  : "%s does not change with any of the factors that were varied.",
			r->response);
	} else if (r->p == 1)
		str_addf(&v->head, "%s could not be told from noise: nothing is known to limit %s.",
			r->factors[0].name, r->response);
	else
		str_addf(&v->head,
			"No factor could be told from noise: nothing is known to limit %s.",
			r->response);
	add_small(&v->rest, r);
	if (tight)
		add_does_not_matter(&v->rest, r);
	add_not_told(&v->rest, r);
	add_unvaried(&v->rest, r);
	add_doubt(&v->rest, r, false);
	if (tight < r->p && !are_few(r))
		str_add(&v->rest, " Try wider ranges, longer trials or other factors.");
}

void verdict_build(struct verdict *v, const struct rank_result *r)
{
	const struct rank_factor **active = mem_alloc(r->p + 1, sizeof(*active));
	size_t n = 0, tied = 0;

	*v = (struct verdict){STR_INIT, STR_INIT};
	for (size_t i = 0; i < r->p; i++)
		if (is_named(r, &r->factors[i]))
			active[n++] = &r->factors[i];
	while (tied < n && active[tied]->group == active[0]->group)
		tied++;
	if (n) {
		add_head(&v->head, r, active, tied);
		add_tied_effects(&v->rest, r, active, tied);
		add_next(&v->rest, r, active + tied, n - tied);
		add_small(&v->rest, r);
		add_does_not_matter(&v->rest, r);
		add_not_told(&v->rest, r);
		add_unvaried(&v->rest, r);
		add_doubt(&v->rest, r, true);
	} else
		build_none(v, r);
	free(active);
	if (v->rest.len) /* every sentence was added with a space before it */
		memmove(v->rest.p, v->rest.p + 1, v->rest.len--);
}

void verdict_release(struct verdict *v)
{
	str_release(&v->head);
	str_release(&v->rest);
}

void verdict_pairs(struct str *out, const struct rank_result *r)
{
	for (size_t i = 0; i < r->n_pairs && i < PAIRS; i++)
		str_addf(out, "%s%s", i ? " " : "Together: ", r->pairs[i].sentence);
	if (r->n_pairs > PAIRS)
		str_addf(out, " And %zu more pair%s.", r->n_pairs - PAIRS,
			r->n_pairs > PAIRS + 1 ? "s" : "");
}

void report_verdict(struct str *out, const struct rank_result *r)
{
	struct verdict v;

	verdict_build(&v, r);
	str_add(out, str_text(&v.head));
	if (v.rest.len)
		str_addf(out, " %s", v.rest.p);
	verdict_release(&v);
}

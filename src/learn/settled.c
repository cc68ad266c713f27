/*
 * The level of a look: equal shares for the first looks, since a small study should not have to be
 * surer than a large one; past them what is left is halved again and again, so that the sum stays
 * within 1 − confidence however long it goes on.
 */
#include "learn/settled.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "stats/dist.h"

/* A look is numbered by half doublings from FIRST trials on. */
enum { FIRST = 12, EQUAL_LOOKS = 8 };
static const double EQUAL_PART = .1; /* of 1 − confidence */

/* What matters little: an effect within so many percent, or a share of the variation below this. */
static const double LITTLE_EFFECT = 5, LITTLE_SHARE = .05;

static double level_of(size_t n, double confidence)
{
	double look = floor(2 * log2((double)n / FIRST) + 1e-9);

	if (look < 0) /* too few to stop at */
		return 0;
	return (1 - confidence) * (look < EQUAL_LOOKS ? EQUAL_PART
						      : (1 - EQUAL_LOOKS * EQUAL_PART) *
								pow(.5, look - EQUAL_LOOKS + 1));
}

/* An interval of the ranking's confidence, widened to that of a look, within low … high? */
static bool is_within(const struct interval *i, double point, double widen, double low, double high)
{
	return point - (point - i->low) * widen > low && point + (i->high - point) * widen < high;
}

static bool matters_little(const struct rank_factor *f, double widen)
{
	if (f->low == f->high)
		return true;
	return is_within(&f->effect_interval, f->effect_percent, widen, -LITTLE_EFFECT,
		       LITTLE_EFFECT) ||
	       is_within(&f->importance_interval, f->importance, widen, -INFINITY, LITTLE_SHARE);
}

static void add_names(struct str *out, const struct rank_result *r, const struct settled *s)
{
	for (size_t i = 0; i < s->n_open; i++)
		str_addf(out, "%s%s",
			!i                  ? ""
			: i + 1 < s->n_open ? ", "
					    : " and ",
			r->factors[s->open[i]].name);
}

static void conclude(struct settled *s, const struct rank_result *r, size_t tied)
{
	struct str text = STR_INIT;

	if (s->n_open && tied > 1) {
		size_t all = s->n_open;

		s->n_open = tied;
		add_names(&text, r, s);
		s->n_open = all;
		str_add(&text, " are not told apart yet");
		if (all > tied) {
			struct settled rest = {.open = s->open + tied, .n_open = all - tied};

			str_add(&text, ", and ");
			add_names(&text, r, &rest);
			str_addf(&text, " %s not told from noise yet",
				all - tied > 1 ? "are" : "is");
		}
	} else if (s->n_open) {
		add_names(&text, r, s);
		str_addf(&text, " %s not told from noise yet", s->n_open > 1 ? "are" : "is");
	} else if (s->first)
		str_addf(&text, "%s limits %s, and every other factor is ranked", s->first,
			r->response);
	else
		str_addf(&text, "no factor matters for %s within the ranges tried", r->response);
	str_add_char(&text, '.');
	s->sentence = str_take(&text);
}

/* How many factors, from the first on, the limiting one may be. */
static size_t count_tied(const struct rank_result *r, double level)
{
	size_t tied = 1;

	if (r->factors[0].p_above <= level)
		return 1;
	while (tied < r->n_active && r->factors[tied].group == r->factors[0].group)
		tied++;
	if (tied == 1 && r->p > 1) /* told apart at the ranking's confidence, not at this level */
		tied = 2;
	return tied;
}

bool settled_judge(struct settled *out, const struct rank_result *r, double confidence)
{
	double level = level_of(r->n, confidence), widen;
	size_t tied = 0;
	bool some;

	*out = (struct settled){.level = level, .open = mem_alloc(r->p + 1, sizeof(size_t))};
	widen = level > 0 ? dist_normal_quantile(1 - level / 2 / (double)r->p) /
				    dist_normal_quantile(.5 + r->spec.confidence / 2)
			  : INFINITY;
	some = r->n_active && r->factors[0].p_active <= level;
	if (some)
		tied = count_tied(r, level);
	out->limiting = tied == 1;
	if (out->limiting)
		out->first = r->factors[0].name;
	for (size_t j = 0; tied > 1 && j < tied; j++)
		out->open[out->n_open++] = j;
	out->active = true;
	for (size_t j = tied; j < r->p; j++) {
		const struct rank_factor *f = &r->factors[j];

		if (f->p_active <= level || matters_little(f, widen))
			continue;
		out->active = false;
		out->open[out->n_open++] = j;
	}
	conclude(out, r, tied);
	return !out->n_open;
}

void settled_release(struct settled *s)
{
	free(s->open);
	free(s->sentence);
	*s = (struct settled){0};
}

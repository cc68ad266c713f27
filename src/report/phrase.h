/*
 * How numbers, intervals and factors are put into words, the same in the terminal and on the page:
 * no more digits than the interval carries, a true minus sign, thousands with commas. Text is
 * UTF-8; phrase_plain() brings it down to ASCII for terminals that need that.
 */
#ifndef CULPRIT_REPORT_PHRASE_H
#define CULPRIT_REPORT_PHRASE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "base/term.h"
#include "learn/rank.h"

/* Whether more of a response is better, as far as its name and unit tell. */
enum phrase_sense { PHRASE_UNKNOWN, PHRASE_MORE, PHRASE_LESS };
enum phrase_sense phrase_sense(const struct rank_result *r);

/* Decimals that a value known to ± half_width carries (negative: tens, hundreds are rounded away);
 * `otherwise` where half_width is not finite or zero. */
int phrase_decimals(double half_width, int otherwise);
double phrase_half_width(const struct interval *i); /* NaN where it has none */

/* "1,204", "−0.35"; an en dash for NaN. Negative decimals round before the point. */
void phrase_fixed(struct str *out, double value, int decimals);
/* So many significant digits, zeros kept: "0.500", "1,200". */
void phrase_significant(struct str *out, double value, int digits);
/* "−78", "+12", "61": a percentage without its sign, digits by its interval. */
void phrase_percent(struct str *out, double percent, const struct interval *interval, bool plus);
/* "[57, 65]", or nothing where it could not be estimated. */
void phrase_interval(struct str *out, const struct interval *interval, bool plus);
/* R² with two decimals, three close to 1. */
void phrase_r2(struct str *out, double r2);
/* R² over the splits with its interval: "0.94 [0.92, 0.96]". */
void phrase_r2_interval(struct str *out, const struct rank_fit *fit);

/* The factor's column in r->data; r->data.p where the table does not have it. */
size_t phrase_column(const struct rank_result *r, const struct rank_factor *f);
/* A value of that column: its word, or the number in three digits (whole numbers whole). */
void phrase_setting(struct str *out, const struct rank_result *r, size_t column, double value);
size_t phrase_n_words(const struct rank_result *r, size_t column); /* 0 for numbers */

/* The effect of a factor in percent of the response at its low end, with its interval; NaN where
 * that has no meaning, since a model extrapolated to zero or below there. */
struct phrase_effect {
	double percent;
	struct interval interval;
};
struct phrase_effect phrase_effect(const struct rank_factor *f);

/* The predicted response at the low or high end, with the digits that its band leaves. */
void phrase_end(struct str *out, const struct rank_factor *f, bool high);

/* "limits" where more is better, else "drives"; without the s for several factors. */
const char *phrase_verb(const struct rank_result *r, bool several);
const char *phrase_model(enum rank_model model);                /* "linear model", "forest" … */
const struct rank_fit *phrase_fit(const struct rank_result *r); /* of the preferred model */
/* R² that the preferred model is judged by: over the splits, else on the holdout. */
double phrase_quality(const struct rank_result *r);

/* Known typographic characters as ASCII, in place, where the terminal has no Unicode. */
void phrase_plain(struct str *s, const struct term *term);

/* Adds `text` broken at spaces into lines of `width` columns, the second and later ones indented by
 * `indent`. Numbers stay with their percent sign, intervals whole. Ends with a newline. */
void phrase_wrap(struct str *out, const char *text, size_t width, size_t indent);

#endif

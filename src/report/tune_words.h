/* A search for the best setting in words and numbers, the same on a terminal and on the page. */
#ifndef CULPRIT_REPORT_TUNE_WORDS_H
#define CULPRIT_REPORT_TUNE_WORDS_H

#include <stdbool.h>

#include "base/str.h"
#include "learn/tune.h"

/* The sentence that a reader takes away: the best setting, what it gives, how much more than the
 * centre that is, and which settings are as good; or that the surface is flat. UTF-8. */
void tune_words_head(struct str *out, const struct tune_result *r);
/* What stands behind it: what limited, ends of ranges, how it was searched. One sentence a call,
 * `index` from 0; false when there are no more. */
bool tune_words_rest(struct str *out, const struct tune_result *r, size_t index);

/* "workers=4 and clients=64" */
void tune_words_setting(struct str *out, const struct tune_result *r, size_t setting);
/* "50 trials of 25 settings, each 2 times" */
void tune_words_count(struct str *out, const struct tune_result *r);

/* Decimals of a value: as many as the noise leaves. Where the largest value has some, all have as
 * many, so that their points stand below each other. And the interval of a setting, with those of
 * its value; nothing where it has none. */
int tune_words_decimals(const struct tune_result *r, double value);
void tune_words_interval(struct str *out, const struct tune_result *r, size_t setting);

/* All settings, the best first: those that were repeated, then those that were tried once, then
 * those that failed. n indices; free(). */
size_t *tune_words_order(const struct tune_result *r);

/* Which factor's levels are the rows of a table of two factors, and which its columns. Those of
 * which there are more go down where they would not fit across. */
struct tune_grid {
	const struct tune_factor *rows, *columns;
	bool turned;
};
struct tune_grid tune_words_grid(const struct tune_result *r, bool turned);
/* The setting in a row and column. */
size_t tune_words_cell(const struct tune_grid *g, size_t row, size_t column);

#endif

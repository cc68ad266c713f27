/*
 * The outcome of a search for the best setting, and how it is judged. Pure: settings and what was
 * measured at them in, a struct out.
 *
 * Two shapes of it. "full": every cell of a small space was measured, `blocks` times. "search": a
 * model chose the settings, once each; then the best of them, the centre and the worst were
 * repeated `blocks` times side by side, for the best of many noisy trials is too good to be true.
 * Only values that rest on repeats are judged. A block is one round through all that is compared,
 * so that what changes slowly with time is the same for all.
 */
#ifndef CULPRIT_LEARN_TUNE_H
#define CULPRIT_LEARN_TUNE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "learn/rank.h"

#define TUNE_NONE SIZE_MAX /* no such setting */

struct tune_factor {
	char *name;
	size_t steps; /* different values that it has; 0: a continuum */
	bool words;
	char **levels; /* full: its `steps` values, as they are sent; else NULL */
};

struct tune_setting {
	char **values; /* one a factor, as it is sent, with its unit */
	double *u;     /* the same in the unit cube */
	double value;  /* of the response; of repeats where there are any; NaN: all failed */
	struct interval interval;   /* of it, where it was judged; else NaN */
	size_t n, failed;           /* trials that it rests on; that failed */
	double searched;            /* search: what its first trial gave; NaN: none went well */
	bool repeated;              /* it was judged */
	bool same;                  /* not told from the best; set for the best too */
	char *regime, *regime_text; /* of its trials; "" where they do not say */
};

/* why a search ended, what a reader is told */
#define TUNE_ENDS(X)                                                                               \
	X(FULL, "full", "every setting was measured")                                              \
	X(SETTLED, "settled", "no other setting promises 1 % more")                                \
	X(TRIALS, "trials", "the trials were used up")                                             \
	X(ALL, "all", "there is no other setting")

enum tune_end {
#define X(name, word, text) TUNE_END_##name,
	TUNE_ENDS(X)
#undef X
};
extern const char *const TUNE_END_WORDS[], *const TUNE_END_TEXTS[];

struct tune_result {
	char *response, *unit;
	bool less;         /* is better */
	double confidence; /* .95 */
	bool full;
	enum tune_end end;
	double promise; /* search: expected improvement when it ended, relative; NaN: not known */
	struct tune_factor *factors;
	size_t p;
	struct tune_setting *settings; /* full: the last factor runs fastest; search: as tried */
	size_t n, cap;
	size_t blocks;           /* that were compared */
	size_t trials, failed;   /* all of them */
	bool log;                /* compared on the logarithm: differences are relative */
	bool judged;             /* noise could be told from differences */
	bool flat;               /* no setting is told from another */
	double noise;            /* standard deviation of one trial; relative where `log` */
	double spread;           /* largest difference among the judged, relative to the lesser */
	size_t best, worst;      /* of the judged; TUNE_NONE */
	size_t centre, smallest; /* middle of all factors; smallest values among the same as best */
};

/*
 * Judges r->settings[which[0 … n − 1]], whose responses in each block are y[i * blocks + b], NaN
 * where a trial failed. An additive model (setting + block) gives the values and the noise. Sets
 * value, interval, n, repeated, same of each, and judged, flat, noise, spread, best, worst,
 * smallest, log of the result. Wants less and confidence.
 *
 * The chance of a false word is shared by two claims. flat: the range of all is within Tukey's
 * limit. same: within Dunnett's of the best. Intervals are wide enough to hold for all settings
 * together, so also for the one that was chosen for being the best.
 */
void tune_judge(
	struct tune_result *r, const size_t *which, size_t n, const double *y, size_t blocks);

/* Expected improvement on `best` of a normal prediction (Jones, Schonlau and Welch, "Efficient
 * global optimization of expensive black-box functions", J. Global Optimization 13, 1998). */
double tune_expected_improvement(double best, double mean, double sd, bool less);

/* Relative gain of a over b: .38 where it is 38 % more (or, where less is better, as it is: less
 * than 0). NaN where b is not positive. */
double tune_change(double a, double b);

/* Where the best setting lies in the factor's range: −1 at the low end, 1 at the high end, else 0;
 * 0 too where a setting that is not told from it lies elsewhere, and for words. */
int tune_at_end(const struct tune_result *r, size_t factor);

/* The setting with these values; TUNE_NONE where there is none. */
size_t tune_find(const struct tune_result *r, char *const *values);
/* Adds one: copies values and u. Returns its index. */
size_t tune_add(struct tune_result *r, char *const *values, const double *u);

json_t *tune_to_json(const struct tune_result *r);
int tune_from_json(struct tune_result *out, const json_t *json, struct err *err);
void tune_release(struct tune_result *r);

#endif

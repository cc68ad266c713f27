/* Inside of the incident: how unusual a series' largest change is. */
#ifndef CULPRIT_CORRELATE_INCIDENT_SCORE_H
#define CULPRIT_CORRELATE_INCIDENT_SCORE_H

#include <stdbool.h>
#include <stddef.h>

/* Steps of a series that are looked at, as indices into its values: before is [start, from), the
 * incident [from, to). */
struct incident_window {
	size_t start, from, to;
};

enum { INCIDENT_WIDTHS = 24 };

/* For each width 1, 2, 4, … (the first n) by what changes at a step are divided. */
struct incident_common {
	size_t n;
	double *factor[INCIDENT_WIDTHS]; /* from window.start on */
};

struct incident_score {
	double score, p;
	double change; /* signed, of the window means */
	size_t at;     /* first step of the window with the largest change */
	size_t width;  /* its steps */
};

/* What a thread needs for a stretch of n steps. */
struct incident_scratch {
	double *sum, *usual, *spare, *clipped;
	size_t *count;
	const double *factor; /* of the width that is looked at; NULL: 1 */
};
void incident_scratch_init(struct incident_scratch *w, size_t n);
void incident_scratch_release(struct incident_scratch *w);

/* False where too little is known. */
bool incident_score(struct incident_score *out, const double *values,
	const struct incident_window *window, const struct incident_common *common,
	struct incident_scratch *w);

/* ---- differences of window means ---- */

/* Of n values; then the mean of `width` steps from `at` on less that of the 2 × width before them;
 * NaN where less than half of either is known. */
void incident_sums(struct incident_scratch *w, const double *x, size_t n);
double incident_change(const struct incident_scratch *w, size_t at, size_t width);

/* The k-th smallest (from 0) of n values, which it puts in another order. */
double incident_select(double *values, size_t n, size_t k);

#endif

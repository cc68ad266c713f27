/* What study_tune.c and study_tune_search.c share. */
#ifndef CULPRIT_STUDY_TUNE_WORK_H
#define CULPRIT_STUDY_TUNE_WORK_H

#include "study/study_tune.h"

struct tune_work {
	const struct study *s;
	const struct study_tune_trials *trials;
	struct tune_result *out;
};

/* Streams of the seed, one a purpose. */
enum { TUNE_ORDER_STREAM = 0x74756e65, TUNE_START_STREAM, TUNE_CANDIDATE_STREAM };

/* Runs a trial at u and counts it for the setting there, which is added where it is new. `at` gets
 * the setting, `y` the response or NaN. */
int tune_work_run(struct tune_work *w, size_t index, const double *u, json_t *about, size_t *at,
	double *y, struct err *err);
void tune_work_say(const struct tune_work *w, size_t expected, const char *sentence);

/* The middle of the values that a factor of `steps` values has at u; u where they are a continuum.
 */
double tune_work_snap(size_t steps, double u);

/* study_tune_search.c: finds settings, and names those that are to be compared, at most
 * TUNE_ARMS_MAX: the best ones, the centre, the worst. */
enum { TUNE_ARMS_MAX = 5, TUNE_ARM_REPEATS = 4 };
int tune_search(struct tune_work *w, size_t *arms, size_t *n_arms, struct err *err);

#endif

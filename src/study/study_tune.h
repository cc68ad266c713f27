/*
 * Searching for the best setting of a study (culprit tune), with the same machinery as its trials:
 * the full table where the space is small, else a Gaussian process and expected improvement.
 */
#ifndef CULPRIT_STUDY_STUDY_TUNE_H
#define CULPRIT_STUDY_STUDY_TUNE_H

#include "learn/tune.h"
#include "study/study.h"

enum study_better { STUDY_BETTER_AUTO, STUDY_BETTER_MAX, STUDY_BETTER_MIN };

enum { STUDY_TUNE_REPEAT = 2, STUDY_TUNE_MIN_REPEAT = 2, STUDY_TUNE_MAX_REPEAT = 100 };

struct study_tune_spec {
	size_t repeat;            /* of each cell of a full table */
	enum study_better better; /* AUTO: by study_less_is_better() */
};

/* Number of cells where every factor has few values and all cells together are no more than
 * s->trials; 0: there will be a search. */
size_t study_tune_cells(const struct study *s);

/* Trials that there will be, as far as can be said before: all of a full table, or at most so many.
 */
size_t study_tune_trials(const struct study *s, const struct study_tune_spec *spec);

/* The key that finds an unfinished run of this search: not that of the study. */
void study_tune_key(const struct study *s, const struct study_tune_spec *spec, struct str *out);

/*
 * Runs the trials that the store does not have yet, and judges. What is tried next is a function of
 * the seed and of what was measured, so the same call goes on where another was stopped. Errors as
 * study_run(). Release `out` with tune_release() in any case.
 */
int study_tune(const struct study *s, const struct study_tune_spec *spec, struct store *store,
	int64_t run_id, const struct study_hooks *hooks, struct tune_result *out, struct err *err);

/* ---- for tests: other trials than those of a runner ---- */

/* What came of a trial. */
struct study_tune_seen {
	bool ok;
	double y;             /* the response; NaN where it is not ok */
	const json_t *detail; /* of the trial, borrowed until the next one; may be NULL */
};

struct study_tune_trials {
	/* Measures trial `index` at u, or says what is known of it; `about` goes to its detail. */
	int (*run)(void *arg, size_t index, const double *u, json_t *about,
		struct study_tune_seen *out, struct err *err);
	/* How many trials there will be in all, and a sentence, or NULL. May be NULL. */
	void (*say)(void *arg, size_t expected, const char *sentence);
	void *arg;
};

int study_tune_with(const struct study_tune_trials *trials, const struct study *s,
	const struct study_tune_spec *spec, struct tune_result *out, struct err *err);

#endif

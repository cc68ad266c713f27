/*
 * Runs trials one after the other: applies the setting, starts the service again where the setting
 * is one of its start, makes the live levers hold, drives the load, judges, stores. Internal to
 * src/study: study_run.c says which trials, study_confirm.c adds pairs at the end.
 */
#ifndef CULPRIT_STUDY_RUNNER_H
#define CULPRIT_STUDY_RUNNER_H

#include "study/study.h"

struct runner;

/* Live levers are there, the store's trials are known. */
int runner_open(struct runner **out, const struct study *s, struct store *store, int64_t run_id,
	const struct study_hooks *hooks, struct err *err);
void runner_close(struct runner *r); /* the service is stopped; NULL is allowed */

/* How many trials there will be, for the progress that is told; and a sentence, or NULL. */
void runner_expect(struct runner *r, size_t trials);
void runner_say(struct runner *r, const char *sentence);

/*
 * Runs trial `index` at the point u, unless the store has it, and puts it there. `about` (or NULL)
 * is added to its detail. ERR_STOPPED where somebody stopped it; ERR_SERVICE after three trials in
 * a row that came to nothing.
 */
int runner_run(struct runner *r, size_t index, const double *u, json_t *about, struct err *err);

#endif

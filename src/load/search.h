/*
 * The highest rate at which a goal still holds: short open-loop runs, first doubling from a low
 * rate until the goal is missed (or halving, where the first rate misses it already), then halving
 * the interval (in the logarithm) between the last rate that held and the first that did not. A
 * rate also counts as missed where the service fell behind it, since a short run can end before
 * its backlog shows in the goal. A rate at which the generator was the limit counts as not known,
 * and the search says so; so does one at which all connections were busy, though answers took no
 * longer from the send on than at low rates. A miss is tried once more before it is believed, since
 * one stall of the machine must not end the search.
 */
#ifndef CULPRIT_LOAD_SEARCH_H
#define CULPRIT_LOAD_SEARCH_H

#include "load/goal.h"
#include "load/load.h"

struct load_search_step {
	double rate, achieved, value; /* asked, completed a second, what the goal looks at */
	bool held, limited;           /* limited: by the engine or the number of connections */
};

struct load_search {
	struct load_search_step *steps;
	size_t n, cap;
	double best;   /* highest rate that held; NaN where none did */
	double missed; /* lowest rate above it that did not; NaN where none was tried */
	bool limited;  /* it ended where the generator, not the service, was the limit */
	bool stopped;
};

/* spec's duration is that of one step; spec->rate, where given, is the first rate tried.
 * `precision`: how near the rate is to be (.05): the search ends when the interval is half as wide,
 * relatively, and leaves the other half to chance. `out_best` is the result of the run at
 * `best`, or of the one under way where it was stopped before any held; to be released. Its asked
 * rate is put into spec->rate. `step`, or NULL, is called with hooks->arg after each run.
 * ERR_MISSED where the goal is missed even at the lowest rate, one that sends ten requests;
 * ERR_USAGE for a goal that a higher rate cannot miss. */
int load_search_run(struct load_spec *spec, const struct load_goal *goal, double precision,
	const struct load_hooks *hooks, void (*step)(void *arg, const struct load_search_step *s),
	struct load_search *out, struct load_result *out_best, struct err *err);
void load_search_release(struct load_search *s);

/* The same with another engine than load_run(); for tests. */
typedef int load_run_fn(const struct load_spec *spec, const struct load_hooks *hooks,
	struct load_result *out, struct err *err);
int load_search_with(load_run_fn *run, struct load_spec *spec, const struct load_goal *goal,
	double precision, const struct load_hooks *hooks,
	void (*step)(void *arg, const struct load_search_step *s), struct load_search *out,
	struct load_result *out_best, struct err *err);

json_t *load_search_to_json(const struct load_search *s, const struct load_goal *g);
int load_search_from_json(struct load_search *out, const json_t *json, struct err *err);

#endif

/*
 * What a run must hold: "p99<200ms", "errors<0.1%", "rate>=1000". For --require, which fails the
 * command, and for --max-rate, which searches with it.
 *
 *   p50 … p99.999, mean, max, min   latency from the intended start; a time
 *   send_p99, first_byte_p99, connect_p99, tls_p99, late_p99 (any percentile, mean, max)
 *   rate        completed a second
 *   errors      failed requests: a share ("0.1%") or a number
 *   <kind>      of one kind ("timeout", "status", …): as errors
 *   checks      checks that held, per cent
 *   <step>:p99, <step>:errors, <step>:rate    of one target or step of a scenario, by name
 */
#ifndef CULPRIT_LOAD_GOAL_H
#define CULPRIT_LOAD_GOAL_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "load/load.h"

enum goal_op { GOAL_LESS, GOAL_LESS_EQUAL, GOAL_MORE, GOAL_MORE_EQUAL };

struct load_goal {
	char *text;   /* as it was given */
	char *metric; /* without the target */
	char *target; /* or NULL */
	enum goal_op op;
	double limit; /* seconds, a share 0 … 1, or a number, by the metric */
	bool share;   /* of errors and kinds: a share, not a number */
};

int load_goal_parse(struct load_goal *out, const char *text, struct err *err);
void load_goal_release(struct load_goal *g);

/* The value in a result; NaN where there is none (nothing completed), which never holds.
 * ERR_USAGE where the run has no target of that name: names those that it has. */
int load_goal_value(
	const struct load_goal *g, const struct load_result *r, double *value, struct err *err);
bool load_goal_holds(const struct load_goal *g, double value);

/* "p99 was 312 ms, must be < 200 ms" */
void load_goal_describe(const struct load_goal *g, double value, struct str *out);

#endif

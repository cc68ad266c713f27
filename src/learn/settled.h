/*
 * Whether a ranking is settled, for a study that goes on until it is. Asked again and again while
 * trials come in, so the confidence is for the whole sequence: each look has its share of what may
 * go wrong (alpha spending; Lan and DeMets, Biometrika 70, 1983), which depends on the number of
 * trials alone. Ask at most twice while the trials double: at 12, 16, 24, 32, 48, 64, 96 …
 */
#ifndef CULPRIT_LEARN_SETTLED_H
#define CULPRIT_LEARN_SETTLED_H

#include <stdbool.h>
#include <stddef.h>

#include "learn/rank.h"

struct settled {
	bool limiting;     /* the limiting factor stands alone above all others … */
	const char *first; /* … which is this one (borrowed from the ranking); NULL where not */
	bool active;       /* each factor is told from noise, or known to matter little */
	double level;      /* what may go wrong at this look, of 1 − confidence in all */
	size_t n_open;
	size_t *open;   /* the factors that are not told apart, or not told from noise */
	char *sentence; /* "workers and redis_latency are not told apart yet.", or what is known */
};

/*
 * Fills *out, to be released; true where both are settled: nothing is open. Where no factor matters
 * there is no limiting one, and that is settled too once each is known to matter little: its effect
 * within 5 % or its importance below .05, at this look's level.
 */
bool settled_judge(struct settled *out, const struct rank_result *r, double confidence);
void settled_release(struct settled *s);

#endif

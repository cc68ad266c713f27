/*
 * A confirmation: the factor that limits most is moved a little, and pairs of trials, one with and
 * one without the move, next to each other in time and in random order, say whether the response
 * follows as the models promised. It does not rest on the models, so it can contradict them.
 */
#ifndef CULPRIT_LEARN_CONFIRM_H
#define CULPRIT_LEARN_CONFIRM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "learn/rank.h"

/* word, what a reader is told of the promise */
#define CONFIRM_VERDICTS(X)                                                                        \
	X(HELD, "held", "as promised")                                                             \
	X(LESS, "less", "less than promised")                                                      \
	X(MORE, "more", "more than promised")                                                      \
	X(OPPOSITE, "opposite", "the other way than promised")                                     \
	X(UNSEEN, "unseen", "not told from no change")                                             \
	X(FAILED, "failed", "too few of its trials went well")

enum confirm_verdict {
#define X(name, word, text) CONFIRM_##name,
	CONFIRM_VERDICTS(X)
#undef X
};
extern const char *const CONFIRM_WORDS[], *const CONFIRM_TEXTS[];

/* The move at one setting. Changes are of the response, relative: .089 is 8.9 % more. */
struct confirm_place {
	char *name;      /* "the best setting", "the centre" */
	char *setting;   /* of the other factors: "b=2 c=5" */
	char *from, *to; /* the factor's values there, as they are sent */
	double moved;    /* relative change of its value; NaN for words and from 0 */
	double promised; /* by the preferred model's curve; NaN where it has none */
	size_t pairs;    /* in which both trials went well */
	double measured; /* mean over the pairs, on the logarithm */
	struct interval interval;
	enum confirm_verdict verdict;
};

struct confirm {
	char *factor, *response, *unit;
	double confidence;
	struct confirm_place *places;
	size_t n_places;
};

/* From the responses of n pairs: measured change, its interval by Student's t on the logarithms of
 * the ratios, the verdict. Needs p->promised. */
void confirm_judge(
	struct confirm_place *p, const double *from, const double *to, size_t n, double confidence);

/* Relative change of the response that the factor's curve promises between two values. */
double confirm_promise(const struct rank_factor *f, double from, double to);

/* "10 % less fraction_io_bound gives +8.9 % [7.1, 10.6] requests per second at the centre, as
 * promised (+9.3 %)." */
void confirm_sentence(struct str *out, const struct confirm *c, const struct confirm_place *p);

json_t *confirm_to_json(const struct confirm *c);
int confirm_from_json(struct confirm *out, const json_t *json, struct err *err);
void confirm_release(struct confirm *c);

#endif

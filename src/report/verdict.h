/* The verdict in two parts: the sentence for a headline, and what follows it. */
#ifndef CULPRIT_REPORT_VERDICT_H
#define CULPRIT_REPORT_VERDICT_H

#include <stdbool.h>

#include "base/str.h"
#include "learn/rank.h"

struct verdict {
	struct str head, rest; /* UTF-8; rest may be empty */
};

void verdict_build(struct verdict *v, const struct rank_result *r);
void verdict_release(struct verdict *v);

/* Which factors depend on each other: "Together: x matters only when y is high: …"; nothing where
 * none were found to. At most three pairs, the others are counted. */
void verdict_pairs(struct str *out, const struct rank_result *r);

/* Where the response is not moved one way between the ends of the factor's range: says where it is
 * highest and lowest, "highest at 9, 40 % lower at 1", and returns true. */
bool verdict_bend(struct str *out, const struct rank_result *r, const struct rank_factor *f);

#endif

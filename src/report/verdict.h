/* The verdict in two parts: the sentence for a headline, and what follows it. */
#ifndef CULPRIT_REPORT_VERDICT_H
#define CULPRIT_REPORT_VERDICT_H

#include "base/str.h"
#include "learn/rank.h"

struct verdict {
	struct str head, rest; /* UTF-8; rest may be empty */
};

void verdict_build(struct verdict *v, const struct rank_result *r);
void verdict_release(struct verdict *v);

#endif

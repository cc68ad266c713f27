/* Private: the table of a difference. */
#ifndef CULPRIT_PROFILE_DIFF_ROWS_H
#define CULPRIT_PROFILE_DIFF_ROWS_H

#include "profile/diff_match.h"

void diff_rows_make(struct profile_diff *d, const struct match *m, const struct profile *before,
	const struct profile *after);

#endif

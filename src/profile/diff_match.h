/* Private: which functions of two profiles are the same. */
#ifndef CULPRIT_PROFILE_DIFF_MATCH_H
#define CULPRIT_PROFILE_DIFF_MATCH_H

#include "profile/diff.h"

struct match_function {
	enum profile_kind kind;
	const char *name, *file;
};

struct match {
	struct match_function *functions; /* of both */
	size_t n, cap;
	uint32_t *of[2]; /* for each function of before, of after: which one */
};

/* Names that had to be changed are kept in d->texts. */
void match_init(struct match *m, struct profile_diff *d, const struct profile *before,
	const struct profile *after);
void match_release(struct match *m);

#endif

/* Private: down and up a profile's tree, without recursion: a stack may be two million deep. */
#ifndef CULPRIT_PROFILE_WALK_H
#define CULPRIT_PROFILE_WALK_H

#include "profile/profile.h"

struct walk {
	const struct profile *p;
	uint32_t *first_child, *next_sibling;
	struct profile_weight *total; /* of each node with all below it */
	uint32_t at;
	enum { WALK_BEGIN, WALK_DOWN, WALK_UP, WALK_END } way;
};

void walk_init(struct walk *w, const struct profile *p);
void walk_release(struct walk *w);

/* The next step: `at` is entered (way WALK_DOWN) or left (WALK_UP). False: the root was left. */
bool walk_next(struct walk *w);

#endif

/*
 * Which lines the tree of a profile has in a terminal. Runs of library frames are folded as
 * pyinstrument does: the one that the program called is shown, and below it where the time was
 * spent or the program goes on; a recursion is cut in its middle; what is too small is counted.
 */
#ifndef CULPRIT_REPORT_PROFILE_TREE_H
#define CULPRIT_REPORT_PROFILE_TREE_H

#include "report/outline.h"
#include "report/profile_words.h"

struct profile_tree {
	const struct term *term;
	const struct profile_report *report;
	struct view view;
	struct places places;
	struct profile_unit unit;
	struct outline outline;
	size_t shown, folded; /* nodes of the view */
};

/* Fills the outline from the view, which leaves nothing out itself. */
void profile_tree_build(struct profile_tree *t);

const struct profile_function *profile_tree_function(const struct profile_tree *t, uint32_t node);

#endif

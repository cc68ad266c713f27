/* Private: a view's tree while it grows. Nodes are made parents first and found by (parent,
 * function, line). */
#ifndef CULPRIT_PROFILE_VIEW_TREE_H
#define CULPRIT_PROFILE_VIEW_TREE_H

#include "profile/table.h"
#include "profile/view.h"

struct view_tree {
	struct view_node *nodes;
	size_t n, cap;
	struct table found;
};

void view_tree_init(struct view_tree *t);
void view_tree_release(struct view_tree *t);
uint32_t view_tree_child(struct view_tree *t, uint32_t parent, uint32_t function, int32_t line);

/* Is a node of this kind kept? Frames always are. */
bool view_keeps(const struct view_options *o, enum profile_kind kind);
static inline bool view_is_frame(enum profile_kind kind)
{
	return kind == PROFILE_PYTHON || kind == PROFILE_NATIVE || kind == PROFILE_MARK;
}

/* The inverted tree, with totals. */
void view_invert(
	struct view_tree *t, const struct profile *p, const struct view_options *o, uint64_t whole);
/* The tree `from`, which has totals, with library frames folded: into `t`, with self, folded and
 * libraries. */
void view_fold(struct view_tree *t, const struct view_tree *from, const struct profile *p);

#endif

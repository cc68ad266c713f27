/*
 * The inverted view: stacks hung up at their innermost frame. A naive inversion writes every stack
 * out; this one moves all of them up a frame at a time, together, and drops those whose branch will
 * not be shown, so that its work is bounded by what is shown.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "profile/view_tree.h"

/* A stack on its way: it stands at `at` of the profile, its frames so far end at `node`. */
struct walker {
	uint32_t node, at;
	uint64_t weight;
};

/* The kept places above the frames of each node, and its weight for all of them. */
static size_t begin(struct view_tree *t, const struct profile *p, const struct view_options *o,
	struct walker *walkers)
{
	uint32_t *above = mem_alloc(p->n_nodes, sizeof(*above));
	size_t n = 0;

	above[0] = 0;
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct profile_node *node = &p->nodes[i];
		enum profile_kind kind = p->functions[node->function].kind;
		uint64_t weight = profile_weigh(&node->self, o->clock);

		if (i > 0)
			above[i] =
				!view_is_frame(kind) && view_keeps(o, kind)
					? view_tree_child(t, above[node->parent], node->function, 0)
					: above[node->parent];
		if (weight > 0)
			walkers[n++] = (struct walker){above[i], (uint32_t)i, weight};
	}
	for (size_t i = 0; i < n; i++)
		t->nodes[walkers[i].node].total += walkers[i].weight;
	for (size_t i = t->n; i-- > 1;)
		t->nodes[t->nodes[i].parent].total += t->nodes[i].total;
	free(above);
	return n;
}

/* One frame outwards. False: it has come to its end, or there is no room. */
static bool step(struct view_tree *t, const struct profile *p, bool lines, struct walker *w)
{
	const struct profile_node *node;

	while (w->at > 0 && !view_is_frame(p->functions[p->nodes[w->at].function].kind))
		w->at = p->nodes[w->at].parent;
	if (w->at == 0 || t->n >= VIEW_MAX_NODES) {
		t->nodes[w->node].self += w->weight;
		return false;
	}
	node = &p->nodes[w->at];
	w->node = view_tree_child(t, w->node, node->function, lines ? node->line : 0);
	t->nodes[w->node].total += w->weight;
	w->at = node->parent;
	return true;
}

void view_invert(
	struct view_tree *t, const struct profile *p, const struct view_options *o, uint64_t whole)
{
	struct walker *walkers = mem_alloc(p->n_nodes, sizeof(*walkers));
	size_t n = begin(t, p, o, walkers);
	double least = o->least * (double)whole;

	for (int depth = 0; n > 0; depth++) {
		size_t left = 0;

		for (size_t i = 0; i < n; i++) {
			struct walker w = walkers[i];

			if (depth == VIEW_MAX_INVERTED_DEPTH)
				t->nodes[w.node].self += w.weight;
			else if (step(t, p, o->lines, &w))
				walkers[left++] = w;
		}
		n = 0;
		for (size_t i = 0; i < left; i++)
			if ((double)t->nodes[walkers[i].node].total >= least)
				walkers[n++] = walkers[i];
	}
	free(walkers);
}

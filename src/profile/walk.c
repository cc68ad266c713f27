#include "profile/walk.h"

#include <stdlib.h>

#include "base/mem.h"

static void add(struct profile_weight *sum, const struct profile_weight *w)
{
	sum->samples += w->samples;
	sum->wall_ns += w->wall_ns;
	sum->cpu_ns += w->cpu_ns;
	sum->gil_ns += w->gil_ns;
}

void walk_init(struct walk *w, const struct profile *p)
{
	*w = (struct walk){.p = p, .way = WALK_BEGIN};
	w->first_child = mem_zalloc(p->n_nodes, sizeof(*w->first_child));
	w->next_sibling = mem_zalloc(p->n_nodes, sizeof(*w->next_sibling));
	w->total = mem_zalloc(p->n_nodes, sizeof(*w->total));
	for (size_t i = p->n_nodes; i-- > 0;) {
		const struct profile_node *n = &p->nodes[i];

		add(&w->total[i], &n->self);
		if (i == 0)
			break;
		add(&w->total[n->parent], &w->total[i]);
		w->next_sibling[i] = w->first_child[n->parent];
		w->first_child[n->parent] = (uint32_t)i;
	}
}

void walk_release(struct walk *w)
{
	free(w->first_child);
	free(w->next_sibling);
	free(w->total);
}

bool walk_next(struct walk *w)
{
	if (w->way == WALK_BEGIN) {
		w->at = 0;
		w->way = WALK_DOWN;
	} else if (w->way == WALK_DOWN && w->first_child[w->at]) {
		w->at = w->first_child[w->at];
	} else if (w->way == WALK_DOWN) {
		w->way = WALK_UP;
	} else if (w->at == 0) {
		w->way = WALK_END;
	} else if (w->next_sibling[w->at]) {
		w->at = w->next_sibling[w->at];
		w->way = WALK_DOWN;
	} else {
		w->at = w->p->nodes[w->at].parent;
	}
	return w->way != WALK_END;
}

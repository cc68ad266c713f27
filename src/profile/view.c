/* Views as trees: merged, summed, folded, thinned, ordered. Every step goes over arrays whose
 * parents stand before their children, so that no depth of recursion in a profile is one here. */
#include "profile/view.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "profile/view_tree.h"

void view_tree_init(struct view_tree *t)
{
	*t = (struct view_tree){0};
	table_init(&t->found, 256);
	t->nodes = mem_grow(t->nodes, &t->cap, 64, sizeof(*t->nodes));
	t->nodes[0] = (struct view_node){0};
	t->n = 1;
}

void view_tree_release(struct view_tree *t)
{
	free(t->nodes);
	table_discard(&t->found);
}

uint32_t view_tree_child(struct view_tree *t, uint32_t parent, uint32_t function, int32_t line)
{
	uint32_t hash = table_mix(parent, function, (uint32_t)line);

	for (size_t at = table_first(&t->found, hash); t->found.slots[at].index;
		at = table_next(&t->found, at)) {
		uint32_t i = t->found.slots[at].index - 1;

		if (t->found.slots[at].hash == hash && t->nodes[i].parent == parent &&
			t->nodes[i].function == function && t->nodes[i].line == line)
			return i;
	}
	t->nodes = mem_grow(t->nodes, &t->cap, t->n + 1, sizeof(*t->nodes));
	t->nodes[t->n] = (struct view_node){.parent = parent, .function = function, .line = line};
	table_put(&t->found, hash, (uint32_t)t->n);
	return (uint32_t)t->n++;
}

bool view_keeps(const struct view_options *o, enum profile_kind kind)
{
	switch (kind) {
	case PROFILE_PROCESS: return o->by_process;
	case PROFILE_THREAD: return o->by_thread;
	case PROFILE_TASK: return o->by_task;
	default: return true;
	}
}

/* Each node of the profile on one of the view. */
static void merge(struct view_tree *t, const struct profile *p, const struct view_options *o)
{
	uint32_t *at = mem_alloc(p->n_nodes, sizeof(*at));

	at[0] = 0;
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct profile_node *n = &p->nodes[i];
		enum profile_kind kind = p->functions[n->function].kind;

		if (i > 0)
			at[i] = view_keeps(o, kind)
					? view_tree_child(t, at[n->parent], n->function,
						  o->lines && view_is_frame(kind) ? n->line : 0)
					: at[n->parent];
		t->nodes[at[i]].self += profile_weigh(&n->self, o->clock);
	}
	free(at);
}

static void add_up(struct view_tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		t->nodes[i].total = t->nodes[i].self;
	for (size_t i = t->n; i-- > 1;)
		t->nodes[t->nodes[i].parent].total += t->nodes[i].total;
}

/* Takes out what has no time, or less than `least`: whole branches, for a child has no more time
 * than its parent. */
static void thin(struct view_tree *t, double least)
{
	uint32_t *to = mem_alloc(t->n, sizeof(*to));
	size_t n = 1;

	to[0] = 0;
	for (size_t i = 1; i < t->n; i++) {
		struct view_node node = t->nodes[i];

		to[i] = UINT32_MAX;
		if (node.total == 0 || (double)node.total < least ||
			to[node.parent] == UINT32_MAX) {
			free((void *)node.libraries);
			continue;
		}
		node.parent = to[node.parent];
		to[i] = (uint32_t)n;
		t->nodes[n++] = node;
	}
	t->n = n;
	free(to);
}

static int by_total(const void *a, const void *b, void *arg)
{
	const struct view_node *nodes = arg;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

	if (nodes[i].total != nodes[j].total)
		return nodes[i].total < nodes[j].total ? -1 : 1;
	return i < j ? 1 : -1;
}

/* Each is put before its siblings, the smallest first. */
static void link_siblings(struct view_tree *t)
{
	uint32_t *order = mem_alloc(t->n, sizeof(*order));

	for (size_t i = 0; i < t->n; i++) {
		order[i] = (uint32_t)i;
		t->nodes[i].first_child = t->nodes[i].next_sibling = 0;
	}
	qsort_r(order, t->n, sizeof(*order), by_total, t->nodes);
	for (size_t i = 0; i < t->n; i++) {
		struct view_node *n = &t->nodes[order[i]];

		if (order[i] == 0)
			continue;
		n->next_sibling = t->nodes[n->parent].first_child;
		t->nodes[n->parent].first_child = order[i];
	}
	free(order);
}

void view_make(struct view *v, const struct profile *p, const struct view_options *o)
{
	struct view_tree t;
	uint64_t whole = 0;

	for (size_t i = 0; i < p->n_nodes; i++)
		whole += profile_weigh(&p->nodes[i].self, o->clock);
	view_tree_init(&t);
	if (o->invert) {
		view_invert(&t, p, o, whole);
	} else {
		merge(&t, p, o);
		add_up(&t);
	}
	if (o->fold && !o->invert) {
		struct view_tree folded;

		view_tree_init(&folded);
		thin(&t, 0);
		view_fold(&folded, &t, p);
		add_up(&folded);
		view_tree_release(&t);
		t = folded;
	}
	thin(&t, o->least * (double)whole);
	link_siblings(&t);
	*v = (struct view){
		.profile = p, .clock = o->clock, .nodes = t.nodes, .n = t.n, .total = whole};
	t.nodes = NULL;
	view_tree_release(&t);
}

void view_release(struct view *v)
{
	for (size_t i = 0; i < v->n; i++)
		free((void *)v->nodes[i].libraries);
	free(v->nodes);
	*v = (struct view){0};
}

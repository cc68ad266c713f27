/* Tables of functions and lines. A function that is twice in a stack has that stack's time once: on
 * a walk down the tree, it is counted where it is entered for the first time. */
#include <stdlib.h>

#include "base/mem.h"
#include "profile/view_tree.h"
#include "profile/walk.h"

struct rows {
	struct view_row *items;
	size_t n, cap;
	struct table found;
	uint32_t *of_node; /* NO_ROW: none */
};

enum { NO_ROW = UINT32_MAX };

static uint32_t row_for(struct rows *r, uint32_t function, int32_t line)
{
	uint32_t hash = table_mix(0, function, (uint32_t)line);

	for (size_t at = table_first(&r->found, hash); r->found.slots[at].index;
		at = table_next(&r->found, at)) {
		uint32_t i = r->found.slots[at].index - 1;

		if (r->items[i].function == function && r->items[i].line == line)
			return i;
	}
	r->items = mem_grow(r->items, &r->cap, r->n + 1, sizeof(*r->items));
	r->items[r->n] = (struct view_row){.function = function, .line = line};
	table_put(&r->found, hash, (uint32_t)r->n);
	return (uint32_t)r->n++;
}

static void fill(struct rows *r, const struct profile *p, enum profile_clock clock, bool lines)
{
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct profile_node *n = &p->nodes[i];

		r->of_node[i] = NO_ROW;
		if (!view_is_frame(p->functions[n->function].kind))
			continue;
		r->of_node[i] = row_for(r, n->function, lines ? n->line : 0);
		r->items[r->of_node[i]].self += profile_weigh(&n->self, clock);
	}
}

static void add_totals(struct rows *r, const struct profile *p, enum profile_clock clock)
{
	uint32_t *inside = mem_zalloc(r->n + 1, sizeof(*inside));
	struct walk w;

	walk_init(&w, p);
	while (walk_next(&w)) {
		uint32_t row = r->of_node[w.at];

		if (row == NO_ROW)
			continue;
		if (w.way == WALK_UP) {
			inside[row]--;
		} else if (inside[row]++ == 0) {
			r->items[row].total += profile_weigh(&w.total[w.at], clock);
			r->items[row].samples += w.total[w.at].samples;
		}
	}
	walk_release(&w);
	free(inside);
}

static int by_self(const void *a, const void *b)
{
	const struct view_row *x = a, *y = b;

	if (x->self != y->self)
		return x->self > y->self ? -1 : 1;
	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	if (x->function != y->function)
		return x->function < y->function ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

static struct view_row *make(
	const struct profile *p, enum profile_clock clock, bool lines, size_t *n)
{
	struct rows r = {0};
	size_t kept = 0;

	table_init(&r.found, 256);
	r.of_node = mem_alloc(p->n_nodes, sizeof(*r.of_node));
	fill(&r, p, clock, lines);
	add_totals(&r, p, clock);
	for (size_t i = 0; i < r.n; i++)
		if (r.items[i].total > 0)
			r.items[kept++] = r.items[i];
	if (kept)
		qsort(r.items, kept, sizeof(*r.items), by_self);
	table_discard(&r.found);
	free(r.of_node);
	*n = kept;
	return r.items;
}

struct view_row *view_functions(const struct profile *p, enum profile_clock clock, size_t *n)
{
	return make(p, clock, false, n);
}

struct view_row *view_lines(const struct profile *p, enum profile_clock clock, size_t *n)
{
	return make(p, clock, true, n);
}

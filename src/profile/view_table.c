/* Tables of functions and lines. A function that is twice in a stack has that stack's time once: on
 * a walk down the tree, it is counted where it is entered for the first time. */
#include <stdlib.h>

#include "base/mem.h"
#include "profile/view_tree.h"

struct tree {
	uint32_t *row; /* of each node; NO_ROW */
	uint32_t *first_child, *next_sibling;
	uint64_t *total, *samples; /* below and at each node */
};

enum { NO_ROW = UINT32_MAX };

static uint32_t row_for(struct view_row **rows, size_t *n, size_t *cap, struct table *found,
	uint32_t function, int32_t line)
{
	uint32_t hash = table_mix(0, function, (uint32_t)line);

	for (size_t at = table_first(found, hash); found->slots[at].index;
		at = table_next(found, at)) {
		uint32_t i = found->slots[at].index - 1;

		if ((*rows)[i].function == function && (*rows)[i].line == line)
			return i;
	}
	*rows = mem_grow(*rows, cap, *n + 1, sizeof(**rows));
	(*rows)[*n] = (struct view_row){.function = function, .line = line};
	table_put(found, hash, (uint32_t)*n);
	return (uint32_t)(*n)++;
}

static struct view_row *tree_init(
	struct tree *t, const struct profile *p, enum profile_clock clock, bool lines, size_t *n)
{
	struct view_row *rows = NULL;
	struct table found;
	size_t cap = 0;

	t->row = mem_alloc(p->n_nodes, sizeof(*t->row));
	t->first_child = mem_zalloc(p->n_nodes, sizeof(*t->first_child));
	t->next_sibling = mem_zalloc(p->n_nodes, sizeof(*t->next_sibling));
	t->total = mem_zalloc(p->n_nodes, sizeof(*t->total));
	t->samples = mem_zalloc(p->n_nodes, sizeof(*t->samples));
	table_init(&found, 256);
	*n = 0;
	for (size_t i = p->n_nodes; i-- > 0;) {
		const struct profile_node *node = &p->nodes[i];
		uint64_t self = profile_weigh(&node->self, clock);

		t->row[i] = NO_ROW;
		if (view_is_frame(p->functions[node->function].kind)) {
			t->row[i] = row_for(
				&rows, n, &cap, &found, node->function, lines ? node->line : 0);
			rows[t->row[i]].self += self;
		}
		t->total[i] += self;
		t->samples[i] += node->self.samples;
		if (i > 0) {
			t->total[node->parent] += t->total[i];
			t->samples[node->parent] += t->samples[i];
			t->next_sibling[i] = t->first_child[node->parent];
			t->first_child[node->parent] = (uint32_t)i;
		}
	}
	table_release(&found);
	return rows;
}

static void tree_release(struct tree *t)
{
	free(t->row);
	free(t->first_child);
	free(t->next_sibling);
	free(t->total);
	free(t->samples);
}

/* Down and up the whole tree; `inside` counts how often a row is on the way from the root. */
static void walk(const struct tree *t, const struct profile *p, struct view_row *rows, size_t n)
{
	uint32_t *inside = mem_zalloc(n + 1, sizeof(*inside));
	uint32_t at = 0;
	bool down = true;

	for (;;) {
		uint32_t row = t->row[at];

		if (down && row != NO_ROW && inside[row]++ == 0) {
			rows[row].total += t->total[at];
			rows[row].samples += t->samples[at];
		}
		if (down && t->first_child[at]) {
			at = t->first_child[at];
			continue;
		}
		if (row != NO_ROW)
			inside[row]--;
		if (at == 0)
			break;
		down = t->next_sibling[at] != 0;
		at = down ? t->next_sibling[at] : p->nodes[at].parent;
	}
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
	struct tree t;
	struct view_row *rows = tree_init(&t, p, clock, lines, n);
	size_t kept = 0;

	walk(&t, p, rows, *n);
	for (size_t i = 0; i < *n; i++)
		if (rows[i].total > 0)
			rows[kept++] = rows[i];
	*n = kept;
	if (kept)
		qsort(rows, kept, sizeof(*rows), by_self);
	tree_release(&t);
	return rows;
}

struct view_row *view_functions(const struct profile *p, enum profile_clock clock, size_t *n)
{
	return make(p, clock, false, n);
}

struct view_row *view_lines(const struct profile *p, enum profile_clock clock, size_t *n)
{
	return make(p, clock, true, n);
}

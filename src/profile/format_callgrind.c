/*
 * Callgrind's format. Own costs by function and line; of calls, each from a line of one function
 * into another one, what the stacks took in which that call is the first into that function: what
 * callgrind_annotate adds up per callee is then the function's total, recursion or not.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "profile/format.h"
#include "profile/table.h"
#include "profile/walk.h"

/* callee == caller's own cost: NO_CALLEE */
enum { NO_CALLEE = UINT32_MAX };

struct cost {
	uint32_t function, callee;
	int32_t line;
	struct profile_weight weight;
};

struct costs {
	struct cost *items;
	size_t n, cap;
	struct table found;
};

static void add_cost(struct costs *c, uint32_t function, int32_t line, uint32_t callee,
	const struct profile_weight *w)
{
	uint32_t hash = table_mix(function, callee, (uint32_t)line);
	size_t at = table_first(&c->found, hash);
	struct cost *cost;

	for (; c->found.slots[at].index; at = table_next(&c->found, at)) {
		cost = &c->items[c->found.slots[at].index - 1];
		if (cost->function == function && cost->line == line && cost->callee == callee)
			break;
	}
	if (!c->found.slots[at].index) {
		c->items = mem_grow(c->items, &c->cap, c->n + 1, sizeof(*c->items));
		cost = &c->items[c->n];
		*cost = (struct cost){.function = function, .line = line, .callee = callee};
		table_put(&c->found, hash, (uint32_t)c->n++);
	}
	cost->weight.samples += w->samples;
	cost->weight.wall_ns += w->wall_ns;
	cost->weight.cpu_ns += w->cpu_ns;
	cost->weight.gil_ns += w->gil_ns;
}

static bool is_nothing(const struct profile_weight *w)
{
	return !w->samples && !w->wall_ns && !w->cpu_ns && !w->gil_ns;
}

static void collect(struct costs *c, const struct profile *p)
{
	uint32_t *inside = mem_zalloc(p->n_functions, sizeof(*inside));
	struct walk w;

	walk_init(&w, p);
	while (walk_next(&w)) {
		const struct profile_node *n = &p->nodes[w.at], *above = &p->nodes[n->parent];

		if (w.way == WALK_UP) {
			inside[n->function]--;
			continue;
		}
		if (!is_nothing(&n->self))
			add_cost(c, n->function, n->line, NO_CALLEE, &n->self);
		if (inside[n->function]++ == 0 && w.at > 0 && !is_nothing(&w.total[w.at]))
			add_cost(c, above->function, above->line, n->function, &w.total[w.at]);
	}
	walk_release(&w);
	free(inside);
}

static int by_function(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;

	if (x->function != y->function)
		return x->function < y->function ? -1 : 1;
	if ((x->callee == NO_CALLEE) != (y->callee == NO_CALLEE))
		return x->callee == NO_CALLEE ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return (x->callee > y->callee) - (x->callee < y->callee);
}

/* Names that were written stand for themselves by a number: "(3) name" the first time, "(3)" then.
 * Files by their number among functions: that of the first function that lies there. */
struct names {
	const struct profile *p;
	uint32_t *file_of; /* function → number of its file */
	bool *said_file;   /* by that number */
	bool *said;        /* function */
	bool *twin;        /* another one has its name and file */
};

static uint32_t text_hash(const char *a, const char *b)
{
	uintptr_t x = (uintptr_t)a, y = (uintptr_t)b; /* each text is there once */

	return table_mix((uint32_t)(x >> 4), (uint32_t)(y >> 4), (uint32_t)(x >> 36));
}

static void names_init(struct names *n, const struct profile *p)
{
	struct table files, functions;

	*n = (struct names){.p = p};
	n->file_of = mem_alloc(p->n_functions, sizeof(*n->file_of));
	n->said_file = mem_zalloc(p->n_functions, sizeof(*n->said_file));
	n->said = mem_zalloc(p->n_functions, sizeof(*n->said));
	n->twin = mem_zalloc(p->n_functions, sizeof(*n->twin));
	table_init(&files, 256);
	table_init(&functions, 256);
	for (uint32_t i = 0; i < p->n_functions; i++) {
		const struct profile_function *f = &p->functions[i];
		uint32_t hash = text_hash(f->file, NULL);
		size_t at;

		n->file_of[i] = i;
		for (at = table_first(&files, hash); files.slots[at].index;
			at = table_next(&files, at))
			if (p->functions[files.slots[at].index - 1].file == f->file)
				n->file_of[i] = files.slots[at].index - 1;
		if (n->file_of[i] == i)
			table_put(&files, hash, i);
		hash = text_hash(f->name, f->file);
		for (at = table_first(&functions, hash); functions.slots[at].index;
			at = table_next(&functions, at)) {
			const struct profile_function *other =
				&p->functions[functions.slots[at].index - 1];

			n->twin[i] |= other->name == f->name && other->file == f->file;
		}
		if (!n->twin[i])
			table_put(&functions, hash, i);
	}
	table_discard(&files);
	table_discard(&functions);
}

static void names_release(struct names *n)
{
	free(n->file_of);
	free(n->said_file);
	free(n->said);
	free(n->twin);
}

static void add_name(
	struct str *out, struct names *n, const char *file_key, const char *key, uint32_t function)
{
	const struct profile_function *f = &n->p->functions[function];
	uint32_t file = n->file_of[function];

	str_addf(out, "%s=(%" PRIu32 ")", file_key, file + 1);
	if (!n->said_file[file])
		str_addf(out, " %s", f->file[0] ? f->file : "???");
	str_addf(out, "\n%s=(%" PRIu32 ")", key, function + 1);
	if (!n->said[function]) {
		str_addf(out, " %s", f->name[0] ? f->name : "???");
		if (n->twin[function]) /* tools know a function by name and file alone */
			str_addf(out, ":%d#%" PRIu32, f->first_line, function);
	}
	str_add_char(out, '\n');
	n->said_file[file] = n->said[function] = true;
}

static void add_weight(struct str *out, const struct profile_weight *w)
{
	str_addf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", w->wall_ns, w->cpu_ns,
		w->gil_ns, w->samples);
}

void format_callgrind(struct str *out, const struct profile *p, const char *name)
{
	struct costs c = {0};
	struct names names;
	struct profile_weight sum = {0};

	table_init(&c.found, 1024);
	collect(&c, p);
	if (c.n > 0)
		qsort(c.items, c.n, sizeof(*c.items), by_function);
	names_init(&names, p);
	str_addf(out, "# callgrind format\nversion: 1\ncreator: culprit %s\ncmd: %s\n",
		CULPRIT_VERSION, name);
	str_add(out, "positions: line\nevent: Wall : wall clock [ns]\nevent: Cpu : on a core [ns]\n"
		     "event: Gil : with the interpreter lock [ns]\nevent: Samples : stacks seen\n"
		     "events: Wall Cpu Gil Samples\n");
	for (size_t i = 0; i < c.n; i++) {
		const struct cost *cost = &c.items[i];

		if (i == 0 || cost[-1].function != cost->function) {
			str_add_char(out, '\n');
			add_name(out, &names, "fl", "fn", cost->function);
		}
		if (cost->callee != NO_CALLEE) {
			add_name(out, &names, "cfi", "cfn", cost->callee);
			str_addf(out, "calls=%" PRIu64 " %d\n",
				cost->weight.samples ? cost->weight.samples : 1,
				p->functions[cost->callee].first_line);
		} else {
			sum.samples += cost->weight.samples;
			sum.wall_ns += cost->weight.wall_ns;
			sum.cpu_ns += cost->weight.cpu_ns;
			sum.gil_ns += cost->weight.gil_ns;
		}
		str_addf(out, "%" PRId32 " ", cost->line);
		add_weight(out, &cost->weight);
	}
	str_add(out, "\ntotals: ");
	add_weight(out, &sum);
	names_release(&names);
	table_discard(&c.found);
	free(c.items);
}

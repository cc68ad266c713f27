/*
 * The tree. profile_node() stands on the path of every frame of every sample: one mix of three
 * numbers, one slot of a table, one node compared. Texts are looked at by profile_function() only
 * (profile_function.c).
 */
#include "profile/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "profile/profile_index.h"

const char *const PROFILE_KIND_WORDS[] = {
#define X(name, word, text) word,
	PROFILE_KINDS(X)
#undef X
		NULL};

const char *const PROFILE_CLOCK_WORDS[] = {
#define X(name, word, text) word,
	PROFILE_CLOCKS(X)
#undef X
		NULL};

struct profile *profile_new(void)
{
	struct profile *p = mem_zalloc(1, sizeof(*p));

	profile_index_init(p);
	p->nodes = mem_grow(p->nodes, &p->cap_nodes, 64, sizeof(*p->nodes));
	p->nodes[0] =
		(struct profile_node){.function = profile_function(p, PROFILE_ROOT, "all", "", 0)};
	p->n_nodes = 1;
	return p;
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	profile_index_free(p);
	free(p->functions);
	free(p->nodes);
	free(p->moments);
	free(p->slices.rows);
	free(p->slices.row_of);
	free(p);
}

/* UINT32_MAX: there is none. */
static uint32_t node_find(
	const struct profile *p, uint32_t hash, uint32_t parent, uint32_t function, int32_t line)
{
	const struct table *t = &p->index->nodes;

	for (size_t at = table_first(t, hash); t->slots[at].index; at = table_next(t, at)) {
		const struct profile_node *n;

		if (t->slots[at].hash != hash)
			continue;
		n = &p->nodes[t->slots[at].index - 1];
		if (n->parent == parent && n->function == function && n->line == line)
			return t->slots[at].index - 1;
	}
	return UINT32_MAX;
}

uint32_t profile_node(struct profile *p, uint32_t parent, uint32_t function, int32_t line)
{
	uint32_t hash, found;

	if (parent & PROFILE_FOLDED)
		return parent;
	if (line < 0)
		line = 0;
	hash = table_mix(parent, function, (uint32_t)line);
	found = node_find(p, hash, parent, function, line);
	if (found != UINT32_MAX)
		return found;
	if (p->n_nodes == PROFILE_MAX_NODES)
		return parent | PROFILE_FOLDED;
	p->nodes = mem_grow(p->nodes, &p->cap_nodes, p->n_nodes + 1, sizeof(*p->nodes));
	p->nodes[p->n_nodes] =
		(struct profile_node){.parent = parent, .function = function, .line = line};
	table_put(&p->index->nodes, hash, (uint32_t)p->n_nodes);
	return (uint32_t)p->n_nodes++;
}

/* What the table had of it stays there, and is passed over: a slot tells by the node. */
uint32_t profile_node_is(struct profile *p, uint32_t node, uint32_t function)
{
	struct profile_node *n = &p->nodes[node & ~PROFILE_FOLDED];
	uint32_t hash = table_mix(n->parent, function, (uint32_t)n->line), found;

	if (node & PROFILE_FOLDED)
		return node;
	found = node_find(p, hash, n->parent, function, n->line);
	if (found != UINT32_MAX)
		return found;
	n->function = function;
	table_put(&p->index->nodes, hash, node);
	return node;
}

static void weight_add(struct profile_weight *sum, const struct profile_weight *w)
{
	sum->samples = profile_sum(sum->samples, w->samples);
	sum->wall_ns = profile_sum(sum->wall_ns, w->wall_ns);
	sum->cpu_ns = profile_sum(sum->cpu_ns, w->cpu_ns);
	sum->gil_ns = profile_sum(sum->gil_ns, w->gil_ns);
}

static void row_add(struct profile_slice_row *row, size_t slice, const struct profile_weight *w)
{
	row->wall_ns[slice] = profile_sum(row->wall_ns[slice], w->wall_ns);
	row->cpu_ns[slice] = profile_sum(row->cpu_ns[slice], w->cpu_ns);
	row->gil_ns[slice] = profile_sum(row->gil_ns[slice], w->gil_ns);
}

void profile_add(struct profile *p, uint32_t node, const struct profile_weight *w)
{
	struct profile_node *n = &p->nodes[node & ~PROFILE_FOLDED];
	struct profile_slice_row *row = profile_slice_row(p, n->function);
	size_t slice = p->slices.n - 1;

	weight_add(&n->self, w);
	row_add(row, slice, w);
	row_add(&p->slices.rows[0], slice, w);
	if (node & PROFILE_FOLDED)
		p->about.folded = profile_sum(p->about.folded, w->samples);
	profile_slices_step(p, w->samples);
}

uint64_t profile_weigh(const struct profile_weight *w, enum profile_clock clock)
{
	switch (clock) {
	case PROFILE_CLOCK_WALL: return w->wall_ns;
	case PROFILE_CLOCK_CPU: return w->cpu_ns;
	case PROFILE_CLOCK_GIL: return w->gil_ns;
	case PROFILE_CLOCK_SAMPLES: return w->samples;
	}
	return 0;
}

static void about_merge(struct profile_about *a, const struct profile_about *b)
{
	char python[sizeof(a->python)];

	a->rate_hz = a->rate_hz > b->rate_hz ? a->rate_hz : b->rate_hz;
	a->duration_s += b->duration_s;
	a->sweeps = profile_sum(a->sweeps, b->sweeps);
	a->samples = profile_sum(a->samples, b->samples);
	a->retries = profile_sum(a->retries, b->retries);
	a->rejected = profile_sum(a->rejected, b->rejected);
	a->late = profile_sum(a->late, b->late);
	a->folded = profile_sum(a->folded, b->folded);
	a->own_cpu_s += b->own_cpu_s;
	a->core_wait_ns = profile_sum(a->core_wait_ns, b->core_wait_ns);
	a->core_ns = profile_sum(a->core_ns, b->core_ns);
	a->native |= b->native;
	a->paused |= b->paused;
	if (!b->python[0] || strstr(a->python, b->python))
		return;
	if (!a->python[0])
		snprintf(a->python, sizeof(a->python), "%s", b->python);
	else if (snprintf(python, sizeof(python), "%s and %s", a->python, b->python) <
		 (int)sizeof(python))
		memcpy(a->python, python, sizeof(python));
}

void profile_merge(struct profile *p, const struct profile *from)
{
	uint32_t *function_of = mem_alloc(from->n_functions, sizeof(*function_of));
	uint32_t *node_of = mem_alloc(from->n_nodes, sizeof(*node_of));

	for (size_t i = 0; i < from->n_functions; i++) {
		const struct profile_function *f = &from->functions[i];

		function_of[i] = profile_function(p, f->kind, f->name, f->file, f->first_line);
	}
	node_of[0] = 0;
	for (size_t i = 0; i < from->n_nodes; i++) {
		const struct profile_node *n = &from->nodes[i];

		if (i > 0)
			node_of[i] = profile_node(
				p, node_of[n->parent], function_of[n->function], n->line);
		weight_add(&p->nodes[node_of[i] & ~PROFILE_FOLDED].self, &n->self);
		if (node_of[i] & PROFILE_FOLDED)
			p->about.folded = profile_sum(p->about.folded, n->self.samples);
	}
	if (from->slices.n == 0 && from->n_nodes > 1)
		profile_slices_drop(p); /* they would not be of all that is there */
	else
		profile_slices_merge(p, from, function_of);
	about_merge(&p->about, &from->about);
	free(function_of);
	free(node_of);
}

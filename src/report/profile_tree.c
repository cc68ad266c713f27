#include "report/profile_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { PACKAGES = 5, RECURSION = 24, KEPT = 6, ALIKE = 4 };
/* A library's own function is shown within a folded run from this share on. */
static const double LEAF = .02;

const struct profile_function *profile_tree_function(const struct profile_tree *t, uint32_t node)
{
	return &t->view.profile->functions[t->view.nodes[node].function];
}

static bool is_library(const struct profile_tree *t, uint32_t node)
{
	const struct profile_function *f = profile_tree_function(t, node);

	return (f->kind == PROFILE_PYTHON || f->kind == PROFILE_NATIVE) && view_is_library(f);
}

static bool is_seen(const struct profile_tree *t, uint64_t total)
{
	return (double)total >= t->report->view.least * (double)t->view.total && total;
}

static void add_node(struct profile_tree *t, uint32_t parent, uint32_t node)
{
	const struct view_node *n = &t->view.nodes[node];

	outline_add(&t->outline, parent,
		&(struct outline_item){.node = node, .self = n->self, .total = n->total});
	t->shown++;
}

/* The children of a node, and one remark for those too small that together are not. */
static void add_children(struct profile_tree *t, uint32_t item, uint32_t node)
{
	uint64_t rest = 0;
	size_t hidden = 0;

	for (uint32_t c = t->view.nodes[node].first_child; c; c = t->view.nodes[c].next_sibling)
		if (is_seen(t, t->view.nodes[c].total))
			add_node(t, item, c);
		else {
			rest += t->view.nodes[c].total;
			hidden++;
		}
	if (hidden > 1 && is_seen(t, rest)) {
		struct str text = STR_INIT;

		str_addf(&text, "[%zu more, ", hidden);
		profile_add_share(&text, (double)rest / (double)t->view.total);
		str_add(&text, " together]");
		outline_add(&t->outline, item, &(struct outline_item){.text = str_take(&text)});
	}
}

/* What lies below a library frame, up to where the program goes on. */
struct run {
	struct outline_item *ends; /* where it goes on, and hot functions within */
	size_t n, cap;
	size_t frames; /* not shown */
	char *packages[PACKAGES];
	size_t n_packages;
};

static void run_end(struct run *r, const struct profile_tree *t, uint32_t node, bool leaf)
{
	const struct view_node *n = &t->view.nodes[node];

	for (size_t i = 0; leaf && i < r->n; i++)
		if (r->ends[i].leaf && t->view.nodes[r->ends[i].node].function == n->function) {
			r->ends[i].self += n->self;
			r->ends[i].total += n->self;
			return;
		}
	r->ends = mem_grow(r->ends, &r->cap, r->n + 1, sizeof(*r->ends));
	r->ends[r->n++] = (struct outline_item){
		.node = node, .self = n->self, .total = leaf ? n->self : n->total, .leaf = leaf};
}

static void run_package(struct run *r, const struct profile_function *f)
{
	struct str name = STR_INIT;

	places_package(&name, f);
	for (size_t i = 0; name.len && i < r->n_packages; i++)
		if (!strcmp(r->packages[i], name.p))
			str_clear(&name);
	if (name.len && r->n_packages < PACKAGES)
		r->packages[r->n_packages++] = str_take(&name);
	str_release(&name);
}

static int by_total(const void *a, const void *b)
{
	const struct outline_item *x = a, *y = b;

	if (x->total != y->total)
		return x->total < y->total ? 1 : -1;
	return x->node < y->node ? -1 : x->node > y->node;
}

static void run_gather(struct run *r, const struct profile_tree *t, uint32_t top)
{
	const struct view_node *nodes = t->view.nodes;
	uint32_t n = nodes[top].first_child;

	while (n) {
		bool inner = is_library(t, n);

		if (!is_seen(t, nodes[n].total))
			inner = false;
		else if (!inner)
			run_end(r, t, n, false);
		else if (nodes[n].self && (double)nodes[n].self >= LEAF * (double)t->view.total &&
			 is_seen(t, nodes[n].self))
			run_end(r, t, n, true);
		else {
			r->frames++;
			run_package(r, profile_tree_function(t, n));
		}
		if (inner && nodes[n].first_child) {
			n = nodes[n].first_child;
			continue;
		}
		while (n != top && !nodes[n].next_sibling)
			n = nodes[n].parent;
		n = n == top ? 0 : nodes[n].next_sibling;
	}
	if (r->n)
		qsort(r->ends, r->n, sizeof(*r->ends), by_total);
}

/* Whole names, as many as there is room for. */
static char *run_text(const struct run *r, const struct profile_tree *t)
{
	struct str text = STR_INIT;
	size_t room = 40;

	str_addf(&text, "[%zu frames hidden]", r->frames);
	for (size_t i = 0; i < r->n_packages; i++) {
		size_t width = str_width(r->packages[i]) + 2;

		str_add(&text, i ? ", " : " ");
		if (i && width > room) {
			str_add(&text, t->term->unicode ? "…" : "...");
			break;
		}
		profile_add_name(&text, t->term, r->packages[i], room);
		room -= width < room ? width : room;
	}
	return str_take(&text);
}

static void add_run(struct profile_tree *t, uint32_t item, uint32_t node)
{
	struct run r = {0};

	run_gather(&r, t, node);
	if (r.frames < 2) {
		add_children(t, item, node);
	} else {
		item = outline_add(
			&t->outline, item, &(struct outline_item){.text = run_text(&r, t)});
		t->folded += r.frames;
		for (size_t i = 0; i < r.n; i++)
			outline_add(&t->outline, item, &r.ends[i]);
		t->shown += r.n;
	}
	for (size_t i = 0; i < r.n_packages; i++)
		free(r.packages[i]);
	free(r.ends);
}

/* ---- recursion ---- */

/* The functions of a chain: a few, over and over. */
struct alike {
	uint32_t functions[ALIKE];
	size_t n;
};

static bool alike_add(struct alike *a, uint32_t function)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->functions[i] == function)
			return true;
	if (a->n == ALIKE)
		return false;
	a->functions[a->n++] = function;
	return true;
}

/* The only line below, if that is a call which may be part of a recursion; else 0. */
static uint32_t only_below(const struct profile_tree *t, uint32_t item)
{
	const struct outline_item *items = t->outline.items;
	uint32_t below = items[item].first_child;

	if (!below || below != items[item].last_child || items[below].text || items[below].leaf ||
		is_seen(t, items[below].self))
		return 0;
	return below;
}

static void cut(struct profile_tree *t, uint32_t begin, uint32_t end, size_t length)
{
	struct outline_item *items = t->outline.items;
	struct str text = STR_INIT;
	uint32_t gap;

	for (size_t i = 1; i < KEPT; i++)
		begin = items[begin].first_child;
	for (size_t i = 1; i < KEPT; i++)
		end = items[end].parent;
	str_addf(&text, "[%zu more calls of the same]", length - 2 * KEPT);
	items[begin].first_child = items[begin].last_child = 0;
	gap = outline_add(&t->outline, begin, &(struct outline_item){.text = str_take(&text)});
	items = t->outline.items;
	items[gap].first_child = items[gap].last_child = end;
	items[end].parent = gap;
	t->folded += length - 2 * KEPT;
	t->shown -= length - 2 * KEPT;
}

static void cut_recursions(struct profile_tree *t)
{
	size_t n = t->outline.n;
	bool *seen = mem_zalloc(n, sizeof(*seen));

	for (uint32_t i = 1; i < n; i++) {
		struct alike alike = {.n = 0};
		uint32_t end = i, next;
		size_t length = 1;

		if (seen[i] || t->outline.items[i].text || t->outline.items[i].leaf)
			continue;
		alike_add(&alike, t->view.nodes[t->outline.items[i].node].function);
		while ((next = only_below(t, end)) &&
			alike_add(&alike, t->view.nodes[t->outline.items[next].node].function)) {
			end = next;
			seen[end] = true;
			length++;
		}
		if (length > RECURSION)
			cut(t, i, end, length);
	}
	free(seen);
}

void profile_tree_build(struct profile_tree *t)
{
	const struct view_options *o = &t->report->view;

	add_children(t, 0, 0);
	for (uint32_t i = 1; i < t->outline.n; i++) {
		const struct outline_item *item = &t->outline.items[i];

		if (item->text || item->leaf)
			continue;
		if (o->fold && !o->invert && is_library(t, item->node))
			add_run(t, i, item->node);
		else
			add_children(t, i, item->node);
	}
	if (o->fold)
		cut_recursions(t);
}

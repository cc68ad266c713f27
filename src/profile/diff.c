/* The tree of two profiles: both are hung into one, function by function. */
#include "profile/diff.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "profile/diff_match.h"
#include "profile/diff_rows.h"
#include "profile/view_tree.h"

/* Of each place of the common tree: own time, time and samples with what is below. */
struct sums {
	uint64_t *self, *total, *samples;
	double whole;
};

/* The place of each node of p in the tree. */
static uint32_t *hang(struct view_tree *t, const struct profile *p, const uint32_t *of)
{
	uint32_t *at = mem_alloc(p->n_nodes, sizeof(*at));

	at[0] = 0;
	for (size_t i = 1; i < p->n_nodes; i++)
		at[i] = view_tree_child(t, at[p->nodes[i].parent], of[p->nodes[i].function], 0);
	return at;
}

static void sums_init(struct sums *s, const struct view_tree *t, const struct profile *p,
	const uint32_t *at, enum profile_clock clock)
{
	s->self = mem_zalloc(t->n, sizeof(*s->self));
	s->total = mem_zalloc(t->n, sizeof(*s->total));
	s->samples = mem_zalloc(t->n, sizeof(*s->samples));
	for (size_t i = 0; i < p->n_nodes; i++) {
		uint64_t weight = profile_weigh(&p->nodes[i].self, clock);

		s->self[at[i]] += weight;
		s->total[at[i]] += weight;
		s->samples[at[i]] += p->nodes[i].self.samples;
	}
	for (size_t i = t->n; i-- > 1;) {
		s->total[t->nodes[i].parent] += s->total[i];
		s->samples[t->nodes[i].parent] += s->samples[i];
	}
	s->whole = (double)s->total[0];
}

static void sums_release(struct sums *s)
{
	free(s->self);
	free(s->total);
	free(s->samples);
}

static struct diff_side side_of(const struct sums *s, size_t i)
{
	if (!(s->whole > 0))
		return (struct diff_side){0, 0, s->samples[i]};
	return (struct diff_side){
		(double)s->self[i] / s->whole, (double)s->total[i] / s->whole, s->samples[i]};
}

static double larger(const struct diff_node *n)
{
	return n->before.total > n->after.total ? n->before.total : n->after.total;
}

static int by_total(const void *a, const void *b, void *arg)
{
	const struct diff_node *nodes = arg;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	double x = larger(&nodes[i]), y = larger(&nodes[j]);

	if (x != y)
		return x < y ? -1 : 1;
	return i < j ? 1 : -1;
}

static void link_siblings(struct profile_diff *d)
{
	uint32_t *order = mem_alloc(d->n_nodes, sizeof(*order));

	for (size_t i = 0; i < d->n_nodes; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, d->n_nodes, sizeof(*order), by_total, d->nodes);
	for (size_t i = 0; i < d->n_nodes; i++) {
		struct diff_node *n = &d->nodes[order[i]];

		if (order[i] == 0)
			continue;
		n->next_sibling = d->nodes[n->parent].first_child;
		d->nodes[n->parent].first_child = order[i];
	}
	free(order);
}

static void nodes_make(struct profile_diff *d, const struct match *m, const struct profile *before,
	const struct profile *after)
{
	struct view_tree t;
	struct sums sums[2];
	uint32_t *at[2], *to;

	view_tree_init(&t);
	at[0] = hang(&t, before, m->of[0]);
	at[1] = hang(&t, after, m->of[1]);
	sums_init(&sums[0], &t, before, at[0], d->clock);
	sums_init(&sums[1], &t, after, at[1], d->clock);
	d->nodes = mem_zalloc(t.n, sizeof(*d->nodes));
	to = mem_zalloc(t.n, sizeof(*to));
	for (size_t i = 0; i < t.n; i++) {
		const struct match_function *f =
			&m->functions[i ? t.nodes[i].function : m->of[0][0]];

		if (i > 0 && !sums[0].total[i] && !sums[1].total[i])
			continue; /* nothing of this clock */
		to[i] = (uint32_t)d->n_nodes;
		d->nodes[d->n_nodes++] = (struct diff_node){.name = f->name,
			.file = f->file,
			.kind = f->kind,
			.parent = to[t.nodes[i].parent],
			.before = side_of(&sums[0], i),
			.after = side_of(&sums[1], i)};
	}
	link_siblings(d);
	for (int i = 0; i < 2; i++) {
		sums_release(&sums[i]);
		free(at[i]);
	}
	free(to);
	view_tree_release(&t);
}

void profile_diff_make(struct profile_diff *d, const struct profile *a, const struct profile *b,
	enum profile_clock clock)
{
	struct match m;

	*d = (struct profile_diff){.clock = clock};
	match_init(&m, d, a, b);
	nodes_make(d, &m, a, b);
	diff_rows_make(d, &m, a, b);
	match_release(&m);
}

void profile_diff_release(struct profile_diff *d)
{
	for (size_t i = 0; i < d->n_texts; i++)
		free(d->texts[i]);
	free(d->texts);
	free(d->nodes);
	free(d->rows);
	*d = (struct profile_diff){0};
}

static json_t *side_to_json(const struct diff_side *s)
{
	return json_pack("{s:o, s:o, s:I}", "self", json_number(s->self), "total",
		json_number(s->total), "samples", (json_int_t)s->samples);
}

json_t *profile_diff_to_json(const struct profile_diff *d)
{
	json_t *nodes = json_array(), *rows = json_array();

	for (size_t i = 0; i < d->n_nodes; i++) {
		const struct diff_node *n = &d->nodes[i];

		json_array_append_new(
			nodes, json_pack("{s:i, s:s, s:s, s:s, s:o, s:o}", "parent", (int)n->parent,
				       "kind", PROFILE_KIND_WORDS[n->kind], "name", n->name, "file",
				       n->file, "before", side_to_json(&n->before), "after",
				       side_to_json(&n->after)));
	}
	for (size_t i = 0; i < d->n_rows; i++) {
		const struct diff_row *r = &d->rows[i];

		json_array_append_new(rows,
			json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "kind",
				PROFILE_KIND_WORDS[r->kind], "name", r->name, "file", r->file,
				"before", side_to_json(&r->before), "after",
				side_to_json(&r->after), "change_low", json_number(r->change_low),
				"change_high", json_number(r->change_high), "p", json_number(r->p),
				"real", r->real));
	}
	return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o}", "clock", PROFILE_CLOCK_WORDS[d->clock],
		"timed", d->timed, "before_s", json_number(d->before_s), "after_s",
		json_number(d->after_s), "functions", rows, "nodes", nodes);
}

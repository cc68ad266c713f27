/* The functions of a difference, and which of them have really changed. */
#include "profile/diff_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "profile/view_tree.h"
#include "profile/walk.h"
#include "profile/worth.h"
#include "stats/dist.h"

/* What one of the two profiles has of every function. */
struct side {
	const struct profile *p;
	uint64_t *self, *total, *samples;
	double whole; /* of the clock */
	double n_samples;
	size_t n_slices;
	double (*slices)[PROFILE_MAX_SLICES]; /* of each function */
	double all[PROFILE_MAX_SLICES];
};

static void side_init(struct side *s, const struct match *m, const struct profile *p,
	const uint32_t *of, enum profile_clock clock)
{
	uint32_t *inside = mem_zalloc(m->n, sizeof(*inside));
	struct walk w;

	*s = (struct side){.p = p, .n_slices = worth_count(p)};
	s->self = mem_zalloc(m->n, sizeof(*s->self));
	s->total = mem_zalloc(m->n, sizeof(*s->total));
	s->samples = mem_zalloc(m->n, sizeof(*s->samples));
	walk_init(&w, p);
	while (walk_next(&w)) {
		const struct profile_node *n = &p->nodes[w.at];
		uint32_t f = of[n->function];

		if (w.way == WALK_UP) {
			inside[f]--;
			continue;
		}
		s->self[f] += profile_weigh(&n->self, clock);
		if (inside[f]++ == 0) {
			s->total[f] += profile_weigh(&w.total[w.at], clock);
			s->samples[f] += w.total[w.at].samples;
		}
	}
	s->whole = (double)profile_weigh(&w.total[0], clock);
	s->n_samples = (double)w.total[0].samples;
	walk_release(&w);
	free(inside);
	if (s->n_slices == 0)
		return;
	s->slices = mem_zalloc(m->n, sizeof(*s->slices));
	worth_add_row(s->all, &p->slices.rows[0], clock);
	for (size_t i = 0; i < p->n_functions && i < p->slices.cap_row_of; i++)
		if (p->slices.row_of[i])
			worth_add_row(
				s->slices[of[i]], &p->slices.rows[p->slices.row_of[i]], clock);
}

static void side_release(struct side *s)
{
	free(s->self);
	free(s->total);
	free(s->samples);
	free(s->slices);
}

static double share(uint64_t part, double whole)
{
	return whole > 0 ? (double)part / whole : 0;
}

static struct diff_side row_side(const struct side *s, uint32_t f)
{
	return (struct diff_side){
		share(s->self[f], s->whole), share(s->total[f], s->whole), s->samples[f]};
}

static void judge(struct diff_row *row, const struct side sides[2], uint32_t f)
{
	struct worth_slices s[2];
	struct worth w[2];

	for (int i = 0; i < 2; i++) {
		memcpy(s[i].own, sides[i].slices[f], sizeof(s[i].own));
		memcpy(s[i].all, sides[i].all, sizeof(s[i].all));
		s[i].n = sides[i].n_slices;
		s[i].share = i ? row->after.self : row->before.self;
		s[i].samples = sides[i].n_samples;
	}
	worth_find(w, s, 2);
	worth_newcombe(
		&w[0], &w[1], dist_t_quantile(.975, w[0].df), &row->change_low, &row->change_high);
	row->p = worth_p(&w[0], &w[1], s);
}

static int by_p(const void *a, const void *b)
{
	const struct diff_row *x = *(struct diff_row *const *)a, *y = *(struct diff_row *const *)b;

	return (x->p > y->p) - (x->p < y->p);
}

/* Benjamini and Hochberg 1995: the largest k whose k-th p-value is at most k/n of 5 %. Functions
 * that neither profile has time of its own in are no question. */
static void mark_real(struct diff_row *rows, size_t n)
{
	struct diff_row **order = mem_alloc(n + 1, sizeof(*order));
	size_t m = 0, k;

	for (size_t i = 0; i < n; i++)
		if (rows[i].before.self > 0 || rows[i].after.self > 0)
			order[m++] = &rows[i];
	if (m > 0)
		qsort(order, m, sizeof(*order), by_p);
	for (k = m; k > 0 && !(order[k - 1]->p <= .05 * (double)k / (double)m); k--)
		;
	while (k-- > 0)
		order[k]->real = true;
	free(order);
}

static int by_change(const void *a, const void *b)
{
	const struct diff_row *x = a, *y = b;
	double change_x = fabs(x->after.self - x->before.self),
	       change_y = fabs(y->after.self - y->before.self);
	int order;

	if (x->real != y->real)
		return x->real ? -1 : 1;
	if (change_x != change_y)
		return change_x > change_y ? -1 : 1;
	order = strcmp(x->name, y->name);
	return order ? order : strcmp(x->file, y->file);
}

void diff_rows_make(struct profile_diff *d, const struct match *m, const struct profile *before,
	const struct profile *after)
{
	struct side sides[2];

	side_init(&sides[0], m, before, m->of[0], d->clock);
	side_init(&sides[1], m, after, m->of[1], d->clock);
	d->timed = sides[0].slices && sides[1].slices && sides[0].whole > 0 && sides[1].whole > 0;
	d->before_s = sides[0].whole / (d->clock == PROFILE_CLOCK_SAMPLES ? 1 : 1e9);
	d->after_s = sides[1].whole / (d->clock == PROFILE_CLOCK_SAMPLES ? 1 : 1e9);
	d->rows = mem_zalloc(m->n + 1, sizeof(*d->rows));
	for (uint32_t f = 0; f < m->n; f++) {
		struct diff_row *row = &d->rows[d->n_rows];

		if (!view_is_frame(m->functions[f].kind) ||
			(!sides[0].total[f] && !sides[1].total[f]))
			continue;
		*row = (struct diff_row){.name = m->functions[f].name,
			.file = m->functions[f].file,
			.kind = m->functions[f].kind,
			.before = row_side(&sides[0], f),
			.after = row_side(&sides[1], f),
			.change_low = NAN,
			.change_high = NAN,
			.p = NAN};
		if (d->timed)
			judge(row, sides, f);
		d->n_rows++;
	}
	if (d->timed)
		mark_real(d->rows, d->n_rows);
	if (d->n_rows > 0)
		qsort(d->rows, d->n_rows, sizeof(*d->rows), by_change);
	side_release(&sides[0]);
	side_release(&sides[1]);
}

/* The order of time: moments, of which there are at most so many, and slices, by which the spread
 * of a function's time is known. Both get coarser as the profile gets longer. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "profile/profile.h"
#include "profile/profile_index.h"

/* Room for a thread's newest moment. */
static uint32_t *last_of(struct profile *p, uint32_t thread)
{
	struct profile_index *x = p->index;
	size_t had = x->cap_last_moment;

	if (thread >= had) {
		x->last_moment = mem_grow(
			x->last_moment, &x->cap_last_moment, thread + 1, sizeof(*x->last_moment));
		memset(x->last_moment + had, 0,
			(x->cap_last_moment - had) * sizeof(*x->last_moment));
	}
	return &x->last_moment[thread];
}

/* Makes `before` longer by `m` where the two belong together, or where `before` is too short to
 * stand alone and `m` is near. */
static bool joined(struct profile *p, struct profile_moment *before, const struct profile_moment *m)
{
	uint64_t end = before->start_ns + before->length_ns;
	bool same = before->node == m->node && m->start_ns <= end;
	bool near = before->length_ns < p->moment_least_ns &&
		    (m->start_ns <= end || m->start_ns - end < p->moment_least_ns);

	if (!same && !near)
		return false;
	if (!same && m->length_ns > 0 &&
		rng_uniform(&p->index->rng) * (double)(before->length_ns + m->length_ns) >=
			(double)before->length_ns)
		before->node = m->node;
	before->length_ns = profile_sum(before->length_ns, m->length_ns);
	return true;
}

/* Puts a moment behind those that are there; they may begin a little later than it does, for
 * threads are looked at one after the other. */
static void put(struct profile *p, const struct profile_moment *m)
{
	uint32_t *last = last_of(p, m->thread);
	size_t at = p->n_moments;

	if (*last && joined(p, &p->moments[*last - 1], m))
		return;
	for (; at > 0 && p->moments[at - 1].start_ns > m->start_ns; at--) {
		uint32_t *moved = last_of(p, p->moments[at - 1].thread);

		p->moments[at] = p->moments[at - 1];
		if (*moved == at)
			*moved = (uint32_t)at + 1;
	}
	p->moments[at] = *m;
	p->n_moments++;
	*last_of(p, m->thread) = (uint32_t)at + 1;
}

/* Doubles the least length and puts all moments again, until a quarter of the room is free. */
static void coarsen(struct profile *p)
{
	while (p->n_moments > (size_t)PROFILE_MAX_MOMENTS / 4 * 3 &&
		p->moment_least_ns < UINT64_MAX / 4) {
		size_t n = p->n_moments;

		p->moment_least_ns = p->moment_least_ns ? 2 * p->moment_least_ns : 1000;
		for (size_t i = 0; i < n; i++)
			*last_of(p, p->moments[i].thread) = 0;
		p->n_moments = 0;
		for (size_t i = 0; i < n; i++) {
			struct profile_moment m = p->moments[i];

			put(p, &m);
		}
	}
}

void profile_add_moment(
	struct profile *p, uint32_t thread, uint32_t node, uint64_t start_ns, uint64_t length_ns)
{
	struct profile_moment m = {
		start_ns, length_ns, thread & ~PROFILE_FOLDED, node & ~PROFILE_FOLDED};

	if (p->n_moments == PROFILE_MAX_MOMENTS)
		coarsen(p);
	if (p->n_moments == PROFILE_MAX_MOMENTS)
		return;
	p->moments = mem_grow(p->moments, &p->cap_moments, p->n_moments + 1, sizeof(*p->moments));
	put(p, &m);
}

void profile_put_moment(struct profile *p, const struct profile_moment *m)
{
	p->moments = mem_grow(p->moments, &p->cap_moments, p->n_moments + 1, sizeof(*p->moments));
	p->moments[p->n_moments++] = *m;
	*last_of(p, m->thread) = (uint32_t)p->n_moments;
}

/* ---- slices ---- */

enum {
	FIRST_SLICE_SAMPLES = 8,
	MAX_SLICE_ROWS = 20000, /* 15 MB; the functions after those are not told from noise */
};

void profile_slices_begin(struct profile *p)
{
	struct profile_slices *s = &p->slices;

	s->n = 1;
	s->samples = FIRST_SLICE_SAMPLES;
	s->rows = mem_grow(s->rows, &s->cap_rows, 16, sizeof(*s->rows));
	s->n_rows = 2;
	memset(s->rows, 0, 2 * sizeof(*s->rows));
}

struct profile_slice_row *profile_slice_row(struct profile *p, uint32_t function)
{
	struct profile_slices *s = &p->slices;
	size_t had = s->cap_row_of;

	if (s->n == 0)
		profile_slices_begin(p);
	if (function >= had) {
		s->row_of = mem_grow(s->row_of, &s->cap_row_of, function + 1, sizeof(*s->row_of));
		memset(s->row_of + had, 0, (s->cap_row_of - had) * sizeof(*s->row_of));
	}
	if (s->row_of[function] == 0) {
		if (s->n_rows == MAX_SLICE_ROWS)
			return &s->rows[1];
		s->rows = mem_grow(s->rows, &s->cap_rows, s->n_rows + 1, sizeof(*s->rows));
		memset(&s->rows[s->n_rows], 0, sizeof(s->rows[0]));
		s->row_of[function] = (uint32_t)s->n_rows++;
	}
	return &s->rows[s->row_of[function]];
}

void profile_slices_drop(struct profile *p)
{
	free(p->slices.rows);
	free(p->slices.row_of);
	p->slices = (struct profile_slices){0};
}

static void halve(uint64_t *values)
{
	for (size_t i = 0; i < PROFILE_MAX_SLICES / 2; i++)
		values[i] = profile_sum(values[2 * i], values[2 * i + 1]);
	memset(values + PROFILE_MAX_SLICES / 2, 0, sizeof(*values) * PROFILE_MAX_SLICES / 2);
}

void profile_slices_step(struct profile *p, uint64_t samples)
{
	struct profile_slices *s = &p->slices;

	s->filled = profile_sum(s->filled, samples);
	if (s->filled < s->samples)
		return;
	if (s->n == PROFILE_MAX_SLICES) {
		for (size_t i = 0; i < s->n_rows; i++) {
			halve(s->rows[i].wall_ns);
			halve(s->rows[i].cpu_ns);
			halve(s->rows[i].gil_ns);
		}
		s->n = PROFILE_MAX_SLICES / 2;
		s->samples *= 2;
	}
	s->n++;
	s->filled = 0;
}

static void row_add(struct profile_slice_row *row, size_t slice,
	const struct profile_slice_row *from, size_t from_slice)
{
	row->wall_ns[slice] = profile_sum(row->wall_ns[slice], from->wall_ns[from_slice]);
	row->cpu_ns[slice] = profile_sum(row->cpu_ns[slice], from->cpu_ns[from_slice]);
	row->gil_ns[slice] = profile_sum(row->gil_ns[slice], from->gil_ns[from_slice]);
}

void profile_slices_merge(
	struct profile *p, const struct profile *from, const uint32_t *function_of)
{
	const struct profile_slices *s = &from->slices;

	for (size_t slice = 0; slice < s->n; slice++) {
		const struct profile_slice_row *all = &s->rows[0];
		size_t to;

		profile_slice_row(p, 0);
		to = p->slices.n - 1;
		for (size_t f = 0; f < from->n_functions && f < s->cap_row_of; f++)
			if (s->row_of[f])
				row_add(profile_slice_row(p, function_of[f]), to,
					&s->rows[s->row_of[f]], slice);
		row_add(&p->slices.rows[0], to, all, slice);
		profile_slices_step(p, slice + 1 < s->n ? s->samples : s->filled);
	}
}

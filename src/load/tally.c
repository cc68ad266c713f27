#include <stdlib.h>

#include "base/mem.h"
#include "load/load_internal.h"

void load_tally_init(struct load_tally *t, size_t n_targets, size_t n_checks)
{
	*t = (struct load_tally){.n_targets = n_targets, .n_checks = n_checks};
	hist_init(&t->latency);
	hist_init(&t->from_send);
	hist_init(&t->first_byte);
	hist_init(&t->late);
	t->targets = mem_zalloc(n_targets + 1, sizeof(*t->targets));
	for (size_t i = 0; i < n_targets && i < LOAD_TARGETS_TIMED; i++)
		hist_init(&t->targets[i].latency);
	for (size_t i = LOAD_TARGETS_TIMED; i < n_targets; i++)
		t->targets[i].latency.min = UINT64_MAX;
	t->passed = mem_zalloc(n_checks + 1, sizeof(*t->passed));
	t->failed = mem_zalloc(n_checks + 1, sizeof(*t->failed));
}

void load_tally_release(struct load_tally *t)
{
	hist_release(&t->latency);
	hist_release(&t->from_send);
	hist_release(&t->first_byte);
	hist_release(&t->late);
	for (size_t i = 0; t->targets && i < t->n_targets; i++)
		hist_release(&t->targets[i].latency);
	free(t->targets);
	free(t->passed);
	free(t->failed);
	*t = (struct load_tally){0};
}

static void move_count(uint64_t *into, uint64_t *from)
{
	*into += *from;
	*from = 0;
}

static void move_counts(uint64_t *into, uint64_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		move_count(&into[i], &from[i]);
}

/* Without buckets there are the sums alone. */
static void move_sums(struct hist *into, struct hist *from)
{
	into->n += from->n;
	into->min = from->min < into->min ? from->min : into->min;
	into->max = from->max > into->max ? from->max : into->max;
	into->sum += from->sum;
	into->sum_squares += from->sum_squares;
	*from = (struct hist){.min = UINT64_MAX};
}

static void move_hist(struct hist *into, struct hist *from)
{
	if (!from->n)
		return;
	if (!from->counts) {
		move_sums(into, from);
		return;
	}
	hist_merge(into, from);
	hist_clear(from);
}

void load_tally_time(struct load_target_tally *t, uint64_t ns)
{
	struct hist one = {.n = 1, .min = ns, .max = ns, .sum = (double)ns};

	if (t->latency.counts) {
		hist_record(&t->latency, ns);
		return;
	}
	one.sum_squares = one.sum * one.sum;
	move_sums(&t->latency, &one);
}

void load_tally_move(struct load_tally *into, struct load_tally *from)
{
	move_count(&into->started, &from->started);
	move_count(&into->completed, &from->completed);
	move_count(&into->waited, &from->waited);
	move_counts(into->errors, from->errors, LOAD_N_ERRORS);
	move_counts(into->status, from->status, 600);
	move_hist(&into->latency, &from->latency);
	move_hist(&into->from_send, &from->from_send);
	move_hist(&into->first_byte, &from->first_byte);
	move_hist(&into->late, &from->late);
	for (size_t i = 0; i < from->n_targets; i++) {
		struct load_target_tally *a = &into->targets[i], *b = &from->targets[i];

		move_count(&a->completed, &b->completed);
		move_counts(a->errors, b->errors, LOAD_N_ERRORS);
		move_hist(&a->latency, &b->latency);
	}
	move_counts(into->passed, from->passed, from->n_checks);
	move_counts(into->failed, from->failed, from->n_checks);
}

uint64_t load_tally_errors(const struct load_tally *t)
{
	uint64_t n = 0;

	for (int i = 0; i < LOAD_N_ERRORS; i++)
		n += t->errors[i];
	return n;
}

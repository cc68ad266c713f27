#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "load/load_internal.h"

/* A second that some workers have not handed over yet. */
struct load_open_second {
	size_t second;
	unsigned handed; /* workers that handed all of it over */
	double seconds;
	uint64_t started, completed, errors;
	struct hist latency, late;
};

/* Fine where runs are short: 0.5, 1, 1.5, 2, 3, 4, 6, 8, … 32 s. */
const size_t LOAD_SEGMENT_ENDS[LOAD_SEGMENT_LAST - LOAD_SEGMENT_0 + 1] = {
	5, 10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320, SIZE_MAX};

enum load_part load_part_of_slice(size_t slice)
{
	unsigned part = LOAD_SEGMENT_0;

	while (slice >= LOAD_SEGMENT_ENDS[part - LOAD_SEGMENT_0])
		part++;
	return (enum load_part)part;
}

void load_collector_init(struct load_collector *c, const struct load_plan *plan, bool hand_on)
{
	*c = (struct load_collector){.plan = plan, .workers = plan->threads, .hand_on = hand_on};
	c->closed_end = &c->closed;
	pthread_mutex_init(&c->lock, NULL);
	for (int i = 0; i < LOAD_PARTS; i++)
		load_tally_init(&c->parts[i], plan->n_targets, plan->scenario->n_checks);
}

void load_closed_second_free(struct load_closed_second *s)
{
	hist_release(&s->latency);
	free(s);
}

void load_collector_release(struct load_collector *c)
{
	if (!c->plan)
		return;
	for (size_t i = 0; i < c->open_cap; i++) {
		hist_release(&c->open[i].latency);
		hist_release(&c->open[i].late);
	}
	for (struct load_closed_second *s; (s = load_collector_take(c));)
		load_closed_second_free(s);
	for (int i = 0; i < LOAD_PARTS; i++)
		load_tally_release(&c->parts[i]);
	free(c->open);
	free(c->slices);
	free(c->series);
	pthread_mutex_destroy(&c->lock);
}

/* The place of a second that is open, or a new one. Places keep their histograms to be used again.
 */
static struct load_open_second *open_second(struct load_collector *c, size_t second)
{
	size_t i = 0;

	while (i < c->n_open && c->open[i].second != second)
		i++;
	if (i < c->n_open)
		return &c->open[i];
	if (c->n_open == c->open_cap) {
		c->open = mem_resize(c->open, ++c->open_cap, sizeof(*c->open));
		hist_init(&c->open[i].latency);
		hist_init(&c->open[i].late);
	}
	c->n_open++;
	c->open[i].second = second;
	c->open[i].handed = 0;
	c->open[i].seconds = 0;
	c->open[i].started = c->open[i].completed = c->open[i].errors = 0;
	return &c->open[i];
}

static double seconds_of(const struct hist *h, double percent)
{
	return h->n ? (double)hist_percentile(h, percent) / NS_PER_S : NAN;
}

static struct load_second describe(const struct load_collector *c, const struct load_open_second *s)
{
	const struct load_schedule *schedule = &c->plan->schedule;
	double from_start = (double)(c->plan->window_ns - c->plan->start_ns) / NS_PER_S;
	double start = (double)s->second;

	return (struct load_second){
		.start_s = start,
		.seconds = s->seconds,
		.started = s->started,
		.completed = s->completed,
		.errors = s->errors,
		.asked_rate = schedule->n ? load_schedule_rate(
						    schedule, from_start + start + s->seconds / 2)
					  : NAN,
		.mean_latency_s = s->latency.n ? hist_mean(&s->latency) / NS_PER_S : NAN,
		.p50_s = seconds_of(&s->latency, 50),
		.p99_s = seconds_of(&s->latency, 99),
		.max_s = s->latency.n ? (double)s->latency.max / NS_PER_S : NAN,
		.late_p99_s = schedule->n ? seconds_of(&s->late, 99) : NAN,
	};
}

static double larger(double a, double b)
{
	return isnan(a) || b > a ? b : a;
}

static double mean_of(double a, double weight_a, double b, double weight_b)
{
	if (!(weight_a > 0) || isnan(a))
		return b;
	if (!(weight_b > 0) || isnan(b))
		return a;
	return (a * weight_a + b * weight_b) / (weight_a + weight_b);
}

static void join(struct load_second *into, const struct load_second *s)
{
	into->mean_latency_s = mean_of(into->mean_latency_s, (double)into->completed,
		s->mean_latency_s, (double)s->completed);
	into->asked_rate = mean_of(into->asked_rate, into->seconds, s->asked_rate, s->seconds);
	into->p50_s = larger(into->p50_s, s->p50_s);
	into->p99_s = larger(into->p99_s, s->p99_s);
	into->max_s = larger(into->max_s, s->max_s);
	into->late_p99_s = larger(into->late_p99_s, s->late_p99_s);
	into->seconds += s->seconds;
	into->started += s->started;
	into->completed += s->completed;
	into->errors += s->errors;
}

/* Half as many entries, each for twice as long. */
static void fold_series(struct load_collector *c)
{
	for (size_t i = 0; i < c->n_series / 2; i++) {
		c->series[i] = c->series[2 * i];
		join(&c->series[i], &c->series[2 * i + 1]);
	}
	c->n_series /= 2;
	c->series_fold++;
}

/* Seconds may close out of order, by a few; so an entry is made for each up to this one. */
static void put_into_series(struct load_collector *c, size_t second, const struct load_second *s)
{
	size_t at = second >> c->series_fold;

	while (at >= LOAD_SERIES_MAX) {
		fold_series(c);
		at = second >> c->series_fold;
	}
	while (c->n_series <= at) {
		c->series =
			mem_grow(c->series, &c->series_cap, c->n_series + 1, sizeof(*c->series));
		c->series[c->n_series] = (struct load_second){
			.start_s = (double)(c->n_series << c->series_fold),
			.asked_rate = NAN,
			.mean_latency_s = NAN,
			.p50_s = NAN,
			.p99_s = NAN,
			.max_s = NAN,
			.late_p99_s = NAN,
		};
		c->n_series++;
	}
	join(&c->series[at], s);
}

static void hand_on(struct load_collector *c, const struct load_second *s, const struct hist *h)
{
	struct load_closed_second *closed = mem_zalloc(1, sizeof(*closed));

	closed->second = *s;
	hist_init(&closed->latency);
	hist_merge(&closed->latency, h);
	*c->closed_end = closed;
	c->closed_end = &closed->next;
}

static void close_second(struct load_collector *c, struct load_open_second *s)
{
	struct load_second second = describe(c, s);
	struct load_open_second place;

	put_into_series(c, s->second, &second);
	if (c->hand_on)
		hand_on(c, &second, &s->latency);
	hist_clear(&s->latency);
	hist_clear(&s->late);
	place = *s;
	*s = c->open[--c->n_open];
	c->open[c->n_open] = place;
}

/* The earliest first, so that they are handed on in order. */
static void close_handed(struct load_collector *c)
{
	for (;;) {
		struct load_open_second *first = NULL;

		for (size_t i = 0; i < c->n_open; i++)
			if (!first || c->open[i].second < first->second)
				first = &c->open[i];
		if (!first || first->handed < c->workers)
			return;
		close_second(c, first);
	}
}

static void add_to_slices(struct load_collector *c, size_t slice, const struct load_tally *t)
{
	if (slice >= LOAD_SLICES_MAX)
		return;
	while (c->n_slices <= slice) {
		c->slices =
			mem_grow(c->slices, &c->slices_cap, c->n_slices + 1, sizeof(*c->slices));
		c->slices[c->n_slices++] = (struct load_slice){0};
	}
	c->slices[slice].completed += t->completed;
	c->slices[slice].ended += t->latency.n;
	c->slices[slice].latency_sum += t->latency.sum;
	c->slices[slice].handed++;
}

void load_collector_hand_over(struct load_collector *c, enum load_part part, size_t slice,
	double length_s, bool ends_second, struct load_tally *tally)
{
	pthread_mutex_lock(&c->lock);
	if (part != LOAD_WARMING && part != LOAD_DRAINING) {
		size_t second = slice / LOAD_SLICES_A_SECOND;
		struct load_open_second *s = open_second(c, second);
		double until = (double)(slice % LOAD_SLICES_A_SECOND) / LOAD_SLICES_A_SECOND;

		s->seconds = larger(s->seconds, until + length_s);
		s->started += tally->started;
		s->completed += tally->completed;
		s->errors += load_tally_errors(tally);
		hist_merge(&s->latency, &tally->latency);
		hist_merge(&s->late, &tally->late);
		s->handed += ends_second;
		add_to_slices(c, slice, tally);
		close_handed(c);
	}
	load_tally_move(&c->parts[part], tally);
	pthread_mutex_unlock(&c->lock);
}

void load_collector_leave(struct load_collector *c, size_t handed)
{
	pthread_mutex_lock(&c->lock);
	c->workers--;
	/* What it handed over counts one fewer on both sides. */
	for (size_t i = 0; i < c->n_open; i++)
		c->open[i].handed -= c->open[i].second < handed;
	close_handed(c);
	pthread_mutex_unlock(&c->lock);
}

struct load_slice *load_collector_slices(struct load_collector *c, size_t *n)
{
	struct load_slice *copy;

	pthread_mutex_lock(&c->lock);
	for (*n = 0; *n < c->n_slices && c->slices[*n].handed >= c->workers; ++*n)
		;
	copy = mem_alloc(*n + 1, sizeof(*copy));
	if (*n)
		memcpy(copy, c->slices, *n * sizeof(*copy));
	pthread_mutex_unlock(&c->lock);
	return copy;
}

struct load_closed_second *load_collector_take(struct load_collector *c)
{
	struct load_closed_second *s;

	pthread_mutex_lock(&c->lock);
	s = c->closed;
	if (s) {
		c->closed = s->next;
		if (!c->closed)
			c->closed_end = &c->closed;
	}
	pthread_mutex_unlock(&c->lock);
	return s;
}

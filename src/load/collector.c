#include "load/load_internal.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

void load_collector_init(struct load_collector *c, unsigned workers)
{
	*c = (struct load_collector){.workers = workers};
	pthread_mutex_init(&c->lock, NULL);
	hist_init(&c->total);
}

void load_collector_release(struct load_collector *c)
{
	for (size_t i = 0; i < c->open_cap; i++)
		hist_release(&c->open[i].latency);
	free(c->open);
	free(c->series);
	hist_release(&c->total);
	pthread_mutex_destroy(&c->lock);
}

/* The place of a second that is open, or a new one. Slots keep their histograms to be used again.
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
	}
	c->n_open++;
	c->open[i].second = second;
	c->open[i].handed = 0;
	c->open[i].errors = 0;
	return &c->open[i];
}

static void close_second(struct load_collector *c, struct load_open_second *s)
{
	struct load_open_second slot;

	while (c->n_series <= s->second) {
		c->series = mem_grow(c->series, &c->cap, c->n_series + 1, sizeof(*c->series));
		c->series[c->n_series++] =
			(struct load_second){.mean_latency_s = NAN, .p50_s = NAN, .p99_s = NAN};
	}
	if (s->latency.n)
		c->series[s->second] = (struct load_second){
			.mean_latency_s = hist_mean(&s->latency) / NS_PER_S,
			.p99_s = (double)hist_percentile(&s->latency, 99) / NS_PER_S,
		};
	c->series[s->second].completed = s->latency.n;
	c->series[s->second].errors = s->errors;
	hist_clear(&s->latency);
	slot = *s;
	*s = c->open[--c->n_open];
	c->open[c->n_open] = slot;
}

static void close_handed(struct load_collector *c)
{
	for (size_t i = c->n_open; i-- > 0;)
		if (c->open[i].handed >= c->workers)
			close_second(c, &c->open[i]);
}

void load_collector_hand_over(
	struct load_collector *c, size_t second, struct hist *latency, uint64_t errors)
{
	struct load_open_second *s;

	pthread_mutex_lock(&c->lock);
	hist_merge(&c->total, latency);
	s = open_second(c, second);
	hist_merge(&s->latency, latency);
	s->errors += errors;
	s->handed++;
	close_handed(c);
	pthread_mutex_unlock(&c->lock);
	hist_clear(latency);
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

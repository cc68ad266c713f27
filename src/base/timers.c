#include "base/timers.h"

#include <stdlib.h>

#include "base/mem.h"

void timers_release(struct timers *t)
{
	free(t->heap);
	*t = (struct timers){0};
}

static void put(struct timers *t, size_t place, struct timer *timer)
{
	t->heap[place] = timer;
	timer->place = place;
}

static void sift_up(struct timers *t, size_t place, struct timer *timer)
{
	while (place > 1 && t->heap[place / 2]->at_ns > timer->at_ns) {
		put(t, place, t->heap[place / 2]);
		place /= 2;
	}
	put(t, place, timer);
}

static void sift_down(struct timers *t, size_t place, struct timer *timer)
{
	for (size_t child; (child = 2 * place) <= t->n; place = child) {
		if (child < t->n && t->heap[child + 1]->at_ns < t->heap[child]->at_ns)
			child++;
		if (t->heap[child]->at_ns >= timer->at_ns)
			break;
		put(t, place, t->heap[child]);
	}
	put(t, place, timer);
}

void timer_set(struct timers *t, struct timer *timer, uint64_t at_ns)
{
	timer_cancel(t, timer);
	timer->at_ns = at_ns;
	t->heap = mem_grow(t->heap, &t->cap, t->n + 2, sizeof(struct timer *));
	sift_up(t, ++t->n, timer);
}

void timer_cancel(struct timers *t, struct timer *timer)
{
	size_t place = timer->place;

	if (!place)
		return;
	struct timer *last = t->heap[t->n--];

	timer->place = 0;
	if (last == timer)
		return;
	if (place > 1 && t->heap[place / 2]->at_ns > last->at_ns)
		sift_up(t, place, last);
	else
		sift_down(t, place, last);
}

uint64_t timers_next(const struct timers *t)
{
	return t->n ? t->heap[1]->at_ns : UINT64_MAX;
}

void timers_fire(struct timers *t, uint64_t now_ns)
{
	while (t->n && t->heap[1]->at_ns <= now_ns) {
		struct timer *timer = t->heap[1];

		timer_cancel(t, timer);
		timer->fire(timer);
	}
}

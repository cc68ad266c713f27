#include "pyremote/sweep.h"

#include <string.h>

#include "native/remote.h"

/*
 * The interpreter lock, and what follows from it. A thread's frames change only while it holds the
 * lock, and the lock counts how often it went from one thread to another. So when the count is the
 * same as before the last sweep's stacks were read, nobody but its last holder has run Python code
 * since, and all other stacks are as they were; when it is one more, the last holder and the new
 * one. That is exact, where CPU clocks are not: the kernel brings the clock of a running thread up
 * to date for others only at ticks (4 ms at 250 Hz).
 *
 * It holds for one interpreter with one state for each thread: PyThreadState_Swap() up to 3.11
 * changes the state without a word to the lock. A state that another thread deletes (embedders do)
 * is found at the next look at all, SWEEP_WHOLE_EVERY sweeps later at most.
 */

enum { RUNTIME_BYTES = 8192, FIND_TRIES = 64, INTERVAL_MAX_US = 100 * 1000 * 1000 };

static struct python_thread *state_find(const struct python *p, uint64_t state)
{
	for (size_t i = 0; state && i < p->sweep.n; i++)
		if (p->sweep.threads[i]->state == state)
			return p->sweep.threads[i];
	return NULL;
}

/* Up to 3.11 the lock lies in the runtime, at a place that differs by patch version: microseconds
 * of the switch interval, then a thread's state, whether it is locked, the count. */
void gil_find(struct python *p)
{
	struct sweep_work *w = p->sweep_work;
	uint8_t bytes[RUNTIME_BYTES];
	uint64_t at = 0;
	size_t size = sizeof(bytes), n = 0;

	if (w->n_interpreters == 0 || w->interpreters[0].gil.address || p->layout.minor >= 12 ||
		w->gil_tries >= FIND_TRIES)
		return;
	w->gil_tries++;
	while (!remote_read(p->pid, p->about.runtime, bytes, size))
		if ((size /= 2) < 512)
			return;
	for (size_t i = 0; i + 8 + sizeof(struct gil_bytes) <= size; i += 8) {
		uint64_t interval;
		struct gil_bytes gil;

		memcpy(&interval, bytes + i, sizeof(interval));
		memcpy(&gil, bytes + i + 8, sizeof(gil));
		if (interval >= 1 && interval <= INTERVAL_MAX_US &&
			state_find(p, gil.last_holder) && (gil.locked == 0 || gil.locked == 1) &&
			gil.pad == 0 && gil.switches >> 48 == 0) {
			at = p->about.runtime + i + 8;
			n++;
		}
	}
	for (size_t i = 0; n == 1 && i < w->n_interpreters; i++)
		w->interpreters[i].gil.address = at;
}

void gil_mark(struct python *p)
{
	const struct sweep_work *w = p->sweep_work;

	for (size_t i = 0; i < p->sweep.n; i++) {
		struct python_thread *t = p->sweep.threads[i];

		t->gil = false;
		for (size_t k = 0; k < w->n_interpreters && !t->gil; k++) {
			const struct gil *gil = &w->interpreters[k].gil;

			t->gil = gil->address && gil->now.locked == 1 &&
				 gil->now.last_holder == t->state;
		}
	}
}

bool gil_held_by(const struct python *p, const struct python_thread *t)
{
	const struct sweep_work *w = p->sweep_work;
	struct gil_bytes now;

	for (size_t i = 0; i < w->n_interpreters; i++)
		if (w->interpreters[i].id == t->interpreter && w->interpreters[i].gil.address)
			return remote_read(
				       p->pid, w->interpreters[i].gil.address, &now, sizeof(now)) &&
			       now.locked == 1 && now.last_holder == t->state;
	return false;
}

struct python_thread *gil_runner(const struct python *p)
{
	const struct sweep_work *w = p->sweep_work;

	if (w->n_interpreters != 1 || !w->one_each || !w->interpreters[0].gil.address ||
		w->number % SWEEP_WHOLE_EVERY == 0)
		return NULL;
	return state_find(p, w->interpreters[0].gil.now.last_holder);
}

int gil_ran(const struct python *p, struct python_thread *two[2])
{
	const struct sweep_work *w = p->sweep_work;
	const struct gil *gil = &w->interpreters[0].gil;
	uint64_t switches = gil->now.switches - gil->before.switches;

	two[0] = state_find(p, gil->before.last_holder);
	two[1] = state_find(p, gil->now.last_holder);
	if (switches > 1 || !two[0] || !two[1] || (switches == 0) != (two[0] == two[1]))
		return -1;
	return two[0] == two[1] ? 1 : 2;
}

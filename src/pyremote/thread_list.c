#include "pyremote/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "native/remote.h"

/*
 * Which interpreters and threads there are. The list is followed in the process once, and after
 * that proven in every sweep by what is copied anyhow: each state has the address of the next.
 * Threads are put in and taken out at any moment, so a walk may lead into memory that is none of a
 * thread any more: a state has to name its interpreter, and lists have ceilings.
 */

static bool word_at(const struct python *p, uint64_t address, uint64_t *value)
{
	return remote_read(p->pid, address, value, sizeof(*value));
}

/* Where the lock's last_holder lies; 0: not known. */
static uint64_t lock_of(const struct python *p, uint64_t interpreter)
{
	const struct layout *l = &p->layout;
	uint64_t gil = 0;

	if (l->minor < 12 || l->interpreter.gil == NO_FIELD || l->gil.last_holder == NO_FIELD)
		return 0;
	if (!word_at(p, interpreter + l->interpreter.gil, &gil) || !gil)
		return 0;
	return gil + l->gil.last_holder;
}

static bool interpreters_read(struct python *p)
{
	struct sweep_work *w = p->sweep_work;
	const struct layout *l = &p->layout;
	uint64_t at, lock = w->n_interpreters ? w->interpreters[0].gil.address : 0;
	struct gil_bytes now = {0};

	/* Up to 3.11 the lock is one for all, and stays where it was found. */
	if (w->n_interpreters)
		now = w->interpreters[0].gil.now;
	if (l->minor >= 12)
		lock = 0;
	if (!word_at(p, p->about.runtime + l->runtime_interpreters, &at))
		return false;
	w->head = at;
	w->n_interpreters = 0;
	while (at && w->n_interpreters < SWEEP_MAX_INTERPRETERS) {
		struct interpreter one = {.address = at};

		if (!word_at(p, at + l->interpreter.next, &one.next) ||
			!word_at(p, at + l->interpreter.threads, &one.threads) ||
			!word_at(p, at + l->interpreter.id, &one.id))
			return false;
		one.gil.address = lock ? lock : lock_of(p, at);
		one.gil.now = now;
		w->interpreters = mem_grow(w->interpreters, &w->cap_interpreters,
			w->n_interpreters + 1, sizeof(*w->interpreters));
		w->interpreters[w->n_interpreters++] = one;
		at = one.next;
	}
	return true;
}

static void thread_free(struct python_thread *t)
{
	if (t)
		stack_release(t);
}

/* The thread with this state among the first n of `old`, which are likely in the same order. */
static struct python_thread *thread_known(
	struct python_thread **old, size_t n, size_t *hint, uint64_t state)
{
	for (size_t k = 0; k < n; k++) {
		size_t i = *hint + k < n ? *hint + k : *hint + k - n;

		if (old[i]->state == state) {
			*hint = i + 1 < n ? i + 1 : 0;
			return old[i];
		}
	}
	return NULL;
}

static struct python_thread *thread_new(struct python *p, uint64_t state, uint64_t pthread)
{
	struct sweep_work *w = p->sweep_work;
	struct python_thread *t = mem_zalloc(1, sizeof(*t));

	t->work = mem_zalloc(1, sizeof(*t->work));
	t->state = state;
	t->pthread = pthread;
	stack_start(p, &w->scratch, t);
	return t;
}

/* One state: known or new. NULL: it is none of this interpreter. */
static struct python_thread *state_read(struct python *p, const struct interpreter *of,
	struct python_thread **old, size_t n_old, size_t *hint, uint64_t state, uint64_t *next)
{
	const struct layout *l = &p->layout;
	uint64_t interpreter, pthread, native = 0;

	if (!word_at(p, state + l->thread.interpreter, &interpreter) ||
		interpreter != of->address || !word_at(p, state + l->thread.pthread, &pthread) ||
		!word_at(p, state + l->thread.next, next))
		return NULL;
	if (l->thread.native_id != NO_FIELD && !word_at(p, state + l->thread.native_id, &native))
		return NULL;

	struct python_thread *t = thread_known(old, n_old, hint, state);

	if (t && t->work->listed)
		return NULL; /* a circle */
	/* The same address again, and another thread: it is a new one. */
	if (!t || t->pthread != pthread || t->work->native != native)
		t = thread_new(p, state, pthread);
	t->work->native = native;
	t->work->listed = true;
	t->interpreter = (uint32_t)of->id;
	return t;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool one_state_each(const struct python *p)
{
	size_t n = p->sweep.n;
	uint64_t *ids = mem_alloc(n + 1, sizeof(*ids));
	bool differ = true;

	for (size_t i = 0; i < n; i++)
		ids[i] = p->sweep.threads[i]->pthread;
	qsort(ids, n, sizeof(*ids), by_number);
	for (size_t i = 0; i + 1 < n; i++)
		differ = differ && ids[i] != ids[i + 1];
	free(ids);
	return differ;
}

bool thread_list_read(struct python *p)
{
	struct sweep_work *w = p->sweep_work;
	struct python_thread **old = p->sweep.threads, **new = NULL;
	size_t n_old = p->sweep.n, n = 0, cap = 0, hint = 0, kept = 0;

	w->listed = false;
	if (!interpreters_read(p))
		return false;
	for (size_t i = 0; i < w->n_interpreters; i++) {
		uint64_t state = w->interpreters[i].threads, next = 0;

		for (; state && n < PYTHON_MAX_THREADS; state = next) {
			struct python_thread *t =
				state_read(p, &w->interpreters[i], old, n_old, &hint, state, &next);

			/* It ended while it was looked at. What is behind it is found next time. */
			if (!t)
				break;
			new = mem_grow(new, &cap, n + 1, sizeof(*new));
			new[n++] = t;
		}
	}
	for (size_t i = 0; i < n_old; i++) {
		if (old[i]->work->listed)
			kept++;
		else
			thread_free(old[i]);
	}
	free(old);
	p->sweep.threads = new;
	p->sweep.n = n;
	for (size_t i = 0; i < n; i++) {
		new[i]->work->listed = false;
		if (!new[i]->tid)
			new[i]->tid = python_tid(p, new[i]->pthread, new[i]->work->native);
	}
	w->one_each = one_state_each(p);
	w->listed = true;
	w->replaced = n_old && !kept;
	return true;
}

/* The list that the copies of this sweep show; links of threads that were not read in it are taken
 * for unchanged (gil.c says when that may be). */
bool thread_list_holds(struct python *p)
{
	const struct sweep_work *w = p->sweep_work;
	size_t at = 0;

	if (!w->listed)
		return false;
	for (size_t i = 0; i < w->n_interpreters; i++) {
		uint64_t state = w->interpreters[i].threads;

		while (state) {
			if (at == p->sweep.n)
				return at == PYTHON_MAX_THREADS;

			const struct python_thread *t = p->sweep.threads[at];

			if (t->state != state)
				return false;
			at++;
			/* Rejected: its link is not known, so it is taken for good. */
			state = t->work->sweep    ? t->work->next
				: at < p->sweep.n ? p->sweep.threads[at]->state
						  : 0;
		}
	}
	return at == p->sweep.n;
}

void thread_list_free(struct python *p)
{
	struct sweep_work *w = p->sweep_work;

	for (size_t i = 0; i < p->sweep.n; i++)
		thread_free(p->sweep.threads[i]);
	free(p->sweep.threads);
	p->sweep = (struct python_sweep){0};
	free(w->interpreters);
}

#include "pyremote/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "native/remote.h"

/*
 * All threads, once. One process_vm_readv reads several threads: first the heads of the lists and
 * the locks, then copy A and copy B of the first thread, A and B of the second, and so on. What was
 * not whole is read again, and after PYTHON_TRIES rejected.
 *
 * Most sweeps need not look at every thread: gil.c says who can have run.
 */

/* ---- what is read ahead of the threads ---- */

/* Interpreters, the first of their threads, and the locks; or the lock of the only one. */
enum roots { ROOTS_NONE, ROOTS_GIL, ROOTS_ALL };

/* How long a read may take: a piece costs about as much as so many bytes; what is slower than that
 * by more is put down to an interruption. The pace is a running median. */
#define PIECE_COST_BYTES 2500.0
#define PACE_FACTOR      1.5
#define PACE_SLACK_NS    500.0
#define PACE_UP          1.02
#define PACE_DOWN        0.98

static void piece_add(struct sweep_work *w, uint64_t address, size_t size)
{
	w->pieces = mem_grow(w->pieces, &w->cap_pieces, w->n_pieces + 1, sizeof(*w->pieces));
	w->pieces[w->n_pieces++] = (struct iovec){
		(void *)(uintptr_t)address, size}; /* NOLINT(performance-no-int-to-ptr) */
	w->bytes += size;
}

/* Is this lock another one than that of the interpreter before? */
static bool gil_own(const struct sweep_work *w, size_t i)
{
	const struct gil *gil = &w->interpreters[i].gil;

	return gil->address && (i == 0 || gil->address != w->interpreters[i - 1].gil.address);
}

static void roots_add(struct python *p, enum roots roots)
{
	struct sweep_work *w = p->sweep_work;
	const struct layout *l = &p->layout;

	if (roots == ROOTS_ALL)
		piece_add(w, p->about.runtime + l->runtime_interpreters, sizeof(uint64_t));
	for (size_t i = 0; roots != ROOTS_NONE && i < w->n_interpreters; i++) {
		const struct interpreter *one = &w->interpreters[i];

		if (roots == ROOTS_ALL) {
			piece_add(w, one->address + l->interpreter.next, sizeof(uint64_t));
			piece_add(w, one->address + l->interpreter.threads, sizeof(uint64_t));
		}
		if (gil_own(w, i))
			piece_add(w, one->gil.address, sizeof(struct gil_bytes));
	}
}

static const uint8_t *next_word(const uint8_t *at, uint64_t *value, bool *same)
{
	*same = *same && memcmp(at, value, sizeof(*value)) == 0;
	memcpy(value, at, sizeof(*value));
	return at + sizeof(*value);
}

/* Takes what was read; *same: the lists begin as they did. Returns what is behind. */
static const uint8_t *roots_take(struct python *p, enum roots roots, const uint8_t *at, bool *same)
{
	struct sweep_work *w = p->sweep_work;

	if (roots == ROOTS_ALL)
		at = next_word(at, &w->head, same);
	for (size_t i = 0; roots != ROOTS_NONE && i < w->n_interpreters; i++) {
		struct interpreter *one = &w->interpreters[i];

		if (roots == ROOTS_ALL) {
			at = next_word(at, &one->next, same);
			at = next_word(at, &one->threads, same);
		}
		one->gil.before = one->gil.now;
		if (gil_own(w, i)) {
			memcpy(&one->gil.now, at, sizeof(one->gil.now));
			at += sizeof(one->gil.now);
		} else if (i > 0) {
			one->gil.now = w->interpreters[i - 1].gil.now;
		}
	}
	return at;
}

/* ---- one batch ---- */

/* Reads the pieces one after the other into `into`. Returns how many are whole; fewer than n: the
 * next one cannot be read (errno). */
static size_t pieces_read(pid_t pid, const struct iovec *pieces, size_t n, uint8_t *into)
{
	size_t done = 0;

	while (done < n) {
		size_t many = n - done < SWEEP_MAX_PIECES ? n - done : SWEEP_MAX_PIECES;
		struct iovec local = {into, 0};

		for (size_t i = 0; i < many; i++)
			local.iov_len += pieces[done + i].iov_len;

		ssize_t got = process_vm_readv(pid, &local, 1, pieces + done, many, 0);

		if (got == (ssize_t)local.iov_len) {
			done += many;
			into += local.iov_len;
			continue;
		}
		if (got >= 0)
			errno = EFAULT;
		while (got > 0 && (size_t)got >= pieces[done].iov_len)
			got -= (ssize_t)pieces[done++].iov_len;
		return done;
	}
	return done;
}

static void thread_add(struct sweep_work *w, const struct python_thread_work *t)
{
	for (size_t copy = 0; copy < t->copies; copy++)
		for (size_t i = 0; i < t->n_regions; i++)
			piece_add(w, t->regions[i].address, t->regions[i].size);
}

/* Again, this thread. */
static void leave(struct python *p, struct python_thread_work *t)
{
	struct sweep_work *w = p->sweep_work;

	w->n_left++;
	if (++t->tries >= STACK_PATIENCE && stack_tops_tell(&p->layout))
		t->copies = STACK_COPIES;
}

static void thread_take(struct python *p, struct python_thread *t, const uint8_t *a)
{
	struct sweep_work *w = p->sweep_work;
	struct python_thread_work *tw = t->work;
	uint64_t missing = 0;

	/* Another thread's, or another program's, in the same place. */
	if (stack_state_field(t, a, p->layout.thread.pthread) != t->pthread) {
		w->listed = false;
		leave(p, tw);
		return;
	}

	enum stack_walk walk = stack_take(p, &w->scratch, t, a, &missing);

	switch (walk) {
	case WALK_WHOLE:
	case WALK_SAME:
		/* What was rejected in between was not shown then, so it is new now. */
		if (t->stack == STACK_UNCHANGED && tw->rejected)
			t->stack = STACK_READ;
		tw->rejected = false;
		tw->sweep = w->number;
		return;
	case WALK_TORN: break;
	case WALK_LOOSE: tw->copies = 2; break;
	case WALK_LOOSER: tw->copies = STACK_COPIES; break;
	case WALK_MISSING:
	case WALK_MISSING_CFRAME: stack_extend(p, &w->scratch, t, walk, missing); break;
	}
	leave(p, tw);
}

/* Did the read take as long as such reads do? Else it was interrupted, and copies of one moment are
 * of two. */
static bool was_quick(struct sweep_work *w, uint64_t took_ns)
{
	double expected = w->pace * (PIECE_COST_BYTES * (double)w->n_pieces + (double)w->bytes);
	bool quick = w->pace == 0 || (double)took_ns < PACE_FACTOR * expected + PACE_SLACK_NS;

	if (w->pace == 0)
		w->pace = (double)took_ns /
			  (PIECE_COST_BYTES * (double)w->n_pieces + (double)w->bytes + 1);
	else
		w->pace *= (double)took_ns > expected ? PACE_UP : PACE_DOWN;
	return quick;
}

/* As many threads of todo, from `from` on, as fit into a call; the one behind them. */
static size_t batch_fill(struct sweep_work *w, size_t from)
{
	size_t to = from;

	for (; to < w->n_todo; to++) {
		const struct python_thread_work *t = w->todo[to]->work;

		if (to > from && (w->n_pieces + t->copies * t->n_regions > SWEEP_MAX_PIECES ||
					 w->bytes + t->copies * t->bytes > SWEEP_BATCH_BYTES))
			break;
		thread_add(w, t);
	}
	w->copies = mem_grow(w->copies, &w->cap_copies, w->bytes + 8, 1);
	return to;
}

/* Reads threads of todo, from `from` on, behind the roots. Returns the first thread that it has not
 * dealt with; SIZE_MAX: the roots cannot be read. */
static size_t batch_read(struct python *p, size_t from, enum roots roots, bool *same)
{
	struct sweep_work *w = p->sweep_work;

	w->n_pieces = w->bytes = 0;
	roots_add(p, roots);

	size_t n_roots = w->n_pieces, to = batch_fill(w, from);
	uint64_t begin = clock_now_ns();
	size_t whole = pieces_read(p->pid, w->pieces, w->n_pieces, w->copies);
	bool quick = was_quick(w, clock_now_ns() - begin);

	if (whole < n_roots || (whole < w->n_pieces && errno != EFAULT))
		return SIZE_MAX;

	const uint8_t *at = roots_take(p, roots, w->copies, same);

	whole -= n_roots;
	for (; from < to; from++) {
		struct python_thread *t = w->todo[from];
		size_t pieces = t->work->copies * t->work->n_regions;
		size_t size = t->work->copies * t->work->bytes;

		if (whole < pieces) {
			/* A state that is gone: so is the thread, and the list has changed. */
			if (!stack_drop_region(t, whole % t->work->n_regions))
				w->listed = false;
			leave(p, t->work);
			return from + 1;
		}
		whole -= pieces;
		if (quick || !stack_tops_tell(&p->layout))
			thread_take(p, t, at);
		else
			leave(p, t->work);
		at += size;
	}
	return to;
}

/* Reads all of todo once, and counts what has to be read again. False: the roots are not there any
 * more. */
static bool round_read(struct python *p, enum roots roots, bool *same)
{
	struct sweep_work *w = p->sweep_work;
	size_t at = 0;

	w->n_left = 0;
	do {
		at = batch_read(p, at, roots, same);
		roots = ROOTS_NONE;
	} while (at < w->n_todo);
	return at != SIZE_MAX;
}

/* ---- whom to read ---- */

static void todo_add(struct sweep_work *w, struct python_thread *t)
{
	w->todo = mem_grow(w->todo, &w->cap_todo, w->n_todo + 1, sizeof(*w->todo));
	w->todo[w->n_todo++] = t;
}

/* All that this sweep has not got yet. */
static void todo_all(struct python *p)
{
	struct sweep_work *w = p->sweep_work;

	w->n_todo = 0;
	for (size_t i = 0; i < p->sweep.n; i++)
		if (p->sweep.threads[i]->work->sweep != w->number)
			todo_add(w, p->sweep.threads[i]);
}

/* Those that may have run, when `first` has been read: the others are as they were. False: all may
 * have. */
static bool todo_ran(struct python *p, struct python_thread *first)
{
	struct sweep_work *w = p->sweep_work;
	struct python_thread *two[2];
	int n = gil_ran(p, two);

	if (n < 0 || two[0] != first)
		return false;
	w->n_todo = 0;
	for (size_t i = 0; i < p->sweep.n; i++) {
		struct python_thread *t = p->sweep.threads[i];

		if (t->work->sweep == w->number)
			continue;
		if (t->work->sweep + 1 != w->number || t == two[0] || (n == 2 && t == two[1])) {
			todo_add(w, t);
			continue;
		}
		t->work->sweep = w->number;
		if (t->stack == STACK_READ)
			t->stack = STACK_UNCHANGED;
	}
	return true;
}

static void reject(struct python_thread *t)
{
	t->stack = STACK_REJECTED;
	t->work->rejected = true;
	t->work->tries = 0;
}

static void reject_rest(struct python *p)
{
	const struct sweep_work *w = p->sweep_work;

	for (size_t i = 0; i < p->sweep.n; i++)
		if (p->sweep.threads[i]->work->sweep != w->number)
			reject(p->sweep.threads[i]);
}

/* ---- the sweep ---- */

static enum python_why gone(struct python *p, struct err *err)
{
	enum python_why why = python_still(p, err);

	if (why != PYTHON_OK)
		return why;
	err_set(err, ERR_SERVICE,
		"the Python of process %d is ending: its list of interpreters is gone",
		(int)p->pid);
	return PYTHON_GONE;
}

/* The list anew, and with it what is read ahead. */
static enum python_why list_anew(struct python *p, struct err *err)
{
	struct sweep_work *w = p->sweep_work;

	if (!thread_list_read(p))
		return gone(p, err);
	gil_find(p);
	return w->replaced || p->sweep.n == 0 ? python_still(p, err) : PYTHON_OK;
}

/* Reads until all is whole and the list holds, or the tries are used up. With `first`, it alone is
 * read at first, to see whether others have to be. */
static enum python_why rounds(struct python *p, struct python_thread *first, struct err *err)
{
	struct sweep_work *w = p->sweep_work;
	enum roots roots = first ? ROOTS_GIL : ROOTS_ALL;

	todo_all(p);
	if (first) {
		w->n_todo = 0;
		todo_add(w, first);
	}
	for (int tries = 0; tries < PYTHON_TRIES; tries++) {
		bool same = true, read = round_read(p, roots, &same);
		bool known = read && roots == ROOTS_GIL && todo_ran(p, first);

		/* An interpreter that ended takes its memory with it. */
		if (!read || !same)
			w->listed = false;
		if (!known)
			todo_all(p);
		roots = read && (known || roots != ROOTS_GIL) ? ROOTS_NONE : ROOTS_ALL;
		if (w->n_todo == 0 && roots == ROOTS_NONE && thread_list_holds(p))
			break;
		if (!w->listed || (w->n_todo == 0 && roots == ROOTS_NONE)) {
			enum python_why why = list_anew(p, err);

			if (why != PYTHON_OK)
				return why;
			todo_all(p);
		}
		p->sweep.retries += w->n_left;
	}
	return PYTHON_OK;
}

enum python_why python_sweep_all(struct python *p, const struct python_sweep **out, struct err *err)
{
	struct sweep_work *w = p->sweep_work;
	enum python_why why = PYTHON_OK;

	if (!w)
		w = p->sweep_work = mem_zalloc(1, sizeof(*w));
	w->number++;
	p->sweep.retries = 0;
	if (!w->listed)
		why = list_anew(p, err);
	else if (w->n_interpreters && !w->interpreters[0].gil.address)
		gil_find(p);
	if (why == PYTHON_OK)
		why = rounds(p, gil_runner(p), err);
	if (why != PYTHON_OK)
		return why;
	reject_rest(p);
	gil_mark(p);
	*out = &p->sweep;
	return PYTHON_OK;
}

/* The locks that the last sweep of all threads saw stay as they are: the next one asks who has run
 * since then. */
bool python_sweep_one(struct python *p, struct python_thread *t, uint64_t *retries)
{
	struct sweep_work *w = p->sweep_work;
	bool listed = w->listed, there = true, same = true;

	w->listed = true;
	t->work->sweep = w->number - 1; /* so the next sweep reads it, if it is not whole now */
	w->n_todo = 0;
	todo_add(w, t);
	for (int tries = 0; tries < PYTHON_TRIES && t->work->sweep != w->number; tries++) {
		there = round_read(p, ROOTS_NONE, &same) && w->listed;
		if (!there)
			break;
		*retries += w->n_left;
	}
	w->listed = listed && w->listed;
	if (t->work->sweep != w->number)
		reject(t);
	t->gil = there && gil_held_by(p, t);
	return there;
}

void sweep_release(struct python *p)
{
	struct sweep_work *w = p->sweep_work;

	if (!w)
		return;
	thread_list_free(p);
	code_extras_free(w->scratch.extras);
	stack_sites_free(w->scratch.sites);
	free(w->scratch.raws.items);
	free(w->scratch.regions);
	free(w->pieces);
	free(w->copies);
	free(w->todo);
	free(w);
	p->sweep_work = NULL;
}

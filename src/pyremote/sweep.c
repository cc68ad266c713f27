#include "pyremote/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static void root_add(struct sweep_root *root, uint64_t address, size_t size)
{
	root->pieces = mem_grow(root->pieces, &root->cap, root->n + 1, sizeof(*root->pieces));
	root->pieces[root->n++] = (struct iovec){(void *)(uintptr_t)address, size};
	root->bytes += size;
}

static void root_make(struct python *p)
{
	struct sweep_work *w = p->sweep_work;
	const struct layout *l = &p->layout;
	struct sweep_root *root = &w->root;
	uint64_t last = 0;

	root->n = root->bytes = 0;
	root_add(root, p->about.runtime + l->runtime_interpreters, sizeof(uint64_t));
	for (size_t i = 0; i < w->n_interpreters; i++) {
		const struct interpreter *one = &w->interpreters[i];

		root_add(root, one->address + l->interpreter.next, sizeof(uint64_t));
		root_add(root, one->address + l->interpreter.threads, sizeof(uint64_t));
		if (one->gil.address && one->gil.address != last)
			root_add(root, one->gil.address, sizeof(struct gil_bytes));
		last = one->gil.address;
	}
}

static const uint8_t *next_word(const uint8_t *at, uint64_t *value, bool *same)
{
	*same = *same && memcmp(at, value, sizeof(*value)) == 0;
	memcpy(value, at, sizeof(*value));
	return at + sizeof(*value);
}

/* Takes what was read; false: another list of interpreters, or another first thread. */
static bool root_take(struct python *p, const uint8_t *at)
{
	struct sweep_work *w = p->sweep_work;
	bool same = true;

	at = next_word(at, &w->head, &same);
	for (size_t i = 0; i < w->n_interpreters; i++) {
		struct interpreter *one = &w->interpreters[i];

		at = next_word(at, &one->next, &same);
		at = next_word(at, &one->threads, &same);
		one->gil.before = one->gil.now;
		if (!one->gil.address)
			continue;
		if (i > 0 && one->gil.address == w->interpreters[i - 1].gil.address) {
			one->gil.now = w->interpreters[i - 1].gil.now;
			continue;
		}
		memcpy(&one->gil.now, at, sizeof(one->gil.now));
		at += sizeof(one->gil.now);
	}
	return same;
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

static void piece_add(struct sweep_work *w, size_t *n, uint64_t address, size_t size)
{
	w->pieces = mem_grow(w->pieces, &w->cap_pieces, *n + 1, sizeof(*w->pieces));
	w->pieces[(*n)++] = (struct iovec){(void *)(uintptr_t)address, size};
}

static void thread_pieces_add(struct sweep_work *w, size_t *n, const struct python_thread_work *t)
{
	for (size_t copy = 0; copy < 2; copy++)
		for (size_t i = 0; i < t->n_regions; i++)
			piece_add(w, n, t->regions[i].address, t->regions[i].size);
}

static void thread_take(struct python *p, struct python_thread *t, const uint8_t *a)
{
	struct sweep_work *w = p->sweep_work;
	uint64_t missing = 0;
	enum stack_walk walk = stack_take(p, &w->scratch, t, a, a + t->work->bytes, &missing);

	if (walk == WALK_WHOLE) {
		/* What was rejected in between was not shown then, so it is new now. */
		if (t->stack == STACK_UNCHANGED && t->work->rejected)
			t->stack = STACK_READ;
		t->work->rejected = false;
		t->work->sweep = w->number;
		return;
	}
	if (walk != WALK_TORN)
		stack_extend(p, &w->scratch, t, walk, missing);
	w->n_left++;
}

/* Reads threads [from, …) of todo, as many as fit, with the roots ahead when that is asked for.
 * Returns the first thread that it has not dealt with; SIZE_MAX: the roots cannot be read. */
static size_t batch_read(struct python *p, size_t from, bool with_root, bool *same_root)
{
	struct sweep_work *w = p->sweep_work;
	size_t n = 0, to = from, bytes = 0, n_root = with_root ? w->root.n : 0;

	for (size_t i = 0; i < n_root; i++)
		piece_add(w, &n, (uint64_t)(uintptr_t)w->root.pieces[i].iov_base,
			w->root.pieces[i].iov_len);
	bytes = with_root ? w->root.bytes : 0;
	for (; to < w->n_todo; to++) {
		const struct python_thread_work *t = w->todo[to]->work;

		if (to > from && (n + 2 * t->n_regions > SWEEP_MAX_PIECES ||
					 bytes + 2 * t->bytes > SWEEP_BATCH_BYTES))
			break;
		thread_pieces_add(w, &n, t);
		bytes += 2 * t->bytes;
	}
	w->copies = mem_grow(w->copies, &w->cap_copies, bytes + 8, 1);

	size_t whole = pieces_read(p->pid, w->pieces, n, w->copies);
	const uint8_t *at = w->copies;

	if (whole < n_root || (whole < n && errno != EFAULT))
		return SIZE_MAX;
	if (with_root) {
		*same_root = root_take(p, at);
		at += w->root.bytes;
	}
	whole -= n_root;
	for (; from < to; from++) {
		struct python_thread *t = w->todo[from];
		size_t pieces = 2 * t->work->n_regions;
		size_t size = 2 * t->work->bytes;

		if (whole < pieces) {
			/* A state that is gone: so is the thread, and the list has changed. */
			if (!stack_drop_region(t, whole % t->work->n_regions))
				w->listed = false;
			w->n_left++;
			return from + 1;
		}
		whole -= pieces;
		thread_take(p, t, at);
		at += size;
	}
	return to;
}

/* Reads all of todo once, and counts what has to be read again. False: the roots are not there any
 * more. */
static bool round_read(struct python *p, bool with_root, bool *same_root)
{
	struct sweep_work *w = p->sweep_work;
	size_t at = 0;

	w->n_left = 0;
	do {
		at = batch_read(p, at, with_root, same_root);
		with_root = false;
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

/* Those that may have run, when `first` has been read: the others are as they were. */
static void todo_ran(struct python *p, struct python_thread *first)
{
	struct sweep_work *w = p->sweep_work;
	struct python_thread *two[2];
	int n = gil_ran(p, two);

	if (n < 0 || two[0] != first) {
		todo_all(p);
		return;
	}
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
}

static void reject_rest(struct python *p)
{
	struct sweep_work *w = p->sweep_work;

	for (size_t i = 0; i < p->sweep.n; i++) {
		struct python_thread *t = p->sweep.threads[i];

		if (t->work->sweep == w->number)
			continue;
		t->stack = STACK_REJECTED;
		t->work->rejected = true;
	}
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
	root_make(p);
	return w->replaced || p->sweep.n == 0 ? python_still(p, err) : PYTHON_OK;
}

/* Reads until all is whole and the list holds, or the tries are used up. */
static enum python_why rounds(struct python *p, struct python_thread *first, struct err *err)
{
	struct sweep_work *w = p->sweep_work;
	bool with_root = true, same_root = true;

	if (first) {
		w->n_todo = 0;
		todo_add(w, first);
	} else {
		todo_all(p);
	}
	for (int tries = 0; tries < PYTHON_TRIES; tries++) {
		bool read = round_read(p, with_root, &same_root);

		/* An interpreter that ended takes its memory with it. */
		if (!read || !same_root)
			w->listed = false;
		if (read && with_root && first && same_root)
			todo_ran(p, first);
		else
			todo_all(p);
		with_root = !read;
		if (w->n_todo == 0 && thread_list_holds(p))
			break;
		if (w->n_todo == 0 || !w->listed) {
			enum python_why why = list_anew(p, err);

			if (why != PYTHON_OK)
				return why;
			same_root = true;
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

void sweep_release(struct python *p)
{
	struct sweep_work *w = p->sweep_work;

	if (!w)
		return;
	thread_list_free(p);
	code_extras_free(w->scratch.extras);
	free(w->scratch.raws.items);
	free(w->scratch.regions);
	free(w->root.pieces);
	free(w->pieces);
	free(w->copies);
	free(w->todo);
	free(w);
	p->sweep_work = NULL;
}

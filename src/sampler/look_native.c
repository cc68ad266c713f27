/*
 * One look with threads stopped: for frames of machine code, or because a person asked for it. A
 * thread is stopped, its registers and the top of its stack are copied and its Python stack is
 * read, all in one moment; then it runs on, and is unwound from the copy. So threads are stopped
 * one at a time, each for as short as that takes. A Python process has threads that are no Python
 * ones, too: they have machine code alone.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sampler/merge.h"
#include "sampler/sampler_internal.h"

/* Threads that are no Python ones are looked for so often. */
#define OTHERS_EVERY_NS (100 * NS_PER_MS)

enum { STOPS = 3 /* tries to find a thread asleep or stopped all the while */ };

/* What one thread's machine code was, innermost first. */
struct native_stack {
	const struct native_symbol *symbols[NATIVE_MAX_FRAMES];
	size_t n;
	bool cut;
};

static void unwind(struct native *n, struct native_stack *out)
{
	uint64_t pcs[NATIVE_MAX_FRAMES];

	out->n = native_unwind(n, pcs, NATIVE_MAX_FRAMES, &out->cut);
	for (size_t i = 0; i < out->n; i++)
		out->symbols[i] = native_symbol(n, pcs[i]);
}

/* ---- the stack as nodes ---- */

static uint32_t merged_node(struct sampler *s, struct subject *j, uint32_t base,
	const struct native_stack *native, const struct python_thread *t)
{
	size_t n_python = t && t->stack != STACK_EMPTY ? t->n_frames : 0, n;
	struct merge_frame *frames = mem_alloc(native->n + n_python + 1, sizeof(*frames));
	enum merge_fit fit;

	n = merge_stacks(native->symbols, native->n, native->cut, t ? t->frames : NULL, n_python,
		false, frames, &fit);
	for (size_t i = n; i-- > 0;)
		base = frames[i].python
			       ? place_cache_node(&j->places, s->profile, base, frames[i].python)
			       : place_cache_native(&j->places, s->profile, base, frames[i].native);
	free(frames);
	return base;
}

/* ---- Python threads ---- */

/* Its stacks of one moment. False: it is gone, or the process is; native->n may be 0. */
static bool read_thread(struct sampler *s, struct subject *j, struct python_thread *t, pid_t tid,
	struct native_stack *native)
{
	native->n = 0;
	native->cut = false;
	for (int i = 0; i < STOPS; i++) {
		bool stopped = tid && native_stop(j->native, tid);

		j->traced |= tid && !stopped && errno == EPERM;

		bool copied = stopped && s->spec.native && native_copy(j->native, tid);
		bool there = python_sweep_one(j->python, t, &s->profile->about.retries);
		bool held = stopped && native_go(j->native, tid);

		if (!there)
			return false;
		if (copied && held)
			unwind(j->native, native);
		if (!stopped || held)
			return true;
	}
	return true; /* it woke each time: its Python stack is proven without */
}

static void look_at(struct sampler *s, struct subject *j, struct known_thread *k,
	struct python_thread *t, bool running, uint64_t now)
{
	struct native_stack native;
	uint32_t node;

	if (!read_thread(s, j, t, k->tid, &native))
		return;
	look_begin_thread(s, j, k, t, now);
	j->running += running;
	j->gil_held += t->gil;
	if (t->stack == STACK_REJECTED) {
		look_rejected(s, k, now, running, t->gil);
		return;
	}
	s->profile->about.samples++;
	s->state.samples++;
	look_base(s, j, k, t);
	node = merged_node(s, j, k->base, &native, t);
	if (node == k->base)
		node = look_mark(s, k->node, "(no Python frame)");
	look_book(s, k, node, now, running, t->gil);
}

static void look_pythons(struct sampler *s, struct subject *j, uint64_t now)
{
	const struct python_sweep *sweep;
	struct err err;
	bool several;

	/* who they are, before one of them is stopped */
	if (python_sweep_all(j->python, &sweep, &err) != PYTHON_OK) {
		subject_again(s, j, now);
		return;
	}
	several = look_several(s, j, sweep, now);
	for (size_t i = 0; i < sweep->n; i++) {
		struct python_thread *t = sweep->threads[i];
		struct known_thread *k = look_thread(j, i, t->state, t->tid);
		bool elsewhere = several && look_elsewhere(sweep, i);
		bool turn = (i + sweep->n - j->turn % sweep->n) % sweep->n < TURNS;
		bool as_before = t->stack == STACK_UNCHANGED;

		k->look = j->looks;
		if (elsewhere) {
			look_skip(k, now);
			continue;
		}
		/* before it is stopped, for a stopped one does not run */
		look_at(s, j, k, t, look_runs(s, j, k, as_before && !turn, now), clock_now_ns());
	}
	j->turn = sweep->n ? (j->turn + TURNS) % sweep->n : 0;
}

/* ---- threads without Python ---- */

static void list_others(struct subject *j, uint64_t now)
{
	struct dirent *entry;
	char path[32];
	DIR *folder;

	if (j->others_ns && now - j->others_ns < OTHERS_EVERY_NS)
		return;
	j->others_ns = now;
	j->n_others = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)j->pid);
	folder = opendir(path);
	while (folder && j->n_others < OTHER_THREADS && (entry = readdir(folder))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid <= 0)
			continue;
		j->others =
			mem_grow(j->others, &j->cap_others, j->n_others + 1, sizeof(*j->others));
		j->others[j->n_others++] = tid;
	}
	if (folder)
		closedir(folder);
}

static bool is_python(const struct subject *j, pid_t tid)
{
	for (size_t i = 0; i < j->n_threads; i++)
		if (j->threads[i]->look == j->looks && j->threads[i]->tid == tid)
			return true;
	return false;
}

/* "nginx", as the thread calls itself. */
static void read_name(struct subject *j, struct known_thread *k)
{
	char path[64], text[32] = "thread";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", (int)j->pid, (int)k->tid);
	file = fopen(path, "re");
	if (file) {
		if (fgets(text, sizeof(text), file))
			text[strcspn(text, "\n")] = '\0';
		fclose(file);
	}
	snprintf(k->name, sizeof(k->name), "%s (%d)", text, (int)k->tid);
	k->named = true;
}

static void look_at_other(struct sampler *s, struct subject *j, struct known_thread *k)
{
	uint64_t now = clock_now_ns();
	bool running = look_runs(s, j, k, false, now), held = false;
	struct native_stack native = {.n = 0};

	for (int i = 0; i < STOPS && !held; i++) {
		if (!native_stop(j->native, k->tid)) {
			j->traced |= errno == EPERM;
			return;
		}
		bool copied = native_copy(j->native, k->tid);

		held = native_go(j->native, k->tid);
		if (held && copied)
			unwind(j->native, &native);
	}
	if (!k->named)
		read_name(j, k);
	look_begin_thread(s, j, k, NULL, now);
	j->running += running;
	if (!native.n) {
		look_rejected(s, k, now, running, false);
		return;
	}
	s->profile->about.samples++;
	s->state.samples++;
	look_book(s, k, merged_node(s, j, k->node, &native, NULL), now, running, false);
}

static void look_others(struct sampler *s, struct subject *j, uint64_t now)
{
	list_others(j, now);
	for (size_t i = 0; i < j->n_others; i++) {
		struct known_thread *k;

		if (j->python && is_python(j, j->others[i]))
			continue;
		k = look_thread(j, i, (uint64_t)j->others[i], j->others[i]);
		k->look = j->looks;
		look_at_other(s, j, k);
	}
}

void look_native(struct sampler *s, struct subject *j, uint64_t now)
{
	native_tend(j->native);
	j->looks++;
	j->running = j->gil_held = 0;
	look_clock(s, j);
	if (j->python)
		look_pythons(s, j, now);
	if (j->native && s->spec.native)
		look_others(s, j, now);
	look_forget(s, j);
	if (j->python && s->spec.tasks)
		look_tasks(s, j, now);
}

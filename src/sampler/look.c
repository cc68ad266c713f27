/*
 * One look at the Python threads of a process. What a thread did since the last look at it is
 * booked where it is now: wall time always, CPU time where it runs or wants to, the lock's where it
 * holds it. The moments of looking are random, so each place gets its share.
 *
 * Whether a thread runs is dear to ask (states.c), so it is only asked where it is open: not where
 * nothing of the process used CPU time since the last look and the thread waited then; and of those
 * whose stack is the same as before, down to the instruction, and who waited then, some in turn.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/tree.h"
#include "sampler/sampler_internal.h"

/* A thread without a name is asked for it again after so long at the earliest. */
#define NAME_LEAST_NS (1 * NS_PER_MS)

/* ---- threads that are known ---- */

void known_thread_free(struct sampler *s, struct known_thread *k)
{
	state_close(&k->state, &s->n_open_states);
	free(k->frames);
	free(k);
}

struct known_thread *look_thread(struct subject *j, size_t hint, uint64_t key, pid_t tid)
{
	struct known_thread *k;

	/* new ones come at the list's head, so the others keep their order */
	for (size_t i = 0; i < j->n_threads; i++) {
		k = j->threads[(hint + i) % j->n_threads];
		if (k->key == key && k->tid == tid)
			return k;
	}
	k = mem_zalloc(1, sizeof(*k));
	k->key = key;
	k->tid = tid;
	state_init(&k->state);
	j->threads = mem_grow(
		j->threads, &j->cap_threads, j->n_threads + 1, sizeof(struct known_thread *));
	hint = hint < j->n_threads ? hint : j->n_threads;
	memmove(j->threads + hint + 1, j->threads + hint,
		(j->n_threads - hint) * sizeof(struct known_thread *));
	j->threads[hint] = k;
	j->n_threads++;
	return k;
}

void look_forget(struct sampler *s, struct subject *j)
{
	size_t kept = 0;

	for (size_t i = 0; i < j->n_threads; i++)
		if (j->threads[i]->look == j->looks)
			j->threads[kept++] = j->threads[i];
		else
			known_thread_free(s, j->threads[i]);
	j->n_threads = kept;
}

/* ---- whether it runs ---- */

void look_clock(struct sampler *s, struct subject *j)
{
	uint64_t ns;

	if (!s->spec.states)
		return;
	ns = clock_read_ns(j->clock);
	j->ran = ns != j->clock_ns;
	j->clock_ns = ns;
}

bool look_runs(
	struct sampler *s, struct subject *j, struct known_thread *k, bool as_before, uint64_t now)
{
	pid_t tid = k->tid ? k->tid : j->pid;

	if (!s->spec.states)
		return false;
	if (!k->state.running && k->last_ns && (!j->ran || as_before))
		return false;
	if (!state_read(&k->state, j->pid, tid, &s->n_open_states))
		return false;
	state_waited(&k->state, j->pid, tid, &s->n_open_states, now, &s->profile->about.core_ns,
		&s->profile->about.core_wait_ns);
	return true;
}

/* ---- several interpreters ---- */

/* Of two states of one thread: is it in the first rather than in the second? In the one that holds
 * the lock; not in one that runs nothing; else in the later interpreter, which the earlier one
 * called. */
static bool is_rather_in(const struct python_thread *a, const struct python_thread *b)
{
	if (a->gil != b->gil)
		return a->gil;
	if ((a->stack == STACK_EMPTY) != (b->stack == STACK_EMPTY))
		return b->stack == STACK_EMPTY;
	return a->interpreter > b->interpreter;
}

bool look_elsewhere(const struct python_sweep *sweep, size_t i)
{
	const struct python_thread *t = sweep->threads[i];

	for (size_t k = 0; t->tid && k < sweep->n; k++) {
		const struct python_thread *other = sweep->threads[k];

		if (other->tid == t->tid && other->interpreter != t->interpreter &&
			is_rather_in(other, t))
			return true;
	}
	return false;
}

/* ---- nodes ---- */

uint32_t look_mark(struct sampler *s, uint32_t parent, const char *what)
{
	return profile_node(
		s->profile, parent, profile_function(s->profile, PROFILE_MARK, what, "", 0), 0);
}

uint32_t look_process_node(struct sampler *s, struct subject *j)
{
	struct str name = STR_INIT;

	if (j->epoch == s->epoch)
		return j->node;
	if (!j->command[0])
		process_command(j->pid, j->command, sizeof(j->command));
	str_addf(&name, "%s (%d)", j->command, (int)j->pid);
	j->node = profile_node(
		s->profile, 0, profile_function(s->profile, PROFILE_PROCESS, name.p, "", 0), 0);
	j->epoch = s->epoch;
	place_cache_clear(&j->places);
	str_release(&name);
	return j->node;
}

/* What was seen before its name was known stays where it is: below the same node, but where a
 * thread of that name has been there before. */
static void rename_node(struct sampler *s, struct known_thread *k)
{
	uint32_t named = profile_node_is(
		s->profile, k->node, profile_function(s->profile, PROFILE_THREAD, k->name, "", 0));

	if (named != k->node)
		k->epoch = 0;
}

/* The thread's own node, made anew where the profile is another one. */
static void thread_node(struct sampler *s, struct subject *j, struct known_thread *k)
{
	uint32_t process = look_process_node(s, j);

	if (k->epoch == s->epoch)
		return;
	k->node = k->base = profile_node(s->profile, process,
		profile_function(s->profile, PROFILE_THREAD, k->name, "", 0), 0);
	k->innermost = k->node;
	k->n_frames = 0;
	k->task[0] = '\0';
	k->epoch = s->epoch;
}

/* The same thread of the kernel, as another interpreter of its process knows it. */
static const struct known_thread *named_elsewhere(
	const struct subject *j, const struct known_thread *k)
{
	for (size_t i = 0; k->tid && i < j->n_threads; i++)
		if (j->threads[i] != k && j->threads[i]->tid == k->tid && j->threads[i]->named)
			return j->threads[i];
	return NULL;
}

/* What threading calls it; asked again, ever more seldom, while it has no name: threading knows it
 * a moment after it began, and an interpreter that starts has no threading yet. */
static void name_it(struct sampler *s, struct subject *j, struct known_thread *k,
	struct python_thread *t, uint64_t now)
{
	/* another interpreter's threading may think that it is the main one's thread */
	const struct known_thread *other = t->interpreter ? named_elsewhere(j, k) : NULL;
	const char *name = other              ? NULL
			   : k->tid == j->pid ? "MainThread"
					      : python_thread_name(j->python, t);

	k->name_ns = now + (now - k->first_ns > NAME_LEAST_NS ? now - k->first_ns : NAME_LEAST_NS);
	if (!name && !other && k->name[0])
		return;
	k->named = name || other;
	if (other)
		memcpy(k->name, other->name, sizeof(k->name));
	else
		snprintf(k->name, sizeof(k->name), "%.*s (%d)", (int)sizeof(k->name) - 16,
			name ? name : "thread", (int)k->tid);
	if (k->epoch == s->epoch)
		rename_node(s, k);
}

void look_begin_thread(struct sampler *s, struct subject *j, struct known_thread *k,
	struct python_thread *t, uint64_t now)
{
	if (!k->first_ns)
		k->first_ns = now;
	if (!k->named && now >= k->name_ns)
		name_it(s, j, k, t, now);
	thread_node(s, j, k);
}

void look_base(
	struct sampler *s, struct subject *j, struct known_thread *k, struct python_thread *t)
{
	const char *running = s->spec.tasks ? python_running_task(j->python, t) : "";
	char task[sizeof(k->task)] = "";
	uint32_t base = k->node;

	if (*running)
		look_task_name(task, sizeof(task), running, t->frames, t->n_frames);
	if (!strcmp(task, k->task))
		return;
	memcpy(k->task, task, sizeof(task));
	if (*task)
		base = look_task_node(s, j, k->node, task);
	if (base != k->base)
		k->n_frames = 0;
	k->base = base;
}

uint32_t look_stack(
	struct sampler *s, struct subject *j, struct known_thread *k, const struct python_thread *t)
{
	size_t n = t->n_frames, same = 0;
	uint32_t node = k->base;

	if (k->cap_frames < n)
		k->frames = mem_grow(k->frames, &k->cap_frames, n, sizeof(*k->frames));
	/* outer frames are mostly those of the last look */
	while (same < n && same < k->n_frames &&
		k->frames[same].code == t->frames[n - 1 - same].code &&
		k->frames[same].instruction == t->frames[n - 1 - same].instruction)
		same++;
	if (same)
		node = k->frames[same - 1].node;
	for (size_t i = same; i < n; i++) {
		const struct python_frame *f = &t->frames[n - 1 - i];

		node = place_cache_node(&j->places, s->profile, node, f);
		k->frames[i] = (struct known_frame){f->code, f->instruction, node};
	}
	k->n_frames = n;
	return node;
}

/* ---- booking ---- */

void look_book(struct sampler *s, struct known_thread *k, uint32_t node, uint64_t now, bool running,
	bool gil)
{
	uint64_t ns = k->last_ns ? now - k->last_ns : s->period_ns;
	struct profile_weight w = {
		.samples = 1, .wall_ns = ns, .cpu_ns = running ? ns : 0, .gil_ns = gil ? ns : 0};

	profile_add(s->profile, node, &w);
	if (s->spec.moments) {
		uint64_t start = now - ns > s->profile_ns ? now - ns - s->profile_ns : 0;

		profile_add_moment(s->profile, k->node, node, start, now - s->profile_ns - start);
	}
	k->last_ns = now;
	k->innermost = node;
}

void look_skip(struct known_thread *k, uint64_t now)
{
	k->last_ns = now;
	k->n_frames = 0;
}

void look_rejected(struct sampler *s, struct known_thread *k, uint64_t now, bool running, bool gil)
{
	s->profile->about.rejected++;
	s->state.rejected++;
	look_book(s, k, look_mark(s, k->node, "(rejected)"), now, running, gil);
}

static void look_at(struct sampler *s, struct subject *j, struct known_thread *k,
	struct python_thread *t, bool turn, uint64_t now)
{
	bool unchanged = t->stack == STACK_UNCHANGED;
	bool running = look_runs(s, j, k, unchanged && !turn, now);
	uint32_t node;

	j->running += running;
	j->gil_held += t->gil;
	look_begin_thread(s, j, k, t, now);
	if (t->stack == STACK_REJECTED || t->stack == STACK_EMPTY)
		k->n_frames = 0;
	if (t->stack == STACK_REJECTED) {
		look_rejected(s, k, now, running, t->gil);
		return;
	}
	s->profile->about.samples++;
	s->state.samples++;
	if (t->stack == STACK_EMPTY) {
		look_book(s, k, look_mark(s, k->node, "(no Python frame)"), now, running, t->gil);
		return;
	}
	if (!unchanged || !k->n_frames)
		look_base(s, j, k, t);
	node = unchanged && k->n_frames == t->n_frames && k->n_frames
		       ? k->frames[k->n_frames - 1].node
		       : look_stack(s, j, k, t);
	look_book(s, k, node, now, running, t->gil);
}

/* Names are known to the main interpreter, whose states come last: so it is asked first. */
bool look_several(
	struct sampler *s, struct subject *j, const struct python_sweep *sweep, uint64_t now)
{
	bool several = false;

	for (size_t i = 0; i < sweep->n; i++)
		several = several || sweep->threads[i]->interpreter != 0;
	for (size_t i = 0; several && i < sweep->n; i++) {
		struct python_thread *t = sweep->threads[i];

		if (t->interpreter == 0)
			look_begin_thread(s, j, look_thread(j, i, t->state, t->tid), t, now);
	}
	return several;
}

void look_python(struct sampler *s, struct subject *j, uint64_t now)
{
	const struct python_sweep *sweep;
	struct err err;
	bool several;

	if (python_sweep_all(j->python, &sweep, &err) != PYTHON_OK) {
		subject_again(s, j, now);
		return;
	}
	s->profile->about.retries += sweep->retries;
	j->looks++;
	j->running = j->gil_held = 0;
	look_clock(s, j);
	several = look_several(s, j, sweep, now);
	for (size_t i = 0; i < sweep->n; i++) {
		struct python_thread *t = sweep->threads[i];
		struct known_thread *k = look_thread(j, i, t->state, t->tid);

		k->look = j->looks;
		if (several && look_elsewhere(sweep, i)) {
			look_skip(k, now);
			continue;
		}
		/* those that wait are asked in turn, from where the last look ended */
		look_at(s, j, k, t, (i + sweep->n - j->turn % sweep->n) % sweep->n < TURNS, now);
	}
	j->turn = sweep->n ? (j->turn + TURNS) % sweep->n : 0;
	look_forget(s, j);
	if (s->spec.tasks)
		look_tasks(s, j, now);
}

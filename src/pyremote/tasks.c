/*
 * asyncio's tasks: those that run and those that wait, with the coroutines that they wait in. A
 * task that waits has no frames on any thread's stack; they lie in its coroutine, and what that
 * awaits is the topmost value of its frame. Such a chain is read until two looks one after the
 * other agree: as each word was the same twice, all of them held together in between.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pyremote/chain.h"
#include "pyremote/dict.h"
#include "pyremote/tasks_own.h"

enum { TASKS_MAX = 100000, LOOPS_MAX = 1000, NAME_BYTES = 64, FIND_AGAIN_NS = 100 * 1000 * 1000 };

/* Where an interpreter keeps them. */
struct places {
	uint64_t interpreter;
	uint64_t waiting; /* WeakSet's set: _all_tasks, from 3.12 on _scheduled_tasks */
	uint64_t eager;   /* a set, 3.12 on */
	uint64_t current; /* a dict: loop to task */
	uint64_t read_ns;
};

struct task_work {
	struct places places;
	struct chain_types types;
	struct python_task *tasks;
	size_t n, cap;
	bool looked_for_own; /* see tasks_own.h */
	char name[NAME_BYTES];
};

void tasks_release(struct python *p)
{
	struct task_work *w = p->tasks;

	if (!w)
		return;
	for (size_t i = 0; i < w->cap; i++)
		free(w->tasks[i].frames);
	free(w->tasks);
	free(w);
	p->tasks = NULL;
}

static struct task_work *work(struct python *p)
{
	return p->tasks ? p->tasks : (p->tasks = mem_zalloc(1, sizeof(*p->tasks)));
}

static uint64_t main_interpreter(const struct python *p)
{
	uint64_t at;

	return python_read_word(p, p->about.runtime + p->layout.runtime_interpreters + 8, &at) ? at
											       : 0;
}

/* Looks for them again when the last look found nothing and is some time ago: asyncio is imported
 * once, its sets are there to stay. */
static bool find_places(struct python *p, struct places *at)
{
	uint64_t now = clock_now_ns(), module, set;

	if (at->read_ns && (at->current || now - at->read_ns < FIND_AGAIN_NS))
		return at->current != 0;
	at->read_ns = now;
	at->interpreter = main_interpreter(p);
	module = module_dict(p, at->interpreter, "asyncio.tasks");
	if (!module)
		return false;
	set = dict_find(p, module, p->layout.minor < 12 ? "_all_tasks" : "_scheduled_tasks");
	at->waiting = set ? object_attribute(p, set, "data") : 0;
	at->eager = p->layout.minor < 12 ? 0 : dict_find(p, module, "_eager_tasks");
	at->current = dict_find(p, module, "_current_tasks");
	return at->current != 0;
}

/* ---- one task ---- */

static bool is_pending(struct python *p, uint64_t task)
{
	int32_t state;

	if (p->layout.task.state == NO_FIELD) /* only such are in the lists */
		return true;
	return remote_read(p->pid, task + p->layout.task.state, &state, sizeof(state)) && !state;
}

static void read_name(struct python *p, uint64_t task, char out[NAME_BYTES])
{
	uint64_t name, n;

	out[0] = '\0';
	if (!python_read_word(p, task + p->layout.task.name, &name) || !name)
		return;
	/* From 3.13 on a number until somebody asks for the name. */
	if (!python_read_text(p, name, out, NAME_BYTES) && python_is_a(p, name, "int") &&
		object_int(p, name, &n))
		snprintf(out, NAME_BYTES, "Task-%llu", (unsigned long long)n);
}

/* The task that a future stands for: itself, or of a gather the first child that is not done. */
static uint64_t task_behind(struct python *p, struct chain_types *types, uint64_t future)
{
	enum chain_kind kind = chain_kind(p, types, future);
	uint64_t children, first, n, child;

	if (kind != CHAIN_GATHER)
		return kind == CHAIN_TASK ? future : 0;
	children = object_attribute(p, future, "_children");
	if (!children || !python_is_a(p, children, "list") ||
		!python_read_word(p, children + p->layout.object.size, &n) ||
		!python_read_word(p, children + p->layout.data.list_items, &first))
		return 0;
	for (size_t i = 0; i < n && i < TASKS_MAX; i++)
		if (python_read_word(p, first + 8 * i, &child) && chain_is_task(p, types, child) &&
			is_pending(p, child))
			return child;
	return 0;
}

static struct python_task *next_task(struct task_work *w)
{
	size_t had = w->cap;

	w->tasks = mem_grow(w->tasks, &w->cap, w->n + 1, sizeof(*w->tasks));
	if (w->cap > had)
		memset(w->tasks + had, 0, (w->cap - had) * sizeof(*w->tasks));
	return &w->tasks[w->n++];
}

static void add_task(struct python *p, struct task_work *w, uint64_t address, bool running)
{
	struct python_task *t;
	uint64_t coroutine, future = 0;

	if (w->n >= TASKS_MAX || !chain_is_task(p, &w->types, address) || !is_pending(p, address) ||
		!python_read_word(p, address + p->layout.task.coroutine, &coroutine))
		return;
	for (size_t i = 0; running && i < w->n; i++)
		if (w->tasks[i].address == address) {
			w->tasks[i].running = true;
			w->tasks[i].waits_for = 0;
			return;
		}
	t = next_task(w);
	t->address = address;
	t->running = running;
	t->waits_for = 0;
	read_name(p, address, t->name);
	if (!chain_read(p, &w->types, coroutine, t, &future))
		t->n_frames = 0;
	if (p->layout.task.waits != NO_FIELD &&
		!python_read_word(p, address + p->layout.task.waits, &future))
		future = 0;
	if (!running)
		t->waits_for = task_behind(p, &w->types, future);
}

/* ---- all of them ---- */

static size_t read_current(struct python *p, const struct places *at, uint64_t *out)
{
	struct dict_item *items;
	size_t n, kept = 0;

	if (!dict_read(p, at->current, &items, &n))
		return 0;
	for (size_t i = 0; i < n && kept < LOOPS_MAX; i++)
		out[kept++] = items[i].value;
	free(items);
	return kept;
}

/* Whether this process's tasks can be read: up to 3.13 by numbers that are known, later by those
 * that its asyncio tells, once it is imported. */
static bool readable(struct python *p, struct task_work *w)
{
	uint64_t now = clock_now_ns();

	if (p->layout.task.size)
		return p->layout.task.node || find_places(p, &w->places);
	if (w->looked_for_own && now - w->places.read_ns < FIND_AGAIN_NS)
		return false;
	w->looked_for_own = true;
	w->places.read_ns = now;
	return tasks_own_find(p);
}

static void add_own(struct python *p, struct task_work *w)
{
	struct own_task *own;
	size_t n = tasks_own_list(p, TASKS_MAX, &own);

	for (size_t i = 0; i < n; i++)
		add_task(p, w, own[i].address, own[i].running);
	free(own);
}

static void add_by_sets(struct python *p, struct task_work *w)
{
	uint64_t current[LOOPS_MAX], target;
	struct dict_item *items;
	size_t count;

	if (w->places.waiting && set_read(p, w->places.waiting, &items, &count)) {
		for (size_t i = 0; i < count; i++)
			if (python_read_word(
				    p, items[i].key + p->layout.other.weak_target, &target))
				add_task(p, w, target, false);
		free(items);
	}
	if (w->places.eager && set_read(p, w->places.eager, &items, &count)) {
		for (size_t i = 0; i < count; i++)
			add_task(p, w, items[i].key, false);
		free(items);
	}
	count = read_current(p, &w->places, current);
	for (size_t i = 0; i < count; i++)
		add_task(p, w, current[i], true);
}

bool python_tasks(struct python *p, struct python_task **out, size_t *n)
{
	struct task_work *w = work(p);

	*out = NULL;
	*n = 0;
	w->n = 0;
	if (!readable(p, w))
		return false;
	if (p->layout.task.node)
		add_own(p, w);
	else
		add_by_sets(p, w);
	*out = w->tasks;
	*n = w->n;
	return true;
}

/* ---- the one that a thread runs ---- */

/* The task whose coroutine is on this thread's stack. */
static bool runs_on(struct python *p, struct task_work *w, uint64_t task, struct python_thread *t)
{
	uint64_t coroutine, frame;

	if (!chain_is_task(p, &w->types, task) ||
		!python_read_word(p, task + p->layout.task.coroutine, &coroutine) ||
		!(frame = chain_frame(p, coroutine)))
		return false;
	for (size_t k = t->n_frames; k-- > 0;) /* it is towards the outer end */
		if (t->frames[k].coroutine && t->frames[k].address == frame)
			return true;
	return false;
}

const char *python_running_task(struct python *p, struct python_thread *t)
{
	struct task_work *w = work(p);
	uint64_t current[LOOPS_MAX];
	size_t n = 0;
	bool any = false;

	for (size_t i = 0; i < t->n_frames && !any; i++)
		any = t->frames[i].coroutine;
	if (!any || !readable(p, w))
		return "";
	if (!p->layout.task.node)
		n = read_current(p, &w->places, current);
	else if (python_read_word(p, t->state + p->layout.task.thread_running, &current[0]))
		n = current[0] != 0;
	for (size_t i = 0; i < n; i++)
		if (runs_on(p, w, current[i], t)) {
			read_name(p, current[i], w->name);
			return w->name;
		}
	return "";
}

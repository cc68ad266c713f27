/*
 * The asyncio tasks that wait: where each of them awaits, as wall time, below a node of its own.
 * Reading them all is dear, and they wait long, so they are looked at 20 times a second, and less
 * often where they are so many that it would take more than a twentieth of a core; the time since
 * the last look at the process's tasks is what each of them waited, but a task that is seen the
 * first time, which may have begun just now.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sampler/sampler_internal.h"

#define TASKS_EVERY_NS (50 * NS_PER_MS)
enum { TASKS_SHARE = 20 }; /* at most one part in so many of a core */

/* A name that asyncio gave: "Task-7". A service has one for each request, so those are told apart
 * by what they run. */
static bool is_numbered(const char *name)
{
	const char *digits = name + 5;

	return !*name ||
	       (!strncmp(name, "Task-", 5) && *digits && !digits[strspn(digits, "0123456789")]);
}

void look_task_name(
	char *out, size_t size, const char *name, const struct python_frame *frames, size_t n)
{
	while (n && !frames[n - 1].coroutine)
		n--;
	if (n && is_numbered(name))
		snprintf(out, size, "tasks of %s", frames[n - 1].code->name);
	else
		snprintf(out, size, "%s", *name ? name : "task");
}

/* So many tasks of a process have nodes with their own names; the others share one. */
uint32_t look_task_node(struct sampler *s, struct subject *j, uint32_t parent, const char *name)
{
	size_t before = s->profile->n_nodes;
	uint32_t function, node;

	if (j->n_task_names >= TASK_NAMES)
		name = "other tasks";
	function = profile_function(s->profile, PROFILE_TASK, name, "", 0);
	node = profile_node(s->profile, parent, function, 0);
	j->n_task_names += s->profile->n_nodes > before;
	return node;
}

void look_tasks(struct sampler *s, struct subject *j, uint64_t now)
{
	uint64_t ns = j->tasks_ns ? now - j->tasks_ns : 0, begin;
	struct python_task *tasks;
	char name[96], label[112];
	bool there;
	size_t n;

	if (j->tasks_ns && ns < j->tasks_every_ns)
		return;
	j->tasks_ns = now;
	begin = clock_thread_cpu_ns();
	there = python_tasks(j->python, &tasks, &n);
	j->tasks_every_ns = (clock_thread_cpu_ns() - begin) * TASKS_SHARE;
	if (j->tasks_every_ns < TASKS_EVERY_NS)
		j->tasks_every_ns = TASKS_EVERY_NS;
	if (!there)
		return;
	for (size_t i = 0; i < n && ns; i++) {
		struct profile_weight w = {.samples = 1, .wall_ns = ns};
		const struct python_task *t = &tasks[i];
		uint32_t node;

		if (t->running || !t->n_frames)
			continue;
		look_task_name(name, sizeof(name), t->name, t->frames, t->n_frames);
		snprintf(label, sizeof(label), "%s (waiting)", name);
		node = look_task_node(s, j, look_process_node(s, j), label);
		for (size_t f = t->n_frames; f-- > 0;)
			node = place_cache_node(&j->places, s->profile, node, &t->frames[f]);
		profile_add(s->profile, node, &w);
	}
}

/*
 * The asyncio tasks that wait: where each of them awaits, as wall time, below a node of its own.
 * Reading them all is dear, and they wait long, so they are looked at 20 times a second; the time
 * since the last look at the process's tasks is what each of them waited, but a task that is seen
 * the first time, which may have begun just now.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sampler/sampler_internal.h"

#define TASKS_EVERY_NS (50 * NS_PER_MS)

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
	uint64_t ns = j->tasks_ns ? now - j->tasks_ns : 0;
	struct python_task *tasks;
	char name[96];
	size_t n;

	if (j->tasks_ns && ns < TASKS_EVERY_NS)
		return;
	j->tasks_ns = now;
	if (!python_tasks(j->python, &tasks, &n))
		return;
	for (size_t i = 0; i < n && ns; i++) {
		struct profile_weight w = {.samples = 1, .wall_ns = ns};
		const struct python_task *t = &tasks[i];
		uint32_t node;

		if (t->running || !t->n_frames)
			continue;
		snprintf(name, sizeof(name), "%s (waiting)", t->name[0] ? t->name : "task");
		node = look_task_node(s, j, look_process_node(s, j), name);
		for (size_t f = t->n_frames; f-- > 0;)
			node = place_cache_node(&j->places, s->profile, node, &t->frames[f]);
		profile_add(s->profile, node, &w);
	}
}

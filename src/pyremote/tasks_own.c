#include "pyremote/tasks_own.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "native/elf_file.h"
#include "native/maps.h"

/* Place of each number in the section. */
enum {
	TASK_SIZE,
	TASK_NAME,
	TASK_CORO = 5,
	TASK_NODE,
	INTERPRETER_SIZE,
	INTERPRETER_LIST,
	THREAD_SIZE,
	THREAD_RUNNING_TASK = 11,
	THREAD_LIST,
	N_NUMBERS,
};

bool tasks_own_read(const uint8_t bytes[TASKS_OWN_BYTES], struct layout *layout)
{
	uint64_t n[N_NUMBERS];

	memcpy(n, bytes, sizeof(n));
	if (n[TASK_SIZE] < 64 || n[TASK_SIZE] > 1024 || n[TASK_NAME] >= n[TASK_SIZE] ||
		n[TASK_CORO] >= n[TASK_SIZE] || !n[TASK_CORO] || n[TASK_NODE] >= n[TASK_SIZE] ||
		!n[TASK_NODE] || n[INTERPRETER_SIZE] > 64 << 20 ||
		n[INTERPRETER_LIST] >= n[INTERPRETER_SIZE] || n[THREAD_SIZE] > 1 << 20 ||
		n[THREAD_LIST] >= n[THREAD_SIZE] || n[THREAD_RUNNING_TASK] >= n[THREAD_SIZE])
		return false;
	layout->task.size = (uint16_t)n[TASK_SIZE];
	layout->task.name = (uint16_t)n[TASK_NAME];
	layout->task.coroutine = (uint16_t)n[TASK_CORO];
	layout->task.waits = NO_FIELD;
	layout->task.state = NO_FIELD;
	layout->task.node = (uint32_t)n[TASK_NODE];
	layout->task.thread_list = (uint32_t)n[THREAD_LIST];
	layout->task.thread_running = (uint32_t)n[THREAD_RUNNING_TASK];
	layout->task.interpreter_list = (uint32_t)n[INTERPRETER_LIST];
	return true;
}

static bool look(struct python *p, const struct map *map)
{
	struct elf_file *elf;
	uint64_t address, size, bias;
	uint8_t bytes[TASKS_OWN_BYTES];
	int fd = maps_open(p->pid, map);
	bool found;

	if (fd < 0 || elf_file_open(&elf, fd, map->path, NULL))
		return false;
	found = elf_file_section(elf, ".AsyncioDebug", &address, &size) && size >= sizeof(bytes) &&
		elf_file_bias(elf, map->start, map->offset, &bias) &&
		remote_read(p->pid, bias + address, bytes, sizeof(bytes)) &&
		tasks_own_read(bytes, &p->layout);
	elf_file_close(elf);
	return found;
}

bool tasks_own_find(struct python *p)
{
	struct maps maps;
	bool found = false;

	if (maps_read(&maps, p->pid, NULL))
		return false;
	for (size_t i = 0; i < maps.n && !found; i++)
		if (maps.items[i].offset == 0 && maps.items[i].inode &&
			(strstr(maps.items[i].path, "/_asyncio.") ||
				!strcmp(maps.items[i].path, p->about.path)))
			found = look(p, &maps.items[i]);
	maps_release(&maps);
	return found;
}

/* ---- the lists ---- */

struct list {
	struct own_task *items;
	size_t n, cap, max;
};

static void add(struct list *l, uint64_t address, bool running)
{
	if (l->n >= l->max)
		return;
	l->items = mem_grow(l->items, &l->cap, l->n + 1, sizeof(*l->items));
	l->items[l->n++] = (struct own_task){address, running};
}

/* From link to link until the head comes again; where a link does not point back it was changed
 * meanwhile, and the rest is for the next look. */
static void walk(struct python *p, uint64_t head, struct list *out)
{
	uint64_t link[2], before = head, at;

	if (!python_read_word(p, head, &at))
		return;
	for (; at && at != head && out->n < out->max; before = at, at = link[0]) {
		if (at % 8 || !remote_read(p->pid, at, link, sizeof(link)) || link[1] != before)
			return;
		add(out, at - p->layout.task.node, false);
	}
}

size_t tasks_own_list(struct python *p, size_t max, struct own_task **out)
{
	const struct layout *l = &p->layout;
	struct list list = {.max = max};
	uint64_t interpreter, thread = 0, running;

	*out = NULL;
	if (!python_read_word(p, p->about.runtime + l->runtime_interpreters + 8, &interpreter) ||
		!python_read_word(p, interpreter + l->interpreter.threads, &thread))
		return 0;
	walk(p, interpreter + l->task.interpreter_list, &list);
	for (size_t i = 0; thread && i < PYTHON_MAX_THREADS; i++) {
		walk(p, thread + l->task.thread_list, &list);
		if (python_read_word(p, thread + l->task.thread_running, &running) && running)
			add(&list, running, true);
		if (!python_read_word(p, thread + l->thread.next, &thread))
			break;
	}
	*out = list.items;
	return list.n;
}

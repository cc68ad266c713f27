/* Names of threads, as threading.Thread has them: threading._active, a dict of numbers
 * (get_ident()) to Thread objects. Read all at once when somebody asks for one that is not known.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pyremote/dict.h"

enum { NAME_BYTES = 128, REFRESH_SHARE = 20 /* at most one part in so many of a core */ };

#define REFRESH_NS NS_PER_MS /* at the earliest */

struct named {
	uint64_t state, pthread;
	char name[NAME_BYTES];
};

/* What was handed out stays where it is. */
struct thread_names {
	struct named **known; /* by state: as many as there ever were at once */
	size_t n, cap;
	uint64_t interpreter, active; /* threading._active of this interpreter */
	struct dict_item *items;      /* what was in it at the last look: numbers and Threads */
	size_t n_items;
	uint64_t read_ns, every_ns; /* of that look; how long until the next one at least */
};

void names_release(struct python *p)
{
	struct thread_names *t = p->names;

	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->known[i]);
	free(t->known);
	free(t->items);
	free(t);
	p->names = NULL;
}

/* Puts what is in _active into items, the key as its number. */
static void refresh(struct python *p, struct thread_names *t, uint64_t interpreter)
{
	size_t n = 0, all;
	uint64_t module;

	free(t->items);
	t->items = NULL;
	t->n_items = 0;
	t->read_ns = clock_now_ns();
	if (t->interpreter != interpreter || !t->active) {
		t->interpreter = interpreter;
		module = module_dict(p, interpreter, "threading");
		t->active = module ? dict_find(p, module, "_active") : 0;
	}
	if (!t->active || !dict_read(p, t->active, &t->items, &all)) {
		t->active = 0;
		return;
	}
	for (size_t i = 0; i < all && n < PYTHON_MAX_THREADS; i++) {
		struct dict_item item = t->items[i];

		if (object_int(p, item.key, &item.key))
			t->items[n++] = item;
	}
	t->n_items = n;
}

static const struct dict_item *find_item(const struct thread_names *t, uint64_t pthread)
{
	for (size_t i = 0; i < t->n_items; i++)
		if (t->items[i].key == pthread)
			return &t->items[i];
	return NULL;
}

/* The place for this thread's name: the one of an earlier thread with the same state is used again,
 * but for another thread it is another text. */
static struct named *place(struct thread_names *t, const struct python_thread *thread)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->known[i]->state == thread->state)
			return t->known[i];
	if (t->n >= PYTHON_MAX_THREADS)
		return NULL;
	t->known = mem_grow(t->known, &t->cap, t->n + 1, sizeof(struct named *));
	t->known[t->n] = mem_zalloc(1, sizeof(**t->known));
	t->known[t->n]->state = thread->state;
	return t->known[t->n++];
}

const char *python_thread_name(struct python *p, struct python_thread *thread)
{
	struct thread_names *t = p->names ? p->names : (p->names = mem_zalloc(1, sizeof(*t)));
	const struct dict_item *item;
	struct named *named;
	uint64_t interpreter, name, now = clock_now_ns();
	char text[NAME_BYTES];

	if (!python_read_word(p, thread->state + p->layout.thread.interpreter, &interpreter))
		return NULL;
	item = t->interpreter == interpreter ? find_item(t, thread->pthread) : NULL;
	/* A number may be another thread's by now, so what was read is not kept for long. */
	if (t->interpreter != interpreter || now - t->read_ns >= t->every_ns) {
		uint64_t begin = clock_thread_cpu_ns();

		refresh(p, t, interpreter);
		t->every_ns = (clock_thread_cpu_ns() - begin) * REFRESH_SHARE;
		if (t->every_ns < REFRESH_NS)
			t->every_ns = REFRESH_NS;
		item = find_item(t, thread->pthread);
	}
	name = item ? object_attribute(p, item->value, "_name") : 0;
	if (!name || !python_read_text(p, name, text, sizeof(text)))
		return NULL;
	named = place(t, thread);
	if (!named)
		return NULL;
	snprintf(named->name, sizeof(named->name), "%s", text);
	return named->name;
}

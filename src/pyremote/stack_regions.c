#include "pyremote/stack.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "native/remote.h"

/*
 * Which bytes of a thread are read: they come by following the chain in the process, and go when no
 * stack has needed them for a while. Copying a kilobyte costs about .1 µs, a further piece .2 to
 * .5; so near neighbours are read as one.
 */

enum { PAGE = 4096 };

static uint64_t page_end(uint64_t address)
{
	return (address | (PAGE - 1)) + 1;
}

static int by_address(const void *a, const void *b)
{
	const struct stack_region *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

/* The bytes of the state that are looked at. */
static uint32_t state_bytes(const struct layout *l)
{
	const uint16_t fields[] = {l->thread.next, l->thread.pthread, l->thread.native_id,
		l->thread.frame, l->thread.interpreter};
	uint32_t end = 0;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i] != NO_FIELD && fields[i] + 8U > end)
			end = fields[i] + 8U;
	return end;
}

static void piece_add(struct stack_scratch *s, size_t *n, uint64_t address, uint32_t size)
{
	s->regions = mem_grow(s->regions, &s->cap_regions, *n + 1, sizeof(*s->regions));
	s->regions[(*n)++] = (struct stack_region){.address = address, .size = size};
}

/* Where each region lies in a copy. Bare of gaps: the kernel fills a copy as one piece. */
static void regions_place(struct python_thread *t)
{
	struct python_thread_work *w = t->work;

	w->bytes = 0;
	for (size_t i = 0; i < w->n_regions; i++) {
		w->regions[i].offset = (uint32_t)w->bytes;
		w->bytes += w->regions[i].size;
		if (t->state >= w->regions[i].address)
			w->state_region = i;
	}
}

/* Makes the pieces in s the thread's regions: sorted, neighbours joined. */
static void regions_set(struct stack_scratch *s, size_t n, struct python_thread *t)
{
	struct python_thread_work *w = t->work;

	qsort(s->regions, n, sizeof(*s->regions), by_address);
	w->regions = mem_grow(w->regions, &w->cap_regions, n, sizeof(*w->regions));
	w->n_regions = 0;
	for (size_t i = 0; i < n; i++) {
		const struct stack_region *piece = &s->regions[i];
		struct stack_region *last = w->n_regions ? &w->regions[w->n_regions - 1] : NULL;

		if (last && piece->address - last->address <= last->size + STACK_GAP) {
			uint64_t end = piece->address + piece->size - last->address;

			if (end > last->size)
				last->size = (uint32_t)end;
		} else {
			w->regions[w->n_regions++] = *piece;
		}
	}
	for (size_t i = 0; i < w->n_regions; i++) {
		w->regions[i].used_from = UINT32_MAX;
		w->regions[i].used_to = 0;
	}
	w->accepted = 0;
	regions_place(t);
}

void stack_start(struct python *p, struct stack_scratch *s, struct python_thread *t)
{
	size_t n = 0;

	piece_add(s, &n, t->state, state_bytes(&p->layout));
	regions_set(s, n, t);
	t->work->copies = stack_tops_tell(&p->layout) ? 1 : 2;
}

void stack_release(struct python_thread *t)
{
	free(t->work->regions);
	free(t->work->raws.items);
	free(t->work->room);
	free(t->work);
	free(t);
}

/* Frames that come next will lie behind the innermost one, on its page at least. */
static uint32_t with_slack(uint64_t address, uint32_t size)
{
	uint64_t end = address + size, room = page_end(end - 1) - end;

	return size + (uint32_t)(room < STACK_SLACK ? room : STACK_SLACK);
}

static bool on_data_stack(const struct layout *l, const struct stack_raw *raw)
{
	return l->frames != FRAMES_HEAP && !(raw->flags & (RAW_SHIM | RAW_GENERATOR));
}

/* `size` bytes out of the process, by way of a window of a page or two; NULL: not mapped. */
static const uint8_t *window_at(
	struct python *p, struct stack_scratch *s, uint64_t address, uint32_t size)
{
	if (address < s->window_from || address - s->window_from > s->window_size ||
		size > s->window_size - (address - s->window_from)) {
		s->window_from = address & ~(uint64_t)(PAGE - 1);
		s->window_size = address + size > s->window_from + PAGE ? 2 * PAGE : PAGE;
		if (address > UINT64_MAX - 2 * PAGE ||
			!remote_read(p->pid, s->window_from, s->window, s->window_size)) {
			s->window_size = 0;
			return NULL;
		}
	}
	return s->window + (address - s->window_from);
}

static bool covered(const struct python_thread_work *w, uint64_t address, uint32_t size)
{
	for (size_t low = 0, high = w->n_regions; low < high;) {
		size_t middle = low + (high - low) / 2;
		const struct stack_region *r = &w->regions[middle];

		if (address < r->address)
			high = middle;
		else if (address - r->address >= r->size)
			low = middle + 1;
		else
			return size <= r->size - (address - r->address);
	}
	return false;
}

void stack_extend(struct python *p, struct stack_scratch *s, struct python_thread *t,
	enum stack_walk walk, uint64_t missing)
{
	const struct layout *l = &p->layout;
	uint32_t bytes = stack_frame_bytes(l);
	size_t n = 0;
	bool first = true;

	for (size_t i = 0; i < t->work->n_regions; i++)
		piece_add(s, &n, t->work->regions[i].address, t->work->regions[i].size);
	s->window_size = 0;
	if (walk == WALK_MISSING_CFRAME) {
		const uint8_t *at = window_at(p, s, missing + l->cframe.current, 8);

		if (!at)
			return;
		piece_add(s, &n, missing + l->cframe.current, 8);
		memcpy(&missing, at, sizeof(missing));
	}
	for (size_t i = 0; missing && i < PYTHON_MAX_DEPTH; i++) {
		const uint8_t *at =
			covered(t->work, missing, bytes) ? NULL : window_at(p, s, missing, bytes);
		struct stack_raw raw;

		if (!at)
			break;

		uint64_t previous = stack_raw_read(l, at, &raw);
		bool slack = first && on_data_stack(l, &raw);

		piece_add(s, &n, missing, slack ? with_slack(missing, bytes) : bytes);
		first = first && !slack;
		missing = previous;
	}
	regions_set(s, n, t);
	if (t->work->bytes > STACK_MAX_BYTES)
		stack_start(p, s, t);
}

void stack_cut(struct python *p, struct stack_scratch *s, struct python_thread *t)
{
	const struct layout *l = &p->layout;
	struct python_thread_work *w = t->work;
	uint64_t innermost = 0;
	size_t n = 0;

	for (size_t i = 0; i < w->raws.n && !innermost; i++)
		if (on_data_stack(l, &w->raws.items[i]))
			innermost = w->raws.items[i].address;
	w->copies = stack_tops_tell(l) ? 1 : 2;
	piece_add(s, &n, t->state, state_bytes(l));
	for (size_t i = 0; i < w->n_regions; i++) {
		const struct stack_region *r = &w->regions[i];
		uint64_t from = r->address + r->used_from;

		if (r->used_from >= r->used_to)
			continue;

		uint32_t size = r->used_to - r->used_from;

		if (innermost - from < size)
			size = with_slack(from, size);
		piece_add(s, &n, from, size);
	}
	regions_set(s, n, t);
}

bool stack_drop_region(struct python_thread *t, size_t region)
{
	struct python_thread_work *w = t->work;

	if (region == w->state_region)
		return false;
	w->n_regions--;
	for (size_t i = region; i < w->n_regions; i++)
		w->regions[i] = w->regions[i + 1];
	regions_place(t);
	return true;
}

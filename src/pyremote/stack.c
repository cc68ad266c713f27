#include "pyremote/stack.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/*
 * The walk through two copies of a thread's memory. This is the hot path: per frame a handful of
 * loads from copies that lie in the cache, and code objects only for what is new on the stack.
 */

static uint64_t u64_at(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint32_t u32_at(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

uint64_t stack_state_field(const struct python_thread *t, const uint8_t *copy, unsigned field)
{
	const struct stack_region *r = &t->work->regions[t->work->state_region];

	return field == NO_FIELD ? 0 : u64_at(copy + r->offset + (t->state + field - r->address));
}

/* Where `size` bytes at `address` lie in a copy; NULL: in no region. *hint is a region to begin
 * with, and the one it was. */
static const uint8_t *in_copy(const struct python_thread_work *w, const uint8_t *copy,
	uint64_t address, uint32_t size, size_t *hint)
{
	size_t i = *hint;

	if (address - w->regions[i].address >= w->regions[i].size) {
		size_t low = 0, high = w->n_regions;

		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (w->regions[middle].address <= address)
				low = middle + 1;
			else
				high = middle;
		}
		if (low == 0)
			return NULL;
		i = low - 1;
	}

	struct stack_region *r = &w->regions[i];
	uint64_t from = address - r->address;

	if (from >= r->size || size > r->size - from)
		return NULL;
	if (from < r->used_from)
		r->used_from = (uint32_t)from;
	if (from + size > r->used_to)
		r->used_to = (uint32_t)from + size;
	*hint = i;
	return copy + r->offset + from;
}

/* The bytes of a frame that are looked at. */
uint32_t stack_frame_bytes(const struct layout *l)
{
	uint16_t fields[] = {l->frame.previous, l->frame.code, l->frame.instruction, l->frame.owner,
		l->frame.entry};
	uint32_t end = 0;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i] != NO_FIELD && fields[i] + 8U > end)
			end = fields[i] + 8U;
	return end;
}

static struct stack_raw *raws_add(struct stack_raws *raws)
{
	if (raws->n == raws->cap)
		raws->items = mem_grow(raws->items, &raws->cap, raws->n + 1, sizeof(*raws->items));
	return &raws->items[raws->n++];
}

/* One frame out of its bytes. */
uint64_t stack_raw_read(const struct layout *l, const uint8_t *at, struct stack_raw *raw)
{
	raw->code = u64_at(at + l->frame.code) & ~(uint64_t)l->frame.code_tags;
	raw->shown = 0;
	raw->flags = 0;
	if (l->frame.instruction_is_pointer)
		raw->instruction = u64_at(at + l->frame.instruction);
	else
		raw->instruction = u32_at(at + l->frame.instruction);
	if (l->frame.owner != NO_FIELD) {
		uint8_t owner = at[l->frame.owner];

		raw->flags = owner >= OWNER_C           ? RAW_SHIM
			     : owner == OWNER_GENERATOR ? RAW_GENERATOR
							: 0;
	}
	if (l->frames == FRAMES_HEAP || (l->frame.entry != NO_FIELD && at[l->frame.entry]))
		raw->flags |= RAW_ENTRY;
	return u64_at(at + l->frame.previous);
}

/* Do two copies of a frame agree? The innermost one's instruction may move. */
static bool agree(const struct layout *l, const uint8_t *a, const uint8_t *b, bool innermost)
{
	if (u64_at(a + l->frame.code) != u64_at(b + l->frame.code) ||
		u64_at(a + l->frame.previous) != u64_at(b + l->frame.previous))
		return false;
	if (l->frame.owner != NO_FIELD && a[l->frame.owner] != b[l->frame.owner])
		return false;
	if (l->frame.entry != NO_FIELD && a[l->frame.entry] != b[l->frame.entry])
		return false;
	if (innermost)
		return true;
	return l->frame.instruction_is_pointer
		       ? u64_at(a + l->frame.instruction) == u64_at(b + l->frame.instruction)
		       : u32_at(a + l->frame.instruction) == u32_at(b + l->frame.instruction);
}

/* From the state to the innermost frame. */
static enum stack_walk walk_state(const struct layout *l, struct python_thread *t, const uint8_t *a,
	ptrdiff_t to_b, uint64_t *frame, uint64_t *missing)
{
	const unsigned linked[] = {l->thread.frame, l->thread.next, l->thread.interpreter};
	size_t hint = 0;

	for (size_t i = 0; i < sizeof(linked) / sizeof(linked[0]); i++)
		if (stack_state_field(t, a, linked[i]) != stack_state_field(t, a + to_b, linked[i]))
			return WALK_TORN;
	*frame = stack_state_field(t, a, l->thread.frame);
	if (l->frames != FRAMES_CFRAME || !*frame)
		return WALK_WHOLE;

	const uint8_t *cframe = in_copy(t->work, a, *frame + l->cframe.current, 8, &hint);

	if (!cframe) {
		*missing = *frame;
		return WALK_MISSING_CFRAME;
	}
	*frame = u64_at(cframe);
	return *frame == u64_at(cframe + to_b) ? WALK_WHOLE : WALK_TORN;
}

static enum stack_walk walk_frames(const struct layout *l, struct python_thread *t,
	struct stack_raws *raws, const uint8_t *a, ptrdiff_t to_b, uint64_t address,
	uint64_t *missing)
{
	uint32_t bytes = stack_frame_bytes(l);
	bool innermost = true;
	size_t hint = 0;

	while (address) {
		const uint8_t *at = in_copy(t->work, a, address, bytes, &hint);

		if (!at) {
			*missing = address;
			return WALK_MISSING;
		}
		if (raws->n > PYTHON_MAX_DEPTH || !agree(l, at, at + to_b, innermost))
			return WALK_TORN;

		struct stack_raw *raw = raws_add(raws);

		raw->address = address;
		address = stack_raw_read(l, at, raw);
		/* From 3.12 on it is the mark outside of a frame that makes it an entry. */
		if (raw->flags & RAW_SHIM) {
			if (raws->n > 1)
				raw[-1].flags |= RAW_ENTRY;
		} else {
			innermost = false;
		}
	}
	if (raws->n && l->frame.entry == NO_FIELD)
		raws->items[raws->n - 1].flags |= RAW_ENTRY;
	return WALK_WHOLE;
}

static bool raw_same(const struct stack_raw *a, const struct stack_raw *b)
{
	return a->address == b->address && a->code == b->code && a->instruction == b->instruction &&
	       a->flags == b->flags;
}

/* Makes room for `n` frames, of which the outermost `kept` are there and stay. */
static void room_make(struct python_thread *t, size_t n, size_t kept)
{
	struct python_thread_work *w = t->work;

	if (n > w->cap_room) {
		size_t cap = n + n / 2 + 16;
		struct python_frame *room = mem_alloc(cap, sizeof(*room));

		if (kept)
			memcpy(room + cap - kept, w->room + w->cap_room - kept,
				kept * sizeof(*room));
		free(w->room);
		w->room = room;
		w->cap_room = cap;
	}
	t->cap_frames = w->cap_room;
	t->n_frames = kept;
	t->frames = w->room + w->cap_room - kept;
}

/* What a frame is to others. 1: shown, 0: not (it has not begun, or is the interpreter's own), -1:
 * it is no frame. */
static int frame_make(struct python *p, struct stack_scratch *s, const struct stack_raw *raw,
	struct python_frame *f)
{
	const struct layout *l = &p->layout;

	if (raw->flags & RAW_SHIM)
		return 0;

	const struct code_extra *e = code_extra_find(p, s, raw->code);

	if (!e)
		return -1;

	int64_t instruction =
		l->frame.instruction_is_pointer
			? (int64_t)(raw->instruction - e->bytecode)
			: (int64_t)(int32_t)raw->instruction * l->frame.instruction_unit;

	if (instruction < -2 || instruction >= (int64_t)e->bytes)
		return -1;
	if (!(raw->flags & RAW_GENERATOR) && instruction < (int64_t)e->first)
		return 0;
	if (!e->code)
		return -1;
	*f = (struct python_frame){
		.code = e->code,
		.instruction = instruction < 0 ? -1 : (int32_t)instruction,
		.entry = raw->flags & RAW_ENTRY,
		.coroutine = (raw->flags & RAW_GENERATOR) || e->coroutine,
		.address = raw->address,
	};
	return 1;
}

/* The new stack becomes t's: the outer frames that are the same stay as they are. */
static bool frames_take(struct python *p, struct stack_scratch *s, struct python_thread *t)
{
	struct python_thread_work *w = t->work;
	struct stack_raws *new = &s->raws, *old = &w->raws;
	size_t same = 0, kept = t->n_frames;

	while (same < new->n && same < old->n &&raw_same(&new->items[new->n - 1 - same],
					       &old->items[old->n - 1 - same])) {
		new->items[new->n - 1 - same].shown = old->items[old->n - 1 - same].shown;
		same++;
	}
	if (same == new->n && same == old->n) {
		t->stack = t->n_frames ? STACK_UNCHANGED : STACK_EMPTY;
		return true;
	}
	for (size_t i = 0; i + same < old->n; i++)
		kept -= old->items[i].shown;
	/* What is not kept is not there any more, also when this fails half-way. */
	memmove(old->items, old->items + old->n - same, same * sizeof(*old->items));
	old->n = same;
	room_make(t, kept + new->n - same, kept);
	for (size_t i = new->n - same; i-- > 0;) {
		int made = frame_make(p, s, &new->items[i], t->frames - 1);

		if (made < 0) {
			t->frames += t->n_frames - kept;
			t->n_frames = kept;
			return false;
		}
		new->items[i].shown = (uint32_t)made;
		t->frames -= made;
		t->n_frames += (size_t)made;
	}

	struct stack_raws swap = *old;

	*old = *new;
	*new = swap;
	t->stack = t->n_frames ? STACK_READ : STACK_EMPTY;
	return true;
}

enum stack_walk stack_take(struct python *p, struct stack_scratch *s, struct python_thread *t,
	const uint8_t *a, const uint8_t *b, uint64_t *missing)
{
	const struct layout *l = &p->layout;
	ptrdiff_t to_b = b - a;
	uint64_t frame = 0;
	enum stack_walk walk = walk_state(l, t, a, to_b, &frame, missing);

	s->raws.n = 0;
	if (walk == WALK_WHOLE)
		walk = walk_frames(l, t, &s->raws, a, to_b, frame, missing);
	if (walk != WALK_WHOLE)
		return walk;
	if (!frames_take(p, s, t))
		return WALK_TORN;
	t->work->next = stack_state_field(t, a, l->thread.next);
	if (++t->work->accepted >= STACK_CUT_EVERY)
		stack_cut(p, s, t);
	return WALK_WHOLE;
}

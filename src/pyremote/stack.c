#include "pyremote/stack.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* From the frames as they lie there (stack_walk.c) to what others see. Code objects are looked up
 * for what is new on the stack only. */
static uint64_t u64_at(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

uint64_t stack_state_field(const struct python_thread *t, const uint8_t *copy, unsigned field)
{
	const struct stack_region *r = &t->work->regions[t->work->state_region];

	return field == NO_FIELD ? 0 : u64_at(copy + r->offset + (t->state + field - r->address));
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

/* How many frames, from the outermost on, are as they were. */
static size_t frames_same(struct stack_raws *new, const struct stack_raws *old)
{
	size_t same = 0;

	while (same < new->n && same < old->n) {
		struct stack_raw *raw = &new->items[new->n - 1 - same];
		const struct stack_raw *was = &old->items[old->n - 1 - same];

		if (!raw_same(raw, was))
			break;
		raw->shown = was->shown;
		same++;
	}
	return same;
}

/* The new stack becomes t's: the outer frames that are the same stay as they are. */
static bool frames_take(
	struct python *p, struct stack_scratch *s, struct python_thread *t, size_t same)
{
	struct python_thread_work *w = t->work;
	struct stack_raws *new = &s->raws, *old = &w->raws;
	size_t kept = t->n_frames;

	if (same == new->n && same == old->n) {
		t->stack = t->n_frames ? STACK_UNCHANGED : STACK_EMPTY;
		return true;
	}
	for (size_t i = 0; i + same < old->n; i++)
		kept -= old->items[i].shown;
	/* What is not kept is not there any more, also when this fails half-way. */
	if (same)
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
	const uint8_t *copies, uint64_t *missing)
{
	struct python_thread_work *w = t->work;
	enum stack_walk walk = stack_walk(&p->layout, &s->raws, t, copies, missing);

	if (walk != WALK_WHOLE && walk != WALK_SAME)
		return walk;

	size_t same = frames_same(&s->raws, &w->raws);

	if (walk == WALK_WHOLE && p->layout.calls && !stack_calls_there(p, s, s->raws.n - same))
		return WALK_TORN;
	if (!frames_take(p, s, t, same))
		return WALK_TORN;
	w->next = stack_state_field(t, copies, p->layout.thread.next);
	w->tries = 0;
	if (++w->accepted >= STACK_CUT_EVERY)
		stack_cut(p, s, t);
	return walk;
}

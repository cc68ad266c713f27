#include "pyremote/stack.h"

#include <string.h>

#include "base/mem.h"

/*
 * The walk through the copies of a thread's memory, and the proof that what it finds was a stack;
 * stack.h says why it is one. This is the hot path: per frame a handful of loads from memory that
 * lies in the cache.
 */

/* Of 3.8 and 3.9 (f_executing) and 3.10 (f_state): the frame runs, or waits for one that it called.
 */
enum { EXECUTING_3_8 = 1, EXECUTING_3_10 = 0 };
/* stacktop of a frame that runs, up to 3.13. */
enum { TOP_RUNNING = -1 };
struct look {
	const struct layout *l;
	struct stack_raws *raws;
	struct python_thread *t;
	const uint8_t *a;
	uint32_t bytes; /* of a frame that are looked at */
};

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
bool stack_tops_tell(const struct layout *l)
{
	return l->frames != FRAMES_HEAP && l->frame.top != NO_FIELD && !l->frame.top_is_pointer;
}

uint32_t stack_frame_bytes(const struct layout *l)
{
	uint16_t fields[] = {l->frame.previous, l->frame.code, l->frame.instruction, l->frame.owner,
		l->frame.entry, l->frame.state, l->frame.top, l->frame.generator};
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
	raw->top = l->frame.top == NO_FIELD ? 0 : (int32_t)u32_at(at + l->frame.top);
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
	if (l->frames == FRAMES_HEAP && l->frame.generator != NO_FIELD &&
		u64_at(at + l->frame.generator))
		raw->flags |= RAW_GENERATOR;
	if (l->frames == FRAMES_HEAP || (l->frame.entry != NO_FIELD && at[l->frame.entry]))
		raw->flags |= RAW_ENTRY;
	return u64_at(at + l->frame.previous);
}

/* ---- collecting ---- */

/* From the state to the innermost frame, in copy A. */
static enum stack_walk walk_state(const struct look *k, uint64_t *frame, uint64_t *missing)
{
	const struct layout *l = k->l;
	size_t hint = 0;

	*frame = stack_state_field(k->t, k->a, l->thread.frame);
	if (l->frames != FRAMES_CFRAME || !*frame)
		return WALK_WHOLE;

	const uint8_t *cframe = in_copy(k->t->work, k->a, *frame + l->cframe.current, 8, &hint);

	if (!cframe) {
		*missing = *frame;
		return WALK_MISSING_CFRAME;
	}
	*frame = u64_at(cframe);
	return WALK_WHOLE;
}

/* Puts one frame at the end of raws; NULL: it lies in no region. */
static struct stack_raw *collect(
	const struct look *k, uint64_t address, size_t *hint, uint64_t *previous)
{
	const uint8_t *at = in_copy(k->t->work, k->a, address, k->bytes, hint);

	if (!at)
		return NULL;

	struct stack_raw *raw = raws_add(k->raws);

	raw->address = address;
	raw->region = (uint32_t)*hint;
	raw->at = (uint32_t)(at - k->a);
	*previous = stack_raw_read(k->l, at, raw);
	/* From 3.12 on it is the mark outside of a frame that makes it an entry. */
	if (raw->flags & RAW_SHIM && k->raws->n > 1)
		raw[-1].flags |= RAW_ENTRY;
	return raw;
}

/* A generator that has yielded has no predecessor any more; it may still be the current frame for a
 * moment. From 3.12 on the outermost frame is the interpreter's mark. */
static bool ends_well(const struct look *k)
{
	const struct stack_raw *last = k->raws->items + k->raws->n;

	if (k->raws->n == 0)
		return true;
	last--;
	if (k->l->frames != FRAMES_HEAP && k->l->frame.entry == NO_FIELD)
		return last->flags & RAW_SHIM;
	return !(last->flags & RAW_GENERATOR);
}

static enum stack_walk walk_frames(const struct look *k, uint64_t address, uint64_t *missing)
{
	size_t hint = 0;

	k->raws->n = 0;
	while (address) {
		if (k->raws->n > PYTHON_MAX_DEPTH)
			return WALK_TORN;
		if (!collect(k, address, &hint, missing)) {
			*missing = address;
			return WALK_MISSING;
		}
		address = *missing;
	}
	return ends_well(k) ? WALK_WHOLE : WALK_TORN;
}

/* ---- proving, by two copies ---- */

/* Do two copies of a frame agree? Its instruction may have moved, where asked for. */
static bool frame_agrees(const struct layout *l, const uint8_t *a, const uint8_t *b, bool may_move)
{
	if (u64_at(a + l->frame.code) != u64_at(b + l->frame.code) ||
		u64_at(a + l->frame.previous) != u64_at(b + l->frame.previous))
		return false;
	if (l->frame.owner != NO_FIELD && a[l->frame.owner] != b[l->frame.owner])
		return false;
	if (l->frame.entry != NO_FIELD && a[l->frame.entry] != b[l->frame.entry])
		return false;
	if (stack_tops_tell(l) && u32_at(a + l->frame.top) != u32_at(b + l->frame.top))
		return false;
	if (may_move)
		return true;
	return l->frame.instruction_is_pointer
		       ? u64_at(a + l->frame.instruction) == u64_at(b + l->frame.instruction)
		       : u32_at(a + l->frame.instruction) == u32_at(b + l->frame.instruction);
}

/* Is everything from raws[from] outward the same in all copies? The instruction of those before
 * `may_move` may. */
static bool agree(const struct look *k, size_t from, size_t may_move)
{
	const struct python_thread_work *w = k->t->work;

	for (size_t i = from; i < k->raws->n; i++) {
		const uint8_t *a = k->a + k->raws->items[i].at;

		for (size_t copy = 1; copy < w->copies; copy++)
			if (!frame_agrees(k->l, a, a + copy * w->bytes, i < may_move))
				return false;
	}
	return true;
}

/* Do all copies of the state lead to the same frame? */
static bool state_agrees(const struct look *k)
{
	const struct layout *l = k->l;
	const struct python_thread_work *w = k->t->work;
	uint64_t frame = stack_state_field(k->t, k->a, l->thread.frame);
	const uint8_t *cframe = NULL;
	size_t hint = 0;

	if (l->frames == FRAMES_CFRAME && frame)
		cframe = in_copy(w, k->a, frame + l->cframe.current, 8, &hint);
	for (size_t copy = 1; copy < w->copies; copy++) {
		size_t to = copy * w->bytes;

		if (stack_state_field(k->t, k->a + to, l->thread.frame) != frame ||
			(cframe && u64_at(cframe) != u64_at(cframe + to)))
			return false;
	}
	return true;
}

/* Up to 3.10 a frame says itself that it is not one that ended. */
static bool all_execute(const struct look *k)
{
	uint8_t wanted = k->l->minor < 10 ? EXECUTING_3_8 : EXECUTING_3_10;

	if (k->l->frames != FRAMES_HEAP || k->l->frame.state == NO_FIELD)
		return true;
	for (size_t i = 0; i < k->raws->n; i++)
		if (k->a[k->raws->items[i].at + k->l->frame.state] != wanted)
			return false;
	return true;
}

static size_t innermost_from(const struct stack_raws *raws, size_t i)
{
	while (i < raws->n && raws->items[i].flags & RAW_SHIM)
		i++;
	return i;
}

/* Where the frames do not say which of them runs; and where they do, but none says so, because the
 * thread goes from one to the next just now: then nothing at all may move. */
static enum stack_walk prove_by_copies(const struct look *k)
{
	size_t may_move = stack_tops_tell(k->l) ? 0 : innermost_from(k->raws, 0) + 1;

	if (k->t->work->copies == 1)
		return WALK_LOOSER;
	return state_agrees(k) && all_execute(k) && agree(k, 0, may_move) ? WALK_SAME : WALK_TORN;
}

/* ---- proving, by one ---- */

static void drop_inner(struct stack_raws *raws, size_t n)
{
	raws->n -= n;
	memmove(raws->items, raws->items + n, raws->n * sizeof(*raws->items));
}

enum { NONE_RUNS = UINT32_MAX };

/* How many frames have returned since the state was read: one that called them runs again. */
static size_t returned(const struct stack_raws *raws)
{
	size_t first = innermost_from(raws, 0), i = first;

	if (first == raws->n || raws->items[first].top == TOP_RUNNING)
		return 0;
	while (++i < raws->n && !(raws->items[i - 1].flags & RAW_ENTRY))
		if (raws->items[i].top == TOP_RUNNING)
			return i;
	return NONE_RUNS;
}

static enum stack_walk prove_by_tops(const struct look *k)
{
	struct stack_raws *raws = k->raws;
	size_t begin = returned(raws), loose = raws->n;

	if (begin == NONE_RUNS)
		return WALK_TORN;

	size_t innermost = innermost_from(raws, begin);
	bool of_heap = innermost < raws->n && raws->items[innermost].flags & RAW_GENERATOR;

	for (size_t i = innermost + 1; i < raws->n; i++) {
		const struct stack_raw *inner = &raws->items[i - 1], *raw = &raws->items[i];

		if (!(raw->flags & RAW_SHIM) && !(inner->flags & (RAW_ENTRY | RAW_SHIM)) &&
			raw->top < 0)
			return WALK_TORN;
		/* The outermost mark says nothing: it is always there. */
		of_heap = of_heap || raw->flags & RAW_GENERATOR;
		if (loose == raws->n && raw->region != inner->region &&
			!(raw->flags & RAW_SHIM && i + 1 == raws->n))
			loose = i - 1;
	}
	if (loose < raws->n && k->t->work->copies == 1)
		return of_heap ? WALK_LOOSER : WALK_LOOSE;
	if (loose < raws->n && !agree(k, loose, innermost + 1))
		return WALK_TORN;
	if (begin)
		drop_inner(raws, begin);
	return WALK_WHOLE;
}

enum stack_walk stack_walk(const struct layout *l, struct stack_raws *raws, struct python_thread *t,
	const uint8_t *copies, uint64_t *missing)
{
	const struct look k = {l, raws, t, copies, stack_frame_bytes(l)};
	uint64_t frame = 0;
	enum stack_walk walk = walk_state(&k, &frame, missing);

	raws->n = 0;
	if (walk == WALK_WHOLE)
		walk = walk_frames(&k, frame, missing);
	if (walk != WALK_WHOLE)
		return walk;
	if (!stack_tops_tell(l))
		return prove_by_copies(&k);
	walk = prove_by_tops(&k);
	return walk == WALK_TORN && t->work->tries >= STACK_PATIENCE ? prove_by_copies(&k) : walk;
}

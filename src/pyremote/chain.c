#include "pyremote/chain.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	LINKS_MAX = 1000, /* coroutines awaiting each other, in one task */
	BASES_MAX = 8,
	WRAPPED = 16,    /* what a wrapper stands for is its first field, in all versions */
	YIELD_FROM = 72, /* the instruction, 3.8 to 3.10 */
	VALUES_MAX = 1 << 20,
	SUSPENDED = -1,
	OBJECT_LEAST = 24, /* of an object: its type, and its first field */
	OBJECT_MOST = 384, /* a coroutine and most of its values */
	FRAME_BYTES = 128, /* up to 3.10: of a frame, what is looked at */
};

/* One look at a coroutine: all that its frame of the task rests on. */
struct link {
	uint64_t generator, frame, code, instruction, target;
};

struct links {
	struct link items[LINKS_MAX];
	size_t n;
	uint64_t end; /* what the innermost awaits, if that is no coroutine */
};

/* ---- types ---- */

static enum chain_kind kind_of_name(const char *name)
{
	static const struct {
		const char *name;
		enum chain_kind kind;
	} KINDS[] = {
		{"coroutine", CHAIN_GENERATOR},
		{"generator", CHAIN_GENERATOR},
		{"async_generator", CHAIN_GENERATOR},
		{"coroutine_wrapper", CHAIN_WRAPPER},
		{"async_generator_asend", CHAIN_WRAPPER},
		{"async_generator_athrow", CHAIN_WRAPPER},
		{"anext_awaitable", CHAIN_WRAPPER},
		{"_asyncio.FutureIter", CHAIN_FUTURE},
		{"_asyncio.Task", CHAIN_TASK},
		{"_GatheringFuture", CHAIN_GATHER},
	};

	for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++)
		if (!strcmp(name, KINDS[i].name))
			return KINDS[i].kind;
	return CHAIN_OTHER;
}

/* A class of the program may be derived from Task. */
static enum chain_kind kind_of_type(struct python *p, uint64_t type)
{
	enum chain_kind kind = CHAIN_OTHER;
	char name[64];
	uint64_t at;

	for (int i = 0; i < BASES_MAX && type && kind == CHAIN_OTHER; i++) {
		if (type % 8 || !python_read_word(p, type + p->layout.object.type_name, &at) ||
			!remote_read_text(p->pid, at, name, sizeof(name)))
			break;
		kind = kind_of_name(name);
		/* Of another size it is laid out in another way. */
		if (kind == CHAIN_TASK &&
			(!python_read_word(p, type + p->layout.object.type_basic_size, &at) ||
				at != p->layout.task.size))
			return CHAIN_OTHER;
		if (!python_read_word(p, type + p->layout.object.type_base, &type))
			break;
	}
	return kind;
}

static enum chain_kind kind_of(struct python *p, struct chain_types *types, uint64_t type)
{
	enum chain_kind kind;

	for (size_t i = 0; i < types->n; i++)
		if (types->known[i].type == type)
			return types->known[i].kind;
	kind = kind_of_type(p, type);
	if (types->n == sizeof(types->known) / sizeof(types->known[0]))
		types->n = 0;
	types->known[types->n].type = type;
	types->known[types->n++].kind = kind;
	return kind;
}

enum chain_kind chain_kind(struct python *p, struct chain_types *types, uint64_t object)
{
	uint64_t type;

	return object && object % 8 == 0 &&
			       python_read_word(p, object + p->layout.object.type, &type)
		       ? kind_of(p, types, type)
		       : CHAIN_OTHER;
}

bool chain_is_task(struct python *p, struct chain_types *types, uint64_t object)
{
	return chain_kind(p, types, object) == CHAIN_TASK;
}

/* ---- frames ---- */

uint64_t chain_frame(struct python *p, uint64_t coroutine)
{
	const struct layout *l = &p->layout;
	uint64_t frame;

	if (l->generator.state != NO_FIELD)
		return coroutine + l->generator.frame;
	return python_read_word(p, coroutine + l->generator.frame, &frame) ? frame : 0;
}

/* An object and what is behind it, as much as can be had by one read. */
struct copy {
	uint64_t address;
	size_t n;
	uint8_t bytes[OBJECT_MOST];
};

static bool copy_object(struct python *p, uint64_t address, struct copy *c)
{
	const struct layout *l = &p->layout;
	size_t head = l->generator.state == NO_FIELD ? OBJECT_LEAST
						     : (size_t)l->generator.frame + l->frame.locals;

	c->address = address;
	if (!address || address % 8)
		return false;
	/* What lies behind may not be mapped; what is no coroutine may be short, too. */
	for (c->n = l->generator.state == NO_FIELD ? OBJECT_LEAST : OBJECT_MOST; c->n;
		c->n = c->n > head           ? head
		       : c->n > OBJECT_LEAST ? OBJECT_LEAST
					     : 0)
		if (remote_read(p->pid, address, c->bytes, c->n))
			return true;
	return false;
}

static uint64_t word_at(const struct copy *c, size_t offset)
{
	uint64_t value = 0;

	if (offset + 8 <= c->n)
		memcpy(&value, c->bytes + offset, 8);
	return value;
}

static int32_t int_at(const struct copy *c, size_t offset)
{
	int32_t value = 0;

	if (offset + 4 <= c->n)
		memcpy(&value, c->bytes + offset, 4);
	return value;
}

/* Whether the frame waits at an await or a yield from: then its topmost value is what for. What it
 * does otherwise (it runs, has not begun, has ended, yields) leaves other values there. `state` is
 * that of the coroutine, or up to 3.10 of the frame. */
static bool waits(struct python *p, const struct link *k, int8_t state)
{
	const struct layout *l = &p->layout;
	uint64_t bytecode;
	uint8_t unit[2];

	if (l->generator.state != NO_FIELD) {
		if (state != SUSPENDED)
			return false;
		if (l->minor >= 13) /* which tells the two kinds of suspension apart by itself */
			return true;
		/* Where it goes on is RESUME, whose argument says after what: 2 and 3 are these. */
		return remote_read(p->pid, k->instruction + 2, unit, 2) && (unit[1] & 3) >= 2;
	}
	return state == (l->minor >= 10 ? SUSPENDED : 0) && (int32_t)k->instruction >= 0 &&
	       python_read_word(p, k->code + l->code.bytecode, &bytecode) &&
	       remote_read(p->pid,
		       bytecode + l->data.bytes +
			       (uint64_t)(uint32_t)k->instruction * l->frame.instruction_unit + 2,
		       unit, 1) &&
	       unit[0] == YIELD_FROM;
}

/* The topmost value of a frame that waits; the frame lies at `at` in the copy. */
static uint64_t top_value(struct python *p, const struct link *k, const struct copy *c, size_t at)
{
	const struct layout *l = &p->layout;
	uint64_t top, value;

	if (l->frame.top_is_pointer) {
		top = word_at(c, at + l->frame.top);
	} else {
		int32_t depth = int_at(c, at + l->frame.top);

		if (depth <= 0 || depth > VALUES_MAX)
			return 0;
		top = 8 * (uint64_t)depth + (l->frames == FRAMES_HEAP
							    ? word_at(c, at + l->frame.value_stack)
							    : k->frame + l->frame.locals);
	}
	top -= 8;
	if (top >= c->address && top - c->address + 8 <= c->n)
		value = word_at(c, (size_t)(top - c->address));
	else if (!python_read_word(p, top, &value))
		return 0;
	return value & ~(uint64_t)l->frame.code_tags;
}

/* One coroutine, of which there is a copy. */
static bool read_link(struct python *p, struct copy *c, struct link *k)
{
	const struct layout *l = &p->layout;
	size_t at = l->generator.frame;
	int8_t state;

	*k = (struct link){.generator = c->address, .frame = c->address + at};
	if (l->generator.state == NO_FIELD) {
		k->frame = c->address = word_at(c, at);
		c->n = FRAME_BYTES;
		if (!k->frame || !remote_read(p->pid, k->frame, c->bytes, c->n))
			return false;
		at = 0;
	} else if (c->n < at + l->frame.locals) {
		return false;
	}
	k->code = word_at(c, at + l->frame.code) & ~(uint64_t)l->frame.code_tags;
	k->instruction = l->frame.instruction_is_pointer
				 ? word_at(c, at + l->frame.instruction)
				 : (uint32_t)int_at(c, at + l->frame.instruction);
	state = (int8_t)c->bytes[l->generator.state == NO_FIELD ? l->frame.state
								: l->generator.state];
	k->target = waits(p, k, state) ? top_value(p, k, c, at) : 0;
	return true;
}

/* ---- the chain ---- */

static void look(struct python *p, struct chain_types *types, uint64_t at, struct links *out)
{
	struct copy c;
	bool wrapped = false;

	out->n = 0;
	out->end = 0;
	while (out->n < LINKS_MAX && copy_object(p, at, &c))
		switch (kind_of(p, types, word_at(&c, p->layout.object.type))) {
		case CHAIN_WRAPPER:
			if (wrapped) /* nothing wraps a wrapper, but for garbage */
				return;
			wrapped = true;
			at = word_at(&c, WRAPPED);
			break;
		case CHAIN_GENERATOR:
			wrapped = false;
			if (!read_link(p, &c, &out->items[out->n]))
				return;
			at = out->items[out->n++].target;
			break;
		case CHAIN_FUTURE: out->end = word_at(&c, WRAPPED); return;
		case CHAIN_TASK:
		case CHAIN_GATHER:
		case CHAIN_OTHER: return;
		}
}

static bool same(const struct links *a, const struct links *b)
{
	return a->n == b->n && a->end == b->end &&
	       !memcmp(a->items, b->items, a->n * sizeof(a->items[0]));
}

static bool take(struct python *p, const struct links *links, struct python_task *t)
{
	const struct layout *l = &p->layout;

	t->frames = mem_grow(t->frames, &t->cap_frames, links->n, sizeof(*t->frames));
	t->n_frames = 0;
	for (size_t i = links->n; i-- > 0;) {
		const struct link *k = &links->items[i];
		const struct python_code *code = code_find(p, k->code);
		int64_t at = (int32_t)k->instruction;

		if (!code)
			return false;
		if (l->frame.instruction_is_pointer)
			at = (int64_t)(k->instruction - (k->code + l->code.bytecode));
		else if (at >= 0)
			at *= l->frame.instruction_unit;
		if (at < 0 || at > INT32_MAX)
			at = -1;
		t->frames[t->n_frames++] = (struct python_frame){
			.code = code,
			.instruction = (int32_t)at,
			.coroutine = true,
			.address = k->frame,
		};
	}
	return true;
}

bool chain_read(struct python *p, struct chain_types *types, uint64_t coroutine,
	struct python_task *t, uint64_t *future)
{
	struct links *links = mem_alloc(2, sizeof(*links));
	bool whole = false;

	t->n_frames = 0;
	look(p, types, coroutine, &links[0]);
	for (int i = 1; i < PYTHON_TRIES && !whole; i++) {
		look(p, types, coroutine, &links[i & 1]);
		whole = same(&links[0], &links[1]);
	}
	if (whole)
		whole = take(p, &links[0], t);
	*future = whole ? links[0].end : 0;
	free(links);
	return whole;
}

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
	EXECUTING = 0,
	SUSPENDED = -1,
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

static enum chain_kind kind_of(struct python *p, struct chain_types *types, uint64_t object)
{
	enum chain_kind kind;
	uint64_t type;

	if (!object || object % 8 || !python_read_word(p, object + p->layout.object.type, &type))
		return CHAIN_OTHER;
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

bool chain_is_task(struct python *p, struct chain_types *types, uint64_t object)
{
	return kind_of(p, types, object) == CHAIN_TASK;
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

/* Whether the frame waits at an await or a yield from: then its topmost value is what for. What it
 * does otherwise (it runs, has not begun, has ended, yields) leaves other values there. */
static bool waits(struct python *p, const struct link *k)
{
	const struct layout *l = &p->layout;
	uint64_t bytecode;
	uint8_t unit[2];
	int8_t state;

	if (l->generator.state != NO_FIELD) {
		if (!remote_read(p->pid, k->generator + l->generator.state, &state, 1) ||
			state != SUSPENDED)
			return false;
		if (l->minor >= 13) /* which tells the two kinds of suspension apart by itself */
			return true;
		/* Where it goes on is RESUME, whose argument says after what: 2 and 3 are these. */
		return remote_read(p->pid, k->instruction + 2, unit, 2) && (unit[1] & 3) >= 2;
	}
	if (!remote_read(p->pid, k->frame + l->frame.state, &state, 1) ||
		state != (l->minor >= 10 ? SUSPENDED : 0))
		return false;
	return (int32_t)k->instruction >= 0 &&
	       python_read_word(p, k->code + l->code.bytecode, &bytecode) &&
	       remote_read(p->pid,
		       bytecode + l->data.bytes +
			       ((uint64_t)(uint32_t)k->instruction * l->frame.instruction_unit) + 2,
		       unit, 1) &&
	       unit[0] == YIELD_FROM;
}

/* The topmost value of a frame that waits. */
static uint64_t top_value(struct python *p, const struct link *k)
{
	const struct layout *l = &p->layout;
	uint64_t top, value;
	int32_t depth;

	if (l->frame.top_is_pointer) {
		if (!python_read_word(p, k->frame + l->frame.top, &top) || !top)
			return 0;
	} else {
		if (!remote_read(p->pid, k->frame + l->frame.top, &depth, 4) || depth <= 0 ||
			depth > VALUES_MAX)
			return 0;
		top = k->frame + l->frame.locals;
		if (l->frames == FRAMES_HEAP &&
			!python_read_word(p, k->frame + l->frame.value_stack, &top))
			return 0;
		top += 8 * (uint64_t)depth;
	}
	return python_read_word(p, top - 8, &value) ? value & ~(uint64_t)l->frame.code_tags : 0;
}

static bool read_link(struct python *p, uint64_t generator, struct link *k)
{
	const struct layout *l = &p->layout;
	int32_t index;

	*k = (struct link){.generator = generator, .frame = chain_frame(p, generator)};
	if (!k->frame || !python_read_word(p, k->frame + l->frame.code, &k->code))
		return false;
	k->code &= ~(uint64_t)l->frame.code_tags;
	if (l->frame.instruction_is_pointer)
		return python_read_word(p, k->frame + l->frame.instruction, &k->instruction);
	if (!remote_read(p->pid, k->frame + l->frame.instruction, &index, sizeof(index)))
		return false;
	k->instruction = (uint32_t)index;
	return true;
}

/* ---- the chain ---- */

static void look(struct python *p, struct chain_types *types, uint64_t at, struct links *out)
{
	out->n = 0;
	out->end = 0;
	while (at && out->n < LINKS_MAX) {
		struct link *k = &out->items[out->n];
		enum chain_kind kind = kind_of(p, types, at);

		if (kind == CHAIN_WRAPPER || kind == CHAIN_FUTURE) {
			if (!python_read_word(p, at + WRAPPED, &at))
				at = 0;
			if (kind == CHAIN_FUTURE) {
				out->end = at;
				return;
			}
			/* Nothing wraps a wrapper without end, but garbage may. */
			if (kind_of(p, types, at) != CHAIN_GENERATOR)
				return;
		} else if (kind != CHAIN_GENERATOR) {
			return;
		}
		if (!read_link(p, at, k))
			return;
		out->n++;
		at = k->target = waits(p, k) ? top_value(p, k) : 0;
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

#include "pyremote/stack.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "native/remote.h"

/*
 * Beside the code objects of code.c: where their bytecode lies, how long it is and where it starts
 * in earnest. A table by address; an entry holds as long as code_find() knows the same code object
 * there. Frames that stay as they are do not come here (stack.c), so it is asked for what is new on
 * a stack only.
 */
enum {
	CO_GENERATOR = 0x20,
	CO_COROUTINE = 0x80,
	CO_ASYNC_GENERATOR = 0x200,
	EXTRAS_MAX = 1 << 20, /* then it starts anew */
	OB_SIZE = 16,         /* of every object of variable size: bytes, code from 3.11 on */
	HEADER_BYTES = 256,
};

struct code_extras {
	struct code_extra *slots;
	size_t n, cap; /* cap: a power of two */
};

static size_t slot_of(const struct code_extras *e, uint64_t address)
{
	return (size_t)((address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (e->cap - 1);
}

static struct code_extra *slot_find(struct code_extras *e, uint64_t address)
{
	size_t i = slot_of(e, address);

	while (e->slots[i].address && e->slots[i].address != address)
		i = (i + 1) & (e->cap - 1);
	return &e->slots[i];
}

static void extras_grow(struct code_extras *e)
{
	struct code_extras old = *e;

	if (e->n >= EXTRAS_MAX) {
		memset(e->slots, 0, e->cap * sizeof(*e->slots));
		e->n = 0;
		return;
	}
	e->cap = old.cap ? old.cap * 2 : 1024;
	e->slots = mem_zalloc(e->cap, sizeof(*e->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].address)
			*slot_find(e, old.slots[i].address) = old.slots[i];
	free(old.slots);
}

static uint32_t u32_at(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t u64_at(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* From the code object itself. The numbers here are the same in all patch versions. */
static bool extra_read(struct python *p, struct code_extra *e)
{
	const struct layout *l = &p->layout;
	uint8_t header[HEADER_BYTES];
	uint64_t size;
	/* no byte more: what lies behind the object may not be mapped */
	size_t need = (size_t)l->code.bytecode + (l->code.bytecode_inline ? 0 : 8);

	need = need > l->code.flags + 4U ? need : l->code.flags + 4U;
	if (need > HEADER_BYTES || !remote_read(p->pid, e->address, header, need))
		return false;

	uint32_t flags = u32_at(header + l->code.flags);

	e->coroutine = flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR);
	e->first = 0;
	if (l->code.bytecode_inline) {
		if (l->code.bytecode < OB_SIZE + 8)
			return false;
		e->bytecode = e->address + l->code.bytecode;
		size = 2 * u64_at(header + OB_SIZE);
		/* _co_firsttraceable, an index, lies two words before the bytecode. */
		e->first = 2 * u32_at(header + l->code.bytecode - 16);
	} else {
		e->bytecode = u64_at(header + l->code.bytecode);
		if (!remote_read(p->pid, e->bytecode + OB_SIZE, &size, sizeof(size)))
			return false;
	}
	if (size == 0 || size > INT32_MAX || e->first > size)
		return false;
	e->bytes = (uint32_t)size;
	return true;
}

const struct code_extra *code_extra_find(struct python *p, struct stack_scratch *s, uint64_t code)
{
	if (!s->extras)
		s->extras = mem_zalloc(1, sizeof(*s->extras));

	struct code_extras *e = s->extras;
	const struct python_code *known = code_find(p, code);

	if (e->n * 2 >= e->cap)
		extras_grow(e);

	struct code_extra *slot = slot_find(e, code);

	if (slot->address && known && slot->code == known)
		return slot;

	struct code_extra found = {.code = known, .address = code};

	if (!code || !extra_read(p, &found))
		return NULL;
	e->n += !slot->address;
	*slot = found;
	return slot;
}

void code_extras_free(struct code_extras *e)
{
	if (e)
		free(e->slots);
	free(e);
}

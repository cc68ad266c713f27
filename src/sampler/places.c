#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sampler/sampler_internal.h"

enum { FIRST_SLOTS = 256 };

static size_t slot_of(const struct place_cache *c, const void *key, int32_t instruction)
{
	uint64_t h = ((uint64_t)(uintptr_t)key >> 4) * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ (uint32_t)instruction) * UINT64_C(0xd6e8feb86659fd93);
	return (size_t)(h >> 32) & (c->cap - 1);
}

static struct place *find(struct place_cache *c, const void *key, int32_t instruction)
{
	size_t i = slot_of(c, key, instruction);

	while (c->slots[i].key &&
		(c->slots[i].key != key || c->slots[i].instruction != instruction))
		i = (i + 1) & (c->cap - 1);
	return &c->slots[i];
}

static void grow(struct place_cache *c)
{
	struct place_cache old = *c;

	c->cap = old.cap ? old.cap * 2 : FIRST_SLOTS;
	c->slots = mem_zalloc(c->cap, sizeof(*c->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].key)
			*find(c, old.slots[i].key, old.slots[i].instruction) = old.slots[i];
	free(old.slots);
}

/* The slot of a key, free where it is a new one. */
static struct place *slot(struct place_cache *c, const void *key, int32_t instruction)
{
	if (c->n >= PLACES)
		place_cache_clear(c);
	if (c->n * 2 >= c->cap)
		grow(c);
	return find(c, key, instruction);
}

uint32_t place_cache_node(
	struct place_cache *c, struct profile *p, uint32_t parent, const struct python_frame *frame)
{
	const struct python_code *code = frame->code;
	struct place *place = slot(c, code, frame->instruction);

	if (!place->key) {
		*place = (struct place){.key = code,
			.instruction = frame->instruction,
			.line = frame->instruction < 0 ? code->first_line
						       : python_line(code, frame->instruction),
			.function = profile_function(
				p, PROFILE_PYTHON, code->name, code->file, code->first_line)};
		c->n++;
	}
	return profile_node(p, parent, place->function, place->line);
}

uint32_t place_cache_native(struct place_cache *c, struct profile *p, uint32_t parent,
	const struct native_symbol *symbol)
{
	struct place *place = slot(c, symbol, 0);

	if (!place->key) {
		*place = (struct place){.key = symbol,
			.function = profile_function(
				p, PROFILE_NATIVE, symbol->function, symbol->module, 0)};
		c->n++;
	}
	return profile_node(p, parent, place->function, 0);
}

void place_cache_clear(struct place_cache *c)
{
	if (c->n)
		memset(c->slots, 0, c->cap * sizeof(*c->slots));
	c->n = 0;
}

void place_cache_release(struct place_cache *c)
{
	free(c->slots);
	*c = (struct place_cache){0};
}

#include "pyremote/stack.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "native/remote.h"

/*
 * Is a frame where frames wait for a Python function that they called? The opcodes that call one
 * without C between are few, and where a frame stops at one of them is known: at the opcode, or in
 * the cache entries behind it, as the version has it. What was found so stays so for this code and
 * instruction (specialisation changes an opcode within its kind), so the process is asked about
 * each once; what was not is asked about again.
 */
enum {
	SITES_MAX = 1 << 17, /* 1 MiB; then it starts anew */
	UNIT = 2,            /* bytes of an opcode and its argument, and of a cache entry */
	WINDOW = UNIT * (CALL_CACHES_MAX + 1),
};

struct stack_sites {
	uint64_t *keys; /* open addressing; 0: free */
	size_t n, cap;  /* cap: a power of two */
};

static uint64_t key_of(const struct stack_raw *caller)
{
	uint64_t h = (caller->code ^ (caller->instruction << 32 | caller->instruction >> 32)) *
		     UINT64_C(0x9e3779b97f4a7c15);

	return (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9) | 1;
}

static uint64_t *key_find(const struct stack_sites *s, uint64_t key)
{
	size_t i = (size_t)(key >> 20) & (s->cap - 1);

	while (s->keys[i] && s->keys[i] != key)
		i = (i + 1) & (s->cap - 1);
	return &s->keys[i];
}

static void sites_grow(struct stack_sites *s)
{
	struct stack_sites old = *s;

	if (s->n >= SITES_MAX / 2) {
		memset(s->keys, 0, s->cap * sizeof(*s->keys));
		s->n = 0;
		return;
	}
	s->cap = old.cap ? old.cap * 2 : 1024;
	s->keys = mem_zalloc(s->cap, sizeof(*s->keys));
	for (size_t i = 0; i < old.cap; i++)
		if (old.keys[i])
			*key_find(s, old.keys[i]) = old.keys[i];
	free(old.keys);
}

bool stack_call_at(const struct layout *l, const uint8_t *last, size_t before)
{
	for (size_t back = 0; back <= CALL_CACHES_MAX && UNIT * back <= before; back++)
		for (const struct call_opcodes *c = l->calls; c->last; c++) {
			uint8_t opcode = last[-(ptrdiff_t)(UNIT * back)];

			if (opcode >= c->first && opcode <= c->last && back <= c->caches)
				return true;
		}
	return false;
}

/* Asks the process itself. */
static bool calls_there(struct python *p, struct stack_scratch *s, const struct stack_raw *caller)
{
	const struct code_extra *e = code_extra_find(p, s, caller->code);
	uint8_t window[WINDOW];
	uint64_t before;

	if (!e || caller->instruction < e->bytecode ||
		caller->instruction - e->bytecode >= e->bytes)
		return false;
	before = caller->instruction - e->bytecode;
	before = before < WINDOW - UNIT ? before : WINDOW - UNIT;
	return remote_read(p->pid, caller->instruction - before, window, before + UNIT) &&
	       stack_call_at(&p->layout, window + before, before);
}

bool stack_calls_there(struct python *p, struct stack_scratch *s, size_t n)
{
	const struct stack_raw *items = s->raws.items;

	for (size_t i = 0; i < n && i + 1 < s->raws.n; i++) {
		const struct stack_raw *callee = &items[i], *caller = &items[i + 1];
		uint64_t key = key_of(caller), *slot;

		if ((callee->flags | caller->flags) & RAW_SHIM || callee->flags & RAW_ENTRY)
			continue;
		if (!s->sites)
			s->sites = mem_zalloc(1, sizeof(*s->sites));
		if (s->sites->n * 2 >= s->sites->cap)
			sites_grow(s->sites);
		slot = key_find(s->sites, key);
		if (*slot)
			continue;
		if (!calls_there(p, s, caller))
			return false;
		*slot = key;
		s->sites->n++;
	}
	return true;
}

void stack_sites_free(struct stack_sites *s)
{
	if (s)
		free(s->keys);
	free(s);
}

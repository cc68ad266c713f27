#include "pyremote/stack.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/*
 * Which calls there are: (caller's code, its instruction, callee's code), one entry each, in an
 * open table by a 64-bit mixture of the three. A call is believed once copies that followed one
 * another agreed on it often enough, both in number and as a share of the times that they were
 * asked; a call that never was can be in all copies only if each of them was read in a bad moment
 * of its own.
 */
enum {
	CALLS_MAX = 1 << 18, /* 4 MiB; then it starts anew */
	AGREED_ENOUGH = STACK_COPIES - 1,
	ASKED_FOR_EACH = 32, /* asked so often for each time that they agreed, and it is doubted */
};

struct stack_call {
	uint64_t key; /* 0: free */
	uint32_t asked, agreed;
};

struct stack_calls {
	struct stack_call *slots;
	size_t n, cap; /* cap: a power of two */
};

static uint64_t mixed(uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ (b << 32 | b >> 32)) * UINT64_C(0x9e3779b97f4a7c15);

	return (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
}

static uint64_t key_of(const struct stack_raw *caller, const struct stack_raw *callee)
{
	return mixed(mixed(caller->code, caller->instruction), callee->code) | 1;
}

static struct stack_call *slot_find(const struct stack_calls *c, uint64_t key)
{
	size_t i = (size_t)(key >> 20) & (c->cap - 1);

	while (c->slots[i].key && c->slots[i].key != key)
		i = (i + 1) & (c->cap - 1);
	return &c->slots[i];
}

static void calls_grow(struct stack_calls *c)
{
	struct stack_calls old = *c;

	if (c->n >= CALLS_MAX / 2) {
		memset(c->slots, 0, c->cap * sizeof(*c->slots));
		c->n = 0;
		return;
	}
	c->cap = old.cap ? old.cap * 2 : 1024;
	c->slots = mem_zalloc(c->cap, sizeof(*c->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].key)
			*slot_find(c, old.slots[i].key) = old.slots[i];
	free(old.slots);
}

static struct stack_call *call_of(struct stack_scratch *s, uint64_t key)
{
	if (!s->calls)
		s->calls = mem_zalloc(1, sizeof(*s->calls));
	if (s->calls->n * 2 >= s->calls->cap)
		calls_grow(s->calls);

	struct stack_call *call = slot_find(s->calls, key);

	s->calls->n += !call->key;
	call->key = key;
	return call;
}

static bool believed(const struct stack_call *call)
{
	return call->agreed >= AGREED_ENOUGH &&
	       (uint64_t)call->agreed * ASKED_FOR_EACH >= call->asked;
}

/* How many copies agree with the first on both frames, one after the other. */
static uint32_t agreeing(const struct layout *l, const struct python_thread_work *w,
	const uint8_t *copies, const struct stack_raw *caller, const struct stack_raw *callee)
{
	uint32_t n = 0;

	for (size_t copy = 1; copy < w->copies; copy++, n++) {
		const uint8_t *other = copies + copy * w->bytes;

		if (!stack_frame_agrees(l, copies + caller->at, other + caller->at, false) ||
			!stack_frame_agrees(l, copies + callee->at, other + callee->at, true))
			break;
	}
	return n;
}

bool stack_calls_known(const struct layout *l, struct stack_scratch *s,
	const struct python_thread_work *w, const uint8_t *copies, size_t n)
{
	const struct stack_raw *items = s->raws.items;
	bool known = true;
	size_t i = 0;

	while (i < n) {
		size_t callee = i++;

		/* The interpreter's own mark stands between one that called C and whom C called. */
		while (i < s->raws.n && items[i].flags & RAW_SHIM)
			i++;
		if (i == s->raws.n || items[callee].flags & RAW_SHIM)
			continue;

		struct stack_call *call = call_of(s, key_of(&items[i], &items[callee]));

		if (believed(call))
			continue;
		if (w->copies > 1) {
			call->asked++;
			call->agreed += agreeing(l, w, copies, &items[i], &items[callee]);
		}
		known = known && believed(call);
	}
	return known;
}

void stack_calls_free(struct stack_calls *c)
{
	if (c)
		free(c->slots);
	free(c);
}

#include "profile/table.h"

#include <stdlib.h>

#include "base/mem.h"

void table_init(struct table *t, size_t slots)
{
	t->slots = mem_zalloc(slots, sizeof(*t->slots));
	t->mask = slots - 1;
	t->n = 0;
}

void table_discard(struct table *t)
{
	free(t->slots);
	*t = (struct table){0};
}

static void place(struct table *t, uint32_t hash, uint32_t index)
{
	size_t at = table_first(t, hash);

	while (t->slots[at].index)
		at = table_next(t, at);
	t->slots[at] = (struct table_slot){hash, index};
}

void table_put(struct table *t, uint32_t hash, uint32_t index)
{
	if (2 * (t->n + 1) > t->mask + 1) {
		struct table old = *t;

		table_init(t, 2 * (old.mask + 1));
		t->n = old.n;
		for (size_t i = 0; i <= old.mask; i++)
			if (old.slots[i].index)
				place(t, old.slots[i].hash, old.slots[i].index);
		table_discard(&old);
	}
	place(t, hash, index + 1);
	t->n++;
}

uint32_t table_hash_text(const char *text, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(h ^ h >> 32);
}

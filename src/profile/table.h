/* Private: the hash table of indexes by which functions, texts and nodes are found. Open addressing
 * with the whole hash beside the index, so that a look compares one number before it touches the
 * thing itself. */
#ifndef CULPRIT_PROFILE_TABLE_H
#define CULPRIT_PROFILE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_slot {
	uint32_t hash;
	uint32_t index; /* + 1; 0: empty */
};

struct table {
	struct table_slot *slots; /* mask + 1 of them, a power of two, at most half full */
	size_t mask, n;
};

void table_init(struct table *t, size_t slots);
void table_discard(struct table *t);
void table_put(struct table *t, uint32_t hash, uint32_t index);

/* A place where to look for `hash`: go on with table_next() until the slot is empty. */
static inline size_t table_first(const struct table *t, uint32_t hash)
{
	return hash & t->mask;
}

static inline size_t table_next(const struct table *t, size_t at)
{
	return (at + 1) & t->mask;
}

/* Mixes three numbers (multiply and fold, as in Wang Yi's wyhash). */
static inline uint32_t table_mix(uint32_t a, uint32_t b, uint32_t c)
{
	uint64_t x = ((uint64_t)a << 32 | b) ^ UINT64_C(0xa0761d6478bd642f);
	__uint128_t m = (__uint128_t)x * (c ^ UINT64_C(0xe7037ed1a0b428db));

	x = (uint64_t)(m >> 64) ^ (uint64_t)m;
	return (uint32_t)(x ^ x >> 32);
}

uint32_t table_hash_text(const char *text, size_t len);

#endif

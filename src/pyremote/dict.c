/*
 * Dicts in their forms: combined and split tables, keys of any kind or only texts (3.11 on),
 * indices of one to eight bytes; and where instances keep their attributes, which every version
 * since 3.11 does in another way.
 */
#include "pyremote/dict.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	KEYS_GENERAL = 0, /* 3.11 on: layout.dict.kind */
	FLAG_MANAGED_DICT = 1 << 4,
	FLAG_INLINE_VALUES = 1 << 2,
	NAME_BYTES = 256,
	SMALL_KEYS = 64, /* of an instance: its class's table of names */
};

/* What a table of keys says about itself. */
struct keys {
	uint64_t entries; /* address */
	size_t n, entry_bytes;
	bool hashed; /* the hash comes first in an entry */
};

static bool read_keys(const struct python *p, uint64_t address, struct keys *out)
{
	const struct layout *l = &p->layout;
	uint8_t head[48];
	uint64_t n, indices;

	if (!address || !remote_read(p->pid, address, head, l->dict.indices))
		return false;
	memcpy(&n, head + l->dict.n_entries, 8);
	if (l->dict.log2_index_bytes == NO_FIELD) {
		uint64_t size;

		memcpy(&size, head + l->dict.log2_size, 8);
		if (!size || size > UINT64_C(4) * DICT_MAX_ITEMS || (size & (size - 1)))
			return false;
		indices = size <= 0xff ? size : size <= 0xffff ? 2 * size : 4 * size;
		out->hashed = true;
	} else {
		if (head[l->dict.log2_index_bytes] > 32)
			return false;
		indices = UINT64_C(1) << head[l->dict.log2_index_bytes];
		out->hashed = head[l->dict.kind] == KEYS_GENERAL;
	}
	if (n > DICT_MAX_ITEMS || n > indices)
		return false;
	out->entries = address + l->dict.indices + indices;
	out->n = n;
	out->entry_bytes = out->hashed ? 24 : 16;
	return true;
}

static void take_entry(const struct keys *k, const uint8_t *entry, struct dict_item *out)
{
	memcpy(&out->key, entry + (k->hashed ? 8 : 0), 8);
	memcpy(&out->value, entry + (k->hashed ? 16 : 8), 8);
}

/* Items of a table; `values`: where a split table's values lie, else 0. */
static bool read_items(const struct python *p, const struct keys *k, uint64_t values,
	struct dict_item **items, size_t *n)
{
	uint8_t *entries = mem_alloc(k->n + 1, k->entry_bytes);
	uint64_t *apart = mem_alloc(k->n + 1, sizeof(*apart));
	bool got = remote_read(p->pid, k->entries, entries, k->n * k->entry_bytes) &&
		   (!values || remote_read(p->pid, values, apart, k->n * sizeof(*apart)));

	*n = 0;
	*items = got ? mem_alloc(k->n + 1, sizeof(**items)) : NULL;
	for (size_t i = 0; got && i < k->n; i++) {
		struct dict_item item;

		take_entry(k, entries + i * k->entry_bytes, &item);
		if (values)
			item.value = apart[i];
		if (item.key && item.value)
			(*items)[(*n)++] = item;
	}
	free(entries);
	free(apart);
	return got;
}

bool dict_read(struct python *p, uint64_t dict, struct dict_item **items, size_t *n)
{
	const struct layout *l = &p->layout;
	uint64_t keys_at, values;
	struct keys keys;

	*items = NULL;
	*n = 0;
	return dict && python_read_word(p, dict + l->dict.keys, &keys_at) &&
	       python_read_word(p, dict + l->dict.values, &values) &&
	       read_keys(p, keys_at, &keys) &&
	       read_items(p, &keys, values ? values + l->dict.values_first : 0, items, n);
}

bool set_read(struct python *p, uint64_t set, struct dict_item **items, size_t *n)
{
	const struct layout *l = &p->layout;
	uint64_t mask, table, (*entries)[2];

	*items = NULL;
	*n = 0;
	if (!set || !python_read_word(p, set + l->set.mask, &mask) ||
		!python_read_word(p, set + l->set.table, &table) || mask >= DICT_MAX_ITEMS)
		return false;
	entries = mem_alloc(mask + 1, sizeof(*entries));
	if (!remote_read(p->pid, table, entries, (mask + 1) * sizeof(*entries))) {
		free(entries);
		return false;
	}
	*items = mem_alloc(mask + 1, sizeof(**items));
	for (size_t i = 0; i <= mask; i++) /* a hash of −1: something was there */
		if (entries[i][0] && entries[i][1] != UINT64_MAX)
			(*items)[(*n)++] = (struct dict_item){.key = entries[i][0]};
	free(entries);
	return true;
}

/* ---- by name ---- */

/* Compares without reading long texts: the length first. */
static bool text_is(struct python *p, uint64_t text, const char *is, size_t len)
{
	char got[NAME_BYTES];
	uint64_t length;

	return python_read_word(p, text + p->layout.text.length, &length) && length == len &&
	       python_read_text(p, text, got, sizeof(got)) && !strcmp(got, is);
}

uint64_t dict_find(struct python *p, uint64_t dict, const char *key)
{
	struct dict_item *items;
	size_t n, len = strlen(key);
	uint64_t value = 0;

	if (!dict_read(p, dict, &items, &n))
		return 0;
	for (size_t i = 0; i < n && !value; i++)
		if (text_is(p, items[i].key, key, len))
			value = items[i].value;
	free(items);
	return value;
}

/* An instance's values, in the order of its class's names. */
static uint64_t find_value(struct python *p, uint64_t type, uint64_t values, const char *name)
{
	const struct layout *l = &p->layout;
	uint64_t keys_at, value = 0;
	struct dict_item item;
	struct keys keys;
	uint8_t entry[24];
	size_t len = strlen(name);

	if (!python_read_word(p, type + l->object.type_cached_keys, &keys_at) ||
		!read_keys(p, keys_at, &keys))
		return 0;
	for (size_t i = 0; i < keys.n && i < SMALL_KEYS; i++) {
		if (!remote_read(
			    p->pid, keys.entries + i * keys.entry_bytes, entry, keys.entry_bytes))
			return 0;
		take_entry(&keys, entry, &item);
		if (item.key && text_is(p, item.key, name, len))
			return python_read_word(p, values + l->dict.values_first + 8 * i, &value)
				       ? value
				       : 0;
	}
	return 0;
}

/* The dict at the place that the type says. */
static uint64_t by_dict_offset(struct python *p, uint64_t object, uint64_t type, const char *name)
{
	uint64_t offset, dict;

	if (!python_read_word(p, type + p->layout.object.type_dict_offset, &offset) || !offset ||
		offset > 65536 || !python_read_word(p, object + offset, &dict))
		return 0;
	return dict ? dict_find(p, dict, name) : 0;
}

static uint64_t by_managed(
	struct python *p, uint64_t object, uint64_t type, uint64_t flags, const char *name)
{
	const struct layout *l = &p->layout;
	uint64_t word = 0, values = 0, basic;
	uint8_t valid;

	if (!python_read_word(p, object - 24, &word))
		return 0;
	switch (l->instance) {
	case INSTANCE_DICT: return 0;
	case INSTANCE_BEFORE:
		if (!python_read_word(p, object - 32, &values))
			return 0;
		break;
	case INSTANCE_TAGGED:
		if (word & 1) {
			values = word + 1;
			word = 0;
		}
		break;
	case INSTANCE_INLINE:
		if (!word && (flags & FLAG_INLINE_VALUES) &&
			python_read_word(p, type + l->object.type_basic_size, &basic) &&
			basic < 65536 && remote_read(p->pid, object + basic + 3, &valid, 1) &&
			valid)
			values = object + basic;
		break;
	}
	return values ? find_value(p, type, values, name) : word ? dict_find(p, word, name) : 0;
}

uint64_t object_attribute(struct python *p, uint64_t object, const char *name)
{
	const struct layout *l = &p->layout;
	uint64_t type, flags;

	if (!object || !python_read_word(p, object + l->object.type, &type) ||
		!python_read_word(p, type + l->object.type_flags, &flags))
		return 0;
	if (l->instance == INSTANCE_DICT || !(flags & FLAG_MANAGED_DICT))
		return by_dict_offset(p, object, type, name);
	return by_managed(p, object, type, flags, name);
}

uint64_t module_dict(struct python *p, uint64_t interpreter, const char *module)
{
	const struct layout *l = &p->layout;
	uint64_t modules, found, dict;

	if (!interpreter || l->interpreter.modules == NO_FIELD ||
		!python_read_word(p, interpreter + l->interpreter.modules, &modules))
		return 0;
	found = dict_find(p, modules, module);
	return found && python_is_a(p, found, "module") &&
			       python_read_word(p, found + l->other.module_dict, &dict)
		       ? dict
		       : 0;
}

bool object_int(struct python *p, uint64_t object, uint64_t *out)
{
	const struct layout *l = &p->layout;
	uint64_t head = 0, digits = 0;
	uint32_t digit[3] = {0};

	if (!object || !python_read_word(p, object + l->object.size, &head))
		return false;
	if (l->minor >= 12) { /* the lowest bits tell the sign: 0 positive, 1 zero, 2 negative */
		if ((head & 3) > 1)
			return false;
		digits = head & 1 ? 0 : head >> 3;
	} else {
		digits = head;
	}
	if (digits > 3 || !remote_read(p->pid, object + l->data.int_digits, digit, digits * 4))
		return false;
	if (digit[2] > 15)
		return false;
	*out = digit[0] | (uint64_t)digit[1] << 30 | (uint64_t)digit[2] << 60;
	return true;
}

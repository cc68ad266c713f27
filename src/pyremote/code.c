/*
 * Code objects: what a frame runs. Read once and kept, for they do not change; but one may be freed
 * and another one put where it was. So an entry remembers the words that make this code object
 * itself (pointers to its name, file and table, its size), and they are compared again when the
 * last look is some milliseconds old. What was handed out stays as it was: the newcomer gets an
 * entry of its own, or, where it is equal to one that was at this address before, that one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pyremote/lines.h"
#include "pyremote/python_internal.h"

enum {
	HEAD_MAX = 256,
	NAME_MAX_BYTES = 1024,
	FILE_MAX_BYTES = 4096,
	TABLE_MAX_BYTES = 16 << 20,
	/* Of all that were ever seen; what comes later has no name. */
	CODES_MAX = 1 << 20,
	CODES_MAX_BYTES = 512 << 20,
	CO_GENERATORS = 0x20 | 0x80 | 0x100 | 0x200,
};

/* What makes it this code object and no other. */
struct mark {
	uint64_t type, size, file, name, qualname, lines, bytecode;
	int32_t first_line, flags;
};

struct entry {
	struct python_code code; /* first: an entry is found from what was handed out */
	struct mark mark;
	struct python_lines lines;
	uint8_t *table;
	size_t table_bytes;
	uint64_t seen_ns;
	struct entry *older; /* that was at this address before */
};

/* Open addressing, by address; never more than half full. */
struct code_cache {
	struct entry **slots;
	size_t n_slots, used, all, bytes;
};

static size_t slot_of(const struct code_cache *c, uint64_t address)
{
	size_t i = (size_t)((address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20);

	for (i &= c->n_slots - 1; c->slots[i] && c->slots[i]->code.address != address;)
		i = (i + 1) & (c->n_slots - 1);
	return i;
}

static void grow(struct code_cache *c)
{
	struct code_cache more = {.n_slots = c->n_slots ? 2 * c->n_slots : 1024};

	if (c->n_slots && 2 * (c->used + 1) <= c->n_slots)
		return;
	more.slots = mem_zalloc(more.n_slots, sizeof(struct entry *));
	for (size_t i = 0; i < c->n_slots; i++)
		if (c->slots[i])
			more.slots[slot_of(&more, c->slots[i]->code.address)] = c->slots[i];
	free(c->slots);
	c->slots = more.slots;
	c->n_slots = more.n_slots;
}

static void free_entry(struct entry *e)
{
	free((char *)e->code.name);
	free((char *)e->code.file);
	free(e->table);
	lines_release(&e->lines);
	free(e);
}

void code_cache_free(struct code_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_slots; i++)
		for (struct entry *e = c->slots[i], *older; e; e = older) {
			older = e->older;
			free_entry(e);
		}
	free(c->slots);
	free(c);
}

/* ---- reading one ---- */

size_t code_head_bytes(const struct python *p)
{
	const struct layout *l = &p->layout;
	size_t end = (size_t)l->code.lines + 8;

	if (l->code.qualname != NO_FIELD && l->code.qualname + 8U > end)
		end = l->code.qualname + 8U;
	return end < HEAD_MAX ? end : HEAD_MAX;
}

static uint64_t word(const uint8_t *head, uint16_t at)
{
	uint64_t value = 0;

	if (at != NO_FIELD && at <= HEAD_MAX - 8)
		memcpy(&value, head + at, 8);
	return value;
}

static struct mark mark_of(const struct layout *l, const uint8_t *head)
{
	return (struct mark){
		.type = word(head, l->object.type),
		.size = l->code.bytecode_inline ? word(head, l->object.size) : 0,
		.file = word(head, l->code.file),
		.name = word(head, l->code.name),
		.qualname = word(head, l->code.qualname),
		.lines = word(head, l->code.lines),
		.bytecode = l->code.bytecode_inline ? 0 : word(head, l->code.bytecode),
		.first_line = (int32_t)word(head, l->code.first_line),
		.flags = (int32_t)word(head, l->code.flags),
	};
}

static bool same_mark(const struct mark *a, const struct mark *b)
{
	return a->type == b->type && a->size == b->size && a->file == b->file &&
	       a->name == b->name && a->qualname == b->qualname && a->lines == b->lines &&
	       a->bytecode == b->bytecode && a->first_line == b->first_line && a->flags == b->flags;
}

static bool read_mark(const struct python *p, uint64_t address, struct mark *out)
{
	uint8_t head[HEAD_MAX] = {0};

	if (!remote_read(p->pid, address, head, code_head_bytes(p)))
		return false;
	*out = mark_of(&p->layout, head);
	return true;
}

/* The bytes of a bytes object; to be freed. */
static bool read_bytes(const struct python *p, uint64_t address, uint8_t **out, size_t *n)
{
	uint64_t size;

	if (!address || !python_read_word(p, address + p->layout.object.size, &size) ||
		size > TABLE_MAX_BYTES)
		return false;
	*out = mem_alloc(size + 1, 1);
	*n = size;
	if (remote_read(p->pid, address + p->layout.data.bytes, *out, size))
		return true;
	free(*out);
	*out = NULL;
	return false;
}

/* Everything of it, and then the mark again: as it is the same still, what it pointed to was alive
 * all the time. */
static struct entry *read_entry(struct python *p, uint64_t address, const struct mark *mark)
{
	char name[NAME_MAX_BYTES], file[FILE_MAX_BYTES];
	struct entry *e = mem_zalloc(1, sizeof(*e));
	struct mark again;

	if (!python_read_text(
		    p, mark->qualname ? mark->qualname : mark->name, name, sizeof(name)) ||
		!python_read_text(p, mark->file, file, sizeof(file)) ||
		!read_bytes(p, mark->lines, &e->table, &e->table_bytes) ||
		!read_mark(p, address, &again) || !same_mark(mark, &again)) {
		free_entry(e);
		return NULL;
	}
	e->mark = *mark;
	lines_decode(&e->lines, p->layout.lines, e->table, e->table_bytes, mark->first_line);
	e->code = (struct python_code){
		.name = mem_strdup(name),
		.file = mem_strdup(file),
		.first_line = mark->first_line,
		.address = address,
	};
	e->code.lines = &e->lines;
	return e;
}

static bool equal(const struct entry *a, const struct entry *b)
{
	return a->code.first_line == b->code.first_line && a->mark.flags == b->mark.flags &&
	       a->mark.size == b->mark.size && a->table_bytes == b->table_bytes &&
	       !strcmp(a->code.name, b->code.name) && !strcmp(a->code.file, b->code.file) &&
	       !memcmp(a->table, b->table, a->table_bytes);
}

/* ---- finding ---- */

static bool is_code(struct python *p, uint64_t address, const struct mark *mark)
{
	/* Known from the attach, unless nothing ran then. */
	if (!p->code_type && python_is_a(p, address, "code") && python_is_a(p, mark->name, "str") &&
		python_read_word(p, mark->name + p->layout.object.type, &p->text_type))
		p->code_type = mark->type;
	return p->code_type && mark->type == p->code_type;
}

/* An equal one that was here before comes to the front; else `e` is the newest. */
static struct entry *put(struct code_cache *c, size_t slot, struct entry *e)
{
	for (struct entry **from = &c->slots[slot]; *from; from = &(*from)->older) {
		struct entry *old = *from;

		if (!equal(old, e))
			continue;
		*from = old->older;
		old->older = c->slots[slot];
		old->mark = e->mark;
		c->slots[slot] = old;
		free_entry(e);
		return old;
	}
	c->used += !c->slots[slot];
	c->all++;
	c->bytes += sizeof(*e) + e->table_bytes + e->lines.cap * sizeof(*e->lines.runs) +
		    strlen(e->code.name) + strlen(e->code.file);
	e->older = c->slots[slot];
	c->slots[slot] = e;
	return e;
}

const struct python_code *code_find(struct python *p, uint64_t address)
{
	struct code_cache *c = p->codes ? p->codes : (p->codes = mem_zalloc(1, sizeof(*c)));
	struct entry *e;
	struct mark mark;
	uint64_t now = clock_now_ns();
	size_t slot;

	if (!address || address % 8)
		return NULL;
	grow(c);
	slot = slot_of(c, address);
	e = c->slots[slot];
	if (e && now - e->seen_ns < CODE_FRESH_NS)
		return &e->code;
	if (!read_mark(p, address, &mark) || !is_code(p, address, &mark))
		return NULL;
	if (!e || !same_mark(&e->mark, &mark)) {
		e = c->all < CODES_MAX && c->bytes < CODES_MAX_BYTES ? read_entry(p, address, &mark)
								     : NULL;
		if (!e)
			return NULL;
		e = put(c, slot, e);
	}
	e->seen_ns = now;
	return &e->code;
}

bool code_is(const struct python *p, const struct python_code *code, const uint8_t *head)
{
	const struct entry *e = (const struct entry *)(const void *)code;
	uint8_t bytes[HEAD_MAX] = {0};
	struct mark mark;

	memcpy(bytes, head, code_head_bytes(p));
	mark = mark_of(&p->layout, bytes);
	return same_mark(&mark, &e->mark);
}

bool code_is_coroutine(const struct python_code *code)
{
	const struct entry *e = (const struct entry *)(const void *)code;

	return (e->mark.flags & CO_GENERATORS) != 0;
}

int python_line(const struct python_code *code, int32_t instruction)
{
	return instruction < 0 ? code->first_line : lines_at(code->lines, instruction);
}

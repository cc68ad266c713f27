/*
 * The layout that an interpreter tells about itself: Include/internal/pycore_debug_offsets.h of
 * CPython (3.13: in pycore_runtime.h), numbers of 64 bits in groups. Which groups there are, and
 * how long, changes with the minor version; so what is read as one version's must look like it:
 * every group but two begins with the size of the structure that its offsets lie in.
 */
#include <string.h>

#include "pyremote/layout.h"

enum group {
	G_RUNTIME,
	G_INTERPRETER,
	G_THREAD,
	G_FRAME,
	G_CODE,
	G_OBJECT,
	G_TYPE,
	G_TUPLE,
	G_LIST,
	G_SET,
	G_DICT,
	G_FLOAT,
	G_INT,
	G_BYTES,
	G_TEXT,
	G_GC,
	G_GENERATOR,
	N_GROUPS,
};

/* Words of each group, 0: the version does not have it. */
static const uint8_t WORDS_3_13[N_GROUPS] = {3, 13, 9, 6, 10, 2, 4, 3, 3, 0, 3, 2, 3, 3, 4, 2, 0};
static const uint8_t WORDS_3_14[N_GROUPS] = {3, 16, 9, 8, 11, 2, 4, 3, 3, 4, 3, 2, 3, 3, 4, 2, 4};

/* What sizes can be; interpreters and runtimes hold tables, the rest are small. */
static const uint32_t LEAST[N_GROUPS] = {
	1024, 1024, 128, 48, 100, 16, 200, 24, 24, 40, 40, 16, 24, 32, 40, 16, 48};
static const uint32_t MOST[N_GROUPS] = {64 << 20, 64 << 20, 8192, 256, 512, 16, 2048, 64, 64, 512,
	128, 64, 64, 64, 128, 65536, 512};

struct reader {
	const uint8_t *bytes;
	size_t first[N_GROUPS]; /* index of the group's first word */
	const uint8_t *words;
	bool strange;
};

static uint64_t word(const struct reader *r, size_t index)
{
	uint64_t value;

	memcpy(&value, r->bytes + 8 * index, 8);
	return value;
}

/* The offset at this place of the group: within its structure. */
static uint32_t at(struct reader *r, enum group g, unsigned place)
{
	uint64_t value = word(r, r->first[g] + place);

	if (value >= word(r, r->first[g])) {
		r->strange = true;
		return 0;
	}
	return (uint32_t)value;
}

static uint16_t small(struct reader *r, enum group g, unsigned place)
{
	uint32_t value = at(r, g, place);

	if (value >= NO_FIELD)
		r->strange = true;
	return (uint16_t)value;
}

static bool sizes_fit(const struct reader *r)
{
	for (unsigned g = 0; g < N_GROUPS; g++) {
		uint64_t size = r->words[g] ? word(r, r->first[g]) : LEAST[g];

		if (size < LEAST[g] || size > MOST[g] || size % 8)
			return false;
	}
	return true;
}

static void read_states(struct reader *r, struct layout *l, unsigned shift)
{
	uint32_t gil = at(r, G_INTERPRETER, 9 + shift);

	l->runtime_interpreters = small(r, G_RUNTIME, 2);
	l->interpreter.id = at(r, G_INTERPRETER, 1);
	l->interpreter.next = at(r, G_INTERPRETER, 2);
	l->interpreter.threads = at(r, G_INTERPRETER, 3);
	l->interpreter.modules = at(r, G_INTERPRETER, 5 + shift);
	l->interpreter.gil = at(r, G_INTERPRETER, 8 + shift);
	l->gil.locked = (uint16_t)(at(r, G_INTERPRETER, 11 + shift) - gil);
	l->gil.last_holder = (uint16_t)(at(r, G_INTERPRETER, 12 + shift) - gil);
	if (l->gil.locked > 512 || l->gil.last_holder > 512)
		r->strange = true;
	l->thread.size = (uint16_t)word(r, r->first[G_THREAD]);
	l->thread.next = small(r, G_THREAD, 2);
	l->thread.interpreter = small(r, G_THREAD, 3);
	l->thread.frame = small(r, G_THREAD, 4);
	l->thread.pthread = small(r, G_THREAD, 5);
	l->thread.native_id = small(r, G_THREAD, 6);
	l->thread.chunk = small(r, G_THREAD, 7);
}

static void read_frames(struct reader *r, struct layout *l)
{
	l->frame.previous = small(r, G_FRAME, 1);
	l->frame.code = small(r, G_FRAME, 2);
	l->frame.instruction = small(r, G_FRAME, 3);
	l->frame.locals = l->frame.size = small(r, G_FRAME, 4);
	l->frame.owner = small(r, G_FRAME, 5);
	if (r->words[G_FRAME] > 6) { /* 3.14: the values are tagged pointers, and so is the code */
		l->frame.top = small(r, G_FRAME, 6);
		l->frame.top_is_pointer = true;
		l->frame.code_tags = 3;
	}
	l->code.file = small(r, G_CODE, 1);
	l->code.name = small(r, G_CODE, 2);
	l->code.qualname = small(r, G_CODE, 3);
	l->code.lines = small(r, G_CODE, 4);
	l->code.first_line = small(r, G_CODE, 5);
	l->code.n_locals = (uint16_t)(l->code.first_line + 4);
	l->code.flags = (uint16_t)(small(r, G_CODE, 6) - 4);
	l->code.bytecode = small(r, G_CODE, 9);
}

static void read_objects(struct reader *r, struct layout *l)
{
	/* What a heap type adds lies behind what every type has. */
	uint16_t more = (uint16_t)(l->object.type_cached_keys - 416);

	l->object.type = small(r, G_OBJECT, 1);
	l->object.type_name = small(r, G_TYPE, 1);
	l->object.type_flags = small(r, G_TYPE, 3);
	l->object.type_cached_keys = (uint16_t)(word(r, r->first[G_TYPE]) + more);
	l->data.tuple_items = small(r, G_TUPLE, 1);
	l->data.list_items = small(r, G_LIST, 1);
	if (r->words[G_SET]) {
		l->set.used = small(r, G_SET, 1);
		l->set.table = small(r, G_SET, 2);
		l->set.mask = small(r, G_SET, 3);
	}
	l->dict.keys = small(r, G_DICT, 1);
	l->dict.values = small(r, G_DICT, 2);
	l->data.int_digits = small(r, G_INT, 2);
	/* A sizeof would be rounded up behind the last byte; sval is said itself. */
	l->data.bytes = small(r, G_BYTES, 2);
	l->text.state = small(r, G_TEXT, 1);
	l->text.length = small(r, G_TEXT, 2);
	l->text.ascii_bytes = (uint16_t)word(r, r->first[G_TEXT] + 3);
	/* A text object is the compact one and a pointer. */
	l->text.compact_bytes = (uint16_t)(word(r, r->first[G_TEXT]) - 8);
	if (l->text.ascii_bytes > l->text.compact_bytes)
		r->strange = true;
	if (r->words[G_GENERATOR]) {
		l->generator.frame = small(r, G_GENERATOR, 2);
		l->generator.state = small(r, G_GENERATOR, 3);
	}
}

enum layout_own layout_read_own(
	const uint8_t *bytes, size_t n, struct layout *out, uint32_t *version_hex)
{
	struct reader r = {.bytes = bytes};
	size_t next = 3;
	uint64_t version;
	int minor;

	*version_hex = 0;
	if (n < 24 || memcmp(bytes, "xdebugpy", 8) != 0)
		return OWN_NONE;
	version = word(&r, 1);
	*version_hex = (uint32_t)version;
	minor = (int)(version >> 16 & 0xff);
	if (version >> 24 != 3 || minor < 13)
		return OWN_STRANGE;
	if (word(&r, 2))
		return word(&r, 2) == 1 ? OWN_FREE_THREADED : OWN_STRANGE;
	r.words = minor == 13 ? WORDS_3_13 : WORDS_3_14;
	for (unsigned g = 0; g < N_GROUPS; g++) {
		r.first[g] = next;
		next += r.words[g];
	}
	if (n < 8 * next || !sizes_fit(&r))
		return OWN_STRANGE;
	*out = layout_3_13;
	out->minor = minor;
	read_states(&r, out, minor == 13 ? 0 : 1);
	read_frames(&r, out);
	read_objects(&r, out);
	if (minor > 13) { /* what 3.13's numbers say nothing about */
		out->runtime_initialized = NO_FIELD;
		memset(&out->task, 0, sizeof(out->task));
	}
	return r.strange ? OWN_STRANGE : OWN_READ;
}

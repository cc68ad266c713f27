/*
 * Where things lie in a CPython process: offsets in bytes, x86-64 and aarch64 alike (LP64). One
 * file of numbers a version, layout_3_<minor>.c; from 3.13 on most can be had from the process
 * itself (layout_own.c). A field that a version does not have is NO_FIELD.
 */
#ifndef CULPRIT_PYREMOTE_LAYOUT_H
#define CULPRIT_PYREMOTE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define NO_FIELD UINT16_C(0xffff)

/* How a thread's frames are chained. */
enum layout_frames {
	FRAMES_HEAP,   /* 3.8–3.10: PyFrameObjects, each on the heap */
	FRAMES_CFRAME, /* 3.11, 3.12: data stack, found through the C frame */
	FRAMES_DIRECT, /* 3.13 on: data stack, found from the thread's state */
};

enum layout_lines { LINES_LNOTAB, LINES_3_10, LINES_3_11 };

/* Who owns a frame of the data stack (3.11 on): layout.frame.owner, one byte. */
enum { OWNER_THREAD, OWNER_GENERATOR, OWNER_FRAME_OBJECT, OWNER_C /* and above: no Python code */ };

/* Where the values of an instance lie that has no dict of its own (yet). */
enum layout_instance {
	INSTANCE_DICT,   /* 3.8–3.10: always a dict, at the type's dictoffset */
	INSTANCE_BEFORE, /* 3.11: values 32 and dict 24 bytes before the object */
	INSTANCE_TAGGED, /* 3.12: one word 24 bytes before, values − 1 where its lowest bit is set
			  */
	INSTANCE_INLINE, /* 3.13 on: dict 24 bytes before, else values behind the object */
};

enum { CALL_CACHES_MAX = 9 };

/* Opcodes that can call a Python function without C between, first … last, and the cache entries
 * behind each. */
struct call_opcodes {
	uint8_t first, last, caches;
};

struct layout {
	int minor;
	enum layout_frames frames;
	enum layout_lines lines;
	enum layout_instance instance;
	uint16_t runtime_interpreters; /* head of the list */
	uint16_t runtime_initialized;  /* int: 0 while starting and ending */
	struct {
		uint32_t next, threads, id,
			gil;      /* gil: pointer to it, in the interpreter (3.12 on) */
		uint32_t modules; /* sys.modules */
	} interpreter;
	struct {
		uint16_t next, pthread, native_id, frame, chunk, interpreter;
		uint16_t size;
	} thread;
	struct {
		uint16_t current; /* in the C frame: 3.11, 3.12 */
	} cframe;
	struct {
		uint16_t previous, code, instruction, owner, entry, size;
		bool instruction_is_pointer; /* into the bytecode; else an index, times
						instruction_unit */
		uint8_t instruction_unit;
		uint8_t code_tags;    /* bits of the code pointer that are no address (3.14) */
		uint16_t locals;      /* local variables, then the stack of values */
		uint16_t generator;   /* up to 3.10: whose frame it is; NULL: nobody's */
		uint16_t state;       /* up to 3.10, one byte: see generator_state */
		uint16_t value_stack; /* up to 3.10: pointer to the bottom of the stack of values */
		uint16_t top; /* its top: a pointer (3.8, 3.9, 3.14), else an int: entries */
		bool top_is_pointer;
	} frame;
	struct {
		uint16_t file, name, qualname, first_line, lines, bytecode;
		bool bytecode_inline; /* from 3.11 on it is part of the code object */
		uint16_t flags;       /* int, CO_GENERATOR and so on */
		uint16_t n_locals;    /* 3.11 on: int, length of the local variables in the frame */
		uint16_t per_thread;  /* free-threaded 3.14: bytecode copies of threads */
	} code;
	const struct call_opcodes *calls; /* of 3.11 to 3.13; ends with {0} */
	struct {
		uint32_t runtime_current; /* up to 3.11: the thread state that holds it */
		uint16_t last_holder,
			locked; /* from 3.12 on, within the gil; up to 3.11 NO_FIELD */
	} gil;
	struct {
		uint16_t type, size; /* size: of a variable object, and of a list, tuple, bytes */
		uint16_t type_name, type_basic_size, type_flags, type_base, type_dict_offset,
			type_cached_keys;
	} object;
	struct {
		uint16_t length, state, ascii_bytes, compact_bytes; /* text behind so many bytes */
		uint8_t kind_bit; /* lowest bit of kind in state; compact and ascii follow it */
	} text;
	struct {
		uint16_t bytes, tuple_items, list_items, int_digits;
	} data;
	struct {
		uint16_t used, keys, values; /* of a dict */
		/* of its keys: log2_size is a byte, up to 3.10 the size itself, 8 bytes */
		uint16_t log2_size, log2_index_bytes, kind, n_entries, indices;
		uint16_t values_first; /* first value of a split dict's or an instance's values */
	} dict;
	struct {
		uint16_t used, mask, table;
	} set;
	struct {
		uint16_t weak_target; /* of a weak reference */
		uint16_t module_dict;
	} other;
	struct {
		uint16_t frame; /* up to 3.10 a pointer to it, later the frame itself */
		uint16_t state; /* 3.11 on, one signed byte: below 0 suspended or not started */
	} generator;
	struct {
		/* Of asyncio's Task in C. */
		uint16_t size; /* 0: not known, and so is the rest */
		uint16_t name, coroutine;
		uint16_t waits; /* the future that it awaits */
		uint16_t state; /* int, of its Future, with which it begins: 0 pending */
		/* 3.14 on (tasks_own.c): tasks are links of lists that begin in the states of
		 * threads, or in the interpreter where a thread has ended. */
		uint32_t node, thread_list, thread_running, interpreter_list;
	} task;
};

/* The numbers for this version; NULL: there are none. */
const struct layout *layout_of(int minor);

extern const struct layout layout_3_8, layout_3_9, layout_3_10, layout_3_11, layout_3_12,
	layout_3_13;

/*
 * From 3.13 on: what the interpreter says about itself, _Py_DebugOffsets at the start of
 * _PyRuntime. `bytes` are its first OWN_BYTES. Numbers that it does not tell are those of the
 * newest version that has a table, and are not relied upon before they are checked.
 */
enum { OWN_BYTES = 2048 };

enum layout_own {
	OWN_READ,          /* out is filled */
	OWN_NONE,          /* it does not begin with the mark */
	OWN_FREE_THREADED, /* a build without the interpreter lock: other object heads */
	OWN_STRANGE,       /* offsets that cannot be: newer than what is known here, or damaged */
};
enum layout_own layout_read_own(
	const uint8_t *bytes, size_t n, struct layout *out, uint32_t *version_hex);

#endif

/*
 * Where things lie in a CPython process: offsets in bytes, x86-64 and aarch64 alike (LP64). One
 * file of numbers a version, layout_3_<minor>.c; from 3.13 on they can be had from the process
 * itself (layout_own.c). A field that a version does not have is NO_FIELD.
 */
#ifndef CULPRIT_PYREMOTE_LAYOUT_H
#define CULPRIT_PYREMOTE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define NO_FIELD UINT16_C(0xffff)

/* How a thread's frames are chained. */
enum layout_frames {
	FRAMES_HEAP,   /* 3.8–3.10: PyFrameObjects, each on the heap */
	FRAMES_CFRAME, /* 3.11, 3.12: data stack, found through the C frame */
	FRAMES_DIRECT, /* 3.13 on: data stack, found from the thread's state */
};

enum layout_lines { LINES_LNOTAB, LINES_3_10, LINES_3_11 };

struct layout {
	int minor;
	enum layout_frames frames;
	enum layout_lines lines;
	uint16_t runtime_interpreters; /* head of the list */
	struct {
		uint32_t next, threads, id,
			gil;      /* gil: within the interpreter (3.12+: 384, 3.13: 16 …) */
		uint32_t modules; /* sys.modules */
	} interpreter;
	struct {
		uint16_t next, pthread, native_id, frame, chunk, interpreter;
	} thread;
	struct {
		uint16_t current; /* in the C frame: 3.11, 3.12 */
	} cframe;
	struct {
		uint16_t previous, code, instruction, owner, entry, size;
		bool instruction_is_pointer; /* into the bytecode; else an index, times
						instruction_unit */
		uint8_t instruction_unit;
	} frame;
	struct {
		uint16_t file, name, qualname, first_line, lines, bytecode;
		bool bytecode_inline; /* from 3.11 on it is part of the code object */
	} code;
	struct {
		uint16_t runtime_current;     /* up to 3.11: the thread state that holds it */
		uint16_t last_holder, locked; /* from 3.12 on, within the gil */
	} gil;
	/* … the owner of this file adds what tuples, texts, dicts and tasks need. */
};

/* The numbers for this version; NULL: there are none. */
const struct layout *layout_of(int minor);

#endif

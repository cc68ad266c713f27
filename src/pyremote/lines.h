/* The tables by which CPython finds the line of an instruction, in their three forms. Pure: bytes
 * in, runs out; whatever the bytes are, the runs rise and lie within the code. */
#ifndef CULPRIT_PYREMOTE_LINES_H
#define CULPRIT_PYREMOTE_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "pyremote/layout.h"

/* From this instruction (bytes from the start of the bytecode) to the next run: one line. */
struct line_run {
	int32_t start;
	int32_t line; /* 0: none */
};

struct python_lines {
	struct line_run *runs;
	size_t n, cap;
};

/*
 * The forms: up to 3.9 lnotab (Objects/lnotab_notes.txt), 3.10 PEP 626's line table, from 3.11 on
 * the location table (InternalDocs/code_objects.md). Ends at the first byte that cannot be.
 */
void lines_decode(struct python_lines *out, enum layout_lines form, const uint8_t *table, size_t n,
	int first_line);
void lines_release(struct python_lines *l);
/* 0: none. */
int lines_at(const struct python_lines *l, int32_t instruction);

#endif

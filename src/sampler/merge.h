/*
 * One stack from two: the frames of machine code of a thread, and the Python frames that the
 * interpreter has in the same moment. Each native frame of the interpreter's evaluation loop stands
 * for the Python frames of one entry into it: those up to and including one whose `entry` is true.
 * If there are as many of the one as of the other, they belong together from the innermost on.
 * Where they are not as many (the loop was just being entered or left; the native stack is cut; the
 * interpreter's symbols are stripped), nothing says which belongs to which, and nothing is guessed.
 */
#ifndef CULPRIT_SAMPLER_MERGE_H
#define CULPRIT_SAMPLER_MERGE_H

#include <stdbool.h>
#include <stddef.h>

#include "native/native.h"
#include "pyremote/python.h"

/* One of the two is set, the other NULL. */
struct merge_frame {
	const struct python_frame *python;
	const struct native_symbol *native;
};

enum merge_fit {
	MERGE_WHOLE,  /* every frame is at its place */
	MERGE_NATIVE, /* there is no Python frame: all is native */
	MERGE_APART,  /* they do not fit: the Python frames, and above them those native ones that
			 are  certainly called by the innermost (none, where no evaluation loop was
			 found) */
};

/*
 * Innermost first, as both stacks are; `out` has room for n_native + n_python. Returns how many.
 * The C functions by which the interpreter calls (PyObject_Vectorcall, method_vectorcall, …) and is
 * started are left out, unless `machinery` asks for them; between Python frames so are functions
 * without a name in the interpreter's own file, which are the same in a stripped one.
 */
size_t merge_stacks(const struct native_symbol *const *native, size_t n_native, bool cut,
	const struct python_frame *python, size_t n_python, bool machinery, struct merge_frame *out,
	enum merge_fit *fit);

/* Is it one of the functions by which the interpreter calls? */
bool merge_is_machinery(const struct native_symbol *s);

#endif

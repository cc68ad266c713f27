/* Inside of pyremote: what a process is, to those who read its parts. */
#ifndef CULPRIT_PYREMOTE_PYTHON_INTERNAL_H
#define CULPRIT_PYREMOTE_PYTHON_INTERNAL_H

#include "pyremote/layout.h"
#include "pyremote/python.h"

struct code_cache; /* code.c */
struct task_work;  /* tasks.c */

struct python {
	pid_t pid;
	int pidfd;
	struct layout layout; /* of this process: corrected by what was found in it */
	struct python_about about;
	struct code_cache *codes;
	struct task_work *tasks;       /* NULL until it is asked for */
	struct python_thread *threads; /* see sweep.c */
	struct python_sweep sweep;
	void *sweep_work;
};

/* ---- code.c ---- */

/* The code object at this address; read and checked at the first time. NULL: it is none (a frame
 * that was torn, or one of the interpreter's own). */
const struct python_code *code_find(struct python *p, uint64_t address);
void code_cache_free(struct code_cache *c);

/* A unicode object's text, as UTF-8, cut to size - 1 bytes. */
bool python_read_text(struct python *p, uint64_t address, char *into, size_t size);

/* ---- sweep.c, tasks.c ---- */
void sweep_release(struct python *p);
void tasks_release(struct python *p);

#endif

/* Inside of pyremote: what a process is, to those who read its parts. */
#ifndef CULPRIT_PYREMOTE_PYTHON_INTERNAL_H
#define CULPRIT_PYREMOTE_PYTHON_INTERNAL_H

#include "native/remote.h"
#include "pyremote/layout.h"
#include "pyremote/python.h"

struct code_cache;   /* code.c */
struct task_work;    /* tasks.c */
struct thread_names; /* names.c */

struct python {
	pid_t pid;
	int pidfd;
	uint64_t started;                 /* /proc/PID/stat: with the pid, which process it is */
	uint64_t stack_begin, heap_begin; /* … and which program: another one after an exec */
	struct layout layout;             /* of this process: corrected by what was found in it */
	struct python_about about;
	uint64_t code_type, text_type; /* addresses of these type objects; 0: not known */
	struct code_cache *codes;
	struct thread_names *names;    /* NULL until it is asked for */
	struct task_work *tasks;       /* NULL until it is asked for */
	struct python_thread *threads; /* see sweep.c */
	struct python_sweep sweep;
	void *sweep_work;
	uint16_t tid_offset; /* of the kernel's number in the C library's struct of a thread; 0: no
			      */
	bool tids_as_ours;   /* its numbers of threads are those of culprit's pid namespace */
};

/* ---- find.c ---- */

/* The process that was attached to is there still, and runs the same program. Sure: a number that
 * was given to another process is told. Some microseconds. */
enum python_why python_still(struct python *p, struct err *err);
/* The same without looking for another program: one poll(). False: it ended. */
bool python_runs(const struct python *p);
/* The kernel's number of a thread in culprit's own pid namespace: from native_id where the version
 * has one (0 else), from the C library's struct at `pthread` where not. 0: not known. */
pid_t python_tid(struct python *p, uint64_t pthread, uint64_t native_id);

/* ---- code.c ---- */

/* The code object at this address; read and checked at the first time, and looked at again when the
 * last look is longer ago than CODE_FRESH_NS: what lies there may be another one by now. NULL: it
 * is none (a frame that was torn, or one of the interpreter's own). */
const struct python_code *code_find(struct python *p, uint64_t address);
void code_cache_free(struct code_cache *c);
enum { CODE_FRESH_NS = 10 * 1000 * 1000 };

/* For those who read code objects along with frames: the first code_head_bytes(p) bytes of the
 * object at code->address are those of `code`. */
size_t code_head_bytes(const struct python *p);
bool code_is(const struct python *p, const struct python_code *code, const uint8_t *head);

/* CO_* of a code object: generators, coroutines. */
bool code_is_coroutine(const struct python_code *code);

/* ---- text.c ---- */

/* A unicode object's text, as UTF-8, cut to size - 1 bytes. */
bool python_read_text(struct python *p, uint64_t address, char *into, size_t size);

/* ---- read.c: small readers ---- */
bool python_read_word(const struct python *p, uint64_t address, uint64_t *out);
/* tp_name of the object's type is `name`. */
bool python_is_a(struct python *p, uint64_t object, const char *name);

/* ---- sweep.c, names.c, tasks.c ---- */
void sweep_release(struct python *p);
void names_release(struct python *p);
void tasks_release(struct python *p);

#endif

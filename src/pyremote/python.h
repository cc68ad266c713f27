/*
 * A CPython process, read from outside while it runs: its threads, their stacks, the holder of the
 * interpreter lock, its asyncio tasks. Nothing is written, nothing stopped. CPython 3.8 to 3.13 by
 * layouts that are data (layout.h) and are checked against the process before they are used; 3.13
 * and later by the offsets that the interpreter itself publishes (_Py_DebugOffsets).
 *
 * A stack is kept only if it is proven to have existed: by what its frames say of themselves, read
 * in one go (3.11 to 3.13), or by copies, read one after the other within one system call, that
 * agree (stack.h has both, and their limits). What cannot be proven is read again, and after
 * PYTHON_TRIES rejected.
 *
 * One thread at a time uses a `struct python`.
 */
#ifndef CULPRIT_PYREMOTE_PYTHON_H
#define CULPRIT_PYREMOTE_PYTHON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum { PYTHON_TRIES = 8, PYTHON_MAX_DEPTH = 20000, PYTHON_MAX_THREADS = 20000 };

struct python;

/* Why a process is not one that can be read, for callers that go through many. */
enum python_why {
	PYTHON_OK,
	PYTHON_GONE,        /* it ended */
	PYTHON_NOT,         /* no CPython in it */
	PYTHON_STARTING,    /* there is one, but it is not ready yet: try again in some ms */
	PYTHON_DENIED,      /* no right to read it */
	PYTHON_UNSUPPORTED, /* too old, too new, a build whose layout is another */
};

/* Finds the interpreter and checks its layout against what is there. Not OK: err has one sentence
 * that says what was found and what to do. */
enum python_why python_attach(struct python **out, pid_t pid, struct err *err);
void python_detach(struct python *p); /* NULL is allowed */

struct python_about {
	int major, minor, micro;
	char version[32];     /* "3.11.7" */
	char path[256];       /* of the executable or library that the runtime lies in */
	uint64_t runtime;     /* address of _PyRuntime */
	const char *found_by; /* "symbol", "section", "scan" */
	bool own_offsets;     /* by _Py_DebugOffsets */
};
const struct python_about *python_about(const struct python *p);

/* A code object, kept as long as p, the same pointer for the same code. Never freed and found anew
 * under the same address with other contents: a code object that changed is another one. */
struct python_code {
	const char *name; /* qualified from 3.11 on */
	const char *file;
	int first_line;
	uint64_t address;
	const struct python_lines *lines; /* private */
};

struct python_frame {
	const struct python_code *code;
	int32_t instruction; /* bytes from the start of the code's bytecode; -1: not started */
	bool entry; /* outermost Python frame of one call of the evaluation loop: natively, what is
		       outside of it is C */
	bool coroutine; /* of a generator, coroutine or asynchronous generator */
	uint64_t address;
};

/* The line of an instruction of a code object; 0: it has none. */
int python_line(const struct python_code *code, int32_t instruction);

enum python_stack {
	STACK_READ,      /* frames[0 … n) are what was there */
	STACK_UNCHANGED, /* proven to be the same as in the last sweep, and frames still has it */
	STACK_EMPTY,     /* no Python frame: a thread that is starting or ending */
	STACK_REJECTED,  /* could not be read whole: nothing is shown */
};

struct python_thread {
	uint64_t state;       /* address of its PyThreadState */
	uint64_t pthread;     /* as threading.get_ident() has it */
	pid_t tid;            /* the kernel's number in culprit's own pid namespace; 0: not known */
	uint32_t interpreter; /* 0: the main one */
	bool gil;             /* holds the lock of its interpreter */
	enum python_stack stack;
	struct python_frame *frames; /* innermost first */
	size_t n_frames, cap_frames;
	struct python_thread_work *work; /* private: what helps to read it faster next time */
};

struct python_sweep {
	struct python_thread **threads; /* all threads of all interpreters */
	size_t n;
	uint64_t retries; /* reads that were done again, in this sweep */
};

/* Looks at all threads, once. The sweep belongs to p and holds until the next one. PYTHON_GONE when
 * the process ended or executed something else. */
enum python_why python_sweep_all(
	struct python *p, const struct python_sweep **out, struct err *err);

/* Reads one thread of the last sweep anew, as it is now: for whoever stops it meanwhile. With its
 * stack, the same proof; *retries grows by reads that were done again. False: it is gone, or the
 * process is. */
bool python_sweep_one(struct python *p, struct python_thread *t, uint64_t *retries);

/* The name that threading.Thread has for it ("MainThread", "Thread-3 (work)"); NULL: not known.
 * Read once a thread: dear. */
const char *python_thread_name(struct python *p, struct python_thread *t);

/* ---- asyncio ---- */

struct python_task {
	uint64_t address;
	char name[64];               /* Task-7, or what it was given; "" where it is not known */
	struct python_frame *frames; /* its coroutine, and what that awaits: innermost first */
	size_t n_frames, cap_frames;
	uint64_t waits_for; /* address of the task that it awaits (gather, await task); 0: none */
	bool running;       /* it is on a thread's stack now */
};

/* All tasks that are not done. An array of *n that belongs to p until the next call. False where
 * this process has no asyncio, or it cannot be read from outside. */
bool python_tasks(struct python *p, struct python_task **out, size_t *n);

/* The name of the task that this thread runs now, "" when none or not known. */
const char *python_running_task(struct python *p, struct python_thread *t);

#endif

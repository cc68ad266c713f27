/*
 * The look at all threads of a process; private to pyremote.
 *
 *   thread_list.c  which threads there are
 *   gil.c          who holds the interpreter lock, and who may have run
 *   sweep.c        reads them all, several threads in one system call
 */
#ifndef CULPRIT_PYREMOTE_SWEEP_H
#define CULPRIT_PYREMOTE_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "pyremote/stack.h"

enum {
	SWEEP_MAX_INTERPRETERS = 256,
	SWEEP_WHOLE_EVERY =
		16, /* sweeps; those between look at those threads alone that may have run */
	SWEEP_BATCH_BYTES = 512 * 1024,
	SWEEP_MAX_PIECES = 1024, /* of one system call: IOV_MAX */
};

/* An interpreter lock: from its last_holder on. */
struct gil_bytes {
	uint64_t last_holder;
	int32_t locked, pad;
	uint64_t switches; /* how often the holder became another thread */
};

struct gil {
	uint64_t address; /* of last_holder; 0: not known */
	struct gil_bytes now, before;
};

struct interpreter {
	uint64_t address, next, threads;
	uint64_t id;
	struct gil gil;
};

struct sweep_work {
	struct stack_scratch scratch;
	struct interpreter *interpreters;
	size_t n_interpreters, cap_interpreters;
	uint64_t head;   /* of the list of interpreters */
	bool listed;     /* the list is to be relied on */
	bool replaced;   /* nobody of the list before is left in it */
	bool one_each;   /* no two states have the same pthread */
	uint64_t number; /* of this sweep */
	unsigned gil_tries;
	struct iovec *pieces; /* of a batch */
	size_t n_pieces, cap_pieces, bytes;
	double pace; /* ns a byte */
	uint8_t *copies;
	size_t cap_copies;
	struct python_thread **todo;
	size_t n_todo, cap_todo;
	size_t n_left; /* that have to be read again */
};

/* ---- thread_list.c ---- */

/* Reads the list, keeps the threads that are known and adds those that are not. False: it could not
 * be read (errno), and is as it was. */
bool thread_list_read(struct python *p);
/* Is the list what the copies of this sweep say? */
bool thread_list_holds(struct python *p);
void thread_list_free(struct python *p);

/* ---- gil.c ---- */

/* Looks for the lock where the layout does not say where it is (up to 3.11). */
void gil_find(struct python *p);
/* Marks the holders. */
void gil_mark(struct python *p);
/* Does it hold its interpreter's lock at this moment? */
bool gil_held_by(const struct python *p, const struct python_thread *t);
/* The threads that may have run Python code since the last sweep, into *two; how many, or -1: any.
 * The locks' bytes of this sweep and the last one have been read. */
int gil_ran(const struct python *p, struct python_thread *two[2]);
/* Whom to look at first: the one that held it in the last sweep. NULL: all have to be looked at. */
struct python_thread *gil_runner(const struct python *p);

#endif

/* A coroutine that waits, and what it awaits: coroutine after coroutine, to the future at the end.
 */
#ifndef CULPRIT_PYREMOTE_CHAIN_H
#define CULPRIT_PYREMOTE_CHAIN_H

#include "pyremote/python_internal.h"

/* What kind a type is: looked up by name once a type. */
enum chain_kind {
	CHAIN_OTHER,
	CHAIN_GENERATOR, /* coroutine, generator, asynchronous generator: has a frame */
	CHAIN_WRAPPER,   /* stands for another: coroutine_wrapper, asend, anext */
	CHAIN_FUTURE,    /* FutureIter: of a future */
	CHAIN_TASK,
	CHAIN_GATHER, /* asyncio.gather()'s future */
};

struct chain_types {
	struct {
		uint64_t type;
		enum chain_kind kind;
	} known[64];
	size_t n;
};

/* What kind of object it is: one read. */
enum chain_kind chain_kind(struct python *p, struct chain_types *types, uint64_t object);
bool chain_is_task(struct python *p, struct chain_types *types, uint64_t object);
/* The address of a coroutine's frame; 0: it has none. */
uint64_t chain_frame(struct python *p, uint64_t coroutine);
/* Fills t's frames, innermost first. *future: what the innermost awaits, 0 where it is not known.
 * False: it would not hold still. */
bool chain_read(struct python *p, struct chain_types *types, uint64_t coroutine,
	struct python_task *t, uint64_t *future);

#endif

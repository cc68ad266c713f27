/*
 * One thread's stack, from copies of its memory; private to pyremote.
 *
 * What is read of a thread is a set of regions that covers its state (PyThreadState), the C frame
 * (3.11, 3.12), and every frame that its last stacks had, wherever they lie: on the data stack, in
 * a generator, on the C stack, on the heap. The set follows from what was walked, not from what a
 * version is thought to keep where; so data stacks of several chunks need no code of their own.
 *
 * How a stack is proven. The plain way, the same twice in a row, is no proof against a program that
 * goes in circles faster than it is read: a leaf of 50 ns comes back to the same place before the
 * second look (measured: one of 100 to 300 stacks never was), and what is kept is what stays
 * longest, so shares are wrong too. So:
 *
 * By the frames' own word, 3.11 to 3.13 (stack_walk.c, prove_by_tops()). stacktop of a frame is −1
 * while it runs, or has called C, and the height of its stack of values while it waits for a Python
 * frame that it called, is suspended or has ended. A data stack is copied from its outer end
 * inward, without a gap, at some 10 ns a frame. The innermost frame must say that it runs: so it is
 * one that lived when it was read. Each one outside of it must say that it waits: and between the
 * reading of two neighbours there is no time for a return and a call, 20 to 40 ns. So none of them
 * can be of another call than its neighbour. If the state's pointer, read some 200 ns earlier or
 * later, is to a frame that has ended meanwhile, the frame that runs is the stack's end; nothing
 * has to be the same for long, so nothing that is short is left out. A read that took longer than
 * such reads do was interrupted, and is done again. One copy suffices.
 *
 * That leaves reads of two neighbours between which a cache line was waited for: the caller has
 * returned, or is another one that has not called yet, and its words are those of one that waits.
 * So each caller must stand at an opcode that calls as well (stack_calls.c). Then two returns and
 * two calls have to fit between the reads of neighbours; bench/profile.py counts how often they do.
 *
 * By copies that agree. Where a chain leaves the region that its innermost frame lies in (a second
 * chunk of the data stack, a generator, a call by way of C), everything from the last frame within
 * it outward has to be the same in two copies, with generators in STACK_COPIES. Up to 3.10 and
 * from 3.14 on, where frames do not say whether they run, the whole chain, the state's pointer
 * included, in two copies (up to 3.10 each frame has to say that it executes as well); so, too,
 * where no frame runs, because the thread is between two of them, for several tries: then the
 * innermost instruction must not move either. All copies are read by one system call where they
 * fit, one whole copy after the other: a word that did not change between two reads had its value
 * in between, so all of them had theirs together, in the moment between the copies.
 *
 * Limits. (1) A word that changed and changed back between its copies is taken for one that did
 * not: generators and coroutines that are made, run and dropped within a microsecond, at the same
 * addresses, and lines of callers up to 3.10. bench/profile.py counts these. (2) Where copies have
 * to agree, what lasts less than a read (1 to 2 µs) is seen more rarely than it should. (3) The
 * interpreter writes a new frame before it makes it current, but a compiler may order plain stores
 * as it likes. (4) A code object that is freed, with another one put in its place, is noticed
 * within CODE_FRESH_NS. (5) Order: a word that was written later is never seen before one that was
 * written earlier, nor read before one that is copied earlier. x86-64 keeps that; aarch64 promises
 * neither, and nobody has measured what it does.
 */
#ifndef CULPRIT_PYREMOTE_STACK_H
#define CULPRIT_PYREMOTE_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pyremote/python_internal.h"

enum {
	STACK_SLACK = 1024,         /* read beyond the innermost frame: where the next ones come */
	STACK_GAP = 2048,           /* neighbours so near are read as one; below a page, so that
				       nothing unmapped can lie between them */
	STACK_CUT_EVERY = 64,       /* accepted stacks after which unused regions are let go */
	STACK_COPIES = 4,           /* where one is not enough */
	STACK_PATIENCE = 3,         /* tries, then all copies have to agree in all */
	STACK_MAX_BYTES = 64 << 20, /* of one copy */
};

struct stack_region {
	uint64_t address;
	uint32_t size, offset;       /* offset: in a copy */
	uint32_t used_from, used_to; /* by the stacks since the last cut; none: from > to */
};

/* A frame as it lies there. */
struct stack_raw {
	uint64_t address, code, instruction;
	uint32_t flags;      /* RAW_* */
	uint32_t shown;      /* it became a python_frame */
	int32_t top;         /* see stack_tops_tell() */
	uint32_t region, at; /* which one, where in a copy */
};

enum { RAW_ENTRY = 1, RAW_GENERATOR = 2, RAW_SHIM = 4 };

struct stack_raws {
	struct stack_raw *items; /* innermost first */
	size_t n, cap;
};

struct python_thread_work {
	struct stack_region *regions; /* by rising address, the state's among them */
	size_t n_regions, cap_regions;
	size_t state_region;       /* the one that the state lies in */
	size_t bytes;              /* of one copy */
	struct stack_raws raws;    /* of the stack that was accepted last */
	struct python_frame *room; /* the frames lie at its end */
	size_t cap_room;
	unsigned accepted; /* since the last cut */
	uint64_t sweep;    /* number of the sweep that accepted it last */
	uint64_t next;     /* the state after it in the list, as it was then */
	uint64_t native;   /* native_id of the state, 0 where it has none */
	unsigned tries;    /* in vain, for this stack */
	unsigned copies;   /* that are read: 1, or STACK_COPIES */
	bool rejected;     /* in its last sweep */
	bool listed;       /* used while the list is read */
};

enum stack_walk {
	WALK_WHOLE,          /* by what its frames say */
	WALK_SAME,           /* by copies that are the same in all of it */
	WALK_TORN,           /* not to be proven */
	WALK_LOOSE,          /* not by one copy: two are needed */
	WALK_LOOSER,         /* nor by two: STACK_COPIES */
	WALK_MISSING,        /* it goes on at *missing, where no region is */
	WALK_MISSING_CFRAME, /* the same, and there is the C frame */
};

/* What the walk of all threads shares: scratch. */
struct stack_scratch {
	struct stack_raws raws;
	struct stack_region *regions;
	size_t cap_regions;
	uint8_t window[2 * 4096]; /* what lies at window_from */
	uint64_t window_from;
	size_t window_size;
	struct code_extras *extras;
	struct stack_sites *sites;
};

/* Regions for a thread of which only the state's address is known. */
void stack_start(struct python *p, struct stack_scratch *s, struct python_thread *t);
void stack_release(struct python_thread *t);

/* A field of the state in a copy. The state's region is always there. */
uint64_t stack_state_field(const struct python_thread *t, const uint8_t *copy, unsigned field);

/* The bytes of a frame that are looked at, and one frame out of them; returns its predecessor. */
uint32_t stack_frame_bytes(const struct layout *l);
uint64_t stack_raw_read(const struct layout *l, const uint8_t *at, struct stack_raw *raw);

/* Do the frames say which of them runs? Then one copy can do. */
bool stack_tops_tell(const struct layout *l);

/* Follows the frames through the copies, into raws, and proves them. */
enum stack_walk stack_walk(const struct layout *l, struct stack_raws *raws, struct python_thread *t,
	const uint8_t *copies, uint64_t *missing);

/* The same and, when it is whole, makes the stack t's. */
enum stack_walk stack_take(struct python *p, struct stack_scratch *s, struct python_thread *t,
	const uint8_t *copies, uint64_t *missing);

/* ---- stack_regions.c ---- */

/* Follows the chain from `missing` in the process itself, and covers what is found by regions. */
void stack_extend(struct python *p, struct stack_scratch *s, struct python_thread *t,
	enum stack_walk walk, uint64_t missing);

/* Lets go of what no stack has used since the last cut. */
void stack_cut(struct python *p, struct stack_scratch *s, struct python_thread *t);

/* A region that cannot be read any more. False: it was the state's. */
bool stack_drop_region(struct python_thread *t, size_t region);

/* ---- stack_calls.c ---- */

/* Does each caller of the innermost n frames of raws stand at an opcode that calls? Not asked where
 * C lies between the two. */
bool stack_calls_there(struct python *p, struct stack_scratch *s, size_t n);
/* Of one: `last` is the opcode at its instruction; `before` it lie so many bytes of its code. */
bool stack_call_at(const struct layout *l, const uint8_t *last, size_t before);
void stack_sites_free(struct stack_sites *s);

/* ---- stack_code.c ---- */

/* What the walk has to know of a code object, besides what others see of it. */
struct code_extra {
	const struct python_code *code; /* NULL: none to be shown */
	uint64_t address;
	uint64_t bytecode; /* where it begins */
	uint32_t bytes;    /* of bytecode */
	uint32_t first;    /* offset of the first instruction that counts as started */
	bool coroutine;    /* of a generator, coroutine or asynchronous generator */
};

/* NULL: there is no code object at this address. Holds until the next call. */
const struct code_extra *code_extra_find(struct python *p, struct stack_scratch *s, uint64_t code);
void code_extras_free(struct code_extras *e);

#endif

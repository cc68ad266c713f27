/*
 * A profile: where time went, as a tree of calls. Every node is one place in one stack: a function
 * and the line that ran in it, below the place that called it. Processes, threads and asyncio tasks
 * are nodes too, above their frames, so that one tree holds all of them and every format and view
 * can split by them. A node carries what was seen with it as the innermost place (self): samples,
 * wall time, and of it the time on a core and the time holding the interpreter lock. So the clock
 * is chosen when a profile is read, not when it is taken.
 *
 * Memory is bounded: past PROFILE_MAX_NODES a new place is booked on the nearest node above that is
 * there, and counted in `folded`; past the ceilings of functions and texts a new function is
 * "(other functions)". One thread at a time uses a profile.
 */
#ifndef CULPRIT_PROFILE_PROFILE_H
#define CULPRIT_PROFILE_PROFILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum {
	PROFILE_MAX_NODES = 2000000,
	PROFILE_MAX_MOMENTS = 200000,
	PROFILE_MAX_FUNCTIONS = 200000,
	PROFILE_MAX_NAME_BYTES = 1000, /* longer names and files are cut */
	PROFILE_MAX_TEXT_BYTES = 64 << 20,
	PROFILE_MAX_SLICES = 32,
};

/* Set in what profile_node() gives when there was no room: the rest is the node above. */
#define PROFILE_FOLDED UINT32_C(0x80000000)

/* word in JSON; what it is */
#define PROFILE_KINDS(X)                                                                           \
	X(ROOT, "root", "the one node above all")                                                  \
	X(PROCESS, "process", "a process: \"gunicorn: worker (1234)\"")                            \
	X(THREAD, "thread", "a thread: \"MainThread (1234)\"")                                     \
	X(TASK, "task", "an asyncio task: \"Task-7\"")                                             \
	X(PYTHON, "python", "a Python function")                                                   \
	X(NATIVE, "native", "a function of machine code")                                          \
	X(MARK, "mark", "what is no function: \"(rejected)\", \"(unknown)\"")

enum profile_kind {
#define X(name, word, text) PROFILE_##name,
	PROFILE_KINDS(X)
#undef X
		PROFILE_N_KINDS
};
extern const char *const PROFILE_KIND_WORDS[]; /* ends with NULL */

/* Interned: what is equal in all four is one function. Texts are valid UTF-8 without control
 * characters (others are replaced by "?" at the door), so that they can be printed and written as
 * they are. */
struct profile_function {
	enum profile_kind kind;
	const char *name; /* qualified where the interpreter knows it (3.11+) */
	const char *file; /* as the program knows it; of a native one its module; "" */
	int first_line;   /* 0: not known */
};

/* What was seen with a node innermost. */
struct profile_weight {
	uint64_t samples;
	uint64_t wall_ns;
	uint64_t cpu_ns; /* of it on a core, or wanting one */
	uint64_t gil_ns; /* of it holding the interpreter lock */
};

struct profile_node {
	uint32_t parent; /* index; the root is its own */
	uint32_t function;
	int32_t line; /* 0: not known */
	struct profile_weight self;
};

/* From `start_ns` on (after the profile's start) this thread was at this node, for so long. */
struct profile_moment {
	uint64_t start_ns, length_ns;
	uint32_t thread; /* its PROFILE_THREAD node */
	uint32_t node;
};

/*
 * How a function's own time varied while the profile was taken: its time in consecutive slices of
 * equally many samples. Neighbouring samples of one call are not independent of each other; sums
 * over slices that are much longer than calls nearly are, and how they spread says what a
 * difference between two profiles is worth (diff.h). When all slices are full, pairs of neighbours
 * become one.
 */
struct profile_slice_row {
	uint64_t wall_ns[PROFILE_MAX_SLICES], cpu_ns[PROFILE_MAX_SLICES],
		gil_ns[PROFILE_MAX_SLICES];
};

struct profile_slices {
	size_t n;                       /* slices; the last one may not be full */
	uint64_t samples;               /* in a full one */
	uint64_t filled;                /* in the last one */
	struct profile_slice_row *rows; /* [0] is of all functions, [1] of those without room */
	uint32_t *row_of;               /* of each function; 0: it has no time of its own */
	size_t n_rows, cap_rows, cap_row_of;
};

/* How it was taken, and what that cost. */
struct profile_about {
	double rate_hz;        /* asked for */
	double duration_s;     /* that it took */
	uint64_t sweeps;       /* looks at all threads */
	uint64_t samples;      /* stacks kept */
	uint64_t retries;      /* stacks read again, for they changed meanwhile */
	uint64_t rejected;     /* stacks that could not be read whole: counted, never shown */
	uint64_t late;         /* ticks for which there was no sweep */
	uint64_t folded;       /* samples booked above their place, for want of room */
	double own_cpu_s;      /* CPU time that the profiler used */
	uint64_t core_ns;      /* that threads were on cores, all together, as the kernel counts */
	uint64_t core_wait_ns; /* that they waited for one */
	bool native, paused;
	char python[64]; /* "CPython 3.11.7", "CPython 3.11.7 and 3.12.1", "" */
};

struct profile {
	struct profile_function *functions;
	size_t n_functions, cap_functions;
	struct profile_node *nodes; /* parents before children; [0] is the root */
	size_t n_nodes, cap_nodes;
	struct profile_moment *moments; /* in time order of their start */
	size_t n_moments, cap_moments;
	uint64_t moment_least_ns; /* shorter ones are merged into their neighbour; doubles when full
				   */
	struct profile_slices slices;
	struct profile_about about;
	struct profile_index *index; /* private: finds functions, nodes, texts */
};

struct profile *profile_new(void);
void profile_free(struct profile *p);

/* The function's index; texts are copied. Dear (it looks at the texts): keep the answer. */
uint32_t profile_function(struct profile *p, enum profile_kind kind, const char *name,
	const char *file, int first_line);

/* The child of `parent` with this function and line, made where it is not there yet. When there is
 * no room, the answer is `parent` with PROFILE_FOLDED set, and whatever is below it is the same;
 * the functions below take it as it is. To look into p->nodes, take the bit away. */
uint32_t profile_node(struct profile *p, uint32_t parent, uint32_t function, int32_t line);

/* It is another function than it was taken for, a thread whose name is known now: returns the node
 * that stands for it from now on, which is another one where there is one for that already. */
uint32_t profile_node_is(struct profile *p, uint32_t node, uint32_t function);

/* Sums that would overflow stop at UINT64_MAX. Samples are added in the order of time. */
void profile_add(struct profile *p, uint32_t node, const struct profile_weight *w);

/* A thread was at `node` from start on; moments of one thread come in time order. A moment that
 * goes on where the last one of that thread ended, at the same node, makes it longer. Where a short
 * one is merged into its neighbour, the node of the two is drawn by length, so that shares stay
 * right on average; time is kept to the nanosecond. Should there be too many threads for merging to
 * help, later moments are left out. */
void profile_add_moment(
	struct profile *p, uint32_t thread, uint32_t node, uint64_t start_ns, uint64_t length_ns);

/* Adds all of `from` to p: weights, not moments; counts of `about` are summed. */
void profile_merge(struct profile *p, const struct profile *from);

/* Columns, not objects: a profile of 100,000 nodes is some MB (docs/profile.md). */
json_t *profile_to_json(const struct profile *p);
int profile_from_json(struct profile **out, const json_t *json, struct err *err);

/* ---- clocks: which of a node's weights is looked at ---- */

#define PROFILE_CLOCKS(X)                                                                          \
	X(WALL, "wall", "time that passed, waiting included")                                      \
	X(CPU, "cpu", "time on a core, or wanting one")                                            \
	X(GIL, "gil", "time holding the interpreter lock")                                         \
	X(SAMPLES, "samples", "stacks seen")

enum profile_clock {
#define X(name, word, text) PROFILE_CLOCK_##name,
	PROFILE_CLOCKS(X)
#undef X
};
extern const char *const PROFILE_CLOCK_WORDS[]; /* ends with NULL */

uint64_t profile_weigh(const struct profile_weight *w, enum profile_clock clock);

#endif

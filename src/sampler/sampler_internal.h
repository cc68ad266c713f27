/*
 * What the parts of the sampler share. sampler.c: the thread and its clockwork; family.c: which
 * processes are looked at, as they come and go; subject.c: one of them, from finding what it is to
 * letting go of it; look.c: one look at its Python threads; look_native.c: the same with frames of
 * machine code; look_tasks.c: the asyncio tasks that wait; states.c: whether a thread runs;
 * places.c: from what was seen to nodes of the profile.
 */
#ifndef CULPRIT_SAMPLER_SAMPLER_INTERNAL_H
#define CULPRIT_SAMPLER_SAMPLER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/rng.h"
#include "base/str.h"
#include "native/native.h"
#include "proc/arrivals.h"
#include "pyremote/python.h"
#include "sampler/sampler.h"

enum {
	SUBJECTS = 65536,      /* processes at a time; those beyond are not looked at */
	OPEN_STATES = 256,     /* files of threads' states that are kept open */
	TURNS = 8,             /* threads that wait whose state is read again in one look */
	OTHER_THREADS = 20000, /* of a process that are no Python threads */
	TASK_NAMES = 1000,     /* of a process that get a node of their own */
	PLACES = 1 << 20,      /* of a process that are remembered */
	NAMES_OF_OTHERS = 3,   /* of processes that could not be read, in the sentence */
	COMMAND = 80
};

/* ---- places.c ---- */

/* Which function and line a code object and an instruction are, or a symbol of machine code;
 * forgotten with the profile. */
struct place {
	const void *key; /* the code object, the symbol; NULL: free */
	int32_t instruction, line;
	uint32_t function;
};

struct place_cache {
	struct place *slots; /* a power of two of them */
	size_t n, cap;
};

/* The node of a frame below `parent`. */
uint32_t place_cache_node(struct place_cache *c, struct profile *p, uint32_t parent,
	const struct python_frame *frame);
uint32_t place_cache_native(struct place_cache *c, struct profile *p, uint32_t parent,
	const struct native_symbol *symbol);
void place_cache_clear(struct place_cache *c);
void place_cache_release(struct place_cache *c);

/* ---- states.c ---- */

struct state_file {
	int fd, times_fd;                     /* −1: not open */
	bool running;                         /* or wanted to, at the last look */
	uint64_t asked_ns, ran_ns, waited_ns; /* the times, as they were last; ran 0: not known */
};

void state_init(struct state_file *f);
/* Whether a thread runs or wants to, by /proc. False as well where it is gone. *n_open counts what
 * is open. */
bool state_read(struct state_file *f, pid_t pid, pid_t tid, size_t *n_open);
/* *ran_ns and *waited_ns grow by what it was on a core, and waited for one, since it was asked
 * before: at most every 10 ms, of threads that run. */
void state_waited(struct state_file *f, pid_t pid, pid_t tid, size_t *n_open, uint64_t now,
	uint64_t *ran_ns, uint64_t *waited_ns);
void state_close(struct state_file *f, size_t *n_open);

/* ---- a thread, a process ---- */

struct known_frame {
	const struct python_code *code;
	int32_t instruction;
	uint32_t node;
};

struct known_thread {
	uint64_t key; /* of a Python thread its state's address; else the tid */
	pid_t tid;
	unsigned look;              /* the number of the look that saw it last */
	uint64_t first_ns, last_ns; /* looks at it; last 0: none was booked */
	struct state_file state;
	bool named;
	uint64_t name_ns; /* when its name is asked for */
	char name[96];
	unsigned epoch;     /* of the profile that the nodes are of */
	uint32_t node;      /* PROFILE_THREAD */
	uint32_t base;      /* below which its frames are: its own, or its task's */
	uint32_t innermost; /* where it was seen last */
	char task[96];
	struct known_frame *frames; /* outermost first: the last stack */
	size_t n_frames, cap_frames;
};

enum subject_kind {
	SUBJECT_NEW,    /* not known yet what it is */
	SUBJECT_PYTHON, /* is looked at */
	SUBJECT_NATIVE, /* no Python, its machine code is looked at */
	SUBJECT_OTHER,  /* no Python */
	SUBJECT_DENIED, /* may not be read, or not by this version */
	SUBJECT_UNSEEN, /* only the root of what is below it */
};

struct subject {
	pid_t pid;
	uint64_t start_ticks; /* tells it from another one that gets its number */
	enum subject_kind kind;
	enum python_why why; /* of DENIED */
	bool gone;
	uint64_t found_ns, try_ns;
	unsigned tries;
	uint64_t exe[2]; /* device and inode of what it executes */
	clockid_t clock;
	uint64_t clock_ns;
	bool ran; /* some thread of it, since the last look */
	uint64_t last_ns;
	unsigned looks;
	struct python *python;
	struct native *native;
	struct known_thread **threads;
	size_t n_threads, cap_threads, turn; /* turn: of which thread it is next to be asked */
	size_t running, gil_held;            /* at the last look */
	struct place_cache places;
	unsigned epoch;
	uint32_t node; /* PROFILE_PROCESS */
	char command[COMMAND];
	/* threads that are no Python ones, with `native` */
	pid_t *others;
	size_t n_others, cap_others;
	uint64_t others_ns;
	/* asyncio */
	uint64_t tasks_ns, tasks_every_ns;
	size_t n_task_names;
	struct err err; /* why it cannot be read */
	bool traced;    /* by another: its threads cannot be stopped */
};

/* ---- the sampler ---- */

struct family {
	pid_t root, own;
	bool alone, below_only, begun;
	pid_t only;             /* with alone: the one that was taken in */
	struct subject **items; /* by pid */
	size_t n, cap;
	struct arrivals arrivals;
	uint64_t next_check_ns;
};

/* Processes that could not be read, by why. */
struct unread {
	size_t n;
	char names[NAMES_OF_OTHERS][COMMAND];
	size_t n_names;
	struct err err; /* of the first one */
};

struct sampler {
	struct sampler_spec spec;
	struct family family;
	struct rng rng;
	uint64_t start_ns, period_ns, tick;
	uint64_t cpu_base_ns; /* what the start used, in the caller's thread */
	/* since the last reset of the window that keeps it to half a core, and of own_cpu */
	uint64_t half_wall_ns, half_cpu_ns, half_check_ns;
	uint64_t own_wall_ns, own_cpu_ns;

	pthread_t thread;
	atomic_bool stop;
	pthread_mutex_t lock; /* of what is below */
	struct profile *profile;
	uint64_t profile_ns; /* when it began */
	uint64_t profile_cpu_ns;
	unsigned epoch; /* counts profiles */
	struct sampler_state state;
	struct unread not_python, denied, unsupported;
	size_t short_lived;
	pid_t stopped, traced; /* one that was stopped to the end, one that others trace; 0: none */
	bool looked;           /* something was, once */
	size_t n_open_states;
	char versions[8][16];
	size_t n_versions;
};

/* family.c: finds what is new, lets go of what is gone. */
void family_init(struct family *f, const struct sampler_spec *spec);
void family_update(struct sampler *s, uint64_t now);
void family_release(struct sampler *s);
struct subject *family_find(const struct family *f, pid_t pid);

/* subject.c */
struct subject *subject_new(pid_t pid, uint64_t start_ticks, uint64_t now);
void subject_free(struct sampler *s, struct subject *j);
/* Lets go of what is read of it, and forgets its threads; it can be tried again. */
void subject_detach(struct sampler *s, struct subject *j);
/* The same, and it is tried again at once: it ended, or executes something else. */
void subject_again(struct sampler *s, struct subject *j, uint64_t now);
/* What it is, where it is time to ask (again). */
void subject_try(struct sampler *s, struct subject *j, uint64_t now);
bool subject_is_seen(const struct subject *j);
/* Why there is no program in this process: one that is none, has ended, is a thread or the
 * kernel's. 0: there is one. */
int subject_explain(pid_t pid, struct err *err);
/* Why others were not read, once all are let go of. */
void subject_say_unread(const struct sampler *s, struct str *out);

/* look.c */
void look_python(struct sampler *s, struct subject *j, uint64_t now);
struct known_thread *look_thread(struct subject *j, size_t hint, uint64_t key, pid_t tid);
void look_forget(struct sampler *s, struct subject *j); /* threads that were not seen any more */
bool look_runs(
	struct sampler *s, struct subject *j, struct known_thread *k, bool as_before, uint64_t now);
uint32_t look_process_node(struct sampler *s, struct subject *j);
/* Below which node its frames are, k->base: its task's, where it runs one. */
void look_base(
	struct sampler *s, struct subject *j, struct known_thread *k, struct python_thread *t);
uint32_t look_mark(struct sampler *s, uint32_t parent, const char *what);
/* Books what a thread did since the last look at it. */
void look_book(struct sampler *s, struct known_thread *k, uint32_t node, uint64_t now, bool running,
	bool gil);
/* Nothing to book of the time since then. */
void look_skip(struct known_thread *k, uint64_t now);
/* Is there more than the main interpreter? Then the threads of that one have got their names. */
bool look_several(
	struct sampler *s, struct subject *j, const struct python_sweep *sweep, uint64_t now);
/* A thread that was called into another interpreter of its process has a state in both, and is in
 * one of them: is state i of the sweep one in which it is not? Asked where there are several. */
bool look_elsewhere(const struct python_sweep *sweep, size_t i);
/* The same where its stack could not be read whole. */
void look_rejected(struct sampler *s, struct known_thread *k, uint64_t now, bool running, bool gil);
/* Its process clock: whether anything of it ran since the last look. */
void look_clock(struct sampler *s, struct subject *j);
void known_thread_free(struct sampler *s, struct known_thread *k);
/* Its node is there, with its name as soon as that is known. */
void look_begin_thread(struct sampler *s, struct subject *j, struct known_thread *k,
	struct python_thread *t, uint64_t now);
uint32_t look_stack(struct sampler *s, struct subject *j, struct known_thread *k,
	const struct python_thread *t);

/* look_native.c */
void look_native(struct sampler *s, struct subject *j, uint64_t now);
/* look_tasks.c */
/* What a task is called: its name, or, where that is a number that asyncio gave, "tasks of
 * handler", by the outermost coroutine of its frames (innermost first). */
void look_task_name(
	char *out, size_t size, const char *name, const struct python_frame *frames, size_t n);
uint32_t look_task_node(struct sampler *s, struct subject *j, uint32_t parent, const char *name);
void look_tasks(struct sampler *s, struct subject *j, uint64_t now);

#endif

/*
 * Stopping a thread for as long as it takes to copy it. One that sleeps is not stopped at all
 * (sleep.c): that is cheaper, and an interrupt would be seen, for epoll_wait and some others return
 * EINTR for it. One that runs is traced for that moment (trace.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "native/native_internal.h"

enum {
	UNKNOWN_STACK_BYTES = 64 * 1024,
	LEAST_THREADS = 256,
	AGE_S = 2 /* in this time no number of a thread comes around */
};

/* ---- the table of threads ---- */

static void thread_forget(struct native_thread *t)
{
	free(t->pcs);
	t->pcs = NULL;
}

/* Drops those that were not stopped for long: they have ended, most likely. */
static void threads_prune(struct native *n)
{
	uint64_t oldest = n->stops > 4 * n->n_threads ? n->stops - 4 * n->n_threads : 0;
	size_t kept = 0;

	for (size_t i = 0; i < n->n_threads; i++)
		if (n->threads[i].used > oldest)
			n->threads[kept++] = n->threads[i];
		else
			thread_forget(&n->threads[i]);
	n->n_threads = kept;
	n->prune_at = kept * 2 > LEAST_THREADS ? kept * 2 : LEAST_THREADS;
}

static size_t thread_place(const struct native *n, pid_t tid)
{
	size_t low = 0, high = n->n_threads;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (n->threads[mid].tid < tid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct native_thread *thread_find(struct native *n, pid_t tid)
{
	size_t at = thread_place(n, tid);

	return at < n->n_threads && n->threads[at].tid == tid ? &n->threads[at] : NULL;
}

static struct native_thread *thread_make(struct native *n, pid_t tid)
{
	struct native_thread *t = thread_find(n, tid);
	size_t at;

	if (t)
		return t;
	if (n->n_threads >= n->prune_at)
		threads_prune(n);
	if (n->n_threads >= MAX_THREADS)
		return NULL;
	at = thread_place(n, tid);
	n->threads = mem_grow(n->threads, &n->cap_threads, n->n_threads + 1, sizeof(*n->threads));
	memmove(&n->threads[at + 1], &n->threads[at], (n->n_threads - at) * sizeof(*n->threads));
	n->n_threads++;
	n->threads[at] = (struct native_thread){.tid = tid};
	return &n->threads[at];
}

/* ---- the contract ---- */

enum sort { SLEEPS, RUNS, SLEEPS_STOP_IT, SLEEPS_TRY_IT, SLEEPS_LEAVE_IT };

/* What is to be done: nothing where it sleeps, unless it could not be unwound without all registers
 * at this very place; then it is stopped, if that may be. */
static enum sort look_at(struct native *n, struct native_thread *t)
{
	struct sleep s;
	enum sleep_interrupt may;

	t->runs = sleep_runs(n, t->tid);
	if (t->runs && t->copied_runs == t->runs &&
		clock_now_ns() - t->copied_ns < AGE_S * NS_PER_S) {
		n->held_again = true;
		return SLEEPS;
	}
	if (!sleep_read(n, t->tid, &s))
		return RUNS;
	n->held = (struct registers){.pc = s.pc};
	register_set(&n->held, REG_SP, s.sp);
	if (t->runs && !(t->asked && t->asked_sp == s.sp && t->asked_pc == s.pc))
		return SLEEPS;
	may = sleep_interrupt(&s);
	if (may == INTERRUPT_YES)
		return SLEEPS_STOP_IT;
	if (may == INTERRUPT_TRY && !t->limited)
		return SLEEPS_TRY_IT;
	return t->runs ? SLEEPS : SLEEPS_LEAVE_IT;
}

bool native_stop(struct native *n, pid_t tid)
{
	struct native_thread *t;
	bool mended = false;
	enum sort sort;

	native_tend(n);
	n->copy.tid = 0;
	n->held_again = false;
	t = thread_make(n, tid);
	if (!t || trace_is_late(n, tid)) {
		errno = EBUSY;
		return false;
	}
	if (t->hold != HOLD_NOT)
		native_go(n, tid);
	t->used = ++n->stops;
	t->signal = 0;
	sort = look_at(n, t);
	if (sort == SLEEPS) {
		t->hold = HOLD_ASLEEP;
		return true;
	}
	if (sort == SLEEPS_LEAVE_IT) { /* a kernel without schedstat */
		errno = EAGAIN;
		return false;
	}
	if (!trace_stop(n, t, &mended))
		return false;
	t->hold = HOLD_TRACED;
	/* it has a time limit, which began anew: not once more */
	t->limited |= mended && sort == SLEEPS_TRY_IT;
	return true;
}

/* From a little below the stack pointer to the end of its mapping, or what there is room for. */
static bool copy_stack(struct native *n)
{
	struct snapshot *c = &n->copy;
	uint64_t sp = c->registers.value[REG_SP];
	const struct map *map = maps_find(&n->maps, sp);
	struct iovec to, from;
	ssize_t got;

	if (sp < 4096)
		return false;
	c->low = (sp - BELOW_SP) & ~UINT64_C(7);
	c->size = UNKNOWN_STACK_BYTES;
	c->top = 0;
	if (map) {
		if (c->low < map->start)
			c->low = map->start;
		c->top = map->end;
		c->size = map->end - c->low;
		if (c->size > NATIVE_STACK_BYTES + BELOW_SP)
			c->size = NATIVE_STACK_BYTES + BELOW_SP;
	}
	n->maps_stale |= !map;
	to = (struct iovec){n->stack, c->size};
	from = (struct iovec){
		(void *)(uintptr_t)c->low, c->size}; /* NOLINT(performance-no-int-to-ptr) */
	got = process_vm_readv(n->pid, &to, 1, &from, 1, 0);
	if (got <= 0)
		return false;
	c->size = (size_t)got;
	return true;
}

bool native_copy(struct native *n, pid_t tid)
{
	struct native_thread *t = thread_find(n, tid);

	n->copy.tid = 0;
	if (!t || t->hold == HOLD_NOT) {
		errno = ESRCH;
		return false;
	}
	n->copy.asleep = t->hold == HOLD_ASLEEP;
	n->copy.again = n->copy.asleep && n->held_again;
	n->copy.registers = n->held;
	if (!n->copy.again && !copy_stack(n))
		return false;
	n->copy.tid = tid;
	return true;
}

bool native_go(struct native *n, pid_t tid)
{
	struct native_thread *t = thread_find(n, tid);
	enum thread_hold hold;

	if (!t)
		return false;
	hold = t->hold;
	t->hold = HOLD_NOT;
	if (hold == HOLD_TRACED) {
		trace_go(n, tid, t->signal);
		return true;
	}
	if (hold == HOLD_ASLEEP && sleep_runs(n, tid) == t->runs)
		return true;
	if (n->copy.tid == tid)
		n->copy.tid = 0; /* it moved while it was copied */
	return false;
}

/* Nothing is left stopped; what sleeps beyond interruption is let go of by the kernel when this
 * thread of the caller ends. */
void threads_release(struct native *n)
{
	uint64_t begin = clock_now_ns();

	for (size_t i = 0; i < n->n_threads; i++) {
		if (n->threads[i].hold != HOLD_NOT)
			native_go(n, n->threads[i].tid);
		thread_forget(&n->threads[i]);
	}
	for (native_tend(n); n->n_late && clock_now_ns() - begin < 100 * NS_PER_MS; native_tend(n))
		clock_sleep_ns(NS_PER_MS);
	free(n->threads);
	free(n->late);
}

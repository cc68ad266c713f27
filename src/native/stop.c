/*
 * Stopping a thread for as long as it takes to copy it.
 *
 * A thread that sleeps in the kernel is not stopped at all: /proc/PID/task/TID/syscall tells its
 * counter and stack pointer, and if it got no core from before to after the copy (the third number
 * of schedstat) it stood still by itself. That is cheaper, and an interrupt would be seen:
 * epoll_wait and some others return EINTR for it (signal(7)).
 *
 * A thread that runs is seized, interrupted, copied and let go of: in between looks nobody traces
 * it, so signals, exec, fork, exit and debuggers have nothing to wait for. When it had entered one
 * of those calls just before the interrupt, its EINTR is turned into the kernel's own "again": the
 * call begins anew, some microseconds late.
 */
#include <asm/unistd.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "native/native_internal.h"
#include "proc/tree.h"

enum {
	PATIENCE_NS = 10 * 1000 * 1000, /* for a thread to stop */
	SPIN_NS = 200 * 1000,           /* of it without sleeping */
	UNKNOWN_STACK_BYTES = 64 * 1024,
	LEAST_THREADS = 256,
	AGE_S = 2 /* in this time no number of a thread comes around */
};

#ifndef ERESTARTNOHAND
#define ERESTARTNOHAND 514 /* the kernel's own, never seen by a program */
#endif

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

/* ---- what /proc says of a thread ---- */

/* A number in decimal digits; moves *p behind it and one blank. */
static uint64_t take_number(const char **p)
{
	uint64_t value = 0;

	while (**p >= '0' && **p <= '9')
		value = value * 10 + (uint64_t)(*(*p)++ - '0');
	if (**p == ' ')
		++*p;
	return value;
}

static bool read_of_thread(struct native *n, pid_t tid, const char *name, char *into, size_t size)
{
	char path[48];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%d/%s", (int)tid, name);
	fd = openat(n->task_folder, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, into, size - 1);
	close(fd);
	if (got <= 0)
		return false;
	into[got] = '\0';
	return true;
}

/* How often it got a core: the third number of schedstat, plus one. 0: the kernel does not tell. */
static uint64_t read_runs(struct native *n, pid_t tid)
{
	char text[96];
	const char *p = text;

	if (!read_of_thread(n, tid, "schedstat", text, sizeof(text)))
		return 0;
	take_number(&p);
	take_number(&p);
	return take_number(&p) + 1;
}

struct sleep {
	long call; /* −1: it waits outside of a system call (a page, a stop) */
	uint64_t sp, pc;
};

/* "7 0x… (six arguments) 0xSP 0xPC", "-1 0xSP 0xPC", or "running". */
static bool read_sleep(struct native *n, pid_t tid, struct sleep *out)
{
	char text[256], *end;
	const char *last[2] = {NULL, NULL};

	if (!read_of_thread(n, tid, "syscall", text, sizeof(text)) || text[0] == 'r')
		return false;
	for (const char *p = text; (p = strstr(p, " 0x")); p++) {
		last[0] = last[1];
		last[1] = p + 1;
	}
	if (!last[0])
		return false;
	out->call = strtol(text, &end, 10);
	out->sp = strtoull(last[0], &end, 16);
	out->pc = strtoull(last[1], &end, 16);
	return out->sp && out->pc;
}

/* Calls that go on as if nothing had been when they are interrupted without a signal handler; those
 * that sleep for a time have it counted on by the kernel (restart_syscall). */
static bool goes_on(long call)
{
	switch (call) {
	case -1:
	case __NR_futex:
	case __NR_clock_nanosleep:
	case __NR_nanosleep:
	case __NR_wait4:
	case __NR_waitid:
	case __NR_rt_sigsuspend:
#ifdef __NR_poll
	case __NR_poll:
	case __NR_pause:
#endif
		return true;
	default: return false;
	}
}

/* ---- ptrace ---- */

#if defined(__x86_64__)

typedef struct user_regs_struct raw_registers;

static void take_registers(const raw_registers *raw, struct registers *r)
{
	const unsigned long long by_dwarf[] = {raw->rax, raw->rdx, raw->rcx, raw->rbx, raw->rsi,
		raw->rdi, raw->rbp, raw->rsp, raw->r8, raw->r9, raw->r10, raw->r11, raw->r12,
		raw->r13, raw->r14, raw->r15};

	*r = (struct registers){.pc = raw->rip};
	for (unsigned i = 0; i < 16; i++)
		register_set(r, i, by_dwarf[i]);
}

static bool breaks_off(unsigned long long call)
{
	switch (call) {
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
	case __NR_epoll_pwait2:
	case __NR_rt_sigtimedwait:
	case __NR_semop:
	case __NR_semtimedop:
	case __NR_msgrcv:
	case __NR_msgsnd:
	case __NR_io_getevents:
	case __NR_io_pgetevents:
	case __NR_io_uring_enter:
	case __NR_read: /* sockets with SO_RCVTIMEO, SO_SNDTIMEO */
	case __NR_readv:
	case __NR_write:
	case __NR_writev:
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_sendto:
	case __NR_sendmsg:
	case __NR_accept:
	case __NR_accept4: return true;
	default: return false;
	}
}

/* It ran a moment ago, so a call that ends with EINTR here began a moment ago, and was broken off
 * by this stop or by a signal. "Again, unless a handler runs" is right for both. */
static void mend_interrupted(pid_t tid, const raw_registers *raw)
{
	if ((long long)raw->orig_rax >= 0 && (long long)raw->rax == -EINTR &&
		breaks_off(raw->orig_rax))
		ptrace(PTRACE_POKEUSER, tid, (void *)offsetof(struct user_regs_struct, rax),
			(void *)-ERESTARTNOHAND);
}

#else

typedef struct user_pt_regs raw_registers;

static void take_registers(const raw_registers *raw, struct registers *r)
{
	*r = (struct registers){.pc = raw->pc};
	for (unsigned i = 0; i < 31; i++)
		register_set(r, i, raw->regs[i]);
	register_set(r, REG_SP, raw->sp);
}

/* The kernel decides about a call before it stops here: too late to mend. */
static void mend_interrupted(pid_t tid, const raw_registers *raw)
{
	(void)tid, (void)raw;
}

#endif

/* Is it in a ptrace stop; and the signal that it is about to take, or 0. No wait: whoever else
 * waits for children in this process could take the event away. */
static bool is_stopped(pid_t tid, int *signal)
{
	siginfo_t info;

	if (ptrace(PTRACE_GETSIGINFO, tid, NULL, &info))
		return false;
	*signal = info.si_code >> 8 == PTRACE_EVENT_STOP ? 0 : info.si_signo;
	return true;
}

/* It ended while it was traced: its parent hears of it only after this. True when that is done. A
 * child of this very process is its owner's to wait for. */
static bool is_over(struct native *n, pid_t tid)
{
	siginfo_t info = {0};
	struct process p;

	if (waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL))
		return errno == ECHILD;
	if (!info.si_pid)
		return false;
	if (tid == n->pid && process_read(tid, &p) && p.parent == getpid())
		return true;
	waitpid(tid, NULL, WNOHANG | __WALL);
	return true;
}

static void leave_for_later(struct native *n, pid_t tid)
{
	n->late = mem_grow(n->late, &n->cap_late, n->n_late + 1, sizeof(*n->late));
	n->late[n->n_late++] = tid;
}

static void let_go(struct native *n, pid_t tid, int signal)
{
	if (ptrace(PTRACE_DETACH, tid, NULL, (void *)(intptr_t)signal) && !is_over(n, tid))
		leave_for_later(n, tid);
}

void native_tend(struct native *n)
{
	size_t kept = 0, count = n->n_late;

	for (size_t i = 0; i < count; i++) {
		pid_t tid = n->late[i];
		int signal;

		if (is_stopped(tid, &signal) &&
			!ptrace(PTRACE_DETACH, tid, NULL, (void *)(intptr_t)signal))
			continue;
		if (!is_over(n, tid))
			n->late[kept++] = tid;
	}
	n->n_late = kept;
}

static bool is_late(const struct native *n, pid_t tid)
{
	for (size_t i = 0; i < n->n_late; i++)
		if (n->late[i] == tid)
			return true;
	return false;
}

/* Yields at first, for it may need this very core; then sleeps, for it may take long. */
static bool wait_for_stop(struct native *n, pid_t tid, int *signal)
{
	uint64_t begin = clock_now_ns();

	for (;;) {
		uint64_t waited;

		if (is_stopped(tid, signal))
			return true;
		waited = clock_now_ns() - begin;
		if (waited < SPIN_NS) {
			sched_yield();
			continue;
		}
		if (is_over(n, tid)) {
			errno = ESRCH;
			return false;
		}
		if (waited > PATIENCE_NS) {
			leave_for_later(n, tid);
			errno = ETIMEDOUT;
			return false;
		}
		clock_sleep_ns(50 * NS_PER_US);
	}
}

static bool trace(struct native *n, struct native_thread *t, bool ran)
{
	raw_registers raw;
	struct iovec to = {&raw, sizeof(raw)};
	int why;

	if (ptrace(PTRACE_SEIZE, t->tid, NULL, NULL))
		return false;
	if (ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL)) {
		why = errno;
		if (!is_over(n, t->tid))
			leave_for_later(n, t->tid);
		errno = why;
		return false;
	}
	if (!wait_for_stop(n, t->tid, &t->signal))
		return false;
	if (ptrace(PTRACE_GETREGSET, t->tid, (void *)NT_PRSTATUS, &to) ||
		to.iov_len != sizeof(raw)) {
		let_go(n, t->tid, t->signal);
		errno = ESRCH;
		return false;
	}
	if (ran)
		mend_interrupted(t->tid, &raw);
	take_registers(&raw, &n->held);
	t->hold = HOLD_TRACED;
	return true;
}

/* ---- the contract ---- */

/* What is known without stopping it: that it sleeps. */
static bool hold_asleep(struct native *n, struct native_thread *t, bool *ran)
{
	struct sleep s;

	t->runs = read_runs(n, t->tid);
	if (!t->runs)
		return false; /* not proven to stand still */
	if (t->copied_runs == t->runs && clock_now_ns() - t->copied_ns < AGE_S * NS_PER_S) {
		n->held_again = true;
		return true;
	}
	if (!read_sleep(n, t->tid, &s)) {
		*ran = true;
		return false;
	}
	if (t->registers_asked && t->asked_sp == s.sp && t->asked_pc == s.pc && goes_on(s.call))
		return false;
	n->held = (struct registers){.pc = s.pc};
	register_set(&n->held, REG_SP, s.sp);
	return true;
}

bool native_stop(struct native *n, pid_t tid)
{
	struct native_thread *t;
	bool ran = false;

	native_tend(n);
	n->copy.tid = 0;
	n->held_again = false;
	t = thread_make(n, tid);
	if (!t || is_late(n, tid)) {
		errno = EBUSY;
		return false;
	}
	if (t->hold != HOLD_NOT)
		native_go(n, tid);
	t->used = ++n->stops;
	t->signal = 0;
	if (hold_asleep(n, t, &ran)) {
		t->hold = HOLD_ASLEEP;
		return true;
	}
	return trace(n, t, ran);
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
		let_go(n, tid, t->signal);
		return true;
	}
	if (hold == HOLD_ASLEEP && read_runs(n, tid) == t->runs)
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
	for (native_tend(n); n->n_late && clock_now_ns() - begin < 10 * PATIENCE_NS; native_tend(n))
		clock_sleep_ns(NS_PER_MS);
	free(n->threads);
	free(n->late);
}

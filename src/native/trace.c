/*
 * Threads that run: seized, interrupted, and let go of again. In between looks nobody traces them,
 * so signals, exec, fork, exit and debuggers have nothing to wait for. When a thread had entered a
 * call that an interrupt breaks off (epoll_wait and others, signal(7)) just before, its EINTR is
 * turned into the kernel's own "again": the call begins anew, some microseconds late.
 */
#include <asm/unistd.h>
#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "native/native_internal.h"
#include "proc/tree.h"

/* A thread that wants a core and gets none stops only when it has one. It is waited for, for once
 * interrupted it stops all the same, and would then stand still until somebody looks. */
enum {
	SPIN_NS = 200 * 1000, /* without sleeping */
	SOON_NS = 10 * 1000 * 1000,
	PATIENCE_NS = 100 * 1000 * 1000
};

#ifndef ERESTARTNOHAND
#define ERESTARTNOHAND 514 /* the kernel's own, never seen by a program */
#endif

/* ---- registers ---- */

typedef struct user_regs_struct raw_registers;

#if defined(__x86_64__)

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

/* It ran a moment ago, or waits without end: so a call that ends with EINTR here, broken off by
 * this stop or by a signal, is the same when it begins anew. "Again, unless a handler runs" is
 * right for both. True: it was so. */
static bool mend_interrupted(pid_t tid, const raw_registers *raw)
{
	if ((long long)raw->orig_rax < 0 || (long long)raw->rax != -EINTR ||
		!breaks_off(raw->orig_rax))
		return false;
	ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rax), -(long)ERESTARTNOHAND);
	return true;
}

#else

static void take_registers(const raw_registers *raw, struct registers *r)
{
	*r = (struct registers){.pc = raw->pc};
	for (unsigned i = 0; i < 31; i++)
		register_set(r, i, raw->regs[i]);
	register_set(r, REG_SP, raw->sp);
}

/* The kernel decides about a call before it stops here: too late to mend. */
static bool mend_interrupted(pid_t tid, const raw_registers *raw)
{
	(void)tid, (void)raw;
	return false;
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
	/* stops are told of too, whatever is asked for */
	if (info.si_code != CLD_EXITED && info.si_code != CLD_KILLED && info.si_code != CLD_DUMPED)
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

void trace_go(struct native *n, pid_t tid, int signal)
{
	if (ptrace(PTRACE_DETACH, tid, NULL, (long)signal) && !is_over(n, tid))
		leave_for_later(n, tid);
}

void native_tend(struct native *n)
{
	size_t kept = 0, count = n->n_late;

	for (size_t i = 0; i < count; i++) {
		pid_t tid = n->late[i];
		int signal;

		if (is_stopped(tid, &signal) && !ptrace(PTRACE_DETACH, tid, NULL, (long)signal))
			continue;
		if (!is_over(n, tid))
			n->late[kept++] = tid;
	}
	n->n_late = kept;
}

bool trace_is_late(const struct native *n, pid_t tid)
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
		clock_sleep_ns((waited < SOON_NS ? 50 : 250) * NS_PER_US);
	}
}

bool trace_stop(struct native *n, struct native_thread *t, bool *mended)
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
		trace_go(n, t->tid, t->signal);
		errno = ESRCH;
		return false;
	}
	*mended = mend_interrupted(t->tid, &raw);
	take_registers(&raw, &n->held);
	return true;
}

/*
 * Stacks of machine code, of another process: a thread is stopped for as long as it takes to copy
 * its registers and the top of its stack (some tens of microseconds; PTRACE_SEIZE and
 * PTRACE_INTERRUPT, so no signal is seen by it), and unwound afterwards from the copy, by call
 * frame information (elfutils). A thread that sleeps is not stopped at all, only copied, and it is
 * seen whether it stayed asleep. A thread stopped by somebody else, or gone, is no stack.
 *
 * Costs, measured on a KVM guest of 2 cores with Linux 6.18: from native_stop() to native_go() 50
 * µs (p99 80) for a thread that runs, of which it loses 20; 13 to 16 µs for one that sleeps, which
 * loses nothing; stop, 29 frames and their names together 55 to 60 µs of CPU time, once they were
 * seen before. The first look at a process with debug information costs some 45 ms. On a machine
 * whose cores are all taken a thread stops when it gets its turn, so native_stop() waits up to 100
 * ms.
 *
 * What is not there: callers beyond a signal handler on a stack of its own; the innermost caller of
 * a JIT's function that has just begun, when that has frame pointers only; with code compiled for
 * frame pointers (Ubuntu 24.04, Fedora), where a sleeping thread has to be stopped for its
 * registers, callers of calls that would notice (epoll_wait with a time limit): those are *cut.
 *
 * ptrace belongs to a thread: all calls with one `struct native` come from one thread. Those of one
 * thread share what they know of files. Whoever
 * waits for children in the same process may see one of these stops there: WIFSTOPPED is no end.
 */
#ifndef CULPRIT_NATIVE_NATIVE_H
#define CULPRIT_NATIVE_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum { NATIVE_STACK_BYTES = 256 * 1024, NATIVE_MAX_FRAMES = 512 };

struct native;

int native_attach(struct native **out, pid_t pid, struct err *err);
void native_detach(struct native *n); /* lets go of every thread; NULL is allowed */

/* Stops a thread, unless it sleeps. False: it is gone, or cannot be stopped (errno; EPERM: by
 * another tracer too). It is traced only until native_go(): in between nothing of it is changed. */
bool native_stop(struct native *n, pid_t tid);
/* While it is stopped: copies registers and stack, the newest snapshot of `n`. */
bool native_copy(struct native *n, pid_t tid);
/* Lets it run on, with the signal that came meanwhile, if one did. False: it slept and woke in
 * between, so what was read of it since native_stop() is to be thrown away (native_unwind() then
 * gives nothing). */
bool native_go(struct native *n, pid_t tid);
/* Looks after threads that could not be stopped in time, or ended while stopped: call it at least
 * every some 10 ms, also when no thread is stopped (native_stop() does it as well). */
void native_tend(struct native *n);

/* Unwinds the newest copy: program counters, innermost first (of callers: the call itself, not the
 * return address). Returns how many; *cut says that the stack went on. Libraries that were loaded
 * since are looked for when a counter lies in none. */
size_t native_unwind(struct native *n, uint64_t *pcs, size_t max, bool *cut);

struct native_symbol {
	const char *function; /* as the linker knows it, without version, C++ and Rust in plain
				 words (demangle.h); "0x7f12… " where it does not */
	const char *module;   /* file name of the executable, library or JIT map */
	const char *file;     /* source, where debug information is at hand; else "" */
	int line;
	bool interpreter; /* CPython's evaluation loop: a Python frame stands here. Not known
		where even its .dynsym is stripped */
};
/* Kept by `n`, the same for the same counter: from the symbol table, debug information, or
 * /tmp/perf-PID.map (in the process's own mount namespace) for what a JIT made. */
const struct native_symbol *native_symbol(struct native *n, uint64_t pc);

/* Forgets what is mapped: after an exec. */
int native_refresh(struct native *n, struct err *err);

#endif

/*
 * Threads that sleep in the kernel: /proc/PID/task/TID/syscall tells the counter and the stack
 * pointer, schedstat how often the thread got a core. If it got none from before to after a copy,
 * it stood still by itself.
 */
#include <asm/unistd.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "native/native_internal.h"

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
uint64_t sleep_runs(struct native *n, pid_t tid)
{
	char text[96];
	const char *p = text;

	if (!read_of_thread(n, tid, "schedstat", text, sizeof(text)))
		return 0;
	take_number(&p);
	take_number(&p);
	return take_number(&p) + 1;
}

/* "7 0x… (six arguments) 0xSP 0xPC", "-1 0xSP 0xPC", or "running". */
bool sleep_read(struct native *n, pid_t tid, struct sleep *out)
{
	char text[256], *p;
	uint64_t values[8];
	size_t count = 0;

	if (!read_of_thread(n, tid, "syscall", text, sizeof(text)) || text[0] == 'r')
		return false;
	out->call = strtol(text, &p, 10);
	while (count < 8 && str_starts(p, " 0x"))
		values[count++] = strtoull(p + 1, &p, 16);
	if (count != (out->call < 0 ? 2 : 8))
		return false;
	memcpy(out->arguments, values, (count - 2) * sizeof(values[0]));
	out->sp = values[count - 2];
	out->pc = values[count - 1];
	return out->sp && out->pc;
}

/* Most calls go on by themselves when no handler runs. Some end with EINTR, and are made to begin
 * anew (trace.c), which is the same only where they wait without end. */
enum sleep_interrupt sleep_interrupt(const struct sleep *s)
{
	bool endless = false;

	switch (s->call) {
#ifdef __NR_epoll_wait
	case __NR_epoll_wait:
#endif
	case __NR_epoll_pwait: endless = (int)s->arguments[3] == -1; break;
	case __NR_epoll_pwait2:
	case __NR_semtimedop: endless = !s->arguments[3]; break;
	case __NR_rt_sigtimedwait: endless = !s->arguments[2]; break;
	case __NR_io_getevents:
	case __NR_io_pgetevents: endless = !s->arguments[4]; break;
	case __NR_semop:
	case __NR_msgrcv:
	case __NR_msgsnd: endless = true; break;
	case __NR_read:
	case __NR_readv:
	case __NR_write:
	case __NR_writev:
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_sendto:
	case __NR_sendmsg:
	case __NR_accept:
	case __NR_accept4: return TRACE_MENDS ? INTERRUPT_TRY : INTERRUPT_NO;
	case -1:
	case __NR_futex:
	case __NR_clock_nanosleep:
	case __NR_nanosleep:
	case __NR_wait4:
	case __NR_waitid:
	case __NR_ppoll:
	case __NR_pselect6:
	case __NR_rt_sigsuspend:
	case __NR_restart_syscall: /* one of these, gone on */
#ifdef __NR_poll
	case __NR_poll:
	case __NR_select:
	case __NR_pause:
#endif
		return INTERRUPT_YES;
	default: return INTERRUPT_NO;
	}
	return endless && TRACE_MENDS ? INTERRUPT_YES : INTERRUPT_NO;
}

#include "proc/serving.h"

#include <dirent.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

enum { MAX_FDS = 64, MAX_POLLED = 4096 };

struct fd_set_of {
	int fds[MAX_FDS];
	size_t n;
};

/* Descriptors of one process. */
struct view {
	pid_t pid;
	const struct port_sockets *sockets;
	struct fd_set_of listeners, epolls; /* the epolls that wait for a listener */
};

static void add(struct fd_set_of *set, int fd)
{
	if (set->n < MAX_FDS)
		set->fds[set->n++] = fd;
}

static bool has(const struct fd_set_of *set, uint64_t fd)
{
	bool found = false;

	for (size_t i = 0; i < set->n; i++)
		found |= (uint64_t)set->fds[i] == fd;
	return found;
}

/* A line of an epoll's fdinfo: "tfd:  5 events:  19 data: …  pos:0 ino:1d0678 sdev:9", in
 * hexadecimal but for the descriptor. Kernels before 4.13 do not tell the inode. */
static bool is_listener_line(const struct view *v, const char *line)
{
	const char *events = strstr(line, "events:"), *inode = strstr(line, "ino:");

	if (!str_starts(line, "tfd:") || !events || !(strtoul(events + 7, NULL, 16) & EPOLLIN))
		return false;
	if (inode)
		return port_has(v->sockets, strtoull(inode + 4, NULL, 16));
	return has(&v->listeners, strtoull(line + 4, NULL, 10));
}

static bool epoll_has_listener(const struct view *v, int fd)
{
	char path[64], *line = NULL;
	bool found = false;
	size_t cap = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)v->pid, fd);
	file = fopen(path, "re");
	while (file && !found && getline(&line, &cap, file) > 0)
		found = is_listener_line(v, line);
	free(line);
	if (file)
		fclose(file);
	return found;
}

static void read_descriptors(struct view *v)
{
	struct fd_set_of epolls = {.n = 0};
	char path[320], target[64];
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)v->pid);
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		int fd = (int)strtol(entry->d_name, NULL, 10);
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)v->pid, entry->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (!strcmp(target, "anon_inode:[eventpoll]"))
			add(&epolls, fd);
		else if (port_has(v->sockets, port_inode(target)))
			add(&v->listeners, fd);
	}
	if (folder)
		closedir(folder);
	for (size_t i = 0; i < epolls.n && v->listeners.n; i++)
		if (epoll_has_listener(v, epolls.fds[i]))
			add(&v->epolls, epolls.fds[i]);
}

/* ---- the call that a thread is in ---- */

static bool read_memory(pid_t pid, uint64_t address, void *out, size_t len)
{
	struct iovec local = {out, len};
	struct iovec remote = {
		(void *)(uintptr_t)address, len}; /* NOLINT(performance-no-int-to-ptr) */

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

static bool polls_listener(const struct view *v, uint64_t address, uint64_t n)
{
	struct pollfd some[64];

	for (uint64_t at = 0; at < n && at < MAX_POLLED;) {
		uint64_t len = n - at < 64 ? n - at : 64;

		if (!read_memory(v->pid, address + at * sizeof(*some), some, len * sizeof(*some)))
			return true; /* cannot be seen: believed */
		for (uint64_t i = 0; i < len; i++)
			if (some[i].fd >= 0 && (some[i].events & POLLIN) &&
				has(&v->listeners, (uint64_t)some[i].fd))
				return true;
		at += len;
	}
	return false;
}

static bool selects_listener(const struct view *v, uint64_t n, uint64_t address)
{
	enum { BITS = 8 * sizeof(unsigned long) };
	unsigned long set[1024 / BITS] = {0};
	uint64_t words = (n + BITS - 1) / BITS;

	if (!n || !address || words > sizeof(set) / sizeof(set[0]))
		return false;
	if (!read_memory(v->pid, address, set, words * sizeof(*set)))
		return true;
	for (size_t i = 0; i < v->listeners.n; i++) {
		unsigned fd = (unsigned)v->listeners.fds[i];

		if (fd < n && (set[fd / BITS] >> (fd % BITS) & 1))
			return true;
	}
	return false;
}

/* Descriptors and counts are ints: the upper half of a register means nothing. */
static bool is_waiting_call(const struct view *v, long number, const uint64_t arg[2])
{
	switch (number) {
#ifdef SYS_accept
	case SYS_accept:
#endif
	case SYS_accept4: return has(&v->listeners, (uint32_t)arg[0]);
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
#endif
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2:
#endif
	case SYS_epoll_pwait: return has(&v->epolls, (uint32_t)arg[0]);
#ifdef SYS_poll
	case SYS_poll:
#endif
	case SYS_ppoll: return polls_listener(v, arg[0], (uint32_t)arg[1]);
#ifdef SYS_select
	case SYS_select:
#endif
	case SYS_pselect6: return selects_listener(v, (uint32_t)arg[0], arg[1]);
	default: return false;
	}
}

static bool read_task(pid_t pid, pid_t tid, const char *name, char out[SERVING_CALL])
{
	char path[80];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
	return file_read_small(path, out, SERVING_CALL) > 0;
}

static bool read_call(pid_t pid, pid_t tid, char out[SERVING_CALL])
{
	return read_task(pid, tid, "syscall", out) || read_task(pid, tid, "wchan", out);
}

bool serving_read_call(pid_t pid, char out[SERVING_CALL])
{
	return read_call(pid, pid, out);
}

/* Only the name of the kernel's function is to be had. */
static bool seems_to_wait(const struct view *v, const char *where)
{
	if (str_starts(where, "inet_csk_accept"))
		return true;
	if (str_starts(where, "ep_poll") || str_starts(where, "do_epoll_wait"))
		return v->epolls.n > 0;
	return str_starts(where, "poll_schedule_timeout") || str_starts(where, "do_select") ||
	       str_starts(where, "do_poll") || str_starts(where, "do_sys_poll");
}

static bool thread_waits(const struct view *v, pid_t tid)
{
	char text[SERVING_CALL], *p;
	uint64_t arg[2];
	long number;

	if (!read_call(v->pid, tid, text))
		return false;
	/* the number and six arguments, "232 0x7 0x275a4cd0 …"; −1: in the kernel for no call */
	number = strtol(text, &p, 10);
	if (p == text)
		return seems_to_wait(v, text);
	for (int i = 0; i < 2; i++)
		arg[i] = strtoull(p, &p, 16);
	return is_waiting_call(v, number, arg);
}

struct serving serving_look(pid_t pid, const struct port_sockets *listeners)
{
	struct view v = {.pid = pid, .sockets = listeners};
	struct serving s = {0};
	char path[40];
	struct dirent *entry;
	DIR *folder;

	read_descriptors(&v);
	s.holds = v.listeners.n > 0;
	if (!s.holds)
		return s;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	folder = opendir(path);
	while (folder && !s.waits && (entry = readdir(folder)))
		s.waits = entry->d_name[0] != '.' &&
			  thread_waits(&v, (pid_t)strtol(entry->d_name, NULL, 10));
	if (folder)
		closedir(folder);
	return s;
}

/*
 * Does a process serve: does it wait for connections on a listening socket that it holds? A worker
 * that exists, or has the socket open, may still be reading its program; one that serves has a
 * thread in accept() on the socket, or in poll(), select() or epoll_wait() on a set with it in.
 *
 * The call of each thread and its arguments are in /proc/PID/task/TID/syscall, what an epoll set
 * holds in /proc/PID/fdinfo, the sets of poll() and select() in the process's own memory. Where the
 * kernel forbids the first and the last (they need the right to trace; Yama grants it below one's
 * own process), /proc/PID/wchan tells in which of the calls the thread is, and a poll() or select()
 * is believed to be on the socket.
 */
#ifndef CULPRIT_PROC_SERVING_H
#define CULPRIT_PROC_SERVING_H

#include <stdbool.h>
#include <sys/types.h>

#include "proc/port.h"

struct serving {
	bool holds; /* has one of the sockets open */
	bool waits; /* for connections, at this moment */
};

struct serving serving_look(pid_t pid, const struct port_sockets *listeners);

/* What the first thread of a process is in: "232 0x7 …", number and arguments of a system call; or
 * where that may not be read the name of a function of the kernel; "running" where it runs. False
 * where neither is to be had. */
enum { SERVING_CALL = 256 };
bool serving_read_call(pid_t pid, char out[SERVING_CALL]);

#endif

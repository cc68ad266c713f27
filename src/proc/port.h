/* Who listens on a TCP port of this machine (/proc/net/tcp, tcp6 and the descriptors in /proc). */
#ifndef CULPRIT_PROC_PORT_H
#define CULPRIT_PROC_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/sock.h"

/* Listening sockets that an address leads to, by inode. */
struct port_sockets {
	uint64_t inodes[64];
	size_t n;
};

/* Is it an address of this machine? */
bool port_is_local(const struct sock_address *address);

void port_listeners(const struct sock_address *address, struct port_sockets *out);

/* Listening TCP sockets that a process holds, on any of its addresses; port 0: on any port. */
void port_listeners_of(pid_t pid, unsigned port, struct port_sockets *out);

bool port_has(const struct port_sockets *sockets, uint64_t inode);

/* The inode in "socket:[123]", as the links in /proc/PID/fd read; 0 where it is something else. */
uint64_t port_inode(const char *link);

/*
 * A process that holds one of the sockets: of the tree at or below `root`, or of any where root is
 * 0. 0 where none was found; *hidden then says that descriptors of some process could not be read.
 */
pid_t port_holder(const struct port_sockets *sockets, pid_t root, bool *hidden);

#endif

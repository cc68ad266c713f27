/*
 * Sockets: names and paths to addresses, listening, connecting without waiting. Everything opened
 * here is non-blocking, close-on-exec and, where it is TCP, without Nagle's delay.
 */
#ifndef CULPRIT_NET_SOCK_H
#define CULPRIT_NET_SOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

struct sock_address {
	struct sockaddr_storage storage;
	socklen_t len;
};

enum { SOCK_TEXT = 128 }; /* room for "unix:" and the longest path of a socket */

/* The addresses of a name, in the order that the system prefers; at least one, at most max. Blocks.
 * ERR_SERVICE where the name does not resolve. */
int sock_resolve(const char *host, const char *port, struct sock_address *out, size_t max,
	size_t *n, struct err *err);

/* The address of a Unix socket: a path, or "@name" in Linux's abstract namespace. ERR_USAGE where
 * it is empty or too long. Whether anybody listens there is not looked at. */
int sock_unix(const char *path, struct sock_address *out, struct err *err);

/* The address that connections are to come from: an IP address as it is written, without a name or
 * a port (an IPv6 address may stand in brackets). ERR_USAGE where it is none. */
int sock_parse_source(const char *text, struct sock_address *out, struct err *err);

/* Whether connections can come from there. ERR_SYSTEM where the machine does not have the address;
 * `text` names it. */
int sock_check_source(const char *text, const struct sock_address *from, struct err *err);

/*
 * The first of the addresses that takes a connection within timeout_ns, tried in turn (the
 * connection is closed at once); index 0 where none does. With a single address nothing is tried.
 * So "localhost" works when the service listens on one of 127.0.0.1 and ::1.
 */
size_t sock_pick(const struct sock_address *addresses, size_t n, uint64_t timeout_ns);

/* Starts a connection; the descriptor, or −errno. It is connected, or failed, when it is writable:
 * sock_error() tells. */
int sock_connect(const struct sock_address *to);

/* The same from one of the machine's own addresses; `from` may be NULL. The port is chosen at
 * connecting, so that a source address serves as many connections to each destination as there are
 * ports. −EADDRNOTAVAIL where it is no address of this machine or its ports are used up,
 * −EAFNOSUPPORT where the two are not of one family. A Unix socket whose listener has a full queue
 * is −EAGAIN at once, where TCP would wait. */
int sock_connect_from(const struct sock_address *to, const struct sock_address *from);

int sock_error(int fd); /* SO_ERROR: an errno or 0 */

/* "host:port", "[v6]:port" or ":port" (every address); port 0: any free one. The descriptor, or a
 * negative code: ERR_USAGE for the text, ERR_BUSY where the port is taken, ERR_SYSTEM else. */
int sock_listen(const char *bind_to, int backlog, struct err *err);

/* "127.0.0.1:5001", "[::1]:5001", "unix:/run/x", "unix:@x": what a listening socket is bound to;
 * what an address is. */
char *sock_local_text(int fd, char out[SOCK_TEXT]);
char *sock_text(const struct sock_address *address, char out[SOCK_TEXT]);

/* Makes room for `need` more descriptors than are open now, raising RLIMIT_NOFILE where it must.
 * ERR_SYSTEM says how many there can be. `what` needs them, in the message: "1,000 connections". */
int sock_make_room(size_t need, const char *what, struct err *err);

#endif

/*
 * Sockets: names to addresses, listening, connecting without waiting. TCP only in this cut.
 * Everything opened here is non-blocking, close-on-exec and without Nagle's delay.
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

enum { SOCK_TEXT = 72 };

/* The addresses of a name, in the order that the system prefers; at least one, at most max. Blocks.
 * ERR_SERVICE where the name does not resolve. */
int sock_resolve(const char *host, const char *port, struct sock_address *out, size_t max,
	size_t *n, struct err *err);

/*
 * The first of the addresses that takes a connection within timeout_ns, tried in turn (the
 * connection is closed at once); index 0 where none does. With a single address nothing is tried.
 * So "localhost" works when the service listens on one of 127.0.0.1 and ::1.
 */
size_t sock_pick(const struct sock_address *addresses, size_t n, uint64_t timeout_ns);

/* Starts a connection; the descriptor, or −errno. It is connected, or failed, when it is writable:
 * sock_error() tells. */
int sock_connect(const struct sock_address *to);
int sock_error(int fd); /* SO_ERROR: an errno or 0 */

/* "host:port", "[v6]:port" or ":port" (every address); port 0: any free one. The descriptor, or a
 * negative code: ERR_USAGE for the text, ERR_BUSY where the port is taken, ERR_SYSTEM else. */
int sock_listen(const char *bind_to, int backlog, struct err *err);

/* "127.0.0.1:5001", "[::1]:5001": what a listening socket is bound to; what an address is. */
char *sock_local_text(int fd, char out[SOCK_TEXT]);
char *sock_text(const struct sock_address *address, char out[SOCK_TEXT]);

/* Makes room for `need` more descriptors than are open now, raising RLIMIT_NOFILE where it must.
 * ERR_SYSTEM says how many there can be. `what` needs them, in the message: "1,000 connections". */
int sock_make_room(size_t need, const char *what, struct err *err);

#endif

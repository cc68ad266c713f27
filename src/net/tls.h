/*
 * TLS of a client, over OpenSSL: on a non-blocking socket that somebody else holds and watches.
 * Verification is on unless it is told off; the server's name is sent (SNI) and verified.
 */
#ifndef CULPRIT_NET_TLS_H
#define CULPRIT_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct tls_options {
	bool insecure;
	const char *ca_file;              /* instead of the system's; or NULL */
	const char *cert_file, *key_file; /* the client's own; or NULL (key in the same file) */
	const char *const *alpn;          /* protocols to offer, ends with NULL; or NULL */
	bool resume;                      /* keep sessions: see tls_use_session() */
};

struct tls_config;  /* shared by all threads, read-only after it is made */
struct tls;         /* one connection */
struct tls_session; /* to resume; one thread's */

/* ERR_USAGE names the file that cannot be used, and why. */
struct tls_config *tls_config_new(const struct tls_options *o, struct err *err);
void tls_config_free(struct tls_config *c);

/* name: for SNI and verification (an address is verified as such, and not sent). Neither the
 * configuration nor the descriptor may go before the connection. */
struct tls *tls_new(struct tls_config *c, int fd, const char *name);
/* Does not close fd; sends close_notify where it can without waiting. NULL is nothing. */
void tls_free(struct tls *t);

/* What read, write and handshake return besides a count: */
enum { TLS_DONE = 0, TLS_AGAIN = -1, TLS_FAILED = -2, TLS_END = -3, TLS_RESET = -4 };

/* TLS_DONE when it stands, TLS_AGAIN when the socket must become readable or writable first (see
 * tls_wants_write()), else TLS_FAILED (tls_why() says why), TLS_RESET (any error of the socket), or
 * TLS_END where the peer just went. */
int tls_handshake(struct tls *t);

/* Bytes read (> 0), TLS_END at the end (with or without close_notify: HTTP's framing tells whether
 * something is missing), TLS_AGAIN, TLS_RESET, TLS_FAILED. */
ssize_t tls_read(struct tls *t, void *p, size_t n);

/* After a read: may another one give something before the socket has news? It reads ahead, so there
 * may be answers that no poll or epoll tells of; false where all is read and the socket was empty,
 * which saves the recv() that only says so. (An end that was already told, as by EPOLLRDHUP, has to
 * be read all the same.) */
bool tls_pending(const struct tls *t);

/* The socket was told to be readable: what an earlier read saw of it does not hold any more. For
 * edge-triggered loops, at each event. */
void tls_readable(struct tls *t);

/* Bytes taken, or as above. As with send(), fewer than n mean that the socket took no more: an edge
 * for writing will come. What was not taken must be given again then, for some of it may be on its
 * way, encrypted: the same bytes, which may have moved, and more may follow them. */
ssize_t tls_write(struct tls *t, const void *p, size_t n);

/* After TLS_AGAIN: is it writability of the socket that is missing? Else it is readability. */
bool tls_wants_write(const struct tls *t);

/* Bytes on the wire so far: records and handshakes. */
uint64_t tls_bytes_in(const struct tls *t);
uint64_t tls_bytes_out(const struct tls *t);

/* Why it failed or was reset, without a full stop: "self-signed certificate; trust it with --ca
 * FILE, or …"; "" where nothing did. */
const char *tls_why(const struct tls *t);
const char *tls_protocol(const struct tls *t); /* by ALPN: "h2"; "" where none was agreed */
const char *tls_version(const struct tls *t);  /* "TLSv1.3" */
const char *tls_cipher(const struct tls *t);
bool tls_resumed(const struct tls *t);

/* Session resumption. With `slot`, the newest session that the server gives on this connection is
 * put there (freeing the one before), and one that is there is used; call before the handshake. A
 * slot belongs to one thread and one server, and may not go before the connection. Without effect
 * where the configuration does not resume. */
void tls_use_session(struct tls *t, struct tls_session **slot);
void tls_session_free(struct tls_session *s);

#endif

/*
 * A client's side of one HTTP/2 connection, over nghttp2, without any I/O: bytes in, bytes out,
 * events by callback. What is not needed for load is switched off (push); flow-control windows are
 * wide (connection and streams), so that the client is never what throttles.
 */
#ifndef CULPRIT_NET_H2_H
#define CULPRIT_NET_H2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http_field.h"

struct h2; /* one connection */

/* How a stream ended. */
enum h2_end {
	H2_DONE,    /* with a whole answer */
	H2_REFUSED, /* the server did not look at it (REFUSED_STREAM, or above GOAWAY's last stream)
		     */
	H2_RESET,   /* reset in the middle */
	H2_BROKEN,  /* the answer broke the protocol (bad content-length, headers, …) or has more
		       than  64 KiB of header fields; or the request is one that cannot be sent */
};

/* `stream` is what h2_request() was given. field and body may be NULL. */
struct h2_events {
	void (*began)(
		void *arg, void *stream, unsigned status); /* final status; 1xx are passed over */
	/* of the final answer, not of trailers */
	void (*field)(void *arg, void *stream, struct http_slice name, struct http_slice value);
	void (*body)(void *arg, void *stream, const char *p, size_t n);
	void (*ended)(void *arg, void *stream, enum h2_end how); /* the last about this stream */
	void *arg;
};

struct h2_field {
	struct http_slice name, value; /* name in lower case */
};

struct h2 *h2_new(const struct h2_events *events);
/* Streams that are open end without an event. */
void h2_free(struct h2 *h);

/* Starts a request; the bytes come out of h2_pull(). Pseudo-headers first among `fields`. Fields
 * and body are copied. `stream` is the caller's, and not that of another open stream. 0, or −1
 * where no stream can be opened (room is 0, or ids are used up). */
int h2_request(struct h2 *h, const struct h2_field *fields, size_t n, const char *body,
	size_t body_len, void *stream);

/* Ends a stream by RST_STREAM (CANCEL) without an event; a stream that is not open is nothing. */
void h2_cancel(struct h2 *h, void *stream);

/* Streams that may be opened now (the server's limit, 100 until it names one); 0 once the
 * connection is going away. */
size_t h2_room(const struct h2 *h);
bool h2_going_away(const struct h2 *h);

/*
 * Bytes from the peer. 0, or −1 where the connection is of no use any more, for the peer broke the
 * protocol: h2_why(); the streams that are open end without an event, and what h2_pull() still
 * gives tells the peer. May call events, which may call h2_request() and h2_cancel(). There may be
 * bytes to send afterwards.
 */
int h2_feed(struct h2 *h, const char *p, size_t n);

/* The next bytes to send, valid until the next call on this connection; 0 when there are none. All
 * of them count as sent. Not to be called from an event; may call `ended`. */
size_t h2_pull(struct h2 *h, const char **p);

/* Why h2_feed() failed, or why the server sent GOAWAY, where it said; else "". */
const char *h2_why(const struct h2 *h);

#endif

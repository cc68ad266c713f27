/*
 * Incremental parser of HTTP/1.1 and 1.0 answers (RFC 9110, RFC 9112): status and framing only,
 * bodies are counted and dropped. Strict: whatever leaves the length of an answer in doubt is
 * malformed. A leaf: no allocation, no copy, nothing read past the bytes given; it can go on after
 * any byte.
 *
 * The header block is read line by line, so only an unfinished line has to be kept by the caller.
 */
#ifndef CULPRIT_NET_HTTP_RESPONSE_H
#define CULPRIT_NET_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http_field.h"

/* Ceiling of everything that is not body: interim answers, header lines, trailers; and of a single
 * line, so the caller never keeps more than this. */
enum { HTTP_HEAD_MAX = 65536, HTTP_MEMO_MAX = 1024 };

enum http_progress {
	HTTP_MORE,      /* the answer goes on */
	HTTP_DONE,      /* it is whole */
	HTTP_MALFORMED, /* r->why says how */
	HTTP_TRUNCATED, /* the connection ended in the middle of it (http_response_end() only) */
};

struct http_response {
	/* for the caller, once the header block was read */
	uint16_t status;     /* of the final answer, 200 … 599 */
	bool keepalive;      /* the connection may be used again */
	bool continued;      /* a 100 Continue came before it */
	const char *why;     /* what is malformed; else NULL */
	uint64_t body_bytes; /* of body so far, without chunk framing */

	/* for the parser */
	uint64_t left; /* of the body or chunk under way */
	uint32_t head; /* bytes of lines so far */
	uint8_t state;
	bool to_head; /* answers a HEAD request */
	bool has_length, has_coding, chunked, minor_0;
};

/*
 * The header block read last and what came of it: services send the same block again and again, and
 * comparing it costs a tenth of reading it. One a thread; all zero at first.
 */
struct http_memo {
	size_t len;
	struct http_response after;
	char block[HTTP_MEMO_MAX];
};

void http_response_init(struct http_response *r, bool to_head);

/* Has any byte of the answer been read? (Bytes given but not used do not count.) */
bool http_response_began(const struct http_response *r);

/*
 * Reads on. *used of the len bytes were taken: all of them, unless the answer is done before (what
 * follows belongs to the next one) or the last line is not whole (give its bytes again with more
 * behind them). `memo` may be NULL. Not to be called again after HTTP_DONE or HTTP_MALFORMED.
 */
enum http_progress http_response_feed(
	struct http_response *r, struct http_memo *memo, const char *p, size_t len, size_t *used);

/* What a caller wants to see besides: header fields of the final answer (not trailers), and pieces
 * of its body. Either may be NULL. */
struct http_sink {
	void (*field)(void *arg, struct http_slice name, struct http_slice value);
	void (*body)(void *arg, const char *p, size_t n);
	void *arg;
};

/* The same, with everything handed on. */
enum http_progress http_response_feed_to(struct http_response *r, const struct http_sink *sink,
	const char *p, size_t len, size_t *used);

/* Bytes of body that certainly come next, for dropping them unseen; UINT64_MAX where they last
 * until the connection ends. Then tell how many were dropped. */
uint64_t http_response_ahead(const struct http_response *r);
enum http_progress http_response_skip(struct http_response *r, uint64_t n);

/* The connection ended: HTTP_DONE where that is how the answer ends, else HTTP_TRUNCATED. */
enum http_progress http_response_end(struct http_response *r);

#endif

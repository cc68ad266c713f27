/*
 * The server's side of HTTP/1.1 (RFC 9112): heads of requests, and the length of what follows. A
 * leaf: no allocation, it looks at bytes that somebody else holds and gives slices of them. Strict
 * where leniency lets two readers disagree: lines end with CRLF, no folded lines, no space before a
 * colon, one length.
 */
#ifndef CULPRIT_NET_HTTP_REQUEST_H
#define CULPRIT_NET_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http_field.h"

enum {
	HTTP_REQUEST_MAX_LINE = 8192,  /* of the request line; longer is 414 */
	HTTP_REQUEST_MAX_HEAD = 16384, /* of the whole head; longer is 431 */
	HTTP_REQUEST_MAX_FIELDS = 100, /* header fields; more is 431 */
};

struct http_request {
	struct http_slice method, path, query; /* query: behind the '?', empty without one */
	int minor;                             /* HTTP/1.minor: 0 or 1 */
	bool keepalive;
	bool chunked;
	bool expect_continue;
	uint64_t content_length; /* 0 where there is none */
	size_t head_len;         /* with the empty line that ends it */
};

/*
 * Reads a head from the first `len` bytes at p. Returns 1 when it is whole, 0 when more bytes are
 * needed, or the negative status to answer: −400 not HTTP, −414 and −431 too long, −501 a transfer
 * coding other than chunked, −505 another version. The slices point into p.
 */
int http_request_read(struct http_request *r, const char *p, size_t len);

/* Whether a slice is exactly this text, in this case. */
bool http_slice_is(struct http_slice s, const char *text);

/* Reading over a body, however it is cut into pieces. */
struct http_body {
	uint64_t left;  /* bytes of the body, or of this chunk, still to come */
	uint64_t total; /* bytes of content so far */
	uint8_t state;
	uint16_t n_line; /* bytes of the chunk or trailer line under way */
	char last;       /* of them */
	char line[32];   /* the first of them: a size, maybe the start of its extensions */
};

void http_body_init(struct http_body *b, const struct http_request *r);

/* Takes bytes that belong to the body; *used of the `len` bytes at p. 1 when it is whole, 0 when
 * more is needed, −400 when the chunks are broken. */
int http_body_read(struct http_body *b, const char *p, size_t len, size_t *used);

#endif

#include "net/http_response.h"

#include <string.h>

#include "net/http_field.h"

enum state {
	START,       /* before the status line */
	FIELDS,      /* header lines */
	LENGTH,      /* a body of `left` more bytes */
	CHUNK_LINE,  /* before a chunk's size */
	CHUNK_DATA,  /* `left` more bytes of a chunk */
	CHUNK_END,   /* the CRLF behind it */
	TRAILERS,    /* fields behind the last chunk */
	UNTIL_CLOSE, /* the body ends with the connection */
	DONE,
};

void http_response_init(struct http_response *r, bool to_head)
{
	*r = (struct http_response){.to_head = to_head};
}

bool http_response_began(const struct http_response *r)
{
	return r->head > 0;
}

static enum http_progress malformed(struct http_response *r, const char *why)
{
	r->why = why;
	r->keepalive = false;
	return HTTP_MALFORMED;
}

/* "HTTP/1.x NNN reason"; many servers leave out the space before an empty reason. */
static enum http_progress read_status(struct http_response *r, const char *line, size_t len)
{
	unsigned status = 0;

	if (len < 12 || memcmp(line, "HTTP/1.", 7) || line[7] < '0' || line[7] > '9' ||
		line[8] != ' ')
		return malformed(r, "the status line does not begin with HTTP/1.x");
	for (size_t i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return malformed(r, "the status is not three digits");
		status = status * 10 + (unsigned)(line[i] - '0');
	}
	if (len > 12 && line[12] != ' ')
		return malformed(r, "the status is not three digits");
	if (status < 100 || status > 599)
		return malformed(r, "the status is outside 100 to 599");
	if (!http_is_text(line + 12, len - 12))
		return malformed(r, "control characters in the status line");
	r->status = (uint16_t)status;
	r->minor_0 = line[7] == '0';
	r->keepalive = !r->minor_0;
	r->state = FIELDS;
	return HTTP_MORE;
}

static enum http_progress read_length(struct http_response *r, struct http_slice value)
{
	uint64_t length;

	if (!http_parse_length(value, &length))
		return malformed(r, "a Content-Length that is not a number");
	if (r->has_length && length != r->left)
		return malformed(r, "two Content-Length fields that differ");
	r->has_length = true;
	r->left = length;
	return HTTP_MORE;
}

static enum http_progress read_coding(struct http_response *r, struct http_slice value)
{
	struct http_slice coding;

	r->has_coding = true;
	while (http_list_next(&value, &coding)) {
		if (r->chunked)
			return malformed(r, "a transfer coding behind chunked");
		r->chunked = http_is(coding, "chunked");
	}
	return HTTP_MORE;
}

static enum http_progress read_framing(struct http_response *r, struct http_field f)
{
	struct http_slice word;

	switch (f.name.len) {
	case 10:
		if (!http_is(f.name, "connection"))
			break;
		while (http_list_next(&f.value, &word)) {
			if (http_is(word, "close"))
				r->keepalive = false;
			else if (r->minor_0 && http_is(word, "keep-alive"))
				r->keepalive = true;
		}
		break;
	case 14:
		if (http_is(f.name, "content-length"))
			return read_length(r, f.value);
		break;
	case 17:
		if (http_is(f.name, "transfer-encoding"))
			return read_coding(r, f.value);
		break;
	}
	return HTTP_MORE;
}

static enum http_progress read_field(
	struct http_response *r, const struct http_sink *sink, const char *line, size_t len)
{
	struct http_field f;
	enum http_progress progress;

	if (!http_field_parse(line, len, &f))
		return malformed(r, *line == ' ' || *line == '\t'
					    ? "a folded header line"
					    : "a line that is no header field");
	if (r->state == TRAILERS)
		return HTTP_MORE; /* framing is settled */
	progress = read_framing(r, f);
	if (sink && sink->field && progress == HTTP_MORE && r->status >= 200)
		sink->field(sink->arg, f.name, f.value);
	return progress;
}

/* The empty line behind the header fields: how long is the body (RFC 9112, 6.3)? */
static enum http_progress end_fields(struct http_response *r)
{
	if (r->has_coding && r->has_length)
		return malformed(r, "both Content-Length and Transfer-Encoding");
	if (r->has_coding && r->minor_0)
		return malformed(r, "Transfer-Encoding in an HTTP/1.0 answer");
	if (r->status < 200) {
		if (r->status == 101)
			return malformed(r, "101 Switching Protocols that nobody asked for");
		uint32_t head = r->head; /* an endless row of interim answers meets the ceiling */
		bool continued = r->continued || r->status == 100;

		http_response_init(r, r->to_head);
		r->head = head;
		r->continued = continued;
		return HTTP_MORE;
	}
	if (r->to_head || r->status == 204 || r->status == 304)
		r->state = DONE;
	else if (r->chunked)
		r->state = CHUNK_LINE;
	else if (r->has_length && !r->has_coding)
		r->state = r->left ? LENGTH : DONE;
	else
		r->state = UNTIL_CLOSE;
	if (r->state == UNTIL_CLOSE)
		r->keepalive = false;
	if (r->state == DONE)
		r->left = 0;
	return r->state == DONE ? HTTP_DONE : HTTP_MORE;
}

static enum http_progress read_chunk_line(struct http_response *r, const char *line, size_t len)
{
	if (!http_parse_chunk_line(line, len, &r->left))
		return malformed(r, "a chunk size that is not hexadecimal");
	r->state = r->left ? CHUNK_DATA : TRAILERS;
	/* An answer may have any number of chunks: their lines do not count for the ceiling. */
	r->head -= (uint32_t)(len + 2);
	return HTTP_MORE;
}

static enum http_progress read_line(
	struct http_response *r, const struct http_sink *sink, const char *line, size_t len)
{
	switch ((enum state)r->state) {
	case START: return read_status(r, line, len);
	case FIELDS: return len ? read_field(r, sink, line, len) : end_fields(r);
	case CHUNK_LINE: return read_chunk_line(r, line, len);
	case CHUNK_END:
		if (len)
			return malformed(r, "a chunk longer than its size");
		r->head -= 2;
		r->state = CHUNK_LINE;
		return HTTP_MORE;
	case TRAILERS:
		if (len)
			return read_field(r, sink, line, len);
		r->state = DONE;
		return HTTP_DONE;
	default: return malformed(r, "bytes behind the end");
	}
}

/* A line that is not whole yet: can it still become one? What is not HTTP at all is told from its
 * first bytes, without waiting for a line feed that may never come. */
static enum http_progress check_partial(struct http_response *r, const char *p, size_t len)
{
	if (r->head + len > HTTP_HEAD_MAX)
		return malformed(r, "a header block of more than 64 KiB");
	if (r->state == START && memcmp(p, "HTTP/1.", len < 7 ? len : 7))
		return malformed(r, "the answer does not begin with HTTP/1.x");
	if (r->state == CHUNK_END && len && (*p != '\r' || len > 1))
		return malformed(r, "a chunk longer than its size");
	return HTTP_MORE;
}

static bool recall(struct http_response *r, const struct http_memo *memo, const char *p, size_t len)
{
	if (!memo || !memo->len || r->state != START || r->head || len < memo->len ||
		memo->after.to_head != r->to_head || memcmp(p, memo->block, memo->len))
		return false;
	*r = memo->after;
	return true;
}

static void remember(
	const struct http_response *r, struct http_memo *memo, const char *block, size_t len)
{
	if (len > sizeof(memo->block))
		return;
	memcpy(memo->block, block, len);
	memo->len = len;
	memo->after = *r;
}

enum http_progress http_response_skip(struct http_response *r, uint64_t n)
{
	r->body_bytes += n;
	if (r->state == UNTIL_CLOSE)
		return HTTP_MORE;
	r->left -= n;
	if (!r->left)
		r->state = r->state == LENGTH ? DONE : CHUNK_END;
	return r->state == DONE ? HTTP_DONE : HTTP_MORE;
}

uint64_t http_response_ahead(const struct http_response *r)
{
	switch ((enum state)r->state) {
	case LENGTH:
	case CHUNK_DATA: return r->left;
	case UNTIL_CLOSE: return UINT64_MAX;
	default: return 0;
	}
}

/* Inlined into its two callers, so that the one without a sink never asks for it. */
static inline __attribute__((always_inline)) enum http_progress feed(struct http_response *r,
	struct http_memo *memo, const struct http_sink *sink, const char *p, size_t len,
	size_t *used)
{
	const char *at = p, *end = p + len, *block = r->state == START && !r->head ? p : NULL;
	enum http_progress progress = HTTP_MORE;

	if (recall(r, memo, p, len)) {
		at += memo->len;
		block = NULL;
		progress = r->state == DONE ? HTTP_DONE : HTTP_MORE;
	}
	while (progress == HTTP_MORE && at < end) {
		uint64_t ahead = http_response_ahead(r), there = (uint64_t)(end - at);

		if (ahead) {
			ahead = ahead < there ? ahead : there;
			if (sink && sink->body)
				sink->body(sink->arg, at, (size_t)ahead);
			progress = http_response_skip(r, ahead);
			at += ahead;
			continue;
		}
		long line = http_line(at, (size_t)there);

		if (line == HTTP_LINE_PARTIAL) {
			progress = check_partial(r, at, (size_t)there);
			break;
		}
		if (line == HTTP_LINE_BAD || r->head + (uint64_t)line + 2 > HTTP_HEAD_MAX) {
			progress = malformed(r, line == HTTP_LINE_BAD
							? "a line that does not end with CR LF"
							: "a header block of more than 64 KiB");
			break;
		}
		bool in_fields = r->state == FIELDS;

		r->head += (uint32_t)line + 2;
		progress = read_line(r, sink, at, (size_t)line);
		at += line + 2;
		if (in_fields && line == 0 && progress != HTTP_MALFORMED) {
			if (memo && block && r->state != START)
				remember(r, memo, block, (size_t)(at - block));
			block = NULL;
		}
	}
	*used = (size_t)(at - p);
	return progress;
}

enum http_progress http_response_feed(
	struct http_response *r, struct http_memo *memo, const char *p, size_t len, size_t *used)
{
	return feed(r, memo, NULL, p, len, used);
}

enum http_progress http_response_feed_to(struct http_response *r, const struct http_sink *sink,
	const char *p, size_t len, size_t *used)
{
	return feed(r, NULL, sink, p, len, used);
}

enum http_progress http_response_end(struct http_response *r)
{
	if (r->state != UNTIL_CLOSE)
		return HTTP_TRUNCATED;
	r->state = DONE;
	return HTTP_DONE;
}

#include "net/http_request.h"

#include <string.h>
#include <strings.h>

bool http_slice_is(struct http_slice s, const char *text)
{
	return strlen(text) == s.len && !memcmp(s.p, text, s.len);
}

/* Bytes from p that are visible ASCII: all that a request target is made of. */
static size_t visible(const char *p, const char *end)
{
	const char *s = p;

	while (s<end && * s> ' ' && *s < 127)
		s++;
	return (size_t)(s - p);
}

static size_t token(const char *p, const char *end)
{
	const char *s = p;

	while (s < end && http_is_token_char(*s))
		s++;
	return (size_t)(s - p);
}

/* "http://host/path?query" or "/path?query" or "*" into path and query. */
static int read_target(struct http_request *r, struct http_slice target)
{
	const char *p = target.p, *end = p + target.len, *question;

	if (target.len > 7 && !strncasecmp(p, "http://", 7)) {
		p += 7;
		while (p < end && *p != '/' && *p != '?')
			p++;
		if (p == target.p + 7)
			return -400;
	} else if (*p != '/' && !http_slice_is(target, "*")) {
		return -400;
	}
	question = memchr(p, '?', (size_t)(end - p));
	r->path = (struct http_slice){p, (size_t)((question ? question : end) - p)};
	r->query = (struct http_slice){question ? question + 1 : end, 0};
	r->query.len = (size_t)(end - r->query.p);
	if (!r->path.len)
		r->path = (struct http_slice){"/", 1};
	return 1;
}

/* METHOD SP target SP HTTP/1.x, without its CRLF. */
static int read_request_line(struct http_request *r, const char *p, const char *end)
{
	struct http_slice target;

	r->method = (struct http_slice){p, token(p, end)};
	p += r->method.len;
	if (!r->method.len || p == end || *p++ != ' ')
		return -400;
	target = (struct http_slice){p, visible(p, end)};
	p += target.len;
	if (!target.len || end - p != 9 || memcmp(p, " HTTP/", 6) || p[7] != '.')
		return -400;
	if ((unsigned)(p[6] - '0') > 9 || (unsigned)(p[8] - '0') > 9)
		return -400;
	if (p[6] != '1')
		return -505;
	r->minor = p[8] == '0' ? 0 : 1; /* 1.2 and later are read as 1.1 (RFC 9110, 2.5) */
	r->keepalive = r->minor == 1;
	return read_target(r, target);
}

struct seen {
	unsigned fields;
	bool host, length, close;
};

static int read_length(struct http_request *r, struct http_slice value, struct seen *seen)
{
	uint64_t length;

	if (!http_parse_length(value, &length) || (seen->length && length != r->content_length))
		return -400;
	seen->length = true;
	r->content_length = length;
	return 1;
}

/* Connection: a list of words, of which "close" wins over "keep-alive". */
static void read_connection(struct http_request *r, struct http_slice list, struct seen *seen)
{
	struct http_slice word;

	while (http_list_next(&list, &word)) {
		if (http_is(word, "close"))
			seen->close = true;
		else if (http_is(word, "keep-alive"))
			r->keepalive = true;
	}
}

static int read_field(
	struct http_request *r, struct http_slice name, struct http_slice value, struct seen *seen)
{
	if (http_is(name, "host")) {
		if (seen->host)
			return -400;
		seen->host = true;
	} else if (http_is(name, "connection")) {
		read_connection(r, value, seen);
	} else if (http_is(name, "content-length")) {
		return read_length(r, value, seen);
	} else if (http_is(name, "transfer-encoding")) {
		if (r->chunked || !http_is(value, "chunked"))
			return -501;
		r->chunked = true;
	} else if (http_is(name, "expect")) {
		r->expect_continue = http_is(value, "100-continue");
	}
	return 1;
}

static int read_field_line(struct http_request *r, const char *line, size_t len, struct seen *seen)
{
	struct http_field field;

	if (!http_field_parse(line, len, &field))
		return -400;
	if (++seen->fields > HTTP_REQUEST_MAX_FIELDS)
		return -431;
	return read_field(r, field.name, field.value, seen);
}

/* What only the whole head shows. */
static int check_head(struct http_request *r, const struct seen *seen)
{
	if (r->minor == 1 && !seen->host)
		return -400;
	/* two lengths are how requests are smuggled (RFC 9112, 6.1): refuse, do not choose */
	if (r->chunked && (seen->length || r->minor == 0))
		return -400;
	if (seen->close)
		r->keepalive = false;
	if (r->minor == 0)
		r->expect_continue = false;
	return 1;
}

/* Bytes without a line end, of which there may be only so many. An unfinished first line is refused
 * as soon as it cannot become one: the "\x16\x03" of a TLS client never gets to a line end. */
static int check_unfinished(const char *p, size_t len, size_t before, bool first)
{
	size_t method = first ? token(p, p + len) : 0;

	if (first && method < len && p[method] != (method ? ' ' : '\r'))
		return -400;
	if (first && len > HTTP_REQUEST_MAX_LINE)
		return -414;
	return before + len > HTTP_REQUEST_MAX_HEAD ? -431 : 0;
}

int http_request_read(struct http_request *r, const char *p, size_t len)
{
	struct seen seen = {0};
	bool first = true;
	size_t at = 0;
	int rc = 1;

	*r = (struct http_request){0};
	/* an empty line or two before a request are passed over (RFC 9112, 2.2) */
	while (at < 4 && len - at >= 2 && p[at] == '\r' && p[at + 1] == '\n')
		at += 2;
	while (rc > 0) {
		const char *line = p + at;
		long n = http_line(line, len - at);

		if (n == HTTP_LINE_PARTIAL)
			return check_unfinished(line, len - at, at, first);
		if (n == HTTP_LINE_BAD)
			return -400;
		at += (size_t)n + 2;
		if (first && n > HTTP_REQUEST_MAX_LINE)
			return -414;
		if (at > HTTP_REQUEST_MAX_HEAD)
			return -431;
		if (!first && !n) {
			r->head_len = at;
			return check_head(r, &seen);
		}
		rc = first ? read_request_line(r, line, line + n)
			   : read_field_line(r, line, (size_t)n, &seen);
		first = false;
	}
	return rc;
}

/* Where a body is: in content that has a length; or in the line before a chunk, the chunk, the line
 * end behind it, the trailer lines; or behind its end. */
enum body_state { CONTENT, SIZE_LINE, CHUNK, CHUNK_END, TRAILER, WHOLE };

void http_body_init(struct http_body *b, const struct http_request *r)
{
	b->left = r->content_length;
	b->total = 0;
	b->n_line = 0;
	b->state = r->chunked ? SIZE_LINE : r->content_length ? CONTENT : WHOLE;
}

/* A whole line of the framing, of which `line` has the first n bytes. 0, or −400. */
static int read_line(struct http_body *b, size_t n)
{
	switch ((enum body_state)b->state) {
	case SIZE_LINE:
		if (!http_parse_chunk_line(b->line, n, &b->left))
			return -400;
		b->state = b->left ? CHUNK : TRAILER;
		return 0;
	case CHUNK_END: b->state = SIZE_LINE; return b->n_line == 2 ? 0 : -400;
	case TRAILER:
		if (b->n_line == 2)
			b->state = WHOLE;
		return 0;
	case CONTENT:
	case CHUNK:
	case WHOLE: break;
	}
	return -400;
}

/* One byte of a line of the framing. 0, or −400. */
static int read_framing(struct http_body *b, char c)
{
	enum { KEPT = sizeof(b->line) };
	bool end = c == '\n';
	size_t kept = b->n_line < KEPT ? b->n_line : KEPT;
	int rc;

	if (end && !(b->n_line && b->last == '\r'))
		return -400;
	if (!end && ((b->n_line && b->last == '\r') || (b->state == CHUNK_END && c != '\r')))
		return -400;
	if (++b->n_line > HTTP_REQUEST_MAX_LINE || (!end && c != '\r' && !http_is_text(&c, 1)))
		return -400;
	if (kept < KEPT)
		b->line[kept] = c;
	b->last = c;
	if (!end)
		return 0;
	rc = read_line(b, b->n_line - 2u < KEPT ? b->n_line - 2u : KEPT);
	b->n_line = 0;
	return rc;
}

int http_body_read(struct http_body *b, const char *p, size_t len, size_t *used)
{
	size_t at = 0;
	int rc = 0;

	while (!rc && at < len && b->state != WHOLE) {
		if (b->state != CONTENT && b->state != CHUNK) {
			rc = read_framing(b, p[at++]);
			continue;
		}
		uint64_t take = len - at < b->left ? len - at : b->left;

		at += take;
		b->left -= take;
		b->total += take;
		if (!b->left)
			b->state = b->state == CONTENT ? WHOLE : CHUNK_END;
	}
	*used = at;
	return rc ? rc : b->state == WHOLE;
}

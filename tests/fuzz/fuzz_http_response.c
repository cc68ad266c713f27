/*
 * The answer parser on any bytes. The first byte steers: whether it answers HEAD, and the size of
 * the pieces. Whole and in pieces, with and without the memory of header blocks, with everything
 * handed on or not, the outcome must be the same; nothing kept may be larger than promised.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_response.h"

/* What was handed on. Sums do not see how the body was cut. */
struct seen {
	uint64_t n_fields, body_bytes;
	uint32_t sum;
};

struct outcome {
	enum http_progress progress;
	struct http_response r;
	struct seen seen;
	size_t taken; /* bytes up to the end of the answer; 0 where it has none */
};

static void see(struct seen *s, const char *p, size_t n)
{
	while (n--)
		s->sum = s->sum * 31 + (uint8_t)*p++;
}

static void see_field(void *arg, struct http_slice name, struct http_slice value)
{
	struct seen *s = arg;

	if (!name.len || s->body_bytes)
		abort(); /* all of them come before the body: trailers do not */
	s->n_fields++;
	see(s, name.p, name.len);
	see(s, value.p, value.len);
}

static void see_body(void *arg, const char *p, size_t n)
{
	struct seen *s = arg;

	if (!n)
		abort();
	s->body_bytes += n;
	see(s, p, n);
}

/* As the load engine does it: an unfinished line is kept and given again. Pieces are copied, so
 * that AddressSanitizer sees a read past their end. */
static struct outcome parse(const uint8_t *data, size_t len, size_t piece, bool to_head,
	struct http_memo *memo, bool to_sink)
{
	struct outcome o = {.progress = HTTP_MORE};
	struct http_sink sink = {see_field, see_body, &o.seen};
	size_t at = 0, given = 0, used;

	http_response_init(&o.r, to_head);
	while (o.progress == HTTP_MORE && given < len) {
		given = piece < len - given ? given + piece : len;
		char *copy = malloc(given - at);

		if (!copy)
			abort();
		memcpy(copy, data + at, given - at);
		o.progress = to_sink ? http_response_feed_to(&o.r, &sink, copy, given - at, &used)
				     : http_response_feed(&o.r, memo, copy, given - at, &used);
		free(copy);
		if (used > given - at)
			abort();
		at += used;
		if (o.progress == HTTP_MORE && given - at > HTTP_HEAD_MAX)
			abort();
	}
	o.taken = o.progress == HTTP_DONE ? at : 0;
	if (o.progress == HTTP_MORE)
		o.progress = http_response_end(&o.r);
	if ((o.progress == HTTP_MALFORMED) != (o.r.why != NULL))
		abort();
	if (o.progress == HTTP_DONE && (o.r.status < 200 || o.r.status > 599))
		abort();
	return o;
}

static void must_equal(const struct outcome *a, const struct outcome *b)
{
	if (a->progress != b->progress || a->taken != b->taken)
		abort();
	if (a->progress == HTTP_DONE &&
		(a->r.status != b->r.status || a->r.keepalive != b->r.keepalive ||
			a->r.body_bytes != b->r.body_bytes || a->r.continued != b->r.continued))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct http_memo memo;
	struct outcome whole, other;

	if (!len)
		return 0;
	bool to_head = data[0] & 1;
	size_t piece = (size_t)(data[0] >> 1) + 1;

	memset(&memo, 0, sizeof(memo));
	whole = parse(data + 1, len - 1, len, to_head, NULL, false);
	other = parse(data + 1, len - 1, piece, to_head, NULL, false);
	must_equal(&whole, &other);
	for (int i = 0; i < 3; i++) {
		other = parse(data + 1, len - 1, i == 1 ? piece : len, to_head, &memo, false);
		must_equal(&whole, &other);
	}
	whole = parse(data + 1, len - 1, len, to_head, NULL, true);
	must_equal(&whole, &other);
	other = parse(data + 1, len - 1, piece, to_head, NULL, true);
	must_equal(&whole, &other);
	if (memcmp(&whole.seen, &other.seen, sizeof(whole.seen)) ||
		whole.seen.body_bytes != whole.r.body_bytes)
		abort();
	return 0;
}

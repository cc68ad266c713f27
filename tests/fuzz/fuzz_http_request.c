/* Requests and their bodies, whole and cut in two at a place that the input's first byte picks: the
 * parser must come to the same either way, and never use more than there is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static int read_body(
	const struct http_request *r, const char *p, size_t len, size_t cut, uint64_t *total)
{
	struct http_body b;
	size_t used, more = 0;
	int rc;

	http_body_init(&b, r);
	rc = http_body_read(&b, p, cut, &used);
	must(used <= cut && (rc || used == cut));
	if (!rc) {
		rc = http_body_read(&b, p + cut, len - cut, &more);
		must(more <= len - cut && (rc || more == len - cut));
	}
	*total = rc < 0 ? 0 : b.total;
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_request r, part;
	uint64_t once, twice;
	size_t cut;
	char *p;
	int rc;

	if (!size)
		return 0;
	cut = data[0];
	size--;
	p = malloc(size + 1); /* exact, so that the sanitizer sees a byte too far */
	memcpy(p, data + 1, size);
	cut = cut < size ? cut : size;
	rc = http_request_read(&r, p, size);
	must(rc <= 1);
	if (rc == 1) {
		size_t left = size - r.head_len;

		must(r.head_len <= size && r.path.len && r.method.len);
		must(r.query.p >= p && r.query.p + r.query.len <= p + r.head_len);
		must(http_request_read(&part, p, r.head_len) == 1 && part.head_len == r.head_len);
		must(http_request_read(&part, p, r.head_len - 1) == 0);
		cut = cut < left ? cut : left;
		rc = read_body(&r, p + r.head_len, left, cut, &once);
		must(rc == read_body(&r, p + r.head_len, left, 0, &twice) && once == twice);
	} else if (rc < 0) {
		/* a piece of what is refused is unfinished or refused, never taken */
		must(http_request_read(&part, p, cut) <= 0);
	}
	free(p);
	return 0;
}

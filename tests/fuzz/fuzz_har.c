/* HTTP archives: refused with a sentence, or requests that can be sent and are read back as one
 * request each, whose body is the recorded one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "load/har.h"
#include "load/request.h"
#include "net/http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

struct sent {
	struct load_origins origins;
	struct load_fields fields;
	struct str scratch, out;
};

static int send_request(void *arg, const struct load_request_text *text, struct err *err)
{
	static const struct template_values none = {0};
	struct sent *s = arg;
	struct load_request r;
	struct http_request back;
	size_t head_len;
	int rc = load_request_init(&r, text, &s->origins, NULL, err);

	if (rc)
		return rc;
	must(r.constant && r.origin < s->origins.n);
	str_clear(&s->out);
	load_request_write(&r, &s->origins.items[r.origin], &none, NULL, false, false, &s->scratch,
		&s->out, &head_len);
	rc = http_request_read(&back, s->out.p, s->out.len);
	must(rc == 1 || rc < 0); /* too long, or of a method or path that the lab does not take */
	if (rc == 1) {
		must(back.head_len == head_len);
		must(back.content_length == s->out.len - head_len);
	}
	load_request_fields(&r, &s->origins.items[r.origin], &none, NULL, &s->fields);
	for (size_t i = 0; i < s->fields.n; i++) {
		struct h2_field f = s->fields.items[i];

		must(f.name.len && f.value.p && http_is_text(f.value.p, f.value.len));
		must((f.name.p[0] == ':') == (i < 4));
	}
	must(s->fields.payload.len == s->out.len - head_len);
	load_request_release(&r);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sent sent = {0};
	struct har_hooks hooks = {send_request, &sent};
	struct err err = {0};
	char *p = malloc(size ? size : 1); /* exact, so that the sanitizer sees a byte too far */

	memcpy(p, data, size);
	must(!har_read("fuzz", p, size, &hooks, &err) || err.text[0]);
	load_origins_release(&sent.origins);
	load_fields_release(&sent.fields);
	str_release(&sent.scratch);
	str_release(&sent.out);
	free(p);
	return 0;
}

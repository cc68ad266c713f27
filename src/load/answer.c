#define ZLIB_CONST /* next_in points to const */
#include "load/answer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/json.h"
#include "base/mem.h"

void answer_init(struct answer *a, const struct load_answer *from)
{
	*a = (struct answer){.from = from};
}

void answer_release(struct answer *a)
{
	free(a->unpacked);
	json_decref(a->json);
}

/* ---- header ---- */

static bool same_name(struct http_slice s, const char *name)
{
	return s.len == strlen(name) && !strncasecmp(s.p, name, s.len);
}

bool answer_header(const struct answer *a, const char *name, size_t *at, struct http_slice *out)
{
	const char *p = a->from->headers;
	size_t n = a->from->n_headers;

	while (*at < n) {
		const char *feed = memchr(p + *at, '\n', n - *at);
		size_t len = feed ? (size_t)(feed - p) - *at : n - *at;
		struct http_field field;
		bool is = http_field_parse(p + *at, len, &field) && same_name(field.name, name);

		*at += len + (feed != NULL);
		if (is) {
			*out = field.value;
			return true;
		}
	}
	return false;
}

/* ---- body ---- */

/* window_bits as inflateInit2() has them. Several gzip members may stand in a row (RFC 1952, 2.2).
 */
static bool unpack(struct http_slice from, int window_bits, struct str *out)
{
	z_stream z = {.next_in = (const Bytef *)from.p, .avail_in = (uInt)from.len};
	char buffer[16384];
	int rc;

	if (inflateInit2(&z, window_bits) != Z_OK)
		return false;
	do {
		z.next_out = (Bytef *)buffer;
		z.avail_out = sizeof(buffer);
		rc = inflate(&z, Z_NO_FLUSH);
		if (rc == Z_OK || rc == Z_STREAM_END)
			str_add_bytes(out, buffer, sizeof(buffer) - z.avail_out);
		if (rc == Z_STREAM_END && z.avail_in && window_bits > MAX_WBITS)
			rc = inflateReset(&z);
	} while (rc == Z_OK && out->len <= LOAD_BODY_MAX);
	inflateEnd(&z);
	return rc == Z_STREAM_END && out->len <= LOAD_BODY_MAX;
}

/* "deflate" is zlib's form (RFC 9110, 8.4.1.2), but some services send it without its head. */
static bool unpack_body(struct answer *a, struct http_slice coding)
{
	struct http_slice packed = {a->from->body, a->from->n_body};
	struct str out = STR_INIT;
	bool ok = false;

	if (http_is(coding, "gzip") || http_is(coding, "x-gzip")) {
		ok = unpack(packed, MAX_WBITS + 16, &out);
	} else if (http_is(coding, "deflate")) {
		ok = unpack(packed, MAX_WBITS, &out);
		if (!ok) {
			str_clear(&out);
			ok = unpack(packed, -MAX_WBITS, &out);
		}
	}
	a->body = (struct http_slice){str_text(&out), out.len};
	a->unpacked = str_take(&out);
	return ok;
}

bool answer_body(struct answer *a, struct http_slice *out)
{
	if (!a->has_body) {
		struct http_slice coding;
		size_t at = 0;

		a->has_body = true;
		a->body =
			(struct http_slice){a->from->n_body ? a->from->body : "", a->from->n_body};
		a->readable = !a->body.len || !answer_header(a, "content-encoding", &at, &coding) ||
			      http_is(coding, "identity") || unpack_body(a, coding);
	}
	*out = a->body;
	return a->readable;
}

/* ---- JSON ---- */

bool answer_is_pointer(const char *pointer)
{
	if (*pointer && *pointer != '/')
		return false;
	for (const char *p = pointer; *p; p++)
		if (*p == '~' && p[1] != '0' && p[1] != '1')
			return false;
	return true;
}

/* "0", "12"; neither "01" nor "-". SIZE_MAX where it is none. */
static size_t array_index(const struct str *token)
{
	size_t value = 0;

	if (!token->len || token->len > 9 || (token->len > 1 && token->p[0] == '0'))
		return SIZE_MAX;
	for (size_t i = 0; i < token->len; i++) {
		if (token->p[i] < '0' || token->p[i] > '9')
			return SIZE_MAX;
		value = value * 10 + (size_t)(token->p[i] - '0');
	}
	return value;
}

static const json_t *at_pointer(const json_t *value, const char *pointer)
{
	struct str token = STR_INIT;

	while (value && *pointer) {
		str_clear(&token);
		for (pointer++; *pointer && *pointer != '/'; pointer++)
			if (*pointer == '~')
				str_add_char(&token, *++pointer == '1' ? '/' : '~');
			else
				str_add_char(&token, *pointer);
		if (json_is_array(value))
			value = json_array_get(value, array_index(&token));
		else
			value = json_object_get(value, str_text(&token));
	}
	str_release(&token);
	return value;
}

const json_t *answer_json(struct answer *a, const char *pointer)
{
	struct http_slice body;

	if (!a->has_json) {
		a->has_json = true;
		if (answer_body(a, &body))
			a->json = json_loadb(body.p, body.len, JSON_DECODE_ANY, NULL);
	}
	return at_pointer(a->json, pointer);
}

/* 0.1 as "0.1", not as the seventeen digits that it takes in the worst case. */
static void add_real(struct str *out, const json_t *value)
{
	for (size_t digits = 15; digits <= 17; digits++) {
		char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
		json_t *again = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
		bool same = again && json_equal(again, value);

		if (same || digits == 17)
			str_add(out, text);
		json_decref(again);
		free(text);
		if (same)
			return;
	}
}

void answer_json_text(struct str *out, const json_t *value)
{
	if (json_is_string(value))
		str_add_bytes(out, json_string_value(value), json_string_length(value));
	else if (json_is_real(value))
		add_real(out, value);
	else
		json_write(out, value, 0);
}

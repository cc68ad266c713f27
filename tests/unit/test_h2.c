/*
 * The client against a server session of nghttp2 in the same process, with the bytes cut in pieces
 * both ways. What the server does is chosen by the path of the request.
 */
#include "unit.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/h2.h"

enum { MANY = 32, BIG = 1 << 20 };

/* What the client was told about a stream. */
struct told {
	unsigned status, n_began, n_ended, n_fields;
	size_t body, field_bytes;
	enum h2_end how;
	bool cancel_in_body;
};

/* A stream at the server: the answer's body, and what came of the request's. */
struct serving {
	int32_t id;
	char path[32], method[16];
	size_t left, got, size;
	bool trailers, reset_after;
};

struct pair {
	struct h2 *client;
	nghttp2_session *server;
	struct serving serving[MANY];
	struct told told[MANY];
	size_t n_serving, n_told;
	unsigned rst_code; /* of the last RST_STREAM from the client, plus one */
	bool failed;       /* h2_feed() said so */
};

/* Where much is asked: Check writes to a file at each assertion of its own. */
#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x))                                                                          \
			ck_abort_msg("%s", #x);                                                    \
	} while (0)

#define NV(name, value)                                                                            \
	{                                                                                          \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), strlen(name),         \
			strlen(value), NGHTTP2_NV_FLAG_NONE                                        \
	}

/* ---- the server ---- */

static struct serving *serving_of(struct pair *p, int32_t id)
{
	for (size_t i = 0; i < p->n_serving; i++)
		if (p->serving[i].id == id)
			return &p->serving[i];
	return NULL;
}

static ssize_t server_body(nghttp2_session *s, int32_t id, uint8_t *out, size_t max,
	uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct serving *v = source->ptr;
	size_t n = v->left < max ? v->left : max;

	(void)arg;
	if (v->reset_after && !n) {
		nghttp2_submit_rst_stream(s, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
		return NGHTTP2_ERR_DEFERRED;
	}
	memset(out, 'x', n);
	v->left -= n;
	if (!v->left && !v->reset_after)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (!v->left && v->trailers) {
		const nghttp2_nv sum[] = {NV("sum", "12345")};

		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(s, id, sum, 1);
	}
	return (ssize_t)n;
}

static void answer(struct pair *p, struct serving *v, const char *status, const char *length,
	size_t body, size_t more_fields)
{
	nghttp2_data_provider provider = {.source.ptr = v, .read_callback = server_body};
	nghttp2_nv fields[2 + 80] = {NV(":status", status)};
	static char kilobyte[1025];
	size_t n = 1;

	memset(kilobyte, 'k', 1024);
	if (length)
		fields[n++] = (nghttp2_nv)NV("content-length", length);
	for (size_t i = 0; i < more_fields; i++)
		fields[n++] = (nghttp2_nv)NV("x-more", kilobyte);
	v->left = body;
	ck_assert_int_eq(
		nghttp2_submit_response(p->server, v->id, fields, n, body ? &provider : NULL), 0);
}

static void interim(struct pair *p, struct serving *v, const char *status)
{
	const nghttp2_nv fields[] = {NV(":status", status), NV("link", "</x>")};

	nghttp2_submit_headers(p->server, NGHTTP2_FLAG_NONE, v->id, NULL, fields, 2, NULL);
}

/* As soon as the head of the request is there; "/echo" waits for its body. */
static void serve(struct pair *p, struct serving *v)
{
	const char *path = v->path;
	char length[16];

	if (!strcmp(path, "/plain") || !strcmp(path, "/padded") || !strcmp(path, "/early"))
		answer(p, v, "200", "5", strcmp(v->method, "HEAD") ? 5 : 0, 1);
	else if (!strcmp(path, "/unsized"))
		answer(p, v, "404", NULL, 5, 0);
	else if (!strcmp(path, "/big"))
		answer(p, v, "200", "1048576", BIG, 0);
	else if (!strcmp(path, "/204"))
		answer(p, v, "204", NULL, 0, 2);
	else if (!strcmp(path, "/short"))
		answer(p, v, "200", "10", 5, 0);
	else if (!strcmp(path, "/long"))
		answer(p, v, "200", "3", 5, 0);
	else if (!strcmp(path, "/no-body"))
		answer(p, v, "200", "3", 0, 0);
	else if (!strcmp(path, "/fields"))
		answer(p, v, "200", "5", 5, 50);
	else if (!strcmp(path, "/too-many-fields"))
		answer(p, v, "200", "5", 5, 70);
	else if (!strncmp(path, "/status/", 8))
		answer(p, v, path + 8, "5", 5, 0);
	else if (!strcmp(path, "/refused"))
		nghttp2_submit_rst_stream(
			p->server, NGHTTP2_FLAG_NONE, v->id, NGHTTP2_REFUSED_STREAM);
	else if (!strcmp(path, "/reset"))
		nghttp2_submit_rst_stream(
			p->server, NGHTTP2_FLAG_NONE, v->id, NGHTTP2_INTERNAL_ERROR);
	else if (!strcmp(path, "/reset-middle")) {
		v->reset_after = true;
		answer(p, v, "200", "10", 5, 0);
	} else if (!strcmp(path, "/trailers")) {
		v->trailers = true;
		answer(p, v, "200", NULL, 5, 1);
	} else if (!strcmp(path, "/interim")) {
		interim(p, v, "100");
		interim(p, v, "103");
		answer(p, v, "200", "5", 5, 1);
	} else if (!strcmp(path, "/goaway")) {
		answer(p, v, "200", "5", 5, 0);
		nghttp2_submit_goaway(
			p->server, NGHTTP2_FLAG_NONE, v->id, NGHTTP2_NO_ERROR, NULL, 0);
	} else if (!strcmp(path, "/echo")) {
		snprintf(length, sizeof(length), "%zu", v->got);
		answer(p, v, "200", length, v->got, 0);
	} else if (strcmp(path, "/never") != 0) {
		ck_abort_msg("no such path: %s", path);
	}
}

static int server_begin(nghttp2_session *s, const nghttp2_frame *frame, void *arg)
{
	struct pair *p = arg;

	(void)s;
	ck_assert_uint_lt(p->n_serving, MANY);
	p->serving[p->n_serving++] = (struct serving){.id = frame->hd.stream_id};
	return 0;
}

static int server_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
	struct serving *v = serving_of(arg, frame->hd.stream_id);

	(void)s;
	(void)flags;
	v->size += name_len + value_len;
	if (name_len == 5 && !memcmp(name, ":path", 5))
		snprintf(v->path, sizeof(v->path), "%.*s", (int)value_len, (const char *)value);
	if (name_len == 7 && !memcmp(name, ":method", 7))
		snprintf(v->method, sizeof(v->method), "%.*s", (int)value_len, (const char *)value);
	return 0;
}

static int server_data(
	nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *arg)
{
	struct serving *v = serving_of(arg, id);

	(void)s;
	(void)flags;
	for (size_t i = 0; i < n; i++)
		MUST(p[i] == (uint8_t)((v->got + i) % 251));
	v->got += n;
	return 0;
}

static int server_frame(nghttp2_session *s, const nghttp2_frame *frame, void *arg)
{
	struct pair *p = arg;
	struct serving *v = serving_of(p, frame->hd.stream_id);
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	(void)s;
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		p->rst_code = frame->rst_stream.error_code + 1;
	if (frame->hd.type == NGHTTP2_HEADERS && (end || !strcmp(v->path, "/early")))
		serve(p, v);
	else if (frame->hd.type == NGHTTP2_DATA && end)
		serve(p, v);
	return 0;
}

static ssize_t server_padding(nghttp2_session *s, const nghttp2_frame *frame, size_t max, void *arg)
{
	struct serving *v = serving_of(arg, frame->hd.stream_id);
	size_t padded = frame->hd.length + 100;

	(void)s;
	if (!v || strcmp(v->path, "/padded") != 0)
		return (ssize_t)frame->hd.length;
	return (ssize_t)(padded < max ? padded : max);
}

static void make_server(struct pair *p, uint32_t max_streams)
{
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_streams}};
	nghttp2_session_callbacks *calls;
	nghttp2_option *option;

	nghttp2_session_callbacks_new(&calls);
	nghttp2_option_new(&option);
	nghttp2_option_set_max_send_header_block_length(option, 1 << 20);
	nghttp2_session_callbacks_set_on_begin_headers_callback(calls, server_begin);
	nghttp2_session_callbacks_set_on_header_callback(calls, server_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, server_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls, server_frame);
	nghttp2_session_callbacks_set_select_padding_callback(calls, server_padding);
	nghttp2_session_server_new2(&p->server, calls, p, option);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(calls);
	nghttp2_submit_settings(p->server, NGHTTP2_FLAG_NONE, settings, 1);
}

/* ---- the client ---- */

static void began(void *arg, void *stream, unsigned status)
{
	struct told *t = stream;

	(void)arg;
	t->status = status;
	t->n_began++;
	ck_assert_uint_eq(t->n_ended, 0);
}

static void field(void *arg, void *stream, struct http_slice name, struct http_slice value)
{
	struct told *t = stream;

	(void)arg;
	MUST(t->n_began == 1);
	ck_assert_int_ne(*name.p, ':');
	ck_assert_msg(name.len == 6 || name.len == 14, "%.*s", (int)name.len, name.p);
	t->n_fields++;
	t->field_bytes += name.len + value.len;
}

static void body(void *arg, void *stream, const char *bytes, size_t n)
{
	struct pair *p = arg;
	struct told *t = stream;

	MUST(t->n_began == 1);
	MUST(t->n_ended == 0);
	MUST(n > 0 && bytes[0] == 'x' && bytes[n - 1] == 'x');
	t->body += n;
	if (t->cancel_in_body) {
		h2_cancel(p->client, t);
		h2_cancel(p->client, t); /* it is not open any more: nothing */
	}
}

static void ended(void *arg, void *stream, enum h2_end how)
{
	struct told *t = stream;

	(void)arg;
	ck_assert(!t->cancel_in_body);
	t->n_ended++;
	t->how = how;
}

static struct pair *make_pair(uint32_t max_streams)
{
	struct pair *p = mem_zalloc(1, sizeof(*p));
	struct h2_events events = {began, field, body, ended, p};

	p->client = h2_new(&events);
	make_server(p, max_streams);
	return p;
}

static void free_pair(struct pair *p)
{
	h2_free(p->client);
	nghttp2_session_del(p->server);
	free(p);
}

static const char *numbers(size_t n)
{
	static char bytes[BIG];

	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(i % 251);
	return bytes;
}

#define SLICE(text) ((struct http_slice){(text), strlen(text)})

static int request(
	struct pair *p, struct told *t, const char *method, const char *path, size_t body_len)
{
	char gone[32];
	struct h2_field fields[] = {{SLICE(":method"), SLICE(method)},
		{SLICE(":scheme"), SLICE("http")}, {SLICE(":authority"), SLICE("localhost")},
		{SLICE(":path"), {gone, strlen(path)}}};
	int rc;

	memcpy(gone, path, strlen(path));
	rc = h2_request(p->client, fields, 4, numbers(body_len), body_len, t);
	memset(gone, '!', sizeof(gone)); /* they are copied */
	return rc;
}

static struct told *ask(struct pair *p, const char *method, const char *path, size_t body_len)
{
	struct told *t = &p->told[p->n_told++];

	ck_assert_int_eq(request(p, t, method, path, body_len), 0);
	return t;
}

/* Bytes to and fro in pieces, until both have nothing to say. */
static void talk(struct pair *p, size_t piece)
{
	bool more = true;

	while (more && !p->failed) {
		const char *out;
		const uint8_t *in;
		ssize_t n;
		size_t pulled = h2_pull(p->client, &out);

		more = pulled > 0;
		for (size_t at = 0; at < pulled; at += piece) {
			size_t part = piece < pulled - at ? piece : pulled - at;
			char *copy = mem_copy(out + at, part);

			n = nghttp2_session_mem_recv(p->server, (const uint8_t *)copy, part);
			MUST(n == (ssize_t)part);
			free(copy);
		}
		while (!p->failed && (n = nghttp2_session_mem_send(p->server, &in)) > 0) {
			more = true;
			for (size_t at = 0; at < (size_t)n; at += piece) {
				size_t part = piece < (size_t)n - at ? piece : (size_t)n - at;
				char *copy = malloc(part); /* a sanitizer sees its end */

				MUST(copy);
				memcpy(copy, in + at, part);
				p->failed |= h2_feed(p->client, copy, part) != 0;
				free(copy);
			}
		}
	}
}

/* ---- tests ---- */

static const struct expected {
	const char *method, *path;
	size_t sends;
	unsigned status, n_fields;
	size_t body;
	enum h2_end how;
	unsigned rst_code; /* that the client sends, plus one */
} EXPECTED[] = {
	{"GET", "/plain", 0, 200, 2, 5, H2_DONE, 0},
	{"HEAD", "/plain", 0, 200, 2, 0, H2_DONE, 0},
	{"POST", "/plain", 3, 200, 2, 5, H2_DONE, 0},
	{"GET", "/unsized", 0, 404, 0, 5, H2_DONE, 0},
	{"GET", "/big", 0, 200, 1, BIG, H2_DONE, 0},
	{"GET", "/204", 0, 204, 2, 0, H2_DONE, 0},
	{"GET", "/padded", 0, 200, 2, 5, H2_DONE, 0},
	{"GET", "/fields", 0, 200, 51, 5, H2_DONE, 0},
	{"GET", "/trailers", 0, 200, 1, 5, H2_DONE, 0},
	{"GET", "/interim", 0, 200, 2, 5, H2_DONE, 0},
	{"POST", "/echo", 1, 200, 1, 1, H2_DONE, 0},
	{"POST", "/echo", 16384, 200, 1, 16384, H2_DONE, 0},
	{"POST", "/echo", 300000, 200, 1, 300000, H2_DONE, 0},
	{"POST", "/early", 300000, 200, 2, 5, H2_DONE, NGHTTP2_NO_ERROR + 1},
	{"GET", "/refused", 0, 0, 0, 0, H2_REFUSED, 0},
	{"GET", "/reset", 0, 0, 0, 0, H2_RESET, 0},
	{"GET", "/reset-middle", 0, 200, 1, 5, H2_RESET, 0},
	{"GET", "/short", 0, 200, 1, 5, H2_BROKEN, NGHTTP2_PROTOCOL_ERROR + 1},
	{"GET", "/long", 0, 200, 1, 0, H2_BROKEN, NGHTTP2_PROTOCOL_ERROR + 1},
	{"GET", "/no-body", 0, 200, 1, 0, H2_BROKEN, NGHTTP2_PROTOCOL_ERROR + 1},
	{"GET", "/too-many-fields", 0, 200, 62, 0, H2_BROKEN, NGHTTP2_INTERNAL_ERROR + 1},
	{"GET", "/status/2x0", 0, 0, 0, 0, H2_BROKEN, NGHTTP2_PROTOCOL_ERROR + 1},
	{"GET", "/status/089", 0, 0, 0, 0, H2_BROKEN, NGHTTP2_INTERNAL_ERROR + 1},
	{"GET", "/status/600", 0, 0, 0, 0, H2_BROKEN, NGHTTP2_INTERNAL_ERROR + 1},
	{"GET", "/status/101", 0, 0, 0, 0, H2_BROKEN, NGHTTP2_PROTOCOL_ERROR + 1},
	{"GET", "/status/599", 0, 599, 1, 5, H2_DONE, 0},
};

enum { N_EXPECTED = sizeof(EXPECTED) / sizeof(EXPECTED[0]) };

START_TEST(answers_in_pieces)
{
	static const size_t PIECES[] = {1, 2, 7, 1000, BIG};
	const struct expected *e = &EXPECTED[_i];

	for (size_t i = 0; i < sizeof(PIECES) / sizeof(PIECES[0]); i++) {
		struct pair *p = make_pair(100);
		struct told *t = ask(p, e->method, e->path, e->sends), *next;

		talk(p, PIECES[i]);
		ck_assert(!p->failed);
		ck_assert_uint_eq(t->n_ended, 1);
		ck_assert_int_eq(t->how, e->how);
		ck_assert_uint_eq(t->status, e->status);
		ck_assert_uint_eq(t->n_began, e->status != 0);
		ck_assert_uint_eq(t->n_fields, e->n_fields);
		if (strcmp(e->path, "/long") != 0) /* nghttp2 may show some of what is too much */
			ck_assert_uint_eq(t->body, e->body);
		ck_assert_uint_eq(p->rst_code, e->rst_code);
		/* whatever it was, the connection lives */
		ck_assert(!h2_going_away(p->client));
		ck_assert_uint_eq(h2_room(p->client), 100);
		next = ask(p, "GET", "/plain", 0);
		talk(p, PIECES[i]);
		ck_assert_int_eq(next->how, H2_DONE);
		ck_assert_uint_eq(next->body, 5);
		ck_assert_uint_eq(next->n_ended, 1);
		ck_assert_str_eq(h2_why(p->client), "");
		free_pair(p);
	}
}
END_TEST

START_TEST(many_at_once)
{
	struct pair *p = make_pair(100);

	for (int i = 0; i < N_EXPECTED; i++)
		ask(p, EXPECTED[i].method, EXPECTED[i].path, EXPECTED[i].sends);
	talk(p, 977);
	for (int i = 0; i < N_EXPECTED; i++) {
		ck_assert_uint_eq(p->told[i].n_ended, 1);
		ck_assert_int_eq(p->told[i].how, EXPECTED[i].how);
		ck_assert_uint_eq(p->told[i].status, EXPECTED[i].status);
	}
	ck_assert_uint_eq(h2_room(p->client), 100);
	free_pair(p);
}
END_TEST

START_TEST(room_is_the_servers)
{
	struct pair *p = make_pair(1);
	struct told *t;

	talk(p, BIG);
	ck_assert_uint_eq(h2_room(p->client), 1);
	for (int i = 0; i < 5; i++) {
		t = ask(p, "GET", "/plain", 0);
		ck_assert_uint_eq(h2_room(p->client), 0);
		ck_assert_int_eq(request(p, &p->told[MANY - 1], "GET", "/plain", 0), -1);
		talk(p, BIG);
		ck_assert_int_eq(t->how, H2_DONE);
		ck_assert_uint_eq(h2_room(p->client), 1);
	}
	ck_assert_uint_eq(p->told[MANY - 1].n_ended, 0);
	ck_assert_uint_eq(p->n_serving, 5);
	free_pair(p);
}
END_TEST

/* A request that was sent before the server's limit was known is refused, or waits. */
START_TEST(limit_that_comes_late)
{
	struct pair *p = make_pair(1);
	struct told *a, *b;

	ck_assert_uint_eq(h2_room(p->client), 100);
	a = ask(p, "GET", "/plain", 0);
	b = ask(p, "GET", "/plain", 0);
	talk(p, 3);
	ck_assert_int_eq(a->how, H2_DONE);
	ck_assert_uint_eq(a->n_ended + b->n_ended, 2);
	ck_assert(b->how == H2_DONE || b->how == H2_REFUSED);
	ck_assert(!h2_going_away(p->client));
	free_pair(p);
}
END_TEST

START_TEST(goaway_refuses_what_is_above)
{
	struct pair *p = make_pair(100);
	struct told *before = ask(p, "GET", "/never", 0), *at = ask(p, "GET", "/goaway", 0);
	struct told *above = ask(p, "GET", "/plain", 0);

	talk(p, 5);
	ck_assert_uint_eq(before->n_ended, 0);
	ck_assert_int_eq(at->how, H2_DONE);
	ck_assert_uint_eq(above->n_ended, 1);
	ck_assert_int_eq(above->how, H2_REFUSED);
	ck_assert(!p->failed);
	ck_assert(h2_going_away(p->client));
	ck_assert_uint_eq(h2_room(p->client), 0);
	ck_assert_int_eq(request(p, above, "GET", "/plain", 0), -1);
	/* the one that goes on ends as it would */
	answer(p, serving_of(p, 1), "200", "5", 5, 0);
	talk(p, 5);
	ck_assert_int_eq(before->how, H2_DONE);
	ck_assert_uint_eq(before->n_ended, 1);
	free_pair(p);
}
END_TEST

START_TEST(goaway_before_a_request_is_sent)
{
	struct pair *p = make_pair(100);
	struct told *t;
	const uint8_t *in;
	ssize_t n;

	talk(p, BIG);
	nghttp2_submit_goaway(p->server, NGHTTP2_FLAG_NONE, 0, NGHTTP2_ENHANCE_YOUR_CALM, NULL, 0);
	t = ask(p, "GET", "/plain", 0);
	while ((n = nghttp2_session_mem_send(p->server, &in)) > 0)
		ck_assert_int_eq(h2_feed(p->client, (const char *)in, (size_t)n), 0);
	talk(p, BIG);
	ck_assert_uint_eq(t->n_ended, 1);
	ck_assert_int_eq(t->how, H2_REFUSED);
	ck_assert_uint_eq(p->n_serving, 0);
	ck_assert_ptr_nonnull(strstr(h2_why(p->client), "ENHANCE_YOUR_CALM"));
	free_pair(p);
}
END_TEST

START_TEST(cancelled_streams_are_silent)
{
	struct pair *p = make_pair(100);
	struct told *unsent = ask(p, "POST", "/echo", 100), *waiting, *middle, *after;

	h2_cancel(p->client, unsent);
	waiting = ask(p, "GET", "/never", 0); /* takes the record of the one before */
	talk(p, 10);
	ck_assert_uint_eq(h2_room(p->client), 99);
	p->rst_code = 0;
	h2_cancel(p->client, waiting);
	ck_assert_uint_eq(h2_room(p->client), 100);
	talk(p, 10);
	ck_assert_uint_eq(p->rst_code, NGHTTP2_CANCEL + 1);

	middle = ask(p, "GET", "/big", 0);
	middle->cancel_in_body = true;
	after = ask(p, "POST", "/echo", 1000);
	talk(p, 10);
	ck_assert_uint_gt(middle->body, 0);
	ck_assert_uint_lt(middle->body, BIG);
	ck_assert_int_eq(after->how, H2_DONE);
	ck_assert_uint_eq(after->body, 1000);
	ck_assert_uint_eq(unsent->n_ended + waiting->n_ended + middle->n_ended, 0);
	h2_cancel(p->client, after); /* it is over */
	talk(p, 10);
	ck_assert_uint_eq(after->n_ended, 1);
	free_pair(p);
}
END_TEST

/* While the body of one is being sent: its bytes must not be asked for any more. */
START_TEST(cancelled_in_the_middle_of_its_body)
{
	struct pair *p = make_pair(100);
	struct told *t = ask(p, "POST", "/echo", BIG), *next;

	for (int i = 0; i < 2; i++) {
		const char *out;
		size_t n = h2_pull(p->client, &out);

		nghttp2_session_mem_recv(p->server, (const uint8_t *)out, n);
	}
	h2_cancel(p->client, t);
	next = ask(p, "POST", "/echo", 70000);
	talk(p, 1000);
	ck_assert_uint_eq(t->n_ended, 0);
	ck_assert_uint_eq(next->body, 70000);
	ck_assert(!p->failed);
	free_pair(p);
}
END_TEST

static void again(void *arg, void *stream, enum h2_end how)
{
	struct pair *p = arg;

	ended(arg, stream, how);
	if (p->n_told < MANY)
		ask(p, "GET", "/plain", 0);
}

START_TEST(events_may_ask_again)
{
	struct pair *p = make_pair(1);
	struct h2_events events = {began, NULL, NULL, again, p};

	h2_free(p->client);
	p->client = h2_new(&events);
	ask(p, "GET", "/plain", 0);
	talk(p, 11);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(p->told[i].how, H2_DONE);
		ck_assert_uint_eq(p->told[i].n_ended, 1);
	}
	ck_assert_uint_eq(p->n_serving, MANY);
	free_pair(p);
}
END_TEST

/* Requests that cannot be sent are told of, and harm no other. */
START_TEST(too_large_a_request)
{
	struct pair *p = make_pair(100);
	static char large[200000];
	struct h2_field fields[] = {{SLICE(":method"), SLICE("GET")},
		{SLICE(":scheme"), SLICE("http")}, {SLICE(":path"), SLICE("/plain")},
		{SLICE("x-large"), {large, sizeof(large)}}};
	struct told *t = &p->told[p->n_told++], *next;

	memset(large, 'x', sizeof(large));
	ck_assert_int_eq(h2_request(p->client, fields, 4, NULL, 0, t), 0);
	next = ask(p, "GET", "/plain", 0);
	talk(p, BIG);
	ck_assert_uint_eq(t->n_ended, 1);
	ck_assert_int_eq(t->how, H2_BROKEN);
	ck_assert_int_eq(next->how, H2_DONE);
	free_pair(p);
}
END_TEST

#define SETTINGS "\0\0\0\4\0\0\0\0\0"

#define ACK "\0\0\0\4\1\0\0\0\0"

static const struct garbage {
	const char *bytes;
	size_t len;
	const char *why;
} GARBAGE[] = {
#define G(bytes, why)                                                                              \
	{                                                                                          \
		bytes, sizeof(bytes) - 1, why                                                      \
	}
	G("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "does not speak HTTP/2"),
	G("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "does not speak HTTP/2"),
	/* a frame of 16 MiB; an answer on a stream that nobody opened; headers that are no HPACK;
	   a push, data, a window of nothing, a PING too short */
	G(SETTINGS "\xff\xff\xff\1\4\0\0\0\1", "FRAME_SIZE_ERROR"),
	G(SETTINGS "\0\0\1\1\5\0\0\0\7\x88", "PROTOCOL_ERROR"),
	G(SETTINGS "\0\0\3\1\5\0\0\0\1\xff\xff\xff", "COMPRESSION_ERROR"),
	G(SETTINGS ACK "\0\0\5\5\4\0\0\0\1\0\0\0\2\x82", "PROTOCOL_ERROR"),
	G(SETTINGS "\0\0\1\0\0\0\0\0\0x", "PROTOCOL_ERROR"),
	G(SETTINGS "\0\0\4\x8\0\0\0\0\0\0\0\0\0", "PROTOCOL_ERROR"),
	G(SETTINGS "\0\0\1\6\0\0\0\0\0x", "FRAME_SIZE_ERROR"),
#undef G
};

enum { N_GARBAGE = sizeof(GARBAGE) / sizeof(GARBAGE[0]) };

START_TEST(garbage_ends_the_connection)
{
	const struct garbage *g = &GARBAGE[_i];

	for (size_t piece = 1; piece <= g->len; piece += g->len - 1) {
		struct pair *p = make_pair(100);
		struct told *t = ask(p, "GET", "/plain", 0);
		const char *out;

		ck_assert_uint_gt(h2_pull(p->client, &out), 24);
		for (size_t at = 0; at < g->len && !p->failed; at += piece)
			p->failed = h2_feed(p->client, g->bytes + at,
					    piece < g->len - at ? piece : g->len - at) != 0;
		ck_assert(p->failed);
		ck_assert_msg(strstr(h2_why(p->client), g->why) != NULL, "%s", h2_why(p->client));
		ck_assert(h2_going_away(p->client));
		ck_assert_uint_eq(h2_room(p->client), 0);
		ck_assert_uint_gt(h2_pull(p->client, &out), 0); /* GOAWAY says why */
		ck_assert_uint_eq(h2_pull(p->client, &out), 0);
		ck_assert_int_eq(h2_feed(p->client, SETTINGS, 9), -1);
		ck_assert_uint_eq(t->n_ended, 0);
		free_pair(p);
	}
}
END_TEST

/* Requests started together go out together. */
START_TEST(small_requests_are_gathered)
{
	struct pair *p = make_pair(100);
	const char *out;

	for (int i = 0; i < MANY; i++)
		ask(p, "GET", "/plain", 0);
	ck_assert_uint_gt(h2_pull(p->client, &out), 24 + MANY * 9);
	ck_assert_int_eq(memcmp(out, "PRI * HTTP/2.0\r\n", 16), 0);
	ck_assert_uint_eq(h2_pull(p->client, &out), 0);
	free_pair(p);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("h2");
	TCase *tc = tcase_create("h2");

	tcase_add_loop_test(tc, answers_in_pieces, 0, N_EXPECTED);
	tcase_add_test(tc, many_at_once);
	tcase_add_test(tc, room_is_the_servers);
	tcase_add_test(tc, limit_that_comes_late);
	tcase_add_test(tc, goaway_refuses_what_is_above);
	tcase_add_test(tc, goaway_before_a_request_is_sent);
	tcase_add_test(tc, cancelled_streams_are_silent);
	tcase_add_test(tc, cancelled_in_the_middle_of_its_body);
	tcase_add_test(tc, events_may_ask_again);
	tcase_add_test(tc, too_large_a_request);
	tcase_add_loop_test(tc, garbage_ends_the_connection, 0, N_GARBAGE);
	tcase_add_test(tc, small_requests_are_gathered);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}

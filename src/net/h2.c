#include "net/h2.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	STREAM_WINDOW = 16 << 20,
	CONNECTION_WINDOW = 1 << 30,
	FIELDS_MAX = 65536, /* bytes of names and values of an answer, as RFC 9113, 6.5.2 counts */
	GATHER = 16384,     /* bytes to send at once: many requests, or one frame of a body */
};

/* A stream under way. Kept on a list of the connection, and afterwards for the next one. */
struct record {
	struct record *next, *prev;
	void *user;
	char *body; /* of the request; or NULL */
	size_t body_len, body_at;
	uint32_t n_fields_bytes;
	int32_t id;
	bool began, whole; /* the answer's final status was read; all of it was */
	bool in_answer;    /* the header block being read is that of the final answer */
	bool reset_by_peer;
};

struct h2 {
	nghttp2_session *session;
	struct h2_events events;
	struct record *open, *spare;
	size_t n_open;
	nghttp2_nv *fields;
	size_t fields_cap;
	char *out; /* gathered, and not pulled yet */
	size_t n_out, out_cap;
	bool pulled; /* `out` was handed out and may be written over */
	bool going_away, broken;
	char why[160];
};

/* nghttp2 may still know a stream that is over here (cancelled), whose record may be another's. */
static struct record *record_of(struct h2 *h, int32_t id)
{
	struct record *r = nghttp2_session_get_stream_user_data(h->session, id);

	return r && r->id == id ? r : NULL;
}

static struct record *record_new(struct h2 *h)
{
	struct record *r = h->spare;

	if (r)
		h->spare = r->next;
	else
		r = mem_alloc(1, sizeof(*r));
	*r = (struct record){.next = h->open};
	if (h->open)
		h->open->prev = r;
	h->open = r;
	h->n_open++;
	return r;
}

static void record_drop(struct h2 *h, struct record *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		h->open = r->next;
	if (r->next)
		r->next->prev = r->prev;
	free(r->body);
	r->body = NULL;
	r->id = 0;
	r->next = h->spare;
	h->spare = r;
	h->n_open--;
}

/* The record goes first: the event may start a request, which takes it. */
static void end_stream(struct h2 *h, struct record *r, enum h2_end how)
{
	void *user = r->user;

	record_drop(h, r);
	h->events.ended(h->events.arg, user, how);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct record *r = record_of(arg, frame->hd.stream_id);

	(void)session;
	if (r)
		r->in_answer = false;
	return 0;
}

/* nghttp2 has checked that it is three digits, and the first of its block. False outside 100 to
 * 599, as in HTTP/1.1. */
static bool read_status(struct h2 *h, struct record *r, const uint8_t *p)
{
	unsigned status =
		(unsigned)(p[0] - '0') * 100 + (unsigned)(p[1] - '0') * 10 + (unsigned)(p[2] - '0');

	if (status < 100 || status > 599)
		return false;
	if (status >= 200 && !r->began) {
		r->began = r->in_answer = true;
		h->events.began(h->events.arg, r->user, status);
	}
	return true;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
	struct h2 *h = arg;
	struct record *r = record_of(h, frame->hd.stream_id);

	(void)session;
	(void)flags;
	if (!r)
		return 0;
	r->n_fields_bytes += (uint32_t)(name_len + value_len + 32);
	if (r->n_fields_bytes > FIELDS_MAX)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* resets the stream */
	if (name_len == 7 && value_len == 3 && !memcmp(name, ":status", 7))
		return read_status(h, r, value) ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (r->in_answer && h->events.field)
		h->events.field(h->events.arg, r->user,
			(struct http_slice){(const char *)name, name_len},
			(struct http_slice){(const char *)value, value_len});
	return 0;
}

static int on_data(
	nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *arg)
{
	struct h2 *h = arg;
	struct record *r = h->events.body ? record_of(h, id) : NULL;

	(void)session;
	(void)flags;
	if (r)
		h->events.body(h->events.arg, r->user, (const char *)p, n);
	return 0;
}

static void on_goaway(struct h2 *h, const nghttp2_goaway *frame)
{
	h->going_away = true;
	if (frame->error_code != NGHTTP2_NO_ERROR && !*h->why)
		snprintf(h->why, sizeof(h->why), "the server ended the HTTP/2 connection: %s",
			nghttp2_http2_strerror(frame->error_code));
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2 *h = arg;
	struct record *r;

	switch (frame->hd.type) {
	case NGHTTP2_GOAWAY: on_goaway(h, &frame->goaway); return 0;
	case NGHTTP2_RST_STREAM:
		r = record_of(h, frame->hd.stream_id);
		if (r)
			r->reset_by_peer = true;
		return 0;
	case NGHTTP2_DATA:
	case NGHTTP2_HEADERS:
		if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
			return 0;
		r = record_of(h, frame->hd.stream_id);
		if (!r)
			return 0;
		r->whole = r->began;
		/* The answer came before the request's body was sent: nobody wants the rest. */
		if (!nghttp2_session_get_stream_local_close(session, r->id))
			nghttp2_submit_rst_stream(
				session, NGHTTP2_FLAG_NONE, r->id, NGHTTP2_NO_ERROR);
		return 0;
	default: return 0;
	}
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct h2 *h = arg;
	struct record *r = record_of(h, id);

	(void)session;
	if (!r)
		return 0;
	if (r->whole && code == NGHTTP2_NO_ERROR)
		end_stream(h, r, H2_DONE);
	else if (code == NGHTTP2_REFUSED_STREAM)
		end_stream(h, r, H2_REFUSED); /* by a reset, or by GOAWAY */
	else
		end_stream(h, r, r->reset_by_peer ? H2_RESET : H2_BROKEN);
	return 0;
}

/* A request that never left: the connection is going away, or its fields are too large. */
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int code, void *arg)
{
	struct h2 *h = arg;
	struct record *r = h->open;

	(void)session;
	(void)code;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	while (r && r->id != frame->hd.stream_id)
		r = r->next;
	if (!r)
		return 0;
	end_stream(h, r, h->going_away ? H2_REFUSED : H2_BROKEN);
	return 0;
}

/* GOAWAY with a reason is how nghttp2 ends a connection whose peer broke the protocol. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2 *h = arg;

	(void)session;
	if (frame->hd.type != NGHTTP2_GOAWAY || frame->goaway.error_code == NGHTTP2_NO_ERROR)
		return 0;
	h->broken = true;
	if (!*h->why)
		snprintf(h->why, sizeof(h->why), "the server broke HTTP/2: %s%s%.*s",
			nghttp2_http2_strerror(frame->goaway.error_code),
			frame->goaway.opaque_data_len ? ", " : "",
			(int)frame->goaway.opaque_data_len,
			frame->goaway.opaque_data_len ? (const char *)frame->goaway.opaque_data
						      : "");
	return 0;
}

static int on_error(nghttp2_session *session, int code, const char *text, size_t len, void *arg)
{
	struct h2 *h = arg;

	(void)session;
	(void)text;
	(void)len;
	if (code == NGHTTP2_ERR_SETTINGS_EXPECTED)
		snprintf(h->why, sizeof(h->why),
			"the server does not speak HTTP/2 on this port; take --http 1.1");
	return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t max,
	uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct record *r = record_of(arg, id);
	size_t n;

	(void)session;
	(void)source;
	if (!r)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* cancelled */
	n = r->body_len - r->body_at;
	n = n < max ? n : max;
	memcpy(out, r->body + r->body_at, n);
	r->body_at += n;
	if (r->body_at == r->body_len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* nghttp2 fails only where it is out of memory, or this file misuses it. */
static void must(int rc)
{
	if (rc)
		abort();
}

static nghttp2_session *make_session(struct h2 *h)
{
	nghttp2_session_callbacks *calls;
	nghttp2_option *option;
	nghttp2_session *session;

	must(nghttp2_session_callbacks_new(&calls));
	must(nghttp2_option_new(&option));
	nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(calls, on_not_sent);
	nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_sent);
	nghttp2_session_callbacks_set_error_callback2(calls, on_error);
	nghttp2_option_set_no_closed_streams(option, 1); /* they serve priorities only */
	/* Pushes that come before the server has seen that there are to be none. */
	nghttp2_option_set_max_reserved_remote_streams(option, 0);
	must(nghttp2_session_client_new2(&session, calls, h, option));
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(calls);
	return session;
}

struct h2 *h2_new(const struct h2_events *events)
{
	static const nghttp2_settings_entry SETTINGS[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, FIELDS_MAX},
	};
	struct h2 *h = mem_zalloc(1, sizeof(*h));

	h->events = *events;
	h->session = make_session(h);
	must(nghttp2_submit_settings(
		h->session, NGHTTP2_FLAG_NONE, SETTINGS, sizeof(SETTINGS) / sizeof(SETTINGS[0])));
	must(nghttp2_session_set_local_window_size(
		h->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW));
	return h;
}

static void free_records(struct record *r)
{
	while (r) {
		struct record *next = r->next;

		free(r->body);
		free(r);
		r = next;
	}
}

void h2_free(struct h2 *h)
{
	if (!h)
		return;
	nghttp2_session_del(h->session);
	free_records(h->open);
	free_records(h->spare);
	free(h->fields);
	free(h->out);
	free(h);
}

static uint8_t *bytes(const char *p)
{
	return (uint8_t *)p; /* nghttp2 copies them, and takes no const */
}

int h2_request(struct h2 *h, const struct h2_field *fields, size_t n, const char *body,
	size_t body_len, void *stream)
{
	nghttp2_data_provider provider = {.read_callback = read_body};
	struct record *r;

	if (!h2_room(h))
		return -1;
	h->fields = mem_grow(h->fields, &h->fields_cap, n, sizeof(*h->fields));
	for (size_t i = 0; i < n; i++)
		h->fields[i] = (nghttp2_nv){bytes(fields[i].name.p), bytes(fields[i].value.p),
			fields[i].name.len, fields[i].value.len, NGHTTP2_NV_FLAG_NONE};
	r = record_new(h);
	r->user = stream;
	if (body_len) {
		r->body = mem_copy(body, body_len);
		r->body_len = body_len;
	}
	r->id = nghttp2_submit_request(
		h->session, NULL, h->fields, n, body_len ? &provider : NULL, r);
	if (r->id > 0)
		return 0;
	if (r->id == NGHTTP2_ERR_NOMEM)
		abort();
	record_drop(h, r);
	return -1;
}

void h2_cancel(struct h2 *h, void *stream)
{
	struct record *r = h->open;

	while (r && r->user != stream)
		r = r->next;
	if (!r)
		return;
	must(nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, r->id, NGHTTP2_CANCEL));
	record_drop(h, r);
}

bool h2_going_away(const struct h2 *h)
{
	return h->going_away || h->broken || !nghttp2_session_check_request_allowed(h->session);
}

size_t h2_room(const struct h2 *h)
{
	size_t limit = nghttp2_session_get_remote_settings(
		h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

	return h->n_open >= limit || h2_going_away(h) ? 0 : limit - h->n_open;
}

static int fail(struct h2 *h, ssize_t code)
{
	if (code == NGHTTP2_ERR_NOMEM)
		abort();
	h->broken = true;
	if (!*h->why)
		snprintf(h->why, sizeof(h->why), "the server broke HTTP/2: %s",
			nghttp2_strerror((int)code));
	return -1;
}

/* Takes frames from nghttp2, which gives them one by one, so that they can be sent together. */
static void gather(struct h2 *h)
{
	const uint8_t *p;
	ssize_t n;

	if (h->pulled)
		h->n_out = 0;
	h->pulled = false;
	while (h->n_out < GATHER && (n = nghttp2_session_mem_send(h->session, &p)) != 0) {
		if (n < 0) {
			fail(h, n);
			break;
		}
		h->out = mem_grow(h->out, &h->out_cap, h->n_out + (size_t)n, 1);
		memcpy(h->out + h->n_out, p, (size_t)n);
		h->n_out += (size_t)n;
	}
}

int h2_feed(struct h2 *h, const char *p, size_t n)
{
	ssize_t taken;

	if (h->broken)
		return -1;
	taken = nghttp2_session_mem_recv(h->session, (const uint8_t *)p, n);
	if (taken < 0)
		return fail(h, taken);
	/* What nghttp2 found wrong it tells by the frames that it wants to send. */
	gather(h);
	return h->broken ? -1 : 0;
}

size_t h2_pull(struct h2 *h, const char **p)
{
	gather(h);
	h->pulled = true;
	*p = h->out;
	return h->n_out;
}

const char *h2_why(const struct h2 *h)
{
	return h->why;
}

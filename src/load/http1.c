/* HTTP/1.1 on a connection: answers come in the order of the requests. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "load/load_internal.h"

/* So long a body waits for 100 Continue (RFC 9110, 10.1.1: a client need not wait for ever). */
static const uint64_t EXPECT_NS = 1000 * NS_PER_MS;

static size_t room(const struct load_worker *w, const struct load_conn *c)
{
	return w->plan->depth - c->under_way;
}

/* The next answer is to this request. */
static void await(struct load_worker *w, struct load_conn *c, const struct load_user *u)
{
	http_response_init(&c->response, load_step_of(w, u)->request.to_head);
}

/* Its bytes; *head_len of them come before the body. */
static const struct str *request_of(struct load_worker *w, struct load_user *u, size_t *head_len)
{
	const struct load_plan *plan = w->plan;
	const struct load_ready *ready = &plan->ready[u->step];
	const struct load_request *r = &load_step_of(w, u)->request;
	struct template_values v;
	const char *cookies;

	if (ready->bytes.len) {
		*head_len = ready->head_len;
		return &ready->bytes;
	}
	v = load_user_values(w, u);
	cookies = load_user_cookies(w, u, &v, &w->cookies);
	str_clear(&w->text);
	load_request_write(r, &plan->origins.items[r->origin], &v, cookies, !plan->spec->keepalive,
		plan->spec->expect, &w->body, &w->text, head_len);
	return &w->text;
}

static void send_request(struct load_worker *w, struct load_conn *c, struct load_user *u)
{
	size_t head_len;
	const struct str *bytes = request_of(w, u, &head_len);
	size_t len = bytes->len;

	if (!c->sent.first)
		await(w, c, u);
	load_row_push(&c->sent, u);
	load_conn_sent(w, c, u);
	if (w->plan->spec->expect && head_len < len) {
		/* The body waits in `held`; plan.c allows one request at a time with this. */
		str_clear(&c->held);
		str_add_bytes(&c->held, bytes->p + head_len, len - head_len);
		c->expecting = true;
		timer_set(&w->timers, &u->timer, w->now_ns + EXPECT_NS);
		len = head_len;
	}
	/* One request is sent as it lies there; of several, one send is made. */
	if (w->plan->depth == 1)
		load_conn_write(w, c, bytes->p, len);
	else
		load_conn_add(c, bytes->p, len);
}

void load_http1_body(struct load_worker *w, struct load_conn *c)
{
	if (!c->expecting)
		return;
	c->expecting = false;
	timer_cancel(&w->timers, &c->sent.first->timer);
	load_conn_write(w, c, c->held.p, c->held.len);
}

/* Keeps what the parser could not use yet: an unfinished line. */
static void keep(struct load_conn *c, const char *p, size_t n)
{
	if (n && !c->kept)
		c->kept = mem_alloc(HTTP_HEAD_MAX, 1);
	if (n)
		memcpy(c->kept, p, n);
	c->n_kept = (uint32_t)n;
}

static enum http_progress feed(struct load_worker *w, struct load_conn *c, struct load_user *u,
	const char *p, size_t len, size_t *used)
{
	struct http_sink sink = {load_user_field, load_user_body, u};

	if (!load_user_listens(w, u))
		return http_response_feed(&c->response, &w->memo, p, len, used);
	return http_response_feed_to(&c->response, &sink, p, len, used);
}

/* The first answer is whole. */
static void finish(struct load_worker *w, struct load_conn *c)
{
	struct load_user *u = load_row_pop(&c->sent);
	unsigned status = c->response.status;

	/* What Expect held back was not wanted, and some of a request was not sent: whatever came
	 * next on this connection could be taken for the rest of it. */
	if (!c->response.keepalive || c->expecting || (c->wants_out && !c->sent.first))
		c->going = true;
	if (c->expecting)
		timer_cancel(&w->timers, &u->timer);
	c->expecting = false;
	if (c->sent.first)
		await(w, c, c->sent.first);
	else
		http_response_init(&c->response, false);
	load_conn_answered(w, c, u, status);
}

/* Looks at the bytes in w->buffer. False when the connection is not to be read on now. */
static bool take(struct load_worker *w, struct load_conn *c, size_t len)
{
	const char *p = w->buffer;

	c->n_kept = 0;
	while (len) {
		struct load_user *u = c->sent.first;
		size_t used;

		if (!u->first_ns)
			u->first_ns = w->now_ns;
		switch (feed(w, c, u, p, len, &used)) {
		case HTTP_MORE:
			keep(c, p + used, len - used);
			if (c->expecting && c->response.continued)
				load_http1_body(w, c);
			return c->state == CONN_OPEN;
		case HTTP_DONE: break;
		default: load_conn_malformed(w, c, c->response.why); return false;
		}
		p += used;
		len -= used;
		/* Bytes behind the end answer nothing that was asked: some length was wrong. */
		if (len && !u->behind) {
			load_conn_malformed(w, c, "bytes behind the end of an answer");
			return false;
		}
		finish(w, c);
	}
	return c->sent.first != NULL;
}

/* n bytes of body were dropped unseen. False when the answer is whole. */
static bool drop(struct load_worker *w, struct load_conn *c, size_t n)
{
	if (http_response_skip(&c->response, n) == HTTP_MORE)
		return true;
	finish(w, c);
	return false;
}

static void input_ended(struct load_worker *w, struct load_conn *c)
{
	bool began = http_response_began(&c->response) || c->n_kept;

	if (c->sent.first && http_response_end(&c->response) == HTTP_DONE) {
		c->going = true;
		finish(w, c);
		began = false;
	}
	/* Where nobody waits for an answer, the service closed an idle connection: no fault. */
	if (c->state == CONN_OPEN)
		load_conn_fail(w, c, began ? LOAD_TRUNCATED : LOAD_CLOSED, LOAD_CLOSED);
}

/* Reads until there is no more, or nobody waits for an answer. A read that was not filled has
 * emptied the socket; what comes later makes an edge of its own, but an end that came with it does
 * not. */
static void receive(struct load_worker *w, struct load_conn *c, bool ended)
{
	for (;;) {
		size_t left = LOAD_BUFFER - c->n_kept;
		/* A body that nobody looks at need not be copied out of the kernel. */
		bool body = !c->tls && !c->n_kept && c->sent.first &&
			    http_response_ahead(&c->response) >= left &&
			    !load_user_listens(w, c->sent.first);
		ssize_t n;

		if (c->n_kept)
			memcpy(w->buffer, c->kept, c->n_kept);
		n = load_conn_read(w, c, w->buffer + c->n_kept, left, body ? MSG_TRUNC : 0);
		if (n == 0)
			input_ended(w, c);
		if (n <= 0)
			return;
		if (!c->sent.first) { /* bytes that nobody asked for */
			load_conn_close(w, c);
			return;
		}
		if (body ? !drop(w, c, (size_t)n) : !take(w, c, c->n_kept + (size_t)n)) {
			if (!ended || c->state != CONN_OPEN)
				return;
			continue; /* to its end, so that nobody is sent over it */
		}
		if (!ended && load_conn_drained(c, (size_t)n, left))
			return;
	}
}

const struct load_protocol LOAD_OVER_HTTP1 = {
	.name = "HTTP/1.1",
	.room = room,
	.send = send_request,
	.receive = receive,
};

/* HTTP/2 on a connection: each user's request is a stream of its own. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "load/load_internal.h"

static void on_began(void *arg, void *stream, unsigned status)
{
	struct load_user *u = stream;

	(void)arg;
	u->status = (uint16_t)status;
	u->first_ns = u->worker->now_ns;
}

static void on_field(void *arg, void *stream, struct http_slice name, struct http_slice value)
{
	struct load_user *u = stream;

	(void)arg;
	if (load_user_listens(u->worker, u))
		load_user_field(u, name, value);
}

static void on_body(void *arg, void *stream, const char *p, size_t n)
{
	struct load_user *u = stream;

	(void)arg;
	if (load_user_listens(u->worker, u))
		load_user_body(u, p, n);
}

static void on_ended(void *arg, void *stream, enum h2_end how)
{
	struct load_user *u = stream;
	struct load_worker *w = u->worker;
	struct load_conn *c = u->conn;

	(void)arg;
	if (how == H2_DONE) {
		load_conn_answered(w, c, u, u->status);
		return;
	}
	c->under_way--;
	load_user_fail(w, u, how == H2_BROKEN ? LOAD_MALFORMED : LOAD_RESET);
}

static const struct h2_events EVENTS = {
	.began = on_began, .field = on_field, .body = on_body, .ended = on_ended};

static void start(struct load_worker *w, struct load_conn *c)
{
	(void)w;
	c->h2 = h2_new(&EVENTS);
}

static size_t room(const struct load_worker *w, const struct load_conn *c)
{
	size_t most = h2_room(c->h2), ours = w->plan->depth - c->under_way;

	return most < ours ? most : ours;
}

static void send_request(struct load_worker *w, struct load_conn *c, struct load_user *u)
{
	const struct load_request *r = &load_step_of(w, u)->request;
	struct template_values v = load_user_values(w, u);
	const char *cookies = load_user_cookies(w, u, &v, &w->cookies);
	struct load_fields *f = &w->fields;

	load_request_fields(r, &w->plan->origins.items[r->origin], &v, cookies, f);
	if (h2_request(c->h2, f->items, f->n, f->payload.p, f->payload.len, u)) {
		/* Its ids are used up, or it is going away: another connection will do it. */
		c->going = true;
		load_row_push(&c->unsent, u);
		return;
	}
	load_conn_sent(w, c, u);
}

static void flush(struct load_worker *w, struct load_conn *c)
{
	const char *p;
	size_t n;

	while (c->state == CONN_OPEN && (n = h2_pull(c->h2, &p)))
		load_conn_write(w, c, p, n);
}

static void receive(struct load_worker *w, struct load_conn *c, bool ended)
{
	for (;;) {
		ssize_t n = load_conn_read(w, c, w->buffer, LOAD_BUFFER, 0);

		if (n == -1)
			break;
		if (n == 0)
			load_conn_fail(w, c, LOAD_CLOSED, LOAD_CLOSED);
		if (n <= 0)
			return;
		if (h2_feed(c->h2, w->buffer, (size_t)n)) {
			load_conn_malformed(w, c, h2_why(c->h2));
			return;
		}
		if (!ended && load_conn_drained(c, (size_t)n, LOAD_BUFFER))
			break;
	}
	c->going |= h2_going_away(c->h2);
}

static void cancel(struct load_worker *w, struct load_conn *c, struct load_user *u)
{
	(void)w;
	h2_cancel(c->h2, u);
}

const struct load_protocol LOAD_OVER_HTTP2 = {
	.name = "h2",
	.start = start,
	.room = room,
	.send = send_request,
	.flush = flush,
	.receive = receive,
	.cancel = cancel,
};

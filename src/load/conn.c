/*
 * One connection, shared by `pipeline` users. Registered with epoll once, edge-triggered for
 * everything, so that the loop makes no epoll_ctl call while it runs: an edge for reading comes
 * with each answer, one for writing only after the socket was full. All that is ready is read, then
 * what is to be sent is sent. On Linux a connect to this machine is through when the call returns,
 * so that is looked at at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "load/load_internal.h"

static const struct load_protocol *protocol_of(const struct load_conn *c)
{
	return c->is_h2 ? &LOAD_OVER_HTTP2 : &LOAD_OVER_HTTP1;
}

static const struct load_place *place_of(const struct load_worker *w, const struct load_conn *c)
{
	return &w->plan->places[c->origin];
}

void load_conn_close(struct load_worker *w, struct load_conn *c)
{
	(void)w;
	if (c->h2)
		h2_free(c->h2);
	if (c->tls)
		tls_free(c->tls);
	if (c->fd >= 0)
		close(c->fd);
	c->h2 = NULL;
	c->tls = NULL;
	c->fd = -1;
	c->state = CONN_CLOSED;
	c->going = c->expecting = c->wants_out = c->holds_out = c->is_h2 = false;
	c->n_kept = c->under_way = 0;
	c->used = 0;
	c->out_at = 0;
	str_clear(&c->out);
}

static enum load_error kind_of(int error, bool connecting)
{
	switch (error) {
	case ECONNREFUSED: return LOAD_REFUSED;
	case ETIMEDOUT: return LOAD_TIMEOUT;
	case ECONNRESET:
	case EPIPE: return LOAD_RESET;
	case ENOENT: return LOAD_REFUSED; /* a Unix socket that is not there */
	default: return connecting ? LOAD_CONNECT : LOAD_RESET;
	}
}

/* Whose streams are open on it. Streams have no order, so they are in no row. */
static void gather_streams(struct load_worker *w, struct load_conn *c, struct load_row *into)
{
	struct load_user *u = &w->users[c->group * w->plan->depth];

	for (uint64_t i = 0; i < w->plan->depth; i++)
		if (u[i].conn == c && u[i].state == USER_BUSY)
			load_row_push(into, &u[i]);
}

void load_conn_fail(
	struct load_worker *w, struct load_conn *c, enum load_error first, enum load_error others)
{
	struct load_row sent = c->sent, unsent = c->unsent;
	bool stood = c->state == CONN_OPEN, working = c->working;
	enum load_error kind = first;

	if (c->is_h2)
		gather_streams(w, c, &sent);
	c->sent = c->unsent = (struct load_row){0};
	load_conn_close(w, c);
	/* Those who go on at once come back to this connection: not before all have failed. */
	c->working = true;
	while (sent.first) {
		load_user_fail(w, load_row_pop(&sent), kind);
		kind = others;
	}
	while (unsent.first) {
		struct load_user *u = load_row_pop(&unsent);

		if (stood)
			load_conn_carry(w, c, u); /* it was not sent: another connection will */
		else
			load_user_fail(w, u, first);
	}
	c->working = working;
	if (!working && c->unsent.first && c->state == CONN_CLOSED)
		load_conn_open(w, c);
}

/* ---- bytes out ---- */

/* How many of the bytes the socket took: 0 … n, or −1 where it failed and was dealt with. */
static ssize_t push(struct load_worker *w, struct load_conn *c, const char *p, size_t n)
{
	ssize_t sent;

	if (c->tls) {
		sent = tls_write(c->tls, p, n);
		if (sent >= 0 || sent == TLS_AGAIN) {
			c->wants_out = sent < (ssize_t)n;
			sent = sent > 0 ? sent : 0;
			w->bytes_out += (uint64_t)sent;
			return sent;
		}
		load_conn_fail(w, c, LOAD_RESET, LOAD_RESET);
		return -1;
	}
	do
		sent = send(c->fd, p, n, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno != EAGAIN) {
		load_conn_fail(w, c, kind_of(errno, false), LOAD_RESET);
		return -1;
	}
	c->wants_out = sent < (ssize_t)n; /* an edge for writing will come */
	sent = sent > 0 ? sent : 0;
	w->bytes_out += (uint64_t)sent;
	return sent;
}

void load_conn_add(struct load_conn *c, const char *p, size_t n)
{
	str_add_bytes(&c->out, p, n);
	c->holds_out = true;
}

static void flush(struct load_worker *w, struct load_conn *c)
{
	while (c->out_at < c->out.len) {
		ssize_t n = push(w, c, c->out.p + c->out_at, c->out.len - c->out_at);

		if (n < 0)
			return;
		c->out_at += (size_t)n;
		if (c->wants_out)
			return;
	}
	c->out_at = 0;
	c->holds_out = false;
	str_clear(&c->out);
}

void load_conn_write(struct load_worker *w, struct load_conn *c, const char *p, size_t n)
{
	ssize_t sent = 0;

	while (!c->holds_out && n && !c->wants_out) {
		sent = push(w, c, p, n);
		if (sent < 0)
			return;
		p += sent;
		n -= (size_t)sent;
	}
	if (n)
		load_conn_add(c, p, n);
}

/* Sends the requests of those who wait, as far as the protocol lets them. */
static void pump(struct load_worker *w, struct load_conn *c)
{
	const struct load_protocol *protocol = protocol_of(c);

	while (c->state == CONN_OPEN && c->unsent.first && !c->going && protocol->room(w, c))
		protocol->send(w, c, load_row_pop(&c->unsent));
	if (c->state != CONN_OPEN)
		return;
	if (protocol->flush)
		protocol->flush(w, c);
	if (c->state == CONN_OPEN && c->holds_out && !c->wants_out)
		flush(w, c);
}

void load_conn_sent(struct load_worker *w, struct load_conn *c, struct load_user *u)
{
	const struct load_spec *spec = w->plan->spec;

	u->state = USER_BUSY;
	u->sent_ns = w->now_ns;
	c->under_way++;
	c->used++;
	if (!spec->keepalive || (spec->requests_per_connection &&
					c->used >= (uint64_t)spec->requests_per_connection))
		c->going = true;
}

void load_conn_answered(
	struct load_worker *w, struct load_conn *c, struct load_user *u, unsigned status)
{
	c->under_way--;
	load_user_finish(w, u, status);
}

/* After bytes were looked at: closes what is through, and sends who waits. */
static void settle(struct load_worker *w, struct load_conn *c)
{
	if (c->state == CONN_OPEN && c->going && !c->under_way)
		load_conn_close(w, c);
	if (c->state == CONN_OPEN)
		pump(w, c);
	else if (c->state == CONN_CLOSED && c->unsent.first)
		load_conn_open(w, c);
}

/* ---- opening ---- */

static void stand(struct load_worker *w, struct load_conn *c)
{
	c->state = CONN_OPEN;
	w->spoke_1 |= !c->is_h2;
	w->spoke_2 |= c->is_h2;
	c->working = true; /* until all that is to be said at first is said */
	if (protocol_of(c)->start)
		protocol_of(c)->start(w, c);
	c->working = false;
	if (c->state == CONN_OPEN)
		pump(w, c);
}

static void note_why(struct load_worker *w, const char *text)
{
	if (!w->why[0])
		snprintf(w->why, sizeof(w->why), "%s", text);
}

void load_conn_malformed(struct load_worker *w, struct load_conn *c, const char *why)
{
	if (!w->malformed[0])
		snprintf(w->malformed, sizeof(w->malformed), "%s", why ? why : "");
	load_conn_fail(w, c, LOAD_MALFORMED, c->is_h2 ? LOAD_MALFORMED : LOAD_CLOSED);
}

static void shaken(struct load_worker *w, struct load_conn *c)
{
	bool h2 = !strcmp(tls_protocol(c->tls), "h2");

	w->handshakes++;
	w->resumed += tls_resumed(c->tls);
	hist_record(&w->tls, w->now_ns - c->tcp_ns);
	if (!w->tls_version[0]) {
		snprintf(w->tls_version, sizeof(w->tls_version), "%s", tls_version(c->tls));
		snprintf(w->tls_cipher, sizeof(w->tls_cipher), "%s", tls_cipher(c->tls));
	}
	if (w->plan->spec->http == LOAD_HTTP_2 && !h2) {
		note_why(w, "the service does not offer HTTP/2 (ALPN); use --http 1.1");
		load_conn_fail(w, c, LOAD_TLS, LOAD_TLS);
		return;
	}
	c->is_h2 = h2;
	stand(w, c);
}

static void shake(struct load_worker *w, struct load_conn *c)
{
	int rc = tls_handshake(c->tls);

	w->now_ns = clock_now_ns();
	if (rc == TLS_DONE) {
		shaken(w, c);
	} else if (rc != TLS_AGAIN) {
		note_why(w, rc == TLS_FAILED ? tls_why(c->tls)
					     : "the service closed the connection in the middle of "
					       "it; does it speak TLS on this port?");
		load_conn_fail(w, c, LOAD_TLS, LOAD_TLS);
	}
}

/* TCP stands, if it does. */
static void established(struct load_worker *w, struct load_conn *c)
{
	const struct load_place *place = place_of(w, c);
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	if (getpeername(c->fd, (struct sockaddr *)&peer, &len))
		return; /* an edge for writing will come */
	w->connects++;
	hist_record(&w->connect, w->now_ns - c->opened_ns);
	c->tcp_ns = w->now_ns;
	if (!place->tls) {
		c->is_h2 = w->plan->spec->http == LOAD_HTTP_2;
		stand(w, c);
		return;
	}
	c->state = CONN_SHAKING;
	c->tls = tls_new(place->tls, c->fd, place->server_name);
	if (w->plan->spec->tls_resume)
		tls_use_session(c->tls, &w->sessions[c->origin]);
	shake(w, c);
}

void load_conn_open(struct load_worker *w, struct load_conn *c)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
	const struct load_plan *plan = w->plan;
	const struct sock_address *from = NULL;
	int fd;

	if (plan->n_sources)
		from = &plan->sources[(c->group * plan->threads + w->index) % plan->n_sources];
	w->now_ns = clock_now_ns();
	c->opened_ns = w->now_ns;
	fd = sock_connect_from(&place_of(w, c)->address, from);
	c->state = CONN_OPENING;
	c->fd = fd < 0 ? -1 : fd;
	if (fd >= 0 && epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event))
		fd = -errno;
	w->now_ns = clock_now_ns();
	if (fd < 0)
		load_conn_fail(w, c, kind_of(-fd, true), kind_of(-fd, true));
	else
		established(w, c);
}

void load_conn_carry(struct load_worker *w, struct load_conn *c, struct load_user *u)
{
	u->conn = c;
	u->state = USER_QUEUED;
	load_row_push(&c->unsent, u);
	if (c->working)
		return;
	if (c->state == CONN_OPEN)
		pump(w, c);
	else if (c->state == CONN_CLOSED)
		load_conn_open(w, c);
}

/* ---- what happens to it ---- */

static void leave_row(struct load_row *r, struct load_user *u)
{
	struct load_row rest = {0};

	while (r->first) {
		struct load_user *other = load_row_pop(r);

		if (other != u)
			load_row_push(&rest, other);
	}
	*r = rest;
}

void load_conn_give_up(struct load_worker *w, struct load_user *u, enum load_error kind)
{
	struct load_conn *c = u->conn;
	const struct load_protocol *protocol = protocol_of(c);

	if (u->state == USER_QUEUED && c->state == CONN_OPEN) {
		leave_row(&c->unsent, u);
		load_user_fail(w, u, kind);
	} else if (u->state == USER_QUEUED || !protocol->cancel) {
		load_conn_fail(w, c, kind, u->state == USER_QUEUED ? kind : LOAD_CLOSED);
	} else {
		protocol->cancel(w, c, u);
		c->under_way--;
		load_user_fail(w, u, kind);
		settle(w, c);
	}
}

ssize_t load_conn_read(struct load_worker *w, struct load_conn *c, char *p, size_t n, int flags)
{
	ssize_t got;
	int error = 0;

	if (c->tls) {
		got = tls_read(c->tls, p, n);
		if (got == TLS_FAILED || got == TLS_RESET)
			error = got == TLS_RESET ? ECONNRESET : EPROTO;
	} else {
		do
			got = recv(c->fd, p, n, flags);
		while (got < 0 && errno == EINTR);
		if (got < 0 && errno != EAGAIN)
			error = errno;
	}
	w->now_ns = clock_now_ns();
	if (error && c->tls && error == EPROTO) { /* TLS 1.3 tells of some refusals only here */
		note_why(w, tls_why(c->tls));
		load_conn_fail(w, c, LOAD_TLS, LOAD_TLS);
		return -2;
	}
	if (error) {
		load_conn_fail(w, c, kind_of(error, false), LOAD_CLOSED);
		return -2;
	}
	if (got > 0) {
		w->bytes_in += (uint64_t)got;
		return got;
	}
	return !got || (c->tls && got == TLS_END) ? 0 : -1;
}

bool load_conn_drained(const struct load_conn *c, size_t got, size_t room)
{
	return c->tls ? !tls_pending(c->tls) : got < room;
}

static void opening_event(struct load_worker *w, struct load_conn *c)
{
	int error = sock_error(c->fd);

	if (!error) {
		established(w, c);
		return;
	}
	/* Reset before anything was sent: the service took the connection and dropped it. */
	w->connects += kind_of(error, true) == LOAD_RESET;
	load_conn_fail(w, c, kind_of(error, true), kind_of(error, true));
}

void load_conn_event(struct load_worker *w, struct load_conn *c, uint32_t events)
{
	const uint32_t end = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

	if (c->state == CONN_OPENING) {
		w->now_ns = clock_now_ns();
		opening_event(w, c);
		return;
	}
	if (c->state == CONN_SHAKING) {
		shake(w, c);
		return;
	}
	if (c->state != CONN_OPEN)
		return;
	if (c->wants_out && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
		c->wants_out = false;
		w->now_ns = clock_now_ns();
		pump(w, c);
	}
	if (c->state != CONN_OPEN || !(events & (EPOLLIN | end)))
		return;
	if (c->tls)
		tls_readable(c->tls);
	c->working = true;
	protocol_of(c)->receive(w, c, (events & end) != 0);
	c->working = false;
	settle(w, c);
}

/*
 * One connection: its life, and reading requests from it. One request at a time: what a client
 * pipelines waits in the kernel or in `in`, so answers keep their order. The socket is watched
 * edge-triggered and registered once, so that a request costs a recv and a send and nothing else.
 */
#include "lab/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

/* Bytes that are no request: answers why and ends the connection. */
static void refuse_unreadable(struct conn *c, int status, size_t bytes)
{
	c->route = c->worker->n_routes + ROUTE_UNREADABLE;
	c->looked = true;
	c->head_only = c->keepalive = c->old = false;
	c->faults.given = 0;
	c->bytes = bytes;
	request_refuse(c, status, "not a request that the lab can read: %s", answer_reason(status));
	answer_serve(c);
}

static size_t consume_head(struct conn *c, const char *p, size_t len)
{
	struct http_request r;
	int rc = http_request_read(&r, p, len);

	if (!rc)
		return 0;
	c->behind = len;
	if (rc < 0) {
		refuse_unreadable(c, -rc, len);
		return len;
	}
	request_admit(c, &r);
	if (c->body.total == 0 && r.expect_continue && len == r.head_len && !c->refusal) {
		static const char GO_ON[] = "HTTP/1.1 100 Continue\r\n\r\n";

		/* if the kernel will not take 25 bytes, the client sends its body unasked */
		if (send(c->fd, GO_ON, sizeof(GO_ON) - 1, MSG_NOSIGNAL) == sizeof(GO_ON) - 1)
			tally_add(&c->worker->slot->bytes_out, sizeof(GO_ON) - 1);
	}
	return r.head_len;
}

static size_t consume_body(struct conn *c, const char *p, size_t len)
{
	size_t used;
	int rc = http_body_read(&c->body, p, len, &used);

	c->bytes += used;
	c->behind = len - used;
	if (rc < 0)
		request_refuse(c, 400, "the chunks of the body are broken");
	else if (c->body.total > WORKER_MAX_BODY)
		request_refuse(c, 413, "a body may have %d bytes", WORKER_MAX_BODY);
	/* a body that nobody wants is not waited for; what is left of it ends the connection */
	if (rc != 1 && c->refusal) {
		c->keepalive = false;
		c->readable = true;
		rc = 1;
	}
	if (rc == 1)
		answer_serve(c);
	return used;
}

static bool reading(const struct conn *c)
{
	return c->fd >= 0 && (c->state == CONN_HEAD || c->state == CONN_BODY);
}

/* Looks at `len` bytes at p; how many of them are used up. */
static size_t consume(struct conn *c, const char *p, size_t len)
{
	size_t at = 0;

	while (reading(c)) {
		size_t used;

		if (c->state == CONN_HEAD) {
			used = at < len ? consume_head(c, p + at, len - at) : 0;
			if (!used)
				break;
		} else {
			used = consume_body(c, p + at, len - at);
			if (c->state == CONN_BODY && c->fd >= 0 && at + used == len)
				return len;
		}
		at += used;
	}
	return at;
}

/* The client closed its side. What was answered is answered; what still sleeps has no reader. */
static void on_peer_gone(struct conn *c)
{
	if (c->state == CONN_SLEEP || c->state == CONN_SEND)
		answer_abandon(c);
	else
		conn_close(c);
}

/* Reads once behind the `len` bytes that the buffer holds: 1 something came, 0 not now, −1 the end.
 */
static int receive(struct conn *c, size_t *len)
{
	struct worker *w = c->worker;
	size_t room = WORKER_BUFFER - *len;
	ssize_t n = recv(c->fd, w->buffer + *len, room, 0);

	if (n < 0 && errno == EINTR)
		return 1;
	if (n < 0 && errno == EAGAIN) {
		c->readable = false;
		return 0;
	}
	if (n <= 0)
		return -1;
	c->read_ns = clock_now_ns();
	/* less than there was room for: the socket is empty, and the next byte makes an event */
	if ((size_t)n < room && !c->peer_gone)
		c->readable = false;
	*len += (size_t)n;
	return 1;
}

static void linger(struct conn *c)
{
	size_t len = 0;

	while (c->readable) {
		int rc = receive(c, &len);

		tally_add(
			c->own ? &c->worker->slot->own_bytes_in : &c->worker->slot->bytes_in, len);
		len = 0;
		if (rc < 0) {
			conn_close(c);
			return;
		}
	}
}

static void keep(struct conn *c, const char *p, size_t len)
{
	if (len > c->cap_in)
		c->in = mem_grow(c->in, &c->cap_in, len, 1);
	if (len)
		memcpy(c->in, p, len);
	c->n_in = len;
	c->fresh = len && !reading(c);
}

static void run(struct conn *c)
{
	char *buffer = c->worker->buffer;
	size_t len = c->n_in, used;
	bool fresh = c->fresh;
	int rc = 1;

	if (len)
		memcpy(buffer, c->in, len);
	c->n_in = 0;
	while (reading(c)) {
		if (fresh) {
			used = consume(c, buffer, len);
			len -= used;
			if (used && len)
				memmove(buffer, buffer + used, len);
			fresh = false;
			continue;
		}
		if (!c->readable)
			break;
		rc = receive(c, &len);
		if (rc < 0)
			break;
		fresh = rc > 0;
	}
	if (c->fd < 0)
		return;
	keep(c, buffer, len);
	if (rc < 0)
		on_peer_gone(c);
	else if (c->state == CONN_LINGER)
		linger(c);
	else if (c->peer_gone && c->state != CONN_SEND && !reading(c))
		on_peer_gone(c);
}

/* ---- the life of a connection ---- */

static void on_timer(struct timer *t)
{
	struct conn *c = (struct conn *)((char *)t - offsetof(struct conn, timer));

	if (c->state == CONN_SLEEP) {
		answer_wake(c);
		if (c->n_in) /* the next request is here already, and now it is its turn */
			c->read_ns = clock_now_ns();
		if (reading(c) || (c->fd >= 0 && c->state == CONN_LINGER))
			run(c);
	} else {
		conn_close(c);
	}
}

void conn_ready(struct conn *c, uint32_t events)
{
	if (c->fd < 0) /* closed earlier in this round */
		return;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->peer_gone = true;
	if (events & ~(uint32_t)EPOLLOUT)
		c->readable = true;
	if (c->state == CONN_SEND && events & EPOLLOUT)
		answer_rest(c);
	if (c->fd < 0)
		return;
	if (c->peer_gone && (c->state == CONN_SLEEP || c->state == CONN_SILENT))
		on_peer_gone(c);
	else if (c->state == CONN_SEND && events & (EPOLLHUP | EPOLLERR))
		answer_abandon(c);
	else if (reading(c))
		run(c);
	else if (c->state == CONN_LINGER)
		linger(c);
}

void conn_start(struct worker *w, int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
	struct conn *c = w->free;
	char *in = NULL;
	size_t cap = 0;

	if (c) {
		w->free = c->next;
		in = c->in;
		cap = c->cap_in;
	} else {
		c = mem_zalloc(1, sizeof(*c));
	}
	*c = (struct conn){.fd = fd, .worker = w, .in = in, .cap_in = cap, .timer.fire = on_timer};
	c->next = w->open;
	if (w->open)
		w->open->prev = c;
	w->open = c;
	w->n_open++;
	tally_add(&w->slot->accepted, 1);
	event.data.ptr = c;
	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event))
		conn_close(c);
}

void conn_close(struct conn *c)
{
	struct worker *w = c->worker;
	struct tally_slot *slot = w->slot;

	tally_add(c->own ? &slot->own_bytes_in : &slot->bytes_in, c->n_in);
	tally_add(c->own ? &slot->own_closed : &slot->closed, 1);
	timer_cancel(&w->timers, &c->timer);
	close(c->fd);
	c->fd = -1;
	free(c->out);
	free(c->why);
	if (c->prev)
		c->prev->next = c->next;
	else
		w->open = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->next = w->closed;
	w->closed = c;
	w->n_open--;
}

bool conn_idle(const struct conn *c)
{
	return c->state == CONN_HEAD;
}

/*
 * One connection. Registered with epoll once, edge-triggered for everything, so that the loop makes
 * no epoll_ctl call while it runs: an edge for reading comes with each answer, one for writing only
 * after the socket was full. Each request is sent straight after the answer before it was read. On
 * Linux a non-blocking connect to this machine is through when the call returns, so a send is tried
 * at once.
 */
#include "load/load_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

/* A failed user tries again after 1 ms, then twice that each time, up to 128 ms: a service that
 * comes back is found soon, one that is dead costs next to nothing. */
enum { BACKOFF_STEPS = 7 };

static void close_connection(struct load_conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->n_kept = 0;
}

void load_conn_retire(struct load_conn *c)
{
	close_connection(c);
	c->state = CONN_RETIRED;
}

void load_conn_abandon(struct load_worker *w, struct load_conn *c)
{
	w->n_active--;
	w->unfinished++;
	load_conn_retire(c);
}

/* One writer each: a plain addition, that others may read. */
static void add_live(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
		memory_order_relaxed);
}

static void count_error(struct load_worker *w, enum load_error kind)
{
	w->counts[w->phase].errors[kind]++;
	w->second_errors += w->phase == LOAD_MEASURING;
	add_live(&w->errors_live);
}

void load_conn_fail(
	struct load_worker *w, struct load_conn *c, enum load_error kind, uint64_t now_ns)
{
	load_worker_turn(w, now_ns);
	count_error(w, kind);
	close_connection(c);
	w->n_active--;
	w->last_ns = now_ns;
	c->state = CONN_WAITING;
	c->since_ns = now_ns + (NS_PER_MS << c->failures);
	c->failures = c->failures < BACKOFF_STEPS ? c->failures + 1 : BACKOFF_STEPS;
	if (c->since_ns < w->sweep_ns)
		w->sweep_ns = c->since_ns;
}

static enum load_error kind_of(int error, bool connecting)
{
	switch (error) {
	case ECONNREFUSED: return LOAD_REFUSED;
	case ETIMEDOUT: return LOAD_TIMEOUT;
	case ECONNRESET:
	case EPIPE: return LOAD_RESET;
	default: return connecting ? LOAD_CONNECT : LOAD_RESET;
	}
}

/* The connection is there: the first byte of the request was taken by it. */
static void connected(struct load_worker *w, struct load_conn *c, uint64_t now_ns)
{
	w->connects++;
	hist_record(&w->connect, now_ns - c->since_ns);
	c->since_ns = now_ns;
	c->state = CONN_BUSY;
}

static void send_request(struct load_worker *w, struct load_conn *c, uint64_t now_ns)
{
	const struct str *request = &w->plan->request;
	ssize_t n;

	do
		n = send(c->fd, request->p + c->sent, request->len - c->sent, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		int error = errno;

		if (error == EAGAIN)
			return; /* an edge for writing will come */
		/* Reset before the first send: the service took the connection and dropped it. */
		w->connects += c->state == CONN_CONNECTING && kind_of(error, true) == LOAD_RESET;
		load_conn_fail(w, c, kind_of(error, c->state == CONN_CONNECTING), now_ns);
		return;
	}
	if (c->state == CONN_CONNECTING)
		connected(w, c, now_ns);
	c->sent += (uint32_t)n;
	w->bytes_out += (uint64_t)n;
}

static void open_connection(struct load_worker *w, struct load_conn *c)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
	int fd = sock_connect(&w->plan->address);

	c->state = CONN_CONNECTING;
	c->fd = fd < 0 ? -1 : fd;
	w->now_ns = clock_now_ns();
	if (fd >= 0 && epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event))
		fd = -errno;
	if (fd < 0)
		load_conn_fail(w, c, kind_of(-fd, true), w->now_ns);
	else
		send_request(w, c, w->now_ns);
}

/* Takes one of a fixed number of requests. Claimed by the handful, since the count is shared, and
 * one by one towards the end, so that no thread sits on requests that another could send. */
static bool claim(struct load_worker *w)
{
	uint64_t left, take;

	if (!w->plan->requests)
		return true;
	if (!w->budget) {
		left = atomic_load_explicit(&w->shared->requests_left, memory_order_relaxed);
		do {
			take = left / (16 * (uint64_t)w->plan->threads);
			take = take > 64 ? 64 : take ? take : left > 0;
		} while (!atomic_compare_exchange_weak_explicit(&w->shared->requests_left, &left,
			left - take, memory_order_relaxed, memory_order_relaxed));
		w->budget = take;
	}
	w->spent = !w->budget;
	w->budget -= !w->spent;
	return !w->spent;
}

void load_conn_begin(struct load_worker *w, struct load_conn *c, uint64_t now_ns)
{
	if (w->phase == LOAD_DRAINING || !claim(w)) {
		load_conn_retire(c);
		return;
	}
	w->started++;
	w->n_active++;
	c->since_ns = now_ns;
	c->sent = 0;
	http_response_init(&c->response, w->plan->to_head);
	if (c->fd < 0) {
		open_connection(w, c);
		return;
	}
	c->state = CONN_BUSY;
	send_request(w, c, now_ns);
}

/* The answer is whole. */
static void finish(struct load_worker *w, struct load_conn *c, bool ended)
{
	uint64_t now_ns = w->now_ns;
	unsigned status = c->response.status;

	load_worker_turn(w, now_ns);
	w->n_active--;
	w->finished++;
	w->last_ns = now_ns;
	w->counts[w->phase].status[status]++;
	c->failures = 0;
	if (status < 400) {
		add_live(&w->completed_live);
		if (w->phase == LOAD_MEASURING)
			hist_record(&w->latency, now_ns - c->since_ns);
	} else {
		count_error(w, LOAD_STATUS);
	}
	if (ended || !c->response.keepalive || !w->plan->keepalive ||
		c->sent < w->plan->request.len)
		close_connection(c);
	load_conn_begin(w, c, now_ns);
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

/* The answer's bytes in w->buffer, n of them new. False when the connection's request is over. */
static bool take(struct load_worker *w, struct load_conn *c, size_t n, bool ended)
{
	size_t len = c->n_kept + n, used;
	enum http_progress progress =
		http_response_feed(&c->response, &w->memo, w->buffer, len, &used);

	if (progress == HTTP_MORE) {
		keep(c, w->buffer + used, len - used);
		return true;
	}
	c->n_kept = 0;
	/* Bytes behind the end answer nothing that was asked: some length was wrong. */
	if (progress == HTTP_DONE && used == len)
		finish(w, c, ended);
	else
		load_conn_fail(w, c, LOAD_MALFORMED, w->now_ns);
	return false;
}

/* n bytes of body were dropped. False when the request is over. */
static bool dropped(struct load_worker *w, struct load_conn *c, size_t n, bool ended)
{
	if (http_response_skip(&c->response, n) == HTTP_MORE)
		return true;
	finish(w, c, ended);
	return false;
}

static void input_ended(struct load_worker *w, struct load_conn *c)
{
	bool began = http_response_began(&c->response) || c->n_kept;

	if (http_response_end(&c->response) == HTTP_DONE)
		finish(w, c, true);
	else
		load_conn_fail(w, c, began ? LOAD_TRUNCATED : LOAD_CLOSED, w->now_ns);
}

/* Reads until there is no more, or the answer is whole. A read that was not filled has emptied the
 * socket; what comes later makes an edge of its own, but an end that came with it does not. */
static void receive(struct load_worker *w, struct load_conn *c, bool ended)
{
	for (;;) {
		size_t room = LOAD_BUFFER - c->n_kept;
		bool body = !c->n_kept && http_response_ahead(&c->response) >= room;
		ssize_t n;

		if (c->n_kept)
			memcpy(w->buffer, c->kept, c->n_kept);
		/* A body that nobody looks at need not be copied out of the kernel. */
		n = recv(c->fd, w->buffer + c->n_kept, room, body ? MSG_TRUNC : 0);
		w->now_ns = clock_now_ns();
		if (n < 0) {
			if (errno == EAGAIN)
				return;
			if (errno == EINTR)
				continue;
			load_conn_fail(w, c, kind_of(errno, false), w->now_ns);
			return;
		}
		if (n == 0) {
			input_ended(w, c);
			return;
		}
		w->bytes_in += (uint64_t)n;
		if (body ? !dropped(w, c, (size_t)n, ended) : !take(w, c, (size_t)n, ended))
			return;
		if ((size_t)n < room && !ended)
			return;
	}
}

void load_conn_event(struct load_worker *w, struct load_conn *c, uint32_t events)
{
	if (c->state != CONN_CONNECTING && c->state != CONN_BUSY)
		return;
	if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) &&
		(c->state == CONN_CONNECTING || c->sent < w->plan->request.len)) {
		w->now_ns = clock_now_ns();
		send_request(w, c, w->now_ns);
	}
	if (c->state == CONN_BUSY && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		receive(w, c, (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
}

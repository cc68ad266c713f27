/*
 * One connection: reading requests, doing what they ask, answering. One request at a time: what a client
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
#include "base/json.h"
#include "base/mem.h"

enum { LINGER_NS = 1000000000 };

/* By enum lab_fault: with what probability; then the status of FAULT_STATUS. */
enum { PARAM_STATUS = N_FAULTS };
static const struct query_param FAULT_PARAMS[] = {
	[FAULT_RESET] = {"fault_reset", "a probability", 0, 1},
	[FAULT_CLOSE] = {"fault_close", "a probability", 0, 1},
	[FAULT_TRUNCATE] = {"fault_truncate", "a probability", 0, 1},
	[FAULT_MALFORMED] = {"fault_malformed", "a probability", 0, 1},
	[FAULT_SILENCE] = {"fault_silence", "a probability", 0, 1},
	[FAULT_STATUS] = {"fault_status_rate", "a probability", 0, 1},
	[PARAM_STATUS] = {"fault_status", "a status", 200, 599},
	[PARAM_STATUS + 1] = {0},
};

/* Text of a status, as far as the lab answers it itself. */
static const char *reason(int status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 431: return "Request Header Fields Too Large";
	case 501: return "Not Implemented";
	case 503: return "Service Unavailable";
	case 505: return "HTTP Version Not Supported";
	default: return "As Asked";
	}
}

/* ---- handing answers to the kernel ---- */

static void count_answer(struct conn *c, int64_t answers, int64_t bytes)
{
	struct tally_slot *slot = c->worker->slot;

	if (c->route == ROUTE_COUNTERS) {
		tally_add(&slot->own_answered, (uint64_t)answers);
		tally_add(&slot->own_bytes_out, (uint64_t)bytes);
	} else {
		tally_add(&slot->status[c->route][c->sent_status], (uint64_t)answers);
		tally_add(&slot->bytes_out, (uint64_t)bytes);
	}
}

static void abandon(struct conn *c)
{
	if (c->route != ROUTE_COUNTERS)
		tally_add(&c->worker->slot->abandoned, 1);
	conn_close(c);
}

/* Ends a connection so that the client gets all that was sent: closing with unread bytes makes the
 * kernel send a reset, which overtakes the answer. */
static void finish(struct conn *c)
{
	if (c->peer_gone || (!c->behind && !c->readable)) {
		conn_close(c);
		return;
	}
	shutdown(c->fd, SHUT_WR);
	c->state = CONN_LINGER;
	c->readable = true;
	timer_set(&c->worker->timers, &c->timer, clock_now_ns() + LINGER_NS);
}

static void after_answer(struct conn *c)
{
	free(c->why);
	c->why = NULL;
	if (c->keepalive)
		c->state = CONN_HEAD;
	else
		finish(c);
}

/* Sends from c->out what the kernel takes; the answer counts when that is the last of it. */
static void send_rest(struct conn *c)
{
	size_t len = c->n_out - c->at_out;
	ssize_t n;

	count_answer(c, 1, (int64_t)len);
	tally_set(&c->worker->slot->sending, 1);
	n = send(c->fd, c->out + c->at_out, len, MSG_NOSIGNAL);
	tally_set(&c->worker->slot->sending, 0);
	if (n == (ssize_t)len) {
		free(c->out);
		c->out = NULL;
		after_answer(c);
		return;
	}
	count_answer(c, -1, (n > 0 ? n : 0) - (int64_t)len);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		abandon(c);
	else if (n > 0)
		c->at_out += (size_t)n;
}

static void deliver(struct conn *c, int status, const char *p, size_t len)
{
	ssize_t n;

	c->sent_status = status;
	count_answer(c, 1, (int64_t)len);
	tally_set(&c->worker->slot->sending, 1);
	n = send(c->fd, p, len, MSG_NOSIGNAL);
	tally_set(&c->worker->slot->sending, 0);
	if (n == (ssize_t)len) {
		after_answer(c);
		return;
	}
	count_answer(c, -1, (n > 0 ? n : 0) - (int64_t)len);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		abandon(c);
		return;
	}
	/* a client that does not read: rare, so only now the answer is kept */
	c->at_out = n > 0 ? (size_t)n : 0;
	c->n_out = len;
	c->out = mem_copy(p, len);
	c->state = CONN_SEND;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7), whatever the locale. */
static void write_date(time_t now, char out[32])
{
	static const char DAYS[] = "SunMonTueWedThuFriSat";
	static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm t;

	gmtime_r(&now, &t);
	snprintf(out, 32, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", DAYS + 3 * t.tm_wday,
		(unsigned)t.tm_mday % 100, MONTHS + 3 * t.tm_mon, (unsigned)(t.tm_year + 1900) % 10000,
		(unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100, (unsigned)t.tm_sec % 100);
}

static void refresh_date(struct worker *w)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (now.tv_sec == w->second)
		return;
	w->second = now.tv_sec;
	write_date(now.tv_sec, w->date);
	w->ok_len = (size_t)snprintf(w->ok, sizeof(w->ok),
		"HTTP/1.1 200 OK\r\nServer: culprit-lab\r\nDate: %s\r\n"
		"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\nok",
		w->date);
	w->ok_head_len = w->ok_len - 2;
}

/* Any answer, whole, into w->text. */
static void compose(struct conn *c, int status, const char *type, const char *body, size_t len)
{
	struct str *out = &c->worker->text;
	bool bodiless = status == 204 || status == 304;

	refresh_date(c->worker);
	str_clear(out);
	str_addf(out, "HTTP/1.1 %d %s\r\nServer: culprit-lab\r\nDate: %s\r\n", status, reason(status),
		c->worker->date);
	if (!bodiless)
		str_addf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, len);
	if (status == 405)
		str_add(out, "Allow: GET, HEAD, POST\r\n");
	if (!c->keepalive)
		str_add(out, "Connection: close\r\n");
	else if (c->old)
		str_add(out, "Connection: keep-alive\r\n");
	str_add(out, "\r\n");
	if (!bodiless && !c->head_only)
		str_add_bytes(out, body, len);
}

static void answer(struct conn *c, int status, const char *type, const char *body, size_t len)
{
	c->keepalive = c->keepalive && !c->worker->draining;
	compose(c, status, type, body, len);
	deliver(c, status, c->worker->text.p, c->worker->text.len);
}

static void answer_text(struct conn *c, int status, const char *text)
{
	answer(c, status, "text/plain; charset=utf-8", text, strlen(text));
}

static void answer_ok(struct conn *c)
{
	struct worker *w = c->worker;

	if (!c->keepalive || c->old || w->draining) {
		answer_text(c, 200, "ok");
		return;
	}
	refresh_date(w);
	deliver(c, 200, w->ok, c->head_only ? w->ok_head_len : w->ok_len);
}

static void answer_counters(struct conn *c)
{
	const char *names[TALLY_ROUTES + 1];
	struct worker *w = c->worker;
	struct str text = STR_INIT;
	json_t *json;

	app_route_names(w->app, names);
	json = tally_to_json(w->tally, w->app->name, names);
	json_write(&text, json, 2);
	str_add_char(&text, '\n');
	answer(c, 200, "application/json", text.p, text.len);
	json_decref(json);
	str_release(&text);
}

/* ---- doing what a request asks ---- */

static void on_timer(struct timer *t);

/* Bytes that are no answer: half of one, or garbage. Then the connection ends. */
static void send_raw(struct conn *c, const char *p, size_t len)
{
	ssize_t n;

	tally_add(&c->worker->slot->bytes_out, len);
	n = send(c->fd, p, len, MSG_NOSIGNAL);
	tally_add(&c->worker->slot->bytes_out, (uint64_t)((n > 0 ? n : 0) - (ssize_t)len));
	finish(c);
}

static void reset(struct conn *c)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	conn_close(c);
}

static void fail_on_purpose(struct conn *c, enum lab_fault fault)
{
	static const char GARBAGE[] = "\x01\x02 this is not HTTP\r\n\r\n";
	struct worker *w = c->worker;

	tally_add(&w->slot->faults[fault], 1);
	c->keepalive = c->keepalive && fault == FAULT_STATUS;
	switch (fault) {
	case FAULT_RESET: reset(c); break;
	case FAULT_CLOSE: finish(c); break;
	case FAULT_TRUNCATE:
		compose(c, 200, "text/plain; charset=utf-8", "ok", 2);
		send_raw(c, w->text.p, 1 + rng_below(&w->rng, w->text.len - 1));
		break;
	case FAULT_MALFORMED: send_raw(c, GARBAGE, sizeof(GARBAGE) - 1); break;
	case FAULT_SILENCE: c->state = CONN_SILENT; break;
	case FAULT_STATUS:
		answer_text(c, (int)c->faults.value[PARAM_STATUS], "as asked\n");
		break;
	case N_FAULTS: break;
	}
}

/* The fault that this request gets, N_FAULTS for none. Each is drawn, in the order of the table. */
static enum lab_fault draw_fault(struct conn *c)
{
	if (!c->faults.given || c->refusal)
		return N_FAULTS;
	for (enum lab_fault f = 0; f < N_FAULTS; f++)
		if (c->faults.given & 1u << f &&
			rng_uniform(&c->worker->rng) < c->faults.value[f])
			return f;
	return N_FAULTS;
}

static void work(struct conn *c)
{
	struct worker *w = c->worker;
	uint64_t ns = w->app->work(w, c->route, &c->values);

	if (!ns) {
		answer_ok(c);
		return;
	}
	c->slept_from_ns = clock_now_ns();
	c->asked_ns = ns;
	c->state = CONN_SLEEP;
	timer_set(&w->timers, &c->timer, c->slept_from_ns + ns);
}

/* A request is here, whole: counts it and does what it asks. */
static void serve(struct conn *c)
{
	struct worker *w = c->worker;
	struct tally_slot *slot = w->slot;
	enum lab_fault fault;

	if (c->route == ROUTE_COUNTERS) {
		tally_add(&slot->own_bytes_in, c->bytes);
		tally_add(&slot->own_received, 1);
	} else {
		tally_add(&slot->bytes_in, c->bytes);
		tally_add(&slot->received[c->route], 1);
	}
	fault = draw_fault(c);
	if (fault != N_FAULTS)
		fail_on_purpose(c, fault);
	else if (c->refusal)
		answer_text(c, c->refusal, c->why ? c->why : "");
	else if (c->route == ROUTE_COUNTERS)
		answer_counters(c);
	else if (c->route < w->n_routes)
		work(c);
	else
		answer_ok(c);
}

static void wake(struct conn *c)
{
	struct tally_slot *slot = c->worker->slot;

	tally_add(&slot->slept_ns, clock_now_ns() - c->slept_from_ns);
	tally_add(&slot->asked_ns, c->asked_ns);
	tally_add(&slot->slept, 1);
	c->behind = c->n_in;
	answer_ok(c);
}

/* ---- reading requests ---- */

static void refuse(struct conn *c, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void refuse(struct conn *c, int status, const char *format, ...)
{
	struct str text = STR_INIT;
	va_list args;

	va_start(args, format);
	str_vaddf(&text, format, args);
	va_end(args);
	str_add_char(&text, '\n');
	free(c->why);
	c->why = str_take(&text);
	c->refusal = status;
}

static void find_route(struct conn *c, struct http_slice path)
{
	const struct worker *w = c->worker;

	for (size_t i = 0; i < w->n_routes; i++)
		if (http_slice_is(path, w->app->routes[i].path)) {
			c->route = i;
			return;
		}
	if (http_slice_is(path, "/health"))
		c->route = w->n_routes + ROUTE_HEALTH;
	else if (http_slice_is(path, "/counters"))
		c->route = ROUTE_COUNTERS;
	else
		c->route = w->n_routes + ROUTE_OTHER;
}

/* The parameters of the app and of the faults; others are none of ours, as in any service. */
static int read_query(struct conn *c, struct http_slice query, struct err *err)
{
	const struct app *app = c->worker->app;
	struct http_slice name, value;
	int rc = 0;

	while (query_next(&query, &name, &value)) {
		rc = c->route < c->worker->n_routes
			? query_put(app->params, name, value, &c->values, err)
			: 0;
		if (!rc)
			rc = query_put(FAULT_PARAMS, name, value, &c->faults, err);
		if (rc < 0)
			return rc;
	}
	if (c->faults.given & 1u << FAULT_STATUS)
		return query_need(FAULT_PARAMS, 1u << PARAM_STATUS, &c->faults, err);
	if (c->faults.given & 1u << PARAM_STATUS) {
		c->faults.given |= 1u << FAULT_STATUS;
		c->faults.value[FAULT_STATUS] = 1;
	}
	return 0;
}

static void check_query(struct conn *c, const struct http_request *r)
{
	const struct app *app = c->worker->app;
	struct err err;
	int rc = read_query(c, r->query, &err);

	if (!rc && c->route < c->worker->n_routes)
		rc = query_need(app->params, app->routes[c->route].needs, &c->values, &err);
	if (rc)
		refuse(c, 400, "%s", err.text);
}

/* A head is here: what is asked, and whether it can be had. */
static void admit(struct conn *c, const struct http_request *r)
{
	struct tally_slot *slot = c->worker->slot;

	find_route(c, r->path);
	c->head_only = http_slice_is(r->method, "HEAD");
	c->keepalive = r->keepalive;
	c->old = r->minor == 0;
	c->refusal = 0;
	c->values.given = c->faults.given = 0;
	c->bytes = r->head_len;
	http_body_init(&c->body, r);
	if (!c->looked && c->route == ROUTE_COUNTERS) {
		c->own = true;
		tally_add(&slot->accepted, (uint64_t)-1);
		tally_add(&slot->own_accepted, 1);
	}
	c->looked = true;
	if (c->route != ROUTE_COUNTERS)
		check_query(c, r);
	if (c->route == c->worker->n_routes + ROUTE_OTHER)
		refuse(c, 404, "no such path; /counters and /health are everywhere");
	else if (!c->head_only && !http_slice_is(r->method, "GET") && !http_slice_is(r->method, "POST"))
		refuse(c, 405, "the lab takes GET, HEAD and POST");
	else if (r->content_length > WORKER_MAX_BODY)
		refuse(c, 413, "a body may have %d bytes", WORKER_MAX_BODY);
	c->state = CONN_BODY;
}

/* Bytes that are no request: answers why and ends the connection. */
static void refuse_unreadable(struct conn *c, int status, size_t bytes)
{
	c->route = c->worker->n_routes + ROUTE_UNREADABLE;
	c->looked = true;
	c->head_only = c->keepalive = c->old = false;
	c->faults.given = 0;
	c->bytes = bytes;
	refuse(c, status, "not a request that the lab can read: %s", reason(status));
	serve(c);
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
	admit(c, &r);
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
		refuse(c, 400, "the chunks of the body are broken");
	else if (c->body.total > WORKER_MAX_BODY)
		refuse(c, 413, "a body may have %d bytes", WORKER_MAX_BODY);
	/* a body that nobody wants is not waited for; what is left of it ends the connection */
	if (rc != 1 && c->refusal) {
		c->keepalive = false;
		c->readable = true;
		rc = 1;
	}
	if (rc == 1)
		serve(c);
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
		abandon(c);
	else
		conn_close(c);
}

/* Reads once behind the `len` bytes that the buffer holds: 1 something came, 0 not now, −1 the end. */
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

		tally_add(c->own ? &c->worker->slot->own_bytes_in : &c->worker->slot->bytes_in, len);
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
		wake(c);
		if (reading(c) || (c->fd >= 0 && c->state == CONN_LINGER))
			run(c);
	} else {
		conn_close(c);
	}
}

void conn_ready(struct conn *c, uint32_t events)
{
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->peer_gone = true;
	if (events & ~(uint32_t)EPOLLOUT)
		c->readable = true;
	if (c->state == CONN_SEND && events & EPOLLOUT)
		send_rest(c);
	if (c->fd < 0)
		return;
	if (c->peer_gone && (c->state == CONN_SLEEP || c->state == CONN_SILENT))
		on_peer_gone(c);
	else if (c->state == CONN_SEND && events & (EPOLLHUP | EPOLLERR))
		abandon(c);
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
	c->next = w->free;
	w->free = c;
	w->n_open--;
}

bool conn_idle(const struct conn *c)
{
	return c->state == CONN_HEAD;
}

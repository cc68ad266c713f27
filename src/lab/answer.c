/*
 * What a request gets: the work that it asks for, an answer, or a fault on purpose. Counting is
 * here too, next to what is counted.
 */
#include "lab/worker.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

enum { LINGER_NS = 1000000000 };

const char *answer_reason(int status)
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

static void count_bytes(struct conn *c, int64_t bytes)
{
	struct tally_slot *slot = c->worker->slot;

	tally_add(c->route == ROUTE_COUNTERS ? &slot->own_bytes_out : &slot->bytes_out,
		(uint64_t)bytes);
}

/* Before it is handed over: whoever has the answer finds it counted. */
static void count_answer(struct conn *c)
{
	struct tally_slot *slot = c->worker->slot;

	if (c->route == ROUTE_COUNTERS) {
		tally_add(&slot->own_answered, 1);
		return;
	}
	c->served_ns = clock_now_ns() - c->arrived_ns;
	tally_add(&slot->status[c->route][c->sent_status], 1);
	tally_answer_time(slot, c->route, c->served_ns, 1);
	if (c->worker->app->exact)
		tally_time(c->worker->tally, c->route, c->served_ns, 1);
}

static void uncount_answer(struct conn *c)
{
	struct tally_slot *slot = c->worker->slot;

	if (c->route == ROUTE_COUNTERS) {
		tally_add(&slot->own_answered, (uint64_t)-1);
		return;
	}
	tally_add(&slot->status[c->route][c->sent_status], (uint64_t)-1);
	tally_answer_time(slot, c->route, c->served_ns, -1);
	if (c->worker->app->exact)
		tally_time(c->worker->tally, c->route, c->served_ns, -1);
}

/* Hands bytes to the kernel, which are an answer's last unless it does not take all of them; how
 * many it took, or −1 where the client has gone. */
static ssize_t hand_over(struct conn *c, const char *p, size_t len)
{
	struct tally_slot *slot = c->worker->slot;
	ssize_t n;

	count_bytes(c, (int64_t)len);
	count_answer(c);
	tally_set(&slot->sending, 1);
	n = send(c->fd, p, len, MSG_NOSIGNAL);
	tally_set(&slot->sending, 0);
	if (n == (ssize_t)len)
		return n;
	count_bytes(c, (n > 0 ? n : 0) - (int64_t)len);
	uncount_answer(c);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	return n;
}

void answer_abandon(struct conn *c)
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

void answer_rest(struct conn *c)
{
	size_t len = c->n_out - c->at_out;
	ssize_t n = hand_over(c, c->out + c->at_out, len);

	if (n < 0) {
		answer_abandon(c);
	} else if (n < (ssize_t)len) {
		c->at_out += (size_t)n;
	} else {
		free(c->out);
		c->out = NULL;
		after_answer(c);
	}
}

static void deliver(struct conn *c, int status, const char *p, size_t len)
{
	ssize_t n;

	c->sent_status = status;
	n = hand_over(c, p, len);
	if (n < 0) {
		answer_abandon(c);
	} else if (n < (ssize_t)len) {
		/* a client that does not read: rare, so only now the answer is kept */
		c->at_out = (size_t)n;
		c->n_out = len;
		c->out = mem_copy(p, len);
		c->state = CONN_SEND;
	} else {
		after_answer(c);
	}
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7), whatever the locale. */
static void write_date(time_t now, char out[32])
{
	static const char DAYS[] = "SunMonTueWedThuFriSat";
	static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm t;

	gmtime_r(&now, &t);
	snprintf(out, 32, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", DAYS + 3L * t.tm_wday,
		(unsigned)t.tm_mday % 100, MONTHS + 3L * t.tm_mon,
		(unsigned)(t.tm_year + 1900) % 10000, (unsigned)t.tm_hour % 100,
		(unsigned)t.tm_min % 100, (unsigned)t.tm_sec % 100);
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
	str_addf(out, "HTTP/1.1 %d %s\r\nServer: culprit-lab\r\nDate: %s\r\n", status,
		answer_reason(status), c->worker->date);
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

static void answer_metrics(struct conn *c)
{
	const char *names[TALLY_ROUTES + 1];
	struct str text = STR_INIT;

	app_route_names(c->worker->app, names);
	tally_to_metrics(c->worker->tally, names, c->open_metrics, &text);
	answer(c, 200,
		c->open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
				: "text/plain; version=0.0.4; charset=utf-8",
		text.p, text.len);
	str_release(&text);
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

/* Bytes that are no answer: half of one, or garbage. Then the connection ends. */
static void send_raw(struct conn *c, const char *p, size_t len)
{
	ssize_t n;

	count_bytes(c, (int64_t)len);
	n = send(c->fd, p, len, MSG_NOSIGNAL);
	count_bytes(c, (n > 0 ? n : 0) - (int64_t)len);
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
		answer_text(c, (int)c->faults.value[REQUEST_FAULT_STATUS], "as asked\n");
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
		if (c->faults.given & 1u << f && rng_uniform(&c->worker->rng) < c->faults.value[f])
			return f;
	return N_FAULTS;
}

/* What was decided when the request came. */
static void answer_now(struct conn *c)
{
	if (c->fault != N_FAULTS)
		fail_on_purpose(c, c->fault);
	else if (c->refusal)
		answer_text(c, c->refusal, c->why ? c->why : "");
	else
		answer_ok(c);
}

/* Answers once the work's sleep is over, and the stall in which that falls. */
static void answer_in_time(struct conn *c)
{
	struct worker *w = c->worker;
	uint64_t due = c->arrived_ns + c->asked_ns, now = due;

	if (w->spec->stall_ns) {
		now = clock_now_ns();
		due = stall_end_ns(w->tally->began_ns, due > now ? due : now, w->spec->stall_ns,
			w->spec->stall_every_ns);
	}
	if (c->asked_ns || due > now) {
		c->state = CONN_SLEEP;
		timer_set(&w->timers, &c->timer, due);
	} else {
		answer_now(c);
	}
}

double transient_cost(uint64_t t_ns, uint64_t transient_ns)
{
	return 1 + 2 * exp(-3 * (double)t_ns / (double)transient_ns);
}

/* Of a request that comes now. Two workers may both see an idle second end: their times are as good
 * as the same. */
static double cost_now(struct worker *w)
{
	struct tally *t = w->tally;
	uint64_t now = clock_now_ns(), alive = tally_get(&t->alive_ns), cold;

	if (!alive || now > alive + NS_PER_S)
		__atomic_store_n(&t->cold_ns, now, __ATOMIC_RELAXED);
	tally_alive(t, now);
	cold = tally_get(&t->cold_ns);
	return transient_cost(now > cold ? now - cold : 0, w->spec->transient_ns);
}

void answer_serve(struct conn *c)
{
	struct worker *w = c->worker;
	struct tally_slot *slot = w->slot;

	c->arrived_ns = c->read_ns;
	c->asked_ns = 0;
	if (c->route == ROUTE_COUNTERS) {
		tally_add(&slot->own_bytes_in, c->bytes);
		tally_add(&slot->own_received, 1);
	} else {
		tally_add(&slot->bytes_in, c->bytes);
		tally_add(&slot->received[c->route], 1);
	}
	c->fault = draw_fault(c);
	if (c->route == ROUTE_COUNTERS && !c->refusal) {
		/* during a stall too: they are not part of the service */
		if (c->metrics)
			answer_metrics(c);
		else
			answer_counters(c);
		return;
	}
	if (c->fault == N_FAULTS && !c->refusal && c->route < w->n_routes) {
		w->cost = w->spec->transient_ns ? cost_now(w) : 1;
		c->asked_ns = w->app->work(w, c->route, &c->values, c->arrived_ns);
	}
	answer_in_time(c);
}

void answer_wake(struct conn *c)
{
	struct worker *w = c->worker;
	struct tally_slot *slot = w->slot;

	if (c->asked_ns) {
		tally_add(&slot->slept_ns, clock_now_ns() - c->arrived_ns);
		tally_add(&slot->asked_ns, c->asked_ns);
		tally_add(&slot->slept, 1);
	}
	if (w->spec->transient_ns)
		tally_alive(w->tally, clock_now_ns()); /* it was not idle while it slept */
	c->behind = c->n_in;
	answer_now(c);
}

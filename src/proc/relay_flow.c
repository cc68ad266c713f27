/*
 * One direction of a relayed connection. Without a delay and a limit, what is read is sent at once
 * from the buffer that all connections share; what cannot be sent yet is copied to a ring of the
 * flow's own, which grows to FLOW_BYTES and no further: a flow that is full does not read, and so
 * TCP tells the sender to wait.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/relay_work.h"

/* Of one flow before others have their turn. */
enum { READS_A_TURN = 4 };

enum { FIRST_BYTES = 4096, FIRST_PIECES = 16, KEEP_BYTES = 16384 };

/* Draws beyond it are cut; a service that waits so long has long given up. */
static const double MAX_DELAY_NS = 600e9;

void flow_init(
	struct relay_flow *f, struct relay_link *link, struct relay_end *from, struct relay_end *to)
{
	f->link = link;
	f->from = from;
	f->to = to;
	f->fresh = true;
	f->tokens = link->loop->burst;
	f->tokens_ns = clock_now_ns();
}

static void drop_waiting(struct relay_flow *f)
{
	free(f->bytes);
	free(f->pieces);
	f->bytes = NULL;
	f->pieces = NULL;
	f->cap = f->head = f->used = f->pieces_cap = f->first = f->n = 0;
}

void flow_release(struct relay_flow *f)
{
	timer_cancel(&f->link->loop->timers, &f->timer);
	drop_waiting(f);
}

static bool is_down(const struct relay_flow *f)
{
	return f == &f->link->flows[FLOW_DOWN];
}

static bool goes_on(const struct relay_flow *f)
{
	return !f->done && !f->link->closed;
}

/* The direction is over; the connection, where the other is, too. */
static void finish(struct relay_flow *f)
{
	struct relay_link *link = f->link;

	f->done = true;
	if (link->flows[FLOW_UP].done && link->flows[FLOW_DOWN].done)
		link_close(link);
}

static void wait_until(struct relay_flow *f, uint64_t at_ns)
{
	timer_set(&f->link->loop->timers, &f->timer, at_ns);
}

/* ---- what waits ---- */

static void grow_bytes(struct relay_flow *f, size_t need)
{
	size_t cap = f->cap ? f->cap : FIRST_BYTES, tail = f->cap - f->head;
	char *bytes;

	while (cap < need)
		cap *= 2;
	bytes = mem_alloc(cap, 1);
	if (f->used) {
		tail = tail < f->used ? tail : f->used;
		memcpy(bytes, f->bytes + f->head, tail);
		memcpy(bytes + tail, f->bytes, f->used - tail);
	}
	free(f->bytes);
	f->bytes = bytes;
	f->cap = cap;
	f->head = 0;
}

static void add_bytes(struct relay_flow *f, const char *p, size_t len)
{
	size_t end, tail;

	if (f->used + len > f->cap)
		grow_bytes(f, f->used + len);
	end = (f->head + f->used) % f->cap;
	tail = f->cap - end < len ? f->cap - end : len;
	memcpy(f->bytes + end, p, tail);
	memcpy(f->bytes, p + tail, len - tail);
	f->used += len;
}

static struct piece *add_piece(struct relay_flow *f)
{
	if (f->n == f->pieces_cap) {
		size_t cap = f->pieces_cap ? 2 * f->pieces_cap : FIRST_PIECES;
		struct piece *pieces = mem_alloc(cap, sizeof(*pieces));

		for (size_t i = 0; i < f->n; i++)
			pieces[i] = f->pieces[(f->first + i) % f->pieces_cap];
		free(f->pieces);
		f->pieces = pieces;
		f->pieces_cap = cap;
		f->first = 0;
	}
	return &f->pieces[(f->first + f->n++) % f->pieces_cap];
}

static void put_by(
	struct relay_flow *f, const char *p, size_t len, uint64_t now, uint64_t due, bool delayed)
{
	struct piece *last = f->n ? &f->pieces[(f->first + f->n - 1) % f->pieces_cap] : NULL;

	add_bytes(f, p, len);
	/* what goes at the same moment goes together, and so does what waits for room alone */
	if (last && delayed == last->delayed && (!delayed || due <= last->due_ns)) {
		last->len += (uint32_t)len;
		return;
	}
	*add_piece(f) = (struct piece){
		.read_ns = now, .due_ns = due, .len = (uint32_t)len, .delayed = delayed};
}

static void take_out(struct relay_flow *f, size_t len)
{
	struct piece *piece = &f->pieces[f->first];

	f->head = (f->head + len) % f->cap;
	f->used -= len;
	piece->len -= (uint32_t)len;
	if (!piece->len) {
		f->first = (f->first + 1) % f->pieces_cap;
		f->n--;
	}
	if (!f->used && f->cap > KEEP_BYTES)
		drop_waiting(f);
}

/* ---- when it may go ---- */

static bool is_delayed(const struct relay_flow *f)
{
	const struct relay_shape *s = &f->link->loop->shape;

	return is_down(f) && (s->delay_ns || s->jitter_ns);
}

static uint64_t draw_delay(struct relay_loop *loop)
{
	const struct relay_shape *s = &loop->shape;
	double ns = (double)s->delay_ns;

	if (s->sigma > 0)
		ns *= exp(s->sigma * rng_normal(&loop->delays));
	if (s->jitter_ns)
		ns += (2 * rng_uniform(&loop->delays) - 1) * (double)s->jitter_ns;
	return ns < 0 ? 0 : ns > MAX_DELAY_NS ? (uint64_t)MAX_DELAY_NS : (uint64_t)ns;
}

/*
 * When what was read at `now` is to go; never before what was read earlier, for it stands behind
 * that. An answer of many pieces has one delay, not the longest of many: another is drawn when
 * something went up since, or nothing waits.
 */
static uint64_t due_ns(struct relay_flow *f, uint64_t now)
{
	if (!is_delayed(f))
		return now;
	if (f->fresh || !f->n)
		f->delay_ns = draw_delay(f->link->loop);
	f->fresh = false;
	return now + f->delay_ns;
}

/* How many of `want` bytes the bucket gives; where too few, the timer is set. It waits for half a
 * bucket, for a wake-up a byte would cost more than it brings. */
static size_t ask_bucket(struct relay_flow *f, size_t want, uint64_t now)
{
	const struct relay_loop *loop = f->link->loop;
	double rate = (double)loop->shape.bytes_per_second, least;

	if (!loop->shape.bytes_per_second)
		return want;
	f->tokens += (double)(now - f->tokens_ns) * rate / 1e9;
	f->tokens_ns = now;
	if (f->tokens > loop->burst)
		f->tokens = loop->burst;
	least = (double)want < loop->burst / 2 ? (double)want : floor(loop->burst / 2);
	if (f->tokens < least) {
		wait_until(f, now + 1 + (uint64_t)((least - f->tokens) / rate * 1e9));
		return 0;
	}
	return f->tokens < (double)want ? (size_t)f->tokens : want;
}

/* ---- sending ---- */

/* Bytes that were taken, 0 where none now or the connection is over (f->done, link->closed). */
static size_t send_some(struct relay_flow *f, const char *p, size_t len)
{
	struct relay_link *link = f->link;
	struct relay_shared *shared = link->loop->shared;
	ssize_t n = send(f->to->fd, p, len, MSG_NOSIGNAL);

	if (n > 0) {
		relay_add(is_down(f) ? &shared->bytes_down : &shared->bytes_up, (uint64_t)n);
		if (!is_down(f))
			link->flows[FLOW_DOWN].fresh = true;
		f->to->blocked = (size_t)n < len;
		return (size_t)n;
	}
	if (errno == EAGAIN || errno == EINTR) {
		f->to->blocked = true;
	} else if (is_down(f)) {
		link_reset(link); /* the client is gone */
	} else {
		/* The upstream takes no more, but what it said before is still to be read; this
		 * error was its reset, which reading will show as an end. */
		link->reset_comes = errno == ECONNRESET;
		drop_waiting(f);
		f->to->readable = f->to->ending = true;
		wait_until(&link->flows[FLOW_DOWN], clock_now_ns());
		finish(f);
	}
	return 0;
}

static void begin_piece(struct relay_flow *f, struct piece *piece, uint64_t now)
{
	struct relay_shared *shared = f->link->loop->shared;

	piece->begun = true;
	if (!piece->delayed)
		return;
	relay_add(&shared->delay_ns, now - piece->read_ns);
	relay_add(&shared->pieces, 1);
}

/* Sends what is due. */
static void send_waiting(struct relay_flow *f)
{
	while (f->n && !f->to->blocked) {
		struct piece *piece = &f->pieces[f->first];
		uint64_t now = clock_now_ns();
		size_t len = piece->len;

		if (piece->due_ns > now) {
			wait_until(f, piece->due_ns);
			return;
		}
		if (len > f->cap - f->head)
			len = f->cap - f->head;
		len = ask_bucket(f, len, now);
		if (!len)
			return;
		/* counted before the client can have it */
		if (!piece->begun)
			begin_piece(f, piece, now);
		len = send_some(f, f->bytes + f->head, len);
		if (f->link->loop->shape.bytes_per_second)
			f->tokens -= (double)len;
		if (len)
			take_out(f, len);
	}
}

/* All was sent: now the end, when its own time has come. */
static void pass_end(struct relay_flow *f)
{
	struct relay_link *link = f->link;
	uint64_t now = clock_now_ns();

	if (f->end == END_NONE || f->done)
		return;
	if (f->end_due_ns > now) {
		wait_until(f, f->end_due_ns);
		return;
	}
	if (f->end == END_RESET) {
		link_reset(link);
		return;
	}
	shutdown(f->to->fd, SHUT_WR);
	finish(f);
}

/* ---- reading ---- */

static void note_end(struct relay_flow *f, bool reset)
{
	f->from->readable = false;
	f->end = reset || (is_down(f) && f->link->reset_comes) ? END_RESET : END_FIN;
	f->end_due_ns = due_ns(f, clock_now_ns());
	if (reset && !is_down(f))
		link_reset(f->link); /* who asked wants no answer: nothing to wait for */
}

static bool can_read(const struct relay_flow *f)
{
	return f->from->readable && f->end == END_NONE && f->used < FLOW_BYTES &&
	       f->n < FLOW_PIECES;
}

/* Reads once, and sends at once what may. */
static void read_some(struct relay_flow *f)
{
	struct relay_loop *loop = f->link->loop;
	size_t room = FLOW_BYTES - f->used, sent = 0;
	bool delayed = is_delayed(f);
	uint64_t now, due;
	ssize_t n;

	room = room < RELAY_SCRATCH ? room : RELAY_SCRATCH;
	n = recv(f->from->fd, loop->scratch, room, 0);
	if (n < 0 && errno == EAGAIN) {
		f->from->readable = false;
		return;
	}
	if (n <= 0) {
		note_end(f, n < 0);
		return;
	}
	/* all that was there (epoll(7)), unless an end is behind it */
	if ((size_t)n < room && !f->from->ending)
		f->from->readable = false;
	now = clock_now_ns();
	due = due_ns(f, now);
	if (!f->n && due <= now && !loop->shape.bytes_per_second && !f->to->blocked) {
		if (delayed) /* by the 0 that was drawn */
			relay_add(&loop->shared->pieces, 1);
		delayed = false;
		sent = send_some(f, loop->scratch, (size_t)n);
	}
	if (sent < (size_t)n && goes_on(f))
		put_by(f, loop->scratch + sent, (size_t)n - sent, now, due, delayed);
}

void flow_pump(struct relay_flow *f)
{
	if (!f->link->open || !goes_on(f))
		return;
	timer_cancel(&f->link->loop->timers, &f->timer);
	send_waiting(f);
	for (int reads = 0; reads < READS_A_TURN && goes_on(f) && can_read(f); reads++) {
		read_some(f);
		if (goes_on(f))
			send_waiting(f);
	}
	if (!goes_on(f))
		return;
	if (can_read(f))
		wait_until(f, clock_now_ns()); /* after those whose turn it is */
	else if (!f->n)
		pass_end(f);
}

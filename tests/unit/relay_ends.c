#include "relay_ends.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "unit.h"

struct err err;
struct relay *relay;
int listeners[UPSTREAMS];
char names[UPSTREAMS][SOCK_TEXT];
struct sock_address relay_at;

void ends_address(const char *text, struct sock_address *out)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	size_t n;

	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	ck_assert_msg(!sock_resolve(host, colon + 1, out, 1, &n, &err), "%s", err.text);
}

void ends_wait(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	ck_assert_msg(poll(&p, 1, WAIT_MS) == 1, "nothing happened for %d ms", WAIT_MS);
}

/* A relay before so many upstreams, which listen. */
void ends_start(size_t n)
{
	const char *list[UPSTREAMS + 1] = {0};
	struct relay_spec spec = {.listen = "127.0.0.1:0", .upstreams = list, .seed = 7};

	for (size_t i = 0; i < n; i++) {
		listeners[i] = sock_listen("127.0.0.1:0", 4096, &err);
		ck_assert_int_ge(listeners[i], 0);
		list[i] = sock_local_text(listeners[i], names[i]);
	}
	ck_assert_msg(!relay_start(&relay, &spec, &err), "%s", err.text);
	ends_address(relay_address(relay), &relay_at);
}

void ends_set(struct relay_shape shape)
{
	ck_assert_msg(!relay_set(relay, &shape, &err), "%s", err.text);
}

struct relay_counts ends_counts(void)
{
	struct relay_counts c;

	relay_count(relay, &c);
	return c;
}

int ends_client(void)
{
	int fd = sock_connect(&relay_at);

	ck_assert_int_ge(fd, 0);
	ends_wait(fd, POLLOUT);
	ck_assert_int_eq(sock_error(fd), 0);
	return fd;
}

int ends_accept(int listener)
{
	int fd;

	ends_wait(listener, POLLIN);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

struct pair ends_pair(void)
{
	struct pair p = {.client = ends_client()};

	p.server = ends_accept(listeners[0]);
	return p;
}

void ends_close(struct pair p)
{
	close(p.client);
	close(p.server);
}

void ends_put(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0) {
			ck_assert_int_eq(errno, EAGAIN);
			ends_wait(fd, POLLOUT);
			continue;
		}
		p += n;
		len -= (size_t)n;
	}
}

void ends_get(int fd, char *p, size_t len)
{
	while (len) {
		ssize_t n;

		ends_wait(fd, POLLIN);
		n = recv(fd, p, len, 0);
		ck_assert_msg(n > 0, "%zu bytes are missing: %s", len, strerror(n ? errno : 0));
		p += n;
		len -= (size_t)n;
	}
}

void ends_expect(int fd, const char *text)
{
	char got[64] = "";

	ends_get(fd, got, strlen(text));
	ck_assert_str_eq(got, text);
}

/* 0 for an end, or the errno that comes instead of data. */
int ends_end_of(int fd)
{
	char byte;
	ssize_t n;

	ends_wait(fd, POLLIN);
	n = recv(fd, &byte, 1, 0);
	ck_assert_int_le(n, 0);
	return n ? errno : 0;
}

void ends_reset(int fd)
{
	struct linger at_once = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

void ends_wait_open(uint64_t n)
{
	uint64_t end = clock_now_ns() + WAIT_MS * NS_PER_MS;

	while (ends_counts().open != n) {
		ck_assert_msg(clock_now_ns() < end, "%d are open", (int)ends_counts().open);
		clock_sleep_ns(NS_PER_MS / 5);
	}
}

/* Nanoseconds of one question and its answer of one byte. */
uint64_t ends_round_trip(struct pair p)
{
	uint64_t begin = clock_now_ns();
	char byte;

	ends_put(p.client, "q", 1);
	ends_get(p.server, &byte, 1);
	ends_put(p.server, "a", 1);
	ends_get(p.client, &byte, 1);
	return clock_now_ns() - begin;
}

int ends_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* True delays of n round trips, one after the other, sorted. */
void ends_delays(struct pair p, uint64_t *out, size_t n)
{
	struct relay_counts before = ends_counts(), after;

	for (size_t i = 0; i < n; i++, before = after) {
		ends_round_trip(p);
		after = ends_counts();
		ck_assert_uint_eq(after.pieces, before.pieces + 1);
		out[i] = after.delay_ns - before.delay_ns;
	}
	qsort(out, n, sizeof(*out), ends_compare);
}

/* ---- streams ---- */

enum { PATTERN = 251 * 256 }; /* of a length that no buffer has */

static const char *pattern(void)
{
	static char bytes[2 * PATTERN];
	struct rng rng;

	rng_seed(&rng, 1, 0);
	for (size_t i = 0; i < PATTERN; i++)
		bytes[i] = bytes[PATTERN + i] = (char)rng_next(&rng);
	return bytes;
}

struct stream {
	int from, to;
	size_t written, read, bytes;
};

static void stream_some(struct stream *s, const char *bytes)
{
	static char buffer[PATTERN];
	size_t left = s->bytes - s->written;
	ssize_t n = send(s->from, bytes + s->written % PATTERN, left < PATTERN ? left : PATTERN,
		MSG_NOSIGNAL);

	ck_assert(n >= 0 || errno == EAGAIN);
	s->written += n > 0 ? (size_t)n : 0;
	n = recv(s->to, buffer, sizeof(buffer), 0);
	ck_assert(n > 0 || (n < 0 && errno == EAGAIN));
	if (n > 0) {
		ck_assert(!memcmp(buffer, bytes + s->read % PATTERN, (size_t)n));
		s->read += (size_t)n;
	}
}

/* Both ways at once, as fast as it goes. */
void ends_stream_both(struct pair p, size_t bytes)
{
	struct stream up = {.from = p.client, .to = p.server, .bytes = bytes};
	struct stream down = {.from = p.server, .to = p.client, .bytes = bytes};
	const char *text = pattern();

	while (up.read < bytes || down.read < bytes) {
		struct pollfd fds[] = {
			{.fd = p.client, .events = POLLIN}, {.fd = p.server, .events = POLLIN}};

		stream_some(&up, text);
		stream_some(&down, text);
		if (up.read < bytes || down.read < bytes) {
			fds[0].events |= up.written < bytes ? POLLOUT : 0;
			fds[1].events |= down.written < bytes ? POLLOUT : 0;
			ck_assert_msg(poll(fds, 2, WAIT_MS) > 0, "%zu up and %zu down are here",
				up.read, down.read);
		}
	}
}

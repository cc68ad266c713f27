/*
 * An HTTP/2 client with three requests open (one of them with a body), fed with any bytes. The
 * first byte steers: the size of the pieces, and whether a request is cancelled, or started, from
 * an event. No stream may be told of after its end, and there is never more to send than was
 * caused.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/h2.h"

enum { OPEN = 3, MOST = 8 };

struct told {
	bool began, ended;
};

static struct client {
	struct h2 *h2;
	struct told told[MOST];
	size_t n;
	bool cancels, asks_again;
} client;

static void ask(const char *body, size_t body_len)
{
	static const struct h2_field FIELDS[] = {{{":method", 7}, {"POST", 4}},
		{{":scheme", 7}, {"http", 4}}, {{":authority", 10}, {"a", 1}},
		{{":path", 5}, {"/", 1}}};

	if (client.n < MOST &&
		!h2_request(client.h2, FIELDS, 4, body, body_len, &client.told[client.n]))
		client.n++;
}

static void began(void *arg, void *stream, unsigned status)
{
	struct told *t = stream;

	(void)arg;
	if (t->began || t->ended || status < 200 || status > 599)
		abort();
	t->began = true;
}

static void must_be_under_way(const struct told *t, const char *p, size_t n)
{
	volatile char sum = 0;

	if (!t->began || t->ended)
		abort();
	while (n--)
		sum = (char)(sum + *p++); /* a sanitizer sees a slice that is too long */
}

static void field(void *arg, void *stream, struct http_slice name, struct http_slice value)
{
	(void)arg;
	must_be_under_way(stream, name.p, name.len);
	must_be_under_way(stream, value.p, value.len);
}

static void body(void *arg, void *stream, const char *p, size_t n)
{
	struct told *t = stream;

	(void)arg;
	must_be_under_way(t, p, n);
	if (client.cancels) {
		h2_cancel(client.h2, t);
		t->ended = true;
	}
}

static void ended(void *arg, void *stream, enum h2_end how)
{
	struct told *t = stream;

	(void)arg;
	if (t->ended || (how == H2_DONE && !t->began))
		abort();
	t->ended = true;
	if (client.asks_again)
		ask(NULL, 0);
}

static void send_all(size_t given)
{
	const char *p;
	size_t n, all = 0;

	while ((n = h2_pull(client.h2, &p)) > 0) {
		must_be_under_way(&(struct told){.began = true}, p, n);
		all += n;
	}
	/* acknowledgements, resets, and windows that let the body go */
	if (all > 4096 + 64 * given)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct h2_events EVENTS = {began, field, body, ended, NULL};
	static const char BODY[1000];
	size_t piece;
	bool dead = false;

	if (!len)
		return 0;
	client = (struct client){
		.h2 = h2_new(&EVENTS), .cancels = data[0] & 1, .asks_again = data[0] & 2};
	piece = data[0] >> 2 ? (size_t)(data[0] >> 2) : len;
	ask(NULL, 0);
	ask(BODY, sizeof(BODY));
	ask(NULL, 0);
	send_all(0);
	for (size_t at = 1; at < len; at += piece) {
		size_t n = piece < len - at ? piece : len - at;
		char *copy = malloc(n);

		if (!copy)
			abort();
		memcpy(copy, data + at, n);
		if (h2_feed(client.h2, copy, n)) {
			if (!*h2_why(client.h2))
				abort();
			dead = true;
		} else if (dead) {
			abort();
		}
		free(copy);
		send_all(at + n);
	}
	if (dead && (h2_room(client.h2) || !h2_going_away(client.h2)))
		abort();
	h2_cancel(client.h2, &client.told[1]);
	send_all(len);
	h2_free(client.h2);
	return 0;
}

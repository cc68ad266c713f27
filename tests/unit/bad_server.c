#include "bad_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"

enum { REQUEST_ROOM = 8192, BIG = 3 << 20 };

struct client {
	struct bad_server *server;
	int fd;
	char head[REQUEST_ROOM]; /* the request's header block */
};

/* Counted first: the client may have read it, and looked, before this thread runs again. */
static bool put(struct client *c, const char *p, size_t len)
{
	c->server->bytes_out += len;
	while (len) {
		ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool say(struct client *c, const char *text)
{
	return put(c, text, strlen(text));
}

static void reset(struct client *c)
{
	struct linger linger = {.l_onoff = 1};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* Until the other side has had enough. */
static void wait_for_end(struct client *c)
{
	char buffer[4096];

	while (recv(c->fd, buffer, sizeof(buffer), 0) > 0)
		;
}

#define OK       "HTTP/1.1 200 OK\r\n"
#define FIELDS_5 "A: 34567\r\nB: 34567\r\nC: 34567\r\nD: 34567\r\nE: 34567\r\n"

static bool answer_ok(struct client *c)
{
	return say(c, OK "Content-Length: 5\r\n\r\nhello");
}

static bool answer_bytewise(struct client *c)
{
	static const char TEXT[] = OK "Content-Length: 5\r\nX: y\r\n\r\nhello";

	for (size_t i = 0; i < sizeof(TEXT) - 1; i++)
		if (!put(c, TEXT + i, 1))
			return false;
	return true;
}

static bool answer_chunked(struct client *c)
{
	return say(c, OK "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhel") &&
	       say(c, "lo\r\n3\r\nabc\r\n0\r\nTrailer: 1\r") && say(c, "\n\r\n");
}

static bool answer_until_close(struct client *c)
{
	say(c, OK "\r\nhello");
	return false;
}

static bool answer_interim(struct client *c)
{
	return say(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n") &&
	       answer_ok(c);
}

static bool answer_http10(struct client *c)
{
	say(c, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	return false;
}

static bool answer_head(struct client *c)
{
	return say(c, OK "Content-Length: 1000\r\n\r\n");
}

static bool answer_big(struct client *c)
{
	char *body = mem_zalloc(BIG, 1), head[64];
	bool going =
		say(c, OK) &&
		(snprintf(head, sizeof(head), "Content-Length: %d\r\n\r\n", BIG), say(c, head)) &&
		put(c, body, BIG);

	free(body);
	return going;
}

static bool answer_slow(struct client *c)
{
	clock_sleep_ns(300 * NS_PER_MS);
	return answer_ok(c);
}

static bool answer_last(struct client *c)
{
	say(c, OK "Connection: close\r\nContent-Length: 2\r\n\r\nhi");
	return false;
}

/* Good for one answer, and then closes an idle connection. */
static bool answer_idle(struct client *c)
{
	answer_ok(c);
	clock_sleep_ns(60 * NS_PER_MS);
	return false;
}

/* Takes the head alone as the request: the body must not come before it is asked for. */
static bool answer_wait(struct client *c)
{
	char early;
	ssize_t n;

	clock_sleep_ns(30 * NS_PER_MS);
	n = recv(c->fd, &early, 1, MSG_DONTWAIT | MSG_PEEK);
	return n == 1 ? say(c, "HTTP/1.1 400 Too early\r\nContent-Length: 0\r\n\r\n")
		      : say(c, "HTTP/1.1 100 Continue\r\n\r\n");
}

static bool answer_404(struct client *c)
{
	return say(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
}

static bool answer_302(struct client *c)
{
	return say(c, "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
}

static bool answer_reset(struct client *c)
{
	reset(c);
	return false;
}

static bool answer_half_reset(struct client *c)
{
	say(c, OK "Content-Length: 5\r\n\r\nhe");
	clock_sleep_ns(20 * NS_PER_MS); /* so that it has been read */
	reset(c);
	return false;
}

static bool answer_close(struct client *c)
{
	(void)c;
	return false;
}

static bool answer_half(struct client *c)
{
	say(c, OK "Content-Length: 5\r\n\r\nhe");
	return false;
}

static bool answer_half_line(struct client *c)
{
	say(c, "HTTP/1.1 20");
	return false;
}

static bool answer_half_silence(struct client *c)
{
	say(c, OK "Content-Length: 5\r\n\r\nhe");
	wait_for_end(c);
	return false;
}

static bool answer_silence(struct client *c)
{
	wait_for_end(c);
	return false;
}

static bool answer_garbage(struct client *c)
{
	say(c, "SSH-2.0-OpenSSH_9.2\r\n");
	wait_for_end(c);
	return false;
}

static bool answer_extra(struct client *c)
{
	say(c, OK "Content-Length: 2\r\n\r\nhello");
	wait_for_end(c);
	return false;
}

static bool answer_long_head(struct client *c)
{
	bool going = say(c, OK);

	for (int i = 0; going && i < 70000 / 100; i++)
		going = say(c, FIELDS_5 FIELDS_5);
	wait_for_end(c);
	return false;
}

/* Answers without reading the body, and ends the connection once the answer has been read. */
static bool answer_early(struct client *c)
{
	say(c, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	clock_sleep_ns(300 * NS_PER_MS);
	return false;
}

static bool answer_pause(struct client *c)
{
	clock_sleep_ns(10 * NS_PER_MS);
	return answer_ok(c);
}

static const struct {
	const char *name;
	bool (*answer)(struct client *c); /* false: the connection ends */
} ANSWERS[] = {
	{"ok", answer_ok},
	{"bytewise", answer_bytewise},
	{"chunked", answer_chunked},
	{"until-close", answer_until_close},
	{"interim", answer_interim},
	{"http10", answer_http10},
	{"head", answer_head},
	{"big", answer_big},
	{"slow", answer_slow},
	{"pause", answer_pause},
	{"last", answer_last},
	{"idle", answer_idle},
	{"404", answer_404},
	{"302", answer_302},
	{"reset", answer_reset},
	{"half-reset", answer_half_reset},
	{"close", answer_close},
	{"half", answer_half},
	{"half-line", answer_half_line},
	{"half-silence", answer_half_silence},
	{"silence", answer_silence},
	{"garbage", answer_garbage},
	{"extra", answer_extra},
	{"long-head", answer_long_head},
	{"early", answer_early},
	{"mute", answer_ok},
};

/* The word of "a,b,c" that is `turn`'s, by turns. */
static void pick(const char *words, size_t len, uint64_t turn, char out[32])
{
	size_t n = 1;

	for (size_t i = 0; i < len; i++)
		n += words[i] == ',';
	for (turn %= n; turn; turn--)
		words += strcspn(words, ",") + 1;
	snprintf(out, 32, "%.*s", (int)strcspn(words, ", "), words);
}

static bool answer(struct client *c, uint64_t turn)
{
	const char *path = strchr(c->head, '/') + 1, *query;
	char name[32];

	if (clock_now_ns() < c->server->slow_until_ns)
		clock_sleep_ns(50 * NS_PER_MS);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(path, " ?"), path);
	query = path + strlen(name) + 1;
	if (!strcmp(name, "cycle"))
		pick(query, strcspn(query, " "), turn, name);
	for (size_t i = 0; i < sizeof(ANSWERS) / sizeof(ANSWERS[0]); i++)
		if (!strcmp(name, ANSWERS[i].name))
			return ANSWERS[i].answer(c);
	return say(c, "HTTP/1.1 500 Unknown behaviour\r\nContent-Length: 0\r\n\r\n");
}

static int64_t content_length(const char *head)
{
	const char *field = strcasestr(head, "\r\nContent-Length: ");
	char digits[24];
	int64_t length = 0;

	if (!field)
		return 0;
	field += strlen("\r\nContent-Length: ");
	snprintf(digits, sizeof(digits), "%.*s", (int)strcspn(field, "\r"), field);
	return num_parse_int(digits, 0, 1 << 30, "length", &length, NULL) ? 0 : length;
}

/* One request, byte by byte where its end is not known. */
static bool read_request(struct client *c)
{
	size_t n = 0;
	char body[4096];
	int64_t left;

	while (n < 4 || memcmp(c->head + n - 4, "\r\n\r\n", 4) != 0) {
		if (n + 1 == sizeof(c->head) || recv(c->fd, c->head + n, 1, 0) != 1)
			return false;
		c->head[++n] = '\0';
	}
	c->server->bytes_in += n;
	if (strstr(c->head, "/early "))
		return true;
	if (strcasestr(c->head, "\r\nExpect: 100-continue") && !strstr(c->head, "/mute") &&
		!answer_wait(c))
		return false;
	for (left = content_length(c->head); left > 0;) {
		ssize_t got = recv(
			c->fd, body, sizeof(body) < (size_t)left ? sizeof(body) : (size_t)left, 0);

		if (got <= 0)
			return false;
		left -= got;
		c->server->bytes_in += (uint64_t)got;
		c->server->body_bytes += (uint64_t)got;
	}
	return true;
}

static void *serve_client(void *arg)
{
	struct client *c = arg;

	while (read_request(c) && answer(c, c->server->requests++))
		;
	close(c->fd);
	free(c);
	return NULL;
}

static void *serve(void *arg)
{
	struct bad_server *s = arg;

	for (;;) {
		pthread_t thread;
		struct client *c = mem_zalloc(1, sizeof(*c));

		c->server = s;
		c->fd = accept(s->listener, NULL, NULL);
		if (c->fd < 0) {
			free(c);
			return NULL;
		}
		s->connections++;
		if (s->drop) {
			reset(c);
			close(c->fd);
			free(c);
		} else if (!pthread_create(&thread, NULL, serve_client, c)) {
			pthread_detach(thread);
		}
	}
}

void bad_server_start(struct bad_server *s)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	pthread_t thread;

	memset(s, 0, sizeof(*s));
	s->listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(s->listener, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (bind(s->listener, (struct sockaddr *)&address, sizeof(address)) ||
		listen(s->listener, 128) ||
		getsockname(s->listener, (struct sockaddr *)&address, &len) ||
		pthread_create(&thread, NULL, serve, s))
		abort();
	pthread_detach(thread);
	s->port = ntohs(address.sin_port);
}

#include "lab_client.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/str.h"

static void on_ready(void *arg, const char *address)
{
	int64_t port;

	ck_assert_int_eq(
		num_parse_int(strrchr(address, ':') + 1, 1, 65535, "port", &port, NULL), 0);
	ck_assert_int_eq(write(*(int *)arg, &port, sizeof(port)), sizeof(port));
}

struct lab_process lab_start(struct lab_spec spec)
{
	return lab_start_named("mixed", spec);
}

struct lab_process lab_start_named(const char *name, struct lab_spec spec)
{
	struct lab_process lab = {0};
	struct err err;
	int64_t port;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	spec.bind = "127.0.0.1:0";
	lab.pid = fork();
	if (!lab.pid) {
		struct lab_hooks hooks = {.ready = on_ready, .arg = &ends[1]};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(lab_find(name, &err)->run(&spec, &hooks, &err) ? 3 : 0);
	}
	ck_assert_int_gt(lab.pid, 0);
	ck_assert_int_eq(read(ends[0], &port, sizeof(port)), sizeof(port));
	close(ends[0]);
	close(ends[1]);
	lab.port = (int)port;
	return lab;
}

int lab_end(struct lab_process *lab, int number)
{
	int status;

	kill(lab->pid, number);
	ck_assert_int_eq(waitpid(lab->pid, &status, 0), lab->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void client_open(struct client *c, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	c->sent = c->got = c->n = 0;
	ck_assert_int_ge(c->fd, 0);
	ck_assert_msg(!connect(c->fd, (struct sockaddr *)&to, sizeof(to)), "%s", strerror(errno));
}

void client_close(struct client *c)
{
	close(c->fd);
	c->fd = -1;
}

static bool try_send(struct client *c, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = send(c->fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		c->sent += (size_t)n;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

void client_send(struct client *c, const char *text)
{
	ck_assert_msg(try_send(c, text), "%s", strerror(errno));
}

bool client_try_get(struct client *c, const char *target)
{
	struct str text = STR_INIT;
	bool sent;

	str_addf(&text, "GET %s HTTP/1.1\r\nHost: lab\r\n\r\n", target);
	sent = try_send(c, text.p);
	str_release(&text);
	return sent;
}

void client_get(struct client *c, const char *target)
{
	ck_assert_msg(client_try_get(c, target), "%s", strerror(errno));
}

/* More bytes: 1, 0 at the end, −1 reset. */
static int fill(struct client *c)
{
	ssize_t n = recv(c->fd, c->buffer + c->n, sizeof(c->buffer) - 1 - c->n, 0);

	ck_assert_msg(n >= 0 || errno == ECONNRESET, "%s", strerror(errno));
	if (n <= 0)
		return (int)n;
	c->n += (size_t)n;
	c->got += (size_t)n;
	return 1;
}

static struct answer read_answer(struct client *c, bool head)
{
	struct answer a;
	char *end, *field;
	size_t whole;
	int64_t length = 0;

	a.status = 0;
	a.close = false;
	a.body_len = 0;
	a.body[0] = '\0';
	for (;;) {
		c->buffer[c->n] = '\0';
		end = strstr(c->buffer, "\r\n\r\n");
		if (end)
			break;
		int rc = fill(c);

		if (rc <= 0) {
			a.status = c->n ? -2 : rc;
			return a;
		}
	}
	ck_assert_msg(str_starts(c->buffer, "HTTP/1.1 "), "%s", c->buffer);
	a.status = (int)strtol(c->buffer + 9, NULL, 10);
	*end = '\0';
	a.close = strstr(c->buffer, "Connection: close") != NULL;
	field = strstr(c->buffer, "Content-Length: ");
	if (field)
		length = strtol(field + 16, NULL, 10);
	*end = '\r';
	a.body_len = head ? 0 : (size_t)length;
	ck_assert_uint_lt(a.body_len, sizeof(a.body));
	whole = (size_t)(end + 4 - c->buffer) + a.body_len;
	while (c->n < whole)
		if (fill(c) <= 0) {
			a.status = -2;
			return a;
		}
	memcpy(a.body, c->buffer + whole - a.body_len, a.body_len);
	a.body[a.body_len] = '\0';
	memmove(c->buffer, c->buffer + whole, c->n - whole);
	c->n -= whole;
	return a;
}

struct answer client_answer(struct client *c)
{
	return read_answer(c, false);
}

struct answer client_answer_head(struct client *c)
{
	return read_answer(c, true);
}

struct answer fetch(int port, const char *target)
{
	static struct client c;
	struct answer a;

	client_open(&c, port);
	client_get(&c, target);
	a = client_answer(&c);
	client_close(&c);
	return a;
}

json_t *counters(int port)
{
	struct answer a = fetch(port, "/counters");
	json_t *json = json_loads(a.body, 0, NULL);

	ck_assert_int_eq(a.status, 200);
	ck_assert_ptr_nonnull(json);
	return json;
}

double counter_of(const json_t *json, const char *path)
{
	for (const char *dot; (dot = strchr(path, '.')); path = dot + 1)
		json = json_object_getn(json, path, (size_t)(dot - path));
	return json_number_value(json_object_get(json, path));
}

double counter(int port, const char *path)
{
	json_t *json = counters(port);
	double value = counter_of(json, path);

	json_decref(json);
	return value;
}

bool counter_becomes(int port, const char *path, double value)
{
	for (int i = 0; i < 1000; i++) {
		if (counter(port, path) == value)
			return true;
		clock_sleep_ns(10 * NS_PER_MS);
	}
	return false;
}

#include "proc/probe.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/http_response.h"

enum { SLICE_MS = 10, BUFFER = HTTP_HEAD_MAX + 4096 };

int probe_init(struct probe *p, const char *url, bool connect_only, struct err *err)
{
	int rc;

	*p = (struct probe){.connect_only = connect_only};
	rc = url_parse(&p->url, url, err);
	if (!rc && p->url.tls && !connect_only)
		rc = err_set(
			err, ERR_USAGE, "%s: https is not supported yet; give an http:// URL", url);
	if (!rc)
		rc = sock_resolve(p->url.host, p->url.port, p->addresses, PROBE_ADDRESSES,
			&p->n_addresses, err);
	if (rc)
		return rc;
	str_addf(&p->request, "GET %s HTTP/1.1\r\n", p->url.path);
	str_addf(&p->request, strchr(p->url.host, ':') ? "Host: [%s]:%s\r\n" : "Host: %s:%s\r\n",
		p->url.host, p->url.port);
	str_add(&p->request,
		"User-Agent: culprit/" CULPRIT_VERSION "\r\nConnection: close\r\n\r\n");
	return 0;
}

void probe_release(struct probe *p)
{
	url_release(&p->url);
	str_release(&p->request);
}

static void say(struct probe *p, const char *why)
{
	snprintf(p->why, sizeof(p->why), "%s", why);
}

/* Waits for `events`; false, and `why` set, when the time is over or it was given up. */
static bool wait_for(struct probe *p, int fd, short events, uint64_t end_ns)
{
	for (;;) {
		struct pollfd pfd = {.fd = fd, .events = events};

		if (poll(&pfd, 1, SLICE_MS) > 0)
			return true;
		if (p->give_up && p->give_up(p->arg))
			return false;
		if (clock_now_ns() >= end_ns) {
			say(p, events & POLLOUT ? "no connection in time" : "no answer in time");
			return false;
		}
	}
}

static bool send_request(struct probe *p, int fd, uint64_t end_ns)
{
	size_t sent = 0;

	while (sent < p->request.len) {
		ssize_t n = send(fd, p->request.p + sent, p->request.len - sent, MSG_NOSIGNAL);

		if (n > 0) {
			sent += (size_t)n;
		} else if (errno != EAGAIN && errno != EINTR) {
			say(p, strerror(errno));
			return false;
		} else if (!wait_for(p, fd, POLLOUT, end_ns)) {
			return false;
		}
	}
	return true;
}

static bool judge(struct probe *p, const struct http_response *r, enum http_progress progress)
{
	if (progress == HTTP_MALFORMED) {
		snprintf(p->why, sizeof(p->why), "the answer is not HTTP: %s", r->why);
	} else if (progress != HTTP_DONE) {
		say(p, "the connection was closed before an answer");
	} else if (r->status >= 200 && r->status < 300) {
		return true;
	} else {
		snprintf(p->why, sizeof(p->why), "it answered with status %u", r->status);
	}
	return false;
}

static bool read_answer(struct probe *p, int fd, uint64_t end_ns)
{
	enum http_progress progress = HTTP_MORE;
	char *buffer = mem_alloc(BUFFER, 1);
	struct http_response r;
	bool ready = false;
	size_t kept = 0;

	http_response_init(&r, false);
	while (progress == HTTP_MORE) {
		ssize_t n = recv(fd, buffer + kept, BUFFER - kept, 0);
		size_t used;

		if (n > 0) {
			progress = http_response_feed(&r, NULL, buffer, kept + (size_t)n, &used);
			kept = kept + (size_t)n - used;
			memmove(buffer, buffer + used, kept);
		} else if (!n) {
			progress = http_response_end(&r);
		} else if (errno != EAGAIN && errno != EINTR) {
			say(p, strerror(errno));
			goto out;
		} else if (!wait_for(p, fd, POLLIN, end_ns)) {
			goto out;
		}
	}
	ready = judge(p, &r, progress);
out:
	free(buffer);
	return ready;
}

/* A port of the ephemeral range that nobody listens on may be given to the probe itself, which then
 * talks to itself (RFC 9293, simultaneous open). */
static bool is_self(int fd)
{
	struct sockaddr_storage here = {0}, there = {0};
	socklen_t here_len = sizeof(here), there_len = sizeof(there);

	return !getsockname(fd, (struct sockaddr *)&here, &here_len) &&
	       !getpeername(fd, (struct sockaddr *)&there, &there_len) && here_len == there_len &&
	       !memcmp(&here, &there, here_len);
}

static bool try_address(struct probe *p, const struct sock_address *to, uint64_t end_ns)
{
	int fd = sock_connect(to), error;
	bool ready = false;

	if (fd < 0) {
		say(p, strerror(-fd));
		return false;
	}
	if (wait_for(p, fd, POLLOUT, end_ns)) {
		error = is_self(fd) ? ECONNREFUSED : sock_error(fd);
		if (error)
			say(p, error == ECONNREFUSED ? "connection refused" : strerror(error));
		else
			ready = p->connect_only ||
				(send_request(p, fd, end_ns) && read_answer(p, fd, end_ns));
	}
	close(fd);
	return ready;
}

bool probe_try(struct probe *p, uint64_t timeout_ns)
{
	uint64_t end_ns = clock_now_ns() + timeout_ns;

	for (size_t i = 0; i < p->n_addresses; i++) {
		if (try_address(p, &p->addresses[i], end_ns))
			return true;
		if (p->give_up && p->give_up(p->arg))
			return false;
	}
	return false;
}

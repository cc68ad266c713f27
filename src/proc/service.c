#include "proc/service.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/http_response.h"
#include "net/sock.h"
#include "net/url.h"
#include "proc/keeper.h"
#include "proc/port.h"
#include "proc/tree.h"

enum { TAIL_LINES = 10, TAIL_BYTES = 1200, ADDRESSES = 4 };
#define PROBE_EVERY_NS (10 * NS_PER_MS)
#define PROBE_TIMEOUT_NS (2 * NS_PER_S)

struct service {
	struct keeper keeper;
	struct service_spec spec;
	char *log_path;
	bool ended;
	int status; /* wait status, once ended */
};

/* ---- is it ready? ---- */

struct probe {
	struct url url;
	struct str request;
	struct sock_address addresses[ADDRESSES];
	size_t n;
	struct str last; /* what the last try met, for the message */
};

static void probe_release(struct probe *p)
{
	url_release(&p->url);
	str_release(&p->request);
	str_release(&p->last);
}

static int probe_init(struct probe *p, const char *url, struct err *err)
{
	int rc;

	*p = (struct probe){0};
	rc = url_parse(&p->url, url, err);
	if (!rc && p->url.tls)
		rc = err_set(err, ERR_USAGE, "%s: a ready URL is http", url);
	if (!rc)
		rc = sock_resolve(p->url.host, p->url.port, p->addresses, ADDRESSES, &p->n, err);
	if (!rc)
		str_addf(&p->request,
			"GET %s HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: culprit\r\nAccept: */*\r\n"
			"Connection: close\r\n\r\n",
			p->url.path, p->url.host, p->url.port);
	return rc;
}

static bool wait_for(int fd, short events, uint64_t until_ns)
{
	struct pollfd poll_fd = {fd, events, 0};
	uint64_t now = clock_now_ns();

	return now < until_ns && poll(&poll_fd, 1, (int)((until_ns - now) / NS_PER_MS) + 1) > 0;
}

static int probe_connect(const struct sock_address *to, uint64_t until_ns)
{
	int fd = sock_connect(to);

	if (fd >= 0 && (!wait_for(fd, POLLOUT, until_ns) || sock_error(fd))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void probe_says(struct probe *p, const char *text)
{
	str_clear(&p->last);
	str_add(&p->last, text);
}

/* The status that one GET is answered with; 0 where none came. */
static unsigned probe_status(struct probe *p, int fd, uint64_t until_ns)
{
	struct http_response response;
	struct http_memo memo = {0};
	char buffer[16384];
	size_t n = 0, used;
	ssize_t got;

	http_response_init(&response, false);
	if (send(fd, p->request.p, p->request.len, MSG_NOSIGNAL) != (ssize_t)p->request.len) {
		probe_says(p, "the connection was closed at once");
		return 0;
	}
	while (wait_for(fd, POLLIN, until_ns)) {
		got = recv(fd, buffer + n, sizeof(buffer) - n, 0);
		if (got < 0 && errno == EAGAIN)
			continue;
		if (got <= 0) {
			probe_says(p, "the connection was closed before an answer");
			return 0;
		}
		n += (size_t)got;
		if (http_response_feed(&response, &memo, buffer, n, &used) == HTTP_MALFORMED) {
			probe_says(p, "the answer is not HTTP");
			return 0;
		}
		memmove(buffer, buffer + used, n - used);
		n -= used;
		if (response.status >= 200)
			return response.status;
	}
	probe_says(p, "no answer in time");
	return 0;
}

/* One try: true when the answer is 2xx. */
static bool probe_try(struct probe *p)
{
	uint64_t until = clock_now_ns() + PROBE_TIMEOUT_NS;
	unsigned status = 0;
	int fd = -1;

	for (size_t i = 0; i < p->n && fd < 0; i++)
		fd = probe_connect(&p->addresses[i], until);
	if (fd < 0) {
		probe_says(p, "nobody listens on ");
		str_addf(&p->last, "%s:%s", p->url.host, p->url.port);
		return false;
	}
	status = probe_status(p, fd, until);
	close(fd);
	if (status) {
		str_clear(&p->last);
		str_addf(&p->last, "the last answer had status %u", status);
	}
	return status >= 200 && status < 300;
}

static int stopped(const atomic_bool *stop, struct err *err)
{
	return stop && atomic_load(stop) ? err_set(err, ERR_STOPPED, "stopped") : 0;
}

int service_wait_ready(
	const char *url, uint64_t timeout_ns, const atomic_bool *stop, struct err *err)
{
	uint64_t end = clock_now_ns() + timeout_ns;
	struct probe p;
	int rc = probe_init(&p, url, err);

	while (!rc && !(rc = stopped(stop, err)) && !probe_try(&p)) {
		if (clock_now_ns() >= end)
			rc = err_set(err, ERR_SERVICE, "%s: the service is not there: %s", url,
				str_text(&p.last));
		else
			clock_sleep_ns(PROBE_EVERY_NS);
	}
	probe_release(&p);
	return rc;
}

/* ---- its output, for messages ---- */

/* Adds the last lines of the log, indented. */
static void add_tail(struct str *out, const char *path)
{
	struct file_bytes file;
	size_t from, lines = 0;

	if (file_open_bytes(path, (size_t)1 << 40, &file, NULL) || !file.len) {
		str_add(out, "\n  (it printed nothing)");
		return;
	}
	from = file.len;
	while (from && file.len - from < TAIL_BYTES) {
		if (file.data[from - 1] == '\n' && from < file.len && ++lines == TAIL_LINES)
			break;
		from--;
	}
	str_add(out, "\nthe last that it printed:\n  ");
	for (size_t i = from; i < file.len; i++) {
		if (file.data[i] == '\n' && i + 1 < file.len)
			str_add(out, "\n  ");
		else if (file.data[i] != '\n' && file.data[i] != '\0')
			str_add_char(out, file.data[i]);
	}
	file_close_bytes(&file);
}

static int with_tail(const struct service *s, struct err *err)
{
	struct str text = STR_INIT;

	str_add(&text, err->text);
	add_tail(&text, s->log_path);
	snprintf(err->text, sizeof(err->text), "%s", text.p);
	str_release(&text);
	return -(int)err->kind;
}

/* ---- whose port is it? ---- */

static bool is_below(pid_t pid, pid_t root)
{
	struct proc_stat stat;

	for (int depth = 0; depth < 64 && pid > 1; depth++) {
		if (pid == root)
			return true;
		if (!proc_stat_read(pid, &stat))
			return false;
		pid = stat.parent;
	}
	return false;
}

static int port_is_free(const struct probe *p, struct err *err)
{
	unsigned port = (unsigned)strtoul(p->url.port, NULL, 10);
	uint64_t until = clock_now_ns() + PROBE_TIMEOUT_NS;
	struct str who = STR_INIT;
	pid_t *pids;
	int fd = -1, rc;

	for (size_t i = 0; i < p->n && fd < 0; i++)
		fd = probe_connect(&p->addresses[i], until);
	if (fd < 0)
		return 0;
	close(fd);
	if (port_holders(port, &pids))
		port_holder_text(&who, pids[0]);
	else
		str_add(&who, "a process that may not be looked at");
	rc = err_set(err, ERR_SERVICE,
		"port %u is in use by %s, so it would answer in place of the service; stop it, or "
		"give the service another port",
		port, who.p);
	free(pids);
	str_release(&who);
	return rc;
}

/* Whoever listens must be of the service. Where it may not be looked at, it is believed. */
static int port_is_ours(const struct service *s, const struct probe *p, struct err *err)
{
	unsigned port = (unsigned)strtoul(p->url.port, NULL, 10);
	struct str who = STR_INIT;
	pid_t *pids;
	size_t n = port_holders(port, &pids);
	bool ours = !n;
	int rc = 0;

	for (size_t i = 0; i < n && !ours; i++)
		ours = is_below(pids[i], s->keeper.pid);
	if (!ours) {
		port_holder_text(&who, pids[0]);
		rc = err_set(err, ERR_SERVICE,
			"port %u is answered by %s, which the service did not start", port, who.p);
	}
	free(pids);
	str_release(&who);
	return rc;
}

/* ---- start and stop ---- */

static char **make_env(const char *const *more)
{
	extern char **environ;
	size_t n = 0, added = 0;
	char **env;

	while (environ[n])
		n++;
	while (more && more[added])
		added++;
	env = mem_zalloc(n + added + 1, sizeof(*env));
	n = 0;
	for (char **e = environ; *e; e++) {
		size_t name = strcspn(*e, "=") + 1;
		bool replaced = false;

		for (size_t i = 0; i < added && !replaced; i++)
			replaced = !strncmp(*e, more[i], name);
		if (!replaced)
			env[n++] = *e;
	}
	for (size_t i = 0; i < added; i++)
		env[n++] = (char *)more[i];
	return env;
}

int service_check(struct service *s, struct err *err)
{
	if (!s->ended)
		s->ended = keeper_poll(&s->keeper, &s->status);
	if (!s->ended)
		return 0;
	if (WIFSIGNALED(s->status))
		err_set(err, ERR_SERVICE, "the service was ended by signal %d (%s): %s",
			WTERMSIG(s->status), strsignal(WTERMSIG(s->status)), s->spec.command);
	else
		err_set(err, ERR_SERVICE, "the service ended with exit code %d: %s",
			WEXITSTATUS(s->status), s->spec.command);
	return with_tail(s, err);
}

static int wait_started(
	struct service *s, struct probe *p, const atomic_bool *stop, struct err *err)
{
	uint64_t end = clock_now_ns() + s->spec.ready_timeout_ns;
	char limit[NUM_TEXT];
	int rc;

	for (;;) {
		rc = service_check(s, err);
		if (!rc)
			rc = stopped(stop, err);
		if (rc || probe_try(p))
			break;
		if (clock_now_ns() >= end) {
			err_set(err, ERR_SERVICE,
				"the service was not ready after %s (%s: %s); give it longer with "
				"`ready_timeout:`, or mend `ready:`",
				num_duration((double)s->spec.ready_timeout_ns / 1e9, limit),
				s->spec.ready, str_text(&p->last));
			return with_tail(s, err);
		}
		clock_sleep_ns(PROBE_EVERY_NS);
	}
	return rc ? rc : port_is_ours(s, p, err);
}

int service_start(struct service **out, const struct service_spec *spec, const atomic_bool *stop,
	struct err *err)
{
	struct service *s = mem_zalloc(1, sizeof(*s));
	struct probe p;
	char **env = NULL;
	int log_fd = -1, rc;

	s->spec = *spec;
	s->keeper.orders = s->keeper.reports = -1;
	s->log_path = mem_strdup(spec->log_path);
	rc = probe_init(&p, spec->ready, err);
	if (!rc)
		rc = port_is_free(&p, err);
	if (rc)
		goto out;
	log_fd = open(s->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
	if (log_fd < 0) {
		rc = err_errno(err, ERR_SYSTEM, errno, "%s: cannot be written", s->log_path);
		goto out;
	}
	env = make_env(spec->env);
	rc = keeper_start(&s->keeper, spec->command, env, spec->folder, log_fd, err);
	if (!rc)
		rc = wait_started(s, &p, stop, err);
out:
	if (log_fd >= 0)
		close(log_fd);
	free(env);
	probe_release(&p);
	if (rc)
		service_stop(s);
	else
		*out = s;
	return rc;
}

void service_stop(struct service *s)
{
	if (!s)
		return;
	keeper_stop(&s->keeper, s->ended ? 0 : s->spec.stop_timeout_ns);
	free(s->log_path);
	free(s);
}

pid_t service_pid(const struct service *s)
{
	return s->keeper.service;
}

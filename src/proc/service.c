#include "proc/service.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "proc/keeper.h"
#include "proc/limits.h"
#include "proc/port.h"
#include "proc/probe.h"
#include "proc/tree.h"

/* Between two tries whether it is ready; of one try, after which a new connection is made. */
#define POLL_NS (15 * NS_PER_MS)
#define TRY_NS  (5 * NS_PER_S)
/* The least for a try, so that the last one says what is wrong. */
#define LAST_NS (100 * NS_PER_MS)
/* For the keeper to kill what is left, over what the service was given to stop. */
#define KILL_NS (5 * NS_PER_S)

enum { TAIL_LINES = 10, TAIL_BYTES = 1200, MARK_TEXT = 64 };

/* In the environment of the service and so of whatever it starts. Where even the keeper was killed,
 * this finds what it kept. */
#define MARK "CULPRIT_SERVICE"

struct service {
	struct keeper keeper;
	uint64_t stop_timeout_ns, start_ns;
	char *log_path;
	char mark[MARK_TEXT]; /* MARK=… */
	bool gone;            /* the keeper has ended: nothing is left */
	bool ended;           /* the service's first process has … */
	int status;           /* … with this wait status */
	int failed;           /* errno where it could not be started … */
	int failed_at;        /* … and at which keeper_step */
	char *cores;
	double ended_s; /* after its start */
};

/* The last lines of the service's output, indented, after ". Its last output:". */
static void add_tail(struct str *out, const char *log_path)
{
	char text[TAIL_BYTES + 1];
	int fd = open(log_path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	off_t from = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
	ssize_t n = fd < 0 ? 0 : pread(fd, text, TAIL_BYTES, from);
	char *p, *end;
	int lines = 0;

	if (fd >= 0)
		close(fd);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (n <= 0) {
		str_add(out, " (it printed nothing)");
		return;
	}
	end = text + n;
	for (p = end; p > text; p--)
		if (p[-1] == '\n' && ++lines == TAIL_LINES)
			break;
	if (p == text && from) /* begin with a whole line where there is one */
		p = memchr(text, '\n', (size_t)n) ? (char *)memchr(text, '\n', (size_t)n) + 1
						  : text;
	str_add(out, ". Its last output:\n  ");
	for (; p < end; p++) {
		if (*p == '\n')
			str_add(out, "\n  ");
		else if (*p == '\t' || (unsigned char)*p >= ' ')
			str_add_char(out, *p == 0x7f ? '?' : *p);
		else if (*p != '\r')
			str_add_char(out, '?');
	}
}

/* err becomes "what (it ended …). Its last output: …". */
static int fail(struct err *err, const char *log_path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct err *err, const char *log_path, const char *format, ...)
{
	struct str text = STR_INIT;
	va_list args;
	int rc;

	va_start(args, format);
	str_vaddf(&text, format, args);
	va_end(args);
	if (log_path)
		add_tail(&text, log_path);
	rc = err_set(err, ERR_SERVICE, "%s", text.p);
	str_release(&text);
	return rc;
}

/* ---- what the keeper tells ---- */

static void hear(struct service *s)
{
	struct keeper_message m;
	ssize_t n;

	while (!s->gone && (n = read(s->keeper.events, &m, sizeof(m))) >= 0) {
		if (n != sizeof(m)) {
			s->gone = true;
		} else if (m.event == KEEPER_ENDED) {
			s->ended = true;
			s->status = m.value;
			s->ended_s = (double)(clock_now_ns() - s->start_ns) / 1e9;
		} else if (m.event == KEEPER_FAILED) {
			s->failed = m.value;
			s->failed_at = m.at;
		}
	}
}

static int start_failed(const struct service *s, struct err *err)
{
	if (s->failed_at == KEEPER_AT_GROUP)
		return err_errno(err, ERR_SYSTEM, s->failed,
			"the service could not be started: it cannot enter the cgroup that was "
			"made "
			"for its limits");
	if (s->failed_at == KEEPER_AT_CORES)
		return err_errno(err, ERR_SYSTEM, s->failed,
			"the service could not be started: it cannot be pinned to cores %s (a "
			"cpuset of culprit's container or group may not have them)",
			s->cores);
	return err_errno(err, ERR_SERVICE, s->failed, "the service could not be started");
}

int service_check(struct service *s, struct err *err)
{
	char after[NUM_TEXT];

	hear(s);
	if (s->failed)
		return start_failed(s, err);
	if (s->ended && WIFSIGNALED(s->status))
		return fail(err, s->log_path, "the service was killed by signal %d (%s) after %s",
			WTERMSIG(s->status), strsignal(WTERMSIG(s->status)),
			num_duration(s->ended_s, after));
	/* with 0 it may have left daemons, which the keeper keeps */
	if (s->ended && (s->gone || WEXITSTATUS(s->status)))
		return fail(err, s->log_path, "the service ended with exit code %d after %s",
			WEXITSTATUS(s->status), num_duration(s->ended_s, after));
	if (s->gone)
		return fail(err, s->log_path, "the service was killed together with its keeper");
	return 0;
}

/* ---- is it ready ---- */

struct waiting {
	struct service *service; /* or NULL */
	const atomic_bool *stop;
};

static bool is_over(void *arg)
{
	struct waiting *w = arg;

	return (w->stop && atomic_load(w->stop)) || (w->service && service_check(w->service, NULL));
}

static int wait_ready(struct probe *probe, struct waiting *w, uint64_t timeout_ns, struct err *err)
{
	uint64_t end = clock_now_ns() + timeout_ns;
	const char *log_path = w->service ? w->service->log_path : NULL;
	char time[NUM_TEXT];
	int rc;

	probe->give_up = is_over;
	probe->arg = w;
	for (;;) {
		uint64_t now = clock_now_ns(), left = end > now + LAST_NS ? end - now : LAST_NS;

		if (probe_try(probe, left < TRY_NS ? left : TRY_NS))
			return 0;
		if (w->stop && atomic_load(w->stop))
			return err_set(err, ERR_STOPPED, "stopped while the service was starting");
		rc = w->service ? service_check(w->service, err) : 0;
		if (rc)
			return err_prefix(err, "not ready");
		if (clock_now_ns() >= end)
			break;
		clock_sleep_ns(POLL_NS);
	}
	return fail(err, log_path, "the service was not ready after %s: %s%s%s:%s%s: %s",
		num_duration((double)timeout_ns / 1e9, time), probe->connect_only ? "" : "GET ",
		probe->connect_only ? "" : "http://", probe->url.host, probe->url.port,
		probe->connect_only ? "" : probe->url.path, probe->why);
}

int service_wait_ready(const char *ready, const char *url, uint64_t timeout_ns,
	const atomic_bool *stop, struct err *err)
{
	struct waiting w = {.stop = stop};
	struct probe probe;
	int rc = probe_init(&probe, ready ? ready : url, !ready, err);

	if (!rc)
		rc = wait_ready(&probe, &w, timeout_ns, err);
	probe_release(&probe);
	return rc;
}

/* ---- whose port is it ---- */

static int check_port_free(const struct probe *probe, struct err *err)
{
	char address[SOCK_TEXT], command[96];
	struct port_sockets sockets;
	bool hidden;

	for (size_t i = 0; i < probe->n_addresses; i++) {
		const struct sock_address *a = &probe->addresses[i];
		pid_t pid;

		if (!port_is_local(a))
			continue;
		port_listeners(a, &sockets);
		if (!sockets.n)
			continue;
		sock_text(a, address);
		pid = port_holder(&sockets, 0, &hidden);
		if (pid)
			return err_set(err, ERR_SERVICE,
				"%s is in use by process %d (%s); stop it, or give the service "
				"another port",
				address, (int)pid, process_command(pid, command, sizeof(command)));
		return err_set(err, ERR_SERVICE,
			"%s is in use by a process of another user; stop it, or give the service "
			"another port",
			address);
	}
	return 0;
}

/* Somebody listens there now: is it a process of the service? Where that cannot be seen, it is
 * taken to be, for the port was free before. */
static int check_port_ours(const struct service *s, const struct probe *probe, struct err *err)
{
	char address[SOCK_TEXT], command[96];
	struct port_sockets sockets;
	bool hidden, other;
	bool ours = false;
	pid_t pid = 0;

	for (size_t i = 0; i < probe->n_addresses && !ours; i++) {
		port_listeners(&probe->addresses[i], &sockets);
		if (!sockets.n || !port_is_local(&probe->addresses[i]))
			continue;
		ours = port_holder(&sockets, s->keeper.pid, &hidden) || hidden;
		if (!ours && !pid) {
			pid = port_holder(&sockets, 0, &other);
			sock_text(&probe->addresses[i], address);
		}
	}
	if (ours || !pid)
		return 0;
	return err_set(err, ERR_SERVICE,
		"%s is answered by process %d (%s), which the service's command did not start; let "
		"the "
		"command run it in the foreground, or leave out the command and start it yourself",
		address, (int)pid, process_command(pid, command, sizeof(command)));
}

/* ---- start ---- */

static bool is_same_name(const char *a, const char *b)
{
	size_t len = strcspn(a, "=");

	return !strncmp(a, b, len + 1);
}

/* The environment of culprit with `more` over it, and the mark. Free the array, not the texts. */
static char **make_environment(const char *const *more, const char *mark)
{
	size_t n = 0, n_more = 0, used = 0;
	char **env;

	while (environ[n])
		n++;
	while (more && more[n_more])
		n_more++;
	env = mem_zalloc(n + n_more + 2, sizeof(*env));
	for (size_t i = 0; i < n; i++) {
		bool replaced = is_same_name(mark, environ[i]);

		for (size_t j = 0; j < n_more; j++)
			replaced |= is_same_name(more[j], environ[i]);
		if (!replaced)
			env[used++] = environ[i];
	}
	for (size_t j = 0; j < n_more; j++) {
		bool replaced = false;

		for (size_t later = j + 1; later < n_more; later++)
			replaced |= is_same_name(more[later], more[j]);
		if (!replaced)
			env[used++] = (char *)more[j];
	}
	env[used] = (char *)mark;
	return env;
}

static int start_keeper(struct service *s, const struct service_spec *spec, struct err *err)
{
	struct keeper_spec k = {.command = spec->command,
		.folder = spec->folder,
		.cgroup_procs = spec->cgroup_procs};
	cpu_set_t cores;
	char **env = make_environment(spec->env, s->mark);
	int rc = 0;

	if (spec->cores) {
		rc = limits_parse_cores(spec->cores, &cores, err);
		if (rc)
			goto out;
		k.cores = &cores;
	}
	k.env = env;
	k.log = open(spec->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (k.log < 0) {
		rc = err_errno(err, ERR_SYSTEM, errno, "%s: the service's output cannot go there",
			spec->log_path);
		goto out;
	}
	rc = keeper_start(&s->keeper, &k);
	if (rc)
		rc = err_errno(err, ERR_SYSTEM, -rc, "cannot start a process for the service");
	close(k.log);
out:
	free(env);
	return rc;
}

int service_start(struct service **out, const struct service_spec *spec, const atomic_bool *stop,
	struct err *err)
{
	struct service *s = mem_zalloc(1, sizeof(*s));
	struct waiting w = {.service = s, .stop = stop};
	struct probe probe = {0};
	struct stat folder;
	int rc = 0;

	*out = NULL;
	s->keeper = (struct keeper){.life = -1, .events = -1};
	s->log_path = mem_strdup(spec->log_path);
	s->cores = mem_strdup(spec->cores);
	s->stop_timeout_ns = spec->stop_timeout_ns;
	s->start_ns = clock_now_ns();
	snprintf(s->mark, sizeof(s->mark), MARK "=%d-%llu", (int)getpid(),
		(unsigned long long)s->start_ns);
	if (spec->folder && (stat(spec->folder, &folder) || !S_ISDIR(folder.st_mode)))
		rc = err_set(err, ERR_SERVICE, "%s: the folder to run the service in is not there",
			spec->folder);
	if (!rc)
		rc = probe_init(&probe, spec->ready ? spec->ready : spec->url, !spec->ready, err);
	if (!rc)
		rc = check_port_free(&probe, err);
	if (!rc)
		rc = start_keeper(s, spec, err);
	if (!rc)
		rc = wait_ready(&probe, &w, spec->ready_timeout_ns, err);
	if (!rc)
		rc = check_port_ours(s, &probe, err);
	probe_release(&probe);
	if (rc)
		service_stop(s);
	else
		*out = s;
	return rc;
}

pid_t service_pid(const struct service *s)
{
	return s->keeper.pid;
}

/* ---- stop ---- */

static bool has_mark(pid_t pid, const char *mark)
{
	char path[40], *text = NULL;
	size_t cap = 0;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	file = fopen(path, "re");
	while (file && !found && getdelim(&text, &cap, '\0', file) > 0)
		found = !strcmp(text, mark);
	free(text);
	if (file)
		fclose(file);
	return found;
}

/* The keeper was killed; what it kept belongs to init now, and is known by its mark alone. */
static void kill_marked(const char *mark)
{
	uint64_t end = clock_now_ns() + KILL_NS;
	struct process_tree all = {0};
	bool found = true;

	while (found && clock_now_ns() < end) {
		found = false;
		process_tree_read(&all, 1);
		for (size_t i = 0; i < all.n; i++)
			if (all.items[i].state != 'Z' && has_mark(all.items[i].pid, mark)) {
				kill(all.items[i].pid, SIGKILL);
				found = true;
			}
		if (found)
			clock_sleep_ns(POLL_NS);
	}
	process_tree_release(&all);
}

static void wait_gone(struct service *s)
{
	uint64_t end = clock_now_ns() + s->stop_timeout_ns + KILL_NS;

	for (;;) {
		uint64_t now = clock_now_ns();
		struct pollfd p = {.fd = s->keeper.events, .events = POLLIN};

		hear(s);
		if (s->gone || now >= end)
			return;
		poll(&p, 1, (int)((end - now) / NS_PER_MS) + 1);
	}
}

void service_stop(struct service *s)
{
	int status = 0;

	if (!s)
		return;
	if (s->keeper.pid > 0) {
		/* a keeper that has ended already left nothing to stop */
		send(s->keeper.life, &s->stop_timeout_ns, sizeof(s->stop_timeout_ns), MSG_NOSIGNAL);
		wait_gone(s);
		close(s->keeper.life);
		if (!s->gone) /* a process that even SIGKILL does not end (in state D) */
			kill(s->keeper.pid, SIGKILL);
		while (waitpid(s->keeper.pid, &status, 0) < 0 && errno == EINTR)
			;
		if (WIFSIGNALED(status))
			kill_marked(s->mark);
		close(s->keeper.events);
	}
	free(s->log_path);
	free(s->cores);
	free(s);
}

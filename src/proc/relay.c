#include "proc/relay.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "proc/port.h"
#include "proc/relay_work.h"
#include "proc/tree.h"

enum { BACKLOG = 4096, PORT_TEXT = 8, HOST_TEXT = 256 };

/* For the relay to take over a shape; it needs microseconds, and longer only on a machine that is
 * overrun. */
enum { SET_TIMEOUT_MS = 10000 };

/* For an upstream to take a connection when it is asked whether it does. */
enum { CHECK_TIMEOUT_MS = 1000 };

static const double MAX_SIGMA = 5;
static const uint64_t MAX_DELAY_NS = 600 * NS_PER_S;

struct relay {
	pid_t pid;
	int life; /* to the relay's process: a byte says that there is a shape, its end ends it */
	char address[SOCK_TEXT];
	char **names; /* of the upstreams */
	struct relay_upstream *upstreams;
	size_t n;
	struct relay_shared *shared;
};

/* ---- addresses ---- */

static int split(const char *text, char host[HOST_TEXT], char port[PORT_TEXT], struct err *err)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	int64_t number;

	if (!len || len >= HOST_TEXT || num_parse_int(colon + 1, 1, 65535, "port", &number, NULL))
		goto bad;
	if (text[0] == '[' && text[len - 1] == ']' && len > 2) {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len) || memchr(text, '[', len)) {
		goto bad;
	}
	memcpy(host, text, len);
	host[len] = '\0';
	snprintf(port, PORT_TEXT, "%d", (int)number);
	return 0;
bad:
	return err_set(err, ERR_USAGE,
		"'%s' is no address to pass connections on to; write host:port, as 127.0.0.1:6379",
		text);
}

static int resolve(struct relay *r, const char *const *upstreams, struct err *err)
{
	char host[HOST_TEXT], port[PORT_TEXT];
	size_t n = 0;
	int rc;

	while (upstreams[n])
		n++;
	if (!n || n > RELAY_UPSTREAMS)
		return err_set(err, ERR_USAGE,
			"a relay passes connections on to 1 to %d upstreams, not %zu",
			RELAY_UPSTREAMS, n);
	r->upstreams = mem_zalloc(n, sizeof(*r->upstreams));
	r->names = mem_zalloc(n, sizeof(*r->names));
	for (; r->n < n; r->n++) {
		struct relay_upstream *u = &r->upstreams[r->n];

		rc = split(upstreams[r->n], host, port, err);
		if (!rc)
			rc = sock_resolve(host, port, u->addresses, RELAY_ADDRESSES, &u->n, err);
		if (rc)
			return rc;
		r->names[r->n] = mem_strdup(upstreams[r->n]);
	}
	return 0;
}

/* Every connection would make another one, for ever. */
static int check_not_itself(const struct relay *r, int listener, struct err *err)
{
	struct port_sockets sockets;
	struct stat own;

	if (fstat(listener, &own))
		return err_errno(err, ERR_SYSTEM, errno, "cannot look at a socket");
	for (size_t i = 0; i < r->n; i++)
		for (size_t a = 0; a < r->upstreams[i].n; a++) {
			if (!port_is_local(&r->upstreams[i].addresses[a]))
				continue;
			port_listeners(&r->upstreams[i].addresses[a], &sockets);
			for (size_t s = 0; s < sockets.n; s++)
				if (sockets.inodes[s] == own.st_ino)
					return err_set(err, ERR_USAGE,
						"the relay on %s cannot have itself as upstream "
						"(%s); give it another port to listen on",
						r->address, r->names[i]);
		}
	return 0;
}

/* Says who has the address, where that can be seen. */
static int say_who(const char *address, struct err *err)
{
	char full[HOST_TEXT + PORT_TEXT], host[HOST_TEXT], port[PORT_TEXT], command[96];
	struct sock_address at;
	struct port_sockets sockets;
	bool hidden;
	size_t n;
	pid_t pid;

	snprintf(full, sizeof(full), "%s%s", *address == ':' ? "0.0.0.0" : "", address);
	if (split(full, host, port, NULL) || sock_resolve(host, port, &at, 1, &n, NULL))
		return -ERR_BUSY;
	port_listeners(&at, &sockets);
	pid = sockets.n ? port_holder(&sockets, 0, &hidden) : 0;
	if (!pid)
		return -ERR_BUSY;
	return err_set(err, ERR_BUSY,
		"the relay cannot listen on %s: process %d (%s) does; stop it, or let the relay "
		"listen on another port",
		address, (int)pid, process_command(pid, command, sizeof(command)));
}

/* ---- start and stop ---- */

static int start_process(struct relay *r, int listener, uint64_t seed, struct err *err)
{
	pid_t culprit = getpid(), pid;
	sigset_t all, before;
	int life[2], error;

	/* a socket, for writing to a pipe without a reader would raise SIGPIPE in culprit */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, life))
		return err_errno(err, ERR_SYSTEM, errno, "cannot make a socket for the relay");
	/* what culprit does on a signal is not to be done in its copy */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	error = errno;
	if (!pid) {
		struct relay_loop loop = {.shared = r->shared,
			.upstreams = r->upstreams,
			.n_upstreams = r->n,
			.life = life[0],
			.listener = listener};

		close(life[1]); /* while it is open here, it has no end */
		rng_seed(&loop.drops, seed, 0);
		rng_seed(&loop.delays, seed, 1);
		relay_run(&loop, culprit);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(life[0]);
	if (pid < 0) {
		close(life[1]);
		return err_errno(err, ERR_SYSTEM, error, "cannot start a process for the relay");
	}
	r->pid = pid;
	r->life = life[1];
	return 0;
}

int relay_start(struct relay **out, const struct relay_spec *spec, struct err *err)
{
	struct relay *r = mem_zalloc(1, sizeof(*r));
	int listener = -1, rc;

	*out = NULL;
	r->life = -1;
	r->shared = mmap(NULL, sizeof(*r->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r->shared == MAP_FAILED) {
		r->shared = NULL;
		rc = err_errno(err, ERR_SYSTEM, errno, "no memory for the relay");
		goto out;
	}
	rc = resolve(r, spec->upstreams, err);
	if (rc)
		goto out;
	listener = sock_listen(spec->listen, BACKLOG, err);
	if (listener < 0) {
		rc = listener == -ERR_BUSY ? say_who(spec->listen, err) : listener;
		goto out;
	}
	sock_local_text(listener, r->address);
	rc = check_not_itself(r, listener, err);
	if (!rc)
		rc = start_process(r, listener, spec->seed, err);
out:
	if (listener >= 0)
		close(listener); /* the relay's process has it */
	if (rc)
		relay_stop(r);
	else
		*out = r;
	return rc;
}

void relay_stop(struct relay *r)
{
	if (!r)
		return;
	if (r->life >= 0)
		close(r->life);
	if (r->pid > 0) {
		/* It would end by itself; nothing of it is worth waiting for. */
		kill(r->pid, SIGKILL);
		while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (r->shared)
		munmap(r->shared, sizeof(*r->shared));
	for (size_t i = 0; i < r->n; i++)
		free(r->names[i]);
	free(r->names);
	free(r->upstreams);
	free(r);
}

/* ---- while it runs ---- */

static int check_shape(const struct relay_shape *s, struct err *err)
{
	if (s->delay_ns > MAX_DELAY_NS || s->jitter_ns > MAX_DELAY_NS)
		return err_set(err, ERR_USAGE, "a relay delays by at most 600 s, not by %.3g s",
			(double)(s->delay_ns > s->jitter_ns ? s->delay_ns : s->jitter_ns) / 1e9);
	if (!(s->sigma >= 0 && s->sigma <= MAX_SIGMA))
		return err_set(err, ERR_USAGE, "the sigma of a delay lies from 0 to %g, not at %g",
			MAX_SIGMA, s->sigma);
	if (!(s->drop >= 0 && s->drop <= 1))
		return err_set(err, ERR_USAGE,
			"the share of connections to drop lies from 0 to 1, not at %g", s->drop);
	return 0;
}

static int say_ended(const struct relay *r, struct err *err)
{
	return err_set(err, ERR_SERVICE,
		"the relay on %s (process %d) has ended: somebody killed it; start again",
		r->address, (int)r->pid);
}

int relay_set(struct relay *r, const struct relay_shape *shape, struct err *err)
{
	struct relay_shared *shared = r->shared;
	uint64_t number = atomic_load(&shared->asked) + 1;
	struct pollfd p = {.fd = r->life, .events = POLLIN};
	uint64_t end = clock_now_ns() + SET_TIMEOUT_MS * NS_PER_MS;
	char bells[64];
	int rc = check_shape(shape, err);

	if (rc)
		return rc;
	shared->shape = *shape;
	atomic_store(&shared->asked, number);
	if (send(r->life, "s", 1, MSG_NOSIGNAL) != 1)
		return say_ended(r, err);
	while (atomic_load(&shared->taken) != number) {
		uint64_t now = clock_now_ns();

		if (now >= end)
			return err_set(err, ERR_SERVICE,
				"the relay on %s (process %d) did not take over its setting within "
				"%d s; is it stopped?",
				r->address, (int)r->pid, SET_TIMEOUT_MS / 1000);
		if (poll(&p, 1, (int)((end - now) / NS_PER_MS) + 1) < 0 && errno != EINTR)
			return err_errno(err, ERR_SYSTEM, errno, "cannot wait for the relay");
		if (p.revents && recv(r->life, bells, sizeof(bells), 0) <= 0 && errno != EAGAIN)
			return say_ended(r, err);
	}
	return 0;
}

void relay_count(const struct relay *r, struct relay_counts *out)
{
	struct relay_shared *s = r->shared;

	*out = (struct relay_counts){
		.accepted = atomic_load(&s->accepted),
		.dropped = atomic_load(&s->dropped),
		.refused = atomic_load(&s->refused),
		.open = atomic_load(&s->open),
		.bytes_up = atomic_load(&s->bytes_up),
		.bytes_down = atomic_load(&s->bytes_down),
		.pieces = atomic_load(&s->pieces),
		.delay_ns = atomic_load(&s->delay_ns),
	};
}

/* 0, or why it takes no connection. */
static int try_address(const struct sock_address *address)
{
	struct pollfd p = {.fd = sock_connect(address), .events = POLLOUT};
	int ready, error;

	if (p.fd < 0)
		return -p.fd;
	ready = poll(&p, 1, CHECK_TIMEOUT_MS);
	error = ready == 1 ? sock_error(p.fd) : ETIMEDOUT;
	close(p.fd);
	return error;
}

int relay_check(const struct relay *r, struct err *err)
{
	siginfo_t info = {0};

	/* not waited for, so that its number stays its own until relay_stop() */
	if (waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid)
		return say_ended(r, err);
	for (size_t i = 0; i < r->n; i++) {
		const struct relay_upstream *u = &r->upstreams[i];
		int error = 0;

		for (size_t a = 0; a < u->n && (!a || error); a++)
			error = try_address(&u->addresses[a]);
		if (error)
			return err_errno(err, ERR_SERVICE, error,
				"%s, which the relay on %s passes connections on to, takes none; "
				"is it running there?",
				r->names[i], r->address);
	}
	return 0;
}

pid_t relay_pid(const struct relay *r)
{
	return r->pid;
}

double relay_cpu_s(const struct relay *r)
{
	clockid_t id;
	struct timespec t;

	if (clock_getcpuclockid(r->pid, &id) || clock_gettime(id, &t))
		return 0;
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

const char *relay_address(const struct relay *r)
{
	return r->address;
}

uint64_t relay_given(const struct relay *r, size_t upstream)
{
	return upstream < r->n ? atomic_load(&r->shared->given[upstream]) : 0;
}

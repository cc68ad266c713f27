#include "proc/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "proc/tree.h"

/* Where the keeper puts its descriptors; all others are closed. */
enum { FD_LIFE = 3, FD_EVENTS, FD_SIGNALS, FD_FIRST_FREE };

enum { KILL_AGAIN_MS = 10 };

struct watch {
	pid_t service;
	bool ended; /* its first process */
	bool stopping;
	bool rest_asked;  /* those behind it were sent SIGTERM */
	uint64_t kill_ns; /* while stopping: when to kill */
	struct process_tree tree;
};

static void tell(enum keeper_event event, int value, enum keeper_step at)
{
	struct keeper_message m = {event, value, (int32_t)at};
	/* smaller than PIPE_BUF, so whole or not at all; nobody there is no matter */
	ssize_t n = write(FD_EVENTS, &m, sizeof(m));

	(void)n;
}

static void signal_tree(struct watch *w, int number)
{
	process_tree_read(&w->tree, getpid());
	for (size_t i = 1; i < w->tree.n; i++)
		kill(w->tree.items[i].pid, number);
}

/* The calling process enters the groups whose files stand in the lines of `procs`. */
static bool enter_groups(const char *procs)
{
	char path[2048];
	bool entered = true;

	for (const char *p = procs; *p && entered; p += *p == '\n') {
		size_t len = strcspn(p, "\n");
		int fd = -1;

		errno = ENAMETOOLONG;
		if (len < sizeof(path)) {
			memcpy(path, p, len);
			path[len] = '\0';
			fd = open(path, O_WRONLY | O_CLOEXEC);
		}
		entered = fd >= 0 && write(fd, "0", 1) == 1;
		if (fd >= 0 && entered)
			close(fd);
		p += len;
	}
	return entered;
}

/* Before the service's first instruction, so that nothing of it escapes: its groups, its cores. */
static void take_limits(const struct keeper_spec *spec)
{
	if (spec->cgroup_procs && !enter_groups(spec->cgroup_procs))
		tell(KEEPER_FAILED, errno, KEEPER_AT_GROUP);
	else if (spec->cores && sched_setaffinity(0, sizeof(*spec->cores), spec->cores))
		tell(KEEPER_FAILED, errno, KEEPER_AT_CORES);
	else
		return;
	_exit(127);
}

/* The service's own process: never returns. */
static void become_service(const struct keeper_spec *spec, pid_t keeper)
{
	char *const argv[] = {"sh", "-c", (char *)spec->command, NULL};
	struct sigaction normal = {.sa_handler = SIG_DFL};
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != keeper)
		_exit(1);
	setpgid(0, 0);
	for (int i = 1; i < NSIG; i++)
		sigaction(i, &normal, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	take_limits(spec);
	if (!spec->folder || !chdir(spec->folder))
		execve("/bin/sh", argv, spec->env);
	tell(KEEPER_FAILED, errno, KEEPER_AT_START);
	_exit(127);
}

/* True while there is anything to wait for. */
static bool reap(struct watch *w)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == w->service) {
			w->ended = true;
			tell(KEEPER_ENDED, status, KEEPER_AT_START);
		}
	return pid == 0 || errno != ECHILD;
}

/* Culprit said to stop, or it is gone. */
static void read_life(struct watch *w)
{
	uint64_t patience_ns;

	if (read(FD_LIFE, &patience_ns, sizeof(patience_ns)) == sizeof(patience_ns)) {
		w->kill_ns = clock_now_ns() + patience_ns;
		/* Only the first process: a master told to stop ends its workers itself, and one
		 * that sees them die before it was told would replace them. */
		if (!w->ended)
			kill(w->service, SIGTERM);
	} else {
		w->kill_ns = 0;
	}
	w->stopping = true;
}

/* What is due while stopping; milliseconds until it must be looked at again. */
static int press_on(struct watch *w)
{
	uint64_t now = clock_now_ns();

	if (!w->stopping)
		return -1;
	if (now >= w->kill_ns) {
		signal_tree(w, SIGKILL);
		return KILL_AGAIN_MS;
	}
	if (w->ended && !w->rest_asked) {
		w->rest_asked = true;
		signal_tree(w, SIGTERM);
	}
	return (int)((w->kill_ns - now) / NS_PER_MS) + 1;
}

static void keep(struct watch *w)
{
	struct pollfd fds[] = {
		{.fd = FD_LIFE, .events = POLLIN}, {.fd = FD_SIGNALS, .events = POLLIN}};
	struct signalfd_siginfo info;

	while (reap(w)) {
		if (poll(fds, 2, press_on(w)) <= 0)
			continue;
		if (fds[1].revents && read(FD_SIGNALS, &info, sizeof(info)) < 0 && errno != EAGAIN)
			fds[1].fd = -1;
		if (fds[0].revents) {
			read_life(w);
			if (!w->kill_ns)
				fds[0].fd = -1;
		}
	}
}

/* Every descriptor that was culprit's goes: its terminal and pipes, the store and its lock. */
static bool settle_descriptors(int life, int events, int log, const sigset_t *signals)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int set = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	/* copies out of the way of the places they go to */
	int from[] = {fcntl(null, F_DUPFD_CLOEXEC, 64), fcntl(log, F_DUPFD_CLOEXEC, 64),
		fcntl(life, F_DUPFD_CLOEXEC, 64), fcntl(events, F_DUPFD_CLOEXEC, 64),
		fcntl(set, F_DUPFD_CLOEXEC, 64)};

	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++)
		if (from[i] < 0)
			return false;
	return dup2(from[0], 0) == 0 && dup2(from[1], 1) == 1 && dup2(from[1], 2) == 2 &&
	       dup3(from[2], FD_LIFE, O_CLOEXEC) == FD_LIFE &&
	       dup3(from[3], FD_EVENTS, O_CLOEXEC) == FD_EVENTS &&
	       dup3(from[4], FD_SIGNALS, O_CLOEXEC) == FD_SIGNALS &&
	       !close_range(FD_FIRST_FREE, ~0U, 0);
}

static void keeper_main(const struct keeper_spec *spec, int life, int events)
{
	struct watch w = {0};
	struct sigaction normal = {.sa_handler = SIG_DFL};
	pid_t self;
	sigset_t all;

	setsid(); /* Ctrl-C at the terminal is culprit's business */
	self = getpid();
	prctl(PR_SET_NAME, "culprit-keeper");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigaction(SIGCHLD, &normal, NULL); /* ignored, it would hide how children end */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL); /* and stays: only SIGKILL ends a keeper early */
	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	if (!settle_descriptors(life, events, spec->log, &all)) {
		struct keeper_message m = {KEEPER_FAILED, errno, KEEPER_AT_START};

		_exit(write(events, &m, sizeof(m)) < 0);
	}
	w.service = fork();
	if (!w.service)
		become_service(spec, self);
	if (w.service < 0) {
		tell(KEEPER_FAILED, errno, KEEPER_AT_START);
		_exit(1);
	}
	tell(KEEPER_STARTED, w.service, KEEPER_AT_START);
	keep(&w);
	_exit(0);
}

int keeper_start(struct keeper *k, const struct keeper_spec *spec)
{
	int life[2] = {-1, -1}, events[2] = {-1, -1}, error;

	*k = (struct keeper){.life = -1, .events = -1};
	/* a socket, for writing to a pipe without a reader would raise SIGPIPE in culprit */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, life) || pipe2(events, O_CLOEXEC) ||
		fcntl(events[0], F_SETFL, O_NONBLOCK))
		goto fail;
	k->pid = fork();
	if (k->pid < 0)
		goto fail;
	if (!k->pid) {
		close(life[1]);
		close(events[0]);
		keeper_main(spec, life[0], events[1]);
	}
	close(life[0]);
	close(events[1]);
	k->life = life[1];
	k->events = events[0];
	return 0;
fail:
	error = errno;
	for (int i = 0; i < 2; i++) {
		if (life[i] >= 0)
			close(life[i]);
		if (events[i] >= 0)
			close(events[i]);
	}
	return -error;
}

#include "proc/keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/tree.h"

/* What culprit orders, one byte each; the end of the pipe is KILL as well. */
enum { ORDER_TERM = 'T', ORDER_KILL = 'K' };

static void close_others(int a, int b, int c)
{
	int limit = (int)sysconf(_SC_OPEN_MAX);

	for (int fd = 3; fd < (limit < 65536 ? limit : 65536); fd++)
		if (fd != a && fd != b && fd != c)
			close(fd);
}

static _Noreturn void service_exec(
	const char *command, char *const *env, const char *folder, int log_fd, pid_t keeper)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != keeper)
		_exit(127);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int number = 1; number < 32; number++)
		signal(number, SIG_DFL);
	dup2(null, STDIN_FILENO);
	dup2(log_fd, STDOUT_FILENO);
	dup2(log_fd, STDERR_FILENO);
	close_others(-1, -1, -1);
	if (folder && chdir(folder)) {
		dprintf(STDERR_FILENO, "%s: %s\n", folder, strerror(errno));
		_exit(127);
	}
	execle("/bin/sh", "sh", "-c", command, NULL, env);
	dprintf(STDERR_FILENO, "/bin/sh: %s\n", strerror(errno));
	_exit(127);
}

/* Kills all below this process until none is left. A subreaper's orphans are its children, so the walk
 * finds whatever has left its group or session. */
static void kill_all(void)
{
	for (;;) {
		pid_t *pids;
		size_t n = tree_below(getpid(), &pids);

		for (size_t i = 0; i < n; i++)
			kill(pids[i], SIGKILL);
		free(pids);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return;
		clock_sleep_ns(NS_PER_MS);
	}
}

/* Reaps what has ended. False when nothing is left below. */
static bool reap(pid_t service, int reports)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == service && write(reports, &status, sizeof(status)) < 0)
			return false;
	return pid == 0;
}

static _Noreturn void keeper_main(pid_t service, int orders, int reports)
{
	struct pollfd polls[2];
	sigset_t child;
	bool alive = true;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	polls[0] = (struct pollfd){orders, POLLIN, 0};
	polls[1] = (struct pollfd){signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0};
	for (;;) {
		struct signalfd_siginfo info;
		char order = 0;

		poll(polls, 2, -1);
		while (read(polls[1].fd, &info, sizeof(info)) == sizeof(info))
			;
		alive = reap(service, reports);
		if (!polls[0].revents)
			continue;
		if (read(orders, &order, 1) != 1 || order == ORDER_KILL)
			break;
		if (order == ORDER_TERM && kill(-service, SIGTERM))
			kill(service, SIGTERM);
	}
	if (alive)
		kill_all();
	_exit(0);
}

static _Noreturn void keeper_child(const char *command, char *const *env, const char *folder,
	int log_fd, int orders, int reports)
{
	sigset_t all;
	pid_t keeper, service;

	/* its own session: the terminal's Ctrl-C is for culprit, which says what follows */
	setsid();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_NAME, "culprit-keeper");
	close_others(orders, reports, log_fd);
	keeper = getpid();
	service = fork();
	if (!service)
		service_exec(command, env, folder, log_fd, keeper);
	if (write(reports, &service, sizeof(service)) != sizeof(service) || service < 0)
		_exit(1);
	close(log_fd);
	dup2(orders, STDIN_FILENO);
	for (int fd = 1; fd < 3; fd++)
		dup2(STDIN_FILENO, fd);
	keeper_main(service, orders, reports);
}

int keeper_start(struct keeper *k, const char *command, char *const *env, const char *folder,
	int log_fd, struct err *err)
{
	int orders[2] = {-1, -1}, reports[2] = {-1, -1}, rc = 0;

	*k = (struct keeper){.orders = -1, .reports = -1};
	if (pipe2(orders, O_CLOEXEC) || pipe2(reports, O_CLOEXEC)) {
		rc = err_errno(err, ERR_SYSTEM, errno, "cannot start the service");
		goto out;
	}
	k->pid = fork();
	if (!k->pid) {
		close(orders[1]);
		close(reports[0]);
		keeper_child(command, env, folder, log_fd, orders[0], reports[1]);
	}
	if (k->pid < 0) {
		rc = err_errno(err, ERR_SYSTEM, errno, "cannot start the service");
		goto out;
	}
	close(reports[1]);
	reports[1] = -1;
	if (read(reports[0], &k->service, sizeof(k->service)) != sizeof(k->service) ||
		k->service < 0) {
		rc = err_set(err, ERR_SYSTEM, "cannot start the service: no process could be made");
		waitpid(k->pid, NULL, 0);
		goto out;
	}
	fcntl(reports[0], F_SETFL, O_NONBLOCK);
	k->orders = orders[1];
	k->reports = reports[0];
	orders[1] = reports[0] = -1;
out:
	for (int i = 0; i < 2; i++) {
		if (orders[i] >= 0)
			close(orders[i]);
		if (reports[i] >= 0)
			close(reports[i]);
	}
	return rc;
}

int keeper_poll(struct keeper *k, int *status)
{
	return read(k->reports, status, sizeof(*status)) == sizeof(*status);
}

void keeper_stop(struct keeper *k, uint64_t timeout_ns)
{
	struct pollfd ended = {k->reports, POLLIN, 0};
	char order = ORDER_TERM;

	if (k->orders < 0)
		return;
	/* SIGTERM, the rest of its grace for the first process to end, then the end of the pipe */
	if (write(k->orders, &order, 1) == 1)
		poll(&ended, 1, (int)(timeout_ns / NS_PER_MS));
	close(k->orders);
	waitpid(k->pid, NULL, 0);
	close(k->reports);
	*k = (struct keeper){.orders = -1, .reports = -1};
}

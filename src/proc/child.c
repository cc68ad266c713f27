#include "proc/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "proc/tree.h"

enum { LOOK_MS = 20 };

/* In the new process: only what may be called between fork and exec. */
static void become(const struct child_spec *spec, pid_t parent, int report)
{
	struct sigaction normal = {.sa_handler = SIG_DFL};
	sigset_t none;
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	for (int i = 1; i < NSIG; i++)
		sigaction(i, &normal, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if ((spec->out == STDOUT_FILENO || dup2(spec->out, STDOUT_FILENO) >= 0) &&
		(spec->err == STDERR_FILENO || dup2(spec->err, STDERR_FILENO) >= 0))
		execvp(spec->argv[0], (char *const *)spec->argv);
	error = errno;
	_exit(write(report, &error, sizeof(error)) < 0 ? 126 : 127);
}

int child_start(struct child *c, const struct child_spec *spec, struct err *err)
{
	int report[2];
	pid_t self = getpid();
	ssize_t n;

	*c = (struct child){.pidfd = -1};
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) || pipe2(report, O_CLOEXEC))
		return err_errno(err, ERR_SYSTEM, errno, "cannot start %s", spec->argv[0]);
	c->pid = fork();
	if (!c->pid)
		become(spec, self, report[1]);
	close(report[1]);
	if (c->pid < 0) {
		close(report[0]);
		return err_errno(err, ERR_SYSTEM, errno, "cannot start %s", spec->argv[0]);
	}
	do
		n = read(report[0], &c->exec_errno, sizeof(c->exec_errno));
	while (n < 0 && errno == EINTR);
	close(report[0]);
	if (n == sizeof(c->exec_errno)) {
		waitpid(c->pid, &c->status, 0);
		return err_errno(err, ERR_SERVICE, c->exec_errno, "cannot run %s", spec->argv[0]);
	}
	c->pidfd = pidfd_open(c->pid, 0);
	c->left = true;
	return 0;
}

/* One that has ended and nobody waited for yet: its pid; 0: none; -1: errno. Where another thread
 * of this process traces what is below it (src/native), its stops are seen here too, whatever is
 * asked for: they are left to it. */
static pid_t ended_pid(void)
{
	siginfo_t info = {0};

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT))
		return -1;
	if (info.si_code != CLD_EXITED && info.si_code != CLD_KILLED && info.si_code != CLD_DUMPED)
		return 0;
	return info.si_pid;
}

static void reap(struct child *c)
{
	int status;
	pid_t pid;

	while ((pid = ended_pid()) > 0 && waitpid(pid, &status, WNOHANG) == pid)
		if (pid == c->pid) {
			c->ended = true;
			c->status = status;
			if (c->pidfd >= 0)
				close(c->pidfd);
			c->pidfd = -1;
		}
	c->left = pid >= 0 || errno != ECHILD;
}

void child_wait(struct child *c, int milliseconds)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};

	reap(c);
	if (!c->left)
		return;
	/* what it left behind has no descriptor to wait on */
	if (c->pidfd < 0 && milliseconds > LOOK_MS)
		milliseconds = LOOK_MS;
	poll(&p, c->pidfd >= 0, milliseconds);
	reap(c);
}

void child_end(struct child *c, uint64_t patience_ns)
{
	uint64_t until = clock_now_ns() + patience_ns;
	struct process_tree tree = {0};

	if (!c->ended && c->left)
		kill(c->pid, SIGTERM);
	while (c->left) {
		bool rest = c->ended, late = clock_now_ns() >= until;

		if (rest || late) {
			process_tree_read(&tree, getpid());
			for (size_t i = 1; i < tree.n; i++)
				kill(tree.items[i].pid, late ? SIGKILL : SIGTERM);
		}
		child_wait(c, LOOK_MS);
	}
	process_tree_release(&tree);
}

int child_code(const struct child *c)
{
	return WIFSIGNALED(c->status) ? 128 + WTERMSIG(c->status) : WEXITSTATUS(c->status);
}

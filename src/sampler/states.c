/*
 * Whether a thread runs. /proc/PID/task/TID/syscall says "running" of one that is on a core or
 * wants one, and costs a third of what stat does (1 µs, 2.7 µs); whoever may read a process's
 * memory may read it. A kernel without it has stat.
 *
 * Which of the two it is can be told (the third number of schedstat, how often a thread got a core,
 * is one ahead of status's switches; a perf event's clock, read twice, says the same), but not for
 * a profile: on a busy machine the sampler wakes on a core that a thread is on and takes it away,
 * so that of those that ran until then nearly all are seen waiting. Nor can the time on a core
 * between two looks be put to a place, for the thread was at several. So both are CPU time, and how
 * much of it was the wait is told of all together, as the kernel counts it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "sampler/sampler_internal.h"

#define ASK_EVERY_NS (10 * NS_PER_MS)

/* ---- files that are kept open ---- */

static int open_file(pid_t pid, pid_t tid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* What it says, ended with '\0'; false: nothing. *fd is kept open where there is room. */
static bool read_kept(
	int *fd, pid_t pid, pid_t tid, const char *name, char *text, size_t size, size_t *n_open)
{
	int use = *fd >= 0 ? *fd : open_file(pid, tid, name);
	ssize_t n = use >= 0 ? pread(use, text, size - 1, 0) : -1;

	text[n > 0 ? n : 0] = '\0';
	if (use < 0 || *fd >= 0)
		return n > 0;
	if (n > 0 && *n_open < OPEN_STATES) {
		*fd = use;
		(*n_open)++;
	} else {
		close(use);
	}
	return n > 0;
}

static void close_kept(int *fd, size_t *n_open)
{
	if (*fd >= 0) {
		close(*fd);
		(*n_open)--;
	}
	*fd = -1;
}

void state_init(struct state_file *f)
{
	*f = (struct state_file){.fd = -1, .times_fd = -1};
}

void state_close(struct state_file *f, size_t *n_open)
{
	close_kept(&f->fd, n_open);
	close_kept(&f->times_fd, n_open);
}

/* ---- on a core, or wanting one ---- */

/* "running", "202 0x…" of a thread that waits; or "1234 (name) S …". */
static bool says_running(const char *text)
{
	const char *end = strrchr(text, ')');

	return end ? end[1] == ' ' && end[2] == 'R' : text[0] == 'r';
}

bool state_read(struct state_file *f, pid_t pid, pid_t tid, size_t *n_open)
{
	char text[256];

	f->running = (read_kept(&f->fd, pid, tid, "syscall", text, sizeof(text), n_open) ||
			     read_kept(&f->fd, pid, tid, "stat", text, sizeof(text), n_open)) &&
		     says_running(text);
	return f->running;
}

/* ---- how much of it is the wait ---- */

void state_waited(struct state_file *f, pid_t pid, pid_t tid, size_t *n_open, uint64_t now,
	uint64_t *ran_ns, uint64_t *waited_ns)
{
	uint64_t ran, waited;
	char text[96], *p;

	if (now - f->asked_ns < ASK_EVERY_NS)
		return;
	f->asked_ns = now;
	if (!read_kept(&f->times_fd, pid, tid, "schedstat", text, sizeof(text), n_open))
		return;
	ran = strtoull(text, &p, 10);
	waited = strtoull(p, &p, 10);
	if (f->ran_ns && ran >= f->ran_ns && waited >= f->waited_ns) {
		*ran_ns += ran - f->ran_ns;
		*waited_ns += waited - f->waited_ns;
	}
	f->ran_ns = ran;
	f->waited_ns = waited;
}

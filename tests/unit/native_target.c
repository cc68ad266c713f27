#include "native_target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit.h"

const char *target_path(const char *name)
{
	static char path[PATH_MAX + 64];
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_gt(len, 0);
	self[len] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(path, sizeof(path), "%s/%s", self, name);
	return path;
}

static void become(
	const char *path, const char *how, const char *parent, const char *counter, int in, int out)
{
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(2);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(path, path, how, parent, counter, (char *)NULL);
	_exit(127);
}

void target_start(struct target *t, const char *program, const char *how)
{
	int in[2], out[2], shared = memfd_create("counter", MFD_CLOEXEC);
	char parent[16], counter[64];
	const char *path = target_path(program);

	ck_assert_int_ge(shared, 0);
	ck_assert_int_eq(ftruncate(shared, 4096), 0);
	t->counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
	ck_assert_ptr_ne((void *)t->counter, MAP_FAILED);
	snprintf(parent, sizeof(parent), "%d", (int)getpid());
	snprintf(counter, sizeof(counter), "/proc/%d/fd/%d", (int)getpid(), shared);
	ck_assert_int_eq(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	t->pid = fork();
	if (!t->pid)
		become(path, how, parent, counter, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	t->in = in[1];
	t->out = out[0];
	ck_assert_str_eq(target_line(t), "ready");
	close(shared);
}

const char *target_line(struct target *t)
{
	static char line[256];
	size_t n = 0;

	while (n < sizeof(line) - 1) {
		struct pollfd p = {.fd = t->out, .events = POLLIN};

		ck_assert_msg(poll(&p, 1, 20000) == 1, "the program says nothing");
		if (read(t->out, line + n, 1) != 1 || line[n] == '\n')
			break;
		n++;
	}
	line[n] = '\0';
	return line;
}

bool target_moves(const struct target *t)
{
	unsigned long before = *t->counter;

	for (int i = 0; i < 5000 && *t->counter == before; i++)
		clock_sleep_ns(NS_PER_MS);
	return *t->counter != before;
}

void target_end(struct target *t)
{
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
	close(t->in);
	close(t->out);
	munmap((void *)t->counter, 4096);
}

pid_t target_second_thread(pid_t pid)
{
	char path[32];
	pid_t found = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	for (int i = 0; i < 5000 && !found; i++) {
		DIR *folder = opendir(path);
		struct dirent *entry;

		ck_assert_ptr_nonnull(folder);
		while ((entry = readdir(folder))) {
			pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

			if (tid && tid != pid)
				found = tid;
		}
		closedir(folder);
		clock_sleep_ns(NS_PER_MS);
	}
	ck_assert_int_gt(found, 0);
	return found;
}

char target_state(pid_t pid, pid_t tid)
{
	char path[64], text[512], *end;
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)tid);
	file = fopen(path, "r");
	if (!file)
		return '?';
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : '?';
}

bool target_comes_to(pid_t pid, pid_t tid, char state)
{
	for (int i = 0; i < 5000 && target_state(pid, tid) != state; i++)
		clock_sleep_ns(NS_PER_MS);
	return target_state(pid, tid) == state;
}

bool stack_take(struct stack *s, struct native *n, pid_t tid)
{
	s->n = 0;
	s->moved = false;
	if (!native_stop(n, tid))
		return false;

	bool copied = native_copy(n, tid);

	s->moved = !native_go(n, tid);
	s->n = native_unwind(n, s->pcs, NATIVE_MAX_FRAMES, &s->cut);
	if (!copied || s->moved)
		ck_assert_uint_eq(s->n, 0);
	for (size_t i = 0; i < s->n; i++)
		s->frames[i] = native_symbol(n, s->pcs[i]);
	return s->n > 0;
}

void stack_get(struct stack *s, struct native *n, pid_t tid)
{
	for (int i = 0; i < 1000; i++) {
		if (stack_take(s, n, tid))
			return;
		ck_assert_msg(
			s->moved || errno == ETIMEDOUT || errno == EBUSY, "%s", strerror(errno));
		clock_sleep_ns(10 * NS_PER_MS);
	}
	ck_abort_msg("it cannot be looked at");
}

bool target_stop(struct native *n, pid_t tid)
{
	for (int i = 0; i < 1000; i++) {
		if (native_stop(n, tid))
			return true;
		clock_sleep_ns(10 * NS_PER_MS);
	}
	return false;
}

const char *stack_text(const struct stack *s, const char *until)
{
	static char text[65536];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < s->n && len < sizeof(text); i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
			s->frames[i]->function);
		if (until && !strcmp(s->frames[i]->function, until))
			break;
	}
	return text;
}

int open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

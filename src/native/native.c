#include "native/native.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "native/native_internal.h"

/* ptrace is allowed to whom this file is; the right to see the mappings is a weaker one. */
static int check_right(pid_t pid, struct err *err)
{
	char path[64], text[16];
	int fd, why = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		why = errno;
	else if (read(fd, text, sizeof(text)) < 0)
		why = errno;
	if (fd >= 0)
		close(fd);
	return why == EPERM || why == EACCES ? remote_denied(pid, err) : 0;
}

static int check_class(pid_t pid, struct err *err)
{
	unsigned char ident[EI_NIDENT] = {0};
	char path[64];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, ident, sizeof(ident));
	close(fd);
	if (n == sizeof(ident) && ident[EI_CLASS] == ELFCLASS32)
		return err_set(err, ERR_SERVICE,
			"process %d is a 32-bit program: its machine code cannot be followed; "
			"leave out --native",
			(int)pid);
	return 0;
}

static int look_at(struct native *n, struct err *err)
{
	int rc = maps_read(&n->maps, n->pid, err);

	if (!rc && !n->maps.n)
		rc = err_set(err, ERR_SERVICE,
			"process %d has no memory of its own: it has ended, or is a thread of the "
			"kernel",
			(int)n->pid);
	if (!rc)
		rc = check_right(n->pid, err);
	if (!rc)
		rc = check_class(n->pid, err);
	return rc;
}

int native_attach(struct native **out, pid_t pid, struct err *err)
{
	struct native *n = mem_zalloc(1, sizeof(*n));
	char path[48];
	int rc;

	*out = NULL;
	n->pid = pid;
	n->task_folder = -1;
	n->stack = mem_alloc(NATIVE_STACK_BYTES + BELOW_SP, 1);
	rc = look_at(n, err);
	if (!rc) {
		snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
		n->task_folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (n->task_folder < 0)
			rc = err_errno(err, ERR_SYSTEM, errno, "%s cannot be opened", path);
	}
	if (rc) {
		native_detach(n);
		return rc;
	}
	*out = n;
	return 0;
}

void native_detach(struct native *n)
{
	if (!n)
		return;
	threads_release(n);
	rows_clear(n);
	symbols_release(n);
	modules_release(n);
	maps_release(&n->maps);
	if (n->task_folder >= 0)
		close(n->task_folder);
	free(n->stack);
	free(n);
}

int native_refresh(struct native *n, struct err *err)
{
	rows_clear(n);
	symbols_clear(n);
	modules_release(n);
	maps_release(&n->maps);
	perf_map_free(n->perf_map);
	n->perf_map = NULL;
	n->copy.tid = 0;
	for (size_t i = 0; i < n->n_threads; i++)
		n->threads[i].copied_runs = 0;
	return look_at(n, err);
}

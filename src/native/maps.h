/* What is mapped into a process: /proc/PID/maps, with files opened as the process itself sees them
 * (its mount namespace, deleted files too). */
#ifndef CULPRIT_NATIVE_MAPS_H
#define CULPRIT_NATIVE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct map {
	uint64_t start, end, offset; /* offset in the file */
	bool readable, writable, executable;
	uint64_t inode, device; /* 0: no file */
	const char *path;       /* "", "[heap]", "/usr/lib/libc.so.6"; without " (deleted)" */
	bool deleted;
};

struct maps {
	struct map *items; /* by rising address */
	size_t n, cap;
	char *texts; /* the paths */
};

/* ERR_SERVICE: no such process; ERR_SYSTEM: no right to look (the sentence says which one is
 * missing and how to get it: the same user, root, CAP_SYS_PTRACE, kernel.yama.ptrace_scope). */
int maps_read(struct maps *m, pid_t pid, struct err *err);
void maps_release(struct maps *m);
const struct map *maps_find(const struct maps *m, uint64_t address); /* NULL: nothing there */

/* Opens the file behind a mapping: /proc/PID/map_files/… (a deleted or replaced file too), or
 * /proc/PID/root/PATH. A descriptor, or -1 with errno. */
int maps_open(pid_t pid, const struct map *map);

/* Why this process may not be read: one sentence with the mend; for errno EPERM and EACCES. */
int remote_denied(pid_t pid, struct err *err);

#endif

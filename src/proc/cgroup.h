/*
 * Where a process's control group lies in the file system, version 1 or 2. Nothing is assumed of
 * where the file systems are mounted: /proc/self/mountinfo says what is mounted where, and
 * /proc/self/cgroup which group a process is in (cgroups(7), proc(5)).
 */
#ifndef CULPRIT_PROC_CGROUP_H
#define CULPRIT_PROC_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { CGROUP_PATH = 1024 };

struct cgroup_place {
	bool v2;
	char folder[CGROUP_PATH]; /* of the group */
	size_t mount_len;         /* the first bytes of it: where the file system is mounted */
};

/*
 * The group's folder in the hierarchy that has this controller: "cpu", "memory", "cpuacct" where
 * version 1 has it, else version 2, whose cgroup.controllers then tells whether it is there at all.
 * NULL: version 2 only. ERR_SYSTEM says what is missing. Looks at nothing but the two texts.
 */
int cgroup_find(struct cgroup_place *out, const char *mountinfo, const char *cgroup,
	const char *controller, struct err *err);

/* The same for the calling process, as /proc tells now. */
int cgroup_find_own(struct cgroup_place *out, const char *controller, struct err *err);

/* A file of a group, at most size − 1 bytes and NUL-terminated; false where it cannot be read. */
bool cgroup_read(const char *folder, const char *name, char *out, size_t size);

/* Writes to it in one piece: 0 or an errno. */
int cgroup_write(const char *folder, const char *name, const char *text);

/* Is the word in a list that is separated by spaces or by commas? */
bool cgroup_lists(const char *list, const char *word);

#endif

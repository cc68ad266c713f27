/*
 * A control group that culprit makes for itself below the one that it is in, and removes again.
 * limits.h tells what is done about version 2's rule that a group with processes in it passes no
 * controllers on.
 */
#ifndef CULPRIT_PROC_GROUP_H
#define CULPRIT_PROC_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "proc/cgroup.h"

struct group {
	bool v2;
	size_t mount_len;            /* of base, as in struct cgroup_place */
	char base[CGROUP_PATH];      /* the group that culprit was in */
	char path[CGROUP_PATH + 64]; /* the one that it made; "" before */
	char leaf[CGROUP_PATH + 64]; /* where culprit itself went; "" where it stayed */
	char passed_on[64];          /* what it enabled in the base: "cpu memory" */
};

/* Where a group with this controller would be made; everything else empty. */
int group_find(struct group *g, const char *controller, struct err *err);

/* Makes it, after removing what dead culprits left there. Version 2: with these controllers (ends
 * with NULL). ERR_SYSTEM: nothing is left of it. */
int group_make(struct group *g, const char *const *controllers, struct err *err);

/* What is in it goes to the base, culprit too. */
void group_remove(struct group *g);

#endif

#include "proc/group.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "proc/tree.h"

#define GROUP_PREFIX "culprit-"

/* Processes leave a group a moment after they were waited for. */
#define REMOVE_NS (5 * NS_PER_MS)
enum { REMOVE_TRIES = 200, MOVE_TRIES = 10 };

enum { SMALL_TEXT = 4096, MAX_GROUPS = 10000 };

/* ---- words ---- */

#define HOW_TO_DELEGATE                                                                            \
	"start culprit in a group of its own that it may divide: \"systemd-run --scope -p "        \
	"Delegate=yes culprit …\" as root, with --user after systemd-run as anybody else"

static int refuse(struct err *err, int error, const char *what, const char *folder)
{
	if (error == EROFS)
		return err_set(err, ERR_SYSTEM,
			"cannot %s %s: the cgroup file system is mounted read-only, as containers "
			"have it; start the container with --privileged, or culprit outside",
			what, folder);
	if (error == EACCES || error == EPERM)
		return err_set(err, ERR_SYSTEM, "cannot %s %s: user %u has no right to; %s", what,
			folder, (unsigned)geteuid(), HOW_TO_DELEGATE);
	return err_errno(err, ERR_SYSTEM, error, "cannot %s %s", what, folder);
}

/* ---- who is in a group ---- */

/* The pids in a group (0: of another pid namespace); as many as there are, at most max told. */
static size_t read_pids(const char *folder, pid_t *out, size_t max)
{
	char path[CGROUP_PATH + 96], *line = NULL;
	size_t cap = 0, n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	file = fopen(path, "re");
	while (file && getline(&line, &cap, file) > 0) {
		if (n < max)
			out[n] = (pid_t)strtol(line, NULL, 10);
		n++;
	}
	free(line);
	if (file)
		fclose(file);
	return n;
}

enum { MAX_PIDS = 4096 };

/* Moves everything in one group to another; new ones may come meanwhile, so until none is left. */
static void move_all(const char *from, const char *to)
{
	pid_t *pids = mem_alloc(MAX_PIDS, sizeof(*pids));
	char text[24];
	size_t n;

	for (int tries = 0; tries < MOVE_TRIES && (n = read_pids(from, pids, MAX_PIDS)); tries++)
		for (size_t i = 0; i < n && i < MAX_PIDS; i++) {
			snprintf(text, sizeof(text), "%d", (int)pids[i]);
			cgroup_write(to, "cgroup.procs", text); /* gone since, or tried again */
		}
	free(pids);
}

static void remove_group(const char *path, const char *to)
{
	for (int tries = 0; tries < REMOVE_TRIES; tries++) {
		move_all(path, to);
		if (!rmdir(path) || errno != EBUSY)
			return;
		clock_sleep_ns(REMOVE_NS);
	}
}

/* ---- making groups ---- */

/* Groups whose culprit has gone. Only empty ones can be removed, so nobody loses a limit. */
static void sweep(const char *base)
{
	DIR *folder = opendir(base);
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		char path[CGROUP_PATH + 300], *end;
		long pid;

		if (!str_starts(entry->d_name, GROUP_PREFIX))
			continue;
		pid = strtol(entry->d_name + strlen(GROUP_PREFIX), &end, 10);
		if (*end != '-' || pid <= 0 || !kill((pid_t)pid, 0) || errno != ESRCH)
			continue;
		snprintf(path, sizeof(path), "%s/%s", base, entry->d_name);
		rmdir(path);
	}
	if (folder)
		closedir(folder);
}

/* The folder in `base` with the first free number from `n` on. */
static int make_folder(const char *base, unsigned n, char *out, size_t size, struct err *err)
{
	char path[CGROUP_PATH + 64];

	for (;; n++) {
		snprintf(path, sizeof(path), "%s/" GROUP_PREFIX "%d-%u", base, (int)getpid(), n);
		if (!mkdir(path, 0755))
			break;
		if (errno != EEXIST || n == MAX_GROUPS)
			return refuse(err, errno, "make a group in", base);
	}
	snprintf(out, size, "%s", path);
	return 0;
}

/* ---- version 2: passing controllers on ---- */

/* Who else is in the group, for the message; false where all are culprit's own. */
static bool name_others(const char *base, struct str *out)
{
	pid_t *pids = mem_alloc(MAX_PIDS, sizeof(*pids));
	size_t n = read_pids(base, pids, MAX_PIDS), others = 0;
	struct process_tree own = {0};
	char command[64];

	process_tree_read(&own, getpid());
	for (size_t i = 0; i < n && i < MAX_PIDS; i++) {
		bool mine = false;

		for (size_t j = 0; j < own.n; j++)
			mine |= own.items[j].pid == pids[i];
		if (mine || others++ >= 3)
			continue;
		str_addf(out, "%s%d (%s)", others > 1 ? ", " : "", (int)pids[i],
			process_command(pids[i], command, sizeof(command)));
	}
	if (others > 3)
		str_addf(out, " and %zu more", others - 3);
	process_tree_release(&own);
	free(pids);
	return others > 0;
}

static int switch_controllers(const char *base, char sign, const char *names)
{
	char text[128] = "", list[64], *rest = NULL;
	size_t n = 0;

	snprintf(list, sizeof(list), "%s", names);
	for (char *p = strtok_r(list, " ", &rest); p; p = strtok_r(NULL, " ", &rest))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%c%s", n ? " " : "", sign, p);
	return cgroup_write(base, "cgroup.subtree_control", text);
}

/* Culprit and what it started go into a leaf, so that the base may pass controllers on. */
static int leave_base(struct group *g, struct err *err)
{
	struct str others = STR_INIT;
	char path[CGROUP_PATH + 64];
	int rc = 0;

	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", g->base);
	if (access(path, W_OK))
		rc = refuse(err, errno, "enable controllers in", g->base);
	else if (name_others(g->base, &others))
		rc = err_set(err, ERR_SYSTEM,
			"the group %s cannot pass on what limits need (%s) while processes are in "
			"it, and besides culprit there are %s; %s, or move those into a group "
			"below it",
			g->base, g->passed_on, others.p, HOW_TO_DELEGATE);
	if (!rc)
		rc = make_folder(g->base, 0, g->leaf, sizeof(g->leaf), err);
	if (!rc)
		move_all(g->base, g->leaf);
	str_release(&others);
	return rc;
}

/* Only the root of the hierarchy, which has no type, may have both processes and controllers. */
static bool is_root(const char *folder)
{
	char type[64];

	return !cgroup_read(folder, "cgroup.type", type, sizeof(type));
}

/* The kernel takes "cpu" for a group with processes in it, and then its children take none. */
static int check_type(const struct group *g, struct err *err)
{
	char type[64];

	if (!cgroup_read(g->path, "cgroup.type", type, sizeof(type)))
		return refuse(err, errno, "read cgroup.type of", g->path);
	if (str_starts(type, "domain\n"))
		return 0;
	return err_set(err, ERR_SYSTEM,
		"groups below %s cannot take processes (they are of type \"%.*s\"), for it has "
		"controllers enabled and processes at once; %s",
		g->base, (int)strcspn(type, "\n"), type, HOW_TO_DELEGATE);
}

static int check_available(const struct group *g, const char *name, struct err *err)
{
	char have[SMALL_TEXT];

	if (!cgroup_read(g->base, "cgroup.controllers", have, sizeof(have)))
		return refuse(err, errno, "read cgroup.controllers of", g->base);
	have[strcspn(have, "\n")] = '\0';
	if (cgroup_lists(have, name))
		return 0;
	return err_set(err, ERR_SYSTEM,
		"the %s controller is not there for the group %s (it has: %s); as root, write "
		"\"+%s\" to the cgroup.subtree_control of each group above it, or for users of "
		"systemd add \"[Service]\" and \"Delegate=cpu memory\" in "
		"/etc/systemd/system/user@.service.d/delegate.conf",
		name, g->base, have[0] ? have : "none", name);
}

/* Sees to it that children of the base have the controllers that are needed. */
static int pass_on(struct group *g, const char *const *controllers, struct err *err)
{
	char on[SMALL_TEXT];
	size_t n = 0;
	int error;

	if (!cgroup_read(g->base, "cgroup.subtree_control", on, sizeof(on)))
		return refuse(err, errno, "read cgroup.subtree_control of", g->base);
	for (size_t i = 0; controllers[i]; i++) {
		if (check_available(g, controllers[i], err))
			return -ERR_SYSTEM;
		if (!cgroup_lists(on, controllers[i]))
			n += (size_t)snprintf(g->passed_on + n, sizeof(g->passed_on) - n, "%s%s",
				n ? " " : "", controllers[i]);
	}
	if (!n)
		return 0;
	if (!is_root(g->base) && leave_base(g, err)) {
		g->passed_on[0] = '\0';
		return -ERR_SYSTEM;
	}
	error = switch_controllers(g->base, '+', g->passed_on);
	if (!error)
		return 0;
	g->passed_on[0] = '\0';
	return refuse(err, error, "enable controllers in", g->base);
}

/* ---- the group itself ---- */

/* A culprit that has moved into its leaf already counts as in the group above that. */
static void leave_leaf_name(char *folder)
{
	char own[64], *slash = strrchr(folder, '/');

	snprintf(own, sizeof(own), "/" GROUP_PREFIX "%d-0", (int)getpid());
	if (slash && !strcmp(slash, own))
		*slash = '\0';
}

int group_find(struct group *g, const char *controller, struct err *err)
{
	struct cgroup_place place;
	int rc = cgroup_find_own(&place, controller, err);

	if (rc)
		return rc;
	if (place.v2)
		leave_leaf_name(place.folder);
	*g = (struct group){.v2 = place.v2, .mount_len = place.mount_len};
	snprintf(g->base, sizeof(g->base), "%s", place.folder);
	return 0;
}

int group_make(struct group *g, const char *const *controllers, struct err *err)
{
	int rc = 0;

	sweep(g->base);
	if (g->v2)
		rc = pass_on(g, controllers, err);
	if (!rc)
		rc = make_folder(g->base, 1, g->path, sizeof(g->path), err);
	if (!rc && g->v2)
		rc = check_type(g, err);
	if (rc)
		group_remove(g);
	return rc;
}

void group_remove(struct group *g)
{
	/* first, for the base takes no process back while it passes something on */
	if (g->passed_on[0] && g->leaf[0])
		switch_controllers(g->base, '-', g->passed_on);
	if (g->path[0])
		remove_group(g->path, g->base);
	if (g->leaf[0])
		remove_group(g->leaf, g->base);
	else if (g->passed_on[0])
		switch_controllers(g->base, '-', g->passed_on);
	g->path[0] = g->leaf[0] = g->passed_on[0] = '\0';
}

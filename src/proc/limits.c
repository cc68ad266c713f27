#include "proc/limits.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "proc/cgroup.h"
#include "proc/tree.h"

#define GROUP_PREFIX "culprit-"

enum { N_NEEDS = 3, PERIOD_US = 100000, SMALL_TEXT = 4096 };
#define LEAST_CPUS .01 /* the kernel's least quota is 1 ms a period */

/* Processes leave a group a moment after they were waited for. */
enum { REMOVE_TRIES = 200 };
#define REMOVE_NS (5 * NS_PER_MS)

static const struct {
	unsigned need;
	const char *controller;
	bool v2_has_it; /* without the controller being enabled */
} NEEDS[N_NEEDS] = {
	{LIMITS_CPU, "cpu", false},
	{LIMITS_MEMORY, "memory", false},
	{LIMITS_ACCOUNTS, "cpuacct", true},
};

/* One folder; with version 1 it serves the controllers of one hierarchy, with 2 all. */
struct group {
	bool v2;
	unsigned needs;
	size_t mount_len;
	char base[CGROUP_PATH];      /* the group that culprit was in */
	char path[CGROUP_PATH + 64]; /* the one that it made; "" before */
	char leaf[CGROUP_PATH + 64]; /* where culprit itself went; "" where it stayed */
	char passed_on[64];          /* what it enabled in the base: "cpu memory" */
};

struct limits {
	struct group groups[N_NEEDS];
	size_t n;
	struct str procs;
};

static struct group *group_for(const struct limits *l, unsigned need)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->groups[i].needs & need)
			return (struct group *)&l->groups[i];
	return NULL;
}

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

	for (int tries = 0; tries < REMOVE_TRIES && (n = read_pids(from, pids, MAX_PIDS)); tries++)
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

	do
		snprintf(path, sizeof(path), "%s/" GROUP_PREFIX "%d-%u", base, (int)getpid(), n);
	while (mkdir(path, 0755) && errno == EEXIST && n++ < 10000);
	if (access(path, F_OK))
		return refuse(err, errno == ENOENT ? EACCES : errno, "make a group in", base);
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
	int rc = 0;

	if (name_others(g->base, &others))
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

static void return_to_base(struct group *g)
{
	if (g->passed_on[0])
		switch_controllers(g->base, '-', g->passed_on);
	if (g->leaf[0])
		remove_group(g->leaf, g->base);
	g->leaf[0] = g->passed_on[0] = '\0';
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
static int pass_on(struct group *g, struct err *err)
{
	char on[SMALL_TEXT];
	size_t n = 0;
	int error;

	if (!cgroup_read(g->base, "cgroup.subtree_control", on, sizeof(on)))
		return refuse(err, errno, "read cgroup.subtree_control of", g->base);
	for (size_t i = 0; i < N_NEEDS; i++) {
		if (!(g->needs & NEEDS[i].need) || NEEDS[i].v2_has_it)
			continue;
		if (check_available(g, NEEDS[i].controller, err))
			return -ERR_SYSTEM;
		if (!cgroup_lists(on, NEEDS[i].controller))
			n += (size_t)snprintf(g->passed_on + n, sizeof(g->passed_on) - n, "%s%s",
				n ? " " : "", NEEDS[i].controller);
	}
	if (!n)
		return 0;
	error = switch_controllers(g->base, '+', g->passed_on);
	if (error == EBUSY) {
		if (leave_base(g, err)) {
			g->passed_on[0] = '\0';
			return -ERR_SYSTEM;
		}
		error = switch_controllers(g->base, '+', g->passed_on);
	}
	if (!error)
		return 0;
	g->passed_on[0] = '\0';
	return refuse(err, error, "enable controllers in", g->base);
}

/* ---- open and close ---- */

/* A culprit that has moved into its leaf already counts as in the group above that. */
static void leave_leaf_name(char *folder)
{
	char own[64], *slash = strrchr(folder, '/');

	snprintf(own, sizeof(own), "/" GROUP_PREFIX "%d-0", (int)getpid());
	if (slash && !strcmp(slash, own))
		*slash = '\0';
}

static int add_need(struct limits *l, size_t need, struct err *err)
{
	struct cgroup_place place;
	int rc = cgroup_find_own(&place, NEEDS[need].controller, err);

	if (rc)
		return rc;
	if (place.v2)
		leave_leaf_name(place.folder);
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->groups[i].base, place.folder)) {
			l->groups[i].needs |= NEEDS[need].need;
			return 0;
		}
	l->groups[l->n] = (struct group){
		.v2 = place.v2, .needs = NEEDS[need].need, .mount_len = place.mount_len};
	snprintf(l->groups[l->n++].base, CGROUP_PATH, "%s", place.folder);
	return 0;
}

int limits_open(struct limits **out, unsigned needs, struct err *err)
{
	struct limits *l = mem_zalloc(1, sizeof(*l));
	int rc = 0;

	*out = NULL;
	for (size_t i = 0; i < N_NEEDS && !rc; i++)
		if (needs & NEEDS[i].need)
			rc = add_need(l, i, err);
	for (size_t i = 0; i < l->n && !rc; i++) {
		struct group *g = &l->groups[i];

		sweep(g->base);
		rc = g->v2 ? pass_on(g, err) : 0;
		if (!rc)
			rc = make_folder(g->base, 1, g->path, sizeof(g->path), err);
		if (!rc)
			str_addf(&l->procs, "%s%s/cgroup.procs", i ? "\n" : "", g->path);
	}
	if (rc)
		limits_close(l);
	else
		*out = l;
	return rc;
}

void limits_close(struct limits *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++) {
		struct group *g = &l->groups[i];

		/* before its processes come back, the base must not pass anything on */
		if (g->passed_on[0] && g->leaf[0]) {
			switch_controllers(g->base, '-', g->passed_on);
			g->passed_on[0] = '\0';
		}
		if (g->path[0])
			remove_group(g->path, g->base);
		return_to_base(g);
	}
	str_release(&l->procs);
	free(l);
}

const char *limits_procs_path(const struct limits *l)
{
	return str_text(&l->procs);
}

/* ---- limits ---- */

static const struct group *need_group(
	const struct limits *l, unsigned need, const char *name, struct err *err)
{
	const struct group *g = group_for(l, need);

	if (!g)
		err_set(err, ERR_USAGE, "the group was not made for a limit of %s", name);
	return g;
}

static int set(const struct group *g, const char *name, const char *value, struct err *err)
{
	int error = cgroup_write(g->path, name, value);

	if (!error)
		return 0;
	if (error == EBUSY)
		return err_set(err, ERR_SYSTEM,
			"%s/%s does not take %s: more is in use, and it cannot be freed", g->path,
			name, value);
	if (error == EINVAL)
		return err_set(err, ERR_SYSTEM,
			"%s/%s does not take %s: it is less than the kernel allows, or more than "
			"the group above has",
			g->path, name, value);
	return err_errno(err, ERR_SYSTEM, error, "%s/%s does not take %s", g->path, name, value);
}

/* Cores that a group's quota allows; 0: no limit, or none to be read (the root has no quota). */
static double read_cpus(const char *folder, bool v2)
{
	char text[64], period[64], *end;
	double quota;

	if (!cgroup_read(folder, v2 ? "cpu.max" : "cpu.cfs_quota_us", text, sizeof(text)))
		return 0;
	quota = strtod(text, &end); /* "max", "-1": no limit */
	if (end == text || quota <= 0)
		return 0;
	if (v2)
		return quota / strtod(end, NULL);
	if (!cgroup_read(folder, "cpu.cfs_period_us", period, sizeof(period)))
		return 0;
	return quota / strtod(period, NULL);
}

/* Bytes; 0: no limit. Version 1 says so with a number beyond any machine. */
static double read_memory(const char *folder, bool v2)
{
	char text[64], *end;
	double bytes;

	if (!cgroup_read(folder, v2 ? "memory.max" : "memory.limit_in_bytes", text, sizeof(text)))
		return 0;
	bytes = strtod(text, &end);
	return end == text || bytes > 0x1p60 ? 0 : bytes;
}

/* A group above that allows less decides, whatever is written below it: its folder in `above`. */
static bool is_less_above(const struct group *g, double wanted,
	double (*read)(const char *folder, bool v2), char above[CGROUP_PATH], double *has)
{
	snprintf(above, CGROUP_PATH, "%s", g->base);
	for (;;) {
		char *slash;

		*has = read(above, g->v2);
		if (*has > 0 && *has < wanted * (1 - 1e-9))
			return true;
		slash = strrchr(above, '/');
		if (strlen(above) <= g->mount_len || !slash)
			return false;
		*slash = '\0';
	}
}

int limits_set_cpus(struct limits *l, double cpus, struct err *err)
{
	const struct group *g = need_group(l, LIMITS_CPU, "CPU time", err);
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	char value[64], above[CGROUP_PATH];
	double has;
	int rc = 0;

	if (!g)
		return -ERR_USAGE;
	if (!(cpus == 0 || (cpus >= LEAST_CPUS && cpus <= (double)cores)))
		return err_set(err, ERR_USAGE,
			"a CPU quota of %g: it must lie between %g and the %ld cores of this "
			"machine, or be 0 for no quota",
			cpus, LEAST_CPUS, cores);
	if (cpus > 0)
		snprintf(value, sizeof(value), "%ld", lround(cpus * PERIOD_US));
	else
		snprintf(value, sizeof(value), "%s", g->v2 ? "max" : "-1");
	if (g->v2) {
		snprintf(value + strlen(value), 16, " %d", PERIOD_US);
		rc = set(g, "cpu.max", value, err);
	} else {
		/* the period is 100 ms in a new group; nobody else writes to this one */
		rc = set(g, "cpu.cfs_quota_us", value, err);
	}
	if (rc)
		return rc;
	has = read_cpus(g->path, g->v2);
	if (fabs(has - cpus) > 1e-5)
		return err_set(err, ERR_SYSTEM, "%s: asked for a quota of %g cores, it has %g",
			g->path, cpus, has);
	if (cpus > 0 && is_less_above(g, cpus, read_cpus, above, &has))
		return err_set(err, ERR_SYSTEM,
			"a CPU quota of %g cannot be had: the group %s, which culprit is in, has "
			"only %g",
			cpus, above, has);
	return 0;
}

int limits_set_memory(struct limits *l, uint64_t bytes, struct err *err)
{
	const struct group *g = need_group(l, LIMITS_MEMORY, "memory", err);
	double page = (double)sysconf(_SC_PAGESIZE), has;
	char value[32], above[CGROUP_PATH], a[NUM_TEXT], b[NUM_TEXT];
	int rc;

	if (!g)
		return -ERR_USAGE;
	if (bytes && ((double)bytes < page || bytes > UINT64_C(1) << 60))
		return err_set(err, ERR_USAGE,
			"a memory limit of %" PRIu64 " bytes: it must lie between a page of %g "
			"bytes and 2^60, or be 0 for no limit",
			bytes, page);
	if (bytes)
		snprintf(value, sizeof(value), "%" PRIu64, bytes);
	else
		snprintf(value, sizeof(value), "%s", g->v2 ? "max" : "-1");
	rc = set(g, g->v2 ? "memory.max" : "memory.limit_in_bytes", value, err);
	if (rc)
		return rc;
	has = read_memory(g->path, g->v2);
	if (bytes ? fabs(has - (double)bytes) >= page : has > 0)
		return err_set(err, ERR_SYSTEM,
			"%s: asked for a memory limit of %" PRIu64 " bytes, it has %.0f", g->path,
			bytes, has);
	if (bytes && is_less_above(g, (double)bytes - page, read_memory, above, &has))
		return err_set(err, ERR_SYSTEM,
			"a memory limit of %s cannot be had: the group %s, which culprit is in, "
			"has only %s",
			num_bytes((double)bytes, a), above, num_bytes(has, b));
	return 0;
}

/* ---- accounts ---- */

/* The number after a key in a file of "key number" lines; key NULL: the file's only number. */
static bool read_number(const struct group *g, const char *name, const char *key, uint64_t *out)
{
	char text[SMALL_TEXT], *p = text;

	if (!g || !cgroup_read(g->path, name, text, sizeof(text)))
		return false;
	while (key && p) {
		if (str_starts(p, key) && p[strlen(key)] == ' ') {
			p += strlen(key);
			break;
		}
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	if (!p)
		return false;
	*out = strtoull(p, NULL, 10);
	return true;
}

bool limits_cpu(const struct limits *l, double *used_s, double *throttled_s)
{
	const struct group *cpu = group_for(l, LIMITS_CPU);
	const struct group *accounts = group_for(l, LIMITS_ACCOUNTS);
	uint64_t used, throttled;

	*throttled_s = NAN;
	if (cpu && cpu->v2 && read_number(cpu, "cpu.stat", "throttled_usec", &throttled))
		*throttled_s = (double)throttled / 1e6;
	else if (cpu && read_number(cpu, "cpu.stat", "throttled_time", &throttled))
		*throttled_s = (double)throttled / 1e9;
	if (cpu && cpu->v2)
		accounts = cpu;
	if (accounts && accounts->v2 && read_number(accounts, "cpu.stat", "usage_usec", &used))
		*used_s = (double)used / 1e6;
	else if (read_number(accounts, "cpuacct.usage", NULL, &used))
		*used_s = (double)used / 1e9;
	else
		return false;
	return true;
}

uint64_t limits_memory_peak(const struct limits *l)
{
	const struct group *g = group_for(l, LIMITS_MEMORY);
	uint64_t bytes;

	return read_number(
		       g, g && g->v2 ? "memory.peak" : "memory.max_usage_in_bytes", NULL, &bytes)
		       ? bytes
		       : 0;
}

uint64_t limits_oom_kills(const struct limits *l)
{
	const struct group *g = group_for(l, LIMITS_MEMORY);
	uint64_t kills;

	return read_number(
		       g, g && g->v2 ? "memory.events" : "memory.oom_control", "oom_kill", &kills)
		       ? kills
		       : 0;
}

#include "proc/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "proc/cgroup.h"
#include "proc/group.h"

enum { N_NEEDS = 3, PERIOD_US = 100000, SMALL_TEXT = 4096 };
#define LEAST_CPUS .01 /* the kernel's least quota is 1 ms a period */

static const struct {
	unsigned need;
	const char *controller;
	bool v2_has_it; /* without the controller being enabled */
} NEEDS[N_NEEDS] = {
	{LIMITS_CPU, "cpu", false},
	{LIMITS_MEMORY, "memory", false},
	{LIMITS_ACCOUNTS, "cpuacct", true},
};

/* With version 1 a group serves the controllers of one hierarchy, with 2 all. */
struct limited {
	unsigned needs;
	struct group group;
};

struct limits {
	struct limited groups[N_NEEDS];
	size_t n;
	struct str procs;
};

static const struct group *group_for(const struct limits *l, unsigned need)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->groups[i].needs & need)
			return &l->groups[i].group;
	return NULL;
}

/* ---- open and close ---- */

static int add_need(struct limits *l, size_t need, struct err *err)
{
	struct group g;
	int rc = group_find(&g, NEEDS[need].controller, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->groups[i].group.base, g.base)) {
			l->groups[i].needs |= NEEDS[need].need;
			return 0;
		}
	l->groups[l->n++] = (struct limited){.needs = NEEDS[need].need, .group = g};
	return 0;
}

static int make(struct limited *g, struct err *err)
{
	const char *controllers[N_NEEDS + 1] = {NULL};
	size_t n = 0;

	for (size_t i = 0; i < N_NEEDS; i++)
		if ((g->needs & NEEDS[i].need) && !NEEDS[i].v2_has_it)
			controllers[n++] = NEEDS[i].controller;
	return group_make(&g->group, controllers, err);
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
		rc = make(&l->groups[i], err);
		if (!rc)
			str_addf(&l->procs, "%s%s/cgroup.procs", i ? "\n" : "",
				l->groups[i].group.path);
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
	for (size_t i = 0; i < l->n; i++)
		group_remove(&l->groups[i].group);
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

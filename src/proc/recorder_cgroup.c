/*
 * A cgroup's own counts: exact, for any number of processes, for some microseconds. Version 2, and
 * version 1 with a folder tree for each controller; whatever is not there is not recorded.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "proc/recorder_internal.h"

enum {
	CGROUP_FILES = 12,
	CGROUP_FOLDERS = 4096, /* below it, that are looked at for processes */
	CGROUP_DEPTH = 16,
	CGROUP_TEXT = 65536
};

static const char ROOT[] = "/sys/fs/cgroup";

/* A file of the cgroup: where it may be, and what is in it. The first that is there is taken. */
struct place {
	enum recorder_series series;
	bool deep;
	const char *controllers[4]; /* folders of version 1 */
	const char *file;
	const char *key; /* of the line, or NULL: the file is one number */
	double factor;
};

static const struct place PLACES[] = {
	{RECORD_CPU, false, {"", "unified"}, "cpu.stat", "usage_usec", 1e-6},
	{RECORD_USER, false, {"", "unified"}, "cpu.stat", "user_usec", 1e-6},
	{RECORD_SYSTEM, false, {"", "unified"}, "cpu.stat", "system_usec", 1e-6},
	{RECORD_CPU, false, {"cpu,cpuacct", "cpuacct", "cpuacct,cpu"}, "cpuacct.usage", NULL, 1e-9},
	{RECORD_USER, false, {"cpu,cpuacct", "cpuacct", "cpuacct,cpu"}, "cpuacct.usage_user", NULL,
		1e-9},
	{RECORD_SYSTEM, false, {"cpu,cpuacct", "cpuacct", "cpuacct,cpu"}, "cpuacct.usage_sys", NULL,
		1e-9},
	{RECORD_RSS, true, {"", "unified"}, "memory.stat", "anon+file_mapped", 1},
	{RECORD_RSS, true, {"memory"}, "memory.stat", "total_rss+total_mapped_file", 1},
	{RECORD_THREADS, false, {"", "unified", "pids"}, "pids.current", NULL, 1},
	{RECORD_FAULTS, true, {"", "unified"}, "memory.stat", "pgmajfault", 1},
	{RECORD_FAULTS, true, {"memory"}, "memory.stat", "total_pgmajfault", 1},
	{RECORD_READ, true, {"", "unified"}, "io.stat", "rbytes=", 1},
	{RECORD_WRITTEN, true, {"", "unified"}, "io.stat", "wbytes=", 1},
	{RECORD_READ, true, {"blkio"}, "blkio.throttle.io_service_bytes_recursive", "Read ", 1},
	{RECORD_WRITTEN, true, {"blkio"}, "blkio.throttle.io_service_bytes_recursive", "Write ", 1},
};
enum { N_PLACES = sizeof(PLACES) / sizeof(PLACES[0]) };

struct recorder_cgroup {
	char *folder; /* that has cgroup.procs and the CPU count */
	struct {
		char *path; /* NULL: not there */
		struct kept kept;
	} files[N_PLACES];
	size_t fds_left;
	size_t processes;
	bool seen;
	pid_t first; /* one of its processes */
};

/* ---- numbers ---- */

/* The number behind `key` at the start of a line ("usage_usec 123"). */
static double line_value(const char *text, const char *key, size_t len)
{
	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (!strncmp(p, key, len) && p[len] == ' ') {
			p += len;
			return (double)scan_count(&p);
		}
	return NAN;
}

/* The sum of what stands behind each `key` anywhere ("8:0 rbytes=4096 wbytes=0 …"). */
static double sum_of(const char *text, const char *key)
{
	double sum = 0;
	const char *p = text;

	while ((p = strstr(p, key))) {
		p += strlen(key);
		sum += (double)scan_count(&p);
	}
	return sum;
}

static double value_of(const char *text, const char *key)
{
	size_t len = key ? strlen(key) : 0;
	const char *plus = key ? strchr(key, '+') : NULL, *p = text;

	if (!key)
		return (double)scan_count(&p);
	if (key[len - 1] == '=' || key[len - 1] == ' ')
		return sum_of(text, key);
	if (plus)
		return line_value(text, key, (size_t)(plus - key)) +
		       line_value(text, plus + 1, strlen(plus + 1));
	return line_value(text, key, len);
}

/* ---- processes ---- */

static void count_in(struct recorder_cgroup *c, const char *folder)
{
	struct str path = STR_INIT;
	size_t len = 0, cap = 0;
	char *line = NULL;
	FILE *file;

	str_addf(&path, "%s/cgroup.procs", folder);
	file = fopen(path.p, "re");
	while (file && getline(&line, &cap, file) > 0) {
		const char *p = line;
		pid_t pid = (pid_t)scan_count(&p);

		len++;
		if (!c->first)
			c->first = pid;
	}
	if (file)
		fclose(file);
	free(line);
	str_release(&path);
	c->processes += len;
}

/* In it and in the cgroups below it. */
static void count_below(struct recorder_cgroup *c, const char *folder, int depth, size_t *folders)
{
	DIR *dir = *folders ? opendir(folder) : NULL;
	struct dirent *entry;

	if (!dir)
		return;
	--*folders;
	count_in(c, folder);
	while (depth < CGROUP_DEPTH && (entry = readdir(dir))) {
		struct str below = STR_INIT;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		str_addf(&below, "%s/%s", folder, entry->d_name);
		count_below(c, below.p, depth + 1, folders);
		str_release(&below);
	}
	closedir(dir);
}

static void count_processes(struct recorder_cgroup *c)
{
	size_t folders = CGROUP_FOLDERS;

	c->processes = 0;
	count_below(c, c->folder, 0, &folders);
	c->seen |= c->processes > 0;
}

/* ---- the calls ---- */

/* The path below the cgroup file system; a whole one is taken too, with its controller or not. */
static const char *relative(const char *path)
{
	size_t len = strlen(ROOT);

	if (!strncmp(path, ROOT, len) && (path[len] == '/' || !path[len])) {
		path += len;
		path += strspn(path, "/");
		for (size_t i = 0; i < N_PLACES; i++)
			for (size_t k = 0; k < 4 && PLACES[i].controllers[k]; k++) {
				const char *name = PLACES[i].controllers[k];
				size_t n = strlen(name);

				if (n && !strncmp(path, name, n) && (path[n] == '/' || !path[n]))
					return path + n + strspn(path + n, "/");
			}
	}
	return path + strspn(path, "/");
}

static void find_files(struct recorder_cgroup *c, const char *path)
{
	struct str text = STR_INIT;
	uint32_t taken = 0;

	for (size_t i = 0; i < N_PLACES; i++) {
		c->files[i].kept.fd = -1;
		for (size_t k = 0; k < 4 && PLACES[i].controllers[k]; k++) {
			const char *name = PLACES[i].controllers[k];

			if (taken & 1u << PLACES[i].series)
				break;
			str_clear(&text);
			str_addf(&text, "%s%s%s/%s", ROOT, *name ? "/" : "", name, path);
			if (!c->folder && PLACES[i].series == RECORD_CPU && file_exists(text.p))
				c->folder = mem_strdup(text.p);
			str_addf(&text, "/%s", PLACES[i].file);
			if (!file_exists(text.p))
				continue;
			c->files[i].path = mem_strdup(text.p);
			taken |= 1u << PLACES[i].series;
			if (PLACES[i].series == RECORD_CPU) {
				free(c->folder);
				c->folder = mem_copy(text.p, text.len - strlen(PLACES[i].file) - 1);
			}
		}
	}
	str_release(&text);
}

int recorder_cgroup_open(struct recorder_cgroup **out, const char *path, struct err *err)
{
	struct recorder_cgroup *c = mem_zalloc(1, sizeof(*c));
	const char *below = relative(path);

	c->fds_left = N_PLACES;
	find_files(c, below);
	for (size_t i = 0; i < N_PLACES; i++)
		if (c->files[i].path && PLACES[i].series == RECORD_CPU) {
			count_processes(c);
			*out = c;
			return 0;
		}
	if (c->folder)
		err_set(err, ERR_USAGE,
			"cgroup %s has no count of CPU time; the controller cpu (cpuacct) must be "
			"enabled for it",
			c->folder);
	else
		err_set(err, ERR_USAGE,
			"there is no cgroup '%s' below %s; /proc/PID/cgroup tells that of a "
			"process",
			below, ROOT);
	recorder_cgroup_close(c);
	return -ERR_USAGE;
}

pid_t recorder_cgroup_process(const struct recorder_cgroup *c)
{
	return c->first;
}

bool recorder_cgroup_read(struct recorder_cgroup *c, bool deep, double *values)
{
	char text[CGROUP_TEXT];
	const char *held = NULL; /* path of what is in text */

	for (size_t i = 0; i < N_PLACES; i++) {
		const struct place *p = &PLACES[i];

		if (!c->files[i].path || (p->deep && !deep))
			continue;
		/* several numbers of one file lie next to each other in the table */
		if (!held || strcmp(held, c->files[i].path)) {
			held = c->files[i].path;
			if (kept_read(&c->files[i].kept, held, &c->fds_left, text, sizeof(text)) <
				0) {
				if (p->series == RECORD_CPU)
					return false;
				text[0] = '\0';
			}
		}
		values[p->series] = text[0] || p->key ? value_of(text, p->key) * p->factor : NAN;
	}
	if (deep) {
		count_processes(c);
		values[RECORD_PROCESSES] = (double)c->processes;
	}
	return !c->seen || c->processes;
}

void recorder_cgroup_close(struct recorder_cgroup *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < N_PLACES; i++) {
		kept_close(&c->files[i].kept, &c->fds_left);
		free(c->files[i].path);
	}
	free(c->folder);
	free(c);
}

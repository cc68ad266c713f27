/* Pinning: which cores the threads of a tree may run on. */
#include "proc/limits.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "proc/cgroup.h"
#include "proc/tree.h"

/* A process that is being forked has its parent's cores already but is not to be seen yet: clean
 * passes must lie so far apart. */
#define PASS_NS  (10 * NS_PER_MS)
#define LIMIT_NS (5 * NS_PER_S)
enum { CLEAN_PASSES = 3 };

/* A list as the kernel writes them, "0-3,7"; false where it is none. */
static bool read_list(const char *text, cpu_set_t *out)
{
	const char *p = text;

	CPU_ZERO(out);
	for (;;) {
		unsigned long first, last;
		char *end;

		if (*p < '0' || *p > '9')
			return false;
		first = last = strtoul(p, &end, 10);
		if (*end == '-') {
			p = end + 1;
			if (*p < '0' || *p > '9')
				return false;
			last = strtoul(p, &end, 10);
		}
		if (first > last || last >= CPU_SETSIZE)
			return false;
		for (unsigned long i = first; i <= last; i++)
			CPU_SET(i, out);
		if (!*end || *end == '\n')
			return true;
		if (*end != ',')
			return false;
		p = end + 1;
	}
}

int limits_parse_cores(const char *cores, cpu_set_t *out, struct err *err)
{
	char online[1024];
	cpu_set_t there;

	if (!read_list(cores, out))
		return err_set(err, ERR_USAGE,
			"cores \"%s\": write their numbers as in \"0-3\", \"1\" or \"0,2\"", cores);
	if (!cgroup_read("/sys/devices/system/cpu", "online", online, sizeof(online)) ||
		!read_list(online, &there)) {
		CPU_ZERO(&there);
		for (long i = 0; i < sysconf(_SC_NPROCESSORS_ONLN) && i < CPU_SETSIZE; i++)
			CPU_SET(i, &there);
		snprintf(online, sizeof(online), "0-%ld", sysconf(_SC_NPROCESSORS_ONLN) - 1);
	}
	online[strcspn(online, "\n")] = '\0';
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, out) && !CPU_ISSET(i, &there))
			return err_set(err, ERR_USAGE,
				"cores \"%s\": there is no core %d; this machine has %s", cores, i,
				online);
	return 0;
}

struct pinning {
	const char *cores;
	cpu_set_t set;
	size_t changed; /* threads, in this pass */
};

static int pin_thread(struct pinning *p, pid_t tid, struct err *err)
{
	cpu_set_t now;

	if (!sched_getaffinity(tid, sizeof(now), &now) && CPU_EQUAL(&now, &p->set))
		return 0;
	p->changed++;
	if (sched_setaffinity(tid, sizeof(p->set), &p->set)) {
		if (errno == ESRCH)
			return 0;
		if (errno == EINVAL)
			return err_set(err, ERR_SYSTEM,
				"thread %d cannot be pinned to cores %s: it may use none of them "
				"(a cpuset of its container or group)",
				(int)tid, p->cores);
		return err_errno(err, ERR_SYSTEM, errno, "thread %d cannot be pinned to cores %s",
			(int)tid, p->cores);
	}
	if (sched_getaffinity(tid, sizeof(now), &now))
		return errno == ESRCH ? 0
				      : err_errno(err, ERR_SYSTEM, errno,
						"cannot see the cores of thread %d", (int)tid);
	if (CPU_EQUAL(&now, &p->set))
		return 0;
	return err_set(err, ERR_SYSTEM,
		"thread %d was pinned to cores %s and got others: a cpuset of its container or "
		"group does not have them all",
		(int)tid, p->cores);
}

static int pin_process(struct pinning *p, pid_t pid, struct err *err)
{
	char path[40];
	struct dirent *entry;
	DIR *folder;
	int rc = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	folder = opendir(path);
	while (folder && !rc && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			rc = pin_thread(p, (pid_t)strtol(entry->d_name, NULL, 10), err);
	if (folder)
		closedir(folder);
	return rc;
}

int limits_pin(pid_t root, const char *cores, struct err *err)
{
	struct pinning p = {.cores = cores};
	struct process_tree tree = {0};
	uint64_t end = clock_now_ns() + LIMIT_NS;
	int rc = limits_parse_cores(cores, &p.set, err);

	for (int clean = 0; !rc && clean < CLEAN_PASSES; clean = p.changed ? 0 : clean + 1) {
		p.changed = 0;
		process_tree_read(&tree, root);
		if (!tree.n)
			rc = err_set(err, ERR_SERVICE,
				"process %d, which was to be pinned to cores %s, is not there",
				(int)root, cores);
		for (size_t i = 0; i < tree.n && !rc; i++)
			rc = pin_process(&p, tree.items[i].pid, err);
		if (!rc && p.changed && clock_now_ns() > end)
			rc = err_set(err, ERR_SERVICE,
				"the processes below %d do not stay on cores %s: after 5 s there "
				"are still threads elsewhere (does the service pin them itself?)",
				(int)root, cores);
		if (!rc)
			clock_sleep_ns(PASS_NS);
	}
	process_tree_release(&tree);
	return rc;
}

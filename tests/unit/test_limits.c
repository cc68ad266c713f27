/*
 * Limits. Finding the own group is tested on texts of machines of every kind; limits themselves
 * with the real control groups of this machine, where it lets culprit make one: where it does not,
 * the refusal is what is tested, and the test says so. Pinning needs no groups.
 */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "proc/cgroup.h"
#include "proc/limits.h"
#include "proc/service.h"
#include "proc/tree.h"

static struct err err;

/* ---- finding the own group ---- */

#define V2_MOUNT                                                                                   \
	"22 1 0:21 / /proc rw,relatime - proc proc rw\n"                                           \
	"30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 "  \
	"rw,nsdelegate,memory_recursiveprot\n"
#define V1_MOUNT                                                                                   \
	"25 17 0:20 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755\n"               \
	"26 25 0:21 / /sys/fs/cgroup/systemd rw shared:10 - cgroup cgroup rw,name=systemd\n"       \
	"29 25 0:24 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:12 - cgroup cgroup "             \
	"rw,cpu,cpuacct\n"                                                                         \
	"30 25 0:25 / /sys/fs/cgroup/memory rw shared:13 master:3 - cgroup cgroup rw,memory\n"

static const struct {
	const char *name, *mountinfo, *cgroup, *controller;
	bool v2;
	const char *folder; /* or, after '!', what the error says */
	size_t mount_len;
} FOUND[] = {
	{"v2, systemd user", V2_MOUNT,
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope\n", "cpu",
		true,
		"/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/"
		"run-r1.scope",
		14},
	{"v2, the root", V2_MOUNT, "0::/\n", "memory", true, "/sys/fs/cgroup", 14},
	{"v1, together", V1_MOUNT,
		"5:memory:/user.slice\n4:cpu,cpuacct:/user.slice/x\n1:name=systemd:/user.slice\n",
		"cpuacct", false, "/sys/fs/cgroup/cpu,cpuacct/user.slice/x", 26},
	{"v1, memory", V1_MOUNT, "5:memory:/user.slice\n4:cpu,cpuacct:/user.slice/x\n", "memory",
		false, "/sys/fs/cgroup/memory/user.slice", 21},
	{"hybrid: version 1 has it",
		V1_MOUNT "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
		"4:cpu,cpuacct:/a\n5:memory:/b\n0::/init.scope\n", "cpu", false,
		"/sys/fs/cgroup/cpu,cpuacct/a", 26},
	{"hybrid: version 2 only",
		V1_MOUNT "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
		"4:cpu,cpuacct:/a\n0::/init.scope\n", NULL, true,
		"/sys/fs/cgroup/unified/init.scope", 22},
	{"docker, v2, own namespace",
		"912 905 0:26 / /sys/fs/cgroup ro,nosuid,nodev - cgroup2 cgroup rw\n", "0::/\n",
		"cpu", true, "/sys/fs/cgroup", 14},
	{"docker, v1: only its own part is mounted",
		"700 690 0:24 /docker/8af31 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup "
		"rw,cpu,cpuacct\n",
		"4:cpu,cpuacct:/docker/8af31\n", "cpu", false, "/sys/fs/cgroup/cpu,cpuacct", 26},
	{"docker, v1, a group below",
		"700 690 0:24 /docker/8af31 /cg/cpu ro - cgroup cgroup rw,cpu\n",
		"4:cpu:/docker/8af31/inner/two\n", "cpu", false, "/cg/cpu/inner/two", 7},
	{"a name that only begins alike",
		"700 690 0:24 /docker/8af3 /cg/cpu ro - cgroup cgroup rw,cpu\n",
		"4:cpu:/docker/8af31\n", "cpu", false, "!is not below what is mounted", 0},
	{"kubernetes", "1 2 0:2 /kubepods/pod1/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
		"0::/kubepods/pod1/abc\n", "memory", true, "/sys/fs/cgroup", 14},
	{"above the namespace's root", V2_MOUNT, "0::/../other\n", "cpu", true,
		"!is not below what is mounted", 0},
	{"a copy elsewhere", V2_MOUNT "99 30 0:26 / /tmp/root/sys/fs/cgroup rw - cgroup2 none rw\n",
		"0::/a\n", "cpu", true, "/sys/fs/cgroup/a", 14},
	{"one over the other", V2_MOUNT "99 30 0:26 /a /sys/fs/cgroup rw - cgroup2 none rw\n",
		"0::/a/b\n", "cpu", true, "/sys/fs/cgroup/b", 14},
	{"escapes", "1 2 0:2 / /a\\134b\\011c rw - cgroup2 none rw\n", "0::/d e\n", NULL, true,
		"/a\\b\tc/d e", 6},
	{"none mounted", "22 1 0:21 / /proc rw - proc proc rw\n", "0::/\n", "cpu", true,
		"!no cgroup file system is mounted", 0},
	{"version 1, not mounted here", V2_MOUNT, "4:cpu:/\n0::/\n", "cpu", false,
		"!no cgroup file system with the controller cpu is mounted", 0},
	{"no groups at all", V2_MOUNT, "", "cpu", false, "!this kernel has no control groups", 0},
	{"not what the kernel writes", "x\n\n 1 - \n-\n1 2 3 4 5 6 - cgroup2", "0::\n0\n::/\n",
		"cpu", false, "!this kernel has no control groups", 0},
	{"a line cut short", "1 2 0:2 / /a rw - cgroup2 none", "0::/\n", NULL, true,
		"!no cgroup file system is mounted", 0},
};

START_TEST(finds_the_own_group)
{
	struct cgroup_place place;

	for (size_t i = 0; i < sizeof(FOUND) / sizeof(FOUND[0]); i++) {
		int rc = cgroup_find(
			&place, FOUND[i].mountinfo, FOUND[i].cgroup, FOUND[i].controller, &err);

		if (FOUND[i].folder[0] == '!') {
			ck_assert_msg(rc == -ERR_SYSTEM, "%s: %s", FOUND[i].name, place.folder);
			ck_assert_msg(strstr(err.text, FOUND[i].folder + 1) != NULL, "%s: %s",
				FOUND[i].name, err.text);
			continue;
		}
		ck_assert_msg(!rc, "%s: %s", FOUND[i].name, err.text);
		ck_assert_msg(!strcmp(place.folder, FOUND[i].folder), "%s: %s", FOUND[i].name,
			place.folder);
		ck_assert_msg(place.v2 == FOUND[i].v2, "%s", FOUND[i].name);
		ck_assert_msg(place.mount_len == FOUND[i].mount_len, "%s: %zu", FOUND[i].name,
			place.mount_len);
	}
}
END_TEST

/* Cut after every byte, and with each byte replaced: an error or a place, in bounds (ASan). */
START_TEST(finds_in_damaged_texts)
{
	static const char MOUNTS[] = V1_MOUNT V2_MOUNT, GROUPS[] = "4:cpu,cpuacct:/a\n0::/b/c\n";
	static const char *const CONTROLLERS[] = {"cpu", "memory", NULL};
	char text[sizeof(MOUNTS)];
	struct cgroup_place place;

	for (size_t i = 0; i < sizeof(MOUNTS); i++)
		for (size_t j = 0; j < 3; j++) {
			memcpy(text, MOUNTS, sizeof(text));
			text[i] = '\0';
			cgroup_find(&place, text, GROUPS, CONTROLLERS[j], &err);
			memcpy(text, MOUNTS, sizeof(text));
			if (text[i])
				text[i] = '\\';
			cgroup_find(&place, text, GROUPS, CONTROLLERS[j], &err);
			ck_assert_uint_lt(strlen(place.folder), sizeof(place.folder));
		}
	for (size_t i = 0; i < sizeof(GROUPS); i++) {
		memcpy(text, GROUPS, sizeof(GROUPS));
		text[i] = '\0';
		cgroup_find(&place, MOUNTS, text, "cpu", &err);
	}
	{
		char *deep = malloc(20000);

		memset(deep, 'a', 19999);
		memcpy(deep, "0::/", 4);
		deep[19999] = '\0';
		ck_assert_int_eq(cgroup_find(&place, V2_MOUNT, deep, NULL, &err), -ERR_SYSTEM);
		ck_assert_ptr_nonnull(strstr(err.text, "is too long"));
		free(deep);
	}
}
END_TEST

START_TEST(lists)
{
	ck_assert(cgroup_lists("cpuset cpu io memory\n", "cpu"));
	ck_assert(cgroup_lists("cpuset cpu io memory\n", "memory"));
	ck_assert(!cgroup_lists("cpuset io memory\n", "cpu"));
	ck_assert(!cgroup_lists("", "cpu"));
}
END_TEST

/* ---- limits, with the groups of this machine ---- */

/* Opens, or checks the refusal and says what is not tested. */
static struct limits *open_or_say(unsigned needs, const char *what)
{
	struct limits *l;
	int rc = limits_open(&l, needs, &err);

	if (!rc)
		return l;
	ck_assert_ptr_null(l);
	ck_assert_int_eq(rc, -ERR_SYSTEM);
	ck_assert_uint_gt(strlen(err.text), 40); /* what is missing, and the mend */
	fprintf(stderr, "skipped: %s, for here it is refused: %s\n", what, err.text);
	return NULL;
}

static pid_t fork_child(void)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	ck_assert_int_ge(pid, 0);
	return pid;
}

static bool enter(const char *procs)
{
	bool entered = true;
	char path[2048];

	for (const char *p = procs; *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");
		int fd;

		snprintf(path, sizeof(path), "%.*s", (int)len, p);
		fd = open(path, O_WRONLY);
		entered &= fd >= 0 && write(fd, "0", 1) == 1;
		if (fd >= 0)
			close(fd);
		p += len;
	}
	return entered;
}

/* A child in the group that spins until it is killed; it is in when this returns. */
static pid_t spin_in(const struct limits *l)
{
	int told[2];
	char byte;
	pid_t pid;

	ck_assert(!pipe(told));
	pid = fork_child();
	if (!pid) {
		if (!enter(limits_procs_path(l)) || write(told[1], "x", 1) != 1)
			_exit(1);
		for (volatile unsigned n = 0;; n++)
			;
	}
	close(told[1]);
	ck_assert_int_eq(read(told[0], &byte, 1), 1);
	close(told[0]);
	return pid;
}

static double cpu_of(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	ck_assert(!clock_getcpuclockid(pid, &clock));
	ck_assert(!clock_gettime(clock, &t));
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The folder of each group, gone after limits_close(). */
static void check_gone(const char *procs)
{
	char path[2048];

	for (const char *p = procs; *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");

		snprintf(path, sizeof(path), "%.*s", (int)len, p);
		ck_assert_msg(access(path, F_OK) && errno == ENOENT, "%s is left", path);
		p += len;
	}
}

/*
 * What a busy loop gets under a quota q for a time T lies within [.5, 1] q T ± one period's quota
 * at each end and a slice of 5 ms on each core, which the kernel hands out ahead. Above is the
 * kernel's promise, whatever else runs; below is what is left when others want the cores as well:
 * up to ten busy loops on two cores leave it .2 of one. The group's own counter must agree with the
 * process's CPU clock to a tick of 10 ms.
 */
static void check_quota(struct limits *l, pid_t pid, double cpus, double wall_s)
{
	double slack = 2 * cpus * .1 + .005 * (double)sysconf(_SC_NPROCESSORS_ONLN);
	double used, used_before, throttled, throttled_before, before, got, took;
	uint64_t begin;

	ck_assert_msg(!limits_set_cpus(l, cpus, &err), "%s", err.text);
	clock_sleep_ns(150 * NS_PER_MS); /* the period under way still has the old quota */
	ck_assert(limits_cpu(l, &used_before, &throttled_before));
	before = cpu_of(pid);
	begin = clock_now_ns();
	clock_sleep_ns((uint64_t)(wall_s * 1e9));
	got = cpu_of(pid) - before;
	ck_assert(limits_cpu(l, &used, &throttled));
	took = (double)(clock_now_ns() - begin) / 1e9;
	ck_assert_msg(got < cpus * took + slack, "%g of a core: %g s in %g s", cpus, got, took);
	ck_assert_msg(
		got > .5 * cpus * took - slack, "%g of a core: %g s in %g s", cpus, got, took);
	ck_assert_msg(fabs(used - used_before - got) < .01 + .02 * got,
		"the group used %g s, it %g", used - used_before, got);
	/* it was held back, unless others left it less than the quota anyway */
	ck_assert(throttled > throttled_before || got < .97 * cpus * took);
	fprintf(stderr, "quota %g: %.3f cores over %.2f s\n", cpus, got / took, took);
}

START_TEST(a_quota_is_real)
{
	struct limits *l = open_or_say(LIMITS_CPU | LIMITS_ACCOUNTS, "a quota of .2 cores");
	char procs[4096];
	pid_t pid;

	if (!l)
		return;
	snprintf(procs, sizeof(procs), "%s", limits_procs_path(l));
	pid = spin_in(l);
	check_quota(l, pid, .2, 2);
	check_quota(l, pid, .5, 1);
	/* changed while it runs; without one it is not throttled any more */
	ck_assert_msg(!limits_set_cpus(l, 0, &err), "%s", err.text);
	clock_sleep_ns(150 * NS_PER_MS);
	{
		double used, before, after;

		ck_assert(limits_cpu(l, &used, &before));
		clock_sleep_ns(200 * NS_PER_MS);
		ck_assert(limits_cpu(l, &used, &after));
		ck_assert_double_eq(before, after);
	}
	end_child(pid);
	limits_close(l);
	check_gone(procs);
}
END_TEST

START_TEST(quotas_that_are_none)
{
	static const double WRONG[] = {-1, .001, 1e6, NAN, INFINITY};
	struct limits *l = open_or_say(LIMITS_CPU, "quotas out of range");

	if (!l)
		return;
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		ck_assert_int_eq(limits_set_cpus(l, WRONG[i], &err), -ERR_USAGE);
		ck_assert_msg(str_starts(err.text, "a CPU quota of"), "%s", err.text);
	}
	ck_assert_int_eq(limits_set_memory(l, 1 << 20, &err), -ERR_USAGE);
	limits_close(l);
}
END_TEST

/* A culprit in a group that has .1 of a core, as in a container: it cannot give away .2. */
START_TEST(no_more_than_the_group_above)
{
	struct limits *l = open_or_say(LIMITS_CPU, "a quota below a quota"), *below = NULL;
	char procs[4096];
	int status;
	pid_t pid;

	if (!l)
		return;
	snprintf(procs, sizeof(procs), "%s", limits_procs_path(l));
	ck_assert_msg(!limits_set_cpus(l, .1, &err), "%s", err.text);
	pid = fork_child();
	if (!pid) {
		bool right = enter(limits_procs_path(l)) &&
			     !limits_open(&below, LIMITS_CPU, &err) &&
			     !limits_set_cpus(below, .05, &err) &&
			     limits_set_cpus(below, .2, &err) == -ERR_SYSTEM &&
			     strstr(err.text, "the group");

		fprintf(stderr, "%s\n", err.text);
		limits_close(below);
		_exit(!right);
	}
	waitpid(pid, &status, 0);
	limits_close(l);
	check_gone(procs);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* One page after the other; told how many bytes by the pipe. */
static void eat(int told)
{
	size_t step = 1 << 20;

	for (size_t eaten = step;; eaten += step) {
		char *p = mmap(
			NULL, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			_exit(2);
		memset(p, 1, step);
		if (write(told, &eaten, sizeof(eaten)) != sizeof(eaten) || eaten > 256 << 20)
			_exit(3);
	}
}

START_TEST(a_memory_limit_is_real)
{
	enum { LIMIT = 32 << 20 };
	struct limits *l = open_or_say(LIMITS_MEMORY, "a memory limit of 32 MiB");
	size_t eaten, most = 0;
	char procs[4096];
	int told[2], status;
	pid_t pid;

	if (!l)
		return;
	snprintf(procs, sizeof(procs), "%s", limits_procs_path(l));
	ck_assert_msg(!limits_set_memory(l, LIMIT, &err), "%s", err.text);
	ck_assert(!pipe(told));
	pid = fork_child();
	if (!pid) {
		close(told[0]);
		if (!enter(limits_procs_path(l)))
			_exit(1);
		eat(told[1]);
	}
	close(told[1]);
	while (read(told[0], &eaten, sizeof(eaten)) == sizeof(eaten))
		most = eaten;
	waitpid(pid, &status, 0);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %d", status);
	ck_assert_uint_le(most, LIMIT);
	ck_assert_uint_ge(most, LIMIT / 2);
	ck_assert_uint_ge(limits_oom_kills(l), 1);
	if (limits_memory_peak(l)) { /* kernels before 5.19 with version 2 do not tell */
		ck_assert_uint_le(limits_memory_peak(l), LIMIT);
		ck_assert_uint_ge(limits_memory_peak(l), most);
	}
	ck_assert_msg(!limits_set_memory(l, 0, &err), "%s", err.text);
	close(told[0]);
	limits_close(l);
	check_gone(procs);
}
END_TEST

/* A folder below the group that this process is in, as a culprit of that pid would have made it. */
static void group_of(pid_t pid, char *out, size_t size)
{
	struct cgroup_place place;
	char base[CGROUP_PATH];

	ck_assert_msg(!cgroup_find_own(&place, "cpuacct", &err), "%s", err.text);
	snprintf(base, sizeof(base), "%s", place.folder);
	snprintf(out, size, "%s/culprit-%d-1", base, (int)pid);
}

/* Those of culprits that are gone are removed, if nobody is in them; those that live are left. */
START_TEST(leftovers_are_removed)
{
	struct limits *l = open_or_say(LIMITS_ACCOUNTS, "leftovers"), *second;
	char of_gone[2048], of_other[2048], used[2048], procs[4096];
	pid_t gone, other, inside;

	if (!l)
		return;
	limits_close(l);
	gone = fork_child();
	if (!gone)
		_exit(0);
	waitpid(gone, NULL, 0);
	other = fork_child();
	if (!other)
		for (;;)
			pause();
	group_of(gone, of_gone, sizeof(of_gone));
	group_of(other, of_other, sizeof(of_other));
	snprintf(used, sizeof(used), "%.*s2", (int)strlen(of_gone) - 1, of_gone);
	ck_assert(!mkdir(of_gone, 0755) && !mkdir(of_other, 0755) && !mkdir(used, 0755));
	inside = fork_child();
	if (!inside) {
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", used);
		if (!enter(procs))
			_exit(1);
		kill(getpid(), SIGSTOP);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(inside, NULL, WUNTRACED), inside);
	ck_assert_msg(!limits_open(&second, LIMITS_ACCOUNTS, &err), "%s", err.text);
	bool gone_left = !access(of_gone, F_OK), other_left = !access(of_other, F_OK),
	     used_left = !access(used, F_OK);
	limits_close(second);
	end_child(inside);
	end_child(other);
	for (int i = 0; i < 200 && rmdir(used) && errno == EBUSY; i++)
		clock_sleep_ns(5 * NS_PER_MS);
	rmdir(of_other);
	ck_assert(!gone_left && other_left && used_left);
}
END_TEST

/* What is in the group when it is closed goes on, in the group that culprit is in. */
START_TEST(closing_sets_free)
{
	struct limits *l = open_or_say(LIMITS_CPU, "closing"), *again;
	char procs[4096];
	pid_t pid;
	double before;

	if (!l)
		return;
	snprintf(procs, sizeof(procs), "%s", limits_procs_path(l));
	pid = spin_in(l);
	ck_assert_msg(!limits_set_cpus(l, .05, &err), "%s", err.text);
	limits_close(l);
	check_gone(procs);
	ck_assert(!kill(pid, 0));
	before = cpu_of(pid);
	for (int i = 0; i < 1000 && cpu_of(pid) < before + .3; i++)
		clock_sleep_ns(10 * NS_PER_MS);
	ck_assert_double_ge(cpu_of(pid), before + .3);
	end_child(pid);
	l = open_or_say(LIMITS_CPU | LIMITS_ACCOUNTS, "opening again");
	ck_assert_ptr_nonnull(l);
	limits_close(l);
	ck_assert_msg(
		!limits_open(&again, 0, &err), "%s", err.text); /* nothing needed, none made */
	ck_assert_str_eq(limits_procs_path(again), "");
	limits_close(again);
	limits_close(NULL);
}
END_TEST

/* ---- a service in the group, and on its cores ---- */

static char log_path[64];

static struct service_spec sleeper(const char *command)
{
	snprintf(log_path, sizeof(log_path), "/tmp/culprit-test-limits-%d.log", (int)getpid());
	return (struct service_spec){.command = command,
		.url = "http://127.0.0.1:9/",
		.ready_timeout_ns = 300 * NS_PER_MS,
		.stop_timeout_ns = NS_PER_S,
		.log_path = log_path};
}

static void read_log(char *out, size_t size)
{
	FILE *file = fopen(log_path, "re");
	size_t n = file ? fread(out, 1, size - 1, file) : 0;

	out[n] = '\0';
	if (file)
		fclose(file);
	unlink(log_path);
}

/* It never becomes ready; what matters is what it saw of itself as its first act. */
START_TEST(a_service_starts_in_its_group)
{
	struct limits *l = open_or_say(LIMITS_CPU | LIMITS_ACCOUNTS, "a service in a group");
	struct service_spec spec = sleeper("cat /proc/self/cgroup; exec sleep 60");
	char text[4096], name[32];
	struct service *s;

	if (!l)
		return;
	snprintf(name, sizeof(name), "/culprit-%d-1\n", (int)getpid());
	spec.cgroup_procs = limits_procs_path(l);
	ck_assert_int_eq(service_start(&s, &spec, NULL, &err), -ERR_SERVICE);
	read_log(text, sizeof(text));
	ck_assert_msg(strstr(text, name) != NULL, "%s", text);
	limits_close(l);
}
END_TEST

START_TEST(a_group_that_is_not_there)
{
	struct service_spec spec = sleeper("echo started; exec sleep 60");
	struct service *s;
	char text[4096];

	spec.cgroup_procs = "/no/such/group/cgroup.procs";
	ck_assert_int_eq(service_start(&s, &spec, NULL, &err), -ERR_SYSTEM);
	ck_assert_msg(strstr(err.text, "it cannot enter the cgroup") &&
			      strstr(err.text, "No such file or directory"),
		"%s", err.text);
	read_log(text, sizeof(text));
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(a_service_starts_on_its_cores)
{
	struct service_spec spec =
		sleeper("grep Cpus_allowed_list /proc/self/status; exec sleep 60");
	struct service *s;
	char text[4096];

	spec.cores = "0";
	ck_assert_int_eq(service_start(&s, &spec, NULL, &err), -ERR_SERVICE);
	read_log(text, sizeof(text));
	ck_assert_str_eq(text, "Cpus_allowed_list:\t0\n");
	spec.cores = "4095";
	ck_assert_int_eq(service_start(&s, &spec, NULL, &err), -ERR_USAGE);
	unlink(log_path);
}
END_TEST

/* ---- pinning ---- */

START_TEST(cores_that_are_none)
{
	static const char *const WRONG[] = {"", "x", "1,", ",1", "0-", "-1", "2-1", "0;1", "0 1",
		"99999999999999999999", "1023-1025", "0x1", "1023"};
	cpu_set_t set;

	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
		ck_assert_msg(
			limits_parse_cores(WRONG[i], &set, &err) == -ERR_USAGE, "\"%s\"", WRONG[i]);
	ck_assert_msg(
		strstr(err.text, "there is no core 1023; this machine has 0"), "%s", err.text);
	ck_assert_int_eq(limits_parse_cores("0,0-0,0", &set, &err), 0);
	ck_assert_int_eq(CPU_COUNT(&set), 1);
	ck_assert_int_eq(limits_pin(getpid(), "1023", &err), -ERR_USAGE);
}
END_TEST

static void *idle_thread(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/* Processes and threads that keep coming while they are pinned: a tree that forks without end. */
static void be_fruitful(void)
{
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, idle_thread, NULL);
	for (int generation = 0; generation < 400; generation++) {
		pid_t pid = fork_child();

		if (!pid) {
			pthread_create(&thread, NULL, idle_thread, NULL);
			clock_sleep_ns(60 * NS_PER_MS);
			_exit(0);
		}
		clock_sleep_ns(NS_PER_MS);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	for (;;)
		pause();
}

static size_t threads_elsewhere(pid_t root, const char *cores, size_t *all)
{
	struct process_tree tree = {0};
	char path[64], line[256], wanted[64];
	size_t n = 0;

	*all = 0;
	snprintf(wanted, sizeof(wanted), "Cpus_allowed_list:\t%s\n", cores);
	process_tree_read(&tree, root);
	for (size_t i = 0; i < tree.n; i++) {
		struct dirent *entry;
		DIR *folder;

		snprintf(path, sizeof(path), "/proc/%d/task", (int)tree.items[i].pid);
		folder = opendir(path);
		while (folder && (entry = readdir(folder))) {
			char status[400];
			FILE *file;

			if (entry->d_name[0] == '.')
				continue;
			snprintf(status, sizeof(status), "%s/%s/status", path, entry->d_name);
			file = fopen(status, "re");
			while (file && fgets(line, sizeof(line), file))
				if (str_starts(line, "Cpus_allowed_list:")) {
					++*all;
					n += strcmp(line, wanted) != 0;
				}
			if (file)
				fclose(file);
		}
		if (folder)
			closedir(folder);
	}
	process_tree_release(&tree);
	return n;
}

START_TEST(pins_a_tree_that_grows)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	pid_t pid;
	size_t all;

	if (cores < 2) {
		fprintf(stderr, "skipped: pinning, for this machine has one core\n");
		return;
	}
	pid = fork_child();
	if (!pid)
		be_fruitful();
	clock_sleep_ns(50 * NS_PER_MS);
	for (int i = 0; i < 4; i++) {
		const char *to = i % 2 ? "0" : "1";

		ck_assert_msg(!limits_pin(pid, to, &err), "%s", err.text);
		for (int look = 0; look < 5; look++) {
			ck_assert_uint_eq(threads_elsewhere(pid, to, &all), 0);
			ck_assert_uint_ge(all, 4);
			clock_sleep_ns(5 * NS_PER_MS);
		}
	}
	ck_assert_msg(!limits_pin(pid, "0-1", &err), "%s", err.text);
	ck_assert_uint_eq(threads_elsewhere(pid, "0-1", &all), 0);
	end_child(pid);
	ck_assert_int_eq(limits_pin(pid, "0", &err), -ERR_SERVICE);
	ck_assert_msg(strstr(err.text, "is not there"), "%s", err.text);
}
END_TEST

/* Who may not pin it says so. */
START_TEST(pins_nothing_of_others)
{
	pid_t pid;
	int status;

	if (geteuid()) {
		fprintf(stderr, "skipped: pinning another user's process, for this needs root\n");
		return;
	}
	pid = fork_child();
	if (!pid) {
		ck_assert(!setuid(65534));
		ck_assert_int_eq(limits_pin(getppid(), "0", &err), -ERR_SYSTEM);
		_exit(strstr(err.text, "cannot be pinned to cores 0: Operation not permitted") ? 0
											       : 1);
	}
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* An ordinary user has no right to make a group where root's are. */
START_TEST(refused_to_ordinary_users)
{
	pid_t pid;
	int status;

	if (geteuid()) {
		fprintf(stderr, "skipped: becoming another user, for this needs root\n");
		return;
	}
	pid = fork_child();
	if (!pid) {
		struct limits *l;

		ck_assert(!setuid(65534));
		_exit(limits_open(&l, LIMITS_CPU, &err) != -ERR_SYSTEM || l ||
			strlen(err.text) < 40);
	}
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
}
END_TEST

UNIT_MAIN("limits", finds_the_own_group, finds_in_damaged_texts, lists, a_quota_is_real,
	quotas_that_are_none, no_more_than_the_group_above, a_memory_limit_is_real,
	leftovers_are_removed, closing_sets_free, a_service_starts_in_its_group,
	a_group_that_is_not_there, a_service_starts_on_its_cores, cores_that_are_none,
	pins_a_tree_that_grows, pins_nothing_of_others, refused_to_ordinary_users)

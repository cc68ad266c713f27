#include "proc/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "proc/tree.h"

/* What `git status` may take: in a huge working tree the commit is known, "dirty" is not. */
#define GIT_NS (250 * NS_PER_MS)

enum { GIT_OUTPUT = 1 << 16 };

/* ---- facts of the machine ---- */

/* The text behind `key` and `separator` on the first line of a file that begins with key; a new
 * copy, without quotes, or NULL. */
static char *read_key(const char *path, const char *key, char separator)
{
	FILE *file = fopen(path, "re");
	char *line = NULL, *found = NULL;
	size_t cap = 0, key_len = strlen(key);

	while (file && !found && getline(&line, &cap, file) > 0) {
		char *p = line + key_len, *end;

		if (strncmp(line, key, key_len) != 0)
			continue;
		p += strspn(p, " \t");
		if (*p++ != separator)
			continue;
		p += strspn(p, " \t\"");
		end = p + strcspn(p, "\"\n");
		while (end > p && end[-1] == ' ')
			end--;
		found = mem_copy(p, (size_t)(end - p));
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

static char *read_line(const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n = file ? getline(&line, &cap, file) : -1;

	if (file)
		fclose(file);
	if (n <= 0) {
		free(line);
		return NULL;
	}
	line[strcspn(line, "\n")] = '\0';
	return line;
}

/* Takes the text; what is not known is left out. */
static void put(json_t *out, const char *key, char *text)
{
	if (text && *text)
		json_object_set_new(out, key, json_string(text));
	free(text);
}

static char *kernel_text(void)
{
	struct str text = STR_INIT;
	struct utsname name;

	if (uname(&name))
		return NULL;
	str_addf(&text, "%s %s %s", name.sysname, name.release, name.machine);
	return str_take(&text);
}

static char *cpu_text(void)
{
	char *model = read_key("/proc/cpuinfo", "model name", ':');

	return model ? model : read_key("/proc/cpuinfo", "Model", ':'); /* some ARM boards */
}

/* ---- git ---- */

/* Is the current folder in a working tree? Asked first, so that nothing is run where not. */
static bool in_git(void)
{
	struct str path = STR_INIT;
	char *here = getcwd(NULL, 0), *slash;
	bool found = false;

	while (here && !found) {
		str_clear(&path);
		str_addf(&path, "%s/.git", here);
		found = file_exists(path.p);
		slash = strrchr(here, '/');
		if (!slash || slash == here)
			break;
		*slash = '\0';
	}
	str_release(&path);
	free(here);
	return found;
}

/* Reads until the end or the time; true for the end. */
static bool read_until(int fd, uint64_t end_ns, struct str *out)
{
	char buffer[4096];

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_now_ns();
		ssize_t n;

		if (now >= end_ns)
			return false;
		if (poll(&p, 1, (int)((end_ns - now) / NS_PER_MS) + 1) <= 0)
			continue;
		n = read(fd, buffer, sizeof(buffer));
		if (!n)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0 && out->len < GIT_OUTPUT)
			str_add_bytes(out, buffer, (size_t)n);
	}
}

/* Runs git with its output into `out`; true when it ended well in time. */
static bool run_git(const char *const *arguments, struct str *out)
{
	posix_spawn_file_actions_t actions;
	uint64_t end = clock_now_ns() + GIT_NS;
	int fds[2], status = -1;
	bool whole = false;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return false;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	if (posix_spawnp(&pid, "git", &actions, NULL, (char *const *)arguments, environ))
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (pid > 0) {
		whole = read_until(fds[0], end, out);
		if (!whole)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(fds[0]);
	return whole && WIFEXITED(status) && !WEXITSTATUS(status);
}

static void put_git(json_t *out)
{
	static const char *const STATUS[] = {"git", "--no-optional-locks", "status",
		"--porcelain=v2", "--branch", "--untracked-files=no", NULL};
	static const char *const HEAD[] = {"git", "rev-parse", "HEAD", NULL};
	static const char OID[] = "# branch.oid ";
	struct str text = STR_INIT;

	if (!in_git())
		return;
	if (run_git(STATUS, &text)) {
		const char *oid = text.p ? strstr(text.p, OID) : NULL;
		bool dirty = text.p && (strstr(text.p, "\n1 ") || strstr(text.p, "\n2 ") ||
					       strstr(text.p, "\nu "));

		if (oid) {
			oid += sizeof(OID) - 1;
			put(out, "git_commit", mem_copy(oid, strcspn(oid, "\n")));
			json_object_set_new(out, "git_dirty", json_boolean(dirty));
		}
	} else {
		str_clear(&text);
		if (run_git(HEAD, &text))
			put(out, "git_commit", mem_copy(text.p, strcspn(text.p, "\n")));
	}
	str_release(&text);
}

json_t *machine_describe(void)
{
	json_t *out = json_object();
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	put(out, "cpu", cpu_text());
	json_object_set_new(out, "cores", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(out, "memory_bytes", json_integer((json_int_t)pages * page));
	put(out, "governor", read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
	put(out, "kernel", kernel_text());
	put(out, "distribution", read_key("/etc/os-release", "PRETTY_NAME", '='));
	put_git(out);
	json_object_set_new(out, "culprit", json_string(CULPRIT_VERSION));
	return out;
}

/* ---- where the CPU time went ---- */

static void read_whole_machine(struct cpu_times *out)
{
	enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };
	double tick = (double)sysconf(_SC_CLK_TCK), value[FIELDS] = {0};
	char *line = read_line("/proc/stat"), *p = line ? line + strcspn(line, " ") : NULL;

	for (int i = 0; p && i < FIELDS; i++)
		value[i] = (double)strtoull(p, &p, 10) / tick;
	out->busy = value[USER] + value[NICE] + value[SYSTEM] + value[IRQ] + value[SOFTIRQ];
	out->idle = value[IDLE] + value[IOWAIT];
	out->steal = value[STEAL];
	free(line);
}

void cpu_times_read(struct cpu_times *out, pid_t root)
{
	struct process_tree tree = {0};

	*out = (struct cpu_times){0};
	read_whole_machine(out);
	out->self = (double)clock_process_cpu_ns() / 1e9;
	if (!root)
		return;
	process_tree_read(&tree, root);
	for (size_t i = 0; i < tree.n; i++) {
		out->service += tree.items[i].cpu_s + tree.items[i].children_cpu_s;
		out->processes += tree.items[i].state != 'Z';
	}
	process_tree_release(&tree);
}

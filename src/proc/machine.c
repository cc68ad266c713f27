#include "proc/machine.h"

#include <ctype.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "proc/tree.h"

enum { SMALL_FILE = 1 << 20 };

/* Reads a file of /proc or /sys as text; "" where it is not there. */
static void read_text(const char *path, struct str *out)
{
	struct file_bytes file;

	str_clear(out);
	if (file_open_bytes(path, SMALL_FILE, &file, NULL))
		return;
	str_add_bytes(out, file.data, file.len);
	file_close_bytes(&file);
}

/* The value behind the first "key<spaces>:" or "key=" in text, up to the line's end, quotes taken off. */
static void set_value(json_t *into, const char *name, const struct str *text, const char *key)
{
	const char *line = text->p ? strstr(text->p, key) : NULL;
	size_t len;

	if (!line)
		return;
	line += strlen(key);
	line += strspn(line, " \t:=\"");
	len = strcspn(line, "\"\n");
	json_object_set_new(into, name, json_stringn(line, len));
}

static void set_line(json_t *into, const char *name, const struct str *text)
{
	if (text->len)
		json_object_set_new(
			into, name, json_stringn(text->p, strcspn(text->p, "\n")));
}

/* What a command prints, at most a few thousand bytes. False where it failed. */
static bool output_of(char *const argv[], struct str *out)
{
	extern char **environ;
	posix_spawn_file_actions_t actions;
	int pipes[2], status = 1;
	char buffer[4096];
	ssize_t n;
	pid_t pid;

	str_clear(out);
	if (pipe2(pipes, O_CLOEXEC))
		return false;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ))
		pid = -1;
	close(pipes[1]);
	while (pid > 0 && (n = read(pipes[0], buffer, sizeof(buffer))) > 0)
		if (out->len < sizeof(buffer))
			str_add_bytes(out, buffer, (size_t)n);
	close(pipes[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&actions);
	return status == 0;
}

static void set_git(json_t *machine)
{
	char *head[] = {"git", "rev-parse", "HEAD", NULL};
	char *changed[] = {"git", "status", "--porcelain", "--untracked-files=no", NULL};
	struct str text = STR_INIT;

	if (output_of(head, &text)) {
		set_line(machine, "git_commit", &text);
		if (output_of(changed, &text))
			json_object_set_new(machine, "git_dirty", json_boolean(text.len > 0));
	}
	str_release(&text);
}

json_t *machine_describe(void)
{
	json_t *machine = json_object();
	struct str text = STR_INIT;
	struct utsname name;

	json_object_set_new(machine, "culprit", json_string(CULPRIT_VERSION));
	read_text("/proc/cpuinfo", &text);
	set_value(machine, "cpu", &text, "model name");
	json_object_set_new(machine, "cores", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(machine, "memory_bytes",
		json_integer((json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE)));
	if (!uname(&name)) {
		json_object_set_new(machine, "host", json_string(name.nodename));
		json_object_set_new(
			machine, "kernel", json_sprintf("%s %s", name.sysname, name.release));
	}
	read_text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", &text);
	set_line(machine, "governor", &text);
	read_text("/etc/os-release", &text);
	set_value(machine, "distribution", &text, "PRETTY_NAME");
	set_git(machine);
	str_release(&text);
	return machine;
}

/* A process's CPU time from the scheduler, which counts in nanoseconds; the ticks of /proc/PID/stat
 * where the kernel does not tell. The dead children's time is known in ticks only. */
static double tree_seconds(pid_t root, unsigned *count)
{
	double tick = 1.0 / (double)sysconf(_SC_CLK_TCK), seconds = 0;
	pid_t *pids;
	size_t n = tree_below(root, &pids);

	*count = 0;
	for (size_t i = 0; i <= n; i++) {
		struct proc_stat stat;
		clockid_t clock;
		pid_t pid = i < n ? pids[i] : root;

		if (!proc_stat_read(pid, &stat))
			continue;
		++*count;
		if (!clock_getcpuclockid(pid, &clock) && clock_read_ns(clock))
			seconds += (double)clock_read_ns(clock) / 1e9;
		else
			seconds += (double)(stat.user + stat.system) * tick;
		seconds += (double)(stat.child_user + stat.child_system) * tick;
	}
	free(pids);
	return seconds;
}

void cpu_times_read(struct cpu_times *out, pid_t root)
{
	double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
	unsigned long long v[8] = {0};
	struct str text = STR_INIT;
	char *at;

	*out = (struct cpu_times){0};
	if (root > 0)
		out->service = tree_seconds(root, &out->processes);
	out->self = (double)clock_process_cpu_ns() / 1e9;
	read_text("/proc/stat", &text);
	at = text.p ? text.p + strcspn(text.p, " ") : NULL;
	for (int i = 0; at && i < 8; i++)
		v[i] = strtoull(at, &at, 10);
	/* user nice system idle iowait irq softirq steal */
	out->busy = (double)(v[0] + v[1] + v[2] + v[5] + v[6]) * tick;
	out->idle = (double)(v[3] + v[4]) * tick;
	out->steal = (double)v[7] * tick;
	str_release(&text);
}

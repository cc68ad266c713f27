/* The machine as it is described, and CPU clocks against wait4()'s rusage. */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "proc/machine.h"
#include "proc/port.h"
#include "proc/tree.h"
#include "unit.h"

START_TEST(describes)
{
	json_t *m = machine_describe();

	ck_assert_int_eq(json_int_at(m, "cores"), sysconf(_SC_NPROCESSORS_ONLN));
	ck_assert_int_gt(json_int_at(m, "memory_bytes"), 1 << 20);
	ck_assert_ptr_nonnull(strstr(json_text_at(m, "kernel"), "Linux"));
	ck_assert_str_ne(json_text_at(m, "culprit"), "");
	json_decref(m);
}
END_TEST

static void run(const char *command)
{
	ck_assert_msg(!system(command), "%s", command);
}

START_TEST(describes_git)
{
	char folder[] = "/tmp/culprit-test-git-XXXXXX";
	json_t *m;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert(!chdir(folder));
	m = machine_describe();
	ck_assert_ptr_null(json_object_get(m, "git_commit"));
	json_decref(m);
	if (!system("git --version >/dev/null 2>&1")) {
		run("git init -q && echo one >f && git add f && "
		    "git -c user.name=n -c user.email=e commit -qm c && mkdir below");
		ck_assert(!chdir("below"));
		m = machine_describe();
		ck_assert_uint_eq(strlen(json_text_at(m, "git_commit")), 40);
		ck_assert(json_is_false(json_object_get(m, "git_dirty")));
		json_decref(m);
		run("echo two >../f");
		m = machine_describe();
		ck_assert(json_is_true(json_object_get(m, "git_dirty")));
		json_decref(m);
	}
	ck_assert(!chdir("/tmp"));
	{
		char command[64];

		snprintf(command, sizeof(command), "rm -rf %s", folder);
		run(command);
	}
}
END_TEST

/* Burns CPU time, in itself and in a child that it waits for, then stays; says so with a byte. */
static void burn(int told)
{
	volatile double x = 0;

	if (!fork()) {
		while (clock_process_cpu_ns() < 100 * NS_PER_MS)
			x += sqrt(x + 1);
		_exit(0);
	}
	wait(NULL);
	while (clock_process_cpu_ns() < 200 * NS_PER_MS)
		x += sqrt(x + 1);
	if (write(told, "x", 1) != 1)
		_exit(1);
	pause();
	_exit(0);
}

START_TEST(counts_cpu_as_rusage_does)
{
	struct cpu_times t, none;
	struct rusage usage;
	double expected;
	int told[2];
	pid_t child;
	char byte;

	ck_assert(!pipe(told));
	child = fork();
	if (!child)
		burn(told[1]);
	ck_assert_int_eq(read(told[0], &byte, 1), 1);
	cpu_times_read(&t, child);
	kill(child, SIGKILL);
	ck_assert_int_eq(wait4(child, NULL, 0, &usage), child);
	expected = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	/* a tick each for the child's user and system time, and what the killing cost */
	ck_assert_msg(fabs(t.service - expected) < .03, "%g, rusage %g", t.service, expected);
	ck_assert(t.service > .28);
	ck_assert_uint_eq(t.processes, 1);
	ck_assert(t.busy > t.service && t.idle >= 0 && t.self > 0);
	cpu_times_read(&none, 0);
	ck_assert(none.service == 0 && none.processes == 0 && none.busy >= t.busy);
}
END_TEST

START_TEST(sees_processes)
{
	struct process p;
	char text[64], tiny[8];

	ck_assert(process_read(getpid(), &p));
	ck_assert_int_eq(p.parent, getppid());
	ck_assert_int_eq(p.state, 'R');
	ck_assert(!process_read(0x3fffffff, &p));
	ck_assert_ptr_nonnull(
		strstr(process_command(getpid(), text, sizeof(text)), "test_machine"));
	ck_assert_uint_lt(strlen(process_command(getpid(), tiny, sizeof(tiny))), sizeof(tiny));
	ck_assert_str_eq(process_command(0x3fffffff, text, sizeof(text)), "?");
}
END_TEST

static void check_listener(const char *bind_to, const char *ask_host)
{
	struct err err = {0};
	int fd = sock_listen(bind_to, 1, &err);
	char text[SOCK_TEXT];
	struct sock_address a[4];
	struct port_sockets sockets;
	size_t n;
	bool hidden;

	ck_assert_msg(fd >= 0, "%s", err.text);
	sock_local_text(fd, text);
	ck_assert(!sock_resolve(ask_host, strrchr(text, ':') + 1, a, 4, &n, &err));
	ck_assert(port_is_local(&a[0]));
	port_listeners(&a[0], &sockets);
	ck_assert_uint_eq(sockets.n, 1);
	ck_assert_int_eq(port_holder(&sockets, getpid(), &hidden), getpid());
	ck_assert_int_gt(port_holder(&sockets, 0, &hidden), 0);
	close(fd);
	port_listeners(&a[0], &sockets);
	ck_assert_uint_eq(sockets.n, 0);
}

START_TEST(sees_listeners)
{
	struct sock_address a;
	struct err err = {0};
	size_t n;

	check_listener("127.0.0.1:0", "127.0.0.1");
	check_listener("0.0.0.0:0", "127.0.0.1");
	check_listener(":0", "127.0.0.1");
	ck_assert(!sock_resolve("192.0.2.1", "80", &a, 1, &n, &err)); /* of nobody (RFC 5737) */
	ck_assert(!port_is_local(&a));
}
END_TEST

UNIT_MAIN("machine", describes, describes_git, counts_cpu_as_rusage_does, sees_processes,
	sees_listeners)

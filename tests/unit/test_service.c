#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/sock.h"
#include "proc/machine.h"
#include "proc/port.h"
#include "proc/service.h"
#include "proc/tree.h"

#define PYTHON_SERVER "exec python3 -m http.server --bind 127.0.0.1 "

static char log_path[] = "/tmp/culprit-service-XXXXXX";
static char ready[64], command[512];
static unsigned port;

static void choose_port(void)
{
	struct err err = {0};
	char text[SOCK_TEXT];
	int fd = sock_listen("127.0.0.1:0", 1, &err);

	ck_assert_msg(fd >= 0, "%s", err.text);
	port = (unsigned)strtoul(strrchr(sock_local_text(fd, text), ':') + 1, NULL, 10);
	close(fd);
	snprintf(ready, sizeof(ready), "http://127.0.0.1:%u/", port);
	close(mkstemp(log_path));
}

static struct service_spec spec_of(const char *format_command)
{
	snprintf(command, sizeof(command), "%s", format_command);
	return (struct service_spec){.command = command, .ready = ready, .log_path = log_path,
		.ready_timeout_ns = 10 * NS_PER_S, .stop_timeout_ns = 2 * NS_PER_S};
}

static struct service_spec python_server(void)
{
	char text[128];

	snprintf(text, sizeof(text), PYTHON_SERVER "%u", port);
	return spec_of(text);
}

/* Does a process with this word in its command line live? */
static bool lives(const char *word)
{
	char text[128];

	snprintf(text, sizeof(text), "pgrep -f '%s' >/dev/null", word);
	return system(text) == 0;
}

START_TEST(starts_and_stops)
{
	struct service *s = NULL;
	struct err err = {0};

	choose_port();
	struct service_spec spec = python_server();

	ck_assert_msg(!service_start(&s, &spec, NULL, &err), "%s", err.text);
	ck_assert_int_eq(service_check(s, &err), 0);
	ck_assert_int_gt(service_pid(s), 1);

	pid_t *pids;

	ck_assert_uint_eq(port_holders(port, &pids), 1);
	ck_assert_int_eq(pids[0], service_pid(s));
	free(pids);

	pid_t pid = service_pid(s);

	service_stop(s);
	ck_assert_int_eq(kill(pid, 0), -1);
	ck_assert_uint_eq(port_holders(port, &pids), 0);
	unlink(log_path);
}
END_TEST

START_TEST(says_why_it_did_not_start)
{
	struct service *s = NULL;
	struct err err = {0};

	choose_port();
	struct service_spec spec = spec_of("echo first line; echo no module named app >&2; exit 3");

	ck_assert_int_eq(service_start(&s, &spec, NULL, &err), -ERR_SERVICE);
	ck_assert_ptr_nonnull(strstr(err.text, "exit code 3"));
	ck_assert_ptr_nonnull(strstr(err.text, "no module named app"));

	spec = spec_of("echo still thinking; sleep 77.25");
	spec.ready_timeout_ns = 300 * NS_PER_MS;
	ck_assert_int_eq(service_start(&s, &spec, NULL, &err), -ERR_SERVICE);
	ck_assert_ptr_nonnull(strstr(err.text, "not ready after 300 ms"));
	ck_assert_ptr_nonnull(strstr(err.text, "still thinking"));
	ck_assert(!lives("[s]leep 77.25"));
	unlink(log_path);
}
END_TEST

START_TEST(names_who_has_the_port)
{
	struct service *s = NULL;
	struct err err = {0};
	char bind_to[32], pid[32];
	int fd;

	choose_port();
	struct service_spec spec = python_server();

	snprintf(bind_to, sizeof(bind_to), "127.0.0.1:%u", port);
	fd = sock_listen(bind_to, 8, &err);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(service_start(&s, &spec, NULL, &err), -ERR_SERVICE);
	snprintf(pid, sizeof(pid), "in use by pid %d", (int)getpid());
	ck_assert_msg(strstr(err.text, pid) != NULL, "%s", err.text);
	close(fd);
	unlink(log_path);
}
END_TEST

/* A daemon that left group and session is stopped with the rest. */
START_TEST(stops_daemons_too)
{
	struct service *s = NULL;
	struct err err = {0};
	char text[256];

	choose_port();
	snprintf(text, sizeof(text), "(setsid sleep 88.125 &) ; " PYTHON_SERVER "%u", port);
	struct service_spec spec = spec_of(text);

	ck_assert_msg(!service_start(&s, &spec, NULL, &err), "%s", err.text);
	ck_assert(lives("[s]leep 88.125"));
	service_stop(s);
	ck_assert(!lives("[s]leep 88.125"));
	unlink(log_path);
}
END_TEST

/* Whoever started the service is killed: nothing of it is left. Then the keeper as well. */
START_TEST(dies_with_its_starter)
{
	for (int also_keeper = 0; also_keeper < 2; also_keeper++) {
		int pipes[2], status;
		pid_t pid, service = 0;

		choose_port();
		ck_assert_int_eq(pipe(pipes), 0);
		pid = fork();
		if (!pid) {
			struct service *s = NULL;
			struct err err = {0};
			char text[256];

			snprintf(text, sizeof(text), "(setsid sleep 99.%d &) ; " PYTHON_SERVER "%u",
				also_keeper, port);
			struct service_spec spec = spec_of(text);

			if (service_start(&s, &spec, NULL, &err))
				_exit(1);
			service = service_pid(s);
			if (write(pipes[1], &service, sizeof(service)) != sizeof(service))
				_exit(1);
			pause();
		}
		ck_assert_int_eq(read(pipes[0], &service, sizeof(service)), sizeof(service));
		if (also_keeper) {
			struct proc_stat stat;

			ck_assert(proc_stat_read(service, &stat));
			kill(stat.parent, SIGKILL);
		}
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		uint64_t end = clock_now_ns() + 5 * NS_PER_S;

		while (clock_now_ns() < end && !kill(service, 0))
			clock_sleep_ns(NS_PER_MS);
		ck_assert_int_eq(kill(service, 0), -1);
		if (!also_keeper) {
			while (clock_now_ns() < end && lives("[s]leep 99.0"))
				clock_sleep_ns(NS_PER_MS);
			ck_assert(!lives("[s]leep 99.0"));
		} else {
			/* a daemon that nobody is left to look after: the one gap */
			ck_assert_int_ne(system("pkill -f '[s]leep 99.1'"), -1);
		}
		close(pipes[0]);
		close(pipes[1]);
		unlink(log_path);
	}
}
END_TEST

START_TEST(counts_cpu_of_the_tree)
{
	struct cpu_times before, after;
	struct service *s = NULL;
	struct err err = {0};
	char text[512];

	choose_port();
	/* a child that spins half a second of CPU time and ends, then a server */
	snprintf(text, sizeof(text),
		"python3 -c 'import time\nwhile time.process_time() < .5: pass'; " PYTHON_SERVER
		"%u",
		port);
	struct service_spec spec = spec_of(text);

	ck_assert_msg(!service_start(&s, &spec, NULL, &err), "%s", err.text);
	cpu_times_read(&before, service_pid(s));
	ck_assert(before.service > .49 && before.service < 2);
	ck_assert_uint_ge(before.processes, 1);
	ck_assert(before.busy > 0 && before.idle > 0);
	clock_sleep_ns(200 * NS_PER_MS);
	cpu_times_read(&after, service_pid(s));
	ck_assert(after.service - before.service < .1);
	ck_assert(after.service >= before.service);
	service_stop(s);
	unlink(log_path);
}
END_TEST

START_TEST(describes_the_machine)
{
	json_t *machine = machine_describe();

	ck_assert_int_eq(json_integer_value(json_object_get(machine, "cores")),
		sysconf(_SC_NPROCESSORS_ONLN));
	ck_assert_ptr_nonnull(json_string_value(json_object_get(machine, "kernel")));
	ck_assert_ptr_nonnull(json_string_value(json_object_get(machine, "culprit")));
	json_decref(machine);
}
END_TEST

UNIT_MAIN("service", starts_and_stops, says_why_it_did_not_start, names_who_has_the_port,
	stops_daemons_too, dies_with_its_starter, counts_cpu_of_the_tree, describes_the_machine)

/* Starting and stopping a service, with real processes: this program is its own service, in the
 * ways that a service can misbehave. Every test ends with nothing of it left. */
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "net/sock.h"
#include "proc/machine.h"
#include "proc/service.h"
#include "proc/tree.h"
#include "unit.h"

/* ---- the service ---- */

static void answer(int listener, const char *status)
{
	char request[4096], text[128];
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return;
	if (read(fd, request, sizeof(request)) > 0) {
		snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\nok", status);
		if (write(fd, text, strlen(text)) < 0)
			exit(1);
	}
	close(fd);
}

static int listen_on(const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	a.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16)) {
		perror("bind");
		exit(1);
	}
	return fd;
}

/* A child in a session of its own, whose parent has ended: a daemon. True in the daemon. */
static bool become_daemon(void)
{
	if (fork())
		return false;
	setsid();
	if (fork())
		_exit(0);
	return true;
}

static void list_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;
	int own = dirfd(folder);

	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.' && strtol(entry->d_name, NULL, 10) != own)
			printf("descriptor %s\n", entry->d_name);
	closedir(folder);
}

static int serve(const char *port, const char *way)
{
	const char *status = "200 OK";
	int fd;

	setvbuf(stdout, NULL, _IONBF, 0);
	printf("here, way %s\n", way);
	if (!strcmp(way, "exit")) {
		printf("no \x1b[31mconfiguration\n");
		return 3;
	}
	if (!strcmp(way, "deaf"))
		signal(SIGTERM, SIG_IGN);
	if (!strcmp(way, "daemon") && !become_daemon())
		return 0;
	if (!strcmp(way, "children"))
		for (int i = 0; i < 3; i++)
			if (become_daemon()) {
				signal(SIGTERM, SIG_IGN);
				for (;;)
					pause();
			}
	if (!strcmp(way, "descriptors"))
		list_descriptors();
	if (!strcmp(way, "environment")) {
		char here[512];

		printf("%s %s %s\n", getenv("FIRST"), getenv("SECOND"), getcwd(here, sizeof(here)));
	}
	if (!strcmp(way, "unavailable"))
		status = "503 Service Unavailable";
	fd = listen_on(port);
	for (;;)
		answer(fd, status);
}

/* ---- the tests ---- */

static char port[16], url[64], command[512], log_path[64], self[256];
static struct service_spec spec;
static struct err err;

static void set_way(const char *way)
{
	snprintf(command, sizeof(command), "%s serve-%s %s %s", self, port, port, way);
}

static void setup(void)
{
	int fd = sock_listen("127.0.0.1:0", 1, &err);
	char address[SOCK_TEXT];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(n, 0);
	self[n] = '\0';
	sock_local_text(fd, address);
	close(fd);
	snprintf(port, sizeof(port), "%s", strrchr(address, ':') + 1);
	snprintf(url, sizeof(url), "http://127.0.0.1:%s/ready", port);
	snprintf(log_path, sizeof(log_path), "/tmp/culprit-test-service-%s.log", port);
	spec = (struct service_spec){
		.command = command,
		.ready = url,
		.url = url,
		.ready_timeout_ns = 10 * NS_PER_S,
		.stop_timeout_ns = 5 * NS_PER_S,
		.log_path = log_path,
	};
	err = (struct err){0};
}

/* Living processes of the service of this test, by their command line. */
static size_t count_left(void)
{
	struct process_tree all = {0};
	char mark[32], text[1024];
	size_t n = 0;

	snprintf(mark, sizeof(mark), "serve-%s", port);
	process_tree_read(&all, 1);
	for (size_t i = 0; i < all.n; i++)
		n += all.items[i].state != 'Z' && all.items[i].state != 'X' &&
		     all.items[i].pid != getpid() &&
		     strstr(process_command(all.items[i].pid, text, sizeof(text)), mark);
	process_tree_release(&all);
	return n;
}

/* None is there, and none comes for 50 ms: the keeper may be about to start the service when
 * culprit is killed, and notices afterwards. */
static bool all_gone_within(double seconds)
{
	uint64_t end = clock_now_ns() + (uint64_t)(seconds * 1e9);
	int quiet = 0;

	while (quiet < 5 && clock_now_ns() < end) {
		quiet = count_left() ? 0 : quiet + 1;
		clock_sleep_ns(10 * NS_PER_MS);
	}
	return quiet >= 5;
}

static void read_log(char *out, size_t size)
{
	FILE *file = fopen(log_path, "re");
	size_t n = file ? fread(out, 1, size - 1, file) : 0;

	out[n] = '\0';
	if (file)
		fclose(file);
}

/* Checks that starting fails with `text` in the message, and leaves nothing. */
static void check_fails(const char *text)
{
	struct service *s;
	uint64_t begin = clock_now_ns();

	ck_assert_int_eq(service_start(&s, &spec, NULL, &err), -ERR_SERVICE);
	ck_assert_msg(strstr(err.text, text), "%s", err.text);
	ck_assert_ptr_null(s);
	ck_assert_uint_eq(count_left(), 0);
	ck_assert(clock_now_ns() - begin < 20 * NS_PER_S);
	unlink(log_path);
}

static struct service *start(const char *way)
{
	struct service *s;

	set_way(way);
	ck_assert_msg(!service_start(&s, &spec, NULL, &err), "%s", err.text);
	return s;
}

START_TEST(starts_and_stops)
{
	struct service *s = start("well");
	struct cpu_times before, after;

	ck_assert_int_eq(service_check(s, &err), 0);
	ck_assert_uint_ge(count_left(), 1);
	cpu_times_read(&before, service_pid(s));
	ck_assert_uint_ge(before.processes, 2);
	ck_assert(!service_wait_ready(url, url, NS_PER_S, NULL, &err));
	cpu_times_read(&after, service_pid(s));
	ck_assert(after.service >= before.service);
	service_stop(s);
	ck_assert_uint_eq(count_left(), 0);
	/* and again at once: the port is free */
	service_stop(start("well"));
	ck_assert_uint_eq(count_left(), 0);
	unlink(log_path);
}
END_TEST

START_TEST(ready_by_connecting)
{
	struct service *s;

	spec.ready = NULL;
	s = start("unavailable");
	service_stop(s);
	ck_assert_uint_eq(count_left(), 0);
	unlink(log_path);
}
END_TEST

START_TEST(never_ready)
{
	spec.ready_timeout_ns = 300 * NS_PER_MS;
	set_way("unavailable");
	check_fails("not ready after 300 ms: GET http://127.0.0.1:");
	ck_assert_msg(strstr(err.text, "status 503. Its last output:\n  here, way unavailable"),
		"%s", err.text);
}
END_TEST

START_TEST(ends_at_once)
{
	set_way("exit");
	check_fails("not ready: the service ended with exit code 3 after");
	ck_assert_msg(strstr(err.text, "\n  no ?[31mconfiguration"), "%s", err.text);
	snprintf(command, sizeof(command), "no-such-program-%s", port);
	check_fails("exit code 127");
	snprintf(command, sizeof(command), "kill -9 $$");
	check_fails("killed by signal 9");
	ck_assert_msg(strstr(err.text, "it printed nothing"), "%s", err.text);
}
END_TEST

START_TEST(shows_only_the_last_lines)
{
	snprintf(command, sizeof(command),
		"i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo line $i; done; exit 1");
	check_fails("\n  line 500");
	ck_assert_ptr_nonnull(strstr(err.text, "\n  line 491"));
	ck_assert_ptr_null(strstr(err.text, "line 490"));
}
END_TEST

START_TEST(port_in_use)
{
	char address[32], text[64];
	int fd;

	snprintf(address, sizeof(address), "127.0.0.1:%s", port);
	fd = sock_listen(address, 1, &err);
	ck_assert_int_ge(fd, 0);
	set_way("well");
	snprintf(text, sizeof(text), "%s is in use by process %d (", address, (int)getpid());
	check_fails(text);
	close(fd);
	/* a listener on every address takes the port too */
	snprintf(address, sizeof(address), ":%s", port);
	fd = sock_listen(address, 1, &err);
	check_fails("is in use by process");
	close(fd);
}
END_TEST

START_TEST(somebody_else_answers)
{
	pid_t other = fork();

	if (!other) {
		clock_sleep_ns(300 * NS_PER_MS);
		for (int fd = listen_on(port);;)
			answer(fd, "200 OK");
	}
	snprintf(command, sizeof(command), "exec sleep 60");
	check_fails("which the service's command did not start");
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
}
END_TEST

START_TEST(daemons_and_children)
{
	struct service *s = start("daemon");

	ck_assert_int_eq(service_check(s, &err), 0);
	ck_assert_uint_eq(count_left(), 1);
	service_stop(s);
	ck_assert_uint_eq(count_left(), 0);
	spec.stop_timeout_ns = 200 * NS_PER_MS;
	s = start("children");
	ck_assert_uint_ge(count_left(), 4);
	service_stop(s);
	ck_assert_uint_eq(count_left(), 0);
	unlink(log_path);
}
END_TEST

START_TEST(deaf_to_sigterm)
{
	struct service *s;
	uint64_t begin;

	spec.stop_timeout_ns = 200 * NS_PER_MS;
	s = start("deaf");
	begin = clock_now_ns();
	service_stop(s);
	ck_assert(clock_now_ns() - begin >= 200 * NS_PER_MS);
	ck_assert_uint_eq(count_left(), 0);
	unlink(log_path);
}
END_TEST

START_TEST(a_pipeline_is_stopped_whole)
{
	struct service *s;

	snprintf(command, sizeof(command), "%s serve-%s %s well | cat; echo behind serve-%s", self,
		port, port, port);
	ck_assert_msg(!service_start(&s, &spec, NULL, &err), "%s", err.text);
	service_stop(s);
	ck_assert_uint_eq(count_left(), 0);
	unlink(log_path);
}
END_TEST

START_TEST(found_dead)
{
	struct service *s = start("well");
	struct process_tree tree = {0};

	process_tree_read(&tree, service_pid(s));
	ck_assert_uint_ge(tree.n, 2);
	for (size_t i = 1; i < tree.n; i++)
		kill(tree.items[i].pid, SIGUSR1);
	process_tree_release(&tree);
	ck_assert(all_gone_within(5));
	for (int i = 0; i < 500 && !service_check(s, NULL); i++)
		clock_sleep_ns(10 * NS_PER_MS);
	ck_assert_int_eq(service_check(s, &err), -ERR_SERVICE);
	ck_assert_msg(strstr(err.text, "killed by signal 10") && strstr(err.text, "here, way well"),
		"%s", err.text);
	service_stop(s);
	unlink(log_path);
}
END_TEST

/* `ways` is what the one that started it dies with. */
START_TEST(goes_with_the_one_that_started_it)
{
	static const char *const WAYS[] = {"well", "deaf", "daemon", "children"};

	for (size_t i = 0; i < sizeof(WAYS) / sizeof(WAYS[0]); i++) {
		int told[2];
		char byte;
		pid_t child;

		ck_assert(!pipe(told));
		child = fork();
		if (!child) {
			start(WAYS[i]);
			if (write(told[1], "x", 1) == 1)
				pause();
			_exit(0);
		}
		ck_assert_int_eq(read(told[0], &byte, 1), 1);
		ck_assert_uint_ge(count_left(), 1);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		ck_assert_msg(all_gone_within(3), "%s: %zu left", WAYS[i], count_left());
		close(told[0]);
		close(told[1]);
	}
	unlink(log_path);
}
END_TEST

/* Killed at any moment of the start: ten thousandths of a second to a tenth. */
START_TEST(killed_while_starting)
{
	for (int i = 0; i < 40; i++) {
		pid_t child = fork();

		if (!child) {
			set_way("children");
			struct service *s;

			_exit(service_start(&s, &spec, NULL, &err) ? 1 : (pause(), 0));
		}
		clock_sleep_ns((uint64_t)i * i * 50 * NS_PER_US);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		ck_assert_msg(all_gone_within(3), "after %d: %zu left", i, count_left());
	}
	unlink(log_path);
}
END_TEST

START_TEST(a_killed_keeper_leaves_nothing)
{
	static const char *const WAYS[] = {"well", "daemon", "children"};

	for (size_t i = 0; i < sizeof(WAYS) / sizeof(WAYS[0]); i++) {
		struct service *s = start(WAYS[i]);

		kill(service_pid(s), SIGKILL);
		for (int n = 0; n < 500 && !service_check(s, NULL); n++)
			clock_sleep_ns(10 * NS_PER_MS);
		ck_assert_int_eq(service_check(s, &err), -ERR_SERVICE);
		service_stop(s);
		ck_assert(all_gone_within(3));
	}
	unlink(log_path);
}
END_TEST

START_TEST(stopped_while_starting)
{
	atomic_bool stop = true;
	struct service *s;

	set_way("unavailable");
	ck_assert_int_eq(service_start(&s, &spec, &stop, &err), -ERR_STOPPED);
	ck_assert_uint_eq(count_left(), 0);
	unlink(log_path);
}
END_TEST

START_TEST(only_its_own_descriptors)
{
	int extra[2];
	char text[4096];

	ck_assert(!pipe(extra)); /* not close-on-exec */
	service_stop(start("descriptors"));
	read_log(text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "descriptor 0\ndescriptor 1\ndescriptor 2\n"));
	ck_assert_ptr_null(strstr(text, "descriptor 3"));
	unlink(log_path);
	close(extra[0]);
	close(extra[1]);
}
END_TEST

START_TEST(the_keeper_holds_nothing_of_ours)
{
	int extra[2];
	char byte;
	struct service *s;
	int saved = dup(1);

	ck_assert(!pipe(extra));
	dup2(extra[1], 1); /* as when somebody reads culprit's output through a pipe */
	s = start("well");
	dup2(saved, 1);
	close(saved);
	close(extra[1]);
	ck_assert_int_eq(read(extra[0], &byte, 1), 0); /* end: nobody else holds it */
	close(extra[0]);
	service_stop(s);
	unlink(log_path);
}
END_TEST

START_TEST(environment_and_folder)
{
	static const char *const MORE[] = {"FIRST=1", "SECOND=two words", "FIRST=last", NULL};
	char text[4096];

	setenv("FIRST", "old", 1);
	spec.env = MORE;
	spec.folder = "/usr";
	service_stop(start("environment"));
	read_log(text, sizeof(text));
	ck_assert_msg(strstr(text, "last two words /usr\n"), "%s", text);
	unlink(log_path);
	spec.folder = "/no/such/folder";
	set_way("well");
	check_fails("/no/such/folder: the folder to run the service in is not there");
	spec.folder = NULL;
	spec.log_path = "/no/such/folder/log";
	{
		struct service *s;

		ck_assert_int_eq(service_start(&s, &spec, NULL, &err), -ERR_SYSTEM);
		ck_assert_uint_eq(count_left(), 0);
	}
}
END_TEST

START_TEST(waiting_for_another_one)
{
	pid_t other = fork();

	if (!other) {
		clock_sleep_ns(100 * NS_PER_MS);
		for (int fd = listen_on(port);;)
			answer(fd, "204 No Content");
	}
	ck_assert_msg(!service_wait_ready(url, url, 5 * NS_PER_S, NULL, &err), "%s", err.text);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	ck_assert_int_eq(service_wait_ready(NULL, url, 50 * NS_PER_MS, NULL, &err), -ERR_SERVICE);
	ck_assert_msg(strstr(err.text, "not ready after 50.0 ms: 127.0.0.1:") &&
			      strstr(err.text, ": connection refused"),
		"%s", err.text);
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *const tests[] = {starts_and_stops, ready_by_connecting, never_ready,
		ends_at_once, shows_only_the_last_lines, port_in_use, somebody_else_answers,
		daemons_and_children, deaf_to_sigterm, a_pipeline_is_stopped_whole, found_dead,
		goes_with_the_one_that_started_it, killed_while_starting,
		a_killed_keeper_leaves_nothing, stopped_while_starting, only_its_own_descriptors,
		the_keeper_holds_nothing_of_ours, environment_and_folder, waiting_for_another_one,
		NULL};

	if (argc == 4 && !strncmp(argv[1], "serve-", 6))
		return serve(argv[2], argv[3]);

	Suite *suite = suite_create("service");
	TCase *tc = tcase_create("service");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	for (int i = 0; tests[i]; i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

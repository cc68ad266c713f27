/* The lab's master and workers as processes: signals, deaths, draining, and that nothing is left.
 */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "lab_client.h"

static const struct lab_spec SPEC = LAB_SPEC_INIT;

enum { SLEEPERS = 40 };
static struct client sleepers[SLEEPERS];

#define SLEEP(seconds) "/io?std_response_time=0&min_response_time=0&mean_response_time=" seconds

/* The pid of some worker that serves. */
static pid_t some_worker(int port)
{
	json_t *json = counters(port), *worker;
	pid_t pid = 0;
	size_t i;

	json_array_foreach(json_object_get(json, "worker"), i,
		worker) if (!strcmp(json_string_value(json_object_get(worker, "state")), "serving"))
		pid = (pid_t)json_integer_value(json_object_get(worker, "pid"));
	json_decref(json);
	ck_assert_int_gt(pid, 0);
	return pid;
}

/* A client that asks in a closed loop until the pipe is closed, and tells how many were answered; a
 * failed request ends it with a number below zero. */
struct crowd {
	pid_t pid;
	int stop, result;
};

static int ask_until(int port, int stop)
{
	static struct client c[8];
	int n = 0;
	char byte;

	for (size_t i = 0; i < 8; i++)
		client_open(&c[i], port);
	for (;; n += 8) {
		for (size_t i = 0; i < 8; i++)
			client_get(&c[i], "/cpu?json_object_length=50&cpu_rounds=1");
		for (size_t i = 0; i < 8; i++) {
			struct answer a = client_answer(&c[i]);

			if (a.status != 200)
				return -1000 + a.status;
			if (a.close) {
				client_close(&c[i]);
				client_open(&c[i], port);
			}
		}
		if (recv(stop, &byte, 1, MSG_DONTWAIT) == 0)
			return n + 8;
		/* mostly idle: a worker that drains must not close what is about to ask */
		clock_sleep_ns(NS_PER_MS);
	}
}

static struct crowd crowd_start(int port)
{
	struct crowd crowd;
	int stop[2], result[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, stop), 0);
	ck_assert_int_eq(pipe(result), 0);
	crowd.pid = fork();
	if (!crowd.pid) {
		int n;

		close(stop[1]);
		n = ask_until(port, stop[0]);
		_exit(write(result[1], &n, sizeof(n)) != sizeof(n));
	}
	close(stop[0]);
	close(result[1]);
	crowd.stop = stop[1];
	crowd.result = result[0];
	return crowd;
}

static int crowd_end(struct crowd *crowd)
{
	int n = -1;

	close(crowd->stop);
	ck_assert_int_eq(read(crowd->result, &n, sizeof(n)), sizeof(n));
	waitpid(crowd->pid, NULL, 0);
	return n;
}

/* Workers come and go under load, one signal at a time; not one request fails, and every one
 * counts. */
START_TEST(ttin_and_ttou_under_load)
{
	struct lab_process lab = lab_start(SPEC);
	struct crowd crowd = crowd_start(lab.port);
	static const struct {
		int signal, workers;
	} STEPS[] = {
		{SIGTTIN, 3}, {SIGTTIN, 4}, {SIGTTOU, 3}, {SIGTTOU, 2}, {SIGTTOU, 1}, {SIGTTIN, 2}};
	int n;

	ck_assert(counter_becomes(lab.port, "workers", 2));
	for (size_t i = 0; i < sizeof(STEPS) / sizeof(STEPS[0]); i++) {
		kill(lab.pid, STEPS[i].signal);
		ck_assert(counter_becomes(lab.port, "workers", STEPS[i].workers));
	}
	n = crowd_end(&crowd);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(counter(lab.port, "routes./cpu.status.200"), n);
	ck_assert_int_eq(counter(lab.port, "requests.received"), n);
	ck_assert_int_eq(counter(lab.port, "worker_starts"), 5);
	ck_assert_int_eq(counter(lab.port, "worker_deaths"), 0);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

/* Sends a signal and waits until the process has taken it. */
static void send_signal(pid_t pid, int number)
{
	char path[64], line[256];
	bool pending = true;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	kill(pid, number);
	while (pending) {
		FILE *f = fopen(path, "r");

		ck_assert_ptr_nonnull(f);
		while (fgets(line, sizeof(line), f))
			if (!strncmp(line, "ShdPnd:", 7))
				pending = strtoull(line + 7, NULL, 16) >> (number - 1) & 1;
		fclose(f);
	}
}

START_TEST(ttou_stops_at_one)
{
	struct lab_spec spec = SPEC;
	struct lab_process lab;

	spec.workers = 1;
	lab = lab_start(spec);
	for (int i = 0; i < 3; i++)
		send_signal(lab.pid, SIGTTOU);
	send_signal(lab.pid, SIGTTIN);
	ck_assert(counter_becomes(lab.port, "workers", 2));
	ck_assert_int_eq(counter(lab.port, "worker_starts"), 2);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

/* A worker that is told to go finishes what sleeps on it. */
START_TEST(ttou_finishes_what_is_under_way)
{
	struct lab_process lab = lab_start(SPEC);

	ck_assert(counter_becomes(lab.port, "workers", 2));
	for (int i = 0; i < SLEEPERS; i++) {
		client_open(&sleepers[i], lab.port);
		client_get(&sleepers[i], SLEEP(".7"));
	}
	ck_assert(counter_becomes(lab.port, "requests.under_way", SLEEPERS));
	kill(lab.pid, SIGTTOU);
	ck_assert(counter_becomes(lab.port, "workers", 1));
	for (int i = 0; i < SLEEPERS; i++)
		ck_assert_int_eq(client_answer(&sleepers[i]).status, 200);
	ck_assert_int_eq(counter(lab.port, "requests.lost"), 0);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

/* kill -9 of a worker: another takes its place at once, its counts stay, what it held is lost. */
START_TEST(a_killed_worker_is_replaced)
{
	static struct client c;
	struct lab_spec spec = SPEC;
	struct lab_process lab;
	pid_t worker;

	spec.workers = 1;
	lab = lab_start(spec);
	client_open(&c, lab.port);
	for (int i = 0; i < 100; i++) {
		client_get(&c, "/health");
		ck_assert_int_eq(client_answer(&c).status, 200);
	}
	for (int i = 0; i < SLEEPERS; i++) {
		client_open(&sleepers[i], lab.port);
		client_get(&sleepers[i], SLEEP("60"));
	}
	ck_assert(counter_becomes(lab.port, "requests.under_way", SLEEPERS));
	worker = some_worker(lab.port);
	kill(worker, SIGKILL);
	for (int i = 0; i < SLEEPERS; i++)
		ck_assert_int_le(client_answer(&sleepers[i]).status, 0);
	ck_assert(counter_becomes(lab.port, "worker_deaths", 1));
	ck_assert_int_ne(some_worker(lab.port), worker);
	ck_assert_int_eq(counter(lab.port, "requests.lost"), SLEEPERS);
	ck_assert_int_eq(counter(lab.port, "requests.under_way"), 0);
	ck_assert_int_eq(counter(lab.port, "requests.received"), 100 + SLEEPERS);
	ck_assert_int_eq(counter(lab.port, "routes./health.status.200"), 100);
	ck_assert_int_eq(counter(lab.port, "connections.accepted"), 1 + SLEEPERS);
	ck_assert_int_eq(counter(lab.port, "connections.open"), 0);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

/* Asks in a closed loop, each time on a connection that still stands; how many answers came whole.
 */
static int ask_through_deaths(int port, int n)
{
	static struct client c;
	int whole = 0;

	c.fd = -1;
	for (int i = 0; i < n; i++) {
		if (c.fd < 0)
			client_open(&c, port);
		struct answer a = {0};

		if (client_try_get(&c, "/cpu?json_object_length=200&cpu_rounds=5"))
			a = client_answer(&c);
		whole += a.status == 200;
		if (a.status != 200 || a.close)
			client_close(&c);
	}
	client_close(&c);
	return whole;
}

/* Workers are killed while clients ask; afterwards the books are still right: every answer that
 * came is counted, and at most those in doubt are counted though they did not come. */
START_TEST(the_books_survive_deaths)
{
	enum { CLIENTS = 4, N = 3000, KILLS = 4 };
	struct lab_process lab = lab_start(SPEC);
	int result[2], whole = 0, surplus;
	json_t *json;

	ck_assert_int_eq(pipe(result), 0);
	for (int i = 0; i < CLIENTS; i++)
		if (!fork()) {
			int n = ask_through_deaths(lab.port, N);

			_exit(write(result[1], &n, sizeof(n)) != sizeof(n));
		}
	for (int i = 0; i < KILLS; i++) {
		clock_sleep_ns(30 * NS_PER_MS);
		kill(some_worker(lab.port), SIGKILL);
		ck_assert(counter_becomes(lab.port, "worker_deaths", i + 1));
	}
	for (int i = 0; i < CLIENTS; i++) {
		int n;

		ck_assert_int_eq(read(result[0], &n, sizeof(n)), sizeof(n));
		whole += n;
	}
	ck_assert_int_ge(whole, CLIENTS * (N - 4 * KILLS));
	ck_assert(counter_becomes(lab.port, "requests.under_way", 0));
	json = counters(lab.port);
	surplus = (int)counter_of(json, "routes./cpu.status.200") - whole;
	ck_assert_int_ge(surplus, 0);
	ck_assert_int_le(surplus, (int)counter_of(json, "requests.doubtful"));
	ck_assert_int_eq(counter_of(json, "requests.received"),
		counter_of(json, "requests.answered") + counter_of(json, "requests.lost") +
			counter_of(json, "requests.abandoned"));
	json_decref(json);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

/* A worker that dies again and again is brought back slower and slower. In 1.5 s: at once, after
 * .1, .2, .4 and .8 s, so at most six starts. */
START_TEST(dying_again_and_again_is_braked)
{
	struct lab_spec spec = SPEC;
	struct lab_process lab;
	uint64_t end;
	int killed = 0, status;
	char path[64], line[64];

	spec.workers = 1;
	spec.startup_ns = 60 * NS_PER_S; /* never serves, so it is found through /proc */
	lab = lab_start(spec);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)lab.pid, (int)lab.pid);
	for (end = clock_now_ns() + 1500 * NS_PER_MS; clock_now_ns() < end;) {
		FILE *children = fopen(path, "r");
		long pid = children && fgets(line, sizeof(line), children) ? strtol(line, NULL, 10)
									   : 0;

		if (children)
			fclose(children);
		killed += pid && !kill((pid_t)pid, SIGKILL);
		clock_sleep_ns(5 * NS_PER_MS);
	}
	ck_assert_int_ge(killed, 2);
	ck_assert_int_le(killed, 12); /* a dead one may be seen, and killed, once more */
	ck_assert_int_eq(waitpid(lab.pid, &status, WNOHANG), 0);
	kill(lab.pid, SIGKILL);
	waitpid(lab.pid, &status, 0);
}
END_TEST

/* kill -9 of the master takes every worker with it: each comes to this process, which adopts
 * orphans. */
START_TEST(nothing_outlives_the_master)
{
	struct lab_spec spec = SPEC;
	struct lab_process lab;
	int status, orphans = 0;
	pid_t pid;

	spec.workers = 5;
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	lab = lab_start(spec);
	ck_assert(counter_becomes(lab.port, "workers", 5));
	for (int i = 0; i < SLEEPERS; i++) {
		client_open(&sleepers[i], lab.port);
		client_get(&sleepers[i], SLEEP("60"));
	}
	ck_assert(counter_becomes(lab.port, "requests.under_way", SLEEPERS));
	ck_assert_int_eq(lab_end(&lab, SIGKILL), -SIGKILL);
	while ((pid = waitpid(-1, &status, 0)) > 0) {
		ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		orphans++;
	}
	ck_assert_int_eq(errno, ECHILD);
	ck_assert_int_eq(orphans, 5);
}
END_TEST

/* SIGTERM: those who sleep are answered and told that the connection closes; newcomers are refused.
 */
START_TEST(term_drains)
{
	static struct client late;
	struct lab_process lab = lab_start(SPEC);
	int status;

	for (int i = 0; i < SLEEPERS; i++) {
		client_open(&sleepers[i], lab.port);
		client_get(&sleepers[i], SLEEP(".5"));
	}
	client_open(&late, lab.port);
	client_get(&late, "/health");
	ck_assert_int_eq(client_answer(&late).status, 200);
	ck_assert(counter_becomes(lab.port, "requests.under_way", SLEEPERS));
	kill(lab.pid, SIGTERM);
	/* a connection that is open gets one more answer while the drain waits for it, or an end,
	 * no reset */
	client_get(&late, "/health");
	ck_assert_int_ge(client_answer(&late).status, 0);
	for (int i = 0; i < SLEEPERS; i++) {
		struct answer a = client_answer(&sleepers[i]);

		ck_assert_int_eq(a.status, 200);
		ck_assert(a.close);
		ck_assert_int_eq(client_answer(&sleepers[i]).status, 0);
	}
	ck_assert_int_eq(waitpid(lab.pid, &status, 0), lab.pid);
	ck_assert(WIFEXITED(status) && !WEXITSTATUS(status));
}
END_TEST

START_TEST(the_grace_ends)
{
	struct lab_spec spec = SPEC;
	struct lab_process lab;

	spec.grace_ns = 50 * NS_PER_MS;
	lab = lab_start(spec);
	client_open(&sleepers[0], lab.port);
	client_get(&sleepers[0], SLEEP("60"));
	ck_assert(counter_becomes(lab.port, "requests.under_way", 1));
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
	ck_assert_int_le(client_answer(&sleepers[0]).status, 0);
}
END_TEST

START_TEST(a_second_term_does_not_wait)
{
	struct lab_process lab = lab_start(SPEC);

	client_open(&sleepers[0], lab.port);
	client_get(&sleepers[0], SLEEP("60"));
	ck_assert(counter_becomes(lab.port, "requests.under_way", 1));
	send_signal(lab.pid, SIGTERM); /* two that are pending together are one */
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
	ck_assert_int_le(client_answer(&sleepers[0]).status, 0);
}
END_TEST

START_TEST(a_worker_takes_its_time_to_start)
{
	struct lab_spec spec = SPEC;
	struct lab_process lab;
	uint64_t began = clock_now_ns();

	spec.startup_ns = 300 * NS_PER_MS;
	lab = lab_start(spec);
	ck_assert_int_eq(fetch(lab.port, "/health").status, 200);
	ck_assert_uint_ge(clock_now_ns() - began, 300 * NS_PER_MS);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

START_TEST(a_port_in_use_is_told)
{
	struct lab_process lab = lab_start(SPEC);
	struct lab_spec spec = SPEC;
	struct err err = {0};
	char bind[32];

	snprintf(bind, sizeof(bind), "127.0.0.1:%d", lab.port);
	spec.bind = bind;
	ck_assert_int_eq(lab_mixed_run(&spec, NULL, &err), -ERR_BUSY);
	ck_assert_msg(strstr(err.text, bind) && strstr(err.text, "choose another"), "%s", err.text);
	spec.bind = "nonsense";
	ck_assert_int_eq(lab_mixed_run(&spec, NULL, &err), -ERR_USAGE);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

/* A burst of a hundred connections comes to all four workers, and none gets most of it. */
START_TEST(connections_spread)
{
	enum { N = 100 };
	static struct client c[N];
	struct lab_spec spec = SPEC;
	struct lab_process lab;
	json_t *json, *worker;
	size_t i;

	spec.workers = 4;
	lab = lab_start(spec);
	ck_assert(counter_becomes(lab.port, "workers", 4));
	for (i = 0; i < N; i++)
		client_open(&c[i], lab.port);
	ck_assert(counter_becomes(lab.port, "connections.open", N));
	json = counters(lab.port);
	json_array_foreach(json_object_get(json, "worker"), i, worker)
	{
		int open = (int)json_integer_value(json_object_get(worker, "open"));

		ck_assert_msg(open >= 5 && open <= 60, "worker %zu has %d", i, open);
	}
	json_decref(json);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

START_TEST(labs_are_found_by_name)
{
	struct opt_section sections[] = {{NULL, LAB_OPTIONS, NULL}, {0}};
	struct err err = {0};

	ck_assert_ptr_eq(lab_find("mixed", &err), &LABS[0]);
	ck_assert_ptr_null(lab_find("mixde", &err));
	ck_assert_str_eq(err.text, "no lab 'mixde', did you mean 'mixed'?");
	ck_assert_int_eq(opt_check(sections, &err), 0);
}
END_TEST

UNIT_MAIN("lab_process", ttin_and_ttou_under_load, ttou_stops_at_one,
	ttou_finishes_what_is_under_way, a_killed_worker_is_replaced, the_books_survive_deaths,
	dying_again_and_again_is_braked, nothing_outlives_the_master, term_drains, the_grace_ends,
	a_second_term_does_not_wait, a_worker_takes_its_time_to_start, a_port_in_use_is_told,
	connections_spread, labs_are_found_by_name)

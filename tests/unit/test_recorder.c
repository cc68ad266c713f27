/* The recorder against real processes: this program is what is recorded, in the ways in which
 * processes come and go. The truth is wait4()'s rusage. Nothing is left of a test, for every child
 * dies with its parent. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "proc/child.h"
#include "proc/recorder.h"
#include "unit.h"

static struct err err;
static struct recorder *recorder;
static struct recording rec;

/* ---- what is recorded ---- */

static void burn(double seconds)
{
	uint64_t end = clock_process_cpu_ns() + (uint64_t)(seconds * 1e9);

	while (clock_process_cpu_ns() < end)
		;
}

/* A child that dies with us; 0 in the child. */
static pid_t begin(void)
{
	pid_t parent = getpid(), pid = fork();

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

static double end_of(pid_t pid, int *status)
{
	struct rusage u;
	int ignored;

	while (wait4(pid, status ? status : &ignored, 0, &u) < 0)
		ck_assert_int_eq(errno, EINTR);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void start(pid_t root, bool exclude_root)
{
	struct recorder_spec spec = {
		.root = root, .exclude_root = exclude_root, .interval_ns = RECORDER_DEFAULT_NS};

	ck_assert_msg(!recorder_start(&recorder, &spec, &err), "%s", err.text);
}

static struct recording_summary sum_of(enum recorder_series s)
{
	struct recording_summary sum;

	recording_summarise(&rec, s, NAN, NAN, &sum);
	return sum;
}

static void wait_ended(void)
{
	uint64_t end = clock_now_ns() + 10 * NS_PER_S;

	while (!recorder_ended(recorder)) {
		ck_assert_msg(clock_now_ns() < end, "the recorder does not see the end");
		clock_sleep_ns(5 * NS_PER_MS);
	}
}

/* Totals never fall, times rise, and both start where they should. */
static void check_rows(void)
{
	ck_assert_uint_ge(rec.n, 2);
	for (size_t s = 0; s < RECORD_N_SERIES; s++) {
		double last = 0;

		/* the machine's own counts are in ticks, and may fall behind the tree's */
		if (!rec.value[s] || !RECORDER_IS_TOTAL[s] || s == RECORD_OTHERS)
			continue;
		ck_assert_msg(isnan(rec.value[s][0]) || rec.value[s][0] == 0, "%s begins at %g",
			RECORDER_WORDS[s], rec.value[s][0]);
		for (size_t i = 0; i < rec.n; i++) {
			if (isnan(rec.value[s][i]))
				continue;
			ck_assert_msg(rec.value[s][i] >= last, "%s falls from %.9g to %.9g",
				RECORDER_WORDS[s], last, rec.value[s][i]);
			last = rec.value[s][i];
		}
	}
	for (size_t i = 1; i < rec.n; i++)
		ck_assert(rec.time_s[i] > rec.time_s[i - 1]);
}

/* ---- one process ---- */

START_TEST(exact_total_of_own_children)
{
	double truth = 0;

	start(getpid(), true);
	for (int i = 0; i < 3; i++) {
		pid_t pid = begin();

		if (!pid) {
			burn(.05);
			_exit(0);
		}
		truth += end_of(pid, NULL);
	}
	wait_ended();
	recorder_stop(recorder, &rec);
	check_rows();
	/* what wait4() told, to the microsecond that rusage has */
	ck_assert_double_eq_tol(sum_of(RECORD_CPU).total, truth, 5e-6);
	ck_assert_double_eq_tol(
		sum_of(RECORD_USER).total + sum_of(RECORD_SYSTEM).total, truth, 5e-6);
	ck_assert(rec.ended);
	recording_release(&rec);
}
END_TEST

/* Two hundred children, each gone within a millisecond or so. */
START_TEST(short_lived_children_are_not_lost)
{
	double truth;
	pid_t pid;

	start(getpid(), true);
	pid = begin();
	if (!pid) {
		for (int i = 0; i < 200; i++) {
			pid_t child = fork();

			if (!child) {
				burn(.001);
				_exit(0);
			}
			waitpid(child, NULL, 0);
		}
		_exit(0);
	}
	truth = end_of(pid, NULL);
	wait_ended();
	recorder_stop(recorder, &rec);
	check_rows();
	ck_assert_double_ge(truth, .2);
	ck_assert_double_eq_tol(sum_of(RECORD_CPU).total, truth, truth * .001);
	ck_assert_uint_ge(rec.short_lived, 10); /* most of them were there at no tick */
	recording_release(&rec);
}
END_TEST

/* Of a process that is somebody else's child: cutime's ticks, two of them for each parent, and what
 * it used since the last tick. */
START_TEST(attached_tree_within_ticks)
{
	double truth, tick = 1 / (double)sysconf(_SC_CLK_TCK);
	pid_t pid = begin();

	if (!pid) {
		clock_sleep_ns(100 * NS_PER_MS); /* until it is recorded */
		for (int i = 0; i < 200; i++) {
			pid_t child = fork();

			if (!child) {
				burn(.001);
				_exit(0);
			}
			waitpid(child, NULL, 0);
		}
		clock_sleep_ns(300 * NS_PER_MS);
		_exit(0);
	}
	start(pid, false);
	truth = end_of(pid, NULL);
	wait_ended();
	recorder_stop(recorder, &rec);
	check_rows();
	ck_assert_double_ge(truth, .2);
	ck_assert_double_eq_tol(sum_of(RECORD_CPU).total, truth, 2.5 * tick);
	recording_release(&rec);
}
END_TEST

/* ---- comings and goings ---- */

START_TEST(a_killed_process)
{
	double truth;
	int status;
	pid_t pid;

	start(getpid(), true);
	pid = begin();
	if (!pid) {
		burn(.15);
		for (;;)
			pause();
	}
	clock_sleep_ns(300 * NS_PER_MS);
	ck_assert(!recorder_ended(recorder));
	kill(pid, SIGKILL);
	truth = end_of(pid, &status);
	ck_assert(WIFSIGNALED(status));
	wait_ended();
	recorder_stop(recorder, &rec);
	check_rows();
	ck_assert(rec.ended);
	ck_assert_double_eq_tol(sum_of(RECORD_CPU).total, truth, truth * .001);
	recording_release(&rec);
}
END_TEST

/* exec keeps the pid and the clock. */
START_TEST(a_process_that_execs)
{
	double truth;
	pid_t pid;

	start(getpid(), true);
	pid = begin();
	if (!pid) {
		burn(.06);
		execl("/bin/sh", "sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done",
			NULL);
		_exit(127);
	}
	truth = end_of(pid, NULL);
	wait_ended();
	recorder_stop(recorder, &rec);
	check_rows();
	ck_assert_double_ge(truth, .06);
	ck_assert_double_eq_tol(sum_of(RECORD_CPU).total, truth, truth * .001);
	ck_assert_double_eq(sum_of(RECORD_PROCESSES).max, 1);
	recording_release(&rec);
}
END_TEST

/* A daemon in a session of its own whose parents have ended comes back to its subreaper. */
START_TEST(a_tree_that_calls_setsid)
{
	double truth = 0;
	pid_t pid;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	start(getpid(), true);
	pid = begin();
	if (!pid) {
		if (fork())
			_exit(0);
		setsid();
		if (fork())
			_exit(0);
		alarm(20); /* it has no parent to die with */
		burn(.1);
		clock_sleep_ns(100 * NS_PER_MS);
		_exit(0);
	}
	truth += end_of(pid, NULL);
	for (;;) { /* those that were left behind */
		struct rusage u;

		if (wait4(-1, NULL, 0, &u) < 0)
			break;
		truth += (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
			 (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	}
	wait_ended();
	recorder_stop(recorder, &rec);
	check_rows();
	ck_assert_double_ge(truth, .1);
	ck_assert_double_eq_tol(sum_of(RECORD_CPU).total, truth, truth * .001);
	ck_assert(rec.ended);
	recording_release(&rec);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}
END_TEST

/* The process group's leader is known, so a member of it whose parent ended is found as well. */
START_TEST(an_attached_tree_that_calls_setsid)
{
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid = begin();
	if (!pid) {
		pid_t child;

		setsid();
		clock_sleep_ns(100 * NS_PER_MS);
		child = fork();
		if (!child) {
			if (fork())
				_exit(0);
			alarm(20);
			clock_sleep_ns(20 * NS_PER_MS);
			if (write(ready[1], "x", 1) < 0)
				_exit(1);
			for (;;)
				pause();
		}
		waitpid(child, NULL, 0);
		for (;;)
			pause();
	}
	start(pid, false);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	clock_sleep_ns(100 * NS_PER_MS);
	recorder_stop(recorder, &rec);
	ck_assert_double_eq(rec.value[RECORD_PROCESSES][rec.n - 1], 2);
	ck_assert(!rec.ended);
	recording_release(&rec);
	kill(-pid, SIGKILL);
	while (wait(NULL) > 0)
		;
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

/* The pid is given to another process while it is recorded: that one is not of the tree. Where the
 * number cannot be chosen (no right to), there is nothing to test. */
START_TEST(a_recycled_pid)
{
	char text[32];
	pid_t pid = begin(), other = 0;
	int fd;

	if (!pid) {
		burn(.02);
		for (;;)
			pause();
	}
	start(pid, false);
	clock_sleep_ns(100 * NS_PER_MS);
	kill(pid, SIGKILL);
	end_of(pid, NULL);
	for (int i = 0; i < 50 && other != pid; i++) {
		fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);
		if (fd < 0)
			break;
		snprintf(text, sizeof(text), "%d", (int)pid - 1);
		ssize_t n = write(fd, text, strlen(text));
		close(fd);
		if (n < 0)
			break;
		if (other) {
			kill(other, SIGKILL);
			end_of(other, NULL);
		}
		other = begin();
		if (!other) {
			burn(.1); /* its clock passes that of the first one */
			for (;;)
				pause();
		}
	}
	clock_sleep_ns(200 * NS_PER_MS);
	recorder_stop(recorder, &rec);
	check_rows();
	ck_assert_double_eq(rec.value[RECORD_PROCESSES][rec.n - 1], 0);
	ck_assert(rec.ended);
	ck_assert_double_lt(sum_of(RECORD_CPU).total, .05);
	recording_release(&rec);
	if (other) {
		kill(other, SIGKILL);
		end_of(other, NULL);
	}
}
END_TEST

START_TEST(a_wrong_pid)
{
	struct recorder_spec spec = {.root = 4194304, .interval_ns = RECORDER_DEFAULT_NS};

	ck_assert_int_eq(recorder_start(&recorder, &spec, &err), -ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "no process 4194304"));
	spec = (struct recorder_spec){.cgroup = "no/such", .interval_ns = RECORDER_DEFAULT_NS};
	ck_assert_int_eq(recorder_start(&recorder, &spec, &err), -ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "no cgroup 'no/such'"));
	spec.interval_ns = 1000;
	ck_assert_int_eq(recorder_start(&recorder, &spec, &err), -ERR_USAGE);
}
END_TEST

/* A tree that forks all the time, while the newest values are asked for: for the thread sanitizer
 * too. */
START_TEST(a_tree_that_forks_all_the_time)
{
	double values[RECORD_N_SERIES], time_s, truth;
	pid_t pid;

	start(getpid(), true);
	pid = begin();
	if (!pid) {
		for (int i = 0; i < 60; i++) {
			pid_t child = fork();

			if (!child) {
				burn(.002);
				clock_sleep_ns(30 * NS_PER_MS);
				_exit(0);
			}
			clock_sleep_ns(5 * NS_PER_MS);
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
		}
		while (wait(NULL) > 0)
			;
		_exit(0);
	}
	for (int i = 0; i < 30; i++) {
		ck_assert(recorder_latest(recorder, &time_s, values));
		ck_assert(values[RECORD_CPU] >= 0);
		clock_sleep_ns(10 * NS_PER_MS);
	}
	truth = end_of(pid, NULL);
	wait_ended();
	recorder_stop(recorder, &rec);
	check_rows();
	ck_assert_double_ge(sum_of(RECORD_PROCESSES).max, 3);
	ck_assert_double_eq_tol(sum_of(RECORD_CPU).total, truth, truth * .001);
	recording_release(&rec);
}
END_TEST

/* ---- values ---- */

static void *idle_thread(void *arg)
{
	pause();
	return arg;
}

/* Memory, threads, files, disk and switches of a process that says what it did. */
START_TEST(what_it_used)
{
	enum { BYTES = 64 << 20, THREADS = 5, FILES = 20, PAUSES = 40 };
	int go[2], done[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(go), 0);
	ck_assert_int_eq(pipe(done), 0);
	pid = begin();
	if (!pid) {
		char *memory = malloc(BYTES);
		pthread_t thread;

		if (read(go[0], &byte, 1) < 0 || !memory)
			_exit(1);
		memset(memory, 1, BYTES);
		for (int i = 0; i < THREADS; i++)
			pthread_create(&thread, NULL, idle_thread, NULL);
		for (int i = 0; i < FILES; i++)
			if (open("/dev/null", O_RDONLY) < 0)
				_exit(1);
		for (int i = 0; i < PAUSES; i++)
			clock_sleep_ns(NS_PER_MS);
		if (write(done[1], memory, 1) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	start(pid, false);
	clock_sleep_ns(50 * NS_PER_MS);
	ck_assert_int_eq(write(go[1], "x", 1), 1);
	ck_assert_int_eq(read(done[0], &byte, 1), 1);
	recorder_stop(recorder, &rec);
	check_rows();
	ck_assert_double_ge(rec.value[RECORD_RSS][rec.n - 1], BYTES);
	/* a sanitizer may have threads of its own */
	ck_assert_double_ge(rec.value[RECORD_THREADS][rec.n - 1], 1 + THREADS);
	ck_assert_double_le(rec.value[RECORD_THREADS][rec.n - 1], 4 + THREADS);
	ck_assert_double_eq(rec.value[RECORD_FILES][rec.n - 1] - rec.value[RECORD_FILES][0], FILES);
	ck_assert_double_ge(sum_of(RECORD_VOLUNTARY).total, PAUSES);
	ck_assert_double_le(sum_of(RECORD_VOLUNTARY).total, 4 * PAUSES);
	ck_assert_ptr_null(rec.value[RECORD_PSS]);
	ck_assert_uint_eq(rec.denied, 0);
	recording_release(&rec);
	kill(pid, SIGKILL);
	end_of(pid, NULL);
}
END_TEST

/* Rows and missed ticks together are the time. */
START_TEST(every_tick_is_accounted_for)
{
	double ticks;

	pid_t pid = begin();

	if (!pid)
		for (;;)
			pause();
	start(pid, false);
	clock_sleep_ns(500 * NS_PER_MS);
	recorder_stop(recorder, &rec);
	ticks = floor(rec.time_s[rec.n - 1] / rec.interval_s);
	/* one more for time 0, one for the last sample, which is off the grid, or falls upon
	 * a tick that is late */
	ck_assert_double_eq_tol((double)rec.n + (double)rec.missed, ticks + 2, 1.5);
	ck_assert_double_gt(rec.own_cpu_s, 0);
	recording_release(&rec);
	kill(pid, SIGKILL);
	end_of(pid, NULL);
}
END_TEST

/* ---- a command ---- */

START_TEST(a_child_and_what_it_leaves_behind)
{
	const char *const argv[] = {"sh", "-c",
		"(setsid sh -c 'trap \"\" TERM; echo x >&2; while :; do sleep 1; done' &) ; exit 7",
		NULL};
	int null = open("/dev/null", O_WRONLY);
	struct child_spec spec = {.argv = argv, .out = null, .err = null};
	struct child child;

	ck_assert_int_eq(child_start(&child, &spec, &err), 0);
	for (int i = 0; i < 500 && !child.ended; i++)
		child_wait(&child, 20);
	ck_assert(child.ended);
	ck_assert_int_eq(child_code(&child), 7);
	child_wait(&child, 20);
	ck_assert_msg(child.left, "the daemon did not come back");
	child_end(&child, 200 * NS_PER_MS);
	ck_assert(!child.left);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	close(null);
}
END_TEST

START_TEST(a_command_that_is_not_there)
{
	const char *const argv[] = {"/no/such/command", NULL};
	struct child_spec spec = {argv, STDOUT_FILENO, STDERR_FILENO};
	struct child child;

	ck_assert_int_eq(child_start(&child, &spec, &err), -ERR_SERVICE);
	ck_assert_int_eq(child.exec_errno, ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "/no/such/command"));
}
END_TEST

UNIT_MAIN("recorder", exact_total_of_own_children, short_lived_children_are_not_lost,
	attached_tree_within_ticks, a_killed_process, a_process_that_execs,
	a_tree_that_calls_setsid, an_attached_tree_that_calls_setsid, a_recycled_pid, a_wrong_pid,
	a_tree_that_forks_all_the_time, what_it_used, every_tick_is_accounted_for,
	a_child_and_what_it_leaves_behind, a_command_that_is_not_there)

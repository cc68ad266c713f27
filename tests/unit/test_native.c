/*
 * Stacks of machine code, of a program whose stacks are known (native_chain.c), built with frame
 * pointers and without. And that a program behaves as ever while it is looked at: its signals, its
 * children, its end.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/rng.h"
#include "base/str.h"
#include "native_target.h"
#include "unit.h"

#define CALLERS "native_lib_call gamma_ray beta alpha main"

static const char *const PROGRAMS[] = {
	"native_chain", "native_chain_fp",
#if defined(__aarch64__)
	"native_chain_pac" /* its return addresses are signed, and its rules say so */
#endif
};
enum { N_PROGRAMS = sizeof(PROGRAMS) / sizeof(PROGRAMS[0]) };

/* Where glibc has the one for the other. */
#if defined(__x86_64__)
#define EPOLL_WAIT "epoll_wait"
#else
#define EPOLL_WAIT "epoll_pwait"
#endif

static struct err err;
static struct target target;
static struct stack stack;

static struct native *attach(const char *program, const char *how)
{
	struct native *n;

	target_start(&target, program, how);
	ck_assert_msg(!native_attach(&n, target.pid, &err), "%s", err.text);
	return n;
}

/* One that is in its loop already. */
static struct native *attach_spinning(const char *program, const char *how)
{
	struct native *n = attach(program, how);

	ck_assert(target_moves(&target));
	return n;
}

static void detach(struct native *n)
{
	native_detach(n);
	target_end(&target);
}

/* ---- what is seen ---- */

/* One that has lost its core may be taken for one that sleeps, whose stack is cut where it takes
 * the registers to go on; it is stopped at the next look. */
static void get_whole(struct native *n, pid_t tid)
{
	for (int i = 0; i < 3; i++) {
		stack_get(&stack, n, tid);
		if (!stack.cut)
			return;
	}
	ck_abort_msg("cut three times: %s", stack_text(&stack, "main"));
}

START_TEST(a_thread_that_runs)
{
	struct native *n = attach_spinning(PROGRAMS[_i], "spin");

	for (int i = 0; i < 200; i++) {
		get_whole(n, target.pid);
		ck_assert_str_eq(stack_text(&stack, "main"), "spin epsilon " CALLERS);
		ck_assert_str_eq(stack.frames[stack.n - 1]->function, "_start");
		ck_assert_str_eq(stack.frames[0]->module, PROGRAMS[_i]);
		ck_assert_str_eq(stack.frames[2]->module, "libnative_lib.so");
		ck_assert(!stack.frames[0]->interpreter);
		ck_assert_msg(str_starts(strrchr(stack.frames[0]->file, '/'), "/native_chain.c"),
			"%s", stack.frames[0]->file);
		ck_assert_int_gt(stack.frames[0]->line, 0);
		/* the same counter, the same symbol */
		ck_assert_ptr_eq(stack.frames[3], native_symbol(n, stack.pcs[3]));
	}
	ck_assert(target_moves(&target));
	detach(n);
}
END_TEST

static size_t count_recurse(void)
{
	size_t count = 0;

	for (size_t i = 0; i < stack.n; i++)
		count += !strcmp(stack.frames[i]->function, "recurse");
	return count;
}

START_TEST(a_recursion)
{
	struct native *n = attach_spinning(PROGRAMS[_i], "recurse");

	stack_get(&stack, n, target.pid);
	ck_assert(!stack.cut);
	ck_assert_uint_eq(count_recurse(), 300);
	ck_assert_str_eq(stack.frames[0]->function, "spin");
	ck_assert_str_eq(stack.frames[301]->function, "epsilon");
	ck_assert_str_eq(stack.frames[306]->function, "main");
	detach(n);

	n = attach_spinning(PROGRAMS[_i], "deeper");
	stack_get(&stack, n, target.pid);
	ck_assert(stack.cut);
	ck_assert_uint_eq(stack.n, NATIVE_MAX_FRAMES);
	ck_assert_uint_eq(count_recurse(), NATIVE_MAX_FRAMES - 1);
	detach(n);
}
END_TEST

START_TEST(a_signal_handler)
{
	struct native *n = attach_spinning(PROGRAMS[_i], "signal"); /* ready: in the handler */

	for (int i = 0; i < 20; i++) {
		const char *text;

		get_whole(n, target.pid);
		text = stack_text(&stack, "main");
		/* in between: raise(), by whatever names libc has */
		ck_assert_msg(str_starts(text, "spin_in_handler on_usr1 <signal handler called> "),
			"%s", text);
		ck_assert_msg(strstr(text, " epsilon " CALLERS), "%s", text);
	}
	detach(n);
}
END_TEST

/* Switches of a thread that wait or were taken from it: what an interrupt would add to. */
static long switches(pid_t pid, pid_t tid)
{
	char path[64], line[256];
	long sum = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid, (int)tid);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, "ctxt_switches:"))
			sum += strtol(strchr(line, ':') + 1, NULL, 10);
	fclose(file);
	return sum;
}

/* Only where nothing but the stack pointer is needed: with frame pointers it is stopped for its
 * registers, from the second time on that it is found at the same place. */
START_TEST(a_thread_that_sleeps)
{
	struct native *n = attach(PROGRAMS[_i], "nap");
	pid_t tid = target_second_thread(target.pid);
	bool pointers = _i == 1;
	long before;

	ck_assert(target_comes_to(target.pid, tid, 'S'));
	before = switches(target.pid, tid);
	for (int i = 0; i < 100; i++) {
		const char *text;

		stack_get(&stack, n, tid);
		text = stack_text(&stack, "napper");
		ck_assert_msg(strstr(text, "nanosleep"), "%s", text);
		if (pointers && i == 0)
			continue;
		ck_assert_msg(strstr(text, " nap napper"), "%s", text);
		ck_assert(!stack.cut);
		ck_assert_uint_ge(stack.n, 5);
	}
	if (!pointers)
		ck_assert_int_eq(switches(target.pid, tid), before);
	detach(n);
}
END_TEST

START_TEST(a_jit)
{
	struct native *n = attach_spinning(PROGRAMS[_i], "made");
	char path[64];

	for (int i = 0; i < 20; i++) {
		get_whole(n, target.pid);
		ck_assert_str_eq(stack_text(&stack, "main"),
			"spin made_by_hand(int) run_made epsilon " CALLERS);
	}
	snprintf(path, sizeof(path), "perf-%d.map", (int)target.pid);
	ck_assert_str_eq(stack.frames[1]->module, path);
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)target.pid);
	unlink(path);
	detach(n);
}
END_TEST

/* ---- that nothing of it is changed ---- */

START_TEST(its_children_and_signals)
{
	struct native *n = attach(PROGRAMS[_i], "events");
	int status, looks = 0, wanted = getenv("CULPRIT_LONG") ? 5000 : 300;
	uint64_t begin = clock_now_ns();
	struct rng rng;

	rng_seed(&rng, 5, 0);
	while (looks < wanted || clock_now_ns() - begin < NS_PER_S) {
		looks += stack_take(&stack, n, target.pid);
		clock_sleep_ns(rng_below(&rng, 1000) * NS_PER_US);
	}
	close(target.in);
	/* nobody looks any more: whatever it waits for has to come by itself */
	ck_assert_str_eq(target_line(&target), "wrong 0 of many");
	ck_assert_int_eq(waitpid(target.pid, &status, 0), target.pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "status %x", (unsigned)status);
	native_detach(n);
}
END_TEST

START_TEST(calls_that_an_interrupt_breaks_off)
{
	struct native *n = attach(PROGRAMS[_i], "epoll");
	uint64_t until = clock_now_ns() + 1500 * NS_PER_MS;
	int looks = 0;

	while (looks < 500 || clock_now_ns() < until)
		looks += stack_take(&stack, n, target.pid);
	close(target.in);
	target.in = -1;
#if defined(__x86_64__)
	ck_assert_str_eq(target_line(&target), "broken 0 of many");
#else
	/* not to be mended there; what is broken off at a look can be no more than the looks */
	const char *line = target_line(&target);

	ck_assert_msg(str_starts(line, "broken ") && strstr(line, " of many"), "%s", line);
	ck_assert_int_le(strtol(line + 7, NULL, 10), looks);
#endif
	detach(n);
}
END_TEST

START_TEST(signals_while_it_is_stopped)
{
	struct native *n = attach_spinning(PROGRAMS[_i], "spin");
	int status;

	/* stopped by job control, while it is ours, and looked at so */
	ck_assert(target_stop(n, target.pid));
	kill(target.pid, SIGSTOP);
	native_go(n, target.pid);
	ck_assert(target_comes_to(target.pid, target.pid, 'T'));
	for (int i = 0; i < 20; i++) {
		get_whole(n, target.pid);
		ck_assert_str_eq(stack_text(&stack, "main"), "spin epsilon " CALLERS);
	}
	ck_assert_int_eq(target_state(target.pid, target.pid), 'T');
	ck_assert_int_eq(waitpid(target.pid, &status, WUNTRACED), target.pid);
	ck_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	kill(target.pid, SIGCONT);
	ck_assert(target_moves(&target));
	/* ended while it is ours */
	ck_assert(target_stop(n, target.pid));
	kill(target.pid, SIGTERM);
	ck_assert(native_copy(n, target.pid));
	native_go(n, target.pid);
	ck_assert_int_eq(waitpid(target.pid, &status, 0), target.pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	native_detach(n);
}
END_TEST

START_TEST(stops_and_continues_at_random)
{
	struct native *n = attach_spinning(PROGRAMS[_i], "spin");
	struct rng rng;
	int whole = 0;

	rng_seed(&rng, 6, 0);
	for (int i = 0; i < 200; i++) {
		kill(target.pid, rng_below(&rng, 2) ? SIGSTOP : SIGCONT);
		if (!stack_take(&stack, n, target.pid))
			continue;
		if (stack.cut) /* stopped where the registers are needed, on aarch64 */
			ck_assert_str_eq(stack_text(&stack, "main"), "spin");
		else
			ck_assert_str_eq(stack_text(&stack, "main"), "spin epsilon " CALLERS);
		whole += !stack.cut;
	}
	ck_assert_int_gt(whole, 0);
	kill(target.pid, SIGSTOP);
	ck_assert(target_comes_to(target.pid, target.pid, 'T'));
	kill(target.pid, SIGCONT);
	ck_assert(target_moves(&target));
	detach(n);
}
END_TEST

START_TEST(killed_while_it_is_stopped)
{
	struct native *n = attach_spinning(PROGRAMS[_i], "spin");
	int status;
	bool cut;

	ck_assert(target_stop(n, target.pid));
	kill(target.pid, SIGKILL);
	ck_assert(target_comes_to(target.pid, target.pid, 'Z'));
	ck_assert(!native_copy(n, target.pid));
	native_go(n, target.pid);
	ck_assert_uint_eq(native_unwind(n, stack.pcs, NATIVE_MAX_FRAMES, &cut), 0);
	ck_assert_int_eq(waitpid(target.pid, &status, 0), target.pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert(!native_stop(n, target.pid));
	native_detach(n);
}
END_TEST

/* The parent of a process that another one traces hears of its end as ever. */
START_TEST(another_one_s_child)
{
	struct native *n;
	int told[2], status = -1;
	pid_t parent;

	ck_assert_int_eq(pipe(told), 0);
	parent = fork();
	if (!parent) {
		target_start(&target, PROGRAMS[_i], "spin");
		if (write(told[1], &target.pid, sizeof(target.pid)) < 0 ||
			waitpid(target.pid, &status, 0) < 0 ||
			write(told[1], &status, sizeof(status)) < 0)
			_exit(1);
		_exit(0);
	}
	ck_assert_int_eq(read(told[0], &target.pid, sizeof(target.pid)), sizeof(target.pid));
	ck_assert(!native_attach(&n, target.pid, &err));
	for (int i = 0; i < 50; i++)
		stack_get(&stack, n, target.pid);
	ck_assert(target_stop(n, target.pid));
	kill(target.pid, SIGKILL);
	native_go(n, target.pid);
	for (int i = 0; i < 100; i++, clock_sleep_ns(NS_PER_MS))
		native_tend(n);
	ck_assert_int_eq(read(told[0], &status, sizeof(status)), sizeof(status));
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_int_eq(waitpid(parent, &status, 0), parent);
	native_detach(n);
}
END_TEST

START_TEST(the_profiler_is_killed)
{
	int told[2];
	char c;
	pid_t tracer;

	target_start(&target, PROGRAMS[_i], "spin");
	ck_assert_int_eq(pipe(told), 0);
	tracer = fork();
	if (!tracer) {
		struct native *n;

		if (native_attach(&n, target.pid, NULL) || !target_stop(n, target.pid) ||
			write(told[1], "s", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(told[0], &c, 1), 1);
	ck_assert_int_eq(target_state(target.pid, target.pid), 't');
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	ck_assert(target_moves(&target));
	target_end(&target);
}
END_TEST

/* ---- programs of others ---- */

/* The only child of a process. */
static pid_t only_child(pid_t pid)
{
	char path[64], text[64] = "";
	int64_t child = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	for (int i = 0; i < 5000 && !child; i++) {
		FILE *file = fopen(path, "r");
		size_t len;

		ck_assert_ptr_nonnull(file);
		len = fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
		text[len ? len - 1 : 0] = '\0'; /* a blank */
		if (num_parse_int(text, 1, INT32_MAX, "child", &child, NULL))
			child = 0;
		clock_sleep_ns(NS_PER_MS);
	}
	ck_assert_int_gt(child, 0);
	return (pid_t)child;
}

/* A server's worker that has nothing to do: `stack` is in that order in it, and whole. */
static void check_server(const char *const *argv, const char *const *names)
{
	pid_t server = fork(), worker;
	struct native *n;

	if (!server) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	worker = only_child(server);
	ck_assert(!native_attach(&n, worker, &err));
	for (int i = 0; i < 200; i++, clock_sleep_ns(10 * NS_PER_MS)) {
		stack_get(&stack, n, worker);
		/* the first look at one that sleeps may be cut: it is stopped from the second on */
		if (str_starts(stack_text(&stack, NULL), names[0]) && !stack.cut)
			break;
	}
	ck_assert(!stack.cut);
	for (size_t i = 0; *names; i++) {
		ck_assert_msg(i < stack.n, "%s", stack_text(&stack, NULL));
		if (!strcmp(stack.frames[i]->function, *names))
			names++;
	}
	native_detach(n);
	kill(server, SIGTERM);
	ck_assert_int_eq(waitpid(server, NULL, 0), server);
	kill(worker, SIGKILL);
}

START_TEST(nginx)
{
	static const char *const NAMES[] = {EPOLL_WAIT, "ngx_process_events_and_timers",
		"ngx_spawn_process", "ngx_master_process_cycle", "main", "_start", NULL};
	char folder[] = "/tmp/culprit-nginx-XXXXXX", config[64], command[128];
	const char *const argv[] = {
		"/usr/sbin/nginx", "-p", folder, "-e", "/dev/null", "-c", config, NULL};
	FILE *file;

	if (access(argv[0], X_OK))
		return;
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(config, sizeof(config), "%s/nginx.conf", folder);
	file = fopen(config, "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file,
		"daemon off; worker_processes 1; pid %s/pid; events {}\n"
		"http { access_log off; client_body_temp_path %s/b; proxy_temp_path %s/p;\n"
		"fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s;\n"
		"server { listen unix:%s/socket; } }\n",
		folder, folder, folder, folder, folder, folder, folder);
	fclose(file);
	check_server(argv, NAMES);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(the_lab)
{
	static const char *const NAMES[] = {
		"epoll_pwait2", "worker_run", "master_run", "main", "_start", NULL};
	const char *const argv[] = {
		target_path("../../culprit"), "lab", "mixed", "-b", "127.0.0.1:0", "-w", "1", NULL};

	if (!access(argv[0], X_OK))
		check_server(argv, NAMES);
}
END_TEST

/* ---- what cannot be looked at ---- */

START_TEST(no_right)
{
	pid_t child;
	int status;

	target_start(&target, PROGRAMS[0], "spin");
	child = fork();
	if (!child) {
		struct native *n;
		char pid[16];

		/* as root, an ordinary user asks; as an ordinary user, init is asked for */
		if (getuid() == 0 && (setgid(65534) || setuid(65534)))
			_exit(1);
		if (geteuid() != 65534)
			target.pid = 1;
		snprintf(pid, sizeof(pid), "%d", (int)target.pid);
		if (native_attach(&n, target.pid, &err) != -ERR_SYSTEM || n)
			_exit(2);
		_exit(strstr(err.text, pid) ? 0 : 3);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "%x", (unsigned)status);
	target_end(&target);
}
END_TEST

START_TEST(not_there)
{
	struct native *n;
	pid_t child = fork();

	if (!child)
		_exit(0);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert_int_eq(native_attach(&n, child, &err), -ERR_SERVICE);
	ck_assert_ptr_null(n);
	ck_assert_int_eq(native_attach(&n, 2, &err) != 0, 1);
	ck_assert_uint_gt(strlen(err.text), 20);
}
END_TEST

START_TEST(no_descriptor_is_left)
{
	struct native *n;
	int before;

	target_start(&target, PROGRAMS[0], "spin");
	before = open_descriptors();
	for (int i = 0; i < 3; i++) {
		ck_assert(!native_attach(&n, target.pid, &err));
		stack_get(&stack, n, target.pid);
		ck_assert(!native_refresh(n, &err));
		stack_get(&stack, n, target.pid);
		ck_assert_str_eq(stack_text(&stack, "main"), "spin epsilon " CALLERS);
		native_detach(n);
		ck_assert_int_eq(open_descriptors(), before);
	}
	target_end(&target);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("native");
	TCase *both = tcase_create("both"), *once = tcase_create("once");
	const TTest *const of_both[] = {a_thread_that_runs, a_recursion, a_signal_handler,
		a_thread_that_sleeps, a_jit, its_children_and_signals,
		calls_that_an_interrupt_breaks_off};
	const TTest *const of_one[] = {signals_while_it_is_stopped, stops_and_continues_at_random,
		killed_while_it_is_stopped, another_one_s_child, the_profiler_is_killed, nginx,
		the_lab, no_right, not_there, no_descriptor_is_left};
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < sizeof(of_both) / sizeof(of_both[0]); i++)
		tcase_add_loop_test(both, of_both[i], 0, N_PROGRAMS);
	for (size_t i = 0; i < sizeof(of_one) / sizeof(of_one[0]); i++)
		tcase_add_test(once, of_one[i]);
	suite_add_tcase(suite, both);
	suite_add_tcase(suite, once);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

/*
 * The sampler against real Python processes, whose own counts (thread_time, process_time) are the
 * truth. Bounds are four standard errors of the shares: false alarms of one in 16,000 for each.
 */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "profile/view.h"
#include "pythons.h"
#include "sampler/sampler.h"
#include "unit.h"

static struct err err;
static struct sampler *sampler;
static struct profile *profile;
static struct str why;

static struct sampler_spec usual(const struct script *s)
{
	return (struct sampler_spec){.pid = s->pid, .rate_hz = 1000, .states = true};
}

static void start(const struct sampler_spec *spec)
{
	ck_assert_msg(!sampler_start(&sampler, spec, &err), "%s", err.text);
}

static void stop(void)
{
	str_clear(&why);
	profile_free(profile);
	ck_assert_int_eq(sampler_stop(sampler, &profile, &why, &err), 0);
}

static void run_for(const struct script *s, double seconds)
{
	struct sampler_spec spec = usual(s);

	start(&spec);
	clock_sleep_ns((uint64_t)(seconds * 1e9));
	stop();
}

/* The same on a machine that lets the sampler run in time: up to three times. A look that comes
 * late weighs more, so errors are larger than so many samples have; then bounds are three times as
 * wide. */
static double run_in_time(const struct script *s, double seconds)
{
	for (int i = 0; i < 3; i++) {
		run_for(s, seconds);
		if (profile->about.late * 50 < profile->about.sweeps)
			return 1;
	}
	return 3;
}

static const char *python(void)
{
	const struct python_here *all;

	ck_assert_uint_gt(pythons_here(&all), 0);
	return all[0].path;
}

/* ---- sums over the profile ---- */

/* A function of this name, or a thread whose name begins so. (A process's name holds its source.)
 */
static bool is_named(const struct profile_function *f, const char *name)
{
	const char *last = strrchr(f->name, '.');

	if (f->kind == PROFILE_THREAD)
		return str_starts(f->name, name);
	return f->kind == PROFILE_PYTHON && !strcmp(last ? last + 1 : f->name, name);
}

static bool is_within(uint32_t node, const char *name)
{
	for (; node; node = profile->nodes[node].parent)
		if (is_named(&profile->functions[profile->nodes[node].function], name))
			return true;
	return false;
}

/* All that was seen within whatever has this in its name: a function, a thread, a process. */
static struct profile_weight within(const char *name)
{
	struct profile_weight sum = {0};

	for (uint32_t i = 1; i < profile->n_nodes; i++) {
		const struct profile_weight *w = &profile->nodes[i].self;

		if (!is_within(i, name))
			continue;
		sum.samples += w->samples;
		sum.wall_ns += w->wall_ns;
		sum.cpu_ns += w->cpu_ns;
		sum.gil_ns += w->gil_ns;
	}
	return sum;
}

static size_t count_kind(enum profile_kind kind)
{
	size_t n = 0;

	for (uint32_t i = 0; i < profile->n_nodes; i++)
		n += profile->functions[profile->nodes[i].function].kind == kind;
	return n;
}

static void assert_share(double seen, double truth, double samples, double wider, const char *what)
{
	double error = wider * sqrt(truth * (1 - truth) / samples);

	ck_assert_msg(fabs(seen - truth) < 4 * error, "%s: %.4f seen, %.4f true, error %.4f", what,
		seen, truth, error);
}

/* ---- shares ---- */

static const char RATIO[] = "import sys, time, threading\n"
			    "spent = [0, 0, 0]\n"
			    "def spin(k, ms):\n"
			    "    begin = now = time.thread_time_ns()\n"
			    "    while now - begin < ms * 1000000:\n"
			    "        now = time.thread_time_ns()\n"
			    "    spent[k] += now - begin\n"
			    "def a(): spin(0, 1)\n"
			    "def b(): spin(1, 2)\n"
			    "def c(): spin(2, 7)\n"
			    "def work():\n"
			    "    while not done:\n"
			    "        a(); b(); c()\n"
			    "done = False\n"
			    "t = threading.Thread(target=work); t.start()\n"
			    "print('ready', flush=True)\n"
			    "sys.stdin.readline()\n"
			    "done = True\n"
			    "t.join()\n"
			    "print(*spent, flush=True)\n";

START_TEST(one_to_two_to_seven)
{
	static const char *const NAMES[] = {"a", "b", "c"};
	struct script s;
	char *next;
	double spent[3], all = 0, wider;

	script_start(&s, python(), RATIO, NULL);
	ck_assert_str_eq(script_line(&s), "ready");
	wider = run_in_time(&s, 1);
	script_say(&s, "");
	next = (char *)script_line(&s);
	for (int i = 0; i < 3; i++)
		all += spent[i] = strtod(next, &next);
	for (int i = 0; i < 3; i++) {
		double seen = 0;

		for (uint32_t n = 1; n < profile->n_nodes; n++) {
			const struct profile_node *node = &profile->nodes[n];
			const struct profile_node *up = &profile->nodes[node->parent];

			if (!strcmp(profile->functions[up->function].name, NAMES[i]))
				seen += (double)node->self.cpu_ns;
		}
		assert_share(seen / (double)within("spin").cpu_ns, spent[i] / all,
			(double)within("spin").samples, wider, NAMES[i]);
	}
	script_end(&s);
}
END_TEST

static const char SLEEPER[] = "import threading, time\n"
			      "def sleeps():\n"
			      "    time.sleep(60)\n"
			      "def runs():\n"
			      "    while True: pass\n"
			      "threading.Thread(target=sleeps, daemon=True).start()\n"
			      "threading.Thread(target=runs, daemon=True).start()\n"
			      "print('ready', flush=True)\n"
			      "threading.Event().wait(60)\n";

START_TEST(who_waits_has_no_cpu_time)
{
	struct profile_weight sleeps, runs, main_thread;
	struct script s;

	script_start(&s, python(), SLEEPER, NULL);
	ck_assert_str_eq(script_line(&s), "ready");
	run_for(&s, 1);
	sleeps = within("sleeps");
	runs = within("runs");
	main_thread = within("MainThread");
	ck_assert_uint_gt(sleeps.samples, 100);
	ck_assert_uint_eq(sleeps.cpu_ns, 0);
	ck_assert_uint_eq(main_thread.cpu_ns, 0);
	ck_assert_uint_gt(runs.cpu_ns, runs.wall_ns * 95 / 100);
	ck_assert_uint_gt(runs.gil_ns, runs.wall_ns * 90 / 100);
	/* each thread has the same time, whatever it does */
	ck_assert_double_eq_tol((double)sleeps.wall_ns, (double)runs.wall_ns, 20e6);
	ck_assert_double_eq_tol((double)runs.wall_ns, profile->about.duration_s * 1e9, 50e6);
	script_end(&s);
}
END_TEST

static const char SPINNERS[] = "import threading, time, sys\n"
			       "spent = {}\n"
			       "def work():\n"
			       "    while not done:\n"
			       "        for i in range(1000): pass\n"
			       "    spent[threading.current_thread().name] = time.thread_time()\n"
			       "done = False\n"
			       "ts = [threading.Thread(target=work, name='spin%d' % i)\n"
			       "      for i in range(4)]\n"
			       "for t in ts: t.start()\n"
			       "print('ready', flush=True)\n"
			       "sys.stdin.readline()\n"
			       "done = True\n"
			       "for t in ts: t.join()\n"
			       "print(*[spent['spin%d' % i] for i in range(4)], flush=True)\n";

START_TEST(who_waits_for_the_lock)
{
	struct profile_weight all;
	struct script s;
	double spent[4], sum = 0, wider;
	char *next, name[8];

	script_start(&s, python(), SPINNERS, NULL);
	ck_assert_str_eq(script_line(&s), "ready");
	wider = run_in_time(&s, 1.5);
	script_say(&s, "");
	next = (char *)script_line(&s);
	for (int i = 0; i < 4; i++)
		sum += spent[i] = strtod(next, &next);
	all = within("work");
	for (int i = 0; i < 4; i++) {
		struct profile_weight w;

		snprintf(name, sizeof(name), "spin%d", i);
		w = within(name);
		/* the lock goes round in steps of 5 ms, of 10 ms on a busy machine, so so many are
		 * independent */
		assert_share((double)w.gil_ns / (double)all.gil_ns, spent[i] / sum, 1.5 / .01,
			wider, name);
	}
	/* one at a time runs; the others wait, and that is no CPU time */
	ck_assert_double_eq_tol(
		(double)all.gil_ns, (double)all.wall_ns / 4, (double)all.wall_ns * wider / 40);
	ck_assert_uint_gt(all.cpu_ns, all.wall_ns * 20 / 100);
	/* but where they woke to ask for it, and no core was free */
	ck_assert_uint_lt(all.cpu_ns, all.wall_ns * 60 / 100);
	script_end(&s);
}
END_TEST

/* ---- processes ---- */

static const char FAMILY[] =
	"import multiprocessing, os, time\n"
	"def child_work(parent):\n"
	"    print('ready', flush=True)\n"
	"    while os.getppid() == parent: pass\n"
	"if __name__ == '__main__':\n"
	"    multiprocessing.set_start_method('fork')\n"
	"    ps = [multiprocessing.Process(target=child_work, args=(os.getpid(),),\n"
	"          daemon=True) for i in range(2)]\n"
	"    for p in ps: p.start()\n"
	"    time.sleep(60)\n";

START_TEST(children_are_seen)
{
	struct sampler_spec spec;
	struct script s;

	script_start(&s, python(), FAMILY, NULL);
	script_line(&s);
	script_line(&s);
	run_for(&s, .5);
	ck_assert_uint_eq(count_kind(PROFILE_PROCESS), 3);
	ck_assert_uint_gt(within("child_work").cpu_ns, 300 * NS_PER_MS);
	spec = usual(&s);
	spec.alone = true;
	start(&spec);
	clock_sleep_ns(200 * NS_PER_MS);
	stop();
	ck_assert_uint_eq(count_kind(PROFILE_PROCESS), 1);
	ck_assert_uint_eq(within("child_work").samples, 0);
	script_end(&s);
}
END_TEST

static size_t open_files(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static const char BOMB[] = "import subprocess, time, sys\n"
			   "print('ready', flush=True)\n"
			   "sys.stdin.readline()\n"
			   "for i in range(200):\n"
			   "    subprocess.run(['/bin/true'])\n"
			   "    time.sleep(.005)\n"
			   "print('done', flush=True)\n"
			   "sys.stdin.readline()\n";

START_TEST(a_hundred_children_a_second)
{
	size_t files = open_files();
	struct sampler_spec spec;
	struct sampler_state state;
	struct script s;

	script_start(&s, python(), BOMB, NULL);
	ck_assert_str_eq(script_line(&s), "ready");
	spec = usual(&s);
	start(&spec);
	script_say(&s, "");
	ck_assert_str_eq(script_line(&s), "done");
	sampler_look(sampler, &state);
	clock_sleep_ns(300 * NS_PER_MS);
	sampler_look(sampler, &state);
	ck_assert_uint_eq(state.processes, 1);
	stop();
	script_end(&s);
	ck_assert_uint_eq(open_files(), files);
}
END_TEST

START_TEST(a_kill_in_the_middle)
{
	struct sampler_state state = {0};
	struct sampler_spec spec;
	struct script s;

	script_start(&s, python(), SLEEPER, NULL);
	ck_assert_str_eq(script_line(&s), "ready");
	spec = usual(&s);
	spec.rate_hz = 10000;
	start(&spec);
	clock_sleep_ns(200 * NS_PER_MS);
	kill(s.pid, SIGKILL);
	for (int i = 0; i < 500 && !state.ended; i++) {
		clock_sleep_ns(10 * NS_PER_MS);
		sampler_look(sampler, &state);
	}
	ck_assert(state.ended);
	stop();
	ck_assert_uint_gt(profile->about.samples, 100);
	script_end(&s);
}
END_TEST

static const char EXECS[] = "import os, sys\n"
			    "def before():\n"
			    "    print('ready', flush=True)\n"
			    "    sys.stdin.readline()\n"
			    "before()\n"
			    "os.execv(sys.executable, [sys.executable, '-c',\n"
			    "    'def after():\\n    print(\"again\", flush=True)\\n'\n"
			    "    '    while True: pass\\nafter()'])\n";

START_TEST(an_exec_is_followed)
{
	struct sampler_spec spec;
	struct script s;

	script_start(&s, python(), EXECS, NULL);
	ck_assert_str_eq(script_line(&s), "ready");
	spec = usual(&s);
	start(&spec);
	clock_sleep_ns(100 * NS_PER_MS);
	script_say(&s, "");
	ck_assert_str_eq(script_line(&s), "again");
	clock_sleep_ns(700 * NS_PER_MS);
	stop();
	ck_assert_uint_gt(within("before").samples, 20);
	ck_assert_uint_gt(within("after").cpu_ns, 100 * NS_PER_MS);
	script_end(&s);
}
END_TEST

/* ---- shapes ---- */

static const char MANY[] = "import threading, sys\n"
			   "threading.stack_size(256 * 1024)\n"
			   "e = threading.Event()\n"
			   "def waits(): e.wait()\n"
			   "for i in range(500):\n"
			   "    threading.Thread(target=waits, daemon=True).start()\n"
			   "def runs():\n"
			   "    print('ready', flush=True)\n"
			   "    while True: pass\n"
			   "runs()\n";

START_TEST(five_hundred_threads)
{
	size_t files = open_files();
	struct sampler_spec spec;
	struct script s;

	script_start(&s, python(), MANY, NULL);
	ck_assert_str_eq(script_line(&s), "ready");
	spec = usual(&s);
	spec.rate_hz = 100;
	start(&spec);
	clock_sleep_ns(NS_PER_S);
	stop();
	ck_assert_uint_eq(count_kind(PROFILE_THREAD), 501);
	ck_assert_uint_gt(within("waits").samples, 500 * 20);
	ck_assert_uint_eq(within("waits").cpu_ns, 0);
	ck_assert_uint_gt(within("runs").cpu_ns, within("runs").wall_ns * 9 / 10);
	script_end(&s);
	ck_assert_uint_eq(open_files(), files);
}
END_TEST

static const char DEEP[] = "import sys, threading\n"
			   "sys.setrecursionlimit(20000)\n"
			   "threading.stack_size(256 << 20)\n"
			   "def down(n):\n"
			   "    if n: return down(n - 1)\n"
			   "    print('ready', flush=True)\n"
			   "    while True: pass\n"
			   "threading.Thread(target=down, args=(5000,)).start()\n";

START_TEST(five_thousand_deep)
{
	struct script s;
	size_t deepest = 0;

	script_start(&s, python(), DEEP, NULL);
	ck_assert_str_eq(script_line(&s), "ready");
	run_for(&s, .5);
	for (uint32_t i = 1; i < profile->n_nodes; i++) {
		size_t depth = 0;

		for (uint32_t n = i; n; n = profile->nodes[n].parent)
			depth += !strcmp(
				profile->functions[profile->nodes[n].function].name, "down");
		deepest = depth > deepest ? depth : deepest;
	}
	ck_assert_uint_eq(deepest, 5001);
	ck_assert_uint_gt(within("down").samples, 0);
	script_end(&s);
}
END_TEST

/* A thread that runs code of another interpreter waits in its own: it is one thread, in one of
 * them. */
static const char INNER[] = "import threading, sys\n"
			    "interpreters = __import__('_xxsubinterpreters')\n"
			    "code = 'def inner():\\n while True: pass\\ninner()'\n"
			    "def outer():\n"
			    "    interpreters.run_string(interpreters.create(), code)\n"
			    "t = threading.Thread(target=outer, name='crosses', daemon=True)\n"
			    "t.start()\n"
			    "print('ready', flush=True)\n"
			    "sys.stdin.readline()\n";

START_TEST(an_interpreter_within)
{
	const struct python_here *all;
	size_t n = pythons_here(&all);

	for (size_t i = 0; i < n; i++) {
		struct profile_weight w;
		struct script s;

		if (all[i].minor > 12) /* another module has it */
			continue;
		script_start(&s, all[i].path, INNER, NULL);
		ck_assert_str_eq(script_line(&s), "ready");
		for (int k = 0; k < 20; k++) { /* until it is in there */
			run_for(&s, .1);
			if (within("inner").samples && !within("outer").samples)
				break;
		}
		w = within("inner");
		ck_assert_msg(w.samples && !within("outer").samples, "%s: %lu and %lu", all[i].path,
			(unsigned long)w.samples, (unsigned long)within("outer").samples);
		ck_assert_uint_le(within("crosses").samples, profile->about.sweeps);
		ck_assert_uint_eq(count_kind(PROFILE_THREAD), 2);
		script_end(&s);
	}
}
END_TEST

/* ---- what cannot be read ---- */

START_TEST(what_is_no_python)
{
	struct sampler_spec spec = {.rate_hz = 100};
	struct script s;

	script_start(&s, "/bin/sh", "echo ready; read x", NULL);
	ck_assert_str_eq(script_line(&s), "ready");
	spec.pid = s.pid;
	ck_assert_int_lt(sampler_start(&sampler, &spec, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.text, "--native"));
	script_end(&s);
	/* there was such a process */
	ck_assert_int_eq(sampler_start(&sampler, &spec, &err), -(int)ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "no process"));
	spec.rate_hz = 50000;
	ck_assert_int_eq(sampler_start(&sampler, &spec, &err), -(int)ERR_USAGE);
}
END_TEST

static const char WRAPPER[] = "\"$0\" -c 'import os\nparent = os.getppid()\n"
			      "print(\"ready\", flush=True)\n"
			      "while os.getppid() == parent: pass' & wait";

START_TEST(a_python_below_a_shell)
{
	const char *arguments[] = {python(), NULL};
	struct script s;

	script_start(&s, "/bin/sh", WRAPPER, arguments);
	ck_assert_str_eq(script_line(&s), "ready");
	run_for(&s, .3);
	ck_assert_uint_eq(count_kind(PROFILE_PROCESS), 1);
	ck_assert_ptr_nonnull(strstr(why.p, "1 process is not Python"));
	script_end(&s);
}
END_TEST

START_TEST(a_take_begins_anew)
{
	struct profile *first;
	struct sampler_spec spec;
	struct script s;

	script_start(&s, python(), SLEEPER, NULL);
	ck_assert_str_eq(script_line(&s), "ready");
	spec = usual(&s);
	spec.moments = true;
	start(&spec);
	clock_sleep_ns(200 * NS_PER_MS);
	first = sampler_take(sampler);
	clock_sleep_ns(200 * NS_PER_MS);
	stop();
	ck_assert_uint_gt(within("runs").samples, 20);
	ck_assert_uint_gt(first->about.samples, 60);
	ck_assert_uint_gt(first->n_moments, 0);
	ck_assert_double_lt(profile->about.duration_s, 2);
	profile_free(profile);
	profile = first;
	ck_assert_uint_gt(within("runs").samples, 20);
	script_end(&s);
}
END_TEST

UNIT_MAIN("sampler", one_to_two_to_seven, who_waits_has_no_cpu_time, who_waits_for_the_lock,
	children_are_seen, a_hundred_children_a_second, a_kill_in_the_middle, an_exec_is_followed,
	five_hundred_threads, five_thousand_deep, an_interpreter_within, what_is_no_python,
	a_python_below_a_shell, a_take_begins_anew)

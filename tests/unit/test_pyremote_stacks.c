/* Stacks of running Pythons: those that are known, those that cannot have been, and processes that
 * end, are killed or turn into others while they are looked at. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "pyremote/stack.h"
#include "pythons.h"
#include "stack_judge.h"
#include "unit.h"

static struct err err;
static struct script script;

/* Whether this run is one that takes its time. */
static bool long_run(void)
{
	return getenv("CULPRIT_LONG") != NULL;
}

static struct python *attach_to(const char *path)
{
	struct python *p = NULL;
	enum python_why why = PYTHON_STARTING;

	for (int i = 0; i < 100 && why == PYTHON_STARTING; i++) {
		why = python_attach(&p, script.pid, &err);
		if (why == PYTHON_STARTING)
			clock_sleep_ns(10 * NS_PER_MS);
	}
	ck_assert_msg(why == PYTHON_OK, "%s: %s", path, err.text);
	return p;
}

static struct python *attach(const char *path, const char *source)
{
	script_start(&script, path, source, NULL);
	ck_assert_str_eq(script_line(&script), "ready");
	return attach_to(path);
}

static void detach(struct python *p)
{
	python_detach(p);
	script_end(&script);
}

static const struct python_sweep *sweep(struct python *p)
{
	const struct python_sweep *s = NULL;
	enum python_why why = python_sweep_all(p, &s, &err);

	ck_assert_msg(why == PYTHON_OK, "%s", err.text);
	return s;
}

/* A script of tests/data, with arguments. */
static void data_start(const char *path, const char *file, const char *const *arguments)
{
	static const char RUN[] = "import sys; sys.argv = sys.argv[1:]; __file__ = sys.argv[0]\n"
				  "exec(compile(open(__file__).read(), __file__, 'exec'))";
	const char *all[8] = {file};

	for (size_t i = 0; i < 6 && arguments && arguments[i]; i++)
		all[i + 1] = arguments[i];
	script_start(&script, path, RUN, all);
}

/* ---- known stacks ---- */

static const struct python_thread *thread_of(const struct python_sweep *s, uint64_t ident)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->threads[i]->pthread == ident)
			return s->threads[i];
	return NULL;
}

/* One thread against the lines that Python printed of it. */
static void check_shape(
	const struct python_here *here, const struct python_thread *t, struct script *s)
{
	char is[512];
	size_t n = 0;

	for (const char *line; strcmp(line = script_line(s), "end") != 0; n++) {
		ck_assert_msg(n < t->n_frames, "%s: the frame of %s is missing", here->path, line);

		const struct python_frame *f = &t->frames[n];

		snprintf(is, sizeof(is), "%s %d", f->code->name,
			python_line(f->code, f->instruction));
		ck_assert_msg(strcmp(is, line) == 0, "%s: frame %zu is %s, not %s", here->path, n,
			is, line);
	}
	ck_assert_msg(n == t->n_frames, "%s: %zu frames, not %zu", here->path, t->n_frames, n);
}

/* Every caller is at an opcode that calls, also one that has been specialised, or is traced. */
static void check_calls(
	const struct python_here *here, struct python *p, const struct python_thread *t)
{
	struct stack_scratch s = {.raws = t->work->raws};

	if (p->layout.calls)
		ck_assert_msg(stack_calls_there(p, &s, s.raws.n),
			"%s: %s of %s does not stand at a call", here->path,
			t->frames[0].code->name, t->frames[t->n_frames - 3].code->name);
	stack_sites_free(s.sites);
	code_extras_free(s.extras);
}

START_TEST(test_shapes)
{
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		data_start(here[i].path, "tests/data/shapes.py", NULL);

		struct python *p = NULL;
		const struct python_sweep *s = NULL;
		size_t shapes = 0;

		for (const char *line; strncmp(line = script_line(&script), "ready", 5) != 0;
			shapes++) {
			ck_assert_msg(strncmp(line, "thread ", 7) == 0, "%s", line);
			uint64_t ident = strtoull(line + 7, NULL, 10);

			if (!p) {
				p = attach_to(here[i].path);
				s = sweep(p);
			}

			const struct python_thread *t = thread_of(s, ident);

			ck_assert_msg(
				t != NULL, "%s: no thread %lx", here[i].path, (unsigned long)ident);
			ck_assert_msg(
				t->stack == STACK_READ, "%s: shape %zu", here[i].path, shapes);
			check_shape(&here[i], t, &script);
			check_calls(&here[i], p, t);
		}
		ck_assert_uint_eq(shapes, 24);
		/* Nobody runs: every look says so, those that look at all threads too. */
		clock_sleep_ns(100 * NS_PER_MS);
		sweep(p);
		for (int k = 0; k < 40; k++) {
			s = sweep(p);
			for (size_t m = 0; m < s->n; m++)
				ck_assert_int_eq(s->threads[m]->stack, STACK_UNCHANGED);
			for (size_t m = k % 3; m < s->n; m += 3) {
				uint64_t retries = 0;

				ck_assert(python_sweep_one(p, s->threads[m], &retries));
				ck_assert_int_eq(s->threads[m]->stack, STACK_UNCHANGED);
			}
		}
		detach(p);
	}
}
END_TEST

/* Marks: entries of the evaluation loop, coroutines, who holds the lock. */
START_TEST(test_marks)
{
	static const char SOURCE[] = "import time\n"
				     "def leaf(x):\n"
				     "    print('ready', flush=True)\n"
				     "    while True: pass\n"
				     "def gen():\n"
				     "    yield leaf(1)\n"
				     "def called():\n"
				     "    return next(gen())\n"
				     "sorted([1], key=lambda x: called())\n";
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p = attach(here[i].path, SOURCE);
		const struct python_sweep *s = sweep(p);

		ck_assert_uint_eq(s->n, 1);

		/* Who prints lets the lock go while it writes. */
		for (int k = 0; k < 1000 && !s->threads[0]->gil; k++) {
			clock_sleep_ns(NS_PER_MS);
			s = sweep(p);
		}

		struct python_thread *t = s->threads[0];
		uint64_t retries = 0;

		if (i % 2)
			ck_assert(python_sweep_one(p, t, &retries));
		ck_assert_msg(t->gil, "%s: nobody holds the lock", here[i].path);
		ck_assert_int_eq(t->tid, script.pid);
		ck_assert_uint_eq(t->n_frames, 5);
		for (size_t k = 0; k < 5; k++) {
			/* leaf, gen (by next, which is C), called, the lambda (by sorted), the
			 * module. */
			bool entry = here[i].minor <= 10 || k == 1 || k == 3 || k == 4;

			ck_assert_msg(
				t->frames[k].entry == entry, "%s: frame %zu", here[i].path, k);
			ck_assert_msg(t->frames[k].coroutine == (k == 1), "%s: frame %zu",
				here[i].path, k);
		}
		detach(p);
	}
}
END_TEST

/* ---- stacks that cannot be ---- */

struct share {
	uint64_t read, changed, impossible, rejected, retries;
};

static void judge_for(struct python *p, const struct hot_lines *h, uint64_t wanted,
	struct share *share, const char *what)
{
	char text[2048];
	uint64_t end = clock_now_ns() + (long_run() ? 1200 : 20) * NS_PER_S;

	while (share->read < wanted && clock_now_ns() < end) {
		const struct python_sweep *s = sweep(p);
		struct python_thread *t = s->threads[0];
		const char *wrong = NULL;

		/* one of four by itself, as those are who are stopped for it */
		if (share->read % 4 == 3)
			ck_assert(python_sweep_one(p, t, &share->retries));
		share->retries += s->retries;
		share->rejected += t->stack == STACK_REJECTED;
		if (t->stack != STACK_READ && t->stack != STACK_UNCHANGED)
			continue;
		share->read++;
		share->changed += t->stack == STACK_READ;
		wrong = stack_judge(h, t);
		if (!wrong || strncmp(wrong, "line: ", 6) == 0)
			continue;
		if (++share->impossible == 1) {
			stack_text(t, text, sizeof(text));
			fprintf(stderr, "%s: %s: %.300s\n", what, wrong, text);
		}
	}
	ck_assert_uint_ge(share->read, wanted);
}

/* It has said that it is ready, and is at the bottom a moment later. */
static void wait_for_bottom(struct python *p, const struct hot_lines *h)
{
	for (int i = 0; i < 1000 && stack_judge(h, sweep(p)->threads[0]); i++)
		clock_sleep_ns(NS_PER_MS);
}

/*
 * The program is as hard as one can be: leaves of two lines, entered and left all the time. The
 * bound to be held is one impossible stack in 10,000. Were it just so, 0.3 would be expected among
 * the 3,000 of the short form, and more than 4 in one run of 70,000 (Poisson); among a million 100,
 * and more than 140 in one of 20,000.
 */
static void check_hot(const char *shape, const char *depth, uint64_t wanted)
{
	const struct python_here *here;
	size_t n = pythons_here(&here);

	wanted = long_run() ? 1000000 : wanted;

	for (size_t i = 0; i < n; i++) {
		const char *arguments[] = {shape, depth, NULL};
		struct hot_lines h = {.depth = (size_t)strtol(depth, NULL, 10)};
		struct share share = {0};

		data_start(here[i].path, "tests/data/hot_pairs.py", arguments);
		ck_assert(hot_lines_read(&h, script_line(&script)));

		struct python *p = attach_to(here[i].path);

		wait_for_bottom(p, &h);
		judge_for(p, &h, wanted, &share, here[i].path);
		detach(p);
		if (long_run())
			fprintf(stderr,
				"%s %s %s: %lu stacks, %lu changed, %lu impossible, %lu rejected, "
				"%lu retries\n",
				here[i].path, shape, depth, share.read, share.changed,
				share.impossible, share.rejected, share.retries);
		ck_assert_msg(share.impossible <= (long_run() ? 140 : 4),
			"%s: %lu of %lu stacks never were", here[i].path, share.impossible,
			share.read);
	}
}

START_TEST(test_hot_50)
{
	check_hot("plain", "50", 3000);
}
END_TEST

START_TEST(test_hot_500)
{
	check_hot("plain", "500", 600);
}
END_TEST

/* Their frames lie on the heap, where one call's memory is the next one's. */
START_TEST(test_hot_generators)
{
	check_hot("generators", "50", 600);
}
END_TEST

START_TEST(test_hot_coroutines)
{
	check_hot("coroutines", "50", 600);
}
END_TEST

/* ---- many threads, deep ones, short ones ---- */

START_TEST(test_threads_500)
{
	static const char SOURCE[] = "import threading\n"
				     "wake = threading.Event(); up = threading.Semaphore(0)\n"
				     "def work(n):\n"
				     "    if n: return work(n - 1)\n"
				     "    up.release(); wake.wait()\n"
				     "threading.stack_size(256 * 1024)\n"
				     "for i in range(500): threading.Thread(target=work, args=(i % "
				     "7,), daemon=True).start()\n"
				     "for i in range(500): up.acquire()\n"
				     "print('ready', flush=True)\n"
				     "while True: pass\n";
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p = attach(here[i].path, SOURCE);
		size_t works[8] = {0};
		const struct python_sweep *s = sweep(p);

		for (int k = 0; k < 50; k++)
			s = sweep(p);
		ck_assert_uint_eq(s->n, 501);
		for (size_t k = 0; k < s->n; k++) {
			const struct python_thread *t = s->threads[k];
			size_t depth = 0;

			ck_assert_int_gt(t->tid, 0);
			for (size_t f = 0; f < t->n_frames; f++)
				depth += strcmp(t->frames[f].code->name, "work") == 0;
			ck_assert_uint_le(depth, 7);
			works[depth]++;
		}
		/* 500 threads, of depth 1 to 7 in turn; the main thread has none. */
		ck_assert_uint_eq(works[0], 1);
		for (size_t k = 1; k < 8; k++)
			ck_assert_uint_eq(works[k], 500 / 7 + (k <= 500 % 7));
		detach(p);
	}
}
END_TEST

START_TEST(test_deep)
{
	static const char SOURCE[] = "import sys, threading\n"
				     "sys.setrecursionlimit(10000)\n"
				     "def down(n):\n"
				     "    if n: down(n - 1)\n"
				     "    print('ready', flush=True)\n"
				     "    while True: pass\n"
				     "threading.stack_size(256 * 1024 * 1024)\n"
				     "threading.Thread(target=down, args=(4999,)).start()\n";
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p = attach(here[i].path, SOURCE);

		for (int k = 0; k < 20; k++) {
			const struct python_sweep *s = sweep(p);
			size_t most = 0;

			for (size_t m = 0; m < s->n; m++)
				if (s->threads[m]->stack != STACK_REJECTED &&
					s->threads[m]->n_frames > most)
					most = s->threads[m]->n_frames;
			/* down 5,000 times, then run, _bootstrap_inner, _bootstrap. */
			ck_assert_msg(most == 5003, "%s: %zu frames", here[i].path, most);
		}
		detach(p);
	}
}
END_TEST

/* Threads that live a millisecond or less: every one that is seen has a stack of its own program.
 */
START_TEST(test_churn)
{
	static const char SOURCE[] = "import threading, time\n"
				     "def work(): time.sleep(.0005)\n"
				     "print('ready', flush=True)\n"
				     "while True:\n"
				     "    threading.Thread(target=work, daemon=True).start()\n";
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p = attach(here[i].path, SOURCE);
		uint64_t end = clock_now_ns() + (long_run() ? 20 : 1) * NS_PER_S / 4, seen = 0;

		while (clock_now_ns() < end) {
			const struct python_sweep *s = sweep(p);

			ck_assert_uint_ge(s->n, 1);
			for (size_t k = 0; k < s->n; k++) {
				const struct python_thread *t = s->threads[k];

				if (t->stack != STACK_READ && t->stack != STACK_UNCHANGED)
					continue;
				ck_assert_uint_gt(t->n_frames, 0);

				const char *outer = t->frames[t->n_frames - 1].code->name;

				/* when the last reference to its Thread goes, a weak one's
				 * callback runs in it, called from C */
				ck_assert_msg(strcmp(outer, "<module>") == 0 ||
						      strstr(outer, "_bootstrap") != NULL ||
						      strstr(outer, "_remove") != NULL,
					"%s: the outermost frame is %s", here[i].path, outer);
				seen++;
			}
		}
		ck_assert_uint_gt(seen, 100);
		detach(p);
	}
}
END_TEST

/* ---- who holds the lock ---- */

/* Two threads that compute and one that sleeps. Nine of ten looks at least find the lock held (it
 * is free only for the moment of a switch), each of the two holds it in 15 % of them or more (they
 * take turns of 5 ms; 1,200 looks go over 1.2 s, that is 240 turns: even were turns given by tosses
 * of a coin, a share below 15 % would be 11 standard deviations off), and the sleeper never. */
START_TEST(test_holder)
{
	static const char SOURCE[] = "import threading, time\n"
				     "def one():\n"
				     "    while True: pass\n"
				     "def two():\n"
				     "    while True: pass\n"
				     "def idle(): time.sleep(1000)\n"
				     "for f in (one, two, idle):\n"
				     "    threading.Thread(target=f, daemon=True).start()\n"
				     "time.sleep(.05)\n"
				     "print('ready', flush=True)\n"
				     "time.sleep(1000)\n";
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p = attach(here[i].path, SOURCE);
		int one = 0, two = 0, other = 0;

		for (int k = 0; k < 300; k++) {
			const struct python_sweep *s = sweep(p);
			int holders = 0;

			ck_assert_uint_eq(s->n, 4);
			for (size_t m = 0; m < s->n; m++) {
				const struct python_thread *t = s->threads[m];
				const char *name = t->n_frames ? t->frames[0].code->name : "";

				if (!t->gil)
					continue;
				holders++;
				one += strcmp(name, "one") == 0;
				two += strcmp(name, "two") == 0;
				other += strcmp(name, "idle") == 0;
			}
			ck_assert_int_le(holders, 1);
			clock_sleep_ns(NS_PER_MS);
		}
		ck_assert_msg(one + two >= 270 && one >= 45 && two >= 45 && other == 0,
			"%s: held by one %d, two %d, the sleeper %d of 300", here[i].path, one, two,
			other);
		detach(p);
	}
}
END_TEST

/* What is said to be unchanged is: a thread that moves on while another one holds the lock most of
 * the time. Each look compares with a look at all by another reader. */
START_TEST(test_unchanged)
{
	static const char SOURCE[] =
		"import threading, time\n"
		"def a(): time.sleep(.0007)\n"
		"def b(): time.sleep(.0003)\n"
		"def walker():\n"
		"    while True:\n"
		"        a()\n"
		"        b()\n"
		"for i in range(3): threading.Thread(target=walker, daemon=True).start()\n"
		"print('ready', flush=True)\n"
		"while True: time.sleep(.001)\n";
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p = attach(here[i].path, SOURCE);
		int seen[2] = {0};

		/* A walker is in a for seven tenths of the time; one that was never looked at again
		 * would be in one of the two for ever. 1,000 looks, 4 ms and three periods apart.
		 */
		for (int k = 0; k < 250; k++) {
			const struct python_sweep *s = sweep(p);

			for (size_t m = 0; m < s->n; m++) {
				const struct python_thread *t = s->threads[m];

				if (!t->n_frames || t->stack == STACK_REJECTED)
					continue;
				seen[0] += strcmp(t->frames[0].code->name, "a") == 0;
				seen[1] += strcmp(t->frames[0].code->name, "b") == 0;
			}
			clock_sleep_ns(4 * NS_PER_MS / 3);
		}
		ck_assert_msg(seen[0] > 300 && seen[1] > 100 && seen[0] > seen[1],
			"%s: in a %d times, in b %d times", here[i].path, seen[0], seen[1]);
		detach(p);
	}
}
END_TEST

/* ---- ends ---- */

/* Looks until it is over; what it was. */
/* Threads come and go between the look at all and the one at each of them. */
static size_t look_at_each(struct python *p)
{
	const struct python_sweep *s = sweep(p);
	uint64_t retries = 0;
	size_t leaves = 0;

	for (size_t k = 0; k < s->n; k++) {
		struct python_thread *t = s->threads[k];

		clock_sleep_ns(NS_PER_MS / 4);
		if (!python_sweep_one(p, t, &retries) || t->stack > STACK_UNCHANGED)
			continue;
		leaves += strcmp(t->frames[0].code->name, "leaf") == 0;
		for (size_t f = 0; f + 1 < t->n_frames; f++)
			if (strcmp(t->frames[f].code->name, "leaf") == 0)
				ck_assert_str_eq(t->frames[f + 1].code->name, "work");
	}
	return leaves;
}

START_TEST(test_each)
{
	static const char SOURCE[] = "import threading, time\n"
				     "def leaf(): time.sleep(.002)\n"
				     "def work(): leaf()\n"
				     "print('ready', flush=True)\n"
				     "while True:\n"
				     "    t = [threading.Thread(target=work) for i in range(8)]\n"
				     "    [x.start() for x in t]; [x.join() for x in t]\n";
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p = attach(here[i].path, SOURCE);
		size_t leaves = 0;
		uint64_t retries = 0;

		for (int k = 0; k < 1000 && leaves < 100; k++)
			leaves += look_at_each(p);
		ck_assert_uint_ge(leaves, 100);

		struct python_thread *t = sweep(p)->threads[0];

		script_end(&script);
		ck_assert(!python_sweep_one(p, t, &retries));
		python_detach(p);
	}
}
END_TEST

static enum python_why sweep_to_the_end(struct python *p)
{
	enum python_why why = PYTHON_OK;
	uint64_t end = clock_now_ns() + 20 * NS_PER_S;
	const struct python_sweep *s;

	err.text[0] = '\0';
	while (why == PYTHON_OK && clock_now_ns() < end)
		why = python_sweep_all(p, &s, &err);
	return why;
}

static void check_end(const char *source, int signal)
{
	const struct python_here *here;
	size_t n = pythons_here(&here);

	for (size_t i = 0; i < n; i++) {
		struct python *p = attach(here[i].path, source);

		for (int k = 0; k < 50; k++)
			sweep(p);
		if (signal)
			kill(script.pid, signal);
		else
			script_say(&script, "end");
		ck_assert_msg(sweep_to_the_end(p) == PYTHON_GONE, "%s", here[i].path);
		ck_assert_str_ne(err.text, "");
		detach(p);
	}
}

START_TEST(test_exits)
{
	check_end("import sys, threading\n"
		  "def work():\n"
		  "    while True: pass\n"
		  "for i in range(3): threading.Thread(target=work, daemon=True).start()\n"
		  "print('ready', flush=True)\n"
		  "sys.stdin.readline()\n",
		0);
}
END_TEST

START_TEST(test_killed)
{
	check_end("print('ready', flush=True)\nwhile True: pass\n", SIGKILL);
}
END_TEST

/* Another program, and itself anew: at the same addresses where those are not random. */
START_TEST(test_execs)
{
	check_end("import os, sys\n"
		  "print('ready', flush=True)\n"
		  "sys.stdin.readline()\n"
		  "os.execv('/bin/sleep', ['sleep', '1000'])\n",
		0);
	check_end("import os, sys\n"
		  "print('ready', flush=True)\n"
		  "sys.stdin.readline()\n"
		  "os.execv(sys.executable, [sys.executable, '-c', 'while True: pass'])\n",
		0);
}
END_TEST

UNIT_MAIN("pyremote_stacks", test_shapes, test_marks, test_hot_50, test_hot_500,
	test_hot_generators, test_hot_coroutines, test_threads_500, test_deep, test_churn,
	test_holder, test_unchanged, test_each, test_exits, test_killed, test_execs)

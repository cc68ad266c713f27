/*
 * Counting and setting workers, with real masters: culprit's lab, whose /counters tell who serves;
 * gunicorn with three worker classes, whose workers tell their pid and when they were ready; and
 * masters of this program that misbehave.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "lab_client.h"
#include "net/sock.h"
#include "proc/tree.h"
#include "proc/workers.h"

static const struct lab_spec SPEC = LAB_SPEC_INIT;
static const unsigned STEPS[] = {1, 4, 2, 5, 1};
enum { N_STEPS = sizeof(STEPS) / sizeof(STEPS[0]), MOST = 5 };
#define TIMEOUT_NS (30 * NS_PER_S)

static struct err err;

/* ---- the lab ---- */

START_TEST(the_lab_counts_the_same)
{
	struct lab_spec spec = SPEC;
	struct lab_process lab;

	spec.workers = 1;
	lab = lab_start(spec);
	ck_assert(counter_becomes(lab.port, "workers", 1));
	for (size_t i = 0; i < N_STEPS; i++) {
		ck_assert_msg(
			!workers_set(lab.pid, STEPS[i], TIMEOUT_NS, NULL, &err), "%s", err.text);
		ck_assert_int_eq(counter(lab.port, "workers"), STEPS[i]);
		ck_assert_uint_eq(workers_count(lab.pid), STEPS[i]);
	}
	ck_assert_int_eq(counter(lab.port, "worker_starts"), 1 + 3 + 3);
	ck_assert_int_eq(counter(lab.port, "worker_deaths"), 0);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

/* Its workers exist 400 ms before they answer: at no moment are more counted than the lab itself
 * says, and after workers_set() exactly as many. */
START_TEST(a_lab_that_starts_slowly)
{
	struct lab_spec spec = SPEC;
	struct lab_process lab;
	bool seen_less = false;

	spec.workers = 3;
	spec.startup_ns = 400 * NS_PER_MS;
	lab = lab_start(spec);
	ck_assert_uint_eq(workers_count(lab.pid), 0);
	/* still starting: those that come are waited for, and not taken for missing */
	ck_assert_msg(!workers_set(lab.pid, 3, TIMEOUT_NS, NULL, &err), "%s", err.text);
	ck_assert_int_eq(counter(lab.port, "worker_starts"), 3);
	kill(lab.pid, SIGTTIN);
	for (int i = 0; i < 1000; i++) {
		unsigned counted = workers_count(lab.pid);

		ck_assert_uint_le(counted, (unsigned)counter(lab.port, "workers"));
		seen_less |= counted == 3;
		if (counted == 4)
			break;
	}
	ck_assert(seen_less);
	ck_assert_uint_eq(workers_count(lab.pid), 4);
	ck_assert_msg(!workers_set(lab.pid, 1, TIMEOUT_NS, NULL, &err), "%s", err.text);
	ck_assert_int_eq(counter(lab.port, "workers"), 1);
	ck_assert_msg(!workers_set(lab.pid, 3, TIMEOUT_NS, NULL, &err), "%s", err.text);
	ck_assert_int_eq(counter(lab.port, "workers"), 3);
	ck_assert_int_eq(counter(lab.port, "worker_starts"), 6);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

/* Open connections and requests do not change what is counted. */
START_TEST(workers_that_are_at_work)
{
	enum { CLIENTS = 20 };
	static struct client clients[CLIENTS];
	struct lab_process lab = lab_start(SPEC);

	ck_assert(counter_becomes(lab.port, "workers", 2));
	for (int i = 0; i < CLIENTS; i++) {
		client_open(&clients[i], lab.port);
		client_get(&clients[i],
			"/io?std_response_time=0&min_response_time=0&mean_response_time=.5");
	}
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(workers_count(lab.pid), 2);
	for (int i = 0; i < CLIENTS; i++)
		ck_assert_int_eq(client_answer(&clients[i]).status, 200);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

/* ---- gunicorn ---- */

/* Each worker imports for .3 s, in two ways that wait in select() and epoll; answers tell its pid
 * and, in µs of CLOCK_MONOTONIC, when its start was over. A request holds the worker for 5 ms. */
static const char *const APP =
	"import os, select, signal, time\n"
	"select.select([], [], [], .15)\n"
	"if hasattr(select, 'epoll'): select.epoll().poll(.15)\n"
	"ready = [0]\n"
	"def post_worker_init(worker):\n"
	"    ready[0] = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000\n"
	"def app(env, start):\n"
	"    signal.sigtimedwait([], .005)\n"
	"    text = ('%d %d' % (os.getpid(), ready[0])).encode()\n"
	"    start('200 OK', [('Content-Length', str(len(text)))])\n"
	"    return [text]\n";
static const char *const CONFIG = "def post_worker_init(worker):\n"
				  "    import app\n"
				  "    app.post_worker_init(worker)\n";

struct gunicorn {
	char folder[64], port[16];
	pid_t pid;
};

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	fclose(file);
}

static void free_port(char out[16])
{
	int fd = sock_listen("127.0.0.1:0", 1, &err);
	char address[SOCK_TEXT];

	ck_assert_int_ge(fd, 0);
	snprintf(out, 16, "%s", strrchr(sock_local_text(fd, address), ':') + 1);
	close(fd);
}

static struct gunicorn gunicorn_start(const char *class, const char *app)
{
	struct gunicorn g = {.folder = "/tmp/culprit-test-workers-XXXXXX"};
	char bind[40];

	ck_assert_ptr_nonnull(mkdtemp(g.folder));
	write_file(g.folder, "app.py", app);
	write_file(g.folder, "conf.py", CONFIG);
	free_port(g.port);
	snprintf(bind, sizeof(bind), "127.0.0.1:%s", g.port);
	g.pid = fork();
	if (!g.pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (chdir(g.folder) || !freopen("log", "w", stdout) || dup2(1, 2) < 0)
			_exit(1);
		/* a shell before it, as in a study */
		execl("/bin/sh", "sh", "-c",
			"gunicorn -b \"$0\" -c conf.py -w 1 -k \"$1\" --threads $2 app:app; exit "
			"$?",
			bind, class, strcmp(class, "gthread") ? "1" : "2", (char *)NULL);
		_exit(127);
	}
	return g;
}

/* The master, once it is there. */
static pid_t master_of(const struct gunicorn *g)
{
	pid_t master = 0;

	for (int i = 0; i < 2000 && !master; i++) {
		clock_sleep_ns(10 * NS_PER_MS);
		master = workers_master(g->pid, g->port);
	}
	ck_assert_int_gt(master, 0);
	ck_assert_int_ne(master, g->pid);
	return master;
}

static void gunicorn_end(struct gunicorn *g)
{
	char command[128];
	pid_t master = workers_master(g->pid, g->port);

	if (master) {
		kill(master, SIGTERM);
		kill(master, SIGCONT);
	}
	waitpid(g->pid, NULL, 0);
	snprintf(command, sizeof(command), "rm -r %s", g->folder);
	ck_assert_int_eq(system(command), 0);
}

struct answered {
	pid_t pids[2 * MOST];
	size_t n;
};

/* Asks `rounds` times eight at once; who answered, and that they were ready before `by`. */
static void ask(const struct gunicorn *g, int rounds, uint64_t by, struct answered *out)
{
	enum { AT_ONCE = 8 };
	static struct client c[AT_ONCE];

	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < AT_ONCE; i++) {
			client_open(&c[i], (int)strtol(g->port, NULL, 10));
			client_get(&c[i], "/");
		}
		for (int i = 0; i < AT_ONCE; i++) {
			struct answer a = client_answer(&c[i]);
			char *end;
			pid_t pid = (pid_t)strtol(a.body, &end, 10);
			uint64_t ready = strtoull(end, NULL, 10) * NS_PER_US;
			size_t known = 0;

			ck_assert_int_eq(a.status, 200);
			ck_assert_msg(ready > 0 && ready < by, "%s", a.body);
			client_close(&c[i]);
			while (known < out->n && out->pids[known] != pid)
				known++;
			ck_assert_uint_lt(known, 2 * MOST);
			out->pids[known] = pid;
			out->n += known == out->n;
		}
	}
}

/*
 * After each step the workers that answer are exactly so many, and all of them were ready before
 * workers_set() said so. A worker that serves and is not seen in 8 × 200 requests, though a request
 * goes to any of at most five: the odds are far below 1e-9 as long as each has one chance in 50.
 */
static void check_gunicorn(const char *class)
{
	struct gunicorn g = gunicorn_start(class, APP);
	pid_t master = master_of(&g);

	for (size_t i = 0; i < N_STEPS; i++) {
		struct answered who = {.n = 0};
		uint64_t by;

		ck_assert_msg(!workers_set(master, STEPS[i], TIMEOUT_NS, NULL, &err), "%s %u: %s",
			class, STEPS[i], err.text);
		by = clock_now_ns();
		ck_assert_uint_eq(workers_count(master), STEPS[i]);
		for (int tries = 0; tries < 200 && who.n < STEPS[i]; tries++)
			ask(&g, 1, by, &who);
		ask(&g, 10, by, &who);
		ck_assert_msg(who.n == STEPS[i], "%s: %zu workers answer, not %u", class, who.n,
			STEPS[i]);
	}
	gunicorn_end(&g);
}

START_TEST(gunicorn_sync)
{
	check_gunicorn("sync");
}
END_TEST

START_TEST(gunicorn_gthread)
{
	check_gunicorn("gthread");
}
END_TEST

START_TEST(gunicorn_gevent)
{
	check_gunicorn("gevent");
}
END_TEST

/* From the first moment on: while the one worker imports, none is counted. */
START_TEST(gunicorn_while_it_starts)
{
	struct gunicorn g = gunicorn_start("sync", APP);
	pid_t master = master_of(&g);
	struct answered who = {.n = 0};
	uint64_t counted;
	unsigned n = 0;

	for (int i = 0; i < 2000 && !n; i++)
		n = workers_count(master);
	counted = clock_now_ns();
	ck_assert_uint_eq(n, 1);
	ask(&g, 1, counted, &who); /* it was ready before: of its .3 s nothing was left */
	ck_assert_uint_eq(who.n, 1);
	gunicorn_end(&g);
}
END_TEST

/* A worker that cannot import ends gunicorn as a whole. */
START_TEST(gunicorn_whose_workers_crash)
{
	struct gunicorn g = gunicorn_start("sync",
		"import os, time\n"
		"time.sleep(.05)\n"
		"if os.path.exists('broken'): raise ValueError('no database')\n"
		"post_worker_init = lambda worker: None\n"
		"def app(env, start):\n    start('200 OK', [])\n    return []\n");
	pid_t master = master_of(&g);

	ck_assert_msg(!workers_set(master, 1, TIMEOUT_NS, NULL, &err), "%s", err.text);
	write_file(g.folder, "broken", "");
	ck_assert_int_eq(workers_set(master, 3, TIMEOUT_NS, NULL, &err), -ERR_SERVICE);
	ck_assert_msg(strstr(err.text, "ended while their number was set") ||
			      strstr(err.text, "die as they start"),
		"%s", err.text);
	gunicorn_end(&g);
}
END_TEST

/* ---- masters that misbehave ---- */

static int listener;
static atomic_bool asked;

static void on_ttin(int number)
{
	(void)number;
	atomic_store(&asked, true);
}

static _Noreturn void serve_here(void)
{
	for (;;)
		close(accept(listener, NULL, NULL));
}

static pid_t fork_child(void (*run)(void))
{
	pid_t parent = getpid(), pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		run();
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	return pid;
}

static void serve_child(void)
{
	serve_here();
}

static void default_master(void)
{
	fork_child(serve_child);
	for (;;)
		pause();
}

static void ignoring_master(void)
{
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	default_master();
}

static void deaf_master(void)
{
	signal(SIGTTIN, on_ttin);
	signal(SIGTTOU, on_ttin);
	default_master();
}

static void die_young(void)
{
	clock_sleep_ns(30 * NS_PER_MS);
}

/* Once asked for one more, it starts workers that die, for ever. */
static void crashing_master(void)
{
	signal(SIGTTIN, on_ttin);
	signal(SIGTTOU, on_ttin);
	fork_child(serve_child);
	for (;;) {
		if (atomic_load(&asked))
			waitpid(fork_child(die_young), NULL, 0);
		else
			clock_sleep_ns(NS_PER_MS);
	}
}

static void idle_child(void)
{
	for (;;)
		pause();
}

/* Steered well, but with a helper that has the socket and does not serve. */
static void master_with_helper(void)
{
	signal(SIGTTIN, on_ttin);
	signal(SIGTTOU, on_ttin);
	fork_child(idle_child);
	fork_child(serve_child);
	for (;;) {
		if (atomic_exchange(&asked, false))
			fork_child(serve_child);
		clock_sleep_ns(NS_PER_MS);
	}
}

/* No children at all: it serves itself. */
static void lone_master(void)
{
	serve_here();
}

static pid_t start_master(void (*run)(void), char port[16])
{
	char address[SOCK_TEXT];
	pid_t pid;

	listener = sock_listen("127.0.0.1:0", 16, &err);
	ck_assert_int_ge(listener, 0);
	snprintf(port, 16, "%s", strrchr(sock_local_text(listener, address), ':') + 1);
	ck_assert_int_eq(fcntl(listener, F_SETFL, 0), 0); /* accept() is to wait */
	pid = fork_child(run);
	close(listener);
	return pid;
}

static void end_master(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static bool becomes_count(pid_t master, unsigned n)
{
	for (int i = 0; i < 200; i++)
		if (workers_count(master) == n)
			return true;
	return false;
}

static void check_refused(void (*run)(void), unsigned n, const char *text)
{
	char port[16];
	pid_t pid = start_master(run, port);
	struct process p;

	ck_assert(becomes_count(pid, 1));
	ck_assert_int_eq(workers_set(pid, n, TIMEOUT_NS, NULL, &err), -ERR_SERVICE);
	ck_assert_msg(strstr(err.text, text), "%s", err.text);
	ck_assert(process_read(pid, &p));
	ck_assert_msg(p.state != 'T', "it was stopped by the signal");
	end_master(pid);
}

START_TEST(masters_that_do_not_handle_the_signals)
{
	check_refused(default_master, 2, "does not handle SIGTTIN and SIGTTOU");
	check_refused(ignoring_master, 2, "does not handle SIGTTIN and SIGTTOU");
}
END_TEST

START_TEST(a_master_that_does_not_react)
{
	check_refused(
		deaf_master, 2, "did not react to SIGTTIN within 5 s: 1 workers serve, 2 are");
}
END_TEST

START_TEST(workers_that_die_as_they_start)
{
	check_refused(crashing_master, 2, "die as they start: 3 came and went before they served");
}
END_TEST

START_TEST(a_helper_is_no_worker)
{
	char port[16];
	pid_t pid = start_master(master_with_helper, port);

	ck_assert(becomes_count(pid, 1));
	ck_assert_msg(!workers_set(pid, 3, 2 * NS_PER_S, NULL, &err), "%s", err.text);
	ck_assert_uint_eq(workers_count(pid), 3);
	end_master(pid);
}
END_TEST

START_TEST(no_master)
{
	char port[16];
	pid_t pid = start_master(lone_master, port);

	ck_assert_uint_eq(workers_count(pid), 0);
	ck_assert_int_eq(workers_master(getpid(), port), pid);
	end_master(pid);
	ck_assert_int_eq(workers_master(getpid(), port), 0);
	ck_assert_int_eq(workers_set(0, 2, TIMEOUT_NS, NULL, &err), -ERR_SERVICE);
	ck_assert_msg(str_starts(err.text, "no process of the service listens on its port"), "%s",
		err.text);
	ck_assert_int_eq(workers_set(pid, 2, TIMEOUT_NS, NULL, &err), -ERR_SERVICE);
	ck_assert_msg(strstr(err.text, "is not there"), "%s", err.text);
	ck_assert_int_eq(workers_set(getpid(), 2, TIMEOUT_NS, NULL, &err), -ERR_SERVICE);
	ck_assert_msg(strstr(err.text, "listens on no TCP port"), "%s", err.text);
	ck_assert_int_eq(workers_set(pid, 0, TIMEOUT_NS, NULL, &err), -ERR_USAGE);
}
END_TEST

START_TEST(stopped_by_a_person)
{
	struct lab_spec spec = SPEC;
	struct lab_process lab;
	atomic_bool stop = true;

	spec.startup_ns = NS_PER_S;
	lab = lab_start(spec);
	ck_assert_int_eq(workers_set(lab.pid, 2, TIMEOUT_NS, &stop, &err), -ERR_STOPPED);
	stop = false;
	ck_assert_int_eq(workers_set(lab.pid, 2, 200 * NS_PER_MS, &stop, &err), -ERR_SERVICE);
	ck_assert_msg(strstr(err.text, "0 workers") && strstr(err.text, "after 200 ms, not 2") &&
			      strstr(err.text, "does not wait for connections yet"),
		"%s", err.text);
	lab_end(&lab, SIGQUIT);
}
END_TEST

UNIT_MAIN("workers", the_lab_counts_the_same, a_lab_that_starts_slowly, workers_that_are_at_work,
	gunicorn_sync, gunicorn_gthread, gunicorn_gevent, gunicorn_while_it_starts,
	gunicorn_whose_workers_crash, masters_that_do_not_handle_the_signals,
	a_master_that_does_not_react, workers_that_die_as_they_start, a_helper_is_no_worker,
	no_master, stopped_by_a_person)

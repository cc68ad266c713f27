#include "proc/workers.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "proc/port.h"
#include "proc/serving.h"
#include "proc/tree.h"

#define LOOK_NS (10 * NS_PER_MS)
/* For so long nothing may change before the workers are believed to be settled. */
#define HOLD_NS (100 * NS_PER_MS)
/* A master that has done nothing after so long does nothing. gunicorn looks at its signals at once;
 * its gevent workers look once a second whether they are to end. */
#define REACT_NS (5 * NS_PER_S)

/* Looks of workers_count(); workers that may die as they come before it is said. */
enum { LOOKS = 4, MAX_DEATHS = 3, MAX_WORKERS = 1024 };

enum state {
	STRANGER,  /* has not the socket, or not yet */
	BYSTANDER, /* has the socket since before we came, and does nothing with it */
	COMING,    /* has the socket, and was not seen to wait for connections */
	SHUT,      /* was coming, and has not the socket any more: it dies, or is no worker */
	SERVING,
	LEAVING, /* served, and has not the socket any more */
};

struct worker {
	pid_t pid;
	bool there; /* at the last look */
	enum state state;
};

/* The children of a master that have its listening sockets. */
struct crew {
	pid_t master;
	struct port_sockets sockets;
	struct process_tree tree;
	struct worker *items;
	size_t n, cap;
	unsigned serving, coming, leaving; /* now */
	unsigned arrivals, departures;     /* so far: that came to have it; that stopped serving */
	unsigned deaths;                   /* so far: that went without ever serving */
	const atomic_bool *stop;
	uint64_t timeout_ns, end_ns;
};

static void crew_release(struct crew *c)
{
	process_tree_release(&c->tree);
	free(c->items);
}

/* ---- looking ---- */

static struct worker *find(struct crew *c, pid_t pid)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->items[i].pid == pid)
			return &c->items[i];
	c->items = mem_grow(c->items, &c->cap, c->n + 1, sizeof(*c->items));
	c->items[c->n] = (struct worker){.pid = pid};
	return &c->items[c->n++];
}

static void look_at(struct crew *c, pid_t pid)
{
	struct serving now = serving_look(pid, &c->sockets);
	struct worker *w = find(c, pid);

	w->there = true;
	if (w->state == STRANGER && now.holds) {
		w->state = COMING;
		c->arrivals++;
	}
	if ((w->state == COMING || w->state == BYSTANDER) && now.waits)
		w->state = SERVING;
	if (w->state == COMING && !now.holds)
		w->state = SHUT;
	if (w->state == SERVING && !now.holds) {
		w->state = LEAVING;
		c->departures++;
	}
}

/* One look at the master and its children; true when something changed. */
static bool look(struct crew *c)
{
	struct crew before = *c;
	size_t kept = 0;

	for (size_t i = 0; i < c->n; i++)
		c->items[i].there = false;
	process_tree_read(&c->tree, c->master);
	for (size_t i = 1; i < c->tree.n; i++)
		if (c->tree.items[i].parent == c->master && c->tree.items[i].state != 'Z' &&
			c->tree.items[i].state != 'X')
			look_at(c, c->tree.items[i].pid);
	c->serving = c->coming = c->leaving = 0;
	for (size_t i = 0; i < c->n; i++) {
		struct worker w = c->items[i];

		if (!w.there) {
			c->departures += w.state == SERVING;
			c->deaths += w.state == COMING || w.state == SHUT;
			continue;
		}
		c->serving += w.state == SERVING;
		c->coming += w.state == COMING;
		c->leaving += w.state == LEAVING;
		c->items[kept++] = w;
	}
	c->n = kept;
	return before.serving != c->serving || before.coming != c->coming ||
	       before.leaving != c->leaving || before.arrivals != c->arrivals ||
	       before.departures != c->departures || before.deaths != c->deaths;
}

unsigned workers_count(pid_t master)
{
	struct crew c = {.master = master};
	unsigned n;

	port_listeners_of(master, 0, &c.sockets);
	for (int i = 0; i < LOOKS; i++) {
		if (i)
			clock_sleep_ns(LOOK_NS);
		look(&c);
		if (!c.coming)
			break;
	}
	n = c.serving;
	crew_release(&c);
	return n;
}

/* ---- can it be steered at all ---- */

#define STEERING (UINT64_C(1) << (SIGTTIN - 1) | UINT64_C(1) << (SIGTTOU - 1))

/* In sigtimedwait() for them: while a process is in there, they are not among those blocked. */
static bool waits_for_signals(pid_t pid)
{
	char text[256], *p;
	uint64_t set = 0;
	uintptr_t address;
	struct iovec local = {&set, sizeof(set)}, remote = {.iov_len = sizeof(set)};

	if (!serving_read_call(pid, text))
		return false;
	if (text[0] < '0' || text[0] > '9') /* only the name of the kernel's function */
		return strstr(text, "sigtimedwait") != NULL;
	if (strtol(text, &p, 10) != SYS_rt_sigtimedwait)
		return false;
	address = strtoull(p, NULL, 16);
	remote.iov_base = (void *)address; /* NOLINT(performance-no-int-to-ptr) */
	return process_vm_readv(pid, &local, 1, &remote, 1, 0) != sizeof(set) ||
	       (set & STEERING) == STEERING;
}

/* Caught, or blocked to be waited for; a signal that is neither would be ignored, or stop it. */
static bool has_handlers(pid_t pid)
{
	char path[40], *line = NULL;
	uint64_t handled = 0;
	size_t cap = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file && getline(&line, &cap, file) > 0)
		if (str_starts(line, "SigCgt:") || str_starts(line, "SigBlk:"))
			handled |= strtoull(line + 7, NULL, 16);
	free(line);
	if (file)
		fclose(file);
	return (handled & STEERING) == STEERING;
}

/* Looks again, for it may go from one state to the other between two looks. */
static bool handles_signals(pid_t pid)
{
	for (int i = 0; i < LOOKS; i++) {
		if (has_handlers(pid) || waits_for_signals(pid))
			return true;
		clock_sleep_ns(NS_PER_MS);
	}
	return false;
}

static int no_handlers(const struct crew *c, struct err *err)
{
	char command[96];

	return err_set(err, ERR_SERVICE,
		"process %d (%s) does not handle SIGTTIN and SIGTTOU, by which workers are added "
		"and taken away, so they were not sent; gunicorn and culprit's labs do, for "
		"another service give the number of workers by an argument",
		(int)c->master, process_command(c->master, command, sizeof(command)));
}

static int check_master(struct crew *c, unsigned n, struct err *err)
{
	struct process process;
	char command[96];

	if (!n || n > MAX_WORKERS)
		return err_set(err, ERR_USAGE,
			"%u workers: there must be at least 1, and at most %d", n, MAX_WORKERS);
	if (c->master <= 0)
		return err_set(err, ERR_SERVICE,
			"no process of the service listens on its port, so there is no master to "
			"send SIGTTIN and SIGTTOU to; for a service without one, give the number "
			"of workers by an argument or a variable of the environment");
	if (!process_lives(c->master, &process))
		return err_set(err, ERR_SERVICE,
			"the master of the workers, process %d, is not there; start the service",
			(int)c->master);
	process_command(c->master, command, sizeof(command));
	port_listeners_of(c->master, 0, &c->sockets);
	if (!c->sockets.n)
		return err_set(err, ERR_SERVICE,
			"process %d (%s) listens on no TCP port that culprit can see, so its "
			"workers cannot be counted; run culprit as the user of the service, and "
			"the service on a TCP port",
			(int)c->master, command);
	if (!handles_signals(c->master))
		return no_handlers(c, err);
	return 0;
}

/* ---- waiting ---- */

/* What keeps it from being settled, in the words of an error. */
static int late(const struct crew *c, unsigned n, struct err *err)
{
	char time[NUM_TEXT], command[96];

	num_duration((double)c->timeout_ns / 1e9, time);
	for (size_t i = 0; i < c->n; i++)
		if (c->items[i].state == COMING || c->items[i].state == LEAVING)
			return err_set(err, ERR_SERVICE,
				"%u workers of process %d serve after %s, not %u: worker %d (%s) "
				"%s; allow more time, or see in the service's output what it "
				"waits for",
				c->serving, (int)c->master, time, n, (int)c->items[i].pid,
				process_command(c->items[i].pid, command, sizeof(command)),
				c->items[i].state == COMING
					? "was started but does not wait for connections yet"
					: "was told to end and has not yet");
	return err_set(err, ERR_SERVICE,
		"%u workers of process %d serve after %s, not %u; allow more time, or see in the "
		"service's output why they come and go",
		c->serving, (int)c->master, time, n);
}

/* False where the master has gone. One that puts its handlers away in the moment in which it is
 * sent a signal (it is ending) is stopped by it; it is let go on. */
static bool tend_master(pid_t pid)
{
	struct process p;

	if (!process_lives(pid, &p))
		return false;
	if (p.state == 'T')
		kill(pid, SIGCONT);
	return true;
}

static int die_young(const struct crew *c, struct err *err)
{
	return err_set(err, ERR_SERVICE,
		"workers of process %d die as they start: %u came and went before they served, %u "
		"serve; the service's output tells why",
		(int)c->master, c->deaths, c->serving);
}

/* Sleeps and looks once: 0, or what ends it. */
static int wait_a_look(struct crew *c, unsigned n, bool *changed, struct err *err)
{
	if (c->stop && atomic_load(c->stop))
		return err_set(err, ERR_STOPPED, "stopped while the number of workers was set");
	clock_sleep_ns(LOOK_NS);
	*changed = look(c);
	if (!tend_master(c->master))
		return err_set(err, ERR_SERVICE,
			"the master of the workers, process %d, ended while their number was set; "
			"its last output tells why (gunicorn ends when a worker cannot start)",
			(int)c->master);
	if (c->deaths >= MAX_DEATHS)
		return die_young(c, err);
	return clock_now_ns() > c->end_ns ? late(c, n, err) : 0;
}

/* Until all that have the socket serve, none is leaving, and nothing has changed for a moment. */
static int settle(struct crew *c, unsigned n, struct err *err)
{
	uint64_t quiet_since = clock_now_ns();
	bool changed = false;
	int rc = 0;

	while (!rc && (c->coming || c->leaving || clock_now_ns() - quiet_since < HOLD_NS)) {
		rc = wait_a_look(c, n, &changed, err);
		if (changed)
			quiet_since = clock_now_ns();
	}
	return rc;
}

/*
 * Before the first signal: workers that are still starting come first, or there would be too many.
 * A child that has the socket and does nothing with it in half of the time (a helper that was
 * forked from the master) is no worker, until it serves.
 */
static int settle_first(struct crew *c, unsigned n, struct err *err)
{
	uint64_t end_ns = c->end_ns;
	int rc;

	look(c);
	c->end_ns -= c->timeout_ns / 2;
	rc = settle(c, n, err);
	if (rc && clock_now_ns() > c->end_ns) {
		for (size_t i = 0; i < c->n; i++)
			if (c->serving && c->items[i].state == COMING)
				c->items[i].state = BYSTANDER;
		c->end_ns = end_ns;
		rc = settle(c, n, err);
	}
	c->end_ns = end_ns;
	return rc;
}

/* ---- one worker more, or less ---- */

static int no_reaction(const struct crew *c, unsigned n, struct err *err)
{
	bool more = c->serving < n;
	char command[96];

	return err_set(err, ERR_SERVICE,
		"process %d (%s) did not react to %s within 5 s: %u workers serve, %u are wanted, "
		"and none %s; see its output, or give the number of workers by an argument",
		(int)c->master, process_command(c->master, command, sizeof(command)),
		more ? "SIGTTIN" : "SIGTTOU", c->serving, n, more ? "came" : "went");
}

static int step(struct crew *c, unsigned n, struct err *err)
{
	bool more = c->serving < n, changed = false;
	const unsigned *effect = more ? &c->arrivals : &c->departures, before = *effect;
	uint64_t end = clock_now_ns() + REACT_NS;
	int rc = 0;

	/* each time: a master that ends because its workers cannot start does not any more */
	if (!handles_signals(c->master))
		return c->deaths ? die_young(c, err) : no_handlers(c, err);
	if (kill(c->master, more ? SIGTTIN : SIGTTOU))
		return err_set(err, ERR_SERVICE,
			"process %d, the master of the workers, cannot be sent a signal (%m): run "
			"culprit as the user of the service",
			(int)c->master);
	while (!rc && *effect == before) {
		rc = wait_a_look(c, n, &changed, err);
		if (!rc && *effect == before && clock_now_ns() > end)
			rc = c->deaths ? die_young(c, err) : no_reaction(c, n, err);
	}
	return rc ? rc : settle(c, n, err);
}

int workers_set(
	pid_t master, unsigned n, uint64_t timeout_ns, const atomic_bool *stop, struct err *err)
{
	struct crew c = {.master = master,
		.stop = stop,
		.timeout_ns = timeout_ns,
		.end_ns = clock_now_ns() + timeout_ns};
	int rc = check_master(&c, n, err);

	if (!rc)
		rc = settle_first(&c, n, err);
	while (!rc && c.serving != n)
		rc = step(&c, n, err);
	crew_release(&c);
	return rc;
}

/* ---- who is the master ---- */

static bool has_sharing_child(
	const struct process_tree *tree, pid_t pid, const struct port_sockets *sockets)
{
	bool found = false;

	for (size_t i = 0; i < tree->n && !found; i++) {
		struct port_sockets own;

		if (tree->items[i].parent != pid)
			continue;
		port_listeners_of(tree->items[i].pid, 0, &own);
		for (size_t j = 0; j < own.n; j++)
			found |= port_has(sockets, own.inodes[j]);
	}
	return found;
}

pid_t workers_master(pid_t root, const char *port)
{
	struct process_tree tree = {0};
	pid_t found = 0, first = 0;
	int64_t number;

	if (num_parse_int(port, 1, 65535, "port", &number, NULL))
		return 0;
	process_tree_read(&tree, root);
	for (size_t i = 0; i < tree.n && !found; i++) {
		struct port_sockets sockets;

		port_listeners_of(tree.items[i].pid, (unsigned)number, &sockets);
		if (!sockets.n)
			continue;
		if (has_sharing_child(&tree, tree.items[i].pid, &sockets))
			found = tree.items[i].pid;
		else if (!first)
			first = tree.items[i].pid;
	}
	process_tree_release(&tree);
	return found ? found : first;
}

/*
 * Which processes belong to the tree, and what they used.
 *
 * Finding new ones is cheap because the kernel hands numbers out in order and tells the last one
 * (in 1 µs), so while it stands still nothing began, and when it moved only the numbers
 * between are asked for (0.3 µs each). A scan of all of /proc is made at the start, when the
 * numbers began anew, and every ten seconds.
 *
 * What an ended process used is counted by its parent, once it was waited for: the kernel's count
 * (cutime) has the children that nobody saw, but in ticks of 10 ms; what was seen of a child before
 * it ended is exact, but not whole. Both are lower bounds, so the larger one is taken. A process
 * whose parent is outside the tree is kept as it was seen last.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/recorder_internal.h"

#define SCAN_EVERY_NS (10 * NS_PER_S)

enum {
	ASK_AGAIN = 3,   /* ticks in which a missing one is asked for */
	ASK_MOST = 2000, /* numbers that are asked for one by one; beyond, /proc is listed */
	FDS_SPARED = 256 /* descriptors that are left to the rest of the program */
};

/* ---- the list, by pid ---- */

/* The place of the pid, or where it would go. */
static size_t place_of(const struct recorder_tree *t, pid_t pid)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (t->items[middle]->pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct member *find(const struct recorder_tree *t, pid_t pid)
{
	size_t i = place_of(t, pid);

	return i < t->n && t->items[i]->pid == pid ? t->items[i] : NULL;
}

static void insert(struct recorder_tree *t, struct member *m)
{
	size_t i = place_of(t, m->pid);

	t->items = mem_grow(t->items, &t->cap, t->n + 1, sizeof(struct member *));
	memmove(t->items + i + 1, t->items + i, (t->n - i) * sizeof(struct member *));
	t->items[i] = m;
	t->n++;
}

/* ---- who belongs to it ---- */

/* By its parent; or, where that has ended, by a group or session that one of the tree leads. */
static bool belongs(const struct recorder_tree *t, const struct member *m)
{
	if (m->pid == t->own)
		return false; /* `culprit watch --pid $$` is not about culprit */
	/* at the start only: later its number is another's */
	if (m->pid == t->root)
		return !t->begun;
	if (t->self && m->parent == t->root)
		return true;
	return find(t, m->parent) || find(t, m->group) || find(t, m->session);
}

/* Looks at a process that is not in the list; true where it was taken in. */
static bool consider(struct recorder_tree *t, pid_t pid)
{
	struct member *m;
	uint64_t ns;

	if (t->n >= RECORDER_PROCESSES || !member_clock(pid, &ns))
		return false;
	m = mem_zalloc(1, sizeof(*m));
	*m = (struct member){.pid = pid,
		.stat = {-1},
		.io = {-1},
		.clock_ns = ns,
		.unread_waits = true,
		.unread_dear = true,
		.files = NAN,
		.pss_bytes = NAN};
	if (!member_read_stat(&t->reader, m) || !belongs(t, m)) {
		member_free(&t->reader, m);
		return false;
	}
	m->own[COUNT_CPU] = fmax(m->own[COUNT_CPU], (double)m->clock_ns / 1e9);
	memcpy(m->kids_known, m->kids_read, sizeof(m->kids_known));
	m->stale = true;
	insert(t, m);
	t->seen |= pid != t->root || !t->exclude_root;
	return true;
}

/* All of /proc, until a round finds nothing new. */
static void scan(struct recorder_tree *t)
{
	struct dirent *entry;
	bool again = true;
	DIR *folder;

	while (again) {
		again = false;
		folder = opendir("/proc");
		while (folder && (entry = readdir(folder))) {
			pid_t pid;

			if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
				continue;
			pid = (pid_t)strtol(entry->d_name, NULL, 10);
			if (!find(t, pid))
				again |= consider(t, pid);
		}
		if (folder)
			closedir(folder);
	}
}

/* The number that was given out last; 0: not told. */
static pid_t last_pid(struct recorder_tree *t)
{
	static const char NS_LAST_PID[] = "/proc/sys/kernel/ns_last_pid";
	static const char LOADAVG[] = "/proc/loadavg"; /* "0.20 0.18 0.12 1/80 11206" */
	size_t *fds = &t->reader.fds_left;
	char text[128];
	const char *p;

	/* the first one needs CONFIG_CHECKPOINT_RESTORE; the second one may be made up by lxcfs */
	if (!t->no_last_pid && kept_read(&t->last, NS_LAST_PID, fds, text, sizeof(text)) > 0) {
		p = text;
		return (pid_t)scan_count(&p);
	}
	t->no_last_pid = true;
	if (kept_read(&t->last, LOADAVG, fds, text, sizeof(text)) <= 0)
		return 0;
	p = strrchr(text, ' ');
	return p ? (pid_t)scan_count(&p) : 0;
}

/* A thread's number has no process clock, but takes a signal. */
static bool is_missing(pid_t pid)
{
	return kill(pid, 0) && errno == ESRCH;
}

/* The kernel gives a number out a little before a process has it, and may be interrupted there. */
static void ask_again(struct recorder_tree *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->n_missing; i++) {
		struct missing m = t->missing[i];

		if (find(t, m.pid) || consider(t, m.pid) || !is_missing(m.pid))
			continue;
		if (++m.asked < ASK_AGAIN)
			t->missing[kept++] = m;
		else
			t->short_lived++;
	}
	t->n_missing = kept;
}

static void discover(struct recorder_tree *t, uint64_t now_ns)
{
	pid_t last = last_pid(t), before = t->last_pid;

	ask_again(t);
	t->last_pid = last;
	if (last == before && now_ns < t->next_scan_ns)
		return;
	t->reader.deep_moves = true;
	if (last < before || last - before > ASK_MOST || now_ns >= t->next_scan_ns) {
		t->next_scan_ns = now_ns + SCAN_EVERY_NS;
		scan(t);
	}
	for (pid_t pid = before + 1; last - before <= ASK_MOST && pid <= last; pid++) {
		if (find(t, pid) || consider(t, pid) || !is_missing(pid))
			continue;
		if (t->n_missing < RECORDER_MISSING)
			t->missing[t->n_missing++] = (struct missing){pid, 1};
		else
			t->short_lived++;
	}
}

/* ---- counts of those that ended ---- */

static double kids(const struct member *m, enum recorder_count c)
{
	return fmax(m->kids_read[c], m->kids_known[c]);
}

/* Who inherits: the parent, or the first above it that is there; NULL: nobody in the list. */
static struct member *heir_of(const struct recorder_tree *t, const struct member *m)
{
	struct member *heir = find(t, m->parent);

	while (heir && heir->gone)
		heir = find(t, heir->parent);
	if (!heir && t->exclude_root)
		heir = find(t, t->root);
	return heir;
}

/* This process's own children that ended are counted by getrusage(), so nothing is kept for them
 * but what it does not tell. */
static bool is_told(const struct recorder_tree *t, enum recorder_count c)
{
	return t->self && c != COUNT_WAITED;
}

static void bury(struct recorder_tree *t, struct member *m)
{
	struct member *heir = heir_of(t, m);

	for (enum recorder_count c = 0; c < N_COUNTS; c++) {
		double used = m->own[c] + kids(m, c);

		if (heir && (c == COUNT_READ || c == COUNT_WRITTEN))
			continue; /* in its own count already */
		if (heir)
			heir->kids_known[c] += used;
		else if (!is_told(t, c))
			t->ended[c] += used;
	}
	if (heir)
		heir->stale = heir->unread_dear = true;
	for (size_t i = 0; i < t->n; i++) /* they have a new parent now */
		if (t->items[i]->parent == m->pid)
			t->items[i]->stale = true;
}

static void bury_gone(struct recorder_tree *t)
{
	size_t kept = 0;

	for (size_t i = t->n; i-- > 0;)
		if (t->items[i]->gone)
			bury(t, t->items[i]);
	for (size_t i = 0; i < t->n; i++)
		if (t->items[i]->gone)
			member_free(&t->reader, t->items[i]);
		else
			t->items[kept++] = t->items[i];
	t->n = kept;
}

/* ---- a tick ---- */

static void read_clock(struct member *m)
{
	uint64_t ns;

	/* gone, or its number is another's already */
	if (!member_clock(m->pid, &ns) || ns < m->clock_ns) {
		m->stale = true;
		return;
	}
	if (ns == m->clock_ns)
		return;
	m->clock_ns = ns;
	m->own[COUNT_CPU] = fmax(m->own[COUNT_CPU], (double)ns / 1e9);
	m->unread = m->unread_waits = m->unread_dear = true;
}

static void read_stat(struct recorder_tree *t, struct member *m)
{
	m->gone = !member_read_stat(&t->reader, m);
}

/* Those that must be read, and in turn so many of those that ran. */
static void read_stats(struct recorder_tree *t, size_t most)
{
	for (size_t i = 0; i < t->n; i++) {
		read_clock(t->items[i]);
		if (t->items[i]->stale)
			read_stat(t, t->items[i]);
	}
	for (size_t i = 0; i < t->n && most; i++) {
		struct member *m = t->items[t->stat_turn++ % t->n];

		if (!m->unread || m->gone)
			continue;
		read_stat(t, m);
		most--;
	}
	t->stat_turn = t->n ? t->stat_turn % t->n : 0;
}

static void read_dear(struct recorder_tree *t, size_t most)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->items[i]->unread_waits)
			member_read_waits(&t->reader, t->items[i]);
	for (size_t i = 0; i < t->n && most; i++) {
		struct member *m = t->items[t->dear_turn++ % t->n];

		if (!m->unread_dear)
			continue;
		member_read_dear(&t->reader, m);
		most--;
	}
	t->dear_turn = t->n ? t->dear_turn % t->n : 0;
	t->reader.deep_moves = false;
}

static void read_self_kids(double *out)
{
	struct rusage u;

	memset(out, 0, N_COUNTS * sizeof(*out));
	if (getrusage(RUSAGE_CHILDREN, &u))
		return;
	out[COUNT_USER] = (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6;
	out[COUNT_SYSTEM] = (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6;
	out[COUNT_CPU] = out[COUNT_USER] + out[COUNT_SYSTEM];
	out[COUNT_FAULTS] = (double)u.ru_majflt;
	out[COUNT_VOLUNTARY] = (double)u.ru_nvcsw;
	out[COUNT_INVOLUNTARY] = (double)u.ru_nivcsw;
	out[COUNT_READ] = (double)u.ru_inblock * 512;
	out[COUNT_WRITTEN] = (double)u.ru_oublock * 512;
}

/* Never less than before: a process that ended between two reads is missing in one of them. */
static void add_up(struct recorder_tree *t, const double *self_kids)
{
	double sum[N_COUNTS];

	t->alive = t->threads = 0;
	for (enum recorder_count c = 0; c < N_COUNTS; c++)
		sum[c] = t->ended[c] + self_kids[c] - t->self_kids[c];
	for (size_t i = 0; i < t->n; i++) {
		const struct member *m = t->items[i];
		bool counts = m->pid != t->root || !t->exclude_root;

		for (enum recorder_count c = 0; c < N_COUNTS; c++)
			sum[c] += kids(m, c) + (counts ? m->own[c] : 0);
		if (counts && (m->state != 'Z' || m->n_threads_now > 1)) {
			t->alive++;
			t->threads += m->n_threads_now;
		}
	}
	for (enum recorder_count c = 0; c < N_COUNTS; c++)
		t->sum[c] = fmax(t->sum[c], sum[c]);
}

void recorder_tree_read(struct recorder_tree *t, uint64_t now_ns, enum recorder_depth depth)
{
	bool whole = depth == TICK_WHOLE;
	double self_kids[N_COUNTS] = {0};

	/* Ended children first, then the living: one that ends in between is missing for a tick,
	 * the other way round it would count twice. */
	if (t->self)
		read_self_kids(self_kids);
	discover(t, now_ns);
	read_stats(t, whole ? SIZE_MAX : RECORDER_STATS);
	bury_gone(t);
	t->reader.switches_left = whole ? SIZE_MAX : RECORDER_SWITCHES;
	if (depth >= TICK_DEEP)
		read_dear(t, whole ? SIZE_MAX : RECORDER_DEAR);
	add_up(t, self_kids);
}

bool recorder_tree_ended(const struct recorder_tree *t)
{
	return t->seen && !t->alive;
}

static void deep_values(const struct recorder_tree *t, double *v)
{
	double files = 0, pss = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct member *m = t->items[i];

		if (m->pid == t->root && t->exclude_root)
			continue;
		files += isnan(m->files) ? 0 : m->files;
		pss += isnan(m->pss_bytes) ? 0 : m->pss_bytes;
	}
	v[RECORD_FILES] = files;
	if (t->reader.pss)
		v[RECORD_PSS] = pss;
	v[RECORD_READ] = t->sum[COUNT_READ];
	v[RECORD_WRITTEN] = t->sum[COUNT_WRITTEN];
	v[RECORD_VOLUNTARY] = t->sum[COUNT_VOLUNTARY];
	v[RECORD_INVOLUNTARY] = t->sum[COUNT_INVOLUNTARY];
	v[RECORD_WAITED] = t->sum[COUNT_WAITED];
}

void recorder_tree_values(const struct recorder_tree *t, bool deep, double *v)
{
	double rss = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->items[i]->pid != t->root || !t->exclude_root)
			rss += t->items[i]->rss_bytes;
	v[RECORD_CPU] = t->sum[COUNT_CPU];
	v[RECORD_USER] = t->sum[COUNT_USER];
	v[RECORD_SYSTEM] = t->sum[COUNT_SYSTEM];
	v[RECORD_FAULTS] = t->sum[COUNT_FAULTS];
	v[RECORD_RSS] = rss;
	v[RECORD_PROCESSES] = (double)t->alive;
	v[RECORD_THREADS] = (double)t->threads;
	if (deep)
		deep_values(t, v);
}

int recorder_tree_init(struct recorder_tree *t, const struct recorder_spec *spec, struct err *err)
{
	struct rlimit limit;

	*t = (struct recorder_tree){.root = spec->root,
		.exclude_root = spec->exclude_root,
		.own = getpid(),
		.self = spec->root == getpid(),
		.last = {-1}};
	t->reader = (struct recorder_reader){.pss = spec->pss,
		.tick_s = 1 / (double)sysconf(_SC_CLK_TCK),
		.page_bytes = (double)sysconf(_SC_PAGESIZE)};
	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur > FDS_SPARED)
		t->reader.fds_left = limit.rlim_cur > 65536
					     ? 65536 / 2
					     : (size_t)(limit.rlim_cur - FDS_SPARED) / 2;
	if (t->self && !t->exclude_root)
		return err_set(err, ERR_USAGE, "culprit cannot record itself");
	if (t->self)
		read_self_kids(t->self_kids);
	/* before the first look at /proc, so that what begins meanwhile is asked for afterwards */
	t->last_pid = last_pid(t);
	if (!t->self && !consider(t, t->root))
		return err_set(err, ERR_USAGE,
			"there is no process with pid %d; `ps` lists those that there are",
			(int)t->root);
	t->begun = true;
	scan(t);
	t->next_scan_ns = clock_now_ns() + SCAN_EVERY_NS;
	t->reader.deep_moves = true;
	return 0;
}

void recorder_tree_release(struct recorder_tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		member_free(&t->reader, t->items[i]);
	free(t->items);
	kept_close(&t->last, &t->reader.fds_left);
	*t = (struct recorder_tree){.last = {-1}};
}

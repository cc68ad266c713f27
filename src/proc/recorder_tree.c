/*
 * Which processes belong to the tree (proc/arrivals.h finds the new ones), and what they used.
 *
 * What an ended process used is counted by its parent, once it was waited for: the kernel's count
 * (cutime) has the children that nobody saw, but in ticks of 10 ms; what was seen of a child before
 * it ended is exact, but not whole. Both are lower bounds, so the larger one is taken. A process
 * whose parent is outside the tree is kept as it was seen last.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/recorder_internal.h"

enum { FDS_SPARED = 256 }; /* descriptors that are left to the rest of the program */

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

/* What it is to the tree; where it belongs to it, it is taken in. */
static enum arrival consider(void *owner, pid_t pid)
{
	struct recorder_tree *t = owner;
	struct member *m;
	uint64_t ns;

	if (find(t, pid))
		return ARRIVAL_KNOWN;
	if (t->n >= RECORDER_PROCESSES || !member_clock(pid, &ns))
		return ARRIVAL_LEFT;
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
		return ARRIVAL_LEFT;
	}
	m->own[COUNT_CPU] = fmax(m->own[COUNT_CPU], (double)m->clock_ns / 1e9);
	memcpy(m->kids_known, m->kids_read, sizeof(m->kids_known));
	m->stale = true;
	insert(t, m);
	t->seen |= pid != t->root || !t->exclude_root;
	return ARRIVAL_TAKEN;
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
	t->reader.deep_moves |= arrivals_look(&t->arrivals, now_ns, consider, t);
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
		.arrivals = {.fd = -1}};
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
	arrivals_init(&t->arrivals);
	if (!t->self && consider(t, t->root) != ARRIVAL_TAKEN)
		return err_set(err, ERR_USAGE,
			"there is no process %d (it has ended, or the number is wrong); `ps -e` "
			"lists those that run",
			(int)t->root);
	t->begun = true;
	arrivals_look(&t->arrivals, clock_now_ns(), consider, t);
	t->reader.deep_moves = true;
	return 0;
}

void recorder_tree_release(struct recorder_tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		member_free(&t->reader, t->items[i]);
	free(t->items);
	arrivals_release(&t->arrivals);
	*t = (struct recorder_tree){.arrivals = {.fd = -1}};
}

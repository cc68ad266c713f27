/*
 * Which processes are looked at: the root and everything that it starts, as it comes. The kernel
 * hands numbers out in order and tells the last one (1 µs), so while it stands still nothing
 * began, and when it moved only the numbers between are asked for. All of /proc is listed at the
 * start, when the numbers began anew, and every ten seconds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sampler/sampler_internal.h"

#define SCAN_EVERY_NS  (10 * NS_PER_S)
#define CHECK_EVERY_NS (100 * NS_PER_MS)

enum { ASK_MOST = 2000 }; /* numbers that are asked for one by one; beyond, /proc is listed */

void family_init(struct family *f, const struct sampler_spec *spec)
{
	*f = (struct family){.root = spec->pid,
		.own = getpid(),
		.alone = spec->alone,
		.below_only = spec->below_only,
		.last_fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC)};
}

/* ---- the list, by pid ---- */

static size_t place_of(const struct family *f, pid_t pid)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (f->items[middle]->pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct subject *family_find(const struct family *f, pid_t pid)
{
	size_t i = place_of(f, pid);

	return i < f->n && f->items[i]->pid == pid ? f->items[i] : NULL;
}

static void insert(struct family *f, struct subject *j)
{
	size_t i = place_of(f, j->pid);

	f->items = mem_grow(f->items, &f->cap, f->n + 1, sizeof(struct subject *));
	memmove(f->items + i + 1, f->items + i, (f->n - i) * sizeof(struct subject *));
	f->items[i] = j;
	f->n++;
}

/* ---- who belongs to it ---- */

/* By its parent; or, where that has ended, by a group or session that one of them leads. Never
 * this process, unless it is the root of what it starts. */
static bool belongs(const struct family *f, pid_t pid, const struct process_ids *ids)
{
	if (pid == f->root)
		return !f->begun; /* later its number is another's */
	if (pid == f->own)
		return false;
	if (f->alone) /* of a command that is run: the first one below this process */
		return f->below_only && !f->only && ids->parent == f->root;
	return family_find(f, ids->parent) || family_find(f, ids->group) ||
	       family_find(f, ids->session);
}

/* Looks at a number that is not in the list; true where it was taken in. */
static bool consider(struct sampler *s, pid_t pid, uint64_t now)
{
	struct family *f = &s->family;
	struct process_ids ids;
	struct subject *j;
	clockid_t clock;

	/* a thread's number has no process clock: told in .3 µs */
	if (f->n >= SUBJECTS || clock_getcpuclockid(pid, &clock) || !process_ids_read(pid, &ids) ||
		!belongs(f, pid, &ids))
		return false;
	j = subject_new(pid, ids.start_ticks, now);
	if (pid == f->root && f->below_only)
		j->kind = SUBJECT_UNSEEN;
	else if (f->alone)
		f->only = pid;
	insert(f, j);
	return true;
}

/* All of /proc, until a round finds nothing new. */
static void scan(struct sampler *s, uint64_t now)
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
			if (!family_find(&s->family, pid))
				again |= consider(s, pid, now);
		}
		if (folder)
			closedir(folder);
	}
}

/* The number that was given out last, of "0.20 0.18 0.12 1/80 11206"; 0: not told. */
static pid_t last_pid(const struct family *f)
{
	char text[128];
	ssize_t n = f->last_fd < 0 ? -1 : pread(f->last_fd, text, sizeof(text) - 1, 0);
	const char *p;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	p = strrchr(text, ' ');
	return p ? (pid_t)strtol(p + 1, NULL, 10) : 0;
}

/* The kernel gives a number out a little before a process has it. */
static void ask(struct sampler *s, pid_t pid, uint64_t now)
{
	struct family *f = &s->family;

	if (family_find(f, pid) || consider(s, pid, now))
		return;
	if (kill(pid, 0) && errno == ESRCH &&
		f->n_missing < sizeof(f->missing) / sizeof(f->missing[0]))
		f->missing[f->n_missing++] = pid;
}

static void ask_again(struct sampler *s, uint64_t now)
{
	struct family *f = &s->family;

	for (size_t i = 0; i < f->n_missing; i++)
		if (!family_find(f, f->missing[i]))
			consider(s, f->missing[i], now);
	f->n_missing = 0;
}

static void discover(struct sampler *s, uint64_t now)
{
	struct family *f = &s->family;
	pid_t last = last_pid(f), before = f->last_pid;

	ask_again(s, now);
	f->last_pid = last;
	if (last == before && now < f->next_scan_ns)
		return;
	if (last < before || last - before > ASK_MOST || now >= f->next_scan_ns) {
		f->next_scan_ns = now + SCAN_EVERY_NS;
		scan(s, now);
		return;
	}
	for (pid_t pid = before + 1; pid <= last; pid++)
		ask(s, pid, now);
}

/* ---- who is gone ---- */

/* True where this process has ended, or its number is another's now. Of a Python that is looked at
 * the clock tells (.3 µs; its looks tell of an end before anybody waited for it); of others stat.
 */
static bool is_gone(const struct subject *j)
{
	struct process_ids ids;
	struct timespec ignored;

	if (j->kind == SUBJECT_PYTHON && !clock_gettime(j->clock, &ignored))
		return false;
	return !process_ids_read(j->pid, &ids) || ids.start_ticks != j->start_ticks;
}

static void check(struct family *f)
{
	for (size_t i = 0; i < f->n; i++)
		f->items[i]->gone = is_gone(f->items[i]);
}

static void bury(struct sampler *s)
{
	struct family *f = &s->family;
	size_t kept = 0;

	for (size_t i = 0; i < f->n; i++)
		if (f->items[i]->gone)
			subject_free(s, f->items[i]);
		else
			f->items[kept++] = f->items[i];
	f->n = kept;
}

void family_update(struct sampler *s, uint64_t now)
{
	struct family *f = &s->family;

	if (!f->begun)
		consider(s, f->root, now);
	if (!f->alone || !f->only)
		discover(s, now);
	f->begun = true;
	if (now >= f->next_check_ns) {
		check(f);
		f->next_check_ns = now + CHECK_EVERY_NS;
	}
	for (size_t i = 0; i < f->n; i++)
		if (now >= f->items[i]->try_ns)
			subject_try(s, f->items[i], now);
	bury(s);
	s->state.ended =
		s->family.n == 0 || (f->n == 1 && f->items[0]->kind == SUBJECT_UNSEEN && s->looked);
}

void family_release(struct sampler *s)
{
	struct family *f = &s->family;

	for (size_t i = 0; i < f->n; i++)
		subject_free(s, f->items[i]);
	free(f->items);
	if (f->last_fd >= 0)
		close(f->last_fd);
	*f = (struct family){.last_fd = -1};
}

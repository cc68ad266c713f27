/* Which processes are looked at: the root and everything that it starts, as it comes. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/tree.h"
#include "sampler/sampler_internal.h"

#define CHECK_EVERY_NS (100 * NS_PER_MS)

void family_init(struct family *f, const struct sampler_spec *spec)
{
	*f = (struct family){.root = spec->pid,
		.own = getpid(),
		.alone = spec->alone,
		.below_only = spec->below_only};
	arrivals_init(&f->arrivals);
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
static bool belongs(const struct family *f, const struct process *p)
{
	if (p->pid == f->root)
		return !f->begun; /* later its number is another's */
	if (p->pid == f->own)
		return false;
	if (f->alone) /* of a command that is run: the first one below this process */
		return f->below_only && !f->only && p->parent == f->root;
	return family_find(f, p->parent) || family_find(f, p->group) || family_find(f, p->session);
}

/* What a look for new ones hands on. */
struct looking {
	struct sampler *s;
	uint64_t now_ns;
};

/* What it is to the family; where it belongs to it, it is taken in. */
static enum arrival consider(void *owner, pid_t pid)
{
	struct looking *l = owner;
	struct family *f = &l->s->family;
	struct process p;
	struct subject *j;
	clockid_t clock;

	if (family_find(f, pid))
		return ARRIVAL_KNOWN;
	/* a thread's number has no process clock: told in .3 µs */
	if (f->n >= SUBJECTS || clock_getcpuclockid(pid, &clock) || !process_lives(pid, &p) ||
		!belongs(f, &p))
		return ARRIVAL_LEFT;
	j = subject_new(pid, p.start_ticks, l->now_ns);
	if (pid == f->root && f->below_only)
		j->kind = SUBJECT_UNSEEN;
	else if (f->alone)
		f->only = pid;
	insert(f, j);
	return ARRIVAL_TAKEN;
}

/* ---- who is gone ---- */

/* True where this process has ended, or its number is another's now. Of a Python that is looked at
 * the clock tells (.3 µs; its looks tell of an end before anybody waited for it); of others stat.
 */
static bool is_gone(const struct subject *j)
{
	struct process p;
	struct timespec ignored;

	if (j->kind == SUBJECT_PYTHON && !clock_gettime(j->clock, &ignored))
		return false;
	return !process_lives(j->pid, &p) || p.start_ticks != j->start_ticks;
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
	struct looking looking = {s, now};

	if (!f->begun)
		consider(&looking, f->root);
	if (!f->alone || !f->only)
		arrivals_look(&f->arrivals, now, consider, &looking);
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
	arrivals_release(&f->arrivals);
	*f = (struct family){.arrivals = {.fd = -1}};
}

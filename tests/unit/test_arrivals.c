/* New processes, found by their numbers: real children of this one. Nothing is left of a test, for
 * every child dies with its parent. */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "proc/arrivals.h"
#include "unit.h"

enum { CHILDREN = 5 };

static struct arrivals arrivals;

/* Wants the children that there are, and notes for what it is asked. */
static struct owner {
	pid_t children[CHILDREN];
	bool taken[CHILDREN];
	bool last_first; /* a child only where the one after it was taken */
	unsigned asked[CHILDREN], asked_self;
} owner;

static enum arrival consider(void *context, pid_t pid)
{
	struct owner *o = context;

	o->asked_self += pid == getpid();
	for (size_t i = 0; i < CHILDREN; i++) {
		if (pid != o->children[i])
			continue;
		o->asked[i]++;
		if (o->taken[i])
			return ARRIVAL_KNOWN;
		if (o->last_first && i + 1 < CHILDREN && !o->taken[i + 1])
			return ARRIVAL_LEFT;
		o->taken[i] = true;
		return ARRIVAL_TAKEN;
	}
	return ARRIVAL_LEFT;
}

static bool look(uint64_t now_ns)
{
	return arrivals_look(&arrivals, now_ns, consider, &owner);
}

static pid_t begun[CHILDREN]; /* 0: ended */

static pid_t begin(bool ends)
{
	pid_t parent = getpid(), pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ends || getppid() != parent)
		_exit(0);
	for (;;)
		pause();
}

static void begin_all(bool end)
{
	for (size_t i = 0; i < CHILDREN; i++)
		begun[i] = begin(end);
	for (size_t i = 0; end && i < CHILDREN; i++) {
		ck_assert_int_eq(waitpid(begun[i], NULL, 0), begun[i]);
		begun[i] = 0;
	}
	memcpy(owner.children, begun, sizeof(begun));
}

static size_t n_taken(void)
{
	size_t n = 0;

	for (size_t i = 0; i < CHILDREN; i++)
		n += owner.taken[i];
	return n;
}

/* Numbers that began anew meanwhile (once in 32,768 processes at the least) make it list all. */
static bool began_anew(void)
{
	return begun[CHILDREN - 1] < getpid();
}

static void finish(void)
{
	arrivals_release(&arrivals);
	ck_assert_int_eq(arrivals.fd, -1);
	for (size_t i = 0; i < CHILDREN; i++)
		if (begun[i] > 0) {
			kill(begun[i], SIGKILL);
			waitpid(begun[i], NULL, 0);
		}
}

START_TEST(lists_what_is_there)
{
	begin_all(false);
	arrivals_init(&arrivals);
	ck_assert(look(NS_PER_S));
	ck_assert_uint_eq(n_taken(), CHILDREN);
	ck_assert_uint_ge(owner.asked_self, 1);
	finish();
}
END_TEST

/* Who comes first in /proc may belong by one that comes after it. */
START_TEST(lists_until_nothing_is_new)
{
	owner.last_first = true;
	begin_all(false);
	arrivals_init(&arrivals);
	look(NS_PER_S);
	ck_assert_uint_eq(n_taken(), CHILDREN);
	if (!began_anew()) /* /proc is in the order of the numbers: a child a round, and an empty
			      one */
		ck_assert_uint_ge(owner.asked_self, CHILDREN + 1);
	finish();
}
END_TEST

START_TEST(asks_only_for_new_numbers)
{
	arrivals_init(&arrivals);
	look(NS_PER_S);
	begin_all(false);
	owner.asked_self = 0;
	ck_assert(look(NS_PER_S));
	ck_assert_uint_eq(n_taken(), CHILDREN);
	if (!began_anew()) {
		ck_assert_uint_eq(owner.asked_self, 0);
		for (size_t i = 0; i < CHILDREN; i++)
			ck_assert_uint_eq(owner.asked[i], 1);
	}
	/* later all is listed again, whoever came or not */
	ck_assert(look(12 * NS_PER_S));
	ck_assert_uint_ge(owner.asked_self, 1);
	ck_assert_uint_ge(owner.asked[0], 2);
	finish();
}
END_TEST

/* Asked for in three looks, and then counted and forgotten. (Other processes of this machine may
 * add to the count.) */
START_TEST(counts_those_that_nobody_saw)
{
	arrivals_init(&arrivals);
	look(NS_PER_S);
	begin_all(true);
	look(NS_PER_S);
	look(NS_PER_S);
	ck_assert_uint_ge(arrivals.n_missing + arrivals.short_lived, CHILDREN);
	look(NS_PER_S);
	ck_assert_uint_ge(arrivals.short_lived, CHILDREN);
	finish();
}
END_TEST

/* A number that nobody had at one look, and a process has at a later one. */
START_TEST(finds_one_that_comes_late)
{
	begin_all(false);
	owner = (struct owner){0};
	arrivals_init(&arrivals);
	look(NS_PER_S); /* nobody is wanted yet */
	memcpy(owner.children, begun, sizeof(begun));
	arrivals.missing[0].pid = begun[2];
	arrivals.missing[0].looks = 1;
	arrivals.n_missing = 1;
	look(NS_PER_S);
	ck_assert(owner.taken[2]);
	ck_assert_uint_eq(n_taken(), 1);
	finish();
}
END_TEST

UNIT_MAIN("arrivals", lists_what_is_there, lists_until_nothing_is_new, asks_only_for_new_numbers,
	counts_those_that_nobody_saw, finds_one_that_comes_late)

/*
 * How long does the stopping rule of stats/enough.h measure, and how often is the rate then within
 * what was wanted? Simulated services whose true rate is known, each with a warm-up transient of
 * one second: closed loops of users who wait and compute, and series with noise that lasts.
 *
 *     enough_errors [RUNS [PRECISION]]
 *
 * (1,000 runs a row, .05). For each service the rule, the same slices for a fixed 20 s with the
 * warm-up rule of stats/steady.h, and the naive rule: stop at the first 95 % interval of
 * independent slices that is narrow enough. Prints Markdown.
 */
#include "stats/enough.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "stats/summary.h"

enum { SLICES_A_SECOND = 10, SLICES = 300, FIXED = 200, TRUTH = 20000, USERS_MAX = 1000 };
enum { RULE, FIXED_20_S, NAIVE, N_WAYS };

static const char *const WAYS[N_WAYS] = {"rule", "fixed 20 s", "naive"};
static const size_t ENDS[] = {5, 10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320};

/* Users who wait, with this probability, or else compute on one of the workers, in turn. */
struct service {
	const char *name;
	double waits, least_s, median_s, sigma, cpu_s; /* cpu_s: exponential where sigma is 0 */
	unsigned workers, users;
	/* or with users 0 a series: AR(1), or dips of 30 % for half a second every `every_s` */
	double deviation, phi, every_s;
};

static const struct service SERVICES[] = {
	{"waits .05 + .1 s (a quarter), 100 users", .25, .05, .1, .15, .0003, 4, 100, 0, 0, 0},
	{"waits .05 + .1 s (half), 100 users", .5, .05, .1, .5, .0003, 4, 100, 0, 0, 0},
	{"waits .01 + .02 s (half), 10 users", .5, .01, .02, .5, .002, 1, 10, 0, 0, 0},
	{"waits .05 + .25 s (1 in 20), 100 users", .05, .05, .25, .15, .0003, 4, 100, 0, 0, 0},
	{"waits .15 + .45 s (a quarter), 100 users", .25, .15, .45, .15, .0003, 4, 100, 0, 0, 0},
	{"waits .15 + .45 s (half), 1,000 users", .5, .15, .45, .15, .0003, 4, 1000, 0, 0, 0},
	{"computes, 100 users on 4 workers", 0, 0, 0, 0, .0003, 4, 100, 0, 0, 0},
	{"waits and computes, 50 users on 1 worker", .25, .02, .02, .3, .001, 1, 50, 0, 0, 0},
	{"noise of 5 % a slice, AR(1) φ = .5", 0, 0, 0, 0, 0, 0, 0, .05, .5, 0},
	{"noise of 5 % a slice, AR(1) φ = .8", 0, 0, 0, 0, 0, 0, 0, .05, .8, 0},
	{"noise of 5 % a slice, AR(1) φ = .9", 0, 0, 0, 0, 0, 0, 0, .05, .9, 0},
	{"noise of 10 % a slice, AR(1) φ = .5", 0, 0, 0, 0, 0, 0, 0, .1, .5, 0},
	{"noise of 10 % a slice, AR(1) φ = .8", 0, 0, 0, 0, 0, 0, 0, .1, .8, 0},
	{"30 % slower for .5 s about every 3 s", 0, 0, 0, 0, 0, 0, 0, .03, 0, 3},
};

/* ---- the simulator ---- */

struct event {
	double at_s;
	int user;
};

/* A heap of events, the earliest first. */
static struct event heap[USERS_MAX + 1];
static size_t n_events;

static void push(double at_s, int user)
{
	size_t i = n_events++;

	for (; i && heap[(i - 1) / 2].at_s > at_s; i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = (struct event){at_s, user};
}

static struct event pop(void)
{
	struct event first = heap[0], last = heap[--n_events];
	size_t i = 0;

	for (;;) {
		size_t next = 2 * i + 1;

		if (next >= n_events)
			break;
		next += next + 1 < n_events && heap[next + 1].at_s < heap[next].at_s;
		if (heap[next].at_s >= last.at_s)
			break;
		heap[i] = heap[next];
		i = next;
	}
	heap[i] = last;
	return first;
}

/* What a request costs t seconds into the transient, as in the lab. */
static double cost(bool transient, double t)
{
	return transient ? 1 + 2 * exp(-3 * t) : 1;
}

/* When the request of a user that begins at t is answered. */
static double answered(
	const struct service *s, double *free_s, int user, double t, double factor, struct rng *rng)
{
	double *worker = &free_s[(unsigned)user % (s->workers ? s->workers : 1)], work = s->cpu_s;

	if (rng_uniform(rng) < s->waits)
		return t + factor * (s->least_s + s->median_s * exp(s->sigma * rng_normal(rng)));
	if (s->sigma <= 0)
		work *= -log(1 - rng_uniform(rng));
	*worker = fmax(*worker, t) + factor * work;
	return *worker;
}

static void simulate_users(
	const struct service *s, bool transient, size_t n, double *y, double *busy, struct rng *rng)
{
	double free_s[8] = {0}, begun[USERS_MAX], end_s = (double)n / SLICES_A_SECOND;

	memset(y, 0, n * sizeof(*y));
	memset(busy, 0, n * sizeof(*busy));
	n_events = 0;
	for (int i = 0; i < (int)s->users; i++) {
		begun[i] = 0;
		push(answered(s, free_s, i, 0, cost(transient, 0), rng), i);
	}
	for (struct event e = pop(); e.at_s < end_s; e = pop()) {
		size_t slice = (size_t)(e.at_s * SLICES_A_SECOND);

		y[slice < n ? slice : n - 1]++;
		busy[slice < n ? slice : n - 1] += e.at_s - begun[e.user];
		begun[e.user] = e.at_s;
		push(answered(s, free_s, e.user, e.at_s, cost(transient, e.at_s), rng), e.user);
	}
}

/* The users of a series are as slow as the service is: Little's law tells nothing new. */
static void simulate_series(
	const struct service *s, bool transient, size_t n, double *y, double *busy, struct rng *rng)
{
	double state = rng_normal(rng) / sqrt(1 - s->phi * s->phi);
	unsigned slow = 0;

	for (size_t i = 0; i < n; i++) {
		double noise, t = ((double)i + .5) / SLICES_A_SECOND;

		state = s->phi * state + rng_normal(rng);
		noise = s->deviation * state * sqrt(1 - s->phi * s->phi);
		slow -= slow > 0;
		if (!slow && s->every_s > 0 &&
			rng_uniform(rng) < 1 / (s->every_s * SLICES_A_SECOND))
			slow = SLICES_A_SECOND / 2;
		y[i] = 100 * (1 + noise - (slow ? .3 : 0)) / cost(transient, t);
		busy[i] = 1. / SLICES_A_SECOND;
	}
}

static struct enough_slices simulate(
	const struct service *s, bool transient, size_t n, double *y, double *busy, struct rng *rng)
{
	(s->users ? simulate_users : simulate_series)(s, transient, n, y, busy, rng);
	return (struct enough_slices){.y = y,
		.busy = busy,
		.users_s = (s->users ? s->users : 1) / (double)SLICES_A_SECOND,
		.n = n};
}

/* ---- the ways to end ---- */

struct ending {
	double rate; /* a slice */
	size_t length, cut;
	bool narrow;
};

static struct ending end_by_rule(struct enough_slices s, double precision)
{
	struct enough e = {.precision = precision,
		.least = SLICES_A_SECOND,
		.cuts = true,
		.ends = ENDS,
		.n_ends = sizeof(ENDS) / sizeof(ENDS[0])};
	bool narrow = false;

	for (s.n = 1; !narrow && s.n <= SLICES; s.n++)
		narrow = enough_judge(&e, &s);
	return (struct ending){e.steady.mean, e.n, e.cut, narrow};
}

static struct ending end_fixed(struct enough_slices s)
{
	size_t cut = steady_warmup(s.y, FIXED);

	return (struct ending){summary_mean(s.y + cut, FIXED - cut), FIXED, cut, true};
}

static struct ending end_naively(struct enough_slices s, double precision)
{
	size_t n = SLICES_A_SECOND;
	bool narrow = false;
	double mean = 0;

	for (; !narrow && n <= SLICES; n++) {
		double error = sqrt(summary_variance(s.y, n) / (double)n);

		mean = summary_mean(s.y, n);
		narrow = 1.96 * error <= precision * mean;
	}
	return (struct ending){mean, n - 1, 0, narrow};
}

/* ---- the rows ---- */

struct sums {
	double length, cut, error, square;
	size_t within, narrow;
};

static void add(struct sums *sums, const struct ending *e, double truth, double precision)
{
	double error = e->rate / truth - 1;

	sums->length += (double)e->length / SLICES_A_SECOND;
	sums->cut += (double)e->cut / SLICES_A_SECOND;
	sums->error += error;
	sums->square += error * error;
	sums->within += fabs(error) <= precision;
	sums->narrow += e->narrow;
}

static void row(size_t at, size_t runs, double precision)
{
	static double y[TRUTH], busy[TRUTH];
	const struct service *s = &SERVICES[at];
	struct sums sums[N_WAYS] = {0};
	struct rng rng;
	double truth;

	rng_seed(&rng, 0, at);
	simulate(s, false, TRUTH, y, busy, &rng);
	truth = summary_mean(y + FIXED, TRUTH - FIXED);
	for (size_t run = 0; run < runs; run++) {
		struct ending ends[N_WAYS];
		struct enough_slices slices;

		rng_seed(&rng, run + 1, at);
		slices = simulate(s, true, SLICES, y, busy, &rng);
		ends[RULE] = end_by_rule(slices, precision);
		ends[FIXED_20_S] = end_fixed(slices);
		ends[NAIVE] = end_naively(slices, precision);
		for (int way = 0; way < N_WAYS; way++)
			add(&sums[way], &ends[way], truth, precision);
	}
	for (int way = 0; way < N_WAYS; way++) {
		double n = (double)runs;

		printf("| %s | %s | %.1f s | %.1f s | %.1f %% | %+.1f %% | %.1f %% | %.0f %% |\n",
			way ? "" : s->name, WAYS[way], sums[way].length / n, sums[way].cut / n,
			100 * (double)sums[way].within / n, 100 * sums[way].error / n,
			100 * sqrt(sums[way].square / n), 100 * (double)sums[way].narrow / n);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	double precision = .05;
	int64_t runs = 1000;
	struct err err;

	if (argc > 3 || (argc > 1 && num_parse_int(argv[1], 1, 1000000, "runs", &runs, &err)) ||
		(argc > 2 && num_parse_real(argv[2], .001, 1, "precision", &precision, &err))) {
		fprintf(stderr, "usage: enough_errors [RUNS [PRECISION]]\n");
		return 2;
	}
	printf("| service | ends by | length | cut | within ±%.3g %% | bias | RMS error | narrow "
	       "in "
	       "time |\n| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
		100 * precision);
	for (size_t i = 0; i < sizeof(SERVICES) / sizeof(SERVICES[0]); i++)
		row(i, (size_t)runs, precision);
	return 0;
}

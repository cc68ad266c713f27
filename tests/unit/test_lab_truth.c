/* The lab `truth`: its own histogram against the distributions that were asked for, and against the
 * answers that came; the stall. */
#include "unit.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "lab/truth.h"
#include "lab/worker.h"
#include "lab_client.h"
#include "stats/hist.h"

static const struct lab_spec SPEC = LAB_SPEC_INIT;

enum { CROWD = 100 };
static struct client crowd[CROWD];

/* The histogram that /counters has of a route. */
static struct hist route_times(int port, const char *route)
{
	json_t *json = counters(port),
	       *one = json_object_get(json_object_get(json, "routes"), route);
	const char *p =
		json_string_value(json_object_get(json_object_get(one, "histogram"), "buckets"));
	struct hist h;
	size_t at = 0;

	hist_init(&h);
	while (p && *p) {
		char *end;
		unsigned long gap = 1, n = strtoul(p, &end, 10);

		if (*end == ':') {
			gap = n;
			n = strtoul(end + 1, &end, 10);
		}
		ck_assert_msg(end > p && n && (!*end || *end == ' '), "%s", p);
		at += gap;
		ck_assert_uint_le(at, HIST_BUCKETS);
		h.counts[at - 1] = n;
		if (!h.n)
			h.min = hist_bucket_low(at - 1);
		h.max = hist_bucket_high(at - 1);
		h.n += n;
		p = *end ? end + 1 : end;
	}
	/* each answer is in it, and nothing else; its percentiles are the ones beside it */
	ck_assert_uint_eq(h.n, (uint64_t)counter_of(one, "answered"));
	if (h.n) {
		ck_assert_uint_eq(h.n, (uint64_t)counter_of(one, "service_ms.count"));
		ck_assert_double_eq_tol(counter_of(one, "service_ms.p99_9"),
			(double)hist_percentile(&h, 99.9) / 1e6, 1e-9);
		ck_assert_double_ge(counter_of(one, "service_ms.mean"), (double)h.min / 1e6);
		ck_assert_double_le(counter_of(one, "service_ms.mean"), (double)h.max / 1e6);
	}
	json_decref(json);
	return h;
}

/* `rounds` times: a request on each of CROWD connections, then all their answers. */
static void ask(int port, const char *target, int rounds)
{
	for (int i = 0; i < CROWD; i++)
		client_open(&crowd[i], port);
	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < CROWD; i++)
			client_get(&crowd[i], target);
		for (int i = 0; i < CROWD; i++)
			ck_assert_int_eq(client_answer(&crowd[i]).status, 200);
	}
	for (int i = 0; i < CROWD; i++)
		client_close(&crowd[i]);
}

/* Kolmogorov and Smirnov's greatest distance of a histogram from a distribution function of ns,
 * looked at where each bucket ends; what is late by up to late_ns is no distance. */
static double distance(const struct hist *h, double (*cdf)(double ns), double late_ns)
{
	uint64_t seen = 0;
	double most = 0;

	for (size_t i = 0; i < HIST_BUCKETS; i++) {
		if (!h->counts[i])
			continue;
		double low = cdf((double)hist_bucket_low(i) - late_ns);
		double high = cdf((double)hist_bucket_high(i));

		most = fmax(most, low - (double)seen / (double)h->n);
		seen += h->counts[i];
		most = fmax(most, (double)seen / (double)h->n - high);
	}
	return most;
}

static uint64_t count_from(const struct hist *h, uint64_t ns)
{
	uint64_t n = 0;

	for (size_t i = hist_index(ns); i < HIST_BUCKETS; i++)
		n += h->counts[i];
	return n;
}

START_TEST(stalls_end_where_they_should)
{
	static const struct {
		uint64_t at, end;
	} CASES[] = {{1000, 1000}, {1899, 1899}, {1900, 2000}, {1950, 2000}, {1999, 2000},
		{2000, 2000}, {2899, 2899}, {12900, 13000}, {900, 900}};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		ck_assert_uint_eq(stall_end_ns(1000, CASES[i].at, 100, 1000), CASES[i].end);
		ck_assert_uint_eq(stall_end_ns(1000, CASES[i].at, 0, 1000), CASES[i].at);
	}
}
END_TEST

/* The last second of each ten, in which an answer waits for its end. */
START_TEST(one_second_in_ten_stalls)
{
	static const struct {
		double arrived_s, delay_s, takes_s;
	} CASES[] = {{0, .01, .01}, {8.5, .25, .25}, {8.75, .5, 1.25}, {9.5, .25, .5}, {9.5, 1, 1},
		{19.5, .25, .5}, {10, .5, .5}};
	struct lab_process lab = lab_start_named("truth", SPEC);

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		ck_assert_uint_eq(truth_stall_ns(7 * NS_PER_S,
					  7 * NS_PER_S + (uint64_t)(CASES[i].arrived_s * 1e9),
					  (uint64_t)(CASES[i].delay_s * 1e9)),
			(uint64_t)(CASES[i].takes_s * 1e9));
	ck_assert_int_eq(fetch(lab.port, "/stall?delay=0.001").status, 200);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

/* Never early; and late by less than a tenth for at least half of them. */
START_TEST(fixed_is_fixed)
{
	struct lab_process lab = lab_start_named("truth", SPEC);
	struct hist h;

	ask(lab.port, "/fixed", 3);
	h = route_times(lab.port, "/fixed");
	ck_assert_uint_eq(h.n, 3 * CROWD);
	ck_assert_uint_ge(h.min, hist_bucket_low(hist_index(10 * NS_PER_MS)));
	ck_assert_uint_lt(hist_percentile(&h, 50), 11 * NS_PER_MS);
	hist_release(&h);
	ck_assert_int_eq(fetch(lab.port, "/fixed?delay=0.2").status, 200);
	h = route_times(lab.port, "/fixed");
	ck_assert_uint_eq(count_from(&h, 200 * NS_PER_MS), 1);
	hist_release(&h);
	ck_assert_int_eq(fetch(lab.port, "/fixed?delay=-1").status, 400);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

/* A fifth of them high: a binomial count within 5 deviations (6e-7). */
START_TEST(bimodal_has_two_modes)
{
	enum { ROUNDS = 10, N = ROUNDS * CROWD };
	struct lab_spec spec = SPEC;
	struct lab_process lab;
	struct hist h;

	spec.seed = 3;
	lab = lab_start_named("truth", spec);
	ask(lab.port, "/bimodal?low=0.001&high=0.1&fraction=0.2", ROUNDS);
	h = route_times(lab.port, "/bimodal");
	ck_assert_uint_eq(h.n, N);
	ck_assert_double_eq_tol(
		(double)count_from(&h, 100 * NS_PER_MS), N / 5., 5 * sqrt(N * .2 * .8));
	ck_assert_uint_ge(h.min, hist_bucket_low(hist_index(NS_PER_MS)));
	hist_release(&h);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

static double lognormal(double ns)
{
	return .5 * erfc(-log(ns / 20e6) / .5 / M_SQRT2);
}

/* Kolmogorov and Smirnov at 1e-4, with a fixed seed; a busy machine may be late by 2 ms, which
 * would shift it by .08. */
START_TEST(lognormal_is_lognormal)
{
	enum { ROUNDS = 12, N = ROUNDS * CROWD };
	struct lab_spec spec = SPEC;
	struct lab_process lab;
	struct hist h;

	spec.seed = 3;
	lab = lab_start_named("truth", spec);
	ask(lab.port, "/lognormal?median=0.02&sigma=0.5", ROUNDS);
	h = route_times(lab.port, "/lognormal");
	ck_assert_uint_eq(h.n, N);
	ck_assert_double_lt(distance(&h, lognormal, 2e6), 2.23 / sqrt(N));
	hist_release(&h);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

#define STALL_S 0.1
#define EVERY_S 0.5
#define DELAY_S 0.002

/* A share of STALL_S / EVERY_S waits for the rest of a stall, which is uniform. */
static double stalled(double ns)
{
	double waited = ns / 1e9 - DELAY_S;

	return waited < 0 ? 0 : waited > STALL_S ? 1 : 1 - (STALL_S - waited) / EVERY_S;
}

/* Requests that come evenly over two whole periods. Arrivals that are even lie closer to the
 * distribution than ones at random, for which this is Kolmogorov and Smirnov at 1e-4. */
START_TEST(stalls_have_their_distribution)
{
	enum { N = CROWD };
	struct lab_spec spec = SPEC;
	struct lab_process lab;
	uint64_t began;
	struct hist h;

	spec.stall_ns = (uint64_t)(STALL_S * 1e9);
	spec.stall_every_ns = (uint64_t)(EVERY_S * 1e9);
	lab = lab_start_named("truth", spec);
	for (int i = 0; i < N; i++)
		client_open(&crowd[i], lab.port);
	began = clock_now_ns();
	for (int i = 0; i < N; i++) {
		uint64_t at = began + (uint64_t)(2 * EVERY_S * 1e9 * i / N), now = clock_now_ns();

		if (at > now)
			clock_sleep_ns(at - now);
		client_get(&crowd[i], "/fixed?delay=0.002");
	}
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(client_answer(&crowd[i]).status, 200);
	h = route_times(lab.port, "/fixed");
	ck_assert_uint_eq(h.n, N);
	ck_assert_uint_ge(h.min, hist_bucket_low(hist_index((uint64_t)(DELAY_S * 1e9))));
	ck_assert_double_lt(distance(&h, stalled, 1e6), 2.23 / sqrt(N));
	ck_assert_uint_gt(count_from(&h, (uint64_t)(DELAY_S * 1e9) + 40 * NS_PER_MS), 0);
	hist_release(&h);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

/* Clients of every worker see the stalls at the same time: three periods have three pauses in which
 * nobody gets an answer, but for /counters. */
START_TEST(a_stall_is_everybodys)
{
	enum { CLIENTS = 8 };
	struct lab_spec spec = SPEC;
	struct lab_process lab;
	uint64_t end, last;
	int pauses = 0;

	spec.workers = 3;
	spec.stall_ns = 200 * NS_PER_MS;
	spec.stall_every_ns = 500 * NS_PER_MS;
	lab = lab_start_named("truth", spec);
	for (int i = 0; i < CLIENTS; i++) {
		client_open(&crowd[i], lab.port);
		client_get(&crowd[i], "/health");
	}
	last = clock_now_ns();
	end = last + 3 * spec.stall_every_ns;
	for (uint64_t now; (now = clock_now_ns()) < end;) {
		for (int i = 0; i < CLIENTS; i++) {
			char byte;

			if (recv(crowd[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 1)
				continue;
			ck_assert_int_eq(client_answer(&crowd[i]).status, 200);
			client_get(&crowd[i], "/health");
			now = clock_now_ns();
			pauses += now - last > 150 * NS_PER_MS;
			last = now;
		}
		clock_sleep_ns(NS_PER_MS);
	}
	/* the first or the last may be cut */
	ck_assert(pauses == 3 || pauses == 2);
	for (int i = 0; i < CLIENTS; i++)
		ck_assert_int_eq(client_answer(&crowd[i]).status, 200);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

/* Answers that the kernel did not take at once are in the histogram once; so are those that waited
 * for their turn behind another on the same connection, from when it came. */
START_TEST(every_answer_is_timed_once)
{
	enum { N = 60000, AT_ONCE = 500 };
	static struct client c;
	struct lab_process lab = lab_start_named("truth", SPEC);
	struct str text = STR_INIT;
	struct hist h;
	pid_t writer;

	str_add_repeat(&text, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n", AT_ONCE);
	client_open(&c, lab.port);
	writer = fork();
	if (!writer) {
		for (int i = 0; i < N / AT_ONCE; i++)
			client_send(&c, text.p);
		_exit(0);
	}
	str_release(&text);
	clock_sleep_ns(300 * NS_PER_MS); /* the lab gets stuck in the middle of an answer */
	ck_assert_int_lt(counter(lab.port, "requests.answered"), N);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(client_answer(&c).status, 200);
	waitpid(writer, NULL, 0);
	h = route_times(lab.port, "/health");
	ck_assert_uint_eq(h.n, N);
	hist_release(&h);
	for (int i = 0; i < 5; i++)
		client_get(&c, "/fixed?delay=0.02");
	client_get(&c, "/fixed?delay=0.02&fault_status=503");
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(client_answer(&c).status, i < 5 ? 200 : 503);
	h = route_times(lab.port, "/fixed");
	ck_assert_uint_eq(h.n, 6);
	ck_assert_uint_eq(count_from(&h, 20 * NS_PER_MS), 5);
	ck_assert_uint_lt(hist_percentile(&h, 50), 40 * NS_PER_MS);
	hist_release(&h);
	client_close(&c);
	ck_assert_int_eq(lab_end(&lab, SIGTERM), 0);
}
END_TEST

START_TEST(a_stall_without_end_is_refused)
{
	struct lab_spec spec = SPEC;
	struct err err;

	spec.stall_ns = spec.stall_every_ns;
	ck_assert_int_eq(lab_truth_run(&spec, NULL, &err), -ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "--stall-every"));
}
END_TEST

UNIT_MAIN("lab_truth", stalls_end_where_they_should, one_second_in_ten_stalls, fixed_is_fixed,
	bimodal_has_two_modes, lognormal_is_lognormal, stalls_have_their_distribution,
	a_stall_is_everybodys, every_answer_is_timed_once, a_stall_without_end_is_refused)

/*
 * The two loops of the load engine, and the ways requests travel: the open loop's counts and times,
 * pipelining, connections that end, Expect, several targets, warm-up and seconds. Against the
 * server that misbehaves on order, whose counts are its own.
 */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bad_server.h"
#include "base/clock.h"
#include "base/mem.h"
#include "load/load.h"

static struct bad_server server;
static struct load_spec spec;
static struct load_result result;
static struct err error;
static char url[128];

static void prepare(const char *path, int64_t connections)
{
	if (!server.port)
		bad_server_start(&server);
	load_spec_init(&spec);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/%s", server.port, path);
	spec.url = url;
	spec.connections = connections;
	spec.threads = 2;
	spec.duration_ns = 1 * NS_PER_S;
	spec.warmup_ns = 0;
}

static void run_with(const struct load_hooks *hooks)
{
	uint64_t failed = 0;

	ck_assert_msg(!load_run(&spec, hooks, &result, &error), "%s", error.text);
	for (int i = 0; i < LOAD_N_ERRORS; i++)
		failed += i == LOAD_STATUS || i == LOAD_CHECK ? 0 : result.errors_all[i];
	ck_assert_uint_eq(result.started, result.finished + failed + result.unfinished);
	ck_assert_uint_eq(result.latency.n,
		result.completed + result.errors[LOAD_TIMEOUT] + result.errors[LOAD_UNSENT]);
}

static void run(void)
{
	run_with(NULL);
}

/* ---- the open loop ---- */

START_TEST(a_rate_is_kept)
{
	static const double RATES[] = {1000, 333.4, 7.5};
	double rate = RATES[_i];

	prepare("ok", 100);
	spec.rate = rate;
	run();
	/* k requests lie at k / rate for k = 1 …: those within one second */
	ck_assert_uint_eq(result.started, (uint64_t)rate);
	/* On a busy machine the end may come before the server has read the last ones. */
	ck_assert_uint_le(server.requests, result.started);
	ck_assert_uint_ge(server.requests, result.finished);
	ck_assert_uint_eq(result.n_errors, 0);
	ck_assert_uint_eq(result.late.n, result.started);
	ck_assert_uint_le(result.waited, result.started / 4); /* a stall of the machine */
	load_result_release(&result);
}
END_TEST

START_TEST(stages_ramp_and_pause)
{
	prepare("ok", 10);
	spec.stages = "200ms:100,300ms:0,500ms:100-300";
	run();
	ck_assert_uint_eq(result.started, 20 + 0 + 100);
	ck_assert_uint_eq(server.requests, 120);
	ck_assert_double_eq_tol(result.seconds, 1, 1e-9);
	ck_assert_uint_eq(result.n_series, 1);
	load_result_release(&result);
}
END_TEST

START_TEST(a_number_of_requests_ends_the_open_loop)
{
	prepare("ok", 3);
	spec.rate = 200;
	spec.requests = 50;
	run();
	ck_assert_uint_eq(result.started, 50);
	ck_assert_uint_eq(result.completed, 50);
	ck_assert(result.seconds > .2 && result.seconds < 1);
	load_result_release(&result);
}
END_TEST

/* Nobody answers: two are sent in each 150 ms, the others wait until it is too late to send them.
 */
START_TEST(what_cannot_be_sent_is_told)
{
	prepare("silence", 2);
	spec.rate = 100;
	spec.timeout_ns = 150 * NS_PER_MS;
	run();
	ck_assert_uint_eq(result.completed, 0);
	ck_assert_uint_gt(result.errors_all[LOAD_TIMEOUT], 4);
	ck_assert_uint_gt(result.errors_all[LOAD_UNSENT], 40);
	/* what was still under way ended in the drain, after the window */
	ck_assert_uint_ge(result.started, 99);
	ck_assert_uint_eq(server.requests, result.errors_all[LOAD_TIMEOUT]);
	ck_assert_uint_ge(result.latency.min, spec.timeout_ns);
	/* or, where the machine was busy, the engine that was late besides */
	ck_assert(
		load_limit(&result) == LOAD_LIMIT_USERS || load_limit(&result) == LOAD_LIMIT_LATE);
	load_result_release(&result);
}
END_TEST

/* One connection, each answer takes 300 ms, ten a second are asked for: the waiting of those behind
 * is in their latency from the intended start, and not in that from the send. */
START_TEST(waiting_is_in_the_latency)
{
	prepare("slow", 1);
	spec.rate = 10;
	spec.duration_ns = 2 * NS_PER_S;
	run();
	ck_assert_uint_ge(result.completed, 5);
	ck_assert_uint_lt(hist_percentile(&result.from_send, 50), 400 * NS_PER_MS);
	ck_assert_uint_gt(hist_percentile(&result.latency, 50), 500 * NS_PER_MS);
	ck_assert_uint_gt(result.latency.max, 1000 * NS_PER_MS);
	ck_assert_uint_gt(result.waited, 3);
	ck_assert_uint_gt(result.unfinished, 5);
	load_result_release(&result);
}
END_TEST

START_TEST(poisson_arrivals_have_their_rate)
{
	prepare("ok", 50);
	spec.rate = 2000;
	spec.arrivals = LOAD_POISSON;
	run();
	/* ± 4.5 deviations: wrong in 1 of 100,000 */
	ck_assert_double_eq_tol((double)result.started, 2000, 4.5 * sqrt(2000));
	ck_assert_uint_eq(server.requests, result.started - result.unfinished);
	load_result_release(&result);
}
END_TEST

/* ---- how requests travel ---- */

START_TEST(pipelined_requests_are_counted)
{
	prepare(_i ? "cycle?ok,chunked,bytewise,interim" : "ok", 3);
	spec.requests = 1000;
	spec.pipeline = 8;
	run();
	ck_assert_uint_eq(result.completed, 1000);
	ck_assert_uint_eq(server.requests, 1000);
	ck_assert_uint_eq(result.connects, 3);
	ck_assert_uint_eq(result.bytes_in, server.bytes_out);
	load_result_release(&result);
}
END_TEST

/* A connection that ends takes those behind with it; all are counted, and the run goes on. */
START_TEST(pipelined_requests_fail_together)
{
	static const char *const PATHS[] = {"cycle?ok,ok,ok,close", "cycle?ok,ok,reset",
		"cycle?ok,ok,ok,last", "cycle?ok,ok,half-silence"};

	prepare(PATHS[_i], 3);
	spec.requests = 400;
	spec.pipeline = 4;
	spec.timeout_ns = 100 * NS_PER_MS;
	run();
	ck_assert_uint_eq(result.started, 400);
	ck_assert_uint_eq(result.unfinished, 0);
	ck_assert_uint_gt(result.completed, 50);
	ck_assert_uint_gt(result.n_errors, 50);
	ck_assert_uint_le(result.finished, server.requests);
	ck_assert_uint_eq(result.connects, server.connections);
	load_result_release(&result);
}
END_TEST

START_TEST(a_connection_takes_so_many_requests)
{
	prepare("ok", 4);
	spec.requests = 300;
	spec.requests_per_connection = 7;
	spec.pipeline = _i ? 3 : 1;
	run();
	ck_assert_uint_eq(result.completed, 300);
	ck_assert_uint_eq(server.requests, 300);
	ck_assert_uint_eq(result.connects, server.connections);
	/* each but the last of each user is used up */
	ck_assert_uint_ge(result.connects, 300 / 7 + 1);
	ck_assert_uint_le(result.connects, 300 / 7 + 1 + 4);
	load_result_release(&result);
}
END_TEST

/* At 4 a second on 4 connections each is idle for long, and the server closes it: not a failure. */
START_TEST(idle_connections_may_close)
{
	prepare("idle", 4);
	spec.rate = 16;
	run();
	ck_assert_uint_eq(result.completed, 16);
	ck_assert_uint_eq(result.n_errors, 0);
	ck_assert_uint_eq(result.connects, server.connections);
	ck_assert_uint_gt(result.connects, 12);
	load_result_release(&result);
}
END_TEST

START_TEST(bodies_wait_for_continue)
{
	prepare("ok", 2);
	spec.method = "POST";
	spec.body = "0123456789";
	spec.expect = true;
	spec.requests = 20;
	run();
	ck_assert_uint_eq(result.completed, 20);
	ck_assert_uint_eq(server.body_bytes, 200);
	ck_assert_uint_eq(result.bytes_out, server.bytes_in);
	load_result_release(&result);
}
END_TEST

/* Nobody says 100 Continue: after a second the body goes all the same. */
START_TEST(bodies_do_not_wait_for_ever)
{
	prepare("mute", 2);
	spec.method = "POST";
	spec.body = "0123456789";
	spec.expect = true;
	spec.requests = 2;
	run();
	ck_assert_uint_eq(result.completed, 2);
	ck_assert_uint_eq(server.body_bytes, 20);
	ck_assert_uint_ge(result.latency.min, NS_PER_S);
	load_result_release(&result);
}
END_TEST

/* A final answer instead: the body stays here, and the connection is not used again. */
START_TEST(an_answer_instead_of_continue)
{
	prepare("early", 1);
	spec.method = "POST";
	spec.body = "0123456789";
	spec.expect = true;
	spec.requests = 3;
	run();
	ck_assert_uint_eq(result.status_all[413], 3);
	ck_assert_uint_eq(server.connections, 3);
	ck_assert_uint_eq(result.bytes_out, server.bytes_in);
	load_result_release(&result);
}
END_TEST

START_TEST(source_addresses_take_turns)
{
	static const char *sources[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};

	prepare("ok", 6);
	spec.requests = 60;
	spec.sources = (struct opt_list){sources, 3, 0};
	run();
	ck_assert_uint_eq(result.completed, 60);
	load_result_release(&result);
}
END_TEST

START_TEST(a_unix_socket_that_is_not_there_is_refused)
{
	prepare("ok", 2);
	spec.unix_socket = "/tmp/culprit-no-such-socket";
	spec.requests = 5;
	run();
	ck_assert_uint_eq(result.errors_all[LOAD_REFUSED], 5);
	ck_assert_uint_eq(result.connects, 0);
	load_result_release(&result);
}
END_TEST

/* ---- targets, warm-up, seconds ---- */

START_TEST(targets_are_counted_apart)
{
	static const char *more[] = {"2x /404", "/ok?b"};

	prepare("ok", 4);
	spec.targets = (struct opt_list){more, 2, 0};
	spec.order = LOAD_SPREAD;
	spec.threads = 1;
	spec.requests = 400;
	run();
	ck_assert_uint_eq(result.n_targets, 3);
	ck_assert_uint_eq(result.completed, 200 + 0);
	ck_assert_double_eq_tol((double)result.targets[0].completed, 100, 2);
	ck_assert_double_eq_tol((double)result.targets[1].errors[LOAD_STATUS], 200, 2);
	ck_assert_double_eq_tol((double)result.targets[2].completed, 100, 2);
	ck_assert_uint_eq(result.targets[0].completed, result.targets[0].latency.n);
	ck_assert_uint_eq(result.status_all[404], result.targets[1].errors[LOAD_STATUS]);
	load_result_release(&result);
}
END_TEST

struct seconds {
	size_t n;
	uint64_t completed, latencies;
	double next_s;
};

static void on_second(void *arg, const struct load_second *s, const struct hist *latency)
{
	struct seconds *seen = arg;

	ck_assert_double_eq_tol(s->start_s, seen->next_s, 1e-9);
	ck_assert_uint_eq(s->completed, latency->n);
	seen->next_s = s->start_s + 1;
	seen->completed += s->completed;
	seen->latencies += latency->n;
	seen->n++;
}

START_TEST(seconds_are_told_in_order)
{
	struct seconds seen = {0};
	struct load_hooks hooks = {.second = on_second, .arg = &seen};

	prepare("ok", 4);
	spec.duration_ns = 2500 * NS_PER_MS;
	spec.warmup_ns = 200 * NS_PER_MS;
	run_with(&hooks);
	ck_assert_uint_eq(seen.n, 3);
	ck_assert_uint_eq(seen.completed, result.completed);
	ck_assert_uint_eq(result.n_series, 3);
	ck_assert_double_eq_tol(result.series[2].seconds, .5, 1e-6);
	ck_assert_double_eq_tol(result.warmup_s, .2, 1e-9);
	ck_assert(!result.warmup_ruled);
	ck_assert_uint_gt(result.finished, result.completed);
	load_result_release(&result);
}
END_TEST

/* Answers come 50 ms late for 800 ms, and then at once: the first second is left out. */
START_TEST(the_rule_leaves_out_a_slow_start)
{
	double before = 0, behind = 0;

	prepare("pause", 4);
	spec.duration_ns = 4 * NS_PER_S;
	spec.warmup_ns = OPT_AUTO_NS;
	server.slow_until_ns = clock_now_ns() + 800 * NS_PER_MS;
	run();
	ck_assert(result.warmup_ruled);
	/* 1 s, or up to 2 where the machine was busy just then */
	ck_assert_double_ge(result.warmup_s, 1);
	ck_assert_double_le(result.warmup_s, 2);
	ck_assert_double_eq_tol(result.seconds, 4 - result.warmup_s, 1e-6);
	for (size_t i = 0; i < result.n_series; i++)
		*(result.series[i].start_s < 0 ? &before : &behind) +=
			(double)result.series[i].completed;
	/* A cut within a second leaves a part of that second in the window. */
	ck_assert_double_le(behind, (double)result.completed);
	ck_assert_double_ge(behind + before, (double)result.completed);
	ck_assert_double_ge((double)result.finished, before + behind);
	ck_assert_double_gt(before, 0);
	ck_assert_uint_lt(hist_percentile(&result.latency, 90), 50 * NS_PER_MS);
	load_result_release(&result);
}
END_TEST

/* ---- a length by rule ---- */

/* Within half of the rate: any machine is as steady as that before 30 s are over. */
START_TEST(the_rule_ends_the_window)
{
	prepare("ok", 4);
	spec.duration_ns = OPT_AUTO_NS;
	spec.warmup_ns = OPT_AUTO_NS;
	spec.precision = .5;
	run();
	ck_assert_int_eq(result.ended, LOAD_ENDED_PRECISE);
	ck_assert(!result.stopped);
	/* 20 slices, and a few more looks; the last look may cut a slice or two more */
	ck_assert_double_ge(result.seconds, 2);
	ck_assert_double_lt(result.seconds + result.warmup_s, 30);
	ck_assert_double_eq_tol(result.requests_per_second * result.seconds,
		(double)result.completed, 1e-6 * (double)result.completed);
	ck_assert_double_ge(result.steady.half_width, .5 * result.steady.mean - 1e-9);
	load_result_release(&result);
}
END_TEST

/* A time at which nothing is precise: the shortest, the longest, and a user who ends it. */
START_TEST(the_rule_keeps_its_bounds)
{
	atomic_bool stop = true;
	struct load_hooks hooks = {.stop = &stop};

	prepare("ok", 4);
	spec.duration_ns = OPT_AUTO_NS;
	spec.precision = .5;
	spec.min_duration_ns = 3500 * NS_PER_MS;
	run();
	ck_assert_int_eq(result.ended, LOAD_ENDED_PRECISE);
	ck_assert_double_ge(result.seconds, 3.5);
	ck_assert_double_eq(result.warmup_s, 0);
	load_result_release(&result);
	spec.precision = .001;
	spec.min_duration_ns = 1 * NS_PER_S;
	spec.max_duration_ns = 1500 * NS_PER_MS;
	run();
	ck_assert_int_eq(result.ended, LOAD_ENDED_LONGEST);
	ck_assert_double_eq_tol(result.seconds, 1.5, 1e-6);
	load_result_release(&result);
	run_with(&hooks);
	ck_assert_int_eq(result.ended, LOAD_ENDED_STOPPED);
	ck_assert(result.stopped);
	ck_assert_double_lt(result.seconds, 1.5);
	load_result_release(&result);
	spec.requests = 20; /* which then counts */
	run();
	ck_assert_int_eq(result.ended, LOAD_ENDED_ASKED);
	ck_assert_uint_eq(result.started, 20);
	load_result_release(&result);
	spec.min_duration_ns = 2 * NS_PER_S;
	ck_assert_int_eq(load_run(&spec, NULL, &result, &error), -ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "min_duration"));
}
END_TEST

/* In the open loop it is the latency that must be known. */
START_TEST(the_rule_looks_at_latency_in_the_open_loop)
{
	prepare("pause", 20);
	spec.rate = 100;
	spec.duration_ns = OPT_AUTO_NS;
	spec.precision = .5;
	server.slow_until_ns = clock_now_ns() + 60 * NS_PER_S;
	run();
	ck_assert_int_eq(result.ended, LOAD_ENDED_PRECISE);
	ck_assert_double_gt(result.steady.mean, .05 * NS_PER_S);
	ck_assert_double_lt(result.seconds, 30);
	load_result_release(&result);
}
END_TEST

int main(void)
{
	const TTest *const TESTS[] = {stages_ramp_and_pause,
		a_number_of_requests_ends_the_open_loop, what_cannot_be_sent_is_told,
		waiting_is_in_the_latency, poisson_arrivals_have_their_rate,
		idle_connections_may_close, bodies_wait_for_continue, bodies_do_not_wait_for_ever,
		an_answer_instead_of_continue, source_addresses_take_turns,
		a_unix_socket_that_is_not_there_is_refused, targets_are_counted_apart,
		seconds_are_told_in_order, the_rule_leaves_out_a_slow_start,
		the_rule_ends_the_window, the_rule_keeps_its_bounds,
		the_rule_looks_at_latency_in_the_open_loop};
	Suite *suite = suite_create("load_loops");
	TCase *tc = tcase_create("load_loops");

	tcase_add_loop_test(tc, a_rate_is_kept, 0, 3);
	tcase_add_loop_test(tc, pipelined_requests_are_counted, 0, 2);
	tcase_add_loop_test(tc, pipelined_requests_fail_together, 0, 4);
	tcase_add_loop_test(tc, a_connection_takes_so_many_requests, 0, 2);
	for (size_t i = 0; i < sizeof(TESTS) / sizeof(TESTS[0]); i++)
		tcase_add_test(tc, TESTS[i]);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}

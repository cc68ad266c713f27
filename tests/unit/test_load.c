/*
 * The load engine against a server that misbehaves on order: what the engine counted must be what
 * the server did, exactly, and every run must end.
 */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bad_server.h"
#include "base/clock.h"
#include "base/mem.h"
#include "load/load.h"

static struct bad_server server;
static struct load_spec spec;
static struct load_result result;
static struct err error;
static char url[128];

/* A run of this many requests to the server's path, on two threads where there is work for two. */
static void prepare(const char *path, int64_t requests, int64_t connections)
{
	if (!server.port)
		bad_server_start(&server);
	load_spec_init(&spec);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/%s", server.port, path);
	spec.url = url;
	spec.requests = requests;
	spec.connections = connections;
	spec.threads = 2;
	/* Where an answer never comes it is waited for; a busy machine's may come late. */
	spec.timeout_ns = strstr(path, "silence") ? 300 * NS_PER_MS : 20 * NS_PER_S;
}

static uint64_t transport_errors(const struct load_result *r)
{
	uint64_t n = 0;

	for (int i = 0; i < LOAD_N_ERRORS; i++)
		n += i == LOAD_STATUS ? 0 : r->errors_all[i];
	return n;
}

/* What must hold of every result. */
static void check_sums(const struct load_result *r)
{
	uint64_t finished = 0, completed = 0, errors = 0, by_second = 0, errors_by_second = 0;

	for (unsigned i = 0; i < 600; i++) {
		finished += r->status_all[i];
		completed += i < 400 ? r->status[i] : 0;
		ck_assert_uint_le(r->status[i], r->status_all[i]);
	}
	for (int i = 0; i < LOAD_N_ERRORS; i++) {
		errors += r->errors[i];
		ck_assert_uint_le(r->errors[i], r->errors_all[i]);
	}
	for (size_t i = 0; i < r->n_series; i++) {
		by_second += r->series[i].start_s >= 0 ? r->series[i].completed : 0;
		errors_by_second += r->series[i].start_s >= 0 ? r->series[i].errors : 0;
	}
	ck_assert_uint_eq(r->finished, finished);
	ck_assert_uint_eq(r->started, r->finished + transport_errors(r) + r->unfinished);
	ck_assert_uint_eq(r->completed, completed);
	ck_assert_uint_eq(
		r->latency.n, r->completed + r->errors[LOAD_TIMEOUT] + r->errors[LOAD_UNSENT]);
	ck_assert_uint_eq(r->from_send.n, r->completed + r->errors[LOAD_TIMEOUT]);
	ck_assert_uint_eq(r->first_byte.n, r->completed);
	ck_assert_uint_eq(r->completed, by_second);
	ck_assert_uint_eq(r->n_errors, errors);
	ck_assert_uint_eq(r->n_errors, errors_by_second);
}

static void run(void)
{
	ck_assert_msg(!load_run(&spec, NULL, &result, &error), "%s", error.text);
	check_sums(&result);
	if (spec.requests)
		ck_assert_uint_eq(result.started, (uint64_t)spec.requests);
}

START_TEST(good_answers_are_completed)
{
	static const char *const PATHS[] = {"ok", "bytewise", "chunked", "until-close", "interim",
		"http10", "302", "last", "big", "cycle?ok,chunked,until-close,http10,interim"};
	static const bool KEPT[] = {true, true, true, false, true, false, true, false, true, false};
	uint64_t n = strcmp(PATHS[_i], "big") != 0 ? 120 : 12;

	prepare(PATHS[_i], (int64_t)n, 4);
	spec.timeout_ns = 20 * NS_PER_S;
	run();
	ck_assert_uint_eq(result.completed, n);
	ck_assert_uint_eq(result.n_errors, 0);
	ck_assert_uint_eq(server.requests, n);
	ck_assert_uint_eq(result.connects, server.connections);
	ck_assert_uint_eq(result.bytes_in, server.bytes_out);
	ck_assert_uint_eq(result.bytes_out, server.bytes_in);
	if (KEPT[_i])
		ck_assert_uint_le(result.connects, 4);
	else
		ck_assert_uint_gt(result.connects, 4);
	ck_assert_uint_gt(result.connect.n, 0);
	ck_assert(result.requests_per_second > 0 && result.seconds > 0);
	load_result_release(&result);
}
END_TEST

static const struct {
	const char *path;
	enum load_error kind;
} FAULTS[] = {
	{"reset", LOAD_RESET},
	{"half-reset", LOAD_RESET},
	{"close", LOAD_CLOSED},
	{"half", LOAD_TRUNCATED},
	{"half-line", LOAD_TRUNCATED},
	{"half-silence", LOAD_TIMEOUT},
	{"silence", LOAD_TIMEOUT},
	{"garbage", LOAD_MALFORMED},
	{"extra", LOAD_MALFORMED},
	{"long-head", LOAD_MALFORMED},
	{"404", LOAD_STATUS},
};

START_TEST(faults_are_counted_by_kind)
{
	enum load_error kind = FAULTS[_i].kind;

	prepare(FAULTS[_i].path, 9, 3);
	run();
	ck_assert_uint_eq(result.errors_all[kind], 9);
	ck_assert_uint_eq(result.errors[kind], 9);
	ck_assert_uint_eq(result.n_errors, 9);
	ck_assert_uint_eq(result.completed, 0);
	ck_assert_uint_eq(result.unfinished, 0);
	ck_assert_uint_eq(server.requests, 9);
	if (kind == LOAD_STATUS)
		ck_assert_uint_le(server.connections, 3);
	else
		ck_assert_uint_eq(server.connections, 9);
	ck_assert_uint_eq(result.connects, server.connections);
	ck_assert(load_error_fraction(&result) == 1);
	load_result_release(&result);
}
END_TEST

/* Each fault among good answers: no request is lost or counted twice. */
START_TEST(faults_among_good_answers)
{
	const char *name = FAULTS[_i].path;
	char path[64];

	snprintf(path, sizeof(path), "cycle?ok,%s,chunked", name);
	prepare(path, 60, 5);
	run();
	ck_assert_uint_eq(server.requests, 60);
	ck_assert_uint_eq(result.completed, 40);
	ck_assert_uint_eq(result.errors_all[FAULTS[_i].kind], 20);
	ck_assert_uint_eq(result.n_errors, 20);
	ck_assert_uint_eq(result.connects, server.connections);
	load_result_release(&result);
}
END_TEST

START_TEST(all_faults_together)
{
	prepare("cycle?ok,reset,half,close,garbage,404,chunked,until-close,half-silence,interim",
		300, 12);
	run();
	ck_assert_uint_eq(server.requests, 300);
	ck_assert_uint_eq(result.completed, 120);
	ck_assert_uint_eq(result.errors_all[LOAD_RESET], 30);
	ck_assert_uint_eq(result.errors_all[LOAD_TRUNCATED], 30);
	ck_assert_uint_eq(result.errors_all[LOAD_CLOSED], 30);
	ck_assert_uint_eq(result.errors_all[LOAD_MALFORMED], 30);
	ck_assert_uint_eq(result.errors_all[LOAD_STATUS], 30);
	ck_assert_uint_eq(result.errors_all[LOAD_TIMEOUT], 30);
	ck_assert_uint_eq(result.status_all[404], 30);
	ck_assert_uint_eq(result.status_all[200], 120);
	load_result_release(&result);
}
END_TEST

START_TEST(dropped_connections_are_resets)
{
	prepare("ok", 20, 2);
	server.drop = true;
	run();
	ck_assert_uint_eq(result.errors_all[LOAD_RESET], 20);
	ck_assert_uint_eq(server.connections, 20);
	ck_assert_uint_eq(result.connects, 20);
	ck_assert_uint_eq(server.requests, 0);
	load_result_release(&result);
}
END_TEST

START_TEST(refused_port_does_not_spin)
{
	struct load_spec timed;

	prepare("ok", 30, 3);
	snprintf(url, sizeof(url), "http://127.0.0.1:1/"); /* nothing has port 1 */
	run();
	ck_assert_uint_eq(result.errors_all[LOAD_REFUSED], 30);
	ck_assert_uint_eq(result.connects, 0);
	load_result_release(&result);

	timed = spec;
	timed.requests = 0;
	timed.duration_ns = 500 * NS_PER_MS;
	ck_assert_int_eq(load_run(&timed, NULL, &result, &error), 0);
	check_sums(&result);
	/* pauses of 1, 2, 4 … 128 ms: at most 11 tries a user in half a second */
	ck_assert_uint_ge(result.started, 3 * 3);
	ck_assert_uint_le(result.started, 3 * 11);
	load_result_release(&result);
}
END_TEST

START_TEST(numbers_of_requests_are_exact)
{
	prepare("ok", 10007, 7);
	spec.threads = 3;
	spec.timeout_ns = 20 * NS_PER_S;
	run();
	ck_assert_uint_eq(server.requests, 10007);
	ck_assert_uint_eq(result.completed, 10007);
	ck_assert_uint_le(result.connects, 7); /* a thread that starts late may find none left */
	ck_assert_uint_eq(result.threads, 3);
	load_result_release(&result);

	prepare("ok", 2, 50); /* fewer requests than users */
	run();
	ck_assert_uint_le(result.connects, 2);
	load_result_release(&result);
}
END_TEST

START_TEST(keepalive_can_be_off)
{
	prepare("ok", 50, 4);
	spec.keepalive = false;
	run();
	ck_assert_uint_eq(result.connects, 50);
	ck_assert_uint_eq(server.connections, 50);
	ck_assert_uint_eq(result.completed, 50);
	load_result_release(&result);
}
END_TEST

START_TEST(methods_headers_and_bodies_are_sent)
{
	static const char *headers[] = {"X-One: 1", "host: other"};
	char *body = mem_alloc(5000001, 1);

	memset(body, 'x', 5000000);
	body[5000000] = '\0';
	prepare("ok", 8, 2);
	spec.timeout_ns = 20 * NS_PER_S;
	spec.method = "POST";
	spec.body = body; /* more than a socket takes at once */
	spec.headers.items = headers;
	spec.headers.n = 2;
	run();
	ck_assert_uint_eq(result.completed, 8);
	ck_assert_uint_eq(server.body_bytes, 8 * 5000000);
	ck_assert_uint_eq(server.bytes_in, result.bytes_out);
	load_result_release(&result);

	prepare("early", 6, 2); /* an answer to a request that is not sent to its end */
	spec.timeout_ns = 20 * NS_PER_S;
	spec.method = "POST";
	spec.body = body;
	run();
	ck_assert_uint_eq(result.status_all[413], 6);
	ck_assert_uint_eq(result.errors_all[LOAD_STATUS], 6);
	ck_assert_uint_lt(result.bytes_out, 6 * 5000000);
	load_result_release(&result);

	prepare("head", 10, 1);
	spec.method = "HEAD";
	run();
	ck_assert_uint_eq(result.completed, 10);
	load_result_release(&result);
	free(body);
}
END_TEST

START_TEST(the_end_waits_for_answers_under_way)
{
	prepare("slow", 0, 6); /* 300 ms each */
	spec.timeout_ns = 20 * NS_PER_S;
	spec.duration_ns = 100 * NS_PER_MS;
	run();
	ck_assert_uint_eq(result.started, 6);
	ck_assert_uint_eq(result.finished, 6);
	ck_assert_uint_eq(result.completed, 0); /* they came after the window */
	ck_assert_uint_eq(server.requests, 6);
	load_result_release(&result);

	spec.drain_ns = 20 * NS_PER_MS;
	run();
	ck_assert_uint_eq(result.unfinished, 6);
	ck_assert_uint_eq(result.finished, 0);
	load_result_release(&result);
}
END_TEST

START_TEST(a_silent_service_ends_on_time)
{
	prepare("silence", 0, 3);
	spec.timeout_ns = 100 * NS_PER_MS;
	spec.duration_ns = 350 * NS_PER_MS;
	spec.drain_ns = 10 * NS_PER_MS;
	run();
	/* each user: sends at 0, 101, 203 … ms; the pauses after failures are 1, 2, 4 ms */
	ck_assert_uint_ge(result.errors_all[LOAD_TIMEOUT], 3);
	ck_assert_uint_le(result.errors_all[LOAD_TIMEOUT], 9);
	ck_assert_uint_eq(result.completed, 0);
	ck_assert_uint_le(result.unfinished, 3);
	load_result_release(&result);
}
END_TEST

START_TEST(the_window_is_what_was_asked)
{
	prepare("ok", 0, 4);
	spec.warmup_ns = 200 * NS_PER_MS;
	spec.duration_ns = 1300 * NS_PER_MS;
	spec.timeout_ns = 20 * NS_PER_S;
	run();
	ck_assert_double_eq(result.seconds, 1.3);
	ck_assert_uint_eq(result.n_series, 2);
	ck_assert_uint_lt(result.completed, result.finished);
	ck_assert_uint_eq(result.finished, server.requests);
	ck_assert_double_eq(result.requests_per_second, (double)result.completed / 1.3);
	ck_assert(result.cpu_seconds > 0 && result.busiest_core > 0);
	load_result_release(&result);
}
END_TEST

struct watcher {
	atomic_bool stop;
	unsigned ticks;
	struct load_tick last;
};

static void on_tick(void *arg, const struct load_tick *tick)
{
	struct watcher *w = arg;

	ck_assert_uint_ge(tick->completed, w->last.completed);
	w->last = *tick;
	if (++w->ticks == 4)
		atomic_store(&w->stop, true);
}

START_TEST(stopping_keeps_what_was_measured)
{
	struct watcher watcher = {0};
	struct load_hooks hooks = {.tick = on_tick, .arg = &watcher, .stop = &watcher.stop};

	prepare("ok", 0, 4);
	spec.duration_ns = 100 * NS_PER_S;
	ck_assert_int_eq(load_run(&spec, &hooks, &result, &error), 0);
	check_sums(&result);
	ck_assert(result.stopped);
	ck_assert_uint_gt(result.completed, 0);
	ck_assert(result.seconds > .1 && result.seconds < 90);
	ck_assert_uint_eq(result.finished, server.requests);
	ck_assert_double_eq(watcher.last.total_s, 100);
	ck_assert_uint_eq(watcher.last.completed, result.finished);
	load_result_release(&result);

	/* in the warm-up: nothing was measured, nothing hangs */
	watcher = (struct watcher){0};
	spec.warmup_ns = 100 * NS_PER_S;
	ck_assert_int_eq(load_run(&spec, &hooks, &result, &error), 0);
	check_sums(&result);
	ck_assert_uint_eq(result.completed, 0);
	ck_assert_double_eq(result.seconds, 0);
	load_result_release(&result);
}
END_TEST

START_TEST(results_survive_json)
{
	json_t *json, *again;
	struct load_result back;
	struct load_spec asked;

	prepare("cycle?ok,ok,ok,404,half", 200, 3);
	run();
	json = load_to_json(&spec, &result);
	ck_assert_int_eq(load_from_json(&back, json, &error), 0);
	check_sums(&back);
	ck_assert_uint_eq(hist_percentile(&back.latency, 99), hist_percentile(&result.latency, 99));
	ck_assert_int_eq(load_spec_from_json(&asked, json_object_get(json, "asked"), &error), 0);
	again = load_to_json(&asked, &back);
	ck_assert(json_equal(json, again));
	json_decref(again);
	free(asked.headers.items);
	load_result_release(&back);

	json_t *latency = json_object_get(json_object_get(json, "histograms"), "latency");
	static const char *const BAD[] = {
		"x", "1:", ":1", "0:1", "1 ", "99999999:1", "1:0", "5 -1"};

	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		json_object_set_new(latency, "buckets", json_string(BAD[i]));
		ck_assert_msg(load_from_json(&back, json, &error) == -ERR_INPUT, "'%s'", BAD[i]);
	}
	json_decref(json);
	json = json_object();
	ck_assert_int_eq(load_from_json(&back, json, &error), -ERR_INPUT);
	ck_assert_int_eq(load_spec_from_json(&asked, json, &error), -ERR_INPUT);
	json_decref(json);
	load_result_release(&result);
}
END_TEST

static void refuse(enum err_kind kind, const char *word)
{
	ck_assert_int_eq(load_run(&spec, NULL, &result, &error), -(int)kind);
	ck_assert_msg(strstr(error.text, word) != NULL, "'%s' is not in: %s", word, error.text);
}

START_TEST(nonsense_is_refused)
{
	static const char *folded[] = {"A: b\r\nC: d"}, *length[] = {"Content-Length: 5"};
	static const char *source[] = {"127.0.0.1"};

	prepare("ok", 1, 1);
	spec.url = NULL;
	refuse(ERR_USAGE, "URL");
	spec.url = "http://no-such-host.invalid/";
	refuse(ERR_SERVICE, "no-such-host.invalid");
	spec.url = url;
	spec.method = "GET /";
	refuse(ERR_USAGE, "method");
	spec.method = "CONNECT";
	refuse(ERR_USAGE, "CONNECT");
	spec.method = "GET";
	spec.headers = (struct opt_list){folded, 1, 0};
	refuse(ERR_USAGE, "Name: value");
	spec.headers.items = length;
	refuse(ERR_USAGE, "length");
	spec.headers.n = 0;
	spec.connections = 0;
	refuse(ERR_USAGE, "connections");
	spec.connections = 1;
	spec.pipeline = 4;
	spec.expect = true;
	refuse(ERR_USAGE, "100 Continue");
	spec.expect = false;
	spec.stages = "1s:10";
	refuse(ERR_USAGE, "leave out one");
	spec.requests = 0;
	spec.rate = 5;
	refuse(ERR_USAGE, "leave out --rate");
	spec.rate = 0;
	spec.stages = "1s";
	refuse(ERR_USAGE, "stage 1");
	spec.stages = NULL;
	spec.unix_socket = "/nowhere/at/all";
	spec.sources = (struct opt_list){source, 1, 0};
	refuse(ERR_USAGE, "Unix socket");
	spec.unix_socket = NULL;
	source[0] = "localhost";
	refuse(ERR_USAGE, "localhost");
}
END_TEST

START_TEST(a_file_limit_is_told)
{
	struct rlimit limit = {64, 64};

	prepare("ok", 5000, 1000);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (!geteuid())
		ck_assert_int_eq(setresuid(65534, 65534, 65534), 0); /* root may raise any limit */
	refuse(ERR_SYSTEM, "1,000 connections need");
	spec.connections = 10;
	spec.requests = 100;
	spec.timeout_ns = 20 * NS_PER_S;
	run();
	ck_assert_uint_eq(result.completed, 100);
	load_result_release(&result);
}
END_TEST

int main(void)
{
	const TTest *const TESTS[] = {all_faults_together, dropped_connections_are_resets,
		refused_port_does_not_spin, numbers_of_requests_are_exact, keepalive_can_be_off,
		methods_headers_and_bodies_are_sent, the_end_waits_for_answers_under_way,
		a_silent_service_ends_on_time, the_window_is_what_was_asked,
		stopping_keeps_what_was_measured, results_survive_json, nonsense_is_refused,
		a_file_limit_is_told};
	Suite *suite = suite_create("load");
	TCase *tc = tcase_create("load");

	tcase_add_loop_test(tc, good_answers_are_completed, 0, 10);
	tcase_add_loop_test(tc, faults_are_counted_by_kind, 0, sizeof(FAULTS) / sizeof(FAULTS[0]));
	tcase_add_loop_test(tc, faults_among_good_answers, 0, sizeof(FAULTS) / sizeof(FAULTS[0]));
	for (size_t i = 0; i < sizeof(TESTS) / sizeof(TESTS[0]); i++)
		tcase_add_test(tc, TESTS[i]);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}

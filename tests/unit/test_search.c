#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/rng.h"
#include "load/search.h"

/*
 * A service in place of load_run(): one server with exponential service times and Poisson arrivals,
 * each run of its own random numbers. Its percentiles are known: the time of a request is
 * exponential with rate capacity − arrival rate.
 */
enum { USERS_MAX = 1000 };
static struct {
	double capacity;
	double delay_s;       /* instead: every request takes so long, however many there are */
	double stall_share;   /* of runs in which it stands still for half a second */
	double generator;     /* the engine sends at most so many a second, late */
	size_t users;         /* connections; 0: without limit */
	uint64_t stop_at_run; /* stopped in it */
	bool nothing;         /* no answer ever */
	uint64_t runs;
	struct rng rng;
	double asked[200];
} sim;

static double exponential(double rate)
{
	return -log(1 - rng_uniform(&sim.rng)) / rate;
}

static void result_init(struct load_result *out)
{
	struct hist *all[] = {&out->latency, &out->from_send, &out->first_byte, &out->connect,
		&out->tls, &out->late};

	*out = (struct load_result){0};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		hist_init(all[i]);
}

static void serve(struct load_result *out, double rate, double seconds)
{
	double sends = fmin(rate, sim.generator), arrival = 0, intended = 0, ended = 0;
	double stall = rng_uniform(&sim.rng) < sim.stall_share ? seconds / 2 : INFINITY;
	double free_at[USERS_MAX] = {0}; /* connections, taken in turn */

	for (size_t i = 0; !sim.nothing; i++) {
		double gap = exponential(sends), *connection = &free_at[i % USERS_MAX];

		if (sim.users)
			connection = &free_at[i % sim.users];
		arrival += gap;
		intended += gap * sends / rate;
		if (arrival >= seconds)
			break;
		double sent = sim.users ? fmax(arrival, *connection) : arrival;
		double begins = sim.delay_s > 0 ? sent : fmax(sent, ended);

		if (begins > stall) {
			begins += .5;
			stall = INFINITY;
		}
		ended = begins + (sim.delay_s > 0 ? sim.delay_s : exponential(sim.capacity));
		*connection = ended;
		if (ended > seconds)
			continue;
		out->completed++;
		out->waited += sent > arrival;
		hist_record(&out->latency, (uint64_t)((ended - intended) * 1e9));
		hist_record(&out->from_send, (uint64_t)((ended - sent) * 1e9));
		hist_record(&out->late, (uint64_t)((arrival - intended) * 1e9));
	}
}

static int run_simulated(const struct load_spec *spec, const struct load_hooks *hooks,
	struct load_result *out, struct err *err)
{
	(void)hooks;
	(void)err;
	result_init(out);
	ck_assert_uint_lt(sim.runs, 200);
	sim.asked[sim.runs++] = spec->rate;
	out->seconds = (double)spec->duration_ns / 1e9;
	out->stopped = sim.runs == sim.stop_at_run;
	/* beyond a million requests it is only asked what limits it */
	if (fmin(spec->rate, sim.generator) <= 1e5)
		serve(out, spec->rate, out->seconds);
	else
		out->busiest_core = 1;
	if (spec->rate > sim.generator)
		out->busiest_core = 1;
	out->requests_per_second = (double)out->completed / out->seconds;
	return 0;
}

static void simulate(double capacity, uint64_t seed)
{
	memset(&sim, 0, sizeof(sim));
	sim.capacity = capacity;
	sim.generator = INFINITY;
	rng_seed(&sim.rng, seed, 1);
}

static struct load_spec spec_of(double rate)
{
	struct load_spec spec = LOAD_SPEC_INIT;

	spec.rate = rate;
	spec.arrivals = LOAD_POISSON;
	return spec;
}

static int search(const char *goal, struct load_spec *spec, struct load_search *out,
	struct load_result *best, struct err *err)
{
	struct load_goal g;

	ck_assert_msg(load_goal_parse(&g, goal, err) == 0, "%s", err->text);
	int rc = load_search_with(run_simulated, spec, &g, .05, NULL, NULL, out, best, err);

	load_goal_release(&g);
	return rc;
}

/*
 * 200 searches, in each of which one run in twenty has a stall that misses the goal. At least 95 %
 * must end within the precision of the true rate; docs/methods.md has the shares for other goals
 * and durations.
 */
static void check_found(
	const char *goal, double capacity, double seconds, double first, double expect)
{
	size_t right = 0, runs = 0;

	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct load_spec spec = spec_of(first);
		struct load_search s;
		struct load_result best;
		struct err err = {0};

		simulate(capacity, seed);
		sim.stall_share = .05;
		spec.duration_ns = (uint64_t)(seconds * 1e9);
		ck_assert_msg(search(goal, &spec, &s, &best, &err) == 0, "%s", err.text);
		ck_assert(!s.limited && !s.stopped);
		ck_assert_double_eq(spec.rate, s.best);
		ck_assert_double_gt(s.missed, s.best);
		ck_assert_double_le(s.missed, s.best * 1.0251);
		ck_assert_double_eq_tol(best.requests_per_second, s.best, .1 * s.best);
		right += fabs(s.best / expect - 1) <= .05;
		runs += sim.runs;
		load_search_release(&s);
		load_result_release(&best);
	}
	ck_assert_msg(right >= 190, "%s: %zu of 200 within 5 %%", goal, right);
	ck_assert_uint_lt(runs, 200 * 20);
}

START_TEST(the_rate_is_found_from_below)
{
	check_found("p99<100ms", 1000, 10, 0, 1000 - 46.05); /* ln 100 / .1 */
}
END_TEST

START_TEST(the_rate_is_found_from_above)
{
	check_found("p50<10ms", 1000, 10, 5000, 1000 - 69.31);
}
END_TEST

START_TEST(the_rate_is_found_where_the_first_misses)
{
	check_found("p90<=100ms", 100, 60, 0, 100 - 23.03);
}
END_TEST

START_TEST(what_never_holds_is_missed)
{
	struct load_spec spec = spec_of(0);
	struct load_search s;
	struct load_result best;
	struct err err = {0};

	simulate(1000, 1);
	ck_assert_int_eq(search("p99<1us", &spec, &s, &best, &err), -ERR_MISSED);
	ck_assert_ptr_nonnull(strstr(err.text, "p99<1us did not hold even at 1 requests a second"));
	ck_assert_ptr_nonnull(strstr(err.text, "must be < 1.00 µs"));
	ck_assert(isnan(s.best) && isnan(s.missed));
	ck_assert_double_eq(spec.rate, 0);
	ck_assert_ptr_null(best.latency.counts);
	/* each rate twice, and downwards to ten requests in ten seconds */
	ck_assert_uint_eq(s.n % 2, 0);
	ck_assert_double_eq(s.steps[0].rate, 100);
	ck_assert_double_eq(s.steps[1].rate, 100);
	ck_assert_double_eq(s.steps[s.n - 1].rate, 1);
	load_search_release(&s);

	simulate(1000, 1);
	sim.nothing = true;
	ck_assert_int_eq(search("errors<1%", &spec, &s, &best, &err), -ERR_MISSED);
	load_search_release(&s);
}
END_TEST

START_TEST(the_generators_limit_is_said)
{
	struct load_spec spec = spec_of(0);
	struct load_search s;
	struct load_result best;
	struct err err = {0};

	/* a service far quicker than the generator, which sends 3,000 a second */
	simulate(1e6, 1);
	sim.generator = 3000;
	ck_assert_int_eq(search("p99<20ms", &spec, &s, &best, &err), 0);
	ck_assert(s.limited);
	ck_assert(isnan(s.missed));
	ck_assert_double_gt(s.best, 2800);
	ck_assert_double_le(s.best, 3010);
	load_search_release(&s);
	load_result_release(&best);

	/* from the very first rate on */
	simulate(1e6, 1);
	sim.generator = .5;
	spec = spec_of(0);
	ck_assert_int_eq(search("p99<20ms", &spec, &s, &best, &err), -ERR_MISSED);
	ck_assert_ptr_nonnull(strstr(err.text, "the load generator was the limit even at 1 "));
	load_search_release(&s);
}
END_TEST

START_TEST(few_connections_are_told_from_a_slow_service)
{
	struct load_spec spec = spec_of(0);
	struct load_search s;
	struct load_result best;
	struct err err = {0};

	/* 30 at 10 ms each carry 3,000 a second, which the service would answer as ever */
	simulate(0, 1);
	sim.delay_s = .01;
	sim.users = 30;
	ck_assert_int_eq(search("p99<20ms", &spec, &s, &best, &err), 0);
	ck_assert(s.limited && isnan(s.missed));
	ck_assert_double_gt(s.best, 2500);
	ck_assert_double_lt(s.best, 3050);
	load_search_release(&s);
	load_result_release(&best);

	/* one server: 30 requests under way wait for each other, and so would 300; from the send
	 * on the goal is held */
	simulate(1000, 1);
	sim.users = 30;
	spec = spec_of(0);
	ck_assert_int_eq(search("p99<50ms", &spec, &s, &best, &err), 0);
	ck_assert(!s.limited && !isnan(s.missed));
	ck_assert_double_eq_tol(s.best, 1000 - 92.1, 50);
	load_search_release(&s);
	load_result_release(&best);
}
END_TEST

START_TEST(a_backlog_is_a_miss)
{
	struct load_spec spec = spec_of(0);
	struct load_search s;
	struct load_result best;
	struct err err = {0};

	/* half of the requests of ten seconds wait less than this far beyond the capacity too */
	simulate(1000, 1);
	ck_assert_int_eq(search("p50<60s", &spec, &s, &best, &err), 0);
	ck_assert_double_gt(s.best, 930);
	ck_assert_double_lt(s.best, 1150);
	load_search_release(&s);
	load_result_release(&best);
}
END_TEST

START_TEST(a_stop_keeps_the_best_so_far)
{
	struct load_search s;
	struct load_result best;
	struct err err = {0};

	for (uint64_t at = 1; at < 8; at++) {
		struct load_spec spec = spec_of(0);

		simulate(1000, 1);
		sim.stop_at_run = at;
		ck_assert_int_eq(search("p99<20ms", &spec, &s, &best, &err), 0);
		ck_assert(s.stopped);
		ck_assert_uint_eq(sim.runs, at);
		ck_assert_uint_eq(s.n, at - 1);
		ck_assert(at > 1 ? spec.rate == s.best : isnan(s.best) && spec.rate == 100);
		ck_assert_ptr_nonnull(best.latency.counts);
		ck_assert(best.stopped == (at == 1));
		load_search_release(&s);
		load_result_release(&best);
	}
}
END_TEST

START_TEST(goals_that_make_no_sense_are_refused)
{
	static const char *const GOALS[] = {"rate>=100", "p99>200ms", "errors>=1", "checks<50%"};

	for (size_t i = 0; i < 4; i++) {
		struct load_spec spec = spec_of(0);
		struct load_search s;
		struct load_result best;
		struct err err = {0};

		simulate(1000, 1);
		ck_assert_int_eq(search(GOALS[i], &spec, &s, &best, &err), -ERR_USAGE);
		ck_assert_uint_eq(sim.runs, 0);
		ck_assert_ptr_nonnull(strstr(err.text, GOALS[i]));
		load_search_release(&s);
	}
	struct load_spec spec = spec_of(0);
	struct load_search s;
	struct load_result best;
	struct err err = {0};

	simulate(1000, 1);
	spec.stages = "10s:5";
	ck_assert_int_eq(search("p99<1s", &spec, &s, &best, &err), -ERR_USAGE);
	spec.stages = NULL; /* a step that the run does not have: told after the first run */
	ck_assert_int_eq(search("log in:p99<1s", &spec, &s, &best, &err), -ERR_USAGE);
	ck_assert_uint_eq(sim.runs, 1);
	ck_assert_ptr_nonnull(strstr(err.text, "no steps"));
	load_search_release(&s);
}
END_TEST

static void count_step(void *arg, const struct load_search_step *s)
{
	ck_assert_double_gt(s->rate, 0);
	++*(size_t *)arg;
}

START_TEST(steps_are_told_and_written_down)
{
	struct load_spec spec = spec_of(0);
	struct load_search s, back;
	struct load_result best;
	struct load_goal g;
	struct err err = {0};
	size_t told = 0;
	const struct load_hooks hooks = {.arg = &told};

	simulate(1000, 1);
	ck_assert_int_eq(load_goal_parse(&g, "p99<20ms", &err), 0);
	ck_assert_int_eq(load_search_with(run_simulated, &spec, &g, .05, &hooks, count_step, &s,
				 &best, &err),
		0);
	ck_assert_uint_eq(told, s.n);
	ck_assert_uint_eq(told, sim.runs);

	json_t *json = load_search_to_json(&s, &g);

	ck_assert_int_eq(load_search_from_json(&back, json, &err), 0);
	ck_assert_uint_eq(back.n, s.n);
	ck_assert_double_eq(back.best, s.best);
	ck_assert_double_eq(back.missed, s.missed);
	for (size_t i = 0; i < s.n; i++) {
		ck_assert_double_eq(back.steps[i].rate, s.steps[i].rate);
		ck_assert_double_eq(back.steps[i].rate, sim.asked[i]);
		ck_assert_double_eq(back.steps[i].value, s.steps[i].value);
		ck_assert_double_eq(back.steps[i].achieved, s.steps[i].achieved);
		ck_assert_int_eq(back.steps[i].held, s.steps[i].held);
	}
	load_search_release(&back);
	json_object_del(json, "steps");
	ck_assert_int_eq(load_search_from_json(&back, json, &err), -ERR_INPUT);
	load_search_release(&back);
	json_decref(json);
	load_goal_release(&g);
	load_search_release(&s);
	load_result_release(&best);
}
END_TEST

UNIT_MAIN("search", the_rate_is_found_from_below, the_rate_is_found_from_above,
	the_rate_is_found_where_the_first_misses, what_never_holds_is_missed,
	the_generators_limit_is_said, few_connections_are_told_from_a_slow_service,
	a_backlog_is_a_miss, a_stop_keeps_the_best_so_far, goals_that_make_no_sense_are_refused,
	steps_are_told_and_written_down)

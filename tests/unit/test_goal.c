#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "load/goal.h"

START_TEST(goals_are_read)
{
	static const struct {
		const char *text, *metric, *target;
		enum goal_op op;
		double limit;
		bool share;
	} CASES[] = {
		{"p99<200ms", "p99", NULL, GOAL_LESS, .2, false},
		{"p99.9<=1.5s", "p99.9", NULL, GOAL_LESS_EQUAL, 1.5, false},
		{"p99_9<80us", "p99_9", NULL, GOAL_LESS, 80e-6, false},
		{" mean < 5 ms ", NULL, NULL, GOAL_LESS, 0, false},
		{"mean < 5ms", "mean", NULL, GOAL_LESS, .005, false},
		{"max<1m", "max", NULL, GOAL_LESS, 60, false},
		{"min>1ns", "min", NULL, GOAL_MORE, 1e-9, false},
		{"send_p50<1ms", "send_p50", NULL, GOAL_LESS, 1e-3, false},
		{"first_byte_mean<1ms", "first_byte_mean", NULL, GOAL_LESS, 1e-3, false},
		{"connect_max<1ms", "connect_max", NULL, GOAL_LESS, 1e-3, false},
		{"tls_p99<1ms", "tls_p99", NULL, GOAL_LESS, 1e-3, false},
		{"late_p99<1ms", "late_p99", NULL, GOAL_LESS, 1e-3, false},
		{"rate>=1000", "rate", NULL, GOAL_MORE_EQUAL, 1000, false},
		{"rate>0.5/s", "rate", NULL, GOAL_MORE, .5, false},
		{"errors<0.1%", "errors", NULL, GOAL_LESS, .001, true},
		{"errors<10", "errors", NULL, GOAL_LESS, 10, false},
		{"timeout<=0", "timeout", NULL, GOAL_LESS_EQUAL, 0, false},
		{"check<1%", "check", NULL, GOAL_LESS, .01, true},
		{"checks>99%", "checks", NULL, GOAL_MORE, .99, true},
		{"log in:p95<80ms", "p95", "log in", GOAL_LESS, .08, false},
		{"GET http://h:80/a<b:errors<1%", "errors", "GET http://h:80/a<b", GOAL_LESS, .01,
			true},
		{"buy:rate>3", "rate", "buy", GOAL_MORE, 3, false},
		{"buy:status<3", "status", "buy", GOAL_LESS, 3, false},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct load_goal g;
		struct err err = {0};
		int rc = load_goal_parse(&g, CASES[i].text, &err);

		if (!CASES[i].metric) {
			ck_assert_int_eq(rc, -ERR_USAGE);
			continue;
		}
		ck_assert_msg(rc == 0, "%s", err.text);
		ck_assert_str_eq(g.text, CASES[i].text);
		ck_assert_str_eq(g.metric, CASES[i].metric);
		ck_assert_pstr_eq(g.target, CASES[i].target);
		ck_assert_int_eq(g.op, CASES[i].op);
		ck_assert_double_eq(g.limit, CASES[i].limit);
		ck_assert_int_eq(g.share, CASES[i].share);
		load_goal_release(&g);
	}
}
END_TEST

START_TEST(wrong_goals_are_told_how)
{
	static const char *const CASES[][2] = {
		{"", "write METRIC, then <"},
		{"p99", "write METRIC, then <"},
		{"p99=200ms", "write METRIC, then <"},
		{"p99<200", "200 of what? Write 200ms, 200us or 200s"},
		{"p99<", "'' is not a duration"},
		{"p99<nan", "'nan' is not a duration"},
		{"p99<-5ms", "not a duration"},
		{"p99<5x", "'5x' is not a duration"},
		{"p0<5ms", "no metric 'p0'"},
		{"p100<5ms", "below 100, mean, max and min"},
		{"p<5ms", "no metric 'p'"},
		{"p9_9_9<5ms", "no metric 'p9_9_9'"},
		{"p99999999999999999<5ms", "no metric"},
		{"send_rate<5", "no metric 'send_rate'"},
		{"eror<5", "did you mean errors?"},
		{"foo<5", "refused, connect, tls, reset, closed"},
		{"errors<0.1", "0.1 of what? Errors are whole; write 0.1% for"},
		{"errors<x", "'x' is not a number"},
		{"errors<5ms", "'ms' is not a unit here; write 5%"},
		{"errors<101%", "at most 100%"},
		{"errors<-1", "'-1' is not a number"},
		{"errors<inf", "'inf' is not a number"},
		{"checks>99", "99 of what? Write 99%"},
		{"rate>10%", "write rate>=10"},
		{"rate>10ms", "write rate>=10"},
		{":p99<5ms", "missing before the colon"},
		{"step:send_p99<5ms", "known of the whole run only"},
		{"step:checks>1%", "known of the whole run only"},
	};
	char *longest = mem_zalloc(400, 1);

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct load_goal g;
		struct err err = {0};

		ck_assert_int_eq(load_goal_parse(&g, CASES[i][0], &err), -ERR_USAGE);
		ck_assert_msg(strstr(err.text, CASES[i][1]) != NULL, "'%s' gave: %s", CASES[i][0],
			err.text);
		ck_assert_ptr_null(g.text);
	}
	memset(longest, 'a', 350);
	struct load_goal g;
	struct err err = {0};

	ck_assert_int_eq(load_goal_parse(&g, longest, &err), -ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "at most 300 characters"));
	free(longest);
}
END_TEST

/* No byte behind the text is looked at, wherever it ends. */
START_TEST(reading_stops_at_the_end)
{
	static const char TEXT[] = "first_byte_p99_9<=200ms";
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *two =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert(two != MAP_FAILED);
	ck_assert_int_eq(mprotect(two + page, page, PROT_NONE), 0);
	for (size_t len = 0; len < sizeof(TEXT); len++) {
		char *at = two + page - len - 1;
		struct load_goal g;

		memcpy(at, TEXT, len);
		at[len] = '\0';
		int rc = load_goal_parse(&g, at, NULL);

		/* "…200m" is 200 minutes */
		ck_assert_int_eq(rc, len >= sizeof(TEXT) - 2 ? 0 : -ERR_USAGE);
		load_goal_release(&g);
	}
	munmap(two, 2 * page);
}
END_TEST

static double value_of(const char *text, const struct load_result *r, bool *holds)
{
	struct load_goal g;
	struct err err = {0};
	double value;

	ck_assert_msg(load_goal_parse(&g, text, &err) == 0, "%s", err.text);
	ck_assert_msg(load_goal_value(&g, r, &value, &err) == 0, "%s", err.text);
	*holds = load_goal_holds(&g, value);
	load_goal_release(&g);
	return value;
}

static void fill(struct hist *h, uint64_t step)
{
	hist_init(h);
	for (uint64_t i = 1; i <= 1000; i++)
		hist_record(h, i * step);
}

static struct load_result result(void)
{
	struct load_result r = {.completed = 990,
		.n_errors = 10,
		.requests_per_second = 99,
		.n_targets = 2,
		.n_checks = 2};

	r.errors[LOAD_TIMEOUT] = 4;
	r.errors[LOAD_STATUS] = 6;
	fill(&r.latency, 1000000);
	fill(&r.from_send, 1000);
	fill(&r.first_byte, 2000);
	fill(&r.connect, 3000);
	fill(&r.tls, 4000);
	hist_init(&r.late);
	r.targets = mem_zalloc(2, sizeof(*r.targets));
	r.targets[0] = (struct load_target){
		.name = mem_strdup("a"), .completed = 90, .n_errors = 10, .requests_per_second = 9};
	r.targets[0].errors[LOAD_STATUS] = 5;
	fill(&r.targets[0].latency, 500000);
	r.targets[1] = (struct load_target){.name = mem_strdup("b")};
	fill(&r.targets[1].latency, 500000);
	free(r.targets[1].latency.counts); /* one of those beyond the timed ones */
	r.targets[1].latency.counts = NULL;
	r.checks = mem_zalloc(2, sizeof(*r.checks));
	r.checks[0] = (struct load_check_result){.passed = 90, .failed = 10};
	r.checks[1] = (struct load_check_result){.passed = 99, .failed = 1};
	return r;
}

static void release(struct load_result *r)
{
	struct hist *all[] = {&r->latency, &r->from_send, &r->first_byte, &r->connect, &r->tls,
		&r->late, &r->targets[0].latency, &r->targets[1].latency};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		hist_release(all[i]);
	free(r->targets[0].name);
	free(r->targets[1].name);
	free(r->targets);
	free(r->checks);
}

START_TEST(values_are_those_of_the_result)
{
	static const struct {
		const char *goal;
		double value;
		bool holds;
	} CASES[] = {
		{"p99<991ms", .990, true}, /* kept to .1 % */
		{"p99<990ms", .990, false},
		{"p99.9<=1s", .999, true},
		{"p50>1s", .5, false},
		{"max<=1s", 1, true},
		{"max<1s", 1, false},
		{"min>=1ms", .001, true},
		{"min>1ms", .001, false},
		{"mean<501ms", .5005, true},
		{"send_p99<991us", .990e-3, true},
		{"first_byte_max<=2ms", 2e-3, true},
		{"connect_min<1ms", 3e-6, true},
		{"tls_mean<1ms", 2.002e-3, false},
		{"rate>=99", 99, true},
		{"rate>99", 99, false},
		{"errors<=1%", .01, true},
		{"errors<1%", .01, false},
		{"errors<11", 10, true},
		{"timeout<0.5%", .004, true},
		{"status<6", 6, false},
		{"checks>=94.5%", .945, true},
		{"checks>95%", .945, false},
		{"a:p50<251ms", .25, true},
		{"a:errors<10", 10, false},
		{"a:errors<=10%", .1, true},
		{"a:status<=5%", .05, true},
		{"a:rate>8", 9, true},
		{"b:max<=500ms", .5, true},
		/* nothing was measured */
		{"late_p99<1s", NAN, false},
		{"b:errors<1%", NAN, false},
		{"b:status>=0", NAN, false},
	};
	struct load_result r = result();

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		bool holds;
		double value = value_of(CASES[i].goal, &r, &holds);

		if (isnan(CASES[i].value))
			ck_assert(isnan(value));
		else
			ck_assert_msg(fabs(value - CASES[i].value) <= CASES[i].value / 1024,
				"%s: %g", CASES[i].goal, value);
		ck_assert_msg(holds == CASES[i].holds, "%s: %g", CASES[i].goal, value);
	}
	release(&r);
}
END_TEST

START_TEST(what_a_run_does_not_have_is_named)
{
	static const char *const CASES[][2] = {
		{"c:p99<5ms", "no step or target 'c'; it has 'a', 'b'"},
		{"b:p99<5ms", "of the first 32 targets only, and 'b' is number 2"},
	};
	struct load_result r = result(), bare = {0};
	struct err err = {0};
	struct load_goal g;
	double value;

	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(load_goal_parse(&g, CASES[i][0], &err), 0);
		ck_assert_int_eq(load_goal_value(&g, &r, &value, &err), -ERR_USAGE);
		ck_assert_msg(strstr(err.text, CASES[i][1]) != NULL, "%s", err.text);
		ck_assert(isnan(value));
		ck_assert_int_eq(load_goal_value(&g, &bare, &value, &err), -ERR_USAGE);
		ck_assert_ptr_nonnull(strstr(err.text, "one target and no steps"));
		load_goal_release(&g);
	}
	ck_assert_int_eq(load_goal_parse(&g, "checks>1%", &err), 0);
	ck_assert_int_eq(load_goal_value(&g, &bare, &value, &err), -ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "checked nothing"));
	load_goal_release(&g);
	release(&r);
}
END_TEST

START_TEST(a_miss_is_a_sentence)
{
	static const struct {
		const char *goal;
		double value;
		const char *says;
	} CASES[] = {
		{"p99<200ms", .312, "p99 was 312 ms, must be < 200 ms"},
		{"p99<200ms", .2000001, "p99 was 200.0001 ms, must be < 200 ms"},
		{"p99<200ms", .2, "p99 was 200 ms, must be < 200 ms"},
		{"late_p99<=200ms", NAN,
			"late_p99 is not known, for nothing was measured; must be ≤ 200 ms"},
		{"errors<0.1%", .0123, "errors were 1.23 %, must be < 0.1 %"},
		{"errors<10", 12345, "errors were 12,345, must be < 10"},
		{"timeout<10", 12, "timeout errors were 12, must be < 10"},
		{"rate>=1000", 950.4, "rate was 950.4/s, must be ≥ 1,000/s"},
		{"checks>99%", .5, "checks were 50 %, must be > 99 %"},
		{"log in:p95<80ms", .1, "log in: p95 was 100 ms, must be < 80.0 ms"},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct load_goal g;
		struct str text = STR_INIT;

		ck_assert_int_eq(load_goal_parse(&g, CASES[i].goal, NULL), 0);
		load_goal_describe(&g, CASES[i].value, &text);
		ck_assert_str_eq(text.p, CASES[i].says);
		str_release(&text);
		load_goal_release(&g);
	}
}
END_TEST

UNIT_MAIN("goal", goals_are_read, wrong_goals_are_told_how, reading_stops_at_the_end,
	values_are_those_of_the_result, what_a_run_does_not_have_is_named, a_miss_is_a_sentence)

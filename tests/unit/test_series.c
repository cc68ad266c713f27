/* Sets of series: one axis from points, names, families, what is marked. */
#include "correlate/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "unit.h"

/* 2026-11-21 19:00:00 UTC */
static const double START_S = 1795287600;

static const struct align_options ALL = {.from_s = NAN, .to_s = NAN};

static struct series_points points_new(const char *name)
{
	return (struct series_points){.name = (char *)name, .family = (char *)""};
}

static void points_add(struct series_points *p, double time_s, double value)
{
	size_t cap = p->cap;

	p->time_s = mem_grow(p->time_s, &cap, p->n + 1, sizeof(double));
	cap = p->cap;
	p->value = mem_grow(p->value, &cap, p->n + 1, sizeof(double));
	p->cap = cap;
	p->time_s[p->n] = time_s;
	p->value[p->n++] = value;
}

static void points_release(struct series_points *p)
{
	free(p->time_s);
	free(p->value);
}

static struct series_points regular(const char *name, double first_s, double step_s, size_t n)
{
	struct series_points p = points_new(name);

	for (size_t i = 0; i < n; i++)
		points_add(&p, first_s + (double)i * step_s, (double)(i * i % 17));
	return p;
}

static void align(struct series_set *s, const struct series_points *p, size_t n,
	const struct align_options *o)
{
	struct err err = {0};

	ck_assert_msg(!series_align(s, p, n, o, &err), "%s", err.text);
}

/* ---- aligning ---- */

START_TEST(same_clock)
{
	struct series_points p[2] = {regular("a", START_S, 60, 100), regular("b", START_S, 60, 90)};
	struct series_set s;

	align(&s, p, 2, &ALL);
	ck_assert_uint_eq(s.n, 2);
	ck_assert_uint_eq(s.n_times, 100);
	ck_assert_double_eq(s.start_s, START_S);
	ck_assert_double_eq(s.step_s, 60);
	ck_assert(!s.resampled);
	ck_assert_uint_eq(s.points_read, 190);
	ck_assert_uint_eq(s.gaps, 10);
	ck_assert_uint_eq(s.items[1].known, 90);
	for (size_t i = 0; i < 100; i++) {
		ck_assert_double_eq(s.items[0].values[i], (double)(i * i % 17));
		ck_assert(i < 90 ? s.items[1].values[i] == (double)(i * i % 17)
				 : isnan(s.items[1].values[i]));
	}
	ck_assert_uint_eq(s.notes.len, 0);
	series_set_release(&s);
	points_release(&p[0]);
	points_release(&p[1]);
}
END_TEST

/* In any order, with times twice: the mean of those. */
START_TEST(unsorted_and_duplicated)
{
	struct series_points p = points_new("a");
	struct series_set s;

	points_add(&p, START_S + 30, 3);
	points_add(&p, START_S + 0, 1);
	points_add(&p, START_S + 10, 5);
	points_add(&p, START_S + 10, 6);
	points_add(&p, START_S + 10, 10);
	points_add(&p, START_S + 20, NAN);
	points_add(&p, START_S + 20, INFINITY);
	points_add(&p, NAN, 4);
	align(&s, &p, 1, &ALL);
	ck_assert_uint_eq(s.n_times, 4);
	ck_assert_double_eq(s.step_s, 10);
	ck_assert_double_eq(s.items[0].values[0], 1);
	ck_assert_double_eq(s.items[0].values[1], 7);
	ck_assert_double_nan(s.items[0].values[2]);
	ck_assert_double_eq(s.items[0].values[3], 3);
	ck_assert_uint_eq(s.points_duplicate, 3);
	ck_assert_uint_eq(s.points_unsorted, 1);
	ck_assert_uint_eq(s.points_bad, 2);
	ck_assert_uint_eq(s.points_read, 8);
	ck_assert_uint_eq(s.gaps, 1);
	series_set_release(&s);
	points_release(&p);
}
END_TEST

/* Most have 15 s; one has 5 s (nearest, or the mean of three), one 60 s (gaps between). */
START_TEST(different_steps)
{
	struct series_points p[4] = {regular("a", START_S, 15, 41), regular("b", START_S, 15, 41),
		points_new("fine"), points_new("coarse")};
	struct align_options o = ALL;
	struct series_set s;

	for (int i = 0; i <= 120; i++)
		points_add(&p[2], START_S + 5 * i, i);
	for (int i = 0; i <= 10; i++)
		points_add(&p[3], START_S + 60 * i, i);
	align(&s, p, 4, &o);
	ck_assert_double_eq(s.step_s, 15);
	ck_assert_uint_eq(s.n_times, 41);
	ck_assert(s.resampled);
	for (size_t t = 0; t < 41; t++) {
		ck_assert_double_eq(s.items[2].values[t], 3 * (double)t);
		ck_assert(t % 4 ? isnan(s.items[3].values[t])
				: s.items[3].values[t] == (double)t / 4);
	}
	ck_assert_uint_eq(s.items[3].known, 11);
	series_set_release(&s);

	o.how = ALIGN_MEAN;
	o.step_s = 60;
	align(&s, p, 4, &o);
	ck_assert_uint_eq(s.n_times, 11);
	/* the cell around 60 s: 30 … 85 s, points 6 … 17 */
	ck_assert_double_eq_tol(s.items[2].values[1], 11.5, 1e-12);
	ck_assert_double_eq(s.items[3].values[5], 5);
	series_set_release(&s);
	for (int i = 0; i < 4; i++)
		points_release(&p[i]);
}
END_TEST

/* A clock that is 7 s behind and one whose points waver: the nearest time, and said. */
START_TEST(clocks_that_are_off)
{
	struct series_points p[3] = {regular("a", START_S, 30, 50),
		regular("b", START_S + 7, 30, 50), points_new("wavers")};
	struct series_set s;
	struct rng r;

	rng_seed(&r, 6, 1);
	for (int i = 0; i < 50; i++)
		points_add(&p[2], START_S + 30 * i + .2 * rng_uniform(&r), i);
	align(&s, p, 3, &ALL);
	ck_assert_double_eq(s.step_s, 30);
	ck_assert_double_eq(s.start_s, START_S);
	ck_assert_uint_eq(s.n_times, 50);
	ck_assert(s.resampled);
	for (size_t t = 0; t < 50; t++) {
		ck_assert_double_eq(s.items[1].values[t], (double)(t * t % 17));
		ck_assert_double_eq(s.items[2].values[t], (double)t);
	}
	ck_assert_msg(strstr(s.notes.p, "1 of the 3 series lie beside"), "%s", s.notes.p);
	series_set_release(&s);
	for (int i = 0; i < 3; i++)
		points_release(&p[i]);
}
END_TEST

/* What a step of 15 s wavers by is no step of its own: 15.003 is 15. */
START_TEST(step_of_wavering_times)
{
	struct series_points p = points_new("a");
	struct series_set s;
	struct rng r;

	rng_seed(&r, 6, 2);
	for (int i = 0; i < 200; i++)
		if (i % 9) /* and some are missing */
			points_add(&p, START_S + 15 * i + .05 * rng_uniform(&r), i);
	align(&s, &p, 1, &ALL);
	ck_assert_double_eq(s.step_s, 15);
	ck_assert_uint_eq(s.n_times, 199);
	series_set_release(&s);
	points_release(&p);
}
END_TEST

START_TEST(counters_become_rates)
{
	struct series_points p = points_new("requests_total");
	struct align_options o = ALL;
	struct series_set s;
	static const double GROWN[] = {1000, 1100, 1250, 40, 90, 90, 30};

	p.kind = SERIES_COUNTER;
	for (int i = 0; i < 7; i++)
		points_add(&p, START_S + 10 * i, GROWN[i]);
	points_add(&p, START_S + 90, 330); /* two are missing before it */
	align(&s, &p, 1, &o);
	static const double RATES[] = {NAN, 10, 15, 4, 5, 0, 3, NAN, NAN, 10};

	ck_assert_uint_eq(s.n_times, 10);
	for (size_t t = 0; t < 10; t++)
		ck_assert(isnan(RATES[t]) ? isnan(s.items[0].values[t])
					  : fabs(s.items[0].values[t] - RATES[t]) < 1e-9);
	ck_assert_uint_eq(s.items[0].resets, 2);
	ck_assert_uint_eq(s.items[0].known, 7);
	ck_assert_int_eq(s.items[0].kind, SERIES_COUNTER);
	series_set_release(&s);

	/* on a coarser axis nothing of what it grew is lost, resets within a step included */
	o.step_s = 30;
	for (int how = 0; how < 2; how++) {
		o.how = how ? ALIGN_MEAN : ALIGN_NEAREST;
		align(&s, &p, 1, &o);
		double sum = 0;

		for (size_t t = 1; t < s.n_times; t++)
			sum += s.items[0].values[t];
		ck_assert_uint_eq(s.items[0].resets, 2);
		if (o.how == ALIGN_NEAREST)
			ck_assert_double_eq_tol(sum * 30, 100 + 150 + 40 + 50 + 0 + 30 + 300, 1e-9);
		series_set_release(&s);
	}
	points_release(&p);
}
END_TEST

START_TEST(gap_of_a_day)
{
	struct series_points p = regular("a", START_S, 60, 60);
	struct align_options o = ALL;
	struct series_set s;
	struct err err = {0};

	for (int i = 0; i < 60; i++)
		points_add(&p, START_S + 86400 + 60 * i, i);
	align(&s, &p, 1, &o);
	ck_assert_uint_eq(s.n_times, 1440 + 60);
	ck_assert_uint_eq(s.gaps, 1440 - 60);
	series_set_release(&s);

	/* one wrong time, of 1970, and a step of a millisecond: refused, not tried */
	points_add(&p, 12, 1);
	o.step_s = .001;
	ck_assert_int_eq(series_align(&s, &p, 1, &o, &err), -ERR_INPUT);
	ck_assert_msg(strstr(err.text, "1970-01-01 00:00:12 UTC to 2026-11-22") &&
			      strstr(err.text, "--from"),
		"%s", err.text);
	o.step_s = 0;
	ck_assert_int_eq(series_align(&s, &p, 1, &o, &err), -ERR_INPUT);
	o.from_s = START_S - 1;
	align(&s, &p, 1, &o);
	ck_assert_uint_eq(s.n_times, 1440 + 60);
	series_set_release(&s);
	o.to_s = START_S + 600;
	align(&s, &p, 1, &o);
	ck_assert_uint_eq(s.n_times, 11);
	series_set_release(&s);
	points_release(&p);
}
END_TEST

START_TEST(too_little)
{
	struct series_points p = points_new("a");
	struct align_options o = ALL;
	struct series_set s;
	struct err err = {0};

	ck_assert_int_eq(series_align(&s, &p, 0, &o, &err), -ERR_INPUT);
	ck_assert_msg(strstr(err.text, "there are no series"), "%s", err.text);
	ck_assert_int_eq(series_align(&s, &p, 1, &o, &err), -ERR_INPUT);
	ck_assert_msg(strstr(err.text, "no value with a time"), "%s", err.text);
	points_add(&p, START_S, 1);
	ck_assert_int_eq(series_align(&s, &p, 1, &o, &err), -ERR_INPUT);
	points_add(&p, START_S, 2);
	ck_assert_int_eq(series_align(&s, &p, 1, &o, &err), -ERR_INPUT);
	ck_assert_msg(strstr(err.text, "all values have one time, 2026-11-21 19:00:00 UTC"), "%s",
		err.text);
	o.from_s = START_S + 10;
	ck_assert_int_eq(series_align(&s, &p, 1, &o, &err), -ERR_INPUT);
	ck_assert_msg(strstr(err.text, "between --from and --to"), "%s", err.text);
	points_add(&p, START_S + 60, 3);
	align(&s, &p, 1, &ALL);
	ck_assert_uint_eq(s.n_times, 2);
	ck_assert_double_eq(s.items[0].values[0], 1.5);
	series_set_release(&s);
	points_release(&p);
}
END_TEST

/* ---- what is marked ---- */

START_TEST(constant_and_equal)
{
	enum { N = 200, TIMES = 50 };
	struct series_set s = {.n = N, .n_times = TIMES};
	struct rng r;

	rng_seed(&r, 6, 3);
	s.items = mem_zalloc(N, sizeof(*s.items));
	s.memory = mem_alloc(N * TIMES, sizeof(double));
	for (size_t i = 0; i < N; i++) {
		s.items[i].name = mem_strdup("x");
		s.items[i].values = s.memory + i * TIMES;
		for (size_t t = 0; t < TIMES; t++)
			s.items[i].values[t] = rng_normal(&r);
	}
	for (size_t t = 0; t < TIMES; t++) {
		s.items[7].values[t] = 4;
		s.items[9].values[t] = NAN;
		s.items[11].values[t] = t == 3 ? NAN : -0.0;
		s.items[12].values[t] = t == 3 ? -NAN : 0.0;
		s.items[30].values[t] = s.items[150].values[t] = s.items[20].values[t];
		/* the same numbers in another order are another series */
		s.items[40].values[t] = s.items[20].values[TIMES - 1 - t];
	}
	series_mark(&s);
	for (size_t i = 0; i < N; i++) {
		ck_assert_int_eq(s.items[i].constant, i == 7 || i == 9 || i == 11 || i == 12);
		ck_assert_uint_eq(s.items[i].known, i == 9               ? 0
						    : i == 11 || i == 12 ? TIMES - 1
									 : TIMES);
		ck_assert_uint_eq(s.items[i].same_as, i == 12               ? 11
						      : i == 30 || i == 150 ? 20
									    : SIZE_MAX);
	}
	series_set_release(&s);
}
END_TEST

/* ---- names ---- */

static struct series_set named(const char *const *names, size_t n)
{
	struct series_set s = {.n = n, .items = mem_zalloc(n + 1, sizeof(*s.items))};

	for (size_t i = 0; i < n; i++)
		s.items[i].name = mem_strdup(names[i]);
	return s;
}

START_TEST(found_by_name)
{
	static const char *const NAMES[] = {"total", "web/total", "layers/SQL", "db/SQL:time",
		"endpoints/sparkline:throughput", "apps/data:time", "worker/queue", "grandtotal"};
	struct series_set s = named(NAMES, 8);
	struct err err = {0};

	ck_assert_uint_eq(series_find(&s, "total", &err), 0);
	ck_assert_uint_eq(series_find(&s, "/total", &err), 1);
	ck_assert_uint_eq(series_find(&s, "queue", &err), 6);
	ck_assert_uint_eq(series_find(&s, "data:time", &err), 5);
	ck_assert_uint_eq(series_find(&s, "throughput", &err), 4);
	ck_assert_uint_eq(series_find(&s, "time", &err), SIZE_MAX);
	ck_assert_msg(strstr(err.text, "the end of 2 names ('db/SQL:time', 'apps/data:time')"),
		"%s", err.text);
	ck_assert_int_eq(err.kind, ERR_USAGE);
	ck_assert_uint_eq(series_find(&s, "ueue", &err), SIZE_MAX); /* no beginning of a word */
	ck_assert_uint_eq(series_find(&s, "Total", &err), SIZE_MAX);
	ck_assert_msg(strstr(err.text, "did you mean 'total'"), "%s", err.text);
	ck_assert_uint_eq(series_find(&s, "totla", &err), SIZE_MAX);
	ck_assert_msg(strstr(err.text, "did you mean 'total'"), "%s", err.text);
	ck_assert_uint_eq(series_find(&s, "sparkline", &err), SIZE_MAX);
	ck_assert_msg(strstr(err.text, "'endpoints/sparkline:throughput'"), "%s", err.text);
	ck_assert_uint_eq(series_find(&s, "", &err), SIZE_MAX);
	series_set_release(&s);
	ck_assert_uint_eq(series_find(&s, "total", &err), SIZE_MAX);
	ck_assert_msg(strstr(err.text, "there are none"), "%s", err.text);
}
END_TEST

static void check_families(
	const char *const (*names)[2], size_t n, const char *const *rules, size_t n_rules)
{
	struct series_set s = {.n = n, .items = mem_zalloc(n + 1, sizeof(*s.items))};
	struct err err = {0};

	for (size_t i = 0; i < n; i++)
		s.items[i].name = mem_strdup(names[i][0]);
	for (int twice = 0; twice < 2; twice++)
		ck_assert_msg(!series_families(&s, rules, n_rules, &err), "%s", err.text);
	for (size_t i = 0; i < n; i++)
		ck_assert_str_eq(s.items[i].family, names[i][1]);
	series_set_release(&s);
}

START_TEST(families_from_names)
{
	static const char *const KINDS[][2] = {{"apps/data:time", "time"},
		{"apps/data:throughput", "throughput"}, {"endpoints/sparkline:time", "time"},
		{"endpoints/sparkline:throughput", "throughput"}, {"users/list:time", "time"},
		{"total", ""}, {"a/b/c", "a/b"}};
	static const char *const PREFIXES[][2] = {{"layer:SQL", "layer"}, {"layer:View", "layer"},
		{"layer:Redis", "layer"}, {"endpoint:apps/data", "endpoint"}};
	static const char *const LABELS[][2] = {
		{"http_requests_total{path=\"/a:b\"}", "http_requests_total"},
		{"rate(x_total{job=\"web\"})", "rate(x_total)"},
		{"sum by (path) (rate(x{a=\"}\\\")\",b=~'/{2}'}[5m])) / sum(y{c=`\\`})",
			"sum by (path) (rate(x)) / sum(y)"},
		{"rate(x_total[5m]){job=\"web\"}", "rate(x_total[5m])"}, {"rate(x{a=\"b", "rate(x"},
		{"up", ""}};
	static const char *const PLAIN[][2] = {{"SQL", ""}, {"View", ""}, {"/x", ""}, {":x", ""}};

	check_families(KINDS, 7, NULL, 0);
	check_families(PREFIXES, 4, NULL, 0);
	check_families(LABELS, 6, NULL, 0);
	check_families(PLAIN, 4, NULL, 0);
}
END_TEST

START_TEST(families_by_rules)
{
	static const char *const RULES[] = {
		"layers=^(SQL|View)$", "throughput=throughput$", "times=/"};
	static const char *const NAMES[][2] = {{"SQL", "layers"}, {"View", "layers"}, {"SQL2", ""},
		{"a/b", "times"}, {"a/b:throughput", "throughput"}, {"not \xff utf-8/", ""}};
	static const char *const WRONG[] = {"layers", "=x", "x=", "a=(", "a=[z-a]"};
	static const char *const ENDLESS = "a=^(b+)+(b+)+(b+)+$";
	static const char *const LONG[] = {"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbc"};
	struct series_set s = named(LONG, 1);
	struct err err = {0};

	check_families(NAMES, 6, RULES, 3);
	for (size_t i = 0; i < 5; i++) {
		ck_assert_int_eq(series_families(&s, &WRONG[i], 1, &err), -ERR_USAGE);
		ck_assert_msg(strstr(err.text, i < 3 ? "NAME=REGEX" : "is wrong at character"),
			"%s", err.text);
	}
	ck_assert_int_eq(series_families(&s, &ENDLESS, 1, &err), -ERR_USAGE);
	ck_assert_msg(strstr(err.text, "takes too long"), "%s", err.text);
	series_set_release(&s);
}
END_TEST

UNIT_MAIN("series", same_clock, unsorted_and_duplicated, different_steps, clocks_that_are_off,
	step_of_wavering_times, counters_become_rates, gap_of_a_day, too_little, constant_and_equal,
	found_by_name, families_from_names, families_by_rules)

#include "learn/settled.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lab_model.h"
#include "unit.h"

enum { FACTORS = 3 };

/* A ranking by hand: what is judged, and nothing else. */
static void make(struct rank_result *r, struct rank_factor *f, size_t n)
{
	static const char *const NAMES[FACTORS] = {"workers", "redis_latency", "timeout"};

	*r = (struct rank_result){.response = "requests_per_second",
		.n = n,
		.p = FACTORS,
		.factors = f,
		.n_active = 2,
		.spec = RANK_SPEC_DEFAULT};
	for (size_t j = 0; j < FACTORS; j++)
		f[j] = (struct rank_factor){.name = NAMES[j],
			.active = j < 2,
			.p_active = j < 2 ? 1e-9 : .6,
			.p_above = 1e-9,
			.group = (int)j + 1,
			.low = 1,
			.high = 9,
			.effect_percent = j < 2 ? 80 : .2,
			.effect_interval = {j < 2 ? 70 : -.5, j < 2 ? 90 : .8},
			.importance = j < 2 ? .5 : 0,
			.importance_interval = {j < 2 ? .45 : 0, j < 2 ? .55 : .01}};
}

static void check(const struct rank_result *r, bool settled, const char *sentence)
{
	struct settled s;

	ck_assert_int_eq(settled_judge(&s, r, .95), settled);
	ck_assert_str_eq(s.sentence, sentence);
	ck_assert_int_eq(s.n_open == 0, settled);
	ck_assert_int_eq(s.limiting, s.first != NULL);
	settled_release(&s);
}

START_TEST(says_what_is_open)
{
	struct rank_factor f[FACTORS];
	struct rank_result r;

	make(&r, f, 24);
	check(&r, true, "workers limits requests_per_second, and every other factor is ranked.");
	f[0].p_above = .04;
	f[1].group = 1;
	check(&r, false, "workers and redis_latency are not told apart yet.");
	f[2].effect_interval = (struct interval){-9, 12};
	f[2].importance_interval = (struct interval){0, .3};
	check(&r, false,
		"workers and redis_latency are not told apart yet, and timeout is not told from "
		"noise yet.");
	make(&r, f, 24);
	f[2].effect_interval = (struct interval){-9, 12};
	f[2].importance_interval = (struct interval){0, .3};
	check(&r, false, "timeout is not told from noise yet.");
	make(&r, f, 24);
	for (size_t j = 0; j < FACTORS; j++) {
		f[j] = f[2];
		f[j].active = false;
	}
	r.n_active = 0;
	check(&r, true, "no factor matters for requests_per_second within the ranges tried.");
	make(&r, f, 11); /* too few to stop at, whatever they seem to say */
	check(&r, false, "workers, redis_latency and timeout are not told from noise yet.");
}
END_TEST

/* However long a study goes on, looks at each half doubling spend no more than there is. */
START_TEST(spends_what_there_is)
{
	struct rank_factor f[FACTORS];
	struct rank_result r;
	double spent = 0, before = 1;

	for (size_t look = 0; look < 40; look++) {
		struct settled s;
		size_t n = (size_t)ceil(12 * pow(2, (double)look / 2));

		make(&r, f, n);
		settled_judge(&s, &r, .95);
		ck_assert(s.level > 0 && s.level <= before);
		spent += before = s.level;
		settled_release(&s);
	}
	ck_assert_double_le(spent, .05 + 1e-12);
	ck_assert_double_ge(spent, .0499);
}
END_TEST

static const struct {
	const char *name;
	double low, high;
} RANGES[] = {{"fraction_io_bound", .05, .5}, {"mean_response_time", .15, .75},
	{"min_response_time", .1, .2}, {"std_response_time", .01, .3},
	{"json_object_length", 500, 1000}};
enum { RANGED = 5, MOST = 48 };

/* A study of the simulated lab in random settings; how many trials it took, 0 if too many. */
static size_t study(uint64_t seed, bool idle, const char **first)
{
	static const size_t LOOKS[] = {12, 16, 24, 32, MOST};
	double u[MOST][RANGED], y[MOST];
	struct rng rng;
	size_t took = 0;

	rng_seed(&rng, seed, 0);
	for (size_t i = 0; i < MOST; i++) {
		struct lab_model m;

		lab_model_init(&m);
		for (size_t j = 0; j < RANGED; j++) {
			u[i][j] = RANGES[j].low +
				  rng_uniform(&rng) * (RANGES[j].high - RANGES[j].low);
			if (!idle)
				ck_assert_int_eq(lab_model_set(&m, RANGES[j].name, u[i][j]), 0);
		}
		y[i] = lab_model_trial(&m, &rng);
	}
	*first = NULL;
	for (size_t look = 0; !took && look < sizeof(LOOKS) / sizeof(LOOKS[0]); look++) {
		struct rank_spec spec = RANK_SPEC_DEFAULT;
		struct rank_result r;
		struct dataset d;
		struct settled s;
		size_t n = LOOKS[look];

		dataset_init(&d, n, RANGED);
		d.response = mem_strdup("requests_per_second");
		d.unit = mem_strdup("requests/s");
		for (size_t j = 0; j < RANGED; j++) {
			d.names[j] = mem_strdup(RANGES[j].name);
			for (size_t i = 0; i < n; i++)
				d.x[j * n + i] = u[i][j];
		}
		memcpy(d.y, y, n * sizeof(double));
		ck_assert_int_eq(rank_learn(&r, &d, &spec, NULL), 0);
		if (settled_judge(&s, &r, .95)) {
			took = n;
			for (size_t j = 0; s.first && j < RANGED; j++)
				if (!strcmp(RANGES[j].name, s.first))
					*first = RANGES[j].name;
		}
		settled_release(&s);
		rank_release(&r);
		dataset_release(&d);
	}
	return took;
}

/* Nearly all studies of 48 trials settle, at 5 % a wrong one may (docs/methods.md): more than 3 of
 * 15 wrong, or fewer than 12 settled, have a chance below .006. */
START_TEST(settles_on_what_limits)
{
	size_t settled = 0, wrong = 0, idle_named = 0;
	const char *first;

	for (uint64_t seed = 0; seed < 15; seed++) {
		settled += study(seed, false, &first) > 0;
		wrong += first && strcmp(first, "fraction_io_bound") != 0;
	}
	ck_assert_msg(settled >= 12 && wrong <= 3, "%zu settled, %zu wrong of 15", settled, wrong);
	for (uint64_t seed = 0; seed < 15; seed++) {
		study(seed, true, &first);
		idle_named += first != NULL;
	}
	ck_assert_msg(idle_named <= 3, "a factor was named in %zu of 15 idle studies", idle_named);
}
END_TEST

/* The simulated lab itself: Little's law, the CPUs' rate, and the same again for a seed. */
START_TEST(lab_follows_the_laws)
{
	struct lab_model m;
	struct rng a, b;

	lab_model_init(&m);
	m.connections = 20;
	m.std_response_time = 0;
	/* .25 × (.15 + .45) s of waiting and .18 ms of work */
	ck_assert_double_eq_tol(lab_model_rate(&m), 20 / .15, .01 * 20 / .15);
	ck_assert_double_eq_tol(lab_model_latency_s(&m), .15, .0015);
	ck_assert_int_eq(lab_model_regime(&m), LAB_WAITING);
	m.connections = 20000;
	ck_assert_double_eq_tol(lab_model_rate(&m), 2 / lab_model_cpu_s(&m), 100);
	ck_assert_int_eq(lab_model_regime(&m), LAB_COMPUTING);
	m.workers = 1;
	ck_assert_double_eq_tol(lab_model_rate(&m), 1 / lab_model_cpu_s(&m), 50);
	ck_assert_int_eq(lab_model_set(&m, "nothing", 1), -1);
	rng_seed(&a, 1, 0);
	rng_seed(&b, 1, 0);
	ck_assert(lab_model_trial(&m, &a) == lab_model_trial(&m, &b));
}
END_TEST

UNIT_MAIN("settled", says_what_is_open, spends_what_there_is, settles_on_what_limits,
	lab_follows_the_laws)

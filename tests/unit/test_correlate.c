#include "unit.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "correlate/correlate.h"
#include "correlate_worlds.h"
#include "stats/dist.h"

enum { T = 600 };

static struct correlate_spec usual(void)
{
	return (struct correlate_spec){
		.fdr = .05, .confidence = .95, .given = SIZE_MAX, .group_at = .9};
}

/* n series of n_times, all 0, by names "0", "1", … */
static struct series_set empty_set(size_t n, size_t n_times)
{
	struct series_set s = {.step_s = 60,
		.n_times = n_times,
		.n = n,
		.cap = n,
		.items = mem_zalloc(n, sizeof(*s.items)),
		.memory = mem_zalloc(n * n_times, sizeof(double))};

	for (size_t i = 0; i < n; i++) {
		char name[24];

		snprintf(name, sizeof(name), "%zu", i);
		s.items[i] = (struct series){.name = mem_strdup(name),
			.family = mem_strdup(i % 2 ? "odd" : ""),
			.values = s.memory + i * n_times,
			.known = n_times,
			.same_as = SIZE_MAX};
	}
	return s;
}

static void walk(double *x, size_t n, struct rng *rng)
{
	x[0] = rng_normal(rng);
	for (size_t t = 1; t < n; t++)
		x[t] = x[t - 1] + rng_normal(rng);
}

static struct correlate_result run(const struct series_set *s, const struct correlate_spec *spec)
{
	struct correlate_result r;
	struct err err = {0};

	ck_assert_msg(!correlate_run(&r, s, spec, &err), "%s", err.text);
	return r;
}

static const struct correlate_row *row_of(const struct correlate_result *r, size_t series)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->rows[i].series == series)
			return &r->rows[i];
	ck_abort_msg("series %zu was not looked at", series);
}

/* ---- parts ---- */

/* Ranks by counting, quantiles by stats/dist.c. */
static void plain_scores(const double *v, size_t n, double *out)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++)
		known += !isnan(v[i]);
	for (size_t i = 0; i < n; i++) {
		double below = 0, equal = 0;

		for (size_t j = 0; j < n; j++) {
			below += v[j] < v[i];
			equal += v[j] == v[i];
		}
		out[i] = isnan(v[i]) ? NAN
				     : dist_normal_quantile((below + (equal + 1) / 2 - .375) /
							    ((double)known + .25));
	}
}

START_TEST(scores_are_blom_s)
{
	double v[700], got[700], want[700];
	struct rng rng;

	rng_seed(&rng, 7, 1);
	for (int kind = 0; kind < 8; kind++) {
		size_t n = kind == 0 ? 1 : 100 * (size_t)kind - 50;

		for (size_t i = 0; i < n; i++) {
			double z = rng_normal(&rng);

			v[i] = kind == 1   ? (double)rng_below(&rng, 5) - 2 /* ties */
			       : kind == 2 ? 1e9 + 1e-6 * z /* equal in their upper bits */
			       : kind == 3 ? tan(z)
			       : kind == 4 ? ldexp(z, (int)rng_below(&rng, 2000) - 1000)
			       : kind == 5 ? z * (rng_below(&rng, 3) == 0 ? NAN : 1)
			       : kind == 6 ? (rng_below(&rng, 2) ? 0. : -0.)
					   : z;
		}
		if (kind == 3) {
			v[3] = INFINITY;
			v[5] = -INFINITY;
		}
		correlate_scores(v, n, got);
		plain_scores(v, n, want);
		for (size_t i = 0; i < n; i++)
			ck_assert_msg(
				isnan(want[i]) ? isnan(got[i]) : fabs(got[i] - want[i]) < 1e-13,
				"kind %d: score of %g is %.17g, not %.17g", kind, v[i], got[i],
				want[i]);
	}
}
END_TEST

START_TEST(q_values_are_benjamini_and_hochberg_s)
{
	/* Table 1 of their paper: 15 p-values, four of them discoveries at .05 */
	double p[] = {.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240, .4262,
		.5719, .6528, .7590, 1};
	size_t found = 0;

	correlate_bh(p, 15);
	for (size_t i = 0; i < 15; i++)
		found += p[i] <= .05;
	ck_assert_uint_eq(found, 4);
	ck_assert_double_eq_tol(p[0], .0015, 1e-15);
	ck_assert_double_eq_tol(p[3], .0095 * 15 / 4, 1e-15);
	ck_assert_double_eq_tol(p[5], .0298 * 15 / 7, 1e-15); /* the seventh is smaller */
	ck_assert_double_eq(p[14], 1);
	correlate_bh(p, 0);
}
END_TEST

/* make_correlate.py's generator. */
static double uniform(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (double)(*state >> 11) * 0x1p-53;
}

static void reference_series(
	double *x, double *y, size_t n, double weight, double gaps, uint64_t seed)
{
	double at_x = 0, at_y = 0;

	for (size_t t = 0; t < n; t++) {
		double step = uniform(&seed) - .5;

		at_x += step;
		at_y += weight * step + (uniform(&seed) - .5);
		x[t] = uniform(&seed) < gaps ? NAN : at_x;
		y[t] = uniform(&seed) < gaps ? NAN : at_y;
	}
}

/* tests/data/correlate.csv holds scipy's values; make_correlate.py beside it writes them. Tests run
 * in the root folder. */
START_TEST(pearson_diff_agrees_with_scipy)
{
	struct correlate_spec spec = usual();
	struct file_bytes file;
	struct csv_reader in;
	struct csv_field f[7];
	struct err err = {0};
	size_t n, rows = 0, tiny = 0;

	spec.method = CORRELATE_PEARSON_DIFF;
	ck_assert_msg(
		!file_open_bytes("tests/data/correlate.csv", 1 << 20, &file, &err), "%s", err.text);
	csv_init(&in, "correlate.csv", file.data, file.len, ',');
	ck_assert_int_eq(csv_next(&in, f, 7, &n, &err), 1);
	while (csv_next(&in, f, 7, &n, &err) > 0) {
		struct correlate_result r;
		struct series_set s;
		double v[7];

		for (int i = 0; i < 7; i++)
			ck_assert_ptr_nonnull(num_scan(f[i].p, f[i].p + f[i].len, &v[i]));
		s = empty_set(2, (size_t)v[0]);
		reference_series(s.items[0].values, s.items[1].values, s.n_times, v[1], v[2],
			(uint64_t)v[3]);
		r = run(&s, &spec);
		ck_assert_uint_eq(r.n, 1);
		ck_assert_uint_eq(r.rows[0].n, (size_t)v[4]);
		ck_assert_double_eq_tol(r.rows[0].r, v[5], 1e-12);
		ck_assert_msg(fabs(r.rows[0].p - v[6]) <= 1e-9 * v[6],
			"n %g, weight %g: p = %.17g, scipy has %.17g", v[0], v[1], r.rows[0].p,
			v[6]);
		ck_assert_double_eq(r.rows[0].q, r.rows[0].p);
		tiny += v[6] < 1e-200;
		rows++;
		correlate_release(&r);
		series_set_release(&s);
	}
	ck_assert_uint_gt(rows, 80);
	ck_assert_uint_gt(tiny, 3);
	file_close_bytes(&file);
}
END_TEST

START_TEST(pearson_p_at_the_ends)
{
	ck_assert_double_eq_tol(correlate_pearson_p(0, 50), 1, 1e-12);
	ck_assert_double_eq(correlate_pearson_p(1, 50), 0);
	ck_assert_double_eq(correlate_pearson_p(.3, 2), 1);
	ck_assert(isnan(correlate_pearson_p(.3, 1)));
	ck_assert_double_eq(correlate_pearson_p(-.3, 50), correlate_pearson_p(.3, 50));
}
END_TEST

/* ---- runs ---- */

START_TEST(a_leading_series_has_its_lag_and_sign)
{
	struct correlate_spec spec = usual();
	struct series_set s = empty_set(4, T);
	double *target = s.items[0].values, r[21];
	struct correlate_result result;
	struct rng rng;

	rng_seed(&rng, 11, 0);
	for (size_t i = 0; i < 4; i++)
		walk(s.items[i].values, T, &rng);
	for (size_t t = 0; t < T; t++) {
		s.items[1].values[t] = -target[t + 3 < T ? t + 3 : T - 1] + .5 * rng_normal(&rng);
		s.items[2].values[t] = target[t > 4 ? t - 4 : 0] + .5 * rng_normal(&rng);
	}
	spec.max_lag = 10;
	result = run(&s, &spec);
	ck_assert_uint_eq(result.tests, 3 * 21);
	ck_assert_int_eq(row_of(&result, 1)->lag, 3); /* it moves three steps before */
	ck_assert(row_of(&result, 1)->r < -.5 && row_of(&result, 1)->found);
	ck_assert_int_eq(row_of(&result, 2)->lag, -4);
	ck_assert(row_of(&result, 2)->r > .5 && row_of(&result, 2)->found);
	ck_assert(!row_of(&result, 3)->found);
	ck_assert_uint_eq(result.n_found, 2);
	correlate_lags(&s, &spec, 1, r);
	for (size_t k = 0; k < 21; k++)
		ck_assert(k == 13 ? r[k] == row_of(&result, 1)->r : fabs(r[k]) < fabs(r[13]));
	correlate_release(&result);
	series_set_release(&s);
}
END_TEST

START_TEST(a_common_cause_is_taken_out)
{
	struct correlate_spec spec = usual();
	struct series_set s = empty_set(4, T);
	struct correlate_result r;
	struct rng rng;

	rng_seed(&rng, 12, 0);
	for (size_t i = 0; i < 4; i++)
		walk(s.items[i].values, T, &rng);
	for (size_t t = 0; t < T; t++) { /* 3 makes 0 and 1, which have nothing else in common */
		s.items[0].values[t] += s.items[3].values[t] + s.items[2].values[t];
		s.items[1].values[t] += 2 * s.items[3].values[t];
	}
	r = run(&s, &spec);
	ck_assert(row_of(&r, 1)->found && row_of(&r, 2)->found && row_of(&r, 3)->found);
	correlate_release(&r);
	for (int gaps = 0; gaps < 2; gaps++) {
		for (size_t t = 5; gaps && t < T; t += 9)
			s.items[t % 4].values[t] = NAN;
		for (int method = 0; method < 2; method++) {
			spec.given = 3;
			spec.method = (enum correlate_method)method;
			r = run(&s, &spec);
			ck_assert_uint_eq(r.n, 2);
			ck_assert(!row_of(&r, 1)->found && row_of(&r, 2)->found);
			correlate_release(&r);
		}
	}
	series_set_release(&s);
}
END_TEST

START_TEST(partial_correlation_is_the_textbook_s)
{
	struct correlate_spec spec = usual();
	struct series_set s = empty_set(3, 100);
	struct correlate_result r;
	double r01, r02, r12, want;
	struct rng rng;

	rng_seed(&rng, 13, 0);
	for (size_t i = 0; i < 3; i++)
		walk(s.items[i].values, 100, &rng);
	for (size_t t = 0; t < 100; t++) {
		s.items[0].values[t] += s.items[2].values[t];
		s.items[1].values[t] += s.items[2].values[t] + .5 * s.items[0].values[t];
	}
	spec.method = CORRELATE_PEARSON_DIFF;
	r = run(&s, &spec);
	r01 = row_of(&r, 1)->r;
	r02 = row_of(&r, 2)->r;
	correlate_release(&r);
	spec.target = 1;
	r = run(&s, &spec);
	r12 = row_of(&r, 2)->r;
	correlate_release(&r);
	want = (r01 - r02 * r12) / sqrt((1 - r02 * r02) * (1 - r12 * r12));
	spec.target = 0;
	spec.given = 2;
	r = run(&s, &spec);
	ck_assert_double_eq_tol(row_of(&r, 1)->r, want, 1e-12);
	/* one series taken out: one degree of freedom less */
	ck_assert_double_eq_tol(row_of(&r, 1)->p, correlate_pearson_p(want, 98), 1e-9);
	correlate_release(&r);
	series_set_release(&s);
}
END_TEST

START_TEST(what_moves_together_is_one_group)
{
	struct correlate_spec spec = usual();
	struct series_set s = empty_set(8, T);
	struct correlate_result r;
	struct rng rng;

	/* 1 2 3 follow one cause of the target, 4 5 (downwards) another, 6 a third, 7 none */
	rng_seed(&rng, 14, 0);
	for (size_t i = 0; i < 8; i++)
		walk(s.items[i].values, T, &rng);
	for (size_t t = 0; t < T; t++) {
		double a = s.items[1].values[t], b = s.items[4].values[t];

		s.items[0].values[t] = 2 * a + b + .7 * s.items[6].values[t];
		s.items[2].values[t] = a + .05 * rng_normal(&rng);
		s.items[3].values[t] = 3 * a + .2 * rng_normal(&rng);
		s.items[5].values[t] = -b + .05 * rng_normal(&rng);
	}
	r = run(&s, &spec);
	ck_assert_uint_eq(r.n_found, 6);
	ck_assert_uint_eq(r.n_groups, 2);
	ck_assert_uint_eq(r.groups[0].n, 3);
	ck_assert_uint_eq(r.groups[1].n, 2);
	ck_assert_uint_eq(r.groups[0].members[0], 0); /* the strongest row first */
	for (size_t g = 0; g < 2; g++)
		for (size_t k = 0; k < r.groups[g].n; k++)
			ck_assert_uint_eq(r.rows[r.groups[g].members[k]].group, g);
	ck_assert_uint_eq(row_of(&r, 1)->group, row_of(&r, 3)->group);
	ck_assert_uint_eq(row_of(&r, 4)->group, row_of(&r, 5)->group);
	ck_assert_uint_eq(row_of(&r, 6)->group, SIZE_MAX);
	ck_assert(row_of(&r, 5)->r < 0);
	correlate_release(&r);
	series_set_release(&s);
}
END_TEST

START_TEST(what_cannot_be_looked_at_is_counted)
{
	struct correlate_spec spec = usual();
	struct series_set s = empty_set(7, T);
	struct correlate_result r;
	struct err err = {0};
	struct rng rng;

	rng_seed(&rng, 15, 0);
	for (size_t i = 0; i < 7; i++)
		walk(s.items[i].values, T, &rng);
	s.items[1].constant = true;
	s.items[2].same_as = 3;
	for (size_t t = 0; t < T; t++) {
		s.items[4].values[t] = 3 * (double)t; /* its differences are constant */
		s.items[5].values[t] = t % 2 ? s.items[5].values[t] : NAN; /* it has none */
	}
	s.items[0].same_as = 6; /* the target is one that was there before */
	r = run(&s, &spec);
	ck_assert_uint_eq(r.n, 1);
	ck_assert_uint_eq(r.constant, 2);
	ck_assert_uint_eq(r.duplicate, 2);
	ck_assert_uint_eq(r.short_, 1);
	ck_assert_str_eq(r.target, "0");
	correlate_release(&r);
	spec.target = 4;
	ck_assert_int_eq(correlate_run(&r, &s, &spec, &err), -ERR_INPUT);
	ck_assert_ptr_nonnull(strstr(err.text, "does not vary"));
	spec.target = 7;
	ck_assert_int_eq(correlate_run(&r, &s, &spec, &err), -ERR_USAGE);
	spec.target = 0;
	spec.given = 1;
	for (size_t t = 0; t < T; t++)
		s.items[1].values[t] = 1;
	ck_assert_int_eq(correlate_run(&r, &s, &spec, &err), -ERR_INPUT);
	spec.given = SIZE_MAX;
	spec.max_lag = T - 5;
	ck_assert_int_eq(correlate_run(&r, &s, &spec, &err), -ERR_INPUT);
	ck_assert_ptr_nonnull(strstr(err.text, "max-lag"));
	spec.max_lag = 0;
	spec.fdr = 1.5;
	ck_assert_int_eq(correlate_run(&r, &s, &spec, &err), -ERR_USAGE);
	correlate_release(&r); /* of a failed run: nothing to do */
	series_set_release(&s);
}
END_TEST

START_TEST(an_exact_copy_has_p_0)
{
	struct correlate_spec spec = usual();
	struct series_set s = empty_set(3, T);
	struct correlate_result r;
	struct rng rng;

	rng_seed(&rng, 16, 0);
	for (size_t i = 0; i < 3; i++)
		walk(s.items[i].values, T, &rng);
	for (size_t t = 0; t < T; t++)
		s.items[1].values[t] = 5 - 2 * s.items[0].values[t];
	for (int method = 0; method < 2; method++) {
		spec.method = (enum correlate_method)method;
		r = run(&s, &spec);
		ck_assert_uint_eq(r.rows[0].series, 1);
		ck_assert_double_eq_tol(r.rows[0].r, -1, 1e-12);
		ck_assert(r.rows[0].p < 1e-300 && r.rows[0].low >= -1 && r.rows[0].high < -.99);
		correlate_release(&r);
	}
	series_set_release(&s);
}
END_TEST

START_TEST(doubtful_is_what_the_recipe_alone_finds)
{
	struct correlate_spec spec = usual();
	struct series_set s = {0};
	size_t doubtful = 0;
	struct correlate_result r;

	/* windmills: with variances that rise and fall together, the recipe always finds something
	 */
	world_make(&s, WORLD_VOLATILE_WALK, 40, 1440, 2, .7, 5);
	spec.method = CORRELATE_PEARSON_DIFF;
	r = run(&s, &spec);
	for (size_t i = 0; i < r.n; i++)
		doubtful += r.rows[i].doubtful;
	ck_assert(row_of(&r, 1)->found && !row_of(&r, 1)->doubtful);
	ck_assert(row_of(&r, 2)->found && !row_of(&r, 2)->doubtful);
	ck_assert_uint_gt(doubtful, 5);
	ck_assert_uint_eq(doubtful + 2, r.n_found);
	correlate_release(&r);
	world_release(&s);
}
END_TEST

/* ---- threads, JSON ---- */

static char *text_of(const struct correlate_result *r)
{
	json_t *json = correlate_to_json(r);
	struct str text = STR_INIT;

	json_write(&text, json, 0);
	json_decref(json);
	return str_take(&text);
}

START_TEST(threads_change_nothing)
{
	struct correlate_spec spec = usual();
	struct series_set s = {0};
	char *first = NULL;

	world_make(&s, WORLD_GAPS, 150, 300, 60, .9, 1);
	spec.max_lag = 2;
	spec.method = CORRELATE_PEARSON_DIFF; /* which runs the other as well */
	for (unsigned threads = 1; threads < 6; threads += 2) {
		struct correlate_result r;
		char *text;

		spec.threads = threads;
		r = run(&s, &spec);
		text = text_of(&r);
		correlate_release(&r);
		if (first)
			ck_assert_str_eq(text, first);
		free(first);
		first = text;
	}
	free(first);
	world_release(&s);
}
END_TEST

/* Everything in an object, and in those below it, is needed: without it, or with something else in
 * its place, the whole is refused. */
static void damage_each(json_t *whole, json_t *object)
{
	static const char *const LAX[] = {"resampled"};
	const char *key;
	json_t *value, *copy = json_copy(object);

	json_object_foreach(copy, key, value)
	{
		struct correlate_result r;
		struct err err = {0};

		if (!strcmp(key, LAX[0]))
			continue;
		for (int how = 0; how < 3; how++) {
			if (how == 0)
				json_object_del(object, key);
			else
				json_object_set_new(object, key,
					how == 1 ? json_pack("{s:i}", "x", 1) : json_integer(-7));
			/* numbers that may be anything may be −7 */
			if (how == 2 && (json_is_number(value)))
				continue;
			ck_assert_msg(correlate_from_json(&r, whole, &err) == -ERR_INPUT,
				"'%s' was damaged in way %d and taken", key, how);
			ck_assert_ptr_nonnull(strstr(err.text, "Run culprit correlate"));
		}
		json_object_set(object, key, value);
		if (json_is_object(value))
			damage_each(whole, value);
	}
	json_decref(copy);
}

START_TEST(json_and_back)
{
	struct correlate_spec spec = usual();
	struct correlate_result r, back;
	struct series_set s = {0};
	struct err err = {0};
	json_t *json, *rows;
	char *one, *two;

	world_make(&s, WORLD_GAPS, 30, 300, 12, .97, 2);
	spec.max_lag = 1;
	str_add(&s.notes, "A note.\n");
	s.points_read = 9300;
	r = run(&s, &spec);
	ck_assert_uint_gt(r.n_groups, 0);
	ck_assert_uint_eq(r.top.n, CORRELATE_TOP + 1);
	ck_assert_uint_eq(r.top.n_times, 300);
	ck_assert_uint_eq(r.shown.n_times, CORRELATE_SPARK);
	for (size_t i = 0; i < r.n; i++)
		ck_assert((r.shown.items[r.rows[i].series].values != NULL) == r.rows[i].found);
	json = correlate_to_json(&r);
	ck_assert_msg(!correlate_from_json(&back, json, &err), "%s", err.text);
	one = text_of(&r);
	two = text_of(&back);
	ck_assert_str_eq(one, two);
	ck_assert_str_eq(back.shown.items[5].name, s.items[5].name);
	ck_assert_str_eq(str_text(&back.shown.notes), "A note.\n");
	correlate_release(&back);
	damage_each(json, json);
	rows = json_object_get(json, "rows");
	json_array_remove(json_object_get(rows, "q"), 3);
	ck_assert_int_eq(correlate_from_json(&back, json, &err), -ERR_INPUT);
	ck_assert_int_eq(correlate_from_json(&back, NULL, &err), -ERR_INPUT);
	json_decref(json);
	free(one);
	free(two);
	correlate_release(&r);
	str_release(&s.notes);
	world_release(&s);
}
END_TEST

/* ---- the matrix ---- */

START_TEST(the_matrix_is_every_pair)
{
	struct correlate_spec spec = usual();
	struct err err = {0};
	struct rng rng;

	rng_seed(&rng, 17, 0);
	for (int gaps = 0; gaps < 2; gaps++) {
		struct series_set s = empty_set(6, 200);
		double *m;

		for (size_t i = 0; i < 5; i++)
			walk(s.items[i].values, 200, &rng);
		for (size_t t = 0; t < 200; t++)
			s.items[1].values[t] += s.items[0].values[t];
		for (size_t t = 5; gaps && t < 200; t += 9)
			s.items[t % 5].values[t] = NAN;
		ck_assert_int_eq(
			correlate_matrix(&m, &s, CORRELATE_PEARSON_DIFF, 1 << 20, &err), 0);
		spec.method = CORRELATE_PEARSON_DIFF;
		for (size_t i = 0; i < 6; i++) {
			struct correlate_result r;

			ck_assert(i == 5 ? isnan(m[35]) : m[i * 6 + i] == 1);
			ck_assert(isnan(m[i * 6 + 5]) && isnan(m[30 + i]));
			spec.target = i;
			if (i == 5)
				continue;
			r = run(&s, &spec);
			for (size_t k = 0; k < r.n; k++)
				ck_assert_double_eq_tol(
					m[i * 6 + r.rows[k].series], r.rows[k].r, 1e-12);
			ck_assert_uint_eq(r.n, 4);
			correlate_release(&r);
		}
		free(m);
		ck_assert_int_eq(correlate_matrix(&m, &s, CORRELATE_ROBUST, 1 << 20, &err), 0);
		ck_assert(m[1] > .5 && m[1] < 1 && m[6] == m[1]);
		free(m);
		ck_assert_int_eq(
			correlate_matrix(&m, &s, CORRELATE_ROBUST, 5000, &err), -ERR_INPUT);
		ck_assert_ptr_nonnull(strstr(err.text, "allow more memory"));
		ck_assert_ptr_null(m);
		series_set_release(&s);
	}
}
END_TEST

UNIT_MAIN("correlate", scores_are_blom_s, q_values_are_benjamini_and_hochberg_s,
	pearson_diff_agrees_with_scipy, pearson_p_at_the_ends,
	a_leading_series_has_its_lag_and_sign, a_common_cause_is_taken_out,
	partial_correlation_is_the_textbook_s, what_moves_together_is_one_group,
	what_cannot_be_looked_at_is_counted, an_exact_copy_has_p_0,
	doubtful_is_what_the_recipe_alone_finds, threads_change_nothing, json_and_back,
	the_matrix_is_every_pair)

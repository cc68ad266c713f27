#include "unit.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "learn/forest.h"

struct table {
	size_t n, p;
	double *x, *y;
};

static void table_release(struct table *t)
{
	free(t->x);
	free(t->y);
}

static struct table table_new(size_t n, size_t p)
{
	return (struct table){
		n, p, mem_zalloc(n * p, sizeof(double)), mem_zalloc(n, sizeof(double))};
}

static double lcg(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (double)(*state >> 11) * 0x1p-53;
}

/* As table() of tests/data/make_forest.py. scikit-learn's trees keep factors as floats: where
 * levels are evenly spaced, rounding decides on which side of two levels the one midway between
 * them is. */
static struct table table_made(size_t n, size_t p, unsigned levels, uint64_t seed)
{
	struct table t = table_new(n, p);

	for (size_t i = 0; i < n; i++) {
		double *x = t.x + i, product;

		for (size_t j = 0; j < p; j++) {
			x[j * n] = lcg(&seed);
			if (levels)
				x[j * n] = floor(x[j * n] * levels) / levels;
			x[j * n] = (float)x[j * n];
		}
		product = 10 * x[0] * x[n];
		t.y[i] = product + 20 * (x[2 * n] - .5) * (x[2 * n] - .5) + 5 * x[3 * n] +
			 4 * (lcg(&seed) - .5);
	}
	return t;
}

/* seed_mixed.csv: five factors, then connections, mean latency, and the response. */
static struct table table_mixed(void)
{
	struct csv_field fields[8];
	struct csv_reader reader;
	struct file_bytes file;
	struct err err = {0};
	struct table t = table_new(500, 5);
	size_t count;

	ck_assert_msg(!file_open_bytes("tests/data/seed_mixed.csv", 1 << 20, &file, &err), "%s",
		err.text);
	csv_init(&reader, "seed_mixed.csv", file.data, file.len, ',');
	ck_assert_int_eq(csv_next(&reader, fields, 8, &count, &err), 1);
	for (size_t i = 0; i < t.n; i++) {
		ck_assert_int_eq(csv_next(&reader, fields, 8, &count, &err), 1);
		for (size_t j = 0; j < 8; j++) {
			double *to = j < 5 ? &t.x[j * t.n + i] : &t.y[i];

			ck_assert_ptr_nonnull(
				num_scan(fields[j].p, fields[j].p + fields[j].len, to));
			if (j < 5)
				*to = (float)*to;
		}
	}
	file_close_bytes(&file);
	return t;
}

static struct forest *fit(
	const struct table *t, const struct forest_spec *spec, const unsigned *rows, size_t n_rows)
{
	struct forest *f;
	struct err err = {0};

	ck_assert_msg(
		!forest_fit(&f, spec, t->x, t->y, t->n, t->p, rows, n_rows, &err), "%s", err.text);
	return f;
}

static unsigned *rows_from(size_t first, size_t n)
{
	unsigned *rows = mem_alloc(n, sizeof(*rows));

	for (size_t i = 0; i < n; i++)
		rows[i] = (unsigned)(first + i);
	return rows;
}

static double r2(const double *y, const double *predicted, size_t n)
{
	double mean = 0, error = 0, spread = 0;

	for (size_t i = 0; i < n; i++)
		mean += y[i] / (double)n;
	for (size_t i = 0; i < n; i++) {
		error += (y[i] - predicted[i]) * (y[i] - predicted[i]);
		spread += (y[i] - mean) * (y[i] - mean);
	}
	return 1 - error / spread;
}

enum { MAX_P = 8, SHUFFLED = 3 }; /* forests whose factors are shuffled */

struct means {
	double r2, oob, impurity[MAX_P], permutation[MAX_P];
};

static struct means means_of(
	const struct table *t, struct forest_spec spec, size_t n_train, unsigned seeds)
{
	size_t n_test = t->n - n_train, p = t->p;
	unsigned *train = rows_from(0, n_train), *test = rows_from(n_train, n_test);
	double *predicted = mem_alloc(n_test, sizeof(double)), impurity[MAX_P], drops[MAX_P * 5];
	struct means m = {0};

	for (unsigned seed = 1; seed <= seeds; seed++) {
		spec.seed = seed;

		struct forest *f = fit(t, &spec, train, n_train);

		forest_predict(f, t->x, t->n, test, n_test, predicted);
		m.r2 += r2(t->y + n_train, predicted, n_test) / seeds;
		m.oob += forest_oob_r2(f) / seeds;
		forest_impurity_importance(f, impurity);
		for (size_t j = 0; j < p; j++)
			m.impurity[j] += impurity[j] / seeds;
		if (seed <= SHUFFLED) {
			forest_permutation_importance(
				f, t->x, t->y, t->n, test, n_test, 5, seed, drops);
			for (size_t j = 0; j < p * 5; j++)
				m.permutation[j / 5] += drops[j] / SHUFFLED / 5;
		}
		forest_free(f);
	}
	free(train);
	free(test);
	free(predicted);
	return m;
}

static double number(const json_t *c, const char *key)
{
	return json_number_value(json_object_get(c, key));
}

static double number_at(const json_t *c, const char *key, size_t i)
{
	return json_number_value(json_array_get(json_object_get(c, key), i));
}

/* Means over so many forests here and there differ by less than this, but for once in some 15,000
 * times (4 sigma); the rest stands for bins, and for ties, which rounding breaks in scikit-learn.
 */
static double bound(double sd, double ours, double theirs)
{
	return 4 * sd * sqrt(1 / ours + 1 / theirs) + .003;
}

static void agrees(const json_t *cases, size_t i, const struct table *t, struct forest_spec spec)
{
	const json_t *c = json_array_get(cases, i);
	bool sanitized = getenv("CULPRIT_SANITIZED"); /* looks for other things than figures */
	double theirs = number(c, "seeds");
	double ours = sanitized ? 1 : t->n > 2000 ? 3 : t->n > 500 ? 10 : 40;
	struct means m = means_of(t, spec, (size_t)number(c, "n_train"), (unsigned)ours);
	double off = fabs(m.r2 - number(c, "r2"));

	ck_assert_uint_eq(json_array_size(json_object_get(c, "impurity")), t->p);
	if (sanitized)
		return;
	ck_assert_msg(off < .01 && off < bound(number(c, "r2_sd"), ours, theirs),
		"case %zu: R² %.4f, want %.4f", i, m.r2, number(c, "r2"));
	off = fabs(m.oob - number(c, "oob"));
	ck_assert_msg(off < .01 && off < bound(number(c, "oob_sd"), ours, theirs),
		"case %zu: out-of-bag R² %.4f, want %.4f", i, m.oob, number(c, "oob"));
	for (size_t j = 0; j < t->p; j++) {
		double want = number_at(c, "permutation", j);

		ck_assert_msg(fabs(m.permutation[j] - want) <
				      bound(number_at(c, "permutation_sd", j), SHUFFLED, theirs) +
					      .01 * fabs(want),
			"case %zu, factor %zu: permutation importance %.4f, want %.4f", i, j,
			m.permutation[j], want);
		want = number_at(c, "impurity", j);
		ck_assert_msg(fabs(m.impurity[j] - want) < .01,
			"case %zu, factor %zu: impurity importance %.4f, want %.4f", i, j,
			m.impurity[j], want);
	}
}

START_TEST(trials_as_scikit_learn)
{
	json_t *cases = json_load_file("tests/data/forest.json", 0, NULL);
	struct forest_spec spec = FOREST_SPEC_DEFAULT;
	struct table t = table_mixed();

	ck_assert_uint_eq(json_array_size(cases), 7);
	for (size_t i = 0; i < 3; i++)
		agrees(cases, i, &t, spec);
	table_release(&t);
	json_decref(cases);
}
END_TEST

START_TEST(levels_as_scikit_learn)
{
	json_t *cases = json_load_file("tests/data/forest.json", 0, NULL);
	struct table t = table_made(600, 6, 4, 1);

	agrees(cases, 3, &t, FOREST_SPEC_DEFAULT);
	table_release(&t);
	json_decref(cases);
}
END_TEST

START_TEST(bins_as_scikit_learn)
{
	json_t *cases = json_load_file("tests/data/forest.json", 0, NULL);
	struct table t = table_made(4000, 8, 0, 2);

	agrees(cases, 4, &t, FOREST_SPEC_DEFAULT);
	table_release(&t);
	json_decref(cases);
}
END_TEST

START_TEST(limits_as_scikit_learn)
{
	json_t *cases = json_load_file("tests/data/forest.json", 0, NULL);
	struct forest_spec spec = FOREST_SPEC_DEFAULT;
	struct table t = table_made(1500, 8, 0, 3);

	spec.max_features = 3;
	agrees(cases, 5, &t, spec);
	table_release(&t);
	t = table_made(1500, 8, 20, 4);
	spec.max_features = 0;
	spec.max_depth = 6;
	agrees(cases, 6, &t, spec);
	table_release(&t);
	json_decref(cases);
}
END_TEST

START_TEST(threads_change_nothing)
{
	struct table t = table_made(1200, 6, 0, 9);
	double predicted[2][1200], drops[2][6 * 3], impurity[2][6], oob[2];

	for (unsigned k = 0; k < 2; k++) {
		struct forest_spec spec = {
			.trees = 30, .min_leaf = 1, .threads = k ? 3 : 1, .seed = 4};
		struct forest *f = fit(&t, &spec, NULL, 0);

		forest_predict(f, t.x, t.n, NULL, 0, predicted[k]);
		forest_permutation_importance(f, t.x, t.y, t.n, NULL, 0, 3, 5, drops[k]);
		forest_impurity_importance(f, impurity[k]);
		oob[k] = forest_oob_r2(f);
		forest_free(f);
	}
	ck_assert_mem_eq(predicted[0], predicted[1], sizeof(predicted[0]));
	ck_assert_mem_eq(drops[0], drops[1], sizeof(drops[0]));
	ck_assert_mem_eq(impurity[0], impurity[1], sizeof(impurity[0]));
	ck_assert_mem_eq(&oob[0], &oob[1], sizeof(oob[0]));
	table_release(&t);
}
END_TEST

/* What is done for many values at once must be what predicting each of them gives. */
START_TEST(changed_factors_predict_as_changed_rows)
{
	enum { N = 700, P = 5, K = 40, REPEATS = 35 };
	struct table t = table_made(N, P, 40, 6);
	struct forest_spec spec = {.trees = 20, .min_leaf = 1, .seed = 2};
	struct forest *f = fit(&t, &spec, NULL, 0);
	double *varied = mem_alloc((size_t)P * N * K, sizeof(double)), grid[P * K], predicted[N];
	double drops[P * REPEATS], column[N], base;
	uint32_t order[N];
	struct rng rng;

	for (size_t g = 0; g < P * K; g++)
		grid[g] = -.1 + 1.2 * (double)(g % K) / K;
	forest_predict_varied(f, t.x, N, NULL, 0, grid, K, varied);
	forest_permutation_importance(f, t.x, t.y, N, NULL, 0, REPEATS, 11, drops);
	forest_predict(f, t.x, N, NULL, 0, predicted);
	base = r2(t.y, predicted, N);
	for (size_t j = 0; j < P; j++) {
		memcpy(column, t.x + j * N, sizeof(column));
		for (size_t g = 0; g < K; g++) {
			for (size_t i = 0; i < N; i++)
				t.x[j * N + i] = grid[j * K + g];
			forest_predict(f, t.x, N, NULL, 0, predicted);
			for (size_t i = 0; i < N; i++)
				ck_assert_double_eq_tol(
					varied[(j * N + i) * K + g], predicted[i], 1e-12);
		}
		for (size_t r = 0; r < REPEATS; r++) {
			rng_seed(&rng, 11, j * REPEATS + r);
			rng_permutation(&rng, order, N);
			for (size_t i = 0; i < N; i++)
				t.x[j * N + i] = column[order[i]];
			forest_predict(f, t.x, N, NULL, 0, predicted);
			ck_assert_double_eq_tol(
				drops[j * REPEATS + r], base - r2(t.y, predicted, N), 1e-12);
		}
		memcpy(t.x + j * N, column, sizeof(column));
	}
	free(varied);
	forest_free(f);
	table_release(&t);
}
END_TEST

/* A tree that saw a row, alone with its values, must give its response back exactly. */
START_TEST(full_trees_remember)
{
	static const size_t SIZES[] = {2, 3, 7, 100, 255, 400, 2000};

	for (size_t s = 0; s < sizeof(SIZES) / sizeof(SIZES[0]); s++) {
		struct table t = table_made(SIZES[s], 4, 0, s + 1);
		struct forest_spec spec = {.trees = 1, .min_leaf = 1, .seed = s};
		double *predicted = mem_alloc(t.n, sizeof(double));
		struct forest *f;
		size_t exact = 0;

		/* so few different values that bins are exact, and yet no two rows are equal */
		for (size_t i = 0; i < t.n; i++) {
			t.x[i] = (double)(i % 100);
			t.x[t.n + i] = (double)(i / 100);
		}
		f = fit(&t, &spec, NULL, 0);
		forest_predict(f, t.x, t.n, NULL, 0, predicted);
		for (size_t i = 0; i < t.n; i++)
			exact += fabs(predicted[i] - t.y[i]) < 1e-12;
		/* drawn with replacement: 1 − 1/e of the rows are in; within 5 sigma (n large) */
		if (t.n > 50)
			ck_assert_double_eq_tol((double)exact / (double)t.n, 1 - exp(-1),
				5 * .31 / sqrt((double)t.n));
		ck_assert_uint_ge(exact, 1);
		free(predicted);
		forest_free(f);
		table_release(&t);
	}
}
END_TEST

START_TEST(odd_tables)
{
	struct forest_spec spec = {.trees = 25, .min_leaf = 1, .seed = 3};
	struct table t = table_made(60, 4, 0, 8);
	double predicted[60], drops[4 * 2], impurity[4];
	struct forest *f;

	/* constant factors are never used */
	for (size_t i = 0; i < t.n; i++)
		t.x[i] = 7;
	f = fit(&t, &spec, NULL, 0);
	forest_impurity_importance(f, impurity);
	forest_permutation_importance(f, t.x, t.y, t.n, NULL, 0, 2, 1, drops);
	ck_assert_double_eq(impurity[0], 0);
	ck_assert_double_eq(drops[0], 0);
	ck_assert_double_eq_tol(impurity[1] + impurity[2] + impurity[3], 1, 1e-12);
	forest_free(f);

	/* equal responses: one leaf, whatever the value's rounding */
	for (size_t i = 0; i < t.n; i++)
		t.y[i] = .1;
	f = fit(&t, &spec, NULL, 0);
	forest_predict(f, t.x, t.n, NULL, 0, predicted);
	forest_impurity_importance(f, impurity);
	for (size_t i = 0; i < t.n; i++)
		ck_assert_double_eq_tol(predicted[i], .1, 1e-15);
	ck_assert_double_eq(impurity[1], 0);
	ck_assert(isnan(forest_oob_r2(f)));
	forest_free(f);

	/* equal rows with different responses: their mean */
	for (size_t i = 0; i < t.n; i++) {
		for (size_t j = 0; j < t.p; j++)
			t.x[j * t.n + i] = (double)(i % 2);
		t.y[i] = (i % 2 ? 10 : 0) + (i % 4 < 2 ? 1 : -1);
	}
	spec.trees = 400;
	f = fit(&t, &spec, NULL, 0);
	forest_predict(f, t.x, t.n, NULL, 0, predicted);
	ck_assert_double_eq_tol(predicted[0], 0, .1);
	ck_assert_double_eq_tol(predicted[1], 10, .1);
	forest_impurity_importance(f, impurity);
	for (size_t j = 0; j < t.p; j++) /* ties by lot: 1/4 each, within 5 sigma */
		ck_assert_double_eq_tol(impurity[j], .25, 5 * sqrt(.25 * .75 / 400));
	forest_free(f);
	table_release(&t);
}
END_TEST

/* Tables of all shapes, with few levels, equal rows and every limit: predictions are means of
 * responses, so within their range; shares of impurity sum to 1, or nothing was split. */
START_TEST(tables_of_all_shapes)
{
	struct rng rng;

	rng_seed(&rng, 77, 0);
	for (int k = 0; k < 400; k++) {
		size_t n = 2 + rng_below(&rng, k % 4 ? 40 : 700), p = 1 + rng_below(&rng, 19);
		unsigned levels = 1 + (unsigned)rng_below(&rng, 9);
		struct forest_spec spec = {.trees = 1 + (unsigned)rng_below(&rng, 4),
			.min_leaf = 1 + (unsigned)rng_below(&rng, 4) % 3,
			.max_features = (unsigned)rng_below(&rng, 3) * (unsigned)rng_below(&rng, p),
			.max_depth = (unsigned)rng_below(&rng, 3) * (unsigned)rng_below(&rng, 6),
			.seed = (uint64_t)k};
		struct table t = table_new(n, p);
		double *predicted = mem_alloc(n, sizeof(double)), shares[19], sum = 0;
		double least = INFINITY, most = -INFINITY;
		struct forest *f;

		for (size_t i = 0; i < n * p; i++)
			t.x[i] = i % 3 ? (double)rng_below(&rng, levels) : rng_normal(&rng);
		for (size_t i = 0; i < n; i++) {
			t.y[i] = k % 5 ? rng_normal(&rng) : (double)rng_below(&rng, 3);
			least = fmin(least, t.y[i]);
			most = fmax(most, t.y[i]);
		}
		f = fit(&t, &spec, NULL, 0);
		forest_predict(f, t.x, n, NULL, 0, predicted);
		forest_impurity_importance(f, shares);
		for (size_t i = 0; i < n; i++)
			ck_assert(predicted[i] >= least - 1e-9 && predicted[i] <= most + 1e-9);
		for (size_t j = 0; j < p; j++)
			sum += shares[j];
		ck_assert(sum == 0 || fabs(sum - 1) < 1e-9);
		free(predicted);
		forest_free(f);
		table_release(&t);
	}
}
END_TEST

/* Neither factor says anything alone. */
START_TEST(exclusive_or_is_learned)
{
	struct table t = table_new(4, 2);
	struct forest_spec spec = {.trees = 300, .min_leaf = 1, .seed = 1};
	struct forest *f;
	double predicted[4];

	for (size_t i = 0; i < 4; i++) {
		t.x[i] = (double)(i & 1);
		t.x[4 + i] = (double)(i >> 1);
		t.y[i] = (i & 1) ^ (i >> 1);
	}
	f = fit(&t, &spec, NULL, 0);
	forest_predict(f, t.x, 4, NULL, 0, predicted);
	for (size_t i = 0; i < 4; i++)
		ck_assert(i == 0 || i == 3 ? predicted[i] < .5 : predicted[i] > .5);
	forest_free(f);
	table_release(&t);
}
END_TEST

START_TEST(scale_does_not_matter)
{
	static const double SCALES[] = {1e-200, 1e-9, 1, 1e9, 1e200};
	struct table t = table_made(200, 4, 0, 5);
	struct forest_spec spec = {.trees = 10, .min_leaf = 1, .seed = 1};
	double first[200], predicted[200];

	for (size_t s = 0; s < 5; s++) {
		struct table scaled = table_made(200, 4, 0, 5);
		struct forest *f;

		for (size_t i = 0; i < t.n; i++)
			scaled.y[i] *= SCALES[s];
		for (size_t i = 0; i < t.n * t.p; i++)
			scaled.x[i] = scaled.x[i] * SCALES[s] - SCALES[s];
		f = fit(&scaled, &spec, NULL, 0);
		forest_predict(f, scaled.x, t.n, NULL, 0, predicted);
		for (size_t i = 0; i < t.n; i++) {
			if (!s)
				first[i] = predicted[i] / SCALES[s];
			ck_assert_double_eq_tol(predicted[i] / SCALES[s], first[i], 1e-9);
		}
		forest_free(f);
		table_release(&scaled);
	}
	table_release(&t);
}
END_TEST

START_TEST(limits_are_kept)
{
	struct table t = table_made(500, 4, 0, 7);
	struct forest_spec spec = {.trees = 1, .min_leaf = 250, .seed = 1};
	struct forest *f = fit(&t, &spec, NULL, 0);
	double predicted[500];
	size_t different = 1;

	/* 500 rows drawn, 250 a leaf: at most two leaves */
	forest_predict(f, t.x, t.n, NULL, 0, predicted);
	for (size_t i = 1; i < t.n; i++)
		different += predicted[i] != predicted[0];
	ck_assert_uint_le(different, 500);
	for (size_t i = 1; i < t.n; i++)
		for (size_t k = 1; k < i && predicted[i] != predicted[0]; k++)
			ck_assert(predicted[k] == predicted[0] || predicted[k] == predicted[i]);
	forest_free(f);
	table_release(&t);
}
END_TEST

START_TEST(refuses_what_it_cannot_learn)
{
	struct table t = table_made(20, 4, 0, 1);
	struct forest_spec spec = FOREST_SPEC_DEFAULT;
	struct forest *f;
	struct err err = {0};
	unsigned one = 4;

	ck_assert_int_eq(forest_fit(&f, &spec, t.x, t.y, t.n, t.p, &one, 1, &err), -ERR_INPUT);
	ck_assert_str_eq(err.text, "a forest needs 2 rows or more, there is 1");
	ck_assert_ptr_null(f);
	ck_assert_int_eq(forest_fit(&f, &spec, t.x, t.y, t.n, 0, NULL, 0, &err), -ERR_INPUT);
	t.x[1 * t.n + 6] = NAN;
	ck_assert_int_eq(forest_fit(&f, &spec, t.x, t.y, t.n, t.p, NULL, 0, &err), -ERR_INPUT);
	ck_assert_ptr_nonnull(strstr(err.text, "factor 2 of row 7 "));
	t.x[1 * t.n + 6] = 0;
	t.y[2] = INFINITY;
	ck_assert_int_eq(forest_fit(&f, &spec, t.x, t.y, t.n, t.p, NULL, 0, &err), -ERR_INPUT);
	ck_assert_ptr_nonnull(strstr(err.text, "response of row 3 "));
	table_release(&t);
}
END_TEST

UNIT_MAIN("forest", trials_as_scikit_learn, levels_as_scikit_learn, bins_as_scikit_learn,
	limits_as_scikit_learn, threads_change_nothing, changed_factors_predict_as_changed_rows,
	full_trees_remember, odd_tables, tables_of_all_shapes, exclusive_or_is_learned,
	scale_does_not_matter, limits_are_kept, refuses_what_it_cannot_learn)

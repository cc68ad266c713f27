#include "learn/gp.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "unit.h"

static double *numbers(const json_t *object, const char *key)
{
	const json_t *list = json_object_get(object, key);
	size_t n = json_array_size(list);
	double *v = mem_alloc(n + 1, sizeof(double));

	for (size_t i = 0; i < n; i++)
		v[i] = json_number_value(json_array_get(list, i));
	return v;
}

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* One table of tests/data/gp.json (make_gp.py): the same figures at the same hyperparameters. */
static void check_case(const json_t *c)
{
	size_t n = (size_t)number(c, "n"), p = (size_t)number(c, "p");
	double *x = numbers(c, "x"), *y = numbers(c, "y"), *points = numbers(c, "points");
	double *scale = numbers(c, "scale"), *mean = numbers(c, "mean"), *sd = numbers(c, "sd");
	size_t m = json_array_size(json_object_get(c, "mean"));
	double *ours = mem_alloc(2 * m, sizeof(double));
	struct gp at = {.scale = scale, .signal = number(c, "signal"), .noise = number(c, "noise")};
	struct gp g;
	struct err err = {0};

	ck_assert_msg(
		!gp_fit_spec(&g, &(struct gp_spec){.from = &at, .keep = true}, x, y, n, p, &err),
		"%s", err.text);
	gp_predict(&g, points, m, ours, ours + m);
	ck_assert_double_eq_tol(g.log_likelihood, number(c, "log_likelihood"), 1e-7);
	for (size_t i = 0; i < m; i++) {
		ck_assert_double_eq_tol(ours[i], mean[i], 1e-8);
		ck_assert_double_eq_tol(ours[m + i], sd[i], 1e-8);
	}
	gp_release(&g);
	/* the prior costs a little likelihood, mostly for factors without effect */
	ck_assert_msg(!gp_fit(&g, x, y, n, p, 1, &err), "%s", err.text);
	ck_assert_double_ge(g.log_likelihood, number(c, "found") - 2);
	gp_release(&g);
	free(x);
	free(y);
	free(points);
	free(scale);
	free(mean);
	free(sd);
	free(ours);
}

START_TEST(agrees_with_scikit_learn)
{
	json_error_t error;
	json_t *cases = json_load_file("tests/data/gp.json", 0, &error);

	ck_assert_msg(cases != NULL, "%s", error.text);
	ck_assert_uint_eq(json_array_size(cases), 3);
	for (size_t i = 0; i < json_array_size(cases); i++)
		check_case(json_array_get(cases, i));
	json_decref(cases);
}
END_TEST

enum { ROWS = 40, FACTORS = 3 };

/* x1 bends, x2 is straight, x3 does nothing. */
static void make_table(double *x, double *y, double noise, uint64_t seed)
{
	struct rng rng;

	rng_seed(&rng, seed, 0);
	for (size_t i = 0; i < ROWS; i++) {
		for (size_t j = 0; j < FACTORS; j++)
			x[i * FACTORS + j] = rng_uniform(&rng);
		y[i] = 5 + sin(5 * x[i * FACTORS]) + x[i * FACTORS + 1] + noise * rng_normal(&rng);
	}
}

/* A row's leave-one-out prediction is what the others predict. (Its response is their mean, so that
 * the constant mean does not move when it goes.) */
START_TEST(leaves_one_out)
{
	double x[ROWS * FACTORS], y[ROWS], mean, sd, sum = 0;
	struct gp g, rest;
	struct err err = {0};
	size_t last = ROWS - 1;

	make_table(x, y, .1, 1);
	for (size_t i = 0; i < last; i++)
		sum += y[i];
	y[last] = sum / (double)last;
	ck_assert_int_eq(gp_fit(&g, x, y, ROWS, FACTORS, 1, &err), 0);
	ck_assert_int_eq(gp_fit_spec(&rest, &(struct gp_spec){.from = &g, .keep = true}, x, y, last,
				 FACTORS, &err),
		0);
	gp_predict(&rest, x + last * FACTORS, 1, &mean, &sd);
	ck_assert_double_eq_tol(g.loo[last], mean, 1e-8);
	ck_assert_double_eq_tol(g.loo_sd[last], hypot(sd, g.noise), 1e-8);
	gp_release(&rest);
	gp_release(&g);
}
END_TEST

START_TEST(finds_length_scales)
{
	double x[ROWS * FACTORS], y[ROWS];
	struct gp g, again;
	struct err err = {0};

	make_table(x, y, .05, 2);
	ck_assert_int_eq(gp_fit(&g, x, y, ROWS, FACTORS, 1, &err), 0);
	ck_assert(g.scale[0] < g.scale[1] / 2 && g.scale[0] < g.scale[2] / 3);
	/* .05 from about 30 rows that are left over: within .027 and .078 but for one in 1,000 */
	ck_assert(g.noise > .027 && g.noise < .078);
	ck_assert_ptr_nonnull(g.spread);
	/* from another place, the same optimum; and it is one: no neighbour is more likely by much
	 */
	ck_assert_int_eq(gp_fit_spec(&again, &(struct gp_spec){.seed = 9, .starts = 6}, x, y, ROWS,
				 FACTORS, &err),
		0);
	ck_assert_double_eq_tol(g.log_likelihood, again.log_likelihood, .01);
	ck_assert_double_eq_tol(g.scale[0], again.scale[0], .01 * g.scale[0]);
	gp_release(&again);
	gp_release(&g);
}
END_TEST

/* Values that are all the same, twice the same row, no noise at all: jitter, not failure. */
START_TEST(bears_odd_tables)
{
	double x[ROWS * FACTORS], y[ROWS], mean;
	struct gp g;
	struct err err = {0};

	make_table(x, y, 0, 3);
	for (size_t i = 0; i < ROWS / 2; i++) {
		for (size_t j = 0; j < FACTORS; j++)
			x[(i + ROWS / 2) * FACTORS + j] = x[i * FACTORS + j];
		y[i + ROWS / 2] = y[i];
	}
	for (size_t i = 0; i < ROWS; i++)
		x[i * FACTORS + 2] = .5;
	ck_assert_msg(!gp_fit(&g, x, y, ROWS, FACTORS, 1, &err), "%s", err.text);
	gp_predict(&g, x, 1, &mean, NULL);
	ck_assert_double_eq_tol(mean, y[0], .01);
	gp_release(&g);
}
END_TEST

START_TEST(draws_what_it_predicts)
{
	enum { DRAWS = 4000, POINTS = 3 };
	static const double AT[POINTS * FACTORS] = {.2, .5, .5, .25, .5, .5, .9, .1, .9};
	double x[ROWS * FACTORS], y[ROWS], mean[POINTS], sd[POINTS];
	double *f = mem_alloc(DRAWS * POINTS, sizeof(double)), near = 0;
	struct gp free_one, g;
	struct err err = {0};
	struct rng rng;

	make_table(x, y, .3, 4);
	ck_assert_int_eq(gp_fit(&free_one, x, y, ROWS, FACTORS, 1, &err), 0);
	ck_assert_int_eq(gp_fit_spec(&g, &(struct gp_spec){.from = &free_one, .keep = true}, x, y,
				 ROWS, FACTORS, &err),
		0);
	gp_predict(&g, AT, POINTS, mean, sd);
	rng_seed(&rng, 1, 0);
	ck_assert_int_eq(gp_draw(&g, AT, POINTS, DRAWS, &rng, f, &err), 0);
	for (size_t i = 0; i < POINTS; i++) {
		double sum = 0, squares = 0;

		for (size_t d = 0; d < DRAWS; d++) {
			sum += f[d * POINTS + i] / DRAWS;
			squares += pow(f[d * POINTS + i] - mean[i], 2) / DRAWS;
		}
		/* four standard errors: one in 16,000 */
		ck_assert_double_eq_tol(sum, mean[i], 4 * sd[i] / sqrt(DRAWS));
		ck_assert_double_eq_tol(squares / sd[i] / sd[i], 1, 4 * sqrt(2. / DRAWS));
	}
	/* neighbours go together: a function, not three numbers */
	for (size_t d = 0; d < DRAWS; d++)
		near += pow(f[d * POINTS] - f[d * POINTS + 1] - mean[0] + mean[1], 2) / DRAWS;
	ck_assert_double_lt(near, .2 * (sd[0] * sd[0] + sd[1] * sd[1]));
	ck_assert_int_eq(gp_draw(&g, AT, GP_MAX_POINTS + 1, 1, &rng, f, &err), -ERR_INPUT);
	gp_release(&g);
	gp_release(&free_one);
	free(f);
}
END_TEST

/* Three words in an order that is none: the middle one is fastest. */
START_TEST(words_have_no_order)
{
	static const double SPEED[] = {1, 5, 1.5};
	static const double AT[] = {0, 1, 2};
	double x[ROWS], y[ROWS], mean[3], numbers_mean[3];
	const bool words[] = {true};
	struct gp g;
	struct err err = {0};
	struct rng rng;

	rng_seed(&rng, 5, 0);
	for (size_t i = 0; i < ROWS; i++) {
		x[i] = (double)(i % 3);
		y[i] = SPEED[i % 3] + .05 * rng_normal(&rng);
	}
	ck_assert_int_eq(
		gp_fit_spec(&g, &(struct gp_spec){.words = words}, x, y, ROWS, 1, &err), 0);
	gp_predict(&g, AT, 3, mean, NULL);
	for (size_t i = 0; i < 3; i++) /* .05 over 13 trials: four standard errors */
		ck_assert_double_eq_tol(mean[i], SPEED[i], .056);
	gp_predict(&g, (const double[]){.5, 1.5, 7}, 3, numbers_mean, NULL);
	ck_assert(numbers_mean[0] == numbers_mean[1] && numbers_mean[1] == numbers_mean[2]);
	gp_release(&g);
}
END_TEST

START_TEST(says_what_it_cannot_do)
{
	double x[4] = {0, 1, 2, 3}, y[4] = {0, 1, 2, 3};
	struct gp g;
	struct err err = {0};

	ck_assert_int_eq(gp_fit(&g, x, y, 4, 1, 1, &err), -ERR_INPUT);
	ck_assert_str_eq(err.text, "a Gaussian process takes 5 to 500 trials and at least one "
				   "factor, not 4 trials of 1");
	ck_assert_int_eq(gp_fit(&g, x, y, GP_MAX_ROWS + 1, 1, 1, &err), -ERR_INPUT);
	gp_release(&g);
}
END_TEST

UNIT_MAIN("gp", agrees_with_scikit_learn, leaves_one_out, finds_length_scales, bears_odd_tables,
	draws_what_it_predicts, words_have_no_order, says_what_it_cannot_do)

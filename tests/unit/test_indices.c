#include "learn/indices.h"

#include <math.h>
#include <stdlib.h>

#include "unit.h"

enum { ROWS = 60, FACTORS = 4 };

/* 3 a + 2 b + 6 (a − ½)(b − ½) with c and d idle: variances 9/12, 4/12 and 36/144 by hand. */
static const double V_A = .75, V_B = 1. / 3, V_AB = .25, V = .75 + 1. / 3 + .25;

static void fit(struct gp *g, double noise, uint64_t seed)
{
	double x[ROWS * FACTORS], y[ROWS];
	struct err err = {0};
	struct rng rng;

	rng_seed(&rng, seed, 0);
	for (size_t i = 0; i < ROWS; i++) {
		double *u = x + i * FACTORS;

		for (size_t j = 0; j < FACTORS; j++)
			u[j] = rng_uniform(&rng);
		y[i] = 3 * u[0] + 2 * u[1] + 6 * (u[0] - .5) * (u[1] - .5) +
		       noise * rng_normal(&rng);
	}
	ck_assert_msg(!gp_fit(g, x, y, ROWS, FACTORS, seed, &err), "%s", err.text);
}

START_TEST(are_those_worked_out_by_hand)
{
	struct gp g;
	struct indices x;
	struct err err = {0};

	fit(&g, .001, 1);
	ck_assert_msg(!indices_of_gp(&x, &g, .95, 64, 200, 1, &err), "%s", err.text);
	ck_assert_double_eq_tol(x.variance, V, .005 * V);
	ck_assert_double_eq_tol(x.first[0], V_A / V, .005);
	ck_assert_double_eq_tol(x.first[1], V_B / V, .005);
	ck_assert_double_eq_tol(x.total[0], (V_A + V_AB) / V, .005);
	ck_assert_double_eq_tol(x.total[1], (V_B + V_AB) / V, .005);
	ck_assert_double_eq_tol(x.pair[1], V_AB / V, .005);
	for (size_t j = 2; j < FACTORS; j++)
		ck_assert(x.total[j] < .002 && x.first[j] < .002 && x.total_high[j] < .01);
	for (size_t j = 0; j < FACTORS; j++)
		for (size_t k = j + 1; k < FACTORS; k++)
			ck_assert(j + k == 1 || x.pair[j * FACTORS + k] < .002);
	indices_release(&x);
	gp_release(&g);
}
END_TEST

/* Of 30 tables with noise, 95 % of the intervals should hold the truth; less than 24 of 30 has a
 * chance of .002 for each. And what is drawn belongs to what is said. */
START_TEST(intervals_hold_the_truth)
{
	size_t total = 0, pair = 0;

	for (uint64_t seed = 0; seed < 30; seed++) {
		struct gp g;
		struct indices x;
		struct err err = {0};

		fit(&g, .3, seed);
		ck_assert_int_eq(indices_of_gp(&x, &g, .95, 64, 100, seed, &err), 0);
		total += x.total_low[0] <= (V_A + V_AB) / V && (V_A + V_AB) / V <= x.total_high[0];
		pair += x.pair_low[1] <= V_AB / V && V_AB / V <= x.pair_high[1];
		ck_assert_uint_eq(x.draws, 100);
		for (size_t j = 0; j < FACTORS; j++) {
			ck_assert(x.total_low[j] <= x.total[j] && x.total[j] <= x.total_high[j]);
			ck_assert(x.first_low[j] <= x.first[j] && x.first[j] <= x.first_high[j]);
			for (size_t d = 0; d < x.draws; d++)
				ck_assert(x.draw_total[d * FACTORS + j] >= 0 &&
					  x.draw_total[d * FACTORS + j] <= 1);
		}
		indices_release(&x);
		gp_release(&g);
	}
	ck_assert_msg(total >= 24 && pair >= 24, "total held %zu, pair %zu of 30", total, pair);
}
END_TEST

/* Two words of which one is in a quarter of the trials: variance 3/16 of the square of the step. */
START_TEST(words_take_their_own_values)
{
	double x[ROWS], y[ROWS];
	const bool words[] = {true};
	struct gp g;
	struct indices out;
	struct err err = {0};

	for (size_t i = 0; i < ROWS; i++) {
		x[i] = i % 4 == 0;
		y[i] = 10 + 2 * x[i] + .001 * (double)(i % 3);
	}
	ck_assert_int_eq(
		gp_fit_spec(&g, &(struct gp_spec){.words = words}, x, y, ROWS, 1, &err), 0);
	ck_assert_int_eq(indices_of_gp(&out, &g, .95, 64, 20, 1, &err), 0);
	ck_assert_double_eq_tol(out.variance, 4 * 3. / 16, .01);
	ck_assert_double_eq_tol(out.total[0], 1, 1e-6);
	indices_release(&out);
	gp_release(&g);
}
END_TEST

UNIT_MAIN("indices", are_those_worked_out_by_hand, intervals_hold_the_truth,
	words_take_their_own_values)

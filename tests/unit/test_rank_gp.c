/* Rankings in which the Gaussian process is preferred. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "learn/rank.h"
#include "unit.h"

enum { ROWS = 48, FACTORS = 4 };

/* The second factor slows only where the first is high; the last two do nothing. */
static void learn(struct rank_result *r)
{
	struct rank_spec spec = RANK_SPEC_DEFAULT;
	struct err err = {0};
	struct dataset d;
	struct rng rng;

	rng_seed(&rng, 1, 0);
	dataset_init(&d, ROWS, FACTORS);
	d.response = mem_strdup("requests_per_second");
	d.unit = mem_strdup("requests/s");
	for (size_t j = 0; j < FACTORS; j++) {
		d.names[j] = mem_strdup((const char *[]){"load", "latency", "idle", "still"}[j]);
		for (size_t i = 0; i < ROWS; i++)
			d.x[j * ROWS + i] = 10 * rng_uniform(&rng);
	}
	for (size_t i = 0; i < ROWS; i++) {
		double a = d.x[i] / 10, b = d.x[ROWS + i] / 10;

		d.y[i] = exp(7 - a - 1.2 * b / (1 + exp(10 * (.5 - a))) + .02 * rng_normal(&rng));
	}
	spec.scale = RANK_LOG;
	ck_assert_msg(!rank_learn(r, &d, &spec, &err), "%s", err.text);
	dataset_release(&d);
}

START_TEST(says_what_depends_on_what)
{
	struct rank_result r;

	learn(&r);
	ck_assert_int_eq(r.preferred, RANK_GP);
	ck_assert(r.gp.r2_mean > .9 && r.gp.mse_mean < r.linear.mse_mean);
	ck_assert(r.gp.mse_mean < r.forest.mse_mean);
	ck_assert_uint_eq(r.n_active, 2);
	ck_assert_uint_eq(r.n_pairs, 1);
	ck_assert_str_eq(r.factors[r.pairs[0].a].name, "latency");
	ck_assert_str_eq(r.factors[r.pairs[0].b].name, "load");
	ck_assert_int_eq(
		strncmp(r.pairs[0].sentence, "latency matters only when load is high: ", 40), 0);
	/* at the ends 1/(1 + e^±5) of 1.2 in the logarithm: −70 % and −1 %, a little less over the
	 * range that was tried */
	ck_assert(r.pairs[0].high_interval.low < -66 && r.pairs[0].high_interval.high > -71);
	ck_assert(r.pairs[0].low_interval.low < 0 && r.pairs[0].low_interval.high > -3);
	ck_assert(r.pairs[0].share > .02 && r.pairs[0].share < .3);
	for (size_t j = 0; j < FACTORS; j++) {
		const struct rank_factor *f = &r.factors[j];

		ck_assert(f->importance_interval.low <= f->importance &&
			  f->importance <= f->importance_interval.high);
		ck_assert(f->active || f->importance < .01);
		for (size_t k = 0; k < f->curve_n; k++)
			ck_assert(f->curve_low[k] <= f->curve_y[k] &&
				  f->curve_y[k] <= f->curve_high[k]);
	}
	rank_release(&r);
}
END_TEST

static char *as_text(const struct rank_result *r)
{
	json_t *json = rank_to_json(r);
	struct str text = STR_INIT;

	json_write(&text, json, 0);
	json_decref(json);
	return str_take(&text);
}

START_TEST(json_there_and_back)
{
	struct rank_result r, back;
	struct err err = {0};
	json_t *json;
	char *first, *second;

	learn(&r);
	json = rank_to_json(&r);
	first = as_text(&r);
	ck_assert_msg(!rank_from_json(&back, json, &err), "%s", err.text);
	second = as_text(&back);
	ck_assert_str_eq(first, second);
	ck_assert_int_eq(back.preferred, RANK_GP);
	ck_assert_uint_eq(back.n_pairs, r.n_pairs);
	rank_release(&back);
	json_object_del(json, "pairs"); /* as stored before there were any */
	ck_assert_int_eq(rank_from_json(&back, json, &err), 0);
	ck_assert_uint_eq(back.n_pairs, 0);
	rank_release(&back);
	json_decref(json);
	free(first);
	free(second);
	rank_release(&r);
}
END_TEST

UNIT_MAIN("rank_gp", says_what_depends_on_what, json_there_and_back)

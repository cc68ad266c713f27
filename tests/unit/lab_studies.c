#include "lab_studies.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "design/design.h"
#include "lab_model.h"
#include "learn/rank.h"
#include "learn/settled.h"

#define CONFIDENCE .95

/*
 * The rate of a closed loop of N connections is at most N / wait, and at most servers / demand,
 * where wait = fraction_io_bound × (min_response_time + mean_response_time × a little more) +
 * redis_calls × redis_latency, demand = (1 − fraction_io_bound) × json_object_length × cpu_rounds ×
 * 8.1 ns, and servers the smaller of workers and cores. Whichever bound is lower decides, and
 * within it the factor whose logarithm varies most (lab_model.h; docs/lab.md for the costs).
 */
const struct lab_study LAB_STUDY_LIST[LAB_STUDIES] = {
	/* 100 / wait is below 6,700/s and mostly a tenth of that; the CPUs do 5,000 and more. In
	 * wait the fraction varies by a factor of 10, the time beside it by 3.6. */
	{"waiting, 100 connections", {{"connections", 100}},
		{{"fraction_io_bound", .05, .5}, {"mean_response_time", .15, .75},
			{"min_response_time", .1, .2}, {"std_response_time", .01, .3},
			{"json_object_length", 500, 1000}},
		{"fraction_io_bound"}},
	/* The same application with 1,000 connections on one worker: 1,000 / wait is 2,100/s and
	 * more, one server does 300 to 2,500. The length varies by 4, the part of the requests that
	 * computes by 1.9; how long the others wait hardly counts any more. */
	{"CPU, 1,000 connections", {{"connections", 1000}, {"workers", 1}, {"cpu_rounds", 400}},
		{{"fraction_io_bound", .05, .5}, {"mean_response_time", .15, .75},
			{"min_response_time", .1, .2}, {"std_response_time", .01, .3},
			{"json_object_length", 250, 1000}},
		{"json_object_length"}},
	/* 8 cores and 1 to 4 workers: servers are the workers. They vary by 4, evenly in the
	 * logarithm or nearly so; the length varies by 2.5. */
	{"few workers",
		{{"connections", 1000}, {"cores", 8}, {"cpu_rounds", 200},
			{"fraction_io_bound", .1}},
		{{"workers", 1, 4, true}, {"json_object_length", 400, 1000},
			{"mean_response_time", .15, .45}, {"min_response_time", .1, .2},
			{"without_effect", 0, 1}},
		{"workers"}},
	/* Eight calls of up to 5 ms each: a wait of 0 to 40 ms beside one of 9 to 31 ms, and twice
	 * its width is four times its variance. 40 connections stay below what the CPUs do. */
	{"a dependency", {{"connections", 40}, {"fraction_io_bound", .05}, {"redis_calls", 8}},
		{{"redis_latency", 0, .005}, {"mean_response_time", .1, .5},
			{"min_response_time", .08, .1}, {"json_object_length", 500, 1000},
			{"workers", 2, 6, true}},
		{"redis_latency"}},
	/* Requests wait, the CPUs have little to do: the rate is in proportion to the connections,
	 * which vary by 20, and to 1 / fraction_io_bound, which varies by 3. */
	{"connections", {{"min_response_time", .15}},
		{{"connections", 10, 200, true}, {"fraction_io_bound", .15, .45},
			{"mean_response_time", .3, .4}, {"std_response_time", .01, .3},
			{"json_object_length", 100, 400}},
		{"connections"}},
	/* Up to 20,000 entries, 20 ms of CPU a request on two cores: 200 connections wait for
	 * nothing else. The length varies by 20, the rounds by 5. */
	{"large JSON", {{"connections", 200}, {"fraction_io_bound", .05}},
		{{"json_object_length", 1000, 20000}, {"cpu_rounds", 30, 150},
			{"mean_response_time", .15, .75}, {"min_response_time", .1, .2},
			{"workers", 2, 6, true}},
		{"json_object_length"}},
	/* 16 workers on 1 to 8 cores: servers are the cores, by 8; the length varies by 2.5. */
	{"cores",
		{{"connections", 1000}, {"workers", 16}, {"cpu_rounds", 400},
			{"fraction_io_bound", .1}},
		{{"cores", 1, 8, true}, {"json_object_length", 400, 1000},
			{"mean_response_time", .15, .45}, {"std_response_time", .01, .3},
			{"redis_latency", 0, .002}},
		{"cores"}},
	/* The floor and the median of one wait are added, and both vary over half a second. */
	{"two that are tied", {{"connections", 100}},
		{{"min_response_time", .05, .56}, {"mean_response_time", .15, .65},
			{"std_response_time", .01, .3}, {"json_object_length", 500, 1000},
			{"without_effect", 0, 1}},
		{"min_response_time", "mean_response_time"}},
	/* Every request waits and none computes: what computing costs, and how much there is to do
	 * it with, is the same to all. */
	{"nothing", {{"connections", 100}, {"fraction_io_bound", 1}},
		{{"json_object_length", 500, 1000}, {"workers", 2, 8, true}, {"cores", 2, 8, true},
			{"cpu_rounds", 20, 80}, {"without_effect", 0, 1}},
		{NULL}},
	/* As the first, with eight that do nothing while it waits; the fraction varies by 5, the
	 * time beside it by 2.3. */
	{"two of ten", {{"connections", 100}},
		{{"a", 0, 1}, {"fraction_io_bound", .1, .5}, {"workers", 2, 8, true},
			{"cores", 2, 8, true}, {"b", 0, 1}, {"mean_response_time", .2, .65},
			{"cpu_rounds", 20, 50}, {"redis_calls", 1, 4, true},
			{"json_object_length", 100, 200}, {"c", 1, 100, true}},
		{"fraction_io_bound"}},
};

size_t lab_study_factors(const struct lab_study *s)
{
	size_t n = 0;

	while (n < LAB_STUDY_FACTORS && s->factors[n].name)
		n++;
	return n;
}

size_t lab_study_truths(const struct lab_study *s)
{
	return s->truth[1] ? 2 : s->truth[0] ? 1 : 0;
}

size_t lab_study_next_look(size_t n)
{
	size_t power = 8;

	if (n < 12)
		return 12;
	while (power * 2 <= n)
		power *= 2;
	return n < power + power / 2 ? power + power / 2 : power * 2;
}

size_t lab_study_most(size_t factors)
{
	size_t n = 32;

	while (n < 4 * factors)
		n *= 2;
	return 4 * n;
}

/* ---- the service ---- */

static double value_of(const struct lab_study_factor *f, double u)
{
	return f->whole ? fmin(f->high, floor(f->low + u * (f->high - f->low + 1)))
			: f->low + u * (f->high - f->low);
}

/* The rate at a point of the unit cube; without noise where there is no generator. */
static double respond(const struct lab_study *s, const double *u, double noise, struct rng *rng)
{
	struct lab_model m;

	lab_model_init(&m);
	for (size_t i = 0; i < LAB_STUDY_BASE && s->base[i].name; i++)
		if (lab_model_set(&m, s->base[i].name, s->base[i].value))
			abort(); /* a slip in the table above */
	for (size_t j = 0; j < lab_study_factors(s); j++)
		lab_model_set(&m, s->factors[j].name, value_of(&s->factors[j], u[j]));
	m.noise = noise;
	return rng ? lab_model_trial(&m, rng) : lab_model_rate(&m);
}

double lab_study_indices(const struct lab_study *s, bool logarithm, double total[])
{
	enum { POINTS = 1024 };
	size_t p = lab_study_factors(s);
	double *u = mem_alloc(POINTS * 2 * p, sizeof(double)), mean = 0, squares = 0, variance;

	if (design_points(DESIGN_SOBOL, POINTS, 2 * p, 1, u, NULL))
		abort();
	memset(total, 0, p * sizeof(double));
	for (size_t i = 0; i < POINTS; i++) {
		double *a = u + i * 2 * p, *b = a + p, y = respond(s, a, 0, NULL);

		y = logarithm ? log(y) : y;
		mean += y / POINTS;
		squares += y * y / POINTS;
		for (size_t j = 0; j < p; j++) {
			double own = a[j], d;

			a[j] = b[j];
			d = respond(s, a, 0, NULL);
			d = y - (logarithm ? log(d) : d);
			a[j] = own;
			total[j] += d * d / 2 / POINTS;
		}
	}
	variance = fmax(0, squares - mean * mean);
	for (size_t j = 0; j < p; j++)
		total[j] /= fmax(1e-30, variance);
	free(u);
	return variance;
}

/* ---- a study ---- */

static void take(struct dataset *d, const struct lab_study *s, const double *u, const double *y,
	size_t n, size_t p)
{
	dataset_init(d, n, p);
	for (size_t j = 0; j < p; j++) {
		d->names[j] = mem_strdup(s->factors[j].name);
		for (size_t i = 0; i < n; i++)
			d->x[j * n + i] = value_of(&s->factors[j], u[i * p + j]);
	}
	memcpy(d->y, y, n * sizeof(double));
	d->response = mem_strdup("requests_per_second");
	d->unit = mem_strdup("requests/s");
}

static bool is_true(const struct lab_study *s, const char *name)
{
	for (size_t i = 0; i < lab_study_truths(s); i++)
		if (!strcmp(s->truth[i], name))
			return true;
	return false;
}

/* By what a reader of the report is told: the factors of the first rank. */
static enum lab_verdict verdict_of(const struct lab_study *s, const struct rank_result *r)
{
	size_t truths = lab_study_truths(s), named = 0, right = 0;

	for (size_t j = 0; j < r->n_active && r->factors[j].group == r->factors[0].group; j++) {
		named++;
		right += is_true(s, r->factors[j].name);
	}
	if (!truths)
		return named ? LAB_WRONG : LAB_RIGHT;
	if (named && !right)
		return LAB_WRONG;
	return named && right == named ? LAB_RIGHT : LAB_UNDECIDED;
}

struct lab_outcome lab_study_run(const struct lab_study *s, double noise, uint64_t seed)
{
	size_t p = lab_study_factors(s), most = lab_study_most(p);
	double *u = mem_alloc(most * p, sizeof(double)), *y = mem_alloc(most, sizeof(double));
	struct lab_outcome out = {0};
	struct rng rng;

	rng_seed(&rng, seed, UINT64_C(0x6c6162)); /* "lab" */
	if (design_points(DESIGN_SOBOL, most, p, seed, u, NULL))
		abort();
	while (!out.settled && out.trials < most) {
		struct rank_spec spec = RANK_SPEC_DEFAULT;
		size_t to = lab_study_next_look(out.trials);
		struct rank_result rank;
		struct settled settled;
		struct dataset data;
		struct err err = {0};

		to = to < most ? to : most;
		for (; out.trials < to; out.trials++)
			y[out.trials] = respond(s, u + out.trials * p, noise, &rng);
		take(&data, s, u, y, out.trials, p);
		spec.seed = seed;
		spec.confidence = CONFIDENCE;
		spec.threads =
			1; /* the result is the same; tables this small gain nothing by more */
		if (rank_learn(&rank, &data, &spec, &err)) {
			fprintf(stderr, "%s: %s\n", s->name, err.text);
			abort();
		}
		out.settled = settled_judge(&settled, &rank, CONFIDENCE);
		out.verdict = verdict_of(s, &rank);
		settled_release(&settled);
		rank_release(&rank);
		dataset_release(&data);
	}
	free(u);
	free(y);
	return out;
}

/*
 * How often does a study that goes on until its ranking is settled stop with a wrong limiting
 * factor? Simulated sequential studies (tests/unit/lab_model.h):
 *
 *     settled_errors [STUDIES] [REGIME]
 *
 * Looks at 12, 16, 24, 32, 48, 64, 96 and 128 trials. Prints Markdown.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "design/design.h"
#include "lab_model.h"
#include "learn/rank.h"
#include "learn/settled.h"

enum { FACTORS = 5, MOST = 128 };
static const size_t LOOKS[] = {12, 16, 24, 32, 48, 64, 96, 128};
enum { N_LOOKS = sizeof(LOOKS) / sizeof(LOOKS[0]) };

struct range {
	const char *name;
	double low, high;
};

/* What is varied, the load, and the factor whose total index is largest (worked out by
 * truth_of() below; "" where none has an effect). */
struct regime {
	const char *name;
	double connections, noise;
	double rounds;
	struct range factors[FACTORS];
};

static const struct regime REGIMES[] = {
	{"the seeds' five factors, 100 connections", 100, .02, 50,
		{{"fraction_io_bound", .05, .5}, {"mean_response_time", .15, .75},
			{"min_response_time", .1, .2}, {"std_response_time", .01, .3},
			{"json_object_length", 500, 1000}}},
	{"the same, noise of 6 %", 100, .06, 50,
		{{"fraction_io_bound", .05, .5}, {"mean_response_time", .15, .75},
			{"min_response_time", .1, .2}, {"std_response_time", .01, .3},
			{"json_object_length", 500, 1000}}},
	{"the same, noise of 10 %", 100, .1, 50,
		{{"fraction_io_bound", .05, .5}, {"mean_response_time", .15, .75},
			{"min_response_time", .1, .2}, {"std_response_time", .01, .3},
			{"json_object_length", 500, 1000}}},
	{"the same, 3,000 connections: CPU", 3000, .02, 50,
		{{"fraction_io_bound", .05, .5}, {"mean_response_time", .15, .75},
			{"min_response_time", .1, .2}, {"std_response_time", .01, .3},
			{"json_object_length", 500, 1000}}},
	{"workers and a dependency, 2,000 connections", 2000, .02, 50,
		{{"workers", 1, 5}, {"redis_latency", 0, .005}, {"json_object_length", 500, 1000},
			{"min_response_time", .1, .2}, {"without_effect", 0, 1}}},
	{"two near each other", 100, .02, 50,
		{{"min_response_time", .05, .5}, {"mean_response_time", .15, .65},
			{"std_response_time", .01, .3}, {"json_object_length", 500, 1000},
			{"without_effect", 0, 1}}},
	{"one far above two that are just above .05, noise of 10 %", 100, .1, 50,
		{{"fraction_io_bound", .05, .5}, {"mean_response_time", .32, .64},
			{"min_response_time", .01, .34}, {"std_response_time", .01, .05},
			{"json_object_length", 500, 1000}}},
	{"the same, noise of 20 %", 100, .2, 50,
		{{"fraction_io_bound", .05, .5}, {"mean_response_time", .32, .64},
			{"min_response_time", .01, .34}, {"std_response_time", .01, .05},
			{"json_object_length", 500, 1000}}},
	{"no effect, noise of 2 %", 100, .02, 50,
		{{"a", 0, 1}, {"b", 0, 1}, {"c", 0, 1}, {"d", 0, 1}, {"e", 0, 1}}},
	{"no effect, noise of 20 %", 100, .2, 50,
		{{"a", 0, 1}, {"b", 0, 1}, {"c", 0, 1}, {"d", 0, 1}, {"e", 0, 1}}},
};

static double respond(const struct regime *g, const double *u, struct rng *rng)
{
	struct lab_model m;

	lab_model_init(&m);
	m.connections = g->connections;
	m.noise = g->noise;
	m.cpu_rounds = g->rounds;
	for (size_t j = 0; j < FACTORS; j++)
		lab_model_set(&m, g->factors[j].name,
			g->factors[j].low + u[j] * (g->factors[j].high - g->factors[j].low));
	return rng ? lab_model_trial(&m, rng) : lab_model_rate(&m);
}

/* Total indices of log(rate), by Jansen's estimator over many points. */
static void truth_of(const struct regime *g, double total[FACTORS])
{
	enum { POINTS = 4096 };
	double *u = mem_alloc(POINTS * 2 * FACTORS, sizeof(double)), mean = 0, squares = 0;

	if (design_points(DESIGN_SOBOL, POINTS, 2 * FACTORS, 1, u, NULL))
		exit(1);
	memset(total, 0, FACTORS * sizeof(double));
	for (size_t i = 0; i < POINTS; i++) {
		double *a = u + i * 2 * FACTORS, *b = a + FACTORS, y = log(respond(g, a, NULL));

		mean += y / POINTS;
		squares += y * y / POINTS;
		for (size_t j = 0; j < FACTORS; j++) {
			double own = a[j], d;

			a[j] = b[j];
			d = y - log(respond(g, a, NULL));
			a[j] = own;
			total[j] += d * d / 2 / POINTS;
		}
	}
	for (size_t j = 0; j < FACTORS; j++)
		total[j] /= fmax(1e-30, squares - mean * mean);
	free(u);
}

static void take(
	struct dataset *d, const struct regime *g, const double *u, const double *y, size_t n)
{
	dataset_init(d, n, FACTORS);
	for (size_t j = 0; j < FACTORS; j++) {
		d->names[j] = mem_strdup(g->factors[j].name);
		for (size_t i = 0; i < n; i++)
			d->x[j * n + i] =
				g->factors[j].low +
				u[i * FACTORS + j] * (g->factors[j].high - g->factors[j].low);
	}
	memcpy(d->y, y, n * sizeof(double));
	d->response = mem_strdup("requests_per_second");
	d->unit = mem_strdup("requests/s");
}

struct outcome {
	size_t trials; /* 0: never settled */
	bool wrong, missed, gp;
};

/* missed: a factor with a total index above .05 was said to matter little. */
static struct outcome run(const struct regime *g, const double total[FACTORS], uint64_t seed)
{
	double u[MOST * FACTORS], y[MOST];
	struct outcome o = {0};
	struct rng rng;
	size_t best = 0;

	rng_seed(&rng, seed, 40);
	if (design_points(DESIGN_SOBOL, MOST, FACTORS, seed, u, NULL))
		exit(1);
	for (size_t i = 0; i < MOST; i++)
		y[i] = respond(g, u + i * FACTORS, &rng);
	for (size_t j = 0; j < FACTORS; j++)
		best = total[j] > total[best] ? j : best;
	for (size_t look = 0; !o.trials && look < N_LOOKS; look++) {
		struct rank_spec spec = RANK_SPEC_DEFAULT;
		struct rank_result r;
		struct dataset d;
		struct settled s;
		struct err err = {0};

		take(&d, g, u, y, LOOKS[look]);
		spec.seed = seed;
		if (rank_learn(&r, &d, &spec, &err)) {
			fprintf(stderr, "settled_errors: %s\n", err.text);
			exit(1);
		}
		if (settled_judge(&s, &r, .95)) {
			o.trials = LOOKS[look];
			o.gp = r.preferred == RANK_GP;
			o.wrong = s.first &&
				  (total[best] == 0 || strcmp(s.first, g->factors[best].name) != 0);
			for (size_t j = 0; j < FACTORS; j++)
				for (size_t i = 0; i < FACTORS; i++)
					o.missed |= r.factors[i].name == r.data.names[j] &&
						    !r.factors[i].active && total[j] > .05;
		}
		if (getenv("SHOW"))
			printf("%zu: %s\n", LOOKS[look], s.sentence);
		settled_release(&s);
		rank_release(&r);
		dataset_release(&d);
	}
	return o;
}

int main(int argc, char **argv)
{
	int64_t studies = 1000, only = -1;

	if (argc > 1 && num_parse_int(argv[1], 1, 1000000, "studies", &studies, NULL))
		return 2;
	if (argc > 2 && num_parse_int(argv[2], 0, 100, "regime", &only, NULL))
		return 2;
	printf("| service | total indices | studies | settled | trials, median | wrong limiting "
	       "factor "
	       "| a factor above .05 missed |\n"
	       "| --- | --- | ---: | ---: | ---: | ---: | ---: |\n");
	for (size_t i = 0; i < sizeof(REGIMES) / sizeof(REGIMES[0]); i++) {
		const struct regime *g = &REGIMES[i];
		size_t settled = 0, wrong = 0, missed = 0, at[N_LOOKS + 1] = {0}, median = 0,
		       gp = 0;
		double total[FACTORS];

		if (only >= 0 && i != (size_t)only)
			continue;
		truth_of(g, total);
		for (int64_t s = 0; s < studies; s++) {
			struct outcome o = run(g, total, (uint64_t)s);

			settled += o.trials > 0;
			wrong += o.wrong;
			missed += o.missed;
			gp += o.gp;
			for (size_t k = 0; k < N_LOOKS; k++)
				at[k] += o.trials == LOOKS[k];
		}
		for (size_t k = 0, sum = 0; k < N_LOOKS && 2 * sum < (size_t)studies; k++) {
			sum += at[k];
			median = 2 * sum >= (size_t)studies ? LOOKS[k] : 0;
		}
		printf("| %s |", g->name);
		for (size_t j = 0; j < FACTORS; j++)
			printf(" %.3f", total[j]);
		printf(" | %d | %.1f %% | ", (int)studies,
			100. * (double)settled / (double)studies);
		if (median)
			printf("%zu", median);
		else
			printf("more than %d", MOST);
		printf(" | %.1f %% | %.1f %% |\n", 100. * (double)wrong / (double)studies,
			100. * (double)missed / (double)studies);
		if (getenv("SHOW")) {
			for (size_t k = 0; k < N_LOOKS; k++)
				printf(" %zu:%zu", LOOKS[k], at[k]);
			printf(" gp %zu\n", gp);
		}
		fflush(stdout);
	}
	return 0;
}

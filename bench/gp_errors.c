/*
 * How far can the Gaussian process be trusted? Simulated tables whose truth is known, of which
 * those are looked at that prefer it:
 *
 *     gp_errors [TABLES]
 *
 * How often the intervals of effects and importances hold the true ones, how often a factor without
 * effect is named, and how often a pair is named: rightly where factors depend on each other, and
 * wrongly where the logarithm of the response is a sum. Prints Markdown.
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

enum { FACTORS = 5, CHECKED = 512 };

static const char *const NAMES[FACTORS] = {"fraction_io_bound", "mean_response_time",
	"min_response_time", "std_response_time", "json_object_length"};
static const double LOW[FACTORS] = {.05, .15, .1, .01, 500},
		    HIGH[FACTORS] = {.5, .75, .2, .3, 1000};

static double lab_rate(const double *u, double connections)
{
	struct lab_model m;

	lab_model_init(&m);
	m.connections = connections;
	for (size_t j = 0; j < FACTORS; j++)
		lab_model_set(&m, NAMES[j], LOW[j] + u[j] * (HIGH[j] - LOW[j]));
	return lab_model_rate(&m);
}

static double waiting(const double *u)
{
	return log(lab_rate(u, 100));
}

static double computing(const double *u)
{
	return log(lab_rate(u, 2500));
}

/* A sum of bends: no two depend on each other; the last two do nothing. */
static double added(const double *u)
{
	return 7 - 1.2 * sqrt(.05 + u[0]) + .8 * sin(3 * u[1]) - .3 * u[2];
}

/* The second matters only where the first is high; the last two do nothing. */
static double crossed(const double *u)
{
	return 7 - u[0] - 1.2 * u[1] / (1 + exp(8 * (.5 - u[0]))) - .3 * u[2];
}

struct service {
	const char *name;
	double (*log_rate)(const double *u);
	double noise;
	size_t idle[FACTORS], n_idle; /* without effect (to 1 %) */
	bool pairs;                   /* some depend on each other by more than 5 % */
};

static const struct service SERVICES[] = {
	{"lab, waiting", waiting, .02, {4}, 1, true},
	{"lab, computing", computing, .02, {0}, 0, true},
	{"added bends", added, .05, {3, 4}, 2, false},
	{"added bends", added, .2, {3, 4}, 2, false},
	{"crossed", crossed, .05, {3, 4}, 2, true},
	{"crossed", crossed, .2, {3, 4}, 2, true},
};

struct tally {
	size_t inside, all;
};

static void count(struct tally *t, const struct interval *i, double truth)
{
	if (isnan(i->low))
		return;
	t->all++;
	t->inside += i->low <= truth && truth <= i->high;
}

/* Shares of the variation, with that of the noise, from many points. */
static void true_shares(const struct service *s, double share[FACTORS])
{
	double *u = mem_alloc(CHECKED * 8 * 2 * FACTORS, sizeof(double)), mean = 0, squares = 0;
	size_t n = CHECKED * 8;

	if (design_points(DESIGN_SOBOL, n, 2 * FACTORS, 1, u, NULL))
		exit(1);
	memset(share, 0, FACTORS * sizeof(double));
	for (size_t i = 0; i < n; i++) {
		double *a = u + i * 2 * FACTORS, *b = a + FACTORS, y = s->log_rate(a);

		mean += y / (double)n;
		squares += y * y / (double)n;
		for (size_t j = 0; j < FACTORS; j++) {
			double own = a[j], d;

			a[j] = b[j];
			d = y - s->log_rate(a);
			a[j] = own;
			share[j] += d * d / 2 / (double)n;
		}
	}
	for (size_t j = 0; j < FACTORS; j++)
		share[j] /= squares - mean * mean + s->noise * s->noise;
	free(u);
}

/* Of the factor over the table's own range, the others as they were in its trials. */
static double true_effect(
	const struct service *s, const struct dataset *d, size_t j, double low, double high)
{
	double sum[2] = {0}, u[FACTORS];

	for (size_t i = 0; i < d->n; i++)
		for (int end = 0; end < 2; end++) {
			for (size_t k = 0; k < FACTORS; k++)
				u[k] = d->x[k * d->n + i];
			u[j] = end ? high : low;
			sum[end] += exp(s->log_rate(u));
		}
	return (sum[1] / sum[0] - 1) * 100;
}

static void make_table(struct dataset *d, const struct service *s, size_t n, uint64_t seed)
{
	double *u = mem_alloc(n * FACTORS, sizeof(double));
	struct rng rng;

	rng_seed(&rng, seed, 50);
	dataset_init(d, n, FACTORS);
	if (design_points(DESIGN_SOBOL, n, FACTORS, seed, u, NULL))
		exit(1);
	for (size_t j = 0; j < FACTORS; j++) {
		d->names[j] = mem_strdup(NAMES[j]);
		for (size_t i = 0; i < n; i++)
			d->x[j * n + i] = u[i * FACTORS + j];
	}
	for (size_t i = 0; i < n; i++)
		d->y[i] = exp(s->log_rate(u + i * FACTORS) + s->noise * rng_normal(&rng));
	d->response = mem_strdup("requests_per_second");
	d->unit = mem_strdup("requests/s");
	free(u);
}

struct tallies {
	struct tally effect, importance;
	size_t preferred, idle_named, with_pairs;
};

static void observe(const struct service *s, const double share[FACTORS], size_t n, uint64_t seed,
	struct tallies *t)
{
	struct rank_spec spec = RANK_SPEC_DEFAULT;
	struct rank_result r;
	struct dataset d;
	struct err err = {0};
	bool named = false;

	make_table(&d, s, n, seed);
	spec.seed = seed;
	if (rank_learn(&r, &d, &spec, &err)) {
		fprintf(stderr, "gp_errors: %s\n", err.text);
		exit(1);
	}
	for (size_t i = 0; r.preferred == RANK_GP && i < FACTORS; i++) {
		const struct rank_factor *f = &r.factors[i];
		size_t j = 0;

		while (r.data.names[j] != f->name)
			j++;
		count(&t->effect, &f->effect_interval, true_effect(s, &d, j, f->low, f->high));
		if (share[j] > .01 && r.log_scale)
			count(&t->importance, &f->importance_interval, share[j]);
		for (size_t k = 0; k < s->n_idle; k++)
			named |= f->active && s->idle[k] == j;
	}
	t->preferred += r.preferred == RANK_GP;
	t->idle_named += named;
	t->with_pairs += r.preferred == RANK_GP && r.n_pairs > 0;
	rank_release(&r);
	dataset_release(&d);
}

static double percent(size_t part, size_t of)
{
	return of ? 100 * (double)part / (double)of : NAN;
}

int main(int argc, char **argv)
{
	static const size_t SIZES[] = {12, 16, 24, 48, 96};
	int64_t tables = 400;

	if (argc > 1 && num_parse_int(argv[1], 10, 1000000, "tables", &tables, NULL))
		return 2;
	printf("| service | noise | trials | Gaussian process preferred | effect interval holds | "
	       "importance interval holds | an idle factor named | a pair named |\n"
	       "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
	for (size_t i = 0; i < sizeof(SERVICES) / sizeof(SERVICES[0]); i++)
		for (size_t k = 0; k < sizeof(SIZES) / sizeof(SIZES[0]); k++) {
			const struct service *s = &SERVICES[i];
			struct tallies t = {0};
			double share[FACTORS];

			true_shares(s, share);
			for (int64_t seed = 0; seed < tables; seed++)
				observe(s, share, SIZES[k], (uint64_t)seed, &t);
			printf("| %s | %.2f | %zu | %.0f %% | %.1f %% | %.1f %% |", s->name,
				s->noise, SIZES[k], percent(t.preferred, (size_t)tables),
				percent(t.effect.inside, t.effect.all),
				percent(t.importance.inside, t.importance.all));
			if (s->n_idle)
				printf(" %.1f %% |", percent(t.idle_named, t.preferred));
			else
				printf(" – |");
			printf(" %.1f %%%s |\n", percent(t.with_pairs, t.preferred),
				s->pairs ? "" : " (none is true)");
			fflush(stdout);
		}
	return 0;
}

/*
 * How often does the ranking err? Simulated tables whose truth is known:
 *
 *     rank_errors null       how often any factor is named where none has an effect
 *     rank_errors power      how often the true factors are named, and others beside them
 *     rank_errors intervals  how often intervals hold the truth, and equals share a group
 *
 * then the number of tables for each row (400). Prints Markdown.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "design/design.h"
#include "learn/rank.h"

enum noise { NORMAL, LOGNORMAL, HEAVY, N_NOISES };
static const char *const NOISES[] = {"normal", "lognormal", "t, 2 degrees"};

static double draw(struct rng *rng, enum noise noise)
{
	double z = rng_normal(rng);

	if (noise == LOGNORMAL)
		return exp(z);
	if (noise == HEAVY)
		return z / sqrt((pow(rng_normal(rng), 2) + pow(rng_normal(rng), 2)) / 2);
	return z;
}

/* An effect of unit variance on factors that are uniform in 0 … 1, and how many factors it uses. */
enum effect { STRAIGHT, MULTIPLIED, SYMMETRIC, CROSSED, N_EFFECTS };
static const char *const EFFECTS[] = {
	"straight", "multiplied (log)", "symmetric (quadratic)", "crossed (interaction)"};
static const size_t USES[] = {1, 2, 1, 2};

static double effect(enum effect e, const double *u, size_t stride)
{
	double a = u[0] - .5, b = u[stride] - .5;

	switch (e) {
	case STRAIGHT: return a * sqrt(12);
	case MULTIPLIED: return (a + b) * sqrt(6);
	case SYMMETRIC: return (a * a - 1. / 12) * sqrt(180);
	default: return a * b * 12;
	}
}

static void make_table(struct dataset *d, size_t n, size_t p, uint64_t seed)
{
	double *u = mem_alloc(n * p, sizeof(double));
	char name[24];

	dataset_init(d, n, p);
	if (design_points(DESIGN_SOBOL, n, p, seed, u, NULL))
		exit(1);
	for (size_t j = 0; j < p; j++) {
		snprintf(name, sizeof(name), "x%zu", j + 1);
		d->names[j] = mem_strdup(name);
		for (size_t i = 0; i < n; i++)
			d->x[j * n + i] = u[i * p + j];
	}
	d->response = mem_strdup("y");
	d->unit = mem_strdup("");
	free(u);
}

static void learn(struct rank_result *r, const struct dataset *d, uint64_t seed)
{
	struct rank_spec spec = RANK_SPEC_DEFAULT;
	struct err err = {0};

	spec.seed = seed;
	if (rank_learn(r, d, &spec, &err)) {
		fprintf(stderr, "rank_errors: %s\n", err.text);
		exit(1);
	}
}

static const struct rank_factor *factor(const struct rank_result *r, size_t j)
{
	for (size_t i = 0; i < r->p; i++)
		if (r->factors[i].name == r->data.names[j])
			return &r->factors[i];
	return NULL;
}

static void null_tables(size_t tables)
{
	static const size_t SIZES[][2] = {{12, 5}, {32, 5}, {60, 10}, {500, 5}};

	printf("| trials | factors | noise | tables | a factor was named in | noise floor, mean |\n"
	       "| ---: | ---: | --- | ---: | ---: | ---: |\n");
	for (size_t s = 0; s < 4; s++)
		for (int noise = 0; noise < N_NOISES; noise++) {
			size_t n = SIZES[s][0], p = SIZES[s][1], named = 0;
			double floor = 0;

			for (size_t t = 0; t < tables; t++) {
				struct dataset d;
				struct rank_result r;
				struct rng rng;

				rng_seed(&rng, t, 10 + (uint64_t)noise);
				make_table(&d, n, p, t);
				for (size_t i = 0; i < n; i++)
					d.y[i] = draw(&rng, (enum noise)noise);
				learn(&r, &d, t);
				named += r.n_active > 0;
				floor += r.noise_floor / (double)tables;
				rank_release(&r);
				dataset_release(&d);
			}
			printf("| %zu | %zu | %s | %zu | %.1f %% ± %.1f | %.3f |\n", n, p,
				NOISES[noise], tables, 100. * (double)named / (double)tables,
				196 * sqrt(.05 * .95 / (double)tables), floor);
			fflush(stdout);
		}
}

static void power_tables(size_t tables)
{
	static const size_t SIZES[] = {32, 64, 200};
	static const double SHARES[] = {.25, .5, .8};

	printf("| effect | share of variance | trials | true ones all named | others named |\n"
	       "| --- | ---: | ---: | ---: | ---: |\n");
	for (int e = 0; e < N_EFFECTS; e++)
		for (size_t c = 0; c < 9; c++) {
			size_t n = SIZES[c % 3], p = 5, found = 0, false_ones = 0;
			double share = SHARES[c / 3];

			for (size_t t = 0; t < tables; t++) {
				struct dataset d;
				struct rank_result r;
				struct rng rng;
				size_t right = 0, wrong = 0;

				rng_seed(&rng, t, 20 + (uint64_t)e);
				make_table(&d, n, p, t);
				for (size_t i = 0; i < n; i++) {
					d.y[i] = sqrt(share) * effect((enum effect)e, d.x + i, n) +
						 sqrt(1 - share) * rng_normal(&rng);
					if (e == MULTIPLIED)
						d.y[i] = exp(d.y[i]);
				}
				learn(&r, &d, t);
				for (size_t j = 0; j < p; j++)
					*(j < USES[e] ? &right : &wrong) += factor(&r, j)->active;
				found += right == USES[e];
				false_ones += wrong > 0;
				rank_release(&r);
				dataset_release(&d);
			}
			printf("| %s | %.2f | %zu | %.0f %% | %.1f %% |\n", EFFECTS[e], share, n,
				100. * (double)found / (double)tables,
				100. * (double)false_ones / (double)tables);
			fflush(stdout);
		}
}

/* A service of five factors: two equal ones, a weak one, one that bends, one without effect. */
static double service(const double *u, size_t stride, bool bent)
{
	double y = 2 * u[0] + 2 * u[stride] + .7 * u[2 * stride];

	return bent ? y + 8 * pow(u[3 * stride] - .5, 2) + 3 * u[0] * u[3 * stride] : y;
}

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

enum { SERVICE_FACTORS = 5 };

/* What one table gave. */
struct outcome {
	struct rank_factor factors[SERVICE_FACTORS];
	struct interval r2_interval;
	double r2;
	enum rank_model model;
	bool together, above;
};

static void observe(struct outcome *o, size_t n, bool bent, uint64_t seed)
{
	struct dataset d;
	struct rank_result r;
	struct rng rng;
	const struct rank_fit *fit;

	rng_seed(&rng, seed, 30);
	make_table(&d, n, SERVICE_FACTORS, seed);
	for (size_t i = 0; i < n; i++)
		d.y[i] = 10 + service(d.x + i, n, bent) + .4 * rng_normal(&rng);
	learn(&r, &d, seed);
	for (size_t j = 0; j < SERVICE_FACTORS; j++)
		o->factors[j] = *factor(&r, j);
	o->model = r.preferred;
	fit = r.preferred == RANK_FOREST ? &r.forest : &r.linear;
	o->r2 = fit->r2_mean;
	o->r2_interval = fit->r2_interval;
	o->together = factor(&r, 0)->group == factor(&r, 1)->group;
	o->above = factor(&r, 0)->group < factor(&r, 2)->group &&
		   factor(&r, 1)->group < factor(&r, 2)->group;
	rank_release(&r);
	dataset_release(&d);
}

/* What the estimates are estimates of: their means over many tables of the same size, of the tables
 * that preferred the same model. */
static void judge(
	const struct outcome *o, size_t tables, enum rank_model model, struct tally tally[3])
{
	double importance[SERVICE_FACTORS] = {0}, effects[SERVICE_FACTORS] = {0}, r2 = 0, of = 0;

	for (size_t t = 0; t < tables; t++)
		of += o[t].model == model;
	for (size_t t = 0; t < tables; t++) {
		if (o[t].model != model)
			continue;
		r2 += o[t].r2 / of;
		for (size_t j = 0; j < SERVICE_FACTORS; j++) {
			importance[j] += o[t].factors[j].importance / of;
			effects[j] += o[t].factors[j].effect_percent / of;
		}
	}
	for (size_t t = 0; t < tables; t++) {
		if (o[t].model != model)
			continue;
		count(&tally[2], &o[t].r2_interval, r2);
		for (size_t j = 0; j < SERVICE_FACTORS; j++) {
			if (importance[j] > .01)
				count(&tally[0], &o[t].factors[j].importance_interval,
					importance[j]);
			count(&tally[1], &o[t].factors[j].effect_interval, effects[j]);
		}
	}
}

static double percent(double part, double of)
{
	return of > 0 ? 100 * part / of : NAN;
}

static void interval_tables(size_t tables)
{
	static const size_t SIZES[] = {16, 32, 64, 200, 500};
	struct outcome *o = mem_zalloc(tables, sizeof(*o));

	printf("| service | trials | forest preferred | importance interval holds | effect "
	       "interval "
	       "holds | R² interval holds | equals in one group | strong above weak |\n"
	       "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
	for (size_t c = 0; c < 10; c++) {
		struct tally tally[3] = {0};
		double forests = 0, together = 0, above = 0, all = (double)tables;
		bool bent = c >= 5;

		for (size_t t = 0; t < tables; t++) {
			observe(&o[t], SIZES[c % 5], bent, t);
			forests += o[t].model == RANK_FOREST;
			together += o[t].together;
			above += o[t].above;
		}
		judge(o, tables, RANK_LINEAR, tally);
		judge(o, tables, RANK_FOREST, tally);
		printf("| %s | %zu | %.0f %% |", bent ? "bent" : "straight", SIZES[c % 5],
			percent(forests, all));
		for (int i = 0; i < 3; i++)
			printf(" %.1f %% |",
				percent((double)tally[i].inside, (double)tally[i].all));
		if (bent)
			printf(" – |");
		else
			printf(" %.1f %% |", percent(together, all));
		printf(" %.0f %% |\n", percent(above, all));
		fflush(stdout);
	}
	free(o);
}

int main(int argc, char **argv)
{
	int64_t tables = 400;

	if (argc > 2 && num_parse_int(argv[2], 10, 1000000, "tables", &tables, NULL))
		return 2;
	if (argc > 1 && !strcmp(argv[1], "null"))
		null_tables((size_t)tables);
	else if (argc > 1 && !strcmp(argv[1], "power"))
		power_tables((size_t)tables);
	else if (argc > 1 && !strcmp(argv[1], "intervals"))
		interval_tables((size_t)tables);
	else {
		fputs("usage: rank_errors null|power|intervals [TABLES]\n", stderr);
		return 2;
	}
	return 0;
}

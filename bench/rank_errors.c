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
	char name[16];

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

/* What the estimates are estimates of: their means over many tables of the same size. */
static void interval_tables(size_t tables)
{
	static const size_t SIZES[] = {16, 32, 64, 200, 500};
	enum { P = 5 };

	printf("| service | trials | forest preferred | importance of x1, x4 | its interval holds "
	       "the mean | "
	       "effect interval holds the mean | "
	       "R² interval holds the mean | equals in one group | strong above weak |\n"
	       "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
	for (int bent = 0; bent < 2; bent++)
		for (size_t c = 0; c < 5; c++) {
			size_t n = SIZES[c], forests = 0, together = 0, above = 0;
			double importance[P] = {0}, effects[P] = {0}, r2 = 0;
			struct rank_factor *kept = mem_zalloc(tables * P, sizeof(*kept));
			struct interval *r2s = mem_zalloc(tables, sizeof(*r2s));
			struct tally i_tally = {0}, e_tally = {0}, r_tally = {0};

			for (size_t t = 0; t < tables; t++) {
				struct dataset d;
				struct rank_result r;
				struct rng rng;

				rng_seed(&rng, t, 30);
				make_table(&d, n, P, t);
				for (size_t i = 0; i < n; i++)
					d.y[i] = 10 + service(d.x + i, n, bent) +
						 .4 * rng_normal(&rng);
				learn(&r, &d, t);
				for (size_t j = 0; j < P; j++) {
					kept[t * P + j] = *factor(&r, j);
					importance[j] += factor(&r, j)->importance / (double)tables;
					effects[j] +=
						factor(&r, j)->effect_percent / (double)tables;
				}
				r2s[t] = r.preferred == RANK_FOREST ? r.forest.r2_interval
								    : r.linear.r2_interval;
				r2 += (r.preferred == RANK_FOREST ? r.forest.r2_mean
								  : r.linear.r2_mean) /
				      (double)tables;
				forests += r.preferred == RANK_FOREST;
				together += factor(&r, 0)->group == factor(&r, 1)->group;
				above += factor(&r, 0)->group < factor(&r, 2)->group &&
					 factor(&r, 1)->group < factor(&r, 2)->group;
				rank_release(&r);
				dataset_release(&d);
			}
			for (size_t t = 0; t < tables; t++) {
				count(&r_tally, &r2s[t], r2);
				for (size_t j = 0; j < P; j++) {
					if (j < 3 || (bent && j == 3))
						count(&i_tally,
							&kept[t * P + j].importance_interval,
							importance[j]);
					count(&e_tally, &kept[t * P + j].effect_interval,
						effects[j]);
				}
			}
			printf("| %s | %zu | %.0f %% | %.2f %.2f | %.1f %% | %.1f %% | %.1f %% | "
			       "%.1f %% | %.0f %% |\n",
				bent ? "bent" : "straight", n,
				100. * (double)forests / (double)tables, importance[0],
				importance[3], 100. * (double)i_tally.inside / (double)i_tally.all,
				100. * (double)e_tally.inside / (double)e_tally.all,
				100. * (double)r_tally.inside / (double)r_tally.all,
				100. * (double)together / (double)tables,
				100. * (double)above / (double)tables);
			fflush(stdout);
			free(kept);
			free(r2s);
		}
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

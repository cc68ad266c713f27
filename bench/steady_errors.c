/*
 * How often do the judgements of stats/steady.h err? Simulated series of slices whose truth is
 * known: steady ones, ones with a warm-up, ones that drift.
 *
 *     steady_errors null    coverage of the 95 % interval, cuts and drifts where there are none
 *     steady_errors power   how often a warm-up is cut where it ends, and a drift is seen
 *
 * then the number of series for each row (4,000). Prints Markdown.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "stats/steady.h"
#include "stats/summary.h"

enum { N_MAX = 600, N_LENGTHS = 5 };
static const size_t LENGTHS[N_LENGTHS] = {20, 50, 100, 200, 600};

/* Where not said otherwise, one slice deviates by 10 % of the mean, as counts of 100 do. */
enum kind { INDEPENDENT, AR5, AR8, AR9, POISSON, MIXED, STALLS, N_KINDS };
static const char *const KINDS[] = {"independent, normal", "AR(1), φ = .5", "AR(1), φ = .8",
	"AR(1), φ = .9", "Poisson counts of 5", "AR(1) φ = .9 and as much white noise",
	"a stall of 1 s about every 10 s"};
static const double PHI[] = {0, .5, .8, .9, 0, .9, 0};

static double poisson(struct rng *rng, double mean)
{
	double product = rng_uniform(rng), floor = exp(-mean);
	unsigned n = 0;

	for (; product > floor; n++)
		product *= rng_uniform(rng);
	return n;
}

/* n values of true mean *mean. */
static void make(double *y, size_t n, enum kind kind, struct rng *rng, double *mean)
{
	double phi = PHI[kind], state = rng_normal(rng) / sqrt(1 - phi * phi);
	unsigned stalled = rng_uniform(rng) < .1 ? (unsigned)rng_below(rng, 10) + 1 : 0;

	*mean = kind == POISSON ? 5 : kind == STALLS ? 90 : 100;
	for (size_t i = 0; i < n; i++) {
		state = phi * state + rng_normal(rng);
		if (kind == POISSON) {
			y[i] = poisson(rng, 5);
		} else if (kind == STALLS) {
			if (!stalled && rng_uniform(rng) < 1. / 91)
				stalled = 10;
			y[i] = stalled ? 0 : 100 + 3 * state;
			stalled -= stalled > 0;
		} else {
			double unit = state * sqrt(1 - phi * phi);

			y[i] = 100 + (kind == MIXED ? 7.07 * (unit + rng_normal(rng)) : 10 * unit);
		}
	}
}

static double percent(size_t part, size_t all)
{
	return 100. * (double)part / (double)all;
}

static void null_rows(size_t series)
{
	printf("| series | values | 95 %% interval holds | half width | false drift | false cut |\n"
	       "| --- | ---: | ---: | ---: | ---: | ---: |\n");
	for (int kind = 0; kind < N_KINDS; kind++)
		for (size_t l = 0; l < N_LENGTHS; l++) {
			size_t n = LENGTHS[l], holds = 0, drifts = 0, cuts = 0;
			double *width = mem_alloc(series, sizeof(*width));

			for (size_t s = 0; s < series; s++) {
				double y[N_MAX], mean;
				struct steady steady;
				struct rng rng;

				rng_seed(&rng, s, (uint64_t)kind * 100 + l);
				make(y, n, (enum kind)kind, &rng, &mean);
				steady_judge(&steady, y, n);
				holds += fabs(steady.mean - mean) <= steady.half_width;
				drifts += steady.drifts;
				width[s] = steady.half_width / mean;
				cuts += steady_warmup(y, n) > 0;
			}
			printf("| %s | %zu | %.1f %% | %.1f %% | %.1f %% | %.1f %% |\n",
				KINDS[kind], n, percent(holds, series),
				100 * summary_quantile(width, series, .5), percent(drifts, series),
				percent(cuts, series));
			free(width);
		}
}

static const double DRIFTS[] = {.05, .1, .2};

/* Counts of what is seen in n values of this kind, whose deviation is 10 % times `scale`. */
struct seen {
	size_t cut, right, drift[3];
};

static void power_series(struct seen *seen, size_t n, enum kind kind, double scale, uint64_t seed)
{
	double y[N_MAX], z[N_MAX], mean;
	struct steady steady;
	struct rng rng;

	rng_seed(&rng, seed, (uint64_t)kind * 100 + n);
	make(y, n, kind, &rng, &mean);
	for (size_t i = 0; i < n; i++) {
		y[i] = mean + (y[i] - mean) * scale;
		z[i] = y[i] - (i < 10 ? .3 * mean : 0);
	}
	size_t at = steady_warmup(z, n);

	seen->cut += at > 0;
	seen->right += at >= 5 && at <= 15;
	for (size_t d = 0; d < 3; d++) {
		for (size_t i = 0; i < n; i++)
			z[i] = y[i] + mean * DRIFTS[d] * ((double)i / (double)n - .5);
		steady_judge(&steady, z, n);
		seen->drift[d] += steady.drifts;
	}
}

/* The first ten slices 30 % down; or the whole series rising from its first to its last value. */
static void power_rows(size_t series)
{
	printf("| noise | deviation of a slice | values | warm-up cut | within 5 slices "
	       "| drift of 5 %% seen | of 10 %% | of 20 %% |\n"
	       "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
	for (int kind = INDEPENDENT; kind <= AR8; kind++)
		for (size_t l = 0; l < 2 * N_LENGTHS; l++) {
			struct seen seen = {0};
			double scale = l < N_LENGTHS ? .3 : 1;
			size_t n = LENGTHS[l % N_LENGTHS];

			for (size_t s = 0; s < series; s++)
				power_series(&seen, n, (enum kind)kind, scale, s);
			printf("| %s | %.0f %% | %zu | %.0f %% | %.0f %% | %.0f %% | %.0f %% | "
			       "%.0f %% |\n",
				KINDS[kind], 10 * scale, n, percent(seen.cut, series),
				percent(seen.right, series), percent(seen.drift[0], series),
				percent(seen.drift[1], series), percent(seen.drift[2], series));
		}
}

int main(int argc, char **argv)
{
	int64_t series = 4000;
	struct err err;

	if (argc < 2 || argc > 3 || (strcmp(argv[1], "null") && strcmp(argv[1], "power")) ||
		(argc == 3 && num_parse_int(argv[2], 1, 1000000, "series", &series, &err))) {
		fprintf(stderr, "usage: steady_errors null|power [SERIES]\n");
		return 2;
	}
	(strcmp(argv[1], "null") ? power_rows : null_rows)((size_t)series);
	return 0;
}

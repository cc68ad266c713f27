/*
 * How often does culprit correlate find something where there is nothing, and how often what there
 * is? On worlds whose truth is known (tests/unit/correlate_worlds.c), beside the usual recipe,
 * differenced Pearson.
 *
 *     correlate_errors level SETS SERIES TIMES [MAX_LAG [WORLD]]
 *     correlate_errors power SETS SERIES TIMES RHO [WORLD]
 *     correlate_errors cover SETS TIMES
 *     correlate_errors time SERIES TIMES THREADS
 *
 * One line a world: `level`, the share of data sets without any relation in which anything is found
 * at q ≤ .05; `power`, the share found of a tenth of the series that is related by RHO, and the
 * share of what is found that is not; `cover`, the coefficient of long series, the mean
 * half width of the 95 % interval, and how often it holds the former.
 */
#include "correlate/correlate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/num.h"
#include "correlate_worlds.h"

static size_t number(char **argv, int argc, int i, size_t without)
{
	int64_t value = (int64_t)without;
	struct err err = {0};

	if (i < argc && num_parse_int(argv[i], 0, INT32_MAX, argv[i], &value, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(2);
	}
	return (size_t)value;
}

static double real(char **argv, int argc, int i, double without)
{
	double value = without;
	struct err err = {0};

	if (i < argc && num_parse_real(argv[i], -1, 1, argv[i], &value, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(2);
	}
	return value;
}

static struct correlate_result run(
	const struct series_set *s, enum correlate_method method, size_t max_lag, unsigned threads)
{
	struct correlate_spec spec = {.method = method,
		.max_lag = max_lag,
		.fdr = .05,
		.confidence = .95,
		.given = SIZE_MAX,
		.group_at = .9,
		.threads = threads};
	struct correlate_result r;
	struct err err = {0};

	if (correlate_run(&r, s, &spec, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	return r;
}

static void level(int argc, char **argv)
{
	size_t sets = number(argv, argc, 2, 200), n = number(argv, argc, 3, 60),
	       times = number(argv, argc, 4, 1440), max_lag = number(argv, argc, 5, 0),
	       only = number(argv, argc, 6, N_WORLDS);
	struct series_set s = {0};

	for (size_t world = 0; world < N_WORLDS; world++) {
		size_t any[2] = {0};

		for (size_t k = 0; k < sets && (only == N_WORLDS || only == world); k++) {
			world_make(&s, (enum world)world, n, times, 0, 0, k);
			for (int method = 0; method < 2; method++) {
				struct correlate_result r =
					run(&s, (enum correlate_method)method, max_lag, 0);

				any[method] += r.n_found > 0;
				correlate_release(&r);
			}
		}
		if (only == N_WORLDS || only == world) {
			printf("| %s | %.3f | %.3f |\n", WORLD_NAMES[world],
				(double)any[0] / (double)sets, (double)any[1] / (double)sets);
			fflush(stdout);
		}
	}
	world_release(&s);
}

static void power(int argc, char **argv)
{
	size_t sets = number(argv, argc, 2, 100), n = number(argv, argc, 3, 60),
	       times = number(argv, argc, 4, 1440), only = number(argv, argc, 6, N_WORLDS);
	double rho = real(argv, argc, 5, .15);
	struct series_set s = {0};

	for (size_t world = 0; world < N_WORLDS; world++) {
		size_t right[2] = {0}, wrong[2] = {0};

		for (size_t k = 0; k < sets && (only == N_WORLDS || only == world); k++) {
			world_make(&s, (enum world)world, n, times, n / 10, rho, k);
			for (int method = 0; method < 2; method++) {
				struct correlate_result r =
					run(&s, (enum correlate_method)method, 0, 0);

				for (size_t i = 0; i < r.n && r.rows[i].found; i++)
					if (r.rows[i].series <= n / 10)
						right[method]++;
					else
						wrong[method]++;
				correlate_release(&r);
			}
		}
		if (only != N_WORLDS && only != world)
			continue;
		printf("| %s |", WORLD_NAMES[world]);
		for (int method = 0; method < 2; method++)
			printf(" %.3f | %.3f |", (double)right[method] / (double)(n / 10 * sets),
				(double)wrong[method] /
					fmax(1, (double)(right[method] + wrong[method])));
		printf("\n");
		fflush(stdout);
	}
	world_release(&s);
}

/* The coefficient of long series, the mean of ten, for where they share their volatility even
 * 50,000 steps differ. */
static double truth(enum world world, double rho)
{
	enum { SETS = 10, SERIES = 4, TIMES = 50000 };
	struct series_set s = {0};
	double sum = 0;

	for (uint64_t k = 0; k < SETS && rho > 0; k++) {
		struct correlate_result r;

		world_make(&s, world, SERIES, TIMES, SERIES, rho, 12345 + k);
		r = run(&s, CORRELATE_ROBUST, 0, 0);
		for (size_t i = 0; i < r.n; i++)
			sum += r.rows[i].r / (double)(SETS * r.n);
		correlate_release(&r);
	}
	world_release(&s);
	return sum;
}

/* One cell: the coefficient, the mean half width, the share of intervals that hold the former. */
static void cover_cell(
	struct series_set *s, enum world world, double rho, size_t sets, size_t times)
{
	enum { SERIES = 5 };
	double width = 0, true_r = truth(world, rho);
	size_t in = 0, all = 0;

	for (size_t k = 0; k < sets; k++) {
		struct correlate_result r;

		world_make(s, world, SERIES, times, SERIES, rho, k);
		r = run(s, CORRELATE_ROBUST, 0, 1);
		for (size_t i = 0; i < r.n; i++) {
			in += r.rows[i].low <= true_r && r.rows[i].high >= true_r;
			width += r.rows[i].high - r.rows[i].low;
			all++;
		}
		correlate_release(&r);
	}
	printf(" %.3f ± %.3f: %.3f |", true_r, width / (double)all / 2, (double)in / (double)all);
	fflush(stdout);
}

static void cover(int argc, char **argv)
{
	static const enum world HAVE[] = {WORLD_NOISE, WORLD_WALK, WORLD_AR50, WORLD_AR95,
		WORLD_NOISE_T2, WORLD_WALK_T2, WORLD_WALK_CAUCHY, WORLD_VOLATILE_WALK,
		WORLD_VOLATILE_NOISE, WORLD_SMOOTH5, WORLD_SMOOTH15, WORLD_SMOOTH15_WALK,
		WORLD_COUNTS, WORLD_GAPS};
	static const double RHOS[] = {0, .15, .5, .9};
	size_t sets = number(argv, argc, 2, 1000), times = number(argv, argc, 3, 1440);
	struct series_set s = {0};

	for (size_t h = 0; h < sizeof(HAVE) / sizeof(HAVE[0]); h++) {
		printf("| %s |", WORLD_NAMES[HAVE[h]]);
		for (size_t j = 0; j < sizeof(RHOS) / sizeof(RHOS[0]); j++)
			cover_cell(&s, HAVE[h], RHOS[j], sets, times);
		printf("\n");
	}
	world_release(&s);
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
	       1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double wall_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void spent(int argc, char **argv)
{
	size_t n = number(argv, argc, 2, 3000), times = number(argv, argc, 3, 1440),
	       threads = number(argv, argc, 4, 0);
	static const enum world HAVE[] = {
		WORLD_NOISE, WORLD_SMOOTH15_WALK, WORLD_COUNTS, WORLD_GAPS};
	struct series_set s = {0};

	for (size_t h = 0; h < sizeof(HAVE) / sizeof(HAVE[0]); h++) {
		world_make(&s, HAVE[h], n, times, n / 10, .3, 1);
		for (int k = 0; k < 3; k++) {
			double cpu = cpu_s(), wall = wall_s();
			struct correlate_result r = run(&s, CORRELATE_ROBUST, 0, (unsigned)threads);

			cpu = cpu_s() - cpu;
			wall = wall_s() - wall;
			printf("%s: cpu %.1f ms, wall %.1f ms, found %zu\n", WORLD_NAMES[HAVE[h]],
				1e3 * cpu, 1e3 * wall, r.n_found);
			correlate_release(&r);
		}
	}
	world_release(&s);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "level"))
		level(argc, argv);
	else if (!strcmp(what, "power"))
		power(argc, argv);
	else if (!strcmp(what, "cover"))
		cover(argc, argv);
	else if (!strcmp(what, "time"))
		spent(argc, argv);
	else
		return 2;
	return 0;
}

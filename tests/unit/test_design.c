/* The designs: Sobol points against SciPy's, what scrambling must keep and make, and the others. */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "design/design.h"
#include "design/sobol.h"

static double *points(enum design_sampler sampler, size_t n, size_t d, uint64_t seed)
{
	double *u = mem_alloc(n * d, sizeof(double));
	struct err err;

	ck_assert_msg(!design_points(sampler, n, d, seed, u, &err), "%s", err.text);
	for (size_t i = 0; i < n * d; i++)
		ck_assert(u[i] >= 0 && u[i] <= 1);
	return u;
}

/* Run in the top folder. tests/data/sobol.csv, made by tests/data/make_sobol.py with SciPy 1.10.1.
 */
START_TEST(sobol_is_scipys)
{
	struct csv_field fields[SOBOL_MAX_DIMENSIONS + 1];
	struct file_bytes file;
	struct csv_reader reader;
	static struct sobol s;
	struct err err = {0};
	size_t n, rows = 0;

	ck_assert_msg(
		!file_open_bytes("tests/data/sobol.csv", 1 << 20, &file, &err), "%s", err.text);
	csv_init(&reader, "sobol.csv", file.data, file.len, ',');
	sobol_init(&s, SOBOL_MAX_DIMENSIONS, 1);
	for (; csv_next(&reader, fields, SOBOL_MAX_DIMENSIONS + 1, &n, &err) == 1; rows++) {
		double index, want;

		ck_assert_uint_eq(n, SOBOL_MAX_DIMENSIONS + 1);
		num_scan(fields[0].p, fields[0].p + fields[0].len, &index);
		for (size_t j = 0; j < SOBOL_MAX_DIMENSIONS; j++) {
			num_scan(fields[j + 1].p, fields[j + 1].p + fields[j + 1].len, &want);
			ck_assert_msg(
				sobol_coordinate(&s, (uint32_t)index, j) == (uint32_t)want << 2,
				"point %.0f, dimension %zu", index, j);
		}
	}
	ck_assert_uint_eq(rows, 33);
	file_close_bytes(&file);
}
END_TEST

/* Points of dimensions `dims` fall into boxes of 2^-bits[0] × 2^-bits[1] × …: each has as many. */
static void check_boxes(const double *u, size_t n, size_t d, const size_t *dims,
	const unsigned *bits, size_t n_dims)
{
	unsigned all = 0;
	size_t *count;

	for (size_t k = 0; k < n_dims; k++)
		all += bits[k];
	count = mem_zalloc((size_t)1 << all, sizeof(size_t));
	for (size_t i = 0; i < n; i++) {
		size_t box = 0;

		for (size_t k = 0; k < n_dims; k++)
			box = box << bits[k] | (size_t)ldexp(u[i * d + dims[k]], (int)bits[k]);
		count[box]++;
	}
	for (size_t box = 0; box < (size_t)1 << all; box++)
		ck_assert_uint_eq(count[box], n >> all);
	free(count);
}

/*
 * Scrambled Sobol points keep the net: of 2^m, every elementary interval of dimensions 1 and 2
 * holds its share to a single point (t = 0), of dimensions 1 to 3 to two points (t = 1), and every
 * dimension alone to one (Sobol 1967).
 */
START_TEST(scrambling_keeps_the_net)
{
	enum { M = 10, N = 1 << M, D = 64 };

	for (uint64_t seed = 1; seed <= 3; seed++) {
		double *u = points(DESIGN_SOBOL, N, D, seed);

		for (size_t j = 0; j < D; j++)
			check_boxes(u, N, D, &j, (unsigned[]){M}, 1);
		for (unsigned a = 0; a <= M; a++)
			check_boxes(u, N, D, (size_t[]){0, 1}, (unsigned[]){a, M - a}, 2);
		for (unsigned a = 0; a < M; a++)
			for (unsigned b = 0; a + b < M; b++)
				check_boxes(u, N, D, (size_t[]){0, 1, 2},
					(unsigned[]){a, b, M - 1 - a - b}, 3);
		free(u);
	}
}
END_TEST

/* Any run of 2^m points that starts at a multiple of 2^m is a net too: studies may be extended. */
START_TEST(later_blocks_are_nets)
{
	enum { M = 6, N = 1 << M };
	double *u = points(DESIGN_SOBOL, 4 * N, 2, 9);

	for (int block = 0; block < 4; block++)
		for (unsigned a = 0; a <= M; a++)
			check_boxes(u + block * N * 2, N, 2, (size_t[]){0, 1},
				(unsigned[]){a, M - a}, 2);
	free(u);
}
END_TEST

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov's distance to the uniform distribution; sorts x. */
static double distance_to_uniform(double *x, size_t n)
{
	double most = 0;

	qsort(x, n, sizeof(double), compare_doubles);
	for (size_t i = 0; i < n; i++)
		most = fmax(most,
			fmax(x[i] - (double)i / (double)n, (double)(i + 1) / (double)n - x[i]));
	return most;
}

static double correlation(const double *x, const double *y, size_t n)
{
	double mx = 0, my = 0, xy = 0, xx = 0, yy = 0;

	for (size_t i = 0; i < n; i++) {
		mx += x[i] / (double)n;
		my += y[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		xy += (x[i] - mx) * (y[i] - my);
		xx += (x[i] - mx) * (x[i] - mx);
		yy += (y[i] - my) * (y[i] - my);
	}
	return xy / sqrt(xx * yy);
}

/* One coordinate of one point over 4,000 seeds is uniform, and neither the neighbouring seed nor
 * another coordinate tells anything about it. At 1e-4: 2.23 / sqrt(n), and 3.9 / sqrt(n) for a
 * correlation; eight of each, seeds fixed. */
START_TEST(seeds_are_independent)
{
	enum { N = 4000 };
	static const size_t POINT[] = {0, 1, 6, 7}, DIM[] = {0, 3};
	static double x[N + 1], other[N];

	for (size_t p = 0; p < 4; p++)
		for (size_t j = 0; j < 2; j++) {
			for (uint64_t seed = 0; seed <= N; seed++) {
				double u[8 * 5];

				ck_assert(!design_points(DESIGN_SOBOL, 8, 5, seed, u, NULL));
				x[seed] = u[POINT[p] * 5 + DIM[j]];
				if (seed < N)
					other[seed] = u[POINT[p] * 5 + DIM[j] + 1];
			}
			ck_assert_double_lt(fabs(correlation(x, x + 1, N)), 3.9 / sqrt(N));
			ck_assert_double_lt(fabs(correlation(x, other, N)), 3.9 / sqrt(N));
			ck_assert_double_lt(distance_to_uniform(x, N), 2.23 / sqrt(N));
		}
}
END_TEST

/* The last digits are random too: no two points share one, and the fraction behind 2^-32 is
 * uniform. */
START_TEST(no_digit_is_left_out)
{
	enum { N = 4096 };
	double *u = points(DESIGN_SOBOL, N, 1, 2);

	for (size_t i = 0; i < N; i++) {
		u[i] = ldexp(u[i], 32);
		u[i] -= floor(u[i]);
	}
	ck_assert_double_lt(distance_to_uniform(u, N), 2.23 / sqrt(N));
	free(u);
}
END_TEST

/* Centred L2 discrepancy (Hickernell 1998), squared. */
static double discrepancy(const double *u, size_t n, size_t d)
{
	double one = 0, two = 0;

	for (size_t i = 0; i < n; i++) {
		double product = 1;

		for (size_t j = 0; j < d; j++) {
			double a = fabs(u[i * d + j] - .5);

			product *= 1 + a / 2 - a * a / 2;
		}
		one += product;
		for (size_t k = 0; k < n; k++) {
			product = 1;
			for (size_t j = 0; j < d; j++) {
				double x = u[i * d + j], y = u[k * d + j];

				product *= 1 + (fabs(x - .5) + fabs(y - .5) - fabs(x - y)) / 2;
			}
			two += product;
		}
	}
	return pow(13. / 12, (double)d) - 2 * one / (double)n + two / (double)n / (double)n;
}

/* Over 20 seeds the worst Sobol design of 64 trials and 5 factors is more even than the best random
 * one, and the mean Latin hypercube lies between the means. */
START_TEST(sobol_is_more_even_than_random)
{
	enum { N = 64, D = 5, SEEDS = 20 };
	double worst_sobol = 0, best_grid = INFINITY, sobol = 0, lhs = 0, grid = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		double *s = points(DESIGN_SOBOL, N, D, seed), *l = points(DESIGN_LHS, N, D, seed);
		double *g = points(DESIGN_GRID, N, D, seed);

		worst_sobol = fmax(worst_sobol, discrepancy(s, N, D));
		best_grid = fmin(best_grid, discrepancy(g, N, D));
		sobol += discrepancy(s, N, D);
		lhs += discrepancy(l, N, D);
		grid += discrepancy(g, N, D);
		free(s);
		free(l);
		free(g);
	}
	ck_assert_double_lt(worst_sobol, best_grid);
	ck_assert(sobol < lhs && lhs < grid);
}
END_TEST

START_TEST(more_trials_keep_the_first)
{
	static const enum design_sampler KEEP[] = {DESIGN_SOBOL, DESIGN_GRID};

	for (size_t k = 0; k < 2; k++) {
		double *few = points(KEEP[k], 37, 6, 5), *many = points(KEEP[k], 500, 6, 5);
		double *other = points(KEEP[k], 37, 6, 6);

		ck_assert_mem_eq(few, many, 37 * 6 * sizeof(double));
		ck_assert_mem_ne(few, other, 37 * 6 * sizeof(double));
		free(few);
		free(many);
		free(other);
	}
}
END_TEST

START_TEST(a_latin_hypercube_has_one_a_cell)
{
	enum { N = 37, D = 7 };
	double *u = points(DESIGN_LHS, N, D, 4), *within = mem_alloc(N * D, sizeof(double));

	for (size_t j = 0; j < D; j++) {
		bool seen[N] = {false};

		for (size_t i = 0; i < N; i++) {
			double at = u[i * D + j] * N;

			ck_assert(!seen[(size_t)at]);
			seen[(size_t)at] = true;
			within[i * D + j] = at - floor(at);
		}
	}
	/* anywhere within the cell; 1e-4 */
	ck_assert_double_lt(distance_to_uniform(within, N * D), 2.23 / sqrt(N * D));
	free(within);
	free(u);
}
END_TEST

/* 100 levels, all as likely: chi-squared of 99 degrees of freedom, 161 at 1e-4. */
START_TEST(the_grid_has_a_hundred_levels)
{
	enum { N = 20000 };
	double *u = points(DESIGN_GRID, N, 1, 8), chi2 = 0;
	int count[100] = {0};

	for (size_t i = 0; i < N; i++) {
		double level = u[i] * 99;

		ck_assert_double_eq_tol(level, round(level), 1e-12);
		count[(size_t)round(level)]++;
	}
	for (int k = 0; k < 100; k++)
		chi2 += pow(count[k] - N / 100., 2) / (N / 100.);
	ck_assert_double_lt(chi2, 161);
	free(u);
}
END_TEST

START_TEST(limits_are_told)
{
	struct err err = {0};
	double u[1];

	ck_assert_int_eq(
		design_points(DESIGN_SOBOL, 1, DESIGN_MAX_FACTORS + 1, 1, u, &err), -ERR_USAGE);
	ck_assert_str_eq(err.text, "65 factors are too many for a design; it takes up to 64");
	ck_assert_int_eq(
		design_points(DESIGN_LHS, DESIGN_MAX_TRIALS + 1, 1, 1, u, &err), -ERR_USAGE);
	ck_assert_str_eq(DESIGN_WORDS[DESIGN_LHS], "lhs");
	ck_assert_ptr_null(DESIGN_WORDS[DESIGN_GRID + 1]);
}
END_TEST

UNIT_MAIN("design", sobol_is_scipys, scrambling_keeps_the_net, later_blocks_are_nets,
	seeds_are_independent, no_digit_is_left_out, sobol_is_more_even_than_random,
	more_trials_keep_the_first, a_latin_hypercube_has_one_a_cell, the_grid_has_a_hundred_levels,
	limits_are_told)

#include "unit.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "learn/rfecv.h"
#include "linear_cases.h"

START_TEST(agrees_with_sklearn)
{
	struct cases all = cases_read("tests/data/linear.json");
	struct linear_case c;

	for (size_t i = 0; case_at(&all, i, &c); i++) {
		struct err err = {0};
		struct rfecv r;

		ck_assert_int_eq(rfecv_fit(&r, c.x, c.y, c.n, c.p, NULL, c.n, &err), 0);
		ck_assert_msg(r.n_selected == (size_t)json_integer_value(
						      json_object_get(c.json, "n_selected")),
			"%s: selected %zu", c.name, r.n_selected);
		for (size_t j = 0; j < c.p; j++) {
			double want = case_number(&c, "score", j);

			ck_assert_msg(r.ranking[j] == (int)case_number(&c, "ranking", j),
				"%s: ranking %zu is %d", c.name, j, r.ranking[j]);
			ck_assert_msg(fabs(r.score[j] - want) <= 1e-8 * (1 + fabs(want)),
				"%s: score of %zu is %.12g, want %.12g", c.name, j + 1, r.score[j],
				want);
		}
		rfecv_release(&r);
		case_release(&c);
	}
	cases_release(&all);
}
END_TEST

/* The rows asked for, in their order, are as good as a table of them. */
START_TEST(takes_rows)
{
	enum { N = 60, P = 4, M = 33 };
	double x[N * P], y[N], sub_x[M * P], sub_y[M];
	unsigned rows[M];
	struct rng rng;
	struct rfecv a, b;
	struct err err = {0};

	rng_seed(&rng, 1, 0);
	for (size_t i = 0; i < N * P; i++)
		x[i] = rng_uniform(&rng);
	for (size_t i = 0; i < N; i++)
		y[i] = x[i] + .5 * x[N + i] + .3 * rng_normal(&rng);
	for (size_t i = 0; i < M; i++) {
		rows[i] = (unsigned)((i * 7) % N);
		sub_y[i] = y[rows[i]];
		for (size_t j = 0; j < P; j++)
			sub_x[j * M + i] = x[j * N + rows[i]];
	}
	ck_assert_int_eq(rfecv_fit(&a, x, y, N, P, rows, M, &err), 0);
	ck_assert_int_eq(rfecv_fit(&b, sub_x, sub_y, M, P, NULL, M, &err), 0);
	ck_assert_mem_eq(a.ranking, b.ranking, P * sizeof(int));
	ck_assert_mem_eq(a.score, b.score, P * sizeof(double));
	rfecv_release(&a);
	rfecv_release(&b);
}
END_TEST

START_TEST(degenerate_tables)
{
	double x[] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 3, 3, 3, 3, 3, 3, 3, 3};
	double y[] = {1, 2, 3, 5, 5, 6, 8, 8};
	struct rfecv r;
	struct err err = {0};

	/* a factor, its copy and a constant: the constant goes first, then one of the two */
	ck_assert_int_eq(rfecv_fit(&r, x, y, 8, 3, NULL, 8, &err), 0);
	ck_assert_uint_eq(r.folds, 4);
	ck_assert_uint_eq(r.n_selected, 1);
	ck_assert_int_eq(r.ranking[2], 3);
	rfecv_release(&r);
	ck_assert_int_eq(rfecv_fit(&r, x, y, 8, 3, (unsigned[]){0, 3, 5}, 3, &err), 0);
	ck_assert_uint_eq(r.n_selected, 3);
	ck_assert(isnan(r.score[0]) && r.ranking[2] == 1);
	rfecv_release(&r);
	ck_assert_int_lt(rfecv_fit(&r, x, y, 8, 3, (unsigned[]){0}, 1, &err), 0);
	rfecv_release(&r);
}
END_TEST

UNIT_MAIN("rfecv", agrees_with_sklearn, takes_rows, degenerate_tables)

#include "unit.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "learn/linear.h"
#include "linear_cases.h"

static void check_near(const char *name, const char *what, double got, double want, double scale)
{
	ck_assert_msg(fabs(got - want) <= 1e-8 * (fabs(want) + scale),
		"%s: %s is %.17g, scikit-learn has %.17g", name, what, got, want);
}

START_TEST(agrees_with_sklearn)
{
	struct cases all = cases_read("tests/data/linear.json");
	struct linear_case c;

	for (size_t i = 0; case_at(&all, i, &c); i++) {
		struct err err = {0};
		struct linear m;
		double most = 0;

		ck_assert_int_eq(linear_fit(&m, c.x, c.y, c.n, c.p, NULL, c.n, &err), 0);
		ck_assert_uint_eq(m.rank, c.p);
		for (size_t j = 0; j < c.p; j++)
			most = fmax(most, fabs(case_number(&c, "coef", j)));
		check_near(c.name, "intercept", m.intercept, json_number_at(c.json, "intercept"),
			most);
		check_near(c.name, "r2", m.r2, json_number_at(c.json, "r2"), 1);
		for (size_t j = 0; j < c.p; j++) {
			check_near(c.name, "coef", m.coef[j], case_number(&c, "coef", j), most);
			ck_assert(!m.collinear[j]);
			if (!json_object_get(c.json, "p_value"))
				continue;
			check_near(c.name, "std_error", m.std_error[j],
				case_number(&c, "std_error", j), 0);
			check_near(
				c.name, "p_value", m.p_value[j], case_number(&c, "p_value", j), 1);
		}
		for (size_t row = 0; row < c.n; row += 7) {
			double y = m.intercept;

			for (size_t j = 0; j < c.p; j++)
				y += m.coef[j] * (c.x[j * c.n + row] - m.mean[j]) / m.scale[j];
			ck_assert_double_eq(linear_predict(&m, c.x, c.n, row), y);
		}
		linear_release(&m);
		case_release(&c);
	}
	cases_release(&all);
}
END_TEST

/* Columns: a, b, a copy of a, a constant, a + b. Only the first two are kept, and they have the
 * coefficients of a fit on them alone. */
START_TEST(leaves_combinations_out)
{
	enum { N = 40 };
	double x[5 * N], y[N];
	struct rng rng;
	struct linear all, two;
	struct err err = {0};

	rng_seed(&rng, 3, 0);
	for (size_t i = 0; i < N; i++) {
		x[i] = rng_uniform(&rng) * 1e3;
		x[N + i] = rng_normal(&rng);
		x[2 * N + i] = x[i];
		x[3 * N + i] = .1;
		x[4 * N + i] = x[i] + x[N + i];
		y[i] = x[i] - 300 * x[N + i] + rng_normal(&rng);
	}
	ck_assert_int_eq(linear_fit(&all, x, y, N, 5, NULL, N, &err), 0);
	ck_assert_int_eq(linear_fit(&two, x, y, N, 2, NULL, N, &err), 0);
	ck_assert_uint_eq(all.rank, 2);
	for (size_t j = 0; j < 5; j++) {
		ck_assert_msg(all.collinear[j] == (j >= 2), "column %zu", j);
		if (j >= 2)
			ck_assert(isnan(all.coef[j]) && isnan(all.p_value[j]));
		else
			ck_assert_double_eq_tol(all.coef[j], two.coef[j], 1e-7);
	}
	ck_assert_double_eq_tol(all.residual_sd, two.residual_sd, 1e-9);
	linear_release(&all);
	linear_release(&two);
}
END_TEST

START_TEST(few_rows)
{
	double x[] = {1, 2, 5, 2, 1, 1, 7, 7, 9}, y[] = {1, 2, 4};
	unsigned rows[] = {2, 0};
	struct linear m;
	struct err err = {0};

	ck_assert_int_eq(linear_fit(&m, x, y, 3, 3, NULL, 3, &err), 0);
	ck_assert_uint_eq(m.rank, 2); /* as many as there are degrees of freedom */
	ck_assert(isnan(m.std_error[0]) && isnan(m.p_value[0]) && isnan(m.residual_sd));
	for (size_t i = 0; i < 3; i++)
		ck_assert_double_eq_tol(linear_predict(&m, x, 3, i), y[i], 1e-9);
	linear_release(&m);
	ck_assert_int_eq(linear_fit(&m, x, y, 3, 1, rows, 2, &err), 0);
	ck_assert_double_eq_tol(m.intercept, 2.5, 1e-12);
	ck_assert_double_eq_tol(m.coef[0], 1.5, 1e-12); /* x = 5, 1: standard deviation 2 */
	linear_release(&m);
	ck_assert_int_lt(linear_fit(&m, x, y, 3, 1, rows, 1, &err), 0);
	linear_release(&m);
}
END_TEST

UNIT_MAIN("linear", agrees_with_sklearn, leaves_combinations_out, few_rows)

#include "unit.h"

#include <math.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/num.h"
#include "stats/dist.h"
#include "stats/summary.h"

static double dist_call(const char *name, double x, double a, double b)
{
	if (!strcmp(name, "normal_cdf"))
		return dist_normal_cdf(x);
	if (!strcmp(name, "normal_quantile"))
		return dist_normal_quantile(x);
	if (!strcmp(name, "t_cdf"))
		return dist_t_cdf(x, a);
	if (!strcmp(name, "t_two_sided"))
		return dist_t_two_sided(x, a);
	if (!strcmp(name, "t_quantile"))
		return dist_t_quantile(x, a);
	if (!strcmp(name, "f_upper"))
		return dist_f_upper(x, a, b);
	if (!strcmp(name, "f_cdf"))
		return dist_f_cdf(x, a, b);
	if (!strcmp(name, "f_quantile"))
		return dist_f_quantile(x, a, b);
	if (!strcmp(name, "beta_cdf"))
		return dist_beta_cdf(x, a, b);
	if (!strcmp(name, "beta_quantile"))
		return dist_beta_quantile(x, a, b);
	ck_abort_msg("no function %s", name);
	return NAN;
}

/* tests/data/dist.csv holds scipy's values; make_dist.py beside it writes them. Tests run in the
 * root folder. */
START_TEST(agrees_with_scipy)
{
	struct file_bytes file;
	struct csv_reader r;
	struct csv_field f[5];
	struct err err = {0};
	size_t n, rows = 0;

	ck_assert_msg(
		!file_open_bytes("tests/data/dist.csv", 1 << 20, &file, &err), "%s", err.text);
	csv_init(&r, "dist.csv", file.data, file.len, ',');
	ck_assert_int_eq(csv_next(&r, f, 5, &n, &err), 1);
	while (csv_next(&r, f, 5, &n, &err) > 0) {
		char name[32];
		double v[4], got;

		snprintf(name, sizeof(name), "%.*s", (int)f[0].len, f[0].p);
		for (int i = 0; i < 4; i++)
			ck_assert_ptr_nonnull(
				num_scan(f[i + 1].p, f[i + 1].p + f[i + 1].len, &v[i]));
		got = dist_call(name, v[0], v[1], v[2]);
		/* one less the upper p costs it digits */
		ck_assert_msg(
			fabs(got - v[3]) <=
				(strstr(name, "quantile") ? 1e-9 : 2e-10) * fabs(v[3]) + 1e-300,
			"%s(%g, %g, %g) = %.17g, scipy has %.17g", name, v[0], v[1], v[2], got,
			v[3]);
		rows++;
	}
	ck_assert_uint_gt(rows, 200);
	file_close_bytes(&file);
}
END_TEST

START_TEST(ends_and_nonsense)
{
	ck_assert(dist_normal_quantile(0) == -INFINITY && dist_normal_quantile(1) == INFINITY);
	ck_assert(dist_t_quantile(.5, 3) == 0 && dist_t_two_sided(INFINITY, 3) == 0);
	ck_assert(dist_t_two_sided(0, 3) == 1 && dist_f_upper(0, 2, 3) == 1);
	ck_assert(isnan(dist_t_cdf(1, 0)) && isnan(dist_t_quantile(1.5, 3)));
	ck_assert(isnan(dist_f_upper(NAN, 2, 3)) && isnan(dist_normal_quantile(NAN)));
	ck_assert(isnan(dist_beta_quantile(.5, -1, 2)) && dist_beta_quantile(1, 1, 2) == 1);
}
END_TEST

START_TEST(summaries)
{
	const double v[] = {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16};

	ck_assert(summary_mean(v, 4) == 1e9 + 10);
	ck_assert(summary_variance(v, 4) == 30);
	ck_assert(summary_min(v, 4) == v[0] && summary_max(v, 4) == v[3]);
	ck_assert(summary_quantile(v, 4, .5) == 1e9 + 10);
	ck_assert(fabs(summary_quantile(v, 4, .1) - (1e9 + 4.9)) < 1e-6); /* numpy.quantile */
	ck_assert(summary_quantile(v, 4, 0) == v[0] && summary_quantile(v, 4, 1) == v[3]);
	ck_assert(isnan(summary_mean(v, 0)) && isnan(summary_variance(v, 1)));
	ck_assert(isnan(summary_quantile(v, 0, .5)) && isnan(summary_quantile(v, 4, 2)));
}
END_TEST

UNIT_MAIN("dist", agrees_with_scipy, ends_and_nonsense, summaries)

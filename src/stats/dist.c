#include "stats/dist.h"

#include <float.h>
#include <math.h>

double dist_normal_cdf(double z)
{
	return .5 * erfc(-z * M_SQRT1_2);
}

double dist_normal_quantile(double p)
{
	double z, low = -40, high = 40;

	if (!(p >= 0 && p <= 1))
		return NAN;
	if (p == 0 || p == 1)
		return p == 0 ? -INFINITY : INFINITY;
	if (p > .5) /* the lower tail keeps its digits */
		return -dist_normal_quantile(1 - p);
	/* Newton on log Φ, which is concave: it cannot overshoot far; bisection where it would */
	z = p > .02 ? (p - .5) * 2.5066 : -sqrt(-2 * log(p));
	for (int i = 0; i < 100; i++) {
		double cdf = dist_normal_cdf(z), step;

		if (cdf < p)
			low = z;
		else
			high = z;
		step = cdf * log(cdf / p) * sqrt(2 * M_PI) * exp(z * z / 2);
		if (fabs(step) <= 1e-15 * fabs(z) || high - low <= 4 * DBL_EPSILON * fabs(low))
			break;
		z = z - step > low && z - step < high ? z - step : (low + high) / 2;
	}
	return z;
}

/* What Stirling's series adds to (x − ½) log x − x + ½ log 2π, for x ≥ 50 (DLMF 5.11.1). */
static double stirling_rest(double x)
{
	return (1 / 12. - (1 / 360. - 1 / (1260. * x * x)) / (x * x)) / x;
}

/* log Γ(a + b) − log Γ(a): as one difference where a is large, for it would cancel otherwise.
 * lgamma() itself writes a global, lgamma_r() does not. */
static double log_gamma_ratio(double a, double b)
{
	int sign;

	if (a < 50)
		return lgamma_r(a + b, &sign) - lgamma_r(a, &sign);
	return (a - .5) * log1p(b / a) + b * log(a + b) - b + stirling_rest(a + b) -
	       stirling_rest(a);
}

/* log of the beta function's reciprocal */
static double log_inverse_beta(double a, double b)
{
	double more = a > b ? a : b, less = a > b ? b : a;
	int sign;

	return log_gamma_ratio(more, less) - lgamma_r(less, &sign);
}

/* The continued fraction, for x below (a + 1) / (a + b + 2), where it converges fast. */
static double beta_fraction(double x, double a, double b)
{
	double c = 1, d = 1 - (a + b) * x / (a + 1), f;

	d = 1 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
	f = d;
	for (int m = 1; m < 100000; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));

		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
		c = fabs(c) < DBL_MIN ? DBL_MIN : c;
		f *= d * c;
		d = 1 + odd * d;
		c = 1 + odd / c;
		d = 1 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
		c = fabs(c) < DBL_MIN ? DBL_MIN : c;
		f *= d * c;
		if (fabs(d * c - 1) < 4 * DBL_EPSILON)
			break;
	}
	return f;
}

/* I_x(a, b) where y = 1 − x is known to more digits than x gives. */
static double beta_both(double x, double y, double a, double b)
{
	double front;

	if (!(a > 0 && b > 0) || isnan(x))
		return NAN;
	if (x <= 0 || y <= 0)
		return x <= 0 ? 0 : 1;
	front = exp(log_inverse_beta(a, b) + a * log(x) + b * log(y));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(x, a, b) / a;
	return 1 - front * beta_fraction(y, b, a) / b;
}

double dist_beta_cdf(double x, double a, double b)
{
	return beta_both(x, 1 - x, a, b);
}

/*
 * The value whose cdf is p, between low and high: bisection, with the secant of the log cdf where
 * that is faster (Illinois rule). `cdf` must grow.
 */
struct solve {
	double (*cdf)(double x, double a, double b);
	double a, b;
};

static double solve(const struct solve *s, double p, double low, double high)
{
	double f_low = s->cdf(low, s->a, s->b) - p, f_high = s->cdf(high, s->a, s->b) - p;
	int side = 0;

	for (int i = 0; i < 400 && high - low > 2 * DBL_EPSILON * fabs(low + high); i++) {
		double x = i % 3 == 2 ? (low + high) / 2
				      : (f_low * high - f_high * low) / (f_low - f_high);
		double f;

		if (!(x > low && x < high))
			x = (low + high) / 2;
		if (x == low || x == high)
			break;
		f = s->cdf(x, s->a, s->b) - p;
		if (f == 0)
			return x;
		if (f < 0) {
			low = x;
			f_low = f;
			f_high *= side < 0 ? .5 : 1;
			side = -1;
		} else {
			high = x;
			f_high = f;
			f_low *= side > 0 ? .5 : 1;
			side = 1;
		}
	}
	return (low + high) / 2;
}

double dist_beta_quantile(double p, double a, double b)
{
	const struct solve s = {dist_beta_cdf, a, b};

	if (!(p >= 0 && p <= 1) || !(a > 0 && b > 0))
		return NAN;
	return p == 0 || p == 1 ? p : solve(&s, p, 0, 1);
}

double dist_t_two_sided(double t, double df)
{
	if (!(df > 0) || isnan(t))
		return NAN;
	if (isinf(t))
		return 0;
	return beta_both(df / (df + t * t), t * t / (df + t * t), df / 2, .5);
}

double dist_t_upper(double t, double df)
{
	double tail = dist_t_two_sided(t, df) / 2;

	return t >= 0 ? tail : 1 - tail;
}

double dist_t_cdf(double t, double df)
{
	return dist_t_upper(-t, df);
}

static double t_cdf_of(double t, double df, double unused)
{
	(void)unused;
	return dist_t_cdf(t, df);
}

double dist_t_quantile(double p, double df)
{
	const struct solve s = {t_cdf_of, df, 0};
	double low = -2;

	if (!(p >= 0 && p <= 1) || !(df > 0))
		return NAN;
	if (p == 0 || p == 1)
		return p == 0 ? -INFINITY : INFINITY;
	if (p == .5)
		return 0;
	if (p > .5)
		return -dist_t_quantile(1 - p, df);
	while (dist_t_cdf(low, df) > p && low > -DBL_MAX / 4)
		low *= 2;
	return solve(&s, p, low, 0);
}

double dist_f_upper(double f, double df1, double df2)
{
	double whole = df2 + df1 * f;

	if (!(df1 > 0 && df2 > 0) || isnan(f))
		return NAN;
	if (f <= 0 || isinf(f))
		return f <= 0 ? 1 : 0;
	return beta_both(df2 / whole, df1 * f / whole, df2 / 2, df1 / 2);
}

double dist_f_cdf(double f, double df1, double df2)
{
	double whole = df2 + df1 * f;

	if (!(df1 > 0 && df2 > 0) || isnan(f))
		return NAN;
	if (f <= 0 || isinf(f))
		return f <= 0 ? 0 : 1;
	return beta_both(df1 * f / whole, df2 / whole, df1 / 2, df2 / 2);
}

double dist_f_quantile(double p, double df1, double df2)
{
	const struct solve s = {dist_f_cdf, df1, df2};
	double high = 2;

	if (!(p >= 0 && p <= 1) || !(df1 > 0 && df2 > 0))
		return NAN;
	if (p == 0 || p == 1)
		return p == 0 ? 0 : INFINITY;
	while (dist_f_cdf(high, df1, df2) < p && high < DBL_MAX / 4)
		high *= 2;
	return solve(&s, p, 0, high);
}

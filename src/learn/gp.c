/*
 * The search runs over the logarithms of the length scales and of the ratio of noise to signal
 * variance; the signal's variance that suits them best is known in closed form, so it is no
 * parameter. A quasi-Newton method (BFGS) within bounds, written for a dozen parameters.
 */
#include "learn/gp.h"

#include <float.h>
#include <lapacke.h>
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "learn/blas.h"

/* MEMBERS: sets of hyperparameters that functions are drawn with. */
enum { MIN_ROWS = 5, STARTS = 4, STEPS = 60, HALVINGS = 25, MEMBERS = 10 };

/* Bounds and, wide, the prior of the logarithms: it only decides where the rows say nothing,
 * as for the length scale of a factor without effect. */
static const double LEAST_SCALE = .05, MOST_SCALE = 30, LEAST_RATIO = 1e-7, MOST_RATIO = 1e3;
static const double PRIOR_SCALE = 2, PRIOR_SCALE_SD = 1.5, PRIOR_RATIO = .01, PRIOR_RATIO_SD = 3;
/* On the diagonal, beside the noise: rounding must not make a correlation indefinite. */
static const double JITTER = 1e-10;

/* One search. Pairs of rows i > k are numbered i (i − 1) / 2 + k. */
struct search {
	size_t n, p, q;  /* q = p + 1 parameters */
	const double *y; /* centred */
	double *apart;   /* p × pairs: squared distances in one factor */
	double *r;       /* pairs: correlations */
	double *c;       /* n × n: correlation matrix, its factor, its inverse */
	double *alpha;   /* n */
	double *weight;  /* pairs */
	double signal;   /* variance, of the last evaluation */
};

static double distance(const bool *words, size_t j, double a, double b)
{
	return words[j] ? a != b : a - b;
}

static void search_init(struct search *s, const struct gp *g, const double *y)
{
	size_t n = g->n, p = g->p, pairs = n * (n - 1) / 2, at = 0;

	*s = (struct search){.n = n, .p = p, .q = p + 1, .y = y};
	s->apart = mem_alloc(p * pairs, sizeof(double));
	s->r = mem_alloc(pairs, sizeof(double));
	s->weight = mem_alloc(pairs, sizeof(double));
	s->c = mem_alloc(n * n, sizeof(double));
	s->alpha = mem_alloc(n, sizeof(double));
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++, at++)
			for (size_t j = 0; j < p; j++) {
				double d = distance(g->words, j, g->x[i * p + j], g->x[k * p + j]);

				s->apart[j * pairs + at] = d * d;
			}
}

static void search_release(struct search *s)
{
	free(s->apart);
	free(s->r);
	free(s->weight);
	free(s->c);
	free(s->alpha);
}

/* Correlations of all pairs, and the matrix with the ratio on its diagonal, lower triangle. */
static void correlate(struct search *s, const double *theta)
{
	size_t pairs = s->n * (s->n - 1) / 2, at = 0;

	memset(s->r, 0, pairs * sizeof(double));
	for (size_t j = 0; j < s->p; j++)
		cblas_daxpy((int)pairs, -.5 * exp(-2 * theta[j]), s->apart + j * pairs, 1, s->r, 1);
	for (size_t i = 0; i < s->n; i++) {
		s->c[i * s->n + i] = 1 + exp(theta[s->p]) + JITTER;
		for (size_t k = 0; k < i; k++, at++)
			s->c[k * s->n + i] = s->r[at] = exp(s->r[at]);
	}
}

/* Adds the prior's part to minus the log of the likelihood and to its gradient. */
static double add_prior(const struct search *s, const double *theta, double *gradient)
{
	double sum = 0;

	for (size_t j = 0; j < s->q; j++) {
		double sd = j < s->p ? PRIOR_SCALE_SD : PRIOR_RATIO_SD;
		double z = (theta[j] - log(j < s->p ? PRIOR_SCALE : PRIOR_RATIO)) / sd;

		sum += z * z / 2;
		gradient[j] += z / sd;
	}
	return sum;
}

/* Minus the log of likelihood times prior (but for a constant) and its gradient; infinite where
 * the matrix cannot be factorised. */
static double evaluate(struct search *s, const double *theta, double *gradient)
{
	size_t n = s->n, pairs = n * (n - 1) / 2, at = 0;
	double value = 0, trace = 0, squares = 0, ratio = exp(theta[s->p]);
	int size = (int)n;

	correlate(s, theta);
	if (BLAS_INT(LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', size, s->c, size)))
		return INFINITY;
	for (size_t i = 0; i < n; i++)
		value += log(s->c[i * n + i]);
	memcpy(s->alpha, s->y, n * sizeof(double));
	BLAS_INT(LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', size, 1, s->c, size, s->alpha, size));
	s->signal = cblas_ddot(size, s->y, 1, s->alpha, 1) / (double)n;
	if (!(s->signal > 0))
		return INFINITY;
	value += (double)n / 2 * log(s->signal);
	BLAS_INT(LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'L', size, s->c, size));
	for (size_t i = 0; i < n; i++) {
		trace += s->c[i * n + i];
		squares += s->alpha[i] * s->alpha[i];
		for (size_t k = 0; k < i; k++, at++)
			s->weight[at] = (s->alpha[i] * s->alpha[k] / s->signal - s->c[k * n + i]) *
					s->r[at];
	}
	for (size_t j = 0; j < s->p; j++)
		gradient[j] = -exp(-2 * theta[j]) *
			      cblas_ddot((int)pairs, s->weight, 1, s->apart + j * pairs, 1);
	gradient[s->p] = -.5 * ratio * (squares / s->signal - trace);
	return value + add_prior(s, theta, gradient);
}

static double bound(const struct search *s, size_t j, double v)
{
	double low = log(j < s->p ? LEAST_SCALE : LEAST_RATIO);
	double high = log(j < s->p ? MOST_SCALE : MOST_RATIO);

	return v < low ? low : v > high ? high : v;
}

/* The direction −H g among the parameters that no bound holds; false where it does not descend. */
static bool direction(const struct search *s, const double *theta, const double *gradient,
	const double *inverse, double *step)
{
	double slope = 0;

	for (size_t i = 0; i < s->q; i++) {
		bool held = bound(s, i, theta[i] - gradient[i] * DBL_EPSILON * 64) == theta[i] &&
			    fabs(gradient[i]) > 0 &&
			    bound(s, i, theta[i] - copysign(1e-9, gradient[i])) == theta[i];

		step[i] = 0;
		for (size_t k = 0; !held && k < s->q; k++)
			step[i] -= inverse[i * s->q + k] * gradient[k];
		slope += step[i] * gradient[i];
	}
	return slope < 0;
}

static void identity(double *m, size_t q)
{
	memset(m, 0, q * q * sizeof(double));
	for (size_t i = 0; i < q; i++)
		m[i * q + i] = 1;
}

/* BFGS update of the inverse Hessian after a step; left alone where the curvature is not positive.
 */
static void update(double *inverse, const double *step, const double *change, double *hy, size_t q)
{
	double sy = 0, yhy = 0;

	for (size_t i = 0; i < q; i++) {
		hy[i] = 0;
		for (size_t k = 0; k < q; k++)
			hy[i] += inverse[i * q + k] * change[k];
		sy += step[i] * change[i];
		yhy += change[i] * hy[i];
	}
	if (!(sy > 1e-12))
		return;
	for (size_t i = 0; i < q; i++)
		for (size_t k = 0; k < q; k++)
			inverse[i * q + k] += (1 + yhy / sy) * step[i] * step[k] / sy -
					      (hy[i] * step[k] + step[i] * hy[k]) / sy;
}

/* From theta downhill, in place; the value there. */
static double descend(struct search *s, double *theta)
{
	size_t q = s->q;
	double *work = mem_alloc(q * q + 6 * q, sizeof(double));
	double *inverse = work, *gradient = work + q * q, *step = gradient + q, *next = step + q;
	double *after = next + q, *change = after + q, *hy = change + q;
	double value = evaluate(s, theta, gradient);

	identity(inverse, q);
	for (int turn = 0; turn < STEPS && isfinite(value); turn++) {
		double length = 1, then = INFINITY, slope = 0, largest = 0;

		if (!direction(s, theta, gradient, inverse, step)) {
			identity(inverse, q);
			if (!direction(s, theta, gradient, inverse, step))
				break;
		}
		for (size_t j = 0; j < q; j++)
			largest = fmax(largest, fabs(step[j]));
		if (largest > 2)
			length = 2 / largest;
		for (int i = 0; i < HALVINGS; i++, length /= 2) {
			slope = 0;
			for (size_t j = 0; j < q; j++) {
				next[j] = bound(s, j, theta[j] + length * step[j]);
				slope += gradient[j] * (next[j] - theta[j]);
			}
			then = evaluate(s, next, after);
			if (then <= value + 1e-4 * slope)
				break;
		}
		if (!(then <= value))
			break;
		for (size_t j = 0; j < q; j++) {
			change[j] = after[j] - gradient[j];
			step[j] = next[j] - theta[j];
		}
		update(inverse, step, change, hy, q);
		memcpy(theta, next, q * sizeof(double));
		memcpy(gradient, after, q * sizeof(double));
		if (value - then < 1e-7 * (1 + fabs(value)) && turn > 1) {
			value = then;
			break;
		}
		value = then;
	}
	free(work);
	return value;
}

/* Smooth with little noise, nearly straight with more, then by lot. */
static void choose_start(const struct search *s, unsigned i, struct rng *rng, double *theta)
{
	static const double SCALES[] = {1, 5}, RATIOS[] = {.01, .001};

	for (size_t j = 0; j < s->p; j++)
		theta[j] = i < 2 ? log(SCALES[i]) : log(.3) + rng_uniform(rng) * log(30);
	theta[s->p] = i < 2 ? log(RATIOS[i]) : log(1e-4) + rng_uniform(rng) * log(1e4);
}

/* The Hessian at theta by differences of the gradient, q × q. */
static void curvature(struct search *s, const double *theta, double *hessian)
{
	double *at = mem_copy(theta, s->q * sizeof(double)), step = 1e-3;
	double *up = mem_alloc(2 * s->q, sizeof(double)), *down = up + s->q;

	for (size_t j = 0; j < s->q; j++) {
		at[j] = theta[j] + step;
		evaluate(s, at, up);
		at[j] = theta[j] - step;
		evaluate(s, at, down);
		at[j] = theta[j];
		for (size_t k = 0; k < s->q; k++)
			hessian[j * s->q + k] = (up[k] - down[k]) / (2 * step);
	}
	free(up);
	free(at);
}

/*
 * The covariance of the hyperparameters is the inverse of the Hessian. Where that is not positive
 * (at a bound, say) it is taken towards the prior's.
 */
static double *find_spread(struct search *s, const double *theta)
{
	size_t q = s->q;
	double *hessian = mem_alloc(q * q, sizeof(double)), *c = mem_alloc(q * q, sizeof(double));
	double ridge = 0;
	int size = (int)q, rc = 1;

	curvature(s, theta, hessian);
	for (int try = 0; rc && try < 12; try++) {
		for (size_t j = 0; j < q; j++)
			for (size_t k = 0; k < q; k++)
				c[j * q + k] = (hessian[j * q + k] + hessian[k * q + j]) / 2 +
					       (j == k ? ridge : 0);
		rc = BLAS_INT(LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', size, c, size));
		ridge = ridge > 0 ? ridge * 4 : .1;
	}
	if (!rc)
		rc = BLAS_INT(LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'L', size, c, size));
	if (!rc)
		rc = BLAS_INT(LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', size, c, size));
	free(hessian);
	if (!rc)
		return c;
	free(c);
	return NULL;
}

static int search_run(struct gp *g, const struct gp_spec *spec, const double *y, struct err *err)
{
	struct search s;
	struct rng rng;
	unsigned starts = spec->from ? 1 : spec->starts ? spec->starts : STARTS;
	double *theta, *best, *gradient, least = INFINITY;

	search_init(&s, g, y);
	theta = mem_alloc(3 * s.q, sizeof(double));
	best = theta + s.q;
	gradient = best + s.q;
	rng_seed(&rng, spec->seed, 20);
	for (unsigned i = 0; i < starts; i++) {
		double value;

		choose_start(&s, i, &rng, theta);
		for (size_t j = 0; spec->from && j < s.p; j++)
			theta[j] = bound(&s, j, log(spec->from->scale[j]));
		if (spec->from)
			theta[s.p] =
				bound(&s, s.p, 2 * log(spec->from->noise / spec->from->signal));
		value = descend(&s, theta);
		if (value < least) {
			least = value;
			memcpy(best, theta, s.q * sizeof(double));
		}
	}
	if (isfinite(least)) {
		if (!spec->from)
			g->spread = find_spread(&s, best);
		evaluate(&s, best, gradient);
		for (size_t j = 0; j < s.p; j++)
			g->scale[j] = exp(best[j]);
		g->signal = sqrt(s.signal);
		g->noise = sqrt(s.signal * (exp(best[s.p]) + JITTER));
	}
	search_release(&s);
	free(theta);
	return isfinite(least) ? 0
			       : err_set(err, ERR_INPUT,
					 "no Gaussian process could be fitted to these %zu "
					 "trials; look for values that are all the same",
					 g->n);
}

/* Covariance of the function at two points. */
static double covariance(const struct gp *g, const double *a, const double *b)
{
	double sum = 0;

	for (size_t j = 0; j < g->p; j++) {
		double d = distance(g->words, j, a[j], b[j]) / g->scale[j];

		sum += d * d;
	}
	return g->signal * g->signal * exp(-.5 * sum);
}

/* Everything that follows from the hyperparameters: factor, weights, likelihood, leave-one-out. */
static int settle(struct gp *g, const double *y, struct err *err)
{
	size_t n = g->n;
	double *inverse = mem_alloc(n * n, sizeof(double)), jitter = 0;
	int size = (int)n, rc = 1;

	for (int try = 0; rc && try < 6; try++) {
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < n; k++)
				g->factor[k * n + i] =
					i < k   ? 0
					: i > k ? covariance(g, g->x + i * g->p, g->x + k * g->p)
						: g->signal * g->signal + g->noise * g->noise +
							  jitter;
		rc = BLAS_INT(LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', size, g->factor, size));
		jitter = jitter > 0 ? jitter * 100 : g->signal * g->signal * 1e-10;
	}
	if (!rc) {
		memcpy(g->alpha, y, n * sizeof(double));
		BLAS_INT(LAPACKE_dpotrs_work(
			LAPACK_COL_MAJOR, 'L', size, 1, g->factor, size, g->alpha, size));
		g->log_likelihood =
			-.5 * cblas_ddot(size, y, 1, g->alpha, 1) - (double)n / 2 * log(2 * M_PI);
		memcpy(inverse, g->factor, n * n * sizeof(double));
		BLAS_INT(LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'L', size, inverse, size));
		for (size_t i = 0; i < n; i++) {
			g->log_likelihood -= log(g->factor[i * n + i]);
			g->loo[i] = g->mean + y[i] - g->alpha[i] / inverse[i * n + i];
			g->loo_sd[i] = sqrt(1 / inverse[i * n + i]);
		}
	}
	free(inverse);
	return rc ? err_set(err, ERR_INPUT,
			    "no Gaussian process with these length scales could be fitted to %zu "
			    "trials; give more noise",
			    n)
		  : 0;
}

static void gp_init(struct gp *g, const struct gp_spec *spec, const double *x, size_t n, size_t p)
{
	*g = (struct gp){.n = n, .p = p};
	g->x = mem_copy(x, n * p * sizeof(double));
	g->words = mem_zalloc(p, sizeof(bool));
	if (spec->words)
		memcpy(g->words, spec->words, p * sizeof(bool));
	g->y = mem_zalloc(n, sizeof(double));
	g->scale = mem_alloc(p, sizeof(double));
	g->factor = mem_alloc(n * n, sizeof(double));
	g->alpha = mem_alloc(n, sizeof(double));
	g->loo = mem_alloc(n, sizeof(double));
	g->loo_sd = mem_alloc(n, sizeof(double));
}

int gp_fit_spec(struct gp *g, const struct gp_spec *spec, const double *x, const double *y,
	size_t n, size_t p, struct err *err)
{
	int rc = 0;

	*g = (struct gp){0};
	if (n < MIN_ROWS || n > GP_MAX_ROWS || !p)
		return err_set(err, ERR_INPUT,
			"a Gaussian process takes %d to %d trials and at least one factor, not %zu "
			"trials of %zu",
			MIN_ROWS, GP_MAX_ROWS, n, p);
	gp_init(g, spec, x, n, p);
	for (size_t i = 0; i < n; i++)
		g->mean += y[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		g->y[i] = y[i] - g->mean;
	if (spec->from && spec->keep) {
		memcpy(g->scale, spec->from->scale, p * sizeof(double));
		g->signal = spec->from->signal;
		g->noise = spec->from->noise;
	} else {
		rc = search_run(g, spec, g->y, err);
	}
	if (!rc)
		rc = settle(g, g->y, err);
	if (rc)
		gp_release(g);
	return rc;
}

int gp_fit(struct gp *g, const double *x, const double *y, size_t n, size_t p, uint64_t seed,
	struct err *err)
{
	return gp_fit_spec(g, &(struct gp_spec){.seed = seed}, x, y, n, p, err);
}

void gp_release(struct gp *g)
{
	free(g->x);
	free(g->words);
	free(g->y);
	free(g->spread);
	free(g->scale);
	free(g->factor);
	free(g->alpha);
	free(g->loo);
	free(g->loo_sd);
	*g = (struct gp){0};
}

/* n × m, column-major: covariances of the rows with the points. */
static double *cross(const struct gp *g, const double *x, size_t m)
{
	double *k = mem_alloc(g->n * m, sizeof(double));

	for (size_t c = 0; c < m; c++)
		for (size_t i = 0; i < g->n; i++)
			k[c * g->n + i] = covariance(g, g->x + i * g->p, x + c * g->p);
	return k;
}

static void whiten(const struct gp *g, double *k, size_t m)
{
	BLAS_VOID(cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit,
		(int)g->n, (int)m, 1, g->factor, (int)g->n, k, (int)g->n));
}

void gp_predict(const struct gp *g, const double *x, size_t m, double *mean, double *sd)
{
	double *k = cross(g, x, m);

	for (size_t c = 0; c < m; c++)
		mean[c] = g->mean + cblas_ddot((int)g->n, k + c * g->n, 1, g->alpha, 1);
	if (sd) {
		whiten(g, k, m);
		for (size_t c = 0; c < m; c++)
			sd[c] = sqrt(
				fmax(0, g->signal * g->signal - cblas_ddot((int)g->n, k + c * g->n,
									1, k + c * g->n, 1)));
	}
	free(k);
}

/*
 * A factor of the posterior covariance at m points by Cholesky with pivots, column after column,
 * until what is left of the variance nowhere exceeds a millionth of the signal's: a smooth function
 * has few degrees of freedom, however many points it is looked at. Into *out, m × rank,
 * column-major; v: the points' whitened covariances with the rows.
 */
static size_t factorise(
	const struct gp *g, const double *x, const double *v, size_t m, double **out)
{
	double *left = mem_alloc(m, sizeof(double)), *f = NULL, *column, *at;
	double enough = 1e-6 * g->signal * g->signal;
	size_t rank = 0, cap = 0;

	for (size_t c = 0; c < m; c++)
		left[c] = g->signal * g->signal -
			  cblas_ddot((int)g->n, v + c * g->n, 1, v + c * g->n, 1);
	at = mem_alloc(m, sizeof(double));
	for (; rank < m; rank++) {
		size_t pivot = cblas_idamax((int)m, left, 1);
		double root;

		if (left[pivot] <= enough)
			break;
		root = sqrt(left[pivot]);
		f = mem_grow(f, &cap, (rank + 1) * m, sizeof(double));
		column = f + rank * m;
		for (size_t c = 0; c < m; c++)
			column[c] = covariance(g, x + c * g->p, x + pivot * g->p);
		BLAS_VOID(cblas_dgemv(CblasColMajor, CblasTrans, (int)g->n, (int)m, -1, v,
			(int)g->n, v + pivot * g->n, 1, 1, column, 1));
		for (size_t k = 0; k < rank; k++)
			at[k] = f[k * m + pivot];
		if (rank)
			BLAS_VOID(cblas_dgemv(CblasColMajor, CblasNoTrans, (int)m, (int)rank, -1, f,
				(int)m, at, 1, 1, column, 1));
		for (size_t c = 0; c < m; c++) {
			column[c] /= root;
			left[c] = fmax(0, left[c] - column[c] * column[c]);
		}
		left[pivot] = 0;
	}
	free(at);
	free(left);
	*out = f;
	return rank;
}

/* The same trials with hyperparameters drawn from what is known of them. */
static int vary(struct gp *out, const struct gp *g, struct rng *rng)
{
	size_t q = g->p + 1;
	double *z = mem_alloc(2 * q, sizeof(double)), *theta = z + q, chi = 0;
	struct search bounds = {.p = g->p, .q = q};
	struct gp at = {.scale = theta};
	int rc;

	for (size_t j = 0; j < q; j++)
		z[j] = rng_normal(rng);
	for (size_t j = 0; j < q; j++) {
		double v =
			log(j < g->p ? g->scale[j] : g->noise * g->noise / g->signal / g->signal);

		for (size_t k = 0; k <= j; k++)
			v += g->spread[k * q + j] * z[k];
		theta[j] = exp(bound(&bounds, j, v));
	}
	for (size_t i = 0; i < g->n; i++)
		chi += pow(rng_normal(rng), 2) / (double)g->n;
	at.signal = g->signal / sqrt(chi);
	at.noise = at.signal * sqrt(theta[g->p]);
	rc = gp_fit_spec(out, &(struct gp_spec){.words = g->words, .from = &at, .keep = true}, g->x,
		g->y, g->n, g->p, NULL);
	if (!rc)
		out->mean += g->mean;
	free(z);
	return rc;
}

static void draw(
	const struct gp *g, const double *x, size_t m, size_t draws, struct rng *rng, double *out)
{
	double *k = cross(g, x, m), *mean = mem_alloc(m, sizeof(double)), *f, *z;
	size_t rank;

	for (size_t c = 0; c < m; c++)
		mean[c] = g->mean + cblas_ddot((int)g->n, k + c * g->n, 1, g->alpha, 1);
	whiten(g, k, m);
	rank = factorise(g, x, k, m, &f);
	z = mem_alloc(draws * rank + 1, sizeof(double));
	for (size_t i = 0; i < draws * rank; i++)
		z[i] = rng_normal(rng);
	for (size_t d = 0; d < draws; d++)
		memcpy(out + d * m, mean, m * sizeof(double));
	if (rank && draws) /* out, read by columns, is m × draws */
		BLAS_VOID(cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)draws,
			(int)rank, 1, f, (int)m, z, (int)rank, 1, out, (int)m));
	free(z);
	free(f);
	free(mean);
	free(k);
}

int gp_draw(const struct gp *g, const double *x, size_t m, size_t draws, struct rng *rng,
	double *out, struct err *err)
{
	if (m > GP_MAX_POINTS)
		return err_set(err, ERR_INPUT,
			"functions can be drawn at %d points at most, not at %zu; ask for fewer",
			GP_MAX_POINTS, m);
	if (!g->spread) {
		draw(g, x, m, draws, rng, out);
		return 0;
	}
	for (size_t i = 0; i < MEMBERS; i++) {
		size_t from = i * draws / MEMBERS, to = (i + 1) * draws / MEMBERS;
		struct gp member;

		if (to == from)
			continue;
		if (vary(&member, g, rng)) {
			draw(g, x, m, to - from, rng, out + from * m);
			continue;
		}
		draw(&member, x, m, to - from, rng, out + from * m);
		gp_release(&member);
	}
	return 0;
}

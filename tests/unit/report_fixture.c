#include "report_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

enum { CURVE = 25, SAMPLES = 4000 };

/* 100 connections on 4 workers: bound by waiting, as the seed's application was. */
static double seed_rate(const double *x)
{
	double io = x[1] + x[2] * exp(x[3] * x[3] / 2), cpu = x[4] * 2e-6;

	return 100 / (x[0] * io + (1 - x[0]) * (cpu + .004));
}

static double seed_latency(const double *x)
{
	return 1e5 / seed_rate(x);
}

static double flat(const double *x)
{
	(void)x;
	return 812;
}

static double one(const double *x)
{
	return 40 + 3 * x[0];
}

static double many(const double *x)
{
	return 5000 * exp(-.8 * x[0] - .5 * x[1] - .3 * x[2] + .2 * x[3] + .15 * x[4]);
}

static double with_words(const double *x)
{
	return (x[0] < .5           ? 210.
		       : x[0] < 1.5 ? 230.
				    : 930.) *
		       (1 - .4 * pow((x[2] - 9) / 8, 2)) +
	       4 * x[1];
}

static const struct fixture_factor SEED_FACTORS[] = {{"fraction_io_bound", .05, .5, NULL},
	{"min_response_time", .1, .2, NULL}, {"mean_response_time", .15, .75, NULL},
	{"std_response_time", .01, .3, NULL}, {"json_object_length", 500, 1000, NULL}};
static const struct fixture_factor NULL_FACTORS[] = {{"workers", 1, 9, NULL},
	{"cache_size", 1024, 65536, NULL}, {"timeout", .1, 2, NULL}, {"pool", 4, 64, NULL}};
static const struct fixture_factor ONE_FACTOR[] = {{"clients", 1, 64, NULL}};
static const char *const INTERPRETERS[] = {"python3.11", "python3.12", "pypy3", NULL};
static const char *const SERVERS[] = {"gunicorn", "a server with quite a long name", NULL};
static const struct fixture_factor WORD_FACTORS[] = {
	{"interpreter", 0, 2, INTERPRETERS}, {"server", 0, 1, SERVERS}, {"workers", 1, 17, NULL}};
static const struct fixture_factor MANY_FACTORS[] = {
	{"database_connection_pool_maximum_overflow_size", 0, 1, NULL},
	{"<script>alert('x & \"y\"')</script>", 0, 1, NULL},
	{"serialisation_buffer_size_in_bytes_per_worker", 0, 1, NULL},
	{"größe_der_antwort", 0, 1, NULL},
	{"upstream.http2.max_concurrent_streams_per_connection", 0, 1, NULL},
	{"factor_06", 0, 1, NULL}, {"factor_07", 0, 1, NULL}, {"factor_08", 0, 1, NULL},
	{"factor_09", 0, 1, NULL}, {"factor_10", 0, 1, NULL}, {"factor_11", 0, 1, NULL},
	{"factor_12", 0, 1, NULL}, {"factor_13", 0, 1, NULL}, {"factor_14", 0, 1, NULL},
	{"factor_15", 0, 1, NULL}, {"factor_16", 0, 1, NULL}, {"factor_17", 0, 1, NULL},
	{"factor_18", 0, 1, NULL}, {"factor_19", 0, 1e6, NULL}, {"factor_20", -1e-3, 1e-3, NULL}};

const struct fixture FIXTURE_SEED = {"requests_per_second", "requests/s", 60, 5, SEED_FACTORS,
	seed_rate, .03, true, true, RANK_FOREST};
const struct fixture FIXTURE_LATENCY = {
	"mean_latency_ms", "ms", 40, 5, SEED_FACTORS, seed_latency, .03, false, false, RANK_LINEAR};
const struct fixture FIXTURE_NULL = {"requests_per_second", "requests/s", 50, 4, NULL_FACTORS, flat,
	.05, false, false, RANK_LINEAR};
const struct fixture FIXTURE_ONE = {
	"p99_ms", "ms", 12, 1, ONE_FACTOR, one, .02, false, false, RANK_LINEAR};
const struct fixture FIXTURE_MANY = {"requests_per_second", "requests/s", 3000, 20, MANY_FACTORS,
	many, .1, true, false, RANK_LINEAR};
const struct fixture FIXTURE_WORDS = {"requests_per_second", "requests/s", 80, 3, WORD_FACTORS,
	with_words, .04, false, false, RANK_FOREST};

static double draw(struct rng *rng, const struct fixture_factor *f)
{
	if (f->words)
		return (double)rng_below(rng, (uint64_t)f->high + 1);
	return f->low + rng_uniform(rng) * (f->high - f->low);
}

static void fill_data(struct dataset *d, const struct fixture *s, struct rng *rng)
{
	double *x = mem_alloc(s->p, sizeof(*x));

	*d = (struct dataset){.n = s->n,
		.p = s->p,
		.response = mem_strdup(s->response),
		.unit = mem_strdup(s->unit)};
	d->names = mem_zalloc(s->p, sizeof(*d->names));
	d->words = mem_zalloc(s->p, sizeof(*d->words));
	d->x = mem_alloc(s->n * s->p, sizeof(double));
	d->y = mem_alloc(s->n, sizeof(double));
	for (size_t j = 0; j < s->p; j++) {
		size_t words = s->factors[j].words ? (size_t)s->factors[j].high + 1 : 0;

		d->names[j] = mem_strdup(s->factors[j].name);
		if (words)
			d->words[j] = mem_zalloc(words + 1, sizeof(char *));
		for (size_t k = 0; k < words; k++)
			d->words[j][k] = mem_strdup(s->factors[j].words[k]);
	}
	for (size_t i = 0; i < s->n; i++) {
		for (size_t j = 0; j < s->p; j++)
			d->x[j * s->n + i] = x[j] = draw(rng, &s->factors[j]);
		d->y[i] = s->f(x) * (1 + s->noise * rng_normal(rng));
	}
	free(x);
}

/* Total-effect index by Jansen's estimator: mean((f(x) − f(x with x_j drawn again))²) / 2 V. */
static double total_effect(const struct fixture *s, size_t j, struct rng *rng)
{
	double *x = mem_alloc(s->p, sizeof(*x)), sum = 0, squares = 0, jansen = 0, variance;

	for (size_t i = 0; i < SAMPLES; i++) {
		double here, there;

		for (size_t k = 0; k < s->p; k++)
			x[k] = draw(rng, &s->factors[k]);
		here = s->f(x);
		x[j] = draw(rng, &s->factors[j]);
		there = s->f(x);
		sum += here;
		squares += here * here;
		jansen += (here - there) * (here - there);
	}
	variance = squares / SAMPLES - sum / SAMPLES * (sum / SAMPLES);
	free(x);
	return variance > 1e-9 ? jansen / 2 / SAMPLES / variance : 0;
}

static void fill_curve(
	struct rank_factor *f, const struct fixture *s, const struct dataset *d, size_t j)
{
	double *x = mem_alloc(s->p, sizeof(*x)), half = 0;

	f->curve_n = s->factors[j].words ? (size_t)f->high + 1 : CURVE;
	f->curve_x = mem_alloc(f->curve_n, sizeof(double));
	f->curve_y = mem_zalloc(f->curve_n, sizeof(double));
	f->curve_low = mem_alloc(f->curve_n, sizeof(double));
	f->curve_high = mem_alloc(f->curve_n, sizeof(double));
	for (size_t c = 0; c < f->curve_n; c++) {
		f->curve_x[c] = f->low + (f->high - f->low) * (double)c / (double)(f->curve_n - 1);
		for (size_t i = 0; i < d->n; i++) {
			for (size_t k = 0; k < s->p; k++)
				x[k] = d->x[k * d->n + i];
			x[j] = f->curve_x[c];
			f->curve_y[c] += s->f(x) / (double)d->n;
		}
		half = f->curve_y[c] * s->noise * .8;
		f->curve_low[c] = f->curve_y[c] - half;
		f->curve_high[c] = f->curve_y[c] + half;
	}
	f->at_low = f->curve_y[0];
	f->at_high = f->curve_y[f->curve_n - 1];
	f->effect_percent = 100 * (f->at_high / f->at_low - 1);
	half = 100 * s->noise * 1.1 * fmax(.3, f->at_high / f->at_low);
	f->effect_interval = (struct interval){f->effect_percent - half, f->effect_percent + half};
	free(x);
}

static void fill_fit(struct rank_fit *fit, const struct fixture *s, const struct rank_result *r,
	double error, struct rng *rng)
{
	double mean = 0, total = 0, residual = 0;
	double *x = mem_alloc(s->p, sizeof(*x));

	fit->predicted = mem_alloc(s->n, sizeof(double));
	fit->holdout = mem_alloc(s->n, sizeof(double));
	for (size_t i = 0; i < s->n; i++)
		mean += r->data.y[i] / (double)s->n;
	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->p; k++)
			x[k] = r->data.x[k * s->n + i];
		fit->predicted[i] = s->f(x) * (1 + error * rng_normal(rng));
		fit->holdout[i] =
			r->holdout[i] ? s->f(x) * (1 + error * rng_normal(rng)) : (double)NAN;
		residual += pow(r->data.y[i] - fit->predicted[i], 2);
		total += pow(r->data.y[i] - mean, 2);
	}
	fit->r2 = 1 - residual / total;
	fit->mse = residual / (double)s->n;
	fit->r2_mean = fit->r2 - .01;
	fit->mse_mean = fit->mse * 1.1;
	fit->r2_interval = (struct interval){fit->r2_mean - .03, fit->r2_mean + .02};
	free(x);
}

static int by_importance(const void *a, const void *b)
{
	const struct rank_factor *x = a, *y = b;

	return (x->importance < y->importance) - (x->importance > y->importance);
}

static void fill_factors(struct rank_result *r, const struct fixture *s, struct rng *rng)
{
	double impurity = 0;

	r->factors = mem_zalloc(s->p, sizeof(*r->factors));
	for (size_t j = 0; j < s->p; j++) {
		struct rank_factor *f = &r->factors[j];
		double half;

		f->name = r->data.names[j];
		f->low = s->factors[j].low;
		f->high = s->factors[j].high;
		f->importance = total_effect(s, j, rng);
		half = .004 + .06 * f->importance;
		f->importance_interval = (struct interval){
			fmax(0, f->importance - half), fmin(1, f->importance + half)};
		fill_curve(f, s, &r->data, j);
		f->permutation = 2 * f->importance;
		f->permutation_sd = .1 * f->importance;
		f->coef = (f->at_high - f->at_low) / sqrt(12) / (s->log_scale ? f->at_low : 1);
		f->std_error = .05 * fabs(f->coef);
		f->active = f->importance > .008;
		f->p_value = f->active ? 1e-6 : .4;
		f->p_active = f->active ? 5e-6 : 1;
		impurity += f->importance;
	}
	qsort(r->factors, s->p, sizeof(*r->factors), by_importance);
	for (size_t j = 0; j < s->p; j++) {
		struct rank_factor *f = &r->factors[j];

		f->impurity = impurity > 0 ? f->importance / impurity : 0;
		r->n_active += f->active;
		f->group = (int)(f->active ? r->n_active : r->n_active + 1);
		f->rfecv_rank = f->active ? 1 : f->group - (int)r->n_active + 1;
	}
}

struct rank_result *fixture_new(const struct fixture *s)
{
	struct rank_result *r = mem_zalloc(1, sizeof(*r));
	struct rng rng;

	rng_seed(&rng, 11, 0);
	fill_data(&r->data, s, &rng);
	r->response = mem_strdup(s->response);
	r->unit = mem_strdup(s->unit);
	r->n = s->n;
	r->p = s->p;
	r->spec = RANK_SPEC_DEFAULT;
	r->log_scale = s->log_scale;
	r->cv_error_raw = r->cv_error_log = NAN;
	r->preferred = s->preferred;
	r->holdout = mem_zalloc(s->n, sizeof(bool));
	for (size_t i = 0; i < s->n; i++)
		r->holdout[i] = rng_below(&rng, 5) == 0;
	fill_fit(&r->linear, s, r, 3 * s->noise, &rng);
	fill_fit(&r->forest, s, r, 2 * s->noise, &rng);
	fill_factors(r, s, &rng);
	r->rfecv_n = r->n_active ? r->n_active : 1;
	r->rfecv_score = mem_alloc(s->p, sizeof(double));
	for (size_t j = 0; j < s->p; j++)
		r->rfecv_score[j] = .9 * (1 - exp(-1.5 * (double)(j + 1))) - .004 * (double)j;
	r->forest_oob_r2 = r->forest.r2;
	r->noise_floor = .006;
	r->little_r2 = NAN;
	if (s->little) {
		r->little_r2 = .991;
		r->little_predicted = mem_alloc(s->n, sizeof(double));
		for (size_t i = 0; i < s->n; i++)
			r->little_predicted[i] = r->data.y[i] * (1 + .02 * rng_normal(&rng));
	}
	return r;
}

void fixture_warn(struct rank_result *r, const char *text)
{
	r->warnings = mem_resize(r->warnings, r->n_warnings + 1, sizeof(char *));
	r->warnings[r->n_warnings++] = mem_strdup(text);
}

struct rank_factor *fixture_factor(struct rank_result *r, const char *name)
{
	for (size_t j = 0; j < r->p; j++)
		if (!strcmp(r->factors[j].name, name))
			return &r->factors[j];
	return NULL;
}

static void free_data(struct dataset *d)
{
	for (size_t j = 0; j < d->p; j++) {
		for (size_t k = 0; d->words[j] && d->words[j][k]; k++)
			free(d->words[j][k]);
		free(d->words[j]);
		free(d->names[j]);
	}
	free(d->words);
	free(d->names);
	free(d->response);
	free(d->unit);
	free(d->x);
	free(d->y);
}

void fixture_free(struct rank_result *r)
{
	for (size_t j = 0; j < r->p; j++) {
		free(r->factors[j].curve_x);
		free(r->factors[j].curve_y);
		free(r->factors[j].curve_low);
		free(r->factors[j].curve_high);
	}
	for (size_t i = 0; i < r->n_warnings; i++)
		free(r->warnings[i]);
	free_data(&r->data);
	free(r->warnings);
	free(r->factors);
	free(r->holdout);
	free(r->linear.predicted);
	free(r->linear.holdout);
	free(r->forest.predicted);
	free(r->forest.holdout);
	free(r->little_predicted);
	free(r->rfecv_score);
	free(r->response);
	free(r->unit);
	free(r);
}

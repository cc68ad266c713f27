#include "learn/tune.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stats/dist.h"
#include "stats/multiple.h"

const char *const TUNE_END_WORDS[] = {
#define X(name, word, text) word,
	TUNE_ENDS(X)
#undef X
		NULL,
};
const char *const TUNE_END_TEXTS[] = {
#define X(name, word, text) text,
	TUNE_ENDS(X)
#undef X
};

/* A continuum's end: within this share of the range. */
#define END_SHARE .02

/* ---- the model: setting + block ---- */

struct fit {
	size_t n, blocks;
	const double *y; /* on the scale of the comparison */
	double *setting, *block;
	size_t *count; /* trials of a setting */
	double sd, df;
};

/* Least squares by turns (backfitting). Where nothing failed the first turn is exact; where
 * something did, a setting that missed a slow block is not credited for it. */
static void fit_means(struct fit *f)
{
	for (int turn = 0; turn < 200; turn++) {
		double moved = 0;

		for (size_t i = 0; i < f->n; i++) {
			double sum = 0;

			for (size_t b = 0; b < f->blocks; b++)
				if (!isnan(f->y[i * f->blocks + b]))
					sum += f->y[i * f->blocks + b] - f->block[b];
			f->setting[i] = f->count[i] ? sum / (double)f->count[i] : (double)NAN;
		}
		for (size_t b = 0; b < f->blocks; b++) {
			double sum = 0, count = 0;

			for (size_t i = 0; i < f->n; i++)
				if (!isnan(f->y[i * f->blocks + b])) {
					sum += f->y[i * f->blocks + b] - f->setting[i];
					count++;
				}
			sum = count > 0 ? sum / count : 0;
			moved = fmax(moved, fabs(sum - f->block[b]));
			f->block[b] = sum;
		}
		if (moved <= 1e-13)
			break;
	}
}

/* The blocks' mean is no block's: settings are as in the average block. */
static void centre_blocks(struct fit *f)
{
	double sum = 0, count = 0;

	for (size_t i = 0; i < f->n; i++)
		for (size_t b = 0; b < f->blocks; b++)
			if (!isnan(f->y[i * f->blocks + b])) {
				sum += f->block[b];
				count++;
			}
	for (size_t i = 0; i < f->n && count > 0; i++)
		f->setting[i] += sum / count;
	for (size_t b = 0; b < f->blocks && count > 0; b++)
		f->block[b] -= sum / count;
}

static void fit_noise(struct fit *f)
{
	double squares = 0, count = 0, settings = 0, blocks = 0;

	for (size_t i = 0; i < f->n; i++)
		settings += f->count[i] > 0;
	for (size_t b = 0; b < f->blocks; b++) {
		size_t there = 0;

		for (size_t i = 0; i < f->n; i++) {
			double y = f->y[i * f->blocks + b];

			if (isnan(y))
				continue;
			there++;
			squares += pow(y - f->setting[i] - f->block[b], 2);
		}
		blocks += there > 0;
		count += (double)there;
	}
	f->df = count - settings - blocks + 1;
	f->sd = f->df >= 1 ? sqrt(squares / f->df) : (double)NAN;
}

static void fit_init(struct fit *f, const double *y, size_t n, size_t blocks)
{
	*f = (struct fit){.n = n, .blocks = blocks, .y = y};
	f->setting = mem_zalloc(n + 1, sizeof(double));
	f->block = mem_zalloc(blocks + 1, sizeof(double));
	f->count = mem_zalloc(n + 1, sizeof(size_t));
	for (size_t i = 0; i < n * blocks; i++)
		f->count[i / blocks] += !isnan(y[i]);
	fit_means(f);
	centre_blocks(f);
	fit_noise(f);
}

static void fit_release(struct fit *f)
{
	free(f->setting);
	free(f->block);
	free(f->count);
}

/* ---- judging ---- */

static double back(const struct tune_result *r, double v)
{
	return r->log ? exp(v) : v;
}

static void set_values(struct tune_result *r, const size_t *which, const struct fit *f)
{
	double t = NAN;
	size_t measured = 0;

	for (size_t i = 0; i < f->n; i++)
		measured += f->count[i] > 0;
	if (r->judged && measured)
		t = dist_t_quantile(1 - (1 - r->confidence) / 2 / (double)measured, f->df);
	for (size_t i = 0; i < f->n; i++) {
		struct tune_setting *s = &r->settings[which[i]];
		double half = t * f->sd / sqrt((double)f->count[i]);

		s->repeated = true;
		s->n = f->count[i];
		s->value = s->n ? back(r, f->setting[i]) : (double)NAN;
		s->interval.low = s->n ? back(r, f->setting[i] - half) : (double)NAN;
		s->interval.high = s->n ? back(r, f->setting[i] + half) : (double)NAN;
	}
}

static bool is_better(const struct tune_result *r, double a, double b)
{
	return r->less ? a < b : a > b;
}

static void set_ends(struct tune_result *r, const size_t *which, const struct fit *f, size_t *best,
	size_t *worst)
{
	*best = *worst = TUNE_NONE;
	for (size_t i = 0; i < f->n; i++) {
		if (!f->count[i])
			continue;
		if (*best == TUNE_NONE || is_better(r, f->setting[i], f->setting[*best]))
			*best = i;
		if (*worst == TUNE_NONE || is_better(r, f->setting[*worst], f->setting[i]))
			*worst = i;
	}
	r->best = *best == TUNE_NONE ? TUNE_NONE : which[*best];
	r->worst = *worst == TUNE_NONE ? TUNE_NONE : which[*worst];
}

/* How far two settings may be apart by chance, for a limit in standard errors of a difference.
 * Counts that differ are taken as Tukey and Kramer do. */
static double apart_by_chance(const struct fit *f, double limit, size_t i, size_t k)
{
	return limit * f->sd * sqrt(1 / (double)f->count[i] + 1 / (double)f->count[k]);
}

/* The smallest values of numbers, as a sum over the factors; for saying which of equals is least.
 */
static double size_of(const struct tune_result *r, size_t i)
{
	double sum = 0;

	for (size_t j = 0; j < r->p; j++)
		sum += r->factors[j].words ? 0 : r->settings[i].u[j];
	return sum;
}

static void set_same(struct tune_result *r, const size_t *which, const struct fit *f, size_t best,
	size_t worst, size_t measured)
{
	/* each of the two claims may be wrong with half of the chance */
	double p = 1 - (1 - r->confidence) / 2;
	double range = multiple_range_quantile(p, measured, f->df) / M_SQRT2;
	double limit = multiple_best_quantile(p, measured, f->df);

	r->flat = fabs(f->setting[best] - f->setting[worst]) <=
		  apart_by_chance(f, range, best, worst);
	r->smallest = r->best;
	for (size_t i = 0; i < f->n; i++) {
		bool same = f->count[i] && (r->flat || fabs(f->setting[i] - f->setting[best]) <=
							       apart_by_chance(f, limit, i, best));

		r->settings[which[i]].same = same;
		if (same && size_of(r, which[i]) < size_of(r, r->smallest) - 1e-9)
			r->smallest = which[i];
	}
}

void tune_judge(
	struct tune_result *r, const size_t *which, size_t n, const double *y, size_t blocks)
{
	double *scaled = mem_alloc(n * blocks + 1, sizeof(*scaled));
	size_t measured = 0, best, worst;
	struct fit f;

	r->log = true;
	for (size_t i = 0; i < n * blocks; i++)
		r->log &= isnan(y[i]) || y[i] > 0;
	for (size_t i = 0; i < n * blocks; i++)
		scaled[i] = r->log ? log(y[i]) : y[i];
	fit_init(&f, scaled, n, blocks);
	for (size_t i = 0; i < n; i++)
		measured += f.count[i] > 0;
	r->blocks = blocks;
	r->judged = measured >= 2 && f.df >= 1;
	r->noise = f.sd;
	r->flat = false;
	r->smallest = TUNE_NONE;
	set_values(r, which, &f);
	set_ends(r, which, &f, &best, &worst);
	r->spread = NAN;
	if (best != TUNE_NONE)
		r->spread = fabs(
			tune_change(fmax(r->settings[r->best].value, r->settings[r->worst].value),
				fmin(r->settings[r->best].value, r->settings[r->worst].value)));
	if (r->judged)
		set_same(r, which, &f, best, worst, measured);
	else if (r->best != TUNE_NONE)
		r->settings[r->best].same = true;
	fit_release(&f);
	free(scaled);
}

double tune_expected_improvement(double best, double mean, double sd, bool less)
{
	double gain = less ? best - mean : mean - best, z;

	if (!(sd > 0))
		return fmax(gain, 0);
	z = gain / sd;
	return gain * dist_normal_cdf(z) + sd * exp(-z * z / 2) / sqrt(2 * M_PI);
}

double tune_change(double a, double b)
{
	return b > 0 ? a / b - 1 : (double)NAN;
}

static int end_of(const struct tune_factor *f, double u)
{
	double n = (double)f->steps, step = floor(fmin(u * n, n - 1));

	if (!f->steps)
		return u <= END_SHARE ? -1 : u >= 1 - END_SHARE;
	return step == 0 ? -1 : step == n - 1;
}

int tune_at_end(const struct tune_result *r, size_t factor)
{
	const struct tune_factor *f = &r->factors[factor];
	int end;

	if (r->best == TUNE_NONE || f->words || f->steps == 1 || f->steps == 2)
		return 0;
	end = end_of(f, r->settings[r->best].u[factor]);
	for (size_t i = 0; i < r->n; i++)
		if (r->settings[i].same && end_of(f, r->settings[i].u[factor]) != end)
			return 0;
	return end;
}

/* ---- settings ---- */

size_t tune_find(const struct tune_result *r, char *const *values)
{
	for (size_t i = 0; i < r->n; i++) {
		size_t j = 0;

		while (j < r->p && !strcmp(r->settings[i].values[j], values[j]))
			j++;
		if (j == r->p)
			return i;
	}
	return TUNE_NONE;
}

size_t tune_add(struct tune_result *r, char *const *values, const double *u)
{
	struct tune_setting *s;

	r->settings = mem_grow(r->settings, &r->cap, r->n + 1, sizeof(*r->settings));
	s = &r->settings[r->n];
	*s = (struct tune_setting){.values = mem_zalloc(r->p + 1, sizeof(char *)),
		.u = mem_copy(u, r->p * sizeof(double)),
		.value = NAN,
		.interval = {NAN, NAN},
		.searched = NAN};
	for (size_t j = 0; j < r->p; j++)
		s->values[j] = mem_strdup(values[j]);
	return r->n++;
}

static void release_texts(char **texts, size_t n)
{
	for (size_t i = 0; texts && i < n; i++)
		free(texts[i]);
	free(texts);
}

void tune_release(struct tune_result *r)
{
	for (size_t i = 0; i < r->n; i++) {
		release_texts(r->settings[i].values, r->p);
		free(r->settings[i].u);
		free(r->settings[i].regime);
		free(r->settings[i].regime_text);
	}
	for (size_t j = 0; j < r->p; j++) {
		free(r->factors[j].name);
		release_texts(r->factors[j].levels, r->factors[j].steps);
	}
	free(r->settings);
	free(r->factors);
	free(r->response);
	free(r->unit);
	*r = (struct tune_result){0};
}

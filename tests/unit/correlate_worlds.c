#include "correlate_worlds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stats/dist.h"

enum { TABLE = 1 << 16, WARM = 300 };

const char *const WORLD_NAMES[] = {
#define X(name, text) text,
	WORLDS(X)
#undef X
};

/* Normal numbers from a table of 65,536 quantiles, four a draw: a test makes 60 million. */
static double table[TABLE];

static void normals(struct rng *rng, double *out, size_t n)
{
	uint64_t bits = 0;

	if (table[0] == 0)
		for (size_t i = 0; i < TABLE; i++)
			table[i] = dist_normal_quantile(((double)i + .5) / TABLE);
	for (size_t i = 0; i < n; i++) {
		bits = i % 4 ? bits >> 16 : rng_next(rng);
		out[i] = table[bits & (TABLE - 1)];
	}
}

static double t2_of(double z)
{
	double p = dist_normal_cdf(z);

	return (2 * p - 1) / sqrt(2 * p * (1 - p));
}

static double cauchy_of(double z)
{
	return tan(M_PI * (dist_normal_cdf(z) - .5));
}

/* How many, of a Poisson variable with mean .3. */
static double count_of(double z)
{
	static const double BELOW[] = {.6459, 1.7874, 2.6875, 3.4643, 4.1618};
	double k = 0;

	for (size_t i = 0; i < sizeof(BELOW) / sizeof(BELOW[0]); i++)
		k += z > BELOW[i];
	return k;
}

/* One of these by linear interpolation, for a test calls them 30 million times. */
static double quickly(double (*of)(double z), double z)
{
	enum { STEPS = 1 << 14 };
	static double values[STEPS + 1], (*of_values)(double z);
	double at = (fmin(fmax(z, -6), 5.999) + 6) * (STEPS / 12.);
	size_t i = (size_t)at;

	if (of != of_values)
		for (size_t k = 0; k <= STEPS; k++)
			values[k] = of(12. * (double)k / STEPS - 6);
	of_values = of;
	return values[i] + (at - (double)i) * (values[i + 1] - values[i]);
}

/* What a world's series share, and what each has for itself. */
struct shared {
	enum world world;
	size_t n, planted; /* n: times */
	double rho;
	const double *volatility;  /* n + WARM */
	const double *innovations; /* the target's */
};

static void smooth(double *x, size_t n, size_t window)
{
	for (size_t t = n; t-- > window;)
		for (size_t k = 1; k < window; k++)
			x[t] += x[t - k];
}

static void add_up(double *x, size_t n, double phi)
{
	for (size_t t = 1; t < n; t++)
		x[t] += phi * x[t - 1];
}

/* A smooth day: a peak, lower or higher an hour earlier or later for each, from −1 to 1. */
static double *day(size_t steps, double shift, double second)
{
	double *values = mem_alloc(steps, sizeof(*values));

	for (size_t t = 0; t < steps; t++) {
		double angle = 2 * M_PI * ((double)t / (double)steps + shift);

		values[t] = (sin(angle) + second * sin(2 * angle)) / (1 + second);
	}
	return values;
}

static void follow_clock(const struct shared *w, struct rng *rng, double *x, size_t n)
{
	size_t steps = w->world == WORLD_SEASON_1_DAY ? 1440 : 288;
	double shift = .08 * (rng_uniform(rng) - .5), second = .4 * rng_uniform(rng),
	       size = 5 + 45 * rng_uniform(rng), curve = 2 * rng_uniform(rng) - .5,
	       level = 30 + 200 * rng_uniform(rng), *cycle = day(steps, shift, second);

	for (size_t t = 0; t < n; t++) {
		double share = ((double)t - WARM) / (double)(n - WARM), mean;

		switch (w->world) {
		case WORLD_TREND: x[t] += 8 * size * (share + curve * share * share); break;
		case WORLD_TRAFFIC:
			mean = level * (1 + .9 * cycle[t % steps]);
			x[t] = fmax(0, round(mean + sqrt(fabs(mean)) * x[t]));
			break;
		default: x[t] += size * cycle[t % steps]; break;
		}
	}
	free(cycle);
}

/* Innovations to a series, in place, n of them. */
static void shape(const struct shared *w, struct rng *rng, double *x, size_t n)
{
	double (*of)(double z) = NULL;

	switch (w->world) {
	case WORLD_NOISE_T2:
	case WORLD_WALK_T2: of = t2_of; break;
	case WORLD_WALK_CAUCHY: of = cauchy_of; break;
	case WORLD_COUNTS: of = count_of; break;
	default: break;
	}
	for (size_t t = 0; of && t < n; t++)
		x[t] = of == count_of ? of(x[t]) : quickly(of, x[t]);
	if (w->world == WORLD_VOLATILE_WALK || w->world == WORLD_VOLATILE_NOISE)
		for (size_t t = 0; t < n; t++)
			x[t] *= w->volatility[t];
	switch (w->world) {
	case WORLD_WALK:
	case WORLD_WALK_T2:
	case WORLD_WALK_CAUCHY:
	case WORLD_VOLATILE_WALK:
	case WORLD_GAPS:
	case WORLD_SMOOTH15_WALK: add_up(x, n, 1); break;
	case WORLD_AR50:
	case WORLD_TREND:
	case WORLD_SEASON_1_DAY:
	case WORLD_SEASON_5_DAYS: add_up(x, n, .5); break;
	case WORLD_AR95: add_up(x, n, .95); break;
	default: break;
	}
	if (w->world == WORLD_SMOOTH5)
		smooth(x, n, 5);
	if (w->world == WORLD_SMOOTH15 || w->world == WORLD_SMOOTH15_WALK)
		smooth(x, n, 15);
	if (w->world >= WORLD_TREND && w->world <= WORLD_TRAFFIC)
		follow_clock(w, rng, x, n);
	/* a tenth missing one by one, a tenth in holes of ten */
	for (size_t t = WARM; w->world == WORLD_GAPS && t < n; t++) {
		double u = rng_uniform(rng);

		for (size_t k = 0; u < .01 && k < 10 && t + k < n; k++)
			x[t + k] = NAN;
		if (u > .9)
			x[t] = NAN;
	}
}

static void make_room(struct series_set *s, size_t n, size_t n_times)
{
	if (s->n == n && s->n_times == n_times)
		return;
	world_release(s);
	s->items = mem_zalloc(n, sizeof(*s->items));
	s->memory = mem_alloc(n * n_times, sizeof(double));
	s->n = s->cap = n;
	s->n_times = n_times;
	for (size_t i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), i ? "series %zu" : "target", i);
		s->items[i] = (struct series){.name = mem_strdup(name),
			.family = mem_strdup(""),
			.values = s->memory + i * n_times,
			.known = n_times,
			.same_as = SIZE_MAX};
	}
}

void world_make(struct series_set *s, enum world world, size_t n, size_t n_times, size_t planted,
	double rho, uint64_t seed)
{
	size_t m = n_times + WARM;
	double *volatility = mem_alloc(m, sizeof(double)), *target = mem_alloc(m, sizeof(double)),
	       *x = mem_alloc(m, sizeof(double)), rest = sqrt(1 - rho * rho);
	struct shared w = {.world = world, .n = n_times, .volatility = volatility};
	struct rng rng;

	rng_seed(&rng, seed, (uint64_t)world);
	make_room(s, n + 1, n_times);
	s->start_s = 1.7e9;
	s->step_s = world == WORLD_SEASON_5_DAYS || world == WORLD_TRAFFIC ? 300 : 60;
	if (world == WORLD_VOLATILE_WALK || world == WORLD_VOLATILE_NOISE) {
		normals(&rng, volatility, m);
		add_up(volatility, m, .98);
		for (size_t t = 0; t < m; t++) /* its logarithm has a deviation of 1 */
			volatility[t] = exp(sqrt(1 - .98 * .98) * volatility[t]);
	}
	normals(&rng, target, m);
	for (size_t i = 0; i <= n; i++) {
		if (i)
			normals(&rng, x, m);
		else
			memcpy(x, target, m * sizeof(*x));
		for (size_t t = 0; i && i <= planted && t < m; t++)
			x[t] = rho * target[t] + rest * x[t];
		shape(&w, &rng, x, m);
		memcpy(s->items[i].values, x + WARM, n_times * sizeof(*x));
	}
	free(volatility);
	free(target);
	free(x);
}

void world_release(struct series_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->items[i].name);
		free(s->items[i].family);
	}
	free(s->items);
	free(s->memory);
	*s = (struct series_set){0};
}

/*
 * The search of spaces that are too large for a table: the centre and Sobol points first, then a
 * Gaussian process over all that was measured, and the setting whose expected improvement is
 * largest (Jones, Schonlau and Welch 1998), until that is below 1 % of the best twice running, or
 * the trials are used up. A setting is tried once here; which one is best is then decided by
 * repeats.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "design/sobol.h"
#include "learn/gp.h"
#include "stats/dist.h"
#include "study/setting.h"
#include "study/tune_work.h"

enum {
	LEAST_START = 8,
	START_PER_FACTOR = 3,
	SPREAD = 1024,     /* candidates all over the space … */
	NEAR = 128,        /* … and around each of the … */
	NEAR_BEST = 3,     /* … best settings */
	CALM = 2,          /* looks in a row that promise next to nothing */
	START_TRIES = 4096 /* Sobol points looked at for one that was not tried */
};
#define PROMISE .01 /* expected improvement that is worth a trial, of the best */
/* Candidates are spread a little beyond the cube and put back on its faces: optima lie there. */
#define BEYOND 1.15
#define ROUGH  .5 /* length scales of the rougher process, of those that were fitted */

/* One row a setting, in the order of the result's settings. */
struct model {
	size_t p, n;
	double *y;                            /* n: on the scale of the model */
	bool log, known, is_rough, some_fail; /* known: the process could be fitted */
	/* The process as fitted; and one as likely after so few trials, whose surface is rougher: a
	 * search that believes the fit alone stops at the first hill. */
	struct gp gp, rough;
	struct gp good; /* whether a trial goes well, 1 or −1; where some did not */
	double *mean;   /* n: what the model makes of each setting; y where there is none */
	double best;    /* of the means */
	size_t *order;  /* settings, the best first */
};

static bool is_ok(const struct tune_setting *s)
{
	return isfinite(s->searched);
}

static void model_values(struct model *m, const struct tune_result *r)
{
	m->log = true;
	for (size_t i = 0; i < r->n; i++)
		m->log &= !is_ok(&r->settings[i]) || r->settings[i].searched > 0;
	for (size_t i = 0; i < r->n; i++)
		m->y[i] = m->log ? log(r->settings[i].searched) : r->settings[i].searched;
}

/* The response by those that went well; and where they do, by all. */
static void model_fit(struct model *m, const struct tune_result *r, uint64_t seed)
{
	bool *words = mem_alloc(m->p, sizeof(*words));
	double *x = mem_alloc(m->n * m->p + 1, sizeof(*x)), *y = mem_alloc(m->n + 1, sizeof(*y));
	struct gp_spec spec = {.words = words, .seed = seed};
	size_t n = 0;

	for (size_t j = 0; j < m->p; j++)
		words[j] = r->factors[j].words;
	for (size_t i = 0; i < m->n; i++) {
		if (!is_ok(&r->settings[i]))
			continue;
		memcpy(x + n * m->p, r->settings[i].u, m->p * sizeof(double));
		y[n++] = m->y[i];
	}
	m->known = !gp_fit_spec(&m->gp, &spec, x, y, n, m->p, NULL);
	if (m->known) {
		struct gp from = m->gp;

		from.scale = mem_copy(m->gp.scale, m->p * sizeof(double));
		for (size_t j = 0; j < m->p; j++)
			from.scale[j] *= ROUGH;
		spec.from = &from;
		spec.keep = true;
		m->is_rough = !gp_fit_spec(&m->rough, &spec, x, y, n, m->p, NULL);
		free(from.scale);
	}
	for (size_t i = 0; i < m->n; i++) {
		memcpy(x + i * m->p, r->settings[i].u, m->p * sizeof(double));
		y[i] = is_ok(&r->settings[i]) ? 1 : -1;
	}
	spec = (struct gp_spec){.words = words, .seed = seed};
	m->some_fail = n && n < m->n && !gp_fit_spec(&m->good, &spec, x, y, m->n, m->p, NULL);
	memcpy(m->mean, m->y, m->n * sizeof(double));
	if (m->known)
		gp_predict(&m->gp, x, m->n, m->mean, NULL);
	free(words);
	free(x);
	free(y);
}

struct ranked {
	double mean;
	size_t at;
};

static int by_mean(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->mean != y->mean)
		return x->mean < y->mean ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* The settings that went well, the best first; behind them those that failed. */
static void model_order(struct model *m, const struct tune_result *r)
{
	struct ranked *all = mem_alloc(m->n + 1, sizeof(*all));

	for (size_t i = 0; i < m->n; i++)
		all[i] = (struct ranked){!is_ok(&r->settings[i]) ? INFINITY
					 : r->less               ? m->mean[i]
								 : -m->mean[i],
			i};
	qsort(all, m->n, sizeof(*all), by_mean);
	for (size_t i = 0; i < m->n; i++)
		m->order[i] = all[i].at;
	m->best = m->n ? m->mean[m->order[0]] : (double)NAN;
	free(all);
}

static void model_init(struct model *m, const struct tune_result *r, uint64_t seed)
{
	*m = (struct model){.p = r->p, .n = r->n};
	m->y = mem_alloc(r->n + 1, sizeof(double));
	m->mean = mem_alloc(r->n + 1, sizeof(double));
	m->order = mem_alloc(r->n + 1, sizeof(size_t));
	model_values(m, r);
	model_fit(m, r, seed);
	model_order(m, r);
}

static void model_release(struct model *m)
{
	gp_release(&m->gp);
	gp_release(&m->rough);
	gp_release(&m->good);
	free(m->y);
	free(m->mean);
	free(m->order);
}

/* ---- candidates ---- */

static void snap(const struct tune_result *r, double *u)
{
	for (size_t j = 0; j < r->p; j++)
		u[j] = tune_work_snap(r->factors[j].steps, fmin(fmax(u[j], 0), 1));
}

static bool was_tried(const struct tune_work *w, const double *u)
{
	struct setting setting;
	bool tried;

	setting_init(&setting, w->s, u);
	tried = tune_find(w->out, setting.values) != TUNE_NONE;
	setting_release(&setting);
	return tried;
}

static void spread_candidates(const struct tune_result *r, uint64_t seed, double *u)
{
	struct sobol sobol;

	sobol_init(&sobol, r->p, seed);
	for (size_t i = 0; i < SPREAD; i++)
		for (size_t j = 0; j < r->p; j++)
			u[i * r->p + j] =
				.5 + BEYOND * (sobol_scrambled(&sobol, (uint32_t)i, j) - .5);
}

/* One or two coordinates moved, a lot or a little, by a level at least. */
static void near_candidate(
	const struct tune_result *r, const double *from, struct rng *rng, double *u)
{
	double size = .3 * pow(.1, (double)rng_below(rng, 3) * .75);
	size_t moves = 1 + rng_below(rng, 2);

	memcpy(u, from, r->p * sizeof(double));
	for (size_t k = 0; k < moves; k++) {
		size_t j = rng_below(rng, r->p);
		double step = size * rng_normal(rng), steps = (double)r->factors[j].steps;

		if (r->factors[j].words)
			u[j] = rng_uniform(rng);
		else if (steps > 0 && fabs(step) * steps < 1)
			u[j] += (step < 0 ? -1 : 1) / steps;
		else
			u[j] += step;
	}
}

/* What each candidate promises: by both processes, times the chance that it goes well. */
static void add_promises(
	const struct tune_result *r, const struct model *m, const double *x, size_t n, double *out)
{
	double *mean = mem_alloc(n, sizeof(*mean)), *sd = mem_alloc(n, sizeof(*sd));

	gp_predict(&m->gp, x, n, mean, sd);
	for (size_t i = 0; i < n; i++)
		out[i] = tune_expected_improvement(m->best, mean[i], sd[i], r->less);
	if (m->is_rough) {
		gp_predict(&m->rough, x, n, mean, sd);
		for (size_t i = 0; i < n; i++)
			out[i] = (out[i] + tune_expected_improvement(
						   m->best, mean[i], sd[i], r->less)) /
				 2;
	}
	if (m->some_fail) {
		gp_predict(&m->good, x, n, mean, sd);
		for (size_t i = 0; i < n; i++)
			out[i] *= dist_normal_cdf(mean[i] / fmax(sd[i], 1e-6));
	}
	free(mean);
	free(sd);
}

/* The setting that promises most, into u; its promise, or NaN where every candidate was tried. */
static double most_promising(
	const struct tune_work *w, const struct model *m, uint64_t seed, double *u)
{
	const struct tune_result *r = w->out;
	size_t p = r->p, bases = m->n < NEAR_BEST ? m->n : NEAR_BEST, n = SPREAD + NEAR * bases;
	double *x = mem_alloc(n * p, sizeof(*x)), *promise = mem_alloc(n, sizeof(*promise));
	double most = NAN;
	struct rng rng;

	rng_seed(&rng, seed, TUNE_CANDIDATE_STREAM);
	spread_candidates(r, rng_next(&rng), x);
	for (size_t i = 0; i < NEAR * bases; i++)
		near_candidate(r, r->settings[m->order[i / NEAR]].u, &rng, x + (SPREAD + i) * p);
	for (size_t i = 0; i < n; i++)
		snap(r, x + i * p);
	add_promises(r, m, x, n, promise);
	for (size_t i = 0; i < n; i++)
		if ((isnan(most) || promise[i] > most) && !was_tried(w, x + i * p)) {
			most = promise[i];
			memcpy(u, x + i * p, p * sizeof(double));
		}
	free(x);
	free(promise);
	return isnan(most) || m->log ? most : most / fabs(m->best);
}

/* ---- trials ---- */

static int try_at(struct tune_work *w, size_t index, const double *u, struct err *err)
{
	double y = NAN;
	size_t at = 0;
	int rc = tune_work_run(w, index, u, json_pack("{s:s}", "kind", "search"), &at, &y, err);

	if (!rc) {
		w->out->settings[at].n = isfinite(y);
		w->out->settings[at].value = w->out->settings[at].searched = y;
	}
	return rc;
}

/* The centre, then Sobol points that are new; false where there are none. `at` goes on through the
 * sequence. */
static bool start_point(const struct tune_work *w, size_t trial, uint32_t *at, double *u)
{
	const struct tune_result *r = w->out;
	struct sobol sobol;

	for (size_t j = 0; j < r->p; j++)
		u[j] = .5;
	snap(r, u);
	if (!trial)
		return true;
	sobol_init(&sobol, r->p, w->s->seed ^ TUNE_START_STREAM);
	for (uint32_t end = *at + START_TRIES; *at < end; (*at)++) {
		for (size_t j = 0; j < r->p; j++)
			u[j] = sobol_scrambled(&sobol, *at, j);
		snap(r, u);
		if (!was_tried(w, u))
			return true;
	}
	return false;
}

static void say_promise(const struct tune_work *w, const struct model *m)
{
	char text[80];

	if (!m->known || isnan(w->out->promise))
		return;
	snprintf(text, sizeof(text), "%.2g %% more expected", 100 * w->out->promise);
	tune_work_say(w, w->s->trials, text);
}

/* Models, and chooses the next setting; false where the search is over. */
static bool next_point(struct tune_work *w, size_t trial, size_t *calm, uint32_t *at, double *u)
{
	struct tune_result *r = w->out;
	uint64_t seed = w->s->seed * UINT64_C(0x9e3779b97f4a7c15) + trial;
	bool goes_on = true;
	struct model m;

	model_init(&m, r, seed);
	if (m.known) {
		r->promise = most_promising(w, &m, seed, u);
		*calm = r->promise >= PROMISE ? 0 : *calm + 1;
		say_promise(w, &m);
	}
	if (!m.known)
		goes_on = start_point(w, trial, at, u);
	else if (isnan(r->promise))
		goes_on = false;
	if (!goes_on)
		r->end = TUNE_END_ALL;
	else if (*calm >= CALM) {
		r->end = TUNE_END_SETTLED;
		goes_on = false;
	}
	model_release(&m);
	return goes_on;
}

/* ---- what is compared ---- */

static void add_arm(size_t *arms, size_t *n, size_t at)
{
	for (size_t i = 0; i < *n; i++)
		if (arms[i] == at)
			return;
	arms[(*n)++] = at;
}

/* The setting whose own trial was best. */
static size_t luckiest(const struct tune_result *r)
{
	size_t best = TUNE_NONE;

	for (size_t i = 0; i < r->n; i++) {
		double y = r->settings[i].searched;

		if (is_ok(&r->settings[i]) &&
			(best == TUNE_NONE || (r->less ? y < r->settings[best].searched
						       : y > r->settings[best].searched)))
			best = i;
	}
	return best;
}

/* The best two by the model, which a lucky trial misleads less; the one whose trial was best, for
 * the model may be too smooth; the centre, which is the first that was tried; the worst. */
static void choose_arms(const struct tune_work *w, size_t *arms, size_t *n)
{
	const struct tune_result *r = w->out;
	struct model m;
	size_t good = 0;

	*n = 0;
	model_init(&m, r, w->s->seed);
	while (good < m.n && is_ok(&r->settings[m.order[good]]))
		good++;
	for (size_t i = 0; i < good && i < 2; i++)
		add_arm(arms, n, m.order[i]);
	if (good) {
		add_arm(arms, n, luckiest(r));
		if (is_ok(&r->settings[0]))
			add_arm(arms, n, 0);
		add_arm(arms, n, m.order[good - 1]);
	}
	model_release(&m);
}

int tune_search(struct tune_work *w, size_t *arms, size_t *n_arms, struct err *err)
{
	size_t p = w->s->n_factors, start = START_PER_FACTOR * p, calm = 0;
	size_t most = w->s->trials < GP_MAX_ROWS ? w->s->trials : GP_MAX_ROWS;
	double *u = mem_zalloc(p + 1, sizeof(*u));
	uint32_t at = 0;
	int rc = 0;

	start = start < LEAST_START ? LEAST_START : start;
	w->out->end = TUNE_END_TRIALS;
	w->out->promise = NAN;
	tune_work_say(w, most, NULL);
	for (size_t i = 0; i < most && !rc; i++) {
		if (i < start && !start_point(w, i, &at, u)) {
			w->out->end = TUNE_END_ALL;
			break;
		}
		if (i >= start && !next_point(w, i, &calm, &at, u))
			break;
		rc = try_at(w, i, u, err);
	}
	if (!rc)
		choose_arms(w, arms, n_arms);
	free(u);
	return rc;
}

#include "correlate/correlate.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "correlate/correlate_work.h"

const char *const CORRELATE_METHOD_WORDS[] = {
#define X(name, word, text) word,
	CORRELATE_METHODS(X)
#undef X
		NULL};

/* ---- q-values ---- */

static int by_p(const void *a, const void *b)
{
	const double *x = *(const double *const *)a, *y = *(const double *const *)b;

	return *x < *y ? -1 : *x > *y ? 1 : x < y ? -1 : x > y;
}

void correlate_bh(double *p, size_t n)
{
	double **order = mem_alloc(n + 1, sizeof(*order)), least = 1;

	for (size_t i = 0; i < n; i++)
		order[i] = p + i;
	qsort(order, n, sizeof(*order), by_p);
	for (size_t i = n; i-- > 0;) {
		double q = *order[i] * (double)n / (double)(i + 1);

		least = q < least ? q : least;
		*order[i] = least;
	}
	free(order);
}

/* ---- one run ---- */

enum state { LOOKED_AT, IS_CONSTANT, IS_DUPLICATE, IS_SHORT, IS_TARGET };

struct run {
	const struct series_set *set;
	const struct correlate_spec *spec;
	struct corr_axis axis, other; /* other: robust, beside pearson-diff */
	struct corr_values target, given, other_target, other_given;
	struct corr_values target_halves; /* only where there is a filter */
	size_t lags;
	double *p, *other_p;        /* series × lags; NaN where not looked at */
	struct correlate_row *best; /* a series */
	unsigned char *state;
};

/* The p-values of a series at all lags, into p; the best of them. */
static struct corr_pair look(const struct run *run, const struct corr_axis *axis,
	const struct corr_values *target, const struct corr_values *x, double *p,
	struct corr_scratch *w)
{
	long max_lag = (long)run->spec->max_lag;
	struct corr_pair best = {.p = NAN}, one;

	for (long lag = -max_lag; lag <= max_lag; lag++) {
		corr_pair(axis, x, target, lag, w, &one);
		p[lag + max_lag] = one.p;
		if (isnan(one.p) ||
			(!isnan(best.p) &&
				(one.p > best.p ||
					(one.p == best.p && fabs(one.r) <= fabs(best.r)))))
			continue;
		best = one;
	}
	return best;
}

static void fill_row(struct correlate_row *row, const struct run *run, size_t series,
	const struct corr_pair *best)
{
	*row = (struct correlate_row){.series = series,
		.lag = best->lag,
		.r = best->r,
		.p = best->p,
		.n = best->n,
		.n_eff = best->n_eff,
		.share = best->r * best->r,
		.group = SIZE_MAX};
	corr_interval(best, run->spec->confidence, &row->low, &row->high);
}

static enum state state_of(const struct run *run, size_t i)
{
	const struct series *s = &run->set->items[i];

	if (i == run->spec->target || i == run->spec->given)
		return IS_TARGET;
	if (s->constant)
		return IS_CONSTANT;
	/* of a series that equals the target, or of two equal ones, the first is looked at */
	if (s->same_as != SIZE_MAX || run->set->items[run->spec->target].same_as == i)
		return IS_DUPLICATE;
	return LOOKED_AT;
}

static enum state look_at(struct run *run, size_t i, struct corr_values *x,
	struct corr_values *halves, struct corr_scratch *w)
{
	enum state state = state_of(run, i);
	const double *values = run->set->items[i].values;
	struct corr_pair best;

	if (state != LOOKED_AT)
		return state;
	corr_prepare(&run->axis, values, x, w);
	if (x->known < CORRELATE_PAIRS_MIN)
		return IS_SHORT;
	if (x->constant)
		return IS_CONSTANT;
	corr_acf(&run->axis, x, run->axis.acf_lags);
	best = look(run, &run->axis, &run->target, x, run->p + i * run->lags, w);
	if (isnan(best.p))
		return IS_SHORT;
	if (corr_is_refined(&run->axis, &best)) {
		if (run->axis.order)
			corr_halves(&run->axis, values, x, halves, w);
		corr_refine(&run->axis, x, &run->target, halves, &run->target_halves, &best);
	}
	fill_row(&run->best[i], run, i, &best);
	if (run->other_p) {
		corr_prepare(&run->other, values, x, w);
		corr_acf(&run->other, x, run->other.acf_lags);
		if (!x->constant)
			look(run, &run->other, &run->other_target, x, run->other_p + i * run->lags,
				w);
	}
	return LOOKED_AT;
}

static void look_at_some(void *arg, size_t task)
{
	struct run *run = arg;
	size_t first = task * CORR_CHUNK, end = first + CORR_CHUNK;
	struct corr_values x, halves;
	struct corr_scratch w;

	if (end > run->set->n)
		end = run->set->n;
	corr_values_init(&x, run->axis.n);
	corr_values_init(&halves, run->axis.n);
	corr_scratch_init(&w, run->axis.n);
	for (size_t i = first; i < end; i++)
		run->state[i] = (unsigned char)look_at(run, i, &x, &halves, &w);
	series_forget(run->set, first, end - first);
	corr_scratch_release(&w);
	corr_values_release(&halves);
	corr_values_release(&x);
}

/* The target (and `given`) as they are compared by a method. */
static int prepare_target(struct run *run, struct corr_axis *axis, enum correlate_method method,
	struct corr_values *target, struct corr_values *given, struct err *err)
{
	const struct series_set *s = run->set;
	const struct series *t = &s->items[run->spec->target];
	struct corr_scratch w;
	int rc = 0;

	corr_axis_init(axis, s, method);
	corr_values_init(target, axis->n);
	corr_values_init(given, axis->n);
	corr_scratch_init(&w, axis->n);
	if (run->spec->given < s->n) {
		corr_prepare(axis, s->items[run->spec->given].values, given, &w);
		if (given->constant || given->known < CORRELATE_PAIRS_MIN)
			rc = err_set(err, ERR_INPUT,
				"The series that is to be taken out, '%s', does not vary or has "
				"fewer than %d steps: leave it out, or name another one.",
				s->items[run->spec->given].name, CORRELATE_PAIRS_MIN);
		axis->given = given;
	}
	corr_fit(axis, t->values, target, &w);
	if (axis == &run->axis) {
		corr_values_init(&run->target_halves, axis->n);
		if (axis->order)
			corr_halves(axis, t->values, target, &run->target_halves, &w);
	}
	if (!rc && (target->constant || target->known < CORRELATE_PAIRS_MIN))
		rc = err_set(err, ERR_INPUT,
			"The target '%s' has %zu known steps of %zu%s: nothing can be found to "
			"move "
			"with it. Take a longer range, or another target.",
			t->name, target->known, axis->n,
			target->constant ? ", and does not vary" : "");
	corr_scratch_release(&w);
	return rc;
}

/* ---- the result ---- */

/* What was found: how much of the target it explains is the news, not how sure that is. */
static int by_weight(const void *a, const void *b)
{
	const struct correlate_row *x = a, *y = b;

	if (x->found != y->found)
		return x->found ? -1 : 1;
	if (!x->found && x->q != y->q)
		return x->q < y->q ? -1 : 1;
	if (fabs(x->r) != fabs(y->r))
		return fabs(x->r) > fabs(y->r) ? -1 : 1;
	return x->series < y->series ? -1 : x->series > y->series;
}

/* p → q among the tests that were made, the others out of the way. */
static size_t q_values(double *p, size_t n)
{
	double *made = mem_alloc(n + 1, sizeof(*made));
	size_t tests = 0;

	for (size_t i = 0; i < n; i++)
		if (!isnan(p[i]))
			made[tests++] = p[i];
	correlate_bh(made, tests);
	for (size_t i = 0, next = 0; i < n; i++)
		if (!isnan(p[i]))
			p[i] = made[next++];
	free(made);
	return tests;
}

static void collect(struct correlate_result *out, struct run *run)
{
	size_t max_lag = run->spec->max_lag;

	out->tests = q_values(run->p, run->set->n * run->lags);
	if (run->other_p)
		q_values(run->other_p, run->set->n * run->lags);
	out->rows = mem_alloc(run->set->n + 1, sizeof(*out->rows));
	for (size_t i = 0; i < run->set->n; i++) {
		struct correlate_row *row = &run->best[i];
		size_t at = i * run->lags + (size_t)(row->lag + (long)max_lag);

		out->constant += run->state[i] == IS_CONSTANT;
		out->duplicate += run->state[i] == IS_DUPLICATE;
		out->short_ += run->state[i] == IS_SHORT;
		if (run->state[i] != LOOKED_AT)
			continue;
		row->q = run->p[at];
		row->found = row->q <= run->spec->fdr;
		row->doubtful = run->other_p && row->found && !(run->other_p[at] <= run->spec->fdr);
		out->n_found += row->found;
		out->rows[out->n++] = *row;
	}
	qsort(out->rows, out->n, sizeof(*out->rows), by_weight);
}

static int check(const struct series_set *s, const struct correlate_spec *spec, struct err *err)
{
	if (spec->target >= s->n)
		return err_set(err, ERR_USAGE,
			"There is no series %zu to be the target: the set has %zu.", spec->target,
			s->n);
	if (spec->given != SIZE_MAX && (spec->given >= s->n || spec->given == spec->target))
		return err_set(err, ERR_USAGE,
			"The series to be taken out must be one of the %zu, and not the target.",
			s->n);
	if (!(spec->fdr > 0 && spec->fdr < 1) || !(spec->confidence > 0 && spec->confidence < 1))
		return err_set(err, ERR_USAGE,
			"A false discovery rate and a confidence lie between 0 and 1, not at %g "
			"and "
			"%g.",
			spec->fdr, spec->confidence);
	if (s->n_times > UINT32_MAX / 2)
		return err_set(err, ERR_INPUT,
			"%zu times are more than culprit compares: take a "
			"shorter range, or a longer step.",
			s->n_times);
	if (s->n_times <= CORRELATE_PAIRS_MIN + spec->max_lag)
		return err_set(err, ERR_INPUT,
			"%zu times are too few%s: culprit compares %d differences or more%s. Take "
			"a "
			"longer range%s.",
			s->n_times, spec->max_lag ? " for lags that long" : "", CORRELATE_PAIRS_MIN,
			spec->max_lag ? " at each lag" : "",
			spec->max_lag ? ", or a smaller --max-lag" : "");
	return 0;
}

int correlate_run(struct correlate_result *out, const struct series_set *s,
	const struct correlate_spec *spec, struct err *err)
{
	struct run run = {.set = s, .spec = spec, .lags = 2 * spec->max_lag + 1};
	bool beside = spec->method == CORRELATE_PEARSON_DIFF;
	size_t tests = s->n * run.lags;
	int rc;

	*out = (struct correlate_result){.spec = *spec};
	rc = check(s, spec, err);
	if (rc)
		return rc;
	rc = prepare_target(&run, &run.axis, spec->method, &run.target, &run.given, err);
	if (!rc && beside)
		rc = prepare_target(&run, &run.other, CORRELATE_ROBUST, &run.other_target,
			&run.other_given, err);
	if (rc)
		goto done;
	run.p = mem_alloc(tests, sizeof(double));
	run.other_p = beside ? mem_alloc(tests, sizeof(double)) : NULL;
	for (size_t i = 0; i < tests; i++) {
		run.p[i] = NAN;
		if (beside)
			run.other_p[i] = NAN;
	}
	run.best = mem_zalloc(s->n, sizeof(*run.best));
	run.state = mem_zalloc(s->n, 1);
	parallel_for(spec->threads, (s->n + CORR_CHUNK - 1) / CORR_CHUNK, look_at_some, &run);
	out->target = mem_strdup(s->items[spec->target].name);
	collect(out, &run);
	corr_group(out, &run.axis, s);
	corr_keep_shown(out, s);
done:
	free(run.p);
	free(run.other_p);
	free(run.best);
	free(run.state);
	corr_values_release(&run.target);
	corr_values_release(&run.target_halves);
	corr_values_release(&run.given);
	corr_values_release(&run.other_target);
	corr_values_release(&run.other_given);
	corr_axis_release(&run.axis);
	corr_axis_release(&run.other);
	return rc;
}

/*
 * The order of things: check, choose the scale, fit all models on every split, and put together
 * what they say. docs/methods.md explains each step and gives its measured error rates.
 */
#include "learn/rank.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/parallel.h"
#include "learn/rank_work.h"
#include "learn/rfecv.h"
#include "stats/dist.h"
#include "stats/summary.h"

/*
 * LARGE: cells of a table past which the repeated splits work on a sample of its rows; a few
 * thousand rows already leave intervals that are narrower than anybody asks for. SPLIT_TREES: of
 * the forests that are only averaged over splits.
 */
enum { LARGE = 40000, MIN_ROWS = 3, SPLIT_TREES = 16 };

static void warn(struct rank_result *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void warn(struct rank_result *r, const char *format, ...)
{
	struct str text = STR_INIT;
	va_list args;

	va_start(args, format);
	str_vaddf(&text, format, args);
	va_end(args);
	r->warnings = mem_resize(r->warnings, r->n_warnings + 1, sizeof(char *));
	r->warnings[r->n_warnings++] = str_take(&text);
}

static int check(const struct dataset *d, const struct rank_spec *spec, struct err *err)
{
	if (d->n < MIN_ROWS)
		return err_set(err, ERR_INPUT, "%zu trial%s; it takes at least %d to rank factors",
			d->n, d->n == 1 ? "" : "s", MIN_ROWS);
	if (!d->p)
		return err_set(err, ERR_INPUT, "there is no factor to rank");
	for (size_t i = 0; i < d->n; i++) {
		if (!isfinite(d->y[i]))
			return err_set(
				err, ERR_INPUT, "trial %zu has no finite %s", i + 1, d->response);
		if (spec->scale == RANK_LOG && d->y[i] <= 0)
			return err_set(err, ERR_INPUT,
				"trial %zu has %s %g, which has no logarithm; leave --log out",
				i + 1, d->response, d->y[i]);
	}
	for (size_t i = 0; i < d->n * d->p; i++)
		if (!isfinite(d->x[i]))
			return err_set(err, ERR_INPUT, "trial %zu has no finite %s", i % d->n + 1,
				d->names[i / d->n]);
	if (summary_max(d->y, d->n) - summary_min(d->y, d->n) <= 1e-12 * fabs(d->y[0]))
		return err_set(err, ERR_INPUT,
			"%s is %g in every trial: there is nothing to explain; vary the factors "
			"more, or "
			"take another response",
			d->response, d->y[0]);
	return 0;
}

/* All rows, or the seeded sample of a large table. */
static void take_rows(struct rank_work *w)
{
	const struct dataset *d = w->data;
	size_t most = LARGE / d->p < 1000 ? 1000 : LARGE / d->p;
	unsigned *order;
	struct rng rng;

	w->n = d->n;
	w->p = d->p;
	w->x = d->x;
	w->own = d->y;
	if (d->n <= most)
		return;
	order = mem_alloc(d->n, sizeof(*order));
	rng_seed(&rng, w->spec.seed, 3);
	rng_permutation(&rng, order, d->n);
	w->n = most;
	w->sample = order;
	w->x = mem_alloc(most * d->p, sizeof(double));
	w->own = mem_alloc(most, sizeof(double));
	for (size_t i = 0; i < most; i++) {
		for (size_t j = 0; j < d->p; j++)
			w->x[j * most + i] = d->x[j * d->n + order[i]];
		w->own[i] = d->y[order[i]];
	}
	for (size_t m = 0; m < RANK_GP; m++)
		w->outside[m] = mem_alloc(d->n, sizeof(double));
}

static void choose_scale(struct rank_work *w, struct rank_result *r)
{
	bool positive = summary_min(w->data->y, w->data->n) > 0;

	r->cv_error_raw = r->cv_error_log = NAN;
	if (w->spec.scale != RANK_LOG)
		r->cv_error_raw = rank_linear_error(w, false);
	if (w->spec.scale != RANK_RAW && positive)
		r->cv_error_log = rank_linear_error(w, true);
	w->log = w->spec.scale == RANK_LOG ||
		 (w->spec.scale == RANK_AUTO && r->cv_error_log < r->cv_error_raw);
	r->log_scale = w->log;
	w->y = mem_alloc(w->n, sizeof(double));
	for (size_t i = 0; i < w->n; i++)
		w->y[i] = rank_to_model(w->log, w->own[i]);
}

/* R² of the holdout as scikit-learn's r2_score has it, and the mean squared error. */
static void score_holdout(
	struct rank_fit *f, const double *own, const unsigned *test, size_t n_test)
{
	double mean = 0, rest = 0, whole = 0;

	for (size_t i = 0; i < n_test; i++)
		mean += own[test[i]] / (double)n_test;
	for (size_t i = 0; i < n_test; i++) {
		rest += pow(own[test[i]] - f->holdout[test[i]], 2);
		whole += pow(own[test[i]] - mean, 2);
	}
	f->mse = rest / (double)n_test;
	f->r2 = n_test > 1 && whole > 0 ? 1 - rest / whole : NAN;
}

/*
 * Over the splits: each split's squared error against the variance of the response over all rows,
 * which a handful of test rows does not shake; the interval of their mean by the corrected
 * resampled t (Nadeau & Bengio, "Inference for the generalization error", Machine Learning 52,
 * 2003).
 */
static void score_splits(const struct rank_work *w, struct rank_fit *f, enum rank_model model)
{
	double *v = mem_alloc(w->n_splits, sizeof(double)), squares = 0, rows = 0, half;
	double splits = (double)w->n_splits, n = (double)w->n, variance;

	variance = summary_variance(w->own, w->n) * (n - 1) / n;
	for (size_t i = 0; i < w->n_splits; i++) {
		const struct split *s = &w->splits[i];

		squares += s->fit[model].squares;
		rows += (double)s->n_test;
		v[i] = 1 - s->fit[model].squares / (double)s->n_test / variance;
	}
	f->mse_mean = squares / rows;
	f->r2_mean = 1 - f->mse_mean / variance;
	half = dist_t_quantile(.5 + w->spec.confidence / 2, splits - 1) *
	       sqrt((1 / splits + rows / splits / (n - rows / splits)) *
		       summary_variance(v, w->n_splits));
	f->r2_interval = (struct interval){f->r2_mean - half, fmin(1, f->r2_mean + half)};
	if (w->n <= RANK_FOLDS)
		f->r2_interval = (struct interval){NAN, NAN};
	free(v);
}

struct rank_fit *rank_fit_of(struct rank_result *r, enum rank_model model)
{
	return model == RANK_GP ? &r->gp : model == RANK_FOREST ? &r->forest : &r->linear;
}

static void score_models(const struct rank_work *w, struct rank_result *r)
{
	for (size_t m = 0; m < RANK_MODELS; m++) {
		struct rank_fit *f = rank_fit_of(r, (enum rank_model)m);

		if (!w->fits[m])
			continue;
		score_splits(w, f, (enum rank_model)m);
		if (f->mse_mean < rank_fit_of(r, r->preferred)->mse_mean)
			r->preferred = (enum rank_model)m;
		for (size_t i = 0; i < r->n; i++)
			f->predicted[i] = w->outside[m] ? w->outside[m][i] : NAN;
		for (size_t s = 0; s < w->folds; s++)
			for (size_t i = 0; i < w->splits[s].n_test; i++) {
				size_t row = w->splits[s].rows[w->splits[s].n_train + i];

				f->predicted[w->sample ? w->sample[row] : row] =
					w->splits[s].fit[m].predicted[i];
			}
	}
}

/* The reported forest: importances, and how it does on rows that it did not see. */
static void report_forest(const struct rank_work *w, struct rank_result *r)
{
	double *impurity = mem_alloc(r->p, sizeof(double));

	r->forest_oob_r2 = forest_oob_r2(w->forest);
	forest_impurity_importance(w->forest, impurity);
	for (size_t j = 0; j < r->p; j++) {
		const double *drops = w->drops + j * RANK_SHUFFLES;

		r->factors[j].impurity = impurity[j];
		r->factors[j].permutation = summary_mean(drops, RANK_SHUFFLES);
		r->factors[j].permutation_sd = sqrt(summary_variance(drops, RANK_SHUFFLES));
	}
	free(impurity);
}

/* The holdout of a small table is its first split. */
static void small_holdout(const struct rank_work *w, struct rank_result *r)
{
	const struct split *s = &w->splits[0];
	const unsigned *test = s->rows + s->n_train;

	for (size_t i = 0; i < s->n_test; i++) {
		r->holdout[test[i]] = true;
		for (size_t m = 0; m < RANK_MODELS; m++)
			if (w->fits[m])
				rank_fit_of(r, (enum rank_model)m)->holdout[test[i]] =
					s->fit[m].predicted[i];
	}
	for (size_t m = 0; m < RANK_MODELS; m++)
		if (w->fits[m])
			score_holdout(rank_fit_of(r, (enum rank_model)m), w->own, test, s->n_test);
	report_forest(w, r);
}

/* The holdout of a large table: a fifth of all its rows, and models fitted on the rest of them. */
static int large_holdout(struct rank_work *w, struct rank_result *r, struct err *err)
{
	const struct dataset *d = w->data;
	struct forest_spec spec = FOREST_SPEC_DEFAULT;
	size_t n_test = d->n / 5, n_train = d->n - n_test;
	unsigned *rows = mem_alloc(d->n, sizeof(*rows)), *test = rows + n_train;
	double *y = mem_alloc(d->n, sizeof(double)), *out = mem_alloc(n_test, sizeof(double));
	struct linear m = {0};
	struct rng rng;
	size_t train = 0, tested = 0;
	int rc;

	rng_seed(&rng, w->spec.seed, 4);
	rng_permutation(&rng, rows, d->n);
	for (size_t i = 0; i < n_test; i++)
		r->holdout[rows[i]] = true;
	for (size_t i = 0; i < d->n; i++) {
		rows[r->holdout[i] ? n_train + tested++ : train++] = (unsigned)i;
		y[i] = rank_to_model(w->log, d->y[i]);
	}
	spec.trees = w->spec.trees;
	spec.threads = w->threads;
	spec.seed = w->spec.seed;
	rc = rank_fit_selected(&m, NULL, d->x, y, d->n, d->p, rows, n_train, err);
	if (!rc)
		rc = forest_fit(&w->forest, &spec, d->x, y, d->n, d->p, rows, n_train, err);
	if (!rc) {
		forest_predict(w->forest, d->x, d->n, test, n_test, out);
		for (size_t i = 0; i < n_test; i++) {
			r->forest.holdout[test[i]] = rank_to_own(w->log, out[i]);
			r->linear.holdout[test[i]] =
				rank_to_own(w->log, linear_predict(&m, d->x, d->n, test[i]));
		}
		score_holdout(&r->linear, d->y, test, n_test);
		score_holdout(&r->forest, d->y, test, n_test);
		rank_shuffle(w, y, test, n_test);
		report_forest(w, r);
	}
	linear_release(&m);
	free(out);
	free(y);
	free(rows);
	return rc;
}

/* The linear model and RFECV on all rows, as they are reported. */
static int fit_whole(
	const struct rank_work *w, struct rank_result *r, struct linear *m, struct err *err)
{
	const struct dataset *d = w->data;
	double *y = mem_alloc(d->n, sizeof(double));
	struct rfecv selection = {0};
	int rc;

	for (size_t i = 0; i < d->n; i++)
		y[i] = rank_to_model(w->log, d->y[i]);
	rc = linear_fit(m, d->x, y, d->n, d->p, NULL, d->n, err);
	if (!rc)
		rc = rfecv_fit(&selection, d->x, y, d->n, d->p, NULL, d->n, err);
	if (!rc) {
		r->rfecv_n = selection.n_selected;
		memcpy(r->rfecv_score, selection.score, d->p * sizeof(double));
		for (size_t j = 0; j < d->p; j++) {
			struct rank_factor *f = &r->factors[j];

			f->coef = m->coef[j];
			f->std_error = m->std_error[j];
			f->p_value = m->p_value[j];
			f->collinear = m->collinear[j];
			f->rfecv_rank = selection.ranking[j];
			f->low = summary_min(d->x + j * d->n, d->n);
			f->high = summary_max(d->x + j * d->n, d->n);
		}
	}
	rfecv_release(&selection);
	free(y);
	return rc;
}

/* Little's law: what N connections that wait R seconds each must get a second. */
static void apply_little(struct rank_result *r)
{
	const struct dataset *d = &r->data;
	double mean = summary_mean(d->y, d->n), rest = 0, whole = 0;

	r->little_r2 = NAN;
	if (!d->connections || !d->mean_latency_s || strcmp(r->unit, "requests/s"))
		return;
	r->little_predicted = mem_alloc(d->n, sizeof(double));
	for (size_t i = 0; i < d->n; i++) {
		r->little_predicted[i] = d->connections[i] / d->mean_latency_s[i];
		rest += pow(d->y[i] - r->little_predicted[i], 2);
		whole += pow(d->y[i] - mean, 2);
	}
	r->little_r2 = 1 - rest / whole;
	if (!isfinite(r->little_r2)) {
		free(r->little_predicted);
		r->little_predicted = NULL;
		r->little_r2 = NAN;
	}
}

static void warn_of_entangled(struct rank_result *r, const struct linear *whole)
{
	struct str names = STR_INIT;

	for (size_t j = 0; j < r->p; j++)
		if (rank_entangled(whole, r->n, j))
			str_addf(&names, "%s%s", names.len ? ", " : "", r->data.names[j]);
	if (names.len)
		warn(r,
			"These vary together with other factors, so what each of them does is hard "
			"to tell "
			"apart, and importances may be those of its companions: %s.",
			names.p);
	str_release(&names);
}

static void warn_of_columns(struct rank_result *r)
{
	const struct dataset *d = &r->data;
	struct str constant = STR_INIT, combined = STR_INIT;

	for (size_t j = 0; j < r->p; j++) {
		const struct rank_factor *f = &r->factors[j];
		struct str *list = f->low == f->high ? &constant : &combined;

		if (f->collinear)
			str_addf(list, "%s%s", list->len ? ", " : "", d->names[j]);
		if (d->words && d->words[j] && f->high > 1)
			warn(r,
				"The linear model takes the words of %s as the numbers 0, 1, 2 … "
				"in the "
				"order in which they come; the forest does not mind.",
				d->names[j]);
	}
	if (constant.len)
		warn(r, "Constant in every trial, so nothing can be said about it: %s.",
			constant.p);
	if (combined.len && r->p < r->n)
		warn(r,
			"Left out of the linear model, as combinations of the factors before them: "
			"%s. "
			"What they do cannot be told from what those do.",
			combined.p);
	str_release(&constant);
	str_release(&combined);
}

static void warn_of_size(struct rank_result *r, const struct rank_work *w)
{
	if (r->p >= r->n)
		warn(r,
			"%zu factors but only %zu trials: the linear model leaves the last factors "
			"out.",
			r->p, r->n);
	if (r->n < 3 * r->p || r->n < 12)
		warn(r, "%zu trials for %zu factor%s are few: only very large effects can be seen.",
			r->n, r->p, r->p == 1 ? "" : "s");
	if (r->n < 4)
		warn(r, "RFECV takes at least 4 trials; no factor was eliminated.");
	else if (r->n < 10)
		warn(r, "RFECV used %zu folds: each of them needs two trials.", r->n / 2);
	if (w->sample)
		warn(r,
			"The repeated splits, intervals and tests use a random sample of %zu of "
			"the %zu "
			"trials.",
			w->n, r->n);
	if (r->data.failed)
		warn(r, "%zu failed trial%s left out.", r->data.failed,
			r->data.failed == 1 ? " was" : "s were");
	if (r->linear.r2_mean <= 0 && r->forest.r2_mean <= 0 && !(r->gp.r2_mean > 0))
		warn(r, "No model predicts unseen trials better than their mean does.");
}

static void warn_of_load(struct rank_result *r)
{
	const struct dataset *d = &r->data;

	if (!d->connections ||
		summary_min(d->connections, d->n) == summary_max(d->connections, d->n))
		return;
	for (size_t j = 0; j < d->p; j++)
		if (!memcmp(d->x + j * d->n, d->connections, d->n * sizeof(double)))
			return;
	warn(r, "The number of connections differs between trials but is not among the factors; "
		"name it "
		"as one, or its effect is noise.");
}

static void fit_init(struct rank_fit *f, size_t n)
{
	f->predicted = mem_alloc(n, sizeof(double));
	f->holdout = mem_alloc(n, sizeof(double));
	for (size_t i = 0; i < n; i++)
		f->holdout[i] = NAN;
}

static void result_init(
	struct rank_result *r, const struct dataset *d, const struct rank_spec *spec)
{
	*r = (struct rank_result){.response = mem_strdup(d->response),
		.n = d->n,
		.p = d->p,
		.unit = mem_strdup(d->unit ? d->unit : ""),
		.spec = *spec,
		.noise_floor = NAN};
	r->factors = mem_zalloc(d->p, sizeof(*r->factors));
	r->rfecv_score = mem_alloc(d->p, sizeof(double));
	r->holdout = mem_zalloc(d->n, sizeof(bool));
	r->gp.r2 = r->gp.r2_mean = NAN;
	fit_init(&r->linear, d->n);
	fit_init(&r->forest, d->n);
	dataset_copy(&r->data, d);
	for (size_t j = 0; j < d->p; j++)
		r->factors[j].name = r->data.names[j];
}

static void work_release(struct rank_work *w)
{
	rank_splits_release(w);
	rank_gp_release(w);
	forest_free(w->forest);
	free(w->drops);
	for (size_t m = 0; m < RANK_MODELS; m++)
		free(w->outside[m]);
	if (w->sample) {
		free(w->x);
		free(w->own);
	}
	free(w->sample);
	free(w->y);
	free(w->grids);
	free(w->values);
	free(w->influence);
}

int rank_learn(struct rank_result *out, const struct dataset *data, const struct rank_spec *spec,
	struct err *err)
{
	struct rank_work w = {.data = data, .spec = *spec};
	struct linear whole = {0};
	int rc;

	*out = (struct rank_result){0};
	rc = check(data, spec, err);
	if (rc)
		return rc;
	result_init(out, data, spec);
	w.threads = spec->threads ? spec->threads : parallel_cores();
	take_rows(&w);
	w.points = RANK_CURVE;
	w.fits[RANK_LINEAR] = w.fits[RANK_FOREST] = true;
	rank_splits_make(&w, spec->trees < SPLIT_TREES ? spec->trees : SPLIT_TREES);
	out->spec.splits = (unsigned)w.n_splits; /* whole repetitions of a small table's folds */
	w.keep_forest = !w.sample; /* the first split of a small table is its holdout */
	if (w.keep_forest)
		w.splits[0].trees = spec->trees;
	choose_scale(&w, out);
	rank_grids_make(&w);
	w.fits[RANK_GP] = rank_gp_suits(&w) && rank_gp_make(&w);
	if (w.fits[RANK_GP])
		fit_init(&out->gp, out->n);
	rc = fit_whole(&w, out, &whole, err);
	if (!rc)
		rc = rank_splits_fit(&w, err);
	if (rc)
		goto out;
	score_models(&w, out);
	if (w.sample)
		rc = large_holdout(&w, out, err);
	else
		small_holdout(&w, out);
	if (!rc)
		rc = rank_noise_floor(&w, out, err);
	if (rc)
		goto out;
	apply_little(out);
	warn_of_columns(out);
	warn_of_entangled(out, &whole);
	warn_of_size(out, &w);
	warn_of_load(out);
	rank_importance(&w, out);
	rank_active(&w, out, &whole);
	if (out->preferred == RANK_GP)
		rc = rank_gp_importance(&w, out, err);
	if (!rc)
		rc = rank_effects(&w, out, &whole, err);
	if (rc)
		goto out;
	rank_groups(&w, out);
	if (out->preferred == RANK_GP)
		rc = rank_pairs(&w, out, err);
out:
	linear_release(&whole);
	work_release(&w);
	return rc;
}

static void fit_release(struct rank_fit *f)
{
	free(f->predicted);
	free(f->holdout);
}

void rank_release(struct rank_result *r)
{
	for (size_t j = 0; r->factors && j < r->p; j++) {
		free(r->factors[j].curve_x);
		free(r->factors[j].curve_y);
		free(r->factors[j].curve_low);
		free(r->factors[j].curve_high);
	}
	for (size_t i = 0; i < r->n_warnings; i++)
		free(r->warnings[i]);
	fit_release(&r->linear);
	fit_release(&r->forest);
	fit_release(&r->gp);
	for (size_t i = 0; i < r->n_pairs; i++)
		free(r->pairs[i].sentence);
	free(r->pairs);
	free(r->warnings);
	free(r->factors);
	free(r->rfecv_score);
	free(r->little_predicted);
	free(r->holdout);
	free(r->response);
	free(r->unit);
	dataset_release(&r->data);
	*r = (struct rank_result){0};
}

/*
 * The search for the best setting: the full table, in blocks; or the search of
 * study_tune_search.c, and then its best settings side by side. And the trials of both, which a
 * runner measures and the store keeps.
 */
#include "study/study_tune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "study/order.h"
#include "study/runner.h"
#include "study/setting.h"
#include "study/tune_work.h"

/* ---- what both do ---- */

static size_t steps_of(const struct factor *f)
{
	return f->n_values ? f->n_values : f->whole ? (size_t)(f->high - f->low) + 1 : 0;
}

double tune_work_snap(size_t steps, double u)
{
	double n = (double)steps;

	return steps ? (floor(fmin(u * n, n - 1)) + .5) / n : u;
}

void tune_work_say(const struct tune_work *w, size_t expected, const char *sentence)
{
	if (w->trials->say)
		w->trials->say(w->trials->arg, expected, sentence);
}

/* The regime of the first trial that has one. */
static void keep_regime(struct tune_setting *s, const json_t *detail)
{
	if (s->regime || !*json_text_at(detail, "regime"))
		return;
	s->regime = mem_strdup(json_text_at(detail, "regime"));
	s->regime_text = mem_strdup(json_text_at(detail, "regime_text"));
}

/* Where a stored trial was measured: its own word goes before what would be chosen today. */
static void measured_at(const json_t *detail, double *u, size_t p)
{
	const json_t *list = json_object_get(detail, "u");

	for (size_t j = 0; j < p && json_array_size(list) == p; j++)
		u[j] = json_number_value(json_array_get(list, j));
}

int tune_work_run(struct tune_work *w, size_t index, const double *u, json_t *about, size_t *at,
	double *y, struct err *err)
{
	size_t p = w->s->n_factors;
	struct study_tune_seen seen = {.y = NAN};
	double *where = mem_copy(u, p * sizeof(double));
	json_t *list = json_array();
	struct setting setting;
	int rc;

	for (size_t j = 0; j < p; j++)
		json_array_append_new(list, json_real(u[j]));
	json_object_set_new(about, "u", list);
	rc = w->trials->run(w->trials->arg, index, u, about, &seen, err);
	json_decref(about);
	if (rc)
		goto out;
	measured_at(seen.detail, where, p);
	setting_init(&setting, w->s, where);
	*at = tune_find(w->out, setting.values);
	if (*at == TUNE_NONE)
		*at = tune_add(w->out, setting.values, where);
	setting_release(&setting);
	*y = seen.ok ? seen.y : (double)NAN;
	w->out->trials++;
	w->out->failed += isnan(*y);
	w->out->settings[*at].failed += isnan(*y);
	keep_regime(&w->out->settings[*at], seen.detail);
out:
	free(where);
	return rc;
}

/* ---- the full table ---- */

size_t study_tune_cells(const struct study *s)
{
	size_t cells = 1;

	for (size_t j = 0; j < s->n_factors; j++) {
		size_t steps = steps_of(&s->factors[j]);

		if (!steps || steps > s->trials / cells)
			return 0;
		cells *= steps;
	}
	return cells;
}

/* The cell's point: the last factor runs fastest. */
static void cell_point(const struct study *s, size_t cell, double *u)
{
	for (size_t j = s->n_factors; j-- > 0;) {
		size_t steps = steps_of(&s->factors[j]);

		u[j] = ((double)(cell % steps) + .5) / (double)steps;
		cell /= steps;
	}
}

static void add_levels(struct tune_result *out, const struct study *s)
{
	double *u = mem_zalloc(s->n_factors + 1, sizeof(*u));

	for (size_t j = 0; j < s->n_factors; j++) {
		struct tune_factor *f = &out->factors[j];

		f->levels = mem_zalloc(f->steps + 1, sizeof(char *));
		for (size_t i = 0; i < f->steps; i++) {
			struct setting setting;

			u[j] = ((double)i + .5) / (double)f->steps;
			setting_init(&setting, s, u);
			f->levels[i] = mem_strdup(setting.values[j]);
			setting_release(&setting);
		}
	}
	free(u);
}

/* Every cell is there from the start, in the order of the table. */
static void add_cells(struct tune_result *out, const struct study *s, size_t cells)
{
	double *u = mem_alloc(s->n_factors + 1, sizeof(*u));

	for (size_t i = 0; i < cells; i++) {
		struct setting setting;

		cell_point(s, i, u);
		setting_init(&setting, s, u);
		tune_add(out, setting.values, u);
		setting_release(&setting);
	}
	free(u);
}

/* One round through all cells, in random order; settings of the service grouped, where a change
 * needs a restart, as study_order() does. */
static int run_block(struct tune_work *w, size_t cells, size_t block, struct rng *rng, double *y,
	struct err *err)
{
	size_t p = w->s->n_factors, at = 0;
	uint32_t *shuffled = mem_alloc(cells, sizeof(*shuffled));
	size_t *order = mem_alloc(cells, sizeof(*order));
	double *u = mem_alloc(cells * p, sizeof(*u));
	int rc = 0;

	rng_permutation(rng, shuffled, cells);
	for (size_t i = 0; i < cells; i++)
		cell_point(w->s, shuffled[i], u + i * p);
	study_order(w->s, u, 0, cells, order);
	for (size_t i = 0; i < cells && !rc; i++) {
		size_t cell = shuffled[order[i]];
		double value = NAN;

		rc = tune_work_run(w, block * cells + cell, u + order[i] * p,
			json_pack("{s:s, s:I}", "kind", "table", "block", (json_int_t)block + 1),
			&at, &value, err);
		y[cell * w->out->blocks + block] = value;
	}
	free(shuffled);
	free(order);
	free(u);
	return rc;
}

static int run_table(struct tune_work *w, size_t cells, size_t repeat, struct err *err)
{
	struct tune_result *out = w->out;
	double *y = mem_alloc(cells * repeat, sizeof(*y));
	size_t *which = mem_alloc(cells, sizeof(*which));
	struct rng rng;
	int rc = 0;

	out->full = true;
	out->end = TUNE_END_FULL;
	out->promise = NAN;
	out->blocks = repeat;
	rng_seed(&rng, w->s->seed, TUNE_ORDER_STREAM);
	add_levels(out, w->s);
	add_cells(out, w->s, cells);
	tune_work_say(w, cells * repeat, NULL);
	for (size_t i = 0; i < cells; i++)
		which[i] = i;
	for (size_t b = 0; b < repeat && !rc; b++)
		rc = run_block(w, cells, b, &rng, y, err);
	if (!rc)
		tune_judge(out, which, cells, y, repeat);
	free(which);
	free(y);
	return rc;
}

/* ---- the search ---- */

/* The settings that it named, side by side: in each round once, in random order. */
static int compare(struct tune_work *w, const size_t *arms, size_t n, struct err *err)
{
	double y[TUNE_ARMS_MAX * TUNE_ARM_REPEATS];
	uint32_t order[TUNE_ARMS_MAX];
	struct rng rng;
	int rc = 0;

	for (size_t i = 0; i < n; i++) /* of the repeats alone, from now on */
		w->out->settings[arms[i]].failed = 0;
	rng_seed(&rng, w->s->seed, TUNE_ORDER_STREAM);
	tune_work_say(w, w->out->trials + n * TUNE_ARM_REPEATS, "repeating the best");
	for (size_t b = 0; b < TUNE_ARM_REPEATS && !rc; b++) {
		rng_permutation(&rng, order, n);
		for (size_t i = 0; i < n && !rc; i++) {
			size_t arm = order[i], at;

			rc = tune_work_run(w, STUDY_CONFIRM_BASE + b * TUNE_ARMS_MAX + arm,
				w->out->settings[arms[arm]].u,
				json_pack(
					"{s:s, s:I}", "kind", "repeat", "block", (json_int_t)b + 1),
				&at, &y[arm * TUNE_ARM_REPEATS + b], err);
		}
	}
	if (!rc)
		tune_judge(w->out, arms, n, y, TUNE_ARM_REPEATS);
	return rc;
}

static void find_centre(struct tune_result *out, const struct study *s)
{
	double *u = mem_alloc(s->n_factors + 1, sizeof(*u));
	struct setting setting;

	for (size_t j = 0; j < s->n_factors; j++)
		u[j] = tune_work_snap(steps_of(&s->factors[j]), .5);
	setting_init(&setting, s, u);
	out->centre = tune_find(out, setting.values);
	setting_release(&setting);
	free(u);
}

static bool is_less_better(const struct study *s, const struct study_tune_spec *spec)
{
	return spec->better == STUDY_BETTER_AUTO ? study_less_is_better(s->response)
						 : spec->better == STUDY_BETTER_MIN;
}

int study_tune_with(const struct study_tune_trials *trials, const struct study *s,
	const struct study_tune_spec *spec, struct tune_result *out, struct err *err)
{
	struct tune_work w = {.s = s, .trials = trials, .out = out};
	size_t cells = study_tune_cells(s), arms[TUNE_ARMS_MAX], n_arms = 0;
	int rc;

	*out = (struct tune_result){.response = mem_strdup(s->response),
		.unit = mem_strdup(study_response_unit(s->response)),
		.less = is_less_better(s, spec),
		.confidence = s->confidence,
		.p = s->n_factors,
		.noise = NAN,
		.spread = NAN,
		.best = TUNE_NONE,
		.worst = TUNE_NONE,
		.centre = TUNE_NONE,
		.smallest = TUNE_NONE};
	out->factors = mem_zalloc(s->n_factors + 1, sizeof(*out->factors));
	for (size_t j = 0; j < s->n_factors; j++)
		out->factors[j] = (struct tune_factor){.name = mem_strdup(s->factors[j].name),
			.steps = steps_of(&s->factors[j]),
			.words = s->factors[j].words};
	rc = cells ? run_table(&w, cells, spec->repeat, err) : tune_search(&w, arms, &n_arms, err);
	if (!rc && !cells)
		rc = compare(&w, arms, n_arms, err);
	if (rc)
		return rc;
	find_centre(out, s);
	if (out->best == TUNE_NONE)
		return err_set(err, ERR_INPUT,
			"%s: none of the %zu trials that count went well, so there is no best "
			"setting",
			s->path, out->trials);
	return 0;
}

size_t study_tune_trials(const struct study *s, const struct study_tune_spec *spec)
{
	size_t cells = study_tune_cells(s);

	return cells ? cells * spec->repeat : s->trials + TUNE_ARMS_MAX * TUNE_ARM_REPEATS;
}

void study_tune_key(const struct study *s, const struct study_tune_spec *spec, struct str *out)
{
	str_addf(out, "tune-%s-%zu-%s", s->key, study_tune_cells(s) ? spec->repeat : 0,
		is_less_better(s, spec) ? "min" : "max");
}

/* ---- trials of a runner ---- */

/* Every trial that is known, by its index: those of the store, and each as it ends. */
struct known {
	struct runner *runner;
	const struct study *s;
	const struct study_hooks *hooks;
	struct known_trial {
		size_t index;
		bool ok;
		double y;
		json_t *detail;
	} * trials;
	size_t n, cap;
};

static void know(struct known *k, const struct trial *t)
{
	k->trials = mem_grow(k->trials, &k->cap, k->n + 1, sizeof(*k->trials));
	k->trials[k->n++] = (struct known_trial){.index = t->index,
		.ok = t->ok,
		.y = json_number_at(t->responses, k->s->response),
		.detail = json_incref(t->detail)};
}

static void on_tick(void *arg, const struct study_tick *tick)
{
	struct known *k = arg;

	if (tick->finished)
		know(k, tick->finished);
	if (k->hooks && k->hooks->tick)
		k->hooks->tick(k->hooks->arg, tick);
}

static int run_known(void *arg, size_t index, const double *u, json_t *about,
	struct study_tune_seen *out, struct err *err)
{
	struct known *k = arg;
	int rc = runner_run(k->runner, index, u, about, err);

	for (size_t i = k->n; !rc && i-- > 0;)
		if (k->trials[i].index == index) {
			*out = (struct study_tune_seen){.ok = k->trials[i].ok,
				.y = k->trials[i].y,
				.detail = k->trials[i].detail};
			break;
		}
	return rc;
}

static void say_known(void *arg, size_t expected, const char *sentence)
{
	struct known *k = arg;

	runner_expect(k->runner, expected);
	runner_say(k->runner, sentence);
}

static int know_stored(struct known *k, struct store *store, int64_t run_id, struct err *err)
{
	struct trial *trials;
	size_t n;
	int rc = store_trial_list(store, run_id, &trials, &n, err);

	for (size_t i = 0; !rc && i < n; i++)
		know(k, &trials[i]);
	trials_free(trials, n);
	return rc;
}

int study_tune(const struct study *s, const struct study_tune_spec *spec, struct store *store,
	int64_t run_id, const struct study_hooks *hooks, struct tune_result *out, struct err *err)
{
	struct known known = {.s = s, .hooks = hooks};
	struct study_tune_trials trials = {run_known, say_known, &known};
	struct study_hooks own = hooks ? *hooks : (struct study_hooks){0};
	int rc;

	own.tick = on_tick;
	own.arg = &known;
	*out = (struct tune_result){0};
	rc = know_stored(&known, store, run_id, err);
	if (!rc)
		rc = runner_open(&known.runner, s, store, run_id, &own, err);
	if (!rc)
		rc = study_tune_with(&trials, s, spec, out, err);
	runner_close(known.runner);
	for (size_t i = 0; i < known.n; i++)
		json_decref(known.trials[i].detail);
	free(known.trials);
	return rc;
}

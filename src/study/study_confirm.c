/*
 * The confirmation of a study: which trials it takes, and their outcome. The factor of the first
 * rank is moved by a tenth, in the direction that improves the response, at the best setting that
 * was measured and at the centre of all; pairs run one after the other, in random order.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "learn/confirm.h"
#include "study/runner.h"
#include "study/setting.h"

#define MOVE .1 /* of the factor's value, or of its range where it is 0 */

enum { PLACES = 2, PLACE_TRIALS = 1000 };

bool study_less_is_better(const char *response)
{
	return strcmp(response, "requests_per_second") != 0;
}

bool study_trial_is_design(const struct trial *t)
{
	return t->index < STUDY_CONFIRM_BASE;
}

static double u_of(const struct factor *f, double value)
{
	return f->whole ? (value - f->low + .5) / (f->high - f->low + 1)
			: (value - f->low) / (f->high - f->low);
}

static double value_of(const struct factor *f, double u)
{
	struct str text = STR_INIT;
	json_t *json;
	double value;

	factor_value(f, u, &text, &json);
	value = json_is_number(json) ? json_number_value(json) : NAN;
	json_decref(json);
	str_release(&text);
	return value;
}

/* The other value of the factor at this place, as a coordinate; the same where it cannot move. */
static double moved_u(const struct factor *f, const struct rank_factor *rank, double u, bool less)
{
	double value = value_of(f, u), step, up = rank->at_high > rank->at_low ? 1 : -1, to;

	if (f->n_values) { /* the neighbour, on the side that is promised to be better */
		double n = (double)f->n_values, i = floor(fmin(u * n, n - 1));

		up = less ? -up : up;
		i = i + up < 0 || i + up > n - 1 ? i - up : i + up;
		return (i + .5) / n;
	}
	up = less ? -up : up;
	step = value != 0 ? fabs(value) * MOVE : (f->high - f->low) * MOVE;
	if (f->whole)
		step = fmax(1, round(step));
	to = value + up * step;
	if (to < f->low || to > f->high)
		to = value - up * step;
	return to < f->low || to > f->high ? u : u_of(f, to);
}

/* ---- where ---- */

static const struct trial *best_trial(
	const struct study *s, const struct trial *trials, size_t n, bool less)
{
	const struct trial *best = NULL;
	double most = NAN;

	for (size_t i = 0; i < n; i++) {
		double y = json_number_at(trials[i].responses, s->response);

		if (!trials[i].ok || !study_trial_is_design(&trials[i]) || !isfinite(y))
			continue;
		if (!best || (less ? y < most : y > most)) {
			best = &trials[i];
			most = y;
		}
	}
	return best;
}

struct place {
	double *from, *to; /* points */
	const char *name;
};

/* The sentence's part about the other factors. */
static char *others_text(const struct study *s, const double *u, size_t moved)
{
	struct setting setting;
	struct str text = STR_INIT;

	setting_init(&setting, s, u);
	for (size_t i = 0; i < s->n_factors; i++)
		if (i != moved)
			str_addf(&text, "%s%s=%s", text.len ? " " : "", s->factors[i].name,
				setting.values[i]);
	setting_release(&setting);
	return text.len ? str_take(&text) : mem_strdup("");
}

static char *value_text(const struct study *s, const double *u, size_t i)
{
	struct setting setting;
	char *text;

	setting_init(&setting, s, u);
	text = mem_strdup(setting.values[i]);
	setting_release(&setting);
	return text;
}

/* ---- the pairs ---- */

static json_t *about(const char *place, size_t pair, const char *arm)
{
	return json_pack("{s:s, s:s, s:I, s:s}", "kind", "confirm", "place", place, "pair",
		(json_int_t)pair + 1, "arm", arm);
}

static int run_pairs(struct runner *r, const struct study *s, const struct place *p, size_t base,
	struct rng *rng, struct err *err)
{
	int rc = 0;

	for (size_t pair = 0; pair < s->confirm && !rc; pair++) {
		bool swapped = rng_next(rng) & 1;

		for (int turn = 0; turn < 2 && !rc; turn++) {
			bool to = (turn == 1) != swapped;
			json_t *detail = about(p->name, pair, to ? "to" : "from");

			rc = runner_run(r, base + 2 * pair + to, to ? p->to : p->from, detail, err);
			json_decref(detail);
		}
	}
	return rc;
}

static double response_of(const struct study *s, const struct trial *trials, size_t n, size_t index)
{
	for (size_t i = 0; i < n; i++)
		if (trials[i].index == index && trials[i].ok)
			return json_number_at(trials[i].responses, s->response);
	return NAN;
}

static void judge_place(const struct study *s, const struct trial *trials, size_t n, size_t base,
	struct confirm_place *p)
{
	double *from = mem_alloc(s->confirm + 1, sizeof(*from));
	double *to = mem_alloc(s->confirm + 1, sizeof(*to));

	for (size_t i = 0; i < s->confirm; i++) {
		from[i] = response_of(s, trials, n, base + 2 * i);
		to[i] = response_of(s, trials, n, base + 2 * i + 1);
	}
	confirm_judge(p, from, to, s->confirm, s->confidence);
	free(from);
	free(to);
}

static void describe_place(const struct study *s, const struct rank_factor *rank, size_t factor,
	const struct place *from, struct confirm_place *p)
{
	const struct factor *f = &s->factors[factor];
	double a = value_of(f, from->from[factor]), b = value_of(f, from->to[factor]);

	*p = (struct confirm_place){
		.name = mem_strdup(from->name),
		.setting = others_text(s, from->from, factor),
		.from = value_text(s, from->from, factor),
		.to = value_text(s, from->to, factor),
		.moved = a != 0 ? b / a - 1 : NAN,
		.promised = confirm_promise(rank, a, b),
	};
}

/* ---- all of it ---- */

static size_t factor_index(const struct study *s, const char *name)
{
	size_t i = 0;

	while (i < s->n_factors && strcmp(s->factors[i].name, name) != 0)
		i++;
	return i;
}

/* The points of the places; false where the factor cannot move there. */
static bool set_place(struct place *p, const char *name, const struct study *s, size_t factor,
	const struct rank_factor *rank)
{
	p->name = name;
	p->to = mem_copy(p->from, s->n_factors * sizeof(double));
	p->to[factor] = moved_u(
		&s->factors[factor], rank, p->from[factor], study_less_is_better(s->response));
	return p->to[factor] != p->from[factor];
}

static int confirm_at(const struct study *s, struct store *store, int64_t run_id,
	const struct study_hooks *hooks, struct place *places, const bool *moves, struct err *err)
{
	struct runner *r = NULL;
	struct rng rng;
	size_t expected = 0;
	int rc = runner_open(&r, s, store, run_id, hooks, err);

	rng_seed(&rng, s->seed, UINT64_C(0x636f6e6669726d)); /* "confirm" */
	for (size_t i = 0; i < PLACES; i++)
		expected += moves[i] ? 2 * s->confirm : 0;
	if (!rc) {
		struct trial *trials;
		size_t n = 0;

		rc = store_trial_list(store, run_id, &trials, &n, err);
		for (size_t i = 0; i < n; i++)
			expected += study_trial_is_design(&trials[i]);
		trials_free(trials, n);
		runner_expect(r, expected);
		runner_say(r, "confirming");
	}
	for (size_t i = 0; i < PLACES && !rc; i++)
		if (moves[i])
			rc = run_pairs(
				r, s, &places[i], STUDY_CONFIRM_BASE + i * PLACE_TRIALS, &rng, err);
	runner_close(r);
	return rc;
}

/* Where the first factor is moved; `best` may be NULL. */
static void choose_places(struct place *places, bool *moves, const struct study *s, size_t factor,
	const struct rank_factor *top, const struct trial *best, const double *u)
{
	for (size_t i = 0; i < PLACES; i++) {
		places[i].from = mem_alloc(s->n_factors, sizeof(double));
		for (size_t j = 0; j < s->n_factors; j++)
			places[i].from[j] = i || !best ? .5 : u[best->index * s->n_factors + j];
	}
	moves[0] = set_place(&places[0], "the best setting", s, factor, top) && best;
	moves[1] = set_place(&places[1], "the centre", s, factor, top);
}

int study_confirm(const struct study *s, struct store *store, int64_t run_id,
	const struct rank_result *rank, const struct study_hooks *hooks, struct confirm *out,
	struct err *err)
{
	const struct rank_factor *top = rank->n_active ? &rank->factors[0] : NULL;
	size_t n = 0, factor = top ? factor_index(s, top->name) : s->n_factors;
	double *u = mem_zalloc(s->trials * s->n_factors + 1, sizeof(*u));
	struct place places[PLACES] = {0};
	bool moves[PLACES] = {false, false};
	struct trial *trials = NULL;
	int rc;

	*out = (struct confirm){0};
	rc = store_trial_list(store, run_id, &trials, &n, err);
	if (!rc)
		rc = design_points(s->sampler, s->trials, s->n_factors, s->seed, u, err);
	if (rc || !s->confirm || factor == s->n_factors)
		goto out;
	choose_places(places, moves, s, factor, top,
		best_trial(s, trials, n, study_less_is_better(s->response)), u);
	trials_free(trials, n);
	trials = NULL;
	n = 0;
	rc = confirm_at(s, store, run_id, hooks, places, moves, err);
	if (!rc)
		rc = store_trial_list(store, run_id, &trials, &n, err);
	if (rc)
		goto out;
	out->factor = mem_strdup(top->name);
	out->response = mem_strdup(rank->response);
	out->unit = mem_strdup(rank->unit);
	out->confidence = s->confidence;
	out->places = mem_zalloc(PLACES, sizeof(*out->places));
	for (size_t i = 0; i < PLACES; i++) {
		struct confirm_place *p = &out->places[out->n_places];

		if (!moves[i])
			continue;
		out->n_places++;
		describe_place(s, top, factor, &places[i], p);
		judge_place(s, trials, n, STUDY_CONFIRM_BASE + i * PLACE_TRIALS, p);
	}
out:
	for (size_t i = 0; i < PLACES; i++) {
		free(places[i].from);
		free(places[i].to);
	}
	trials_free(trials, n);
	free(u);
	return rc;
}

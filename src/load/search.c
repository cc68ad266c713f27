#include "load/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "stats/hist.h"

#define FIRST_RATE   100. /* where none is given */
#define RATE_MAX     1e8  /* of a schedule */
#define REQUESTS_MIN 10.  /* of a step: below that, a rate says nothing */
#define SLACK        .05  /* share by which a service that keeps up may fall short */

enum { STEPS_MAX = 10000 };

struct job {
	load_run_fn *run;
	struct load_spec *spec;
	const struct load_goal *goal;
	double precision;
	const struct load_hooks *hooks;
	void (*step)(void *arg, const struct load_search_step *s);
	struct load_search *search;
	struct load_result *best;
	double light_ns; /* mean time of an answer, from the send, in the run where it was least */
};

/* Five digits are enough for any precision, and read better. */
static double rounded(double rate)
{
	double unit = pow(10, floor(log10(rate)) - 4);

	return nearbyint(rate / unit) * unit;
}

static int check_goal(const struct load_goal *g, struct err *err)
{
	bool less = g->op == GOAL_LESS || g->op == GOAL_LESS_EQUAL;

	if (!strcmp(g->metric, "rate"))
		return err_set(err, ERR_USAGE,
			"the highest rate cannot be searched with '%s': the rate is what is "
			"searched; say what must hold there, as p99<200ms or errors<0.1%%",
			g->text);
	if (less == !strcmp(g->metric, "checks"))
		return err_set(err, ERR_USAGE,
			"the highest rate cannot be searched with '%s', which a higher rate does "
			"not miss; turn the %s round",
			g->text, less ? "<" : ">");
	return 0;
}

/*
 * Whether as much ended as was asked for. Where the measurement began with the load, what was
 * started within the last answer's time ends after it; the time that the quicker answers take is
 * that of an answer before a backlog grew. The rest is chance.
 */
static bool kept_up(const struct load_result *r, double rate, double precision)
{
	double answer_s = (double)hist_percentile(&r->from_send, 10) / 1e9;
	double expected = rate * fmax(r->seconds - answer_s, 0);
	double ended = (double)(r->completed + r->n_errors);

	return ended >= expected * (1 - fmin(precision, SLACK)) - 3 * sqrt(expected);
}

/*
 * All connections are busy where there are too few of them, and where the service is too slow. In
 * the first case answers take, from the send on, what they took when there was little to do; in the
 * second they queue within the service, and more connections would only lengthen that queue.
 */
static bool few_connections(const struct job *job, const struct load_result *r)
{
	return r->from_send.n && hist_mean(&r->from_send) < 2 * job->light_ns;
}

static int judge(
	struct job *job, const struct load_result *r, struct load_search_step *s, struct err *err)
{
	enum load_limit limit = load_limit(r);
	int rc = load_goal_value(job->goal, r, &s->value, err);

	if (rc)
		return rc;
	s->achieved = r->requests_per_second;
	s->held = load_goal_holds(job->goal, s->value) && kept_up(r, s->rate, job->precision);
	if (r->from_send.n)
		job->light_ns = fmin(job->light_ns, hist_mean(&r->from_send));
	s->limited = !s->held && (limit == LOAD_LIMIT_CPU || limit == LOAD_LIMIT_LATE ||
					 (limit == LOAD_LIMIT_USERS && few_connections(job, r)));
	return 0;
}

static void keep_best(struct job *job, struct load_result *r, double rate)
{
	load_result_release(job->best);
	*job->best = *r;
	job->spec->rate = rate;
	*r = (struct load_result){0};
}

/* One run; `*s` is what came of it. A run that was stopped is no step. */
static int try_once(struct job *job, double rate, struct load_search_step *s, struct load_result *r,
	struct err *err)
{
	struct load_search *search = job->search;
	struct load_spec spec = *job->spec;
	int rc;

	load_result_release(r);
	*s = (struct load_search_step){.rate = rate, .value = NAN};
	spec.rate = rate;
	rc = job->run(&spec, job->hooks, r, err);
	if (rc)
		return rc;
	if (r->stopped) {
		search->stopped = true;
		return 0;
	}
	rc = judge(job, r, s, err);
	if (rc)
		return rc;
	search->steps =
		mem_grow(search->steps, &search->cap, search->n + 1, sizeof(*search->steps));
	search->steps[search->n++] = *s;
	if (job->step)
		job->step(job->hooks ? job->hooks->arg : NULL, s);
	return 0;
}

/* A rate, tried twice before it counts as missed. Where one of the two runs says that the service
 * was the limit, it was. */
static int try_rate(struct job *job, double rate, struct load_search_step *s, struct err *err)
{
	struct load_result r = {0};
	bool limited = true;
	int rc = 0;

	s->held = false;

	for (int i = 0; i < 2 && !rc && !s->held && !job->search->stopped; i++) {
		rc = try_once(job, rate, s, &r, err);
		limited = limited && s->limited;
	}
	s->limited = !s->held && limited;
	if (!rc && (job->search->stopped ? isnan(job->search->best) : s->held)) {
		job->search->best = job->search->stopped ? NAN : rate;
		keep_best(job, &r, rate);
	}
	load_result_release(&r);
	return rc;
}

static int nothing_held(struct job *job, const struct load_search_step *s, struct err *err)
{
	struct str text = STR_INIT;
	char rate[NUM_TEXT];

	num_short(s->rate, rate);
	load_goal_describe(job->goal, s->value, &text);
	if (s->limited)
		err_set(err, ERR_MISSED,
			"the load generator was the limit even at %s requests a second (%s); give "
			"it more connections (-c) or a core of its own",
			rate, text.p);
	else
		err_set(err, ERR_MISSED, "%s did not hold even at %s requests a second%s%s",
			job->goal->text, rate,
			load_goal_holds(job->goal, s->value) ? ", which the service fell behind"
							     : ": ",
			load_goal_holds(job->goal, s->value) ? "" : text.p);
	str_release(&text);
	return -ERR_MISSED;
}

/* Doubles until the goal is missed, or halves until it holds. *above: the lowest rate that is known
 * not to hold, or infinite. */
static int bracket(struct job *job, double first, double *above, bool *limited, struct err *err)
{
	double lowest = REQUESTS_MIN / ((double)job->spec->duration_ns / 1e9);
	double rate = fmin(fmax(first, lowest), RATE_MAX);
	struct load_search_step s;
	int rc = 0;

	*above = INFINITY;
	while (!rc) {
		rc = try_rate(job, rate, &s, err);
		if (rc || job->search->stopped)
			break;
		if (!s.held) {
			*above = rate;
			*limited = s.limited;
		}
		if (s.held ? isfinite(*above) || rate >= RATE_MAX : !isnan(job->search->best))
			break;
		if (!s.held && rate <= lowest)
			rc = nothing_held(job, &s, err);
		else
			rate = s.held ? fmin(2 * rate, RATE_MAX) : fmax(rate / 2, lowest);
	}
	return rc;
}

int load_search_with(load_run_fn *run, struct load_spec *spec, const struct load_goal *goal,
	double precision, const struct load_hooks *hooks,
	void (*step)(void *arg, const struct load_search_step *s), struct load_search *out,
	struct load_result *out_best, struct err *err)
{
	struct job job = {run, spec, goal, precision, hooks, step, out, out_best, INFINITY};
	double above, first = spec->rate > 0 ? spec->rate : FIRST_RATE;
	bool limited = false;
	int rc = check_goal(goal, err);

	*out = (struct load_search){.best = NAN, .missed = NAN};
	*out_best = (struct load_result){0};
	if (!rc && (spec->stages || spec->requests))
		rc = err_set(err, ERR_USAGE,
			"a search for the highest rate makes its own rates and runs each for the "
			"duration; leave out stages and the number of requests");
	if (!rc && spec->duration_ns == OPT_AUTO_NS)
		rc = err_set(err, ERR_USAGE,
			"a search for the highest rate runs each rate for the same time: duration "
			"cannot be auto there; give a time such as 10s");
	if (!rc)
		rc = bracket(&job, first, &above, &limited, err);
	/* half of the precision for the interval, half for chance */
	while (!rc && !out->stopped && isfinite(above) && above > out->best * (1 + precision / 2)) {
		struct load_search_step s;
		double rate = rounded(sqrt(out->best) * sqrt(above));

		if (rate <= out->best || rate >= above)
			break;
		rc = try_rate(&job, rate, &s, err);
		if (!rc && !out->stopped && !s.held) {
			above = rate;
			limited = s.limited;
		}
	}
	if (!rc && isfinite(above) && !isnan(out->best)) {
		out->limited = limited;
		out->missed = limited ? NAN : above;
	}
	if (rc)
		load_result_release(out_best);
	return rc;
}

int load_search_run(struct load_spec *spec, const struct load_goal *goal, double precision,
	const struct load_hooks *hooks, void (*step)(void *arg, const struct load_search_step *s),
	struct load_search *out, struct load_result *out_best, struct err *err)
{
	return load_search_with(load_run, spec, goal, precision, hooks, step, out, out_best, err);
}

void load_search_release(struct load_search *s)
{
	free(s->steps);
	*s = (struct load_search){0};
}

json_t *load_search_to_json(const struct load_search *s, const struct load_goal *g)
{
	json_t *o = json_object(), *steps = json_array();

	for (size_t i = 0; i < s->n; i++) {
		const struct load_search_step *step = &s->steps[i];
		struct str text = STR_INIT;
		json_t *one = json_object();

		load_goal_describe(g, step->value, &text);
		json_object_set_new(one, "rate", json_number(step->rate));
		json_object_set_new(one, "achieved", json_number(step->achieved));
		json_object_set_new(one, "value", json_number(step->value));
		json_object_set_new(one, "text", json_string(text.p));
		json_object_set_new(one, "held", json_boolean(step->held));
		json_object_set_new(one, "limited", json_boolean(step->limited));
		json_array_append_new(steps, one);
		str_release(&text);
	}
	json_object_set_new(o, "goal", json_string(g->text));
	json_object_set_new(o, "best_rate", json_number(s->best));
	json_object_set_new(o, "missed_rate", json_number(s->missed));
	json_object_set_new(o, "limited", json_boolean(s->limited));
	json_object_set_new(o, "stopped", json_boolean(s->stopped));
	json_object_set_new(o, "steps", steps);
	return o;
}

int load_search_from_json(struct load_search *out, const json_t *json, struct err *err)
{
	const json_t *steps = json_object_get(json, "steps");
	size_t n = json_array_size(steps);

	*out = (struct load_search){.best = NAN, .missed = NAN};
	if (!json_is_array(steps) || n > STEPS_MAX)
		return err_set(err, ERR_INPUT,
			"the stored search has no list of at most %d steps; it was not written by "
			"culprit load --max-rate",
			(int)STEPS_MAX);
	out->best = json_number_at(json, "best_rate");
	out->missed = json_number_at(json, "missed_rate");
	out->limited = json_is_true(json_object_get(json, "limited"));
	out->stopped = json_is_true(json_object_get(json, "stopped"));
	out->steps = mem_zalloc(n + 1, sizeof(*out->steps));
	for (; out->n < n; out->n++) {
		const json_t *one = json_array_get(steps, out->n);

		out->steps[out->n] = (struct load_search_step){
			.rate = json_number_at(one, "rate"),
			.achieved = json_number_at(one, "achieved"),
			.value = json_number_at(one, "value"),
			.held = json_is_true(json_object_get(one, "held")),
			.limited = json_is_true(json_object_get(one, "limited")),
		};
	}
	return 0;
}

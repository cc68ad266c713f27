#include "report_correlate_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "base/mem.h"
#include "base/rng.h"

enum { LAYERS = 10, MIDNIGHT = 1541462400, MINUTE = 60 }; /* the end of 2018-11-05 */

static const char *const LAYER_NAMES[LAYERS] = {"SQL", "MongoDB", "View", "Template", "Middleware",
	"Redis", "Elasticsearch", "HTTP", "Queue", "Other"};

static struct series *add(struct series_set *s, const char *name, const char *family)
{
	struct series *one = &s->items[s->n++];

	*one = (struct series){.name = mem_strdup(name),
		.family = mem_strdup(family),
		.values = mem_zalloc(s->n_times, sizeof(double)),
		.same_as = SIZE_MAX};
	return one;
}

static void wander(struct rng *rng, double *x, size_t n, double level, double size)
{
	double state = 0;

	for (size_t t = 0; t < n; t++) {
		state = .6 * state + size * rng_normal(rng);
		x[t] = level + state;
	}
}

static bool during(const struct series_set *s, size_t t, double from_hour, double to_hour)
{
	double hour = 24 - (double)(s->n_times - t) / 60;

	return hour >= from_hour && hour < to_hour;
}

static void layers(struct series_set *s, struct rng *rng, const struct story_options *o)
{
	for (size_t i = 0; i < LAYERS; i++) {
		struct series *layer =
			add(s, i || !o->sql_name ? LAYER_NAMES[i] : o->sql_name, "layer");

		wander(rng, layer->values, s->n_times, 8 + (double)i, i || o->calm ? .8 : 6);
		for (size_t t = 0; !i && t < s->n_times; t++)
			layer->values[t] +=
				40 + (!o->calm && during(s, t, 19, 21 + 1. / 3) ? 80 : 0);
	}
}

static void endpoints(
	struct series_set *s, struct rng *rng, const struct story_options *o, const double *sql)
{
	static const char *const NAMES[] = {"apps/data", "endpoints/sparkline", "apps/list"};
	static const char *const KINDS[] = {"time", "throughput", "errors"};

	for (size_t e = 0; e < o->endpoints; e++)
		for (size_t k = 0; k < 3; k++) {
			struct series *one;
			char name[64], endpoint[32];

			snprintf(endpoint, sizeof(endpoint), "apps/view_%03zu", e);
			snprintf(
				name, sizeof(name), "%s:%s", e < 3 ? NAMES[e] : endpoint, KINDS[k]);
			one = add(s, name, KINDS[k]);
			wander(rng, one->values, s->n_times, k ? 20 : 100, k ? 2 : 10);
			for (size_t t = 0; t < s->n_times && !o->null; t++) {
				if ((e == 0 || e == 2) && k == 0)
					one->values[t] = 60 + 1.4 * sql[t] + 2 * rng_normal(rng);
				if (e == 1 && k == 1)
					one->values[t] +=
						!o->calm      ? (during(s, t, 20, 20.5) ? 120 : 0)
						: t % 97 < 12 ? 60 + 30 * rng_normal(rng)
							      : 0;
			}
		}
}

static void make_set(struct series_set *s, const struct story_options *o)
{
	size_t n = 1 + LAYERS + 3 * o->endpoints + 2;
	struct series *total;
	struct rng rng;

	rng_seed(&rng, 20181105, 0);
	*s = (struct series_set){.start_s = MIDNIGHT - (double)o->times * MINUTE,
		.step_s = MINUTE,
		.n_times = o->times,
		.items = mem_zalloc(n, sizeof(*s->items)),
		.cap = n,
		.resampled = true,
		.gaps = 3,
		.points_duplicate = 2,
		.source = "metrics.csv"};
	total = add(s, "total", "");
	layers(s, &rng, o);
	endpoints(s, &rng, o, s->items[1].values);
	wander(&rng, total->values, s->n_times, 30, 3);
	for (size_t t = 0; t < s->n_times && !o->null; t++) {
		/* the burst shows a step later than the traffic that makes it */
		const double *burst = s->items[1 + LAYERS + 3 + 1].values;

		total->values[t] += s->items[1].values[t] + (t ? .4 * burst[t - 1] : 0);
	}
	add(s, "always the same", "layer");
	add(s, "requests_total", "layer")->kind = SERIES_COUNTER;
	s->items[s->n - 1].resets = 1;
	for (size_t t = 0; t < s->n_times; t++)
		s->items[s->n - 1].values[t] = s->items[2].values[t];
	series_mark(s);
	series_note(s, "The column 'comment' holds no numbers and was left out.");
}

static void make_account(struct story *s)
{
	static const struct account_effect EFFECTS[] = {{0, 61, 9, 130, 220, .4, .42},
		{1, -2, 14, 700, 690, .01, .03}, {2, 3.5, -1.5, 90, 96, .59, .55}};

	s->account = (struct account){.of = mem_strdup("time"),
		.by = mem_strdup("throughput"),
		.total = 0,
		.parts = mem_zalloc(3, sizeof(*s->account.parts)),
		.n = 3};
	for (size_t i = 0; i < 3; i++) {
		size_t time = 1 + LAYERS + 3 * i;

		s->account.parts[i] =
			(struct account_part){mem_strdup(s->set.items[time].name), time, time + 1};
		*strchr(s->account.parts[i].name, ':') = '\0';
	}
	s->change = (struct account_change){.was = {MIDNIGHT - 26400., MIDNIGHT - 18000.},
		.is = {MIDNIGHT - 18000., MIDNIGHT - 9600.},
		.latency = 62.5,
		.mix = 21.5,
		.before = 120,
		.after = 204,
		.change = 84,
		.effects = mem_alloc(3, sizeof(*EFFECTS)),
		.n = 3};
	memcpy(s->change.effects, EFFECTS, sizeof(EFFECTS));
}

static void make_incident(struct story *s, const struct story_options *o)
{
	double from = MIDNIGHT - 5 * 3600.;
	size_t n = s->set.n - 1;

	s->incident = (struct incident_result){
		.spec = {.from_s = from, .to_s = from + 8400, .before_s = 7200, .fdr = .05},
		.rows = mem_zalloc(n, sizeof(*s->incident.rows)),
		.n = n,
		.n_found = o->null ? 0 : 3,
		.skipped = 2};
	for (size_t i = 0; i < n; i++)
		s->incident.rows[i] = (struct incident_row){.series = i + 1,
			.score = 1.2,
			.p = .4,
			.q = .9,
			.before = 100,
			.during = 101,
			.peak = 130,
			.began_s = NAN,
			.began_low_s = NAN,
			.began_high_s = NAN};
	for (size_t i = 0; i < s->incident.n_found; i++) {
		struct incident_row *row = &s->incident.rows[i];

		row->series = (size_t[]){1, 1 + LAYERS, 1 + LAYERS + 4}[i];
		row->score = 40.5 - 10 * (double)i;
		row->q = pow(10, -9 + 2 * (double)i);
		row->before = (double[]){48, 120, 20}[i];
		row->during = (double[]){128, 240, 21}[i];
		row->peak = (double[]){142, 260, 152}[i];
		row->began_s = from + (double[]){0, 120, 3600}[i];
		row->began_low_s = row->began_s - 60;
		row->began_high_s = row->began_s + 120;
		row->step = i < 2;
		row->found = true;
	}
}

void story_make(struct story *s, const struct story_options *o)
{
	struct correlate_spec spec = {.target = 0,
		.method = o->method,
		.max_lag = o->max_lag,
		.fdr = .05,
		.confidence = .95,
		.given = SIZE_MAX,
		.group_at = .9,
		.threads = 1};
	struct err err;

	*s = (struct story){.report = {.what = "metrics.csv", .unit = "ms"}};
	make_set(&s->set, o);
	ck_assert_msg(!correlate_run(&s->result, &s->set, &spec, &err), "%s", err.text);
	for (size_t i = 0; i < s->result.n; i++)
		s->result.rows[i].mechanical = s->result.rows[i].series == 1;
	make_account(s);
	make_incident(s, o);
	s->report.result = &s->result;
	s->report.set = &s->set;
	s->report.accounts = &s->account;
	s->report.changes = &s->change;
	s->report.n_accounts = 1;
	s->report.incident = &s->incident;
}

void story_store(struct story *s)
{
	json_t *json = correlate_to_json(&s->result);
	struct err err;

	correlate_release(&s->result);
	ck_assert_msg(!correlate_from_json(&s->result, json, &err), "%s", err.text);
	json_decref(json);
	for (size_t i = 0; i < s->set.n; i++) {
		free(s->set.items[i].values);
		s->set.items[i].values = NULL;
	}
}

void story_release(struct story *s)
{
	correlate_release(&s->result);
	series_set_release(&s->set);
	for (size_t i = 0; i < s->account.n; i++)
		free(s->account.parts[i].name);
	free(s->account.parts);
	free(s->account.of);
	free(s->account.by);
	free(s->change.effects);
	free(s->incident.rows);
}

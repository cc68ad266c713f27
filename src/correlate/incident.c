#include "correlate/incident.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "correlate/correlate.h"
#include "correlate/incident_common.h"
#include "correlate/incident_onset.h"
#include "correlate/incident_score.h"

enum { CHUNK = 16, CALM_MIN = 48, CALM_WIDTHS = 4 };

/* Strength of a step from which it is one: five standard errors. */
static const double EARLIER = 25;

struct job {
	const struct series_set *set;
	struct incident_window window;
	struct incident_common common;
	struct incident_row *rows;     /* one a series; in the end those of the result */
	struct incident_score *scores; /* the same */
	bool *looked;
	size_t n_found;
};

/* ---- one series ---- */

/* The median of what is known; NaN where nothing is. */
static double median_of(const double *x, size_t n, double *spare)
{
	size_t known = 0;

	for (size_t t = 0; t < n; t++)
		if (isfinite(x[t]))
			spare[known++] = x[t];
	return known ? incident_select(spare, known, known / 2) : NAN;
}

static void describe(struct incident_row *row, const double *x, const struct incident_window *w,
	const struct incident_score *score, double *spare)
{
	size_t known = 0, there = 0;
	double far = -1;

	row->before = median_of(x + w->start, w->from - w->start, spare);
	row->during = median_of(x + w->from, w->to - w->from, spare);
	for (size_t t = w->from; t < w->to; t++) {
		double off = x[t] - row->before;

		if (!isfinite(off))
			continue;
		if (fabs(off) > far) {
			far = fabs(off);
			row->peak = x[t];
		}
		known += t >= score->at;
		there += t >= score->at &&
			 off * (score->change > 0 ? 1 : -1) > .5 * fabs(score->change);
	}
	row->step = 2 * there >= known;
}

static void look(struct job *job, size_t i, struct incident_scratch *w)
{
	const struct series *series = &job->set->items[i];
	const struct incident_window *win = &job->window;
	struct incident_row *row = &job->rows[i];

	*row = (struct incident_row){.series = i,
		.p = 1,
		.q = 1,
		.began_s = NAN,
		.began_low_s = NAN,
		.began_high_s = NAN,
		.sure_s = NAN};
	if (series->constant || series->same_as != SIZE_MAX)
		return;
	if (!incident_score(&job->scores[i], series->values, win, &job->common, w))
		return;
	row->score = job->scores[i].score;
	row->p = job->scores[i].p;
	describe(row, series->values, win, &job->scores[i], w->spare);
	job->looked[i] = true;
}

static void look_some(void *arg, size_t task)
{
	struct job *job = arg;
	struct incident_scratch w;

	incident_scratch_init(&w, job->window.to - job->window.start);
	for (size_t i = task * CHUNK; i < (task + 1) * CHUNK && i < job->set->n; i++)
		look(job, i, &w);
	series_forget(job->set, task * CHUNK, CHUNK);
	incident_scratch_release(&w);
}

/* ---- when it began ---- */

/*
 * What is looked at: up to the end of the window with the largest change, back to well before it.
 * Gaps are closed up.
 */
static void date(struct incident_row *row, const struct incident_score *score, const double *x,
	const struct incident_window *w, const struct series_set *s, double doubt)
{
	size_t width = score->width, reach = CALM_WIDTHS * width, end = score->at + width, first;
	size_t when[ONSET_MAX], n = 0, calm = 0;
	double values[ONSET_MAX];
	struct onset onset;

	reach = reach < CALM_MIN ? CALM_MIN : reach;
	reach = reach + width > ONSET_MAX ? ONSET_MAX - width : reach;
	first = score->at > w->start + reach ? score->at - reach : w->start;
	for (size_t t = first; t < end && n < ONSET_MAX; t++) {
		if (!isfinite(x[t]))
			continue;
		values[n] = x[t];
		when[n++] = t;
		calm += t + width <= score->at;
	}
	if (calm < 3 || n < calm + 1)
		return;
	onset_find(&onset, values, n, calm, doubt);
	/* what rises in two steps began with the first */
	for (struct onset earlier = onset; earlier.at > calm + 1;) {
		onset_find(&earlier, values, earlier.at, calm, doubt);
		if (earlier.strength < EARLIER || earlier.up != onset.up ||
			when[earlier.at] < w->from)
			break;
		onset = earlier;
	}
	row->began_s = s->start_s + s->step_s * (double)when[onset.at];
	row->began_low_s = s->start_s + s->step_s * (double)when[onset.low];
	row->began_high_s = s->start_s + s->step_s * (double)when[onset.high];
	row->sure_s = s->start_s + s->step_s * (double)when[onset.sure];
}

static void date_one(void *arg, size_t k)
{
	struct job *job = arg;
	struct incident_row *row = &job->rows[k];

	if (row->found)
		date(row, &job->scores[row->series], job->set->items[row->series].values,
			&job->window, job->set, .05 / (double)job->n_found);
	series_forget(job->set, row->series, 1);
}

/* ---- all ---- */

static int by_p(const void *a, const void *b)
{
	const struct incident_row *x = a, *y = b;

	if (x->p != y->p)
		return x->p < y->p ? -1 : 1;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->series < y->series ? -1 : x->series > y->series;
}

/* One of which little is known does not stand before one that is known to the minute. */
static double began(const struct incident_row *r)
{
	return isfinite(r->sure_s) ? r->sure_s : INFINITY;
}

/* From 0 to 1: of what it is, how much it changed. */
static double relative(const struct incident_row *r)
{
	double to = r->step ? r->during : r->peak, size = fabs(to) + fabs(r->before);

	return size > 0 ? fabs(to - r->before) / size : 0;
}

static int by_time(const void *a, const void *b)
{
	const struct incident_row *x = a, *y = b;

	if (began(x) != began(y))
		return began(x) < began(y) ? -1 : 1;
	if (relative(x) != relative(y))
		return relative(x) > relative(y) ? -1 : 1;
	return by_p(a, b);
}

static size_t step_of(const struct series_set *s, double time_s)
{
	double step = ceil((time_s - s->start_s) / s->step_s - 1e-6);

	return step <= 0 ? 0 : step >= (double)s->n_times ? s->n_times : (size_t)step;
}

static int find_window(struct incident_window *w, const struct series_set *s,
	const struct incident_spec *spec, struct err *err)
{
	double before = isnan(spec->before_s) ? INCIDENT_BEFORE_TIMES * (spec->to_s - spec->from_s)
					      : spec->before_s;

	if (!(spec->to_s > spec->from_s))
		return err_set(err, ERR_USAGE,
			"the incident ends before it begins; give --during "
			"FROM..TO with FROM before TO");
	*w = (struct incident_window){.start = step_of(s, spec->from_s - before),
		.from = step_of(s, spec->from_s),
		.to = step_of(s, spec->to_s)};
	if (w->to < w->from + INCIDENT_STEPS_MIN)
		return err_set(err, ERR_USAGE,
			"the incident holds %zu steps of the data and needs %d; give a longer "
			"stretch within the data, or a finer step",
			w->to > w->from ? w->to - w->from : 0, INCIDENT_STEPS_MIN);
	if (w->from < w->start + INCIDENT_BEFORE_MIN)
		return err_set(err, ERR_USAGE,
			"%zu steps of the data lie before the incident, and %d are needed to say "
			"what is usual; give data from earlier on, or a longer --before",
			w->from - w->start, INCIDENT_BEFORE_MIN);
	return 0;
}

static void conclude(struct incident_result *out, struct job *job)
{
	double *q = mem_alloc(job->set->n + 1, sizeof(*q));

	for (size_t i = 0; i < job->set->n; i++)
		if (job->looked[i])
			out->rows[out->n++] = job->rows[i];
	out->skipped = job->set->n - out->n;
	free(job->rows);
	job->rows = out->rows;
	for (size_t k = 0; k < out->n; k++)
		q[k] = out->rows[k].p;
	correlate_bh(q, out->n);
	for (size_t k = 0; k < out->n; k++) {
		out->rows[k].q = q[k];
		out->rows[k].found = q[k] <= out->spec.fdr;
		out->n_found += out->rows[k].found;
	}
	free(q);
	if (out->n)
		qsort(out->rows, out->n, sizeof(*out->rows), by_p);
	job->n_found = out->n_found;
	parallel_for(out->spec.threads, out->n_found, date_one, job);
	if (out->n_found)
		qsort(out->rows, out->n_found, sizeof(*out->rows), by_time);
}

int incident_run(struct incident_result *out, const struct series_set *s,
	const struct incident_spec *spec, struct err *err)
{
	struct job job = {.set = s};
	int rc;

	*out = (struct incident_result){.spec = *spec};
	rc = find_window(&job.window, s, spec, err);
	if (rc)
		return rc;
	out->spec.before_s = s->step_s * (double)(job.window.from - job.window.start);
	job.rows = mem_alloc(s->n + 1, sizeof(*job.rows));
	job.scores = mem_alloc(s->n + 1, sizeof(*job.scores));
	job.looked = mem_zalloc(s->n + 1, sizeof(*job.looked));
	out->rows = mem_alloc(s->n + 1, sizeof(*out->rows));
	incident_common_find(&job.common, s, &job.window, spec->threads);
	parallel_for(spec->threads, (s->n + CHUNK - 1) / CHUNK, look_some, &job);
	conclude(out, &job);
	incident_common_release(&job.common);
	free(job.scores);
	free(job.looked);
	return 0;
}

void incident_release(struct incident_result *r)
{
	free(r->rows);
	*r = (struct incident_result){0};
}

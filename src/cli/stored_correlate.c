#include "cli/stored_correlate.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/stored.h"

/* ---- to JSON ---- */

static json_t *lines_json(const char *text)
{
	json_t *list = json_array();

	while (*text) {
		size_t n = strcspn(text, "\n");

		if (n)
			json_array_append_new(list, json_stringn(text, n));
		text += n + (text[n] == '\n');
	}
	return list;
}

/* Which were counters, and how often each was reset. */
static json_t *counters_json(const struct series_set *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].kind == SERIES_COUNTER)
			json_array_append_new(list,
				json_pack("[I, I]", (json_int_t)i, (json_int_t)s->items[i].resets));
	return list;
}

static json_t *set_json(const struct series_set *s, bool names)
{
	json_t *o = json_object(), *list[2] = {json_array(), json_array()};
	const struct {
		const char *key;
		size_t value;
	} counts[] = {{"times", s->n_times}, {"count", s->n}, {"points_read", s->points_read},
		{"points_duplicate", s->points_duplicate}, {"points_unsorted", s->points_unsorted},
		{"points_bad", s->points_bad}, {"gaps", s->gaps}};

	json_object_set_new(o, "start_s", json_number(s->start_s));
	json_object_set_new(o, "step_s", json_number(s->step_s));
	for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++)
		json_object_set_new(o, counts[k].key, json_integer((json_int_t)counts[k].value));
	json_object_set_new(o, "resampled", json_boolean(s->resampled));
	json_object_set_new(o, "notes", lines_json(str_text(&s->notes)));
	json_object_set_new(o, "counters", counters_json(s));
	for (size_t i = 0; names && i < s->n; i++) {
		json_array_append_new(list[0], json_string(s->items[i].name));
		json_array_append_new(list[1], json_string(s->items[i].family));
	}
	if (names) {
		json_object_set(o, "names", list[0]);
		json_object_set(o, "families", list[1]);
	}
	json_decref(list[0]);
	json_decref(list[1]);
	return o;
}

json_t *stored_correlate_json(const struct correlate_report *r)
{
	json_t *o = json_object(), *accounts = json_array();

	json_object_set_new(o, "what", json_string(r->what));
	json_object_set_new(o, "unit", json_string(r->unit ? r->unit : ""));
	json_object_set_new(o, "series", set_json(r->set, !r->result));
	if (r->result)
		json_object_set_new(o, "correlation", correlate_to_json(r->result));
	for (size_t k = 0; k < r->n_accounts; k++)
		json_array_append_new(
			accounts, account_to_json(&r->accounts[k], &r->changes[k], r->set));
	json_object_set_new(o, "accounts", accounts);
	if (r->incident)
		json_object_set_new(o, "incident", incident_to_json(r->incident, r->set));
	return o;
}

/* ---- and back ---- */

static int is_wrong(struct err *err, const char *what)
{
	return err_set(err, ERR_INPUT,
		"the stored correlation's %s is not what culprit wrote; run `culprit correlate` "
		"again",
		what);
}

static void add_series(struct series_set *s, const char *name, const char *family)
{
	s->items = mem_grow(s->items, &s->cap, s->n + 1, sizeof(*s->items));
	s->items[s->n++] = (struct series){
		.name = mem_strdup(name), .family = mem_strdup(family), .same_as = SIZE_MAX};
}

static bool counters_read(struct series_set *s, const json_t *list)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		json_int_t series = json_integer_value(json_array_get(one, 0));
		json_int_t resets = json_integer_value(json_array_get(one, 1));

		if (series < 0 || (uint64_t)series >= s->n || resets < 0)
			return false;
		s->items[series].kind = SERIES_COUNTER;
		s->items[series].resets = (size_t)resets;
	}
	return true;
}

/* Names are those of the correlation, where there is one. */
static int set_read(
	struct series_set *s, const json_t *json, const struct correlate_result *r, struct err *err)
{
	const json_t *names = json_object_get(json, "names"), *note;
	const json_t *families = json_object_get(json, "families");
	int64_t times = json_int_at(json, "times");
	size_t i;

	*s = (struct series_set){.start_s = json_number_at(json, "start_s"),
		.step_s = json_number_at(json, "step_s"),
		.n_times = (size_t)times,
		.points_read = (size_t)json_int_at(json, "points_read"),
		.points_duplicate = (size_t)json_int_at(json, "points_duplicate"),
		.points_unsorted = (size_t)json_int_at(json, "points_unsorted"),
		.points_bad = (size_t)json_int_at(json, "points_bad"),
		.gaps = (size_t)json_int_at(json, "gaps"),
		.resampled = json_is_true(json_object_get(json, "resampled"))};
	if (times < 1 || times > SERIES_TIMES_MAX || !isfinite(s->start_s) || !(s->step_s > 0) ||
		!isfinite(s->step_s))
		return is_wrong(err, "time axis");
	for (i = 0; r && i < r->shown.n; i++)
		add_series(s, r->shown.items[i].name, r->shown.items[i].family);
	for (i = 0; !r && i < json_array_size(names) && i < SERIES_MAX; i++) {
		const char *name = json_string_value(json_array_get(names, i));
		const char *family = json_string_value(json_array_get(families, i));

		if (!name || !family)
			return is_wrong(err, "list of names");
		add_series(s, name, family);
	}
	if (!counters_read(s, json_object_get(json, "counters")))
		return is_wrong(err, "list of counters");
	json_array_foreach(json_object_get(json, "notes"), i, note)
	{
		if (json_is_string(note))
			series_note(s, "%s", json_string_value(note));
	}
	return 0;
}

int stored_correlate_read(struct stored_correlate *out, const json_t *json, struct err *err)
{
	const json_t *correlation = json_object_get(json, "correlation");
	const json_t *incident = json_object_get(json, "incident");
	const json_t *accounts = json_object_get(json, "accounts");
	size_t n = json_array_size(accounts);
	int rc = 0;

	*out = (struct stored_correlate){0};
	if (correlation)
		rc = correlate_from_json(&out->result, correlation, err);
	if (!rc)
		rc = set_read(&out->set, json_object_get(json, "series"),
			correlation ? &out->result : NULL, err);
	for (size_t k = 0; !rc && k < n && k < ACCOUNT_MAX; k++) {
		rc = account_from_json(&out->accounts[k], &out->changes[k],
			json_array_get(accounts, k), out->set.n, err);
		out->n_accounts++;
	}
	if (!rc && incident)
		rc = incident_from_json(&out->incident, incident, out->set.n, err);
	if (!rc && !correlation && !incident)
		rc = is_wrong(err, "result");
	out->report = (struct correlate_report){.what = json_text_at(json, "what"),
		.unit = json_text_at(json, "unit"),
		.result = correlation ? &out->result : NULL,
		.set = &out->set,
		.accounts = out->accounts,
		.changes = out->changes,
		.n_accounts = out->n_accounts,
		.incident = incident ? &out->incident : NULL};
	return rc;
}

void stored_correlate_release(struct stored_correlate *s)
{
	correlate_release(&s->result);
	incident_release(&s->incident);
	for (size_t k = 0; k < s->n_accounts; k++) {
		account_release(&s->accounts[k]);
		account_change_release(&s->changes[k]);
	}
	series_set_release(&s->set);
}

/* ---- for people ---- */

void stored_correlate_print(
	struct str *out, const struct term *term, const struct correlate_report *r)
{
	if (r->result)
		report_correlate(out, term, r);
	else
		report_incident(out, term, r);
}

static void number_cell(struct table *t, double value)
{
	char text[NUM_TEXT];

	table_cell(t, isfinite(value) ? num_short(value, text) : "");
}

static void effect_row(struct table *t, const struct account *a, const struct account_effect *e)
{
	table_cell(t, a->parts[e->part].name);
	number_cell(t, e->before);
	number_cell(t, e->after);
	if (!a->is_sum) {
		table_cellf(t, "%.2f %%", 100 * e->share_before);
		table_cellf(t, "%.2f %%", 100 * e->share_after);
	}
	number_cell(t, e->latency);
	if (!a->is_sum)
		number_cell(t, e->mix);
}

static void account_table(struct str *out, const struct term *term, const struct account *a,
	const struct account_change *c, size_t top)
{
	struct table t = TABLE_INIT;
	struct account_effect rest = {0};

	table_column(&t, "part", TABLE_LEFT);
	table_column(&t, "before", TABLE_RIGHT);
	table_column(&t, "after", TABLE_RIGHT);
	if (!a->is_sum) {
		table_column(&t, "share before", TABLE_RIGHT);
		table_column(&t, "after", TABLE_RIGHT);
	}
	table_column(&t, a->is_sum ? "change" : "latency", TABLE_RIGHT);
	if (!a->is_sum)
		table_column(&t, "mix", TABLE_RIGHT);
	for (size_t k = 0; k < c->n; k++) {
		if (k < top) {
			effect_row(&t, a, &c->effects[k]);
			continue;
		}
		rest.latency += c->effects[k].latency;
		rest.mix += c->effects[k].mix;
	}
	if (c->n > top) {
		table_cellf(&t, "%zu others", c->n - top);
		for (size_t k = 0; k < (a->is_sum ? 2 : 4); k++)
			table_cell(&t, "");
		number_cell(&t, rest.latency);
		if (!a->is_sum)
			number_cell(&t, rest.mix);
	}
	table_cell(&t, "all");
	number_cell(&t, c->before);
	number_cell(&t, c->after);
	for (size_t k = 0; k < (a->is_sum ? 0 : 2); k++)
		table_cell(&t, "");
	number_cell(&t, c->latency);
	if (!a->is_sum)
		number_cell(&t, c->mix);
	table_render(&t, term, out);
	table_release(&t);
}

void stored_correlate_explain(
	struct str *out, const struct term *term, const struct correlate_report *r, size_t top)
{
	for (size_t k = 0; k < r->n_accounts; k++) {
		const struct account *a = &r->accounts[k];
		const char *total = r->set->items[a->total].name;

		str_addf(out, "\n%s is the %s of %s (%zu series)%s%s, within %.2g %%\n", total,
			a->is_sum ? "sum" : "mean", *a->of ? a->of : "all others", a->n,
			a->is_sum ? "" : ", each weighted by its ", a->by, 100 * a->fit);
		account_table(out, term, a, &r->changes[k], top);
	}
}

/* ---- for programs ---- */

static void put_flag(struct str *out, bool value)
{
	csv_put(out, false, value ? "true" : "false");
}

static void put_time(struct str *out, const struct series_set *s, double time_s)
{
	char text[CLOCK_TEXT];

	/* seconds of a run, or the calendar's */
	if (!isfinite(time_s) || s->start_s < 1e8)
		csv_put_number(out, false, time_s);
	else
		csv_put(out, false, clock_iso((int64_t)llround(time_s * 1e3), text));
}

static void put_correlate(struct str *out, const struct correlate_row *row)
{
	const double numbers[] = {row ? row->r : NAN, row ? row->low : NAN, row ? row->high : NAN,
		row ? row->p : NAN, row ? row->q : NAN, row ? (double)row->lag : NAN,
		row ? row->share : NAN, row ? row->n_eff : NAN, row ? (double)row->n : NAN,
		row && row->group != SIZE_MAX ? (double)row->group + 1 : NAN};

	for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++)
		csv_put_number(out, false, numbers[k]);
	put_flag(out, row && row->found);
	put_flag(out, row && row->mechanical);
	put_flag(out, row && row->doubtful);
}

static void put_incident(
	struct str *out, const struct series_set *s, const struct incident_row *row)
{
	const double numbers[] = {row ? row->score : NAN, row ? row->p : NAN, row ? row->q : NAN,
		row ? row->before : NAN, row ? row->during : NAN, row ? row->peak : NAN};

	for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++)
		csv_put_number(out, false, numbers[k]);
	put_time(out, s, row ? row->began_s : NAN);
	put_time(out, s, row ? row->began_low_s : NAN);
	put_time(out, s, row ? row->began_high_s : NAN);
	put_flag(out, row && row->step);
	put_flag(out, row && row->found);
}

static void put_names(struct str *out, const struct series *s)
{
	csv_put(out, true, s->name);
	csv_put(out, false, s->family ? s->family : "");
}

void stored_correlate_rows_csv(struct str *out, const struct correlate_report *r)
{
	const struct incident_row **of = mem_zalloc(r->set->n + 1, sizeof(struct incident_row *));
	bool *done = mem_zalloc(r->set->n + 1, sizeof(*done));

	str_add(out, "name,family");
	if (r->result)
		str_add(out, ",r,low,high,p,q,lag,share,n_eff,n,group,found,mechanical,doubtful");
	if (r->incident)
		str_add(out, ",incident_score,incident_p,incident_q,before,during,peak,began,"
			     "began_low,began_high,step,changed");
	str_add_char(out, '\n');
	for (size_t i = 0; r->incident && i < r->incident->n; i++)
		of[r->incident->rows[i].series] = &r->incident->rows[i];
	for (size_t i = 0; r->result && i < r->result->n; i++) {
		const struct correlate_row *row = &r->result->rows[i];

		put_names(out, &r->set->items[row->series]);
		put_correlate(out, row);
		if (r->incident)
			put_incident(out, r->set, of[row->series]);
		done[row->series] = true;
		str_add_char(out, '\n');
	}
	/* those that only the incident has: the target itself, say */
	for (size_t i = 0; r->incident && i < r->incident->n; i++) {
		const struct incident_row *row = &r->incident->rows[i];

		if (done[row->series])
			continue;
		put_names(out, &r->set->items[row->series]);
		if (r->result)
			put_correlate(out, NULL);
		put_incident(out, r->set, row);
		str_add_char(out, '\n');
	}
	free(of);
	free(done);
}

/* ---- runs ---- */

int stored_correlate_text(
	const struct run *run, const struct term *term, struct str *out, struct err *err)
{
	struct stored_correlate s;
	int rc = stored_correlate_read(&s, run->result, err);

	if (!rc)
		stored_correlate_print(out, term, &s.report);
	stored_correlate_release(&s);
	return rc;
}

int stored_correlate_csv(const struct run *run, struct str *out, struct err *err)
{
	struct stored_correlate s;
	int rc = stored_correlate_read(&s, run->result, err);

	if (!rc)
		stored_correlate_rows_csv(out, &s.report);
	stored_correlate_release(&s);
	return rc;
}

int stored_correlate_html(const struct run *run, struct str *out, struct err *err)
{
	struct stored_correlate s;
	int rc = stored_correlate_read(&s, run->result, err);

	if (!rc)
		stored_correlate_page(run, &s.report, out);
	stored_correlate_release(&s);
	return rc;
}

void stored_correlate_page(const struct run *run, const struct correlate_report *r, struct str *out)
{
	struct report_correlate_page page = {
		.run = stored_describe(run),
		.correlate = *r,
	};

	report_correlate_html(out, &page);
}

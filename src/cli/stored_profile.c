#include "cli/stored_profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/profile_sources.h"
#include "cli/stored.h"
#include "profile/formats.h"
#include "report/profile_words.h"

enum { ROWS_KEPT = 30, ROWS_SHOWN = 8 };

/* Places with less of the whole are left out of the tree. */
#define LEAST .005

#define FIELD(name) offsetof(struct profile_view_options, name)

const struct opt PROFILE_VIEW_OPTIONS[] = {
	{0, "clock", OPT_CHOICE, FIELD(clock), NULL,
		"what counts: time on a core, time that passed, time with the interpreter lock, "
		"samples (cpu)",
		0, 0, PROFILE_CLOCK_WORDS},
	{0, "lines", OPT_FLAG, FIELD(lines), NULL, "lines apart in the tree, not only functions", 0,
		0, NULL},
	{0, "by-thread", OPT_FLAG, FIELD(by_thread), NULL,
		"processes and threads apart in the tree", 0, 0, NULL},
	{0, "all", OPT_FLAG, FIELD(all), NULL,
		"the whole tree: library frames unfolded, small places too", 0, 0, NULL},
	{0, "invert", OPT_FLAG, FIELD(invert), NULL,
		"innermost functions first, and below them who called them", 0, 0, NULL},
	{0}};

struct view_options profile_view_of(
	const struct profile_view_options *o, int clock_kept, bool tasks)
{
	int clock = o->clock >= 0 ? o->clock : clock_kept;

	return (struct view_options){
		.clock = clock >= 0 ? (enum profile_clock)clock : PROFILE_CLOCK_CPU,
		.lines = o->lines,
		.by_process = o->by_thread,
		.by_thread = o->by_thread,
		.by_task = tasks,
		.invert = o->invert,
		.fold = !o->all && !o->invert,
		.least = o->all ? 0 : LEAST,
	};
}

/* ---- as JSON ---- */

static json_t *about_json(const struct profile_about *a)
{
	json_t *o = json_object();

	json_object_set_new(o, "seconds", json_number(a->duration_s));
	json_object_set_new(o, "rate_hz", json_number(a->rate_hz));
	json_object_set_new(o, "looks", json_integer((json_int_t)a->sweeps));
	json_object_set_new(o, "samples", json_integer((json_int_t)a->samples));
	json_object_set_new(o, "retried", json_integer((json_int_t)a->retries));
	json_object_set_new(o, "rejected", json_integer((json_int_t)a->rejected));
	json_object_set_new(o, "late", json_integer((json_int_t)a->late));
	json_object_set_new(o, "own_cpu_s", json_number(a->own_cpu_s));
	json_object_set_new(o, "core_s", json_number((double)a->core_ns / 1e9));
	json_object_set_new(o, "core_wait_s", json_number((double)a->core_wait_ns / 1e9));
	json_object_set_new(o, "python", json_string(a->python));
	return o;
}

/* Self and total of one function or line by a clock, out of that clock's own table. */
static const struct view_row *same_row(
	const struct view_row *rows, size_t n, const struct view_row *row)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].function == row->function && rows[i].line == row->line)
			return &rows[i];
	return NULL;
}

struct tables {
	struct view_row *rows[PROFILE_CLOCK_SAMPLES + 1];
	size_t n[PROFILE_CLOCK_SAMPLES + 1];
};

static void tables_make(struct tables *t, const struct profile *p, bool lines)
{
	for (int c = 0; c <= PROFILE_CLOCK_SAMPLES; c++)
		t->rows[c] =
			(lines ? view_lines : view_functions)(p, (enum profile_clock)c, &t->n[c]);
}

static void tables_release(struct tables *t)
{
	for (int c = 0; c <= PROFILE_CLOCK_SAMPLES; c++)
		free(t->rows[c]);
}

static int by_total(const void *a, const void *b)
{
	uint64_t x = ((const struct view_row *)a)->total, y = ((const struct view_row *)b)->total;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* The least total that is among the ROWS_KEPT largest. */
static uint64_t least_total(const struct view_row *rows, size_t n)
{
	struct view_row *copy;
	uint64_t least;

	if (n <= ROWS_KEPT)
		return 0;
	copy = mem_copy(rows, n * sizeof(*rows));
	qsort(copy, n, sizeof(*copy), by_total);
	least = copy[ROWS_KEPT - 1].total;
	free(copy);
	return least;
}

/* Those with most of their own, and those with most in all. */
static json_t *rows_json(const struct profile *p, enum profile_clock clock, bool lines)
{
	json_t *list = json_array();
	struct tables t;
	uint64_t least;

	tables_make(&t, p, lines);
	least = least_total(t.rows[clock], t.n[clock]);
	for (size_t i = 0; i < t.n[clock] && json_array_size(list) < (size_t)2 * ROWS_KEPT; i++) {
		const struct view_row *row = &t.rows[clock][i];
		const struct profile_function *f = &p->functions[row->function];
		json_t *o;

		if (i >= ROWS_KEPT && row->total < least)
			continue;
		o = json_object();
		json_object_set_new(o, "function", json_string(f->name));
		json_object_set_new(o, "file", json_string(f->file));
		json_object_set_new(o, "line", json_integer(lines ? row->line : f->first_line));
		for (int c = 0; c <= PROFILE_CLOCK_SAMPLES; c++) {
			const struct view_row *at = same_row(t.rows[c], t.n[c], row);
			double unit = c == PROFILE_CLOCK_SAMPLES ? 1 : 1e9;

			json_object_set_new(o, PROFILE_CLOCK_WORDS[c],
				json_pack("{s:f, s:f}", "self", at ? (double)at->self / unit : 0.,
					"total", at ? (double)at->total / unit : 0.));
		}
		json_array_append_new(list, o);
	}
	tables_release(&t);
	return list;
}

json_t *stored_profile_spec(const char *what, int64_t pid, const struct sampler_spec *looks)
{
	json_t *spec = json_object();

	json_object_set_new(spec, "what", json_string(what));
	if (pid)
		json_object_set_new(spec, "pid", json_integer(pid));
	json_object_set_new(spec, "rate_hz", json_real(looks->rate_hz));
	json_object_set_new(spec, "native", json_boolean(looks->native));
	json_object_set_new(spec, "pause", json_boolean(looks->pause));
	json_object_set_new(spec, "tasks", json_boolean(looks->tasks));
	json_object_set_new(spec, "alone", json_boolean(looks->alone));
	return spec;
}

json_t *stored_profile_summary(const struct profile *p, enum profile_clock clock)
{
	json_t *o = json_object();

	json_object_set_new(o, "clock", json_string(PROFILE_CLOCK_WORDS[clock]));
	json_object_set_new(o, "about", about_json(&p->about));
	json_object_set_new(o, "functions", rows_json(p, clock, false));
	json_object_set_new(o, "lines", rows_json(p, clock, true));
	return o;
}

json_t *stored_profile_json(
	const struct profile_report *r, enum profile_clock clock, const char *why)
{
	json_t *o = stored_profile_summary(r->profile, clock);

	json_object_set_new(o, "what", json_string(r->what));
	json_object_set_new(
		o, "exit_code", r->exit_code < 0 ? json_null() : json_integer(r->exit_code));
	json_object_set_new(o, "not_read", json_string(why));
	json_object_set_new(o, "tasks", json_boolean(r->view.by_task));
	return o;
}

/* ---- rows ---- */

void stored_profile_rows_csv(
	struct str *out, const struct profile *p, enum profile_clock clock, bool lines)
{
	size_t n;
	struct view_row *rows = (lines ? view_lines : view_functions)(p, clock, &n);
	double unit = clock == PROFILE_CLOCK_SAMPLES ? 1 : 1e9;

	str_add(out, clock == PROFILE_CLOCK_SAMPLES
			     ? "function,file,line,self,total,samples\n"
			     : "function,file,line,self_s,total_s,samples\n");
	for (size_t i = 0; i < n; i++) {
		const struct profile_function *f = &p->functions[rows[i].function];

		csv_put(out, true, f->name);
		csv_put(out, false, f->file);
		csv_put_number(out, false, lines ? rows[i].line : f->first_line);
		csv_put_number(out, false, (double)rows[i].self / unit);
		csv_put_number(out, false, (double)rows[i].total / unit);
		csv_put_number(out, false, (double)rows[i].samples);
		str_add_char(out, '\n');
	}
	free(rows);
}

/* ---- a short form, behind a load ---- */

static void share_cell(struct table *t, uint64_t part, uint64_t whole)
{
	struct str text = STR_INIT;

	if (whole)
		profile_add_share(&text, (double)part / (double)whole);
	table_cell(t, whole ? text.p : "");
	str_release(&text);
}

static void place_cells(struct table *t, const struct term *term, const struct places *places,
	const struct profile_function *f, int line)
{
	struct str name = STR_INIT, where = STR_INIT;

	profile_add_name(&name, term, f->name, 36);
	table_cell(t, name.p);
	str_clear(&name);
	places_where(&where, places, f->kind, f->file, line ? line : f->first_line);
	profile_add_name(&name, term, str_text(&where), 36);
	table_cell(t, str_text(&name));
	str_release(&name);
	str_release(&where);
}

static void add_table(struct str *out, const struct term *term, const struct profile *p,
	const struct places *places, const struct profile_sums *sums, bool lines)
{
	const uint64_t cpu = sums->all[PROFILE_CLOCK_CPU], wall = sums->all[PROFILE_CLOCK_WALL];
	enum profile_clock clock = cpu ? PROFILE_CLOCK_CPU : PROFILE_CLOCK_WALL;
	struct table table = TABLE_INIT;
	struct tables t;

	tables_make(&t, p, lines);
	table_column(&table, "cpu self", TABLE_RIGHT);
	table_column(&table, "total", TABLE_RIGHT);
	table_column(&table, "wall self", TABLE_RIGHT);
	table_column(&table, "total", TABLE_RIGHT);
	table_column(&table, lines ? "hottest lines" : "hottest functions", TABLE_LEFT);
	table_column(&table, "", TABLE_LEFT);
	for (size_t i = 0; i < t.n[clock] && i < ROWS_SHOWN; i++) {
		const struct view_row *row = &t.rows[clock][i];
		const struct view_row *c =
			same_row(t.rows[PROFILE_CLOCK_CPU], t.n[PROFILE_CLOCK_CPU], row);
		const struct view_row *w =
			same_row(t.rows[PROFILE_CLOCK_WALL], t.n[PROFILE_CLOCK_WALL], row);

		if (!row->self)
			break;
		share_cell(&table, c ? c->self : 0, cpu);
		share_cell(&table, c ? c->total : 0, cpu);
		share_cell(&table, w ? w->self : 0, wall);
		share_cell(&table, w ? w->total : 0, wall);
		place_cells(&table, term, places, &p->functions[row->function], row->line);
	}
	if (table.n_cells) {
		str_add_char(out, '\n');
		table_render(&table, term, out);
	}
	table_release(&table);
	tables_release(&t);
}

void stored_profile_tables(
	struct str *out, const struct term *term, const struct profile *p, const char *what)
{
	struct profile_report r = {.what = what, .profile = p, .exit_code = -1};
	struct str cost = STR_INIT, line = STR_INIT;
	struct profile_sums sums;
	struct places places = {0};

	profile_sum(&sums, p);
	places_add(&places, p);
	str_add(&line, "profile of ");
	profile_add_name(&line, term, what, 60);
	str_add_char(out, '\n');
	term_add(out, term, TERM_BOLD, line.p);
	str_add_char(out, '\n');
	if (profile_words_cost(&cost, &r))
		str_add_wrapped(out, cost.p, 0, term->width);
	add_table(out, term, p, &places, &sums, false);
	add_table(out, term, p, &places, &sums, true);
	places_release(&places);
	str_release(&cost);
	str_release(&line);
}

/* ---- the store ---- */

void stored_profile_keep(
	const struct cli *cli, int64_t run, const char *name, const struct profile *p)
{
	struct str text = STR_INIT;
	struct store *store = NULL;
	struct err err = {0};
	json_t *json;

	if (!run)
		return;
	json = profile_to_json(p);
	json_write(&text, json, 0);
	if (cli_open_store(cli, &store, &err) ||
		store_blob_put(store, run, name, text.p, text.len, &err))
		cli_note("the profile is not kept: %s", err.text);
	store_close(store);
	str_release(&text);
	json_decref(json);
}

int stored_profile_read(
	struct store *store, int64_t run, const char *name, struct profile **out, struct err *err)
{
	void *data = NULL;
	json_t *json;
	size_t len;
	int rc;

	*out = NULL;
	if (store_blob_get(store, run, name, &data, &len, err))
		return err_set(err, ERR_INPUT,
			"run %lld has no profile; `culprit runs --kind profile` lists those that "
			"are one",
			(long long)run);
	json = json_loadb(data, len, 0, NULL);
	rc = json ? profile_from_json(out, json, err)
		  : err_set(err, ERR_STORE, "the profile of run %lld is damaged", (long long)run);
	json_decref(json);
	free(data);
	return rc;
}

void stored_profile_put(struct store *store, int64_t run, json_t *whole)
{
	struct profile *p;

	if (!stored_profile_read(store, run, STORED_PROFILE, &p, NULL))
		json_object_set_new(whole, "profile", profile_to_json(p));
	profile_free(p);
}

int stored_profile_add(struct store *store, const struct run *run, const struct term *term,
	struct str *out, struct err *err)
{
	const json_t *summary = json_object_get(run->result, "profile");
	struct profile *p;
	int rc;

	if (!summary)
		return 0;
	rc = stored_profile_read(store, run->id, STORED_PROFILE, &p, err);
	if (!rc)
		stored_profile_tables(out, term, p, json_text_at(summary, "what"));
	profile_free(p);
	return rc;
}

static int clock_kept(const struct run *run)
{
	const char *word = json_text_at(run->result, "clock");

	for (int c = 0; PROFILE_CLOCK_WORDS[c]; c++)
		if (!strcmp(word, PROFILE_CLOCK_WORDS[c]))
			return c;
	return -1;
}

static struct profile_report report_of(
	const struct run *run, const struct profile *p, const struct profile_view_options *view)
{
	const json_t *code = json_object_get(run->result, "exit_code");
	bool tasks = json_is_true(json_object_get(run->result, "tasks"));

	return (struct profile_report){.what = json_text_at(run->result, "what"),
		.profile = p,
		.view = profile_view_of(view, clock_kept(run), tasks),
		.tables = true,
		.exit_code = json_is_integer(code) ? (int)json_integer_value(code) : -1};
}

struct profile_report stored_profile_beside(const char *what, const struct profile *p)
{
	const struct profile_view_options view = PROFILE_VIEW_OPTIONS_INIT;

	return (struct profile_report){.what = what,
		.profile = p,
		.view = profile_view_of(&view, PROFILE_CLOCK_CPU, false),
		.tables = true,
		.exit_code = -1};
}

int stored_profile_text(struct store *store, const struct run *run,
	const struct profile_view_options *view, const struct term *term, struct str *out,
	struct err *err)
{
	struct profile_report r;
	struct profile *p;
	int rc = stored_profile_read(store, run->id, STORED_PROFILE, &p, err);

	if (!rc) {
		r = report_of(run, p, view);
		report_profile(out, term, &r);
	}
	profile_free(p);
	return rc;
}

int stored_profile_csv(struct store *store, const struct run *run, struct str *out, struct err *err)
{
	struct profile *p;
	int clock = clock_kept(run);
	int rc = stored_profile_read(store, run->id, STORED_PROFILE, &p, err);

	if (!rc)
		stored_profile_rows_csv(
			out, p, clock >= 0 ? (enum profile_clock)clock : PROFILE_CLOCK_CPU, false);
	profile_free(p);
	return rc;
}

int stored_profile_export(
	struct store *store, const struct run *run, int format, struct str *out, struct err *err)
{
	struct profile *p;
	int clock = clock_kept(run);
	int rc = stored_profile_read(store, run->id, STORED_PROFILE, &p, err);

	if (!rc)
		profile_write(out, p, (enum profile_format)format,
			clock >= 0 ? (enum profile_clock)clock : PROFILE_CLOCK_CPU, run->title);
	profile_free(p);
	return rc;
}

int stored_profile_html(
	struct store *store, const struct run *run, struct str *out, struct err *err)
{
	const struct profile_view_options view = PROFILE_VIEW_OPTIONS_INIT;
	struct profile_report r;
	struct profile *p;
	int rc = stored_profile_read(store, run->id, STORED_PROFILE, &p, err);

	if (!rc) {
		r = report_of(run, p, &view);
		stored_profile_page(run, &r, out);
	}
	profile_free(p);
	return rc;
}

struct report_profile_page stored_profile_describe(
	const struct run *run, const struct profile_report *r, struct profile_sources *sources)
{
	profile_sources_read(sources, r->profile);
	return (struct report_profile_page){
		.run = stored_describe(run),
		.profile = *r,
		.sources = sources->items,
		.n_sources = sources->n,
	};
}

void stored_profile_page(const struct run *run, const struct profile_report *r, struct str *out)
{
	struct profile_sources sources;
	struct report_profile_page page = stored_profile_describe(run, r, &sources);

	report_profile_html(out, &page);
	profile_sources_release(&sources);
}

#include "cli/correlate_input.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/run_name.h"
#include "cli/stored.h"
#include "correlate/series_csv.h"
#include "correlate/sources.h"

enum { FORM_CSV, FORM_OPENMETRICS };
static const char *const CORRELATE_FORMS[] = {"csv", "openmetrics", NULL};

static const double SCRAPE_S = 15, ASKED_S = 6 * 3600;
enum { ASKED_STEPS = 1440, TOKEN_MAX = 16384 };

#define AT(field) offsetof(struct correlate_input_options, field)

const struct opt CORRELATE_FILE_OPTIONS[] = {
	{0, "time", OPT_TEXT, AT(time_column), "COLUMN", "the column of times [found]", 0, 0, NULL},
	{0, "name", OPT_TEXT, AT(name_column), "COLUMN",
		"a row a value: the column of the series' names [found]", 0, 0, NULL},
	{0, "value", OPT_TEXT, AT(value_column), "COLUMN",
		"a row a value: the column of values [found]", 0, 0, NULL},
	{0, "zone", OPT_TEXT, AT(zone), "ZONE",
		"of times that say none: Europe/Berlin, +02:00 [UTC]", 0, 0, NULL},
	{0, "counter", OPT_LIST, AT(counters), "NAME",
		"this series, or those whose name ends so, only grows: take its rate; may be given "
		"again [names that end in _total]",
		0, 0, NULL},
	{0, "family", OPT_LIST, AT(families), "NAME=REGEX",
		"series with such names are reported together; may be given again [by their names]",
		0, 0, NULL},
	{0, "input", OPT_CHOICE, AT(form), NULL,
		"what the file is [by its name: .om, .prom and .txt are OpenMetrics]", 0, 0,
		CORRELATE_FORMS},
	{0}};

const struct opt CORRELATE_PROMETHEUS_OPTIONS[] = {
	{0, "prometheus", OPT_TEXT, AT(prometheus), "URL", "ask this server for the series", 0, 0,
		NULL},
	{0, "match", OPT_LIST, AT(matches), "SELECTOR",
		"series to ask for, such as '{job=\"web\"}', or an expression; may be given again",
		0, 0, NULL},
	{0, "timeout", OPT_DURATION, AT(timeout_ns), NULL, "of one answer [60s]", 1e6, 1e13, NULL},
	{0, "token-file", OPT_TEXT, AT(token_file), "FILE", "a bearer token is in there", 0, 0,
		NULL},
	{0, "ca-file", OPT_TEXT, AT(ca_file), "FILE",
		"trust these certificates instead of the system's", 0, 0, NULL},
	{0, "insecure", OPT_FLAG, AT(insecure), NULL, "do not verify the server's certificate", 0,
		0, NULL},
	{0}};

const struct opt CORRELATE_TIME_OPTIONS[] = {
	{0, "from", OPT_TEXT, AT(from), "TIME",
		"leave out what is before: 2026-11-14 19:00, 19:00 (of the last day), -6h, Unix "
		"seconds",
		0, 0, NULL},
	{0, "to", OPT_TEXT, AT(to), "TIME", "leave out what is later", 0, 0, NULL},
	{0, "step", OPT_DURATION, AT(step_ns), NULL,
		"put all series on this step; of Prometheus, ask in it; of OpenMetrics without "
		"times, between scrapes [the data's]",
		1e6, 1e16, NULL},
	{0}};

/* ---- files ---- */

/* A bound that does not need the data, for the reader; NaN where there is none. */
static int early_bound(
	double *out, const char *text, const char *what, const struct moments *m, struct err *err)
{
	*out = NAN;
	return !text || moment_needs_data(text) ? 0 : moment_parse(out, text, what, m, err);
}

static bool ends_so(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

static bool is_openmetrics(const struct correlate_input_options *o, const char *path)
{
	if (o->form >= 0)
		return o->form == FORM_OPENMETRICS;
	return ends_so(path, ".om") || ends_so(path, ".prom") || ends_so(path, ".txt");
}

static int read_file(struct correlate_input *in, const struct correlate_input_options *o,
	const char *path, struct err *err)
{
	struct series_csv_options csv = {.time_column = o->time_column,
		.name_column = o->name_column,
		.value_column = o->value_column,
		.zone = o->zone,
		.counters = o->counters.items,
		.n_counters = o->counters.n,
		.align = {.step_s = (double)o->step_ns / 1e9, .how = ALIGN_MEAN}};
	int rc = early_bound(&csv.align.from_s, o->from, "--from", &in->moments, err);

	if (!rc)
		rc = early_bound(&csv.align.to_s, o->to, "--to", &in->moments, err);
	if (rc)
		return rc;
	str_add(&in->what, strcmp(path, "-") ? path : "standard input");
	if (is_openmetrics(o, path))
		return series_read_openmetrics(
			&in->set, path, o->step_ns ? csv.align.step_s : SCRAPE_S, &csv.align, err);
	return series_read_csv(&in->set, path, &csv, err);
}

/* ---- a server ---- */

static int read_token(char **out, const char *path, struct err *err)
{
	struct file_bytes file;
	int rc = file_open_bytes(path, TOKEN_MAX, &file, err);
	size_t n;

	if (rc)
		return rc;
	n = file.len;
	while (n && strchr(" \t\r\n", file.data[n - 1]))
		n--;
	*out = mem_copy(file.data, n);
	file_close_bytes(&file);
	return 0;
}

char *correlate_input_clean(const char *command)
{
	struct str out = STR_INIT;

	for (const char *p = command; *p;) {
		size_t host, at;

		if (strncmp(p, "://", 3) != 0) {
			str_add_char(&out, *p++);
			continue;
		}
		str_add(&out, "://");
		p += 3;
		/* the last @ before the path is the end of the credentials */
		host = strcspn(p, "/ ?#");
		for (at = host; at > 0 && p[at - 1] != '@';)
			at--;
		p += at;
	}
	return out.p ? str_take(&out) : mem_strdup("");
}

/* --from, --to and --step; without them the last six hours in steps of a quarter minute. */
static int ask_when(struct prometheus_query *q, const struct correlate_input_options *o,
	const struct moments *m, struct err *err)
{
	int rc = o->to ? moment_parse(&q->to_s, o->to, "--to", m, err) : 0;

	if (!o->to)
		q->to_s = m->now_s;
	q->from_s = q->to_s - ASKED_S;
	if (!rc && o->from)
		rc = moment_parse(&q->from_s, o->from, "--from", m, err);
	if (rc)
		return rc;
	if (!(q->from_s < q->to_s))
		return err_set(err, ERR_USAGE,
			"--from is not before --to; of a day before, write its date");
	q->step_s = o->step_ns ? (double)o->step_ns / 1e9
			       : fmax(SCRAPE_S, ceil((q->to_s - q->from_s) / ASKED_STEPS));
	return 0;
}

static int read_prometheus(struct correlate_input *in, const struct cli *cli,
	const struct correlate_input_options *o, const char *target, size_t *target_series,
	struct err *err)
{
	struct prometheus_query q = {.url = o->prometheus,
		.matches = o->matches.items,
		.n_matches = o->matches.n,
		.target = target,
		.timeout_ns = o->timeout_ns,
		.ca_file = o->ca_file,
		.insecure = o->insecure,
		.stop = cli->stop};
	char *token = NULL, *title = correlate_input_clean(o->prometheus);
	int rc = 0;

	str_add(&in->what, title);
	free(title);
	if (!o->matches.n)
		return err_set(err, ERR_USAGE,
			"say which series to ask for with --match, such as --match "
			"'{job=\"web\"}'");
	rc = ask_when(&q, o, &in->moments, err);
	if (!rc && o->token_file)
		rc = read_token(&token, o->token_file, err);
	q.token = token;
	if (!rc)
		rc = series_read_prometheus(&in->set, target_series, &q, err);
	free(token);
	return rc;
}

/* ---- a stored run ---- */

static int read_run(
	struct correlate_input *in, const struct cli *cli, const char *which, struct err *err)
{
	struct stored stored;
	int rc = stored_read(cli, which, &stored, err);

	if (!rc && strcmp(stored.run.kind, "load") && strcmp(stored.run.kind, "recording"))
		rc = err_set(err, ERR_USAGE,
			"run %lld is a %s, which has no series; name a load or a recording, or a "
			"file",
			(long long)stored.run.id, stored.run.kind);
	if (!rc && !stored.run.result)
		rc = err_set(err, ERR_USAGE,
			"run %lld (%s) has no result; let it end, or name "
			"another one",
			(long long)stored.run.id, stored.run.kind);
	if (!rc) {
		str_addf(&in->what, "run %lld: %s", (long long)stored.run.id, stored.run.command);
		in->is_load = !strcmp(stored.run.kind, "load");
		rc = series_read_run(&in->set, stored.run.kind, stored.run.result, err);
	}
	stored_release(&stored);
	return rc;
}

/* ---- cutting ---- */

static size_t step_at(const struct series_set *s, double time_s)
{
	double step = ceil((time_s - s->start_s) / s->step_s - 1e-6);

	return step <= 0 ? 0 : step >= (double)s->n_times ? s->n_times : (size_t)step;
}

static int cut(struct series_set *s, double from_s, double to_s, struct err *err)
{
	size_t from = isnan(from_s) ? 0 : step_at(s, from_s);
	size_t to = isnan(to_s) ? s->n_times : step_at(s, to_s + s->step_s * .5);

	if (!from && to == s->n_times)
		return 0;
	if (to <= from)
		return err_set(err, ERR_INPUT,
			"no time of the data lies between --from and --to; without them all of it "
			"is taken");
	for (size_t i = 0; i < s->n; i++) {
		memmove(s->items[i].values, s->items[i].values + from,
			(to - from) * sizeof(double));
		series_forget(s, i, 1);
	}
	s->start_s += s->step_s * (double)from;
	s->n_times = to - from;
	series_mark(s);
	return 0;
}

static int cut_late(
	struct correlate_input *in, const struct correlate_input_options *o, struct err *err)
{
	double from_s = NAN, to_s = NAN;
	int rc = 0;

	if (o->from)
		rc = moment_parse(&from_s, o->from, "--from", &in->moments, err);
	if (!rc && o->to)
		rc = moment_parse(&to_s, o->to, "--to", &in->moments, err);
	return rc ? rc : cut(&in->set, from_s, to_s, err);
}

static void see_ends(struct correlate_input *in)
{
	in->moments.start_s = in->set.start_s;
	in->moments.end_s = in->set.start_s + in->set.step_s * ((double)in->set.n_times - 1);
}

int correlate_input_read(struct correlate_input *out, const struct cli *cli,
	const struct correlate_input_options *o, const struct opt_rest *rest, const char *target,
	size_t *target_series, struct err *err)
{
	const char *name = rest->n ? rest->items[0] : NULL;
	int rc;

	*out = (struct correlate_input){
		.moments = {.start_s = NAN, .end_s = NAN, .now_s = (double)clock_wall_ms() / 1e3}};
	*target_series = SIZE_MAX;
	if ((name != NULL) + (o->prometheus != NULL) != 1)
		return err_set(err, ERR_USAGE, "%s; a file, a run's number, or --prometheus URL",
			name ? "only one source can be read" : "say where the series are");
	rc = series_zone_open(&out->zone, o->zone, err);
	out->moments.zone = out->zone;
	if (rc)
		return rc;
	rc = o->prometheus       ? read_prometheus(out, cli, o, target, target_series, err)
	     : run_name_is(name) ? read_run(out, cli, name, err)
				 : read_file(out, o, name, err);
	if (rc)
		return rc;
	str_add(&out->source, str_text(&out->what));
	out->set.source = str_text(&out->source);
	see_ends(out);
	if (!o->prometheus)
		rc = cut_late(out, o, err);
	see_ends(out);
	return rc ? rc
		  : series_families(
			    &out->set, (const char *const *)o->families.items, o->families.n, err);
}

void correlate_input_release(struct correlate_input *in)
{
	series_set_release(&in->set);
	series_zone_free(in->zone);
	str_release(&in->what);
	str_release(&in->source);
}

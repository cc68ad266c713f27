/* culprit correlate: which of many series moves with one of them. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/cli.h"
#include "cli/correlate_input.h"
#include "cli/stored_correlate.h"
#include "correlate/sources.h"

static const uint64_t MATRIX_BYTES = UINT64_C(1) << 30;

enum { EXPLAINED_MIN = 5 }; /* steps of a stretch that is found by itself */

static struct correlate_options {
	struct cli_format_options format;
	struct correlate_input_options input;
	const char *target, *given, *during, *before, *parts, *max_lag;
	const char *html, *matrix;
	int method;
	double fdr;
	bool explain;
	int64_t top, threads;
} options = {.input = {.form = -1, .zone = "UTC"}, .fdr = .05, .top = 10};

#define AT(field) offsetof(struct correlate_options, field)

static const struct opt CORRELATE_OPTIONS[] = {
	{'t', "target", OPT_TEXT, AT(target), "NAME",
		"the series that is to be explained, or the end of its name; of Prometheus, an "
		"expression",
		0, 0, NULL},
	{0, "method", OPT_CHOICE, AT(method), NULL,
		"how series are compared [robust]; pearson-diff as pandas and scipy do", 0, 0,
		CORRELATE_METHOD_WORDS},
	{0, "max-lag", OPT_TEXT, AT(max_lag), "N",
		"look for series that lead or follow by up to so many steps, or by a time such as "
		"10m [0]",
		0, 0, NULL},
	{0, "fdr", OPT_SHARE, AT(fdr), NULL,
		"share of the findings that may be false, all tests considered [0.05]", 1e-9, .5,
		NULL},
	{0, "given", OPT_TEXT, AT(given), "NAME",
		"take this series' part out of all others first (partial correlation): the "
		"throughput, say",
		0, 0, NULL},
	{0, "threads", OPT_INT, AT(threads), "N", "threads; 0: one a core [0]", 0, 256, NULL}, {0}};

static const struct opt INCIDENT_OPTIONS[] = {
	{0, "during", OPT_TEXT, AT(during), "FROM..TO",
		"what changed then against before, and what began first: 19:00..21:20", 0, 0, NULL},
	{0, "before", OPT_TEXT, AT(before), "TIME",
		"length of the stretch before it that it is held against [ten times as long, or "
		"what there is]",
		0, 0, NULL},
	{0, "parts", OPT_TEXT, AT(parts), "FAMILIES",
		"what makes the target: TIMES,THROUGHPUTS of a mean, or the family that adds up "
		"to it [found]",
		0, 0, NULL},
	{0, "explain", OPT_FLAG, AT(explain), NULL,
		"the accounts as tables: each part's latency and mix", 0, 0, NULL},
	{0}};

static const struct opt OUTPUT_OPTIONS[] = {
	{'n', "top", OPT_INT, AT(top), "N", "rows shown of each family [10]", 1, 100000, NULL},
	{0, "html", OPT_TEXT, AT(html), "FILE", "write an HTML report there", 0, 0, NULL},
	{0, "matrix", OPT_TEXT, AT(matrix), "FILE",
		"write the coefficients of all series with all there, as CSV", 0, 0, NULL},
	{0}};

struct job {
	struct cli *cli;
	struct correlate_input input;
	struct correlate_spec spec;
	struct correlate_result result;
	struct incident_spec incident_spec;
	struct incident_result incident;
	struct account accounts[ACCOUNT_MAX];
	struct account_change changes[ACCOUNT_MAX];
	size_t n_accounts;
	struct correlate_report report;
};

/* ---- what is asked ---- */

static int check(struct err *err)
{
	if (!options.target && !options.during)
		return err_set(err, ERR_USAGE,
			"say which series is to be explained, with --target NAME, or when the "
			"incident was, with --during FROM..TO");
	if (!options.target && (options.given || options.parts || options.max_lag))
		return err_set(err, ERR_USAGE, "%s is about a target; name it with --target NAME",
			options.given   ? "--given"
			: options.parts ? "--parts"
					: "--max-lag");
	if (options.before && !options.during && !options.target)
		return err_set(err, ERR_USAGE, "--before belongs to --during FROM..TO");
	return 0;
}

/* Steps, or a time. */
static int parse_lag(size_t *out, const struct series_set *s, struct err *err)
{
	int64_t steps;
	uint64_t ns;

	*out = 0;
	if (!options.max_lag)
		return 0;
	if (!num_parse_int(options.max_lag, 0, INT64_C(1) << 40, "--max-lag", &steps, NULL)) {
		*out = (size_t)steps;
	} else if (!num_parse_duration(
			   options.max_lag, 0, UINT64_MAX / 2, "--max-lag", &ns, NULL)) {
		*out = (size_t)llround((double)ns / 1e9 / s->step_s);
	} else {
		return err_set(err, ERR_USAGE,
			"--max-lag: '%.100s' is neither a number of steps nor a time; write 10, or "
			"10m",
			options.max_lag);
	}
	if (*out >= s->n_times / 2)
		return err_set(err, ERR_USAGE,
			"--max-lag %.100s are %zu steps, and there are %zu in all; less than half "
			"of them can be looked at",
			options.max_lag, *out, s->n_times);
	return 0;
}

static int find_series(struct job *job, size_t target, struct err *err)
{
	const struct series_set *s = &job->input.set;
	int rc;

	job->spec = (struct correlate_spec){.target = target,
		.method = (enum correlate_method)options.method,
		.fdr = options.fdr,
		.confidence = .95,
		.given = SIZE_MAX,
		.group_at = .9,
		.threads = (unsigned)options.threads};
	rc = parse_lag(&job->spec.max_lag, s, err);
	if (rc)
		return rc;
	if (options.target && target == SIZE_MAX) {
		job->spec.target = series_find(s, options.target, err);
		if (job->spec.target == SIZE_MAX)
			return err_prefix(err, "--target");
	}
	if (options.given) {
		job->spec.given = series_find(s, options.given, err);
		if (job->spec.given == SIZE_MAX)
			return err_prefix(err, "--given");
	}
	return 0;
}

static int parse_incident(struct job *job, struct err *err)
{
	uint64_t ns;
	int rc = 0;

	job->incident_spec = (struct incident_spec){.from_s = NAN,
		.to_s = NAN,
		.before_s = NAN,
		.fdr = options.fdr,
		.threads = (unsigned)options.threads};
	if (options.before) {
		rc = num_parse_duration(options.before, 1000, UINT64_MAX / 2, "--before", &ns, err);
		job->incident_spec.before_s = rc ? NAN : (double)ns / 1e9;
	}
	if (!rc && options.during)
		rc = moment_parse_pair(&job->incident_spec.from_s, &job->incident_spec.to_s,
			options.during, "--during", &job->input.moments, err);
	return rc;
}

/* ---- accounts ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Median and median deviation of what is known; false where there is too little. */
static bool usual(const double *x, size_t n, double *middle, double *spread)
{
	double *v = mem_alloc(n + 1, sizeof(*v));
	size_t known = 0;

	for (size_t t = 0; t < n; t++)
		if (isfinite(x[t]))
			v[known++] = x[t];
	if (known > (size_t)2 * EXPLAINED_MIN) {
		qsort(v, known, sizeof(*v), by_value);
		*middle = v[known / 2];
		for (size_t k = 0; k < known; k++)
			v[k] = fabs(v[k] - *middle);
		qsort(v, known, sizeof(*v), by_value);
		*spread = 1.4826 * v[known / 2];
	}
	free(v);
	return known > (size_t)2 * EXPLAINED_MIN;
}

/*
 * Where no incident is named: the stretch in which the target was furthest above its usual, by the
 * largest sum over a stretch of what is above median + 2 deviations (Kadane's scan). False where
 * there is no such stretch, or it is most of the time.
 */
static bool find_stretch(const struct series_set *s, size_t target, struct account_stretch *out)
{
	const double *x = s->items[target].values;
	double middle, spread, sum = 0, best = 0;
	size_t begun = 0, from = 0, to = 0;

	if (!usual(x, s->n_times, &middle, &spread))
		return false;
	for (size_t t = 0; t < s->n_times; t++) {
		if (sum <= 0) {
			sum = 0;
			begun = t;
		}
		if (isfinite(x[t]))
			sum += x[t] - middle - 2 * spread;
		if (sum > best) {
			best = sum;
			from = begun;
			to = t + 1;
		}
	}
	if (to < from + EXPLAINED_MIN || 2 * (to - from) > s->n_times)
		return false;
	*out = (struct account_stretch){
		s->start_s + s->step_s * (double)from, s->start_s + s->step_s * (double)to};
	return true;
}

/* The stretch that it is held against: before it, or after it where little is before. */
static struct account_stretch stretch_before(
	const struct series_set *s, struct account_stretch is, double before_s)
{
	double end_s = s->start_s + s->step_s * (double)s->n_times;
	double length = isnan(before_s) ? INCIDENT_BEFORE_TIMES * (is.to_s - is.from_s) : before_s;
	struct account_stretch was = {fmax(s->start_s, is.from_s - length), is.from_s};

	if (was.to_s - was.from_s < EXPLAINED_MIN * s->step_s)
		was = (struct account_stretch){is.to_s, fmin(end_s, is.to_s + length)};
	return was;
}

static struct account_stretch second_half(const struct series_set *s)
{
	size_t middle = s->n_times / 2;

	return (struct account_stretch){s->start_s + s->step_s * (double)middle,
		s->start_s + s->step_s * (double)s->n_times};
}

static int account(struct job *job, struct err *err)
{
	const struct series_set *s = &job->input.set;
	struct account_stretch is = {job->incident_spec.from_s, job->incident_spec.to_s}, was;
	size_t target = job->spec.target, found = 0;
	int rc = 0;

	if (target == SIZE_MAX)
		return 0;
	if (options.parts) {
		rc = account_say(&job->accounts[0], s, target, options.parts, err);
		found = 1; /* to be released in any case */
	} else {
		found = account_find(job->accounts, s, target);
	}
	job->n_accounts = found;
	if (rc || !found)
		return rc;
	if (!options.during && !find_stretch(s, target, &is))
		is = second_half(s);
	was = stretch_before(s, is, job->incident_spec.before_s);
	for (size_t k = 0; k < found && !rc; k++)
		rc = account_explain(&job->changes[k], s, &job->accounts[k], &was, &is, err);
	if (rc && !options.during && !options.parts) {
		/* nothing was asked about it */
		for (size_t k = 0; k < found; k++)
			account_release(&job->accounts[k]);
		job->n_accounts = 0;
		rc = 0;
	}
	return rc;
}

/* ---- the correlation ---- */

static int correlate(struct job *job, struct err *err)
{
	const struct series_set *s = &job->input.set;
	int rc = correlate_run(&job->result, s, &job->spec, err);
	bool *marks;

	if (rc)
		return rc;
	job->report.result = &job->result;
	marks = mem_zalloc(s->n + 1, sizeof(*marks));
	account_mechanical(marks, s, job->spec.target, job->accounts, job->n_accounts);
	if (job->input.is_load)
		series_run_mechanical(marks, s, job->spec.target);
	for (size_t i = 0; i < job->result.n; i++)
		job->result.rows[i].mechanical = marks[job->result.rows[i].series];
	free(marks);
	return 0;
}

static int stopped(const struct job *job, struct err *err)
{
	return atomic_load(job->cli->stop) ? err_set(err, ERR_STOPPED, "stopped; nothing was kept")
					   : 0;
}

static int compute(struct job *job, struct err *err)
{
	const struct series_set *s = &job->input.set;
	int rc = account(job, err);

	if (!rc)
		rc = stopped(job, err);
	if (!rc && job->spec.target != SIZE_MAX)
		rc = correlate(job, err);
	if (!rc)
		rc = stopped(job, err);
	if (!rc && options.during) {
		rc = incident_run(&job->incident, s, &job->incident_spec, err);
		job->report.incident = &job->incident;
	}
	return rc ? rc : stopped(job, err);
}

/* ---- the matrix ---- */

static int write_matrix(const struct job *job, struct err *err)
{
	const struct series_set *s = &job->input.set;
	struct str line = STR_INIT, path = STR_INIT;
	double *r = NULL;
	FILE *file = NULL;
	int rc = correlate_matrix(&r, s, job->spec.method, MATRIX_BYTES, err);

	if (rc)
		goto out;
	str_addf(&path, "%s.part", options.matrix);
	file = fopen(path.p, "w");
	if (!file) {
		rc = err_errno(err, ERR_SYSTEM, errno, "%s cannot be written", options.matrix);
		goto out;
	}
	csv_put(&line, true, "");
	for (size_t j = 0; j < s->n; j++)
		csv_put(&line, false, s->items[j].name);
	str_add_char(&line, '\n');
	fwrite(line.p, 1, line.len, file);
	for (size_t i = 0; i < s->n && !atomic_load(job->cli->stop); i++) {
		str_clear(&line);
		csv_put(&line, true, s->items[i].name);
		for (size_t j = 0; j < s->n; j++)
			if (isfinite(r[i * s->n + j]))
				str_addf(&line, ",%.6g", r[i * s->n + j]);
			else
				str_add_char(&line, ',');
		str_add_char(&line, '\n');
		fwrite(line.p, 1, line.len, file);
	}
	rc = stopped(job, err);
	if ((fflush(file) || ferror(file) || (!rc && rename(path.p, options.matrix))) && !rc)
		rc = err_errno(err, ERR_SYSTEM, errno, "%s cannot be written", options.matrix);
	if (rc)
		unlink(path.p);
out:
	if (file)
		fclose(file);
	free(r);
	str_release(&line);
	str_release(&path);
	return rc;
}

/* ---- what comes of it ---- */

static json_t *spec_json(void)
{
	json_t *spec = json_object();

	json_object_set_new(
		spec, "target", options.target ? json_string(options.target) : json_null());
	json_object_set_new(
		spec, "during", options.during ? json_string(options.during) : json_null());
	json_object_set_new(spec, "method", json_string(CORRELATE_METHOD_WORDS[options.method]));
	json_object_set_new(spec, "fdr", json_real(options.fdr));
	return spec;
}

static int write_html(struct job *job, int64_t id, struct err *err)
{
	struct str page = STR_INIT;
	struct run run;
	int rc;

	if (!options.html)
		return 0;
	cli_describe_run(job->cli, &run, "correlation", str_text(&job->input.what));
	run.id = id;
	stored_correlate_page(&run, &job->report, &page);
	rc = cli_write_report(options.html, &page, cli_format(&options.format) == CLI_TEXT, err);
	run_release(&run);
	str_release(&page);
	return rc;
}

static void print(const struct job *job, const json_t *json)
{
	struct str text = STR_INIT;

	switch (cli_format(&options.format)) {
	case CLI_JSON: cli_print_json(json); break;
	case CLI_CSV: stored_correlate_rows_csv(&text, &job->report); break;
	case CLI_TEXT:
		stored_correlate_print(&text, &job->cli->out, &job->report);
		if (options.explain)
			stored_correlate_explain(
				&text, &job->cli->out, &job->report, (size_t)options.top);
		break;
	}
	cli_print(str_text(&text));
	str_release(&text);
}

static int conclude(struct job *job, struct err *err)
{
	bool text = cli_format(&options.format) == CLI_TEXT;
	json_t *json = stored_correlate_json(&job->report), *spec = spec_json();
	int64_t id;
	int rc;

	print(job, json);
	if (text && options.explain && !job->n_accounts)
		cli_note("no account: no family of series adds up to %s, nor do two of them (times "
			 "and throughputs) make it; --parts names them",
			options.target ? options.target : "a target");
	cli_keep(job->cli, "correlation", str_text(&job->input.what), 0, spec, json, &id);
	if (id && text)
		cli_note("kept as run %lld", (long long)id);
	rc = write_html(job, id, err);
	if (!rc && options.matrix)
		rc = write_matrix(job, err);
	if (!rc && options.matrix && text)
		cli_note("the matrix is %s", options.matrix);
	json_decref(json);
	json_decref(spec);
	return rc;
}

/* What culprit itself measures has its unit in its name, or is a latency. */
static const char *unit_of(const struct series_set *s, size_t target)
{
	static const char *const MS[] = {"load:mean", "load:p50", "load:p99", "load:max"};

	for (size_t k = 0; target != SIZE_MAX && k < sizeof(MS) / sizeof(MS[0]); k++)
		if (!strcmp(s->items[target].name, MS[k]))
			return "ms";
	return "";
}

static void release(struct job *job)
{
	correlate_release(&job->result);
	incident_release(&job->incident);
	for (size_t k = 0; k < job->n_accounts; k++) {
		account_release(&job->accounts[k]);
		account_change_release(&job->changes[k]);
	}
	correlate_input_release(&job->input);
	free(options.input.counters.items);
	free(options.input.families.items);
	free(options.input.matches.items);
}

static int run_correlate(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	char *clean = correlate_input_clean(cli->command);
	struct cli own = *cli; /* with a command line that may be kept */
	struct job job = {.cli = &own};
	size_t target = SIZE_MAX;
	int rc = check(err);

	own.command = clean;
	if (!rc)
		rc = file_check_write(options.html, err);
	if (!rc)
		rc = file_check_write(options.matrix, err);
	if (!rc)
		rc = correlate_input_read(
			&job.input, &own, &options.input, rest, options.target, &target, err);
	if (stopped(&job, NULL)) /* whatever half of it was read */
		rc = stopped(&job, err);
	if (!rc)
		rc = find_series(&job, target, err);
	if (!rc)
		rc = parse_incident(&job, err);
	if (!rc)
		rc = compute(&job, err);
	job.report.what = str_text(&job.input.what);
	job.report.unit = rc ? "" : unit_of(&job.input.set, job.spec.target);
	job.report.set = &job.input.set;
	job.report.accounts = job.accounts;
	job.report.changes = job.changes;
	job.report.n_accounts = job.n_accounts;
	job.report.top = (size_t)options.top;
	if (!rc)
		rc = conclude(&job, err);
	release(&job);
	free(clean);
	return rc;
}

static const char *const EXAMPLES[] = {
	"culprit correlate metrics.csv --target total",
	"which of its columns move with the column total",
	"culprit correlate metrics.csv --target total --during 19:00..21:20 --html report.html",
	"and what changed that evening, in the order in which it began",
	"culprit correlate --prometheus http://127.0.0.1:9090 --match '{job=\"web\"}' "
	"--target 'histogram_quantile(.99, rate(latency_bucket[1m]))' --from -6h",
	"the last six hours of a Prometheus",
	"culprit correlate last --target p99",
	"what the 99th percentile rose with in the load that has just ended",
	NULL,
};

static const struct opt_section SECTIONS[] = {{NULL, CORRELATE_OPTIONS, &options},
	{"Incident", INCIDENT_OPTIONS, &options}, {"Times", CORRELATE_TIME_OPTIONS, &options.input},
	{"File", CORRELATE_FILE_OPTIONS, &options.input},
	{"Prometheus", CORRELATE_PROMETHEUS_OPTIONS, &options.input},
	{"Output", OUTPUT_OPTIONS, &options}, {NULL, CLI_FORMAT_OPTIONS, &options.format}, {0}};

const struct cmd cmd_correlate = {
	.name = "correlate",
	.arguments = "FILE | RUN",
	.summary = "say which of thousands of time series moves with one of them",
	.about = "Looks among many time series for those that really move with a target, such as "
		 "the response time: compares differences, not levels, with p-values that hold for "
		 "series as they are (autocorrelated, heavy-tailed, following the day), and "
		 "corrects for all that was looked at. Where families of series make the target "
		 "(times and throughputs, layers), its change is split exactly. With --during it "
		 "says what changed in an incident, what began first coming first. FILE is CSV, "
		 "wide or long, or OpenMetrics (`-` reads standard input); RUN is a stored load or "
		 "recording, by its number, `last`, or `last~1`.",
	.examples = EXAMPLES,
	.sections = SECTIONS,
	.max_rest = 1,
	.run = run_correlate,
};

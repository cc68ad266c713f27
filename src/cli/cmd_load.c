/* culprit load: drive HTTP requests at a service and say what came of them. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/cli.h"
#include "cli/launch.h"
#include "cli/live_load.h"
#include "cli/stored.h"
#include "cli/stored_load.h"
#include "cli/stored_profile.h"
#include "load/goal.h"
#include "load/load.h"
#include "load/search.h"
#include "proc/recorder.h"
#include "report/load_words.h"
#include "report/report.h"
#include "sampler/sampler.h"
#include "stats/hdr_log.h"

static struct load_options {
	struct cli_format_options format;
	struct load_spec spec;
	struct opt_list require;
	const char *max_rate, *hdr, *html;
	int64_t profile, watch;
	bool live;
} options = {.spec = LOAD_SPEC_INIT, .live = true};

#define AT(field) offsetof(struct load_options, field)

static const struct opt GOAL_OPTIONS[] = {
	{0, "require", OPT_LIST, AT(require), "GOAL",
		"exit 1 where this does not hold: 'p99<200ms', 'errors<0.1%', 'rate>=1000'; may be "
		"given again",
		0, 0, NULL},
	{0, "max-rate", OPT_TEXT, AT(max_rate), "GOAL",
		"search the highest rate at which this holds, -d for each rate that is tried", 0, 0,
		NULL},
	{0}};

static const struct opt OUTPUT_OPTIONS[] = {
	{0, "html", OPT_TEXT, AT(html), "FILE", "write a report with plots there", 0, 0, NULL},
	{0, "hdr", OPT_TEXT, AT(hdr), "FILE",
		"write the latencies of each second there, as an HDR histogram log (V2)", 0, 0,
		NULL},
	{0, "profile", OPT_INT, AT(profile), "PID",
		"profile this process and everything below it meanwhile: which functions and lines "
		"its time goes to",
		1, 4194304, NULL},
	{0, "watch", OPT_INT, AT(watch), "PID",
		"record what this process and everything below it uses meanwhile, kept with the "
		"run: `culprit correlate last` finds what moves with the latency",
		1, 4194304, NULL},
	{0, "live", OPT_FLAG, AT(live), NULL,
		"a panel on the terminal while it runs (yes); also off by NO_LIVE=1", 0, 0, NULL},
	{0}};

/* Looks a second of --profile: modest, for it shares the machine with the load. */
#define PROFILE_HZ 200

/* Of --watch: enough for seconds, and the run stays small in the store. */
#define WATCH_INTERVAL_NS UINT64_C(100000000)
enum { WATCH_ROWS = 6000 };

/* One call of the command. */
struct job {
	struct cli *cli;
	struct live_load live;
	struct load_goal *goals;
	size_t n_goals;
	struct load_goal search_goal;
	struct load_search search;
	struct load_result result;
	FILE *hdr;
	double hdr_start_s; /* wall time of the log's start; 0: nothing was written yet */
	double run_start_s; /* of the run that it holds now, from there */
	double last_s;      /* start of the second that was written last */
	struct sampler *sampler;
	struct profile *profile; /* with --profile */
	struct str profiled;     /* "pid 12 (gunicorn …)" */
	struct recorder *recorder;
	struct recording recording; /* with --watch */
	struct str watched;
	int64_t id; /* of the run in the store */
	json_t *asked, *json;
};

/* ---- what to do ---- */

static bool ends_with(const char *text, const char *ending)
{
	size_t len = strlen(text), n = strlen(ending);

	return len > n && !strcmp(text + len - n, ending);
}

static void list_add(struct opt_list *list, const char *text)
{
	list->items = mem_grow(list->items, &list->cap, list->n + 1, sizeof(*list->items));
	list->items[list->n++] = text;
}

/* "[Nx ][METHOD ]URL" each, or a scenario file. A first one that is a URL alone is what --url
 * gives.
 */
static int take_arguments(struct load_spec *spec, const struct opt_rest *rest, struct err *err)
{
	for (size_t i = 0; i < rest->n; i++) {
		const char *text = rest->items[i];

		if (ends_with(text, ".yaml") || ends_with(text, ".yml")) {
			if (spec->scenario)
				return err_set(err, ERR_USAGE,
					"'%s' is a second scenario; give one, or run them one "
					"after "
					"the other",
					text);
			spec->scenario = text;
		} else if (i == 0 && spec->url) {
			return err_set(err, ERR_USAGE,
				"the URL is given twice: as an argument and by --url");
		} else if (i == 0 && !strchr(text, ' ')) {
			spec->url = text;
		} else {
			list_add(&spec->targets, text);
		}
	}
	return 0;
}

static int take_goals(struct job *job, struct err *err)
{
	int rc = 0;

	job->goals = mem_zalloc(options.require.n + 1, sizeof(*job->goals));
	for (size_t i = 0; !rc && i < options.require.n; i++) {
		rc = load_goal_parse(&job->goals[i], options.require.items[i], err);
		job->n_goals += !rc;
	}
	if (!rc && options.max_rate)
		rc = load_goal_parse(&job->search_goal, options.max_rate, err);
	return rc;
}

/* ---- the HDR log ---- */

static int open_hdr(struct job *job, struct err *err)
{
	if (!options.hdr)
		return 0;
	job->hdr = fopen(options.hdr, "we");
	if (!job->hdr)
		return err_errno(err, ERR_SYSTEM, errno, "--hdr: cannot write %s", options.hdr);
	return 0;
}

/* Times count from the log's first second. A search has several runs, each of which counts its
 * seconds anew. */
static double hdr_time(struct job *job, const struct load_second *s)
{
	double began = (double)clock_wall_ms() / 1e3 - s->start_s - s->seconds;

	if (job->hdr_start_s <= 0)
		job->hdr_start_s = began;
	else if (s->start_s <= job->last_s)
		job->run_start_s = began - job->hdr_start_s;
	job->last_s = s->start_s;
	return job->run_start_s + s->start_s;
}

/* Each second is in the file once it is over, so that a kill keeps what was. */
static void write_second(void *arg, const struct load_second *s, const struct hist *latency)
{
	struct job *job = arg;
	struct str text = STR_INIT;
	bool first = job->hdr_start_s <= 0;
	double at = hdr_time(job, s);
	char tag[32];

	snprintf(tag, sizeof(tag), "rate-%.6g", s->asked_rate);
	if (first)
		hdr_log_start(&text, job->hdr_start_s, "culprit " CULPRIT_VERSION);
	hdr_log_add(&text, latency, at, s->seconds, options.max_rate ? tag : NULL);
	fputs(str_text(&text), job->hdr);
	fflush(job->hdr);
	str_release(&text);
}

static int close_hdr(struct job *job, struct err *err)
{
	struct str text = STR_INIT;
	bool failed;

	if (!job->hdr)
		return 0;
	if (job->hdr_start_s <= 0) /* no second was over */
		hdr_log_start(
			&text, (double)job->cli->started_ms / 1e3, "culprit " CULPRIT_VERSION);
	fputs(str_text(&text), job->hdr);
	str_release(&text);
	failed = ferror(job->hdr);
	failed |= fclose(job->hdr) != 0;
	job->hdr = NULL;
	return failed ? err_errno(err, ERR_SYSTEM, errno, "--hdr: cannot write %s", options.hdr)
		      : 0;
}

/* ---- the run ---- */

static void show(void *arg, const struct load_tick *t)
{
	struct job *job = arg;

	live_load_tick(&job->live, t);
}

/* A rate was tried. */
static void show_step(void *arg, const struct load_search_step *s)
{
	struct job *job = arg;
	struct str line = STR_INIT, title = STR_INIT;
	char rate[NUM_TEXT];

	str_addf(&line, "%8s/s %s: ", num_short(s->rate, rate),
		s->limited ? "not known, too few threads or connections"
		: s->held  ? "held"
			   : "missed");
	load_goal_describe(&job->search_goal, s->value, &line);
	live_load_say(&job->live, line.p);
	str_addf(&title, "the highest rate with %s: %s", job->search_goal.text,
		s->held ? "trying a higher one" : "trying a lower one");
	live_load_again(&job->live, title.p);
	str_release(&line);
	str_release(&title);
}

static int start_profile(struct job *job, struct err *err)
{
	struct sampler_spec spec = {
		.pid = (pid_t)options.profile, .rate_hz = PROFILE_HZ, .states = true};
	const struct opt_rest none = {0};

	if (!options.profile)
		return 0;
	launch_name(&job->profiled, &none, spec.pid);
	return sampler_start(&job->sampler, &spec, err);
}

static void end_profile(struct job *job)
{
	struct str why = STR_INIT;
	struct err ignored;

	if (!job->sampler)
		return;
	sampler_stop(job->sampler, &job->profile, &why, &ignored);
	job->sampler = NULL;
	if (why.len && cli_format(&options.format) == CLI_TEXT)
		cli_note("--profile: %s", why.p);
	str_release(&why);
}

static int start_watch(struct job *job, struct err *err)
{
	struct recorder_spec spec = {
		.root = (pid_t)options.watch, .interval_ns = WATCH_INTERVAL_NS};
	const struct opt_rest none = {0};

	if (!options.watch)
		return 0;
	launch_name(&job->watched, &none, spec.root);
	return recorder_start(&job->recorder, &spec, err);
}

static void end_watch(struct job *job)
{
	if (!job->recorder)
		return;
	recorder_stop(job->recorder, &job->recording);
	recording_thin(&job->recording, WATCH_ROWS);
	job->recorder = NULL;
}

static int run(struct job *job, struct err *err)
{
	struct load_spec *spec = &options.spec;
	struct load_hooks hooks = {.tick = show,
		.second = job->hdr ? write_second : NULL,
		.arg = job,
		.stop = job->cli->stop};
	struct str title = STR_INIT;
	int rc;

	if (options.max_rate)
		str_addf(&title, "the highest rate with %s", job->search_goal.text);
	else {
		load_words_what(&title, spec);
		str_add(&title, ", ");
		load_words_how(&title, spec);
	}
	rc = start_watch(job, err);
	if (!rc)
		rc = start_profile(job, err);
	if (rc) {
		end_watch(job);
		str_release(&title);
		return rc;
	}
	live_load_init(&job->live, job->cli, title.p, options.live);
	rc = options.max_rate ? load_search_run(spec, &job->search_goal, spec->precision, &hooks,
					show_step, &job->search, &job->result, err)
			      : load_run(spec, &hooks, &job->result, err);
	live_load_end(&job->live);
	end_profile(job);
	end_watch(job);
	str_release(&title);
	return rc;
}

/* ---- what came of it ---- */

static void title_of(struct str *out, const struct load_spec *spec)
{
	if (spec->url && !spec->scenario)
		str_add(out, spec->url);
	else
		load_words_what(out, spec);
}

/* Why nothing succeeded: the kind of error that was most frequent. */
static int nothing_succeeded(
	const struct load_spec *spec, const struct load_result *r, struct err *err)
{
	size_t worst = 0, status = 0;
	struct str what = STR_INIT;
	char count[NUM_TEXT];
	int rc;

	for (size_t i = 1; i < LOAD_N_ERRORS; i++)
		worst = r->errors_all[i] > r->errors_all[worst] ? i : worst;
	for (size_t i = 100; i < 600; i++)
		status = r->status_all[i] > r->status_all[status] ? i : status;
	title_of(&what, spec);
	num_count((double)r->errors_all[worst], count);
	if (!r->errors_all[worst])
		rc = err_set(err, ERR_SERVICE,
			"%s: no answer came within the %.3g s that were measured; give it longer "
			"(-d)",
			what.p, r->seconds);
	else if (worst == LOAD_STATUS)
		rc = err_set(err, ERR_SERVICE,
			"%s: nothing succeeded: status %zu, most of %s failed answers; check path, "
			"method and headers",
			what.p, status, count);
	else if (worst == LOAD_TIMEOUT)
		rc = err_set(err, ERR_SERVICE,
			"%s: nothing succeeded: no whole answer within %.3g s, %s times; check the "
			"service or allow more with --timeout",
			what.p, (double)spec->timeout_ns / 1e9, count);
	else if (worst == LOAD_TLS && r->why[0])
		rc = err_set(err, ERR_SERVICE, "%s: nothing succeeded: TLS: %s", what.p, r->why);
	else {
		const char *mend = load_words_mend((enum load_error)worst);

		rc = err_set(err, ERR_SERVICE, "%s: nothing succeeded: %s, %s times%s%s", what.p,
			LOAD_ERROR_TEXTS[worst], count, *mend ? "; " : "", mend);
	}
	str_release(&what);
	return rc;
}

/* Names each goal that was missed. */
static int check_goals(const struct load_report *l, struct err *err)
{
	struct str text = STR_INIT;
	size_t missed = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < l->n_goals; i++) {
		double value;

		rc = load_goal_value(&l->goals[i], l->result, &value, err);
		if (rc || load_goal_holds(&l->goals[i], value))
			continue;
		str_add(&text, missed++ ? "; " : "");
		load_goal_describe(&l->goals[i], value, &text);
	}
	if (!rc && missed)
		rc = err_set(err, ERR_MISSED, "missed: %s", text.p);
	str_release(&text);
	return rc;
}

static void print_result(const struct job *job, const struct load_report *l)
{
	struct str text = STR_INIT;

	switch (cli_format(&options.format)) {
	case CLI_JSON: cli_print_json(job->json); break;
	case CLI_CSV: load_to_csv(&text, &job->result); break;
	case CLI_TEXT:
		report_load(&text, &job->cli->out, l);
		if (job->profile)
			stored_profile_tables(&text, &job->cli->out, job->profile, job->profiled.p);
		break;
	}
	cli_print(str_text(&text));
	str_release(&text);
}

static int write_html(const struct job *job, const struct load_report *l, struct err *err)
{
	struct str page = STR_INIT, title = STR_INIT;
	struct profile_report profile;
	struct run described;
	int rc;

	if (!options.html)
		return 0;
	title_of(&title, l->spec);
	cli_describe_run(job->cli, &described, "load", title.p);
	described.id = job->id;
	if (job->profile)
		profile = stored_profile_beside(job->profiled.p, job->profile);
	stored_load_page(&described, l, job->profile ? &profile : NULL, &page);
	rc = cli_write_report(options.html, &page, cli_format(&options.format) == CLI_TEXT, err);
	run_release(&described);
	str_release(&page);
	str_release(&title);
	return rc;
}

/* Printed and kept first; then the exit code. */
static int conclude(struct job *job, struct err *err)
{
	struct load_spec *spec = &options.spec;
	struct load_report l = {.spec = spec,
		.result = &job->result,
		.goals = job->goals,
		.n_goals = job->n_goals,
		.search = options.max_rate ? &job->search : NULL,
		.search_goal = &job->search_goal};
	struct recording_report watched = {
		.what = job->watched.p, .recording = &job->recording, .exit_code = -1};
	struct str title = STR_INIT;
	int rc;

	if (options.watch) {
		l.watched = &watched;
		l.watched_start_s =
			((double)job->recording.start_ns - (double)job->result.zero_ns) / NS_PER_S;
	}
	job->json = stored_load_json(&l);
	if (job->profile) {
		json_t *profile = stored_profile_summary(job->profile, PROFILE_CLOCK_CPU);

		json_object_set_new(profile, "what", json_string(job->profiled.p));
		json_object_set_new(job->json, "profile", profile);
	}
	job->asked = load_spec_to_json(spec);
	title_of(&title, spec);
	print_result(job, &l);
	cli_keep(job->cli, "load", title.p, (uint64_t)spec->seed, job->asked, job->json, &job->id);
	if (job->profile)
		stored_profile_keep(job->cli, job->id, STORED_PROFILE, job->profile);
	if (job->id && cli_format(&options.format) == CLI_TEXT)
		cli_note("kept as run %lld", (long long)job->id);
	str_release(&title);
	rc = write_html(job, &l, err);
	if (!rc && !job->result.completed)
		rc = nothing_succeeded(spec, &job->result, err);
	return rc ? rc : check_goals(&l, err);
}

static void print_search(const struct job *job)
{
	struct load_report l = {.spec = &options.spec,
		.result = &job->result,
		.search = &job->search,
		.search_goal = &job->search_goal};
	struct str text = STR_INIT;

	report_load_search(&text, &job->cli->out, &l);
	cli_print(text.p);
	str_release(&text);
}

static void job_release(struct job *job)
{
	json_decref(job->asked);
	json_decref(job->json);
	for (size_t i = 0; i < job->n_goals; i++)
		load_goal_release(&job->goals[i]);
	free(job->goals);
	if (job->search_goal.text)
		load_goal_release(&job->search_goal);
	load_search_release(&job->search);
	load_result_release(&job->result);
	profile_free(job->profile);
	str_release(&job->profiled);
	recording_release(&job->recording);
	str_release(&job->watched);
	free(options.require.items);
	load_spec_release(&options.spec);
}

static int load_cmd_run(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	struct job job = {.cli = cli};
	int rc = take_arguments(&options.spec, rest, err);

	if (!rc)
		rc = load_spec_prepare(&options.spec, err);
	if (!rc)
		rc = take_goals(&job, err);
	if (!rc)
		rc = file_check_write(options.html, err);
	if (!rc)
		rc = open_hdr(&job, err);
	if (!rc) {
		struct err ignored;

		rc = run(&job, err);
		if (rc)
			close_hdr(&job, &ignored);
		else
			rc = close_hdr(&job, err);
	}
	if (!rc)
		rc = conclude(&job, err);
	else if (job.search.n && cli_format(&options.format) == CLI_TEXT)
		print_search(&job); /* what was tried in vain */
	job_release(&job);
	return rc;
}

static const char *const EXAMPLES[] = {
	"culprit load http://127.0.0.1:5001/ -c 100 -d 10s",
	"100 connections for ten seconds",
	"culprit load http://127.0.0.1:5001/ --rate 500 --require 'p99<200ms'",
	"500 requests a second, whatever the service does; exit 1 past the threshold",
	"culprit load http://127.0.0.1:5001/ --max-rate 'p99<200ms' -d 5s",
	"the highest rate that the service holds",
	"culprit load http://127.0.0.1:5001/ -n 10000 --json",
	"exactly 10,000 requests, the result as JSON",
	"culprit load '3x http://127.0.0.1:5001/' 'POST http://127.0.0.1:5001/items' -b '{}'",
	"a mix: three reads for each write",
	NULL,
};

static const struct opt_section SECTIONS[] = {{"Load", LOAD_OPTIONS, &options.spec},
	{"Goals", GOAL_OPTIONS, &options}, {"Output", OUTPUT_OPTIONS, &options},
	{NULL, CLI_FORMAT_OPTIONS, &options.format}, {0}};

const struct cmd cmd_load = {
	.name = "load",
	.arguments = "['[Nx ][METHOD ]URL' …] [SCENARIO.yaml]",
	.summary = "drive HTTP requests at a service and measure its rate and latency",
	.about = "Sends requests, in a closed loop (each of -c connections sends its next one when "
		 "it has its answer) or, with --rate or --stages, in an open one (they start by a "
		 "schedule, whether or not the service keeps up), and says how many answers a "
		 "second came, how long they took, and what failed. Latency counts from the "
		 "intended start. Failed requests are counted by kind and are in neither the rate "
		 "nor the latency, but for timeouts, which are in the latency. Ctrl-C ends early "
		 "and keeps what was measured. Exit 1 when nothing succeeded or --require was "
		 "missed.",
	.examples = EXAMPLES,
	.sections = SECTIONS,
	.min_rest = 0,
	.max_rest = 1000,
	.run = load_cmd_run,
};

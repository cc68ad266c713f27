/* culprit find: the main job. Runs the trials of a study, learns from them, says what limits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/cli.h"
#include "cli/stored.h"
#include "learn/rank.h"
#include "report/report.h"
#include "study/study.h"

static struct find_options {
	struct cli_format_options format;
	const char *report;
	bool fresh, log, raw;
	int64_t trials, connections;
	uint64_t duration_ns, warmup_ns;
} options = {.warmup_ns = UINT64_MAX};

/* Failed trials that are listed one by one below the result. */
enum { TROUBLES = 10 };

/* Columns of running text, as in the report. */
enum { PROSE = 96 };

#define FIELD(name) offsetof(struct find_options, name)

static const struct opt FIND_OPTIONS[] = {
	{0, "fresh", OPT_FLAG, FIELD(fresh), NULL,
		"start anew instead of going on with an unfinished run of this study", 0, 0, NULL},
	{0, "trials", OPT_INT, FIELD(trials), NULL, "so many trials, whatever the study file says",
		1, DESIGN_MAX_TRIALS, NULL},
	{'d', "duration", OPT_DURATION, FIELD(duration_ns), NULL,
		"measure so long in each, whatever the study file says", 1e6, 86400e9, NULL},
	{0, "warmup", OPT_DURATION, FIELD(warmup_ns), NULL,
		"load before it that does not count, whatever the study file says", 0, 86400e9,
		NULL},
	{'c', "connections", OPT_INT, FIELD(connections), NULL,
		"so many connections, whatever the study file says", 1, 1000000, NULL},
	{0}};

static const struct opt LEARN_OPTIONS[] = {
	{0, "log", OPT_FLAG, FIELD(log), NULL,
		"fit the logarithm of the response [whichever predicts better]", 0, 0, NULL},
	{0, "raw", OPT_FLAG, FIELD(raw), NULL, "fit the response as it is", 0, 0, NULL}, {0}};

static const struct opt OUTPUT_OPTIONS[] = {
	{0, "report", OPT_TEXT, FIELD(report), "FILE",
		"write the HTML report there [run-N.html beside the store]", 0, 0, NULL},
	{0}};

/* ---- progress ---- */

struct progress {
	const struct cli *cli;
	const struct study *study;
	size_t failed;
};

/* "0:42", "1:02:05" */
static void add_eta(struct str *out, double seconds)
{
	long s = lround(seconds);

	if (s >= 3600)
		str_addf(out, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
	else
		str_addf(out, "%ld:%02ld", s / 60, s % 60);
}

static void show_finished(struct progress *p, const struct study_tick *tick)
{
	const struct trial *t = tick->finished;
	double value = json_number_at(t->responses, p->study->response);
	char text[NUM_TEXT];

	p->failed += !t->ok;
	if (!t->ok)
		cli_note("trial %zu failed: %s", t->index + 1, json_text_at(t->detail, "note"));
	else if (!p->cli->err.tty)
		cli_note("trial %zu/%zu  %s %s  %s", tick->done, tick->trials,
			num_short(value, text), p->study->response, tick->setting);
}

static void show_progress(void *arg, const struct study_tick *tick)
{
	struct progress *p = arg;
	const struct term *term = &p->cli->err;
	struct str line = STR_INIT;
	char text[NUM_TEXT];

	if (tick->finished) {
		show_finished(p, tick);
		return;
	}
	term_bar(&line, term, (double)tick->done / (double)tick->trials, 16);
	str_addf(&line, " trial %zu/%zu", tick->trial, tick->trials);
	if (isfinite(tick->eta_s)) {
		str_add(&line, "  ETA ");
		add_eta(&line, tick->eta_s);
	}
	if (p->failed)
		str_addf(&line, "  %zu failed", p->failed);
	if (tick->rate > 0)
		str_addf(&line, "  %8s/s", num_short(tick->rate, text));
	else if (tick->phase)
		str_addf(&line, "  %s", tick->phase);
	if (tick->sentence)
		str_addf(&line, "  %s", tick->sentence);
	if (tick->setting)
		str_addf(&line, "  %s", tick->setting);
	cli_progress(p->cli, line.p);
	str_release(&line);
}

/* ---- the run ---- */

static int begin(const struct cli *cli, struct store *store, const struct study *study,
	struct run *run, struct err *err)
{
	int64_t id = 0;
	int rc = options.fresh ? 0 : store_run_find(store, study->key, &id, err);

	if (rc)
		return rc;
	if (id) {
		rc = store_run_read(store, id, run, err);
		if (!rc)
			cli_note("resuming run %lld: %zu of %zu trials are there", (long long)id,
				run->n_trials, study->trials);
		return rc ? rc : store_run_end(store, id, RUN_RUNNING, NULL, err);
	}
	cli_describe_run(cli, run, "study", study->path);
	free(run->key);
	run->key = mem_strdup(study->key);
	run->seed = study->seed;
	run->spec = study_to_json(study);
	return store_run_add(store, run, err);
}

/* The trials ended early: what is kept, and how to go on. */
static int ended_early(struct store *store, const struct run *run, int rc, struct err *err)
{
	struct err ignored = {0};
	struct trial *trials;
	size_t n = 0;

	store_run_end(
		store, run->id, rc == -(int)ERR_STOPPED ? RUN_STOPPED : RUN_FAILED, NULL, &ignored);
	if (!store_trial_list(store, run->id, &trials, &n, &ignored)) {
		for (size_t i = 0; i < n; i++)
			trial_release(&trials[i]);
		free(trials);
	}
	if (rc == -(int)ERR_STOPPED)
		return err_set(err, ERR_STOPPED,
			"stopped; %zu trials are kept as run %lld, and the same command%s goes on",
			n, (long long)run->id, options.fresh ? " without --fresh" : "");
	cli_note(
		"%zu trials are kept as run %lld; the same command goes on", n, (long long)run->id);
	return rc;
}

/* "run-7.html" beside the store. */
static char *path_of(const struct cli *cli, int64_t id, const char *ending)
{
	const char *slash = strrchr(cli->store_path, '/');
	struct str path = STR_INIT;

	if (slash)
		str_add_bytes(&path, cli->store_path, (size_t)(slash - cli->store_path) + 1);
	str_addf(&path, "run-%lld%s", (long long)id, ending);
	return str_take(&path);
}

/* "workers=4 latency=2.5", for whoever wants to know what killed the service. */
static void add_setting(struct str *out, json_t *setting)
{
	const char *key;
	json_t *value;
	bool first = true;

	json_object_foreach(setting, key, value)
	{
		str_addf(out, "%s%s=", first ? "" : " ", key);
		if (json_is_string(value))
			str_add(out, json_string_value(value));
		else
			str_addf(out, "%.6g", json_number_value(value));
		first = false;
	}
}

/* Trials that were left out, and those that others disturbed: how many, and why. */
static void add_troubles(
	struct str *out, const struct term *term, const struct study *study, const struct stored *s)
{
	struct str line = STR_INIT;
	size_t failed = 0, flagged = 0;

	for (size_t i = 0; i < s->n_trials; i++) {
		failed += !s->trials[i].ok;
		flagged += s->trials[i].ok &&
			   json_array_size(json_object_get(s->trials[i].detail, "flags")) > 0;
	}
	if (failed || flagged)
		str_add_char(out, '\n');
	for (size_t i = 0, shown = 0; i < s->n_trials && shown < TROUBLES; i++) {
		const char *note = json_text_at(s->trials[i].detail, "note");
		const char *tail = strstr(note, ". Its last output:");

		if (s->trials[i].ok)
			continue;
		str_clear(&line);
		str_addf(&line, "trial %zu (", s->trials[i].index + 1);
		add_setting(&line, s->trials[i].setting);
		str_addf(&line, ") failed and was left out: %.*s",
			(int)(tail ? (size_t)(tail - note) : strcspn(note, "\n")), note);
		str_add_wrapped(out, line.p, 0, term->width > PROSE ? PROSE : term->width);
		str_clear(&line);
		shown++;
	}
	str_clear(&line);
	study_failures(&line, study, s->trials, s->n_trials);
	if (line.len)
		str_add_wrapped(out, line.p, 0, term->width > PROSE ? PROSE : term->width);
	str_clear(&line);
	if (failed > TROUBLES)
		str_addf(out, "%zu more trials failed; `culprit export %lld --csv` has all\n",
			failed - TROUBLES, (long long)s->run.id);
	if (flagged) {
		str_addf(&line,
			"%zu of %zu trials were disturbed (other processes, the hypervisor, or the "
			"load engine at its limit); `culprit export %lld --csv` says which and how",
			flagged, s->n_trials, (long long)s->run.id);
		str_add_wrapped(out, line.p, 0, term->width > PROSE ? PROSE : term->width);
	}
	str_release(&line);
}

static int print_result(const struct cli *cli, const struct study *study, const struct stored *s,
	const struct rank_result *rank, struct err *err)
{
	struct str text = STR_INIT, page = STR_INIT;
	char *path = options.report ? mem_strdup(options.report) : path_of(cli, s->run.id, ".html");
	int rc;

	stored_page(&s->run, s->trials, s->n_trials, rank, &page);
	rc = file_write(path, page.p, page.len, err);
	switch (cli_format(&options.format)) {
	case CLI_JSON: cli_print_json(s->run.result); break;
	case CLI_CSV: study_trials_csv(&text, s->trials, s->n_trials); break;
	case CLI_TEXT:
		report_rank(&text, &cli->out, rank);
		stored_add_confirm(&s->run, &cli->out, &text);
		add_troubles(&text, &cli->out, study, s);
		if (!rc)
			str_addf(&text, "\nrun %lld; the report: %s\n", (long long)s->run.id, path);
	}
	cli_print(str_text(&text));
	if (!rc && cli_format(&options.format) != CLI_TEXT)
		cli_note("run %lld; the report: %s", (long long)s->run.id, path);
	free(path);
	str_release(&text);
	str_release(&page);
	return rc;
}

static int learn(const struct study *study, const struct stored *s, struct rank_result *rank,
	struct err *err)
{
	struct rank_spec spec = RANK_SPEC_DEFAULT;
	struct dataset data = {0};
	int rc = study_dataset(study, s->trials, s->n_trials, &data, err);

	spec.seed = study->seed;
	spec.scale = options.log ? RANK_LOG : options.raw ? RANK_RAW : RANK_AUTO;
	if (!rc)
		rc = rank_learn(rank, &data, &spec, err);
	dataset_release(&data);
	return rc;
}

/* Moves the factor that ranks first, and adds what came of it to the result. */
static int confirm(struct cli *cli, const struct study *study, struct store *store, int64_t id,
	const struct rank_result *rank, json_t *result, struct err *err)
{
	struct progress progress = {.cli = cli, .study = study};
	char *log = path_of(cli, id, ".log");
	struct study_hooks hooks = {
		.tick = show_progress, .arg = &progress, .stop = cli->stop, .log_path = log};
	struct confirm c = {0};
	int rc = study_confirm(study, store, id, rank, &hooks, &c, err);

	cli_progress_end(cli);
	if (!rc && c.n_places)
		json_object_set_new(result, "confirmation", confirm_to_json(&c));
	confirm_release(&c);
	free(log);
	return rc;
}

/* All trials are there: learns, confirms, keeps the result, shows it. */
static int conclude(struct cli *cli, const struct study *study, struct store *store, int64_t id,
	struct err *err)
{
	struct stored s = {0};
	struct rank_result rank = {0};
	json_t *json = NULL, *slow;
	int rc = store_trial_list(store, id, &s.trials, &s.n_trials, err);

	if (!rc)
		rc = learn(study, &s, &rank, err);
	if (rc) {
		struct err ignored = {0};

		store_run_end(store, id, RUN_FAILED, NULL, &ignored);
		goto out;
	}
	json = rank_to_json(&rank);
	slow = study_slow(study, s.trials, s.n_trials);
	if (slow)
		json_object_set_new(json, "slow", slow);
	rc = confirm(cli, study, store, id, &rank, json, err);
	if (rc == -(int)ERR_SERVICE) { /* the ranking stands without it */
		cli_note("not confirmed: %s", err->text);
		rc = 0;
	}
	if (rc)
		goto out;
	rc = store_run_end(store, id, RUN_DONE, json, err);
	stored_trials_free(&s);
	if (!rc)
		rc = store_trial_list(store, id, &s.trials, &s.n_trials, err);
	if (!rc)
		rc = store_run_read(store, id, &s.run, err);
	if (!rc)
		rc = print_result(cli, study, &s, &rank, err);
out:
	json_decref(json);
	rank_release(&rank);
	stored_release(&s);
	return rc;
}

/* What the command line says goes before what the study file says. */
static int override(struct study *s, struct err *err)
{
	if (options.trials)
		s->trials = (size_t)options.trials;
	if (options.connections)
		s->load.connections = options.connections;
	if (options.duration_ns)
		s->load.duration_ns = options.duration_ns;
	if (options.warmup_ns != UINT64_MAX)
		s->load.warmup_ns = options.warmup_ns;
	return study_check(s, err);
}

static int run_trials(struct cli *cli, const struct study *study, struct store *store, int64_t id,
	struct err *err)
{
	struct progress progress = {.cli = cli, .study = study};
	char *log = path_of(cli, id, ".log");
	struct study_hooks hooks = {
		.tick = show_progress, .arg = &progress, .stop = cli->stop, .log_path = log};
	int rc = study_run(study, store, id, &hooks, err);

	cli_progress_end(cli);
	free(log);
	return rc;
}

static int find_run(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	struct store *store = NULL;
	struct run run = {0};
	struct study study;
	int rc;

	if (options.log && options.raw)
		return err_set(
			err, ERR_USAGE, "--log and --raw exclude each other; give one of them");
	rc = study_read(&study, rest->items[0], err);
	if (!rc)
		rc = override(&study, err);
	if (!rc)
		rc = cli_open_store(cli, &store, err);
	if (!rc)
		rc = store_lock(store, cli->command, err);
	if (!rc)
		rc = begin(cli, store, &study, &run, err);
	if (rc)
		goto out;
	rc = run_trials(cli, &study, store, run.id, err);
	if (!rc)
		rc = conclude(cli, &study, store, run.id, err);
	if (rc)
		rc = ended_early(store, &run, rc, err);
out:
	run_release(&run);
	store_close(store);
	study_release(&study);
	return rc;
}

const struct cmd cmd_find = {
	.name = "find",
	.arguments = "STUDY.yaml",
	.summary = "find what limits a service: run the trials of a study, learn, rank, report",
	.about = "Runs the trials that a study file plans (docs/study-files.md): starts the "
		 "service, "
		 "varies its factors, drives load at each setting. Learns from the trials which "
		 "factor limits the response, and how sure that is. Each trial is kept as it ends: "
		 "after Ctrl-C or a crash the same command goes on.",
	.examples =
		(const char *const[]){"culprit find study.yaml", "run a study, or go on with it",
			"culprit find study.yaml --json | jq .factors[0].name",
			"what limits most, for a script", NULL},
	.sections = (const struct opt_section[]){{NULL, FIND_OPTIONS, &options},
		{"Learning", LEARN_OPTIONS, &options}, {"Output", OUTPUT_OPTIONS, &options},
		{NULL, CLI_FORMAT_OPTIONS, &options.format}, {0}},
	.min_rest = 1,
	.max_rest = 1,
	.run = find_run,
};

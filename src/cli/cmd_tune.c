/* culprit tune: the best setting of a study, and the table of it. */
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/running.h"
#include "cli/stored.h"
#include "report/report.h"
#include "study/study.h"
#include "study/study_tune.h"

static struct tune_options {
	struct cli_format_options format;
	struct running_options running;
	int64_t repeat;
	int better; /* enum study_better */
} options = {.running = RUNNING_OPTIONS_INIT, .repeat = STUDY_TUNE_REPEAT};

#define FIELD(name) offsetof(struct tune_options, name)

static const char *const BETTER[] = {"auto", "max", "min", NULL};

static const struct opt TUNE_OPTIONS[] = {
	{0, "repeat", OPT_INT, FIELD(repeat), NULL,
		"measure each setting of a full table so often [2]", STUDY_TUNE_MIN_REPEAT,
		STUDY_TUNE_MAX_REPEAT, NULL},
	{0, "better", OPT_CHOICE, FIELD(better), NULL,
		"whether more or less of the response is better [more requests, less of all "
		"others]",
		0, 0, BETTER},
	{0}};

static int print_result(const struct cli *cli, const struct stored *s,
	const struct tune_result *tune, struct err *err)
{
	struct str text = STR_INIT, page = STR_INIT;
	int rc;

	stored_tune_page(s, tune, &page);
	report_tune(&text, &cli->out, tune);
	rc = running_print(
		cli, &options.running, cli_format(&options.format), s, &text, &page, err);
	str_release(&text);
	str_release(&page);
	return rc;
}

/* Keeps the result, shows it. */
static int conclude(const struct cli *cli, struct store *store, int64_t id,
	const struct tune_result *tune, struct err *err)
{
	struct str verdict = STR_INIT;
	json_t *json = tune_to_json(tune);
	struct stored s = {0};
	int rc;

	report_tune_verdict(&verdict, tune);
	json_object_set_new(json, "verdict", json_string(verdict.p));
	rc = store_run_end(store, id, RUN_DONE, json, err);
	if (!rc)
		rc = store_trial_list(store, id, &s.trials, &s.n_trials, err);
	if (!rc)
		rc = store_run_read(store, id, &s.run, err);
	if (!rc)
		rc = print_result(cli, &s, tune, err);
	stored_release(&s);
	json_decref(json);
	str_release(&verdict);
	return rc;
}

static int search(const struct cli *cli, const struct study *study,
	const struct study_tune_spec *spec, struct store *store, int64_t id, struct err *err)
{
	struct tune_result tune = {0};
	struct running running;
	int rc;

	running_open(&running, cli, study, id);
	rc = study_tune(study, spec, store, id, &running.hooks, &tune, err);
	running_close(&running);
	if (!rc)
		rc = conclude(cli, store, id, &tune, err);
	tune_release(&tune);
	return rc;
}

static int tune_run(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	struct study_tune_spec spec = {(size_t)options.repeat, (enum study_better)options.better};
	struct store *store = NULL;
	struct str key = STR_INIT;
	struct run run = {0};
	struct study study;
	int rc = running_read(&study, rest->items[0], &options.running, err);

	if (!rc && !study_tune_cells(&study))
		rc = study_check_trials(&study, err);
	if (rc)
		goto out;
	study_tune_key(&study, &spec, &key);
	rc = running_begin(cli, &options.running, &study, "tune", key.p,
		study_tune_trials(&study, &spec), &store, &run, err);
	if (rc)
		goto out;
	rc = search(cli, &study, &spec, store, run.id, err);
	if (rc)
		rc = running_ended_early(&options.running, store, &run, rc, err);
out:
	str_release(&key);
	run_release(&run);
	store_close(store);
	study_release(&study);
	return rc;
}

const struct cmd cmd_tune = {
	.name = "tune",
	.arguments = "STUDY.yaml",
	.summary = "find the best setting of a service: workers × clients, and the table of it",
	.about = "Takes a study file as find does (docs/study-files.md), and searches for the "
		 "setting whose response is best. Where all settings together are no more than the "
		 "trials, each is measured; else a model chooses them, and the best ones are "
		 "repeated. Says which settings are not told from the best, and calls flat what is "
		 "flat. After Ctrl-C or a crash the same command goes on.",
	.examples = (const char *const[]){"culprit tune study.yaml",
		"the best setting, and a table", "culprit tune study.yaml --json | jq .verdict",
		"the verdict, for a script", NULL},
	.sections = (const struct opt_section[]){{NULL, TUNE_OPTIONS, &options},
		{NULL, RUNNING_OPTIONS, &options.running},
		{"Output", RUNNING_OUTPUT_OPTIONS, &options.running},
		{NULL, CLI_FORMAT_OPTIONS, &options.format}, {0}},
	.min_rest = 1,
	.max_rest = 1,
	.run = tune_run,
};

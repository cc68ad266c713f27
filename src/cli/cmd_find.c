/* culprit find: the main job. Runs the trials of a study, learns from them, says what limits. */
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/running.h"
#include "cli/stored.h"
#include "learn/rank.h"
#include "learn/settled.h"
#include "report/report.h"
#include "study/study.h"

static struct find_options {
	struct cli_format_options format;
	struct running_options running;
	bool log, raw;
} options = {.running = RUNNING_OPTIONS_INIT};

#define FIELD(name) offsetof(struct find_options, name)

static const struct opt LEARN_OPTIONS[] = {
	{0, "log", OPT_FLAG, FIELD(log), NULL,
		"fit the logarithm of the response [whichever predicts better]", 0, 0, NULL},
	{0, "raw", OPT_FLAG, FIELD(raw), NULL, "fit the response as it is", 0, 0, NULL}, {0}};

static int print_result(const struct cli *cli, const struct stored *s,
	const struct rank_result *rank, struct err *err)
{
	struct str text = STR_INIT, page = STR_INIT;
	int rc;

	stored_page(&s->run, s->trials, s->n_trials, rank, &page);
	report_rank(&text, &cli->out, rank);
	stored_add_confirm(&s->run, &cli->out, &text);
	rc = running_print(
		cli, &options.running, cli_format(&options.format), s, &text, &page, err);
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
	struct running running;
	struct confirm c = {0};
	int rc;

	running_open(&running, cli, study, id);
	rc = study_confirm(study, store, id, rank, &running.hooks, &c, err);
	running_close(&running);
	if (!rc && c.n_places)
		json_object_set_new(result, "confirmation", confirm_to_json(&c));
	confirm_release(&c);
	return rc;
}

/* Trials that lie nearer than this to the model have not kept a ranking from being settled. */
static const double MUCH_SCATTER = .05;

/* How far trials lie from what models that did not see them predict, of the mean. */
static double scatter_of(const struct rank_result *r)
{
	const double *predicted = r->preferred == RANK_GP       ? r->gp.predicted
				  : r->preferred == RANK_FOREST ? r->forest.predicted
								: r->linear.predicted;
	double squares = 0, size = 0;

	for (size_t i = 0; i < r->n; i++) {
		squares += pow(r->data.y[i] - predicted[i], 2);
		size += fabs(r->data.y[i]);
	}
	return sqrt(squares * (double)r->n) / size;
}

/* Whether `trials: auto` ended because the ranking was settled, or because there were no more
 * trials; then what would have helped. */
static void add_settled(
	const struct study *study, const struct rank_result *rank, size_t n, json_t *result)
{
	struct settled settled = {0};
	struct str text = STR_INIT;
	bool done = settled_judge(&settled, rank, study->confidence);

	str_addf(&text, done ? "Settled after %zu trials: %s" : "Not settled after %zu trials: %s",
		n, settled.sentence ? settled.sentence : "");
	if (!done && scatter_of(rank) > MUCH_SCATTER)
		str_addf(&text,
			" A trial lies %.0f %% off what the model predicts (root mean square): "
			"longer trials, or a quieter machine, settle it with fewer.",
			100 * scatter_of(rank));
	json_object_set_new(result, "settled",
		json_pack("{s:b, s:i, s:s}", "settled", (int)done, "trials", (int)n, "sentence",
			text.p));
	str_release(&text);
	settled_release(&settled);
}

/* All trials are there: learns, confirms, keeps the result, shows it. */
static int conclude(struct cli *cli, const struct study *study, struct store *store, int64_t id,
	struct err *err)
{
	struct stored s = {0};
	struct rank_result rank = {0};
	json_t *json = NULL, *slow, *profiled;
	int rc = store_trial_list(store, id, &s.trials, &s.n_trials, err);

	if (!rc)
		rc = learn(study, &s, &rank, err);
	if (rc) {
		struct err ignored = {0};

		store_run_end(store, id, RUN_FAILED, NULL, &ignored);
		goto out;
	}
	json = rank_to_json(&rank);
	if (study->automatic)
		add_settled(study, &rank, s.n_trials, json);
	slow = study_slow(study, s.trials, s.n_trials);
	if (slow)
		json_object_set_new(json, "slow", slow);
	profiled = study_profiled(study, store, s.trials, s.n_trials);
	if (profiled)
		json_object_set_new(json, "profile", profiled);
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
		rc = print_result(cli, &s, &rank, err);
out:
	json_decref(json);
	rank_release(&rank);
	stored_release(&s);
	return rc;
}

static int run_trials(struct cli *cli, const struct study *study, struct store *store, int64_t id,
	struct err *err)
{
	struct running running;
	int rc;

	running_open(&running, cli, study, id);
	rc = study_run(study, store, id, &running.hooks, err);
	running_close(&running);
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
	rc = running_read(&study, rest->items[0], &options.running, err);
	if (!rc)
		rc = study_check_trials(&study, err);
	if (!rc)
		rc = running_begin(cli, &options.running, &study, "study", study.key, study.trials,
			&store, &run, err);
	if (rc)
		goto out;
	rc = run_trials(cli, &study, store, run.id, err);
	if (!rc)
		rc = conclude(cli, &study, store, run.id, err);
	if (rc)
		rc = running_ended_early(&options.running, store, &run, rc, err);
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
	.sections = (const struct opt_section[]){{NULL, RUNNING_OPTIONS, &options.running},
		{"Learning", LEARN_OPTIONS, &options},
		{"Output", RUNNING_OUTPUT_OPTIONS, &options.running},
		{NULL, CLI_FORMAT_OPTIONS, &options.format}, {0}},
	.min_rest = 1,
	.max_rest = 1,
	.run = find_run,
};

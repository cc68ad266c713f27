/* culprit rank: the learning part alone, on any table. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/stored.h"
#include "learn/dataset.h"
#include "learn/rank.h"
#include "report/report.h"

static struct rank_options {
	struct cli_format_options format;
	const char *response, *connections, *mean_latency, *report;
	struct opt_list factors, ignore;
	bool log, raw;
	int64_t splits, trees, seed, threads;
	double confidence;
} options = {.splits = 20, .trees = 100, .seed = 1, .confidence = .95};

#define FIELD(name) offsetof(struct rank_options, name)

static const struct opt TABLE_OPTIONS[] = {
	{'r', "response", OPT_TEXT, FIELD(response), "COLUMN",
		"what to explain [the only column that culprit itself writes]", 0, 0, NULL},
	{'f', "factor", OPT_LIST, FIELD(factors), "COLUMN",
		"learn from this column; may be given again [all that are left]", 0, 0, NULL},
	{0, "ignore", OPT_LIST, FIELD(ignore), "COLUMN",
		"leave this column out; may be given again", 0, 0, NULL},
	{0, "connections", OPT_TEXT, FIELD(connections), "COLUMN",
		"connections held, for Little's law [connections]", 0, 0, NULL},
	{0, "mean-latency", OPT_TEXT, FIELD(mean_latency), "COLUMN",
		"mean latency in ms, for Little's law [mean_latency_ms]", 0, 0, NULL},
	{0}};

static const struct opt LEARN_OPTIONS[] = {
	{0, "log", OPT_FLAG, FIELD(log), NULL,
		"fit the logarithm of the response [whichever predicts better]", 0, 0, NULL},
	{0, "raw", OPT_FLAG, FIELD(raw), NULL, "fit the response as it is", 0, 0, NULL},
	{0, "splits", OPT_INT, FIELD(splits), "N",
		"repeated 80/20 splits that both models are validated on [20]", 5, 1000, NULL},
	{0, "trees", OPT_INT, FIELD(trees), "N", "trees of the forest [100]", 1, 10000, NULL},
	{0, "confidence", OPT_REAL, FIELD(confidence), "X",
		"confidence of intervals, and of naming a factor [0.95]", .5, .999, NULL},
	{0, "seed", OPT_INT, FIELD(seed), "N", "seed of every random choice [1]", 0,
		9007199254740991, NULL},
	{0, "threads", OPT_INT, FIELD(threads), "N", "threads; 0: one a core [0]", 0, 256, NULL},
	{0}};

static const struct opt OUTPUT_OPTIONS[] = {
	{0, "report", OPT_TEXT, FIELD(report), "FILE", "write an HTML report there", 0, 0, NULL},
	{0}};

/* The list with a NULL at its end; NULL where it is empty. */
static const char **terminated(const struct opt_list *list)
{
	const char **all;

	if (!list->n)
		return NULL;
	all = mem_zalloc(list->n + 1, sizeof(*all));
	memcpy(all, list->items, list->n * sizeof(*all));
	return all;
}

static int read_table(struct dataset *d, const char *path, struct err *err)
{
	const char **factors = terminated(&options.factors), **ignore = terminated(&options.ignore);
	const struct dataset_csv_spec spec = {.response = options.response,
		.factors = factors,
		.ignore = ignore,
		.connections = options.connections,
		.mean_latency = options.mean_latency};
	int rc = dataset_read_csv(d, path, &spec, err);

	free(factors);
	free(ignore);
	return rc;
}

static int write_report(const struct cli *cli, const char *path, const json_t *result, int64_t id,
	const struct rank_result *rank, struct err *err)
{
	struct str text = STR_INIT;
	struct run run;
	int rc;

	cli_describe_run(cli, &run, "rank", path);
	run.id = id;
	run.seed = rank->spec.seed;
	run.result = json_incref((json_t *)result);
	stored_page(&run, NULL, 0, rank, &text);
	rc = cli_write_report(options.report, &text, true, err);
	run_release(&run);
	str_release(&text);
	return rc;
}

static void print_result(const struct cli *cli, const json_t *json, const struct rank_result *rank)
{
	struct str text = STR_INIT;

	switch (cli_format(&options.format)) {
	case CLI_JSON: cli_print_json(json); break;
	case CLI_CSV: stored_rank_csv(json, &text); break;
	case CLI_TEXT: report_rank(&text, &cli->out, rank); break;
	}
	cli_print(str_text(&text));
	str_release(&text);
}

static int run_rank(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	const char *path = rest->items[0];
	const struct rank_spec spec = {.scale = options.log   ? RANK_LOG
						: options.raw ? RANK_RAW
							      : RANK_AUTO,
		.splits = (unsigned)options.splits,
		.trees = (unsigned)options.trees,
		.confidence = options.confidence,
		.seed = (uint64_t)options.seed,
		.threads = (unsigned)options.threads};
	struct dataset data = {0};
	struct rank_result rank = {0};
	json_t *json = NULL;
	int64_t id;
	int rc;

	if (options.log && options.raw)
		return err_set(
			err, ERR_USAGE, "--log and --raw exclude each other; give one of them");
	rc = file_check_write(options.report, err);
	if (!rc)
		rc = read_table(&data, path, err);
	if (!rc)
		rc = rank_learn(&rank, &data, &spec, err);
	if (rc && err->kind == ERR_INPUT && !rank.n && data.n)
		err_prefix(err, "%s", strcmp(path, "-") ? path : "standard input");
	if (rc)
		goto out;
	json = rank_to_json(&rank);
	print_result(cli, json, &rank);
	cli_keep(cli, "rank", path, spec.seed, json_object_get(json, "spec"), json, &id);
	if (id && cli_format(&options.format) == CLI_TEXT)
		cli_note("kept as run %lld", (long long)id);
	if (options.report)
		rc = write_report(cli, path, json, id, &rank, err);
out:
	json_decref(json);
	rank_release(&rank);
	dataset_release(&data);
	free(options.factors.items);
	free(options.ignore.items);
	return rc;
}

static const char *const EXAMPLES[] = {
	"culprit rank trials.csv --response requests_per_second",
	"rank every other column by what it does to the rate",
	"culprit rank trials.csv -r requests_per_second --report rank.html",
	"the same, with an HTML report",
	"culprit export 7 --csv | culprit rank - -r p99_ms --json",
	"the trials of study 7 again, by their 99th percentile, as JSON",
	NULL,
};

static const struct opt_section SECTIONS[] = {{"Table", TABLE_OPTIONS, &options},
	{"Learning", LEARN_OPTIONS, &options}, {"Output", OUTPUT_OPTIONS, &options},
	{NULL, CLI_FORMAT_OPTIONS, &options.format}, {0}};

const struct cmd cmd_rank = {
	.name = "rank",
	.arguments = "DATA.csv",
	.summary = "rank the columns of a table by what they do to one of them",
	.about = "Learns from a table with a row a trial: a column is the response, the others are "
		 "factors. Fits a linear model and a random forest, validates both on rows that "
		 "they "
		 "did not see, tells the factors from noise and from each other, and ranks them, "
		 "with "
		 "an interval for every estimate. Factors that cannot be told apart share a rank. "
		 "Columns that culprit itself writes beside the factors are left out, so the CSV "
		 "of a "
		 "study can be used as it is. `-` reads standard input.",
	.examples = EXAMPLES,
	.sections = SECTIONS,
	.min_rest = 1,
	.max_rest = 1,
	.run = run_rank,
};

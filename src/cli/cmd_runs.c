/* culprit runs: what the store holds, newest first. */
#include <stdlib.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/cli.h"
#include "cli/run_name.h"

static struct runs_options {
	struct cli_format_options format;
	const char *kind;
	struct opt_list remove;
} options;

static const struct opt RUNS_OPTIONS[] = {
	{0, "kind", OPT_TEXT, offsetof(struct runs_options, kind), "KIND",
		"only runs of this kind: study, tune, load, rank, recording, profile, "
		"correlation",
		0, 0, NULL},
	{0, "remove", OPT_LIST, offsetof(struct runs_options, remove), "RUN",
		"remove this run and its trials; may be given again", 0, 0, NULL},
	{0}};

static void runs_text(const struct cli *cli, const struct run *runs, size_t n, struct str *out)
{
	struct table t = TABLE_INIT;
	char text[CLOCK_TEXT];

	table_column(&t, "run", TABLE_RIGHT);
	table_column(&t, "kind", TABLE_LEFT);
	table_column(&t, "started", TABLE_LEFT);
	table_column(&t, "took", TABLE_RIGHT);
	table_column(&t, "trials", TABLE_RIGHT);
	table_column(&t, "status", TABLE_LEFT);
	table_column(&t, "title", TABLE_LEFT);
	for (size_t i = 0; i < n; i++) {
		const struct run *r = &runs[i];

		table_cellf(&t, "%lld", (long long)r->id);
		table_cell(&t, r->kind);
		table_cell(&t, clock_label(r->started_ms, text));
		table_cell(&t,
			r->ended_ms > r->started_ms
				? num_duration((double)(r->ended_ms - r->started_ms) / 1e3, text)
				: "");
		table_cell(&t, r->n_trials ? num_count((double)r->n_trials, text) : "");
		table_cell(&t, RUN_STATUS_WORDS[r->status]);
		table_cell(&t, r->title);
	}
	if (n)
		table_render(&t, &cli->out, out);
	table_release(&t);
}

static json_t *runs_json(const struct run *runs, size_t n)
{
	json_t *list = json_array();
	char text[CLOCK_TEXT];

	for (size_t i = 0; i < n; i++) {
		const struct run *r = &runs[i];

		json_array_append_new(
			list, json_pack("{s:I, s:s, s:s, s:s, s:s, s:I, s:s}", "run",
				      (json_int_t)r->id, "kind", r->kind, "title", r->title,
				      "status", RUN_STATUS_WORDS[r->status], "started",
				      clock_iso(r->started_ms, text), "trials",
				      (json_int_t)r->n_trials, "command", r->command));
		json_object_set_new(json_array_get(list, i), "seconds",
			json_number(
				r->ended_ms ? (double)(r->ended_ms - r->started_ms) / 1e3 : NAN));
	}
	return list;
}

static void runs_csv(const struct run *runs, size_t n, struct str *out)
{
	char text[CLOCK_TEXT];

	str_add(out, "run,kind,started,seconds,trials,status,title,command\n");
	for (size_t i = 0; i < n; i++) {
		const struct run *r = &runs[i];

		str_addf(out, "%lld", (long long)r->id);
		csv_put(out, false, r->kind);
		csv_put(out, false, clock_iso(r->started_ms, text));
		csv_put_number(out, false,
			r->ended_ms ? (double)(r->ended_ms - r->started_ms) / 1e3 : NAN);
		csv_put_number(out, false, (double)r->n_trials);
		csv_put(out, false, RUN_STATUS_WORDS[r->status]);
		csv_put(out, false, r->title);
		csv_put(out, false, r->command);
		str_add_char(out, '\n');
	}
}

static int remove_runs(struct store *store, struct err *err)
{
	size_t n = options.remove.n;
	int64_t *ids = mem_alloc(n, sizeof(*ids));
	int rc = 0;

	/* all of them first: `last` is another one afterwards */
	for (size_t i = 0; !rc && i < n; i++)
		rc = run_name_find(store, options.remove.items[i], &ids[i], err);
	for (size_t i = 0; !rc && i < n; i++) {
		struct run run;

		rc = store_run_read(store, ids[i], &run, err);
		if (!rc) {
			run_release(&run);
			rc = store_run_remove(store, ids[i], err);
		}
		if (!rc)
			cli_note("run %lld is removed", (long long)ids[i]);
	}
	free(ids);
	return rc;
}

static int runs_run(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	struct store *store = NULL;
	struct run *runs = NULL;
	struct str text = STR_INIT;
	size_t n = 0;
	int rc;

	(void)rest;
	rc = cli_open_store(cli, &store, err);
	if (!rc && options.remove.n) {
		rc = remove_runs(store, err);
		goto out;
	}
	if (!rc)
		rc = store_run_list(store, options.kind, &runs, &n, err);
	if (rc)
		goto out;
	switch (cli_format(&options.format)) {
	case CLI_JSON: {
		json_t *list = runs_json(runs, n);

		cli_print_json(list);
		json_decref(list);
		break;
	}
	case CLI_CSV: runs_csv(runs, n, &text); break;
	case CLI_TEXT:
		runs_text(cli, runs, n, &text);
		if (!n)
			cli_note("%s has no runs yet", cli->store_path);
	}
	cli_print(str_text(&text));
out:
	for (size_t i = 0; i < n; i++)
		run_release(&runs[i]);
	free(runs);
	free(options.remove.items);
	str_release(&text);
	store_close(store);
	return rc;
}

const struct cmd cmd_runs = {
	.name = "runs",
	.arguments = "",
	.summary = "list what the store holds",
	.about = "Lists the runs of the store, newest first: what was measured, when, how long it "
		 "took "
		 "and how it ended. `culprit show RUN` shows one.",
	.examples =
		(const char *const[]){"culprit runs", "list all runs", "culprit runs --kind study",
			"list the studies", "culprit runs --remove 3", "remove run 3", NULL},
	.sections = (const struct opt_section[]){{NULL, RUNS_OPTIONS, &options},
		{"Output", CLI_FORMAT_OPTIONS, &options.format}, {0}},
	.run = runs_run,
};

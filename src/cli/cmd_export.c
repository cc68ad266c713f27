/* culprit export: a stored run for other tools. */
#include "cli/cli.h"
#include "cli/stored.h"

static struct cli_format_options options;

static int export_run(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	struct stored stored;
	struct str text = STR_INIT;
	int rc = 0;

	if (options.json == options.csv)
		return err_set(
			err, ERR_USAGE, "say which form: --csv for its rows, --json for all of it");
	rc = stored_read(cli, rest->items[0], &stored, err);
	if (!rc && options.json) {
		json_t *whole = stored_json(&stored);

		cli_print_json(whole);
		json_decref(whole);
	} else if (!rc) {
		rc = stored_csv(&stored, &text, err);
		if (!rc)
			cli_print(str_text(&text));
	}
	str_release(&text);
	stored_release(&stored);
	return rc;
}

const struct cmd cmd_export = {
	.name = "export",
	.arguments = "RUN",
	.summary = "print a stored run for other tools, as CSV or JSON",
	.about = "Prints a stored run: with --csv its rows (a study's trials, a load's seconds, a "
		 "ranking's factors), with --json everything that is known of it. RUN is its "
		 "number, "
		 "or `last`. A study's CSV is what `culprit rank` reads.",
	.examples = (const char *const[]){"culprit export 7 --csv > trials.csv",
		"the trials of study 7 as CSV", "culprit export last --json | jq .machine.cpu",
		"a field of the newest run", NULL},
	.sections = (const struct opt_section[]){{NULL, CLI_FORMAT_OPTIONS, &options}, {0}},
	.min_rest = 1,
	.max_rest = 1,
	.run = export_run,
};

/* culprit export: a stored run for other tools. */
#include "cli/cli.h"
#include "cli/stored.h"
#include "profile/formats.h"

static struct export_options {
	struct cli_format_options format;
	bool html;
	int write; /* enum profile_format; −1: none */
} options = {.write = -1};

static const struct opt EXPORT_OPTIONS[] = {
	{0, "csv", OPT_FLAG, offsetof(struct export_options, format.csv), NULL,
		"its rows: a study's trials, a load's seconds, a recording's samples, a ranking's "
		"factors, a correlation's series",
		0, 0, NULL},
	{0, "json", OPT_FLAG, offsetof(struct export_options, format.json), NULL,
		"everything that is known of it", 0, 0, NULL},
	{0, "html", OPT_FLAG, offsetof(struct export_options, html), NULL,
		"the report of a load, a recording, a profile, a correlation, a study or a "
		"ranking, one file",
		0, 0, NULL},
	{0, "format", OPT_CHOICE, offsetof(struct export_options, write), NULL,
		"its profile for another tool", 0, 0, PROFILE_FORMAT_WORDS},
	{0}};

static int export_run(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	struct stored stored;
	struct str text = STR_INIT;
	int rc = 0;

	if (options.format.json + options.format.csv + options.html + (options.write >= 0) != 1)
		return err_set(err, ERR_USAGE,
			"say which form: --csv for its rows, --json for all of it, --html for its "
			"report, --format for a profile");
	rc = stored_read(cli, rest->items[0], &stored, err);
	if (!rc && options.format.json) {
		json_t *whole = stored_json(&stored);

		cli_print_json(whole);
		json_decref(whole);
	} else if (!rc && options.write >= 0) {
		rc = stored_profile_export(stored.store, &stored.run, options.write, &text, err);
		if (!rc)
			cli_print_bytes(str_text(&text), text.len);
	} else if (!rc) {
		rc = options.html ? stored_html(&stored, &text, err)
				  : stored_csv(&stored, &text, err);
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
	.summary = "print a stored run for other tools, as CSV, JSON or HTML",
	.about =
		"Prints a stored run: with --csv its rows (a study's trials, a load's seconds, a "
		"recording's samples, a ranking's factors), with --json everything that is known "
		"of it, with --html its report. RUN is its number, `last`, or `last~1` for the one "
		"before the newest. A study's CSV is what `culprit rank` reads.",
	.examples = (const char *const[]){"culprit export 7 --csv > trials.csv",
		"the trials of study 7 as CSV", "culprit export last --json | jq .machine.cpu",
		"a field of the newest run", NULL},
	.sections = (const struct opt_section[]){{NULL, EXPORT_OPTIONS, &options}, {0}},
	.min_rest = 1,
	.max_rest = 1,
	.run = export_run,
};

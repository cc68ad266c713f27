/* culprit show: a stored run, as it was printed when it ended. */
#include "cli/cli.h"
#include "cli/stored.h"

static struct show_options {
	struct cli_format_options format;
	const char *html;
	struct profile_view_options view;
} options = {.view = {.clock = -1}};

static const struct opt SHOW_OPTIONS[] = {
	{0, "json", OPT_FLAG, offsetof(struct show_options, format.json), NULL,
		"print the whole run as JSON, as `export --json` does", 0, 0, NULL},
	{0, "html", OPT_TEXT, offsetof(struct show_options, html), "FILE",
		"write the HTML report of a load, a recording, a profile, a correlation, a study "
		"or a ranking again",
		0, 0, NULL},
	{0}};

static int show_run(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	struct stored stored;
	struct str text = STR_INIT;
	int rc = stored_read(cli, rest->n ? rest->items[0] : "last", &stored, err);

	if (rc)
		goto out;
	if (options.format.json) {
		json_t *whole = stored_json(&stored);

		cli_print_json(whole);
		json_decref(whole);
	} else if (options.html) {
		rc = stored_html(&stored, &text, err);
		if (!rc)
			rc = cli_write_report(options.html, &text, true, err);
	} else {
		rc = stored_text(&stored, &options.view, &cli->out, &text, err);
		if (!rc)
			cli_print(str_text(&text));
	}
out:
	str_release(&text);
	stored_release(&stored);
	return rc;
}

const struct cmd cmd_show = {
	.name = "show",
	.arguments = "[RUN]",
	.summary = "show a stored run again",
	.about = "Shows a stored run as it was printed when it ended: the ranking of a study, the "
		 "summary of a load or a recording, the tree of a profile, which can be looked at "
		 "in other ways, the tables of a correlation. RUN is its number as `culprit runs` "
		 "lists it, `last`, or `last~1` for the one before the newest; without it, the "
		 "newest run is shown.",
	.examples = (const char *const[]){"culprit show 7", "show run 7",
		"culprit show 7 --html r.html", "write its HTML report", NULL},
	.sections = (const struct opt_section[]){{NULL, SHOW_OPTIONS, &options},
		{"View of a profile", PROFILE_VIEW_OPTIONS, &options.view}, {0}},
	.max_rest = 1,
	.run = show_run,
};

#include <string.h>

#include "cli/cli.h"

static void list_commands(const struct cli *cli)
{
	struct str text = STR_INIT;

	term_add(&text, &cli->out, TERM_BOLD, "culprit " CULPRIT_VERSION);
	str_add(&text, ": finds what makes a web service slow, and proves it\n\n"
		       "Usage: culprit COMMAND [OPTIONS] …\n\n");
	for (const struct cmd *const *c = CLI_TABLE; *c; c++) {
		str_add(&text, "  ");
		term_add(&text, &cli->out, TERM_BOLD, (*c)->name);
		str_add_repeat(&text, " ", 12 - strlen((*c)->name));
		str_addf(&text, "%s\n", (*c)->summary);
	}
	str_add(&text, "\n`culprit COMMAND -h` shows a command's options, `culprit --version` the "
		       "version.\nResults go to stdout, progress to stderr; exit 0 good, 1 failed, "
		       "2 usage.\n");
	cli_print(text.p);
	str_release(&text);
}

static const struct cmd *command_named(const char *name, struct err *err)
{
	for (const struct cmd *const *c = CLI_TABLE; *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	err_set(err, ERR_USAGE, "no command '%s'; `culprit help` lists them", name);
	return NULL;
}

static struct help_options {
	bool man;
} help_options;

static const struct opt HELP_OPTIONS[] = {
	{0, "man", OPT_FLAG, offsetof(struct help_options, man), NULL,
		"print the manual page, in roff (for man -l -)", 0, 0, NULL},
	{0}};

static int run_help(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	const struct cmd *cmd;
	struct str text = STR_INIT;

	if (!rest->n) {
		list_commands(cli);
		return 0;
	}
	cmd = command_named(rest->items[0], err);
	if (!cmd)
		return -(int)err->kind;
	if (help_options.man)
		cli_man(cmd, &text);
	else
		cli_help(cmd, cli->out.width > 100 ? 100 : cli->out.width, &text);
	cli_print(text.p);
	str_release(&text);
	return 0;
}

const struct cmd cmd_help = {
	.name = "help",
	.arguments = "[COMMAND]",
	.summary = "list the commands, or show the help or manual page of one",
	.about = "Lists the commands, or shows the help of one, as `culprit COMMAND -h` does.",
	.examples = (const char *const[]){"culprit help --man find | man -l -",
		"read the manual page of find", NULL},
	.sections = (const struct opt_section[]){{NULL, HELP_OPTIONS, &help_options}, {0}},
	.max_rest = 1,
	.run = run_help,
};

/* Completion scripts, from the commands' tables. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* "--json --csv …" of a command, in one word list. */
static void add_option_words(struct str *out, const struct cmd *cmd)
{
	struct opt_section *sections = cli_sections(cmd);

	for (const struct opt_section *s = sections; s->opts; s++)
		for (const struct opt *opt = s->opts; opt->name; opt++)
			str_addf(out, " --%s", opt->name);
	free(sections);
}

static void complete_bash(struct str *out)
{
	str_add(out, "# bash completion of culprit; made by `culprit completion bash`\n"
		     "_culprit() {\n"
		     "\tlocal word=${COMP_WORDS[COMP_CWORD]} options=\n"
		     "\tif [ \"$COMP_CWORD\" = 1 ]; then\n"
		     "\t\tCOMPREPLY=($(compgen -W '");
	for (const struct cmd *const *c = CLI_TABLE; *c; c++)
		str_addf(out, "%s%s", c == CLI_TABLE ? "" : " ", (*c)->name);
	str_add(out, "' -- \"$word\"))\n\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]} in\n");
	for (const struct cmd *const *c = CLI_TABLE; *c; c++) {
		str_addf(out, "\t%s) options='", (*c)->name);
		add_option_words(out, *c);
		str_add(out, "' ;;\n");
	}
	str_add(out, "\tesac\n"
		     "\tcase $word in\n"
		     "\t-*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
		     "\t*) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
		     "\tesac\n"
		     "}\n"
		     "complete -o filenames -F _culprit culprit\n");
}

/* Text inside single quotes of a fish or zsh script. */
static void add_quoted(struct str *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (*text == '\'')
			str_add(out, "'\\''");
		else {
			if (strchr(special, *text))
				str_add_char(out, '\\');
			str_add_char(out, *text);
		}
	}
}

static void complete_zsh(struct str *out)
{
	str_add(out, "#compdef culprit\n# made by `culprit completion zsh`\n"
		     "_culprit() {\n"
		     "\tif (( CURRENT == 2 )); then\n\t\tlocal -a commands=(\n");
	for (const struct cmd *const *c = CLI_TABLE; *c; c++) {
		str_addf(out, "\t\t\t'%s:", (*c)->name);
		add_quoted(out, (*c)->summary, "");
		str_add(out, "'\n");
	}
	str_add(out, "\t\t)\n\t\t_describe command commands\n\t\treturn\n\tfi\n"
		     "\tcase $words[2] in\n");
	for (const struct cmd *const *c = CLI_TABLE; *c; c++) {
		struct opt_section *sections = cli_sections(*c);

		str_addf(out, "\t%s) _arguments", (*c)->name);
		for (const struct opt_section *s = sections; s->opts; s++)
			for (const struct opt *opt = s->opts; opt->name; opt++) {
				str_addf(out, " '--%s[", opt->name);
				add_quoted(out, opt->help, "[]:");
				str_add(out, opt->type == OPT_FLAG ? "]'" : "]:value:_files'");
			}
		str_add(out, " '*:file:_files' ;;\n");
		free(sections);
	}
	str_add(out, "\tesac\n}\n_culprit \"$@\"\n");
}

static void complete_fish(struct str *out)
{
	str_add(out, "# fish completion of culprit; made by `culprit completion fish`\n");
	for (const struct cmd *const *c = CLI_TABLE; *c; c++) {
		struct opt_section *sections = cli_sections(*c);

		str_addf(
			out, "complete -c culprit -n __fish_use_subcommand -a %s -d '", (*c)->name);
		add_quoted(out, (*c)->summary, "");
		str_add(out, "'\n");
		for (const struct opt_section *s = sections; s->opts; s++)
			for (const struct opt *opt = s->opts; opt->name; opt++) {
				str_addf(out,
					"complete -c culprit -n '__fish_seen_subcommand_from %s' "
					"-l %s%s -d '",
					(*c)->name, opt->name, opt->type == OPT_FLAG ? "" : " -r");
				add_quoted(out, opt->help, "");
				str_add(out, "'\n");
			}
		free(sections);
	}
}

/* Plain word lists, for scripts: the commands, and a command's options. */
static void list_commands(struct str *out)
{
	for (const struct cmd *const *c = CLI_TABLE; *c; c++)
		str_addf(out, "%s\n", (*c)->name);
}

static int list_options(const char *name, struct err *err)
{
	struct str text = STR_INIT;

	for (const struct cmd *const *c = CLI_TABLE; *c; c++)
		if (!strcmp((*c)->name, name)) {
			add_option_words(&text, *c);
			str_add_char(&text, '\n');
			cli_print(text.p + 1);
			str_release(&text);
			return 0;
		}
	return err_set(err, ERR_USAGE, "no command '%s'; `culprit help` lists them", name);
}

static int run_completion(struct cli *cli, const struct opt_rest *rest, struct err *err)
{
	struct str text = STR_INIT;
	const char *shell = rest->items[0];

	(void)cli;
	if (!strcmp(shell, "bash"))
		complete_bash(&text);
	else if (!strcmp(shell, "zsh"))
		complete_zsh(&text);
	else if (!strcmp(shell, "fish"))
		complete_fish(&text);
	else if (!strcmp(shell, "commands"))
		list_commands(&text);
	else if (!strcmp(shell, "options"))
		return list_options(rest->n > 1 ? rest->items[1] : "", err);
	else
		return err_set(err, ERR_USAGE,
			"no completion for '%s'; there is bash, zsh and fish", shell);
	cli_print(text.p);
	str_release(&text);
	return 0;
}

static const struct opt NO_OPTIONS[] = {{0}};

const struct cmd cmd_completion = {
	.name = "completion",
	.arguments = "bash|zsh|fish",
	.summary = "print the completion script of a shell",
	.about = "Prints a script that completes culprit's commands and options in that shell. "
		 "`./dev install` puts it where the shell looks. For scripts, `commands` lists the "
		 "commands, and `options COMMAND` the options of one.",
	.examples = (const char *const[]){"source <(culprit completion bash)",
		"complete culprit's options in this shell", NULL},
	.sections = (const struct opt_section[]){{NULL, NO_OPTIONS, NULL}, {0}},
	.min_rest = 1,
	.max_rest = 2,
	.run = run_completion,
};

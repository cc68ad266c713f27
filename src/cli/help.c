/* What a command's table says, as help (-h) and as a manual page, so that neither can say something
 * else than what the program does. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

void cli_help(const struct cmd *cmd, size_t width, struct str *out)
{
	struct opt_section *sections = cli_sections(cmd);

	str_addf(out, "Usage: culprit %s [OPTIONS]%s%s\n\n", cmd->name, *cmd->arguments ? " " : "",
		cmd->arguments);
	str_add_wrapped(out, cmd->about, 0, width);
	opt_help(sections, width, out);
	if (cmd->examples && cmd->examples[0])
		str_add(out, "\nExamples\n");
	for (const char *const *e = cmd->examples; e && e[0]; e += 2)
		str_addf(out, "  %s\n      %s\n", e[0], e[1]);
	free(sections);
}

/* Text for roff: backslashes and dashes as themselves, no line that starts as a request. */
static void add_roff(struct str *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		str_add(out, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			str_add(out, "\\e");
		else if (*text == '-')
			str_add(out, "\\-");
		else
			str_add_char(out, *text);
	}
}

static void add_man_option(struct str *out, const struct opt *opt)
{
	struct str line = STR_INIT;
	struct opt one[2] = {*opt, {0}};
	struct opt_section section[] = {{"", one, NULL}, {0}};
	char *left;

	/* the same left half as in -h: everything up to the two spaces before the help */
	opt_help(section, 10000, &line);
	left = strstr(line.p, "--");
	while (left > line.p && left[-1] != '\n')
		left--;
	left += strspn(left, " ");
	left[strcspn(left, "\n")] = '\0';
	if (strstr(left, "  "))
		*strstr(left, "  ") = '\0';
	str_add(out, ".TP\n.B ");
	add_roff(out, left);
	str_add_char(out, '\n');
	add_roff(out, opt->help);
	for (size_t i = 0; opt->type == OPT_CHOICE && opt->choices[i]; i++) {
		str_add(out, i ? ", " : ": ");
		add_roff(out, opt->choices[i]);
	}
	str_add_char(out, '\n');
	str_release(&line);
}

void cli_man(const struct cmd *cmd, struct str *out)
{
	struct opt_section *sections = cli_sections(cmd);

	str_add(out, ".TH CULPRIT\\-");
	for (const char *p = cmd->name; *p; p++)
		str_add_char(out, (char)toupper((unsigned char)*p));
	str_addf(out, " 1 \"\" \"culprit %s\"\n.SH NAME\nculprit\\-%s \\- ", CULPRIT_VERSION,
		cmd->name);
	add_roff(out, cmd->summary);
	str_addf(out, "\n.SH SYNOPSIS\n.B culprit %s\n[OPTIONS] ", cmd->name);
	add_roff(out, cmd->arguments);
	str_add(out, "\n.SH DESCRIPTION\n");
	add_roff(out, cmd->about);
	str_add_char(out, '\n');
	for (const struct opt_section *s = sections; s->opts; s++) {
		const char *title = s->title ? s->title : s == sections ? "Options" : NULL;

		str_add(out, title ? ".SH " : "");
		for (const char *p = title; p && *p; p++)
			str_add_char(out, (char)toupper((unsigned char)*p));
		str_add(out, title ? "\n" : "");
		for (const struct opt *opt = s->opts; opt->name; opt++)
			add_man_option(out, opt);
	}
	if (cmd->examples && cmd->examples[0])
		str_add(out, ".SH EXAMPLES\n");
	for (const char *const *e = cmd->examples; e && e[0]; e += 2) {
		str_add(out, ".TP\n.B ");
		add_roff(out, e[0]);
		str_add_char(out, '\n');
		add_roff(out, e[1]);
		str_add_char(out, '\n');
	}
	str_add(out, ".SH \"EXIT STATUS\"\n0 good, 1 failed or a gate missed, 2 usage\n");
	free(sections);
}

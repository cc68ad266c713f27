/*
 * The frame: finds the command, parses its options, runs it, prints its error, picks the exit code.
 * 0 good, 1 failed or a gate missed, 2 usage.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"

const struct cmd *const CLI_TABLE[] = {
#define X(name) &cmd_##name,
	CLI_COMMANDS(X)
#undef X
		NULL};

struct common_options {
	const char *store;
	bool help;
};

static struct common_options common;

static const struct opt COMMON_OPTIONS[] = {
	{0, "store", OPT_TEXT, offsetof(struct common_options, store), "PATH",
		"keep results there [CULPRIT_STORE, else .culprit/culprit.db]", 0, 0, NULL},
	{'h', "help", OPT_FLAG, offsetof(struct common_options, help), NULL, "show this help", 0, 0,
		NULL},
	{0}};

struct opt_section *cli_sections(const struct cmd *cmd)
{
	struct opt_section *all;
	size_t n = 0;

	while (cmd->sections && cmd->sections[n].opts)
		n++;
	all = mem_zalloc(n + 2, sizeof(*all));
	for (size_t i = 0; i < n; i++)
		all[i] = cmd->sections[i];
	all[n] = (struct opt_section){"Common options", COMMON_OPTIONS, &common};
	return all;
}

static atomic_bool stop;

/* The first signal asks; the second one does not ask any more. */
static void on_signal(int number)
{
	if (atomic_exchange(&stop, true))
		_exit(128 + number);
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

static struct term term_of(int fd)
{
	struct term term = {.width = 100};
	struct winsize size;
	const char *name = getenv("TERM"), *no_color = getenv("NO_COLOR"), *lang;

	term.tty = isatty(fd);
	term.colour = term.tty && !(no_color && *no_color) && name && strcmp(name, "dumb");
	if (term.tty && !ioctl(fd, TIOCGWINSZ, &size) && size.ws_col >= 40)
		term.width = size.ws_col;
	lang = getenv("LC_ALL");
	if (!lang || !*lang)
		lang = getenv("LC_CTYPE");
	if (!lang || !*lang)
		lang = getenv("LANG");
	/* "C" and "POSIX" say ASCII on a terminal; a file or pipe, or nothing said, gets UTF-8 */
	term.unicode = !term.tty || !lang || !*lang || strstr(lang, "UTF-8") ||
		       strstr(lang, "utf8") || strstr(lang, "utf-8");
	return term;
}

/* As a shell would need it, so that a stored command line can be run again. */
static char *command_line(int argc, char **argv)
{
	struct str line = STR_INIT;

	str_add(&line, "culprit");
	for (int i = 1; i < argc; i++) {
		str_add_char(&line, ' ');
		str_add_shell(&line, argv[i]);
	}
	return str_take(&line);
}

static const struct cmd *find_command(const char *name)
{
	const char *names[sizeof(CLI_TABLE) / sizeof(CLI_TABLE[0])];
	size_t n = 0;

	for (; CLI_TABLE[n]; n++) {
		if (!strcmp(CLI_TABLE[n]->name, name))
			return CLI_TABLE[n];
		names[n] = CLI_TABLE[n]->name;
	}
	names[n] = NULL;

	const char *nearest = str_nearest(name, names);

	if (nearest)
		fprintf(stderr, "culprit: no command '%s', did you mean '%s'?\n", name, nearest);
	else
		fprintf(stderr, "culprit: no command '%s'; `culprit help` lists them\n", name);
	return NULL;
}

static int check_rest(const struct cmd *cmd, const struct opt_rest *rest, struct err *err)
{
	if (rest->n < cmd->min_rest)
		return err_set(err, ERR_USAGE, "needs %s; `culprit %s -h` shows how",
			cmd->arguments, cmd->name);
	if (rest->n > cmd->max_rest)
		return err_set(err, ERR_USAGE,
			"'%s' is one argument too many; `culprit %s -h` shows how",
			rest->items[cmd->max_rest], cmd->name);
	return 0;
}

/* A result has one form. */
static int check_format(const struct opt_section *sections, struct err *err)
{
	for (; sections->opts; sections++) {
		const struct cli_format_options *o = sections->into;

		if (sections->opts == CLI_FORMAT_OPTIONS && o->json && o->csv)
			return err_set(err, ERR_USAGE,
				"--json and --csv exclude each other; give one of them");
	}
	return 0;
}

static int run_command(const struct cmd *cmd, struct cli *cli, int argc, char **argv)
{
	struct opt_section *sections = cli_sections(cmd);
	struct opt_rest rest = {0};
	struct err err = {0};
	int rc = opt_parse(sections, argc, argv, cmd->stop_at_positional, &rest, &err);

	if (!rc && common.help) {
		struct str text = STR_INIT;

		cli_help(cmd, cli->out.width > 100 ? 100 : cli->out.width, &text);
		cli_print(text.p);
		str_release(&text);
		goto out;
	}
	if (!rc)
		rc = check_rest(cmd, &rest, &err);
	if (!rc)
		rc = check_format(sections, &err);
	if (!rc) {
		cli->store_path = common.store ? common.store : getenv("CULPRIT_STORE");
		if (!cli->store_path || !*cli->store_path)
			cli->store_path = ".culprit/culprit.db";
		rc = cmd->run(cli, &rest, &err);
	}
	if (rc < 0) {
		cli_progress_end(cli);
		if (cli->err.colour)
			fprintf(stderr, "\x1b[31mculprit %s:\x1b[0m %s\n", cmd->name, err.text);
		else
			fprintf(stderr, "culprit %s: %s\n", cmd->name, err.text);
	}
out:
	opt_rest_release(&rest);
	free(sections);
	return rc < 0 ? err_exit_code((enum err_kind) - rc) : rc;
}

int main(int argc, char **argv)
{
	struct cli cli = {
		.out = term_of(STDOUT_FILENO), .err = term_of(STDERR_FILENO), .stop = &stop};
	const struct cmd *cmd = &cmd_help;
	int code, skip = 1;

	if (argc > 1 && !strcmp(argv[1], "--version")) {
		cli_print("culprit " CULPRIT_VERSION "\n");
		return 0;
	}
	if (argc > 1 && argv[1][0] != '-') {
		cmd = find_command(argv[1]);
		if (!cmd)
			return 2;
		skip = 2;
	} else if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		skip = 2;
	} else if (argc > 1) {
		fprintf(stderr, "culprit: a command comes first, then its options; `culprit help` "
				"lists them\n");
		return 2;
	}

	char *line = command_line(argc, argv);

	cli.command = line;
	cli.started_ms = clock_wall_ms();
	catch_signals();
	code = run_command(cmd, &cli, argc > skip ? argc - skip : 0, argv + skip);
	free(line);
	return code;
}

/*
 * The frame of every command: one file a command, exporting one const struct cmd. Only this folder
 * prints, exits and reads globals. Results go to stdout (cli_print), everything else to stderr
 * (cli_note, progress).
 */
#ifndef CULPRIT_CLI_CLI_H
#define CULPRIT_CLI_CLI_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/str.h"
#include "base/term.h"
#include "store/store.h"

enum cli_format { CLI_TEXT, CLI_JSON, CLI_CSV };

/* What main() knows and a command may use. */
struct cli {
	struct term out, err;    /* stdout, stderr */
	const char *command;     /* the exact command line, to be stored with a run */
	int64_t started_ms;      /* wall time at which it began */
	const char *store_path;  /* --store, else CULPRIT_STORE, else .culprit/culprit.db */
	const atomic_bool *stop; /* set by SIGINT and SIGTERM; a second one ends at once */
};

struct cmd {
	const char *name;
	const char *arguments;       /* as usage shows them: "STUDY.yaml", "URL" */
	const char *summary;         /* one line for the list of commands, no full stop */
	const char *about;           /* a paragraph for -h and the manual page */
	const char *const *examples; /* "command line", "what it does", …, NULL */
	/* Static, `into` pointing at a static struct of the command; the store option and -h are
	 * added by the frame. */
	const struct opt_section *sections;
	size_t min_rest, max_rest; /* positional arguments */
	bool stop_at_positional;   /* for `watch -- CMD` and its like */
	/* 0, or negative with err set: the frame prints it and picks the exit code. Positive: the
	 * exit code itself, of a command that passes on another's. */
	int (*run)(struct cli *cli, const struct opt_rest *rest, struct err *err);
};

/* Every command: name of the exported struct. One line here, one file cmd_<name>.c, one page in
 * docs/. */
#define CLI_COMMANDS(X)                                                                            \
	X(find)                                                                                    \
	X(tune)                                                                                    \
	X(rank)                                                                                    \
	X(load)                                                                                    \
	X(watch)                                                                                   \
	X(profile)                                                                                 \
	X(top)                                                                                     \
	X(correlate)                                                                               \
	X(compare)                                                                                 \
	X(lab)                                                                                     \
	X(runs)                                                                                    \
	X(show)                                                                                    \
	X(export)                                                                                  \
	X(completion)                                                                              \
	X(help)

#define X(name) extern const struct cmd cmd_##name;
CLI_COMMANDS(X)
#undef X

extern const struct cmd *const CLI_TABLE[]; /* in the order of CLI_COMMANDS; ends with NULL */

/* The sections of a command as the frame parses and shows them: its own, then --store and -h. The
 * array is the caller's to free(). */
struct opt_section *cli_sections(const struct cmd *cmd);

/* What -h prints, and a manual page in roff (man 7). Both from the command's table alone. */
void cli_help(const struct cmd *cmd, size_t width, struct str *out);
void cli_man(const struct cmd *cmd, struct str *out);

/* --json and --csv for commands with a result; put CLI_FORMAT_OPTIONS in a section over one. */
struct cli_format_options {
	bool json, csv;
};
extern const struct opt CLI_FORMAT_OPTIONS[];
enum cli_format cli_format(const struct cli_format_options *o);

/* stdout: whole text at once; a closed pipe ends the program quietly. */
void cli_print(const char *text);
void cli_print_bytes(const char *bytes, size_t len);
void cli_print_json(const json_t *value);

/* Writes the page of a result to its file, and with `say` where it is to stderr. */
int cli_write_report(const char *path, const struct str *page, bool say, struct err *err);

/* stderr: one line, "culprit: " before it. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Progress on stderr. On a terminal one line, drawn again in place (cut to its width, at most 10
 * times a second); elsewhere cli_progress() prints nothing, and only cli_progress_line() does, once
 * a call.
 */
void cli_progress(const struct cli *cli, const char *line);
void cli_progress_line(const struct cli *cli, const char *line); /* stays on the screen */
void cli_progress_end(const struct cli *cli);                    /* clears the line in place */

/* Adds the line's first `width` columns; escape sequences take none, and colours end with it. */
void cli_add_columns(struct str *out, const char *line, size_t width);

/* Opens the store of this command line, making its folder. */
int cli_open_store(const struct cli *cli, struct store **out, struct err *err);

/* Fills command, machine, started of a run to be added (kind and title are the caller's). */
void cli_describe_run(const struct cli *cli, struct run *run, const char *kind, const char *title);

/* Keeps a finished result as a run: one call for commands without trials. Failing to store is said
 * on stderr but loses nothing else. Sets *id (0 when it could not be kept). */
void cli_keep(const struct cli *cli, const char *kind, const char *title, uint64_t seed,
	json_t *spec, json_t *result, int64_t *id);

#endif

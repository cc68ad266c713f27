/*
 * What the commands that run the trials of a study have in common (find, tune): their options,
 * beginning a run or going on with it, progress, ending early, what went wrong.
 */
#ifndef CULPRIT_CLI_RUNNING_H
#define CULPRIT_CLI_RUNNING_H

#include "cli/cli.h"
#include "cli/stored.h"
#include "study/study.h"

/* What the command line says goes before what the study file says. */
struct running_options {
	const char *report;
	bool fresh;
	int64_t trials, connections;
	uint64_t duration_ns, warmup_ns;
};
#define RUNNING_NO_WARMUP    (UINT64_MAX - 1) /* none is said; UINT64_MAX is OPT_AUTO_NS */
#define RUNNING_OPTIONS_INIT ((struct running_options){.warmup_ns = RUNNING_NO_WARMUP})
extern const struct opt RUNNING_OPTIONS[], RUNNING_OUTPUT_OPTIONS[];

/* Reads the study file, and lets the options go before it. Release the study in any case. */
int running_read(struct study *out, const char *path, const struct running_options *options,
	struct err *err);

/* Opens the store and takes the right to measure; finds the newest unfinished run with this key, or
 * adds one of this kind. `trials` is told. */
int running_begin(const struct cli *cli, const struct running_options *options,
	const struct study *study, const char *kind, const char *key, size_t trials,
	struct store **store, struct run *run, struct err *err);

/* The run ended with the error `rc`: its state in the store, what is kept and how to go on.
 * Returns `rc`. */
int running_ended_early(const struct running_options *options, struct store *store,
	const struct run *run, int rc, struct err *err);

/* Progress of the trials on stderr, and where the service's output goes: hooks for study_run() and
 * the like. */
struct running {
	const struct cli *cli;
	const struct study *study;
	size_t failed;
	struct str told; /* the sentence that was told last, where there is no terminal */
	char *log;
	struct study_hooks hooks; /* point at this struct, which must stay where it is */
};
void running_open(struct running *r, const struct cli *cli, const struct study *study, int64_t id);
void running_close(struct running *r);

/* "run-7.html" beside the store; free(). */
char *running_path(const struct cli *cli, int64_t id, const char *ending);

/* Writes the page to the report's file and prints the result: JSON, the trials as CSV, or `text`
 * and what went wrong. */
int running_print(const struct cli *cli, const struct running_options *options,
	enum cli_format format, const struct stored *s, const struct str *text,
	const struct str *page, struct err *err);

#endif

/* Where the series of a correlation come from: the options for it, and reading them. */
#ifndef CULPRIT_CLI_CORRELATE_INPUT_H
#define CULPRIT_CLI_CORRELATE_INPUT_H

#include "cli/cli.h"
#include "cli/correlate_times.h"
#include "correlate/series.h"

struct correlate_input_options {
	const char *time_column, *name_column, *value_column, *zone;
	struct opt_list counters, families, matches;
	const char *prometheus, *token_file, *ca_file;
	bool insecure;
	uint64_t timeout_ns;
	int form; /* index into CORRELATE_FORMS; −1: by the file's name */
	uint64_t step_ns;
	const char *from, *to;
};
extern const struct opt CORRELATE_FILE_OPTIONS[];
extern const struct opt CORRELATE_PROMETHEUS_OPTIONS[];
extern const struct opt CORRELATE_TIME_OPTIONS[];

struct correlate_input {
	struct series_set set;
	struct moments moments;   /* of its data */
	struct series_zone *zone; /* that moments has */
	struct str what;          /* "metrics.csv", "run 7: culprit load …" */
	struct str source;        /* what set.source is */
	bool is_load;             /* the series of a stored load */
};

/*
 * Reads them: a file, standard input ("-"), a stored run (cli/run_name.h), a server. `target`:
 * what is asked for; where it is an expression of a server, *target_series is its series, else
 * SIZE_MAX. Cut to --from and --to, with families.
 */
int correlate_input_read(struct correlate_input *out, const struct cli *cli,
	const struct correlate_input_options *o, const struct opt_rest *rest, const char *target,
	size_t *target_series, struct err *err);
/* A command line without the credentials of the URLs in it, for the store. free(). */
char *correlate_input_clean(const char *command);

void correlate_input_release(struct correlate_input *in);

#endif

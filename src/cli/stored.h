/* Stored runs, read back as the results that they are: what `show` and `export` have in common. */
#ifndef CULPRIT_CLI_STORED_H
#define CULPRIT_CLI_STORED_H

#include "cli/cli.h"
#include "cli/stored_profile.h"
#include "learn/rank.h"
#include "report/report.h"
#include "store/store.h"

struct stored {
	struct store *store;
	struct run run;
	struct trial *trials;
	size_t n_trials;
};

/* Opens the store and reads the run of that name (cli/run_name.h). Release in any case. */
int stored_read(const struct cli *cli, const char *which, struct stored *out, struct err *err);
void stored_release(struct stored *s);
void stored_trials_free(struct stored *s); /* the trials alone */

/* The whole run as one JSON object: what, when, where, with which command; spec, trials, result. */
json_t *stored_json(const struct stored *s);

/* What `show` prints for this run, as it was printed when it ended; a profile as `view` says. */
int stored_text(const struct stored *s, const struct profile_view_options *view,
	const struct term *term, struct str *out, struct err *err);

/* The confirmation of a study that has one, as text behind its ranking. */
void stored_add_confirm(const struct run *run, const struct term *term, struct str *out);

/* The run's rows: a study's trials, a load's seconds, a ranking's factors. ERR_USAGE where a run of
 * this kind has none. */
int stored_csv(const struct stored *s, struct str *out, struct err *err);

/* A ranking's factors, a row each, from its JSON form. */
void stored_rank_csv(const json_t *result, struct str *out);

/* The HTML report of a load, or of a run with a ranking. ERR_USAGE where there is neither. */
int stored_html(const struct stored *s, struct str *out, struct err *err);

/* What every page says of its run. The texts are the run's. */
struct report_run stored_describe(const struct run *run);

/* The same from parts at hand: of a study or ranking that has just ended. */
void stored_page(const struct run *run, const struct trial *trials, size_t n_trials,
	const struct rank_result *rank, struct str *out);

/* The HTML report of a search for the best setting that has just ended, or was read back. */
void stored_tune_page(const struct stored *s, const struct tune_result *tune, struct str *out);

/* The HTML report of a load that has just ended, or of one that was read back. */
void stored_load_page(const struct run *run, const struct load_report *l,
	const struct profile_report *profile, struct str *out); /* profile: or NULL */

#endif

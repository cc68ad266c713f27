/* How a run of the store is named on a command line, for all commands: its number; `last`, the
 * newest one; `last~1`, the one before it, and so on. A file of such a name is `./7`, `./last`. */
#ifndef CULPRIT_CLI_RUN_NAME_H
#define CULPRIT_CLI_RUN_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

/* Whether a word that may be a file's too is a run's. */
bool run_name_is(const char *word);

/* Its number. ERR_USAGE where the word names none; of a number it is not asked whether the run is
 * there: reading it says so. */
int run_name_find(struct store *store, const char *word, int64_t *id, struct err *err);

#endif

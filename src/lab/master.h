/*
 * The master of a lab: listens, starts the workers, keeps their number, passes signals on.
 *
 *   SIGTTIN, SIGTTOU   one worker more, one less (never below one; it finishes what it has)
 *   SIGTERM, SIGINT    drain: no new connections, finish what is under way within the grace, end
 *   the same again     end at once
 */
#ifndef CULPRIT_LAB_MASTER_H
#define CULPRIT_LAB_MASTER_H

#include "lab/worker.h"

/* Returns 0 after it was told to end. ERR_USAGE, ERR_BUSY, ERR_SYSTEM where it could not start.
 * Forks, so the caller must have no threads. */
int master_run(const struct app *app, const struct lab_spec *spec, const struct lab_hooks *hooks,
	struct err *err);

#endif

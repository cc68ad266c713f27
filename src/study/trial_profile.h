/* The profile of a trial: what runs in the service while it is loaded, kept as a blob of the run;
 * and what comes of them all: which functions and lines grew from the best settings to the worst.
 */
#ifndef CULPRIT_STUDY_TRIAL_PROFILE_H
#define CULPRIT_STUDY_TRIAL_PROFILE_H

#include <sys/types.h>

#include "profile/profile.h"
#include "sampler/sampler.h"
#include "store/store.h"

/* Of everything below `keeper`; NULL: a trial goes on without. */
struct sampler *trial_profile_start(pid_t keeper);

/* "trial-12-profile", as JSON; nothing where nothing was seen. */
int trial_keep_profile(
	struct store *store, const struct trial *t, const struct profile *p, struct err *err);

#endif

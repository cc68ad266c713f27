/* The recording of a trial: what of it goes into the trial's detail and responses, and all of it as
 * a blob of the run. */
#ifndef CULPRIT_STUDY_TRIAL_RECORDING_H
#define CULPRIT_STUDY_TRIAL_RECORDING_H

#include "load/load.h"
#include "stats/recording.h"
#include "store/store.h"

/* Over the measured window, which began `window_s` after the recording: means and maxima into
 * detail.recording; responses that come from it into the trial's. */
void trial_add_recording(
	struct trial *t, const struct load_result *r, const struct recording *rec, double window_s);

/* "trial-12-recording": thinned to a few hundred rows, as JSON. */
int trial_keep_recording(
	struct store *store, const struct trial *t, struct recording *rec, struct err *err);

#endif

/* Inside of the incident: how restless all series are at a time. */
#ifndef CULPRIT_CORRELATE_INCIDENT_COMMON_H
#define CULPRIT_CORRELATE_INCIDENT_COMMON_H

#include "correlate/incident_score.h"
#include "correlate/series.h"

/*
 * Waves of volatility that all series share: what is a large change in calm hours is none in wild
 * ones. At width 1 a step's factor is the median, over a sample of series, of how large each one's
 * change is there against its usual one; at wider ones the root of the mean square of these, for a
 * step of half of the series must not look like a wave. They count as far as two halves of the
 * sample agree before the incident, and not at all (n = 0) where that may be chance: an incident
 * that moves most series is no wave.
 */
void incident_common_find(struct incident_common *out, const struct series_set *s,
	const struct incident_window *window, unsigned threads);
void incident_common_release(struct incident_common *c);

#endif

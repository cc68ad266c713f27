/*
 * What changed during an incident against before: each series by a score that serves steps and
 * short spikes alike, with the time at which it began to move, so that what came first stands
 * first.
 */
#ifndef CULPRIT_CORRELATE_INCIDENT_H
#define CULPRIT_CORRELATE_INCIDENT_H

#include <jansson.h>

#include "correlate/series.h"

struct incident_spec {
	double from_s, to_s; /* Unix time */
	double before_s;     /* length of the stretch before it that it is held against; NaN: three
				times as long, or as much as there is */
	double fdr;          /* .05 */
	unsigned threads;
};

struct incident_row {
	size_t series;
	double score; /* of the change, in units of its own usual movement; docs/methods.md */
	double p, q;
	double before, during;            /* medians */
	double peak;                      /* the value furthest from `before` during it */
	double began_s;                   /* when it began to move; NaN: it did not */
	double began_low_s, began_high_s; /* 95 % interval of that */
	bool step;                        /* it stayed there for most of the time; else a spike */
	bool found;                       /* q ≤ fdr */
};

struct incident_result {
	struct incident_spec spec;
	struct incident_row *rows; /* found ones by the time they began, then the others by score */
	size_t n, n_found, skipped;
};

int incident_run(struct incident_result *out, const struct series_set *s,
	const struct incident_spec *spec, struct err *err);
void incident_release(struct incident_result *r);
json_t *incident_to_json(const struct incident_result *r, const struct series_set *s);

#endif

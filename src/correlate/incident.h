/*
 * What changed during an incident against before: each series by a score that serves steps and
 * short spikes alike, with the time at which it began to move, so that what came first stands
 * first.
 *
 * The score (docs/methods.md): at widths of 1, 2, 4, … steps, the mean of a window within the
 * incident less the mean of the two windows' lengths before it; the same differences within the
 * stretch before the incident, where nothing is said to have happened, are what is usual. So a
 * series that wanders is held against its own wandering, and a smooth day against its own slopes.
 */
#ifndef CULPRIT_CORRELATE_INCIDENT_H
#define CULPRIT_CORRELATE_INCIDENT_H

#include <jansson.h>

#include "correlate/series.h"

enum {
	INCIDENT_BEFORE_MIN = 24, /* steps before it that are needed */
	INCIDENT_STEPS_MIN = 3,   /* and of it */
	INCIDENT_BEFORE_TIMES = 10,
};

struct incident_spec {
	double from_s, to_s; /* Unix time */
	double before_s;     /* length of the stretch before it that it is held against; NaN: ten
				times as long, or as much as there is */
	double fdr;          /* .05 */
	unsigned threads;
};

struct incident_row {
	size_t series;
	double score; /* the largest change, in units of its own usual change over as long */
	double p, q;
	double before, during;            /* medians */
	double peak;                      /* the value furthest from `before` during it */
	double began_s;                   /* when it began to move; NaN: it did not (not found) */
	double began_low_s, began_high_s; /* 95 % interval of that */
	double sure_s; /* it had begun by then: all found ones together to 95 % */
	bool step;     /* it stayed there for most of the time; else a spike */
	bool found;    /* q ≤ fdr */
};

struct incident_result {
	struct incident_spec spec; /* before_s as it was taken */
	struct incident_row *rows; /* found ones by the time by which they had begun for
				       sure, those of one time by how much of their size they
				       changed; then the others by p */
	size_t n, n_found;
	size_t skipped; /* constant, equal to another, or hardly known */
};

/* ERR_USAGE where the incident is not within the set's times, or too little lies before it. */
int incident_run(struct incident_result *out, const struct series_set *s,
	const struct incident_spec *spec, struct err *err);
void incident_release(struct incident_result *r);

json_t *incident_to_json(const struct incident_result *r, const struct series_set *s);
/* What incident_to_json() wrote; released with incident_release(). ERR_INPUT where it is anything
 * else; `n_series`: how many there are that rows may speak of. */
int incident_from_json(
	struct incident_result *out, const json_t *json, size_t n_series, struct err *err);

#endif

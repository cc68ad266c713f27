/* Inside of the reader of Prometheus servers: what is asked and what has come. */
#ifndef CULPRIT_CORRELATE_PROMETHEUS_WORK_H
#define CULPRIT_CORRELATE_PROMETHEUS_WORK_H

#include "correlate/prometheus_client.h"

struct prometheus_row {
	struct series series;
	bool counter;
	bool asked;   /* by a selector: its values were scraped */
	size_t clock; /* SIZE_MAX: not known */
};

struct prometheus_asking {
	const struct prometheus_query *q;
	struct prometheus_client client;
	double start_s, step_s;
	size_t n_times;
	struct metric_index names, types;
	struct prometheus_row *rows;
	size_t n, cap;
	/* when the series of a target ({instance="…",job="…"}) were read, n_times each */
	struct metric_index clock_names, jobs;
	double **clocks;
	size_t n_clocks, cap_clocks;
	/* the question under way */
	const char *expression;
	bool selector, clock, target;
	size_t answered, first_row; /* series in this answer; of a target, its row */
	size_t off, empty, created, repeated, known;
	struct str name, warnings;
};

/* Counters become rates, steps without a new scrape gaps; says so in the notes. */
void prometheus_make_rates(struct prometheus_asking *a, struct series_set *out);

#endif

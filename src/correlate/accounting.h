/*
 * Exact accounts, before any correlation. Where a total is made of parts by known shares (the
 * overall response time is Σ share × time over endpoints, the total of layers their sum), its
 * change splits without a rest into latency (times that changed) and mix (shares that changed):
 * Kitagawa 1955, the mean of both orders (Shapley's value for two). And which series are parts of
 * which: their correlation is mechanical.
 */
#ifndef CULPRIT_CORRELATE_ACCOUNTING_H
#define CULPRIT_CORRELATE_ACCOUNTING_H

#include "correlate/series.h"

/* A part of a mean: its time and its throughput (weight). */
struct account_part {
	char *name;
	size_t time, weight; /* series; weight SIZE_MAX: a part of a sum */
};

struct account {
	size_t total; /* the series that they make */
	bool is_sum;  /* total = Σ time; else Σ time × weight / Σ weight */
	struct account_part *parts;
	size_t n;
	double fit; /* largest relative difference of the total from what the parts make */
};

/* Looks for it: parts by pairs of families (the same names in a family of times and one of
 * throughputs), or layers that sum up; kept where the fit is within 2 %. False: there is none. */
bool account_find(struct account *out, const struct series_set *s, size_t total);
void account_release(struct account *a);

/* The change of the total between two stretches of time, exactly: Σ latency + Σ mix = change. */
struct account_effect {
	size_t part;
	double latency, mix; /* in the unit of the total */
};
struct account_change {
	double before, after, change;
	struct account_effect *effects; /* one a part, by falling |latency + mix| */
	size_t n;
};
int account_explain(struct account_change *out, const struct series_set *s, const struct account *a,
	double before_from_s, double before_to_s, double from_s, double to_s, struct err *err);
void account_change_release(struct account_change *c);

/* Is this series a part of the total, or of its kind (mechanical)? */
bool account_has(const struct account *a, size_t series);

#endif

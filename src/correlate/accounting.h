/*
 * Exact accounts, before any correlation. Where a total is made of parts by known shares (the
 * overall response time is Σ share × time over endpoints, the total of layers their sum), its
 * change splits without a rest into latency (times that changed) and mix (shares that changed):
 * Kitagawa 1955, the mean of both orders (Shapley's value for two). And which series are parts of
 * which: their correlation is mechanical.
 */
#ifndef CULPRIT_CORRELATE_ACCOUNTING_H
#define CULPRIT_CORRELATE_ACCOUNTING_H

#include <jansson.h>

#include "correlate/series.h"

enum { ACCOUNT_MAX = 4 }; /* of one total */

/* A part of a mean: its time and its throughput (weight). */
struct account_part {
	char *name;
	size_t time, weight; /* series; weight SIZE_MAX: a part of a sum */
};

struct account {
	size_t total;  /* the series that they make */
	bool is_sum;   /* total = Σ time; else Σ time × weight / Σ weight */
	char *of, *by; /* families of the times and of the throughputs; `by` "": a sum */
	struct account_part *parts;
	size_t n;
	double fit; /* relative difference of the total from what the parts make, within which 99 %
		       of the times are */
};

/*
 * Looks for accounts of a total, up to ACCOUNT_MAX, the best fit first; returns how many. Families
 * whose series add up to it, and pairs of families with the same names in both (times and
 * throughputs). Kept where the fit is within 2 %. What is not known in a part counts as no request.
 */
size_t account_find(struct account out[ACCOUNT_MAX], const struct series_set *s, size_t total);
/* As a person says: "TIMES,THROUGHPUTS" or "PARTS", names of families. ERR_USAGE where there are no
 * such families, or they do not make the total. */
int account_say(struct account *out, const struct series_set *s, size_t total, const char *families,
	struct err *err);
void account_release(struct account *a);

/* Of a stretch of time: before to_s, not before from_s. */
struct account_stretch {
	double from_s, to_s;
};

/* The change of the total between two stretches, exactly: Σ latency + Σ mix = change. Both totals
 * are means over all requests of the stretch (of a sum: over its steps), as the parts make them. */
struct account_effect {
	size_t part;
	double latency, mix;  /* in the unit of the total; mix against the mean of all parts: a part
				 that is slower than it and has more of the requests is above 0 */
	double before, after; /* its own time */
	double share_before, share_after; /* of the requests; NaN in a sum */
};
struct account_change {
	struct account_stretch was, is;
	double before, after, change;
	double latency, mix;            /* of all */
	struct account_effect *effects; /* one a part, by falling |latency + mix| */
	size_t n;
};
/* ERR_INPUT where a stretch has no requests. */
int account_explain(struct account_change *out, const struct series_set *s, const struct account *a,
	const struct account_stretch *was, const struct account_stretch *is, struct err *err);
void account_change_release(struct account_change *c);

/* series_forget() of what a part is made of. */
void account_forget(const struct account_part *p, const struct series_set *s);

/* Is this series a part's time, so that it moves the total by construction? */
bool account_has(const struct account *a, size_t series);

/* marks[i]: the correlation of series i with the target is mechanical, as it is a part of it, or
 * made with it as a part. `accounts`: the target's. */
void account_mechanical(bool *marks, const struct series_set *s, size_t target,
	const struct account *accounts, size_t n);

/* An account with its change, for the stored run and --json. */
json_t *account_to_json(
	const struct account *a, const struct account_change *c, const struct series_set *s);
/* What account_to_json() wrote; released with account_release() and account_change_release().
 * `n_series`: how many there are that it may speak of. ERR_INPUT where it is anything else. */
int account_from_json(struct account *a, struct account_change *c, const json_t *json,
	size_t n_series, struct err *err);

#endif

/*
 * Which of many series moves with a target: coefficients with intervals, p-values that hold for
 * autocorrelated, heavy-tailed and volatile series, and q-values over all tests.
 *
 * The method (docs/methods.md): first differences; ranks as normal scores; what is slow or follows
 * the day taken out, and the target's autoregression out of both; Pearson's r of what is left; the
 * larger p of two tests, one with Bartlett's effective sample size, one with a Newey-West variance;
 * Benjamini-Hochberg over all series and lags. pearson-diff is the usual recipe (differences,
 * Pearson, Student's t), equal to scipy.stats.pearsonr, for comparison.
 *
 * Pure: a set in, a struct out.
 */
#ifndef CULPRIT_CORRELATE_CORRELATE_H
#define CULPRIT_CORRELATE_CORRELATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "correlate/series.h"

#define CORRELATE_METHODS(X)                                                                       \
	X(ROBUST, "robust",                                                                        \
		"differences, normal scores, the larger of Bartlett's and Newey-West's p")         \
	X(PEARSON_DIFF, "pearson-diff",                                                            \
		"differences, Pearson's r, Student's t: as pandas and scipy do")

enum correlate_method {
#define X(name, word, text) CORRELATE_##name,
	CORRELATE_METHODS(X)
#undef X
};
extern const char *const CORRELATE_METHOD_WORDS[]; /* ends with NULL */

enum {
	CORRELATE_PAIRS_MIN = 12, /* differences that both have; of fewer nothing is said */
	CORRELATE_GROUPED = 1000, /* the strongest findings that are grouped; fewer where their
				     scores would take more than 64 MiB */
	CORRELATE_SPARK = 60,     /* points of `shown` at most */
	CORRELATE_TOP = 8,        /* findings in `top` */
	CORRELATE_TOP_POINTS = 2000,
};

struct correlate_spec {
	size_t target;
	enum correlate_method method;
	size_t max_lag;    /* steps; 0: none */
	double fdr;        /* .05: q below it is a discovery */
	double confidence; /* .95, of the intervals */
	size_t given; /* a series whose part is taken out of both (partial correlation); SIZE_MAX */
	double group_at;  /* |r| among themselves from which series are one group; .9 */
	unsigned threads; /* 0: as many as cores */
};

struct correlate_row {
	size_t series;
	long lag;            /* steps that the series leads the target by (> 0: it moved before) */
	double r, low, high; /* coefficient and its interval at that lag */
	double p, q;         /* q over all series and all lags looked at */
	double share;    /* of the target's variance (of what is compared) that it explains: r² */
	double n_eff;    /* effective sample size (Bartlett) */
	size_t n;        /* pairs */
	size_t group;    /* index into groups; SIZE_MAX: alone */
	bool found;      /* q ≤ fdr */
	bool doubtful;   /* pearson-diff: found, but its assumptions do not hold (autocorrelation,
			    heavy tails, or volatility that both share): `robust` does not find it */
	bool mechanical; /* a part of the target, or a whole that it is part of (accounting.h); of a
			    load another measure of the same latencies */
};

struct correlate_group {
	size_t *members; /* rows, the strongest first */
	size_t n;
};

struct correlate_result {
	struct correlate_spec spec;
	char *target;
	struct correlate_row *rows; /* one a series that could be looked at, at its best lag:
				       found ones by falling |r|, then the others by rising q */
	size_t n;
	size_t tests;                       /* series × lags */
	size_t constant, duplicate, short_; /* series that were left out */
	struct correlate_group *groups;
	size_t n_groups;
	size_t n_found;
	/* What a report needs of the series, also of a stored run, whose set is gone. */
	struct series_set shown; /* all of them, with the indices that rows have; values (means of
				    up to CORRELATE_SPARK stretches) of the target and of found
				    rows, else NULL */
	struct series_set top;   /* the target, then the strongest found rows: the values as they
				    are, means where there are more than CORRELATE_TOP_POINTS */
	size_t top_series[CORRELATE_TOP + 1]; /* which series those are */
};

int correlate_run(struct correlate_result *out, const struct series_set *s,
	const struct correlate_spec *spec, struct err *err);
void correlate_release(struct correlate_result *r);

/* The coefficient at each lag from −max_lag to max_lag (2 max_lag + 1 values), for a plot; NaN
 * where there are fewer than CORRELATE_PAIRS_MIN pairs. */
void correlate_lags(
	const struct series_set *s, const struct correlate_spec *spec, size_t series, double *r);

/* r of all with all, n × n, through BLAS (dsyrk) on standardised scores; pairs complete where there
 * are gaps; NaN where one does not vary. ERR_INPUT where it would take more than memory_bytes.
 * Freed with free(). */
int correlate_matrix(double **out, const struct series_set *s, enum correlate_method method,
	uint64_t memory_bytes, struct err *err);

json_t *correlate_to_json(const struct correlate_result *r);
/* What correlate_to_json() wrote; released with correlate_release(). ERR_INPUT where it is anything
 * else. */
int correlate_from_json(struct correlate_result *out, const json_t *json, struct err *err);

/* ---- parts, for tests and others ---- */

/* Normal scores of the ranks (ties: mean rank) of n values, NaN kept: Φ⁻¹((rank − 3/8) / (n +
 * 1/4)), Blom 1958. */
void correlate_scores(const double *values, size_t n, double *out);
/* Two-sided p of Pearson's r from n pairs: as scipy, to 1e-9 down to 1e-300. */
double correlate_pearson_p(double r, size_t n);
/* p → q in place (Benjamini and Hochberg 1995). */
void correlate_bh(double *p, size_t n);

#endif

/*
 * HDR histogram of durations in nanoseconds (Tene, HdrHistogram): buckets that double in width,
 * 2,048 linear steps each, so that every recorded value is kept to better than 0.1 %. Fixed memory,
 * one writer; merged after the measurement.
 */
#ifndef CULPRIT_STATS_HIST_H
#define CULPRIT_STATS_HIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Values of 2^HIST_MAX_BITS ns (about 73 minutes) and more count as the largest. */
enum {
	HIST_SUB_BITS = 11,
	HIST_MAX_BITS = 42,
	HIST_BUCKETS = (HIST_MAX_BITS - HIST_SUB_BITS + 2) << (HIST_SUB_BITS - 1)
};

struct hist {
	uint64_t *counts; /* HIST_BUCKETS */
	uint64_t n, min, max;
	double sum, sum_squares; /* exact mean and deviation, ns */
};

void hist_init(struct hist *h);
void hist_release(struct hist *h);
void hist_clear(struct hist *h);
void hist_merge(struct hist *into, const struct hist *from);

static inline size_t hist_index(uint64_t ns)
{
	if (ns >> HIST_MAX_BITS)
		ns = (UINT64_C(1) << HIST_MAX_BITS) - 1;
	unsigned bits = 64 - (unsigned)__builtin_clzll(ns | ((UINT64_C(1) << HIST_SUB_BITS) - 1));
	unsigned shift = bits - HIST_SUB_BITS;

	return ((size_t)shift << (HIST_SUB_BITS - 1)) + (size_t)(ns >> shift);
}

static inline void hist_record(struct hist *h, uint64_t ns)
{
	h->counts[hist_index(ns)]++;
	h->n++;
	h->min = ns < h->min ? ns : h->min;
	h->max = ns > h->max ? ns : h->max;
	h->sum += (double)ns;
	h->sum_squares += (double)ns * (double)ns;
}

/* The value below or at which `percent` (0 … 100) of the records lie, as HdrHistogram reads it (the
 * highest equivalent value, at most the true maximum), ns; 0 when empty. */
uint64_t hist_percentile(const struct hist *h, double percent);
double hist_mean(const struct hist *h); /* ns; NaN when empty */
double hist_stddev(const struct hist *h);

/* Appends the buckets that hold anything, in order, as "GAP:COUNT" with the distance from the
 * bucket before (the first: from bucket −1), or COUNT alone where that is 1; docs/load.md has the
 * form. */
void hist_write_buckets(struct str *out, const struct hist *h);

/* The lowest and highest values that fall into a bucket. */
uint64_t hist_bucket_low(size_t index);
uint64_t hist_bucket_high(size_t index);

#endif

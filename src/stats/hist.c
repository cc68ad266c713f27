#include "stats/hist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void hist_init(struct hist *h)
{
	*h = (struct hist){.min = UINT64_MAX};
	h->counts = mem_zalloc(HIST_BUCKETS, sizeof(*h->counts));
}

void hist_release(struct hist *h)
{
	free(h->counts);
	*h = (struct hist){.min = UINT64_MAX};
}

/* Only the buckets between the smallest and the largest record can hold anything, so that clearing
 * and merging once a second costs next to nothing. */
void hist_clear(struct hist *h)
{
	if (h->n) {
		size_t low = hist_index(h->min), high = hist_index(h->max);

		memset(h->counts + low, 0, (high - low + 1) * sizeof(*h->counts));
	}
	*h = (struct hist){.counts = h->counts, .min = UINT64_MAX};
}

void hist_merge(struct hist *into, const struct hist *from)
{
	if (!from->n)
		return;
	for (size_t i = hist_index(from->min); i <= hist_index(from->max); i++)
		into->counts[i] += from->counts[i];
	into->n += from->n;
	into->min = from->min < into->min ? from->min : into->min;
	into->max = from->max > into->max ? from->max : into->max;
	into->sum += from->sum;
	into->sum_squares += from->sum_squares;
}

uint64_t hist_bucket_low(size_t index)
{
	size_t half = (size_t)1 << (HIST_SUB_BITS - 1);
	unsigned shift = index < 2 * half ? 0 : (unsigned)(index / half - 1);

	return (uint64_t)(index - shift * half) << shift;
}

uint64_t hist_bucket_high(size_t index)
{
	return hist_bucket_low(index + 1) - 1;
}

uint64_t hist_percentile(const struct hist *h, double percent)
{
	/* A percentage such as 99.9 has no exact double; the tolerance keeps the rank of a whole
	 * number of records from being rounded up past it. */
	double wanted = ceil(percent / 100 * (double)h->n * (1 - 1e-12));
	uint64_t seen = 0;

	if (!h->n)
		return 0;
	for (size_t i = hist_index(h->min); i <= hist_index(h->max); i++) {
		seen += h->counts[i];
		if (seen && (double)seen >= wanted) {
			uint64_t high = hist_bucket_high(i);

			return high < h->max ? high : h->max;
		}
	}
	return h->max;
}

double hist_mean(const struct hist *h)
{
	return h->n ? h->sum / (double)h->n : NAN;
}

double hist_stddev(const struct hist *h)
{
	double n = (double)h->n, mean = hist_mean(h), variance;

	if (h->n < 2)
		return NAN;
	variance = (h->sum_squares - n * mean * mean) / (n - 1);
	return variance > 0 ? sqrt(variance) : 0;
}

void hist_write_buckets(struct str *out, const struct hist *h)
{
	size_t last = 0;

	for (size_t i = 0; h->n && h->counts && i < HIST_BUCKETS; i++) {
		if (!h->counts[i])
			continue;
		if (last)
			str_add_char(out, ' ');
		if (i + 1 - last != 1)
			str_addf(out, "%zu:", i + 1 - last);
		str_addf(out, "%llu", (unsigned long long)h->counts[i]);
		last = i + 1;
	}
}

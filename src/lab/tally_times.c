/* The histograms of service times, as /counters shows them. */
#include "lab/tally.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"

/* A copy that nobody adds to; its least and largest values are known to a bucket. */
static void copy(const struct tally_times *times, struct hist *h)
{
	hist_init(h);
	for (size_t i = 0; i < HIST_BUCKETS; i++) {
		uint64_t n = tally_get(&times->counts[i]);

		if (!n)
			continue;
		if (!h->n)
			h->min = hist_bucket_low(i);
		h->max = hist_bucket_high(i);
		h->counts[i] = n;
		h->n += n;
	}
	h->sum = (double)tally_get(&times->sum_ns);
}

static json_t *milliseconds(const struct hist *h)
{
	static const struct {
		const char *name;
		double percent;
	} PERCENTS[] = {{"p50", 50}, {"p75", 75}, {"p90", 90}, {"p95", 95}, {"p99", 99},
		{"p99_9", 99.9}, {"p99_99", 99.99}};
	json_t *o = json_object();

	json_object_set_new(o, "count", json_integer((json_int_t)h->n));
	json_object_set_new(o, "mean", json_number(hist_mean(h) / NS_PER_MS));
	json_object_set_new(o, "min", json_number((double)h->min / NS_PER_MS));
	for (size_t i = 0; i < sizeof(PERCENTS) / sizeof(PERCENTS[0]); i++)
		json_object_set_new(o, PERCENTS[i].name,
			json_number((double)hist_percentile(h, PERCENTS[i].percent) / NS_PER_MS));
	json_object_set_new(o, "max", json_number((double)h->max / NS_PER_MS));
	return o;
}

static json_t *buckets(const struct hist *h)
{
	struct str text = STR_INIT;
	json_t *o = json_object();

	hist_write_buckets(&text, h);
	json_object_set_new(o, "sub_bits", json_integer(HIST_SUB_BITS));
	json_object_set_new(o, "buckets", json_string(str_text(&text)));
	str_release(&text);
	return o;
}

void tally_times_to_json(const struct tally_times *times, json_t *into)
{
	struct hist h;

	copy(times, &h);
	if (h.n) {
		json_object_set_new(into, "service_ms", milliseconds(&h));
		json_object_set_new(into, "histogram", buckets(&h));
	}
	hist_release(&h);
}

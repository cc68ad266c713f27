/* The counters as Prometheus reads them: its own text format, or OpenMetrics (which differs in the
 * names of types and in its end). */
#include "lab/tally.h"

#include "base/str.h"

const uint64_t TALLY_BOUNDS_NS[TALLY_BUCKETS - 1] = {1000000, 2500000, 5000000, 10000000, 25000000,
	50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000};
static const char *const BOUNDS[TALLY_BUCKETS] = {"0.001", "0.0025", "0.005", "0.01", "0.025",
	"0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf"};

struct writing {
	const struct tally *t;
	struct str *out;
	bool open_metrics;
};

static void type(const struct writing *w, const char *name, const char *is, const char *help)
{
	bool total = is[0] == 'c' && !w->open_metrics;

	str_addf(w->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, total ? "_total" : "", help,
		name, total ? "_total" : "", is);
}

static uint64_t sum_at(const struct tally *t, size_t offset)
{
	uint64_t sum = 0, n = tally_get(&t->n_slots);

	for (uint64_t i = 0; i < n; i++)
		sum += tally_get((const uint64_t *)((const char *)&t->slots[i] + offset));
	return sum;
}

#define SUM(field) sum_at(w->t, offsetof(struct tally_slot, field))

static void answers(const struct writing *w, const char *const *routes)
{
	type(w, "lab_answers", "counter", "Answers, by route and status.");
	for (size_t r = 0; routes[r]; r++)
		for (size_t code = 0; code < TALLY_STATUSES; code++) {
			uint64_t n = SUM(status[r][code]);

			/* 200 from the start, so that its first one is a growth */
			if (n || code == 200)
				str_addf(w->out,
					"lab_answers_total{route=\"%s\",code=\"%zu\"} %llu\n",
					routes[r], code, (unsigned long long)n);
		}
}

static void times(const struct writing *w, const char *const *routes)
{
	type(w, "lab_answer_seconds", "histogram",
		"From a request's last byte until its answer was handed over.");
	for (size_t r = 0; routes[r]; r++) {
		uint64_t n = 0;

		for (size_t b = 0; b < TALLY_BUCKETS; b++) {
			n += SUM(buckets[r][b]);
			str_addf(w->out, "lab_answer_seconds_bucket{route=\"%s\",le=\"%s\"} %llu\n",
				routes[r], BOUNDS[b], (unsigned long long)n);
		}
		str_addf(w->out,
			"lab_answer_seconds_count{route=\"%s\"} %llu\n"
			"lab_answer_seconds_sum{route=\"%s\"} %.9g\n",
			routes[r], (unsigned long long)n, routes[r],
			(double)SUM(answer_ns[r]) / 1e9);
	}
}

static void counter(const struct writing *w, const char *name, const char *help, double value)
{
	type(w, name, "counter", help);
	str_addf(w->out, "%s_total %.15g\n", name, value);
}

static void gauge(const struct writing *w, const char *name, const char *help, double value)
{
	type(w, name, "gauge", help);
	str_addf(w->out, "%s %.15g\n", name, value);
}

void tally_to_metrics(
	const struct tally *t, const char *const *routes, bool open_metrics, struct str *out)
{
	struct writing writing = {t, out, open_metrics}, *w = &writing;
	uint64_t serving = 0, closed = SUM(closed), accepted = SUM(accepted);

	for (uint64_t i = 0; i < tally_get(&t->n_slots); i++)
		serving += tally_get(&t->slots[i].state) == SLOT_SERVING;
	answers(w, routes);
	times(w, routes);
	type(w, "lab_requests", "counter", "Requests, by route.");
	for (size_t r = 0; routes[r]; r++)
		str_addf(out, "lab_requests_total{route=\"%s\"} %llu\n", routes[r],
			(unsigned long long)SUM(received[r]));
	counter(w, "lab_bytes_in", "Bytes of requests.", (double)SUM(bytes_in));
	counter(w, "lab_bytes_out", "Bytes of answers.", (double)SUM(bytes_out));
	counter(w, "lab_connections", "Connections that were taken.", (double)accepted);
	counter(w, "lab_cpu_seconds", "Time that was used computing.", (double)SUM(cpu_ns) / 1e9);
	counter(w, "lab_slept_seconds", "Time that was slept.", (double)SUM(slept_ns) / 1e9);
	gauge(w, "lab_connections_open", "Connections that are open.",
		accepted > closed ? (double)(accepted - closed) : 0);
	gauge(w, "lab_workers", "Workers that serve.", (double)serving);
	if (open_metrics)
		str_add(out, "# EOF\n");
}

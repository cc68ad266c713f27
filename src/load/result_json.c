/*
 * A result as JSON, and its seconds as CSV; result_read.c reads it back. The form is documented in
 * docs/load.md and stable: names carry their unit, times that people read are in milliseconds. The
 * histograms go along, so that a stored run can be drawn and merged later.
 */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/json.h"
#include "base/str.h"
#include "load/load.h"

static const char *const LIMITS[] = {"none", "cpu", "late", "connections"};

static const struct percent {
	const char *name;
	double percent;
} PERCENTS[] = {
	{"p50", 50},
	{"p75", 75},
	{"p90", 90},
	{"p95", 95},
	{"p99", 99},
	{"p99_9", 99.9},
	{"p99_99", 99.99},
};

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *milliseconds(bool known, double ns)
{
	return known ? json_number(ns / NS_PER_MS) : json_null();
}

/* Without counts (a target beyond the first few) there are no percentiles. */
static json_t *times_to_json(const struct hist *h)
{
	json_t *o = json_object();
	bool any = h->n > 0;

	json_object_set_new(o, "count", count(h->n));
	json_object_set_new(o, "mean", milliseconds(any, any ? hist_mean(h) : 0));
	json_object_set_new(o, "stddev", milliseconds(any, any ? hist_stddev(h) : 0));
	json_object_set_new(o, "min", milliseconds(any, (double)h->min));
	for (size_t i = 0; i < sizeof(PERCENTS) / sizeof(PERCENTS[0]); i++) {
		bool known = any && h->counts;

		json_object_set_new(o, PERCENTS[i].name,
			milliseconds(known,
				known ? (double)hist_percentile(h, PERCENTS[i].percent) : 0));
	}
	json_object_set_new(o, "max", milliseconds(any, (double)h->max));
	return o;
}

static json_t *hist_to_json(const struct hist *h)
{
	struct str text = STR_INIT;
	json_t *o = json_object();
	bool counted = h->counts || !h->n;

	hist_write_buckets(&text, h);
	json_object_set_new(o, "sub_bits", json_integer(HIST_SUB_BITS));
	json_object_set_new(o, "buckets", counted ? json_string(str_text(&text)) : json_null());
	json_object_set_new(o, "count", count(h->n));
	json_object_set_new(o, "min_ns", count(h->n ? h->min : 0));
	json_object_set_new(o, "max_ns", count(h->max));
	json_object_set_new(o, "sum_ns", json_real(h->sum));
	json_object_set_new(o, "sum_squares_ns2", json_real(h->sum_squares));
	str_release(&text);
	return o;
}

static json_t *errors_to_json(const uint64_t *errors, bool all)
{
	json_t *o = json_object();

	for (int i = 0; i < LOAD_N_ERRORS; i++)
		if (all || errors[i])
			json_object_set_new(o, LOAD_ERROR_WORDS[i], count(errors[i]));
	return o;
}

static json_t *status_to_json(const uint64_t *status)
{
	json_t *o = json_object();
	char name[16];

	for (unsigned i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "%u", i);
		if (status[i])
			json_object_set_new(o, name, count(status[i]));
	}
	return o;
}

/* Counted from the first second that was kept; its start_s is negative in a warm-up by rule. */
static double second_of(const struct load_result *r, size_t i)
{
	return floor(r->series[i].start_s - r->series[0].start_s + .5) + 1;
}

static json_t *series_to_json(const struct load_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_series; i++) {
		const struct load_second *s = &r->series[i];
		json_t *o = json_object();

		json_object_set_new(o, "second", json_integer((json_int_t)second_of(r, i)));
		json_object_set_new(o, "start_s", json_number(s->start_s));
		json_object_set_new(o, "seconds", json_number(s->seconds));
		json_object_set_new(o, "started", count(s->started));
		json_object_set_new(o, "completed", count(s->completed));
		json_object_set_new(o, "errors", count(s->errors));
		json_object_set_new(o, "asked_rate", json_number(s->asked_rate));
		json_object_set_new(o, "mean_latency_ms", json_number(s->mean_latency_s * 1e3));
		json_object_set_new(o, "p50_ms", json_number(s->p50_s * 1e3));
		json_object_set_new(o, "p99_ms", json_number(s->p99_s * 1e3));
		json_object_set_new(o, "max_ms", json_number(s->max_s * 1e3));
		json_object_set_new(o, "late_p99_ms", json_number(s->late_p99_s * 1e3));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *targets_to_json(const struct load_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_targets; i++) {
		const struct load_target *t = &r->targets[i];
		json_t *o = json_object();

		json_object_set_new(o, "name", json_string(t->name));
		json_object_set_new(o, "completed", count(t->completed));
		json_object_set_new(o, "requests_per_second", json_number(t->requests_per_second));
		json_object_set_new(o, "failed", count(t->n_errors));
		json_object_set_new(o, "errors", errors_to_json(t->errors, false));
		json_object_set_new(o, "latency_ms", times_to_json(&t->latency));
		json_object_set_new(o, "histogram", hist_to_json(&t->latency));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *checks_to_json(const struct load_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_checks; i++) {
		json_t *o = json_object();

		json_object_set_new(o, "name", json_string(r->checks[i].name));
		json_object_set_new(o, "passed", count(r->checks[i].passed));
		json_object_set_new(o, "failed", count(r->checks[i].failed));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *whole_run_to_json(const struct load_result *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "started", count(r->started));
	json_object_set_new(o, "finished", count(r->finished));
	json_object_set_new(o, "unfinished", count(r->unfinished));
	json_object_set_new(o, "connects", count(r->connects));
	json_object_set_new(o, "tls_handshakes", count(r->handshakes));
	json_object_set_new(o, "tls_resumed", count(r->resumed));
	json_object_set_new(o, "bytes_in", count(r->bytes_in));
	json_object_set_new(o, "bytes_out", count(r->bytes_out));
	json_object_set_new(o, "errors", errors_to_json(r->errors_all, true));
	json_object_set_new(o, "status", status_to_json(r->status_all));
	return o;
}

/* What was judged, in slices of 100 ms: answers in the closed loop, mean latency in the open one.
 * Half the interval's width also relative, since that is what people say. */
static json_t *steady_to_json(const struct load_spec *spec, const struct steady *s)
{
	bool open = spec->rate > 0 || spec->stages;
	json_t *o = json_object();

	json_object_set_new(o, "of", json_string(open ? "latency" : "rate"));
	json_object_set_new(o, "known", json_boolean(s->known));
	json_object_set_new(o, "slice_mean", json_number(s->known ? s->mean : NAN));
	json_object_set_new(o, "slice_half_width", json_number(s->known ? s->half_width : NAN));
	json_object_set_new(o, "half_width_percent",
		json_number(s->known ? 100 * s->half_width / s->mean : NAN));
	json_object_set_new(o, "drift", json_number(s->known ? s->drift : NAN));
	json_object_set_new(o, "drifts", json_boolean(s->drifts));
	return o;
}

static json_t *engine_to_json(const struct load_result *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "threads", json_integer(r->threads));
	json_object_set_new(o, "cpu_seconds", json_number(r->cpu_seconds));
	json_object_set_new(o, "cpu_us_per_request",
		json_number(r->finished ? r->cpu_seconds * 1e6 / (double)r->finished : NAN));
	json_object_set_new(o, "busiest_core", json_number(r->busiest_core));
	return o;
}

static json_t *warmup_to_json(const struct load_result *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "seconds", json_number(r->warmup_s));
	json_object_set_new(o, "by_rule", json_boolean(r->warmup_ruled));
	return o;
}

static json_t *tls_to_json(const struct load_result *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "version", json_string(r->tls_version));
	json_object_set_new(o, "cipher", json_string(r->tls_cipher));
	return o;
}

static void add_times(json_t *o, const struct load_result *r)
{
	const struct {
		const char *name, *key;
		const struct hist *h;
	} all[] = {{"latency", "latency_ms", &r->latency},
		{"from_send", "from_send_ms", &r->from_send},
		{"first_byte", "first_byte_ms", &r->first_byte},
		{"connect", "connect_ms", &r->connect}, {"tls", "tls_ms", &r->tls},
		{"late", "late_ms", &r->late}};
	json_t *histograms = json_object();

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		json_object_set_new(o, all[i].key, times_to_json(all[i].h));
		json_object_set_new(histograms, all[i].name, hist_to_json(all[i].h));
	}
	json_object_set_new(o, "histograms", histograms);
}

json_t *load_to_json(const struct load_spec *spec, const struct load_result *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "asked", load_spec_to_json(spec));
	json_object_set_new(o, "requests_per_second", json_number(r->requests_per_second));
	json_object_set_new(o, "completed", count(r->completed));
	json_object_set_new(o, "seconds", json_number(r->seconds));
	json_object_set_new(o, "warmup", warmup_to_json(r));
	json_object_set_new(o, "steady", steady_to_json(spec, &r->steady));
	json_object_set_new(o, "limit", json_string(LIMITS[load_limit(r)]));
	json_object_set_new(o, "ended", json_string(LOAD_ENDING_WORDS[r->ended]));
	json_object_set_new(o, "stopped", json_boolean(r->stopped));
	json_object_set_new(o, "failed", count(r->n_errors));
	json_object_set_new(o, "failed_percent", json_number(100 * load_error_fraction(r)));
	json_object_set_new(o, "errors", errors_to_json(r->errors, true));
	json_object_set_new(o, "status", status_to_json(r->status));
	json_object_set_new(o, "waited", count(r->waited));
	json_object_set_new(o, "protocol", json_string(r->protocol));
	json_object_set_new(o, "tls", r->tls_version[0] ? tls_to_json(r) : json_null());
	json_object_set_new(o, "tls_failure", r->why[0] ? json_string(r->why) : json_null());
	json_object_set_new(
		o, "malformed", r->malformed[0] ? json_string(r->malformed) : json_null());
	json_object_set_new(o, "targets", targets_to_json(r));
	json_object_set_new(o, "checks", checks_to_json(r));
	json_object_set_new(o, "whole_run", whole_run_to_json(r));
	json_object_set_new(o, "engine", engine_to_json(r));
	json_object_set_new(o, "series", series_to_json(r));
	add_times(o, r);
	return o;
}

void load_to_csv(struct str *out, const struct load_result *r)
{
	str_add(out, "second,completed,errors,mean_latency_ms,p99_ms,p50_ms,max_ms,start_s,seconds,"
		     "started,asked_rate,late_p99_ms\n");
	for (size_t i = 0; i < r->n_series; i++) {
		const struct load_second *s = &r->series[i];

		str_addf(out, "%.0f,%llu,%llu", second_of(r, i), (unsigned long long)s->completed,
			(unsigned long long)s->errors);
		csv_put_number(out, false, s->mean_latency_s * 1e3);
		csv_put_number(out, false, s->p99_s * 1e3);
		csv_put_number(out, false, s->p50_s * 1e3);
		csv_put_number(out, false, s->max_s * 1e3);
		csv_put_number(out, false, s->start_s);
		csv_put_number(out, false, s->seconds);
		str_addf(out, ",%llu", (unsigned long long)s->started);
		csv_put_number(out, false, s->asked_rate);
		csv_put_number(out, false, s->late_p99_s * 1e3);
		str_add_char(out, '\n');
	}
}

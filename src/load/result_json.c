/*
 * A result as JSON and back, and its seconds as CSV. The form is documented in docs/load.md and
 * stable: names carry their unit, times that people read are in milliseconds. The histograms go
 * along, so that a stored run can be drawn and merged later.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "load/load.h"

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

static json_t *milliseconds(const struct hist *h, double ns)
{
	return h->n ? json_number(ns / NS_PER_MS) : json_null();
}

static json_t *times_to_json(const struct hist *h)
{
	json_t *o = json_object();

	json_object_set_new(o, "count", count(h->n));
	json_object_set_new(o, "mean", milliseconds(h, hist_mean(h)));
	json_object_set_new(o, "stddev", milliseconds(h, hist_stddev(h)));
	json_object_set_new(o, "min", milliseconds(h, (double)h->min));
	for (size_t i = 0; i < sizeof(PERCENTS) / sizeof(PERCENTS[0]); i++)
		json_object_set_new(o, PERCENTS[i].name,
			milliseconds(h, (double)hist_percentile(h, PERCENTS[i].percent)));
	json_object_set_new(o, "max", milliseconds(h, (double)h->max));
	return o;
}

/* The buckets that hold anything, in order, as "GAP:COUNT" with the distance from the bucket before
 * (the first: from bucket −1), or COUNT alone where that is 1. */
static json_t *hist_to_json(const struct hist *h)
{
	struct str text = STR_INIT;
	size_t last = 0;
	json_t *o = json_object();

	for (size_t i = 0; h->n && i < HIST_BUCKETS; i++) {
		if (!h->counts[i])
			continue;
		if (text.len)
			str_add_char(&text, ' ');
		if (i + 1 - last != 1)
			str_addf(&text, "%zu:", i + 1 - last);
		str_addf(&text, "%llu", (unsigned long long)h->counts[i]);
		last = i + 1;
	}
	json_object_set_new(o, "sub_bits", json_integer(HIST_SUB_BITS));
	json_object_set_new(o, "buckets", json_string(str_text(&text)));
	json_object_set_new(o, "min_ns", count(h->n ? h->min : 0));
	json_object_set_new(o, "max_ns", count(h->max));
	json_object_set_new(o, "sum_ns", json_real(h->sum));
	json_object_set_new(o, "sum_squares_ns2", json_real(h->sum_squares));
	str_release(&text);
	return o;
}

static json_t *errors_to_json(const uint64_t *errors)
{
	json_t *o = json_object();

	for (int i = 0; i < LOAD_N_ERRORS; i++)
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

static json_t *series_to_json(const struct load_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_series; i++) {
		const struct load_second *s = &r->series[i];
		json_t *o = json_object();

		json_object_set_new(o, "second", json_integer((json_int_t)i + 1));
		json_object_set_new(o, "completed", count(s->completed));
		json_object_set_new(o, "errors", count(s->errors));
		json_object_set_new(o, "mean_latency_ms", json_number(s->mean_latency_s * 1e3));
		json_object_set_new(o, "p99_ms", json_number(s->p99_s * 1e3));
		json_array_append_new(list, o);
	}
	return list;
}

json_t *load_spec_to_json(const struct load_spec *spec)
{
	json_t *o = json_object(), *headers = json_array();

	for (size_t i = 0; i < spec->headers.n; i++)
		json_array_append_new(headers, json_string(spec->headers.items[i]));
	json_object_set_new(o, "url", json_string(spec->url ? spec->url : ""));
	json_object_set_new(o, "method", json_string(spec->method));
	json_object_set_new(o, "headers", headers);
	json_object_set_new(o, "body", spec->body ? json_string(spec->body) : json_null());
	json_object_set_new(o, "connections", json_integer(spec->connections));
	json_object_set_new(o, "threads", json_integer(spec->threads));
	json_object_set_new(o, "requests", json_integer(spec->requests));
	json_object_set_new(o, "duration_s", json_real((double)spec->duration_ns / NS_PER_S));
	json_object_set_new(o, "warmup_s", json_real((double)spec->warmup_ns / NS_PER_S));
	json_object_set_new(o, "timeout_s", json_real((double)spec->timeout_ns / NS_PER_S));
	json_object_set_new(o, "drain_s", json_real((double)spec->drain_ns / NS_PER_S));
	json_object_set_new(o, "keepalive", json_boolean(spec->keepalive));
	return o;
}

static json_t *whole_run_to_json(const struct load_result *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "started", count(r->started));
	json_object_set_new(o, "finished", count(r->finished));
	json_object_set_new(o, "unfinished", count(r->unfinished));
	json_object_set_new(o, "connects", count(r->connects));
	json_object_set_new(o, "bytes_in", count(r->bytes_in));
	json_object_set_new(o, "bytes_out", count(r->bytes_out));
	json_object_set_new(o, "errors", errors_to_json(r->errors_all));
	json_object_set_new(o, "status", status_to_json(r->status_all));
	return o;
}

json_t *load_to_json(const struct load_spec *spec, const struct load_result *r)
{
	json_t *o = json_object(), *engine = json_object(), *histograms = json_object();

	json_object_set_new(engine, "threads", json_integer(r->threads));
	json_object_set_new(engine, "cpu_seconds", json_number(r->cpu_seconds));
	json_object_set_new(engine, "cpu_us_per_request",
		json_number(r->finished ? r->cpu_seconds * 1e6 / (double)r->finished : NAN));
	json_object_set_new(engine, "busiest_core", json_number(r->busiest_core));
	json_object_set_new(histograms, "latency", hist_to_json(&r->latency));
	json_object_set_new(histograms, "connect", hist_to_json(&r->connect));

	json_object_set_new(o, "asked", load_spec_to_json(spec));
	json_object_set_new(o, "requests_per_second", json_number(r->requests_per_second));
	json_object_set_new(o, "completed", count(r->completed));
	json_object_set_new(o, "seconds", json_number(r->seconds));
	json_object_set_new(o, "stopped", json_boolean(r->stopped));
	json_object_set_new(o, "latency_ms", times_to_json(&r->latency));
	json_object_set_new(o, "connect_ms", times_to_json(&r->connect));
	json_object_set_new(o, "failed", count(r->n_errors));
	json_object_set_new(o, "failed_percent", json_number(100 * load_error_fraction(r)));
	json_object_set_new(o, "errors", errors_to_json(r->errors));
	json_object_set_new(o, "status", status_to_json(r->status));
	json_object_set_new(o, "whole_run", whole_run_to_json(r));
	json_object_set_new(o, "engine", engine);
	json_object_set_new(o, "series", series_to_json(r));
	json_object_set_new(o, "histograms", histograms);
	return o;
}

void load_to_csv(struct str *out, const struct load_result *r)
{
	str_add(out, "second,completed,errors,mean_latency_ms,p99_ms\n");
	for (size_t i = 0; i < r->n_series; i++) {
		const struct load_second *s = &r->series[i];

		str_addf(out, "%zu,%llu,%llu", i + 1, (unsigned long long)s->completed,
			(unsigned long long)s->errors);
		csv_put_number(out, false, s->mean_latency_s * 1e3);
		csv_put_number(out, false, s->p99_s * 1e3);
		str_add_char(out, '\n');
	}
}

static uint64_t count_at(const json_t *o, const char *key)
{
	int64_t n = json_int_at(o, key);

	return n > 0 ? (uint64_t)n : 0;
}

/* Digits at *p, below 2^60. */
static bool read_count(const char **p, uint64_t *out)
{
	const char *start = *p;

	*out = 0;
	for (; **p >= '0' && **p <= '9'; ++*p) {
		if (*out >> 56)
			return false;
		*out = *out * 10 + (uint64_t)(**p - '0');
	}
	return *p > start;
}

static bool read_buckets(struct hist *h, const char *p)
{
	uint64_t at = 0, gap, n;

	while (*p) {
		gap = 1;
		if (!read_count(&p, &n))
			return false;
		if (*p == ':') {
			gap = n;
			p++;
			if (!read_count(&p, &n))
				return false;
		}
		if (!gap || gap > HIST_BUCKETS - at || !n || (*p && *p != ' '))
			return false;
		at += gap;
		h->counts[at - 1] = n;
		h->n += n;
		p += *p == ' ';
	}
	return true;
}

static int hist_from_json(struct hist *h, const json_t *o, const char *name, struct err *err)
{
	bool same = json_int_at(o, "sub_bits") == HIST_SUB_BITS;

	hist_init(h);
	if (!same || !read_buckets(h, json_text_at(o, "buckets")))
		return err_set(err, ERR_INPUT,
			"histograms.%s: this is no histogram as this version writes them", name);
	if (!h->n)
		return 0;
	h->min = count_at(o, "min_ns");
	h->max = count_at(o, "max_ns");
	h->sum = json_number_at(o, "sum_ns");
	h->sum_squares = json_number_at(o, "sum_squares_ns2");
	/* Reading percentiles relies on these two. */
	if (h->min > h->max || !h->counts[hist_index(h->min)] || !h->counts[hist_index(h->max)])
		return err_set(err, ERR_INPUT,
			"histograms.%s: min_ns and max_ns do not fit the buckets", name);
	return 0;
}

static void errors_from_json(uint64_t *errors, const json_t *o)
{
	for (int i = 0; i < LOAD_N_ERRORS; i++)
		errors[i] = count_at(o, LOAD_ERROR_WORDS[i]);
}

static void status_from_json(uint64_t *status, const json_t *o)
{
	char name[16];

	for (unsigned i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "%u", i);
		status[i] = count_at(o, name);
	}
}

static void series_from_json(struct load_result *out, const json_t *list)
{
	out->n_series = json_array_size(list);
	out->series = mem_zalloc(out->n_series + 1, sizeof(*out->series));
	for (size_t i = 0; i < out->n_series; i++) {
		const json_t *s = json_array_get(list, i);

		out->series[i] = (struct load_second){.completed = count_at(s, "completed"),
			.errors = count_at(s, "errors"),
			.mean_latency_s = json_number_at(s, "mean_latency_ms") / 1e3,
			.p99_s = json_number_at(s, "p99_ms") / 1e3};
	}
}

int load_from_json(struct load_result *out, const json_t *json, struct err *err)
{
	const json_t *whole = json_object_get(json, "whole_run");
	const json_t *engine = json_object_get(json, "engine");
	const json_t *histograms = json_object_get(json, "histograms");
	int rc;

	*out = (struct load_result){0};
	if (!json_is_object(whole) || !json_is_object(engine) || !json_is_object(histograms))
		return err_set(err, ERR_INPUT,
			"this is no result of a load: whole_run, engine or histograms is missing");
	rc = hist_from_json(&out->latency, json_object_get(histograms, "latency"), "latency", err);
	if (!rc)
		rc = hist_from_json(
			&out->connect, json_object_get(histograms, "connect"), "connect", err);
	if (rc) {
		load_result_release(out);
		return rc;
	}
	out->started = count_at(whole, "started");
	out->finished = count_at(whole, "finished");
	out->unfinished = count_at(whole, "unfinished");
	out->connects = count_at(whole, "connects");
	out->bytes_in = count_at(whole, "bytes_in");
	out->bytes_out = count_at(whole, "bytes_out");
	errors_from_json(out->errors_all, json_object_get(whole, "errors"));
	status_from_json(out->status_all, json_object_get(whole, "status"));
	out->seconds = json_number_at(json, "seconds");
	out->completed = count_at(json, "completed");
	out->requests_per_second = json_number_at(json, "requests_per_second");
	errors_from_json(out->errors, json_object_get(json, "errors"));
	out->n_errors = count_at(json, "failed");
	status_from_json(out->status, json_object_get(json, "status"));
	out->cpu_seconds = json_number_at(engine, "cpu_seconds");
	out->busiest_core = json_number_at(engine, "busiest_core");
	out->threads = (unsigned)count_at(engine, "threads");
	out->stopped = json_is_true(json_object_get(json, "stopped"));
	series_from_json(out, json_object_get(json, "series"));
	return 0;
}

static uint64_t ns_at(const json_t *o, const char *key)
{
	double seconds = json_number_at(o, key);

	return seconds > 0 && seconds < 1e9 ? (uint64_t)(seconds * NS_PER_S + .5) : 0;
}

int load_spec_from_json(struct load_spec *out, const json_t *asked, struct err *err)
{
	const json_t *headers = json_object_get(asked, "headers");

	load_spec_init(out);
	if (!json_is_object(asked) || !json_is_string(json_object_get(asked, "url")))
		return err_set(err, ERR_INPUT, "this is no load: 'asked' with its url is missing");
	out->url = json_text_at(asked, "url");
	out->method = json_text_at(asked, "method");
	out->body = json_string_value(json_object_get(asked, "body"));
	for (size_t i = 0; i < json_array_size(headers); i++) {
		struct opt_list *l = &out->headers;
		const char *text = json_string_value(json_array_get(headers, i));

		l->items = mem_grow(l->items, &l->cap, l->n + 1, sizeof(*l->items));
		l->items[l->n++] = text ? text : "";
	}
	out->connections = json_int_at(asked, "connections");
	out->threads = json_int_at(asked, "threads");
	out->requests = json_int_at(asked, "requests");
	out->duration_ns = ns_at(asked, "duration_s");
	out->warmup_ns = ns_at(asked, "warmup_s");
	out->timeout_ns = ns_at(asked, "timeout_s");
	out->drain_ns = ns_at(asked, "drain_s");
	out->keepalive = json_is_true(json_object_get(asked, "keepalive"));
	return 0;
}

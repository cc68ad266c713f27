/* A result from its JSON form (result_json.c). Runs stored by earlier versions lack what those did
 * not know; it reads as nothing measured. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "load/load.h"

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

static void sums_from_json(struct hist *h, const json_t *o)
{
	h->min = count_at(o, "min_ns");
	h->max = count_at(o, "max_ns");
	h->sum = json_number_at(o, "sum_ns");
	h->sum_squares = json_number_at(o, "sum_squares_ns2");
}

static int hist_from_json(struct hist *h, const json_t *o, const char *name, struct err *err)
{
	bool same = json_int_at(o, "sub_bits") == HIST_SUB_BITS;

	*h = (struct hist){.min = UINT64_MAX};
	if (!o)
		return 0;
	if (same && json_is_null(json_object_get(o, "buckets"))) { /* only its sums were kept */
		h->n = count_at(o, "count");
		if (h->n)
			sums_from_json(h, o);
		return 0;
	}
	hist_init(h);
	if (!same || !read_buckets(h, json_text_at(o, "buckets")))
		return err_set(err, ERR_INPUT,
			"histograms.%s: this is no histogram as this version writes them", name);
	if (!h->n)
		return 0;
	sums_from_json(h, o);
	/* Reading percentiles relies on these two. */
	if (h->min > h->max || !h->counts[hist_index(h->min)] || !h->counts[hist_index(h->max)])
		return err_set(err, ERR_INPUT,
			"histograms.%s: min_ns and max_ns do not fit the buckets", name);
	return 0;
}

static enum load_ending ending_from_json(const char *word, bool stopped)
{
	for (int i = 0; i < LOAD_N_ENDINGS; i++)
		if (!strcmp(word, LOAD_ENDING_WORDS[i]))
			return (enum load_ending)i;
	return stopped ? LOAD_ENDED_STOPPED : LOAD_ENDED_ASKED;
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

/* A number, or what stands for it where there is none. */
static double number_or(const json_t *o, const char *key, double otherwise)
{
	double v = json_number_at(o, key);

	return isnan(v) ? otherwise : v;
}

static void series_from_json(struct load_result *out, const json_t *list)
{
	out->n_series = json_array_size(list);
	out->series = mem_zalloc(out->n_series + 1, sizeof(*out->series));
	for (size_t i = 0; i < out->n_series; i++) {
		const json_t *s = json_array_get(list, i);

		out->series[i] = (struct load_second){.start_s = number_or(s, "start_s", (double)i),
			.seconds = number_or(s, "seconds", 1),
			.started = count_at(s, "started"),
			.completed = count_at(s, "completed"),
			.errors = count_at(s, "errors"),
			.asked_rate = json_number_at(s, "asked_rate"),
			.mean_latency_s = json_number_at(s, "mean_latency_ms") / 1e3,
			.p50_s = json_number_at(s, "p50_ms") / 1e3,
			.p99_s = json_number_at(s, "p99_ms") / 1e3,
			.max_s = json_number_at(s, "max_ms") / 1e3,
			.late_p99_s = json_number_at(s, "late_p99_ms") / 1e3};
	}
}

static int targets_from_json(struct load_result *out, const json_t *list, struct err *err)
{
	size_t n = json_array_size(list);
	int rc = 0;

	out->targets = n ? mem_zalloc(n, sizeof(*out->targets)) : NULL;
	for (; !rc && out->n_targets < n; out->n_targets++) {
		const json_t *o = json_array_get(list, out->n_targets);
		struct load_target *t = &out->targets[out->n_targets];

		t->name = mem_strdup(json_text_at(o, "name"));
		t->completed = count_at(o, "completed");
		t->n_errors = count_at(o, "failed");
		t->requests_per_second = number_or(o, "requests_per_second", 0);
		errors_from_json(t->errors, json_object_get(o, "errors"));
		rc = hist_from_json(&t->latency, json_object_get(o, "histogram"), t->name, err);
	}
	return rc;
}

static void checks_from_json(struct load_result *out, const json_t *list)
{
	out->n_checks = json_array_size(list);
	out->checks = out->n_checks ? mem_zalloc(out->n_checks, sizeof(*out->checks)) : NULL;
	for (size_t i = 0; i < out->n_checks; i++) {
		const json_t *o = json_array_get(list, i);

		out->checks[i] =
			(struct load_check_result){.name = mem_strdup(json_text_at(o, "name")),
				.passed = count_at(o, "passed"),
				.failed = count_at(o, "failed")};
	}
}

static int histograms_from_json(struct load_result *out, const json_t *all, struct err *err)
{
	const struct {
		const char *name;
		struct hist *h;
	} each[] = {{"latency", &out->latency}, {"connect", &out->connect},
		{"from_send", &out->from_send}, {"first_byte", &out->first_byte},
		{"tls", &out->tls}, {"late", &out->late}};
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(each) / sizeof(each[0]); i++) {
		const json_t *o = json_object_get(all, each[i].name);

		rc = i < 2 && !o ? err_set(err, ERR_INPUT, "histograms.%s is missing", each[i].name)
				 : hist_from_json(each[i].h, o, each[i].name, err);
		/* sums alone are for targets */
		if (!rc && each[i].h->n && !each[i].h->counts)
			rc = err_set(err, ERR_INPUT, "histograms.%s has no buckets", each[i].name);
	}
	return rc;
}

static void whole_run_from_json(struct load_result *out, const json_t *whole)
{
	out->started = count_at(whole, "started");
	out->finished = count_at(whole, "finished");
	out->unfinished = count_at(whole, "unfinished");
	out->connects = count_at(whole, "connects");
	out->handshakes = count_at(whole, "tls_handshakes");
	out->resumed = count_at(whole, "tls_resumed");
	out->bytes_in = count_at(whole, "bytes_in");
	out->bytes_out = count_at(whole, "bytes_out");
	errors_from_json(out->errors_all, json_object_get(whole, "errors"));
	status_from_json(out->status_all, json_object_get(whole, "status"));
}

static void window_from_json(struct load_result *out, const json_t *json)
{
	const json_t *warmup = json_object_get(json, "warmup");
	const json_t *steady = json_object_get(json, "steady");

	out->seconds = json_number_at(json, "seconds");
	out->completed = count_at(json, "completed");
	out->requests_per_second = json_number_at(json, "requests_per_second");
	out->warmup_s = number_or(warmup, "seconds", 0);
	out->warmup_ruled = json_is_true(json_object_get(warmup, "by_rule"));
	out->steady = (struct steady){.known = json_is_true(json_object_get(steady, "known")),
		.mean = json_number_at(steady, "slice_mean"),
		.half_width = json_number_at(steady, "slice_half_width"),
		.drift = json_number_at(steady, "drift"),
		.drifts = json_is_true(json_object_get(steady, "drifts"))};
	errors_from_json(out->errors, json_object_get(json, "errors"));
	out->n_errors = count_at(json, "failed");
	status_from_json(out->status, json_object_get(json, "status"));
	out->waited = count_at(json, "waited");
	out->stopped = json_is_true(json_object_get(json, "stopped"));
	out->ended = ending_from_json(json_text_at(json, "ended"), out->stopped);
}

static void texts_from_json(struct load_result *out, const json_t *json)
{
	const json_t *tls = json_object_get(json, "tls");

	snprintf(out->protocol, sizeof(out->protocol), "%s", json_text_at(json, "protocol"));
	snprintf(out->tls_version, sizeof(out->tls_version), "%s", json_text_at(tls, "version"));
	snprintf(out->why, sizeof(out->why), "%s", json_text_at(json, "tls_failure"));
	snprintf(out->malformed, sizeof(out->malformed), "%s", json_text_at(json, "malformed"));
	snprintf(out->tls_cipher, sizeof(out->tls_cipher), "%s", json_text_at(tls, "cipher"));
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
	rc = histograms_from_json(out, histograms, err);
	if (!rc)
		rc = targets_from_json(out, json_object_get(json, "targets"), err);
	if (rc) {
		load_result_release(out);
		return rc;
	}
	whole_run_from_json(out, whole);
	window_from_json(out, json);
	texts_from_json(out, json);
	checks_from_json(out, json_object_get(json, "checks"));
	out->cpu_seconds = json_number_at(engine, "cpu_seconds");
	out->busiest_core = json_number_at(engine, "busiest_core");
	out->threads = (unsigned)count_at(engine, "threads");
	series_from_json(out, json_object_get(json, "series"));
	return 0;
}

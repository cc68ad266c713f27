#include "report_load_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

/* n durations spread around a median, as service times are. */
static void fill(struct hist *h, struct rng *rng, uint64_t n, double median_ns, double spread)
{
	hist_init(h);
	for (uint64_t i = 0; i < n; i++)
		hist_record(h, (uint64_t)(median_ns * exp(spread * rng_normal(rng))));
}

static void fill_series(struct load_result *r, struct rng *rng, size_t n, double rate, double asked)
{
	r->series = mem_zalloc(n, sizeof(*r->series));
	r->n_series = n;
	for (size_t i = 0; i < n; i++) {
		double p50 = 8e-3 * exp(.05 * rng_normal(rng)), seconds = i + 1 < n ? 1 : .5;

		r->series[i] = (struct load_second){.start_s = (double)i,
			.seconds = seconds,
			.completed = (uint64_t)(rate * seconds * (1 + .01 * rng_normal(rng))),
			.started = (uint64_t)(rate * seconds),
			.errors = r->n_errors / n,
			.asked_rate = asked,
			.mean_latency_s = p50 * 1.1,
			.p50_s = p50,
			.p99_s = p50 * (i == 6 ? 9 : 2),
			.max_s = p50 * (i == 6 ? 30 : 4),
			.late_p99_s = asked > 0 ? 1e-5 : NAN};
	}
}

static void fill_targets(struct load_result *r, struct rng *rng, size_t n)
{
	char name[80];

	r->targets = mem_zalloc(n, sizeof(*r->targets));
	r->n_targets = n;
	for (size_t i = 0; i < n; i++) {
		struct load_target *t = &r->targets[i];

		snprintf(name, sizeof(name), "GET /catalogue/items/%zu%s", i,
			i % 7 == 3 ? "/with/a/path/that/is/long?and=a&query=<b>" : "");
		t->name = mem_strdup(name);
		t->completed = 1000 + 100 * (i % 5);
		t->requests_per_second = (double)t->completed / r->seconds;
		t->n_errors = t->errors[LOAD_STATUS] = i == 20 ? 77 : 0;
		fill(&t->latency, rng, t->completed, 5e6 * (double)(1 + i % 9), .3);
		if (i >= LOAD_TARGETS_TIMED) {
			free(t->latency.counts);
			t->latency.counts = NULL;
		}
	}
}

static void fill_checks(struct load_result *r)
{
	static const struct load_check_result CHECKS[] = {{(char *)"login: status 200", 4100, 0},
		{(char *)"cart: /total is 12.5", 4000, 31}, {(char *)"pay: latency < 200ms", 0, 0}};

	r->n_checks = sizeof(CHECKS) / sizeof(CHECKS[0]);
	r->checks = mem_zalloc(r->n_checks, sizeof(*r->checks));
	for (size_t i = 0; i < r->n_checks; i++) {
		r->checks[i] = CHECKS[i];
		r->checks[i].name = mem_strdup(CHECKS[i].name);
	}
}

static void fail(struct load_result *r, enum load_error kind, uint64_t n)
{
	r->errors[kind] += n;
	r->errors_all[kind] += n;
	r->n_errors += n;
}

static void make_open(struct load_spec *spec, struct load_result *r, struct rng *rng)
{
	static const char *targets[] = {"2x POST /orders", "/health"};

	spec->url = "https://shop.example/catalogue?page=1&size=<20>";
	spec->targets.items = mem_copy(targets, sizeof(targets));
	spec->targets.n = spec->targets.cap = 2;
	spec->rate = 2000;
	spec->arrivals = LOAD_POISSON;
	spec->http = LOAD_HTTP_AUTO;
	snprintf(r->protocol, sizeof(r->protocol), "h2");
	snprintf(r->tls_version, sizeof(r->tls_version), "TLSv1.3");
	snprintf(r->tls_cipher, sizeof(r->tls_cipher), "TLS_AES_256_GCM_SHA384");
	r->handshakes = 100;
	r->resumed = 99;
	r->waited = 812;
	fill(&r->from_send, rng, r->completed, 5e6, .2);
	fill(&r->first_byte, rng, r->completed, 4e6, .2);
	fill(&r->tls, rng, 100, 2e6, .2);
	fill(&r->late, rng, r->completed, 2e4, .5);
	fill_targets(r, rng, 40);
}

static void make_bad(struct load_result *r)
{
	r->busiest_core = .97;
	r->unfinished = 7;
	r->status[503] = 90;
	r->status[404] = 3;
	fail(r, LOAD_STATUS, 93);
	fail(r, LOAD_TIMEOUT, 10);
	fail(r, LOAD_RESET, 1234);
	fail(r, LOAD_TLS, 1);
	fail(r, LOAD_UNSENT, 1);
	r->steady.drift = -.123;
	r->steady.drifts = true;
	r->stopped = true;
}

void load_fixture_init(enum load_fixture which, struct load_spec *spec, struct load_result *r)
{
	struct rng rng;

	rng_seed(&rng, 5, 0);
	load_spec_init(spec);
	spec->url = "http://127.0.0.1:5001/";
	spec->connections = 100;
	*r = (struct load_result){.threads = 2, .seconds = 1};
	if (which == FIXTURE_NOTHING) {
		r->started = 5;
		r->threads = 1;
		fail(r, LOAD_REFUSED, 5);
		return;
	}
	*r = (struct load_result){.started = 123563,
		.finished = 123556,
		.connects = 100,
		.bytes_in = 19876543,
		.bytes_out = 12345678,
		.warmup_s = 1.3,
		.warmup_ruled = true,
		.seconds = 10.002,
		.completed = 123456,
		.requests_per_second = 12343.1,
		.steady = {.known = true, .mean = 12343.1, .half_width = 98.7, .drift = .004},
		.cpu_seconds = 1.74,
		.busiest_core = .41,
		.threads = 2};
	r->status[200] = r->status_all[200] = r->completed;
	fill(&r->latency, &rng, r->completed, 8e6, .3);
	fill(&r->connect, &rng, 100, 8e4, .3);
	if (which == FIXTURE_BAD)
		make_bad(r);
	if (which == FIXTURE_OPEN)
		make_open(spec, r, &rng);
	if (which == FIXTURE_SCENARIO) {
		spec->url = NULL;
		spec->scenario = "shop.yaml";
		fail(r, LOAD_CHECK, 31);
		fill_targets(r, &rng, 3);
		fill_checks(r);
	}
	fill_series(r, &rng, 10, 12343, which == FIXTURE_OPEN ? 2000 : NAN);
}

void load_fixture_release(struct load_spec *spec, struct load_result *r)
{
	load_spec_release(spec);
	load_result_release(r);
}

/* From what the workers counted to the result: what is left out as warm-up, whether the rest was
 * steady, and all that follows from the sums. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "load/load_internal.h"

/* Share of a core from which a thread of the engine is taken for the limit. */
#define ENGINE_BUSY .9
/* The engine is late by its own fault where one in a hundred sends is later than this, and than a
 * tenth of the median latency. */
#define LATE_NS 1e6
/* Where more than this share of requests had to wait for a connection, there were too few. */
#define WAITED .01

/* Slices to leave out: up to the end of the segment in which the rule says that the warm-up ends,
 * as far as that leaves at least half. */
static size_t ruled_warmup(const struct load_series *s)
{
	size_t wanted = steady_warmup(s->slices.y, s->slices.n), end = 0;

	for (size_t i = 0; end < wanted && LOAD_SEGMENT_ENDS[i] <= s->slices.n / 2; i++)
		end = LOAD_SEGMENT_ENDS[i];
	return end;
}

/* Where it ended as it was precise enough, it is not claimed to be more than that: the interval at
 * the end of such a rule is a lucky one more often than not. */
static void judge_ruled(struct load_result *out, const struct load_series *s, struct enough *e)
{
	double asked;

	if (out->ended != LOAD_ENDED_PRECISE)
		enough_judge(e, &s->slices);
	out->steady = e->steady;
	asked = e->precision * e->steady.mean;
	if (out->ended == LOAD_ENDED_PRECISE && out->steady.half_width < asked)
		out->steady.half_width = asked;
}

static void judge_asked(struct load_result *out, const struct load_plan *plan,
	const struct load_series *s, struct enough *e)
{
	size_t n = s->slices.n;
	double *y = mem_alloc(n + 1, sizeof(*y));

	e->cut = e->cuts ? ruled_warmup(s) : 0;
	enough_series(y, &s->slices, e->cut, plan->spec->precision / 2);
	if (!plan->spec->stages)
		steady_judge(&out->steady, y, n - e->cut);
	free(y);
}

/* `rule`: as it was at the end of the run, where the length was by rule. */
static void judge(struct load_result *out, const struct load_plan *plan,
	const struct load_collector *c, struct enough *rule)
{
	size_t n = c->n_slices;
	struct load_series s;

	/* The last slice is shorter where the window is no multiple of 100 ms. */
	if (n && out->seconds < (double)n / LOAD_SLICES_A_SECOND - 1e-3)
		n--;
	load_series_init(&s, plan, c->slices, n);
	if (plan->by_rule)
		judge_ruled(out, &s, rule);
	else
		judge_asked(out, plan, &s, rule);
	load_series_release(&s);
	out->warmup_s = (double)rule->cut / LOAD_SLICES_A_SECOND;
	out->warmup_ruled = plan->spec->warmup_ns == OPT_AUTO_NS;
	out->seconds -= out->warmup_s;
	if (plan->spec->warmup_ns != OPT_AUTO_NS)
		out->warmup_s = (double)plan->spec->warmup_ns / NS_PER_S;
}

static void add_counts(struct load_result *out, const struct load_tally *t)
{
	for (size_t i = 0; i < LOAD_N_ERRORS; i++)
		out->errors_all[i] += t->errors[i];
	for (size_t i = 0; i < 600; i++)
		out->status_all[i] += t->status[i];
	out->started += t->started;
}

/* The window's tally: of all segments behind the warm-up. */
static void add_window(struct load_result *out, struct load_tally *window)
{
	out->completed = window->completed;
	out->waited = window->waited;
	out->n_errors = load_tally_errors(window);
	memcpy(out->errors, window->errors, sizeof(out->errors));
	memcpy(out->status, window->status, sizeof(out->status));
	hist_merge(&out->latency, &window->latency);
	hist_merge(&out->from_send, &window->from_send);
	hist_merge(&out->first_byte, &window->first_byte);
	hist_merge(&out->late, &window->late);
	out->requests_per_second = out->seconds > 0 ? (double)out->completed / out->seconds : 0;
}

static void add_targets(
	struct load_result *out, const struct load_plan *plan, struct load_tally *window)
{
	out->n_targets = window->n_targets;
	out->targets = mem_zalloc(out->n_targets + 1, sizeof(*out->targets));
	for (size_t i = 0; i < out->n_targets; i++) {
		struct load_target *t = &out->targets[i];
		struct load_target_tally *from = &window->targets[i];

		t->name = mem_strdup(plan->scenario->steps[i].request.name);
		t->completed = from->completed;
		memcpy(t->errors, from->errors, sizeof(t->errors));
		for (int kind = 0; kind < LOAD_N_ERRORS; kind++)
			t->n_errors += from->errors[kind];
		if (out->seconds > 0)
			t->requests_per_second = (double)t->completed / out->seconds;
		t->latency = from->latency;
		from->latency = (struct hist){.min = UINT64_MAX};
	}
}

/* Of the whole run: what is checked once, at a login, often falls into the warm-up. */
static void add_checks(
	struct load_result *out, const struct load_plan *plan, const struct load_collector *c)
{
	const struct load_scenario *s = plan->scenario;

	out->n_checks = s->n_checks;
	out->checks = mem_zalloc(out->n_checks + 1, sizeof(*out->checks));
	for (size_t i = 0; i < s->n_steps; i++)
		for (size_t k = 0; k < s->steps[i].n_checks; k++) {
			const struct load_check *check = &s->steps[i].checks[k];
			struct load_check_result *r = &out->checks[check->result];

			r->name = mem_strdup(check->name);
			for (int part = 0; part < LOAD_PARTS; part++) {
				r->passed += c->parts[part].passed[check->result];
				r->failed += c->parts[part].failed[check->result];
			}
		}
}

static void add_worker(struct load_result *out, const struct load_worker *w, double window_s)
{
	double busy = window_s > 0 ? (double)w->window_cpu_ns / NS_PER_S / window_s : 0;

	out->finished += w->finished;
	out->unfinished += w->unfinished;
	out->connects += w->connects;
	out->handshakes += w->handshakes;
	out->resumed += w->resumed;
	out->bytes_in += w->bytes_in;
	out->bytes_out += w->bytes_out;
	out->cpu_seconds += (double)w->cpu_ns / NS_PER_S;
	out->busiest_core = busy > out->busiest_core ? busy : out->busiest_core;
	hist_merge(&out->connect, &w->connect);
	hist_merge(&out->tls, &w->tls);
	if (!out->tls_version[0])
		memcpy(out->tls_version, w->tls_version, sizeof(out->tls_version));
	if (!out->tls_cipher[0])
		memcpy(out->tls_cipher, w->tls_cipher, sizeof(out->tls_cipher));
	if (!out->malformed[0])
		memcpy(out->malformed, w->malformed, sizeof(out->malformed));
	if (!out->why[0])
		memcpy(out->why, w->why, sizeof(out->why));
}

static void name_protocol(struct load_result *out, const struct load_worker *w, unsigned n)
{
	bool one = false, two = false;

	for (unsigned i = 0; i < n; i++) {
		one |= w[i].spoke_1;
		two |= w[i].spoke_2;
	}
	snprintf(out->protocol, sizeof(out->protocol), "%s%s%s", one ? LOAD_OVER_HTTP1.name : "",
		one && two ? ", " : "", two ? LOAD_OVER_HTTP2.name : "");
}

/* The series is told from the end of the warm-up. */
static void take_series(
	struct load_result *out, const struct load_plan *plan, struct load_collector *c)
{
	double shift = out->warmup_ruled ? out->warmup_s : 0;

	out->zero_ns = plan->window_ns + (uint64_t)(shift * NS_PER_S);
	out->series = c->series;
	out->n_series = c->n_series;
	c->series = NULL;
	c->n_series = 0;
	for (size_t i = 0; i < out->n_series; i++)
		out->series[i].start_s -= shift;
}

void load_result_build(struct load_result *out, const struct load_plan *plan,
	struct load_collector *c, struct enough *rule, const struct load_worker *workers,
	unsigned n_workers)
{
	struct load_tally window;
	double window_s = out->seconds;

	for (int part = 0; part < LOAD_PARTS; part++)
		add_counts(out, &c->parts[part]);
	for (unsigned i = 0; i < n_workers; i++)
		add_worker(out, &workers[i], window_s);
	add_checks(out, plan, c);
	judge(out, plan, c, rule);
	load_tally_init(&window, plan->n_targets, plan->scenario->n_checks);
	for (int part = LOAD_SEGMENT_0; part <= LOAD_SEGMENT_LAST; part++)
		if (LOAD_SEGMENT_ENDS[part - LOAD_SEGMENT_0] > rule->cut)
			load_tally_move(&window, &c->parts[part]);
	add_window(out, &window);
	add_targets(out, plan, &window);
	load_tally_release(&window);
	take_series(out, plan, c);
	name_protocol(out, workers, n_workers);
	out->threads = n_workers;
}

void load_result_release(struct load_result *r)
{
	for (size_t i = 0; i < r->n_targets; i++) {
		free(r->targets[i].name);
		hist_release(&r->targets[i].latency);
	}
	for (size_t i = 0; i < r->n_checks; i++)
		free(r->checks[i].name);
	free(r->targets);
	free(r->checks);
	free(r->series);
	hist_release(&r->latency);
	hist_release(&r->from_send);
	hist_release(&r->first_byte);
	hist_release(&r->connect);
	hist_release(&r->tls);
	hist_release(&r->late);
	*r = (struct load_result){0};
}

double load_error_fraction(const struct load_result *r)
{
	uint64_t all = r->completed + r->n_errors;

	return all ? (double)r->n_errors / (double)all : 0;
}

enum load_limit load_limit(const struct load_result *r)
{
	double late, typical;

	if (r->busiest_core >= ENGINE_BUSY)
		return LOAD_LIMIT_CPU;
	if (!r->late.n)
		return LOAD_LIMIT_NONE;
	late = (double)hist_percentile(&r->late, 99);
	typical = r->latency.n ? (double)hist_percentile(&r->latency, 50) : 0;
	if (late > LATE_NS && late > typical / 10)
		return LOAD_LIMIT_LATE;
	if ((double)(r->waited + r->errors[LOAD_UNSENT]) > WAITED * (double)r->late.n)
		return LOAD_LIMIT_USERS;
	return LOAD_LIMIT_NONE;
}

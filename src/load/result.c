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

/* What the rule for warm-up and steadiness looks at, slice by slice: the rate in the closed loop;
 * in the open loop, where the rate is given, the latency. */
static double *slices_of(const struct load_plan *plan, const struct load_collector *c, size_t n)
{
	double *y = mem_alloc(n + 1, sizeof(*y));

	for (size_t i = 0; i < n; i++) {
		const struct load_slice *s = &c->slices[i];

		y[i] = (double)s->completed;
		if (plan->schedule.n)
			y[i] = s->ended ? s->latency_sum / (double)s->ended : (i ? y[i - 1] : 0);
	}
	return y;
}

/* Seconds to leave out: the end of the segment in which the rule says that the warm-up ends, as far
 * as that leaves at least half. */
static double ruled_warmup(const struct load_plan *plan, const double *y, size_t n)
{
	double end = 0, half = (double)n / LOAD_SLICES_A_SECOND / 2, wanted;

	if (plan->spec->warmup_ns != OPT_AUTO_NS || plan->requests || plan->spec->stages)
		return 0;
	wanted = (double)steady_warmup(y, n) / LOAD_SLICES_A_SECOND;
	for (int part = LOAD_SEGMENT_0; end < wanted && part < LOAD_SEGMENT_LAST; part++) {
		double next = load_segment_end((enum load_part)part);

		if (next > half)
			break;
		end = next;
	}
	return end;
}

static void judge(
	struct load_result *out, const struct load_plan *plan, const struct load_collector *c)
{
	size_t n = c->n_slices, skip;
	double *y;

	/* The last slice is shorter where the window is no multiple of 100 ms. */
	if (n && out->seconds < (double)n / LOAD_SLICES_A_SECOND - 1e-3)
		n--;
	y = slices_of(plan, c, n);
	out->warmup_s = ruled_warmup(plan, y, n);
	out->warmup_ruled = plan->spec->warmup_ns == OPT_AUTO_NS;
	out->seconds -= out->warmup_s;
	skip = (size_t)(out->warmup_s * LOAD_SLICES_A_SECOND + .5);
	if (!plan->spec->stages)
		steady_judge(&out->steady, y + skip, n - skip);
	if (plan->spec->warmup_ns != OPT_AUTO_NS)
		out->warmup_s = (double)plan->spec->warmup_ns / NS_PER_S;
	free(y);
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
static void take_series(struct load_result *out, struct load_collector *c)
{
	double shift = out->warmup_ruled ? out->warmup_s : 0;

	out->series = c->series;
	out->n_series = c->n_series;
	c->series = NULL;
	c->n_series = 0;
	for (size_t i = 0; i < out->n_series; i++)
		out->series[i].start_s -= shift;
}

void load_result_build(struct load_result *out, const struct load_plan *plan,
	struct load_collector *c, const struct load_worker *workers, unsigned n_workers)
{
	struct load_tally window;
	double window_s = out->seconds, cut;

	for (int part = 0; part < LOAD_PARTS; part++)
		add_counts(out, &c->parts[part]);
	for (unsigned i = 0; i < n_workers; i++)
		add_worker(out, &workers[i], window_s);
	add_checks(out, plan, c);
	judge(out, plan, c);
	cut = out->warmup_ruled ? out->warmup_s : 0;
	load_tally_init(&window, plan->n_targets, plan->scenario->n_checks);
	for (int part = LOAD_SEGMENT_0; part <= LOAD_SEGMENT_LAST; part++)
		if (load_segment_end((enum load_part)part) > cut)
			load_tally_move(&window, &c->parts[part]);
	add_window(out, &window);
	add_targets(out, plan, &window);
	load_tally_release(&window);
	take_series(out, c);
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

#include "study/trial.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/num.h"
#include "study/regime.h"

/* ---- why it failed ---- */

static void add_part(struct str *out, uint64_t count, const char *text)
{
	char number[NUM_TEXT];

	str_addf(out, "%s%s %s", out->len ? ", " : "", num_count((double)count, number), text);
}

static uint64_t failed_requests(const struct load_result *r)
{
	uint64_t all = 0;

	for (size_t i = 0; i < LOAD_N_ERRORS; i++)
		all += r->errors_all[i];
	return all;
}

/* "312 of 4,000 requests failed: 300 with status 503, 12 connection reset" */
static void say_failures(struct str *out, const struct load_result *r)
{
	struct str parts = STR_INIT;
	char failed[NUM_TEXT], all[NUM_TEXT], text[64];
	uint64_t n = failed_requests(r);

	for (size_t i = 0; i < 600; i++)
		if (r->status_all[i] && (i < 200 || i >= 400)) {
			snprintf(text, sizeof(text), "with status %zu", i);
			add_part(&parts, r->status_all[i], text);
		}
	for (size_t i = 0; i < LOAD_N_ERRORS; i++)
		if (r->errors_all[i] && i != LOAD_STATUS)
			add_part(&parts, r->errors_all[i], LOAD_ERROR_TEXTS[i]);
	str_addf(out, "%s of %s requests failed: %s", num_count((double)n, failed),
		num_count((double)(r->started - r->unfinished), all), str_text(&parts));
	str_release(&parts);
}

/* ---- whose CPU time ---- */

struct shares {
	double cores, wall_s;
	double service_cores, service_s; /* NaN where the service is not ours */
	double others, steal;            /* shares of the machine; others NaN the same */
};

static struct shares shares_of(const struct trial_cpu *c)
{
	struct shares s = {.cores = (double)sysconf(_SC_NPROCESSORS_ONLN),
		.wall_s = (double)(c->end_ns - c->begin_ns) / 1e9,
		.service_cores = NAN,
		.service_s = NAN,
		.others = NAN};
	double self = c->after.self - c->before.self;

	s.steal = (c->after.steal - c->before.steal) / (s.cores * s.wall_s);
	if (!c->known_service)
		return s;
	/* a process may end unseen by whoever should wait for it; time does not run backwards */
	s.service_s = fmax(c->after.service - c->before.service, 0);
	s.service_cores = s.service_s / s.wall_s;
	s.others =
		fmax(c->after.busy - c->before.busy - s.service_s - self, 0) / (s.cores * s.wall_s);
	return s;
}

static void add_flag(
	json_t *flags, struct str *note, const char *flag, const char *format, double value)
{
	json_array_append_new(flags, json_string(flag));
	str_add(note, note->len ? "; " : "");
	str_addf(note, format, value);
}

static json_t *cpu_json(const struct shares *s, const struct load_result *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "cores", json_number(s->cores));
	json_object_set_new(o, "service_cores", json_number(s->service_cores));
	json_object_set_new(o, "others_share", json_number(s->others));
	json_object_set_new(o, "steal_share", json_number(s->steal));
	json_object_set_new(o, "engine_busiest_core", json_number(r->busiest_core));
	json_object_set_new(o, "engine_seconds", json_number(r->cpu_seconds));
	return o;
}

static json_t *errors_json(const struct load_result *r)
{
	json_t *o = json_object();

	for (size_t i = 0; i < LOAD_N_ERRORS; i++)
		if (r->errors_all[i])
			json_object_set_new(
				o, LOAD_ERROR_WORDS[i], json_integer((json_int_t)r->errors_all[i]));
	return o;
}

static json_t *status_json(const struct load_result *r)
{
	json_t *o = json_object();
	char key[8];

	for (unsigned i = 0; i < 600; i++)
		if (r->status_all[i]) {
			snprintf(key, sizeof(key), "%u", i);
			json_object_set_new(o, key, json_integer((json_int_t)r->status_all[i]));
		}
	return o;
}

/* ---- responses ---- */

static json_t *responses_json(const struct load_result *r, const struct shares *s)
{
	json_t *o = json_object();
	static const struct {
		const char *name;
		double percent;
	} POINTS[] = {{"p50_ms", 50}, {"p90_ms", 90}, {"p99_ms", 99}, {"max_ms", 100}};
	double finished = (double)r->finished;

	json_object_set_new(o, "requests_per_second", json_number(r->requests_per_second));
	json_object_set_new(o, "mean_latency_ms", json_number(hist_mean(&r->latency) / 1e6));
	for (size_t i = 0; i < sizeof(POINTS) / sizeof(POINTS[0]); i++)
		json_object_set_new(o, POINTS[i].name,
			json_number(r->latency.n ? (double)hist_percentile(
							   &r->latency, POINTS[i].percent) /
							   1e6
						 : NAN));
	/* of the whole trial, as the CPU time is: warm-up and drain on both sides of the ratio */
	if (isfinite(s->service_s) && finished > 0)
		json_object_set_new(
			o, "cpu_ms_per_request", json_number(1e3 * s->service_s / finished));
	json_object_set_new(o, "error_percent", json_number(100 * load_error_fraction(r)));
	return o;
}

/* What limited it. The quota's share is added by who knows it (runner.c), before this. */
static void set_regime(json_t *d, const struct load_spec *load, const struct load_result *r,
	const struct trial_cpu *cpu, const struct shares *shares)
{
	double ended = (double)r->completed + (double)r->n_errors;
	struct regime_seen seen = {
		.cores = shares->cores,
		.allowed =
			isfinite(cpu->allowed) ? fmin(cpu->allowed, shares->cores) : shares->cores,
		.service_cores = shares->service_cores,
		.engine_cores = r->cpu_seconds / shares->wall_s,
		.engine_busiest = r->busiest_core,
		.others_cores = shares->others * shares->cores,
		.processes = cpu->workers,
		.throttled = cpu->throttled_s / shares->wall_s,
		.asked_rate = load->rate > 0 ? load->rate : NAN,
		.rate = r->requests_per_second,
		.waited = ended > 0 ? (double)r->waited / ended : 0,
	};
	enum regime regime = regime_of(&seen);
	struct str text = STR_INIT;

	regime_sentence(&text, regime, &seen);
	json_object_set_new(d, "regime", json_string(REGIME_WORDS[regime]));
	json_object_set_new(d, "regime_text", json_string(text.p));
	str_release(&text);
}

void trial_judge(struct trial *t, const struct study *s, const struct load_spec *load,
	const struct load_result *r, const struct trial_cpu *cpu)
{
	bool wants_errors = !strcmp(s->response, "error_percent");
	struct shares shares = shares_of(cpu);
	struct str note = STR_INIT;
	json_t *flags = json_array(), *d = json_object();

	t->ok = true;
	if (failed_requests(r) && !wants_errors) {
		t->ok = false;
		say_failures(&note, r);
	} else if (!r->completed && !(wants_errors && r->n_errors)) {
		t->ok = false;
		str_addf(&note, "no answer came within the %.3g s that were measured", r->seconds);
	}
	if (shares.others > TRIAL_OTHERS_SHARE)
		add_flag(flags, &note, "others", "other processes used %.0f %% of the machine",
			100 * shares.others);
	if (shares.steal > TRIAL_STEAL_SHARE)
		add_flag(flags, &note, "steal", "the hypervisor took %.0f %% of the machine",
			100 * shares.steal);
	if (r->busiest_core > TRIAL_ENGINE_CORE)
		add_flag(flags, &note, "engine",
			"the load engine was the bottleneck (%.0f %% of a core)",
			100 * r->busiest_core);
	json_object_set_new(d, "note", json_string(str_text(&note)));
	json_object_set_new(d, "flags", flags);
	json_object_set_new(d, "url", json_string(load->url));
	json_object_set_new(d, "connections", json_integer(load->connections));
	json_object_set_new(d, "seconds", json_number(r->seconds));
	json_object_set_new(d, "warmup_s", json_number(r->warmup_s));
	json_object_set_new(d, "completed", json_integer((json_int_t)r->completed));
	json_object_set_new(d, "started", json_integer((json_int_t)r->started));
	json_object_set_new(d, "unfinished", json_integer((json_int_t)r->unfinished));
	json_object_set_new(d, "errors", errors_json(r));
	json_object_set_new(d, "status", status_json(r));
	json_object_set_new(d, "cpu", cpu_json(&shares, r));
	set_regime(d, load, r, cpu, &shares);
	t->detail = d;
	t->responses = t->ok ? responses_json(r, &shares) : json_object();
	str_release(&note);
}

void trial_fail(struct trial *t, const struct study *s, const char *note)
{
	t->ok = false;
	json_decref(t->responses);
	t->responses = json_object();
	if (!t->detail)
		t->detail = json_pack("{s:I}", "connections", (json_int_t)s->load.connections);
	json_object_set_new(t->detail, "note", json_string(note));
}

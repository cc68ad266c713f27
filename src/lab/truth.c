#include "lab/truth.h"

#include "base/clock.h"
#include "lab/master.h"
#include "lab/mixed.h"
#include "lab/worker.h"

/* The stall of /stall: one second every ten. */
#define STALL_NS       (1 * NS_PER_S)
#define STALL_EVERY_NS (10 * NS_PER_S)

enum param { DELAY, LOW, HIGH, FRACTION, MEDIAN, SIGMA, N_PARAMS };

static const struct query_param PARAMS[] = {
	[DELAY] = {"delay", "seconds", 0, 3600},
	[LOW] = {"low", "seconds", 0, 3600},
	[HIGH] = {"high", "seconds", 0, 3600},
	[FRACTION] = {"fraction", "the share of high ones", 0, 1},
	[MEDIAN] = {"median", "seconds", 0, 3600},
	[SIGMA] = {"sigma", "a standard deviation of the logarithm", 0, 10},
	[N_PARAMS] = {0},
};

static const double DEFAULTS[N_PARAMS] = {
	[DELAY] = 0.010,
	[LOW] = 0.005,
	[HIGH] = 0.050,
	[FRACTION] = 0.1,
	[MEDIAN] = 0.010,
	[SIGMA] = 0.5,
};

enum route { FIXED, BIMODAL, LOGNORMAL, STALL, N_ROUTES };

static const struct app_route ROUTES[] = {
	[FIXED] = {"/fixed", 0},
	[BIMODAL] = {"/bimodal", 0},
	[LOGNORMAL] = {"/lognormal", 0},
	[STALL] = {"/stall", 0},
	[N_ROUTES] = {0},
};

static uint64_t nanoseconds(double seconds)
{
	return (uint64_t)(seconds * 1e9 + .5);
}

uint64_t truth_stall_ns(uint64_t began_ns, uint64_t arrived_ns, uint64_t delay_ns)
{
	return stall_end_ns(began_ns, arrived_ns + delay_ns, STALL_NS, STALL_EVERY_NS) - arrived_ns;
}

static uint64_t work(
	struct worker *w, size_t route, const struct query_values *values, uint64_t arrived_ns)
{
	double v[N_PARAMS];

	for (size_t i = 0; i < N_PARAMS; i++)
		v[i] = values->given & 1u << i ? values->value[i] : DEFAULTS[i];
	v[DELAY] *= w->cost;
	v[LOW] *= w->cost;
	v[HIGH] *= w->cost;
	v[MEDIAN] *= w->cost;
	switch (route) {
	case BIMODAL: return nanoseconds(rng_uniform(&w->rng) < v[FRACTION] ? v[HIGH] : v[LOW]);
	case LOGNORMAL: return mixed_sleep_ns(&w->rng, 0, v[MEDIAN], v[SIGMA]);
	case STALL: return truth_stall_ns(w->tally->began_ns, arrived_ns, nanoseconds(v[DELAY]));
	default: return nanoseconds(v[DELAY]);
	}
}

static const struct app APP = {
	.name = "truth", .routes = ROUTES, .params = PARAMS, .work = work, .exact = true};

int lab_truth_run(const struct lab_spec *spec, const struct lab_hooks *hooks, struct err *err)
{
	return master_run(&APP, spec, hooks, err);
}

#include "lab_model.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* Seconds of CPU: of any answer, and of an entry that is written once (docs/lab.md). */
static const double ANSWER_S = 4e-6, ENTRY_S = 6.1e-6 / 750;

void lab_model_init(struct lab_model *m)
{
	*m = (struct lab_model){
#define X(name, value) .name = value,
		LAB_MODEL_FIELDS(X)
#undef X
	};
}

int lab_model_set(struct lab_model *m, const char *name, double value)
{
	static const struct {
		const char *name;
		size_t at;
	} FIELDS[] = {
#define X(name, value) {#name, offsetof(struct lab_model, name)},
		LAB_MODEL_FIELDS(X)
#undef X
	};

	for (size_t i = 0; i < sizeof(FIELDS) / sizeof(FIELDS[0]); i++)
		if (!strcmp(FIELDS[i].name, name)) {
			memcpy((char *)m + FIELDS[i].at, &value, sizeof(value));
			return 0;
		}
	return -1;
}

static double wait_s(const struct lab_model *m)
{
	double drawn = m->mean_response_time * exp(m->std_response_time * m->std_response_time / 2);

	return m->fraction_io_bound * (m->min_response_time + drawn) +
	       m->redis_calls * m->redis_latency;
}

double lab_model_cpu_s(const struct lab_model *m)
{
	return ANSWER_S +
	       (1 - m->fraction_io_bound) * m->cpu_rounds * floor(m->json_object_length) * ENTRY_S;
}

static double servers(const struct lab_model *m)
{
	return fmax(1, fmin(floor(m->workers), m->cores));
}

double lab_model_rate(const struct lab_model *m)
{
	double c = servers(m), demand = lab_model_cpu_s(m), queue = 0, rate = 0;
	double aside = wait_s(m) + demand * (c - 1) / c;

	for (double n = 1; n <= floor(m->connections); n++) {
		double residence = demand / c * (1 + queue);

		rate = n / (aside + residence);
		queue = rate * residence;
	}
	return rate;
}

double lab_model_latency_s(const struct lab_model *m)
{
	return floor(m->connections) / lab_model_rate(m);
}

enum lab_regime lab_model_regime(const struct lab_model *m)
{
	return lab_model_rate(m) * lab_model_cpu_s(m) / servers(m) > .9 ? LAB_COMPUTING
									: LAB_WAITING;
}

double lab_model_trial(const struct lab_model *m, struct rng *rng)
{
	return lab_model_rate(m) * exp(m->noise * rng_normal(rng));
}

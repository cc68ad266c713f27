/*
 * What the lab `mixed` answers a second, worked out instead of measured: for tests and benches that
 * need thousands of studies with a known truth. A closed loop of N connections; a request waits
 * (fraction_io_bound, a lognormal above a floor, and a dependency's latency) or computes (costs as
 * docs/lab.md has them). Exact mean value analysis of one queue, the CPUs, and one delay (Reiser
 * and Lavenberg, J. ACM 27, 1980); several CPUs after Seidmann et al. (1987). Where waiting
 * dominates that is Little's law, where computing does the CPUs' rate.
 */
#ifndef CULPRIT_TESTS_LAB_MODEL_H
#define CULPRIT_TESTS_LAB_MODEL_H

#include "base/rng.h"

/* name, its value where nothing else is said */
#define LAB_MODEL_FIELDS(X)                                                                        \
	X(connections, 100)                                                                        \
	X(workers, 2)                                                                              \
	X(cores, 2)                                                                                \
	X(fraction_io_bound, .25)                                                                  \
	X(mean_response_time, .45) /* median of the wait above its floor, s */                     \
	X(min_response_time, .15)                                                                  \
	X(std_response_time, .15)                                                                  \
	X(json_object_length, 750)                                                                 \
	X(cpu_rounds, 50)                                                                          \
	X(redis_latency, 0) /* s, of each call to a dependency that every request makes */         \
	X(redis_calls, 1)                                                                          \
	X(noise, .02) /* standard deviation of the logarithm of what is measured */

struct lab_model {
#define X(name, value) double name;
	LAB_MODEL_FIELDS(X)
#undef X
};

enum lab_regime { LAB_WAITING, LAB_COMPUTING };

void lab_model_init(struct lab_model *m);
/* Sets a field by its name; 0, or -1 where there is none (a factor without effect). */
int lab_model_set(struct lab_model *m, const char *name, double value);

double lab_model_rate(const struct lab_model *m);            /* requests a second, without noise */
double lab_model_latency_s(const struct lab_model *m);       /* mean response time: N / rate */
double lab_model_cpu_s(const struct lab_model *m);           /* CPU seconds a request */
enum lab_regime lab_model_regime(const struct lab_model *m); /* CPUs busy for more than .9 or not */

/* A trial's rate, with noise from the generator. */
double lab_model_trial(const struct lab_model *m, struct rng *rng);

#endif

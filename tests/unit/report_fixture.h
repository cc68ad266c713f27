/*
 * Made-up rankings for tests of the reports: known functions with known effects, so that what is
 * printed can be checked by hand. Nothing is learned here: importances, curves and predictions come
 * from the function itself plus stated noise.
 */
#ifndef CULPRIT_TESTS_REPORT_FIXTURE_H
#define CULPRIT_TESTS_REPORT_FIXTURE_H

#include "learn/rank.h"

struct fixture_factor {
	const char *name;
	double low, high;
	const char *const *words; /* ends with NULL; low and high are then indices */
};

struct fixture {
	const char *response, *unit;
	size_t n, p;
	const struct fixture_factor *factors;
	double (*f)(const double *x); /* the response at a setting */
	double noise;                 /* relative, of the measurements */
	bool log_scale, little;
	enum rank_model preferred;
};

/* The seed's application: 5 factors, requests_per_second, 60 trials. */
extern const struct fixture FIXTURE_SEED;
/* The same, mean latency in ms, where less is better. */
extern const struct fixture FIXTURE_LATENCY;
/* Pure noise on 4 factors. */
extern const struct fixture FIXTURE_NULL;
extern const struct fixture FIXTURE_ONE;
/* 20 factors with long names, one of them hostile. */
extern const struct fixture FIXTURE_MANY;
/* Two factors of words and one number; the number has its best in the middle. */
extern const struct fixture FIXTURE_WORDS;

/* A factor is active where its importance is above .008. To be changed at will, then freed. */
struct rank_result *fixture_new(const struct fixture *spec);
void fixture_free(struct rank_result *r);
void fixture_warn(struct rank_result *r, const char *text);
struct rank_factor *fixture_factor(struct rank_result *r, const char *name);

#endif

/* How the times and shares of a profile are put into words, the same in the terminal and on the
 * page; and what there is to say about one. */
#ifndef CULPRIT_REPORT_PROFILE_WORDS_H
#define CULPRIT_REPORT_PROFILE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/profile_names.h"
#include "report/report.h"

/* "62 %", "3.4 %", "< 0.1 %" is "0.0 %": two digits where they matter. */
void profile_add_share(struct str *out, double share);

/* Times of one table in one unit, so that they can be compared by eye. */
struct profile_unit {
	const char *name; /* "s", "ms", "samples" */
	double size;      /* of a weight */
	int decimals;
};

struct profile_unit profile_unit_for(enum profile_clock clock, uint64_t total);
void profile_add_weight(struct str *out, const struct profile_unit *unit, uint64_t weight);

/* All of a profile by each clock. */
struct profile_sums {
	uint64_t all[PROFILE_CLOCK_SAMPLES + 1];
	/* of it of asyncio tasks that wait: beside the threads' time, not within */
	uint64_t tasks_wall_ns, tasks_samples;
	size_t processes, threads;
};

void profile_sum(struct profile_sums *s, const struct profile *p);

/* Samples that stand behind the shares of this clock: those that had any of it. */
double profile_samples(const struct profile_sums *s, enum profile_clock clock);

/* Independent ones that the share of a function, or of a line of it, rests on: view_worth() where
 * that is known. */
double profile_row_samples(const struct profile *p, const struct profile_sums *s,
	enum profile_clock clock, uint32_t function);

/* "CPU time", "wall time", "time with the interpreter lock", "samples" */
const char *profile_clock_name(enum profile_clock clock);

/* "10.0 s, ended with exit code 0" */
bool profile_words_span(struct str *out, const struct profile_report *r);
/* "CPython 3.11.2, 9,988 samples of 4 threads: 9.99 s of wall time, time that passed, …" */
void profile_words_how(struct str *out, const struct profile_report *r);
/* What is hottest and what to do next, one or two sentences. */
void profile_words_next(struct str *out, const struct profile_report *r);
/* What must be known before the figures are believed: sentence `i`, or false behind the last. */
bool profile_words_doubt(struct str *out, const struct profile_report *r, size_t i);
/* "0.31 s of CPU, 3.1 % of a core; 998 looks a second of 1,000 asked for; …" */
bool profile_words_cost(struct str *out, const struct profile_report *r);

#endif

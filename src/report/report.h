/*
 * Results as people read them: text for a terminal, and one HTML file that needs no network. Takes
 * result structs, gives text; never the store, never a file.
 */
#ifndef CULPRIT_REPORT_REPORT_H
#define CULPRIT_REPORT_REPORT_H

#include <jansson.h>
#include <stddef.h>

#include "base/str.h"
#include "base/term.h"
#include "learn/confirm.h"
#include "learn/rank.h"
#include "learn/tune.h"
#include "load/goal.h"
#include "load/load.h"
#include "load/search.h"
#include "stats/recording.h"

/* The verdict: one to three sentences that a reader can act on. "fraction_io_bound limits
 * requests_per_second: from 0.05 to 0.5 it falls by 78 % [74, 82]. json_object_length does not
 * matter within the range tried (500 to 1,000)." Says so where nothing could be told from noise,
 * and where the first ones are tied. */
void report_verdict(struct str *out, const struct rank_result *r);

/* Terminal: fit of the models, the table of factors (group, importance with interval and bar,
 * coefficient, effect from low to high), the verdict, warnings. */
void report_rank(struct str *out, const struct term *term, const struct rank_result *r);

/* A load, and what it had to hold. */
struct load_report {
	const struct load_spec *spec;
	const struct load_result *result;
	const struct load_goal *goals; /* thresholds */
	size_t n_goals;
	const struct load_search *search;    /* for the highest rate, or NULL */
	const struct load_goal *search_goal; /* that it looked at */
};

/* Terminal: a summary that is read in five seconds. */
void report_load(struct str *out, const struct term *term, const struct load_report *l);
/* Its part on the search alone: the rates that were tried, and what that came to. */
void report_load_search(struct str *out, const struct term *term, const struct load_report *l);

/* Terminal: a sentence about the worst settings; nothing for "". */
void report_slow(struct str *out, const struct term *term, const char *sentence);

/* Terminal: what came of moving the first factor; nothing where nothing was moved. */
void report_confirm(struct str *out, const struct term *term, const struct confirm *c);

/* A trial as the HTML report's table shows it. */
struct report_trial {
	size_t index;
	bool ok;
	const char *note;        /* why it failed, or "" */
	const json_t *setting;   /* factor → value */
	const json_t *responses; /* name → number */
};

struct report_page {
	const char *title;     /* the study file, the CSV */
	const char *command;   /* the exact command line */
	const char *started;   /* label */
	const json_t *machine; /* proc/machine.h */
	int64_t run;           /* id in the store; 0: not stored */
	uint64_t seed;
	double seconds; /* that the trials took; NaN when not known */
	const struct rank_result *rank;
	const struct confirm *confirm;     /* or NULL */
	const char *slow;                  /* what was saturated in the worst settings, or "" */
	const struct report_trial *trials; /* may be NULL: the rank's rows are shown */
	size_t n_trials;
};

/* The whole file. */
void report_html(struct str *out, const struct report_page *page);

/* The page of a load. */
struct report_load_page {
	const char *title, *command, *started; /* as above */
	const json_t *machine;
	int64_t run;
	struct load_report load;
};

void report_load_html(struct str *out, const struct report_load_page *page);

/* A recording, and of what. */
struct recording_report {
	const char *what; /* the command, "pid 123 (nginx)", "cgroup /a/b" */
	const struct recording *recording;
	int exit_code; /* of the command that was run; -1: none was, or it did not end by itself */
};

/* Terminal: one screen. */
void report_recording(
	struct str *out, const struct term *term, const struct recording_report *report);

/* The page of a recording. */
struct report_recording_page {
	const char *title, *command, *started; /* as above */
	const json_t *machine;
	int64_t run;
	struct recording_report recording;
};

void report_recording_html(struct str *out, const struct report_recording_page *page);

/* The verdict of a search for the best setting, in one sentence: "workers=4 and clients=64 give
 * 2,310 requests/s [2,240, 2,380], 38 % more than the centre (…); …", or "flat: …". */
void report_tune_verdict(struct str *out, const struct tune_result *r);

/* Terminal: the table of two factors, or the ten best settings, within 80 columns; the verdict. */
void report_tune(struct str *out, const struct term *term, const struct tune_result *r);

/* The page of it, with a heat map where it is a table of two factors. */
struct report_tune_page {
	const char *title, *command, *started; /* as above */
	const json_t *machine;
	int64_t run;
	uint64_t seed;
	double seconds; /* that the trials took; NaN when not known */
	const struct tune_result *tune;
};

void report_tune_html(struct str *out, const struct report_tune_page *page);

#endif

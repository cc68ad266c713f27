/*
 * Results as people read them: text for a terminal, and one HTML file that needs no network. Takes
 * result structs, gives text; never the store, never a file.
 */
#ifndef CULPRIT_REPORT_REPORT_H
#define CULPRIT_REPORT_REPORT_H

#include <jansson.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/term.h"
#include "correlate/accounting.h"
#include "correlate/correlate.h"
#include "correlate/incident.h"
#include "learn/confirm.h"
#include "learn/rank.h"
#include "learn/tune.h"
#include "load/goal.h"
#include "load/load.h"
#include "load/search.h"
#include "profile/diff.h"
#include "profile/profile.h"
#include "profile/view.h"
#include "stats/recording.h"

/* The verdict: one to three sentences that a reader can act on. "fraction_io_bound limits
 * requests_per_second: from 0.05 to 0.5 it falls by 78 % [74, 82]. json_object_length does not
 * matter within the range tried (500 to 1,000)." Says so where nothing could be told from noise,
 * and where the first ones are tied. */
void report_verdict(struct str *out, const struct rank_result *r);

/* Terminal: fit of the models, the table of factors (group, importance with interval and bar,
 * coefficient, effect from low to high), the verdict, warnings. */
void report_rank(struct str *out, const struct term *term, const struct rank_result *r);

struct report_profile_page; /* below */
struct recording_report;    /* below */

/* A load, and what it had to hold. */
struct load_report {
	const struct load_spec *spec;
	const struct load_result *result;
	const struct load_goal *goals; /* thresholds */
	size_t n_goals;
	const struct load_search *search;       /* for the highest rate, or NULL */
	const struct load_goal *search_goal;    /* that it looked at */
	const struct recording_report *watched; /* the service meanwhile (--watch), or NULL */
	double watched_start_s; /* time 0 of that, counted as start_s of the load's series */
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

/* What every page says of the run that it shows. */
struct report_run {
	const char *title;   /* the study file, the CSV */
	const char *command; /* the exact command line */
	char started[CLOCK_TEXT];
	const json_t *machine; /* proc/machine.h; or NULL */
	int64_t id;            /* in the store; 0: not stored */
};

struct report_page {
	struct report_run run;
	uint64_t seed;
	double seconds; /* that the trials took; NaN when not known */
	const struct rank_result *rank;
	const struct confirm *confirm; /* or NULL */
	const char *slow;              /* what was saturated in the worst settings, or "" */
	const char *troubles;          /* trials that failed or were disturbed; NULL, "": none */
	const struct report_trial *trials; /* may be NULL: the rank's rows are shown */
	size_t n_trials;
};

/* The whole file. */
void report_html(struct str *out, const struct report_page *page);

/* The page of a load. */
struct report_load_page {
	struct report_run run;
	struct load_report load;
	const struct report_profile_page *profile; /* taken meanwhile; or NULL */
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
	struct report_run run;
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
	struct report_run run;
	uint64_t seed;
	double seconds; /* that the trials took; NaN when not known */
	const struct tune_result *tune;
};

void report_tune_html(struct str *out, const struct report_tune_page *page);

/* A profile, of what, and which view of it. */
struct profile_report {
	const char *what; /* the command, "pid 123 (gunicorn: worker)" */
	const struct profile *profile;
	struct view_options view; /* with `fold` and `least`, what is not shown is counted */
	bool tables;              /* of functions and of lines, behind the tree */
	size_t rows;              /* of each table; 0: ten */
	int exit_code; /* of the command that was run; -1: none was, or it did not end by itself */
};

/* Terminal: how it was taken, the tree of calls, the tables, what to do next, what it cost. Within
 * the terminal's width, however deep the stacks are. */
void report_profile(struct str *out, const struct term *term, const struct profile_report *r);

/* Text of a file of the program, from line `first_line` on (the first is 1). */
struct profile_source {
	const char *file; /* as the profile names it */
	int first_line;
	const char *text;
};

/* Lines whose text the page would show beside the graph; files of Python as the profile names them,
 * the hottest first, each once, lines around what was seen of it. An array of *n, the caller's to
 * free(); the names are the profile's. Who makes a page reads what can be read of them
 * (src/cli/profile_sources.h). */
struct profile_wish {
	const char *file;
	int first_line, last_line;
};
struct profile_wish *report_profile_wishes(const struct profile *p, size_t *n);

/* The page of a profile: an interactive flame graph with the tables and the source beside it. */
struct report_profile_page {
	struct report_run run;
	struct profile_report profile;
	const struct profile_source *sources; /* those that could be read */
	size_t n_sources;
};

void report_profile_html(struct str *out, const struct report_profile_page *page);
/* Its graph and tables alone, as a section of another page; `about`: HTML below the heading. The
 * page has FLAME_STYLE (flame_data.h). */
void report_profile_section(
	struct str *out, const struct report_profile_page *page, const char *about);

/* Two profiles, before and after. */
struct profile_diff_report {
	const char *before, *after; /* what they are of: "run 7: python app.py", a file */
	const struct profile *a, *b;
	const struct profile_diff *diff; /* of a and b */
	bool all;                        /* the whole tree, not what changed and what is large */
	size_t rows;                     /* of the table; 0: fifteen */
};

/* What changed, in one to three sentences. */
void report_profile_diff_verdict(struct str *out, const struct profile_diff_report *r);

/* Terminal: the tree with both shares, the table of functions, the verdict. */
void report_profile_diff(
	struct str *out, const struct term *term, const struct profile_diff_report *r);

/* The page of it, with a differential flame graph. */
struct report_profile_diff_page {
	struct report_run run; /* title and command alone */
	struct profile_diff_report diff;
};

void report_profile_diff_html(struct str *out, const struct report_profile_diff_page *page);

/* What moved with a target, or changed during an incident, and what else is known of it. */
struct correlate_report {
	const char *what;                      /* "metrics.csv", "run 7: culprit load …" */
	const char *unit;                      /* of the target: "ms"; "" or NULL: not known */
	const struct correlate_result *result; /* may be NULL where there is an incident */
	/* The series as they were: their times, names, what was done to them, notes. `values` may
	 * be NULL (a stored run, whose data is gone): what the result keeps is drawn then. */
	const struct series_set *set;
	const struct account *accounts;       /* of the target, the best fit first */
	const struct account_change *changes; /* one an account, or NULL */
	size_t n_accounts;
	const struct incident_result *incident; /* or NULL */
	size_t top; /* rows shown of a family and of an incident; 0: ten */
};

/* What moved with the target, in one to three sentences. */
void report_correlate_verdict(struct str *out, const struct correlate_report *r);
/* Terminal: what it is of, the verdict, a table a family, the account, doubts; what changed, where
 * an incident is given. Within 80 columns, or the terminal's width. */
void report_correlate(struct str *out, const struct term *term, const struct correlate_report *r);

/* What changed first, and what then, in one to three sentences. */
void report_incident_verdict(struct str *out, const struct correlate_report *r);
/* Terminal: what changed during the incident alone, in the order in which it began. */
void report_incident(struct str *out, const struct term *term, const struct correlate_report *r);

/* The page of it: target and top series over one axis of time, the map of all series, the table of
 * them, the account as a waterfall, the incident as a line of onsets. */
struct report_correlate_page {
	struct report_run run;
	struct correlate_report correlate;
};

void report_correlate_html(struct str *out, const struct report_correlate_page *page);

#endif

/*
 * A profile as it is kept: a summary in the run's result, and all of it as a blob of the run
 * ("profile"; of a study "trial-N-profile"). So runs of other kinds have profiles too, and lists of
 * runs stay light.
 */
#ifndef CULPRIT_CLI_STORED_PROFILE_H
#define CULPRIT_CLI_STORED_PROFILE_H

#include <jansson.h>

#include "cli/cli.h"
#include "profile/profile.h"
#include "profile/view.h"
#include "report/report.h"
#include "sampler/sampler.h"

#define STORED_PROFILE "profile"

/* How a profile is shown: options that `profile` and `show` have in common. */
struct profile_view_options {
	int clock; /* enum profile_clock; -1: as it was when it was taken, or cpu */
	bool lines, by_thread, all, invert;
};
#define PROFILE_VIEW_OPTIONS_INIT ((struct profile_view_options){.clock = -1})
/* An option table over one of them. */
extern const struct opt PROFILE_VIEW_OPTIONS[];
struct view_options profile_view_of(
	const struct profile_view_options *o, int clock_kept, bool tasks);

/* What was asked for, as its run's specification: what is profiled, the pid where it is one (else
 * 0), how it is looked at. */
json_t *stored_profile_spec(const char *what, int64_t pid, const struct sampler_spec *looks);

/* {"clock", "about", "functions", "lines"}: what took most, by that clock, with the times of all of
 * them. */
json_t *stored_profile_summary(const struct profile *p, enum profile_clock clock);

/* The summary of a finished one as its run's result. */
json_t *stored_profile_json(
	const struct profile_report *r, enum profile_clock clock, const char *why);

/* A row a function, or a line, by falling self time of that clock. */
void stored_profile_rows_csv(
	struct str *out, const struct profile *p, enum profile_clock clock, bool lines);

/* Tables of the functions and lines that took most, for the summary of a load. */
void stored_profile_tables(
	struct str *out, const struct term *term, const struct profile *p, const char *what);

/* Puts a profile to a run that is in the store. What fails is said on stderr. */
void stored_profile_keep(
	const struct cli *cli, int64_t run, const char *name, const struct profile *p);
/* ERR_INPUT where this run has none of that name. */
int stored_profile_read(
	struct store *store, int64_t run, const char *name, struct profile **out, struct err *err);

/* "profile": all of it, into the JSON of its run. */
void stored_profile_put(struct store *store, int64_t run, json_t *whole);
/* Behind the text of a run of another kind: the tables of its profile, where it has one. */
int stored_profile_add(struct store *store, const struct run *run, const struct term *term,
	struct str *out, struct err *err);

/* A run of kind "profile", shown again. */
int stored_profile_text(struct store *store, const struct run *run,
	const struct profile_view_options *view, const struct term *term, struct str *out,
	struct err *err);
int stored_profile_html(
	struct store *store, const struct run *run, struct str *out, struct err *err);
int stored_profile_csv(
	struct store *store, const struct run *run, struct str *out, struct err *err);
/* Any run with a profile, in another tool's format: a word of PROFILE_FORMAT_WORDS. */
int stored_profile_export(
	struct store *store, const struct run *run, int format, struct str *out, struct err *err);

/* Of a service, taken during a load. */
struct profile_report stored_profile_beside(const char *what, const struct profile *p);

/* What a page says of a profile: with the sources of its hottest lines, read where they lie.
 * Release what `sources` took. */
struct profile_sources;
struct report_profile_page stored_profile_describe(
	const struct run *run, const struct profile_report *r, struct profile_sources *sources);

/* The page of a profile that has just been taken, or was read back. */
void stored_profile_page(const struct run *run, const struct profile_report *r, struct str *out);

#endif

/*
 * What is said of a correlation, an account and an incident, the same in the terminal and on the
 * page: names, times, coefficients, and the sentences that they stand in. UTF-8.
 */
#ifndef CULPRIT_REPORT_CORRELATE_WORDS_H
#define CULPRIT_REPORT_CORRELATE_WORDS_H

#include "report/report.h"

/* ---- pieces ---- */

/* A name within so many columns, its middle left out where it is longer; what a terminal would obey
 * (control characters) as "?". `mark` stands for the middle: "…". */
void correlate_words_name(struct str *out, const char *name, size_t columns, const char *mark);

/* A moment: "19:00" where all times lie on one day, "11-05 19:00", with seconds where steps are
 * shorter than a minute; UTC. Where times do not begin after 1973 they are seconds of a run, and
 * said as such: "2 m 05 s". NaN: "–". */
void correlate_words_time(struct str *out, const struct series_set *s, double time_s);
/* Is it a run's clock, from 0, or the calendar's? */
bool correlate_words_is_calendar(const struct series_set *s);
/* "2 minutes", "1 hour", "90 seconds", "1 h 30 m". */
void correlate_words_span(struct str *out, double seconds);
/* The same in a column: "2 min", "30 s", "1.5 h". */
void correlate_words_short_span(struct str *out, double seconds);

/* r with two decimals, three close to ±1; its interval "[0.78, 0.84]", nothing where there is none.
 */
void correlate_words_r(struct str *out, double r);
void correlate_words_interval(struct str *out, double r, double low, double high);
/* "0.0012", "1.2e-54", "<1e-300". */
void correlate_words_p(struct str *out, double p);
/* "66 %", "<0.1 %". */
void correlate_words_share(struct str *out, double share);
/* A value of a series, three digits. */
void correlate_words_value(struct str *out, double value);
/* A part of a change of that size, with its sign: "+61", "−9"; and whether that would be "0". */
void correlate_words_change(struct str *out, double value, double scale);
bool correlate_words_is_nothing(double value, double scale);

/* ---- rows ---- */

/* Found, and nothing speaks against it. */
bool correlate_words_sound(const struct correlate_row *row);
/* The first of its group that counts, or alone. */
bool correlate_words_leads(const struct correlate_result *r, size_t row);
/* How long before the target it moved; < 0: after. */
double correlate_words_lead_s(const struct correlate_report *r, const struct correlate_row *row);
const char *correlate_words_series(const struct correlate_report *r, size_t series);

/* Families in the order of their best rows. */
struct correlate_family {
	const char *name; /* "" where there is one */
	size_t looked_at, found;
	size_t best; /* row */
};
/* `of`: of each row its family; may be NULL. free(). */
struct correlate_family *correlate_words_families(
	const struct correlate_report *r, size_t *n, size_t *of);

/* What is drawn of a series: the values themselves, or means of stretches of them. NULL where none
 * are kept. */
struct correlate_course {
	const double *values;
	size_t n;
	double start_s, step_s;
};
bool correlate_words_course(
	struct correlate_course *out, const struct correlate_report *r, size_t series);

/* ---- sentences; each says whether there was anything to say ---- */

/* "3,000 series × 1,440 times, every 1 minute, 2018-11-05 00:00 to 23:59 UTC" */
void correlate_words_extent(struct str *out, const struct correlate_report *r);
/* "steps differed and were put onto one; 3 gaps; 2 counters became rates, 1 reset; …" */
bool correlate_words_done(struct str *out, const struct correlate_report *r);
/* How it was compared, and over how many tests. */
void correlate_words_method(struct str *out, const struct correlate_report *r);
/* The verdict, its first statement (without the full stop) apart. */
void correlate_words_verdict(struct str *head, struct str *rest, const struct correlate_report *r);
/* The i-th warning; false behind the last. */
bool correlate_words_doubt(struct str *out, const struct correlate_report *r, size_t i);

/* What the account `which` says: "total rose by 84 ms, from 120 to 204 (19:00 to 21:20 against
 * 16:40 to 19:00): latency of apps/data +61, …"; false where there is none. */
bool correlate_words_account(struct str *out, const struct correlate_report *r, size_t which);

/* One term of an account. */
struct correlate_term {
	size_t part;
	bool mix; /* else latency */
	double value;
};
/* By falling size, mix only where there are weights; free(). */
struct correlate_term *correlate_words_terms(
	const struct correlate_report *r, size_t which, size_t *n);
/* "latency of apps/data", "mix of sparkline"; of a sum the part's name alone. */
void correlate_words_term(struct str *out, const struct account *a, const struct correlate_term *t);

/* "19:00 to 21:20 (2 h 20 m), held against the 4 hours before" */
void correlate_words_incident(struct str *out, const struct correlate_report *r);
void correlate_words_incident_verdict(
	struct str *head, struct str *rest, const struct correlate_report *r);

#endif

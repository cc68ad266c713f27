/*
 * What there is to say about a load, the same in the terminal and on the page: what was asked, the
 * rate with its interval, what limited it where that was not the service, and what to do about it.
 */
#ifndef CULPRIT_REPORT_LOAD_WORDS_H
#define CULPRIT_REPORT_LOAD_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "load/load.h"
#include "report/report.h"

/* "GET http://127.0.0.1:5001/ and 3 more", "scenario shop.yaml" */
void load_words_what(struct str *out, const struct load_spec *spec);
/* "50 connections, 2,000 requests/s asked (poisson), HTTP/2" */
void load_words_how(struct str *out, const struct load_spec *spec);

/* "205,600 requests/s ± 0.8 %"; without the interval where it is not known. */
void load_words_rate(struct str *out, const struct load_spec *spec, const struct load_result *r);
/* "2,056,212 answers in 10.0 s", and what the schedule asked for. */
void load_words_count(struct str *out, const struct load_spec *spec, const struct load_result *r);
/* "1.3 s left out by rule"; false where nothing was. */
bool load_words_warmup(struct str *out, const struct load_result *r);
/* "2 threads, the busiest used 45 % of a core" */
void load_words_engine(struct str *out, const struct load_result *r);
/* "h2 over TLSv1.3 (TLS_AES_256_GCM_SHA384): 50 handshakes, 49 resumed" */
void load_words_protocol(struct str *out, const struct load_result *r);
/* "12.3 MB in, 4.5 MB out, 50 connections, CPU 1.2 s (1.2 µs a request)" */
void load_words_whole(struct str *out, const struct load_result *r);

/* "pid 12 (gunicorn): 1.83 cores, 120 MB, 4,012 switches/s" of the window, from --watch; false
 * without it. */
bool load_words_watched(struct str *out, const struct load_report *l);

/* What must be known before the figures are believed, a sentence each: why TLS failed; the engine
 * or the number of connections was the limit; the rate was not steady. Sentence `i`, or false
 * behind the last. */
bool load_words_doubt(struct str *out, const struct load_report *l, size_t i);

/* What a search for the highest rate came to. */
void load_words_search(struct str *out, const struct load_report *l);

/* What to do about failures of this kind; "" where nobody can say. */
const char *load_words_mend(enum load_error kind);
/* The same, but "" where load_words_doubt() has said it better. */
const char *load_words_mend_of(enum load_error kind, const struct load_result *r);

/* "status" first, then only those that are not 200: "200: 1,204, 503: 90"; "" where all were 200.
 */
void load_words_statuses(struct str *out, const struct load_result *r);

/* Whether two distributions differ by more than a tenth of some percentile, so that a reader wants
 * both. */
bool load_words_differ(const struct hist *a, const struct hist *b);

/* Which targets are shown: all of a few; else those with most answers, with most failures, and with
 * the highest p99, in the order of the run. Indices into `shown`, at most `most`; their number. */
size_t load_words_targets(const struct load_result *r, size_t most, size_t *shown);

#endif

/* What there is to say about a recording, the same in the terminal and on the page. Each adds
 * nothing, and gives false, where nothing is known of it. */
#ifndef CULPRIT_REPORT_RECORDING_WORDS_H
#define CULPRIT_REPORT_RECORDING_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "report/report.h"

/* "3.02 s, ended with exit code 0" */
bool recording_words_span(struct str *out, const struct recording_report *r);
/* "43 % of a core, at most 98 % within 100 ms" */
bool recording_words_cpu(struct str *out, const struct recording *r);
/* "12.3 s in all: 10.1 s user, 2.2 s system" */
bool recording_words_cpu_total(struct str *out, const struct recording *r);
/* "123 MB, at most 150 MB"; proportional memory where it was recorded */
bool recording_words_memory(struct str *out, const struct recording *r);
/* "12 processes, at most 14; 40 threads, at most 44; 96 open files, at most 120" */
bool recording_words_counts(struct str *out, const struct recording *r);
/* "1.2 MB read (0.4 MB/s), 30 kB written (10 kB/s)" */
bool recording_words_disk(struct str *out, const struct recording *r);
bool recording_words_network(struct str *out, const struct recording *r);
/* "1,200/s waited, 34/s made to wait" */
bool recording_words_switches(struct str *out, const struct recording *r);
/* "1.2 threads ran or wanted to on average; 0.31 s spent waiting for a core" */
bool recording_words_waiting(struct str *out, const struct recording *r);
/* "12 % of a core; steal 0 %, something waited for a core 2 % of the time" */
bool recording_words_others(struct str *out, const struct recording *r);
/* "302 samples, one every 10 ms, none missed; used 0.2 % of a core" */
bool recording_words_recorder(struct str *out, const struct recording *r);

/* What must be known before the figures are believed, a sentence each: what was not known for want
 * of rights, many missed ticks, others' load. Sentence `i`, or false behind the last. */
bool recording_words_doubt(struct str *out, const struct recording *r, size_t i);

#endif

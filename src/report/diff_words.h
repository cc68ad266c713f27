/* What there is to say about the difference of two profiles, the same in the terminal and on the
 * page. */
#ifndef CULPRIT_REPORT_DIFF_WORDS_H
#define CULPRIT_REPORT_DIFF_WORDS_H

#include <stdbool.h>

#include "report/report.h"

/* "+3.2", "−0.4", "0.0": points of a share. */
void diff_add_points(struct str *out, double change, bool plus);
/* "[+1.2, +5.1]", or nothing where it is not known. */
void diff_add_interval(struct str *out, const struct diff_row *row);

/* The largest change, or that there is none. */
void diff_words_head(struct str *out, const struct profile_diff_report *r);
/* The others, and how much time there was in all; may be nothing. */
void diff_words_rest(struct str *out, const struct profile_diff_report *r);

#endif

/*
 * Where in the tree of a difference the functions stand whose change can be told from noise: the
 * places themselves, and those above them as far as they changed the same way.
 */
#ifndef CULPRIT_REPORT_DIFF_MARKS_H
#define CULPRIT_REPORT_DIFF_MARKS_H

#include "profile/diff.h"

enum diff_mark { DIFF_NOISE, DIFF_ABOVE, DIFF_OWN };

/* One a node; the caller's to free(). */
unsigned char *diff_marks(const struct profile_diff *d);

#endif

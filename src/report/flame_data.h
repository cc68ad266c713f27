/* What the flame graph's script (flame_*.js) draws, as JSON within the page: columns, not objects,
 * so that 100,000 nodes are some MB. No "<" is in it, whatever the names are. */
#ifndef CULPRIT_REPORT_FLAME_DATA_H
#define CULPRIT_REPORT_FLAME_DATA_H

#include "report/report.h"

/* Beyond so many nodes the smallest are booked on their caller. */
enum { FLAME_MOST_NODES = 250000 };

void flame_data_profile(struct str *out, const struct report_profile_page *page);
void flame_data_diff(struct str *out, const struct report_profile_diff_page *page);

/* The script element with the data, and the one that draws it. */
void flame_scripts(struct str *out, const char *data);
extern const char *const FLAME_STYLE;

#endif

/* The source text that the page of a profile shows beside its graph: read from the files as they
 * are now. What cannot be read is left out. */
#ifndef CULPRIT_CLI_PROFILE_SOURCES_H
#define CULPRIT_CLI_PROFILE_SOURCES_H

#include <stddef.h>

#include "profile/profile.h"
#include "report/report.h"

struct profile_sources {
	struct profile_source *items; /* file names are the profile's */
	size_t n;
};

void profile_sources_read(struct profile_sources *s, const struct profile *p);
void profile_sources_release(struct profile_sources *s);

#endif

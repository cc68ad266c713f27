/* Profiles made up, as the sampler books them: everything that a report can show is in them. */
#ifndef REPORT_PROFILE_FIXTURE_H
#define REPORT_PROFILE_FIXTURE_H

#include "profile/profile.h"

/* A service of two threads: 62 % in one function, the rest waiting in a library; names that are
 * markup, escape sequences and other alphabets. `cpu_ms` is that of the hot function. */
struct profile *profile_fixture_app(unsigned cpu_ms);

/* A recursion of so many calls, with a branch at each `branch`th. */
struct profile *profile_fixture_deep(unsigned depth, unsigned branch);

/* So many nodes in 8 threads, with moments. */
struct profile *profile_fixture_big(unsigned nodes);

/* Nothing seen. */
struct profile *profile_fixture_empty(void);

#define PROFILE_FIXTURE_HOSTILE "</script><script>alert('x' & \"y\")</script>"

#endif

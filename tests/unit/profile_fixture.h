/* Profiles for tests: a small one by hand, and random ones, recursion included. */
#ifndef CULPRIT_TESTS_PROFILE_FIXTURE_H
#define CULPRIT_TESTS_PROFILE_FIXTURE_H

#include "profile/profile.h"

/* For loops: Check's own writes a message to a file each time, held or not. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg("%s", #condition);                                            \
	} while (0)

/* Two processes, three threads, a task; recursion, direct and through another function; names with
 * quotes, semicolons, spaces; lambdas that share name and file; every clock; moments. */
struct profile *fixture_profile(void);

/* Of about so many nodes; the same for the same seed. */
struct profile *fixture_random_profile(uint64_t seed, size_t nodes);

uint64_t fixture_total(const struct profile *p, enum profile_clock clock);

#endif

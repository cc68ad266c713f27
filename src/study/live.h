/*
 * Levers that take hold of a service as it runs: proxies before its dependencies, the number of
 * workers, CPU quota, memory limit, cores. Each is verified to hold before a trial counts; what was
 * seen is in the trial's detail.
 */
#ifndef CULPRIT_STUDY_LIVE_H
#define CULPRIT_STUDY_LIVE_H

#include "study/fleet.h"
#include "study/setting.h"

struct live;

/* Before the service starts: proxies listen, the cgroup is there. ERR_SYSTEM or ERR_BUSY where this
 * machine does not let it. */
int live_open(struct live **out, const struct study *s, struct err *err);
void live_close(struct live *l); /* NULL is allowed */

/* The file that the service's first process enters its cgroup by; NULL: there is none. */
const char *live_cgroup_procs(const struct live *l);

/* Before a trial, the service being ready and idle: makes the setting hold, sees that it does, and
 * adds what was seen to `seen` (factor → text). ERR_SERVICE where the service does not follow. */
int live_apply(struct live *l, const struct setting *t, const struct fleet *f,
	const atomic_bool *stop, json_t *seen, struct err *err);

/* What the setting allows: cores by quota or pinning, workers by signal; NaN where there is no such
 * lever. And how long the quota held the service back since live_apply(). */
double live_allowed_cores(const struct live *l);
double live_workers(const struct live *l);
double live_throttled_s(const struct live *l);

/* After it: ERR_SERVICE where a proxy's upstream went away meanwhile; adds what the proxies counted
 * and how long the quota throttled to `detail`. */
int live_account(struct live *l, json_t *detail, struct err *err);

#endif

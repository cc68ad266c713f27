/* One trial: load under one setting, with an account of whose CPU time was spent. */
#ifndef CULPRIT_STUDY_TRIAL_H
#define CULPRIT_STUDY_TRIAL_H

#include "proc/machine.h"
#include "study/setting.h"

/* What was seen of a trial's machine between two readings. */
struct trial_cpu {
	struct cpu_times before, after;
	uint64_t begin_ns, end_ns;
	bool known_service; /* culprit started it, so its share is known */
	double allowed;     /* cores that it may use, by a quota or by pinning; NaN: all */
	double workers;     /* that serve, by the lever; NaN: not known */
	double throttled_s; /* that a quota held it back */
};

/* Shares beyond which a trial says so. */
#define TRIAL_OTHERS_SHARE .10 /* of the machine, used by other processes */
#define TRIAL_ENGINE_CORE  .90 /* of a core, used by the busiest load thread */
#define TRIAL_STEAL_SHARE  .05 /* of the machine, taken by the hypervisor */

/* Fills ok, responses and detail of a trial whose load was run. */
void trial_judge(struct trial *t, const struct study *s, const struct load_spec *load,
	const struct load_result *r, const struct trial_cpu *cpu);

/* The same for a trial that failed before or beside its load: `note` says why. */
void trial_fail(struct trial *t, const struct study *s, const char *note);

#endif

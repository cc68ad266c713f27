/* What the rules for warm-up, length and steadiness look at, slice by slice: the rate in the closed
 * loop; in the open loop, where the rate is given, the mean latency. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "load/load_internal.h"

void load_series_init(struct load_series *s, const struct load_plan *plan,
	const struct load_slice *slices, size_t n)
{
	double users = (double)plan->groups * (double)plan->depth;
	bool open = plan->schedule.n > 0;

	*s = (struct load_series){
		.values = mem_alloc(n + 1, sizeof(*s->values)),
		.busy = mem_alloc(n + 1, sizeof(*s->busy)),
	};
	for (size_t i = 0; i < n; i++) {
		const struct load_slice *slice = &slices[i];

		s->values[i] = (double)slice->completed;
		s->busy[i] = slice->latency_sum / NS_PER_S;
		if (open)
			s->values[i] = slice->ended ? slice->latency_sum / (double)slice->ended
						    : (i ? s->values[i - 1] : 0);
	}
	s->slices = (struct enough_slices){
		.y = s->values,
		/* users of a scenario think, too */
		.busy = open || plan->spec->scenario ? NULL : s->busy,
		.users_s = users / LOAD_SLICES_A_SECOND,
		.n = n,
	};
}

void load_series_release(struct load_series *s)
{
	free(s->values);
	free(s->busy);
	*s = (struct load_series){0};
}

void load_rule_init(struct enough *e, const struct load_plan *plan)
{
	*e = (struct enough){
		.precision = plan->spec->precision,
		.least = (size_t)(plan->spec->min_duration_ns / (NS_PER_S / LOAD_SLICES_A_SECOND)),
		.cuts = plan->spec->warmup_ns == OPT_AUTO_NS && !plan->requests &&
			!plan->spec->stages,
		.ends = LOAD_SEGMENT_ENDS,
		.n_ends = LOAD_SEGMENT_LAST - LOAD_SEGMENT_0,
	};
}

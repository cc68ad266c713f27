/* The coefficient at each lag, for a plot. */
#include <math.h>

#include "correlate/correlate_work.h"

void correlate_lags(
	const struct series_set *s, const struct correlate_spec *spec, size_t series, double *r)
{
	long max_lag = (long)spec->max_lag;
	struct corr_axis axis;
	struct corr_values x, target, given;
	struct corr_scratch w;

	corr_axis_init(&axis, s, spec->method);
	corr_values_init(&x, axis.n);
	corr_values_init(&target, axis.n);
	corr_values_init(&given, axis.n);
	corr_scratch_init(&w, axis.n);
	if (spec->given < s->n) {
		corr_prepare(&axis, s->items[spec->given].values, &given, &w);
		axis.given = &given;
	}
	corr_fit(&axis, s->items[spec->target].values, &target, &w);
	corr_prepare(&axis, s->items[series].values, &x, &w);
	for (long lag = -max_lag; lag <= max_lag; lag++)
		r[lag + max_lag] = corr_pair_r(&axis, &x, &target, lag);
	corr_scratch_release(&w);
	corr_values_release(&given);
	corr_values_release(&target);
	corr_values_release(&x);
	corr_axis_release(&axis);
}

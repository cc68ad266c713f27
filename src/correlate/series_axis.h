/*
 * Inside of src/correlate's readers: the one time axis, and what puts values on it. A cell is a
 * step of it: all times that are nearer to its time than to any other's.
 */
#ifndef CULPRIT_CORRELATE_SERIES_AXIS_H
#define CULPRIT_CORRELATE_SERIES_AXIS_H

#include "correlate/series.h"

struct series_axis {
	double start_s, step_s;
	size_t n;
};

/* The distance that most neighbours of rising, different times have: the middle of the fullest
 * window that is 5 % wide, as a round number (three digits) where they waver. 0: n < 2. `spare` has
 * room for n. */
double series_step(const double *time_s, size_t n, double *spare);

/* From the first and the last time, and `on_s`, a time that lies on it. ERR_INPUT where it would
 * have one time, be longer than SERIES_TIMES_MAX, or more than values_max for n_series. step_s > 0.
 */
int series_axis_make(struct series_axis *a, double first_s, double last_s, double on_s,
	double step_s, size_t n_series, uint64_t values_max, struct err *err);

/* The cell of a time between first_s and last_s. */
static inline size_t series_axis_cell(const struct series_axis *a, double time_s)
{
	double cell = (time_s - a->start_s) / a->step_s + .5;

	return cell <= 0 ? 0 : cell >= (double)a->n ? a->n - 1 : (size_t)cell;
}

/* Does a time lie beside the axis by more than a hundredth of a step? */
bool series_axis_beside(const struct series_axis *a, double time_s);

/* A counter's values, at these times (NaN: as values), to what it grew a second since the value
 * before, in place; the first becomes NaN. Returns how often it fell. */
size_t series_rates(double *values, const double *time_s, size_t n);

/* "2026-11-21 19:00:00 UTC", for messages. */
char *series_time_text(double time_s, char out[40]);

#endif

/* When a series began to move: the moment of a step in autocorrelated noise. */
#ifndef CULPRIT_CORRELATE_INCIDENT_ONSET_H
#define CULPRIT_CORRELATE_INCIDENT_ONSET_H

#include <stdbool.h>
#include <stddef.h>

enum { ONSET_MAX = 2048 }; /* values looked at */

struct onset {
	size_t at, low, high; /* indices: the likeliest, and an interval that holds 95 % */
	size_t sure;          /* it had begun by then, but for `doubt` */
	double strength;      /* squared size of the step there over its standard error */
	bool up;
};

/*
 * Of n values (none NaN, n ≤ ONSET_MAX), of which those before `calm` are before the change. The
 * noise is taken as AR(1) around a line; the posterior of the moment under a flat prior, the step's
 * size and the line integrated out (Smith 1975, for AR(1) by whitening).
 */
void onset_find(struct onset *out, const double *x, size_t n, size_t calm, double doubt);

#endif

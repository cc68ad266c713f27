/*
 * Has a measurement that still runs told enough? Asked after each new slice of time, it says when
 * the interval of the mean is as narrow as was wanted, what must be left out as warm-up taken into
 * account. How it came to be so, and how often it errs, is in docs/methods.md.
 *
 * Who looks again and again and stops at the first narrow interval stops at a lucky one: the width
 * is itself an estimate. So the width must have held for a while: for at least three looks, and for
 * a share of what is kept (Law and Carson, "A sequential procedure for determining the length of a
 * steady-state simulation", Operations Research 27 (1979) 1011, for batch means with a stopping
 * rule; Singham and Schruben, "Finite-sample performance of absolute precision stopping rules",
 * INFORMS J. on Computing 24 (2012) 624, for how far the naive rule falls short).
 */
#ifndef CULPRIT_STATS_ENOUGH_H
#define CULPRIT_STATS_ENOUGH_H

#include <stdbool.h>
#include <stddef.h>

#include "stats/steady.h"

/* Slices of equal length, so far. */
struct enough_slices {
	const double *y;    /* what is measured */
	const double *busy; /* of a closed loop whose users do nothing but wait: seconds that the
			       requests took that completed in the slice; else NULL */
	double users_s;     /* seconds that all users together have in a slice */
	size_t n;
};

struct enough {
	/* what is wanted */
	double precision;   /* half width of the 95 % interval, relative to the mean: .05 */
	size_t least;       /* so many slices at least, what is cut included */
	bool cuts;          /* leave out a warm-up by rule */
	const size_t *ends; /* where a cut may end, slices, ascending */
	size_t n_ends;
	/* what is known; begins as zero */
	size_t n;    /* slices that were looked at last */
	size_t held; /* looks in a row, up to the last, at which the interval was narrow enough */
	size_t cut;  /* to be left out */
	struct steady steady; /* of the rest */
};

/* Fewer slices behind the cut are never enough. */
enum { ENOUGH_LEAST = 20 };

/* Looks at the slices s; once for each new one. True where that is enough. */
bool enough_judge(struct enough *e, const struct enough_slices *s);

/* How many slices are warm-up: MSER-5 (stats/steady.h) without its guards, since what it costs is
 * only time, rounded up to one of `ends` within six tenths of n. */
size_t enough_cut(const struct enough *e, const struct enough_slices *s);

/*
 * The slices from `skip` on as they are to be judged, into out[0 … s->n − skip).
 *
 * In a closed loop the count of a slice varies for a reason that does not touch the rate in the
 * long run: a user whose request took long has fewer answers in this slice, as it was waiting. By
 * Little's law (Operations Research 9 (1961) 383) the mean of `busy` is users_s exactly, so its
 * deviation, times count per busy second, is taken off the count: a control variate whose
 * coefficient is known. What is left has the same mean and the same long-run variance, but is
 * hardly correlated, so that a few seconds show how sure it is. Where the law does not hold within
 * `tolerance` (users fail and back off; the service stands still just now) counts stay as they are.
 */
void enough_series(double *out, const struct enough_slices *s, size_t skip, double tolerance);

#endif

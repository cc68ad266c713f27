/*
 * Times as people and programs write them.
 *
 * Numbers: Unix seconds, or milli-, micro- or nanoseconds where they are too large for those.
 * Dates: 2026-11-21, 2026/11/21, 20261121T190000, 21.11.2026, 21 Nov 2026, Nov 21, 2026,
 * 21/Nov/2026:19:00:00, Sat, 21 Nov 2026; 11/21/2026 and 21/11/2026 where a column tells which.
 * Then a time of the day, or none: 19:00, 19:00:05.25, 7:00 PM; then Z, UTC, GMT, +02:00, +0200,
 * +02, or none, which is local time.
 */
#ifndef CULPRIT_CORRELATE_SERIES_TIME_H
#define CULPRIT_CORRELATE_SERIES_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Which comes first in 11/12/2026? */
enum series_time_order { TIME_MONTH_FIRST, TIME_DAY_FIRST };

struct series_time {
	double time_s; /* since 1970, UTC; where it is local, as if UTC were the local time */
	bool local;
	bool number;       /* it was one */
	bool either;       /* it has the form that an order is needed for */
	bool month_cannot; /* … and its first number is no month: above 12 */
	bool day_cannot;   /* … and its second one is not */
};

/* All of the text must be a time. An `either` that cannot have the order asked for is read in the
 * other one. */
bool series_time_parse(
	const char *p, size_t len, enum series_time_order order, struct series_time *out);

/* ---- zones ---- */

struct series_zone;

/* "UTC", "+02:00", "-0330", or a name of the system's time zone database, "Europe/Berlin". NULL is
 * UTC. ERR_USAGE says what is wrong. */
int series_zone_open(struct series_zone **out, const char *name, struct err *err);
void series_zone_free(struct series_zone *z);

/*
 * Local time to UTC, both in seconds since 1970: how many times have it. 1: out[0]. 2: clocks were
 * put back; out[0] < out[1]. 0: they were put forward over it; out[0] is what it would be had they
 * not been yet (02:30 becomes 03:30 summer time).
 */
int series_zone_utc(const struct series_zone *z, int64_t local_s, int64_t out[2]);

#endif

/*
 * Numbers from outside, parsed strictly: the whole text must be the number, and it must lie in the
 * range. `what` names the thing in the message: "--connections", "line 7: trials". And numbers for
 * people: with unit, and no more digits than they carry.
 */
#ifndef CULPRIT_BASE_NUM_H
#define CULPRIT_BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

int num_parse_int(const char *text, int64_t min, int64_t max, const char *what, int64_t *out,
	struct err *err);
int num_parse_real(
	const char *text, double min, double max, const char *what, double *out, struct err *err);

/* "250ms", "10s", "1.5m", "2h", "80us", "5ns"; a bare number is seconds. Result in nanoseconds. */
int num_parse_duration(const char *text, uint64_t min_ns, uint64_t max_ns, const char *what,
	uint64_t *out_ns, struct err *err);

/* "64", "16k", "1.5M", "2G" with steps of 1,024; an ending B or iB is allowed. Result in bytes. */
int num_parse_size(const char *text, uint64_t min_bytes, uint64_t max_bytes, const char *what,
	uint64_t *out_bytes, struct err *err);

/*
 * A decimal number at p, at most end: "12", "-0.5", "1e-3", "nan", "inf" as strtod reads them in
 * the C locale, hexadecimal not. Returns the byte after it, or NULL when there is none. Does not
 * need a NUL; the result is the nearest double.
 */
const char *num_scan(const char *p, const char *end, double *out);

enum { NUM_TEXT = 32 };

/* For people, into `out`, which is returned. */
char *num_duration(double seconds, char out[NUM_TEXT]); /* "1.24 s", "873 µs", "2 m 05 s" */
char *num_bytes(double bytes, char out[NUM_TEXT]);      /* "1.2 MB" (powers of 1,000) */
char *num_count(double value, char out[NUM_TEXT]);      /* "12,345"; no fraction */
char *num_short(double value, char out[NUM_TEXT]); /* 4 significant digits: "0.01234", "1,235" */

#endif

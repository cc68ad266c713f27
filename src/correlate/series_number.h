/*
 * A decimal number from text, fast and as near as there is: always what strtod() gives.
 *
 * Up to 19 digits are a whole number in 64 bits. Where that and the power of ten are both exact as
 * doubles, one division rounds once (Clinger, "How to read floating point numbers accurately", PLDI
 * 1990). Where they are exact in the 64 bits of an x87 long double, there would be two roundings;
 * the second goes wrong only where the first gives the exact middle of two doubles, and then, as
 * for all the rest, strtod() is asked.
 */
#ifndef CULPRIT_CORRELATE_SERIES_NUMBER_H
#define CULPRIT_CORRELATE_SERIES_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERIES_NUMBER_MAX = 400 }; /* bytes; what is longer is taken for no number */

/* A number at p, before a byte that is no part of one (a separator, a line's end, a NUL): the byte
 * after it; NULL: it is none, or none of the simple kind. "12", "-.5", "5.", "1e-3"; not "inf",
 * "nan", hexadecimal. */
static inline const char *series_number(const char *p, double *out);

/* Any number that is all of these bytes; false: it is none. */
bool series_number_all(const char *p, size_t len, double *out);

/* ---- inside ---- */

bool series_number_hard(uint64_t digits, int scale, double *out);
extern const double SERIES_TENS[23];

static inline const char *series_number(const char *p, double *out)
{
	const char *s = p + (*p == '-' || *p == '+'), *first = s, *dot;
	uint64_t digits = 0;
	long count, scale = 0;
	unsigned d;
	double value;

	for (; (d = (unsigned)(*s - '0')) < 10; s++)
		digits = digits * 10 + d;
	count = s - first;
	if (*s == '.') {
		dot = ++s;
		for (; (d = (unsigned)(*s - '0')) < 10; s++)
			digits = digits * 10 + d;
		scale = dot - s;
		count -= scale;
	}
	if (!count || count > 19)
		return NULL;
	if ((*s | 32) == 'e') {
		const char *e = s + 1;
		bool minus = *e == '-';
		long exponent = 0;

		e += *e == '-' || *e == '+';
		if ((unsigned)(*e - '0') >= 10)
			return NULL;
		for (; (d = (unsigned)(*e - '0')) < 10; e++)
			exponent = exponent < 10000 ? exponent * 10 + (long)d : exponent;
		scale += minus ? -exponent : exponent;
		s = e;
	}
	if (digits <= UINT64_C(1) << 53 && scale >= -22 && scale <= 22)
		value = scale < 0 ? (double)digits / SERIES_TENS[-scale]
				  : (double)digits * SERIES_TENS[scale];
	else if (!series_number_hard(digits, (int)scale, &value))
		return NULL;
	*out = *p == '-' ? -value : value;
	return s;
}

#endif

#include "correlate/series_number.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

const double SERIES_TENS[23] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
	1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

#if LDBL_MANT_DIG == 64 && defined(__x86_64__)
/* 5^27 is below 2^64, so these are exact. */
static const long double LONG_TENS[28] = {1e0L, 1e1L, 1e2L, 1e3L, 1e4L, 1e5L, 1e6L, 1e7L, 1e8L,
	1e9L, 1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L, 1e21L,
	1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};

bool series_number_hard(uint64_t digits, int scale, double *out)
{
	enum { BELOW = (1 << 11) - 1, MIDDLE = 1 << 10 }; /* the bits that a double has not */
	long double value;
	uint64_t bits;

	if (scale < -27 || scale > 27 || !digits)
		return false;
	value = scale < 0 ? (long double)digits / LONG_TENS[-scale]
			  : (long double)digits * LONG_TENS[scale];
	memcpy(&bits, &value, sizeof(bits));
	*out = (double)value;
	return (bits & BELOW) != MIDDLE;
}
#else
bool series_number_hard(uint64_t digits, int scale, double *out)
{
	(void)digits;
	(void)scale;
	(void)out;
	return false;
}
#endif

/* Is it a number as strtod() has them, all of it, and of the decimal kind? */
static bool is_decimal(const char *s)
{
	size_t before, behind = 0;

	s += *s == '-' || *s == '+';
	before = strspn(s, "0123456789");
	s += before;
	if (*s == '.') {
		s++;
		behind = strspn(s, "0123456789");
		s += behind;
	}
	if (!before && !behind)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		before = strspn(s, "0123456789");
		if (!before)
			return false;
		s += before;
	}
	return !*s;
}

bool series_number_all(const char *p, size_t len, double *out)
{
	char copy[SERIES_NUMBER_MAX + 1];
	const char *end;

	if (!len || len > SERIES_NUMBER_MAX)
		return false;
	memcpy(copy, p, len);
	copy[len] = '\0';
	if (strlen(copy) != len)
		return false;
	end = series_number(copy, out);
	if (end)
		return end == copy + len;
	if (!is_decimal(copy))
		return false;
	*out = strtod(copy, NULL);
	return true;
}

#include "base/num.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int num_parse_int(
	const char *text, int64_t min, int64_t max, const char *what, int64_t *out, struct err *err)
{
	char *end;

	errno = 0;
	long long value = strtoll(text, &end, 10);

	if (end == text || *end || isspace((unsigned char)text[0]))
		return err_set(err, ERR_USAGE, "%s: '%s' is not a whole number", what, text);
	if (errno == ERANGE || value < min || value > max)
		return err_set(err, ERR_USAGE,
			"%s: %s is out of range, it takes %" PRId64 " to %" PRId64, what, text, min,
			max);
	*out = value;
	return 0;
}

/* Exact powers of ten: 10^22 is the largest that a double holds without rounding. */
static const double TENS[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
	1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static const char *scan_slow(const char *p, const char *end, double *out)
{
	char copy[512];
	size_t len = (size_t)(end - p) < sizeof(copy) - 1 ? (size_t)(end - p) : sizeof(copy) - 1;
	char *after;

	memcpy(copy, p, len);
	copy[len] = '\0';
	*out = strtod(copy, &after);
	return after == copy ? NULL : p + (after - copy);
}

const char *num_scan(const char *p, const char *end, double *out)
{
	const char *s = p;
	uint64_t digits = 0;
	int count = 0, scale = 0;
	bool negative = false;

	if (s < end && (*s == '-' || *s == '+'))
		negative = *s++ == '-';
	const char *first = s;

	for (; s < end && (unsigned)(*s - '0') < 10; s++, count++)
		digits = digits * 10 + (unsigned)(*s - '0');
	if (s < end && *s == '.') {
		const char *dot = ++s;

		for (; s < end && (unsigned)(*s - '0') < 10; s++, count++)
			digits = digits * 10 + (unsigned)(*s - '0');
		scale = -(int)(s - dot);
	}
	if (!count)
		return first < end && strchr("nNiI", *first) ? scan_slow(p, end, out) : NULL;
	if (s < end && (*s == 'e' || *s == 'E')) {
		const char *e = s + 1;
		bool minus = false;
		int exponent = 0;

		if (e < end && (*e == '-' || *e == '+'))
			minus = *e++ == '-';
		if (e < end && (unsigned)(*e - '0') < 10) {
			for (; e < end && (unsigned)(*e - '0') < 10; e++)
				exponent = exponent < 10000 ? exponent * 10 + (*e - '0') : exponent;
			scale += minus ? -exponent : exponent;
			s = e;
		}
	}
	/* Clinger's fast path: both the digits and the power are exact, so one rounding is all. */
	if (count > 18 || digits > (UINT64_C(1) << 53) || scale < -22 || scale > 22)
		return scan_slow(p, end, out);
	double value = scale < 0 ? (double)digits / TENS[-scale] : (double)digits * TENS[scale];

	*out = negative ? -value : value;
	return s;
}

int num_parse_real(
	const char *text, double min, double max, const char *what, double *out, struct err *err)
{
	double value;
	const char *end = text + strlen(text), *after = num_scan(text, end, &value);

	if (after != end || !isfinite(value))
		return err_set(err, ERR_USAGE, "%s: '%s' is not a number", what, text);
	if (value < min || value > max)
		return err_set(err, ERR_USAGE, "%s: %s is out of range, it takes %g to %g", what,
			text, min, max);
	*out = value;
	return 0;
}

struct unit {
	const char *name;
	double factor;
};

static const struct unit DURATIONS[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3},
	{"µs", 1e3}, {"ns", 1}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9},
	{NULL, 0}};
static const struct unit SIZES[] = {{"", 1}, {"k", 1024.}, {"m", 1048576.}, {"g", 1073741824.},
	{"t", 1099511627776.}, {NULL, 0}};

static int unit_parse(const char *text, const struct unit *units, const char *takes, double min,
	double max, const char *what, double *out, struct err *err)
{
	char unit[8] = "";
	double value;
	const char *end = text + strlen(text), *after = num_scan(text, end, &value);

	if (!after || end - after >= (long)sizeof(unit) || !(value >= 0) || isinf(value))
		return err_set(err, ERR_USAGE, "%s: '%s' is not %s", what, text, takes);
	memcpy(unit, after, (size_t)(end - after) + 1);
	if (units == SIZES) {
		for (char *c = unit; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		if (strlen(unit) > 1 && !strcmp(unit + strlen(unit) - 2, "ib"))
			unit[strlen(unit) - 2] = '\0';
		else if (unit[0] && unit[strlen(unit) - 1] == 'b')
			unit[strlen(unit) - 1] = '\0';
	}
	for (; units->name; units++) {
		if (strcmp(units->name, unit))
			continue;
		value *= units->factor;
		if (value < min || value > max)
			return err_set(err, ERR_USAGE, "%s: %s is out of range", what, text);
		*out = value;
		return 0;
	}
	return err_set(err, ERR_USAGE, "%s: '%s' is not %s", what, text, takes);
}

int num_parse_duration(const char *text, uint64_t min_ns, uint64_t max_ns, const char *what,
	uint64_t *out_ns, struct err *err)
{
	double value = 0;
	int rc = unit_parse(
		text, DURATIONS, "a duration such as 250ms, 10s or 2m", 0, 9e18, what, &value, err);

	if (rc)
		return rc;
	uint64_t ns = (uint64_t)(value + .5);

	if (ns < min_ns || ns > max_ns) {
		char low[NUM_TEXT], high[NUM_TEXT];

		return err_set(err, ERR_USAGE, "%s: %s is out of range, it takes %s to %s", what,
			text, num_duration((double)min_ns / 1e9, low),
			num_duration((double)max_ns / 1e9, high));
	}
	*out_ns = ns;
	return 0;
}

int num_parse_size(const char *text, uint64_t min_bytes, uint64_t max_bytes, const char *what,
	uint64_t *out_bytes, struct err *err)
{
	double value = 0;
	int rc = unit_parse(text, SIZES, "a size such as 512, 16k or 2M", (double)min_bytes,
		(double)max_bytes, what, &value, err);

	if (!rc)
		*out_bytes = (uint64_t)(value + .5);
	return rc;
}

/* Three or four significant digits, without an exponent, for 1 <= |v| < 1000. */
static int decimals(double v, int significant)
{
	double a = fabs(v);
	int before = a < 9.9995 ? 1 : a < 99.995 ? 2 : a < 999.95 ? 3 : 4;

	return significant > before ? significant - before : 0;
}

char *num_duration(double seconds, char out[NUM_TEXT])
{
	double a = fabs(seconds);

	if (isnan(seconds))
		snprintf(out, NUM_TEXT, "–");
	else if (a == 0)
		snprintf(out, NUM_TEXT, "0 s");
	else if (a < 999.5e-9)
		snprintf(out, NUM_TEXT, "%.0f ns", seconds * 1e9);
	else if (a < 999.5e-6)
		snprintf(out, NUM_TEXT, "%.*f µs", decimals(a * 1e6, 3), seconds * 1e6);
	else if (a < .9995)
		snprintf(out, NUM_TEXT, "%.*f ms", decimals(a * 1e3, 3), seconds * 1e3);
	else if (a < 59.95)
		snprintf(out, NUM_TEXT, "%.*f s", decimals(a, 3), seconds);
	else if (a < 3599.5)
		snprintf(out, NUM_TEXT, "%d m %02d s", (int)((seconds + .5) / 60),
			(int)fmod(seconds + .5, 60));
	else
		snprintf(out, NUM_TEXT, "%" PRId64 " h %02d m", (int64_t)((seconds + 30) / 3600),
			(int)(fmod(seconds + 30, 3600) / 60));
	return out;
}

char *num_bytes(double bytes, char out[NUM_TEXT])
{
	static const char *const UNITS[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	size_t i = 0;

	while (fabs(bytes) >= 999.5 && i + 1 < sizeof(UNITS) / sizeof(UNITS[0])) {
		bytes /= 1000;
		i++;
	}
	snprintf(out, NUM_TEXT, "%.*f %s", i ? decimals(bytes, 3) : 0, bytes, UNITS[i]);
	return out;
}

/* Puts a comma between groups of three digits of the integer part, in place. */
static void add_commas(char out[NUM_TEXT])
{
	size_t sign = out[0] == '-', whole = strcspn(out + sign, ".") + sign;

	for (size_t at = whole; at > sign + 3;) {
		at -= 3;
		size_t len = strlen(out);

		if (len + 2 > NUM_TEXT)
			return;
		memmove(out + at + 1, out + at, len - at + 1);
		out[at] = ',';
	}
}

char *num_count(double value, char out[NUM_TEXT])
{
	if (!isfinite(value) || fabs(value) >= 1e18)
		snprintf(out, NUM_TEXT, isnan(value) ? "–" : "%.3g", value);
	else {
		snprintf(out, NUM_TEXT, "%.0f", value);
		add_commas(out);
	}
	return out;
}

char *num_short(double value, char out[NUM_TEXT])
{
	double a = fabs(value);

	if (isnan(value))
		snprintf(out, NUM_TEXT, "–");
	else if (a != 0 && (a < 1e-4 || a >= 1e9))
		snprintf(out, NUM_TEXT, "%.3g", value);
	else if (a >= 999.95) {
		snprintf(out, NUM_TEXT, "%.0f", value);
		add_commas(out);
	} else
		snprintf(out, NUM_TEXT, "%.4g", value);
	return out;
}

/* Numbers as strtod() has them; times in their forms; zones as the C library has them. */
#include "correlate/series_time.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "correlate/series_number.h"
#include "guard.h"
#include "unit.h"

/* ---- numbers ---- */

static size_t by_fast_way; /* so that a test knows that it tested it */

static void check_number(const char *text)
{
	double expected = strtod(text, NULL), all = 0, fast = 0;
	const char *end = series_number(text, &fast);

	/* Check writes each assertion down: only those that fail */
	if (!series_number_all(text, strlen(text), &all) || memcmp(&all, &expected, sizeof(all)))
		ck_abort_msg("'%s': %.17g, not %.17g", text, all, expected);
	if (!end)
		return;
	by_fast_way++;
	if (*end || memcmp(&fast, &expected, sizeof(fast)))
		ck_abort_msg("'%s': %.17g, not %.17g", text, fast, expected);
}

static size_t long_form(size_t n)
{
	return getenv("CULPRIT_LONG") ? 50 * n : n;
}

START_TEST(numbers_as_strtod)
{
	struct rng r;
	char text[64];
	size_t n = long_form(150000), total = 0;

	rng_seed(&r, 6, 10);
	for (size_t i = 0; i < n; i++) {
		uint64_t bits = rng_next(&r);
		double value;

		memcpy(&value, &bits, sizeof(value)); /* of any size, as they print */
		if (isfinite(value)) {
			snprintf(text, sizeof(text), "%.*g", (int)(1 + rng_below(&r, 20)), value);
			check_number(text);
			total++;
		}
		value = (rng_uniform(&r) - .3) * pow(10, (double)rng_below(&r, 12));
		snprintf(text, sizeof(text), "%.*f", (int)rng_below(&r, 10), value);
		check_number(text);
		snprintf(text, sizeof(text), "%.17g", value); /* what programs write */
		check_number(text);
		snprintf(text, sizeof(text), "%" PRIu64 "e%d", rng_next(&r) >> rng_below(&r, 60),
			(int)rng_below(&r, 60) - 30);
		check_number(text);
		total += 3;
	}
#if defined(__x86_64__)
	/* nearly all of what is no random bit pattern, and those are a quarter */
	ck_assert_uint_gt(by_fast_way, total * 2 / 3);
#else
	/* without x87's long double: what has 53 bits, so hardly any of %.17g */
	ck_assert_uint_gt(by_fast_way, total / 3);
#endif
}
END_TEST

/* The middle of two doubles, and one digit beside it: where the last bit hangs on all digits. */
START_TEST(numbers_in_the_middle)
{
	struct rng r;
	char text[128];

	rng_seed(&r, 6, 11);
	for (size_t i = 0; i < long_form(40000); i++) {
		/* of 54 bits the last is half a unit: exact as a whole number, or over 2^k */
		uint64_t odd = (UINT64_C(1) << 53 | rng_next(&r) >> 11) | 1;
		int k = (int)rng_below(&r, 8);

		snprintf(text, sizeof(text), "%" PRIu64, odd);
		check_number(text);
		snprintf(text, sizeof(text), "%" PRIu64 ".0000000000000000000001", odd);
		check_number(text);
		snprintf(text, sizeof(text), "%.*Lf", k, (long double)odd / (1 << k));
		check_number(text);
		snprintf(text, sizeof(text), "%" PRIu64 "e%d", odd, (int)rng_below(&r, 40) - 20);
		check_number(text);
	}
}
END_TEST

START_TEST(numbers_that_are_hard)
{
	static const char *const GOOD[] = {"0", "-0", "+0", "00012", ".5", "5.", "-.5e-3", "1e0",
		"1E+05", "9007199254740993", "9007199254740992.5", "18446744073709551615",
		"9999999999999999999", "99999999999999999999", "0.1", "1e22", "1e23", "1e-22",
		"1e-27", "123456789012345678e-27", "4.9e-324", "2.4703282292062327e-324", "1e-400",
		"1.7976931348623157e308", "1e400", "-1e400", "0e999999999999",
		"2.2250738585072011e-308",
		"0.000000000000000000000000000000000000000000000000012345", "1e99999999999",
		"3.14159265358979323846264338327950288419716939937510"};
	static const char *const BAD[] = {"", "-", "+", ".", "-.", "e5", "1e", "1e+", "1.2.3",
		"--1", "1 ", " 1", "0x10", "inf", "nan", "1,5", "1_000", "½", "1e5.5", "infinity",
		"1f"};
	char digits[SERIES_NUMBER_MAX + 2];
	double value;

	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++)
		check_number(GOOD[i]);
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		ck_assert_msg(!series_number_all(BAD[i], strlen(BAD[i]), &value), "'%s'", BAD[i]);
	ck_assert(!series_number_all("1\0002", 3, &value));
	memset(digits, '7', sizeof(digits));
	digits[SERIES_NUMBER_MAX] = '\0';
	check_number(digits);
	ck_assert(!series_number_all(digits, SERIES_NUMBER_MAX + 1, &value));
}
END_TEST

/* ---- times ---- */

static double utc(int year, int month, int day, int hour, int minute, double second)
{
	struct tm tm = {.tm_year = year - 1900,
		.tm_mon = month - 1,
		.tm_mday = day,
		.tm_hour = hour,
		.tm_min = minute};

	return (double)timegm(&tm) + second;
}

static bool parse(const char *text, enum series_time_order order, struct series_time *t)
{
	static struct guard g;

	if (!g.pages)
		g = guard_new(4096);
	return series_time_parse(guard_put(&g, text, strlen(text)), strlen(text), order, t);
}

START_TEST(forms_of_time)
{
	double t = utc(2026, 11, 21, 19, 0, 0);
	const struct {
		const char *text;
		double time_s;
		bool local;
	} GOOD[] = {
		{"2026-11-21T19:00:00Z", t, false},
		{"2026-11-21 19:00", t, true},
		{"2026-11-21t19:00:00z", t, false},
		{"2026-11-21 19:00:00 UTC", t, false},
		{"2026-11-21 19:00:00+00:00", t, false},
		{"2026-11-21T20:00:00+01:00", t, false},
		{"2026-11-21T15:30:00-0330", t, false},
		{"2026-11-21T21:00:00 +02", t, false},
		{"2026-11-21T19:00:00.25Z", t + .25, false},
		{"2026-11-21T19:00:00,5Z", t + .5, false},
		{"2026-11-21T19:00:00.123456789Z", t + .123456789, false},
		{"2026/11/21 19:00:00", t, true},
		{"2026-11-21", t - 19 * 3600, true},
		{"2026-11-21Z", t - 19 * 3600, false},
		{"20261121", t - 19 * 3600, true},
		{"20261121T190000Z", t, false},
		{"20261121T1900", t, true},
		{"2026-11-21 7:00 PM", t, true},
		{"2026-11-21 07:00:00 pm", t, true},
		{"2026-11-21 12:30 AM", t - 18.5 * 3600, true},
		{"2026-11-21 12:30 PM", t - 6.5 * 3600, true},
		{"2026-11-21 7PM", t, true},
		{"21.11.2026 19:00", t, true},
		{"21.11.2026, 19:00:00", t, true},
		{"1.2.2026", utc(2026, 2, 1, 0, 0, 0), true},
		{"21 Nov 2026 19:00:00", t, true},
		{"21-Nov-2026 19:00", t, true},
		{"[21/Nov/2026:19:00:00 +0000]", t, false},
		{"21/Nov/2026:20:00:00 +0100", t, false},
		{"Sat, 21 Nov 2026 19:00:00 GMT", t, false},
		{"Saturday 21 November 2026 19:00", t, true},
		{"Nov 21, 2026 7:00 PM", t, true},
		{"November 21 2026", t - 19 * 3600, true},
		{"11/21/2026 7:00 PM", t, true},
		{"21/11/2026 19:00", t, true},
		{"21-11-2026 19:00", t, true},
		{"2026-12-31T24:00:00Z", utc(2027, 1, 1, 0, 0, 0), false},
		{"2016-12-31T23:59:60Z", utc(2017, 1, 1, 0, 0, 0), false},
		{"2024-02-29", utc(2024, 2, 29, 0, 0, 0), true},
		{"2000-02-29", utc(2000, 2, 29, 0, 0, 0), true},
		{"1969-12-31T23:59:59Z", -1, false},
		{"0001-01-01T00:00:00Z", -62135596800., false},
		{"9999-12-31T00:00:00Z", 253402214400., false},
		{"  2026-11-21 19:00  ", t, true},
		{"1795287600", t, false},
		{"1795287600.5", t + .5, false},
		{"1.7952876e9", t, false},
		{"1795287600250", t + .25, false},
		{"1795287600250000", t + .25, false},
		{"1795287600250000000", t + .25, false},
		{"0", 0, false},
		{"60", 60, false},
		{"-5", -5, false},
	};
	static const char *const BAD[] = {"", " ", "yesterday", "2026-13-01", "2026-02-29",
		"2100-02-29", "2026-11-31", "2026-11-21T25:00:00", "2026-11-21T19:60",
		"2026-11-21T", "2026-11-21T19", "2026-11-21 13:00 PM", "2026-11-21 0:00 AM",
		"2026-11-21 19:00:0", "2026-11-21 19:00 CET", "2026-11-21T19:00:00+1",
		"2026-11-21T19:00:00+27:00", "2026-11-21T19:00:00Z x", "13/13/2026", "11/21/26",
		"21.11.26", "32.1.2026", "0.1.2026", "Foo 21, 2026", "21 Foo 2026", "[2026-11-21",
		"24:00", "19:00:00", "2026-11-21T24:00:01", "1e30", "nan", "inf", "NaN", "-",
		"2026-11-21-19:00", "x2026-11-21"};
	struct series_time got;

	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		bool number = strspn(GOOD[i].text, "-0123456789.e") == strlen(GOOD[i].text) &&
			      !strchr(GOOD[i].text + 1, '-') && strlen(GOOD[i].text) != 8;

		ck_assert_msg(parse(GOOD[i].text, TIME_MONTH_FIRST, &got), "'%s'", GOOD[i].text);
		ck_assert_msg(fabs(got.time_s - GOOD[i].time_s) < 1e-6, "'%s': %.6f, not %.6f",
			GOOD[i].text, got.time_s, GOOD[i].time_s);
		ck_assert_msg(got.local == GOOD[i].local, "'%s'", GOOD[i].text);
		if (strcmp(GOOD[i].text, "1.2.2026"))
			ck_assert_msg(got.number == number, "'%s'", GOOD[i].text);
	}
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		ck_assert_msg(!parse(BAD[i], TIME_MONTH_FIRST, &got), "'%s'", BAD[i]);
}
END_TEST

START_TEST(day_or_month_first)
{
	struct series_time t;

	ck_assert(parse("3/4/2026", TIME_MONTH_FIRST, &t));
	ck_assert(t.either && !t.month_cannot && !t.day_cannot);
	ck_assert_double_eq(t.time_s, utc(2026, 3, 4, 0, 0, 0));
	ck_assert(parse("3/4/2026", TIME_DAY_FIRST, &t));
	ck_assert_double_eq(t.time_s, utc(2026, 4, 3, 0, 0, 0));
	ck_assert(parse("13/4/2026", TIME_MONTH_FIRST, &t) && t.month_cannot);
	ck_assert_double_eq(t.time_s, utc(2026, 4, 13, 0, 0, 0));
	ck_assert(parse("4-13-2026", TIME_DAY_FIRST, &t) && t.day_cannot);
	ck_assert_double_eq(t.time_s, utc(2026, 4, 13, 0, 0, 0));
	ck_assert(parse("2026-04-03", TIME_DAY_FIRST, &t) && !t.either);
}
END_TEST

/* ---- zones ---- */

static int64_t local_of(int64_t time_s)
{
	struct tm tm;
	time_t t = (time_t)time_s;

	localtime_r(&t, &tm);
	return time_s + tm.tm_gmtoff;
}

/* Against the C library: what its local time says must lead back, and what it never says must be
 * known as such. */
static void check_zone(const char *name, int64_t from, int64_t to, int64_t step)
{
	struct series_zone *z;
	struct err err = {0};

	ck_assert_msg(!series_zone_open(&z, name, &err), "%s", err.text);
	setenv("TZ", name, 1);
	tzset();
	for (int64_t t = from; t < to; t += step) {
		int64_t out[2], local = local_of(t);
		int times = series_zone_utc(z, local, out);

		if (times < 1 || (out[0] != t && (times != 2 || out[1] != t)))
			ck_abort_msg("%s: %" PRId64 " is %" PRId64 ", %d times: %" PRId64
				     ", %" PRId64,
				name, t, local, times, out[0], out[1]);
		/* and any local time */
		times = series_zone_utc(z, t, out);
		if ((times >= 1) != (local_of(out[0]) == t) ||
			(times == 2 && (out[0] >= out[1] || local_of(out[1]) != t)))
			ck_abort_msg("%s: local %" PRId64 ", %d times", name, t, times);
	}
	series_zone_free(z);
}

START_TEST(zones_as_the_c_library)
{
	/* north, south, half hours, a change at midnight, one of half an hour, none, Ramadan */
	static const char *const NAMES[] = {"Europe/Berlin", "America/New_York",
		"Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata", "Asia/Tehran",
		"Africa/Casablanca", "Europe/Dublin", "Pacific/Apia", "America/St_Johns",
		"Asia/Gaza", "Etc/GMT+5"};
	int64_t begin = (int64_t)utc(2026, 1, 1, 0, 0, 0), day = 86400;

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		check_zone(NAMES[i], begin, begin + 366 * day, 1800);
		check_zone(NAMES[i], begin - 40 * 366 * day, begin + 8 * 366 * day, 86400 + 1817);
		/* behind the end of the table, by its rules */
		check_zone(NAMES[i], begin + 20 * 366 * day, begin + 22 * 366 * day, 3600);
	}
}
END_TEST

START_TEST(zones_without_a_name)
{
	static const char *const BAD[] = {"Mars/Olympus", "../../../etc/passwd", "/etc/passwd",
		"Europe", "", "+25:61", "+2x", "CET ", "Europe/Berlin\n", "+", "."};
	static const struct {
		const char *name;
		int64_t offset_s;
	} GOOD[] = {{NULL, 0}, {"UTC", 0}, {"utc", 0}, {"Z", 0}, {"+02:00", 7200},
		{"-0330", -12600}, {"+2", 7200}, {"+14", 50400}};
	struct series_zone *z;
	struct err err = {0};
	int64_t out[2];

	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		ck_assert_msg(!series_zone_open(&z, GOOD[i].name, &err), "%s", err.text);
		ck_assert_int_eq(series_zone_utc(z, 1000000, out), 1);
		ck_assert_int_eq(out[0], 1000000 - GOOD[i].offset_s);
		series_zone_free(z);
	}
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		ck_assert_msg(series_zone_open(&z, BAD[i], &err) == -ERR_USAGE, "'%s'", BAD[i]);
		ck_assert_msg(strstr(err.text, "there is no time zone"), "%s", err.text);
		ck_assert_ptr_null(z);
	}
}
END_TEST

UNIT_MAIN("series_time", numbers_as_strtod, numbers_in_the_middle, numbers_that_are_hard,
	forms_of_time, day_or_month_first, zones_as_the_c_library, zones_without_a_name)

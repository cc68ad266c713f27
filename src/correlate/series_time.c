#include "correlate/series_time.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "correlate/series_number.h"

enum { YEAR_MIN = 1, YEAR_MAX = 9999 };

struct scan {
	const char *at, *end;
};

static char peek(const struct scan *s)
{
	return s->at < s->end ? *s->at : '\0';
}

static bool take(struct scan *s, char c)
{
	if (peek(s) != c || s->at >= s->end)
		return false;
	s->at++;
	return true;
}

static void spaces(struct scan *s)
{
	while (s->at < s->end && *s->at == ' ')
		s->at++;
}

/* min to max digits, and no digit after them. */
static bool digits(struct scan *s, int min, int max, int *out)
{
	const char *first = s->at;
	int value = 0;

	while (s->at < s->end && isdigit((unsigned char)*s->at) && s->at - first < max)
		value = value * 10 + (*s->at++ - '0');
	*out = value;
	return s->at - first >= min && !isdigit((unsigned char)peek(s));
}

/* A word of letters that begins with one of the names (of three letters): its place from 1. */
static int word(struct scan *s, const char *const *names, int n)
{
	const char *first = s->at, *p = first;

	while (p < s->end && isalpha((unsigned char)*p))
		p++;
	for (int i = 0; i < n; i++) {
		if (p - first < 3 || strncasecmp(first, names[i], (size_t)(p - first)) ||
			(size_t)(p - first) > strlen(names[i]))
			continue;
		s->at = p;
		return i + 1;
	}
	return 0;
}

static const char *const MONTHS[] = {"january", "february", "march", "april", "may", "june", "july",
	"august", "september", "october", "november", "december"};
static const char *const DAYS[] = {
	"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};

/* Days since 1970-01-01 of a date of the Gregorian calendar. A year that begins in March has its
 * leap day last, so that the days before a month are a straight line. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1, era = (y >= 0 ? y : y - 399) / 400;
	int64_t in_era = y - era * 400, in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static bool date_ok(int year, int month, int day)
{
	static const int LENGTHS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 || year % 400 == 0);

	return year >= YEAR_MIN && year <= YEAR_MAX && month >= 1 && month <= 12 && day >= 1 &&
	       day <= LENGTHS[month - 1] + (month == 2 && leap);
}

struct date {
	int year, month, day;
};

/* 11/21/2026, 21/11/2026, 21-11-2026: by the order, or by which number can be a month. */
static bool date_either(struct scan *s, char mark, int first, enum series_time_order order,
	struct date *d, struct series_time *out)
{
	int second;

	if (!digits(s, 1, 2, &second) || !take(s, mark) || !digits(s, 4, 4, &d->year))
		return false;
	out->either = true;
	out->month_cannot = first > 12;
	out->day_cannot = second > 12;
	if (out->month_cannot || out->day_cannot)
		order = out->month_cannot ? TIME_DAY_FIRST : TIME_MONTH_FIRST;
	d->month = order == TIME_DAY_FIRST ? second : first;
	d->day = order == TIME_DAY_FIRST ? first : second;
	return true;
}

/* Behind "21": " Nov 2026", "/Nov/2026", "-Nov-2026". */
static bool date_of_day(struct scan *s, struct date *d)
{
	char mark = peek(s);

	if (mark != ' ' && mark != '/' && mark != '-')
		return false;
	s->at++;
	d->month = word(s, MONTHS, 12);
	take(s, '.');
	return d->month && (take(s, mark) || (mark == ' ' && take(s, ','))) &&
	       (spaces(s), digits(s, 4, 4, &d->year));
}

static bool date_numbers(
	struct scan *s, enum series_time_order order, struct date *d, struct series_time *out)
{
	const char *begin = s->at;
	int first;
	char mark;

	while (isdigit((unsigned char)peek(s)))
		s->at++;
	long count = s->at - begin;

	s->at = begin;
	if (count == 8) /* 20261121 */
	{
		digits(s, 8, 8, &first);
		*d = (struct date){first / 10000, first / 100 % 100, first % 100};
		return true;
	}
	if (!digits(s, 1, 4, &first))
		return false;
	mark = peek(s);
	if (count == 4 && (mark == '-' || mark == '/' || mark == '.')) {
		d->year = first;
		return take(s, mark) && digits(s, 1, 2, &d->month) && take(s, mark) &&
		       digits(s, 1, 2, &d->day);
	}
	if (count > 2)
		return false;
	if (mark == '.') { /* only the day comes first with dots */
		d->day = first;
		return take(s, '.') && digits(s, 1, 2, &d->month) && take(s, '.') &&
		       digits(s, 4, 4, &d->year);
	}
	if ((mark == '/' || mark == '-') && s->at + 1 < s->end && isdigit((unsigned char)s->at[1]))
		return take(s, mark) && date_either(s, mark, first, order, d, out);
	d->day = first;
	return date_of_day(s, d);
}

static bool date(
	struct scan *s, enum series_time_order order, struct date *d, struct series_time *out)
{
	if (word(s, DAYS, 7)) {
		take(s, ',');
		spaces(s);
	}
	if (isdigit((unsigned char)peek(s)))
		return date_numbers(s, order, d, out);
	d->month = word(s, MONTHS, 12); /* Nov 21, 2026 */
	if (!d->month || (take(s, '.'), spaces(s), !digits(s, 1, 2, &d->day)))
		return false;
	take(s, ',');
	spaces(s);
	return digits(s, 4, 4, &d->year);
}

/* Digits behind a point or comma. */
static bool fraction(struct scan *s, double *seconds)
{
	double unit = .1, sum = 0;
	const char *first;

	if (!take(s, '.') && !take(s, ','))
		return true;
	for (first = s->at; isdigit((unsigned char)peek(s)); s->at++, unit /= 10)
		sum += unit * (*s->at - '0');
	*seconds += sum;
	return s->at > first;
}

/* AM or PM */
static bool half(const char *p, const char *end)
{
	return end - p >= 2 && (!strncasecmp(p, "am", 2) || !strncasecmp(p, "pm", 2));
}

/* 19:00, 19:00:05.25, 7 PM, 190005 */
static bool time_of_day(struct scan *s, double *seconds)
{
	const char *begin = s->at;
	int hour, minute = 0, second = 0, all;
	double part = 0;

	while (isdigit((unsigned char)peek(s)))
		s->at++;
	long count = s->at - begin;

	s->at = begin;
	if (count == 6 || count == 4) {
		digits(s, 4, 6, &all);
		all = count == 4 ? all * 100 : all;
		hour = all / 10000;
		minute = all / 100 % 100;
		second = all % 100;
	} else if (!digits(s, 1, 2, &hour)) {
		return false;
	} else if (take(s, ':')) {
		if (!digits(s, 2, 2, &minute) || (take(s, ':') && !digits(s, 2, 2, &second)))
			return false;
	} else if (peek(s) != ' ' && !half(s->at, s->end)) {
		return false;
	}
	if (!fraction(s, &part))
		return false;
	begin = s->at;
	spaces(s);
	if (half(s->at, s->end)) {
		if (hour < 1 || hour > 12)
			return false;
		hour = hour % 12 + (*s->at == 'P' || *s->at == 'p' ? 12 : 0);
		s->at += 2;
	} else {
		s->at = begin;
	}
	*seconds = hour * 3600 + minute * 60 + second + part;
	/* 24:00 is the end of the day; 60 a leap second */
	return minute < 60 && second <= 60 && (hour < 24 || (hour == 24 && *seconds == 86400));
}

/* Z, UTC, +02:00, or nothing: whether it can be one. */
static bool zone(struct scan *s, bool with_time, struct series_time *out)
{
	int hour, minute = 0;
	double sign;

	out->local = false;
	spaces(s);
	if (s->at == s->end) {
		out->local = true;
		return true;
	}
	if (s->end - s->at == 3 && (!strncasecmp(s->at, "utc", 3) || !strncasecmp(s->at, "gmt", 3)))
		return true;
	if (s->end - s->at == 1 && (*s->at == 'Z' || *s->at == 'z'))
		return true;
	sign = peek(s) == '-' ? 1 : -1;
	if (!with_time || (!take(s, '+') && !take(s, '-')))
		return false;
	if (s->end - s->at == 4) {
		if (!digits(s, 4, 4, &minute))
			return false;
		hour = minute / 100;
		minute %= 100;
	} else if (!digits(s, 2, 2, &hour) || (take(s, ':') && !digits(s, 2, 2, &minute))) {
		return false;
	}
	out->time_s += sign * (hour * 3600 + minute * 60);
	return s->at == s->end && hour <= 15 && minute < 60;
}

static bool all_digits(const char *p, size_t len)
{
	while (len && isdigit((unsigned char)*p))
		p++, len--;
	return !len;
}

static bool number(const char *p, size_t len, struct series_time *out)
{
	double value;

	if (!series_number_all(p, len, &value))
		return false;
	/* 20261121 is that day: as seconds it would be some day of 1970 */
	if (len == 8 && all_digits(p, len) && (*p == '2' || (*p == '1' && p[1] == '9')) &&
		date_ok((int)value / 10000, (int)value / 100 % 100, (int)value % 100))
		return false;
	/* seconds reach to the year 5138, milliseconds begin in 1973 */
	double size = fabs(value), unit = size < 1e11   ? 1
					  : size < 1e14 ? 1e3
					  : size < 1e17 ? 1e6
							: 1e9;

	out->number = true;
	out->time_s = value / unit;
	return size < 1e20;
}

bool series_time_parse(
	const char *p, size_t len, enum series_time_order order, struct series_time *out)
{
	struct scan s = {p, p + len};
	struct date d = {0, 0, 0};
	double seconds = 0;
	bool bracket, joined, with_time;

	*out = (struct series_time){0};
	while (s.end > s.at && s.end[-1] == ' ')
		s.end--;
	spaces(&s);
	if (number(s.at, (size_t)(s.end - s.at), out))
		return true;
	out->number = false;
	bracket = take(&s, '['); /* as web servers log */
	if (bracket && (s.end == s.at || *--s.end != ']'))
		return false;
	if (!date(&s, order, &d, out) || !date_ok(d.year, d.month, d.day))
		return false;
	joined = take(&s, 'T') || take(&s, 't') || take(&s, ':');
	if (!joined) {
		take(&s, ',');
		spaces(&s);
	}
	with_time = joined || isdigit((unsigned char)peek(&s));
	if (with_time && !time_of_day(&s, &seconds))
		return false;
	out->time_s = (double)days_of(d.year, d.month, d.day) * 86400 + seconds;
	return zone(&s, with_time, out);
}

/*
 * Time zones from the system's database (RFC 8536), read here: the C library knows only one zone a
 * process, and to change that is nothing for a library with threads.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "correlate/series_time.h"

enum { FILE_MAX = 1 << 20, DAY_S = 86400 };

static const char *const FOLDER = "/usr/share/zoneinfo/";

/* "M3.5.0/2": the fifth Sunday of March, at 2; or a day of the year. */
struct rule {
	char kind; /* 'M'; 'J': 1 … 365, never 29 February; '0': 0 … 365 */
	int month, week, day;
	long time_s;
};

struct series_zone {
	int64_t *at;       /* changes, rising */
	int32_t *offset_s; /* from then on */
	size_t n;
	int32_t first_s; /* before the first */
	/* after the last, for ever */
	bool goes_on, has_summer;
	int32_t standard_s, summer_s;
	struct rule begin, end;
};

/* ---- the calendar, once more ---- */

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 || year % 400 == 0);
}

/* Days since 1970 of the first of January. */
static int64_t year_day(int64_t year)
{
	int64_t y = year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static int64_t year_of(int64_t time_s)
{
	int64_t year = 1970 + time_s / 31556952;

	while (year_day(year) * DAY_S > time_s)
		year--;
	while (year_day(year + 1) * DAY_S <= time_s)
		year++;
	return year;
}

static int month_length(int month, int64_t year)
{
	static const int LENGTHS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return LENGTHS[month - 1] + (month == 2 && is_leap(year));
}

/* When a rule applies in a year, by the clock that it is written in. */
static int64_t rule_time(const struct rule *r, int64_t year)
{
	int64_t day = year_day(year);

	if (r->kind == 'J')
		day += r->day - 1 + (is_leap(year) && r->day >= 60);
	else if (r->kind == '0')
		day += r->day;
	else {
		for (int m = 1; m < r->month; m++)
			day += month_length(m, year);
		int64_t weekday = ((day + 4) % 7 + 7) % 7; /* 1970 began on a Thursday */
		int in_month = (int)((r->day - weekday + 7) % 7) + 7 * (r->week - 1);

		while (in_month >= month_length(r->month, year))
			in_month -= 7;
		day += in_month;
	}
	return day * DAY_S + r->time_s;
}

static int32_t offset_by_rules(const struct series_zone *z, int64_t time_s)
{
	int64_t year = year_of(time_s + z->standard_s), begin, end;
	bool summer;

	if (!z->has_summer)
		return z->standard_s;
	begin = rule_time(&z->begin, year) - z->standard_s;
	end = rule_time(&z->end, year) - z->summer_s;
	summer = begin < end ? time_s >= begin && time_s < end : time_s >= begin || time_s < end;
	return summer ? z->summer_s : z->standard_s;
}

static int32_t offset_at(const struct series_zone *z, int64_t time_s)
{
	size_t low = 0, high = z->n;

	if (z->goes_on && (!z->n || time_s >= z->at[z->n - 1]))
		return offset_by_rules(z, time_s);
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (z->at[middle] <= time_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? z->offset_s[low - 1] : z->first_s;
}

int series_zone_utc(const struct series_zone *z, int64_t local_s, int64_t out[2])
{
	int32_t before, after;
	bool by_before, by_after;

	out[0] = out[1] = local_s;
	if (!z)
		return 1;
	before = offset_at(z, local_s - DAY_S);
	after = offset_at(z, local_s + DAY_S);
	by_before = offset_at(z, local_s - before) == before;
	by_after = offset_at(z, local_s - after) == after;
	out[0] = local_s - (by_before || !by_after ? before : after);
	out[1] = out[0];
	if (by_before && by_after && before != after) {
		out[0] = local_s - (before > after ? before : after);
		out[1] = local_s - (before > after ? after : before);
		return 2;
	}
	return by_before || by_after;
}

/* ---- "CET-1CEST,M3.5.0,M10.5.0/3" ---- */

static bool parse_number(const char **p, int max, int *out)
{
	const char *first = *p;

	*out = 0;
	while (isdigit((unsigned char)**p) && *p - first < 4)
		*out = *out * 10 + (*(*p)++ - '0');
	return *p > first && *out <= max;
}

/* [+-]hh[:mm[:ss]] */
static bool parse_hours(const char **p, long *out)
{
	int hour, minute = 0, second = 0;
	long sign = **p == '-' ? -1 : 1;

	*p += **p == '-' || **p == '+';
	if (!parse_number(p, 167, &hour))
		return false;
	if (**p == ':' && (++*p, !parse_number(p, 59, &minute)))
		return false;
	if (**p == ':' && (++*p, !parse_number(p, 59, &second)))
		return false;
	*out = sign * (hour * 3600L + minute * 60L + second);
	return true;
}

static bool parse_name(const char **p)
{
	const char *first = *p;

	if (**p == '<') {
		while (**p && **p != '>')
			++*p;
		return *(*p)++ == '>';
	}
	while (isalpha((unsigned char)**p))
		++*p;
	return *p - first >= 3;
}

static bool parse_rule(const char **p, struct rule *r)
{
	*r = (struct rule){.kind = '0', .time_s = 7200};
	if (*(*p)++ != ',')
		return false;
	if (**p == 'M') {
		r->kind = 'M';
		++*p;
		if (!parse_number(p, 12, &r->month) || r->month < 1 || *(*p)++ != '.' ||
			!parse_number(p, 5, &r->week) || r->week < 1 || *(*p)++ != '.' ||
			!parse_number(p, 6, &r->day))
			return false;
	} else {
		if (**p == 'J') {
			r->kind = 'J';
			++*p;
		}
		if (!parse_number(p, 365, &r->day))
			return false;
	}
	return **p != '/' || (++*p, parse_hours(p, &r->time_s));
}

static bool parse_rules(struct series_zone *z, const char *p)
{
	long hours;

	if (!parse_name(&p) || !parse_hours(&p, &hours))
		return false;
	z->standard_s = (int32_t)-hours;
	z->goes_on = true;
	if (!*p)
		return true;
	z->has_summer = true;
	z->summer_s = z->standard_s + 3600;
	if (!parse_name(&p))
		return false;
	if (*p && *p != ',') {
		if (!parse_hours(&p, &hours))
			return false;
		z->summer_s = (int32_t)-hours;
	}
	return parse_rule(&p, &z->begin) && parse_rule(&p, &z->end) && !*p;
}

/* ---- files ---- */

static uint64_t big_endian(const unsigned char *p, size_t n)
{
	uint64_t value = 0;

	while (n--)
		value = value << 8 | *p++;
	return value;
}

struct block {
	const unsigned char *p;
	uint64_t utc, standard, leap, times, types, chars;
	size_t time_bytes;
};

/* A header at p; how many bytes header and data take, or 0. */
static size_t read_block(struct block *b, const unsigned char *p, size_t len, size_t time_bytes)
{
	uint64_t bytes;

	if (len < 44 || memcmp(p, "TZif", 4))
		return 0;
	*b = (struct block){p + 44, big_endian(p + 20, 4), big_endian(p + 24, 4),
		big_endian(p + 28, 4), big_endian(p + 32, 4), big_endian(p + 36, 4),
		big_endian(p + 40, 4), time_bytes};
	bytes = 44 + b->times * (time_bytes + 1) + b->types * 6 + b->chars +
		b->leap * (time_bytes + 4) + b->standard + b->utc;
	return b->types && bytes <= len ? (size_t)bytes : 0;
}

static bool take_block(struct series_zone *z, const struct block *b)
{
	const unsigned char *index = b->p + b->times * b->time_bytes, *types = index + b->times;

	z->n = (size_t)b->times;
	z->at = mem_alloc(z->n + 1, sizeof(*z->at));
	z->offset_s = mem_alloc(z->n + 1, sizeof(*z->offset_s));
	z->first_s = (int32_t)(uint32_t)big_endian(types, 4);
	for (size_t i = 0; i < z->n; i++) {
		uint64_t at = big_endian(b->p + i * b->time_bytes, b->time_bytes);

		z->at[i] = b->time_bytes == 4 ? (int32_t)(uint32_t)at : (int64_t)at;
		if (index[i] >= b->types || (i && z->at[i] <= z->at[i - 1]))
			return false;
		z->offset_s[i] = (int32_t)(uint32_t)big_endian(types + (size_t)6 * index[i], 4);
		if (labs(z->offset_s[i]) > 2L * DAY_S)
			return false;
	}
	return labs(z->first_s) <= 2L * DAY_S;
}

static bool read_zone(struct series_zone *z, const unsigned char *p, size_t len)
{
	struct block b;
	char rules[256] = {0};
	size_t bytes = read_block(&b, p, len, 4), n = 0;

	if (!bytes)
		return false;
	if (p[4] < '2') /* the first version has but this */
		return take_block(z, &b);
	p += bytes;
	len -= bytes;
	bytes = read_block(&b, p, len, 8);
	if (!bytes || !take_block(z, &b))
		return false;
	p += bytes;
	len -= bytes;
	if (!len || *p != '\n')
		return true;
	for (p++, len--; n < len && p[n] != '\n' && n < sizeof(rules) - 1; n++)
		rules[n] = (char)p[n];
	return !n || parse_rules(z, rules);
}

/* "+02:00", "-0330", "+2" */
static bool fixed(struct series_zone *z, const char *name)
{
	const char *p = name + 1;
	int hour, minute = 0;

	if (*name != '+' && *name != '-')
		return false;
	if (!parse_number(&p, 2659, &hour))
		return false;
	if (p - name > 3) {
		minute = hour % 100;
		hour /= 100;
	} else if (*p == ':' && (p++, !parse_number(&p, 59, &minute))) {
		return false;
	}
	if (*p || hour > 26 || minute > 59)
		return false;
	z->standard_s = (*name == '-' ? -1 : 1) * (hour * 3600 + minute * 60);
	z->goes_on = true;
	return true;
}

static bool name_ok(const char *name)
{
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("/_+-", *p))
			return false;
	return isalpha((unsigned char)*name) && strlen(name) < 100;
}

int series_zone_open(struct series_zone **out, const char *name, struct err *err)
{
	struct series_zone *z = mem_zalloc(1, sizeof(*z));
	struct file_bytes file = {0};
	struct str path = STR_INIT;
	int rc = 0;

	*out = NULL;
	if (!name || !strcasecmp(name, "utc") || !strcmp(name, "Z") || !strcasecmp(name, "gmt") ||
		fixed(z, name)) {
		z->goes_on = true;
		goto out;
	}
	str_addf(&path, "%s%s", FOLDER, name);
	if (!name_ok(name) || !file_exists(path.p) ||
		file_open_bytes(path.p, FILE_MAX, &file, NULL)) {
		rc = err_set(err, ERR_USAGE,
			"there is no time zone '%.100s'; give an offset such as +02:00, or a name "
			"such as Europe/Berlin that is in %s%s",
			name, FOLDER,
			file_exists("/usr/share/zoneinfo/Europe") ? "" : " (install tzdata)");
		goto out;
	}
	if (!read_zone(z, (const unsigned char *)file.data, file.len))
		rc = err_set(err, ERR_USAGE,
			"%s is no file of time zones (RFC 8536) that can be read; give an offset "
			"such as +02:00",
			path.p);
	file_close_bytes(&file);
out:
	str_release(&path);
	if (rc)
		series_zone_free(z);
	else
		*out = z;
	return rc;
}

void series_zone_free(struct series_zone *z)
{
	if (!z)
		return;
	free(z->at);
	free(z->offset_s);
	free(z);
}

#include "cli/correlate_times.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

static const double DAY_S = 86400;

static int wrong(struct err *err, const char *text, const char *what)
{
	return err_set(err, ERR_USAGE,
		"%s: '%.100s' is no time; write 2026-11-14 19:00, 19:00 (of the last day), Unix "
		"seconds, -6h (before the end), +30s (from the beginning) or now",
		what, text);
}

/* "19:00", "19:00:30": seconds of the day; −1 where it is none. */
static double clock_seconds(const char *text)
{
	double parts[3] = {0, 0, 0};
	size_t n = 0;

	for (const char *p = text; n < 3;) {
		size_t digits = strspn(p, "0123456789");

		if (digits < 1 || digits > 2)
			return -1;
		parts[n++] = strtod(p, NULL);
		p += digits;
		if (!*p)
			break;
		if (*p++ != ':' || n == 3)
			return -1;
	}
	if (n < 2 || parts[0] > 24 || parts[1] > 59 || parts[2] > 59)
		return -1;
	return parts[0] * 3600 + parts[1] * 60 + parts[2];
}

static bool is_clock(const char *text)
{
	return clock_seconds(text) >= 0;
}

bool moment_needs_data(const char *text)
{
	return text[0] == '-' || text[0] == '+' || is_clock(text);
}

static double to_utc(const struct series_zone *zone, double local_s)
{
	int64_t utc[2] = {0, 0};

	series_zone_utc(zone, (int64_t)floor(local_s), utc);
	return (double)utc[0] + (local_s - floor(local_s));
}

/* The last time before `end_s` at which the clock showed this. */
static double last_clock(const struct series_zone *zone, double seconds, double end_s)
{
	double day = floor(end_s / DAY_S) + 2, at;

	do {
		day--;
		at = to_utc(zone, day * DAY_S + seconds);
	} while (at > end_s);
	return at;
}

int moment_parse(
	double *out, const char *text, const char *what, const struct moments *m, struct err *err)
{
	struct series_time time;
	uint64_t ns;

	if (!strcmp(text, "now")) {
		*out = m->now_s;
		return 0;
	}
	if (text[0] == '-' || text[0] == '+') {
		if (num_parse_duration(text + 1, 0, UINT64_MAX / 2, what, &ns, NULL))
			return wrong(err, text, what);
		*out = text[0] == '-' ? (isnan(m->end_s) ? m->now_s : m->end_s) - (double)ns / 1e9
				      : m->start_s + (double)ns / 1e9;
		return isnan(*out) ? wrong(err, text, what) : 0;
	}
	if (is_clock(text)) {
		*out = last_clock(
			m->zone, clock_seconds(text), isnan(m->end_s) ? m->now_s : m->end_s);
		return 0;
	}
	if (!series_time_parse(text, strlen(text), TIME_MONTH_FIRST, &time))
		return wrong(err, text, what);
	if (time.either && !time.month_cannot && !time.day_cannot)
		return err_set(err, ERR_USAGE,
			"%s: '%.100s' may be a day in one of two months; write 2026-11-14 19:00",
			what, text);
	*out = time.local ? to_utc(m->zone, time.time_s) : time.time_s;
	return 0;
}

int moment_parse_pair(double *from, double *to, const char *text, const char *what,
	const struct moments *m, struct err *err)
{
	const char *dots = strstr(text, "..");
	char *first;
	int rc;

	if (!dots || dots == text || !dots[2])
		return err_set(err, ERR_USAGE,
			"%s: '%.100s' is no stretch of time; write FROM..TO, such as 19:00..21:20",
			what, text);
	first = mem_copy(text, (size_t)(dots - text));
	rc = moment_parse(from, first, what, m, err);
	if (!rc)
		rc = moment_parse(to, dots + 2, what, m, err);
	if (!rc && *from >= *to && is_clock(first))
		*from -= DAY_S;
	free(first);
	return rc;
}

/* Times and numbers from text: whatever it is, they read no byte behind it, a number is what strtod
 * says, a time read again in another form is the same, and every zone leads back. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "correlate/series_number.h"
#include "correlate/series_time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static void check_number(const char *p, size_t len)
{
	double value, expected;
	char *text, *end;

	if (!series_number_all(p, len, &value))
		return;
	text = malloc(len + 1);
	memcpy(text, p, len);
	text[len] = '\0';
	expected = strtod(text, &end);
	must(end == text + len && !memcmp(&value, &expected, sizeof(value)));
	free(text);
}

/* As ISO 8601 it is the same second. */
static void check_again(const struct series_time *t)
{
	struct series_time again;
	char text[64];
	struct tm tm;
	time_t whole = (time_t)floor(t->time_s);

	if (!(t->time_s > -62135596800. && t->time_s < 253402300000.))
		return;
	must(gmtime_r(&whole, &tm) != NULL);
	must(strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
	if (tm.tm_year < 1000 - 1900) /* %Y has no leading zeros */
		return;
	must(series_time_parse(text, strlen(text), TIME_MONTH_FIRST, &again));
	must(again.time_s == (double)whole && !again.local);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = malloc(size ? size : 1); /* exact, so that the sanitizer sees a byte too far */
	struct series_time t, other;
	struct series_zone *zone;
	struct err err = {0};

	memcpy(p, data, size);
	check_number(p, size);
	if (series_time_parse(p, size, TIME_MONTH_FIRST, &t)) {
		must(!isnan(t.time_s));
		check_again(&t);
		if (!t.either || t.month_cannot || t.day_cannot) {
			must(series_time_parse(p, size, TIME_DAY_FIRST, &other));
			must(other.time_s == t.time_s);
		}
	}
	p = realloc(p, size + 1);
	p[size] = '\0';
	if (size < 80 && !series_zone_open(&zone, p, &err)) {
		int64_t out[2];

		for (int64_t local = -2000000000; local < 6000000000; local += 7777777) {
			int times = series_zone_utc(zone, local, out);

			must(times >= 0 && times <= 2 && (times < 2 || out[0] < out[1]));
			must(llabs(local - out[0]) < 3 * 86400);
		}
		series_zone_free(zone);
	} else if (size < 80) {
		must(err.text[0] != '\0');
	}
	free(p);
	return 0;
}

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>

int64_t clock_wall_ms(void)
{
	return (int64_t)(clock_read_ns(CLOCK_REALTIME) / NS_PER_MS);
}

void clock_sleep_ns(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
}

char *clock_label(int64_t wall_ms, char out[CLOCK_TEXT])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(out, CLOCK_TEXT, "%Y-%m-%d %H:%M:%S", &tm);
	return out;
}

char *clock_iso(int64_t wall_ms, char out[CLOCK_TEXT])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	size_t len;

	gmtime_r(&seconds, &tm);
	len = strftime(out, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + len, CLOCK_TEXT - len, ".%03dZ", (int)(wall_ms % 1000));
	return out;
}

/*
 * Time. Everything measured is CLOCK_MONOTONIC in uint64_t nanoseconds; wall time is a label only.
 */
#ifndef CULPRIT_BASE_CLOCK_H
#define CULPRIT_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_US UINT64_C(1000)

static inline uint64_t clock_read_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_now_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

static inline uint64_t clock_thread_cpu_ns(void)
{
	return clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

static inline uint64_t clock_process_cpu_ns(void)
{
	return clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* Milliseconds since 1970, for labels. */
int64_t clock_wall_ms(void);

/* Sleeps for ns nanoseconds, through signals. */
void clock_sleep_ns(uint64_t ns);

enum { CLOCK_TEXT = 40 };

/* "2026-11-21 10:53:08" in local time. */
char *clock_label(int64_t wall_ms, char out[CLOCK_TEXT]);

/* "2026-11-21T10:53:08.123Z". */
char *clock_iso(int64_t wall_ms, char out[CLOCK_TEXT]);

#endif

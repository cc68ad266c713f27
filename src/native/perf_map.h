/*
 * Names of what a JIT made: /tmp/perf-PID.map, lines "START SIZE name" in hexadecimal, as perf
 * defines them. It is written by the process, so nothing in it is trusted: lines that are not
 * exactly so are left out, and there are ceilings. A later line stands for the memory from then on.
 */
#ifndef CULPRIT_NATIVE_PERF_MAP_H
#define CULPRIT_NATIVE_PERF_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PERF_MAP_MAX_BYTES = 256 << 20, PERF_MAP_MAX_NAME = 1024, PERF_MAP_MAX_ENTRIES = 1 << 21 };

struct perf_map;

struct perf_map *perf_map_new(void);
void perf_map_free(struct perf_map *m); /* NULL is allowed */

/* Takes whole lines; returns the bytes taken: what is after the last newline is not. */
size_t perf_map_add(struct perf_map *m, const char *text, size_t len);

/* The newest name whose code has this address; NULL: none. *start is where that code begins. It is
 * kept until perf_map_free(). */
const char *perf_map_find(struct perf_map *m, uint64_t address, uint64_t *start);

/* Reads what the process's file has got since the last time: `pid` as culprit sees it, `number` as
 * the process sees itself. False: there is none, it did not grow, or it is not the process's own.
 */
bool perf_map_update(struct perf_map *m, pid_t pid, pid_t number);

#endif

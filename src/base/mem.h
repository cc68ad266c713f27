/*
 * Memory that is there or the program ends: out of memory aborts in one place (mem.c), so no caller
 * checks. Sizes are checked for overflow. Freed with free().
 */
#ifndef CULPRIT_BASE_MEM_H
#define CULPRIT_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t count, size_t size);  /* count × size bytes, not cleared */
void *mem_zalloc(size_t count, size_t size); /* the same, cleared */
void *mem_resize(void *p, size_t count, size_t size);
void *mem_copy(const void *p, size_t bytes); /* a copy of `bytes` bytes, plus a NUL after it */
char *mem_strdup(const char *text);          /* NULL stays NULL */

/* Cache-line-aligned and cleared; for counters that one thread writes. */
void *mem_zalloc_line(size_t count, size_t size);

/*
 * Makes room for `need` elements of `size` bytes in an array that holds *cap of them, growing by
 * half. Returns the array, moved or not: items = mem_grow(items, &cap, n + 1, sizeof(*items)).
 */
void *mem_grow(void *items, size_t *cap, size_t need, size_t size);

#endif

#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void mem_die(size_t count, size_t size)
{
	fprintf(stderr, "culprit: out of memory (%zu × %zu bytes wanted)\n", count, size);
	abort();
}

static size_t mem_bytes(size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX)
		mem_die(count, size);
	return bytes ? bytes : 1;
}

void *mem_alloc(size_t count, size_t size)
{
	void *p = malloc(mem_bytes(count, size));

	if (!p)
		mem_die(count, size);
	return p;
}

void *mem_zalloc(size_t count, size_t size)
{
	void *p = calloc(1, mem_bytes(count, size));

	if (!p)
		mem_die(count, size);
	return p;
}

void *mem_resize(void *p, size_t count, size_t size)
{
	p = realloc(p, mem_bytes(count, size));
	if (!p)
		mem_die(count, size);
	return p;
}

void *mem_copy(const void *p, size_t bytes)
{
	char *copy = mem_alloc(bytes + 1, 1);

	if (bytes)
		memcpy(copy, p, bytes);
	copy[bytes] = '\0';
	return copy;
}

char *mem_strdup(const char *text)
{
	return text ? mem_copy(text, strlen(text)) : NULL;
}

void *mem_zalloc_line(size_t count, size_t size)
{
	size_t bytes = (mem_bytes(count, size) + 63) & ~(size_t)63;
	void *p = aligned_alloc(64, bytes);

	if (!p)
		mem_die(count, size);
	memset(p, 0, bytes);
	return p;
}

void *mem_grow(void *items, size_t *cap, size_t need, size_t size)
{
	if (need <= *cap)
		return items;
	size_t larger = *cap + *cap / 2 + 8;

	*cap = larger > need ? larger : need;
	return mem_resize(items, *cap, size);
}

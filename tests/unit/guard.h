/* Bytes that end at a page which nobody may touch: a read past their end is a crash. */
#ifndef CULPRIT_TESTS_GUARD_H
#define CULPRIT_TESTS_GUARD_H

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
	char *pages;
	size_t size; /* without the last page */
};

static inline struct guard guard_new(size_t max)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct guard g = {.size = (max / page + 1) * page};

	g.pages = mmap(
		NULL, g.size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g.pages == MAP_FAILED || mprotect(g.pages + g.size, page, PROT_NONE))
		_exit(99);
	return g;
}

static inline char *guard_put(struct guard *g, const void *bytes, size_t n)
{
	char *at = g->pages + g->size - n;

	return n ? memcpy(at, bytes, n) : at;
}

static inline void guard_free(struct guard *g)
{
	munmap(g->pages, g->size + (size_t)sysconf(_SC_PAGESIZE));
}

#endif

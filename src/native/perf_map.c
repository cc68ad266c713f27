#include "native/perf_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { CHUNK = 1 << 16, LOOK_BACK = 64 };

struct entry {
	uint64_t start, size;
	uint32_t order;
	char *name;
};

struct perf_map {
	struct entry *items;
	size_t n, cap, sorted;
	uint64_t taken; /* bytes of the file */
	ino_t inode;
};

struct perf_map *perf_map_new(void)
{
	return mem_zalloc(1, sizeof(struct perf_map));
}

void perf_map_free(struct perf_map *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		free(m->items[i].name);
	free(m->items);
	free(m);
}

/* ---- lines ---- */

/* Hexadecimal, with or without 0x, and one space. NULL: it is none. */
static const char *take_hex(const char *p, const char *end, uint64_t *out)
{
	const char *begin;

	if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p += 2;
	*out = 0;
	for (begin = p; p < end && p - begin < 16; p++) {
		unsigned digit;

		if (*p >= '0' && *p <= '9')
			digit = (unsigned)(*p - '0');
		else if (*p >= 'a' && *p <= 'f')
			digit = (unsigned)(*p - 'a') + 10;
		else if (*p >= 'A' && *p <= 'F')
			digit = (unsigned)(*p - 'A') + 10;
		else
			break;
		*out = *out << 4 | digit;
	}
	return p > begin && p < end && *p == ' ' ? p + 1 : NULL;
}

static void take_line(struct perf_map *m, const char *p, const char *end)
{
	struct entry e = {0};
	size_t len;

	p = take_hex(p, end, &e.start);
	p = p ? take_hex(p, end, &e.size) : NULL;
	if (!p || p == end || !e.size || e.start + e.size < e.start || m->n >= PERF_MAP_MAX_ENTRIES)
		return;
	len = (size_t)(end - p);
	if (len > PERF_MAP_MAX_NAME)
		len = PERF_MAP_MAX_NAME;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
			return;
	e.name = mem_copy(p, len);
	e.order = (uint32_t)m->n;
	m->items = mem_grow(m->items, &m->cap, m->n + 1, sizeof(*m->items));
	m->items[m->n++] = e;
}

size_t perf_map_add(struct perf_map *m, const char *text, size_t len)
{
	const char *p = text, *end = text + len, *newline;

	while (p < end && (newline = memchr(p, '\n', (size_t)(end - p)))) {
		take_line(m, p, newline);
		p = newline + 1;
	}
	return (size_t)(p - text);
}

/* ---- finding ---- */

static int by_start(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Entries overlap where memory was used again, so a few before the nearest are looked at too. */
const char *perf_map_find(struct perf_map *m, uint64_t address, uint64_t *start)
{
	const struct entry *best = NULL;
	size_t low = 0, high = m->n;

	if (m->sorted < m->n) {
		qsort(m->items, m->n, sizeof(*m->items), by_start);
		m->sorted = m->n;
	}
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->items[mid].start <= address)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t i = 0; i < LOOK_BACK && low > i; i++) {
		const struct entry *e = &m->items[low - 1 - i];

		if (address - e->start < e->size && (!best || e->order > best->order))
			best = e;
	}
	if (!best)
		return NULL;
	*start = best->start;
	return best->name;
}

/* ---- the file ---- */

/* Another user could put one into /tmp, or a link: it has to be a file of the process's own user.
 */
static int open_own(pid_t pid, pid_t number, struct stat *st)
{
	char path[96], folder[32];
	struct stat own;
	int fd;

	snprintf(folder, sizeof(folder), "/proc/%d", (int)pid);
	snprintf(path, sizeof(path), "/proc/%d/root/tmp/perf-%d.map", (int)pid, (int)number);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -1;
	if (stat(folder, &own) || fstat(fd, st) || !S_ISREG(st->st_mode) ||
		(st->st_uid != own.st_uid && st->st_uid != 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* One chunk from where it was left; false: nothing whole was there. */
static bool take_chunk(struct perf_map *m, int fd, char *buffer)
{
	ssize_t n = pread(fd, buffer, CHUNK, (off_t)m->taken);
	size_t taken;

	if (n <= 0)
		return false;
	taken = perf_map_add(m, buffer, (size_t)n);
	if (!taken && n == CHUNK)
		taken = CHUNK; /* no name is so long; what is left of the line is none either */
	m->taken += taken;
	return taken > 0;
}

bool perf_map_update(struct perf_map *m, pid_t pid, pid_t number)
{
	struct stat st;
	size_t before = m->n;
	char *buffer;
	int fd = open_own(pid, number, &st);

	if (fd < 0)
		return false;
	if (st.st_ino != m->inode || (uint64_t)st.st_size < m->taken)
		m->taken = 0; /* another file: its entries are newer */
	m->inode = st.st_ino;
	buffer = mem_alloc(CHUNK, 1);
	while (m->taken < PERF_MAP_MAX_BYTES && take_chunk(m, fd, buffer))
		;
	free(buffer);
	close(fd);
	return m->n > before;
}

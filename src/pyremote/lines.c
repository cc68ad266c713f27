#include "pyremote/lines.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

/* Code of the greatest length that has been seen is a few MB. */
enum { MAX_INSTRUCTION = 1 << 30 };

/* A line as Python would say it: none is 0. Sums are done in 64 bits, for garbage. */
static int32_t as_line(int64_t line)
{
	return line > 0 && line <= INT32_MAX ? (int32_t)line : 0;
}

static void add(struct python_lines *out, int64_t start, int32_t line)
{
	if (out->n && out->runs[out->n - 1].start == start) {
		out->runs[out->n - 1].line = line;
		return;
	}
	if (out->n && out->runs[out->n - 1].line == line)
		return;
	out->runs = mem_grow(out->runs, &out->cap, out->n + 1, sizeof(*out->runs));
	out->runs[out->n++] = (struct line_run){(int32_t)start, line};
}

static int signed_byte(uint8_t b)
{
	return b < 128 ? b : (int)b - 256;
}

static void decode_lnotab(struct python_lines *out, const uint8_t *t, size_t n, int64_t line)
{
	int64_t at = 0;

	add(out, 0, as_line(line));
	for (size_t i = 0; i + 1 < n && at < MAX_INSTRUCTION; i += 2) {
		at += t[i];
		line += signed_byte(t[i + 1]);
		add(out, at, as_line(line));
	}
}

static void decode_3_10(struct python_lines *out, const uint8_t *t, size_t n, int64_t line)
{
	int64_t at = 0;

	for (size_t i = 0; i + 1 < n && at < MAX_INSTRUCTION; i += 2) {
		int by = signed_byte(t[i + 1]);

		if (by != -128)
			line += by;
		/* A run of no length only moves the line. */
		if (t[i])
			add(out, at, by == -128 ? 0 : as_line(line));
		at += t[i];
	}
}

/* Six bits a byte, the lowest first; bit 6 says that more follow. */
static uint64_t varint(const uint8_t *t, size_t n, size_t *i)
{
	uint64_t value = 0;

	for (unsigned shift = 0; *i < n && t[*i] < 0x80; shift += 6) {
		uint8_t b = t[(*i)++];

		if (shift < 60)
			value |= (uint64_t)(b & 63) << shift;
		if (!(b & 64))
			break;
	}
	return value;
}

static void decode_3_11(struct python_lines *out, const uint8_t *t, size_t n, int64_t line)
{
	enum { SHORT_LAST = 9, ONE_LINE = 10, NO_COLUMNS = 13, LONG = 14, NONE = 15 };
	int64_t at = 0;
	size_t i = 0;

	while (i < n && t[i] >= 0x80 && at < MAX_INSTRUCTION && line < INT32_MAX &&
		line > INT32_MIN) {
		unsigned code = t[i] >> 3 & 15, units = (t[i] & 7U) + 1;

		i++;
		if (code == NO_COLUMNS || code == LONG) {
			uint64_t v = varint(t, n, &i);

			/* A shift the length of the line numbers would be garbage. */
			v &= UINT32_MAX;
			line += v & 1 ? -(int64_t)(v >> 1) : (int64_t)(v >> 1);
		} else if (code >= ONE_LINE && code < NO_COLUMNS) {
			line += code - ONE_LINE;
		}
		add(out, at, code == NONE ? 0 : as_line(line));
		at += 2 * (int64_t)units;
		while (i < n && t[i] < 0x80) /* columns */
			i++;
	}
}

void lines_decode(struct python_lines *out, enum layout_lines form, const uint8_t *table, size_t n,
	int first_line)
{
	static void (*const DECODE[])(struct python_lines *, const uint8_t *, size_t, int64_t) = {
		[LINES_LNOTAB] = decode_lnotab,
		[LINES_3_10] = decode_3_10,
		[LINES_3_11] = decode_3_11,
	};

	*out = (struct python_lines){0};
	DECODE[form](out, table, n, first_line);
}

void lines_release(struct python_lines *l)
{
	free(l->runs);
	*l = (struct python_lines){0};
}

int lines_at(const struct python_lines *l, int32_t instruction)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->runs[mid].start <= instruction)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? l->runs[low - 1].line : 0;
}

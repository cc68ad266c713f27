/* Texts: unicode objects in their forms (PEP 393). What is read is one copy, not proven to be
 * whole: texts do not change, and who reads one that is being freed gets odd letters, never a
 * crash. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pyremote/python_internal.h"

/* No more than every form has: what is behind a short text may not be mapped. */
enum { TEXT_HEAD = 40, TEXT_MAX_CHARS = 1 << 16 };

/* One code point as UTF-8; how many bytes. Halves of surrogate pairs are no characters. */
static size_t utf8(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if ((c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		c = 0xfffd;
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

static uint32_t char_at(const uint8_t *data, size_t i, unsigned kind)
{
	uint16_t two;
	uint32_t four;

	if (kind == 1)
		return data[i];
	if (kind == 2) {
		memcpy(&two, data + 2 * i, 2);
		return two;
	}
	memcpy(&four, data + 4 * i, 4);
	return four;
}

static void encode(const uint8_t *data, size_t n, unsigned kind, char *into, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		char one[4];
		size_t len = utf8(char_at(data, i, kind), one);

		if (at + len > size - 1)
			break;
		memcpy(into + at, one, len);
		at += len;
	}
	into[at] = '\0';
}

bool python_read_text(struct python *p, uint64_t address, char *into, size_t size)
{
	const struct layout *l = &p->layout;
	uint8_t head[TEXT_HEAD], *data;
	uint64_t type, length, from;
	uint32_t state;
	unsigned kind;
	bool compact, ascii, got;

	into[0] = '\0';
	if (!address || !remote_read(p->pid, address, head, sizeof(head)))
		return false;
	memcpy(&type, head + l->object.type, 8);
	memcpy(&length, head + l->text.length, 8);
	memcpy(&state, head + l->text.state, 4);
	kind = state >> l->text.kind_bit & 7;
	compact = state >> (l->text.kind_bit + 3) & 1;
	ascii = state >> (l->text.kind_bit + 4) & 1;
	if ((p->text_type && type != p->text_type) || (kind != 1 && kind != 2 && kind != 4) ||
		length > INT32_MAX)
		return false;
	if (length > size - 1)
		length = size - 1;
	if (length > TEXT_MAX_CHARS)
		length = TEXT_MAX_CHARS;
	if (compact)
		from = address + (ascii ? l->text.ascii_bytes : l->text.compact_bytes);
	else if (!python_read_word(p, address + l->text.compact_bytes, &from))
		return false;
	data = mem_alloc(length * kind + 1, 1);
	got = remote_read(p->pid, from, data, length * kind);
	if (got)
		encode(data, length, kind, into, size);
	free(data);
	return got;
}

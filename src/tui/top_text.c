#include "tui/top_text.h"

#include <stdint.h>
#include <string.h>
#include <wchar.h>

static const char *ellipsis(bool unicode)
{
	return unicode ? "…" : "..";
}

/* The next code point of UTF-8, and how many bytes it took; UINT32_MAX and 1 where it is none. */
static uint32_t next_point(const char *text, size_t *bytes)
{
	const unsigned char *p = (const unsigned char *)text;
	static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t point = n == 1 ? p[0] : n == 2 ? p[0] & 0x1f : n == 3 ? p[0] & 0x0f : p[0] & 0x07;

	*bytes = 1;
	if (!n || p[0] > 0xf4)
		return UINT32_MAX;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return UINT32_MAX;
		point = point << 6 | (p[i] & 0x3f);
	}
	if (point < LEAST[n] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return UINT32_MAX;
	*bytes = n;
	return point;
}

/* Marks that turn the direction of writing, or join letters over cells. */
static bool turns(uint32_t c)
{
	return c == 0x61c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb);
}

static int width_of(uint32_t point)
{
	return point < 0x20 || point == UINT32_MAX ? -1 : wcwidth((wchar_t)point);
}

void top_clean(struct str *out, const char *text, bool unicode)
{
	const char *begin = text;
	size_t bytes;

	for (; *text; text += bytes) {
		uint32_t point = next_point(text, &bytes);

		if ((size_t)(text - begin) + bytes > TOP_TEXT_BYTES) {
			str_add(out, ellipsis(unicode));
			return;
		}
		if (point == '\t' || point == '\n')
			str_add_char(out, ' ');
		else if (turns(point) || width_of(point) < 0 || (point > 0x7e && !unicode))
			str_add_char(out, '?');
		else
			str_add_bytes(out, text, bytes);
	}
}

size_t top_columns(const char *text)
{
	size_t columns = 0, bytes;

	for (; *text; text += bytes) {
		int width = width_of(next_point(text, &bytes));

		columns += width > 0 ? (size_t)width : 0;
	}
	return columns;
}

/* The beginning of as many columns, with the marks that stand on its last letter. */
static size_t cut_end(struct str *out, const char *text, size_t columns)
{
	size_t used = 0, bytes;

	for (; *text; text += bytes) {
		int width = width_of(next_point(text, &bytes));

		if (width > 0 && used + (size_t)width > columns)
			break;
		used += width > 0 ? (size_t)width : 0;
		str_add_bytes(out, text, bytes);
	}
	return used;
}

/* The end of it, of so many columns; a mark whose letter is gone goes too. */
static size_t cut_start(struct str *out, const char *text, size_t columns)
{
	size_t all = top_columns(text), bytes;

	while (*text && (all > columns || width_of(next_point(text, &bytes)) == 0)) {
		int width = width_of(next_point(text, &bytes));

		all -= width > 0 ? (size_t)width : 0;
		text += bytes;
	}
	str_add(out, text);
	return all;
}

size_t top_cut(struct str *out, const char *text, size_t columns, enum top_cut cut, bool unicode)
{
	size_t all = top_columns(text), mark = unicode ? 1 : 2, first, used;

	if (all <= columns) {
		str_add(out, text);
		return all;
	}
	if (columns <= mark)
		return cut_end(out, text, columns);
	columns -= mark;
	first = cut == TOP_CUT_END ? columns : cut == TOP_CUT_START ? 0 : columns / 2;
	used = cut_end(out, text, first);
	str_add(out, ellipsis(unicode));
	if (cut != TOP_CUT_END)
		used += cut_start(out, text, columns - first);
	return used + mark;
}

const char *top_short_file(const char *file)
{
	static const char *const FOLDERS[] = {"/site-packages/", "/dist-packages/"};
	const char *lib;

	for (size_t i = 0; i < sizeof(FOLDERS) / sizeof(*FOLDERS); i++) {
		const char *at = strstr(file, FOLDERS[i]);

		if (at)
			return at + strlen(FOLDERS[i]);
	}
	lib = strstr(file, "/lib/python3");
	if (lib) {
		const char *behind = strchr(lib + strlen("/lib/python3"), '/');

		if (behind && behind[1])
			return behind + 1;
	}
	return file;
}

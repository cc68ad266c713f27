#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void str_release(struct str *s)
{
	free(s->p);
	*s = STR_INIT;
}

void str_clear(struct str *s)
{
	s->len = 0;
	if (s->p)
		s->p[0] = '\0';
}

void str_reserve(struct str *s, size_t more)
{
	s->p = mem_grow(s->p, &s->cap, s->len + more + 1, 1);
}

void str_add_bytes(struct str *s, const void *p, size_t len)
{
	str_reserve(s, len);
	if (len)
		memcpy(s->p + s->len, p, len);
	s->len += len;
	s->p[s->len] = '\0';
}

void str_add(struct str *s, const char *text)
{
	str_add_bytes(s, text, strlen(text));
}

void str_add_char(struct str *s, char c)
{
	str_add_bytes(s, &c, 1);
}

void str_add_repeat(struct str *s, const char *text, size_t times)
{
	while (times--)
		str_add(s, text);
}

void str_vaddf(struct str *s, const char *format, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	str_reserve(s, 64);
	len = vsnprintf(s->p + s->len, s->cap - s->len, format, args);
	if (len >= 0 && (size_t)len >= s->cap - s->len) {
		str_reserve(s, (size_t)len);
		vsnprintf(s->p + s->len, s->cap - s->len, format, again);
	}
	va_end(again);
	if (len > 0)
		s->len += (size_t)len;
}

void str_addf(struct str *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	str_vaddf(s, format, args);
	va_end(args);
}

const char *str_text(const struct str *s)
{
	return s->p ? s->p : "";
}

char *str_take(struct str *s)
{
	char *p = s->p ? s->p : mem_strdup("");

	*s = STR_INIT;
	return p;
}

bool str_starts(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* Decodes one code point, strictly enough for measuring; a bad byte is itself. */
static uint32_t utf8_next(const unsigned char **p)
{
	const unsigned char *s = *p;
	int extra = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : 0;
	uint32_t c = extra == 3 ? s[0] & 7u : extra == 2 ? s[0] & 15u : extra ? s[0] & 31u : s[0];

	for (int i = 1; i <= extra; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			*p = s + 1;
			return s[0];
		}
		c = c << 6 | (s[i] & 63u);
	}
	*p = s + 1 + extra;
	return c;
}

size_t str_width(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t width = 0;

	while (*p) {
		if (p[0] == 0x1b && p[1] == '[') {
			p += 2;
			while (*p && (*p < 0x40 || *p > 0x7e))
				p++;
			if (*p)
				p++;
			continue;
		}
		uint32_t c = utf8_next(&p);

		if (c < 0x20 || (c >= 0x300 && c <= 0x36f) || c == 0x200b || c == 0x200d)
			continue;
		width += (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
					 (c >= 0xac00 && c <= 0xd7a3) ||
					 (c >= 0xf900 && c <= 0xfaff) ||
					 (c >= 0xfe30 && c <= 0xfe6f) ||
					 (c >= 0xff00 && c <= 0xff60) ||
					 (c >= 0x1f300 && c <= 0x1faff)
				 ? 2
				 : 1;
	}
	return width;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	return a < b ? (a < c ? a : c) : (b < c ? b : c);
}

size_t str_distance(const char *a, const char *b)
{
	enum { MAX = 64 };
	size_t rows[3][MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > MAX || lb > MAX)
		return la > lb ? la : lb;
	size_t *two = rows[0], *one = rows[1], *now = rows[2];

	for (size_t j = 0; j <= lb; j++)
		one[j] = two[j] = j;
	for (size_t i = 1; i <= la; i++) {
		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t replace = one[j - 1] + (a[i - 1] != b[j - 1]);

			now[j] = min3(replace, one[j] + 1, now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				two[j - 2] + 1 < now[j])
				now[j] = two[j - 2] + 1;
		}
		size_t *spare = two;

		two = one;
		one = now;
		now = spare;
	}
	return one[lb];
}

const char *str_nearest(const char *word, const char *const *candidates)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX, length = strlen(word);

	for (; *candidates; candidates++) {
		size_t distance = str_distance(word, *candidates);

		/* the beginning of a name is meant as that name: "conn" for "connections" */
		if (length >= 3 && str_starts(*candidates, word))
			distance = 1;
		if (distance < best_distance) {
			best_distance = distance;
			best = *candidates;
		}
	}
	/* a word that shares nothing with the candidate was not a slip of the pen */
	return best && best_distance <= 1 + length / 3 && best_distance < length ? best : NULL;
}

void str_add_wrapped(struct str *s, const char *text, size_t indent, size_t width)
{
	struct str word = STR_INIT;
	size_t at = indent;

	while (*text) {
		size_t len = strcspn(text, " "), columns;

		str_clear(&word);
		str_add_bytes(&word, text, len);
		columns = str_width(word.p);
		if (at > indent && at + 1 + columns > width) {
			str_add_char(s, '\n');
			str_add_repeat(s, " ", indent);
			at = indent;
		} else if (at > indent) {
			str_add_char(s, ' ');
			at++;
		}
		str_add(s, word.p);
		at += columns;
		text += len + (text[len] == ' ');
	}
	str_add_char(s, '\n');
	str_release(&word);
}

void str_add_shell(struct str *s, const char *word)
{
	static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-+=:,./@%";

	if (*word && strspn(word, PLAIN) == strlen(word)) {
		str_add(s, word);
		return;
	}
	str_add_char(s, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			str_add(s, "'\\''");
		else
			str_add_char(s, *word);
	}
	str_add_char(s, '\'');
}

void str_add_html(struct str *s, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<': str_add(s, "&lt;"); break;
		case '>': str_add(s, "&gt;"); break;
		case '&': str_add(s, "&amp;"); break;
		case '"': str_add(s, "&quot;"); break;
		case '\'': str_add(s, "&#39;"); break;
		default: str_add_char(s, *text);
		}
	}
}

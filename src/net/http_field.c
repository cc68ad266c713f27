#include "net/http_field.h"

#include <string.h>

long http_line(const char *p, size_t len)
{
	const char *feed = memchr(p, '\n', len);

	if (!feed)
		return HTTP_LINE_PARTIAL;
	if (feed == p || feed[-1] != '\r')
		return HTTP_LINE_BAD;
	return feed - p - 1;
}

bool http_is_token_char(char c)
{
	static const bool TOKEN[256] = {
		['!'] = 1,
		['#'] = 1,
		['$'] = 1,
		['%'] = 1,
		['&'] = 1,
		['\''] = 1,
		['*'] = 1,
		['+'] = 1,
		['-'] = 1,
		['.'] = 1,
		['^'] = 1,
		['_'] = 1,
		['`'] = 1,
		['|'] = 1,
		['~'] = 1,
		['0' ... '9'] = 1,
		['A' ... 'Z'] = 1,
		['a' ... 'z'] = 1,
	};

	return TOKEN[(unsigned char)c];
}

bool http_is_token(struct http_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!http_is_token_char(s.p[i]))
			return false;
	return s.len > 0;
}

bool http_is_text(const char *p, size_t len)
{
	unsigned bad = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		bad |= (unsigned)(c < ' ' && c != '\t') | (unsigned)(c == 127);
	}
	return !bad;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct http_slice trim(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	while (end > p && is_blank(end[-1]))
		end--;
	return (struct http_slice){p, (size_t)(end - p)};
}

bool http_field_parse(const char *line, size_t len, struct http_field *out)
{
	const char *colon = memchr(line, ':', len);

	if (!colon)
		return false;
	out->name = (struct http_slice){line, (size_t)(colon - line)};
	out->value = trim(colon + 1, line + len);
	return http_is_token(out->name) && http_is_text(out->value.p, out->value.len);
}

bool http_is(struct http_slice s, const char *lower)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + ('a' - 'A'));
		if (c != lower[i] || !c)
			return false;
	}
	return !lower[s.len];
}

bool http_list_next(struct http_slice *list, struct http_slice *element)
{
	while (list->len) {
		const char *comma = memchr(list->p, ',', list->len), *end = list->p + list->len;

		*element = trim(list->p, comma ? comma : end);
		list->p = comma ? comma + 1 : end;
		list->len = (size_t)(end - list->p);
		if (element->len)
			return true;
	}
	return false;
}

bool http_parse_length(struct http_slice s, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || value >> 56)
			return false;
		value = value * 10 + (uint64_t)(s.p[i] - '0');
	}
	*out = value;
	return s.len > 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= ' ';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_parse_chunk_line(const char *line, size_t len, uint64_t *out)
{
	uint64_t value = 0;
	size_t i = 0;

	for (; i < len && hex_digit(line[i]) >= 0; i++) {
		if (value >> 56)
			return false;
		value = value << 4 | (uint64_t)hex_digit(line[i]);
	}
	if (!i || !http_is_text(line + i, len - i))
		return false;
	*out = value;
	while (i < len && is_blank(line[i]))
		i++;
	return i == len || line[i] == ';';
}

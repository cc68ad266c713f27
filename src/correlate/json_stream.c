#include "correlate/json_stream.h"

#include <string.h>

enum state {
	VALUE,        /* a value has to come */
	VALUE_OR_END, /* or the end of a list */
	KEY,
	KEY_OR_END,
	COLON,
	COMMA_OR_END,
	IN_TEXT,
	IN_ESCAPE,
	IN_CODE, /* behind \u */
	IN_WORD, /* a number, true, false, null */
	DONE,
};

void json_stream_init(struct json_stream *j,
	int (*event)(void *arg, enum json_event event, const char *text, size_t len, size_t depth),
	void *arg)
{
	*j = (struct json_stream){.event = event, .arg = arg, .state = VALUE};
}

void json_stream_release(struct json_stream *j)
{
	str_release(&j->text);
}

static int wrong(struct json_stream *j, const char *why)
{
	j->why = why;
	return -1;
}

static bool in_object(const struct json_stream *j)
{
	return j->objects >> (j->depth - 1) & 1;
}

static void value_over(struct json_stream *j)
{
	j->state = j->depth ? COMMA_OR_END : DONE;
}

/* ---- tokens ---- */

static int text_over(struct json_stream *j)
{
	if (j->high)
		return wrong(j, "half of a surrogate pair");
	if (j->key)
		j->state = COLON;
	else
		value_over(j);
	return j->event(j->arg, j->key ? JSON_EVENT_KEY : JSON_EVENT_TEXT, str_text(&j->text),
		j->text.len, j->depth);
}

static bool digits(const char **p)
{
	const char *from = *p;

	while (**p >= '0' && **p <= '9')
		++*p;
	return *p > from;
}

static bool is_number(const char *p)
{
	if (*p == '-')
		p++;
	if (*p == '0')
		p++;
	else if (!digits(&p))
		return false;
	if (*p == '.' && (p++, !digits(&p)))
		return false;
	if (*p == 'e' || *p == 'E') {
		p++;
		if (*p == '+' || *p == '-')
			p++;
		if (!digits(&p))
			return false;
	}
	return !*p;
}

static int word_over(struct json_stream *j)
{
	const char *text = j->text.p;
	enum json_event event = JSON_EVENT_NUMBER;

	if (!strcmp(text, "true") || !strcmp(text, "false") || !strcmp(text, "null"))
		event = JSON_EVENT_WORD;
	else if (!is_number(text))
		return wrong(j, "something that is no value");
	value_over(j);
	return j->event(j->arg, event, text, j->text.len, j->depth);
}

static void add_code(struct str *out, unsigned code)
{
	if (code < 0x80) {
		str_add_char(out, (char)code);
	} else if (code < 0x800) {
		str_add_char(out, (char)(0xc0 | code >> 6));
		str_add_char(out, (char)(0x80 | (code & 0x3f)));
	} else if (code < 0x10000) {
		str_add_char(out, (char)(0xe0 | code >> 12));
		str_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
		str_add_char(out, (char)(0x80 | (code & 0x3f)));
	} else {
		str_add_char(out, (char)(0xf0 | code >> 18));
		str_add_char(out, (char)(0x80 | (code >> 12 & 0x3f)));
		str_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
		str_add_char(out, (char)(0x80 | (code & 0x3f)));
	}
}

/* Four digits behind \u are there. */
static int code_over(struct json_stream *j)
{
	unsigned code = j->code;

	j->state = IN_TEXT;
	if (j->high) {
		if (code < 0xdc00 || code > 0xdfff)
			return wrong(j, "half of a surrogate pair");
		code = 0x10000 + ((j->high - 0xd800) << 10) + (code - 0xdc00);
		j->high = 0;
	} else if (code >= 0xd800 && code <= 0xdbff) {
		j->high = code;
		return 0;
	} else if (code >= 0xdc00 && code <= 0xdfff) {
		return wrong(j, "half of a surrogate pair");
	} else if (!code) {
		return wrong(j, "a text with a NUL");
	}
	add_code(&j->text, code);
	return 0;
}

static int escaped(struct json_stream *j, char c)
{
	static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
	const char *at = c ? strchr(FROM, c) : NULL;

	if (c == 'u') {
		j->state = IN_CODE;
		j->escape = 4;
		j->code = 0;
		return 0;
	}
	if (!at || j->high)
		return wrong(j, "a backslash with a character that it does not go with");
	str_add_char(&j->text, TO[at - FROM]);
	j->state = IN_TEXT;
	return 0;
}

static int code_digit(struct json_stream *j, char c)
{
	unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
			 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
			 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
						: 16;

	if (digit == 16)
		return wrong(j, "\\u without four hexadecimal digits");
	j->code = j->code << 4 | digit;
	return --j->escape ? 0 : code_over(j);
}

/* ---- what stands between them ---- */

static int open_one(struct json_stream *j, bool object)
{
	if (j->depth == JSON_STREAM_DEPTH)
		return wrong(j, "more than 64 levels");
	j->objects &= ~(UINT64_C(1) << j->depth);
	j->objects |= (uint64_t)object << j->depth;
	j->depth++;
	j->state = object ? KEY_OR_END : VALUE_OR_END;
	return j->event(j->arg, object ? JSON_EVENT_OBJECT : JSON_EVENT_LIST, "", 0, j->depth - 1);
}

static int close_one(struct json_stream *j, bool object)
{
	if (!j->depth || in_object(j) != object)
		return wrong(j, "a bracket that closes what is not open");
	j->depth--;
	value_over(j);
	return j->event(
		j->arg, object ? JSON_EVENT_OBJECT_END : JSON_EVENT_LIST_END, "", 0, j->depth);
}

static int begin_text(struct json_stream *j, bool key)
{
	str_clear(&j->text);
	j->key = key;
	j->state = IN_TEXT;
	return 0;
}

static int begin_value(struct json_stream *j, char c)
{
	if (c == '{' || c == '[')
		return open_one(j, c == '{');
	if (c == '"')
		return begin_text(j, false);
	if (c != '-' && !(c >= '0' && c <= '9') && c != 't' && c != 'f' && c != 'n')
		return wrong(j, "something that is no value");
	str_clear(&j->text);
	str_add_char(&j->text, c);
	j->state = IN_WORD;
	return 0;
}

static int between(struct json_stream *j, char c)
{
	switch ((enum state)j->state) {
	case VALUE_OR_END:
		if (c == ']')
			return close_one(j, false);
		return begin_value(j, c);
	case VALUE: return begin_value(j, c);
	case KEY_OR_END:
		if (c == '}')
			return close_one(j, true);
		return c == '"' ? begin_text(j, true) : wrong(j, "an object without a name");
	case KEY: return c == '"' ? begin_text(j, true) : wrong(j, "an object without a name");
	case COLON: j->state = VALUE; return c == ':' ? 0 : wrong(j, "a name without a colon");
	case COMMA_OR_END:
		if (c == '}' || c == ']')
			return close_one(j, c == '}');
		j->state = in_object(j) ? KEY : VALUE;
		return c == ',' ? 0 : wrong(j, "two values without a comma");
	default: return wrong(j, "more behind its end");
	}
}

/* ---- pieces ---- */

/* As much of a text as needs no thought. */
static size_t plain(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && p[n] != '"' && p[n] != '\\' && (unsigned char)p[n] >= 0x20)
		n++;
	return n;
}

static int feed_text(struct json_stream *j, const char *p, size_t len, size_t *used)
{
	size_t n = plain(p, len);

	*used = n;
	if (n && j->high)
		return wrong(j, "half of a surrogate pair");
	str_add_bytes(&j->text, p, n);
	if (j->text.len > JSON_STREAM_TEXT_MAX)
		return wrong(j, "a text of more than a megabyte");
	if (n == len)
		return 0;
	*used = n + 1;
	if (p[n] == '"')
		return text_over(j);
	j->state = IN_ESCAPE;
	return p[n] == '\\' ? 0 : wrong(j, "a text with a control character");
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static int feed_word(struct json_stream *j, const char *p, size_t len, size_t *used)
{
	size_t n = 0;

	while (n < len && !is_space(p[n]) && p[n] != ',' && p[n] != ']' && p[n] != '}' && p[n])
		n++;
	*used = n;
	str_add_bytes(&j->text, p, n);
	if (j->text.len > 400)
		return wrong(j, "a number of more than 400 digits");
	return n == len ? 0 : word_over(j);
}

int json_stream_feed(struct json_stream *j, const char *p, size_t len)
{
	int rc = 0;

	for (size_t i = 0, used = 1; i < len && !rc; i += used, j->bytes += used) {
		used = 1;
		switch ((enum state)j->state) {
		case IN_TEXT: rc = feed_text(j, p + i, len - i, &used); break;
		case IN_ESCAPE: rc = escaped(j, p[i]); break;
		case IN_CODE: rc = code_digit(j, p[i]); break;
		case IN_WORD: rc = feed_word(j, p + i, len - i, &used); break;
		default:
			if (!is_space(p[i]))
				rc = between(j, p[i]);
		}
	}
	return rc;
}

bool json_stream_done(struct json_stream *j)
{
	if (j->state == IN_WORD && !j->depth && !j->why) /* a number alone ends with the input */
		return word_over(j) == 0;
	return j->state == DONE;
}

/*
 * The pieces that requests and answers of HTTP/1.1 share: lines, fields, lists, lengths (RFC 9110,
 * 5; RFC 9112, 2, 5 and 7.1). Strict where leniency is how smuggling starts: lines end with CRLF
 * and nothing else, no folding, no space before the colon, no control characters. A leaf: no
 * allocation, slices of the caller's bytes, nothing read past `len`.
 */
#ifndef CULPRIT_NET_HTTP_FIELD_H
#define CULPRIT_NET_HTTP_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_LINE_PARTIAL = -1, HTTP_LINE_BAD = -2 };

struct http_slice {
	const char *p;
	size_t len;
};

struct http_field {
	struct http_slice name, value; /* value without the white space around it */
};

/* The length of the line at p without its CRLF; HTTP_LINE_PARTIAL where there is no line feed yet,
 * HTTP_LINE_BAD where it stands without a carriage return. */
long http_line(const char *p, size_t len);

/* A character of a token (RFC 9110, 5.6.2), as method and field names are made of. */
bool http_is_token_char(char c);
bool http_is_token(struct http_slice s); /* not empty */

/* No control characters but the tab; bytes over 127 are let through (obs-text). */
bool http_is_text(const char *p, size_t len);

/* "Name: value" without CRLF. False where it is not a field. */
bool http_field_parse(const char *line, size_t len, struct http_field *out);

/* Without regard to case; `lower` must be written in lower case. */
bool http_is(struct http_slice s, const char *lower);

/* Takes the next element of a comma-separated list off *list; false at its end. Empty elements are
 * passed over. */
bool http_list_next(struct http_slice *list, struct http_slice *element);

/* Decimal digits only, below 2^60. */
bool http_parse_length(struct http_slice s, uint64_t *out);

/* A chunk's line without CRLF: hexadecimal size below 2^60, then maybe extensions, which are left
 * out. */
bool http_parse_chunk_line(const char *line, size_t len, uint64_t *out);

#endif

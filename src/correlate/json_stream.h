/*
 * JSON piece by piece, as it comes from a network: what is read is handed on at once and not kept,
 * so an answer of any length takes the memory of its longest text. RFC 8259; texts are handed on
 * without their escapes, as UTF-8.
 */
#ifndef CULPRIT_CORRELATE_JSON_STREAM_H
#define CULPRIT_CORRELATE_JSON_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { JSON_STREAM_DEPTH = 64, JSON_STREAM_TEXT_MAX = 1 << 20 };

enum json_event {
	JSON_EVENT_OBJECT, /* begins */
	JSON_EVENT_OBJECT_END,
	JSON_EVENT_LIST,
	JSON_EVENT_LIST_END,
	JSON_EVENT_KEY,    /* with its text */
	JSON_EVENT_TEXT,   /* with it */
	JSON_EVENT_NUMBER, /* with its letters */
	JSON_EVENT_WORD,   /* true, false, null */
};

struct json_stream {
	/* The text is `len` bytes, followed by a NUL; valid during the call. `depth`: how many
	 * objects and lists are open around it. Nonzero ends the reading. */
	int (*event)(void *arg, enum json_event event, const char *text, size_t len, size_t depth);
	void *arg;
	/* inside */
	int state;
	size_t depth;
	uint64_t objects; /* bit: at that depth an object is open, else a list */
	struct str text;  /* of the token that is read */
	bool key, number;
	unsigned escape, code, high; /* digits of \u that are missing; what they say so far */
	uint64_t bytes;              /* that were read */
	const char *why;             /* what is wrong with it, or NULL */
};

void json_stream_init(struct json_stream *j,
	int (*event)(void *arg, enum json_event event, const char *text, size_t len, size_t depth),
	void *arg);
void json_stream_release(struct json_stream *j);

/* 0; −1: it is no JSON (why says it); or what event() gave. */
int json_stream_feed(struct json_stream *j, const char *p, size_t len);

/* Has one whole value been read? */
bool json_stream_done(struct json_stream *j);

#endif

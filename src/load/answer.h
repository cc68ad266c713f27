/* Looking into an answer: its header lines, its body as it was before it was packed, and that body
 * as JSON, each made once and only where somebody asks. Not for other modules. */
#ifndef CULPRIT_LOAD_ANSWER_H
#define CULPRIT_LOAD_ANSWER_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"
#include "load/scenario.h"
#include "net/http_field.h"

struct answer {
	const struct load_answer *from;
	struct http_slice body;
	char *unpacked; /* owned, or NULL */
	json_t *json;   /* owned, or NULL */
	bool has_body, has_json;
	bool readable; /* the body could be unpacked */
};

void answer_init(struct answer *a, const struct load_answer *from);
void answer_release(struct answer *a);

/* The value of the next header field of this name, without regard to case; *at starts as 0. */
bool answer_header(const struct answer *a, const char *name, size_t *at, struct http_slice *out);

/* False where it is in a coding other than gzip and deflate, or is broken. */
bool answer_body(struct answer *a, struct http_slice *out);

/* The value at a JSON pointer (RFC 6901), borrowed; NULL where there is none, or no JSON. */
const json_t *answer_json(struct answer *a, const char *pointer);

/* Whether a text is a JSON pointer. */
bool answer_is_pointer(const char *pointer);

/* A value as it is written into a request: a string as it is, all else as JSON. */
void answer_json_text(struct str *out, const json_t *value);

#endif

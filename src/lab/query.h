/* Numbers in the query string of a request, against a table of what there may be. */
#ifndef CULPRIT_LAB_QUERY_H
#define CULPRIT_LAB_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/http_request.h"

enum { QUERY_MAX = 16 };

struct query_param {
	const char *name;
	const char *what; /* "seconds", "a probability": for the sentence */
	double min, max;
};

/* Values by the place in the table; bit i of `given`: param i was there. */
struct query_values {
	double value[QUERY_MAX];
	uint32_t given;
};

/* Takes the next name=value pair off the front of `query`: 1, or 0 at the end. */
int query_next(struct http_slice *query, struct http_slice *name, struct http_slice *value);

/*
 * Puts a pair into `out` where the table (which ends with a name of NULL) has it: 1, or 0 where it
 * does not, or ERR_INPUT with a sentence that names the parameter: no number, out of range, given
 * twice. Names and values may be percent-encoded.
 */
int query_put(const struct query_param *table, struct http_slice name, struct http_slice value,
	struct query_values *out, struct err *err);

/* ERR_INPUT names the first param of `needed` (a bit each) that was not given. */
int query_need(const struct query_param *table, uint32_t needed, const struct query_values *values,
	struct err *err);

#endif

/*
 * YAML as a small tree of nodes that know their lines, over libyaml's events. What study files and
 * scenarios need and no more: one document of maps, lists and texts. Anchors, aliases, tags and
 * merge keys are refused, and everything has a ceiling, so that a file of a few bytes cannot become
 * a tree of millions of nodes.
 */
#ifndef CULPRIT_BASE_NODE_H
#define CULPRIT_BASE_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { NODE_MAX_DEPTH = 16, NODE_MAX_COUNT = 20000, NODE_MAX_BYTES = 1 << 20 };

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };
extern const char *const NODE_KIND_WORDS[]; /* "a text", "a list", "a map" */

struct node {
	enum node_kind kind;
	size_t line;        /* of the value, from 1 */
	bool quoted;        /* a text in quotes: never a number, never empty by mistake */
	char *text;         /* of a text; "" for nothing at all */
	struct node *items; /* of a list or map */
	struct node_key {
		char *name;
		size_t line;
	} * keys; /* of a map, as many as items, each different */
	size_t n, cap;
};

/* ERR_USAGE names `name`, the line and what is wrong: not YAML, a key twice, beyond a ceiling. */
int node_read(struct node *out, const char *name, const char *data, size_t len, struct err *err);
void node_release(struct node *n);

/* The value at a key of a map; NULL where it is not there, or n is NULL or no map. */
const struct node *node_at(const struct node *n, const char *key);

#endif

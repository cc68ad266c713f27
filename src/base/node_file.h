/*
 * What the readers of YAML files have in common: refusing what is wrong with its line and the mend,
 * and taking values. What is not known is refused with the nearest right name, for a key that is
 * passed over in silence is something that nobody did.
 */
#ifndef CULPRIT_BASE_NODE_FILE_H
#define CULPRIT_BASE_NODE_FILE_H

#include "base/node.h"
#include "base/str.h"

struct node_file {
	const char *path; /* as sentences name it */
	struct err *err;
};

/* ERR_USAGE with "path:line: " before the sentence. */
int node_refuse(const struct node_file *f, size_t line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "did you mean 'x'? " where one is near, then "There is a, b, c". `known` ends with NULL. */
void node_add_known(struct str *out, const char *word, const char *const *known);

/* Refuses a word that is none of `known`: "unknown lever 'x'; did you mean …". */
int node_refuse_word(const struct node_file *f, size_t line, const char *what, const char *word,
	const char *const *known);

/* `n` must be a map of keys from `known` (NULL: any); `what` names it: "design". */
int node_check_map(const struct node_file *f, const struct node *n, const char *const *known,
	const char *what);

/* A node that must be one value, not empty; `key` names it. Into *out. */
int node_value(const struct node_file *f, const struct node *n, const char *key, const char **out);

/* The same of the value at a key of a map; NULL where the key is not there. */
int node_text(const struct node_file *f, const struct node *map, const char *key, const char **out);

/* "path:line: key", for the parsers of numbers. */
char *node_place(
	const struct node_file *f, const struct node *value, const char *key, struct str *out);

#endif

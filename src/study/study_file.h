/* What the two files that read a study file share. Not for other modules. */
#ifndef CULPRIT_STUDY_STUDY_FILE_H
#define CULPRIT_STUDY_STUDY_FILE_H

#include "study/study.h"
#include "base/node.h"

struct study_file {
	const char *path;
	struct study *s;
	struct err *err;
};

/* ERR_USAGE with "path:line: " before the sentence. */
int study_file_refuse(const struct study_file *f, size_t line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "did you mean 'x'? " where one is near, then "there is a, b, c" */
void study_file_add_known(struct str *out, const char *word, const char *const *known);

/* `n` must be a map of keys from `known` (ends with NULL); `what` names it: "design". */
int study_file_check_map(const struct study_file *f, const struct node *n, const char *const *known,
	const char *what);

/* The text at a key, which must be one and not empty; NULL where the key is not there. Into *out.
 */
int study_file_text(
	const struct study_file *f, const struct node *map, const char *key, const char **out);

/* "path:line: key", for the parsers of numbers. */
char *study_file_place(
	const struct study_file *f, const struct node *value, const char *key, struct str *out);

/* The section `factors`. */
int study_file_factors(const struct study_file *f, const struct node *section);

#endif

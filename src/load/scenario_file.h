/* What the files that read a scenario share. Not for other modules. */
#ifndef CULPRIT_LOAD_SCENARIO_FILE_H
#define CULPRIT_LOAD_SCENARIO_FILE_H

#include "base/node.h"
#include "base/str.h"
#include "load/scenario.h"

struct scenario_reader {
	const char *path;
	struct load_scenario_file *out;
	struct load_spec *spec;
	struct load_origins *origins;
	struct template_names names;
	struct load_think think; /* of steps that say none */
	struct err *err;
};

/* ERR_USAGE with "path:line: " before the sentence. */
int scenario_refuse(const struct scenario_reader *r, size_t line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for a word that is none of `known` (ends with NULL): "<what> 'x'; did you mean …". */
int scenario_refuse_word(const struct scenario_reader *r, size_t line, const char *what,
	const char *word, const char *const *known);

/* `n` must be a map of keys from `known` (ends with NULL; NULL itself: any); `what` names it. */
int scenario_check_map(const struct scenario_reader *r, const struct node *n,
	const char *const *known, const char *what);

/* A node that must be one value, not empty; `key` names it. Into *out. */
int scenario_value(
	const struct scenario_reader *r, const struct node *n, const char *key, const char **out);

/* The same of the value at a key of a map; NULL where the key is not there. */
int scenario_text(
	const struct scenario_reader *r, const struct node *map, const char *key, const char **out);

/* "path:line: key", for the parsers of numbers. */
char *scenario_place(const struct scenario_reader *r, const struct node *value, const char *key,
	struct str *out);

/* A path as seen from the scenario's folder, from here; kept with the scenario. */
const char *scenario_path(const struct scenario_reader *r, const char *path);

/* YAML as JSON: plain words are null, true, false and numbers where JSON has them as such. A new
 * reference, or NULL. */
json_t *scenario_json(const struct scenario_reader *r, const struct node *n);

/* scenario_step.c: adds the step that a map describes. `start`: it is one of those. */
int scenario_step(struct scenario_reader *r, const struct node *n, bool start);
int scenario_think(const struct scenario_reader *r, const struct node *n, struct load_think *out);

/* scenario_checks.c: adds the names in `take` of each step of a list to the variables; then a
 * step's take and check. Its request must be there, for its name. */
int scenario_variables(struct scenario_reader *r, const struct node *steps);
int scenario_takes(const struct scenario_reader *r, const struct node *n, struct load_step *step);
int scenario_checks(const struct scenario_reader *r, const struct node *n, struct load_step *step);

#endif

/* What the files that read a scenario share. Not for other modules. */
#ifndef CULPRIT_LOAD_SCENARIO_FILE_H
#define CULPRIT_LOAD_SCENARIO_FILE_H

#include "base/node_file.h"
#include "base/str.h"
#include "load/scenario.h"

struct scenario_reader {
	struct node_file in;
	struct load_scenario_file *out;
	struct load_spec *spec;
	struct load_origins *origins;
	struct template_names names;
	struct load_think think; /* of steps that say none */
};

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

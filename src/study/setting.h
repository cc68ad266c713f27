/* A setting, and what the levers make of it: a request, a command, an environment. */
#ifndef CULPRIT_STUDY_SETTING_H
#define CULPRIT_STUDY_SETTING_H

#include "study/study.h"

struct setting {
	char **values; /* one a factor, with its unit, as it is sent */
	json_t *json;  /* factor → number or word */
	size_t n;
};

/* `u`: a coordinate in [0, 1] for each factor. */
void setting_init(struct setting *out, const struct study *s, const double *u);
void setting_release(struct setting *t);

/* "fraction_io_bound=0.22 mean_response_time=0.41" */
void setting_text(const struct setting *t, const struct study *s, struct str *out);

/* The load of a trial: the study's, with query, path and header levers applied. Release it with
 * setting_load_release(). */
struct setting_load {
	struct load_spec spec;
	struct str url, body;
	char **headers; /* those that were made here */
	size_t n_headers;
};
void setting_load_init(struct setting_load *out, const struct setting *t, const struct study *s);
void setting_load_release(struct setting_load *l);

/* The service's command, with arg levers applied; a value is quoted for the shell where it must be.
 */
void setting_command(const struct setting *t, const struct study *s, struct str *out);

/* Environment lines of the study, of env levers, and `more` (or NULL) behind them; ends with NULL.
 * Free each and the array. */
char **setting_env(const struct setting *t, const struct study *s, const char *more);

/* Text that two settings share when the service needs no restart between them. */
void setting_service_key(const struct setting *t, const struct study *s, struct str *out);

/* Replaces each {name} in `text`; true where it was there. */
bool setting_replace(struct str *out, const char *text, const char *name, const char *value);

#endif

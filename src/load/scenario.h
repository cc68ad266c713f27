/*
 * What a virtual user does: steps, each a request with what is taken from its answer, what is
 * checked, and how long the user thinks after it. docs/scenarios.md has the file's form. A run
 * without a scenario file is the simplest one: steps without takes and checks.
 */
#ifndef CULPRIT_LOAD_SCENARIO_H
#define CULPRIT_LOAD_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "load/data.h"
#include "load/load.h"
#include "load/request.h"

struct load_think {
	uint64_t min_ns, max_ns; /* uniform between them */
};

enum load_take_kind { TAKE_JSON, TAKE_HEADER, TAKE_REGEX };

/* A value from an answer, into a variable. */
struct load_take {
	size_t variable; /* index into the scenario's names */
	enum load_take_kind kind;
	char *text; /* JSON pointer (RFC 6901), header name, expression */
	void *code; /* the compiled expression (PCRE2) */
};

enum load_check_kind {
	CHECK_STATUS,
	CHECK_CONTAINS,
	CHECK_REGEX,
	CHECK_JSON,
	CHECK_HEADER,
	CHECK_LATENCY
};

struct load_check {
	enum load_check_kind kind;
	char *name;    /* "login: status 200" */
	size_t result; /* index among all checks of the scenario */
	uint16_t status_min, status_max;
	char *text;  /* what it contains, pointer, header, expression */
	char *value; /* JSON: that the value is, as JSON text; header: its value; NULL: it is there
		      */
	void *code;
	uint64_t latency_ns;
};

struct load_step {
	struct load_request request;
	struct load_think think; /* after it */
	struct load_take *takes;
	size_t n_takes;
	struct load_check *checks;
	size_t n_checks;
	bool wants_headers, wants_body; /* of the answer, for takes, checks and cookies */
	bool any_status;                /* a check says which status is right */
};

struct load_scenario {
	struct load_step
		*steps; /* the first n_start once for each user, the others over and over */
	size_t n_start, n_steps; /* n_steps: all of them */
	bool pick_one;           /* one of the others at each turn, by weight; else all in order */
	bool cookies;
	char **variables;
	size_t n_variables;
	size_t n_checks; /* over all steps */
};

/* Reads a file and applies the `load:` keys that it has to the spec, where the command line did not
 * set them (given: names that it set). ERR_USAGE names file, line, key and mend. Texts that the
 * spec borrows live as long as `out`. */
struct load_scenario_file {
	struct load_scenario scenario;
	struct load_data data; /* n_rows 0: none */
	void *node;            /* the file's tree, for the texts */
};
int load_scenario_read(struct load_scenario_file *out, const char *path, struct load_spec *spec,
	struct load_origins *origins, struct err *err);
void load_scenario_file_release(struct load_scenario_file *f);

void load_scenario_release(struct load_scenario *s);
void load_step_release(struct load_step *s);

/* An answer, as far as it was kept. */
struct load_answer {
	unsigned status;
	const char *headers; /* lines "name: value\n" */
	size_t n_headers;
	const char *body;
	size_t n_body;
	bool cut;            /* the body was longer than LOAD_BODY_MAX */
	uint64_t latency_ns; /* from the send */
};
enum { LOAD_BODY_MAX = 4 << 20 };

/*
 * Takes and checks of a step. taken[variable] is replaced (freed and allocated anew) where a value
 * was found; a value that is not found fails the step. passed[check.result] and failed[…] are
 * counted up. True where everything held. A body in gzip or deflate is unpacked first.
 */
bool load_step_judge(const struct load_step *s, const struct load_answer *a, char **taken,
	uint64_t *passed, uint64_t *failed);

#endif

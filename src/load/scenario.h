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
	char *text;         /* JSON pointer (RFC 6901), header name, expression */
	struct regex *code; /* the compiled expression */
};

enum load_check_kind {
	CHECK_STATUS,
	CHECK_CONTAINS,
	CHECK_REGEX,
	CHECK_JSON,
	CHECK_HEADER,
	CHECK_LATENCY
};

struct load_status_range {
	uint16_t min, max;
};

struct load_check {
	enum load_check_kind kind;
	char *name;                         /* "login: status 200" */
	size_t result;                      /* index among all checks of the scenario */
	struct load_status_range *statuses; /* one of these n_statuses */
	size_t n_statuses;
	char *text;       /* what it contains, pointer, header, expression */
	json_t *expected; /* what the value at the pointer is; NULL: it is there */
	char *value;      /* what the header says; NULL: it is there */
	struct regex *code;
	uint64_t latency_ns; /* at most */
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

struct load_scenario_file {
	struct load_scenario scenario;
	struct load_data data; /* of spec->data_file; n_rows 0: none */
	char **texts;          /* which the spec borrows */
	size_t n_texts, texts_cap;
};

/*
 * Reads a file, and the data file where the spec or the file names one. A key of its section `load`
 * goes into the spec where the spec's field still has the value of load_spec_init(); so what the
 * command line says wins, but an option that is given its own default counts as not given. A list
 * that was given (--header) takes the place of the file's. The texts that the spec then borrows
 * live as long as `out`. The first of `origins` is that of the URL, where there is one.
 *
 * ERR_USAGE names file, line, key and mend; ERR_INPUT where the data file is wrong. Release `out`
 * also after a failure.
 */
int load_scenario_read(struct load_scenario_file *out, const char *path, struct load_spec *spec,
	struct load_origins *origins, struct err *err);
int load_scenario_read_bytes(struct load_scenario_file *out, const char *path, const char *data,
	size_t len, struct load_spec *spec, struct load_origins *origins, struct err *err);
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
/* Of a body, also once it is unpacked; and of a value that is taken. */
enum { LOAD_BODY_MAX = 4 << 20, LOAD_TAKEN_MAX = 64 << 10 };

/* Whether a status is an expected one: what the step's checks say, else 2xx and 3xx. */
bool load_step_expects(const struct load_step *s, unsigned status);

/*
 * Takes and checks of a step. taken[variable] is replaced (freed and allocated anew) where a value
 * was found; a value that is not found, or is longer than LOAD_TAKEN_MAX, fails the step.
 * passed[check.result] and failed[…] are counted up. True where everything held. A body in gzip or
 * deflate is unpacked first; one in another coding is no text, so nothing is found in it.
 * Thread-safe: the step is only read.
 */
bool load_step_judge(const struct load_step *s, const struct load_answer *a, char **taken,
	uint64_t *passed, uint64_t *failed);

#endif

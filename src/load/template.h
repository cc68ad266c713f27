/*
 * Texts with placeholders: the path, header values and bodies of requests.
 *
 *   {column}      a column of the data file (--data), of the row drawn for this request
 *   {taken}       what a scenario took from an earlier answer
 *   {seq}         1, 2, 3, … over the whole run
 *   {uuid}        a random UUID (version 4)
 *   {rand:A-B}    a whole number, A … B, both included
 *   {hex:N}, {text:N}   N random hexadecimal digits, or letters and digits
 *
 * The rule for braces: {{word}} is the text {word}; {word} and {word:arguments} are placeholders;
 * every other brace stays as it is, so JSON needs no escaping: {"a":{"b":{seq}}}. A word is one or
 * more letters, digits, "_", ".", "-"; arguments are anything but braces, quotes, commas and line
 * ends. A word that nothing stands for is an error which names it.
 *
 * Values are written as their place needs it: percent-encoded in a path, query or form; escaped as
 * within a JSON string in a JSON body; in a header, each control character becomes a space (RFC
 * 9110, 5.5), so that no value can end the line.
 */
#ifndef CULPRIT_LOAD_TEMPLATE_H
#define CULPRIT_LOAD_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"
#include "load/data.h"

enum template_place { TEMPLATE_RAW, TEMPLATE_URL, TEMPLATE_JSON, TEMPLATE_HEADER };

struct template_part; /* template.c */

struct template
{
	struct template_part *parts;
	size_t n, cap;
};

/* What words may stand for. Either may be NULL. A word that is both is an error. */
struct template_names {
	const struct load_data *data;
	const char *const *taken; /* names of a scenario's variables, n_taken of them */
	size_t n_taken;
};

/* What they stand for in one request. */
struct template_values {
	const struct load_data *data;
	size_t row;         /* of it */
	char *const *taken; /* as in names; NULL: not taken yet, written as nothing */
	uint64_t seq;
	struct rng *rng;
};

enum { TEMPLATE_RANDOM_MAX = 65536 }; /* N of {hex:N} and {text:N} */

/* `what` names the place in errors, or is NULL. `names` may be NULL. ERR_USAGE; nothing to release
 * then. */
int template_parse(struct template *out, const char *text, size_t len, enum template_place place,
	const struct template_names *names, const char *what, struct err *err);
void template_release(struct template *t);

bool template_is_constant(const struct template *t); /* no placeholder in it */
bool template_takes_row(const struct template *t);   /* a column is in it */
bool template_takes_seq(const struct template *t);

/* The text of a constant one, without a copy; false where something is filled in. */
bool template_fixed(const struct template *t, const char **p, size_t *len);

/* Appends. Allocates nothing once `out` has the room. */
void template_render(const struct template *t, const struct template_values *v, struct str *out);

/* Appends the text that parses to nothing but `text`: for what was recorded, not written. */
void template_escape(struct str *out, const char *text, size_t len);

/* Appends `text` with everything but its placeholders percent-encoded: the fields of a form. */
void template_encode(struct str *out, const char *text, size_t len);

bool template_is_word(const char *p, size_t len);
bool template_is_built_in(const char *word); /* "seq", "uuid", "rand", "hex", "text" */

#endif

/*
 * Texts with placeholders: the path, header values and bodies of requests.
 *
 *   {column}      a column of the data file (--data), of the row drawn for this request
 *   {taken}       what a scenario took from an earlier answer
 *   {seq}         1, 2, 3, … over the whole run
 *   {uuid}        a random UUID (version 4)
 *   {rand:A-B}    a whole number, A … B, both included
 *   {hex:N}, {text:N}   N random hexadecimal digits, or letters and digits
 *   {{ }}         the characters { and } themselves
 *
 * Braces around anything that is no word are left alone, so JSON needs no escaping: {"a": 1}. A
 * word that nothing stands for is an error which names it. Values are written as their place needs
 * it: percent-encoded in a path, query or form; escaped within a JSON string in a JSON body;
 * without line ends in a header.
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

/* What words may stand for. Either may be NULL. */
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

/* `what` names the place in errors. ERR_USAGE; nothing to release then. */
int template_parse(struct template *out, const char *text, size_t len, enum template_place place,
	const struct template_names *names, const char *what, struct err *err);
void template_release(struct template *t);

bool template_is_constant(const struct template *t); /* no placeholder in it */
bool template_takes_row(const struct template *t);   /* a column is in it */
bool template_takes_seq(const struct template *t);

/* Appends. */
void template_render(const struct template *t, const struct template_values *v, struct str *out);

#endif

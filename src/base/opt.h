/*
 * The option table: one list of options serves the command line, the same keys in a study file, the
 * help, the manual pages and the shell completion. An option writes straight into a field of a
 * struct, named by its offset.
 */
#ifndef CULPRIT_BASE_OPT_H
#define CULPRIT_BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* type, the field's C type, how help shows its argument when the option does not say */
#define OPT_TYPES(X)                                                                               \
	X(FLAG, bool, "")                                                                          \
	X(TEXT, const char *, "TEXT")                                                              \
	X(LIST, struct opt_list, "TEXT") /* may be given again and again */                        \
	X(INT, int64_t, "N")                                                                       \
	X(REAL, double, "X")                                                                       \
	X(SHARE, double, "X%")        /* 5%, or 0.05 */                                            \
	X(DURATION, uint64_t, "TIME") /* nanoseconds */                                            \
	X(AUTO, uint64_t, "TIME")     /* nanoseconds, or OPT_AUTO_NS for the word "auto" */        \
	X(SIZE, uint64_t, "SIZE")     /* bytes */                                                  \
	X(CHOICE, int, "WORD")        /* index into choices */

enum opt_type {
#define X(name, type, arg) OPT_##name,
	OPT_TYPES(X)
#undef X
};

/* What an AUTO option holds for "auto": by rule. */
#define OPT_AUTO_NS UINT64_MAX

/* Texts that were given to a repeatable option, in order. The texts are borrowed. */
struct opt_list {
	const char **items;
	size_t n;
	size_t cap;
};

struct opt {
	char letter;      /* short name, or 0 */
	const char *name; /* long name without dashes; study files write it with '_' for '-' */
	enum opt_type type;
	size_t offset;    /* of the field */
	const char *arg;  /* what help calls the argument; NULL for the type's own word */
	const char *help; /* one line, no full stop; says the default where there is one */
	double min, max; /* INT, REAL, SHARE as they are; DURATION and AUTO in ns, SIZE in bytes; 0,
			    0: any */
	const char *const *choices; /* CHOICE: ends with NULL */
};

/* A table of options that ends with a name of NULL, the struct that it writes into, and a title for
 * help. NULL is "Options" for the first, and for another that it goes on with the one before. A
 * command has a few of these; opts of NULL ends them. */
struct opt_section {
	const char *title;
	const struct opt *opts;
	void *into;
};

/* What was left: the positional arguments, in order (borrowed from argv). */
struct opt_rest {
	const char **items;
	size_t n;
	size_t cap;
};

/*
 * Parses argv[0 … argc−1] (without program and command names). Long options as --name VALUE or
 * --name=VALUE, short ones as -c 5, -c5, flags together as -ab; a flag's opposite is --no-NAME;
 * "--" ends options, as does the first positional where stop_at_positional. ERR_USAGE names the
 * option and the nearest right one.
 */
int opt_parse(const struct opt_section *sections, int argc, char **argv, bool stop_at_positional,
	struct opt_rest *rest, struct err *err);
void opt_rest_release(struct opt_rest *rest);

/* Sets one option from text; `what` names the place in messages. `value` must outlive the struct.
 */
int opt_set(
	const struct opt *opt, void *into, const char *value, const char *what, struct err *err);

/* The option of this name in a table, or NULL. '_' and '-' are the same. */
const struct opt *opt_find(const struct opt *opts, const char *name);

/* The options as help shows them: a title a section, then aligned lines within `width` columns. */
void opt_help(const struct opt_section *sections, size_t width, struct str *out);

/* A check of the tables themselves, for the unit tests: two options of one name, no help, a choice
 * without choices. */
int opt_check(const struct opt_section *sections, struct err *err);

#endif

/* Places of a profile as a person would name them. Names come from another process: what a terminal
 * would take for a command is taken out of them here. */
#ifndef CULPRIT_REPORT_PROFILE_NAMES_H
#define CULPRIT_REPORT_PROFILE_NAMES_H

#include <stddef.h>

#include "base/str.h"
#include "base/term.h"
#include "profile/profile.h"

/* The folders that the programs' own files have in common, of one profile or two. */
struct places {
	struct str folder[2];
	size_t n;
};

void places_add(struct places *pl, const struct profile *p);
void places_release(struct places *pl);

/* The file as a person would name it, a part of `file`: "flask/app.py" of one in site-packages,
 * "asyncio/base_events.py" of the standard library, the program's own ones from the folder that
 * they have in common, of machine code the module's name. */
const char *places_file(const struct places *pl, enum profile_kind kind, const char *file);

/* "flask/app.py:41"; the line is left out where it is 0, all of it where there is no file. */
void places_where(struct str *out, const struct places *pl, enum profile_kind kind,
	const char *file, int line);

/* "requests", "socket", "importlib", "libc": what a library's file belongs to. */
void places_package(struct str *out, const struct profile_function *f);

/* Adds `text` without what a terminal would act on, in at most `width` columns: cut in the middle,
 * since the ends of a name say most. */
void profile_add_name(struct str *out, const struct term *term, const char *text, size_t width);

#endif

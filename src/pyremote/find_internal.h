/* Finding an interpreter in a process: runtime.c looks at files and mappings, check.c at what
 * lives, find.c makes one of both. */
#ifndef CULPRIT_PYREMOTE_FIND_INTERNAL_H
#define CULPRIT_PYREMOTE_FIND_INTERNAL_H

#include "native/maps.h"
#include "pyremote/python_internal.h"

enum runtime_found {
	RUNTIME_FOUND,    /* about and code_type are filled as far as files tell */
	RUNTIME_NONE,     /* no Python */
	RUNTIME_STARTING, /* a Python that is not mapped whole yet */
	RUNTIME_PYPY,
	RUNTIME_OLD,    /* before 3.8: version is filled */
	RUNTIME_HIDDEN, /* a Python, but not where its runtime lies */
	RUNTIME_DENIED, /* its file may not be opened: err says why */
	RUNTIME_FILE,   /* its file is none that can be read: err says why */
};

/* exe: what /proc/PID/exe points to. */
enum runtime_found runtime_find(
	struct python *p, const struct maps *maps, const char *exe, struct err *err);

/* The third way alone: what in the data of the file whose beginning is the mapping `first` looks
 * like a runtime of version 3.`minor`. Sets about.runtime. */
bool runtime_scan(struct python *p, const struct maps *maps, size_t first, int minor);

/* What lives agrees with the layout, which is corrected where patch versions differ. OK, STARTING,
 * or UNSUPPORTED; *what says in some words what did not fit. */
enum python_why check_layout(struct python *p, const char **what);

#endif

/*
 * asyncio's tasks from CPython 3.14 on, by what its module says about itself: the section
 * .AsyncioDebug of _asyncio (Modules/_asynciomodule.c), numbers of 64 bits in three groups. Tasks
 * are links of lists whose heads lie in the states of threads and of the interpreter.
 */
#ifndef CULPRIT_PYREMOTE_TASKS_OWN_H
#define CULPRIT_PYREMOTE_TASKS_OWN_H

#include "pyremote/python_internal.h"

enum { TASKS_OWN_BYTES = 13 * 8 };

/* Fills layout.task; false: it cannot be so. */
bool tasks_own_read(const uint8_t bytes[TASKS_OWN_BYTES], struct layout *layout);
/* Looks for the section in what is mapped; false: asyncio is not imported, or it is not understood.
 * A millisecond or so. */
bool tasks_own_find(struct python *p);

struct own_task {
	uint64_t address;
	bool running;
};

/* Those in the lists, and those that run; to be freed. */
size_t tasks_own_list(struct python *p, size_t max, struct own_task **out);

#endif

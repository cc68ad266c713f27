/* Dicts, sets, attributes and modules of a process that runs meanwhile. What is read is one look: a
 * dict that is being changed may show an entry twice or not at all, and who needs to be sure looks
 * again. */
#ifndef CULPRIT_PYREMOTE_DICT_H
#define CULPRIT_PYREMOTE_DICT_H

#include "pyremote/python_internal.h"

enum { DICT_MAX_ITEMS = 1 << 20 };

struct dict_item {
	uint64_t key, value; /* addresses of objects; a set has no values */
};

/* All items, to be freed; false: it is none, or could not be read. */
bool dict_read(struct python *p, uint64_t dict, struct dict_item **items, size_t *n);
bool set_read(struct python *p, uint64_t set, struct dict_item **items, size_t *n);

/* The value at this text; 0: none. */
uint64_t dict_find(struct python *p, uint64_t dict, const char *key);

/* What an instance has under this name (its own, not its class's); 0: nothing. */
uint64_t object_attribute(struct python *p, uint64_t object, const char *name);

/* The dict of a module, by sys.modules of this interpreter; 0: it was not imported. */
uint64_t module_dict(struct python *p, uint64_t interpreter, const char *module);

/* An int that is not negative and fits. */
bool object_int(struct python *p, uint64_t object, uint64_t *out);

#endif

/* Requests of an HTTP archive (HAR 1.2, as browsers save it), for targets.c. */
#ifndef CULPRIT_LOAD_HAR_H
#define CULPRIT_LOAD_HAR_H

#include <stddef.h>

#include "base/err.h"
#include "load/request.h"

struct har_hooks {
	/* One recorded request, in order; texts hold during the call, and braces in them are
	 * escaped: nothing in a recording is a placeholder. `body` is NULL where there was none. */
	int (*request)(void *arg, const struct load_request_text *text, struct err *err);
	void *arg;
};

/* Calls the hook for each entry whose URL is http or https; stops at its first error. Headers that
 * belong to the connection are left out. `name` is the file's, for errors. ERR_INPUT. */
int har_read(const char *name, const char *data, size_t len, const struct har_hooks *hooks,
	struct err *err);

#endif

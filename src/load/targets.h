/*
 * Where the requests of a run come from: the URL and further targets of the command line, a URL
 * list, or an HTTP archive (HAR 1.2, as browsers save it). All give a list of requests.
 */
#ifndef CULPRIT_LOAD_TARGETS_H
#define CULPRIT_LOAD_TARGETS_H

#include "base/err.h"
#include "load/load.h"
#include "load/request.h"

enum { LOAD_TARGETS_MAX = 100000, LOAD_LIST_MAX_BYTES = 1 << 26 };

struct load_targets {
	struct load_request *items;
	size_t n, cap;
};

/* From the spec's url, targets, urls_file and har_file, with its method, headers and body (or
 * body_file, or form) for all that name none of their own. ERR_USAGE or ERR_INPUT names the place
 * and line. HAR: method, URL, headers and postData of every entry whose URL is http(s), without
 * what belongs to the connection (Host, Connection, Content-Length, ":…", cookies kept). */
int load_targets_read(struct load_targets *out, const struct load_spec *spec,
	struct load_origins *origins, const struct template_names *names, struct err *err);
void load_targets_release(struct load_targets *t);

/* "[Nx ][METHOD ]URL", as on the command line and in lists. */
int load_target_line(const char *line, const char *what, double *weight, struct str *method,
	const char **url, struct err *err);

#endif

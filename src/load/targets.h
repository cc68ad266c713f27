/*
 * Where the requests of a run come from: the URL and further targets of the command line, a URL
 * list, or an HTTP archive (HAR 1.2, as browsers save it). All give a list of requests.
 */
#ifndef CULPRIT_LOAD_TARGETS_H
#define CULPRIT_LOAD_TARGETS_H

#include "base/err.h"
#include "load/load.h"
#include "load/request.h"

enum { LOAD_TARGETS_MAX = 100000, LOAD_LIST_MAX_BYTES = 1 << 26, LOAD_BODIES_MAX_BYTES = 1 << 30 };

struct load_targets {
	struct load_request *items;
	size_t n, cap;
};

/*
 * From the spec's url, targets, urls_file and har_file, in this order. Where a list or an archive
 * is given, the spec's url is no request but what "/path" in them is relative to. Its method,
 * headers and body (or body_file, or form) are for all that name none of their own; a line that
 * says GET, HEAD, OPTIONS or TRACE itself has no body.
 *
 * Of an archive: every entry whose URL is http or https, as it was recorded (no placeholders), with
 * the spec's headers in place of recorded ones of the same name, without what belongs to the
 * connection. A body in the spec beside it is an error.
 *
 * Names are made different: "GET /", "GET / (2)". ERR_USAGE or ERR_INPUT names the place and line.
 */
int load_targets_read(struct load_targets *out, const struct load_spec *spec,
	struct load_origins *origins, const struct template_names *names, struct err *err);
void load_targets_release(struct load_targets *t);

/* "[Nx ][METHOD ]URL", as on the command line and in lists. *weight: 1 where there is none; method:
 * empty where there is none; *url points into the line. `what` may be NULL. */
int load_target_line(const char *line, const char *what, double *weight, struct str *method,
	const char **url, struct err *err);

#endif

/*
 * The service as a study runs it: one process tree, or as many copies as the lever `replicas` says,
 * each on a port of its own, behind a balancer that takes the port of the load's URL.
 */
#ifndef CULPRIT_STUDY_FLEET_H
#define CULPRIT_STUDY_FLEET_H

#include "proc/relay.h"
#include "proc/service.h"
#include "study/setting.h"

enum { FLEET_MAX = 64 };

struct fleet {
	struct service **items;
	size_t n;
	struct relay *balancer; /* NULL: there is no lever `replicas` */
	char *key;              /* the settings that it was started with */
};

struct fleet_spec {
	const struct study *study;
	const struct setting *setting;
	const char *url;          /* of the load */
	const char *culprit_env;  /* "CULPRIT=…" */
	const char *log_path;     /* copies after the first have ".2", ".3" behind it */
	const char *cgroup_procs; /* or NULL */
	const atomic_bool *stop;
};

/* ERR_SERVICE as service_start() has it; nothing is left running then. */
int fleet_start(struct fleet *f, const struct fleet_spec *spec, struct err *err);
void fleet_stop(struct fleet *f);
/* Are all there? ERR_SERVICE names the one that is not. */
int fleet_check(struct fleet *f, struct err *err);
static inline bool fleet_runs(const struct fleet *f)
{
	return f->n > 0;
}

/* The setting's {port} of one copy in a text ("{port}" is replaced). */
void fleet_port(struct str *out, const char *text, const char *port);

/* How the copies shared the connections since they started: an array; NULL without a balancer. */
json_t *fleet_shares(const struct fleet *f);

#endif

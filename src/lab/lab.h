/*
 * The labs: services with known costs and their own exact counters, built into culprit. Default target
 * of the demo, and oracle of the tests. A master and N workers, as gunicorn has: SIGTTIN and SIGTTOU
 * add and remove a worker, SIGTERM drains, a worker that dies is replaced.
 */
#ifndef CULPRIT_LAB_LAB_H
#define CULPRIT_LAB_LAB_H

#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"

struct lab_spec {
	const char *bind;     /* "127.0.0.1:5001"; port 0: any free one, told in the ready line */
	int64_t workers;      /* 2 */
	int64_t cpu_rounds;   /* times that /cpu serialises its object; default for the parameter */
	uint64_t grace_ns;    /* on SIGTERM, time for requests under way; 30 s */
	uint64_t seed;        /* of sleeps and choices; 0: fresh */
	uint64_t startup_ns;  /* a worker answers so long after it started (gunicorn's import time); 0 */
};

extern const struct opt LAB_OPTIONS[];
void lab_spec_init(struct lab_spec *spec);

/* Runs the lab `mixed` until SIGTERM or SIGINT. `ready` is called in the master with the address when
 * the socket listens. */
int lab_mixed_run(const struct lab_spec *spec, void (*ready)(void *arg, const char *address),
	void *arg, struct err *err);

#endif

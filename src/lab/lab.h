/*
 * The labs: services with known costs and their own exact counters, built into culprit. Default
 * target of the demo, and oracle of the tests. A master and N workers, as gunicorn has: SIGTTIN and
 * SIGTTOU add and remove a worker, SIGTERM drains, a worker that dies is replaced. docs/lab.md
 * tells what each answers and counts.
 */
#ifndef CULPRIT_LAB_LAB_H
#define CULPRIT_LAB_LAB_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"

struct lab_spec {
	const char *bind;    /* "127.0.0.1:5001"; port 0: any free one, told in the ready line */
	int64_t workers;     /* 2 */
	int64_t cpu_rounds;  /* times that /cpu serialises its object; default for the parameter */
	uint64_t grace_ns;   /* on SIGTERM, time for requests under way; 30 s */
	uint64_t startup_ns; /* a worker answers so long after it started (gunicorn's import time);
				0 */
	int64_t seed;        /* of sleeps, choices and faults; 0: fresh */
	/* the whole lab answers nothing for stall_ns at the end of each stall_every_ns; 0: never */
	uint64_t stall_ns, stall_every_ns; /* 0, 10 s */
	/* requests cost 1 + 2 exp(−3 t / transient_ns) times as much t after the first request, and
	 * after the first of those that follow an idle second; 0: never */
	uint64_t transient_ns;
};

#define LAB_SPEC_INIT                                                                              \
	{                                                                                          \
		.bind = "127.0.0.1:5001", .workers = 2, .cpu_rounds = LAB_CPU_ROUNDS,              \
		.grace_ns = UINT64_C(30000000000), .stall_every_ns = UINT64_C(10000000000)         \
	}

/* Rounds of /cpu that cost what one request costs a Flask service; docs/lab.md has the measurement.
 */
enum { LAB_CPU_ROUNDS = 50 };

extern const struct opt LAB_OPTIONS[];

/* What the caller hears. Called in the master only; each may be NULL. */
struct lab_hooks {
	void (*ready)(
		void *arg, const char *address);   /* the socket listens there: "127.0.0.1:5001" */
	void (*note)(void *arg, const char *text); /* something a person should know */
	void *arg;
	const atomic_bool *stop; /* looked at once the lab's own signal handling stands */
};

/* Runs a lab until SIGTERM or SIGINT, which drain it, or a second one, which does not. */
struct lab {
	const char *name;
	const char *summary;
	const char *example; /* path and query of a request with every parameter */
	int (*run)(const struct lab_spec *spec, const struct lab_hooks *hooks, struct err *err);
};

int lab_mixed_run(const struct lab_spec *spec, const struct lab_hooks *hooks, struct err *err);
int lab_truth_run(const struct lab_spec *spec, const struct lab_hooks *hooks, struct err *err);

extern const struct lab LABS[]; /* ends with a name of NULL */

/* The lab of this name; NULL with err set, naming the nearest. */
const struct lab *lab_find(const char *name, struct err *err);

#endif

/* The table of labs, and the options that all of them take. */
#include "lab/lab.h"

#include <string.h>

#include "base/str.h"
#include "lab/mixed.h"
#include "lab/truth.h"

const struct lab LABS[] = {
	{"mixed", "a path that waits and a path that computes, mixed by a fraction", MIXED_EXAMPLE,
		lab_mixed_run},
	{"truth", "exactly known delays, and a histogram of its own that tells what they were",
		TRUTH_EXAMPLE, lab_truth_run},
	{0}};

const struct lab *lab_find(const char *name, struct err *err)
{
	const char *names[sizeof(LABS) / sizeof(LABS[0])], *nearest;
	size_t n = 0;

	for (; LABS[n].name; n++) {
		if (!strcmp(LABS[n].name, name))
			return &LABS[n];
		names[n] = LABS[n].name;
	}
	names[n] = NULL;
	nearest = str_nearest(name, names);
	if (nearest)
		err_set(err, ERR_USAGE, "no lab '%s', did you mean '%s'?", name, nearest);
	else
		err_set(err, ERR_USAGE, "no lab '%s'; `culprit lab` lists them", name);
	return NULL;
}

#define AT(field) offsetof(struct lab_spec, field)
const struct opt LAB_OPTIONS[] = {
	{'b', "bind", OPT_TEXT, AT(bind), "HOST:PORT",
		"listen there; port 0 takes any free one [127.0.0.1:5001]", 0, 0, NULL},
	{'w', "workers", OPT_INT, AT(workers), NULL, "worker processes at the start [2]", 1, 200,
		NULL},
	{0, "cpu-rounds", OPT_INT, AT(cpu_rounds), NULL,
		"times that /cpu serialises its object where the request does not say [50]", 0, 1e6,
		NULL},
	{0, "grace", OPT_DURATION, AT(grace_ns), NULL,
		"when draining, wait so long for requests under way [30s]", 0, 3600e9, NULL},
	{0, "startup", OPT_DURATION, AT(startup_ns), NULL,
		"a worker answers so long after it started, as one that imports much [0]", 0, 60e9,
		NULL},
	{0, "seed", OPT_INT, AT(seed), NULL, "of sleeps, choices and faults; 0 is a fresh one [0]",
		0, 9007199254740991, NULL},
	{0, "stall", OPT_DURATION, AT(stall_ns), NULL,
		"the whole lab answers nothing for so long, again and again [0: never]", 0, 3600e9,
		NULL},
	{0, "stall-every", OPT_DURATION, AT(stall_every_ns), NULL,
		"a stall ends each stretch of this length [10s]", 1e6, 3600e9, NULL},
	{0, "transient", OPT_DURATION, AT(transient_ns), NULL,
		"requests cost more at the start and after an idle second: threefold at first, 5 % "
		"of that excess is left after this time [0: never]",
		0, 3600e9, NULL},
	{0}};
#undef AT

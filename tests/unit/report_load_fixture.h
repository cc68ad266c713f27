/* Loads as the engine gives them, made up: everything that a report can show is in them. */
#ifndef REPORT_LOAD_FIXTURE_H
#define REPORT_LOAD_FIXTURE_H

#include "load/load.h"

enum load_fixture {
	FIXTURE_GOOD, /* closed loop, nothing failed, steady */
	FIXTURE_BAD,  /* the engine at its limit, failures of all kinds, a rate that drifts */
	FIXTURE_OPEN, /* open loop over TLS and h2, a mix of targets, late sends, waiting */
	FIXTURE_SCENARIO,
	FIXTURE_NOTHING, /* every request refused */
	N_LOAD_FIXTURES
};

void load_fixture_init(enum load_fixture which, struct load_spec *spec, struct load_result *r);
void load_fixture_release(struct load_spec *spec, struct load_result *r);

#endif

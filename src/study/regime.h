/*
 * What limited a trial: from the operational laws (Little; utilisation; the asymptotic bounds of
 * Denning and Buzen, "The operational analysis of queueing network models", Computing Surveys 10,
 * 1978) and the recordings. Which factor limits depends on it, so every trial says it.
 */
#ifndef CULPRIT_STUDY_REGIME_H
#define CULPRIT_STUDY_REGIME_H

#include "base/str.h"

/* word in the trial's detail, what it means */
#define REGIMES(X)                                                                                 \
	X(UNKNOWN, "unknown", "the service is not culprit's, so its CPU time is not known")        \
	X(ENGINE, "engine", "the load engine was the limit")                                       \
	X(THROTTLED, "throttled", "the CPU quota held the service back")                           \
	X(CPU, "cpu", "all cores that the service may use were busy")                              \
	X(OTHERS, "others", "other programs on the machine had the cores")                         \
	X(PROCESS, "process", "each process of the service had a core full, and others were free") \
	X(USERS, "connections", "the connections of the load were all busy")                       \
	X(OFFERED, "offered", "the service kept up with the rate that was asked")                  \
	X(WAITING, "waiting", "requests waited, for a lock, a dependency or time, not for a core")

enum regime {
#define X(name, word, text) REGIME_##name,
	REGIMES(X)
#undef X
		N_REGIMES
};
extern const char *const REGIME_WORDS[], *const REGIME_TEXTS[];

/* What was seen; NaN where it is not known. */
struct regime_seen {
	double cores;         /* of the machine */
	double allowed;       /* that the service may use: quota or pinning; else as cores */
	double service_cores; /* that it used */
	double engine_cores;  /* that the engine used, and its busiest thread */
	double engine_busiest;
	double others_cores;
	double processes;        /* of the service that can do work at one time; NaN: not known */
	double throttled;        /* share of the time */
	double asked_rate, rate; /* asked: NaN in the closed loop */
	double waited;           /* share of requests that found no connection free */
};

enum regime regime_of(const struct regime_seen *s);

/* "cpu: the service used 1.8 of 2 cores" */
void regime_sentence(struct str *out, enum regime r, const struct regime_seen *s);

#endif

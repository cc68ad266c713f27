/*
 * A TCP relay between clients and upstreams, in a process of its own: the dependency whose latency
 * is varied (one upstream), and the balancer before replicas (several, by turns). What it adds can
 * be changed while it runs, and it counts what it did. It ends with culprit, however that ends.
 *
 * Delay is added to what comes back from the upstream: each piece read at t is passed on at t +
 * delay, in order, so that one round trip takes one delay longer, whatever its size: where delays
 * vary, one is drawn for an answer, not for each of its pieces. Ends and resets are passed on as
 * what they are, in their order; the upstream's after the delay.
 *
 * At most 256 KiB (and 4,096 pieces) of a direction are under way; a sender that is faster waits,
 * as on a real line, so a connection carries at most 256 KiB a delay. A connection whose upstream
 * refuses it is offered to the next one, once.
 */
#ifndef CULPRIT_PROC_RELAY_H
#define CULPRIT_PROC_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct relay_shape {
	uint64_t delay_ns;  /* of each piece; the median where it varies; at most 600 s */
	uint64_t jitter_ns; /* uniform within ± so much (never below 0) */
	double sigma;       /* lognormal: of the delay's logarithm; 0: none; at most 5 */
	/* Of each direction of a connection; 0: no limit. A token bucket that holds 10 ms of it,
	 * and at least 1 KiB. */
	uint64_t bytes_per_second;
	double drop; /* share of connections that are reset as they come, 0 … 1 */
};

struct relay_counts {
	uint64_t accepted; /* all that came, also those that were then … */
	uint64_t dropped;  /* … reset as the shape says, or … */
	uint64_t refused;  /* … reset because no upstream took them */
	uint64_t open;
	uint64_t bytes_up, bytes_down; /* passed on */
	/* Delayed pieces, and the sum of their true delays: from being read to when their first
	 * byte was sent. */
	uint64_t pieces, delay_ns;
};

struct relay_spec {
	const char *listen;           /* "127.0.0.1:6380", ":6380"; port 0: any free one */
	const char *const *upstreams; /* "127.0.0.1:6379"; ends with NULL; at most 256 */
	uint64_t seed;
};

struct relay;

/* ERR_BUSY where the address is taken (names who has it), ERR_USAGE for a text that is none.
 * Upstreams need not be there yet. For a process with one thread, for it forks. */
int relay_start(struct relay **out, const struct relay_spec *spec, struct err *err);
void relay_stop(struct relay *r); /* connections are closed; NULL is allowed */

/* For pieces from now on; returns when the relay has taken it over (it counts the times it did). */
int relay_set(struct relay *r, const struct relay_shape *shape, struct err *err);
void relay_count(const struct relay *r, struct relay_counts *out);
/* Still there? Does its upstream (each of them) take connections? ERR_SERVICE says which does not.
 */
int relay_check(const struct relay *r, struct err *err);
pid_t relay_pid(const struct relay *r);
double relay_cpu_s(const struct relay *r);        /* that it has used */
const char *relay_address(const struct relay *r); /* "127.0.0.1:6380" */
/* Of upstreams by turns, how many connections each was given. */
uint64_t relay_given(const struct relay *r, size_t upstream);

#endif

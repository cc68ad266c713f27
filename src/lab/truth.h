/*
 * The lab `truth`: answers after exactly known delays, and keeps histograms of how long it truly
 * took, so that what a load generator reports can be held against both.
 */
#ifndef CULPRIT_LAB_TRUTH_H
#define CULPRIT_LAB_TRUTH_H

#include <stdint.h>

#define TRUTH_EXAMPLE "/bimodal?low=0.005&high=0.05&fraction=0.1"

/* How long an answer of /stall takes, to a request that arrived in a lab that began at began_ns. */
uint64_t truth_stall_ns(uint64_t began_ns, uint64_t arrived_ns, uint64_t delay_ns);

#endif

/*
 * The lab `mixed`: a path that waits (/io), one that computes (/cpu), and one that is either (/),
 * with every cost in the request's parameters. The oldest example of what culprit is for: which of
 * the five limits the service?
 */
#ifndef CULPRIT_LAB_MIXED_H
#define CULPRIT_LAB_MIXED_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

#define MIXED_EXAMPLE                                                                              \
	"/?fraction_io_bound=0.25&mean_response_time=0.45&std_response_time=0.15"                  \
	"&min_response_time=0.15&json_object_length=750"

enum { MIXED_MAX_LENGTH = 1000000 };

/* Memory for objects of up to `length` entries and their text; one allocation, freed with free().
 */
size_t mixed_json_bytes(size_t length);

/* Builds the object {"0": 0, "1": 1, …} of `length` entries in memory (mixed_json_bytes of it) and
 * writes it as JSON, as json.dumps({str(x): x for x in range(length)}) does. The text's length;
 * *text lies in the memory. */
size_t mixed_serialise(void *memory, size_t length, const char **text);

/* minimum + a lognormal of this median and this sigma of its logarithm, seconds in, nanoseconds
 * out; at most an hour. */
uint64_t mixed_sleep_ns(struct rng *rng, double minimum_s, double median_s, double sigma);

#endif

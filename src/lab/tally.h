/*
 * What a lab counts: the oracle of the tests. One slot a worker in memory shared by all processes
 * of the lab; only the worker writes its slot, so plain stores are enough, and what a dead worker
 * counted stays. A worker that replaces it goes on in the same slot.
 *
 * An answer is counted just before it is handed to the kernel and taken back when the kernel did
 * not take all of it. So whoever holds a whole answer finds it counted.
 *
 *   received = answered + failed on purpose + abandoned + lost + under way
 */
#ifndef CULPRIT_LAB_TALLY_H
#define CULPRIT_LAB_TALLY_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "stats/hist.h"

/* Faults that a request may ask for: parameter fault_<name>, what happens. STATUS is answered. */
#define LAB_FAULTS(X)                                                                              \
	X(RESET, "reset", "the connection is reset")                                               \
	X(CLOSE, "close", "the connection is closed before an answer")                             \
	X(TRUNCATE, "truncate", "part of the answer, then the connection is closed")               \
	X(MALFORMED, "malformed", "an answer that is not HTTP, then the connection is closed")     \
	X(SILENCE, "silence", "no answer, the connection stays open")                              \
	X(STATUS, "status", "an answer with the status of fault_status")

enum lab_fault {
#define X(name, word, text) FAULT_##name,
	LAB_FAULTS(X)
#undef X
		N_FAULTS
};

enum {
	TALLY_SLOTS = 256, /* workers at one time */
	TALLY_ROUTES = 8,
	TALLY_STATUSES = 600,
	TALLY_BUCKETS = 14, /* of the times in /metrics, the last without an upper bound */
};

extern const uint64_t TALLY_BOUNDS_NS[TALLY_BUCKETS - 1];

enum tally_state { SLOT_FREE, SLOT_STARTING, SLOT_SERVING, SLOT_RETIRING };

struct tally_slot {
	/* of the worker that has the slot now; the master writes pid, and state when no worker does
	 */
	uint64_t pid, state;
	/* connections whose first request was not for /counters */
	uint64_t accepted, closed;
	uint64_t bytes_in, bytes_out;
	uint64_t cpu_ns, slept_ns, asked_ns; /* used computing; truly slept; meant to be slept */
	uint64_t computed, slept;            /* requests that did so */
	uint64_t abandoned;                  /* the client went away before the answer */
	uint64_t lost;                       /* the worker died before the answer; by the master */
	uint64_t sending;                    /* an answer is counted and being handed over */
	uint64_t doubtful;                   /* died in that moment; by the master */
	uint64_t faults[N_FAULTS];
	uint64_t received[TALLY_ROUTES];
	/* from the last byte read until the answer was handed over, of what is in `status` */
	uint64_t buckets[TALLY_ROUTES][TALLY_BUCKETS], answer_ns[TALLY_ROUTES];
	/* requests for /counters and /metrics, apart from all of the above so that looking changes
	 * nothing */
	uint64_t own_received, own_answered, own_accepted, own_closed, own_bytes_in, own_bytes_out;
	uint64_t status[TALLY_ROUTES][TALLY_STATUSES]; /* answers */
} __attribute__((aligned(64)));

/* Service times of a route's answers, from its last byte read until the answer is handed over: a
 * histogram as stats/hist.h has them. All workers add to the same one, with atomic additions. */
struct tally_times {
	uint64_t counts[HIST_BUCKETS];
	uint64_t sum_ns;
};

struct tally {
	uint64_t began_ns, seed;
	uint64_t n_slots; /* ever used: the first so many; by the master, as the next two */
	uint64_t starts, deaths;
	/* of --transient: when it began last; when a request came or was answered last; 0: never.
	 * By any worker. */
	uint64_t cold_ns, alive_ns;
	struct tally_times times[TALLY_ROUTES];
	struct tally_slot slots[TALLY_SLOTS];
};

static inline uint64_t tally_get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* By the slot's one writer. */
static inline void tally_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline void tally_set(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

/* An answer that took so long, or with times −1 one less of them. By the slot's one writer. */
static inline void tally_answer_time(struct tally_slot *slot, size_t route, uint64_t ns, int times)
{
	size_t b = 0;

	while (b < TALLY_BUCKETS - 1 && ns > TALLY_BOUNDS_NS[b])
		b++;
	tally_add(&slot->buckets[route][b], (uint64_t)times);
	tally_add(&slot->answer_ns[route], times < 0 ? -ns : ns);
}

/* The same in the histogram that all share. By any worker. */
static inline void tally_time(struct tally *t, size_t route, uint64_t ns, int times)
{
	struct tally_times *to = &t->times[route];

	__atomic_fetch_add(&to->counts[hist_index(ns)], (uint64_t)times, __ATOMIC_RELAXED);
	__atomic_fetch_add(&to->sum_ns, times < 0 ? -ns : ns, __ATOMIC_RELAXED);
}

/* Something was asked or answered at now_ns. */
static inline void tally_alive(struct tally *t, uint64_t now_ns)
{
	__atomic_store_n(&t->alive_ns, now_ns, __ATOMIC_RELAXED);
}

/* Puts service_ms (percentiles) and histogram (docs/load.md's form) into a route's object; nothing
 * where no time was kept. */
void tally_times_to_json(const struct tally_times *times, json_t *into);

/* Shared between the caller and the processes that it forks; NULL with err set. */
struct tally *tally_new(struct err *err);
void tally_free(struct tally *t);

/* Closes the books of a worker that is gone: its connections are closed, what it had under way is
 * lost. By the master, after it was waited for. */
void tally_bury(struct tally_slot *slot);

/* The fewest open connections that a serving worker has. */
uint64_t tally_fewest_open(const struct tally *t);

/* All of it, summed over the slots; the names of the routes end with NULL. */
json_t *tally_to_json(const struct tally *t, const char *lab, const char *const *routes);

/* The same as Prometheus reads it (docs/lab.md): its text format 0.0.4, or OpenMetrics 1.0. */
void tally_to_metrics(
	const struct tally *t, const char *const *routes, bool open_metrics, struct str *out);

#endif

/*
 * Drawing one of n things again and again, weighted or not: at random (alias method, Walker 1977),
 * in order, or by a low-discrepancy sequence (the additive recurrence of the golden ratio, from a
 * random start, into the cumulated weights), so that even a short stretch has nearly the right
 * shares. The order is read-only and shared; each thread draws through an order_draw of its own.
 */
#ifndef CULPRIT_LOAD_ORDER_H
#define CULPRIT_LOAD_ORDER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "load/load.h"

struct load_order_table {
	size_t n;
	enum load_order order;
	double *cumulated; /* n shares, the last is 1; NULL: all alike */
	double *alias_share;
	uint32_t *alias;
	uint64_t seed;
};

/* Weights: n positive numbers, or NULL for all alike. In order, weights must be whole and an entry
 * of weight w comes w times in a row; they are then expanded (at most 1,000,000 in all). */
void load_order_init(struct load_order_table *t, size_t n, const double *weights,
	enum load_order order, uint64_t seed);
void load_order_release(struct load_order_table *t);

struct load_order_draw {
	const struct load_order_table *table;
	struct rng rng;
	double point;             /* of the sequence */
	_Atomic uint64_t *shared; /* in order: the next place, counted over all threads */
};

/* `stream` tells the threads apart; `shared` is needed for LOAD_IN_ORDER only. */
void load_order_start(struct load_order_draw *d, const struct load_order_table *t, uint64_t stream,
	_Atomic uint64_t *shared);
size_t load_order_next(struct load_order_draw *d);

#endif

/*
 * Drawing one of n things again and again, weighted or not: at random (alias method, Walker 1977;
 * the tables by Vose 1991), in order, or by a low-discrepancy sequence, so that even a short
 * stretch has nearly the right shares. The order is read-only and shared; each thread draws through
 * an order_draw of its own.
 *
 * The sequence is the additive recurrence x + a mod 1 (Weyl 1916) into the cumulated weights, from
 * a start that the seed gives. a is the golden ratio's fraction where there are weights and √2 − 1
 * where there are none, so that a mix, which is weighted, and rows of data, which are not, are not
 * drawn in step: the pairs are spread evenly too. Threads start apart by a third irrational
 * number, so that what all of them draw together is nearly as even: in 100,000 draws
 * (tests/unit/test_data.c) a count is never off its share by 5 with one thread, nor by 8 with 16.
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
	double *cumulated;   /* n sums of weights; NULL: all alike */
	double *alias_share; /* at random: the share of each cell that is its own */
	uint32_t *alias;     /* and whose the rest is */
	uint64_t seed;
};

/* Weights: n positive numbers, or NULL for all alike. In order, weights must be whole (and below
 * 2^53 in sum), and an entry of weight w comes w times in a row. n is at most 2^32 − 1. */
void load_order_init(struct load_order_table *t, size_t n, const double *weights,
	enum load_order order, uint64_t seed);
void load_order_release(struct load_order_table *t);

struct load_order_draw {
	const struct load_order_table *table;
	struct rng rng;
	uint64_t point;           /* of the sequence, in 2^−64 */
	_Atomic uint64_t *shared; /* in order: the next place, counted over all threads */
};

/* `stream` tells the threads apart; `shared` is needed for LOAD_IN_ORDER only. */
void load_order_start(struct load_order_draw *d, const struct load_order_table *t, uint64_t stream,
	_Atomic uint64_t *shared);
size_t load_order_next(struct load_order_draw *d);

#endif

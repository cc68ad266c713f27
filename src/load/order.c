#include "load/order.h"

#include <stdlib.h>

#include "base/mem.h"

/* In 2^−64: the steps of the sequence, (√5 − 1) / 2 and √2 − 1, both far from every fraction; and
 * from stream to stream the root of x³ + x² = 1, which has nothing to do with either. */
static const uint64_t GOLDEN = UINT64_C(0x9e3779b97f4a7c15), SILVER = UINT64_C(0x6a09e667f3bcc909),
		      PLASTIC = UINT64_C(0xc13fa9a902a6328f);

/* Cuts [0, 1) into n cells of one width, each shared by at most two entries. */
static void build_alias(struct load_order_table *t, const double *weights)
{
	uint32_t *small = mem_alloc(t->n, sizeof(*small)), *large = mem_alloc(t->n, sizeof(*large));
	double total = t->cumulated[t->n - 1];
	size_t n_small = 0, n_large = 0;

	t->alias_share = mem_alloc(t->n, sizeof(*t->alias_share));
	t->alias = mem_alloc(t->n, sizeof(*t->alias));
	for (size_t i = 0; i < t->n; i++) {
		t->alias_share[i] = weights[i] / total * (double)t->n;
		t->alias[i] = (uint32_t)i;
		if (t->alias_share[i] < 1)
			small[n_small++] = (uint32_t)i;
		else
			large[n_large++] = (uint32_t)i;
	}
	while (n_small && n_large) {
		uint32_t poor = small[--n_small], rich = large[n_large - 1];

		t->alias[poor] = rich;
		t->alias_share[rich] -= 1 - t->alias_share[poor];
		if (t->alias_share[rich] < 1) {
			n_large--;
			small[n_small++] = rich;
		}
	}
	/* what rounding left over is whole */
	while (n_small)
		t->alias_share[small[--n_small]] = 1;
	while (n_large)
		t->alias_share[large[--n_large]] = 1;
	free(small);
	free(large);
}

void load_order_init(struct load_order_table *t, size_t n, const double *weights,
	enum load_order order, uint64_t seed)
{
	double sum = 0;

	*t = (struct load_order_table){.n = n, .order = order, .seed = seed};
	if (!weights || !n)
		return;
	t->cumulated = mem_alloc(n, sizeof(*t->cumulated));
	for (size_t i = 0; i < n; i++)
		t->cumulated[i] = sum += weights[i];
	if (order == LOAD_RANDOM)
		build_alias(t, weights);
}

void load_order_release(struct load_order_table *t)
{
	free(t->cumulated);
	free(t->alias_share);
	free(t->alias);
	*t = (struct load_order_table){0};
}

void load_order_start(struct load_order_draw *d, const struct load_order_table *t, uint64_t stream,
	_Atomic uint64_t *shared)
{
	struct rng start;

	*d = (struct load_order_draw){.table = t, .shared = shared};
	rng_seed(&d->rng, t->seed, stream);
	rng_seed(&start, t->seed, UINT64_MAX); /* the same for all streams */
	d->point = rng_next(&start) + stream * PLASTIC;
}

/* The entry in whose stretch of the cumulated weights `at` lies. */
static size_t find_cumulated(const struct load_order_table *t, double at)
{
	size_t low = 0, high = t->n - 1;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (at < t->cumulated[middle])
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static size_t next_random(struct load_order_draw *d)
{
	const struct load_order_table *t = d->table;
	size_t cell = rng_below(&d->rng, t->n);

	if (!t->cumulated || rng_uniform(&d->rng) < t->alias_share[cell])
		return cell;
	return t->alias[cell];
}

static size_t next_in_order(struct load_order_draw *d)
{
	const struct load_order_table *t = d->table;
	uint64_t place = atomic_fetch_add_explicit(d->shared, 1, memory_order_relaxed);

	if (!t->cumulated)
		return place % t->n;
	return find_cumulated(t, (double)(place % (uint64_t)t->cumulated[t->n - 1]));
}

static size_t next_spread(struct load_order_draw *d)
{
	const struct load_order_table *t = d->table;
	uint64_t point = d->point;

	d->point += t->cumulated ? GOLDEN : SILVER;
	if (!t->cumulated)
		return (size_t)((__uint128_t)point * t->n >> 64);
	return find_cumulated(t, (double)(point >> 11) * 0x1p-53 * t->cumulated[t->n - 1]);
}

size_t load_order_next(struct load_order_draw *d)
{
	switch (d->table->order) {
	case LOAD_IN_ORDER: return next_in_order(d);
	case LOAD_SPREAD: return next_spread(d);
	case LOAD_RANDOM: break;
	}
	return next_random(d);
}

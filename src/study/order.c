#include "study/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "study/setting.h"

enum { ROUNDS = 4 };

static bool needs_restarts(const struct study *s)
{
	for (size_t i = 0; i < s->n_factors; i++)
		if (STUDY_LEVER_HOLDS[s->factors[i].lever] == HOLD_START)
			return true;
	return false;
}

static char *service_key_of(const struct study *s, const double *u)
{
	struct str key = STR_INIT;
	struct setting setting;

	setting_init(&setting, s, u);
	setting_service_key(&setting, s, &key);
	setting_release(&setting);
	return key.p ? str_take(&key) : mem_strdup("");
}

static int by_key(const void *a, const void *b, void *keys)
{
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	int order = strcmp(((char **)keys)[i], ((char **)keys)[j]);

	return order ? order : i < j ? -1 : 1;
}

static int by_group(const void *a, const void *b, void *groups)
{
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	const size_t *g = groups;

	return g[i] != g[j] ? (g[i] < g[j] ? -1 : 1) : i < j ? -1 : 1;
}

static void reverse(size_t *items, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		size_t swap = items[i];

		items[i] = items[--n];
		items[n] = swap;
	}
}

/* Trials whose service is the same are a group, by the first of them; the groups of a round are run
 * in that order, or backwards, so that the last service of a round is often the first of the next.
 */
static void order_groups(const struct study *s, const double *u, size_t n, size_t *order)
{
	size_t *groups = mem_zalloc(n, sizeof(*groups));
	char **keys = mem_zalloc(n, sizeof(*keys));

	for (size_t i = 0; i < n; i++)
		keys[i] = service_key_of(s, u + i * s->n_factors);
	qsort_r(order, n, sizeof(*order), by_key, keys);
	for (size_t i = 0; i < n; i++) {
		bool same = i && !strcmp(keys[order[i]], keys[order[i - 1]]);

		groups[order[i]] = same ? groups[order[i - 1]] : order[i];
	}
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (size_t round = 0; round < ROUNDS; round++) {
		size_t from = n * round / ROUNDS, to = n * (round + 1) / ROUNDS;

		qsort_r(order + from, to - from, sizeof(*order), by_group, groups);
		if (round % 2)
			reverse(order + from, to - from);
	}
	for (size_t i = 0; i < n; i++)
		free(keys[i]);
	free(keys);
	free(groups);
}

void study_order(const struct study *s, const double *u, size_t first, size_t n, size_t *order)
{
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	if (n && needs_restarts(s))
		order_groups(s, u + first * s->n_factors, n, order);
	for (size_t i = 0; i < n; i++)
		order[i] += first;
}

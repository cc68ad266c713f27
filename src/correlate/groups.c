/*
 * Found series that move together are one finding. Average linkage on |r| (Sokal and Michener
 * 1958), each series shifted by its own lag, as it lies over the target; among the strongest only,
 * so that it stays cheap where everything is found.
 */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "correlate/correlate_work.h"
#include "learn/blas.h"

struct scores {
	const struct corr_axis *axis;
	const struct series_set *set;
	const struct correlate_row *rows;
	size_t n;
	float *z;    /* n × axis->n */
	float *mask; /* as much, filled where some have gaps */
	bool *gaps;  /* n */
};

/* A row shifted by its lag, 0 where there is nothing. */
static void shift(const double *from, float *to, size_t n, long lag)
{
	size_t by = (size_t)(lag < 0 ? -lag : lag), start = lag < 0 ? 0 : by,
	       source = lag < 0 ? by : 0;

	for (size_t t = 0; t < n; t++)
		to[t] = 0;
	for (size_t t = 0; t + by < n; t++)
		to[start + t] = (float)from[source + t];
}

static void score_some(void *arg, size_t task)
{
	struct scores *s = arg;
	size_t m = s->axis->n;
	struct corr_values v;
	struct corr_scratch w;

	corr_values_init(&v, m);
	corr_scratch_init(&w, m);
	for (size_t i = task * CORR_CHUNK; i < (task + 1) * CORR_CHUNK && i < s->n; i++) {
		const struct correlate_row *row = &s->rows[i];

		corr_prepare(s->axis, s->set->items[row->series].values, &v, &w);
		shift(v.z, s->z + i * m, m, row->lag);
		s->gaps[i] = !v.whole || row->lag;
		if (s->mask)
			shift(v.mask, s->mask + i * m, m, row->lag);
		series_forget(s->set, row->series, 1);
	}
	corr_scratch_release(&w);
	corr_values_release(&v);
}

/* |r| of each with each: scores have a mean square of 1, so it is the mean of the products over the
 * times that both have. */
static float *likeness(struct scores *s, unsigned threads)
{
	size_t n = s->n, m = s->axis->n, tasks = (n + CORR_CHUNK - 1) / CORR_CHUNK;
	float *alike = mem_alloc(n * n, sizeof(float)), *count = NULL;
	bool any = false;

	parallel_for(threads, tasks, score_some, s);
	BLAS_VOID(cblas_ssyrk(CblasRowMajor, CblasUpper, CblasNoTrans, (int)n, (int)m, 1, s->z,
		(int)m, 0, alike, (int)n));
	for (size_t i = 0; i < n; i++)
		any = any || s->gaps[i];
	if (any) {
		count = mem_alloc(n * n, sizeof(float));
		s->mask = mem_alloc(n * m, sizeof(float));
		parallel_for(threads, tasks, score_some, s);
		BLAS_VOID(cblas_ssyrk(CblasRowMajor, CblasUpper, CblasNoTrans, (int)n, (int)m, 1,
			s->mask, (int)m, 0, count, (int)n));
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t j = i; j < n; j++) {
			float pairs = count ? count[i * n + j] : (float)m;

			alike[i * n + j] =
				pairs < CORRELATE_PAIRS_MIN ? 0 : fabsf(alike[i * n + j]) / pairs;
			alike[j * n + i] = alike[i * n + j];
		}
	}
	free(count);
	return alike;
}

/* The most alike of cluster i among those that are left. */
static size_t nearest(const float *alike, const size_t *size, size_t n, size_t i)
{
	size_t best = SIZE_MAX;

	for (size_t j = 0; j < n; j++)
		if (j != i && size[j] &&
			(best == SIZE_MAX || alike[i * n + j] > alike[i * n + best]))
			best = j;
	return best;
}

/* Joins the two most alike until none are as alike as `at`; cluster[i]: the first of i's. */
static void join(float *alike, size_t n, double at, size_t *cluster)
{
	size_t *size = mem_alloc(n, sizeof(*size)), *near = mem_alloc(n, sizeof(*near));

	for (size_t i = 0; i < n; i++) {
		size[i] = 1;
		cluster[i] = i;
	}
	for (size_t i = 0; i < n; i++)
		near[i] = nearest(alike, size, n, i);
	for (;;) {
		size_t a = SIZE_MAX, b;

		for (size_t i = 0; i < n; i++)
			if (size[i] && near[i] != SIZE_MAX &&
				(a == SIZE_MAX || alike[i * n + near[i]] > alike[a * n + near[a]]))
				a = i;
		if (a == SIZE_MAX || !(alike[a * n + near[a]] >= at))
			break;
		b = near[a] > a ? near[a] : a;
		a = near[a] > a ? a : near[a];
		for (size_t j = 0; j < n; j++) {
			double mean = ((double)size[a] * alike[a * n + j] +
					      (double)size[b] * alike[b * n + j]) /
				      (double)(size[a] + size[b]);

			alike[a * n + j] = alike[j * n + a] = (float)mean;
			cluster[j] = cluster[j] == b ? a : cluster[j];
		}
		size[a] += size[b];
		size[b] = 0;
		for (size_t i = 0; i < n; i++)
			if (size[i] && (i == a || near[i] == a || near[i] == b ||
					       alike[i * n + a] > alike[i * n + near[i]]))
				near[i] = nearest(alike, size, n, i);
	}
	free(size);
	free(near);
}

/* Clusters of two or more, by their strongest member: as rows are sorted. */
static void keep(struct correlate_result *r, const size_t *cluster, size_t n)
{
	size_t *count = mem_zalloc(n, sizeof(*count)), *group = mem_alloc(n, sizeof(*group));

	for (size_t i = 0; i < n; i++)
		count[cluster[i]]++;
	r->groups = mem_alloc(n + 1, sizeof(*r->groups));
	for (size_t i = 0; i < n; i++) {
		size_t c = cluster[i];
		struct correlate_group *g;

		if (count[c] < 2)
			continue;
		if (c == i) { /* a cluster is named after its first */
			group[c] = r->n_groups;
			r->groups[r->n_groups++] = (struct correlate_group){
				.members = mem_alloc(count[c], sizeof(size_t))};
		}
		g = &r->groups[group[c]];
		g->members[g->n++] = i;
		r->rows[i].group = group[c];
	}
	free(count);
	free(group);
}

void corr_group(struct correlate_result *r, const struct corr_axis *a, const struct series_set *s)
{
	size_t most = ((size_t)CORR_GROUP_MB << 20) / (2 * a->n * sizeof(float)), n = r->n_found;
	struct scores scores = {.axis = a, .set = s, .rows = r->rows};
	float *alike;
	size_t *cluster;

	n = n < most ? n : most;
	n = n < CORRELATE_GROUPED ? n : CORRELATE_GROUPED;
	if (n < 2)
		return;
	scores.n = n;
	scores.z = mem_alloc(n * a->n, sizeof(float));
	scores.gaps = mem_alloc(n, sizeof(bool));
	alike = likeness(&scores, r->spec.threads);
	cluster = mem_alloc(n, sizeof(*cluster));
	join(alike, n, r->spec.group_at, cluster);
	keep(r, cluster, n);
	free(cluster);
	free(alike);
	free(scores.z);
	free(scores.mask);
	free(scores.gaps);
}

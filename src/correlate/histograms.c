#include "correlate/histograms.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "correlate/metric_name.h"

static const struct wanted {
	const char *name;
	double q;
} QUANTILES[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}};
enum { N_QUANTILES = sizeof(QUANTILES) / sizeof(QUANTILES[0]) };

struct bucket {
	double bound;
	size_t series;
};

/* The parts of one histogram or summary with one set of labels. */
struct parts {
	char *base;   /* x */
	char *labels; /* {…} or "" */
	size_t count, sum;
	struct bucket *buckets;
	size_t n, cap;
};

struct deriving {
	struct series_set *set;
	struct metric_index index; /* x{…} → parts */
	struct parts *parts;
	size_t n, cap;
	double *values; /* of the new set */
	struct series *items;
	size_t n_items, n_values, buckets, histograms;
	double *bounds, *cumulative;
};

double histogram_quantile(const double *bounds, const double *cumulative, size_t n, double q)
{
	double all = n ? cumulative[n - 1] : 0, rank = q * all, low, below, within;
	size_t b = 0;

	if (n < 2 || !(all > 0) || isfinite(bounds[n - 1]))
		return NAN;
	while (b < n - 1 && cumulative[b] < rank)
		b++;
	if (b == n - 1)
		return bounds[n - 2];
	if (b == 0 && bounds[0] <= 0)
		return bounds[0];
	low = b ? bounds[b - 1] : 0;
	below = b ? cumulative[b - 1] : 0;
	within = cumulative[b] - below;
	return within > 0 ? low + (bounds[b] - low) * (rank - below) / within : bounds[b];
}

/* ---- which belong together ---- */

static struct parts *parts_of(
	struct deriving *d, const char *base, size_t len, const struct metric_labels *labels)
{
	struct str key = STR_INIT;
	size_t *at;

	metric_write(&key, base, len, labels, "le");
	at = metric_index_at(&d->index, key.p, key.len);
	if (*at == SIZE_MAX) {
		*at = d->n;
		d->parts = mem_grow(d->parts, &d->cap, d->n + 1, sizeof(*d->parts));
		d->parts[d->n++] = (struct parts){mem_copy(base, len), mem_strdup(key.p + len),
			SIZE_MAX, SIZE_MAX, NULL, 0, 0};
	}
	str_release(&key);
	return &d->parts[*at];
}

static void add_bucket(struct deriving *d, const char *base, size_t len,
	const struct metric_labels *labels, size_t series)
{
	const struct metric_label *le = metric_label_find(labels, "le");
	const char *end = le ? le->value + le->value_len : NULL;
	struct parts *p;
	double bound;

	if (!le || num_scan(le->value, end, &bound) != end || isnan(bound))
		return;
	p = parts_of(d, base, len, labels);
	p->buckets = mem_grow(p->buckets, &p->cap, p->n + 1, sizeof(*p->buckets));
	p->buckets[p->n++] = (struct bucket){bound, series};
}

static bool ends(const char *name, size_t *len, const char *ending)
{
	size_t n = strlen(ending);

	if (*len <= n || memcmp(name + *len - n, ending, n) != 0)
		return false;
	*len -= n;
	return true;
}

static void look_at(struct deriving *d, size_t series)
{
	const char *name = d->set->items[series].name, *end;
	struct metric_labels labels;
	size_t len;

	end = d->set->items[series].kind == SERIES_COUNTER ? metric_read(&labels, name) : NULL;
	if (!end)
		return;
	len = (size_t)(end - name);
	if (ends(name, &len, "_bucket"))
		add_bucket(d, name, len, &labels, series);
	else if (ends(name, &len, "_count"))
		parts_of(d, name, len, &labels)->count = series;
	else if (ends(name, &len, "_sum"))
		parts_of(d, name, len, &labels)->sum = series;
}

static int by_bound(const void *a, const void *b)
{
	const struct bucket *x = a, *y = b;

	return x->bound < y->bound ? -1 : x->bound > y->bound;
}

/* ---- the new set ---- */

static double *add_series(struct deriving *d, const struct parts *p, const char *what)
{
	struct str name = STR_INIT;
	double *values = d->values + d->n_values;

	str_addf(&name, "%s %s%s", p->base, what, p->labels);
	d->n_values += d->set->n_times;
	d->items[d->n_items++] = (struct series){
		.name = str_take(&name), .family = mem_strdup(""), .values = values};
	return values;
}

static void add_mean(struct deriving *d, const struct parts *p)
{
	const double *count = d->set->items[p->count].values, *sum = d->set->items[p->sum].values;
	double *mean = add_series(d, p, "mean");

	for (size_t t = 0; t < d->set->n_times; t++)
		mean[t] = count[t] > 0 ? sum[t] / count[t] : NAN;
}

/* Buckets that were read at slightly different moments may fall where they must rise. */
static bool buckets_at(struct deriving *d, const struct parts *p, size_t t)
{
	double most = 0;

	for (size_t b = 0; b < p->n; b++) {
		double v = d->set->items[p->buckets[b].series].values[t];

		if (isnan(v))
			return false;
		most = v > most ? v : most;
		d->bounds[b] = p->buckets[b].bound;
		d->cumulative[b] = most;
	}
	return true;
}

static void add_quantiles(struct deriving *d, struct parts *p)
{
	double *values[N_QUANTILES];

	d->bounds = mem_resize(d->bounds, p->n, sizeof(*d->bounds));
	d->cumulative = mem_resize(d->cumulative, p->n, sizeof(*d->cumulative));
	for (size_t k = 0; k < N_QUANTILES; k++)
		values[k] = add_series(d, p, QUANTILES[k].name);
	for (size_t t = 0; t < d->set->n_times; t++) {
		bool known = buckets_at(d, p, t);

		for (size_t k = 0; k < N_QUANTILES; k++)
			values[k][t] = known ? histogram_quantile(d->bounds, d->cumulative, p->n,
						       QUANTILES[k].q)
					     : NAN;
	}
}

static bool has_mean(const struct parts *p)
{
	return p->count != SIZE_MAX && p->sum != SIZE_MAX;
}

/* Those that stay, in their order; then what was made of the others. */
static void keep_and_add(struct deriving *d, const bool *out, size_t more)
{
	struct series_set *s = d->set;

	d->items = mem_zalloc(s->n - d->buckets + more, sizeof(*d->items));
	d->values = mem_alloc((s->n - d->buckets + more) * s->n_times, sizeof(double));
	for (size_t i = 0; i < s->n; i++) {
		struct series *one = &d->items[d->n_items];

		if (out[i])
			continue;
		*one = s->items[i];
		one->name = mem_strdup(one->name);
		one->family = mem_strdup(one->family);
		one->values = d->values + d->n_values;
		memcpy(one->values, s->items[i].values, s->n_times * sizeof(double));
		d->n_values += s->n_times;
		d->n_items++;
	}
	for (size_t k = 0; k < d->n; k++) {
		if (has_mean(&d->parts[k]))
			add_mean(d, &d->parts[k]);
		if (d->parts[k].n >= 2)
			add_quantiles(d, &d->parts[k]);
	}
}

/* Puts the new series in the place of the old ones; all else that the set knows stays. */
static void exchange(struct deriving *d)
{
	struct series_set *s = d->set, old = *s;

	s->items = d->items;
	s->n = s->cap = d->n_items;
	s->memory = d->values;
	s->mapped_bytes = 0;
	old.notes = STR_INIT;
	series_set_release(&old);
	series_mark(s);
	s->gaps = 0;
	for (size_t i = 0; i < s->n; i++)
		s->gaps += s->n_times - s->items[i].known;
}

void histograms_derive(struct series_set *s)
{
	struct deriving d = {.set = s};
	bool *out = mem_zalloc(s->n + 1, sizeof(*out));
	size_t more = 0;

	for (size_t i = 0; i < s->n; i++)
		look_at(&d, i);
	for (size_t k = 0; k < d.n; k++) {
		struct parts *p = &d.parts[k];

		more += has_mean(p);
		if (p->n < 2)
			continue;
		qsort(p->buckets, p->n, sizeof(*p->buckets), by_bound);
		for (size_t b = 0; b < p->n; b++)
			out[p->buckets[b].series] = true;
		d.buckets += p->n;
		d.histograms++;
		more += N_QUANTILES;
	}
	if (more) {
		keep_and_add(&d, out, more);
		exchange(&d);
	}
	if (d.histograms)
		series_note(s, "%zu buckets of %zu histograms became their p50, p90 and p99.",
			d.buckets, d.histograms);
	for (size_t k = 0; k < d.n; k++) {
		free(d.parts[k].base);
		free(d.parts[k].labels);
		free(d.parts[k].buckets);
	}
	free(d.parts);
	free(d.bounds);
	free(d.cumulative);
	free(out);
	metric_index_release(&d.index);
}

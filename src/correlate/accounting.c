#include "correlate/accounting.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const double FIT_MAX = .02;

void account_forget(const struct account_part *p, const struct series_set *s)
{
	series_forget(s, p->time, 1);
	if (p->weight != SIZE_MAX)
		series_forget(s, p->weight, 1);
}

enum { FAMILIES_MAX = 64, TIMES_MIN = 12, SAMPLES = 16, PARTS_MIN = 2, WHOLES_MAX = 8 };

/* ---- families, and the names within them ---- */

struct family {
	const char *name;
	size_t *members; /* series */
	size_t n;
	size_t prefix, suffix; /* bytes that all names have in common, up to a separator */
};

static bool is_separator(char c)
{
	return c && strchr(":/{}()[]\"'=,. _-", c) != NULL;
}

/* What all names begin and end with; "apps/data" is left of "apps/data:time" and "apps/list:time":
 * the cut goes back to the outermost separator, so that what two names share by chance stays. */
static void find_ends(struct family *f, const struct series_set *s)
{
	const char *first = s->items[f->members[0]].name;
	size_t len = strlen(first), prefix = len, suffix = len;

	for (size_t i = 1; i < f->n; i++) {
		const char *name = s->items[f->members[i]].name;
		size_t n = strlen(name), same = 0;

		while (same < prefix && same < n && name[same] == first[same])
			same++;
		prefix = same;
		for (same = 0;
			same < suffix && same < n && name[n - 1 - same] == first[len - 1 - same];)
			same++;
		suffix = same;
	}
	f->prefix = f->suffix = 0;
	for (size_t i = 0; i < prefix; i++)
		if (is_separator(first[i])) {
			f->prefix = i + 1;
			break;
		}
	for (size_t i = 0; i < suffix; i++)
		if (is_separator(first[len - 1 - i])) {
			f->suffix = i + 1;
			break;
		}
}

struct named {
	const char *p;
	size_t len, series;
};

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int c = memcmp(x->p, y->p, x->len < y->len ? x->len : y->len);

	return c ? c : x->len < y->len ? -1 : x->len > y->len;
}

/* The members by what is theirs alone in their names. */
static struct named *names_of(const struct family *f, const struct series_set *s)
{
	struct named *names = mem_alloc(f->n + 1, sizeof(*names));

	for (size_t i = 0; i < f->n; i++) {
		const char *name = s->items[f->members[i]].name;
		size_t len = strlen(name);
		bool cut = len > f->prefix + f->suffix;

		names[i] = (struct named){cut ? name + f->prefix : name,
			cut ? len - f->prefix - f->suffix : len, f->members[i]};
	}
	qsort(names, f->n, sizeof(*names), by_name);
	return names;
}

static void families_free(struct family *f, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(f[i].members);
	free(f);
}

/* The first FAMILIES_MAX of them, without the total. */
static struct family *families_of(const struct series_set *s, size_t total, size_t *n)
{
	struct family *all = mem_zalloc(FAMILIES_MAX, sizeof(*all));
	size_t caps[FAMILIES_MAX] = {0};

	*n = 0;
	for (size_t i = 0; i < s->n; i++) {
		size_t k = 0;

		if (i == total)
			continue;
		while (k < *n && strcmp(all[k].name, s->items[i].family) != 0)
			k++;
		if (k == FAMILIES_MAX)
			continue;
		if (k == *n)
			all[(*n)++].name = s->items[i].family;
		all[k].members =
			mem_grow(all[k].members, &caps[k], all[k].n + 1, sizeof(*all[k].members));
		all[k].members[all[k].n++] = i;
	}
	for (size_t k = 0; k < *n; k++)
		find_ends(&all[k], s);
	return all;
}

/* ---- does it fit ---- */

/*
 * What the parts make at n times, evenly spread; NaN where there are none. Part by part, for values
 * may lie in a file, of which no more than a part need be in memory then.
 */
static double *made_at(const struct account *a, const struct series_set *s, size_t n)
{
	double *made = mem_zalloc(n + 1, sizeof(*made)),
	       *bottom = mem_zalloc(n + 1, sizeof(*bottom));
	uint32_t *known = mem_zalloc(n + 1, sizeof(*known));

	for (size_t i = 0; i < a->n; i++) {
		const struct account_part *p = &a->parts[i];

		for (size_t k = 0; k < n; k++) {
			size_t t = k * s->n_times / n;
			double time = s->items[p->time].values[t];
			double weight = a->is_sum ? 1 : s->items[p->weight].values[t];

			if (!isfinite(time) || !isfinite(weight))
				continue;
			known[k]++;
			made[k] += weight * time;
			bottom[k] += weight;
		}
		account_forget(p, s);
	}
	for (size_t k = 0; k < n; k++) {
		if (!known[k] || (!a->is_sum && !(bottom[k] > 0)))
			made[k] = NAN;
		else if (!a->is_sum)
			made[k] /= bottom[k];
	}
	free(bottom);
	free(known);
	return made;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Of n times, evenly spread; ∞ where too few are known. */
static double fit_of(const struct account *a, const struct series_set *s, size_t n)
{
	double *off = mem_alloc(n + 1, sizeof(*off)), *made = made_at(a, s, n), fit = INFINITY;
	const double *total = s->items[a->total].values;
	size_t known = 0, asked = 0;

	for (size_t k = 0; k < n; k++) {
		size_t t = k * s->n_times / n;

		if (!isfinite(total[t]))
			continue;
		asked++;
		if (isfinite(made[k]))
			off[known++] = fabs(made[k] - total[t]) /
				       fmax(fabs(total[t]), fmax(fabs(made[k]), 1e-300));
	}
	if (known >= TIMES_MIN && 2 * known >= asked) {
		qsort(off, known, sizeof(*off), by_value);
		fit = off[(size_t)ceil(.99 * (double)known) - 1];
	}
	free(off);
	free(made);
	return fit;
}

static void account_judge(struct account *a, const struct series_set *s)
{
	double quick = s->n_times > SAMPLES ? fit_of(a, s, SAMPLES) : 0;

	/* some samples may be gaps; what is far off is no account */
	a->fit = quick > 2 * FIT_MAX && isfinite(quick) ? quick : fit_of(a, s, s->n_times);
}

static void make_sum(
	struct account *a, const struct series_set *s, size_t total, const struct family *f)
{
	*a = (struct account){
		.total = total, .is_sum = true, .of = mem_strdup(f->name), .by = mem_strdup("")};
	a->parts = mem_alloc(f->n + 1, sizeof(*a->parts));
	for (size_t i = 0; i < f->n; i++) {
		struct named name = {s->items[f->members[i]].name, 0, 0};

		a->parts[a->n++] =
			(struct account_part){mem_strdup(name.p), f->members[i], SIZE_MAX};
	}
	account_judge(a, s);
}

static void make_mean(struct account *a, const struct series_set *s, size_t total,
	const struct family *times, const struct family *weights)
{
	struct named *t = names_of(times, s), *w = names_of(weights, s);
	size_t i = 0, j = 0;

	*a = (struct account){.total = total,
		.of = mem_strdup(times->name),
		.by = mem_strdup(weights->name),
		.fit = INFINITY};
	a->parts = mem_alloc(times->n + 1, sizeof(*a->parts));
	while (i < times->n && j < weights->n) {
		int c = by_name(&t[i], &w[j]);

		if (!c)
			a->parts[a->n++] = (struct account_part){
				mem_copy(t[i].p, t[i].len), t[i].series, w[j].series};
		i += c <= 0;
		j += c >= 0;
	}
	free(t);
	free(w);
	/* a stray pair of names is no family */
	if (a->n >= PARTS_MIN && 2 * a->n >= times->n)
		account_judge(a, s);
}

void account_release(struct account *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->parts[i].name);
	free(a->parts);
	free(a->of);
	free(a->by);
	*a = (struct account){0};
}

/* ---- finding ---- */

/* Keeps it in its place by fit, or lets it go. */
static void keep(struct account out[ACCOUNT_MAX], size_t *n, struct account *a)
{
	size_t at;

	if (!(a->fit <= FIT_MAX) || a->n < PARTS_MIN ||
		(*n == ACCOUNT_MAX && out[*n - 1].fit <= a->fit)) {
		account_release(a);
		return;
	}
	if (*n == ACCOUNT_MAX)
		account_release(&out[--*n]);
	for (at = (*n)++; at > 0 && out[at - 1].fit > a->fit; at--)
		out[at] = out[at - 1];
	out[at] = *a;
}

size_t account_find(struct account out[ACCOUNT_MAX], const struct series_set *s, size_t total)
{
	size_t n_families, n = 0;
	struct family *f = families_of(s, total, &n_families);
	struct account a;

	if (s->items[total].constant)
		n_families = 0;
	for (size_t i = 0; i < n_families; i++) {
		if (f[i].n < PARTS_MIN)
			continue;
		make_sum(&a, s, total, &f[i]);
		keep(out, &n, &a);
		for (size_t j = 0; j < n_families; j++) {
			if (j == i || f[j].n < PARTS_MIN)
				continue;
			make_mean(&a, s, total, &f[i], &f[j]);
			keep(out, &n, &a);
		}
	}
	families_free(f, n_families);
	return n;
}

static const struct family *family_named(
	const struct family *f, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(f[i].name) == len && !memcmp(f[i].name, name, len))
			return &f[i];
	return NULL;
}

static int no_family(const struct family *f, size_t n, const char *name, struct err *err)
{
	struct str list = STR_INIT;
	int rc;

	for (size_t i = 0; i < n && i < 10; i++)
		str_addf(&list, "%s'%.60s'", i ? ", " : "", f[i].name);
	rc = err_set(err, ERR_USAGE,
		"--parts %.200s: there is no such family of series; there is %s (--family "
		"NAME=REGEX makes others)",
		name, n ? str_text(&list) : "none");
	str_release(&list);
	return rc;
}

int account_say(struct account *out, const struct series_set *s, size_t total, const char *families,
	struct err *err)
{
	const char *comma = strchr(families, ',');
	size_t n, first = comma ? (size_t)(comma - families) : strlen(families);
	struct family *f = families_of(s, total, &n);
	const struct family *times = family_named(f, n, families, first), *weights = NULL;
	int rc = 0;

	*out = (struct account){0};
	if (comma)
		weights = family_named(f, n, comma + 1, strlen(comma + 1));
	if (!times || (comma && !weights)) {
		rc = no_family(f, n, families, err);
	} else {
		if (weights)
			make_mean(out, s, total, times, weights);
		else
			make_sum(out, s, total, times);
		if (out->n < PARTS_MIN || !isfinite(out->fit))
			rc = err_set(err, ERR_USAGE,
				"--parts %.200s: the names of the two families do not match, or "
				"too "
				"few values are known; name them alike, as in a:time and a:rate",
				families);
		else if (!(out->fit <= FIT_MAX))
			rc = err_set(err, ERR_USAGE,
				"--parts %.200s: they do not make %.200s, but are off by up to "
				"%.0f %%; give all parts, in the total's unit",
				families, s->items[total].name, 100 * out->fit);
	}
	families_free(f, n);
	return rc;
}

bool account_has(const struct account *a, size_t series)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->parts[i].time == series)
			return true;
	return false;
}

void account_mechanical(bool *marks, const struct series_set *s, size_t target,
	const struct account *accounts, size_t n)
{
	struct account wholes[ACCOUNT_MAX];
	size_t n_families, looked = 0;
	struct family *f;

	for (size_t i = 0; i < s->n; i++)
		marks[i] = false;
	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < accounts[k].n; i++)
			marks[accounts[k].parts[i].time] = true;
	/* a total stands alone, or with a few others, outside of the families of its parts */
	f = families_of(s, SIZE_MAX, &n_families);
	for (size_t i = 0; i < n_families && looked < WHOLES_MAX; i++)
		for (size_t m = 0; m < f[i].n && f[i].n <= WHOLES_MAX && looked < WHOLES_MAX; m++) {
			size_t found, whole = f[i].members[m];

			if (whole == target || !strcmp(f[i].name, s->items[target].family))
				continue;
			looked++;
			found = account_find(wholes, s, whole);
			for (size_t k = 0; k < found; k++) {
				marks[whole] = marks[whole] || account_has(&wholes[k], target);
				account_release(&wholes[k]);
			}
		}
	families_free(f, n_families);
}

/* The exact split of a total's change; accounts as JSON, and back. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "correlate/accounting.h"

/* A part over a stretch: its requests, and their mean time. */
struct sum {
	double weight, time;
};

static size_t step_of(const struct series_set *s, double time_s)
{
	double step = ceil((time_s - s->start_s) / s->step_s - 1e-6);

	return step <= 0 ? 0 : step >= (double)s->n_times ? s->n_times : (size_t)step;
}

/* Σ weight and Σ weight × time of every part; the stretch's whole weight. */
static double sum_up(struct sum *sums, const struct series_set *s, const struct account *a,
	const struct account_stretch *stretch)
{
	size_t from = step_of(s, stretch->from_s), to = step_of(s, stretch->to_s), steps = 0;
	const double *total = s->items[a->total].values;
	double whole = 0;

	for (size_t t = from; t < to; t++)
		steps += isfinite(total[t]);
	for (size_t i = 0; i < a->n; i++) {
		const struct account_part *p = &a->parts[i];

		sums[i] = (struct sum){0, 0};
		for (size_t t = from; t < to; t++) {
			double time = s->items[p->time].values[t];
			double weight = a->is_sum ? 1 : s->items[p->weight].values[t];

			if (!isfinite(total[t]) || !isfinite(time) || !isfinite(weight))
				continue;
			sums[i].weight += weight;
			sums[i].time += weight * time;
		}
		account_forget(p, s);
	}
	for (size_t i = 0; i < a->n; i++) {
		if (!a->is_sum)
			whole += sums[i].weight;
		else /* what is not known of a part of a sum is 0 */
			sums[i].weight = (double)steps;
		sums[i].time = sums[i].weight > 0 ? sums[i].time / sums[i].weight : NAN;
	}
	return a->is_sum ? (double)steps : whole;
}

static int by_size(const void *a, const void *b)
{
	const struct account_effect *x = a, *y = b;
	double p = fabs(x->latency + x->mix), q = fabs(y->latency + y->mix);

	if (p != q)
		return p > q ? -1 : 1;
	return x->part < y->part ? -1 : x->part > y->part;
}

/* Each part by itself; the mean of all, of both stretches, is what mix is held against. */
static void split(struct account_change *c, const struct account *a, const struct sum *was,
	const struct sum *is, double was_whole, double is_whole)
{
	double level;

	for (size_t i = 0; i < a->n; i++) {
		struct account_effect *e = &c->effects[i];

		*e = (struct account_effect){.part = i,
			.before = was[i].time,
			.after = is[i].time,
			.share_before = a->is_sum ? NAN : was[i].weight / was_whole,
			.share_after = a->is_sum ? NAN : is[i].weight / is_whole};
		c->before += isnan(e->before) ? 0 : e->before * (a->is_sum ? 1 : e->share_before);
		c->after += isnan(e->after) ? 0 : e->after * (a->is_sum ? 1 : e->share_after);
	}
	c->change = c->after - c->before;
	level = (c->before + c->after) / 2;
	for (size_t i = 0; i < a->n; i++) {
		struct account_effect *e = &c->effects[i];
		/* who had no requests in one stretch has its time of the other */
		double before = isnan(e->before) ? e->after : e->before;
		double after = isnan(e->after) ? e->before : e->after;

		if (isnan(before))
			continue; /* in neither */
		e->latency = after - before;
		if (!a->is_sum) {
			e->latency *= (e->share_before + e->share_after) / 2;
			e->mix =
				((before + after) / 2 - level) * (e->share_after - e->share_before);
		}
		c->latency += e->latency;
		c->mix += e->mix;
	}
	qsort(c->effects, c->n, sizeof(*c->effects), by_size);
}

int account_explain(struct account_change *out, const struct series_set *s, const struct account *a,
	const struct account_stretch *was, const struct account_stretch *is, struct err *err)
{
	struct sum *before = mem_alloc(a->n + 1, sizeof(*before)),
		   *after = mem_alloc(a->n + 1, sizeof(*after));
	double was_whole = sum_up(before, s, a, was), is_whole = sum_up(after, s, a, is);
	int rc = 0;

	*out = (struct account_change){.was = *was, .is = *is, .n = a->n};
	if (!(was_whole > 0) || !(is_whole > 0)) {
		rc = err_set(err, ERR_INPUT,
			"%s has no values in the stretch %s, so its change cannot be accounted "
			"for; "
			"give another one with --during and --before",
			s->items[a->total].name, was_whole > 0 ? "that is asked for" : "before it");
	} else {
		out->effects = mem_zalloc(a->n + 1, sizeof(*out->effects));
		split(out, a, before, after, was_whole, is_whole);
	}
	free(before);
	free(after);
	return rc;
}

void account_change_release(struct account_change *c)
{
	free(c->effects);
	*c = (struct account_change){0};
}

/* ---- JSON ---- */

static json_t *stretch_json(const struct account_stretch *s)
{
	json_t *o = json_object();

	json_object_set_new(o, "from_s", json_number(s->from_s));
	json_object_set_new(o, "to_s", json_number(s->to_s));
	return o;
}

json_t *account_to_json(
	const struct account *a, const struct account_change *c, const struct series_set *s)
{
	json_t *o = json_object(), *parts = json_array();

	json_object_set_new(o, "total", json_string(s->items[a->total].name));
	json_object_set_new(o, "total_series", json_integer((json_int_t)a->total));
	json_object_set_new(o, "of", json_string(a->of));
	json_object_set_new(o, "by", a->is_sum ? json_null() : json_string(a->by));
	json_object_set_new(o, "fit", json_number(a->fit));
	json_object_set_new(o, "was", stretch_json(&c->was));
	json_object_set_new(o, "is", stretch_json(&c->is));
	json_object_set_new(o, "before", json_number(c->before));
	json_object_set_new(o, "after", json_number(c->after));
	json_object_set_new(o, "change", json_number(c->change));
	json_object_set_new(o, "latency", json_number(c->latency));
	json_object_set_new(o, "mix", json_number(c->mix));
	for (size_t k = 0; k < c->n; k++) {
		const struct account_effect *e = &c->effects[k];
		const struct account_part *p = &a->parts[e->part];
		json_t *part = json_object();

		json_object_set_new(part, "name", json_string(p->name));
		json_object_set_new(part, "time", json_integer((json_int_t)p->time));
		json_object_set_new(part, "weight",
			p->weight == SIZE_MAX ? json_null() : json_integer((json_int_t)p->weight));
		json_object_set_new(part, "latency", json_number(e->latency));
		json_object_set_new(part, "mix", json_number(e->mix));
		json_object_set_new(part, "before", json_number(e->before));
		json_object_set_new(part, "after", json_number(e->after));
		json_object_set_new(part, "share_before", json_number(e->share_before));
		json_object_set_new(part, "share_after", json_number(e->share_after));
		json_array_append_new(parts, part);
	}
	json_object_set_new(o, "parts", parts);
	return o;
}

/* A series' index; SIZE_MAX where it is no such thing. */
static size_t index_at(const json_t *o, const char *key, size_t n_series)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) && json_integer_value(v) >= 0 &&
			       (uint64_t)json_integer_value(v) < n_series
		       ? (size_t)json_integer_value(v)
		       : SIZE_MAX;
}

static struct account_stretch stretch_at(const json_t *o, const char *key)
{
	const json_t *s = json_object_get(o, key);

	return (struct account_stretch){json_number_at(s, "from_s"), json_number_at(s, "to_s")};
}

int account_from_json(struct account *a, struct account_change *c, const json_t *json,
	size_t n_series, struct err *err)
{
	const json_t *parts = json_object_get(json, "parts"), *part;
	size_t n = json_array_size(parts), i;
	bool good;

	*a = (struct account){.total = index_at(json, "total_series", n_series),
		.is_sum = !json_is_string(json_object_get(json, "by")),
		.of = mem_strdup(json_text_at(json, "of")),
		.by = mem_strdup(json_text_at(json, "by")),
		.fit = json_number_at(json, "fit")};
	*c = (struct account_change){.was = stretch_at(json, "was"),
		.is = stretch_at(json, "is"),
		.before = json_number_at(json, "before"),
		.after = json_number_at(json, "after"),
		.change = json_number_at(json, "change"),
		.latency = json_number_at(json, "latency"),
		.mix = json_number_at(json, "mix")};
	a->parts = mem_zalloc(n + 1, sizeof(*a->parts));
	c->effects = mem_zalloc(n + 1, sizeof(*c->effects));
	a->n = c->n = n;
	good = n && a->total != SIZE_MAX && isfinite(c->change);
	json_array_foreach(parts, i, part)
	{
		a->parts[i] = (struct account_part){mem_strdup(json_text_at(part, "name")),
			index_at(part, "time", n_series), index_at(part, "weight", n_series)};
		c->effects[i] = (struct account_effect){i, json_number_at(part, "latency"),
			json_number_at(part, "mix"), json_number_at(part, "before"),
			json_number_at(part, "after"), json_number_at(part, "share_before"),
			json_number_at(part, "share_after")};
		good = good && a->parts[i].time != SIZE_MAX &&
		       (a->is_sum || a->parts[i].weight != SIZE_MAX);
	}
	return good ? 0
		    : err_set(err, ERR_INPUT,
			      "the stored account is not what culprit wrote; run `culprit "
			      "correlate` again");
}

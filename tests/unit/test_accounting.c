#include "correlate/accounting.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "unit.h"

enum { TIMES = 200, PARTS = 12 };

static double *add(struct series_set *s, const char *family, const char *format, size_t k)
{
	char name[80];
	double *values;

	snprintf(name, sizeof(name), format, k);
	values = mem_alloc(s->n_times, sizeof(double));
	s->items = mem_grow(s->items, &s->cap, s->n + 1, sizeof(*s->items));
	s->items[s->n++] = (struct series){.name = mem_strdup(name),
		.family = mem_strdup(family),
		.values = values,
		.known = s->n_times,
		.same_as = SIZE_MAX};
	return values;
}

static void set_release(struct series_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->items[i].name);
		free(s->items[i].family);
		free(s->items[i].values);
	}
	free(s->items);
}

/* A total (series 0) of PARTS endpoints (times 1 …, throughputs behind), 3 layers that add up to
 * it, and 3 series that have nothing to do with it. From step 100 on endpoint 3 is 40 slower and
 * endpoint 5 has more requests. */
static struct series_set app(uint64_t seed)
{
	struct series_set s = {.start_s = 0, .step_s = 60, .n_times = TIMES};
	struct rng rng;
	double *total = add(&s, "", "total", 0), *time[PARTS], *rate[PARTS], *layer[3];

	rng_seed(&rng, seed, 0);
	for (size_t i = 0; i < PARTS; i++)
		time[i] = add(&s, "time", "apps/%zu:time", i);
	for (size_t i = PARTS; i--;) /* in another order */
		rate[i] = add(&s, "throughput", "apps/%zu:throughput", i);
	for (size_t i = 0; i < 3; i++)
		layer[i] = add(&s, "layer", "layer/%zu", i);
	for (size_t i = 0; i < 3; i++) {
		double *x = add(&s, "other", "other/%zu", i);

		for (size_t t = 0; t < TIMES; t++)
			x[t] = rng_normal(&rng);
	}
	for (size_t t = 0; t < TIMES; t++) {
		double top = 0, bottom = 0;

		for (size_t i = 0; i < PARTS; i++) {
			time[i][t] = 20 + 10 * (double)i + 2 * rng_normal(&rng);
			time[i][t] += i == 3 && t >= 100 ? 40 : 0;
			rate[i][t] = 50 + (double)rng_below(&rng, 20);
			rate[i][t] += i == 5 && t >= 100 ? 200 : 0;
			top += time[i][t] * rate[i][t];
			bottom += rate[i][t];
		}
		total[t] = top / bottom;
		layer[0][t] = total[t] * (.2 + .1 * rng_uniform(&rng));
		layer[1][t] = total[t] * (.3 + .1 * rng_uniform(&rng));
		layer[2][t] = total[t] - layer[0][t] - layer[1][t];
	}
	return s;
}

static void check_exact(const struct account_change *c)
{
	double sum = 0, latency = 0, mix = 0, unit = fmax(fabs(c->before), fabs(c->after));

	for (size_t i = 0; i < c->n; i++) {
		sum += c->effects[i].latency + c->effects[i].mix;
		latency += c->effects[i].latency;
		mix += c->effects[i].mix;
		ck_assert(!i || fabs(c->effects[i].latency + c->effects[i].mix) <=
					fabs(c->effects[i - 1].latency + c->effects[i - 1].mix));
	}
	ck_assert_double_eq(c->change, c->after - c->before);
	ck_assert_double_le(fabs(sum - c->change), 1e-12 * unit);
	ck_assert_double_le(fabs(latency - c->latency), 1e-12 * unit);
	ck_assert_double_le(fabs(mix - c->mix), 1e-12 * unit);
}

static const struct account_stretch WAS = {0, 6000}, IS = {6000, 12000};

START_TEST(finds_both_accounts)
{
	struct series_set s = app(1);
	struct account a[ACCOUNT_MAX];
	size_t n = account_find(a, &s, 0), mean = 0;

	ck_assert_uint_eq(n, 2);
	mean = a[0].is_sum ? 1 : 0;
	ck_assert(!a[mean].is_sum && a[1 - mean].is_sum);
	ck_assert_str_eq(a[mean].of, "time");
	ck_assert_str_eq(a[mean].by, "throughput");
	ck_assert_uint_eq(a[mean].n, PARTS);
	ck_assert_str_eq(a[1 - mean].of, "layer");
	ck_assert_uint_eq(a[1 - mean].n, 3);
	for (size_t i = 0; i < PARTS; i++) { /* each with its own rate */
		char name[80];

		snprintf(name, sizeof(name), "apps/%s:throughput", a[mean].parts[i].name);
		if (strncmp(a[mean].parts[i].name, "apps/", 5) == 0)
			snprintf(name, sizeof(name), "%s:throughput", a[mean].parts[i].name);
		ck_assert_str_eq(s.items[a[mean].parts[i].weight].name, name);
	}
	for (size_t k = 0; k < n; k++)
		ck_assert_double_lt(a[k].fit, 1e-12);
	ck_assert(account_has(&a[mean], 1) && !account_has(&a[mean], 1 + PARTS));
	ck_assert(!account_has(&a[mean], 0));
	for (size_t k = 0; k < n; k++)
		account_release(&a[k]);
	set_release(&s);
}
END_TEST

/* Endpoint 3: + 40 × its share; endpoint 5: its share rises, and it is slower than the mean or not;
 * held against sums made here in another way. */
START_TEST(splits_without_a_rest)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct series_set s = app(seed);
		struct account a;
		struct account_change c;
		struct err err;
		double top[2] = {0}, bottom[2] = {0};

		ck_assert_int_eq(account_say(&a, &s, 0, "time,throughput", &err), 0);
		ck_assert_int_eq(account_explain(&c, &s, &a, &WAS, &IS, &err), 0);
		check_exact(&c);
		for (size_t t = 0; t < TIMES; t++)
			for (size_t i = 0; i < PARTS; i++) {
				double w = s.items[a.parts[i].weight].values[t];

				top[t >= 100] += w * s.items[a.parts[i].time].values[t];
				bottom[t >= 100] += w;
			}
		ck_assert_double_eq_tol(c.before, top[0] / bottom[0], 1e-10);
		ck_assert_double_eq_tol(c.after, top[1] / bottom[1], 1e-10);
		for (size_t k = 0; k < c.n; k++) {
			const struct account_effect *e = &c.effects[k];

			if (s.items[a.parts[e->part].time].values == s.items[4].values) {
				ck_assert_double_eq_tol(e->after - e->before, 40, 2);
				ck_assert_double_eq_tol(e->latency,
					(e->share_before + e->share_after) / 2 *
						(e->after - e->before),
					1e-12);
				ck_assert_uint_eq(k, 0);
			}
		}
		ck_assert_double_gt(c.latency, 1.5);
		account_change_release(&c);
		account_release(&a);
		set_release(&s);
	}
}
END_TEST

/* A traffic burst on a slow endpoint: nothing but mix. On the mean one: next to nothing. */
START_TEST(a_burst_is_mix)
{
	struct series_set s = {.start_s = 0, .step_s = 60, .n_times = TIMES};
	double *total = add(&s, "", "total", 0);
	struct account a;
	struct account_change c;
	struct err err;

	for (size_t i = 0; i < 3; i++)
		for (size_t t = 0, j = (add(&s, "t", "%zu:t", i), s.n - 1); t < TIMES; t++)
			s.items[j].values[t] = 100 * (double)(i + 1);
	for (size_t i = 0; i < 3; i++)
		for (size_t t = 0, j = (add(&s, "w", "%zu:w", i), s.n - 1); t < TIMES; t++)
			s.items[j].values[t] = i == 2 && t >= 100 ? 400 : 100;
	for (size_t t = 0; t < TIMES; t++)
		total[t] = t >= 100 ? (100. * 100 + 200 * 100 + 300 * 400) / 600 : 200;
	ck_assert_uint_eq(account_find((struct account[ACCOUNT_MAX]){{0}}, &s, 1), 0);
	ck_assert_int_eq(account_say(&a, &s, 0, "t,w", &err), 0);
	ck_assert_int_eq(account_explain(&c, &s, &a, &WAS, &IS, &err), 0);
	check_exact(&c);
	ck_assert_double_eq(c.latency, 0);
	ck_assert_double_eq_tol(c.mix, 50, 1e-12);
	/* shares from 1/3 each to 1/6, 1/6, 4/6; held against (200 + 250) / 2 */
	ck_assert_uint_eq(c.effects[0].part, 2);
	ck_assert_double_eq_tol(c.effects[0].mix, (300 - 225) / 3., 1e-12);
	ck_assert_double_eq_tol(c.effects[1].mix, (100 - 225) / -6., 1e-12);
	ck_assert_double_eq_tol(c.effects[2].mix, (200 - 225) / -6., 1e-12);
	account_change_release(&c);
	account_release(&a);
	set_release(&s);
}
END_TEST

/* An endpoint that has no requests at first has no time of its own then: it comes in as mix. */
START_TEST(parts_come_and_go)
{
	struct series_set s = app(7);
	struct account a;
	struct account_change c;
	struct err err;
	bool seen = false;

	for (size_t t = 0; t < TIMES; t++) {
		double top = 0, bottom = 0;

		s.items[1 + PARTS + 1].values[t] = t < 100 ? 0 : 30; /* apps/10 */
		s.items[1 + 10].values[t] = t < 100 ? NAN : 500;
		s.items[1 + PARTS + 9].values[t] = t < 100 ? 60 : NAN; /* apps/2 */
		for (size_t i = 0; i < PARTS; i++) {
			double time = s.items[1 + i].values[t];
			double rate = s.items[1 + PARTS + (PARTS - 1 - i)].values[t];

			if (isfinite(time) && isfinite(rate)) {
				top += time * rate;
				bottom += rate;
			}
		}
		s.items[0].values[t] = top / bottom;
	}
	ck_assert_int_eq(account_say(&a, &s, 0, "time,throughput", &err), 0);
	ck_assert_int_eq(account_explain(&c, &s, &a, &WAS, &IS, &err), 0);
	check_exact(&c);
	for (size_t k = 0; k < c.n; k++)
		if (a.parts[c.effects[k].part].time == 11) {
			seen = true;
			ck_assert_double_eq(c.effects[k].latency, 0);
			ck_assert_double_gt(c.effects[k].mix, 5);
			ck_assert(isnan(c.effects[k].before));
			ck_assert_double_eq(c.effects[k].share_before, 0);
		}
	ck_assert(seen);
	account_change_release(&c);
	account_release(&a);
	set_release(&s);
}
END_TEST

START_TEST(sums_of_layers)
{
	struct series_set s = app(4);
	struct account a;
	struct account_change c;
	struct err err;

	ck_assert_int_eq(account_say(&a, &s, 0, "layer", &err), 0);
	ck_assert_int_eq(account_explain(&c, &s, &a, &WAS, &IS, &err), 0);
	check_exact(&c);
	ck_assert_double_eq(c.mix, 0);
	ck_assert(isnan(c.effects[0].share_before));
	account_change_release(&c);
	/* a stretch without anything */
	ck_assert_int_eq(account_explain(&c, &s, &a, &(struct account_stretch){-600, 0}, &IS, &err),
		-ERR_INPUT);
	ck_assert_str_eq(err.text, "total has no values in the stretch before it, so its change "
				   "cannot be accounted for; give another one with --during and "
				   "--before");
	account_change_release(&c);
	account_release(&a);
	set_release(&s);
}
END_TEST

START_TEST(finds_nothing_where_there_is_nothing)
{
	struct series_set s = app(3);
	struct account a[ACCOUNT_MAX], one;
	struct err err;

	/* the total is the parts', and 3 % more */
	for (size_t t = 0; t < TIMES; t++)
		s.items[0].values[t] *= 1.03;
	ck_assert_uint_eq(account_find(a, &s, 0), 0);
	ck_assert_uint_eq(account_find(a, &s, s.n - 1), 0);
	ck_assert_int_eq(account_say(&one, &s, 0, "time,throughput", &err), -ERR_USAGE);
	ck_assert_str_eq(err.text,
		"--parts time,throughput: they do not make total, but are off by "
		"up to 3 %; give all parts, in the total's unit");
	account_release(&one);
	ck_assert_int_eq(account_say(&one, &s, 0, "time,speed", &err), -ERR_USAGE);
	ck_assert_str_eq(err.text,
		"--parts time,speed: there is no such family of series; there is 'time', "
		"'throughput', 'layer', 'other' (--family NAME=REGEX makes others)");
	account_release(&one);
	ck_assert_int_eq(account_say(&one, &s, 0, "time,layer", &err), -ERR_USAGE);
	ck_assert_msg(strstr(err.text, "do not match"), "%s", err.text);
	account_release(&one);
	set_release(&s);
}
END_TEST

START_TEST(parts_and_wholes_are_mechanical)
{
	struct series_set s = app(5);
	struct account a[ACCOUNT_MAX];
	size_t n = account_find(a, &s, 0);
	bool *marks = mem_zalloc(s.n, sizeof(*marks));

	account_mechanical(marks, &s, 0, a, n);
	for (size_t i = 0; i < s.n; i++) {
		bool part = (i >= 1 && i <= PARTS) || (i > 2 * PARTS && i <= 2 * PARTS + 3);

		ck_assert_msg(marks[i] == part, "%s", s.items[i].name);
	}
	/* the other way round: the total is made with endpoint 3 */
	account_mechanical(marks, &s, 4, NULL, 0);
	for (size_t i = 0; i < s.n; i++)
		ck_assert_msg(marks[i] == (i == 0), "%s", s.items[i].name);
	for (size_t k = 0; k < n; k++)
		account_release(&a[k]);
	free(marks);
	set_release(&s);
}
END_TEST

START_TEST(json_and_back)
{
	struct series_set s = app(6);
	struct account a, b;
	struct account_change c, d;
	struct err err;
	json_t *json, *part;

	ck_assert_int_eq(account_say(&a, &s, 0, "time,throughput", &err), 0);
	ck_assert_int_eq(account_explain(&c, &s, &a, &WAS, &IS, &err), 0);
	json = account_to_json(&a, &c, &s);
	ck_assert_int_eq(account_from_json(&b, &d, json, s.n, &err), 0);
	ck_assert(!b.is_sum);
	ck_assert_str_eq(b.by, "throughput");
	ck_assert_double_eq(d.change, c.change);
	ck_assert_double_eq(d.is.from_s, 6000);
	for (size_t i = 0; i < c.n; i++) {
		ck_assert_double_eq(d.effects[i].mix, c.effects[i].mix);
		ck_assert_str_eq(b.parts[d.effects[i].part].name, a.parts[c.effects[i].part].name);
		ck_assert_uint_eq(
			b.parts[d.effects[i].part].weight, a.parts[c.effects[i].part].weight);
	}
	account_release(&b);
	account_change_release(&d);
	ck_assert_int_eq(account_from_json(&b, &d, json, 5, &err), -ERR_INPUT);
	account_release(&b);
	account_change_release(&d);
	part = json_array_get(json_object_get(json, "parts"), 0);
	json_object_set_new(part, "weight", json_string("x"));
	ck_assert_int_eq(account_from_json(&b, &d, json, s.n, &err), -ERR_INPUT);
	account_release(&b);
	account_change_release(&d);
	json_decref(json);
	account_change_release(&c);
	account_release(&a);
	set_release(&s);
}
END_TEST

UNIT_MAIN("accounting", finds_both_accounts, splits_without_a_rest, a_burst_is_mix,
	parts_come_and_go, sums_of_layers, finds_nothing_where_there_is_nothing,
	parts_and_wholes_are_mechanical, json_and_back)

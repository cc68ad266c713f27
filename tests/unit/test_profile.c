/* The tree of a profile: interning, ceilings, moments, slices, merging, JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/rng.h"
#include "profile/profile.h"
#include "profile_fixture.h"
#include "unit.h"

static const struct profile_weight ONE = {1, 1000, 500, 250};

START_TEST(places_are_found_again)
{
	struct profile *p = profile_new();
	uint32_t f = profile_function(p, PROFILE_PYTHON, "f", "a.py", 3);
	uint32_t g = profile_function(p, PROFILE_PYTHON, "f", "a.py", 9);
	uint32_t a = profile_node(p, 0, f, 4), b = profile_node(p, a, f, 4);

	ck_assert_uint_ne(f, g);
	ck_assert_uint_eq(f, profile_function(p, PROFILE_PYTHON, "f", "a.py", 3));
	ck_assert_uint_ne(f, profile_function(p, PROFILE_NATIVE, "f", "a.py", 3));
	ck_assert_uint_eq(a, profile_node(p, 0, f, 4));
	ck_assert_uint_eq(b, profile_node(p, a, f, 4));
	ck_assert_uint_ne(a, profile_node(p, 0, f, 5));
	ck_assert_uint_ne(a, profile_node(p, 0, g, 4));
	ck_assert_uint_eq(profile_node(p, 0, f, 0), profile_node(p, 0, f, -7));
	ck_assert_uint_eq(p->nodes[0].parent, 0);
	ck_assert_int_eq(p->functions[0].kind, PROFILE_ROOT);
	profile_add(p, b, &ONE);
	profile_add(p, b, &ONE);
	ck_assert_uint_eq(p->nodes[b].self.samples, 2);
	ck_assert_uint_eq(p->nodes[b].self.gil_ns, 500);
	ck_assert_uint_eq(p->nodes[a].self.samples, 0);
	profile_free(p);
}
END_TEST

/* Texts come from another process's memory. */
/* A thread whose name comes later, and one whose name was there before. */
START_TEST(places_become_others)
{
	struct profile *p = profile_new(), *again = NULL;
	uint32_t none = profile_function(p, PROFILE_THREAD, "thread (7)", "", 0);
	uint32_t name = profile_function(p, PROFILE_THREAD, "Thread-1 (7)", "", 0);
	uint32_t f = profile_function(p, PROFILE_PYTHON, "f", "a.py", 3);
	uint32_t a = profile_node(p, 0, none, 0), b = profile_node(p, a, f, 4), c;
	json_t *json;

	profile_add(p, b, &ONE);
	ck_assert_uint_eq(profile_node_is(p, a, name), a);
	ck_assert_uint_eq(profile_node(p, 0, name, 0), a);
	ck_assert_uint_eq(profile_node(p, a, f, 4), b);
	ck_assert_uint_eq(profile_node_is(p, a, name), a);
	c = profile_node(p, 0, none, 0);
	ck_assert_uint_ne(c, a);
	profile_add(p, profile_node(p, c, f, 4), &ONE);
	ck_assert_uint_eq(profile_node_is(p, c, name), a);
	ck_assert_uint_eq(p->nodes[c].function, none);
	ck_assert_uint_eq(profile_node_is(p, a | PROFILE_FOLDED, none), a | PROFILE_FOLDED);
	json = profile_to_json(p);
	ck_assert_int_eq(profile_from_json(&again, json, NULL), 0);
	ck_assert_uint_eq(again->n_nodes, p->n_nodes);
	json_decref(json);
	profile_free(again);
	profile_free(p);
}
END_TEST

START_TEST(texts_are_made_printable)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"a\x1b[31mb", "a?[31mb"}, {"tab\tnl\n", "tab?nl?"},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"}, {"\xff\xfe", "??"},
		{"cut\xe2\x82", "cut??"}, {"\xc0\xaf", "??"}, /* overlong */
		{"\xed\xa0\x80", "???"},                      /* half of a surrogate pair */
		{"\xc2\x9b"
		 "31m",
			"??31m"}, /* CSI as one character */
		{"\xf0\x9f\x90\x8d", "\xf0\x9f\x90\x8d"},
		{"\xf4\x90\x80\x80", "????"}, /* beyond Unicode */
		{"\xe2\x80\xa8", "???"},      /* line separator */
	};
	struct profile *p = profile_new();
	char longer[3000];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t f = profile_function(p, PROFILE_PYTHON, cases[i].in, cases[i].in, 0);

		ck_assert_str_eq(p->functions[f].name, cases[i].out);
		ck_assert_str_eq(p->functions[f].file, cases[i].out);
	}
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_uint_eq(
		strlen(p->functions[profile_function(p, PROFILE_MARK, longer, "", 0)].name),
		PROFILE_MAX_NAME_BYTES);
	profile_free(p);
}
END_TEST

START_TEST(functions_have_a_ceiling)
{
	struct profile *p = profile_new();
	uint32_t last = 0, thread;
	char name[32];

	for (int i = 0; i < PROFILE_MAX_FUNCTIONS + 1000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		last = profile_function(p, PROFILE_PYTHON, name, "", 0);
	}
	thread = profile_function(p, PROFILE_THREAD, "one more", "", 0);
	ck_assert_uint_le(p->n_functions, PROFILE_MAX_FUNCTIONS);
	ck_assert_str_eq(p->functions[last].name, "(other functions)");
	ck_assert_int_eq(p->functions[last].kind, PROFILE_PYTHON);
	ck_assert_int_eq(p->functions[thread].kind, PROFILE_THREAD);
	ck_assert_uint_eq(last, profile_function(p, PROFILE_PYTHON, "yet another", "", 0));
	ck_assert_str_eq(p->functions[profile_function(p, PROFILE_PYTHON, "f5", "", 0)].name, "f5");
	profile_free(p);
}
END_TEST

START_TEST(texts_have_a_ceiling)
{
	struct profile *p = profile_new();
	char name[PROFILE_MAX_NAME_BYTES + 1];
	uint32_t last = 0;

	memset(name, 'x', sizeof(name));
	name[PROFILE_MAX_NAME_BYTES] = '\0';
	for (int i = 0; i < PROFILE_MAX_TEXT_BYTES / PROFILE_MAX_NAME_BYTES + 10; i++) {
		snprintf(name, 12, "%011d", i);
		name[11] = 'x';
		last = profile_function(p, PROFILE_PYTHON, name, "", 0);
	}
	ck_assert_str_eq(p->functions[last].name, "(other functions)");
	profile_free(p);
}
END_TEST

/* Past the ceiling nothing is lost, and no stack appears that was not there. */
START_TEST(nodes_have_a_ceiling)
{
	struct profile *p = profile_new();
	uint32_t f = profile_function(p, PROFILE_PYTHON, "f", "", 0),
		 g = profile_function(p, PROFILE_PYTHON, "g", "", 0), a, b, below, there, full;

	a = profile_node(p, 0, f, 0);
	there = profile_node(p, a, g, 0);
	for (int32_t i = 1; p->n_nodes < PROFILE_MAX_NODES; i++)
		profile_node(p, 0, f, i);
	full = profile_node(p, 0, f, INT32_MAX);
	ck_assert_uint_eq(full, PROFILE_FOLDED);
	b = profile_node(p, a, f, 0);
	ck_assert_uint_eq(b, a | PROFILE_FOLDED);
	below = profile_node(p, b, g, 0); /* all → f → f → g is not all → f → g */
	ck_assert_uint_ne(below, there);
	ck_assert_uint_eq(below, b);
	profile_add(p, below, &ONE);
	ck_assert_uint_eq(p->nodes[there].self.samples, 0);
	ck_assert_uint_eq(p->nodes[a].self.samples, 1);
	ck_assert_uint_eq(p->about.folded, 1);
	ck_assert_uint_eq(profile_node(p, a, g, 0), there);
	profile_add_moment(p, full, below, 0, 5);
	ck_assert_uint_eq(p->moments[0].node, a);
	ck_assert_uint_eq(p->n_nodes, PROFILE_MAX_NODES);
	profile_free(p);
}
END_TEST

START_TEST(sums_stop_at_the_end)
{
	struct profile *p = profile_new();
	uint32_t a = profile_node(p, 0, profile_function(p, PROFILE_PYTHON, "f", "", 0), 0);

	for (int i = 0; i < 3; i++)
		profile_add(p, a, &(struct profile_weight){UINT64_MAX / 2, UINT64_MAX - 1, 1, 0});
	ck_assert_uint_eq(p->nodes[a].self.samples, UINT64_MAX);
	ck_assert_uint_eq(p->nodes[a].self.wall_ns, UINT64_MAX);
	ck_assert_uint_eq(p->nodes[a].self.cpu_ns, 3);
	profile_free(p);
}
END_TEST

/* ---- moments ---- */

struct times {
	uint64_t by_thread[64], all;
};

static void take_times(const struct profile *p, struct times *t)
{
	*t = (struct times){0};
	for (size_t i = 0; i < p->n_moments; i++) {
		MUST(i == 0 || p->moments[i].start_ns >= p->moments[i - 1].start_ns);
		t->by_thread[p->moments[i].thread % 64] += p->moments[i].length_ns;
		t->all += p->moments[i].length_ns;
	}
}

START_TEST(a_moment_goes_on)
{
	struct profile *p = profile_new();

	profile_add_moment(p, 1, 5, 0, 10);
	profile_add_moment(p, 2, 6, 1, 10);
	profile_add_moment(p, 1, 5, 10, 10); /* goes on */
	profile_add_moment(p, 1, 5, 25, 10); /* after a gap */
	profile_add_moment(p, 1, 7, 35, 10); /* somewhere else */
	profile_add_moment(p, 2, 6, 30, 4);  /* begins before what is there */
	profile_add_moment(p, 1, 7, 45, 1);
	ck_assert_uint_eq(p->n_moments, 5);
	ck_assert_uint_eq(p->moments[0].length_ns, 20);
	ck_assert_uint_eq(p->moments[1].thread, 2);
	ck_assert_uint_eq(p->moments[2].start_ns, 25);
	ck_assert_uint_eq(p->moments[3].start_ns, 30);
	ck_assert_uint_eq(p->moments[4].length_ns, 11);
	profile_free(p);
}
END_TEST

/* A million changes of place in five threads: the ceiling holds, and no nanosecond is lost. */
START_TEST(moments_are_bounded)
{
	struct profile *p = profile_new();
	struct times added = {0}, kept;
	uint64_t at[5] = {0}, by_node[2] = {0}, seen[2] = {0};
	struct rng r;

	rng_seed(&r, 3, 0);
	for (int i = 0; i < 1000000; i++) {
		uint32_t thread = (uint32_t)(i % 5), node = 10 + (uint32_t)(i / 5 % 2);
		uint64_t length = 1000 + rng_below(&r, 1000) + (node == 10 ? 1500 : 0);

		at[thread] = (uint64_t)(i / 5) * 10000 + thread;
		profile_add_moment(p, thread, node, at[thread], length);
		added.by_thread[thread] += length;
		added.all += length;
		by_node[node - 10] += length;
		MUST(p->n_moments <= PROFILE_MAX_MOMENTS);
	}
	take_times(p, &kept);
	ck_assert_mem_eq(&kept, &added, sizeof(kept));
	ck_assert_uint_gt(p->n_moments, PROFILE_MAX_MOMENTS / 8);
	/* shares are right on average: 200,000 coins, 5 sigma */
	for (size_t i = 0; i < p->n_moments; i++)
		seen[p->moments[i].node - 10] += p->moments[i].length_ns;
	ck_assert_double_eq_tol((double)seen[0] / (double)kept.all,
		(double)by_node[0] / (double)added.all, 5 * .5 / 223 * 2);
	profile_free(p);
}
END_TEST

START_TEST(moments_of_too_many_threads)
{
	struct profile *p = profile_new();

	for (uint32_t i = 0; i < PROFILE_MAX_MOMENTS + 50; i++)
		profile_add_moment(p, i, i, i, 1);
	ck_assert_uint_eq(p->n_moments, PROFILE_MAX_MOMENTS);
	profile_free(p);
}
END_TEST

/* ---- slices ---- */

START_TEST(slices_have_every_sample)
{
	struct profile *p = profile_new();
	uint32_t f[3], node[3];
	uint64_t sums[3] = {0}, all = 0;

	for (uint32_t i = 0; i < 3; i++) {
		f[i] = profile_function(p, PROFILE_PYTHON,
			i == 0   ? "a"
			: i == 1 ? "b"
				 : "c",
			"", 0);
		node[i] = profile_node(p, 0, f[i], 0);
	}
	for (int i = 0; i < 100003; i++) {
		struct profile_weight w = {1, 1000 + (uint64_t)(i % 7), 0, 0};
		int k = i < 50000 ? 0 : i % 3;

		profile_add(p, node[k], &w);
		sums[k] += w.wall_ns;
		MUST(p->slices.n <= PROFILE_MAX_SLICES);
		MUST(p->slices.filled < p->slices.samples);
	}
	ck_assert_uint_gt(p->slices.n, PROFILE_MAX_SLICES / 2);
	ck_assert_uint_eq((p->slices.n - 1) * p->slices.samples + p->slices.filled, 100003);
	for (int i = 0; i < 3; i++) {
		const struct profile_slice_row *row = &p->slices.rows[p->slices.row_of[f[i]]];
		uint64_t sum = 0;

		for (size_t k = 0; k < PROFILE_MAX_SLICES; k++)
			sum += row->wall_ns[k];
		ck_assert_uint_eq(sum, sums[i]);
		all += sum;
		ck_assert_uint_eq(row->wall_ns[0] > 0, i == 0); /* b and c came later */
	}
	for (size_t k = 0; k < PROFILE_MAX_SLICES; k++)
		all -= p->slices.rows[0].wall_ns[k];
	ck_assert_uint_eq(all, 0);
	profile_free(p);
}
END_TEST

/* ---- merging and JSON ---- */

static void must_be_equal(const struct profile *a, const struct profile *b)
{
	json_t *x = profile_to_json(a), *y = profile_to_json(b);

	ck_assert(json_equal(x, y));
	json_decref(x);
	json_decref(y);
}

static struct profile *again(const struct profile *p)
{
	json_t *json = profile_to_json(p), *back;
	struct str text = STR_INIT;
	struct err err = {0};
	struct profile *copy;

	json_write(&text, json, 0);
	back = json_read(text.p, "test", &err);
	ck_assert_msg(back != NULL, "%s", err.text);
	ck_assert_msg(profile_from_json(&copy, back, &err) == 0, "%s", err.text);
	json_decref(json);
	json_decref(back);
	str_release(&text);
	return copy;
}

START_TEST(json_reads_back)
{
	struct profile *profiles[] = {
		profile_new(), fixture_profile(), fixture_random_profile(4, 3000)};

	for (size_t i = 0; i < 3; i++) {
		struct profile *copy = again(profiles[i]);

		must_be_equal(profiles[i], copy);
		/* and can be gone on with */
		profile_add_moment(profiles[i], 1, 1, UINT64_C(1) << 40, 5);
		profile_add_moment(copy, 1, 1, UINT64_C(1) << 40, 5);
		for (int k = 0; k < 50; k++) {
			uint32_t a = profile_node(profiles[i], 0, 0, k % 3),
				 b = profile_node(copy, 0, 0, k % 3);

			ck_assert_uint_eq(a, b);
			profile_add(profiles[i], a, &ONE);
			profile_add(copy, b, &ONE);
		}
		ck_assert_uint_eq(profiles[i]->n_moments, copy->n_moments);
		ck_assert_uint_eq(profiles[i]->slices.n, copy->slices.n);
		profile_free(profiles[i]);
		profile_free(copy);
	}
}
END_TEST

START_TEST(merging_adds)
{
	struct profile *a = fixture_profile(), *b = fixture_random_profile(5, 500), *sum;
	uint64_t before[4], slices[2] = {0};

	for (int c = 0; c < 4; c++)
		before[c] = fixture_total(a, (enum profile_clock)c) +
			    fixture_total(b, (enum profile_clock)c);
	sum = profile_new();
	profile_merge(sum, a);
	profile_merge(sum, b);
	for (int c = 0; c < 4; c++)
		ck_assert_uint_eq(fixture_total(sum, (enum profile_clock)c), before[c]);
	ck_assert_uint_eq(sum->n_nodes, a->n_nodes + b->n_nodes - 1);
	for (size_t k = 0; k < PROFILE_MAX_SLICES; k++)
		slices[0] += sum->slices.rows[0].wall_ns[k];
	ck_assert_uint_eq(slices[0], before[PROFILE_CLOCK_WALL]);
	ck_assert_uint_eq(sum->about.samples, 24);
	ck_assert_str_eq(sum->about.python, "CPython 3.11.2");
	/* the same once more: twice the weight at the same places */
	profile_merge(sum, a);
	ck_assert_uint_eq(sum->n_nodes, a->n_nodes + b->n_nodes - 1);
	ck_assert_uint_eq(sum->about.samples, 48);
	ck_assert_str_eq(sum->about.python, "CPython 3.11.2");
	profile_free(sum);
	/* merging into an empty one is a copy, moments apart */
	sum = profile_new();
	profile_merge(sum, b);
	sum->moments = b->moments;
	sum->n_moments = b->n_moments;
	ck_assert_uint_eq(sum->n_functions, b->n_functions);
	must_be_equal(sum, b);
	sum->moments = NULL;
	profile_free(sum);
	profile_free(a);
	profile_free(b);
}
END_TEST

/* Each of these, put into a good profile, makes it one that is refused with a sentence. */
START_TEST(bad_json_is_refused)
{
	static const struct {
		const char *table, *column;
		int row;
		const char *value;
	} cases[] = {
		{"functions", "kind", 1, "\"animal\""},
		{"functions", "kind", 0, "\"python\""},
		{"functions", "kind", 3, "\"root\""},
		{"functions", "name", 2, "17"},
		{"functions", "file", 2, "null"},
		{"functions", "first_line", 2, "-1"},
		{"functions", "first_line", 2, "2.5"},
		{"nodes", "parent", 0, "1"},
		{"nodes", "parent", 3, "3"},
		{"nodes", "parent", 3, "-1"},
		{"nodes", "function", 3, "1000"},
		{"nodes", "function", 3, "0"},
		{"nodes", "line", 3, "3000000000"},
		{"nodes", "line", 3, "\"x\""},
		{"self", "node", 1, "0"}, /* not rising */
		{"self", "node", 1, "100000"},
		{"self", "wall_ns", 0, "-5"},
		{"self", "wall_ns", 0, "9223372036854775807"}, /* together too much */
		{"self", "samples", 0, "1e3"},
		{"moments", "node", 1, "100000"},
		{"moments", "thread", 1, "0"},
		{"moments", "start_ns", 0, "500000000000"}, /* out of order */
		{"moments", "length_ns", 0, "9223372036854775807"},
		{"slices", "function", 0, "-3"},
		{"slices", "function", 1, "100000"},
		{"slices", "slice", 0, "32"},
		{"slices", "wall_ns", 0, "null"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct profile *p = fixture_profile(), *back = NULL;
		json_t *json = profile_to_json(p), *column;
		struct err err = {0};

		column = json_object_get(json_object_get(json, cases[i].table), cases[i].column);
		ck_assert_int_eq(json_array_set_new(column, (size_t)cases[i].row,
					 json_loads(cases[i].value, JSON_DECODE_ANY, NULL)),
			0);
		ck_assert_msg(profile_from_json(&back, json, &err) == -ERR_INPUT, "%zu", i);
		ck_assert_ptr_null(back);
		ck_assert_msg(strstr(err.text, cases[i].table) != NULL, "%s", err.text);
		json_decref(json);
		profile_free(p);
	}
}
END_TEST

START_TEST(missing_parts_are_refused)
{
	static const char *const keys[] = {
		"version", "about", "functions", "nodes", "self", "moments", "slices"};
	struct profile *p = fixture_profile(), *back;
	struct err err;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *json = profile_to_json(p);

		json_object_del(json, keys[i]);
		ck_assert_int_eq(profile_from_json(&back, json, &err), -ERR_INPUT);
		json_object_set_new(json, keys[i], json_pack("[i]", 3));
		ck_assert_int_eq(profile_from_json(&back, json, &err), -ERR_INPUT);
		json_decref(json);
	}
	ck_assert_int_eq(profile_from_json(&back, NULL, &err), -ERR_INPUT);
	/* a place that is there twice */
	json_t *json = profile_to_json(p), *nodes = json_object_get(json, "nodes");

	json_array_append_new(json_object_get(nodes, "parent"), json_integer(p->nodes[5].parent));
	json_array_append_new(
		json_object_get(nodes, "function"), json_integer(p->nodes[5].function));
	json_array_append_new(json_object_get(nodes, "line"), json_integer(p->nodes[5].line));
	ck_assert_int_eq(profile_from_json(&back, json, &err), -ERR_INPUT);
	ck_assert_msg(strstr(err.text, "twice") != NULL, "%s", err.text);
	json_decref(json);
	profile_free(p);
}
END_TEST

UNIT_MAIN("profile", places_are_found_again, places_become_others, texts_are_made_printable,
	functions_have_a_ceiling, texts_have_a_ceiling, nodes_have_a_ceiling, sums_stop_at_the_end,
	a_moment_goes_on, moments_are_bounded, moments_of_too_many_threads,
	slices_have_every_sample, json_reads_back, merging_adds, bad_json_is_refused,
	missing_parts_are_refused)

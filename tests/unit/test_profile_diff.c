/* Two profiles as one: what is matched with what, whether all of both is there, and the interval.
 * How often it errs is test_profile_noise's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "profile/diff.h"
#include "profile/worth.h"
#include "profile_fixture.h"
#include "unit.h"

/* Newcombe 1998 (Statist. Med. 17, 873), table II, method 10, as published. */
START_TEST(newcombe)
{
	static const double cases[][6] = {{56, 70, 48, 80, .0524, .3339},
		{9, 10, 3, 10, .1705, .8090}, {6, 7, 2, 7, .0582, .8062},
		{5, 56, 0, 29, -.0381, .1926}, {0, 10, 0, 20, -.1611, .2775},
		{0, 10, 0, 10, -.2775, .2775}, {10, 10, 0, 20, .6791, 1},
		{10, 10, 0, 10, .6075, 1}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct worth b = {cases[i][0] / cases[i][1], cases[i][1], 1},
			     a = {cases[i][2] / cases[i][3], cases[i][3], 1};
		double low, high;

		worth_newcombe(&a, &b, 1.959963984540054, &low, &high);
		ck_assert_double_eq_tol(low, cases[i][4], .00005);
		ck_assert_double_eq_tol(high, cases[i][5], .00005);
	}
}
END_TEST

/* process, thread, then "name@file" frames; in turns of `runs`, so that slices are alike. */
struct stack {
	const char *process, *thread;
	const char *frames[4];
	int weight;
};

static struct profile *make(const struct stack *stacks, size_t n, int runs, int line)
{
	struct profile *p = profile_new();
	char name[40];

	for (int run = 0; run < runs; run++)
		for (size_t i = 0; i < n; i++) {
			const struct stack *s = &stacks[i];
			uint32_t at = profile_node(
				p, 0, profile_function(p, PROFILE_PROCESS, s->process, "", 0), 0);

			at = profile_node(
				p, at, profile_function(p, PROFILE_THREAD, s->thread, "", 0), 0);
			for (int k = 0; k < 4 && s->frames[k]; k++) {
				const char *file = strchr(s->frames[k], '@') + 1;

				snprintf(name, sizeof(name), "%.*s", (int)(file - 1 - s->frames[k]),
					s->frames[k]);
				at = profile_node(p, at,
					profile_function(p,
						strstr(file, ".py") ? PROFILE_PYTHON
								    : PROFILE_NATIVE,
						name, file, line),
					line + k);
			}
			for (int k = 0; k < s->weight; k++)
				profile_add(p, at, &(struct profile_weight){1, 1000000, 500000, 0});
		}
	return p;
}

static void describe(const struct profile_diff *d, uint32_t node, struct str *out)
{
	const struct diff_node *n = &d->nodes[node];

	str_addf(out, "%s=%.0f>%.0f", n->name, 100 * n->before.total, 100 * n->after.total);
	if (n->first_child)
		str_add(out, " (");
	for (uint32_t c = n->first_child; c; c = d->nodes[c].next_sibling) {
		if (c != n->first_child)
			str_add(out, ", ");
		describe(d, c, out);
	}
	if (n->first_child)
		str_add(out, ")");
}

static void must_show(const struct profile_diff *d, const char *expected)
{
	struct str text = STR_INIT;

	describe(d, 0, &text);
	ck_assert_str_eq(text.p, expected);
	str_release(&text);
}

static const struct diff_row *row_of(const struct profile_diff *d, const char *name)
{
	for (size_t i = 0; i < d->n_rows; i++)
		if (strcmp(d->rows[i].name, name) == 0)
			return &d->rows[i];
	ck_abort_msg("no row %s", name);
}

static const struct stack BEFORE[] = {
	{"app: worker (12)", "MainThread (12)", {"main@/srv/v1/app.py", "a@/srv/v1/app.py"}, 3},
	{"app: worker (12)", "Thread-1 (pool) (14)", {"main@/srv/v1/app.py", "b@/srv/v1/lib/x.py"},
		1},
	{"app: worker (13)", "MainThread (13)", {"main@/srv/v1/app.py", "0x7f12@libz.so"}, 1}};
static const struct stack AFTER[] = {
	{"app: worker (88)", "MainThread (88)", {"main@/srv/v2/app.py", "a@/srv/v2/app.py"}, 2},
	{"app: worker (89)", "Thread-7 (pool) (91)", {"main@/srv/v2/app.py", "b@/srv/v2/lib/x.py"},
		2},
	{"app: worker (88)", "MainThread (88)", {"main@/srv/v2/app.py", "0x6a00@libz.so"}, 1}};

START_TEST(stacks_are_matched)
{
	/* other lines, other numbers, another folder: the same places */
	struct profile *a = make(BEFORE, 3, 100, 10), *b = make(AFTER, 3, 200, 30);
	struct profile_diff d;

	profile_diff_make(&d, a, b, PROFILE_CLOCK_WALL);
	must_show(&d, "all=100>100 (app: worker=100>100 (MainThread=80>60 (main=80>60 (a=60>40, "
		      "0x*=20>20)), Thread-* (pool)=20>40 (main=20>40 (b=20>40))))");
	ck_assert_double_eq_tol(d.before_s, .5, 1e-9);
	ck_assert_double_eq_tol(d.after_s, 1, 1e-9);
	ck_assert_uint_eq(d.n_rows, 4);
	ck_assert_double_eq_tol(row_of(&d, "main")->before.total, 1, 1e-12);
	ck_assert_double_eq_tol(row_of(&d, "a")->after.self, .4, 1e-12);
	ck_assert_uint_eq(row_of(&d, "a")->after.samples, 400);
	ck_assert_str_eq(row_of(&d, "a")->file, "/srv/v1/app.py");
	profile_diff_release(&d);
	profile_diff_make(&d, a, b, PROFILE_CLOCK_SAMPLES);
	ck_assert_double_eq_tol(d.after_s, 1000, 1e-9);
	profile_diff_release(&d);
	profile_diff_make(&d, a, b, PROFILE_CLOCK_GIL); /* nobody had it */
	must_show(&d, "all=0>0");
	ck_assert(!d.timed && d.n_rows == 0);
	profile_diff_release(&d);
	profile_free(a);
	profile_free(b);
}
END_TEST

/* "__init__.py" is many files: the nearest one is taken; a file that both have is never another. */
START_TEST(files_are_matched_by_path)
{
	static const struct stack one[] = {{"p", "t", {"f@/old/x/__init__.py"}, 1},
		{"p", "t", {"f@/old/y/__init__.py"}, 2}, {"p", "t", {"f@/lib/z/__init__.py"}, 4}};
	static const struct stack two[] = {{"p", "t", {"f@/new/y/__init__.py"}, 2},
		{"p", "t", {"f@/new/x/__init__.py"}, 1}, {"p", "t", {"f@/lib/z/__init__.py"}, 4}};
	struct profile *a = make(one, 3, 50, 1), *b = make(two, 3, 50, 1);
	struct profile_diff d;

	profile_diff_make(&d, a, b, PROFILE_CLOCK_WALL);
	ck_assert_uint_eq(d.n_rows, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_double_eq_tol(d.rows[i].before.self, d.rows[i].after.self, 1e-12);
		ck_assert(!d.rows[i].real);
	}
	profile_diff_release(&d);
	profile_free(a);
	profile_free(b);
}
END_TEST

START_TEST(a_change_stands_first)
{
	struct profile *a = make(BEFORE, 3, 2000, 1), *b = make(AFTER, 3, 2000, 1);
	struct profile_diff d;

	profile_diff_make(&d, a, b, PROFILE_CLOCK_WALL);
	ck_assert(d.timed);
	/* a and b changed by 20 points each: 10,000 samples, evenly spread */
	for (size_t i = 0; i < d.n_rows; i++) {
		const struct diff_row *r = &d.rows[i];
		double change = r->after.self - r->before.self;

		ck_assert(r->real == (i < 2));
		ck_assert(r->real == (fabs(change) > .19));
		ck_assert(r->change_low <= change && change <= r->change_high);
		ck_assert(r->real == (r->change_low > 0 || r->change_high < 0));
		ck_assert(r->p >= 0 && r->p <= 1);
	}
	profile_diff_release(&d);
	profile_free(a);
	profile_free(b);
}
END_TEST

/* Every sample is in the tree once, on its side. */
static void check_whole(const struct profile *a, const struct profile *b, enum profile_clock clock)
{
	const struct profile *sides[2] = {a, b};
	struct profile_diff d;
	size_t linked = 0;

	profile_diff_make(&d, a, b, clock);
	for (int side = 0; side < 2; side++) {
		double self = 0, rows = 0, frames = 0,
		       whole = (double)fixture_total(sides[side], clock);
		double *below = mem_zalloc(d.n_nodes, sizeof(*below));

		for (size_t i = 0; i < d.n_nodes; i++) {
			const struct diff_node *n = &d.nodes[i];
			const struct diff_side *s = side ? &n->after : &n->before;

			MUST(i == 0 || n->parent < i);
			self += s->self;
			if (n->kind >= PROFILE_PYTHON)
				frames += s->self;
			below[n->parent] += i ? s->total : 0;
		}
		for (size_t i = 0; i < d.n_nodes; i++) {
			const struct diff_side *s = side ? &d.nodes[i].after : &d.nodes[i].before;

			MUST(fabs(below[i] + s->self - s->total) < 1e-9);
			for (uint32_t c = d.nodes[i].first_child; c; c = d.nodes[c].next_sibling)
				linked++;
		}
		for (size_t i = 0; i < d.n_rows; i++) {
			const struct diff_side *s = side ? &d.rows[i].after : &d.rows[i].before;

			MUST(s->self <= s->total + 1e-9 && s->total <= 1 + 1e-9);
			rows += s->self;
		}
		MUST(fabs(self - (whole > 0)) < 1e-9);
		MUST(fabs(rows - frames) < 1e-9);
		free(below);
	}
	MUST(linked == 2 * (d.n_nodes - 1));
	json_t *json = profile_diff_to_json(&d);

	MUST(json_array_size(json_object_get(json, "nodes")) == d.n_nodes);
	MUST(json_array_size(json_object_get(json, "functions")) == d.n_rows);
	json_decref(json);
	profile_diff_release(&d);
}

START_TEST(nothing_is_lost)
{
	struct profile *p[] = {profile_new(), fixture_profile(), fixture_random_profile(41, 800),
		fixture_random_profile(42, 800)};

	for (int i = 0; i < 4; i++)
		for (int k = 0; k < 4; k++)
			for (int clock = 0; clock < 4; clock++)
				check_whole(p[i], p[k], (enum profile_clock)clock);
	for (int i = 0; i < 4; i++)
		profile_free(p[i]);
}
END_TEST

START_TEST(itself_is_no_change)
{
	struct profile *p = fixture_random_profile(43, 3000);
	struct profile_diff d;

	profile_diff_make(&d, p, p, PROFILE_CLOCK_WALL);
	ck_assert(d.timed);
	for (size_t i = 0; i < d.n_rows; i++)
		ck_assert(!d.rows[i].real && d.rows[i].before.self == d.rows[i].after.self);
	profile_diff_release(&d);
	profile_free(p);
}
END_TEST

UNIT_MAIN("profile_diff", newcombe, stacks_are_matched, files_are_matched_by_path,
	a_change_stands_first, nothing_is_lost, itself_is_no_change)

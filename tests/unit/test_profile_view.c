/* Views of a profile against a plain count over its stacks, and what they show of known ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "profile/view.h"
#include "profile_fixture.h"
#include "unit.h"

/* "f,g(h,i),…": names of the tree with their totals, for small ones. */
static void describe(const struct view *v, uint32_t node, struct str *out)
{
	const struct view_node *n = &v->nodes[node];

	str_addf(out, "%s=%llu", v->profile->functions[n->function].name,
		(unsigned long long)n->total);
	if (n->folded)
		str_addf(out, "[%u: %s]", n->folded, n->libraries);
	if (n->first_child)
		str_add(out, " (");
	for (uint32_t c = n->first_child; c; c = v->nodes[c].next_sibling) {
		if (c != n->first_child)
			str_add(out, ", ");
		describe(v, c, out);
	}
	if (n->first_child)
		str_add(out, ")");
}

static void must_show(const struct profile *p, const struct view_options *o, const char *expected)
{
	struct str text = STR_INIT;
	struct view v;

	view_make(&v, p, o);
	describe(&v, 0, &text);
	ck_assert_str_eq(text.p, expected);
	view_release(&v);
	str_release(&text);
}

/* Stacks as "a>b>c", innermost last; `letter` decides the file. */
static struct profile *stacks(const char *const *texts)
{
	struct profile *p = profile_new();
	uint32_t at, thread;

	at = profile_node(p, 0, profile_function(p, PROFILE_PROCESS, "P", "", 0), 0);
	thread = profile_node(p, at, profile_function(p, PROFILE_THREAD, "T", "", 0), 0);
	for (; *texts; texts++) {
		uint64_t weight = 0;
		char name[8], file[64];

		at = thread;
		for (const char *c = *texts; *c; c++) {
			if (*c >= '0' && *c <= '9') {
				weight = 10 * weight + (uint64_t)(*c - '0');
				continue;
			}
			if (*c == ' ')
				continue;
			snprintf(name, sizeof(name), "%c", *c);
			if (*c >= 'A' && *c <= 'Z')
				snprintf(file, sizeof(file), "/x/site-packages/lib%c/a.py", *c);
			else
				snprintf(file, sizeof(file), "/srv/%c.py", *c);
			at = profile_node(p, at, profile_function(p, PROFILE_PYTHON, name, file, 1),
				(int32_t)(c - *texts) + 1);
		}
		profile_add(p, at, &(struct profile_weight){weight, 1000 * weight, 0, 0});
	}
	return p;
}

static const struct view_options BY_SAMPLES = {.clock = PROFILE_CLOCK_SAMPLES};

START_TEST(lines_are_merged)
{
	static const char *const texts[] = {"a b 3", "a  b 4", "a c 1", "a 2", NULL};
	struct profile *p = stacks(texts);
	struct view_options o = BY_SAMPLES;

	must_show(p, &o, "all=10 (a=10 (b=7, c=1))");
	o.lines = true;
	must_show(p, &o, "all=10 (a=10 (b=4, b=3, c=1))");
	o.by_thread = true;
	must_show(p, &o, "all=10 (T=10 (a=10 (b=4, b=3, c=1)))");
	o.by_process = true;
	o.lines = false;
	must_show(p, &o, "all=10 (P=10 (T=10 (a=10 (b=7, c=1))))");
	o.least = .2;
	must_show(p, &o, "all=10 (P=10 (T=10 (a=10 (b=7))))");
	o.clock = PROFILE_CLOCK_CPU;
	must_show(p, &o, "all=0");
	profile_free(p);
}
END_TEST

START_TEST(inverted)
{
	static const char *const texts[] = {"abc 3", "adc 4", "ac 1", "a 2", "accc 5", NULL};
	struct profile *p = stacks(texts);
	struct view_options o = BY_SAMPLES;

	o.invert = true;
	must_show(p, &o, "all=15 (c=13 (c=5 (c=5 (a=5)), d=4 (a=4), b=3 (a=3), a=1), a=2)");
	o.least = .25;
	must_show(p, &o, "all=15 (c=13 (c=5 (c=5 (a=5)), d=4 (a=4)))");
	o.by_thread = true;
	must_show(p, &o, "all=15 (T=15 (c=13 (c=5 (c=5 (a=5)), d=4 (a=4))))");
	profile_free(p);
}
END_TEST

START_TEST(library_runs_are_folded)
{
	/* capitals are libraries */
	static const char *const texts[] = {
		"aXYb 3", "aXYZ 2", "aXZb 1", "aXb 1", "aQb 4", "RSabX 5", NULL};
	struct profile *p = stacks(texts);
	struct view_options o = BY_SAMPLES;

	o.fold = true;
	must_show(p, &o,
		"all=16 (a=11 (X=7[4: libX, libY, libZ] (b=5), Q=4 (b=4)), "
		"R=5[2: libR, libS] (a=5 (b=5 (X=5))))");
	o.invert = true; /* folds nothing */
	o.least = .3;
	must_show(p, &o, "all=16 (b=9, X=5 (b=5 (a=5 (S=5 (R=5)))))");
	profile_free(p);
}
END_TEST

/* Where all is library, folding would leave one line. */
START_TEST(libraries_alone_are_not_folded)
{
	static const char *const texts[] = {"XYZ 3", "XYQ 2", NULL};
	struct profile *p = stacks(texts);
	struct view_options o = BY_SAMPLES;

	o.fold = true;
	must_show(p, &o, "all=5 (X=5 (Y=5 (Z=3, Q=2)))");
	profile_free(p);
}
END_TEST

START_TEST(many_libraries_are_cut)
{
	static const char *const texts[] = {"aABCDEFG 3", NULL};
	struct profile *p = stacks(texts);
	struct view_options o = BY_SAMPLES;

	o.fold = true;
	must_show(p, &o, "all=3 (a=3 (A=3[7: libA, libB, libC, libD, …]))");
	profile_free(p);
}
END_TEST

static const struct view_row *row_of(
	const struct profile *p, const struct view_row *rows, size_t n, const char *name, int line)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(p->functions[rows[i].function].name, name) == 0 && rows[i].line == line)
			return &rows[i];
	return NULL;
}

START_TEST(recursion_counts_once)
{
	static const char *const texts[] = {"abab 3", "aaa 4", "ab 1", "cabc 2", NULL};
	struct profile *p = stacks(texts);
	const struct view_row *row;
	struct view_row *rows;
	size_t n;

	rows = view_functions(p, PROFILE_CLOCK_WALL, &n);
	ck_assert_uint_eq(n, 3);
	row = row_of(p, rows, n, "a", 0);
	ck_assert_uint_eq(row->total, 10000);
	ck_assert_uint_eq(row->self, 4000);
	ck_assert_uint_eq(row->samples, 10);
	row = row_of(p, rows, n, "b", 0);
	ck_assert_uint_eq(row->total, 6000);
	ck_assert_uint_eq(row->self, 4000);
	row = row_of(p, rows, n, "c", 0);
	ck_assert_uint_eq(row->total, 2000);
	ck_assert_uint_eq(row->samples, 2);
	free(rows);
	rows = view_lines(p, PROFILE_CLOCK_SAMPLES, &n);
	row = row_of(p, rows, n, "a", 1); /* abab, aaa, ab */
	ck_assert_uint_eq(row->total, 8);
	ck_assert_uint_eq(row->self, 0);
	row = row_of(p, rows, n, "a", 3); /* abab, aaa */
	ck_assert_uint_eq(row->total, 7);
	ck_assert_uint_eq(row->self, 4);
	free(rows);
	profile_free(p);
}
END_TEST

/* ---- against a plain count ---- */

/* Is this function (at this line, if not ANY) in the stack of `node`? */
enum { ANY = -1 };

static bool in_stack(const struct profile *p, uint32_t node, uint32_t function, int32_t line)
{
	for (uint32_t i = node; i > 0; i = p->nodes[i].parent)
		if (p->nodes[i].function == function && (line == ANY || p->nodes[i].line == line))
			return true;
	return false;
}

START_TEST(tables_equal_a_plain_count)
{
	struct profile *p = fixture_random_profile(11, 1500);

	for (int lines = 0; lines < 2; lines++) {
		size_t n;
		struct view_row *rows = lines ? view_lines(p, PROFILE_CLOCK_GIL, &n)
					      : view_functions(p, PROFILE_CLOCK_GIL, &n);
		uint64_t self = 0;

		ck_assert_uint_gt(n, 30);
		for (size_t r = 0; r < n; r++) {
			uint64_t total = 0, own = 0, samples = 0;

			ck_assert(r == 0 || rows[r].self <= rows[r - 1].self);
			for (uint32_t i = 0; i < p->n_nodes; i++) {
				const struct profile_node *node = &p->nodes[i];

				if (!in_stack(p, i, rows[r].function, lines ? rows[r].line : ANY))
					continue;
				total += node->self.gil_ns;
				samples += node->self.samples;
				if (node->function == rows[r].function &&
					(!lines || node->line == rows[r].line))
					own += node->self.gil_ns;
			}
			ck_assert_uint_eq(rows[r].total, total);
			ck_assert_uint_eq(rows[r].self, own);
			ck_assert_uint_eq(rows[r].samples, samples);
			self += own;
		}
		ck_assert_uint_eq(self, fixture_total(p, PROFILE_CLOCK_GIL));
		free(rows);
	}
	profile_free(p);
}
END_TEST

static void check_view(const struct profile *p, const struct view_options *o)
{
	struct view v;
	uint64_t *below, whole = fixture_total(p, o->clock);
	size_t linked = 0;

	view_make(&v, p, o);
	below = mem_zalloc(v.n, sizeof(*below));
	MUST(v.total == whole);
	MUST(v.nodes[0].total == whole);
	for (size_t i = 1; i < v.n; i++) {
		const struct view_node *n = &v.nodes[i];

		MUST(n->parent < i);
		MUST((double)n->total >= o->least * (double)whole && n->total > 0);
		MUST((n->folded > 1) == (n->libraries != NULL));
		below[n->parent] += n->total;
	}
	for (size_t i = 0; i < v.n; i++) {
		const struct view_node *n = &v.nodes[i];
		uint64_t last = UINT64_MAX;

		if (o->least > 0)
			MUST(below[i] + n->self <= n->total);
		else
			MUST(below[i] + n->self == n->total);
		for (uint32_t c = n->first_child; c; c = v.nodes[c].next_sibling, linked++) {
			MUST(v.nodes[c].parent == i);
			MUST(v.nodes[c].total <= last);
			last = v.nodes[c].total;
		}
	}
	MUST(linked == v.n - 1);
	free(below);
	view_release(&v);
}

/* Nothing is lost, whatever is asked for. */
START_TEST(every_view_is_whole)
{
	struct profile *profiles[] = {
		profile_new(), fixture_profile(), fixture_random_profile(12, 500)};

	for (size_t k = 0; k < 3; k++) {
		for (unsigned bits = 0; bits < 1 << 9; bits++) {
			struct view_options o = {
				.clock = (enum profile_clock)(bits & 3),
				.lines = bits & 4,
				.by_process = bits & 8,
				.by_thread = bits & 16,
				.by_task = bits & 32,
				.invert = bits & 64,
				.fold = bits & 128,
				.least = bits & 256 ? .01 : 0,
			};

			check_view(profiles[k], &o);
		}
		profile_free(profiles[k]);
	}
}
END_TEST

/* Ten threads of a recursion 20,000 deep. */
START_TEST(deep_recursion)
{
	struct profile *p = profile_new();
	uint32_t f = profile_function(p, PROFILE_PYTHON, "f", "a.py", 1), at = 0;
	struct view_options o = {.clock = PROFILE_CLOCK_SAMPLES, .invert = true};
	struct view_row *rows;
	size_t n;

	for (int d = 0; d < 20000; d++) {
		at = profile_node(p, at, f, 2);
		profile_add(p, at, &(struct profile_weight){1, 1, 1, 1});
	}
	check_view(p, &o);
	o.invert = false;
	check_view(p, &o);
	rows = view_functions(p, PROFILE_CLOCK_SAMPLES, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(rows[0].total, 20000);
	free(rows);
	profile_free(p);
}
END_TEST

START_TEST(what_is_a_library)
{
	static const struct {
		enum profile_kind kind;
		const char *file, *name; /* NULL: the program's own */
	} cases[] = {
		{PROFILE_PYTHON, "/home/u/venv/lib/python3.11/site-packages/requests/api.py",
			"requests"},
		{PROFILE_PYTHON, "/usr/lib/python3/dist-packages/six.py", "six"},
		{PROFILE_PYTHON, "/usr/local/lib64/python3.12/site-packages/a/b/c.py", "a"},
		{PROFILE_PYTHON, "/usr/lib/python3.11/http/client.py", "http"},
		{PROFILE_PYTHON, "/opt/lib/python3.13t/json/decoder.py", "json"},
		{PROFILE_PYTHON, "/usr/lib/python311.zip/json/decoder.py", "json"},
		{PROFILE_PYTHON, "<frozen importlib._bootstrap>", "importlib"},
		{PROFILE_PYTHON, "<frozen runpy>", "runpy"},
		{PROFILE_PYTHON, "<string>", NULL},
		{PROFILE_PYTHON, "<stdin>", NULL},
		{PROFILE_PYTHON, "", NULL},
		{PROFILE_PYTHON, "app.py", NULL},
		{PROFILE_PYTHON, "/home/u/venv/app.py", NULL},
		{PROFILE_PYTHON, "/usr/bin/gunicorn", "gunicorn"},
		{PROFILE_PYTHON, "/srv/app/.venv/bin/flask", "flask"},
		{PROFILE_PYTHON, "/usr/bin/app.py", NULL},
		{PROFILE_PYTHON, "/srv/app/bin/serve", NULL},
		{PROFILE_PYTHON, "/home/u/python3.11/app.py", NULL},
		{PROFILE_PYTHON, "/srv/lib/python/app.py", NULL},
		{PROFILE_PYTHON, "/srv/site-packages.old/app.py", NULL},
		{PROFILE_PYTHON, "/home/u/lib/python3.11.py", NULL},
		{PROFILE_NATIVE, "libpython3.11.so.1.0", "libpython3.11.so.1.0"},
		{PROFILE_NATIVE, "/usr/lib/x86_64-linux-gnu/libc.so.6", "libc.so.6"},
		{PROFILE_NATIVE, "python3.11", "python3.11"},
		{PROFILE_NATIVE, "/usr/lib/python3/dist-packages/numpy/core/x.so", "numpy"},
		{PROFILE_NATIVE, "/usr/lib/python3.11/lib-dynload/_json.cpython-311.so", "_json"},
		{PROFILE_NATIVE, "nginx", NULL},
		{PROFILE_NATIVE, "libcx.so.1", NULL},
		{PROFILE_MARK, "", NULL},
		{PROFILE_THREAD, "/usr/lib/python3.11/x.py", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct profile_function f = {cases[i].kind, "f", cases[i].file, 1};
		char name[64];

		ck_assert_msg(view_is_library(&f) == (cases[i].name != NULL), "%s", cases[i].file);
		view_library_name(&f, name, sizeof(name));
		if (cases[i].name)
			ck_assert_str_eq(name, cases[i].name);
	}

	/* an extension module is the program's own where it tells the names of its functions */
	struct profile_function f = {PROFILE_NATIVE, "kernel", "fast.cpython-311.so", 0};

	ck_assert(!view_is_library(&f));
	f.name = "0x1a40";
	ck_assert(view_is_library(&f));
	f.file = "app";
	ck_assert(!view_is_library(&f));
}
END_TEST

/* Newcombe 1998 (Statist. Med. 17, 857), table I, method 3, as published. */
START_TEST(wilson)
{
	static const double cases[][4] = {{81, 263, .2553, .3662}, {15, 148, .0624, .1605},
		{0, 20, 0, .1611}, {1, 29, .0061, .1718}};
	double low, high;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		view_share_interval(cases[i][0] / cases[i][1], cases[i][1], &low, &high);
		ck_assert_double_eq_tol(low, cases[i][2], .00005);
		ck_assert_double_eq_tol(high, cases[i][3], .00005);
	}
	view_share_interval(1, 20, &low, &high);
	ck_assert_double_eq_tol(low, 1 - .1611, .00005);
	ck_assert_double_eq(high, 1);
	view_share_interval(.5, 0, &low, &high);
	ck_assert(low == 0 && high == 1);
}
END_TEST

UNIT_MAIN("profile_view", lines_are_merged, inverted, library_runs_are_folded,
	libraries_alone_are_not_folded, many_libraries_are_cut, recursion_counts_once,
	tables_equal_a_plain_count, every_view_is_whole, deep_recursion, what_is_a_library, wilson)

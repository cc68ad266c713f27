/* What the live view shows: rows of a profile, sorted, filtered, opened; and its text. */
#include "tui/top_rows.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "tui/top_text.h"
#include "unit.h"

enum { MS = 1000000 };

/* ---- a profile to look at ---- */

struct frame {
	const char *name, *file;
	int first_line, line;
};

static const struct frame MAIN = {"main", "/srv/shop/app.py", 1, 9};
static const struct frame SEARCH = {"search", "/srv/shop/views/search.py", 10, 12};
static const struct frame PRICE = {"price", "/srv/shop/pricing.py", 20, 25};
static const struct frame ROUND = {"Decimal.quantize", "/usr/lib/python3.11/_pydecimal.py", 30, 33};
static const struct frame WAIT = {"Condition.wait", "/usr/lib/python3.11/threading.py", 40, 44};

static uint32_t thread_of(struct profile *p, const char *process, const char *thread)
{
	uint32_t at = profile_node(p, 0, profile_function(p, PROFILE_PROCESS, process, "", 0), 0);

	return profile_node(p, at, profile_function(p, PROFILE_THREAD, thread, "", 0), 0);
}

/* `samples` of a millisecond, so much of each on a core and with the lock, below `at`. */
static void add_stack(struct profile *p, uint32_t at, const struct frame *const *frames, size_t n,
	uint64_t samples, double cpu)
{
	struct profile_weight w = {samples, samples * MS, (uint64_t)((double)(samples * MS) * cpu),
		(uint64_t)((double)(samples * MS) * cpu / 2)};

	for (size_t i = 0; i < n; i++)
		at = profile_node(p, at,
			profile_function(p, PROFILE_PYTHON, frames[i]->name, frames[i]->file,
				frames[i]->first_line),
			frames[i]->line);
	profile_add(p, at, &w);
}

#define STACK(p, at, samples, cpu, ...)                                                            \
	do {                                                                                       \
		const struct frame *const frames[] = {__VA_ARGS__};                                \
		add_stack(p, at, frames, sizeof(frames) / sizeof(*frames), samples, cpu);          \
	} while (0)

/* A worker that computes, and one that waits; `price` as often as is said. */
static struct profile *a_profile(uint64_t price)
{
	struct profile *p = profile_new();
	uint32_t busy = thread_of(p, "app (7)", "MainThread (7)");
	uint32_t idle = thread_of(p, "app (7)", "worker-1 (8)");

	STACK(p, busy, 100, 1, &MAIN, &SEARCH);
	STACK(p, busy, price, 1, &MAIN, &PRICE);
	STACK(p, busy, 50, 1, &MAIN, &PRICE, &ROUND);
	STACK(p, idle, 400, 0, &WAIT);
	return p;
}

static void show(struct top_rows *r, const struct profile *p, enum top_view view,
	enum profile_clock clock, enum top_sort sort, const char *filter, struct top_marks *marks)
{
	struct top_look look = {.view = view, .clock = clock, .unicode = true};

	top_rows_make(r, p, &look);
	top_rows_show(r, sort, filter, marks);
}

static const char *name_at(const struct top_rows *r, size_t i)
{
	return i < r->n_shown ? top_rows_name(r, r->items[r->shown[i].item].place) : "(no row)";
}

static uint64_t id_of(const struct top_rows *r, const char *name)
{
	for (size_t i = 0; i < r->n_shown; i++)
		if (!strcmp(name_at(r, i), name))
			return r->items[r->shown[i].item].id;
	ck_abort_msg("%s is not shown", name);
	return 0;
}

/* The names that are shown, depths before them where there are any: "main,1 search". */
static void expect(const struct top_rows *r, const char *expected)
{
	struct str found = STR_INIT;

	for (size_t i = 0; i < r->n_shown; i++) {
		str_add(&found, i ? "," : "");
		if (r->shown[i].depth)
			str_addf(&found, "%u ", r->shown[i].depth);
		str_add(&found, name_at(r, i));
	}
	ck_assert_str_eq(str_text(&found), expected);
	str_release(&found);
}

/* ---- tables ---- */

START_TEST(functions_are_sorted)
{
	struct profile *p = a_profile(70);
	struct top_marks marks = {0};
	struct top_rows r = {0};

	show(&r, p, TOP_FUNCTIONS, PROFILE_CLOCK_CPU, TOP_SELF, "", &marks);
	ck_assert_uint_eq(r.whole, 220 * (uint64_t)MS);
	ck_assert_uint_eq(r.seen, 620);
	ck_assert_double_eq_tol(r.samples, 220, 1e-9);
	ck_assert_str_eq(name_at(&r, 0), "search");
	ck_assert_str_eq(name_at(&r, 1), "price");
	ck_assert_str_eq(name_at(&r, 2), "Decimal.quantize");
	ck_assert_uint_eq(r.items[r.shown[0].item].self, 100 * (uint64_t)MS);
	ck_assert_uint_eq(r.items[r.shown[1].item].total, 120 * (uint64_t)MS);

	top_rows_show(&r, TOP_TOTAL, "", &marks);
	ck_assert_str_eq(name_at(&r, 0), "main");
	top_rows_show(&r, TOP_NAME, "", &marks); /* who only waited has no place in this clock */
	expect(&r, "Decimal.quantize,main,price,search");
	top_rows_show(&r, TOP_FILE, "", &marks);
	expect(&r, "main,price,search,Decimal.quantize");

	show(&r, p, TOP_FUNCTIONS, PROFILE_CLOCK_WALL, TOP_SELF, "", &marks);
	ck_assert_str_eq(name_at(&r, 0), "Condition.wait");
	top_rows_show(&r, TOP_SAMPLES, "", &marks);
	expect(&r, "Condition.wait,main,price,search,Decimal.quantize");
	top_rows_release(&r);
	top_marks_release(&marks);
	profile_free(p);
}
END_TEST

START_TEST(lines_are_apart)
{
	struct profile *p = a_profile(70);
	struct frame other = PRICE;
	struct top_marks marks = {0};
	struct top_rows r = {0};
	uint32_t busy = thread_of(p, "app (7)", "MainThread (7)");

	other.line = 29;
	STACK(p, busy, 30, 1, &MAIN, &other);
	show(&r, p, TOP_LINES, PROFILE_CLOCK_CPU, TOP_SELF, "price", &marks);
	ck_assert_uint_eq(r.n_shown, 2);
	ck_assert_int_eq(top_rows_line(&r, &r.items[r.shown[0].item]), 25);
	ck_assert_int_eq(top_rows_line(&r, &r.items[r.shown[1].item]), 29);
	show(&r, p, TOP_FUNCTIONS, PROFILE_CLOCK_CPU, TOP_SELF, "price", &marks);
	ck_assert_uint_eq(r.n_shown, 1);
	ck_assert_int_eq(top_rows_line(&r, &r.items[r.shown[0].item]), 20);
	top_rows_release(&r);
	profile_free(p);
}
END_TEST

START_TEST(the_filter_looks_at_names_files_and_lines)
{
	struct profile *p = a_profile(70);
	struct top_marks marks = {0};
	struct top_rows r = {0};

	show(&r, p, TOP_FUNCTIONS, PROFILE_CLOCK_CPU, TOP_NAME, "PRIC", &marks);
	expect(&r, "price");
	top_rows_show(&r, TOP_NAME, "/srv/shop/", &marks);
	expect(&r, "main,price,search");
	top_rows_show(&r, TOP_NAME, "pricing.py:20", &marks);
	expect(&r, "price");
	top_rows_show(&r, TOP_NAME, "there is no such thing", &marks);
	ck_assert_uint_eq(r.n_shown, 0);
	show(&r, p, TOP_THREADS, PROFILE_CLOCK_CPU, TOP_CPU, "threading", &marks);
	expect(&r, "worker-1");
	top_rows_release(&r);
	profile_free(p);
}
END_TEST

START_TEST(files_are_short)
{
	struct profile *p = a_profile(70);
	struct top_marks marks = {0};
	struct top_rows r = {0};

	show(&r, p, TOP_FUNCTIONS, PROFILE_CLOCK_CPU, TOP_FILE, "", &marks);
	ck_assert_str_eq(top_rows_file_short(&r, r.items[r.shown[0].item].place), "app.py");
	ck_assert_str_eq(
		top_rows_file_short(&r, r.items[r.shown[2].item].place), "views/search.py");
	ck_assert_str_eq(top_rows_file_short(&r, r.items[r.shown[3].item].place), "_pydecimal.py");
	ck_assert_str_eq(
		top_short_file("/v/lib/python3.12/site-packages/flask/app.py"), "flask/app.py");
	ck_assert_str_eq(top_short_file("/usr/lib/python3/dist-packages/yaml/x.py"), "yaml/x.py");
	ck_assert_str_eq(top_short_file("app.py"), "app.py");
	ck_assert_str_eq(top_short_file(""), "");
	top_rows_release(&r);
	profile_free(p);
}
END_TEST

/* ---- the tree ---- */

START_TEST(the_tree_opens_where_the_time_is_and_stays_so)
{
	struct profile *p = a_profile(70), *later = a_profile(5000);
	struct top_marks marks = {0};
	struct top_rows r = {0};

	show(&r, p, TOP_TREE, PROFILE_CLOCK_CPU, TOP_TOTAL, "", &marks);
	expect(&r, "main,1 price,2 Decimal.quantize,1 search");
	ck_assert(r.shown[0].can_open && r.shown[0].open);
	ck_assert(!r.shown[2].can_open);

	/* a person closes it: new data does not open it, new numbers do */
	top_marks_set(&marks, id_of(&r, "price"), false);
	top_rows_show(&r, TOP_TOTAL, "", &marks);
	expect(&r, "main,1 price,1 search");
	show(&r, later, TOP_TREE, PROFILE_CLOCK_CPU, TOP_TOTAL, "", &marks);
	expect(&r, "main,1 price,1 search");
	ck_assert(r.shown[1].can_open && !r.shown[1].open);

	/* and opens it again */
	top_marks_set(&marks, id_of(&r, "price"), true);
	show(&r, p, TOP_TREE, PROFILE_CLOCK_CPU, TOP_SELF, "", &marks);
	expect(&r, "main,1 search,1 price,2 Decimal.quantize");

	top_marks_all(&marks, TOP_OPEN_NONE);
	top_rows_show(&r, TOP_TOTAL, "", &marks);
	expect(&r, "main");
	top_marks_all(&marks, TOP_OPEN_ALL);
	top_rows_show(&r, TOP_NAME, "", &marks);
	expect(&r, "main,1 price,2 Decimal.quantize,1 search");
	top_rows_release(&r);
	top_marks_release(&marks);
	profile_free(p);
	profile_free(later);
}
END_TEST

/* What had a large share keeps its node open when the share gets small. */
START_TEST(what_opened_by_itself_does_not_close_by_itself)
{
	struct profile *p = a_profile(70), *later = a_profile(0);
	struct top_marks marks = {0};
	struct top_rows r = {0};
	uint32_t busy = thread_of(later, "app (7)", "MainThread (7)");

	show(&r, p, TOP_TREE, PROFILE_CLOCK_CPU, TOP_TOTAL, "", &marks);
	STACK(later, busy, 5000, 1, &MAIN, &SEARCH);
	show(&r, later, TOP_TREE, PROFILE_CLOCK_CPU, TOP_TOTAL, "", &marks);
	expect(&r, "main,1 search,1 price,2 Decimal.quantize");
	top_marks_all(&marks, TOP_OPEN_WHERE_TIME_IS);
	top_rows_show(&r, TOP_TOTAL, "", &marks);
	expect(&r, "main,1 search,1 price");
	top_rows_release(&r);
	top_marks_release(&marks);
	profile_free(p);
	profile_free(later);
}
END_TEST

START_TEST(a_filter_opens_what_leads_to_a_match)
{
	struct profile *p = a_profile(70);
	struct top_marks marks = {.opening = TOP_OPEN_NONE};
	struct top_rows r = {0};

	show(&r, p, TOP_TREE, PROFILE_CLOCK_CPU, TOP_TOTAL, "quantize", &marks);
	expect(&r, "main,1 price,2 Decimal.quantize");
	top_rows_show(&r, TOP_TOTAL, "price", &marks);
	expect(&r, "main,1 price");
	ck_assert(r.shown[1].can_open && !r.shown[1].open);
	top_marks_set(&marks, id_of(&r, "price"), true); /* below a match all is there */
	top_rows_show(&r, TOP_TOTAL, "price", &marks);
	expect(&r, "main,1 price,2 Decimal.quantize");
	top_rows_show(&r, TOP_TOTAL, "", &marks);
	expect(&r, "main");
	top_rows_release(&r);
	top_marks_release(&marks);
	profile_free(p);
}
END_TEST

START_TEST(threads_apart_have_ids_of_their_own)
{
	struct profile *p = profile_new();
	struct top_look look = {
		.view = TOP_TREE, .clock = PROFILE_CLOCK_CPU, .threads = true, .unicode = true};
	struct top_marks marks = {0};
	struct top_rows r = {0};
	uint64_t first;

	STACK(p, thread_of(p, "app (7)", "a (7)"), 60, 1, &MAIN, &SEARCH);
	STACK(p, thread_of(p, "app (7)", "b (8)"), 40, 1, &MAIN, &SEARCH);
	top_rows_make(&r, p, &look);
	top_rows_show(&r, TOP_TOTAL, "", &marks);
	expect(&r, "a (7),1 main,2 search,b (8),1 main,2 search");
	first = r.items[r.shown[1].item].id;
	ck_assert_uint_ne(first, r.items[r.shown[4].item].id);
	top_marks_set(&marks, first, false);
	top_rows_show(&r, TOP_TOTAL, "", &marks);
	expect(&r, "a (7),1 main,b (8),1 main,2 search");
	top_rows_release(&r);
	top_marks_release(&marks);
	profile_free(p);
}
END_TEST

/* A recursion as deep as Python's frames can be is a tree of as many levels. */
START_TEST(a_deep_tree_is_shown_whole)
{
	enum { DEPTH = 5000 };
	struct profile *p = profile_new();
	struct top_marks marks = {.opening = TOP_OPEN_ALL};
	struct profile_weight w = {10, 10 * MS, 10 * MS, 0};
	uint32_t at = thread_of(p, "app (7)", "MainThread (7)");
	struct top_rows r = {0};

	for (int i = 0; i < DEPTH; i++)
		at = profile_node(p, at,
			profile_function(p, PROFILE_PYTHON, "fall", "/srv/fall.py", 1), 2 + i % 2);
	profile_add(p, at, &w);
	show(&r, p, TOP_TREE, PROFILE_CLOCK_CPU, TOP_TOTAL, "", &marks);
	ck_assert_uint_eq(r.n_shown, DEPTH);
	ck_assert_uint_eq(r.shown[DEPTH - 1].depth, DEPTH - 1);
	top_rows_show(&r, TOP_TOTAL, "fall", &marks);
	ck_assert_uint_eq(r.n_shown, DEPTH);
	top_rows_release(&r);
	top_marks_release(&marks);
	profile_free(p);
}
END_TEST

/* ---- threads ---- */

START_TEST(threads_say_what_they_are_in)
{
	struct profile *p = a_profile(70);
	struct frame other = SEARCH;
	struct top_marks marks = {0};
	struct top_rows r = {0};
	const struct top_item *busy, *idle;

	other.line = 17; /* price is seen more often than either line of search, not than both */
	STACK(p, thread_of(p, "app (7)", "MainThread (7)"), 30, 1, &MAIN, &other);
	STACK(p, thread_of(p, "app (7)", "MainThread (7)"), 50, 1, &MAIN, &PRICE);
	show(&r, p, TOP_THREADS, PROFILE_CLOCK_CPU, TOP_CPU, "", &marks);
	expect(&r, "MainThread,worker-1");
	busy = &r.items[r.shown[0].item];
	idle = &r.items[r.shown[1].item];
	ck_assert_uint_eq(busy->tid, 7);
	ck_assert_uint_eq(idle->tid, 8);
	ck_assert_uint_eq(busy->cpu, busy->total);
	ck_assert_uint_eq(busy->gil, busy->total / 2);
	ck_assert_uint_eq(idle->cpu, 0);
	ck_assert_str_eq(top_rows_name(&r, busy->inside), "search");
	ck_assert_int_eq((int)busy->line, 12);
	ck_assert_str_eq(top_rows_name(&r, idle->inside), "Condition.wait");
	ck_assert_str_eq(top_rows_name(&r, idle->process), "app (7)");
	top_rows_show(&r, TOP_NAME, "", &marks);
	expect(&r, "MainThread,worker-1");
	top_rows_show(&r, TOP_TID, "", &marks);
	expect(&r, "MainThread,worker-1");
	top_rows_release(&r);
	profile_free(p);
}
END_TEST

START_TEST(a_thread_without_a_number_has_none)
{
	static const char *const NAMES[] = {
		"worker", "worker (a)", "(12)", "f (1", "x (99999999999)", ""};
	struct top_marks marks = {0};
	struct top_rows r = {0};

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
		struct profile *p = profile_new();

		STACK(p, thread_of(p, "app (7)", NAMES[i]), 10, 1, &MAIN);
		show(&r, p, TOP_THREADS, PROFILE_CLOCK_CPU, TOP_CPU, "", &marks);
		ck_assert_uint_eq(r.n_shown, 1);
		ck_assert_uint_eq(r.items[r.shown[0].item].tid, 0);
		ck_assert_str_eq(name_at(&r, 0), NAMES[i]);
		profile_free(p);
	}
	top_rows_release(&r);
}
END_TEST

/* ---- what is kept from one profile to the next ---- */

START_TEST(rows_are_found_again_in_new_data)
{
	struct top_marks marks = {0};
	struct top_rows r = {0};

	for (int view = 0; view < TOP_N_VIEWS; view++) {
		struct profile *p = a_profile(70), *later = profile_new();
		const char *name = view == TOP_THREADS ? "worker-1" : "price";
		uint64_t id;

		/* other functions come first, so every index is another one */
		STACK(later, thread_of(later, "new (5)", "new (5)"), 500, 1, &ROUND, &WAIT);
		profile_merge(later, p);
		show(&r, p, (enum top_view)view, PROFILE_CLOCK_WALL, TOP_TOTAL, "", &marks);
		id = id_of(&r, name);
		ck_assert_str_eq(name_at(&r, top_rows_find(&r, id)), name);
		profile_free(p);
		if (view != TOP_TREE) { /* there processes are apart now: other paths */
			show(&r, later, (enum top_view)view, PROFILE_CLOCK_WALL, TOP_SELF, "",
				&marks);
			ck_assert_str_eq(name_at(&r, top_rows_find(&r, id)), name);
		}
		profile_free(later);
		top_rows_show(&r, TOP_SELF, "no such row", &marks);
		ck_assert_uint_eq(top_rows_find(&r, id), r.n_shown);
	}
	top_rows_release(&r);
	top_marks_release(&marks);
}
END_TEST

START_TEST(an_empty_profile_has_no_rows)
{
	struct profile *p = profile_new();
	struct top_marks marks = {.opening = TOP_OPEN_ALL};
	struct top_rows r = {0};

	for (int view = 0; view < TOP_N_VIEWS; view++) {
		show(&r, p, (enum top_view)view, PROFILE_CLOCK_CPU, TOP_NAME, "", &marks);
		ck_assert_uint_eq(r.n_shown, 0);
		show(&r, p, (enum top_view)view, PROFILE_CLOCK_CPU, TOP_NAME, "x", &marks);
		ck_assert_uint_eq(r.n_shown, 0);
	}
	top_rows_release(&r);
	profile_free(p);
}
END_TEST

/* Past their room nothing is kept, and nothing goes wrong. */
START_TEST(marks_have_a_ceiling)
{
	struct profile *p = a_profile(70);
	struct top_marks marks = {.opening = TOP_OPEN_ALL};
	struct top_rows r = {0};

	for (uint64_t id = 1; id <= 3 * TOP_MAX_MARKS; id++)
		top_marks_set(&marks, id * 7919, false);
	ck_assert_uint_eq(marks.n, TOP_MAX_MARKS);
	show(&r, p, TOP_TREE, PROFILE_CLOCK_CPU, TOP_TOTAL, "", &marks);
	expect(&r, "main,1 price,2 Decimal.quantize,1 search");
	top_marks_set(&marks, id_of(&r, "price"), false);
	top_rows_show(&r, TOP_TOTAL, "", &marks);
	expect(&r, "main,1 price,2 Decimal.quantize,1 search");
	top_rows_release(&r);
	top_marks_release(&marks);
	profile_free(p);
}
END_TEST

/* ---- text ---- */

static void expect_clean(const char *text, bool unicode, const char *expected)
{
	struct str out = STR_INIT;

	top_clean(&out, text, unicode);
	ck_assert_str_eq(str_text(&out), expected);
	str_release(&out);
}

START_TEST(text_of_others_is_made_harmless)
{
	struct str out = STR_INIT, text = STR_INIT;

	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
	expect_clean("naïve 日本", true, "naïve 日本");
	expect_clean("naïve 日本", false, "na?ve ??");
	expect_clean("a\x1b[31mb\x07\tc\n\x7f", true, "a?[31mb? c ?");
	expect_clean("\xc2\x9b"
		     "31m",
		true, "?31m"); /* CSI of eight bits */
	expect_clean("\xe2\x80\xae"
		     "fdp.py",
		true, "?fdp.py");                             /* right to left */
	expect_clean("a\xff\xc3(\xe2\x82", true, "a?\?(?\?"); /* no UTF-8 */
	expect_clean("\xed\xa0\x80\xc0\xaf", true, "?????");  /* a surrogate; too long a form */
	str_add_repeat(&text, "日", TOP_TEXT_BYTES);
	top_clean(&out, text.p, true);
	ck_assert_uint_le(out.len, TOP_TEXT_BYTES + strlen("…"));
	ck_assert_str_eq(out.p + out.len - strlen("日…"), "日…");
	str_release(&out);
	str_release(&text);
}
END_TEST

static void expect_cut(const char *text, size_t columns, enum top_cut cut, const char *expected)
{
	struct str out = STR_INIT;
	size_t used = top_cut(&out, text, columns, cut, true);

	ck_assert_str_eq(str_text(&out), expected);
	ck_assert_uint_eq(used, top_columns(str_text(&out)));
	ck_assert_uint_le(used, columns);
	str_release(&out);
}

START_TEST(text_is_cut_to_columns)
{
	struct str out = STR_INIT;

	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
	expect_cut("function", 8, TOP_CUT_END, "function");
	expect_cut("function", 7, TOP_CUT_END, "functi…");
	expect_cut("function", 7, TOP_CUT_START, "…nction");
	expect_cut("function", 7, TOP_CUT_MIDDLE, "fun…ion");
	expect_cut("function", 1, TOP_CUT_END, "f");
	expect_cut("function", 0, TOP_CUT_MIDDLE, "");
	expect_cut("日本語", 6, TOP_CUT_END, "日本語");
	expect_cut("日本語", 5, TOP_CUT_END, "日本…");
	expect_cut("日本語", 4, TOP_CUT_END, "日…"); /* half a letter has no room */
	expect_cut("日本語", 4, TOP_CUT_START, "…語");
	expect_cut("日本語", 1, TOP_CUT_END, "");
	expect_cut("e\xcc\x81"
		   "e\xcc\x81"
		   "e\xcc\x81",
		2, TOP_CUT_END, "e\xcc\x81…");
	expect_cut("e\xcc\x81"
		   "e\xcc\x81"
		   "e\xcc\x81",
		2, TOP_CUT_START, "…e\xcc\x81");
	ck_assert_uint_eq(top_cut(&out, "function", 6, TOP_CUT_END, false), 6);
	ck_assert_str_eq(out.p, "func..");
	str_release(&out);
}
END_TEST

/* At every width, of every kind: never wider than is allowed, and never half a letter. */
START_TEST(every_cut_fits)
{
	static const char *const TEXTS[] = {"", "a", "abcdefghij", "日本語の関数", "e\xcc\x81tude",
		"\xcc\x81\xcc\x81", "a日b本c語"};

	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(*TEXTS); i++)
		for (size_t columns = 0; columns < 16; columns++)
			for (int cut = TOP_CUT_END; cut <= TOP_CUT_MIDDLE; cut++) {
				struct str out = STR_INIT, clean = STR_INIT;

				top_cut(&out, TEXTS[i], columns, (enum top_cut)cut, true);
				ck_assert_uint_le(top_columns(str_text(&out)), columns);
				top_clean(&clean, str_text(&out), true);
				ck_assert_str_eq(str_text(&clean), str_text(&out));
				str_release(&out);
				str_release(&clean);
			}
}
END_TEST

UNIT_MAIN("top_rows", functions_are_sorted, lines_are_apart,
	the_filter_looks_at_names_files_and_lines, files_are_short,
	the_tree_opens_where_the_time_is_and_stays_so,
	what_opened_by_itself_does_not_close_by_itself, a_filter_opens_what_leads_to_a_match,
	threads_apart_have_ids_of_their_own, a_deep_tree_is_shown_whole,
	threads_say_what_they_are_in, a_thread_without_a_number_has_none,
	rows_are_found_again_in_new_data, an_empty_profile_has_no_rows, marks_have_a_ceiling,
	text_of_others_is_made_harmless, text_is_cut_to_columns, every_cut_fits)

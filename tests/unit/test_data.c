/* The data file, and the orders in which its rows and the requests of a mix are drawn. */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "load/data.h"
#include "load/order.h"

static const char PATH[] = "culprit-test-data.csv";

static int read_text(struct load_data *out, const char *text, size_t len, struct err *err)
{
	int rc;

	ck_assert_int_eq(file_write(PATH, text, len, err), 0);
	rc = load_data_read(out, PATH, err);
	unlink(PATH);
	return rc;
}

START_TEST(rows_are_read)
{
	static const char TEXT[] = "\xef\xbb\xbfid,full.name,last-city\r\n"
				   "1,\"Zoë \"\"Z\"\"\",\r\n"
				   "\n"
				   "2,\"two\nlines\",x,\n";
	static const char GOOD[] = "id,full.name\n1,\"a \"\"b\"\"\"\n\n2,\"two\nlines\"\n,\n";
	struct err err = {0};
	struct load_data d;

	ck_assert_int_eq(read_text(&d, TEXT, sizeof(TEXT) - 1, &err), -ERR_INPUT);
	ck_assert_str_eq(err.text, "culprit-test-data.csv:4: this row has 4 fields, the line of "
				   "names has 3");
	ck_assert_msg(!read_text(&d, GOOD, sizeof(GOOD) - 1, &err), "%s", err.text);
	ck_assert_uint_eq(d.n_columns, 2);
	ck_assert_uint_eq(d.n_rows, 3);
	ck_assert_str_eq(d.columns[1], "full.name");
	ck_assert_str_eq(load_data_value(&d, 0, 1), "a \"b\"");
	ck_assert_str_eq(load_data_value(&d, 1, 0), "2");
	ck_assert_str_eq(load_data_value(&d, 1, 1), "two\nlines");
	ck_assert_str_eq(load_data_value(&d, 2, 0), "");
	ck_assert_str_eq(load_data_value(&d, 2, 1), "");
	load_data_release(&d);
}
END_TEST

static const struct bad {
	const char *text, *want;
} BAD[] = {
	{"", "culprit-test-data.csv: is empty"},
	{"a,b\n", "culprit-test-data.csv: has a line of column names and no row"},
	{"a,b\n1,2\n1\n", "culprit-test-data.csv:3: this row has 1 fields"},
	{"a,b,a\n1,2,3\n", "culprit-test-data.csv:1: columns 1 and 3 are both called 'a'"},
	{"a,first name\n1,2\n", "culprit-test-data.csv:1: column 2 is called 'first name'"},
	{"a,\n1,2\n", "column 2 is called ''"},
	{"a,{b}\n1,2\n", "'{b}'"},
	{"\nuuid\n1\n", "culprit-test-data.csv:2: a column is called 'uuid'"},
	{"seq\n1\n", "'seq'"},
	{"a\n\"x\n", "culprit-test-data.csv:2: a quote is opened here and never closed"},
};

START_TEST(bad_files_are_refused)
{
	struct err err = {0};
	struct load_data d;

	ck_assert_int_eq(read_text(&d, BAD[_i].text, strlen(BAD[_i].text), &err), -ERR_INPUT);
	ck_assert_msg(strstr(err.text, BAD[_i].want) != NULL, "'%s' is not in: %s", BAD[_i].want,
		err.text);
	ck_assert(!d.columns && !d.text && !d.at);
}
END_TEST

START_TEST(odd_files_are_refused)
{
	static const char NUL[] = "a,b\n1,\"x\0y\"\n";
	struct str wide = STR_INIT;
	struct err err = {0};
	struct load_data d;

	ck_assert_int_eq(load_data_read(&d, "no-such-file.csv", &err), -ERR_INPUT);
	ck_assert_ptr_nonnull(strstr(err.text, "no-such-file.csv"));
	ck_assert_int_eq(read_text(&d, NUL, sizeof(NUL) - 1, &err), -ERR_INPUT);
	ck_assert_str_eq(err.text,
		"culprit-test-data.csv:2: a NUL byte in field 2; this is not a text file");
	for (int i = 0; i <= LOAD_DATA_MAX_COLUMNS; i++)
		str_addf(&wide, i ? ",c%d" : "c%d", i);
	ck_assert_int_eq(read_text(&d, wide.p, wide.len, &err), -ERR_INPUT);
	ck_assert_str_eq(
		err.text, "culprit-test-data.csv:1: 257 columns, more than the 256 that fit");
	str_release(&wide);
}
END_TEST

START_TEST(in_order_counts_over_all_threads)
{
	static const double WEIGHTS[] = {1, 3, 2};
	static const size_t WANT[] = {0, 1, 1, 1, 2, 2, 0, 1, 1, 1, 2, 2, 0};
	_Atomic uint64_t shared = 0;
	struct load_order_table t;
	struct load_order_draw d[2];

	load_order_init(&t, 3, WEIGHTS, LOAD_IN_ORDER, 1);
	load_order_start(&d[0], &t, 0, &shared);
	load_order_start(&d[1], &t, 1, &shared);
	for (size_t i = 0; i < sizeof(WANT) / sizeof(WANT[0]); i++)
		ck_assert_uint_eq(load_order_next(&d[i % 2]), WANT[i]);
	load_order_release(&t);

	atomic_store(&shared, 0);
	load_order_init(&t, 3, NULL, LOAD_IN_ORDER, 1);
	load_order_start(&d[0], &t, 0, &shared);
	for (size_t i = 0; i < 9; i++)
		ck_assert_uint_eq(load_order_next(&d[0]), i % 3);
	load_order_release(&t);
}
END_TEST

static const double WEIGHTS[] = {5, 1, 0.5, 12, 1, 3, 0.001, 2};
enum { N = sizeof(WEIGHTS) / sizeof(WEIGHTS[0]) };

static double share(size_t i, bool weighted)
{
	double sum = 0;

	for (size_t j = 0; j < N; j++)
		sum += WEIGHTS[j];
	return weighted ? WEIGHTS[i] / sum : 1.0 / N;
}

/* Chi-square of the shares with 7 degrees of freedom: above 29.9 once in 10,000 seeds. */
START_TEST(random_has_the_right_shares)
{
	enum { DRAWS = 1000000 };
	struct load_order_table t;
	struct load_order_draw d;
	size_t counts[N] = {0};
	double chi = 0;

	load_order_init(&t, N, _i ? WEIGHTS : NULL, LOAD_RANDOM, 7);
	load_order_start(&d, &t, 3, NULL);
	for (int i = 0; i < DRAWS; i++)
		counts[load_order_next(&d)]++;
	for (size_t i = 0; i < N; i++) {
		double want = DRAWS * share(i, _i), off = (double)counts[i] - want;

		chi += off * off / want;
	}
	ck_assert_msg(chi < 29.9, "chi-square %g", chi);
	load_order_release(&t);
}
END_TEST

START_TEST(random_streams_differ_and_repeat)
{
	struct load_order_table t;
	struct load_order_draw a, b, again;
	size_t same = 0;

	load_order_init(&t, 1000, NULL, LOAD_RANDOM, 7);
	load_order_start(&a, &t, 0, NULL);
	load_order_start(&b, &t, 1, NULL);
	load_order_start(&again, &t, 0, NULL);
	for (int i = 0; i < 1000; i++) {
		size_t x = load_order_next(&a);

		same += x == load_order_next(&b);
		ck_assert_uint_eq(x, load_order_next(&again));
	}
	ck_assert_uint_lt(same, 10); /* 1 expected; 10 or more once in 9 million seeds */
	load_order_release(&t);
}
END_TEST

/* How far any entry's count ever is from its share, over all prefixes, when T threads draw by
 * turns. */
static double spread_off(bool weighted, size_t n_threads, uint64_t seed, size_t draws)
{
	struct load_order_draw d[16];
	struct load_order_table t;
	size_t counts[N] = {0};
	double worst = 0;

	load_order_init(&t, N, weighted ? WEIGHTS : NULL, LOAD_SPREAD, seed);
	for (size_t k = 0; k < n_threads; k++)
		load_order_start(&d[k], &t, k, NULL);
	for (size_t n = 1; n <= draws; n++) {
		counts[load_order_next(&d[n % n_threads])]++;
		for (size_t i = 0; i < N; i++)
			worst = fmax(
				worst, fabs((double)counts[i] - share(i, weighted) * (double)n));
	}
	load_order_release(&t);
	return worst;
}

/* At random, the deviation grows with the root of n: its standard deviation is 158 in the end, for
 * the entry that has half of the weight. That of the sequence does not. */
START_TEST(spread_keeps_the_shares_at_every_moment)
{
	static const size_t THREADS[] = {1, 2, 3, 4, 5, 7, 8, 16};

	for (size_t i = 0; i < sizeof(THREADS) / sizeof(THREADS[0]); i++)
		for (uint64_t seed = 1; seed <= 5; seed++) {
			double off = spread_off(_i, THREADS[i], seed, 100000);
			ck_assert_msg(off < (THREADS[i] == 1 ? 5 : 8),
				"%zu threads, seed %d: off by %g", THREADS[i], (int)seed, off);
		}
}
END_TEST

/* A mix and rows drawn side by side must not go in step: each of the pairs comes as often. */
START_TEST(spread_pairs_are_even)
{
	enum { ROWS = 10, DRAWS = 10000 };
	struct load_order_table mix, rows;
	struct load_order_draw m, r;
	size_t counts[N][ROWS] = {0};
	double worst = 0;

	load_order_init(&mix, N, WEIGHTS, LOAD_SPREAD, 1);
	load_order_init(&rows, ROWS, NULL, LOAD_SPREAD, 1);
	load_order_start(&m, &mix, 0, NULL);
	load_order_start(&r, &rows, 0, NULL);
	for (int i = 0; i < DRAWS; i++) {
		size_t row = load_order_next(&r);

		counts[load_order_next(&m)][row]++;
	}
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < ROWS; j++)
			worst = fmax(
				worst, fabs((double)counts[i][j] - share(i, true) / ROWS * DRAWS));
	/* at random the standard deviation is 22, and in step they are off by hundreds */
	ck_assert_msg(worst < 12, "off by %g", worst);
	load_order_release(&mix);
	load_order_release(&rows);
}
END_TEST

START_TEST(one_entry_is_always_drawn)
{
	static const double ONE[] = {2};
	_Atomic uint64_t shared = 0;

	for (int order = LOAD_RANDOM; order <= LOAD_SPREAD; order++)
		for (int weighted = 0; weighted < 2; weighted++) {
			struct load_order_table t;
			struct load_order_draw d;

			load_order_init(&t, 1, weighted ? ONE : NULL, order, 1);
			load_order_start(&d, &t, 0, &shared);
			for (int i = 0; i < 100; i++)
				ck_assert_uint_eq(load_order_next(&d), 0);
			load_order_release(&t);
		}
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("data");
	TCase *tc = tcase_create("data");
	char folder[] = "/tmp/culprit-data-XXXXXX";
	int failed;

	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	tcase_add_test(tc, rows_are_read);
	tcase_add_loop_test(tc, bad_files_are_refused, 0, COUNT(BAD));
	tcase_add_test(tc, odd_files_are_refused);
	tcase_add_test(tc, in_order_counts_over_all_threads);
	tcase_add_loop_test(tc, random_has_the_right_shares, 0, 2);
	tcase_add_test(tc, random_streams_differ_and_repeat);
	tcase_add_loop_test(tc, spread_keeps_the_shares_at_every_moment, 0, 2);
	tcase_add_test(tc, spread_pairs_are_even);
	tcase_add_test(tc, one_entry_is_always_drawn);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	rmdir(folder);
	return failed != 0;
}

#include "unit.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/term.h"

START_TEST(str_measures_and_guesses)
{
	static const char *const WORDS[] = {"query", "path", "header", "connections", NULL};

	ck_assert_uint_eq(str_width("naïve \x1b[31mред\x1b[0m 漢"), 12);
	ck_assert_uint_eq(str_distance("kitten", "sitting"), 3);
	ck_assert_uint_eq(str_distance("qeury", "query"), 1);
	ck_assert_str_eq(str_nearest("qeury", WORDS), "query");
	ck_assert_str_eq(str_nearest("conn", WORDS), "connections");
	ck_assert_ptr_null(str_nearest("zzzzz", WORDS));
	ck_assert_ptr_null(str_nearest("z", (const char *const[]){"a", "b", NULL}));
}
END_TEST

START_TEST(str_wraps)
{
	struct str s = STR_INIT;

	str_add(&s, "  --x  ");
	str_add_wrapped(&s, "größer als zehn", 7, 17);
	ck_assert_str_eq(s.p, "  --x  größer als\n       zehn\n");
	str_clear(&s);
	str_add_shell(&s, "a/b=1");
	str_add_shell(&s, "it's");
	str_add_shell(&s, "");
	ck_assert_str_eq(s.p, "a/b=1'it'\\''s'"
			      "''");
	str_release(&s);
}
END_TEST

START_TEST(num_parses_strictly)
{
	struct err err = {0};
	int64_t i;
	double d;
	uint64_t ns;

	ck_assert_int_eq(num_parse_int("12", 0, 20, "x", &i, &err), 0);
	ck_assert_int_eq(i, 12);
	ck_assert_int_lt(num_parse_int("12x", 0, 20, "x", &i, &err), 0);
	ck_assert_int_lt(num_parse_int(" 12", 0, 20, "x", &i, &err), 0);
	ck_assert_int_lt(num_parse_int("21", 0, 20, "--n", &i, &err), 0);
	ck_assert_str_eq(err.text, "--n: 21 is out of range, it takes 0 to 20");
	ck_assert_int_lt(num_parse_int("99999999999999999999", 0, 20, "x", &i, &err), 0);
	ck_assert_int_lt(num_parse_real("nan", 0, 1, "x", &d, &err), 0);
	ck_assert_int_eq(num_parse_duration("1.5ms", 0, UINT64_MAX, "x", &ns, &err), 0);
	ck_assert_uint_eq(ns, 1500000);
	ck_assert_int_lt(num_parse_duration("-1s", 0, UINT64_MAX, "x", &ns, &err), 0);
	ck_assert_int_lt(num_parse_duration("5 parsecs", 0, UINT64_MAX, "x", &ns, &err), 0);
	ck_assert_int_eq(num_parse_size("16KiB", 0, UINT64_MAX, "x", &ns, &err), 0);
	ck_assert_uint_eq(ns, 16384);
}
END_TEST

START_TEST(num_scan_is_strtod)
{
	struct rng rng;
	char text[64];

	rng_seed(&rng, 7, 0);
	for (int i = 0; i < 200000; i++) {
		union {
			uint64_t bits;
			double value;
		} any = {.bits = rng_next(&rng)};
		double want, got = 0;

		if (!isfinite(any.value))
			continue;
		if (i % 2)
			any.value = rng_normal(&rng) * 1e3;
		snprintf(text, sizeof(text), "%.*g", 1 + i % 18, any.value);
		want = strtod(text, NULL);
		ck_assert_ptr_eq(num_scan(text, text + strlen(text), &got), text + strlen(text));
		ck_assert_msg(want == got, "%s: %a, want %a", text, got, want);
	}
}
END_TEST

START_TEST(num_reads_well)
{
	char t[NUM_TEXT];

	ck_assert_str_eq(num_duration(.00087, t), "870 µs");
	ck_assert_str_eq(num_duration(1.2345, t), "1.23 s");
	ck_assert_str_eq(num_duration(.9999, t), "1.00 s");
	ck_assert_str_eq(num_duration(125, t), "2 m 05 s");
	ck_assert_str_eq(num_count(1234567, t), "1,234,567");
	ck_assert_str_eq(num_count(-999, t), "-999");
	ck_assert_str_eq(num_short(.012345, t), "0.01235");
	ck_assert_str_eq(num_short(1234.5, t), "1,234");
	ck_assert_str_eq(num_bytes(1500, t), "1.50 kB");
}
END_TEST

static int count_rows(const char *text, size_t len, size_t *cells, struct err *err)
{
	struct csv_reader r;
	struct csv_field fields[8];
	size_t n;
	int rows = 0, rc;

	*cells = 0;
	csv_init(&r, "t.csv", text, len, ',');
	while ((rc = csv_next(&r, fields, 8, &n, err)) > 0) {
		rows++;
		*cells += n;
	}
	return rc < 0 ? rc : rows;
}

START_TEST(csv_follows_the_rfc)
{
	struct err err = {0};
	struct csv_reader r;
	struct csv_field f[3];
	struct str text = STR_INIT;
	size_t n;
	const char *data = "\xef\xbb\xbf"
			   "a,\"b \"\"q\"\"\",\r\n\r\n1,\"x\ny\",3";

	csv_init(&r, "t.csv", data, strlen(data), ',');
	ck_assert_int_eq(csv_next(&r, f, 3, &n, &err), 1);
	ck_assert_uint_eq(n, 3);
	csv_field_text(&f[1], &text);
	ck_assert_str_eq(text.p, "b \"q\"");
	ck_assert_uint_eq(f[2].len, 0);
	ck_assert_int_eq(csv_next(&r, f, 3, &n, &err), 1);
	ck_assert_uint_eq(r.line, 3);
	ck_assert_uint_eq(f[1].len, 3);
	ck_assert_int_eq(csv_next(&r, f, 3, &n, &err), 0);
	str_release(&text);

	ck_assert_int_eq(count_rows("a,b\n1,2\n", 8, &n, &err), 2);
	ck_assert_int_lt(count_rows("a\n\"b", 4, &n, &err), 0);
	ck_assert_str_eq(err.text, "t.csv:2: a quote is opened here and never closed");
	ck_assert_int_lt(count_rows("\"a\"b", 4, &n, &err), 0);
	ck_assert_int_lt(count_rows("a\0b", 3, &n, &err), 0);
	ck_assert_int_lt(count_rows("a\rb", 3, &n, &err), 0);
	ck_assert_int_eq(count_rows("", 0, &n, &err), 0);
}
END_TEST

START_TEST(csv_writes_what_it_reads)
{
	struct str out = STR_INIT;

	csv_put(&out, true, "a \"b\", c");
	csv_put_number(&out, false, .1);
	csv_put_number(&out, false, 1.0 / 3);
	csv_put_number(&out, false, NAN);
	ck_assert_str_eq(out.p, "\"a \"\"b\"\", c\",0.1,0.3333333333333333,");
	str_release(&out);
}
END_TEST

struct sample {
	int64_t connections;
	uint64_t duration;
	bool quick;
	int sampler;
	struct opt_list headers;
	const char *name;
};

static const char *const SAMPLERS[] = {"sobol", "grid", NULL};
static const struct opt SAMPLE_OPTIONS[] = {
	{'c', "connections", OPT_INT, offsetof(struct sample, connections), NULL, "clients", 1,
		1000, NULL},
	{'d', "duration", OPT_DURATION, offsetof(struct sample, duration), NULL, "how long", 0, 0,
		NULL},
	{'q', "quick", OPT_FLAG, offsetof(struct sample, quick), NULL, "fast", 0, 0, NULL},
	{0, "sampler", OPT_CHOICE, offsetof(struct sample, sampler), NULL, "design", 0, 0,
		SAMPLERS},
	{'H', "header", OPT_LIST, offsetof(struct sample, headers), NULL, "header", 0, 0, NULL},
	{'n', "display-name", OPT_TEXT, offsetof(struct sample, name), NULL, "name", 0, 0, NULL},
	{0}};

START_TEST(opt_fills_the_struct)
{
	struct sample s = {0};
	struct opt_section sections[] = {{NULL, SAMPLE_OPTIONS, &s}, {0}};
	struct opt_rest rest = {0};
	struct err err = {0};
	char *argv[] = {"url", "-qc5", "--duration=2s", "-H", "a: b", "-Hc: d", "--sampler", "grid",
		"--display_name", "x", "--", "-z"};

	ck_assert_int_eq(opt_check(sections, &err), 0);
	ck_assert_msg(!opt_parse(sections, 12, argv, false, &rest, &err), "%s", err.text);
	ck_assert_int_eq(s.connections, 5);
	ck_assert_uint_eq(s.duration, 2000000000);
	ck_assert(s.quick);
	ck_assert_int_eq(s.sampler, 1);
	ck_assert_uint_eq(s.headers.n, 2);
	ck_assert_str_eq(s.headers.items[1], "c: d");
	ck_assert_uint_eq(rest.n, 2);
	ck_assert_str_eq(rest.items[1], "-z");
	opt_rest_release(&rest);
	free(s.headers.items);
}
END_TEST

START_TEST(a_share_may_be_in_per_cent)
{
	static const struct {
		const char *text;
		double value;
	} RIGHT[] = {
		{"5%", .05}, {"0.05", .05}, {"100%", 1}, {"1", 1}, {"0.1%", .001}, {"12.5%", .125}};
	static const char *const WRONG[] = {"", "%", "5 %", "5%%", "%5", "200%", "2", "0.05%", "0",
		"-5%", "x", "0.00000000000000000000000000000000005%"};
	static const struct opt RANGED = {0, "share", OPT_SHARE, 0, NULL, "part", .001, 1, NULL};
	static const struct opt ANY = {0, "share", OPT_SHARE, 0, NULL, "part", 0, 0, NULL};
	struct err err = {0};
	double share;

	for (size_t i = 0; i < sizeof(RIGHT) / sizeof(RIGHT[0]); i++) {
		ck_assert_int_eq(opt_set(&RANGED, &share, RIGHT[i].text, "share", &err), 0);
		ck_assert_double_eq_tol(share, RIGHT[i].value, 1e-15);
	}
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		ck_assert_msg(opt_set(&RANGED, &share, WRONG[i], "share", &err), "'%s'", WRONG[i]);
		ck_assert_ptr_nonnull(strstr(err.text, "share"));
	}
	ck_assert_int_eq(opt_set(&ANY, &share, "-300%", "share", &err), 0);
	ck_assert_double_eq_tol(share, -3, 1e-15);
}
END_TEST

START_TEST(opt_names_the_nearest)
{
	struct sample s = {0};
	struct opt_section sections[] = {{NULL, SAMPLE_OPTIONS, &s}, {0}};
	struct opt_rest rest = {0};
	struct err err = {0};
	char *wrong[] = {"--conections", "5"}, *range[] = {"-c", "0"}, *none[] = {"-c"};

	ck_assert_int_eq(opt_parse(sections, 2, wrong, false, &rest, &err), -ERR_USAGE);
	ck_assert_str_eq(err.text, "unknown option --conections, did you mean --connections?");
	ck_assert_int_eq(opt_parse(sections, 2, range, false, &rest, &err), -ERR_USAGE);
	ck_assert_int_eq(opt_parse(sections, 1, none, false, &rest, &err), -ERR_USAGE);
	ck_assert_str_eq(err.text, "-c needs N");
}
END_TEST

/* A device, a pipe and what a link leads to stay what they are. */
START_TEST(files_are_written_where_they_are)
{
	static const char FIFO[] = "culprit-test-fifo", LINK[] = "culprit-test-link",
			  FILE_OF_LINK[] = "culprit-test-file";
	struct err err = {0};
	struct stat st;
	char got[8] = "";
	int fd;

	ck_assert(!mkfifo(FIFO, 0600));
	fd = open(FIFO, O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert(!file_check_write(FIFO, &err) && !file_write(FIFO, "page", 4, &err));
	ck_assert_int_eq(read(fd, got, sizeof(got)), 4);
	ck_assert_str_eq(got, "page");
	ck_assert(!lstat(FIFO, &st) && S_ISFIFO(st.st_mode));
	close(fd);
	unlink(FIFO);
	ck_assert(!file_write(FILE_OF_LINK, "old", 3, &err) && !symlink(FILE_OF_LINK, LINK));
	ck_assert(!file_check_write(LINK, &err) && !file_write(LINK, "page", 4, &err));
	ck_assert(!stat(FILE_OF_LINK, &st) && st.st_size == 4);
	ck_assert(!lstat(LINK, &st) && S_ISLNK(st.st_mode));
	unlink(LINK);
	unlink(FILE_OF_LINK);
	ck_assert_int_eq(file_check_write("no-such-folder/x", &err), -ERR_SYSTEM);
	ck_assert_str_eq(
		err.text, "no-such-folder/x: cannot be written: No such file or directory");
	ck_assert_int_eq(file_check_write(".", &err), -ERR_SYSTEM);
	ck_assert_str_eq(err.text, ".: cannot be written: Is a directory");
}
END_TEST

START_TEST(small_files_are_texts)
{
	char path[] = "/tmp/culprit-small-XXXXXX", text[8];
	int fd = mkstemp(path);

	ck_assert_int_eq(file_read_small(path, text, sizeof(text)), 0);
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(write(fd, "max 100000\n", 11), 11);
	ck_assert_int_eq(file_read_small(path, text, sizeof(text)), 7); /* what fits */
	ck_assert_str_eq(text, "max 100");
	ck_assert_int_eq(file_read_small("/proc/self/comm", text, 1), 0);
	ck_assert_str_eq(text, "");
	close(fd);
	unlink(path);
	text[0] = 'x';
	ck_assert_int_eq(file_read_small(path, text, sizeof(text)), -1);
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(file_read_small("/tmp", text, sizeof(text)), -1);
}
END_TEST

START_TEST(rng_is_uniform)
{
	struct rng r;
	uint64_t counts[10] = {0};
	double chi2 = 0, sum = 0, squares = 0;

	rng_seed(&r, 42, 1);
	for (int i = 0; i < 100000; i++)
		counts[rng_below(&r, 10)]++;
	for (int i = 0; i < 10; i++)
		chi2 += ((double)counts[i] - 1e4) * ((double)counts[i] - 1e4) / 1e4;
	ck_assert(chi2 < 33.7); /* 9 degrees of freedom, p = 1e-4; the seed is fixed */
	for (int i = 0; i < 100000; i++) {
		double z = rng_normal(&r);

		sum += z;
		squares += z * z;
	}
	ck_assert(fabs(sum / 1e5) < .0125 && fabs(squares / 1e5 - 1) < .018);
}
END_TEST

START_TEST(tables_line_up)
{
	struct table t = TABLE_INIT;
	struct str out = STR_INIT;
	struct term term = TERM_PLAIN;

	table_column(&t, "name", TABLE_LEFT);
	table_column(&t, "ms", TABLE_RIGHT);
	table_cell(&t, "größe");
	table_cellf(&t, "%d", 5);
	table_cell(&t, "x");
	table_cellf(&t, "%d", 1234);
	table_render(&t, &term, &out);
	ck_assert_str_eq(out.p, "name     ms\ngröße     5\nx      1234\n");
	table_release(&t);
	str_release(&out);
}
END_TEST

UNIT_MAIN("base", str_measures_and_guesses, str_wraps, num_parses_strictly, num_scan_is_strtod,
	num_reads_well, csv_follows_the_rfc, csv_writes_what_it_reads, opt_fills_the_struct,
	a_share_may_be_in_per_cent, opt_names_the_nearest, files_are_written_where_they_are,
	small_files_are_texts, rng_is_uniform, tables_line_up)

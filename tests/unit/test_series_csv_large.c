/*
 * Series from large CSV files, against what they were made from: in memory, through a temporary
 * file and through a pipe; and what of it the process holds in memory.
 */
#include "correlate/series_csv.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "correlate/accounting.h"
#include "correlate/correlate.h"
#include "correlate/incident.h"
#include "csv_text.h"
#include "unit.h"

static const double START_S = 1795287600; /* 2026-11-21 19:00:00 UTC */

struct table {
	size_t n, times;
	double *values; /* by series */
	size_t duplicates;
};

/* Random values with gaps, written in `order`, with some rows twice (the mean of both is meant);
 * `quoted` rows hold line ends within quotes. */
static char *make_wide(struct table *t, struct rng *r, bool shuffled, bool quoted, size_t *len)
{
	struct str text = STR_INIT;
	uint32_t *order = mem_alloc(t->times, sizeof(*order));

	rng_permutation(r, order, (uint32_t)t->times);
	t->values = mem_alloc(t->n * t->times, sizeof(double));
	t->duplicates = 0;
	for (size_t i = 0; i < t->n; i++)
		str_addf(&text, "s%zu,", i);
	str_add(&text, "\"the time\",words\n");
	for (size_t k = 0; k < t->times; k++) {
		size_t time = shuffled ? order[k] : k;
		/* the first and the last are there, so that the axis is the same */
		bool missing = time && time + 1 < t->times && rng_below(r, 20) == 0;
		int twice = !missing && rng_below(r, 10) == 0;

		t->duplicates += (size_t)twice;
		for (size_t i = 0; i < t->n; i++)
			t->values[i * t->times + time] = NAN;
		for (int row = 0; !missing && row <= twice; row++) {
			for (size_t i = 0; i < t->n; i++) {
				double *v = &t->values[i * t->times + time];
				/* whole eighths: their mean is exact */
				double one = (double)rng_below(r, 1000000) / 8;

				if (rng_below(r, 50) == 0) {
					str_add_char(&text, ',');
					continue;
				}
				str_addf(&text, rng_below(r, 30) ? "%.3f," : "\"%.3f\",", one);
				*v = isnan(*v) ? one : (*v + one) / 2;
			}
			str_addf(&text, "%zu,%s\n", 1795287600 + 60 * time,
				!quoted           ? "x"
				: rng_below(r, 3) ? "\"a\nb\""
						  : "\"\"");
		}
	}
	free(order);
	*len = text.len;
	return text.p;
}

static void check_table(const struct table *t, const struct series_set *s)
{
	ck_assert_uint_eq(s->n, t->n);
	ck_assert_uint_eq(s->n_times, t->times);
	ck_assert_double_eq(s->start_s, START_S);
	ck_assert_double_eq(s->step_s, 60);
	ck_assert_uint_eq(s->points_duplicate, t->duplicates * t->n);
	for (size_t i = 0; i < t->n; i++) {
		const double *a = s->items[i].values, *b = t->values + i * t->times;

		for (size_t k = 0; k < t->times; k++)
			if (a[k] != b[k] && !(isnan(a[k]) && isnan(b[k])))
				ck_abort_msg("series %zu at %zu: %g, not %g", i, k, a[k], b[k]);
	}
}

START_TEST(large)
{
	static const struct {
		size_t n, times;
		bool shuffled, quoted;
	} SIZES[] = {{300, 700, false, false}, {40, 5000, false, false}, {40, 4000, true, false},
		{1, 20000, false, false}, {3, 9000, true, true}, {30, 3000, false, true},
		{20001, 11, false, false}, {700, 131, true, false}};
	struct rng r;

	rng_seed(&r, 6, 20);
	for (size_t k = 0; k < sizeof(SIZES) / sizeof(SIZES[0]); k++) {
		struct table t = {SIZES[k].n, SIZES[k].times};
		size_t len;
		char *text = make_wide(&t, &r, SIZES[k].shuffled, SIZES[k].quoted, &len);
		struct series_csv_options o = csv_text_options();

		/* in memory, then through a file: the same */
		for (int filed = 0; filed < 2; filed++) {
			struct series_set s;
			struct err err;

			o.memory_bytes = filed ? 100000 : 0;
			o.temp_folder = "/tmp";
			ck_assert_msg(!csv_text_read(&s, text, len, &o, &err), "%s", err.text);
			ck_assert_int_eq(s.mapped_bytes > 0, filed);
			check_table(&t, &s);
			series_set_release(&s);
		}
		free(t.values);
		free(text);
	}
}
END_TEST

/* A time that is wrong by years: neither memory nor the disk is filled with what is not known. */
START_TEST(large_gap)
{
	struct str text = STR_INIT;
	struct series_csv_options o = csv_text_options();
	struct series_set s;
	struct err err;

	str_add(&text, "time");
	for (int i = 0; i < 300; i++)
		str_addf(&text, ",s%d", i);
	for (int row = 0; row < 100; row++) {
		str_addf(&text, "\n%d", row < 99 ? row : 5000000);
		for (int i = 0; i < 300; i++)
			str_addf(&text, ",%d", row * i);
	}
	str_add_char(&text, '\n');
	ck_assert_int_eq(csv_text_read(&s, text.p, text.len, &o, &err), -ERR_INPUT);
	ck_assert_msg(strstr(err.text, "100 rows reach from 1970-01-01 00:00:00 UTC to 1970-02-27 "
				       "20:53:20 UTC, with a step of 1.00 s") &&
			      strstr(err.text, "--from"),
		"%s", err.text);
	o.align.to_s = 1000;
	ck_assert_msg(!csv_text_read(&s, text.p, text.len, &o, &err), "%s", err.text);
	ck_assert_uint_eq(s.n_times, 99);
	series_set_release(&s);
	str_release(&text);
}
END_TEST

/* An error far into a large file is said with its line. */
START_TEST(large_and_wrong)
{
	struct rng r;
	struct table t = {100, 6000};
	size_t len, line = 1;
	char *text, *at;
	struct series_csv_options o = csv_text_options();
	struct series_set s;
	struct err err;
	char expected[64];

	rng_seed(&r, 6, 21);
	text = make_wide(&t, &r, false, false, &len);
	for (size_t k = 0; k < 3; k++) {
		at = strchr(text + len / 4 * (3 - k), '\n') + 1;
		line = 1;
		for (const char *p = text; p < at; p++)
			line += *p == '\n';
		memcpy(at, "x", 1);
		ck_assert_int_eq(csv_text_read(&s, text, len, &o, &err), -ERR_INPUT);
		snprintf(expected, sizeof(expected), ":%zu: 'x", line);
		ck_assert_msg(strstr(err.text, expected), "%s, not %s", err.text, expected);
	}
	o.temp_folder = "/nonexistent";
	o.memory_bytes = 1000;
	ck_assert_int_eq(csv_text_read(&s, text, len, &o, &err), -ERR_SYSTEM);
	ck_assert_msg(strstr(err.text, "TMPDIR"), "%s", err.text);
	free(text);
	free(t.values);
}
END_TEST

START_TEST(through_a_pipe)
{
	struct rng r;
	struct table t = {50, 4000};
	struct series_csv_options o = csv_text_options();
	struct series_set s;
	struct err err;
	size_t len;
	char *text;
	char fifo[] = "/tmp/culprit-fifo-XXXXXX", path[64];
	int status;
	pid_t child;

	rng_seed(&r, 6, 22);
	text = make_wide(&t, &r, true, false, &len);
	ck_assert_ptr_nonnull(mkdtemp(fifo));
	snprintf(path, sizeof(path), "%s/f", fifo);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	child = fork();
	if (!child) {
		int fd = open(path, O_WRONLY);

		alarm(20);
		for (size_t at = 0; at < len;) {
			ssize_t n = write(fd, text + at, len - at < 7777 ? len - at : 7777);

			if (n <= 0)
				_exit(1);
			at += (size_t)n;
		}
		_exit(0);
	}
	ck_assert_msg(!series_read_csv(&s, path, &o, &err), "%s", err.text);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	unlink(path);
	rmdir(fifo);
	check_table(&t, &s);
	series_set_release(&s);
	free(text);
	free(t.values);
}
END_TEST

/* The long form of the same, in any order. */
START_TEST(large_long_form)
{
	struct rng r;
	struct table t = {70, 900};
	struct str text = STR_INIT;
	struct series_set s;
	uint32_t *order = mem_alloc(t.n * t.times, sizeof(*order));
	size_t first = SIZE_MAX;

	rng_seed(&r, 6, 23);
	rng_permutation(&r, order, (uint32_t)(t.n * t.times));
	t.values = mem_alloc(t.n * t.times, sizeof(double));
	str_add(&text, "time,name,value\n");
	for (size_t k = 0; k < t.n * t.times; k++) {
		size_t i = order[k] / t.times, time = order[k] % t.times;

		t.values[order[k]] = (double)rng_below(&r, 100000) / 8;
		str_addf(&text, "%zu,%sseries %zu%s,%.3f\n", 1795287600 + 60 * time,
			k % 3 ? "" : "\"", i, k % 3 ? "" : "\"", t.values[order[k]]);
		first = first == SIZE_MAX ? i : first;
	}
	s = csv_text_set(text.p, NULL);
	ck_assert_uint_eq(s.n, t.n);
	ck_assert_uint_eq(s.n_times, t.times);
	ck_assert_uint_eq(s.gaps, 0);
	for (size_t k = 0; k < t.n; k++) {
		size_t i = (size_t)strtoul(s.items[k].name + 7, NULL, 10);

		ck_assert_uint_lt(i, t.n);
		ck_assert(k || i == first);
		if (memcmp(s.items[k].values, t.values + i * t.times, t.times * sizeof(double)))
			ck_abort_msg("%s", s.items[k].name);
	}
	series_set_release(&s);
	str_release(&text);
	free(order);
	free(t.values);
}
END_TEST
/* ---- memory ---- */

/* Under a sanitizer memory is the sanitizer's. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

enum { WIDE = 2000, LONG = 2500, COLUMNS_KB = 4 << 10 };

/* 5 million values, of which the first of a row is the sum of the others. */
static void make_sums(const char *name)
{
	FILE *f = fopen(name, "w");
	struct rng r;

	ck_assert_ptr_nonnull(f);
	rng_seed(&r, 6, 24);
	fprintf(f, "time,all");
	for (int i = 1; i < WIDE; i++)
		fprintf(f, ",s%dx", i);
	for (int row = 0; row < LONG; row++) {
		char digits[WIDE];
		int sum = 0;

		for (int i = 1; i < WIDE; i++) {
			digits[i] = (char)('0' + (rng_next(&r) >> 60) % 10);
			sum += digits[i] - '0';
		}
		fprintf(f, "\n%d,%d", row, sum);
		for (int i = 1; i < WIDE; i++) {
			putc(',', f);
			putc(digits[i], f);
		}
	}
	ck_assert_int_eq(fclose(f), 0);
}

/* All that goes through all values of all series. */
static int go_through(const char *name)
{
	struct series_csv_options o = csv_text_options();
	/* s1 moves with the sum alone; what is found is grouped in memory */
	struct correlate_spec spec = {.target = 1,
		.fdr = .05,
		.confidence = .95,
		.given = SIZE_MAX,
		.group_at = .9,
		.threads = 2};
	struct incident_spec incident = {.before_s = NAN, .fdr = .05, .threads = 2};
	struct account_stretch was, is;
	struct account account;
	struct account_change change;
	struct correlate_result found;
	struct incident_result changed;
	const char *ending = "x";
	struct series_set s;
	struct err err = {0};

	o.memory_bytes = COLUMNS_KB << 10;
	o.temp_folder = "/tmp";
	o.counters = &ending;
	o.n_counters = 1;
	if (series_read_csv(&s, name, &o, &err) || s.items[1].kind != SERIES_COUNTER)
		return 3;
	series_set_release(&s);
	o.n_counters = 0;
	if (series_read_csv(&s, name, &o, &err) || s.n != WIDE || s.n_times != LONG)
		return 1;
	incident.from_s = s.start_s + LONG / 10 * 9;
	incident.to_s = s.start_s + LONG;
	was = (struct account_stretch){s.start_s, incident.from_s};
	is = (struct account_stretch){incident.from_s, incident.to_s};
	if (correlate_run(&found, &s, &spec, &err) || incident_run(&changed, &s, &incident, &err) ||
		account_say(&account, &s, 0, "", &err) ||
		account_explain(&change, &s, &account, &was, &is, &err))
		return 2;
	account_change_release(&change);
	account_release(&account);
	incident_release(&changed);
	correlate_release(&found);
	series_set_release(&s);
	return 0;
}

/*
 * 40 MB of values lie in a file. What the process holds of them at any time is what its memory for
 * columns allows, and the few series that it looks at, whatever looks: its highest mark (wait4()'s
 * rusage) against that of a process that did nothing.
 */
START_TEST(memory_is_bounded)
{
	long peak_kb[2];
	char name[] = "/tmp/culprit-csv-XXXXXX";

	ck_assert_int_ge(mkstemp(name), 0);
	make_sums(name);
	for (int works = 0; works < 2; works++) {
		struct rusage used;
		int status;
		pid_t child = fork();

		if (!child) {
			alarm(60);
			_exit(works ? go_through(name) : 0);
		}
		ck_assert_int_eq(wait4(child, &status, 0, &used), child);
		ck_assert_int_eq(status, 0);
		peak_kb[works] = used.ru_maxrss;
	}
	unlink(name);
	ck_assert_int_lt(peak_kb[1] - peak_kb[0], 4 * COLUMNS_KB);
}
END_TEST
#define MEMORY_TESTS , memory_is_bounded
#else
#define MEMORY_TESTS
#endif

UNIT_MAIN("series_csv_large", large, large_gap, large_and_wrong, through_a_pipe,
	large_long_form MEMORY_TESTS)

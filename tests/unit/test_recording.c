/* Recordings without processes: rows, thinning, summaries, curves, JSON, CSV. */
#include <math.h>
#include <string.h>

#include "base/csv.h"
#include "stats/recording.h"
#include "unit.h"

static struct recording rec;
static struct err err;

/* n rows, one each 10 ms: CPU grows by `rate` a second, RSS is the row; net only in every tenth. */
static void fill(size_t n, double rate)
{
	double v[RECORD_N_SERIES];

	rec = (struct recording){.interval_s = .01};
	for (size_t i = 0; i < n; i++) {
		for (size_t s = 0; s < RECORD_N_SERIES; s++)
			v[s] = NAN;
		v[RECORD_CPU] = rate * (double)i * .01;
		v[RECORD_RSS] = (double)i;
		if (i % 10 == 0)
			v[RECORD_RX] = (double)(100 * i);
		recording_add(&rec, (double)i * .01, v);
	}
}

static struct recording_summary sum_of(enum recorder_series s, double t0, double t1)
{
	struct recording_summary sum;

	recording_summarise(&rec, s, t0, t1, &sum);
	return sum;
}

START_TEST(summaries)
{
	fill(101, .5);
	ck_assert_double_eq_tol(sum_of(RECORD_CPU, NAN, NAN).mean, .5, 1e-12);
	ck_assert_double_eq_tol(sum_of(RECORD_CPU, NAN, NAN).max, .5, 1e-12);
	ck_assert_double_eq_tol(sum_of(RECORD_CPU, NAN, NAN).total, .5, 1e-12);
	ck_assert_double_eq_tol(sum_of(RECORD_CPU, .2, .6).total, .2, 1e-9);
	ck_assert_double_eq(sum_of(RECORD_RSS, NAN, NAN).max, 100);
	ck_assert_double_eq_tol(sum_of(RECORD_RSS, NAN, NAN).mean, 49.5, 1e-9);
	ck_assert_double_eq_tol(sum_of(RECORD_RX, NAN, NAN).mean, 1e4, 1e-6);
	ck_assert(isnan(sum_of(RECORD_PSS, NAN, NAN).mean));
	ck_assert(isnan(sum_of(RECORD_CPU, 5, 6).total));
	recording_release(&rec);
	ck_assert(isnan(sum_of(RECORD_CPU, NAN, NAN).mean)); /* no rows */
}
END_TEST

/* A burst of a core for 100 ms within a second of nothing: the largest rate is 1, the mean .1. */
START_TEST(the_largest_rate_is_over_a_tenth_of_a_second)
{
	fill(101, 0);
	for (size_t i = 0; i < rec.n; i++)
		rec.value[RECORD_CPU][i] = i < 40 ? 0 : i < 50 ? (double)(i - 40) * .01 : .1;
	ck_assert_double_eq_tol(sum_of(RECORD_CPU, NAN, NAN).mean, .1, 1e-9);
	ck_assert_double_eq_tol(sum_of(RECORD_CPU, NAN, NAN).max, 1, 1e-9);
	rec.value[RECORD_CPU][45] = .049; /* a tick's jump is no rate */
	ck_assert_double_le(sum_of(RECORD_CPU, NAN, NAN).max, 1 + 1e-9);
	recording_release(&rec);
}
END_TEST

START_TEST(curves)
{
	double x[10], y[10];

	fill(101, .5);
	recording_curve(&rec, RECORD_CPU, 10, x, y);
	for (size_t i = 0; i < 10; i++) {
		ck_assert_double_eq_tol(x[i], .05 + .1 * (double)i, 1e-9);
		ck_assert_double_eq_tol(y[i], .5, 1e-9);
	}
	recording_curve(&rec, RECORD_RX, 10, x, y);
	for (size_t i = 0; i < 10; i++)
		ck_assert_double_eq_tol(y[i], 1e4, 1e-4);
	recording_curve(&rec, RECORD_RSS, 10, x, y);
	ck_assert_double_eq_tol(y[0], 4.5, 1);
	ck_assert_double_eq_tol(y[9], 95, 1);
	recording_curve(&rec, RECORD_PSS, 10, x, y);
	ck_assert(isnan(y[0]));
	recording_release(&rec);
}
END_TEST

/* Totals lose nothing, first and last row stay, and what is known in every tenth row stays known.
 */
START_TEST(thinning)
{
	size_t known = 0;

	fill(10001, .5);
	recording_thin(&rec, 2000);
	ck_assert_uint_le(rec.n, 2000);
	ck_assert_uint_gt(rec.n, 1000);
	ck_assert_double_eq_tol(rec.interval_s, .08, 1e-12);
	ck_assert_double_eq(rec.time_s[0], 0);
	ck_assert_double_eq_tol(rec.time_s[rec.n - 1], 100, 1e-9);
	ck_assert_double_eq_tol(sum_of(RECORD_CPU, NAN, NAN).total, 50, 1e-9);
	ck_assert_double_eq_tol(sum_of(RECORD_RX, NAN, NAN).total, 1e6, 1e-6);
	for (size_t i = 1; i < rec.n; i++) {
		ck_assert(rec.time_s[i] > rec.time_s[i - 1]);
		known += !isnan(rec.value[RECORD_RX][i]);
	}
	ck_assert_uint_ge(known, 900); /* of 1,000 */
	recording_release(&rec);
}
END_TEST

START_TEST(memory_is_bounded)
{
	fill(RECORDING_MAX + 10, .5);
	ck_assert_uint_le(rec.n, RECORDING_MAX);
	ck_assert_double_eq_tol(rec.interval_s, .02, 1e-12);
	ck_assert_double_eq_tol(
		sum_of(RECORD_CPU, NAN, NAN).total, .5 * (RECORDING_MAX + 9) * .01, 1e-6);
	recording_release(&rec);
}
END_TEST

START_TEST(json_and_back)
{
	struct recording again;
	json_t *json;

	fill(50, .123456);
	rec.missed = 3;
	rec.short_lived = 7;
	rec.own_cpu_s = .002;
	rec.denied = 1u << RECORD_FILES;
	rec.ended = true;
	json = recording_to_json(&rec);
	ck_assert_int_eq(recording_from_json(&again, json, &err), 0);
	ck_assert_uint_eq(again.n, 50);
	ck_assert_uint_eq(again.missed, 3);
	ck_assert_uint_eq(again.short_lived, 7);
	ck_assert_uint_eq(again.denied, rec.denied);
	ck_assert(again.ended);
	ck_assert_double_eq(again.interval_s, .01);
	ck_assert_double_eq(again.own_cpu_s, .002);
	for (size_t s = 0; s < RECORD_N_SERIES; s++) {
		ck_assert(!again.value[s] == !rec.value[s]);
		for (size_t i = 0; again.value[s] && i < rec.n; i++)
			if (isnan(rec.value[s][i]))
				ck_assert(isnan(again.value[s][i]));
			else
				ck_assert_double_eq(again.value[s][i], rec.value[s][i]);
	}
	recording_release(&again);
	json_array_remove(
		json_object_get(json_object_get(json_object_get(json, "series"), "cpu"), "values"),
		0);
	ck_assert_int_eq(recording_from_json(&again, json, &err), -ERR_INPUT);
	ck_assert_ptr_nonnull(strstr(err.text, "'cpu' has 49 values for 50 samples"));
	json_decref(json);
	json = json_object();
	ck_assert_int_eq(recording_from_json(&again, json, &err), -ERR_INPUT);
	json_decref(json);
	recording_release(&rec);
}
END_TEST

START_TEST(csv_rows)
{
	struct csv_reader reader;
	struct csv_field field[8];
	struct str text = STR_INIT;
	size_t count, rows = 0;

	fill(11, .5);
	recording_to_csv(&text, &rec);
	ck_assert(str_starts(text.p, "time_s,cpu_s,rss_bytes,net_in_bytes\n"
				     "0.000000,0.000000,0,0\n0.010000,0.005000,1,\n"));
	csv_init(&reader, "test", text.p, text.len, ',');
	while (csv_next(&reader, field, 8, &count, &err) == 1) {
		ck_assert_uint_eq(count, 4);
		rows++;
	}
	ck_assert_uint_eq(rows, 12);
	str_release(&text);
	recording_release(&rec);
}
END_TEST

UNIT_MAIN("recording", summaries, the_largest_rate_is_over_a_tenth_of_a_second, curves, thinning,
	memory_is_bounded, json_and_back, csv_rows)

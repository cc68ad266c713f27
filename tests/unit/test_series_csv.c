/* Series from CSV files: what is taken, what is left out and said, what is refused and how. */
#include "correlate/series_csv.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "csv_text.h"
#include "unit.h"

static const double START_S = 1795287600; /* 2026-11-21 19:00:00 UTC */

/* Names and values as "a 1 2 -; b 3 4 5": a text that a test can say. */
static char *shown(const struct series_set *s)
{
	static struct str out;

	str_clear(&out);
	for (size_t i = 0; i < s->n; i++) {
		str_addf(&out, "%s%s", i ? "; " : "", s->items[i].name);
		for (size_t t = 0; t < s->n_times; t++) {
			if (isnan(s->items[i].values[t]))
				str_add(&out, " -");
			else
				str_addf(&out, " %.10g", s->items[i].values[t]);
		}
	}
	return out.p;
}

static void check(const char *text, const char *expected)
{
	struct series_set s = csv_text_set(text, NULL);

	ck_assert_msg(!strcmp(shown(&s), expected), "%s\nnot %s\n%s", shown(&s), expected, text);
	series_set_release(&s);
}

static void check_note(const char *text, const char *expected, const char *note)
{
	struct series_set s = csv_text_set(text, NULL);

	ck_assert_str_eq(shown(&s), expected);
	ck_assert_msg(strstr(str_text(&s.notes), note), "'%s' in:\n%s", note, str_text(&s.notes));
	series_set_release(&s);
}

static void check_refused(const char *text, enum err_kind kind, const char *part)
{
	struct series_csv_options o = csv_text_options();
	struct series_set s;
	struct err err;

	ck_assert_msg(csv_text_read(&s, text, strlen(text), &o, &err) == -(int)kind, "%s\n%.300s",
		err.text, text);
	ck_assert_msg(strstr(err.text, part), "'%s' in: %s", part, err.text);
	/* one sentence, of which file */
	ck_assert_msg(strstr(err.text, "/tmp/culprit-csv-") == err.text, "%s", err.text);
	ck_assert_ptr_null(strchr(err.text, '\n'));
}

/* ---- what CSV is ---- */

START_TEST(wide)
{
	struct series_set s = csv_text_set("time,a,b\n2026-11-21T19:00:00Z,1,-2.5\n"
					   "2026-11-21T19:01:00Z,1e3,.25\n",
		NULL);

	ck_assert_str_eq(shown(&s), "a 1 1000; b -2.5 0.25");
	ck_assert_double_eq(s.start_s, START_S);
	ck_assert_double_eq(s.step_s, 60);
	ck_assert_uint_eq(s.points_read, 4);
	ck_assert_uint_eq(s.gaps + s.points_duplicate + s.points_unsorted + s.points_bad, 0);
	ck_assert(!s.resampled && !s.notes.len);
	ck_assert_uint_eq(s.items[0].known, 2);
	ck_assert_uint_eq(s.items[0].same_as, SIZE_MAX);
	series_set_release(&s);
}
END_TEST

START_TEST(bom_and_line_ends)
{
	check("\xef\xbb\xbftime,a\n0,1\n60,2\n", "a 1 2");
	check("time,a\r\n0,1\r\n60,2\r\n", "a 1 2");
	check("\xef\xbb\xbftime,a\r\n0,1\r\n60,2", "a 1 2");
	check("time,a\n\n0,1\n\n\n60,2\n\n", "a 1 2");
	check("time,a\r\n\r\n0,1\r\n\r\n60,2\r\n\r\n", "a 1 2");
	check("\n\n# a comment, with a comma\ntime,a\n0,1\n60,2\n", "a 1 2");
	check("time,a,b\r\n0,,1\r\n60,2,\r\n", "a - 2; b 1 -");
}
END_TEST

START_TEST(quotes)
{
	check("time,\"a, b\",\"say \"\"x\"\"\",\"two\nlines\"\n0,1,2,3\n60,4,5,6\n",
		"a, b 1 4; say \"x\" 2 5; two lines 3 6");
	check("\"time\",\"a\"\n\"0\",\"1.5\"\n\"60\",\" 2 \"\n", "a 1.5 2");
	check("time, a , \"b\" \n 0 , 1 , 2 \n 60 , 3 , 4 \n", "a 1 3; b 2 4");
	/* a line end within quotes, in a row */
	check("time,a,words\n0,1,\"x\ny,\n\"\n60,2,\"\n60,7,z\n\"\n", "a 1 2");
	check("time,a,words\r\n0,1,\"x\r\ny\"\r\n60,2,\"\"\"\"\r\n", "a 1 2");
	check_refused(
		"time,a\n0,\"1\n60,2\n", ERR_INPUT, ":2: a quote is opened here and never closed");
	check_refused("time,a\n0,1\n30,\"2\n60,2\n", ERR_INPUT, "a quote that is opened in line 3");
}
END_TEST

START_TEST(separators)
{
	check("time;a;b\n0;1.5;2\n60;3;4\n", "a 1.5 3; b 2 4");
	check("time\ta\tb\n0\t1.5\t\n60\t3\t4\n", "a 1.5 3; b - 4");
	check("time,\"a;b;c;d\"\n0,1\n60,2\n", "a;b;c;d 1 2");
	check("time,a;b\n0,1\n60,2\n", "a;b 1 2");
	check("time;\"a,b\";c,d\n0;1;2\n60;3;4\n", "a,b 1 3; c,d 2 4");
	check("time\tGET /x,y;z\n0\t1\n60\t2\n", "GET /x,y;z 1 2");
}
END_TEST

START_TEST(decimal_commas)
{
	check_refused("time;a;b\n0;1;2\n60;1,5;2\n", ERR_INPUT,
		":3: '1,5' in column 'a' has a decimal comma; write numbers with a point");
	check_refused("time;a;b\n0;0,5;2,5\n60;1,5;2,5\n", ERR_INPUT,
		":2: '0,5' in column 'a' has a decimal comma");
	check_refused(
		"time;a;b\n0;1;1.234,5\n", ERR_INPUT, "'1.234,5' in column 'b' has a decimal");
	check_refused("time;a\n0;-1 234,5\n", ERR_INPUT, "has a decimal comma");
	check_refused(
		"time,a\n0,\"1,5\"\n60,\"2,5\"\n", ERR_INPUT, ":2: '1,5' in column 'a' has a");
	check_refused("time\ta\n0\t1,5e3\n", ERR_INPUT, "has a decimal comma");
	check_refused("time,a\n0,\"1,234.5\"\n", ERR_INPUT, "marks between thousands");
	check_refused("time,a\n0,1'234\n", ERR_INPUT, "marks between thousands");
	/* in a file with commas it makes one field more */
	check_refused("time,a\n0,1,5\n60,2,5\n", ERR_INPUT,
		":2: 3 fields where the first line has 2 names; is there a comma in a "
		"number");
	/* and these are fields, no number: 1 and 234 */
	check("time,a,b\n0,1,234\n60,2,345\n", "a 1 2; b 234 345");
}
END_TEST

START_TEST(gaps)
{
	check("time,a,b,c,d,e\n0,1,,NaN,null,-\n60,None,2,nan,NULL,--\n120,N/A,#N/A,3,4,\\N\n"
	      "180,5,na,nil,<NA>,6\n",
		"a 1 - - 5; b - 2 - -; c - - 3 -; d - - 4 -; e - - - 6");
	struct series_set s =
		csv_text_set("time,a,b\n0,inf,1\n60,-Infinity,1e999\n120,+inf,3\n", NULL);

	ck_assert_str_eq(shown(&s), "a - - -; b 1 - 3");
	ck_assert_uint_eq(s.points_bad, 4);
	ck_assert_uint_eq(s.gaps, 4);
	ck_assert(s.items[0].constant && s.items[0].known == 0);
	series_set_release(&s);
	/* a whole column that is empty, and a hole in the times */
	check("time,a,b\n0,1,\n60,2,\n240,3,\n", "a 1 2 - - 3; b - - - - -");
}
END_TEST

START_TEST(unsorted_and_duplicated)
{
	struct series_set s =
		csv_text_set("time,a,b\n120,3,1\n0,1,\n60,2,10\n60,4,\n60,NaN,20\n180,4,4\n", NULL);

	ck_assert_str_eq(shown(&s), "a 1 3 3 4; b - 15 1 4");
	ck_assert_uint_eq(s.points_unsorted, 1);
	ck_assert_uint_eq(s.points_duplicate, 4);
	ck_assert_uint_eq(s.points_read, 12);
	series_set_release(&s);
	check("time,a\n180,4\n120,3\n60,2\n0,1\n", "a 1 2 3 4");
	check_note("time,x,x,y,x,x (2)\n0,1,2,3,4,5\n60,1,2,3,4,5\n",
		"x 1 1; x (2) 2 2; y 3 3; x (3) 4 4; x (2) (2) 5 5",
		"columns have a name that one before them has");
	check("time,,\n0,1,2\n60,3,4\n", "column 2 1 3; column 3 2 4");
}
END_TEST

START_TEST(fields_too_few_or_too_many)
{
	check_refused("time,a,b\n0,1,2\n60,1\n120,1,2\n", ERR_INPUT,
		":3: 2 fields where the first line has 3 names");
	check_refused("time,a,b\n0,1,2\n60,1,2,3\n", ERR_INPUT, ":3: 4 fields");
	check_refused("time,a,b\n0,1\n", ERR_INPUT, ":2: 2 fields");
	check_refused("time,a,b\n0,1,2\n60\n120,1,2\n", ERR_INPUT, ":3: 1 field ");
	/* the first of several is said, whatever thread saw it */
	check_refused("time,a,b\n0,1,2\n60,1,x\n120,1\n", ERR_INPUT, ":3: 'x' in column 'b'");
	check_refused("time,a,b\n0,1,2\n60,1\n120,1,x\n", ERR_INPUT, ":3: 2 fields");
}
END_TEST

/* A file that somebody still writes: its last line is taken when it is there. */
START_TEST(cut_anywhere)
{
	static const char TEXT[] = "time,a,b\n0,1.25,2\n60,3.5,4\n120,5,6.75\n";
	struct series_csv_options o = csv_text_options();

	for (size_t len = 0; len < sizeof(TEXT); len++) {
		struct series_set s;
		struct err err;
		int rc = csv_text_read(&s, TEXT, len, &o, &err);
		const char *row3 = strstr(TEXT, "120");
		bool left_out;

		if (len < 25) { /* one time, or none */
			ck_assert_int_eq(rc, -ERR_INPUT);
			ck_assert_msg(
				err.text[0] && !strchr(err.text, '\n'), "%zu: %s", len, err.text);
			continue;
		}
		ck_assert_msg(!rc, "%zu: %s", len, err.text);
		left_out = TEXT[len - 1] != '\n' &&
			   memchr(row3, ',',
				   len > (size_t)(row3 - TEXT) ? len - (size_t)(row3 - TEXT) : 0) ==
				   NULL;
		ck_assert_msg(s.n_times == 2 || s.n_times == 3, "%zu", len);
		if (left_out && len > (size_t)(row3 - TEXT))
			ck_assert_msg(
				strstr(str_text(&s.notes), "still being written"), "%zu", len);
		series_set_release(&s);
	}
	check_note("time,a,b\n0,1,2\n60,3,4\n120,5", "a 1 3; b 2 4", "The last line has no end");
	check_note("time,a,b\n0,1,2\n60,3,4\n12", "a 1 3; b 2 4", "The last line has no end");
	check("time,a,b\n0,1,2\n60,3,4\n120,5,6", "a 1 3 5; b 2 4 6");
}
END_TEST

START_TEST(columns_of_words)
{
	check_note("time,host,a,up\n0,web1,1,true\n60,web2,2,false\n", "a 1 2",
		"2 columns of words were left out: 'host', 'up'.");
	check_refused("time,a\n0,1\n60,2\n90,\"x\ny\"\n", ERR_INPUT, ":4: 'x y' in column 'a'");
	check_refused("time,a\n0,1\n60,2\n90,äääääääääääääääääääääääääääääääääääääääääääääää\n",
		ERR_INPUT, ":4: 'ääääääääääääääääääääääääääääää…'");
	check_refused("time,host\n0,web1\n60,web2\n", ERR_INPUT, "no column holds numbers ('host'");
	check_refused("time\n0\n60\n", ERR_INPUT, "no column holds numbers");
	check_refused("time,a\n0,1\n60,error\n", ERR_INPUT,
		":3: 'error' in column 'a' is no number; leave the cell empty");
	check_refused("time,a\n0,12ms\n60,13ms\n", ERR_INPUT,
		":2: '12ms' in column 'a' is a number with something behind it");
	check_refused("time,a\n0,12%\n60,13%\n", ERR_INPUT, "leave units out");
	/* a second column of times is none of numbers */
	check_note(
		"time,end,a\n2026-11-21,2026-11-22,1\n2026-11-22,2026-11-23,2\n", "a 1 2", "'end'");
}
END_TEST

START_TEST(not_csv)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *part;
	} FILES[] = {
		{"", 0, "is empty"},
		{"\n\n", 2, "is empty"},
		{"\xef\xbb\xbf", 3, "is empty"},
		{"# only a comment\n", 17, "nothing but comments"},
		{"time,a\n", 7, "a line of names"},
		{"{\"a\": 1}\n", 9, "is JSON"},
		{"[1,2]\n", 6, "is JSON"},
		{"<html>\n", 7, "is HTML"},
		{"\x1f\x8b\x08\x00zzz", 7, "gzip"},
		{"PK\3\4zzz", 7, "ZIP"},
		{"\xff\xfet\0i\0", 6, "UTF-16"},
		{"time,a\n0,\0001\n", 12, "NUL bytes"},
		{"\x7f"
		 "ELF\2\1\1\0\0",
			9, "NUL bytes"},
		{"# HELP up x\n# TYPE up gauge\nup 1\n", 33, "text format of Prometheus"},
		{"hello world\n", 12, "a line of names"},
		{"hello world\nhow are you\n", 24, "no column holds times"},
	};
	struct series_csv_options o = csv_text_options();
	struct series_set s;
	struct err err;

	for (size_t i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++) {
		ck_assert_int_eq(
			csv_text_read(&s, FILES[i].bytes, FILES[i].len, &o, &err), -ERR_INPUT);
		ck_assert_msg(
			strstr(err.text, FILES[i].part) && !strchr(err.text, '\n'), "%s", err.text);
	}
	ck_assert_int_eq(series_read_csv(&s, "/nonexistent/x.csv", &o, &err), -ERR_INPUT);
	ck_assert_msg(strstr(err.text, "/nonexistent/x.csv"), "%s", err.text);
	ck_assert_int_eq(series_read_csv(&s, "/tmp", &o, &err), -ERR_INPUT);
	ck_assert_msg(strstr(err.text, "folder"), "%s", err.text);
}
END_TEST

/* ---- times ---- */

static void check_times(const char *a, const char *b, double start_s, double step_s)
{
	struct str text = STR_INIT;
	struct series_set s;

	str_addf(&text, "when,a\n\"%s\",1\n\"%s\",2\n", a, b);
	s = csv_text_set(text.p, NULL);
	ck_assert_msg(fabs(s.start_s - start_s) < 1e-6, "%s: %f", a, s.start_s);
	ck_assert_msg(fabs(s.step_s - step_s) < 1e-6, "%s: %f", a, s.step_s);
	ck_assert_uint_eq(s.n_times, 2);
	series_set_release(&s);
	str_release(&text);
}

START_TEST(forms_of_time)
{
	check_times("2026-11-21 19:00", "2026-11-21 19:05", START_S, 300);
	check_times("2026-11-21T20:00:00+01:00", "2026-11-21T20:00:00.500+01:00", START_S, .5);
	check_times("11/21/2026 7:00 PM", "11/21/2026 7:01 PM", START_S, 60);
	check_times("21/11/2026 19:00", "21/11/2026 19:01", START_S, 60);
	check_times("21.11.2026 19:00", "21.11.2026 19:01", START_S, 60);
	check_times("21/Nov/2026:19:00:00 +0000", "21/Nov/2026:19:00:10 +0000", START_S, 10);
	check_times("1795287600", "1795287615", START_S, 15);
	check_times("1795287600000", "1795287600100", START_S, .1);
	check_times("1795287600000000000", "1795287601000000000", START_S, 1);
	check_times("20261121", "20261122", START_S - 19 * 3600, 86400);
	check_refused("time,a\n1/2/2026,1\n1/3/2026,2\n", ERR_INPUT,
		"nothing in column 'time' tells whether the day or the month comes first");
	check_refused("time,a\n13/2/2026,1\n2/13/2026,2\n", ERR_INPUT, "some the month");
	check_refused("time,a\n0,1\nlater,2\n", ERR_INPUT,
		":3: 'later' in column 'time' is no time; write it as");
	check_refused("time,a\n0,1\n,2\n", ERR_INPUT, ":3: '' in column 'time' is no time");
	/* the days tell it only far behind the head */
	struct str text = STR_INIT;

	str_add(&text, "time,a\n");
	for (int day = 1; day <= 28; day++)
		for (int minute = 0; minute < 1440; minute++)
			str_addf(&text, "%d/3/2026 %d:%02d,%d\n", day, minute / 60, minute % 60,
				day);
	struct series_set s = csv_text_set(text.p, NULL);

	ck_assert_uint_eq(s.n_times, 28 * 1440);
	ck_assert_double_eq(s.step_s, 60);
	ck_assert_uint_eq(s.points_unsorted, 0);
	ck_assert_double_eq(s.items[0].values[5 * 1440], 6);
	series_set_release(&s);
	str_release(&text);
}
END_TEST

START_TEST(column_of_times)
{
	struct series_csv_options o = csv_text_options();
	struct series_set s;
	struct err err;

	check("a,b,Timestamp\n1,2,0\n3,4,60\n", "a 1 3; b 2 4");
	check("a,when it was\n1,2026-11-21\n3,2026-11-22\n", "a 1 3");
	check("a,x\n1,1795287600\n3,1795287660\n", "a 1 3");
	/* an unnamed index, as pandas writes it; columns with numbers as names */
	check(",0,1\n2026-11-21,5,6\n2026-11-22,7,8\n", "0 5 7; 1 6 8");
	check_note("2026-11-21 19:00,5,6\n2026-11-21 19:01,7,8\n", "column 2 5 7; column 3 6 8",
		"no line of names");
	check_refused("a,b\n1,2\n3,4\n", ERR_INPUT, "no column holds times");
	o.time_column = "B";
	s = csv_text_set("a,b\n1,10\n3,20\n", &o);
	ck_assert_str_eq(shown(&s), "a 1 3");
	series_set_release(&s);
	o.time_column = "tiem";
	ck_assert_int_eq(csv_text_read(&s, "time,a\n0,1\n", 11, &o, &err), -ERR_USAGE);
	ck_assert_msg(strstr(err.text, "did you mean 'time'"), "%s", err.text);
	check_refused("time,a\n60,1\n60,2\n60,3\n", ERR_INPUT,
		"all rows have one time, 1970-01-01 00:01:00 UTC");
	check_refused("time,a\n60,1\n", ERR_INPUT, "all rows have one time");
	check_refused("time,a\n0,1\n1,2\n1795287600,3\n", ERR_INPUT, "longer --step");
}
END_TEST

START_TEST(summer_time)
{
	struct series_csv_options o = csv_text_options();
	struct str text = STR_INIT;
	struct series_set s;

	o.zone = "Europe/Berlin";
	/* 2026-10-25: 02:00 … 02:59 is there twice */
	str_add(&text, "time,a\n");
	for (int quarter = 0; quarter < 4 * 5; quarter++) {
		int local = quarter < 8 ? quarter + 4 : quarter; /* 01:00 … 02:45, 02:00 … 04:45 */

		str_addf(&text, "2026-10-25 %02d:%02d,%d\n", local / 4, local % 4 * 15, quarter);
	}
	s = csv_text_set(text.p, &o);
	ck_assert_double_eq(s.start_s, 1792882800); /* 2026-10-24 23:00:00 UTC */
	ck_assert_uint_eq(s.n_times, 20);
	ck_assert_uint_eq(s.points_duplicate + s.points_unsorted + s.gaps, 0);
	for (int t = 0; t < 20; t++)
		ck_assert_double_eq(s.items[0].values[t], t);
	ck_assert_msg(strstr(str_text(&s.notes), "8 rows have a time that Europe/Berlin's clocks "
						 "showed twice (2026-10-25 02:00:00 first)"),
		"%s", str_text(&s.notes));
	series_set_release(&s);

	/* the same by the hour, long, two series */
	str_clear(&text);
	str_add(&text, "time,name,value\n");
	for (int hour = 0; hour < 5; hour++)
		for (int i = 0; i < 2; i++)
			str_addf(&text, "2026-10-25 0%d:00,%s,%d\n", hour < 2 ? hour + 1 : hour,
				i ? "b" : "a", hour);
	s = csv_text_set(text.p, &o);
	ck_assert_str_eq(shown(&s), "a 0 1 2 3 4; b 0 1 2 3 4");
	series_set_release(&s);

	/* 2026-03-29: 02:00 … 02:59 is not there */
	s = csv_text_set(
		"time,a\n2026-03-29 01:30,1\n2026-03-29 02:30,2\n2026-03-29 04:30,4\n", &o);
	ck_assert_str_eq(shown(&s), "a 1 2 4");
	ck_assert_double_eq(s.start_s, 1774744200); /* 00:30 UTC; then 01:30, 02:30 */
	ck_assert_msg(strstr(str_text(&s.notes), "1 rows have a time that Europe/Berlin's clocks "
						 "passed over (2026-03-29 02:30:00 first)"),
		"%s", str_text(&s.notes));
	series_set_release(&s);
	/* times that say their offset need no zone */
	s = csv_text_set("time,a\n2026-10-25 02:30+02:00,1\n2026-10-25 02:30+01:00,2\n", &o);
	ck_assert_double_eq(s.step_s, 3600);
	ck_assert(!s.notes.len);
	series_set_release(&s);
	str_release(&text);

	struct err err;

	o.zone = "Mars/Olympus";
	ck_assert_int_eq(csv_text_read(&s, "time,a\n0,1\n60,2\n", 16, &o, &err), -ERR_USAGE);
}
END_TEST

START_TEST(stretches_and_steps)
{
	static const char TEXT[] =
		"time,a,x_total\n0,1,10\n10,2,20\n20,3,40\n30,,5\n40,5,15\n50,6,25\n";
	struct series_csv_options o = csv_text_options();
	struct series_set s = csv_text_set(TEXT, &o);

	ck_assert_str_eq(shown(&s), "a 1 2 3 - 5 6; x_total - 1 2 0.5 1 1");
	ck_assert_uint_eq(s.items[1].resets, 1);
	ck_assert_int_eq(s.items[1].kind, SERIES_COUNTER);
	series_set_release(&s);
	o.align.from_s = 10;
	o.align.to_s = 40;
	s = csv_text_set(TEXT, &o);
	ck_assert_str_eq(shown(&s), "a 2 3 - 5; x_total - 2 0.5 1");
	series_set_release(&s);
	o.align.from_s = 1000;
	o.align.to_s = NAN;
	struct err err;

	ck_assert_int_eq(csv_text_read(&s, TEXT, sizeof(TEXT) - 1, &o, &err), -ERR_INPUT);
	ck_assert_msg(strstr(err.text, "no row lies between --from and --to"), "%s", err.text);
	o = csv_text_options();
	o.align.step_s = 20;
	s = csv_text_set("time,a,b\n0,1,\n10,2,5\n20,3,\n30,4,6\n40,5,7\n", &o);
	/* nearest that is known: 0 → 0, 20 → 10 or 20, 40 → 30 or 40 */
	ck_assert_str_eq(shown(&s), "a 1 3 5; b - 5 7");
	ck_assert(s.resampled);
	series_set_release(&s);
	o.align.how = ALIGN_MEAN;
	s = csv_text_set("time,a,b\n0,1,\n10,2,5\n20,3,\n30,4,6\n40,5,7\n", &o);
	ck_assert_str_eq(shown(&s), "a 1 2.5 4.5; b - 5 6.5");
	series_set_release(&s);
	static const char *const COUNTERS[] = {"_count"};

	o = csv_text_options();
	o.counters = COUNTERS;
	o.n_counters = 1;
	s = csv_text_set("time,x_count,y\n0,1,1\n10,11,2\n20,31,3\n", &o);
	ck_assert_str_eq(shown(&s), "x_count - 1 2; y 1 2 3");
	series_set_release(&s);
}
END_TEST

/* ---- the long form ---- */

START_TEST(long_form)
{
	struct series_csv_options o = csv_text_options();
	struct series_set s;
	struct err err;

	check("time,name,value\n0,b,1\n0,a,2\n60,b,3\n60,a,4\n", "b 1 3; a 2 4");
	check("name,value,time\n\"a \"\"x\"\"\",1,0\na \"x\",2,60\n\"b\",5,0\nb ,6,60\n",
		"a \"x\" 1 2; b 5 6");
	check("time,metric,host,value,zone\n0,up,web1,1,\n0,up,web2,2,eu\n60,up,web1,3,\n60,up,"
	      "web2,4,eu\n",
		"up{host=\"web1\"} 1 3; up{host=\"web2\",zone=\"eu\"} 2 4");
	check("time,name,value\n60,a,2\n0,a,1\n60,a,4\n120,a,\n180,a,8\n120,b,1\n0,b,2\n",
		"a 1 3 - 8; b 2 - 1 -");
	check_refused("time,name,value\n0,a,1\n60,a,x\n", ERR_INPUT, ":3: 'x' in column 'value'");
	check_refused("time,name,value\n0,a,1\n60,a\n120,a,2\n", ERR_INPUT, ":3: 2 fields");
	check_refused("time;name;value\n0;a;1\n60;a;1,5\n", ERR_INPUT, "decimal comma");
	check_refused("time,endpoint,ms\n0,a,1\n0,b,2\n0,c,3\n60,a,1\n60,b,2\n60,c,3\n", ERR_INPUT,
		"--name 'endpoint' --value 'ms'");
	o.name_column = "endpoint";
	o.value_column = "ms";
	s = csv_text_set("time,endpoint,ms\n0,a,1\n0,b,2\n60,a,1\n60,b,3\n", &o);
	ck_assert_str_eq(shown(&s), "a 1 1; b 2 3");
	series_set_release(&s);
	o.value_column = NULL;
	ck_assert_int_eq(csv_text_read(&s, "time,endpoint,ms\n0,a,1\n", 23, &o, &err), -ERR_USAGE);
	ck_assert_msg(strstr(err.text, "--name and --value belong together"), "%s", err.text);
	o.value_column = "time";
	ck_assert_int_eq(csv_text_read(&s, "time,endpoint,ms\n0,a,1\n", 23, &o, &err), -ERR_USAGE);
	o = csv_text_options();
	o.memory_bytes = 100;
	ck_assert_int_eq(csv_text_read(&s, "time,name,value\n0,a,1\n1,a,2\n2,a,3\n", 34, &o, &err),
		-ERR_INPUT);
	ck_assert_msg(strstr(err.text, "wide form"), "%s", err.text);
}
END_TEST
UNIT_MAIN("series_csv", wide, bom_and_line_ends, quotes, separators, decimal_commas, gaps,
	unsorted_and_duplicated, fields_too_few_or_too_many, cut_anywhere, columns_of_words,
	not_csv, forms_of_time, column_of_times, summer_time, stretches_and_steps, long_form)

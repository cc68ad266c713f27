#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "learn/dataset.h"
#include "study/study.h"

static int read_text(
	struct dataset *d, const char *text, const struct dataset_csv_spec *spec, struct err *err)
{
	*err = (struct err){0};
	return dataset_read(d, "t.csv", text, strlen(text), spec, err);
}

/* The text must be refused with exactly this sentence. */
static void refused(const char *text, const struct dataset_csv_spec *spec, const char *sentence)
{
	struct dataset d;
	struct err err;

	ck_assert_int_lt(read_text(&d, text, spec, &err), 0);
	ck_assert_str_eq(err.text, sentence);
	dataset_release(&d);
}

static const struct dataset_csv_spec Y = {.response = "y"};

START_TEST(reads_numbers_and_words)
{
	struct dataset d;
	struct err err;
	const char *text =
		"y,a,\"the \"\"b\"\"\"\n1,2.5,red\r\n-3e2, 4 ,\"light, blue\"\n7,6,red\n";

	ck_assert_msg(!read_text(&d, text, &Y, &err), "%s", err.text);
	ck_assert_uint_eq(d.n, 3);
	ck_assert_uint_eq(d.p, 2);
	ck_assert_str_eq(d.names[1], "the \"b\"");
	ck_assert_str_eq(d.response, "y");
	ck_assert_str_eq(d.unit, "");
	ck_assert(d.y[1] == -300 && d.x[0] == 2.5 && d.x[1] == 4);
	ck_assert_ptr_null(d.words[0]);
	ck_assert_str_eq(d.words[1][1], "light, blue");
	ck_assert_ptr_null(d.words[1][2]);
	ck_assert(d.x[3] == 0 && d.x[4] == 1 && d.x[5] == 0);
	ck_assert(!d.connections && !d.mean_latency_s);
	dataset_release(&d);
}
END_TEST

/* What `culprit export --csv` prints is used as it is. */
START_TEST(reads_a_study)
{
	struct dataset d;
	struct err err;
	const struct dataset_csv_spec rate = {.response = "requests_per_second"};
	const char *text =
		"trial,started,status,workers,delay,requests_per_second,mean_latency_ms,p99_ms,"
		"connections,note\n"
		"1,2026-11-21T10:00:00.000Z,ok,4,0.5,200,500,900,100,\n"
		"2,2026-11-21T10:00:09.000Z,failed,2,0.1,,,,100,\"connection refused, 5 times\"\n"
		"3,2026-11-21T10:00:18.000Z,ok,3,0.25,390.5,250,400,100,\n";

	ck_assert_msg(!read_text(&d, text, &rate, &err), "%s", err.text);
	ck_assert_uint_eq(d.n, 2);
	ck_assert_uint_eq(d.failed, 1);
	ck_assert_uint_eq(d.p, 2);
	ck_assert_str_eq(d.names[0], "workers");
	ck_assert_str_eq(d.unit, "requests/s");
	ck_assert(d.connections[1] == 100 && d.mean_latency_s[1] == .25);
	dataset_release(&d);
	refused(text, &(struct dataset_csv_spec){0},
		"t.csv has several responses (requests_per_second, mean_latency_ms, p99_ms); say "
		"which "
		"with --response NAME");
}
END_TEST

START_TEST(knows_every_response_of_a_study)
{
	static const char *const OWN[] = {
#define X(name, unit) name,
		DATASET_RESPONSES(X)
#undef X
	};
	static const struct {
		const char *name, *unit;
	} STUDY[] = {
#define X(name, unit, text) {name, unit},
		STUDY_RESPONSES(X)
#undef X
	};

	ck_assert_uint_eq(sizeof(OWN) / sizeof(*OWN), sizeof(STUDY) / sizeof(*STUDY));
	for (size_t i = 0; i < sizeof(STUDY) / sizeof(*STUDY); i++) {
		char text[128];
		struct dataset d;
		struct err err;

		snprintf(text, sizeof(text), "a,%s,trial\n1,2,1\n2,5,2\n", STUDY[i].name);
		ck_assert_msg(
			!read_text(&d, text, &(struct dataset_csv_spec){0}, &err), "%s", err.text);
		ck_assert_str_eq(d.response, STUDY[i].name);
		ck_assert_str_eq(d.unit, STUDY[i].unit);
		ck_assert_uint_eq(d.p, 1);
		dataset_release(&d);
	}
}
END_TEST

START_TEST(takes_the_columns_asked_for)
{
	struct dataset d;
	struct err err;
	const char *const factors[] = {"connections", "a", NULL}, *const ignore[] = {"b", NULL};
	const char *text = ",y,a,b,connections,lat\n0,1,2,x,4,5\n1,2,3,,5,\n";

	ck_assert_msg(!read_text(&d, text,
			      &(struct dataset_csv_spec){
				      .response = "y", .ignore = ignore, .mean_latency = "lat"},
			      &err),
		"%s", err.text);
	ck_assert_uint_eq(d.p, 1); /* not the row number, not what is ignored, not connections */
	ck_assert_str_eq(d.names[0], "a");
	ck_assert(d.connections[1] == 5);
	ck_assert_ptr_null(d.mean_latency_s); /* one is missing: the law does without */
	dataset_release(&d);
	ck_assert_msg(
		!read_text(&d, text,
			&(struct dataset_csv_spec){.response = "y", .factors = factors}, &err),
		"%s", err.text);
	ck_assert_uint_eq(d.p, 2);
	ck_assert_str_eq(d.names[1], "connections");
	dataset_release(&d);
	ck_assert_msg(!read_text(&d, "a;y\n1,5;2\n2,5;3\n", &Y, &err) || err.kind, "%s", err.text);
	dataset_release(&d);
	ck_assert_msg(!read_text(&d, "a\ty\n1\t2\n2\t4\n", &Y, &err), "%s", err.text);
	ck_assert(d.y[1] == 4);
	dataset_release(&d);
}
END_TEST

START_TEST(says_what_is_wrong)
{
	const char *const qps[] = {"workrs", NULL}, *const y[] = {"y", NULL};
	char many[2048] = "y,w\n";

	refused("", &Y, "t.csv is empty; it takes a header row and a row a trial");
	refused("a,b\n1,2\n2,3\n", &(struct dataset_csv_spec){.response = "rps"},
		"t.csv has no column 'rps' for the response; there is a, b");
	refused("a,requests_per_second\n1,2\n2,3\n",
		&(struct dataset_csv_spec){.response = "request_per_second"},
		"t.csv has no column 'request_per_second' for the response; did you mean "
		"'requests_per_second'?");
	refused("workers,y\n1,2\n2,3\n",
		&(struct dataset_csv_spec){.response = "y", .factors = qps},
		"t.csv has no column 'workrs' for the factor; did you mean 'workers'?");
	refused("workers,y\n1,2\n2,3\n", &(struct dataset_csv_spec){.response = "y", .factors = y},
		"'y' is the response, it cannot be a factor as well");
	refused("a,y\n1,2\n2,3\n", &(struct dataset_csv_spec){0},
		"say which column of t.csv to explain, with --response NAME");
	refused("a,y,a\n1,2,3\n", &Y,
		"t.csv:1: columns 1 and 3 are both named 'a'; rename one of them");
	refused("a,,y\n1,2,3\n", &Y, "t.csv:1: column 2 has no name; give it one in the header");
	refused("y,trial\n1,2\n3,4\n", &Y,
		"t.csv has no column to learn from beside 'y'; it takes one column a factor");
	refused("a,y\n1,2\n", &Y, "t.csv has one trial; nothing can be learned from fewer than 2");
	refused("a,y\n", &Y, "t.csv has no trials; nothing can be learned from fewer than 2");
	refused("a,y\n1,2\n\n3\n", &Y,
		"t.csv:4: 1 fields, but the header has 2; write empty ones out");
	refused("a,y\n1,2\n3,4,5\n", &Y,
		"t.csv:3: 3 fields, but the header has 2; put text that has a separator in it into "
		"quotes");
	refused("a,y\n1,2\n,4\n", &Y,
		"t.csv:3: no value in column 'a'; fill it in, or take the row out, or the column "
		"with "
		"--ignore a");
	refused("a,y\n1,2\n3,NaN\n", &Y,
		"t.csv:3: no value in column 'y'; fill it in, or take the row out");
	refused("a,y\n1,2\n3,fast\n", &Y, "t.csv:3: 'fast' in column 'y' is not a number");
	refused("a,y\n1,2\n3 ms,4\n", &Y,
		"t.csv:3: '3 ms' in column 'a' is not a number, as other cells of it are");
	refused("a,y\nx,2\n3,4\n", &Y,
		"t.csv:2: 'x' in column 'a' is not a number, as other cells of it are");
	refused("a,y\n1,2\ninf,4\n", &Y, "t.csv:3: 'inf' in column 'a' is no finite number");
	for (int i = 0; i < 40; i++) {
		char row[16];

		snprintf(row, sizeof(row), "%d,w%d\n", i, i);
		strncat(many, row, sizeof(many) - strlen(many) - 1);
	}
	refused(many, &Y,
		"t.csv:34: column 'w' has more than 32 different words, too many for a factor; "
		"leave "
		"it out with --ignore w");
}
END_TEST

START_TEST(copies)
{
	struct dataset d, copy;
	struct err err;

	ck_assert_int_eq(read_text(&d, "a,b,connections,y\n1,x,9,2\n2,z,9,5\n", &Y, &err), 0);
	dataset_copy(&copy, &d);
	dataset_release(&d);
	ck_assert_str_eq(copy.words[1][1], "z");
	ck_assert(copy.x[1] == 2 && copy.x[3] == 1 && copy.y[1] == 5 && copy.connections[0] == 9);
	dataset_release(&copy);
}
END_TEST

UNIT_MAIN("dataset", reads_numbers_and_words, reads_a_study, knows_every_response_of_a_study,
	takes_the_columns_asked_for, says_what_is_wrong, copies)

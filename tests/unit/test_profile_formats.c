/* Other tools' formats: what is written is read by a reader of its own (profile_formats.py), which
 * knows the formats and not this code; and by theirs, where they are installed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "guard.h"
#include "profile/formats.h"
#include "profile_fixture.h"
#include "unit.h"

static void put_file(const char *folder, const char *name, const char *ending, const struct str *s)
{
	char path[200];
	struct err err;

	snprintf(path, sizeof(path), "%s/%s.%s", folder, name, ending);
	ck_assert_int_eq(file_write(path, str_text(s), s->len, &err), 0);
}

static void put_formats(const char *folder, const char *name, const struct profile *p)
{
	static const char *const endings[] = {
#define X(id, word, ending, binary) ending,
		PROFILE_FORMATS(X)
#undef X
	};
	struct str s = STR_INIT;
	json_t *json = profile_to_json(p);
	char ending[60];

	json_write(&s, json, 0);
	json_decref(json);
	put_file(folder, name, "json", &s);
	for (int format = 0; PROFILE_FORMAT_WORDS[format]; format++)
		for (int clock = 0; PROFILE_CLOCK_WORDS[clock]; clock++) {
			bool one = format == PROFILE_FORMAT_PPROF ||
				   format == PROFILE_FORMAT_CALLGRIND;

			str_clear(&s);
			profile_write(&s, p, (enum profile_format)format, (enum profile_clock)clock,
				name);
			snprintf(ending, sizeof(ending), "%s%s%s",
				one ? "" : PROFILE_CLOCK_WORDS[clock], one ? "" : ".",
				endings[format]);
			put_file(folder, name, ending, &s);
		}
	str_release(&s);
}

static int run(const char *const *argv)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void must_be_read(const char *name, struct profile *p)
{
	char folder[] = "/tmp/culprit-formats-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(folder));
	put_formats(folder, name, p);
	int status = run((const char *const[]){
		"python3", "tests/unit/profile_formats.py", folder, name, NULL});

	run((const char *const[]){"rm", "-r", folder, NULL});
	ck_assert_int_eq(status, 0);
	profile_free(p);
}

START_TEST(others_read_it)
{
	must_be_read("fixture", fixture_profile());
}
END_TEST

START_TEST(others_read_nothing)
{
	must_be_read("nothing", profile_new());
}
END_TEST

START_TEST(others_read_a_larger_one)
{
	must_be_read("random", fixture_random_profile(21, 1500));
}
END_TEST

START_TEST(others_read_a_deep_one)
{
	struct profile *p = profile_new();
	uint32_t at = profile_node(p, 0, profile_function(p, PROFILE_PROCESS, "p (1)", "", 0), 0),
		 f[3];

	at = profile_node(p, at, profile_function(p, PROFILE_THREAD, "t (1)", "", 0), 0);
	for (int i = 0; i < 3; i++)
		f[i] = profile_function(p, PROFILE_PYTHON,
			i == 0   ? "a"
			: i == 1 ? "b"
				 : "c",
			"x.py", i);
	for (int d = 0; d < 2500; d++) {
		at = profile_node(p, at, f[d % 7 % 3], d % 11 + 1);
		if (d % 200 == 0 || d == 997 || d == 998)
			profile_add(p, at, &(struct profile_weight){1, 100001, 50, 7});
	}
	must_be_read("deep", p);
}
END_TEST

/* ---- collapsed stacks, read ---- */

static struct profile *read_text(const char *text)
{
	struct profile *p = NULL;
	struct err err = {0};
	size_t len = strlen(text);
	struct guard g = guard_new(len);
	char *copy = guard_put(&g, text, len);

	ck_assert_msg(profile_read_collapsed(&p, copy, len, "x.txt", &err) == 0, "%s", err.text);
	guard_free(&g);
	return p;
}

/* The n-th node below the root. */
static void must_have(const struct profile *p, uint32_t node, enum profile_kind kind,
	const char *name, const char *file, int line)
{
	const struct profile_function *f = &p->functions[p->nodes[node].function];

	ck_assert_str_eq(f->name, name);
	ck_assert_str_eq(f->file, file);
	ck_assert_int_eq(p->nodes[node].line, line);
	ck_assert_str_eq(PROFILE_KIND_WORDS[f->kind], PROFILE_KIND_WORDS[kind]);
}

START_TEST(austin_is_read)
{
	struct profile *p =
		read_text("# austin: 3.6.0\n# mode: wall\n\n"
			  "P4317;T0:4317;/srv/app.py:<module>:12;/srv/app.py:work:7 15000\n"
			  "P4317;T0:4317;/srv/app.py:<module>:12;/srv/app.py:idle:0 5,1,2\r\n"
			  "P4317;T7f3a; 7\n");

	ck_assert_uint_eq(p->n_nodes, 7);
	must_have(p, 1, PROFILE_PROCESS, "P4317", "", 0);
	must_have(p, 2, PROFILE_THREAD, "T0:4317", "", 0);
	must_have(p, 3, PROFILE_PYTHON, "<module>", "/srv/app.py", 12);
	must_have(p, 4, PROFILE_PYTHON, "work", "/srv/app.py", 7);
	must_have(p, 5, PROFILE_PYTHON, "idle", "/srv/app.py", 0);
	must_have(p, 6, PROFILE_THREAD, "T7f3a", "", 0);
	ck_assert_uint_eq(p->nodes[4].self.samples, 15000);
	ck_assert_uint_eq(p->nodes[4].self.wall_ns, 15000000);
	ck_assert_uint_eq(p->nodes[5].self.cpu_ns, 5000);
	ck_assert_uint_eq(p->about.samples, 15012);
	profile_free(p);
}
END_TEST

START_TEST(py_spy_is_read)
{
	struct profile *p = read_text("process 12:\"python app.py\";thread (0x7F12): MainThread;"
				      "<module> (app.py:3);get (requests/api.py:73);"
				      "sock_recv (_socket.cpython-311.so) 9\n"
				      "f (<string>:1);operator() (libx.so) 2");

	must_have(p, 1, PROFILE_PROCESS, "process 12:\"python app.py\"", "", 0);
	must_have(p, 2, PROFILE_THREAD, "thread (0x7F12): MainThread", "", 0);
	must_have(p, 3, PROFILE_PYTHON, "<module>", "app.py", 3);
	must_have(p, 4, PROFILE_PYTHON, "get", "requests/api.py", 73);
	must_have(p, 5, PROFILE_NATIVE, "sock_recv", "_socket.cpython-311.so", 0);
	must_have(p, 6, PROFILE_PYTHON, "f", "<string>", 1);
	must_have(p, 7, PROFILE_NATIVE, "operator()", "libx.so", 0);
	profile_free(p);
}
END_TEST

START_TEST(perf_is_read)
{
	struct profile *p = read_text("nginx;main;ngx_process_events;do_syscall_64_[k] 12\n"
				      "nginx;[unknown];std::map<int, a b>::find(int const&) 3\n");

	must_have(p, 1, PROFILE_NATIVE, "nginx", "", 0);
	must_have(p, 4, PROFILE_NATIVE, "do_syscall_64_[k]", "", 0);
	must_have(p, 5, PROFILE_NATIVE, "[unknown]", "", 0);
	must_have(p, 6, PROFILE_NATIVE, "std::map<int, a b>::find(int const&)", "", 0);
	profile_free(p);
}
END_TEST

/* What culprit writes, it reads: kinds, names, files, lines. */
START_TEST(own_text_is_read)
{
	struct profile *p = fixture_random_profile(31, 800), *back;
	struct str first = STR_INIT, second = STR_INIT;
	struct err err = {0};

	profile_write(&first, p, PROFILE_FORMAT_COLLAPSED, PROFILE_CLOCK_SAMPLES, "");
	ck_assert_int_eq(profile_read_collapsed(&back, first.p, first.len, "x", &err), 0);
	profile_write(&second, back, PROFILE_FORMAT_COLLAPSED, PROFILE_CLOCK_SAMPLES, "");
	ck_assert_uint_eq(first.len, second.len);
	ck_assert_uint_eq(fixture_total(back, PROFILE_CLOCK_SAMPLES),
		fixture_total(p, PROFILE_CLOCK_SAMPLES));
	for (uint32_t i = 1; i < back->n_nodes; i++) {
		enum profile_kind kind = back->functions[back->nodes[i].function].kind;
		uint32_t parent = back->nodes[i].parent;

		MUST(kind == (parent == 0                              ? PROFILE_PROCESS
				     : back->nodes[parent].parent == 0 ? PROFILE_THREAD
								       : PROFILE_PYTHON));
	}
	ck_assert_uint_eq(back->slices.n, 0);
	str_release(&first);
	str_release(&second);
	profile_free(p);
	profile_free(back);
}
END_TEST

START_TEST(bad_text_is_refused)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "no stacks"},
		{"# nothing\n\n", "no stacks"},
		{"a;b 0\n", "no stacks"},
		{"a;b\n", "line 1: there is no weight"},
		{"a 1\na;b c\n", "line 2: its last word is no weight"},
		{"a -5\n", "line 1"},
		{"a 1.5\n", "line 1"},
		{"a 99999999999999999999\n", "line 1"},
		{"a 9000000000000000\nb 9000000000000000\n", "line 2: the weights"},
	};
	struct profile *p;
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err = (struct err){0};
		ck_assert_int_eq(profile_read_collapsed(
					 &p, cases[i].text, strlen(cases[i].text), "x.txt", &err),
			-ERR_INPUT);
		ck_assert_msg(
			strstr(err.text, "x.txt: ") == err.text && strstr(err.text, cases[i].says),
			"%zu: %s", i, err.text);
		ck_assert_ptr_null(p);
	}
	ck_assert_int_eq(profile_read_collapsed(&p, "a\0b 1\n", 6, "x", &err), -ERR_INPUT);
}
END_TEST

START_TEST(long_text_is_refused)
{
	struct str s = STR_INIT;
	struct profile *p;
	struct err err;

	str_add_repeat(&s, "a;", COLLAPSED_MAX_DEPTH);
	str_add(&s, "a 1\n");
	ck_assert_int_eq(profile_read_collapsed(&p, s.p, s.len, "x", &err), -ERR_INPUT);
	ck_assert_msg(strstr(err.text, "20000 frames") != NULL, "%s", err.text);
	ck_assert_int_eq(profile_read_collapsed(&p, s.p + 2, s.len - 2, "x", &err), 0);
	ck_assert_uint_eq(p->n_nodes, COLLAPSED_MAX_DEPTH + 1);
	profile_free(p);
	str_clear(&s);
	str_add_repeat(&s, "abcdefgh", COLLAPSED_MAX_LINE_BYTES / 8);
	str_add(&s, " 1\n");
	ck_assert_int_eq(profile_read_collapsed(&p, s.p, s.len, "x", &err), -ERR_INPUT);
	ck_assert_msg(strstr(err.text, "4 MB") != NULL, "%s", err.text);
	str_release(&s);
}
END_TEST

UNIT_MAIN("profile_formats", others_read_it, others_read_nothing, others_read_a_larger_one,
	others_read_a_deep_one, austin_is_read, py_spy_is_read, perf_is_read, own_text_is_read,
	bad_text_is_refused, long_text_is_refused)

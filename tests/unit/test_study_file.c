/* Study files: what they come to, and what is said of those that are wrong. And the YAML below
 * them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/node.h"
#include "study/setting.h"
#include "study/study.h"
#include "unit.h"

static struct err err;

/* ---- YAML ---- */

static int read_node(struct node *out, const char *text)
{
	err = (struct err){0};
	return node_read(out, "f.yaml", text, strlen(text), &err);
}

START_TEST(nodes)
{
	struct node n;

	ck_assert(!read_node(
		&n, "a: 1\nb:\n  - x\n  - 'y'\n  - {c: [2, 3], d: }\n\ne: |\n  two\n  lines\n"));
	ck_assert_int_eq(n.kind, NODE_MAP);
	ck_assert_uint_eq(n.n, 3);
	ck_assert_str_eq(node_at(&n, "a")->text, "1");
	ck_assert_uint_eq(node_at(&n, "b")->n, 3);
	ck_assert_uint_eq(node_at(&n, "b")->items[1].line, 4);
	ck_assert(node_at(&n, "b")->items[1].quoted && !node_at(&n, "b")->items[0].quoted);
	ck_assert_str_eq(node_at(node_at(&n, "b")->items + 2, "c")->items[1].text, "3");
	ck_assert_str_eq(node_at(node_at(&n, "b")->items + 2, "d")->text, "");
	ck_assert_str_eq(node_at(&n, "e")->text, "two\nlines\n");
	ck_assert_uint_eq(n.keys[2].line, 7);
	ck_assert_ptr_null(node_at(&n, "f"));
	ck_assert_ptr_null(node_at(NULL, "f"));
	ck_assert_ptr_null(node_at(node_at(&n, "a"), "f"));
	node_release(&n);
}
END_TEST

static void check_refused(const char *text, const char *said)
{
	struct node n;

	ck_assert_int_eq(read_node(&n, text), -ERR_USAGE);
	ck_assert_msg(strstr(err.text, said), "%s: %s", text, err.text);
	ck_assert_uint_eq(n.n, 0);
}

START_TEST(nodes_refused)
{
	char deep[200] = "a: ";

	check_refused("", "f.yaml:1: nothing is in it");
	check_refused("# only a comment\n", "nothing is in it");
	check_refused("a: 1\nb: 2\na: 3\n", "f.yaml:3: 'a' is there twice, first in line 1");
	check_refused("a: [1, 2\nb: 3\n", "f.yaml:2: not YAML:");
	check_refused("a: b: c\n", "f.yaml:1: not YAML:");
	check_refused("\ta: 1\n", "not YAML:");
	check_refused("a: &x 1\nb: *x\n", "f.yaml:1: anchors (&)");
	check_refused("a: *x\n", "f.yaml:1: anchors");
	check_refused("a: !!int 1\n", "f.yaml:1: anchors");
	check_refused("<<: {a: 1}\n? [x]\n: 1\n", "f.yaml:2: a key must be a plain text");
	check_refused("a: \"x\\0y\"\n", "f.yaml:1: a NUL byte");
	check_refused("a: \xff\xfe\n", "not text");
	check_refused("a: 1\n---\nb: 2\n", "f.yaml:2: a second document");
	for (int i = 0; i < NODE_MAX_DEPTH + 1; i++)
		strncat(deep, "[", 2);
	check_refused(deep, "too deep");
}
END_TEST

START_TEST(nodes_have_ceilings)
{
	struct node n;
	struct str text = STR_INIT;

	str_add(&text, "a: [");
	str_add_repeat(&text, "x,", NODE_MAX_COUNT);
	str_add(&text, "]\n");
	ck_assert_int_eq(read_node(&n, text.p), -ERR_USAGE);
	ck_assert_msg(strstr(err.text, "too many entries"), "%s", err.text);
	str_add_repeat(&text, "#", NODE_MAX_BYTES);
	ck_assert_int_eq(read_node(&n, text.p), -ERR_USAGE);
	ck_assert_msg(strstr(err.text, "larger than 1 MiB"), "%s", err.text);
	str_release(&text);
}
END_TEST

/* ---- study files ---- */

#define LOAD    "load: {url: 'http://127.0.0.1:5001/'}\n"
#define SERVICE "service: {command: 'serve {size} x'}\n"
#define FACTORS "factors: {size: {range: [1, 100], lever: query}}\n"

static int read_study(struct study *s, const char *text)
{
	err = (struct err){0};
	return study_read_bytes(s, "dir/s.yaml", text, strlen(text), &err);
}

START_TEST(a_whole_study)
{
	struct study s;

	ck_assert_msg(
		!read_study(&s, "title: the shop\n"
				"service:\n"
				"  command: shop --size {size}\n"
				"  ready: http://127.0.0.1:5001/ready\n"
				"  folder: app\n"
				"  env: {MODE: fast, EMPTY: ''}\n"
				"  ready_timeout: 2m\n"
				"load:\n"
				"  url: http://127.0.0.1:5001/items/{item}?q=1\n"
				"  connections: 100\n"
				"  duration: 1500ms\n"
				"  header: ['Accept: text/html', 'X-Level: none']\n"
				"  keepalive: false\n"
				"response: p99_ms\n"
				"factors:\n"
				"  fraction: {range: [0.05, 0.5], lever: query, parameter: f}\n"
				"  size:     {range: [500, 1000], lever: arg}\n"
				"  item:     {values: [a, 'b c', 7], lever: path}\n"
				"  level:    {values: [1, 2, 4], lever: header, header: X-Level}\n"
				"  delay:    {range: [0ms, 5ms], lever: env, variable: DELAY}\n"
				"design: {sampler: lhs, trials: 20, seed: 9}\n"),
		"%s", err.text);
	ck_assert_str_eq(s.title, "the shop");
	ck_assert_str_eq(s.folder, "dir/app");
	ck_assert_str_eq(s.env[0], "MODE=fast");
	ck_assert_str_eq(s.env[1], "EMPTY=");
	ck_assert_uint_eq(s.ready_timeout_ns, UINT64_C(120000000000));
	ck_assert_int_eq(s.load.connections, 100);
	ck_assert_uint_eq(s.load.duration_ns, 1500000000);
	ck_assert_uint_eq(s.load.warmup_ns, 1000000000);
	ck_assert_uint_eq(s.load.headers.n, 2);
	ck_assert(!s.load.keepalive);
	ck_assert_str_eq(s.response, "p99_ms");
	ck_assert_uint_eq(s.n_factors, 5);
	ck_assert_str_eq(s.factors[0].target, "f");
	ck_assert(!s.factors[0].whole && s.factors[1].whole);
	ck_assert(s.factors[2].words && !s.factors[3].words);
	ck_assert_str_eq(s.factors[4].unit, "ms");
	ck_assert_str_eq(s.factors[4].target, "DELAY");
	ck_assert_uint_eq(s.factors[3].line, 19);
	ck_assert_int_eq(s.sampler, DESIGN_LHS);
	ck_assert_uint_eq(s.trials, 20);
	ck_assert_uint_eq(s.seed, 9);
	ck_assert_uint_eq(strlen(s.key), 32);
	study_release(&s);
}
END_TEST

START_TEST(trials_may_be_as_long_as_they_need)
{
	struct study s;

	ck_assert_msg(!read_study(&s, "load:\n  url: http://x/\n  duration: auto\n"
				      "  precision: 3%\n  max_duration: 20s\n" FACTORS),
		"%s", err.text);
	ck_assert_uint_eq(s.load.duration_ns, OPT_AUTO_NS);
	ck_assert_double_eq_tol(s.load.precision, .03, 1e-12);
	ck_assert_uint_eq(s.load.min_duration_ns, UINT64_C(1000000000));
	ck_assert_uint_eq(s.load.max_duration_ns, UINT64_C(20000000000));
	study_release(&s);
}
END_TEST

START_TEST(what_is_left_out)
{
	struct study s;

	ck_assert_msg(!read_study(&s, LOAD FACTORS), "%s", err.text);
	ck_assert_ptr_null(s.command);
	ck_assert_uint_eq(s.ready_timeout_ns, UINT64_C(5000000000));
	ck_assert_str_eq(s.response, "requests_per_second");
	ck_assert_str_eq(s.title, "dir/s.yaml");
	ck_assert_int_eq(s.load.connections, 50);
	ck_assert_uint_eq(s.load.duration_ns, UINT64_C(3000000000));
	ck_assert_int_eq(s.sampler, DESIGN_SOBOL);
	ck_assert_uint_eq(s.trials, 32);
	ck_assert_uint_eq(s.seed, 1);
	study_release(&s);
}
END_TEST

/* Every wrong study, and what must be said of it. */
static const struct {
	const char *text, *said;
} WRONG[] = {
	{"just a text\n", "s.yaml:1: a study file is a text, and must be a map"},
	{LOAD FACTORS "desing: {trials: 5}\n",
		"s.yaml:3: unknown key 'desing' in a study file; did you mean 'design'? There is "
		"title, service, load, response, factors, design"},
	{LOAD FACTORS "design: {trails: 5}\n",
		"s.yaml:3: unknown key 'trails' in design; did you "
		"mean 'trials'? There is sampler, trials, max_trials, confidence, confirm, seed"},
	{LOAD FACTORS "design:\n  trials: many\n",
		"s.yaml:4: trials: 'many' is not a whole number"},
	{LOAD FACTORS "design: {trials: 0}\n", "s.yaml:3: trials: 0 is out of range"},
	{LOAD FACTORS "design: {sampler: sobel}\n", "s.yaml:3: unknown sampler 'sobel'; did you "
						    "mean 'sobol'? There is sobol, lhs, grid"},
	{LOAD FACTORS "design: [1]\n", "s.yaml:3: design is a list, and must be a map"},
	{LOAD FACTORS "response: requests_per_secund\n",
		"s.yaml:3: unknown response 'requests_per_secund'; did you mean "
		"'requests_per_second'?"},
	{LOAD FACTORS "response: cpu_ms_per_request\n",
		"cpu_ms_per_request is known only where culprit starts the service"},
	{LOAD FACTORS "service: {comand: x}\n", "s.yaml:3: unknown key 'comand' in service"},
	{LOAD FACTORS "service: {command: }\n", "s.yaml:3: command has no value"},
	{LOAD FACTORS "service: {folder: x}\n", "s.yaml:3: folder and env are for a command"},
	{LOAD FACTORS "service: {command: x, ready_timeout: 5 parsecs}\n",
		"s.yaml:3: ready_timeout: '5 parsecs' is not a duration"},
	{LOAD FACTORS "service: {command: x, env: [a]}\n", "s.yaml:3: env must be a map"},
	{LOAD FACTORS "service: {command: x, env: {'A=B': 1}}\n", "'A=B' is no name of a variable"},
	{LOAD FACTORS "service: {command: x, ready: 'ftp://x/'}\n", "dir/s.yaml: ready: "},
	{LOAD, "there is no section factors"},
	{FACTORS, "there is no section load"},
	{"load: {connections: 5}\n" FACTORS, "s.yaml:1: load has no url"},
	{"load: {url: }\n" FACTORS, "s.yaml:1: load has no url"},
	{"load: {url: [a]}\n" FACTORS, "s.yaml:1: url is a list, and must be one value"},
	{LOAD FACTORS "service: {ready: 'https://x/'}\n", "is not asked over https"},
	{LOAD FACTORS "design: {trials: auto, sampler: lhs}\n", "a Latin hypercube cannot"},
	{LOAD FACTORS "design: {trials: 20, max_trials: 40}\n", "max_trials is for trials: auto"},
	{LOAD FACTORS "design: {confidence: 2}\n", "s.yaml:3: confidence: 2 is out of range"},
	{LOAD FACTORS "design: {confirm: -1}\n", "s.yaml:3: confirm: -1 is out of range"},
	{LOAD "factors: {size: {range: [1, 2], lever: proxy, listen: 6380}}\n",
		"the lever proxy of size needs listen"},
	{LOAD "factors: {size: {range: [1, 2], lever: proxy, listen: 1, upstream: 2, shape: "
	      "drip}}\n",
		"s.yaml:2: unknown shape 'drip'; did you mean 'drop'?"},
	{LOAD "factors: {clients: {range: [1, 2], lever: load}}\n",
		"s.yaml:2: the load has no option 'clients'"},
	{LOAD "factors: {clients: {range: [0, 3], lever: load, option: connections}}\n",
		"s.yaml:2: a value of clients: connections: 0 is out of range"},
	{LOAD "factors: {clients: {values: [few, many], lever: load, option: connections}}\n",
		"'few' is not a whole number"},
	{LOAD FACTORS "design: {confirm: 2}\n", "s.yaml:3: confirm: 2 pairs say nothing"},
	{LOAD FACTORS "profile: yes\n", "s.yaml:3: profile: 'yes' is neither true nor false"},
	{LOAD FACTORS "profile: true\n", "s.yaml:3: profile: true needs service: command"},
	{LOAD "factors:\n  a: {range: [1, 2], lever: proxy, listen: 1, upstream: 2}\n  b: {range: "
	      "[1, "
	      "2], lever: proxy, listen: 1, upstream: 3, shape: jitter}\n",
		"s.yaml:4: b and a (line 3) listen on 127.0.0.1:1"},
	{LOAD "factors: {size: {range: [1, 2], lever: body}}\n",
		"the lever body puts size where {size} stands in the body of the load"},
	{LOAD SERVICE "factors: {n: {range: [0, 2], lever: gunicorn-workers}}\n",
		"needs whole numbers, 1 to 200"},
	{LOAD SERVICE "factors: {n: {range: [1, 2], lever: replicas}}\n",
		"say where the command takes its port, as {port}"},
	{LOAD SERVICE "factors:\n  n: {range: [1, 2], lever: gunicorn-workers}\n  m: {range: [1, "
		      "2], lever: gunicorn-workers}\n",
		"m and n (line 4) both set"},
	{"load: {url: 'http://x/{item}'}\n" FACTORS,
		"the url has {item}, and no factor of that name has the lever path"},
	{"load:\n  url: http://x/\n  conections: 5\n" FACTORS,
		"s.yaml:3: unknown key 'conections' in load; did you mean 'connections'?"},
	{"load:\n  url: http://x/\n  connections: 0\n" FACTORS,
		"s.yaml:3: connections: 0 is out of range"},
	{"load:\n  url: http://x/\n  duration: \n" FACTORS, "s.yaml:3: duration has no value"},
	{"load:\n  url: http://x/\n  keepalive: maybe\n" FACTORS, "s.yaml:3: keepalive: "},
	{LOAD "factors: {}\n", "s.yaml:2: factors must be a map of names"},
	{LOAD "factors: {size: 5}\n", "s.yaml:2: size must be a map"},
	{LOAD "factors: {size: {range: [1, 2]}}\n", "s.yaml:2: size has no lever"},
	{LOAD "factors:\n  size:\n    range: [1, 2]\n    lever: qeury\n",
		"s.yaml:5: unknown lever 'qeury'; did you mean 'query'? There is query, path, "
		"header, body, load, none, env, arg, replicas, gunicorn-workers, proxy, "
		"cpu-quota, memory-limit, cores"},
	{LOAD "factors: {size: {range: [1, 2], lever: gunicorn-workers}}\n",
		"the lever gunicorn-workers of size needs a service that culprit starts"},
	{LOAD "factors: {size: {range: [1, 2], lever: query, header: x}}\n",
		"unknown key 'header' in factor size (lever query); did you mean 'lever'? There is "
		"lever, range, values, parameter"},
	{LOAD "factors: {size: {lever: query}}\n", "size has neither range nor values"},
	{LOAD "factors: {size: {lever: query, range: [1, 2], values: [a, b]}}\n",
		"size has both range and values"},
	{LOAD "factors: {size: {lever: query, range: [2, 1]}}\n",
		"the range of size is upside down: write range: [1, 2]"},
	{LOAD "factors: {size: {lever: query, range: [2, 2]}}\n",
		"the range of size is one value, 2"},
	{LOAD "factors: {size: {lever: query, range: [2]}}\n", "must be two numbers"},
	{LOAD "factors: {size: {lever: query, range: [a, b]}}\n",
		"must be two numbers, and 'a' is none; for words say values: [a, b]"},
	{LOAD "factors: {size: {lever: query, range: [1, nan]}}\n", "'nan' is none"},
	{LOAD "factors: {size: {lever: query, range: [5us, 5ms]}}\n",
		"has two units, '5us' and '5ms'"},
	{LOAD "factors: {size: {lever: query, values: [a]}}\n", "must be a list of two or more"},
	{LOAD "factors: {size: {lever: query, values: [a, [b]]}}\n",
		"a value of size is a list, and must be a word or a number"},
	{LOAD "factors: {size: {lever: query, values: [a, b, a]}}\n",
		"'a' is twice among the values of size"},
	{LOAD "factors:\n  a: {range: [1, 2], lever: query}\n  a: {range: [1, 2], lever: query}\n",
		"s.yaml:4: 'a' is there twice, first in line 3"},
	{LOAD "factors:\n  a: {range: [1, 2], lever: query}\n  b: {range: [1, 2], lever: query, "
	      "parameter: a}\n",
		"s.yaml:4: b and a (line 3) both set the query 'a'"},
	{LOAD "factors: {'my size': {range: [1, 2], lever: query}}\n",
		"'my size' cannot be the name of a factor"},
	{LOAD "factors: {p99_ms: {range: [1, 2], lever: query}}\n",
		"'p99_ms' is a column that culprit writes itself"},
	{LOAD "factors: {size: {range: [1, 2], lever: header, header: 'a b'}}\n",
		"'a b' is no name of a header"},
	{LOAD "factors: {size: {values: ['a', \"b\\nc\"], lever: header}}\n",
		"s.yaml:2: a value of size cannot be in a header"},
	{LOAD "factors: {size: {range: [1, 2], lever: path}}\n",
		"s.yaml:2: the lever path puts size where {size} stands in the path of the URL"},
	{"load: {url: 'http://x/?a={size}'}\nfactors: {size: {range: [1, 2], lever: path}}\n",
		"the lever path puts size where {size} stands"},
	{LOAD "factors: {size: {range: [1, 2], lever: arg}}\n",
		"s.yaml:2: the lever arg of size needs a service that culprit starts"},
	{LOAD "service: {command: 'x {sise}'}\nfactors: {size: {range: [1, 2], lever: arg}}\n",
		"s.yaml:3: the lever arg puts size where {size} stands in the service's command"},
	{LOAD "factors: {size: {range: [1, 2], lever: env}}\n",
		"needs a service that culprit starts"},
	{LOAD SERVICE "factors: {a: {range: [1, 2], lever: env, variable: 'A=B'}}\n",
		"'A=B' is no name of a variable"},
};

START_TEST(wrong_studies)
{
	struct study s;

	ck_assert_int_eq(read_study(&s, WRONG[_i].text), -ERR_USAGE);
	ck_assert_msg(strstr(err.text, WRONG[_i].said), "%s\n  said: %s", WRONG[_i].text, err.text);
	ck_assert_msg(!strncmp(err.text, "dir/s.yaml", 10), "%s", err.text);
	ck_assert_msg(!strchr(err.text, '\n'), "%s", err.text);
	study_release(&s);
}
END_TEST

START_TEST(not_there)
{
	struct study s;

	ck_assert_int_lt(study_read(&s, "/no/such/study.yaml", &err), 0);
	ck_assert_msg(strstr(err.text, "/no/such/study.yaml"), "%s", err.text);
	study_release(&s);
}
END_TEST

/* ---- the key ---- */

static char *key_of(const char *text)
{
	struct study s;
	char *key;

	ck_assert_msg(!read_study(&s, text), "%s", err.text);
	key = strdup(s.key);
	study_release(&s);
	return key;
}

START_TEST(the_key_changes_with_what_matters)
{
	static const char *const OTHERS[] = {
		LOAD "factors: {size: {range: [1, 101], lever: query}}\n",
		LOAD "factors: {size: {range: [1.0, 100], lever: query}}\n",
		LOAD "factors: {size: {range: [1, 100], lever: query, parameter: s}}\n",
		LOAD "factors: {size: {range: [1, 100], lever: header}}\n",
		"load: {url: 'http://127.0.0.1:5001/x'}\n" FACTORS,
		"load: {url: 'http://127.0.0.1:5001/', warmup: 2s}\n" FACTORS,
		LOAD FACTORS "response: p99_ms\n",
		LOAD FACTORS "design: {seed: 2}\n",
		LOAD FACTORS "design: {trials: 33}\n",
		LOAD FACTORS "service: {command: x}\n",
	};
	char *key = key_of(LOAD FACTORS);
	char *same =
		key_of("# another look\n" FACTORS "title: named\n\n" LOAD "design: {seed: 1}\n");

	ck_assert_str_eq(key, same);
	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
		char *other = key_of(OTHERS[i]);

		ck_assert_str_ne(key, other);
		free(other);
	}
	free(key);
	free(same);
}
END_TEST

/* A body that was changed makes other trials, so the study is another one. */
START_TEST(the_key_changes_with_its_files)
{
	char path[] = "/tmp/culprit-body-XXXXXX", text[256], *keys[3];
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	snprintf(text, sizeof(text),
		"load: {url: 'http://127.0.0.1:5001/', body_file: %s}\n" FACTORS, path);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(pwrite(fd, i < 2 ? "one" : "two", 3, 0), 3);
		keys[i] = key_of(text);
	}
	ck_assert_str_eq(keys[0], keys[1]);
	ck_assert_str_ne(keys[1], keys[2]);
	for (size_t i = 0; i < 3; i++)
		free(keys[i]);
	close(fd);
	unlink(path);
}
END_TEST

/* ---- settings and levers ---- */

static void check_value(const struct factor *f, double u, const char *text, double number)
{
	struct str out = STR_INIT;
	json_t *value;

	factor_value(f, u, &out, &value);
	ck_assert_str_eq(str_text(&out), text);
	if (isnan(number))
		ck_assert_str_eq(json_string_value(value), text);
	else
		ck_assert_double_eq(json_number_value(value), number);
	json_decref(value);
	str_release(&out);
}

START_TEST(values_of_factors)
{
	char *words[] = {"a", "b", "c", NULL}, *numbers[] = {"1", "10", "2.5", NULL};
	struct factor range = {.low = .05, .high = .5},
		      whole = {.low = 1, .high = 9, .whole = true};
	struct factor wide = {.low = 0, .high = 2e6}, narrow = {.low = 0, .high = 1e-7};
	struct factor word = {.values = words, .n_values = 3, .words = true};
	struct factor number = {.values = numbers, .n_values = 3};

	check_value(&range, 0, "0.0500", .05);
	check_value(&range, .123456789, "0.1056", .1056);
	check_value(&range, 1, "0.5000", .5);
	check_value(&whole, 0, "1", 1);
	check_value(&whole, .999, "9", 9);
	check_value(&whole, 1, "9", 9);
	check_value(&whole, .5, "5", 5);
	check_value(&wide, .25, "500000", 500000);
	check_value(&narrow, .5, "0.0000000500", 5e-8);
	check_value(&word, 0, "a", NAN);
	check_value(&word, .34, "b", NAN);
	check_value(&word, 1, "c", NAN);
	check_value(&number, .99, "2.5", 2.5);
}
END_TEST

START_TEST(levers)
{
	double u[] = {0, .999, .5, .999, .5};
	struct setting_load load;
	struct setting setting;
	struct str text = STR_INIT;
	struct study s;
	char **env;

	ck_assert_msg(
		!read_study(&s, "service: {command: 'run {words} {words} {other}', env: {A: 1}}\n"
				"load:\n  url: http://h:1/p/{item}/?q=old&f=1#x\n"
				"  header: ['X-A: 1', 'x-level: none']\n"
				"factors:\n"
				"  q:     {range: [1, 9], lever: query}\n"
				"  item:  {values: [a, 'b c/'], lever: path}\n"
				"  X-Level: {range: [0ms, 1ms], lever: header}\n"
				"  words: {values: [plain, \"two 'words'\"], lever: arg}\n"
				"  e:     {range: [0, 8], lever: env, variable: E}\n"),
		"%s", err.text);
	setting_init(&setting, &s, u);
	setting_text(&setting, &s, &text);
	ck_assert_str_eq(text.p, "q=1 item=b c/ X-Level=0.500ms words=two 'words' e=4");
	ck_assert_double_eq(json_number_at(setting.json, "X-Level"), .5);
	setting_load_init(&load, &setting, &s);
	ck_assert_str_eq(load.spec.url, "http://h:1/p/b%20c%2F/?q=1&f=1#x");
	ck_assert_uint_eq(load.spec.headers.n, 2);
	ck_assert_str_eq(load.spec.headers.items[0], "X-A: 1");
	ck_assert_str_eq(load.spec.headers.items[1], "X-Level: 0.500ms");
	ck_assert_uint_eq(s.load.headers.n, 2); /* the study's own are as they were */
	str_clear(&text);
	setting_command(&setting, &s, &text);
	ck_assert_str_eq(text.p, "run 'two '\\''words'\\''' 'two '\\''words'\\''' {other}");
	env = setting_env(&setting, &s, "CULPRIT=/c");
	ck_assert_str_eq(env[0], "A=1");
	ck_assert_str_eq(env[1], "E=4");
	ck_assert_str_eq(env[2], "CULPRIT=/c");
	ck_assert_ptr_null(env[3]);
	for (size_t i = 0; env[i]; i++)
		free(env[i]);
	free(env);
	str_clear(&text);
	setting_service_key(&setting, &s, &text);
	ck_assert_str_eq(text.p, "words=two 'words'\ne=4\n");
	str_release(&text);
	setting_load_release(&load);
	setting_release(&setting);
	study_release(&s);
}
END_TEST

/* ---- trials as a table ---- */

static struct trial make_trial(bool ok, const char *setting, const char *responses)
{
	return (struct trial){.ok = ok,
		.setting = json_loads(setting, 0, NULL),
		.responses = json_loads(responses, 0, NULL),
		.detail = json_loads("{\"connections\": 10, \"note\": \"why\"}", 0, NULL)};
}

START_TEST(trials_as_a_dataset)
{
	struct trial trials[4];
	struct dataset d;
	struct study s;

	ck_assert_msg(!read_study(&s, LOAD
			      "factors: {n: {range: [1, 9], lever: query}, w: {values: [x, y], "
			      "lever: query}}\n"),
		"%s", err.text);
	trials[0] = make_trial(true, "{\"n\": 3, \"w\": \"y\"}",
		"{\"requests_per_second\": 100, \"mean_latency_ms\": 20}");
	trials[1] = make_trial(false, "{\"n\": 4, \"w\": \"x\"}", "{}");
	trials[2] = make_trial(true, "{\"n\": 5, \"w\": \"x\"}",
		"{\"requests_per_second\": 300, \"mean_latency_ms\": 40}");
	trials[3] = make_trial(true, "{\"n\": 5, \"w\": \"z\"}",
		"{\"requests_per_second\": 300, \"mean_latency_ms\": 40}");
	ck_assert_msg(!study_dataset(&s, trials, 4, &d, &err), "%s", err.text);
	ck_assert_uint_eq(d.n, 2);
	ck_assert_uint_eq(d.p, 2);
	ck_assert_uint_eq(d.failed, 2);
	ck_assert_double_eq(d.y[0], 100);
	ck_assert_double_eq(d.y[1], 300);
	ck_assert_double_eq(d.x[0], 3);
	ck_assert_double_eq(d.x[1], 5);
	ck_assert_double_eq(d.x[2], 1);
	ck_assert_double_eq(d.x[3], 0);
	ck_assert_str_eq(d.words[1][1], "y");
	ck_assert_ptr_null(d.words[0]);
	ck_assert_str_eq(d.unit, "requests/s");
	ck_assert_double_eq_tol(d.mean_latency_s[1], .04, 1e-12);
	ck_assert_double_eq(d.connections[0], 10);
	dataset_release(&d);
	ck_assert_int_eq(study_dataset(&s, trials + 1, 1, &d, &err), -ERR_INPUT);
	ck_assert_msg(strstr(err.text, "none of its 1 trials went well") && strstr(err.text, "why"),
		"%s", err.text);
	for (int i = 0; i < 4; i++)
		trial_release(&trials[i]);
	study_release(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {nodes, nodes_refused, nodes_have_ceilings, a_whole_study,
		what_is_left_out, trials_may_be_as_long_as_they_need, not_there,
		the_key_changes_with_what_matters, the_key_changes_with_its_files,
		values_of_factors, levers, trials_as_a_dataset};
	Suite *suite = suite_create("study_file");
	TCase *tc = tcase_create("study_file");
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, wrong_studies, 0, (int)(sizeof(WRONG) / sizeof(WRONG[0])));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

/* Scenario files: what they come to, and what is said of those that are wrong. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "load/scenario.h"
#include "unit.h"

#define URL "load: {url: 'http://127.0.0.1:5001'}\n"

static struct err err;
static struct load_spec spec;
static struct load_origins origins;
static struct load_scenario_file file;

static void setup(void)
{
	err = (struct err){0};
	load_spec_init(&spec);
	origins = (struct load_origins){0};
}

static void teardown(void)
{
	load_scenario_file_release(&file);
	load_origins_release(&origins);
	load_spec_release(&spec);
}

static int read_text(const char *text)
{
	return load_scenario_read_bytes(
		&file, "dir/s.yaml", text, strlen(text), &spec, &origins, &err);
}

/* A file that is right; teardown() is the caller's. */
static void read_good(const char *text)
{
	setup();
	ck_assert_msg(!read_text(text), "%s", err.text);
}

static void refused_as(enum err_kind kind, const char *text, const char *said)
{
	ck_assert_int_eq(read_text(text), -(int)kind);
	ck_assert_msg(strstr(err.text, said), "%s\nsaid: %s", text, err.text);
	teardown();
}

static void refused(const char *text, const char *said)
{
	setup();
	refused_as(ERR_USAGE, text, said);
}

/* The same, a step's keys alone; its first line is line 3. */
static void step_refused(const char *step, const char *said)
{
	struct str text = STR_INIT;

	str_addf(&text, URL "steps:\n%s", step);
	refused(text.p, said);
	str_release(&text);
}

/* The request of a step as it is sent; free it. */
static char *written(size_t step, char *const *taken)
{
	const struct load_request *r = &file.scenario.steps[step].request;
	struct str out = STR_INIT, scratch = STR_INIT;
	struct rng rng;
	struct template_values v = {.data = file.data.n_rows ? &file.data : NULL,
		.taken = taken,
		.seq = 7,
		.rng = &rng};
	size_t head;

	rng_seed(&rng, 1, 0);
	load_request_write(
		r, &origins.items[r->origin], &v, NULL, false, false, &scratch, &out, &head);
	str_release(&scratch);
	return str_take(&out);
}

static void sends(size_t step, char *const *taken, const char *part)
{
	char *text = written(step, taken);

	ck_assert_msg(strstr(text, part), "%s\nis not in: %s", part, text);
	free(text);
}

/* ---- what a file comes to ---- */

static const char WHOLE[] = "load:\n"
			    "  url: http://127.0.0.1:5001\n"
			    "  connections: 20\n"
			    "  duration: 30s\n"
			    "  header: ['X-All: yes', 'X-Some: all']\n"
			    "think: 1s..3s\n"
			    "start:\n"
			    "  - post: /login\n"
			    "    name: log in\n"
			    "    headers: {Content-Type: application/json, X-Empty: ''}\n"
			    "    body: '{\"user\": \"{name}\"}'\n"
			    "    take:\n"
			    "      token: {json: /token}\n"
			    "      session: {header: X-Session}\n"
			    "      csrf: {regex: 'value=\"([^\"]+)\"'}\n"
			    "    check:\n"
			    "      status: 200\n"
			    "      contains: welcome\n"
			    "      regex: 'w.*e'\n"
			    "      json: {/ok: true, /user/name: ann}\n"
			    "      header: {Content-Type: application/json}\n"
			    "      latency: 200ms\n"
			    "steps:\n"
			    "  - get: /items?token={token}&n={seq}\n"
			    "    headers: {x-some: '{session}'}\n"
			    "    think: 0s\n"
			    "    take: {name: {json: ''}}\n"
			    "  - delete: https://other:8443/x\n"
			    "  - put: /x\n"
			    "    think: 500ms\n"
			    "    form: {a b: 'c&{name}', d: ''}\n";

START_TEST(a_whole_scenario)
{
	char *taken[] = {"t/1", "s 1", "", "an\"n"};
	const struct load_scenario *s = &file.scenario;

	read_good(WHOLE);
	ck_assert(s->cookies && !s->pick_one);
	ck_assert_uint_eq(s->n_start, 1);
	ck_assert_uint_eq(s->n_steps, 4);
	ck_assert_uint_eq(s->n_variables, 4);
	ck_assert_str_eq(s->variables[0], "token");
	ck_assert_str_eq(s->variables[3], "name");
	ck_assert_uint_eq(spec.connections, 20);
	ck_assert_uint_eq(spec.duration_ns, UINT64_C(30000000000));
	ck_assert_uint_eq(origins.n, 2);
	ck_assert_str_eq(origins.items[0].authority, "127.0.0.1:5001");

	ck_assert_str_eq(s->steps[0].request.name, "log in");
	ck_assert_str_eq(s->steps[2].request.method, "DELETE");
	ck_assert_uint_eq(s->steps[2].request.origin, 1);
	ck_assert_uint_eq(s->steps[0].think.min_ns, 1000000000);
	ck_assert_uint_eq(s->steps[0].think.max_ns, UINT64_C(3000000000));
	ck_assert_uint_eq(s->steps[1].think.max_ns, 0);
	ck_assert_uint_eq(s->steps[3].think.min_ns, 500000000);
	ck_assert_uint_eq(s->steps[3].think.max_ns, 500000000);

	/* A body of JSON: values are escaped for it. */
	sends(0, taken, "\r\n\r\n{\"user\": \"an\\\"n\"}");
	sends(0, taken, "X-Empty: \r\n");
	sends(0, taken, "X-All: yes\r\nX-Some: all\r\n");
	/* A step's own header stands for that of all. */
	sends(1, taken, "GET /items?token=t%2F1&n=7 HTTP/1.1\r\n");
	sends(1, taken, "x-some: s 1\r\nX-All: yes\r\n");
	sends(3, taken, "\r\nContent-Type: application/x-www-form-urlencoded\r\n");
	sends(3, taken, "\r\n\r\na%20b=c%26an%22n&d=");
	teardown();
}
END_TEST

static void is_check(const struct load_check *c, enum load_check_kind kind, size_t result,
	const char *name, const char *text)
{
	ck_assert_int_eq(c->kind, kind);
	ck_assert_uint_eq(c->result, result);
	ck_assert_str_eq(c->name, name);
	ck_assert(text ? !strcmp(c->text, text) : !c->text);
}

START_TEST(its_checks_and_takes)
{
	const struct load_step *s;
	const struct load_check *c;

	read_good(WHOLE);
	s = file.scenario.steps;
	c = s->checks;
	ck_assert_uint_eq(file.scenario.n_checks, 7);
	ck_assert_uint_eq(s->n_checks, 7);
	is_check(&c[0], CHECK_STATUS, 0, "log in: status 200", NULL);
	is_check(&c[1], CHECK_CONTAINS, 1, "log in: contains welcome", "welcome");
	is_check(&c[2], CHECK_REGEX, 2, "log in: regex w.*e", "w.*e");
	is_check(&c[3], CHECK_JSON, 3, "log in: /ok is true", "/ok");
	is_check(&c[4], CHECK_JSON, 4, "log in: /user/name is \"ann\"", "/user/name");
	is_check(&c[5], CHECK_HEADER, 5, "log in: header Content-Type is application/json",
		"Content-Type");
	is_check(&c[6], CHECK_LATENCY, 6, "log in: latency at most 200ms", NULL);
	ck_assert_uint_eq(c[6].latency_ns, 200000000);
	ck_assert(json_is_true(c[3].expected));

	ck_assert_uint_eq(s->n_takes, 3);
	ck_assert_int_eq(s->takes[0].kind, TAKE_JSON);
	ck_assert_int_eq(s->takes[1].kind, TAKE_HEADER);
	ck_assert_int_eq(s->takes[2].kind, TAKE_REGEX);
	ck_assert_str_eq(s->takes[1].text, "X-Session");
	ck_assert_uint_eq(s->takes[2].variable, 2);
	ck_assert_str_eq(s[1].takes[0].text, "");
	ck_assert_uint_eq(s[1].takes[0].variable, 3);

	ck_assert(s[0].wants_headers && s[0].wants_body && s[0].any_status);
	ck_assert(s[1].wants_headers && s[1].wants_body && !s[1].any_status);
	ck_assert(s[2].wants_headers && !s[2].wants_body); /* cookies */
	teardown();
}
END_TEST

START_TEST(what_is_wanted)
{
	read_good(URL "cookies: false\n"
		      "steps:\n"
		      "  - get: /\n"
		      "    check: {latency: 1s}\n"
		      "  - get: /\n"
		      "    check: {header: Date}\n"
		      "  - get: /\n"
		      "    check: {contains: [a, b]}\n"
		      "  - get: /\n"
		      "    take: {x: {header: Y}}\n");
	const struct load_step *s = file.scenario.steps;

	ck_assert(!file.scenario.cookies);
	ck_assert(!s[0].wants_headers && !s[0].wants_body && !s[0].any_status);
	ck_assert(s[1].wants_headers && !s[1].wants_body);
	ck_assert(s[2].wants_headers && s[2].wants_body);
	ck_assert_uint_eq(s[2].n_checks, 2);
	ck_assert_str_eq(s[2].checks[1].text, "b");
	ck_assert(s[3].wants_headers && !s[3].wants_body);
	teardown();
}
END_TEST

START_TEST(one_step_a_turn)
{
	read_good(URL "pick: one\nstart: [{get: /a}]\n"
		      "steps: [{get: /b, weight: 3}, {head: /c}, {options: /d, weight: 0.5}]\n");
	const struct load_step *s = file.scenario.steps;

	ck_assert(file.scenario.pick_one);
	ck_assert_double_eq(s[1].request.weight, 3);
	ck_assert_double_eq(s[2].request.weight, 1);
	ck_assert_double_eq(s[3].request.weight, 0.5);
	ck_assert(s[2].request.to_head);
	ck_assert_str_eq(s[3].request.name, "OPTIONS /d");
	teardown();
	read_good(URL "pick: all\nsteps: [{patch: /b, body: ''}]\n");
	ck_assert(!file.scenario.pick_one);
	sends(0, NULL, "PATCH /b HTTP/1.1\r\n");
	sends(0, NULL, "Content-Length: 0\r\n");
	teardown();
}
END_TEST

START_TEST(statuses)
{
	read_good(URL "steps:\n"
		      "  - get: /\n    check: {status: 2xx}\n"
		      "  - get: /\n    check: {status: [200, 3XX, 400-404]}\n"
		      "  - get: /\n");
	const struct load_step *s = file.scenario.steps;

	ck_assert_str_eq(s[1].checks[0].name, "GET /: status 200 or 3XX or 400-404");
	ck_assert(load_step_expects(&s[0], 200) && load_step_expects(&s[0], 299));
	ck_assert(!load_step_expects(&s[0], 199) && !load_step_expects(&s[0], 300));
	ck_assert(load_step_expects(&s[1], 200) && !load_step_expects(&s[1], 201));
	ck_assert(load_step_expects(&s[1], 399) && load_step_expects(&s[1], 404));
	ck_assert(!load_step_expects(&s[1], 405));
	ck_assert(load_step_expects(&s[2], 204) && load_step_expects(&s[2], 302));
	ck_assert(!load_step_expects(&s[2], 404) && !load_step_expects(&s[2], 500));
	teardown();
}
END_TEST

/* YAML's words as JSON, in a body and in what is expected. */
START_TEST(json)
{
	char *taken[] = {"x\"y"};
	struct str text = STR_INIT;

	read_good(URL
		"steps:\n"
		"  - post: /\n"
		"    json: {s: \"{v}\", n: 12, r: -1.5e3, t: true, f: false, z: null, e: , q: "
		"\"1\",\n"
		"           zero: 007, word: some words, l: [1, [], {}], deep: {a: {b: {c: 1}}}}\n"
		"    take: {v: {header: X}}\n"
		"    check: {json: {/a: [1, {b: null}], /c: \"true\"}}\n"
		"  - post: /\n"
		"    headers: {content-type: application/vnd.x+json}\n"
		"    json: [\"{v}\"]\n"
		"  - post: /\n"
		"    check: {json: [/a, /b/0], header: [Date, X-Y]}\n"
		"  - post: /\n"
		"    check: {json: /a, header: Date}\n"
		"  - post: /\n    check: {json: ''}\n"
		"  - post: /\n    check: {json: {'': []}}\n");
	const struct load_step *s = file.scenario.steps;

	sends(0, taken,
		"\r\n\r\n{\"s\":\"x\\\"y\",\"n\":12,\"r\":-1500.0,\"t\":true,\"f\":false,\"z\":"
		"null,"
		"\"e\":null,\"q\":\"1\",\"zero\":\"007\",\"word\":\"some words\",\"l\":[1,[],{}],"
		"\"deep\":{\"a\":{\"b\":{\"c\":1}}}}");
	sends(0, taken, "Content-Type: application/json\r\n");
	sends(1, taken, "content-type: application/vnd.x+json\r\n");
	sends(1, taken, "\r\n\r\n[\"x\\\"y\"]");
	json_write(&text, s[0].checks[0].expected, 0);
	ck_assert_str_eq(text.p, "[1,{\"b\":null}]");
	ck_assert_str_eq(json_string_value(s[0].checks[1].expected), "true");
	ck_assert_uint_eq(s[2].n_checks, 4);
	ck_assert_str_eq(s[2].checks[1].name, "POST /: /b/0 is there");
	ck_assert_str_eq(s[2].checks[3].name, "POST /: header X-Y is there");
	ck_assert_ptr_null(s[2].checks[0].expected);
	ck_assert_ptr_null(s[2].checks[3].value);
	ck_assert_uint_eq(s[3].n_checks, 2);
	ck_assert_str_eq(s[4].checks[0].name, "POST /: JSON is there");
	ck_assert_str_eq(s[4].checks[0].text, "");
	ck_assert_str_eq(s[5].checks[0].name, "POST /: JSON is []");
	str_release(&text);
	teardown();
}
END_TEST

/* ---- the command line, and files beside it ---- */

START_TEST(the_command_line_wins)
{
	static const char TEXT[] = "load:\n"
				   "  url: http://file:1\n"
				   "  connections: 20\n"
				   "  duration: 30s\n"
				   "  warmup: 3s\n"
				   "  rate: 7\n"
				   "  order: spread\n"
				   "  keepalive: false\n"
				   "  requests_per_connection: 9\n"
				   "  header: 'A: file'\n"
				   "  ca: ca.pem\n"
				   "steps: [{get: /}]\n";

	read_good(TEXT);
	ck_assert_str_eq(spec.url, "http://file:1");
	ck_assert_int_eq(spec.order, LOAD_SPREAD);
	ck_assert(!spec.keepalive);
	ck_assert_uint_eq(spec.warmup_ns, UINT64_C(3000000000));
	ck_assert_uint_eq(spec.requests_per_connection, 9);
	ck_assert_str_eq(spec.ca_file, "dir/ca.pem");
	ck_assert_double_eq(spec.rate, 7);
	teardown();

	setup();
	spec.url = "http://given:2/";
	spec.connections = 3;
	spec.duration_ns = 5;
	spec.warmup_ns = 0;
	spec.rate = 8;
	spec.order = LOAD_IN_ORDER;
	spec.ca_file = "here.pem";
	opt_set(opt_find(LOAD_OPTIONS, "header"), &spec, "B: given", "x", NULL);
	ck_assert_msg(!read_text(TEXT), "%s", err.text);
	ck_assert_str_eq(spec.url, "http://given:2/");
	ck_assert_str_eq(origins.items[0].authority, "given:2");
	ck_assert_uint_eq(spec.connections, 3);
	ck_assert_uint_eq(spec.duration_ns, 5);
	ck_assert_uint_eq(spec.warmup_ns, 0);
	ck_assert_double_eq(spec.rate, 8);
	ck_assert_int_eq(spec.order, LOAD_IN_ORDER);
	ck_assert_str_eq(spec.ca_file, "here.pem");
	ck_assert_uint_eq(spec.headers.n, 1);
	sends(0, NULL, "B: given\r\n");
	teardown();

	/* What the command line says instead is still read. */
	setup();
	spec.connections = 3;
	refused_as(ERR_USAGE, "load: {connections: many}\nsteps: [{get: /}]\n",
		"dir/s.yaml:1: connections: ");
}
END_TEST

START_TEST(steps_say_what_is_requested)
{
	setup();
	spec.method = "PUT";
	refused_as(ERR_USAGE, URL "steps: [{get: /}]\n", "--method and the scenario dir/s.yaml");
	setup();
	spec.har_file = "x.har";
	refused_as(ERR_USAGE, URL "steps: [{get: /}]\n", "--har and the scenario");
	setup();
	opt_set(opt_find(LOAD_OPTIONS, "form"), &spec, "a=b", "x", NULL);
	refused_as(ERR_USAGE, URL "steps: [{get: /}]\n", "--form and the scenario");
	setup();
	spec.scenario = "dir/s.yaml"; /* which is how it comes to be read */
	ck_assert(!read_text(URL "steps: [{get: /}]\n"));
	teardown();
	refused("load:\n  url: http://h\n  method: PUT\nsteps: [{get: /}]\n",
		"dir/s.yaml:3: method cannot stand in load");
	refused("load: {scenario: x}\nsteps: [{get: /}]\n", "scenario cannot stand in load");
	refused("load: {body_file: x}\nsteps: [{get: /}]\n", "body_file cannot stand in load");
}
END_TEST

static char folder[] = "/tmp/culprit-scenario-XXXXXX";

static void put(const char *name, const char *text)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	ck_assert(!file_write(path, text, strlen(text), &err));
}

START_TEST(files_beside_it)
{
	char path[200], path2[200];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	put("users.csv", "name,password\nann,\"a\"\"b\"\nbob,c\n");
	put("body.json", "{\"p\": \"{password}\"}");
	put("s.yaml", "load: {url: http://h, data: users.csv}\n"
		      "steps:\n"
		      "  - post: /{name}\n"
		      "    headers: {Content-Type: application/json}\n"
		      "    body_file: body.json\n");
	put("bad.yaml", URL "steps:\n  - post: /\n    body_file: none.json\n");
	put("column.yaml", "load: {url: http://h, data: users.csv}\n"
			   "steps: [{get: /, take: {name: {json: /a}}}]\n");
	snprintf(path, sizeof(path), "%s/s.yaml", folder);
	setup();
	ck_assert_msg(!load_scenario_read(&file, path, &spec, &origins, &err), "%s", err.text);
	ck_assert_uint_eq(file.data.n_rows, 2);
	snprintf(path2, sizeof(path2), "%s/users.csv", folder);
	ck_assert_str_eq(spec.data_file, path2);
	sends(0, NULL, "POST /ann HTTP/1.1\r\n");
	sends(0, NULL, "{\"p\": \"a\\\"b\"}");
	teardown();

	snprintf(path, sizeof(path), "%s/bad.yaml", folder);
	setup();
	ck_assert(load_scenario_read(&file, path, &spec, &origins, &err) < 0);
	ck_assert_msg(strstr(err.text, "none.json"), "%s", err.text);
	teardown();

	snprintf(path, sizeof(path), "%s/column.yaml", folder);
	setup();
	ck_assert_int_eq(load_scenario_read(&file, path, &spec, &origins, &err), -ERR_USAGE);
	ck_assert_msg(strstr(err.text, "column.yaml:2: 'name' is a column of"), "%s", err.text);
	teardown();

	snprintf(path, sizeof(path), "%s/none.yaml", folder);
	setup();
	ck_assert(load_scenario_read(&file, path, &spec, &origins, &err) < 0);
	ck_assert_msg(strstr(err.text, "none.yaml"), "%s", err.text);
	teardown();
	snprintf(path, sizeof(path), "rm -r %s", folder);
	ck_assert_int_eq(system(path), 0);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(refused_as_a_whole)
{
	refused("", "dir/s.yaml:1: nothing is in it");
	refused("[1]", "dir/s.yaml:1: a scenario is a list, and must be a map of keys");
	refused("steps: [{get: /}]\nthnik: 1s\n",
		"dir/s.yaml:2: unknown key 'thnik' in a scenario; did you mean 'think'? There is "
		"load, cookies, think, pick, start, steps");
	refused(URL, "dir/s.yaml:1: there is no list steps");
	refused(URL "steps: /x\n", "dir/s.yaml:2: steps must be a list of steps");
	refused(URL "steps: []\n", "dir/s.yaml:2: steps must be a list of steps");
	refused(URL "start: {}\nsteps: [{get: /}]\n", "dir/s.yaml:2: start must be a list");
	refused(URL "cookies: maybe\nsteps: [{get: /}]\n",
		"dir/s.yaml:2: cookies: 'maybe' is not true or false");
	refused(URL "cookies: []\nsteps: [{get: /}]\n", "dir/s.yaml:2: cookies is a list");
	refused(URL "pick: on\nsteps: [{get: /}]\n",
		"dir/s.yaml:2: unknown pick 'on'; did you mean 'one'? There is all, one");
	refused(URL "think: soon\nsteps: [{get: /}]\n", "dir/s.yaml:2: think: ");
	refused(URL "think: 3s..1s\nsteps: [{get: /}]\n",
		"dir/s.yaml:2: think: 3s..1s ends before it begins");
	refused(URL "think: 1s..\nsteps: [{get: /}]\n", "dir/s.yaml:2: think: ");
	refused(URL "think: ..1s\nsteps: [{get: /}]\n", "dir/s.yaml:2: think: ");
	refused(URL "think: 25h\nsteps: [{get: /}]\n", "dir/s.yaml:2: think: ");
	refused(URL "think: {}\nsteps: [{get: /}]\n", "dir/s.yaml:2: think is a map");
}
END_TEST

START_TEST(refused_in_load)
{
	refused("load: 3\nsteps: [{get: /}]\n", "dir/s.yaml:1: load is a text, and must be a map");
	refused("load:\nsteps: [{get: /}]\n", "dir/s.yaml:1: load is empty");
	refused("load:\n  conections: 3\nsteps: [{get: /}]\n",
		"dir/s.yaml:2: unknown key 'conections' in load; did you mean 'connections'?");
	refused("load:\n  connections: 0\nsteps: [{get: /}]\n", "dir/s.yaml:2: connections: ");
	refused("load:\n  connections:\nsteps: [{get: /}]\n",
		"dir/s.yaml:2: connections has no value");
	refused("load:\n  connections: [1]\nsteps: [{get: /}]\n",
		"dir/s.yaml:2: connections is a list, and must be one value");
	refused("load: {url: 'http://h/path'}\nsteps: [{get: /}]\n",
		"http://h/path has a path, and of the URL of a scenario only the origin is taken");
	refused("load: {url: 'ftp://h'}\nsteps: [{get: /}]\n", "ftp");
	setup();
	refused_as(ERR_INPUT, "load: {url: http://h, data: none.csv}\nsteps: [{get: /}]\n",
		"dir/none.csv");
}
END_TEST

START_TEST(refused_in_steps)
{
	step_refused("  - /x\n", "dir/s.yaml:3: a step is a text, and must be a map of keys");
	step_refused("  - get: /\n    chekc: {}\n",
		"dir/s.yaml:4: unknown key 'chekc' in a step; did you mean 'check'?");
	step_refused("  - name: x\n", "dir/s.yaml:3: a step that requests nothing");
	step_refused("  - get: /\n    post: /\n", "dir/s.yaml:3: a step has both get and post");
	step_refused("  - get: [/]\n", "dir/s.yaml:3: get is a list, and must be one value");
	step_refused("  - get: ''\n", "dir/s.yaml:3: get has no value");
	step_refused("  - get: /{nobody}\n", "dir/s.yaml:3: /{nobody}: nothing is called 'nobody'");
	step_refused("  - get: /\n    name: []\n", "dir/s.yaml:4: name is a list");
	step_refused("  - get: /\n    headers: [a]\n", "dir/s.yaml:4: headers is a list");
	step_refused("  - get: /\n    headers: {a: [b]}\n", "dir/s.yaml:4: a is a list");
	step_refused("  - get: /\n    headers: {a: }\n", "dir/s.yaml:4: a has no value");
	step_refused("  - get: /\n    headers: {a b: c}\n", "dir/s.yaml:3: header 'a b: c'");
	step_refused("  - get: /\n    headers: {Content-Length: 3}\n", "dir/s.yaml:3: header");
	step_refused("  - get: /\n    body: a\n    json: b\n",
		"dir/s.yaml:3: a step has both body and json");
	step_refused("  - get: /\n    form: {a: b}\n    body_file: b\n",
		"dir/s.yaml:3: a step has both form and body_file");
	step_refused("  - get: /\n    body: {a: b}\n", "dir/s.yaml:4: body is a map");
	step_refused("  - get: /\n    form: a=b\n", "dir/s.yaml:4: form is a text");
	step_refused("  - get: /\n    form: {a: [b]}\n", "dir/s.yaml:4: a is a list");
	step_refused("  - get: /\n    json: [12345678901234567890]\n",
		"dir/s.yaml:4: 12345678901234567890 does not fit into 64 bits");
	step_refused("  - get: /\n    body_file: ''\n", "dir/s.yaml:4: body_file has no value");
	step_refused("  - get: /\n    think: x\n", "dir/s.yaml:4: think: ");
	step_refused("  - get: /\n    weight: 2\n", "dir/s.yaml:4: weight without pick: one");
	refused(URL "pick: one\nsteps: [{get: /, weight: 0}]\n", "dir/s.yaml:3: weight: ");
	refused(URL "pick: one\nstart: [{get: /, weight: 2}]\nsteps: [{get: /}]\n",
		"dir/s.yaml:3: weight in start");
	refused("steps:\n  - get: /x\n", "dir/s.yaml:2: where is /x? Give the URL");
	refused("steps:\n  - get: http://{x}/\n", "dir/s.yaml:2: ");
	setup();
	refused_as(ERR_INPUT, URL "steps: [{get: /, body_file: none}]\n", "dir/none");
}
END_TEST

START_TEST(refused_in_take)
{
	step_refused("  - get: /\n    take: x\n", "dir/s.yaml:4: take is a text");
	step_refused("  - get: /\n    take:\n      x: /token\n",
		"dir/s.yaml:5: x must say where its value is, as {json: /path}");
	step_refused("  - get: /\n    take:\n      x: {}\n", "dir/s.yaml:5: x must say where");
	step_refused("  - get: /\n    take:\n      x: {json: /a, header: b}\n",
		"dir/s.yaml:5: x must say where");
	step_refused("  - get: /\n    take:\n      x: {jsn: /a}\n",
		"dir/s.yaml:5: unknown key 'jsn' in x; did you mean 'json'? There is json, "
		"header, "
		"regex");
	step_refused("  - get: /\n    take: {x: {json: a}}\n",
		"dir/s.yaml:4: 'a' is no JSON pointer; write it as /user/name");
	step_refused("  - get: /\n    take: {x: {json: /a~2}}\n", "'/a~2' is no JSON pointer");
	step_refused("  - get: /\n    take: {x: {json: }}\n", "dir/s.yaml:4: json has no value");
	step_refused("  - get: /\n    take: {x: {regex: 'a(b'}}\n",
		"dir/s.yaml:4: regex: 'a(b' is no regular expression: behind its byte 3, ");
	step_refused("  - get: /\n    take: {a b: {json: /a}}\n",
		"dir/s.yaml:4: 'a b' is no name for a value");
	step_refused("  - get: /\n    take: {seq: {json: /a}}\n",
		"dir/s.yaml:4: {seq} is a placeholder that is always there");
}
END_TEST

START_TEST(refused_in_check)
{
	step_refused("  - get: /\n    check:\n", "dir/s.yaml:4: check is empty");
	step_refused("  - get: /\n    check: [a]\n", "dir/s.yaml:4: check is a list");
	step_refused("  - get: /\n    check: {stauts: 200}\n",
		"dir/s.yaml:4: unknown key 'stauts' in check; did you mean 'status'?");
	step_refused("  - get: /\n    check: {status: ok}\n", "dir/s.yaml:4: 'ok' is no status");
	step_refused("  - get: /\n    check: {status: 6xx}\n", "'6xx' is no status");
	step_refused("  - get: /\n    check: {status: 99}\n", "'99' is no status");
	step_refused("  - get: /\n    check: {status: 600}\n", "'600' is no status");
	step_refused("  - get: /\n    check: {status: 300-200}\n", "'300-200' is no status");
	step_refused("  - get: /\n    check: {status: []}\n", "dir/s.yaml:4: status is an empty");
	step_refused("  - get: /\n    check: {status: [200, x]}\n", "'x' is no status");
	step_refused("  - get: /\n    check: {contains: ''}\n", "contains has no value");
	step_refused("  - get: /\n    check: {contains: {a: b}}\n", "contains is a map");
	step_refused("  - get: /\n    check: {contains: [[a]]}\n", "contains has a list in a list");
	step_refused("  - get: /\n    check: {regex: '['}\n",
		"dir/s.yaml:4: regex: '[' is no regular expression: behind its byte 1, ");
	step_refused("  - get: /\n    check: {json: {a: 1}}\n", "'a' is no JSON pointer");
	step_refused("  - get: /\n    check: {json: [a]}\n", "'a' is no JSON pointer");
	step_refused("  - get: /\n    check: {json: }\n", "dir/s.yaml:4: json has no value");
	step_refused("  - get: /\n    check: {json: {}}\n", "dir/s.yaml:4: json is empty");
	step_refused("  - get: /\n    check: {json: [[/a]]}\n", "json is a list");
	step_refused("  - get: /\n    check: {json: {/a: 99999999999999999999}}\n", "64 bits");
	step_refused("  - get: /\n    check: {header: []}\n", "dir/s.yaml:4: header is empty");
	step_refused("  - get: /\n    check: {header: {A: [b]}}\n", "dir/s.yaml:4: A is a list");
	step_refused("  - get: /\n    check: {header: {A: }}\n", "dir/s.yaml:4: A has no value");
	step_refused("  - get: /\n    check: {latency: fast}\n", "dir/s.yaml:4: latency: ");
	step_refused("  - get: /\n    check: {latency: 0s}\n", "dir/s.yaml:4: latency: ");
}
END_TEST

UNIT_MAIN("scenario", a_whole_scenario, its_checks_and_takes, what_is_wanted, one_step_a_turn,
	statuses, json, the_command_line_wins, steps_say_what_is_requested, files_beside_it,
	refused_as_a_whole, refused_in_load, refused_in_steps, refused_in_take, refused_in_check)

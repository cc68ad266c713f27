/* Requests as they are sent, and the lists and archives that they come from. */
#include "unit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "load/har.h"
#include "load/targets.h"
#include "net/http_request.h"

#define AGENT "User-Agent: culprit/" CULPRIT_VERSION "\r\n"

static char *columns[] = {"name", "evil"};
static char values_text[] = "Zoë & co\0x\r\nX-Evil: \"1\"";
static size_t starts[] = {0, 10};
static const struct load_data data = {columns, 2, 1, values_text, starts};
static const struct template_names names = {&data, NULL, 0};

static struct err err;
static struct load_origins origins;
static struct load_targets targets;
static struct load_spec spec;
static struct str scratch, out;
static struct load_fields fields;
static struct rng rng;

static void set_up(void)
{
	spec = (struct load_spec)LOAD_SPEC_INIT;
	rng_seed(&rng, 1, 0);
}

static void tear_down(void)
{
	load_origins_release(&origins);
	load_targets_release(&targets);
	load_fields_release(&fields);
	str_release(&scratch);
	str_release(&out);
}

static void read_targets(void)
{
	ck_assert_msg(!load_targets_read(&targets, &spec, &origins, &names, &err), "%s", err.text);
}

static void refuse(enum err_kind kind, const char *want)
{
	err = (struct err){0};
	ck_assert_int_eq(load_targets_read(&targets, &spec, &origins, &names, &err), -(int)kind);
	ck_assert_msg(strstr(err.text, want) != NULL, "'%s' is not in: %s", want, err.text);
	ck_assert_ptr_null(targets.items);
	load_origins_release(&origins);
}

static struct template_values values(void)
{
	return (struct template_values){.data = &data, .seq = 7, .rng = &rng};
}

/* The bytes of a request; holds until the next one. */
static const char *write_request(size_t i, const char *cookies, bool close, bool expect)
{
	const struct load_request *r = &targets.items[i];
	struct template_values v = values();
	size_t head_len;

	str_clear(&out);
	str_add(&out, "before");
	load_request_write(r, &origins.items[r->origin], &v, cookies, close, expect, &scratch, &out,
		&head_len);
	ck_assert_uint_eq((size_t)(strstr(out.p, "\r\n\r\n") + 4 - out.p), head_len + 6);
	return out.p + 6;
}

static void set_headers(const char **items, size_t n)
{
	spec.headers = (struct opt_list){items, n, 0};
}

/* The value of a field as HTTP/2 sends it, NULL where there is none. */
static const char *field(const char *name)
{
	static char value[200];
	const char *found = NULL;

	for (size_t i = 0; i < fields.n; i++) {
		struct h2_field f = fields.items[i];

		if (f.name.len != strlen(name) || memcmp(f.name.p, name, f.name.len) != 0)
			continue;
		ck_assert_ptr_null(found); /* once only */
		ck_assert_uint_lt(f.value.len, sizeof(value));
		memcpy(value, f.value.p, f.value.len);
		value[f.value.len] = '\0';
		found = value;
	}
	return found;
}

static void make_fields(size_t i, const char *cookies)
{
	const struct load_request *r = &targets.items[i];
	struct template_values v = values();

	load_request_fields(r, &origins.items[r->origin], &v, cookies, &fields);
}

START_TEST(a_simple_request_is_written)
{
	spec.url = "http://[::1]:8080/a?b=1#part";
	read_targets();
	ck_assert_uint_eq(targets.n, 1);
	ck_assert(targets.items[0].constant && !targets.items[0].to_head);
	ck_assert_str_eq(targets.items[0].name, "GET /a?b=1");
	ck_assert_str_eq(write_request(0, NULL, false, true),
		"GET /a?b=1 HTTP/1.1\r\nHost: [::1]:8080\r\n" AGENT "\r\n");
	ck_assert_str_eq(write_request(0, "a=1", true, false),
		"GET /a?b=1 HTTP/1.1\r\nHost: [::1]:8080\r\n" AGENT
		"Connection: close\r\nCookie: a=1\r\n\r\n");
}
END_TEST

START_TEST(the_port_is_said_where_it_is_not_the_usual)
{
	static const char *all[] = {"https://a:443/", "https://a:80/", "http://a:80", "http://A/x"};
	static const char *const want[] = {"a", "a:80", "a", "a"};
	static const size_t origin[] = {0, 1, 2, 2};

	spec.targets = (struct opt_list){all, 4, 0};
	read_targets();
	ck_assert_uint_eq(origins.n, 3);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(targets.items[i].origin, origin[i]);
		ck_assert_str_eq(origins.items[origin[i]].authority, want[i]);
	}
	ck_assert(origins.items[0].tls && !origins.items[2].tls);
	ck_assert_str_eq(targets.items[1].name, "GET a:80/");
}
END_TEST

START_TEST(a_body_is_posted)
{
	spec.url = "http://a/";
	spec.body = "hi";
	read_targets();
	ck_assert_str_eq(targets.items[0].method, "POST");
	load_targets_release(&targets);
	spec.method = "PUT";
	read_targets();
	ck_assert_str_eq(targets.items[0].method, "PUT");
	load_targets_release(&targets);
	spec.method = spec.body = NULL;
	read_targets();
	ck_assert_str_eq(targets.items[0].method, "GET");
}
END_TEST

START_TEST(own_headers_take_the_place_of_ours)
{
	static const char *all[] = {"host: other", "user-agent: me", "Cookie: own={name}",
		"Connection: keep-alive", "Expect: 100-continue", "X-One:1", "TE: gzip",
		"Keep-Alive: 5", "te: trailers"};

	spec.url = "http://a/";
	spec.method = "POST";
	spec.body = "hi";
	set_headers(all, 9);
	read_targets();
	ck_assert(!targets.items[0].constant);
	ck_assert(targets.items[0].takes_row && !targets.items[0].takes_seq);
	ck_assert_str_eq(write_request(0, NULL, false, false),
		"POST / HTTP/1.1\r\nHost: other\r\nContent-Length: 2\r\nCookie: own=Zoë & co\r\n"
		"user-agent: me\r\nConnection: keep-alive\r\nExpect: 100-continue\r\nX-One: 1\r\n"
		"TE: gzip\r\nKeep-Alive: 5\r\nte: trailers\r\n\r\nhi");
	ck_assert_str_eq(write_request(0, "jar=1", true, true),
		"POST / HTTP/1.1\r\nHost: other\r\nConnection: close\r\nContent-Length: 2\r\n"
		"Expect: 100-continue\r\nCookie: jar=1; own=Zoë & co\r\nuser-agent: me\r\n"
		"X-One: 1\r\nTE: gzip\r\nKeep-Alive: 5\r\nte: trailers\r\n\r\nhi");
}
END_TEST

START_TEST(http2_has_fields)
{
	static const char *all[] = {"X-One: {name} ", "Connection: close", "Keep-Alive: 5",
		"Upgrade: x", "Cookie: own=1", "TE: trailers", "Expect: 100-continue",
		"X-Evil: {evil}"};

	spec.url = "https://a:8443/{seq}?q={name}";
	spec.method = "PUT";
	spec.body = "{name}";
	set_headers(all, 8);
	read_targets();
	for (int again = 0; again < 2; again++) {
		make_fields(0, "jar=2");
		ck_assert_uint_eq(fields.n, 10);
		ck_assert_str_eq(field(":method"), "PUT");
		ck_assert_str_eq(field(":scheme"), "https");
		ck_assert_str_eq(field(":authority"), "a:8443");
		ck_assert_str_eq(field(":path"), "/7?q=Zo%C3%AB%20%26%20co");
		ck_assert_str_eq(field("user-agent"), "culprit/" CULPRIT_VERSION);
		ck_assert_str_eq(field("content-length"), "9");
		ck_assert_str_eq(field("cookie"), "jar=2; own=1");
		ck_assert_str_eq(field("x-one"), "Zoë & co");
		ck_assert_str_eq(field("te"), "trailers");
		ck_assert_str_eq(field("x-evil"), "x  X-Evil: \"1\"");
		ck_assert_uint_eq(fields.payload.len, 9);
		ck_assert_int_eq(memcmp(fields.payload.p, "Zoë & co", 9), 0);
		for (size_t i = 0; i < 4; i++) /* pseudo-headers first */
			ck_assert_int_eq(fields.items[i].name.p[0], ':');
	}
	load_targets_release(&targets);
	static const char *blanks[] = {"X-One: \t{rand:3-3}\t", "Host: {name}", "X-Two: "};

	spec.method = "GET";
	spec.body = NULL;
	set_headers(blanks, 3);
	read_targets();
	make_fields(0, NULL);
	ck_assert_str_eq(field(":authority"), "Zoë & co");
	ck_assert_str_eq(field("x-one"), "3");
	ck_assert_str_eq(field("x-two"), "");
	ck_assert_ptr_null(field("cookie"));
	ck_assert_ptr_null(field("content-length"));
	ck_assert_ptr_null(fields.payload.p);
}
END_TEST

/* What a value holds must not matter: each request is one, with the fields that it should have. */
START_TEST(data_cannot_break_out)
{
	static const char *all[] = {"X-Test: {evil}", "Cookie: c={evil}", "Host: {evil}",
		"Content-Type: application/json"};
	struct http_request parsed;
	const char *bytes;
	json_t *json;

	spec.url = "http://a/{evil}?{evil}";
	spec.method = "POST";
	spec.body = "{\"v\":\"{evil}\"}";
	set_headers(all, 4);
	read_targets();
	bytes = write_request(0, NULL, false, false);
	ck_assert_ptr_null(strstr(bytes, "\nX-Evil"));
	ck_assert_int_eq(http_request_read(&parsed, bytes, out.len - 6), 1);
	ck_assert_ptr_nonnull(strstr(bytes,
		"POST /x%0D%0AX-Evil%3A%20%221%22?x%0D%0AX-Evil%3A%20%221%22 HTTP/1.1\r\n"
		"Host: x  X-Evil: \"1\"\r\n"));
	json = json_loads(bytes + parsed.head_len, 0, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(json, "v")), "x\r\nX-Evil: \"1\"");
	json_decref(json);
}
END_TEST

START_TEST(bodies_are_of_their_kind)
{
	static const char *json[] = {"Content-Type: application/problem+json; charset=utf-8"};
	static const char *fields_given[] = {"who={name}", "b c=1&2", "empty=", "a={{name}}"};
	static const char *typed[] = {"content-type: application/x-www-form-urlencoded; x=1"};

	spec.url = "http://a/";
	spec.method = "PATCH";
	read_targets();
	ck_assert_ptr_nonnull(
		strstr(write_request(0, NULL, false, true), "Content-Length: 0\r\n\r\n"));
	load_targets_release(&targets);
	spec.body = "[\"{evil}\"]";
	read_targets();
	ck_assert_ptr_nonnull(strstr(write_request(0, NULL, false, false),
		"Content-Length: 18\r\n\r\n[\"x\r\nX-Evil: \"1\"\"]"));
	load_targets_release(&targets);
	set_headers(json, 1);
	read_targets();
	ck_assert_ptr_nonnull(strstr(write_request(0, NULL, false, false),
		"\r\n\r\n[\"x\\u000d\\nX-Evil: \\\"1\\\"\"]"));
	load_targets_release(&targets);
	set_headers(NULL, 0);
	spec.body = NULL;
	spec.form = (struct opt_list){fields_given, 4, 0};
	read_targets();
	ck_assert_ptr_nonnull(strstr(write_request(0, NULL, false, false),
		"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
		"who=Zo%C3%AB%20%26%20co&b%20c=1%262&empty=&a=%7Bname%7D"));
	load_targets_release(&targets);
	set_headers(typed, 1);
	read_targets();
	ck_assert_ptr_null(strstr(write_request(0, NULL, false, false), "Content-Type"));
}
END_TEST

START_TEST(a_body_may_be_a_file)
{
	static const char NUL[] = "a\0b{seq}";

	ck_assert_int_eq(file_write("body", NUL, sizeof(NUL) - 1, &err), 0);
	spec.url = "http://a/";
	spec.body_file = "body";
	read_targets();
	ck_assert_ptr_nonnull(strstr(write_request(0, NULL, false, false), "Length: 4\r\n\r\na"));
	ck_assert_int_eq(memcmp(out.p + out.len - 4, "a\0b7", 4), 0);
	load_targets_release(&targets);
	ck_assert_int_eq(file_write("body", "", 0, &err), 0);
	read_targets();
	ck_assert_ptr_nonnull(strstr(write_request(0, NULL, false, false), "Length: 0\r\n\r\n"));
	load_targets_release(&targets);
	unlink("body");
	refuse(ERR_INPUT, "body");
}
END_TEST

START_TEST(writing_allocates_once)
{
	static const char *all[] = {"X-A: {hex:20}", "Cookie: {name}"};
	const char *p, *q, *text;

	spec.url = "http://a/{uuid}/{name}";
	spec.method = "POST";
	spec.body = "{text:200}";
	set_headers(all, 2);
	read_targets();
	write_request(0, "jar=1", true, true);
	make_fields(0, "jar=1");
	p = out.p;
	q = scratch.p;
	text = fields.text.p;
	for (int i = 0; i < 1000; i++) {
		write_request(0, "jar=1", true, true);
		make_fields(0, "jar=1");
		ck_assert(out.p == p && scratch.p == q && fields.text.p == text);
	}
}
END_TEST

static const struct line {
	const char *line, *method, *url;
	double weight;
} LINES[] = {
	{"http://a/b", "", "http://a/b", 1},
	{"/b", "", "/b", 1},
	{"POST /b", "POST", "/b", 1},
	{"3x /b", "", "/b", 3},
	{"\t2.5x \t PURGE\t /b", "PURGE", "/b", 2.5},
	{"localhost", "", "localhost", 1},
	{"3xx /b", "3xx", "/b", 1}, /* a token */
	{"http://a/b c", "", "http://a/b c", 1},
};

START_TEST(lines_are_read)
{
	const struct line *l = &LINES[_i];
	struct str method = STR_INIT;
	const char *url;
	double weight;

	ck_assert_msg(
		!load_target_line(l->line, NULL, &weight, &method, &url, &err), "%s", err.text);
	ck_assert_str_eq(str_text(&method), l->method);
	ck_assert_str_eq(url, l->url);
	ck_assert(weight == l->weight);
	str_release(&method);
}
END_TEST

static const struct bad {
	const char *line, *want;
} BAD_LINES[] = {
	{"POST", "here: 'POST' has no URL behind it; a target is written as [Nx ][METHOD ]URL"},
	{"3x", "here: '3x' has no URL"},
	{"3x GET ", "here: 'GET' has no URL"},
	{"", "has no URL"},
	{"  ", "has no URL"},
	{"0x /a", "here: the weight '0x' must be a number from 0.000001 to 1000000, then x"},
	{"1.2.3x /a", "the weight '1.2.3x'"},
	{"9999999x /a", "the weight '9999999x'"},
};

START_TEST(bad_lines_are_refused)
{
	struct str method = STR_INIT;
	const char *url;
	double weight;

	ck_assert_int_eq(load_target_line(BAD_LINES[_i].line, "here", &weight, &method, &url, &err),
		-ERR_USAGE);
	ck_assert_msg(strstr(err.text, BAD_LINES[_i].want) != NULL, "'%s' is not in: %s",
		BAD_LINES[_i].want, err.text);
	str_release(&method);
}
END_TEST

START_TEST(a_list_is_read)
{
	static const char LIST[] = "\xef\xbb\xbf# paths\r\n\r\n3x /a \r\n  POST http://b:81/c\n"
				   "/a\n/a\nHEAD /d";

	ck_assert_int_eq(file_write("list", LIST, sizeof(LIST) - 1, &err), 0);
	spec.url = "http://a:80/only/a/base";
	spec.urls_file = "list";
	spec.method = "PUT";
	spec.body = "x";
	read_targets();
	ck_assert_uint_eq(targets.n, 5);
	ck_assert_str_eq(targets.items[0].name, "PUT /a");
	ck_assert(targets.items[0].weight == 3 && targets.items[1].weight == 1);
	ck_assert_str_eq(targets.items[1].name, "POST b:81/c");
	ck_assert_str_eq(targets.items[2].name, "PUT /a (2)");
	ck_assert_str_eq(targets.items[3].name, "PUT /a (3)");
	ck_assert(targets.items[4].to_head && !targets.items[4].has_body);
	ck_assert(targets.items[0].has_body && targets.items[1].has_body);
	ck_assert_uint_eq(origins.n, 2);
	ck_assert_uint_eq(targets.items[1].origin, 1);
	unlink("list");
}
END_TEST

static void refuse_list(const char *text, size_t len, enum err_kind kind, const char *want)
{
	ck_assert_int_eq(file_write("list", text, len, &err), 0);
	spec.urls_file = "list";
	refuse(kind, want);
	unlink("list");
}

START_TEST(bad_lists_name_the_line)
{
	static const char *bad_header[] = {"X-A: {nmae}"};

	refuse_list(
		"http://a/\n/b c\n", 15, ERR_USAGE, "list:2: http://a/b c: a URL has no spaces");
	refuse_list("\n\n/b\n", 5, ERR_USAGE,
		"list:3: '/b' has no host, and no URL before it gives one");
	refuse_list("http://a/{nmae}\n", 16, ERR_USAGE,
		"list:1: http://a/{nmae}: nothing is called 'nmae'; did you mean 'name'?");
	refuse_list("http://a/\n0x /\n", 15, ERR_USAGE, "list:2: the weight '0x'");
	refuse_list("http://a/\n/\0\n", 13, ERR_INPUT, "list:2: a NUL byte");
	refuse_list("# nothing\n\n", 11, ERR_INPUT, "list: has no URL in it");
	refuse_list("", 0, ERR_INPUT, "list: has no URL in it");
	refuse_list("CONNECT http://a/\n", 18, ERR_USAGE, "list:1: the method CONNECT");
	spec.order = LOAD_IN_ORDER;
	refuse_list("http://a/\n2.5x /\n", 17, ERR_USAGE, "list:2: the weight 2.5 is not whole");
	spec.order = LOAD_RANDOM;
	set_headers(bad_header, 1);
	refuse_list("http://a/\n", 10, ERR_USAGE, "list:1: header 'X-A': nothing is called");
	spec.urls_file = "no-such-list";
	refuse(ERR_INPUT, "no-such-list");
}
END_TEST

START_TEST(a_spec_that_makes_no_sense_is_refused)
{
	static const char *folded[] = {"A: b\r\nC: d"}, *length[] = {"content-length: 5"},
			  *nameless[] = {": x"}, *placeholder[] = {"{name}: x"},
			  *twice[] = {"Host: a", "host: b"}, *field_only[] = {"a"};
	static const char *relative[] = {"/{name}"}, *ports[] = {"http://a:{name}/"};

	refuse(ERR_USAGE, "a URL is missing; give one as http://host:port/path");
	spec.url = "";
	refuse(ERR_USAGE, "a URL is missing");
	spec.url = NULL;
	spec.targets = (struct opt_list){relative, 1, 0};
	refuse(ERR_USAGE, "target: '/{name}' has no host");
	spec.targets = (struct opt_list){ports, 1, 0};
	refuse(ERR_USAGE, "target: http://a:{name}/: a placeholder may stand in the path and the "
			  "query, not in the scheme, host or port");
	spec.targets.n = 0;
	spec.url = "{name}/x";
	refuse(ERR_USAGE, "{name}/x: a placeholder may stand");
	spec.url = "http://a/";
	spec.method = "GET /";
	refuse(ERR_USAGE, "'GET /' is no request method; use GET, POST, …");
	spec.method = "";
	refuse(ERR_USAGE, "'' is no request method");
	spec.method = "CONNECT";
	refuse(ERR_USAGE, "the method CONNECT opens a tunnel; use another one");
	spec.method = "GET";
	set_headers(folded, 1);
	refuse(ERR_USAGE, "it must read 'Name: value', in one line");
	set_headers(nameless, 1);
	refuse(ERR_USAGE, "header ': x': it must read");
	set_headers(placeholder, 1);
	refuse(ERR_USAGE, "header '{name}: x': it must read");
	set_headers(length, 1);
	refuse(ERR_USAGE, "the length is computed from the body; leave it out");
	set_headers(twice, 2);
	refuse(ERR_USAGE, "the header Host is given twice");
	set_headers(NULL, 0);
	spec.body = "{nmae}";
	refuse(ERR_USAGE, "body: nothing is called 'nmae'");
	spec.body_file = "x";
	refuse(ERR_USAGE, "body, body-file and form each give the body");
	spec.body = spec.body_file = NULL;
	spec.form = (struct opt_list){field_only, 1, 0};
	refuse(ERR_USAGE, "the form's field 'a' must read name=value");
}
END_TEST

START_TEST(braces_in_a_url_survive)
{
	spec.url = "http://a/x{{id}}/{}?q={name}&f={\"a\":1}#{nmae}";
	read_targets();
	ck_assert_str_eq(write_request(0, NULL, false, false),
		"GET /x{id}/{}?q=Zo%C3%AB%20%26%20co&f={\"a\":1} HTTP/1.1\r\nHost: a\r\n" AGENT
		"\r\n");
}
END_TEST

START_TEST(names_are_cut)
{
	struct str url = STR_INIT;
	const char *name;

	str_add(&url, "http://a/");
	str_add_repeat(&url, "x", 70);
	str_add_repeat(&url, "ö", 40);
	spec.url = url.p;
	read_targets();
	name = targets.items[0].name;
	ck_assert_uint_le(str_width(name), 80);
	ck_assert_str_eq(name + strlen(name) - strlen("ö…"), "ö…");
	load_targets_release(&targets);
	url.p[9 + 70] = '\0';
	str_add(&url, "");
	read_targets();
	ck_assert_uint_eq(str_width(targets.items[0].name), 5 + 70);
	ck_assert_ptr_null(strstr(targets.items[0].name, "…"));
	str_release(&url);
}
END_TEST

START_TEST(hosts_have_a_limit)
{
	struct str list = STR_INIT;

	for (int i = 0; i < LOAD_ORIGINS_MAX; i++)
		str_addf(&list, "http://host%d/\n", i);
	ck_assert_int_eq(file_write("list", list.p, list.len, &err), 0);
	spec.urls_file = "list";
	read_targets();
	ck_assert_uint_eq(origins.n, LOAD_ORIGINS_MAX);
	load_targets_release(&targets);
	load_origins_release(&origins);
	str_add(&list, "http://host63/again\nhttp://more:81/\n");
	refuse_list(list.p, list.len, ERR_USAGE,
		"list:66: more:81 is one host too many; a run can load 64 of them at once");
	str_release(&list);
}
END_TEST

/* 100,000 lines are read, one more is too many. Half of them have the same name. */
START_TEST(long_lists_are_read)
{
	struct str list = STR_INIT, want = STR_INIT;

	for (int i = 0; i < LOAD_TARGETS_MAX / 2; i++)
		str_addf(&list, "2x GET http://a/item/%d\n/same?{seq}\n", i);
	ck_assert_int_eq(file_write("list", list.p, list.len, &err), 0);
	spec.urls_file = "list";
	read_targets();
	ck_assert_uint_eq(targets.n, LOAD_TARGETS_MAX);
	ck_assert_uint_eq(origins.n, 1);
	ck_assert_str_eq(targets.items[1].name, "GET /same?{seq}");
	for (size_t i = 3; i < targets.n; i += 2) {
		str_clear(&want);
		str_addf(&want, "GET /same?{seq} (%zu)", i / 2 + 1);
		ck_assert_str_eq(targets.items[i].name, want.p);
	}
	load_targets_release(&targets);
	str_add(&list, "/more\n");
	refuse_list(list.p, list.len, ERR_USAGE, "list:100001: more than 100000 requests");
	str_release(&want);
	str_release(&list);
}
END_TEST

START_TEST(bodies_have_a_limit_together)
{
	struct str list = STR_INIT;
	char *body = mem_alloc((1 << 22) + 1, 1);

	memset(body, 'x', 1 << 22);
	body[1 << 22] = '\0';
	str_add(&list, "http://a/\n");
	str_add_repeat(&list, "/\n", 256);
	spec.body = body;
	refuse_list(list.p, list.len, ERR_USAGE,
		"list:257: the bodies of all requests are together larger than 1 GiB");
	free(body);
	str_release(&list);
}
END_TEST

static const char ARCHIVE[] =
	"{\"log\":{\"version\":\"1.2\",\"entries\":["
	"{\"request\":{\"method\":\"GET\",\"url\":\"https://shop.example/p/{id}?q=1#top\","
	"\"headers\":[{\"name\":\":authority\",\"value\":\"x\"},{\"name\":\"Host\",\"value\":\"x\"}"
	","
	"{\"name\":\"Accept\",\"value\":\"a/{b}\"},{\"name\":\"cookie\",\"value\":\"s=1\"},"
	"{\"name\":\"Connection\",\"value\":\"close\"},{\"name\":\"Content-Length\",\"value\":"
	"\"3\"}"
	"]}},"
	"{\"request\":{\"method\":\"GET\",\"url\":\"data:image/png;base64,AA\"}},"
	"{\"request\":{\"method\":\"GET\",\"url\":\"wss://shop.example/\"}},"
	"{\"request\":{\"method\":\"GET\",\"url\":\"chrome-extension://abc/x.js\"}},"
	"{\"request\":{\"method\":\"POST\",\"url\":\"HTTPS://shop.example/gql\",\"headers\":["
	"{\"name\":\"content-type\",\"value\":\"application/json\"}],"
	"\"postData\":{\"mimeType\":\"application/json\",\"text\":\"{user(id:1){name}} {{x}}\"}}},"
	"{\"request\":{\"method\":\"POST\",\"url\":\"http://other:81/form\",\"headers\":[],"
	"\"postData\":{\"mimeType\":\"application/x-www-form-urlencoded; charset=utf-8\","
	"\"params\":[{\"name\":\"a b\",\"value\":\"1&2\"},{\"name\":\"c\"}]}}},"
	"{\"request\":{\"method\":\"PUT\",\"url\":\"http://other:81/nul\","
	"\"postData\":{\"mimeType\":\"\",\"text\":\"a\\u0000b\"}}}"
	"]}}";

START_TEST(an_archive_is_read)
{
	static const char *own[] = {"Cookie: s={name}", "X-Own: 1"};

	ck_assert_int_eq(file_write("har", ARCHIVE, sizeof(ARCHIVE) - 1, &err), 0);
	spec.har_file = "har";
	read_targets();
	ck_assert_uint_eq(targets.n, 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert(targets.items[i].constant);
	ck_assert_uint_eq(origins.n, 2);
	ck_assert(origins.items[0].tls && !origins.items[1].tls);
	ck_assert_str_eq(write_request(0, NULL, false, false),
		"GET /p/{id}?q=1 HTTP/1.1\r\nHost: shop.example\r\n" AGENT
		"Cookie: s=1\r\nAccept: a/{b}\r\n\r\n");
	ck_assert_str_eq(write_request(1, NULL, false, false),
		"POST /gql HTTP/1.1\r\nHost: shop.example\r\n" AGENT
		"Content-Length: 24\r\ncontent-type: application/json\r\n\r\n"
		"{user(id:1){name}} {{x}}");
	ck_assert_str_eq(write_request(2, NULL, false, false),
		"POST /form HTTP/1.1\r\nHost: other:81\r\n" AGENT
		"Content-Length: 14\r\nContent-Type: application/x-www-form-urlencoded; "
		"charset=utf-8\r\n\r\na%20b=1%262&c=");
	write_request(3, NULL, false, false);
	ck_assert_int_eq(memcmp(out.p + out.len - 7, "\r\n\r\na\0b", 7), 0);
	load_targets_release(&targets);

	set_headers(own, 2); /* in place of the recorded ones */
	spec.order = LOAD_IN_ORDER;
	read_targets();
	ck_assert_str_eq(write_request(0, NULL, false, false),
		"GET /p/{id}?q=1 HTTP/1.1\r\nHost: shop.example\r\n" AGENT
		"Cookie: s=Zoë & co\r\nAccept: a/{b}\r\nX-Own: 1\r\n\r\n");
	load_targets_release(&targets);
	spec.body = "x";
	refuse(ERR_USAGE, "har: an archive brings the bodies of its requests");
	unlink("har");
}
END_TEST

#define ENTRY(text) "{\"log\":{\"entries\":[{\"request\":" text "}]}}"

static const struct bad BAD_ARCHIVES[] = {
	{"", "har: line 1, column 0:"},
	{"{\"log\":", "this is no HTTP archive"},
	{"[]", "har: it has no list log.entries; this is no HTTP archive (HAR 1.2)"},
	{"{\"log\":{\"entries\":{}}}", "log.entries"},
	{"{\"log\":{\"entries\":[]}}", "har: has no request over http or https in it"},
	{ENTRY("{\"method\":\"GET\",\"url\":\"ws://a/\"}"), "no request over http"},
	{"{\"log\":{\"entries\":[5]}}", "har: entry 1: its request has no url or no method"},
	{ENTRY("{\"method\":\"GET\"}"), "har: entry 1: its request has no url"},
	{ENTRY("{\"url\":\"http://a/\",\"method\":5}"), "no url or no method"},
	{ENTRY("{\"method\":\"GET\",\"url\":\"http://a/\",\"headers\":{}}"),
		"har: entry 1: request.headers is not a list"},
	{ENTRY("{\"method\":\"GET\",\"url\":\"http://a/\",\"headers\":[{\"name\":\"x\"}]}"),
		"har: entry 1: a header has no name or no value"},
	{ENTRY("{\"method\":\"GET\",\"url\":\"http://a/\",\"headers\":"
	       "[{\"name\":\"x\",\"value\":\"a\\r\\nb: c\"}]}"),
		"har: entry 1: header 'x: a\r\nb: c': it must read"},
	{ENTRY("{\"method\":\"GET\",\"url\":\"http://a/\",\"headers\":"
	       "[{\"name\":\"x:{uuid}\",\"value\":\"a\"}]}"),
		"har: entry 1: the name of a header is none"},
	{ENTRY("{\"method\":\"G T\",\"url\":\"http://a/\"}"),
		"har: entry 1: 'G T' is no request method"},
	{ENTRY("{\"method\":\"GET\",\"url\":\"http://a/ b\"}"), "har: entry 1: http://a/ b: a URL"},
	{ENTRY("{\"method\":\"GET\",\"url\":\"http://{a}/\"}"),
		"har: entry 1: http://{{a}}/: a placeholder"},
	{ENTRY("{\"method\":\"GET\",\"url\":\"http://a/\",\"postData\":[]}"),
		"har: entry 1: request.postData is not an object"},
	{ENTRY("{\"method\":\"GET\",\"url\":\"http://a/\",\"postData\":{\"params\":[{}]}}"),
		"har: entry 1: a field of postData has no name"},
	{ENTRY("{\"method\":\"GET\",\"url\":\"http://a/\",\"postData\":{\"params\":"
	       "[{\"name\":\"f\",\"fileName\":\"x\"}],\"mimeType\":\"multipart/form-data\"}}"),
		"har: entry 1: postData has fields and no text"},
};

START_TEST(bad_archives_name_the_entry)
{
	const struct bad *b = &BAD_ARCHIVES[_i];

	ck_assert_int_eq(file_write("har", b->line, strlen(b->line), &err), 0);
	spec.har_file = "har";
	err = (struct err){0};
	ck_assert_int_lt(load_targets_read(&targets, &spec, &origins, &names, &err), 0);
	ck_assert_msg(strstr(err.text, b->want) != NULL, "'%s' is not in: %s", b->want, err.text);
	unlink("har");
}
END_TEST

static int count(void *arg, const struct load_request_text *text, struct err *e)
{
	(void)text;
	(void)e;
	++*(size_t *)arg;
	return 0;
}

/* Cut at every byte, with nothing to read behind it: an error, never more entries than there are.
 */
START_TEST(archives_stay_within_their_bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), len = sizeof(ARCHIVE) - 1, n = 0;
	char *map =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct har_hooks hooks = {count, &n};

	ck_assert(map != MAP_FAILED && len <= page);
	ck_assert_int_eq(mprotect(map + page, page, PROT_NONE), 0);
	for (size_t cut = 0; cut < len; cut++) {
		memcpy(map + page - cut, ARCHIVE, cut);
		ck_assert_int_eq(har_read("har", map + page - cut, cut, &hooks, &err), -ERR_INPUT);
		ck_assert_uint_eq(n, 0);
	}
	memcpy(map + page - len, ARCHIVE, len);
	ck_assert_int_eq(har_read("har", map + page - len, len, &hooks, &err), 0);
	ck_assert_uint_eq(n, 4);
	munmap(map, 2 * page);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	const TTest *const once[] = {a_simple_request_is_written,
		the_port_is_said_where_it_is_not_the_usual, a_body_is_posted,
		own_headers_take_the_place_of_ours, http2_has_fields, data_cannot_break_out,
		bodies_are_of_their_kind, a_body_may_be_a_file, writing_allocates_once,
		a_list_is_read, bad_lists_name_the_line, a_spec_that_makes_no_sense_is_refused,
		braces_in_a_url_survive, names_are_cut, hosts_have_a_limit, long_lists_are_read,
		bodies_have_a_limit_together, an_archive_is_read, archives_stay_within_their_bytes};
	char folder[] = "/tmp/culprit-targets-XXXXXX";
	Suite *suite = suite_create("targets");
	TCase *tc = tcase_create("targets");
	int failed;

	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	tcase_add_checked_fixture(tc, set_up, tear_down);
	for (int i = 0; i < COUNT(once); i++)
		tcase_add_test(tc, once[i]);
	tcase_add_loop_test(tc, lines_are_read, 0, COUNT(LINES));
	tcase_add_loop_test(tc, bad_lines_are_refused, 0, COUNT(BAD_LINES));
	tcase_add_loop_test(tc, bad_archives_name_the_entry, 0, COUNT(BAD_ARCHIVES));
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	rmdir(folder);
	return failed != 0;
}

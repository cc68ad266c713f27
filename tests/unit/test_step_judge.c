/* Takes and checks on answers. Headers and bodies end at a page that nobody may read. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/clock.h"
#include "guard.h"
#include "load/regex.h"
#include "load/scenario.h"
#include "unit.h"

enum { MAX_TAKEN = 4, MAX_CHECKS = 16 };

static struct err err;
static struct load_spec spec;
static struct load_origins origins;
static struct load_scenario_file file;
static char *taken[MAX_TAKEN];
static uint64_t passed[MAX_CHECKS], failed[MAX_CHECKS];
static struct guard headers, body;

/* A step with these keys, as lines of YAML in braces. */
static void step_is(const char *keys)
{
	struct str text = STR_INIT;

	load_spec_init(&spec);
	str_addf(&text, "steps: [{get: http://h/, %s}]", keys);
	ck_assert_msg(
		!load_scenario_read_bytes(&file, "s.yaml", text.p, text.len, &spec, &origins, &err),
		"%s: %s", text.p, err.text);
	ck_assert_uint_le(file.scenario.n_checks, MAX_CHECKS);
	str_release(&text);
	memset(passed, 0, sizeof(passed));
	memset(failed, 0, sizeof(failed));
}

static void done(void)
{
	load_scenario_file_release(&file);
	load_origins_release(&origins);
	load_spec_release(&spec);
	for (size_t i = 0; i < MAX_TAKEN; i++) {
		free(taken[i]);
		taken[i] = NULL;
	}
}

static bool judge_bytes(const char *head, const void *bytes, size_t n, uint64_t latency_ns)
{
	struct load_answer a = {.status = 200, .latency_ns = latency_ns};

	if (!headers.pages) {
		headers = guard_new(65536);
		body = guard_new(5 << 20);
	}
	a.n_headers = strlen(head);
	a.headers = guard_put(&headers, head, a.n_headers);
	a.n_body = n;
	a.body = guard_put(&body, bytes, n);
	return load_step_judge(&file.scenario.steps[0], &a, taken, passed, failed);
}

static bool judge(const char *head, const char *text)
{
	return judge_bytes(head, text, strlen(text), 0);
}

/* One check on one answer: whether it held, and that it was counted so. */
static bool holds(const char *check, const char *head, const char *text)
{
	char keys[400];
	bool held;

	snprintf(keys, sizeof(keys), "check: {%s}", check);
	step_is(keys);
	ck_assert_uint_eq(file.scenario.n_checks, 1);
	held = judge(head, text);
	ck_assert_uint_eq(passed[0], held);
	ck_assert_uint_eq(failed[0], !held);
	done();
	return held;
}

START_TEST(contains_and_regex)
{
	ck_assert(holds("contains: lo w", "", "hello world"));
	ck_assert(!holds("contains: lo  w", "", "hello world"));
	ck_assert(holds("contains: world", "", "hello world"));
	ck_assert(!holds("contains: worlds", "", "hello world"));
	ck_assert(!holds("contains: x", "", ""));
	ck_assert(holds("regex: '^h.*d$'", "", "hello world"));
	ck_assert(!holds("regex: '^w'", "", "hello world"));
	ck_assert(holds("regex: '(?m)^w'", "", "hello\nworld"));
	ck_assert(holds("regex: '^$'", "", ""));
	ck_assert(holds("regex: '^.$'", "", "ü"));
	ck_assert(holds("regex: 'b'", "",
		"\xff\xfe"
		"b"));
	/* The group need not take part. */
	ck_assert(holds("regex: '(x)?h'", "", "hello"));
}
END_TEST

START_TEST(json_values)
{
	static const char TEXT[] =
		"{\"a\": {\"b\": [1, 2.5, null]}, \"t\": true, \"s\": \"x\", \"\": 5, "
		"\"m~n\": 6, \"p/q\": 7, \"0\": 8, \"o\": {\"x\": 1, \"y\": 2}}";

	ck_assert(holds("json: {/t: true}", "", TEXT));
	ck_assert(!holds("json: {/t: false}", "", TEXT));
	ck_assert(!holds("json: {/t: 'true'}", "", TEXT));
	ck_assert(holds("json: {/s: x}", "", TEXT));
	ck_assert(holds("json: {/a/b/0: 1}", "", TEXT));
	ck_assert(holds("json: {/a/b/0: 1.0}", "", TEXT));
	ck_assert(!holds("json: {/a/b/0: 1.5}", "", TEXT));
	ck_assert(holds("json: {/a/b/1: 2.5}", "", TEXT));
	ck_assert(holds("json: {/a/b/2: null}", "", TEXT));
	ck_assert(holds("json: /a/b/2", "", TEXT));
	ck_assert(!holds("json: {/a/b/3: null}", "", TEXT));
	ck_assert(!holds("json: /a/b/00", "", TEXT));
	ck_assert(!holds("json: /a/b/-", "", TEXT));
	ck_assert(!holds("json: /a/b/", "", TEXT));
	ck_assert(!holds("json: /a/b/99999999999999999999", "", TEXT));
	ck_assert(holds("json: {/: 5}", "", TEXT));
	ck_assert(holds("json: {/m~0n: 6}", "", TEXT));
	ck_assert(holds("json: {/p~1q: 7}", "", TEXT));
	ck_assert(holds("json: {/0: 8}", "", TEXT));
	ck_assert(holds("json: {/o: {y: 2, x: 1}}", "", TEXT));
	ck_assert(!holds("json: {/o: {x: 1}}", "", TEXT));
	ck_assert(!holds("json: /s/x", "", TEXT));
	ck_assert(!holds("json: /none", "", TEXT));
	ck_assert(!holds("json: /t", "", "{\"t\": true"));
	ck_assert(!holds("json: /t", "", ""));
	ck_assert(holds("json: {'': 3}", "", "3"));
}
END_TEST

START_TEST(header_values)
{
	static const char HEAD[] = "Content-Type: text/html; charset=utf-8\nx-a: 1\nX-A:  two  \n"
				   "empty:\nno field\nLast: end";

	ck_assert(holds("header: X-A", HEAD, ""));
	ck_assert(holds("header: last", HEAD, ""));
	ck_assert(!holds("header: X", HEAD, ""));
	ck_assert(!holds("header: X-AB", HEAD, ""));
	ck_assert(!holds("header: X-A", "", ""));
	ck_assert(holds("header: {X-a: two}", HEAD, ""));
	ck_assert(holds("header: {X-a: '1'}", HEAD, ""));
	ck_assert(!holds("header: {X-a: t}", HEAD, ""));
	ck_assert(!holds("header: {X-a: twos}", HEAD, ""));
	ck_assert(holds("header: {content-type: text/html}", HEAD, ""));
	ck_assert(holds("header: {content-type: text/html; charset=utf-8}", HEAD, ""));
	ck_assert(!holds("header: {content-type: text}", HEAD, ""));
	ck_assert(holds("header: {last: end}", HEAD, ""));
	ck_assert(holds("header: empty", HEAD, ""));
}
END_TEST

START_TEST(status_and_latency)
{
	step_is("check: {status: 200, latency: 200ms}");
	ck_assert(judge_bytes("", "", 0, 200000000));
	ck_assert(!judge_bytes("", "", 0, 200000001));
	ck_assert_uint_eq(passed[0], 2);
	ck_assert_uint_eq(passed[1], 1);
	ck_assert_uint_eq(failed[1], 1);
	done();
	ck_assert(!holds("status: [201, 4xx]", "", ""));
	ck_assert(holds("status: [201, 2xx]", "", ""));
}
END_TEST

START_TEST(takes)
{
	step_is("take: {j: {json: /id}, h: {header: x-id}, r: {regex: 'id\": *([0-9]+)'}, "
		"w: {regex: '[0-9]+'}}");
	ck_assert(judge("X-ID:  h1 \nX-Id: h2\n", "{\"id\": 17}"));
	ck_assert_str_eq(taken[0], "17");
	ck_assert_str_eq(taken[1], "h1");
	ck_assert_str_eq(taken[2], "17");
	ck_assert_str_eq(taken[3], "17");
	/* Each that is found is replaced, the others stay as they were. */
	ck_assert(!judge("X-ID: h3\n", "{\"id\": \"x y\"}"));
	ck_assert_str_eq(taken[0], "x y");
	ck_assert_str_eq(taken[1], "h3");
	ck_assert_str_eq(taken[2], "17");
	ck_assert_str_eq(taken[3], "17");
	ck_assert(!judge("", ""));
	ck_assert_str_eq(taken[0], "x y");
	done();
	/* A group that took no part has no value. */
	step_is("take: {r: {regex: 'a|(b)'}}");
	ck_assert(!judge("", "a"));
	ck_assert(judge("", "b"));
	ck_assert_str_eq(taken[0], "b");
	done();
	/* A third group is not looked at, the first may be empty. */
	step_is("take: {r: {regex: '(x*)(y)(z)'}}");
	ck_assert(judge("", "yz"));
	ck_assert_str_eq(taken[0], "");
	done();
}
END_TEST

static void json_text_is(const char *json, const char *text)
{
	ck_assert_msg(judge("", json), "%s", json);
	ck_assert_msg(!strcmp(taken[0], text), "%s: %s", json, taken[0]);
}

START_TEST(values_as_text)
{
	step_is("take: {v: {json: ''}}");
	json_text_is("\"a \\\"b\\\" \\u00fc\"", "a \"b\" ü");
	json_text_is("\"\"", "");
	json_text_is("0.1", "0.1");
	json_text_is("1e3", "1000.0");
	json_text_is("0.30000000000000004", "0.30000000000000004");
	json_text_is("1e300", "1e300");
	json_text_is("-9223372036854775808", "-9223372036854775808");
	json_text_is("true", "true");
	json_text_is("null", "null");
	json_text_is(" [1, {\"b\": \"c\"} ] ", "[1,{\"b\":\"c\"}]");
	done();
}
END_TEST

START_TEST(long_values_are_not_taken)
{
	struct str text = STR_INIT;

	str_add_repeat(&text, "x", LOAD_TAKEN_MAX);
	step_is("take: {r: {regex: 'x+'}}");
	ck_assert(judge_bytes("", text.p, text.len, 0));
	ck_assert_uint_eq(strlen(taken[0]), LOAD_TAKEN_MAX);
	str_add(&text, "x");
	ck_assert(!judge_bytes("", text.p, text.len, 0));
	ck_assert_uint_eq(strlen(taken[0]), LOAD_TAKEN_MAX);
	done();
	str_add(&text, "\"");
	text.p[0] = '"';
	step_is("take: {r: {json: ''}}");
	ck_assert(judge_bytes("", text.p, text.len, 0));
	text.p[text.len - 1] = 'x';
	str_add(&text, "xx\"");
	ck_assert(!judge_bytes("", text.p, text.len, 0));
	done();
	str_release(&text);
}
END_TEST

/* ---- packed bodies ---- */

static void pack(struct str *out, const char *text, size_t n, int window_bits)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)n};
	size_t bound = compressBound(n) + 64;

	ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	str_reserve(out, bound);
	z.next_out = (Bytef *)out->p + out->len;
	z.avail_out = (uInt)bound;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len += z.total_out;
	deflateEnd(&z);
}

START_TEST(packed_bodies)
{
	static const char TEXT[] = "{\"id\": 17}";
	struct str gzip = STR_INIT, zlib = STR_INIT, raw = STR_INIT;

	pack(&gzip, TEXT, 5, 31);
	pack(&gzip, TEXT + 5, 5, 31); /* in two members */
	pack(&zlib, TEXT, 10, 15);
	pack(&raw, TEXT, 10, -15);
	step_is("take: {v: {json: /id}}");
	ck_assert(judge_bytes("content-encoding: gzip\n", gzip.p, gzip.len, 0));
	ck_assert(judge_bytes("Content-Encoding: X-GZIP\n", gzip.p, gzip.len, 0));
	ck_assert(judge_bytes("Content-Encoding: deflate\n", zlib.p, zlib.len, 0));
	ck_assert(judge_bytes("Content-Encoding: deflate\n", raw.p, raw.len, 0));
	ck_assert(judge("Content-Encoding: identity\n", TEXT));
	ck_assert(!judge("Content-Encoding: gzip\n", TEXT));
	ck_assert(!judge("Content-Encoding: deflate\n", TEXT));
	ck_assert(!judge("Content-Encoding: br\n", TEXT));
	ck_assert(!judge_bytes("", gzip.p, gzip.len, 0));
	ck_assert(!judge("Content-Encoding: gzip\n", ""));
	for (size_t n = 0; n < gzip.len; n++)
		ck_assert(!judge_bytes("Content-Encoding: gzip\n", gzip.p, n, 0));
	for (size_t n = 0; n < zlib.len; n++)
		ck_assert(!judge_bytes("Content-Encoding: deflate\n", zlib.p, n, 0));
	done();
	str_release(&gzip);
	str_release(&zlib);
	str_release(&raw);
}
END_TEST

START_TEST(packed_bodies_have_a_ceiling)
{
	struct str text = STR_INIT, gzip = STR_INIT;

	str_add_repeat(&text, "x", LOAD_BODY_MAX - 3);
	str_add(&text, "end");
	pack(&gzip, text.p, text.len, 31);
	step_is("check: {contains: xend}");
	ck_assert(judge_bytes("Content-Encoding: gzip\n", gzip.p, gzip.len, 0));
	pack(&gzip, "y", 1, 31);
	ck_assert(!judge_bytes("Content-Encoding: gzip\n", gzip.p, gzip.len, 0));
	done();
	str_release(&text);
	str_release(&gzip);
}
END_TEST

/* ---- hostile bodies ---- */

/* Each of these would last for minutes or years; given up, it is not found. The bound is forty
 * times REGEX_MAX_MS, so that a busy machine does not matter. */
START_TEST(expressions_are_given_up)
{
	static const char *const PATTERNS[] = {
		"(x+x+)+y",   /* exponential, in one start */
		"x+[^x]",     /* quadratic over all starts, without backtracking */
		".*?x*+[^x]", /* the same in one start */
		"(?:x*)*y",
	};
	struct str text = STR_INIT;

	str_add_repeat(&text, "x", LOAD_BODY_MAX);
	for (size_t i = 0; i < sizeof(PATTERNS) / sizeof(*PATTERNS); i++) {
		struct regex *r = regex_compile(PATTERNS[i], "x", &err);
		uint64_t start = clock_now_ns();

		ck_assert_ptr_nonnull(r);
		ck_assert(!regex_find(r, (struct http_slice){text.p, text.len}, NULL));
		ck_assert_msg(clock_now_ns() - start < 40 * REGEX_MAX_MS * NS_PER_MS, "%s: %.3f s",
			PATTERNS[i], (double)(clock_now_ns() - start) / 1e9);
		regex_free(r);
	}
	str_release(&text);
}
END_TEST

/* What is deep is refused or read, and neither overflows the stack. */
START_TEST(deep_bodies)
{
	struct str text = STR_INIT;

	str_add_repeat(&text, "[", 1000000);
	step_is("check: {json: /0, regex: '(\\[(?1)|x)'}");
	ck_assert(!judge_bytes("", text.p, text.len, 0));
	ck_assert_uint_eq(failed[0], 1);
	ck_assert_uint_eq(failed[1], 1);
	done();
	str_release(&text);
}
END_TEST

UNIT_MAIN("step_judge", contains_and_regex, json_values, header_values, status_and_latency, takes,
	values_as_text, long_values_are_not_taken, packed_bodies, packed_bodies_have_a_ceiling,
	expressions_are_given_up, deep_bodies)

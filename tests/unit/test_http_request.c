/* The request parser: what it takes and refuses, at a guard page, cut at every byte. */
#include "unit.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net/http_request.h"

/* Bytes that end at a page nobody may touch: reading past them is a crash. */
struct guarded {
	char *pages;
	size_t size;
};

static void guarded_init(struct guarded *g, size_t most)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	g->size = (most + page - 1) / page * page;
	g->pages = mmap(
		NULL, g->size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(g->pages != MAP_FAILED);
	ck_assert_int_eq(mprotect(g->pages + g->size, page, PROT_NONE), 0);
}

static const char *guarded_put(struct guarded *g, const void *p, size_t len)
{
	ck_assert_uint_le(len, g->size);
	return memcpy(g->pages + g->size - len, p, len);
}

static int read_text(struct http_request *r, const char *text)
{
	return http_request_read(r, text, strlen(text));
}

START_TEST(reads_a_request)
{
	struct http_request r;
	const char *text = "GET /a/b?x=1&y=%20 HTTP/1.1\r\nHost: h:1\r\nACCEPT:  \t*/* \r\n\r\nGET";

	ck_assert_int_eq(read_text(&r, text), 1);
	ck_assert(http_slice_is(r.method, "GET"));
	ck_assert(http_slice_is(r.path, "/a/b"));
	ck_assert(http_slice_is(r.query, "x=1&y=%20"));
	ck_assert_uint_eq(r.head_len, strlen(text) - 3);
	ck_assert_int_eq(r.minor, 1);
	ck_assert(r.keepalive && !r.chunked && !r.expect_continue);
	ck_assert_uint_eq(r.content_length, 0);
}
END_TEST

START_TEST(knows_forms_of_the_target)
{
	struct http_request r;

	ck_assert_int_eq(read_text(&r, "GET http://h:80/p?q HTTP/1.1\r\nHost: h\r\n\r\n"), 1);
	ck_assert(http_slice_is(r.path, "/p") && http_slice_is(r.query, "q"));
	ck_assert_int_eq(read_text(&r, "GET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n"), 1);
	ck_assert(http_slice_is(r.path, "/") && http_slice_is(r.query, "q"));
	ck_assert_int_eq(read_text(&r, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), 1);
	ck_assert(http_slice_is(r.path, "*") && !r.query.len);
	ck_assert_int_eq(read_text(&r, "\r\n\r\nGET /? HTTP/1.1\r\nHost: h\r\n\r\n"), 1);
	ck_assert(http_slice_is(r.path, "/") && !r.query.len);
}
END_TEST

START_TEST(knows_when_to_close)
{
	static const struct {
		const char *text;
		bool keepalive;
	} CASES[] = {
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
		{"GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", false},
		{"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, close\r\n\r\n", false},
		{"GET / HTTP/1.1\r\nHost: h\r\nConnection: close, keep-alive\r\n\r\n", false},
		{"GET / HTTP/1.1\r\nHost: h\r\nConnection: closer\r\n\r\n", true},
		{"GET / HTTP/1.0\r\n\r\n", false},
		{"GET / HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n", true},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct http_request r;

		ck_assert_int_eq(read_text(&r, CASES[i].text), 1);
		ck_assert_msg(r.keepalive == CASES[i].keepalive, "%s", CASES[i].text);
	}
}
END_TEST

START_TEST(refuses_what_is_wrong)
{
#define HEAD "GET / HTTP/1.1\r\nHost: h\r\n"
	static const struct {
		const char *text;
		int answer;
	} CASES[] = {
		{"\x16\x03\x01\x02", -400},
		{" ", -400},
		{"GE\tT / HTTP/1.1\r\n", -400},
		{"GET\r\n", -400},
		{"GET /\r\n", -400},
		{"GET  / HTTP/1.1\r\n", -400},
		{"GET /\x80 HTTP/1.1\r\n", -400},
		{"GET / HTTP/1.1 \r\n", -400},
		{"GET / http/1.1\r\n", -400},
		{"GET / HTTP/1.x\r\n", -400},
		{"GET / HTTP/2.0\r\n", -505},
		{"GET / HTTP/1.1\n", -400},
		{"GET x HTTP/1.1\r\n", -400},
		{"GET http:// HTTP/1.1\r\n", -400},
		{"GET / HTTP/1.1\r\n\r\n", -400}, /* no Host */
		{HEAD "Host: i\r\n", -400},
		{HEAD "A : b\r\n", -400},
		{HEAD " folded\r\n", -400},
		{HEAD "A\r\n", -400},
		{HEAD ": b\r\n", -400},
		{HEAD "A: b\rc\r\n", -400},
		{HEAD "A: \x01\r\n", -400},
		{HEAD "A: b\n", -400},
		{HEAD "Content-Length: -1\r\n", -400},
		{HEAD "Content-Length: +1\r\n", -400},
		{HEAD "Content-Length: 1, 1\r\n", -400},
		{HEAD "Content-Length:\r\n", -400},
		{HEAD "Content-Length: 99999999999999999999\r\n", -400},
		{HEAD "Content-Length: 1\r\nContent-Length: 2\r\n", -400},
		{HEAD "Transfer-Encoding: gzip\r\n", -501},
		{HEAD "Transfer-Encoding: gzip, chunked\r\n", -501},
		{HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", -501},
		{HEAD "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", -400},
		{HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", -400},
		{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", -400},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct http_request r;

		ck_assert_msg(read_text(&r, CASES[i].text) == CASES[i].answer, "case %zu: %s", i,
			CASES[i].text);
	}
}
END_TEST

START_TEST(has_limits)
{
	static char text[40000];
	struct http_request r;
	size_t n;

	memset(text, 'a', sizeof(text));
	memcpy(text, "GET /", 5);
	ck_assert_int_eq(http_request_read(&r, text, HTTP_REQUEST_MAX_LINE), 0);
	ck_assert_int_eq(http_request_read(&r, text, HTTP_REQUEST_MAX_LINE + 1), -414);
	n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\nA: ");
	memset(text + n, 'a', sizeof(text) - n);
	ck_assert_int_eq(http_request_read(&r, text, HTTP_REQUEST_MAX_HEAD), 0);
	ck_assert_int_eq(http_request_read(&r, text, HTTP_REQUEST_MAX_HEAD + 1), -431);
	memcpy(text + HTTP_REQUEST_MAX_HEAD, "\r\n\r\n", 4);
	ck_assert_int_eq(http_request_read(&r, text, HTTP_REQUEST_MAX_HEAD + 4), -431);
	memcpy(text + HTTP_REQUEST_MAX_HEAD - 4, "\r\n\r\n", 4);
	ck_assert_int_eq(http_request_read(&r, text, HTTP_REQUEST_MAX_HEAD), 1);
	n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\n");
	for (int i = 1; i < HTTP_REQUEST_MAX_FIELDS; i++, n += 5)
		memcpy(text + n, "A:b\r\n", 5);
	memcpy(text + n, "\r\n", 2);
	ck_assert_int_eq(http_request_read(&r, text, n + 2), 1);
	memcpy(text + n, "A:b\r\n\r\n", 7);
	ck_assert_int_eq(http_request_read(&r, text, n + 7), -431);
}
END_TEST

static const char WHOLE[] = "\r\nPOST /x?y=z HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n"
			    "Transfer-Encoding: Chunked\r\n\r\n"
			    "5;a=b\r\nhello\r\n00a\r\n0123456789\r\n0\r\nA: trailer\r\n\r\n";

/* Every shorter piece of the head is unfinished, at a guard page; the whole is read at the same
 * place. */
START_TEST(every_piece_of_a_head_is_unfinished)
{
	struct guarded g;
	struct http_request r;
	size_t head = (size_t)(strstr(WHOLE, "\r\n\r\n5;") + 4 - WHOLE);

	guarded_init(&g, sizeof(WHOLE));
	for (size_t len = 0; len < head; len++)
		ck_assert_msg(http_request_read(&r, guarded_put(&g, WHOLE, len), len) == 0,
			"%zu bytes", len);
	ck_assert_int_eq(http_request_read(&r, guarded_put(&g, WHOLE, head), head), 1);
	ck_assert_uint_eq(r.head_len, head);
	ck_assert(r.chunked && r.expect_continue);
}
END_TEST

/* A body cut in two at every byte, and read byte by byte, comes to the same. */
START_TEST(bodies_may_be_cut_anywhere)
{
	struct guarded g;
	struct http_request r;
	const char *body;
	size_t len, used;

	guarded_init(&g, sizeof(WHOLE));
	ck_assert_int_eq(http_request_read(&r, WHOLE, sizeof(WHOLE) - 1), 1);
	body = WHOLE + r.head_len;
	len = sizeof(WHOLE) - 1 - r.head_len;
	for (size_t cut = 0; cut <= len; cut++) {
		struct http_body b;
		const char *first = guarded_put(&g, body, cut), *second;

		http_body_init(&b, &r);
		ck_assert_int_eq(http_body_read(&b, first, cut, &used), cut == len);
		ck_assert_uint_eq(used, cut);
		if (cut == len)
			break;
		second = guarded_put(&g, body + cut, len - cut);
		ck_assert_int_eq(http_body_read(&b, second, len - cut, &used), 1);
		ck_assert_uint_eq(used, len - cut);
		ck_assert_uint_eq(b.total, 15);
	}
	struct http_body b;

	http_body_init(&b, &r);
	for (size_t i = 0; i < len; i++)
		ck_assert_int_eq(http_body_read(&b, body + i, 1, &used), i + 1 == len);
	/* what lies behind the body is the next request's */
	ck_assert_int_eq(http_body_read(&b, "GET", 3, &used), 1);
	ck_assert_uint_eq(used, 0);
}
END_TEST

START_TEST(broken_chunks_are_refused)
{
	static const char *const BAD[] = {"\r\n", "x\r\n", "5\n", "-5\r\n", " 5\r\n", "5\rx",
		"5\r\nhellox", "5\r\nhello\n", "5\r\nhello\r\r", "1000000000000000000\r\n",
		"0\r\nA\x01\r\n", "5;\x01\r\n", "0\r\n\n", "5 x\r\n"};
	struct http_request r = {.chunked = true};

	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		struct http_body b;
		size_t used;

		http_body_init(&b, &r);
		ck_assert_msg(
			http_body_read(&b, BAD[i], strlen(BAD[i]), &used) == -400, "case %zu", i);
	}
}
END_TEST

START_TEST(bodies_with_a_length)
{
	struct http_request r;
	struct http_body b;
	size_t used;

	ck_assert_int_eq(
		read_text(&r, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"), 1);
	http_body_init(&b, &r);
	ck_assert_int_eq(http_body_read(&b, "hel", 3, &used), 0);
	ck_assert_int_eq(http_body_read(&b, "loGET", 5, &used), 1);
	ck_assert_uint_eq(used, 2);
	r.content_length = 0;
	http_body_init(&b, &r);
	ck_assert_int_eq(http_body_read(&b, "G", 0, &used), 1);
}
END_TEST

UNIT_MAIN("http_request", reads_a_request, knows_forms_of_the_target, knows_when_to_close,
	refuses_what_is_wrong, has_limits, every_piece_of_a_head_is_unfinished,
	bodies_may_be_cut_anywhere, broken_chunks_are_refused, bodies_with_a_length)

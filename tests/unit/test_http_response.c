/*
 * Every sample is read whole, split in two at every byte, and byte by byte, with the unfinished
 * line kept as the load engine keeps it; with and without the memory of header blocks. Each piece
 * ends at a page that must not be touched.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/http_response.h"

#define LINE(text) text "\r\n"
#define OK         LINE("HTTP/1.1 200 OK")

static const struct sample {
	const char *text;
	enum http_progress want; /* HTTP_DONE may come from the end of the connection */
	int status;
	bool keepalive;
	uint64_t body;
	size_t rest;  /* bytes behind the answer */
	bool to_head; /* answers HEAD */
	bool by_close;
} SAMPLES[] = {
	/* lengths */
	{OK "Content-Length: 5\r\n\r\nhello", HTTP_DONE, 200, true, 5, 0, 0, 0},
	{OK "Content-Length: 0\r\n\r\n", HTTP_DONE, 200, true, 0, 0, 0, 0},
	{OK "content-LENGTH:\t5 \r\n\r\nhelloHTTP", HTTP_DONE, 200, true, 5, 4, 0, 0},
	{OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", HTTP_DONE, 200, true, 2, 0, 0, 0},
	{"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", HTTP_DONE, 200, true, 1, 0, 0, 0},
	{"HTTP/1.1 404 Not \xc3\x9c there\r\nContent-Length: 1\r\n\r\nx", HTTP_DONE, 404, true, 1,
		0, 0, 0},
	{OK "Content-Length: 6\r\n\r\nhello", HTTP_TRUNCATED, 200, true, 5, 0, 0, 0},
	{OK "Content-Length: 5", HTTP_TRUNCATED, 200, true, 0, 0, 0, 0},
	{"", HTTP_TRUNCATED, 0, false, 0, 0, 0, 0},
	/* chunks */
	{OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", HTTP_DONE, 200, true, 5, 0,
		0, 0},
	{OK "Transfer-Encoding: chunked\r\n\r\n5;a=b;c=\"d\"\r\nhello\r\nA "
	    "\r\n0123456789\r\n000\r\n"
	    "Sum: 1\r\nMore: 2\r\n\r\nX",
		HTTP_DONE, 200, true, 15, 1, 0, 0},
	{OK "Transfer-Encoding: gzip, Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", HTTP_DONE, 200, true, 1,
		0, 0, 0},
	{OK "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n", HTTP_DONE, 200,
		true, 0, 0, 0, 0},
	{OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello", HTTP_TRUNCATED, 200, true, 5, 0, 0, 0},
	/* without a body */
	{OK "Content-Length: 5\r\n\r\n", HTTP_DONE, 200, true, 0, 0, true, 0},
	{OK "Transfer-Encoding: chunked\r\n\r\n", HTTP_DONE, 200, true, 0, 0, true, 0},
	{"HTTP/1.1 204 No Content\r\n\r\n", HTTP_DONE, 204, true, 0, 0, 0, 0},
	{"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", HTTP_DONE, 304, true, 0, 0, 0,
		0},
	/* interim answers */
	{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" OK
	 "Content-Length: 2\r\n\r\nhi",
		HTTP_DONE, 200, true, 2, 0, 0, 0},
	{"HTTP/1.1 100 Continue\r\nContent-Length: 7\r\n\r\nHTTP/1.1 204 x\r\n\r\n", HTTP_DONE, 204,
		true, 0, 0, 0, 0},
	{"HTTP/1.1 100 Continue\r\n\r\n", HTTP_TRUNCATED, 0, false, 0, 0, 0, 0},
	/* until the connection ends */
	{OK "\r\nhello", HTTP_DONE, 200, false, 5, 0, 0, true},
	{OK "Connection: keep-alive\r\n\r\nhello", HTTP_DONE, 200, false, 5, 0, 0, true},
	{OK "Transfer-Encoding: gzip\r\n\r\nhello", HTTP_DONE, 200, false, 5, 0, 0, true},
	{"HTTP/1.0 200 OK\r\n\r\n", HTTP_DONE, 200, false, 0, 0, 0, true},
	/* keep-alive or not */
	{OK "Connection: close\r\nContent-Length: 1\r\n\r\nx", HTTP_DONE, 200, false, 1, 0, 0, 0},
	{OK "Connection: foo, CLOSE\r\nContent-Length: 1\r\n\r\nx", HTTP_DONE, 200, false, 1, 0, 0,
		0},
	{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", HTTP_DONE, 200, false, 1, 0, 0, 0},
	{"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx", HTTP_DONE, 200,
		true, 1, 0, 0, 0},
	{"HTTP/1.7 200 OK\r\nContent-Length: 1\r\n\r\nx", HTTP_DONE, 200, true, 1, 0, 0, 0},
	{OK "Connectiom: close\r\nX:\r\nContent-Length: 1\r\n\r\nx", HTTP_DONE, 200, true, 1, 0, 0,
		0},
	/* malformed */
	{"<html>", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{"hTTP/1.1 200 OK\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{"HTTP/2.0 200 OK\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{"HTTP/1.1  200 OK\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{"HTTP/1.1 20 OK\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{"HTTP/1.1 2000 OK\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{"HTTP/1.1 099 OK\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{"HTTP/1.1 600 OK\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{"HTTP/1.1 200 O\001K\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{"HTTP/1.1 101 Switching Protocols\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{"HTTP/1.1 200 OK\n\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{"\r\n" OK "\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "A: 1\r\n folded\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "A : 1\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK ": 1\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "nothing\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "A: b\rc\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "A: b\177\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "Content-Length: -1\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "Content-Length: 5, 5\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "Content-Length: 0x5\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "Content-Length:\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "Content-Length: 99999999999999999999\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0,
		0, 0},
	{OK "Transfer-Encoding: chunked, gzip\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_MALFORMED, 0,
		0, 0, 0, 0, 0},
	{"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "Transfer-Encoding: chunked\r\n\r\n\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "Transfer-Encoding: chunked\r\n\r\ng\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "Transfer-Encoding: chunked\r\n\r\n5 5\r\nhello\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0, 0},
	{OK "Transfer-Encoding: chunked\r\n\r\n1000000000000000\r\n", HTTP_MALFORMED, 0, 0, 0, 0, 0,
		0},
	{OK "Transfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n", HTTP_MALFORMED, 0, 0, 0,
		0, 0, 0},
};

enum { N_SAMPLES = sizeof(SAMPLES) / sizeof(SAMPLES[0]), ROOM = 1 << 20 };

static char *guard; /* the first byte that must not be touched */

static void make_guard(void)
{
	char *p =
		mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	guard = p + ROOM;
	ck_assert_int_eq(mprotect(guard, 4096, PROT_NONE), 0);
}

/* A reader that keeps what was not used, as the engine does. */
struct reader {
	struct http_response r;
	struct http_memo *memo;
	char *kept;
	size_t n_kept, rest;
	enum http_progress progress;
};

static void give(struct reader *s, const char *p, size_t len)
{
	size_t used, all = s->n_kept + len;
	char *at = guard - all;

	if (s->progress != HTTP_MORE) {
		s->rest += len;
		return;
	}
	memcpy(at, s->kept, s->n_kept);
	memcpy(at + s->n_kept, p, len);
	s->progress = http_response_feed(&s->r, s->memo, at, all, &used);
	ck_assert_uint_le(used, all);
	s->n_kept = s->progress == HTTP_MORE ? all - used : 0;
	ck_assert_uint_le(s->n_kept, HTTP_HEAD_MAX);
	memcpy(s->kept, at + used, s->n_kept);
	s->rest = s->progress == HTTP_DONE ? all - used : 0;
}

static void check(const struct sample *want, struct reader *s, size_t first, size_t step)
{
	size_t len = strlen(want->text), n = first;

	http_response_init(&s->r, want->to_head);
	s->n_kept = s->rest = 0;
	s->progress = HTTP_MORE;
	for (size_t at = 0; at < len; at += n, n = step) {
		n = n < len - at ? n : len - at;
		give(s, want->text + at, n);
	}
	if (s->progress == HTTP_MORE) {
		ck_assert(want->by_close || want->want == HTTP_TRUNCATED);
		s->progress = http_response_end(&s->r);
	} else {
		ck_assert(!want->by_close);
	}
	ck_assert_msg(s->progress == want->want, "%s\n(%zu, then by %zu): %d, not %d: %s",
		want->text, first, step, s->progress, want->want, s->r.why ? s->r.why : "");
	ck_assert_msg((s->r.why != NULL) == (want->want == HTTP_MALFORMED), "%s", want->text);
	if (want->want != HTTP_DONE)
		return;
	ck_assert_int_eq(s->r.status, want->status);
	ck_assert_msg(s->r.keepalive == want->keepalive, "%s", want->text);
	ck_assert_uint_eq(s->r.body_bytes, want->body);
	ck_assert_uint_eq(s->rest, want->rest);
}

START_TEST(samples_split_at_every_byte)
{
	const struct sample *want = &SAMPLES[_i];
	struct http_memo *memo = mem_zalloc(1, sizeof(*memo));
	struct reader s = {.kept = mem_alloc(HTTP_HEAD_MAX, 1)};
	size_t len = strlen(want->text);

	make_guard();
	for (int with_memo = 0; with_memo < 2; with_memo++) {
		s.memo = with_memo ? memo : NULL;
		check(want, &s, len + 1, 1);
		check(want, &s, 1, 1);
		check(want, &s, 2, 3);
		for (size_t first = 1; first < len; first++)
			check(want, &s, first, len);
	}
	free(memo);
	free(s.kept);
}
END_TEST

/* The memory of one header block must not show through in another answer. */
START_TEST(memory_does_not_leak)
{
	struct http_memo *memo = mem_zalloc(1, sizeof(*memo));
	struct reader s = {.kept = mem_alloc(HTTP_HEAD_MAX, 1), .memo = memo};

	make_guard();
	for (size_t a = 0; a < N_SAMPLES; a++)
		for (size_t b = 0; b < N_SAMPLES; b++) {
			check(&SAMPLES[a], &s, 10000, 1);
			check(&SAMPLES[a], &s, 10000, 1);
			check(&SAMPLES[b], &s, 10000, 1);
		}
	free(memo);
	free(s.kept);
}
END_TEST

static enum http_progress feed_all(struct http_response *r, const char *p, size_t len)
{
	size_t used, at = 0;
	enum http_progress progress = HTTP_MORE;

	while (progress == HTTP_MORE && at < len) {
		progress = http_response_feed(r, NULL, p + at, len - at, &used);
		if (!used)
			break;
		at += used;
	}
	return progress;
}

START_TEST(header_blocks_have_a_ceiling)
{
	char *block = mem_alloc(HTTP_HEAD_MAX + 100, 1);
	size_t status = strlen(OK);
	struct http_response r;

	/* one endless line */
	memset(block, 'a', HTTP_HEAD_MAX + 100);
	memcpy(block, OK, status);
	http_response_init(&r, false);
	ck_assert_int_eq(feed_all(&r, block, HTTP_HEAD_MAX), HTTP_MORE);
	http_response_init(&r, false);
	ck_assert_int_eq(feed_all(&r, block, HTTP_HEAD_MAX + 1), HTTP_MALFORMED);

	/* many lines; many interim answers */
	http_response_init(&r, false);
	ck_assert_int_eq(feed_all(&r, OK, status), HTTP_MORE);
	size_t lines = 0;

	while (feed_all(&r, "A: 1\r\n", 6) == HTTP_MORE)
		lines++;
	ck_assert_uint_eq(lines, (HTTP_HEAD_MAX - status) / 6);
	http_response_init(&r, false);
	lines = 0;
	while (feed_all(&r, "HTTP/1.1 100 x\r\n\r\n", 18) == HTTP_MORE)
		lines++;
	ck_assert_uint_eq(lines, HTTP_HEAD_MAX / 18);
	free(block);
}
END_TEST

START_TEST(chunks_may_be_without_number)
{
	struct http_response r;

	http_response_init(&r, false);
	ck_assert_int_eq(
		feed_all(&r, OK "Transfer-Encoding: chunked\r\n\r\n", strlen(OK) + 30), HTTP_MORE);
	for (int i = 0; i < 100000; i++)
		ck_assert_int_eq(feed_all(&r, "1\r\nx\r\n", 6), HTTP_MORE);
	ck_assert_int_eq(feed_all(&r, "0\r\n\r\n", 5), HTTP_DONE);
	ck_assert_uint_eq(r.body_bytes, 100000);
}
END_TEST

START_TEST(bodies_can_be_dropped_unseen)
{
	struct http_response r;
	const char *text = OK "Content-Length: 5000000000\r\n\r\n";

	http_response_init(&r, false);
	ck_assert_uint_eq(http_response_ahead(&r), 0);
	ck_assert_int_eq(feed_all(&r, text, strlen(text)), HTTP_MORE);
	ck_assert_uint_eq(http_response_ahead(&r), UINT64_C(5000000000));
	ck_assert_int_eq(http_response_skip(&r, UINT64_C(4999999999)), HTTP_MORE);
	ck_assert_int_eq(http_response_skip(&r, 1), HTTP_DONE);
	ck_assert_uint_eq(r.body_bytes, UINT64_C(5000000000));

	http_response_init(&r, false);
	ck_assert_int_eq(
		feed_all(&r, OK "Transfer-Encoding: chunked\r\n\r\n5\r\n", strlen(OK) + 33),
		HTTP_MORE);
	ck_assert_uint_eq(http_response_ahead(&r), 5);
	ck_assert_int_eq(http_response_skip(&r, 5), HTTP_MORE);
	ck_assert_int_eq(feed_all(&r, "\r\n0\r\n\r\n", 7), HTTP_DONE);
}
END_TEST

/* What a sink was given, in the order of its coming: "name=value;" and the body. */
struct heard {
	char text[512];
	size_t n;
};

static void hear(struct heard *h, const char *p, size_t n)
{
	ck_assert_uint_lt(h->n + n, sizeof(h->text));
	memcpy(h->text + h->n, p, n);
	h->n += n;
}

static void hear_field(void *arg, struct http_slice name, struct http_slice value)
{
	hear(arg, name.p, name.len);
	hear(arg, "=", 1);
	hear(arg, value.p, value.len);
	hear(arg, ";", 1);
}

static void hear_body(void *arg, const char *p, size_t n)
{
	ck_assert_uint_gt(n, 0);
	hear(arg, p, n);
}

static const struct hearing {
	const char *text, *want;
	bool continued, to_head;
} HEARINGS[] = {
	{OK "Content-Length: 5\r\nA:\r\nb: c \t\r\n\r\nhelloX", "Content-Length=5;A=;b=c;hello",
		false, false},
	{OK "Content-Length: 5\r\n\r\n", "Content-Length=5;", false, true},
	{OK "Transfer-Encoding: chunked\r\nA: b\r\n\r\n5;x\r\nhello\r\n8\r\n, "
	    "\r\nworl\r\n1\r\nd\r\n"
	    "0\r\nSum: 1\r\n\r\n",
		"Transfer-Encoding=chunked;A=b;hello, \r\nworld", false, false},
	{"HTTP/1.1 100 Continue\r\nIn: terim\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK
	 "A: b\r\nContent-Length: 1\r\n\r\nx",
		"A=b;Content-Length=1;x", true, false},
	{"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 None\r\nA: b\r\n\r\n", "A=b;", false,
		false},
	{OK "A: b\r\n\r\nuntil the end", "A=b;until the end", false, false},
};

START_TEST(a_sink_hears_the_final_answer)
{
	const struct hearing *want = &HEARINGS[_i];
	size_t len = strlen(want->text), used;

	make_guard();
	for (size_t cut = 0; cut < len; cut++) {
		struct heard heard = {.n = 0};
		struct http_sink sink = {hear_field, hear_body, &heard};
		struct http_response r;
		enum http_progress progress;

		http_response_init(&r, want->to_head);
		memcpy(guard - cut, want->text, cut);
		progress = http_response_feed_to(&r, &sink, guard - cut, cut, &used);
		if (progress == HTTP_MORE) {
			memcpy(guard - (len - used), want->text + used, len - used);
			progress = http_response_feed_to(
				&r, &sink, guard - (len - used), len - used, &used);
		}
		if (progress == HTTP_MORE)
			progress = http_response_end(&r);
		ck_assert_msg(progress == HTTP_DONE, "%s: %s", want->text, r.why);
		ck_assert_str_eq(heard.text, want->want);
		ck_assert(r.continued == want->continued);
	}
}
END_TEST

START_TEST(a_sink_may_lack_either)
{
	static const char text[] = OK "Content-Length: 5\r\n\r\nhello";
	struct heard heard = {.n = 0};
	struct http_sink fields = {hear_field, NULL, &heard}, body = {NULL, hear_body, &heard};
	struct http_response r;
	size_t used;

	http_response_init(&r, false);
	ck_assert_int_eq(
		http_response_feed_to(&r, &fields, text, sizeof(text) - 1, &used), HTTP_DONE);
	ck_assert_str_eq(heard.text, "Content-Length=5;");
	http_response_init(&r, false);
	ck_assert_int_eq(
		http_response_feed_to(&r, &body, text, sizeof(text) - 1, &used), HTTP_DONE);
	ck_assert_str_eq(heard.text, "Content-Length=5;hello");
	ck_assert_uint_eq(used, sizeof(text) - 1);
}
END_TEST

/* Not to be remembered with a header block: the next answer may come without it. */
START_TEST(continued_is_of_one_answer)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 1\r\n\r\nx";
	struct http_memo *memo = mem_zalloc(1, sizeof(*memo));
	struct http_response r;
	size_t used;

	for (int i = 0; i < 6; i++) {
		size_t skip = i % 2 ? 25 : 0;

		http_response_init(&r, false);
		ck_assert_int_eq(
			http_response_feed(&r, memo, text + skip, sizeof(text) - 1 - skip, &used),
			HTTP_DONE);
		ck_assert(r.continued == !skip);
	}
	free(memo);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_response");
	TCase *tc = tcase_create("http_response");

	tcase_add_loop_test(tc, samples_split_at_every_byte, 0, N_SAMPLES);
	tcase_add_loop_test(tc, a_sink_hears_the_final_answer, 0,
		(int)(sizeof(HEARINGS) / sizeof(HEARINGS[0])));
	tcase_add_test(tc, a_sink_may_lack_either);
	tcase_add_test(tc, continued_is_of_one_answer);
	tcase_add_test(tc, memory_does_not_leak);
	tcase_add_test(tc, header_blocks_have_a_ceiling);
	tcase_add_test(tc, chunks_may_be_without_number);
	tcase_add_test(tc, bodies_can_be_dropped_unseen);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}

/* Cookies: RFC 6265, its algorithms one by one. Values end at a page that nobody may read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "load/cookies.h"
#include "unit.h"

#define NOW INT64_C(1700000000) /* 14 November 2023 */

static struct cookie_jar jar;
static struct guard guard;

static void take_at(const char *value, const char *host, const char *path, time_t now)
{
	if (!guard.pages)
		guard = guard_new(16384);
	cookie_jar_take(&jar,
		(struct http_slice){guard_put(&guard, value, strlen(value)), strlen(value)}, host,
		path, now);
}

static void take(const char *value)
{
	take_at(value, "shop.example.com", "/a/b", NOW);
}

/* What is sent with a request; "-" for nothing. In a static buffer. */
static const char *sent_at(const char *host, const char *path, bool tls, time_t now)
{
	static char text[8192];
	struct str out = STR_INIT;
	bool any = cookie_jar_write(&jar, host, path, tls, now, &out);

	ck_assert_int_eq(any, out.len > 0);
	ck_assert_uint_lt(out.len, sizeof(text));
	memcpy(text, any ? out.p : "-", any ? out.len + 1 : 2);
	str_release(&out);
	return text;
}

static const char *sent(void)
{
	return sent_at("shop.example.com", "/a/b", false, NOW);
}

static void is(const char *set, const char *expected)
{
	cookie_jar_release(&jar);
	take(set);
	ck_assert_msg(!strcmp(sent(), expected), "%s: %s", set, sent());
}

START_TEST(pairs)
{
	is("a=1", "a=1");
	is("  a \t=  1 2\t", "a=1 2");
	is("a=", "a=");
	is("a=b=c", "a=b=c");
	is("a=\"x y\"", "a=\"x y\"");
	is("a=1;", "a=1");
	is("a=1; Unknown=2; HttpOnly; ;;=", "a=1");
	is("", "-");
	is("a", "-");
	is("=1", "-");
	is(" =1; path=/", "-");
	is("; a=1", "-");
	is("a=1\r\nX: y", "-");
	is("a=1; path=/\x01", "-");
	is("a\x7f=1", "-");
}
END_TEST

START_TEST(replaced_in_its_place)
{
	cookie_jar_release(&jar);
	take("a=1");
	take("b=2");
	take("A=3");
	take("a=4");
	ck_assert_str_eq(sent(), "a=4; b=2; A=3");
	ck_assert_uint_eq(jar.n, 3);
	take("a=; Max-Age=0");
	ck_assert_str_eq(sent(), "b=2; A=3");
	take("b=x; Path=/other; Max-Age=-1"); /* another cookie: nothing is deleted */
	ck_assert_str_eq(sent(), "b=2; A=3");
}
END_TEST

START_TEST(max_age)
{
	is("a=1; Max-Age=1", "a=1");
	ck_assert_str_eq(sent_at("shop.example.com", "/a/b", false, NOW + 1), "-");
	is("a=1; max-AGE = 10 ", "a=1");
	ck_assert_str_eq(sent_at("shop.example.com", "/a/b", false, NOW + 9), "a=1");
	ck_assert_str_eq(sent_at("shop.example.com", "/a/b", false, NOW + 10), "-");
	is("a=1; Max-Age=0", "-");
	is("a=1; Max-Age=-5", "-");
	/* What is no number is passed over. */
	is("a=1; Max-Age=", "a=1");
	is("a=1; Max-Age=-", "a=1");
	is("a=1; Max-Age=1x", "a=1");
	is("a=1; Max-Age=+1", "a=1");
	is("a=1; Max-Age=99999999999999999999999999", "a=1");
	ck_assert_str_eq(sent_at("shop.example.com", "/a/b", false, NOW + 1000000000), "a=1");
	/* It counts more than Expires, on either side of it; of two the last one. */
	is("a=1; Max-Age=5; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a=1");
	is("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=5", "a=1");
	is("a=1; Max-Age=0; Expires=Fri, 01 Jan 2100 00:00:00 GMT", "-");
	is("a=1; Max-Age=0; Max-Age=5", "a=1");
	take_at("a=0", "shop.example.com", "/a/b", NOW + 6);
	ck_assert_uint_eq(jar.n, 1);
}
END_TEST

/* It is there until one second before `end`, and not at `end`. */
static void ends(const char *date, time_t end)
{
	char set[200];

	snprintf(set, sizeof(set), "a=1; Expires=%s", date);
	cookie_jar_release(&jar);
	take_at(set, "h", "/", 0);
	ck_assert_msg(!strcmp(sent_at("h", "/", false, end - 1), "a=1"), "%s", date);
	ck_assert_msg(!strcmp(sent_at("h", "/", false, end), "-"), "%s", date);
}

/* It is no date, so the cookie lasts. */
static void no_date(const char *date)
{
	char set[200];

	snprintf(set, sizeof(set), "a=1; Expires=%s", date);
	cookie_jar_release(&jar);
	take_at(set, "h", "/", 0);
	ck_assert_msg(!strcmp(sent_at("h", "/", false, 200000000000), "a=1"), "%s", date);
}

/* Moments from `date -u -d '…' +%s`. */
START_TEST(dates)
{
	ends("Sun, 06 Nov 1994 08:49:37 GMT", 784111777);
	ends("Sunday, 06-Nov-94 08:49:37 GMT", 784111777);
	ends("Sun Nov  6 08:49:37 1994", 784111777);
	ends("Tue, 29 Feb 2028 23:59:59 GMT", 1835481599);
	ends("1 jANUAry 2038 0:0:1", 2145916801);
	ends("8:49:37GMT 06th NovX 1994Z", 784111777);
	ends("2038/Jan/01 00:00:01", 2145916801);
	ends("Fri, 01-Jan-38 00:00:01 GMT", 2145916801);
	ends("01 Jan 70 00:00:05", 5);
	ends("31 Dec 9999 23:59:59", 253402300799);
	/* A later time, day, month, year is not looked at. */
	ends("06 Nov 1994 08:49:37 09:00:00 07 Dec 1995", 784111777);
	no_date("");
	no_date("never");
	no_date("Sun, 06 Nov 1994");
	no_date("08:49:37 06 Nov");
	no_date("08:49:37 Nov 1994");
	no_date("08:49:37 06 1994");
	no_date("24:00:00 06 Nov 1994");
	no_date("08:60:37 06 Nov 1994");
	no_date("08:49:60 06 Nov 1994");
	no_date("08:49 06 Nov 1994");
	no_date("08:49:377 06 Nov 1994");
	no_date("00:00:00 30 Feb 2023");
	no_date("00:00:00 29 Feb 2023");
	no_date("00:00:00 32 Jan 2023");
	no_date("00:00:00 0 Jan 2023");
	no_date("00:00:00 1 Jan 1600");
	no_date("00:00:00 1 Jan 20233");
	no_date("00:00:00 1 Ja 2023");
}
END_TEST

static const char *at(const char *host, const char *path)
{
	return sent_at(host, path, false, NOW);
}

START_TEST(domains)
{
	is("a=1", "a=1"); /* of this host alone */
	ck_assert_str_eq(at("SHOP.example.com", "/a/b"), "a=1");
	ck_assert_str_eq(at("x.shop.example.com", "/a/b"), "-");
	ck_assert_str_eq(at("example.com", "/a/b"), "-");
	is("a=1; Domain=Example.COM", "a=1");
	ck_assert_str_eq(at("example.com", "/a/b"), "a=1");
	ck_assert_str_eq(at("x.y.example.com", "/a/b"), "a=1");
	ck_assert_str_eq(at("badexample.com", "/a/b"), "-");
	ck_assert_str_eq(at("com", "/a/b"), "-");
	is("a=1; Domain=.example.com", "a=1");
	is("a=1; Domain=", "a=1");
	ck_assert_str_eq(at("x.shop.example.com", "/a/b"), "-");
	is("a=1; Domain=other.com", "-");
	is("a=1; Domain=x.shop.example.com", "-");
	is("a=1; Domain=hop.example.com", "-");
	is("a=1; Domain=other.com; Domain=example.com", "a=1");
	/* An address is no domain. */
	cookie_jar_release(&jar);
	take_at("a=1; Domain=0.0.1", "127.0.0.1", "/", NOW);
	take_at("b=1; Domain=127.0.0.1", "127.0.0.1", "/", NOW);
	take_at("c=1; Domain=1", "::1", "/", NOW);
	take_at("d=1", "::1", "/", NOW);
	ck_assert_str_eq(at("127.0.0.1", "/"), "b=1");
	ck_assert_str_eq(at("::1", "/"), "d=1");
}
END_TEST

START_TEST(paths)
{
	is("a=1", "a=1"); /* set from /a/b: for /a and below */
	ck_assert_str_eq(at("shop.example.com", "/a"), "a=1");
	ck_assert_str_eq(at("shop.example.com", "/a/"), "a=1");
	ck_assert_str_eq(at("shop.example.com", "/a?b/c"), "a=1");
	ck_assert_str_eq(at("shop.example.com", "/ab"), "-");
	ck_assert_str_eq(at("shop.example.com", "/"), "-");
	is("a=1; Path=/a/", "a=1");
	ck_assert_str_eq(at("shop.example.com", "/a"), "-");
	ck_assert_str_eq(at("shop.example.com", "/a/x"), "a=1");
	is("a=1; Path=/other", "-");
	ck_assert_str_eq(at("shop.example.com", "/other/x"), "a=1");
	is("a=1; Path=other", "a=1");
	is("a=1; Path=/other; Path=", "a=1");
	cookie_jar_release(&jar);
	take_at("a=1", "h", "/x?y/z", NOW);
	ck_assert_str_eq(at("h", "/"), "a=1");
	cookie_jar_release(&jar);
	take_at("a=1", "h", "", NOW);
	ck_assert_str_eq(at("h", "/x"), "a=1");
	ck_assert_str_eq(at("h", ""), "a=1");
	cookie_jar_release(&jar);
	take_at("a=1", "h", "*", NOW);
	ck_assert_str_eq(at("h", "/x"), "a=1");
}
END_TEST

START_TEST(secure)
{
	is("a=1; Secure", "-");
	ck_assert_str_eq(sent_at("shop.example.com", "/a/b", true, NOW), "a=1");
	is("a=1; secure=no", "-");
}
END_TEST

START_TEST(longer_paths_first)
{
	cookie_jar_release(&jar);
	take("a=1; Path=/");
	take("b=2; Path=/a");
	take("c=3; Path=/");
	take("d=4; Path=/a/b");
	take("a=5; Path=/a");
	ck_assert_str_eq(sent(), "d=4; b=2; a=5; a=1; c=3");
	ck_assert_str_eq(at("shop.example.com", "/"), "a=1; c=3");
}
END_TEST

START_TEST(bounds)
{
	struct str text = STR_INIT;

	cookie_jar_release(&jar);
	str_add(&text, "a=");
	str_add_repeat(&text, "x", 4095);
	take(text.p);
	ck_assert_uint_eq(jar.n, 1);
	ck_assert_uint_eq(strlen(sent()), 4097);
	str_clear(&text);
	str_add(&text, "b=");
	str_add_repeat(&text, "x", 4096);
	take(text.p);
	ck_assert_uint_eq(jar.n, 1);
	str_clear(&text);
	str_add(&text, "c=1; Path=/");
	str_add_repeat(&text, "x", 1024);
	take(text.p); /* an attribute that is too long is passed over */
	ck_assert_uint_eq(jar.n, 2);
	ck_assert_str_eq(sent() + 4099, "c=1");
	str_release(&text);

	cookie_jar_release(&jar);
	for (int i = 0; i < 200; i++) {
		char set[32];

		snprintf(set, sizeof(set), "n%d=%d", i, i);
		take(set);
	}
	ck_assert_uint_eq(jar.n, 180);
	ck_assert(str_starts(sent(), "n20=20; n21=21; "));
	take_at("x=1", "shop.example.com", "/a/b", NOW);
	ck_assert(str_starts(sent(), "n21=21; "));
}
END_TEST

UNIT_MAIN("cookies", pairs, replaced_in_its_place, max_age, dates, domains, paths, secure,
	longer_paths_first, bounds)

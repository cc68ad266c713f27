#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "net/sock.h"
#include "net/url.h"

static const struct good {
	const char *text;
	bool tls;
	const char *host, *port, *path;
} GOOD[] = {
	{"http://example.org", false, "example.org", "80", "/"},
	{"http://example.org/", false, "example.org", "80", "/"},
	{"HTTP://a:8080/x/y?z=1#part", false, "a", "8080", "/x/y?z=1"},
	{"https://a", true, "a", "443", "/"},
	{"HTTPS://a.example/x", true, "a.example", "443", "/x"},
	{"https://a:8443/x?y", true, "a", "8443", "/x?y"},
	{"https://[::1]", true, "::1", "443", "/"},
	{"https://[::1]:8443/", true, "::1", "8443", "/"},
	{"https://xn--bcher-kva.example", true, "xn--bcher-kva.example", "443", "/"},
	{"http://a/b\xc3\xbc@c", false, "a", "80", "/b\xc3\xbc@c"},
	{"http://a?q=1", false, "a", "80", "/?q=1"},
	{"http://a#f", false, "a", "80", "/"},
	{"localhost:5001/items", false, "localhost", "5001", "/items"},
	{"a/b?to=http://c", false, "a", "80", "/b?to=http://c"},
	{"http://[::1]:81/", false, "::1", "81", "/"},
	{"http://[::1]", false, "::1", "80", "/"},
};

START_TEST(good_urls)
{
	const struct good *g = &GOOD[_i];
	struct err err = {0};
	struct url u;

	ck_assert_msg(!url_parse(&u, g->text, &err), "%s: %s", g->text, err.text);
	ck_assert(u.tls == g->tls);
	ck_assert_str_eq(u.host, g->host);
	ck_assert_str_eq(u.port, g->port);
	ck_assert_str_eq(u.path, g->path);
	url_release(&u);
}
END_TEST

static const char *const BAD[] = {"", "http://", "http:///x", "ftp://a/", "http://a:0/",
	"http://a:65536/", "http://a:x/", "http://a:/", "http://u@a/", "http://[::1/",
	"http://::1/", "http://a/b c", "http://a/\r\nX: y", "http://[::1]x/"};

START_TEST(bad_urls)
{
	struct err err = {0};
	struct url u;

	ck_assert_msg(url_parse(&u, BAD[_i], &err) == -ERR_USAGE, "'%s' was taken", BAD[_i]);
	ck_assert_ptr_null(u.host);
}
END_TEST

static const struct mend {
	const char *text, *say;
} MENDS[] = {
	{"http://user@a/", "a user or password in a URL is not sent; leave out"},
	{"https://user:secret@a:81/", "give a header, as Authorization"},
	{"user:secret@a", "give a header, as Authorization"},
	{"http://b\xc3\xbc"
	 "cher.example/",
		"write it in punycode, as xn--"},
	{"b\xfc"
	 "cher.example",
		"write it in punycode, as xn--"},
	{"https://\xe4\xbe\x8b.example:81/", "write it in punycode, as xn--"},
};

START_TEST(refusals_say_the_mend)
{
	struct err err = {0};
	struct url u;

	ck_assert_int_eq(url_parse(&u, MENDS[_i].text, &err), -ERR_USAGE);
	ck_assert_msg(strstr(err.text, MENDS[_i].say) != NULL, "%s", err.text);
	ck_assert_ptr_null(strstr(err.text, "secret"));
}
END_TEST

static const struct query {
	const char *url, *name, *value, *want;
} QUERIES[] = {
	{"http://a/", "q", "1", "http://a/?q=1"},
	{"http://a/?x=2", "q", "1", "http://a/?x=2&q=1"},
	{"http://a/?q=5&x=2", "q", "1", "http://a/?q=1&x=2"},
	{"http://a/?x=2&q=5", "q", "1", "http://a/?x=2&q=1"},
	{"http://a/?q&x=2", "q", "1", "http://a/?q=1&x=2"},
	{"http://a/?qq=5", "q", "1", "http://a/?qq=5&q=1"},
	{"http://a/?q=5&q=6&x=1", "q", "1", "http://a/?q=1&x=1"},
	{"http://a/?#f", "q", "a b&c", "http://a/?q=a%20b%26c#f"},
	{"http://a#f", "ü", "1", "http://a?%C3%BC=1#f"},
};

START_TEST(query_is_set)
{
	const struct query *q = &QUERIES[_i];
	struct str out = STR_INIT;

	url_set_query(&out, q->url, q->name, q->value);
	ck_assert_str_eq(out.p, q->want);
	str_release(&out);
}
END_TEST

START_TEST(sockets_listen_and_connect)
{
	struct sock_address to[4];
	struct err err = {0};
	char text[SOCK_TEXT];
	size_t n;
	int listener = sock_listen("127.0.0.1:0", 8, &err), again, fd;

	ck_assert_msg(listener >= 0, "%s", err.text);
	sock_local_text(listener, text);
	again = sock_listen(text, 8, &err);
	ck_assert_int_eq(again, -ERR_BUSY);
	ck_assert_ptr_nonnull(strstr(err.text, text));
	ck_assert_int_eq(sock_listen("127.0.0.1", 8, &err), -ERR_USAGE);
	ck_assert_int_eq(sock_listen("127.0.0.1:70000", 8, &err), -ERR_USAGE);

	ck_assert_int_eq(sock_resolve("127.0.0.1", strchr(text, ':') + 1, to, 4, &n, &err), 0);
	ck_assert_uint_eq(n, 1);
	fd = sock_connect(&to[0]);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(sock_error(fd), 0);
	close(fd);
	close(listener);
	ck_assert_int_eq(sock_resolve("no-such-host.invalid", "80", to, 4, &n, &err), -ERR_SERVICE);
	ck_assert_ptr_nonnull(strstr(err.text, "no-such-host.invalid"));
}
END_TEST

START_TEST(unix_sockets_connect)
{
	struct sock_address to;
	struct err err = {0};
	char text[SOCK_TEXT], name[64], longer[200];
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd, taken;

	snprintf(name, sizeof(name), "@culprit-test-%d", (int)getpid());
	ck_assert_int_eq(sock_unix(name, &to, &err), 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&to.storage, to.len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	sock_local_text(listener, text);
	ck_assert_int_eq(strncmp(text, "unix:", 5), 0);
	ck_assert_str_eq(text + 5, name);
	fd = sock_connect(&to);
	ck_assert_int_ge(fd, 0);
	taken = accept(listener, NULL, NULL);
	ck_assert_int_ge(taken, 0);
	ck_assert_int_eq(sock_connect_from(&to, &to), -EAFNOSUPPORT);
	close(taken);
	close(fd);
	close(listener);
	ck_assert_int_eq(sock_connect(&to), -ECONNREFUSED);

	/* a path: there is nobody */
	ck_assert_int_eq(sock_unix("/nowhere/culprit.sock", &to, &err), 0);
	ck_assert_str_eq(sock_text(&to, text), "unix:/nowhere/culprit.sock");
	ck_assert_int_eq(sock_connect(&to), -ENOENT);

	/* as long as can be, and longer */
	memset(longer, 'x', sizeof(longer));
	longer[107] = '\0';
	ck_assert_int_eq(sock_unix(longer, &to, &err), 0);
	ck_assert_str_eq(sock_text(&to, text) + 5, longer);
	longer[107] = 'x';
	longer[108] = '\0';
	ck_assert_int_eq(sock_unix(longer, &to, &err), -ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "107 bytes, this one 108"));
	longer[0] = '@';
	ck_assert_int_eq(sock_unix(longer, &to, &err), 0);
	ck_assert_str_eq(sock_text(&to, text) + 5, longer);
	longer[108] = 'x';
	longer[109] = '\0';
	ck_assert_int_eq(sock_unix(longer, &to, &err), -ERR_USAGE);
	ck_assert_int_eq(sock_unix("", &to, &err), -ERR_USAGE);
	ck_assert_int_eq(sock_unix("@", &to, &err), -ERR_USAGE);
}
END_TEST

START_TEST(connections_come_from_a_source)
{
	struct sock_address to, from, peer = {.len = sizeof(peer.storage)};
	struct err err = {0};
	char text[SOCK_TEXT];
	size_t n;
	int listener = sock_listen("127.0.0.1:0", 8, &err), fd, taken;

	sock_local_text(listener, text);
	ck_assert_int_eq(sock_resolve("127.0.0.1", strchr(text, ':') + 1, &to, 1, &n, &err), 0);
	ck_assert_int_eq(sock_parse_source("127.0.0.77", &from, &err), 0);
	fd = sock_connect_from(&to, &from);
	ck_assert_int_ge(fd, 0);
	taken = accept(listener, (struct sockaddr *)&peer.storage, &peer.len);
	ck_assert_int_eq(strncmp(sock_text(&peer, text), "127.0.0.77:", 11), 0);
	close(taken);
	close(fd);
	close(listener);

	/* TEST-NET-1 is nobody's own */
	ck_assert_int_eq(sock_parse_source("192.0.2.1", &from, &err), 0);
	ck_assert_int_eq(sock_connect_from(&to, &from), -EADDRNOTAVAIL);
	ck_assert_int_eq(sock_parse_source("[::1]", &from, &err), 0);
	ck_assert_str_eq(sock_text(&from, text), "[::1]:0");
	ck_assert_int_eq(sock_connect_from(&to, &from), -EAFNOSUPPORT);
	ck_assert_int_eq(sock_parse_source("::1", &from, &err), 0);
}
END_TEST

static const char *const NO_SOURCES[] = {"", "localhost", "127.0.0.1:80", "127.1", "1.2.3.4.5",
	"[127.0.0.1]", "[::1", "[]", "::1]", "[::1]:80", "256.0.0.1"};

START_TEST(sources_are_addresses)
{
	struct sock_address from;
	struct err err = {0};

	ck_assert_msg(sock_parse_source(NO_SOURCES[_i], &from, &err) == -ERR_USAGE,
		"'%s' was taken", NO_SOURCES[_i]);
	ck_assert_ptr_nonnull(strstr(err.text, NO_SOURCES[_i]));
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("url");
	TCase *tc = tcase_create("url");

	tcase_add_loop_test(tc, good_urls, 0, COUNT(GOOD));
	tcase_add_loop_test(tc, bad_urls, 0, COUNT(BAD));
	tcase_add_loop_test(tc, refusals_say_the_mend, 0, COUNT(MENDS));
	tcase_add_loop_test(tc, query_is_set, 0, COUNT(QUERIES));
	tcase_add_test(tc, sockets_listen_and_connect);
	tcase_add_test(tc, unix_sockets_connect);
	tcase_add_test(tc, connections_come_from_a_source);
	tcase_add_loop_test(tc, sources_are_addresses, 0, COUNT(NO_SOURCES));
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}

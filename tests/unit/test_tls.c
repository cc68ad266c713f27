/*
 * Against Python's ssl (tls_server.py beside this), whose own view is asked for; certificates are
 * made by openssl in a temporary folder. Run in the top folder.
 */
#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/sock.h"
#include "net/tls.h"

enum { PATIENCE_MS = 20000 };

static char folder[] = "/tmp/culprit-tls-XXXXXX";

/* ca.pem signs client.pem and expired.pem; self.pem signs itself. Each holds its key, too. */
static const char MAKE_CERTIFICATES[] =
	"cd %s && exec 2>log && set -e\n"
	"new='openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
	"$new -x509 -days 2 -subj /CN=self -addext subjectAltName=DNS:localhost,IP:127.0.0.1 "
	"-keyout self.key -out self.crt\n"
	"$new -x509 -days 2 -subj /CN=ca -keyout ca.key -out ca.pem\n"
	"$new -subj /CN=client -keyout client.key -out client.csr\n"
	"$new -subj /CN=localhost -keyout expired.key -out expired.csr\n"
	"openssl x509 -req -days 2 -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
	"-out client.crt\n"
	"mkdir db && touch db/index && echo 01 > db/serial\n"
	"printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=db/index\\nserial=db/serial\\n"
	"new_certs_dir=db\\ndefault_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' > "
	"ca.conf\n"
	"openssl ca -batch -config ca.conf -cert ca.pem -keyfile ca.key -in expired.csr "
	"-startdate 20200101000000Z -enddate 20200102000000Z -out expired.crt\n"
	"for name in self client expired; do cat $name.crt $name.key > $name.pem; done\n"
	"openssl pkey -in client.key -aes128 -passout pass:x -out secret.key\n";

static void make_certificates(void)
{
	char command[4096];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(command, sizeof(command), MAKE_CERTIFICATES, folder);
	ck_assert_msg(system(command) == 0, "see %s/log", folder);
}

static void remove_certificates(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(const char *name)
{
	static char paths[4][64];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

/* A server that ends with this process. Its standard input is the write end kept open here. */
static struct sock_address start_server(const char *certificate, const char *a, const char *b)
{
	const char *argv[] = {
		"python3", "tests/unit/tls_server.py", folder, certificate, a, a ? b : NULL, NULL};
	struct sock_address to;
	struct err err = {0};
	char port[16] = "";
	int in[2], out[2];
	size_t n, got = 0;

	ck_assert_int_eq(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	if (!fork()) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(out[1]);
	while (!memchr(port, '\n', got)) {
		ssize_t more = read(out[0], port + got, sizeof(port) - 1 - got);

		ck_assert_msg(more > 0, "the server did not start");
		got += (size_t)more;
	}
	*strchr(port, '\n') = '\0';
	ck_assert_int_eq(sock_resolve("127.0.0.1", port, &to, 1, &n, &err), 0);
	return to;
}

static struct tls_config *config(struct tls_options o)
{
	struct err err = {0};
	struct tls_config *c = tls_config_new(&o, &err);

	ck_assert_msg(c != NULL, "%s", err.text);
	return c;
}

static void wait_for(const struct tls *t, int fd)
{
	struct pollfd p = {.fd = fd, .events = tls_wants_write(t) ? POLLOUT : POLLIN};

	ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
}

static int handshake(struct tls *t, int fd)
{
	int rc;

	while ((rc = tls_handshake(t)) == TLS_AGAIN)
		wait_for(t, fd);
	return rc;
}

static ssize_t read_some(struct tls *t, int fd, void *p, size_t n)
{
	ssize_t got;

	while ((got = tls_read(t, p, n)) == TLS_AGAIN)
		wait_for(t, fd);
	return got;
}

static int write_all(struct tls *t, int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t taken = tls_write(t, p, n);

		if (taken == TLS_AGAIN) {
			wait_for(t, fd);
			continue;
		}
		if (taken < 0)
			return (int)taken;
		ck_assert_uint_le((size_t)taken, n);
		p += taken;
		n -= (size_t)taken;
	}
	return 0;
}

/* A line asked for and its answer, without the line feed. */
static const char *ask(struct tls *t, int fd, const char *line)
{
	static char answer[256];
	size_t n = 0;

	ck_assert_int_eq(write_all(t, fd, line, strlen(line)), 0);
	do {
		ssize_t got = read_some(t, fd, answer + n, sizeof(answer) - 1 - n);

		ck_assert_msg(got > 0, "%s: %d %s", line, (int)got, tls_why(t));
		n += (size_t)got;
	} while (answer[n - 1] != '\n');
	answer[n - 1] = '\0';
	return answer;
}

/* Connects, shakes hands, asks "who" and closes. */
static const char *ask_who(const struct sock_address *to, struct tls_config *c, const char *name,
	struct tls_session **slot, bool *resumed)
{
	int fd = sock_connect(to);
	struct tls *t = tls_new(c, fd, name);
	const char *answer;

	if (slot)
		tls_use_session(t, slot);
	ck_assert_msg(handshake(t, fd) == TLS_DONE, "%s", tls_why(t));
	answer = ask(t, fd, "who\n");
	if (resumed)
		*resumed = tls_resumed(t);
	tls_free(t);
	close(fd);
	return answer;
}

/* What comes of a handshake, and of a read behind it: the sentence where it failed. */
static const char *refused(const struct sock_address *to, struct tls_options o, const char *name)
{
	static char why[512];
	struct tls_config *c = config(o);
	int fd = sock_connect(to), rc;
	struct tls *t = tls_new(c, fd, name);
	char byte;

	rc = handshake(t, fd);
	if (rc == TLS_DONE)
		rc = (int)read_some(t, fd, &byte, 1);
	ck_assert_msg(rc == TLS_FAILED, "%d, %s", rc, tls_why(t));
	snprintf(why, sizeof(why), "%s", tls_why(t));
	tls_free(t);
	tls_config_free(c);
	close(fd);
	return why;
}

#define HAS(text, part) ck_assert_msg(strstr(text, part) != NULL, "%s", text)

START_TEST(certificates_are_verified)
{
	struct sock_address self = start_server("self", NULL, NULL);
	struct sock_address expired = start_server("expired", NULL, NULL);
	struct sock_address other = start_server("client", NULL, NULL);
	struct tls_options none = {0}, insecure = {.insecure = true};
	struct tls_options own = {.ca_file = in_folder("self.crt")};
	struct tls_options ca = {.ca_file = in_folder("ca.pem")};
	struct tls_config *c = config(insecure);

	HAS(refused(&self, none, "localhost"), "self-signed certificate; trust it with --ca FILE");
	HAS(refused(&self, own, "example.org"), "the certificate is for localhost, and not");
	HAS(refused(&self, own, "127.0.0.2"), "the certificate is for localhost, and not");
	HAS(refused(&expired, ca, "localhost"), "the certificate has expired; renew it");
	HAS(refused(&expired, none, "localhost"), "issuer is not known; trust the issuer");
	HAS(refused(&other, ca, "localhost"), "the certificate is for client, and not");

	HAS(ask_who(&self, c, "example.org", NULL, NULL), "sni=example.org");
	HAS(ask_who(&expired, c, "localhost.", NULL, NULL), "sni=localhost client");
	tls_config_free(c);
	c = config(own);
	HAS(ask_who(&self, c, "localhost", NULL, NULL), "sni=localhost client");
	HAS(ask_who(&self, c, "127.0.0.1", NULL, NULL), "sni= client");
	tls_config_free(c);
	c = config(ca);
	HAS(ask_who(&other, c, "client", NULL, NULL), "version=TLSv1.3");
	tls_config_free(c);
}
END_TEST

START_TEST(clients_show_certificates)
{
	struct sock_address new = start_server("self", "ask", NULL);
	struct sock_address old = start_server("self", "ask", "tls1.2");
	struct tls_options none = {.insecure = true}, wrong = none, good = none;

	HAS(refused(&new, none, "x"), "asks for a client's certificate; give one with --cert");
	HAS(refused(&old, none, "x"), "--cert FILE");
	wrong.cert_file = in_folder("self.pem");
	HAS(refused(&new, wrong, "x"), "does not trust our certificate");
	good.cert_file = in_folder("client.pem");
	struct tls_config *c = config(good);

	HAS(ask_who(&new, c, "x", NULL, NULL), "client=client");
	tls_config_free(c);
	good.cert_file = in_folder("client.crt");
	good.key_file = in_folder("client.key");
	c = config(good);
	HAS(ask_who(&old, c, "x", NULL, NULL), "client=client");
	tls_config_free(c);
}
END_TEST

START_TEST(files_are_judged)
{
	static const struct {
		const char *ca, *cert, *key, *want;
	} BAD[] = {
		{"none.pem", NULL, NULL, "none.pem: No such file"},
		{"client.key", NULL, NULL, "client.key: cannot be used as certificates to trust"},
		{NULL, "none.pem", NULL, "none.pem: No such file"},
		{NULL, "client.key", NULL, "client.key: cannot be used as a certificate of our"},
		{NULL, "client.crt", NULL, "client.crt: cannot be used as the key"},
		{NULL, "client.crt", "self.key", "self.key: cannot be used as the key"},
		{NULL, "client.crt", "secret.key", "it is encrypted"},
		{NULL, NULL, "client.key", "a key without a certificate"},
	};

	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		struct tls_options o = {.ca_file = BAD[i].ca ? in_folder(BAD[i].ca) : NULL,
			.cert_file = BAD[i].cert ? in_folder(BAD[i].cert) : NULL,
			.key_file = BAD[i].key ? in_folder(BAD[i].key) : NULL};
		struct err err = {0};

		ck_assert_ptr_null(tls_config_new(&o, &err));
		ck_assert_int_eq(err.kind, ERR_USAGE);
		HAS(err.text, BAD[i].want);
	}
}
END_TEST

static void check_resumption(const char *version)
{
	struct sock_address to = start_server("self", version, NULL);
	struct tls_config *on = config((struct tls_options){.insecure = true, .resume = true});
	struct tls_config *off = config((struct tls_options){.insecure = true});
	struct tls_session *slot = NULL;
	bool resumed;

	HAS(ask_who(&to, on, "localhost", &slot, &resumed), "resumed=0");
	ck_assert(!resumed);
	ck_assert_ptr_nonnull(slot);
	for (int i = 0; i < 4; i++) {
		HAS(ask_who(&to, on, "localhost", &slot, &resumed), "resumed=1");
		ck_assert(resumed);
	}
	/* a second slot knows nothing of the first; without one nothing is kept */
	struct tls_session *another = NULL;

	HAS(ask_who(&to, on, "localhost", &another, NULL), "resumed=0");
	HAS(ask_who(&to, on, "localhost", NULL, NULL), "resumed=0");
	HAS(ask_who(&to, off, "localhost", &slot, &resumed), "resumed=0");
	ck_assert(!resumed);

	/* a connection that is dropped does not spoil its session */
	int fd = sock_connect(&to);
	struct tls *t = tls_new(on, fd, "localhost");
	char byte;

	tls_use_session(t, &slot);
	ck_assert_int_eq(handshake(t, fd), TLS_DONE);
	ck_assert_int_eq(write_all(t, fd, "drop\n", 5), 0);
	ck_assert_int_eq(read_some(t, fd, &byte, 1), TLS_END);
	tls_free(t);
	close(fd);
	HAS(ask_who(&to, on, "localhost", &slot, NULL), "resumed=1");
	tls_session_free(slot);
	tls_session_free(another);
	tls_config_free(on);
	tls_config_free(off);
}

START_TEST(sessions_are_resumed)
{
	check_resumption(NULL);
	check_resumption("tls1.2");
}
END_TEST

struct alone {
	const struct sock_address *to;
	struct tls_config *config;
	int resumed;
};

/* A thread of its own, with a slot of its own. */
static void *connect_often(void *arg)
{
	struct alone *a = arg;
	struct tls_session *slot = NULL;

	for (int i = 0; i < 10; i++) {
		int fd = sock_connect(a->to);
		struct tls *t = tls_new(a->config, fd, "localhost");
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char line[256];
		int rc;

		tls_use_session(t, &slot);
		while ((rc = tls_handshake(t)) == TLS_AGAIN)
			poll(&p, 1, PATIENCE_MS);
		if (rc == TLS_DONE && tls_write(t, "who\n", 4) == 4)
			while (tls_read(t, line, sizeof(line)) == TLS_AGAIN)
				poll(&p, 1, PATIENCE_MS);
		a->resumed += tls_resumed(t);
		tls_free(t);
		close(fd);
	}
	tls_session_free(slot);
	return NULL;
}

START_TEST(threads_share_a_configuration)
{
	struct sock_address to = start_server("self", NULL, NULL);
	struct tls_options o = {.ca_file = in_folder("self.crt"), .resume = true};
	struct tls_config *c = config(o);
	struct alone alone[3];
	pthread_t threads[3];

	for (int i = 0; i < 3; i++) {
		alone[i] = (struct alone){.to = &to, .config = c};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, connect_often, &alone[i]), 0);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(alone[i].resumed, 9); /* all but the first */
	}
	tls_config_free(c);
}
END_TEST

START_TEST(protocols_are_agreed)
{
	static const char *const BOTH[] = {"h2", "http/1.1", NULL};
	struct sock_address one = start_server("self", "alpn=http/1.1", NULL);
	struct sock_address both = start_server("self", "alpn=h2,http/1.1", "tls1.2");
	struct sock_address none = start_server("self", NULL, NULL);
	struct tls_config *c = config((struct tls_options){.insecure = true, .alpn = BOTH});
	const struct {
		const struct sock_address *to;
		const char *protocol, *version;
	} CASES[] = {
		{&one, "http/1.1", "TLSv1.3"}, {&both, "h2", "TLSv1.2"}, {&none, "", "TLSv1.3"}};

	for (int i = 0; i < 3; i++) {
		int fd = sock_connect(CASES[i].to);
		struct tls *t = tls_new(c, fd, "localhost");
		char want[32];

		ck_assert_int_eq(handshake(t, fd), TLS_DONE);
		ck_assert_str_eq(tls_protocol(t), CASES[i].protocol);
		ck_assert_str_eq(tls_version(t), CASES[i].version);
		ck_assert_ptr_nonnull(strstr(tls_cipher(t), "AES"));
		snprintf(want, sizeof(want), "alpn=%s sni", CASES[i].protocol);
		HAS(ask(t, fd, "who\n"), want);
		ck_assert(
			!tls_pending(t)); /* a small answer comes whole, with no recv() behind it */
		tls_free(t);
		close(fd);
	}
	tls_config_free(c);
}
END_TEST

static int connect_narrow(const struct sock_address *to)
{
	int fd = sock_connect(to), bytes = 16384;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return fd;
}

/* A megabyte each way, through buffers of a few KiB; what is given again after TLS_AGAIN has moved.
 */
START_TEST(much_through_a_narrow_socket)
{
	enum { MUCH = 1 << 20 };
	struct sock_address to = start_server("self", NULL, NULL);
	struct tls_config *c = config((struct tls_options){.insecure = true});
	int fd = connect_narrow(&to);
	struct tls *t = tls_new(c, fd, "localhost");
	static char big[2][MUCH];
	unsigned long sum = 0, waited = 0;
	char line[32];

	ck_assert_int_eq(handshake(t, fd), TLS_DONE);
	ck_assert_int_eq(write_all(t, fd, "send 1048576\n", 13), 0);
	for (size_t at = 0; at < MUCH;) {
		ssize_t got = read_some(t, fd, big[0], 5000);

		ck_assert_int_gt(got, 0);
		for (ssize_t i = 0; i < got; i++)
			ck_assert_uint_eq((unsigned char)big[0][i], (at + (size_t)i) % 251);
		at += (size_t)got;
	}
	ck_assert_uint_gt(tls_bytes_in(t), MUCH);
	ck_assert_uint_lt(tls_bytes_in(t), MUCH + MUCH / 50);

	for (size_t i = 0; i < MUCH; i++) {
		big[0][i] = big[1][i] = (char)(i % 127);
		sum += i % 127;
	}
	ck_assert_int_eq(write_all(t, fd, "take 1048576\n", 13), 0);
	for (size_t at = 0; at < MUCH;) {
		ssize_t taken = tls_write(t, big[waited % 2] + at, MUCH - at);

		ck_assert(taken > 0 || taken == TLS_AGAIN);
		at += taken > 0 ? (size_t)taken : 0;
		if (at < MUCH) {
			waited++; /* fewer than were given: the socket is full */
			ck_assert(tls_wants_write(t));
			wait_for(t, fd);
		}
	}
	ck_assert_uint_gt(waited, 0);
	snprintf(line, sizeof(line), "%lu", sum);
	ck_assert_str_eq(ask(t, fd, ""), line);
	ck_assert_uint_gt(tls_bytes_out(t), MUCH);
	ck_assert_uint_lt(tls_bytes_out(t), MUCH + MUCH / 50);
	tls_free(t);
	tls_config_free(c);
	close(fd);
}
END_TEST

/* With edge-triggered epoll, taking less than the socket would is waiting for ever. */
START_TEST(a_write_takes_what_the_socket_takes)
{
	enum { SEVERAL_RECORDS = 50000 };
	static const char zeros[SEVERAL_RECORDS];
	struct sock_address to = start_server("self", NULL, NULL);
	struct tls_config *c = config((struct tls_options){.insecure = true});
	int fd = sock_connect(&to), bytes = 1 << 20;
	struct tls *t = tls_new(c, fd, "localhost");

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	ck_assert_int_eq(handshake(t, fd), TLS_DONE);
	ck_assert_int_eq(write_all(t, fd, "take 50000\n", 11), 0);
	ck_assert_int_eq(tls_write(t, zeros, SEVERAL_RECORDS), SEVERAL_RECORDS);
	ck_assert_str_eq(ask(t, fd, ""), "0");
	tls_free(t);
	tls_config_free(c);
	close(fd);
}
END_TEST

START_TEST(ends_and_resets_are_told_apart)
{
	static const struct {
		const char *command;
		int want;
	} CASES[] = {{"bye\n", TLS_END}, {"drop\n", TLS_END}, {"reset\n", TLS_RESET}};
	struct sock_address to = start_server("self", NULL, NULL);
	struct tls_config *c = config((struct tls_options){.insecure = true});

	for (int i = 0; i < 3; i++) {
		int fd = sock_connect(&to), rc;
		struct tls *t = tls_new(c, fd, "localhost");
		char byte;

		ck_assert_int_eq(handshake(t, fd), TLS_DONE);
		ck_assert_int_eq(write_all(t, fd, CASES[i].command, strlen(CASES[i].command)), 0);
		ck_assert_int_eq(read_some(t, fd, &byte, 1), CASES[i].want);
		ck_assert_int_eq(read_some(t, fd, &byte, 1), CASES[i].want);
		/* writing to it raises no signal, which would end this test */
		for (rc = 0; rc == 0;)
			rc = write_all(t, fd, CASES[i].command, 1);
		ck_assert_msg(rc == TLS_RESET || rc == TLS_FAILED || rc == TLS_END, "%d", rc);
		tls_free(t);
		close(fd);
	}
	tls_config_free(c);
}
END_TEST

/* What a server of plain sockets does to a handshake: the words it says before it closes, or a
 * reset where there are none. */
static int handshake_with(const char *words, size_t len, bool reset, char why[512])
{
	struct tls_config *c = config((struct tls_options){.insecure = true});
	struct sock_address to;
	struct err err = {0};
	char text[SOCK_TEXT], hello[4096];
	struct linger at_once = {.l_onoff = 1};
	struct pollfd p = {.events = POLLIN};
	size_t n;
	int listener = sock_listen("127.0.0.1:0", 4, &err), fd, taken, rc;

	sock_local_text(listener, text);
	ck_assert_int_eq(sock_resolve("127.0.0.1", strchr(text, ':') + 1, &to, 1, &n, &err), 0);
	fd = sock_connect(&to);
	struct tls *t = tls_new(c, fd, "localhost");

	ck_assert_int_eq(tls_handshake(t), TLS_AGAIN);
	ck_assert(!tls_wants_write(t));
	p.fd = listener;
	ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
	taken = accept(listener, NULL, NULL);
	ck_assert_int_gt(read(taken, hello, sizeof(hello)), 100);
	ck_assert_int_eq(write(taken, words, len), (ssize_t)len);
	if (reset)
		setsockopt(taken, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(taken);
	rc = handshake(t, fd);
	snprintf(why, 512, "%s", tls_why(t));
	tls_free(t);
	close(fd);
	close(listener);
	tls_config_free(c);
	return rc;
}

START_TEST(broken_handshakes)
{
	char why[512];

	static const struct {
		const char *words;
		size_t len;
		bool reset;
		int want;
		const char *why;
	} CASES[] = {
		{"HTTP/1.1 400 Bad Request\r\n\r\n", 28, false, TLS_FAILED,
			"does not speak TLS on this port; is its URL http://"},
		{"220 mail.example.org ESMTP\r\n", 28, false, TLS_FAILED,
			"does not speak TLS on this port"},
		{"", 0, true, TLS_RESET, "Connection reset by peer"},
		{"", 0, false, TLS_END, ""},
		{"\x16\x03\x03\x00\x7a\x02", 6, false, TLS_END, ""},
		{"\x15\x03\x03\x00\x02\x02\x28", 7, false, TLS_FAILED, "no cipher in common"},
		{"\x15\x03\x03\x00\x02\x02\x46", 7, false, TLS_FAILED, "TLS 1.2 nor 1.3"},
		{"\x15\x03\x03\x00\x02\x02\x70", 7, false, TLS_FAILED, "--server-name"},
		{"\x15\x03\x03\x00\x02\x02\x78", 7, false, TLS_FAILED, "--http"},
		{"\x15\x03\x03\x00\x02\x02\x50", 7, false, TLS_FAILED, "internal error"},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		int rc = handshake_with(CASES[i].words, CASES[i].len, CASES[i].reset, why);

		ck_assert_msg(rc == CASES[i].want, "%zu: %d, %s", i, rc, why);
		HAS(why, CASES[i].why);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls");
	TCase *tc = tcase_create("tls");

	tcase_add_unchecked_fixture(tc, make_certificates, remove_certificates);
	tcase_add_test(tc, certificates_are_verified);
	tcase_add_test(tc, clients_show_certificates);
	tcase_add_test(tc, files_are_judged);
	tcase_add_test(tc, sessions_are_resumed);
	tcase_add_test(tc, threads_share_a_configuration);
	tcase_add_test(tc, protocols_are_agreed);
	tcase_add_test(tc, much_through_a_narrow_socket);
	tcase_add_test(tc, a_write_takes_what_the_socket_takes);
	tcase_add_test(tc, ends_and_resets_are_told_apart);
	tcase_add_test(tc, broken_handshakes);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}

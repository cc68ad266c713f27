/* The relay, with real connections: each byte, end and reset, and its process. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "net/sock.h"
#include "proc/relay.h"
#include "relay_ends.h"
#include "unit.h"

/* ---- bytes and ends ---- */

/* The last bytes are here a moment before they are counted. */
static void wait_counted(uint64_t up, uint64_t down)
{
	uint64_t end = clock_now_ns() + WAIT_MS * NS_PER_MS;

	while (ends_counts().bytes_up != up || ends_counts().bytes_down != down) {
		ck_assert_msg(clock_now_ns() < end, "counted %llu up, %llu down",
			(unsigned long long)ends_counts().bytes_up,
			(unsigned long long)ends_counts().bytes_down);
		clock_sleep_ns(NS_PER_MS / 5);
	}
}

START_TEST(passes_on_every_byte)
{
	enum { BYTES = 6000000 };
	static const struct relay_shape SHAPES[] = {{0}, {.delay_ns = 300000},
		{.delay_ns = 200000, .jitter_ns = 200000, .sigma = 1},
		{.bytes_per_second = 20000000}, {.delay_ns = 100000, .bytes_per_second = 20000000}};
	struct relay_counts c;
	struct pair p;

	ends_start(1);
	for (size_t i = 0; i < sizeof(SHAPES) / sizeof(SHAPES[0]); i++) {
		ends_set(SHAPES[i]);
		p = ends_pair();
		ends_stream_both(p, BYTES);
		c = ends_counts();
		ck_assert_uint_eq(c.accepted, i + 1);
		ck_assert_uint_eq(c.open, 1);
		wait_counted(BYTES * (i + 1), BYTES * (i + 1));
		ends_close(p);
		ends_wait_open(0);
	}
	ck_assert_uint_eq(relay_given(relay, 0), sizeof(SHAPES) / sizeof(SHAPES[0]));
	ck_assert_uint_eq(relay_given(relay, 1), 0);
	ck_assert_double_gt(relay_cpu_s(relay), 0);
	relay_stop(relay);
}
END_TEST

/* With and without a delay: an end is passed on after what was before it, and the other direction
 * goes on. */
START_TEST(passes_on_half_closes)
{
	ends_start(1);
	for (uint64_t delay_ns = 0; delay_ns < 2000000; delay_ns += 1000000) {
		struct pair p;

		ends_set((struct relay_shape){.delay_ns = delay_ns});
		p = ends_pair();
		ends_put(p.client, "all", 3);
		shutdown(p.client, SHUT_WR);
		ends_expect(p.server, "all");
		ck_assert_int_eq(ends_end_of(p.server), 0);
		ends_put(p.server, "answer", 6);
		close(p.server);
		ends_expect(p.client, "answer");
		ck_assert_int_eq(ends_end_of(p.client), 0);
		close(p.client);
		ends_wait_open(0);

		p = ends_pair(); /* the other way round */
		ends_put(p.server, "first", 5);
		shutdown(p.server, SHUT_WR);
		ends_expect(p.client, "first");
		ck_assert_int_eq(ends_end_of(p.client), 0);
		clock_sleep_ns(5 * NS_PER_MS);
		ends_put(p.client, "still", 5);
		ends_expect(p.server, "still");
		ck_assert_uint_eq(ends_counts().open, 1);
		close(p.client);
		ck_assert_int_eq(ends_end_of(p.server), 0);
		close(p.server);
		ends_wait_open(0);
	}
	relay_stop(relay);
}
END_TEST

START_TEST(passes_on_resets)
{
	ends_start(1);
	for (uint64_t delay_ns = 0; delay_ns < 2000000; delay_ns += 1000000) {
		struct pair p;

		ends_set((struct relay_shape){.delay_ns = delay_ns});
		p = ends_pair();
		ends_put(p.client, "last", 4);
		ends_expect(p.server, "last");
		ends_reset(p.client);
		ck_assert_int_eq(ends_end_of(p.server), ECONNRESET);
		close(p.server);
		ends_wait_open(0);

		p = ends_pair(); /* an upstream that dies: what it had said comes first */
		ends_put(p.server, "dying", 5);
		ends_wait(p.client, POLLIN);
		ends_reset(p.server);
		ends_expect(p.client, "dying");
		ck_assert_int_eq(ends_end_of(p.client), ECONNRESET);
		close(p.client);
		ends_wait_open(0);

		p = ends_pair(); /* it dies while it is being sent to */
		ends_put(p.client, "unread", 6);
		ends_wait(p.server, POLLIN);
		close(p.server); /* unread data makes it a reset */
		ck_assert_int_eq(ends_end_of(p.client), ECONNRESET);
		close(p.client);
		ends_wait_open(0);
	}
	relay_stop(relay);
}
END_TEST

/* An upstream that answers and goes without reading everything, as servers refuse big bodies. */
START_TEST(passes_on_an_answer_before_the_end)
{
	char *body = mem_zalloc(1, 300000), got[8] = "";
	struct pair p;
	ssize_t n;

	ends_start(1);
	p = ends_pair();
	ends_put(p.client, body, 1000);
	ends_get(p.server, body, 1000);
	ends_put(p.server, "too big", 7);
	ends_wait(p.client, POLLIN);
	close(p.server);
	while ((n = send(p.client, body, 300000, MSG_NOSIGNAL)) > 0)
		clock_sleep_ns(NS_PER_MS);
	/* a real reset, where one came first, takes the answer along on some systems: not here */
	ends_get(p.client, got, 7);
	ck_assert_str_eq(got, "too big");
	close(p.client);
	ends_wait_open(0);
	free(body);
	relay_stop(relay);
}
END_TEST

static size_t resident_bytes(pid_t pid)
{
	unsigned long size = 0, resident = 0;
	char path[64], line[128] = "", *rest;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
	fclose(file);
	size = strtoul(line, &rest, 10);
	resident = strtoul(rest, NULL, 10);
	ck_assert_uint_gt(size, 0);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Nobody reads: the relay keeps a bounded part, and the rest waits where it comes from. Sixteen
 * senders offer 32 MB each (more than the kernel's buffers take); 256 KiB of each may be kept,
 * twice that while a ring grows, and the sanitizers keep freed memory for a while and notes of
 * their own: 2 MiB a sender is far above what is allowed and far below what is offered. */
START_TEST(keeps_no_more_than_its_buffer)
{
	enum { N = 16, OFFER = 32 << 20 };
	size_t before, sent[N] = {0}, all = 0;
	char *chunk = mem_zalloc(1, 65536);
	struct pair p[N];

	ends_start(1);
	for (int i = 0; i < N; i++)
		p[i] = ends_pair();
	before = resident_bytes(relay_pid(relay));
	for (int idle = 0; idle < 100; idle++) {
		for (int i = 0; i < N; i++) {
			ssize_t n =
				sent[i] < OFFER ? send(p[i].client, chunk, 65536, MSG_NOSIGNAL) : 0;

			sent[i] += n > 0 ? (size_t)n : 0;
			idle = n > 0 ? 0 : idle;
		}
		clock_sleep_ns(NS_PER_MS / 2);
	}
	ck_assert_uint_lt(resident_bytes(relay_pid(relay)) - before, 2 * N << 20);
	for (int i = 0; i < N; i++) {
		ck_assert_uint_lt(sent[i], OFFER);
		all += sent[i];
		for (size_t left = sent[i]; left;) {
			size_t len = left < 65536 ? left : 65536;

			ends_get(p[i].server, chunk, len);
			left -= len;
		}
	}
	wait_counted(all, 0);
	for (int i = 0; i < N; i++)
		ends_close(p[i]);
	ends_wait_open(0);
	/* a client that resets while its direction is full is gone for the upstream, too */
	p[0] = ends_pair();
	for (int idle = 0; idle < 50; idle++) {
		if (send(p[0].client, chunk, 65536, MSG_NOSIGNAL) > 0)
			idle = 0;
		clock_sleep_ns(NS_PER_MS / 2);
	}
	ends_reset(p[0].client);
	ends_wait_open(0);
	close(p[0].server);
	free(chunk);
	relay_stop(relay);
}
END_TEST

/* ---- connections ---- */

/* 4.75 standard deviations: one in a million. */
START_TEST(drops_a_share)
{
	enum { N = 400 };
	uint64_t dropped = 0;

	ends_start(1);
	ends_set((struct relay_shape){.drop = .3});
	for (int i = 0; i < N; i++) {
		int fd = sock_connect(&relay_at);

		ck_assert_int_ge(fd, 0);
		close(fd);
	}
	while (ends_counts().accepted < N)
		clock_sleep_ns(NS_PER_MS);
	for (int i = 0; i < N && ends_counts().dropped + (uint64_t)i < N; i++)
		close(ends_accept(listeners[0]));
	ends_wait_open(0);
	dropped = ends_counts().dropped;
	ck_assert_uint_eq(ends_counts().accepted, N);
	ck_assert_uint_eq(relay_given(relay, 0), N - dropped);
	ck_assert_double_lt(fabs((double)dropped - N * .3), 4.75 * sqrt(N * .3 * .7));
	ends_set((struct relay_shape){.drop = 1});
	for (int i = 0; i < 20; i++) {
		int fd = sock_connect(&relay_at);

		ends_wait(fd, POLLIN);
		ck_assert_int_eq(ends_end_of(fd), ECONNRESET);
		close(fd);
	}
	ck_assert_uint_eq(ends_counts().dropped, dropped + 20);
	relay_stop(relay);
}
END_TEST

static void expect_refused(void)
{
	int fd = sock_connect(&relay_at);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ends_end_of(fd), ECONNRESET);
	close(fd);
}

START_TEST(goes_round_its_upstreams)
{
	int clients[12], servers[12];

	ends_start(3);
	for (int i = 0; i < 12; i++) {
		clients[i] = ends_client();
		servers[i] = ends_accept(listeners[i % 3]);
		ends_round_trip((struct pair){clients[i], servers[i]});
	}
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(relay_given(relay, i), 4);
	ck_assert_uint_eq(ends_counts().open, 12);
	for (int i = 0; i < 12; i++)
		ends_close((struct pair){clients[i], servers[i]});
	ends_wait_open(0);
	/* one is gone: the next has its turns; two are: every third connection finds one only */
	close(listeners[0]);
	for (int i = 0; i < 3; i++) {
		clients[i] = ends_client();
		servers[i] = ends_accept(listeners[i == 2 ? 2 : 1]);
		ends_round_trip((struct pair){clients[i], servers[i]});
	}
	ck_assert_uint_eq(relay_given(relay, 0), 4);
	ck_assert_uint_eq(relay_given(relay, 1), 6);
	ck_assert_uint_eq(relay_given(relay, 2), 5);
	ck_assert_int_eq(relay_check(relay, &err), -ERR_SERVICE);
	ck_assert_ptr_nonnull(strstr(err.text, names[0]));
	close(listeners[1]);
	expect_refused();
	ck_assert_uint_eq(ends_counts().refused, 1);
	ck_assert_uint_eq(ends_counts().accepted, 16);
	for (int i = 0; i < 3; i++)
		ends_close((struct pair){clients[i], servers[i]});
	relay_stop(relay);
}
END_TEST

START_TEST(upstream_may_come_and_go)
{
	struct pair p;

	ends_start(1);
	ck_assert_msg(!relay_check(relay, &err), "%s", err.text);
	close(ends_accept(listeners[0])); /* the check's own */
	p = ends_pair();
	close(listeners[0]);
	expect_refused();
	expect_refused();
	ck_assert_uint_eq(ends_counts().refused, 2);
	ck_assert_int_eq(relay_check(relay, &err), -ERR_SERVICE);
	ck_assert_ptr_nonnull(strstr(err.text, names[0]));
	ends_round_trip(p);
	listeners[0] = sock_listen(names[0], 16, &err);
	ck_assert_int_ge(listeners[0], 0);
	ends_close(p);
	p = ends_pair();
	ends_round_trip(p);
	ends_close(p);
	relay_stop(relay);
}
END_TEST

/* An upstream that is too busy to take a connection does not answer at all: after 3 s the next one
 * is tried. */
START_TEST(leaves_an_upstream_that_hangs)
{
	int waiting[8], client, server;
	struct sock_address hung;

	ends_start(2);
	ck_assert(!listen(listeners[0], 0)); /* makes its queue one long */
	ends_address(names[0], &hung);
	for (int i = 0; i < 8; i++)
		waiting[i] = sock_connect(&hung);
	client = ends_client();
	ends_put(client, "q", 1);
	server = ends_accept(listeners[1]);
	ends_expect(server, "q");
	ck_assert_uint_eq(relay_given(relay, 0), 0);
	ck_assert_uint_eq(relay_given(relay, 1), 1);
	for (int i = 0; i < 8; i++)
		close(waiting[i]);
	ends_close((struct pair){client, server});
	relay_stop(relay);
}
END_TEST

/* A name may have addresses where nobody listens: localhost is ::1, too. */
START_TEST(tries_each_address_of_a_name)
{
	char name[64];
	const char *upstreams[] = {name, NULL};
	struct relay_spec spec = {.listen = "127.0.0.1:0", .upstreams = upstreams};
	struct pair p;

	/* A machine without /etc/hosts knows no such name. */
	if (sock_resolve("localhost", "80", &(struct sock_address){0}, 1, &(size_t){0}, NULL))
		return;
	listeners[0] = sock_listen("127.0.0.1:0", 16, &err);
	ck_assert_int_ge(listeners[0], 0);
	sock_local_text(listeners[0], names[0]);
	snprintf(name, sizeof(name), "localhost%s", strrchr(names[0], ':'));
	ck_assert_msg(!relay_start(&relay, &spec, &err), "%s", err.text);
	ends_address(relay_address(relay), &relay_at);
	ck_assert_msg(!relay_check(relay, &err), "%s", err.text);
	close(ends_accept(listeners[0]));
	for (int i = 0; i < 3; i++) {
		p = ends_pair();
		ends_round_trip(p);
		ends_close(p);
	}
	ck_assert_uint_eq(ends_counts().refused, 0);
	relay_stop(relay);
}
END_TEST

/* Without a descriptor left, connections are refused or wait; with some again, all goes on. */
START_TEST(outlives_a_lack_of_descriptors)
{
	struct rlimit few = {16, 4096}, many = {4096, 4096};
	int clients[20];
	struct pair p;

	ends_start(1);
	ends_set((struct relay_shape){0});
	ck_assert(!prlimit(relay_pid(relay), RLIMIT_NOFILE, &few, NULL));
	for (int i = 0; i < 20; i++)
		clients[i] = ends_client(); /* the kernel takes them */
	clock_sleep_ns(50 * NS_PER_MS);
	ck_assert_uint_le(ends_counts().open, 5);
	for (int i = 0; i < 20; i++)
		close(clients[i]);
	ck_assert(!prlimit(relay_pid(relay), RLIMIT_NOFILE, &many, NULL));
	while (ends_counts().accepted < 20)
		clock_sleep_ns(NS_PER_MS);
	for (uint64_t i = 20 - ends_counts().refused; i; i--)
		close(ends_accept(listeners[0]));
	ends_wait_open(0);
	p = ends_pair();
	ends_round_trip(p);
	ends_close(p);
	relay_stop(relay);
}
END_TEST

/* One side of a pair does something. */
static void do_anything(struct rng *rng, int *fd)
{
	static char bytes[100000];

	switch (rng_below(rng, 12)) {
	case 0: shutdown(*fd, SHUT_WR); break;
	case 1:
		close(*fd);
		*fd = -1;
		break;
	case 2:
		ends_reset(*fd);
		*fd = -1;
		break;
	case 3:
	case 4:
	case 5:
		while (recv(*fd, bytes, sizeof(bytes), 0) > 0)
			;
		break;
	default: send(*fd, bytes, rng_below(rng, sizeof(bytes)), MSG_NOSIGNAL);
	}
}

static void close_rest(struct pair *p)
{
	if (p->client >= 0)
		close(p->client);
	if (p->server >= 0)
		close(p->server);
	*p = (struct pair){-1, -1};
}

/* Any order of sending, reading, ends and resets on both sides, under changing shapes: the relay is
 * there afterwards, and nothing is open. Under the sanitizers it must not have stumbled, either. */
START_TEST(survives_anything)
{
	enum { N = 30, STEPS = 6000 };
	struct pair p[N];
	struct rng rng;

	rng_seed(&rng, 4, 0);
	ends_start(1);
	for (int i = 0; i < N; i++)
		p[i] = (struct pair){-1, -1};
	for (int step = 0; step < STEPS; step++) {
		struct pair *one = &p[rng_below(&rng, N)];

		if (step % 100 == 0)
			ends_set((struct relay_shape){.delay_ns = rng_below(&rng, 3) * 100000,
				.jitter_ns = rng_below(&rng, 2) * 200000,
				.sigma = (double)rng_below(&rng, 2),
				.bytes_per_second = rng_below(&rng, 2) * 100000000});
		if (one->client < 0 && one->server < 0)
			*one = ends_pair();
		else if (rng_below(&rng, 40) == 0)
			close_rest(one);
		else if (one->client >= 0 && (one->server < 0 || rng_below(&rng, 2)))
			do_anything(&rng, &one->client);
		else
			do_anything(&rng, &one->server);
	}
	for (int i = 0; i < N; i++)
		close_rest(&p[i]);
	ends_wait_open(0);
	p[0] = ends_pair();
	ends_round_trip(p[0]);
	close_rest(&p[0]);
	ck_assert_msg(!relay_check(relay, &err), "%s", err.text);
	ck_assert_uint_eq(ends_counts().refused, 0);
	relay_stop(relay);
}
END_TEST

START_TEST(holds_five_thousand)
{
	enum { N = 5000 };
	static struct pair p[N];
	char byte;

	ck_assert_msg(!sock_make_room(2 * N + 100, "this test", &err), "%s", err.text);
	ends_start(1);
	ends_set((struct relay_shape){.delay_ns = NS_PER_MS});
	for (int i = 0; i < N; i++)
		p[i] = ends_pair();
	ck_assert_uint_eq(ends_counts().open, N);
	for (int i = 0; i < N; i++)
		ends_put(p[i].client, "q", 1);
	for (int i = 0; i < N; i++) {
		ends_get(p[i].server, &byte, 1);
		ends_put(p[i].server, "a", 1);
	}
	for (int i = 0; i < N; i++)
		ends_get(p[i].client, &byte, 1);
	wait_counted(N, N);
	ck_assert_uint_eq(ends_counts().pieces, N);
	for (int i = 0; i < N; i++)
		ends_close(p[i]);
	ends_wait_open(0);
	ck_assert_uint_eq(ends_counts().refused, 0);
	ck_assert_msg(!relay_check(relay, &err), "%s", err.text);
	relay_stop(relay);
}
END_TEST

/* ---- the process ---- */

START_TEST(says_what_it_cannot_do)
{
	const char *upstreams[] = {"127.0.0.1:9", NULL}, *none[] = {NULL};
	struct relay_spec spec = {.listen = "127.0.0.1:0", .upstreams = upstreams};
	static const char *const BAD[] = {"", "6379", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0",
		":6379", "127.0.0.1:65536", "::1:6379", "[]:6379"};
	struct relay *second = NULL;
	char who[32], own[SOCK_TEXT];

	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		upstreams[0] = BAD[i];
		ck_assert_msg(relay_start(&second, &spec, &err) == -ERR_USAGE, "'%s'", BAD[i]);
		ck_assert_ptr_null(second);
	}
	upstreams[0] = "127.0.0.1:9";
	spec.listen = "127.0.0.1";
	ck_assert_int_eq(relay_start(&second, &spec, &err), -ERR_USAGE);
	spec.listen = "127.0.0.1:0";
	spec.upstreams = none;
	ck_assert_int_eq(relay_start(&second, &spec, &err), -ERR_USAGE);
	spec.upstreams = upstreams;
	ends_start(1);
	spec.listen = relay_address(relay);
	ck_assert_int_eq(relay_start(&second, &spec, &err), -ERR_BUSY);
	snprintf(who, sizeof(who), "process %d ", (int)relay_pid(relay));
	ck_assert_msg(strstr(err.text, who) && strstr(err.text, spec.listen), "%s", err.text);
	snprintf(own, sizeof(own), "%s", relay_address(relay));
	relay_stop(relay);
	/* its port is free again; and no relay leads to itself */
	upstreams[0] = spec.listen = own;
	ck_assert_int_eq(relay_start(&second, &spec, &err), -ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "itself"));
	relay_stop(NULL);
}
END_TEST

START_TEST(refuses_impossible_shapes)
{
	static const struct relay_shape BAD[] = {{.drop = -.1}, {.drop = 1.1}, {.drop = NAN},
		{.sigma = -1}, {.sigma = NAN}, {.sigma = 100}, {.delay_ns = UINT64_MAX},
		{.jitter_ns = 3600 * NS_PER_S}};

	ends_start(1);
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		ck_assert_int_eq(relay_set(relay, &BAD[i], &err), -ERR_USAGE);
	relay_stop(relay);
}
END_TEST

START_TEST(says_that_it_was_killed)
{
	struct relay_shape shape = {0};

	ends_start(1);
	kill(relay_pid(relay), SIGTERM); /* not culprit's way: not heard */
	kill(relay_pid(relay), SIGINT);
	ends_set(shape);
	kill(relay_pid(relay), SIGKILL);
	clock_sleep_ns(50 * NS_PER_MS);
	ck_assert_int_eq(relay_set(relay, &shape, &err), -ERR_SERVICE);
	ck_assert_int_eq(relay_check(relay, &err), -ERR_SERVICE);
	ck_assert_ptr_nonnull(strstr(err.text, "has ended"));
	relay_stop(relay);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

/* 0 to 2 on /dev/null, culprit's socket, the listener and its epoll, whatever was open. */
START_TEST(inherits_no_descriptor)
{
	char path[64];
	struct dirent *entry;
	DIR *folder;
	int n = 0;

	for (int i = 0; i < 20; i++)
		ck_assert_int_ge(dup(1), 0);
	ends_start(1);
	ends_set((struct relay_shape){0}); /* so it has settled */
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)relay_pid(relay));
	folder = opendir(path);
	ck_assert_ptr_nonnull(folder);
	while ((entry = readdir(folder)))
		n += entry->d_name[0] != '.';
	closedir(folder);
	ck_assert_int_eq(n, 6);
	relay_stop(relay);
}
END_TEST

/* Culprit is killed: the relay and its connections are gone. It comes to this process then, which
 * adopts what has lost its parent, and waits for it. */
START_TEST(ends_with_culprit)
{
	int told[2], status;
	struct pair p = {0};
	pid_t culprit, child;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	ck_assert(!pipe(told));
	culprit = fork();
	if (!culprit) {
		ends_start(1);
		p = ends_pair();
		ends_round_trip(p);
		child = relay_pid(relay);
		if (write(told[1], &child, sizeof(child)) != sizeof(child))
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(told[0], &child, sizeof(child)), sizeof(child));
	kill(culprit, SIGKILL);
	ck_assert_int_eq(waitpid(culprit, &status, 0), culprit);
	for (uint64_t end = clock_now_ns() + WAIT_MS * NS_PER_MS; kill(child, 0) == 0;) {
		waitpid(child, NULL, WNOHANG);
		ck_assert_msg(clock_now_ns() < end, "the relay is still there");
		clock_sleep_ns(NS_PER_MS);
	}
	ck_assert_int_eq(errno, ESRCH);
}
END_TEST

UNIT_MAIN("relay", passes_on_every_byte, passes_on_half_closes, passes_on_resets,
	passes_on_an_answer_before_the_end, keeps_no_more_than_its_buffer, drops_a_share,
	goes_round_its_upstreams, upstream_may_come_and_go, leaves_an_upstream_that_hangs,
	tries_each_address_of_a_name, outlives_a_lack_of_descriptors, survives_anything,
	holds_five_thousand, says_what_it_cannot_do, refuses_impossible_shapes,
	says_that_it_was_killed, inherits_no_descriptor, ends_with_culprit)

/*
 * The relay and its measure, for bench/relay.py.
 *
 *     relay_drive relay UPSTREAM      prints "ADDRESS PID", then reads lines:
 *                                     "set DELAY_NS" answers "ok",
 *                                     "count" answers "PIECES DELAY_NS CPU_US"
 *     relay_drive ping PORT COUNT     one question and its answer after the other ("PING\r\n", as
 *                                     Redis has it, but whatever comes is an answer); prints the
 *                                     nanoseconds of each, one a line
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "proc/relay.h"

static int fail(const struct err *err)
{
	fprintf(stderr, "relay_drive: %s\n", err->text);
	return 1;
}

static int drive_relay(const char *upstream)
{
	const char *upstreams[] = {upstream, NULL};
	struct relay_spec spec = {.listen = "127.0.0.1:0", .upstreams = upstreams, .seed = 1};
	struct relay_shape shape = {0};
	struct relay_counts c;
	struct relay *relay;
	struct err err;
	char line[64];
	int64_t ns;
	int rc = 0;

	if (relay_start(&relay, &spec, &err))
		return fail(&err);
	printf("%s %d\n", relay_address(relay), (int)relay_pid(relay));
	fflush(stdout);
	while (!rc && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "set ", 4)) {
			rc = num_parse_int(line + 4, 0, INT64_MAX, "delay", &ns, &err);
			shape.delay_ns = (uint64_t)ns;
			if (!rc)
				rc = relay_set(relay, &shape, &err);
			if (rc)
				fail(&err);
			puts("ok");
		} else {
			relay_count(relay, &c);
			printf("%llu %llu %.1f\n", (unsigned long long)c.pieces,
				(unsigned long long)c.delay_ns, relay_cpu_s(relay) * 1e6);
		}
		fflush(stdout);
	}
	relay_stop(relay);
	return rc != 0;
}

static int ping(unsigned port, size_t count)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	uint64_t *ns = mem_alloc(count, sizeof(*ns));
	char answer[4096];

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return 1;
	for (size_t i = 0; i < count; i++) {
		uint64_t begin = clock_now_ns();

		if (send(fd, "PING\r\n", 6, MSG_NOSIGNAL) != 6 ||
			recv(fd, answer, sizeof(answer), 0) <= 0)
			return 1;
		ns[i] = clock_now_ns() - begin;
	}
	close(fd);
	for (size_t i = 0; i < count; i++)
		printf("%llu\n", (unsigned long long)ns[i]);
	free(ns);
	return 0;
}

int main(int argc, char **argv)
{
	int64_t port, count;

	if (argc == 3 && !strcmp(argv[1], "relay"))
		return drive_relay(argv[2]);
	if (argc != 4 || strcmp(argv[1], "ping") != 0 ||
		num_parse_int(argv[2], 1, 65535, "port", &port, NULL) ||
		num_parse_int(argv[3], 1, 10000000, "count", &count, NULL))
		return 2;
	return ping((unsigned)port, (size_t)count);
}

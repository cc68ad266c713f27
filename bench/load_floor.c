/*
 * Two ends of a load test that do the least that can be done, for bench/load.py. `serve` answers
 * whatever arrives with 160 bytes: a server that is never the bottleneck. `drive` sends a request
 * and reads until something came, over and over, with one epoll loop and nothing else: no parser,
 * no clock, no histogram. What it costs is the floor that no HTTP load generator of this kind can
 * go below.
 *
 *     load_floor serve PORT
 *     load_floor drive PORT CONNECTIONS SECONDS      prints the number of answers
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/num.h"

enum { EVENTS = 256 };

static const char REQUEST[] = "GET /small HTTP/1.1\r\n"
			      "Host: 127.0.0.1:65535\r\n"
			      "User-Agent: floor\r\n"
			      "\r\n";
static const char ANSWER[] = "HTTP/1.1 200 OK\r\n"
			     "Server: floor\r\n"
			     "Date: Sat, 21 Nov 2026 11:38:55 GMT\r\n"
			     "Content-Type: text/plain\r\n"
			     "Connection: keep-alive\r\n"
			     "Content-Length: 13\r\n"
			     "\r\n"
			     "hello, world\n";

static volatile sig_atomic_t over;

static void on_alarm(int number)
{
	(void)number;
	over = 1;
}

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static int make_socket(struct sockaddr_in *address, unsigned port)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	*address = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return fd;
}

static void watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl");
}

static void serve(unsigned port)
{
	struct epoll_event events[EVENTS];
	struct sockaddr_in address;
	int epoll = epoll_create1(0), listener = make_socket(&address, port);
	char buffer[65536];

	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 4096))
		die("listen");
	watch(epoll, listener);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == listener)
				watch(epoll, accept4(listener, NULL, NULL, SOCK_NONBLOCK));
			else if (recv(fd, buffer, sizeof(buffer), 0) <= 0 ||
				 send(fd, ANSWER, sizeof(ANSWER) - 1, MSG_NOSIGNAL) < 0)
				close(fd);
		}
	}
}

static uint64_t drive(unsigned port, unsigned connections, unsigned seconds)
{
	struct epoll_event events[EVENTS];
	struct sockaddr_in address;
	int epoll = epoll_create1(0);
	char buffer[65536];
	uint64_t answers = 0;

	for (unsigned i = 0; i < connections; i++) {
		int fd = make_socket(&address, port);

		if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
			die("connect");
		watch(epoll, fd);
		send(fd, REQUEST, sizeof(REQUEST) - 1, MSG_NOSIGNAL);
	}
	signal(SIGALRM, on_alarm);
	alarm(seconds);
	while (!over) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (recv(fd, buffer, sizeof(buffer), 0) <= 0)
				die("recv");
			answers++;
			send(fd, REQUEST, sizeof(REQUEST) - 1, MSG_NOSIGNAL);
		}
	}
	return answers;
}

int main(int argc, char **argv)
{
	int64_t n[3] = {0};

	for (int i = 2; i < argc && i < 5; i++)
		if (num_parse_int(argv[i], 1, 65535, argv[i], &n[i - 2], NULL))
			return 2;
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve((unsigned)n[0]);
	if (argc != 5 || strcmp(argv[1], "drive") != 0)
		return 2;
	printf("%llu\n", (unsigned long long)drive((unsigned)n[0], (unsigned)n[1], (unsigned)n[2]));
	return 0;
}

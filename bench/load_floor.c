/*
 * Two ends of a load test that do the least that can be done, for bench/load.py. `serve` answers
 * whatever arrives with 160 bytes: a server that is never the bottleneck. `drive` sends a request
 * and reads until something came, over and over, with one epoll loop and nothing else: no parser,
 * no clock, no histogram. What it costs is the floor that no HTTP load generator of this kind can
 * go below.
 *
 *     load_floor serve PORT
 *     load_floor drive PORT CONNECTIONS SECONDS          prints the number of answers
 *     load_floor drive PORT CONNECTIONS SECONDS BYTES    the same for /big, whose bodies are so
 * long load_floor run COMMAND …                           runs it, then prints "cost MICROSECONDS
 * KIB"
 *
 * `run` is here because the peak memory that the kernel keeps of a process begins at that of the
 * process which started it; started by this small program, it is the command's own.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/num.h"

enum { EVENTS = 256, FILES = 1 << 16 };

#define REQUEST(path)                                                                              \
	"GET " path " HTTP/1.1\r\n"                                                                \
	"Host: 127.0.0.1:65535\r\n"                                                                \
	"User-Agent: floor\r\n"                                                                    \
	"\r\n"
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

/* The connections of a drive: connected, watched, each with its first request sent. */
static int open_all(unsigned port, unsigned connections, const char *request)
{
	int epoll = epoll_create1(0);
	struct sockaddr_in address;

	for (unsigned i = 0; i < connections; i++) {
		int fd = make_socket(&address, port);

		if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
			die("connect");
		watch(epoll, fd);
		send(fd, request, strlen(request), MSG_NOSIGNAL);
	}
	return epoll;
}

static uint64_t drive(unsigned port, unsigned connections, unsigned seconds)
{
	static const char TEXT[] = REQUEST("/small");
	struct epoll_event events[EVENTS];
	int epoll = open_all(port, connections, TEXT);
	char buffer[65536];
	uint64_t answers = 0;

	alarm(seconds);
	while (!over) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (recv(fd, buffer, sizeof(buffer), 0) <= 0)
				die("recv");
			answers++;
			send(fd, TEXT, sizeof(TEXT) - 1, MSG_NOSIGNAL);
		}
	}
	return answers;
}

/* The length of a head that is here whole. */
static size_t head_length(const char *p, size_t len)
{
	const char *end = memmem(p, len, "\r\n\r\n", 4);

	if (!end)
		die("a head in two parts");
	return (size_t)(end - p) + 4;
}

/* Bodies are dropped in the kernel, unseen, as many bytes as are still missing. */
static uint64_t drive_big(unsigned port, unsigned connections, unsigned seconds, size_t body)
{
	static const char TEXT[] = REQUEST("/big");
	static size_t left[FILES];
	struct epoll_event events[EVENTS];
	int epoll = open_all(port, connections, TEXT);
	char buffer[4096];
	uint64_t answers = 0;

	alarm(seconds);
	while (!over) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			bool new = !left[fd];
			ssize_t got = new ? recv(fd, buffer, sizeof(buffer), 0)
					  : recv(fd, NULL, left[fd], MSG_TRUNC);

			if (got <= 0 || fd >= FILES)
				die("recv");
			if (new)
				left[fd] = head_length(buffer, (size_t)got) + body;
			left[fd] -= (size_t)got;
			if (left[fd])
				continue;
			answers++;
			send(fd, TEXT, sizeof(TEXT) - 1, MSG_NOSIGNAL);
		}
	}
	return answers;
}

static int run(char **command)
{
	struct rusage usage;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		execvp(command[0], command);
		die(command[0]);
	}
	if (wait4(pid, &status, 0, &usage) != pid)
		die("wait4");
	printf("cost %lld %ld\n",
		(long long)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
			usage.ru_utime.tv_usec + usage.ru_stime.tv_usec,
		usage.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	int64_t n[4] = {0};

	if (argc > 2 && !strcmp(argv[1], "run"))
		return run(argv + 2);
	for (int i = 2; i < argc && i < 6; i++)
		if (num_parse_int(argv[i], 1, i < 5 ? 65535 : 1 << 30, argv[i], &n[i - 2], NULL))
			return 2;
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve((unsigned)n[0]);
	if (argc < 5 || argc > 6 || strcmp(argv[1], "drive") != 0)
		return 2;
	signal(SIGALRM, on_alarm);
	printf("%llu\n", (unsigned long long)(argc == 5 ? drive((unsigned)n[0], (unsigned)n[1],
								  (unsigned)n[2])
							: drive_big((unsigned)n[0], (unsigned)n[1],
								  (unsigned)n[2], (size_t)n[3])));
	return 0;
}

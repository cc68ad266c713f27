/*
 * What test_native.c looks at: a program whose stacks are known. It is built with and without frame
 * pointers. Its calls: main, alpha, beta, gamma_ray, then native_lib_call() of a shared library,
 * which calls back epsilon, which does what the first argument says. Whatever happens to the test,
 * it ends with it.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "native_lib.h"

#if __has_attribute(noclone) /* gcc's */
#define HERE __attribute__((noinline, noclone, used, visibility("default")))
#else
#define HERE __attribute__((noinline, used, visibility("default")))
#endif
/* After a call, so that it is none in the tail; and so that nothing is known about the callee. */
#define STAY __asm__ volatile("" ::: "memory")

HERE void spin(void);
HERE void epsilon(void *how);
HERE void gamma_ray(void *how);
HERE void beta(void *how);
HERE void alpha(void *how);
HERE void recurse(long depth);
HERE void spin_in_handler(void);
HERE void on_usr1(int signal);
HERE void nap(void);
HERE void *napper(void *arg);
HERE void wait_in_epoll(int epoll);
HERE void run_events(void);

static volatile unsigned long *counter; /* shared with the test, through a file */
static volatile int stop_spinning;
static volatile long caught_usr1, caught_alarm, caught_child;

static void ready(void)
{
	printf("ready\n");
	fflush(stdout);
}

void spin(void)
{
	while (!stop_spinning)
		++*counter;
}

void spin_in_handler(void)
{
	while (!stop_spinning)
		++*counter;
}

void on_usr1(int signal)
{
	(void)signal;
	ready();
	spin_in_handler();
	STAY;
}

void recurse(long depth)
{
	char pad[64];

	__asm__ volatile("" : : "r"(pad) : "memory");
	if (depth <= 1) {
		ready();
		spin();
	} else {
		recurse(depth - 1);
	}
	STAY;
}

void nap(void)
{
	struct timespec t = {1000, 0};

	nanosleep(&t, NULL);
	STAY;
}

void *napper(void *arg)
{
	nap();
	STAY;
	return arg;
}

/* Waits that time out, some at once, some asleep: none of them may be broken off. */
void wait_in_epoll(int epoll)
{
	struct epoll_event event;
	long broken = 0, waits = 0;
	char c;

	signal(SIGTERM, SIG_DFL);
	ready();
	/* ends when the test closes its end of our standard input */
	while (epoll_wait(epoll, &event, 1, (int)(waits % 3)) != 1 || read(0, &c, 1) > 0) {
		broken += errno == EINTR;
		errno = 0;
		waits++;
		for (int i = 0; i < 20000; i++)
			++*counter;
	}
	printf("broken %ld of %s\n", broken, waits > 10 ? "many" : "few");
}

static void count_usr1(int signal)
{
	(void)signal;
	caught_usr1++;
}

static void count_alarm(int signal)
{
	(void)signal;
	caught_alarm++;
}

static void count_child(int signal)
{
	(void)signal;
	caught_child++;
}

static int run_child(int number, bool execute)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		if (execute)
			execl("/bin/true", "true", (char *)NULL);
		_exit(number);
	}
	for (int i = 0; i < 5; i++)
		raise(SIGUSR1);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* Children that exit with a number, a child that executes something, signals to itself, an interval
 * timer, over and over; what was not as it has to be is counted. */
void run_events(void)
{
	struct itimerval every = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
	struct pollfd end = {.fd = 0, .events = POLLIN};
	long rounds = 0, wrong = 0;

	signal(SIGUSR1, count_usr1);
	signal(SIGCHLD, count_child);
	signal(SIGALRM, count_alarm);
	ready();
	do {
		long alarms = caught_alarm;

		rounds++;
		wrong += run_child(7, false) != 7 << 8;
		wrong += run_child(8, true) != 0;
		wrong += caught_usr1 != 10 * rounds;
		wrong += caught_child != 2 * rounds;
		setitimer(ITIMER_REAL, &every, NULL);
		while (caught_alarm < alarms + 3)
			++*counter;
		setitimer(ITIMER_REAL, &never, NULL);
	} while (poll(&end, 1, 0) == 0);
	printf("wrong %ld of %s\n", wrong, rounds >= 10 ? "many" : "few");
}

/* What a JIT makes: a function that has a frame pointer and no call frame information. */
HERE void run_made(void);

void run_made(void)
{
#if defined(__x86_64__)
	static const unsigned char CODE[] = {0x55, 0x48, 0x89, 0xe5, /* push rbp; mov rbp, rsp */
		0xff, 0xd7, 0x5d, 0xc3};                             /* call rdi; pop rbp; ret */
#else
	static const unsigned CODE[] = {0xa9bf7bfd, 0x910003fd, /* stp fp, lr, …; mov fp, sp */
		0xd63f0000, 0xa8c17bfd, 0xd65f03c0};            /* blr x0; ldp fp, lr, …; ret */
#endif
	unsigned char *code = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char path[64];
	FILE *map;

	if (code == MAP_FAILED)
		exit(1);
	memcpy(code, CODE, sizeof(CODE));
	__builtin___clear_cache((char *)code, (char *)code + sizeof(CODE));
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	map = fopen(path, "w");
	if (!map)
		exit(1);
	fprintf(map, "%lx %zx made_by_hand(int)\n", (unsigned long)code, sizeof(CODE));
	fclose(map);
	ready();
	((void (*)(void (*)(void)))(void *)code)(spin);
	STAY;
}

void epsilon(void *how)
{
	const char *what = how;

	if (!strcmp(what, "spin")) {
		ready();
		spin();
	} else if (!strcmp(what, "recurse")) {
		recurse(300);
	} else if (!strcmp(what, "deeper")) {
		recurse(5000);
	} else if (!strcmp(what, "signal")) {
		signal(SIGUSR1, on_usr1);
		raise(SIGUSR1);
	} else if (!strcmp(what, "events")) {
		run_events();
	} else if (!strcmp(what, "nap")) {
		pthread_t thread;

		pthread_create(&thread, NULL, napper, NULL);
		ready();
		pthread_join(thread, NULL);
	} else if (!strcmp(what, "epoll")) {
		struct epoll_event event = {.events = EPOLLIN | EPOLLHUP};
		int epoll = epoll_create1(0);

		epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
		wait_in_epoll(epoll);
	} else if (!strcmp(what, "made")) {
		run_made();
	}
	STAY;
}

void gamma_ray(void *how)
{
	native_lib_call(epsilon, how);
	STAY;
}

void beta(void *how)
{
	gamma_ray(how);
	STAY;
}

void alpha(void *how)
{
	beta(how);
	STAY;
}

/* native_chain HOW PARENT COUNTER-FILE */
int main(int argc, char **argv)
{
	FILE *shared;

	if (argc != 4)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != (pid_t)strtol(argv[2], NULL, 10))
		return 2;
	shared = fopen(argv[3], "r+");
	if (!shared)
		return 2;
	counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(shared), 0);
	if (counter == MAP_FAILED)
		return 2;
	alpha(argv[1]);
	STAY;
	return 0;
}

/*
 * The relay's process: one thread, one edge-triggered epoll, timers that are exact. It is forked,
 * not executed, and holds nothing of culprit's but one socket, whose end is its own end.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/relay_work.h"

/* Where the relay puts its descriptors; all others are closed. */
enum { FD_LIFE = 3, FD_LISTENER, FD_FIRST_FREE };

enum { EVENTS = 128, ACCEPTS_A_TURN = 64 };

/* An idle core wakes up tens of microseconds late, however exact its timer: the wait ends so long
 * before the moment, and the rest is polled. */
#define POLL_NS (60 * NS_PER_US)

/* An upstream that neither takes nor refuses a connection is left after so long. */
#define CONNECT_NS (3 * NS_PER_S)

#define SLICE_NS (100 * NS_PER_US)

#define NO_FILES_NS (10 * NS_PER_MS)

/* The bucket holds what comes in so much time, and not less than so many bytes. */
#define BURST_S 0.01
enum { LEAST_BURST = 1024 };

static void upstream_try(struct relay_link *link);

/* ---- connections ---- */

static void close_end(struct relay_end *end, bool reset)
{
	struct linger at_once = {.l_onoff = 1};

	if (end->fd < 0)
		return;
	if (reset)
		setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(end->fd);
	end->fd = -1;
}

/* Events of this round may still name it: it is freed when they have all been handled. */
static void end_link(struct relay_link *link, bool reset)
{
	struct relay_loop *loop = link->loop;
	_Atomic uint64_t *open = &loop->shared->open;

	if (link->closed)
		return;
	link->closed = true;
	close_end(&link->client, reset);
	close_end(&link->upstream, reset);
	flow_release(&link->flows[FLOW_UP]);
	flow_release(&link->flows[FLOW_DOWN]);
	if (link->next)
		link->next->previous = link->previous;
	*(link->previous ? &link->previous->next : &loop->links) = link->next;
	link->next = loop->closed;
	loop->closed = link;
	atomic_store(open, atomic_load(open) - 1);
}

void link_close(struct relay_link *link)
{
	end_link(link, false);
}

void link_reset(struct relay_link *link)
{
	end_link(link, true);
}

static void free_closed(struct relay_loop *loop)
{
	while (loop->closed) {
		struct relay_link *next = loop->closed->next;

		free(loop->closed);
		loop->closed = next;
	}
}

static bool watch(struct relay_loop *loop, struct relay_end *end)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = end};

	return !epoll_ctl(loop->epoll, EPOLL_CTL_ADD, end->fd, &event);
}

static void pump_both(struct relay_link *link)
{
	flow_pump(&link->flows[FLOW_UP]);
	flow_pump(&link->flows[FLOW_DOWN]);
}

/* ---- finding an upstream that takes it ---- */

static void choose(struct relay_link *link, size_t upstream)
{
	const struct relay_upstream *u = &link->loop->upstreams[upstream];

	link->chosen = upstream;
	link->address = u->good;
	link->tries_left = u->n - 1;
}

/* The one tried last does not: another address of it, else the next upstream, once. */
static bool choose_next(struct relay_link *link)
{
	const struct relay_loop *loop = link->loop;

	if (link->tries_left) {
		link->tries_left--;
		link->address = (link->address + 1) % loop->upstreams[link->chosen].n;
		return true;
	}
	if (link->last_chance || loop->n_upstreams < 2)
		return false;
	link->last_chance = true;
	choose(link, (link->chosen + 1) % loop->n_upstreams);
	return true;
}

static void upstream_refused(struct relay_link *link)
{
	close_end(&link->upstream, false);
	if (choose_next(link)) {
		upstream_try(link);
		return;
	}
	relay_add(&link->loop->shared->refused, 1);
	link_reset(link);
}

static void upstream_try(struct relay_link *link)
{
	struct relay_loop *loop = link->loop;
	const struct relay_upstream *u = &loop->upstreams[link->chosen];

	link->upstream.fd = sock_connect(&u->addresses[link->address]);
	if (link->upstream.fd < 0 || !watch(loop, &link->upstream))
		upstream_refused(link);
	else
		timer_set(&loop->timers, &link->flows[FLOW_UP].timer, clock_now_ns() + CONNECT_NS);
}

static void upstream_answered(struct relay_link *link)
{
	struct relay_loop *loop = link->loop;

	int error = sock_error(link->upstream.fd);

	/* a reset comes after it was taken: that is passed on, with what came before it */
	link->reset_comes = error == ECONNRESET || error == EPIPE;
	if (error && !link->reset_comes) {
		upstream_refused(link);
		return;
	}
	loop->upstreams[link->chosen].good = link->address;
	relay_add(&loop->shared->given[link->chosen], 1);
	link->open = true;
	pump_both(link);
}

static void on_flow_timer(struct timer *t)
{
	struct relay_flow *f =
		(struct relay_flow *)((char *)t - offsetof(struct relay_flow, timer));

	if (f->link->open)
		flow_pump(f);
	else
		upstream_refused(f->link); /* it said nothing for too long */
}

static void link_start(struct relay_loop *loop, int fd)
{
	struct relay_link *link = mem_zalloc(1, sizeof(*link));

	link->loop = loop;
	link->client = (struct relay_end){.link = link, .fd = fd};
	link->upstream = (struct relay_end){.link = link, .fd = -1};
	flow_init(&link->flows[FLOW_UP], link, &link->client, &link->upstream);
	flow_init(&link->flows[FLOW_DOWN], link, &link->upstream, &link->client);
	link->flows[FLOW_UP].timer.fire = link->flows[FLOW_DOWN].timer.fire = on_flow_timer;
	link->next = loop->links;
	if (link->next)
		link->next->previous = link;
	loop->links = link;
	relay_add(&loop->shared->open, 1);
	choose(link, loop->turn);
	loop->turn = (loop->turn + 1) % loop->n_upstreams;
	if (watch(loop, &link->client))
		upstream_try(link);
	else
		link_reset(link);
}

/* ---- what happens ---- */

static void listen_on(struct relay_loop *loop)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &loop->listener};

	epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->listener, &event);
}

static void on_listen_timer(struct timer *t)
{
	listen_on((struct relay_loop *)((char *)t - offsetof(struct relay_loop, listen_timer)));
}

static void accept_some(struct relay_loop *loop)
{
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(loop->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			relay_add(&loop->shared->accepted, 1);
			if (loop->shape.drop > 0 && rng_uniform(&loop->drops) < loop->shape.drop) {
				relay_add(&loop->shared->dropped, 1);
				close_end(&(struct relay_end){.fd = fd}, true);
			} else {
				link_start(loop, fd);
			}
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->listener, NULL);
			timer_set(&loop->timers, &loop->listen_timer, clock_now_ns() + NO_FILES_NS);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

/* Culprit has another shape, or is gone. */
static void hear_culprit(struct relay_loop *loop)
{
	uint64_t asked;
	char bells[64];
	ssize_t n = recv(loop->life, bells, sizeof(bells), 0);

	if (n <= 0) {
		loop->over = n == 0 || errno != EAGAIN;
		return;
	}
	asked = atomic_load(&loop->shared->asked);
	loop->shape = loop->shared->shape;
	loop->burst = (double)loop->shape.bytes_per_second * BURST_S;
	if (loop->burst < LEAST_BURST)
		loop->burst = LEAST_BURST;
	for (struct relay_link *link = loop->links, *next; link; link = next) {
		next = link->next;
		link->flows[FLOW_DOWN].fresh = true;
		pump_both(link); /* what waited for the old limit */
	}
	atomic_store(&loop->shared->taken, asked);
	send(loop->life, "t", 1, MSG_NOSIGNAL);
}

static void end_ready(struct relay_end *end, uint32_t events)
{
	struct relay_link *link = end->link;
	bool is_client = end == &link->client;
	bool failed = events & EPOLLERR;

	if (link->closed)
		return;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		end->readable = end->ending = true;
	if (events & EPOLLIN)
		end->readable = true;
	if (!link->open) {
		if (!is_client && events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
			upstream_answered(link);
		return;
	}
	if (events & (EPOLLOUT | EPOLLERR) && end->blocked) {
		end->blocked = false;
		flow_pump(&link->flows[is_client ? FLOW_DOWN : FLOW_UP]);
	}
	if (end->readable)
		flow_pump(&link->flows[is_client ? FLOW_UP : FLOW_DOWN]);
	/* where its direction is full, reading does not tell that the client has reset it */
	if (is_client && failed && !link->closed)
		link_reset(link);
}

static void handle(struct relay_loop *loop, const struct epoll_event *event)
{
	if (event->data.ptr == &loop->listener)
		accept_some(loop);
	else if (event->data.ptr == &loop->life)
		hear_culprit(loop);
	else
		end_ready(event->data.ptr, event->events);
}

/* ---- the loop ---- */

static int wait_for_events(struct relay_loop *loop, struct epoll_event *events)
{
	uint64_t next = timers_next(&loop->timers);
	uint64_t now = next == UINT64_MAX ? 0 : clock_now_ns();
	uint64_t wait = next > now + POLL_NS ? next - now - POLL_NS : 0;
	struct timespec timeout = {(time_t)(wait / NS_PER_S), (long)(wait % NS_PER_S)};

	return epoll_pwait2(
		loop->epoll, events, EVENTS, next == UINT64_MAX ? NULL : &timeout, NULL);
}

static void fire_timers(struct relay_loop *loop)
{
	if (loop->timers.n)
		timers_fire(&loop->timers, clock_now_ns());
}

static int run(struct relay_loop *loop)
{
	struct epoll_event events[EVENTS], life = {.events = EPOLLIN, .data.ptr = &loop->life};

	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->life, &life))
		return 1;
	listen_on(loop);
	while (!loop->over) {
		int n = wait_for_events(loop, events);

		if (n < 0 && errno != EINTR)
			return 1;
		fire_timers(loop);
		for (int i = 0; i < n; i++) {
			handle(loop, &events[i]);
			fire_timers(loop); /* what is due does not wait for what came in */
		}
		free_closed(loop);
	}
	return 0;
}

/* Every descriptor that was culprit's goes: its terminal and pipes, the store and its lock. */
static bool settle_descriptors(struct relay_loop *loop)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* copies out of the way of the places they go to */
	int from[] = {fcntl(null, F_DUPFD_CLOEXEC, 64), fcntl(loop->life, F_DUPFD_CLOEXEC, 64),
		fcntl(loop->listener, F_DUPFD_CLOEXEC, 64)};

	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++)
		if (from[i] < 0)
			return false;
	for (int fd = 0; fd < FD_LIFE; fd++)
		if (dup2(from[0], fd) != fd)
			return false;
	loop->life = dup3(from[1], FD_LIFE, O_CLOEXEC);
	loop->listener = dup3(from[2], FD_LISTENER, O_CLOEXEC);
	return loop->life == FD_LIFE && loop->listener == FD_LISTENER &&
	       !close_range(FD_FIRST_FREE, ~0U, 0);
}

/* All were blocked before the fork and stay so: culprit alone ends it, and SIGKILL. */
static void settle_signals(void)
{
	struct sigaction normal = {.sa_handler = SIG_DFL};

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &normal, NULL);
}

/*
 * A short slice, for which nobody needs a right: since Linux 6.12 who asks for less at a time is
 * let on a busy core sooner (EEVDF, kernel/sched/fair.c), and a relay that waits for the service's
 * core would delay by milliseconds what it was told to delay by one. An older kernel takes no
 * notice.
 */
static void ask_for_short_slices(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime_ns, deadline_ns, period_ns;
	} attributes = {.size = sizeof(attributes), .runtime_ns = SLICE_NS};

	attributes.nice = getpriority(PRIO_PROCESS, 0);
	syscall(SYS_sched_setattr, 0, &attributes, 0);
}

_Noreturn void relay_run(struct relay_loop *loop, pid_t parent)
{
	struct rlimit files;

	setsid(); /* Ctrl-C at the terminal is culprit's business */
	prctl(PR_SET_NAME, "culprit-relay");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	settle_signals();
	if (getppid() != parent || !settle_descriptors(loop))
		_exit(1);
	/* the default slack of 50 µs would be part of every delay */
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	ask_for_short_slices();
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	loop->burst = LEAST_BURST;
	loop->listen_timer.fire = on_listen_timer;
	loop->scratch = mem_alloc(RELAY_SCRATCH, 1);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	_exit(loop->epoll < 0 ? 1 : run(loop));
}

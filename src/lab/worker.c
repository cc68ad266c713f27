#include "lab/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

/*
 * A worker that is more than AHEAD connections ahead of the one with the fewest leaves the next
 * ones to others for a moment, the longer the further it is ahead. Without it the worker that wakes
 * first takes most of a burst; the ceiling keeps the others going when one worker computes or
 * hangs.
 */
enum { AHEAD = 1, STAND_BACK_NS = 200000, MAX_STAND_BACK_NS = 2000000, NO_FILES_NS = 10000000 };

/* Draining, idle connections get so long to send one more request, which is answered with
 * "Connection: close"; closing them at once would look like an error to a client that just sent it.
 */
enum { IDLE_NS = 100000000 };

enum { EVENTS = 32 };

/* An idle core wakes up 40 to 70 µs late, however exact its timer. An exact lab sleeps until so
 * long before the moment, and polls from there. */
enum { POLL_NS = 80000 };

static void listen_on(struct worker *w)
{
	/* level-triggered and exclusive: one waiting worker is woken for a connection */
	struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = &w->listener};

	if (w->listening || w->draining)
		return;
	epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->listener, &event);
	w->listening = true;
}

static void listen_off(struct worker *w)
{
	if (w->listening)
		epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->listener, NULL);
	w->listening = false;
}

static struct worker *worker_of(struct timer *t, size_t offset)
{
	return (struct worker *)((char *)t - offset);
}

static void on_listen_timer(struct timer *t)
{
	struct worker *w = worker_of(t, offsetof(struct worker, listen_timer));

	tally_set(&w->slot->state, SLOT_SERVING);
	listen_on(w);
}

static void on_idle_timer(struct timer *t)
{
	worker_of(t, offsetof(struct worker, idle_timer))->close_idle = true;
}

static void on_grace_timer(struct timer *t)
{
	worker_of(t, offsetof(struct worker, grace_timer))->turn_off = true;
}

static uint64_t stand_back_ns(const struct worker *w)
{
	uint64_t open = w->slot->accepted - w->slot->closed, fewest = tally_fewest_open(w->tally);
	uint64_t ns = open > fewest + AHEAD ? (open - fewest - AHEAD) * STAND_BACK_NS : 0;

	return ns < MAX_STAND_BACK_NS ? ns : MAX_STAND_BACK_NS;
}

/*
 * Takes one connection, then stands at the end of the queue: the kernel wakes the first waiter of
 * an exclusive queue, and leaving and joining again is what makes another one first.
 */
static void take_connection(struct worker *w)
{
	int fd = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	uint64_t stand_back = NO_FILES_NS;

	if (fd >= 0) {
		conn_start(w, fd);
		stand_back = stand_back_ns(w);
	} else if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) {
		return; /* another worker was faster, or the client went away */
	}
	listen_off(w);
	if (stand_back)
		timer_set(&w->timers, &w->listen_timer, clock_now_ns() + stand_back);
	else
		listen_on(w);
}

static void drain(struct worker *w)
{
	uint64_t now = clock_now_ns();

	listen_off(w);
	timer_cancel(&w->timers, &w->listen_timer);
	w->draining = true;
	tally_set(&w->slot->state, SLOT_RETIRING);
	close(w->listener);
	w->listener = -1;
	timer_set(&w->timers, &w->idle_timer, now + IDLE_NS);
	timer_set(&w->timers, &w->grace_timer, now + w->spec->grace_ns);
}

static void close_idle(struct worker *w)
{
	for (struct conn *c = w->open, *next; c; c = next) {
		next = c->next;
		if (conn_idle(c) || c->state == CONN_SILENT)
			conn_close(c);
	}
}

static void handle(struct worker *w, const struct epoll_event *event)
{
	struct signalfd_siginfo info;

	if (event->data.ptr == &w->listener) {
		if (w->listening)
			take_connection(w);
	} else if (event->data.ptr == &w->signals) {
		if (read(w->signals, &info, sizeof(info)) == sizeof(info) && !w->draining)
			drain(w);
	} else {
		conn_ready(event->data.ptr, event->events);
	}
}

uint64_t stall_end_ns(uint64_t began_ns, uint64_t at_ns, uint64_t stall_ns, uint64_t every_ns)
{
	uint64_t since = at_ns > began_ns ? (at_ns - began_ns) % every_ns : 0;

	return since >= every_ns - stall_ns && stall_ns ? at_ns + every_ns - since : at_ns;
}

static int wait_for_events(struct worker *w, struct epoll_event *events)
{
	uint64_t next = timers_next(&w->timers), before = w->app->exact ? POLL_NS : 0;
	uint64_t now = next == UINT64_MAX ? 0 : clock_now_ns();
	uint64_t wait = next > now + before ? next - now - before : 0;
	struct timespec timeout = {(time_t)(wait / NS_PER_S), (long)(wait % NS_PER_S)};

	return epoll_pwait2(w->epoll, events, EVENTS, next == UINT64_MAX ? NULL : &timeout, NULL);
}

static void fire_timers(struct worker *w)
{
	if (w->timers.n)
		timers_fire(&w->timers, clock_now_ns());
}

/* The events of a round have all been handled, so nobody knows the closed connections any more. */
static void reuse_closed(struct worker *w)
{
	while (w->closed) {
		struct conn *c = w->closed;

		w->closed = c->next;
		c->next = w->free;
		w->free = c;
	}
}

static int loop(struct worker *w)
{
	struct epoll_event events[EVENTS];

	while (!w->turn_off && !(w->draining && !w->n_open)) {
		int n = wait_for_events(w, events);

		if (n < 0 && errno != EINTR)
			return 1;
		fire_timers(w);
		for (int i = 0; i < n; i++) {
			handle(w, &events[i]);
			fire_timers(w); /* an answer that is due does not wait for what came in */
		}
		if (w->close_idle)
			close_idle(w);
		reuse_closed(w);
	}
	return 0;
}

static void set_up_signals(struct worker *w)
{
	/* Ctrl-C goes to every process of a terminal, and the master decides what it means */
	static const int NOT_OURS[] = {SIGINT, SIGHUP, SIGQUIT, SIGTTIN, SIGTTOU, SIGPIPE};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &w->signals};
	sigset_t term;

	for (size_t i = 0; i < sizeof(NOT_OURS) / sizeof(NOT_OURS[0]); i++)
		signal(NOT_OURS[i], SIG_IGN);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_SETMASK, &term, NULL);
	w->signals = signalfd(-1, &term, SFD_NONBLOCK | SFD_CLOEXEC);
	epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->signals, &event);
}

static void release(struct worker *w)
{
	while (w->open)
		conn_close(w->open);
	reuse_closed(w);
	while (w->free) {
		struct conn *next = w->free->next;

		free(w->free->in);
		free(w->free);
		w->free = next;
	}
	timers_release(&w->timers);
	str_release(&w->text);
	free(w->state);
	free(w->buffer);
	if (w->listener >= 0)
		close(w->listener);
	close(w->signals);
	close(w->epoll);
}

int worker_run(const struct app *app, const struct lab_spec *spec, struct tally *tally,
	struct tally_slot *slot, int listener, uint64_t serial)
{
	struct worker w = {.app = app,
		.spec = spec,
		.tally = tally,
		.slot = slot,
		.listener = listener,
		.listen_timer.fire = on_listen_timer,
		.idle_timer.fire = on_idle_timer,
		.grace_timer.fire = on_grace_timer};
	int rc = 1;

	while (app->routes[w.n_routes].path)
		w.n_routes++;
	/* the default slack of 50 µs would be part of every sleep */
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	rng_seed(&w.rng, tally->seed, serial);
	w.buffer = mem_alloc(WORKER_BUFFER, 1);
	w.epoll = epoll_create1(EPOLL_CLOEXEC);
	set_up_signals(&w);
	if (w.epoll >= 0 && w.signals >= 0) {
		timer_set(&w.timers, &w.listen_timer, clock_now_ns() + spec->startup_ns);
		rc = loop(&w);
	}
	release(&w);
	return rc;
}

void app_route_names(const struct app *app, const char *names[TALLY_ROUTES + 1])
{
	size_t n = 0;

	for (; app->routes[n].path; n++)
		names[n] = app->routes[n].path;
	names[n + ROUTE_HEALTH] = "/health";
	names[n + ROUTE_OTHER] = "other";
	names[n + ROUTE_UNREADABLE] = "unreadable";
	names[n + N_OWN_ROUTES] = NULL;
}

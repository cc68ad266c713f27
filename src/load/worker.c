/*
 * The loop of one thread. Two times rule it: turn_ns, when a second or a phase of the run ends, and
 * sweep_ns, at or before the earliest moment at which a connection times out or tries again. All
 * timeouts are of one length, and a request that ends only moves that moment away, so a sweep over
 * the connections about once a timeout finds them all, and a request pays nothing for its timer.
 */
#include "load/load_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

/* Connections are opened so many at once, then steadily, so that the service's queue of new
 * connections (often 128 long) does not overflow, which would cost those lost a second each. */
enum { OPEN_AT_ONCE = 64, OPEN_GAP_NS = 100000, EVENTS = 256 };

static uint64_t opening_time(const struct load_plan *plan, size_t user)
{
	return plan->start_ns + (user < OPEN_AT_ONCE ? 0 : (user - OPEN_AT_ONCE) * OPEN_GAP_NS);
}

int load_worker_init(struct load_worker *w, const struct load_plan *plan,
	struct load_shared *shared, unsigned index, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN};

	w->plan = plan;
	w->shared = shared;
	w->index = index;
	w->n_conns = (plan->connections - index + plan->threads - 1) / plan->threads;
	w->conns = mem_zalloc_line(w->n_conns, sizeof(*w->conns));
	for (size_t i = 0; i < w->n_conns; i++)
		w->conns[i] = (struct load_conn){.fd = -1,
			.state = CONN_WAITING,
			.since_ns = opening_time(plan, i * plan->threads + index)};
	w->buffer = mem_zalloc_line(LOAD_BUFFER, 1);
	hist_init(&w->latency);
	hist_init(&w->connect);
	w->end_ns = plan->end_ns;
	w->turn_ns = plan->window_ns < w->end_ns ? plan->window_ns : w->end_ns;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->epoll < 0 || w->wake < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->wake, &event))
		return err_errno(err, ERR_SYSTEM, errno, "cannot make an event loop");
	return 0;
}

void load_worker_release(struct load_worker *w)
{
	for (size_t i = 0; i < w->n_conns; i++) {
		load_conn_retire(&w->conns[i]);
		free(w->conns[i].kept);
	}
	free(w->conns);
	free(w->buffer);
	hist_release(&w->latency);
	hist_release(&w->connect);
	if (w->epoll >= 0)
		close(w->epoll);
	if (w->wake >= 0)
		close(w->wake);
}

void load_worker_wake(struct load_worker *w)
{
	uint64_t one = 1;

	/* Fails only where it is full, and then the worker wakes anyway. */
	if (write(w->wake, &one, sizeof(one)) < 0)
		return;
}

static void hand_over_second(struct load_worker *w)
{
	load_collector_hand_over(&w->shared->collector, w->second, &w->latency, w->second_errors);
	w->second++;
	w->second_errors = 0;
}

static void start_window(struct load_worker *w)
{
	w->phase = LOAD_MEASURING;
	w->window_cpu_ns = clock_thread_cpu_ns();
	w->turn_ns = w->plan->window_ns + NS_PER_S;
	if (w->turn_ns > w->end_ns)
		w->turn_ns = w->end_ns;
}

static void end_window(struct load_worker *w)
{
	if (w->phase == LOAD_MEASURING) {
		hand_over_second(w);
		w->window_cpu_ns = clock_thread_cpu_ns() - w->window_cpu_ns;
	}
	w->phase = LOAD_DRAINING;
	w->turn_ns = UINT64_MAX;
}

void load_worker_turn(struct load_worker *w, uint64_t now_ns)
{
	while (now_ns >= w->turn_ns) {
		if (w->turn_ns >= w->end_ns) {
			end_window(w);
		} else if (w->phase == LOAD_WARMING) {
			start_window(w);
		} else {
			hand_over_second(w);
			w->turn_ns += NS_PER_S;
			if (w->turn_ns > w->end_ns)
				w->turn_ns = w->end_ns;
		}
	}
}

/* Somebody has moved the end of the window to an earlier time. */
static void take_new_end(struct load_worker *w)
{
	uint64_t count, end_ns = atomic_load(&w->shared->end_ns);

	if (read(w->wake, &count, sizeof(count)) < 0)
		return;
	w->end_ns = end_ns < w->end_ns ? end_ns : w->end_ns;
	if (w->phase != LOAD_DRAINING && w->turn_ns > w->end_ns)
		w->turn_ns = w->end_ns;
}

/* What a connection waits for: the end of its pause, or of its patience. */
static uint64_t conn_due(const struct load_worker *w, const struct load_conn *c)
{
	switch ((enum load_conn_state)c->state) {
	case CONN_WAITING: return c->since_ns;
	case CONN_CONNECTING:
	case CONN_BUSY: return c->since_ns + w->plan->timeout_ns;
	case CONN_RETIRED: break;
	}
	return UINT64_MAX;
}

static void sweep(struct load_worker *w, uint64_t now_ns)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < w->n_conns; i++) {
		struct load_conn *c = &w->conns[i];

		if (conn_due(w, c) <= now_ns) {
			if (c->state == CONN_WAITING)
				load_conn_begin(w, c, now_ns);
			else
				load_conn_fail(w, c, LOAD_TIMEOUT, now_ns);
		}
		next = conn_due(w, c) < next ? conn_due(w, c) : next;
	}
	/* Not more than one a millisecond, however many connections are in trouble. */
	w->sweep_ns = next < now_ns + NS_PER_MS ? now_ns + NS_PER_MS : next;
}

/* The window is over: what was not sent will not be. */
static void cancel_unsent(struct load_worker *w)
{
	for (size_t i = 0; i < w->n_conns; i++) {
		struct load_conn *c = &w->conns[i];

		if (c->state == CONN_CONNECTING)
			load_conn_abandon(w, c);
		else if (c->state == CONN_WAITING)
			load_conn_retire(c);
	}
	w->cancelled = true;
}

static void abandon_all(struct load_worker *w)
{
	for (size_t i = 0; i < w->n_conns; i++)
		if (w->conns[i].state == CONN_BUSY || w->conns[i].state == CONN_CONNECTING)
			load_conn_abandon(w, &w->conns[i]);
}

/* Until when to sleep, in whole milliseconds for epoll. */
static int patience(const struct load_worker *w)
{
	uint64_t until = w->sweep_ns < w->turn_ns ? w->sweep_ns : w->turn_ns;
	uint64_t drained = w->end_ns + w->plan->drain_ns, wait;

	if (w->phase == LOAD_DRAINING && drained < until)
		until = drained;
	if (until <= w->now_ns)
		return 0;
	wait = (until - w->now_ns + NS_PER_MS - 1) / NS_PER_MS;
	return wait > 1000 ? 1000 : (int)wait;
}

static bool is_over(struct load_worker *w)
{
	if (w->phase != LOAD_DRAINING)
		return w->spent && !w->n_active;
	if (!w->cancelled)
		cancel_unsent(w);
	if (w->now_ns >= w->end_ns + w->plan->drain_ns)
		abandon_all(w);
	return !w->n_active;
}

static void run_loop(struct load_worker *w)
{
	struct epoll_event events[EVENTS];

	w->now_ns = clock_now_ns();
	for (;;) {
		load_worker_turn(w, w->now_ns);
		if (w->now_ns >= w->sweep_ns)
			sweep(w, w->now_ns);
		if (is_over(w))
			return;
		int n = epoll_wait(w->epoll, events, EVENTS, patience(w));

		w->now_ns = clock_now_ns();
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				load_conn_event(w, events[i].data.ptr, events[i].events);
			else
				take_new_end(w);
		}
	}
}

void *load_worker_main(void *worker)
{
	struct load_worker *w = worker;
	struct load_shared *shared = w->shared;

	run_loop(w);
	if (w->phase == LOAD_MEASURING)
		end_window(w);
	load_collector_leave(&shared->collector, w->second);
	for (size_t i = 0; i < w->n_conns; i++)
		load_conn_retire(&w->conns[i]);
	w->cpu_ns = clock_thread_cpu_ns();
	pthread_mutex_lock(&shared->lock);
	shared->running--;
	pthread_cond_signal(&shared->ended);
	pthread_mutex_unlock(&shared->lock);
	return NULL;
}

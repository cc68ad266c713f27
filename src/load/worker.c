/*
 * The loop of one thread. Times rule it: turn_ns, when a slice or a part of the run ends; sweep_ns,
 * at or before the earliest moment at which a request times out; arrival_ns, the next start of the
 * open loop; and the timers of users who think or wait. All timeouts are of one length, and a
 * request that ends only moves that moment away, so a sweep over the users about once a timeout
 * finds them all, and a request pays nothing for its timeout.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "load/load_internal.h"

/* Connections are opened so many at once, then steadily, so that the service's queue of new
 * connections (often 128 long) does not overflow, which would cost those lost a second each. */
enum { OPEN_AT_ONCE = 64, OPEN_GAP_NS = 100000, EVENTS = 256 };
/* A start that is so near is polled for: a sleep would end behind it. */
enum { POLL_NS = 20000 };
enum { SLICE_NS = 1000000000 / LOAD_SLICES_A_SECOND };

/* Streams of the run's seed: arrivals have some of their own (schedule.c). */
enum { STREAM_WORKER = 1000, STREAM_PICK = 1, STREAM_ROW = 2 };

static uint64_t opening_time(const struct load_plan *plan, size_t group)
{
	return plan->open_ns + (group < OPEN_AT_ONCE ? 0 : (group - OPEN_AT_ONCE) * OPEN_GAP_NS);
}

static void make_users(struct load_worker *w)
{
	const struct load_plan *plan = w->plan;

	w->n_groups = (plan->groups - w->index + plan->threads - 1) / plan->threads;
	w->n_users = w->n_groups * plan->depth;
	w->users = mem_zalloc_line(w->n_users, sizeof(*w->users));
	w->conns = mem_zalloc_line(w->n_groups * plan->origins.n, sizeof(*w->conns));
	w->sessions = mem_zalloc(plan->origins.n, sizeof(struct tls_session *));
	if (plan->minds)
		w->minds = mem_zalloc(w->n_users, sizeof(*w->minds));
	for (size_t i = 0; i < w->n_groups * plan->origins.n; i++)
		w->conns[i] = (struct load_conn){.fd = -1,
			.origin = (uint32_t)(i % plan->origins.n),
			.group = (uint32_t)(i / plan->origins.n)};
	for (size_t i = 0; i < w->n_users; i++) {
		struct load_user *u = &w->users[i];

		u->worker = w;
		u->group = (uint32_t)(i / plan->depth);
		if (plan->minds) {
			u->mind = &w->minds[i];
			u->mind->taken = mem_zalloc(
				plan->scenario->n_variables + 1, sizeof(*u->mind->taken));
		}
		load_user_open(w, u, opening_time(plan, u->group * plan->threads + w->index));
	}
}

int load_worker_init(struct load_worker *w, const struct load_plan *plan,
	struct load_shared *shared, unsigned index, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN};
	uint64_t seed = (uint64_t)plan->spec->seed;

	w->plan = plan;
	w->shared = shared;
	w->index = index;
	w->buffer = mem_zalloc_line(LOAD_BUFFER, 1);
	load_tally_init(&w->tally, plan->n_targets, plan->scenario->n_checks);
	hist_init(&w->connect);
	hist_init(&w->tls);
	rng_seed(&w->rng, seed, STREAM_WORKER + index);
	if (plan->picks.n)
		load_order_start(&w->pick, &plan->picks, index, &shared->next_pick);
	if (plan->rows.n)
		load_order_start(&w->row, &plan->rows, index, &shared->next_row);
	w->end_ns = plan->end_ns;
	w->turn_ns = plan->window_ns < w->end_ns ? plan->window_ns : w->end_ns;
	w->slice_ns = plan->window_ns;
	w->free_since_ns = plan->open_ns;
	w->arrival_ns = UINT64_MAX;
	if (plan->schedule.n) {
		load_arrivals_start(
			&w->arrivals, &plan->schedule, index, plan->threads, plan->start_ns, seed);
		w->arrival_ns = load_arrivals_next(&w->arrivals);
	}
	make_users(w);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->epoll < 0 || w->wake < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->wake, &event))
		return err_errno(err, ERR_SYSTEM, errno, "cannot make an event loop");
	return 0;
}

static void release_users(struct load_worker *w)
{
	size_t n_conns = w->n_groups * w->plan->origins.n;

	for (size_t i = 0; i < n_conns; i++) {
		struct load_conn *c = &w->conns[i];

		load_conn_close(w, c);
		free(c->kept);
		str_release(&c->out);
		str_release(&c->held);
	}
	for (size_t i = 0; w->minds && i < w->n_users; i++) {
		struct load_mind *m = &w->minds[i];

		for (size_t v = 0; v < w->plan->scenario->n_variables; v++)
			free(m->taken[v]);
		free(m->taken);
		cookie_jar_release(&m->jar);
		str_release(&m->path);
		str_release(&m->headers);
		str_release(&m->body);
	}
	for (size_t i = 0; i < w->plan->origins.n; i++)
		tls_session_free(w->sessions[i]);
	free(w->sessions);
	free(w->users);
	free(w->conns);
	free(w->minds);
}

void load_worker_release(struct load_worker *w)
{
	release_users(w);
	timers_release(&w->timers);
	load_tally_release(&w->tally);
	hist_release(&w->connect);
	hist_release(&w->tls);
	str_release(&w->text);
	str_release(&w->body);
	str_release(&w->cookies);
	load_fields_release(&w->fields);
	free(w->buffer);
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

/* ---- slices and parts ---- */

static void hand_over(struct load_worker *w, double length_s, bool ends_second)
{
	load_collector_hand_over(
		&w->shared->collector, w->part, w->slice, length_s, ends_second, &w->tally);
}

static void set_turn(struct load_worker *w)
{
	w->turn_ns = w->slice_ns + SLICE_NS;
	if (w->turn_ns > w->end_ns)
		w->turn_ns = w->end_ns;
}

static void start_window(struct load_worker *w)
{
	hand_over(w, 0, false);
	w->part = LOAD_SEGMENT_0;
	w->window_cpu_ns = clock_thread_cpu_ns();
	set_turn(w);
}

/* The slice ends at at_ns; `last` of the window. */
static void end_slice(struct load_worker *w, uint64_t at_ns, bool last)
{
	bool ends_second = last || (w->slice + 1) % LOAD_SLICES_A_SECOND == 0;

	hand_over(w, (double)(at_ns - w->slice_ns) / NS_PER_S, ends_second);
	w->handed += ends_second;
	w->slice++;
	w->slice_ns = at_ns;
	w->part = load_part_of_slice(w->slice);
}

static void end_window(struct load_worker *w, uint64_t at_ns)
{
	if (w->part == LOAD_WARMING) {
		hand_over(w, 0, false);
	} else {
		end_slice(w, at_ns, true);
		w->window_cpu_ns = clock_thread_cpu_ns() - w->window_cpu_ns;
	}
	w->part = LOAD_DRAINING;
	w->turn_ns = UINT64_MAX;
}

void load_worker_turn(struct load_worker *w, uint64_t now_ns)
{
	while (now_ns >= w->turn_ns) {
		if (w->turn_ns >= w->end_ns) {
			end_window(w, w->end_ns > w->slice_ns ? w->end_ns : w->slice_ns);
		} else if (w->part == LOAD_WARMING) {
			start_window(w);
		} else {
			end_slice(w, w->turn_ns, false);
			set_turn(w);
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
	if (w->part != LOAD_DRAINING && w->turn_ns > w->end_ns)
		w->turn_ns = w->end_ns;
}

/* ---- timeouts ---- */

static uint64_t due(const struct load_worker *w, const struct load_user *u)
{
	return u->state == USER_BUSY || u->state == USER_QUEUED ? u->sent_ns + w->plan->timeout_ns
								: UINT64_MAX;
}

static void sweep(struct load_worker *w)
{
	uint64_t now_ns = w->now_ns, next = UINT64_MAX;

	for (size_t i = 0; i < w->n_users; i++) {
		struct load_user *u = &w->users[i];

		if (due(w, u) <= now_ns)
			load_conn_give_up(w, u, LOAD_TIMEOUT);
		next = due(w, u) < next ? due(w, u) : next;
	}
	/* Not more than one a millisecond, however many connections are in trouble. */
	w->sweep_ns = next < now_ns + NS_PER_MS ? now_ns + NS_PER_MS : next;
}

/* ---- arrivals of the open loop ---- */

/* An arrival waits for a free user; what is late by then is not the engine's fault. */
static void start_arrival(struct load_worker *w)
{
	uint64_t from = w->arrival_ns;

	w->now_ns = clock_now_ns();
	load_worker_turn(w, w->now_ns);
	if (from < w->free_since_ns) {
		from = w->free_since_ns;
		w->tally.waited++;
	}
	hist_record(&w->tally.late, w->now_ns > from ? w->now_ns - from : 0);
	load_user_arrive(w, load_row_pop(&w->free), w->arrival_ns);
}

static void start_arrivals(struct load_worker *w)
{
	while (w->arrival_ns <= w->now_ns && w->part != LOAD_DRAINING && !w->spent) {
		if (w->free.first)
			start_arrival(w);
		else if (w->now_ns - w->arrival_ns >= w->plan->timeout_ns)
			load_user_unsent(w, w->arrival_ns);
		else
			return;
		w->arrival_ns = load_arrivals_next(&w->arrivals);
	}
}

/* At the end: those whose time had come, and for whom nobody was free. */
static void leave_arrivals(struct load_worker *w)
{
	while (w->arrival_ns < w->end_ns && !w->spent) {
		w->tally.started++;
		w->unfinished++;
		w->arrival_ns = load_arrivals_next(&w->arrivals);
	}
	w->arrival_ns = UINT64_MAX;
}

/* ---- the end ---- */

/* The window is over: what was not sent will not be. */
static void cancel_unsent(struct load_worker *w)
{
	for (size_t i = 0; i < w->n_users; i++) {
		struct load_user *u = &w->users[i];

		timer_cancel(&w->timers, &u->timer);
		if (u->state == USER_QUEUED)
			load_user_abandon(w, u);
		else if (u->state != USER_BUSY)
			load_user_retire(u);
	}
	for (size_t i = 0; i < w->n_groups * w->plan->origins.n; i++)
		w->conns[i].unsent = (struct load_row){0};
	w->free = (struct load_row){0};
	leave_arrivals(w);
	w->cancelled = true;
}

static void abandon_all(struct load_worker *w)
{
	for (size_t i = 0; i < w->n_users; i++)
		if (w->users[i].state == USER_BUSY)
			load_user_abandon(w, &w->users[i]);
}

static bool is_over(struct load_worker *w)
{
	if (w->part != LOAD_DRAINING)
		return w->spent && !w->n_active;
	if (!w->cancelled)
		cancel_unsent(w);
	if (w->now_ns >= w->end_ns + w->plan->drain_ns)
		abandon_all(w);
	return !w->n_active;
}

/* ---- the loop ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int sleep_on(struct load_worker *w, struct epoll_event *events)
{
	uint64_t until = earlier(earlier(w->sweep_ns, w->turn_ns), timers_next(&w->timers));
	struct timespec wait = {0};

	if (w->part == LOAD_DRAINING)
		until = earlier(until, w->end_ns + w->plan->drain_ns);
	if (w->free.first && !w->spent)
		until = earlier(until, w->arrival_ns);
	else if (w->arrival_ns != UINT64_MAX)
		until = earlier(until, w->arrival_ns + w->plan->timeout_ns);
	/* The eventfd wakes it when the end has moved: there is no other reason to wake. */
	until = earlier(until, w->now_ns + NS_PER_S);
	if (until > w->now_ns + (until == w->arrival_ns ? POLL_NS : 0))
		wait = (struct timespec){(time_t)((until - w->now_ns) / NS_PER_S),
			(long)((until - w->now_ns) % NS_PER_S)};
	return epoll_pwait2(w->epoll, events, EVENTS, &wait, NULL);
}

static void run_loop(struct load_worker *w)
{
	struct epoll_event events[EVENTS];

	w->now_ns = clock_now_ns();
	for (;;) {
		load_worker_turn(w, w->now_ns);
		if (w->now_ns >= w->sweep_ns)
			sweep(w);
		timers_fire(&w->timers, w->now_ns);
		start_arrivals(w);
		if (is_over(w))
			return;
		int n = sleep_on(w, events);

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

	/* The kernel may else be 50 µs late, to save wake-ups. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	run_loop(w);
	if (w->part != LOAD_DRAINING)
		end_window(w, w->now_ns);
	hand_over(w, 0, false);
	load_collector_leave(&shared->collector, w->handed);
	for (size_t i = 0; i < w->n_groups * w->plan->origins.n; i++)
		load_conn_close(w, &w->conns[i]);
	w->cpu_ns = clock_thread_cpu_ns();
	pthread_mutex_lock(&shared->lock);
	shared->running--;
	pthread_cond_signal(&shared->ended);
	pthread_mutex_unlock(&shared->lock);
	return NULL;
}

/*
 * A virtual user: what it requests next, and what came of it. In the closed loop it goes on by
 * itself; in the open loop it does one turn for an arrival and is free again. A turn is one
 * request, or all steps of a scenario.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "load/load_internal.h"

/* A user who failed tries again after 1 ms, then twice that each time, up to 128 ms: a service that
 * comes back is found soon, one that is dead costs next to nothing. */
enum { BACKOFF_STEPS = 7 };

static bool is_open_loop(const struct load_worker *w)
{
	return w->plan->schedule.n > 0;
}

void load_user_retire(struct load_user *u)
{
	u->state = USER_RETIRED;
	u->conn = NULL;
}

void load_user_abandon(struct load_worker *w, struct load_user *u)
{
	w->n_active--;
	w->unfinished++;
	load_user_retire(u);
}

/* One writer each: a plain addition, that others may read. */
static void add_live(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
		memory_order_relaxed);
}

static void wait_until(struct load_worker *w, struct load_user *u, uint64_t at_ns)
{
	u->state = USER_WAITING;
	timer_set(&w->timers, &u->timer, at_ns);
}

static void set_free(struct load_worker *w, struct load_user *u)
{
	if (!w->free.first)
		w->free_since_ns = w->now_ns;
	u->state = USER_FREE;
	u->conn = NULL;
	load_row_push(&w->free, u);
}

/* Takes one of a fixed number of requests. Claimed by the handful, since the count is shared, and
 * one by one towards the end, so that no thread sits on requests that another could send. */
static bool claim(struct load_worker *w)
{
	uint64_t left, take;

	if (!w->plan->requests)
		return true;
	if (!w->budget) {
		left = atomic_load_explicit(&w->shared->requests_left, memory_order_relaxed);
		do {
			take = left / (16 * (uint64_t)w->plan->threads);
			take = take > 64 ? 64 : take ? take : left > 0;
		} while (!atomic_compare_exchange_weak_explicit(&w->shared->requests_left, &left,
			left - take, memory_order_relaxed, memory_order_relaxed));
		w->budget = take;
	}
	w->spent = !w->budget;
	w->budget -= !w->spent;
	return !w->spent;
}

/* ---- what comes next ---- */

static size_t pick_step(struct load_worker *w)
{
	const struct load_scenario *s = w->plan->scenario;

	if (s->n_steps - s->n_start == 1)
		return s->n_start;
	return s->n_start + load_order_next(&w->pick);
}

static void choose_step(struct load_worker *w, struct load_user *u)
{
	const struct load_scenario *s = w->plan->scenario;
	struct load_mind *m = u->mind;

	if (!m) {
		u->step = s->pick_one ? (uint32_t)pick_step(w) : 0;
		return;
	}
	/* A user who logs in stays who they are; else each turn is another's. */
	if (w->plan->data && !m->in_turn && (!s->n_start || !m->at))
		m->row = load_order_next(&w->row);
	m->in_turn = true;
	u->step = (uint32_t)(m->at >= s->n_start && s->pick_one ? pick_step(w) : m->at);
	m->cut = false;
	str_clear(&m->headers);
	str_clear(&m->body);
}

static void begin(struct load_worker *w, struct load_user *u, uint64_t intended_ns)
{
	const struct load_plan *plan = w->plan;

	if (w->part == LOAD_DRAINING || !claim(w)) {
		load_user_retire(u);
		return;
	}
	if (is_open_loop(w)) /* that which opens its connection */
		timer_cancel(&w->timers, &u->timer);
	choose_step(w, u);
	w->tally.started++;
	add_live(&w->started_live);
	w->n_active++;
	u->intended_ns = intended_ns;
	u->sent_ns = w->now_ns;
	u->first_ns = 0;
	if (u->sent_ns + plan->timeout_ns < w->sweep_ns)
		w->sweep_ns = u->sent_ns + plan->timeout_ns;
	load_conn_carry(
		w, &w->conns[u->group * plan->origins.n + load_step_of(w, u)->request.origin], u);
}

void load_user_arrive(struct load_worker *w, struct load_user *u, uint64_t intended_ns)
{
	load_worker_turn(w, w->now_ns);
	begin(w, u, intended_ns);
}

static uint64_t think_ns(struct load_worker *w, const struct load_user *u)
{
	const struct load_think *t = &load_step_of(w, u)->think;

	if (t->max_ns <= t->min_ns)
		return t->min_ns;
	return t->min_ns + rng_below(&w->rng, t->max_ns - t->min_ns + 1);
}

/* Moves to the next step; true where that was the last one of its turn. A turn that failed ends
 * there: the next begins with the first step. */
static bool end_step(struct load_worker *w, struct load_user *u, bool ok)
{
	const struct load_scenario *s = w->plan->scenario;
	struct load_mind *m = u->mind;

	if (!m)
		return true;
	if (!ok) {
		m->at = m->at < s->n_start ? 0 : s->n_start;
		m->in_turn = false;
	} else if (m->at < s->n_start) {
		m->at++;
	} else {
		m->in_turn = !s->pick_one && ++m->at < s->n_steps;
		m->at = m->in_turn ? m->at : s->n_start;
	}
	return !m->in_turn;
}

/* After an answer, or a failure that is to be waited for (backoff_ns). */
static void go_on(struct load_worker *w, struct load_user *u, bool ok, uint64_t backoff_ns)
{
	uint64_t think = think_ns(w, u), wait = think > backoff_ns ? think : backoff_ns;
	bool turn_over = end_step(w, u, ok);

	u->conn = NULL;
	if (turn_over && is_open_loop(w)) {
		set_free(w, u);
	} else if (wait) {
		wait_until(w, u, w->now_ns + wait);
	} else {
		begin(w, u, w->now_ns);
	}
}

static void on_timer(struct timer *t)
{
	struct load_user *u = (struct load_user *)((char *)t - offsetof(struct load_user, timer));
	struct load_worker *w = u->worker;
	struct load_conn *c = &w->conns[u->group * w->plan->origins.n];

	switch ((enum load_user_state)u->state) {
	case USER_BUSY: /* it has waited for 100 Continue long enough */
		load_http1_body(w, u->conn);
		break;
	case USER_FREE: /* open loop: connections are opened before they are needed */
		if (c->state == CONN_CLOSED)
			load_conn_open(w, c);
		break;
	case USER_WAITING:
		load_worker_turn(w, w->now_ns);
		begin(w, u, u->intended_ns ? t->at_ns : w->now_ns);
		break;
	case USER_QUEUED:
	case USER_RETIRED: break;
	}
}

void load_user_open(struct load_worker *w, struct load_user *u, uint64_t at_ns)
{
	u->timer.fire = on_timer;
	if (is_open_loop(w))
		set_free(w, u);
	else
		u->state = USER_WAITING;
	timer_set(&w->timers, &u->timer, at_ns);
}

/* ---- what came of it ---- */

static struct load_target_tally *target_of(struct load_worker *w, const struct load_user *u)
{
	return w->tally.n_targets ? &w->tally.targets[u->step] : NULL;
}

static void count_error(
	struct load_worker *w, struct load_target_tally *target, enum load_error kind)
{
	w->tally.errors[kind]++;
	if (target)
		target->errors[kind]++;
	add_live(&w->errors_live);
}

static void record(
	struct load_worker *w, const struct load_user *u, struct load_target_tally *target)
{
	hist_record(&w->tally.latency, w->now_ns - u->intended_ns);
	hist_record(&w->tally.from_send, w->now_ns - u->sent_ns);
	if (target)
		load_tally_time(target, w->now_ns - u->intended_ns);
}

static bool judge(struct load_worker *w, const struct load_user *u, unsigned status)
{
	const struct load_step *step = load_step_of(w, u);
	const struct load_mind *m = u->mind;
	struct load_answer answer;

	if (!m || (!step->n_checks && !step->n_takes))
		return true;
	answer = (struct load_answer){
		.status = status,
		.headers = str_text(&m->headers),
		.n_headers = m->headers.len,
		.body = str_text(&m->body),
		.n_body = m->body.len,
		.cut = m->cut,
		.latency_ns = w->now_ns - u->sent_ns,
	};
	return load_step_judge(step, &answer, m->taken, w->tally.passed, w->tally.failed);
}

void load_user_finish(struct load_worker *w, struct load_user *u, unsigned status)
{
	struct load_target_tally *target;
	const struct load_step *step = load_step_of(w, u);
	bool right = step->any_status ? load_step_expects(step, status) : status < 400, held;

	load_worker_turn(w, w->now_ns);
	held = judge(w, u, status);
	target = target_of(w, u);
	w->n_active--;
	w->finished++;
	w->last_ns = w->now_ns;
	w->tally.status[status]++;
	u->failures = 0;
	if (right && held) {
		add_live(&w->completed_live);
		w->tally.completed++;
		if (target)
			target->completed++;
		record(w, u, target);
		hist_record(&w->tally.first_byte, u->first_ns - u->sent_ns);
	} else {
		count_error(w, target, right ? LOAD_CHECK : LOAD_STATUS);
	}
	add_live(&w->ended_live);
	go_on(w, u, right && held, 0);
}

void load_user_fail(struct load_worker *w, struct load_user *u, enum load_error kind)
{
	struct load_target_tally *target;
	uint64_t backoff = is_open_loop(w) ? 0 : NS_PER_MS << u->failures;

	load_worker_turn(w, w->now_ns);
	timer_cancel(&w->timers, &u->timer);
	target = target_of(w, u);
	count_error(w, target, kind);
	if (kind == LOAD_TIMEOUT)
		record(w, u, target);
	w->n_active--;
	w->last_ns = w->now_ns;
	u->failures = u->failures < BACKOFF_STEPS ? u->failures + 1 : BACKOFF_STEPS;
	add_live(&w->ended_live);
	go_on(w, u, false, backoff);
}

void load_user_unsent(struct load_worker *w, uint64_t intended_ns)
{
	load_worker_turn(w, w->now_ns);
	w->tally.started++;
	add_live(&w->started_live);
	add_live(&w->ended_live);
	count_error(w, NULL, LOAD_UNSENT);
	hist_record(&w->tally.latency, w->now_ns - intended_ns);
	w->last_ns = w->now_ns;
}

/* ---- what scenarios see of an answer ---- */

static const struct load_origin *origin_of(const struct load_worker *w, const struct load_user *u)
{
	return &w->plan->origins.items[load_step_of(w, u)->request.origin];
}

void load_user_field(void *user, struct http_slice name, struct http_slice value)
{
	struct load_user *u = user;
	struct load_worker *w = u->worker;
	struct load_mind *m = u->mind;

	if (w->plan->scenario->cookies && http_is(name, "set-cookie"))
		cookie_jar_take(&m->jar, value, origin_of(w, u)->host, str_text(&m->path),
			(time_t)(clock_wall_ms() / 1000));
	str_add_bytes(&m->headers, name.p, name.len);
	str_add(&m->headers, ": ");
	str_add_bytes(&m->headers, value.p, value.len);
	str_add_char(&m->headers, '\n');
}

void load_user_body(void *user, const char *p, size_t n)
{
	struct load_user *u = user;
	struct load_mind *m = u->mind;
	size_t room = LOAD_BODY_MAX - m->body.len;

	if (!load_step_of(u->worker, u)->wants_body)
		return;
	m->cut |= n > room;
	str_add_bytes(&m->body, p, n < room ? n : room);
}

struct template_values load_user_values(struct load_worker *w, const struct load_user *u)
{
	struct template_values v = {.data = w->plan->data, .rng = &w->rng};

	if (u->mind) {
		v.row = u->mind->row;
		v.taken = u->mind->taken;
	}
	if (w->plan->names_seq)
		v.seq = atomic_fetch_add_explicit(&w->shared->next_seq, 1, memory_order_relaxed) +
			1;
	return v;
}

const char *load_user_cookies(struct load_worker *w, const struct load_user *u,
	const struct template_values *v, struct str *out)
{
	const struct load_origin *o = origin_of(w, u);
	struct load_mind *m = u->mind;

	if (!m || !w->plan->scenario->cookies)
		return NULL;
	str_clear(&m->path);
	template_render(&load_step_of(w, u)->request.path, v, &m->path);
	str_clear(out);
	return cookie_jar_write(&m->jar, o->host, str_text(&m->path), o->tls,
		       (time_t)(clock_wall_ms() / 1000), out)
		       ? out->p
		       : NULL;
}

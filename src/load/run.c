/* A load from its spec to its result: makes the plan, runs the workers, watches them, adds up. */
#include "load/load_internal.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"

/* When the rule ends the window, all workers must hear of it before its end. */
enum { TICK_MS = 100, NOTICE_NS = 10000000 };

struct load_run {
	struct load_plan plan;
	struct load_shared shared;
	struct load_worker *workers;
	unsigned n_made, n_started; /* workers initialised, threads running */
	uint64_t own_cpu_ns;        /* of the calling thread, at the start */
	struct load_tick last;
	struct load_second second; /* the newest whole one */
	bool has_second;
	struct enough rule;
	bool precise; /* the rule has said so: the window ends */
};

static int make_room(const struct load_plan *plan, struct err *err)
{
	char count[NUM_TEXT], what[64];
	uint64_t connections = plan->groups * plan->origins.n;

	snprintf(what, sizeof(what), "%s connections", num_count((double)connections, count));
	return sock_make_room(connections + 2 * (size_t)plan->threads, what, err);
}

/* How long connections may take to open before the schedule begins, so that its first requests do
 * not compete with that. */
static uint64_t opening_ns(const struct load_plan *plan)
{
	uint64_t each = (plan->tls ? 1000 : 150) * NS_PER_US, all = plan->groups * each;

	all = all / plan->threads + 10 * NS_PER_MS;
	return all < 2 * NS_PER_S ? all : 2 * NS_PER_S;
}

static void set_times(struct load_plan *plan)
{
	const struct load_spec *spec = plan->spec;

	plan->open_ns = plan->start_ns = clock_now_ns();
	if (plan->schedule.n)
		plan->start_ns += opening_ns(plan);
	plan->window_ns = plan->start_ns + (spec->warmup_ns == OPT_AUTO_NS ? 0 : spec->warmup_ns);
	plan->end_ns =
		plan->window_ns + (plan->by_rule ? spec->max_duration_ns : spec->duration_ns);
	if (plan->requests)
		plan->end_ns = UINT64_MAX;
	if (spec->stages)
		plan->end_ns = plan->start_ns + (uint64_t)(plan->schedule.seconds * NS_PER_S);
}

static int make_workers(struct load_run *run, struct err *err)
{
	int rc = 0;

	run->workers = mem_zalloc_line(run->plan.threads, sizeof(*run->workers));
	while (!rc && run->n_made < run->plan.threads) {
		rc = load_worker_init(
			&run->workers[run->n_made], &run->plan, &run->shared, run->n_made, err);
		run->n_made++;
	}
	return rc;
}

static void stop_workers(struct load_run *run, uint64_t at_ns)
{
	atomic_store(&run->shared.end_ns, at_ns);
	for (unsigned i = 0; i < run->n_started; i++)
		load_worker_wake(&run->workers[i]);
}

/* Signals are for the thread that called, which knows what to do with them. */
static int start_threads(struct load_run *run, struct err *err)
{
	sigset_t all, before;
	int error = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	run->shared.running = run->n_made;
	while (!error && run->n_started < run->n_made) {
		struct load_worker *w = &run->workers[run->n_started];

		error = pthread_create(&w->thread, NULL, load_worker_main, w);
		run->n_started += !error;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!error)
		return 0;
	stop_workers(run, clock_now_ns());
	return err_errno(err, ERR_SYSTEM, error, "cannot start %u threads; ask for fewer with -t",
		run->n_made);
}

static void count_live(const struct load_run *run, struct load_tick *tick)
{
	uint64_t ended = 0;

	for (unsigned i = 0; i < run->n_started; i++) {
		const struct load_worker *w = &run->workers[i];

		tick->started += atomic_load_explicit(&w->started_live, memory_order_relaxed);
		tick->completed += atomic_load_explicit(&w->completed_live, memory_order_relaxed);
		tick->errors += atomic_load_explicit(&w->errors_live, memory_order_relaxed);
		ended += atomic_load_explicit(&w->ended_live, memory_order_relaxed);
	}
	tick->under_way = tick->started > ended ? tick->started - ended : 0;
}

static void tell(struct load_run *run, const struct load_hooks *hooks)
{
	const struct load_plan *plan = &run->plan;
	const struct load_schedule *schedule = &plan->schedule;
	uint64_t now = clock_now_ns() > plan->start_ns ? clock_now_ns() : plan->start_ns;
	struct load_tick tick = {
		.elapsed_s = (double)(now - plan->start_ns) / NS_PER_S,
		.total_s =
			plan->requests ? NAN : (double)(plan->end_ns - plan->start_ns) / NS_PER_S,
		.warming = now < plan->window_ns,
		.requests_wanted = plan->requests,
		.asked_rate = NAN,
		.n_stages = plan->spec->stages ? schedule->n : 0,
		.last = run->has_second ? &run->second : NULL,
	};

	count_live(run, &tick);
	if (schedule->n) {
		tick.asked_rate = load_schedule_rate(schedule, tick.elapsed_s);
		tick.stage = load_schedule_stage(schedule, tick.elapsed_s);
	}
	if (tick.elapsed_s > run->last.elapsed_s)
		tick.rate = (double)(tick.completed - run->last.completed) /
			    (tick.elapsed_s - run->last.elapsed_s);
	run->last = tick;
	hooks->tick(hooks->arg, &tick);
}

/* Hands on the seconds that are whole by now. */
static void tell_seconds(struct load_run *run, const struct load_hooks *hooks)
{
	struct load_closed_second *s;

	while ((s = load_collector_take(&run->shared.collector))) {
		run->second = s->second;
		run->has_second = true;
		if (hooks->second)
			hooks->second(hooks->arg, &s->second, &s->latency);
		load_closed_second_free(s);
	}
}

/* Asks the rule about each slice that is new; where that is enough, the window ends. */
static void ask_rule(struct load_run *run)
{
	struct load_slice *slices;
	struct load_series series;
	size_t n;

	if (!run->plan.by_rule || run->precise)
		return;
	slices = load_collector_slices(&run->shared.collector, &n);
	load_series_init(&series, &run->plan, slices, n);
	while (!run->precise && run->rule.n < n) {
		series.slices.n = run->rule.n + 1;
		run->precise = enough_judge(&run->rule, &series.slices);
	}
	if (run->precise)
		stop_workers(run, clock_now_ns() + NOTICE_NS);
	load_series_release(&series);
	free(slices);
}

/* Waits until the workers are through, telling how it goes. True when somebody stopped it. */
static bool watch(struct load_run *run, const struct load_hooks *hooks)
{
	uint64_t due = clock_now_ns();
	bool stopped = false, running = true;

	while (running) {
		struct timespec until;

		due += TICK_MS * NS_PER_MS;
		until = (struct timespec){(time_t)(due / NS_PER_S), (long)(due % NS_PER_S)};
		pthread_mutex_lock(&run->shared.lock);
		while (run->shared.running &&
			!pthread_cond_timedwait(&run->shared.ended, &run->shared.lock, &until))
			;
		running = run->shared.running > 0;
		pthread_mutex_unlock(&run->shared.lock);
		if (hooks)
			tell_seconds(run, hooks);
		if (hooks && hooks->tick)
			tell(run, hooks);
		if (running && !stopped && hooks && hooks->stop && atomic_load(hooks->stop)) {
			stopped = true;
			stop_workers(run, clock_now_ns());
		}
		if (running && !stopped)
			ask_rule(run);
	}
	return stopped;
}

/* Its true length: until the end that was planned, or asked for, or with a fixed number the last
 * answer or error. */
static double window_seconds(const struct load_run *run)
{
	uint64_t end = run->plan.end_ns, last = 0;

	if (atomic_load(&run->shared.end_ns) < end)
		end = atomic_load(&run->shared.end_ns);
	for (unsigned i = 0; i < run->n_made; i++)
		last = run->workers[i].last_ns > last ? run->workers[i].last_ns : last;
	if (run->plan.requests && last < end)
		end = last;
	return end > run->plan.window_ns ? (double)(end - run->plan.window_ns) / NS_PER_S : 0;
}

static void add_up(struct load_run *run, bool stopped, struct load_result *out)
{
	out->stopped = stopped;
	out->ended = stopped             ? LOAD_ENDED_STOPPED
		     : run->precise      ? LOAD_ENDED_PRECISE
		     : run->plan.by_rule ? LOAD_ENDED_LONGEST
					 : LOAD_ENDED_ASKED;
	out->seconds = window_seconds(run);
	load_result_build(
		out, &run->plan, &run->shared.collector, &run->rule, run->workers, run->n_made);
	out->cpu_seconds += (double)(clock_thread_cpu_ns() - run->own_cpu_ns) / NS_PER_S;
}

static void shared_init(struct load_shared *s, const struct load_plan *plan, bool hand_on)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->ended, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&s->lock, NULL);
	atomic_init(&s->requests_left, plan->requests);
	atomic_init(&s->end_ns, UINT64_MAX);
	load_collector_init(&s->collector, plan, hand_on);
}

static void shared_release(struct load_shared *s)
{
	load_collector_release(&s->collector);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->ended);
}

static int run_plan(struct load_run *run, const struct load_hooks *hooks, struct load_result *out,
	struct err *err)
{
	bool stopped = false;
	int rc = make_room(&run->plan, err);

	if (rc)
		return rc;
	shared_init(&run->shared, &run->plan, hooks != NULL);
	set_times(&run->plan);
	load_rule_init(&run->rule, &run->plan);
	rc = make_workers(run, err);
	if (!rc)
		rc = start_threads(run, err);
	if (!rc)
		stopped = watch(run, hooks);
	for (unsigned i = 0; i < run->n_started; i++)
		pthread_join(run->workers[i].thread, NULL);
	if (!rc && hooks)
		tell_seconds(run, hooks);
	if (!rc)
		add_up(run, stopped, out);
	for (unsigned i = 0; i < run->n_made; i++)
		load_worker_release(&run->workers[i]);
	free(run->workers);
	shared_release(&run->shared);
	return rc;
}

/* What preparing added to a copy of a spec that its owner had not prepared. */
static void release_copy(struct load_spec *copy, const struct load_spec *given)
{
	struct opt_list *own[] = {&copy->targets, &copy->headers, &copy->form, &copy->sources};
	const struct opt_list *theirs[] = {
		&given->targets, &given->headers, &given->form, &given->sources};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (own[i]->items == theirs[i]->items)
			*own[i] = (struct opt_list){0};
	if (copy->file == given->file)
		copy->file = NULL;
	load_spec_release(copy);
}

int load_run(const struct load_spec *spec, const struct load_hooks *hooks, struct load_result *out,
	struct err *err)
{
	struct load_run run = {.own_cpu_ns = clock_thread_cpu_ns()};
	struct load_spec prepared = *spec;
	int rc;

	*out = (struct load_result){0};
	hist_init(&out->latency);
	hist_init(&out->from_send);
	hist_init(&out->first_byte);
	hist_init(&out->connect);
	hist_init(&out->tls);
	hist_init(&out->late);
	rc = load_spec_prepare(&prepared, err);
	if (!rc)
		rc = load_plan_init(&run.plan, &prepared, err);
	if (!rc)
		rc = run_plan(&run, hooks, out, err);
	if (run.plan.spec)
		load_plan_release(&run.plan);
	release_copy(&prepared, spec);
	if (rc)
		load_result_release(out);
	return rc;
}

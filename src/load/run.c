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

enum { TICK_MS = 100 };

struct load_run {
	struct load_plan plan;
	struct load_shared shared;
	struct load_worker *workers;
	unsigned n_made, n_started; /* workers initialised, threads running */
	uint64_t own_cpu_ns;        /* of the calling thread, at the start */
};

static int make_room(const struct load_plan *plan, struct err *err)
{
	char count[NUM_TEXT], what[64];

	snprintf(what, sizeof(what), "%s connections", num_count((double)plan->connections, count));
	return sock_make_room(plan->connections + 2 * (size_t)plan->threads, what, err);
}

static void set_times(struct load_plan *plan, const struct load_spec *spec)
{
	plan->start_ns = clock_now_ns();
	plan->window_ns = plan->start_ns + (spec->warmup_ns == OPT_AUTO_NS ? 0 : spec->warmup_ns);
	plan->end_ns = plan->requests ? UINT64_MAX : plan->window_ns + spec->duration_ns;
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

static void stop_workers(struct load_run *run)
{
	atomic_store(&run->shared.end_ns, clock_now_ns());
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
	stop_workers(run);
	return err_errno(err, ERR_SYSTEM, error, "cannot start %u threads; ask for fewer with -t",
		run->n_made);
}

static void tell(struct load_run *run, const struct load_hooks *hooks, struct load_tick *last)
{
	const struct load_plan *plan = &run->plan;
	uint64_t now = clock_now_ns();
	struct load_tick tick = {
		.elapsed_s = (double)(now - plan->start_ns) / NS_PER_S,
		.total_s =
			plan->requests ? NAN : (double)(plan->end_ns - plan->start_ns) / NS_PER_S,
		.warming = now < plan->window_ns,
		.requests_wanted = plan->requests,
	};

	for (unsigned i = 0; i < run->n_started; i++) {
		const struct load_worker *w = &run->workers[i];

		tick.completed += atomic_load_explicit(&w->completed_live, memory_order_relaxed);
		tick.errors += atomic_load_explicit(&w->errors_live, memory_order_relaxed);
	}
	if (tick.elapsed_s > last->elapsed_s)
		tick.rate = (double)(tick.completed - last->completed) /
			    (tick.elapsed_s - last->elapsed_s);
	*last = tick;
	hooks->tick(hooks->arg, &tick);
}

/* Waits until the workers are through, telling how it goes. True when somebody stopped it. */
static bool watch(struct load_run *run, const struct load_hooks *hooks)
{
	struct load_tick last = {0};
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
		if (hooks && hooks->tick)
			tell(run, hooks, &last);
		if (running && !stopped && hooks && hooks->stop && atomic_load(hooks->stop)) {
			stopped = true;
			stop_workers(run);
		}
	}
	return stopped;
}

static void add_counts(struct load_result *out, const struct load_counts *c, bool in_window)
{
	for (size_t i = 0; i < LOAD_N_ERRORS; i++) {
		out->errors_all[i] += c->errors[i];
		out->errors[i] += in_window ? c->errors[i] : 0;
		out->n_errors += in_window ? c->errors[i] : 0;
	}
	for (size_t i = 0; i < 600; i++) {
		out->status_all[i] += c->status[i];
		out->status[i] += in_window ? c->status[i] : 0;
	}
}

static void add_worker(struct load_result *out, const struct load_worker *w)
{
	out->started += w->started;
	out->finished += w->finished;
	out->unfinished += w->unfinished;
	out->connects += w->connects;
	out->bytes_in += w->bytes_in;
	out->bytes_out += w->bytes_out;
	out->cpu_seconds += (double)w->cpu_ns / NS_PER_S;
	hist_merge(&out->connect, &w->connect);
	for (int phase = 0; phase < LOAD_PHASES; phase++)
		add_counts(out, &w->counts[phase], phase == LOAD_MEASURING);
}

/* Its true length: until the end that was planned, or asked for, or with a fixed number the last
 * answer or error. */
static double window_seconds(const struct load_run *run, bool stopped)
{
	uint64_t end = run->plan.end_ns, last = 0;

	if (stopped && atomic_load(&run->shared.end_ns) < end)
		end = atomic_load(&run->shared.end_ns);
	for (unsigned i = 0; i < run->n_made; i++)
		last = run->workers[i].last_ns > last ? run->workers[i].last_ns : last;
	if (run->plan.requests && last < end)
		end = last;
	return end > run->plan.window_ns ? (double)(end - run->plan.window_ns) / NS_PER_S : 0;
}

static void add_up(struct load_run *run, bool stopped, struct load_result *out)
{
	struct load_collector *c = &run->shared.collector;

	out->stopped = stopped;
	out->threads = run->n_made;
	out->seconds = window_seconds(run, stopped);
	for (unsigned i = 0; i < run->n_made; i++) {
		const struct load_worker *w = &run->workers[i];
		double busy = (double)w->window_cpu_ns / NS_PER_S / out->seconds;

		add_worker(out, w);
		if (out->seconds > 0 && busy > out->busiest_core)
			out->busiest_core = busy;
	}
	out->cpu_seconds += (double)(clock_thread_cpu_ns() - run->own_cpu_ns) / NS_PER_S;
	hist_merge(&out->latency, &c->total);
	out->completed = out->latency.n;
	out->requests_per_second = out->seconds > 0 ? (double)out->completed / out->seconds : 0;
	out->series = c->series;
	out->n_series = c->n_series;
	c->series = NULL;
}

static void shared_init(struct load_shared *s, const struct load_plan *plan)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->ended, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&s->lock, NULL);
	atomic_init(&s->requests_left, plan->requests);
	atomic_init(&s->end_ns, UINT64_MAX);
	load_collector_init(&s->collector, plan->threads);
}

static void shared_release(struct load_shared *s)
{
	load_collector_release(&s->collector);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->ended);
}

int load_run(const struct load_spec *spec, const struct load_hooks *hooks, struct load_result *out,
	struct err *err)
{
	struct load_run run = {.own_cpu_ns = clock_thread_cpu_ns()};
	bool stopped = false;
	int rc;

	*out = (struct load_result){0};
	hist_init(&out->latency);
	hist_init(&out->connect);
	rc = load_plan_init(&run.plan, spec, err);
	shared_init(&run.shared, &run.plan);
	if (!rc)
		rc = make_room(&run.plan, err);
	if (rc)
		goto out;
	set_times(&run.plan, spec);
	rc = make_workers(&run, err);
	if (!rc)
		rc = start_threads(&run, err);
	if (!rc)
		stopped = watch(&run, hooks);
	for (unsigned i = 0; i < run.n_started; i++)
		pthread_join(run.workers[i].thread, NULL);
	if (!rc)
		add_up(&run, stopped, out);
out:
	for (unsigned i = 0; i < run.n_made; i++)
		load_worker_release(&run.workers[i]);
	free(run.workers);
	shared_release(&run.shared);
	load_plan_release(&run.plan);
	if (rc)
		load_result_release(out);
	return rc;
}

void load_result_release(struct load_result *r)
{
	hist_release(&r->latency);
	hist_release(&r->connect);
	free(r->series);
	r->series = NULL;
	r->n_series = 0;
}

double load_error_fraction(const struct load_result *r)
{
	uint64_t all = r->completed + r->n_errors;

	return all ? (double)r->n_errors / (double)all : 0;
}

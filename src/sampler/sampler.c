/* The sampler's thread and its clockwork, and the calls. */
#include "sampler/sampler.h"

#include <errno.h>
#include <math.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/tree.h"
#include "sampler/sampler_internal.h"

/* How long a process that is asked for may take until it can be read. */
#define PATIENCE_NS (2 * NS_PER_S)
/* Not longer without a look at whether it is to stop. */
#define NAP_NS (20 * NS_PER_MS)
/* New processes are looked for at most so often. */
#define FAMILY_NS (1 * NS_PER_MS)
/* Half of a core is kept to over windows of this length, looked at so often. */
#define HALF_WINDOW_NS (200 * NS_PER_MS)
#define HALF_CHECK_NS  (2 * NS_PER_MS)
#define OWN_EVERY_NS   (500 * NS_PER_MS)

enum { NICE = -10 };

/* ---- the clockwork ---- */

/* clock_nanosleep() is the cheapest wait there is (13 µs a wake on a virtual machine, of which the
 * idle core's wake is most; a semaphore's and timerfd's cost the same or more). */
static void sleep_until(struct sampler *s, uint64_t at)
{
	for (;;) {
		uint64_t now = clock_now_ns(), nap = now + NAP_NS;
		uint64_t until = at < nap ? at : nap;
		struct timespec t = {(time_t)(until / NS_PER_S), (long)(until % NS_PER_S)};

		if (now >= at || atomic_load_explicit(&s->stop, memory_order_relaxed))
			return;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	}
}

/* A moment of the next tick that is not over yet; those that are count as late. */
static void wait_tick(struct sampler *s)
{
	uint64_t now = clock_now_ns(), tick = (now - s->start_ns) / s->period_ns, at;

	if (tick > s->tick) {
		s->profile->about.late += tick - s->tick - 1;
		s->state.late += tick - s->tick - 1;
	} else {
		tick = s->tick + 1;
	}
	s->tick = tick;
	at = s->start_ns + tick * s->period_ns +
	     (uint64_t)(rng_uniform(&s->rng) * (double)s->period_ns);
	pthread_mutex_unlock(&s->lock);
	sleep_until(s, at);
	pthread_mutex_lock(&s->lock);
}

/* Sleeps for as long as it needs to have used half of a core. */
static void keep_to_half(struct sampler *s)
{
	uint64_t now = clock_now_ns(), cpu;

	if (now - s->half_check_ns < HALF_CHECK_NS)
		return;
	s->half_check_ns = now;
	cpu = clock_thread_cpu_ns();
	if (cpu - s->half_cpu_ns > (now - s->half_wall_ns) / 2) {
		pthread_mutex_unlock(&s->lock);
		sleep_until(s, s->half_wall_ns + 2 * (cpu - s->half_cpu_ns));
		pthread_mutex_lock(&s->lock);
	}
	if (now - s->half_wall_ns > HALF_WINDOW_NS) {
		s->half_wall_ns = now;
		s->half_cpu_ns = cpu;
	}
	if (now - s->own_wall_ns > OWN_EVERY_NS) {
		s->state.own_cpu = (double)(cpu - s->own_cpu_ns) / (double)(now - s->own_wall_ns);
		s->own_wall_ns = now;
		s->own_cpu_ns = cpu;
	}
}

/* ---- a look ---- */

static void look(struct sampler *s)
{
	struct sampler_state *state = &s->state;

	state->processes = state->threads = state->threads_running = state->gil_held = 0;
	s->profile->about.sweeps++;
	for (size_t i = 0; i < s->family.n; i++) {
		struct subject *j = s->family.items[i];

		if (!subject_is_seen(j))
			continue;
		if (j->native)
			look_native(s, j, clock_now_ns());
		else
			look_python(s, j, clock_now_ns());
		state->processes++;
		state->threads += j->n_threads;
		state->threads_running += j->running;
		state->gil_held += j->gil_held;
	}
}

/* ---- the beginning ---- */

static bool any_seen(const struct sampler *s)
{
	for (size_t i = 0; i < s->family.n; i++)
		if (subject_is_seen(s->family.items[i]))
			return true;
	return false;
}

static bool any_open(const struct sampler *s)
{
	for (size_t i = 0; i < s->family.n; i++)
		if (s->family.items[i]->kind == SUBJECT_NEW)
			return true;
	return false;
}

static int nothing_to_read(struct sampler *s, struct err *err)
{
	const struct subject *root = family_find(&s->family, s->spec.pid);
	int pid = (int)s->spec.pid, rc = subject_explain(s->spec.pid, err);

	if (rc)
		return rc;
	if (!root) /* it ended, and another one came */
		return err_set(err, ERR_SERVICE, "process %d has ended", pid);
	if (root->kind == SUBJECT_OTHER)
		return err_set(err, ERR_INPUT, "%s%s", root->err.text,
			s->family.n > 1 ? ", and nothing below it is Python" : "");
	if (root->kind == SUBJECT_NEW)
		return err_set(err, ERR_INPUT,
			"pid %d: its Python was not ready within %d s; try again when it is", pid,
			(int)(PATIENCE_NS / NS_PER_S));
	return err_set(err, ERR_SYSTEM, "%s", root->err.text);
}

/* The processes that are there, with patience for those that start. */
static int begin(struct sampler *s, struct err *err)
{
	uint64_t until = clock_now_ns() + PATIENCE_NS;

	family_update(s, clock_now_ns());
	if (s->spec.wait || s->spec.below_only)
		return 0;
	while (any_open(s) && !any_seen(s) && clock_now_ns() < until) {
		clock_sleep_ns(NS_PER_MS);
		family_update(s, clock_now_ns());
	}
	return any_seen(s) ? 0 : nothing_to_read(s, err);
}

static void set_out(struct sampler *s)
{
	uint64_t now = clock_now_ns();

	s->start_ns = s->profile_ns = now;
	s->half_wall_ns = s->half_check_ns = s->own_wall_ns = now;
	s->half_cpu_ns = s->own_cpu_ns = clock_thread_cpu_ns();
}

struct starting {
	struct sampler *sampler;
	sem_t done;
	struct err err;
	int rc;
};

static void *work(void *arg)
{
	struct starting *starting = arg;
	struct sampler *s = starting->sampler;
	uint64_t family_ns = 0;
	bool failed;

	prctl(PR_SET_TIMERSLACK, 1);
	prctl(PR_SET_NAME, "sampler");
	/* in time on a busy machine too, where that is allowed */
	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	pthread_mutex_lock(&s->lock);
	starting->rc = begin(s, &starting->err);
	failed = starting->rc != 0;
	set_out(s);
	sem_post(&starting->done); /* it is gone after this */
	while (!failed && !atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		uint64_t now;

		wait_tick(s);
		now = clock_now_ns();
		if (now - family_ns >= FAMILY_NS) {
			family_update(s, now);
			family_ns = now;
		}
		look(s);
		keep_to_half(s);
	}
	s->profile->about.own_cpu_s = (double)(clock_thread_cpu_ns() - s->profile_cpu_ns) / 1e9;
	family_release(s); /* in this thread: ptrace is bound to it */
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* ---- the calls ---- */

static struct profile *fresh_profile(const struct sampler *s)
{
	struct profile *p = profile_new();

	p->about.rate_hz = s->spec.rate_hz;
	p->about.native = s->spec.native;
	p->about.paused = s->spec.pause || s->spec.native;
	return p;
}

static void sampler_free(struct sampler *s)
{
	profile_free(s->profile);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static int start_thread(struct sampler *s, struct starting *starting)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all); /* signals are the program's affair */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&s->thread, NULL, work, starting);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

int sampler_start(struct sampler **out, const struct sampler_spec *spec, struct err *err)
{
	struct starting starting = {0};
	struct sampler *s;
	int rc;

	*out = NULL;
	if (!(spec->rate_hz >= 1 && spec->rate_hz <= 20000))
		return err_set(err, ERR_USAGE, "the rate must be from 1 to 20,000 looks a second");
	if (spec->pid <= 0)
		return err_set(err, ERR_USAGE, "there is no process %d", (int)spec->pid);
	s = mem_zalloc(1, sizeof(*s));
	s->spec = *spec;
	s->period_ns = (uint64_t)llround(1e9 / spec->rate_hz);
	s->epoch = 1;
	s->profile = fresh_profile(s);
	rng_seed(&s->rng, (uint64_t)spec->pid, 0);
	pthread_mutex_init(&s->lock, NULL);
	family_init(&s->family, spec);
	starting.sampler = s;
	sem_init(&starting.done, 0, 0);
	rc = start_thread(s, &starting);
	if (rc) {
		sampler_free(s);
		return err_errno(err, ERR_SYSTEM, rc, "cannot start a thread");
	}
	while (sem_wait(&starting.done) && errno == EINTR)
		;
	sem_destroy(&starting.done);
	if (starting.rc) {
		pthread_join(s->thread, NULL);
		sampler_free(s);
		if (err)
			*err = starting.err;
		return starting.rc;
	}
	*out = s;
	return 0;
}

void sampler_look(struct sampler *s, struct sampler_state *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->state;
	pthread_mutex_unlock(&s->lock);
}

/* "CPython 3.11.7 and 3.12.1" */
static void add_versions(const struct sampler *s, struct profile *p)
{
	struct str text = STR_INIT;

	for (size_t i = 0; i < s->n_versions; i++)
		str_addf(&text, "%s%s",
			i == 0                  ? "CPython "
			: i + 1 < s->n_versions ? ", "
						: " and ",
			s->versions[i]);
	snprintf(p->about.python, sizeof(p->about.python), "%s", str_text(&text));
	str_release(&text);
}

static struct profile *hand_over(struct sampler *s)
{
	struct profile *p = s->profile;

	p->about.duration_s = (double)(clock_now_ns() - s->profile_ns) / 1e9;
	add_versions(s, p);
	return p;
}

struct profile *sampler_take(struct sampler *s)
{
	struct profile *p;
	uint64_t cpu = 0;
	clockid_t clock;

	pthread_mutex_lock(&s->lock);
	if (!pthread_getcpuclockid(s->thread, &clock))
		cpu = clock_read_ns(clock);
	p = hand_over(s);
	p->about.own_cpu_s = (double)(cpu - s->profile_cpu_ns) / 1e9;
	s->profile_cpu_ns = cpu;
	s->profile = fresh_profile(s);
	s->profile_ns = clock_now_ns();
	s->epoch++;
	pthread_mutex_unlock(&s->lock);
	return p;
}

int sampler_stop(struct sampler *s, struct profile **out, struct str *why, struct err *err)
{
	int rc;

	atomic_store(&s->stop, true);
	rc = pthread_join(s->thread, NULL);
	*out = hand_over(s);
	s->profile = NULL;
	if (why)
		subject_say_unread(s, why);
	sampler_free(s);
	return rc ? err_errno(err, ERR_SYSTEM, rc, "the sampler's thread") : 0;
}
